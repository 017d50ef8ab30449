//! Closings that no rule foresees.

use chrono::{NaiveDate, NaiveTime};
use sqlx::PgExecutor;

/// A closing as it was announced.
pub struct Row {
    pub date: NaiveDate,
    pub name: String,
    /// New York time of an early close; None for a day without a session.
    pub closes_at: Option<NaiveTime>,
}

/// All closings, by date.
pub async fn closings(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(Row, "select date, name, closes_at from calendar_closings order by date")
        .fetch_all(db)
        .await
}
