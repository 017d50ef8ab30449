//! Books at the closes of sessions.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sigmasight_analytics::exposure::Sensitivities;
use sqlx::PgExecutor;

use super::paged::{Asked, slices};
use crate::domain::id::{PortfolioId, SnapshotId, UserId};
use crate::domain::page::{Page, Slice};
use crate::domain::quality::Quality;
use crate::domain::snapshot::{Figures, Snapshot, SnapshotSource};

/// A snapshot as the table has it.
struct Row {
    owner_id: UserId,
    portfolio_id: PortfolioId,
    id: SnapshotId,
    date: NaiveDate,
    total_value: Decimal,
    cash_balance: Decimal,
    long_exposure: Decimal,
    short_exposure: Decimal,
    notional: Decimal,
    delta_adjusted_net: Decimal,
    net_flow: Decimal,
    daily_pnl: Option<Decimal>,
    cumulative_pnl: Decimal,
    daily_return: Option<f64>,
    delta: Option<Decimal>,
    gamma: Option<Decimal>,
    theta: Option<Decimal>,
    vega: Option<Decimal>,
    rho: Option<Decimal>,
    long_count: i32,
    short_count: i32,
    position_count: i32,
    option_count: i32,
    source: SnapshotSource,
    quality: Quality,
    created_at: DateTime<Utc>,
}

impl From<Row> for Snapshot {
    fn from(row: Row) -> Self {
        let greeks = (|| {
            Some(Sensitivities {
                delta: row.delta?,
                gamma: row.gamma?,
                theta: row.theta?,
                vega: row.vega?,
                rho: row.rho?,
            })
        })();
        Self {
            owner_id: row.owner_id,
            portfolio_id: row.portfolio_id,
            id: row.id,
            date: row.date,
            figures: Figures {
                total_value: row.total_value,
                cash_balance: row.cash_balance,
                long_exposure: row.long_exposure,
                short_exposure: row.short_exposure,
                notional: row.notional,
                delta_adjusted_net: row.delta_adjusted_net,
                net_flow: row.net_flow,
                daily_pnl: row.daily_pnl,
                cumulative_pnl: row.cumulative_pnl,
                daily_return: row.daily_return,
                greeks,
                long_count: row.long_count,
                short_count: row.short_count,
                position_count: row.position_count,
                option_count: row.option_count,
                quality: row.quality,
            },
            source: row.source,
            created_at: row.created_at,
        }
    }
}

