//! What the returns of a book say about its risk, and where that comes from.
//!
//! The book is the one of the session: its returns are those that what it holds today would have
//! had, each position at today's share of the total value. Options count through their delta, as
//! so many shares of their underlying. Nothing is bought, sold or paid in within the window, so
//! that a figure speaks of the holdings and not of the past of the account.

mod decomposition;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use sigmasight_analytics::performance::wealth;
use sigmasight_analytics::returns::{at_rows, complete_rows};
use sigmasight_analytics::risk::drawdown::{current_drawdown, drawdowns};
use sigmasight_analytics::risk::relative::{MarketModel, information_ratio, tracking_error};
use sigmasight_analytics::risk::tail::{Confidence, parametric_value_at_risk};
use sigmasight_analytics::risk::{self, Metrics};

pub use decomposition::{FactorPart, PositionPart, RiskDecomposition, decompose};

use super::correlation;
use super::factors::{Basis, Deltas, Excluded, Exposed, coverage, exposed, left_out, of_prices};
use super::history::Series;
use super::valuation::Line;
use super::window::{Returns, Window};
use crate::domain::id::InstrumentId;
use crate::domain::quality::{Coverage, Quality};

/// Raised whenever the same inputs would give another figure.
pub const MODEL_VERSION: &str = "risk/2";
/// Fewest sessions that risk is measured over: a month.
pub const MIN_OBSERVATIONS: usize = 20;
/// Fewer than these have less than one session in their worst hundredth.
const OBSERVATIONS_OF_A_TAIL: usize = 100;
/// Share of the returns of the best-known instrument that another one needs to take part: one
/// that was listed last month would otherwise leave a month of the whole book.
const LEAST_SHARE: f64 = 0.9;

/// Adjusted closes by instrument.
pub type Histories = HashMap<InstrumentId, Arc<Series>>;

/// What a book's returns are measured by. Ratios are fractions; None is a figure without a value.
#[derive(Clone, Debug)]
pub struct RiskMetrics {
    /// Sessions that count: those in which everything that takes part has a return; none where
    /// nothing does.
    pub observations: usize,
    /// None unless the total value is above zero, as is all that is a share of it.
    pub own: Option<Metrics>,
    pub losses: Losses,
    pub current_drawdown: Option<f64>,
    /// The deepest first.
    pub drawdowns: Vec<Drawdown>,
    pub against: Against,
    /// Mean over the pairs of what is held, of log returns.
    pub average_correlation: Option<f64>,
    /// What the losses are shares of: the total value, or where that is not above zero Σ|exposure|.
    pub base: Decimal,
    pub quality: Quality,
    pub warnings: Vec<String>,
    pub coverage: Coverage,
}

/// Losses over one session as shares of [`RiskMetrics::base`], above zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    pub historical_95: Option<f64>,
    pub historical_99: Option<f64>,
    /// z σ − μ.
    pub parametric_95: Option<f64>,
    pub parametric_99: Option<f64>,
    pub shortfall_95: Option<f64>,
    pub shortfall_99: Option<f64>,
}

impl Losses {
    /// Of returns whose own figures are known.
    fn of(returns: &[f64], own: Option<&Metrics>) -> Self {
        let deviation = risk::standard_deviation(returns).ok();
        let mean = risk::mean(returns).ok();
        let parametric = |level| parametric_value_at_risk(mean?, deviation?, level).ok();
        Self {
            historical_95: own.map(|own| own.value_at_risk_95),
            historical_99: own.map(|own| own.value_at_risk_99),
            parametric_95: parametric(Confidence::P95),
            parametric_99: parametric(Confidence::P99),
            shortfall_95: own.map(|own| own.expected_shortfall_95),
            shortfall_99: own.map(|own| own.expected_shortfall_99),
        }
    }
}

/// A book against its benchmark, over the sessions that both have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Against {
    pub beta: Option<f64>,
    /// Compounded over a year.
    pub alpha: Option<f64>,
    /// Annualized.
    pub tracking_error: Option<f64>,
    pub information_ratio: Option<f64>,
}

/// A fall from a peak, by dates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawdown {
    /// A return, below zero.
    pub depth: f64,
    pub peak: NaiveDate,
    pub valley: NaiveDate,
    /// None while it lasts.
    pub recovery: Option<NaiveDate>,
    /// Sessions from the peak to the recovery, or to the end.
    pub days: usize,
}

/// The benchmark that a book is held against.
#[derive(Clone, Copy, Debug)]
pub struct Benchmark<'a> {
    pub symbol: &'a str,
    /// None when nothing is known of it.
    pub series: Option<&'a Series>,
}

