//! What money costs without risk, by date and time to maturity.
//!
//! Yields are kept as the Treasury publishes them: par yields, bond-equivalent. A [`Curve`] takes
//! them for zero rates of the same maturity and compounds them continuously, which for the curves
//! of the last decades differs from a bootstrapped curve by a few basis points within ten years.
//! A day without yields, such as a holiday of the bond market alone, has those of the last day
//! that has any, if that is not too long ago.

mod fill;

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sigmasight_analytics::rate::continuous;
use sigmasight_analytics::risk::SESSIONS_PER_YEAR;

pub use self::fill::fill;
use crate::domain::quality::Quality;
use crate::domain::rate::{Tenor, Yield, YieldSource};
use crate::store::yields::StoredYields;

/// Calendar days for which a yield is carried forward: longer than any holidays, shorter than a
/// source that has stopped.
pub const MAX_AGE_DAYS: u16 = 10;

/// Years to maturity of the rate that a session's returns are held against: three months.
pub const RISK_FREE_YEARS: f64 = 0.25;

/// A rate a year, continuously compounded, as the return of one session.
pub fn per_session(rate: f64) -> f64 {
    (rate / SESSIONS_PER_YEAR).exp_m1()
}

/// Continuously compounded risk-free rates as of a session, by years to maturity.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Ascending by years.
    points: Vec<Point>,
    /// What stands in where there is no point at all.
    configured: f64,
}

/// What a curve goes through.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub tenor: Tenor,
    /// As published: a fraction a year, bond-equivalent.
    pub par_yield: Decimal,
    /// A fraction a year, continuously compounded.
    pub rate: f64,
    /// The day it is of.
    pub date: NaiveDate,
    pub source: YieldSource,
}

/// Where a rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateSource {
    /// Treasury yields as published.
    Treasury,
    /// Simulated Treasury yields.
    Synthetic,
    /// The configured rate, for want of yields.
    Configured,
}

impl From<YieldSource> for RateSource {
    fn from(source: YieldSource) -> Self {
        match source {
            YieldSource::Fred | YieldSource::Import => Self::Treasury,
            YieldSource::Synthetic => Self::Synthetic,
        }
    }
}

/// A rate and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// A year, continuously compounded, as a fraction.
    pub rate: f64,
    pub source: RateSource,
    /// The day the yields are of, the earlier one of two; None for a configured rate.
    pub date: Option<NaiveDate>,
}

impl Curve {
    /// One rate for every maturity, where no yields are known.
    pub fn configured(rate: f64) -> Self {
        Self { points: Vec::new(), configured: rate }
    }

    /// Of each term the newest of these yields that is not after the session and not too old; the
    /// configured rate where that leaves none.
    pub fn of(as_of: NaiveDate, yields: &[Yield], configured: f64) -> Self {
        let oldest = oldest(as_of);
        let mut newest = BTreeMap::<Tenor, &Yield>::new();
        for found in yields.iter().filter(|found| (oldest..=as_of).contains(&found.date)) {
            let known = newest.entry(found.tenor).or_insert(found);
            if known.date < found.date {
                *known = found;
            }
        }
        let points = Tenor::terms().filter_map(|tenor| {
            let found = newest.get(&tenor)?;
            let rate = continuous(found.rate.to_f64()?);
            let Yield { rate: par_yield, date, source, .. } = **found;
            Some(Point { tenor, par_yield, rate, date, source })
        });
        Self { points: points.collect(), configured }
    }

    /// The rate for a number of years: between two terms on the straight line, beyond the first
    /// and the last the nearest.
    pub fn rate(&self, years: f64) -> Rate {
        let after = self.points.partition_point(|point| point.tenor.years() < years);
        let before = after.checked_sub(1).and_then(|at| self.points.get(at));
        match (before, self.points.get(after)) {
            (Some(from), Some(to)) => {
                let (start, end) = (from.tenor.years(), to.tenor.years());
                let share = (years - start) / (end - start);
                Rate {
                    rate: from.rate + (to.rate - from.rate) * share,
                    source: from.source.into(),
                    date: Some(from.date.min(to.date)),
                }
            }
            (Some(nearest), None) | (None, Some(nearest)) => {
                Rate { rate: nearest.rate, source: nearest.source.into(), date: Some(nearest.date) }
            }
            (None, None) => {
                Rate { rate: self.configured, source: RateSource::Configured, date: None }
            }
        }
    }

