//! Bars from zero to either side, one under the other, each with its figure.

use super::SERIES;
use super::axis::Axis;
use super::lines::unit_of;
use crate::render::pdf::canvas::{Align, Color, INNER, MARGIN, Style};
use crate::render::pdf::flow::Flow;
use crate::render::pdf::font::Weight;
use crate::render::pdf::length;
use crate::render::table::{Cell, Chart, Number, Table};
use crate::render::text;

/// Of one bar, with what is around it.
const THICK: f32 = 9.0;
const BETWEEN: f32 = 4.0;
/// Most of the width that names take.
const NAMES: f32 = 150.0;
/// Beside the longest bars, for their figures.
const FIGURES: f32 = 62.0;
const LABEL: Style = Style::regular(7.0, Color::INK);

pub fn draw(flow: &mut Flow<'_>, table: &Table, chart: &Chart) {
    let unit = unit_of(table, chart);
    // Each as it is written and as it is drawn.
    let number = |cell: &Cell| -> Option<(Number, f64)> {
        let number = cell.number()?;
        Some((number, number.as_f64()?))
    };
    let numbers = |row: &Vec<Cell>| -> Vec<_> {
        chart.values.iter().map(|place| row.get(*place).and_then(number)).collect()
    };
    let rows: Vec<_> = table.rows.iter().map(numbers).collect();
    let all = rows.iter().flatten().flatten().map(|(_, value)| *value);
    let axis = Axis::around(all.clone().chain(std::iter::once(0.0)), 6);
    let series = chart.values.len().max(1);
    let row_height = length(series) * THICK + BETWEEN;
    let names: Vec<_> = table
        .rows
        .iter()
        .map(|row| row.get(chart.names).map_or(String::new(), Cell::shown))
        .collect();
    let font = flow.fonts.of(Weight::Regular);
    let widest = names.iter().map(|name| font.width(name, LABEL.size)).fold(0.0, f32::max);
    let left = MARGIN + widest.min(NAMES) + 8.0;

    let is_lost = all.clone().any(|value| value < 0.0);
    // Figures stand at the ends of bars: to the left of zero only where bars go there.
    let from = if is_lost { left + FIGURES } else { left };
    let to = MARGIN + INNER - FIGURES;
    let x_of = |value: f64| from + axis.part(value) * (to - from);
    flow.need(40.0 + row_height * length(rows.len().clamp(1, 6)));
    title(flow, table, chart);

    for (name, row) in names.iter().zip(&rows) {
        if flow.need(row_height + 6.0) {
            title(flow, table, chart);
        }
        let y = flow.y;
        let (canvas, fonts) = flow.here();
        let zero = x_of(0.0);
        canvas.line((zero, y), (zero, y + row_height), 0.6, Color::GRAY);
        let name = fonts.of(Weight::Regular).fitted(&text::line(name), LABEL.size, NAMES);
        let middle = y + row_height / 2.0 + 2.4;
        canvas.text(fonts, &name, (MARGIN, middle), Align::Left, LABEL);
        for (at, number) in row.iter().enumerate() {
            let top = y + BETWEEN / 2.0 + length(at) * THICK;
            let Some((number, value)) = *number else {
                let style = Style::regular(6.5, Color::GRAY);
                canvas.text(fonts, "n/a", (zero + 4.0, top + 6.6), Align::Left, style);
                continue;
            };
            let end = x_of(value);
            let color = match (series, value < 0.0) {
                (1, true) => Color::RED,
                _ => SERIES[at % SERIES.len()],
            };
            canvas.fill((zero.min(end), top), ((end - zero).abs().max(0.4), THICK - 1.5), color);
            let (x, align) =
                if value < 0.0 { (end - 4.0, Align::Right) } else { (end + 4.0, Align::Left) };
            let style = Style::regular(6.5, Color::GRAY);
            canvas.text(fonts, &number.shown(), (x, top + 6.6), align, style);
        }
        flow.y += row_height;
    }
    let y = flow.y + 9.0;
    let (canvas, fonts) = flow.here();
    for mark in &axis.marks {
        let x = x_of(*mark);
        canvas.line((x, y - 9.0), (x, y - 6.5), 0.5, Color::GRAY);
        let style = Style::regular(6.5, Color::GRAY);
        canvas.text(fonts, &axis.label(*mark, unit), (x, y), Align::Center, style);
    }
    flow.y += 24.0;
}

fn title(flow: &mut Flow<'_>, table: &Table, chart: &Chart) {
    let y = flow.y + 9.0;
    let (canvas, fonts) = flow.here();
    canvas.text(fonts, &chart.title, (MARGIN, y), Align::Left, Style::semibold(8.5, Color::NAVY));
    if chart.values.len() > 1 {
        let mut x = MARGIN + INNER;
        for (place, color) in chart.values.iter().zip(SERIES).rev() {
            let label = &table.columns[*place].label;
            canvas.text(fonts, label, (x, y), Align::Right, LABEL);
            x -= fonts.of(LABEL.weight).width(label, LABEL.size) + 9.0;
            canvas.fill((x, y - 5.0), (6.0, 5.0), color);
            x -= 9.0;
        }
    }
    flow.y += 17.0;
}