/// Stores the owner's snapshots; one that is there already and says the same stays as it is. The
/// portfolios that have another than before.
pub async fn replace_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    snapshots: &[(Snapshot, [u8; 32])],
) -> sqlx::Result<Vec<PortfolioId>> {
    let each = snapshots.iter().map(|(snapshot, _)| snapshot);
    let figures = each.clone().map(|snapshot| &snapshot.figures);
    let money = |of: fn(&Figures) -> Decimal| figures.clone().map(of).collect::<Vec<_>>();
    let count = |of: fn(&Figures) -> i32| figures.clone().map(of).collect::<Vec<_>>();
    let greek = |of: fn(&Sensitivities) -> Decimal| {
        figures.clone().map(|one| one.greeks.as_ref().map(of)).collect::<Vec<_>>()
    };
    sqlx::query_scalar!(
        r#"
        with changed as (
        insert into portfolio_snapshots as stored
               (owner_id, portfolio_id, date, id, total_value, cash_balance, gross_exposure,
                net_exposure, long_exposure, short_exposure, notional, delta_adjusted_net,
                net_flow, daily_pnl, cumulative_pnl, daily_return, delta, gamma, theta, vega, rho,
                long_count, short_count, position_count, option_count, source, quality,
                content_hash, created_at)
        select $1, *
          from unnest($2::uuid[], $3::date[], $4::uuid[], $5::numeric[], $6::numeric[],
                      $7::numeric[], $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[],
                      $12::numeric[], $13::numeric[], $14::numeric[], $15::numeric[],
                      $16::float8[], $17::numeric[], $18::numeric[], $19::numeric[],
                      $20::numeric[], $21::numeric[], $22::int[], $23::int[], $24::int[],
                      $25::int[], $26::text[], $27::text[], $28::bytea[], $29::timestamptz[])
        on conflict (owner_id, portfolio_id, date) do update
           set total_value = excluded.total_value, cash_balance = excluded.cash_balance,
               gross_exposure = excluded.gross_exposure, net_exposure = excluded.net_exposure,
               long_exposure = excluded.long_exposure, short_exposure = excluded.short_exposure,
               notional = excluded.notional, delta_adjusted_net = excluded.delta_adjusted_net,
               net_flow = excluded.net_flow, daily_pnl = excluded.daily_pnl,
               cumulative_pnl = excluded.cumulative_pnl, daily_return = excluded.daily_return,
               delta = excluded.delta, gamma = excluded.gamma, theta = excluded.theta,
               vega = excluded.vega, rho = excluded.rho, long_count = excluded.long_count,
               short_count = excluded.short_count, position_count = excluded.position_count,
               option_count = excluded.option_count, source = excluded.source,
               quality = excluded.quality, content_hash = excluded.content_hash,
               created_at = excluded.created_at
         where stored.content_hash <> excluded.content_hash
        returning portfolio_id)
        select distinct portfolio_id as "portfolio_id!: PortfolioId" from changed
        "#,
        owner.0,
        &each.clone().map(|snapshot| snapshot.portfolio_id.0).collect::<Vec<_>>(),
        &each.clone().map(|snapshot| snapshot.date).collect::<Vec<_>>(),
        &each.clone().map(|snapshot| snapshot.id.0).collect::<Vec<_>>(),
        &money(|figures| figures.total_value),
        &money(|figures| figures.cash_balance),
        &money(Figures::gross_exposure),
        &money(Figures::net_exposure),
        &money(|figures| figures.long_exposure),
        &money(|figures| figures.short_exposure),
        &money(|figures| figures.notional),
        &money(|figures| figures.delta_adjusted_net),
        &money(|figures| figures.net_flow),
        &figures.clone().map(|figures| figures.daily_pnl).collect::<Vec<_>>()
            as &[Option<Decimal>],
        &money(|figures| figures.cumulative_pnl),
        &figures.clone().map(|figures| figures.daily_return).collect::<Vec<_>>()
            as &[Option<f64>],
        &greek(|greeks| greeks.delta) as &[Option<Decimal>],
        &greek(|greeks| greeks.gamma) as &[Option<Decimal>],
        &greek(|greeks| greeks.theta) as &[Option<Decimal>],
        &greek(|greeks| greeks.vega) as &[Option<Decimal>],
        &greek(|greeks| greeks.rho) as &[Option<Decimal>],
        &count(|figures| figures.long_count),
        &count(|figures| figures.short_count),
        &count(|figures| figures.position_count),
        &count(|figures| figures.option_count),
        &each.clone().map(|snapshot| snapshot.source).collect::<Vec<_>>() as &[SnapshotSource],
        &figures.clone().map(|figures| figures.quality).collect::<Vec<_>>() as &[Quality],
        &snapshots.iter().map(|(_, hash)| hash.to_vec()).collect::<Vec<_>>(),
        &each.map(|snapshot| snapshot.created_at).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
}

/// The owner's snapshots between two dates that were taken before a close, a split or a dividend
/// that they may depend on was known; by date. A close is looked for so many days back.
pub async fn outdated(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolios: &[PortfolioId],
    (from, to): (NaiveDate, NaiveDate),
    days: i32,
) -> sqlx::Result<Vec<(NaiveDate, PortfolioId)>> {
    sqlx::query!(
        r#"
          with taken as (
               select portfolio_id, date, created_at
                 from portfolio_snapshots
                where owner_id = $1 and portfolio_id = any($2) and date between $3 and $4),
               held as (
               select positions.portfolio_id, moved.id as instrument_id, min(entry_date) as since
                 from positions
                 join instruments on instruments.id = positions.instrument_id
                cross join lateral (values (instruments.id), (underlying_id)) moved (id)
                where owner_id = $1 and portfolio_id = any($2) and moved.id is not null
                group by positions.portfolio_id, moved.id),
               oldest as (
               select day::date as date, min(created_at) as taken_at
                 from generate_series(($3 - $5::int)::timestamp, $4::timestamp, '1 day') day
                 join taken on taken.date between day::date and day::date + $5::int
                group by day::date),
               news as (
               select instrument_id, date, date + $5::int as until, known_from
                 from prices
                 join oldest using (date)
                where instrument_id in (select instrument_id from held)
                  and date between $3 - $5::int and $4
                  and known_from > taken_at
                union all
               select instrument_id, effective_date, $4, known_from
                 from corporate_actions
                where instrument_id in (select instrument_id from held)
                  and effective_date <= $4
                  and known_from > (select min(taken_at) from oldest))
        select distinct taken.date, taken.portfolio_id as "portfolio_id: PortfolioId"
          from taken
          join held on held.portfolio_id = taken.portfolio_id and held.since <= taken.date
          join news on news.instrument_id = held.instrument_id
                   and news.known_from > taken.created_at
                   and taken.date between news.date and news.until
         order by 1, 2
        "#,
        owner.0,
        portfolios as &[PortfolioId],
        from,
        to,
        days,
    )
    .map(|row| (row.date, row.portfolio_id))
    .fetch_all(db)
    .await
}

/// The sessions before a date whose snapshot of the owner's portfolio is of a day from `changed` on,
/// or was taken before a position was entered that belongs into it; ascending.
pub async fn incomplete(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
    changed: Option<NaiveDate>,
    before: NaiveDate,
) -> sqlx::Result<Vec<NaiveDate>> {
    sqlx::query_scalar!(
        r#"
        select taken.date
          from portfolio_snapshots taken
         where taken.owner_id = $1 and taken.portfolio_id = $2 and taken.date < $3
           and (taken.date >= $4
                or exists (select from positions
                            where owner_id = $1 and portfolio_id = $2 and entry_date <= taken.date
                              and positions.created_at >= taken.created_at))
         order by taken.date
        "#,
        owner.0,
        portfolio.0,
        before,
        changed,
    )
    .fetch_all(db)
    .await
}

/// Removes snapshots of the owner's portfolio from before its first entry: all of one that holds
/// nothing any more, and never did.
pub async fn delete_before_first_entry(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        delete from portfolio_snapshots
         where owner_id = $1 and portfolio_id = $2
           and date < coalesce((select min(entry_date)
                                  from positions
                                 where owner_id = $1 and portfolio_id = $2), 'infinity')
        "#,
        owner.0,
        portfolio.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether the owner's portfolio has any.
pub async fn any(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        select exists (select from portfolio_snapshots
                        where owner_id = $1 and portfolio_id = $2) as "any!"
        "#,
        owner.0,
        portfolio.0,
    )
    .fetch_one(db)
    .await
}

/// The owner's snapshots of these ids; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[SnapshotId],
) -> sqlx::Result<Vec<Snapshot>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select owner_id as "owner_id: UserId", portfolio_id as "portfolio_id: PortfolioId",
               id as "id: SnapshotId", date, total_value, cash_balance, long_exposure,
               short_exposure, notional, delta_adjusted_net, net_flow, daily_pnl, cumulative_pnl,
               daily_return, delta, gamma, theta, vega, rho, long_count, short_count,
               position_count, option_count, source as "source: SnapshotSource",
               quality as "quality: Quality", created_at
          from portfolio_snapshots
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[SnapshotId],
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// A page of a portfolio's snapshots between two dates, both included, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotsPage {
    pub portfolio: PortfolioId,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub page: Page<NaiveDate>,
}

