//! Covariances that forget: the newest session weighs most.

use nalgebra::DMatrix;

use super::{Correlations, Overlaps};
use crate::Error;
use crate::linear::{divide, dot, gram, is_rounding, real};

/// Sessions a year, for volatilities.
const SESSIONS_PER_YEAR: f64 = 252.0;

/// Weights of `length` sessions, the newest last: λᵏ / Σ λᵏ, where k counts back from it. They
/// add up to one; a decay λ of 1 weighs all alike.
///
/// # Errors
/// `Empty` for no session; `OutOfRange` unless 0 < λ ≤ 1.
pub fn ewma_weights(length: usize, decay: f64) -> Result<Vec<f64>, Error> {
    if !(decay > 0.0 && decay <= 1.0) {
        return Err(Error::OutOfRange("decay"));
    }
    if length == 0 {
        return Err(Error::Empty);
    }
    let mut weights = vec![1.0; length];
    for index in (1..length).rev() {
        weights[index - 1] = weights[index] * decay;
    }
    let sum: f64 = weights.iter().sum();
    divide(&mut weights, sum);
    Ok(weights)
}

/// Covariances between some series, in squared return per session: a symmetric matrix, positive
/// semidefinite.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    size: usize,
    /// Row by row.
    values: Vec<f64>,
    observations: usize,
    effective_observations: f64,
}

impl Covariance {
    /// Exponentially weighted covariances of series without gaps, the newest session last.
    ///
    /// Σ w (x − x̄)(y − ȳ) with the weights of [`ewma_weights`] and the means weighted by them;
    /// no correction of the bias. A series without variance has covariances of exactly zero.
    ///
    /// Source: J.P. Morgan and Reuters (1996), `RiskMetrics` Technical Document, 4th ed., section 5.2,
    /// which takes the means as zero.
    ///
    /// # Errors
    /// `Empty`, `Mismatch` of lengths, `NotFinite`; `OutOfRange` unless 0 < decay ≤ 1.
    pub fn ewma<S: AsRef<[f64]>>(series: &[S], decay: f64) -> Result<Self, Error> {
        let length = series.first().ok_or(Error::Empty)?.as_ref().len();
        let weights = ewma_weights(length, decay)?;
        let roots: Vec<f64> = weights.iter().map(|weight| weight.sqrt()).collect();
        let mut scaled = DMatrix::zeros(length, series.len());
        for (mut column, series) in scaled.column_iter_mut().zip(series) {
            let series = series.as_ref();
            if series.len() != length {
                return Err(Error::Mismatch { expected: length, got: series.len() });
            }
            let mean = dot(&weights, series);
            let variance: f64 =
                weights.iter().zip(series).map(|(w, x)| w * (x - mean) * (x - mean)).sum();
            if !variance.is_finite() {
                return Err(Error::NotFinite);
            }
            if !is_rounding(variance * real(length), mean, length) {
                for ((scaled, root), x) in column.iter_mut().zip(&roots).zip(series) {
                    *scaled = root * (x - mean);
                }
            }
        }
        Ok(Self {
            size: series.len(),
            values: gram(&scaled).as_slice().to_vec(),
            observations: length,
            effective_observations: dot(&weights, &weights).recip(),
        })
    }

    /// Number of series.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The covariance of two series by their places; `None` beyond the last.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> Option<f64> {
        (row < self.size && column < self.size).then(|| self.values[row * self.size + column])
    }

    /// All values row by row.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.values
    }

    /// Sessions that it was estimated from.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.observations
    }

    /// 1 / Σ w²: as many sessions of one weight would be as uncertain.
    #[must_use]
    pub fn effective_observations(&self) -> f64 {
        self.effective_observations
    }

    /// Standard deviation of a series, annualized over 252 sessions; `None` beyond the last.
    #[must_use]
    pub fn volatility(&self, place: usize) -> Option<f64> {
        self.at(place, place).map(|variance| (variance * SESSIONS_PER_YEAR).sqrt())
    }

    /// The correlations within; none for a series without variance.
    #[must_use]
    pub fn correlations(&self) -> Correlations {
        let matrix = DMatrix::from_row_slice(self.size, self.size, &self.values);
        let deviations = matrix.diagonal().map(f64::sqrt);
        let products = DMatrix::from_fn(self.size, self.size, |row, column| {
            let scale = deviations[row] * deviations[column];
            if scale > 0.0 { matrix[(row, column)] / scale } else { 0.0 }
        });
        Correlations::from_products(products, Overlaps::Complete(self.observations))
    }
}
