//! An uploaded CSV file as a header and records: every rule that concerns the file as a whole.
//!
//! The format is RFC 4180: commas, double quotes, LF or CRLF, newlines within quotes. A file that
//! breaks a rule here is refused entirely; what a cell may hold is for [`cells`](super::cells).
//!
//! A hostile file costs time in proportion to its size, and little memory beyond its longest
//! record: records are read one by one, and are bounded in cells.

use super::records::{Records, open_quote};
use super::{Fault, RowError, RowWarning, UploadErrorCode, UploadWarningCode, excerpt};

/// The columns and sizes of one kind of file.
#[derive(Debug)]
pub struct Layout<const N: usize> {
    pub max_bytes: usize,
    /// Records that are not blank, the header aside.
    pub max_rows: usize,
    /// Proper names, in the order a record hands out its cells.
    pub columns: [&'static str; N],
    /// Other names a column goes by, each with its proper one.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Columns a file cannot do without.
    pub required: &'static [&'static str],
    /// Required columns that another, the second, may stand in for.
    pub stand_ins: &'static [(&'static str, &'static str)],
}

/// Why a file is refused: never empty.
pub type Refusal = Vec<RowError>;

/// A file whose header is understood, and its records from the first that was not read yet.
#[derive(Debug)]
pub struct Sheet<'a, const N: usize> {
    layout: &'static Layout<N>,
    records: Records<'a>,
    /// Where each column is, and the text of its header; `None` for one that is absent.
    columns: [Option<(usize, String)>; N],
    /// Number of cells in the header.
    width: usize,
    /// Number of the record read last, the header being 1.
    row: u32,
    /// Records so far that were not blank.
    filled: usize,
}

/// One record that is not blank.
#[derive(Debug)]
pub struct Record<'s, const N: usize> {
    /// Number of the record, the header being 1.
    pub row: u32,
    /// Physical line where it starts, from 1.
    pub line: u32,
    /// Trimmed, in the layout's order; a cell or column that is missing is empty.
    pub cells: [&'s str; N],
    /// The first cell with text beyond the header's last.
    pub surplus: Option<&'s str>,
}

impl<'a, const N: usize> Sheet<'a, N> {
    /// Reads the header, and gives what is remarkable in it.
    ///
    /// # Errors
    /// The file is too large, empty, not text, has an unpaired quote or a header without the
    /// columns it needs.
    pub fn open(
        bytes: &'a [u8],
        layout: &'static Layout<N>,
    ) -> Result<(Self, Vec<RowWarning>), Refusal> {
        check_text(bytes, layout.max_bytes).map_err(refuse)?;
        let mut records = Records::new(bytes);
        records.read().map_err(refuse)?;
        check_delimiter(&records).map_err(refuse)?;

        let (columns, warnings) = understand_header(&records, layout)?;
        let width = records.len();
        Ok((Self { layout, records, columns, width, row: 1, filled: 0 }, warnings))
    }

    /// The header of a column as its file writes it; `None` when there is no such column.
    pub fn header_of(&self, column: &str) -> Option<&str> {
        let index = self.layout.columns.iter().position(|known| *known == column)?;
        self.columns[index].as_ref().map(|(_, written)| written.as_str())
    }

    /// The next record that is not blank; `None` after the last.
    ///
    /// # Errors
    /// The file is refused after all: it has no rows or too many, ends within quotes, or a record
    /// has more cells than any sheet. Rows read before are then not to be used.
    pub fn next_record(&mut self) -> Result<Option<Record<'_, N>>, Refusal> {
        loop {
            if !self.records.read().map_err(refuse)? {
                return if self.filled == 0 { Err(refuse(no_data_rows())) } else { Ok(None) };
            }
            self.row = self.row.saturating_add(1);
            if !self.records.is_blank() {
                break;
            }
        }
        if self.filled == self.layout.max_rows {
            return Err(refuse(too_many_rows(self.layout.max_rows)));
        }
        self.filled += 1;

        let records = &self.records;
        let cells = self
            .columns
            .each_ref()
            .map(|column| column.as_ref().map_or("", |(place, _)| records.cell(*place)));
        let surplus = (self.width..records.len())
            .map(|place| records.cell(place))
            .find(|cell| !cell.is_empty());
        Ok(Some(Record { row: self.row, line: records.line, cells, surplus }))
    }
}

/// Where each column is, with its header as written.
type Columns<const N: usize> = [Option<(usize, String)>; N];

