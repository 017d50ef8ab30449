//! Limits that processes share.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use sigmasight::config::market::PolygonPlan;
use sigmasight::market::provider::{MarketDataProvider, Outage, ProviderError, Urgency};
use sigmasight::market::throttle::{Rate, RealTime, Throttle};
use sigmasight::postgres::Db;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::stub::{json as answer, status};
use super::{Desk, span};

/// A stub that knows nothing of what it is asked.
async fn empty_desk() -> Desk {
    Desk::with(|_| answer(json!({ "status": "OK", "resultsCount": 0 }))).await
}

#[tokio::test]
async fn two_processes_with_one_bucket_do_not_exceed_it() {
    const EACH: usize = 15;
    let desk = empty_desk().await;
    desk.time.for_parties(2);
    let mut processes = JoinSet::new();
    for _ in 0..2 {
        let options = desk.database.options.clone();
        let db = Db::connect(options, 2).await.expect("a pool of its own");
        let polygon = Desk { db, ..desk.clone() }.polygon();
        let time = desk.time.clone();
        processes.spawn(async move {
            let day = span("2026-01-05", "2026-01-05");
            for _ in 0..EACH {
                let nothing = polygon.daily_bars("AAPL", day, Urgency::Batch).await;
                assert!(matches!(nothing, Err(ProviderError::NotFound { .. })), "{nothing:?}");
            }
            time.without_one();
        });
    }
    processes.join_all().await;

    let asked: Vec<_> = desk.stub.asked().iter().map(|asked| asked.at).collect();
    assert_eq!(asked.len(), 2 * EACH);
    for first in &asked {
        let minute = *first..*first + TimeDelta::seconds(60);
        let within = asked.iter().filter(|at| minute.contains(at)).count();
        assert!(within <= 5, "{within} requests in the minute from {first}");
    }
    let took = *asked.iter().max().expect("one") - asked[0];
    assert_eq!(took.num_minutes(), 5, "and no slower than they may");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_ask_at_once_no_more_get_a_token_than_there_are() {
    let desk = empty_desk().await;
    let everybody = Arc::new(Barrier::new(20));
    let mut askers = JoinSet::new();
    for _ in 0..4 {
        let options = desk.database.options.clone();
        let db = Db::connect(options, 5).await.expect("a pool of its own");
        for _ in 0..5 {
            let (db, everybody) = (db.clone(), Arc::clone(&everybody));
            let throttle = Desk { db: db.clone(), ..desk.clone() }.throttle(Rate {
                gate: "many",
                capacity: 5,
                window: Duration::from_hours(1),
            });
            askers.spawn(async move {
                // Each has a connection before any of them asks.
                let connection = db.begin_shared().await.expect("a connection");
                everybody.wait().await;
                connection.commit().await.expect("nothing to store");
                everybody.wait().await;
                throttle.enter(Urgency::Batch, &mut { Duration::ZERO }).await.is_ok()
            });
        }
    }
    let granted = askers.join_all().await.into_iter().filter(|is_granted| *is_granted).count();
    assert_eq!(granted, 5);
}

#[tokio::test]
async fn the_more_urgent_goes_first() {
    let desk = empty_desk().await;
    desk.time.for_parties(usize::MAX);
    let throttle = desk.throttle(Rate { gate: "one", capacity: 1, window: Duration::from_secs(4) });
    let mut patience = Duration::from_mins(1);
    throttle.enter(Urgency::Quote, &mut patience).await.expect("the only token");

    let order = Arc::new(Mutex::new(Vec::new()));
    let served = || order.lock().expect("the order").len();
    let mut waiting = JoinSet::new();
    for (number, urgency) in
        [Urgency::Backfill, Urgency::Batch, Urgency::Quote].into_iter().enumerate()
    {
        let (throttle, order) = (throttle.clone(), Arc::clone(&order));
        waiting.spawn(async move {
            let mut patience = Duration::from_mins(10);
            throttle.enter(urgency, &mut patience).await.expect("a turn");
            order.lock().expect("the order").push(urgency);
        });
        while desk.time.waiting() <= number {
            tokio::task::yield_now().await;
        }
    }
    // All wake at the same instants; whoever asks first, the most urgent gets the token.
    while served() < 3 {
        desk.time.passes(Duration::from_millis(500));
        while desk.time.waiting() + served() < 3 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(
        *order.lock().expect("the order"),
        [Urgency::Quote, Urgency::Batch, Urgency::Backfill]
    );
}

#[tokio::test]
async fn who_cannot_wait_is_told_how_long_it_would_be_and_holds_up_nobody() {
    let desk = empty_desk().await;
    let throttle = desk.throttle(Rate::polygon(PolygonPlan::Free));
    let mut patience = Duration::ZERO;
    for _ in 0..5 {
        throttle.enter(Urgency::Quote, &mut patience).await.expect("a token");
    }
    desk.time.passes(Duration::from_secs(20));
    let mut patience = Duration::from_secs(5);
    let refused = throttle.enter(Urgency::Quote, &mut patience).await;
    let Err(ProviderError::RateLimited { retry_after: Some(wait) }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(wait.as_secs(), 40);
    let mut patience = Duration::from_hours(1);
    throttle.enter(Urgency::Backfill, &mut patience).await.expect("a token");
    assert_eq!(desk.time.waits(), [40], "no longer than for the token");
}

#[tokio::test]
async fn another_plan_is_another_bucket() {
    let desk = empty_desk().await;
    let mut patience = Duration::ZERO;
    let free = desk.throttle(Rate::polygon(PolygonPlan::Free));
    for _ in 0..5 {
        free.enter(Urgency::Batch, &mut patience).await.expect("a token");
    }
    assert!(free.enter(Urgency::Batch, &mut patience).await.is_err());
    let starter = desk.throttle(Rate::polygon(PolygonPlan::Starter));
    for _ in 0..100 {
        starter.enter(Urgency::Batch, &mut patience).await.expect("a token");
    }
    assert!(starter.enter(Urgency::Batch, &mut patience).await.is_err());
}

#[tokio::test]
async fn the_databases_clock_counts_where_none_is_given() {
    let desk = empty_desk().await;
    let rate = Rate { gate: "real", capacity: 1, window: Duration::from_hours(1) };
    let throttle = Throttle::new(desk.db.clone(), rate, Arc::new(RealTime));
    let mut patience = Duration::ZERO;
    throttle.enter(Urgency::Quote, &mut patience).await.expect("the token");
    let refused = throttle.enter(Urgency::Quote, &mut patience).await;
    let Err(ProviderError::RateLimited { retry_after: Some(wait) }) = refused else {
        panic!("{refused:?}")
    };
    assert!((3_500..=3_600).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn a_provider_that_keeps_failing_rests_until_one_request_succeeds() {
    // Three requests of two attempts fail; so does the first one that is let through again.
    let desk = Desk::with(|asked| match asked.earlier {
        ..7 => status(503, json!({})),
        _ => answer(json!({ "status": "OK", "resultsCount": 0 })),
    })
    .await;
    let (polygon, day) = (desk.polygon(), span("2026-01-05", "2026-01-05"));
    let asks = || polygon.daily_bars("AAPL", day, Urgency::Quote);
    for _ in 0..3 {
        let error = asks().await.expect_err("down");
        let is_down = matches!(error, ProviderError::Unavailable(Outage::Status(503)));
        assert!(is_down, "{error:?}");
        desk.time.passes(Duration::from_secs(30));
    }
    assert_eq!(desk.stub.calls(), 6);

    // The last failure was thirty seconds ago: the rest lasts sixty.
    let error = asks().await.expect_err("resting");
    assert!(matches!(error, ProviderError::Unavailable(Outage::Rests)), "{error:?}");
    assert_eq!(desk.stub.calls(), 6, "it is left alone");

    desk.time.passes(Duration::from_secs(31));
    let error = asks().await.expect_err("still down");
    assert!(matches!(error, ProviderError::Unavailable(Outage::Rests)), "{error:?}");
    assert_eq!(desk.stub.calls(), 7, "one request looks, and no second one");

    desk.time.passes(Duration::from_secs(61));
    for _ in 0..3 {
        let error = asks().await.expect_err("nothing");
        assert!(matches!(error, ProviderError::NotFound { .. }), "{error:?}");
    }
    assert_eq!(desk.stub.calls(), 10, "everybody is let through again");
}

#[tokio::test]
async fn without_the_database_that_counts_nothing_is_asked() {
    let desk = empty_desk().await;
    let polygon = desk.polygon();
    desk.db.close().await;
    let day = span("2026-01-05", "2026-01-05");
    let error = polygon.daily_bars("AAPL", day, Urgency::Quote).await.expect_err("uncounted");
    assert!(matches!(error, ProviderError::Uncounted(_)), "{error:?}");
    assert_eq!(desk.stub.calls(), 0);
}
