//! European options: value and Greeks by Black–Scholes–Merton, with a continuous dividend
//! yield.
//!
//! Everything is of one long option, per share of its underlying: the caller multiplies by
//! signed quantity and multiplier. Spot and strike are positive, volatility and time zero or
//! more, all of them finite; then every result is finite, also at expiry, without volatility
//! and far from the money. [`value_and_greeks`] refuses other inputs; the plain formulas, for
//! who knows them to be in range, then give `NaN` or infinities, never a panic.
//!
//! Source: Black & Scholes (1973), J. Political Economy 81(3); Merton (1973), Bell J.
//! Economics 4(1); the derivatives as in Haug (2007), The Complete Guide to Option Pricing
//! Formulas, 2nd ed., chapter 2.

use crate::Error;
use crate::normal::{DENSITY_AT_ZERO, cdf};

pub mod bulk;

/// Calendar days a year, of time to expiry and of theta.
pub const DAYS_PER_YEAR: f64 = 365.0;

/// One percentage point, of volatility for vega and of rate for rho.
pub(crate) const POINT: f64 = 0.01;

/// Which right the holder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Kind {
    /// To buy at the strike.
    Call,
    /// To sell at the strike.
    Put,
}

impl Kind {
    /// +1 for a call and −1 for a put: both are then one formula.
    pub(crate) fn sign(self) -> f64 {
        match self {
            Kind::Call => 1.0,
            Kind::Put => -1.0,
        }
    }
}

/// What the option promises.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Contract {
    pub kind: Kind,
    /// Money per share, positive.
    pub strike: f64,
    /// Time to expiry in years of 365 days; zero is the moment of expiry.
    pub years: f64,
}

/// What the world looks like on the day of pricing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Market {
    /// Price of one share of the underlying, positive.
    pub spot: f64,
    /// Risk-free rate per year, continuously compounded: 5 % is `0.05`.
    pub rate: f64,
    /// Dividend yield per year, continuously compounded.
    pub dividend_yield: f64,
    /// Annualized, of the underlying's log returns: 20 % is `0.20`.
    pub volatility: f64,
}

/// Sensitivities of one long option, per share of its underlying.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Greeks {
    /// Change in value per 1.00 of spot.
    pub delta: f64,
    /// Change in delta per 1.00 of spot.
    pub gamma: f64,
    /// Change in value per calendar day, 365 a year; below zero is decay. Zero at expiry.
    pub theta: f64,
    /// Change in value per volatility point (0.01).
    pub vega: f64,
    /// Change in value per 1 % of rate (0.01).
    pub rho: f64,
}

impl Greeks {
    /// The same sensitivities of a position: `units` is signed quantity times multiplier.
    #[must_use]
    pub fn of_position(self, units: f64) -> Self {
        Self {
            delta: self.delta * units,
            gamma: self.gamma * units,
            theta: self.theta * units,
            vega: self.vega * units,
            rho: self.rho * units,
        }
    }
}

impl std::iter::Sum for Greeks {
    /// The Greeks of a book from those of its positions.
    fn sum<I: Iterator<Item = Self>>(positions: I) -> Self {
        positions.fold(Self::default(), |book, position| Self {
            delta: book.delta + position.delta,
            gamma: book.gamma + position.gamma,
            theta: book.theta + position.theta,
            vega: book.vega + position.vega,
            rho: book.rho + position.rho,
        })
    }
}

/// How the Greeks themselves move, per share. Plain derivatives: per 1.00 of volatility and
/// per year, not per point and day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HigherOrderGreeks {
    /// Change in delta per 1.00 of volatility.
    pub vanna: f64,
    /// Second derivative of value in volatility.
    pub volga: f64,
    /// Change in delta per year that passes. Zero at expiry.
    pub charm: f64,
}

/// Value of one long option in money per share, zero or more.
///
/// At expiry it is the intrinsic value; without volatility, that of the forward, discounted.
#[must_use]
pub fn value(contract: &Contract, market: &Market) -> f64 {
    let Terms { sign, spot, strike, d1, d2, .. } = Terms::new(contract, market);

    let value = sign * (spot * cdf(sign * d1) - strike * cdf(sign * d2));
    // Far out of the money two tiny terms may differ by a rounding error below zero. Not
    // `max`, which would make a zero of NaN.
    if value < 0.0 { 0.0 } else { value }
}

