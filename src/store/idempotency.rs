//! Keys under which work was done, with the answer that was given.

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::domain::id::UserId;

/// What an earlier request did under a key.
pub struct Earlier {
    pub operation: String,
    pub request_hash: Vec<u8>,
    pub response: Option<Value>,
}

/// How long a key stands for the work that was done under it, in hours.
const KEPT_HOURS: i64 = 24;

/// Takes a key for this transaction. False when an earlier request has it; one that is still
/// at work is waited for. One claimed more than a day ago is free again.
pub async fn claim(
    db: impl PgExecutor<'_>,
    owner: UserId,
    key: &str,
    operation: &str,
    request_hash: [u8; 32],
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into idempotency_keys as earlier (owner_id, key, operation, request_hash, claimed_at)
        values ($1, $2, $3, $4, $5)
        on conflict (owner_id, key) do update
           set operation = excluded.operation, request_hash = excluded.request_hash,
               response = null, claimed_at = excluded.claimed_at
         where earlier.claimed_at < $6
        "#,
        owner.0,
        key,
        operation,
        &request_hash,
        now,
        now - Duration::hours(KEPT_HOURS),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn earlier(
    db: impl PgExecutor<'_>,
    owner: UserId,
    key: &str,
) -> sqlx::Result<Option<Earlier>> {
    sqlx::query_as!(
        Earlier,
        r#"
        select operation, request_hash, response
          from idempotency_keys
         where owner_id = $1 and key = $2
        "#,
        owner.0,
        key,
    )
    .fetch_optional(db)
    .await
}

/// Keeps the answer of a claimed key.
pub async fn answer(
    db: impl PgExecutor<'_>,
    owner: UserId,
    key: &str,
    response: Value,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update idempotency_keys set response = $3 where owner_id = $1 and key = $2",
        owner.0,
        key,
        response,
    )
    .execute(db)
    .await?;
    Ok(())
}
