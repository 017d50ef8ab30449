//! Factors, risk and correlations: betas of real shares as the reference has them, books whose
//! parts add up, and what is said of what is not known.

mod books;
mod missing;

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use sigmasight::services::prices;

use crate::support::{App, Person};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/analytics/tests/fixtures");
/// After the last close of the files.
const NEW_YEAR_S_EVE: &str = "2020-12-31T22:00:00Z";
const HEADER: &str = "ticker,quantity,entry_price,entry_date,tags\n";
/// What the files have instead of the funds of the factors; of growth they have none.
const FUNDS: [(&str, &str); 2] = [("SPX", "SPY"), ("VLUE", "VTV")];

/// A program that knows seven years of real prices, the funds under the factors' symbols.
pub async fn app_with_factors() -> App {
    let app = App::start().at(NEW_YEAR_S_EVE).await;
    for name in ["stocks_2014_2020", "factors_2014_2020"] {
        let path = format!("{FIXTURES}/market_prices/{name}.csv");
        let mut file = fs::read_to_string(path).expect("the prices");
        for (from, to) in FUNDS {
            file = file.replace(&format!("{from},"), &format!("{to},"));
        }
        app.knows_prices(&file).await;
    }
    app
}

impl Person {
    /// A portfolio of these, entered before the windows of the stories.
    pub async fn enters(&self, name: &str, cash: &str, holdings: &[(&str, i64)]) -> String {
        let portfolio = self.creates_portfolio_with_cash(name, cash).await;
        let mut file = String::from(HEADER);
        for (symbol, quantity) in holdings {
            writeln!(file, "{symbol},{quantity},50,2018-01-02,").expect("writes");
        }
        let said = self.uploads(&portfolio, file).await;
        assert_eq!(said["createdCount"], holdings.len(), "{said}");
        portfolio
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// A decimal as it travels.
fn money(value: &Value) -> f64 {
    let text = value.as_str().unwrap_or_else(|| panic!("no decimal: {value}"));
    text.parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

fn mentions(warnings: &Value, words: &str) -> bool {
    list(warnings).iter().any(|warning| warning.as_str().is_some_and(|w| w.contains(words)))
}

#[track_caller]
fn assert_close(got: f64, expected: f64, relative: f64, what: &str) {
    let off = (got - expected).abs();
    assert!(off <= 1e-12 + relative * expected.abs(), "{what}: got {got}, expected {expected}");
}

fn reference(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(format!("{REFERENCE}/{name}.json")).expect("the reference");
    let mut fixture: Value = serde_json::from_str(&text).expect("JSON");
    serde_json::from_value(fixture["cases"].take()).expect("cases")
}

#[tokio::test]
async fn the_eight_factors_are_listed_and_one_of_them_sleeps() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let seen = ada
        .reads(
            "{ factors { id name displayName etfProxy kind description displayOrder isActive } }",
            json!({}),
        )
        .await;
    let factors = list(&seen["factors"]);
    let funds: Vec<_> = factors.iter().map(|factor| factor["etfProxy"].as_str()).collect();
    let known = ["SPY", "VTV", "VUG", "MTUM", "QUAL", "SIZE", "USMV"].map(Some);
    assert_eq!(funds, [&known[..], &[None]].concat());
    assert_eq!(
        (&factors[7]["name"], &factors[7]["isActive"]),
        (&json!("Short Interest"), &json!(false))
    );
    for factor in factors {
        let found = ada
            .reads(
                "query($id: ID!) { node(id: $id) { id ... on Factor { name } } }",
                json!({ "id": factor["id"] }),
            )
            .await;
        assert_eq!(found["node"], json!({ "id": factor["id"], "name": factor["name"] }));
    }
}

#[tokio::test]
async fn the_betas_of_real_shares_are_those_of_the_reference() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let of_a_year = |case: &&Value| {
        case["return_type"] == "simple" && case["factors"] == "raw" && case["window"] == 252
    };
    let mut seen = 0;
    for case in reference("factor_regression_multivariate").iter().filter(of_a_year) {
        let answer = ada
            .reads(
                "query($symbol: String!, $asOf: Date!) {
                    instrument(symbol: $symbol) {
                        factorBetas(asOf: $asOf, method: OLS) {
                            factor { etfProxy } beta rawBeta isCapped standardError tStat pValue
                            rSquared observations method asOf quality warnings
                        }
                    }
                }",
                json!({ "symbol": case["symbol"], "asOf": case["end_date"] }),
            )
            .await;
        for beta in list(&answer["instrument"]["factorBetas"]) {
            let fund = beta["factor"]["etfProxy"].as_str().expect("a fund");
            if fund == "VUG" {
                assert_eq!(
                    (&beta["beta"], &beta["quality"]),
                    (&Value::Null, &json!("INSUFFICIENT"))
                );
                assert!(mentions(&beta["warnings"], "Growth has 0 complete returns"), "{beta}");
                continue;
            }
            let name = FUNDS.iter().find(|(_, to)| *to == fund).map_or(fund, |(from, _)| from);
            let expect = &case["expect"];
            let raw = float(&beta["rawBeta"]);
            assert_close(raw, float(&expect["params"][name]), 1e-8, name);
            assert_close(float(&beta["beta"]), raw.clamp(-3.0, 3.0), 0.0, "the cap");
            assert_eq!(beta["isCapped"], raw.abs() > 3.0);
            assert_close(float(&beta["standardError"]), float(&expect["bse"][name]), 1e-8, "error");
            assert_close(float(&beta["tStat"]), float(&expect["tvalues"][name]), 1e-8, "t");
            assert!((float(&beta["pValue"]) - float(&expect["pvalues"][name])).abs() < 1e-9);
            assert_close(float(&beta["rSquared"]), float(&expect["rsquared"]), 1e-8, "R²");
            assert_eq!((&beta["observations"], &beta["quality"]), (&json!(252), &json!("LIMITED")));
        }
        seen += 1;
    }
    assert_eq!(seen, 40);
}

