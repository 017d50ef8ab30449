//! Jobs: work under way, and what became of it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::portfolio::Portfolio;
use crate::domain::calendar::Calendar;
use crate::domain::id::{JobId, UserId};
use crate::domain::job;
use crate::error::Refusal;
use crate::graphql::error::{Result, UserError};
use crate::graphql::id::NodeId;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::loaders::jobs::JobsPage;
use crate::graphql::page::{PageArguments, Scope, connection};
use crate::graphql::scalar::Date;
use crate::graphql::viewer::{Request, request};
use crate::services::schedules;
use crate::store::schedules::Schedule;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "job::JobKind")]
pub enum JobKind {
    /// Completes the prices and yields of everything held, up to the session of its date.
    MarketData,
    /// Greeks of every position.
    Greeks,
    /// Factor betas of every instrument, and the exposures of positions and books to factors.
    Factors,
    /// Interest-rate betas, and what moves of the market and of rates would do.
    MarketRisk,
    /// What the stress scenarios would do.
    Stress,
    /// Correlations of the holdings and of the factors.
    Correlations,
    /// One snapshot of each book.
    Snapshots,
    /// How well market scenarios foretold what happened.
    Accuracy,
    /// Looks at the alert rules.
    Alerts,
    /// Removes what is older than it is kept.
    Retention,
    /// Prices that are missing, of an upload or of everything held.
    Backfill,
    /// A report.
    Report,
    /// A file to take away.
    Export,
    /// All figures of one portfolio anew.
    Recalculate,
    /// The whole nightly chain, one step after the other.
    Daily,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "job::JobStatus")]
pub enum JobStatus {
    /// It waits for its time, for a worker, or for what it needs.
    Queued,
    /// A worker is at it.
    Running,
    /// It did what it had to; see `failed` for what it could not do.
    Succeeded,
    /// It was given up; see `error`.
    Failed,
    /// Somebody asked for it to stop. What was stored by then stays.
    Cancelled,
    /// It took longer than its kind may, each time.
    TimedOut,
}

/// A piece of work beside requests. Watch it with the subscription `jobProgress`.
#[derive(Clone)]
pub struct Job(pub Arc<job::Job>);

/// A piece of work beside requests. Watch it with the subscription `jobProgress`.
#[Object]
impl Job {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Job(self.0.id).into()
    }

    /// What it does.
    async fn kind(&self) -> JobKind {
        self.0.kind.into()
    }

    /// Where it stands.
    async fn status(&self) -> JobStatus {
        self.0.status.into()
    }

    /// The session it is about; null when about none in particular.
    async fn date(&self) -> Option<Date> {
        self.0.date.map(Date)
    }

    /// The portfolio it is about; null when about none in particular, or about somebody else's.
    async fn portfolio(&self, ctx: &Context<'_>) -> Option<Result<Portfolio>> {
        let id = self.0.portfolio_id?;
        let found = request(ctx).loaders().row(PortfolioBy(id)).await;
        found.map(|found| found.map(Portfolio)).transpose()
    }

    /// From 0 to 1: `processed` over `total`, and 1 once it has succeeded. 0 while the total is
    /// not known.
    async fn progress(&self) -> f64 {
        self.0.done()
    }

    /// Of what it counts, such as portfolios or symbols, how many are worked through, those that
    /// failed too.
    async fn processed(&self) -> i32 {
        self.0.progress.processed
    }

    /// How many there are; null while it is not known.
    async fn total(&self) -> Option<i32> {
        self.0.progress.total
    }

    /// How many could not be done; the others went on.
    async fn failed(&self) -> i32 {
        self.0.progress.failed
    }

    /// The books that could not be done, and why: the first 200 of them. Of an attempt that is
    /// under way, those so far.
    async fn failures(&self) -> Vec<JobFailure> {
        self.0.failures.iter().map(Into::into).collect()
    }

    /// What it is at, or how it ended, in a few words.
    async fn message(&self) -> Option<&str> {
        self.0.progress.message.as_deref()
    }

    /// Which attempt it is at; 0 before the first.
    async fn attempt(&self) -> i32 {
        self.0.attempt
    }

    /// After how many it is given up.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts
    }

    /// When it was to begin, or is to begin again.
    async fn scheduled_for(&self) -> DateTime<Utc> {
        self.0.scheduled_for
    }

    /// When its first attempt began.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at
    }

    /// When it ended, however.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// Whether somebody has asked for it to stop and it has not yet.
    async fn is_cancelling(&self) -> bool {
        self.0.is_cancelling && !self.0.status.has_ended()
    }

    /// Why it was given up, or why its latest attempt failed; null when neither did.
    async fn error(&self) -> Option<UserError> {
        self.0.failure.as_ref().map(Into::into)
    }

    /// The steps of a chain that have begun, in their order; empty for all else.
    async fn steps(&self) -> Vec<JobStep> {
        self.0.steps.iter().map(Into::into).collect()
    }
}

