//! The trading calendar.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use crate::domain::calendar;
use crate::graphql::scalar::Date;

/// A day at the New York Stock Exchange.
#[derive(SimpleObject)]
pub struct TradingDay {
    /// The day in New York.
    date: Date,
    /// Whether it is a session.
    is_open: bool,
    /// When trading starts; null for a day without a session.
    open: Option<DateTime<Utc>>,
    /// When trading ends; null for a day without a session.
    close: Option<DateTime<Utc>>,
    /// Whether the session ends before 16:00.
    is_early_close: bool,
    /// Why a weekday has no session; null for sessions and weekends.
    holiday: Option<String>,
}

impl From<calendar::TradingDay> for TradingDay {
    fn from(day: calendar::TradingDay) -> Self {
        Self {
            date: day.date.into(),
            is_open: day.is_open(),
            open: day.open,
            close: day.close,
            is_early_close: day.is_early_close,
            holiday: day.holiday,
        }
    }
}
