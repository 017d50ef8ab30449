//! How what a portfolio holds moves together, and how much of it sits in few positions.

use std::sync::Arc;

use async_graphql::{ComplexObject, Enum, InputObject, SimpleObject};

use super::position::{BookView, PositionType};
use super::quality::{ComputationBasis, Provenance, ProvenanceInput, Quality};
use super::valuation::ExcludedPosition;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::page::{cost, size};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{Request, resolved_warning};
use crate::services::correlation::{self, Analysis, CLUSTER_THRESHOLD, FilterMode, MODEL_VERSION};
use crate::services::valuation::Book;

/// Pairs listed when nobody says how many.
const PAIRS: i32 = 50;
/// Lines of a concentration listed when nobody says how many.
const TOP: i32 = 10;
/// Excluded positions listed when nobody says how many.
const EXCLUDED: i32 = 100;
/// Symbols whose matrix takes no longer than a thread may be kept.
const FEW: usize = 64;

/// Which positions are correlated.
#[derive(Clone, Debug, InputObject)]
pub struct CorrelationFilter {
    /// Least market value, in the portfolio's currency.
    #[graphql(default_with = "Decimal(10_000.into())")]
    min_position_value: Decimal,
    /// Least share of the gross exposure, as a fraction: 0.01 is 1 %.
    #[graphql(default = 0.01)]
    min_weight: f64,
    /// Which of the two a position has to reach.
    #[graphql(default_with = "CorrelationFilterMode::Both")]
    mode: CorrelationFilterMode,
    /// Of these types only.
    types: Option<Vec<PositionType>>,
    /// Which side of the book.
    #[graphql(default_with = "BookView::All")]
    view: BookView,
    /// Size of a correlation from which on two symbols are linked, from 0 to 1.
    #[graphql(default = 0.7)]
    cluster_threshold: f64,
}

impl Default for CorrelationFilter {
    fn default() -> Self {
        let usual = correlation::Filter::default();
        Self {
            min_position_value: Decimal(usual.min_value),
            min_weight: usual.min_weight,
            mode: usual.mode.into(),
            types: None,
            view: usual.view.into(),
            cluster_threshold: CLUSTER_THRESHOLD,
        }
    }
}

/// Which of the least sizes a position has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "FilterMode")]
pub enum CorrelationFilterMode {
    /// `minPositionValue`.
    Value,
    /// `minWeight`.
    Weight,
    /// Both of them.
    Both,
    /// One of them.
    Either,
}

/// How what a portfolio holds moves together: Pearson correlations of daily log returns, each pair
/// over the sessions that both have, at least 20. An option is of its underlying. Figures that have
/// no value, as of a single symbol, are null.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct CorrelationAnalysis {
    /// Of rows and columns of the matrix, ascending; at most 500, the largest.
    symbols: Vec<String>,
    /// Mean correlation over the pairs; null for fewer than two symbols.
    average_correlation: Option<f64>,
    /// Share of the exposure that sits in clusters, from 0 to 1; null without exposure.
    concentration_score: Option<f64>,
    /// 1 / a′Ca over the absolute weights a and the correlations C: as many independent positions
    /// of one size would diversify as much, were every position long.
    effective_positions: Option<f64>,
    /// Symbols linked, pair by pair, by a correlation of the threshold's size; of two and more,
    /// the largest first.
    clusters: Vec<CorrelationCluster>,
    /// Returns that the window has.
    lookback_days: usize,
    /// Positions that are in it.
    included: usize,
    /// The session that the returns end with.
    as_of: Date,
    /// How far it can be trusted.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
    #[graphql(skip)]
    book: Arc<Book>,
    #[graphql(skip)]
    analysis: Analysis,
}

#[ComplexObject]
impl CorrelationAnalysis {
    /// The correlations row by row, ones on the diagonal.
    #[graphql(complexity = 100)]
    async fn matrix(&self) -> Vec<Vec<f64>> {
        self.analysis.matrix()
    }

    /// The pairs, the furthest from zero first.
    #[graphql(complexity = "cost(first.or(Some(PAIRS)), None, child_complexity)")]
    async fn pairs(
        &self,
        #[graphql(desc = "Least size of the correlation; all when left out.")] min_abs: Option<f64>,
        #[graphql(desc = "At most so many, up to 500.", default = 50)] first: Option<i32>,
    ) -> Result<Vec<CorrelationPair>> {
        let most = size("first", first.or(Some(PAIRS)))?;
        let symbol = |at: usize| self.symbols.get(at).cloned().unwrap_or_default();
        let pairs = self.analysis.pairs(min_abs.unwrap_or(0.0)).into_iter().take(most);
        Ok(pairs
            .map(|pair| CorrelationPair {
                a: symbol(pair.a),
                b: symbol(pair.b),
                correlation: pair.correlation,
                observations: pair.observations,
            })
            .collect())
    }

    /// Positions that are too small or that too little is known of, with the reason.
    #[graphql(complexity = "cost(first.or(Some(EXCLUDED)), None, child_complexity)")]
    async fn excluded(
        &self,
        #[graphql(desc = "At most so many, up to 500.", default = 100)] first: Option<i32>,
    ) -> Result<Vec<ExcludedPosition>> {
        let most = size("first", first.or(Some(EXCLUDED)))?;
        Ok(ExcludedPosition::of(&self.book, &self.analysis.excluded, most))
    }

