//! Work the service owes itself, beside requests.
//!
//! [`worker`] takes what [`services::jobs`](crate::services::jobs) asked for from the engine and
//! sees it through: once at a time, within its time, until it is done or given up. [`work`] says
//! what each kind does, [`chain`] what waits for what, and [`schedule`] what is due when. A job may
//! run twice, late, or for something already gone: each writes what it finds under the date it is
//! about, and leaves nothing half done.

pub mod chain;
pub mod demo;
pub mod foreground;
pub mod prices;
pub mod schedule;
mod step;
pub mod work;
pub mod worker;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::worker::Engine;
use crate::config::Environment;
use crate::services::Services;

/// Has this process work on jobs until asked to stop.
pub fn keep(
    working: &TaskTracker,
    services: &Services,
    engine: &Engine,
    environment: Environment,
    stop: &CancellationToken,
) {
    working.spawn(worker::keep(services.clone(), engine.clone(), stop.clone()));
    working.spawn(prices::keep(services.clone(), stop.clone()));
    if environment == Environment::Development {
        working.spawn(demo::keep(services.clone(), stop.clone()));
    }
}
