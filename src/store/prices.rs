//! Daily bars.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgExecutor;

use super::paged::{Asked, slices};
use crate::domain::id::InstrumentId;
use crate::domain::page::{Page, Slice};
use crate::domain::price::{Bar, Horizon, PriceSource, Quote};

/// The channel that [`want`] tells on.
pub const WANTED: &str = "prices_wanted";

/// Quotes of instruments, each at its own horizon; those without any bar are absent. No order.
pub async fn quotes(
    db: impl PgExecutor<'_>,
    wanted: &[(InstrumentId, Horizon)],
) -> sqlx::Result<Vec<(InstrumentId, NaiveDate, Quote)>> {
    let ids: Vec<_> = wanted.iter().map(|(id, _)| id.0).collect();
    let as_of: Vec<_> = wanted.iter().map(|(_, horizon)| horizon.as_of).collect();
    let previous: Vec<_> = wanted.iter().map(|(_, horizon)| horizon.previous).collect();
    let month: Vec<_> = wanted.iter().map(|(_, horizon)| horizon.month_base).collect();
    let year: Vec<_> = wanted.iter().map(|(_, horizon)| horizon.year_base).collect();
    sqlx::query!(
        r#"
        select w.id as "id!: InstrumentId", w.as_of as "as_of!", bar.date, bar.close, bar.volume,
               bar.source as "source: PriceSource", previous.close as "previous?",
               month.close as "month_base?", year.close as "year_base?"
          from unnest($1::uuid[], $2::date[], $3::date[], $4::date[], $5::date[])
               as w (id, as_of, previous, month_base, year_base)
         cross join lateral (
               select date, close, volume, source
                 from prices
                where instrument_id = w.id and date <= w.as_of
                order by date desc
                limit 1) bar
          left join prices previous
                 on (previous.instrument_id, previous.date) = (w.id, w.previous)
          left join prices month on (month.instrument_id, month.date) = (w.id, w.month_base)
          left join prices year on (year.instrument_id, year.date) = (w.id, w.year_base)
        "#,
        &ids,
        &as_of,
        &previous,
        &month,
        &year,
    )
    .map(|row| {
        let quote = Quote {
            price: row.close.normalize(),
            date: row.date,
            source: row.source,
            volume: row.volume,
            previous: row.previous.map(|close| close.normalize()),
            month_base: row.month_base.map(|close| close.normalize()),
            year_base: row.year_base.map(|close| close.normalize()),
        };
        (row.id, row.as_of, quote)
    })
    .fetch_all(db)
    .await
}

/// A page of an instrument's bars between two dates, both included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BarsPage {
    pub instrument: InstrumentId,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub page: Page<NaiveDate>,
}

/// Pages of bars by date; one slice for each page, in their order.
pub async fn pages(db: impl PgExecutor<'_>, asked: &[BarsPage]) -> sqlx::Result<Vec<Slice<Bar>>> {
    let ids: Vec<_> = asked.iter().map(|page| page.instrument.0).collect();
    let first: Vec<_> = asked.iter().map(|page| page.from).collect();
    let last: Vec<_> = asked.iter().map(|page| page.to).collect();
    let pages = || asked.iter().map(|asked| &asked.page);
    let Asked { after, before, from_end, fetched } = Asked::of(pages());
    let rows = sqlx::query!(
        r#"
        select page.ordinal as "ordinal!", counted.total as "total!",
               bar.instrument_id as "instrument_id?: InstrumentId", bar.date as "date?", bar.open,
               bar.high, bar.low, bar.close as "close?", bar.volume, bar.adjustment,
               bar.source as "source?: PriceSource"
          from unnest($1::uuid[], $2::date[], $3::date[], $4::date[], $5::date[], $6::bool[],
                      $7::bigint[])
               with ordinality page (id, first, last, after, before, from_end, fetched, ordinal)
         cross join lateral (
               select count(*) as total
                 from prices
                where instrument_id = page.id
                  and date between coalesce(page.first, '-infinity')
                               and coalesce(page.last, 'infinity')) counted
          left join lateral (
               select *
                 from prices
                where instrument_id = page.id
                  and date between coalesce(page.first, '-infinity')
                               and coalesce(page.last, 'infinity')
                  and date > coalesce(page.after, '-infinity')
                  and date < coalesce(page.before, 'infinity')
                order by case when page.from_end then date end desc, date
                limit page.fetched) bar on true
         order by page.ordinal, bar.date
        "#,
        &ids,
        &first as &[Option<NaiveDate>],
        &last as &[Option<NaiveDate>],
        &after as &[Option<NaiveDate>],
        &before as &[Option<NaiveDate>],
        &from_end,
        &fetched,
    )
    .map(|row| {
        let bar = (|| {
            Some(Bar {
                instrument_id: row.instrument_id?,
                date: row.date?,
                open: row.open.map(|price| price.normalize()),
                high: row.high.map(|price| price.normalize()),
                low: row.low.map(|price| price.normalize()),
                close: row.close?.normalize(),
                volume: row.volume.map(|volume| volume.normalize()),
                adjustment: row.adjustment,
                source: row.source?,
            })
        })();
        (row.ordinal, row.total, bar)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages(), rows))
}

