//! Entering, correcting, closing and deleting positions, and what that does to cash and history.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use sigmasight::domain::price::PriceSource;
use sigmasight::market::provider::Split;
use sigmasight::services::actions;
use sigmasight::store;

use crate::support::{App, Person};

/// Friday the 9th of January 2026, an hour after the close.
const FRIDAY: &str = "2026-01-09T22:00:00Z";
const CLOSES: &str = "symbol,date,close\n\
    AAPL,2026-01-06,100\nAAPL,2026-01-07,110\nAAPL,2026-01-08,121\nAAPL,2026-01-09,121\n\
    TSLA,2026-01-06,200\nTSLA,2026-01-07,200\nTSLA,2026-01-08,210\nTSLA,2026-01-09,220\n";
const BOOK: &str = "ticker,quantity,entry_price,entry_date,tags\n\
    AAPL,10,100,2026-01-06,\"core,tech\"\n\
    TSLA,-5,200,2026-01-07,hedge\n";

const POSITION: &str = "
    fragment Told on Position {
        id symbol type quantity entryPrice entryDate exitPrice exitDate isOpen notes updatedAt
        tags { name }
        valuation { realizedPnl }
    }";

const HISTORY: &str = "query($id: ID!, $day: Date) {
    portfolio(id: $id) {
        cashBalance updatedAt
        snapshots(first: 100) {
            nodes { date totalValue cashBalance netExposure dailyPnl netFlow positionCount }
        }
        valuation(asOf: $day) { totalValue cashBalance realizedPnl }
        positions(first: 50, filter: { includeClosed: true }) { nodes { ...Told } }
    }
}";

const DELETE: &str = "mutation($input: DeletePositionInput!) {
    deletePosition(input: $input) { deletedId userErrors { code message field hint } }
}";

impl Person {
    /// The payload of `addPosition`, `updatePosition` or `closePosition`.
    async fn changes(&self, verb: &str, input: Value) -> Value {
        let (first, rest) = verb.split_at(1);
        let kind = format!("{}{rest}PositionInput", first.to_uppercase());
        let query = format!(
            "mutation($input: {kind}!) {{
                {verb}Position(input: $input) {{
                    position {{ ...Told }} closedPosition {{ ...Told }} cashEffect
                    job {{ kind portfolio {{ id }} }}
                    userErrors {{ code message field hint }}
                }}
            }} {POSITION}"
        );
        let mut data = self.reads(&query, json!({ "input": input })).await;
        data[format!("{verb}Position")].take()
    }

    async fn deletes(&self, input: Value) -> Value {
        self.reads(DELETE, json!({ "input": input })).await["deletePosition"].take()
    }

    /// The kinds and portfolios of the jobs of theirs that wait.
    async fn waiting_jobs(&self) -> Value {
        let query = "{ viewer { jobs(status: QUEUED) { nodes { kind portfolio { id } } } } }";
        self.reads(query, json!({})).await["viewer"]["jobs"]["nodes"].take()
    }

    async fn history(&self, book: &str, day: Option<&str>) -> Value {
        let query = format!("{HISTORY} {POSITION}");
        self.reads(&query, json!({ "id": book, "day": day })).await["portfolio"].take()
    }

    /// The open position of a symbol.
    async fn held(&self, book: &str, symbol: &str) -> Value {
        let told = self.history(book, None).await;
        let all = told["positions"]["nodes"].as_array().expect("positions").clone();
        let is_it = |one: &Value| one["symbol"] == symbol && one["isOpen"] == true;
        all.into_iter().find(is_it).expect("it is held")
    }
}

/// One column of a book's snapshots.
fn column(told: &Value, name: &str) -> Vec<Value> {
    let rows = told["snapshots"]["nodes"].as_array().expect("snapshots");
    rows.iter().map(|row| row[name].clone()).collect()
}

