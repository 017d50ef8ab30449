//! How well the market scenario would have predicted what the holdings did.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use sigmasight_analytics::scenario;

use super::driver::Driver;
use super::{Desk, Inputs, Standing, without_betas};
use crate::domain::calendar::Calendar;
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::services::factors::{FactorModel, Insufficient, Method, Variable, WINDOW};
use crate::services::valuation::Book;
use crate::services::window::Window;

/// Predictions and outcomes of so many sessions, as returns.
#[derive(Clone, Debug)]
pub struct Accuracy {
    pub points: Vec<Point>,
    /// None without a session.
    pub measured: Option<scenario::Accuracy>,
    pub standing: Standing,
}

/// One session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub date: NaiveDate,
    pub predicted: f64,
    pub actual: f64,
}

impl Accuracy {
    /// The sessions that are looked at, and those before them that betas are estimated from.
    pub fn window(book: &Book, sessions: usize, calendar: &Calendar) -> Window {
        Window::ending(book.horizon.as_of, WINDOW + sessions, calendar)
    }
}

/// Holds Σ weight × market beta × market return against Σ weight × return for each of the last
/// sessions, of the holdings as they are; a session counts when the market and all that is held
/// have a return. Betas are of the window before those sessions, so that no prediction knows its
/// outcome. `inputs` are over [`Accuracy::window`].
pub fn accuracy(desk: &Desk, inputs: &Inputs, sessions: usize, calendar: &Calendar) -> Accuracy {
    let window = Accuracy::window(&desk.book, sessions, calendar);
    let tested = Window::ending(desk.book.horizon.as_of, sessions, calendar);
    let before = tested.sessions().first().copied().unwrap_or(desk.book.horizon.as_of);
    let before = Window::ending(before, WINDOW.min(window.len()), calendar);

    let etf = |factor: Factor| inputs.references.get(factor.etf()?).map(Arc::as_ref);
    let variables = Factor::active()
        .map(|name| Variable { name, returns: before.simple_returns(etf(name)) })
        .collect();
    let model = FactorModel::new(Method::Orthogonal, variables);
    let place = model.place(Factor::Market);
    let market = tested.simple_returns(etf(Factor::Market));

    let mut known = HashMap::new();
    let mut included = Vec::new();
    let mut excluded = desk.unknown.clone();
    for held in &desk.held {
        let id = held.exposed.instrument;
        let series = inputs.histories.get(&id).map(Arc::as_ref);
        let beta = known.entry(id).or_insert_with(|| {
            let found = model.betas(&before.simple_returns(series))?;
            let missing = || Insufficient {
                reason: format!("{} has none.", Driver::Factor(Factor::Market)),
                observations: 0,
            };
            let beta = place.and_then(|place| found.betas.get(place)).ok_or_else(missing)?;
            Ok((beta.capped(), tested.simple_returns(series), found.quality))
        });
        match beta {
            Ok(own) => included.push((held, own.clone())),
            Err(reason) => excluded.push(without_betas(held, reason)),
        }
    }

    let base: f64 = desk.base().try_into().unwrap_or(0.0);
    let points: Vec<_> = tested
        .return_sessions()
        .iter()
        .enumerate()
        .filter_map(|(at, date)| {
            let market = (*market.values.get(at)?)?;
            let (mut predicted, mut actual) = (0.0, 0.0);
            for (held, (beta, returns, _)) in &included {
                predicted += held.exposure / base * beta * market;
                actual += held.exposure / base * (*returns.values.get(at)?)?;
            }
            let is_known = base > 0.0 && !included.is_empty();
            is_known.then_some(Point { date: *date, predicted, actual })
        })
        .collect();
    let column = |of: fn(&Point) -> f64| points.iter().map(of).collect::<Vec<_>>();
    let measured = scenario::Accuracy::of(&column(|p| p.predicted), &column(|p| p.actual)).ok();

    let quality = included.iter().map(|(_, (_, _, quality))| *quality).max();
    let held: Vec<_> = included.iter().map(|(held, _)| *held).collect();
    let mut standing = Desk::standing(&held, &excluded, quality.unwrap_or(Quality::Full));
    standing.warnings.splice(0..0, model.warnings());
    if points.len() < sessions {
        standing.warnings.push(format!(
            "{} of {sessions} sessions have the returns that they need.",
            points.len()
        ));
        standing.quality = standing.quality.max(Quality::Limited);
    }
    if measured.is_none() {
        standing.quality = Quality::Insufficient;
    }
    Accuracy { points, measured, standing }
}
