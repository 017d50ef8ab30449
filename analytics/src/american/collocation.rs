//! Where the exercise boundary is known, and how integrals over it are summed.
//!
//! Time runs from expiry, as a fraction of the time to it: 0 is expiry, 1 is now. An integral
//! over the time u up to some time τ is taken over an angle, `√u = √τ cos θ` and
//! `√(τ − u) = √τ sin θ` with θ from 0 to π/2. Both ends, where the integrand goes like a
//! square root of the time left or of the time gone, are then smooth, and few points of
//! Gauss and Legendre are exact to many digits. The points stand at the same fractions of
//! every τ, so that the weights of the interpolation are computed once for all options.

use std::f64::consts::{FRAC_PI_2, PI};

/// `NODES` times at which the boundary is solved for, `POINTS` for an integral in its
/// equation, `SUM` for the integral of the premium.
pub(super) struct Collocation<const NODES: usize, const POINTS: usize, const SUM: usize> {
    /// √τ of each node: the Chebyshev points of 0..1, ascending, without the zero, where the
    /// boundary is known, and with the one.
    pub root: [f64; NODES],
    /// sin θ of each point.
    pub sine: [f64; POINTS],
    /// 1 / sin θ of the same.
    pub inverse_sine: [f64; POINTS],
    /// cos θ of the same.
    pub cosine: [f64; POINTS],
    /// Weight of each point in an integral over u / τ.
    pub weight: [f64; POINTS],
    /// `basis[i][j][k]`: weight of the boundary at node `j` in the boundary at point `k` of
    /// the integral up to node `i`.
    pub basis: Vec<[[f64; POINTS]; NODES]>,
    /// `sine` of the points of the premium.
    pub sum_sine: [f64; SUM],
    /// cos θ of the same.
    pub sum_cosine: [f64; SUM],
    /// Weight of each in an integral over θ.
    pub sum_weight: [f64; SUM],
    /// `sum_basis[j][k]`: weight of node `j` at point `k` of the premium.
    pub sum_basis: [[f64; SUM]; NODES],
    /// The same for the slope of the boundary in √u.
    pub sum_slope: [[f64; SUM]; NODES],
}

impl<const NODES: usize, const POINTS: usize, const SUM: usize> Collocation<NODES, POINTS, SUM> {
    pub fn new() -> Self {
        let root: [f64; NODES] = std::array::from_fn(|i| chebyshev(i + 1, NODES));
        let (angle, angle_weight) = gauss_legendre::<POINTS>();
        let (sine, cosine) = (angle.map(f64::sin), angle.map(f64::cos));
        let mut weight = angle_weight;
        let mut basis = vec![[[0.0; POINTS]; NODES]; NODES];
        for k in 0..POINTS {
            // du = 2 τ sin θ cos θ dθ
            weight[k] *= 2.0 * sine[k] * cosine[k];
            for (basis, node) in basis.iter_mut().zip(root) {
                let weights = interpolation(&root, node * cosine[k]);
                for j in 0..NODES {
                    basis[j][k] = weights[j];
                }
            }
        }

        let (angle, sum_weight) = gauss_legendre::<SUM>();
        let mut sum_basis = [[0.0; SUM]; NODES];
        let mut sum_slope = [[0.0; SUM]; NODES];
        let slopes = differentiation(&root);
        for k in 0..SUM {
            let weights = interpolation(&root, angle[k].cos());
            for j in 0..NODES {
                sum_basis[j][k] = weights[j];
                // The node at zero, where the interpolated is zero, has a slope too.
                let at_zero = 1.0 - weights.iter().sum::<f64>();
                sum_slope[j][k] = at_zero * slopes.0[j]
                    + (0..NODES).map(|i| weights[i] * slopes.1[i][j]).sum::<f64>();
            }
        }
        Self {
            root,
            sine,
            inverse_sine: sine.map(f64::recip),
            cosine,
            weight,
            basis,
            sum_sine: angle.map(f64::sin),
            sum_cosine: angle.map(f64::cos),
            sum_weight,
            sum_basis,
            sum_slope,
        }
    }
}

/// Point `i` of the `last + 1` extrema of a Chebyshev polynomial, brought to 0..1.
#[expect(clippy::cast_precision_loss, reason = "counts of nodes are below a hundred")]
fn chebyshev(i: usize, last: usize) -> f64 {
    (1.0 - (i as f64 * PI / last as f64).cos()) / 2.0
}

/// Barycentric weight of Chebyshev point `i` among `last + 1`.
///
/// Source: Berrut & Trefethen (2004), SIAM Review 46(3), section 5.
fn barycentric(i: usize, last: usize) -> f64 {
    let sign = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
    if i == 0 || i == last { sign / 2.0 } else { sign }
}

