//! Asking for work, and for it to stop.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::owner;
use crate::domain::id::JobId;
use crate::error::{Error, Refusal};
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::loaders::jobs::JobBy;
use crate::graphql::scalar::Date;
use crate::graphql::types::job::{Job, JobKind, job_id};
use crate::graphql::viewer::{Request, request};
use crate::services::jobs::{self, Batch, Details};

/// Which prices to complete.
#[derive(InputObject)]
struct RefreshMarketDataInput {
    /// Of these, whether anybody holds them or not; at most 500. Of everything held when left
    /// out.
    symbols: Option<Vec<String>>,
    /// From this day on, where that is further back than prices are kept anyway: as far as
    /// `Portfolio.scenarioAccuracy` looks when nobody says how far, with its betas, and from the
    /// beginning of that year, or of the year of the first entry.
    from: Option<Date>,
    /// Up to this day; up to the last completed session when left out.
    to: Option<Date>,
}

/// What to run.
#[derive(InputObject)]
struct RunBatchInput {
    /// One step of the nightly chain, or DAILY for all of it in order.
    kind: JobKind,
    /// The session it is about; the last completed one when left out.
    date: Option<Date>,
    /// These portfolios only, whosever they are; all when left out.
    portfolio_ids: Option<Vec<ID>>,
    /// Whether to do again what has succeeded for that date.
    #[graphql(default = false)]
    force: bool,
}

/// Which portfolio to recalculate.
#[derive(InputObject)]
struct RecalculatePortfolioInput {
    /// One of the viewer's.
    portfolio_id: ID,
    /// The session it is about; the last completed one when left out.
    date: Option<Date>,
}

/// Which job to stop.
#[derive(InputObject)]
struct CancelJobInput {
    /// The job's `id`.
    id: ID,
}

/// A job that was asked for or changed.
#[derive(Default, SimpleObject)]
pub struct JobPayload {
    /// The job as it is now; null when there are `userErrors`.
    job: Option<Job>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

impl JobPayload {
    /// # Errors
    /// What is no input's fault.
    pub async fn of(request: &Request, outcome: Result<JobId, Error>) -> Result<Self> {
        let (id, user_errors) = settle(outcome)?;
        request.has_written().await;
        let job = match id {
            Some(id) => request.loaders().row(JobBy(id)).await?.map(Job),
            None => None,
        };
        Ok(Self { job, user_errors })
    }
}

#[derive(Default)]
pub struct Jobs;

#[Object]
impl Jobs {
    /// Completes prices: exactly the sessions that are missing are asked for. Requires the ADMIN
    /// role. Asked again before it has begun, it is the same job.
    #[graphql(complexity = "100 + child_complexity")]
    async fn refresh_market_data(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of what, and since when.")] input: RefreshMarketDataInput,
    ) -> Result<JobPayload> {
        let request = request(ctx);
        let viewer = request.user().await?;
        request.moment.close().await;
        let details = Details {
            symbols: input.symbols,
            from: input.from.map(|date| date.0),
            to: input.to.map(|date| date.0),
            ..Details::default()
        };
        let outcome = jobs::refresh_market_data(&request.services, &viewer, details).await;
        JobPayload::of(request, outcome).await
    }

    /// Runs a kind of job now, for everybody's books or some. Requires the ADMIN role. What has
    /// succeeded for that date is not done again, unless forced: the answer is that job.
    #[graphql(complexity = "100 + child_complexity")]
    async fn run_batch(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What, and about when.")] input: RunBatchInput,
    ) -> Result<JobPayload> {
        let request = request(ctx);
        let viewer = request.user().await?;
        request.moment.close().await;
        let not_found = || Error::from(Refusal::not_found("portfolio").at("portfolioIds"));
        let outcome = async {
            let named = input.portfolio_ids.map(|ids| {
                let ids = ids.iter().map(|id| NodeId::portfolio(id).ok_or_else(not_found));
                ids.collect::<Result<Vec<_>, _>>()
            });
            let batch = Batch {
                kind: input.kind.into(),
                date: input.date.map(|date| date.0),
                portfolios: named.transpose()?,
                force: input.force,
            };
            jobs::run_batch(&request.services, &viewer, batch).await
        };
        JobPayload::of(request, outcome.await).await
    }

    /// Makes all figures of one of the viewer's portfolios anew.
    #[graphql(complexity = "100 + child_complexity")]
    async fn recalculate_portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and about when.")] input: RecalculatePortfolioInput,
    ) -> Result<JobPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let portfolio = NodeId::portfolio(&input.portfolio_id);
        let date = input.date.map(|date| date.0);
        let outcome = jobs::recalculate(&request.services, owner, portfolio, date).await;
        JobPayload::of(request, outcome).await
    }

    /// Makes the demo as it was at first start, as a BACKFILL job: the books and tags of the demo
    /// accounts go, whatever was changed in them. Requires the ADMIN role, and a demo: there is
    /// none in production.
    #[graphql(complexity = "100 + child_complexity")]
    async fn reset_demo(&self, ctx: &Context<'_>) -> Result<JobPayload> {
        let request = request(ctx);
        let viewer = request.user().await?;
        request.moment.close().await;
        let outcome = jobs::reset_demo(&request.services, &viewer).await;
        JobPayload::of(request, outcome).await
    }

    /// Stops a job: at once when it has not begun, else within a second. What it has stored stays.
    #[graphql(complexity = "100 + child_complexity")]
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: CancelJobInput,
    ) -> Result<JobPayload> {
        let request = request(ctx);
        let viewer = request.user().await?;
        request.moment.close().await;
        let outcome = async {
            let id = job_id(&input.id)?;
            jobs::cancel(&request.services, &viewer, id).await?;
            Ok(id)
        };
        JobPayload::of(request, outcome.await).await
    }
}
