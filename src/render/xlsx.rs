//! Workbooks: a sheet a section, numbers as numbers, charts that the workbook draws itself.

use rust_xlsxwriter::{
    Chart, ChartFormat, ChartLine, ChartType, Color, ConditionalFormat3ColorScale, DocProperties,
    Format, FormatAlign, FormatBorder, Workbook, Worksheet,
};

use super::RenderError;
use super::report::{Report, Section};
use super::table::{self, Cell, ChartKind, Number, Table, Unit};
use super::text;

const NAVY: Color = Color::RGB(0x1B_2A4A);
const PALE: Color = Color::RGB(0xEE_F2F7);
const GRAY: Color = Color::RGB(0x5B_6472);
/// Of the series of a chart, in their order.
const SERIES: [Color; 3] = [Color::RGB(0x1F_5A96), Color::RGB(0xC2_7A2C), Color::RGB(0x6B_8E6B)];
/// Rows that a chart takes.
const CHART_ROWS: u32 = 17;
const CHART_WIDTH: u32 = 620;
const CHART_HEIGHT: u32 = 320;
/// Columns of a sheet are as wide as what is in them, within these.
const NARROWEST: usize = 10;
const WIDEST: usize = 42;

/// A table alone, on a sheet of this name.
///
/// # Errors
/// When it does not fit a sheet.
pub fn table(name: &str, table: &Table) -> Result<Vec<u8>, RenderError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name(name)?;
    let mut widths = Widths::default();
    let styles = Styles::new();
    write_head(sheet, 0, table, &styles, &mut widths, |column| &column.key)?;
    let last = write_rows(sheet, 1, table, &styles, &mut widths)?;
    sheet.set_freeze_panes(1, 1)?;
    if let Some(last_column) = table.columns.len().checked_sub(1) {
        sheet.autofilter(0, 0, last.saturating_sub(1), place(last_column))?;
    }
    widths.apply(sheet)?;
    Ok(workbook.save_to_buffer()?)
}

/// A report: a sheet a section.
///
/// # Errors
/// When something does not fit a sheet.
pub fn report(report: &Report) -> Result<Vec<u8>, RenderError> {
    let mut workbook = Workbook::new();
    let properties = DocProperties::new()
        .set_title(format!("{}: {}", report.title, text::line(&report.subject)))
        .set_author("SigmaSight");
    workbook.set_properties(&properties);
    let styles = Styles::new();
    for section in &report.sections {
        let sheet = workbook.add_worksheet().set_name(section.title)?;
        write_section(sheet, report, section, &styles)?;
    }
    if report.sections.is_empty() {
        workbook.add_worksheet().set_name("Report")?;
    }
    Ok(workbook.save_to_buffer()?)
}

fn write_section(
    sheet: &mut Worksheet,
    report: &Report,
    section: &Section,
    styles: &Styles,
) -> Result<(), RenderError> {
    let mut widths = Widths::default();
    sheet.set_landscape().set_print_fit_to_pages(1, 0).set_footer("&L&A&RPage &P of &N");
    sheet.write_with_format(0, 0, text::cell(&report.subject).as_ref(), &styles.title)?;
    let about = format!(
        "{} · {} · as of {} · amounts in {}",
        report.title,
        section.title,
        report.as_of,
        text::line(&report.currency)
    );
    sheet.write_with_format(1, 0, about, &styles.quiet)?;
    let mut row = 2;
    for notice in &report.notices {
        sheet.write_with_format(row, 0, text::cell(notice).as_ref(), &styles.notice)?;
        row += 1;
    }
    row += 1;
    for figure in &section.figures {
        sheet.write_with_format(row, 0, figure.label, &styles.text)?;
        write_cell(sheet, row, 1, &figure.value, styles, false)?;
        widths.see(0, figure.label.chars().count());
        widths.see(1, figure.value.shown().chars().count());
        row += 1;
    }
    for table in &section.tables {
        row += 1;
        sheet.write_with_format(row, 0, text::cell(&table.title).as_ref(), &styles.heading)?;
        row += 1;
        let head = row;
        write_head(sheet, head, table, styles, &mut widths, |column| &column.label)?;
        row = write_rows(sheet, head + 1, table, styles, &mut widths)?;
        if let Some(total) = &table.total {
            for (column, cell) in total.iter().enumerate() {
                write_cell(sheet, row, place(column), cell, styles, true)?;
            }
            row += 1;
        }
        row = add_charts(sheet, section, table, head, row)?;
    }
    row += 1;
    for note in &section.notes {
        sheet.write_with_format(row, 0, text::cell(note).as_ref(), &styles.quiet)?;
        row += 1;
    }
    widths.apply(sheet)
}