/// Finds the known columns in the record just read.
fn understand_header<const N: usize>(
    header: &Records<'_>,
    layout: &Layout<N>,
) -> Result<(Columns<N>, Vec<RowWarning>), Refusal> {
    let mut columns: Columns<N> = std::array::from_fn(|_| None);
    let mut is_repeated = [false; N];
    let mut warnings = Vec::new();

    for place in 0..header.len() {
        let written = header.cell(place);
        if written.is_empty() {
            continue;
        }
        let plain = plain_name(written);
        let alias = layout.aliases.iter().find(|(other, _)| *other == plain);
        let name = alias.map_or(plain.as_str(), |(_, proper)| proper);
        let Some(index) = layout.columns.iter().position(|known| *known == name) else {
            warnings.push(ignored_column(written));
            continue;
        };
        if alias.is_some() {
            warnings.push(legacy_header(written, layout.columns[index]));
        }
        is_repeated[index] = columns[index].is_some();
        columns[index] = Some((place, excerpt(written)));
    }

    let has = |name: &str| {
        layout.columns.iter().zip(&columns).any(|(known, found)| *known == name && found.is_some())
    };
    let has_stand_in =
        |name: &str| layout.stand_ins.iter().any(|(absent, other)| *absent == name && has(other));
    let repeated = layout.columns.iter().zip(is_repeated).filter(|(_, is_repeated)| *is_repeated);
    let missing = layout.required.iter().filter(|name| !has(name) && !has_stand_in(name));
    let errors: Refusal = repeated
        .map(|(name, _)| duplicate_column(name))
        .chain(missing.map(|name| missing_column(name)))
        .collect();
    if errors.is_empty() { Ok((columns, warnings)) } else { Err(errors) }
}

