//! Ordinary least squares with an intercept: one design, factored once, and as many responses
//! as there are.
//!
//! With X = [1 factors] = W S Vᵀ, the singular value decomposition cut off at the numerical
//! rank, the coefficients are V S⁻¹ Wᵀ y. For a rank-deficient design that is the solution of
//! minimum norm, which is what a pseudo-inverse gives; nothing is squared, so nothing is lost to
//! the collinearity of the factors.
//!
//! Source: Golub & Van Loan (2013), Matrix Computations, 4th ed., section 5.5; Greene (2018),
//! Econometric Analysis, 8th ed., chapters 3, 4 and 20.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for each width")]

use std::f64::consts::SQRT_2;

use fearless_simd::{Level, Simd, dispatch};
use statrs::function::beta::checked_beta_reg;

use crate::Error;
use crate::linear::{Centered, LANES, Svd, dot, lane_dot, real};

/// A coefficient and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// Return of the response per 1.00 of the factor's; of an intercept, per period.
    pub value: f64,
    /// Standard deviation of the estimate, in the same unit; `None` where the method has none.
    pub standard_error: Option<f64>,
    /// Of the t distribution behind the p-value; infinite stands for the normal one.
    pub degrees_of_freedom: f64,
}

impl Estimate {
    /// Value over standard error; `None` without one, and where it is zero: nothing was
    /// uncertain, or nothing was estimated.
    #[must_use]
    pub fn t_stat(&self) -> Option<f64> {
        let error = self.standard_error.filter(|error| *error > 0.0)?;
        Some(self.value / error).filter(|t| t.is_finite())
    }

    /// Probability of a t statistic at least as far from zero, were the true value zero; two
    /// sides.
    ///
    /// With ν degrees of freedom it is the regularized incomplete beta function at
    /// ν / (ν + t²), with parameters ν/2 and 1/2.
    ///
    /// Source: Abramowitz & Stegun (1964), 26.7.1.
    #[must_use]
    pub fn p_value(&self) -> Option<f64> {
        let t = self.t_stat()?;
        let freedom = self.degrees_of_freedom;
        if freedom.is_infinite() {
            return Some(libm::erfc(t.abs() / SQRT_2));
        }
        checked_beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)).ok()
    }
}

/// What a regression found.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Return per period that no factor explains: alpha.
    pub intercept: Estimate,
    /// One beta for each factor, in their order.
    pub slopes: Vec<Estimate>,
    pub observations: usize,
    /// Number of coefficients that the data can tell apart, the intercept among them.
    pub rank: usize,
    /// Share of the response's variance that the factors explain; `None` if it has none.
    pub r_squared: Option<f64>,
    /// The same, less what as many factors of noise would explain.
    pub adjusted_r_squared: Option<f64>,
    /// Standard deviation of the residuals per period, by the degrees of freedom left.
    pub residual_std: f64,
}

/// Share of a response's variation below which the residuals are summed up by themselves: above
/// it, the difference of two sums loses four of sixteen digits at most.
const CANCELED: f64 = 1e-4;

/// Factor series and an intercept, factored for any number of responses.
#[derive(Clone, Debug)]
pub struct Design {
    observations: usize,
    rank: usize,
    /// W and V S⁻¹, some columns at a time.
    panels: Vec<Panel>,
    /// The coefficients of a response of ones.
    level: Vec<f64>,
    /// Diagonal of (XᵀX)⁺: squared standard errors per unit of residual variance.
    inverse_gram: Vec<f64>,
    /// Sum of squares of each factor around its mean.
    variations: Vec<f64>,
    condition_number: Option<f64>,
}

/// Columns side by side, so that one pass over a response meets them all; zeros where there are
/// no more columns.
#[derive(Clone, Debug)]
struct Panel {
    /// Of W, by observation: orthonormal columns that span those of the design.
    basis: Vec<Row>,
    /// Of V S⁻¹, by coefficient: from coordinates in the basis to coefficients.
    coefficients: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))] // one line of the cache
struct Row([f64; LANES]);

impl Row {
    const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    fn add_times(&self, y: f64, sums: &mut [f64; LANES]) {
        for (sum, x) in sums.iter_mut().zip(&self.0) {
            *sum += x * y;
        }
    }
}

