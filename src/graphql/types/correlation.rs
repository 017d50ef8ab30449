//! How what a portfolio holds moves together, and how much of it sits in few positions.

mod concentration;

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, InputObject, SimpleObject};
use chrono::{DateTime, Utc};

pub use concentration::Concentration;

use super::factor::window_inputs;
use super::position::{BookView, PositionType};
use super::quality::{ComputationBasis, Provenance, ProvenanceInput, Quality};
use super::valuation::ExcludedPosition;
use crate::domain::result::LatestKind;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::page::{cost, size};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{Request, book_warnings, request};
use crate::services::correlation::{
    self, CLUSTER_THRESHOLD, Figures, Filter, FilterMode, KeptAnalysis, LOOKBACK, MODEL_VERSION,
};
use crate::services::factors::Excluded;
use crate::services::valuation::Book;

/// Pairs listed when nobody says how many.
const PAIRS: i32 = 50;
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
    figures: Figures,
    #[graphql(skip)]
    excluded: Vec<Excluded>,
    /// When the nightly chain found it; None of what this request did.
    #[graphql(skip)]
    stored_at: Option<DateTime<Utc>>,
}

#[ComplexObject]
impl CorrelationAnalysis {
    /// The correlations row by row, ones on the diagonal.
    #[graphql(complexity = 100)]
    async fn matrix(&self) -> Vec<Vec<f64>> {
        self.figures.matrix()
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
        let pairs = self.figures.pairs(min_abs.unwrap_or(0.0)).into_iter().take(most);
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
        Ok(ExcludedPosition::of(&self.book, &self.excluded, most))
    }

    /// Where the figures come from.
    async fn provenance(&self, ctx: &Context<'_>) -> Provenance {
        let mut inputs = window_inputs(request(ctx), self.lookback_days, self.as_of.0);
        inputs.push(ProvenanceInput::new("symbols", &self.symbols.len()));
        Provenance {
            as_of: self.as_of,
            computed_at: self.stored_at.unwrap_or(self.book.computed_at),
            basis: match self.stored_at {
                Some(_) => ComputationBasis::Stored,
                None => ComputationBasis::Live,
            },
            method: "PEARSON_LOG_RETURNS".into(),
            model_version: MODEL_VERSION.into(),
            inputs,
            coverage: self.figures.coverage.into(),
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

impl CorrelationFilter {
    /// What it means, and the size of a correlation that links.
    fn read(self) -> Result<(Filter, f64), Refusal> {
        let threshold = self.cluster_threshold;
        if !(0.0..=1.0).contains(&threshold) || !self.min_weight.is_finite() {
            return Err(Refusal::validation("`clusterThreshold` must be between 0 and 1."));
        }
        let filter = Filter {
            min_value: self.min_position_value.0,
            min_weight: self.min_weight,
            mode: self.mode.into(),
            types: self.types.map(|types| types.into_iter().map(Into::into).collect()),
            view: self.view.into(),
        };
        Ok((filter, threshold))
    }
}

impl CorrelationAnalysis {
    /// As the nightly chain found it, while that is what would be found, or else found now.
    pub async fn of_book(
        request: &Request,
        book: Arc<Book>,
        as_of: Option<Date>,
        lookback_days: usize,
        filter: Option<CorrelationFilter>,
    ) -> Result<Self> {
        let (filter, threshold) = filter.unwrap_or_default().read()?;
        let is_usual = lookback_days == LOOKBACK
            && threshold.total_cmp(&CLUSTER_THRESHOLD).is_eq()
            && filter == Filter::default();
        let loaders = request.loaders();
        if is_usual && let Some(latest) = Self::latest(request, &book, as_of).await? {
            return Ok(latest);
        }
        request.spend(book.lines.len())?;
        let chosen = correlation::choose(&book.lines, book.totals().gross_exposure(), &filter);
        let count = chosen.entries.len();
        request.spend(of_matrix(count))?;
        let window = loaders.window(book.horizon.as_of, lookback_days);
        let ids = chosen.entries.iter().map(|entry| entry.instrument).collect();
        let histories = loaders.histories(&window, ids).await?;
        let work = move || correlation::analyze(chosen, &histories, &window, threshold);
        let found = if count <= FEW { work() } else { loaders.off_the_threads(work).await? };
        Ok(Self::new(book, as_of, lookback_days, None, (found.figures, found.excluded)))
    }

    async fn latest(
        request: &Request,
        book: &Arc<Book>,
        as_of: Option<Date>,
    ) -> Result<Option<Self>> {
        let found = request.loaders().latest(book, LatestKind::Correlations).await?;
        let found = found.and_then(|(of, kept)| Some((of, kept.into_iter().next()?)));
        let Some((of, kept)): Option<(_, KeptAnalysis)> = found else { return Ok(None) };
        request.spend(of_matrix(kept.figures.symbols.len()))?;
        let found = kept.of(book);
        Ok(Some(Self::new(Arc::clone(book), as_of, LOOKBACK, Some(of.created_at), found)))
    }

    fn new(
        book: Arc<Book>,
        as_of: Option<Date>,
        lookback_days: usize,
        stored_at: Option<DateTime<Utc>>,
        (figures, excluded): (Figures, Vec<Excluded>),
    ) -> Self {
        let clusters = figures.clusters.iter().map(|cluster| CorrelationCluster {
            nickname: cluster.nickname.clone(),
            symbols: cluster.symbols.clone(),
            average_correlation: cluster.average,
            total_value: cluster.total_value.into(),
            weight: cluster.weight,
        });
        let mut warnings: Vec<_> = book_warnings(as_of, &book).collect();
        warnings.extend(figures.warnings.iter().cloned());
        Self {
            symbols: figures.symbols.clone(),
            average_correlation: figures.average,
            concentration_score: figures.concentration_score,
            effective_positions: figures.effective_positions,
            clusters: clusters.collect(),
            lookback_days,
            included: figures.coverage.included_positions,
            as_of: book.horizon.as_of.into(),
            quality: figures.quality.into(),
            warnings,
            book,
            figures,
            excluded,
            stored_at,
        }
    }
}

/// What a matrix of so many symbols costs, in positions worked through.
fn of_matrix(symbols: usize) -> usize {
    symbols.saturating_mul(symbols) / 10
}
