//! How long sessions are kept.

use serde_json::{Value, json};

use super::{app, core, list, trade};
use crate::support::{App, Person};

/// Makes a session of a name; its id.
async fn starts(person: &Person, portfolio: &str, name: &str) -> String {
    let input = json!({ "portfolioId": portfolio, "name": name });
    let made = person.models("createModelingSession", input).await;
    made["session"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// The names of somebody's sessions, once what is older than it is kept has been removed.
async fn left(app: &App, of: &str) -> Vec<Value> {
    let olga = Person::signs_in(app, "olga").await;
    let run =
        "mutation { runBatch(input: { kind: RETENTION, force: true }) { userErrors { code } } }";
    let run = olga.reads(run, json!({})).await;
    assert_eq!(run["runBatch"]["userErrors"], json!([]));
    app.works_through_its_queue().await;
    let query = "{ viewer { modelingSessions { nodes { name } } } }";
    let seen = Person::signs_in(app, of).await.reads(query, json!({})).await;
    let nodes = list(&seen["viewer"]["modelingSessions"]["nodes"]);
    nodes.iter().map(|session| session["name"].clone()).collect()
}

#[tokio::test]
async fn what_nobody_saved_is_forgotten_thirty_days_after_its_last_change() {
    let app = app().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    app.sign_in_admin("olga").await;
    let (hers, his) = (core(&ada).await, core(&bob).await);
    let buys = json!([trade("BUY", 1, "AAPL")]);

    let saved = starts(&ada, &hers, "saved").await;
    ada.tries(&saved, buys.clone()).await;
    let reopened = starts(&ada, &hers, "reopened").await;
    let given_up = starts(&ada, &hers, "given up").await;
    for id in [&saved, &reopened, &given_up] {
        ada.models("saveModelingSession", json!({ "sessionId": id })).await;
    }
    ada.tries(&reopened, buys.clone()).await;
    ada.models("cancelModelingSession", json!({ "sessionId": given_up })).await;
    let draft = starts(&ada, &hers, "draft").await;
    ada.tries(&draft, buys.clone()).await;
    let touched = starts(&ada, &hers, "touched").await;
    starts(&bob, &his, "his").await;

    let app = app.restart().at("2026-01-20T21:30:00Z").await;
    Person::signs_in(&app, "ada").await.tries(&touched, buys).await;

    let app = app.restart().at("2026-02-04T21:30:00Z").await;
    let all = ["touched", "draft", "given up", "reopened", "saved"];
    assert_eq!(left(&app, "ada").await, all, "thirty days to the second");

    let app = app.restart().at("2026-02-04T21:30:01Z").await;
    assert_eq!(left(&app, "ada").await, ["touched", "reopened", "saved"]);
    assert_eq!(left(&app, "bob").await, [""; 0], "of everybody");
    let gone = Person::signs_in(&app, "ada").await.asks_session(&draft, "name").await;
    assert_eq!(gone, Value::Null);

    let app = app.restart().at("2027-02-04T21:30:00Z").await;
    assert_eq!(left(&app, "ada").await, ["reopened", "saved"], "what was saved stays");
    let kept = Person::signs_in(&app, "ada").await.asks_session(&saved, "trades { symbol }").await;
    assert_eq!(kept["trades"], json!([{ "symbol": "AAPL" }]));
}
