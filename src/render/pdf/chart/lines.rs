//! Lines and areas over time.

use chrono::NaiveDate;

use super::axis::Axis;
use super::{Frame, SERIES};
use crate::render::pdf::canvas::{Align, Color, Style};
use crate::render::pdf::flow::Flow;
use crate::render::pdf::length;
use crate::render::table::{Cell, Chart, ChartKind, Table, Unit};

pub const HEIGHT: f32 = 150.0;
const LABEL: Style = Style::regular(6.5, Color::GRAY);

pub fn draw(flow: &mut Flow<'_>, frame: Frame, table: &Table, chart: &Chart) {
    let values: Vec<Vec<Option<f64>>> = chart
        .values
        .iter()
        .map(|place| {
            let number = |row: &Vec<Cell>| row.get(*place)?.number()?.as_f64();
            table.rows.iter().map(number).collect()
        })
        .collect();
    let unit = unit_of(table, chart);
    let is_area = chart.kind == ChartKind::Area;
    // An area is filled up to zero, which it therefore shows.
    let zero = is_area.then_some(0.0);
    let axis = Axis::around(values.iter().flatten().flatten().copied().chain(zero), 4);

    let (canvas, fonts) = flow.here();
    let title = Style::semibold(8.5, Color::NAVY);
    canvas.text(fonts, &chart.title, (frame.x, frame.y + 9.0), Align::Left, title);
    let (left, right) = (frame.x + 34.0, frame.x + frame.width - 4.0);
    let (top, bottom) = (frame.y + 22.0, frame.y + frame.height - 16.0);
    let height_of = |value: f64| bottom - axis.part(value) * (bottom - top);
    for mark in &axis.marks {
        let y = height_of(*mark);
        canvas.line((left, y), (right, y), 0.4, Color::LINE);
        let label = axis.label(*mark, unit);
        canvas.text(fonts, &label, (left - 4.0, y + 2.2), Align::Right, LABEL);
    }
    let count = table.rows.len();
    let steps = length(count.saturating_sub(1).max(1));
    let x_of = |at: usize| left + length(at) / steps * (right - left);
    for at in marked(count, frame.width) {
        let date = table.rows.get(at).and_then(|row| row.get(chart.names));
        if let Some(Cell::Date(date)) = date {
            let align = match at {
                0 => Align::Left,
                at if at + 1 == count => Align::Right,
                _ => Align::Center,
            };
            canvas.text(fonts, &short(*date), (x_of(at), bottom + 10.0), align, LABEL);
        }
    }
    for (series, color) in values.iter().zip(SERIES) {
        for (first, run) in runs(series) {
            let points: Vec<_> = run
                .iter()
                .enumerate()
                .map(|(at, value)| (x_of(first + at), height_of(*value)))
                .collect();
            let (Some(from), Some(to)) = (points.first().copied(), points.last().copied()) else {
                continue;
            };
            if is_area {
                let zero = height_of(0.0);
                let mut shape = points.clone();
                shape.extend([(to.0, zero), (from.0, zero)]);
                canvas.shape(&shape, Color::ROSE);
                canvas.path(&points, 1.0, Color::RED);
            } else if points.len() == 1 {
                canvas.fill((from.0 - 1.2, from.1 - 1.2), (2.4, 2.4), color);
            } else {
                canvas.path(&points, 1.3, color);
            }
        }
    }
    if values.len() > 1 {
        let mut x = right;
        for (place, color) in chart.values.iter().zip(SERIES).rev() {
            let label = &table.columns[*place].label;
            canvas.text(fonts, label, (x, frame.y + 9.0), Align::Right, LABEL);
            x -= fonts.of(LABEL.weight).width(label, LABEL.size) + 9.0;
            canvas.fill((x, frame.y + 4.0), (6.0, 5.0), color);
            x -= 9.0;
        }
    }
}

/// The unit of what is drawn: of the first number there is.
pub fn unit_of(table: &Table, chart: &Chart) -> Unit {
    let cells = table.rows.iter().flat_map(|row| chart.values.iter().map(|place| row.get(*place)));
    cells.flatten().find_map(Cell::number).map_or(Unit::Exact, |number| number.unit)
}

/// Which of so many dates are written: the first, the last, and some between that fit.
fn marked(count: usize, width: f32) -> Vec<usize> {
    let Some(last) = count.checked_sub(1) else { return Vec::new() };
    let parts = if width > 300.0 { 6 } else { 3 };
    let mut marked: Vec<_> = (0..=parts).map(|part| part * last / parts).collect();
    marked.dedup();
    marked
}

fn short(date: NaiveDate) -> String {
    date.format("%b %-d, %y").to_string()
}

/// The stretches of a series without a gap, each with the place where it begins.
fn runs(series: &[Option<f64>]) -> Vec<(usize, Vec<f64>)> {
    let mut runs: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut is_open = false;
    for (at, value) in series.iter().enumerate() {
        match value {
            Some(value) => {
                if !is_open {
                    runs.push((at, Vec::new()));
                }
                if let Some((_, run)) = runs.last_mut() {
                    run.push(*value);
                }
                is_open = true;
            }
            None => is_open = false,
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_not_drawn_over() {
        let series = [None, Some(1.0), Some(2.0), None, Some(3.0)];
        assert_eq!(runs(&series), [(1, vec![1.0, 2.0]), (4, vec![3.0])]);
    }

    #[test]
    fn the_first_and_the_last_date_are_written() {
        assert_eq!(marked(90, 500.0), [0, 14, 29, 44, 59, 74, 89]);
        assert_eq!(marked(2, 500.0), [0, 1]);
        assert!(marked(0, 500.0).is_empty());
    }
}