/// The figures of some lines of a book. `total_value` is that of the whole book, whichever lines
/// they are: the figures of its long and its short side add up to those of the book.
///
/// `risk_free` is per session, and the threshold of downside risk, Sortino and Omega. The figures
/// of the book by itself do not know the benchmark.
pub fn metrics(
    lines: &[Arc<Line>],
    total_value: Decimal,
    deltas: &Deltas,
    histories: &Histories,
    window: &Window,
    benchmark: Benchmark<'_>,
    risk_free: f64,
) -> RiskMetrics {
    let (known, mut excluded) = exposed(lines, Basis::DeltaAdjusted, deltas);
    let moves = Moves::of(known, &mut excluded, histories, window);
    let (_, mut warnings) = of_prices(moves.positions.iter().map(|one| &one.line));
    warnings.extend(left_out(&excluded, moves.positions.len()));
    let mut quality = moves.quality;
    if !excluded.is_empty() {
        quality = quality.max(Quality::Limited);
    }
    let mut metrics = RiskMetrics {
        observations: if moves.instruments.is_empty() { 0 } else { moves.rows.len() },
        own: None,
        losses: Losses::default(),
        current_drawdown: None,
        drawdowns: Vec::new(),
        against: Against::default(),
        average_correlation: None,
        base: total_value,
        quality: Quality::Insufficient,
        warnings,
        coverage: coverage(moves.positions.iter(), &excluded),
    };
    if moves.positions.is_empty() && !excluded.is_empty() {
        return metrics;
    }
    if moves.rows.len() < MIN_OBSERVATIONS {
        metrics.warnings.push(format!(
            "{} sessions have a return of everything held; {MIN_OBSERVATIONS} are needed.",
            moves.rows.len()
        ));
        return metrics;
    }
    if moves.rows.len() < OBSERVATIONS_OF_A_TAIL {
        metrics.warnings.push(format!(
            "{} sessions say little of losses that occur in one of a hundred.",
            moves.rows.len()
        ));
    }

    let is_above_zero = total_value > Decimal::ZERO;
    if !is_above_zero {
        metrics.base = moves.gross();
        let reason = "The total value is not above zero: what is a share of it has no value.";
        metrics.warnings.push(reason.into());
    }
    let returns = moves.book_returns(metrics.base.to_f64().unwrap_or_default());
    let own = Metrics::of(&returns, risk_free).ok();
    metrics.losses = Losses::of(&returns, own.as_ref());
    metrics.average_correlation = moves.average_correlation(histories, window);
    if own.is_none() {
        metrics.warnings.push("The returns are too large to be measured.".into());
    }
    metrics.quality = if own.is_some() { quality } else { Quality::Insufficient };
    if !is_above_zero {
        return metrics;
    }
    if let Ok(path) = wealth(&returns) {
        metrics.current_drawdown = current_drawdown(&path).ok();
        metrics.drawdowns = dated(&path, &moves.rows, window);
    }
    metrics.own = own;
    let returns_of_benchmark = window.simple_returns(benchmark.series);
    if moves.instruments.is_empty() && returns_of_benchmark.observations() >= MIN_OBSERVATIONS {
        // What never moves has no session to be compared in.
        return metrics;
    }
    metrics.against = against(&returns, &moves.rows, &returns_of_benchmark, risk_free);
    if metrics.against.beta.is_none() {
        metrics.warnings.push(format!(
            "{} has {} returns in the window, too few to compare with.",
            benchmark.symbol,
            returns_of_benchmark.observations()
        ));
        metrics.quality = metrics.quality.max(Quality::Limited);
    }
    metrics
}

/// The money of a book in each instrument, with the returns that move it.
struct Moves {
    positions: Vec<Exposed>,
    /// By instrument: signed money, and returns over the window.
    instruments: BTreeMap<InstrumentId, (f64, Returns)>,
    /// Sessions of the window in which all of them have a return.
    rows: Vec<usize>,
    quality: Quality,
}

