//! The newest results of books, as they are answered with, and which results still hold.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::market::subject;
use crate::domain::id::{InstrumentId, UserId};
use crate::domain::result::{LatestKind, LatestOf, MarketKind, ResultOf};

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

/// A question for a result, with the instruments whose past it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    pub of: ResultOf,
    pub moved_by: Vec<InstrumentId>,
}

/// Results that still hold, by the place of their question; of others there are none. All are made
/// of the past of `references`, too.
pub async fn current(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[Asked],
    references: &[String],
) -> sqlx::Result<Vec<(usize, DateTime<Utc>, Box<RawValue>)>> {
    let each = || (0_i64..).zip(asked);
    let moved = || each().flat_map(|(at, one)| one.moved_by.iter().map(move |id| (at, id.0)));
    let books: Vec<_> = each().filter_map(|(at, one)| Some((at, one.of.book()?))).collect();
    let market: Vec<_> = each().filter_map(|(at, one)| Some((at, one.of.market()?))).collect();
    sqlx::query!(
        r#"
        with own as (
             select moved.at, sum(known.revision) as revisions
               from unnest($12::bigint[], $13::uuid[]) as moved (at, instrument_id)
               join price_revisions known using (instrument_id)
              group by moved.at),
             everybodys as (
             select (select coalesce(sum(revision), 0)
                       from price_revisions
                       join instruments on id = instrument_id
                      where symbol = any($14))
                    + (select revision from yield_revision) as revisions),
             known as (
             select at, created_at, answer, revisions
               from unnest($2::bigint[], $3::uuid[], $4::text[], $5::date[], $6::bigint[])
                    as asked (at, portfolio_id, kind, date, book)
               join latest_results using (portfolio_id, kind, date, book)
              where owner_id = $1
              union all
             select at, created_at, answer, revisions
               from unnest($7::bigint[], $8::uuid[], $9::text[], $10::date[], $11::bigint[])
                    as asked (at, subject, kind, date, state)
               join market_results using (kind, subject, date, state))
        select known.at as "at!", created_at as "created_at!",
               answer as "answer!: Json<Box<RawValue>>"
          from known
         cross join everybodys
          left join own using (at)
         where known.revisions = everybodys.revisions + coalesce(own.revisions, 0)
        "#,
        owner.0,
        &books.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        &books.iter().map(|(_, of)| of.portfolio.0).collect::<Vec<_>>(),
        &books.iter().map(|(_, of)| of.kind).collect::<Vec<_>>() as &[LatestKind],
        &books.iter().map(|(_, of)| of.date).collect::<Vec<_>>(),
        &books.iter().map(|(_, of)| of.book).collect::<Vec<_>>(),
        &market.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        &market.iter().map(|(_, of)| subject(of)).collect::<Vec<_>>(),
        &market.iter().map(|(_, of)| of.kind).collect::<Vec<_>>() as &[MarketKind],
        &market.iter().map(|(_, of)| of.date).collect::<Vec<_>>(),
        &market.iter().map(|(_, of)| of.state).collect::<Vec<_>>(),
        &moved().map(|(at, _)| at).collect::<Vec<_>>(),
        &moved().map(|(_, id)| id).collect::<Vec<_>>(),
        references,
    )
    .map(|row| (usize::try_from(row.at).unwrap_or(usize::MAX), row.created_at, row.answer.0))
    .fetch_all(db)
    .await
}
