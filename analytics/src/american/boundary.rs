//! The exercise boundary of an American put: below which price of the underlying to exercise,
//! at each time.
//!
//! The boundary solves an integral equation. It is written as a polynomial through its values
//! at a few nodes, and these are found by Newton's method on all of them together.
//!
//! Source: Andersen, Lake & Offengenden (2016), J. Computational Finance 20(1): the equation
//! "A" of their section 3, the transformation of the boundary of section 5. They iterate the
//! equation as a fixed point; Newton's method wants two or three rounds where that wants ten.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for each width")]

use fearless_simd::{Level, Simd, dispatch};

use crate::normal::{DENSITY_AT_ZERO, density_and_cdf_brief, exp, ln, scaled_tail_brief};

use super::collocation::Collocation;

/// An American put, without units: strike 1, and time as a fraction of that to expiry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Put {
    /// Spot over strike.
    pub moneyness: f64,
    /// Standard deviation of the log return until expiry: σ√T.
    pub deviation: f64,
    /// Rate until expiry: r T.
    pub rate: f64,
    /// Dividend yield until expiry: q T.
    pub dividend_yield: f64,
}

impl Put {
    /// Log of the boundary a moment before expiry: exercise must bring more interest on the
    /// strike than it costs dividends.
    pub fn log_boundary_at_expiry(&self) -> f64 {
        if self.dividend_yield > self.rate { (self.rate / self.dividend_yield).ln() } else { 0.0 }
    }

    /// Expected log return until expiry, in deviations, but for the half variance.
    pub fn drift(&self) -> f64 {
        (self.rate - self.dividend_yield) / self.deviation
    }
}

/// How far below its place at expiry the boundary stands at each node: `ln(X / B) / (σ√T)`,
/// zero or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Boundary<const NODES: usize>(pub [f64; NODES]);

impl<const NODES: usize> Boundary<NODES> {
    /// The spot over strike, now, at which exercise is as good as waiting.
    pub fn critical_moneyness(&self, put: &Put) -> f64 {
        (put.log_boundary_at_expiry() - put.deviation * self.0[NODES - 1]).exp()
    }

    /// Solves for the boundary until a step is below `tolerance`; `None` where the equation
    /// has no answer in floating point. That step's error is of the order of its square.
    ///
    /// Only for a put with one boundary: rate above zero, or zero with a negative yield.
    pub fn solve<const POINTS: usize, const SUM: usize>(
        put: &Put,
        nodes: &Collocation<NODES, POINTS, SUM>,
        tolerance: f64,
    ) -> Option<Self> {
        const MOST_STEPS: usize = 40;

        let mut boundary =
            dispatch!(Level::new(), simd => Self(first_guess(simd, put, &nodes.root)));
        for _ in 0..MOST_STEPS {
            let (next, step) = boundary.step(put, nodes)?;
            boundary = next;
            if step < tolerance {
                return Some(boundary);
            }
        }
        None
    }

    /// One step of Newton's method, and the largest share of a depth by which it wanted to
    /// change it.
    pub fn step<const POINTS: usize, const SUM: usize>(
        &self,
        put: &Put,
        nodes: &Collocation<NODES, POINTS, SUM>,
    ) -> Option<(Self, f64)> {
        /// A node moves at most by this factor: farther off, the tangent says nothing.
        const MOST: f64 = 4.0;

        let terms = Terms::new(put, nodes, self);
        let mut matrix = [[0.0; NODES]; NODES];
        let mut change = [0.0; NODES];
        for i in 0..NODES {
            change[i] = terms.rest(put, nodes, self, i, &mut matrix[i]);
        }
        eliminate(&mut matrix, &mut change);

        let mut next = self.0;
        let mut largest = 0.0_f64;
        for ((depth, change), root) in next.iter_mut().zip(change).zip(nodes.root) {
            if !change.is_finite() {
                return None;
            }
            // The shorter the time, the less depends on its depth.
            largest = largest.max(change.abs() / *depth * root * root);
            *depth = (*depth - change).clamp(*depth / MOST, *depth * MOST);
        }
        Some((Self(next), largest))
    }
}

