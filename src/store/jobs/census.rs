//! How the jobs are altogether. Run as an operator, who sees everybody's.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::job::{JobKind, JobStatus};

/// The jobs of a kind and a status, as far back as they are kept.
#[derive(Clone, Debug)]
pub struct Census {
    pub kind: JobKind,
    pub status: JobStatus,
    pub count: i64,
    /// Attempts of theirs that failed, took too long or lost their worker.
    pub failed_attempts: i64,
    /// Running ones whose worker has said nothing for a minute.
    pub stuck: i64,
    /// The first time any of them was to begin.
    pub oldest_due: DateTime<Utc>,
    /// The last time any of them ended; None while none has.
    pub newest_end: Option<DateTime<Utc>>,
}

/// All jobs, by kind and status.
pub async fn census(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<Census>> {
    sqlx::query_as!(
        Census,
        r#"
        select kind as "kind: JobKind", status as "status: JobStatus", count(*) as "count!",
               sum(case when status in ('RUNNING', 'SUCCEEDED', 'CANCELLED')
                        then greatest(attempt - 1, 0) else attempt end) as "failed_attempts!",
               count(*) filter (where status = 'RUNNING'
                                and heartbeat_at < clock_timestamp() - interval '1 minute')
                   as "stuck!",
               min(scheduled_for) as "oldest_due!", max(finished_at) as newest_end
          from batch_jobs
         group by kind, status
         order by kind, status
        "#,
    )
    .fetch_all(db)
    .await
}
