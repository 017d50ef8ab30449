//! Where the risk of a book comes from: which factor, which position, or nothing in common.
//!
//! The model: the return of a position is B f + ε, with betas B, covariance F of the factors
//! and an independent specific part ε of deviation s. For values w the variance is then
//! wᵀ B F Bᵀ w + Σ (w s)². It is of degree two in w, so that by Euler's theorem each
//! position contributes w ∂σ/∂w, and the contributions add up to σ exactly.
//!
//! Source: Litterman (1996), Hot Spots and Hedges, J. Portfolio Management 23(5); Menchero
//! & Davis (2011), Risk Contribution Is Exposure Times Volatility Times Correlation, J.
//! Portfolio Management 37(2).

use super::tail::{Confidence, parametric_expected_shortfall, parametric_value_at_risk};
use super::{checked, finite};
use crate::error::Error;

/// What the decomposition reads. Matrices are row by row.
#[derive(Clone, Copy, Debug)]
pub struct FactorModel<'a> {
    /// Signed value of each position, in money.
    pub values: &'a [f64],
    /// A row for each position: its beta to each factor.
    pub betas: &'a [f64],
    /// Covariance of the factors' returns per period, symmetric.
    pub factor_covariance: &'a [f64],
    /// Standard deviation per period of each position's specific return.
    pub specific_volatilities: &'a [f64],
}

/// The risk of a book and its parts: money, over the period of the covariance.
///
/// Contributions may be below zero: a hedge takes risk away. Those of the factors and the
/// specific one add up to `volatility`, and so do those of the positions. In a book without
/// risk all of them are zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Decomposition {
    /// Standard deviation of the profit and loss.
    pub volatility: f64,
    /// The same of the factors' part, and of the specific part: their squares add up.
    pub factor_volatility: f64,
    pub specific_volatility: f64,
    /// Σ value × beta: money per 1.00 of each factor's return.
    pub factor_exposures: Vec<f64>,
    pub factor_contributions: Vec<f64>,
    pub specific_contribution: f64,
    pub position_contributions: Vec<f64>,
    /// Change in volatility per 1.00 of money more in each position.
    pub position_marginals: Vec<f64>,
}

impl Decomposition {
    /// Of one book.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for matrices that do not fit the values, [`Error::NotFinite`],
    /// [`Error::OutOfRange`] for a specific volatility below zero or a factor variance that
    /// comes out below zero, as no covariance can give.
    pub fn of(model: &FactorModel) -> Result<Self, Error> {
        let FactorModel { values, betas, factor_covariance, specific_volatilities } = *model;
        let factors = model.factors()?;

        let mut factor_exposures = vec![0.0; factors];
        for (value, betas) in values.iter().zip(rows(betas, factors)) {
            for (exposure, beta) in factor_exposures.iter_mut().zip(betas) {
                *exposure += value * beta;
            }
        }
        // F x: the covariance of each factor with the book.
        let with_book: Vec<f64> =
            rows(factor_covariance, factors).map(|row| dot(row, &factor_exposures)).collect();
        let factor_variance = variance(&factor_exposures, &with_book)?;
        let own: Vec<f64> =
            values.iter().zip(specific_volatilities).map(|(w, s)| w * s * s).collect();
        let specific_variance = finite(dot(values, &own))?;
        let volatility = finite((factor_variance + specific_variance).sqrt())?;

        // Without risk nothing contributes any.
        let per_risk = if volatility > 0.0 { volatility.recip() } else { 0.0 };
        let position_marginals: Vec<f64> = rows_or_empty(betas, factors, values.len())
            .zip(&own)
            .map(|(betas, own)| (dot(betas, &with_book) + own) * per_risk)
            .collect();
        let decomposition = Self {
            volatility,
            factor_volatility: factor_variance.sqrt(),
            specific_volatility: specific_variance.sqrt(),
            factor_contributions: scaled_products(&factor_exposures, &with_book, per_risk),
            specific_contribution: specific_variance * per_risk,
            position_contributions: scaled_products(values, &position_marginals, 1.0),
            position_marginals,
            factor_exposures,
        };
        checked(&decomposition.position_contributions, 0)?;
        checked(&decomposition.position_marginals, 0)?;
        checked(&decomposition.factor_contributions, 0)?;
        Ok(decomposition)
    }

    /// Share of the variance that the factors explain; `None` without risk.
    #[must_use]
    pub fn factor_share(&self) -> Option<f64> {
        let share = (self.factor_volatility / self.volatility).powi(2);
        share.is_finite().then_some(share)
    }

    /// Loss at this confidence over `periods`, in money: zero mean, and independent periods,
    /// so that deviations grow with the square root of time.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `periods` is above zero; [`Error::NotFinite`].
    pub fn value_at_risk(&self, confidence: Confidence, periods: f64) -> Result<f64, Error> {
        parametric_value_at_risk(0.0, self.over(periods)?, confidence)
    }

    /// Mean loss beyond that.
    ///
    /// # Errors
    /// As [`value_at_risk`](Self::value_at_risk).
    pub fn expected_shortfall(&self, confidence: Confidence, periods: f64) -> Result<f64, Error> {
        parametric_expected_shortfall(0.0, self.over(periods)?, confidence)
    }

    fn over(&self, periods: f64) -> Result<f64, Error> {
        if periods > 0.0 {
            return finite(self.volatility * periods.sqrt());
        }
        Err(Error::OutOfRange("number of periods"))
    }
}

impl FactorModel<'_> {
    /// How many factors there are, once everything fits together.
    fn factors(&self) -> Result<usize, Error> {
        let positions = self.values.len();
        let factors = self.factor_covariance.len().isqrt();
        fits(self.factor_covariance, factors * factors)?;
        fits(self.betas, positions * factors)?;
        fits(self.specific_volatilities, positions)?;
        for input in [self.values, self.betas, self.factor_covariance, self.specific_volatilities] {
            checked(input, 0)?;
        }
        if self.specific_volatilities.iter().any(|s| *s < 0.0) {
            return Err(Error::OutOfRange("specific volatility"));
        }
        Ok(factors)
    }
}

/// x · Fx, which is never below zero but for rounding.
fn variance(exposures: &[f64], with_book: &[f64]) -> Result<f64, Error> {
    let variance = finite(dot(exposures, with_book))?;
    let scale: f64 = exposures.iter().zip(with_book).map(|(x, c)| (x * c).abs()).sum();
    if variance < -1e-10 * scale {
        return Err(Error::OutOfRange("factor covariance"));
    }
    Ok(variance.max(0.0))
}

fn fits(input: &[f64], expected: usize) -> Result<(), Error> {
    if input.len() == expected {
        return Ok(());
    }
    Err(Error::Mismatch { expected, got: input.len() })
}

/// Rows of a matrix; none of one without columns.
fn rows(matrix: &[f64], columns: usize) -> impl Iterator<Item = &[f64]> {
    matrix.chunks_exact(columns.max(1))
}

/// The same with as many empty rows in their place.
fn rows_or_empty(matrix: &[f64], columns: usize, rows: usize) -> impl Iterator<Item = &[f64]> {
    (0..rows).map(move |row| matrix.get(row * columns..(row + 1) * columns).unwrap_or_default())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn scaled_products(a: &[f64], b: &[f64], scale: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b * scale).collect()
}
