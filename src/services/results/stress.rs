//! What moves and scenarios would do to books.

use std::sync::Arc;

use super::{Desks, Rows, Table};
use crate::domain::calendar::Calendar;
use crate::domain::result::{self, MarketRisk, Moved, Of, PositionPnl, StressResult};
use crate::error::Error;
use crate::services::factors;
use crate::services::greeks::BookGreeks;
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::stress::{Desk, Inputs, MARKET_MOVES, Move, Outcome, RATE_MOVES};
use crate::services::valuation::Book;

/// Positions that are kept of a stress test: the largest.
const KEPT_POSITIONS: usize = 10;

fn desk((book, greeks): (&Arc<Book>, &BookGreeks), night: &Night, calendar: &Calendar) -> Desk {
    let inputs = Inputs {
        histories: night.histories(factors::wanted(&book.lines)),
        references: night.references.clone(),
        yields: night.yields.clone(),
        designs: Arc::clone(&night.designs),
    };
    Desk::new(Arc::clone(book), greeks, &inputs, calendar)
}

pub(super) fn moves(
    desks: &Desks,
    night: &Night,
    calendar: &Calendar,
    meter: &Meter,
) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::MarketRisk]);
    let failed = |error| Error::Internal(format!("a move gives no number: {error}"));
    for (book, greeks) in desks.with_greeks() {
        meter.goes_on()?;
        let desk = desk((book, greeks), night, calendar);
        let of = desks.of(book);
        let found = desk.market_moves(&MARKET_MOVES).map_err(failed)?;
        rows.extend(Table::MarketRisk, found.into_iter().map(|one| moved(of, Moved::Market, one)));
        let found = desk.rate_moves(&RATE_MOVES).map_err(failed)?;
        rows.extend(Table::MarketRisk, found.into_iter().map(|one| moved(of, Moved::Rate, one)));
    }
    Ok(rows)
}

fn moved(of: Of, kind: Moved, found: Move) -> MarketRisk {
    MarketRisk {
        of,
        kind,
        change: found.change,
        pnl: found.total.pnl,
        share: found.total.share,
        new_total_value: found.total.new_total_value,
        beta: found.beta,
        severity: found.total.severity,
        quality: found.standing.quality,
        warnings: found.standing.warnings,
        covered: found.standing.coverage.into(),
    }
}

pub(super) fn scenarios(
    desks: &Desks,
    night: &Night,
    calendar: &Calendar,
    meter: &Meter,
) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::StressTests]);
    for (book, greeks) in desks.with_greeks() {
        meter.goes_on()?;
        let desk = desk((book, greeks), night, calendar);
        let of = desks.of(book);
        let found = desk.run(&desks.scenarios);
        rows.extend(Table::StressTests, found.into_iter().map(|one| stressed(of, one)));
    }
    Ok(rows)
}

fn stressed(of: Of, found: Outcome) -> StressResult {
    let impacts = found.impacts.into_iter().map(|one| result::Impact {
        variable: one.variable,
        shock: one.shock,
        dollars: one.dollars,
        pnl: one.pnl,
        is_direct: one.is_direct,
    });
    let positions = found.positions.iter().take(KEPT_POSITIONS);
    StressResult {
        of,
        scenario_id: found.scenario.id,
        shocks: found.scenario.shocks.clone(),
        direct_pnl: found.direct,
        correlation_pnl: found.correlation,
        total_pnl: found.total.pnl,
        full_revaluation_pnl: found.full_revaluation,
        share: found.total.share,
        new_total_value: found.total.new_total_value,
        severity: found.total.severity,
        impacts: impacts.collect(),
        positions: positions
            .map(|one| PositionPnl { position: one.line.position.id, pnl: one.pnl })
            .collect(),
        quality: found.standing.quality,
        warnings: found.standing.warnings,
        covered: found.standing.coverage.into(),
    }
}
