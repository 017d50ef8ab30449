//! Tables as CSV: RFC 4180, a comma, a head, and no cell that a spreadsheet would run.

use super::RenderError;
use super::report::Report;
use super::table::{Cell, Table};
use super::text;

/// The columns of a table and its rows; nothing else, so that programs can read it.
///
/// # Errors
/// Never in practice: memory does not refuse to be written to.
pub fn table(table: &Table) -> Result<Vec<u8>, RenderError> {
    let mut writer =
        ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|column| column.key.as_ref()))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(field))?;
    }
    into_bytes(writer)
}

/// A report as a file of rows: of its positions with all their columns, or, where it has none, of
/// every figure it has, one a row.
///
/// # Errors
/// As [`table`].
pub fn report(report: &Report) -> Result<Vec<u8>, RenderError> {
    let tables = || report.sections.iter().flat_map(|section| &section.tables);
    if let Some(positions) = tables().find(|table| table.key == "positions") {
        return table(positions);
    }
    let mut writer =
        ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(["section", "table", "row", "figure", "value"])?;
    for section in &report.sections {
        for figure in &section.figures {
            writer.write_record([section.key, "", "", figure.key, &field(&figure.value)])?;
        }
        for table in &section.tables {
            for row in &table.rows {
                let Some((name, values)) = row.split_first() else { continue };
                for (column, value) in table.columns.iter().skip(1).zip(values) {
                    let (name, value) = (field(name), field(value));
                    writer.write_record([
                        section.key,
                        table.key,
                        &name,
                        column.key.as_ref(),
                        &value,
                    ])?;
                }
            }
        }
    }
    into_bytes(writer)
}

/// A cell: numbers stay plain numbers, and what is missing is empty.
fn field(cell: &Cell) -> String {
    match cell {
        Cell::None => String::new(),
        Cell::Text(text) => text::cell(text).into_owned(),
        Cell::Date(date) => date.to_string(),
        Cell::Number(number) => number.value.to_string(),
    }
}

fn into_bytes(writer: ::csv::Writer<Vec<u8>>) -> Result<Vec<u8>, RenderError> {
    writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()).into())
}
