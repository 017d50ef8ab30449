//! What a share pays, from the provider to the yield that prices options.

use serde_json::{Value, json};
use sigmasight::domain::calendar::Calendar;
use sigmasight::services::{Services, prices};

use super::chain::{aggregates, chain};
use super::stub::{Asked, json as answer, status};
use super::{Desk, date};
use crate::support::App;

const YIELD: &str = "query($symbol: String!, $asOf: Date) { instrument(symbol: $symbol) {
    dividendYield(asOf: $asOf) { rate perShare source asOf quality warnings }
} }";

/// Polygon for AAPL, at 200 dollars every day.
fn polygon(asked: &Asked) -> axum::response::Response {
    let parts: Vec<_> = asked.path.split('/').collect();
    match parts.as_slice() {
        ["", "v2", "aggs", "ticker", "AAPL", "range", "1", "day", from, to] => {
            let days: Vec<_> = Calendar::default()
                .sessions(date(from), date(to))
                .map(|day| day.to_string())
                .collect();
            let bars: Vec<_> = days.iter().map(|day| (day.as_str(), 200.0)).collect();
            answer(aggregates("AAPL", &bars))
        }
        ["", "v3", "reference", "dividends"] => {
            let paid = |date: &str, amount: f64, kind: &str| {
                json!({ "ticker": "AAPL", "ex_dividend_date": date, "cash_amount": amount,
                        "dividend_type": kind })
            };
            answer(json!({ "status": "OK", "results": [
                paid("2025-08-11", 0.26, "CD"),
                paid("2025-11-10", 0.26, "CD"),
                paid("2025-12-01", 5.0, "SC"),
            ] }))
        }
        ["", "v3", "reference", ..] => answer(json!({ "status": "OK", "results": [] })),
        _ => status(404, json!({ "status": "NOT_FOUND" })),
    }
}

async fn read(app: &App, symbol: &str, as_of: Option<&str>) -> Value {
    let ada = app.sign_in("ada").await;
    let variables = json!({ "symbol": symbol, "asOf": as_of });
    ada.reads(YIELD, variables).await["instrument"]["dividendYield"].take()
}

#[tokio::test]
async fn regular_dividends_of_twelve_months_are_the_yield_of_a_share() {
    let desk = Desk::with(polygon).await;
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = "ticker,quantity,entry_price,entry_date\n\
                AAPL,10,150,2025-12-01\nAAPL260619C00200000,1,5,2025-12-01\n";
    ada.uploads(&book, file).await;
    let services = Services { chain: chain(&desk), ..app.services.clone() };
    prices::fill(&services).await.expect("prices are completed");

    let now = read(&app, "AAPL", None).await;
    assert_eq!((&now["perShare"], &now["source"]), (&json!("0.52"), &json!("TRAILING")));
    let rate = now["rate"].as_f64().expect("a rate");
    assert!((rate - 1.0026_f64.ln()).abs() < 1e-15, "{rate}");
    assert_eq!((&now["quality"], &now["warnings"]), (&json!("FULL"), &json!([])));

    let then = read(&app, "AAPL", Some("2025-09-02")).await;
    assert_eq!((&then["perShare"], &then["asOf"]), (&json!("0.26"), &json!("2025-09-02")));
    assert_eq!(read(&app, "AAPL260619C00200000", None).await, Value::Null);
}

#[tokio::test]
async fn where_no_dividend_is_told_none_is_assumed_and_said_to_be() {
    let app = App::start().await;
    app.knows_prices("symbol,date,close\nMSFT,2026-01-05,400\n").await;
    let told = read(&app, "MSFT", None).await;
    assert_eq!((&told["rate"], &told["source"]), (&json!(0.0), &json!("NONE")));
    assert_eq!(told["quality"], "ESTIMATED");
    assert_eq!(told["warnings"].as_array().map(Vec::len), Some(1));
}