/// A step of a chain.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobStep {
    /// The kind of job that does the same alone.
    name: &'static str,
    /// Where it stands.
    status: JobStatus,
    /// When it began.
    started_at: Option<DateTime<Utc>>,
    /// When it ended, however.
    finished_at: Option<DateTime<Utc>>,
    /// How it ended, in a few words.
    message: Option<String>,
}

impl From<&job::Step> for JobStep {
    fn from(step: &job::Step) -> Self {
        Self {
            name: step.kind.as_str(),
            status: step.status.into(),
            started_at: step.started_at,
            finished_at: step.finished_at,
            message: step.message.clone(),
        }
    }
}

/// A book that a job could not do while it did the others.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobFailure {
    /// The kind of job that failed of it: a step, where the job is a chain.
    step: JobKind,
    /// The `id` of its portfolio, whosever it is; `runBatch` takes it.
    portfolio_id: ID,
    /// Why, in a sentence.
    message: String,
}

impl From<&job::BookFailure> for JobFailure {
    fn from(failure: &job::BookFailure) -> Self {
        Self {
            step: failure.step.into(),
            portfolio_id: NodeId::Portfolio(failure.portfolio).into(),
            message: failure.message.clone(),
        }
    }
}

connection! {
    /// Jobs, the newest first.
    JobConnection, JobEdge, Job
}

/// When a kind of job is due.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobSchedule {
    /// What runs.
    kind: JobKind,
    /// Five fields: minute, hour, day of the month, month, day of the week.
    cron: String,
    /// Where those are read; it changes its clocks, and the schedule with them.
    time_zone: &'static str,
    /// Whether it is about a session, and does nothing on other days.
    of_session: bool,
    /// How long one run may take.
    timeout_seconds: i32,
    /// After how many attempts a run is given up.
    max_attempts: i32,
    /// Whether it is on.
    is_enabled: bool,
    /// When it was last due; null before the first time.
    last_run_at: Option<DateTime<Utc>>,
    /// When it is due next; null for one that is off.
    next_run_at: Option<DateTime<Utc>>,
}

impl JobSchedule {
    pub fn of(schedule: &Schedule, calendar: &Calendar, now: DateTime<Utc>) -> Self {
        Self {
            kind: schedule.kind.into(),
            cron: schedule.cron.clone(),
            time_zone: "America/New_York",
            of_session: schedule.of_session,
            timeout_seconds: schedule.timeout_seconds,
            max_attempts: schedule.max_attempts,
            is_enabled: schedule.is_enabled,
            last_run_at: schedule.last_run_at,
            next_run_at: schedules::next(schedule, calendar, now),
        }
    }
}

/// What is asked of a list of jobs.
pub struct JobsAsked {
    /// Whose; None for everybody's.
    pub owner: Option<UserId>,
    pub kind: Option<JobKind>,
    pub status: Option<JobStatus>,
    pub first: Option<i32>,
    pub after: Option<String>,
}

impl JobConnection {
    /// A page of jobs, the newest first.
    ///
    /// # Errors
    /// `Validation` for a size out of bounds or a cursor of another list.
    pub async fn page(request: &Request, asked: JobsAsked) -> Result<Self> {
        let JobsAsked { owner, kind, status, first, after } = asked;
        let scope = Scope::of(("jobs", owner, kind, status));
        let page = PageArguments::forward(first, after).page::<JobId>(scope)?;
        let key =
            JobsPage { owner, kind: kind.map(Into::into), status: status.map(Into::into), page };
        let slice = request.loaders().row(key).await?.unwrap_or_default();
        Ok(Self::of(slice.map(Arc::new), scope, |job: &Arc<job::Job>| job.id, Job))
    }
}

/// The job an id names.
///
/// # Errors
/// `NotFound` for an id that names something else.
pub fn job_id(id: &ID) -> Result<JobId, crate::error::Error> {
    match NodeId::parse(id) {
        Some(NodeId::Job(id)) => Ok(id),
        _ => Err(Refusal::not_found("job").at("id").into()),
    }
}
