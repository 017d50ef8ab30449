//! Work the service owes itself. Run in the owner's transaction, or in an operator's, who sees
//! everybody's: [`Db::begin_as_operator`](crate::postgres::Db::begin_as_operator).

pub mod census;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::paged::{Asked, slices};
use crate::domain::id::{JobId, PortfolioId, UserId};
use crate::domain::job::{BookFailure, Failure, Job, JobKind, JobStatus, Progress, Step, Told};
use crate::domain::page::{Page, Slice};

/// A job that is asked for.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: JobId,
    pub owner_id: Option<UserId>,
    pub kind: JobKind,
    pub date: Option<NaiveDate>,
    pub portfolio_id: Option<PortfolioId>,
    pub payload: Value,
    /// Once for ever.
    pub occasion: Option<String>,
    /// Once until it begins.
    pub subject: Option<String>,
    pub max_attempts: i32,
    pub timeout_seconds: i32,
}

/// A job as the table has it.
struct Row {
    id: JobId,
    owner_id: Option<UserId>,
    kind: JobKind,
    status: JobStatus,
    date: Option<NaiveDate>,
    portfolio_id: Option<PortfolioId>,
    processed: i32,
    total: Option<i32>,
    failed: i32,
    message: Option<String>,
    steps: Json<Vec<Step>>,
    attempt: i32,
    max_attempts: i32,
    timeout_seconds: i32,
    created_at: DateTime<Utc>,
    scheduled_for: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    is_cancelling: bool,
    error_code: Option<String>,
    error_message: Option<String>,
    error_hint: Option<String>,
    failures: Json<Vec<BookFailure>>,
    payload: Value,
}

impl From<Row> for Job {
    fn from(row: Row) -> Self {
        let failure = row.error_code.zip(row.error_message);
        Self {
            id: row.id,
            owner_id: row.owner_id,
            kind: row.kind,
            status: row.status,
            date: row.date,
            portfolio_id: row.portfolio_id,
            progress: Progress {
                processed: row.processed,
                total: row.total,
                failed: row.failed,
                message: row.message,
            },
            steps: row.steps.0,
            failures: row.failures.0,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            timeout_seconds: row.timeout_seconds,
            created_at: row.created_at,
            scheduled_for: row.scheduled_for,
            started_at: row.started_at,
            finished_at: row.finished_at,
            is_cancelling: row.is_cancelling,
            failure: failure.map(|(code, message)| Failure { code, message, hint: row.error_hint }),
        }
    }
}

