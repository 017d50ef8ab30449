//! Keeps the demo fresh: what past nights would have found is there, and when a session has closed,
//! options that expired make room for new ones.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, chain};
use crate::services::meter::Meter;
use crate::services::{Services, demo, snapshots};

/// How often to look whether a session has closed since.
const PULSE: Duration = Duration::from_mins(1);

/// Runs until cancelled, in development. A failure is logged and tried again at the next pulse.
pub async fn keep(services: Services, stop: CancellationToken) {
    let mut fresh = None;
    loop {
        let session = services.last_session();
        if fresh != Some(session) {
            let made = tokio::select! {
                () = stop.cancelled() => return,
                made = make(&services) => made,
            };
            match made {
                Ok(()) => fresh = Some(session),
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(error, %session, "the demo could not be kept fresh");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PULSE) => {}
        }
    }
}

async fn make(services: &Services) -> Result<(), Error> {
    demo::refresh(services).await?;
    demo::remember(services, &snapshots::history(services), &Meter::default()).await
}
