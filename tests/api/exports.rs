//! Files to take away: asked for at once, made by jobs, handed out by links that end.

mod reports;
mod schedules;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::app::{Reply, get, post};
use crate::support::{App, Person, codes, user_codes};

pub const EXPORT: &str = "
    mutation($input: ExportPortfolioInput!) {
        exportPortfolio(input: $input) {
            export { id kind format status fileName byteSize downloadUrl expiresAt error
                     job { id kind status } portfolio { id } }
            userErrors { code field message hint }
        }
    }";

const TRADES: &str = "
    mutation($input: ExportTradesInput!) {
        exportTrades(input: $input) {
            export { id kind format status fileName }
            userErrors { code field message hint }
        }
    }";

const FILE: &str = "
    query($id: ID!) {
        node(id: $id) {
            ... on Export {
                status fileName byteSize downloadUrl expiresAt error job { progress attempt }
            }
        }
    }";

pub const HISTORY: &str = "
    query($first: Int, $after: String) {
        viewer { exports(first: $first, after: $after) {
            totalCount pageInfo { hasNextPage endCursor }
            nodes { id kind format status fileName }
        } }
    }";

const BOOK: &str = "ticker,quantity,entry_price,entry_date,tags\n\
    AAPL,100,150.25,2025-12-01,\"core, big tech\"\n\
    TSLA,-40.5,210.0000000001,2025-11-03,\n\
    SPY260320P00450000,-3,4.2,2025-12-15,#strategy:income\n\
    MSFT,12,310,2025-12-31,<b>bold</b>\n";

/// The file as it is now.
pub async fn file(person: &Person, id: &Value) -> Value {
    person.reads(FILE, json!({ "id": id })).await["node"].take()
}

/// What a finished file's link hands out.
pub async fn downloads(person: &Person, id: &Value) -> Reply {
    let file = file(person, id).await;
    assert_eq!(file["status"], "SUCCEEDED", "{file}");
    let link = file["downloadUrl"].as_str().expect("a link");
    // A link needs no sign-in.
    let reply = person.app.send(get(link)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(json!(reply.body.len()), file["byteSize"]);
    reply
}

async fn exports(person: &Person, input: Value) -> Value {
    person.reads(EXPORT, json!({ "input": input })).await["exportPortfolio"].take()
}

/// The payload of asking for orders as a file.
async fn orders(person: &Person, input: Value) -> Value {
    person.reads(TRADES, json!({ "input": input })).await["exportTrades"].take()
}

/// Two shares for one from Monday the 5th of January 2026.
async fn splits_in_two(app: &App, symbol: &str) {
    sqlx::query(
        "insert into corporate_actions (instrument_id, id, kind, effective_date, split_to,
                                        split_from, source)
         select id, gen_random_uuid(), 'SPLIT', '2026-01-05', 2, 1, 'IMPORT'
           from instruments where symbol = $1",
    )
    .bind(symbol)
    .execute(&mut app.superuser().await)
    .await
    .expect("a split");
}

