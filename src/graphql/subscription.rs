//! What can be watched.

mod alerts;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use async_graphql::{Context, Enum, ID, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use self::alerts::WatchedAlerts;
use super::emission::{Emission, Source, Watch};
use super::error::{ApiError, Result};
use super::id::NodeId;
use super::types::alert::Alert;
use super::types::job::{Job, job_id};
use super::types::portfolio::Portfolio;
use crate::domain::id::{InstrumentId, JobId, PortfolioId};
use crate::domain::{job, portfolio};
use crate::error::Refusal;
use crate::services::updates::{Heard, Update};
use crate::store;

/// What changed of a portfolio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Enum)]
pub enum UpdateReason {
    /// What it holds.
    Positions,
    /// Closes, splits or dividends of something it holds, or of an underlying.
    Prices,
    /// Figures that are computed beside requests, such as risk, factors and snapshots.
    Analytics,
}

/// A change of a portfolio.
#[derive(SimpleObject)]
pub struct PortfolioUpdate {
    /// As it is now.
    portfolio: Portfolio,
    /// What changed.
    reason: UpdateReason,
    /// When it was looked at: everything in `portfolio` is as of then.
    at: DateTime<Utc>,
}

pub struct Subscription;

/// What can be watched, over a WebSocket at `/graphql/ws` (`graphql-transport-ws`) or as events
/// sent by the server (`POST /graphql` with `Accept: text/event-stream`). One field at a time; at
/// most five emissions a second, each as of its own moment. A subscription whose session has
/// ended, or whose subject is gone, ends with an error.
#[Subscription]
impl Subscription {
    /// A job of the viewer's, or, for an administrator, anybody's: as it is now, then on every
    /// change of its state or progress; ends when the job does. `NOT_FOUND` for any other id.
    async fn job_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's `id`.")] job_id: ID,
    ) -> Result<BoxStream<'static, Result<Job>>> {
        let source = Arc::clone(ctx.data_unchecked::<Arc<Source>>());
        let id = self::job_id(&job_id)?;
        let watch = source.watch().await;
        let watched = WatchedJob { source, watch, id, told: None, has_ended: false };
        Ok(stream::unfold(watched, WatchedJob::next).boxed())
    }

    /// A portfolio of the viewer's, whenever its positions, the prices of what it holds or its
    /// analytics change. `NOT_FOUND` for any other id.
    async fn portfolio_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The portfolio's `id`.")] portfolio_id: ID,
    ) -> Result<BoxStream<'static, Result<PortfolioUpdate>>> {
        let source = Arc::clone(ctx.data_unchecked::<Arc<Source>>());
        let id = NodeId::portfolio(&portfolio_id)
            .ok_or_else(|| Refusal::not_found("portfolio").at("portfolioId"))?;
        let watch = source.watch().await;
        let (_, _, held) = look_at_book(&source, id).await?;
        let reasons = BTreeSet::new();
        let watched = WatchedBook { source, watch, id, held, reasons, has_ended: false };
        Ok(stream::unfold(watched, WatchedBook::next).boxed())
    }

    /// The viewer's alerts, of all portfolios or of one: first those that nobody has acknowledged,
    /// the oldest first, at most the newest 500; then each as it is raised, in whichever process.
    /// So whoever connects again misses nothing but what was acknowledged meanwhile, and may be
    /// told again of what was not; within one subscription each comes once. `NOT_FOUND` for a
    /// portfolio that is not the viewer's.
    async fn alert_raised(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A portfolio's `id`; all portfolios when left out.")] portfolio_id: Option<
            ID,
        >,
    ) -> Result<BoxStream<'static, Result<Alert>>> {
        let source = Arc::clone(ctx.data_unchecked::<Arc<Source>>());
        let portfolio = portfolio_id.map(|id| {
            let missing = || Refusal::not_found("portfolio").at("portfolioId");
            NodeId::portfolio(&id).ok_or_else(missing)
        });
        let watched = WatchedAlerts::of(source, portfolio.transpose()?).await?;
        Ok(stream::unfold(watched, WatchedAlerts::next).boxed())
    }
}

struct WatchedJob {
    source: Arc<Source>,
    watch: Watch,
    id: JobId,
    told: Option<Arc<job::Job>>,
    has_ended: bool,
}

