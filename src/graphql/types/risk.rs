//! What the returns of a portfolio say about its risk, and where that comes from.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, SimpleObject};

use super::factor::{
    Factor, FactorMethod, Known, estimates, model_inputs, provenance, window_inputs,
};
use super::greeks::rate_source;
use super::position::Position;
use super::quality::{ComputationBasis, Provenance, ProvenanceInput, Quality};
use crate::domain::quality::Coverage;
use crate::graphql::error::Result;
use crate::graphql::page::{cost, size};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{Request, book_warnings, request};
use crate::services::factors;
use crate::services::rates::{RISK_FREE_YEARS, Rate, per_session};
use crate::services::risk::{self, Benchmark, MODEL_VERSION, money};
use crate::services::valuation::{Book, Filter, View};
use crate::store::prices::Subject;

/// Drawdowns listed when nobody says how many.
const DRAWDOWNS: i32 = 5;
/// Positions listed when nobody says how many.
const POSITIONS: i32 = 20;

/// What the returns of a portfolio say about its risk. They are those that today's holdings would
/// have had: Σ exposure × return over the total value, cash earning nothing, with the exposures
/// and the total value of the session held still. An option counts through its delta, as so many
/// shares of its underlying. Sessions in which anything held has no return are left out. With a
/// quality of INSUFFICIENT the figures are null and `warnings` say why; of a portfolio whose total
/// value is not above zero all but the losses in money and the average correlation are.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct RiskMetrics {
    /// Returns that the window has.
    window_days: usize,
    /// Sessions that count; fewer than 20 give no figures. None where nothing is held that moves:
    /// such a portfolio returned nothing in each.
    observations: usize,
    /// Symbol of what `beta`, `alpha`, `trackingError` and `informationRatio` are against; the
    /// other figures do not depend on it.
    benchmark: String,
    /// Slope of the portfolio's returns over the benchmark's. Null without a benchmark.
    beta: Option<f64>,
    /// Standard deviation of the returns × √252, as a fraction.
    annualized_volatility: Option<f64>,
    /// (Π(1 + r))^(252/n) − 1, as a fraction.
    annualized_return: Option<f64>,
    /// Mean return in excess of the risk-free rate over its standard deviation × √252; null
    /// without volatility.
    sharpe_ratio: Option<f64>,
    /// Mean excess return × 252 over the downside risk; null without any, and where the returns do
    /// not vary: without risk there is no reward for it. Source: Sortino & van der Meer (1991).
    sortino_ratio: Option<f64>,
    /// Annualized return over the size of the deepest drawdown; null without one.
    calmar_ratio: Option<f64>,
    /// Gains above the risk-free rate over losses below it, both summed; null without losses, and
    /// where the returns do not vary. Source: Keating & Shadwick (2002).
    omega_ratio: Option<f64>,
    /// Deepest fall from a peak, as a return: zero or below.
    max_drawdown: Option<f64>,
    /// How far the last session is below the peak, as a return: zero at a new high.
    current_drawdown: Option<f64>,
    /// Loss over one session that 5 % of the sessions exceed, in the portfolio's currency; above
    /// zero for a loss.
    #[graphql(name = "historicalVar95")]
    historical_var95: Option<Decimal>,
    /// The same for 1 % of the sessions.
    #[graphql(name = "historicalVar99")]
    historical_var99: Option<Decimal>,
    /// 1.645 σ − μ of normal returns, in the portfolio's currency; above zero for a loss.
    #[graphql(name = "parametricVar95")]
    parametric_var95: Option<Decimal>,
    /// The same at 99 %: 2.326 σ − μ.
    #[graphql(name = "parametricVar99")]
    parametric_var99: Option<Decimal>,
    /// Mean loss of the sessions at or beyond the historical value at risk, in the portfolio's
    /// currency; above zero for a loss.
    #[graphql(name = "expectedShortfall95")]
    expected_shortfall95: Option<Decimal>,
    /// The same at 99 %: beyond the historical value at risk of that level.
    #[graphql(name = "expectedShortfall99")]
    expected_shortfall99: Option<Decimal>,
    /// Return per year that the benchmark does not explain, over the risk-free rate, compounded.
    alpha: Option<f64>,
    /// Standard deviation of the difference to the benchmark × √252.
    tracking_error: Option<f64>,
    /// Mean difference to the benchmark over its standard deviation × √252.
    information_ratio: Option<f64>,
    /// √mean(min(r − risk-free, 0)²) × √252.
    downside_risk: Option<f64>,
    /// Size of the 95 % quantile of the returns over that of the 5 % quantile.
    tail_ratio: Option<f64>,
    /// Mean correlation of the log returns of what is held, over its pairs; of at most 500
    /// symbols, the largest. Null for fewer than two.
    average_correlation: Option<f64>,
    /// The session that the returns end with.
    as_of: Date,
    /// How far the figures can be trusted.
    quality: Quality,
    /// What to know about them, in sentences.
    warnings: Vec<String>,
    #[graphql(skip)]
    found: Vec<risk::Drawdown>,
    #[graphql(skip)]
    rate: Rate,
    #[graphql(skip)]
    book: Arc<Book>,
    #[graphql(skip)]
    coverage: Coverage,
}

