//! Portfolios.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::{PortfolioId, UserId};
use crate::domain::page::{Page, Slice};
use crate::domain::portfolio::Portfolio;

/// Those of the owner among `ids`; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[PortfolioId],
) -> sqlx::Result<Vec<Portfolio>> {
    sqlx::query_as!(
        Portfolio,
        r#"
        select owner_id as "owner_id: UserId", id as "id: PortfolioId", name, description,
               currency, cash_balance, created_at, updated_at
          from portfolios
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[PortfolioId],
    )
    .fetch_all(db)
    .await
}

/// The owner's portfolio of that name, whatever the case.
pub async fn named(
    db: impl PgExecutor<'_>,
    owner: UserId,
    name: &str,
) -> sqlx::Result<Option<Portfolio>> {
    sqlx::query_as!(
        Portfolio,
        r#"
        select owner_id as "owner_id: UserId", id as "id: PortfolioId", name, description,
               currency, cash_balance, created_at, updated_at
          from portfolios
         where owner_id = $1 and lower(name) = lower($2)
        "#,
        owner.0,
        name,
    )
    .fetch_optional(db)
    .await
}

/// A page of the owner's portfolios by name, whatever the case; keys are lower-case names.
pub async fn page(
    db: impl PgExecutor<'_>,
    owner: UserId,
    page: &Page<String>,
) -> sqlx::Result<Slice<Portfolio>> {
    struct Row {
        portfolio: Portfolio,
        total: i64,
    }
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let rows: Vec<Row> = sqlx::query!(
        r#"
        select owner_id as "owner_id: UserId", id as "id: PortfolioId", name, description,
               currency, cash_balance, created_at, updated_at,
               (select count(*) from portfolios where owner_id = $1) as "total!"
          from portfolios
         where owner_id = $1
           and ($2::text is null or lower(name) > $2)
           and ($3::text is null or lower(name) < $3)
         order by case when $4 then lower(name) end desc, lower(name)
         limit $5
        "#,
        owner.0,
        page.after,
        page.before,
        page.from_end,
        limit,
    )
    .map(|row| Row {
        portfolio: Portfolio {
            owner_id: row.owner_id,
            id: row.id,
            name: row.name,
            description: row.description,
            currency: row.currency,
            cash_balance: row.cash_balance,
            created_at: row.created_at,
            updated_at: row.updated_at,
        },
        total: row.total,
    })
    .fetch_all(db)
    .await?;
    let total = rows.first().map_or(0, |row| usize::try_from(row.total).unwrap_or(0));
    Ok(Slice::of_fetched(rows.into_iter().map(|row| row.portfolio).collect(), page, total))
}

/// False when the owner has one of that name.
pub async fn insert(db: impl PgExecutor<'_>, new: &Portfolio) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into portfolios
               (owner_id, id, name, description, currency, cash_balance, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (owner_id, lower(name)) do nothing
        "#,
        new.owner_id.0,
        new.id.0,
        new.name,
        new.description,
        new.currency,
        new.cash_balance,
        new.created_at,
        new.updated_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks the owner's portfolio until the transaction ends, so that changes of one book go one
/// after the other; notes that it changed. False when there is none.
pub async fn touch(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: PortfolioId,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update portfolios set updated_at = $3 where owner_id = $1 and id = $2",
        owner.0,
        id.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes all portfolios of an owner, with what is in them.
pub async fn delete_all(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<()> {
    sqlx::query!("delete from portfolios where owner_id = $1", owner.0).execute(db).await?;
    Ok(())
}
