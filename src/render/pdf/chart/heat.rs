//! A matrix from -1 to 1, as colors with their figures.

use crate::render::pdf::canvas::{Align, Color, INNER, MARGIN, Style};
use crate::render::pdf::flow::Flow;
use crate::render::pdf::font::Weight;
use crate::render::pdf::length;
use crate::render::table::{Cell, Chart, Number, Table};
use crate::render::text;

const NAMES: f32 = 62.0;
const LARGEST: f32 = 34.0;
/// Below this a field has no room for its figure.
const LEGIBLE: f32 = 17.0;

/// How tall the whole of it is.
pub fn height(table: &Table) -> f32 {
    44.0 + 20.0 * length(table.rows.len())
}

pub fn draw(flow: &mut Flow<'_>, table: &Table, chart: &Chart) {
    let size = ((INNER - NAMES) / length(chart.values.len().max(1))).min(LARGEST);
    let tall = size.min(20.0);
    flow.need(height(table).min(620.0));
    let y = flow.y + 9.0;
    let (canvas, fonts) = flow.here();
    canvas.text(fonts, &chart.title, (MARGIN, y), Align::Left, Style::semibold(8.5, Color::NAVY));
    flow.y += 26.0;

    let small = if size < LEGIBLE { 5.0 } else { 6.3 };
    let label = Style::regular(small, Color::INK);
    let y = flow.y;
    let (canvas, fonts) = flow.here();
    for (at, place) in chart.values.iter().enumerate() {
        let x = MARGIN + NAMES + (length(at) + 0.5) * size;
        let name = table.rows.get(at).and_then(|row| row.get(chart.names));
        let name = name.map_or_else(|| table.columns[*place].label.to_string(), Cell::shown);
        let name = fonts.of(Weight::Regular).fitted(&text::line(&name), small, size - 1.0);
        canvas.text(fonts, &name, (x, y - 3.0), Align::Center, label);
    }
    for row in &table.rows {
        flow.need(tall);
        let y = flow.y;
        let (canvas, fonts) = flow.here();
        let name = row.get(chart.names).map_or(String::new(), Cell::shown);
        let name = fonts.of(Weight::Regular).fitted(&text::line(&name), 6.8, NAMES - 4.0);
        let base = y + tall / 2.0 + 2.3;
        canvas.text(fonts, &name, (MARGIN, base), Align::Left, Style::regular(6.8, Color::INK));
        for (at, place) in chart.values.iter().enumerate() {
            let x = MARGIN + NAMES + length(at) * size;
            let number = row.get(*place).and_then(Cell::number);
            let value = number.and_then(Number::as_f64);
            let color = value.map_or(Color::LINE, shade);
            canvas.fill((x, y), (size - 0.8, tall - 0.8), color);
            if let Some((number, value)) = number.zip(value).filter(|_| size >= LEGIBLE) {
                let ink = if value.abs() > 0.6 { Color::WHITE } else { Color::INK };
                let shown = format!("{:.2}", number.value);
                let style = Style::regular(6.0, ink);
                canvas.text(fonts, &shown, (x + size / 2.0, base - 0.2), Align::Center, style);
            }
        }
        flow.y += tall;
    }
    flow.y += 16.0;
}

#[expect(clippy::cast_possible_truncation, reason = "a shade needs no more")]
fn shade(value: f64) -> Color {
    let part = value.abs() as f32;
    Color::WHITE.towards(if value < 0.0 { Color::RED } else { Color::BLUE }, part * 0.95)
}
