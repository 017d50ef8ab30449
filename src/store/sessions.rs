//! Sign-ins and their refresh tokens.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::{SessionId, UserId};

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// What is known of a presented refresh token.
pub struct Presented {
    pub session: SessionId,
    pub used_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Why a session ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Revocation {
    Logout,
    /// A refresh token was used twice: one of the two was a thief.
    Reuse,
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: SessionId,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into sessions (owner_id, id, created_at, expires_at) values ($1, $2, $3, $4)",
        owner.0,
        id.0,
        created_at,
        expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn insert_token(
    db: impl PgExecutor<'_>,
    owner: UserId,
    session: SessionId,
    hash: TokenHash,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into refresh_tokens (owner_id, token_hash, session_id, issued_at)
        values ($1, $2, $3, $4)
        "#,
        owner.0,
        &hash,
        session.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The token with its session, locked until the transaction ends: of many that present it at
/// once, one goes first. None when there is no such token or its user may not sign in any more.
pub async fn lock_token(
    db: impl PgExecutor<'_>,
    owner: UserId,
    hash: TokenHash,
) -> sqlx::Result<Option<Presented>> {
    sqlx::query_as!(
        Presented,
        r#"
        select t.session_id as "session: SessionId", t.used_at, s.expires_at, s.revoked_at
          from refresh_tokens t
          join sessions s on (s.owner_id, s.id) = (t.owner_id, t.session_id)
          join users u on u.id = t.owner_id and u.disabled_at is null
         where t.owner_id = $1 and t.token_hash = $2
           for update of t
        "#,
        owner.0,
        &hash,
    )
    .fetch_optional(db)
    .await
}

pub async fn mark_used(
    db: impl PgExecutor<'_>,
    owner: UserId,
    hash: TokenHash,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update refresh_tokens set used_at = $3 where owner_id = $1 and token_hash = $2",
        owner.0,
        &hash,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends a session; nothing happens to one that has ended.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: SessionId,
    reason: Revocation,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update sessions set revoked_at = $4, revoked_reason = $3
         where owner_id = $1 and id = $2 and revoked_at is null
        "#,
        owner.0,
        id.0,
        reason as Revocation,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
