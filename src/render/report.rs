//! A report as figures: sections of key figures, tables and notes.

use chrono::{DateTime, NaiveDate, Utc};

use super::table::{Cell, Table};

/// All that a document says, before it has a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What kind of report it is.
    pub title: String,
    /// Whose figures: the name of the book.
    pub subject: String,
    pub currency: String,
    pub as_of: NaiveDate,
    pub made_at: DateTime<Utc>,
    /// What a reader has to know before any figure, such as that prices are simulated.
    pub notices: Vec<String>,
    pub sections: Vec<Section>,
}

/// A part of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// As it travels: `EXPOSURES`.
    pub key: &'static str,
    pub title: &'static str,
    pub figures: Vec<Figure>,
    pub tables: Vec<Table>,
    /// How the figures are made and how far to trust them.
    pub notes: Vec<String>,
}

impl Section {
    pub fn new(key: &'static str, title: &'static str) -> Self {
        Self { key, title, figures: Vec::new(), tables: Vec::new(), notes: Vec::new() }
    }

    /// Adds a key figure.
    pub fn figure(&mut self, key: &'static str, label: &'static str, value: Cell) {
        self.figures.push(Figure { key, label, value });
    }

    /// Adds a note, once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// A figure worth a place of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    pub key: &'static str,
    pub label: &'static str,
    pub value: Cell,
}
