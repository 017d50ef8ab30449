//! What moves and scenarios would do.

use std::sync::Arc;

use super::read::Material;
use super::{money, percent, ratio};
use crate::domain::scenario::Severity;
use crate::error::Error;
use crate::render::report::Section;
use crate::render::table::{Cell, Chart, ChartKind, Column, Table};
use crate::services::factors::wanted;
use crate::services::stress::{Desk, Inputs, MARKET_MOVES, Move, Outcome, RATE_MOVES};

fn desk(material: &Material) -> Result<Desk, Error> {
    let night = material.night()?;
    let inputs = Inputs {
        histories: night.histories(wanted(&material.book.lines)),
        references: night.references.clone(),
        yields: night.yields.clone(),
        designs: Arc::clone(&night.designs),
    };
    Ok(Desk::new(Arc::clone(&material.book), &material.greeks, &inputs, &material.calendar))
}

pub(super) fn scenarios(material: &Material) -> Result<Section, Error> {
    let failed = |error| Error::Internal(format!("a move gives no number: {error}"));
    let desk = desk(material)?;
    let market = desk.market_moves(&MARKET_MOVES).map_err(failed)?;
    let rates = desk.rate_moves(&RATE_MOVES).map_err(failed)?;
    let mut section = Section::new("SCENARIOS", "Market and rate moves");
    for found in [&market, &rates] {
        for warning in found.iter().flat_map(|one| &one.standing.warnings) {
            section.note(warning.as_str());
        }
    }
    section.tables.push(moves("market_moves", "Moves of the market", "Market", &market));
    section.tables.push(moves("rate_moves", "Moves of the 10-year yield", "Yield", &rates));
    section.note(
        "A move of the market is Σ delta-adjusted exposure × market beta × move; one of the yield \
         is absolute, Σ delta-adjusted exposure × rate beta × change.",
    );
    Ok(section)
}

fn moves(key: &'static str, title: &'static str, of: &'static str, found: &[Move]) -> Table {
    let mut table = Table::new(
        key,
        title,
        vec![
            Column::text("variable", "Variable"),
            Column::number("change", "Move"),
            Column::number("pnl", "Profit or loss"),
            Column::number("share", "Share of total value"),
            Column::number("new_total_value", "Total value after"),
            Column::number("beta", "Beta"),
            Column::text("severity", "Severity"),
            Column::text("quality", "Quality"),
        ],
    );
    for one in found {
        let total = Some(&one.total).filter(|_| one.standing.is_known());
        table.rows.push(vec![
            Cell::text(of),
            percent(one.change),
            money(total.map(|total| total.pnl)),
            percent(total.map(|total| total.share)),
            money(total.map(|total| total.new_total_value)),
            ratio(total.and(one.beta)),
            total.map_or(Cell::None, |total| Cell::text(severity(total.severity))),
            Cell::text(one.standing.quality.code()),
        ]);
    }
    table
}

pub(super) fn stress(material: &Material) -> Result<Section, Error> {
    let mut found = desk(material)?.run(&material.scenarios);
    // The worst first, as a reader looks for it, and last what nothing is known of.
    found.sort_by_key(|one| (!one.standing.is_known(), one.total.pnl, one.scenario.name.clone()));
    let mut section = Section::new("STRESS", "Stress tests");
    let known = || found.iter().filter(|one| one.standing.is_known());
    if let (Some(worst), Some(best)) = (known().next(), known().next_back()) {
        section.figure("worst_scenario", "Worst scenario", Cell::text(&*worst.scenario.name));
        section.figure("worst_pnl", "Its profit or loss", money(worst.total.pnl));
        section.figure("best_scenario", "Best scenario", Cell::text(&*best.scenario.name));
        section.figure("best_pnl", "Its profit or loss", money(best.total.pnl));
    }
    let mut table = Table::new(
        "scenarios",
        "Scenarios, the worst first",
        vec![
            Column::text("scenario", "Scenario"),
            Column::number("direct_pnl", "Direct"),
            Column::number("correlation_pnl", "Moving along"),
            Column::number("total_pnl", "Total P&L"),
            Column::number("share", "Share of total value"),
            Column::number("full_revaluation_pnl", "Repriced in full"),
            Column::text("severity", "Severity"),
            Column::text("quality", "Quality"),
        ],
    );
    table.rows = found.iter().map(row).collect();
    table.charts.push(Chart {
        title: "Total profit or loss of each scenario".into(),
        kind: ChartKind::Bars,
        names: 0,
        values: vec![3],
    });
    section.tables.push(table);
    section.note(
        "Direct: only the shocked variables move. Moving along: the other factors move by what is \
         expected given the shocks. Repriced in full: options by their model at the shocked prices \
         instead of by delta. No long position loses, and no short one gains, more than it is \
         worth.",
    );
    // Those of a scenario are of the book, and mostly the same for all but what is unknown.
    let unknown = found.iter().skip(1).filter(|one| !one.standing.is_known());
    let said = found.iter().take(1).chain(unknown);
    for warning in said.flat_map(|one| &one.standing.warnings) {
        section.note(warning.as_str());
    }
    Ok(section)
}

fn row(one: &Outcome) -> Vec<Cell> {
    let known = Some(one).filter(|one| one.standing.is_known());
    vec![
        Cell::text(&*one.scenario.name),
        money(known.map(|one| one.direct)),
        money(known.map(|one| one.correlation)),
        money(known.map(|one| one.total.pnl)),
        percent(known.map(|one| one.total.share)),
        money(known.and_then(|one| one.full_revaluation)),
        known.map_or(Cell::None, |one| Cell::text(severity(one.total.severity))),
        Cell::text(one.standing.quality.code()),
    ]
}

fn severity(of: Severity) -> &'static str {
    match of {
        Severity::Positive => "POSITIVE",
        Severity::Mild => "MILD",
        Severity::Moderate => "MODERATE",
        Severity::Severe => "SEVERE",
        Severity::Extreme => "EXTREME",
    }
}
