//! The book with a session's trades, asked as a portfolio is.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use crate::domain::reference::BENCHMARK;
use crate::graphql::error::Result;
use crate::graphql::page::{PageArguments, Scope, cost, group_cost, groups, sessions};
use crate::graphql::scalar::Date;
use crate::graphql::types::correlation::{Concentration, CorrelationAnalysis, CorrelationFilter};
use crate::graphql::types::factor::{
    ExposureBasis, FactorExposure, FactorMethod, FactorModelDiagnostics,
};
use crate::graphql::types::greeks::{PortfolioGreeks, PricingModel};
use crate::graphql::types::portfolio::{selected, stress};
use crate::graphql::types::position::{
    BookView, PositionConnection, PositionFilter, PositionGroup, PositionGrouping, PositionOrder,
};
use crate::graphql::types::risk::{RiskDecomposition, RiskMetrics};
use crate::graphql::types::scenario::ScenarioCategory;
use crate::graphql::types::stress::{
    MonteCarloResult, ReverseStressResult, ScenarioResult, StressResult,
};
use crate::graphql::types::valuation::{Exposures, PortfolioValuation};
use crate::graphql::viewer::request;
use crate::services::greeks::Model;
use crate::services::valuation::{Book, Order};

/// A session's base book with its trades.
pub struct TrialBook {
    pub book: Arc<Book>,
}

/// A session's base book with its trades, as of the base date: the same figures that a portfolio
/// has, by the same formulas. What is about the past of the real book is not asked of it. Its
/// positions are nowhere else: their ids are good for nothing, and `node(id:)` does not know them.
#[Object]
impl TrialBook {
    /// The session of prices.
    async fn as_of(&self) -> Date {
        self.book.horizon.as_of.into()
    }

    /// What to know about the trades, in sentences: what is not known here, what could not be done.
    async fn warnings(&self) -> Vec<String> {
        self.book.tried.as_ref().map_or_else(Vec::new, |own| own.warnings.clone())
    }

    /// Its positions: the lots that are held, less what the trades close, and what they open; by
    /// symbol unless ordered otherwise.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn positions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to narrow them to; all that are open when left out.")]
        filter: Option<PositionFilter>,
        #[graphql(desc = "In what order; by symbol when left out.")] order_by: Option<
            PositionOrder,
        >,
        #[graphql(desc = "Size of a page from the start; 20 when left out, at most 500.")]
        first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end, at most 500.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<PositionConnection> {
        let book = &self.book;
        request(ctx).spend(book.lines.len())?;
        let scope = Scope::of(("trial positions", self.session(), &filter, &order_by));
        let lines = book.select(&PositionFilter::selection(filter)?);
        let order: Order = order_by.map(Into::into).unwrap_or_default();
        let greeks = if order.by.is_greek() {
            Some(request(ctx).loaders().greeks(book, Model::default()).await?)
        } else {
            None
        };
        let arguments = PageArguments { first, after, last, before };
        PositionConnection::of_lines(book, lines, order, greeks.as_deref(), &arguments, scope)
    }

