//! Daily bars as traded, and the price a position is valued at.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::action::Adjustment;
use super::calendar::Calendar;
use super::id::InstrumentId;

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceSource {
    Polygon,
    Yahoo,
    /// A file somebody loaded.
    Import,
    /// Simulated: no market ever traded at it.
    Synthetic,
    /// Computed from other prices for one answer; never stored.
    Model,
    /// Somebody's own word, of a trade they try; never stored.
    Manual,
}

impl PriceSource {
    /// As it travels.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Polygon => "POLYGON",
            Self::Yahoo => "YAHOO",
            Self::Import => "IMPORT",
            Self::Synthetic => "SYNTHETIC",
            Self::Model => "MODEL",
            Self::Manual => "MANUAL",
        }
    }

    /// Whether a market said so.
    pub fn is_observed(self) -> bool {
        !matches!(self, Self::Synthetic | Self::Model | Self::Manual)
    }
}

/// One session of one instrument, exactly as traded.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub instrument_id: InstrumentId,
    pub date: NaiveDate,
    pub open: Option<Decimal>,
    pub high: Option<Decimal>,
    pub low: Option<Decimal>,
    pub close: Decimal,
    pub volume: Option<Decimal>,
    /// Adjusted over raw close, where the source gave both.
    pub adjustment: Option<Decimal>,
    pub source: PriceSource,
}

impl Bar {
    /// The close on the scale of the newest bar: comparable over splits, and over dividends as if
    /// each had been put back in.
    ///
    /// Where any action of the instrument is known its actions decide, for one bar as for all, and
    /// each can be corrected. The bar's own adjustment only stands in for them: it is of the day
    /// its file was made and knows of nothing since, so the two never go into one series.
    pub fn adjusted_close(&self, actions: Option<&[Adjustment]>) -> Decimal {
        let adjusted = match actions {
            Some(actions) => actions
                .iter()
                .filter(|action| self.date < action.effective_date)
                .try_fold(self.close, |close, action| close.checked_mul(action.factor)),
            None => self.adjustment.and_then(|adjustment| self.close.checked_mul(adjustment)),
        };
        adjusted.map_or(self.close, |adjusted| adjusted.round_dp(10).normalize())
    }
}

/// For how many sessions a close is carried before it is stale.
pub const MAX_CARRIED_SESSIONS: u32 = 3;

/// How far the newest close known is from the session it stands for. Why there is no newer one,
/// such as a halt, is for who knows to say, and never guessed from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// It is of that session.
    LiveClose,
    /// It is of one of the [`MAX_CARRIED_SESSIONS`] before.
    Carried,
    /// It is older.
    Stale,
    /// There is none.
    Missing,
}

impl Staleness {
    /// Of the newest close at or before the horizon's session.
    pub fn of(quote: Option<&Quote>, horizon: &Horizon) -> Self {
        match quote {
            None => Self::Missing,
            Some(quote) if quote.date >= horizon.as_of => Self::LiveClose,
            Some(quote) if quote.date >= horizon.carried_from => Self::Carried,
            Some(_) => Self::Stale,
        }
    }
}

/// The dates whose closes a valuation needs: its own, and where each period's profit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Horizon {
    /// The session whose close values.
    pub as_of: NaiveDate,
    /// The last day whose entries and exits count: the session, or today when it is about now,
    /// so that what was entered since the last close is there at that close's price.
    pub held_by: NaiveDate,
    /// The session before it.
    pub previous: NaiveDate,
    /// The earliest session whose close still stands in for that of `as_of` unremarkably.
    pub carried_from: NaiveDate,
    /// Last session of the month before.
    pub month_base: NaiveDate,
    /// Last session of the year before.
    pub year_base: NaiveDate,
    /// Positions are as they were known then; None for as they are.
    pub known_at: Option<DateTime<Utc>>,
}

impl Horizon {
    /// The dates a valuation of a session needs.
    pub fn of(session: NaiveDate, held_by: NaiveDate, calendar: &Calendar) -> Self {
        let month = session.with_day(1).unwrap_or(session);
        let year = month.with_month(1).unwrap_or(month);
        Self {
            as_of: session,
            held_by,
            previous: calendar.previous_session(session),
            carried_from: calendar.sessions_before(session, MAX_CARRIED_SESSIONS),
            month_base: calendar.previous_session(month),
            year_base: calendar.previous_session(year),
            known_at: None,
        }
    }
}

/// What is known of an instrument's price at a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// The newest close at or before the session.
    pub price: Decimal,
    /// Its session; earlier than asked when stale.
    pub date: NaiveDate,
    pub source: PriceSource,
    pub volume: Option<Decimal>,
    /// Close of exactly the session before; None when that bar is missing.
    pub previous: Option<Decimal>,
    /// Close of exactly the last session of the month before.
    pub month_base: Option<Decimal>,
    /// Close of exactly the last session of the year before.
    pub year_base: Option<Decimal>,
}

impl Quote {
    /// Price minus the close of the session before; None when that is missing or the price is
    /// older than the session.
    pub fn change(&self, horizon: &Horizon) -> Option<Decimal> {
        let previous = self.previous.filter(|_| self.date == horizon.as_of)?;
        self.price.checked_sub(previous)
    }

    /// The change as a fraction of the close before it.
    pub fn change_ratio(&self, horizon: &Horizon) -> Option<f64> {
        self.change(horizon)?.checked_div(self.previous?)?.to_f64()
    }
}
