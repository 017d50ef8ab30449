//! The distribution of what a book may make or lose, by Monte Carlo.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use sigmasight_analytics::Error;
use sigmasight_analytics::risk::tail::Confidence;
use sigmasight_analytics::scenario::monte_carlo::Simulation;

use super::sheet::Sheet;
use super::{Desk, Standing, money};
use crate::domain::calendar::Calendar;
use crate::domain::factor::Factor;
use crate::domain::scenario::{Shock, Variable};

/// Most paths of one simulation.
pub const MAX_PATHS: u32 = 100_000;
/// Most sessions that it looks ahead: a year.
pub const MAX_HORIZON: u32 = 252;
/// Intervals of the histogram.
const BINS: u16 = 20;
/// Shares of the paths that percentiles are told of.
const PERCENTILES: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];

/// What a simulation says.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// A loss above zero, exceeded in one path out of 1 / (1 − confidence).
    pub value_at_risk: Decimal,
    /// Mean loss of the paths that lose as much or more.
    pub expected_shortfall: Decimal,
    pub mean: Decimal,
    pub standard_deviation: Decimal,
    /// Share of the paths, and the profit that so many stay below.
    pub percentiles: Vec<(f64, Decimal)>,
    /// From, to, and how many paths end between.
    pub histogram: Vec<(Decimal, Decimal, usize)>,
    pub standing: Standing,
}

impl Desk {
    /// Draws so many paths of the factors, jointly lognormal with their covariance over the window
    /// times the sessions, and of what the factors leave unexplained of each instrument, drawn as
    /// one. The same seed gives the same paths. Options that expire before the last of the sessions
    /// are said: they move by the delta of today all the same.
    ///
    /// # Errors
    /// What is no number.
    pub fn simulate(
        &self,
        paths: u32,
        sessions: u32,
        confidence: Confidence,
        seed: u64,
        calendar: &Calendar,
    ) -> Result<Simulated, Error> {
        let design = self.design(&[]);
        let market = Shock { variable: Variable::Factor(Factor::Market), shock: 0.0 };
        let sheet = Sheet::new(self, &design, &[market]);
        let mut standing = sheet.standing(&vec![1.0; sheet.columns.len()]);
        standing.warnings.extend(self.expire_within(sessions, calendar));

        let factors = design.drivers.len();
        let mut exposures = sheet.dollars();
        exposures.truncate(factors);
        let mut by_instrument = BTreeMap::<usize, f64>::new();
        for held in &sheet.included {
            *by_instrument.entry(held.instrument).or_default() += held.exposure;
        }
        let gross: f64 = by_instrument.values().map(|exposure| exposure.abs()).sum();
        let specific: f64 = by_instrument
            .iter()
            .filter_map(|(at, exposure)| Some((exposure * design.of(*at).ok()?.residual).powi(2)))
            .sum();
        exposures.push(gross);
        let days = f64::from(sessions);
        let size = factors + 1;
        let covariance: Vec<_> = (0..size * size)
            .map(|at| match (at / size, at % size) {
                (row, column) if row < factors && column < factors => {
                    design.covariance.get(row * factors + column).copied().unwrap_or(0.0) * days
                }
                (row, column) if row == column && gross > 0.0 => specific / (gross * gross) * days,
                _ => 0.0,
            })
            .collect();
        let outcomes = Simulation::new(&exposures, &covariance, seed)?.outcomes(paths.into())?;
        let percentile = |share: f64| Ok((share, money(outcomes.percentile(share)?)));
        let bin = |bin: sigmasight_analytics::scenario::monte_carlo::Bin| {
            (money(bin.from), money(bin.to), bin.count)
        };
        Ok(Simulated {
            value_at_risk: money(outcomes.value_at_risk(confidence)),
            expected_shortfall: money(outcomes.expected_shortfall(confidence)),
            mean: money(outcomes.mean()),
            standard_deviation: money(outcomes.standard_deviation()),
            percentiles: PERCENTILES.into_iter().map(percentile).collect::<Result<_, Error>>()?,
            histogram: outcomes.histogram(BINS).into_iter().map(bin).collect(),
            standing,
        })
    }

    /// A sentence about options that expire within so many sessions.
    fn expire_within(&self, sessions: u32, calendar: &Calendar) -> Option<String> {
        let mut last = self.book.horizon.as_of;
        for _ in 0..sessions {
            last = calendar.next_session(last);
        }
        let lives = self.held.iter().filter(|one| !one.line().is_expired);
        let contracts = lives.filter_map(|one| one.line().position.instrument.contract.as_ref());
        let options = match contracts.filter(|own| own.expiry <= last).count() {
            0 => return None,
            1 => "1 option expires".to_owned(),
            some => format!("{some} options expire"),
        };
        Some(format!(
            "{options} by {last}, within the horizon: until then and after, today's delta counts."
        ))
    }
}