#[tokio::test]
async fn a_book_that_is_exported_and_uploaded_again_is_the_same_book() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core — Long/Short").await;
    assert_eq!(ada.uploads(&core, BOOK).await["createdCount"], 4);
    app.works_through_its_queue().await;

    let payload = exports(&ada, json!({ "portfolioId": core, "format": "CSV" })).await;
    let export = &payload["export"];
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!((&export["kind"], &export["status"]), (&json!("PORTFOLIO"), &json!("QUEUED")));
    assert_eq!(export["fileName"], "core-long-short-2026-01-05.csv");
    assert_eq!((&export["downloadUrl"], &export["byteSize"]), (&Value::Null, &Value::Null));
    assert_eq!(export["portfolio"]["id"], json!(core));

    app.works_through_its_queue().await;
    let reply = downloads(&ada, &export["id"]).await;
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        reply.header("content-disposition"),
        "attachment; filename=\"core-long-short-2026-01-05.csv\""
    );
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let head = "ticker,quantity,entry_price,entry_date,tags,position_type,";
    assert!(reply.text().starts_with(head), "{}", reply.text());
    assert!(reply.text().contains("TSLA,-40.5,210.0000000001,2025-11-03,,SHORT,"));

    let again = ada.creates_portfolio("Again").await;
    let uploaded = ada.uploads(&again, reply.text()).await;
    assert_eq!((&uploaded["createdCount"], &uploaded["rejectedCount"]), (&json!(4), &json!(0)));
    let mut books = Vec::new();
    for id in [&core, &again] {
        let positions = "query($id: ID!) { portfolio(id: $id) { positions(first: 10) { nodes {
            symbol type quantity entryPrice entryDate tags { name }
            valuation { exposure unrealizedPnl } } } } }";
        books.push(ada.reads(positions, json!({ "id": id })).await["portfolio"].take());
    }
    assert_eq!(books[0], books[1]);
}

#[tokio::test]
async fn a_book_that_split_is_exported_as_it_was_entered() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nNVDA,10,1200,2025-06-02\n").await;
    app.knows_prices("symbol,date,close\nNVDA,2026-01-05,130\n").await;
    sqlx::query(
        "insert into corporate_actions (instrument_id, id, kind, effective_date, split_to,
                                        split_from, source)
         select id, gen_random_uuid(), 'SPLIT', '2025-07-01', 10, 1, 'IMPORT'
           from instruments where symbol = 'NVDA'",
    )
    .execute(&mut app.superuser().await)
    .await
    .expect("a split");
    let payload = exports(&ada, json!({ "portfolioId": core, "format": "CSV" })).await;
    app.works_through_its_queue().await;
    let reply = downloads(&ada, &payload["export"]["id"]).await;
    let row = reply.text().lines().nth(1).expect("the position");
    assert!(row.starts_with("NVDA,10,1200,2025-06-02,,LONG,"), "{row}");
    assert!(row.contains(",130,2026-01-05,IMPORT,13000,"), "a hundred shares by now: {row}");
}

#[tokio::test]
async fn every_format_of_a_book_says_what_the_graph_says() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio_with_cash("Core", "1000").await;
    ada.uploads(&core, BOOK).await;
    app.knows_prices("symbol,date,close\nAAPL,2026-01-02,160\nAAPL,2026-01-05,161.5\n").await;
    let json_file = exports(&ada, json!({ "portfolioId": core, "format": "JSON" })).await;
    let workbook = exports(&ada, json!({ "portfolioId": core, "format": "XLSX" })).await;
    app.works_through_its_queue().await;

    let told = downloads(&ada, &json_file["export"]["id"]).await.json();
    assert_eq!((&told["totalValue"], &told["asOf"]), (&json!("17150"), &json!("2026-01-05")));
    let aapl = &told["positions"][0];
    assert_eq!((&aapl["ticker"], &aapl["exposure"]), (&json!("AAPL"), &json!("16150")));
    assert_eq!((&aapl["daily_pnl"], &aapl["unrealized_pnl"]), (&json!("150"), &json!("1125")));
    let mut all = told["positions"].as_array().expect("positions").iter();
    let unpriced = all.find(|one| one["ticker"] == "MSFT").expect("MSFT");
    assert_eq!(
        (&unpriced["exposure"], &unpriced["quality"]),
        (&Value::Null, &json!("INSUFFICIENT"))
    );

    let reply = downloads(&ada, &workbook["export"]["id"]).await;
    assert!(reply.body.starts_with(b"PK\x03\x04"), "a workbook is a zip");
}