/// Greeks of one long option, per share.
///
/// Without time or volatility they are those of the discounted forward, exercised or not:
/// gamma and vega are zero, delta is all or nothing, and half exactly at the money, where it
/// has no limit.
#[must_use]
pub fn greeks(contract: &Contract, market: &Market) -> Greeks {
    let Terms { sign, spot, strike, d1, d2, density, deviation } = Terms::new(contract, market);
    let years = contract.years;
    let spot_share = sign * spot * cdf(sign * d1);
    let strike_share = sign * strike * cdf(sign * d2);

    let (gamma, decay) = if density > 0.0 {
        (
            spot * density / (market.spot * market.spot * deviation),
            spot * density * market.volatility / (2.0 * years.sqrt()),
        )
    } else {
        (0.0, 0.0)
    };
    let carry = market.dividend_yield * spot_share - market.rate * strike_share;
    Greeks {
        delta: spot_share / market.spot,
        gamma,
        theta: if years > 0.0 { (carry - decay) / DAYS_PER_YEAR } else { 0.0 },
        vega: spot * density * years.sqrt() * POINT,
        rho: years * strike_share * POINT,
    }
}

/// Value and Greeks of one long option, per share, for inputs that may be anything.
///
/// # Errors
/// `NotFinite` for an input that is not a finite number, or a figure that would be none;
/// `OutOfRange` for a spot or strike that is not above zero, or a time or volatility below it.
pub fn value_and_greeks(contract: &Contract, market: &Market) -> Result<(f64, Greeks), Error> {
    let &Contract { strike, years, .. } = contract;
    let &Market { spot, rate, dividend_yield, volatility } = market;
    if ![strike, years, spot, rate, dividend_yield, volatility].into_iter().all(f64::is_finite) {
        return Err(Error::NotFinite);
    }
    for (name, is_in_range) in [
        ("strike", strike > 0.0),
        ("years", years >= 0.0),
        ("spot", spot > 0.0),
        ("volatility", volatility >= 0.0),
    ] {
        if !is_in_range {
            return Err(Error::OutOfRange(name));
        }
    }
    let (value, greeks) = (value(contract, market), greeks(contract, market));
    let Greeks { delta, gamma, theta, vega, rho } = greeks;
    let finite = [value, delta, gamma, theta, vega, rho].into_iter().all(f64::is_finite);
    if finite { Ok((value, greeks)) } else { Err(Error::NotFinite) }
}

/// Vanna, volga and charm of one long option, per share; zero without time or volatility,
/// but for the part of charm that the dividend yield makes.
#[must_use]
pub fn higher_order(contract: &Contract, market: &Market) -> HigherOrderGreeks {
    let Terms { sign, spot, d1, d2, density, deviation, .. } = Terms::new(contract, market);
    let Contract { years, .. } = *contract;
    let Market { rate, dividend_yield, volatility, .. } = *market;
    if years <= 0.0 {
        return HigherOrderGreeks::default();
    }
    let discount = spot / market.spot;
    let yielded = sign * dividend_yield * discount * cdf(sign * d1);
    if density <= 0.0 {
        return HigherOrderGreeks { charm: yielded, ..HigherOrderGreeks::default() };
    }

    let drift = 2.0 * (rate - dividend_yield) * years - d2 * deviation;
    HigherOrderGreeks {
        vanna: -discount * density * d2 / volatility,
        volga: spot * density * years.sqrt() * d1 * d2 / volatility,
        charm: yielded - discount * density * drift / (2.0 * years * deviation),
    }
}

/// The terms that value and Greeks have in common.
struct Terms {
    /// +1 for a call, −1 for a put.
    sign: f64,
    /// Spot less the dividends until expiry.
    spot: f64,
    /// Strike discounted from expiry.
    strike: f64,
    d1: f64,
    d2: f64,
    /// Standard normal density at `d1`; zero where there is neither time nor volatility.
    density: f64,
    /// Standard deviation of the log return until expiry.
    deviation: f64,
}

impl Terms {
    fn new(contract: &Contract, market: &Market) -> Self {
        let &Contract { kind, strike, years } = contract;
        let &Market { spot, rate, dividend_yield, volatility } = market;
        let deviation = volatility * years.sqrt();
        let moneyness = (spot / strike).ln() + (rate - dividend_yield) * years;

        let (d1, d2, density) = if deviation == 0.0 {
            // Certain to be exercised or not, so infinitely many deviations from the strike.
            let certain = if moneyness == 0.0 { 0.0 } else { f64::INFINITY.copysign(moneyness) };
            (certain, certain, 0.0)
        } else {
            let d1 = moneyness / deviation + deviation / 2.0;
            (d1, d1 - deviation, normal_density(d1))
        };
        Self {
            sign: kind.sign(),
            spot: spot * (-dividend_yield * years).exp(),
            strike: strike * (-rate * years).exp(),
            d1,
            d2,
            density,
            deviation,
        }
    }
}

fn normal_density(x: f64) -> f64 {
    (-x * x / 2.0).exp() * DENSITY_AT_ZERO
}

#[cfg(test)]
mod tests;
