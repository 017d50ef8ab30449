//! When a batch of questions is complete.
//!
//! A question may join those of its kind that are waiting until the request has nothing left to
//! ask: every resolver that could go on has, and no answer is on its way that would let more of
//! them. A fixed delay instead would end a batch while a long list is still asking, or a busy
//! machine is slow to, and cost a statement more each time.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use async_graphql::runtime::{Timer, TokioSpawner};
use futures_util::future::BoxFuture;
use futures_util::task::{FutureObj, Spawn, SpawnError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::postgres::moment::Moment;

/// The batches of one request.
#[derive(Debug, Default)]
pub struct Progress {
    state: Mutex<State>,
    /// What has been begun for a request that is over is for nobody, and must not hold on to its
    /// connection.
    is_over: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    /// Batches that were begun and whose answers have not all been given.
    begun: usize,
    /// Those of them that wait to be let go.
    waiting: Vec<oneshot::Sender<()>>,
    /// Of the request, while it can go no further.
    request: Option<Waker>,
}

impl State {
    /// Has the request look again whether batches may go.
    fn wake(&mut self) {
        if let Some(request) = self.request.take() {
            request.wake();
        }
    }
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives the work of a request, and lets the waiting batches go whenever it can go no
    /// further by itself.
    pub async fn drive<F: Future>(&self, moment: &Moment, work: F) -> F::Output {
        let _over = self.is_over.clone().drop_guard();
        let mut work = pin!(work);
        std::future::poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            if polled.is_pending() {
                self.let_go(context.waker(), moment);
            }
            polled
        })
        .await
    }

    fn let_go(&self, request: &Waker, moment: &Moment) {
        let mut state = self.lock();
        state.request = Some(request.clone());
        // One that lost its patience went by itself.
        state.waiting.retain(|batch| !batch.is_closed());
        if !moment.is_busy() && state.waiting.len() == state.begun {
            for batch in std::mem::take(&mut state.waiting) {
                batch.send(()).ok();
            }
        }
    }
}

impl Progress {
    /// Computes where nobody waits for the thread. What the request may still ask of its result
    /// is as yet unknown, so that no batch goes before.
    ///
    /// # Errors
    /// `Internal` when the computation panicked.
    pub async fn off_the_threads<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.lock().begun += 1;
        let _batch = Batch(Arc::clone(self));
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::Internal(format!("a computation failed: {error}")))
    }
}

/// A batch, or a computation, until its answers have been given.
struct Batch(Arc<Progress>);

impl Drop for Batch {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.begun -= 1;
        state.wake();
    }
}

/// Begins batches and makes them wait for their turn.
#[derive(Clone)]
pub struct Turns(pub Arc<Progress>);

impl Spawn for Turns {
    fn spawn_obj(&self, work: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().begun += 1;
        let batch = Batch(Arc::clone(&self.0));
        let is_over = self.0.is_over.clone();
        let work = async move {
            let _batch = batch;
            tokio::select! {
                () = is_over.cancelled() => {}
                () = work => {}
            }
        };
        TokioSpawner::current().spawn_obj(Box::new(work).into())
    }
}

impl Timer for Turns {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        /// Nothing waits for longer: a batch let go too early is no more than a statement more.
        const PATIENCE: Duration = Duration::from_secs(5);
        let (go, gone) = oneshot::channel();
        let mut state = self.0.lock();
        state.waiting.push(go);
        state.wake();
        Box::pin(async move {
            tokio::time::timeout(PATIENCE, gone).await.ok();
        })
    }
}
