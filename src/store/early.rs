//! Bars that were told before their session had settled.

use chrono::NaiveDate;
use sqlx::PgExecutor;

use crate::domain::id::InstrumentId;

/// Those of instruments, by instrument and date.
pub async fn of_instruments(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<Vec<(InstrumentId, NaiveDate)>> {
    sqlx::query!(
        r#"
        select instrument_id as "instrument_id: InstrumentId", date
          from early_prices
         where instrument_id = any($1)
         order by instrument_id, date
        "#,
        instruments as &[InstrumentId],
    )
    .map(|row| (row.instrument_id, row.date))
    .fetch_all(db)
    .await
}

/// Notes bars as early.
pub async fn note_all(
    db: impl PgExecutor<'_>,
    bars: &[(InstrumentId, NaiveDate)],
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into early_prices (instrument_id, date)
        select * from unnest($1::uuid[], $2::date[])
        on conflict do nothing
        "#,
        &bars.iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
        &bars.iter().map(|(_, date)| *date).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets that bars are early: they were told again, or will not be.
pub async fn clear(
    db: impl PgExecutor<'_>,
    bars: &[(InstrumentId, NaiveDate)],
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        delete from early_prices early
         using unnest($1::uuid[], $2::date[]) as told (id, date)
         where early.instrument_id = told.id and early.date = told.date
        "#,
        &bars.iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
        &bars.iter().map(|(_, date)| *date).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}