fn write_head(
    sheet: &mut Worksheet,
    row: u32,
    table: &Table,
    styles: &Styles,
    widths: &mut Widths,
    name: impl Fn(&table::Column) -> &str,
) -> Result<(), RenderError> {
    for (column, about) in table.columns.iter().enumerate() {
        let style = if about.is_text { &styles.head } else { &styles.head_right };
        sheet.write_string_with_format(row, place(column), text::cell(name(about)), style)?;
        widths.see(column, name(about).chars().count());
    }
    Ok(())
}

/// Writes the rows from a row on; gives the row after the last.
fn write_rows(
    sheet: &mut Worksheet,
    first: u32,
    table: &Table,
    styles: &Styles,
    widths: &mut Widths,
) -> Result<u32, RenderError> {
    let mut row = first;
    for cells in &table.rows {
        for (column, cell) in cells.iter().enumerate() {
            write_cell(sheet, row, place(column), cell, styles, false)?;
            widths.see(column, cell.shown().chars().count());
        }
        row += 1;
    }
    Ok(row)
}

fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    styles: &Styles,
    is_total: bool,
) -> Result<(), RenderError> {
    match cell {
        Cell::None => {
            if is_total {
                sheet.write_blank(row, column, &styles.total)?;
            }
        }
        Cell::Text(text) => {
            let style = if is_total { &styles.total } else { &styles.text };
            sheet.write_string_with_format(row, column, text::cell(text).as_ref(), style)?;
        }
        Cell::Date(date) => {
            sheet.write_date_with_format(row, column, date, &styles.date)?;
        }
        Cell::Number(number) => {
            let style = styles.number(*number, is_total);
            match number.as_f64() {
                Some(value) => sheet.write_number_with_format(row, column, value, &style)?,
                None => sheet.write_blank(row, column, &style)?,
            };
        }
    }
    Ok(())
}

/// Adds the charts of a table below it; gives the row after the last.
fn add_charts(
    sheet: &mut Worksheet,
    section: &Section,
    table: &Table,
    head: u32,
    after: u32,
) -> Result<u32, RenderError> {
    let Ok(count) = u32::try_from(table.rows.len()) else { return Ok(after) };
    let (first, last) = (head + 1, head + count);
    let mut row = after;
    for about in table.charts.iter().filter(|_| count > 0) {
        if about.kind == ChartKind::Heat {
            let (Some(left), Some(right)) = (about.values.first(), about.values.last()) else {
                continue;
            };
            let scale = ConditionalFormat3ColorScale::new()
                .set_minimum(rust_xlsxwriter::ConditionalFormatType::Number, -1)
                .set_midpoint(rust_xlsxwriter::ConditionalFormatType::Number, 0)
                .set_maximum(rust_xlsxwriter::ConditionalFormatType::Number, 1)
                .set_minimum_color(Color::RGB(0xC0_504D))
                .set_midpoint_color(Color::White)
                .set_maximum_color(Color::RGB(0x1F_5A96));
            sheet.add_conditional_format(first, place(*left), last, place(*right), &scale)?;
            continue;
        }
        let kind = match about.kind {
            ChartKind::Line => ChartType::Line,
            ChartKind::Area => ChartType::Area,
            ChartKind::Bars | ChartKind::Heat => ChartType::Bar,
        };
        let mut chart = Chart::new(kind);
        chart.title().set_name(&about.title);
        let names = place(about.names);
        for (nth, column) in about.values.iter().enumerate() {
            let (column, color) = (place(*column), SERIES[nth % SERIES.len()]);
            let mut format = ChartFormat::new();
            if about.kind == ChartKind::Line {
                format.set_line(ChartLine::new().set_color(color).set_width(1.75));
            } else {
                format.set_solid_fill(rust_xlsxwriter::ChartSolidFill::new().set_color(color));
            }
            chart
                .add_series()
                .set_name((section.title, head, column))
                .set_categories((section.title, first, names, last, names))
                .set_values((section.title, first, column, last, column))
                .set_format(&mut format);
        }
        if about.kind == ChartKind::Bars {
            chart.x_axis().set_reverse();
            // Names stay beside the chart when bars go to the left.
            chart.x_axis().set_label_position(rust_xlsxwriter::ChartAxisLabelPosition::Low);
        } else {
            chart.x_axis().set_num_format("yyyy-mm-dd");
            chart.x_axis().set_label_position(rust_xlsxwriter::ChartAxisLabelPosition::Low);
        }
        if about.values.len() < 2 {
            chart.legend().set_hidden();
        }
        // A bar needs a line of its own to be told by its name.
        let height = match about.kind {
            ChartKind::Bars => CHART_HEIGHT.max(80 + 20 * count.min(60)),
            _ => CHART_HEIGHT,
        };
        chart.set_width(CHART_WIDTH).set_height(height);
        sheet.insert_chart(row + 1, 0, &chart)?;
        row += CHART_ROWS.max(height / 20 + 1) + 1;
    }
    Ok(row)
}

