//! Monte Carlo: the distribution of what a book may make or lose over a horizon.
//!
//! The variables' log returns are jointly normal with a given covariance and a drift that
//! leaves their expected simple returns at zero; the profit of a path is
//! Σ exposure × (e^x − 1). The random numbers of a path are a function of the seed and of
//! the path's number alone: the same seed gives the same paths, to the bit, however they are
//! shared out among threads, and a longer run begins with the shorter one.
//!
//! Source: Glasserman (2004), Monte Carlo Methods in Financial Engineering, chapters 2 and 9.

mod kernel;

use std::ops::Range;

use nalgebra::{Cholesky, DMatrix, SymmetricEigen};

use crate::error::Error;
use crate::risk::tail::{Confidence, Tail, sorted_quantile};
use crate::risk::{checked, count, finite, mean, standard_deviation};
use kernel::{GROUP, LANES};

/// A negative eigenvalue up to this share of the largest is a zero with rounding errors.
const NEGLIGIBLE: f64 = 1e-10;

/// Paths of one call, which take 80 MB; those after them are for the next.
const MOST_PATHS: u64 = 10_000_000;

/// Numbers of paths end here, far from where counting them would overflow.
const LAST_PATH: u64 = 1 << 53;

/// Rounds of the eigenvalue iteration.
const PATIENCE: usize = 10_000;

/// A book and how its variables move together, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Simulation {
    seed: u64,
    /// Money per unit of e^x, the drift included, padded to whole groups.
    weights: Vec<[f64; GROUP]>,
    /// Lower triangle of a factor L of the covariance L Lᵀ, in the order the kernel reads.
    triangle: Vec<[f64; GROUP]>,
    /// Σ exposure: what the book's moving part is worth when nothing moves.
    base: f64,
}

impl Simulation {
    /// Of these exposures, in money per 1.00 of each variable's return.
    ///
    /// `covariance` is that of the log returns over the whole horizon, row by row: a daily
    /// one times the days. It may be semidefinite, as with a variable that follows another.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::NotFinite`], or [`Error::OutOfRange`] for a covariance
    /// that is not symmetric or has a negative eigenvalue.
    pub fn new(exposures: &[f64], covariance: &[f64], seed: u64) -> Result<Self, Error> {
        let variables = exposures.len();
        if covariance.len() != variables * variables {
            return Err(Error::Mismatch { expected: variables * variables, got: covariance.len() });
        }
        checked(exposures, 0)?;
        checked(covariance, 0)?;
        let covariance = DMatrix::from_row_slice(variables, variables, covariance);
        let factor = lower_factor(&covariance)?;

        let groups = variables.div_ceil(GROUP);
        let mut weights = vec![[0.0; GROUP]; groups];
        for (variable, exposure) in exposures.iter().enumerate() {
            let drift = -covariance[(variable, variable)] / 2.0;
            weights[variable / GROUP][variable % GROUP] = finite(exposure * libm::exp(drift))?;
        }
        // Row group by row group; in each, column by column up to the diagonal's group.
        let entry = |row: usize, column: usize| {
            if row < variables && column <= row { factor[(row, column)] } else { 0.0 }
        };
        let triangle = (0..groups)
            .flat_map(|group| (0..(group + 1) * GROUP).map(move |column| (group, column)))
            .map(|(group, column)| std::array::from_fn(|k| entry(group * GROUP + k, column)))
            .collect();
        Ok(Self { seed, weights, triangle, base: finite(exposures.iter().sum())? })
    }

    /// Profit or loss of each of these paths, in their order.
    ///
    /// Ranges may be simulated apart, on as many threads as there are, and put together.
    ///
    /// # Errors
    /// [`Error::NotFinite`] where a path leaves what an `f64` holds; [`Error::OutOfRange`] for
    /// more than ten million paths at once, or a number of 2⁵³ and beyond.
    pub fn pnl(&self, paths: Range<u64>) -> Result<Vec<f64>, Error> {
        if paths.end > LAST_PATH || paths.end.saturating_sub(paths.start) > MOST_PATHS {
            return Err(Error::OutOfRange("number of paths"));
        }
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let lanes = LANES as u64;
        let first = paths.start - paths.start % lanes;
        let blocks = paths.end.saturating_sub(first).div_ceil(lanes);
        let block = |path: u64| usize::try_from(path).map_err(|_| Error::OutOfRange("paths"));
        let (skipped, end) = (block(paths.start - first)?, block(paths.end.max(first) - first)?);

        let mut pnls = kernel::values(self, first, block(blocks)?);
        pnls.truncate(end);
        pnls.drain(..skipped.min(end));
        for pnl in &mut pnls {
            *pnl -= self.base;
        }
        checked(&pnls, 0)?;
        Ok(pnls)
    }

