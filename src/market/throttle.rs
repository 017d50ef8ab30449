//! How often a provider is asked: a bucket of tokens that all processes on one database share,
//! silence when the provider wants it, rest when it fails.
//!
//! - At most `capacity` requests in any `window`: a token returns one window after it was taken.
//! - Who is more urgent goes first: while a quote waits no batch takes a token, and while either
//!   waits no backfill does.
//! - Nobody waits longer than its urgency bears; the answer then says how long it would have been.
//! - Time, waiting and chance come from a [`Pace`], so that tests need not wait.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::provider::{Outage, ProviderError, Urgency};
use crate::config::market::PolygonPlan;
use crate::postgres::Db;
use crate::store::throttle as store;

/// First wait after a failure; each further one is twice as long, up to the cap.
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_CAP: Duration = Duration::from_mins(5);
/// Added at most, so that those who wait for one instant do not come at once.
const SPREAD: Duration = Duration::from_millis(500);
/// Asking again any sooner would only load the database.
const LEAST_WAIT: Duration = Duration::from_millis(20);
/// No provider's word is taken for a longer silence than a day.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Requests in a row that failed for the provider's fault, all their attempts included, from
/// which it is left alone.
const TOLERANCE: i32 = 3;
/// For how long; then one request goes ahead, and the others once that one has succeeded.
const REST: Duration = Duration::from_mins(1);

/// How time passes.
pub trait Pace: Send + Sync {
    /// The instant to count by; None leaves that to the database.
    fn now(&self) -> Option<DateTime<Utc>>;

    fn wait(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// A number from 0 to 1, another each time.
    fn chance(&self) -> f64;
}

/// The time everybody lives in.
pub struct RealTime;

impl Pace for RealTime {
    fn now(&self) -> Option<DateTime<Utc>> {
        None
    }

    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }

    fn chance(&self) -> f64 {
        rand::random()
    }
}

/// How often a provider may be asked under a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Names the bucket; whoever shares the name shares the tokens.
    pub gate: &'static str,
    pub capacity: u16,
    pub window: Duration,
}

impl Rate {
    /// Plans above a hundred requests a minute get their hundred in less than one, which keeps
    /// the bucket small and the minute the same.
    pub fn polygon(plan: PolygonPlan) -> Self {
        const MOST: u32 = 100;
        let gate = match plan {
            PolygonPlan::Free => "polygon-free",
            PolygonPlan::Starter => "polygon-starter",
            PolygonPlan::Developer => "polygon-developer",
            PolygonPlan::Advanced => "polygon-advanced",
        };
        let requests = plan.requests_per_minute().get();
        let capacity = requests.min(MOST);
        let window = Duration::from_mins(1) * capacity / requests;
        Self { gate, capacity: u16::try_from(capacity).unwrap_or(u16::MAX), window }
    }

    /// Undocumented; this is what it is known to put up with.
    pub fn yahoo() -> Self {
        Self { gate: "yahoo", capacity: 2, window: Duration::from_secs(2) }
    }

    /// Half of the 120 a minute that are commonly said to be allowed.
    pub fn fred() -> Self {
        Self { gate: "fred", capacity: 60, window: Duration::from_mins(1) }
    }
}

impl Rate {
    /// What it comes to in a minute.
    pub fn requests_per_minute(&self) -> u32 {
        let windows = Duration::from_mins(1).as_millis() / self.window.as_millis().max(1);
        u32::try_from(windows).unwrap_or(u32::MAX).saturating_mul(self.capacity.into())
    }
}

impl Urgency {
    /// What all waiting for one request may add up to.
    pub fn patience(self) -> Duration {
        match self {
            Self::Quote => Duration::from_secs(5),
            Self::Batch => Duration::from_mins(10),
            Self::Backfill => Duration::from_hours(2),
        }
    }

    /// How often one request is tried.
    pub fn attempts(self) -> u32 {
        match self {
            Self::Quote => 2,
            Self::Batch | Self::Backfill => 6,
        }
    }

    fn rank(self) -> i32 {
        match self {
            Self::Quote => 0,
            Self::Batch => 1,
            Self::Backfill => 2,
        }
    }
}

/// One provider's gate.
#[derive(Clone)]
pub struct Throttle {
    db: Db,
    rate: Rate,
    pace: Arc<dyn Pace>,
}

/// Leave for one request.
#[derive(Debug)]
pub struct Turn {
    is_noted: bool,
}

impl Throttle {
    pub fn new(db: Db, rate: Rate, pace: Arc<dyn Pace>) -> Self {
        Self { db, rate, pace }
    }

    pub fn rate(&self) -> &Rate {
        &self.rate
    }

    /// Waits for a turn and takes it; what was waited is taken off the patience.
    ///
    /// # Errors
    /// `RateLimited` when it would take longer than the patience, `Unavailable` while the
    /// provider rests for as long, `Uncounted` when the database fails.
    pub async fn enter(
        &self,
        urgency: Urgency,
        patience: &mut Duration,
    ) -> Result<Turn, ProviderError> {
        loop {
            let turn = self.ask(urgency, *patience).await?;
            let Some(wait) = turn.wait else {
                return Ok(Turn { is_noted: turn.is_noted });
            };
            let wait = Duration::try_from_secs_f64(wait).unwrap_or(LEAST_WAIT).max(LEAST_WAIT);
            if wait > *patience {
                return Err(if turn.rests {
                    ProviderError::Unavailable(Outage::Rests)
                } else {
                    ProviderError::RateLimited { retry_after: Some(wait) }
                });
            }
            let wait = wait + SPREAD.min(wait / 10).mul_f64(self.chance());
            *patience = patience.saturating_sub(wait);
            self.pace.wait(wait).await;
        }
    }

