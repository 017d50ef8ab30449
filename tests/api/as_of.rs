//! Any day may be asked about: it stands for a session, and every answer says for which.

use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::demo;

use crate::support::{App, Person, codes};

const FRIDAY: &str = "2024-06-28T21:00:00Z";

/// Every field that takes a day.
const ALL: &str = "
    query($day: Date!) {
        factorCorrelations(asOf: $day) { asOf quality warnings }
        yieldCurve(asOf: $day) { asOf quality warnings }
        instrument(symbol: \"AAPL\") {
            quote(asOf: $day) { date }
            dividendYield(asOf: $day) { asOf quality warnings }
            factorBetas(asOf: $day) { asOf quality warnings }
            interestRateBeta(asOf: $day) { asOf quality warnings }
        }
        viewer { portfolios(first: 1) { nodes {
            valuation(asOf: $day) { asOf quality warnings provenance { asOf } }
            exposures(asOf: $day) { asOf quality warnings provenance { asOf } }
            greeks(asOf: $day) { asOf quality warnings provenance { asOf } }
            factorExposures(asOf: $day) { asOf quality warnings provenance { asOf } }
            factorModel(asOf: $day) { asOf quality warnings }
            riskDecomposition(asOf: $day) { asOf quality warnings provenance { asOf } }
            riskMetrics(asOf: $day) { asOf quality warnings provenance { asOf } }
            performance(asOf: $day) { asOf quality warnings }
            correlations(asOf: $day) { asOf quality warnings provenance { asOf } }
            marketScenarios(asOf: $day) { asOf quality warnings provenance { asOf } }
            rateScenarios(asOf: $day) { asOf quality warnings provenance { asOf } }
            stressTest(asOf: $day, categories: [RATES]) {
                asOf quality warnings provenance { asOf }
            }
            reverseStress(asOf: $day, lossRatio: 0.1) { asOf quality warnings }
            positions(first: 1) { nodes {
                valuation(asOf: $day) { asOf quality warnings provenance { asOf } }
                greeks(asOf: $day) { asOf quality warnings provenance { asOf } }
                factorExposures(asOf: $day) { asOf quality warnings provenance { asOf } }
                interestRateBeta(asOf: $day) { asOf quality warnings }
            } }
        } } }
    }";

/// Everything in an answer that says what it is of, by its place there.
fn dated(place: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("asOf") {
                found.push((place.to_owned(), value.clone()));
            }
            fields.iter().for_each(|(name, inner)| dated(&format!("{place}.{name}"), inner, found));
        }
        Value::Array(all) => all.iter().for_each(|inner| dated(place, inner, found)),
        _ => {}
    }
}

async fn hedge_fund() -> Person {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    Person::of_the_demo(&app, "demo_hedgefundstyle").await
}

#[tokio::test]
async fn a_day_without_a_session_answers_for_the_one_before_and_says_so_everywhere() {
    let person = hedge_fund().await;
    for (day, session) in [
        ("2024-06-14", "2024-06-14"),
        // A Saturday and Juneteenth.
        ("2024-06-22", "2024-06-21"),
        ("2024-06-19", "2024-06-18"),
    ] {
        let seen = person.reads(ALL, json!({ "day": day })).await;
        let mut found = Vec::new();
        dated("", &seen, &mut found);
        assert!(found.len() > 40, "{}", found.len());
        for (place, told) in found {
            assert_eq!(told["asOf"], session, "{place} of {day}: {told}");
            let says = told["warnings"].to_string().contains("has no completed session");
            if told.get("warnings").is_some() {
                assert_eq!(says, day != session, "{place} of {day}: {told}");
            }
        }
        assert_eq!(seen["instrument"]["quote"]["date"], session);
    }
}

#[tokio::test]
async fn before_the_first_entry_a_book_is_its_cash_and_nothing_is_made_up() {
    const BEFORE: &str = "
        query($day: Date!) { viewer { portfolios(first: 1) { nodes {
            valuation(asOf: $day) {
                totalValue cashBalance marketValue positionCount dailyPnl warnings }
            exposures(asOf: $day) { grossExposure positionCount }
            greeks(asOf: $day) { optionPositionCount deltaDollars }
            factorExposures(asOf: $day) { beta exposureDollars }
            riskDecomposition(asOf: $day) { volatility }
            riskMetrics(asOf: $day) {
                observations annualizedVolatility historicalVar95 beta quality warnings }
            performance(asOf: $day) { returns { pnl } quality }
            correlations(asOf: $day) { included symbols averageCorrelation }
            stressTest(asOf: $day, categories: [MARKET]) { totalPnl newTotalValue }
            marketScenarios(asOf: $day) { pnl warnings }
            positions(first: 1) { nodes {
                valuation(asOf: $day) { exposure unrealizedPnl quality }
                greeks(asOf: $day) { perShare { delta } quality warnings }
            } }
        } } } }";
    let person = hedge_fund().await;
    let seen = person.reads(BEFORE, json!({ "day": "2003-03-16" })).await;
    let book = &seen["viewer"]["portfolios"]["nodes"][0];
    let valuation = &book["valuation"];
    assert_eq!(valuation["totalValue"], valuation["cashBalance"]);
    assert_eq!(valuation["positionCount"], 0);
    assert_eq!(book["exposures"], json!({ "grossExposure": "0", "positionCount": 0 }));
    assert_eq!(book["greeks"], json!({ "optionPositionCount": 0, "deltaDollars": "0" }));
    assert_eq!(book["performance"], json!({ "returns": [], "quality": "INSUFFICIENT" }));
    assert_eq!(book["correlations"]["included"], 0);
    assert_eq!(book["correlations"]["averageCorrelation"], Value::Null);
    for result in book["stressTest"].as_array().expect("results") {
        assert_eq!(result["newTotalValue"], valuation["cashBalance"], "{result}");
    }
    let risk = &book["riskMetrics"];
    assert_eq!(
        (&risk["observations"], &risk["annualizedVolatility"], &risk["historicalVar95"]),
        (&json!(0), &json!(0.0), &json!("0"))
    );
    // No price is known of that time, of the benchmark neither.
    assert_eq!((&risk["beta"], &risk["quality"]), (&Value::Null, &json!("LIMITED")), "{risk}");
    for figure in [valuation, risk, &book["marketScenarios"][0]] {
        let begun = "Nothing had been entered by 2003-03-14: the first entry is of 20";
        assert!(figure["warnings"].to_string().contains(begun), "{figure}");
    }
    let position = &book["positions"]["nodes"][0];
    assert_eq!(position["valuation"]["quality"], "INSUFFICIENT");
    assert_eq!(position["valuation"]["exposure"], Value::Null);
    assert_eq!(position["greeks"]["perShare"], Value::Null);
    assert!(position["greeks"]["warnings"].to_string().contains("was entered on"), "{position}");
}

#[tokio::test]
async fn nothing_answers_for_a_day_that_has_not_come() {
    let person = hedge_fund().await;
    let answer = person.asks(ALL, json!({ "day": "2024-06-29" })).await;
    let all = codes(&answer);
    assert!(!all.is_empty() && all.iter().all(|code| *code == "VALIDATION"), "{answer}");
    assert!(answer["errors"][0]["message"].to_string().contains("has not come yet"), "{answer}");
}
