//! The catalog of stress scenarios: everybody's, and people's own.

use serde_json::{Value, json};

use crate::support::{App, Person, codes, user_codes};

const LIST: &str = "query($category: ScenarioCategory, $includeInactive: Boolean) {
    stressScenarios(category: $category, includeInactive: $includeInactive) {
        id key name category severity isBuiltIn isActive historicalPeriod
        shocks { variable shock }
    }
}";

const CREATE: &str = "mutation($input: CreateStressScenarioInput!) {
    createStressScenario(input: $input) {
        scenario { id key name description severity isBuiltIn shocks { variable shock } }
        userErrors { code message field hint }
    }
}";

const UPDATE: &str = "mutation($input: UpdateStressScenarioInput!) {
    updateStressScenario(input: $input) {
        scenario { id name description isActive severity shocks { variable shock } }
        userErrors { code message field hint }
    }
}";

const DELETE: &str = "mutation($input: DeleteStressScenarioInput!) {
    deleteStressScenario(input: $input) { deletedId userErrors { code message field hint } }
}";

/// The one payload of a mutation.
async fn sends(person: &Person, mutation: &str, input: Value) -> Value {
    let data = person.reads(mutation, json!({ "input": input })).await;
    data.as_object().and_then(|fields| fields.values().next()).cloned().expect("a payload")
}

async fn lists(person: &Person, variables: Value) -> Vec<Value> {
    let mut data = person.reads(LIST, variables).await;
    serde_json::from_value(data["stressScenarios"].take()).expect("a list")
}

fn a_fall(name: &str) -> Value {
    json!({ "name": name, "shocks": [{ "variable": "market", "shock": -0.2 }] })
}

#[tokio::test]
async fn everybody_has_the_built_in_scenarios_in_their_order() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let all = lists(&ada, json!({})).await;

    assert_eq!(all.len(), 27);
    assert_eq!(all[0]["key"], "market_up_10");
    assert_eq!(all[26]["key"], "dotcom_crash_2000");
    assert!(all.iter().all(|one| one["isBuiltIn"] == true && one["isActive"] == true));
    let covid = all.iter().find(|one| one["key"] == "covid_crash_2020").expect("it is there");
    assert_eq!(covid["historicalPeriod"], "2020-02 to 2020-03");
    let travel = json!({ "variable": "SECTOR:Travel", "shock": -0.7 });
    assert!(covid["shocks"].as_array().expect("shocks").contains(&travel));

    let rates = lists(&ada, json!({ "category": "RATES" })).await;
    assert_eq!(rates.len(), 5);
    let node = "query($id: ID!) { node(id: $id) { ... on StressScenario { key } } }";
    let read = ada.reads(node, json!({ "id": rates[0]["id"] })).await;
    assert_eq!(read["node"]["key"], "rates_up_25bp");

    let nobody = app.asks(LIST, json!({})).await;
    assert_eq!(codes(&nobody), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_start_brings_changed_built_in_scenarios_back_and_keeps_their_ids() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let before = lists(&ada, json!({})).await;

    sqlx::raw_sql(
        "update built_in_scenarios set shocks = '[]', ordinal = 99 where key = 'market_up_10';
         insert into built_in_scenarios (key, ordinal, name, description, category, severity, shocks)
         values ('of_an_earlier_release', 0, 'Old', '', 'MARKET', 'MILD', '[]')",
    )
    .execute(&mut app.superuser().await)
    .await
    .expect("a change");
    let ada = ada.before(&app.restart().await);
    assert_eq!(lists(&ada, json!({})).await, before);
    let all = lists(&ada, json!({ "includeInactive": true })).await;
    assert!(all.iter().any(|one| one["key"] == "of_an_earlier_release"));
}

#[tokio::test]
async fn a_scenario_of_ones_own_is_made_changed_and_forgotten() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;

    let made = sends(&ada, CREATE, a_fall(" My Fall ")).await;
    assert_eq!(made["userErrors"], json!([]));
    let scenario = &made["scenario"];
    assert_eq!(scenario["key"], "custom:my fall");
    assert_eq!(scenario["severity"], "SEVERE");
    assert_eq!(scenario["shocks"], json!([{ "variable": "Market", "shock": -0.2 }]));
    let id = &scenario["id"];

    let shocks = json!([{ "variable": "sector:Energy", "shock": 0.05 }]);
    let edited = json!({ "id": id, "shocks": shocks, "isActive": false });
    let changed = sends(&ada, UPDATE, edited).await;
    assert_eq!(changed["scenario"]["name"], "My Fall", "what is left out stays");
    assert_eq!(changed["scenario"]["severity"], "POSITIVE");
    assert_eq!(changed["scenario"]["shocks"][0]["variable"], "SECTOR:Energy");
    assert_eq!(lists(&ada, json!({ "category": "CUSTOM" })).await.len(), 0);
    let inactive = json!({ "category": "CUSTOM", "includeInactive": true });
    assert_eq!(lists(&ada, inactive).await.len(), 1);

    let gone = sends(&ada, DELETE, json!({ "id": id })).await;
    assert_eq!(gone, json!({ "deletedId": id, "userErrors": [] }));
    let again = sends(&ada, DELETE, json!({ "id": id })).await;
    assert_eq!(user_codes(&again), ["NOT_FOUND"]);

    let log: Vec<String> = sqlx::query_scalar(
        "select action from audit_log where action like 'scenario.%' order by at, id",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .expect("the log");
    assert_eq!(log, ["scenario.create", "scenario.update", "scenario.delete"]);
}

