//! What is wrong with an uploaded file, told so that its owner can mend it.
//!
//! Two kinds of file are uploaded: positions and prices. Both are read by the same rules for the
//! file, its header and its records ([`sheet`]) and for single cells ([`cells`]); which columns
//! there are, and how a row is judged as a whole, is said where each kind is read.
//!
//! Nothing here fails: every complaint is data, with a code for programs and a sentence for people.

pub mod cells;
mod records;
pub mod sheet;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The longest piece of a cell or header repeated in a complaint, in characters.
const MAX_EXCERPT_CHARACTERS: usize = 100;

/// One thing wrong with a file or with one of its rows. What it concerns is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// Number of the CSV record, the header being 1; `None` when the whole file is refused.
    pub row: Option<u32>,
    /// Physical line where the record starts, from 1.
    pub line: Option<u32>,
    /// The column by its proper name; `None` when it is not about one column.
    pub column: Option<Cow<'static, str>>,
    pub code: UploadErrorCode,
    /// One sentence.
    pub message: String,
    /// How the cell begins, at most 100 characters.
    pub value: Option<String>,
    /// What to do about it, where that is not plain from the message.
    pub hint: Option<Cow<'static, str>>,
}

impl RowError {
    /// An error for which the whole file is refused.
    pub fn of_file(column: Option<&'static str>, fault: Fault) -> Self {
        let Fault { code, message, hint } = fault;
        Self {
            row: None,
            line: None,
            column: column.map(Cow::Borrowed),
            code,
            message,
            value: None,
            hint: hint.map(Cow::Borrowed),
        }
    }

    /// An error for which one row is refused.
    pub fn of_row(
        row: u32,
        line: u32,
        column: Option<&'static str>,
        cell: &str,
        fault: Fault,
    ) -> Self {
        Self {
            row: Some(row),
            line: Some(line),
            value: Some(excerpt(cell)),
            ..Self::of_file(column, fault)
        }
    }
}

/// Something worth knowing about a file or row that was accepted all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowWarning {
    /// Number of the CSV record; `None` for a remark on the header.
    pub row: Option<u32>,
    /// The header's text as written; the column's proper name for a remark on a row.
    pub column: Option<String>,
    pub code: UploadWarningCode,
    /// One sentence.
    pub message: String,
}

/// What is wrong with a cell, before it is known which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: UploadErrorCode,
    /// One sentence.
    pub message: String,
    pub hint: Option<&'static str>,
}

impl Fault {
    /// A fault that explains itself.
    pub fn new(code: UploadErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// A record has text beyond the header's last column.
    pub fn surplus_cell() -> Self {
        Self::new(UploadErrorCode::TooManyFields, "The row has more cells than the header.")
            .with_hint("Quote cells that contain commas, and leave out thousands separators.")
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// Gathers what is wrong with one record, column by column, at most one fault a column.
#[derive(Debug)]
pub struct Findings {
    row: u32,
    line: u32,
    errors: Vec<RowError>,
}

impl Findings {
    /// Nothing found yet in the record that is number `row` and starts on `line`.
    pub const fn new(row: u32, line: u32) -> Self {
        Self { row, line, errors: Vec::new() }
    }

    /// Passes on what a cell means, or takes down what is wrong with it.
    pub fn check<T>(
        &mut self,
        column: &'static str,
        cell: &str,
        judged: Result<T, Fault>,
    ) -> Option<T> {
        judged.map_err(|fault| self.add(Some(column), cell, fault)).ok()
    }

    /// Takes down a fault of a cell, or of the record when there is no column to name.
    pub fn add(&mut self, column: Option<&'static str>, cell: &str, fault: Fault) {
        self.errors.push(RowError::of_row(self.row, self.line, column, cell, fault));
    }

    /// All that was found, in the order it was looked for.
    pub fn into_errors(self) -> Vec<RowError> {
        self.errors
    }
}

/// How a text begins: enough to recognize it, whatever its length.
fn excerpt(text: &str) -> String {
    text.chars().take(MAX_EXCERPT_CHARACTERS).collect()
}

/// Why a file or a row is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UploadErrorCode {
    FileTooLarge,
    EmptyFile,
    NulByte,
    InvalidEncoding,
    MalformedCsv,
    WrongDelimiter,
    DuplicateColumn,
    MissingColumn,
    NoDataRows,
    TooManyRows,
    TooManyFields,
    Required,
    FormulaInjection,
    InvalidCharacter,
    InvalidTicker,
    InvalidOptionSymbol,
    InvalidNumber,
    NumberFormat,
    OutOfRange,
    ZeroQuantity,
    NonPositivePrice,
    InvalidDate,
    FutureDate,
    DateTooOld,
    TagTooLong,
    TooManyTags,
    InvalidPositionType,
    PositionTypeMismatch,
    Duplicate,
    UnknownSymbol,
}

impl UploadErrorCode {
    /// The name the API gives it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FileTooLarge => "FILE_TOO_LARGE",
            Self::EmptyFile => "EMPTY_FILE",
            Self::NulByte => "NUL_BYTE",
            Self::InvalidEncoding => "INVALID_ENCODING",
            Self::MalformedCsv => "MALFORMED_CSV",
            Self::WrongDelimiter => "WRONG_DELIMITER",
            Self::DuplicateColumn => "DUPLICATE_COLUMN",
            Self::MissingColumn => "MISSING_COLUMN",
            Self::NoDataRows => "NO_DATA_ROWS",
            Self::TooManyRows => "TOO_MANY_ROWS",
            Self::TooManyFields => "TOO_MANY_FIELDS",
            Self::Required => "REQUIRED",
            Self::FormulaInjection => "FORMULA_INJECTION",
            Self::InvalidCharacter => "INVALID_CHARACTER",
            Self::InvalidTicker => "INVALID_TICKER",
            Self::InvalidOptionSymbol => "INVALID_OPTION_SYMBOL",
            Self::InvalidNumber => "INVALID_NUMBER",
            Self::NumberFormat => "NUMBER_FORMAT",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::ZeroQuantity => "ZERO_QUANTITY",
            Self::NonPositivePrice => "NON_POSITIVE_PRICE",
            Self::InvalidDate => "INVALID_DATE",
            Self::FutureDate => "FUTURE_DATE",
            Self::DateTooOld => "DATE_TOO_OLD",
            Self::TagTooLong => "TAG_TOO_LONG",
            Self::TooManyTags => "TOO_MANY_TAGS",
            Self::InvalidPositionType => "INVALID_POSITION_TYPE",
            Self::PositionTypeMismatch => "POSITION_TYPE_MISMATCH",
            Self::Duplicate => "DUPLICATE",
            Self::UnknownSymbol => "UNKNOWN_SYMBOL",
        }
    }
}

/// What is worth knowing about something accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UploadWarningCode {
    IgnoredColumn,
    LegacyHeader,
    OptionExpired,
    UnknownSymbol,
}

impl UploadWarningCode {
    /// The name the API gives it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::IgnoredColumn => "IGNORED_COLUMN",
            Self::LegacyHeader => "LEGACY_HEADER",
            Self::OptionExpired => "OPTION_EXPIRED",
            Self::UnknownSymbol => "UNKNOWN_SYMBOL",
        }
    }
}
