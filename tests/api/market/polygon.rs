//! Polygon in its own shapes.

use serde_json::{Value, json};
use sigmasight::domain::instrument::{ExerciseStyle, OptionKind};
use sigmasight::market::by_day_is_cheaper;
use sigmasight::market::chain::Chain;
use sigmasight::market::check::Fault;
use sigmasight::market::provider::{
    Absence, DividendKind, MarketDataProvider, ProviderError, Urgency,
};

use super::stub::{json as answer, status, text};
use super::{Desk, KEY, closes, date, decimal, midnight, pairs, span};

/// A bar as Polygon writes it.
fn aggregate(day: &str, close: &str) -> String {
    let t = midnight(day);
    format!(
        r#"{{"v":642646396.0,"vw":1.4896,"o":1.5032,"c":{close},"h":1.5096,"l":1.3973,"t":{t},"n":82132}}"#
    )
}

/// An answer of Polygon with these results.
fn page(ticker: &str, results: &[String], next_url: Option<String>) -> Value {
    let results: Vec<Value> =
        results.iter().map(|bar| serde_json::from_str(bar).expect("JSON")).collect();
    let mut page = json!({
        "ticker": ticker, "queryCount": results.len(), "resultsCount": results.len(),
        "adjusted": false, "results": results, "status": "OK",
        "request_id": "6a7e466379af0a71039d60cc78e72282", "count": results.len(),
    });
    if let Some(next_url) = next_url {
        page["next_url"] = next_url.into();
    }
    page
}

#[tokio::test]
async fn bars_come_as_traded_over_all_pages_with_the_key_in_a_header() {
    let desk = Desk::with(|asked| {
        let next = format!("{}{}?cursor=bGltaXQ9Mg", asked.host, asked.path);
        if asked.query.contains_key("cursor") {
            return answer(page("AAPL", &[aggregate("2026-01-05", "1.4604")], None));
        }
        let first = [aggregate("2025-12-31", "1.4595"), aggregate("2026-01-02", "1.46040000001")];
        answer(page("AAPL", &first, Some(next)))
    })
    .await;
    let range = span("2025-12-30", "2026-01-05");
    let bars = desk.polygon().daily_bars("AAPL", range, Urgency::Batch).await.expect("bars");

    let expected = [("2025-12-31", "1.4595"), ("2026-01-02", "1.4604"), ("2026-01-05", "1.4604")];
    assert_eq!(closes(&bars), pairs(&expected), "ten decimals are kept");
    assert_eq!(bars.bars[0].volume, Some(decimal("642646396")));
    assert_eq!(bars.bars[0].open, Some(decimal("1.5032")));
    assert_eq!(bars.rejected, []);

    let asked = desk.stub.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].path, "/v2/aggs/ticker/AAPL/range/1/day/2025-12-30/2026-01-05");
    assert_eq!(asked[0].query["adjusted"], "false");
    assert_eq!(asked[0].query["limit"], "50000");
    for request in asked {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {KEY}")));
        assert!(request.query.values().all(|value| value != KEY), "{request:?}");
    }
}

#[tokio::test]
async fn symbols_are_named_as_polygon_does() {
    let desk = Desk::with(|_| answer(json!({ "status": "OK", "resultsCount": 0 }))).await;
    let polygon = desk.polygon();
    let day = span("2026-01-05", "2026-01-05");
    for symbol in ["BRK.B", "^VIX", "AAPL240119C00150000"] {
        let nothing = polygon.daily_bars(symbol, day, Urgency::Batch).await;
        assert!(matches!(nothing, Err(ProviderError::NotFound { .. })), "{nothing:?}");
    }
    let named: Vec<_> = desk
        .stub
        .asked()
        .iter()
        .map(|asked| asked.path.split('/').nth(4).expect("a ticker").to_owned())
        .collect();
    assert_eq!(named, ["BRK.B", "I:VIX", "O:AAPL240119C00150000"]);
}

#[tokio::test]
async fn the_previous_close_is_the_last_session_that_closed() {
    let desk = Desk::with(|_| {
        let mut page = page("AAPL", &[aggregate("2026-01-05", "267.26")], None);
        page["results"][0]["T"] = "AAPL".into();
        answer(page)
    })
    .await;
    let bar = desk.polygon().previous_close("AAPL", Urgency::Quote).await.expect("a bar");
    assert_eq!((bar.date, bar.close), (date("2026-01-05"), decimal("267.26")));
    assert_eq!(desk.stub.asked()[0].path, "/v2/aggs/ticker/AAPL/prev");
}

