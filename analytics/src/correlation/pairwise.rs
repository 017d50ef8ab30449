//! Correlations of series with gaps, without a pass over the sessions for every pair.
//!
//! With zeros for gaps in centered series, one matrix product gives all sums of products. What a
//! series amounts to over a pair's sessions is its total less what falls into the gaps of the
//! other: these are few, so that costs little. Where most of a series' variation falls into them
//! the difference would be inexact, and the pair is computed by itself.

use std::ops::SubAssign;

use nalgebra::DMatrix;

use super::{Correlations, Overlaps, unit};
use crate::Error;
use crate::linear::{dot, lower_gram};

/// Share of a series' variation that has to fall into a pair's sessions for the difference to
/// be exact enough: it costs three of sixteen digits at most.
const WELL_COVERED: f64 = 1e-3;

pub(super) fn correlations<S: AsRef<[Option<f64>]>>(
    series: &[S],
    min_overlap: usize,
) -> Result<Correlations, Error> {
    let size = series.len();
    let needed = min_overlap.max(2);
    let table = Table::new(series)?;
    // Both are filled below the diagonal and mirrored at the end.
    let mut values = lower_gram(&table.scaled);
    let mut overlaps = DMatrix::zeros(size, size);

    for (i, own_gaps) in table.gaps.iter().enumerate() {
        let others = table.within(own_gaps);
        for (j, gaps) in table.gaps.iter().enumerate().skip(i) {
            let shared = others.counts[j];
            overlaps[(j, i)] = shared;
            // Without variance over all sessions there is none over some.
            let varies = table.total.squares[i] > 0.0 && table.total.squares[j] > 0.0;
            values[(j, i)] = if !varies || (shared as usize) < needed {
                f64::NAN
            } else if i == j {
                1.0
            } else {
                from_sums(shared, table.one_within(i, gaps), others.of(j), values[(j, i)])
                    .or_else(|| by_itself(series[i].as_ref(), series[j].as_ref()))
                    .unwrap_or(f64::NAN)
            };
        }
    }
    values.fill_upper_triangle_with_lower_triangle();
    overlaps.fill_upper_triangle_with_lower_triangle();
    let overlaps = Overlaps::Pairwise(overlaps.data.into());
    Ok(Correlations { size, values: values.data.into(), overlaps })
}

/// Series with gaps, by series and by session.
struct Table {
    /// Centered and scaled, a column a series; zero in a gap.
    scaled: DMatrix<f64>,
    /// The same, a column a session, so that all series can be added up at once.
    entries: DMatrix<f64>,
    squares: DMatrix<f64>,
    /// One where a series has an entry.
    present: DMatrix<u32>,
    /// The sessions that each series lacks.
    gaps: Vec<Vec<usize>>,
    /// Of each series over its own sessions.
    total: Totals,
}

impl Table {
    fn new<S: AsRef<[Option<f64>]>>(series: &[S]) -> Result<Self, Error> {
        let length = series.first().ok_or(Error::Empty)?.as_ref().len();
        let mut scaled = DMatrix::zeros(length, series.len());
        let mut present = DMatrix::from_element(series.len(), length, 1);
        let mut gaps = vec![Vec::new(); series.len()];
        for (place, series) in series.iter().enumerate() {
            let series = series.as_ref();
            if series.len() != length {
                return Err(Error::Mismatch { expected: length, got: series.len() });
            }
            let entries: Vec<f64> = series.iter().copied().flatten().collect();
            let mut entries = unit(&entries, entries.len())?.into_iter();
            for (session, entry) in series.iter().enumerate() {
                if let Some(scaled_entry) = entry.and_then(|_| entries.next()) {
                    scaled[(session, place)] = scaled_entry;
                } else {
                    gaps[place].push(session);
                    present[(place, session)] = 0;
                }
            }
        }
        let entries = scaled.transpose();
        let squares = entries.map(|x| x * x);
        let total = Totals {
            sums: entries.column_sum().data.into(),
            squares: squares.column_sum().data.into(),
            counts: present.column_sum().data.into(),
        };
        Ok(Self { scaled, entries, squares, present, gaps, total })
    }

    /// What each series amounts to over all sessions but `gaps`.
    fn within(&self, gaps: &[usize]) -> Totals {
        let mut totals = self.total.clone();
        for session in gaps {
            subtract(&mut totals.sums, self.entries.column(*session).as_slice());
            subtract(&mut totals.squares, self.squares.column(*session).as_slice());
            subtract(&mut totals.counts, self.present.column(*session).as_slice());
        }
        totals
    }

    /// What one series amounts to over them.
    fn one_within(&self, place: usize, gaps: &[usize]) -> Total {
        let series = self.scaled.column(place);
        let mut total = self.total.of(place);
        for session in gaps {
            let entry = series[*session];
            total.sum -= entry;
            total.squares -= entry * entry;
        }
        total
    }
}

/// What series amount to over some sessions.
#[derive(Clone)]
struct Totals {
    sums: Vec<f64>,
    squares: Vec<f64>,
    /// Entries that are there.
    counts: Vec<u32>,
}

impl Totals {
    fn of(&self, place: usize) -> Total {
        Total { sum: self.sums[place], squares: self.squares[place] }
    }
}

/// The same of one series.
#[derive(Clone, Copy)]
struct Total {
    sum: f64,
    squares: f64,
}

/// Takes away from each the value that stands beside it.
fn subtract<T: SubAssign + Copy>(from: &mut [T], values: &[T]) {
    for (from, value) in from.iter_mut().zip(values) {
        *from -= *value;
    }
}

/// The correlation over the `shared` sessions of two series, from what they and their products
/// amount to there; `None` where too little of one's variation is left for an exact one.
fn from_sums(shared: u32, x: Total, y: Total, products: f64) -> Option<f64> {
    let shared = f64::from(shared);
    let covariation = products - x.sum * y.sum / shared;
    let variation_x = x.squares - x.sum * x.sum / shared;
    let variation_y = y.squares - y.sum * y.sum / shared;
    (variation_x > WELL_COVERED && variation_y > WELL_COVERED)
        .then(|| (covariation / (variation_x * variation_y).sqrt()).clamp(-1.0, 1.0))
}

/// The same by the deviations from the means over these sessions; `None` where one of the series
/// does not vary there.
fn by_itself(x: &[Option<f64>], y: &[Option<f64>]) -> Option<f64> {
    let (x, y): (Vec<f64>, Vec<f64>) = x.iter().zip(y).filter_map(|(x, y)| x.zip(*y)).unzip();
    let (x, y) = (unit(&x, x.len()).ok()?, unit(&y, y.len()).ok()?);
    let varies = |unit: &[f64]| unit.iter().any(|x| *x != 0.0);
    (varies(&x) && varies(&y)).then(|| dot(&x, &y).clamp(-1.0, 1.0))
}
