//! Where a plain product of quantity and price would mislead: what has run out, what was entered
//! or closed since, prices of days without a session.

use serde_json::{Value, json};

use super::{HEADER, decimal, list, mentions, number, position, text};
use crate::support::{App, Person};

/// Wednesday the 3rd of July 2024, an early close, in the evening.
const WEDNESDAY: &str = "2024-07-03T22:00:00Z";

/// Calls and puts on one stock, which expired on Friday the 28th of June, at 212.5.
const EXPIRED: &str = "ticker,quantity,entry_price,entry_date\n\
    AAPL240628C00200000,2,5,2024-06-03\n\
    AAPL240628C00220000,-1,1,2024-06-03\n\
    AAPL240628P00220000,3,9,2024-06-03\n\
    MSFT240628C00400000,1,9,2024-06-03\n";

async fn app_with(prices: &str) -> (App, Person, String) {
    let app = App::start().at(WEDNESDAY).await;
    app.knows_prices(&format!("symbol,date,close\n{prices}")).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    (app, ada, book)
}

fn valuation<'a>(book: &'a Value, symbol: &str) -> &'a Value {
    &position(book, symbol)["valuation"]
}

#[tokio::test]
async fn an_expired_option_is_worth_what_it_settled_at() {
    let (_app, ada, book) = app_with(
        "AAPL,2024-06-28,212.5\nAAPL,2024-07-01,230\nAAPL,2024-07-03,240\n\
         AAPL240628C00200000,2024-06-27,11\nAAPL240628C00200000,2024-06-28,12\n\
         AAPL240628C00220000,2024-06-27,0.4\n",
    )
    .await;
    let said = ada.uploads(&book, EXPIRED).await;
    assert_eq!(said["createdCount"], 4, "{said}");

    let seen = ada.values(&book, None).await;
    let itm = valuation(&seen, "AAPL240628C00200000");
    assert_eq!(number(&itm["price"]), decimal("12.5"), "at the close of its last session");
    assert_eq!(number(&itm["exposure"]), decimal("2500"));
    assert_eq!(number(&itm["unrealizedPnl"]), decimal("1500"));
    assert_eq!(number(&itm["dailyPnl"]), decimal("0"), "nothing moves it any more");
    assert_eq!((&itm["priceSource"], &itm["quality"]), (&json!("MODEL"), &json!("ESTIMATED")));
    assert_eq!(number(&itm["notional"]), decimal("0"), "it controls no shares");
    assert_eq!(number(&itm["deltaAdjustedExposure"]), decimal("0"));
    assert!(mentions(&itm["warnings"], "expired on 2024-06-28"), "{itm}");

    let otm = valuation(&seen, "AAPL240628C00220000");
    assert_eq!(number(&otm["price"]), decimal("0"), "not the premium it was last quoted at");
    assert_eq!(number(&otm["unrealizedPnl"]), decimal("100"), "what was written is earned");
    assert_eq!(number(&valuation(&seen, "AAPL240628P00220000")["exposure"]), decimal("2250"));

    let unknown = valuation(&seen, "MSFT240628C00400000");
    assert_eq!((&unknown["price"], &unknown["quality"]), (&Value::Null, &json!("INSUFFICIENT")));
    assert!(mentions(&unknown["warnings"], "no close of MSFT"), "{unknown}");

    let whole = &seen["valuation"];
    assert_eq!(number(&whole["totalValue"]), decimal("4750"));
    assert_eq!(whole["quality"], "LIMITED");
    assert!(mentions(&whole["warnings"], "3 of 4 positions are options that have expired"));

    // While it lived its own quote counted, and the day after is measured from its last one.
    let alive = ada.values(&book, Some("2024-06-28")).await;
    let itm = valuation(&alive, "AAPL240628C00200000");
    assert_eq!(number(&itm["price"]), decimal("12"));
    assert_eq!(number(&itm["dailyPnl"]), decimal("200"));
    let after = ada.values(&book, Some("2024-07-01")).await;
    assert_eq!(number(&valuation(&after, "AAPL240628C00200000")["dailyPnl"]), decimal("100"));
}

#[tokio::test]
async fn an_expired_option_without_the_close_of_its_last_day_is_not_guessed_at() {
    let (_app, ada, book) = app_with("AAPL,2024-06-27,212.5\nAAPL,2024-07-03,240\n").await;
    ada.uploads(&book, EXPIRED).await;
    let seen = ada.values(&book, None).await;
    assert_eq!(valuation(&seen, "AAPL240628C00200000")["price"], Value::Null);
}