#[tokio::test]
async fn splits_and_dividends_are_as_announced() {
    let desk = Desk::with(|asked| {
        let results = match asked.path.as_str() {
            "/v3/reference/splits" => json!([
                { "execution_date": "2022-06-06", "split_from": 1, "split_to": 20, "ticker": "AMZN" },
                { "execution_date": "1999-09-02", "split_from": 1, "split_to": 2, "ticker": "AMZN" },
            ]),
            _ => json!([
                { "cash_amount": 0.22, "currency": "USD", "declaration_date": "2021-10-28",
                  "dividend_type": "CD", "ex_dividend_date": "2021-11-05", "frequency": 4,
                  "pay_date": "2021-11-11", "record_date": "2021-11-08", "ticker": "AMZN" },
                { "cash_amount": 3, "dividend_type": "SC", "ex_dividend_date": "2004-11-15",
                  "ticker": "AMZN" },
            ]),
        };
        answer(json!({ "results": results, "status": "OK", "request_id": "x" }))
    })
    .await;
    let (polygon, ever) = (desk.polygon(), span("1990-01-01", "2026-01-05"));

    let splits = polygon.splits("AMZN", ever, Urgency::Batch).await.expect("splits");
    let told: Vec<_> =
        splits.iter().map(|s| (s.date, s.from.to_string(), s.to.to_string())).collect();
    assert_eq!(
        told,
        [
            (date("1999-09-02"), "1".into(), "2".into()),
            (date("2022-06-06"), "1".into(), "20".into()),
        ]
    );
    let dividends = polygon.dividends("AMZN", ever, Urgency::Batch).await.expect("dividends");
    let told: Vec<_> = dividends.iter().map(|d| (d.ex_date, d.amount, d.kind)).collect();
    assert_eq!(
        told,
        [
            (date("2004-11-15"), decimal("3"), DividendKind::Special),
            (date("2021-11-05"), decimal("0.22"), DividendKind::Regular),
        ]
    );
    assert_eq!(desk.stub.asked()[0].query["execution_date.gte"], "1990-01-01");
    assert_eq!(desk.stub.asked()[1].query["ex_dividend_date.lte"], "2026-01-05");
}

/// A contract as Polygon writes it, and an adjusted one deep in the money: no Greeks, no volatility
/// and no trade.
const OPTIONS: &str = r#"{"request_id":"d9ff18dac69f55c218f69e4753706acd","status":"OK","results":[
    {"break_even_price":171.075,
     "day":{"change":-1.05,"change_percent":-4.67,"close":29,"high":29.1,
            "last_updated":1651204800000000000,"low":28.9,"open":29.1,"previous_close":30.05,
            "volume":37,"vwap":29.2},
     "details":{"contract_type":"call","exercise_style":"american","expiration_date":"2023-06-16",
                "shares_per_contract":100,"strike_price":150,"ticker":"O:AAPL230616C00150000"},
     "greeks":{"delta":0.6436614934293701,"gamma":0.0061735291012820675,
               "theta":-0.028227189324641973,"vega":0.6381159723175714},
     "implied_volatility":0.3570277203465058,
     "last_quote":{"ask":21.25,"ask_size":110,"bid":20.9,"bid_size":172,
                   "last_updated":1636573458756383500,"midpoint":21.075,"timeframe":"REAL-TIME"},
     "last_trade":{"price":29,"size":1,"sip_timestamp":1651202833000000000,"conditions":[209],
                   "exchange":316,"timeframe":"REAL-TIME"},
     "open_interest":8133,
     "underlying_asset":{"ticker":"AAPL","price":147.951,
                         "change_to_break_even":23.123999999999995}},
    {"details":{"contract_type":"put","exercise_style":"american","expiration_date":"2023-06-16",
                "shares_per_contract":10,"strike_price":500,"ticker":"O:AAPL1230616P00500000"},
     "greeks":{},"last_quote":{"ask":0,"bid":0}}]}"#;

#[tokio::test]
async fn an_option_chain_has_its_volatilities_where_there_are_any() {
    let desk = Desk::with(|_| text(OPTIONS)).await;
    let june = span("2023-06-01", "2023-06-30");
    let chain = desk.polygon().option_chain("AAPL", june, Urgency::Batch).await.expect("a chain");

    let call = &chain[0];
    assert_eq!(call.symbol, "AAPL230616C00150000");
    assert_eq!((call.kind, call.exercise_style), (OptionKind::Call, ExerciseStyle::American));
    assert_eq!((call.strike, call.expiry), (decimal("150"), date("2023-06-16")));
    assert_eq!(call.implied_volatility, Some(decimal("0.3570277203465058")), "every digit");
    assert_eq!((call.bid, call.ask), (Some(decimal("20.9")), Some(decimal("21.25"))));
    let quoted_at = call.quoted_at.expect("an instant").to_rfc3339();
    assert_eq!(quoted_at, "2021-11-10T19:44:18.756383500+00:00");
    assert_eq!((call.last, call.close), (Some(decimal("29")), Some(decimal("29"))));
    assert_eq!(call.underlying_price, Some(decimal("147.951")));
    let put = &chain[1];
    assert_eq!(put.shares_per_contract, decimal("10"), "an adjusted contract says so");
    assert_eq!((put.implied_volatility, put.ask, put.last), (None, None, None));
    assert_eq!(desk.stub.asked()[0].query["expiration_date.gte"], "2023-06-01");
}

