//! A series of returns against that of a benchmark, session by session.
//!
//! Both have the same length and the same sessions: callers align them first.

use super::{SESSIONS_PER_YEAR, checked, finite, mean, paired, ratio, standard_deviation};
use crate::error::Error;
use crate::performance::annual_return;

/// The line through returns in excess of the risk-free rate, over those of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarketModel {
    /// Return per 1.00 of the benchmark's.
    pub beta: f64,
    /// Return per session that the benchmark does not explain.
    pub alpha: f64,
    /// Of the two series; `None` where the returns do not vary.
    pub correlation: Option<f64>,
    pub observations: usize,
}

impl MarketModel {
    /// Ordinary least squares of r − rf on b − rf. `risk_free` is per session.
    ///
    /// Source: Jensen (1968), J. Finance 23(2).
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::TooShort`] below two sessions, [`Error::NotFinite`], or
    /// [`Error::Undefined`] for a benchmark that does not vary.
    pub fn fit(returns: &[f64], benchmark: &[f64], risk_free: f64) -> Result<Self, Error> {
        let line = Line::through(benchmark, returns)?;
        let beta = line.slope()?;
        Ok(Self {
            beta,
            alpha: finite(line.mean_y - risk_free - beta * (line.mean_x - risk_free))?,
            correlation: line.correlation().ok(),
            observations: returns.len(),
        })
    }

    /// Alpha compounded over a year.
    #[must_use]
    pub fn annual_alpha(&self) -> f64 {
        // In logarithms an alpha of a few basis points keeps its digits. No session loses
        // more than everything.
        (SESSIONS_PER_YEAR * self.alpha.max(-1.0).ln_1p()).exp_m1().min(f64::MAX)
    }
}

/// Annualized standard deviation of the difference to the benchmark.
///
/// # Errors
/// [`Error::Mismatch`], [`Error::TooShort`] below two sessions, [`Error::NotFinite`].
pub fn tracking_error(returns: &[f64], benchmark: &[f64]) -> Result<f64, Error> {
    let deviation = standard_deviation(&active(returns, benchmark)?)?;
    finite(deviation * SESSIONS_PER_YEAR.sqrt())
}

/// Mean difference to the benchmark over its standard deviation, annualized.
///
/// Source: Grinold & Kahn (2000), Active Portfolio Management, 2nd ed., chapter 5.
///
/// # Errors
/// [`Error::Undefined`] without any tracking error; as [`tracking_error`] else.
pub fn information_ratio(returns: &[f64], benchmark: &[f64]) -> Result<f64, Error> {
    let active = active(returns, benchmark)?;
    let deviation = standard_deviation(&active)?;
    ratio(mean(&active)? * SESSIONS_PER_YEAR.sqrt(), deviation, "the information ratio")
}

/// Annual return over that of the benchmark, both over the sessions in which the benchmark
/// rose: above one where more was gained.
///
/// # Errors
/// [`Error::Undefined`] where it never rose; [`Error::Mismatch`], [`Error::NotFinite`], and as
/// [`annual_return`].
pub fn up_capture(returns: &[f64], benchmark: &[f64]) -> Result<f64, Error> {
    capture(returns, benchmark, |b| b > 0.0)
}

/// The same over the sessions in which the benchmark fell: above one where more was lost.
///
/// # Errors
/// As [`up_capture`].
pub fn down_capture(returns: &[f64], benchmark: &[f64]) -> Result<f64, Error> {
    capture(returns, benchmark, |b| b < 0.0)
}

fn capture(returns: &[f64], benchmark: &[f64], counts: fn(f64) -> bool) -> Result<f64, Error> {
    paired(returns, benchmark)?;
    checked(returns, 1)?;
    checked(benchmark, 1)?;
    let sessions = returns.iter().zip(benchmark).filter(|(_, b)| counts(**b));
    let (own, theirs): (Vec<f64>, Vec<f64>) = sessions.unzip();
    if own.is_empty() {
        return Err(Error::Undefined("a capture without such sessions"));
    }
    ratio(annual_return(&own)?, annual_return(&theirs)?, "capture")
}

/// What was earned beyond the benchmark in each session.
fn active(returns: &[f64], benchmark: &[f64]) -> Result<Vec<f64>, Error> {
    paired(returns, benchmark)?;
    Ok(returns.iter().zip(benchmark).map(|(r, b)| r - b).collect())
}

/// Least squares with one regressor: the sums from which slope and correlation follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub mean_x: f64,
    pub mean_y: f64,
    /// Sums of products of the deviations from the means.
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Line {
    /// Through at least two points.
    pub fn through(xs: &[f64], ys: &[f64]) -> Result<Self, Error> {
        paired(xs, ys)?;
        checked(xs, 2)?;
        checked(ys, 2)?;
        let (mean_x, mean_y) = (mean(xs)?, mean(ys)?);
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in xs.iter().zip(ys) {
            let (dx, dy) = (x - mean_x, y - mean_y);
            xx += dx * dx;
            xy += dx * dy;
            yy += dy * dy;
        }
        Ok(Self { mean_x, mean_y, xx: finite(xx)?, xy: finite(xy)?, yy: finite(yy)? })
    }

    pub fn slope(&self) -> Result<f64, Error> {
        ratio(self.xy, self.xx, "the slope over a constant")
    }

    /// From −1 to 1.
    pub fn correlation(&self) -> Result<f64, Error> {
        let scale = self.xx.sqrt() * self.yy.sqrt();
        Ok(ratio(self.xy, scale, "the correlation with a constant")?.clamp(-1.0, 1.0))
    }

    /// Standard error of the slope; `None` with no more points than parameters.
    pub fn slope_error(&self, points: usize) -> Option<f64> {
        let freedom = u32::try_from(points).ok()?.checked_sub(2).filter(|f| *f > 0)?;
        let residual = (self.yy - self.xy * self.xy / self.xx).max(0.0);
        finite((residual / f64::from(freedom) / self.xx).sqrt()).ok()
    }
}
