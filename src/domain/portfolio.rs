//! A portfolio: positions held together and valued in one currency.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::id::{PortfolioId, UserId};

#[derive(Clone, Debug)]
pub struct Portfolio {
    pub owner_id: UserId,
    pub id: PortfolioId,
    /// Chosen by its owner; unique among theirs, whatever the case.
    pub name: String,
    pub description: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// Below zero is borrowed money.
    pub cash_balance: Decimal,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Most portfolios of one person.
pub const MAX_PORTFOLIOS: i64 = 200;

impl Portfolio {
    /// Its cash at the end of a day, from what has moved it on which days.
    pub fn cash_at(&self, day: NaiveDate, moved: &[(NaiveDate, Decimal)]) -> Decimal {
        let since = moved.iter().filter(|(date, _)| *date > day);
        since.fold(self.cash_balance, |cash, (_, amount)| cash.saturating_sub(*amount))
    }
}

/// Most characters of a portfolio's name.
pub const MAX_NAME_CHARACTERS: usize = 100;
/// Most characters of its description.
pub const MAX_DESCRIPTION_CHARACTERS: usize = 2_000;
