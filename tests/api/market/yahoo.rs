//! Yahoo in its own shapes.

use axum::http::header::SET_COOKIE;
use serde_json::{Value, json};
use sigmasight::domain::instrument::AssetClass;
use sigmasight::market::check::Fault;
use sigmasight::market::provider::{
    Absence, DividendKind, MarketDataProvider, ProviderError, Urgency,
};

use super::stub::{Asked, json as answer, status, text, with_header};
use super::{Desk, closes, date, decimal, opening, pairs, span};

/// A chart with these closes, as Yahoo writes it.
pub fn chart(symbol: &str, days: &[(&str, Value)], events: &Value) -> Value {
    let closes: Vec<_> = days.iter().map(|(_, close)| close.clone()).collect();
    let stamps: Vec<_> = days.iter().map(|(day, _)| opening(day)).collect();
    let volumes = vec![400; days.len()];
    json!({ "chart": { "error": null, "result": [{
        "meta": { "currency": "USD", "symbol": symbol, "exchangeName": "NMS",
                  "instrumentType": "EQUITY", "gmtoffset": -18000, "timezone": "EST",
                  "exchangeTimezoneName": "America/New_York", "regularMarketPrice": 100.0,
                  "priceHint": 2, "dataGranularity": "1d", "range": "", "validRanges": ["1d"] },
        "timestamp": stamps,
        "events": events,
        "indicators": {
            "quote": [{ "open": closes, "high": closes, "low": closes, "close": closes,
                        "volume": volumes }],
            "adjclose": [{ "adjclose": closes }],
        },
    }]}})
}

/// Ten for one on the 10th of June 2024.
fn split_of_nvidia() -> Value {
    let at = opening("2024-06-10");
    json!({ at.to_string(): { "date": at, "numerator": 10, "denominator": 1, "splitRatio": "10:1" } })
}

#[tokio::test]
async fn closes_lead_back_to_what_was_traded_even_by_splits_after_the_range() {
    let desk = Desk::with(|_| {
        let days = [
            ("2024-06-06", json!(120.998)),
            ("2024-06-07", json!(120.888)),
            ("2024-06-10", json!(121.79)),
            ("2024-06-11", json!(null)),
        ];
        answer(chart("NVDA", &days, &json!({ "splits": split_of_nvidia() })))
    })
    .await;
    let before = span("2024-06-06", "2024-06-07");
    let bars = desk.yahoo().daily_bars("NVDA", before, Urgency::Batch).await.expect("bars");
    assert_eq!(closes(&bars), pairs(&[("2024-06-06", "1209.98"), ("2024-06-07", "1208.88")]));
    assert_eq!(bars.bars[0].volume, Some(decimal("40")), "a tenth of the shares of today");

    let asked = &desk.stub.asked()[0];
    assert_eq!(asked.path, "/v8/finance/chart/NVDA");
    assert_eq!(asked.query["period1"], "1717632000");
    assert_eq!(asked.query["period2"], "1767735000", "until now, and a day more");
    assert_eq!(asked.query["events"], "div,splits,capitalGains");

    let around = span("2024-06-07", "2024-06-30");
    let bars = desk.yahoo().daily_bars("NVDA", around, Urgency::Batch).await.expect("bars");
    assert_eq!(closes(&bars), pairs(&[("2024-06-07", "1208.88"), ("2024-06-10", "121.79")]));
    let splits = desk.yahoo().splits("NVDA", around, Urgency::Batch).await.expect("splits");
    assert_eq!(splits.len(), 1);
    assert_eq!((splits[0].date, splits[0].to), (date("2024-06-10"), decimal("10")));
}

