//! How often what statistics are computed from has changed.

use sqlx::PgExecutor;

use crate::domain::id::InstrumentId;

/// Of the bars and actions of some instruments; one that never had any is absent. No order.
pub async fn of_instruments(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
) -> sqlx::Result<Vec<(InstrumentId, i64)>> {
    sqlx::query!(
        r#"
        select instrument_id as "instrument_id: InstrumentId", revision
          from price_revisions
         where instrument_id = any($1)
        "#,
        instruments as &[InstrumentId],
    )
    .map(|row| (row.instrument_id, row.revision))
    .fetch_all(db)
    .await
}

/// Of all yields.
pub async fn of_yields(db: impl PgExecutor<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar!("select revision from yield_revision").fetch_one(db).await
}