#[ComplexObject]
impl RiskMetrics {
    /// The falls from a peak, the deepest first.
    #[graphql(complexity = "cost(first.or(Some(DRAWDOWNS)), None, child_complexity)")]
    async fn drawdowns(
        &self,
        #[graphql(desc = "At most so many, up to 500.", default = 5)] first: Option<i32>,
    ) -> Result<Vec<Drawdown>> {
        let most = size("first", first.or(Some(DRAWDOWNS)))?;
        Ok(self.found.iter().take(most).map(Drawdown::from).collect())
    }

    /// Where the figures come from.
    async fn provenance(&self, ctx: &Context<'_>) -> Provenance {
        let rate = ProvenanceInput::new("riskFreeRate", &self.rate.rate).in_unit("fraction a year");
        let rate = ProvenanceInput {
            as_of: self.rate.date.map(Date),
            source: Some(rate_source(self.rate.source).into()),
            ..rate
        };
        let mut inputs = window_inputs(request(ctx), self.window_days, self.as_of.0);
        let value = ProvenanceInput::new("totalValue", &self.book.total_value().normalize());
        inputs.extend([
            ProvenanceInput::new("benchmark", &self.benchmark),
            ProvenanceInput::new("basis", &"DELTA_ADJUSTED"),
            rate,
            value.in_unit(&self.book.portfolio.currency),
        ]);
        Provenance {
            as_of: self.as_of,
            computed_at: self.book.computed_at,
            basis: ComputationBasis::Live,
            method: "CURRENT_HOLDINGS".into(),
            model_version: MODEL_VERSION.into(),
            inputs,
            coverage: self.coverage.into(),
        }
    }
}

/// A fall from a peak and how long it took.
#[derive(SimpleObject)]
pub struct Drawdown {
    /// From the peak to the valley, as a return: below zero.
    depth: f64,
    /// The last session at the peak.
    peak: Date,
    /// The session at the lowest.
    valley: Date,
    /// The first session back at the peak or above; null while it lasts.
    recovery: Option<Date>,
    /// Sessions from the peak to the recovery, or to the end while it lasts.
    days: usize,
}

impl From<&risk::Drawdown> for Drawdown {
    fn from(found: &risk::Drawdown) -> Self {
        Self {
            depth: found.depth,
            peak: found.peak.into(),
            valley: found.valley.into(),
            recovery: found.recovery.map(Date),
            days: found.days,
        }
    }
}

