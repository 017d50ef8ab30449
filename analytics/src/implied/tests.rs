use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::american::Accuracy;
use crate::option::{Kind, Market, value};
use crate::tests::Worst;

fn fixture() -> Value {
    let text = include_str!("../../tests/fixtures/implied_vol.json");
    serde_json::from_str(text).expect("the fixture is JSON")
}

/// A number, or the text that stands for one in JSON, such as `NaN`.
fn number(case: &Value, key: &str) -> f64 {
    match &case[key] {
        Value::String(text) => text.parse().expect(key),
        other => other.as_f64().expect(key),
    }
}

fn inputs(case: &Value) -> (Contract, Quote) {
    let kind = if case["type"] == "call" { Kind::Call } else { Kind::Put };
    let contract = Contract { kind, strike: number(case, "strike"), years: number(case, "t") };
    let quote = Quote {
        price: number(case, "price"),
        spot: number(case, "spot"),
        rate: number(case, "r"),
        dividend_yield: number(case, "q"),
    };
    (contract, quote)
}

fn priced_again(contract: &Contract, quote: &Quote, volatility: f64) -> f64 {
    let &Quote { spot, rate, dividend_yield, .. } = quote;
    value(contract, &Market { spot, rate, dividend_yield, volatility })
}

#[test]
fn the_volatility_is_that_of_the_reference() {
    let mut worst = Worst::default();
    for case in fixture()["cases"].as_array().expect("cases") {
        let (contract, quote) = inputs(case);
        let got = volatility(&contract, &quote).expect("the price has a volatility");
        let again = priced_again(&contract, &quote, got);
        let off = (again - quote.price).abs() / quote.spot.max(contract.strike);
        assert!(off <= 1e-12, "{}: off by {off:e}", case["id"]);
        worst.note("price, of spot or strike", off);

        if case["well_conditioned"] == true {
            let expected = number(case, "expect_vol");
            let tolerance = number(case, "vol_abs_tolerance");
            let off = (got - expected).abs();
            assert!(off <= tolerance, "{}: got {got}, expected {expected}", case["id"]);
            worst.note("volatility", off);
            worst.note("volatility, of what the price allows", off / tolerance);
        }
    }
    worst.print("implied_vol");
}

