//! Prices from a CSV file: daily bars, one row a symbol and day.
//!
//! Pure: the day no bar may be after and the sessions are given, and storing is for others. A bar
//! of a day without a session is no close of anything that trades here, and its row is refused. The rules for the file
//! and its cells are those of any upload, in [`crate::domain::upload`]. Prices are above zero:
//! one day of negative oil futures is not worth a sign in everything that takes a logarithm.
//!
//! A file may know only adjusted closes. They are taken as closes then, with a warning: against
//! them, quantities and entry prices from before a split or dividend do not fit.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::calendar::Calendar;
use crate::domain::upload::cells;
use crate::domain::upload::sheet::{Layout, Record, Refusal, Sheet};
use crate::domain::upload::{
    Fault, Findings, RowError, RowWarning, UploadErrorCode, UploadWarningCode,
};

/// Largest file accepted: 64 MiB, twenty years of days for some two hundred symbols.
pub const MAX_BYTES: usize = 64 << 20;
/// Most rows in a file, blank ones aside.
pub const MAX_ROWS: usize = 1_000_000;
/// Most errors listed; the rows beyond are counted.
pub const MAX_LISTED_ERRORS: usize = 1_000;

/// Largest volume of a day, in shares or contracts: well beyond that of a whole exchange.
const MAX_VOLUME: Decimal = Decimal::from_parts(0xA4C6_8000, 0x0003_8D7E, 0, false, 0); // 10^15

static LAYOUT: Layout<8> = Layout {
    max_bytes: MAX_BYTES,
    max_rows: MAX_ROWS,
    columns: ["symbol", "date", "open", "high", "low", "close", "adjusted_close", "volume"],
    aliases: &[
        ("ticker", "symbol"),
        ("adj_close", "adjusted_close"),
        ("price", "close"),
        ("value", "close"),
    ],
    required: &["symbol", "date", "close"],
    stand_ins: &[("close", "adjusted_close")],
};

/// What a file of prices holds, and what its owner should know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceFile {
    /// In the order of the file; no two of the same symbol and day.
    pub bars: Vec<ImportedBar>,
    /// The first thousand; for a file refused as a whole, the reasons and nothing else.
    pub errors: Vec<RowError>,
    pub warnings: Vec<RowWarning>,
    /// Rows with at least one error, listed or not; 0 for a file refused as a whole.
    pub rejected_rows: usize,
}

/// The prices of one symbol on one day, in its currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedBar {
    /// Upper case, an option's in compact form, an index's as ^GSPC.
    pub symbol: String,
    pub date: NaiveDate,
    pub open: Option<Decimal>,
    /// Not below `low` where both are known.
    pub high: Option<Decimal>,
    pub low: Option<Decimal>,
    /// As traded; the adjusted one where the file has no other.
    pub close: Decimal,
    /// For splits and dividends since.
    pub adjusted_close: Option<Decimal>,
    /// Shares or contracts, not below zero.
    pub volume: Option<Decimal>,
}

/// Reads a file of prices up to `today`. A bad row never stops the good ones.
pub fn read_prices(bytes: &[u8], today: NaiveDate, calendar: &Calendar) -> PriceFile {
    read_bars(bytes, today, calendar)
        .unwrap_or_else(|refusal| PriceFile { errors: refusal, ..PriceFile::default() })
}

fn read_bars(bytes: &[u8], today: NaiveDate, calendar: &Calendar) -> Result<PriceFile, Refusal> {
    let (mut sheet, warnings) = Sheet::open(bytes, &LAYOUT)?;
    let mut file = PriceFile { warnings, ..PriceFile::default() };
    let has_close = sheet.header_of("close").is_some();
    if !has_close {
        file.warnings.extend(sheet.header_of("adjusted_close").map(adjusted_only));
    }

    let mut days_of: HashMap<String, HashSet<NaiveDate>> = HashMap::new();
    while let Some(record) = sheet.next_record()? {
        let judged = read_bar(&record, has_close, today, calendar).and_then(|bar| {
            // Most symbols are known already: asking first saves a copy of each.
            let is_new = match days_of.get_mut(&bar.symbol) {
                Some(days) => days.insert(bar.date),
                None => days_of.entry(bar.symbol.clone()).or_default().insert(bar.date),
            };
            if is_new { Ok(bar) } else { Err(repetition(&record)) }
        });
        match judged {
            Ok(bar) => file.bars.push(bar),
            Err(errors) => {
                file.rejected_rows += 1;
                let room = MAX_LISTED_ERRORS.saturating_sub(file.errors.len());
                file.errors.extend(errors.into_iter().take(room));
            }
        }
    }
    Ok(file)
}