#[tokio::test]
async fn what_is_measured_against_is_known_and_priced_though_nobody_holds_it() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    prices::know_references(&app.services).await.expect("they are stored");
    app.completes_prices().await;
    sigmasight::services::rates::fill(&app.services).await.expect("yields are stored");
    let seen = ada
        .reads(
            r#"{
                market: instrument(symbol: "SPY") { name assetClass
                    factorBetas { beta factor { name } }
                    interestRateBeta { beta observations series quality } }
                fear: instrument(symbol: "^VIX") { quote { price } }
                factorCorrelations { factors { name } matrix observations quality }
            }"#,
            json!({}),
        )
        .await;
    assert_eq!(seen["market"]["assetClass"], "ETF");
    assert!(seen["fear"]["quote"]["price"].is_string(), "{seen}");
    for beta in list(&seen["market"]["factorBetas"]) {
        let is_market = beta["factor"]["name"] == "Market";
        let expected = if is_market { 1.0 } else { 0.0 };
        assert!((float(&beta["beta"]) - expected).abs() < 1e-9, "{beta}");
    }
    let rate = &seen["market"]["interestRateBeta"];
    assert!(rate["beta"].is_f64(), "{rate}");
    assert_eq!((&rate["series"], &rate["quality"]), (&json!("DGS10"), &json!("ESTIMATED")));
    let matrix = &seen["factorCorrelations"];
    assert_eq!((&matrix["observations"], &matrix["quality"]), (&json!(252), &json!("ESTIMATED")));
    for (row, values) in list(&matrix["matrix"]).iter().enumerate() {
        for (column, value) in list(values).iter().enumerate() {
            assert_eq!(value, &matrix["matrix"][column][row]);
            let is_diagonal = row == column;
            assert_eq!(value == &json!(1.0), is_diagonal, "{value}");
            assert!(float(value).abs() <= 1.0, "{value}");
        }
    }
}
