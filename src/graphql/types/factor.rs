//! Factors, and how instruments, positions and portfolios move with them.

mod exposure;

use std::sync::Arc;

use async_graphql::{ComplexObject, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};

pub use exposure::FactorExposure;

use super::quality::{ComputationBasis, Provenance, ProvenanceInput, Quality};
use super::valuation::ExcludedPosition;
use crate::domain::id::InstrumentId;
use crate::domain::{factor, quality};
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::page::{cost, size};
use crate::graphql::scalar::Date;
use crate::graphql::viewer::{Request, book_warnings, resolved_warning};
use crate::services::factors::{
    self, BETA_CAP, Basis, Estimates, MIN_OBSERVATIONS, MODEL_VERSION, Method, RATE_SERIES,
    RIDGE_PENALTY, WINDOW, exposed,
};
use crate::services::greeks::{BookGreeks, Model, Origin};
use crate::services::valuation::{Book, Line};

/// Contributions listed when nobody says how many.
const CONTRIBUTIONS: i32 = 10;
/// Excluded positions listed when nobody says how many.
const EXCLUDED: i32 = 100;

/// A style that moves many shares at once, with the fund whose returns stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor(pub factor::Factor);

/// What a factor is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "factor::FactorKind")]
pub enum FactorKind {
    /// What companies have in common beyond their business.
    Style,
    /// A line of business.
    Sector,
    /// A variable of the economy.
    Macro,
}

/// A style that moves many shares at once, with the fund whose returns stand for it.
#[Object]
impl Factor {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Factor(self.0).into()
    }

    /// As scenarios name it: Market, Value, Growth, Momentum, Quality, Size, Low Volatility, Short
    /// Interest.
    async fn name(&self) -> &str {
        self.0.name()
    }

    /// The name for people.
    async fn display_name(&self) -> &str {
        self.0.display_name()
    }

    /// Symbol of the fund whose returns are its returns; null while it has none.
    async fn etf_proxy(&self) -> Option<&str> {
        self.0.etf()
    }

    /// What it is made of.
    async fn kind(&self) -> FactorKind {
        self.0.kind().into()
    }

    /// What it stands for, in a sentence.
    async fn description(&self) -> &str {
        self.0.description()
    }

    /// Its place in every list, from 1.
    async fn display_order(&self) -> u8 {
        self.0.display_order()
    }

    /// Whether betas to it are computed. Short Interest has no source yet, and nothing stands in.
    async fn is_active(&self) -> bool {
        self.0.is_active()
    }
}

/// How betas are estimated from daily simple returns over 252 sessions, rows with a gap left out,
/// at least 60 complete ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Method")]
pub enum FactorMethod {
    /// All factors and an intercept at once, on the returns as they are. The funds are nearly
    /// collinear, so single betas are uncertain; see `factorModel`.
    Ols,
    /// One factor at a time: a total beta with the market in it, never to be summed over factors.
    Univariate,
    /// All at once on standardized returns, shrunk by a penalty of 25.2; without standard errors.
    Ridge,
    /// The market first, each style net of its own beta to the market: well conditioned, and the
    /// market beta is the plain one. The default.
    Orthogonal,
}

/// What a beta is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Basis")]
pub enum ExposureBasis {
    /// The exposure: signed quantity × price × multiplier. An option counts with its premium and
    /// its underlying's beta, of a put with the wrong sign.
    Dollar,
    /// The delta-adjusted exposure: an option counts as delta × so many shares of its underlying.
    /// Without a known delta it is left out.
    DeltaAdjusted,
}

/// How an instrument moves with a factor. An option has the betas of its underlying. With a
/// quality of INSUFFICIENT the figures are null and `warnings` say why.
#[derive(SimpleObject)]
pub struct FactorBeta {
    /// The factor that the slope is over.
    factor: Factor,
    /// Return per 1.00 of the factor's return, at most 3 from zero: what exposures are made of.
    beta: Option<f64>,
    /// As estimated, before the cap.
    raw_beta: Option<f64>,
    /// Whether the estimate was beyond the cap.
    is_capped: bool,
    /// Of the estimate, classical; null under RIDGE.
    standard_error: Option<f64>,
    /// Estimate over standard error; null without one.
    t_stat: Option<f64>,
    /// Probability of a t statistic as far from zero were the true beta zero, two-sided; null
    /// without one.
    p_value: Option<f64>,
    /// Share of the variance that its regression explains: one regression for all factors, but
    /// under UNIVARIATE. Null for returns that do not vary.
    r_squared: Option<f64>,
    /// Complete rows of the regression; fewer than 60 give no beta.
    observations: usize,
    /// How it was estimated.
    method: FactorMethod,
    /// The session that the 252 returns end with.
    as_of: Date,
    /// How far it can be trusted: ESTIMATED when simulated prices took part.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
}

