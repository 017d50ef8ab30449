//! Falls from a peak, and how long they took.
//!
//! A path is what something was worth at each close, the oldest first: prices, or the wealth
//! that [`wealth`](crate::performance::wealth) makes of returns, which begins with one before
//! the first of them. A drawdown is a return: −0.2 is a fall by 20 %.

use super::{checked, finite};
use crate::error::Error;

/// One fall, from the peak to where the path is back at or above it.
///
/// The fields are places in the path; days are sessions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawdown {
    /// Value at the valley over that at the peak, less one: below zero.
    pub depth: f64,
    /// The last place at the peak's value before the fall.
    pub peak: usize,
    /// The first place at the lowest value.
    pub valley: usize,
    /// The first place at or above the peak; `None` while it lasts.
    pub recovery: Option<usize>,
}

/// Every drawdown of a path, the deepest first; of two as deep, the earlier.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`], or [`Error::OutOfRange`] for a path that begins at
/// zero or below, of which no share can fall.
pub fn drawdowns(path: &[f64]) -> Result<Vec<Drawdown>, Error> {
    let &first = checked_start(path)?;
    let mut found = Vec::new();
    let mut top = (0, first);
    let mut low: Option<(usize, f64)> = None;
    for (place, &value) in path.iter().enumerate() {
        if value >= top.1 {
            found.extend(low.take().map(|low| fall(top, low, Some(place))));
            top = (place, value);
        } else if low.is_none_or(|(_, lowest)| value < lowest) {
            low = Some((place, value));
        }
    }
    found.extend(low.map(|low| fall(top, low, None)));
    found.sort_by(|a, b| a.depth.total_cmp(&b.depth));
    // The deepest is the one that may have outgrown its number.
    finite(found.first().map_or(0.0, |deepest| deepest.depth))?;
    Ok(found)
}

/// Depth of the deepest drawdown: zero for a path that never fell.
///
/// # Errors
/// As [`drawdowns`].
pub fn max_drawdown(path: &[f64]) -> Result<f64, Error> {
    let &first = checked_start(path)?;
    let mut top = first;
    let mut deepest = 0.0_f64;
    for &value in path {
        top = top.max(value);
        deepest = deepest.min(value / top - 1.0);
    }
    finite(deepest)
}

/// How far each value of a path lies below the highest up to it: zero at a new high, below zero
/// else, as a return.
///
/// # Errors
/// As [`drawdowns`].
pub fn underwater(path: &[f64]) -> Result<Vec<f64>, Error> {
    let mut top = *checked_start(path)?;
    let below = |value: &f64| {
        top = top.max(*value);
        finite(value / top - 1.0)
    };
    path.iter().map(below).collect()
}

/// How far the end of a path lies below its highest value: zero at a new high.
///
/// # Errors
/// As [`drawdowns`].
pub fn current_drawdown(path: &[f64]) -> Result<f64, Error> {
    let &first = checked_start(path)?;
    let top = path.iter().copied().fold(first, f64::max);
    finite(path.last().unwrap_or(&first) / top - 1.0)
}

fn fall(top: (usize, f64), low: (usize, f64), recovery: Option<usize>) -> Drawdown {
    Drawdown { depth: low.1 / top.1 - 1.0, peak: top.0, valley: low.0, recovery }
}

fn checked_start(path: &[f64]) -> Result<&f64, Error> {
    checked(path, 1)?;
    path.first().filter(|first| **first > 0.0).ok_or(Error::OutOfRange("start of the path"))
}
