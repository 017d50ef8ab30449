//! What became of a portfolio: its snapshots, its performance and what made its profit.

use std::sync::Arc;

use async_graphql::{Context, Object};
use chrono::NaiveDate;
use futures_util::future::try_join;

use super::Portfolio;
use crate::domain::page::{MAX_PAGE_SIZE, Page};
use crate::domain::snapshot::Snapshot;
use crate::graphql::error::Result;
use crate::graphql::loaders::snapshots::SnapshotsPage;
use crate::graphql::page::{PageArguments, Scope, cost, group_cost, groups};
use crate::graphql::scalar::Date;
use crate::graphql::types::attribution::AttributionLine;
use crate::graphql::types::position::PositionGrouping;
use crate::graphql::types::snapshot::{
    Performance, PortfolioSnapshot, PortfolioSnapshotConnection,
};
use crate::graphql::viewer::request;

/// A portfolio, for the fields that look back.
pub(super) struct Past(pub Portfolio);

impl Past {
    async fn one_snapshot(
        &self,
        ctx: &Context<'_>,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        page: Page<NaiveDate>,
    ) -> Result<Option<PortfolioSnapshot>> {
        let key = SnapshotsPage { portfolio: self.0.0.id, from, to, page };
        let slice = request(ctx).loaders().row(key).await?.unwrap_or_default();
        Ok(slice.items.into_iter().next().map(|one| PortfolioSnapshot(Arc::new(one))))
    }
}

/// Fields of `Portfolio`.
#[Object]
impl Past {
    /// What it was worth at the close of a session, as its snapshot has it; null without one. A
    /// day that is no session stands for the one before it.
    async fn snapshot(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session.")] date: Date,
    ) -> Option<Result<PortfolioSnapshot>> {
        let session = request(ctx).services.calendar.session_on_or_before(date.0);
        let page = Page { limit: 1, ..Page::default() };
        self.one_snapshot(ctx, Some(session), Some(session), page).await.transpose()
    }

    /// The newest of its snapshots; null before the first.
    async fn latest_snapshot(&self, ctx: &Context<'_>) -> Option<Result<PortfolioSnapshot>> {
        let page = Page { limit: 1, from_end: true, ..Page::default() };
        self.one_snapshot(ctx, None, None, page).await.transpose()
    }

    /// Its snapshots, one a session, the oldest first; kept for 365 days.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn snapshots(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From this day on.")] from: Option<Date>,
        #[graphql(desc = "Up to this day.")] to: Option<Date>,
        #[graphql(desc = "Size of a page from the start; 20 when left out, at most 500.")]
        first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end, at most 500.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<PortfolioSnapshotConnection> {
        let (from, to) = (from.map(|date| date.0), to.map(|date| date.0));
        let scope = Scope::of(("snapshots", self.0.0.id, from, to));
        let page = PageArguments { first, after, last, before }.page(scope)?;
        let key = SnapshotsPage { portfolio: self.0.0.id, from, to, page };
        let slice = request(ctx).loaders().row(key).await?.unwrap_or_default();
        let slice = slice.map(Arc::new);
        let key = |one: &Arc<Snapshot>| one.date;
        Ok(PortfolioSnapshotConnection::of(slice, scope, key, PortfolioSnapshot))
    }

    /// How it did over some periods, by its snapshots.
    #[graphql(complexity = "20 + child_complexity")]
    async fn performance(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session the periods end with; the last completed one when left out. A day \
                    that is no session stands for the one before it."
        )]
        as_of: Option<Date>,
    ) -> Result<Performance> {
        let request = request(ctx);
        let session = request.horizon(as_of)?.as_of;
        let page = Page { limit: MAX_PAGE_SIZE, from_end: true, ..Page::default() };
        let key = SnapshotsPage { portfolio: self.0.0.id, from: None, to: Some(session), page };
        let loaders = request.loaders();
        let (book, slice) = try_join(self.0.book(ctx, as_of), loaders.row(key)).await?;
        let slice = slice.unwrap_or_default();
        let first = book.lines.iter().map(|line| line.position.entry_date).min();
        let first = first.map(|day| request.services.calendar.session_on_or_after(day));
        request.spend(slice.items.len())?;
        Ok(Performance::of(&request.services.calendar, &slice.items, first, session, as_of))
    }

    /// What made its profit or loss from one close to another, by group: the largest first, those
    /// of which none is known last. Money is in its currency. Of groups that share no position the
    /// profits add up to the book's; a position with several tags counts fully in each of them, so
    /// that those by TAG and STRATEGY may come to more.
    #[graphql(complexity = "20 + group_cost(first, child_complexity)")]
    async fn attribution(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session at whose close the period begins; the one before `to` when left \
                    out. A day that is no session stands for the one before it."
        )]
        from: Option<Date>,
        #[graphql(
            desc = "The session at whose close it ends; the last completed one when left out. A \
                    day that is no session stands for the one before it."
        )]
        to: Option<Date>,
        #[graphql(
            desc = "What the positions of a group share.",
            default_with = "PositionGrouping::Underlying"
        )]
        by: PositionGrouping,
        #[graphql(
            desc = "At most so many groups, up to 500. When left out all of them, which is an \
                    error for more than 500."
        )]
        first: Option<i32>,
        #[graphql(desc = "The groups that follow the one with this `key`.")] after: Option<String>,
    ) -> Result<Vec<AttributionLine>> {
        let all = AttributionLine::of_period(ctx, &self.0.0, from, to, by).await?;
        groups(all, AttributionLine::key_of, first, after.as_deref())
    }
}
