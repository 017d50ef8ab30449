//! Sessions and their trades.

use serde_json::{Value, json};

use super::{app, core, list, trade};
use crate::support::user_codes;

#[tokio::test]
async fn a_session_is_made_worked_on_saved_reopened_and_cancelled() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    let id = ada.starts_session(&portfolio).await;

    let calls = json!({ "action": "SELL_SHORT", "exposure": 1000, "symbol": "aapl260220c00155000",
                        "tags": ["Overwrite", "overwrite"] });
    let session = ada.tries(&id, json!([trade("BUY", 10, "msft"), calls])).await;
    assert_eq!(session["baseDate"], "2026-01-05");
    let trades = list(&session["trades"]);
    let without_id = |trade: &Value| {
        let mut trade = trade.clone();
        trade.as_object_mut().expect("a trade").remove("id");
        trade
    };
    assert_eq!(
        trades.iter().map(without_id).collect::<Vec<_>>(),
        [
            json!({ "symbol": "MSFT", "action": "BUY", "quantity": "10", "price": "400",
                    "positionType": "LONG", "tags": [], "estimatedCost": "4000" }),
            // 1000 dollars are two and a half contracts at 400.
            json!({ "symbol": "AAPL260220C00155000", "action": "SELL_SHORT", "quantity": "3",
                    "price": "4", "positionType": "SC", "tags": ["Overwrite"],
                    "estimatedCost": "-1200" }),
        ]
    );

    let saved = json!({ "sessionId": id, "name": "Overwriting", "description": "Calls on Apple." });
    let saved = ada.models("saveModelingSession", saved).await["session"].take();
    assert_eq!((&saved["status"], &saved["name"]), (&json!("SAVED"), &json!("Overwriting")));
    assert_ne!(saved["savedAt"], Value::Null);
    assert_eq!(saved["trades"], session["trades"], "its trades are kept");

    let reopened = ada.tries(&id, json!([trade("SELL", 150, "AAPL")])).await;
    assert_eq!(reopened["status"], "ACTIVE");
    assert_eq!(list(&reopened["trades"]).len(), 3);
    let gone = json!({ "sessionId": id, "tradeIds": [reopened["trades"][0]["id"]] });
    let left = ada.models("removeModelTrades", gone.clone()).await["session"].take();
    assert_eq!(list(&left["trades"]).len(), 2);
    let again = ada.models("removeModelTrades", gone).await;
    assert_eq!(again["userErrors"][0]["code"], "NOT_FOUND");
    assert_eq!(again["userErrors"][0]["field"], json!(["tradeIds", "0"]));

    let cancel = json!({ "sessionId": id });
    let cancelled = ada.models("cancelModelingSession", cancel.clone()).await;
    assert_eq!(cancelled["session"]["status"], "CANCELLED");
    assert_eq!(ada.models("cancelModelingSession", cancel).await, cancelled, "it stays so");
    for (field, more) in [
        ("addModelTrades", json!({ "trades": [trade("BUY", 1, "AAPL")] })),
        ("removeModelTrades", json!({ "tradeIds": [left["trades"][0]["id"]] })),
        ("saveModelingSession", json!({})),
    ] {
        let mut input = more;
        input["sessionId"] = json!(id);
        assert_eq!(user_codes(&ada.models(field, input).await), ["CONFLICT"], "{field}");
    }

    let log: Vec<String> = sqlx::query_scalar(
        "select action from audit_log where action like 'modeling.%' order by at, id",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .expect("the log");
    let told = ["create", "add_trades", "save", "add_trades", "remove_trades", "cancel"];
    assert_eq!(log, told.map(|action| format!("modeling.{action}")));
}

