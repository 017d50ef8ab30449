//! What a subscription sends, one at a time: each emission is a request of its own, with a fresh
//! moment, fresh loaders and a fresh budget, so that it sees what is there then and by the rights
//! its viewer has then.
//!
//! The resolver of a subscription looks whether there is anything to send, and leaves the request
//! it looked with for the fields that are asked for ([`Source::send`]); the engine calls
//! [`Renew`] around them, which takes it from there.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::{Data, Response, ServerError, async_trait};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::{ApiError, Result};
use super::viewer::Request;
use crate::error::{Code, Refusal};
use crate::postgres::moment::Claims;
use crate::services::Services;
use crate::services::updates::{Heard, Watcher};

/// Between two emissions of a subscription: five a second.
const PACE: Duration = Duration::from_millis(200);
/// How long a subscription goes without looking whether it may go on.
const CHECK: Duration = Duration::from_secs(15);
/// How long the fields of one emission may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a subscription comes from. It is in the data of its execution.
pub struct Source {
    services: Services,
    claims: Option<Claims>,
    address: IpAddr,
    /// What is about to be sent.
    next: Mutex<Option<Emission>>,
}

/// A request, and the turn to make it.
pub struct Emission {
    pub request: Arc<Request>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Source {
    pub fn new(services: Services, claims: Option<Claims>, address: IpAddr) -> Self {
        Self { services, claims, address, next: Mutex::default() }
    }

    /// Begins to watch.
    pub async fn watch(&self) -> Watch {
        let watcher = self.services.updates.watch().await;
        Watch { watcher, last: Instant::now().checked_sub(PACE).unwrap_or_else(Instant::now) }
    }

    /// A fresh look, by whoever subscribed.
    ///
    /// # Errors
    /// `Unauthenticated` when they are not, or not any more.
    pub async fn look(&self) -> Result<Emission> {
        let turn = self.services.updates.turn().await;
        let request = Request::new(self.services.clone(), self.claims, self.address);
        request.user().await?;
        Ok(Emission { request: Arc::new(request), _turn: turn })
    }

    /// What was looked at is to be sent: its fields are read by the same request.
    pub fn send(&self, emission: Emission) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(emission);
    }

    fn take(&self) -> Option<Emission> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Waits for something to look at.
pub struct Watch {
    watcher: Watcher,
    last: Instant,
}

impl Watch {
    /// Returns once something `is_due`, or is told that `concerns` says yes to, or it is time to
    /// check whether the subscription may go on; not before its pace lets it. All that is told by
    /// then goes through `concerns`.
    pub async fn wait(&mut self, is_due: bool, mut concerns: impl FnMut(Heard) -> bool) {
        if !is_due {
            let hear = async { while !concerns(self.watcher.next().await) {} };
            timeout(CHECK, hear).await.ok();
        }
        sleep_until(self.last + PACE).await;
        while let Some(heard) = self.watcher.told() {
            concerns(heard);
        }
        self.last = Instant::now();
    }

    /// Waits for what is not the subscription's fault to pass.
    pub async fn pause(error: &ApiError) {
        tracing::warn!(?error, "a subscription could not look; it looks again");
        sleep(CHECK).await;
    }
}

/// Gives each emission its request.
pub struct Renew;

impl ExtensionFactory for Renew {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Renew {
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        // Queries and mutations have no source; neither has an error anything to read.
        let emission = ctx.data_opt::<Arc<Source>>().and_then(|source| source.take());
        let Some(emission) = emission else { return next.run(ctx, operation_name).await };
        let request = &emission.request;
        let mut data = Data::default();
        data.insert(Arc::clone(request));
        let fields = next.run_with_data(ctx, operation_name, data);
        let fields = request.progress.drive(&request.moment, fields);
        timeout(PATIENCE, fields).await.unwrap_or_else(|_| too_slow())
    }
}

fn too_slow() -> Response {
    let message = format!("It took more than {} s.", PATIENCE.as_secs());
    let error: async_graphql::Error =
        ApiError::from(Refusal::new(Code::Timeout, message).hint("Ask for less at once.")).into();
    let told =
        ServerError { extensions: error.extensions, ..ServerError::new(error.message, None) };
    Response::from_errors(vec![told])
}
