//! Reverse stress: not what a move loses, but which move loses so much.

use crate::error::Error;
use crate::risk::finite;

/// A move of one variable and what it makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reverse {
    /// The smallest, up or down, that loses the amount: −10 % is `-0.1`.
    pub change: f64,
    /// Profit or loss there: at most minus the amount, and equal to it but for rounding
    /// where `pnl` has no jump.
    pub pnl: f64,
}

/// The moves to look through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Zero or below: no price falls by more than everything, which is `-1.0`.
    pub lowest: f64,
    /// Zero or above.
    pub highest: f64,
}

impl Bounds {
    /// For the price of something: from a total loss to four times the price.
    pub const PRICE: Self = Self { lowest: -1.0, highest: 3.0 };
    /// For a yield, absolute: ten percentage points either way.
    pub const YIELD: Self = Self { lowest: -0.1, highest: 0.1 };
}

/// Looks this often into each direction before it halves intervals.
const STEPS: u32 = 400;

/// Enough halvings that nothing is left between two numbers.
const HALVINGS: u32 = 64;

/// The smallest move that loses `amount` or more; `None` where no move within `bounds` does.
///
/// `pnl` gives the profit or loss of the book for a move; it may bend and turn, as that of
/// options does, since every step outward is looked at. What begins and ends within one
/// step, a four-hundredth of the bound, can be missed.
///
/// # Errors
/// [`Error::OutOfRange`] for an amount not above zero or bounds on the wrong side;
/// [`Error::NotFinite`]; and what `pnl` answers.
pub fn reverse(
    mut pnl: impl FnMut(f64) -> Result<f64, Error>,
    amount: f64,
    bounds: Bounds,
) -> Result<Option<Reverse>, Error> {
    if finite(amount)? <= 0.0 {
        return Err(Error::OutOfRange("amount to lose"));
    }
    if finite(bounds.lowest)? > 0.0 || finite(bounds.highest)? < 0.0 {
        return Err(Error::OutOfRange("bounds"));
    }
    let mut nearest = None;
    for bound in [bounds.lowest, bounds.highest] {
        let found = outward(&mut pnl, amount, bound)?;
        nearest = match (nearest, found) {
            (Some(one), Some(other)) => Some(closer(one, other)),
            (one, other) => one.or(other),
        };
    }
    Ok(nearest)
}

fn closer(one: Reverse, other: Reverse) -> Reverse {
    if other.change.abs() < one.change.abs() { other } else { one }
}

/// The first move from zero to `bound` that loses the amount.
fn outward(
    pnl: &mut impl FnMut(f64) -> Result<f64, Error>,
    amount: f64,
    bound: f64,
) -> Result<Option<Reverse>, Error> {
    let mut loses = |change: f64| {
        let pnl = finite(pnl(change)?)?;
        Ok((pnl <= -amount).then_some(Reverse { change, pnl }))
    };
    let mut inner = 0.0;
    for step in 1..=STEPS {
        let outer = bound * f64::from(step) / f64::from(STEPS);
        if let Some(mut found) = loses(outer)? {
            for _ in 0..HALVINGS {
                let middle = f64::midpoint(inner, found.change);
                match loses(middle)? {
                    Some(nearer) => found = nearer,
                    None => inner = middle,
                }
            }
            return Ok(Some(found));
        }
        inner = outer;
    }
    Ok(None)
}
