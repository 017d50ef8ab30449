//! What goes where: sections one under the other, pages broken where they are full.

use super::canvas::{Align, Canvas, Color, HEIGHT, INNER, MARGIN, Style, WIDTH};
use super::font::{Fonts, Weight};
use super::{chart, length};
use crate::render::RenderError;
use crate::render::report::{Figure, Report, Section};
use crate::render::table::Cell;
use crate::render::text;

/// Where a page's own part begins and ends.
const TOP: f32 = 64.0;
const BOTTOM: f32 = HEIGHT - 58.0;
/// The height of the first page's head.
const BAND: f32 = 92.0;
const TILES: usize = 4;
const TILE_HEIGHT: f32 = 42.0;
const GAP: f32 = 8.0;

/// The pages of a document as far as they are written.
pub struct Flow<'a> {
    report: &'a Report,
    pub(super) fonts: Fonts,
    pages: Vec<Canvas>,
    current: Canvas,
    /// How far down the page is written.
    pub(super) y: f32,
    marks: Vec<Mark>,
}

/// Where a section begins.
pub struct Mark {
    pub title: &'static str,
    pub page: usize,
    pub y: f32,
}

/// All pages, and what they are made with.
pub struct Pages {
    pub all: Vec<Canvas>,
    pub fonts: Fonts,
    pub marks: Vec<Mark>,
}

impl<'a> Flow<'a> {
    /// # Errors
    /// When the program's own fonts are broken.
    pub fn new(report: &'a Report) -> Result<Self, RenderError> {
        let (fonts, pages, current) = (Fonts::new()?, Vec::new(), Canvas::new());
        let mut flow = Self { report, fonts, pages, current, y: BAND + 22.0, marks: Vec::new() };
        flow.band();
        flow.notices();
        Ok(flow)
    }

    /// The head of the first page.
    fn band(&mut self) {
        let Report { title, subject, currency, as_of, .. } = self.report;
        let (canvas, fonts) = (&mut self.current, &mut self.fonts);
        canvas.fill((0.0, 0.0), (WIDTH, BAND), Color::NAVY);
        canvas.fill((0.0, BAND), (WIDTH, 2.5), Color::AMBER);
        let small = Style::semibold(7.5, Color::SKY);
        canvas.text(fonts, &title.to_uppercase(), (MARGIN, 34.0), Align::Left, small);
        let name = text::line(subject);
        let mut size = 21.0;
        while size > 13.0 && fonts.of(Weight::Semibold).width(&name, size) > INNER - 140.0 {
            size -= 0.5;
        }
        let name = fonts.of(Weight::Semibold).fitted(&name, size, INNER - 140.0);
        let large = Style::semibold(size, Color::WHITE);
        canvas.text(fonts, &name, (MARGIN, 61.0), Align::Left, large);
        let right = WIDTH - MARGIN;
        canvas.text(fonts, "AS OF", (right, 34.0), Align::Right, small);
        let date = as_of.format("%B %-d, %Y").to_string();
        let medium = Style::semibold(13.0, Color::WHITE);
        canvas.text(fonts, &date, (right, 52.0), Align::Right, medium);
        let about = format!("Amounts in {}", text::line(currency));
        let quiet = Style::regular(8.0, Color::SKY);
        canvas.text(fonts, &about, (right, 66.0), Align::Right, quiet);
    }

    /// What has to be known before any figure.
    fn notices(&mut self) {
        const SIZE: f32 = 8.0;
        let width = INNER - 24.0;
        for notice in &self.report.notices {
            let lines = self.fonts.of(Weight::Regular).wrapped(&text::line(notice), SIZE, width);
            let height = length(lines.len()) * 11.0 + 10.0;
            self.need(height + GAP);
            let (canvas, fonts) = (&mut self.current, &mut self.fonts);
            canvas.fill((MARGIN, self.y), (INNER, height), Color::CREAM);
            canvas.fill((MARGIN, self.y), (3.0, height), Color::AMBER);
            for (at, line) in lines.iter().enumerate() {
                let y = self.y + 13.0 + length(at) * 11.0;
                let style = Style::regular(SIZE, Color::INK);
                canvas.text(fonts, line, (MARGIN + 12.0, y), Align::Left, style);
            }
            self.y += height + GAP;
        }
        self.y += 4.0;
    }

    /// Begins another page.
    fn turn(&mut self) {
        self.pages.push(std::mem::replace(&mut self.current, Canvas::new()));
        self.y = TOP;
        let (canvas, fonts) = (&mut self.current, &mut self.fonts);
        let name = text::line(&self.report.subject);
        let name = fonts.of(Weight::Semibold).fitted(&name, 8.0, INNER - 120.0);
        let style = Style::semibold(8.0, Color::NAVY);
        canvas.text(fonts, &name, (MARGIN, 38.0), Align::Left, style);
        let as_of = format!("As of {}", self.report.as_of.format("%B %-d, %Y"));
        let style = Style::regular(8.0, Color::GRAY);
        canvas.text(fonts, &as_of, (WIDTH - MARGIN, 38.0), Align::Right, style);
        canvas.line((MARGIN, 45.0), (WIDTH - MARGIN, 45.0), 0.6, Color::NAVY);
    }

