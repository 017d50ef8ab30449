//! The volatility that a price implies: the one at which an option is worth it, a European one or
//! ([`american_volatility`]) an American one.
//!
//! Of an option in the money only the part of its price above the discounted intrinsic value
//! says anything of volatility, so that part is inverted, as the price of the option out of
//! the money at the same strike. Its digits are those of the answer.
//!
//! Source: Jäckel (2015), "Let's be rational", Wilmott 2015(75).

mod american;

use std::error;
use std::fmt;

use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatilityNormalised};

use crate::option::Contract;

pub use american::american_volatility;

/// What an option is quoted at, and the market around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quote {
    /// Of the option, in money per share of its underlying.
    pub price: f64,
    /// Price of one share of the underlying, above zero.
    pub spot: f64,
    /// Risk-free rate per year, continuously compounded.
    pub rate: f64,
    /// Dividend yield per year, continuously compounded.
    pub dividend_yield: f64,
}

/// Why no volatility gives a price. The first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoVolatility {
    /// An input is `NaN` or infinite.
    NotFinite,
    /// Spot, strike or time is not above zero, or a rate discounts them out of all proportion.
    InvalidInput,
    /// The price is below zero.
    NegativePrice,
    /// The price is below the discounted intrinsic value: whoever buys has a certain gain.
    BelowIntrinsic,
    /// The price is the discounted intrinsic value, which zero volatility gives and, out of
    /// the money, any that is small enough.
    AtIntrinsic,
    /// The price is that of the discounted spot (of a call) or strike (of a put) or above: no
    /// volatility is large enough.
    AboveUpperBound,
}

impl fmt::Display for NoVolatility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFinite => "an input is not a finite number",
            Self::InvalidInput => "spot, strike and time must be above zero",
            Self::NegativePrice => "the price is negative",
            Self::BelowIntrinsic => "the price is below the discounted intrinsic value",
            Self::AtIntrinsic => "the price holds no time value",
            Self::AboveUpperBound => "the price is above what any volatility gives",
        })
    }
}

impl error::Error for NoVolatility {}

/// Annualized volatility at which the European option is worth its price, above zero: 20 % is
/// `0.20`. Priced again with it the option is worth the same to a few parts in 1e16 of spot or
/// strike.
///
/// How many digits the volatility itself has depends on the price: next to its bounds a small
/// change of price is a large one of volatility.
///
/// # Errors
/// [`NoVolatility`] where there is none.
pub fn volatility(contract: &Contract, quote: &Quote) -> Result<f64, NoVolatility> {
    let &Contract { kind, strike, years } = contract;
    let &Quote { price, spot, rate, dividend_yield } = quote;
    if ![strike, years, price, spot, rate, dividend_yield].into_iter().all(f64::is_finite) {
        return Err(NoVolatility::NotFinite);
    }
    let discounted_spot = spot * (-dividend_yield * years).exp();
    let discounted_strike = strike * (-rate * years).exp();
    let size = discounted_spot.sqrt() * discounted_strike.sqrt();
    if spot <= 0.0 || strike <= 0.0 || years <= 0.0 || !size.is_normal() {
        return Err(NoVolatility::InvalidInput);
    }
    if price < 0.0 {
        return Err(NoVolatility::NegativePrice);
    }
    let sign = kind.sign();
    let lower = (sign * (discounted_spot - discounted_strike)).max(0.0);
    if price < lower {
        return Err(NoVolatility::BelowIntrinsic);
    }
    let time_value = (price - lower) / size;
    if time_value < f64::MIN_POSITIVE {
        return Err(NoVolatility::AtIntrinsic);
    }
    let upper = if sign > 0.0 { discounted_spot } else { discounted_strike };
    if price >= upper {
        return Err(NoVolatility::AboveUpperBound);
    }

    let log_moneyness = (spot / strike).ln() + (rate - dividend_yield) * years;
    let deviation = ImpliedBlackVolatilityNormalised::builder()
        .log_moneyness(-log_moneyness.abs())
        .normalised_price(time_value)
        .build()
        .and_then(|option| option.calculate::<DefaultSpecialFn>())
        // Rounding has carried a price next to its upper bound to it.
        .filter(|deviation| deviation.is_finite())
        .ok_or(NoVolatility::AboveUpperBound)?;
    let volatility = deviation / years.sqrt();
    if volatility.is_normal() { Ok(volatility) } else { Err(NoVolatility::AtIntrinsic) }
}

#[cfg(test)]
mod tests;
