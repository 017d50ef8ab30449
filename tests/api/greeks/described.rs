//! Options that somebody describes.

use super::*;

const CALCULATE: &str = "
    query($contracts: [OptionContractInput!]!, $model: PricingModel! = BLACK_SCHOLES_MERTON) {
        calculateGreeks(contracts: $contracts, model: $model) {
            price perShare { delta gamma theta vega rho } position { delta gamma theta vega rho }
            higherOrder { vanna volga charm }
            model volatility volatilitySource riskFreeRate underlyingPrice timeToExpiryYears
            warnings error { code message field hint }
        }
    }";

const IMPLY: &str = "
    query($contracts: [OptionQuoteInput!]!) {
        impliedVolatility(contracts: $contracts) {
            volatility error { code message field hint }
        }
    }";

/// Numbers that were worked out elsewhere.
fn reference(name: &str) -> Value {
    let text = match name {
        "european" => include_str!("../../../analytics/tests/fixtures/options_european.json"),
        "american" => include_str!("../../../analytics/tests/fixtures/options_american.json"),
        _ => include_str!("../../../analytics/tests/fixtures/implied_vol.json"),
    };
    serde_json::from_str(text).expect("JSON")
}

fn contract(case: &Value) -> Value {
    json!({
        "kind": text(&case["type"]).to_uppercase(),
        "strike": case["strike"],
        "timeToExpiryYears": case["t"],
        "underlyingPrice": case["spot"],
        "volatility": case["vol"],
        "riskFreeRate": case["r"],
        "dividendYield": case["q"],
    })
}

impl Person {
    async fn calculates(&self, contracts: &[Value], model: &str) -> Vec<Value> {
        let variables = json!({ "contracts": contracts, "model": model });
        let mut answer = self.reads(CALCULATE, variables).await;
        match answer["calculateGreeks"].take() {
            Value::Array(valued) => valued,
            other => panic!("no list: {other}"),
        }
    }
}

/// Figures beside those of the reference, each with the scale of its tolerance.
fn check(case: &Value, valued: &Value, absolute: f64, relative: f64) {
    assert_eq!(valued["error"], Value::Null, "{}", case["id"]);
    let input = |name: &str| number(&case[name]);
    let (spot, strike, years) = (input("spot"), input("strike"), input("t"));
    let gamma = case["expect"]["gamma"].as_f64().unwrap_or_default().max(1.0 / spot);
    for (theirs, got, scale) in [
        ("price", &valued["price"], spot.max(strike)),
        ("delta", &valued["perShare"]["delta"], 1.0),
        ("gamma", &valued["perShare"]["gamma"], gamma),
        ("theta_day", &valued["perShare"]["theta"], spot / 365.0),
        ("vega_1pt", &valued["perShare"]["vega"], spot / 100.0),
        ("rho_1pct", &valued["perShare"]["rho"], strike * years.max(1.0) / 100.0),
        ("vanna", &valued["higherOrder"]["vanna"], 1.0),
        ("volga", &valued["higherOrder"]["volga"], strike.max(1.0)),
        ("charm", &valued["higherOrder"]["charm"], 1.0),
    ] {
        let Some(wanted) = case["expect"][theirs].as_f64() else { continue };
        if got.is_null() {
            continue;
        }
        let tolerance = absolute * scale + relative * wanted.abs();
        let got = number(got);
        assert!((got - wanted).abs() <= tolerance, "{} {theirs}: {got}, {wanted}", case["id"]);
    }
}

#[tokio::test]
async fn a_european_option_has_the_figures_of_the_reference() {
    let ada = App::start().at(NOW).await.sign_in("ada").await;
    let reference = reference("european");
    let cases: Vec<_> =
        list(&reference["cases"]).iter().chain(list(&reference["limit_cases"])).collect();
    let contracts: Vec<_> = cases.iter().map(|case| contract(case)).collect();
    let valued = ada.calculates(&contracts, "BLACK_SCHOLES_MERTON").await;
    assert_eq!(valued.len(), cases.len());
    for (case, valued) in cases.into_iter().zip(&valued) {
        check(case, valued, 1e-12, 1e-9);
        assert!(has_numbers_only(&valued["perShare"]), "{}", case["id"]);
    }
}

#[tokio::test]
async fn an_american_option_has_the_figures_of_the_reference() {
    let ada = App::start().at(NOW).await.sign_in("ada").await;
    let reference = reference("american");
    let cases = list(&reference["cases"]);
    let contracts: Vec<_> = cases.iter().map(contract).collect();
    let valued = ada.calculates(&contracts, "AMERICAN").await;
    for (case, valued) in cases.iter().zip(&valued) {
        assert_eq!(valued["model"], "AMERICAN");
        let strike = number(&case["strike"]);
        near(&valued["price"], number(&case["expect"]["price"]), 1e-6 * strike);
        if case["near_exercise_boundary"] != true {
            check(case, valued, 2e-4, 1e-4);
        }
        assert_eq!(valued["higherOrder"], Value::Null, "those of the European one are others");
    }
}

