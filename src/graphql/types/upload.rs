//! What is told of an uploaded file.

use async_graphql::{Enum, SimpleObject};

use crate::domain::upload;

/// Why a file or a row of it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "upload::UploadErrorCode")]
pub enum UploadErrorCode {
    /// The file has too many bytes.
    FileTooLarge,
    /// The file holds nothing.
    EmptyFile,
    /// The file holds a zero byte: it is no text, or UTF-16.
    NulByte,
    /// The file is not UTF-8.
    InvalidEncoding,
    /// The file ends inside a quoted cell.
    MalformedCsv,
    /// The header is one cell with semicolons, tabs or bars: save the file with commas.
    WrongDelimiter,
    /// Two columns of the header mean the same.
    DuplicateColumn,
    /// A required column is not in the header.
    MissingColumn,
    /// There is a header and nothing below it.
    NoDataRows,
    /// The file has too many rows.
    TooManyRows,
    /// The row has more cells than the header.
    TooManyFields,
    /// The cell must not be empty.
    Required,
    /// The cell starts like a formula of a spreadsheet.
    FormulaInjection,
    /// The cell holds a control character.
    InvalidCharacter,
    /// The cell is no ticker.
    InvalidTicker,
    /// The cell is no option symbol.
    InvalidOptionSymbol,
    /// The cell is no number.
    InvalidNumber,
    /// The cell is a number in another form: remove currency signs and separators.
    NumberFormat,
    /// The number is too large, or has more decimal places than are kept.
    OutOfRange,
    /// A position of nothing.
    ZeroQuantity,
    /// A price must be above zero.
    NonPositivePrice,
    /// The cell is no day that exists, as YYYY-MM-DD; in a file of prices, or no session.
    InvalidDate,
    /// The day has not come yet.
    FutureDate,
    /// The day is more than five years ago.
    DateTooOld,
    /// A tag has too many characters.
    TagTooLong,
    /// The position or its owner would have too many tags.
    TooManyTags,
    /// The cell names no type of position.
    InvalidPositionType,
    /// The type given is not the one that follows from the symbol and the sign of the quantity.
    PositionTypeMismatch,
    /// The same ticker and entry date again, in the file or in the portfolio.
    Duplicate,
    /// Nothing is known of the symbol.
    UnknownSymbol,
}

/// What is worth knowing about something accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "upload::UploadWarningCode")]
pub enum UploadWarningCode {
    /// The column is not read.
    IgnoredColumn,
    /// The column is read by an older name of it.
    LegacyHeader,
    /// The option has expired.
    OptionExpired,
    /// No price of the symbol is known, and nobody will fetch one.
    UnknownSymbol,
}

/// One thing wrong with a file or with one of its rows. What it concerns is not stored.
#[derive(SimpleObject)]
pub struct UploadRowError {
    /// Number of the CSV record, the header being 1; null when the whole file is refused.
    row: Option<u32>,
    /// Physical line where the record starts, from 1.
    line: Option<u32>,
    /// The column by its proper name; null when it is not about one column.
    column: Option<String>,
    /// For a program to decide by.
    code: UploadErrorCode,
    /// One sentence for a person.
    message: String,
    /// How the cell begins.
    value: Option<String>,
    /// What to do about it, where that is not plain from the message.
    hint: Option<String>,
}

impl From<upload::RowError> for UploadRowError {
    fn from(error: upload::RowError) -> Self {
        Self {
            row: error.row,
            line: error.line,
            column: error.column.map(Into::into),
            code: error.code.into(),
            message: error.message,
            value: error.value,
            hint: error.hint.map(Into::into),
        }
    }
}

/// Something worth knowing about a file or a row that was accepted all the same.
#[derive(SimpleObject)]
pub struct UploadWarning {
    /// Number of the CSV record; null for a remark on the header.
    row: Option<u32>,
    /// The header's text as written, or the proper name of a row's column.
    column: Option<String>,
    /// For a program to decide by.
    code: UploadWarningCode,
    /// One sentence for a person.
    message: String,
}

impl From<upload::RowWarning> for UploadWarning {
    fn from(warning: upload::RowWarning) -> Self {
        Self {
            row: warning.row,
            column: warning.column,
            code: warning.code.into(),
            message: warning.message,
        }
    }
}
