//! What-if sessions and their trades.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgExecutor;

use crate::domain::id::{ModelTradeId, ModelingSessionId, PortfolioId, UserId};
use crate::domain::modeling::{Action, Session, Status, Trade};

/// All of the owner's sessions, the newest first.
pub async fn all_of(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<Vec<Session>> {
    sqlx::query_as!(
        Session,
        r#"
        select id as "id: ModelingSessionId", portfolio_id as "portfolio_id: PortfolioId", name,
               description, status as "status: Status", base_date, saved_at, known_at, cash,
               created_at, updated_at
          from modeling_sessions
         where owner_id = $1
         order by id desc
        "#,
        owner.0,
    )
    .fetch_all(db)
    .await
}

/// The owner's session of an id, which nobody else changes until the transaction ends.
pub async fn lock(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ModelingSessionId,
) -> sqlx::Result<Option<Session>> {
    sqlx::query_as!(
        Session,
        r#"
        select id as "id: ModelingSessionId", portfolio_id as "portfolio_id: PortfolioId", name,
               description, status as "status: Status", base_date, saved_at, known_at, cash,
               created_at, updated_at
          from modeling_sessions
         where owner_id = $1 and id = $2
           for update
        "#,
        owner.0,
        id.0,
    )
    .fetch_optional(db)
    .await
}

/// How many of the owner's sessions have not been cancelled.
pub async fn count(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
          from modeling_sessions
         where owner_id = $1 and status <> 'CANCELLED'
        "#,
        owner.0,
    )
    .fetch_one(db)
    .await
}

/// Forgets cancelled sessions, the oldest first, until the owner has no more than so many of all.
pub async fn make_room(db: impl PgExecutor<'_>, owner: UserId, most: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "
        delete from modeling_sessions
         where owner_id = $1 and status = 'CANCELLED'
           and id not in (select id
                            from modeling_sessions
                           where owner_id = $1
                           order by status = 'CANCELLED', id desc
                           limit $2)
        ",
        owner.0,
        most,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes the owner's sessions that were never saved, or were given up, and have not changed since
/// an instant. The number removed.
pub async fn delete_before(
    db: impl PgExecutor<'_>,
    owner: UserId,
    before: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "
        delete from modeling_sessions
         where owner_id = $1 and updated_at < $2
           and (saved_at is null or status = 'CANCELLED')
        ",
        owner.0,
        before,
    );
    Ok(done.execute(db).await?.rows_affected())
}

pub async fn insert(db: impl PgExecutor<'_>, owner: UserId, new: &Session) -> sqlx::Result<()> {
    sqlx::query!(
        "
        insert into modeling_sessions
               (owner_id, id, portfolio_id, name, description, status, base_date, saved_at,
                created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ",
        owner.0,
        new.id.0,
        new.portfolio_id.0,
        new.name,
        new.description,
        new.status as Status,
        new.base_date,
        new.saved_at,
        new.created_at,
        new.updated_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes what can be changed of the owner's session.
pub async fn update(db: impl PgExecutor<'_>, owner: UserId, changed: &Session) -> sqlx::Result<()> {
    sqlx::query!(
        "
        update modeling_sessions
           set name = $3, description = $4, status = $5, saved_at = $6, updated_at = $7
         where owner_id = $1 and id = $2
        ",
        owner.0,
        changed.id.0,
        changed.name,
        changed.description,
        changed.status as Status,
        changed.saved_at,
        changed.updated_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes with which cash a session is saved, and that it is of the book as it is now. When that is.
pub async fn keep_book(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: ModelingSessionId,
    cash: Decimal,
) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(
        r#"
        update modeling_sessions
           set known_at = clock_timestamp(), cash = $3
         where owner_id = $1 and id = $2
        returning known_at as "known_at!"
        "#,
        owner.0,
        id.0,
        cash,
    )
    .fetch_one(db)
    .await
}

/// The trades of the owner's sessions, each session's in their order.
pub async fn trades_of(
    db: impl PgExecutor<'_>,
    owner: UserId,
    sessions: &[ModelingSessionId],
) -> sqlx::Result<Vec<Trade>> {
    sqlx::query!(
        r#"
        select id as "id: ModelTradeId", session_id as "session_id: ModelingSessionId", symbol,
               action as "action: Action", quantity, price, tags
          from model_trades
         where owner_id = $1 and session_id = any($2)
         order by session_id, ordinal
        "#,
        owner.0,
        sessions as &[ModelingSessionId],
    )
    .map(|row| Trade {
        id: row.id,
        session_id: row.session_id,
        symbol: row.symbol,
        action: row.action,
        quantity: row.quantity.normalize(),
        price: row.price.normalize(),
        tags: row.tags,
    })
    .fetch_all(db)
    .await
}

/// Adds trades to the owner's session, after those it has.
pub async fn append(
    db: impl PgExecutor<'_>,
    owner: UserId,
    session: ModelingSessionId,
    trades: &[Trade],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let ids: Vec<_> = trades.iter().map(|trade| trade.id).collect();
    let symbols: Vec<_> = trades.iter().map(|trade| trade.symbol.clone()).collect();
    let actions: Vec<_> = trades.iter().map(|trade| trade.action).collect();
    let quantities: Vec<_> = trades.iter().map(|trade| trade.quantity).collect();
    let prices: Vec<_> = trades.iter().map(|trade| trade.price).collect();
    let tags: Vec<_> = trades.iter().map(|trade| serde_json::json!(trade.tags)).collect();
    sqlx::query!(
        "
        insert into model_trades
               (owner_id, session_id, id, symbol, action, quantity, price, tags, ordinal,
                created_at)
        select $1, $2, id, symbol, action, quantity, price,
               array(select jsonb_array_elements_text(tags)),
               (select coalesce(max(ordinal), -1)
                  from model_trades
                 where owner_id = $1 and session_id = $2) + place, $9
          from unnest($3::uuid[], $4::text[], $5::text[], $6::numeric[], $7::numeric[],
                      $8::jsonb[])
               with ordinality new (id, symbol, action, quantity, price, tags, place)
        ",
        owner.0,
        session.0,
        &ids as &[ModelTradeId],
        &symbols,
        &actions as &[Action],
        &quantities,
        &prices,
        &tags,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets trades of the owner's session.
pub async fn remove(
    db: impl PgExecutor<'_>,
    owner: UserId,
    session: ModelingSessionId,
    trades: &[ModelTradeId],
) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from model_trades where owner_id = $1 and session_id = $2 and id = any($3)",
        owner.0,
        session.0,
        trades as &[ModelTradeId],
    )
    .execute(db)
    .await?;
    Ok(())
}
