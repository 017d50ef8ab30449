//! What is held gets its prices from the providers: what is missing, once, and what they do not
//! have is told.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use sigmasight::domain::calendar::Calendar;
use sigmasight::services::{Services, prices};

use super::chain::{aggregates, chain};
use super::stub::{Asked, json as answer, status};
use super::{Desk, date};
use crate::support::{App, Person};

const BOOK: &str = "query($id: ID!) { portfolio(id: $id) {
    valuation {
        totalValue marketValue dailyPnl unrealizedPnl quality warnings
        provenance { coverage { includedPositions excludedPositions excludedExposure } }
    }
    dataQuality { score stalePrices insufficient { symbol reason } }
    positions { nodes { symbol valuation { price priceSource priceDate dailyPnl quality } } }
} }";

/// Polygon as it answers for AAPL, which gains a dollar a session; it knows no other symbol.
fn polygon(asked: &Asked) -> axum::response::Response {
    let parts: Vec<_> = asked.path.split('/').collect();
    match parts.as_slice() {
        ["", "v2", "aggs", "ticker", "AAPL", "range", "1", "day", from, to] => {
            let first = date("2023-01-03");
            let bars: Vec<_> = Calendar::default()
                .sessions(date(from), date(to))
                .map(|day| {
                    (
                        day.to_string(),
                        f64::from(u16::try_from((day - first).num_days()).expect("few years"))
                            + 100.0,
                    )
                })
                .collect();
            let bars: Vec<_> = bars.iter().map(|(day, close)| (day.as_str(), *close)).collect();
            answer(aggregates("AAPL", &bars))
        }
        ["", "v3", "reference", ..] => answer(json!({ "status": "OK", "results": [] })),
        _ if asked.path.starts_with("/v2/") => answer(json!({ "status": "OK", "resultsCount": 0 })),
        _ => status(
            404,
            json!({ "chart": { "result": null, "error": { "code": "Not Found", "description": "No data found" } } }),
        ),
    }
}

pub async fn fills(app: &App, desk: &Desk) -> u64 {
    let services = Services { chain: chain(desk), ..app.services.clone() };
    prices::fill(&services).await.expect("prices are completed")
}

pub async fn book_of(app: &App, file: &str) -> (Person, String) {
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = format!("ticker,quantity,entry_price,entry_date\n{file}");
    ada.uploads(&book, file).await;
    (ada, book)
}

async fn seen(person: &Person, book: &str) -> Value {
    person.reads(BOOK, json!({ "id": book })).await["portfolio"].take()
}

fn paths(desk: &Desk) -> Vec<String> {
    let asked = desk.stub.asked();
    asked.into_iter().map(|asked| asked.path).filter(|path| path.starts_with("/v2/")).collect()
}

#[tokio::test]
async fn what_is_held_is_priced_by_who_knows_it_and_else_simulated() {
    let desk = Desk::with(polygon).await;
    let app = App::start().at("2026-01-05T21:30:00Z").with_simulated_prices().await;
    let (ada, book) = book_of(&app, "AAPL,10,150,2025-12-01\nNOPE,10,20,2025-12-01\n").await;

    assert!(fills(&app, &desk).await > 500, "two series of more than a year");
    let now = seen(&ada, &book).await;
    let nodes = now["positions"]["nodes"].as_array().expect("positions");
    assert_eq!(nodes[0]["valuation"]["priceSource"], "POLYGON");
    assert_eq!(nodes[0]["valuation"]["dailyPnl"], "30", "three days since Friday");
    assert_eq!(nodes[1]["valuation"]["priceSource"], "SYNTHETIC");

    // Complete is complete, and what nobody knows is not asked for again at once.
    let asked = desk.stub.calls();
    assert_eq!(fills(&app, &desk).await, 0);
    assert_eq!(desk.stub.calls(), asked);
}

