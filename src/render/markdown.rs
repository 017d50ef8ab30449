//! Reports as Markdown: headings, lists and tables that read well as they are.

use std::fmt::Write;

use super::report::{Report, Section};
use super::table::{Cell, Table};
use super::text;

/// A report as a text.
pub fn report(report: &Report) -> Vec<u8> {
    let mut page = String::new();
    let subject = text::markdown(&report.subject);
    let made = report.made_at.format("%Y-%m-%d %H:%M UTC");
    put(&mut page, format_args!("# {}: {subject}\n\n", report.title));
    let (as_of, currency) = (report.as_of, text::markdown(&report.currency));
    put(&mut page, format_args!("As of **{as_of}** · amounts in {currency} · made {made}\n"));
    for notice in &report.notices {
        put(&mut page, format_args!("\n> **Note.** {}\n", text::markdown(notice)));
    }
    for section in &report.sections {
        write_section(&mut page, section);
    }
    page.into_bytes()
}

fn write_section(page: &mut String, section: &Section) {
    put(page, format_args!("\n## {}\n", section.title));
    if !section.figures.is_empty() {
        page.push_str("\n| Figure | Value |\n|:--|--:|\n");
        for figure in &section.figures {
            let value = shown(&figure.value);
            put(page, format_args!("| {} | {value} |\n", text::markdown(figure.label)));
        }
    }
    for table in &section.tables {
        write_table(page, table);
    }
    if !section.notes.is_empty() {
        page.push('\n');
    }
    for note in &section.notes {
        put(page, format_args!("- {}\n", text::markdown(note)));
    }
}

fn write_table(page: &mut String, table: &Table) {
    put(page, format_args!("\n### {}\n\n", text::markdown(&table.title)));
    if table.rows.is_empty() {
        page.push_str("None.\n");
        return;
    }
    let printed = table.printed();
    for place in &printed {
        put(page, format_args!("| {} ", text::markdown(&table.columns[*place].label)));
    }
    page.push_str("|\n");
    for place in &printed {
        page.push_str(if table.columns[*place].is_text { "|:--" } else { "|--:" });
    }
    page.push_str("|\n");
    for row in &table.rows {
        for place in &printed {
            put(page, format_args!("| {} ", row.get(*place).map_or(String::new(), shown)));
        }
        page.push_str("|\n");
    }
    let Some(total) = &table.total else { return };
    for place in &printed {
        match total.get(*place) {
            None | Some(Cell::None) => page.push_str("| "),
            Some(cell) => put(page, format_args!("| **{}** ", shown(cell))),
        }
    }
    page.push_str("|\n");
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text::markdown(text),
        other => other.shown(),
    }
}

/// Memory does not refuse to be written to.
fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
}
