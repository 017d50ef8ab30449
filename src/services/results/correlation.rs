//! How what books hold moves together, and the factors.

use chrono::{DateTime, NaiveDate, Utc};

use super::latest::latest;
use super::{Desks, Rows, Table};
use crate::domain::factor::Factor;
use crate::domain::result::{
    self, Cluster, Correlations, FactorCorrelations, LatestKind, Of, Pair,
};
use crate::error::Error;
use crate::services::correlation::{
    self, CLUSTER_THRESHOLD, DECAY, Figures, Filter, KeptAnalysis, LOOKBACK, analyze, choose,
};
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::window::Window;

/// Pairs that are kept: the furthest from zero.
const KEPT_PAIRS: usize = 50;

pub(super) fn rows(desks: &Desks, night: &Night, meter: &Meter) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::Correlations]);
    let window = night.window.last(LOOKBACK);
    for book in &desks.books {
        meter.goes_on()?;
        let gross = book.totals().gross_exposure();
        let chosen = choose(&book.lines, gross, &Filter::default());
        let histories = night.histories(chosen.entries.iter().map(|entry| entry.instrument));
        let found = analyze(chosen, &histories, &window, CLUSTER_THRESHOLD);
        rows.extend(Table::Correlations, [row(desks.of(book), &found.figures)])?;
        let kept = [KeptAnalysis::from(found)];
        rows.latest.extend(latest((book, LatestKind::Correlations), desks, night, &kept)?);
    }
    Ok(rows)
}

fn row(of: Of, found: &Figures) -> Correlations {
    let symbol = |at: usize| found.symbols.get(at).cloned().unwrap_or_default();
    let pair = |pair: correlation::Pair| Pair {
        a: symbol(pair.a),
        b: symbol(pair.b),
        correlation: pair.correlation,
        observations: pair.observations,
    };
    let cluster = |cluster: &correlation::Cluster| Cluster {
        nickname: cluster.nickname.clone(),
        symbols: cluster.symbols.clone(),
        average: cluster.average,
        total_value: cluster.total_value,
        weight: cluster.weight,
    };
    Correlations {
        of,
        average: found.average,
        concentration_score: found.concentration_score,
        effective_positions: found.effective_positions,
        clusters: found.clusters.iter().map(cluster).collect(),
        pairs: found.pairs(0.0).into_iter().take(KEPT_PAIRS).map(pair).collect(),
        quality: found.quality,
        covered: found.coverage.into(),
        symbols: found.symbols.clone(),
    }
}

pub(super) fn factors(night: &Night) -> correlation::FactorCorrelations {
    let returns = night.factor_returns(&night.window, Window::log_returns);
    correlation::factor_correlations(&returns, DECAY)
}

pub(super) fn factors_row(
    found: &correlation::FactorCorrelations,
    date: NaiveDate,
    now: DateTime<Utc>,
) -> FactorCorrelations {
    FactorCorrelations {
        date,
        factors: found.factors.iter().copied().map(Factor::name).collect(),
        matrix: found.matrix.concat(),
        observations: result::count(found.observations),
        quality: found.quality,
        warnings: found.warnings.clone(),
        created_at: now,
    }
}
