//! Providers of market data, asked through their clients. They are played by a stub on this
//! machine that answers in their shapes and misbehaves on command; time leaps where it is waited
//! for, so that an hour of limits takes a second.

mod absences;
mod chain;
mod dividends;
mod early;
mod faults;
mod fred;
mod keeping;
mod listings;
mod nights;
mod operators;
mod polygon;
mod profiles;
mod secrets;
mod stub;
mod throttle;
mod time;
mod yahoo;
mod yields;

use std::sync::Arc;

use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sigmasight::clock::Clock;
use sigmasight::config::market::{PolygonAccess, PolygonPlan};
use sigmasight::domain::calendar::Calendar;
use sigmasight::market::caller::Limits;
use sigmasight::market::fred::Fred;
use sigmasight::market::polygon::Polygon;
use sigmasight::market::provider::{Bars, Span};
use sigmasight::market::throttle::{Rate, Throttle};
use sigmasight::market::yahoo::Yahoo;
use sigmasight::postgres::Db;

use self::stub::{Asked, Stub};
use self::time::LeapingTime;
use crate::support::cluster::{FreshDatabase, fresh_database};

/// Monday the 5th of January 2026, half an hour after the close in New York.
const NOW: &str = "2026-01-05T21:30:00Z";
const KEY: &str = "k3yofpolygonthatnobodymayread000";

/// A stub, a database that counts the requests to it, and clients. Clones share everything.
#[derive(Clone)]
struct Desk {
    stub: Stub,
    time: Arc<LeapingTime>,
    db: Db,
    clock: Clock,
    limits: Limits,
    calendar: Arc<Calendar>,
    database: Arc<FreshDatabase>,
}

impl Desk {
    /// With a stub that answers by this script.
    async fn with(script: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        let time = Arc::new(LeapingTime::at(instant(NOW)));
        let database = fresh_database().await;
        let db = Db::connect(database.options.clone(), 4).await.expect("a pool");
        Self {
            stub: Stub::start(Arc::clone(&time), script).await,
            time,
            db,
            clock: Clock::fixed_at(instant(NOW)),
            limits: Limits::default(),
            calendar: Arc::new(Calendar::default()),
            database: Arc::new(database),
        }
    }

    /// With other limits of a request.
    fn limited(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// With a clock that shows something else than it is.
    fn believing_in(mut self, now: &str) -> Self {
        self.clock = Clock::fixed_at(instant(now));
        self
    }

    fn throttle(&self, rate: Rate) -> Throttle {
        Throttle::new(self.db.clone(), rate, self.time.clone())
    }

    /// Polygon on the free plan.
    fn polygon(&self) -> Polygon {
        let access = PolygonAccess {
            key: Some(KEY.parse().expect("a key")),
            plan: PolygonPlan::Free,
            base: self.stub.url.clone(),
        };
        let throttle = self.throttle(Rate::polygon(access.plan));
        let (limits, calendar) = (self.limits.clone(), self.calendar.clone());
        Polygon::new(&access, throttle, limits, calendar, self.clock).expect("a client")
    }

    fn yahoo(&self) -> Yahoo {
        let (base, throttle) = (self.stub.url.clone(), self.throttle(Rate::yahoo()));
        let (limits, calendar) = (self.limits.clone(), self.calendar.clone());
        Yahoo::new(base, throttle, limits, calendar, self.clock).expect("a client")
    }

    fn fred(&self) -> Fred {
        let base = self.stub.url.join("fred").expect("an address");
        let key = Some(KEY.parse().expect("a key"));
        Fred::new(base, key, self.throttle(Rate::fred()), self.limits.clone()).expect("a client")
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn span(from: &str, to: &str) -> Span {
    Span { from: date(from), to: date(to) }
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a decimal")
}

/// Midnight in New York as Polygon stamps a day's bar, in winter or in summer.
fn midnight(day: &str) -> i64 {
    use chrono::TimeZone;
    let local = date(day).and_time(chrono::NaiveTime::MIN);
    chrono_tz::America::New_York
        .from_local_datetime(&local)
        .single()
        .expect("clocks do not change at midnight")
        .timestamp_millis()
}

/// 09:30 in New York as Yahoo stamps a day's bar, in seconds.
fn opening(day: &str) -> i64 {
    midnight(day) / 1_000 + 9 * 3_600 + 1_800
}

/// The dates and closes of bars, as text.
fn closes(bars: &Bars) -> Vec<(String, String)> {
    let line = |bar: &sigmasight::market::provider::DailyBar| {
        (bar.date.to_string(), bar.close.normalize().to_string())
    };
    bars.bars.iter().map(line).collect()
}

/// Those of a test.
fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}
