//! What was done, told to whoever did it and to whoever operates the service.

use serde_json::{Value, json};
use sigmasight::domain::id::UserId;
use sqlx::Row;

use crate::support::{App, Person, codes, numbered};

const ACTIVITY: &str = "query($first: Int, $after: String) {
    viewer { activity(first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor }
        nodes { id at action subject detail actor { email } }
    } }
}";

const LOG: &str = "query($first: Int, $after: String) {
    admin {
        auditLog(first: $first, after: $after) {
            totalCount pageInfo { hasNextPage endCursor } nodes { action actor { email } }
        }
        users(first: 2) { totalCount nodes { email role } pageInfo { endCursor } }
    }
}";

const BOOK: &str = "ticker,quantity,entry_price,entry_date\nAAPL,100,150,2025-12-01\n";

async fn with_a_book(app: &App, name: &str) -> (Person, String) {
    let person = app.sign_in(name).await;
    let portfolio = person.creates_portfolio("Core").await;
    person.uploads(&portfolio, BOOK).await;
    (person, portfolio)
}

async fn activity(person: &Person, first: i32, after: &Value) -> Value {
    let page = json!({ "first": first, "after": after });
    person.reads(ACTIVITY, page).await["viewer"]["activity"].take()
}

fn actions(connection: &Value) -> Vec<&str> {
    let nodes = connection["nodes"].as_array().expect("nodes");
    nodes.iter().map(|node| node["action"].as_str().expect("an action")).collect()
}

#[tokio::test]
async fn people_see_what_they_did_the_newest_first_and_nothing_of_others() {
    let app = App::start().await;
    let (ada, portfolio) = with_a_book(&app, "ada").await;
    with_a_book(&app, "bob").await;

    let newest = activity(&ada, 2, &Value::Null).await;
    assert_eq!(actions(&newest), ["positions.upload", "portfolio.create"]);
    let upload = &newest["nodes"][0];
    assert_eq!(upload["subject"], format!("Portfolio {portfolio}"));
    assert_eq!(
        (&upload["at"], &upload["actor"]["email"]),
        (&json!("2026-01-05T21:30:00+00:00"), &json!("ada@example.com"))
    );
    assert!(upload["detail"].is_object());

    let rest = activity(&ada, 100, &newest["pageInfo"]["endCursor"]).await;
    assert_eq!(rest["pageInfo"]["hasNextPage"], false);
    assert_eq!(actions(&rest).last(), Some(&"user.register"));
    let all = actions(&newest).len() + actions(&rest).len();
    assert_eq!(newest["totalCount"], all, "no gap and no overlap");

    let beyond = ada.asks(ACTIVITY, json!({ "first": 501 })).await;
    assert_eq!(codes(&beyond), ["VALIDATION"]);
}

#[tokio::test]
async fn operators_see_what_everybody_did_and_who_there_is() {
    let app = App::start().await;
    with_a_book(&app, "ada").await;
    with_a_book(&app, "bob").await;
    let root = app.sign_in_admin("root").await;

    let seen = root.reads(LOG, json!({ "first": 3 })).await;
    let log = &seen["admin"]["auditLog"];
    assert_eq!(log["nodes"][0]["actor"]["email"], "root@example.com", "signed in last");
    let (mut cursor, mut uploads) = (Value::Null, Vec::new());
    loop {
        let mut page = root.reads(LOG, json!({ "first": 3, "after": cursor })).await;
        let page = page["admin"]["auditLog"].take();
        let nodes = page["nodes"].as_array().expect("nodes");
        let uploaded = nodes.iter().filter(|node| node["action"] == "positions.upload");
        uploads.extend(uploaded.map(|node| node["actor"]["email"].clone()));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        cursor = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(uploads, ["bob@example.com", "ada@example.com"]);

    let users = &seen["admin"]["users"];
    assert_eq!(users["totalCount"], 3);
    assert_eq!(users["nodes"][0], json!({ "email": "ada@example.com", "role": "USER" }));
    assert_eq!(users["nodes"][1]["email"], "bob@example.com");
    assert_eq!(users["nodes"].as_array().map(Vec::len), Some(2));

    let bob = Person::signs_in(&app, "bob").await;
    assert_eq!(codes(&bob.asks(LOG, json!({})).await), ["FORBIDDEN"]);
}

#[tokio::test]
async fn pages_of_the_log_cost_one_statement_however_many() {
    let app = App::start().await;
    let root = app.sign_in_admin("root").await;
    let one = root.asks("{ admin { auditLog { totalCount } } }", json!({})).await;
    let many = numbered(1..21, |n| {
        format!(
            "p{n}: admin {{ auditLog(first: {n}) {{ nodes {{ action actor {{ email }} }} }} }} "
        )
    });
    let many = root.asks(&format!("{{ {many} }}"), json!({})).await;
    assert_eq!(many["errors"], Value::Null);
    assert_eq!(many["extensions"]["statements"], one["extensions"]["statements"]);
}

#[tokio::test]
async fn the_wall_itself_knows_who_operates() {
    let app = App::start().await;
    let mut db = app.superuser().await;
    for (name, sees_all) in [("ada", false), ("root", true)] {
        if sees_all {
            app.sign_in_admin(name).await
        } else {
            app.sign_in(name).await
        };
        app.sign_in("carol").await;
        let id = sqlx::query("select id from users where email = $1")
            .bind(format!("{name}@example.com"))
            .fetch_one(&mut db)
            .await
            .expect("a user")
            .get::<uuid::Uuid, _>("id");
        let mut tx = app.services.db.begin_as(UserId(id)).await.expect("a transaction");
        let others: i64 = sqlx::query_scalar("select count(*) from audit_log where owner_id <> $1")
            .bind(id)
            .fetch_one(tx.statement())
            .await
            .expect("the log");
        assert_eq!(others > 0, sees_all, "{name}");
        let forged = sqlx::query(
            "insert into audit_log (owner_id, id, actor_id, action)
             select id, gen_random_uuid(), id, 'a.b' from users where email = 'carol@example.com'",
        )
        .execute(tx.statement())
        .await;
        assert!(forged.is_err(), "{name} reads and writes nothing for others");
    }
}
