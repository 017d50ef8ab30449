//! The little linear algebra that regression and correlation share.
//!
//! Columns are plain slices of one length, a matrix is nalgebra's. Nothing here checks its
//! input: what is not finite comes out as not finite, in finite time.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for each width")]

use fearless_simd::{Level, Simd, dispatch};
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Singular values below this share of the largest count as zero.
///
/// Daily returns beside a column of ones have a condition number of some hundreds, and the same
/// returns from another price level differ by 1e-13 of them: this lies between.
const RANK_TOLERANCE: f64 = 1e-10;

/// Rounding errors that a return can carry, in units of its own last place: those of two
/// prices, their quotient and a logarithm.
const ROUNDING_ERRORS: f64 = 8.0;

/// Columns of a block of a Gram matrix: small enough to skip most of the other half, large
/// enough for the product to run at full speed.
const BLOCK: usize = 64;

/// Sweeps after which a rotation no longer pays. Six are usual.
const MAX_SWEEPS: usize = 40;

/// Steps of an eigenvalue iteration, for each row of the matrix; two are usual.
const EIGEN_STEPS_PER_ROW: usize = 60;

/// Sums kept side by side: one alone would wait for each addition to end.
pub(crate) const LANES: usize = 8;

/// Adds up lanes two by two, so that none waits long for another.
#[inline(always)]
fn total(mut lanes: [f64; LANES]) -> f64 {
    for half in [4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// Scalar product.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    total(sums) + rest
}

/// The same of two rows of lanes.
pub(crate) fn lane_dot(a: &[f64; LANES], b: &[f64; LANES]) -> f64 {
    total(std::array::from_fn(|lane| a[lane] * b[lane]))
}

/// Adds `scale` times `x` to `y`.
pub(crate) fn add_scaled(y: &mut [f64], scale: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += scale * x;
    }
}

/// Divides all of `x`.
pub(crate) fn divide(x: &mut [f64], by: f64) {
    for x in x {
        *x /= by;
    }
}

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "no series is as long as 2^52 entries")]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}

/// Arithmetic mean; zero for nothing.
#[inline(always)]
pub(crate) fn mean(x: &[f64]) -> f64 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += block[lane];
        }
    }
    let sum = total(sums) + rest.iter().sum::<f64>();
    if x.is_empty() { 0.0 } else { sum / real(x.len()) }
}

/// A series around its mean.
#[derive(Default)]
pub(crate) struct Centered {
    pub mean: f64,
    pub deviations: Vec<f64>,
    /// Sum of the deviations' squares; not finite if an entry is not, or too large.
    pub variation: f64,
}

impl Centered {
    pub fn new(series: &[f64]) -> Self {
        let mut centered = Self::default();
        centered.fill(series);
        centered
    }

    /// The same for another series, in the memory that is there.
    pub fn fill(&mut self, series: &[f64]) {
        dispatch!(Level::new(), simd => self.fill_by(simd, series));
    }

    /// Compiled for each width of vectors that a machine may have, with the same result.
    #[inline(always)]
    fn fill_by<S: Simd>(&mut self, _: S, series: &[f64]) {
        self.mean = mean(series);
        self.deviations.clear();
        self.deviations.extend(series.iter().map(|x| x - self.mean));
        self.variation = dot(&self.deviations, &self.deviations);
    }

    /// Whether the series varies by no more than rounding errors.
    pub fn is_constant(&self) -> bool {
        is_rounding(self.variation, self.mean, self.deviations.len())
    }

    /// The deviations in units that make their sum of squares `variation`; zeros for a constant
    /// series.
    pub fn scaled_to(mut self, variation: f64) -> Vec<f64> {
        if self.is_constant() {
            self.deviations.fill(0.0);
        } else {
            divide(&mut self.deviations, (self.variation / variation).sqrt());
        }
        self.deviations
    }

    /// Population standard deviation; zero for a constant series.
    pub fn deviation(&self) -> f64 {
        let variance = self.variation / real(self.deviations.len());
        if self.is_constant() { 0.0 } else { variance.sqrt() }
    }
}

/// Whether a sum of squares around a mean is no more than rounding errors of entries that are
/// all of its size.
pub(crate) fn is_rounding(variation: f64, mean: f64, entries: usize) -> bool {
    let rounding = ROUNDING_ERRORS * f64::EPSILON * mean;
    // Both sides of the comparison may have overflowed.
    variation.is_finite() && variation <= real(entries) * rounding * rounding
}

/// The part of a singular value decomposition that the numerical rank leaves: the matrix is
/// Σ σ u vᵀ over `values`, `left` and `right`.
pub(crate) struct Svd {
    /// Positive, in no order.
    pub values: Vec<f64>,
    /// Orthonormal, as long as the columns of the matrix.
    pub left: Vec<Vec<f64>>,
    /// Orthonormal, as long as its rows.
    pub right: Vec<Vec<f64>>,
}

impl Svd {
    /// Decomposes the matrix of these columns, which are at least as long as they are many.
    ///
    /// A QR factorization first, since the triangle is small; then the columns of the triangle
    /// are rotated pair by pair until all are orthogonal, which keeps small singular values
    /// exact.
    ///
    /// Source: Hestenes (1958), J. SIAM 6(1); Demmel & Veselić (1992), SIAM J. Matrix Anal.
    /// Appl. 13(4).
    pub fn new(columns: &[Vec<f64>]) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        let size = columns.len();
        let matrix = DMatrix::from_fn(rows, size, |row, column| columns[column][row]);
        let qr = matrix.qr();
        let (q, mut triangle) = (qr.q(), qr.r());
        let mut right = DMatrix::identity(size, size);
        for _ in 0..MAX_SWEEPS {
            if !sweep(&mut triangle, &mut right) {
                break;
            }
        }