#[tokio::test]
async fn a_sector_that_nothing_is_known_of_is_taken_and_doubted() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let portfolio = ada.creates_portfolio("Core").await;
    let csv = "ticker,quantity,entry_price,entry_date\nXOM,1,100,2024-01-02\n";
    ada.uploads(&portfolio, csv.to_owned()).await;
    sqlx::raw_sql("update instruments set sector = 'Energy', industry = 'Lodging'")
        .execute(&mut app.superuser().await)
        .await
        .expect("a change");

    let create = CREATE.replace("userErrors", "warnings userErrors");
    let shocks = ["sector:energy", "SECTOR:Travel", "SECTOR:Enegry", "OIL"];
    let shocks = shocks.map(|variable| json!({ "variable": variable, "shock": -0.5 }));
    let made = sends(&ada, &create, json!({ "name": "Fall", "shocks": shocks })).await;
    let said = "No instrument is known of SECTOR:Enegry: its shock moves nothing until one is.";
    assert_eq!((&made["warnings"], &made["userErrors"]), (&json!([said]), &json!([])));

    let update = UPDATE.replace("userErrors", "warnings userErrors");
    let mended = json!([{ "variable": "SECTOR:Energy", "shock": -0.5 }]);
    let input = json!({ "id": made["scenario"]["id"], "shocks": mended });
    assert_eq!(sends(&ada, &update, input).await["warnings"], json!([]));
}

#[tokio::test]
async fn what_breaks_a_rule_is_told_with_its_place() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let shock = |variable: &str, shock: f64| json!({ "variable": variable, "shock": shock });
    let many: Vec<_> = (0..21).map(|n| shock(&format!("SECTOR:{n}"), 0.1)).collect();

    for (input, field) in [
        (json!({ "name": " ", "shocks": [shock("Market", 0.1)] }), json!(["name"])),
        (json!({ "name": "x".repeat(101), "shocks": [shock("Market", 0.1)] }), json!(["name"])),
        (json!({ "name": "A", "shocks": [] }), json!(["shocks"])),
        (json!({ "name": "A", "shocks": many }), json!(["shocks"])),
        (
            json!({ "name": "A", "shocks": [shock("Market", -1.01)] }),
            json!(["shocks", "0", "shock"]),
        ),
        (
            json!({ "name": "A", "shocks": [shock("OIL", 0.1), shock("INTEREST_RATE", 25.0)] }),
            json!(["shocks", "1", "shock"]),
        ),
        (
            json!({ "name": "A", "shocks": [shock("LUCK", 0.1)] }),
            json!(["shocks", "0", "variable"]),
        ),
    ] {
        let refused = sends(&ada, CREATE, input.clone()).await;
        assert_eq!(refused["userErrors"][0]["code"], "VALIDATION", "{input}");
        assert_eq!(refused["userErrors"][0]["field"], field, "{input}");
        assert_eq!(refused["scenario"], Value::Null);
    }
    let luck = json!({ "name": "A", "shocks": [shock("LUCK", 0.1)] });
    let luck = sends(&ada, CREATE, luck).await;
    let hint = luck["userErrors"][0]["hint"].as_str().expect("a hint");
    assert!(hint.contains("Low Volatility") && hint.contains("INTEREST_RATE"), "{hint}");

    sends(&ada, CREATE, a_fall("Fall")).await;
    assert_eq!(user_codes(&sends(&ada, CREATE, a_fall("FALL")).await), ["CONFLICT"]);
    let other = sends(&ada, CREATE, a_fall("Other")).await;
    let renamed = json!({ "id": other["scenario"]["id"], "name": "fall" });
    assert_eq!(user_codes(&sends(&ada, UPDATE, renamed).await), ["CONFLICT"]);

    let built_in = &lists(&ada, json!({})).await[0]["id"];
    for mutation in [UPDATE, DELETE] {
        let refused = sends(&ada, mutation, json!({ "id": built_in })).await;
        assert_eq!(user_codes(&refused), ["VALIDATION"]);
    }
}

#[tokio::test]
async fn nobody_has_more_than_a_hundred() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    for number in 0..100 {
        let made = sends(&ada, CREATE, a_fall(&format!("Fall {number}"))).await;
        assert_eq!(made["userErrors"], json!([]));
    }
    let refused = sends(&ada, CREATE, a_fall("One more")).await;
    assert_eq!(user_codes(&refused), ["LIMIT_EXCEEDED"]);
}

#[tokio::test]
async fn a_scenario_of_somebody_else_is_as_if_it_were_not_there() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let hers = sends(&ada, CREATE, a_fall("Fall")).await["scenario"]["id"].clone();

    for mutation in [UPDATE, DELETE] {
        let refused = sends(&bob, mutation, json!({ "id": hers })).await;
        let nothing = sends(&bob, mutation, json!({ "id": "nothing" })).await;
        assert_eq!(refused, nothing);
        assert_eq!(user_codes(&refused), ["NOT_FOUND"]);
    }
    assert_eq!(lists(&bob, json!({ "category": "CUSTOM" })).await, Vec::<Value>::new());
    sends(&bob, CREATE, a_fall("Fall")).await;
    assert_eq!(lists(&ada, json!({ "category": "CUSTOM" })).await.len(), 1);
}