/// From each close to the next a book changes by what it earned and what came in, to the cent.
fn adds_up(told: &Value) {
    let of = |name| {
        let money = |value: &Value| value.as_str().expect("money").parse::<Decimal>();
        column(told, name).iter().map(|value| money(value).expect("a number")).collect::<Vec<_>>()
    };
    let (values, pnl, flow) = (of("totalValue"), of("dailyPnl"), of("netFlow"));
    for day in 1..values.len() {
        assert_eq!(values[day] - values[day - 1], pnl[day] + flow[day], "{told}");
    }
    let (cash, net) = (of("cashBalance"), of("netExposure"));
    let sums: Vec<_> = cash.iter().zip(net).map(|(cash, net)| cash + net).collect();
    assert_eq!(values, sums);
}

/// A program that knows closes, and somebody whose book has 5,000 in cash beside two positions.
async fn a_book() -> (App, Person, String) {
    let app = App::start().at(FRIDAY).await;
    app.knows_prices(CLOSES).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio_with_cash("Core", "5000").await;
    ada.uploads(&book, BOOK).await;
    app.works_through_its_queue().await;
    (app, ada, book)
}

#[tokio::test]
async fn what_is_closed_becomes_cash_and_every_day_still_adds_up() {
    let (app, ada, book) = a_book().await;
    let before = ada.history(&book, None).await;
    adds_up(&before);
    assert_eq!(column(&before, "totalValue"), ["6000", "5100", "5160", "5110"]);

    // Four of ten at Thursday's close: the value of no day changes.
    let apple = ada.held(&book, "AAPL").await;
    let input = json!({ "id": apple["id"], "exitPrice": "121", "exitDate": "2026-01-08",
                        "quantity": "4" });
    let said = ada.changes("close", input).await;
    assert_eq!(said["userErrors"], json!([]));
    assert_eq!(said["cashEffect"], "484");
    assert_eq!(said["job"]["kind"], "BACKFILL");
    let (rest, part) = (&said["position"], &said["closedPosition"]);
    assert_eq!((&rest["id"], &rest["quantity"]), (&apple["id"], &json!("6")));
    assert_eq!((&rest["isOpen"], &part["isOpen"]), (&json!(true), &json!(false)));
    assert_ne!(part["id"], apple["id"]);
    assert_eq!((&part["quantity"], &part["exitPrice"]), (&json!("4"), &json!("121")));
    assert_eq!(part["valuation"]["realizedPnl"], "84");
    for fact in ["symbol", "type", "entryPrice", "entryDate", "tags", "notes"] {
        assert_eq!(part[fact], apple[fact], "{fact}");
        assert_eq!(rest[fact], apple[fact], "{fact}");
    }
    app.works_through_its_queue().await;
    let told = ada.history(&book, Some("2026-01-07")).await;
    adds_up(&told);
    assert_eq!(column(&told, "totalValue"), column(&before, "totalValue"));
    assert_eq!(column(&told, "netFlow"), column(&before, "netFlow"));
    assert_eq!(column(&told, "cashBalance"), ["5000", "5000", "5484", "5484"]);
    // A day before the exit has the cash, and the positions, that it had.
    assert_eq!(told["valuation"]["cashBalance"], "5000");
    assert_eq!(told["valuation"]["totalValue"], "5100");

    // The short is covered on Friday at 215, before it closes at 220.
    let tesla = ada.held(&book, "TSLA").await;
    let input = json!({ "id": tesla["id"], "exitPrice": 215, "exitDate": "2026-01-09" });
    let said = ada.changes("close", input).await;
    assert_eq!(said["cashEffect"], "-1075");
    assert_eq!(said["position"]["id"], tesla["id"]);
    assert_eq!(said["closedPosition"]["id"], tesla["id"]);
    assert_eq!(said["position"]["valuation"]["realizedPnl"], "-75");
    app.works_through_its_queue().await;
    let told = ada.history(&book, None).await;
    adds_up(&told);
    assert_eq!(told["cashBalance"], "4409");
    assert_eq!(column(&told, "totalValue"), ["6000", "5100", "5160", "5135"]);
    assert_eq!(column(&told, "dailyPnl")[3], "-25");
    assert_eq!(column(&told, "netFlow")[3], "0");
    assert_eq!(told["valuation"]["realizedPnl"], "9");
    assert_eq!(told["valuation"]["totalValue"], "5135");

    // It is deleted as if it had never been there: what covered it is cash again.
    let said = ada.deletes(json!({ "id": tesla["id"] })).await;
    assert_eq!(said["deletedId"], tesla["id"]);
    assert_eq!(
        ada.waiting_jobs().await,
        json!([{ "kind": "BACKFILL", "portfolio": { "id": book } }])
    );
    app.works_through_its_queue().await;
    let told = ada.history(&book, None).await;
    adds_up(&told);
    assert_eq!(told["cashBalance"], "5484");
    assert_eq!(column(&told, "totalValue"), ["6000", "6100", "6210", "6210"]);

    let log = "{ viewer { activity(first: 3) { nodes { action detail } } } }";
    let log = ada.reads(log, json!({})).await;
    let log = &log["viewer"]["activity"]["nodes"];
    assert_eq!(log[0]["action"], "position.delete");
    assert_eq!(log[0]["detail"]["cashEffect"], "1075");
    assert_eq!(log[1]["action"], "position.close");
    assert_eq!(log[1]["detail"]["realizedPnl"], "-75");
    assert_eq!(log[2]["detail"]["cashEffect"], "484");
}