/// The terms of the boundary's equation at each node.
///
/// With b the boundary at that node's τ and B that at u < τ, s = τ − u, w the deviation and
/// d± = (ln z + (r − q) s) / (w√s) ± w√s / 2 for a ratio z, the equation is
///
/// `b w e^(−qτ) Φ(d₊(τ, b)) + q b w ∫ e^(−qs) Φ(d₊(s, b/B)) du
///  = ∫ (r − qB) e^(−rs) φ(d₋(s, b/B)) / √s du`.
///
/// It is equation "A" without two terms that cancel, `e^(−rτ) φ(d₋) = b e^(−qτ) φ(d₊)`: they
/// hide the rest where rates are small. With a negative q the second integral goes to the
/// right, and all terms are positive for any boundary.
///
/// Each kind of term is computed for all points of all nodes before the next: long loops of
/// independent terms keep the processor busy where short ones wait for their own results.
struct Terms<const NODES: usize, const POINTS: usize> {
    /// The term before the integrals, and its derivative by the depth at its node.
    end: [f64; NODES],
    end_slope: [f64; NODES],
    /// The integrands, weighted.
    left: [[f64; POINTS]; NODES],
    right: [[f64; POINTS]; NODES],
    /// The change of the right integrand with b.
    right_slope: [[f64; POINTS]; NODES],
    /// What both integrands change by with B, the right one besides its change with B/b.
    crossing: [[f64; POINTS]; NODES],
    /// The change of the depth at a point with the square of the polynomial, or on the floor
    /// with the depth of the first node.
    by_square: [[f64; POINTS]; NODES],
    by_first: [[f64; POINTS]; NODES],
}

impl<const NODES: usize, const POINTS: usize> Terms<NODES, POINTS> {
    fn new<const SUM: usize>(
        put: &Put,
        nodes: &Collocation<NODES, POINTS, SUM>,
        boundary: &Boundary<NODES>,
    ) -> Self {
        dispatch!(Level::new(), simd => Self::compute(simd, put, nodes, boundary))
    }

    #[inline(always)]
    fn compute<S: Simd, const SUM: usize>(
        _: S,
        put: &Put,
        nodes: &Collocation<NODES, POINTS, SUM>,
        &Boundary(depths): &Boundary<NODES>,
    ) -> Self {
        let &Put { deviation, rate, dividend_yield, .. } = put;
        let drift = put.drift();
        let log_at_expiry = put.log_boundary_at_expiry();
        let zero = [[0.0; POINTS]; NODES];

        let mut boundary = [0.0; NODES];
        let mut end = [0.0; NODES];
        let mut end_slope = [0.0; NODES];
        for i in 0..NODES {
            let root = nodes.root[i];
            let log_boundary = log_at_expiry - deviation * depths[i];
            let d_plus = log_boundary / (deviation * root) + (drift + deviation / 2.0) * root;
            let (density, probability) = density_and_cdf_brief(d_plus);
            boundary[i] = exp(log_boundary);
            let factor = boundary[i] * deviation * exp(-dividend_yield * root * root);
            end[i] = factor * probability;
            end_slope[i] = -factor * (deviation * probability + density / root);
        }

        let (mut depth_then, mut by_square, mut by_first) = (zero, zero, zero);
        for i in 0..NODES {
            let mut squares = [0.0; POINTS];
            for (depth, basis) in depths.iter().zip(&nodes.basis[i]) {
                for (square, basis) in squares.iter_mut().zip(basis) {
                    *square += depth * depth * basis;
                }
            }
            for k in 0..POINTS {
                let floor = floor(nodes.root[i] / nodes.root[0] * nodes.cosine[k]);
                let least = floor * depths[0];
                let is_below = squares[k] < least * least;
                depth_then[i][k] = if is_below { least } else { squares[k].sqrt() };
                by_square[i][k] = if is_below { 0.0 } else { 1.0 / depth_then[i][k] };
                by_first[i][k] = if is_below { floor } else { 0.0 };
            }
        }

        let (mut d_minus, mut density, mut right) = (zero, zero, zero);
        for i in 0..NODES {
            let inverse = 1.0 / nodes.root[i];
            for k in 0..POINTS {
                let root = nodes.root[i] * nodes.sine[k];
                let distance = (depth_then[i][k] - depths[i]) * inverse * nodes.inverse_sine[k];
                let d = distance + (drift - deviation / 2.0) * root;
                let bell = exp(-0.5 * d * d - rate * root * root) * DENSITY_AT_ZERO;
                let weight = nodes.root[i] * nodes.weight[k] * nodes.inverse_sine[k];
                d_minus[i][k] = d;
                density[i][k] = weight * bell;
                right[i][k] = rate * density[i][k];
            }
        }

        let (mut left, mut crossing) = (zero, zero);
        if dividend_yield != 0.0 {
            for i in 0..NODES {
                for k in 0..POINTS {
                    let root = nodes.root[i] * nodes.sine[k];
                    let d_plus = d_minus[i][k] + deviation * root;
                    let then = exp(log_at_expiry - deviation * depth_then[i][k]);
                    let crossed = dividend_yield * then * density[i][k];
                    right[i][k] -= crossed;
                    crossing[i][k] = deviation * crossed;
                    // b e^(−qs) φ(d₊) = B e^(−rs) φ(d₋)
                    let tail = crossed * root * scaled_tail_brief(d_plus) * (1.0 / DENSITY_AT_ZERO);
                    let kept = boundary[i] * exp(-dividend_yield * root * root);
                    let weight = nodes.root[i] * nodes.root[i] * nodes.weight[k];
                    let whole = dividend_yield * kept * weight;
                    left[i][k] = deviation * if d_plus < 0.0 { tail } else { whole - tail };
                }
            }
        }

        let mut right_slope = zero;
        for i in 0..NODES {
            let inverse = 1.0 / nodes.root[i];
            for k in 0..POINTS {
                right_slope[i][k] = d_minus[i][k] * inverse * nodes.inverse_sine[k] * right[i][k];
            }
        }
        Self { end, end_slope, left, right, right_slope, crossing, by_square, by_first }
    }

