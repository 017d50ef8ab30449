//! The Greeks of a book: what a share, a day, a point of volatility or of rate does to each
//! position, to any selection of them, and to the whole.
//!
//! [`BookGreeks`] is made by one pure function of a [`Book`] and of what [`wanted`] asks for
//! beside it, so that a query, a batch and a what-if agree. A volatility comes from a ladder: what
//! the option's own price of the session implies, the last sessions of its underlying, the
//! configured default; which rung it was is shown, and why not the one above. What lacks an input
//! has no Greeks and says why. Stand-ins, where they are switched on, are shown and never added up.

pub mod contract;
mod line;
mod sums;
mod volatility;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sigmasight_analytics::american::{self, Accuracy};
use sigmasight_analytics::exposure::{self, Holding};
use sigmasight_analytics::option::bulk::{Columns, Figures};
use sigmasight_analytics::option::{self, DAYS_PER_YEAR, Kind};

pub use line::{CONFIGURED_RATE, LineGreeks, Pricing, Source, Valued};
pub use sums::{ByUnderlying, Sums};
pub use volatility::{HISTORY, Volatility, VolatilitySource, historical};

use crate::config::assumptions::Assumptions;
use crate::domain::calendar::{Calendar, regular_close};
use crate::domain::id::{InstrumentId, PositionId};
use crate::domain::instrument::{ExerciseStyle, OptionKind};
use crate::services::dividends::Trailing;
use crate::services::factors::moves_with;
use crate::services::history::Series;
use crate::services::rates::Curve;
use crate::services::valuation::{Book, Line};
use crate::store::prices::Range;

/// Raised whenever the same inputs would give another figure.
pub const MODEL_VERSION: &str = "greeks/1";

/// How an option is valued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Model {
    /// Exercised at expiry alone.
    #[default]
    BlackScholesMerton,
    /// Exercised when it is best to.
    American,
}

impl Model {
    /// Of a contract: the model asked for, but what cannot be exercised early is not taken to be.
    fn of(self, style: ExerciseStyle) -> Self {
        match style {
            ExerciseStyle::European => Self::BlackScholesMerton,
            ExerciseStyle::American => self,
        }
    }

    /// Name of the method, as provenance tells it.
    pub fn method(self) -> &'static str {
        match self {
            Self::BlackScholesMerton => "BLACK_SCHOLES_MERTON",
            Self::American => "AMERICAN",
        }
    }
}

/// What the Greeks of a book are computed from, beside the book.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// As of the book's session.
    pub curve: Curve,
    /// By underlying; of one that is not here none are known.
    pub dividends: HashMap<InstrumentId, Trailing>,
    /// By underlying; see [`wanted`].
    pub histories: HashMap<InstrumentId, Arc<Series>>,
    pub assumptions: Assumptions,
    /// Options that have been valued by the model before, from the same, and when.
    pub valued: HashMap<InstrumentId, (Arc<Valued>, DateTime<Utc>)>,
}

/// The positions of a book that a model would value.
pub fn priceable<'a>(
    book: &'a Book,
    calendar: &'a Calendar,
) -> impl Iterator<Item = &'a Arc<Line>> {
    book.lines.iter().filter(|line| line::is_valued(line, calendar))
}

/// The closes that options want to be valued: the last sessions of the underlying of each, each
/// once.
pub fn wanted<'a>(
    options: impl IntoIterator<Item = &'a Arc<Line>>,
    session: NaiveDate,
    calendar: &Calendar,
) -> Vec<Range> {
    let underlyings: BTreeSet<_> = options.into_iter().map(|line| moves_with(line)).collect();
    if underlyings.is_empty() {
        return Vec::new();
    }
    let from = calendar.sessions_before(session, HISTORY);
    underlyings.into_iter().map(|instrument| Range { instrument, from, to: session }).collect()
}

