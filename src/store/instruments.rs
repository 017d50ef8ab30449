//! Instruments.

use sqlx::{PgExecutor, QueryBuilder};

use crate::domain::id::InstrumentId;
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

/// What a list of instruments is narrowed to; an empty filter keeps all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Start of the symbol, or any part of the name; whatever the case.
    pub search: Option<String>,
    pub symbols: Option<Vec<String>>,
    pub asset_class: Option<AssetClass>,
}

/// A page of instruments by symbol.
pub async fn page(
    db: impl PgExecutor<'_>,
    filter: &Filter,
    page: &Page<String>,
) -> sqlx::Result<Slice<Instrument>> {
    #[derive(sqlx::FromRow)]
    struct Counted {
        #[sqlx(flatten)]
        row: Row,
        total: i64,
    }

    let mut query = QueryBuilder::new(
        "with chosen as (
             select i.id, i.symbol, i.name, i.asset_class, i.currency, i.underlying_id,
                    i.option_kind, i.strike, i.expiry, i.exercise_style, i.multiplier,
                    coalesce(i.sector, u.sector) as sector,
                    coalesce(i.industry, u.industry) as industry, u.symbol as underlying_symbol
               from instruments i
               left join instruments u on u.id = i.underlying_id
              where true",
    );
    if let Some(search) = &filter.search {
        let literal = search.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query.push(" and (i.symbol like ").push_bind(format!("{}%", literal.to_uppercase()));
        query.push(" or i.name ilike ").push_bind(format!("%{literal}%")).push(")");
    }
    if let Some(symbols) = &filter.symbols {
        query.push(" and i.symbol = any(").push_bind(symbols).push(")");
    }
    if let Some(class) = filter.asset_class {
        query.push(" and i.asset_class = ").push_bind(class);
    }
    query.push(") select *, (select count(*) from chosen) as total from chosen where true");
    // "C" collation: the order of bytes, which cursors are compared by.
    if let Some(after) = &page.after {
        query.push(" and symbol collate \"C\" > ").push_bind(after);
    }
    if let Some(before) = &page.before {
        query.push(" and symbol collate \"C\" < ").push_bind(before);
    }
    let direction = if page.from_end { "desc" } else { "asc" };
    query.push(" order by symbol collate \"C\" ").push(direction).push(" limit ");
    query.push_bind(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1));

    let rows: Vec<Counted> = query.build_query_as().fetch_all(db).await?;
    let total = rows.first().map_or(0, |row| usize::try_from(row.total).unwrap_or(0));
    let items = rows.into_iter().map(|counted| counted.row.into()).collect();
    Ok(Slice::of_fetched(items, page, total))
}

/// Adds instruments; one whose symbol is there already is left as it is. Symbol and id of each.
pub async fn ensure_all(
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
        on conflict (symbol)
            do update set symbol = excluded.symbol -- changes nothing, but lets the row be returned
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
