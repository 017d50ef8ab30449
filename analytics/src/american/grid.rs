//! The premium of early exercise by finite differences, for the puts with two boundaries.
//!
//! With the dividend yield below a negative rate a put is exercised between two prices, and
//! the two may meet before now: there is no boundary to solve for over the whole life. The
//! pricing equation on a grid does not mind. It is solved for the premium over the European
//! put, which unlike the put itself has no kink at expiry, twice, for an extrapolation.
//!
//! Source: Brennan & Schwartz (1977), J. Finance 32(2), for the equation; Hintermüller, Ito &
//! Kunisch (2002), SIAM J. Optimization 13(3), for the active sets; Andersen & Lake (2021),
//! Wilmott 2021(112), for the two boundaries.

use crate::normal::{density_and_cdf, exp};

use super::boundary::Put;
use super::premium::Premium;

/// Deviations on either side of spot and strike that the grid covers.
const REACH: f64 = 6.5;

/// The premium over the European put and its derivatives, in units of the strike; `None`
/// where immediate exercise is best.
///
/// `steps` is the number of steps in time, on the finer of two grids; those in log spot are
/// twice as many. With 800 the value is within 1e-7 of the strike, for a life of decades 1e-5.
pub(super) fn premium(put: &Put, steps: usize) -> Option<Premium> {
    let fine = on_grid(put, steps)?;
    let Some(coarse) = on_grid(put, steps / 2) else { return Some(fine) };
    // The error goes with the square of the steps.
    let extrapolated = |coarse: f64, fine: f64| fine + (fine - coarse) / 3.0;
    Some(Premium {
        value: extrapolated(coarse.value, fine.value),
        moneyness: extrapolated(coarse.moneyness, fine.moneyness),
        time: extrapolated(coarse.time, fine.time),
    })
}

fn on_grid(put: &Put, steps: usize) -> Option<Premium> {
    let mut grid = Grid::new(put, 2 * steps);
    #[expect(clippy::cast_precision_loss, reason = "a count below a thousand")]
    let time = |step: usize| (step as f64 / steps as f64).powi(2);
    for step in 1..=steps {
        // The first steps are fully implicit: they damp what the start of exercise excites.
        let implicit = if step <= 4 { 1.0 } else { 0.5 };
        grid.advance(put, time(step), time(step) - time(step - 1), implicit);
    }
    grid.at_spot(put)
}

struct Grid {
    /// Spot over strike at each node.
    moneyness: Vec<f64>,
    /// Which node is the spot.
    spot: usize,
    /// Distance of the nodes in log spot.
    width: f64,
    /// Weights of the nodes below, at and above in what the equation makes of the premium.
    below: f64,
    here: f64,
    above: f64,
    premium: Vec<f64>,
    exercised: Vec<bool>,
    /// Work space: exercise less the European put, the known side of the equation, and what
    /// the elimination of the nodes below leaves of those above and of the known side.
    obstacle: Vec<f64>,
    known: Vec<f64>,
    upper: Vec<f64>,
    right: Vec<f64>,
}

impl Grid {
    #[expect(clippy::cast_precision_loss, reason = "counts of nodes are below ten thousand")]
    #[expect(clippy::cast_possible_truncation, reason = "a share of the nodes")]
    #[expect(clippy::cast_sign_loss, reason = "the low end is below the spot")]
    fn new(put: &Put, intervals: usize) -> Self {
        let variance = put.deviation * put.deviation;
        let drift = put.rate - put.dividend_yield - variance / 2.0;
        let log_spot = put.moneyness.ln();
        let reach = REACH * put.deviation + drift.abs();
        let (low, high) = (log_spot.min(0.0) - reach, log_spot.max(0.0) + reach);
        let width = (high - low) / intervals as f64;
        let spot = (((log_spot - low) / width).round() as usize).clamp(1, intervals - 1);
        let node = |i: usize| exp(log_spot + (i as f64 - spot as f64) * width);

        let diffusion = variance / (2.0 * width * width);
        let convection = drift / (2.0 * width);
        let nodes = intervals + 1;
        Self {
            moneyness: (0..nodes).map(node).collect(),
            spot,
            width,
            below: diffusion - convection,
            here: -2.0 * diffusion - put.rate,
            above: diffusion + convection,
            premium: vec![0.0; nodes],
            exercised: vec![false; nodes],
            obstacle: vec![0.0; nodes],
            known: vec![0.0; nodes],
            upper: vec![0.0; nodes],
            right: vec![0.0; nodes],
        }
    }

