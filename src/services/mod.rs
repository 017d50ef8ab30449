//! The use cases: authorize, decide, transact. A rule that matters lives here, so that a job, a
//! command and a resolver cannot disagree.

pub mod accounts;
pub mod actions;
pub mod alerts;
pub mod attribution;
pub mod books;
pub mod correlation;
pub mod demo;
pub mod dividends;
pub mod exports;
pub mod factors;
pub mod greeks;
pub mod history;
pub mod instruments;
pub mod jobs;
pub mod known;
pub mod listings;
pub mod meter;
pub mod modeling;
mod naming;
pub mod night;
pub mod performance;
pub mod portfolios;
pub mod positions;
pub mod prices;
pub mod profiles;
pub mod providers;
pub mod quality;
pub mod rates;
pub mod report;
pub mod report_schedules;
pub mod results;
pub mod risk;
pub mod scenarios;
pub mod schedules;
pub mod snapshots;
pub mod stress;
pub mod suggestions;
pub mod tags;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod updates;
pub mod upload;
pub mod valuation;
pub mod window;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use crate::clock::Clock;
use crate::config::Provider;
use crate::config::assumptions::Assumptions;
use crate::domain::calendar::Calendar;
use crate::error::Error;
use crate::market::chain::Chain;
use crate::postgres::Db;

/// What every use case has at hand.
#[derive(Clone)]
pub struct Services {
    pub db: Db,
    pub clock: Clock,
    pub calendar: Arc<Calendar>,
    pub tokens: Arc<tokens::Tokens>,
    pub hasher: accounts::Hasher,
    pub attempts: accounts::Attempts,
    pub providers: Arc<[Provider]>,
    /// Everybody who is asked for prices.
    pub chain: Chain,
    /// The option chains that were looked at lately.
    pub listings: listings::Listings,
    /// What stands in where nobody has said.
    pub assumptions: Assumptions,
    /// What changes, for whoever watches.
    pub updates: updates::Updates,
}

/// Computes where nobody waits for the thread. A panic is an error of this work alone.
///
/// # Errors
/// `Internal` when `work` panics.
pub async fn off_the_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let failed = |error| Error::Internal(format!("a computation failed: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

impl Services {
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The newest session whose close has passed: what "now" means for a figure.
    pub fn last_session(&self) -> NaiveDate {
        self.calendar.last_completed_session(self.now())
    }
}
