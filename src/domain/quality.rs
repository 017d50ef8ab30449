//! How far a figure can be trusted, and what it speaks for.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The grade of a computed figure, from the best to the worst.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Quality {
    /// Every input is observed and current.
    Full,
    /// Simulated or modelled inputs took part.
    Estimated,
    /// Some inputs are older than the date asked for.
    Stale,
    /// Some positions had to be left out.
    Limited,
    /// Nothing could be computed: the figures are null and a warning says why.
    Insufficient,
}

impl Quality {
    /// As it travels.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Estimated => "ESTIMATED",
            Self::Stale => "STALE",
            Self::Limited => "LIMITED",
            Self::Insufficient => "INSUFFICIENT",
        }
    }
}

/// What an aggregate speaks for. Exposures are absolute sums in the portfolio's currency; what
/// is left out for want of a price is measured at its cost, the only figure known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    pub included_positions: usize,
    pub excluded_positions: usize,
    pub included_exposure: Decimal,
    pub excluded_exposure: Decimal,
}