/// What the Greeks of an option cost, in positions worked through.
pub fn cost_of_one(model: Model) -> usize {
    match model {
        Model::BlackScholesMerton => 1,
        // The volatility takes tens of values, each of microseconds.
        Model::American => 100,
    }
}

/// The same of a whole book.
pub fn cost(book: &Book, model: Model) -> usize {
    let options = book.lines.iter().filter(|line| line.holding().is_option()).count();
    book.lines.len().saturating_add(options.saturating_mul(cost_of_one(model)))
}

/// Years of 365 days from the close of a session, an early one too, to 16:00 in New York on the
/// day of expiry; zero once that has passed.
///
/// Days are those of the calendar there: a change of its clocks makes none longer.
pub fn years_to_expiry(session: NaiveDate, expiry: NaiveDate, calendar: &Calendar) -> f64 {
    const SECONDS_PER_DAY: f64 = 86_400.0;
    let early = calendar.day(session).close.map(|close| regular_close(session) - close);
    let early = early.and_then(|early| early.num_seconds().to_f64()).unwrap_or(0.0);
    let days = (expiry - session).num_days().to_f64().unwrap_or(0.0);
    ((days + early / SECONDS_PER_DAY) / DAYS_PER_YEAR).max(0.0)
}

/// Where the valuations of some options come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// There are none.
    Nothing,
    /// Some were made where they are asked for.
    New,
    /// All of the nightly chain, which made the newest of them then.
    Kept(DateTime<Utc>),
}

/// The Greeks of every position of a book.
#[derive(Debug)]
pub struct BookGreeks {
    pub model: Model,
    lines: HashMap<PositionId, Arc<LineGreeks>>,
    deltas: Arc<HashMap<PositionId, Decimal>>,
}

impl BookGreeks {
    /// The Greeks of a book from what [`wanted`] asked for of what is [`priceable`].
    pub fn of(book: &Book, inputs: &Inputs, calendar: &Calendar, model: Model) -> Self {
        let sessions: Vec<_> = {
            let to = book.horizon.as_of;
            calendar.sessions(calendar.sessions_before(to, HISTORY), to).collect()
        };
        let mut lines = HashMap::with_capacity(book.lines.len());
        let mut priced = Vec::new();
        let mut historical = volatility::Histories::new(inputs, &sessions);
        for line in &book.lines {
            match line::plan(line, inputs, &mut historical, calendar, model) {
                line::Plan::Known(greeks) => {
                    lines.insert(line.position.id, greeks);
                }
                line::Plan::Price(pricing) => priced.push((line, pricing)),
            }
        }
        let values = values(priced.iter().map(|(_, pricing)| pricing));
        for ((line, pricing), value) in priced.into_iter().zip(values) {
            let own = Valued::new(pricing, value);
            let greeks = LineGreeks::valued(line, own, inputs.assumptions.greeks_fallback);
            lines.insert(line.position.id, Arc::new(greeks));
        }
        let mut greeks = Self { model, lines, deltas: Arc::default() };
        let deltas = book.open_lines().filter_map(|line| {
            let exposure = greeks.holding(line).delta_adjusted_exposure()?;
            Some((line.position.id, exposure))
        });
        greeks.deltas = Arc::new(deltas.collect());
        greeks
    }

    /// The delta-adjusted exposures of the open positions whose delta is known, signed money.
    pub fn deltas(&self) -> Arc<HashMap<PositionId, Decimal>> {
        Arc::clone(&self.deltas)
    }

    /// Those of one of the book's positions.
    pub fn line(&self, line: &Line) -> Option<&Arc<LineGreeks>> {
        self.lines.get(&line.position.id)
    }

