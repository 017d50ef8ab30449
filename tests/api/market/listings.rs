//! The options that are listed on an underlying, as whoever looks sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};
use sigmasight::services::listings::Listings;

use super::Desk;
use super::chain::chain;
use super::keeping::book_of;
use super::stub::{Asked, json as answer, status, with_header};
use crate::support::{App, Person, codes};

const LOOK: &str = "query($first: Int, $after: String) { instrument(symbol: \"AAPL\") {
    optionChain(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
            instrument { id symbol contract { kind strike expiry underlying { symbol } } }
            bid ask mid last volume openInterest impliedVolatility
            perShare { delta gamma theta vega rho }
            asOf quotedAt source warnings
        }
    }
    february: optionChain(expiry: \"2026-02-20\") { nodes { instrument { symbol } } }
    puts: optionChain(kind: PUT, maxStrike: \"265\") { totalCount }
    dear: optionChain(minStrike: \"265.001\") { totalCount }
} }";

/// A contract of a hundred shares as Polygon writes it, changed as a story wants it.
fn contract(symbol: &str, change: &Value) -> Value {
    let quoted_at: DateTime<chrono::Utc> = "2026-01-05T20:59:58Z".parse().expect("an instant");
    let mut contract = json!({
        "details": { "ticker": format!("O:{symbol}"), "exercise_style": "american",
                     "shares_per_contract": 100 },
        "greeks": {},
        "day": { "close": 3.65, "volume": 12 },
        "open_interest": 500,
        "last_quote": { "bid": 3.6, "ask": 3.8, "last_updated": quoted_at.timestamp_nanos_opt() },
        "underlying_asset": { "ticker": "AAPL", "price": 267.26 },
    });
    for (name, value) in change.as_object().expect("an object") {
        contract[name] = value.clone();
    }
    contract
}

/// Two pages of Polygon's, in no order.
fn pages(asked: &Asked) -> axum::response::Response {
    let next = format!("{}{}?cursor=Mg", asked.host, asked.path);
    let adjusted = json!({ "details": { "ticker": "O:AAPL1260116C00265000",
                           "exercise_style": "american", "shares_per_contract": 10 } });
    let nobody_bids = json!({ "last_quote": { "bid": 0, "ask": 0.05 }, "day": {} });
    if asked.query.contains_key("cursor") {
        return answer(json!({ "status": "OK", "results": [
            contract("AAPL260116C00265000", &json!({ "implied_volatility": 0.3,
                                                     "last_trade": { "price": 6.1 } })),
            contract("AAPL1260116C00265000", &adjusted),
        ] }));
    }
    answer(json!({ "status": "OK", "next_url": next, "results": [
        contract("AAPL260220C00265000", &json!({ "implied_volatility": 0.31 })),
        contract("AAPL260116C00270000", &nobody_bids),
        contract("AAPL260116P00265000", &json!({})),
    ] }))
}

/// Somebody who holds AAPL, before a program that asks the desk for option chains.
async fn looker(desk: &Desk, listings: Listings) -> Person {
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let (ada, _) = book_of(&app, "AAPL,10,150,2025-12-01\n").await;
    let app = app.with(|services| {
        services.chain = chain(desk);
        services.listings = listings;
    });
    ada.before(&app)
}

fn nodes(seen: &Value) -> &[Value] {
    seen["instrument"]["optionChain"]["nodes"].as_array().expect("a page")
}

fn symbols(nodes: &[Value]) -> Vec<&str> {
    nodes.iter().map(|node| node["instrument"]["symbol"].as_str().expect("a symbol")).collect()
}

fn warning(node: &Value) -> String {
    node["warnings"].as_array().expect("warnings").iter().map(Value::to_string).collect()
}

#[tokio::test]
async fn a_chain_is_asked_for_once_and_read_page_by_page() {
    let desk = Desk::with(pages).await;
    let ada = looker(&desk, Listings::default()).await;
    let first = ada.reads(LOOK, json!({ "first": 2 })).await;
    assert_eq!(desk.stub.calls(), 2, "two pages, however often the query names them");
    let asked = &desk.stub.asked()[0];
    assert_eq!(asked.path, "/v3/snapshot/options/AAPL");
    assert_eq!(asked.query["expiration_date.gte"], "2026-01-05");

    assert_eq!(symbols(nodes(&first)), ["AAPL1260116C00265000", "AAPL260116C00265000"]);
    let chain = &first["instrument"]["optionChain"];
    assert_eq!(
        (&chain["totalCount"], &chain["pageInfo"]["hasNextPage"]),
        (&json!(5), &json!(true))
    );
    let february = first["instrument"]["february"]["nodes"].as_array().expect("a page");
    assert_eq!(symbols(february), ["AAPL260220C00265000"]);
    assert_eq!(first["instrument"]["puts"]["totalCount"], 1);
    assert_eq!(first["instrument"]["dear"]["totalCount"], 1);

    let after = |seen: &Value| seen["instrument"]["optionChain"]["pageInfo"]["endCursor"].clone();
    let second = ada.reads(LOOK, json!({ "first": 2, "after": after(&first) })).await;
    assert_eq!(symbols(nodes(&second)), ["AAPL260116P00265000", "AAPL260116C00270000"]);
    let third = ada.reads(LOOK, json!({ "first": 2, "after": after(&second) })).await;
    assert_eq!(symbols(nodes(&third)), ["AAPL260220C00265000"]);
    assert_eq!(third["instrument"]["optionChain"]["pageInfo"]["hasNextPage"], false);
    assert_eq!(desk.stub.calls(), 2, "and not again within the minute");

    for wrong in ["expiry: \"2025-12-19\"", "minStrike: \"300\", maxStrike: \"200\"", "first: 0"] {
        let query = format!(
            "{{ instrument(symbol: \"AAPL\") {{ optionChain({wrong}) {{ totalCount }} }} }}"
        );
        assert_eq!(codes(&ada.asks(&query, json!({})).await), ["VALIDATION"], "{wrong}");
    }
}

#[tokio::test]
async fn a_quote_says_what_it_is_and_what_is_missing_of_it() {
    let desk = Desk::with(pages).await;
    let ada = looker(&desk, Listings::default()).await;
    let seen = ada.reads(LOOK, json!({})).await;
    let [adjusted, call, put, dear, _] = nodes(&seen) else { panic!("five contracts: {seen}") };

    assert_eq!(call["impliedVolatility"], 0.3, "the provider's");
    assert_eq!(
        (&call["bid"], &call["ask"], &call["mid"], &call["last"]),
        (&json!("3.6"), &json!("3.8"), &json!("3.7"), &json!("6.1"))
    );
    assert_eq!((&call["volume"], &call["openInterest"]), (&json!(12.0), &json!(500.0)));
    assert_eq!((&call["asOf"], &call["source"]), (&json!("2026-01-05"), &json!("POLYGON")));
    assert_eq!(call["quotedAt"], "2026-01-05T20:59:58+00:00");
    assert_eq!(put["last"], "3.65", "the close, for want of a trade");

    // What the middle implies, found another way; and the Greeks at it.
    let rate = ada.app.config.assumptions.risk_free_rate;
    let other = "query($rate: Float!, $volatility: Float!) {
        impliedVolatility(contracts: [{ kind: PUT, strike: \"265\", underlyingPrice: \"267.26\",
            timeToExpiryYears: 0.030136986301369864, riskFreeRate: $rate, price: \"3.7\" }]) {
            volatility
        }
        calculateGreeks(contracts: [{ symbol: \"AAPL260116P00265000\", underlyingPrice: \"267.26\",
            volatility: $volatility }]) { perShare { delta gamma theta vega rho } }
    }";
    let implied = &put["impliedVolatility"];
    let beside = ada.reads(other, json!({ "rate": rate, "volatility": implied })).await;
    let near = |one: &Value, other: &Value| {
        let (one, other) = (one.as_f64().expect("a number"), other.as_f64().expect("a number"));
        assert!((one - other).abs() <= 1e-9 * other.abs(), "{one} and {other}");
    };
    near(implied, &beside["impliedVolatility"][0]["volatility"]);
    let greeks = &beside["calculateGreeks"][0]["perShare"];
    for name in ["delta", "gamma", "theta", "vega", "rho"] {
        near(&put["perShare"][name], &greeks[name]);
    }
    assert!(warning(put).contains("No Treasury yields"), "{put}");

    assert_eq!(
        (&dear["bid"], &dear["ask"], &dear["last"]),
        (&json!("0"), &json!("0.05"), &Value::Null)
    );
    assert_eq!((&dear["impliedVolatility"], &dear["perShare"]), (&Value::Null, &Value::Null));
    assert!(warning(dear).contains("Neither a volatility"), "{dear}");
    assert_eq!(adjusted["perShare"], Value::Null);
    assert!(warning(adjusted).contains("delivers 10 shares"), "{adjusted}");

    // A contract that nobody has entered is found again by its id.
    let query = "query($id: ID!) { node(id: $id) { id ... on Instrument {
        symbol assetClass quote { price } contract { kind strike expiry underlying { symbol } }
    } } }";
    let id = &call["instrument"]["id"];
    let found = ada.reads(query, json!({ "id": id })).await["node"].take();
    assert_eq!((&found["id"], &found["symbol"]), (id, &json!("AAPL260116C00265000")));
    assert_eq!(found["contract"], call["instrument"]["contract"]);
    assert_eq!((&found["assetClass"], &found["quote"]), (&json!("OPTION"), &Value::Null));
}

