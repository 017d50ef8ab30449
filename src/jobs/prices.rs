//! Asks for prices whenever something may lack them: when the process starts, and when any process
//! tells that it stored what makes new prices wanted.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::job::JobKind;
use crate::error::{Error, chain};
use crate::services::jobs::{Ask, ask};
use crate::services::{Services, prices};

/// Before a connection that was lost is made again.
const PAUSE: Duration = Duration::from_secs(10);

/// Runs until cancelled.
pub async fn keep(services: Services, stop: CancellationToken) {
    let hear = async {
        loop {
            if let Err(error) = hear(&services).await {
                tracing::warn!(error = chain(&error), "wanted prices are not heard of");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = hear => {}
    }
}

async fn hear(services: &Services) -> Result<(), Error> {
    let mut ears = prices::listen(services).await?;
    loop {
        // Also after a connection was lost and is back: something may have been missed.
        want(services).await?;
        ears.try_recv().await?;
    }
}

async fn want(services: &Services) -> Result<(), Error> {
    let mut tx = services.db.begin_as_operator(None).await?;
    ask(&mut tx, Ask::of(JobKind::Backfill), services.now()).await?;
    Ok(tx.commit().await?)
}