#[tokio::test]
async fn a_year_of_fifty_symbols_on_the_free_plan_takes_one_call_a_session() {
    let symbols: Vec<String> = (0..50).map(|number| format!("S{number:02}")).collect();
    let market = symbols.clone();
    let desk = Desk::with(move |asked| {
        let day = asked.path.rsplit('/').next().expect("a date");
        // Grouped bars are stamped with the close instead of midnight.
        let t = midnight(day) + 16 * 3_600_000;
        let results: Vec<Value> = market
            .iter()
            .map(|symbol| json!({ "T": symbol, "v": 1e6, "o": 10, "c": 10.5, "h": 11, "l": 9, "t": t }))
            .collect();
        answer(json!({ "queryCount": 50, "resultsCount": 50, "adjusted": false,
                       "results": results, "status": "OK" }))
    })
    .await;
    let sessions: Vec<_> = desk.calendar.sessions(date("2025-01-01"), date("2025-12-31")).collect();
    assert_eq!(sessions.len(), 250);
    let chain = Chain::new(vec![std::sync::Arc::new(desk.polygon())], desk.calendar.clone());

    let began = desk.time.instant();
    let mut bars = 0;
    for &session in &sessions {
        let day = chain.market_day(session, Urgency::Backfill).await.expect("a day");
        let wanted = day.answer.bars.iter().filter(|(symbol, _)| symbols.contains(symbol));
        bars += wanted.filter(|(_, bar)| bar.date == session).count();
    }
    assert_eq!(bars, 50 * 250);
    assert_eq!(desk.stub.calls(), 250, "one a session, none in vain");
    let minutes = (desk.time.instant() - began).num_minutes();
    assert_eq!(minutes, 49, "five at once, then five a minute");

    assert!(by_day_is_cheaper(300, 250) && !by_day_is_cheaper(50, 250));
}

#[tokio::test]
async fn what_polygon_refuses_is_told_in_its_words() {
    let desk = Desk::with(|asked| match asked.earlier {
        0 => {
            status(401, json!({ "status": "ERROR", "request_id": "x", "error": "Unknown API Key" }))
        }
        1 => status(
            403,
            json!({ "status": "NOT_AUTHORIZED", "request_id": "x",
                    "message": "Your plan doesn't include this data timeframe." }),
        ),
        2 => status(404, json!({ "status": "NOT_FOUND", "message": "Ticker not found." })),
        _ => {
            status(400, json!({ "status": "ERROR", "error": "Could not parse the time parameter" }))
        }
    })
    .await;
    let (polygon, day) = (desk.polygon(), span("2026-01-05", "2026-01-05"));
    let mut told = Vec::new();
    for _ in 0..4 {
        let error = polygon.daily_bars("AAPL", day, Urgency::Quote).await.expect_err("refused");
        if let ProviderError::NotFound { absence, .. } = &error {
            assert_eq!(*absence, [Absence::RangeTooOld, Absence::Unknown][told.len() - 1]);
        }
        told.push(error.to_string());
    }
    assert_eq!(
        told,
        [
            "does not accept the key: Unknown API Key",
            "has nothing: Your plan doesn't include this data timeframe.",
            "has nothing: Ticker not found.",
            "answers what cannot be read: an error with status 400: Could not parse the time parameter",
        ]
    );
    assert_eq!(desk.stub.calls(), 4, "nothing of it is better next time");
}

#[tokio::test]
async fn a_bar_told_twice_counts_once() {
    let desk = Desk::with(|_| {
        let twice = [aggregate("2026-01-05", "1.40"), aggregate("2026-01-05", "1.41")];
        answer(page("AAPL", &twice, None))
    })
    .await;
    let day = span("2026-01-05", "2026-01-05");
    let bars = desk.polygon().daily_bars("AAPL", day, Urgency::Batch).await.expect("bars");
    assert_eq!(closes(&bars), pairs(&[("2026-01-05", "1.4")]));
    assert_eq!(bars.rejected, [Fault::Repeated(date("2026-01-05"))]);
}
