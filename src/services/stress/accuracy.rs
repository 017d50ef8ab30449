//! How well the market scenario would have predicted what the holdings did.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sigmasight_analytics::scenario;

use super::driver::Driver;
use super::{Desk, Held, Standing, window, without_betas};
use crate::domain::calendar::Calendar;
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::services::factors::{Estimates, Insufficient};
use crate::services::window::Returns;

/// Sessions that are looked back on when nobody says how many.
pub const DAYS_BACK: usize = 90;

/// Predictions and outcomes of so many sessions, as returns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accuracy {
    /// Sessions looked back on.
    pub days_back: usize,
    pub points: Vec<Point>,
    /// None without a session.
    pub measured: Option<scenario::Accuracy>,
    pub standing: Standing,
}

/// One session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub date: NaiveDate,
    pub predicted: f64,
    pub actual: f64,
}

impl Accuracy {
    /// The last session before the tested ones. Betas are as of its close, so that no prediction
    /// knows its outcome.
    pub fn before(as_of: NaiveDate, days_back: usize, calendar: &Calendar) -> NaiveDate {
        calendar.sessions_before(as_of, u32::try_from(days_back).unwrap_or(u32::MAX))
    }
}

/// A position that has a beta.
struct Tested<'a> {
    held: &'a Held,
    /// Signed.
    weight: f64,
    beta: f64,
    returns: &'a [Option<f64>],
}

/// Holds Σ weight × market beta × market return against Σ weight × return for each of the last
/// sessions, at most a window of them, of the holdings as they are; a session counts when the
/// market and all that is held have a return. `estimates` are as of [`Accuracy::before`].
pub fn accuracy(
    desk: &Desk,
    estimates: &Estimates,
    days_back: usize,
    calendar: &Calendar,
) -> Accuracy {
    let tested = window(&desk.book, calendar).last(days_back);
    let base: f64 = desk.base().try_into().unwrap_or(0.0);
    let (mut included, mut excluded) = (Vec::new(), desk.unknown.clone());
    let mut quality = Quality::Full;
    for held in &desk.held {
        match market_beta(estimates, held) {
            Ok((beta, own)) => {
                let known = desk.instruments.get(held.instrument);
                let returns = last(known.map(|(_, own)| own.as_ref()), tested.len());
                included.push(Tested { held, weight: held.exposure / base, beta, returns });
                quality = quality.max(own);
            }
            Err(reason) => excluded.push(without_betas(held, &reason)),
        }
    }

    let market = last(desk.drivers.returns(Driver::Factor(Factor::Market)), tested.len());
    let is_known = base > 0.0 && !included.is_empty();
    let points: Vec<_> = tested
        .return_sessions()
        .iter()
        .enumerate()
        .filter_map(|(at, date)| {
            let market = market.get(at)?.filter(|_| is_known)?;
            let (mut predicted, mut actual) = (0.0, 0.0);
            for one in &included {
                predicted += one.weight * one.beta * market;
                actual += one.weight * (*one.returns.get(at)?)?;
            }
            Some(Point { date: *date, predicted, actual })
        })
        .collect();
    let column = |of: fn(&Point) -> f64| points.iter().map(of).collect::<Vec<_>>();
    let measured = scenario::Accuracy::of(&column(|p| p.predicted), &column(|p| p.actual)).ok();

    let held: Vec<_> = included.iter().map(|one| one.held).collect();
    let mut standing = Desk::standing(&held, &excluded, quality);
    standing.warnings.splice(0..0, estimates.model.warnings());
    if points.len() < days_back {
        standing.warnings.push(format!(
            "{} of {days_back} sessions have the returns that they need.",
            points.len()
        ));
        standing.quality = standing.quality.max(Quality::Limited);
    }
    if measured.is_none() {
        standing.quality = Quality::Insufficient;
    }
    Accuracy { days_back, points, measured, standing }
}

/// The returns of the last sessions, if any are known.
fn last(returns: Option<&Returns>, sessions: usize) -> &[Option<f64>] {
    returns.map(|returns| returns.last(sessions)).unwrap_or_default()
}

/// How far what moves a position goes with the market, capped, and how far that can be trusted.
fn market_beta(estimates: &Estimates, held: &Held) -> Result<(f64, Quality), Insufficient> {
    let missing =
        || Insufficient { reason: "its prices were not looked up.".into(), observations: 0 };
    let known = estimates.betas.get(&held.exposed.instrument).ok_or_else(missing)?;
    let found = known.as_ref().map_err(Clone::clone)?;
    let place = estimates.model.place(Factor::Market);
    let beta = place.and_then(|place| found.betas.get(place)).ok_or_else(missing)?;
    Ok((beta.capped(), found.quality))
}
