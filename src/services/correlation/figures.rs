//! What is found of how a book moves together, and what is kept of that.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sigmasight_analytics::correlation::Correlations;

use super::{Analysis, Cluster, rows};
use crate::domain::id::PositionId;
use crate::domain::page::MAX_PAGE_SIZE;
use crate::domain::quality::{Coverage, Quality};
use crate::services::factors::Excluded;
use crate::services::valuation::Book;

/// The figures of an analysis, without the positions that they are of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Of the entries, ascending.
    pub symbols: Vec<String>,
    pub correlations: Option<Correlations>,
    /// Mean over the pairs; None for fewer than two symbols.
    pub average: Option<f64>,
    /// Share of the exposure that sits in clusters; None without any.
    pub concentration_score: Option<f64>,
    /// 1 / a′Ca over the absolute weights a.
    pub effective_positions: Option<f64>,
    /// Of two and more, the largest first.
    pub clusters: Vec<Cluster>,
    pub quality: Quality,
    pub coverage: Coverage,
    /// What is left out and why; where there was nothing to look at, that.
    pub warnings: Vec<String>,
}

/// Two symbols of an analysis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Places in `symbols`.
    pub a: usize,
    pub b: usize,
    pub correlation: f64,
    /// Sessions that both have.
    pub observations: usize,
}

impl Figures {
    /// Row by row; empty when there is none.
    pub fn matrix(&self) -> Vec<Vec<f64>> {
        self.correlations.as_ref().map(rows).unwrap_or_default()
    }

    /// The pairs whose correlation is at least this far from zero, the furthest first.
    pub fn pairs(&self, min_abs: f64) -> Vec<Pair> {
        let Some(all) = &self.correlations else { return Vec::new() };
        let places = (0..self.symbols.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let mut pairs: Vec<_> = places
            .filter_map(|(a, b)| {
                let correlation = all.at(a, b)?;
                (correlation.abs() >= min_abs).then(|| Pair {
                    a,
                    b,
                    correlation,
                    observations: all.overlap(a, b),
                })
            })
            .collect();
        pairs.sort_by(|one, other| {
            let by_size = other.correlation.abs().total_cmp(&one.correlation.abs());
            by_size.then((one.a, one.b).cmp(&(other.a, other.b)))
        });
        pairs
    }
}

/// An analysis as it is kept, its positions by their ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptAnalysis {
    pub figures: Figures,
    /// With the reasons, as many as can be asked for.
    excluded: Vec<(PositionId, String)>,
}

impl From<Analysis> for KeptAnalysis {
    fn from(found: Analysis) -> Self {
        let excluded = found.excluded.into_iter().take(MAX_PAGE_SIZE);
        Self {
            figures: found.figures,
            excluded: excluded.map(|one| (one.line.position.id, one.reason)).collect(),
        }
    }
}

impl KeptAnalysis {
    /// With the positions of the book that it is of.
    pub fn of(self, book: &Book) -> (Figures, Vec<Excluded>) {
        let excluded = self.excluded.into_iter().filter_map(|(position, reason)| {
            Some(Excluded { line: Arc::clone(book.line(position)?), reason })
        });
        let excluded = excluded.collect();
        (self.figures, excluded)
    }
}
