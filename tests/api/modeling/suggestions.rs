//! Suggestions, followed.

use serde_json::{Value, json};

use super::{float, list, trade};
use crate::factors::app_with_factors;
use crate::support::{Person, codes};

const PLAN: &str = "plan(goal: GOAL) {
    goal before target tolerance after reason
    trades { symbol action quantity estimatedPrice rationale effect }
}";

async fn plan(person: &Person, session: &str, goal: &str) -> Value {
    person.asks_session(session, &PLAN.replace("GOAL", goal)).await["plan"].take()
}

#[tokio::test]
async fn each_goal_is_reached_by_the_trades_that_are_suggested() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let held = [("AAPL", 800), ("KO", 600), ("JPM", -100), ("XOM", 300), ("MSFT", 150)];
    let portfolio = ada.enters("Core", "-20000", &held).await;
    for goal in
        ["NEUTRALIZE_MARKET_BETA", "NEUTRALIZE_DELTA", "REDUCE_CONCENTRATION", "REDUCE_GROSS"]
    {
        let session = ada.starts_session(&portfolio).await;
        ada.tries(&session, json!([trade("BUY", 100, "PG")])).await;
        let found = plan(&ada, &session, goal).await;
        assert_eq!(found["reason"], Value::Null, "{found}");
        let fields = format!("suggestions(goal: {goal}) {{ symbol action quantity }}");
        let suggested = ada.asks_session(&session, &fields).await["suggestions"].take();
        assert_eq!(list(&suggested).len(), list(&found["trades"]).len());
        assert!(!list(&suggested).is_empty());
        for one in list(&found["trades"]) {
            let digits = |text: &Value| text.as_str().is_some_and(|t| t.contains(char::is_numeric));
            assert!(digits(&one["rationale"]) && digits(&one["effect"]), "{one}");
        }

        ada.tries(&session, suggested).await;
        let after = plan(&ada, &session, goal).await;
        let (reached, target) = (float(&after["before"]), float(&found["target"]));
        let tolerance = float(&found["tolerance"]) + 1e-9;
        assert!(reached <= target + tolerance, "{goal}: {reached} {found}");
        assert!((reached - float(&found["after"])).abs() < 1e-9, "{goal}: as it was foretold");
        if goal.starts_with("NEUTRALIZE") {
            assert!(reached >= target - tolerance, "{goal}: {reached} {found}");
            assert_eq!(after["trades"], json!([]), "there is nothing left to do");
            assert!(after["reason"].as_str().is_some_and(|reason| reason.contains("already")));
        }
    }
}

#[tokio::test]
async fn a_goal_that_cannot_be_reached_says_why_and_a_target_out_of_bounds_is_refused() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let portfolio = ada.enters("Core", "-1000000", &[("AAPL", 100)]).await;
    let session = ada.starts_session(&portfolio).await;
    let found = plan(&ada, &session, "NEUTRALIZE_MARKET_BETA").await;
    assert_eq!((&found["trades"], &found["before"]), (&json!([]), &Value::Null));
    assert!(found["reason"].as_str().is_some_and(|reason| reason.contains("total value")));
    let none = ada.asks_session(&session, "suggestions(goal: REDUCE_GROSS) { symbol }").await;
    assert_eq!(none["suggestions"], json!([]));

    let query = "query($id: ID!, $target: Float) { node(id: $id) { ... on ModelingSession {
        plan(goal: REDUCE_GROSS, target: $target) { reason } } } }";
    for target in [-0.1, 11.0] {
        let answer = ada.asks(query, json!({ "id": session, "target": target })).await;
        assert_eq!(codes(&answer), ["VALIDATION"], "{target}");
    }
}