#[tokio::test]
async fn dividends_are_per_share_of_their_day() {
    let desk = Desk::with(|_| {
        let (before, after) = (opening("2024-03-05"), opening("2024-09-12"));
        let events = json!({
            "splits": split_of_nvidia(),
            "dividends": { before.to_string(): { "amount": 0.004, "date": before },
                           after.to_string(): { "amount": 0.01, "date": after } },
            "capitalGains": { after.to_string(): { "amount": 1.5, "date": after } },
        });
        answer(chart("NVDA", &[("2024-09-12", json!(119.14))], &events))
    })
    .await;
    let year = span("2024-01-01", "2024-12-31");
    let dividends = desk.yahoo().dividends("NVDA", year, Urgency::Batch).await.expect("dividends");
    let told: Vec<_> = dividends.iter().map(|d| (d.ex_date, d.amount, d.kind)).collect();
    assert_eq!(
        told,
        [
            (date("2024-03-05"), decimal("0.04"), DividendKind::Unknown),
            (date("2024-09-12"), decimal("0.01"), DividendKind::Unknown),
            (date("2024-09-12"), decimal("1.5"), DividendKind::CapitalGain),
        ]
    );
}

#[tokio::test]
async fn the_bar_of_a_session_under_way_is_not_a_close() {
    let desk = Desk::with(|_| {
        let days = [("2026-01-02", json!(271.0)), ("2026-01-05", json!(267.26))];
        answer(chart("AAPL", &days, &json!({})))
    })
    .await
    .believing_in("2026-01-05T20:59:59Z");
    let range = span("2026-01-02", "2026-01-05");
    let bars = desk.yahoo().daily_bars("AAPL", range, Urgency::Batch).await.expect("bars");
    assert_eq!(closes(&bars), pairs(&[("2026-01-02", "271")]));
    assert_eq!(bars.rejected, []);
}

#[tokio::test]
async fn an_empty_range_and_an_unknown_symbol_are_two_things() {
    let desk = Desk::with(|asked| match asked.path.as_str() {
        // An error may come with status 200.
        "/v8/finance/chart/OLD" => answer(json!({ "chart": { "result": null, "error": {
            "code": "Bad Request", "description": "Data doesn't exist for startDate = 1" }}})),
        "/v8/finance/chart/BRK-B" => {
            let mut chart = chart("BRK-B", &[], &json!({}));
            let result = chart["chart"]["result"][0].as_object_mut().expect("an object");
            result.remove("timestamp");
            result["indicators"] = json!({ "quote": [{}], "adjclose": [{}] });
            answer(chart)
        }
        _ => status(
            404,
            json!({ "chart": { "result": null, "error": {
                "code": "Not Found", "description": "No data found, symbol may be delisted" }}}),
        ),
    })
    .await;
    let (yahoo, day) = (desk.yahoo(), span("2026-01-05", "2026-01-05"));
    let old = yahoo.daily_bars("OLD", day, Urgency::Batch).await.expect_err("nothing");
    assert_eq!(old.to_string(), "has nothing: Data doesn't exist for startDate = 1");
    let empty = yahoo.daily_bars("BRK.B", day, Urgency::Batch).await.expect_err("nothing");
    let unknown = yahoo.daily_bars("ZZZZ", day, Urgency::Batch).await.expect_err("nothing");
    assert!(
        matches!(&empty, ProviderError::NotFound { absence: Absence::NoTrade, .. }),
        "{empty:?}"
    );
    assert!(
        matches!(&unknown, ProviderError::NotFound { absence: Absence::Unknown, said }
                 if said == "No data found, symbol may be delisted"),
        "{unknown:?}"
    );
}

/// The crumb of a visitor: another one each time.
fn crumb(asked: &Asked) -> axum::response::Response {
    match asked.earlier {
        0 => text("abcDEF12./x"),
        _ => text("second-crum"),
    }
}

fn visitors_page(script: impl Fn(&Asked) -> Value) -> impl Fn(&Asked) -> axum::response::Response {
    move |asked| match asked.path.as_str() {
        "/" => {
            let page = status(404, json!({}));
            with_header(page, SET_COOKIE, "A3=d=AQAB; Max-Age=31557600; Domain=.yahoo.com; Path=/")
        }
        "/v1/test/getcrumb" => crumb(asked),
        _ => {
            let value = script(asked);
            let is_refusal = !value["finance"].is_null();
            status(if is_refusal { 401 } else { 200 }, value)
        }
    }
}

