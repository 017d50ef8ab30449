//! What is missing of the data, and what that costs.

use super::percent;
use super::read::Material;
use crate::render::report::Section;
use crate::render::table::{Cell, Column, Table};
use crate::services::quality::{Feasibility, Holed, assess};

pub(super) fn quality(material: &Material) -> Section {
    let found = assess(&material.book, &material.presences, &material.window);
    let mut section = Section::new("DATA_QUALITY", "Data quality");
    section.figure("score", "Closes that are there", percent(found.score));
    section.figure("complete", "Complete histories", Cell::count(found.complete.len()));
    section.figure("partial", "Histories with gaps", Cell::count(found.partial.len()));
    section.figure("insufficient", "Too short", Cell::count(found.insufficient.len()));
    section.figure("stale", "Stale prices", Cell::count(found.stale.len()));
    section.figure("simulated", "Simulated histories", Cell::count(found.simulated.len()));

    let mut methods = Table::new(
        "feasibility",
        "What can be computed",
        vec![
            Column::text("method", "Method"),
            Column::text("is_feasible", "Feasible"),
            Column::number("eligible", "Have what it takes"),
            Column::number("excluded", "Left out"),
            Column::number("minimum", "Returns needed"),
        ],
    );
    let method = |name: &str, of: &Feasibility| {
        vec![
            Cell::text(name),
            Cell::text(if of.is_feasible { "Yes" } else { "No" }),
            Cell::count(of.eligible),
            Cell::count(of.excluded),
            Cell::count(of.minimum),
        ]
    };
    methods.rows = vec![
        method("Factor regression", &found.factor_regression),
        method("Correlation", &found.correlation),
        method("Greeks of options", &found.greeks),
    ];
    section.tables.push(methods);

    let mut gaps = Table::new(
        "gaps",
        "Histories that are not all there",
        vec![
            Column::text("symbol", "Symbol"),
            Column::number("available", "Sessions there"),
            Column::number("missing", "Missing"),
            Column::text("reason", "Why"),
        ],
    );
    let gap = |one: &Holed| {
        vec![
            Cell::text(&*one.symbol),
            Cell::count(one.available),
            Cell::count(one.missing),
            one.reason.as_deref().map_or(Cell::None, Cell::text),
        ]
    };
    gaps.rows = found.insufficient.iter().chain(&found.partial).map(gap).collect();
    section.tables.push(gaps);
    section.note(format!(
        "Assessed are the 253 sessions up to {}. Simulated closes count as there, and are said to \
         be simulated.",
        material.book.horizon.as_of
    ));
    if !found.stale.is_empty() {
        section.note(format!("Stale prices: {}.", found.stale.join(", ")));
    }
    section
}
