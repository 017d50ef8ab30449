//! Yields of the Treasury and the rates of a day, as published.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

/// How long money is lent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Tenor {
    /// The federal funds rate of a day.
    FedFunds,
    /// The secured rate of a day.
    Sofr,
    OneMonth,
    ThreeMonths,
    SixMonths,
    OneYear,
    TwoYears,
    ThreeYears,
    FiveYears,
    SevenYears,
    TenYears,
    TwentyYears,
    ThirtyYears,
}

impl Tenor {
    /// All of them, by length.
    pub const ALL: [Self; 13] = [
        Self::FedFunds,
        Self::Sofr,
        Self::OneMonth,
        Self::ThreeMonths,
        Self::SixMonths,
        Self::OneYear,
        Self::TwoYears,
        Self::ThreeYears,
        Self::FiveYears,
        Self::SevenYears,
        Self::TenYears,
        Self::TwentyYears,
        Self::ThirtyYears,
    ];

    /// Years to maturity; what is lent for a day counts as no time.
    pub fn years(self) -> f64 {
        match self {
            Self::FedFunds | Self::Sofr => 0.0,
            Self::OneMonth => 1.0 / 12.0,
            Self::ThreeMonths => 0.25,
            Self::SixMonths => 0.5,
            Self::OneYear => 1.0,
            Self::TwoYears => 2.0,
            Self::ThreeYears => 3.0,
            Self::FiveYears => 5.0,
            Self::SevenYears => 7.0,
            Self::TenYears => 10.0,
            Self::TwentyYears => 20.0,
            Self::ThirtyYears => 30.0,
        }
    }

    /// The points of the Treasury's curve, by length: without the rates of a day, which are
    /// quoted otherwise and are not the Treasury's.
    pub fn terms() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|tenor| tenor.years() > 0.0)
    }
}

impl fmt::Display for Tenor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FedFunds => "federal funds",
            Self::Sofr => "SOFR",
            Self::OneMonth => "1 month",
            Self::ThreeMonths => "3 months",
            Self::SixMonths => "6 months",
            Self::OneYear => "1 year",
            Self::TwoYears => "2 years",
            Self::ThreeYears => "3 years",
            Self::FiveYears => "5 years",
            Self::SevenYears => "7 years",
            Self::TenYears => "10 years",
            Self::TwentyYears => "20 years",
            Self::ThirtyYears => "30 years",
        })
    }
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum YieldSource {
    /// As published.
    Fred,
    /// A file somebody loaded.
    Import,
    /// Simulated: nobody ever lent at it.
    Synthetic,
}

/// The yield of a tenor on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yield {
    pub tenor: Tenor,
    pub date: NaiveDate,
    /// A fraction a year, bond-equivalent.
    pub rate: Decimal,
    pub source: YieldSource,
}
