//! How the factors move together.

use serde::{Deserialize, Serialize};
use sigmasight_analytics::correlation::{Correlations, Covariance, MIN_OVERLAP};
use sigmasight_analytics::returns::{at_rows, complete_rows};

use super::rows as matrix;
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::services::window::Returns;

/// Exponentially weighted correlations of the factors' log returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorCorrelations {
    /// Those that have enough returns; empty when there is no matrix.
    pub factors: Vec<Factor>,
    /// Row by row; empty when there is none.
    pub matrix: Vec<Vec<f64>>,
    /// Sessions in which all of these have a return.
    pub observations: usize,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

/// The newest session weighs most, the one before it `decay` times as much. Factors with fewer
/// than [`MIN_OVERLAP`] returns are left out, and so is one whose returns do not vary.
pub fn factor_correlations(series: &[(Factor, Returns)], decay: f64) -> FactorCorrelations {
    let (present, absent): (Vec<_>, Vec<_>) =
        series.iter().partition(|(_, returns)| returns.observations() >= MIN_OVERLAP);
    let mut warnings: Vec<_> = absent
        .iter()
        .map(|(factor, returns)| {
            let got = returns.observations();
            format!("{factor} is left out: it has {got} returns, {MIN_OVERLAP} are needed.")
        })
        .collect();
    let returns: Vec<_> = present.iter().map(|(_, returns)| returns).collect();
    let rows = if returns.is_empty() { Vec::new() } else { complete_rows(&returns) };
    let dense: Vec<_> = returns.iter().filter_map(|r| at_rows(&r.values, &rows)).collect();
    let all = Covariance::ewma(&dense, decay)
        .ok()
        .filter(|_| rows.len() >= MIN_OVERLAP)
        .map(|covariance| covariance.correlations());
    let kept = all.as_ref().map(Correlations::well_defined).unwrap_or_default();
    if kept.is_empty() {
        let got = rows.len();
        warnings.push(format!(
            "{got} sessions have a return of every factor; {MIN_OVERLAP} are needed."
        ));
    }
    let quality = returns.iter().map(|returns| returns.quality).max().unwrap_or(Quality::Full);
    let is_whole = kept.len() == series.len();
    FactorCorrelations {
        factors: kept.iter().map(|at| present[*at].0).collect(),
        matrix: all.map(|all| matrix(&all.subset(&kept))).unwrap_or_default(),
        observations: rows.len(),
        quality: match (kept.is_empty(), is_whole) {
            (true, _) => Quality::Insufficient,
            (false, true) => quality,
            (false, false) => quality.max(Quality::Limited),
        },
        warnings,
    }
}