#[tokio::test]
async fn only_sessions_that_are_missing_are_asked_for() {
    let desk = Desk::with(polygon).await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let (_, book) = book_of(&app, "AAPL,10,150,2025-12-01\n").await;
    fills(&app, &desk).await;
    let before = paths(&desk).len();

    let app = app.restart().at("2026-01-06T21:30:00Z").await;
    let desk = desk.believing_in("2026-01-06T21:30:00Z");
    assert_eq!(fills(&app, &desk).await, 1);
    assert_eq!(paths(&desk)[before..], ["/v2/aggs/ticker/AAPL/range/1/day/2026-01-06/2026-01-06"],);

    // A hole in the middle is seen too.
    let mut db = app.superuser().await;
    sqlx::query("delete from prices where date between '2025-12-10' and '2025-12-11'")
        .execute(&mut db)
        .await
        .expect("a hole");
    assert_eq!(fills(&app, &desk).await, 2);
    assert_eq!(
        paths(&desk)[before + 1..],
        ["/v2/aggs/ticker/AAPL/range/1/day/2025-12-10/2025-12-11"],
    );
    let ada = Person::signs_in(&app, "ada").await;
    assert_eq!(seen(&ada, &book).await["valuation"]["quality"], "FULL");
}

/// 97. What the chain says of it is told elsewhere; this is what a book says.
#[tokio::test]
async fn with_all_providers_down_the_last_prices_stay_and_are_called_stale() {
    let is_down = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_down);
    let desk = Desk::with(move |asked| {
        if switch.load(Ordering::Relaxed) {
            status(503, json!({ "status": "ERROR" }))
        } else {
            polygon(asked)
        }
    })
    .await;
    let app = App::start().at("2026-01-05T21:30:00Z").with_simulated_prices().await;
    let (_, book) = book_of(&app, "AAPL,10,150,2025-12-01\n").await;
    fills(&app, &desk).await;
    let total_before = {
        let ada = Person::signs_in(&app, "ada").await;
        seen(&ada, &book).await["valuation"]["totalValue"].take()
    };

    is_down.store(true, Ordering::Relaxed);
    let app = app.restart().at("2026-01-06T21:30:00Z").await;
    let desk = desk.believing_in("2026-01-06T21:30:00Z");
    // Entered while nobody can be asked, so that no price of it was ever known.
    let ada = Person::signs_in(&app, "ada").await;
    let late = "ticker,quantity,entry_price,entry_date\nLATE,10,20,2026-01-06\n";
    assert_eq!(ada.uploads(&book, late).await["createdCount"], 1);
    assert_eq!(fills(&app, &desk).await, 0, "nothing is made up in their place");
    let now = seen(&ada, &book).await;
    let figures = &now["positions"]["nodes"][0]["valuation"];
    let yesterday = (date("2026-01-05") - date("2023-01-03")).num_days() + 100;
    assert_eq!(figures["price"], Decimal::from(yesterday).to_string());
    assert_eq!(
        (&figures["priceDate"], &figures["quality"]),
        (&json!("2026-01-05"), &json!("STALE"))
    );
    assert_eq!(figures["dailyPnl"], Value::Null, "unknown is not zero");
    // The book is worth what it was, without what has no price; that is counted and told.
    let whole = &now["valuation"];
    assert_eq!(whole["totalValue"], total_before);
    assert_eq!(whole["dailyPnl"], Value::Null);
    assert_ne!(whole["unrealizedPnl"], "0");
    let coverage = &whole["provenance"]["coverage"];
    assert_eq!(
        (&coverage["includedPositions"], &coverage["excludedPositions"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(coverage["excludedExposure"], "200", "at cost");
    let unpriced = &now["positions"]["nodes"][1];
    assert_eq!(unpriced["symbol"], "LATE");
    assert_eq!(
        (&unpriced["valuation"]["price"], &unpriced["valuation"]["quality"]),
        (&Value::Null, &json!("INSUFFICIENT"))
    );
    let warnings = whole["warnings"].to_string();
    assert!(warnings.contains("LATE"), "{warnings}");
    let told = &now["dataQuality"];
    assert_eq!(told["stalePrices"], json!(["AAPL"]));
    assert!(told["score"].as_f64().is_some_and(|score| score > 0.0 && score < 1.0), "{told}");
    let reason = told["insufficient"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("Polygon is unavailable"), "{reason}");

    // Asked again once they are back, and not before half an hour has passed.
    is_down.store(false, Ordering::Relaxed);
    assert_eq!(fills(&app, &desk).await, 0);
    desk.time.passes(std::time::Duration::from_hours(1));
    let later = app.restart().at("2026-01-06T22:05:00Z").await;
    // And what then none of them knows has its history simulated.
    let simulated = Calendar::default().sessions(date("2023-12-26"), date("2026-01-06")).count();
    assert_eq!(fills(&later, &desk).await, 1 + simulated as u64);
}

#[tokio::test]
async fn a_split_is_known_before_the_prices_that_show_it() {
    let desk = Desk::with(|asked| {
        let parts: Vec<_> = asked.path.split('/').collect();
        match parts.as_slice() {
            ["", "v2", "aggs", "ticker", "AAPL", ..] => answer(aggregates(
                "AAPL",
                &[("2025-12-31", 396.0), ("2026-01-02", 400.0), ("2026-01-05", 101.0)],
            )),
            ["", "v3", "reference", "splits"] => answer(json!({ "status": "OK", "results": [
                { "execution_date": "2026-01-05", "split_from": 1, "split_to": 4, "ticker": "AAPL" },
            ] })),
            ["", "v3", "reference", ..] => answer(json!({ "status": "OK", "results": [] })),
            _ => status(404, json!({ "status": "NOT_FOUND" })),
        }
    })
    .await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let (ada, book) = book_of(&app, "AAPL,10,390,2025-12-01\n").await;
    assert_eq!(fills(&app, &desk).await, 3);
    let now = seen(&ada, &book).await;
    assert_eq!(now["positions"]["nodes"][0]["valuation"]["dailyPnl"], "40", "40 shares, a dollar");
    assert_eq!(now["valuation"]["totalValue"], "4040");
}

#[tokio::test]
async fn a_close_that_nothing_explains_is_kept_and_told_with_what_another_source_says() {
    const DOUBTS: &str = "{ instrument(symbol: \"AAPL\") { quote { price } dataQuality { doubts { date message } } } }";
    let chart = json!({ "chart": { "result": [{
        "meta": { "currency": "USD", "symbol": "AAPL", "exchangeTimezoneName": "America/New_York" },
        "timestamp": [1_767_623_400],
        "indicators": { "quote": [{ "open": [101.0], "high": [101.0], "low": [101.0],
                                    "close": [101.0], "volume": [1000] }],
                        "adjclose": [{ "adjclose": [101.0] }] }
    }], "error": null } });
    let desk = Desk::with(move |asked| {
        if asked.path.starts_with("/v2/aggs") {
            answer(aggregates("AAPL", &[("2026-01-05", 150.0)]))
        } else {
            answer(chart.clone())
        }
    })
    .await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    // Both move by half a percent a session; on the last AAPL by half its price.
    let calendar = Calendar::default();
    let sessions = calendar.sessions(date("2025-09-15"), date("2026-01-05"));
    let mut file = String::from("symbol,date,close\n");
    for (at, day) in sessions.enumerate() {
        let steady = if at % 2 == 0 { "100" } else { "100.5" };
        let close = if day == date("2026-01-05") { "150" } else { steady };
        writeln!(file, "AAPL,{day},{close}\nSPY,{day},{steady}").expect("a text grows");
    }
    app.knows_prices(&file).await;
    let (ada, _) = book_of(&app, "AAPL,10,100,2025-12-01\n").await;
    let services = Services { chain: chain(&desk), ..app.services.clone() };
    assert_eq!(prices::look_twice(&services).await.expect("a look"), 1);

    let told = ada.reads(DOUBTS, json!({})).await["instrument"].take();
    assert_eq!(told["quote"]["price"], "150", "it is used");
    let doubts = told["dataQuality"]["doubts"].as_array().expect("doubts");
    assert_eq!((doubts.len(), &doubts[0]["date"]), (1, &json!("2026-01-05")));
    let message = doubts[0]["message"].as_str().expect("a message");
    assert!(message.contains("eight deviations") && message.contains("Yahoo has 101"), "{message}");

    // Corrected, it is doubted no more.
    app.knows_prices("symbol,date,close\nAAPL,2026-01-05,100.2\n").await;
    assert_eq!(prices::look_twice(&services).await.expect("a look"), 0);
    let told = ada.reads(DOUBTS, json!({})).await["instrument"].take();
    assert_eq!(told["dataQuality"]["doubts"], json!([]));
}
