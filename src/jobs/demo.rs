//! Keeps the demo fresh: when a session has closed, options that expired make room for new ones.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::services::{Services, demo};

/// How often to look whether a session has closed since.
const PULSE: Duration = Duration::from_mins(1);

/// Runs until cancelled, in development. A failure is logged and tried again at the next pulse.
pub async fn keep(services: Services, stop: CancellationToken) {
    let mut fresh = services.last_session();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PULSE) => {}
        }
        let session = services.last_session();
        if session == fresh {
            continue;
        }
        match demo::refresh(&services).await {
            Ok(()) => fresh = session,
            Err(error) => {
                let error = chain(&error);
                tracing::error!(error, %session, "the demo could not be kept fresh");
            }
        }
    }
}
