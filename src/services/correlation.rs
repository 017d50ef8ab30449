//! How what a book holds moves together: correlations, the clusters they form, and how much of the
//! book sits in few of them.
//!
//! Positions are put together by what moves them: an option is of its underlying. A pair is judged
//! by the sessions that both have, aligned before anything is computed, and says how many.

mod cluster;
mod concentration;
mod factors;
mod figures;

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::correlation::{Correlations, MIN_OVERLAP, concentration_score};

pub use cluster::Cluster;
pub use concentration::{Concentration, Share, concentration};
pub use factors::{FactorCorrelations, factor_correlations};
pub use figures::{Figures, KeptAnalysis, Pair};

use super::factors::{Basis, Deltas, Excluded, Exposed, exposed, left_out, moves_with};
use super::risk::Histories;
use super::valuation::{Filter as Selection, Line, Summary, View};
use super::window::{Window, doubts};
use crate::domain::id::InstrumentId;
use crate::domain::position::PositionType;
use crate::domain::quality::{Coverage, Quality};

/// Raised whenever the same inputs would give another figure.
pub const MODEL_VERSION: &str = "correlation/2";
/// Most symbols of one matrix, the largest: a quarter of a million numbers.
pub const MAX_SYMBOLS: usize = 500;
/// Returns that correlations of a book look back on when nobody says.
pub const LOOKBACK: usize = 90;
/// Size of a correlation from which on two symbols are linked when nobody says.
pub const CLUSTER_THRESHOLD: f64 = 0.7;
/// Weight of a session over that of the one after it, of the factors when nobody says.
pub const DECAY: f64 = 0.94;

/// Which of the least sizes a position has to reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilterMode {
    Value,
    Weight,
    #[default]
    Both,
    Either,
}

/// Which positions are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Least size of the exposure.
    pub min_value: Decimal,
    /// Least share of the gross exposure.
    pub min_weight: f64,
    pub mode: FilterMode,
    pub types: Option<Vec<PositionType>>,
    pub view: View,
}

impl Default for Filter {
    /// What is worth 10,000 and 1 % of the gross exposure.
    fn default() -> Self {
        Self {
            min_value: Decimal::from(10_000),
            min_weight: 0.01,
            mode: FilterMode::Both,
            types: None,
            view: View::All,
        }
    }
}

/// What moves some positions of a book, with the positions.
#[derive(Clone, Debug)]
pub struct Entry {
    pub symbol: String,
    pub instrument: InstrumentId,
    /// Σ|exposure| of its positions at their own prices: an option beside its share adds to it.
    pub exposure: Decimal,
    pub lines: Vec<Arc<Line>>,
}

/// What is to be correlated, by symbol; and what is too small or unknown.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub entries: Vec<Entry>,
    pub excluded: Vec<Excluded>,
}

/// Chooses from the lines of a book whose gross exposure is given.
pub fn choose(lines: &[Arc<Line>], gross_exposure: Decimal, filter: &Filter) -> Chosen {
    let sides =
        Selection { types: filter.types.clone(), view: filter.view, ..Selection::default() };
    let lines: Vec<_> = lines.iter().filter(|line| sides.keeps(line)).cloned().collect();
    let (known, mut excluded) = exposed(&lines, Basis::Dollar, &Deltas::new());
    let mut entries = BTreeMap::<InstrumentId, Entry>::new();
    for one in known {
        if let Some(reason) = filter.too_small(&one, gross_exposure) {
            excluded.push(Excluded { line: one.line, reason });
            continue;
        }
        let entry = entries.entry(one.instrument).or_insert_with(|| Entry {
            symbol: one.line.underlying().to_owned(),
            instrument: moves_with(&one.line),
            exposure: Decimal::ZERO,
            lines: Vec::new(),
        });
        entry.exposure = entry.exposure.saturating_add(one.exposure.abs());
        entry.lines.push(one.line);
    }
    let mut entries: Vec<_> = entries.into_values().collect();
    entries.sort_by(|a, b| b.exposure.abs().cmp(&a.exposure.abs()).then(a.symbol.cmp(&b.symbol)));
    for entry in entries.drain(MAX_SYMBOLS.min(entries.len())..) {
        let reason =
            format!("{MAX_SYMBOLS} larger symbols are there already, the most of a matrix.");
        let of = |line| Excluded { line, reason: reason.clone() };
        excluded.extend(entry.lines.into_iter().map(of));
    }
    entries.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Chosen { entries, excluded }
}

impl Filter {
    fn too_small(&self, one: &Exposed, gross_exposure: Decimal) -> Option<String> {
        const SHARE_DECIMALS: u32 = 6;
        let size = one.exposure.abs();
        let share = size.checked_div(gross_exposure).unwrap_or_default();
        let has_value = size >= self.min_value;
        let has_weight = share.to_f64().unwrap_or(0.0) >= self.min_weight;
        let value = || {
            let least = self.min_value.normalize();
            format!("is worth {}, below minPositionValue {least}", size.round_dp(2))
        };
        let weight = || {
            let share = share.round_dp(SHARE_DECIMALS).normalize();
            format!("is {share} of the gross exposure, below minWeight {}", self.min_weight)
        };
        let symbol = &one.line.position.instrument.symbol;
        let too_small = match (self.mode, has_value, has_weight) {
            (FilterMode::Value, false, _) | (FilterMode::Both, false, true) => value(),
            (FilterMode::Weight, _, false) | (FilterMode::Both, true, false) => weight(),
            (FilterMode::Both | FilterMode::Either, false, false) => {
                format!("{}, and {}", value(), weight())
            }
            _ => return None,
        };
        Some(format!("{symbol} {too_small}."))
    }
}

