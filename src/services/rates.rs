//! What money costs without risk, by date and tenor.

use chrono::NaiveDate;

/// Continuously compounded risk-free rates as of a session, by years to maturity.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Years and rate, ascending by years; a known curve has at least one.
    points: Vec<(f64, f64)>,
    source: RateSource,
    /// The day the yields are of; None for a configured rate.
    date: Option<NaiveDate>,
}

/// Where a rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateSource {
    /// Treasury yields as published.
    Treasury,
    /// Simulated Treasury yields.
    Synthetic,
    /// The configured rate, for want of yields.
    Configured,
}

/// A rate and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// A year, continuously compounded, as a fraction.
    pub rate: f64,
    pub source: RateSource,
    pub date: Option<NaiveDate>,
}

impl Curve {
    /// One rate for every tenor, where no yields are known.
    pub fn configured(rate: f64) -> Self {
        Self { points: vec![(0.0, rate)], source: RateSource::Configured, date: None }
    }

    /// The rate for a number of years: between two tenors on the straight line, beyond the first
    /// and the last the nearest.
    pub fn rate(&self, years: f64) -> Rate {
        let after = self.points.partition_point(|(point, _)| *point < years);
        let rate = match (after.checked_sub(1).map(|at| self.points[at]), self.points.get(after)) {
            (Some((from, low)), Some((to, high))) => {
                low + (high - low) * (years - from) / (to - from)
            }
            (Some((_, nearest)), None) => nearest,
            (None, Some((_, nearest))) => *nearest,
            (None, None) => 0.0,
        };
        Rate { rate, source: self.source, date: self.date }
    }
}