#[tokio::test]
async fn trades_are_added_all_or_none_and_every_fault_is_told_where_it_stands() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    let id = ada.starts_session(&portfolio).await;
    let add = async |trades: Value| {
        ada.models("addModelTrades", json!({ "sessionId": id, "trades": trades })).await
    };

    let faulty = add(json!([
        trade("BUY", 1, "AAPL"),
        trade("BUY", 0, "AAPL"),
        trade("BUY", 1, "no such thing"),
        { "action": "BUY", "symbol": "AAPL" },
        { "action": "BUY", "symbol": "AAPL", "quantity": 1, "exposure": 100 },
        { "action": "BUY", "symbol": "AAPL", "exposure": 70 },
        { "action": "BUY", "symbol": "AAPL", "quantity": 1, "price": -3 },
        trade("BUY", 1, "AAPL251219C00155000"),
        { "action": "BUY", "symbol": "AAPL", "quantity": 1, "tags": ["core", " "] },
    ]))
    .await;
    assert_eq!(faulty["session"], Value::Null);
    let fields: Vec<_> =
        list(&faulty["userErrors"]).iter().map(|error| error["field"].clone()).collect();
    let at = |place: &str, field: &str| json!(["trades", place, field]);
    // What is too little in dollars is seen once the others are mended: it takes the price.
    assert_eq!(
        fields,
        [
            at("1", "quantity"),
            at("2", "symbol"),
            at("3", "quantity"),
            at("4", "exposure"),
            at("6", "price"),
            at("7", "symbol"),
            json!(["trades", "8", "tags", "1"]),
        ]
    );

    // A close of today or of three sessions before; else the price must be given.
    let little = json!({ "action": "BUY", "symbol": "AAPL", "exposure": 70 });
    let unpriced = add(json!([little, trade("BUY", 1, "OLD"), trade("BUY", 1, "NEWCO")])).await;
    let fields: Vec<_> =
        list(&unpriced["userErrors"]).iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, [at("0", "exposure"), at("1", "price"), at("2", "price")]);

    let most: Vec<_> = (0..501).map(|_| trade("BUY", 1, "AAPL")).collect();
    assert_eq!(user_codes(&add(json!(most)).await), ["LIMIT_EXCEEDED"]);
    assert_eq!(user_codes(&add(json!([])).await), ["VALIDATION"]);
    assert_eq!(
        list(&ada.asks_session(&id, "trades { id }").await["trades"]).len(),
        0,
        "none was added"
    );
}

#[tokio::test]
async fn what_closes_is_bounded_by_what_is_there_and_what_opens_crosses_zero() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    let id = ada.starts_session(&portfolio).await;
    let add = async |trades: Value| {
        ada.models("addModelTrades", json!({ "sessionId": id, "trades": trades })).await
    };

    let refused = add(json!([trade("SELL", 151, "AAPL"), trade("BUY_TO_COVER", 21, "MSFT")])).await;
    let errors = list(&refused["userErrors"]);
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0]["message"], "SELL 151 AAPL, but 150 are held long by then.");
    assert_eq!(errors[0]["field"], json!(["trades", "0", "quantity"]));
    assert!(errors[0]["hint"].as_str().is_some_and(|hint| hint.contains("SELL_SHORT")));
    assert_eq!(errors[1]["message"], "BUY_TO_COVER 21 MSFT, but 20 are held short by then.");

    ada.tries(&id, json!([trade("SELL_SHORT", 200, "AAPL"), trade("BUY", 25, "MSFT")])).await;
    let open = "trialBook { positions { nodes { symbol type quantity } } }";
    let seen = ada.asks_session(&id, open).await;
    assert_eq!(
        seen["trialBook"]["positions"]["nodes"],
        json!([
            { "symbol": "AAPL", "type": "SHORT", "quantity": "50" },
            { "symbol": "MSFT", "type": "LONG", "quantity": "5" },
        ])
    );

    // What a trade opened, a later one closes; it cannot go without that one.
    let session = ada.tries(&id, json!([trade("BUY_TO_COVER", 50, "AAPL")])).await;
    let gone = json!({ "sessionId": id, "tradeIds": [session["trades"][0]["id"]] });
    let refused = ada.models("removeModelTrades", gone).await;
    assert_eq!(user_codes(&refused), ["CONFLICT"]);
    let both = json!([session["trades"][0]["id"], session["trades"][2]["id"]]);
    let gone = json!({ "sessionId": id, "tradeIds": both });
    assert_eq!(user_codes(&ada.models("removeModelTrades", gone).await), [""; 0]);
}

