//! The entry points.

use std::sync::Arc;

use async_graphql::{Context, ID, Json, Object, Variables};
use chrono::{DateTime, Days, Utc};

use super::error::Result;
use super::gauge::Gauge;
use super::id::NodeId;
use super::loaders::admin::ActivityPage;
use super::loaders::alerts::AlertsPage;
use super::loaders::exports::ExportsPage;
use super::loaders::jobs::JobBy;
use super::loaders::{
    InstrumentNamed, InstrumentsPage, PortfolioBy, PortfolioNamed, PortfoliosPage,
};
use super::page::{PageArguments, Scope, cost, sessions, size};
use super::scalar::Date;
use super::types::admin::Admin;
use super::types::alert::{Alert, AlertPriority};
use super::types::audit::AuditEntryConnection;
use super::types::calendar::TradingDay;
use super::types::export::{ExportConnection, ReportTemplate};
use super::types::factor::{Factor, FactorCorrelationMatrix};
use super::types::greeks::PricingModel;
use super::types::instrument::{AssetClass, Instrument, InstrumentConnection};
use super::types::job::{Job, JobConnection, JobStatus, JobsAsked};
use super::types::modeling::{ModelingSessionConnection, ModelingSessionStatus, SessionsAsked};
use super::types::node::{Node, find_position};
use super::types::portfolio::{Portfolio, PortfolioConnection};
use super::types::position::Position;
use super::types::pricing::{
    self, ImpliedVolatility, OptionContractInput, OptionQuoteInput, OptionValuation,
};
use super::types::query_cost::QueryCost;
use super::types::rate::YieldCurve;
use super::types::scenario::{ScenarioCategory, StressScenario};
use super::types::service::{ServiceInfo, ServiceLimits};
use super::types::tag::{DeletedTag, Tag, TagKind};
use super::types::user::User;
use super::viewer::{request, resolved_warning};
use crate::domain::instrument::Symbol;
use crate::domain::page::Page;
use crate::domain::text::fold;
use crate::domain::{export, factor};
use crate::error::Refusal;
use crate::services::providers;

/// Most ids of one `nodes`, and symbols of one `instruments`.
const MAX_KEYS: usize = 500;
/// Alerts listed when nobody says how many.
const ALERTS: i32 = 100;
/// Most days of one `marketCalendar`: eleven years.
const MAX_CALENDAR_DAYS: u64 = 4_018;

/// What measuring a document costs itself: it may be the longest there is, twice a request.
const QUERY_COST: usize = 20_000;

/// What does not change while the process runs.
pub struct About {
    pub started_at: DateTime<Utc>,
    pub limits: ServiceLimits,
}

pub struct Query;

