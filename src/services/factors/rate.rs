//! How an instrument answers to the yield of the Treasury.

use sigmasight_analytics::factor::MIN_OBSERVATIONS;
use sigmasight_analytics::returns::{at_rows, complete_rows};
use sigmasight_analytics::scenario;

use super::Insufficient;
use crate::domain::quality::Quality;
use crate::services::window::Returns;

/// The yield that rate betas are to: ten years, constant maturity.
pub const RATE_SERIES: &str = "DGS10";

/// The return of an instrument per 1.00 of the yield's absolute change.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RateBeta {
    /// −5 loses 5 % when the yield rises by one point, from 4 % to 5 %.
    pub beta: f64,
    pub r_squared: Option<f64>,
    pub standard_error: Option<f64>,
    pub observations: usize,
    pub quality: Quality,
}

/// Regresses an instrument's returns on the changes of a yield.
///
/// `levels` are fractions, one for each close of the window, so one more than returns; a session
/// counts when it and the one before have a level. A change is a difference, never a ratio.
///
/// # Errors
/// Why there is none: a missing yield is no beta of zero.
pub fn rate_beta(
    returns: &Returns,
    levels: &[Option<f64>],
    quality: Quality,
) -> Result<RateBeta, Insufficient> {
    let changes: Vec<_> =
        levels.windows(2).map(|pair| pair[1].zip(pair[0]).map(|(now, then)| now - then)).collect();
    let rows = complete_rows(&[&returns.values, &changes]);
    if rows.len() < MIN_OBSERVATIONS {
        let reason = format!(
            "It shares {} sessions with changes of {RATE_SERIES}, {MIN_OBSERVATIONS} are needed.",
            rows.len()
        );
        return Err(Insufficient { reason, observations: rows.len() });
    }
    let returns_there = at_rows(&returns.values, &rows).unwrap_or_default();
    let changes = at_rows(&changes, &rows).unwrap_or_default();
    let found = scenario::rate_beta(&returns_there, &changes).map_err(|error| Insufficient {
        reason: format!("No beta to {RATE_SERIES}: {error}."),
        observations: rows.len(),
    })?;
    Ok(RateBeta {
        beta: found.beta,
        r_squared: found.r_squared,
        standard_error: found.standard_error,
        observations: found.observations,
        quality: returns.quality.max(quality),
    })
}
