//! What the right to exercise early is worth, given when it is used.
//!
//! Source: Kim (1990), Review of Financial Studies 3(4); Carr, Jarrow & Myneni (1992),
//! Mathematical Finance 2(2).

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for each width")]

use fearless_simd::{Level, Simd, dispatch};

use crate::normal::{DENSITY_AT_ZERO, exp, scaled_tail_brief};

use super::boundary::{Boundary, Put, floor};
use super::collocation::Collocation;

/// The premium over the European put and its derivatives, in units of the strike.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Premium {
    pub value: f64,
    /// Change per unit of moneyness.
    pub moneyness: f64,
    /// Change with the time to expiry, per that time.
    pub time: f64,
}

impl Premium {
    /// The interest that exercise earns on the strike, less the dividends that it gives up,
    /// while the spot S is below the boundary B: with s the time from now,
    ///
    /// `p = ∫ r e^(−rs) Φ(−d₋(s, S/B)) − q S e^(−qs) Φ(−d₊(s, S/B)) ds`.
    ///
    /// Its derivative by S is taken under the integral. That by time is the integrand at
    /// expiry, and what every moment adds as the boundary then has moved on: both stay smooth
    /// where the spot is next to the boundary, which the second derivative by S would not.
    pub fn of<const NODES: usize, const POINTS: usize, const SUM: usize>(
        put: &Put,
        boundary: &Boundary<NODES>,
        nodes: &Collocation<NODES, POINTS, SUM>,
    ) -> Self {
        dispatch!(Level::new(), simd => Self::compute(simd, put, boundary, nodes))
    }

    #[inline(always)]
    fn compute<S: Simd, const NODES: usize, const POINTS: usize, const SUM: usize>(
        _: S,
        put: &Put,
        boundary: &Boundary<NODES>,
        nodes: &Collocation<NODES, POINTS, SUM>,
    ) -> Self {
        let &Put { moneyness, deviation, rate, dividend_yield } = put;
        let log_at_expiry = put.log_boundary_at_expiry();
        let distance = (moneyness.ln() - log_at_expiry) / deviation;
        let drift = put.drift() - deviation / 2.0;

        let mut squares = [0.0; SUM];
        let mut slopes = [0.0; SUM];
        for j in 0..NODES {
            let square = boundary.0[j] * boundary.0[j];
            for k in 0..SUM {
                squares[k] += square * nodes.sum_basis[j][k];
                slopes[k] += square * nodes.sum_slope[j][k];
            }
        }

        let mut value = [0.0; SUM];
        let mut by_moneyness = [0.0; SUM];
        let mut by_time = [0.0; SUM];
        for k in 0..SUM {
            let (sine, cosine) = (nodes.sum_sine[k], nodes.sum_cosine[k]);
            let time = sine * sine;
            let least = floor(cosine / nodes.root[0]) * boundary.0[0];
            let is_below = squares[k] < least * least;
            let depth = if is_below { least } else { squares[k].sqrt() };
            let slope = if is_below { depth / cosine } else { slopes[k] / (2.0 * depth) };
            let d_minus = (distance + depth) / sine + drift * sine;
            let d_plus = d_minus + deviation * sine;
            let discount = exp(-rate * time);
            let kept = moneyness * exp(-dividend_yield * time);
            let bell_strike = discount * exp(-0.5 * d_minus * d_minus);
            let bell_spot = kept * exp(-0.5 * d_plus * d_plus);
            let in_strike = below(bell_strike * scaled_tail_brief(d_minus), discount, d_minus);
            let in_spot = below(bell_spot * scaled_tail_brief(d_plus), kept, d_plus);

            let weight = nodes.sum_weight[k];
            // ds = 2 sin θ cos θ dθ
            let weight_of_time = 2.0 * sine * cosine * weight;
            value[k] = weight_of_time * (rate * in_strike - dividend_yield * in_spot);
            // S e^(−qs) φ(d₊) = B e^(−rs) φ(d₋)
            let crossing = dividend_yield * bell_spot - rate * bell_strike;
            by_moneyness[k] = 2.0 * cosine * weight * crossing * DENSITY_AT_ZERO / deviation
                - weight_of_time * dividend_yield * in_spot;
            by_time[k] = weight * crossing * DENSITY_AT_ZERO * slope;
        }
        let sum = |terms: &[f64; SUM]| terms.iter().sum::<f64>();

        let d_minus = distance + drift;
        let d_plus = d_minus + deviation;
        let discount = exp(-rate);
        let kept = moneyness * exp(-dividend_yield);
        let strike_tail = discount * exp(-0.5 * d_minus * d_minus) * scaled_tail_brief(d_minus);
        let spot_tail = kept * exp(-0.5 * d_plus * d_plus) * scaled_tail_brief(d_plus);
        let at_expiry = rate * below(strike_tail, discount, d_minus)
            - dividend_yield * below(spot_tail, kept, d_plus);
        Self {
            value: sum(&value),
            moneyness: sum(&by_moneyness) / moneyness,
            time: at_expiry + sum(&by_time),
        }
    }

    /// Second derivative in log moneyness less the first, which is the second derivative by
    /// the spot times its square, from the pricing equation.
    pub fn curvature(&self, put: &Put) -> f64 {
        let carry = (put.rate - put.dividend_yield) * put.moneyness * self.moneyness;
        2.0 * (self.time - carry + put.rate * self.value) / (put.deviation * put.deviation)
    }
}

/// `whole` times the probability of a normal variable below −d, given the same of the tail
/// beyond |d|.
#[inline(always)]
fn below(tail: f64, whole: f64, d: f64) -> f64 {
    if d > 0.0 { tail } else { whole - tail }
}
