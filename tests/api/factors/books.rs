//! Books over real prices.

use serde_json::{Value, json};

use super::{app_with_factors, assert_close, float, list, mentions, money, reference};
use crate::support::App;

const DAY: &str = "2019-12-31";

#[tokio::test]
async fn the_parts_of_a_book_add_up_to_it() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let held = [("AAPL", 100), ("JPM", -250), ("KO", 60), ("XOM", 75)];
    let book = ada.enters("Core", "100000", &held).await;
    let seen = ada
        .reads(
            "query($id: ID!, $asOf: Date!) {
                portfolio(id: $id) {
                    valuation(asOf: $asOf) { totalValue }
                    factorExposures(asOf: $asOf) {
                        factor { name } beta standardError exposureDollars quality warnings
                        observations
                        contributions { position { symbol } beta exposureDollars }
                        provenance { method modelVersion inputs { name value }
                            coverage { includedPositions includedExposure } }
                    }
                    factorModel(asOf: $asOf) {
                        windowDays observations conditionNumber positionsCovered rSquared
                        varianceInflation { factor { name } vif } positionsExcluded { reason }
                    }
                    riskDecomposition(asOf: $asOf) {
                        volatility factorVolatility specificVolatility specificContribution
                        factors { contribution percent }
                        positions { position { symbol } marginalVolatility contribution percent }
                        parametricVar95 parametricVar99 quality
                    }
                    positions { nodes { symbol factorExposures(asOf: $asOf) {
                        factor { name } beta exposureDollars } } }
                }
            }",
            json!({ "id": book, "asOf": DAY }),
        )
        .await;
    let portfolio = &seen["portfolio"];
    let value = money(&portfolio["valuation"]["totalValue"]);
    for exposure in list(&portfolio["factorExposures"]) {
        let name = exposure["factor"]["name"].as_str().expect("a name");
        if name == "Growth" {
            assert_eq!(exposure["exposureDollars"], Value::Null);
            continue;
        }
        let dollars = money(&exposure["exposureDollars"]);
        let parts = list(&exposure["contributions"]);
        let sum: f64 = parts.iter().map(|part| money(&part["exposureDollars"])).sum();
        assert_close(sum, dollars, 1e-12, name);
        assert_close(float(&exposure["beta"]) * value, dollars, 1e-9, name);
        // The positions say the same by themselves.
        for part in parts {
            let symbol = &part["position"]["symbol"];
            let position = list(&portfolio["positions"]["nodes"]).iter();
            let position = position.clone().find(|one| one["symbol"] == *symbol).expect("held");
            let own = list(&position["factorExposures"]).iter();
            let own = own.clone().find(|one| one["factor"]["name"] == name).expect("a factor");
            assert_eq!(own["exposureDollars"], part["exposureDollars"], "{symbol} {name}");
            assert_eq!(own["beta"], part["beta"], "{symbol} {name}");
        }
    }
    let model = &portfolio["factorModel"];
    assert_eq!(
        (&model["windowDays"], &model["observations"], &model["positionsCovered"]),
        (&json!(252), &json!(252), &json!(4))
    );
    let worst = list(&model["varianceInflation"]).iter().map(|one| float(&one["vif"]));
    assert!(worst.fold(0.0, f64::max) < 10.0, "{model}");
    assert!((0.0..1.0).contains(&float(&model["rSquared"])));

    let risk = &portfolio["riskDecomposition"];
    let volatility = float(&risk["volatility"]);
    let sum =
        |parts: &Value, of: &str| list(parts).iter().map(|part| float(&part[of])).sum::<f64>();
    let factors = sum(&risk["factors"], "contribution");
    assert_close(factors + float(&risk["specificContribution"]), volatility, 1e-9, "factors");
    assert_close(sum(&risk["positions"], "contribution"), volatility, 1e-9, "positions");
    assert_close(sum(&risk["positions"], "percent"), 1.0, 1e-9, "percent");
    let per_session = volatility * value / 252.0_f64.sqrt();
    assert_close(money(&risk["parametricVar95"]), 1.644_853_626_951_472 * per_session, 1e-9, "VaR");
}

