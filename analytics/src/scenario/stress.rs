//! Stress tests of many variables at once: what is shocked, what moves along with it, and
//! what that does to each position.
//!
//! Directly, only the shocked variables move. Correlated, each other one moves to where it
//! is expected, given the shocks x: `Σ_us Σ_ss⁻¹ x`, with s for the shocked and u for the
//! others. A shocked variable keeps exactly its shock, several shocks are not counted twice,
//! and a variable with twice the volatility moves twice as far; a shock times a correlation
//! would do none of that.
//!
//! Source: Kupiec (1998), Stress Testing in a Value at Risk Framework, J. Derivatives 6(1).

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::error::Error;
use crate::risk::{checked, finite};

/// Eigenvalues below this share of the largest are zero with rounding errors.
const NEGLIGIBLE: f64 = 1e-10;

/// Beyond this condition number, small differences between shocks decide the result.
const ILL_CONDITIONED: f64 = 1e8;

/// Rounds of the eigenvalue iteration; a hundred variables need about two hundred.
const PATIENCE: usize = 10_000;

/// How all variables move, given that some do.
#[derive(Clone, Debug, PartialEq)]
pub struct Propagation {
    /// Of every variable, in the order of the covariance.
    pub moves: Vec<f64>,
    /// Independent directions among the shocked variables.
    pub rank: usize,
    /// Of the correlations among the shocked variables; `None` where these are singular, or
    /// nothing is shocked.
    pub condition_number: Option<f64>,
    /// How far the shocks contradict each other under these correlations: zero where they
    /// can happen together, one where they cannot at all.
    pub inconsistency: f64,
}

impl Propagation {
    /// Whether the shocks are so nearly the same that what moves along hangs on their last
    /// digits. Without a condition number they are taken to be.
    #[must_use]
    pub fn is_ill_conditioned(&self) -> bool {
        self.condition_number.is_none_or(|condition| condition > ILL_CONDITIONED)
    }
}

/// Only the shocked variables move.
///
/// # Errors
/// [`Error::NotFinite`].
pub fn direct(shocks: &[Option<f64>]) -> Result<Vec<f64>, Error> {
    shocks.iter().map(|shock| finite(shock.unwrap_or(0.0))).collect()
}

/// The expected move of each variable, given those of the shocked ones.
///
/// `covariance` is square, row by row, of the variables' returns over any period: its scale
/// cancels. `shocks` name the given moves. Where the shocked variables do not all vary by
/// themselves, the inverse is that of Moore and Penrose in units of correlation: the moves
/// that explain the shocks best, and of those the smallest.
///
/// # Errors
/// [`Error::Mismatch`], [`Error::NotFinite`], [`Error::OutOfRange`] for a variance below
/// zero, [`Error::NotConverged`].
pub fn propagate(covariance: &[f64], shocks: &[Option<f64>]) -> Result<Propagation, Error> {
    let variables = shocks.len();
    if covariance.len() != variables * variables {
        return Err(Error::Mismatch { expected: variables * variables, got: covariance.len() });
    }
    checked(covariance, 0)?;
    let mut moves = direct(shocks)?;
    let covariance = DMatrix::from_row_slice(variables, variables, covariance);
    if covariance.diagonal().iter().any(|variance| *variance < 0.0) {
        return Err(Error::OutOfRange("variance"));
    }

    let (shocked, free): (Vec<usize>, Vec<usize>) =
        (0..variables).partition(|v| shocks[*v].is_some());
    if shocked.is_empty() {
        return Ok(Propagation { moves, rank: 0, condition_number: None, inconsistency: 0.0 });
    }
    // What never varies has no correlation, and says nothing about the others.
    let scale = |v: usize| match covariance[(v, v)].sqrt() {
        deviation if deviation > 0.0 => deviation.recip(),
        _ => 0.0,
    };
    let scales = DVector::from_iterator(shocked.len(), shocked.iter().map(|s| scale(*s)));
    let standardized =
        DVector::from_iterator(shocked.len(), shocked.iter().map(|s| moves[*s] * scale(*s)));
    let correlation = DMatrix::from_fn(shocked.len(), shocked.len(), |i, j| {
        covariance[(shocked[i], shocked[j])] * scales[i] * scales[j]
    });
    let inverse = PseudoInverse::of(correlation)?;
    let (explained, attained) = inverse.solve(&standardized);

    for variable in free {
        let along = shocked.iter().zip(scales.iter()).zip(explained.iter());
        let along = along.map(|((s, scale), z)| covariance[(variable, *s)] * scale * z);
        moves[variable] = finite(along.sum())?;
    }
    let largest = standardized.amax();
    let missed = (attained - standardized).amax();
    Ok(Propagation {
        moves,
        rank: inverse.rank,
        condition_number: inverse.condition_number,
        inconsistency: if largest > 0.0 { finite(missed / largest)? } else { 0.0 },
    })
}