#[test]
fn an_impossible_price_is_told_apart_from_others() {
    for case in fixture()["invalid"].as_array().expect("invalid") {
        let (contract, quote) = inputs(case);
        let expected = match case["expect_error"].as_str().expect("expect_error") {
            "NON_FINITE" => NoVolatility::NotFinite,
            "INVALID_INPUT" => NoVolatility::InvalidInput,
            "NEGATIVE_PRICE" => NoVolatility::NegativePrice,
            "BELOW_INTRINSIC" => NoVolatility::BelowIntrinsic,
            "AT_INTRINSIC" => NoVolatility::AtIntrinsic,
            "ABOVE_UPPER_BOUND" => NoVolatility::AboveUpperBound,
            other => panic!("no such error: {other}"),
        };
        assert_eq!(volatility(&contract, &quote), Err(expected), "{}", case["id"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_price_gives_back_its_volatility(
        strike in 1.0..500.0_f64, moneyness in 0.5..2.0_f64, years in 0.003..5.0_f64,
        rate in -0.05..0.15_f64, dividend_yield in -0.02..0.1_f64, given in 0.02..2.0_f64,
        is_call: bool,
    ) {
        let kind = if is_call { Kind::Call } else { Kind::Put };
        let contract = Contract { kind, strike, years };
        let mut quote = Quote { price: 0.0, spot: strike * moneyness, rate, dividend_yield };
        quote.price = priced_again(&contract, &quote, given);

        let size = quote.spot.max(strike);
        match volatility(&contract, &quote) {
            Ok(got) => {
                let again = priced_again(&contract, &quote, got);
                prop_assert!((again - quote.price).abs() <= 1e-12 * size);
                // What one rounding error of the price is worth in volatility.
                let market = Market { spot: quote.spot, rate, dividend_yield, volatility: given };
                let vega = crate::option::greeks(&contract, &market).vega * 100.0;
                let tolerance = 1e-12 * given + 1e-14 * size / vega;
                prop_assert!((got - given).abs() <= tolerance, "{} {}", got, given);
            }
            // Where the time value is below what the digits of the price can hold.
            Err(reason) => {
                prop_assert!(matches!(
                    reason,
                    NoVolatility::AtIntrinsic | NoVolatility::BelowIntrinsic
                ));
                let still = priced_again(&contract, &quote, 0.0);
                prop_assert!((quote.price - still).abs() <= 1e-13 * size);
            }
        }
    }

    #[test]
    fn any_numbers_at_all_give_a_volatility_above_zero_or_a_reason(
        numbers in prop::array::uniform6(prop_oneof![
            prop::num::f64::ANY, 0.0..200.0_f64, -1.0..1.0_f64, 0.0..1e-9_f64,
        ]),
        is_call: bool,
    ) {
        let [strike, years, price, spot, rate, dividend_yield] = numbers;
        let kind = if is_call { Kind::Call } else { Kind::Put };
        let contract = Contract { kind, strike, years };
        let quote = Quote { price, spot, rate, dividend_yield };
        if let Ok(got) = volatility(&contract, &quote) {
            prop_assert!(got.is_finite() && got > 0.0);
        }
    }
}

#[test]
fn an_american_price_implies_the_volatility_it_was_made_with() {
    let text = include_str!("../../tests/fixtures/options_american.json");
    let fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    let mut found = 0;
    for case in fixture["cases"].as_array().expect("cases") {
        let price = case["expect"]["price"].as_f64().expect("a price");
        let (contract, quote) = inputs(&with_price(case, price));
        match american_volatility(&contract, &quote) {
            Ok(volatility) => {
                let &Quote { spot, rate, dividend_yield, .. } = &quote;
                let market = Market { spot, rate, dividend_yield, volatility };
                let again = crate::american::value(&contract, &market, Accuracy::Fast);
                let off = (again.expect("in range") - price).abs() / contract.strike;
                assert!(off < 1e-9, "{}: {off:e} of the strike", case["id"]);
                found += 1;
            }
            // Exercised at once it says nothing, and far from the money next to nothing.
            Err(error) => assert!(
                matches!(error, NoVolatility::AtIntrinsic | NoVolatility::BelowIntrinsic)
                    && case["kind"] == "immediate_exercise",
                "{}: {error}",
                case["id"]
            ),
        }
    }
    assert!(found > 100, "{found}");
}

/// The case with a price, as cases of implied volatilities have one.
fn with_price(case: &Value, price: f64) -> Value {
    let mut case = case.clone();
    case["price"] = price.into();
    case
}

#[test]
fn early_exercise_takes_less_volatility_for_the_same_price() {
    let contract = Contract { kind: Kind::Put, strike: 100.0, years: 1.0 };
    let quote = Quote { price: 8.565_229, spot: 100.0, rate: 0.05, dividend_yield: 0.02 };
    let american = american_volatility(&contract, &quote).expect("a volatility");
    assert!((american - 0.25).abs() < 1e-6, "{american}");
    assert!(american < volatility(&contract, &quote).expect("a volatility"));
    for (price, error) in [
        (f64::NAN, NoVolatility::NotFinite),
        (-1.0, NoVolatility::NegativePrice),
        (100.0, NoVolatility::AboveUpperBound),
    ] {
        let quote = Quote { price, ..quote };
        assert_eq!(american_volatility(&contract, &quote), Err(error));
    }
    // Twenty in the money, it is exercised for twenty.
    for (price, error) in [(20.0, NoVolatility::AtIntrinsic), (19.9, NoVolatility::BelowIntrinsic)]
    {
        let quote = Quote { price, spot: 80.0, ..quote };
        assert_eq!(american_volatility(&contract, &quote), Err(error));
    }
}