    /// The first `paths` outcomes, for their statistics.
    ///
    /// # Errors
    /// As [`Outcomes::of`].
    pub fn outcomes(&self, paths: u64) -> Result<Outcomes, Error> {
        Outcomes::of(self.pnl(0..paths)?)
    }
}

/// L with L Lᵀ = `covariance`, lower triangular.
fn lower_factor(covariance: &DMatrix<f64>) -> Result<DMatrix<f64>, Error> {
    let largest = covariance.amax();
    if (covariance - covariance.transpose()).amax() > NEGLIGIBLE * largest {
        return Err(Error::OutOfRange("symmetry of the covariance"));
    }
    if let Some(cholesky) = Cholesky::new(covariance.clone()) {
        return Ok(cholesky.unpack());
    }
    // Semidefinite: V √Λ is a factor, and the R of its transpose's QR a triangular one.
    let eigen = SymmetricEigen::try_new(covariance.clone(), f64::EPSILON, PATIENCE)
        .ok_or(Error::NotConverged)?;
    let top = eigen.eigenvalues.amax();
    if eigen.eigenvalues.iter().any(|value| *value < -NEGLIGIBLE * top) {
        return Err(Error::OutOfRange("eigenvalue of the covariance"));
    }
    let mut transposed = eigen.eigenvectors.transpose();
    for (mut row, value) in transposed.row_iter_mut().zip(eigen.eigenvalues.iter()) {
        row *= value.max(0.0).sqrt();
    }
    Ok(transposed.qr().r().transpose())
}

/// Outcomes of a simulation, and what they say.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcomes {
    ascending: Vec<f64>,
    mean: f64,
    standard_deviation: f64,
}

/// How many outcomes lie in an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    pub from: f64,
    /// Belongs to the next bin, but for that of the last.
    pub to: f64,
    pub count: usize,
}

impl Outcomes {
    /// Of profits and losses in money, in any order.
    ///
    /// # Errors
    /// [`Error::TooShort`] below two, [`Error::NotFinite`].
    pub fn of(pnls: Vec<f64>) -> Result<Self, Error> {
        let (mean, standard_deviation) = (mean(&pnls)?, standard_deviation(&pnls)?);
        let mut ascending = pnls;
        ascending.sort_unstable_by(f64::total_cmp);
        Ok(Self { ascending, mean, standard_deviation })
    }

    /// Number of outcomes.
    #[must_use]
    pub fn paths(&self) -> usize {
        self.ascending.len()
    }

    /// Mean profit: close to zero, as no variable is expected to move.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Of the profits, in money over the horizon, with the divisor n − 1.
    #[must_use]
    pub fn standard_deviation(&self) -> f64 {
        self.standard_deviation
    }

    /// Loss that is exceeded in one path out of 1 / (1 − c): above zero.
    #[must_use]
    pub fn value_at_risk(&self, confidence: Confidence) -> f64 {
        Tail::of_ascending(&self.ascending, confidence).value_at_risk(confidence)
    }

    /// Mean loss of the paths that lose as much or more.
    #[must_use]
    pub fn expected_shortfall(&self, confidence: Confidence) -> f64 {
        Tail::of_ascending(&self.ascending, confidence).expected_shortfall(confidence)
    }

    /// Profit that a share of the paths stays below: `0.05` of them below the fifth
    /// percentile.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `share` is from zero to one.
    pub fn percentile(&self, share: f64) -> Result<f64, Error> {
        if (0.0..=1.0).contains(&share) {
            return Ok(sorted_quantile(&self.ascending, share));
        }
        Err(Error::OutOfRange("percentile"))
    }

    /// `bins` intervals of one width from the worst outcome to the best; a single one where
    /// all are the same, and none for zero `bins`. The counts add up to the paths.
    #[must_use]
    pub fn histogram(&self, bins: u16) -> Vec<Bin> {
        let ([worst, .., best] | [worst @ best]) = self.ascending.as_slice() else {
            return Vec::new();
        };
        let bins = if worst.total_cmp(best).is_eq() { bins.min(1) } else { bins };
        let edge = |bin: u16| {
            let share = f64::from(bin) / f64::from(bins);
            if bin == bins { *best } else { worst + (best - worst) * share }
        };
        let below = |edge: f64| self.ascending.partition_point(|pnl| *pnl < edge);
        let bin = |bin: u16| {
            let (from, to) = (edge(bin), edge(bin + 1));
            let end = if bin + 1 == bins { self.paths() } else { below(to) };
            Bin { from, to, count: end - below(from) }
        };
        (0..bins).map(bin).collect()
    }

    /// Standard error of the mean: what another seed would change it by.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.standard_deviation / count(&self.ascending).sqrt()
    }
}
