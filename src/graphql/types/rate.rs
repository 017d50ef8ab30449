//! What money costs without risk.

use std::sync::Arc;

use async_graphql::{Enum, Object, SimpleObject};
use chrono::NaiveDate;

use super::quality::Quality;
use crate::domain::rate;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::scalar::{Date, Decimal};
use crate::services::rates::{Curve, Point};

/// How long money is lent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "rate::Tenor")]
pub enum Tenor {
    /// A day, unsecured, between banks: the federal funds rate. No point of the curve.
    FedFunds,
    /// A day, against Treasury securities: SOFR. No point of the curve.
    Sofr,
    /// A month.
    OneMonth,
    /// Three months.
    ThreeMonths,
    /// Half a year.
    SixMonths,
    /// A year.
    OneYear,
    /// Two years.
    TwoYears,
    /// Three years.
    ThreeYears,
    /// Five years.
    FiveYears,
    /// Seven years.
    SevenYears,
    /// Ten years.
    TenYears,
    /// Twenty years.
    TwentyYears,
    /// Thirty years.
    ThirtyYears,
}

/// Who says what a yield is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "rate::YieldSource")]
pub enum YieldSource {
    /// The Treasury, as Federal Reserve Economic Data publishes it.
    Fred,
    /// A file somebody loaded.
    Import,
    /// Simulated: nobody ever lent at it.
    Synthetic,
}

/// The risk-free rates as of a session, by time to maturity.
pub struct YieldCurve {
    pub curve: Arc<Curve>,
    pub as_of: NaiveDate,
    /// What to say about the date first.
    pub resolved: Option<String>,
}

/// The risk-free rates as of a session: of each maturity that the Treasury publishes the newest
/// yield at or before it, at most 10 calendar days old. All of them are observed, or all simulated.
#[Object]
impl YieldCurve {
    /// The session it is of.
    async fn as_of(&self) -> Date {
        self.as_of.into()
    }

    /// By time to maturity, at most eleven. Empty where no yield is known: `configuredRate` then
    /// stands in for all.
    async fn points(&self) -> Vec<YieldPoint> {
        self.curve.points().iter().map(|point| YieldPoint::of(point, self.as_of)).collect()
    }

    /// The rate for a time: on the straight line between two points' continuous rates, beyond the
    /// first and the last the nearest. A fraction a year, continuously compounded: 0.05 is 5 %.
    async fn rate(
        &self,
        #[graphql(desc = "Time to maturity in years of 365 days; 0 to 100.")] years: f64,
    ) -> Result<f64> {
        if !(0.0..=100.0).contains(&years) {
            return Err(Refusal::validation("`years` must be between 0 and 100.").into());
        }
        Ok(self.curve.rate(years).rate)
    }

    /// The setting `RISK_FREE_RATE`, which stands in for every maturity where no yield is known: a
    /// fraction a year, continuously compounded. Null while there are points.
    async fn configured_rate(&self) -> Option<f64> {
        self.curve.stand_in()
    }

    /// `STALE` where a yield is older than the session, `ESTIMATED` where yields are simulated,
    /// missing or replaced by the configured rate.
    async fn quality(&self) -> Quality {
        self.curve.quality(self.as_of).into()
    }

    /// What is worth knowing before the rates are believed; empty for `FULL`.
    async fn warnings(&self) -> Vec<String> {
        let warnings = self.curve.warnings(self.as_of);
        self.resolved.iter().cloned().chain(warnings).collect()
    }
}

/// The yield of one maturity.
#[derive(SimpleObject)]
pub struct YieldPoint {
    /// Time to maturity.
    tenor: Tenor,
    /// The same in years; a month is a twelfth.
    years: f64,
    /// The par yield as published: bond-equivalent, a fraction a year. 0.0415 is 4.15 %.
    #[graphql(name = "yield")]
    par_yield: Decimal,
    /// The same continuously compounded, `2 · ln(1 + yield / 2)`, a fraction a year: what discounts.
    /// The par yield is taken for the zero rate of its maturity.
    continuous_rate: f64,
    /// The day the yield is of.
    date: Date,
    /// Who says so.
    source: YieldSource,
    /// Whether that day is before the session, and the yield carried forward.
    is_stale: bool,
}

impl YieldPoint {
    fn of(point: &Point, as_of: NaiveDate) -> Self {
        Self {
            tenor: point.tenor.into(),
            years: point.tenor.years(),
            par_yield: point.par_yield.into(),
            continuous_rate: point.rate,
            date: point.date.into(),
            source: point.source.into(),
            is_stale: point.date < as_of,
        }
    }
}
