//! The records of a CSV text, one at a time, in memory bounded by the longest.

use csv_core::ReadRecordResult;

use super::{Fault, UploadErrorCode};

/// Cells a record may have: as many as the largest spreadsheets have columns. Without a limit,
/// 64 MiB of commas would take half a gigabyte of cell boundaries.
pub const MAX_CELLS: usize = 16_384;

/// The records of a CSV text, one at a time.
#[derive(Debug)]
pub struct Records<'a> {
    text: &'a [u8],
    /// How much of the text is read; one past its end when the newline put behind it is, too.
    at: usize,
    parser: Box<csv_core::Reader>,
    /// The record read last: its cells without quotes, one behind the other.
    unquoted: Vec<u8>,
    /// Where each cell ends in `unquoted`, the first `len` of them being in use.
    ends: Vec<usize>,
    len: usize,
    /// Physical line where the record read last starts, from 1.
    pub line: u32,
    /// Where it starts.
    start: usize,
}

impl<'a> Records<'a> {
    /// `text` is UTF-8; one byte order mark at its start is skipped.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            // Not `default`, which leaves the parser without its table of transitions.
            parser: Box::new(csv_core::Reader::new()),
            unquoted: vec![0; 1024],
            ends: vec![0; MAX_CELLS + 1],
            len: 0,
            line: 1,
            start: 0,
        }
    }

    /// Reads the next record; false after the last. Empty lines are no records.
    ///
    /// # Errors
    /// `MALFORMED_CSV`: the text ends within quotes, or the record has too many cells.
    pub fn read(&mut self) -> Result<bool, Fault> {
        self.find_start();
        let (mut written, mut ended) = (0, 0);
        // A newline is put behind the text: it ends a last line without one, means nothing behind
        // one with, and lands in the cell if a quote is still open.
        while let Some(rest) = self.text.get(self.at..) {
            let rest = if rest.is_empty() { b"\n" } else { rest };
            let (result, bytes_read, bytes_written, cells_ended) = self.parser.read_record(
                rest,
                &mut self.unquoted[written..],
                &mut self.ends[ended..],
            );
            self.at += bytes_read;
            written += bytes_written;
            ended += cells_ended;
            match result {
                ReadRecordResult::Record => {
                    self.len = ended;
                    return Ok(true);
                }
                ReadRecordResult::OutputFull => self.unquoted.resize(self.unquoted.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => return Err(too_many_cells()),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
        if written == 0 { Ok(false) } else { Err(open_quote()) }
    }

    /// Moves `start` and `line` to the record about to be read, past empty lines.
    fn find_start(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let next = self.text.len().min(self.at + empty);
        let passed = &self.text[self.start..next];
        let line_ends = passed
            .iter()
            .enumerate()
            .filter(|(at, byte)| {
                **byte == b'\n' || (**byte == b'\r' && passed.get(at + 1) != Some(&b'\n'))
            })
            .count();
        self.line = self.line.saturating_add(u32::try_from(line_ends).unwrap_or(u32::MAX));
        self.start = next;
    }

    /// Number of cells in the record read last.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// A cell of the record read last; empty when it has fewer.
    pub fn raw_cell(&self, place: usize) -> &str {
        if place >= self.len {
            return "";
        }
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        // Always text: the file is UTF-8, and it is cut only at ASCII bytes.
        str::from_utf8(&self.unquoted[start..self.ends[place]]).unwrap_or_default()
    }

    /// The same without the white space around it.
    pub fn cell(&self, place: usize) -> &str {
        self.raw_cell(place).trim()
    }

    /// Whether the record read last has nothing but white space in its cells.
    pub fn is_blank(&self) -> bool {
        (0..self.len).all(|place| self.cell(place).is_empty())
    }
}

/// The text ends before a quote that was opened is closed.
pub fn open_quote() -> Fault {
    Fault::new(UploadErrorCode::MalformedCsv, "The file ends inside a quoted cell.")
        .with_hint("Close every double quote, and double those that belong to the text.")
}

fn too_many_cells() -> Fault {
    Fault::new(
        UploadErrorCode::MalformedCsv,
        format!("A record of the file has more than {MAX_CELLS} cells."),
    )
}