/// The betas of an instrument to each active factor, in display order.
pub async fn betas_of(
    request: &Request,
    instrument: InstrumentId,
    as_of: Option<Date>,
    method: FactorMethod,
) -> Result<Vec<FactorBeta>> {
    let session = request.horizon(as_of)?.as_of;
    let estimates =
        Box::pin(request.loaders().estimates(session, method.into(), [instrument].into())).await?;
    let model = &estimates.model;
    let found = estimates.betas.get(&instrument);
    let resolved = resolved_warning(as_of, session);
    let said: Vec<_> = model.warnings().into_iter().chain(resolved.clone()).collect();
    let because = |reason: &str| std::iter::once(reason.to_owned()).chain(resolved.clone());
    let of = |factor| {
        let none = FactorBeta {
            factor: Factor(factor),
            beta: None,
            raw_beta: None,
            is_capped: false,
            standard_error: None,
            t_stat: None,
            p_value: None,
            r_squared: None,
            observations: 0,
            method,
            as_of: session.into(),
            quality: Quality::Insufficient,
            warnings: said.clone(),
        };
        if let Some(reason) = model.absence(factor) {
            return FactorBeta { warnings: because(&reason).collect(), ..none };
        }
        match found {
            Some(Ok(betas)) => {
                let place = model.place(factor);
                let Some(beta) = place.and_then(|place| betas.betas.get(place)) else {
                    return none;
                };
                FactorBeta {
                    beta: Some(beta.capped()),
                    raw_beta: Some(beta.estimate.value),
                    is_capped: beta.is_capped(),
                    standard_error: beta.estimate.standard_error,
                    t_stat: beta.estimate.t_stat(),
                    p_value: beta.estimate.p_value(),
                    r_squared: beta.r_squared,
                    observations: beta.observations,
                    quality: betas.quality.into(),
                    ..none
                }
            }
            Some(Err(missing)) => FactorBeta {
                observations: missing.observations,
                warnings: because(&missing.reason).collect(),
                ..none
            },
            None => none,
        }
    };
    Ok(factor::Factor::active().map(of).collect())
}

/// What every estimate as of a session is made with: the funds whose adjusted closes are regressed
/// on, the market first, and over which sessions.
pub(super) fn model_inputs(
    request: &Request,
    method: Method,
    as_of: NaiveDate,
) -> Vec<ProvenanceInput> {
    let funds: Vec<_> = factor::Factor::active().filter_map(factor::Factor::etf).collect();
    let mut inputs = window_inputs(request, WINDOW, as_of);
    inputs.extend([
        ProvenanceInput::new("factors", &funds.join(", ")),
        ProvenanceInput::new("minimumObservations", &MIN_OBSERVATIONS).in_unit("sessions"),
        ProvenanceInput::new("betaLimit", &BETA_CAP),
    ]);
    if method == Method::Ridge {
        inputs.push(ProvenanceInput::new("penalty", &RIDGE_PENALTY));
    }
    inputs
}

/// The same of betas to the yield, which neither factors nor a limit take part in.
pub(super) fn rate_inputs(request: &Request, as_of: NaiveDate) -> Vec<ProvenanceInput> {
    let mut inputs = window_inputs(request, WINDOW, as_of);
    inputs.extend([
        ProvenanceInput::new("yields", &RATE_SERIES),
        ProvenanceInput::new("minimumObservations", &MIN_OBSERVATIONS).in_unit("sessions"),
    ]);
    inputs
}

/// The daily returns that a statistic as of a session looks back on, and the session whose close
/// the first of them starts from.
pub(super) fn window_inputs(
    request: &Request,
    returns: usize,
    as_of: NaiveDate,
) -> Vec<ProvenanceInput> {
    let window = request.loaders().window(as_of, returns);
    let first = window.sessions().first().copied().unwrap_or(as_of);
    vec![
        ProvenanceInput::new("windowDays", &returns).in_unit("sessions"),
        ProvenanceInput { as_of: Some(first.into()), ..ProvenanceInput::new("windowFrom", &first) },
    ]
}