impl RiskMetrics {
    pub async fn of_book(
        request: &Request,
        book: Arc<Book>,
        as_of: Option<Date>,
        window_days: usize,
        view: View,
        (benchmark, against): (String, Option<Subject>),
    ) -> Result<Self> {
        request.spend(book.lines.len())?;
        let session = book.horizon.as_of;
        let loaders = request.loaders();
        let sides = Filter { view, ..Filter::default() };
        let lines: Vec<_> = book.lines.iter().filter(|line| sides.keeps(line)).cloned().collect();
        let window = loaders.window(session, window_days);
        let against = against.and_then(|of| window.span(of));
        let (curve, deltas, histories, series) = futures_util::try_join!(
            Box::pin(loaders.curve(session)),
            Box::pin(loaders.deltas(&book)),
            Box::pin(loaders.histories(&window, factors::wanted(&lines).into_iter().collect())),
            Box::pin(loaders.series(Vec::from_iter(against))),
        )?;
        // A request works through the returns of everything held.
        request.spend(histories.len().saturating_mul(window_days) / 10)?;
        let rate = curve.rate(RISK_FREE_YEARS);
        let risk_free = per_session(rate.rate);
        let total_value = book.total_value();
        let work = {
            let benchmark = benchmark.clone();
            move || {
                let series = series.values().next().map(Arc::as_ref);
                let against = Benchmark { symbol: &benchmark, series };
                let value = total_value;
                risk::metrics(&lines, value, &deltas, &histories, &window, against, risk_free)
            }
        };
        let found = loaders.off_the_threads(work).await?;
        let own = found.own.as_ref();
        let loss = |share: Option<f64>| money(share?, found.base).map(Decimal);
        let mut warnings = found.warnings;
        warnings.extend(book_warnings(as_of, &book));
        Ok(Self {
            window_days,
            observations: found.observations,
            benchmark,
            beta: found.against.beta,
            annualized_volatility: own.map(|own| own.volatility),
            annualized_return: own.and_then(|own| own.annual_return),
            sharpe_ratio: own.and_then(|own| own.sharpe_ratio),
            sortino_ratio: own.and_then(|own| own.sortino_ratio),
            calmar_ratio: own.and_then(|own| own.calmar_ratio),
            omega_ratio: own.and_then(|own| own.omega_ratio),
            max_drawdown: own.and_then(|own| own.max_drawdown),
            current_drawdown: found.current_drawdown,
            historical_var95: loss(found.losses.historical_95),
            historical_var99: loss(found.losses.historical_99),
            parametric_var95: loss(found.losses.parametric_95),
            parametric_var99: loss(found.losses.parametric_99),
            expected_shortfall95: loss(found.losses.shortfall_95),
            expected_shortfall99: loss(found.losses.shortfall_99),
            alpha: found.against.alpha,
            tracking_error: found.against.tracking_error,
            information_ratio: found.against.information_ratio,
            downside_risk: own.map(|own| own.downside_risk),
            tail_ratio: own.and_then(|own| own.tail_ratio),
            average_correlation: found.average_correlation,
            as_of: session.into(),
            quality: found.quality.into(),
            warnings,
            found: found.drawdowns,
            rate,
            coverage: found.coverage,
            book,
        })
    }
}

/// The risk that the factor model expects of a portfolio, and its parts. Volatilities and
/// contributions are annualized (× √252) and fractions of the total value: σ² = x′Fx + Σ(w·s)²,
/// with x the factor exposures, F the covariance of the factors' returns over 252 sessions, w the
/// money in each instrument and s its residual deviation. Options count through their delta. With
/// a quality of INSUFFICIENT the figures are null and `warnings` say why.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct RiskDecomposition {
    /// Standard deviation of the portfolio's return per year; null also when the total value is
    /// not above zero, as are all figures that are shares of it.
    volatility: Option<f64>,
    /// Of what the factors move. The squares of this and the next add up to that of the whole.
    factor_volatility: Option<f64>,
    /// Of what is specific to each instrument.
    specific_volatility: Option<f64>,
    /// What the specific part adds to the volatility. With those of the factors it adds up to the
    /// whole.
    specific_contribution: Option<f64>,
    /// What each factor adds, in display order.
    factors: Vec<FactorRiskContribution>,
    /// Loss over one session that 5 % exceed, in the portfolio's currency: 1.645 σ, zero mean;
    /// above zero.
    #[graphql(name = "parametricVar95")]
    parametric_var95: Option<Decimal>,
    /// The same for 1 %: 2.326 σ.
    #[graphql(name = "parametricVar99")]
    parametric_var99: Option<Decimal>,
    /// The session of exposures and returns.
    as_of: Date,
    /// How far the figures can be trusted.
    quality: Quality,
    /// What to know about them, in sentences.
    warnings: Vec<String>,
    #[graphql(skip)]
    method: FactorMethod,
    #[graphql(skip)]
    parts: Vec<risk::PositionPart>,
    #[graphql(skip)]
    book: Arc<Book>,
    #[graphql(skip)]
    coverage: Coverage,
}