#[tokio::test]
async fn the_risk_of_a_share_is_that_of_the_reference_and_no_benchmark_changes_it() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let book = ada.enters("One", "0", &[("AAPL", 100)]).await;
    let query = "query($id: ID!, $asOf: Date!, $days: Int!, $benchmark: String!) {
        portfolio(id: $id) {
            valuation(asOf: $asOf) { totalValue }
            riskMetrics(asOf: $asOf, windowDays: $days, benchmark: $benchmark) {
                observations benchmark beta annualizedVolatility annualizedReturn sharpeRatio
                maxDrawdown currentDrawdown historicalVar95 historicalVar99 parametricVar95
                parametricVar99 expectedShortfall95 expectedShortfall99 trackingError
                informationRatio tailRatio quality warnings
                drawdowns { depth peak valley recovery days }
            }
        }
    }";
    let is_ours = |case: &&Value| case["symbol"] == "AAPL" && case["benchmark"] == "SPX";
    let mut seen = 0;
    for case in reference("risk_metrics").iter().filter(is_ours) {
        let ask = |benchmark: &str| {
            let variables = json!({
                "id": book, "asOf": case["last_return_date"], "days": case["nobs"],
                "benchmark": benchmark,
            });
            let ada = ada.clone();
            async move { ada.reads(query, variables).await["portfolio"].take() }
        };
        let portfolio = ask("SPY").await;
        let (risk, expect) = (&portfolio["riskMetrics"], &case["expect"]);
        let value = money(&portfolio["valuation"]["totalValue"]);
        for (got, key) in [
            ("annualizedVolatility", "annual_volatility"),
            ("annualizedReturn", "annual_return"),
            ("maxDrawdown", "max_drawdown"),
            ("tailRatio", "tail_ratio"),
        ] {
            assert_close(float(&risk[got]), float(&expect["empyrical"][key]), 1e-9, key);
        }
        for (got, key) in [
            ("historicalVar95", "var_hist_95_loss"),
            ("historicalVar99", "var_hist_99_loss"),
            ("parametricVar95", "var_normal_95_loss"),
            ("parametricVar99", "var_normal_99_loss"),
            ("expectedShortfall95", "es_hist_95_loss"),
            ("expectedShortfall99", "es_hist_99_loss"),
        ] {
            assert_close(money(&risk[got]), value * float(&expect["numpy"][key]), 1e-8, key);
        }
        for (got, key) in [
            ("beta", "beta"),
            ("trackingError", "tracking_error_annual"),
            ("informationRatio", "information_ratio_annual"),
        ] {
            assert_close(float(&risk[got]), float(&expect["benchmark"][key]), 1e-9, key);
        }
        for (fall, expected) in list(&risk["drawdowns"]).iter().zip(list(&expect["drawdowns_top5"]))
        {
            assert_close(float(&fall["depth"]), float(&expected["depth"]), 1e-9, "depth");
            for date in ["peak", "valley", "recovery"] {
                assert_eq!(fall[date], expected[date]);
            }
        }
        let other = ask("MTUM").await;
        for figure in ["annualizedVolatility", "sharpeRatio", "historicalVar99", "drawdowns"] {
            assert_eq!(risk[figure], other["riskMetrics"][figure], "{figure}");
        }
        assert_ne!(risk["beta"], other["riskMetrics"]["beta"]);
        let nobody = ask("NOBODY").await;
        assert_eq!(nobody["riskMetrics"]["beta"], Value::Null);
        assert!(mentions(&nobody["riskMetrics"]["warnings"], "NOBODY has 0 returns"), "{nobody}");
        assert_eq!(risk["annualizedVolatility"], nobody["riskMetrics"]["annualizedVolatility"]);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[tokio::test]
async fn the_correlations_of_a_book_are_those_of_the_reference() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let cases = reference("correlation_stocks");
    let case = cases.iter().find(|case| case["id"] == "C04").expect("the case");
    let symbols: Vec<_> = list(&case["symbols"]).iter().filter_map(Value::as_str).collect();
    let held: Vec<_> = symbols.iter().map(|symbol| (*symbol, 100)).collect();
    let book = ada.enters("Twenty", "0", &held).await;
    let seen = ada
        .reads(
            r#"query($id: ID!, $asOf: Date!) {
                portfolio(id: $id) {
                    correlations(asOf: $asOf, filter: { minPositionValue: "0", minWeight: 0 }) {
                        symbols matrix averageCorrelation concentrationScore effectivePositions
                        clusters { nickname symbols averageCorrelation totalValue weight }
                        pairs(minAbs: 0.7) { a b correlation observations }
                        lookbackDays included excluded { reason } asOf quality
                    }
                    concentration { effectivePositions herfindahl top(first: 3) { key weight }
                        bySector { key weight } }
                }
            }"#,
            json!({ "id": book, "asOf": DAY }),
        )
        .await;
    let found = &seen["portfolio"]["correlations"];
    assert_eq!(found["symbols"], case["symbols"]);
    let expect = &case["expect"];
    for (row, expected) in list(&found["matrix"]).iter().zip(list(&expect["matrix"])) {
        for (got, expected) in list(row).iter().zip(list(expected)) {
            assert_close(float(got), float(expected), 1e-9, "correlation");
        }
    }
    let average = float(&found["averageCorrelation"]);
    assert_close(average, float(&expect["average_pairwise"]), 1e-9, "average");
    let mut clusters: Vec<Vec<_>> = list(&found["clusters"])
        .iter()
        .map(|cluster| list(&cluster["symbols"]).iter().filter_map(Value::as_str).collect())
        .collect();
    for cluster in &mut clusters {
        cluster.sort_unstable();
    }
    clusters.sort();
    assert_eq!(clusters, [["BAC", "JPM"], ["CVX", "XOM"], ["KO", "PEP"]]);
    assert_eq!((&found["included"], &found["quality"]), (&json!(20), &json!("FULL")));
    let linked: f64 = list(&found["clusters"]).iter().map(|one| float(&one["weight"])).sum();
    assert_close(float(&found["concentrationScore"]), linked, 1e-9, "score");
    for pair in list(&found["pairs"]) {
        assert!(float(&pair["correlation"]).abs() >= 0.7);
        assert_eq!(pair["observations"], 90);
    }
    let concentration = &seen["portfolio"]["concentration"];
    let effective = float(&concentration["effectivePositions"]);
    assert_close(effective * float(&concentration["herfindahl"]), 1.0, 1e-12, "effective");
    assert_eq!(list(&concentration["top"]).len(), 3);
}

