//! What people are told of their books: rules, when they fire, and who hears of it.

pub mod live;
mod nights;

use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::demo;

use crate::support::{App, Person, user_codes};

const CREATE: &str = "mutation($input: CreateAlertRuleInput!) {
    createAlertRule(input: $input) {
        rule { id name metric operator threshold key priority isActive }
        userErrors { code message field hint }
    }
}";

const ALERTS: &str = "query($with: Boolean, $priority: AlertPriority, $first: Int, $after: ID) {
    viewer { alerts(includeAcknowledged: $with, priority: $priority, first: $first, after: $after) {
        id title message value priority triggeredAt acknowledgedAt
        portfolio { name } rule { name }
    } }
}";

const BOOK: &str = "\
ticker,quantity,entry_price,entry_date
AAPL,200,150,2025-12-01
MSFT,-50,400,2025-12-02
NVDA,300,120,2025-12-03
AAPL260320C00250000,5,8,2025-12-04
";

/// Makes a rule; its payload.
async fn wants(person: &Person, portfolio: &str, rule: Value) -> Value {
    let mut input = json!({ "portfolioId": portfolio, "name": "Watch it" });
    let more = rule.as_object().cloned().unwrap_or_default();
    input.as_object_mut().expect("an object").extend(more);
    person.reads(CREATE, json!({ "input": input })).await["createAlertRule"].take()
}

/// The alerts that nobody has acknowledged, the newest first.
async fn told(person: &Person) -> Vec<Value> {
    let answer = person.reads(ALERTS, json!({})).await;
    answer["viewer"]["alerts"].as_array().expect("alerts").clone()
}

fn rule(metric: &str, operator: &str, threshold: f64) -> Value {
    json!({ "metric": metric, "operator": operator, "threshold": threshold })
}

/// Ada's book of four positions at simulated prices, with its history.
async fn ada_s_book() -> (App, Person, String) {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio_with_cash("Core", "10000").await;
    ada.uploads(&core, BOOK).await;
    app.works_through_its_queue().await;
    (app, ada, core)
}

const FIGURES: &str = "query($id: ID!) { portfolio(id: $id) {
    valuation { totalValue }
    exposures { netExposure leverage }
    concentration { top(first: 1) { key weight } bySector { key weight } }
    marketScenarios { beta }
    factorExposures(basis: DELTA_ADJUSTED) { factor { name } beta }
    riskMetrics { annualizedVolatility }
    stressTest { scenario { key } pnlPercent }
    greeks { deltaDollars }
    latestSnapshot { dailyReturn }
    snapshots(first: 100) { nodes { dailyReturn } }
} }";

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
}

/// The figures of a book as the graph shows them: metric, key, value.
async fn shown(person: &Person, portfolio: &str) -> Vec<(&'static str, Option<String>, f64)> {
    let book = person.reads(FIGURES, json!({ "id": portfolio })).await["portfolio"].clone();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let net = number(&book["exposures"]["netExposure"]) / number(&book["valuation"]["totalValue"]);
    let top = &book["concentration"]["top"][0];
    let sectors = book["concentration"]["bySector"].as_array().expect("sectors");
    let sector = sectors.iter().find(|one| one["key"] != "").expect("a sector");
    let value = &book["factorExposures"][1];
    let worst = book["stressTest"].as_array().expect("results").iter();
    let worst = worst
        .min_by(|a, b| number(&a["pnlPercent"]).total_cmp(&number(&b["pnlPercent"])))
        .expect("a result");
    let (mut wealth, mut peak) = (1.0_f64, 1.0_f64);
    for snapshot in book["snapshots"]["nodes"].as_array().expect("snapshots") {
        wealth *= 1.0 + snapshot["dailyReturn"].as_f64().unwrap_or(0.0);
        peak = peak.max(wealth);
    }
    vec![
        ("NET_EXPOSURE_RATIO", None, net),
        ("GROSS_EXPOSURE_RATIO", None, number(&book["exposures"]["leverage"])),
        ("POSITION_WEIGHT", text(&top["key"]), number(&top["weight"])),
        ("SECTOR_WEIGHT", text(&sector["key"]), number(&sector["weight"])),
        ("MARKET_BETA", None, number(&book["marketScenarios"][0]["beta"])),
        ("FACTOR_BETA", text(&value["factor"]["name"]), number(&value["beta"])),
        ("VOLATILITY", None, number(&book["riskMetrics"]["annualizedVolatility"])),
        ("DRAWDOWN", None, 1.0 - wealth / peak),
        ("STRESS_LOSS_RATIO", text(&worst["scenario"]["key"]), -number(&worst["pnlPercent"])),
        ("DELTA_DOLLARS", None, number(&book["greeks"]["deltaDollars"])),
        // The 20th of March is 74 days after the 5th of January.
        ("OPTION_EXPIRY_DAYS", Some("AAPL".into()), 74.0),
        ("DAILY_PNL_RATIO", None, number(&book["latestSnapshot"]["dailyReturn"])),
    ]
}

