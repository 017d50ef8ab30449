//! Portfolios.

mod past;
pub(super) mod stress;

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use futures_util::future::try_join;

use self::past::Past;
use super::alert::AlertRule;
use super::correlation::{Concentration, CorrelationAnalysis, CorrelationFilter};
use super::data_quality::PortfolioDataQuality;
use super::export::ReportSchedule;
use super::factor::{ExposureBasis, FactorExposure, FactorMethod, FactorModelDiagnostics};
use super::greeks::{PortfolioGreeks, PricingModel};
use super::modeling::{ModelingSessionConnection, ModelingSessionStatus, SessionsAsked};
use super::position::{
    BookView, PositionConnection, PositionFilter, PositionGroup, PositionGrouping, PositionOrder,
};
use super::risk::{RiskDecomposition, RiskMetrics};
use super::scenario::ScenarioCategory;
use super::strategy::{Strategy, TagSuggestion};
use super::stress::{
    MonteCarloResult, ReverseStressResult, ScenarioAccuracy, ScenarioResult, StressResult,
};
use super::tag::Tag;
use super::user::User;
use super::valuation::{Exposures, PortfolioValuation};
use crate::domain::portfolio;
use crate::domain::reference::BENCHMARK;
use crate::domain::text::fold;
use crate::error::Refusal;
use crate::graphql::budget::PRICED;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::alerts::AlertRulesOf;
use crate::graphql::loaders::exports::ReportSchedulesOf;
use crate::graphql::page::{PageArguments, Scope, connection, cost, group_cost, groups, sessions};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::request;
use crate::services::greeks::Model;
use crate::services::suggestions::suggestions;
use crate::services::valuation::{Book, Filter, Line, Order};

/// Positions held together and valued in one currency.
#[derive(Clone)]
pub struct Portfolio(pub Arc<portfolio::Portfolio>);

impl Portfolio {
    async fn book(&self, ctx: &Context<'_>, as_of: Option<Date>) -> Result<Arc<Book>> {
        let request = request(ctx);
        request.loaders().book(&self.0, request.horizon(as_of)?).await
    }
}