#[tokio::test]
async fn what_was_entered_after_its_newest_price_has_no_profit_of_a_period() {
    let (_app, ada, book) =
        app_with("AAPL,2024-06-28,210\nMSFT,2024-07-02,400\nMSFT,2024-07-03,410\n").await;
    ada.uploads(&book, format!("{HEADER}\nAAPL,10,200,2024-07-02,\nMSFT,1,390,2024-07-03,\n"))
        .await;

    let seen = ada.values(&book, None).await;
    let late = valuation(&seen, "AAPL");
    assert_eq!(late["dailyPnl"], Value::Null);
    assert!(mentions(&late["warnings"], "entered after the newest price"), "{late}");
    assert_eq!(number(&valuation(&seen, "MSFT")["dailyPnl"]), decimal("20"), "since its entry");
    let whole = &seen["valuation"];
    for period in ["dailyPnl", "mtdPnl", "ytdPnl"] {
        assert_eq!(number(&whole[period]), decimal("20"), "{period} of what has one");
        assert!(mentions(&whole["warnings"], &format!("{period} leaves out 1 of 2")), "{whole}");
    }
}

#[tokio::test]
async fn a_position_counts_on_the_day_it_is_closed_wherever_it_is_seen() {
    const SEEN: &str = "query($id: ID!) { portfolio(id: $id) {
        valuation { dailyPnl realizedPnl totalValue }
        positions(filter: { includeClosed: true }) {
            nodes { symbol isOpen valuation { dailyPnl realizedPnl exposure } }
        }
        positionGroups(by: TYPE, filter: { includeClosed: true }) { dailyPnl }
    } }";
    let (app, ada, book) = app_with(
        "AAPL,2024-07-02,210\nAAPL,2024-07-03,220\nMSFT,2024-07-02,400\nMSFT,2024-07-03,400\n",
    )
    .await;
    ada.uploads(&book, format!("{HEADER}\nAAPL,10,200,2024-06-03,\nMSFT,1,390,2024-06-03,\n"))
        .await;
    let close = |price: &'static str, date: &'static str| {
        let app = app.clone();
        async move {
            let mut db = app.superuser().await;
            sqlx::query(
                "update positions set exit_price = $1::numeric, exit_date = $2::date
                  where instrument_id = (select id from instruments where symbol = 'AAPL')",
            )
            .bind(price)
            .bind(date)
            .execute(&mut db)
            .await
            .expect("a position to close");
        }
    };

    close("215", "2024-07-03").await;
    let seen = ada.reads(SEEN, json!({ "id": book })).await["portfolio"].take();
    let closed = &list(&seen["positions"]["nodes"])[0];
    assert_eq!((&closed["symbol"], &closed["isOpen"]), (&json!("AAPL"), &json!(false)));
    assert_eq!(
        number(&closed["valuation"]["dailyPnl"]),
        decimal("50"),
        "to the exit, not the close"
    );
    assert_eq!(number(&closed["valuation"]["realizedPnl"]), decimal("150"));
    assert_eq!(number(&closed["valuation"]["exposure"]), decimal("0"));
    assert_eq!(number(&seen["valuation"]["dailyPnl"]), decimal("50"));
    assert_eq!(number(&seen["positionGroups"][0]["dailyPnl"]), decimal("50"));

    close("215", "2024-07-02").await;
    let seen = ada.reads(SEEN, json!({ "id": book })).await["portfolio"].take();
    let closed = &list(&seen["positions"]["nodes"])[0];
    assert_eq!(number(&closed["valuation"]["dailyPnl"]), decimal("0"), "it is long out");
    assert_eq!(number(&seen["valuation"]["dailyPnl"]), decimal("0"), "of the other one");
}

#[tokio::test]
async fn a_price_of_a_day_without_a_session_is_refused() {
    // A Sunday's price is newer than Friday's session, and still not Monday's.
    let app = App::start().at("2024-07-01T22:00:00Z").await;
    let root = app.sign_in_admin("root").await;
    let file = "symbol,date,close\nAAPL,2024-06-28,210\nAAPL,2024-06-30,999\n";
    let imported = root.imports_prices(file).await;
    assert_eq!((&imported["importedBars"], &imported["rejectedCount"]), (&json!(1), &json!(1)));
    let row = &imported["rows"][0];
    assert_eq!(
        (&row["row"], &row["column"], &row["code"]),
        (&json!(3), &json!("date"), &json!("INVALID_DATE"))
    );
    assert_eq!(row["message"], "The exchange has no session on 2024-06-30.");

    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    ada.uploads(&book, format!("{HEADER}\nAAPL,10,200,2024-06-03,\n")).await;
    let seen = ada.values(&book, None).await;
    let figures = valuation(&seen, "AAPL");
    assert_eq!(number(&figures["price"]), decimal("210"));
    assert_eq!((&figures["dailyPnl"], &figures["quality"]), (&Value::Null, &json!("STALE")));
    assert_eq!(seen["valuation"]["dailyPnl"], Value::Null);
}