impl WatchedJob {
    async fn next(mut self) -> Option<(Result<Job>, Self)> {
        while !self.has_ended {
            if self.told.is_some() {
                let id = self.id;
                let concerns = |heard| heard == Heard::Job(id) || heard == Heard::Missed;
                self.watch.wait(false, concerns).await;
            }
            match self.look().await {
                Ok((_, job)) if self.told.as_ref() == Some(&job) => {}
                Ok((emission, job)) => {
                    self.source.send(emission);
                    self.has_ended = job.status.has_ended();
                    self.told = Some(Arc::clone(&job));
                    return Some((Ok(Job(job)), self));
                }
                Err(error) if error.is_ours() && self.told.is_some() => Watch::pause(&error).await,
                Err(error) => {
                    self.has_ended = true;
                    return Some((Err(error), self));
                }
            }
        }
        None
    }

    async fn look(&self) -> Result<(Emission, Arc<job::Job>)> {
        let emission = self.source.look().await?;
        let found = {
            let mut db = emission.request.moment.statement().await?;
            store::jobs::by_id(&mut *db, &[self.id]).await?.pop()
        };
        let job = found.ok_or_else(|| Refusal::not_found("job").at("jobId"))?;
        Ok((emission, Arc::new(job)))
    }
}

struct WatchedBook {
    source: Arc<Source>,
    watch: Watch,
    id: PortfolioId,
    /// Whose prices matter.
    held: HashSet<InstrumentId>,
    /// What is still to be told.
    reasons: BTreeSet<UpdateReason>,
    has_ended: bool,
}

impl WatchedBook {
    async fn next(mut self) -> Option<(Result<PortfolioUpdate>, Self)> {
        while !self.has_ended {
            let Self { watch, id, held, reasons, .. } = &mut self;
            let is_due = !reasons.is_empty();
            let concerns = |heard| {
                reasons.extend(reasons_for(&heard, *id, held));
                !reasons.is_empty()
            };
            watch.wait(is_due, concerns).await;
            match look_at_book(&self.source, self.id).await {
                Ok((emission, portfolio, held)) => {
                    self.held = held;
                    let Some(reason) = self.reasons.pop_first() else { continue };
                    let at = emission.request.moment.now();
                    self.source.send(emission);
                    let portfolio = Portfolio(Arc::new(portfolio));
                    return Some((Ok(PortfolioUpdate { portfolio, reason, at }), self));
                }
                Err(error) if error.is_ours() => Watch::pause(&error).await,
                Err(error) => {
                    self.has_ended = true;
                    return Some((Err(error), self));
                }
            }
        }
        None
    }
}

/// Why what was heard changes a portfolio, if it does.
fn reasons_for(
    heard: &Heard,
    id: PortfolioId,
    held: &HashSet<InstrumentId>,
) -> &'static [UpdateReason] {
    use UpdateReason::{Analytics, Positions, Prices};
    match heard {
        Heard::Book(Update::Positions(changed)) if *changed == id => &[Positions],
        Heard::Book(Update::Analytics(changed)) if *changed == id => &[Analytics],
        Heard::Book(Update::Prices(changed)) if changed.iter().any(|it| held.contains(it)) => {
            &[Prices]
        }
        // To read again what is as it was does no harm.
        Heard::Missed => &[Positions, Prices, Analytics],
        Heard::Book(_) | Heard::Job(_) => &[],
    }
}

/// A portfolio, and what it is valued by.
async fn look_at_book(
    source: &Source,
    id: PortfolioId,
) -> Result<(Emission, portfolio::Portfolio, HashSet<InstrumentId>), ApiError> {
    let emission = source.look().await?;
    let owner = emission.request.user().await?.id;
    let moment = &emission.request.moment;
    let found = {
        let mut db = moment.statement().await?;
        store::portfolios::owned(&mut *db, owner, &[id]).await?.pop()
    };
    let portfolio = found.ok_or_else(|| Refusal::not_found("portfolio").at("portfolioId"))?;
    let held = {
        let mut db = moment.statement().await?;
        store::positions::instruments_of(&mut *db, owner, id).await?
    };
    Ok((emission, portfolio, held.into_iter().collect()))
}
