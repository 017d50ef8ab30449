//! Alerts heard as they are raised, in whichever process.

use serde_json::{Value, json};

use super::{ada_s_book, rule, told, wants};
use crate::support::codes;
use crate::support::live::Events;

pub const RAISED: &str = "subscription($id: ID) {
    alertRaised(portfolioId: $id) { id title portfolio { name } rule { name metric } }
}";

async fn next(events: &mut Events) -> Value {
    let mut answer = events.next().await.expect("an alert");
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    answer["data"]["alertRaised"].take()
}

#[tokio::test]
async fn an_alert_is_heard_by_its_owner_in_every_process_and_again_by_who_reconnects() {
    let (app, ada, core) = ada_s_book().await;
    let other = app.restart().await;
    let (there, bob) = (ada.before(&other), app.sign_in("bob").await.before(&other));
    wants(&ada, &core, rule("GROSS_EXPOSURE_RATIO", "ABOVE", 0.1)).await;
    app.works_through_its_queue().await;
    let side = ada.creates_portfolio("Side").await;

    let mut of_all = Events::of(&there, RAISED, json!({})).await;
    let mut of_one = Events::of(&ada, RAISED, json!({ "id": core })).await;
    let mut of_side = Events::of(&ada, RAISED, json!({ "id": side })).await;
    let mut of_bob = Events::of(&bob, RAISED, json!({})).await;
    // What was raised before and not acknowledged comes first.
    let first = next(&mut of_all).await;
    assert_eq!(first["portfolio"]["name"], "Core");
    assert_eq!(first["rule"]["metric"], "GROSS_EXPOSURE_RATIO");
    assert_eq!(next(&mut of_one).await, first);

    wants(&ada, &core, rule("VOLATILITY", "ABOVE", 0.01)).await;
    app.works_through_its_queue().await;
    let second = next(&mut of_all).await;
    assert_eq!(second["rule"]["metric"], "VOLATILITY", "each once: {second}");
    assert_eq!(next(&mut of_one).await, second);
    let ids: Vec<_> = told(&ada).await.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [second["id"].clone(), first["id"].clone()]);

    // Whoever connects again is told of what is open, the oldest first.
    drop(of_all);
    let seen = "mutation($input: AcknowledgeAlertInput!) {
        acknowledgeAlert(input: $input) { userErrors { code } }
    }";
    ada.reads(seen, json!({ "input": { "id": first["id"] } })).await;
    let mut again = Events::of(&there, RAISED, json!({})).await;
    assert_eq!(next(&mut again).await, second);

    // The others are silent.
    for silent in [&mut of_side, &mut of_bob] {
        let heard = tokio::time::timeout(std::time::Duration::from_secs(1), silent.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
    let mut refused = Events::of(&bob, RAISED, json!({ "id": core })).await;
    assert_eq!(codes(&refused.next().await.expect("an error")), ["NOT_FOUND"]);
}
