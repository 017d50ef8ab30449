//! Every format of one report: the same numbers, and nothing that runs.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;

use super::report::{Report, Section};
use super::table::{Cell, Chart, ChartKind, Column, Number, Table, Unit};
use super::{csv, json, markdown, pdf, text, xlsx};

const HOSTILE: [&str; 7] = [
    "=HYPERLINK(\"http://evil\")",
    "@SUM(A1)",
    "'; drop table positions; --",
    "<script>alert(1)</script>",
    "a|b\n# c",
    "\u{1b}[31mred\u{202e}gpj.exe",
    "Ω Ж 日本 💥",
];

fn positions(count: u32) -> Table {
    let columns = vec![
        Column::text("symbol", "Symbol"),
        Column::number("exposure", "Exposure"),
        Column::number("weight", "Weight"),
        Column::text("tags", "Tags").wide(),
    ];
    let mut table = Table::new("positions", "Positions", columns);
    for at in 0..count {
        let name = HOSTILE[at as usize % HOSTILE.len()];
        table.rows.push(vec![
            Cell::text(name),
            Cell::decimal(Decimal::new(-12_345_678 - i64::from(at), 3), Unit::Money),
            if at % 5 == 3 { Cell::None } else { Cell::float(0.012_345, Unit::Percent) },
            Cell::text(name),
        ]);
    }
    table.total = Some(vec![
        Cell::text("Total"),
        Cell::decimal(Decimal::new(1, 0), Unit::Money),
        Cell::None,
        Cell::None,
    ]);
    let bars = |values| Chart { title: "Bars".into(), kind: ChartKind::Bars, names: 0, values };
    table.charts = vec![bars(vec![1]), bars(vec![1, 2])];
    table
}

fn history(days: u32) -> Table {
    let columns = vec![Column::text("date", "Date"), Column::number("value", "Value")];
    let mut table = Table::new("history", "History", columns);
    let first = NaiveDate::from_ymd_opt(2026, 1, 5).expect("a day");
    for at in 0..days {
        let date = first.checked_add_days(Days::new(at.into())).expect("a day");
        let value = if at % 7 == 2 { Cell::None } else { Cell::float(f64::from(at), Unit::Money) };
        table.rows.push(vec![Cell::Date(date), value]);
    }
    let chart = |kind| Chart { title: "Line".into(), kind, names: 0, values: vec![1] };
    table.charts = vec![chart(ChartKind::Line), chart(ChartKind::Area)];
    table.is_drawn_only = true;
    table
}

fn matrix(size: usize) -> Table {
    let mut columns = vec![Column::text("symbol", "Symbol")];
    columns.extend((0..size).map(|at| Column::named(&format!("S{at}"))));
    let mut table = Table::new("matrix", "Matrix", columns);
    for at in 0..size {
        let mut row = vec![Cell::text(format!("S{at}"))];
        row.extend((0..size).map(|_| Cell::float(-0.5, Unit::Ratio)));
        table.rows.push(row);
    }
    let values = (1..=size).collect();
    let title = "Heat".into();
    table.charts.push(Chart { title, kind: ChartKind::Heat, names: 0, values });
    table
}

fn report(tables: Vec<Table>) -> Report {
    let mut section = Section::new("POSITIONS", "Positions");
    section.figure("total", "Total", Cell::decimal(Decimal::new(1_234_567, 2), Unit::Money));
    section.figure("none", "Nothing", Cell::None);
    section.tables = tables;
    section.note(HOSTILE[3]);
    Report {
        title: "Portfolio report".into(),
        subject: HOSTILE.join(" "),
        currency: "USD".into(),
        as_of: NaiveDate::from_ymd_opt(2026, 1, 5).expect("a day"),
        made_at: "2026-01-05T21:30:00Z".parse().expect("an instant"),
        notices: vec![HOSTILE[5].into()],
        sections: vec![section],
    }
}

/// Pages that a document says it has.
fn pages(document: &[u8]) -> usize {
    let text = String::from_utf8_lossy(document);
    let count = text.split("/Count ").nth(1).expect("a page tree");
    count.split(|c: char| !c.is_ascii_digit()).next().expect("a number").parse().expect("it")
}

#[test]
fn nothing_in_any_format_is_run() {
    let report = report(vec![positions(7)]);
    let written = String::from_utf8(csv::report(&report).expect("a file")).expect("UTF-8");
    assert!(written.contains("\r\n\"'=HYPERLINK(\"\"http://evil\"\")\",-12345.68,0.0123,"));
    assert!(written.contains("\r\n'@SUM(A1),"), "{written}");
    assert!(!written.contains('\u{1b}') && !written.contains('\u{202e}'));

    let written = String::from_utf8(markdown::report(&report)).expect("UTF-8");
    assert!(!written.contains("<script>") && !written.contains('\u{1b}'), "{written}");
    assert!(written.contains("| a\\|b \\# c | -12,345.68 | 1.23% |"), "{written}");
    let rows = written.lines().filter(|line| line.starts_with("| "));
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(rows.clone().all(|line| [3, 4].contains(&bars(line))), "{written}");
}

#[test]
fn json_is_data_and_keeps_what_was_written() {
    let read: Value =
        serde_json::from_slice(&json::report(&report(vec![positions(7)]))).expect("JSON");
    let row = &read["sections"][0]["tables"][0]["rows"][3];
    assert_eq!((&row["symbol"], &row["weight"]), (&HOSTILE[3].into(), &Value::Null));
    assert_eq!(
        (&row["exposure"], &read["portfolio"]),
        (&"-12345.68".into(), &HOSTILE.join(" ").into())
    );
}

#[test]
fn a_document_breaks_its_pages_and_draws_whatever_there_is() {
    let none = pdf::report(&report(Vec::new())).expect("a document");
    assert_eq!(pages(&none), 1);
    let many = pdf::report(&report(vec![positions(500), history(90), matrix(16)]));
    assert!(pages(&many.expect("a document")) > 10);
    for tables in [
        vec![positions(0), history(0), matrix(0)],
        vec![positions(1), history(1), matrix(1)],
        vec![matrix(60)],
        vec![Table::new("empty", "", Vec::new())],
    ] {
        let report = report(tables);
        assert!(pdf::report(&report).expect("a document").starts_with(b"%PDF-"));
        assert!(xlsx::report(&report).expect("a workbook").starts_with(b"PK"));
        csv::report(&report).expect("a file");
    }
}

proptest! {
    #[test]
    fn a_text_is_never_a_formula_nor_more_than_a_line(text in any::<String>()) {
        let cell = text::cell(&text);
        prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']));
        prop_assert!(!cell.chars().any(char::is_control));
        prop_assert!(!text::markdown(&text).contains(['<', '\n']));
        prop_assert!(text::file_stem(&text).bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }

    #[test]
    fn what_is_shown_is_the_value(mantissa in any::<i64>(), scale in 0_u32..10) {
        for unit in [Unit::Money, Unit::Price, Unit::Exact, Unit::Ratio, Unit::Greek, Unit::Count] {
            let number = Number::new(Decimal::new(mantissa, scale), unit);
            let shown: Decimal = number.shown().replace(',', "").parse().expect("a number");
            prop_assert_eq!(shown, number.value);
        }
    }
}