impl Moves {
    /// Leaves out what too little is known of.
    fn of(
        known: Vec<Exposed>,
        excluded: &mut Vec<Excluded>,
        histories: &Histories,
        window: &Window,
    ) -> Self {
        let mut instruments = BTreeMap::new();
        for one in &known {
            let (exposure, _) = instruments.entry(one.instrument).or_insert_with(|| {
                let series = histories.get(&one.instrument).map(Arc::as_ref);
                (0.0, window.simple_returns(series))
            });
            *exposure += one.exposure.to_f64().unwrap_or_default();
        }
        let counts = instruments.values().map(|(_, returns)| returns.observations());
        let most = counts.max().unwrap_or(0);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a window of some years"
        )]
        let least = ((most as f64 * LEAST_SHARE).ceil() as usize).max(1);
        let mut too_short = HashMap::new();
        instruments.retain(|id, (_, returns)| {
            let count = returns.observations();
            let is_enough = count >= least;
            if !is_enough {
                too_short.insert(*id, count);
            }
            is_enough
        });
        let mut positions = Vec::new();
        for one in known {
            match too_short.get(&one.instrument) {
                None => positions.push(one),
                Some(count) => {
                    let reason = format!(
                        "{} has {count} returns in the window of {}, {} are needed beside the \
                         others.",
                        one.line.underlying(),
                        window.len(),
                        least.max(MIN_OBSERVATIONS)
                    );
                    excluded.push(Excluded { line: one.line, reason });
                }
            }
        }
        let returns: Vec<_> = instruments.values().map(|(_, returns)| returns).collect();
        let rows =
            if returns.is_empty() { (0..window.len()).collect() } else { complete_rows(&returns) };
        let quality = returns.iter().map(|returns| returns.quality).max();
        let (prices, _) = of_prices(positions.iter().map(|one| &one.line));
        let quality = quality.unwrap_or(Quality::Full).max(prices);
        Self { positions, instruments, rows, quality }
    }

    /// Σ|exposure|.
    fn gross(&self) -> Decimal {
        let sizes = self.positions.iter().map(|one| one.exposure.abs());
        sizes.fold(Decimal::ZERO, Decimal::saturating_add)
    }

    /// What the book would have returned in each session, on a base that is zero for one without
    /// exposure.
    fn book_returns(&self, base: f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.rows.len()];
        for (exposure, returns) in self.instruments.values().filter(|_| base > 0.0) {
            let weight = exposure / base;
            let returns = at_rows(&returns.values, &self.rows).unwrap_or_default();
            for (sum, own) in sums.iter_mut().zip(returns) {
                *sum += weight * own;
            }
        }
        sums
    }

    /// Over the largest of them, for a matrix of all would take long.
    fn average_correlation(&self, histories: &Histories, window: &Window) -> Option<f64> {
        let mut largest: Vec<_> = self.instruments.iter().collect();
        largest.sort_by(|(_, (a, _)), (_, (b, _))| b.abs().total_cmp(&a.abs()));
        let largest = largest.into_iter().take(correlation::MAX_SYMBOLS).map(|(id, _)| *id);
        correlation::average(largest, histories, window)
    }
}

fn against(returns: &[f64], rows: &[usize], benchmark: &Returns, risk_free: f64) -> Against {
    let shared = rows.iter().zip(returns);
    let (own, other): (Vec<f64>, Vec<f64>) = shared
        .filter_map(|(row, own)| Some((*own, benchmark.values.get(*row).copied().flatten()?)))
        .unzip();
    if own.len() < MIN_OBSERVATIONS {
        return Against::default();
    }
    let line = MarketModel::fit(&own, &other, risk_free).ok();
    Against {
        beta: line.map(|line| line.beta),
        alpha: line.map(|line| line.annual_alpha()),
        tracking_error: tracking_error(&own, &other).ok(),
        information_ratio: information_ratio(&own, &other).ok(),
    }
}

/// Drawdowns of a path that begins before the first of some sessions.
fn dated(path: &[f64], rows: &[usize], window: &Window) -> Vec<Drawdown> {
    let sessions = window.sessions();
    let before_first = rows.first().copied();
    let ends = rows.iter().map(|row| row + 1);
    let dates: Vec<_> =
        before_first.into_iter().chain(ends).filter_map(|at| sessions.get(at).copied()).collect();
    let found = drawdowns(path).unwrap_or_default().into_iter();
    found
        .filter_map(|fall| {
            let end = fall.recovery.unwrap_or(path.len().saturating_sub(1));
            Some(Drawdown {
                depth: fall.depth,
                peak: *dates.get(fall.peak)?,
                valley: *dates.get(fall.valley)?,
                recovery: fall.recovery.and_then(|at| dates.get(at).copied()),
                days: end.saturating_sub(fall.peak),
            })
        })
        .collect()
}

/// A share of the total value as money.
pub fn money(share: f64, total_value: Decimal) -> Option<Decimal> {
    const DECIMALS: u32 = 8;
    Some(total_value.checked_mul(Decimal::from_f64(share)?)?.round_dp(DECIMALS))
}

#[cfg(test)]
mod tests;