#[tokio::test]
async fn every_metric_fires_at_what_the_graph_shows_and_not_just_before() {
    let (app, ada, core) = ada_s_book().await;
    let sectors = "update instruments set sector = 'Technology' where symbol in ('AAPL', 'NVDA')";
    sqlx::query(sectors).execute(&mut app.superuser().await).await.expect("sectors");
    let figures = shown(&ada, &core).await;
    let mut expected = Vec::new();
    for (metric, key, value) in &figures {
        // What is made of others here may differ from theirs in its last digit.
        let near = value.abs() * 1e-9;
        let (operator, at, beyond) = match *metric {
            "OPTION_EXPIRY_DAYS" => ("BELOW", value + near, value - 0.001),
            _ => ("ABOVE", value - near, value + 2.0 * near + 1e-12),
        };
        // A weight of one sector alone is 1, and no threshold is beyond it.
        let can_be = |threshold: f64| !metric.ends_with("_WEIGHT") || threshold <= 1.0;
        let each = [("reached", at), ("not reached", beyond)];
        for (name, threshold) in each.into_iter().filter(|(_, threshold)| can_be(*threshold)) {
            let mut rule = rule(metric, operator, threshold);
            rule["name"] = json!(format!("{metric} {name}"));
            rule["key"] = json!(key);
            let made = wants(&ada, &core, rule).await;
            assert_eq!(made["userErrors"], json!([]), "{metric} {threshold}");
        }
        expected.push((format!("{metric} reached"), *value));
    }
    app.works_through_its_queue().await;
    let mut alerts: Vec<_> = told(&ada)
        .await
        .iter()
        .map(|alert| {
            let name = alert["rule"]["name"].as_str().expect("a rule").to_owned();
            (name, number(&alert["value"]))
        })
        .collect();
    alerts.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(alerts.len(), 12, "{alerts:#?}");
    for ((name, value), (wanted, shown)) in alerts.iter().zip(&expected) {
        assert_eq!(name, wanted);
        assert!((value - shown).abs() <= shown.abs() * 1e-9 + 1e-15, "{name}: {value} {shown}");
    }
}