    /// What is left of the equation at node `i`, the log of its left side less that of its
    /// right, and its derivatives by the depths at all nodes.
    fn rest<const SUM: usize>(
        &self,
        put: &Put,
        nodes: &Collocation<NODES, POINTS, SUM>,
        &Boundary(depths): &Boundary<NODES>,
        i: usize,
        derivatives: &mut [f64; NODES],
    ) -> f64 {
        let sum = |terms: &[[f64; POINTS]; NODES]| terms[i].iter().sum::<f64>();
        let left = sum(&self.left);
        let left_slope = -sum(&self.crossing) - put.deviation * left;
        // A negative integral changes sides.
        let (on_left, on_right) = if put.dividend_yield < 0.0 { (0.0, 1.0) } else { (1.0, 0.0) };
        let left_total = self.end[i] + on_left * left;
        let right_total = sum(&self.right) - on_right * left;
        let per_left = 1.0 / left_total;
        let per_right = 1.0 / right_total;

        let mut by_square = self.by_square[i];
        let mut on_floor = 0.0;
        let crossing_factor = on_left * (per_left - per_right);
        for (k, by_square) in by_square.iter_mut().enumerate() {
            let by_depth =
                crossing_factor * self.crossing[i][k] + per_right * self.right_slope[i][k];
            *by_square *= by_depth;
            on_floor += self.by_first[i][k] * by_depth;
        }
        for (j, derivative) in derivatives.iter_mut().enumerate() {
            let terms = by_square.iter().zip(&nodes.basis[i][j]);
            *derivative = depths[j] * terms.map(|(slope, basis)| slope * basis).sum::<f64>();
        }
        derivatives[0] += on_floor;
        derivatives[i] += per_left * (self.end_slope[i] + on_left * left_slope)
            - per_right * (sum(&self.right_slope) - on_right * left_slope);
        (left_total * per_right).ln()
    }
}

/// The least depth as a share of that at the first node, given √u as a share of that node's.
///
/// The polynomial through the squares may dip near expiry, below zero even, where the boundary
/// itself runs deeper than in proportion to √u.
#[inline(always)]
pub(super) fn floor(root: f64) -> f64 {
    FLOOR * if root < 1.0 { root } else { 1.0 }
}

/// Somewhat less than the least depth that the boundary can have.
const FLOOR: f64 = 0.8;

/// A boundary to start from: where the approximation of the premium by a power of the spot,
/// with its first correction in time, meets immediate exercise with its slope.
///
/// Source: Li (2010), Review of Derivatives Research 13(2), "QD+"; started from the boundary
/// of Bjerksund & Stensland (1993), Scandinavian J. of Management 9.
#[inline(always)]
fn first_guess<S: Simd, const NODES: usize>(_: S, put: &Put, roots: &[f64; NODES]) -> [f64; NODES] {
    /// The least depth, per √τ.
    const SHALLOW: f64 = 1e-3;

    let &Put { deviation, rate, dividend_yield, .. } = put;
    let at_expiry = put.log_boundary_at_expiry().exp();
    let perpetual = perpetual_boundary(put).min(at_expiry * 0.999);
    // In the terms of the call that is its mirror, the boundary rises from 1/X to 1/B∞.
    let (low, high) = (1.0 / at_expiry, 1.0 / perpetual);

    let mut depths = [0.0; NODES];
    for i in 0..NODES {
        let (root, time) = (roots[i], roots[i] * roots[i]);
        let pace = 2.0 * root * deviation - (rate - dividend_yield) * time;
        let pace = pace.max(0.2 * root * deviation) * low / (high - low);
        let start = 1.0 / (high - (high - low) * exp(-pace));

        let quadratic = Quadratic::new(put, root);
        // Not a loop: around one the loop over nodes does not become vectors.
        let boundary = quadratic.improve(put, at_expiry, start);
        let boundary = quadratic.improve(put, at_expiry, boundary);
        let depth = ln(at_expiry / boundary) / deviation;
        depths[i] = if depth.is_finite() { depth.max(SHALLOW * root) } else { root };
    }
    depths
}

