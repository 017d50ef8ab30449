//! What runs when.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::job::JobKind;

/// A kind of job and when it is due.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub kind: JobKind,
    /// Five fields, in New York's time.
    pub cron: String,
    /// Whether it is about a session, and so does nothing on other days.
    pub of_session: bool,
    pub timeout_seconds: i32,
    pub max_attempts: i32,
    pub is_enabled: bool,
    /// Up to when it has been looked at; None before the first time.
    pub looked_at: Option<DateTime<Utc>>,
    pub last_run_at: Option<DateTime<Utc>>,
}

/// All of them, by kind.
pub async fn all(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<Schedule>> {
    sqlx::query_as!(
        Schedule,
        r#"
        select kind as "kind: JobKind", cron, of_session, timeout_seconds, max_attempts,
               is_enabled, looked_at, last_run_at
          from batch_job_schedules
         order by kind
        "#,
    )
    .fetch_all(db)
    .await
}

/// Adds schedules of kinds that have none; those that are there stay as operators made them.
pub async fn complete(db: impl PgExecutor<'_>, planned: &[Schedule]) -> sqlx::Result<()> {
    let each = planned.iter();
    sqlx::query!(
        r#"
        insert into batch_job_schedules (kind, cron, of_session, timeout_seconds, max_attempts)
        select * from unnest($1::text[], $2::text[], $3::bool[], $4::int[], $5::int[])
        on conflict (kind) do nothing
        "#,
        &each.clone().map(|schedule| schedule.kind).collect::<Vec<_>>() as &[JobKind],
        &each.clone().map(|schedule| schedule.cron.clone()).collect::<Vec<_>>(),
        &each.clone().map(|schedule| schedule.of_session).collect::<Vec<_>>(),
        &each.clone().map(|schedule| schedule.timeout_seconds).collect::<Vec<_>>(),
        &each.map(|schedule| schedule.max_attempts).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a schedule to look at; None while somebody else does.
pub async fn lock(
    db: impl PgExecutor<'_>,
    kind: JobKind,
) -> sqlx::Result<Option<Option<DateTime<Utc>>>> {
    sqlx::query_scalar!(
        "select looked_at from batch_job_schedules where kind = $1 for update skip locked",
        kind as JobKind,
    )
    .fetch_optional(db)
    .await
}

/// Notes up to when a schedule has been looked at, and the newest time it was due.
pub async fn looked(
    db: impl PgExecutor<'_>,
    kind: JobKind,
    at: DateTime<Utc>,
    due: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update batch_job_schedules
            set looked_at = $2, last_run_at = coalesce($3, last_run_at)
          where kind = $1",
        kind as JobKind,
        at,
        due,
    )
    .execute(db)
    .await?;
    Ok(())
}