#[tokio::test]
async fn a_price_implies_the_volatility_of_the_reference() {
    let ada = App::start().at(NOW).await.sign_in("ada").await;
    let reference = reference("implied");
    let is_number = |case: &&Value| {
        ["price", "spot", "strike", "t", "r", "q"].iter().all(|name| case[*name].is_number())
    };
    // A Decimal holds 28 digits: a price far below a cent of a cent loses some of its own.
    let is_held = |case: &&Value| number(&case["price"]) == 0.0 || number(&case["price"]) > 1e-6;
    let all = list(&reference["cases"]).iter().chain(list(&reference["invalid"]));
    let cases: Vec<_> = all.filter(is_number).filter(is_held).collect();
    let quotes: Vec<_> = cases
        .iter()
        .map(|case| {
            json!({
                "kind": text(&case["type"]).to_uppercase(),
                "strike": case["strike"],
                "timeToExpiryYears": case["t"],
                "underlyingPrice": case["spot"],
                "riskFreeRate": case["r"],
                "dividendYield": case["q"],
                "price": case["price"],
            })
        })
        .collect();
    let answer = ada.reads(IMPLY, json!({ "contracts": quotes })).await;
    let (mut known, mut refused) = (0, 0);
    for (at, (case, found)) in cases.iter().zip(list(&answer["impliedVolatility"])).enumerate() {
        let Some(class) = case["expect_error"].as_str() else {
            assert_eq!(found["error"], Value::Null, "{}", case["id"]);
            if case["well_conditioned"] == true {
                let tolerance = number(&case["vol_abs_tolerance"]);
                near(&found["volatility"], number(&case["expect_vol"]), tolerance);
                known += 1;
            }
            continue;
        };
        refused += 1;
        let words = match class {
            "INVALID_INPUT" => "must be above zero",
            "NEGATIVE_PRICE" => "is negative",
            "BELOW_INTRINSIC" => "below the discounted intrinsic value",
            "AT_INTRINSIC" => "no time value",
            _ => "above what any volatility gives",
        };
        let error = &found["error"];
        assert_eq!(found["volatility"], Value::Null, "{}", case["id"]);
        assert_eq!(error["code"], "VALIDATION");
        assert!(text(&error["message"]).contains(words), "{}: {error}", case["id"]);
        assert_eq!(
            (&error["field"][0], &error["field"][1]),
            (&json!("contracts"), &json!(at.to_string()))
        );
        assert!(!text(&error["hint"]).is_empty());
    }
    assert!(known > 200 && refused > 15, "{known} known, {refused} refused");
}

#[tokio::test]
async fn the_numbers_of_old_come_out_right() {
    let ada = App::start().at(NOW).await.sign_in("ada").await;
    let at_the_money = |years: f64| {
        json!({ "kind": "CALL", "strike": "100", "timeToExpiryYears": years, "riskFreeRate": 0.05,
                "underlyingPrice": "100", "volatility": 0.25, "quantity": "-2" })
    };
    let valued =
        ada.calculates(&[at_the_money(1.0), at_the_money(2.0)], "BLACK_SCHOLES_MERTON").await;
    near(&valued[0]["price"], 12.336, 5e-4);
    near(&valued[0]["perShare"]["delta"], 0.62741, 5e-6);
    near(&valued[0]["perShare"]["vega"], 0.37842, 5e-6);
    near(&valued[0]["perShare"]["rho"], 0.50405, 5e-6);
    near(&valued[0]["position"]["delta"], -125.482, 1e-3);
    near(&valued[1]["perShare"]["delta"], 0.67711, 5e-6);
}