impl Panel {
    fn new(left: &[Vec<f64>], right: &[Vec<f64>], values: &[f64]) -> Self {
        let mut panel = Self {
            basis: vec![Row::ZERO; left.first().map_or(0, Vec::len)],
            coefficients: vec![Row::ZERO; right.first().map_or(0, Vec::len)],
        };
        for (lane, ((left, right), value)) in left.iter().zip(right).zip(values).enumerate() {
            for (row, x) in panel.basis.iter_mut().zip(left) {
                row.0[lane] = *x;
            }
            for (row, x) in panel.coefficients.iter_mut().zip(right) {
                row.0[lane] = x / value;
            }
        }
        panel
    }

    /// Wᵀ y.
    fn coordinates(&self, y: &[f64]) -> [f64; LANES] {
        dispatch!(Level::new(), simd => self.coordinates_by(simd, y))
    }

    /// The same, compiled for each width of vectors. Every fourth observation is in one of four
    /// sets of sums: a single set would wait for its additions.
    #[inline(always)]
    fn coordinates_by<S: Simd>(&self, _: S, y: &[f64]) -> [f64; LANES] {
        const SETS: usize = 4;

        let mut sets = [[0.0; LANES]; SETS];
        let (blocks, last_rows) = self.basis.as_chunks::<SETS>();
        let (y_blocks, last_y) = y.as_chunks::<SETS>();
        for (rows, y) in blocks.iter().zip(y_blocks) {
            for ((sums, row), y) in sets.iter_mut().zip(rows).zip(y) {
                row.add_times(*y, sums);
            }
        }
        for (row, y) in last_rows.iter().zip(last_y) {
            row.add_times(*y, &mut sets[0]);
        }
        let sum = |lane: usize| (sets[0][lane] + sets[1][lane]) + (sets[2][lane] + sets[3][lane]);
        std::array::from_fn(sum)
    }

    /// Adds the coefficients that coordinates amount to.
    #[inline(always)]
    fn add_coefficients(&self, coordinates: &[f64; LANES], to: &mut [f64]) {
        for (to, row) in to.iter_mut().zip(&self.coefficients) {
            *to += lane_dot(&row.0, coordinates);
        }
    }
}

/// What a fit works with and the next one can use again.
struct Workspace {
    centered: Centered,
    /// One for each coefficient.
    values: Vec<f64>,
}

impl Workspace {
    fn new() -> Self {
        Self { centered: Centered::default(), values: Vec::new() }
    }
}

impl Design {
    /// Factors the design matrix of these series and an intercept.
    ///
    /// Collinear and constant factors are taken as they are: see [`Design::is_rank_deficient`].
    ///
    /// # Errors
    /// `Empty`, `Mismatch` of lengths, `NotFinite`, and `TooShort` unless there is one
    /// observation more than there are coefficients.
    pub fn new<S: AsRef<[f64]>>(factors: &[S]) -> Result<Self, Error> {
        let observations = factors.first().map_or(0, |factor| factor.as_ref().len());
        check(factors, observations, factors.len() + 2)?;

        let ones = vec![1.0; observations];
        let mut columns = vec![ones];
        columns.extend(factors.iter().map(|factor| factor.as_ref().to_vec()));
        let svd = Svd::new(&columns);
        let variations: Vec<f64> =
            factors.iter().map(|factor| Centered::new(factor.as_ref()).variation).collect();

        let panels: Vec<Panel> = (0..svd.rank())
            .step_by(LANES)
            .map(|start| {
                let range = start..svd.rank().min(start + LANES);
                let (left, right) = (&svd.left[range.clone()], &svd.right[range.clone()]);
                Panel::new(left, right, &svd.values[range])
            })
            .collect();
        let mut level = vec![0.0; columns.len()];
        let mut inverse_gram = vec![0.0; columns.len()];
        for panel in &panels {
            panel.add_coefficients(&panel.coordinates(&columns[0]), &mut level);
            for (sum, row) in inverse_gram.iter_mut().zip(&panel.coefficients) {
                *sum += lane_dot(&row.0, &row.0);
            }
        }
        if !inverse_gram.iter().chain(&variations).all(|number| number.is_finite()) {
            return Err(Error::NotFinite);
        }
        Ok(Self {
            observations,
            rank: svd.rank(),
            panels,
            level,
            inverse_gram,
            variations,
            condition_number: svd.condition_number(columns.len()),
        })
    }

