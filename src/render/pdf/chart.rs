//! Charts drawn as vectors: lines and areas over time, bars to either side of zero, a matrix.

mod axis;
mod bars;
mod heat;
mod lines;

use super::canvas::{Color, INNER, MARGIN};
use super::flow::Flow;
use crate::render::table::{Chart, ChartKind, Table};

const GAP: f32 = 18.0;
/// Of the series of a chart, in their order.
const SERIES: [Color; 3] = [Color::BLUE, Color::AMBER, Color::GREEN];

/// Where a chart is drawn.
#[derive(Clone, Copy)]
struct Frame {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

/// What the beginning of a table, or of the chart in its place, takes at least.
pub fn least_height(table: &Table) -> f32 {
    let is_drawn = table.is_drawn_only && !table.rows.is_empty();
    match table.charts.first().filter(|_| is_drawn).map(|chart| chart.kind) {
        Some(ChartKind::Heat) => heat::height(table),
        Some(ChartKind::Line | ChartKind::Area) => lines::HEIGHT,
        Some(ChartKind::Bars) | None => 80.0,
    }
}

/// Draws the charts of a table; two over time stand side by side.
pub fn of(flow: &mut Flow<'_>, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    let is_over_time = |chart: &&Chart| matches!(chart.kind, ChartKind::Line | ChartKind::Area);
    let over_time: Vec<_> = table.charts.iter().filter(is_over_time).collect();
    for pair in over_time.chunks(2) {
        flow.need(lines::HEIGHT + 16.0);
        let count = super::length(pair.len());
        let width = (INNER - GAP * (count - 1.0)) / count;
        for (at, chart) in pair.iter().enumerate() {
            let x = MARGIN + super::length(at) * (width + GAP);
            let frame = Frame { x, y: flow.y, width, height: lines::HEIGHT };
            lines::draw(flow, frame, table, chart);
        }
        flow.y += lines::HEIGHT + 14.0;
    }
    for chart in table.charts.iter().filter(|chart| !is_over_time(chart)) {
        match chart.kind {
            ChartKind::Heat => heat::draw(flow, table, chart),
            _ => bars::draw(flow, table, chart),
        }
    }
}