#[tokio::test]
async fn a_rule_that_makes_no_sense_is_refused_with_what_would() {
    let (_, ada, core) = ada_s_book().await;
    let with_key = |metric: &str, key: &str| {
        let mut rule = rule(metric, "ABOVE", 0.5);
        rule["key"] = json!(key);
        rule
    };
    for (rule, field, hint) in [
        (rule("POSITION_WEIGHT", "ABOVE", 20.0), "threshold", "fraction"),
        (rule("VOLATILITY", "ABOVE", -0.1), "threshold", "fraction"),
        (rule("MARKET_BETA", "ABS_ABOVE", -1.0), "threshold", "beta"),
        (rule("DRAWDOWN", "BELOW", -0.1), "threshold", "above zero"),
        (rule("OPTION_EXPIRY_DAYS", "ABOVE", 7.0), "operator", "BELOW"),
        (with_key("POSITION_WEIGHT", "KO"), "key", "AAPL, AAPL260320C00250000, MSFT, NVDA"),
        (with_key("DELTA_DOLLARS", "KO"), "key", "AAPL, MSFT, NVDA;"),
        (with_key("FACTOR_BETA", "Luck"), "key", "Growth"),
        (with_key("STRESS_LOSS_RATIO", "luck"), "key", "covid_crash_2020"),
        (with_key("VOLATILITY", "AAPL"), "key", "Leave"),
        (
            json!({ "metric": "VOLATILITY", "operator": "ABOVE", "threshold": 1, "name": " " }),
            "name",
            "",
        ),
    ] {
        let made = wants(&ada, &core, rule.clone()).await;
        assert_eq!(user_codes(&made), ["VALIDATION"], "{rule} {made}");
        let error = &made["userErrors"][0];
        assert_eq!(error["field"], json!([field]), "{rule}");
        assert!(error["hint"].as_str().unwrap_or_default().contains(hint), "{rule} {error}");
    }
    // Whatever the case, a key is kept as it is called.
    for (metric, written, kept) in [
        ("POSITION_WEIGHT", " aapl ", "AAPL"),
        ("FACTOR_BETA", "low volatility", "Low Volatility"),
        ("STRESS_LOSS_RATIO", "MARKET_CRASH_35", "market_crash_35"),
    ] {
        let made = wants(&ada, &core, with_key(metric, written)).await;
        assert_eq!(made["rule"]["key"], kept, "{made}");
    }
    let ours = "query($id: ID!) { portfolio(id: $id) { alertRules { key priority } } }";
    let rules = ada.reads(ours, json!({ "id": core })).await["portfolio"]["alertRules"].clone();
    assert_eq!(rules.as_array().map(Vec::len), Some(3));
    assert_eq!(rules[0], json!({ "key": "AAPL", "priority": "MEDIUM" }));
}

#[tokio::test]
async fn a_portfolio_has_a_hundred_rules_at_most() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    for _ in 0..100 {
        wants(&ada, &core, rule("VOLATILITY", "ABOVE", 0.3)).await;
    }
    let one_more = wants(&ada, &core, rule("VOLATILITY", "ABOVE", 0.3)).await;
    assert_eq!(user_codes(&one_more), ["LIMIT_EXCEEDED"], "{one_more}");
}

const DELETE: &str = "mutation($input: DeleteAlertRuleInput!) {
    deleteAlertRule(input: $input) { deletedId userErrors { code } }
}";

const ACKNOWLEDGE: &str = "mutation($input: AcknowledgeAlertInput!) {
    acknowledgeAlert(input: $input) { alert { acknowledgedAt rule { id } } userErrors { code } }
}";

#[tokio::test]
async fn an_alert_is_acknowledged_once_and_outlives_its_rule() {
    let (app, ada, core) = ada_s_book().await;
    let made = wants(&ada, &core, rule("GROSS_EXPOSURE_RATIO", "ABOVE", 0.1)).await;
    app.works_through_its_queue().await;
    let alert = told(&ada).await.remove(0);
    assert_eq!(alert["acknowledgedAt"], Value::Null);
    let input = json!({ "input": { "id": alert["id"] } });
    let first = ada.reads(ACKNOWLEDGE, input.clone()).await["acknowledgeAlert"].clone();
    assert!(first["alert"]["acknowledgedAt"].is_string(), "{first}");
    let later = app.restart().at("2026-01-05T21:40:00Z").await;
    let again = ada.before(&later).reads(ACKNOWLEDGE, input).await["acknowledgeAlert"].clone();
    assert_eq!(again, first);
    assert_eq!(told(&ada).await, Vec::<Value>::new());

    let id = &made["rule"]["id"];
    let deleted = ada.reads(DELETE, json!({ "input": { "id": id } })).await;
    assert_eq!(deleted["deleteAlertRule"], json!({ "deletedId": id, "userErrors": [] }));
    let kept = ada.reads(ALERTS, json!({ "with": true })).await["viewer"]["alerts"][0].clone();
    assert_eq!((&kept["id"], &kept["rule"]), (&alert["id"], &Value::Null));
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(ada.reads(node, json!({ "id": id })).await["node"], Value::Null);
    assert_eq!(ada.reads(node, json!({ "id": alert["id"] })).await["node"]["id"], alert["id"]);

    let done =
        ada.reads("{ viewer { activity(first: 3) { nodes { action subject } } } }", json!({}));
    let done = done.await["viewer"]["activity"]["nodes"].clone();
    let subject = |kind: &str, id: &Value| format!("{kind} {}", id.as_str().unwrap_or_default());
    assert_eq!(
        done,
        json!([
            { "action": "alert_rule.delete", "subject": subject("AlertRule", id) },
            { "action": "alert.acknowledge", "subject": subject("Alert", &alert["id"]) },
            { "action": "alert_rule.create", "subject": subject("AlertRule", id) },
        ])
    );
}

