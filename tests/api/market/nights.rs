//! What a night costs: as few requests as the free plan has.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sigmasight::domain::calendar::Calendar;
use sigmasight::services::Services;
use sigmasight::services::meter::Meter;
use sigmasight::services::prices::{self, Scope};

use super::chain::{aggregates, chain};
use super::keeping::{book_of, fills};
use super::stub::{Asked, json as answer, status};
use super::{Desk, date, midnight};
use crate::support::{App, Person, numbered};

const SYMBOLS: usize = 50;

fn symbol(nth: usize) -> String {
    format!("T{nth:02}")
}

/// Polygon of a market in which everything costs 100, until T07 splits on the 6th of January. It
/// knows of T09 only symbol by symbol, and of what the issuer of T11 did nothing sensible at once.
fn market(asked: &Asked) -> axum::response::Response {
    let parts: Vec<_> = asked.path.split('/').collect();
    let split =
        json!({ "execution_date": "2026-01-06", "split_from": 1, "split_to": 4, "ticker": "T07" });
    match parts.as_slice() {
        ["", "v2", "aggs", "ticker", symbol, "range", "1", "day", from, to] => {
            let calendar = Calendar::default();
            let days = calendar.sessions(date(from), date(to));
            let days: Vec<_> = days.map(|day| day.to_string()).collect();
            let bars: Vec<_> = days.iter().map(|day| (day.as_str(), 100.0)).collect();
            answer(aggregates(symbol, &bars))
        }
        ["", "v2", "aggs", "grouped", .., day] => {
            let bar = |nth| {
                let close = if nth == 7 { 25.0 } else { 100.0 };
                json!({ "T": symbol(nth), "t": midnight(day), "c": close })
            };
            let bars: Vec<_> = (0..SYMBOLS).filter(|nth| *nth != 9).map(bar).collect();
            answer(json!({ "status": "OK", "results": bars }))
        }
        ["", "v3", "reference", kind] if !asked.query.contains_key("ticker") => {
            let nonsense = json!({ "execution_date": "2026-01-06", "split_from": 0, "split_to": 4, "ticker": "T11" });
            let other = json!({ "execution_date": "2026-01-06", "split_from": 1, "split_to": 2, "ticker": "ELSE" });
            let results = if *kind == "splits" { vec![other, nonsense, split] } else { Vec::new() };
            answer(json!({ "status": "OK", "results": results }))
        }
        _ => answer(json!({ "status": "OK", "results": [] })),
    }
}

#[tokio::test]
async fn a_normal_night_of_many_symbols_takes_a_handful_of_requests() {
    let desk = Desk::with(market).await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let rows = numbered(0..SYMBOLS, |nth| format!("{},10,90,2025-12-01\n", symbol(nth)));
    let (_, book) = book_of(&app, &rows).await;
    fills(&app, &desk).await;
    let before = desk.stub.calls();

    let evening = "2026-01-06T21:30:00Z";
    let (app, desk) = (app.restart().at(evening).await, desk.believing_in(evening));
    // Somebody enters what nobody has held: that one's history is asked for by itself.
    let ada = Person::signs_in(&app, "ada").await;
    let fresh = "ticker,quantity,entry_price,entry_date\nFRESH,10,90,2026-01-06\n";
    assert_eq!(ada.uploads(&book, fresh).await["createdCount"], 1);
    let history = Calendar::default().sessions(date("2023-12-26"), date("2026-01-06")).count();
    assert_eq!(fills(&app, &desk).await, (SYMBOLS + history) as u64);
    let mut calls = BTreeMap::<_, usize>::new();
    for asked in &desk.stub.asked()[before..] {
        let of = asked.query.get("ticker").map_or(String::new(), |ticker| format!(" of {ticker}"));
        *calls.entry(format!("{}{of}", asked.path)).or_default() += 1;
    }
    let once = [
        "/v2/aggs/grouped/locale/us/market/stocks/2026-01-06",
        "/v2/aggs/ticker/FRESH/range/1/day/2023-12-26/2026-01-06",
        "/v2/aggs/ticker/T09/range/1/day/2026-01-06/2026-01-06",
        "/v3/reference/dividends",
        "/v3/reference/dividends of FRESH",
        "/v3/reference/dividends of T11",
        "/v3/reference/splits",
        "/v3/reference/splits of FRESH",
        "/v3/reference/splits of T11",
    ];
    let once = once.map(|path| (path.to_owned(), 1));
    assert_eq!(calls, BTreeMap::from(once), "three, and what could not be had so");

    let query = "query($id: ID!) { portfolio(id: $id) {
        positions(first: 100) { nodes { symbol quantity valuation { dailyPnl } } }
    } }";
    let seen = ada.reads(query, json!({ "id": book })).await;
    let nodes = seen["portfolio"]["positions"]["nodes"].as_array().expect("positions");
    let split: Vec<&Value> = nodes.iter().filter(|node| node["quantity"] == "40").collect();
    assert_eq!(split.len(), 1, "of the split of T07 alone there is anything to know");
    assert_eq!(
        (&split[0]["symbol"], &split[0]["valuation"]["dailyPnl"]),
        (&json!("T07"), &json!("0"))
    );
}