    /// Ascending by years; none where the configured rate stands in.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The one rate of a curve without points.
    pub fn stand_in(&self) -> Option<f64> {
        self.points.is_empty().then_some(self.configured)
    }

    /// The terms there is no yield of.
    fn missing(&self) -> Vec<Tenor> {
        let is_there = |tenor: &Tenor| self.points.iter().any(|point| point.tenor == *tenor);
        Tenor::terms().filter(|tenor| !is_there(tenor)).collect()
    }

    fn is_simulated(&self) -> bool {
        self.points.iter().any(|point| point.source == YieldSource::Synthetic)
    }

    fn oldest(&self) -> Option<NaiveDate> {
        self.points.iter().map(|point| point.date).min()
    }

    /// How far it can be trusted as of a session.
    pub fn quality(&self, as_of: NaiveDate) -> Quality {
        match self.oldest() {
            Some(oldest) if oldest < as_of => Quality::Stale,
            Some(_) if !self.is_simulated() && self.missing().is_empty() => Quality::Full,
            _ => Quality::Estimated,
        }
    }

    /// What is worth knowing before it is believed, a sentence each.
    pub fn warnings(&self, as_of: NaiveDate) -> Vec<String> {
        let Some(oldest) = self.oldest() else {
            return vec![format!(
                "No Treasury yield is known of the {MAX_AGE_DAYS} days to {as_of}: the configured \
                 rate of {} stands in for every maturity.",
                self.configured
            )];
        };
        let missing = self.missing();
        let missing = (!missing.is_empty()).then(|| {
            let names: Vec<_> = missing.iter().map(Tenor::to_string).collect();
            format!("No yield is known for {}: its neighbors stand in.", names.join(", "))
        });
        let carried = (oldest < as_of)
            .then(|| format!("Some yields are of {oldest} and carried forward to {as_of}."));
        let simulated = self.is_simulated().then(|| "The yields are simulated.".to_owned());
        [simulated, missing, carried].into_iter().flatten().collect()
    }
}

/// The curves of some sessions from what is stored of them, as [`crate::store::yields::as_of`]
/// gives it for the terms.
pub fn curves(
    sessions: impl IntoIterator<Item = NaiveDate>,
    found: Vec<(NaiveDate, Yield)>,
    configured: f64,
) -> HashMap<NaiveDate, Curve> {
    let mut yields = HashMap::<_, Vec<_>>::new();
    for (as_of, of) in found {
        yields.entry(as_of).or_default().push(of);
    }
    let curve = |as_of| {
        let yields = yields.get(&as_of).map(Vec::as_slice).unwrap_or_default();
        (as_of, Curve::of(as_of, yields, configured))
    };
    sessions.into_iter().map(curve).collect()
}

/// The level of one yield over time: what interest-rate betas are betas to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels {
    /// Ascending by day; fractions a year, bond-equivalent.
    levels: Vec<(NaiveDate, f64)>,
    is_simulated: bool,
}

impl From<StoredYields> for Levels {
    fn from(stored: StoredYields) -> Self {
        let levels = stored.dates.into_iter().zip(stored.rates).collect();
        Self { levels, is_simulated: stored.is_simulated }
    }
}

impl Levels {
    /// Whether any of them was made up.
    pub fn is_simulated(&self) -> bool {
        self.is_simulated
    }

    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The level as of each of these sessions: that of the session, else the last one before it;
    /// None where that is too old or there is none. The bond market has holidays of its own, on
    /// which the level is the one of the day before and has not changed.
    pub fn over(&self, sessions: &[NaiveDate]) -> Vec<Option<f64>> {
        let level = |session: &NaiveDate| {
            let after = self.levels.partition_point(|(date, _)| date <= session);
            let (date, level) = *self.levels.get(after.checked_sub(1)?)?;
            (date >= oldest(*session)).then_some(level)
        };
        sessions.iter().map(level).collect()
    }
}

/// The first day whose yields still hold as of a session.
fn oldest(as_of: NaiveDate) -> NaiveDate {
    as_of.checked_sub_days(Days::new(MAX_AGE_DAYS.into())).unwrap_or(as_of)
}

#[cfg(test)]
mod tests;
