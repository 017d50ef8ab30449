//! Portfolios.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

use super::correlation::{Concentration, CorrelationAnalysis, CorrelationFilter};
use super::factor::{ExposureBasis, FactorExposure, FactorMethod, FactorModelDiagnostics};
use super::position::{
    BookView, PositionConnection, PositionFilter, PositionGroup, PositionGrouping, PositionOrder,
};
use super::risk::{RiskDecomposition, RiskMetrics};
use super::tag::Tag;
use super::user::User;
use super::valuation::{Exposures, PortfolioValuation};
use crate::domain::page::MAX_PAGE_SIZE;
use crate::domain::portfolio;
use crate::domain::reference::BENCHMARK;
use crate::domain::text::fold;
use crate::error::{Code, Refusal};
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::page::{PageArguments, Scope, connection, cost, sessions, size};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::request;
use crate::services::valuation::{Book, Filter};

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
        let order = order_by.map(Into::into).unwrap_or_default();
        let arguments = PageArguments { first, after, last, before };
        PositionConnection::of_lines(&book, lines, order, &arguments, scope)
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
        let most = first.map(|first| size("first", Some(first))).transpose()?;
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len())?;
        let groups = book.groups(by.into(), &PositionFilter::selection(filter)?);
        let skipped = match after {
            None => 0,
            Some(key) => {
                groups.iter().position(|group| group.key == key).map(|at| at + 1).ok_or_else(
                    || {
                        Refusal::validation("No group has the key given as `after`.")
                            .hint("Give the `key` of the last group that you have.")
                    },
                )?
            }
        };
        if most.is_none() && groups.len() - skipped > MAX_PAGE_SIZE {
            let message = format!("There are {} groups.", groups.len());
            return Err(Refusal::new(Code::LimitExceeded, message)
                .hint(format!(
                    "Ask for them in parts: `first: {MAX_PAGE_SIZE}`, then `after` the last `key`."
                ))
                .into());
        }
        Ok(groups
            .into_iter()
            .skip(skipped)
            .take(most.unwrap_or(MAX_PAGE_SIZE))
            .map(|group| PositionGroup::new(&book, group, by))
            .collect())
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
        request(ctx).spend(book.lines.len())?;
        let sides = Filter { view: view.into(), ..Filter::default() };
        let filter = PositionFilter::selection(filter)?;
        let lines = book.select(&filter).into_iter().filter(|line| sides.keeps(line)).collect();
        Ok(Exposures::new(book, lines, as_of))
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
        let book = self.book(ctx, as_of).await?;
        Box::pin(RiskMetrics::of_book(request(ctx), book, as_of, window, view.into(), benchmark))
            .await
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

    /// How much of it sits in few positions at the last completed session.
    #[graphql(complexity = "5 + child_complexity")]
    async fn concentration(&self, ctx: &Context<'_>) -> Result<Concentration> {
        let book = self.book(ctx, None).await?;
        request(ctx).spend(book.lines.len())?;
        Ok(Concentration::of_book(&book))
    }
}

/// What groups cost, for the budget of a query: how many there are is not known before.
fn group_cost(first: Option<i32>, of_one: usize) -> usize {
    const USUAL: i32 = 100;
    cost(first.or(Some(USUAL)), None, of_one)
}

connection! {
    /// Portfolios, by name.
    PortfolioConnection, PortfolioEdge, Portfolio
}