#[ComplexObject]
impl RiskDecomposition {
    /// What each position adds, the largest size first; all of them add up to the volatility.
    #[graphql(complexity = "cost(first.or(Some(POSITIONS)), None, child_complexity)")]
    async fn positions(
        &self,
        #[graphql(desc = "At most so many, up to 500.", default = 20)] first: Option<i32>,
    ) -> Result<Vec<PositionRiskContribution>> {
        let most = size("first", first.or(Some(POSITIONS)))?;
        let parts = self.parts.iter().take(most).map(|part| PositionRiskContribution {
            position: Position { book: Arc::clone(&self.book), line: Arc::clone(&part.line) },
            marginal_volatility: part.marginal,
            contribution: part.contribution,
            percent: part.share,
        });
        Ok(parts.collect())
    }

    /// Where the figures come from.
    async fn provenance(&self, ctx: &Context<'_>) -> Provenance {
        let mut inputs = model_inputs(request(ctx), self.method.into(), self.as_of.0);
        let value = ProvenanceInput::new("totalValue", &self.book.total_value().normalize());
        inputs.push(value.in_unit(&self.book.portfolio.currency));
        provenance(&self.book, self.method.into(), inputs, self.coverage)
    }
}

/// What a factor adds to the volatility.
#[derive(SimpleObject)]
pub struct FactorRiskContribution {
    /// The factor.
    factor: Factor,
    /// Exposure × its covariance with the portfolio over the volatility, annualized, as a fraction
    /// of the total value; below zero where it takes risk away.
    contribution: f64,
    /// That as a fraction of the volatility: 0.05 is 5 %.
    percent: f64,
}

/// What a position adds to the volatility.
#[derive(SimpleObject)]
pub struct PositionRiskContribution {
    /// The position.
    position: Position,
    /// Change of the portfolio's annual volatility in money per 1.00 of money more in it.
    marginal_volatility: f64,
    /// Exposure × marginal volatility, as a fraction of the total value; below zero for a hedge.
    contribution: f64,
    /// That as a fraction of the volatility: 0.05 is 5 %.
    percent: f64,
}

impl RiskDecomposition {
    pub async fn of_book(
        request: &Request,
        book: Arc<Book>,
        as_of: Option<Date>,
        method: FactorMethod,
    ) -> Result<Self> {
        request.spend(book.lines.len())?;
        let Known { estimates, greeks, .. } =
            estimates(request, &book, &book.lines, method.into()).await?;
        let found = risk::decompose(&book.lines, book.total_value(), &greeks.deltas(), &estimates);
        let mut warnings = found.warnings;
        warnings.extend(book_warnings(as_of, &book));
        let factors = found.factors.iter().map(|part| FactorRiskContribution {
            factor: Factor(part.factor),
            contribution: part.contribution,
            percent: part.share,
        });
        Ok(Self {
            volatility: found.volatility,
            factor_volatility: found.factor_volatility,
            specific_volatility: found.specific_volatility,
            specific_contribution: found.specific_contribution,
            factors: factors.collect(),
            parametric_var95: found.var_95.map(Decimal),
            parametric_var99: found.var_99.map(Decimal),
            as_of: book.horizon.as_of.into(),
            quality: found.quality.into(),
            warnings,
            method,
            parts: found.positions,
            coverage: found.coverage,
            book,
        })
    }
}
