//! Why a figure could not be computed.

use std::error;
use std::fmt;

/// What is wrong with the input of a calculation.
///
/// A caller may show it as it is: each says what would have to be different. No calculation
/// of this library panics, and none that may be given anything answers with `NaN`: it answers
/// with one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is nothing to compute from.
    Empty,
    /// Fewer observations than the calculation needs.
    TooShort { needed: usize, got: usize },
    /// An input is `NaN` or infinite, or so large that the result would be.
    NotFinite,
    /// The named input lies outside of what it can mean: a negative price, a decay above one.
    OutOfRange(&'static str),
    /// Two inputs that belong together differ in length.
    Mismatch { expected: usize, got: usize },
    /// A matrix that has to be inverted cannot be.
    Singular,
    /// The named figure has no value here: a ratio to a volatility of zero.
    Undefined(&'static str),
    /// An iteration came to the end of its patience without an answer.
    NotConverged,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is nothing to compute from"),
            Self::TooShort { needed, got } => {
                write!(f, "{needed} observations are needed, there are {got}")
            }
            Self::NotFinite => f.write_str("an input is not a finite number, or too large"),
            Self::OutOfRange(what) => write!(f, "{what} is out of range"),
            Self::Mismatch { expected, got } => {
                write!(f, "lengths differ: {expected} expected, {got} given")
            }
            Self::Singular => f.write_str("the matrix is singular"),
            Self::Undefined(what) => write!(f, "{what} is undefined for this input"),
            Self::NotConverged => f.write_str("the iteration did not converge"),
        }
    }
}

impl error::Error for Error {}
