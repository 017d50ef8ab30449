//! How a book did, by its snapshots.

use sigmasight_analytics::performance::wealth;
use sigmasight_analytics::risk::drawdown::underwater;

use super::read::Material;
use super::{money, percent};
use crate::render::report::Section;
use crate::render::table::{Cell, Chart, ChartKind, Column, Table};
use crate::services::performance::{Period, quality, returns, warnings};

pub(super) fn performance(material: &Material) -> Section {
    let snapshots = &material.snapshots;
    let mut section = Section::new("PERFORMANCE", "Performance");
    let entries = material.book.lines.iter().map(|line| line.position.entry_date);
    let first = entries.min().map(|day| material.calendar.session_on_or_after(day));

    let mut history = Table::new(
        "history",
        "Value by session",
        vec![
            Column::text("date", "Session"),
            Column::number("total_value", "Total value"),
            Column::number("daily_pnl", "Day's P&L"),
            Column::number("daily_return", "Return"),
            Column::number("drawdown", "Drawdown"),
        ],
    );
    // A session without a return breaks no peak and makes none.
    let all: Vec<_> = snapshots.iter().map(|one| one.figures.daily_return.unwrap_or(0.0)).collect();
    let below = wealth(&all).and_then(|path| underwater(&path)).unwrap_or_default();
    for (at, one) in snapshots.iter().enumerate() {
        let figures = &one.figures;
        let drawdown = below.get(at + 1).copied().filter(|_| figures.daily_return.is_some());
        history.rows.push(vec![
            Cell::Date(one.date),
            money(figures.total_value),
            money(figures.daily_pnl),
            percent(figures.daily_return),
            percent(drawdown),
        ]);
    }
    let chart = |title: &str, kind, column| Chart {
        title: title.into(),
        kind,
        names: 0,
        values: vec![column],
    };
    history.charts = vec![
        chart("Total value", ChartKind::Line, 1),
        chart("Drawdown from the peak", ChartKind::Area, 4),
    ];
    history.is_drawn_only = true;
    section.tables.push(history);

    let mut periods = Table::new(
        "returns",
        "Returns by period",
        vec![
            Column::text("period", "Period"),
            Column::text("from", "From the close of"),
            Column::text("to", "To the close of"),
            Column::number("time_weighted", "Time-weighted return"),
            Column::number("pnl", "Profit or loss"),
        ],
    );
    let found = returns(snapshots, first, &material.calendar);
    for one in &found {
        periods.rows.push(vec![
            Cell::text(name(one.period)),
            Cell::Date(one.from),
            Cell::Date(one.to),
            percent(one.time_weighted),
            money(one.pnl),
        ]);
    }
    section.tables.push(periods);
    if snapshots.is_empty() {
        section.note("There are no snapshots of this book up to the session.");
    } else {
        section.note(format!(
            "By {} snapshots, whose quality is {} at worst. Returns are time-weighted: what was \
             paid in or out does not count. A period that the snapshots do not cover is n/a.",
            snapshots.len(),
            quality(snapshots).code()
        ));
    }
    for warning in warnings(snapshots, first, &found) {
        section.note(warning);
    }
    section
}

fn name(period: Period) -> &'static str {
    match period {
        Period::Day => "Day",
        Period::Week => "Week",
        Period::Month => "Month",
        Period::Quarter => "Quarter",
        Period::YearToDate => "Year to date",
        Period::Year => "Year",
        Period::Inception => "Since inception",
    }
}