/// Where reading starts.
#[Object]
impl Query {
    /// What an id names; null for nothing, and for what is somebody else's.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Any `id` of the graph.")] id: ID,
    ) -> Option<Result<Node>> {
        Node::find(ctx, &id).await.transpose()
    }

    /// What ids name, in their order; null for each that names nothing.
    #[graphql(complexity = "ids.len().saturating_mul(child_complexity)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Any `id`s of the graph; at most 500.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX_KEYS {
            return Err(Refusal::validation(format!("At most {MAX_KEYS} ids at once.")).into());
        }
        futures_util::future::try_join_all(ids.iter().map(|id| Node::find(ctx, id))).await
    }

    /// The signed-in user and everything that is theirs. Null when the request carries no
    /// credentials.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        let viewer = request(ctx).moment.viewer().await;
        viewer.map(|user| user.map(|user| Viewer(User(user)))).map_err(Into::into).transpose()
    }

    /// A portfolio of the viewer's; null when they have none of that id.
    async fn portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The portfolio's `id`.")] id: ID,
    ) -> Option<Result<Portfolio>> {
        let answer = async {
            request(ctx).user().await?;
            let Some(id) = NodeId::portfolio(&id) else { return Ok(None) };
            Ok(request(ctx).loaders().row(PortfolioBy(id)).await?.map(Portfolio))
        };
        answer.await.transpose()
    }

    /// A position of the viewer's; null when they have none of that id.
    async fn position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The position's `id`.")] id: ID,
    ) -> Option<Result<Position>> {
        let answer = async {
            request(ctx).user().await?;
            match NodeId::position(&id) {
                Some(id) => find_position(ctx, id).await,
                None => Ok(None),
            }
        };
        answer.await.transpose()
    }

    /// An instrument by its symbol; null when it is not listed and the viewer never held it.
    async fn instrument(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ticker, or OCC symbol in compact or padded form; in any case.")]
        symbol: String,
    ) -> Option<Result<Instrument>> {
        let answer = async {
            request(ctx).user().await?;
            let key = InstrumentNamed(Symbol::canonical_of(&symbol));
            Ok(request(ctx).loaders().row(key).await?.map(Instrument))
        };
        answer.await.transpose()
    }

    /// The instruments that are listed, because a source of prices names them, and those that the
    /// viewer holds or held, by symbol.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn instruments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Start of the symbol, or any part of the name.")] search: Option<String>,
        #[graphql(desc = "These symbols only; at most 500.")] symbols: Option<Vec<String>>,
        #[graphql(desc = "Of this kind only.")] asset_class: Option<AssetClass>,
        #[graphql(desc = "Size of a page from the start; 20 when left out, at most 500.")]
        first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end, at most 500.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<InstrumentConnection> {
        request(ctx).user().await?;
        if symbols.as_ref().is_some_and(|symbols| symbols.len() > MAX_KEYS) {
            return Err(Refusal::validation(format!("At most {MAX_KEYS} symbols at once.")).into());
        }
        let scope = Scope::of(("instruments", &search, &symbols, asset_class));
        let page = PageArguments { first, after, last, before }.page(scope)?;
        let key = InstrumentsPage {
            search: search.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            symbols: symbols
                .map(|all| all.iter().map(|symbol| Symbol::canonical_of(symbol)).collect()),
            asset_class: asset_class.map(Into::into),
            page,
        };
        let slice = request(ctx).loaders().row(key).await?.unwrap_or_default();
        let key = |instrument: &Arc<_>| -> String {
            let instrument: &crate::domain::instrument::Instrument = instrument;
            instrument.symbol.clone()
        };
        Ok(InstrumentConnection::of(slice.map(Arc::new), scope, key, Instrument))
    }

    /// The eight factors, in display order.
    #[graphql(complexity = "8 * child_complexity")]
    async fn factors(&self) -> Vec<Factor> {
        factor::Factor::ALL.map(Factor).into()
    }

    /// How the factors move together: exponentially weighted, so that the newest sessions weigh
    /// most.
    #[graphql(complexity = "20 + child_complexity")]
    async fn factor_correlations(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
        #[graphql(desc = "Daily returns to look back on, from 20 to 1260.", default = 252)]
        lookback_days: i32,
        #[graphql(
            desc = "Weight of a session over that of the one after it: above 0, at most 1.",
            default = 0.94
        )]
        decay: f64,
    ) -> Result<FactorCorrelationMatrix> {
        let request = request(ctx);
        request.user().await?;
        let lookback = sessions("lookbackDays", lookback_days)?;
        if !(decay > 0.0 && decay <= 1.0) {
            let refusal = Refusal::validation("`decay` must be above 0 and at most 1.");
            return Err(refusal.hint("0.94 is usual for daily returns.").into());
        }
        Box::pin(FactorCorrelationMatrix::of(request, as_of, lookback, decay)).await
    }

    /// Prices options without storing anything: at most 1,000, each answered or refused by itself.
    #[graphql(complexity = "contracts.len().max(1).saturating_mul(child_complexity)")]
    async fn calculate_greeks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The options, in the order of the answers.")] contracts: Vec<
            OptionContractInput,
        >,
        #[graphql(
            desc = "How they are valued.",
            default_with = "PricingModel::BlackScholesMerton"
        )]
        model: PricingModel,
    ) -> Result<Vec<OptionValuation>> {
        pricing::valuations(ctx, contracts, model.into()).await
    }

    /// The volatilities that option prices imply by Black, Scholes and Merton: at most 1,000, each
    /// answered or refused by itself.
    #[graphql(complexity = "contracts.len().max(1).saturating_mul(child_complexity)")]
    async fn implied_volatility(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The prices, in the order of the answers.")] contracts: Vec<
            OptionQuoteInput,
        >,
    ) -> Result<Vec<ImpliedVolatility>> {
        pricing::implied_volatilities(ctx, contracts).await
    }

    /// The days of the New York Stock Exchange between two dates, both included; at most eleven
    /// years at once.
    #[graphql(complexity = "calendar_cost(from, to, child_complexity)")]
    async fn market_calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day.")] from: Date,
        #[graphql(desc = "The last day.")] to: Date,
    ) -> Result<Vec<TradingDay>> {
        let days = days_between(from, to)
            .ok_or_else(|| Refusal::validation("`to` comes before `from`.").hint("Swap them."))?;
        if days >= MAX_CALENDAR_DAYS {
            return Err(Refusal::validation(format!("At most {MAX_CALENDAR_DAYS} days at once."))
                .hint("Ask for a year at a time.")
                .into());
        }
        let calendar = &request(ctx).services.calendar;
        Ok((0..=days)
            .filter_map(|ahead| from.0.checked_add_days(Days::new(ahead)))
            .map(|date| calendar.day(date).into())
            .collect())
    }

    /// A job of the viewer's, or, for an administrator, anybody's; null when there is none.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's `id`.")] id: ID,
    ) -> Option<Result<Job>> {
        let answer = async {
            request(ctx).user().await?;
            let Some(NodeId::Job(id)) = NodeId::parse(&id) else { return Ok(None) };
            Ok(request(ctx).loaders().row(JobBy(id)).await?.map(Job))
        };
        answer.await.transpose()
    }

    /// The kinds of reports that there are.
    #[graphql(complexity = "4 * child_complexity")]
    async fn report_templates(&self) -> Vec<ReportTemplate> {
        export::TEMPLATES.iter().map(ReportTemplate::from).collect()
    }

    /// The built-in stress scenarios and the viewer's own, these last and by name; at most 127.
    #[graphql(complexity = "1 + 30 * child_complexity")]
    async fn stress_scenarios(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "About this only.")] category: Option<ScenarioCategory>,
        #[graphql(desc = "Also those that stress tests leave out.", default_with = "Some(false)")]
        include_inactive: Option<bool>,
    ) -> Result<Vec<StressScenario>> {
        request(ctx).user().await?;
        let all = request(ctx).loaders().scenarios().await?;
        Ok(all
            .iter()
            .filter(|one| one.is_active || include_inactive == Some(true))
            .filter(|one| {
                category.is_none_or(|asked| ScenarioCategory::from(one.category) == asked)
            })
            .map(|one| StressScenario(Arc::clone(one)))
            .collect())
    }

    /// The risk-free rates as of a session, from the yields of the Treasury.
    async fn yield_curve(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Result<YieldCurve> {
        let request = request(ctx);
        request.user().await?;
        let session = request.horizon(as_of)?.as_of;
        Ok(YieldCurve {
            curve: request.loaders().curve(session).await?,
            as_of: session,
            resolved: resolved_warning(as_of, session),
        })
    }

    /// How the service runs. Requires the ADMIN role: everybody else gets `FORBIDDEN` and null.
    async fn admin(&self, ctx: &Context<'_>) -> Option<Result<Admin>> {
        let answer = async {
            providers::authorize(&request(ctx).user().await?)?;
            Ok(Admin(()))
        };
        Some(answer.await)
    }

    /// What a document would cost, without running it: measured as every request is, so that what
    /// is allowed here is not refused for its cost or depth. What it works through while it runs
    /// is bounded besides, by `maxRows`.
    #[graphql(complexity = "QUERY_COST + child_complexity")]
    async fn query_cost(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The text of one operation, with its fragments; at most 64 KiB.")]
        query: String,
        #[graphql(desc = "Its variables, an object; page sizes among them count.")]
        variables: Option<Json<serde_json::Value>>,
    ) -> QueryCost {
        let variables =
            variables.map_or_else(Variables::default, |Json(given)| Variables::from_json(given));
        let asked = async_graphql::Request::new(query).variables(variables);
        ctx.data_unchecked::<Gauge>().cost(asked).await.into()
    }

    /// What runs here, on what data, within which limits.
    async fn service(&self, ctx: &Context<'_>) -> Result<ServiceInfo> {
        let about = ctx.data_unchecked::<About>();
        let loaders = request(ctx).loaders();
        let coverage = loaders.reach().await?;
        Ok(ServiceInfo {
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("SIGMASIGHT_COMMIT"),
            started_at: about.started_at,
            market_data_as_of: coverage.iter().map(|(_, newest)| Date(*newest)).max(),
            price_sources: coverage.iter().map(|(source, _)| (*source).into()).collect(),
            limits: about.limits,
        })
    }
}