#[tokio::test]
async fn a_contract_that_makes_no_sense_fails_alone() {
    let ada = App::start().at(NOW).await.sign_in("ada").await;
    let good = json!({ "kind": "PUT", "strike": "90", "expiry": "2024-09-20",
                       "underlyingPrice": "100", "volatility": 0.3 });
    let with = |field: &str, value: Value| {
        let mut contract = good.clone();
        contract[field] = value;
        contract
    };
    let bad = [
        (with("strike", json!("0")), "strike"),
        (with("underlyingPrice", json!("-1")), "underlyingPrice"),
        (with("underlyingPrice", Value::Null), "underlyingPrice"),
        (with("volatility", json!(-0.1)), "volatility"),
        (with("timeToExpiryYears", json!(0.5)), "timeToExpiryYears"),
        (with("kind", Value::Null), "kind"),
        (with("symbol", json!("AAPL240920C00090000")), "kind"),
        (with("symbol", json!("AAPL")), "symbol"),
        (with("riskFreeRate", json!(1e300)), "1"),
    ];
    for (contract, field) in bad {
        let valued = ada.calculates(&[good.clone(), contract, good.clone()], "AMERICAN").await;
        assert_eq!((&valued[0]["error"], &valued[2]["error"]), (&Value::Null, &Value::Null));
        assert_eq!(valued[1]["perShare"], Value::Null);
        let error = &valued[1]["error"];
        assert_eq!(error["code"], "VALIDATION", "{field}");
        assert_eq!(list(&error["field"]).last(), Some(&json!(field)), "{error}");
    }
    let expired = ada.calculates(&[with("expiry", json!("2024-06-27"))], "AMERICAN").await;
    assert_eq!(expired[0]["error"], Value::Null);
    near(&expired[0]["perShare"]["delta"], 0.0, 0.0);
    let default = ada.calculates(&[with("volatility", Value::Null)], "AMERICAN").await;
    assert_eq!(
        (&default[0]["volatilitySource"], &default[0]["volatility"]),
        (&json!("DEFAULT"), &json!(0.25))
    );
    assert!(mentions(&default[0]["warnings"], "default of 25 %"), "{}", default[0]);

    let answer = ada.asks(CALCULATE, json!({ "contracts": vec![good; 1_001] })).await;
    assert_eq!(crate::support::codes(&answer), ["VALIDATION"], "{answer}");
    // The field that is to blame for a volatility that cannot be told.
    let implied = "query($contracts: [OptionQuoteInput!]!) {
        impliedVolatility(contracts: $contracts) { volatility error { code field } }
    }";
    let good = json!({ "kind": "CALL", "strike": "100", "timeToExpiryYears": 0.5, "price": "8",
                       "underlyingPrice": "100", "riskFreeRate": 0.04 });
    for (field, value) in
        [("timeToExpiryYears", json!(0)), ("strike", json!("0")), ("underlyingPrice", json!("-1"))]
    {
        let mut bad = good.clone();
        bad[field] = value;
        let answer = ada.reads(implied, json!({ "contracts": [good, bad] })).await;
        let [fine, refused] = list(&answer["impliedVolatility"]) else { panic!("{answer}") };
        assert!(fine["volatility"].is_f64(), "{fine}");
        let blamed = json!({ "code": "VALIDATION", "field": ["contracts", "1", field] });
        assert_eq!(refused["error"], blamed);
    }
    // At no volatility a put out of the money is worth nothing, which has no sign.
    let nothing = json!({ "kind": "PUT", "strike": "90", "timeToExpiryYears": 0.5,
                          "underlyingPrice": "100", "volatility": 0, "riskFreeRate": 0.04 });
    let valued = ada.calculates(&[nothing], "BLACK_SCHOLES_MERTON").await;
    for figure in [&valued[0]["price"], &valued[0]["perShare"]["delta"]] {
        assert_eq!(number(figure).to_bits(), 0, "{}", valued[0]);
    }
    let nobody = ada.app.asks(CALCULATE, json!({ "contracts": [] })).await;
    assert_eq!(crate::support::codes(&nobody), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_symbol_brings_what_the_market_says_of_it() {
    let app = App::start().at(NOW).await;
    app.knows_prices(
        "symbol,date,close\nAAPL,2024-06-28,210\nAAPL240920C00210000,2024-06-28,11.5\n",
    )
    .await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    ada.uploads(&book, format!("{HEADER}\nAAPL240920C00210000,3,9,2024-06-03,\n")).await;
    let contracts = [
        json!({ "symbol": "AAPL240920C00210000", "quantity": "3" }),
        json!({ "symbol": "MSFT240920C00400000" }),
        json!({ "symbol": "SPX240920C05400000", "underlyingPrice": "5460", "volatility": 0.12 }),
    ];
    let valued = ada.calculates(&contracts, "AMERICAN").await;
    assert_eq!(valued[0]["volatilitySource"], "IMPLIED");
    near(&valued[0]["price"], 11.5, 1e-3);
    near(&valued[0]["underlyingPrice"], 210.0, 0.0);
    assert_eq!(list(&valued[1]["error"]["field"])[2], "underlyingPrice");
    assert_eq!(valued[2]["model"], "BLACK_SCHOLES_MERTON", "it cannot be exercised early");
    // The same as of the book.
    let seen = ada.greeks_of(&book, json!({ "model": "AMERICAN" })).await;
    let own = by_symbol(&seen)["AAPL240920C00210000"];
    for name in EACH {
        near(&valued[0]["position"][name], number(&own["position"][name]), 1e-3);
    }
}

/// However many contracts are described, what is known of them is read at once.
#[tokio::test]
async fn contracts_take_the_same_few_statements_however_many_there_are() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let statements = async |contracts: usize| {
        let contracts: Vec<_> = (0..contracts)
            .map(|n| {
                let symbol = format!("T{}X240920C00010000", n % 40);
                let volatility = (n % 2 == 0).then_some(0.2);
                json!({ "symbol": symbol, "volatility": volatility, "underlyingPrice": "12" })
            })
            .collect();
        let answer = ada.asks(CALCULATE, json!({ "contracts": contracts })).await;
        assert_eq!(answer["errors"], Value::Null);
        answer["extensions"]["statements"].as_u64().expect("a number of statements")
    };
    let (few, many) = (statements(2).await, statements(400).await);
    assert_eq!(few, many);
    assert!(few <= 7, "{few} statements");
}