    async fn ask(
        &self,
        urgency: Urgency,
        patience: Duration,
    ) -> Result<store::Turn, ProviderError> {
        let ask = store::Ask {
            gate: self.rate.gate,
            now: self.pace.now(),
            capacity: self.rate.capacity.into(),
            window: self.rate.window.as_secs_f64(),
            rank: urgency.rank(),
            patience: patience.as_secs_f64(),
            tolerance: TOLERANCE,
            probe: REST.as_secs_f64(),
        };
        loop {
            let turn = store::take(self.db.shared(), &ask).await;
            if let Some(turn) = turn.map_err(ProviderError::Uncounted)? {
                return Ok(turn);
            }
            // The first request ever. Whoever opens the gate meanwhile opens the same one.
            let opened = store::open(self.db.shared(), self.rate.gate).await;
            opened.map_err(ProviderError::Uncounted)?;
        }
    }

    /// The provider answered.
    ///
    /// # Errors
    /// `Uncounted` when the database fails.
    pub async fn answered(&self, turn: &Turn) -> Result<(), ProviderError> {
        if turn.is_noted {
            return Ok(());
        }
        let stored = store::succeed(self.db.shared(), self.rate.gate, self.pace.now()).await;
        stored.map_err(ProviderError::Uncounted)
    }

    /// The provider is there, and what it says is of no use: asking again brings the same.
    ///
    /// # Errors
    /// `Uncounted` when the database fails.
    pub async fn complained(&self, error: &ProviderError) -> Result<(), ProviderError> {
        let (gate, now, said) = (self.rate.gate, self.pace.now(), error.without_addresses());
        let stored = store::complain(self.db.shared(), gate, now, &said).await;
        stored.map_err(ProviderError::Uncounted)
    }

    /// The provider failed in all attempts of a request.
    ///
    /// # Errors
    /// `Uncounted` when the database fails.
    pub async fn failed(&self, error: &ProviderError) -> Result<(), ProviderError> {
        let (gate, now, rest) = (self.rate.gate, self.pace.now(), REST.as_secs_f64());
        let said = error.without_addresses();
        let stored = store::fail(self.db.shared(), gate, now, TOLERANCE, rest, &said).await;
        stored.map_err(ProviderError::Uncounted)
    }

    /// The provider wants silence: from everybody, for as long as it says, or for as long as the
    /// attempt's number tells.
    ///
    /// # Errors
    /// `Uncounted` when the database fails.
    pub async fn pause(
        &self,
        attempt: u32,
        retry_after: Option<Duration>,
    ) -> Result<(), ProviderError> {
        let pause = match retry_after {
            Some(wanted) => wanted.min(LONGEST_PAUSE) + SPREAD.mul_f64(self.chance()),
            None => backoff(attempt, self.chance()),
        };
        let (gate, now) = (self.rate.gate, self.pace.now());
        let stored = store::pause(self.db.shared(), gate, now, pause.as_secs_f64()).await;
        stored.map_err(ProviderError::Uncounted)
    }

    /// Waits before the next attempt; whether the patience lasted for it.
    pub async fn back_off(&self, attempt: u32, patience: &mut Duration) -> bool {
        let wait = backoff(attempt, self.chance());
        let Some(rest) = patience.checked_sub(wait) else { return false };
        *patience = rest;
        self.pace.wait(wait).await;
        true
    }

    fn chance(&self) -> f64 {
        self.pace.chance().clamp(0.0, 1.0)
    }
}

/// The wait after an attempt that failed, the first being number 0: a second, then twice as
/// long each time, up to five minutes; chance, from 0 to 1, takes up to half of it away.
pub fn backoff(attempt: u32, chance: f64) -> Duration {
    let factor = 2_u32.checked_pow(attempt).unwrap_or(u32::MAX);
    let full = BACKOFF_BASE.saturating_mul(factor).min(BACKOFF_CAP);
    full.saturating_sub((full / 2).mul_f64(chance.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_second_to_five_minutes_less_up_to_half() {
        let seconds = |attempt| backoff(attempt, 0.0).as_secs();
        assert_eq!([0, 1, 2, 8].map(seconds), [1, 2, 4, 256]);
        assert_eq!([9, 10, 31, 32, u32::MAX].map(seconds), [300; 5]);
        assert_eq!(backoff(3, 1.0), Duration::from_secs(4));
        assert_eq!(backoff(3, 0.5), Duration::from_secs(6));
        assert_eq!(backoff(3, 7.0), Duration::from_secs(4), "chance ends at one");
    }

    #[test]
    fn every_plan_of_polygon_keeps_its_minute() {
        let of = |plan| {
            let rate = Rate::polygon(plan);
            (rate.capacity, rate.window.as_millis())
        };
        assert_eq!(of(PolygonPlan::Free), (5, 60_000));
        assert_eq!(of(PolygonPlan::Starter), (100, 60_000));
        assert_eq!(of(PolygonPlan::Developer), (100, 6_000));
        assert_eq!(of(PolygonPlan::Advanced), (100, 600));
        for plan in [PolygonPlan::Free, PolygonPlan::Starter, PolygonPlan::Advanced] {
            let rate = Rate::polygon(plan);
            assert_eq!(rate.requests_per_minute(), plan.requests_per_minute().get());
        }
    }
}