    /// Its positions put together by what they share, by label. Those that share nothing come
    /// last, under the empty key.
    #[graphql(complexity = "group_cost(first, child_complexity)")]
    async fn position_groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What they share.")] by: PositionGrouping,
        #[graphql(desc = "What to narrow them to; all that are open when left out.")]
        filter: Option<PositionFilter>,
        #[graphql(
            desc = "At most so many groups, up to 500. When left out all of them, which is an \
                    error for more than 500."
        )]
        first: Option<i32>,
        #[graphql(desc = "The groups that follow the one with this `key`.")] after: Option<String>,
    ) -> Result<Vec<PositionGroup>> {
        request(ctx).spend(self.book.lines.len())?;
        let all = self.book.groups(by.into(), &PositionFilter::selection(filter)?);
        let part = groups(all, |group| &group.key, first, after.as_deref())?;
        Ok(part.into_iter().map(|group| PositionGroup::new(&self.book, group, by)).collect())
    }

    /// What it would be worth, and have gained.
    #[graphql(complexity = "5 + child_complexity")]
    async fn valuation(&self, ctx: &Context<'_>) -> Result<PortfolioValuation> {
        request(ctx).spend(self.book.lines.len())?;
        Ok(PortfolioValuation::of(Arc::clone(&self.book), None))
    }

    /// What its open positions would expose it to.
    #[graphql(complexity = "5 + child_complexity")]
    async fn exposures(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which side of the book.", default_with = "BookView::All")] view: BookView,
        #[graphql(desc = "What to narrow the positions to; all that are open when left out.")]
        filter: Option<PositionFilter>,
    ) -> Result<Exposures> {
        let lines = selected(ctx, &self.book, view, filter)?;
        Ok(Exposures::new(Arc::clone(&self.book), lines, None))
    }

    /// What would move its open positions, and by how much.
    #[graphql(complexity = "10 + child_complexity")]
    async fn greeks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which side of the book.", default_with = "BookView::All")] view: BookView,
        #[graphql(desc = "What to narrow the positions to; all that are open when left out.")]
        filter: Option<PositionFilter>,
        #[graphql(
            desc = "How options are valued; those that cannot be exercised early always by \
                    BLACK_SCHOLES_MERTON.",
            default_with = "PricingModel::BlackScholesMerton"
        )]
        model: PricingModel,
    ) -> Result<PortfolioGreeks> {
        let lines = selected(ctx, &self.book, view, filter)?;
        let greeks = request(ctx).loaders().greeks(&self.book, model.into()).await?;
        Ok(PortfolioGreeks::new(Arc::clone(&self.book), lines, greeks, None))
    }

    /// What it would have in each active factor, in display order.
    #[graphql(complexity = "20 + 7 * child_complexity")]
    async fn factor_exposures(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How the betas are estimated.",
            default_with = "FactorMethod::Orthogonal"
        )]
        method: FactorMethod,
        #[graphql(
            desc = "What the betas are multiplied with.",
            default_with = "ExposureBasis::Dollar"
        )]
        basis: ExposureBasis,
    ) -> Result<Vec<FactorExposure>> {
        let book = Arc::clone(&self.book);
        Box::pin(FactorExposure::of_book(request(ctx), book, None, (method, basis))).await
    }

    /// How well the factors can be told apart, and how much of it they speak for.
    #[graphql(complexity = "20 + child_complexity")]
    async fn factor_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How the betas are estimated.",
            default_with = "FactorMethod::Orthogonal"
        )]
        method: FactorMethod,
    ) -> Result<FactorModelDiagnostics> {
        let book = Arc::clone(&self.book);
        Box::pin(FactorModelDiagnostics::of_book(request(ctx), book, None, method)).await
    }

    /// The risk that the factors and each position would bring.
    #[graphql(complexity = "20 + child_complexity")]
    async fn risk_decomposition(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How the betas are estimated.",
            default_with = "FactorMethod::Orthogonal"
        )]
        method: FactorMethod,
    ) -> Result<RiskDecomposition> {
        let book = Arc::clone(&self.book);
        Box::pin(RiskDecomposition::of_book(request(ctx), book, None, method)).await
    }

    /// What the past returns of these holdings say about their risk.
    #[graphql(complexity = "20 + child_complexity")]
    async fn risk_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Daily returns to look back on, from 20 to 1260.", default = 252)]
        window_days: i32,
        #[graphql(
            desc = "Which side of the book; its returns stay shares of the whole total value.",
            default_with = "BookView::All"
        )]
        view: BookView,
        #[graphql(
            desc = "Symbol of what it is held against.",
            default_with = "BENCHMARK.to_owned()"
        )]
        benchmark: String,
    ) -> Result<RiskMetrics> {
        let window = sessions("windowDays", window_days)?;
        let request = request(ctx);
        let benchmark = benchmark.trim().to_uppercase();
        let known = request.loaders().subject(&benchmark).await?;
        let (book, against) = (Arc::clone(&self.book), (benchmark, known));
        Box::pin(RiskMetrics::of_book(request, book, None, window, view.into(), against)).await
    }

    /// How what it would hold moves together.
    #[graphql(complexity = "20 + child_complexity")]
    async fn correlations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Daily returns to look back on, from 20 to 1260.", default = 90)]
        lookback_days: i32,
        #[graphql(desc = "Which positions; those of at least 10000 and 1 % when left out.")]
        filter: Option<CorrelationFilter>,
    ) -> Result<CorrelationAnalysis> {
        let lookback = sessions("lookbackDays", lookback_days)?;
        let book = Arc::clone(&self.book);
        Box::pin(CorrelationAnalysis::of_book(request(ctx), book, None, lookback, filter)).await
    }

    /// What moves of the market would do, each by itself.
    #[graphql(complexity = "20 + moves.as_ref().map_or(2, Vec::len) * child_complexity")]
    async fn market_scenarios(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns of the market, 1 % is `0.01`; 1 to 50, each from −1 to 3.",
            default_with = "Some(vec![0.01, -0.01])"
        )]
        moves: Option<Vec<f64>>,
    ) -> Result<Vec<ScenarioResult>> {
        let moves = moves.unwrap_or_else(|| vec![0.01, -0.01]);
        Box::pin(stress::market_moves(ctx, &self.book, moves, None)).await
    }

    /// What moves of the 10-year Treasury yield would do, each by itself.
    #[graphql(complexity = "20 + moves.as_ref().map_or(2, Vec::len) * child_complexity")]
    async fn rate_scenarios(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Absolute changes, 50 basis points are `0.005`; 1 to 50, each from −0.1 to 0.1.",
            default_with = "Some(vec![0.005, -0.005])"
        )]
        moves: Option<Vec<f64>>,
    ) -> Result<Vec<ScenarioResult>> {
        let moves = moves.unwrap_or_else(|| vec![0.005, -0.005]);
        Box::pin(stress::rate_moves(ctx, &self.book, moves, None)).await
    }

    /// What scenarios would do, in the order of the list or of the ids.
    #[graphql(complexity = "40 + scenario_ids.as_ref().map_or(30, Vec::len) * child_complexity")]
    async fn stress_test(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "These scenarios; all that are active when left out.")]
        scenario_ids: Option<Vec<ID>>,
        #[graphql(desc = "Of these categories only.")] categories: Option<Vec<ScenarioCategory>>,
    ) -> Result<Vec<StressResult>> {
        Box::pin(stress::run_scenarios(ctx, &self.book, scenario_ids, categories, None)).await
    }

    /// The smallest move of one variable that would lose so much.
    #[graphql(complexity = "40 + child_complexity")]
    async fn reverse_stress(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "As of `FactorShock`; the market when left out.",
            default_with = "Some(String::from(\"Market\"))"
        )]
        variable: Option<String>,
        #[graphql(desc = "The share of the total value to lose, above zero: 0.1 is 10 %.")]
        loss_ratio: f64,
    ) -> Result<ReverseStressResult> {
        let variable = variable.unwrap_or_else(|| "Market".into());
        Box::pin(stress::reverse(ctx, &self.book, variable, loss_ratio, None)).await
    }

    /// What it may make or lose over a horizon, by Monte Carlo.
    #[graphql(complexity = "100 + child_complexity")]
    async fn monte_carlo(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Outcomes to draw; 100 to 100,000.", default_with = "Some(10_000)")]
        paths: Option<i32>,
        #[graphql(desc = "Sessions ahead; 1 to 252.", default_with = "Some(1)")]
        horizon_days: Option<i32>,
        #[graphql(desc = "From 0.5 to 0.9999.", default_with = "Some(0.95)")] confidence: Option<
            f64,
        >,
        #[graphql(
            desc = "What the random numbers start from: the same gives the same answer. 42 when \
                    left out."
        )]
        seed: Option<i32>,
    ) -> Result<MonteCarloResult> {
        let (paths, horizon) = (paths.unwrap_or(10_000), horizon_days.unwrap_or(1));
        let confidence = confidence.unwrap_or(0.95);
        Box::pin(stress::simulate(ctx, &self.book, paths, horizon, confidence, seed)).await
    }

    /// How much of it would sit in few positions.
    #[graphql(complexity = "5 + child_complexity")]
    async fn concentration(&self, ctx: &Context<'_>) -> Result<Concentration> {
        request(ctx).spend(self.book.lines.len())?;
        Ok(Concentration::of_book(&self.book))
    }
}

impl TrialBook {
    fn session(&self) -> Option<crate::domain::id::ModelingSessionId> {
        self.book.key().trial
    }
}