/// What a book's entries have to do with each other.
#[derive(Clone, Debug)]
pub struct Analysis {
    pub figures: Figures,
    /// Those that have a correlation with each other, by symbol.
    pub entries: Vec<Entry>,
    pub excluded: Vec<Excluded>,
}

/// Correlates the log returns of what was chosen; |ρ| from `cluster_threshold` on links two.
pub fn analyze(
    chosen: Chosen,
    histories: &Histories,
    window: &Window,
    cluster_threshold: f64,
) -> Analysis {
    let Chosen { mut entries, mut excluded } = chosen;
    let returns: Vec<_> = entries
        .iter()
        .map(|entry| window.log_returns(histories.get(&entry.instrument).map(Arc::as_ref)))
        .collect();
    let all = Correlations::pairwise(&returns, MIN_OVERLAP).ok();
    let kept = all.as_ref().map(Correlations::well_defined).unwrap_or_default();
    let correlations = all.map(|all| all.subset(&kept)).filter(|_| !kept.is_empty());
    let mut quality = kept.iter().map(|at| returns[*at].quality).max().unwrap_or(Quality::Full);
    let mut place = 0;
    entries.retain(|entry| {
        let is_kept = kept.binary_search(&place).is_ok();
        if !is_kept {
            let reason = format!(
                "{} has {} returns in the window of {}; a pair needs {MIN_OVERLAP} in common, and \
                 prices that move.",
                entry.symbol,
                returns[place].observations(),
                window.len()
            );
            let of = |line: &Arc<Line>| Excluded { line: Arc::clone(line), reason: reason.clone() };
            excluded.extend(entry.lines.iter().map(of));
        }
        place += 1;
        is_kept
    });

    let exposures: Vec<_> =
        entries.iter().map(|entry| entry.exposure.to_f64().unwrap_or_default()).collect();
    let lines = || entries.iter().flat_map(|entry| &entry.lines);
    quality = quality.max(Summary::of(lines()).quality());
    let included = lines().count();
    if !excluded.is_empty() {
        quality = quality.max(Quality::Limited);
    }
    if correlations.is_none() {
        quality = Quality::Insufficient;
    }
    let groups =
        correlations.as_ref().map(|all| all.clusters(cluster_threshold)).unwrap_or_default();
    let size = |holding: &sigmasight_analytics::exposure::Holding| {
        holding.market_value().unwrap_or_else(|| holding.cost_basis().abs())
    };
    let sum = |lines: &mut dyn Iterator<Item = &Arc<Line>>| {
        lines.fold(Decimal::ZERO, |sum, line| sum.saturating_add(size(line.holding())))
    };
    let figures = Figures {
        symbols: entries.iter().map(|entry| entry.symbol.clone()).collect(),
        average: correlations.as_ref().and_then(Correlations::average),
        concentration_score: concentration_score(&groups, &exposures),
        effective_positions: correlations
            .as_ref()
            .and_then(|all| all.effective_positions(&exposures)),
        clusters: cluster::named(&groups, &entries, correlations.as_ref()),
        coverage: Coverage {
            included_positions: included,
            excluded_positions: excluded.len(),
            included_exposure: sum(&mut lines()),
            excluded_exposure: sum(&mut excluded.iter().map(|one| &one.line)),
        },
        quality,
        warnings: warnings(&excluded, included)
            .into_iter()
            .chain(doubts("symbols", kept.iter().filter_map(|at| returns.get(*at))))
            .collect(),
        correlations,
    };
    Analysis { figures, entries, excluded }
}

/// What is left out and why; where there was nothing to look at, that.
fn warnings(excluded: &[Excluded], included: usize) -> Vec<String> {
    const NOTHING: &str = "Nothing that is open on the session is there to correlate.";
    let said = left_out(excluded, included);
    let is_nothing = included == 0 && said.is_none();
    said.into_iter().chain(is_nothing.then(|| NOTHING.to_owned())).collect()
}

/// A complete matrix row by row.
fn rows(correlations: &Correlations) -> Vec<Vec<f64>> {
    let values = correlations.as_slice().unwrap_or_default();
    values.chunks_exact(correlations.size().max(1)).map(<[f64]>::to_vec).collect()
}

/// Mean correlation of the log returns of some instruments over the pairs that have one; None
/// where none has.
pub fn average(
    instruments: impl Iterator<Item = InstrumentId>,
    histories: &Histories,
    window: &Window,
) -> Option<f64> {
    let returns: Vec<_> =
        instruments.map(|id| window.log_returns(histories.get(&id).map(Arc::as_ref))).collect();
    Correlations::pairwise(&returns, MIN_OVERLAP).ok()?.average()
}

#[cfg(test)]
mod tests;
