//! What is said where something is missing: never zero.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{app_with_factors, float, list, mentions, money};
use crate::support::{App, codes};

const DAY: &str = "2019-12-31";

#[tokio::test]
async fn a_share_that_was_listed_lately_has_no_betas_and_is_left_out_and_said() {
    let app = app_with_factors().await;
    // Eighteen sessions of a newcomer.
    let days = (4..=30).filter(|day| !matches!(day, 5 | 6 | 12 | 13 | 19 | 20 | 25..=27));
    let mut file = String::from("symbol,date,close\n");
    for day in days {
        writeln!(file, "NEWCO,2020-12-{day:02},{}", 20 + day).expect("writes");
    }
    app.knows_prices(&file).await;
    let ada = app.sign_in("ada").await;
    let book = ada.enters("Core", "10000", &[("AAPL", 100), ("NEWCO", 100), ("NOBAR", 5)]).await;
    let seen = ada
        .reads(
            r#"query($id: ID!) {
                instrument(symbol: "NEWCO") {
                    factorBetas { beta rawBeta observations quality warnings }
                    interestRateBeta { beta observations quality warnings }
                }
                portfolio(id: $id) {
                    factorExposures {
                        factor { name } exposureDollars quality warnings
                        contributions { position { symbol } }
                        provenance { coverage { includedPositions excludedPositions } }
                    }
                    factorModel { positionsCovered positionsExcluded { position { symbol } reason } }
                    riskDecomposition { volatility quality warnings }
                    riskMetrics { observations annualizedVolatility quality warnings }
                    correlations(filter: { minWeight: 0, minPositionValue: 0, mode: EITHER }) {
                        symbols averageCorrelation excluded { position { symbol } reason }
                    }
                }
            }"#,
            json!({ "id": book }),
        )
        .await;
    for beta in list(&seen["instrument"]["factorBetas"]) {
        assert_eq!((&beta["beta"], &beta["quality"]), (&Value::Null, &json!("INSUFFICIENT")));
        assert!(mentions(&beta["warnings"], "complete returns"), "{beta}");
    }
    // Known defect 14: no yields are known here, and none are made up.
    let rate = &seen["instrument"]["interestRateBeta"];
    assert_eq!((&rate["beta"], &rate["quality"]), (&Value::Null, &json!("INSUFFICIENT")));
    assert!(mentions(&rate["warnings"], "DGS10"), "{rate}");

    let portfolio = &seen["portfolio"];
    let market = &portfolio["factorExposures"][0];
    assert_eq!(
        (&market["factor"]["name"], &market["quality"]),
        (&json!("Market"), &json!("LIMITED"))
    );
    assert_eq!(market["contributions"], json!([{ "position": { "symbol": "AAPL" } }]));
    assert_eq!(market["provenance"]["coverage"]["excludedPositions"], 2);
    assert!(mentions(&market["warnings"], "2 of 3 positions are left out"), "{market}");
    let excluded = list(&portfolio["factorModel"]["positionsExcluded"]);
    let reason = |symbol: &str| {
        let one = excluded.iter().find(|one| one["position"]["symbol"] == symbol);
        one.and_then(|one| one["reason"].as_str()).expect("a reason")
    };
    assert!(reason("NEWCO").contains("60 are needed"), "{excluded:?}");
    assert!(reason("NOBAR").contains("No price of NOBAR"), "{excluded:?}");
    assert!(float(&portfolio["riskDecomposition"]["volatility"]) > 0.0);
    assert_eq!(portfolio["riskDecomposition"]["quality"], "LIMITED");
    let risk = &portfolio["riskMetrics"];
    assert_eq!((&risk["observations"], &risk["quality"]), (&json!(252), &json!("LIMITED")));
    assert_eq!(portfolio["correlations"]["symbols"], json!(["AAPL"]));
    assert_eq!(portfolio["correlations"]["averageCorrelation"], Value::Null);
}

