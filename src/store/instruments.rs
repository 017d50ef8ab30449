//! Instruments.

use sqlx::PgExecutor;

use super::paged::{Asked, slices};
use crate::domain::id::{InstrumentId, UserId};
use crate::domain::instrument::{AssetClass, Contract, ExerciseStyle, Instrument, OptionKind};
use crate::domain::page::{Page, Slice};

/// A row as it is selected, with its underlying's symbol beside it. An option is of its
/// underlying's sector and industry.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub id: InstrumentId,
    pub symbol: String,
    pub name: Option<String>,
    pub asset_class: AssetClass,
    pub sector: Option<String>,
    pub industry: Option<String>,
    pub currency: String,
    pub underlying_id: Option<InstrumentId>,
    pub underlying_symbol: Option<String>,
    pub option_kind: Option<OptionKind>,
    pub strike: Option<rust_decimal::Decimal>,
    pub expiry: Option<chrono::NaiveDate>,
    pub exercise_style: Option<ExerciseStyle>,
    pub multiplier: i32,
}

impl From<Row> for Instrument {
    fn from(row: Row) -> Self {
        // The table holds all terms of a contract or none.
        let contract = (|| {
            Some(Contract {
                underlying_id: row.underlying_id?,
                underlying_symbol: row.underlying_symbol?,
                kind: row.option_kind?,
                strike: row.strike?.normalize(),
                expiry: row.expiry?,
                exercise_style: row.exercise_style?,
            })
        })();
        Self {
            id: row.id,
            symbol: row.symbol,
            name: row.name,
            asset_class: row.asset_class,
            sector: row.sector,
            industry: row.industry,
            currency: row.currency,
            multiplier: row.multiplier,
            contract,
        }
    }
}

/// The sectors and industries that instruments are of, each pair once; no order.
pub async fn sectors(
    db: impl PgExecutor<'_>,
) -> sqlx::Result<Vec<(Option<String>, Option<String>)>> {
    let rows = sqlx::query!(
        "select distinct sector, industry
           from instruments
          where sector is not null or industry is not null"
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.sector, row.industry)).collect())
}

/// Those among `ids`; no order.
pub async fn by_id(db: impl PgExecutor<'_>, ids: &[InstrumentId]) -> sqlx::Result<Vec<Instrument>> {
    either(db, ids, &[]).await
}

/// Those among `symbols`, which are upper-case or compact; no order.
pub async fn by_symbol(
    db: impl PgExecutor<'_>,
    symbols: &[String],
) -> sqlx::Result<Vec<Instrument>> {
    either(db, &[], symbols).await
}

async fn either(
    db: impl PgExecutor<'_>,
    ids: &[InstrumentId],
    symbols: &[String],
) -> sqlx::Result<Vec<Instrument>> {
    sqlx::query_as!(
        Row,
        r#"
        select i.id as "id!: InstrumentId", i.symbol as "symbol!", i.name as "name?",
               i.asset_class as "asset_class!: AssetClass",
               coalesce(i.sector, u.sector) as "sector?",
               coalesce(i.industry, u.industry) as "industry?", i.currency as "currency!",
               i.underlying_id as "underlying_id?: InstrumentId",
               u.symbol as "underlying_symbol?", i.option_kind as "option_kind?: OptionKind",
               i.strike as "strike?", i.expiry as "expiry?",
               i.exercise_style as "exercise_style?: ExerciseStyle",
               i.multiplier as "multiplier!"
          from instruments i
          left join instruments u on u.id = i.underlying_id
         where i.id = any($1) or i.symbol = any($2)
        "#,
        ids as &[InstrumentId],
        symbols,
    )
    .map(Instrument::from)
    .fetch_all(db)
    .await
}