    /// Number of rows that every response has to have.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.observations
    }

    /// Number of columns that the data can tell apart, that of ones among them.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Whether some factor is constant or follows from the others: its beta is then one choice
    /// of many.
    #[must_use]
    pub fn is_rank_deficient(&self) -> bool {
        self.rank < self.inverse_gram.len()
    }

    /// Largest singular value of the design over the smallest, not scaled; `None` if it is rank
    /// deficient. In the hundreds for daily returns, since these are small beside the ones.
    ///
    /// Source: Belsley, Kuh & Welsch (1980), Regression Diagnostics, chapter 3.
    #[must_use]
    pub fn condition_number(&self) -> Option<f64> {
        self.condition_number
    }

    /// Variance inflation factor 1 / (1 − R²) of each factor on the others: how many times the
    /// collinearity multiplies the variance of its beta. At least one; `None` if the design is
    /// rank deficient.
    ///
    /// Since the variance of a beta is s² (XᵀX)⁻¹ = s² VIF / Σ(x − x̄)², no further regression is
    /// needed.
    ///
    /// Source: Marquardt (1970), Technometrics 12(3).
    #[must_use]
    pub fn variance_inflation(&self) -> Option<Vec<f64>> {
        let factors = self.inverse_gram.iter().skip(1).zip(&self.variations);
        (!self.is_rank_deficient())
            .then(|| factors.map(|(inverse, variation)| inverse * variation).collect())
    }

    /// Regresses a response on the factors.
    ///
    /// A response without variance has betas of zero, errors of zero and no R².
    ///
    /// # Errors
    /// `Mismatch` unless the response is as long as the factors; `NotFinite`.
    pub fn fit(&self, response: &[f64]) -> Result<Fit, Error> {
        self.fit_with(&mut Workspace::new(), response)
    }

    /// Regresses many responses on the same factors, each as [`Design::fit`] does.
    ///
    /// # Errors
    /// Of the first response that has one.
    pub fn fit_all<S: AsRef<[f64]>>(&self, responses: &[S]) -> Result<Vec<Fit>, Error> {
        let mut workspace = Workspace::new();
        responses.iter().map(|response| self.fit_with(&mut workspace, response.as_ref())).collect()
    }

    /// What the factors and the intercept leave of a response, period by period.
    ///
    /// # Errors
    /// As [`Design::fit`].
    pub fn residuals(&self, response: &[f64]) -> Result<Vec<f64>, Error> {
        let mut workspace = Workspace::new();
        self.fit_with(&mut workspace, response)?;
        Ok(self.residuals_of(&workspace.centered))
    }

    /// Regresses a response as [`Design::fit`] does, with standard errors that hold although
    /// residuals vary in size and follow one another, and p-values of the normal distribution.
    ///
    /// Covariances of the scores up to `lags` periods apart count with the Bartlett weights
    /// 1 − l / (lags + 1); no correction for small samples. Zero lags are White's errors.
    ///
    /// Source: Newey & West (1987), Econometrica 55(3), equation 5.
    ///
    /// # Errors
    /// As [`Design::fit`], and `OutOfRange` unless there are more observations than lags.
    pub fn fit_newey_west(&self, response: &[f64], lags: usize) -> Result<Fit, Error> {
        if lags >= self.observations {
            return Err(Error::OutOfRange("lags"));
        }
        let mut workspace = Workspace::new();
        let mut fit = self.fit_with(&mut workspace, response)?;

        let residuals = self.residuals_of(&workspace.centered);
        let estimates = std::iter::once(&mut fit.intercept).chain(&mut fit.slopes);
        for (row, estimate) in estimates.enumerate() {
            // What each observation's residual moves the coefficient by: the long-run variance
            // of that series is the squared error.
            let mut influence = vec![0.0; self.observations];
            for panel in &self.panels {
                let coefficients = &panel.coefficients[row];
                let terms = influence.iter_mut().zip(panel.basis.iter().zip(&residuals));
                for (influence, (basis, residual)) in terms {
                    *influence += lane_dot(&basis.0, &coefficients.0) * residual;
                }
            }
            let variance = bartlett_variance(&influence, lags);
            if !variance.is_finite() {
                return Err(Error::NotFinite);
            }
            // Rounding may take a variance of zero below it.
            estimate.standard_error = Some(variance.max(0.0).sqrt());
            estimate.degrees_of_freedom = f64::INFINITY;
        }
        Ok(fit)
    }

    /// Fits, and leaves the centered response in the workspace.
    fn fit_with(&self, workspace: &mut Workspace, response: &[f64]) -> Result<Fit, Error> {
        if response.len() != self.observations {
            return Err(Error::Mismatch { expected: self.observations, got: response.len() });
        }
        let Workspace { centered, values } = workspace;
        centered.fill(response);
        let Centered { mean, variation, .. } = *centered;
        if !variation.is_finite() {
            return Err(Error::NotFinite);
        }
        if centered.is_constant() {
            centered.deviations.fill(0.0);
            return Ok(self.fit_of_constant(mean));
        }

        values.clear();
        values.extend(self.level.iter().map(|level| mean * level));
        let mut unexplained = variation;
        for panel in &self.panels {
            let coordinates = panel.coordinates(&centered.deviations);
            panel.add_coefficients(&coordinates, values);
            unexplained -= lane_dot(&coordinates, &coordinates);
        }
        if unexplained < CANCELED * variation {
            let residuals = self.residuals_of(centered);
            unexplained = dot(&residuals, &residuals);
        }
        if !values.iter().chain([&unexplained]).all(|number| number.is_finite()) {
            return Err(Error::NotFinite);
        }

        let degrees_of_freedom = real(self.observations - self.rank);
        let variance = unexplained / degrees_of_freedom;
        let mut estimates = values.iter().zip(&self.inverse_gram).map(|(&value, inverse)| {
            let standard_error = Some((variance * inverse).sqrt());
            Estimate { value, standard_error, degrees_of_freedom }
        });
        Ok(Fit {
            // The column of ones comes first, and is always there.
            intercept: estimates.next().ok_or(Error::Empty)?,
            slopes: estimates.collect(),
            observations: self.observations,
            rank: self.rank,
            r_squared: Some(1.0 - unexplained / variation),
            adjusted_r_squared: Some(1.0 - variance / variation * real(self.observations - 1)),
            residual_std: variance.sqrt(),
        })
    }

    fn fit_of_constant(&self, mean: f64) -> Fit {
        let degrees_of_freedom = real(self.observations - self.rank);
        let estimate = |value| Estimate { value, standard_error: Some(0.0), degrees_of_freedom };
        Fit {
            intercept: estimate(mean),
            slopes: vec![estimate(0.0); self.variations.len()],
            observations: self.observations,
            rank: self.rank,
            r_squared: None,
            adjusted_r_squared: None,
            residual_std: 0.0,
        }
    }

    /// What is left of a centered response outside of the basis.
    fn residuals_of(&self, centered: &Centered) -> Vec<f64> {
        let mut residuals = centered.deviations.clone();
        for panel in &self.panels {
            let coordinates = panel.coordinates(&residuals);
            for (residual, row) in residuals.iter_mut().zip(&panel.basis) {
                *residual -= lane_dot(&row.0, &coordinates);
            }
        }
        residuals
    }
}