/// Pages of the owner's snapshots by date; one slice for each page, in their order.
pub async fn pages(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[SnapshotsPage],
) -> sqlx::Result<Vec<Slice<Snapshot>>> {
    let pages = || asked.iter().map(|asked| &asked.page);
    let Asked { after, before, from_end, fetched } = Asked::of(pages());
    let rows = sqlx::query!(
        r#"
        select page.ordinal as "ordinal!", counted.total as "total!",
               s.owner_id as "owner_id?: UserId", s.portfolio_id as "portfolio_id?: PortfolioId",
               s.id as "id?: SnapshotId", s.date as "date?", s.total_value as "total_value?",
               s.cash_balance as "cash_balance?", s.long_exposure as "long_exposure?",
               s.short_exposure as "short_exposure?", s.notional as "notional?",
               s.delta_adjusted_net as "delta_adjusted_net?", s.net_flow as "net_flow?",
               s.daily_pnl, s.cumulative_pnl as "cumulative_pnl?", s.daily_return, s.delta,
               s.gamma, s.theta, s.vega, s.rho, s.long_count as "long_count?",
               s.short_count as "short_count?", s.position_count as "position_count?",
               s.option_count as "option_count?", s.source as "source?: SnapshotSource",
               s.quality as "quality?: Quality", s.created_at as "created_at?"
          from unnest($2::uuid[], $3::date[], $4::date[], $5::date[], $6::date[], $7::bool[],
                      $8::bigint[])
               with ordinality page (id, first, last, after, before, from_end, fetched, ordinal)
         cross join lateral (
               select count(*) as total
                 from portfolio_snapshots
                where owner_id = $1 and portfolio_id = page.id
                  and date between coalesce(page.first, '-infinity')
                               and coalesce(page.last, 'infinity')) counted
          left join lateral (
               select *
                 from portfolio_snapshots
                where owner_id = $1 and portfolio_id = page.id
                  and date between coalesce(page.first, '-infinity')
                               and coalesce(page.last, 'infinity')
                  and date > coalesce(page.after, '-infinity')
                  and date < coalesce(page.before, 'infinity')
                order by case when page.from_end then date end desc, date
                limit page.fetched) s on true
         order by page.ordinal, s.date
        "#,
        owner.0,
        &asked.iter().map(|page| page.portfolio.0).collect::<Vec<_>>(),
        &asked.iter().map(|page| page.from).collect::<Vec<_>>() as &[Option<NaiveDate>],
        &asked.iter().map(|page| page.to).collect::<Vec<_>>() as &[Option<NaiveDate>],
        &after as &[Option<NaiveDate>],
        &before as &[Option<NaiveDate>],
        &from_end,
        &fetched,
    )
    .map(|row| {
        let snapshot = (|| {
            Some(Snapshot::from(Row {
                owner_id: row.owner_id?,
                portfolio_id: row.portfolio_id?,
                id: row.id?,
                date: row.date?,
                total_value: row.total_value?,
                cash_balance: row.cash_balance?,
                long_exposure: row.long_exposure?,
                short_exposure: row.short_exposure?,
                notional: row.notional?,
                delta_adjusted_net: row.delta_adjusted_net?,
                net_flow: row.net_flow?,
                daily_pnl: row.daily_pnl,
                cumulative_pnl: row.cumulative_pnl?,
                daily_return: row.daily_return,
                delta: row.delta,
                gamma: row.gamma,
                theta: row.theta,
                vega: row.vega,
                rho: row.rho,
                long_count: row.long_count?,
                short_count: row.short_count?,
                position_count: row.position_count?,
                option_count: row.option_count?,
                source: row.source?,
                quality: row.quality?,
                created_at: row.created_at?,
            }))
        })();
        (row.ordinal, row.total, snapshot)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages(), rows))
}

/// Removes the owner's snapshots from before a date. The number removed.
pub async fn delete_before(
    db: impl PgExecutor<'_>,
    owner: UserId,
    date: NaiveDate,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "delete from portfolio_snapshots where owner_id = $1 and date < $2",
        owner.0,
        date,
    );
    Ok(done.execute(db).await?.rows_affected())
}