/// The looks of cells.
struct Styles {
    title: Format,
    heading: Format,
    head: Format,
    head_right: Format,
    text: Format,
    total: Format,
    date: Format,
    quiet: Format,
    notice: Format,
}

impl Styles {
    fn new() -> Self {
        let head = Format::new()
            .set_bold()
            .set_font_color(NAVY)
            .set_background_color(PALE)
            .set_border_bottom(FormatBorder::Thin)
            .set_border_bottom_color(NAVY);
        Self {
            title: Format::new().set_bold().set_font_size(16).set_font_color(NAVY),
            heading: Format::new().set_bold().set_font_size(12).set_font_color(NAVY),
            head_right: head.clone().set_align(FormatAlign::Right),
            head,
            text: Format::new(),
            total: Self::totalled(Format::new()),
            date: Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left),
            quiet: Format::new().set_font_color(GRAY),
            notice: Format::new().set_font_color(Color::RGB(0x9C_5700)).set_italic(),
        }
    }

    fn totalled(format: Format) -> Format {
        format.set_bold().set_border_top(FormatBorder::Thin).set_border_top_color(NAVY)
    }

    /// How a number is shown: as everywhere else.
    fn number(&self, number: Number, is_total: bool) -> Format {
        let decimals = usize::try_from(number.value.scale()).unwrap_or(0);
        let pattern = match number.unit {
            Unit::Money => "#,##0.00".into(),
            Unit::Price => "#,##0.00##".into(),
            Unit::Exact | Unit::Share if decimals > 0 => format!("#,##0.{}", "0".repeat(decimals)),
            Unit::Exact | Unit::Share | Unit::Count => "#,##0".into(),
            Unit::Percent => "0.00%".into(),
            Unit::Ratio => "#,##0.000".into(),
            Unit::Greek => "#,##0.0000".into(),
        };
        let format = self.text.clone().set_num_format(&pattern);
        if is_total { Self::totalled(format) } else { format }
    }
}

/// How wide the columns of a sheet have to be, in characters.
#[derive(Default)]
struct Widths(Vec<usize>);

impl Widths {
    fn see(&mut self, column: usize, characters: usize) {
        if self.0.len() <= column {
            self.0.resize(column + 1, 0);
        }
        self.0[column] = self.0[column].max(characters);
    }

    fn apply(&self, sheet: &mut Worksheet) -> Result<(), RenderError> {
        for (column, characters) in self.0.iter().enumerate() {
            let width = u16::try_from((characters + 2).clamp(NARROWEST, WIDEST)).unwrap_or(0);
            sheet.set_column_width(place(column), f64::from(width))?;
        }
        Ok(())
    }
}

/// A column's number; beyond what a sheet has, one that it refuses.
fn place(column: usize) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}