    /// Where what some lines have been valued with comes from.
    pub fn origin<'a>(&self, lines: impl IntoIterator<Item = &'a Arc<Line>>) -> Origin {
        let own = lines.into_iter().filter_map(|line| self.line(line));
        let valued = own.filter(|own| own.pricing.is_some());
        let at: Option<Vec<_>> = valued.map(|own| own.found_at).collect();
        match at.map(|at| at.into_iter().max()) {
            Some(None) => Origin::Nothing,
            Some(Some(newest)) => Origin::Kept(newest),
            None => Origin::New,
        }
    }

    /// The arithmetic's view of a position, with the delta that it lacks in the book.
    pub fn holding(&self, line: &Line) -> Holding {
        let delta = self.line(line).and_then(|greeks| greeks.counted()).map(|own| own.delta);
        Holding { delta, ..*line.holding() }
    }

    /// The sums over the open ones of some lines, those by delta too.
    pub fn totals<'a>(&self, lines: impl IntoIterator<Item = &'a Arc<Line>>) -> exposure::Totals {
        let mut totals = exposure::Totals::default();
        for line in lines.into_iter().filter(|line| line.is_open()) {
            totals.add(&self.holding(line));
        }
        totals
    }

    /// Why a position is left out of delta-adjusted figures; None when it is not.
    pub fn missing_reason(&self, line: &Line) -> Option<String> {
        if self.holding(line).delta_adjusted_exposure().is_some() {
            return None;
        }
        let own = self.line(line).and_then(|greeks| greeks.missing.clone());
        own.or_else(|| line.unpriced_reason())
    }
}

/// Value and Greeks per share of each pricing, in their order; None where the model has none.
fn values<'a>(
    pricings: impl Iterator<Item = &'a Pricing> + Clone,
) -> Vec<Option<(f64, option::Greeks)>> {
    let mut european = european(pricings.clone().filter(|one| one.model != Model::American));
    pricings
        .map(|pricing| match pricing.model {
            Model::BlackScholesMerton => european.next().flatten(),
            Model::American => pricing.value(),
        })
        .collect()
}

/// All European options at once.
fn european<'a>(
    pricings: impl Iterator<Item = &'a Pricing>,
) -> impl Iterator<Item = Option<(f64, option::Greeks)>> {
    let pricings: Vec<_> = pricings.collect();
    let column = |of: fn(&Pricing) -> f64| pricings.iter().map(|one| of(one)).collect::<Vec<_>>();
    let kind: Vec<Kind> = pricings.iter().map(|one| one.contract.kind).collect();
    let (strike, years) = (column(|one| one.contract.strike), column(|one| one.contract.years));
    let (spot, rate) = (column(|one| one.market.spot), column(|one| one.market.rate));
    let dividend_yield = column(|one| one.market.dividend_yield);
    let volatility = column(|one| one.market.volatility);
    let columns = Columns {
        kind: &kind,
        strike: &strike,
        years: &years,
        spot: &spot,
        rate: &rate,
        dividend_yield: &dividend_yield,
        volatility: &volatility,
    };
    let mut figures = Figures::default();
    let all_are_fine = figures.evaluate(&columns).is_ok();
    let values: Vec<_> = pricings
        .iter()
        .enumerate()
        .map(|(row, pricing)| {
            if !all_are_fine {
                // One that cannot be valued must not take the others along.
                return pricing.value();
            }
            let Figures { value, delta, gamma, theta, vega, rho } = &figures;
            let greeks = option::Greeks {
                delta: delta[row],
                gamma: gamma[row],
                theta: theta[row],
                vega: vega[row],
                rho: rho[row],
            };
            Some((value[row], greeks))
        })
        .collect();
    values.into_iter()
}

impl Pricing {
    /// Value and Greeks of one long option, per share; None where the model has none.
    fn value(&self) -> Option<(f64, option::Greeks)> {
        let Self { contract, market, .. } = self;
        match self.model {
            Model::BlackScholesMerton => option::value_and_greeks(contract, market).ok(),
            Model::American => american::value_and_greeks(contract, market, Accuracy::Fast).ok(),
        }
    }
}

/// The right as the arithmetic names it.
pub fn kind(kind: OptionKind) -> Kind {
    match kind {
        OptionKind::Call => Kind::Call,
        OptionKind::Put => Kind::Put,
    }
}
