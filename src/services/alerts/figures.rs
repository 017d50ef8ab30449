//! What rules are held against: the figures of a book as the graph shows them, by the functions
//! that it shows them with.

use std::collections::BTreeSet;
use std::sync::Arc;

use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::performance::wealth;
use sigmasight_analytics::risk::drawdown::current_drawdown;

use crate::domain::alert::{AlertRule, Metric};
use crate::domain::calendar::Calendar;
use crate::domain::quality::Quality;
use crate::domain::reference::BENCHMARK;
use crate::domain::scenario::Scenario;
use crate::domain::snapshot::Snapshot;
use crate::services::correlation::{Share, concentration};
use crate::services::factors::{Basis, BookBetas, Estimates};
use crate::services::greeks::{BookGreeks, Sums};
use crate::services::risk::{self, Benchmark, Histories};
use crate::services::stress::Desk;
use crate::services::valuation::{Book, Line, leverage, net_leverage};
use crate::services::window::Window;

/// A figure of one thing, or of the whole book.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// A symbol, sector, factor or scenario; empty for the whole book.
    pub key: String,
    /// What a rule's key names where that is not the reading's: the underlying of an option.
    pub under: Option<String>,
    /// None while it is not known.
    pub value: Option<f64>,
}

impl Reading {
    fn of(key: impl Into<String>, value: Option<f64>) -> Self {
        Self { key: key.into(), under: None, value: value.filter(|value| value.is_finite()) }
    }

    fn whole(value: Option<f64>) -> Vec<Self> {
        vec![Self::of("", value)]
    }
}

/// What the figures are made of beside the book. What no rule needs is None.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    pub greeks: Option<&'a BookGreeks>,
    pub estimates: Option<&'a Estimates>,
    /// Closes of what moves the positions, over a year.
    pub histories: Option<(&'a Histories, &'a Window)>,
    pub desk: Option<&'a Desk>,
    /// The active ones.
    pub scenarios: &'a [Arc<Scenario>],
    /// A year of them up to the book's session, the oldest first.
    pub snapshots: &'a [Snapshot],
}

/// What some metrics are made of, beside the book.
#[expect(clippy::struct_excessive_bools, reason = "each is read or not, whatever the others")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub greeks: bool,
    pub histories: bool,
    pub desk: bool,
    pub scenarios: bool,
    pub snapshots: bool,
}

pub fn wanted(metrics: impl IntoIterator<Item = Metric>) -> Wanted {
    let mut wanted = Wanted::default();
    for metric in metrics {
        wanted.greeks |= matches!(
            metric,
            Metric::MarketBeta
                | Metric::FactorBeta
                | Metric::Volatility
                | Metric::StressLossRatio
                | Metric::DeltaDollars
        );
        wanted.histories |= matches!(
            metric,
            Metric::MarketBeta | Metric::FactorBeta | Metric::Volatility | Metric::StressLossRatio
        );
        wanted.desk |= matches!(metric, Metric::MarketBeta | Metric::StressLossRatio);
        wanted.scenarios |= metric == Metric::StressLossRatio;
        wanted.snapshots |= matches!(metric, Metric::Drawdown | Metric::DailyPnlRatio);
    }
    wanted
}

/// A metric of a book: one reading of the whole, or one of each thing there is.
pub fn readings(
    metric: Metric,
    book: &Book,
    inputs: &Inputs<'_>,
    calendar: &Calendar,
) -> Vec<Reading> {
    match metric {
        Metric::NetExposureRatio => Reading::whole(net_leverage(book.totals(), book)),
        Metric::GrossExposureRatio => Reading::whole(leverage(book.totals(), book)),
        Metric::PositionWeight => {
            let shares = concentration(&book.lines).instruments;
            weights(book, shares, |line| Some(line.position.instrument.symbol.as_str()))
        }
        Metric::SectorWeight => {
            let shares = concentration(&book.lines).sectors;
            weights(book, shares, |line| line.position.instrument.sector.as_deref())
        }
        Metric::MarketBeta => {
            let moves = inputs.desk.and_then(|desk| desk.market_moves(&[0.0]).ok());
            Reading::whole(moves.and_then(|moves| moves.first()?.beta))
        }
        Metric::FactorBeta => {
            let Some((estimates, greeks)) = inputs.estimates.zip(inputs.greeks) else {
                return Vec::new();
            };
            let value = book.total_value();
            let betas = BookBetas::new(estimates).of(
                &book.lines,
                value,
                Basis::DeltaAdjusted,
                &greeks.deltas(),
            );
            betas.into_iter().map(|(factor, beta)| Reading::of(factor.name(), beta)).collect()
        }
        Metric::Volatility => Reading::whole(volatility(book, inputs)),
        Metric::Drawdown => Reading::whole(drawdown(inputs.snapshots, book, calendar)),
        Metric::StressLossRatio => {
            let Some(desk) = inputs.desk else { return Vec::new() };
            desk.run(inputs.scenarios)
                .into_iter()
                .map(|one| {
                    let loss = one.standing.is_known().then_some(0.0 - one.total.share);
                    Reading::of(one.scenario.known_as(), loss)
                })
                .collect()
        }
        Metric::DeltaDollars => {
            let Some(greeks) = inputs.greeks else { return Vec::new() };
            let of = |sums: &Sums| {
                let is_known = sums.quality() != Quality::Insufficient;
                sums.delta_dollars.to_f64().filter(|_| is_known)
            };
            let mut all = Reading::whole(of(&greeks.sums(&book.lines)));
            let each = greeks.by_underlying(&book.lines).into_iter();
            all.extend(each.map(|one| Reading::of(one.symbol, of(&one.sums))));
            all
        }
        Metric::OptionExpiryDays => expiries(book),
        Metric::DailyPnlRatio => {
            let newest = inputs.snapshots.last().filter(|one| one.date == book.horizon.as_of);
            Reading::whole(newest.and_then(|one| one.figures.daily_return))
        }
    }
}

