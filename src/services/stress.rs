//! What a book would make or lose if something moved: stress tests of many variables, moves of
//! the market and of a yield, how well such predictions did, and the distribution of outcomes.
//!
//! A [`Desk`] is made once of a book, its Greeks and what [`wanted`] asks for; every question is a
//! pure function of it, so that a query, a batch and a what-if agree. Positions move by their
//! delta-adjusted exposure times beta. Betas are those of one joint regression on the seven
//! factors, each style net of its beta to the market, and on whatever else a scenario shocks, so
//! that nothing is counted twice. No position's value crosses zero: a long one never loses, and a
//! short one never gains, more than it is worth; what a short one loses has no bound.
//!
//! What cannot be estimated is left out and said; what a variable without history is taken for is
//! in [`Driver::stand_in`], and said too.

mod accuracy;
mod column;
mod design;
mod driver;
mod moves;
mod run;
mod sheet;
mod simulate;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use sigmasight_analytics::decimal::rounded;
use sigmasight_analytics::exposure::Holding;
pub use sigmasight_analytics::risk::tail::Confidence;

pub use accuracy::{Accuracy, DAYS_BACK, Point, accuracy};
pub use design::Designs;
pub use driver::{Driver, SPREAD_DURATION, StandIn, vix_level};
pub use moves::{Move, Reverse};
pub use run::{Impact, Outcome};
pub use simulate::{MAX_HORIZON, MAX_PATHS, Simulated};

use self::driver::Drivers;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::quality::{Coverage, Quality};
use crate::domain::scenario::Severity;
use crate::services::factors::{self, Basis, Excluded, Exposed, Insufficient, WINDOW};
use crate::services::greeks::{BookGreeks, Pricing};
use crate::services::history::Series;
use crate::services::rates::Levels;
use crate::services::valuation::{Book, Line, Summary};
use crate::services::window::{Returns, Window};

/// Raised whenever the same inputs would give another figure.
pub const MODEL_VERSION: &str = "stress/2";

/// What a book is stressed with, beside its Greeks.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Closes over [`window`] of what moves the positions; see [`factors::wanted`].
    pub histories: HashMap<InstrumentId, Arc<Series>>,
    /// Closes over it by symbol, of the funds of the factors and of what stands for the other
    /// variables: all that `domain::reference` lists.
    pub references: HashMap<String, Arc<Series>>,
    /// The 10-year Treasury yield over it; None when nothing is known of it.
    pub yields: Option<Arc<Levels>>,
    /// What the desks of the same session and closes have regressed already.
    pub designs: Arc<Designs>,
}

/// The moves of the market that are looked at when nobody names any: returns.
pub const MARKET_MOVES: [f64; 2] = [0.01, -0.01];
/// The same of the ten-year yield: absolute changes.
pub const RATE_MOVES: [f64; 2] = [0.005, -0.005];

/// The sessions that betas are estimated from.
pub fn window(book: &Book, calendar: &Calendar) -> Window {
    Window::ending(book.horizon.as_of, WINDOW, calendar)
}

/// A position with what moves it.
#[derive(Clone, Debug)]
pub struct Held {
    pub exposed: Exposed,
    /// Where what moves it is among the desk's instruments.
    instrument: usize,
    /// At its own price, of an option its premium; one that has none is at its model's.
    holding: Holding,
    /// Signed money at that price.
    value: f64,
    /// Signed money, through delta.
    exposure: f64,
    sector: Option<String>,
    industry: Option<String>,
    /// Of an option that a model has valued.
    pricing: Option<Pricing>,
}

/// A book, ready to be stressed.
#[derive(Debug)]
pub struct Desk {
    pub book: Arc<Book>,
    held: Vec<Held>,
    /// Positions without a delta, or without a price that a model could stand in for.
    unknown: Vec<Excluded>,
    drivers: Drivers,
    /// What moves the positions, each once, with its returns over the window.
    instruments: Vec<(InstrumentId, Arc<Returns>)>,
    designs: Arc<Designs>,
    levels: Vec<Option<f64>>,
    levels_quality: Quality,
}

impl Desk {
    pub fn new(book: Arc<Book>, greeks: &BookGreeks, inputs: &Inputs, calendar: &Calendar) -> Self {
        let window = window(&book, calendar);
        let deltas = greeks.deltas();
        let (known, mut unknown) = factors::exposed(&book.lines, Basis::DeltaAdjusted, &deltas);
        let mut held = Vec::with_capacity(known.len());
        let mut instruments = Vec::new();
        let mut places = HashMap::new();
        for one in known {
            let id = one.instrument;
            let place = *places.entry(id).or_insert(instruments.len());
            if place == instruments.len() {
                let series = inputs.histories.get(&id).map(Arc::as_ref);
                let returns = inputs.designs.returns(id, || window.simple_returns(series));
                instruments.push((id, returns));
            }
            if let Some(own) = Held::new(&one, place, greeks) {
                held.push(own);
            } else {
                let reason = one.line.unpriced_reason().unwrap_or_default();
                unknown.push(Excluded { line: one.line, reason });
            }
        }
        let drivers = Drivers::new(inputs, &window);
        let levels = inputs.yields.as_ref().map(|yields| yields.over(window.sessions()));
        let levels_quality = match &inputs.yields {
            Some(yields) if yields.is_simulated() => Quality::Estimated,
            _ => Quality::Full,
        };
        Self {
            book,
            held,
            unknown,
            drivers,
            instruments,
            designs: Arc::clone(&inputs.designs),
            levels: levels.unwrap_or_default(),
            levels_quality,
        }
    }

