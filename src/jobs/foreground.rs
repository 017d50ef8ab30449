//! A job done here and now, for somebody who waits for it; remembered like any other.

use tokio_util::sync::CancellationToken;

use super::worker::{Outcome, attempt, settle};
use crate::error::{Code, Error, Refusal};
use crate::services::Services;
use crate::services::jobs::{Batch, begin_here};
use crate::services::meter::Meter;

/// Does a batch. `meter` tells how far it is, and stops it.
///
/// # Errors
/// `Validation` for what cannot be run, `NotFound` for a portfolio that is not there, and whatever
/// keeps it from success.
pub async fn run(services: &Services, batch: Batch, meter: &Meter) -> Result<(), Error> {
    let (job, details) = begin_here(services, batch).await?;
    let outcome = attempt(services, &job, details, meter, &CancellationToken::new()).await?;
    let complaint = match &outcome {
        Outcome::Done => None,
        Outcome::Refused(why) | Outcome::Failed(why) => {
            Some((why.message.clone(), why.hint.clone()))
        }
        Outcome::TimedOut => Some((format!("It took more than {} s.", job.timeout_seconds), None)),
        Outcome::Cancelled | Outcome::Interrupted | Outcome::Waiting | Outcome::Superseded => {
            Some(("It was stopped.".into(), None))
        }
    };
    settle(services, &job, outcome).await?;
    match complaint {
        None => Ok(()),
        Some((message, hint)) => {
            let mut refusal = Refusal::new(Code::Internal, message);
            refusal.hint = hint.map(Into::into);
            Err(refusal.into())
        }
    }
}