/// Those among `ids` and `symbols` that a person may see; no order. That is what is listed, what
/// they hold or held, and the underlyings of that.
pub async fn visible(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[InstrumentId],
    symbols: &[String],
) -> sqlx::Result<Vec<Instrument>> {
    sqlx::query_as!(
        Row,
        r#"
        select i.id as "id!: InstrumentId", i.symbol as "symbol!", i.name as "name?",
               i.asset_class as "asset_class!: AssetClass",
               coalesce(i.sector, u.sector) as "sector?",
               coalesce(i.industry, u.industry) as "industry?", i.currency as "currency!",
               i.underlying_id as "underlying_id?: InstrumentId",
               u.symbol as "underlying_symbol?", i.option_kind as "option_kind?: OptionKind",
               i.strike as "strike?", i.expiry as "expiry?",
               i.exercise_style as "exercise_style?: ExerciseStyle",
               i.multiplier as "multiplier!"
          from instruments i
          left join instruments u on u.id = i.underlying_id
         where (i.id = any($2) or i.symbol = any($3))
           and (i.is_listed or i.id in (select held_by($1)))
        "#,
        owner.0,
        ids as &[InstrumentId],
        symbols,
    )
    .map(Instrument::from)
    .fetch_all(db)
    .await
}

/// A page of the instruments that a person may see, narrowed; an absent condition keeps all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstrumentsPage {
    /// Start of the symbol, or any part of the name; whatever the case.
    pub search: Option<String>,
    /// As they are stored.
    pub symbols: Option<Vec<String>>,
    pub asset_class: Option<AssetClass>,
    pub page: Page<String>,
}

/// Pages of instruments by symbol, in the order of bytes; one slice for each page, in their order.
pub async fn pages(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[InstrumentsPage],
) -> sqlx::Result<Vec<Slice<Instrument>>> {
    let each = || asked.iter();
    let literal =
        |text: &String| text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let starts: Vec<_> = each()
        .map(|page| Some(format!("{}%", literal(page.search.as_ref()?).to_uppercase())))
        .collect();
    let parts: Vec<_> =
        each().map(|page| Some(format!("%{}%", literal(page.search.as_ref()?)))).collect();
    // One text a page: arrays of arrays must be of one length, and no symbol has a space.
    let symbols: Vec<_> = each().map(|page| Some(page.symbols.as_ref()?.join(" "))).collect();
    let classes: Vec<_> = each().map(|page| page.asset_class).collect();
    let pages = || each().map(|asked| &asked.page);
    let Asked { after, before, from_end, fetched } = Asked::of(pages());
    let rows = sqlx::query!(
        r#"
        with visible as materialized (
            select i.id, i.symbol, i.name, i.asset_class, i.currency, i.underlying_id,
                   i.option_kind, i.strike, i.expiry, i.exercise_style, i.multiplier,
                   coalesce(i.sector, u.sector) as sector,
                   coalesce(i.industry, u.industry) as industry, u.symbol as underlying_symbol
              from instruments i
              left join instruments u on u.id = i.underlying_id
             where i.is_listed or i.id in (select held_by($1))),
        page as (
            select *
              from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                          $8::bool[], $9::bigint[])
                   with ordinality page (starts, part, symbols, class, after, before, from_end,
                                         fetched, ordinal)),
        chosen as (
            select page.ordinal, visible.*
              from page
              join visible
                on (page.starts is null or symbol like page.starts or name ilike page.part)
               and (page.symbols is null or symbol = any(string_to_array(page.symbols, ' ')))
               and (page.class is null or asset_class = page.class))
        select page.ordinal as "ordinal!", counted.total as "total!",
               found.id as "id?: InstrumentId", found.symbol as "symbol?", found.name,
               found.asset_class as "asset_class?: AssetClass", found.sector, found.industry,
               found.currency as "currency?", found.underlying_id as "underlying_id?: InstrumentId",
               found.underlying_symbol as "underlying_symbol?", found.option_kind as "option_kind?: OptionKind",
               found.strike, found.expiry, found.exercise_style as "exercise_style?: ExerciseStyle",
               found.multiplier as "multiplier?"
          from page
         cross join lateral (
               select count(*) as total from chosen where chosen.ordinal = page.ordinal) counted
          left join lateral (
               select *
                 from chosen
                where chosen.ordinal = page.ordinal
                  and (page.after is null or symbol collate "C" > page.after)
                  and (page.before is null or symbol collate "C" < page.before)
                order by case when page.from_end then symbol collate "C" end desc,
                         symbol collate "C"
                limit page.fetched) found on true
         order by page.ordinal, found.symbol collate "C"
        "#,
        owner.0,
        &starts as &[Option<String>],
        &parts as &[Option<String>],
        &symbols as &[Option<String>],
        &classes as &[Option<AssetClass>],
        &after as &[Option<String>],
        &before as &[Option<String>],
        &from_end,
        &fetched,
    )
    .map(|row| {
        let instrument = (|| {
            Some(Instrument::from(Row {
                id: row.id?,
                symbol: row.symbol?,
                name: row.name,
                asset_class: row.asset_class?,
                sector: row.sector,
                industry: row.industry,
                currency: row.currency?,
                underlying_id: row.underlying_id,
                underlying_symbol: row.underlying_symbol,
                option_kind: row.option_kind,
                strike: row.strike,
                expiry: row.expiry,
                exercise_style: row.exercise_style,
                multiplier: row.multiplier?,
            }))
        })();
        (row.ordinal, row.total, instrument)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages(), rows))
}