/// A row as it stands alone, or all that is wrong with it.
fn read_bar(
    record: &Record<'_, 8>,
    has_close: bool,
    today: NaiveDate,
    calendar: &Calendar,
) -> Result<ImportedBar, Vec<RowError>> {
    let mut findings = Findings::new(record.row, record.line);
    if let Some(surplus) = record.surplus {
        findings.add(None, surplus, Fault::surplus_cell());
        return Err(findings.into_errors());
    }

    let [symbol, date, open, high, low, close, adjusted_close, volume] = record.cells;
    let (close_column, close) =
        if has_close { ("close", close) } else { ("adjusted_close", adjusted_close) };

    let symbol = findings.check("symbol", symbol, cells::price_symbol(symbol));
    let date = findings.check("date", date, session(date, today, calendar));
    let open = findings.check("open", open, if_given(open, cells::price));
    let highest = findings.check("high", high, if_given(high, cells::price));
    let lowest = findings.check("low", low, if_given(low, cells::price));
    if let (Some(Some(highest)), Some(Some(lowest))) = (highest, lowest)
        && highest < lowest
    {
        let fault = Fault::new(UploadErrorCode::OutOfRange, "The high is below the low.");
        findings.add(Some("high"), high, fault);
    }
    let close = findings.check(close_column, close, cells::price(close));
    let adjusted_close = if has_close {
        findings.check("adjusted_close", adjusted_close, if_given(adjusted_close, cells::price))
    } else {
        Some(close)
    };
    let volume = findings.check("volume", volume, if_given(volume, day_volume));

    let errors = findings.into_errors();
    // A value that is missing has left an error behind.
    match (symbol, date, open, highest, lowest, close, adjusted_close, volume) {
        (
            Some(symbol),
            Some(date),
            Some(open),
            Some(high),
            Some(low),
            Some(close),
            Some(adjusted_close),
            Some(volume),
        ) if errors.is_empty() => {
            Ok(ImportedBar { symbol, date, open, high, low, close, adjusted_close, volume })
        }
        _ => Err(errors),
    }
}

/// A session up to `today`.
fn session(cell: &str, today: NaiveDate, calendar: &Calendar) -> Result<NaiveDate, Fault> {
    let date = cells::past_date(cell, today)?;
    if calendar.is_session(date) {
        return Ok(date);
    }
    let message = format!("The exchange has no session on {date}.");
    Err(Fault::new(UploadErrorCode::InvalidDate, message)
        .with_hint("Leave the row out, or give it the date of the session it is the close of."))
}

/// What a cell means that may be empty.
fn if_given<T>(
    cell: &str,
    judge: impl FnOnce(&str) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    if cell.is_empty() { Ok(None) } else { judge(cell).map(Some) }
}

/// Shares or contracts traded in a day.
fn day_volume(cell: &str) -> Result<Decimal, Fault> {
    let volume = cells::number(cell, MAX_VOLUME)?;
    if volume < Decimal::ZERO {
        return Err(Fault::new(UploadErrorCode::OutOfRange, "The volume must not be below zero."));
    }
    Ok(volume)
}

/// The error of a row that repeats an accepted one: the same symbol on the same day.
fn repetition(record: &Record<'_, 8>) -> Vec<RowError> {
    let fault =
        Fault::new(UploadErrorCode::Duplicate, "An earlier row has the same symbol and date.");
    let mut findings = Findings::new(record.row, record.line);
    findings.add(Some("symbol"), record.cells[0], fault);
    findings.into_errors()
}

