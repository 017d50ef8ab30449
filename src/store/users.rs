//! People who can sign in.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgExecutor;

use super::paged::{Asked, slices};
use crate::domain::id::UserId;
use crate::domain::page::{Page, Slice};
use crate::domain::user::{Role, User};
use crate::postgres::moment::Claims;

/// Who signs in with an address, and the hash the password is held against.
pub struct Credentials {
    pub id: UserId,
    pub password_hash: String,
    pub is_demo: bool,
}

/// Fixes the owner of the transaction and says who is asking, and of which session and state there
/// is a model of the factors; None when the session ended.
pub async fn open_session(
    db: impl PgExecutor<'_>,
    claims: Claims,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<(User, Option<(NaiveDate, i64)>)>> {
    sqlx::query!(
        r#"
        select viewer.id as "id!: UserId", email as "email!", full_name, role as "role!: Role",
               viewer.created_at as "created_at!", model.date as "date?", model.state as "state?"
          from open_session($1, $2, $3) as viewer
          left join market_results model on kind = 'FACTOR_MODEL'
        "#,
        claims.user.0,
        claims.session.0,
        now,
    )
    .map(|row| {
        let user = User {
            id: row.id,
            email: row.email,
            full_name: row.full_name,
            role: row.role,
            created_at: row.created_at,
        };
        (user, row.date.zip(row.state))
    })
    .fetch_optional(db)
    .await
}

/// The credentials behind an address, whatever its case, unless disabled.
pub async fn credentials_of(
    db: impl PgExecutor<'_>,
    email: &str,
) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"
        select id as "id: UserId", password_hash, is_demo
          from users
         where lower(email) = lower($1) and disabled_at is null
        "#,
        email,
    )
    .fetch_optional(db)
    .await
}

/// Everybody there is.
pub async fn everybody(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<UserId>> {
    sqlx::query_scalar!(r#"select id as "id: UserId" from users order by id"#).fetch_all(db).await
}

/// False when the address is taken.
pub async fn insert(
    db: impl PgExecutor<'_>,
    user: &User,
    password_hash: &str,
    is_demo: bool,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into users (id, email, full_name, role, password_hash, is_demo, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (lower(email)) do nothing
        "#,
        user.id.0,
        user.email,
        user.full_name,
        user.role as Role,
        password_hash,
        is_demo,
        user.created_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether any account with a published password is there.
pub async fn any_demo(db: impl PgExecutor<'_>) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists(select from users where is_demo and disabled_at is null) as "any!""#
    )
    .fetch_one(db)
    .await
}

/// Pages of everybody, by registration; one slice for each page, in their order.
pub async fn pages(
    db: impl PgExecutor<'_>,
    pages: &[Page<UserId>],
) -> sqlx::Result<Vec<Slice<User>>> {
    let Asked { after, fetched, .. } = Asked::of(pages);
    let rows = sqlx::query!(
        r#"
        select page.ordinal as "ordinal!", counted.total as "total!", one.id as "id?: UserId",
               one.email as "email?", one.full_name, one.role as "role?: Role",
               one.created_at as "created_at?"
          from unnest($1::uuid[], $2::bigint[]) with ordinality page (after, fetched, ordinal)
         cross join (select count(*) as total from users) counted
          left join lateral (
               select *
                 from users
                where page.after is null or id > page.after
                order by id
                limit page.fetched) one on true
         order by page.ordinal, one.id
        "#,
        &after as &[Option<UserId>],
        &fetched,
    )
    .map(|row| {
        let user = (|| {
            Some(User {
                id: row.id?,
                email: row.email?,
                full_name: row.full_name,
                role: row.role?,
                created_at: row.created_at?,
            })
        })();
        (row.ordinal, row.total, user)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages, rows))
}

/// Has whatever else waits for this owner go one after the other until the transaction ends.
pub async fn lock(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<()> {
    sqlx::query!("select from users where id = $1 for no key update", owner.0)
        .fetch_optional(db)
        .await?;
    Ok(())
}
