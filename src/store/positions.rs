//! Positions, with the instruments they hold.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::instruments;
use crate::domain::id::{InstrumentId, PortfolioId, PositionId, UserId};
use crate::domain::instrument::{AssetClass, ExerciseStyle, Instrument, OptionKind};
use crate::domain::position::{Position, PositionType};
use crate::domain::tag::Tag;

/// All positions of portfolios, closed ones too, in no order; each with its tags in theirs.
pub async fn of_portfolios(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolios: &[PortfolioId],
) -> sqlx::Result<Vec<(Position, Vec<Tag>)>> {
    let asked: Vec<_> = portfolios.iter().map(|id| (*id, None)).collect();
    let found = known(db, owner, &asked).await?;
    Ok(found.into_iter().map(|(_, position, tags)| (position, tags)).collect())
}

/// The same, each portfolio as it is or as it was known at some time, by its place among them. Tags
/// are those of today.
pub async fn known(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[(PortfolioId, Option<DateTime<Utc>>)],
) -> sqlx::Result<Vec<(usize, Position, Vec<Tag>)>> {
    sqlx::query!(
        r#"
        select asked.ordinal as "ordinal!", p.id as "id!: PositionId", p.portfolio_id as "portfolio_id!: PortfolioId",
               p.type as "position_type!: PositionType", p.quantity as "quantity!",
               p.entry_price as "entry_price!", p.entry_date as "entry_date!",
               p.exit_price as "exit_price?", p.exit_date as "exit_date?", p.notes as "notes?",
               p.created_at as "created_at!", p.updated_at as "updated_at!",
               i.id as "instrument_id!: InstrumentId", i.symbol as "symbol!", i.name as "name?",
               i.asset_class as "asset_class!: AssetClass",
               coalesce(i.sector, u.sector) as "sector?",
               coalesce(i.industry, u.industry) as "industry?", i.currency as "currency!",
               i.underlying_id as "underlying_id?: InstrumentId",
               u.symbol as "underlying_symbol?", i.option_kind as "option_kind?: OptionKind",
               i.strike as "strike?", i.expiry as "expiry?",
               i.exercise_style as "exercise_style?: ExerciseStyle",
               i.multiplier as "multiplier!", carried.tags as "tags?: Json<Vec<Tag>>"
          from unnest($2::uuid[], $3::timestamptz[])
               with ordinality asked (portfolio_id, known_at, ordinal)
         cross join lateral (
               select owner_id, id, portfolio_id, instrument_id, type, quantity, entry_price,
                      entry_date, exit_price, exit_date, notes, created_at, updated_at
                 from positions
                where owner_id = $1 and portfolio_id = asked.portfolio_id
                  and (asked.known_at is null or known_from <= asked.known_at)
                union all
               select owner_id, id, portfolio_id, instrument_id, type, quantity, entry_price,
                      entry_date, exit_price, exit_date, notes, created_at, updated_at
                 from positions_history
                where owner_id = $1 and portfolio_id = asked.portfolio_id
                  and asked.known_at is not null
                  and known_from <= asked.known_at and known_to > asked.known_at) p
          join instruments i on i.id = p.instrument_id
          left join instruments u on u.id = i.underlying_id
         cross join lateral (
               select jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'kind', t.kind,
                                                   'color', t.color, 'description', t.description,
                                                   'created_at', t.created_at)
                                order by link.ordinal) as tags
                 from position_tags link
                 join tags t on (t.owner_id, t.id) = (link.owner_id, link.tag_id)
                where (link.owner_id, link.position_id) = (p.owner_id, p.id)
                  and t.deleted_at is null) carried
        "#,
        owner.0,
        &asked.iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
        &asked.iter().map(|(_, known_at)| *known_at).collect::<Vec<_>>()
            as &[Option<DateTime<Utc>>],
    )
    .map(|row| {
        let tags = row.tags.map(|tags| tags.0).unwrap_or_default();
        let position = Row {
            id: row.id,
            portfolio_id: row.portfolio_id,
            position_type: row.position_type,
            quantity: row.quantity,
            entry_price: row.entry_price,
            entry_date: row.entry_date,
            exit_price: row.exit_price,
            exit_date: row.exit_date,
            notes: row.notes,
            created_at: row.created_at,
            updated_at: row.updated_at,
            instrument_id: row.instrument_id,
            symbol: row.symbol,
            name: row.name,
            asset_class: row.asset_class,
            sector: row.sector,
            industry: row.industry,
            currency: row.currency,
            underlying_id: row.underlying_id,
            underlying_symbol: row.underlying_symbol,
            option_kind: row.option_kind,
            strike: row.strike,
            expiry: row.expiry,
            exercise_style: row.exercise_style,
            multiplier: row.multiplier,
        };
        let place = usize::try_from(row.ordinal - 1).unwrap_or(0);
        (place, Position::from(position), tags)
    })
    .fetch_all(db)
    .await
}

