//! Closes that nothing explains.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgExecutor;

use crate::domain::id::InstrumentId;

/// A close that is doubted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    pub instrument_id: InstrumentId,
    pub date: NaiveDate,
    /// Why, in a sentence or two.
    pub says: String,
    pub noted_at: DateTime<Utc>,
}

/// Notes the doubts about some instruments' closes of a session in place of those noted before.
pub async fn replace_all(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
    date: NaiveDate,
    doubts: &[Doubt],
) -> sqlx::Result<()> {
    let each = doubts.iter();
    sqlx::query!(
        r#"
        with new as (
            select * from unnest($3::uuid[], $4::text[], $5::timestamptz[]) as new (id, says, at)),
             gone as (
            delete from price_doubts
             where instrument_id = any($1) and date = $2
               and instrument_id not in (select id from new))
        insert into price_doubts (instrument_id, date, says, noted_at)
        select id, $2, left(says, 500), at from new
        on conflict (instrument_id, date) do update
           set says = excluded.says, noted_at = excluded.noted_at
        "#,
        instruments as &[InstrumentId],
        date,
        &each.clone().map(|doubt| doubt.instrument_id.0).collect::<Vec<_>>(),
        &each.clone().map(|doubt| doubt.says.clone()).collect::<Vec<_>>(),
        &each.map(|doubt| doubt.noted_at).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}
