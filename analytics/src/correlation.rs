//! How instruments move together: correlations, the clusters they form, and how many
//! independent positions a book amounts to.
//!
//! Series are aligned by the caller, entry by entry of the same sessions, `None` where one has
//! no return. A pair is judged by the sessions that both have; one that shares too few, or does
//! not vary over them, has no correlation. Nothing is filled in, so a matrix made of pairs may
//! contradict itself: [`Correlations::nearest`] says whether it does, and mends it.

mod cluster;
mod diversification;
mod ewma;
mod nearest;
mod pairwise;

pub use cluster::concentration_score;
pub use diversification::{effective_positions_by_weight, herfindahl};
pub use ewma::{Covariance, ewma_weights};
pub use nearest::Nearest;

use nalgebra::DMatrix;

use crate::Error;
use crate::linear::{Centered, gram, real};

/// Fewest sessions two series must share for a correlation: less than a month says nothing.
pub const MIN_OVERLAP: usize = 20;

/// Pearson correlations between some series: a symmetric matrix.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Correlations {
    size: usize,
    /// Row by row, in [−1, 1]; `NaN` for none, which never leaves this type.
    values: Vec<f64>,
    overlaps: Overlaps,
}

/// How many sessions each pair shares.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Overlaps {
    /// All the same.
    Complete(usize),
    /// Row by row.
    Pairwise(Vec<u32>),
}

impl Correlations {
    /// Correlations of series without gaps.
    ///
    /// r = Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²); exactly one on the diagonal. `None`
    /// wherever a series without variance is involved.
    ///
    /// # Errors
    /// `Empty` without series, `Mismatch` of lengths, `TooShort` below two observations,
    /// `NotFinite`.
    pub fn pearson<S: AsRef<[f64]>>(series: &[S]) -> Result<Self, Error> {
        let length = series.first().ok_or(Error::Empty)?.as_ref().len();
        if length < 2 {
            return Err(Error::TooShort { needed: 2, got: length });
        }
        let mut scaled = DMatrix::zeros(length, series.len());
        for (mut column, series) in scaled.column_iter_mut().zip(series) {
            column.copy_from_slice(&unit(series.as_ref(), length)?);
        }
        Ok(Self::from_products(gram(&scaled), Overlaps::Complete(length)))
    }

    /// Correlations of series with gaps, each pair over the sessions that both have.
    ///
    /// `None` where these are fewer than `min_overlap` (or than two), or where a series does not
    /// vary over them; a series' correlation with itself follows the same rule.
    ///
    /// # Errors
    /// `Empty` without series, `Mismatch` of lengths, `NotFinite`.
    pub fn pairwise<S: AsRef<[Option<f64>]>>(
        series: &[S],
        min_overlap: usize,
    ) -> Result<Self, Error> {
        pairwise::correlations(series, min_overlap)
    }

    /// From scalar products of centered series, each of length one, or zero without variance.
    fn from_products(products: DMatrix<f64>, overlaps: Overlaps) -> Self {
        let size = products.nrows();
        let is_constant: Vec<bool> = products.diagonal().iter().map(|own| *own == 0.0).collect();
        // Symmetric, so by columns is by rows.
        let mut values: Vec<f64> = products.data.into();
        for (row, values) in values.chunks_exact_mut(size.max(1)).enumerate() {
            for value in values.iter_mut() {
                *value = value.clamp(-1.0, 1.0);
            }
            values[row] = 1.0;
        }
        let mut correlations = Self { size, values, overlaps };
        for row in (0..size).filter(|row| is_constant[*row]) {
            for column in 0..size {
                correlations.set(row, column, f64::NAN);
            }
        }
        correlations
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.size + column] = value;
        self.values[column * self.size + row] = value;
    }

    /// Number of series.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The correlation of two series by their places; `None` without one, or beyond the last
    /// series.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> Option<f64> {
        let is_inside = row < self.size && column < self.size;
        is_inside.then(|| self.values[row * self.size + column]).filter(|value| !value.is_nan())
    }

    /// How many sessions two series share; zero beyond the last series.
    #[must_use]
    pub fn overlap(&self, row: usize, column: usize) -> usize {
        match &self.overlaps {
            _ if row >= self.size || column >= self.size => 0,
            Overlaps::Complete(length) => *length,
            Overlaps::Pairwise(overlaps) => overlaps[row * self.size + column] as usize,
        }
    }

    /// Whether every pair has a correlation.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.values.iter().any(|value| value.is_nan())
    }

    /// All values row by row, as long as there are no gaps among them.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[f64]> {
        self.is_complete().then_some(&self.values)
    }

    /// The same for some of the series, in the order given; a place beyond the last series is
    /// passed over.
    #[must_use]
    pub fn subset(&self, places: &[usize]) -> Self {
        let places: Vec<usize> = places.iter().copied().filter(|p| *p < self.size).collect();
        let pairs = || places.iter().flat_map(|row| places.iter().map(|column| (*row, *column)));
        let overlaps = match &self.overlaps {
            Overlaps::Complete(length) => Overlaps::Complete(*length),
            Overlaps::Pairwise(all) => {
                Overlaps::Pairwise(pairs().map(|(r, c)| all[r * self.size + c]).collect())
            }
        };
        let values = pairs().map(|(row, column)| self.values[row * self.size + column]).collect();
        Self { size: places.len(), values, overlaps }
    }

    /// Places of series that all have correlations with each other, ascending.
    ///
    /// The series that lacks most of them is left out until none lacks any, the last one first
    /// among equals: not always the largest such set, but the same for the same input.
    #[must_use]
    pub fn well_defined(&self) -> Vec<usize> {
        let lacks = |row: usize, column: usize| self.at(row, column).is_none();
        let mut kept: Vec<usize> = (0..self.size).filter(|place| !lacks(*place, *place)).collect();
        let mut lacking: Vec<usize> = kept
            .iter()
            .map(|row| kept.iter().filter(|column| lacks(*row, **column)).count())
            .collect();
        while let Some((worst, 1..)) = lacking.iter().copied().enumerate().max_by_key(|most| most.1)
        {
            let left_out = kept.remove(worst);
            lacking.remove(worst);
            for (place, lacking) in kept.iter().zip(&mut lacking) {
                *lacking -= usize::from(lacks(*place, left_out));
            }
        }
        kept
    }

    /// Mean correlation over the pairs that have one; `None` if none has.
    #[must_use]
    pub fn average(&self) -> Option<f64> {
        let places: Vec<usize> = (0..self.size).collect();
        self.average_within(&places)
    }

    /// The same among some of the series.
    #[must_use]
    pub fn average_within(&self, places: &[usize]) -> Option<f64> {
        let (mut sum, mut pairs) = (0.0, 0_usize);
        for (index, row) in places.iter().enumerate() {
            for correlation in places[..index].iter().filter_map(|column| self.at(*row, *column)) {
                sum += correlation;
                pairs += 1;
            }
        }
        (pairs > 0).then(|| sum / real(pairs))
    }
}

/// Deviations of a series from its mean, scaled to a sum of squares of one; zeros for a series
/// without variance.
fn unit(series: &[f64], length: usize) -> Result<Vec<f64>, Error> {
    if series.len() != length {
        return Err(Error::Mismatch { expected: length, got: series.len() });
    }
    let centered = Centered::new(series);
    if !centered.variation.is_finite() {
        return Err(Error::NotFinite);
    }
    Ok(centered.scaled_to(1.0))
}

#[cfg(test)]
mod tests;