pub(super) fn provenance(
    book: &Book,
    method: Method,
    inputs: Vec<ProvenanceInput>,
    coverage: crate::domain::quality::Coverage,
) -> Provenance {
    Provenance {
        as_of: book.horizon.as_of.into(),
        computed_at: book.computed_at,
        basis: ComputationBasis::Live,
        method: method.name().into(),
        model_version: MODEL_VERSION.into(),
        inputs,
        coverage: coverage.into(),
    }
}

/// What exposures of some lines of a book are made of.
pub(super) struct Known {
    pub estimates: Estimates,
    pub greeks: Arc<BookGreeks>,
    lines: Vec<Arc<Line>>,
}

impl Known {
    /// When the nightly chain found the newest of what an exposure is made of; None where some of
    /// it was found for this request.
    fn found_at(&self, basis: Basis) -> Option<DateTime<Utc>> {
        let betas = self.estimates.found_at;
        match basis {
            Basis::Dollar => betas,
            Basis::DeltaAdjusted => match self.greeks.origin(&self.lines) {
                Origin::Nothing => betas,
                Origin::New => None,
                Origin::Kept(at) => betas.map(|betas| betas.max(at)),
            },
        }
    }
}

/// What the factors do to some lines of a book, and how much of its options counts.
pub(super) async fn estimates(
    request: &Request,
    book: &Arc<Book>,
    lines: &[Arc<Line>],
    method: Method,
) -> Result<Known> {
    let loaders = request.loaders();
    let (estimates, greeks) = futures_util::future::try_join(
        Box::pin(loaders.estimates(book.horizon.as_of, method, factors::wanted(lines))),
        Box::pin(loaders.greeks(book, Model::default())),
    )
    .await?;
    Ok(Known { estimates, greeks, lines: lines.to_vec() })
}

/// How well the factors can be told apart, and how much of a portfolio they speak for.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct FactorModelDiagnostics {
    /// Returns that the window has.
    window_days: usize,
    /// Of those, sessions in which every factor has a return.
    observations: usize,
    /// Largest over smallest singular value of the factors' returns and the intercept, as they are
    /// regressed on; null without a model, or when factors follow from others.
    condition_number: Option<f64>,
    /// 1 / (1 − R²) of each factor on the others; 1 is independent, beyond 10 is collinear. Empty
    /// where the condition number is null.
    variance_inflation: Vec<FactorVif>,
    /// Open positions that have betas.
    positions_covered: usize,
    /// Share of the variance that the factors explain: the mean R² over the positions by size of
    /// exposure. Null under UNIVARIATE, and without exposure.
    r_squared: Option<f64>,
    /// The session that the returns end with.
    as_of: Date,
    /// How far the model can be trusted.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
    #[graphql(skip)]
    book: Arc<Book>,
    #[graphql(skip)]
    excluded: Vec<factors::Excluded>,
}

#[ComplexObject]
impl FactorModelDiagnostics {
    /// Open positions without betas or without a price, with the reason; by symbol.
    #[graphql(complexity = "cost(first.or(Some(EXCLUDED)), None, child_complexity)")]
    async fn positions_excluded(
        &self,
        #[graphql(desc = "At most so many, up to 500.", default = 100)] first: Option<i32>,
    ) -> Result<Vec<ExcludedPosition>> {
        let most = size("first", first.or(Some(EXCLUDED)))?;
        Ok(ExcludedPosition::of(&self.book, &self.excluded, most))
    }
}

/// How collinear a factor is with the others.
#[derive(SimpleObject)]
pub struct FactorVif {
    /// The factor.
    factor: Factor,
    /// Variance inflation factor, 1 or more.
    vif: f64,
}