/// Notes a job; false when one of its occasion, or a waiting one of its subject, is there already.
pub async fn insert(
    db: impl PgExecutor<'_>,
    new: &NewJob,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into batch_jobs (id, owner_id, kind, date, portfolio_id, payload, occasion, subject,
                                max_attempts, timeout_seconds, created_at, scheduled_for)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        on conflict do nothing
        "#,
        new.id.0,
        new.owner_id.map(|id| id.0),
        new.kind as JobKind,
        new.date,
        new.portfolio_id.map(|id| id.0),
        new.payload,
        new.occasion,
        new.subject,
        new.max_attempts,
        new.timeout_seconds,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The job that stands in the way of another of an occasion or a subject.
pub async fn standing(
    db: impl PgExecutor<'_>,
    occasion: Option<&str>,
    subject: Option<&str>,
) -> sqlx::Result<Option<JobId>> {
    sqlx::query_scalar!(
        r#"
        select id as "id: JobId"
          from batch_jobs
         where occasion = $1 or subject = $2
         order by id
         limit 1
        "#,
        occasion,
        subject,
    )
    .fetch_optional(db)
    .await
}

/// Has a job that waits to make the history of the owner's portfolio go further back, and look after
/// more symbols. None when there is none that has not begun.
pub async fn widen_history(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
    from: NaiveDate,
    symbols: &[String],
) -> sqlx::Result<Option<JobId>> {
    sqlx::query_scalar!(
        r#"
        update batch_jobs
           set payload = payload || jsonb_build_object(
                   'from', least(payload->>'from', $3::date::text),
                   'symbols', (select coalesce(jsonb_agg(symbol order by symbol), '[]')
                                 from (select jsonb_array_elements_text(payload->'symbols')
                                        union
                                       select unnest($4::text[])) wanted (symbol)))
         where id = (select id
                       from batch_jobs
                      where owner_id = $1 and portfolio_id = $2 and kind = 'BACKFILL'
                        and status = 'QUEUED' and attempt = 0 and cancel_requested_at is null
                        and payload ?& array['from', 'symbols']
                      order by id
                      limit 1)
           and status = 'QUEUED' and attempt = 0
        returning id as "id: JobId"
        "#,
        owner.0,
        portfolio.0,
        from,
        symbols,
    )
    .fetch_optional(db)
    .await
}

/// Hands a job to the engine, after a while; those of one queue run one after the other. Once it
/// is there already it gets the new time.
pub async fn enqueue(
    db: impl PgExecutor<'_>,
    id: JobId,
    queue: Option<&str>,
    delay_seconds: f64,
) -> sqlx::Result<()> {
    sqlx::query!("select enqueue_job($1, $2, $3)", id.0, queue, delay_seconds).execute(db).await?;
    Ok(())
}

/// Begins a job, or begins it again after its worker has died. None when it has ended or is gone.
pub async fn begin(
    db: impl PgExecutor<'_>,
    id: JobId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<(Job, Value)>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        update batch_jobs
           set status = 'RUNNING', attempt = attempt + 1, heartbeat_at = clock_timestamp(),
               started_at = coalesce(started_at, $2), subject = null
         where id = $1 and finished_at is null
        returning id as "id: JobId", owner_id as "owner_id: UserId", kind as "kind: JobKind",
               status as "status: JobStatus", date, portfolio_id as "portfolio_id: PortfolioId",
               processed, total, failed, message, steps as "steps: Json<Vec<Step>>", attempt,
               max_attempts, timeout_seconds, created_at, scheduled_for, started_at, finished_at,
               cancel_requested_at is not null as "is_cancelling!", error_code, error_message,
               error_hint, failures as "failures: Json<Vec<BookFailure>>", payload
        "#,
        id.0,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|mut row| {
        let payload = row.payload.take();
        (row.into(), payload)
    }))
}

/// Says that an attempt is alive; whether it is asked to stop. None when it is not the one any
/// more: it has ended, or somebody else began another.
pub async fn beat(db: impl PgExecutor<'_>, id: JobId, attempt: i32) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"
        update batch_jobs
           set heartbeat_at = clock_timestamp()
         where id = $1 and attempt = $2 and status = 'RUNNING'
        returning cancel_requested_at is not null as "is_cancelling!"
        "#,
        id.0,
        attempt,
    )
    .fetch_optional(db)
    .await
}

