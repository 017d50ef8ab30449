//! What each kind of job does.

use crate::domain::instrument::Symbol;
use crate::domain::job::{Job, JobKind};
use crate::error::Error;
use crate::services::jobs::Details;
use crate::services::meter::Meter;
use crate::services::prices::{self, Scope};
use crate::services::{Services, rates};

/// Does a job; done twice it does the same.
///
/// # Errors
/// `Refused` when doing it again cannot help; whatever else can be tried again.
pub async fn run(
    services: &Services,
    job: &Job,
    details: &Details,
    meter: &Meter,
) -> Result<(), Error> {
    match job.kind {
        JobKind::MarketData | JobKind::Backfill => {
            let symbols = details.symbols.as_ref().map(|symbols| {
                symbols.iter().filter_map(|symbol| Symbol::parse(symbol).ok()).collect()
            });
            let scope = Scope { symbols, from: details.from };
            // Yields beside them: a first history may take hours, the yields take seconds.
            let prices = prices::complete(services, &scope, meter);
            tokio::try_join!(prices, rates::fill(services)).map(drop)
        }
        other => Err(Error::Internal(format!("nothing here does {}", other.as_str()))),
    }
}