impl FactorModelDiagnostics {
    pub async fn of_book(
        request: &Request,
        book: Arc<Book>,
        as_of: Option<Date>,
        method: FactorMethod,
    ) -> Result<Self> {
        request.spend(book.lines.len())?;
        let Known { estimates, greeks, .. } =
            estimates(request, &book, &book.lines, method.into()).await?;
        let (known, mut excluded) = exposed(&book.lines, Basis::Dollar, &greeks.deltas());
        let (known, without) = estimates.split(known);
        excluded.extend(without);
        let model = &estimates.model;
        let diagnostics = model.diagnostics();
        let inflation = diagnostics.and_then(|found| found.variance_inflation.clone());
        let inflation = model.names().iter().zip(inflation.unwrap_or_default());
        let mut warnings = model.warnings();
        let doubt = match model.quality() {
            quality::Quality::Estimated => Some("The closes of the factors' funds are simulated."),
            quality::Quality::Stale => {
                Some("Some of the factors' funds have no close of the last session.")
            }
            _ => None,
        };
        warnings.extend(doubt.map(str::to_owned));
        warnings.extend(book_warnings(as_of, &book));
        Ok(Self {
            window_days: WINDOW,
            observations: diagnostics.map_or(0, |found| found.observations),
            condition_number: diagnostics.and_then(|found| found.condition_number),
            variance_inflation: inflation
                .map(|(factor, vif)| FactorVif { factor: Factor(*factor), vif })
                .collect(),
            positions_covered: known.len(),
            r_squared: estimates.r_squared(&known),
            as_of: book.horizon.as_of.into(),
            quality: model.quality().into(),
            warnings,
            excluded,
            book,
        })
    }
}

/// How the factors move together: exponentially weighted correlations of daily log returns.
#[derive(SimpleObject)]
pub struct FactorCorrelationMatrix {
    /// Of rows and columns, in display order; those with too few returns are left out.
    factors: Vec<Factor>,
    /// Row by row, from −1 to 1; ones on the diagonal. Empty without data.
    matrix: Vec<Vec<f64>>,
    /// Sessions in which all of these factors have a return.
    observations: usize,
    /// Returns that the window has.
    lookback_days: usize,
    /// Weight of a session over that of the one after it.
    decay: f64,
    /// The session that the returns end with.
    as_of: Date,
    /// How far it can be trusted.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
}

impl FactorCorrelationMatrix {
    pub async fn of(
        request: &Request,
        as_of: Option<Date>,
        lookback_days: usize,
        decay: f64,
    ) -> Result<Self> {
        let session = request.horizon(as_of)?.as_of;
        let loaders = request.loaders();
        let found = loaders.factor_correlations(session, lookback_days, decay).await?;
        let mut warnings = found.warnings;
        warnings.extend(resolved_warning(as_of, session));
        Ok(Self {
            matrix: found.matrix,
            factors: found.factors.into_iter().map(Factor).collect(),
            observations: found.observations,
            lookback_days,
            decay,
            as_of: session.into(),
            quality: found.quality.into(),
            warnings,
        })
    }
}

/// How an instrument answers to a yield: the slope of its daily returns over the absolute changes
/// of the yield, over 252 sessions. With a quality of INSUFFICIENT the figures are null and
/// `warnings` say why.
#[derive(SimpleObject)]
pub struct InterestRateBeta {
    /// Return per 1.00 change of the yield: −5 loses 5 % when it rises by one percentage point.
    beta: Option<f64>,
    /// Share of the variance of the returns that the yield explains; null when there is none.
    r_squared: Option<f64>,
    /// Standard error of the beta; null when unknown.
    standard_error: Option<f64>,
    /// Sessions with both a return and a change; fewer than 60 give no beta.
    observations: usize,
    /// The yield: DGS10, ten years, constant maturity.
    series: &'static str,
    /// The session that the returns end with.
    as_of: Date,
    /// How far it can be trusted: ESTIMATED when simulated prices or yields took part.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
}

impl InterestRateBeta {
    /// Of an instrument; an option has that of its underlying.
    pub async fn of(
        request: &Request,
        instrument: InstrumentId,
        as_of: Option<Date>,
    ) -> Result<Self> {
        let session = request.horizon(as_of)?.as_of;
        let found = request.loaders().rate_beta(session, instrument).await?;
        let said = resolved_warning(as_of, session);
        let of = |beta, r_squared, standard_error, observations, quality, warnings| Self {
            beta,
            r_squared,
            standard_error,
            observations,
            series: RATE_SERIES,
            as_of: session.into(),
            quality,
            warnings,
        };
        Ok(match found {
            Ok(found) => of(
                Some(found.beta),
                found.r_squared,
                found.standard_error,
                found.observations,
                found.quality.into(),
                said.into_iter().collect(),
            ),
            Err(missing) => of(
                None,
                None,
                None,
                missing.observations,
                Quality::Insufficient,
                std::iter::once(missing.reason).chain(said).collect(),
            ),
        })
    }
}