#[tokio::test]
async fn a_book_of_nothing_known_has_no_figures_and_an_empty_one_has_nothing_to_fear() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let unknown = ada.enters("Unknown", "100", &[("NOBAR", 5)]).await;
    let empty = ada.creates_portfolio_with_cash("Empty", "100").await;
    let query = "query($id: ID!) { portfolio(id: $id) {
        factorExposures { factor { name } beta exposureDollars quality warnings }
        factorModel { rSquared positionsCovered }
        riskDecomposition { volatility parametricVar99 quality warnings }
        riskMetrics { observations annualizedVolatility historicalVar99 sharpeRatio
            averageCorrelation quality warnings }
        correlations { symbols matrix averageCorrelation effectivePositions clusters { nickname } }
        concentration { effectivePositions herfindahl top { key } bySector { key } }
    } }";
    let seen = ada.reads(query, json!({ "id": unknown })).await;
    let portfolio = &seen["portfolio"];
    for exposure in list(&portfolio["factorExposures"]) {
        assert_eq!((&exposure["beta"], &exposure["exposureDollars"]), (&Value::Null, &Value::Null));
        assert_eq!(exposure["quality"], "INSUFFICIENT");
        assert!(!list(&exposure["warnings"]).is_empty());
    }
    assert_eq!(portfolio["riskDecomposition"]["volatility"], Value::Null);
    assert_eq!(portfolio["riskMetrics"]["annualizedVolatility"], Value::Null);
    assert_eq!(portfolio["riskMetrics"]["quality"], "INSUFFICIENT");
    assert_eq!(portfolio["riskMetrics"]["observations"], 0);
    for figure in ["riskMetrics", "riskDecomposition"] {
        let warnings = list(&portfolio[figure]["warnings"]);
        let of_it = warnings.iter().filter(|said| said.to_string().contains("NOBAR"));
        assert_eq!(of_it.count(), 1, "the same loss once: {warnings:?}");
    }
    assert_eq!(portfolio["concentration"]["effectivePositions"], Value::Null);

    let seen = ada.reads(query, json!({ "id": empty })).await;
    let portfolio = &seen["portfolio"];
    assert_eq!(money(&portfolio["factorExposures"][0]["exposureDollars"]).to_bits(), 0);
    assert_eq!(float(&portfolio["riskDecomposition"]["volatility"]).to_bits(), 0);
    assert_eq!(portfolio["riskMetrics"]["sharpeRatio"], Value::Null);
    assert_eq!(portfolio["correlations"]["matrix"], json!([]));
}

#[tokio::test]
async fn an_option_counts_with_its_premium_in_dollars_and_not_at_all_without_a_delta() {
    let app = app_with_factors().await;
    app.knows_prices("symbol,date,close\nAAPL200619P00073000,2019-12-31,5\n").await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio_with_cash("Options", "100000").await;
    let file = "ticker,quantity,entry_price,entry_date\nAAPL200619P00073000,10,4,2019-12-02\n";
    assert_eq!(ada.uploads(&book, file).await["createdCount"], 1);
    let seen = ada
        .reads(
            "query($id: ID!, $asOf: Date!) { portfolio(id: $id) {
                factorExposures(asOf: $asOf) {
                    exposureDollars basis warnings contributions { beta }
                }
            } }",
            json!({ "id": book, "asOf": DAY }),
        )
        .await;
    let market = &seen["portfolio"]["factorExposures"][0];
    let beta = float(&market["contributions"][0]["beta"]);
    assert!((money(&market["exposureDollars"]) - 5_000.0 * beta).abs() < 1e-6, "{market}");
    assert!(mentions(&market["warnings"], "DELTA_ADJUSTED carries them through delta"), "{market}");
}