#[tokio::test]
async fn a_year_of_fifty_symbols_on_the_free_plan_takes_less_than_a_call_a_session() {
    let desk = Desk::with(market).await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let rows = numbered(0..SYMBOLS, |nth| format!("{},10,90,2025-12-01\n", symbol(nth)));
    book_of(&app, &rows).await;
    let services = Services { chain: chain(&desk), ..app.services.clone() };
    let scope = Scope { only_since: Some(date("2025-01-02")), ..Scope::default() };

    let began = desk.time.instant();
    let stored = prices::complete(&services, &scope, &Meter::default()).await.expect("prices");
    let sessions = Calendar::default().sessions(date("2025-01-02"), date("2026-01-05")).count();
    assert_eq!((sessions, stored), (252, (SYMBOLS * sessions) as u64), "all of it");
    // Bars, splits and dividends of each symbol: fewer than days of the whole market would be.
    assert_eq!(desk.stub.calls(), 3 * SYMBOLS);
    assert!(desk.stub.calls() <= 252 + 5);
    let minutes = (desk.time.instant() - began).num_minutes();
    assert!((29..60).contains(&minutes), "{minutes}: five a minute, and what turns cost");
    assert_eq!(prices::complete(&services, &scope, &Meter::default()).await.expect("prices"), 0);
    assert_eq!(desk.stub.calls(), 3 * SYMBOLS, "and nothing twice");
}

#[tokio::test]
async fn where_days_of_the_market_are_given_up_nobody_is_asked_twice_about_issuers() {
    // More symbols than days, and a provider that has no days of the whole market.
    let desk = Desk::with(|asked| {
        if asked.path.contains("/grouped/") {
            return status(404, json!({ "status": "NOT_FOUND", "message": "no such day" }));
        }
        market(asked)
    })
    .await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let rows = numbered(0..20, |nth| format!("{},10,90,2025-12-01\n", symbol(nth)));
    book_of(&app, &rows).await;
    let services = Services { chain: chain(&desk), ..app.services.clone() };
    let scope = Scope { only_since: Some(date("2025-12-15")), ..Scope::default() };
    prices::complete(&services, &scope, &Meter::default()).await.expect("prices");
    let mut calls = BTreeMap::<_, usize>::new();
    for asked in desk.stub.asked().iter().filter(|asked| asked.path.starts_with("/v3/")) {
        *calls.entry((asked.path.clone(), asked.query.get("ticker").cloned())).or_default() += 1;
    }
    assert_eq!(calls.len(), 2 * 20, "{calls:?}");
    assert!(calls.values().all(|calls| *calls == 1), "{calls:?}");
}
