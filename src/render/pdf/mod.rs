//! Reports as PDF: letter pages with a running head, key figures, tables that repeat their heads
//! and charts drawn as vectors; the fonts are embedded, so that every reader sees the same.
//!
//! The standard fourteen fonts would need no file, but look different in every reader and know
//! neither Greek nor Cyrillic.

mod canvas;
mod chart;
mod flow;
mod font;
mod table;

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::{Date, Filter, Finish, Pdf, Rect, Ref, TextStr};

use self::canvas::{HEIGHT, WIDTH};
use self::flow::Flow;
use super::RenderError;
use super::report::Report;
use super::text;

/// A report as a document.
///
/// # Errors
/// When the program's own fonts are broken.
pub fn report(report: &Report) -> Result<Vec<u8>, RenderError> {
    let mut flow = Flow::new(report)?;
    for section in &report.sections {
        flow.section(section);
    }
    write(flow.finish(), report)
}

/// Puts the pages together.
fn write(pages: flow::Pages, report: &Report) -> Result<Vec<u8>, RenderError> {
    let mut pdf = Pdf::new();
    let mut next = Ref::new(1);
    let (catalog, tree, info, outline) = (next.bump(), next.bump(), next.bump(), next.bump());
    let fonts = pages.fonts.all().map(|font| (font, next.bump()));
    let ids: Vec<_> = pages.all.iter().map(|_| (next.bump(), next.bump())).collect();

    for (canvas, (page, content)) in pages.all.into_iter().zip(&ids) {
        let mut about = pdf.page(*page);
        about.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(*content);
        let mut resources = about.resources();
        let mut names = resources.fonts();
        for (font, id) in &fonts {
            names.pair(font.name, *id);
        }
        names.finish();
        resources.finish();
        about.finish();
        let drawn = compressed(canvas.content.finish().as_slice())?;
        pdf.stream(*content, &drawn).filter(Filter::FlateDecode);
    }
    let count = i32::try_from(ids.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(ids.iter().map(|(page, _)| *page)).count(count);
    for (font, id) in &fonts {
        font.embed(&mut pdf, *id, &mut next)?;
    }

    let items: Vec<_> = pages.marks.iter().map(|mark| (next.bump(), mark)).collect();
    for (at, (id, mark)) in items.iter().enumerate() {
        let mut item = pdf.outline_item(*id);
        item.title(TextStr(mark.title)).parent(outline);
        if let Some((previous, _)) = at.checked_sub(1).and_then(|at| items.get(at)) {
            item.prev(*previous);
        }
        if let Some((following, _)) = items.get(at + 1) {
            item.next(*following);
        }
        if let Some((page, _)) = ids.get(mark.page) {
            item.dest().page(*page).xyz(0.0, HEIGHT - mark.y, None);
        }
    }
    let mut about = pdf.outline(outline);
    if let (Some((first, _)), Some((last, _))) = (items.first(), items.last()) {
        about.first(*first).last(*last);
    }
    about.count(i32::try_from(items.len()).unwrap_or(i32::MAX));
    about.finish();

    let mut root = pdf.catalog(catalog);
    root.pages(tree).outlines(outline).lang(TextStr("en-US"));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    let title = format!("{}: {}", report.title, text::line(&report.subject));
    pdf.document_info(info)
        .title(TextStr(&title))
        .creator(TextStr("SigmaSight"))
        .creation_date(date(report));
    Ok(pdf.finish())
}

fn date(report: &Report) -> Date {
    use chrono::{Datelike, Timelike};
    let at = report.made_at;
    let small = |number: u32| u8::try_from(number).unwrap_or(0);
    Date::new(u16::try_from(at.year()).unwrap_or(0))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>, RenderError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// A count as a length; documents are far smaller than what a float tells apart.
fn length(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}