#[tokio::test]
async fn nobody_reads_or_touches_what_is_somebody_else_s() {
    let (app, ada, core) = ada_s_book().await;
    let bob = app.sign_in("bob").await;
    let made = wants(&ada, &core, rule("GROSS_EXPOSURE_RATIO", "ABOVE", 0.1)).await;
    app.works_through_its_queue().await;
    let alert = told(&ada).await.remove(0);
    let rule_id = &made["rule"]["id"];

    assert_eq!(told(&bob).await, Vec::<Value>::new());
    let theirs = wants(&bob, &core, rule("VOLATILITY", "ABOVE", 0.3)).await;
    assert_eq!(user_codes(&theirs), ["NOT_FOUND"]);
    for (mutation, field, id) in [
        (DELETE, "deleteAlertRule", rule_id),
        (ACKNOWLEDGE, "acknowledgeAlert", &alert["id"]),
        (DELETE, "deleteAlertRule", &alert["id"]),
        (ACKNOWLEDGE, "acknowledgeAlert", rule_id),
    ] {
        let answer = bob.reads(mutation, json!({ "input": { "id": id } })).await;
        assert_eq!(user_codes(&answer[field]), ["NOT_FOUND"], "{answer}");
    }
    for id in [rule_id, &alert["id"]] {
        let node = "query($id: ID!) { node(id: $id) { __typename } }";
        assert_eq!(bob.reads(node, json!({ "id": id })).await["node"], Value::Null);
    }
    assert_eq!(told(&ada).await, [alert]);
}

#[tokio::test]
async fn everybody_of_the_demo_has_rules_and_is_told_of_something() {
    let app = App::start().with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let of_all = "select email, (select count(*) from alert_rules where owner_id = users.id),
                         (select count(*) from alerts where owner_id = users.id)
                    from users where role = 'USER' order by email";
    let found: Vec<(String, i64, i64)> =
        sqlx::query_as(of_all).fetch_all(&mut app.superuser().await).await.expect("people");
    let rules: Vec<_> = found.iter().map(|(_, rules, _)| *rules).collect();
    assert_eq!(rules, [4, 2, 2], "{found:?}");
    assert!(found.iter().all(|(.., alerts)| *alerts > 0), "{found:?}");
}

#[tokio::test]
async fn alerts_are_read_in_parts_the_newest_first_and_by_priority() {
    let (app, ada, core) = ada_s_book().await;
    for (metric, priority) in
        [("GROSS_EXPOSURE_RATIO", "LOW"), ("POSITION_WEIGHT", "CRITICAL"), ("VOLATILITY", "LOW")]
    {
        let mut rule = rule(metric, "ABOVE", 0.01);
        rule["priority"] = json!(priority);
        wants(&ada, &core, rule).await;
        app.works_through_its_queue().await;
    }
    let all = told(&ada).await;
    assert_eq!(all.len(), 3);
    let titles: Vec<_> = all.iter().map(|one| one["title"].as_str().expect("a title")).collect();
    assert!(titles[0].starts_with("Annualized volatility"), "{titles:?}");
    assert!(titles[1].starts_with("Weight of a position, "), "{titles:?}");
    let read = async |variables: Value| {
        ada.reads(ALERTS, variables).await["viewer"]["alerts"].as_array().expect("alerts").clone()
    };
    assert_eq!(read(json!({ "first": 2 })).await, all[..2]);
    assert_eq!(read(json!({ "first": 2, "after": all[1]["id"] })).await, all[2..]);
    assert_eq!(read(json!({ "priority": "CRITICAL" })).await, all[1..2]);
    assert_eq!(read(json!({ "priority": "HIGH" })).await, Vec::<Value>::new());
    let wrong = ada.asks(ALERTS, json!({ "after": core })).await;
    assert_eq!(crate::support::codes(&wrong), ["VALIDATION"]);
}