/// Positions held together and valued in one currency.
#[Object]
impl Portfolio {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Portfolio(self.0.id).into()
    }

    /// Chosen by its owner; unique among theirs, whatever the case.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What its owner wrote about it: text to show, never instructions. Null when nothing.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// What its money is in: ISO 4217.
    async fn currency(&self) -> &str {
        &self.0.currency
    }

    /// Money held beside positions; below zero is borrowed.
    async fn cash_balance(&self) -> Decimal {
        self.0.cash_balance.into()
    }

    /// Whose it is: always the viewer.
    async fn owner(&self, ctx: &Context<'_>) -> Result<User> {
        request(ctx).user().await.map(User)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it or its positions were last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// Its positions as of the last completed session; by symbol unless ordered otherwise.
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
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len())?;
        let scope = Scope::of(("positions", self.0.owner_id, self.0.id, &filter, &order_by));
        let lines = book.select(&PositionFilter::selection(filter)?);
        let order: Order = order_by.map(Into::into).unwrap_or_default();
        let greeks = if order.by.is_greek() {
            Some(request(ctx).loaders().greeks(&book, Model::default()).await?)
        } else {
            None
        };
        let arguments = PageArguments { first, after, last, before };
        PositionConnection::of_lines(&book, lines, order, greeks.as_deref(), &arguments, scope)
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
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len())?;
        let all = book.groups(by.into(), &PositionFilter::selection(filter)?);
        let part = groups(all, |group| &group.key, first, after.as_deref())?;
        Ok(part.into_iter().map(|group| PositionGroup::new(&book, group, by)).collect())
    }

    /// The tags that its open positions carry, by name; at most 100.
    #[graphql(complexity = "1 + 20 * child_complexity")]
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<Tag>> {
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len())?;
        let mut tags: Vec<_> =
            book.open_lines().flat_map(|line| &line.tags).map(Arc::clone).collect();
        tags.sort_by_cached_key(|tag| (fold(&tag.name), tag.id));
        tags.dedup_by_key(|tag| tag.id);
        Ok(tags.into_iter().map(Tag).collect())
    }

    /// Its open positions that share a strategy tag, each seen as one trade, by name; at most 100.
    #[graphql(complexity = "5 + 10 * child_complexity")]
    async fn strategies(&self, ctx: &Context<'_>) -> Result<Vec<Strategy>> {
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len())?;
        Ok(Strategy::all(&book))
    }

    /// Tags for open positions that belong together and carry no strategy yet, the surest first; at
    /// most 100.
    #[graphql(complexity = "5 + 10 * child_complexity")]
    async fn tag_suggestions(&self, ctx: &Context<'_>) -> Result<Vec<TagSuggestion>> {
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len().saturating_mul(PRICED))?;
        let loaders = request(ctx).loaders();
        let found = suggestions(&book, loaders.tags().await?);
        Ok(found.into_iter().map(|one| TagSuggestion::of(&book, one)).collect())
    }

    /// What it is worth at the close of a session, and what it has gained.
    #[graphql(complexity = "5 + child_complexity")]
    async fn valuation(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one, with what was entered since, when \
                          left out. A day that is no \
                          session stands for the one before it."
        )]
        as_of: Option<Date>,
    ) -> Result<PortfolioValuation> {
        let book = self.book(ctx, as_of).await?;
        request(ctx).spend(book.lines.len())?;
        Ok(PortfolioValuation::of(book, as_of))
    }

    /// What its open positions expose it to at the close of a session.
    #[graphql(complexity = "5 + child_complexity")]
    async fn exposures(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which side of the book.", default_with = "BookView::All")] view: BookView,
        #[graphql(desc = "What to narrow the positions to; all that are open when left out.")]
        filter: Option<PositionFilter>,
        #[graphql(
            desc = "The session; the last completed one, with what was entered since, when \
                          left out. A day that is no \
                          session stands for the one before it."
        )]
        as_of: Option<Date>,
    ) -> Result<Exposures> {
        let book = self.book(ctx, as_of).await?;
        let lines = selected(ctx, &book, view, filter)?;
        Ok(Exposures::new(book, lines, as_of))
    }

    #[graphql(flatten)]
    async fn past(&self, _ctx: &Context<'_>) -> Past {
        Past(self.clone())
    }

    /// What is missing of the data of its open positions over the last 253 completed sessions,
    /// and which figures that costs.
    #[graphql(complexity = "10 + child_complexity")]
    async fn data_quality(&self, ctx: &Context<'_>) -> Result<PortfolioDataQuality> {
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len().saturating_mul(PRICED))?;
        PortfolioDataQuality::of(ctx, &book).await
    }

    /// What moves its open positions, and by how much, as of the close of a session.
    #[graphql(complexity = "10 + child_complexity")]
    async fn greeks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which side of the book.", default_with = "BookView::All")] view: BookView,
        #[graphql(desc = "What to narrow the positions to; all that are open when left out.")]
        filter: Option<PositionFilter>,
        #[graphql(
            desc = "The session; the last completed one, with what was entered since, when \
                          left out. A day that is no \
                          session stands for the one before it."
        )]
        as_of: Option<Date>,
        #[graphql(
            desc = "How options are valued; those that cannot be exercised early always by \
                          BLACK_SCHOLES_MERTON.",
            default_with = "PricingModel::BlackScholesMerton"
        )]
        model: PricingModel,
    ) -> Result<PortfolioGreeks> {
        let book = self.book(ctx, as_of).await?;
        let lines = selected(ctx, &book, view, filter)?;
        let greeks = request(ctx).loaders().greeks(&book, model.into()).await?;
        Ok(PortfolioGreeks::new(book, lines, greeks, as_of))
    }

    /// What moves of the market would do, each by itself: Σ delta-adjusted exposure × market beta ×
    /// move.
    #[graphql(complexity = "20 + moves.as_ref().map_or(2, Vec::len) * child_complexity")]
    async fn market_scenarios(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns of the market, 1 % is `0.01`; 1 to 50, each from −1 to 3.",
            default_with = "Some(vec![0.01, -0.01])"
        )]
        moves: Option<Vec<f64>>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Result<Vec<ScenarioResult>> {
        let book = self.book(ctx, as_of).await?;
        let moves = moves.unwrap_or_else(|| vec![0.01, -0.01]);
        Box::pin(stress::market_moves(ctx, &book, moves, as_of)).await
    }

    /// What moves of the 10-year Treasury yield would do, each by itself: Σ delta-adjusted exposure
    /// × rate beta × change. The rate beta is the slope of an instrument's returns over the
    /// absolute changes of the yield.
    #[graphql(complexity = "20 + moves.as_ref().map_or(2, Vec::len) * child_complexity")]
    async fn rate_scenarios(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Absolute changes, 50 basis points are `0.005`; 1 to 50, each from −0.1 to 0.1.",
            default_with = "Some(vec![0.005, -0.005])"
        )]
        moves: Option<Vec<f64>>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Result<Vec<ScenarioResult>> {
        let book = self.book(ctx, as_of).await?;
        let moves = moves.unwrap_or_else(|| vec![0.005, -0.005]);
        Box::pin(stress::rate_moves(ctx, &book, moves, as_of)).await
    }

    /// How well market betas would have predicted what the holdings did of late.
    #[graphql(complexity = "40 + child_complexity")]
    async fn scenario_accuracy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Sessions to look back on; 2 to 252.", default_with = "Some(90)")]
        days_back: Option<i32>,
    ) -> Result<ScenarioAccuracy> {
        Box::pin(self.accuracy(ctx, days_back)).await
    }

    /// What scenarios would do, in the order of the list or of the ids.
    #[graphql(complexity = "40 + scenario_ids.as_ref().map_or(30, Vec::len) * child_complexity")]
    async fn stress_test(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "These scenarios; all that are active when left out.")]
        scenario_ids: Option<Vec<ID>>,
        #[graphql(desc = "Of these categories only.")] categories: Option<Vec<ScenarioCategory>>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Result<Vec<StressResult>> {
        let book = self.book(ctx, as_of).await?;
        Box::pin(stress::run_scenarios(ctx, &book, scenario_ids, categories, as_of)).await
    }

    /// What a scenario would have done, by the closes of each session, as the nightly chain found
    /// it: the oldest first, kept for 365 days. What the scenario supposed then is what its shocks
    /// are here. Empty for one that has never been run.
    #[graphql(complexity = "1 + 252 * child_complexity / 10")]
    async fn stress_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The scenario.")] scenario_id: ID,
        #[graphql(desc = "From this day on.")] from: Option<Date>,
        #[graphql(desc = "Up to this day.")] to: Option<Date>,
    ) -> Result<Vec<StressResult>> {
        Box::pin(self.kept_results(ctx, scenario_id, from, to)).await
    }

    /// The smallest move of one variable that loses so much.
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
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Result<ReverseStressResult> {
        let book = self.book(ctx, as_of).await?;
        let variable = variable.unwrap_or_else(|| "Market".into());
        Box::pin(stress::reverse(ctx, &book, variable, loss_ratio, as_of)).await
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
        let book = self.book(ctx, None).await?;
        let (paths, horizon) = (paths.unwrap_or(10_000), horizon_days.unwrap_or(1));
        let confidence = confidence.unwrap_or(0.95);
        Box::pin(stress::simulate(ctx, &book, paths, horizon, confidence, seed)).await
    }

    /// What it has in each active factor, in display order: exposures through betas that are
    /// estimated once an instrument.
    #[graphql(complexity = "20 + 7 * child_complexity")]
    async fn factor_exposures(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
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
        let book = self.book(ctx, as_of).await?;
        Box::pin(FactorExposure::of_book(request(ctx), book, as_of, (method, basis))).await
    }

    /// How well the factors can be told apart, and how much of it they speak for.
    #[graphql(complexity = "20 + child_complexity")]
    async fn factor_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
        #[graphql(
            desc = "How the betas are estimated.",
            default_with = "FactorMethod::Orthogonal"
        )]
        method: FactorMethod,
    ) -> Result<FactorModelDiagnostics> {
        let book = self.book(ctx, as_of).await?;
        Box::pin(FactorModelDiagnostics::of_book(request(ctx), book, as_of, method)).await
    }

    /// The risk that the factors and each position bring, looking forward: what today's holdings
    /// are expected to vary by.
    #[graphql(complexity = "20 + child_complexity")]
    async fn risk_decomposition(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
        #[graphql(
            desc = "How the betas are estimated.",
            default_with = "FactorMethod::Orthogonal"
        )]
        method: FactorMethod,
    ) -> Result<RiskDecomposition> {
        let book = self.book(ctx, as_of).await?;
        Box::pin(RiskDecomposition::of_book(request(ctx), book, as_of, method)).await
    }

    /// What the past returns of today's holdings say about its risk.
    #[graphql(complexity = "20 + child_complexity")]
    async fn risk_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
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
        if benchmark.is_empty() {
            let refusal = Refusal::validation("`benchmark` must be a symbol.");
            return Err(refusal.hint("Leave it out for SPY.").into());
        }
        let loaders = request.loaders();
        let known = loaders.subject(&benchmark);
        let (book, known) = Box::pin(try_join(self.book(ctx, as_of), known)).await?;
        let against = (benchmark, known);
        Box::pin(RiskMetrics::of_book(request, book, as_of, window, view.into(), against)).await
    }

    /// How what it holds moves together.
    #[graphql(complexity = "20 + child_complexity")]
    async fn correlations(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
        #[graphql(desc = "Daily returns to look back on, from 20 to 1260.", default = 90)]
        lookback_days: i32,
        #[graphql(desc = "Which positions; those of at least 10000 and 1 % when left out.")]
        filter: Option<CorrelationFilter>,
    ) -> Result<CorrelationAnalysis> {
        let lookback = sessions("lookbackDays", lookback_days)?;
        let book = self.book(ctx, as_of).await?;
        Box::pin(CorrelationAnalysis::of_book(request(ctx), book, as_of, lookback, filter)).await
    }

    /// The rules that its owner is told by, the oldest first; at most 100.
    #[graphql(complexity = "1 + 20 * child_complexity")]
    async fn alert_rules(&self, ctx: &Context<'_>) -> Result<Vec<AlertRule>> {
        let found = request(ctx).loaders().row(AlertRulesOf(self.0.id)).await?;
        Ok(found.unwrap_or_default().into_iter().map(AlertRule).collect())
    }

    /// What has reports on it made again and again, the oldest first; at most 20.
    #[graphql(complexity = "1 + 5 * child_complexity")]
    async fn report_schedules(&self, ctx: &Context<'_>) -> Result<Vec<ReportSchedule>> {
        let found = request(ctx).loaders().row(ReportSchedulesOf(self.0.id)).await?;
        Ok(found.unwrap_or_default().into_iter().map(ReportSchedule).collect())
    }

    /// The what-if sessions on it, the newest first. Those that were never saved are forgotten 30
    /// days after their last change.
    #[graphql(complexity = "cost(first, None, child_complexity)")]
    async fn modeling_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those that have come so far only.")] status: Option<
            ModelingSessionStatus,
        >,
        #[graphql(desc = "Size of a page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<ModelingSessionConnection> {
        let (owner, portfolio) = (self.0.owner_id, Some(self.0.id));
        let asked = SessionsAsked { owner, portfolio, status, first, after };
        ModelingSessionConnection::page(request(ctx), asked).await
    }

    /// How much of it sits in few positions at the last completed session.
    #[graphql(complexity = "5 + child_complexity")]
    async fn concentration(&self, ctx: &Context<'_>) -> Result<Concentration> {
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len())?;
        Ok(Concentration::of_book(&book))
    }
}

/// The lines on a side of a book that a filter keeps.
pub(super) fn selected(
    ctx: &Context<'_>,
    book: &Book,
    view: BookView,
    filter: Option<PositionFilter>,
) -> Result<Vec<Arc<Line>>> {
    request(ctx).spend(book.lines.len())?;
    let sides = Filter { view: view.into(), ..Filter::default() };
    let filter = PositionFilter::selection(filter)?;
    Ok(book.select(&filter).into_iter().filter(|line| sides.keeps(line)).collect())
}

connection! {
    /// Portfolios, by name.
    PortfolioConnection, PortfolioEdge, Portfolio
}