/// The code and the message of the only error.
async fn refused(ada: &Person) -> (String, String) {
    let seen = ada.asks(LOOK, json!({})).await;
    let error = &seen["errors"][0];
    let hint = error["extensions"]["hint"].as_str().expect("a hint");
    assert!(!hint.contains("admin") && !hint.contains("_KEY"), "she is none: {hint}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&error["extensions"]["code"]), text(&error["message"]))
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_followed() {
    let desk = Desk::with(|_| {
        answer(json!({ "status": "OK", "next_url": "http://169.254.169.254/latest/meta-data",
                       "results": [contract("AAPL260116P00265000", &json!({}))] }))
    })
    .await;
    let ada = looker(&desk, Listings::default()).await;
    let (code, message) = refused(&ada).await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    assert!(message.contains("leads to another host") && !message.contains("169"), "{message}");
    assert_eq!(desk.stub.calls(), 1);
}

#[tokio::test]
async fn a_plan_without_options_says_so_and_is_not_asked_at_every_look() {
    let desk = Desk::with(|_| {
        let message = "You are not entitled to this data. See https://polygon.io/pricing.";
        status(403, json!({ "status": "NOT_AUTHORIZED", "message": message }))
    })
    .await;
    let ada = looker(&desk, Listings::default()).await;
    for _ in 0..3 {
        let (code, message) = refused(&ada).await;
        assert_eq!(code, "UPSTREAM_UNAVAILABLE");
        assert!(message.contains("not entitled") && !message.contains("://"), "{message}");
    }
    assert_eq!(desk.stub.calls(), 1);
}

#[tokio::test]
async fn where_nobody_answers_what_was_told_before_is_shown_with_its_time() {
    let is_shut = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_shut);
    let desk = Desk::with(move |asked| {
        if switch.load(Ordering::Relaxed) {
            let error = json!({ "status": "ERROR", "error": "maximum requests per minute" });
            with_header(status(429, error), axum::http::header::RETRY_AFTER, "60")
        } else {
            pages(asked)
        }
    })
    .await;
    let ada = looker(&desk, Listings::fresh_for(Duration::ZERO)).await;
    let now = ada.reads(LOOK, json!({})).await;
    is_shut.store(true, Ordering::Relaxed);
    let later = ada.reads(LOOK, json!({})).await;
    assert_eq!(symbols(nodes(&later)), symbols(nodes(&now)));
    assert!(!warning(&nodes(&now)[1]).contains("told at"));
    for node in nodes(&later) {
        assert!(warning(node).contains("this was told at 2026-01-05T21:30:00Z"), "{node}");
    }
    // Who has seen nothing before is told why.
    let bob = looker(&desk, Listings::default()).await;
    let (code, message) = refused(&bob).await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    assert!(message.contains("Polygon asks for a pause"), "{message}");
}

#[tokio::test]
async fn without_providers_a_chain_is_simulated_or_refused() {
    let app = App::start().at("2026-01-05T21:30:00Z").with_simulated_prices().await;
    let (ada, _) = book_of(&app, "AAPL,10,150,2025-12-01\n").await;
    app.completes_prices().await;
    let (mut all, mut after) = (Vec::new(), Value::Null);
    let total = loop {
        let seen = ada.reads(LOOK, json!({ "first": 500, "after": after })).await;
        all.extend(nodes(&seen).to_vec());
        let chain = &seen["instrument"]["optionChain"];
        after = chain["pageInfo"]["endCursor"].clone();
        if chain["pageInfo"]["hasNextPage"] == false {
            break chain["totalCount"].as_u64().expect("a number");
        }
    };
    assert_eq!(all.len() as u64, total);
    let number = |value: &Value| value.as_f64().expect("a number");
    for pair in all.chunks(2) {
        let [call, put] = pair else { panic!("calls and puts come in pairs") };
        assert_eq!(
            call["instrument"]["contract"]["strike"],
            put["instrument"]["contract"]["strike"]
        );
        assert_eq!(call["source"], "SYNTHETIC");
        assert_eq!((&call["warnings"], &call["asOf"]), (&json!([]), &json!("2026-01-05")));
        assert_eq!(call["impliedVolatility"], put["impliedVolatility"], "one smile");
        let parity = number(&call["perShare"]["delta"]) - number(&put["perShare"]["delta"]);
        assert!((0.95..=1.0 + 1e-12).contains(&parity), "{parity} is what dividends leave");
    }

    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let (ada, _) = book_of(&app, "AAPL,10,150,2025-12-01\n").await;
    let (code, message) = refused(&ada).await;
    assert_eq!(code, "UPSTREAM_UNAVAILABLE");
    assert_eq!(message, "No source of option chains is configured.");
}

#[tokio::test]
async fn no_query_may_ask_for_the_chains_of_ten_underlyings() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let chains = |number: usize| {
        crate::support::numbered(0..number, |nth| {
            format!(
                "s{nth}: instrument(symbol: \"S{nth}\") {{ optionChain(first: 1) {{ totalCount }} }} "
            )
        })
    };
    let asks = async |number| ada.asks(&format!("{{ {} }}", chains(number)), json!({})).await;
    assert_eq!(codes(&asks(9).await), Vec::<&str>::new());
    assert_eq!(codes(&asks(10).await), ["QUERY_TOO_COMPLEX"]);
}
