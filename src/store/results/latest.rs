//! The newest results of books, as they are answered with.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::id::{InstrumentId, UserId};
use crate::domain::result::{LatestKind, LatestOf};

/// Results of a book and what they were made of.
#[derive(Debug)]
pub struct Latest {
    pub of: LatestOf,
    /// The sum of the revisions they were computed from.
    pub revisions: i64,
    pub answer: Box<RawValue>,
}

/// Puts results in the place of what was there, unless that is newer or says the same.
pub async fn put_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    results: &[Latest],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let each = || results.iter();
    sqlx::query!(
        r#"
        insert into latest_results as known
               (owner_id, created_at, portfolio_id, kind, date, book, revisions, answer)
        select $1, $2, *
          from unnest($3::uuid[], $4::text[], $5::date[], $6::bigint[], $7::bigint[], $8::json[])
        on conflict (owner_id, portfolio_id, kind) do update
           set date = excluded.date, book = excluded.book, revisions = excluded.revisions,
               answer = excluded.answer, created_at = excluded.created_at
         where known.date <= excluded.date
           and (known.date, known.book, known.revisions, known.answer::text)
               is distinct from
               (excluded.date, excluded.book, excluded.revisions, excluded.answer::text)
        "#,
        owner.0,
        now,
        &each().map(|one| one.of.portfolio.0).collect::<Vec<_>>(),
        &each().map(|one| one.of.kind).collect::<Vec<_>>() as &[LatestKind],
        &each().map(|one| one.of.date).collect::<Vec<_>>(),
        &each().map(|one| one.of.book).collect::<Vec<_>>(),
        &each().map(|one| one.revisions).collect::<Vec<_>>(),
        &each().map(|one| Json(&one.answer)).collect::<Vec<_>>() as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Results that still hold, by the place of their question; of others there are none. A question
/// names the instruments whose past it is about, beside `references`, which are everybody's.
pub async fn current(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[(LatestOf, &[InstrumentId])],
    references: &[String],
) -> sqlx::Result<Vec<(usize, DateTime<Utc>, Box<RawValue>)>> {
    let each = || asked.iter().map(|(of, _)| of);
    let moved = || (0_i64..).zip(asked).flat_map(|(at, (_, by))| by.iter().map(move |id| (at, id)));
    sqlx::query!(
        r#"
        with own as (
             select moved.at, sum(known.revision) as revisions
               from unnest($6::bigint[], $7::uuid[]) as moved (at, instrument_id)
               join price_revisions known using (instrument_id)
              group by moved.at),
             everybodys as (
             select (select coalesce(sum(revision), 0)
                       from price_revisions
                       join instruments on id = instrument_id
                      where symbol = any($8))
                    + (select revision from yield_revision) as revisions)
        select asked.ordinal as "ordinal!", created_at, answer as "answer!: Json<Box<RawValue>>"
          from unnest($2::uuid[], $3::text[], $4::date[], $5::bigint[])
               with ordinality asked (portfolio_id, kind, date, book, ordinal)
          join latest_results using (portfolio_id, kind, date, book)
         cross join everybodys
          left join own on own.at = asked.ordinal - 1
         where owner_id = $1
           and latest_results.revisions = everybodys.revisions + coalesce(own.revisions, 0)
        "#,
        owner.0,
        &each().map(|one| one.portfolio.0).collect::<Vec<_>>(),
        &each().map(|one| one.kind).collect::<Vec<_>>() as &[LatestKind],
        &each().map(|one| one.date).collect::<Vec<_>>(),
        &each().map(|one| one.book).collect::<Vec<_>>(),
        &moved().map(|(at, _)| at).collect::<Vec<_>>(),
        &moved().map(|(_, id)| id.0).collect::<Vec<_>>(),
        references,
    )
    .map(|row| (usize::try_from(row.ordinal - 1).unwrap_or(0), row.created_at, row.answer.0))
    .fetch_all(db)
    .await
}
