//! Time that passes only while everybody waits for it.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sigmasight::market::throttle::Pace;
use tokio::sync::watch;

/// Leaps to the nearest instant somebody waits for, once all parties wait: a request that is under
/// way sees no time pass.
pub struct LeapingTime {
    now: watch::Sender<DateTime<Utc>>,
    state: Mutex<State>,
}

struct State {
    parties: usize,
    targets: Vec<DateTime<Utc>>,
    /// Every wait there was.
    waits: Vec<Duration>,
}

impl LeapingTime {
    /// Begins at this instant, with one party.
    pub fn at(instant: DateTime<Utc>) -> Self {
        let state = State { parties: 1, targets: Vec::new(), waits: Vec::new() };
        Self { now: watch::Sender::new(instant), state: Mutex::new(state) }
    }

    /// From now on so many have to wait before time passes.
    pub fn for_parties(&self, parties: usize) {
        self.state.lock().expect("the time").parties = parties;
        self.leap();
    }

    /// One of the parties waits no more.
    pub fn without_one(&self) {
        self.state.lock().expect("the time").parties -= 1;
        self.leap();
    }

    pub fn passes(&self, time: Duration) {
        self.now.send_modify(|now| *now += time);
        let now = self.instant();
        self.state.lock().expect("the time").targets.retain(|target| *target > now);
    }

    pub fn instant(&self) -> DateTime<Utc> {
        *self.now.borrow()
    }

    /// Every wait there was, in whole seconds, rounded.
    pub fn waits(&self) -> Vec<u64> {
        let waits = &self.state.lock().expect("the time").waits;
        waits.iter().map(|wait| (*wait + Duration::from_millis(500)).as_secs()).collect()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.state.lock().expect("the time").targets.len()
    }

    fn leap(&self) {
        let mut state = self.state.lock().expect("the time");
        if state.targets.is_empty() || state.targets.len() < state.parties {
            return;
        }
        let nearest = *state.targets.iter().min().expect("there is one");
        state.targets.retain(|target| *target > nearest);
        self.now.send_modify(|now| *now = nearest.max(*now));
    }
}

impl Pace for LeapingTime {
    fn now(&self) -> Option<DateTime<Utc>> {
        Some(self.instant())
    }

    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        async move {
            let target = self.instant() + time;
            {
                let mut state = self.state.lock().expect("the time");
                state.targets.push(target);
                state.waits.push(time);
            }
            self.leap();
            self.now.subscribe().wait_for(|now| *now >= target).await.expect("time goes on");
        }
        .boxed()
    }

    fn chance(&self) -> f64 {
        0.0
    }
}
