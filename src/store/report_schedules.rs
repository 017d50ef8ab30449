//! Reports that are made again and again.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::export::{ExportFormat, ReportSchedule};
use crate::domain::id::{PortfolioId, ReportScheduleId, UserId};

pub async fn insert(
    db: impl PgExecutor<'_>,
    owner: UserId,
    new: &ReportSchedule,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into report_schedules (owner_id, id, portfolio_id, template, format, cron,
                                      next_run_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        owner.0,
        new.id.0,
        new.portfolio_id.0,
        new.template,
        new.format as ExportFormat,
        new.cron,
        new.next_run_at,
        new.created_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Those of these that are the owner's; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[ReportScheduleId],
) -> sqlx::Result<Vec<ReportSchedule>> {
    sqlx::query_as!(
        ReportSchedule,
        r#"
        select id as "id: ReportScheduleId", portfolio_id as "portfolio_id: PortfolioId", template,
               format as "format: ExportFormat", cron, is_enabled, next_run_at, last_run_at,
               created_at
          from report_schedules
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[ReportScheduleId],
    )
    .fetch_all(db)
    .await
}

/// Those of some of the owner's portfolios, by id.
pub async fn of_portfolios(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolios: &[PortfolioId],
) -> sqlx::Result<Vec<ReportSchedule>> {
    sqlx::query_as!(
        ReportSchedule,
        r#"
        select id as "id: ReportScheduleId", portfolio_id as "portfolio_id: PortfolioId", template,
               format as "format: ExportFormat", cron, is_enabled, next_run_at, last_run_at,
               created_at
          from report_schedules
         where owner_id = $1 and portfolio_id = any($2)
         order by id
        "#,
        owner.0,
        portfolios as &[PortfolioId],
    )
    .fetch_all(db)
    .await
}

/// Removes one; false when the owner has none of that id.
pub async fn delete(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ReportScheduleId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "delete from report_schedules where owner_id = $1 and id = $2",
        owner.0,
        id.0,
    );
    Ok(done.execute(db).await?.rows_affected() > 0)
}

/// Whose are due, and which, whosever they are; those that wait longest first.
pub async fn due(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<(UserId, ReportScheduleId)>> {
    sqlx::query!(
        r#"
        select owner_id as "owner_id!: UserId", id as "id!: ReportScheduleId"
          from due_report_schedules($1)
        "#,
        now,
    )
    .map(|row| (row.owner_id, row.id))
    .fetch_all(db)
    .await
}

/// Takes one that is due; None when it is not any more, or while somebody else has it.
pub async fn take_due(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ReportScheduleId,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<ReportSchedule>> {
    sqlx::query_as!(
        ReportSchedule,
        r#"
        select id as "id: ReportScheduleId", portfolio_id as "portfolio_id: PortfolioId", template,
               format as "format: ExportFormat", cron, is_enabled, next_run_at, last_run_at,
               created_at
          from report_schedules
         where owner_id = $1 and id = $2 and is_enabled and next_run_at <= $3
           for update skip locked
        "#,
        owner.0,
        id.0,
        now,
    )
    .fetch_optional(db)
    .await
}

/// Notes when one was due, and when it is again.
pub async fn ran(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ReportScheduleId,
    last_run_at: DateTime<Utc>,
    next_run_at: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update report_schedules set last_run_at = $3, next_run_at = $4
          where owner_id = $1 and id = $2",
        owner.0,
        id.0,
        last_run_at,
        next_run_at,
    )
    .execute(db)
    .await?;
    Ok(())
}