#[tokio::test]
async fn bounds_of_the_arguments_are_told() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    for field in [
        "riskMetrics(windowDays: 19) { observations }",
        "riskMetrics(windowDays: 100000) { observations }",
        "riskMetrics(benchmark: \" \") { observations }",
        "correlations(lookbackDays: -1) { included }",
        "correlations(filter: { clusterThreshold: 2 }) { included }",
        "factorExposures(asOf: \"2999-01-01\") { beta }",
        "concentration { top(first: 0) { key } }",
    ] {
        let query = format!("query($id: ID!) {{ portfolio(id: $id) {{ {field} }} }}");
        let answer = ada.asks(&query, json!({ "id": book })).await;
        assert_eq!(codes(&answer), ["VALIDATION"], "{field}: {answer}");
    }
    // Where it happened is told to the field, of an entry of a list too.
    let path = |answer: &Value| answer["errors"][0]["path"].clone();
    let one =
        "query($id: ID!) { portfolio(id: $id) { risk: riskMetrics(windowDays: 5) { beta } } }";
    let answer = ada.asks(one, json!({ "id": book })).await;
    assert_eq!(path(&answer), json!(["portfolio", "risk"]), "{answer}");
    let all =
        "{ viewer { portfolios { edges { node { riskMetrics(windowDays: 5) { beta } } } } } }";
    let answer = ada.asks(all, json!({})).await;
    let within = json!(["viewer", "portfolios", "edges", 0, "node", "riskMetrics"]);
    assert_eq!(path(&answer), within, "{answer}");
    let all = "{ viewer { portfolios { nodes { riskMetrics(windowDays: 5) { beta } } } } }";
    let answer = ada.asks(all, json!({})).await;
    let within = json!(["viewer", "portfolios", "nodes", 0, "riskMetrics"]);
    assert_eq!(path(&answer), within, "{answer}");
    let answer = ada.asks("{ factorCorrelations(decay: 1.5) { decay } }", json!({})).await;
    assert_eq!(codes(&answer), ["VALIDATION"], "{answer}");
    let answer = app.asks("{ factorCorrelations { decay } }", json!({})).await;
    assert_eq!(codes(&answer), ["UNAUTHENTICATED"], "{answer}");
}

#[tokio::test]
async fn what_has_expired_moves_with_nothing() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let query = "query($id: ID!, $asOf: Date!) { portfolio(id: $id) {
        valuation(asOf: $asOf) { positionCount marketValue }
        factorExposures(asOf: $asOf) { factor { name } exposureDollars beta warnings
            provenance { coverage { includedPositions excludedPositions } } }
        through: factorExposures(asOf: $asOf, basis: DELTA_ADJUSTED) { exposureDollars }
        factorModel(asOf: $asOf) { rSquared positionsCovered positionsExcluded { reason } }
        correlations(asOf: $asOf, filter: { minPositionValue: 0, minWeight: 0 }) {
            included averageCorrelation excluded { reason } }
        riskMetrics(asOf: $asOf) { averageCorrelation }
    } }";
    let ask = |book: String| {
        let ada = ada.clone();
        let variables = json!({ "id": book, "asOf": DAY });
        async move { ada.reads(query, variables).await["portfolio"].take() }
    };
    // One is worth what it settled at, the other nothing.
    let expired = "ticker,quantity,entry_price,entry_date\n\
                   AAPL190621C00040000,10,4,2019-01-02\nJPM190621P00020000,-5,1,2019-01-02\n";
    let gone = ada.creates_portfolio_with_cash("Gone", "1000").await;
    assert_eq!(ada.uploads(&gone, expired).await["createdCount"], 2);
    let seen = ask(gone).await;
    assert!(money(&seen["valuation"]["marketValue"]) > 1_000.0, "{seen}");
    for exposure in list(&seen["factorExposures"]) {
        if exposure["factor"]["name"] != "Growth" {
            assert_eq!(
                (&exposure["exposureDollars"], &exposure["beta"]),
                (&json!("0"), &json!(0.0)),
                "{exposure}"
            );
        }
        assert!(!mentions(&exposure["warnings"], "left out"), "{exposure}");
        let covered = json!({ "includedPositions": 0, "excludedPositions": 0 });
        assert_eq!(exposure["provenance"]["coverage"], covered);
    }
    let nothing = json!({ "rSquared": null, "positionsCovered": 0, "positionsExcluded": [] });
    assert_eq!(seen["factorModel"], nothing);
    let nothing = json!({ "included": 0, "averageCorrelation": null, "excluded": [] });
    assert_eq!(seen["correlations"], nothing);

    // Beside what moves it changes nothing of that.
    let alone = ada.enters("Alone", "1000", &[("KO", 100), ("XOM", -20)]).await;
    let beside = ada.enters("Beside", "1000", &[("KO", 100), ("XOM", -20)]).await;
    assert_eq!(ada.uploads(&beside, expired).await["createdCount"], 2);
    let (alone, beside) = (ask(alone).await, ask(beside).await);
    for field in ["factorModel", "correlations", "riskMetrics", "through"] {
        assert_eq!(alone[field], beside[field], "{field}");
    }
    let dollars = |book: &Value| {
        let all = list(&book["factorExposures"]).iter();
        all.map(|one| one["exposureDollars"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(dollars(&alone), dollars(&beside));
}

#[tokio::test]
async fn what_is_estimated_says_of_what() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio_with_cash("Core", "1000").await;
    let file = "ticker,quantity,entry_price,entry_date\n\
                AAPL,100,150,2025-12-01\nKO,200,60,2025-12-01\n";
    assert_eq!(ada.uploads(&book, file).await["createdCount"], 2);
    app.works_through_its_queue().await;
    let seen = ada
        .reads(
            "query($id: ID!) { portfolio(id: $id) {
                correlations(lookbackDays: 60) { quality warnings }
                factorModel { quality warnings }
                greeks { quality warnings }
            } }",
            json!({ "id": book }),
        )
        .await;
    for (name, words) in [
        ("correlations", "The closes of 2 of 2 symbols are simulated."),
        ("factorModel", "The closes of the factors' funds are simulated."),
        ("greeks", "2 of 2 positions are priced SYNTHETIC"),
    ] {
        let figure = &seen["portfolio"][name];
        assert_eq!(figure["quality"], "ESTIMATED", "{figure}");
        assert!(mentions(&figure["warnings"], words), "{figure}");
    }
}