fn summary() -> Value {
    json!({ "quoteSummary": { "error": null, "result": [{
        "price": { "longName": "Apple Inc.", "shortName": "Apple", "currency": "USD",
                   "quoteType": "EQUITY" },
        "assetProfile": { "sector": "Technology", "industry": "Consumer Electronics" },
        "summaryDetail": { "dividendYield": { "raw": 0.0038, "fmt": "0.38%" }, "beta": {} },
        "quoteType": { "symbol": "AAPL" },
    }]}})
}

fn refusal() -> Value {
    json!({ "finance": { "result": null,
        "error": { "code": "Unauthorized", "description": "Invalid Crumb" }}})
}

#[tokio::test]
async fn a_profile_is_asked_for_with_a_cookie_and_a_crumb_that_are_kept() {
    let desk = Desk::with(visitors_page(|_| summary())).await;
    let yahoo = desk.yahoo();
    let profile = yahoo.profile("AAPL", Urgency::Batch).await.expect("a profile");
    assert_eq!(profile.name.as_deref(), Some("Apple Inc."));
    assert_eq!(profile.asset_class, AssetClass::Equity);
    assert_eq!(profile.sector.as_deref(), Some("Technology"));
    assert_eq!(profile.dividend_yield, Some(decimal("0.0038")));

    yahoo.profile("MSFT", Urgency::Batch).await.expect("a profile");
    let asked = desk.stub.asked();
    let paths: Vec<_> = asked.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/",
            "/v1/test/getcrumb",
            "/v10/finance/quoteSummary/AAPL",
            "/v10/finance/quoteSummary/MSFT",
        ]
    );
    assert_eq!(asked[1].header("cookie"), Some("A3=d=AQAB"));
    assert_eq!(asked[3].header("cookie"), Some("A3=d=AQAB"));
    assert_eq!(asked[3].query["crumb"], "abcDEF12./x");
    assert!(asked[0].header("user-agent").is_some_and(|agent| agent.starts_with("Mozilla/5.0")));
}

#[tokio::test]
async fn a_crumb_that_is_refused_is_fetched_anew_once() {
    let desk = Desk::with(visitors_page(|asked| {
        if asked.query["crumb"] == "second-crum" { summary() } else { refusal() }
    }))
    .await;
    let yahoo = desk.yahoo();
    yahoo.profile("AAPL", Urgency::Batch).await.expect("a profile");
    assert_eq!(desk.stub.calls(), 6, "cookie, crumb and question, twice");

    let desk = Desk::with(visitors_page(|_| refusal())).await;
    let error = desk.yahoo().profile("AAPL", Urgency::Batch).await.expect_err("refused");
    assert_eq!(error.to_string(), "does not accept the key: Invalid Crumb");
    assert_eq!(desk.stub.calls(), 6, "and not a third time");
}

#[tokio::test]
async fn a_price_in_pence_is_not_a_price_in_dollars() {
    let desk = Desk::with(|_| {
        let mut chart = chart("BARC.L", &[("2026-01-05", json!(480.5))], &json!({}));
        chart["chart"]["result"][0]["meta"]["symbol"] = "BARC-L".into();
        chart["chart"]["result"][0]["meta"]["currency"] = "GBp".into();
        answer(chart)
    })
    .await;
    let day = span("2026-01-05", "2026-01-05");
    let bars = desk.yahoo().daily_bars("BARC.L", day, Urgency::Batch).await.expect("an answer");
    assert_eq!(bars.bars, []);
    let found = String::from("GBp");
    assert_eq!(bars.rejected, [Fault::Currency { date: date("2026-01-05"), found }]);
}
