//! A figure can be done again from what its answer says of it: inputs, and the fields beside it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::demo;
use sigmasight_analytics::factor::{Method, Model};
use sigmasight_analytics::implied::{self, Quote};
use sigmasight_analytics::option::{self, Contract, Kind, Market};
use sigmasight_analytics::risk;

use crate::support::{App, Person};

const FRIDAY: &str = "2024-06-28T21:00:00Z";

async fn demo_person(name: &str) -> (App, Person) {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let person = Person::of_the_demo(&app, name).await;
    (app, person)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// A number, or money.
fn number(value: &Value) -> f64 {
    let text = || value.as_str().and_then(|text| text.parse().ok());
    value.as_f64().or_else(text).unwrap_or_else(|| panic!("{value} is no number"))
}

/// What a provenance says of an input.
fn input<'a>(provenance: &'a Value, name: &str) -> &'a str {
    let inputs = list(&provenance["inputs"]);
    let found = inputs.iter().find(|input| input["name"] == name);
    let value = found.and_then(|input| input["value"].as_str());
    value.unwrap_or_else(|| panic!("no {name} among {inputs:?}"))
}

fn figure(provenance: &Value, name: &str) -> f64 {
    input(provenance, name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
}

#[track_caller]
fn same(told: &Value, found: f64) {
    let told = number(told);
    assert!((told - found).abs() <= 1e-9 * found.abs().max(1e-3), "{told} is not {found}");
}

#[tokio::test]
async fn the_greeks_of_an_option_follow_from_their_inputs() {
    const GREEKS: &str = "
        query($options: [PositionType!]) { viewer { portfolios(first: 1) { nodes {
            positions(filter: { types: $options }, first: 20) { nodes { greeks {
                perShare { delta gamma theta vega rho }
                position { delta gamma theta vega rho }
                deltaDollars gammaDollars volatility volatilitySource
                provenance { method modelVersion inputs { name value unit asOf source } }
            } } }
        } } } }";
    let (_app, person) = demo_person("demo_hedgefundstyle").await;
    let options = json!({ "options": ["LC", "LP", "SC", "SP"] });
    let seen = person.reads(GREEKS, options).await;
    let positions = list(&seen["viewer"]["portfolios"]["nodes"][0]["positions"]["nodes"]);
    assert_eq!(positions.len(), 8);
    for own in positions.iter().map(|position| &position["greeks"]) {
        let told = &own["provenance"];
        assert_eq!(told["method"], "BLACK_SCHOLES_MERTON");
        let kind = if input(told, "kind") == "CALL" { Kind::Call } else { Kind::Put };
        let strike = figure(told, "strike");
        let contract = Contract { kind, strike, years: figure(told, "timeToExpiryYears") };
        let spot = figure(told, "underlyingPrice");
        let rate = figure(told, "riskFreeRate");
        let dividend_yield = figure(told, "dividendYield");
        let volatility = figure(told, "volatility");
        let market = Market { spot, rate, dividend_yield, volatility };
        let found = option::greeks(&contract, &market);
        let rounded = |one: f64| (one * 1e12).round() / 1e12;
        let units = figure(told, "signedQuantity") * figure(told, "multiplier");
        for (name, one) in [
            ("delta", found.delta),
            ("gamma", found.gamma),
            ("theta", found.theta),
            ("vega", found.vega),
            ("rho", found.rho),
        ] {
            // To twelve decimals, as the description says.
            assert!((number(&own["perShare"][name]) - one).abs() <= 1e-12, "{name}: {own}");
            same(&own["position"][name], rounded(one) * units);
        }
        same(&own["deltaDollars"], rounded(found.delta) * units * spot);
        same(&own["gammaDollars"], rounded(found.gamma) * units * spot * spot / 100.0);
        if own["volatilitySource"] == "IMPLIED" {
            let price = figure(told, "optionPrice");
            let quote = Quote { price, spot, rate, dividend_yield };
            same(&own["volatility"], implied::volatility(&contract, &quote).expect("a volatility"));
        }
    }
}

/// A book of shares with the closes of a year, its figures and where they come from.
const BOOK: &str = "
    query($funds: [String!]!) {
        instruments(symbols: $funds, first: 7) { nodes { symbol ...Closes } }
        viewer { portfolios(first: 1) { nodes {
            positions(first: 20) { totalCount nodes {
                symbol
                instrument { ...Closes }
                valuation { deltaAdjustedExposure }
                factorExposures(basis: DELTA_ADJUSTED) {
                    factor { etfProxy } beta exposureDollars
                    provenance { inputs { name value } }
                }
            } }
            factorExposures(basis: DELTA_ADJUSTED) { factor { etfProxy } beta exposureDollars }
            riskMetrics {
                annualizedVolatility parametricVar95 historicalVar95 sharpeRatio observations
                provenance { method modelVersion inputs { name value } }
            }
            stressTest(categories: [MARKET]) {
                scenario { key } directPnl correlationPnl totalPnl pnlPercent
                provenance { method modelVersion inputs { name value } }
            }
        } } }
    }
    fragment Closes on Instrument { prices(last: 253) { nodes { date adjustedClose } } }";

/// Returns from one close to the next, from a session on.
fn returns(instrument: &Value, from: &str) -> Vec<Option<f64>> {
    let bars = list(&instrument["prices"]["nodes"]);
    assert_eq!(bars[0]["date"], from, "the window begins where the provenance says");
    let closes: Vec<_> = bars.iter().map(|bar| number(&bar["adjustedClose"])).collect();
    closes.windows(2).map(|pair| Some(pair[1] / pair[0] - 1.0)).collect()
}

#[tokio::test]
async fn betas_risk_and_stress_follow_from_closes_exposures_and_inputs() {
    let (_app, person) = demo_person("demo_individual").await;
    let funds = ["SPY", "VTV", "VUG", "MTUM", "QUAL", "SIZE", "USMV"];
    let seen = person.reads(BOOK, json!({ "funds": funds })).await;
    let book = &seen["viewer"]["portfolios"]["nodes"][0];
    let positions = list(&book["positions"]["nodes"]);
    assert_eq!(positions.len(), 16, "all of it is on the page");
    let exposures: Vec<_> = positions
        .iter()
        .map(|position| number(&position["valuation"]["deltaAdjustedExposure"]))
        .collect();

    // The betas of each position: a regression on the funds that are named, the first the market.
    let named = &positions[0]["factorExposures"][0]["provenance"];
    assert_eq!(input(named, "factors"), funds.join(", "));
    let from = input(named, "windowFrom").to_owned();
    let closes: BTreeMap<_, _> = list(&seen["instruments"]["nodes"])
        .iter()
        .map(|one| (one["symbol"].as_str().unwrap_or_default(), returns(one, &from)))
        .collect();
    let factors: Vec<_> = funds.iter().map(|fund| &closes[fund]).collect();
    let model = Model::new(Method::Orthogonal, &factors).expect("a model");
    let limit = figure(named, "betaLimit");
    let mut market = Vec::new();
    for position in positions {
        let own = returns(&position["instrument"], &from);
        let found = model.betas(&own).expect("betas").betas;
        for (told, found) in list(&position["factorExposures"]).iter().zip(&found) {
            // Of the order of one, however near to zero.
            let beta = found.estimate.value.clamp(-limit, limit);
            assert!((number(&told["beta"]) - beta).abs() <= 1e-9, "{told} is not {beta}");
        }
        market.push(found[0].capped());
    }

    // The volatility and losses of the book: what today's holdings would have returned.
    let told = &book["riskMetrics"];
    let made = &told["provenance"];
    let total_value = figure(made, "totalValue");
    assert_eq!(input(made, "windowFrom"), from);
    let mut sums = vec![0.0; 252];
    for (position, exposure) in positions.iter().zip(&exposures) {
        for (sum, own) in sums.iter_mut().zip(returns(&position["instrument"], &from)) {
            *sum += exposure / total_value * own.expect("a return");
        }
    }
    assert_eq!(told["observations"], 252);
    let deviation = risk::standard_deviation(&sums).expect("a deviation");
    let mean = sums.iter().sum::<f64>() / 252.0;
    let leaning: f64 = exposures.iter().zip(&market).map(|(money, beta)| money * beta).sum();
    same(&book["factorExposures"][0]["exposureDollars"], leaning);
    same(&book["factorExposures"][0]["beta"], leaning / total_value);
    same(&told["annualizedVolatility"], deviation * 252_f64.sqrt());
    same(&told["parametricVar95"], (1.644_853_626_951_472_2 * deviation - mean) * total_value);
    let free = (figure(made, "riskFreeRate") / 252.0).exp_m1();
    same(&told["sharpeRatio"], (mean - free) / deviation * 252_f64.sqrt());
    // The 5 % quantile of the past, between its neighbors.
    sums.sort_by(f64::total_cmp);
    let (at, part) = (12, 0.55);
    let quantile = sums[at] + part * (sums[at + 1] - sums[at]);
    same(&told["historicalVar95"], -quantile * total_value);

    // A fall of the market: exposures times betas times the shock.
    let falls = list(&book["stressTest"]).iter();
    let fall = falls.clone().find(|one| one["scenario"]["key"] == "market_down_10");
    let fall = fall.expect("the scenario");
    let shock = figure(&fall["provenance"], "shock Market");
    let lost: f64 = exposures.iter().zip(&market).map(|(money, beta)| money * beta * shock).sum();
    same(&fall["directPnl"], lost);
    same(&fall["totalPnl"], lost);
    same(&fall["pnlPercent"], lost / figure(&fall["provenance"], "totalValue"));
}
