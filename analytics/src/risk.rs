//! What a series of returns says about risk: volatility, ratios of reward to risk, losses in
//! the tail, falls from a peak.
//!
//! Returns are simple, per session, as fractions, the oldest first; what is annualized says
//! so, at 252 sessions a year. A risk-free rate or a threshold is per session too. A figure
//! that an input leaves without a value, such as a ratio to a volatility of zero, is
//! [`Error::Undefined`]: never a `NaN`, never a zero that looks like an answer.
//!
//! Here are the figures of one series by itself. [`tail`] has value at risk and expected
//! shortfall, [`drawdown`] the falls, [`relative`] the comparison with a benchmark, and
//! [`decomposition`] says which factor and which position the risk of a book comes from.

pub mod decomposition;
pub mod drawdown;
pub mod relative;
pub mod tail;

#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::performance::{annual_return, annualized, wealth};
use tail::{Confidence, Tail};

/// Sessions a year, of everything annualized.
pub const SESSIONS_PER_YEAR: f64 = 252.0;

/// Arithmetic mean of the returns, per session.
///
/// # Errors
/// [`Error::Empty`], or [`Error::NotFinite`] for an input that is not a number.
pub fn mean(returns: &[f64]) -> Result<f64, Error> {
    checked(returns, 1)?;
    finite(mean_of(returns))
}

/// Standard deviation of the returns per session, with the divisor n − 1.
///
/// Exactly zero for returns that are all the same.
///
/// # Errors
/// [`Error::TooShort`] below two returns, [`Error::NotFinite`].
pub fn standard_deviation(returns: &[f64]) -> Result<f64, Error> {
    checked(returns, 2)?;
    let mean = mean_of(returns);
    let squares: f64 = returns.iter().map(|r| (r - mean) * (r - mean)).sum();
    finite((squares / (count(returns) - 1.0)).sqrt())
}

/// Annualized volatility: the standard deviation per session times √252.
///
/// # Errors
/// As [`standard_deviation`].
pub fn volatility(returns: &[f64]) -> Result<f64, Error> {
    finite(standard_deviation(returns)? * SESSIONS_PER_YEAR.sqrt())
}

/// Annualized root mean square of what falls short of `threshold`, over all sessions, also
/// those that do not fall short: √(mean(min(r − threshold, 0)²)) · √252.
///
/// Source: Sortino & van der Meer (1991), J. Portfolio Management 17(4).
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn downside_risk(returns: &[f64], threshold: f64) -> Result<f64, Error> {
    checked(returns, 1)?;
    let shortfalls = returns.iter().map(|r| (r - threshold).min(0.0));
    let squares: f64 = shortfalls.map(|s| s * s).sum();
    // `min` would make a zero of a threshold that is not a number.
    finite(threshold)?;
    finite((squares / count(returns) * SESSIONS_PER_YEAR).sqrt())
}

/// Mean excess return over its volatility, annualized: mean(r − rf) / sd(r) · √252.
///
/// Source: Sharpe (1994), J. Portfolio Management 21(1).
///
/// # Errors
/// [`Error::Undefined`] without volatility; as [`standard_deviation`] else.
pub fn sharpe_ratio(returns: &[f64], risk_free: f64) -> Result<f64, Error> {
    let excess = mean(returns)? - finite(risk_free)?;
    ratio(excess * SESSIONS_PER_YEAR.sqrt(), standard_deviation(returns)?, "the Sharpe ratio")
}

/// Annualized mean excess return over the downside risk below the same threshold.
///
/// Source: Sortino & van der Meer (1991), J. Portfolio Management 17(4).
///
/// Without risk there is nothing to be rewarded for: a return that is always the same is certain,
/// on whichever side of the threshold.
///
/// # Errors
/// [`Error::Undefined`] where nothing falls short, or the returns are all the same;
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn sortino_ratio(returns: &[f64], threshold: f64) -> Result<f64, Error> {
    let downside = varying(returns, downside_risk(returns, threshold)?);
    ratio((mean(returns)? - threshold) * SESSIONS_PER_YEAR, downside, "the Sortino ratio")
}

/// Annual return over the size of the deepest drawdown.
///
/// Source: Young (1991), Futures 20.
///
/// # Errors
/// [`Error::Undefined`] for a series that never fell; as [`annual_return`] else.
pub fn calmar_ratio(returns: &[f64]) -> Result<f64, Error> {
    let deepest = drawdown::max_drawdown(&wealth(returns)?)?;
    ratio(annual_return(returns)?, -deepest, "the Calmar ratio")
}