/// Days from one to another; None when that one comes first.
fn days_between(from: Date, to: Date) -> Option<u64> {
    u64::try_from((to.0 - from.0).num_days()).ok()
}

/// What a calendar costs, for the budget of a query: its days times what one costs.
fn calendar_cost(from: Date, to: Date, of_one: usize) -> usize {
    let days = days_between(from, to).unwrap_or(0).min(MAX_CALENDAR_DAYS);
    usize::try_from(days).unwrap_or(usize::MAX).saturating_add(1).saturating_mul(of_one)
}

/// The signed-in user and everything that is theirs.
pub struct Viewer(pub User);

/// The signed-in user and everything that is theirs.
#[Object]
impl Viewer {
    /// Who it is.
    async fn user(&self) -> &User {
        &self.0
    }

    /// Their portfolios, by name.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn portfolios(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page from the start; 20 when left out, at most 500.")]
        first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end, at most 500.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<PortfolioConnection> {
        let owner = self.0.0.id;
        let scope = Scope::of(("portfolios", owner));
        let page = PageArguments { first, after, last, before }.page(scope)?;
        let key = PortfoliosPage(page);
        let slice = request(ctx).loaders().row(key).await?.unwrap_or_default();
        let key = |portfolio: &crate::domain::portfolio::Portfolio| fold(&portfolio.name);
        let node = |portfolio| Portfolio(Arc::new(portfolio));
        Ok(PortfolioConnection::of(slice, scope, key, node))
    }

