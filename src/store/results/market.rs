//! The newest of what is found of instruments and of all factors together, as it is answered with.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::value::RawValue;
use sqlx::PgExecutor;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::result::{MarketKind, MarketOf};

/// A result and what it was made of.
#[derive(Debug)]
pub struct Found {
    pub of: MarketOf,
    /// The sum of the revisions that it was computed from.
    pub revisions: i64,
    pub answer: Box<RawValue>,
}

/// What a result is filed under.
pub(super) fn subject(of: &MarketOf) -> Uuid {
    of.instrument.map_or(Uuid::nil(), |id| id.0)
}

/// Puts results in the place of what was there, unless that is newer or says the same.
pub async fn put_all(
    db: impl PgExecutor<'_>,
    results: &[Found],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let each = || results.iter();
    sqlx::query!(
        r#"
        insert into market_results as known
               (created_at, kind, subject, date, state, revisions, answer)
        select $1, *
          from unnest($2::text[], $3::uuid[], $4::date[], $5::bigint[], $6::bigint[], $7::json[])
        on conflict (kind, subject) do update
           set date = excluded.date, state = excluded.state, revisions = excluded.revisions,
               answer = excluded.answer, created_at = excluded.created_at
         where known.date <= excluded.date
           and (known.date, known.state, known.revisions, known.answer::text)
               is distinct from
               (excluded.date, excluded.state, excluded.revisions, excluded.answer::text)
        "#,
        now,
        &each().map(|one| one.of.kind).collect::<Vec<_>>() as &[MarketKind],
        &each().map(|one| subject(&one.of)).collect::<Vec<_>>(),
        &each().map(|one| one.of.date).collect::<Vec<_>>(),
        &each().map(|one| one.of.state).collect::<Vec<_>>(),
        &each().map(|one| one.revisions).collect::<Vec<_>>(),
        &each().map(|one| Json(&one.answer)).collect::<Vec<_>>() as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes those of sessions before a date. The number removed.
pub async fn delete_before(db: impl PgExecutor<'_>, date: NaiveDate) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from market_results where date < $1", date);
    Ok(done.execute(db).await?.rows_affected())
}
