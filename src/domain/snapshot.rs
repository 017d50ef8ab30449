//! What a book was worth at the close of a session.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sigmasight_analytics::exposure::Sensitivities;

use super::id::{PortfolioId, SnapshotId, UserId};
use super::quality::Quality;

/// Why a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SnapshotSource {
    /// By the nightly chain.
    Batch,
    /// Afterwards, from stored prices.
    Backfill,
    /// Because somebody asked.
    OnDemand,
}

/// A book at the close of a session; money in the portfolio's currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub owner_id: UserId,
    pub portfolio_id: PortfolioId,
    pub id: SnapshotId,
    pub date: NaiveDate,
    pub figures: Figures,
    pub source: SnapshotSource,
    pub created_at: DateTime<Utc>,
}

/// The figures of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Cash and the signed exposures together.
    pub total_value: Decimal,
    pub cash_balance: Decimal,
    pub long_exposure: Decimal,
    /// Zero or below.
    pub short_exposure: Decimal,
    pub notional: Decimal,
    pub delta_adjusted_net: Decimal,
    /// What came in since the session before without being earned; below zero went out.
    pub net_flow: Decimal,
    /// None when no position has one.
    pub daily_pnl: Option<Decimal>,
    /// Of everything there is or was, since its entry.
    pub cumulative_pnl: Decimal,
    /// The session's profit over what it was earned on, as a fraction.
    pub daily_return: Option<f64>,
    pub greeks: Option<Sensitivities>,
    pub long_count: i32,
    pub short_count: i32,
    pub position_count: i32,
    pub option_count: i32,
    pub quality: Quality,
}

impl Figures {
    pub fn gross_exposure(&self) -> Decimal {
        self.long_exposure.saturating_sub(self.short_exposure)
    }

    pub fn net_exposure(&self) -> Decimal {
        self.long_exposure.saturating_add(self.short_exposure)
    }
}
