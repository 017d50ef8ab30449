//! What a cell of an uploaded file may hold: symbols, numbers, prices and dates.
//!
//! Cells come trimmed. Each function gives the first thing that is wrong, in the order the rules
//! name. Numbers are exact: one that would have to be rounded to be stored is refused instead.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Fault, UploadErrorCode};
use crate::domain::instrument::{Symbol, SymbolError, is_price_symbol};

/// Largest quantity or price, either way: a thousand million.
pub const MAX_NUMBER: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// Digits after the point that the database keeps.
const MAX_DECIMALS: usize = 10;

/// Whether a spreadsheet would take a text for a formula and run it.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@'])
}

/// Refuses text that a spreadsheet would run.
///
/// # Errors
/// `FORMULA_INJECTION`.
pub fn no_formula(cell: &str) -> Result<(), Fault> {
    if is_formula(cell) {
        return Err(Fault::new(
            UploadErrorCode::FormulaInjection,
            "Text must not start with =, +, - or @, which spreadsheets run as a formula.",
        ));
    }
    Ok(())
}

/// A ticker or an option symbol.
///
/// # Errors
/// `REQUIRED`, `FORMULA_INJECTION`, `INVALID_OPTION_SYMBOL`, `INVALID_TICKER`.
pub fn symbol(cell: &str) -> Result<Symbol, Fault> {
    required(cell)?;
    no_formula(cell)?;
    Symbol::parse(cell).map_err(|error| {
        let code = match error {
            SymbolError::Ticker => UploadErrorCode::InvalidTicker,
            SymbolError::Option(_) => UploadErrorCode::InvalidOptionSymbol,
        };
        Fault::new(code, error.to_string())
    })
}

/// A symbol as prices are stored under it: a ticker, a compact option symbol, or an index such
/// as ^GSPC.
///
/// # Errors
/// As [`symbol`].
pub fn price_symbol(cell: &str) -> Result<String, Fault> {
    if cell.starts_with('^') {
        let index = cell.to_ascii_uppercase();
        if is_price_symbol(&index) {
            return Ok(index);
        }
    }
    symbol(cell).map(|symbol| symbol.canonical())
}

/// A plain number, at most `limit` either way.
///
/// # Errors
/// `REQUIRED`; `NUMBER_FORMAT` for one in a form for people, `INVALID_NUMBER` for what is none;
/// `OUT_OF_RANGE` for one too large, or with more than ten decimal places.
pub fn number(cell: &str, limit: Decimal) -> Result<Decimal, Fault> {
    required(cell)?;
    if !is_plain_number(cell) {
        return Err(if is_plain_number(&undecorated(cell)) {
            Fault::new(UploadErrorCode::NumberFormat, "The number is written for people.")
                .with_hint(
                    "Use digits, a point and a minus sign alone: 1234.5, not $1,234.50 or (5).",
                )
        } else {
            Fault::new(UploadErrorCode::InvalidNumber, "This is not a number.")
                .with_hint("Use digits, a point and a minus sign alone.")
        });
    }

    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
    let fraction = fraction.trim_end_matches('0');
    let significant =
        if fraction.is_empty() { whole } else { &cell[..whole.len() + 1 + fraction.len()] };
    if fraction.len() > MAX_DECIMALS {
        return Err(Fault::new(
            UploadErrorCode::OutOfRange,
            format!("The number has more than {MAX_DECIMALS} decimal places."),
        )
        .with_hint("Round it: it is stored exactly as given, or not at all."));
    }
    // With so few decimals, what does not fit a Decimal is larger than any limit.
    Decimal::from_str_exact(significant).ok().filter(|number| number.abs() <= limit).ok_or_else(
        || {
            Fault::new(
                UploadErrorCode::OutOfRange,
                format!("The number is beyond {limit}, the largest accepted."),
            )
        },
    )
}

/// A number above zero.
///
/// # Errors
/// As [`number`], then `NON_POSITIVE_PRICE`.
pub fn price(cell: &str) -> Result<Decimal, Fault> {
    let price = number(cell, MAX_NUMBER)?;
    if price > Decimal::ZERO {
        Ok(price)
    } else {
        Err(Fault::new(UploadErrorCode::NonPositivePrice, "A price must be above zero."))
    }
}