/// A header as it is compared: lower case, with one underscore for spaces, hyphens, underscores.
fn plain_name(written: &str) -> String {
    let mut plain = String::with_capacity(written.len());
    for character in written.chars() {
        if !matches!(character, ' ' | '_' | '-') {
            plain.push(character.to_ascii_lowercase());
        } else if !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain
}

/// Whether the bytes can be a CSV file at all; the order of the checks is part of the rules.
fn check_text(bytes: &[u8], max_bytes: usize) -> Result<(), Fault> {
    if bytes.len() > max_bytes {
        let mebibytes = max_bytes / (1 << 20);
        return Err(Fault::new(
            UploadErrorCode::FileTooLarge,
            format!("The file is larger than {mebibytes} MiB."),
        )
        .with_hint("Split the file and upload the parts one after the other."));
    }
    let text = str::from_utf8(bytes);
    if text.is_ok_and(|text| text.strip_prefix('\u{feff}').unwrap_or(text).trim().is_empty()) {
        return Err(Fault::new(UploadErrorCode::EmptyFile, "The file is empty."));
    }
    if bytes.contains(&0) {
        return Err(Fault::new(
            UploadErrorCode::NulByte,
            "The file contains a NUL byte, so it is not plain text.",
        )
        .with_hint("Save it as CSV in UTF-8; a spreadsheet or UTF-16 text is not read."));
    }
    if text.is_err() {
        return Err(Fault::new(UploadErrorCode::InvalidEncoding, "The file is not UTF-8 text.")
            .with_hint("Save it as CSV in UTF-8."));
    }
    let ends_quoted = bytes.iter().fold(false, |is_quoted, byte| is_quoted ^ (*byte == b'"'));
    if ends_quoted { Err(open_quote()) } else { Ok(()) }
}

/// Refuses a header that is one cell holding what other programs put between cells.
fn check_delimiter(header: &Records<'_>) -> Result<(), Fault> {
    if header.len() == 1 && header.raw_cell(0).contains([';', '\t', '|']) {
        return Err(Fault::new(
            UploadErrorCode::WrongDelimiter,
            "The cells are separated by something other than commas.",
        )
        .with_hint("Save the file with commas between the cells."));
    }
    Ok(())
}

fn refuse(fault: Fault) -> Refusal {
    vec![RowError::of_file(None, fault)]
}

fn no_data_rows() -> Fault {
    Fault::new(UploadErrorCode::NoDataRows, "The file has a header but no rows.")
}

fn too_many_rows(max_rows: usize) -> Fault {
    Fault::new(UploadErrorCode::TooManyRows, format!("The file has more than {max_rows} rows."))
        .with_hint("Split the file and upload the parts one after the other.")
}

fn duplicate_column(name: &'static str) -> RowError {
    let message = format!("More than one column means {name}.");
    let fault =
        Fault::new(UploadErrorCode::DuplicateColumn, message).with_hint("Keep one of them.");
    RowError::of_file(Some(name), fault)
}

fn missing_column(name: &'static str) -> RowError {
    let message = format!("There is no column named {name}.");
    let fault = Fault::new(UploadErrorCode::MissingColumn, message)
        .with_hint("The first line of the file names its columns.");
    RowError::of_file(Some(name), fault)
}

fn ignored_column(written: &str) -> RowWarning {
    let column = excerpt(written);
    RowWarning {
        row: None,
        message: format!("The column {column} is not used."),
        column: Some(column),
        code: UploadWarningCode::IgnoredColumn,
    }
}

fn legacy_header(written: &str, name: &str) -> RowWarning {
    let column = excerpt(written);
    RowWarning {
        row: None,
        message: format!("The column {column} is read as {name}, its name today."),
        column: Some(column),
        code: UploadWarningCode::LegacyHeader,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::domain::upload::records::MAX_CELLS;

    static LAYOUT: Layout<3> = Layout {
        max_bytes: 1 << 20,
        max_rows: 3,
        columns: ["name", "size", "weight"],
        aliases: &[("mass", "weight")],
        required: &["name", "size"],
        stand_ins: &[("size", "weight")],
    };

    /// Row, line and cells of every record, or the codes and columns for which it is refused.
    type Read = Result<Vec<(u32, u32, [String; 3])>, Vec<Finding>>;
    type Finding = (UploadErrorCode, Option<Cow<'static, str>>);

    fn read(text: &str) -> Read {
        let all = || {
            let (mut sheet, _) = Sheet::open(text.as_bytes(), &LAYOUT)?;
            let mut records = Vec::new();
            while let Some(record) = sheet.next_record()? {
                records.push((record.row, record.line, record.cells.map(str::to_owned)));
            }
            Ok(records)
        };
        all().map_err(|refusal: Refusal| {
            refusal.into_iter().map(|error| (error.code, error.column)).collect()
        })
    }

    fn lines_of(text: &str) -> Vec<(u32, u32)> {
        let records = read(text).expect("a readable file");
        records.into_iter().map(|(row, line, _)| (row, line)).collect()
    }

    #[test]
    fn cells_come_in_the_layouts_order_whatever_the_files() {
        let records = read("Size,,NAME\n 1 , x , a \nb").unwrap();
        assert_eq!(records[0].2, ["a", "1", ""]);
        assert_eq!(records[1].2, ["", "b", ""]);
    }

    #[test]
    fn rows_count_records_and_lines_count_lines() {
        let expected = vec![(2, 2), (3, 4), (5, 8)];
        let text = "name,size\na,\"1\n2\"\nb,3\n,\n\n\nc,4\n";
        assert_eq!(lines_of(text), expected);
        assert_eq!(lines_of(&text.replace('\n', "\r\n")), expected);
        assert_eq!(lines_of(&text.replace('\n', "\r")), expected);
    }

    #[test]
    fn a_column_may_stand_in_for_another() {
        assert!(read("name,mass\na,1").is_ok());
        assert_eq!(
            read("name\na"),
            Err(vec![(UploadErrorCode::MissingColumn, Some("size".into()))])
        );
    }

    #[test]
    fn repeated_and_missing_columns_are_told_together() {
        let expected = vec![
            (UploadErrorCode::DuplicateColumn, Some("weight".into())),
            (UploadErrorCode::MissingColumn, Some("name".into())),
        ];
        assert_eq!(read("mass,weight,mass\n1,2,3"), Err(expected));
    }

    #[test]
    fn a_quote_opened_late_and_never_closed_swallows_no_rows() {
        let text = "name,size\n6\"x,1\n\"b,2\nc,3\n";
        assert_eq!(read(text), Err(vec![(UploadErrorCode::MalformedCsv, None)]));
    }

    #[test]
    fn a_record_wider_than_any_sheet_ends_the_reading() {
        let wide = |cells| format!("name,size\na,1{}", ",".repeat(cells - 2));
        assert!(read(&wide(MAX_CELLS)).is_ok());
        assert_eq!(read(&wide(MAX_CELLS + 2)), Err(vec![(UploadErrorCode::MalformedCsv, None)]));
    }

    #[test]
    fn only_the_first_byte_order_mark_is_no_text() {
        assert!(read("\u{feff}name,size\na,1").is_ok());
        assert!(read("\u{feff}\u{feff}name,size\na,1").is_err());
    }

    #[test]
    fn a_refused_file_is_refused_for_its_first_reason() {
        let code = |bytes: &[u8]| Sheet::open(bytes, &LAYOUT).unwrap_err()[0].code;
        assert_eq!(code(&vec![0; LAYOUT.max_bytes + 1]), UploadErrorCode::FileTooLarge);
        assert_eq!(code(b"\xef\xbb\xbf \r\n"), UploadErrorCode::EmptyFile);
        assert_eq!(code(b"\xff\"\0"), UploadErrorCode::NulByte);
        assert_eq!(code(b"\xff\""), UploadErrorCode::InvalidEncoding);
        assert_eq!(code(b"name;\"size"), UploadErrorCode::MalformedCsv);
        assert_eq!(code(b"name;size"), UploadErrorCode::WrongDelimiter);
    }
}
