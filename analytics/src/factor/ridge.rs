//! Ridge regression: betas of all factors at once, shrunk toward zero so that collinear
//! factors share what they explain instead of taking large bets against each other.

use super::regression::{Estimate, Fit, check};
use crate::Error;
use crate::linear::{Centered, Svd, add_scaled, divide, dot, real};

/// Standardized factors, decomposed for any number of responses at one penalty.
#[derive(Clone, Debug)]
pub struct Ridge {
    observations: usize,
    means: Vec<f64>,
    /// Population standard deviations; zero for a factor that is constant.
    deviations: Vec<f64>,
    basis: Vec<Vec<f64>>,
    /// The columns of V diag(1 / (s + λ / s)): from coordinates to standardized betas.
    shrunk: Vec<Vec<f64>>,
    /// s² / (s² + λ): what the penalty leaves of each coordinate. With the intercept's one they
    /// add up to the trace of the hat matrix.
    shares: Vec<f64>,
}

impl Ridge {
    /// Prepares the minimization of Σ (y − ȳ − Z b)² + λ Σ b², with Z the factors in standard
    /// deviations (by n) from their means. The penalty is not multiplied by n, and the intercept
    /// bears none.
    ///
    /// A factor that is constant has a beta of zero. At a penalty of zero collinear factors
    /// share their beta as they do under [`super::Design`].
    ///
    /// Source: Hoerl & Kennard (1970), Technometrics 12(1); Hastie, Tibshirani & Friedman
    /// (2009), The Elements of Statistical Learning, 2nd ed., equation 3.47.
    ///
    /// # Errors
    /// `OutOfRange` for a penalty below zero; `Empty`, `Mismatch`, `NotFinite`; `TooShort` unless
    /// there is one observation more than there are coefficients.
    pub fn new<S: AsRef<[f64]>>(factors: &[S], penalty: f64) -> Result<Self, Error> {
        if !penalty.is_finite() {
            return Err(Error::NotFinite);
        }
        if penalty < 0.0 {
            return Err(Error::OutOfRange("penalty"));
        }
        let observations = factors.first().map_or(0, |factor| factor.as_ref().len());
        check(factors, observations, factors.len() + 2)?;

        let centered: Vec<Centered> =
            factors.iter().map(|factor| Centered::new(factor.as_ref())).collect();
        if !centered.iter().all(|factor| factor.variation.is_finite()) {
            return Err(Error::NotFinite);
        }
        let means = centered.iter().map(|factor| factor.mean).collect();
        let deviations = centered.iter().map(Centered::deviation).collect();
        let standardized: Vec<Vec<f64>> =
            centered.into_iter().map(|factor| factor.scaled_to(real(observations))).collect();

        let svd = Svd::new(&standardized);
        let mut shrunk = svd.right;
        for (column, value) in shrunk.iter_mut().zip(&svd.values) {
            divide(column, value + penalty / value);
        }
        let shares =
            svd.values.iter().map(|value| value * value / (value * value + penalty)).collect();
        Ok(Self { observations, means, deviations, basis: svd.left, shrunk, shares })
    }

    /// Regresses a response on the factors.
    ///
    /// Betas are per unit of factor return, as those of [`super::Design::fit`]; the standardized
    /// ones are these times the factors' population standard deviations. They have no standard
    /// error, since what is uncertain about them is mostly their bias. The residual standard
    /// deviation counts as parameters the trace of the hat matrix.
    ///
    /// # Errors
    /// `Mismatch` unless the response is as long as the factors; `NotFinite`.
    pub fn fit(&self, response: &[f64]) -> Result<Fit, Error> {
        if response.len() != self.observations {
            return Err(Error::Mismatch { expected: self.observations, got: response.len() });
        }
        let centered = Centered::new(response);
        let is_constant = centered.is_constant();
        let Centered { mean, deviations: mut residuals, variation } = centered;

        let mut betas = vec![0.0; self.means.len()];
        if !is_constant {
            for ((basis, shrunk), share) in self.basis.iter().zip(&self.shrunk).zip(&self.shares) {
                let coordinate = dot(basis, &residuals);
                add_scaled(&mut residuals, -share * coordinate, basis);
                add_scaled(&mut betas, coordinate, shrunk);
            }
        }
        for (beta, deviation) in betas.iter_mut().zip(&self.deviations) {
            // The coordinates of a constant factor are rounding errors.
            *beta = if *deviation > 0.0 { *beta / deviation } else { 0.0 };
        }
        let unexplained = if is_constant { 0.0 } else { dot(&residuals, &residuals) };
        if !betas.iter().chain([&unexplained]).all(|number| number.is_finite()) {
            return Err(Error::NotFinite);
        }

        let freedom = real(self.observations - 1) - self.shares.iter().sum::<f64>();
        let estimate =
            |value| Estimate { value, standard_error: None, degrees_of_freedom: freedom };
        Ok(Fit {
            intercept: estimate(mean - dot(&betas, &self.means)),
            slopes: betas.into_iter().map(estimate).collect(),
            observations: self.observations,
            rank: 1 + self.basis.len(),
            r_squared: (!is_constant).then(|| 1.0 - unexplained / variation),
            adjusted_r_squared: None,
            residual_std: (unexplained / freedom).sqrt(),
        })
    }
}