#[tokio::test]
async fn a_filter_and_a_day_narrow_what_is_exported() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, BOOK).await;
    let shorts = json!({ "portfolioId": core, "format": "JSON", "filter": { "view": "SHORTS" } });
    let shorts = exports(&ada, shorts).await;
    let then = json!({ "portfolioId": core, "format": "JSON", "asOf": "2025-12-06" });
    let then = exports(&ada, then).await;
    app.works_through_its_queue().await;
    let symbols = |told: &Value| -> Vec<String> {
        let positions = told["positions"].as_array().expect("positions");
        positions.iter().map(|one| one["ticker"].as_str().expect("a symbol").to_owned()).collect()
    };
    let told = downloads(&ada, &shorts["export"]["id"]).await.json();
    assert_eq!(symbols(&told), ["SPY260320P00450000", "TSLA"]);
    let told = downloads(&ada, &then["export"]["id"]).await.json();
    assert_eq!(
        (symbols(&told), &told["asOf"]),
        (vec!["AAPL".into(), "TSLA".into()], &json!("2025-12-05"))
    );
}

#[tokio::test]
async fn a_link_ends_and_nobody_learns_why_it_leads_nowhere() {
    let app = App::start().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    let payload = exports(&ada, json!({ "portfolioId": core, "format": "CSV" })).await;
    let id = &payload["export"]["id"];
    app.works_through_its_queue().await;
    let link = file(&ada, id).await["downloadUrl"].as_str().expect("a link").to_owned();
    assert_eq!(file(&ada, id).await["expiresAt"], "2026-01-05T21:45:00+00:00");

    assert_eq!(bob.reads(FILE, json!({ "id": id })).await["node"], Value::Null);
    let none = bob.reads(HISTORY, json!({})).await;
    assert_eq!(none["viewer"]["exports"]["totalCount"], 0);

    let later = app.restart().at("2026-01-05T21:45:00Z").await;
    let wrong = [link.replace("/exports/", "/exports/x"), "/exports/nonsense".into()];
    let nowhere = later.send(get("/exports/")).await;
    for (app, link) in [(&later, &link), (&app, &wrong[0]), (&app, &wrong[1])] {
        let reply = app.send(get(link)).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        assert_eq!((reply.body.len(), nowhere.status), (0, StatusCode::NOT_FOUND));
    }
    // The file is still there, under another link.
    let anew = file(&Person::signs_in(&later, "ada").await, id).await;
    assert_eq!(
        later.send(get(anew["downloadUrl"].as_str().expect("one"))).await.status,
        StatusCode::OK
    );
    // An access token is no link.
    let token = format!("/exports/{}", ada.access_token);
    assert_eq!(app.send(get(&token)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn downloads_are_requests_of_whose_file_it_is_and_few_at_a_time() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let payload = exports(&ada, json!({ "portfolioId": core, "format": "CSV" })).await;
    let id = &payload["export"]["id"];
    app.works_through_its_queue().await;
    let link = file(&ada, id).await["downloadUrl"].as_str().expect("a link").to_owned();

    let takes = async || app.router.clone().oneshot(get(&link)).await.expect("an answer");
    let mut under_way = Vec::new();
    for _ in 0..10 {
        under_way.push(takes().await);
    }
    assert!(under_way.iter().all(|one| one.status() == StatusCode::OK));
    let refused = takes().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "5");
    under_way.pop();
    tokio::task::yield_now().await;
    assert_eq!(takes().await.status(), StatusCode::OK, "one has ended");

    let slow = app.restart().limited_to(2, 100).await;
    for (link, status) in [("/exports/x", StatusCode::NOT_FOUND), (&link, StatusCode::OK)] {
        for _ in 0..2 {
            assert_eq!(slow.send(get(link)).await.status, status);
        }
        let refused = slow.send(get(link)).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        let seconds: u64 = refused.header("retry-after").parse().expect("whole seconds");
        assert!((1..=31).contains(&seconds), "{seconds}");
    }
    let ada = ada.before(&slow);
    let asked = post(&json!({ "query": "{ viewer { user { id } } }" }));
    assert_eq!(ada.sends(asked).await.status, StatusCode::TOO_MANY_REQUESTS, "it is all hers");
}

#[tokio::test]
async fn what_cannot_be_exported_is_said() {
    let app = App::start().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    let refused = exports(&ada, json!({ "portfolioId": core, "format": "PDF" })).await;
    assert_eq!(user_codes(&refused), ["VALIDATION"]);
    assert_eq!(refused["userErrors"][0]["hint"], "Ask for one of CSV, JSON, XLSX.");
    let ahead = json!({ "portfolioId": core, "format": "CSV", "asOf": "2026-02-01" });
    assert_eq!(user_codes(&exports(&ada, ahead).await), ["VALIDATION"]);
    let foreign = exports(&bob, json!({ "portfolioId": core, "format": "CSV" })).await;
    let missing = exports(&bob, json!({ "portfolioId": "AAAA", "format": "CSV" })).await;
    assert_eq!(user_codes(&foreign), ["NOT_FOUND"]);
    assert_eq!(foreign, missing);
    let nobody =
        app.asks(EXPORT, json!({ "input": { "portfolioId": core, "format": "CSV" } })).await;
    assert_eq!(codes(&nobody), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn the_history_is_the_newest_first_and_forgets_after_a_month() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    for format in ["CSV", "JSON", "XLSX"] {
        exports(&ada, json!({ "portfolioId": core, "format": format })).await;
    }
    let page = ada.reads(HISTORY, json!({ "first": 2 })).await["viewer"]["exports"].take();
    let formats = |page: &Value| -> Vec<Value> {
        page["nodes"].as_array().expect("nodes").iter().map(|one| one["format"].clone()).collect()
    };
    assert_eq!(
        (&page["totalCount"], formats(&page)),
        (&json!(3), vec![json!("XLSX"), json!("JSON")])
    );
    let after = &page["pageInfo"]["endCursor"];
    let rest = ada.reads(HISTORY, json!({ "first": 2, "after": after })).await;
    assert_eq!(formats(&rest["viewer"]["exports"]), ["CSV"]);
    app.works_through_its_queue().await;

    app.sign_in_admin("olga").await;
    for (now, kept) in [("2026-02-04T21:30:00Z", 3), ("2026-02-04T21:31:00Z", 0)] {
        let later = app.restart().at(now).await;
        let run = "mutation { runBatch(input: { kind: RETENTION, force: true }) { userErrors { code } } }";
        let admin = Person::signs_in(&later, "olga").await;
        let run = admin.reads(run, json!({})).await;
        assert_eq!(run["runBatch"]["userErrors"], json!([]));
        later.works_through_its_queue().await;
        let ada = Person::signs_in(&later, "ada").await;
        let left = ada.reads(HISTORY, json!({})).await;
        assert_eq!(left["viewer"]["exports"]["totalCount"], kept, "{now}");
    }
}

#[tokio::test]
async fn every_order_that_is_wrong_is_told_of_where_it_stands() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let trades = json!([
        { "symbol": "not a symbol", "action": "BUY", "quantity": "1" },
        { "symbol": "AAPL", "action": "BUY", "quantity": "1" },
        { "symbol": "TSLA", "action": "SELL", "quantity": "-4" },
        { "symbol": "SPY", "action": "BUY" },
    ]);
    let payload = orders(&ada, json!({ "trades": trades, "format": "CSV" })).await;
    assert_eq!((user_codes(&payload), &payload["export"]), (vec!["VALIDATION"; 3], &Value::Null));
    let fields: Vec<_> = (0..3).map(|at| payload["userErrors"][at]["field"].clone()).collect();
    let at = |place: &str, field: &str| json!(["trades", place, field]);
    assert_eq!(fields, [at("0", "symbol"), at("2", "quantity"), at("3", "quantity")]);

    let unpriced = json!([
        { "symbol": "AAPL", "action": "BUY", "exposure": "1000" },
        { "symbol": "TSLA", "action": "BUY", "exposure": "1000" },
    ]);
    let payload = orders(&ada, json!({ "trades": unpriced, "format": "CSV" })).await;
    assert_eq!(user_codes(&payload), ["INSUFFICIENT_DATA"; 2]);
    assert_eq!(payload["userErrors"][1]["field"], at("1", "exposure"));
}

#[tokio::test]
async fn orders_are_written_for_a_broker_and_for_a_spreadsheet() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    app.knows_prices("symbol,date,close\nAAPL,2026-01-05,161.5\n").await;
    let trades = json!([
        { "symbol": "aapl", "action": "BUY", "exposure": "10000" },
        { "symbol": "TSLA", "action": "SELL_SHORT", "quantity": "40", "price": "210.50" },
        { "symbol": "TSLA", "action": "BUY_TO_COVER", "quantity": "15" },
        { "symbol": "SPY   260320P00450500", "action": "SELL_SHORT", "quantity": "2", "price": "4.2",
          "tags": ["income"] },
    ]);
    let input = |format: &str| json!({ "trades": trades, "format": format, "account": "FUND 7" });
    let ask = async |format: &str| {
        let answer = ada.reads(TRADES, json!({ "input": input(format) })).await;
        let payload = &answer["exportTrades"];
        assert_eq!(payload["userErrors"], json!([]));
        payload["export"]["id"].clone()
    };
    let (fix, csv) = (ask("FIX").await, ask("CSV").await);
    app.works_through_its_queue().await;
    let reply = downloads(&ada, &fix).await;
    let messages: Vec<_> = reply.text().split_inclusive("\u{1}10=").collect();
    assert_eq!(messages.len(), 5, "four messages, each with its checksum");
    let has = |text: &str| reply.text().contains(&text.replace('|', "\u{1}"));
    assert!(has("|1=FUND 7|21=1|55=AAPL|167=CS|54=1|"), "62 shares for 10,000");
    assert!(has("|38=62|40=1|15=USD|") && has("|55=TSLA|167=CS|54=5|114=Y|"));
    assert!(has("|40=2|44=210.5|") && has("|55=TSLA|167=CS|54=1|77=C|"));
    assert!(has("|55=SPY|167=OPT|200=202603|541=20260320|201=0|202=450.5|231=100|54=2|77=O|"));

    let reply = downloads(&ada, &csv).await;
    let row = reply.text().lines().nth(4).expect("the option");
    assert!(row.contains(",FUND 7,SPY260320P00450500,SELL_SHORT,2,LIMIT,4.2,USD,OPTION,SPY,PUT,450.5,2026-03-20,100,840,income"), "{row}");
}