/// Moore–Penrose inverse of a symmetric matrix, by its eigenvectors.
struct PseudoInverse {
    eigen: SymmetricEigen<f64, nalgebra::Dyn>,
    /// Below this an eigenvalue is none.
    threshold: f64,
    rank: usize,
    condition_number: Option<f64>,
}

impl PseudoInverse {
    fn of(matrix: DMatrix<f64>) -> Result<Self, Error> {
        let size = matrix.nrows();
        let eigen =
            SymmetricEigen::try_new(matrix, f64::EPSILON, PATIENCE).ok_or(Error::NotConverged)?;
        let largest = eigen.eigenvalues.max();
        let smallest = eigen.eigenvalues.min();
        let threshold = NEGLIGIBLE * largest;
        let rank = eigen.eigenvalues.iter().filter(|value| **value > threshold).count();
        let condition_number = (rank == size).then(|| largest / smallest);
        Ok(Self { eigen, threshold, rank, condition_number })
    }

    /// R⁺ z, and how much of z that reaches: R R⁺ z.
    fn solve(&self, z: &DVector<f64>) -> (DVector<f64>, DVector<f64>) {
        let mut solution = DVector::zeros(z.len());
        let mut attained = DVector::zeros(z.len());
        let vectors = self.eigen.eigenvectors.column_iter();
        for (vector, &value) in vectors.zip(self.eigen.eigenvalues.iter()) {
            if value > self.threshold {
                let along = vector.dot(z);
                solution.axpy(along / value, &vector, 1.0);
                attained.axpy(along, &vector, 1.0);
            }
        }
        (solution, attained)
    }
}

/// A book for stress tests: what each position is worth and what moves it.
#[derive(Clone, Copy, Debug)]
pub struct Book<'a> {
    /// Signed value of each position at its own price, in money; an option's premium.
    pub values: &'a [f64],
    /// A row for each position: money per 1.00 of each variable, which is delta-adjusted
    /// exposure times beta.
    pub sensitivities: &'a [f64],
}

/// What a scenario does to a book.
#[derive(Clone, Debug, PartialEq)]
pub struct StressImpact {
    /// Sum over the positions.
    pub pnl: f64,
    /// Not beyond what a position is worth: a long one cannot lose more, a short one gain more.
    pub by_position: Vec<f64>,
    /// What each variable's move does by sensitivities alone.
    pub by_variable: Vec<f64>,
    /// What it changes that no position's value crosses zero: the variables' sum and this make
    /// `pnl`.
    pub limited: f64,
}

impl Book<'_> {
    /// Profit and loss under these moves, by sensitivities: Σ money per move × move, where no
    /// price falls below zero: a long position loses at most its value, and a short one gains
    /// at most that.
    ///
    /// So a book of longs cannot lose more than it is worth, and what is long and short the same
    /// makes nothing. What a short position loses has no bound, and neither has what a book
    /// loses that was bought with borrowed money: no total is cut.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::NotFinite`].
    pub fn impact(&self, moves: &[f64]) -> Result<StressImpact, Error> {
        let expected = self.values.len() * moves.len();
        if self.sensitivities.len() != expected {
            return Err(Error::Mismatch { expected, got: self.sensitivities.len() });
        }
        for input in [self.values, self.sensitivities, moves] {
            checked(input, 0)?;
        }
        let mut by_variable = vec![0.0; moves.len()];
        let mut by_position = Vec::with_capacity(self.values.len());
        let mut limited = 0.0;
        for (position, &value) in self.values.iter().enumerate() {
            let row = position * moves.len()..(position + 1) * moves.len();
            let row = self.sensitivities.get(row).unwrap_or_default();
            let mut pnl = 0.0;
            for ((total, sensitivity), change) in by_variable.iter_mut().zip(row).zip(moves) {
                pnl += sensitivity * change;
                *total += sensitivity * change;
            }
            let bounded = bounded(pnl, value);
            limited += bounded - pnl;
            by_position.push(bounded);
        }
        checked(&by_variable, 0)?;
        checked(&by_position, 0)?;
        let pnl = finite(by_position.iter().sum())?;
        Ok(StressImpact { pnl, by_position, by_variable, limited: finite(limited)? })
    }
}

/// Profit or loss of one position whose value does not cross zero: a long one loses, and a short
/// one gains, no more than it is worth. One without value has no side, and no bound.
#[must_use]
pub fn bounded(pnl: f64, value: f64) -> f64 {
    match value {
        long if long > 0.0 => pnl.max(-long),
        short if short < 0.0 => pnl.min(-short),
        _ => pnl,
    }
}
