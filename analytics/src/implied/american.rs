//! The volatility that the price of an American option implies.

use super::{NoVolatility, Quote, volatility};
use crate::american::{Accuracy, value};
use crate::option::{Contract, Market};

/// No volatility above this is looked for: 3200 % a year.
const HIGHEST: f64 = 32.0;
/// How exact the answer is.
const TOLERANCE: f64 = 1e-10;

/// Annualized volatility at which the American option is worth its price, above zero.
///
/// It is found by Ridders' method between no volatility and the European one, which is never
/// less: the right to exercise early is worth something, so that less volatility gives the same
/// price. Accurate to 1e-10 of what [`Accuracy::Fast`] values.
///
/// Source: Ridders (1979), IEEE Transactions on Circuits and Systems 26(11).
///
/// # Errors
/// [`NoVolatility`] where there is none, as for [`volatility`] with what immediate exercise brings
/// in place of the discounted intrinsic value.
pub fn american_volatility(contract: &Contract, quote: &Quote) -> Result<f64, NoVolatility> {
    let &Quote { price, spot, rate, dividend_yield } = quote;
    let european = match volatility(contract, quote) {
        Err(
            error @ (NoVolatility::NotFinite
            | NoVolatility::InvalidInput
            | NoVolatility::NegativePrice),
        ) => return Err(error),
        european => european.ok(),
    };
    let excess = |volatility: f64| {
        let market = Market { spot, rate, dividend_yield, volatility };
        let value = value(contract, &market, Accuracy::Fast);
        value.map(|value| value - price).map_err(|_| NoVolatility::InvalidInput)
    };

    let (mut low, mut below) = (0.0, excess(0.0)?);
    if below >= 0.0 {
        let at_intrinsic = below == 0.0;
        return Err(if at_intrinsic {
            NoVolatility::AtIntrinsic
        } else {
            NoVolatility::BelowIntrinsic
        });
    }
    let mut high = european.unwrap_or(1.0).clamp(TOLERANCE, HIGHEST);
    let mut above = excess(high)?;
    while above < 0.0 {
        if high >= HIGHEST {
            return Err(NoVolatility::AboveUpperBound);
        }
        (low, below) = (high, above);
        high = (2.0 * high).min(HIGHEST);
        above = excess(high)?;
    }

    // Each step halves the interval at least: from the widest one 40 reach the tolerance.
    for _ in 0..40 {
        if high - low <= TOLERANCE || above == 0.0 {
            return Ok(high);
        }
        let middle = low + (high - low) / 2.0;
        let between = excess(middle)?;
        let step = between / (between * between - below * above).sqrt();
        let next = middle - (middle - low) * step;
        let next = if next > low && next < high { next } else { middle };
        let at_next = excess(next)?;
        if at_next == 0.0 {
            return Ok(next);
        }
        let mut points = [(low, below), (middle, between), (next, at_next), (high, above)];
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (volatility, excess) in points {
            if excess >= 0.0 {
                (high, above) = (volatility, excess);
                break;
            }
            (low, below) = (volatility, excess);
        }
    }
    Ok(high)
}
