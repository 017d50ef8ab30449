//! Positions: what a holding is called once its instrument and the sign of its quantity are known.
//!
//! A quantity is stored positive; the type carries the sign. Values in money of a position
//! (market value, exposure, profit) are made where its price is known, not here.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::action::Ratio;
use super::id::{PortfolioId, PositionId};
use super::instrument::{Instrument, OPTION_MULTIPLIER, OptionKind};

/// Which way a position is held, and whether it is shares or option contracts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PositionType {
    /// Shares owned.
    Long,
    /// Shares owed.
    Short,
    /// Calls bought.
    Lc,
    /// Puts bought.
    Lp,
    /// Calls written.
    Sc,
    /// Puts written.
    Sp,
}

impl PositionType {
    /// Every type, in the order they are listed to people.
    pub const ALL: [Self; 6] = [Self::Long, Self::Short, Self::Lc, Self::Lp, Self::Sc, Self::Sp];

    /// The type that follows from an instrument and the sign of a quantity; `None` is no option.
    pub const fn of(kind: Option<OptionKind>, is_positive: bool) -> Self {
        match (kind, is_positive) {
            (None, true) => Self::Long,
            (None, false) => Self::Short,
            (Some(OptionKind::Call), true) => Self::Lc,
            (Some(OptionKind::Call), false) => Self::Sc,
            (Some(OptionKind::Put), true) => Self::Lp,
            (Some(OptionKind::Put), false) => Self::Sp,
        }
    }

    /// 1 for what is owned, −1 for what is owed: times a quantity, the signed quantity.
    pub const fn sign(self) -> Decimal {
        if self.is_long() { Decimal::ONE } else { Decimal::NEGATIVE_ONE }
    }

    /// Whether the instrument is owned. A put bought is long, though it gains when prices fall.
    pub const fn is_long(self) -> bool {
        matches!(self, Self::Long | Self::Lc | Self::Lp)
    }

    /// Whether the quantity counts option contracts.
    pub const fn is_option(self) -> bool {
        !matches!(self, Self::Long | Self::Short)
    }

    /// Units of the underlying in one unit of quantity: 100 for an option contract, else 1.
    pub const fn multiplier(self) -> i32 {
        if self.is_option() { OPTION_MULTIPLIER } else { 1 }
    }

    /// The name used in files, in the database and by the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Long => "LONG",
            Self::Short => "SHORT",
            Self::Lc => "LC",
            Self::Lp => "LP",
            Self::Sc => "SC",
            Self::Sp => "SP",
        }
    }
}

impl fmt::Display for PositionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A holding of one instrument.
#[derive(Clone, Debug)]
pub struct Position {
    pub id: PositionId,
    pub portfolio_id: PortfolioId,
    pub instrument: Arc<Instrument>,
    pub position_type: PositionType,
    /// Always positive: the direction is in the type.
    pub quantity: Decimal,
    /// Per share; the premium per share of an option.
    pub entry_price: Decimal,
    pub entry_date: NaiveDate,
    /// Per share as the shares were on the day of the exit.
    pub exit_price: Option<Decimal>,
    pub exit_date: Option<NaiveDate>,
    pub notes: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Position {
    /// Units owned, below zero for units owed.
    pub fn signed_quantity(&self) -> Decimal {
        self.quantity * self.position_type.sign()
    }

    /// The same holding in the shares, or the contract, that splits have made of it. What it cost
    /// and what it was sold for, on the day of its exit, stay.
    #[must_use]
    pub fn through(&self, ratio: Ratio, instrument: Arc<Instrument>) -> Self {
        Self {
            instrument,
            quantity: ratio.quantity(self.quantity),
            entry_price: ratio.price(self.entry_price),
            ..self.clone()
        }
    }

    /// Whether it is held at the end of a day.
    pub fn is_open_at(&self, day: NaiveDate) -> bool {
        self.entry_date <= day && self.exit_date.is_none_or(|exit| exit > day)
    }
}

/// A text that names no position type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position type is one of LONG, SHORT, LC, LP, SC and SP")]
pub struct UnknownPositionType;

impl FromStr for PositionType {
    type Err = UnknownPositionType;

    /// Reads a code, whatever its case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.code().eq_ignore_ascii_case(text))
            .ok_or(UnknownPositionType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_follows_from_the_instrument_and_the_sign() {
        let derived = [None, Some(OptionKind::Call), Some(OptionKind::Put)]
            .map(|kind| [PositionType::of(kind, true), PositionType::of(kind, false)]);

        assert_eq!(derived[0], [PositionType::Long, PositionType::Short]);
        assert_eq!(derived[1], [PositionType::Lc, PositionType::Sc]);
        assert_eq!(derived[2], [PositionType::Lp, PositionType::Sp]);
    }

    #[test]
    fn the_sign_given_is_the_sign_kept() {
        for kind in [None, Some(OptionKind::Call), Some(OptionKind::Put)] {
            assert_eq!(PositionType::of(kind, true).sign(), Decimal::ONE);
            assert_eq!(PositionType::of(kind, false).sign(), Decimal::NEGATIVE_ONE);
        }
    }

    #[test]
    fn only_contracts_are_multiplied() {
        let multipliers = PositionType::ALL.map(PositionType::multiplier);
        assert_eq!(multipliers, [1, 1, 100, 100, 100, 100]);
    }

    #[test]
    fn a_code_is_read_back_whatever_its_case() {
        for kind in PositionType::ALL {
            assert_eq!(kind.code().parse(), Ok(kind));
            assert_eq!(kind.code().to_lowercase().parse(), Ok(kind));
        }
        assert_eq!("BUY".parse::<PositionType>(), Err(UnknownPositionType));
    }
}
