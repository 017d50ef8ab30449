//! Files to take away. A list never reads what is in them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::paged::{Asked, slices};
use crate::domain::export::{Download, Export, ExportFormat, ExportKind};
use crate::domain::id::{ExportId, JobId, PortfolioId, ReportScheduleId, UserId};
use crate::domain::page::{Page, Slice};

/// A file that is asked for.
pub struct NewExport<'a> {
    pub id: ExportId,
    pub kind: ExportKind,
    pub format: ExportFormat,
    pub portfolio: Option<PortfolioId>,
    pub job: JobId,
    pub schedule: Option<ReportScheduleId>,
    pub file_name: &'a str,
    pub request: Value,
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    owner: UserId,
    new: &NewExport<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into exports (owner_id, id, kind, format, portfolio_id, job_id, schedule_id,
                             file_name, request, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        "#,
        owner.0,
        new.id.0,
        new.kind as ExportKind,
        new.format as ExportFormat,
        new.portfolio.map(|id| id.0),
        new.job.0,
        new.schedule.map(|id| id.0),
        new.file_name,
        new.request,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What an owner's files take.
pub struct Kept {
    pub files: i64,
    pub bytes: i64,
}

/// How many files of an owner are kept, those to be made among them, and how large they are.
pub async fn kept(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<Kept> {
    sqlx::query_as!(
        Kept,
        r#"
        select count(*) as "files!", coalesce(sum(octet_length(content)), 0) as "bytes!"
          from exports
         where owner_id = $1
        "#,
        owner.0,
    )
    .fetch_one(db)
    .await
}

/// Those of these files that are the owner's; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[ExportId],
) -> sqlx::Result<Vec<Export>> {
    sqlx::query_as!(
        Export,
        r#"
        select id as "id: ExportId", kind as "kind: ExportKind", format as "format: ExportFormat",
               portfolio_id as "portfolio_id: PortfolioId", job_id as "job_id: JobId",
               schedule_id as "schedule_id: ReportScheduleId", file_name,
               octet_length(content) as byte_size, created_at
          from exports
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[ExportId],
    )
    .fetch_all(db)
    .await
}

/// The newest file that each schedule had made, of those that had any.
pub async fn newest_of_schedules(
    db: impl PgExecutor<'_>,
    owner: UserId,
    schedules: &[ReportScheduleId],
) -> sqlx::Result<Vec<Export>> {
    sqlx::query_as!(
        Export,
        r#"
        select distinct on (schedule_id)
               id as "id: ExportId", kind as "kind: ExportKind", format as "format: ExportFormat",
               portfolio_id as "portfolio_id: PortfolioId", job_id as "job_id: JobId",
               schedule_id as "schedule_id: ReportScheduleId", file_name,
               octet_length(content) as byte_size, created_at
          from exports
         where owner_id = $1 and schedule_id = any($2)
         order by schedule_id, id desc
        "#,
        owner.0,
        schedules as &[ReportScheduleId],
    )
    .fetch_all(db)
    .await
}

/// Pages of an owner's files, the newest first; one slice for each page, in their order.
pub async fn pages(
    db: impl PgExecutor<'_>,
    owner: UserId,
    pages: &[Page<ExportId>],
) -> sqlx::Result<Vec<Slice<Export>>> {
    let Asked { after, fetched, .. } = Asked::of(pages);
    let rows = sqlx::query!(
        r#"
        select page.ordinal as "ordinal!", counted.total as "total!", found.id as "id?: ExportId",
               found.kind as "kind?: ExportKind", found.format as "format?: ExportFormat",
               found.portfolio_id as "portfolio_id: PortfolioId",
               found.job_id as "job_id?: JobId",
               found.schedule_id as "schedule_id: ReportScheduleId",
               found.file_name as "file_name?", found.byte_size, found.created_at as "created_at?"
          from unnest($2::uuid[], $3::bigint[]) with ordinality page (after, fetched, ordinal)
         cross join (select count(*) as total from exports where owner_id = $1) counted
          left join lateral (
               select id, kind, format, portfolio_id, job_id, schedule_id, file_name,
                      octet_length(content) as byte_size, created_at
                 from exports
                where owner_id = $1 and (page.after is null or id < page.after)
                order by id desc
                limit page.fetched) found on true
         order by page.ordinal, found.id desc
        "#,
        owner.0,
        &after as &[Option<ExportId>],
        &fetched,
    )
    .map(|row| {
        let found = (|| {
            Some(Export {
                id: row.id?,
                kind: row.kind?,
                format: row.format?,
                portfolio_id: row.portfolio_id,
                job_id: row.job_id?,
                schedule_id: row.schedule_id,
                file_name: row.file_name?,
                byte_size: row.byte_size,
                created_at: row.created_at?,
            })
        })();
        (row.ordinal, row.total, found)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages, rows))
}

/// What was asked for by a file that is still to be made or made again.
pub async fn request(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ExportId,
) -> sqlx::Result<Option<Value>> {
    sqlx::query_scalar!(
        "select request from exports where owner_id = $1 and id = $2",
        owner.0,
        id.0,
    )
    .fetch_optional(db)
    .await
}

/// Keeps what a file is made of. One that is made already stays as it is: whoever was overtaken
/// comes too late.
pub async fn fill(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ExportId,
    content: &[u8],
) -> sqlx::Result<()> {
    sqlx::query!(
        "update exports set content = $3 where owner_id = $1 and id = $2 and content is null",
        owner.0,
        id.0,
        content,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A file that is made; None for one that is not, or is not the owner's.
pub async fn download(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ExportId,
) -> sqlx::Result<Option<Download>> {
    sqlx::query_as!(
        Download,
        r#"
        select file_name, format as "format: ExportFormat", content as "content!"
          from exports
         where owner_id = $1 and id = $2 and content is not null
        "#,
        owner.0,
        id.0,
    )
    .fetch_optional(db)
    .await
}

/// Removes an owner's files from before an instant. The number removed.
pub async fn delete_before(
    db: impl PgExecutor<'_>,
    owner: UserId,
    before: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "delete from exports where owner_id = $1 and created_at < $2",
        owner.0,
        before,
    );
    Ok(done.execute(db).await?.rows_affected())
}