    /// What a figure says of itself: over the positions that are in it and those that are not.
    fn standing(included: &[&Held], excluded: &[Excluded], inputs: Quality) -> Standing {
        let (modeled, priced): (Vec<&Held>, Vec<&Held>) =
            included.iter().partition(|one| one.is_modeled());
        let summary = Summary::of(priced.iter().map(|one| one.line()));
        let mut quality = summary.quality().max(inputs);
        if !modeled.is_empty() {
            quality = quality.max(Quality::Estimated);
        }
        if !excluded.is_empty() {
            quality = quality.max(Quality::Limited);
        }
        if included.is_empty() && !excluded.is_empty() {
            quality = Quality::Insufficient;
        }
        let mut warnings = Vec::from_iter(factors::left_out(excluded, included.len()));
        warnings.extend(at_model_prices(&modeled));
        warnings.extend(summary.warnings());
        let coverage = factors::coverage(included.iter().map(|one| &one.exposed), excluded);
        Standing { quality, warnings, coverage }
    }

    /// The level of the VIX, in percent, that its shocks start from.
    pub fn vix_level(&self) -> Option<f64> {
        self.drivers.vix
    }

    /// What a profit or loss is a share of: the total value, or the gross exposure where that is
    /// not above zero, of options without a price at that of their model.
    fn base(&self) -> Decimal {
        let value = self.book.total_value();
        if value > Decimal::ZERO {
            return value;
        }
        let modeled = self.held.iter().filter(|one| one.is_modeled());
        modeled
            .filter_map(|one| one.holding.exposure())
            .fold(self.book.totals().gross_exposure(), |sum, own| sum.saturating_add(own.abs()))
    }

    /// A profit or loss as a share of the base; zero for nothing of nothing.
    fn share(&self, pnl: Decimal) -> f64 {
        let share = pnl.checked_div(self.base()).and_then(|share| share.to_f64());
        // Decimals and floats have a zero below zero, which nobody asked for.
        share.unwrap_or(0.0) + 0.0
    }

    fn result(&self, pnl: Decimal) -> Total {
        let share = self.share(pnl);
        Total {
            pnl,
            share,
            new_total_value: self.book.total_value().saturating_add(pnl),
            severity: Severity::of_pnl(share),
        }
    }
}

impl Held {
    fn new(exposed: &Exposed, instrument: usize, greeks: &BookGreeks) -> Option<Self> {
        let line = &exposed.line;
        let own = &line.position.instrument;
        let greeks = greeks.line(line);
        let modeled = || greeks.and_then(|greeks| greeks.theoretical_price);
        let holding = Holding { price: line.holding().price.or_else(modeled), ..*line.holding() };
        Some(Self {
            value: holding.exposure()?.to_f64()?,
            holding,
            exposure: exposed.exposure.to_f64()?,
            sector: own.sector.clone(),
            industry: own.industry.clone(),
            pricing: greeks.and_then(|greeks| greeks.pricing.clone()),
            exposed: exposed.clone(),
            instrument,
        })
    }

    fn line(&self) -> &Arc<Line> {
        &self.exposed.line
    }

    /// Whether it has no price but its model's.
    fn is_modeled(&self) -> bool {
        self.line().holding().price.is_none()
    }
}

/// How far a figure can be trusted, and what it speaks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    pub quality: Quality,
    pub warnings: Vec<String>,
    pub coverage: Coverage,
}

impl Standing {
    /// Whether there are figures: else there is nothing that they were of, and zeros say nothing.
    pub fn is_known(&self) -> bool {
        self.quality != Quality::Insufficient
    }
}

/// A profit or loss of a book and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    pub pnl: Decimal,
    /// Of the total value, or of the gross exposure where that is not above zero.
    pub share: f64,
    pub new_total_value: Decimal,
    pub severity: Severity,
}

/// What one position makes or loses.
#[derive(Clone, Debug)]
pub struct PositionPnl {
    pub line: Arc<Line>,
    pub pnl: Decimal,
}

/// Positions by the size of what they make or lose, the largest first.
fn by_size(pnls: impl Iterator<Item = PositionPnl>) -> Vec<PositionPnl> {
    let mut pnls: Vec<_> = pnls.collect();
    pnls.sort_by_key(|one| (std::cmp::Reverse(one.pnl.abs()), one.line.position.id));
    pnls
}

/// Money of an estimate, to eight decimals.
fn money(amount: f64) -> Decimal {
    const DECIMALS: u32 = 8;
    rounded(amount, DECIMALS).unwrap_or_default()
}

fn sum(amounts: impl Iterator<Item = Decimal>) -> Decimal {
    amounts.fold(Decimal::ZERO, Decimal::saturating_add)
}

/// A sentence about options without a price of their own, the first few by name.
fn at_model_prices(modeled: &[&Held]) -> Option<String> {
    let start = match modeled.len() {
        0 => return None,
        1 => "1 option has no price and counts with its model's".to_owned(),
        all => format!("{all} options have no price and count with their model's"),
    };
    let named = factors::named(modeled.iter().map(|one| one.line()));
    Some(format!("{start}, which the total value does not contain: {named}."))
}

/// Why a position that has no betas is left out.
fn without_betas(held: &Held, Insufficient { reason, .. }: &Insufficient) -> Excluded {
    let line = Arc::clone(held.line());
    Excluded { reason: format!("No betas of {}: {reason}", line.underlying()), line }
}
