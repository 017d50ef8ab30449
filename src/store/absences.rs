//! Prices that were asked for in vain.

use sqlx::PgExecutor;

use crate::domain::absence::{Absence, AbsenceReason};
use crate::domain::id::InstrumentId;

/// Of those instruments that have any; no order.
pub async fn of_instruments(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<Vec<Absence>> {
    sqlx::query_as!(
        Absence,
        r#"
        select instrument_id as "instrument_id: InstrumentId", first, last,
               reason as "reason: AbsenceReason", said, asked_at
          from price_absences
         where instrument_id = any($1)
        "#,
        instruments as &[InstrumentId],
    )
    .fetch_all(db)
    .await
}

/// Notes what is missing of an instrument, in place of what was noted before.
pub async fn note(db: impl PgExecutor<'_>, absence: &Absence) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into price_absences (instrument_id, first, last, reason, said, asked_at)
        values ($1, $2, $3, $4, left($5, 500), $6)
        on conflict (instrument_id) do update
           set first = excluded.first, last = excluded.last, reason = excluded.reason,
               said = excluded.said, asked_at = excluded.asked_at
        "#,
        absence.instrument_id.0,
        absence.first,
        absence.last,
        absence.reason as AbsenceReason,
        absence.said,
        absence.asked_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Nothing is missing of an instrument.
pub async fn clear(db: impl PgExecutor<'_>, instrument: InstrumentId) -> sqlx::Result<()> {
    sqlx::query!("delete from price_absences where instrument_id = $1", instrument.0)
        .execute(db)
        .await?;
    Ok(())
}
