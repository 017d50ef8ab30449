//! Headed tables of cells, and the charts that are drawn of them.

use std::borrow::Cow;

use chrono::NaiveDate;
use rust_decimal::prelude::FromPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// What a number is of, which says how it is rounded and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// In the currency of the book, to the cent.
    Money,
    /// Per share, to a hundredth of a cent.
    Price,
    /// As it is.
    Exact,
    /// A fraction, to a hundredth of a percent; shown times a hundred.
    Percent,
    /// A fraction as it is, to twelve decimals: for programs.
    Share,
    /// Betas and ratios, to a thousandth.
    Ratio,
    /// To a ten-thousandth.
    Greek,
    /// Whole.
    Count,
}

impl Unit {
    /// Decimals that are kept; None for all of them.
    fn decimals(self) -> Option<u32> {
        match self {
            Self::Money => Some(2),
            Self::Price | Self::Percent | Self::Greek => Some(4),
            Self::Ratio => Some(3),
            Self::Share => Some(12),
            Self::Count => Some(0),
            Self::Exact => None,
        }
    }

    /// As it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Money => "MONEY",
            Self::Price => "PRICE",
            Self::Exact => "EXACT",
            Self::Percent => "FRACTION",
            Self::Share => "SHARE",
            Self::Ratio => "RATIO",
            Self::Greek => "GREEK",
            Self::Count => "COUNT",
        }
    }
}

/// A number as every format carries it: rounded here, once, and by none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub value: Decimal,
    pub unit: Unit,
}

impl Number {
    pub fn new(value: Decimal, unit: Unit) -> Self {
        let value = match unit.decimals() {
            Some(decimals) => {
                value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
            }
            None => value,
        };
        Self { value: value.normalize(), unit }
    }

    /// None for what is no number.
    pub fn of_float(value: f64, unit: Unit) -> Option<Self> {
        Decimal::from_f64(value).map(|value| Self::new(value, unit))
    }

    /// The float nearest to it, for formats and pictures that have no decimals; what has none is
    /// drawn and written as what is missing.
    pub fn as_f64(self) -> Option<f64> {
        self.value.to_string().parse().ok()
    }

    /// As people read it: 1,234.50, 12.34%, 1.250.
    pub fn shown(self) -> String {
        match self.unit {
            Unit::Money => grouped(self.value, 2),
            Unit::Price => grouped(self.value, self.value.scale().max(2)),
            Unit::Exact | Unit::Share => grouped(self.value, self.value.scale()),
            Unit::Percent => format!("{}%", grouped(self.value * Decimal::ONE_HUNDRED, 2)),
            Unit::Ratio => grouped(self.value, 3),
            Unit::Greek => grouped(self.value, 4),
            Unit::Count => grouped(self.value, 0),
        }
    }
}

/// A number with its thousands apart.
fn grouped(value: Decimal, decimals: u32) -> String {
    let plain = format!("{:.*}", usize::try_from(decimals).unwrap_or(0), value.abs());
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut shown = String::with_capacity(plain.len() + 8);
    if value.is_sign_negative() && !value.is_zero() {
        shown.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            shown.push(',');
        }
        shown.push(digit);
    }
    if !fraction.is_empty() {
        shown.push('.');
        shown.push_str(fraction);
    }
    shown
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// There is no figure: never the same as zero.
    None,
    Text(String),
    Date(NaiveDate),
    Number(Number),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn decimal(value: impl Into<Option<Decimal>>, unit: Unit) -> Self {
        value.into().map_or(Self::None, |value| Self::Number(Number::new(value, unit)))
    }

    pub fn float(value: impl Into<Option<f64>>, unit: Unit) -> Self {
        value
            .into()
            .and_then(|value| Number::of_float(value, unit))
            .map_or(Self::None, Self::Number)
    }

    pub fn count(value: usize) -> Self {
        Self::decimal(Decimal::from_usize(value), Unit::Count)
    }

    pub fn number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// As people read it; what is missing says so.
    pub fn shown(&self) -> String {
        match self {
            Self::None => MISSING.into(),
            Self::Text(text) => text.clone(),
            Self::Date(date) => date.to_string(),
            Self::Number(number) => number.shown(),
        }
    }
}