/// The approximation of the premium at one time: a power of the spot, corrected.
struct Quadratic {
    root: f64,
    /// Deviation of the log return over that time.
    spread: f64,
    discount: f64,
    kept: f64,
    power: f64,
    /// The part of the correction of the power that does not depend on the boundary.
    correction: f64,
    spread_of_powers: f64,
}

impl Quadratic {
    #[inline(always)]
    fn new(put: &Put, root: f64) -> Self {
        let &Put { deviation, rate, dividend_yield, .. } = put;
        let variance = deviation * deviation;
        let time = root * root;
        let discount = exp(-rate * time);
        // r / (1 − e^(−rτ)), which tends to 1 / τ.
        let interest = rate * time;
        let small = interest.abs() < 1e-5;
        let ratio = if small { (1.0 + interest / 2.0) / time } else { rate / (1.0 - discount) };
        let strength = 2.0 * ratio / variance;
        let lean = 2.0 * (rate - dividend_yield) / variance - 1.0;
        let spread_of_powers = (lean * lean + 4.0 * strength).sqrt();
        let share = strength / spread_of_powers;
        Self {
            root,
            spread: root * deviation,
            discount,
            kept: exp(-dividend_yield * time),
            power: -(lean + spread_of_powers) / 2.0,
            correction: discount * (strength - share * share),
            spread_of_powers,
        }
    }

    /// A round of Newton's method towards the boundary of the approximation.
    #[inline(always)]
    fn improve(&self, put: &Put, at_expiry: f64, boundary: f64) -> f64 {
        /// The correction may change the power by this share: beyond, it says nothing.
        const MOST: f64 = 0.5;

        let &Put { deviation, rate, dividend_yield, .. } = put;
        let &Self { root, spread, discount, kept, power, correction, spread_of_powers } = self;
        let time = root * root;
        let d_plus = (ln(boundary) + (rate - dividend_yield) * time) / spread + spread / 2.0;
        let (density, above) = density_and_cdf_brief(d_plus);
        let (_, in_strike) = density_and_cdf_brief(spread - d_plus);
        let in_spot = kept * (1.0 - above);
        let in_strike = discount * in_strike;
        // What exercise brings beyond the European put, and how that decays.
        let gap = (1.0 - boundary - in_strike + boundary * in_spot).max(1e-9);
        let decay = rate * in_strike
            - dividend_yield * boundary * in_spot
            - kept * boundary * density * deviation / (2.0 * root);
        let correction =
            (correction - 2.0 * decay / (deviation * deviation * gap)) / spread_of_powers;
        let power = power + correction.max(MOST * power).min(-MOST * power);
        let slope = (1.0 - power) * (1.0 - in_spot) + kept * density / spread;
        let next = boundary - ((1.0 - in_spot) * boundary + power * gap) / slope;
        next.max(boundary / 2.0).min(at_expiry)
    }
}

/// The boundary of a put that never expires.
///
/// Source: Merton (1973), Bell J. Economics 4(1), section 8, with a dividend yield.
fn perpetual_boundary(put: &Put) -> f64 {
    let variance = put.deviation * put.deviation;
    let drift = put.rate - put.dividend_yield - variance / 2.0;
    let root = (drift * drift + 2.0 * variance * put.rate).sqrt();
    // Of the two forms of the root of the quadratic, the one that does not cancel.
    let power =
        if drift > 0.0 { -(drift + root) / variance } else { 2.0 * put.rate / (drift - root) };
    power / (power - 1.0)
}

/// Solves the linear system in place: `right` becomes its solution, not finite if there is
/// none. Gaussian elimination with partial pivoting.
fn eliminate<const NODES: usize>(matrix: &mut [[f64; NODES]; NODES], right: &mut [f64; NODES]) {
    for column in 0..NODES {
        let mut pivot = column;
        for row in column + 1..NODES {
            if matrix[row][column].abs() > matrix[pivot][column].abs() {
                pivot = row;
            }
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (pivot_row, pivot_right) = (matrix[column], right[column]);
        let inverse = 1.0 / pivot_row[column];
        for row in column + 1..NODES {
            let factor = matrix[row][column] * inverse;
            for k in column..NODES {
                matrix[row][k] -= factor * pivot_row[k];
            }
            right[row] -= factor * pivot_right;
        }
    }
    for row in (0..NODES).rev() {
        let known: f64 = (row + 1..NODES).map(|k| matrix[row][k] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
}