#[tokio::test]
async fn every_sum_says_how_far_it_can_be_trusted() {
    const SEEN: &str = "query($id: ID!) { portfolio(id: $id) {
        valuation { quality warnings }
        exposures { grossExposure leverage quality warnings }
        positionGroups(by: UNDERLYING) { key quality warnings exposures { quality leverage } }
    } }";
    let app = App::start().at(WEDNESDAY).with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio_with_cash("Core", "1000").await;
    ada.uploads(&book, format!("{HEADER}\nAAPL,10,200,2024-06-03,\nMSFT,1,390,2024-06-03,\n"))
        .await;

    let seen = ada.reads(SEEN, json!({ "id": book })).await["portfolio"].take();
    for sum in [&seen["valuation"], &seen["exposures"], &seen["positionGroups"][0]] {
        assert_eq!(sum["quality"], "INSUFFICIENT", "{sum}");
        assert!(mentions(&sum["warnings"], "no price"), "{sum}");
    }
    assert_eq!(seen["exposures"]["leverage"], Value::Null, "a leverage of zero would be a claim");

    app.completes_prices().await;
    let seen = ada.reads(SEEN, json!({ "id": book })).await["portfolio"].take();
    for sum in [&seen["valuation"], &seen["exposures"], &seen["positionGroups"][0]] {
        assert_eq!(sum["quality"], "ESTIMATED", "{sum}");
        assert!(mentions(&sum["warnings"], "SYNTHETIC"), "{sum}");
    }
    assert!(seen["exposures"]["leverage"].is_number());
}

#[tokio::test]
async fn an_option_is_found_by_its_padded_symbol_too() {
    let (_app, ada, book) = app_with("AAPL,2024-07-03,240\n").await;
    let file = format!("{HEADER}\nAAPL241220C00200000,1,20,2024-06-03,\nAAPL,10,200,2024-06-03,\n");
    ada.uploads(&book, file).await;
    let seen = ada
        .reads(
            "query($id: ID!, $filter: PositionFilter!) {
                portfolio(id: $id) { positions(filter: $filter) { nodes { symbol } } }
            }",
            json!({ "id": book, "filter": { "symbols": ["aapl  241220C00200000"] } }),
        )
        .await;
    let found = list(&seen["portfolio"]["positions"]["nodes"]);
    assert_eq!(
        found.iter().map(|one| text(&one["symbol"])).collect::<Vec<_>>(),
        ["AAPL241220C00200000"]
    );
}

#[tokio::test]
async fn a_price_grows_old_by_degrees() {
    const SEEN: &str = "query($id: ID!) { portfolio(id: $id) {
        valuation { quality warnings }
        positions { nodes {
            symbol
            instrument { quote { date isStale staleness } }
            valuation { price priceStaleness quality warnings }
        } }
    } }";
    // Wednesday the 3rd: the fourth session after the 27th of June, the third after the 28th.
    let app = App::start().at(WEDNESDAY).await;
    app.knows_prices(
        "symbol,date,close\nLATE,2024-06-28,10\nLIVE,2024-07-03,10\nOLD,2024-06-27,10\n",
    )
    .await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = ["LATE", "LIVE", "NONE", "OLD"];
    let rows = rows.map(|symbol| format!("{symbol},10,9,2024-06-03,\n")).concat();
    ada.uploads(&book, format!("{HEADER}\n{rows}")).await;

    let seen = ada.reads(SEEN, json!({ "id": book })).await["portfolio"].take();
    let nodes = list(&seen["positions"]["nodes"]);
    let degrees = [
        ("LATE", "CARRIED", "STALE"),
        ("LIVE", "LIVE_CLOSE", "FULL"),
        ("NONE", "MISSING", "INSUFFICIENT"),
        ("OLD", "STALE", "STALE"),
    ];
    for (node, (symbol, degree, quality)) in nodes.iter().zip(degrees) {
        let (quote, figures) = (&node["instrument"]["quote"], &node["valuation"]);
        assert_eq!(
            (&node["symbol"], &figures["priceStaleness"], &figures["quality"]),
            (&json!(symbol), &json!(degree), &json!(quality))
        );
        if degree == "MISSING" {
            assert_eq!((quote, &figures["price"]), (&Value::Null, &Value::Null));
        } else {
            assert_eq!(quote["staleness"], degree);
            assert_eq!(quote["isStale"], degree != "LIVE_CLOSE", "from the first session on");
            assert_eq!(number(&figures["price"]), decimal("10"), "it is used all the same");
        }
    }
    let warnings = |at: usize| &nodes[at]["valuation"]["warnings"];
    assert!(mentions(warnings(0), "of 2024-06-28: CARRIED, for at most 3 sessions"));
    assert!(mentions(warnings(3), "of 2024-06-27: STALE, after more than 3 sessions"));
    assert!(mentions(
        &seen["valuation"]["warnings"],
        "2 of 4 positions have a stale price, the oldest of 2024-06-27: 1 CARRIED for at most 3 \
         sessions, 1 STALE after more."
    ));
    for (symbol, since) in [
        ("LATE", "2024-06-28: 1 CARRIED for at most 3 sessions."),
        ("OLD", "2024-06-27: 1 STALE after more than 3 sessions."),
    ] {
        let alone = ada.creates_portfolio(symbol).await;
        ada.uploads(&alone, format!("{HEADER}\n{symbol},10,9,2024-06-03,\n")).await;
        let seen = ada.reads(SEEN, json!({ "id": alone })).await;
        let said = format!("1 of 1 positions have a stale price, the oldest of {since}");
        assert!(mentions(&seen["portfolio"]["valuation"]["warnings"], &said), "{seen}");
    }
}
