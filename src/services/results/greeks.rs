//! Greeks of positions.

use super::market::found;
use super::{Desks, Rows, Table};
use crate::domain::id::PositionId;
use crate::domain::result::{Of, PositionGreeks};
use crate::error::Error;
use crate::services::greeks::{BookGreeks, Source, priceable};
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::valuation::Line;

pub(super) fn rows(desks: &Desks, night: &Night, meter: &Meter) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::PositionGreeks]);
    for (book, greeks) in desks.with_greeks() {
        meter.goes_on()?;
        let session = desks.session(night);
        for line in priceable(book, &desks.calendar) {
            let valued = greeks.line(line).and_then(|own| own.as_valued());
            if let Some(valued) = valued {
                rows.market.extend(found(session.pricing(line), &valued, night)?);
            }
        }
        let of = desks.of(book);
        let row = |line: &_| row(of, line, greeks);
        rows.extend(Table::PositionGreeks, book.open_lines().filter_map(|line| row(line)))?;
    }
    Ok(rows)
}

fn row(of: Of, line: &Line, greeks: &BookGreeks) -> Option<PositionGreeks> {
    let own = greeks.line(line)?;
    let position_id: PositionId = line.position.id;
    Some(PositionGreeks {
        of,
        position_id,
        source: match own.source {
            Source::Model => "MODEL",
            Source::Fallback => "FALLBACK",
            Source::Stock => "STOCK",
            Source::Expired => "EXPIRED",
        },
        delta: own.position.map(|of| of.delta),
        gamma: own.position.map(|of| of.gamma),
        theta: own.position.map(|of| of.theta),
        vega: own.position.map(|of| of.vega),
        rho: own.position.map(|of| of.rho),
        delta_adjusted_exposure: greeks.holding(line).delta_adjusted_exposure(),
        volatility: own.pricing.as_ref().map(|pricing| pricing.market.volatility),
        quality: own.quality(line),
        warnings: own.warnings(line),
    })
}