#[tokio::test]
async fn a_base_date_is_a_session_that_has_been() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    let start = async |date: &str| {
        let input = json!({ "portfolioId": portfolio, "name": "Then", "baseDate": date });
        ada.models("createModelingSession", input).await
    };
    let sunday = start("2026-01-04").await;
    assert_eq!(sunday["session"]["baseDate"], "2026-01-02", "the session before");
    let id = sunday["session"]["id"].as_str().expect("an id");
    let session = ada.tries(id, json!([trade("BUY", 1, "AAPL")])).await;
    assert_eq!(session["trades"][0]["price"], "149", "the close of that date");
    let seen = ada.asks_session(id, "impact { totalValue { before } } trialBook { asOf }").await;
    // 150 shares at 149, less 20 at 395.
    assert_eq!(seen["impact"]["totalValue"]["before"], "24450");
    assert_eq!(seen["trialBook"]["asOf"], "2026-01-02");

    let tomorrow = start("2026-01-06").await;
    assert_eq!(tomorrow["userErrors"][0]["field"], json!(["baseDate"]));
    let nameless = json!({ "portfolioId": portfolio, "name": " " });
    let nameless = ada.models("createModelingSession", nameless).await;
    assert_eq!(nameless["userErrors"][0]["field"], json!(["name"]));
}

#[tokio::test]
async fn sessions_are_listed_the_newest_first_and_cancelled_ones_make_room() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    let other = ada.creates_portfolio("Other").await;
    let mut ids = Vec::new();
    for _ in 0..99 {
        ids.push(ada.starts_session(&portfolio).await);
    }
    ids.push(ada.starts_session(&other).await);
    let input = json!({ "portfolioId": portfolio, "name": "One more" });
    let refused = ada.models("createModelingSession", input.clone()).await;
    assert_eq!(user_codes(&refused), ["LIMIT_EXCEEDED"]);
    for id in &ids[..2] {
        ada.models("cancelModelingSession", json!({ "sessionId": id })).await;
    }
    let made = ada.models("createModelingSession", input).await;
    let newest = made["session"]["id"].as_str().expect("room for one more");
    assert_eq!(ada.asks_session(&ids[0], "id").await, Value::Null, "the oldest is forgotten");

    let page = "query($status: ModelingSessionStatus, $after: String) {
        viewer { modelingSessions(status: $status, first: 60, after: $after) {
            totalCount pageInfo { endCursor hasNextPage } nodes { id }
        } }
    }";
    let first = ada.reads(page, json!({ "status": "ACTIVE" })).await;
    let first = &first["viewer"]["modelingSessions"];
    assert_eq!((&first["totalCount"], &first["nodes"][0]["id"]), (&json!(99), &json!(newest)));
    let after = json!({ "status": "ACTIVE", "after": first["pageInfo"]["endCursor"] });
    let second = ada.reads(page, after).await;
    let second = &second["viewer"]["modelingSessions"];
    assert_eq!(list(&second["nodes"]).len(), 39);
    assert_eq!(second["nodes"][38]["id"], json!(ids[2]), "the oldest that is not cancelled");
    let cancelled = ada.reads(page, json!({ "status": "CANCELLED" })).await;
    assert_eq!(cancelled["viewer"]["modelingSessions"]["nodes"], json!([{ "id": ids[1] }]));
    let of_one = "query($id: ID!) { portfolio(id: $id) {
        modelingSessions { totalCount nodes { id portfolio { name } } } } }";
    let seen = ada.reads(of_one, json!({ "id": other })).await;
    let only = json!([{ "id": ids[99], "portfolio": { "name": "Other" } }]);
    assert_eq!(seen["portfolio"]["modelingSessions"], json!({ "totalCount": 1, "nodes": only }));
}