        let lengths: Vec<f64> = triangle.column_iter().map(|column| column.norm()).collect();
        let largest = lengths.iter().copied().fold(0.0, f64::max);
        let mut svd = Self { values: Vec::new(), left: Vec::new(), right: Vec::new() };
        for (index, length) in lengths.into_iter().enumerate() {
            // One that is not a number is neither, and stays for the caller to see.
            if length == 0.0 || length < RANK_TOLERANCE * largest {
                continue;
            }
            let left = &q * (triangle.column(index) / length);
            svd.values.push(length);
            svd.left.push(left.as_slice().to_vec());
            svd.right.push(right.column(index).as_slice().to_vec());
        }
        svd
    }

    pub fn rank(&self) -> usize {
        self.values.len()
    }

    /// Largest singular value over the smallest; `None` where one of them is zero.
    pub fn condition_number(&self, columns: usize) -> Option<f64> {
        let largest = self.values.iter().copied().fold(0.0, f64::max);
        let smallest = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (self.rank() == columns && columns > 0).then_some(largest / smallest)
    }
}

/// Rotates each pair of columns until they are orthogonal, `right` along with them, and says
/// whether any pair was not.
fn sweep(matrix: &mut DMatrix<f64>, right: &mut DMatrix<f64>) -> bool {
    let mut rotated = false;
    for p in 0..matrix.ncols() {
        for q in p + 1..matrix.ncols() {
            let (a, b) = (matrix.column(p), matrix.column(q));
            let (aa, bb, ab) = (a.norm_squared(), b.norm_squared(), a.dot(&b));
            if ab.abs() > f64::EPSILON * (aa * bb).sqrt() {
                let zeta = (bb - aa) / (2.0 * ab);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                // At most one, so its square does not overflow.
                let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
                let turn = (cosine, cosine * tangent);
                rotate(matrix, p, q, turn);
                rotate(right, p, q, turn);
                rotated = true;
            }
        }
    }
    rotated
}

fn rotate(matrix: &mut DMatrix<f64>, p: usize, q: usize, (cosine, sine): (f64, f64)) {
    for row in 0..matrix.nrows() {
        let (a, b) = (matrix[(row, p)], matrix[(row, q)]);
        matrix[(row, p)] = cosine * a - sine * b;
        matrix[(row, q)] = sine * a + cosine * b;
    }
}

/// Scalar products of all columns with each other.
pub(crate) fn gram(columns: &DMatrix<f64>) -> DMatrix<f64> {
    let mut gram = lower_gram(columns);
    gram.fill_upper_triangle_with_lower_triangle();
    gram
}

/// The same on and below the diagonal, block by block; above it, nothing in particular.
pub(crate) fn lower_gram(columns: &DMatrix<f64>) -> DMatrix<f64> {
    let size = columns.ncols();
    let mut gram = DMatrix::zeros(size, size);
    for start in (0..size).step_by(BLOCK) {
        let width = BLOCK.min(size - start);
        let end = start + width;
        let rows = columns.columns(start, width).transpose();
        let mut block = gram.view_mut((start, 0), (width, end));
        block.gemm(1.0, &rows, &columns.columns(0, end), 0.0);
    }
    gram
}

/// Eigenvalues and vectors of a symmetric matrix; `None` if the iteration does not end.
pub(crate) fn eigen(matrix: DMatrix<f64>) -> Option<(DVector<f64>, DMatrix<f64>)> {
    let steps = EIGEN_STEPS_PER_ROW * matrix.nrows().max(1);
    let eigen = SymmetricEigen::try_new(matrix, f64::EPSILON, steps)?;
    Some((eigen.eigenvalues, eigen.eigenvectors))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_decomposition_multiplies_back_to_its_matrix(
            columns in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 9), 1..6),
        ) {
            let svd = Svd::new(&columns);
            for (index, column) in columns.iter().enumerate() {
                let mut product = vec![0.0; column.len()];
                for j in 0..svd.rank() {
                    add_scaled(&mut product, svd.values[j] * svd.right[j][index], &svd.left[j]);
                }
                for (got, expected) in product.iter().zip(column) {
                    prop_assert!((got - expected).abs() < 1e-13);
                }
            }
        }

        #[test]
        fn a_scalar_product_by_blocks_is_the_plain_sum(
            pairs in prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 0..40),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            let plain: f64 = pairs.iter().map(|(a, b)| a * b).sum();
            prop_assert!((dot(&a, &b) - plain).abs() < 1e-13);
        }
    }

    #[test]
    fn a_repeated_column_lowers_the_rank() {
        let column = vec![1.0, 2.0, 4.0];
        let svd = Svd::new(&[column.clone(), column.clone(), vec![0.0; 3]]);
        assert_eq!(svd.rank(), 1);
        assert_relative_eq!(svd.values[0], 42.0_f64.sqrt(), max_relative = 1e-15);
        assert_eq!(svd.condition_number(3), None);
    }

    #[test]
    fn a_gram_matrix_has_all_scalar_products() {
        let columns = DMatrix::from_fn(7, 3 * BLOCK / 2, |i, j| real((i * 31 + j * 17) % 11));
        let gram = gram(&columns);
        for i in 0..columns.ncols() {
            for j in 0..columns.ncols() {
                assert_relative_eq!(gram[(i, j)], columns.column(i).dot(&columns.column(j)));
            }
        }
    }

    #[test]
    fn what_is_not_a_number_ends_no_worse_than_as_one() {
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            let svd = Svd::new(&[vec![1.0; 4], vec![bad, 1.0, 2.0, bad]]);
            assert!(svd.rank() <= 2);
        }
    }
}
