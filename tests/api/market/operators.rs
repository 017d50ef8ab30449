//! What operators see of the providers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::response::Response;
use serde_json::{Value, json};
use sigmasight::clock::Clock;
use sigmasight::config::Provider;
use sigmasight::config::market::{MarketData, PolygonAccess};
use sigmasight::market::provider::{MarketDataProvider, Tenor, Urgency};
use sigmasight::services::providers;

use super::chain::aggregates;
use super::fred::observations;
use super::stub::{Asked, json as answer, status};
use super::time::LeapingTime;
use super::{Desk, KEY, span};
use crate::support::{App, codes};

const PROVIDERS: &str = "{ admin { providers {
    name isConfigured missing isHealthy answeredAt requestsPerMinute tokensAvailable
    lastError failedAt
} } }";

/// A program with Polygon and FRED configured, and a desk that asks over its database, in a time
/// that begins as the database's.
async fn program(script: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> (App, Desk) {
    let desk = Desk::with(script).await;
    let key = || Some(KEY.parse().expect("a key"));
    let polygon =
        PolygonAccess { key: key(), base: desk.stub.url.clone(), ..PolygonAccess::default() };
    let fred_base = desk.stub.url.join("fred").expect("an address");
    let market = MarketData { polygon, fred_key: key(), fred_base, ..MarketData::default() };
    let app = App::start().asking(&[Provider::Polygon, Provider::Fred], market).await;
    let time = Arc::new(LeapingTime::at(Clock::default().now()));
    let desk = Desk { db: app.services.db.clone(), time, ..desk };
    (app, desk)
}

/// The whole answer as text, and the entry of a provider.
async fn seen(app: &App, name: &str) -> (String, Value) {
    let answer = app.sign_in_admin("root").await.asks(PROVIDERS, json!({})).await;
    let providers = answer["data"]["admin"]["providers"].as_array().expect("providers");
    let one = providers.iter().find(|provider| provider["name"] == name).expect("the provider");
    (answer.to_string(), one.clone())
}

#[tokio::test]
async fn a_provider_that_fails_is_seen_to_rest_and_to_be_back() {
    let is_up = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_up);
    let (app, desk) = program(move |_| {
        if switch.load(Ordering::Relaxed) {
            answer(observations(&[("2026-01-05", "2026-01-02", "4.1")]))
        } else {
            status(503, json!({}))
        }
    })
    .await;
    let (_, untried) = seen(&app, "fred").await;
    assert_eq!(untried["isHealthy"], Value::Null);
    assert_eq!(
        (&untried["requestsPerMinute"], &untried["tokensAvailable"]),
        (&json!(60), &json!(60.0))
    );

    let (fred, day) = (desk.fred(), span("2026-01-02", "2026-01-05"));
    for _ in 0..3 {
        fred.yields(Tenor::TenYears, day, Urgency::Quote).await.expect_err("it is down");
    }
    let (_, resting) = seen(&app, "fred").await;
    assert_eq!(resting["isHealthy"], false);
    assert_eq!(resting["lastError"], "is unavailable: status 503");
    assert_eq!(resting["tokensAvailable"], 0.0, "nobody is let through");
    assert!(resting["failedAt"].is_string() && resting["answeredAt"].is_null());

    is_up.store(true, Ordering::Relaxed);
    desk.time.passes(Duration::from_mins(2));
    fred.yields(Tenor::TenYears, day, Urgency::Quote).await.expect("it is back");
    let (_, back) = seen(&app, "fred").await;
    assert_eq!((&back["isHealthy"], &back["lastError"]), (&json!(true), &Value::Null));
    assert_eq!(back["tokensAvailable"], 59.0, "one request is out");
    assert!(back["answeredAt"].is_string());
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_without_the_key_and_the_address() {
    let (app, desk) = program(|asked| {
        let message = format!("The value {KEY} of api_key is not registered at {}", asked.host);
        status(400, json!({ "error_code": 400, "error_message": message }))
    })
    .await;
    let day = span("2026-01-02", "2026-01-05");
    desk.fred().yields(Tenor::TenYears, day, Urgency::Quote).await.expect_err("refused");
    let (whole, fred) = seen(&app, "fred").await;
    assert_eq!(fred["isHealthy"], false);
    assert_eq!(
        fred["lastError"],
        "does not accept the key: The value … of api_key is not registered at …"
    );
    assert!(!whole.contains(KEY) && !whole.contains("127.0.0.1"), "{whole}");
}

#[tokio::test]
async fn what_is_not_configured_says_what_is_missing() {
    let (app, _) = program(|_| status(500, json!({}))).await;
    let (_, polygon) = seen(&app, "polygon").await;
    assert_eq!((&polygon["isConfigured"], &polygon["missing"]), (&json!(true), &Value::Null));
    assert_eq!(polygon["requestsPerMinute"], 5);
    let (_, yahoo) = seen(&app, "yahoo").await;
    assert_eq!((&yahoo["isConfigured"], &yahoo["tokensAvailable"]), (&json!(false), &Value::Null));
    assert!(yahoo["missing"].as_str().is_some_and(|missing| missing.contains("YAHOO_BASE_URL")));
    let (_, simulation) = seen(&app, "synthetic").await;
    assert_eq!(simulation["isConfigured"], false);
}

#[tokio::test]
async fn nobody_else_sees_how_the_service_runs() {
    let app = App::start().await;
    let refused = app.sign_in("bob").await.asks(PROVIDERS, json!({})).await;
    assert_eq!(codes(&refused), ["FORBIDDEN"]);
    assert_eq!(refused["data"]["admin"], Value::Null);
    assert_eq!(codes(&app.asks(PROVIDERS, json!({})).await), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_key_that_is_wrong_shows_when_somebody_looks() {
    let is_right = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_right);
    let (app, desk) = program(move |_| {
        if switch.load(Ordering::Relaxed) {
            answer(aggregates("SPY", &[("2026-01-05", 687.5)]))
        } else {
            status(401, json!({ "status": "ERROR", "error": "Unknown API Key" }))
        }
    })
    .await;
    assert_eq!(seen(&app, "polygon").await.1["isHealthy"], Value::Null);
    for is_healthy in [false, true] {
        is_right.store(is_healthy, Ordering::Relaxed);
        providers::try_out(&app.services).await;
        assert_eq!(seen(&app, "polygon").await.1["isHealthy"], is_healthy);
    }
    let asked: Vec<_> = desk.stub.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/v2/aggs/ticker/SPY/prev"; 2]);
}