/// What the returns gained above `threshold` over what they lost below it, both summed.
///
/// Source: Keating & Shadwick (2002), A Universal Performance Measure.
///
/// Of returns that are all the same nothing is at stake: their distribution has no two sides.
///
/// # Errors
/// [`Error::Undefined`] where nothing falls short, or the returns are all the same;
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn omega_ratio(returns: &[f64], threshold: f64) -> Result<f64, Error> {
    checked(returns, 1)?;
    finite(threshold)?;
    // Without a branch: the sign of a return is what no machine can foresee.
    let excess = || returns.iter().map(|r| r - threshold);
    let gained: f64 = excess().map(|e| e.max(0.0)).sum();
    let lost: f64 = excess().map(|e| e.min(0.0)).sum();
    ratio(gained, varying(returns, -lost), "the Omega ratio")
}

/// Size of the 95 % quantile of the returns over that of the 5 % quantile: above one where
/// good days are larger than bad ones.
///
/// # Errors
/// [`Error::Undefined`] where the lower quantile is zero; [`Error::Empty`],
/// [`Error::NotFinite`].
pub fn tail_ratio(returns: &[f64]) -> Result<f64, Error> {
    let lower = tail::quantile(returns, 0.05)?;
    ratio(tail::quantile(returns, 0.95)?.abs(), lower.abs(), "the tail ratio")
}

/// Third standardized moment, without a correction for bias: below zero where the losses
/// have the longer tail.
///
/// # Errors
/// [`Error::Undefined`] for returns that are all the same; [`Error::Empty`],
/// [`Error::NotFinite`].
pub fn skewness(returns: &[f64]) -> Result<f64, Error> {
    let variance = central_moment(returns, 2)?;
    ratio(central_moment(returns, 3)?, variance * variance.sqrt(), "skewness")
}

/// Fourth standardized moment less 3, without a correction for bias: zero for normal
/// returns, above it for fat tails.
///
/// # Errors
/// As [`skewness`].
pub fn excess_kurtosis(returns: &[f64]) -> Result<f64, Error> {
    let variance = central_moment(returns, 2)?;
    Ok(ratio(central_moment(returns, 4)?, variance * variance, "kurtosis")? - 3.0)
}

/// R² of a straight line through the cumulative log return: one for steady growth.
///
/// # Errors
/// [`Error::Undefined`] for a flat line, or a return of −1 or less, which has no logarithm;
/// [`Error::TooShort`] below two returns, [`Error::NotFinite`].
pub fn stability(returns: &[f64]) -> Result<f64, Error> {
    checked(returns, 2)?;
    if returns.iter().any(|r| *r <= -1.0) {
        return Err(Error::Undefined("the log return of a total loss"));
    }
    let mut total = 0.0;
    let grown = returns.iter().map(|r| {
        total += r.ln_1p();
        total
    });
    let grown: Vec<f64> = grown.collect();
    let sessions: Vec<f64> = (0_u32..).take(grown.len()).map(f64::from).collect();
    Ok(relative::Line::through(&sessions, &grown)?.correlation()?.powi(2))
}

/// The usual figures of one series, computed together. `None` is a figure without a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    pub observations: usize,
    pub annual_return: Option<f64>,
    /// Annualized.
    pub volatility: f64,
    /// Annualized.
    pub downside_risk: f64,
    pub sharpe_ratio: Option<f64>,
    pub sortino_ratio: Option<f64>,
    pub calmar_ratio: Option<f64>,
    pub omega_ratio: Option<f64>,
    pub tail_ratio: Option<f64>,
    /// A return: zero or below.
    pub max_drawdown: Option<f64>,
    /// Losses over one session, above zero.
    pub value_at_risk_95: f64,
    pub value_at_risk_99: f64,
    pub expected_shortfall_95: f64,
    pub expected_shortfall_99: f64,
}

