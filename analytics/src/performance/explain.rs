//! Profit and loss of an option, split by its Greeks, and what they leave unexplained.

use crate::error::Error;
use crate::option::Greeks;
use crate::risk::finite;

/// What changed from one close to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changes {
    /// Of the underlying's price, in money per share.
    pub spot: f64,
    /// Of the implied volatility: `0.01` is one point up.
    pub volatility: f64,
    /// Of the risk-free rate: `0.0025` is 25 basis points up.
    pub rate: f64,
    /// Calendar days that passed.
    pub days: f64,
}

/// Money by cause. The parts and `unexplained` add up to the profit that was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Explained {
    pub delta: f64,
    pub gamma: f64,
    pub theta: f64,
    pub vega: f64,
    pub rho: f64,
    /// What the second-order expansion leaves: higher and mixed terms, trades at other
    /// prices than the close, quotes that no model gives.
    pub unexplained: f64,
}

impl Explained {
    /// What the Greeks account for.
    #[must_use]
    pub fn by_greeks(&self) -> f64 {
        self.delta + self.gamma + self.theta + self.vega + self.rho
    }
}

/// Splits `pnl` by the Greeks at the close before:
/// Δ dS + ½ Γ dS² + Θ days + vega dσ / 0.01 + ρ dr / 0.01, and the rest.
///
/// `greeks` are those of the position, signed quantity and multiplier included
/// ([`Greeks::of_position`]); a sum over positions on one underlying will do as well.
///
/// Source: Hull (2018), Options, Futures, and Other Derivatives, 10th ed., chapter 19.
///
/// # Errors
/// [`Error::NotFinite`], or [`Error::OutOfRange`] for days below zero.
pub fn explain(greeks: &Greeks, changes: &Changes, pnl: f64) -> Result<Explained, Error> {
    let Changes { spot, volatility, rate, days } = *changes;
    if days < 0.0 {
        return Err(Error::OutOfRange("days"));
    }
    let mut explained = Explained {
        delta: finite(greeks.delta * spot)?,
        gamma: finite(greeks.gamma * spot * spot / 2.0)?,
        theta: finite(greeks.theta * days)?,
        vega: finite(greeks.vega * (volatility / POINT))?,
        rho: finite(greeks.rho * (rate / POINT))?,
        unexplained: 0.0,
    };
    explained.unexplained = finite(pnl - explained.by_greeks())?;
    Ok(explained)
}

/// One percentage point, of volatility for vega and of rate for rho.
const POINT: f64 = 0.01;
