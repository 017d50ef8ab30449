//! Decimal and Date as they travel.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::NaiveDate;

/// An exact decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub rust_decimal::Decimal);

/// An exact decimal number, written as a string without trailing zeros, such as `"1234.56"`.
/// Money is in the portfolio's currency unless the field says otherwise. What comes of a division
/// that does not end is rounded to 24 digits. As input a string or a number; at most 28 digits.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = match &value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return Err(InputValueError::expected_type(value)),
        };
        rust_decimal::Decimal::from_str_exact(&text)
            .or_else(|_| {
                // A JSON number may come with an exponent.
                rust_decimal::Decimal::from_scientific(&text)
            })
            .map(Self)
            .map_err(|_| {
                InputValueError::custom("A Decimal is a number of at most 28 digits, as \"12.5\".")
            })
    }

    fn to_value(&self) -> Value {
        Value::String(told(self.0).normalize().to_string())
    }
}

/// A number without the digits that rounding has left at its end: three times a third of 10000
/// would be 9999.999999999999999999999999 otherwise. A quotient that does not end, as of a price
/// and a split of three for one, and what is made of it, fills all 28 digits or has more of them
/// behind the point than any product of a quantity and a price.
fn told(number: rust_decimal::Decimal) -> rust_decimal::Decimal {
    const FULL: u128 = 10_u128.pow(27);
    const PRODUCT_SCALE: u32 = 20;
    const SURE_DIGITS: u32 = 24;
    const SURE_SCALE: u32 = 18;
    let is_quotient = number.mantissa().unsigned_abs() >= FULL || number.scale() > PRODUCT_SCALE;
    let sure = number.round_sf(SURE_DIGITS).filter(|_| is_quotient);
    sure.map_or(number, |sure| sure.round_dp(SURE_SCALE))
}

impl From<rust_decimal::Decimal> for Decimal {
    fn from(number: rust_decimal::Decimal) -> Self {
        Self(number)
    }
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub NaiveDate);

/// A day of the calendar in New York, as `YYYY-MM-DD`.
#[Scalar]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        // Ten characters: chrono alone would take `2026-1-5` and years of five digits.
        (text.len() == 10)
            .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| InputValueError::custom("A Date is a day that exists, as YYYY-MM-DD."))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(value: Value) -> Option<String> {
        Decimal::parse(value).ok().map(|decimal| match decimal.to_value() {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    #[test]
    fn a_decimal_is_exact_and_normalized() {
        assert_eq!(decimal("1234.5600".into()).as_deref(), Some("1234.56"));
        assert_eq!(decimal("-0.000".into()).as_deref(), Some("0"));
        assert_eq!(decimal(Value::from(0.1)).as_deref(), Some("0.1"));
        assert_eq!(decimal(Value::from(1_000)).as_deref(), Some("1000"));
        for bad in ["", "1e400", "NaN", "0x1", "1,000", "12345678901234567890123456789.1"] {
            assert_eq!(decimal(bad.into()), None, "{bad}");
        }
    }

    #[test]
    fn what_rounding_left_is_not_told() {
        let third = rust_decimal::Decimal::from(10_000) / rust_decimal::Decimal::from(3);
        let whole = third * rust_decimal::Decimal::from(3);
        assert_eq!(Decimal(whole).to_value(), Value::from("10000"));
        let exact = "12345678.12345678901234567";
        assert_eq!(decimal(exact.into()).as_deref(), Some(exact));
    }

    #[test]
    fn a_date_is_a_day_that_exists() {
        assert!(Date::parse("2024-02-29".into()).is_ok());
        for bad in ["2023-02-29", "2024-1-05", "20240105", "+2024-01-05", "12024-01-05"] {
            assert!(Date::parse(bad.into()).is_err(), "{bad}");
        }
    }
}