    /// Makes sure that a height is left on the page; tells whether that took another one.
    pub(super) fn need(&mut self, height: f32) -> bool {
        let is_full = self.y + height > BOTTOM && self.y > TOP;
        if is_full {
            self.turn();
        }
        is_full
    }

    /// The page and the fonts to write on it with.
    pub(super) fn here(&mut self) -> (&mut Canvas, &mut Fonts) {
        (&mut self.current, &mut self.fonts)
    }

    pub fn section(&mut self, section: &Section) {
        let tiles = length(section.figures.len().div_ceil(TILES)) * (TILE_HEIGHT + GAP);
        let first = section.tables.first().map_or(0.0, chart::least_height);
        // A heading is not left alone at the end of a page.
        self.need((40.0 + tiles + first.max(60.0)).min(420.0));
        self.marks.push(Mark { title: section.title, page: self.pages.len(), y: self.y });
        let y = self.y;
        let (canvas, fonts) = self.here();
        canvas.fill((MARGIN, y + 3.0), (4.0, 14.0), Color::AMBER);
        let style = Style::semibold(14.0, Color::NAVY);
        canvas.text(fonts, section.title, (MARGIN + 11.0, y + 15.0), Align::Left, style);
        self.y += 30.0;

        self.tiles(&section.figures);
        for table in &section.tables {
            if !table.is_drawn_only || table.charts.is_empty() {
                self.table(table);
            }
            chart::of(self, table);
        }
        self.notes(&section.notes);
        self.y += 14.0;
    }

    fn tiles(&mut self, figures: &[Figure]) {
        let width = (INNER - GAP * length(TILES - 1)) / length(TILES);
        for row in figures.chunks(TILES) {
            self.need(TILE_HEIGHT + GAP);
            let y = self.y;
            for (at, figure) in row.iter().enumerate() {
                let x = MARGIN + length(at) * (width + GAP);
                let (canvas, fonts) = self.here();
                canvas.fill((x, y), (width, TILE_HEIGHT), Color::PALE);
                canvas.fill((x, y), (width, 1.2), Color::BLUE);
                let label = fonts.of(Weight::Regular).fitted(figure.label, 7.2, width - 16.0);
                let style = Style::regular(7.2, Color::GRAY);
                canvas.text(fonts, &label, (x + 8.0, y + 14.0), Align::Left, style);
                let value = text::line(&figure.value.shown()).into_owned();
                let mut size = 12.5;
                while size > 7.0 && fonts.of(Weight::Semibold).width(&value, size) > width - 16.0 {
                    size -= 0.5;
                }
                let value = fonts.of(Weight::Semibold).fitted(&value, size, width - 16.0);
                let style = Style::semibold(size, color_of(&figure.value, Color::NAVY));
                canvas.text(fonts, &value, (x + 8.0, y + 32.0), Align::Left, style);
            }
            self.y += TILE_HEIGHT + GAP;
        }
        if !figures.is_empty() {
            self.y += 6.0;
        }
    }

    fn notes(&mut self, notes: &[String]) {
        const SIZE: f32 = 7.2;
        for note in notes {
            let note = text::line(note);
            let lines = self.fonts.of(Weight::Regular).wrapped(&note, SIZE, INNER - 10.0);
            for (at, line) in lines.iter().enumerate() {
                self.need(10.0);
                let y = self.y + 8.0;
                let (canvas, fonts) = self.here();
                let style = Style::regular(SIZE, Color::GRAY);
                if at == 0 {
                    canvas.text(fonts, "•", (MARGIN, y), Align::Left, style);
                }
                canvas.text(fonts, line, (MARGIN + 9.0, y), Align::Left, style);
                self.y += 10.0;
            }
            self.y += 1.5;
        }
    }

    /// Writes what every page has at its foot, now that their number is known.
    pub fn finish(mut self) -> Pages {
        self.pages.push(self.current);
        let count = self.pages.len();
        let made =
            format!("SigmaSight · made {}", self.report.made_at.format("%Y-%m-%d %H:%M UTC"));
        let foot = HEIGHT - 40.0;
        for (at, canvas) in self.pages.iter_mut().enumerate() {
            let fonts = &mut self.fonts;
            canvas.line((MARGIN, foot), (WIDTH - MARGIN, foot), 0.5, Color::LINE);
            let style = Style::regular(7.0, Color::GRAY);
            canvas.text(fonts, &made, (MARGIN, foot + 12.0), Align::Left, style);
            let page = format!("Page {} of {count}", at + 1);
            canvas.text(fonts, &page, (WIDTH - MARGIN, foot + 12.0), Align::Right, style);
            if let Some(notice) = self.report.notices.first() {
                let notice = text::line(notice);
                let notice = fonts.of(Weight::Regular).fitted(&notice, 6.5, INNER - 20.0);
                let style = Style::regular(6.5, Color::AMBER);
                canvas.text(fonts, &notice, (WIDTH / 2.0, foot + 23.0), Align::Center, style);
            }
        }
        Pages { all: self.pages, fonts: self.fonts, marks: self.marks }
    }
}

/// Losses stand out.
pub(super) fn color_of(cell: &Cell, otherwise: Color) -> Color {
    match cell {
        Cell::Number(number) if number.value.is_sign_negative() && !number.value.is_zero() => {
            Color::RED
        }
        Cell::None => Color::GRAY,
        _ => otherwise,
    }
}