/// Notes that instruments are named by a source of prices or a list of the program's.
pub async fn list(db: impl PgExecutor<'_>, ids: &[InstrumentId]) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update instruments
           set is_listed = true
         where not is_listed
           and id in (select id from instruments where id = any($1)
                       union
                      select underlying_id from instruments where id = any($1))
        "#,
        ids as &[InstrumentId],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks instruments and the underlyings of options among them until the transaction ends, against
/// others that do so and against [`keep`]: what is stored of their prices is about to change.
///
/// Underlyings come before options, each by id. A transaction that locks several times does so in
/// that order too, and adds tickers before and options after, so that no two ever cross.
pub async fn lock(db: impl PgExecutor<'_>, ids: &[InstrumentId]) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        select
          from instruments
         where id = any($1 || array(select underlying_id from instruments
                                     where id = any($1) and underlying_id is not null))
         order by underlying_id is not null, id
           for no key update
        "#,
        ids as &[InstrumentId],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Keeps others from [`lock`]ing instruments until the transaction ends; in the same order.
pub async fn keep(db: impl PgExecutor<'_>, ids: &[InstrumentId]) -> sqlx::Result<()> {
    sqlx::query!(
        "select from instruments where id = any($1)
          order by underlying_id is not null, id
            for share",
        ids as &[InstrumentId],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Adds instruments. Symbol and id of each that is new; one whose symbol is there already is left
/// as it is, without a lock on it.
pub async fn add_all(
    db: impl PgExecutor<'_>,
    instruments: &[Instrument],
) -> sqlx::Result<Vec<(String, InstrumentId)>> {
    let contract = |i: &Instrument| i.contract.clone();
    let each = instruments.iter();
    sqlx::query!(
        r#"
        insert into instruments (id, symbol, name, asset_class, sector, industry, currency,
                                 multiplier, underlying_id, option_kind, strike, expiry,
                                 exercise_style)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
                             $6::text[], $7::text[], $8::int[], $9::uuid[], $10::text[],
                             $11::numeric[], $12::date[], $13::text[])
        on conflict (symbol) do nothing
        returning symbol, id as "id: InstrumentId"
        "#,
        &each.clone().map(|i| i.id.0).collect::<Vec<_>>(),
        &each.clone().map(|i| i.symbol.clone()).collect::<Vec<_>>(),
        &each.clone().map(|i| i.name.clone()).collect::<Vec<_>>() as &[Option<String>],
        &each.clone().map(|i| i.asset_class).collect::<Vec<_>>() as &[AssetClass],
        &each.clone().map(|i| i.sector.clone()).collect::<Vec<_>>() as &[Option<String>],
        &each.clone().map(|i| i.industry.clone()).collect::<Vec<_>>() as &[Option<String>],
        &each.clone().map(|i| i.currency.clone()).collect::<Vec<_>>(),
        &each.clone().map(|i| i.multiplier).collect::<Vec<_>>(),
        &each.clone().map(|i| contract(i).map(|c| c.underlying_id.0)).collect::<Vec<_>>() as _,
        &each.clone().map(|i| contract(i).map(|c| c.kind)).collect::<Vec<_>>() as _,
        &each.clone().map(|i| contract(i).map(|c| c.strike)).collect::<Vec<_>>() as _,
        &each.clone().map(|i| contract(i).map(|c| c.expiry)).collect::<Vec<_>>() as _,
        &each.map(|i| contract(i).map(|c| c.exercise_style)).collect::<Vec<_>>() as _,
    )
    .map(|row| (row.symbol, row.id))
    .fetch_all(db)
    .await
}
