//! Full revaluation: options priced anew where a scenario puts their underlyings, instead of
//! by delta, which a large move leaves far behind.
//!
//! Volatility stays with the strike unless the scenario moves it.

use crate::error::Error;
use crate::option::{Contract, Market, value};
use crate::risk::finite;

/// Where a scenario takes the market of one underlying.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shift {
    /// Return of the underlying: −20 % is `-0.2`. Below −1 it is taken as −1: no price falls
    /// below zero.
    pub spot: f64,
    /// Absolute change of volatility: `0.05` is five points up. It stays at zero or above.
    pub volatility: f64,
    /// Absolute change of the risk-free rate.
    pub rate: f64,
}

/// What a position is, for pricing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Terms {
    /// Moves as its underlying does: a stock, a fund.
    Linear,
    /// A European option, or one taken as such.
    Option { contract: Contract, market: Market },
}

/// One position for revaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holding {
    /// Signed quantity times multiplier.
    pub units: f64,
    /// Money per unit, at the market: of an option, its premium per share.
    pub price: f64,
    pub terms: Terms,
}

impl Holding {
    /// Price per unit after the shift, zero or more.
    ///
    /// An option's market price moves by what the model's does, so that a model which misses
    /// the market by a cent makes no profit of it.
    ///
    /// # Errors
    /// [`Error::NotFinite`], or [`Error::OutOfRange`] for a price or strike below zero, or a
    /// spot of zero.
    pub fn shifted_price(&self, shift: &Shift) -> Result<f64, Error> {
        if self.price < 0.0 {
            return Err(Error::OutOfRange("price"));
        }
        let grown = 1.0 + finite(shift.spot)?.max(-1.0);
        match self.terms {
            Terms::Linear => finite(self.price * grown),
            Terms::Option { contract, market } => {
                if market.spot <= 0.0 {
                    return Err(Error::OutOfRange("spot"));
                }
                if contract.strike <= 0.0 {
                    return Err(Error::OutOfRange("strike"));
                }
                let shifted = Market {
                    // Not zero itself, of which the model would take the logarithm.
                    spot: (market.spot * grown).max(f64::MIN_POSITIVE),
                    volatility: (market.volatility + finite(shift.volatility)?).max(0.0),
                    rate: market.rate + shift.rate,
                    ..market
                };
                let change = value(&contract, &shifted) - value(&contract, &market);
                Ok((self.price + finite(change)?).max(0.0))
            }
        }
    }

    /// Profit or loss from the shift. A long position loses at most its value, since no price
    /// falls below zero; what is written has no such bound.
    ///
    /// # Errors
    /// As [`shifted_price`](Self::shifted_price).
    pub fn pnl(&self, shift: &Shift) -> Result<f64, Error> {
        finite(self.units * (self.shifted_price(shift)? - self.price))
    }
}
