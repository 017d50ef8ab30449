//! How instruments move with the factors, and what that makes of a book.
//!
//! Betas belong to instruments: each is regressed once, whoever holds it, on a [`Model`] that is
//! made once for a session and a method. Options are not regressed; they move with their
//! underlying. From betas and exposures everything else follows without another look at prices:
//! [`exposures`] of positions and books, and the risk that `services::risk` takes apart.
//!
//! The same model takes any list of variables, so that what stands for oil or for credit is
//! estimated as the factors are. A beta that cannot be estimated is an [`Insufficient`] with its
//! reason; nothing stands in for it.

mod exposures;
mod model;
mod rate;

pub use exposures::{
    Basis, Betas, BookBetas, Contribution, Deltas, Estimates, Excluded, Exposed, FactorExposure,
    WithBetas, capped, capped_of, coverage, exposed, exposures, left_out, moves_with, named,
    of_prices, position_exposures, wanted,
};
pub use model::{
    FactorModel, FactorModelFacts, InstrumentBetas, Insufficient, Method, Model, RIDGE_PENALTY,
    Variable,
};
pub use rate::{RATE_SERIES, RateBeta, rate_beta};
pub use sigmasight_analytics::factor::{BETA_CAP, MIN_OBSERVATIONS};

/// Returns that betas are estimated from: about a year of sessions.
pub const WINDOW: usize = 252;
/// Raised whenever the same inputs would give another figure.
pub const MODEL_VERSION: &str = "factors/2";

#[cfg(test)]
mod tests;