/// Those of the owner among `ids`; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[PositionId],
) -> sqlx::Result<Vec<Position>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select p.id as "id!: PositionId", p.portfolio_id as "portfolio_id!: PortfolioId",
               p.type as "position_type!: PositionType", p.quantity as "quantity!",
               p.entry_price as "entry_price!", p.entry_date as "entry_date!",
               p.exit_price as "exit_price?", p.exit_date as "exit_date?", p.notes as "notes?",
               p.created_at as "created_at!", p.updated_at as "updated_at!",
               i.id as "instrument_id!: InstrumentId", i.symbol as "symbol!", i.name as "name?",
               i.asset_class as "asset_class!: AssetClass",
               coalesce(i.sector, u.sector) as "sector?",
               coalesce(i.industry, u.industry) as "industry?", i.currency as "currency!",
               i.underlying_id as "underlying_id?: InstrumentId",
               u.symbol as "underlying_symbol?", i.option_kind as "option_kind?: OptionKind",
               i.strike as "strike?", i.expiry as "expiry?",
               i.exercise_style as "exercise_style?: ExerciseStyle",
               i.multiplier as "multiplier!"
          from positions p
          join instruments i on i.id = p.instrument_id
          left join instruments u on u.id = i.underlying_id
         where p.owner_id = $1 and p.id = any($2)
        "#,
        owner.0,
        ids as &[PositionId],
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Position::from).collect())
}

/// A position joined with its instrument.
struct Row {
    id: PositionId,
    portfolio_id: PortfolioId,
    position_type: PositionType,
    quantity: Decimal,
    entry_price: Decimal,
    entry_date: NaiveDate,
    exit_price: Option<Decimal>,
    exit_date: Option<NaiveDate>,
    notes: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    instrument_id: InstrumentId,
    symbol: String,
    name: Option<String>,
    asset_class: AssetClass,
    sector: Option<String>,
    industry: Option<String>,
    currency: String,
    underlying_id: Option<InstrumentId>,
    underlying_symbol: Option<String>,
    option_kind: Option<OptionKind>,
    strike: Option<Decimal>,
    expiry: Option<NaiveDate>,
    exercise_style: Option<ExerciseStyle>,
    multiplier: i32,
}