#[tokio::test]
async fn a_position_is_entered_by_the_rules_of_an_upload_and_corrected_with_its_history() {
    let (app, ada, book) = a_book().await;
    let input = json!({ "portfolioId": book, "symbol": "aapl260220c00150000", "quantity": "-2",
                        "entryPrice": "3.5", "entryDate": "2026-01-08",
                        "tags": [" Income ", "income", "CORE"], "notes": "sold" });
    let said = ada.changes("add", input.clone()).await;
    let added = &said["position"];
    assert_eq!(added["symbol"], "AAPL260220C00150000");
    assert_eq!((&added["type"], &added["quantity"]), (&json!("SC"), &json!("2")));
    assert_eq!(added["tags"], json!([{ "name": "Income" }, { "name": "core" }]));
    assert_eq!((&added["notes"], &said["cashEffect"]), (&json!("sold"), &json!("0")));
    assert_eq!(said["closedPosition"], Value::Null);

    let again = ada.changes("add", input).await;
    assert_eq!(again["userErrors"][0]["code"], "CONFLICT");
    assert_eq!(again["userErrors"][0]["field"], json!(["symbol"]));

    // Eleven shares were bought, a day later, and dearer.
    let apple = ada.held(&book, "AAPL").await;
    let input = json!({ "id": apple["id"], "quantity": "11", "entryPrice": "111.5",
                        "entryDate": "2026-01-07", "notes": "mine", "tags": ["Core"] });
    let said = ada.changes("update", input).await;
    assert_eq!(said["userErrors"], json!([]));
    let now = &said["position"];
    assert_eq!((&now["quantity"], &now["entryPrice"]), (&json!("11"), &json!("111.5")));
    assert_eq!((&now["entryDate"], &now["notes"]), (&json!("2026-01-07"), &json!("mine")));
    assert_eq!(now["tags"], json!([{ "name": "core" }]));
    app.works_through_its_queue().await;
    let told = ada.history(&book, None).await;
    // The 6th, when nothing was held yet, has no snapshot any more; cash never moved.
    assert_eq!(column(&told, "date"), ["2026-01-07", "2026-01-08", "2026-01-09"]);
    assert_eq!(column(&told, "cashBalance"), ["5000", "5000", "5000"]);
    assert_eq!(told["cashBalance"], "5000");
    let notes = ada.changes("update", json!({ "id": apple["id"], "notes": "" })).await;
    assert_eq!(notes["position"]["notes"], Value::Null);
    assert_eq!(notes["position"]["quantity"], "11");
    assert_eq!(notes["job"], Value::Null, "no figure is another");

    let kept = sqlx::query_scalar::<_, Decimal>(
        "select quantity from positions_history order by known_to limit 1",
    );
    let kept = kept.fetch_one(&mut app.superuser().await).await.expect("an earlier version");
    assert_eq!(kept, 10.into());
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_where_it_stands() {
    let (_app, ada, book) = a_book().await;
    let apple = ada.held(&book, "AAPL").await["id"].clone();
    let closes = [
        (json!({ "exitDate": "2026-01-05" }), "exitDate"), // before the entry
        (json!({ "exitDate": "2026-01-10" }), "exitDate"), // tomorrow
        (json!({ "exitPrice": "-1" }), "exitPrice"),
        (json!({ "quantity": "10.5" }), "quantity"),
        (json!({ "quantity": "0" }), "quantity"),
        (json!({ "quantity": "-4" }), "quantity"),
        (json!({ "quantity": "0.00000000001" }), "quantity"),
    ];
    for (wrong, field) in closes {
        let mut input = json!({ "id": apple, "exitPrice": "120", "exitDate": "2026-01-08" });
        input.as_object_mut().expect("fields").extend(wrong.as_object().expect("fields").clone());
        let said = ada.changes("close", input).await;
        let error = &said["userErrors"][0];
        assert_eq!((&error["code"], &error["field"]), (&json!("VALIDATION"), &json!([field])));
        assert_eq!(said["position"], Value::Null);
    }
    let adds = [
        (json!({ "symbol": "=A1" }), "symbol"),
        (json!({ "symbol": "AAPL260230C00150000" }), "symbol"),
        (json!({ "quantity": "0" }), "quantity"),
        (json!({ "entryPrice": "0" }), "entryPrice"),
        (json!({ "entryDate": "2020-12-31" }), "entryDate"),
        (json!({ "entryDate": "2026-01-10" }), "entryDate"),
        (json!({ "tags": ["+1"] }), "tags"),
        (json!({ "tags": (0..21).map(|n| format!("t{n}")).collect::<Vec<_>>() }), "tags"),
        (json!({ "notes": "x".repeat(2001) }), "notes"),
    ];
    for (wrong, field) in adds {
        let mut input = json!({ "portfolioId": book, "symbol": "KO", "quantity": 1,
                                "entryPrice": 60, "entryDate": "2026-01-08" });
        input.as_object_mut().expect("fields").extend(wrong.as_object().expect("fields").clone());
        let said = ada.changes("add", input).await;
        let error = &said["userErrors"][0];
        assert_eq!((&error["code"], &error["field"]), (&json!("VALIDATION"), &json!([field])));
    }
    // What is closed is not closed again, and its quantity stays.
    let input = json!({ "id": apple, "exitPrice": "1", "exitDate": "2026-01-08" });
    let said = ada.changes("close", input).await;
    assert_eq!(said["userErrors"], json!([]));
    let again = json!({ "id": apple, "exitPrice": "1", "exitDate": "2026-01-08" });
    assert_eq!(ada.changes("close", again).await["userErrors"][0]["code"], "CONFLICT");
    let said = ada.changes("update", json!({ "id": apple, "quantity": "3" })).await;
    assert_eq!(said["userErrors"][0]["field"], json!(["quantity"]), "it is closed");
    let said = ada.changes("update", json!({ "id": apple, "entryDate": "2026-01-09" })).await;
    assert_eq!(said["userErrors"][0]["field"], json!(["entryDate"]), "after its exit");
}

#[tokio::test]
async fn a_position_is_closed_on_sessions_alone() {
    let app = App::start().at("2026-01-12T22:00:00Z").await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    ada.uploads(&book, BOOK).await;
    let apple = ada.held(&book, "AAPL").await["id"].clone();
    let input = json!({ "id": apple, "exitPrice": "120", "exitDate": "2026-01-11" });
    let error = ada.changes("close", input).await["userErrors"][0].clone();
    assert_eq!(error["field"], json!(["exitDate"]));
    assert_eq!(error["hint"], "The session before was 2026-01-09.");
}

#[tokio::test]
async fn who_has_not_seen_the_last_change_stores_nothing() {
    let (_app, ada, book) = a_book().await;
    let apple = ada.held(&book, "AAPL").await;
    let (id, seen) = (apple["id"].clone(), apple["updatedAt"].clone());
    let input = json!({ "id": id, "notes": "first", "expectedUpdatedAt": seen });
    let first = ada.changes("update", input).await;
    assert_eq!(first["userErrors"], json!([]));

    // The clock stands still, and the change is seen all the same.
    let late = [
        ("update", json!({ "id": id, "notes": "second", "expectedUpdatedAt": seen })),
        (
            "close",
            json!({ "id": id, "exitPrice": 1, "exitDate": "2026-01-08",
                          "expectedUpdatedAt": seen }),
        ),
    ];
    for (verb, input) in late {
        let said = ada.changes(verb, input).await;
        let error = &said["userErrors"][0];
        assert_eq!(error["code"], "CONFLICT", "{verb}");
        assert_eq!(error["field"], json!(["expectedUpdatedAt"]));
    }
    let said = ada.deletes(json!({ "id": id, "expectedUpdatedAt": seen })).await;
    assert_eq!(said["userErrors"][0]["code"], "CONFLICT");
    let now = ada.held(&book, "AAPL").await;
    assert_eq!(now["notes"], "first");
    let said = ada.changes(
        "update",
        json!({ "id": id, "notes": "second",
                                      "expectedUpdatedAt": now["updatedAt"] }),
    );
    assert_eq!(said.await["position"]["notes"], "second");
}

#[tokio::test]
async fn a_part_that_is_asked_for_twice_is_closed_once() {
    let (_app, ada, book) = a_book().await;
    let apple = ada.held(&book, "AAPL").await["id"].clone();
    let mut input = json!({ "id": apple, "exitPrice": "121", "exitDate": "2026-01-08",
                            "quantity": "5" });
    assert_eq!(ada.changes("close", input.clone()).await["cashEffect"], "605");
    let again = ada.changes("close", input.clone()).await;
    assert_eq!(again["userErrors"][0]["code"], "CONFLICT", "{again}");
    assert_eq!(again["userErrors"][0]["field"], json!(["quantity"]));
    let told = ada.history(&book, None).await;
    assert_eq!(told["cashBalance"], "5605");
    assert_eq!(ada.held(&book, "AAPL").await["quantity"], "5");

    // Whoever has seen what is left may close as much again, once, though it is all there is.
    input["expectedUpdatedAt"] = ada.held(&book, "AAPL").await["updatedAt"].clone();
    assert_eq!(ada.changes("close", input.clone()).await["cashEffect"], "605");
    let again = ada.changes("close", input).await;
    assert_eq!(again["userErrors"][0]["code"], "CONFLICT", "{again}");
    assert_eq!(ada.history(&book, None).await["cashBalance"], "6210");
}

#[tokio::test]
async fn what_has_split_is_closed_and_corrected_in_the_shares_it_has_become() {
    let (app, ada, book) = a_book().await;
    let mut tx = app.services.db.begin_shared().await.expect("a transaction");
    let known = store::instruments::by_symbol(tx.statement(), &["AAPL".to_owned()]).await;
    let instrument = known.expect("instruments").pop().expect("a known symbol").id;
    let split = Split { date: "2026-01-08".parse().expect("a day"), to: 3.into(), from: 1.into() };
    actions::record(&mut tx, instrument, PriceSource::Polygon, &[split], &[])
        .await
        .expect("a split is recorded");
    tx.commit().await.expect("a commit");

    let apple = ada.held(&book, "AAPL").await;
    assert_eq!(apple["quantity"], "30");
    let input = json!({ "id": apple["id"], "exitPrice": 42, "exitDate": "2026-01-09",
                        "quantity": 10 });
    let said = ada.changes("close", input).await;
    assert_eq!(said["cashEffect"], "420");
    assert_eq!(said["closedPosition"]["quantity"], "10");
    assert_eq!(said["position"]["quantity"], "20");
    let input = json!({ "id": apple["id"], "quantity": "21", "entryPrice": "34" });
    let said = ada.changes("update", input).await;
    assert_eq!(said["position"]["quantity"], "21");
    assert_eq!(said["position"]["entryPrice"], "34");
    // Entered after the split, what is shown stays what it is.
    let input = json!({ "id": apple["id"], "entryDate": "2026-01-09" });
    let said = ada.changes("update", input).await;
    assert_eq!(said["position"]["quantity"], "21");
    assert_eq!(said["position"]["entryPrice"], "34");
}

#[tokio::test]
async fn positions_of_others_are_not_there() {
    let (app, ada, book) = a_book().await;
    let bob = app.sign_in("bob").await;
    let before = ada.history(&book, None).await;
    let id = ada.held(&book, "AAPL").await["id"].clone();
    let add = json!({ "portfolioId": book, "symbol": "KO", "quantity": 1, "entryPrice": 60,
                      "entryDate": "2026-01-08" });
    let close = json!({ "id": id, "exitPrice": 1, "exitDate": "2026-01-08" });
    for (verb, input) in [("add", add), ("update", json!({ "id": id })), ("close", close)] {
        let said = bob.changes(verb, input).await;
        assert_eq!(said["userErrors"][0]["code"], "NOT_FOUND", "{verb}");
    }
    let said = bob.deletes(json!({ "id": id })).await;
    assert_eq!(said["userErrors"][0]["code"], "NOT_FOUND");
    assert_eq!(ada.history(&book, None).await, before);
    let nobody = json!({ "input": { "id": "nonsense" } });
    assert_eq!(ada.deletes(nobody["input"].clone()).await["userErrors"][0]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn a_deposit_is_a_flow_and_a_deleted_portfolio_is_gone() {
    let update = "mutation($input: UpdatePortfolioInput!) {
        updatePortfolio(input: $input) {
            portfolio { name description cashBalance updatedAt }
            userErrors { code field }
        }
    }";
    let delete = "mutation($input: DeletePortfolioInput!) {
        deletePortfolio(input: $input) { deletedId userErrors { code field } }
    }";
    let (app, ada, book) = a_book().await;
    let bob = app.sign_in("bob").await;
    ada.creates_portfolio("Other").await;
    let input = json!({ "id": book, "name": " Main ", "description": "all of it",
                        "cashBalance": "5500" });
    let said = ada.reads(update, json!({ "input": input })).await["updatePortfolio"].take();
    assert_eq!(said["portfolio"]["name"], "Main");
    assert_eq!(said["portfolio"]["cashBalance"], "5500");
    assert_eq!(
        ada.waiting_jobs().await,
        json!([{ "kind": "BACKFILL", "portfolio": { "id": book } }])
    );
    app.works_through_its_queue().await;
    let told = ada.history(&book, None).await;
    adds_up(&told);
    assert_eq!(column(&told, "cashBalance"), ["5000", "5000", "5000", "5500"]);
    assert_eq!(column(&told, "netFlow")[3], "500");
    assert_eq!(column(&told, "dailyPnl")[3], "-50", "a deposit is no profit");

    let refused = [
        (json!({ "id": book, "name": "other" }), "CONFLICT", "name"),
        (json!({ "id": book, "name": " " }), "VALIDATION", "name"),
        (json!({ "id": book, "cashBalance": "1000000000001" }), "VALIDATION", "cashBalance"),
        (
            json!({ "id": book, "expectedUpdatedAt": "2026-01-01T00:00:00Z" }),
            "CONFLICT",
            "expectedUpdatedAt",
        ),
    ];
    for (input, code, field) in refused {
        let said = ada.reads(update, json!({ "input": input })).await;
        let errors = &said["updatePortfolio"]["userErrors"];
        assert_eq!(errors, &json!([{ "code": code, "field": [field] }]));
    }
    for (mutation, name) in [(update, "updatePortfolio"), (delete, "deletePortfolio")] {
        let said = bob.reads(mutation, json!({ "input": { "id": book } })).await;
        assert_eq!(said[name]["userErrors"][0]["code"], "NOT_FOUND");
    }
    let said = ada.reads(delete, json!({ "input": { "id": book } })).await;
    assert_eq!(said["deletePortfolio"]["deletedId"], json!(book));
    assert_eq!(ada.history(&book, None).await, Value::Null);
    let again = ada.reads(delete, json!({ "input": { "id": book } })).await;
    assert_eq!(again["deletePortfolio"]["userErrors"][0]["code"], "NOT_FOUND");
}
