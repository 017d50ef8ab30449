//! A page to draw on: points from its upper left corner, as a reader goes.

use pdf_writer::{Content, Str};

use super::font::{Fonts, Weight};

/// US letter.
pub const WIDTH: f32 = 612.0;
pub const HEIGHT: f32 = 792.0;
pub const MARGIN: f32 = 46.0;
/// Between the margins.
pub const INNER: f32 = WIDTH - 2.0 * MARGIN;

/// Red, green and blue, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Color(pub f32, pub f32, pub f32);

impl Color {
    const fn of(red: u8, green: u8, blue: u8) -> Self {
        Self(red as f32 / 255.0, green as f32 / 255.0, blue as f32 / 255.0)
    }

    pub const WHITE: Self = Self::of(255, 255, 255);
    pub const NAVY: Self = Self::of(20, 36, 66);
    pub const INK: Self = Self::of(38, 44, 54);
    pub const GRAY: Self = Self::of(104, 114, 128);
    pub const LINE: Self = Self::of(214, 220, 228);
    pub const PALE: Self = Self::of(244, 246, 250);
    pub const BLUE: Self = Self::of(35, 94, 158);
    pub const SKY: Self = Self::of(205, 220, 238);
    pub const AMBER: Self = Self::of(190, 120, 30);
    pub const CREAM: Self = Self::of(253, 246, 232);
    pub const GREEN: Self = Self::of(94, 138, 106);
    pub const RED: Self = Self::of(176, 48, 52);
    pub const ROSE: Self = Self::of(241, 209, 207);

    /// A part of the way from one color to another.
    pub fn towards(self, other: Self, part: f32) -> Self {
        let mix = |from: f32, to: f32| from + (to - from) * part.clamp(0.0, 1.0);
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }
}

/// Where a text stands to the point it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
    Center,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub weight: Weight,
    pub size: f32,
    pub color: Color,
}

impl Style {
    pub const fn regular(size: f32, color: Color) -> Self {
        Self { weight: Weight::Regular, size, color }
    }

    pub const fn semibold(size: f32, color: Color) -> Self {
        Self { weight: Weight::Semibold, size, color }
    }
}

/// One page.
pub struct Canvas {
    pub content: Content,
}

impl Canvas {
    pub fn new() -> Self {
        Self { content: Content::new() }
    }

    /// Writes a text on a base line.
    pub fn text(
        &mut self,
        fonts: &mut Fonts,
        text: &str,
        at: (f32, f32),
        align: Align,
        style: Style,
    ) {
        let font = fonts.of(style.weight);
        let x = match align {
            Align::Left => at.0,
            Align::Right => at.0 - font.width(text, style.size),
            Align::Center => at.0 - font.width(text, style.size) / 2.0,
        };
        let encoded = font.encode(text);
        let Color(red, green, blue) = style.color;
        self.content
            .begin_text()
            .set_font(font.name, style.size)
            .set_fill_rgb(red, green, blue)
            .next_line(x, HEIGHT - at.1)
            .show(Str(&encoded))
            .end_text();
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), color: Color) {
        let Color(red, green, blue) = color;
        self.content
            .set_fill_rgb(red, green, blue)
            .rect(x, HEIGHT - y - height, width, height)
            .fill_nonzero();
    }

    /// Draws a straight line.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, color: Color) {
        self.path(&[from, to], width, color);
    }

    /// Draws a line through points.
    pub fn path(&mut self, points: &[(f32, f32)], width: f32, color: Color) {
        let Some((first, rest)) = points.split_first() else { return };
        let Color(red, green, blue) = color;
        self.content
            .set_stroke_rgb(red, green, blue)
            .set_line_width(width)
            .set_line_join(pdf_writer::types::LineJoinStyle::RoundJoin)
            .move_to(first.0, HEIGHT - first.1);
        for point in rest {
            self.content.line_to(point.0, HEIGHT - point.1);
        }
        self.content.stroke();
    }

    /// Fills a shape through points.
    pub fn shape(&mut self, points: &[(f32, f32)], color: Color) {
        let Some((first, rest)) = points.split_first() else { return };
        let Color(red, green, blue) = color;
        self.content.set_fill_rgb(red, green, blue).move_to(first.0, HEIGHT - first.1);
        for point in rest {
            self.content.line_to(point.0, HEIGHT - point.1);
        }
        self.content.close_path().fill_nonzero();
    }
}
