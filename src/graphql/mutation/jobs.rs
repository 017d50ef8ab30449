//! Asking for work, and for it to stop.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::domain::id::JobId;
use crate::error::Error;
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::loaders::jobs::JobBy;
use crate::graphql::scalar::Date;
use crate::graphql::types::job::{Job, job_id};
use crate::graphql::viewer::{Request, request};
use crate::services::jobs::{self, Details};

/// Which prices to complete.
#[derive(InputObject)]
struct RefreshMarketDataInput {
    /// Of these, whether anybody holds them or not; at most 500. Of everything held when left
    /// out.
    symbols: Option<Vec<String>>,
    /// From this day on, where that is further back than prices are kept anyway: thirteen months,
    /// and from the year before the first entry.
    from: Option<Date>,
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
            ..Details::default()
        };
        let outcome = jobs::refresh_market_data(&request.services, &viewer, details).await;
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