/// A day up to `today`, written as 2024-01-15.
///
/// # Errors
/// `REQUIRED`, `INVALID_DATE`, `FUTURE_DATE`.
pub fn past_date(cell: &str, today: NaiveDate) -> Result<NaiveDate, Fault> {
    required(cell)?;
    let Some(date) = iso_date(cell) else {
        return Err(Fault::new(UploadErrorCode::InvalidDate, "This is not a day of the calendar.")
            .with_hint("Write dates as year-month-day: 2024-01-15."));
    };
    if date > today {
        return Err(Fault::new(UploadErrorCode::FutureDate, format!("The date is after {today}.")));
    }
    Ok(date)
}

fn required(cell: &str) -> Result<(), Fault> {
    if cell.is_empty() {
        return Err(Fault::new(UploadErrorCode::Required, "This cell must not be empty."));
    }
    Ok(())
}

/// Digits with an optional sign before and an optional fraction behind; no exponent.
fn is_plain_number(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(unsigned),
    }
}

/// A number without what people put around it: currency signs, separators, parentheses.
fn undecorated(cell: &str) -> String {
    let is_decoration =
        |character: char| matches!(character, '$' | '€' | '£' | ',') || character.is_whitespace();
    let bare: String = cell.chars().filter(|character| !is_decoration(*character)).collect();
    match bare.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(enclosed) => enclosed.to_owned(),
        None => bare,
    }
}

/// A day of the years 1 to 9999 in the one form accepted.
fn iso_date(text: &str) -> Option<NaiveDate> {
    let is_shaped = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_shaped {
        return None;
    }
    // All ASCII, so no cut is inside a character.
    let year = text[..4].parse().ok().filter(|year| *year >= 1)?;
    NaiveDate::from_ymd_opt(year, text[5..7].parse().ok()?, text[8..].parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: std::fmt::Debug>(judged: Result<T, Fault>) -> &'static str {
        judged.expect_err("a fault").code.code()
    }

    #[test]
    fn a_number_is_kept_exactly_or_refused() {
        let exact = |cell| number(cell, MAX_NUMBER).unwrap().to_string();
        assert_eq!(exact("-0.3333333333"), "-0.3333333333");
        assert_eq!(exact("+0012.3400000000000000000000000000000000"), "12.34");
        assert_eq!(exact("1000000000"), "1000000000");

        let digits = "9".repeat(5_000);
        for cell in ["0.33333333333", "1000000000.0000000001", "-1000000001", digits.as_str()] {
            assert_eq!(code(number(cell, MAX_NUMBER)), "OUT_OF_RANGE", "{cell}");
        }
    }

    #[test]
    fn a_number_written_for_people_is_told_from_what_is_none() {
        for cell in ["$1,234.50", "(100)", "$(5)", "( 5 )", "1\u{a0}000", "-€5"] {
            assert_eq!(code(number(cell, MAX_NUMBER)), "NUMBER_FORMAT", "{cell}");
        }
        for cell in ["", "$", "()", "((5))", "1e3", ".5", "5.", "1_000", "٣", "−5"] {
            let expected = if cell.is_empty() { "REQUIRED" } else { "INVALID_NUMBER" };
            assert_eq!(code(number(cell, MAX_NUMBER)), expected, "{cell}");
        }
    }

    #[test]
    fn a_price_out_of_range_is_not_also_negative() {
        assert_eq!(code(price("-1000000001")), "OUT_OF_RANGE");
        assert_eq!(code(price("-1")), "NON_POSITIVE_PRICE");
        assert_eq!(code(price("0.00")), "NON_POSITIVE_PRICE");
    }

    #[test]
    fn a_date_has_one_form_and_is_not_ahead() {
        let today = NaiveDate::from_ymd_opt(2024, 6, 28).unwrap();
        assert_eq!(past_date("2024-06-28", today), Ok(today));
        assert_eq!(code(past_date("2024-06-29", today)), "FUTURE_DATE");
        for cell in ["0000-01-01", "2023-02-29", "2024-1-005", "+024-01-01", "2024-01-1５"] {
            assert_eq!(code(past_date(cell, today)), "INVALID_DATE", "{cell}");
        }
    }

    #[test]
    fn prices_may_belong_to_an_index_but_positions_may_not() {
        assert_eq!(price_symbol("^gspc").as_deref(), Ok("^GSPC"));
        assert_eq!(price_symbol("brk.b").as_deref(), Ok("BRK.B"));
        assert_eq!(code(price_symbol("^")), "INVALID_TICKER");
        assert_eq!(code(symbol("^GSPC")), "INVALID_TICKER");
        assert_eq!(code(price_symbol("=A1")), "FORMULA_INJECTION");
    }
}
