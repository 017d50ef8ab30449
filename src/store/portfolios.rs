//! Portfolios.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::paged::{Asked, slices};
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::page::{Page, Slice};
use crate::domain::portfolio::{CashMoves, Latest, Portfolio};
use crate::domain::text::fold;

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
               currency, cash_balance, cash_moves(portfolios) as "cash_moves!: CashMoves",
               latest_of(portfolios) as "latest!: Latest", created_at, updated_at
          from portfolios
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[PortfolioId],
    )
    .fetch_all(db)
    .await
}

/// The owner's portfolios of these names, whatever the case; no order.
pub async fn named(
    db: impl PgExecutor<'_>,
    owner: UserId,
    names: &[String],
) -> sqlx::Result<Vec<Portfolio>> {
    let keys: Vec<_> = names.iter().map(|name| fold(name)).collect();
    sqlx::query_as!(
        Portfolio,
        r#"
        select owner_id as "owner_id: UserId", id as "id: PortfolioId", name, description,
               currency, cash_balance, cash_moves(portfolios) as "cash_moves!: CashMoves",
               latest_of(portfolios) as "latest!: Latest", created_at, updated_at
          from portfolios
         where owner_id = $1 and name_key = any($2)
        "#,
        owner.0,
        &keys,
    )
    .fetch_all(db)
    .await
}

/// Pages of the owner's portfolios by name, whatever the case; keys are folded names. One slice
/// for each page, in their order.
pub async fn pages(
    db: impl PgExecutor<'_>,
    owner: UserId,
    pages: &[Page<String>],
) -> sqlx::Result<Vec<Slice<Portfolio>>> {
    let Asked { after, before, from_end, fetched } = Asked::of(pages);
    let rows = sqlx::query!(
        r#"
        select page.ordinal as "ordinal!", counted.total as "total!",
               found.id as "id?: PortfolioId", found.name as "name?", found.description,
               found.currency as "currency?", found.cash_balance as "cash_balance?",
               found.moves as "cash_moves?: CashMoves", found.latest as "latest?: Latest",
               found.created_at as "created_at?", found.updated_at as "updated_at?"
          from unnest($2::text[], $3::text[], $4::bool[], $5::bigint[])
               with ordinality page (after, before, from_end, fetched, ordinal)
         cross join (select count(*) as total from portfolios where owner_id = $1) counted
          left join lateral (
               select portfolios.*, cash_moves(portfolios) as moves,
                      latest_of(portfolios) as latest
                 from portfolios
                where owner_id = $1
                  and (page.after is null or name_key > page.after)
                  and (page.before is null or name_key < page.before)
                order by case when page.from_end then name_key end desc, name_key
                limit page.fetched) found on true
         order by page.ordinal, found.name_key
        "#,
        owner.0,
        &after as &[Option<String>],
        &before as &[Option<String>],
        &from_end,
        &fetched,
    )
    .map(|row| {
        let portfolio = (|| {
            Some(Portfolio {
                owner_id: owner,
                id: row.id?,
                name: row.name?,
                description: row.description,
                currency: row.currency?,
                cash_balance: row.cash_balance?,
                cash_moves: row.cash_moves?,
                latest: row.latest?,
                created_at: row.created_at?,
                updated_at: row.updated_at?,
            })
        })();
        (row.ordinal, row.total, portfolio)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages, rows))
}

/// Every portfolio there is, with its owner; by owner. Says nothing of what is in them.
pub async fn all(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<(UserId, PortfolioId)>> {
    sqlx::query!(
        r#"
        select owner_id as "owner_id!: UserId", portfolio_id as "portfolio_id!: PortfolioId"
          from all_portfolios()
        "#
    )
    .map(|row| (row.owner_id, row.portfolio_id))
    .fetch_all(db)
    .await
}

/// When those of the owner's among `ids`, or what is in them, were last changed; no order.
pub async fn changed_at(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[PortfolioId],
) -> sqlx::Result<Vec<(PortfolioId, DateTime<Utc>)>> {
    sqlx::query!(
        r#"
        select id as "id: PortfolioId", updated_at
          from portfolios
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[PortfolioId],
    )
    .map(|row| (row.id, row.updated_at))
    .fetch_all(db)
    .await
}

/// How many an owner has.
pub async fn count(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from portfolios where owner_id = $1"#,
        owner.0,
    )
    .fetch_one(db)
    .await
}

/// False when the owner has one of that name.
pub async fn insert(db: impl PgExecutor<'_>, new: &Portfolio) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into portfolios
               (owner_id, id, name, name_key, description, currency, cash_balance, created_at,
                updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (owner_id, name_key) do nothing
        "#,
        new.owner_id.0,
        new.id.0,
        new.name,
        fold(&new.name),
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
/// after the other. False when there is none.
pub async fn lock(db: impl PgExecutor<'_>, owner: UserId, id: PortfolioId) -> sqlx::Result<bool> {
    let locked = sqlx::query!(
        "select from portfolios where owner_id = $1 and id = $2 for no key update",
        owner.0,
        id.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(locked.is_some())
}

/// The same of several; those that are there, in the order of their ids, which is the order that
/// they are locked in.
pub async fn lock_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[PortfolioId],
) -> sqlx::Result<Vec<PortfolioId>> {
    sqlx::query_scalar!(
        r#"
        select id as "id: PortfolioId"
          from portfolios
         where owner_id = $1 and id = any($2)
         order by id
           for no key update
        "#,
        owner.0,
        ids as &[PortfolioId],
    )
    .fetch_all(db)
    .await
}

/// Notes that the owner's portfolio changed.
pub async fn touch(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: PortfolioId,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update portfolios
           set updated_at = greatest($3, updated_at + interval '1 microsecond')
         where owner_id = $1 and id = $2
        "#,
        owner.0,
        id.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Changes name, description and cash of the owner's portfolio as `new` has them. False when the
/// owner has another of that name.
pub async fn update(
    db: impl PgExecutor<'_>,
    new: &Portfolio,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let key = fold(&new.name);
    let done = sqlx::query!(
        r#"
        update portfolios
           set name = $3, name_key = $4, description = $5, cash_balance = $6,
               updated_at = greatest($7, updated_at + interval '1 microsecond')
         where owner_id = $1 and id = $2
           and not exists (select from portfolios
                            where owner_id = $1 and id <> $2 and name_key = $4)
        "#,
        new.owner_id.0,
        new.id.0,
        new.name,
        key,
        new.description,
        new.cash_balance,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes the owner's portfolio with what is in it; the history keeps its positions.
pub async fn delete(db: impl PgExecutor<'_>, owner: UserId, id: PortfolioId) -> sqlx::Result<()> {
    sqlx::query!("delete from portfolios where owner_id = $1 and id = $2", owner.0, id.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Removes all portfolios of an owner, with what is in them.
pub async fn delete_all(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<()> {
    sqlx::query!("delete from portfolios where owner_id = $1", owner.0).execute(db).await?;
    Ok(())
}