/// Shown where a figure is unavailable.
pub const MISSING: &str = "n/a";

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// For machines, in `snake_case`.
    pub key: Cow<'static, str>,
    /// For people.
    pub label: Cow<'static, str>,
    /// Whether what is in it reads from the left.
    pub is_text: bool,
    /// Whether a page has room for it; else only files of columns have it.
    pub is_printed: bool,
}

impl Column {
    pub const fn text(key: &'static str, label: &'static str) -> Self {
        let (key, label) = (Cow::Borrowed(key), Cow::Borrowed(label));
        Self { key, label, is_text: true, is_printed: true }
    }

    pub const fn number(key: &'static str, label: &'static str) -> Self {
        let (key, label) = (Cow::Borrowed(key), Cow::Borrowed(label));
        Self { key, label, is_text: false, is_printed: true }
    }

    /// Of numbers, under a name that is not known before.
    pub fn named(name: &str) -> Self {
        let name: Cow<'static, str> = Cow::Owned(name.to_owned());
        Self { key: name.clone(), label: name, is_text: false, is_printed: true }
    }

    /// For files of columns alone.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.is_printed = false;
        self
    }
}

/// Rows under a head; each row as wide as the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub key: &'static str,
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    pub total: Option<Vec<Cell>>,
    pub charts: Vec<Chart>,
    /// Whether a page shows its charts instead of its rows.
    pub is_drawn_only: bool,
}

impl Table {
    pub fn new(key: &'static str, title: impl Into<String>, columns: Vec<Column>) -> Self {
        let (rows, charts) = (Vec::new(), Vec::new());
        let title = title.into();
        Self { key, title, columns, rows, total: None, charts, is_drawn_only: false }
    }

    /// The columns that a page has room for, by place.
    pub fn printed(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|place| self.columns[*place].is_printed).collect()
    }
}

/// A picture of some columns of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    pub title: String,
    pub kind: ChartKind,
    /// The column that names what is drawn: dates of a line, names of bars.
    pub names: usize,
    /// The columns drawn, by place.
    pub values: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Over time.
    Line,
    /// Over time, filled up to zero.
    Area,
    /// From zero to either side, one under the other.
    Bars,
    /// A matrix from -1 to 1.
    Heat,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str, unit: Unit) -> String {
        Number::new(value.parse().unwrap(), unit).shown()
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(shown("-1234567.895", Unit::Money), "-1,234,567.90");
        assert_eq!(shown("999", Unit::Money), "999.00");
        assert_eq!(shown("0.12345", Unit::Percent), "12.35%");
        assert_eq!(shown("-0.00001", Unit::Percent), "0.00%");
        assert_eq!(shown("12.5", Unit::Price), "12.50");
        assert_eq!(shown("12.34567", Unit::Price), "12.3457");
        assert_eq!(shown("1000.125", Unit::Exact), "1,000.125");
        assert_eq!(shown("12", Unit::Count), "12");
    }

    #[test]
    fn what_is_shown_says_the_value_exactly() {
        for text in ["-0.125", "0.00005", "1.23456789", "-98765.4321"] {
            let number = Number::new(text.parse().unwrap(), Unit::Percent);
            let read: Decimal =
                number.shown().trim_end_matches('%').replace(',', "").parse().unwrap();
            assert_eq!(read / Decimal::ONE_HUNDRED, number.value);
        }
    }

    #[test]
    fn a_number_is_the_float_that_is_written_so() {
        for text in ["-0.125", "0.1", "79228162514264337593543950335"] {
            let number = Number::new(text.parse().unwrap(), Unit::Exact);
            assert_eq!(number.as_f64(), text.parse().ok());
        }
        // Divided, it would be the one beside it.
        let vega = Number::new("-4474.679649192".parse().unwrap(), Unit::Share);
        assert_eq!(vega.as_f64(), Some(-4_474.679_649_192));
    }

    #[test]
    fn what_is_no_number_is_missing() {
        assert_eq!(Cell::float(f64::NAN, Unit::Ratio), Cell::None);
        assert_eq!(Cell::float(f64::INFINITY, Unit::Ratio).shown(), MISSING);
    }
}