/// Stores bars; one that is there already is corrected, and its earlier version kept, unless
/// it says the same. A simulated bar is stored only where nothing of its series is observed:
/// what a market said is never mixed with what was made up. The number changed.
pub async fn upsert_all(db: impl PgExecutor<'_>, bars: &[Bar]) -> sqlx::Result<u64> {
    let ids: Vec<_> = bars.iter().map(|bar| bar.instrument_id.0).collect();
    let dates: Vec<_> = bars.iter().map(|bar| bar.date).collect();
    let sources: Vec<_> = bars.iter().map(|bar| bar.source).collect();
    let closes: Vec<_> = bars.iter().map(|bar| bar.close).collect();
    let column = |of: fn(&Bar) -> Option<Decimal>| bars.iter().map(of).collect::<Vec<_>>();
    let done = sqlx::query!(
        r#"
        insert into prices as stored
               (instrument_id, date, open, high, low, close, volume, adjustment, source)
        select *
          from unnest($1::uuid[], $2::date[], $3::numeric[], $4::numeric[], $5::numeric[],
                      $6::numeric[], $7::numeric[], $8::numeric[], $9::text[])
               as new (id, date, open, high, low, close, volume, adjustment, source)
         where source <> 'SYNTHETIC'
            or id not in (select instrument_id from prices
                           where instrument_id = any($1) and source <> 'SYNTHETIC')
        on conflict (instrument_id, date) do update
           set open = excluded.open, high = excluded.high, low = excluded.low,
               close = excluded.close, volume = excluded.volume,
               adjustment = excluded.adjustment, source = excluded.source
         where (excluded.source <> 'SYNTHETIC' or stored.source = 'SYNTHETIC')
           and (stored.open, stored.high, stored.low, stored.close, stored.volume,
                stored.adjustment, stored.source)
               is distinct from
               (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume,
                excluded.adjustment, excluded.source)
        "#,
        &ids,
        &dates,
        &column(|bar| bar.open) as &[Option<Decimal>],
        &column(|bar| bar.high) as &[Option<Decimal>],
        &column(|bar| bar.low) as &[Option<Decimal>],
        &closes,
        &column(|bar| bar.volume) as &[Option<Decimal>],
        &column(|bar| bar.adjustment) as &[Option<Decimal>],
        &sources as &[PriceSource],
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// What is stored of an instrument's history.
pub struct Stored {
    pub instrument_id: InstrumentId,
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub bars: i64,
    /// Whether any bar comes from outside: such a series is never filled up with simulated ones.
    pub has_observed: bool,
}

/// The stored range of each instrument that has bars; no order.
pub async fn stored(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<Vec<Stored>> {
    sqlx::query_as!(
        Stored,
        r#"
        select instrument_id as "instrument_id: InstrumentId", min(date) as "first!",
               max(date) as "last!", count(*) as "bars!", bool_or(source <> 'SYNTHETIC') as "has_observed!"
          from prices
         where instrument_id = any($1)
         group by instrument_id
        "#,
        instruments as &[InstrumentId],
    )
    .fetch_all(db)
    .await
}

/// Each session that an instrument has a bar of; no order.
pub async fn dates(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<Vec<(InstrumentId, NaiveDate)>> {
    sqlx::query!(
        r#"
        select instrument_id as "instrument_id: InstrumentId", date
          from prices
         where instrument_id = any($1)
        "#,
        instruments as &[InstrumentId],
    )
    .map(|row| (row.instrument_id, row.date))
    .fetch_all(db)
    .await
}

/// Closes of instruments between two dates, both included, by instrument and date.
pub async fn closes(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
    from: NaiveDate,
    to: NaiveDate,
) -> sqlx::Result<Vec<(InstrumentId, NaiveDate, Decimal)>> {
    sqlx::query!(
        r#"
        select instrument_id as "instrument_id: InstrumentId", date, close
          from prices
         where instrument_id = any($1) and date between $2 and $3
         order by instrument_id, date
        "#,
        instruments as &[InstrumentId],
        from,
        to,
    )
    .map(|row| (row.instrument_id, row.date, row.close))
    .fetch_all(db)
    .await
}

/// The stored closes of an instrument between two dates, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    pub instrument: InstrumentId,
    pub from: NaiveDate,
    pub to: NaiveDate,
}

/// Whose closes, or whose actions: an instrument's, or those of whatever has a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Id(InstrumentId),
    Symbol(&'static str),
}

impl Subject {
    fn id(self) -> Option<InstrumentId> {
        match self {
            Self::Id(id) => Some(id),
            Self::Symbol(_) => None,
        }
    }

    fn symbol(self) -> Option<&'static str> {
        match self {
            Self::Id(_) => None,
            Self::Symbol(symbol) => Some(symbol),
        }
    }

    /// Ids and symbols of some, by themselves.
    pub(super) fn split(subjects: &[Self]) -> (Vec<InstrumentId>, Vec<String>) {
        let ids = subjects.iter().filter_map(|one| one.id());
        let symbols = subjects.iter().filter_map(|one| one.symbol());
        (ids.collect(), symbols.map(str::to_owned).collect())
    }
}

/// The stored closes of a subject between two dates, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub of: Subject,
    pub from: NaiveDate,
    pub to: NaiveDate,
}

impl From<Range> for Span {
    fn from(range: Range) -> Self {
        Self { of: Subject::Id(range.instrument), from: range.from, to: range.to }
    }
}

/// What is stored of a range.
#[derive(Clone, Debug)]
pub struct StoredSeries {
    pub range: Range,
    /// Ascending, one entry each in what follows.
    pub dates: Vec<NaiveDate>,
    /// As traded.
    pub closes: Vec<f64>,
    /// Adjusted over raw close, where the source gave both.
    pub adjustments: Vec<Option<f64>>,
    /// Whether any of them is simulated.
    pub is_simulated: bool,
}

/// What is stored of each range, those without any close left out; no order.
pub async fn series(db: impl PgExecutor<'_>, ranges: &[Range]) -> sqlx::Result<Vec<StoredSeries>> {
    let spans: Vec<_> = ranges.iter().copied().map(Span::from).collect();
    let found = series_of(db, &spans).await?;
    Ok(found.into_iter().map(|(_, stored)| stored).collect())
}

/// What is stored of each span, by its place among them; those without any close left out; no
/// order.
pub async fn series_of(
    db: impl PgExecutor<'_>,
    spans: &[Span],
) -> sqlx::Result<Vec<(usize, StoredSeries)>> {
    sqlx::query!(
        r#"
        select wanted.ordinal as "ordinal!", subject.id as "instrument!: InstrumentId",
               wanted.first as "from!", wanted.last as "to!",
               array_agg(bar.date order by bar.date) as "dates!",
               array_agg(bar.close::float8 order by bar.date) as "closes!",
               array_agg(bar.adjustment::float8 order by bar.date)
                   as "adjustments!: Vec<Option<f64>>",
               bool_or(bar.source = 'SYNTHETIC') as "is_simulated!"
          from unnest($1::uuid[], $2::text[], $3::date[], $4::date[])
               with ordinality as wanted (id, symbol, first, last, ordinal)
         cross join lateral (
               select coalesce(wanted.id, (select named.id
                                             from instruments named
                                            where named.symbol = wanted.symbol)) as id) subject
          join prices bar on bar.instrument_id = subject.id
                         and bar.date between wanted.first and wanted.last
         group by wanted.ordinal, subject.id, wanted.first, wanted.last
        "#,
        &spans.iter().map(|span| span.of.id().map(|id| id.0)).collect::<Vec<_>>()
            as &[Option<uuid::Uuid>],
        &spans.iter().map(|span| span.of.symbol().map(str::to_owned)).collect::<Vec<_>>()
            as &[Option<String>],
        &spans.iter().map(|span| span.from).collect::<Vec<_>>(),
        &spans.iter().map(|span| span.to).collect::<Vec<_>>(),
    )
    .map(|row| {
        let stored = StoredSeries {
            range: Range { instrument: row.instrument, from: row.from, to: row.to },
            dates: row.dates,
            closes: row.closes,
            adjustments: row.adjustments,
            is_simulated: row.is_simulated,
        };
        (usize::try_from(row.ordinal - 1).unwrap_or(usize::MAX), stored)
    })
    .fetch_all(db)
    .await
}

/// The newest session each source has a bar of; those without any are absent.
pub async fn coverage(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<(PriceSource, NaiveDate)>> {
    sqlx::query!(
        r#"
        select source as "source!: PriceSource", newest.date as "date!"
          from unnest(array['POLYGON', 'YAHOO', 'IMPORT', 'SYNTHETIC']) source
         cross join lateral (
               select date
                 from prices
                where prices.source = source.source
                order by date desc
                limit 1) newest
        "#
    )
    .map(|row| (row.source, row.date))
    .fetch_all(db)
    .await
}

/// Tells whoever keeps prices, in whatever process, that some may be missing; they hear of it
/// when the transaction is done.
pub async fn want(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, '')", WANTED).execute(db).await?;
    Ok(())
}

/// Removes the simulated bars of instruments, and of options on them: what is observed of a
/// series is not mixed with what was made up. The history keeps them. The number removed.
pub async fn delete_synthetic(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from prices p
         using instruments i
         where i.id = p.instrument_id
           and (i.id = any($1) or i.underlying_id = any($1))
           and p.source = 'SYNTHETIC'
        "#,
        instruments as &[InstrumentId],
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
