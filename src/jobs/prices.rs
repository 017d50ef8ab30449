//! Keeps prices complete, whenever something new is held and when a session has closed; and yields.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::services::{Services, prices, rates};

/// How often to look whether a session has closed since, and to try again what failed.
const PULSE: Duration = Duration::from_mins(1);
/// How often to look whether yields are missing, besides: they are published when it suits their
/// publisher.
const YIELDS_PULSE: Duration = Duration::from_mins(10);

/// Runs until cancelled. A failure is logged and tried again at the next pulse.
pub async fn keep(services: Services, stop: CancellationToken) {
    let wanted = Arc::new(Notify::new());
    wanted.notify_one();
    tokio::spawn(listen(services.clone(), Arc::clone(&wanted), stop.clone()));
    let mut is_wanted = false;
    let mut filled = None;
    let mut looked = None::<Instant>;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = wanted.notified() => is_wanted = true,
            () = tokio::time::sleep(PULSE) => {}
        }
        let session = services.last_session();
        let is_due = is_wanted || filled != Some(session);
        let is_time = looked.is_none_or(|at| at.elapsed() >= YIELDS_PULSE);
        if is_due || is_time {
            looked = Some(Instant::now());
            let prices = async { is_due && complete_prices(&services, session).await };
            // Beside them: a first history may take hours, the yields take seconds.
            let (is_complete, ()) = tokio::join!(prices, complete_yields(&services, session));
            if is_complete {
                (is_wanted, filled) = (false, Some(session));
            }
        }
    }
}

/// Whether they are.
async fn complete_prices(services: &Services, session: NaiveDate) -> bool {
    match prices::fill(services).await {
        Ok(bars) => tracing::info!(bars, %session, "prices are complete to the last session"),
        Err(error) => {
            let error = chain(&error);
            tracing::error!(error, %session, "prices could not be completed");
            return false;
        }
    }
    true
}

async fn complete_yields(services: &Services, session: NaiveDate) {
    match rates::fill(services).await {
        Ok(0) => {}
        Ok(yields) => tracing::info!(yields, %session, "yields are stored"),
        Err(error) => {
            let error = chain(&error);
            tracing::error!(error, %session, "yields could not be completed");
        }
    }
}

/// Passes on what any process tells of prices that are wanted.
async fn listen(services: Services, wanted: Arc<Notify>, stop: CancellationToken) {
    let hear = async {
        loop {
            if let Err(error) = hear(&services, &wanted).await {
                tracing::warn!(%error, "wanted prices are not heard of; trying again");
            }
            tokio::time::sleep(PULSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = hear => {}
    }
}

async fn hear(services: &Services, wanted: &Notify) -> sqlx::Result<()> {
    let mut ears = prices::listen(services).await?;
    loop {
        // None for a connection that was lost and is back: something may have been missed.
        ears.try_recv().await?;
        wanted.notify_one();
    }
}
