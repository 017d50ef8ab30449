//! Mending a correlation matrix that contradicts itself.

use nalgebra::DMatrix;

use super::Correlations;
use crate::Error;
use crate::linear::{eigen, gram, real};

/// Eigenvalues down to this far below zero, for each row, are rounding errors.
const ROUNDING: f64 = 1e-14;

/// Relative change of the iterates at which they count as settled.
const TOLERANCE: f64 = 1e-8;

const MAX_ITERATIONS: usize = 500;

/// A correlation matrix that no longer contradicts itself.
#[derive(Clone, Debug)]
pub struct Nearest {
    pub correlations: Correlations,
    /// Whether anything had to change.
    pub is_repaired: bool,
    /// Frobenius norm of the change.
    pub distance: f64,
}

impl Correlations {
    /// The nearest matrix with ones on the diagonal and no eigenvalue below zero, in the
    /// Frobenius norm; this very one if it is such a matrix already.
    ///
    /// Only pairs judged by different sessions can contradict each other. The result may be
    /// singular. Two projections are repeated in turn, the one on the positive semidefinite
    /// matrices with Dykstra's correction.
    ///
    /// Source: Higham (2002), IMA J. Numerical Analysis 22(3), algorithm 3.3.
    ///
    /// # Errors
    /// `Empty`; `OutOfRange` where some pair has no correlation; `NotConverged`.
    pub fn nearest(&self) -> Result<Nearest, Error> {
        if self.size == 0 {
            return Err(Error::Empty);
        }
        let values = self.as_slice().ok_or(Error::OutOfRange("correlation"))?;
        let given = DMatrix::from_row_slice(self.size, self.size, values);
        let (eigenvalues, _) = eigen(given.clone()).ok_or(Error::NotConverged)?;
        if eigenvalues.min() >= -ROUNDING * real(self.size) {
            return Ok(Nearest { correlations: self.clone(), is_repaired: false, distance: 0.0 });
        }

        let mut with_ones = given.clone();
        let mut semidefinite = given.clone();
        let mut correction = DMatrix::zeros(self.size, self.size);
        for _ in 0..MAX_ITERATIONS {
            let corrected = &with_ones - &correction;
            let projected = without_negative_part(corrected.clone())?;
            correction = &projected - corrected;
            let mut next = projected.clone();
            next.fill_diagonal(1.0);

            let change = (&projected - &semidefinite)
                .norm()
                .max((&next - &with_ones).norm())
                .max((&next - &projected).norm());
            (semidefinite, with_ones) = (projected, next);
            if change <= TOLERANCE * with_ones.norm() {
                return Ok(self.repaired(&given, semidefinite));
            }
        }
        Err(Error::NotConverged)
    }

    /// Ones on the diagonal by scaling, which keeps the matrix semidefinite.
    fn repaired(&self, given: &DMatrix<f64>, semidefinite: DMatrix<f64>) -> Nearest {
        // Settled, so the diagonal is within the tolerance of one.
        let scales = semidefinite.diagonal().map(|own| own.sqrt().recip());
        let mut repaired = semidefinite;
        for (mut column, scale) in repaired.column_iter_mut().zip(&scales) {
            column.component_mul_assign(&scales);
            column *= *scale;
        }
        repaired.fill_diagonal(1.0);
        Nearest {
            distance: (&repaired - given).norm(),
            correlations: Self::from_products(repaired, self.overlaps.clone()),
            is_repaired: true,
        }
    }
}

/// The nearest positive semidefinite matrix: Q max(Λ, 0) Qᵀ.
fn without_negative_part(matrix: DMatrix<f64>) -> Result<DMatrix<f64>, Error> {
    let (eigenvalues, mut vectors) = eigen(matrix).ok_or(Error::NotConverged)?;
    for (mut vector, eigenvalue) in vectors.column_iter_mut().zip(&eigenvalues) {
        vector *= eigenvalue.max(0.0).sqrt();
    }
    Ok(gram(&vectors.transpose()))
}
