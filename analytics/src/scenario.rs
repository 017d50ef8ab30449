//! What a book would make or lose if something moved.
//!
//! Here are single moves, of the market or of a yield, and how well such predictions did.
//! [`stress`] has scenarios of many variables, direct and with what usually moves along,
//! [`revaluation`] the repricing of options instead of their deltas, [`reverse`] the search
//! for the move that loses so much, and [`monte_carlo`] the distribution of the outcomes.
//!
//! Exposures carry their sign: a short adds to nothing, it offsets. A move of a price is a
//! fraction, −10 % is `-0.1`; a move of a yield is an absolute change, 50 basis points are
//! `0.005` whether it was at 1 % or at 8 %. Profit and loss is in the money of the exposures.

pub mod monte_carlo;
pub mod revaluation;
pub mod reverse;
pub mod stress;

#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::risk::relative::Line;
use crate::risk::{checked, count, finite, mean};

/// How one position answers to one variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// Signed and delta-adjusted, in money.
    pub exposure: f64,
    /// Return per 1.00 of the variable's move; `None` where it could not be estimated.
    pub beta: Option<f64>,
}

/// What a move does to a book.
#[derive(Clone, Debug, PartialEq)]
pub struct Impact {
    /// Profit or loss of the positions that have a beta; `None` where there are positions
    /// but not one has: unknown is not zero.
    pub pnl: Option<f64>,
    /// In the order of the positions; `None` without beta.
    pub by_position: Vec<Option<f64>>,
    pub without_beta: usize,
}

/// Profit and loss from one move: Σ exposure × beta × move.
///
/// # Errors
/// [`Error::NotFinite`].
pub fn impact(positions: &[Sensitivity], change: f64) -> Result<Impact, Error> {
    let pnl = |position: &Sensitivity| match position.beta {
        Some(beta) => finite(position.exposure * beta * change).map(Some),
        None => finite(position.exposure).map(|_| None),
    };
    let by_position = positions.iter().map(pnl).collect::<Result<Vec<_>, _>>()?;
    let without_beta = by_position.iter().filter(|pnl| pnl.is_none()).count();
    let known = by_position.is_empty() || without_beta < by_position.len();
    let total = finite(by_position.iter().flatten().sum())?;
    Ok(Impact { pnl: known.then_some(total), by_position, without_beta })
}

/// A position's answer to a yield, with how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateBeta {
    /// Return per 1.00 of the yield's absolute change: −5 loses 5 % when it rises by 1 %.
    pub beta: f64,
    /// Of the regression; `None` where the returns do not vary.
    pub r_squared: Option<f64>,
    /// Of beta; `None` below three observations.
    pub standard_error: Option<f64>,
    pub observations: usize,
}

/// Slope of returns over the absolute changes of a yield.
///
/// `yield_changes` are differences of fractions, as [`yield_changes`] gives them, of the same
/// sessions as the returns.
///
/// # Errors
/// [`Error::Mismatch`], [`Error::TooShort`] below two sessions, [`Error::NotFinite`], or
/// [`Error::Undefined`] for a yield that did not move: no beta of zero stands in for it.
pub fn rate_beta(returns: &[f64], yield_changes: &[f64]) -> Result<RateBeta, Error> {
    let line = Line::through(yield_changes, returns)?;
    Ok(RateBeta {
        beta: line.slope()?,
        r_squared: line.correlation().ok().map(|correlation| correlation.powi(2)),
        standard_error: line.slope_error(returns.len()),
        observations: returns.len(),
    })
}

/// Absolute changes of a yield from each session to the next, one fewer than levels.
///
/// Levels and changes are fractions: from 4.00 % to 4.25 % is `0.0025`. Divide what comes in
/// percent by 100 first.
///
/// # Errors
/// [`Error::NotFinite`].
pub fn yield_changes(levels: &[f64]) -> Result<Vec<f64>, Error> {
    checked(levels, 0)?;
    levels.windows(2).map(|pair| finite(pair[1] - pair[0])).collect()
}

/// How predictions compared with what happened.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Accuracy {
    pub observations: usize,
    /// Root of the mean square of prediction less outcome.
    pub rmse: f64,
    /// Mean of prediction less outcome: above zero where too much was promised.
    pub bias: f64,
    /// Of predictions with outcomes; `None` where either does not vary.
    pub correlation: Option<f64>,
    /// Share of the sessions whose sign was right; zero has a sign of its own.
    pub hit_rate: f64,
}

impl Accuracy {
    /// Of returns as predicted and as they came, session by session.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::Empty`], [`Error::NotFinite`].
    pub fn of(predicted: &[f64], actual: &[f64]) -> Result<Self, Error> {
        crate::risk::paired(predicted, actual)?;
        checked(predicted, 1)?;
        checked(actual, 1)?;
        let pairs = || predicted.iter().zip(actual);
        let errors: Vec<f64> = pairs().map(|(p, a)| p - a).collect();
        let squares: f64 = errors.iter().map(|e| e * e).sum();
        let hits = pairs().filter(|(p, a)| p.partial_cmp(&&0.0) == a.partial_cmp(&&0.0));
        let hits: f64 = hits.map(|_| 1.0).sum();
        Ok(Self {
            observations: errors.len(),
            rmse: finite((squares / count(&errors)).sqrt())?,
            bias: mean(&errors)?,
            correlation: Line::through(predicted, actual).and_then(|l| l.correlation()).ok(),
            hit_rate: hits / count(&errors),
        })
    }
}
