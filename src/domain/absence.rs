//! Prices that were asked for in vain.

use chrono::{DateTime, NaiveDate, Utc};

use super::id::InstrumentId;

/// Why there is no price. Nobody guesses: that a symbol was delisted is said only by who knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AbsenceReason {
    /// No session in the range.
    Holiday,
    /// A known symbol without a trade in the range.
    NoTrade,
    /// The providers do not reach back so far.
    RangeTooOld,
    /// The providers would not say for now.
    RateLimited,
    /// The providers could not be asked for now.
    Unavailable,
    /// They have nothing, and do not say why.
    Unknown,
}

impl AbsenceReason {
    /// Whether the same question may be answered soon.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }
}

/// Sessions of an instrument that were asked for together and in vain.
#[derive(Clone, Debug)]
pub struct Absence {
    pub instrument_id: InstrumentId,
    /// The first and the last of them. Those between that have a bar are not meant.
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub reason: AbsenceReason,
    /// What the providers said.
    pub said: String,
    pub asked_at: DateTime<Utc>,
}
