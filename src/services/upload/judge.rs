//! Judging a CSV of positions: bytes in, a verdict out, row by row.
//!
//! Pure: the day the dates are judged by is given, and whether a symbol has prices is not known
//! here. A bad row never stops the good ones; a bad file stops all. What holds for any uploaded
//! file is in [`crate::domain::upload`]; here are the columns of this one and what they mean
//! together.

use std::collections::HashSet;

use chrono::{Months, NaiveDate};
use rust_decimal::Decimal;

use crate::domain::instrument::{OptionKind, Symbol};
use crate::domain::position::PositionType;
use crate::domain::text::fold;
use crate::domain::upload::cells::{self, MAX_NUMBER};
use crate::domain::upload::sheet::{Layout, Record, Refusal, Sheet};
use crate::domain::upload::{
    Fault, Findings, RowError, RowWarning, UploadErrorCode, UploadWarningCode,
};

/// Largest file accepted: 10 MiB.
pub const MAX_BYTES: usize = 10_485_760;
/// Most rows in a file, blank ones aside.
pub const MAX_ROWS: usize = 10_000;
/// Longest tag, in characters.
pub const MAX_TAG_CHARACTERS: usize = 50;
/// Most tags on one position.
pub const MAX_TAGS_PER_POSITION: usize = 20;

/// How long ago a position may have been entered: five years, in months.
const MAX_AGE: Months = Months::new(60);

static LAYOUT: Layout<6> = Layout {
    max_bytes: MAX_BYTES,
    max_rows: MAX_ROWS,
    columns: ["ticker", "quantity", "entry_price", "entry_date", "tags", "position_type"],
    aliases: &[
        ("symbol", "ticker"),
        ("qty", "quantity"),
        ("price", "entry_price"),
        ("trade_date", "entry_date"),
        ("strategy", "tags"),
    ],
    required: &["ticker", "quantity", "entry_price", "entry_date"],
    stand_ins: &[],
};

/// What becomes of a file: the rows to store, and what its owner should know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// In the order of the file.
    pub rows: Vec<AcceptedRow>,
    /// By row, then by column; for a file refused as a whole, the reasons and nothing else.
    pub errors: Vec<RowError>,
    pub warnings: Vec<RowWarning>,
    /// Rows with at least one error; 0 for a file refused as a whole.
    pub rejected_rows: usize,
}

/// A row to be stored as a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedRow {
    /// Number of the CSV record, the header being 1.
    pub row: u32,
    /// Physical line where the record starts, from 1.
    pub line: u32,
    pub symbol: Symbol,
    pub position_type: PositionType,
    /// Shares or contracts, above zero: the type carries the sign.
    pub quantity: Decimal,
    /// Per share, also for an option; above zero.
    pub entry_price: Decimal,
    pub entry_date: NaiveDate,
    /// As first spelled, without repetitions whatever the case.
    pub tags: Vec<String>,
}

/// Judges a file by the day its dates are seen from.
pub fn judge(bytes: &[u8], reference_date: NaiveDate) -> Verdict {
    judge_rows(bytes, reference_date)
        .unwrap_or_else(|refusal| Verdict { errors: refusal, ..Verdict::default() })
}

fn judge_rows(bytes: &[u8], reference_date: NaiveDate) -> Result<Verdict, Refusal> {
    let (mut sheet, warnings) = Sheet::open(bytes, &LAYOUT)?;
    let mut verdict = Verdict { warnings, ..Verdict::default() };
    let mut accepted = HashSet::new();

    while let Some(record) = sheet.next_record()? {
        let judged = judge_record(&record, reference_date).and_then(|row| {
            if accepted.insert((row.symbol.clone(), row.entry_date)) {
                Ok(row)
            } else {
                Err(repetition(&record))
            }
        });
        match judged {
            Ok(row) => {
                verdict.warnings.extend(expiry_warning(&row, reference_date));
                verdict.rows.push(row);
            }
            Err(errors) => {
                verdict.rejected_rows += 1;
                verdict.errors.extend(errors);
            }
        }
    }
    Ok(verdict)
}

/// A row as it stands alone, or all that is wrong with it.
fn judge_record(
    record: &Record<'_, 6>,
    reference_date: NaiveDate,
) -> Result<AcceptedRow, Vec<RowError>> {
    let mut findings = Findings::new(record.row, record.line);
    if let Some(surplus) = record.surplus {
        findings.add(None, surplus, Fault::surplus_cell());
        return Err(findings.into_errors());
    }

    let [ticker, quantity, entry_price, entry_date, tags, position_type] = record.cells;
    let symbol = findings.check("ticker", ticker, cells::symbol(ticker));
    let signed_quantity = findings.check("quantity", quantity, signed_quantity(quantity));
    let entry_price = findings.check("entry_price", entry_price, cells::price(entry_price));
    let entry_date =
        findings.check("entry_date", entry_date, entry_day(entry_date, reference_date));
    let tags = findings.check("tags", tags, tag_names(tags));
    let derived = symbol.as_ref().zip(signed_quantity).map(|(symbol, quantity)| {
        PositionType::of(option_kind(symbol), quantity.is_sign_positive())
    });
    let position_type =
        findings.check("position_type", position_type, position_type_of(position_type, derived));

    // A value that is missing has left an error behind.
    let (
        Some(symbol),
        Some(signed_quantity),
        Some(entry_price),
        Some(entry_date),
        Some(tags),
        Some(Some(position_type)),
    ) = (symbol, signed_quantity, entry_price, entry_date, tags, position_type)
    else {
        return Err(findings.into_errors());
    };
    Ok(AcceptedRow {
        row: record.row,
        line: record.line,
        symbol,
        position_type,
        quantity: signed_quantity.abs(),
        entry_price,
        entry_date,
        tags,
    })
}

