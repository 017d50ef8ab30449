//! Keeps prices complete, whenever something new is held and when a session has closed; and yields.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::services::{Services, prices, rates};

/// How often to look whether a session has closed since, and to try again what failed.
const PULSE: Duration = Duration::from_mins(1);

/// Runs until cancelled. A failure is logged and tried again at the next pulse.
pub async fn keep(services: Services, stop: CancellationToken) {
    let wanted = Arc::new(Notify::new());
    wanted.notify_one();
    tokio::spawn(listen(services.clone(), Arc::clone(&wanted), stop.clone()));
    let mut is_wanted = false;
    let mut filled = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = wanted.notified() => is_wanted = true,
            () = tokio::time::sleep(PULSE) => {}
        }
        let session = services.last_session();
        if is_wanted || filled != Some(session) {
            let filled_now = async {
                prices::know_references(&services).await?;
                prices::fill(&services).await
            };
            match filled_now.await {
                Ok(bars) => {
                    (is_wanted, filled) = (false, Some(session));
                    tracing::info!(bars, %session, "prices are complete to the last session");
                }
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(error, %session, "prices could not be completed");
                }
            }
        }
        // Every time: yields are published when it suits their publisher.
        match rates::fill(&services).await {
            Ok(0) => {}
            Ok(yields) => tracing::info!(yields, %session, "yields are stored"),
            Err(error) => {
                let error = chain(&error);
                tracing::error!(error, %session, "yields could not be completed");
            }
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