/// Tells how far an attempt is.
pub async fn advance(
    db: impl PgExecutor<'_>,
    id: JobId,
    attempt: i32,
    told: &Told,
) -> sqlx::Result<()> {
    let Told { progress, steps, failures } = told;
    sqlx::query!(
        r#"
        update batch_jobs
           set processed = $3, total = $4, failed = $5, message = $6, steps = $7,
               failures = $8, heartbeat_at = clock_timestamp()
         where id = $1 and attempt = $2 and status = 'RUNNING'
        "#,
        id.0,
        attempt,
        progress.processed,
        progress.total,
        progress.failed,
        progress.message,
        Json(steps) as _,
        Json(failures) as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends an attempt for good; false when it is not the one any more.
pub async fn finish(
    db: impl PgExecutor<'_>,
    id: JobId,
    attempt: i32,
    status: JobStatus,
    failure: Option<&Failure>,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        update batch_jobs
           set status = $3, finished_at = $4, error_code = $5, error_message = $6, error_hint = $7
         where id = $1 and attempt = $2 and status = 'RUNNING'
        "#,
        id.0,
        attempt,
        status as JobStatus,
        now,
        failure.map(|failure| &failure.code),
        failure.map(|failure| &failure.message),
        failure.and_then(|failure| failure.hint.as_ref()),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Puts an attempt back, to be begun again at a later time; one that only waited is none.
pub async fn postpone(
    db: impl PgExecutor<'_>,
    id: JobId,
    attempt: i32,
    counts: bool,
    failure: Option<&Failure>,
    until: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        update batch_jobs
           set status = 'QUEUED', scheduled_for = $3, error_code = $4, error_message = $5,
               error_hint = $6, attempt = case when $7 then attempt else attempt - 1 end
         where id = $1 and attempt = $2 and status = 'RUNNING'
        "#,
        id.0,
        attempt,
        until,
        failure.map(|failure| &failure.code),
        failure.map(|failure| &failure.message),
        failure.and_then(|failure| failure.hint.as_ref()),
        counts,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Asks a job to stop: at once when it has not begun, else as soon as it looks. False when it has
/// ended or is not there.
pub async fn cancel(db: impl PgExecutor<'_>, id: JobId, now: DateTime<Utc>) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        update batch_jobs
           set cancel_requested_at = coalesce(cancel_requested_at, $2),
               status = case status when 'QUEUED' then 'CANCELLED' else status end,
               finished_at = case status when 'QUEUED' then $2 end, subject = null
         where id = $1 and finished_at is null
        "#,
        id.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Those of these jobs that this transaction may see; no order.
pub async fn by_id(db: impl PgExecutor<'_>, ids: &[JobId]) -> sqlx::Result<Vec<Job>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: JobId", owner_id as "owner_id: UserId", kind as "kind: JobKind",
               status as "status: JobStatus", date, portfolio_id as "portfolio_id: PortfolioId",
               processed, total, failed, message, steps as "steps: Json<Vec<Step>>", attempt,
               max_attempts, timeout_seconds, created_at, scheduled_for, started_at, finished_at,
               cancel_requested_at is not null as "is_cancelling!", error_code, error_message,
               error_hint, failures as "failures: Json<Vec<BookFailure>>", payload
          from batch_jobs
         where id = any($1)
        "#,
        ids as &[JobId],
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// A page of jobs, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobsPage {
    /// Whose; None for everybody's, which an operator alone gets.
    pub owner: Option<UserId>,
    pub kind: Option<JobKind>,
    pub status: Option<JobStatus>,
    pub page: Page<JobId>,
}

/// Pages of jobs by descending id, forwards alone; one slice for each page, in their order. Those
/// of one owner and those of everybody are looked for apart, so that each has its index.
pub async fn pages(db: impl PgExecutor<'_>, asked: &[JobsPage]) -> sqlx::Result<Vec<Slice<Job>>> {
    let pages = || asked.iter().map(|asked| &asked.page);
    let Asked { after, fetched, .. } = Asked::of(pages());
    let after: Vec<_> = after.into_iter().map(|id| id.map(|id| id.0)).collect();
    let rows = sqlx::query!(
        r#"
        select page.ordinal as "ordinal!", counted.total as "count!", job.id as "id?: JobId",
               job.owner_id as "owner_id: UserId", job.kind as "kind?: JobKind",
               job.status as "status?: JobStatus", job.date,
               job.portfolio_id as "portfolio_id: PortfolioId", job.processed as "processed?",
               job.total, job.failed as "failed?", job.message,
               job.steps as "steps?: Json<Vec<Step>>", job.attempt as "attempt?",
               job.max_attempts as "max_attempts?", job.timeout_seconds as "timeout_seconds?",
               job.created_at as "created_at?", job.scheduled_for as "scheduled_for?",
               job.started_at, job.finished_at,
               job.cancel_requested_at is not null as "is_cancelling!", job.error_code,
               job.error_message, job.error_hint,
               job.failures as "failures?: Json<Vec<BookFailure>>", job.payload as "payload?"
          from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[])
               with ordinality page (owner, kind, status, after, fetched, ordinal)
         cross join lateral (
               select count(*) as total
                 from (select from batch_jobs
                        where page.owner is null
                          and (page.kind is null or kind = page.kind)
                          and (page.status is null or status = page.status)
                        union all
                       select from batch_jobs
                        where owner_id = page.owner
                          and (page.kind is null or kind = page.kind)
                          and (page.status is null or status = page.status)) seen) counted
          left join lateral (
               (select * from batch_jobs
                 where page.owner is null
                   and (page.kind is null or kind = page.kind)
                   and (page.status is null or status = page.status)
                   and id < coalesce(page.after, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                 order by id desc
                 limit page.fetched)
                union all
               (select * from batch_jobs
                 where owner_id = page.owner
                   and (page.kind is null or kind = page.kind)
                   and (page.status is null or status = page.status)
                   and id < coalesce(page.after, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                 order by id desc
                 limit page.fetched)) job on true
         order by page.ordinal, job.id desc
        "#,
        &asked.iter().map(|page| page.owner.map(|id| id.0)).collect::<Vec<_>>()
            as &[Option<uuid::Uuid>],
        &asked.iter().map(|page| page.kind).collect::<Vec<_>>() as &[Option<JobKind>],
        &asked.iter().map(|page| page.status).collect::<Vec<_>>() as &[Option<JobStatus>],
        &after as &[Option<uuid::Uuid>],
        &fetched,
    )
    .map(|row| {
        let job = (|| {
            Some(Job::from(Row {
                id: row.id?,
                owner_id: row.owner_id,
                kind: row.kind?,
                status: row.status?,
                date: row.date,
                portfolio_id: row.portfolio_id,
                processed: row.processed?,
                total: row.total,
                failed: row.failed?,
                message: row.message,
                steps: row.steps?,
                attempt: row.attempt?,
                max_attempts: row.max_attempts?,
                timeout_seconds: row.timeout_seconds?,
                created_at: row.created_at?,
                scheduled_for: row.scheduled_for?,
                started_at: row.started_at,
                finished_at: row.finished_at,
                is_cancelling: row.is_cancelling,
                error_code: row.error_code,
                error_message: row.error_message,
                error_hint: row.error_hint,
                failures: row.failures?,
                payload: row.payload?,
            }))
        })();
        (row.ordinal, row.count, job)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages(), rows))
}

/// The newest job about everybody's books of each kind for a date; kinds without any are absent.
pub async fn of_date(
    db: impl PgExecutor<'_>,
    date: NaiveDate,
    kinds: &[JobKind],
) -> sqlx::Result<Vec<(JobKind, JobId, JobStatus)>> {
    sqlx::query!(
        r#"
        select distinct on (kind) kind as "kind: JobKind", id as "id: JobId",
               status as "status: JobStatus"
          from batch_jobs
         where date = $1 and kind = any($2) and owner_id is null and portfolio_id is null
           and not payload ? 'portfolios'
         order by kind, id desc
        "#,
        date,
        kinds as &[JobKind],
    )
    .map(|row| (row.kind, row.id, row.status))
    .fetch_all(db)
    .await
}

/// How many of an owner's jobs have not ended.
pub async fn open(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
          from batch_jobs
         where owner_id = $1 and finished_at is null
        "#,
        owner.0,
    )
    .fetch_one(db)
    .await
}

/// The jobs that wait for their time, of these kinds and a date, with their queues.
pub async fn waiting(
    db: impl PgExecutor<'_>,
    date: NaiveDate,
    kinds: &[JobKind],
) -> sqlx::Result<Vec<JobId>> {
    sqlx::query_scalar!(
        r#"
        select id as "id: JobId"
          from batch_jobs
         where date = $1 and kind = any($2) and status = 'QUEUED'
         order by id
        "#,
        date,
        kinds as &[JobKind],
    )
    .fetch_all(db)
    .await
}

/// Removes what ended before an instant. The number removed.
pub async fn delete_ended(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from batch_jobs where finished_at < $1", before);
    Ok(done.execute(db).await?.rows_affected())
}
