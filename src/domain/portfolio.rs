//! A portfolio: positions held together and valued in one currency.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::types::Json;

use super::id::{PortfolioId, UserId};
use super::result::LatestKind;

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
    pub cash_moves: CashMoves,
    pub latest: Latest,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// By how much the cash of a portfolio moved on each day that it did.
#[derive(Clone, Debug, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct CashMoves(Json<Vec<(NaiveDate, Decimal)>>);

/// Of which sessions and books the newest results are kept; of kinds that only a newer release
/// knows, too.
#[derive(Clone, Debug, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct Latest(Json<Vec<(String, NaiveDate, i64)>>);

impl Latest {
    /// The digest of the book that those of a session are of.
    pub fn book(&self, kind: LatestKind, date: NaiveDate) -> Option<i64> {
        let is_it = |own: &str, of| (own, of) == (kind.code(), date);
        let found = self.0.iter().find(|(own, of, _)| is_it(own, *of));
        found.map(|(_, _, book)| *book)
    }
}

/// Most portfolios of one person.
pub const MAX_PORTFOLIOS: i64 = 200;

impl Portfolio {
    /// Its cash at the end of a day: what it is now less what has moved it since.
    pub fn cash_at(&self, day: NaiveDate) -> Decimal {
        let since = self.cash_moves.0.iter().filter(|(date, _)| *date > day);
        since.fold(self.cash_balance, |cash, (_, amount)| cash.saturating_sub(*amount))
    }
}

/// Most characters of a portfolio's name.
pub const MAX_NAME_CHARACTERS: usize = 100;
/// Most characters of its description.
pub const MAX_DESCRIPTION_CHARACTERS: usize = 2_000;
