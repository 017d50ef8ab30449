//! What moves and scenarios would do to books.

use std::sync::Arc;

use super::latest::latest;
use super::{Desks, Rows, Table};
use crate::domain::calendar::Calendar;
use crate::domain::result::{
    self, KEPT_POSITIONS, Kept, Largest, LatestKind, MarketRisk, Moved, PositionPnl, StressResult,
};
use crate::error::Error;
use crate::services::factors;
use crate::services::greeks::BookGreeks;
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::stress::{self, Desk, Inputs, MARKET_MOVES, Move, Outcome, RATE_MOVES};
use crate::services::valuation::Book;

/// A book ready to be stressed, of what its night has looked up.
pub fn desk((book, greeks): (&Arc<Book>, &BookGreeks), night: &Night, calendar: &Calendar) -> Desk {
    let inputs = Inputs {
        histories: night.histories(factors::wanted(&book.lines)),
        references: night.references.clone(),
        yields: night.yields.clone(),
        designs: Arc::clone(&night.designs),
    };
    Desk::new(Arc::clone(book), greeks, &inputs, calendar)
}

pub(super) fn moves(desks: &Desks, night: &Night, meter: &Meter) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::MarketRisk]);
    let failed = |error| Error::Internal(format!("a move gives no number: {error}"));
    for (book, greeks) in desks.with_greeks() {
        meter.goes_on()?;
        let desk = desk((book, greeks), night, &desks.calendar);
        let of = desks.of(book);
        let market = desk.market_moves(&MARKET_MOVES).map_err(failed)?;
        let rate = desk.rate_moves(&RATE_MOVES).map_err(failed)?;
        let market = market.into_iter().map(|one| moved(Moved::Market, one));
        let found: Vec<_> =
            market.chain(rate.into_iter().map(|one| moved(Moved::Rate, one))).collect();
        rows.latest.extend(latest((book, LatestKind::MarketRisk), desks, night, &found)?);
        rows.extend(Table::MarketRisk, found.into_iter().map(|one| Kept { of, found: one.found }))?;
    }
    Ok(rows)
}

fn moved(kind: Moved, found: Move) -> Largest<MarketRisk, PositionPnl> {
    Largest {
        largest: largest(&found.positions),
        found: MarketRisk {
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
        },
    }
}

fn largest(positions: &[stress::PositionPnl]) -> Vec<PositionPnl> {
    let kept = positions.iter().take(KEPT_POSITIONS);
    kept.map(|one| PositionPnl { position: one.line.position.id, pnl: one.pnl }).collect()
}

pub(super) fn scenarios(desks: &Desks, night: &Night, meter: &Meter) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::StressTests]);
    for (book, greeks) in desks.with_greeks() {
        meter.goes_on()?;
        let desk = desk((book, greeks), night, &desks.calendar);
        let of = desks.of(book);
        let found = desk.run(&desks.scenarios);
        let found: Vec<_> = found.into_iter().map(stressed).collect();
        rows.latest.extend(latest((book, LatestKind::Stress), desks, night, &found)?);
        rows.extend(Table::StressTests, found.into_iter().map(|found| Kept { of, found }))?;
    }
    Ok(rows)
}

fn stressed(found: Outcome) -> StressResult {
    let impacts = found.impacts.into_iter().map(|one| result::Impact {
        variable: one.variable,
        shock: one.shock,
        dollars: one.dollars,
        pnl: one.pnl,
        is_direct: one.is_direct,
    });
    StressResult {
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
        positions: largest(&found.positions),
        quality: found.standing.quality,
        warnings: found.standing.warnings,
        covered: found.standing.coverage.into(),
    }
}