/// What a rule is about, of the readings of its metric. What is named and not held weighs nothing.
pub fn of_rule(rule: &AlertRule, readings: &[Reading]) -> Vec<Reading> {
    let Some(key) = &rule.key else {
        let is_whole = rule.metric == Metric::DeltaDollars;
        return readings.iter().filter(|one| !is_whole || one.key.is_empty()).cloned().collect();
    };
    let is_it = |one: &&Reading| one.key == *key || one.under.as_ref() == Some(key);
    let found: Vec<_> = readings.iter().filter(is_it).cloned().collect();
    let is_sum =
        matches!(rule.metric, Metric::PositionWeight | Metric::SectorWeight | Metric::DeltaDollars);
    if found.is_empty() && is_sum { vec![Reading::of(key.as_str(), Some(0.0))] } else { found }
}

/// Weights by key; unknown of what has a position without a price.
fn weights(
    book: &Book,
    shares: Vec<Share>,
    key: impl for<'a> Fn(&'a Line) -> Option<&'a str>,
) -> Vec<Reading> {
    let unpriced: BTreeSet<_> = book
        .open_lines()
        .filter(|line| line.holding().exposure().is_none())
        .filter_map(|line| key(line))
        .collect();
    let known = shares.into_iter().filter(|share| !share.key.is_empty());
    let known = known.filter(|share| !unpriced.contains(share.key.as_str()));
    let mut all: Vec<_> = known.map(|share| Reading::of(share.key, Some(share.weight))).collect();
    all.extend(unpriced.iter().map(|key| Reading::of(*key, None)));
    all
}

fn volatility(book: &Book, inputs: &Inputs<'_>) -> Option<f64> {
    let (histories, window) = inputs.histories?;
    let deltas = inputs.greeks?.deltas();
    let value = book.total_value();
    // It knows neither a benchmark nor what is free of risk.
    let nobody = Benchmark { symbol: BENCHMARK, series: None };
    let found = risk::metrics(&book.lines, value, &deltas, histories, window, nobody, 0.0);
    found.own.map(|own| own.volatility)
}

/// How far the book is below the highest that its sessions' returns made of it, above zero. None
/// while its newest session has no snapshot, or one in between has none or no return.
fn drawdown(snapshots: &[Snapshot], book: &Book, calendar: &Calendar) -> Option<f64> {
    let newest = snapshots.last().filter(|one| one.date == book.horizon.as_of)?;
    // The first had nothing before it to have a return of.
    let begun = snapshots.iter().position(|one| one.figures.daily_return.is_some())?;
    let known = snapshots.get(begun..)?;
    if calendar.sessions(known.first()?.date, newest.date).count() != known.len() {
        return None;
    }
    let returns: Option<Vec<_>> = known.iter().map(|one| one.figures.daily_return).collect();
    let path = wealth(&returns?).ok()?;
    Some(0.0 - current_drawdown(&path).ok()?)
}

/// Calendar days from the session to the expiry of each option that lives.
fn expiries(book: &Book) -> Vec<Reading> {
    let lives = book.open_lines().filter(|line| !line.is_expired);
    let mut all: Vec<_> = lives
        .filter_map(|line| {
            let instrument = &line.position.instrument;
            let contract = instrument.contract.as_ref()?;
            let days = (contract.expiry - book.horizon.as_of).num_days().to_f64();
            let under = Some(contract.underlying_symbol.clone());
            Some(Reading { under, ..Reading::of(instrument.symbol.as_str(), days) })
        })
        .collect();
    all.dedup();
    all
}
