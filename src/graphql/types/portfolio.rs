//! Portfolios.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};

use super::greeks::{PortfolioGreeks, PricingModel};
use super::position::{
    BookView, PositionConnection, PositionFilter, PositionGroup, PositionGrouping, PositionOrder,
};
use super::tag::Tag;
use super::user::User;
use super::valuation::{Exposures, PortfolioValuation};
use crate::domain::portfolio;
use crate::domain::text::fold;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::page::{PageArguments, Scope, connection, cost, group_cost, groups};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::request;
use crate::services::greeks::Model;
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
}

/// The lines on a side of a book that a filter keeps.
fn selected(
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
