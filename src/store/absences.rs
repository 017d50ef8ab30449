//! Prices that were asked for in vain.

use sqlx::PgExecutor;

use crate::domain::absence::{Absence, AbsenceReason};
use crate::domain::id::InstrumentId;

/// Of those instruments that have any, by instrument and first day.
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
         order by instrument_id, first
        "#,
        instruments as &[InstrumentId],
    )
    .fetch_all(db)
    .await
}

/// Notes ranges of instruments of which nothing is noted.
pub async fn note_all(db: impl PgExecutor<'_>, absences: &[Absence]) -> sqlx::Result<()> {
    let each = absences.iter();
    sqlx::query!(
        r#"
        insert into price_absences (instrument_id, first, last, reason, said, asked_at)
        select id, first, last, reason, left(said, 500), asked_at
          from unnest($1::uuid[], $2::date[], $3::date[], $4::text[], $5::text[],
                      $6::timestamptz[])
               as new (id, first, last, reason, said, asked_at)
        "#,
        &each.clone().map(|absence| absence.instrument_id.0).collect::<Vec<_>>(),
        &each.clone().map(|absence| absence.first).collect::<Vec<_>>(),
        &each.clone().map(|absence| absence.last).collect::<Vec<_>>(),
        &each.clone().map(|absence| absence.reason).collect::<Vec<_>>() as &[AbsenceReason],
        &each.clone().map(|absence| absence.said.clone()).collect::<Vec<_>>(),
        &each.map(|absence| absence.asked_at).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what is noted of an instrument.
pub async fn clear(db: impl PgExecutor<'_>, instrument: InstrumentId) -> sqlx::Result<()> {
    sqlx::query!("delete from price_absences where instrument_id = $1", instrument.0)
        .execute(db)
        .await?;
    Ok(())
}