impl Metrics {
    /// The figures of at least two returns; `risk_free` is per session, and the threshold of
    /// downside risk, Sortino and Omega.
    ///
    /// # Errors
    /// [`Error::TooShort`] below two returns, [`Error::NotFinite`].
    pub fn of(returns: &[f64], risk_free: f64) -> Result<Self, Error> {
        let deviation = standard_deviation(returns)?;
        let downside_risk = downside_risk(returns, risk_free)?;
        let annual_excess = (mean_of(returns) - risk_free) * SESSIONS_PER_YEAR;
        let volatility = finite(deviation * SESSIONS_PER_YEAR.sqrt())?;
        let path = wealth(returns).ok();
        let grown = path.as_ref().and_then(|path| path.last());
        let annual_return = grown.and_then(|last| annualized(*last, count(returns)).ok());
        let max_drawdown = path.as_ref().and_then(|path| drawdown::max_drawdown(path).ok());
        let calmar = |deepest: f64| ratio(annual_return?, -deepest, "the Calmar ratio").ok();

        let losses = Tail::of(returns.to_vec(), Confidence::P95);
        let gains = Tail::of(returns.iter().map(|r| -r).collect(), Confidence::P95);
        let lower = losses.value_at_risk(Confidence::P95).abs();
        let upper = gains.value_at_risk(Confidence::P95).abs();

        Ok(Self {
            observations: returns.len(),
            annual_return,
            volatility,
            downside_risk,
            sharpe_ratio: ratio(annual_excess, volatility, "the Sharpe ratio").ok(),
            sortino_ratio: ratio(
                annual_excess,
                varying(returns, downside_risk),
                "the Sortino ratio",
            )
            .ok(),
            calmar_ratio: max_drawdown.and_then(calmar),
            omega_ratio: omega_ratio(returns, risk_free).ok(),
            tail_ratio: ratio(upper, lower, "the tail ratio").ok(),
            max_drawdown,
            value_at_risk_95: finite(losses.value_at_risk(Confidence::P95))?,
            value_at_risk_99: finite(losses.value_at_risk(Confidence::P99))?,
            expected_shortfall_95: finite(losses.expected_shortfall(Confidence::P95))?,
            expected_shortfall_99: finite(losses.expected_shortfall(Confidence::P99))?,
        })
    }
}

/// Mean of the deviations from the mean, each to the power of `order`.
fn central_moment(returns: &[f64], order: i32) -> Result<f64, Error> {
    checked(returns, 1)?;
    let mean = mean_of(returns);
    let powers: f64 = returns.iter().map(|r| (r - mean).powi(order)).sum();
    finite(powers / count(returns))
}

/// The mean, taken from the first return on: so that equal returns have exactly themselves
/// for mean, and no deviation.
pub(crate) fn mean_of(returns: &[f64]) -> f64 {
    let Some(&first) = returns.first() else { return 0.0 };
    first + returns.iter().map(|r| r - first).sum::<f64>() / count(returns)
}

/// What a risk counts for: nothing where the returns are all the same.
fn varying(returns: &[f64], risk: f64) -> f64 {
    let is_varying = returns.iter().any(|r| Some(r) != returns.first());
    if is_varying { risk } else { 0.0 }
}

/// Length of a sample as a number; exact up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 elements")]
pub(crate) fn count(sample: &[f64]) -> f64 {
    sample.len() as f64
}

/// Refuses what cannot be computed with: fewer than `needed` numbers, or not numbers.
pub(crate) fn checked(sample: &[f64], needed: usize) -> Result<(), Error> {
    if sample.is_empty() && needed > 0 {
        return Err(Error::Empty);
    }
    if sample.len() < needed {
        return Err(Error::TooShort { needed, got: sample.len() });
    }
    // Not `all`, which stops at the first and so looks at them one by one.
    let finite = sample.iter().fold(true, |finite, x| finite & x.is_finite());
    if finite { Ok(()) } else { Err(Error::NotFinite) }
}

/// Refuses two series that cannot be told which of their elements belong together.
pub(crate) fn paired(xs: &[f64], ys: &[f64]) -> Result<(), Error> {
    if xs.len() == ys.len() {
        return Ok(());
    }
    Err(Error::Mismatch { expected: xs.len(), got: ys.len() })
}

/// Stops a result that has outgrown `f64`.
pub(crate) fn finite(value: f64) -> Result<f64, Error> {
    if value.is_finite() { Ok(value) } else { Err(Error::NotFinite) }
}

/// A quotient, unless there is nothing to divide by.
pub(crate) fn ratio(numerator: f64, denominator: f64, figure: &'static str) -> Result<f64, Error> {
    if denominator == 0.0 {
        return Err(Error::Undefined(figure));
    }
    finite(numerator / denominator)
}