    /// Where the figures come from.
    async fn provenance(&self) -> Provenance {
        Provenance {
            as_of: self.as_of,
            computed_at: self.book.computed_at,
            basis: ComputationBasis::Live,
            method: "PEARSON_LOG_RETURNS".into(),
            model_version: MODEL_VERSION.into(),
            inputs: vec![
                ProvenanceInput::new("lookbackDays", &self.lookback_days).in_unit("sessions"),
                ProvenanceInput::new("symbols", &self.symbols.len()),
            ],
            coverage: self.analysis.coverage.into(),
        }
    }
}

/// How two symbols move together.
#[derive(SimpleObject)]
pub struct CorrelationPair {
    /// The first by symbol.
    a: String,
    /// The second.
    b: String,
    /// From −1 to 1.
    correlation: f64,
    /// Sessions in which both have a return.
    observations: usize,
}

/// Symbols that move as one.
#[derive(SimpleObject)]
pub struct CorrelationCluster {
    /// A tag that all its positions carry, the first by name; else the sector of all; else
    /// `<largest symbol> lookalikes`.
    nickname: String,
    /// The largest first.
    symbols: Vec<String>,
    /// Mean correlation over its pairs: a chain may link symbols below the threshold.
    average_correlation: Option<f64>,
    /// Sum of the sizes of its exposures, in the portfolio's currency.
    total_value: Decimal,
    /// That over the same of all symbols in the analysis.
    weight: f64,
}

impl CorrelationAnalysis {
    pub async fn of_book(
        request: &Request,
        book: Arc<Book>,
        as_of: Option<Date>,
        lookback_days: usize,
        filter: Option<CorrelationFilter>,
    ) -> Result<Self> {
        request.spend(book.lines.len())?;
        let filter = filter.unwrap_or_default();
        let threshold = filter.cluster_threshold;
        if !(0.0..=1.0).contains(&threshold) || !filter.min_weight.is_finite() {
            let message = "`clusterThreshold` must be between 0 and 1.";
            return Err(Refusal::validation(message).into());
        }
        let filter = correlation::Filter {
            min_value: filter.min_position_value.0,
            min_weight: filter.min_weight,
            mode: filter.mode.into(),
            types: filter.types.map(|types| types.into_iter().map(Into::into).collect()),
            view: filter.view.into(),
        };
        let chosen = correlation::choose(&book.lines, book.totals().gross_exposure(), &filter);
        let count = chosen.entries.len();
        request.spend(count.saturating_mul(count) / 10)?;
        let loaders = request.loaders();
        let window = loaders.window(book.horizon.as_of, lookback_days);
        let ids = chosen.entries.iter().map(|entry| entry.instrument).collect();
        let histories = loaders.histories(&window, ids).await?;
        let work = move || correlation::analyze(chosen, &histories, &window, threshold);
        let analysis = if count <= FEW { work() } else { loaders.off_the_threads(work).await? };
        let clusters = analysis.clusters.iter().map(|cluster| CorrelationCluster {
            nickname: cluster.nickname.clone(),
            symbols: cluster.symbols.clone(),
            average_correlation: cluster.average,
            total_value: cluster.total_value.into(),
            weight: cluster.weight,
        });
        let mut warnings = Vec::from_iter(resolved_warning(as_of, book.horizon.as_of));
        warnings.extend(analysis.warnings());
        Ok(Self {
            symbols: analysis.entries.iter().map(|entry| entry.symbol.clone()).collect(),
            average_correlation: analysis.average,
            concentration_score: analysis.concentration_score,
            effective_positions: analysis.effective_positions,
            clusters: clusters.collect(),
            lookback_days,
            included: analysis.coverage.included_positions,
            as_of: book.horizon.as_of.into(),
            quality: analysis.quality.into(),
            warnings,
            book,
            analysis,
        })
    }
}

/// How much of a portfolio sits in few positions, whatever they have to do with each other. Over
/// the open positions that have a price, several of one instrument together.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Concentration {
    /// 1 / Σa² over the shares a of the gross exposure: as many of one size would be as
    /// concentrated. Null without exposure.
    effective_positions: Option<f64>,
    /// Σa², from 1/n for n of one size to 1 for a single one. Null without exposure.
    herfindahl: Option<f64>,
    /// By sector, the largest first; an empty key is no known sector. Options are of their
    /// underlying's.
    by_sector: Vec<ConcentrationLine>,
    #[graphql(skip)]
    instruments: Vec<correlation::Share>,
}

#[ComplexObject]
impl Concentration {
    /// By symbol, the largest first.
    #[graphql(complexity = "cost(first.or(Some(TOP)), None, child_complexity)")]
    async fn top(
        &self,
        #[graphql(desc = "At most so many, up to 500.", default = 10)] first: Option<i32>,
    ) -> Result<Vec<ConcentrationLine>> {
        let most = size("first", first.or(Some(TOP)))?;
        Ok(self.instruments.iter().take(most).map(ConcentrationLine::from).collect())
    }
}

/// What a portfolio has in an instrument or a sector.
#[derive(SimpleObject)]
pub struct ConcentrationLine {
    /// The symbol, or the sector.
    key: String,
    /// Σ exposure, signed, in the portfolio's currency.
    exposure: Decimal,
    /// Σ|exposure| over that of the portfolio: all of them add up to one.
    weight: f64,
}

impl From<&correlation::Share> for ConcentrationLine {
    fn from(share: &correlation::Share) -> Self {
        Self { key: share.key.clone(), exposure: share.exposure.into(), weight: share.weight }
    }
}

impl Concentration {
    pub fn of_book(book: &Book) -> Self {
        let found = correlation::concentration(&book.lines);
        Self {
            effective_positions: found.effective_positions,
            herfindahl: found.herfindahl,
            by_sector: found.sectors.iter().map(ConcentrationLine::from).collect(),
            instruments: found.instruments,
        }
    }
}
