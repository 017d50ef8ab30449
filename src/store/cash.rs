//! What moved the cash of portfolios.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::id::{PortfolioId, PositionId, UserId};

/// A movement to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Movement {
    pub portfolio: PortfolioId,
    pub date: NaiveDate,
    /// Not zero; below zero is taken out.
    pub amount: Decimal,
    /// What was closed, if that is why.
    pub position: Option<PositionId>,
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    owner: UserId,
    movement: Movement,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into cash_movements (owner_id, portfolio_id, id, date, amount, position_id, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        "#,
        owner.0,
        movement.portfolio.0,
        Uuid::now_v7(),
        movement.date,
        movement.amount,
        movement.position.map(|id| id.0),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what closing a position moved; the sum of it.
pub async fn forget(
    db: impl PgExecutor<'_>,
    owner: UserId,
    position: PositionId,
) -> sqlx::Result<Decimal> {
    sqlx::query_scalar!(
        r#"
        with forgotten as (
            delete from cash_movements where owner_id = $1 and position_id = $2 returning amount)
        select coalesce(sum(amount), 0) as "amount!" from forgotten
        "#,
        owner.0,
        position.0,
    )
    .fetch_one(db)
    .await
}
