//! How well the market scenario predicted what books did.

use super::latest::{latest, moved_by};
use super::{Desks, Rows, Table, stress};
use crate::domain::result::{self, LatestKind, Of, ScenarioAccuracy};
use crate::error::Error;
use crate::services::factors;
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::stress::{Accuracy, DAYS_BACK, accuracy};

/// The betas are those of the night before the tested sessions.
pub(super) fn rows(
    desks: &Desks,
    (night, before): (&Night, &Night),
    meter: &Meter,
) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::Accuracy]);
    for (book, greeks) in desks.with_greeks() {
        meter.goes_on()?;
        let estimates = before.estimates(factors::wanted(&book.lines), meter)?;
        let desk = stress::desk((book, greeks), night, &desks.calendar);
        let found = accuracy(&desk, &estimates, DAYS_BACK, &desks.calendar);
        let kept = [found];
        // What changed between the readings of the two nights is in one of them alone.
        let moved_by = moved_by(book);
        if night.revisions(&moved_by) == before.revisions(&moved_by) {
            rows.latest.extend(latest((book, LatestKind::Accuracy), desks, night, &kept)?);
        }
        rows.extend(Table::Accuracy, kept.map(|found| row(desks.of(book), found)))?;
    }
    Ok(rows)
}

fn row(of: Of, found: Accuracy) -> ScenarioAccuracy {
    ScenarioAccuracy {
        of,
        days_back: result::count(found.days_back),
        observations: result::count(found.points.len()),
        rmse: found.measured.map(|of| of.rmse),
        bias: found.measured.map(|of| of.bias),
        correlation: found.measured.and_then(|of| of.correlation),
        hit_rate: found.measured.map(|of| of.hit_rate),
        quality: found.standing.quality,
        warnings: found.standing.warnings,
        covered: found.standing.coverage.into(),
    }
}
