//! Tables on pages: columns as wide as what is in them, heads repeated on every page.

use super::canvas::{Align, Color, INNER, MARGIN, Style};
use super::flow::{Flow, color_of};
use super::font::Weight;
use super::length;
use crate::render::table::{Cell, Column, Table};
use crate::render::text;

/// Sizes of letters, the first with which all columns fit; else the last, and texts are cut.
const SIZES: [f32; 5] = [8.0, 7.5, 7.0, 6.5, 6.0];
/// The widest that a column of texts asks for, and the narrowest that it is cut to.
const WIDEST: f32 = 170.0;
const NARROWEST: f32 = 42.0;
/// Between the edge of a column and what is in it.
const PAD: f32 = 4.5;

/// How a table is laid out.
struct Layout {
    /// Of the columns shown, their place in the table.
    columns: Vec<usize>,
    widths: Vec<f32>,
    size: f32,
}

impl Flow<'_> {
    pub(super) fn table(&mut self, table: &Table) {
        self.need(64.0);
        self.caption(&table.title);
        if table.rows.is_empty() {
            let y = self.y + 8.0;
            let (canvas, fonts) = self.here();
            let style = Style::regular(8.0, Color::GRAY);
            canvas.text(fonts, "None.", (MARGIN + PAD, y), Align::Left, style);
            self.y += 20.0;
            return;
        }
        let layout = self.laid_out(table);
        let height = layout.size + 6.0;
        self.head(table, &layout);
        let last = table.rows.len() - 1;
        for (at, row) in table.rows.iter().enumerate() {
            // A total is not left alone on a page.
            let together = if at == last && table.total.is_some() { 2.0 } else { 1.0 };
            if self.need(height * together) {
                self.head(table, &layout);
            }
            self.row(table, &layout, row, false);
        }
        if let Some(total) = &table.total {
            self.row(table, &layout, total, true);
        }
        self.y += 12.0;
    }

    pub(super) fn caption(&mut self, title: &str) {
        let y = self.y + 9.0;
        let (canvas, fonts) = self.here();
        let title = fonts.of(Weight::Semibold).fitted(&text::line(title), 9.0, INNER);
        canvas.text(fonts, &title, (MARGIN, y), Align::Left, Style::semibold(9.0, Color::BLUE));
        self.y += 16.0;
    }

    fn laid_out(&mut self, table: &Table) -> Layout {
        let columns = table.printed();
        let mut layout = Layout { widths: Vec::new(), size: SIZES[0], columns };
        for size in SIZES {
            layout.size = size;
            let asked = layout.columns.iter().map(|place| self.asked(table, *place, size));
            layout.widths = asked.collect();
            if layout.widths.iter().sum::<f32>() <= INNER {
                break;
            }
        }
        let excess = layout.widths.iter().sum::<f32>() - INNER;
        if excess <= 0.0 {
            let share = -excess / length(layout.widths.len().max(1));
            layout.widths.iter_mut().for_each(|width| *width += share);
            return layout;
        }
        // Texts give way first, numbers only when that is not enough.
        let texts: f32 = of_texts(table, &layout).map(|width| (width - NARROWEST).max(0.0)).sum();
        let part = if texts > 0.0 { (excess / texts).min(1.0) } else { 0.0 };
        for (place, width) in layout.columns.iter().zip(&mut layout.widths) {
            if table.columns[*place].is_text {
                *width -= (*width - NARROWEST).max(0.0) * part;
            }
        }
        let scale = (INNER / layout.widths.iter().sum::<f32>()).min(1.0);
        layout.widths.iter_mut().for_each(|width| *width *= scale);
        layout
    }

    /// How wide a column would like to be.
    fn asked(&mut self, table: &Table, place: usize, size: f32) -> f32 {
        let about = &table.columns[place];
        let font = self.fonts.of(Weight::Semibold);
        let words = about.label.split(' ').map(|word| font.width(word, size)).fold(0.0, f32::max);
        // A label may take two lines.
        let mut widest = words.max(font.width(&about.label, size) * 0.55);
        let totals = table.total.iter().filter_map(|total| total.get(place));
        for total in totals {
            widest = widest.max(font.width(&total.shown(), size));
        }
        let font = self.fonts.of(Weight::Regular);
        for row in &table.rows {
            if let Some(cell) = row.get(place) {
                widest = widest.max(font.width(&cell.shown(), size));
            }
        }
        if about.is_text { widest.min(WIDEST) + 2.0 * PAD } else { widest + 2.0 * PAD }
    }

    fn head(&mut self, table: &Table, layout: &Layout) {
        let size = layout.size;
        let labels: Vec<_> = layout
            .columns
            .iter()
            .zip(&layout.widths)
            .map(|(place, width)| {
                let label = &table.columns[*place].label;
                self.fonts.of(Weight::Semibold).wrapped(label, size, width - 2.0 * PAD + 0.5)
            })
            .collect();
        let lines = labels.iter().map(Vec::len).max().unwrap_or(1);
        let height = length(lines) * (size + 2.0) + 5.0;
        let y = self.y;
        let (canvas, fonts) = self.here();
        canvas.fill((MARGIN, y), (INNER, height), Color::PALE);
        canvas.line((MARGIN, y + height), (MARGIN + INNER, y + height), 0.8, Color::NAVY);
        let mut x = MARGIN;
        for ((place, width), label) in layout.columns.iter().zip(&layout.widths).zip(&labels) {
            let (at, align) = anchor(&table.columns[*place], x, *width);
            // At the foot of the head.
            let first = y + height - 4.5 - length(label.len().saturating_sub(1)) * (size + 2.0);
            for (line, text) in label.iter().enumerate() {
                let base = first + length(line) * (size + 2.0);
                canvas.text(fonts, text, (at, base), align, Style::semibold(size, Color::NAVY));
            }
            x += width;
        }
        self.y += height;
    }

    fn row(&mut self, table: &Table, layout: &Layout, row: &[Cell], is_total: bool) {
        let Layout { size, .. } = *layout;
        let height = size + 6.0;
        let y = self.y;
        let (canvas, fonts) = self.here();
        let mut x = MARGIN;
        for (place, width) in layout.columns.iter().zip(&layout.widths) {
            let cell = row.get(*place).unwrap_or(&Cell::None);
            if !(is_total && *cell == Cell::None) {
                let (at, align) = anchor(&table.columns[*place], x, *width);
                let weight = if is_total { Weight::Semibold } else { Weight::Regular };
                let shown = cell.shown();
                let shown =
                    fonts.of(weight).fitted(&text::line(&shown), size, width - 2.0 * PAD + 0.5);
                let style = Style { weight, size, color: color_of(cell, Color::INK) };
                canvas.text(fonts, &shown, (at, y + size + 2.0), align, style);
            }
            x += width;
        }
        let (edge, color) = if is_total { (y, Color::NAVY) } else { (y + height, Color::LINE) };
        canvas.line((MARGIN, edge), (MARGIN + INNER, edge), 0.5, color);
        self.y += height;
    }
}

fn of_texts<'a>(table: &'a Table, layout: &'a Layout) -> impl Iterator<Item = f32> + 'a {
    let both = layout.columns.iter().zip(&layout.widths);
    both.filter(|(place, _)| table.columns[**place].is_text).map(|(_, width)| *width)
}

/// Where what is in a column stands: texts at its left, numbers at its right.
fn anchor(column: &Column, x: f32, width: f32) -> (f32, Align) {
    if column.is_text { (x + PAD, Align::Left) } else { (x + width - PAD, Align::Right) }
}
