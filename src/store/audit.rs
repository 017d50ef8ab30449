//! What changed and who did it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::{AuditId, UserId};

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