    /// Moves `step` away from expiry, to `time`.
    fn advance(&mut self, put: &Put, time: f64, step: f64, implicit: f64) {
        const MOST_ROUNDS: usize = 30;

        let last = self.premium.len() - 1;
        self.place_obstacle(put, time);
        let explicit = (1.0 - implicit) * step;
        for i in 1..last {
            let [below, here, above] = [i - 1, i, i + 1].map(|i| self.premium[i]);
            self.known[i] =
                here + explicit * (self.below * below + self.here * here + self.above * above);
        }
        // At the ends the premium is what immediate exercise leaves, if that is anything.
        self.known[0] = self.obstacle[0].max(0.0);
        self.known[last] = self.obstacle[last].max(0.0);

        let implicit = implicit * step;
        for _ in 0..MOST_ROUNDS {
            self.solve(implicit);
            if !self.revise(implicit) {
                break;
            }
        }
    }

    fn place_obstacle(&mut self, put: &Put, time: f64) {
        let spread = put.deviation * time.sqrt();
        let discount = exp(-put.rate * time);
        let kept = exp(-put.dividend_yield * time);
        let log_forward = (put.rate - put.dividend_yield) * time;
        let lowest = self.moneyness[0].ln();
        for (i, (obstacle, moneyness)) in self.obstacle.iter_mut().zip(&self.moneyness).enumerate()
        {
            #[expect(clippy::cast_precision_loss, reason = "an index below ten thousand")]
            let log_moneyness = lowest + i as f64 * self.width;
            let d_minus = (log_moneyness + log_forward) / spread - spread / 2.0;
            let (_, in_strike) = density_and_cdf(-d_minus);
            let (_, in_spot) = density_and_cdf(-d_minus - spread);
            *obstacle = 1.0 - moneyness - (discount * in_strike - kept * moneyness * in_spot);
        }
    }

    /// Solves for the premium, given where the option is exercised: a tridiagonal system.
    fn solve(&mut self, implicit: f64) {
        let last = self.premium.len() - 1;
        let (below, above) = (-implicit * self.below, -implicit * self.above);
        let here = 1.0 - implicit * self.here;
        self.upper[0] = 0.0;
        self.right[0] = self.known[0];
        for i in 1..last {
            if self.exercised[i] {
                self.upper[i] = 0.0;
                self.right[i] = self.obstacle[i];
            } else {
                let pivot = here - below * self.upper[i - 1];
                self.upper[i] = above / pivot;
                self.right[i] = (self.known[i] - below * self.right[i - 1]) / pivot;
            }
        }
        self.premium[last] = self.known[last];
        for i in (0..last).rev() {
            self.premium[i] = self.right[i] - self.upper[i] * self.premium[i + 1];
        }
    }

    /// Exercises where waiting is worth less, and waits where the equation would lift the
    /// premium above exercise. Whether anything changed.
    fn revise(&mut self, implicit: f64) -> bool {
        let mut changed = false;
        for i in 1..self.premium.len() - 1 {
            let [below, here, above] = [i - 1, i, i + 1].map(|i| self.premium[i]);
            let exercised = if self.exercised[i] {
                let motion = self.below * below + self.here * here + self.above * above;
                here - implicit * motion >= self.known[i]
            } else {
                here < self.obstacle[i]
            };
            changed |= exercised != self.exercised[i];
            self.exercised[i] = exercised;
        }
        changed
    }

    /// `None` where the option is exercised.
    fn at_spot(&self, put: &Put) -> Option<Premium> {
        let i = self.spot;
        if self.exercised[i] {
            return None;
        }
        let [below, here, above] = [i - 1, i, i + 1].map(|i| self.premium[i]);
        Some(Premium {
            value: here,
            moneyness: (above - below) / (2.0 * self.width * put.moneyness),
            time: self.below * below + self.here * here + self.above * above,
        })
    }
}