/// A remark on a file whose only prices are adjusted ones.
fn adjusted_only(header: &str) -> RowWarning {
    RowWarning {
        row: None,
        column: Some(header.to_owned()),
        code: UploadWarningCode::LegacyHeader,
        message: format!(
            "Without a column close, {header} is taken as the close: quantities and prices of \
             old dates may not match adjusted values."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn read(text: &str) -> PriceFile {
        read_prices(text.as_bytes(), day("2024-06-28"), &Calendar::default())
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    fn codes(file: &PriceFile) -> Vec<(Option<u32>, Option<&str>, &'static str)> {
        file.errors
            .iter()
            .map(|error| (error.row, error.column.as_deref(), error.code.code()))
            .collect()
    }

    /// A file of real prices, which has to be read without a complaint about any row.
    fn real(name: &str) -> PriceFile {
        real_but_for(name, &[])
    }

    /// One in which these complaints are right.
    fn real_but_for(name: &str, expected: &[(Option<u32>, Option<&str>, &str)]) -> PriceFile {
        let path = format!("{}/tests/fixtures/market_prices/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).expect("a fixture");
        let file = read_prices(&bytes, day("2024-06-28"), &Calendar::default());
        assert_eq!(codes(&file), expected);
        assert_eq!(file.rejected_rows, expected.len());
        file
    }

    #[test]
    fn index_bars_are_read_whole() {
        let file = real("sp500_ohlcv_2010_2018.csv");
        assert_eq!(file.bars.len(), 2_264);
        assert_eq!(
            file.bars[0],
            ImportedBar {
                symbol: "^GSPC".to_owned(),
                date: day("2010-01-04"),
                open: Some(decimal("1116.560059")),
                high: Some(decimal("1133.869995")),
                low: Some(decimal("1116.560059")),
                close: decimal("1132.98999"),
                adjusted_close: Some(decimal("1132.98999")),
                volume: Some(decimal("3991400000")),
            }
        );
        assert_eq!(file.warnings.len(), 1, "adj_close has a new name: {:?}", file.warnings);
        assert_eq!(real("nasdaq_ohlcv_2010_2018.csv").bars.len(), 2_264);
    }

    #[test]
    fn adjusted_closes_stand_in_for_closes_with_a_warning() {
        for (name, bars) in [("stocks_2014_2020.csv", 35_260), ("factors_2014_2020.csv", 10_578)] {
            let file = real(name);
            assert_eq!(file.bars.len(), bars);
            assert!(file.bars.iter().all(|bar| bar.adjusted_close == Some(bar.close)));
            assert!(file.warnings[1].message.contains("may not match adjusted values"));
        }
    }

    #[test]
    fn a_value_is_a_close() {
        let file =
            real_but_for("macro_2014_2018.csv", &[(Some(2_497), Some("date"), "INVALID_DATE")]);
        assert_eq!(file.bars.len(), 2_510, "the exchange mourned while oil was traded");
        assert_eq!(file.bars[0].symbol, "VIX");
        assert_eq!(file.bars[0].close, decimal("13.76"));
        assert_eq!(file.warnings[0].column.as_deref(), Some("value"));
    }

    #[test]
    fn every_fault_of_a_row_is_told_and_the_other_rows_live() {
        let file = read(
            "symbol,date,open,high,low,close,adjusted_close,volume\n\
             =A1,2024-13-01,x,0,-1,,$5,-1\n\
             AAPL,2024-06-29,,,,1,,\n\
             AAPL,2024-06-27,,9,10,9.5,,\n\
             AAPL,2024-06-28,,,,1,,\n\
             aapl,2024-06-28,,,,2,,\n\
             MSFT,2024-06-28,,,,-37.63,,\n",
        );
        assert_eq!(
            codes(&file),
            [
                (Some(2), Some("symbol"), "FORMULA_INJECTION"),
                (Some(2), Some("date"), "INVALID_DATE"),
                (Some(2), Some("open"), "INVALID_NUMBER"),
                (Some(2), Some("high"), "NON_POSITIVE_PRICE"),
                (Some(2), Some("low"), "NON_POSITIVE_PRICE"),
                (Some(2), Some("close"), "REQUIRED"),
                (Some(2), Some("adjusted_close"), "NUMBER_FORMAT"),
                (Some(2), Some("volume"), "OUT_OF_RANGE"),
                (Some(3), Some("date"), "FUTURE_DATE"),
                (Some(4), Some("high"), "OUT_OF_RANGE"),
                (Some(6), Some("symbol"), "DUPLICATE"),
                (Some(7), Some("close"), "NON_POSITIVE_PRICE"),
            ]
        );
        assert_eq!(file.rejected_rows, 5);
        assert_eq!(file.bars.len(), 1);
    }

    #[test]
    fn a_bar_of_a_day_without_a_session_is_refused() {
        let file = read(
            "symbol,date,close\n\
             AAPL,2024-06-14,212.49\nAAPL,2024-06-15,212.49\nAAPL,2024-06-19,214.29\n",
        );
        let error = (Some("date"), "INVALID_DATE");
        assert_eq!(codes(&file), [(Some(3), error.0, error.1), (Some(4), error.0, error.1)]);
        assert_eq!(file.errors[0].message, "The exchange has no session on 2024-06-15.");
        assert!(file.errors[0].hint.is_some());
        assert_eq!((file.bars.len(), file.rejected_rows), (1, 2));
    }

    #[test]
    fn a_header_without_any_price_is_refused() {
        let file = read("ticker,open,volume\nAAPL,1,2");
        assert_eq!(
            codes(&file),
            [(None, Some("date"), "MISSING_COLUMN"), (None, Some("close"), "MISSING_COLUMN")]
        );
        assert_eq!(file.warnings, []);
    }

    #[test]
    fn errors_beyond_a_thousand_are_counted_but_not_listed() {
        let file = read(&format!("symbol,date,close\n{}", "AAPL,2024-06-28,0\n".repeat(5_000)));
        assert_eq!(file.errors.len(), MAX_LISTED_ERRORS);
        assert_eq!(file.rejected_rows, 5_000);
    }

    #[test]
    fn the_largest_volume_is_what_it_is_said_to_be() {
        assert_eq!(MAX_VOLUME, decimal("1000000000000000"));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes: Vec<u8>, cells in "[-+=^A-C0-2.,\"\n]{0,60}") {
            let _ = read_prices(&bytes, day("2024-06-28"), &Calendar::default());
            let _ = read(&format!("symbol,date,close,high,low\n{cells}"));
        }
    }
}
