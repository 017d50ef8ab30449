//! How many positions a book amounts to: fewer than it holds, as they differ in size and move
//! together.
//!
//! Exposures are signed money by place, weights their shares of the gross exposure.

use nalgebra::DMatrix;

use super::Correlations;
use crate::linear::{dot, eigen, real};

/// Herfindahl–Hirschman index: Σ a² over the absolute weights. 1 for one position, 1/n for n of
/// one size.
///
/// `None` without exposure, or with one that is not finite.
///
/// Source: Hirschman (1964), American Economic Review 54(5).
#[must_use]
pub fn herfindahl(exposures: &[f64]) -> Option<f64> {
    let weights = absolute_weights(exposures)?;
    Some(dot(&weights, &weights))
}

/// 1 / Σ a²: the number of positions of one size that would be as concentrated, were all of
/// them independent. `None` as [`herfindahl`].
#[must_use]
pub fn effective_positions_by_weight(exposures: &[f64]) -> Option<f64> {
    herfindahl(exposures).map(f64::recip)
}

impl Correlations {
    /// 1 / a′Ca over the absolute weights: the number of independent positions of one size that
    /// would diversify as much, were every position long.
    ///
    /// `None` where `exposures` are not as many as the series, some pair has no correlation, or
    /// the book would have no variance.
    #[must_use]
    pub fn effective_positions(&self, exposures: &[f64]) -> Option<f64> {
        self.inverse_form(&absolute_weights(exposures)?)
    }

    /// 1 / s′Cs over the signed weights: shorts hedge longs, so it may exceed the number of
    /// positions. `None` as [`Correlations::effective_positions`].
    #[must_use]
    pub fn effective_positions_hedged(&self, exposures: &[f64]) -> Option<f64> {
        let weights = absolute_weights(exposures)?;
        let signed: Vec<f64> =
            weights.iter().zip(exposures).map(|(weight, sign)| weight.copysign(*sign)).collect();
        self.inverse_form(&signed)
    }

    /// n / (1 + (n − 1) r̄) with the average correlation: the same for positions of one size.
    /// `None` where no pair has a correlation or the average is too far below zero.
    #[must_use]
    pub fn effective_positions_by_average(&self) -> Option<f64> {
        let size = real(self.size());
        let denominator = 1.0 + (size - 1.0) * self.average()?;
        (denominator > 0.0).then_some(size / denominator)
    }

    /// n² / Σ r², the participation ratio (Σ λ)² / Σ λ² of the eigenvalues: between 1, all move
    /// as one, and n. `None` where some pair has no correlation.
    #[must_use]
    pub fn effective_dimensions(&self) -> Option<f64> {
        let values = self.as_slice().filter(|values| !values.is_empty())?;
        let size = real(self.size());
        Some(size * size / dot(values, values))
    }

    /// exp(−Σ p ln p) over the eigenvalues' shares p = λ / n: the effective rank, between 1 and
    /// n. `None` where some pair has no correlation.
    ///
    /// Eigenvalues below zero, of a matrix that contradicts itself, count as zero.
    ///
    /// Source: Roy & Vetterli (2007), 15th European Signal Processing Conference.
    #[must_use]
    pub fn effective_rank(&self) -> Option<f64> {
        let values = self.as_slice().filter(|values| !values.is_empty())?;
        let size = self.size();
        let (eigenvalues, _) = eigen(DMatrix::from_row_slice(size, size, values))?;
        let entropy: f64 = eigenvalues
            .iter()
            .map(|eigenvalue| eigenvalue / real(size))
            .filter(|share| *share > 0.0)
            .map(|share| -share * share.ln())
            .sum();
        Some(entropy.exp())
    }

    fn inverse_form(&self, weights: &[f64]) -> Option<f64> {
        let values = self.as_slice()?;
        if weights.len() != self.size() {
            return None;
        }
        let rows = values.chunks_exact(self.size());
        let form: f64 = rows.zip(weights).map(|(row, weight)| weight * dot(row, weights)).sum();
        // A perfect hedge, up to rounding.
        (form > f64::EPSILON).then(|| form.recip())
    }
}

/// Shares of the gross exposure, never negative; `None` where that is zero or not finite.
pub(super) fn absolute_weights(exposures: &[f64]) -> Option<Vec<f64>> {
    let gross: f64 = exposures.iter().map(|exposure| exposure.abs()).sum();
    (gross > 0.0 && gross.is_finite())
        .then(|| exposures.iter().map(|exposure| exposure.abs() / gross).collect())
}
