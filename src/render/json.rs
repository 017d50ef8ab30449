//! Reports and tables as JSON. Money, prices and quantities are strings, exact, as in the API;
//! statistics are numbers; what is missing is null.

use serde_json::{Map, Value, json};

use super::report::{Report, Section};
use super::table::{Cell, ChartKind, Table, Unit};

/// A report with all that it says.
pub fn report(report: &Report) -> Vec<u8> {
    let sections: Vec<_> = report.sections.iter().map(section).collect();
    bytes(&json!({
        "title": report.title,
        "portfolio": report.subject,
        "currency": report.currency,
        "asOf": report.as_of,
        "madeAt": report.made_at,
        "notices": report.notices,
        "sections": sections,
    }))
}

fn section(section: &Section) -> Value {
    let figures: Vec<_> = section
        .figures
        .iter()
        .map(|figure| {
            json!({
                "key": figure.key,
                "label": figure.label,
                "value": value(&figure.value),
                "shown": figure.value.shown(),
                "unit": figure.value.number().map(|number| number.unit.as_str()),
            })
        })
        .collect();
    let tables: Vec<_> = section
        .tables
        .iter()
        .map(|table| {
            let columns: Vec<_> = table
                .columns
                .iter()
                .map(|column| json!({ "key": column.key, "label": column.label }))
                .collect();
            let charts: Vec<_> = table
                .charts
                .iter()
                .map(|chart| {
                    let key =
                        |place: usize| table.columns.get(place).map(|column| column.key.as_ref());
                    let values: Vec<_> = chart.values.iter().map(|place| key(*place)).collect();
                    json!({
                        "title": chart.title,
                        "kind": kind(chart.kind),
                        "names": key(chart.names),
                        "values": values,
                    })
                })
                .collect();
            json!({
                "key": table.key,
                "title": table.title,
                "columns": columns,
                "rows": rows(table),
                "total": table.total.as_ref().map(|total| row(table, total)),
                "charts": charts,
            })
        })
        .collect();
    json!({
        "key": section.key,
        "title": section.title,
        "figures": figures,
        "tables": tables,
        "notes": section.notes,
    })
}

fn kind(kind: ChartKind) -> &'static str {
    match kind {
        ChartKind::Line => "LINE",
        ChartKind::Area => "AREA",
        ChartKind::Bars => "BARS",
        ChartKind::Heat => "HEAT",
    }
}

/// The rows of a table as objects, with whatever stands above them.
pub fn table(head: Map<String, Value>, name: &str, table: &Table) -> Vec<u8> {
    let mut all = head;
    all.insert(name.into(), rows(table));
    bytes(&Value::Object(all))
}

fn rows(table: &Table) -> Value {
    table.rows.iter().map(|cells| row(table, cells)).collect()
}

fn row(table: &Table, cells: &[Cell]) -> Value {
    let named = table.columns.iter().zip(cells);
    Value::Object(named.map(|(column, cell)| (column.key.to_string(), value(cell))).collect())
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::None => Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Date(date) => json!(date),
        Cell::Number(number) => match number.unit {
            Unit::Money | Unit::Price | Unit::Exact => json!(number.value.to_string()),
            Unit::Percent | Unit::Share | Unit::Ratio | Unit::Greek => json!(number.as_f64()),
            Unit::Count => number.value.to_string().parse::<i64>().map_or(Value::Null, Value::from),
        },
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut text = format!("{value:#}");
    text.push('\n');
    text.into_bytes()
}