    /// Their portfolio of exactly that name, whatever the case; null when there is none.
    async fn portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The portfolio's name.")] name: String,
    ) -> Option<Result<Portfolio>> {
        let key = PortfolioNamed(name.trim().to_owned());
        let found = request(ctx).loaders().row(key).await;
        found.map(|found| found.map(Portfolio)).transpose()
    }

    /// What they did, the newest first.
    #[graphql(complexity = "cost(first, None, child_complexity)")]
    async fn activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<AuditEntryConnection> {
        let scope = Scope::of(("activity", self.0.0.id));
        let page = PageArguments::forward(first, after).page(scope)?;
        let slice = request(ctx).loaders().row(ActivityPage(page)).await?.unwrap_or_default();
        Ok(AuditEntryConnection::page(slice, scope))
    }

    /// Their tags, by name; at most 100.
    #[graphql(complexity = "1 + 20 * child_complexity")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With this text in the name, whatever the case.")] search: Option<String>,
        #[graphql(desc = "Of this kind only.")] kind: Option<TagKind>,
    ) -> Result<Vec<Tag>> {
        let loaders = request(ctx).loaders();
        let all = loaders.tags().await?;
        let search = fold(&search.unwrap_or_default());
        Ok(all
            .iter()
            .filter(|tag| fold(&tag.name).contains(&search))
            .filter(|tag| kind.is_none_or(|kind| TagKind::from(tag.kind) == kind))
            .map(|tag| Tag(Arc::clone(tag)))
            .collect())
    }

    /// What they were told of their books, the newest first; kept for 365 days.
    #[graphql(complexity = "cost(first.or(Some(ALERTS)), None, child_complexity)")]
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of this priority only.")] priority: Option<AlertPriority>,
        #[graphql(desc = "Also those that were acknowledged.", default_with = "Some(false)")]
        include_acknowledged: Option<bool>,
        #[graphql(desc = "At most so many; 100 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Those that are older than the alert of this `id`.")] after: Option<ID>,
    ) -> Result<Vec<Alert>> {
        let after = after.map(|id| {
            let unknown = || Refusal::validation("`after` is the `id` of an alert.");
            NodeId::alert(&id).ok_or_else(|| unknown().hint("Take it from the last one read."))
        });
        let page = AlertsPage {
            priority: priority.map(Into::into),
            with_acknowledged: include_acknowledged == Some(true),
            page: Page {
                limit: size("first", first.or(Some(ALERTS)))?,
                after: after.transpose()?,
                ..Page::default()
            },
        };
        let slice = request(ctx).loaders().row(page).await?.unwrap_or_default();
        Ok(slice.items.into_iter().map(|alert| Alert(Arc::new(alert))).collect())
    }

    /// The tags they deleted in the last 30 days, the newest first; at most 500.
    #[graphql(complexity = "5 + 20 * child_complexity")]
    async fn deleted_tags(&self, ctx: &Context<'_>) -> Result<Vec<DeletedTag>> {
        DeletedTag::all(ctx).await
    }

    /// Their files to take away, made and to be made, the newest first; kept for 30 days.
    #[graphql(complexity = "cost(first, None, child_complexity)")]
    async fn exports(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<ExportConnection> {
        let scope = Scope::of(("exports", self.0.0.id));
        let page = PageArguments::forward(first, after).page(scope)?;
        let slice = request(ctx).loaders().row(ExportsPage(page)).await?.unwrap_or_default();
        Ok(ExportConnection::page(slice, scope))
    }

    /// Their what-if sessions, the newest first. Those that were never saved are forgotten 30 days
    /// after their last change.
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
        let owner = self.0.0.id;
        let asked = SessionsAsked { owner, portfolio: None, status, first, after };
        ModelingSessionConnection::page(request(ctx), asked).await
    }

    /// Their jobs, the newest first.
    #[graphql(complexity = "cost(first, None, child_complexity)")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those that stand so only.")] status: Option<JobStatus>,
        #[graphql(desc = "Size of the page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<JobConnection> {
        let owner = Some(self.0.0.id);
        let asked = JobsAsked { owner, kind: None, status, first, after };
        JobConnection::page(request(ctx), asked).await
    }
}
