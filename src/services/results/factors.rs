//! Exposures of positions and books to the factors, and of positions to the ten-year yield.

use std::sync::Arc;

use super::market::found;
use super::{Desks, Rows, Table};
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::domain::result::{self, FactorExposure, Kept, Of, PositionExposures, PositionRateBeta};
use crate::error::Error;
use crate::services::factors::{
    self, Basis, Deltas, Estimates, Insufficient, RateBeta, exposures, moves_with,
    position_exposures,
};
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::valuation::{Book, Line};

/// At the positions' own prices, as those are read when nobody says otherwise.
const BASIS: Basis = Basis::Dollar;

pub(super) fn rows(desks: &Desks, night: &Night, meter: &Meter) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::FactorExposures, Table::PositionFactorExposures]);
    let session = desks.session(night);
    rows.market.extend(found(session.model(), &*night.model.facts, night)?);
    for book in &desks.books {
        let estimates = night.estimates(factors::wanted(&book.lines), meter)?;
        meter.goes_on()?;
        for (id, betas) in &estimates.betas {
            let betas = betas.as_ref().map(Arc::as_ref);
            rows.market.extend(found(session.betas(*id), &betas, night)?);
        }
        let of = desks.of(book);
        let exposed = of_book(book, &estimates).into_iter().map(|found| Kept { of, found });
        rows.extend(Table::FactorExposures, exposed)?;
        let exposed = book.open_lines().map(|line| of_position(of, line, &estimates));
        rows.extend(Table::PositionFactorExposures, exposed)?;
    }
    Ok(rows)
}

pub(super) fn answers_to_rates(desks: &Desks, night: &Night, meter: &Meter) -> Result<Rows, Error> {
    let mut rows = Rows::of(&[Table::PositionRateBetas]);
    let session = desks.session(night);
    for book in &desks.books {
        let betas = night.rate_betas(factors::wanted(&book.lines), meter)?;
        for (id, beta) in &betas {
            rows.market.extend(found(session.rate_beta(*id), beta, night)?);
        }
        let of = desks.of(book);
        let answers = book
            .open_lines()
            .filter_map(|line| Some(rate_beta(of, line, betas.get(&moves_with(line))?)));
        rows.extend(Table::PositionRateBetas, answers)?;
    }
    Ok(rows)
}

fn of_book(book: &Book, estimates: &Estimates) -> Vec<FactorExposure> {
    let total_value = book.total_value();
    let found = exposures(&book.lines, total_value, BASIS, &Deltas::new(), estimates);
    let row = |found: factors::FactorExposure| FactorExposure {
        factor: found.factor.name().into(),
        dollars: found.dollars,
        beta: found.beta,
        standard_error: found.standard_error,
        observations: found.observations.map(result::count),
        total_value,
        quality: found.quality,
        warnings: found.warnings,
        covered: found.coverage.into(),
    };
    found.into_iter().map(row).collect()
}

fn of_position(of: Of, line: &Arc<Line>, estimates: &Estimates) -> PositionExposures {
    let found = position_exposures(line, BASIS, &Deltas::new(), estimates);
    let mut warnings = Vec::new();
    for warning in found.iter().flat_map(|one| &one.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    PositionExposures {
        of,
        position_id: line.position.id,
        factors: Factor::active().map(Factor::name).collect(),
        betas: found.iter().map(|one| one.beta).collect(),
        dollars: found.iter().map(|one| one.dollars).collect(),
        observations: found.iter().filter_map(|one| one.observations).min().map(result::count),
        quality: found.iter().map(|one| one.quality).max().unwrap_or(Quality::Insufficient),
        warnings,
    }
}

fn rate_beta(of: Of, line: &Line, found: &Result<RateBeta, Insufficient>) -> PositionRateBeta {
    let beta = found.as_ref().ok();
    let missing = found.as_ref().err();
    PositionRateBeta {
        of,
        position_id: line.position.id,
        beta: beta.map(|found| found.beta),
        r_squared: beta.and_then(|found| found.r_squared),
        standard_error: beta.and_then(|found| found.standard_error),
        observations: result::count(
            beta.map(|found| found.observations)
                .or(missing.map(|missing| missing.observations))
                .unwrap_or(0),
        ),
        quality: beta.map_or(Quality::Insufficient, |found| found.quality),
        warnings: missing.map(|missing| missing.reason.clone()).into_iter().collect(),
    }
}