/// Lags that suit a sample of this size, ⌊4 (n / 100)^(2/9)⌋: 4 for 252 returns.
///
/// Source: Newey & West (1994), Review of Economic Studies 61(4).
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a power of a positive number, floored, and far below 2^32"
)]
pub fn newey_west_lags(observations: usize) -> usize {
    (4.0 * (real(observations) / 100.0).powf(2.0 / 9.0)) as usize
}

/// Variance of the sum of a series whose terms follow one another, by Bartlett weights.
fn bartlett_variance(terms: &[f64], lags: usize) -> f64 {
    let lagged = (1..=lags).map(|lag| {
        let weight = 1.0 - real(lag) / real(lags + 1);
        2.0 * weight * dot(&terms[lag..], &terms[..terms.len() - lag])
    });
    dot(terms, terms) + lagged.sum::<f64>()
}

/// Factors of one length, finite, and enough of them.
pub(super) fn check<S: AsRef<[f64]>>(
    factors: &[S],
    observations: usize,
    needed: usize,
) -> Result<(), Error> {
    for factor in factors {
        let got = factor.as_ref().len();
        if got != observations {
            return Err(Error::Mismatch { expected: observations, got });
        }
        if !factor.as_ref().iter().all(|x| x.is_finite()) {
            return Err(Error::NotFinite);
        }
    }
    if observations == 0 {
        return Err(Error::Empty);
    }
    if observations < needed {
        return Err(Error::TooShort { needed, got: observations });
    }
    Ok(())
}
