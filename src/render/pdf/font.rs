//! The fonts of a document: text measured and encoded, and only what is used of them embedded.

use std::collections::BTreeMap;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;
use ttf_parser::{Face, GlyphId};

use super::compressed;
use crate::render::RenderError;

/// Open Sans, © 2010–2011 Google; `fonts/LICENSE` says what may be done with it.
const REGULAR: &[u8] = include_bytes!("fonts/OpenSans-Regular.ttf");
const SEMIBOLD: &[u8] = include_bytes!("fonts/OpenSans-Semibold.ttf");

const SYSTEM: SystemInfo<'_> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// Stands for what the font has no shape of.
const UNKNOWN: char = '\u{fffd}';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Semibold,
}

/// Both weights.
pub struct Fonts {
    regular: Font,
    semibold: Font,
}

impl Fonts {
    /// # Errors
    /// When the program was built with a font that is none.
    pub fn new() -> Result<Self, RenderError> {
        Ok(Self {
            regular: Font::new(REGULAR, "SIGMAA+OpenSans-Regular", Name(b"R"))?,
            semibold: Font::new(SEMIBOLD, "SIGMAB+OpenSans-Semibold", Name(b"S"))?,
        })
    }

    pub fn of(&mut self, weight: Weight) -> &mut Font {
        match weight {
            Weight::Regular => &mut self.regular,
            Weight::Semibold => &mut self.semibold,
        }
    }

    pub fn all(&self) -> [&Font; 2] {
        [&self.regular, &self.semibold]
    }
}

/// A font, and what is used of it so far.
pub struct Font {
    data: &'static [u8],
    face: Face<'static>,
    base_name: &'static str,
    /// As pages name it.
    pub name: Name<'static>,
    glyphs: GlyphRemapper,
    /// The width and the character of each glyph used, by its number in the document.
    used: BTreeMap<u16, (f32, char)>,
    /// Widths and numbers of characters met already.
    known: BTreeMap<char, (f32, u16)>,
}

impl Font {
    fn new(
        data: &'static [u8],
        base_name: &'static str,
        name: Name<'static>,
    ) -> Result<Self, RenderError> {
        let face = Face::parse(data, 0).map_err(|error| RenderError::Font(error.to_string()))?;
        let (glyphs, used) = (GlyphRemapper::new(), BTreeMap::new());
        Ok(Self { data, face, base_name, name, glyphs, used, known: BTreeMap::new() })
    }

    /// How wide a text is at a size, in points.
    pub fn width(&mut self, text: &str, size: f32) -> f32 {
        text.chars().map(|character| self.glyph(character).0).sum::<f32>() * size / 1000.0
    }

    /// A text as the numbers of its glyphs.
    pub fn encode(&mut self, text: &str) -> Vec<u8> {
        text.chars().flat_map(|character| self.glyph(character).1.to_be_bytes()).collect()
    }

    /// The longest beginning of a text that fits a width, with an ellipsis where it was cut.
    pub fn fitted(&mut self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut left = width - self.width("…", size);
        let mut fitted = String::new();
        for character in text.chars() {
            left -= self.glyph(character).0 * size / 1000.0;
            if left < 0.0 {
                break;
            }
            fitted.push(character);
        }
        fitted.truncate(fitted.trim_end().len());
        fitted.push('…');
        fitted
    }

    /// A text in lines that fit a width; a word longer than a line is cut.
    pub fn wrapped(&mut self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size) <= width {
                line = longer;
            } else {
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                line = self.fitted(word, size, width);
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// The width of a character in thousandths of the size, and the number of its glyph.
    fn glyph(&mut self, character: char) -> (f32, u16) {
        if let Some(known) = self.known.get(&character) {
            return *known;
        }
        let found = self.face.glyph_index(character).map(|glyph| (glyph, character));
        let unknown = || (self.face.glyph_index(UNKNOWN).unwrap_or(GlyphId(0)), UNKNOWN);
        let (glyph, shown) = found.unwrap_or_else(unknown);
        let advance = f32::from(self.face.glyph_hor_advance(glyph).unwrap_or(0));
        let width = advance * 1000.0 / f32::from(self.face.units_per_em());
        let number = self.glyphs.remap(glyph.0);
        self.used.entry(number).or_insert((width, shown));
        self.known.insert(character, (width, number));
        (width, number)
    }

    /// Writes the font, of what is used of it, under `id` and four ids from `next` on.
    ///
    /// # Errors
    /// When the program's own font cannot be cut.
    pub fn embed(&self, pdf: &mut Pdf, id: Ref, next: &mut Ref) -> Result<(), RenderError> {
        let (cid, descriptor, file, cmap) = (next.bump(), next.bump(), next.bump(), next.bump());
        let base_name = Name(self.base_name.as_bytes());
        pdf.type0_font(id)
            .base_font(base_name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(cmap);

        let mut font = pdf.cid_font(cid);
        font.subtype(CidFontType::Type2)
            .base_font(base_name)
            .system_info(SYSTEM)
            .font_descriptor(descriptor)
            .default_width(0.0)
            .cid_to_gid_map_predefined(Name(b"Identity"));
        let mut widths = font.widths();
        for (number, (width, _)) in &self.used {
            widths.same(*number, *number, *width);
        }
        drop(widths);
        drop(font);

        let scale = 1000.0 / f32::from(self.face.units_per_em());
        let scaled = |units: i16| f32::from(units) * scale;
        let bounds = self.face.global_bounding_box();
        let bounds = Rect::new(
            scaled(bounds.x_min),
            scaled(bounds.y_min),
            scaled(bounds.x_max),
            scaled(bounds.y_max),
        );
        pdf.font_descriptor(descriptor)
            .name(base_name)
            .flags(FontFlags::NON_SYMBOLIC)
            .bbox(bounds)
            .italic_angle(0.0)
            .ascent(scaled(self.face.ascender()))
            .descent(scaled(self.face.descender()))
            .cap_height(scaled(self.face.capital_height().unwrap_or(0)))
            .stem_v(80.0)
            .font_file2(file);

        let subset = subsetter::subset(self.data, 0, &self.glyphs)
            .map_err(|error| RenderError::Font(error.to_string()))?;
        pdf.stream(file, &compressed(&subset)?).filter(Filter::FlateDecode);

        let mut unicode = UnicodeCmap::new(Name(b"Unicode"), SYSTEM);
        for (number, (_, character)) in &self.used {
            unicode.pair(*number, *character);
        }
        pdf.stream(cmap, &compressed(unicode.finish().as_slice())?).filter(Filter::FlateDecode);
        Ok(())
    }
}
