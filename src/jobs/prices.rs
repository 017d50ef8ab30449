//! Keeps prices complete: whenever something new is held, and when a session has closed.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::services::{Services, prices};

/// How often to look whether a session has closed since.
const PULSE: Duration = Duration::from_mins(1);

/// Runs until cancelled. A failure is logged and tried again at the next occasion.
pub async fn keep(services: Services, stop: CancellationToken) {
    let mut filled = None;
    loop {
        let session = services.last_session();
        let is_wanted = tokio::select! {
            () = stop.cancelled() => return,
            () = services.prices_wanted.notified() => true,
            () = tokio::time::sleep(PULSE) => filled != Some(session),
        };
        if !is_wanted {
            continue;
        }
        match prices::fill(&services).await {
            Ok(bars) => {
                filled = Some(session);
                tracing::info!(bars, %session, "prices are complete to the last session");
            }
            Err(error) => {
                let error = crate::error::chain(&error);
                tracing::error!(error, %session, "prices could not be completed");
            }
        }
    }
}