impl From<Row> for Position {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            portfolio_id: row.portfolio_id,
            instrument: Arc::new(Instrument::from(instruments::Row {
                id: row.instrument_id,
                symbol: row.symbol,
                name: row.name,
                asset_class: row.asset_class,
                sector: row.sector,
                industry: row.industry,
                currency: row.currency,
                underlying_id: row.underlying_id,
                underlying_symbol: row.underlying_symbol,
                option_kind: row.option_kind,
                strike: row.strike,
                expiry: row.expiry,
                exercise_style: row.exercise_style,
                multiplier: row.multiplier,
            })),
            position_type: row.position_type,
            quantity: row.quantity.normalize(),
            entry_price: row.entry_price.normalize(),
            entry_date: row.entry_date,
            exit_price: row.exit_price.map(|price| price.normalize()),
            exit_date: row.exit_date,
            notes: row.notes,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// How many positions each of the owner's portfolios has or had, those without any left out; no
/// order.
pub async fn count_in(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolios: &[PortfolioId],
) -> sqlx::Result<Vec<(PortfolioId, i64)>> {
    sqlx::query!(
        r#"
        select portfolio_id as "portfolio_id: PortfolioId", count(*) as "count!"
          from positions
         where owner_id = $1 and portfolio_id = any($2)
         group by portfolio_id
        "#,
        owner.0,
        portfolios as &[PortfolioId],
    )
    .map(|row| (row.portfolio_id, row.count))
    .fetch_all(db)
    .await
}

/// Which portfolio each of the owner's positions among `ids` is in; no order.
pub async fn portfolios_of(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[PositionId],
) -> sqlx::Result<Vec<(PositionId, PortfolioId)>> {
    sqlx::query!(
        r#"
        select id as "id: PositionId", portfolio_id as "portfolio_id: PortfolioId"
          from positions
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[PositionId],
    )
    .map(|row| (row.id, row.portfolio_id))
    .fetch_all(db)
    .await
}

/// Symbol and entry date of each open position of a portfolio; no order.
pub async fn open_entries(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
) -> sqlx::Result<Vec<(String, NaiveDate)>> {
    sqlx::query!(
        r#"
        select i.symbol, p.entry_date
          from positions p
          join instruments i on i.id = p.instrument_id
         where p.owner_id = $1 and p.portfolio_id = $2 and p.exit_date is null
        "#,
        owner.0,
        portfolio.0,
    )
    .map(|row| (row.symbol, row.entry_date))
    .fetch_all(db)
    .await
}

/// What prices a portfolio is valued by: what it holds, and the underlyings of that; no order.
pub async fn instruments_of(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
) -> sqlx::Result<Vec<InstrumentId>> {
    sqlx::query_scalar!(
        r#"
        select priced.id as "id!: InstrumentId"
          from (select distinct instrument_id
                  from positions
                 where owner_id = $1 and portfolio_id = $2) held
          join instruments i on i.id = held.instrument_id
         cross join lateral (values (i.id), (i.underlying_id)) priced (id)
         where priced.id is not null
        "#,
        owner.0,
        portfolio.0,
    )
    .fetch_all(db)
    .await
}

/// A position to be stored.
#[derive(Clone, Debug)]
pub struct NewPosition {
    pub id: PositionId,
    pub instrument_id: InstrumentId,
    pub position_type: PositionType,
    pub quantity: Decimal,
    pub entry_price: Decimal,
    pub entry_date: NaiveDate,
    pub notes: Option<String>,
}

pub async fn insert_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
    positions: &[NewPosition],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let each = positions.iter();
    sqlx::query!(
        r#"
        insert into positions (owner_id, portfolio_id, created_at, updated_at, id, instrument_id,
                               type, quantity, entry_price, entry_date, notes)
        select $1, $2, $3, $3, *
          from unnest($4::uuid[], $5::uuid[], $6::text[], $7::numeric[], $8::numeric[], $9::date[],
                      $10::text[])
        "#,
        owner.0,
        portfolio.0,
        now,
        &each.clone().map(|p| p.id.0).collect::<Vec<_>>(),
        &each.clone().map(|p| p.instrument_id.0).collect::<Vec<_>>(),
        &each.clone().map(|p| p.position_type).collect::<Vec<_>>() as &[PositionType],
        &each.clone().map(|p| p.quantity).collect::<Vec<_>>(),
        &each.clone().map(|p| p.entry_price).collect::<Vec<_>>(),
        &each.clone().map(|p| p.entry_date).collect::<Vec<_>>(),
        &each.map(|p| p.notes.clone()).collect::<Vec<_>>() as &[Option<String>],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Empties a portfolio; the history keeps what was in it. The number removed.
pub async fn delete_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "delete from positions where owner_id = $1 and portfolio_id = $2",
        owner.0,
        portfolio.0,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// What is held by anybody and since when: instruments with the earliest entry into each.
/// Runs without an owner: only the keeper of prices asks, and learns of nobody.
pub async fn held_since(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<(InstrumentId, NaiveDate)>> {
    sqlx::query!(
        r#"select instrument_id as "id!: InstrumentId", since as "since!" from held_instruments()"#
    )
    .map(|row| (row.id, row.since))
    .fetch_all(db)
    .await
}

/// Stores what was changed of one of the owner's positions; the history keeps what it was. Its
/// `updated_at` always grows, even where a clock stands still.
pub async fn update(
    db: impl PgExecutor<'_>,
    owner: UserId,
    position: &Position,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update positions
           set quantity = $3, entry_price = $4, entry_date = $5, exit_price = $6, exit_date = $7,
               notes = $8, updated_at = greatest($9, updated_at + interval '1 microsecond')
         where owner_id = $1 and id = $2
        "#,
        owner.0,
        position.id.0,
        position.quantity,
        position.entry_price,
        position.entry_date,
        position.exit_price,
        position.exit_date,
        position.notes,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores a part of one of the owner's positions under an id of its own: what they share is copied,
/// the rest is as of `part`.
pub async fn part(
    db: impl PgExecutor<'_>,
    owner: UserId,
    of: PositionId,
    part: &Position,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into positions (owner_id, portfolio_id, id, instrument_id, type, quantity,
                               entry_price, entry_date, exit_price, exit_date, notes, created_at,
                               updated_at)
        select owner_id, portfolio_id, $3, instrument_id, type, $4, entry_price, entry_date, $5,
               $6, notes, created_at, $7
          from positions
         where owner_id = $1 and id = $2
        "#,
        owner.0,
        of.0,
        part.id.0,
        part.quantity,
        part.exit_price,
        part.exit_date,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a part was closed of what has the same entry as one of the owner's positions, and with the
/// quantity and the exit of `part`. A part has never been open; a position that was closed has.
pub async fn has_like(
    db: impl PgExecutor<'_>,
    owner: UserId,
    of: PositionId,
    part: &Position,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        select exists (
            select from positions rest
              join positions part
                on part.owner_id = rest.owner_id and part.portfolio_id = rest.portfolio_id
               and part.instrument_id = rest.instrument_id and part.type = rest.type
               and part.entry_date = rest.entry_date and part.entry_price = rest.entry_price
             where rest.owner_id = $1 and rest.id = $2
               and part.quantity = $3 and part.exit_price = $4 and part.exit_date = $5
               and not exists (
                   select from positions_history earlier
                    where (earlier.owner_id, earlier.id) = (part.owner_id, part.id)
                      and earlier.exit_date is null)
        ) as "has!"
        "#,
        owner.0,
        of.0,
        part.quantity,
        part.exit_price,
        part.exit_date,
    )
    .fetch_one(db)
    .await
}

/// Removes some of the owner's positions; the history keeps them.
pub async fn delete(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[PositionId],
) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from positions where owner_id = $1 and id = any($2)",
        owner.0,
        ids as &[PositionId],
    )
    .execute(db)
    .await?;
    Ok(())
}