/// An option that nobody quotes moves by its model's delta; it is in the figures, and said.
#[tokio::test]
async fn an_option_without_a_price_counts_through_its_delta() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let book = ada.enters("Core", "10000", &[("KO", 100)]).await;
    let file = "ticker,quantity,entry_price,entry_date\nAAPL211217C00130000,5,12,2020-12-01\n";
    assert_eq!(ada.uploads(&book, file).await["createdCount"], 1);
    let seen = ada
        .reads(
            "query($id: ID!) { portfolio(id: $id) {
                factorExposures(basis: DELTA_ADJUSTED) { factor { name } exposureDollars quality warnings }
                riskMetrics { annualizedVolatility quality warnings }
                riskDecomposition { volatility quality warnings }
                positions { nodes { symbol
                    factorExposures(basis: DELTA_ADJUSTED) { exposureDollars quality warnings } } }
            } }",
            json!({ "id": book }),
        )
        .await["portfolio"]
        .take();
    let says = |figure: &Value| {
        assert!(mentions(&figure["warnings"], "through a model's delta: AAPL211217C00130000"));
        assert!(!mentions(&figure["warnings"], "no price and are left out"), "{figure}");
        assert!(["ESTIMATED", "LIMITED"].contains(&figure["quality"].as_str().unwrap_or_default()));
    };
    assert_eq!(seen["factorExposures"][0]["factor"]["name"], "Market");
    says(&seen["factorExposures"][0]);
    for field in ["riskMetrics", "riskDecomposition"] {
        says(&seen[field]);
    }
    let own = &seen["positions"]["nodes"][0];
    assert_eq!(own["symbol"], "AAPL211217C00130000");
    says(&own["factorExposures"][0]);
    assert!(money(&own["factorExposures"][0]["exposureDollars"]) > 1_000.0, "{own}");
}

/// What an expired option was settled at is not known without a price of its underlying: it is worth
/// something in the book, and left out and said on each basis.
#[tokio::test]
async fn an_expired_option_without_a_settlement_is_left_out_and_said() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let book = ada.enters("Core", "10000", &[("KO", 100)]).await;
    let file = "ticker,quantity,entry_price,entry_date\nNOBAR190621C00040000,5,4,2019-01-02\n";
    assert_eq!(ada.uploads(&book, file).await["createdCount"], 1);
    let seen = ada
        .reads(
            "query($id: ID!) { portfolio(id: $id) {
                factorExposures { quality warnings }
                delta: factorExposures(basis: DELTA_ADJUSTED) { quality warnings }
                riskMetrics { quality warnings }
                riskDecomposition { quality warnings }
                marketScenarios { quality warnings }
            } }",
            json!({ "id": book }),
        )
        .await["portfolio"]
        .take();
    for figure in [
        &seen["factorExposures"][0],
        &seen["delta"][0],
        &seen["riskMetrics"],
        &seen["riskDecomposition"],
        &seen["marketScenarios"][0],
    ] {
        assert_eq!(figure["quality"], "LIMITED", "{figure}");
        assert!(mentions(&figure["warnings"], "left out: NOBAR190621C00040000"), "{figure}");
    }
}
