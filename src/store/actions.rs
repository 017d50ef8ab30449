//! Splits and cash dividends, and what splits make of option contracts.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::prices::Subject;
use crate::domain::action::{Action, ActionKind, Ratio, Split};
use crate::domain::id::InstrumentId;
use crate::domain::price::PriceSource;

/// Stores actions, of which an instrument has at most one split and one dividend a day. One that
/// is there already is corrected, and its earlier version kept, unless it says the same. What was
/// simulated corrects nothing that was observed, nor a price file what a provider told. The number changed.
pub async fn upsert_all(db: impl PgExecutor<'_>, actions: &[Action]) -> sqlx::Result<u64> {
    let split = |action: &Action| match action.kind {
        ActionKind::Split(ratio) => Some(ratio),
        ActionKind::Dividend { .. } => None,
    };
    let cash = |action: &Action| match action.kind {
        ActionKind::Split(_) => None,
        ActionKind::Dividend { amount, .. } => Some(amount),
    };
    let special = |action: &Action| match action.kind {
        ActionKind::Split(_) => Decimal::ZERO,
        ActionKind::Dividend { special, .. } => special,
    };
    let each = actions.iter();
    let done = sqlx::query!(
        r#"
        insert into corporate_actions as stored
               (id, instrument_id, effective_date, source, split_to, split_from, cash_amount,
                special_amount, kind)
        select new.*, case when new.cash_amount is null then 'SPLIT' else 'DIVIDEND' end
          from unnest($1::uuid[], $2::uuid[], $3::date[], $4::text[], $5::numeric[], $6::numeric[],
                      $7::numeric[], $8::numeric[])
               as new (id, instrument_id, date, source, split_to, split_from, cash_amount,
                       special_amount)
        on conflict (instrument_id, kind, effective_date) do update
           set split_to = excluded.split_to, split_from = excluded.split_from,
               cash_amount = excluded.cash_amount, special_amount = excluded.special_amount,
               source = excluded.source
         where (excluded.source <> 'SYNTHETIC' or stored.source = 'SYNTHETIC')
           and (excluded.source <> 'IMPORT' or stored.source in ('IMPORT', 'SYNTHETIC'))
           and (stored.split_to, stored.split_from, stored.cash_amount, stored.special_amount,
                stored.source)
               is distinct from
               (excluded.split_to, excluded.split_from, excluded.cash_amount,
                excluded.special_amount, excluded.source)
        "#,
        &each.clone().map(|_| Uuid::new_v4()).collect::<Vec<_>>(),
        &each.clone().map(|action| action.instrument_id.0).collect::<Vec<_>>(),
        &each.clone().map(|action| action.effective_date).collect::<Vec<_>>(),
        &each.clone().map(|action| action.source).collect::<Vec<_>>() as &[PriceSource],
        &each.clone().map(|action| split(action).map(Ratio::to)).collect::<Vec<_>>()
            as &[Option<Decimal>],
        &each.clone().map(|action| split(action).map(Ratio::from)).collect::<Vec<_>>()
            as &[Option<Decimal>],
        &each.clone().map(cash).collect::<Vec<_>>() as &[Option<Decimal>],
        &each.map(special).collect::<Vec<_>>() as &[Decimal],
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Removes what was simulated of instruments; the history keeps it.
pub async fn delete_synthetic(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from corporate_actions where instrument_id = any($1) and source = 'SYNTHETIC'",
        instruments as &[InstrumentId],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Adjusted closes of an instrument as a price file has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub instrument: InstrumentId,
    /// The first and the last session of them.
    pub first: NaiveDate,
    pub last: NaiveDate,
}

/// Removes the splits that price files told of, and a newer one over the same dates does not,
/// whose own are `splits`; the history keeps them. What a provider told stays. The number removed.
pub async fn delete_untold(
    db: impl PgExecutor<'_>,
    told: &[Told],
    splits: &[(InstrumentId, NaiveDate)],
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        r#"
        delete from corporate_actions stored
         using unnest($1::uuid[], $2::date[], $3::date[]) as told (id, first, last)
         where stored.instrument_id = told.id
           and stored.source = 'IMPORT' and stored.kind = 'SPLIT'
           and stored.effective_date > told.first and stored.effective_date <= told.last
           and (stored.instrument_id, stored.effective_date) not in
               (select * from unnest($4::uuid[], $5::date[]))
        "#,
        &told.iter().map(|told| told.instrument.0).collect::<Vec<_>>(),
        &told.iter().map(|told| told.first).collect::<Vec<_>>(),
        &told.iter().map(|told| told.last).collect::<Vec<_>>(),
        &splits.iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
        &splits.iter().map(|(_, date)| *date).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// An action and what its instrument last traded at before it.
#[derive(Clone, Debug)]
pub struct Known {
    pub action: Action,
    /// The newest close before the effective date; None without one.
    pub last_close: Option<Decimal>,
    /// Whether a bar of the effective date or a later one is known.
    pub has_traded_since: bool,
}

/// The actions of instruments by instrument and date, a day's split first; none where a price file
/// alone tells of them. Its splits are not all that happened: its own adjustments know of the
/// dividends too, and stand in for a series of actions as long as there is no other.
pub async fn of_instruments(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<Vec<Known>> {
    let subjects: Vec<_> = instruments.iter().copied().map(Subject::Id).collect();
    let found = of_subjects(db, &subjects).await?;
    Ok(found.into_iter().map(|(_, known)| known).collect())
}

/// The same of what has ids or symbols, with the symbol of each.
pub async fn of_subjects(
    db: impl PgExecutor<'_>,
    subjects: &[Subject],
) -> sqlx::Result<Vec<(String, Known)>> {
    let (ids, symbols) = Subject::split(subjects);
    let rows = sqlx::query!(
        r#"
        select i.symbol, a.instrument_id as "instrument_id: InstrumentId", a.effective_date,
               a.split_to, a.split_from, a.cash_amount, a.special_amount, a.source as "source: PriceSource",
               earlier.close as "last_close?",
               exists (select from prices p
                        where p.instrument_id = a.instrument_id and p.date >= a.effective_date)
                   as "has_traded_since!"
          from corporate_actions a
          join instruments i on i.id = a.instrument_id
          left join lateral (
               select close
                 from prices p
                where p.instrument_id = a.instrument_id and p.date < a.effective_date
                order by date desc
                limit 1) earlier on true
         where a.instrument_id = any($1 || array(select id from instruments where symbol = any($2)))
           and exists (select from corporate_actions told
                        where told.instrument_id = a.instrument_id and told.source <> 'IMPORT')
         order by a.instrument_id, a.effective_date, a.kind desc
        "#,
        &ids as &[InstrumentId],
        &symbols,
    )
    .fetch_all(db)
    .await?;
    // The table holds the numbers of one kind.
    let known = rows.into_iter().filter_map(|row| {
        let kind = match row.cash_amount {
            Some(amount) => ActionKind::Dividend {
                amount: amount.normalize(),
                special: row.special_amount.normalize(),
            },
            None => ActionKind::Split(Ratio::new(row.split_to?, row.split_from?)?),
        };
        let known = Known {
            action: Action {
                instrument_id: row.instrument_id,
                effective_date: row.effective_date,
                kind,
                source: row.source,
            },
            last_close: row.last_close,
            has_traded_since: row.has_traded_since,
        };
        Some((row.symbol, known))
    });
    Ok(known.collect())
}

/// The splits of instruments, by date.
pub async fn splits(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<Vec<(InstrumentId, Split)>> {
    let rows = sqlx::query!(
        r#"
        select instrument_id as "instrument_id: InstrumentId", effective_date,
               split_to as "split_to!", split_from as "split_from!",
               source as "source: PriceSource"
          from corporate_actions
         where instrument_id = any($1) and kind = 'SPLIT'
         order by effective_date
        "#,
        instruments as &[InstrumentId],
    )
    .fetch_all(db)
    .await?;
    let splits = rows.into_iter().filter_map(|row| {
        let ratio = Ratio::new(row.split_to, row.split_from)?;
        Some((row.instrument_id, Split { date: row.effective_date, ratio, source: row.source }))
    });
    Ok(splits.collect())
}

/// The option contracts on an underlying that anybody holds or held; no order. Runs without an
/// owner, and tells of nobody.
pub async fn held_contracts(
    db: impl PgExecutor<'_>,
    underlying: InstrumentId,
) -> sqlx::Result<Vec<InstrumentId>> {
    sqlx::query!(r#"select held_contracts($1) as "id!: InstrumentId""#, underlying.0)
        .map(|row| row.id)
        .fetch_all(db)
        .await
}

/// Notes what splits make of contracts; what is noted already stays.
pub async fn succeed_all(
    db: impl PgExecutor<'_>,
    successors: &[(InstrumentId, InstrumentId)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into contract_successors (instrument_id, successor_id)
         select * from unnest($1::uuid[], $2::uuid[])
         on conflict do nothing",
        &successors.iter().map(|(contract, _)| contract.0).collect::<Vec<_>>(),
        &successors.iter().map(|(_, successor)| successor.0).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}