/// Weights of the values at the nodes in the interpolating polynomial at `x`; the value at
/// zero is zero.
#[expect(clippy::float_cmp, reason = "a point divides by zero at a node itself and only there")]
fn interpolation<const NODES: usize>(root: &[f64; NODES], x: f64) -> [f64; NODES] {
    if let Some(node) = root.iter().position(|&root| root == x) {
        return std::array::from_fn(|j| if j == node { 1.0 } else { 0.0 });
    }
    let terms: [f64; NODES] = std::array::from_fn(|j| barycentric(j + 1, NODES) / (x - root[j]));
    let total = barycentric(0, NODES) / x + terms.iter().sum::<f64>();
    terms.map(|term| term / total)
}

/// Weights of the values at the nodes in the polynomial's slope at zero and at each node.
fn differentiation<const NODES: usize>(
    root: &[f64; NODES],
) -> ([f64; NODES], [[f64; NODES]; NODES]) {
    let at = |i: usize| if i == 0 { 0.0 } else { root[i - 1] };
    let entry =
        |i: usize, j: usize| barycentric(j, NODES) / barycentric(i, NODES) / (at(i) - at(j));
    // A constant has no slope: the diagonal is what brings the sum of a row to zero.
    let diagonal = |i: usize| -(0..=NODES).filter(|&j| j != i).map(|j| entry(i, j)).sum::<f64>();
    let weight = |i: usize, j: usize| if i == j { diagonal(i) } else { entry(i, j) };
    (
        std::array::from_fn(|j| weight(0, j + 1)),
        std::array::from_fn(|i| std::array::from_fn(|j| weight(i + 1, j + 1))),
    )
}

/// Points and weights of the Gauss–Legendre rule over 0..π/2, ascending.
///
/// The roots of the Legendre polynomial, by Newton's method from their asymptotic places.
#[expect(clippy::cast_precision_loss, reason = "counts of points are below a thousand")]
fn gauss_legendre<const POINTS: usize>() -> ([f64; POINTS], [f64; POINTS]) {
    const NEWTON_STEPS: usize = 10;

    let mut points = [0.0; POINTS];
    let mut weights = [0.0; POINTS];
    let order = POINTS as f64;
    for i in 0..POINTS {
        let mut x = (PI * (i as f64 + 0.75) / (order + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..NEWTON_STEPS {
            let (mut previous, mut legendre) = (1.0, x);
            for degree in 2..=POINTS {
                let degree = degree as f64;
                let next =
                    ((2.0 * degree - 1.0) * x * legendre - (degree - 1.0) * previous) / degree;
                (previous, legendre) = (legendre, next);
            }
            slope = order * (x * legendre - previous) / (x * x - 1.0);
            x -= legendre / slope;
        }
        points[i] = (1.0 - x) / 2.0 * FRAC_PI_2;
        weights[i] = FRAC_PI_2 / ((1.0 - x * x) * slope * slope);
    }
    (points, weights)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn the_rule_is_exact_for_polynomials() {
        let (points, weights) = gauss_legendre::<5>();
        let integral: f64 = (0..5).map(|k| weights[k] * points[k].powi(9)).sum();
        assert_relative_eq!(integral, FRAC_PI_2.powi(10) / 10.0, max_relative = 1e-14);
    }

    #[test]
    fn a_polynomial_that_is_zero_at_zero_is_interpolated_exactly_and_so_is_its_slope() {
        let nodes = Collocation::<6, 4, 9>::new();
        let values = nodes.root.map(|x| 3.0 * x.powi(5) - x);
        for k in 0..9 {
            let x = nodes.sum_cosine[k];
            let of = |weights: &[[f64; 9]; 6]| -> f64 {
                (0..6).map(|j| weights[j][k] * values[j]).sum()
            };
            assert_relative_eq!(of(&nodes.sum_basis), 3.0 * x.powi(5) - x, epsilon = 1e-14);
            assert_relative_eq!(of(&nodes.sum_slope), 15.0 * x.powi(4) - 1.0, epsilon = 1e-12);
        }
        for (i, node) in nodes.root.iter().enumerate() {
            for k in 0..4 {
                let x = node * nodes.cosine[k];
                let got: f64 = (0..6).map(|j| nodes.basis[i][j][k] * values[j]).sum();
                assert_relative_eq!(got, 3.0 * x.powi(5) - x, epsilon = 1e-13);
            }
        }
    }

    #[test]
    fn an_integral_over_time_is_that_of_its_square_roots() {
        let nodes = Collocation::<2, 12, 2>::new();
        // ∫₀¹ √(u (1 − u)) du = π / 8, out of reach for a rule over u itself.
        let term = |k: usize| nodes.weight[k] * nodes.sine[k] * nodes.cosine[k];
        let integral: f64 = (0..12).map(term).sum();
        assert_relative_eq!(integral, PI / 8.0, max_relative = 1e-12);
    }
}
