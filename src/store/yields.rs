//! Yields of the Treasury.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgExecutor;

use crate::domain::rate::{Tenor, Yield, YieldSource};

/// What is stored of a tenor, and what was asked for.
#[derive(Clone, Debug)]
pub struct Reach {
    pub tenor: Tenor,
    /// The first and the last day there is a yield of; None without any.
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    /// Whether any comes from outside.
    pub has_observed: bool,
    /// The earliest day that a provider has answered for.
    pub asked_from: Option<NaiveDate>,
    /// When one was last asked.
    pub asked_at: Option<DateTime<Utc>>,
}

/// Of each tenor that is stored or was asked for; no order.
pub async fn reach(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<Reach>> {
    sqlx::query_as!(
        Reach,
        r#"
        select tenor as "tenor!: Tenor", stored.first as "first?", stored.last as "last?",
               coalesce(stored.has_observed, false) as "has_observed!",
               asked.first as "asked_from?", asked.asked_at as "asked_at?"
          from (select tenor, min(date) as first, max(date) as last,
                       bool_or(source <> 'SYNTHETIC') as has_observed
                  from treasury_yields
                 group by tenor) stored
          full join yield_requests asked using (tenor)
        "#
    )
    .fetch_all(db)
    .await
}

/// The newest day there is a yield of, and who says so; None without any.
pub async fn newest(db: impl PgExecutor<'_>) -> sqlx::Result<Option<(NaiveDate, YieldSource)>> {
    sqlx::query!(
        r#"
        select date, source as "source: YieldSource"
          from treasury_yields
         order by date desc
         limit 1
        "#
    )
    .map(|row| (row.date, row.source))
    .fetch_optional(db)
    .await
}

/// The newest yield of each tenor at or before each of some days, unless it is more than `days`
/// older; by day and tenor's length.
pub async fn as_of(
    db: impl PgExecutor<'_>,
    as_of: &[NaiveDate],
    tenors: &[Tenor],
    days: i32,
) -> sqlx::Result<Vec<(NaiveDate, Yield)>> {
    sqlx::query!(
        r#"
        select wanted.date as "as_of!", term.tenor as "tenor!: Tenor", newest.date as "date!",
               newest.rate as "rate!", newest.source as "source!: YieldSource"
          from unnest($1::date[]) as wanted (date)
         cross join unnest($2::text[]) with ordinality as term (tenor, ordinal)
         cross join lateral (
               select date, rate, source
                 from treasury_yields stored
                where stored.tenor = term.tenor
                  and stored.date between wanted.date - $3::int and wanted.date
                order by date desc
                limit 1) newest
         order by wanted.date, term.ordinal
        "#,
        as_of,
        tenors as &[Tenor],
        days,
    )
    .map(|row| {
        let found = Yield { tenor: row.tenor, date: row.date, rate: row.rate, source: row.source };
        (row.as_of, found)
    })
    .fetch_all(db)
    .await
}

/// The yields of a tenor between two days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YieldRange {
    pub tenor: Tenor,
    pub from: NaiveDate,
    pub to: NaiveDate,
}

/// What is stored of a range.
#[derive(Clone, Debug)]
pub struct StoredYields {
    pub range: YieldRange,
    /// Ascending, one rate each.
    pub dates: Vec<NaiveDate>,
    /// As published.
    pub rates: Vec<f64>,
    /// Whether any of them is simulated.
    pub is_simulated: bool,
    /// The last of them.
    pub newest: Yield,
}

/// What is stored of each range, those without any yield left out; no order. Each begins `days`
/// earlier than it says, for what is carried into it.
pub async fn series(
    db: impl PgExecutor<'_>,
    ranges: &[YieldRange],
    days: i32,
) -> sqlx::Result<Vec<StoredYields>> {
    sqlx::query!(
        r#"
        select wanted.tenor as "tenor!: Tenor", wanted.first as "from!", wanted.last as "to!",
               array_agg(stored.date order by stored.date) as "dates!",
               array_agg(stored.rate::float8 order by stored.date) as "rates!",
               bool_or(stored.source = 'SYNTHETIC') as "is_simulated!",
               max(stored.date) as "newest!",
               (array_agg(stored.rate order by stored.date desc))[1] as "rate!",
               (array_agg(stored.source order by stored.date desc))[1] as "source!: YieldSource"
          from unnest($1::text[], $2::date[], $3::date[]) as wanted (tenor, first, last)
          join treasury_yields stored on stored.tenor = wanted.tenor
                             and stored.date between wanted.first - $4::int and wanted.last
         group by wanted.tenor, wanted.first, wanted.last
        "#,
        &ranges.iter().map(|range| range.tenor).collect::<Vec<_>>() as &[Tenor],
        &ranges.iter().map(|range| range.from).collect::<Vec<_>>(),
        &ranges.iter().map(|range| range.to).collect::<Vec<_>>(),
        days,
    )
    .map(|row| StoredYields {
        range: YieldRange { tenor: row.tenor, from: row.from, to: row.to },
        dates: row.dates,
        rates: row.rates,
        is_simulated: row.is_simulated,
        newest: Yield { tenor: row.tenor, date: row.newest, rate: row.rate, source: row.source },
    })
    .fetch_all(db)
    .await
}

/// Whoever else stores yields waits until this transaction has ended; readers do not.
pub async fn lock(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!("lock table treasury_yields in share row exclusive mode").execute(db).await?;
    Ok(())
}

/// Stores yields; one that is there already is corrected, and its earlier version kept, unless it
/// says the same. A simulated one is stored only where nothing at all is observed: the curve is
/// one. The number changed.
pub async fn upsert_all(db: impl PgExecutor<'_>, yields: &[Yield]) -> sqlx::Result<u64> {
    let each = yields.iter();
    let done = sqlx::query!(
        r#"
        insert into treasury_yields as stored (tenor, date, rate, source)
        select new.*
          from unnest($1::text[], $2::date[], $3::numeric[], $4::text[])
               as new (tenor, date, rate, source)
         where new.source <> 'SYNTHETIC'
            or not exists (select from treasury_yields where source <> 'SYNTHETIC')
        on conflict (tenor, date) do update
           set rate = excluded.rate, source = excluded.source
         where (stored.rate, stored.source) is distinct from (excluded.rate, excluded.source)
        "#,
        &each.clone().map(|of| of.tenor).collect::<Vec<_>>() as &[Tenor],
        &each.clone().map(|of| of.date).collect::<Vec<_>>(),
        &each.clone().map(|of| of.rate).collect::<Vec<_>>() as &[Decimal],
        &each.map(|of| of.source).collect::<Vec<_>>() as &[YieldSource],
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Removes what was simulated; the history keeps it. The number removed.
pub async fn delete_synthetic(db: impl PgExecutor<'_>) -> sqlx::Result<u64> {
    let done =
        sqlx::query!("delete from treasury_yields where source = 'SYNTHETIC'").execute(db).await?;
    Ok(done.rows_affected())
}

/// Notes that tenors were asked for, and from which day on they are answered for, if they are.
pub async fn note_request(
    db: impl PgExecutor<'_>,
    tenors: &[Tenor],
    answered_from: Option<NaiveDate>,
    asked_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into yield_requests as stored (tenor, first, asked_at)
        select tenor, $2, $3 from unnest($1::text[]) tenor
        on conflict (tenor) do update
           set first = least(stored.first, excluded.first), asked_at = excluded.asked_at
        "#,
        tenors as &[Tenor],
        answered_from,
        asked_at,
    )
    .execute(db)
    .await?;
    Ok(())
}