/// The error of a row that repeats an accepted one: the same symbol on the same day.
fn repetition(record: &Record<'_, 6>) -> Vec<RowError> {
    let fault = Fault::new(
        UploadErrorCode::Duplicate,
        "An earlier row has the same ticker and entry date.",
    )
    .with_hint("Add the quantities up in one row.");
    let mut findings = Findings::new(record.row, record.line);
    findings.add(Some("ticker"), record.cells[0], fault);
    findings.into_errors()
}

/// A remark on an option that had run out by the day of the upload.
fn expiry_warning(row: &AcceptedRow, reference_date: NaiveDate) -> Option<RowWarning> {
    let Symbol::Option(contract) = &row.symbol else { return None };
    let expiry = contract.expiry();
    (expiry < reference_date).then(|| RowWarning {
        row: Some(row.row),
        column: Some("ticker".to_owned()),
        code: UploadWarningCode::OptionExpired,
        message: format!("The option expired on {expiry}."),
    })
}

fn option_kind(symbol: &Symbol) -> Option<OptionKind> {
    match symbol {
        Symbol::Ticker(_) => None,
        Symbol::Option(contract) => Some(contract.kind()),
    }
}

/// A number other than zero; below zero is short.
///
/// # Errors
/// As [`cells::number`], then `ZERO_QUANTITY`.
pub fn signed_quantity(cell: &str) -> Result<Decimal, Fault> {
    let quantity = cells::number(cell, MAX_NUMBER)?;
    if quantity.is_zero() {
        return Err(Fault::new(UploadErrorCode::ZeroQuantity, "The quantity must not be zero."));
    }
    Ok(quantity)
}

/// A day of the last five years: the same day five years ago, and today, are the limits accepted;
/// for 29 February the former is the 28th.
///
/// # Errors
/// As [`cells::past_date`], then `DATE_TOO_OLD`.
pub fn entry_day(cell: &str, reference_date: NaiveDate) -> Result<NaiveDate, Fault> {
    let date = cells::past_date(cell, reference_date)?;
    match reference_date.checked_sub_months(MAX_AGE) {
        Some(oldest) if date < oldest => Err(Fault::new(
            UploadErrorCode::DateTooOld,
            format!("The date is before {oldest}, five years ago."),
        )),
        _ => Ok(date),
    }
}

/// The tags of a cell, separated by commas, each once whatever its case. Text that looks like
/// HTML is text.
fn tag_names(cell: &str) -> Result<Vec<String>, Fault> {
    tags_among(&cell.split(','))
}

/// The tags among some texts, each once whatever its case, empty ones left out.
///
/// # Errors
/// `INVALID_CHARACTER`, `FORMULA_INJECTION`, `TAG_TOO_LONG`, `TOO_MANY_TAGS`.
pub fn tags_among<'a>(
    texts: &(impl Iterator<Item = &'a str> + Clone),
) -> Result<Vec<String>, Fault> {
    let is_allowed =
        |character: char| !character.is_control() || matches!(character, '\t' | '\r' | '\n');
    if !texts.clone().all(|text| text.chars().all(is_allowed)) {
        return Err(Fault::new(
            UploadErrorCode::InvalidCharacter,
            "The tags contain a control character.",
        ));
    }
    let written = || texts.clone().map(str::trim);
    written().try_for_each(cells::no_formula)?;

    // A cell may hold millions of tags: no more of them are kept than it takes to refuse them.
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for tag in written() {
        let name = tag.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.chars().count() > MAX_TAG_CHARACTERS {
            return Err(Fault::new(
                UploadErrorCode::TagTooLong,
                format!("A tag has more than {MAX_TAG_CHARACTERS} characters."),
            ));
        }
        let is_room = names.len() <= MAX_TAGS_PER_POSITION;
        if is_room && !name.is_empty() && seen.insert(fold(&name)) {
            names.push(name);
        }
    }
    if names.len() > MAX_TAGS_PER_POSITION {
        return Err(Fault::new(
            UploadErrorCode::TooManyTags,
            format!("There are more than {MAX_TAGS_PER_POSITION} tags."),
        ));
    }
    Ok(names)
}

/// The type of a row: the `derived` one, with which a type given must agree. `None` when ticker
/// or quantity are wrong, so that none can be derived.
fn position_type_of(
    cell: &str,
    derived: Option<PositionType>,
) -> Result<Option<PositionType>, Fault> {
    if cell.is_empty() {
        return Ok(derived);
    }
    cells::no_formula(cell)?;
    let given: PositionType = cell.parse().map_err(|_| {
        Fault::new(UploadErrorCode::InvalidPositionType, "This is not a position type.")
            .with_hint("Use LONG, SHORT, LC, LP, SC or SP, or leave the cell empty.")
    })?;
    match derived {
        Some(derived) if derived != given => Err(Fault::new(
            UploadErrorCode::PositionTypeMismatch,
            format!("The ticker and the sign of the quantity make this {derived}, not {given}."),
        )
        .with_hint("A short position has a quantity below zero.")),
        _ => Ok(derived),
    }
}

#[cfg(test)]
mod tests;
