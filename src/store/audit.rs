//! What changed and who did it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::paged::{Asked, slices};
use crate::domain::audit::AuditEntry;
use crate::domain::id::{AuditId, UserId};
use crate::domain::page::{Page, Slice};
use crate::domain::user::{Role, User};

/// One line of the log: `action` is `noun.verb`, the subject what it was done to.
pub struct Entry<'a> {
    pub owner: UserId,
    pub actor: UserId,
    pub action: &'a str,
    pub subject: Option<(&'a str, Uuid)>,
    pub detail: Value,
}

pub async fn append(
    db: impl PgExecutor<'_>,
    entry: Entry<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into audit_log (owner_id, id, at, actor_id, action, subject_type, subject_id, detail)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        entry.owner.0,
        AuditId::fresh().0,
        now,
        entry.actor.0,
        entry.action,
        entry.subject.map(|(kind, _)| kind),
        entry.subject.map(|(_, id)| id),
        entry.detail,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Pages of what owners did in their own name, the newest first; one slice for each page, in their
/// order.
pub async fn activity_pages(
    db: impl PgExecutor<'_>,
    owner: UserId,
    pages: &[Page<AuditId>],
) -> sqlx::Result<Vec<Slice<AuditEntry>>> {
    let Asked { after, fetched, .. } = Asked::of(pages);
    let rows = sqlx::query_as!(
        Row,
        r#"
        select page.ordinal as "ordinal!", counted.total as "total!", entry.id as "id?: AuditId",
               entry.at as "at?", entry.action as "action?", entry.subject_type,
               entry.subject_id, entry.detail as "detail?", actor.id as "actor_id?: UserId",
               actor.email as "email?", actor.full_name, actor.role as "role?: Role",
               actor.created_at as "created_at?"
          from unnest($2::uuid[], $3::bigint[]) with ordinality page (after, fetched, ordinal)
         cross join (select count(*) as total
                       from audit_log
                      where owner_id = $1 and actor_id = $1) counted
          left join lateral (
               select *
                 from audit_log
                where owner_id = $1 and actor_id = $1
                  and (page.after is null or id < page.after)
                order by id desc
                limit page.fetched) entry on true
          left join users actor on actor.id = entry.actor_id
         order by page.ordinal, entry.id desc
        "#,
        owner.0,
        &after as &[Option<AuditId>],
        &fetched,
    )
    .fetch_all(db)
    .await?;
    Ok(slices(pages, rows.into_iter().map(Row::entry).collect()))
}

/// Pages of the log of all owners, for whom row-level security lets read it; else of one's own.
/// The newest first; one slice for each page, in their order.
pub async fn log_pages(
    db: impl PgExecutor<'_>,
    pages: &[Page<AuditId>],
) -> sqlx::Result<Vec<Slice<AuditEntry>>> {
    let Asked { after, fetched, .. } = Asked::of(pages);
    let rows = sqlx::query_as!(
        Row,
        r#"
        select page.ordinal as "ordinal!", counted.total as "total!", entry.id as "id?: AuditId",
               entry.at as "at?", entry.action as "action?", entry.subject_type,
               entry.subject_id, entry.detail as "detail?", actor.id as "actor_id?: UserId",
               actor.email as "email?", actor.full_name, actor.role as "role?: Role",
               actor.created_at as "created_at?"
          from unnest($1::uuid[], $2::bigint[]) with ordinality page (after, fetched, ordinal)
         cross join (select count(*) as total from audit_log) counted
          left join lateral (
               select *
                 from audit_log
                where page.after is null or id < page.after
                order by id desc
                limit page.fetched) entry on true
          left join users actor on actor.id = entry.actor_id
         order by page.ordinal, entry.id desc
        "#,
        &after as &[Option<AuditId>],
        &fetched,
    )
    .fetch_all(db)
    .await?;
    Ok(slices(pages, rows.into_iter().map(Row::entry).collect()))
}

/// An entry on a page, or an empty page.
struct Row {
    ordinal: i64,
    total: i64,
    id: Option<AuditId>,
    at: Option<DateTime<Utc>>,
    action: Option<String>,
    subject_type: Option<String>,
    subject_id: Option<Uuid>,
    detail: Option<Value>,
    actor_id: Option<UserId>,
    email: Option<String>,
    full_name: Option<String>,
    role: Option<Role>,
    created_at: Option<DateTime<Utc>>,
}

impl Row {
    fn entry(self) -> (i64, i64, Option<AuditEntry>) {
        let actor = (|| {
            Some(User {
                id: self.actor_id?,
                email: self.email?,
                full_name: self.full_name,
                role: self.role?,
                created_at: self.created_at?,
            })
        })();
        let entry = (|| {
            Some(AuditEntry {
                id: self.id?,
                at: self.at?,
                actor,
                action: self.action?,
                subject: self.subject_type.zip(self.subject_id),
                detail: self.detail?,
            })
        })();
        (self.ordinal, self.total, entry)
    }
}