/// Whatever happens to the book, a session that is saved says what it said; worked on again, it is
/// of the book as it is.
#[tokio::test]
async fn a_saved_session_keeps_the_book_it_was_saved_with() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    let id = ada.starts_session(&portfolio).await;
    ada.tries(&id, json!([trade("SELL", 40, "AAPL")])).await;
    let other = ada.starts_session(&portfolio).await;
    ada.tries(&other, json!([trade("SELL", 40, "AAPL")])).await;
    let asked = "impact {
            totalValue { before after } cash { before after }
            exposures { before { grossExposure positionCount } after { grossExposure positionCount } }
            positionCount: exposures { after { positionCount } }
        }
        trialBook { positions { nodes { symbol quantity } } }";
    let tried = ada.asks_session(&id, asked).await;
    ada.models("saveModelingSession", json!({ "sessionId": id })).await;
    assert_eq!(ada.asks_session(&id, asked).await, tried);

    let positions = ada.reads(
        "query($id: ID!) { portfolio(id: $id) { positions { nodes { id symbol } } } }",
        json!({ "id": portfolio }),
    );
    let positions = positions.await["portfolio"]["positions"]["nodes"].take();
    let of = |symbol: &str| {
        let found = list(&positions).iter().find(|one| one["symbol"] == symbol);
        found.unwrap_or_else(|| panic!("{symbol} of {positions}"))["id"].clone()
    };
    let changes = "mutation($close: ClosePositionInput!, $add: AddPositionInput!,
                            $delete: DeletePositionInput!, $cash: UpdatePortfolioInput!) {
        closePosition(input: $close) { userErrors { message } }
        addPosition(input: $add) { userErrors { message } }
        deletePosition(input: $delete) { userErrors { message } }
        updatePortfolio(input: $cash) { userErrors { message } }
    }";
    let last = list(&positions).last().expect("a position")["symbol"].clone();
    let input = json!({
        "close": { "id": of("AAPL"), "exitPrice": "150", "exitDate": "2026-01-05", "quantity": "30" },
        "add": { "portfolioId": portfolio, "symbol": "KO", "quantity": "100", "entryPrice": "50",
                 "entryDate": "2025-12-01" },
        "delete": { "id": of(last.as_str().expect("a symbol")) },
        "cash": { "id": portfolio, "cashBalance": "77" },
    });
    let done = ada.reads(changes, input).await;
    for (field, payload) in done.as_object().expect("payloads") {
        assert_eq!(payload["userErrors"], json!([]), "{field}");
    }

    let now = ada.asks_session(&other, asked).await;
    assert_ne!(now, tried);
    assert_eq!(now["impact"]["cash"]["before"], "77");
    assert_eq!(ada.asks_session(&id, asked).await, tried, "saved");
    // Both at once: neither has the other's positions.
    let both = format!(
        "query($saved: ID!, $other: ID!) {{
            saved: node(id: $saved) {{ ... on ModelingSession {{ {asked} }} }}
            other: node(id: $other) {{ ... on ModelingSession {{ {asked} }} }}
        }}"
    );
    let both = ada.reads(&both, json!({ "saved": id, "other": other })).await;
    assert_eq!(both, json!({ "saved": tried, "other": now }));

    let one = ada.tries(&id, json!([trade("BUY", 1, "MSFT")])).await;
    let trade = list(&one["trades"]).last().expect("a trade")["id"].clone();
    ada.models("removeModelTrades", json!({ "sessionId": id, "tradeIds": [trade] })).await;
    assert_eq!(ada.asks_session(&id, asked).await, now, "worked on again");
}