/// However many portfolios and positions, a request asks the same questions.
#[tokio::test]
async fn more_portfolios_and_positions_take_no_more_statements() {
    async fn statements(app: &App, name: &str, portfolios: usize, symbols: &[&str]) -> u64 {
        let ada = app.sign_in(name).await;
        let held: Vec<_> = symbols.iter().map(|symbol| (*symbol, 10)).collect();
        for number in 0..portfolios {
            ada.enters(&format!("Book {number}"), "1000", &held).await;
        }
        let answer = ada
            .asks(
                r#"{ viewer { portfolios { nodes {
                    factorExposures(asOf: "2019-12-31") { beta }
                    ols: factorExposures(asOf: "2019-12-31", method: OLS) { beta }
                    factorModel(asOf: "2019-12-31") { rSquared }
                    riskDecomposition(asOf: "2019-12-31") { volatility }
                    riskMetrics(asOf: "2019-12-31") { beta }
                    correlations(asOf: "2019-12-31") { averageCorrelation }
                    concentration { herfindahl }
                    positions { nodes {
                        factorExposures(asOf: "2019-12-31") { beta }
                        interestRateBeta(asOf: "2019-12-31") { beta }
                        instrument { factorBetas(asOf: "2019-12-31") { beta } }
                    } }
                } } } }"#,
                json!({}),
            )
            .await;
        assert_eq!(answer["errors"], Value::Null);
        answer["extensions"]["statements"].as_u64().expect("a number of statements")
    }
    let app = app_with_factors().await;
    let small = statements(&app, "ada", 1, &["AAPL", "KO"]).await;
    let all = ["AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "XOM"];
    let large = statements(&app, "bob", 6, &all).await;
    assert_eq!(small, large);
    assert!(small <= 13, "{small} statements");
}