#[tokio::test]
async fn orders_that_are_none_are_refused_where_they_are() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let refused = async |trade: Value, account: Value| {
        let input = json!({ "trades": [trade], "format": "FIX", "account": account });
        let answer = ada.reads(TRADES, json!({ "input": input })).await;
        let error = &answer["exportTrades"]["userErrors"][0];
        format!("{} {}", error["code"].as_str().unwrap_or("none"), error["field"])
    };
    let buy = |more: Value| {
        let mut trade = json!({ "symbol": "AAPL", "action": "BUY" });
        trade.as_object_mut().expect("a trade").extend(more.as_object().expect("more").clone());
        trade
    };
    for (more, told) in [
        (json!({ "symbol": "=1+1", "quantity": "1" }), r#"VALIDATION ["trades","0","symbol"]"#),
        (json!({}), r#"VALIDATION ["trades","0","quantity"]"#),
        (json!({ "quantity": "1", "exposure": "1" }), r#"VALIDATION ["trades","0","exposure"]"#),
        (json!({ "quantity": "-1" }), r#"VALIDATION ["trades","0","quantity"]"#),
        (json!({ "quantity": "1", "price": "0" }), r#"VALIDATION ["trades","0","price"]"#),
        (json!({ "exposure": "1000" }), r#"INSUFFICIENT_DATA ["trades","0","exposure"]"#),
        (json!({ "exposure": "1", "price": "3" }), r#"VALIDATION ["trades","0","exposure"]"#),
        (json!({ "quantity": "0.00000000001" }), r#"VALIDATION ["trades","0","quantity"]"#),
        (json!({ "quantity": "1", "tags": ["=1+1"] }), r#"VALIDATION ["trades","0","tags"]"#),
        (
            json!({ "symbol": "SPY251219P00450000", "quantity": "1" }),
            r#"VALIDATION ["trades","0","symbol"]"#,
        ),
    ] {
        assert_eq!(refused(buy(more), Value::Null).await, told);
    }
    for account in ["", "A\u{1}54=2", "Ω", &"x".repeat(41)] {
        let one = buy(json!({ "quantity": "1" }));
        assert_eq!(refused(one, json!(account)).await, r#"VALIDATION ["account"]"#, "{account:?}");
    }
    let input = json!({ "sessionId": "AAAA", "format": "FIX" });
    let answer = ada.reads(TRADES, json!({ "input": input })).await;
    assert_eq!(user_codes(&answer["exportTrades"]), ["NOT_FOUND"]);
}

#[tokio::test]
async fn dollars_are_sized_by_a_recent_close_in_the_shares_of_today() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    app.knows_prices("symbol,date,close\nAAPL,2026-01-02,161.5\nMSFT,2025-12-01,400\n").await;
    splits_in_two(&app, "AAPL").await;
    let buy = |symbol: &str| {
        let trades = json!([{ "symbol": symbol, "action": "BUY", "exposure": "10000" }]);
        json!({ "trades": trades, "format": "JSON" })
    };
    let stale = orders(&ada, buy("MSFT")).await;
    assert_eq!(user_codes(&stale), ["INSUFFICIENT_DATA"]);
    let payload = orders(&ada, buy("AAPL")).await;
    assert_eq!(payload["userErrors"], json!([]));
    app.works_through_its_queue().await;
    let told = downloads(&ada, &payload["export"]["id"]).await.json();
    assert_eq!(told["trades"][0]["quantity"], "124", "at 80.75: {told}");
}

#[tokio::test]
async fn a_session_is_written_down_as_long_as_its_shares_are_those_of_today() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    app.knows_prices("symbol,date,close\nAAPL,2026-01-02,161.5\n").await;
    let create = "mutation($input: CreateModelingSessionInput!) {
        createModelingSession(input: $input) { session { id } } }";
    let input = json!({ "portfolioId": core, "name": "Try", "baseDate": "2026-01-02" });
    let made = ada.reads(create, json!({ "input": input })).await;
    let session = &made["createModelingSession"]["session"]["id"];
    let add = "mutation($input: AddModelTradesInput!) {
        addModelTrades(input: $input) { userErrors { code } } }";
    let trades = json!([{ "symbol": "AAPL", "action": "BUY", "quantity": "10" }]);
    let input = json!({ "sessionId": session, "trades": trades });
    let added = ada.reads(add, json!({ "input": input })).await;
    assert_eq!(added["addModelTrades"]["userErrors"], json!([]));

    let input = json!({ "sessionId": session, "format": "FIX" });
    assert_eq!(orders(&ada, input.clone()).await["userErrors"], json!([]));
    splits_in_two(&app, "AAPL").await;
    let split = orders(&ada, input.clone()).await;
    assert_eq!(user_codes(&split), ["CONFLICT"]);
    assert_eq!(split["userErrors"][0]["field"], json!(["sessionId"]));

    let cancel = "mutation($input: CancelModelingSessionInput!) {
        cancelModelingSession(input: $input) { userErrors { code } } }";
    ada.reads(cancel, json!({ "input": { "sessionId": session } })).await;
    let cancelled = orders(&ada, input).await;
    assert_eq!(cancelled["userErrors"][0]["message"], "This session is cancelled.");
    app.works_through_its_queue().await;
}
