use approx::assert_relative_eq;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tests::Worst;

const CALL: Contract = Contract { kind: Kind::Call, strike: 105.0, years: 0.75 };
const PUT: Contract = Contract { kind: Kind::Put, ..CALL };
/// The dividend yield is not zero: that would hide a missing exp(-qT).
const EXAMPLE: Market = Market { spot: 100.0, rate: 0.05, dividend_yield: 0.03, volatility: 0.25 };

fn fixture() -> Value {
    let text = include_str!("../../tests/fixtures/options_european.json");
    serde_json::from_str(text).expect("the fixture is JSON")
}

fn inputs(case: &Value) -> (Contract, Market) {
    let number = |key: &str| case[key].as_f64().expect(key);
    let kind = if case["type"] == "call" { Kind::Call } else { Kind::Put };
    (
        Contract { kind, strike: number("strike"), years: number("t") },
        Market {
            spot: number("spot"),
            rate: number("r"),
            dividend_yield: number("q"),
            volatility: number("vol"),
        },
    )
}

#[test]
fn value_and_greeks_are_those_of_the_reference() {
    let mut worst = Worst::default();
    let cases = &fixture()["cases"];
    for case in cases.as_array().expect("cases") {
        let (contract, market) = inputs(case);
        let (spot, strike, years) = (market.spot, contract.strike, contract.years);
        let mut check = |key: &str, got: f64, scale: f64, relative: f64| {
            let expected = case["expect"][key].as_f64().expect(key);
            let tolerance = 1e-12 * scale + relative * expected.abs();
            assert!(
                (got - expected).abs() <= tolerance,
                "{} {key}: got {got:e}, expected {expected:e}",
                case["id"]
            );
            worst.note(key, (got - expected).abs() / (scale + 1e-2 * expected.abs()));
        };

        let price = value(&contract, &market);
        assert!(price >= 0.0);
        check("price", price, spot.max(strike), 1e-10);

        let greeks = greeks(&contract, &market);
        check("delta", greeks.delta, 1.0, 1e-10);
        check("gamma", greeks.gamma, greeks.gamma.max(1.0 / spot), 1e-10);
        check("theta_day", greeks.theta, spot / 365.0, 1e-10);
        check("vega_1pt", greeks.vega, spot / 100.0, 1e-10);
        check("rho_1pct", greeks.rho, strike * years.max(1.0) / 100.0, 1e-10);

        let HigherOrderGreeks { vanna, volga, charm } = higher_order(&contract, &market);
        check("vanna", vanna, vanna.abs().max(1.0), 1e-9);
        check("volga", volga, volga.abs().max(1.0), 1e-9);
        check("charm", charm, charm.abs().max(1.0), 1e-9);
    }
    worst.print("options_european, of scale");
}

#[test]
fn without_time_or_volatility_the_forward_is_all_there_is() {
    let cases = &fixture()["limit_cases"];
    for case in cases.as_array().expect("limit cases") {
        let (contract, market) = inputs(case);
        let greeks = greeks(&contract, &market);
        let got = [
            ("price", value(&contract, &market)),
            ("delta", greeks.delta),
            ("gamma", greeks.gamma),
            ("vega", greeks.vega / POINT),
            ("rho", greeks.rho / POINT),
            ("theta_year", greeks.theta * DAYS_PER_YEAR),
        ];
        for (key, got) in got {
            let Some(expected) = case["expect"][key].as_f64() else { continue };
            assert_relative_eq!(got, expected, epsilon = 1e-10, max_relative = 1e-12);
        }
    }
}

#[test]
fn exactly_at_the_money_nothing_is_undefined() {
    let still = Market { spot: 105.0, volatility: 0.0, ..EXAMPLE };
    for contract in [Contract { years: 0.0, ..CALL }, Contract { years: 0.0, ..PUT }] {
        assert!(value(&contract, &still).abs() < 1e-15);
        assert_relative_eq!(greeks(&contract, &still).delta.abs(), 0.5);
    }
}

#[test]
fn inputs_beyond_the_promise_are_not_a_number_rather_than_a_zero() {
    assert!(value(&CALL, &Market { spot: -1.0, ..EXAMPLE }).is_nan());
    assert!(value(&CALL, &Market { volatility: f64::NAN, ..EXAMPLE }).is_nan());
    assert!(value(&Contract { years: -0.1, ..PUT }, &EXAMPLE).is_nan());
}

#[test]
fn impossible_inputs_are_named() {
    let of = |contract: Contract, market: Market| value_and_greeks(&contract, &market).map(|_| ());
    assert_eq!(of(CALL, EXAMPLE), Ok(()));
    assert_eq!(of(CALL, Market { rate: f64::NAN, ..EXAMPLE }), Err(Error::NotFinite));
    assert_eq!(of(PUT, Market { spot: 0.0, ..EXAMPLE }), Err(Error::OutOfRange("spot")));
    assert_eq!(
        of(PUT, Market { volatility: -0.1, ..EXAMPLE }),
        Err(Error::OutOfRange("volatility"))
    );
    assert_eq!(of(Contract { strike: 0.0, ..PUT }, EXAMPLE), Err(Error::OutOfRange("strike")));
    assert_eq!(of(Contract { years: -0.1, ..PUT }, EXAMPLE), Err(Error::OutOfRange("years")));
    let discounted_away = Market { rate: -1e6, ..EXAMPLE };
    assert_eq!(of(PUT, discounted_away), Err(Error::NotFinite));
}

/// At the money, as the figures of the defects were taken.
const PLAIN: Market = Market { spot: 100.0, rate: 0.05, dividend_yield: 0.0, volatility: 0.25 };
const PLAIN_CALL: Contract = Contract { kind: Kind::Call, strike: 100.0, years: 1.0 };

#[test]
fn known_defect_01_a_rate_of_five_percent_is_not_one_of_five_hundredths_of_a_percent() {
    assert_relative_eq!(value(&PLAIN_CALL, &PLAIN), 12.336, epsilon = 5e-4);
    assert_relative_eq!(greeks(&PLAIN_CALL, &PLAIN).delta, 0.627_41, epsilon = 5e-6);
    let longer = Contract { years: 2.0, ..PLAIN_CALL };
    assert_relative_eq!(greeks(&longer, &PLAIN).delta, 0.677_11, epsilon = 5e-6);
}

#[test]
fn known_defect_02_vega_is_divided_by_a_hundred_once() {
    assert_relative_eq!(greeks(&PLAIN_CALL, &PLAIN).vega, 0.378_42, epsilon = 5e-6);
}

#[test]
fn known_defect_03_rho_is_divided_by_a_hundred_once() {
    assert_relative_eq!(greeks(&PLAIN_CALL, &PLAIN).rho, 0.504_05, epsilon = 5e-6);
}

#[test]
fn delta_is_the_value_of_one_unit_of_spot() {
    for contract in [CALL, PUT] {
        let slope = slope(|spot| value(&contract, &Market { spot, ..EXAMPLE }), EXAMPLE.spot);
        assert_relative_eq!(greeks(&contract, &EXAMPLE).delta, slope, max_relative = 1e-6);
    }
}

#[test]
fn gamma_is_the_delta_of_one_unit_of_spot() {
    for contract in [CALL, PUT] {
        let delta = |spot| greeks(&contract, &Market { spot, ..EXAMPLE }).delta;
        let slope = slope(delta, EXAMPLE.spot);
        assert_relative_eq!(greeks(&contract, &EXAMPLE).gamma, slope, max_relative = 1e-6);
    }
}

#[test]
fn vega_is_the_value_of_one_volatility_point() {
    for contract in [CALL, PUT] {
        let value = |volatility| value(&contract, &Market { volatility, ..EXAMPLE });
        let slope = slope(value, EXAMPLE.volatility);
        assert_relative_eq!(greeks(&contract, &EXAMPLE).vega, slope * 0.01, max_relative = 1e-6);
    }
}

#[test]
fn theta_is_what_a_calendar_day_takes_away() {
    for contract in [CALL, PUT] {
        let slope = slope(|years| value(&Contract { years, ..contract }, &EXAMPLE), CALL.years);
        assert_relative_eq!(greeks(&contract, &EXAMPLE).theta, -slope / 365.0, max_relative = 1e-6);
    }
}

#[test]
fn rho_is_the_value_of_one_percent_of_rate() {
    for contract in [CALL, PUT] {
        let slope = slope(|rate| value(&contract, &Market { rate, ..EXAMPLE }), EXAMPLE.rate);
        assert_relative_eq!(greeks(&contract, &EXAMPLE).rho, slope * 0.01, max_relative = 1e-6);
    }
}

#[test]
fn a_book_has_the_greeks_of_its_positions() {
    let call = greeks(&CALL, &EXAMPLE);
    let book: Greeks = [call.of_position(300.0), call.of_position(-200.0)].into_iter().sum();
    assert_relative_eq!(book.vega, call.of_position(100.0).vega, max_relative = 1e-12);
    assert_relative_eq!(book.theta, call.of_position(100.0).theta, max_relative = 1e-12);
}

fn slope(function: impl Fn(f64) -> f64, at: f64) -> f64 {
    let step = 1e-5 * at;
    (function(at + step) - function(at - step)) / (2.0 * step)
}

proptest! {
    #[test]
    fn a_call_less_a_put_is_the_forward(
        strike in 1.0..500.0_f64, spot in 1.0..500.0_f64, years in 0.0..10.0_f64,
        rate in -0.05..0.2_f64, dividend_yield in 0.0..0.1_f64, volatility in 0.0..3.0_f64,
    ) {
        let market = Market { spot, rate, dividend_yield, volatility };
        let call = Contract { kind: Kind::Call, strike, years };
        let put = Contract { kind: Kind::Put, ..call };

        let parity = spot * (-dividend_yield * years).exp() - strike * (-rate * years).exp();
        let difference = value(&call, &market) - value(&put, &market);
        prop_assert!((difference - parity).abs() <= 1e-12 * spot.max(strike));

        let deltas = greeks(&call, &market).delta - greeks(&put, &market).delta;
        prop_assert!((deltas - (-dividend_yield * years).exp()).abs() <= 1e-12);
    }

    #[test]
    fn any_numbers_at_all_give_finite_figures_or_an_error(
        numbers in prop::array::uniform6(prop_oneof![
            prop::num::f64::ANY, -1.0..1.0_f64, 0.0..200.0_f64, Just(0.0), 0.0..1e-6_f64,
        ]),
        is_call: bool,
    ) {
        let [strike, years, spot, rate, dividend_yield, volatility] = numbers;
        let kind = if is_call { Kind::Call } else { Kind::Put };
        let contract = Contract { kind, strike, years };
        let market = Market { spot, rate, dividend_yield, volatility };
        if let Ok((got, Greeks { delta, gamma, theta, vega, rho })) =
            value_and_greeks(&contract, &market)
        {
            prop_assert!([got, delta, gamma, theta, vega, rho].iter().all(|x| x.is_finite()));
            prop_assert_eq!(got.to_bits(), value(&contract, &market).to_bits());
        }
    }

    #[test]
    fn every_figure_is_finite_and_the_value_within_its_bounds(
        strike in 1e-4..1e6_f64, spot in 1e-4..1e6_f64,
        years in prop_oneof![Just(0.0), 1e-12..1e-3, 0.0..30.0_f64],
        rate in -0.1..0.3_f64, dividend_yield in -0.1..0.3_f64,
        volatility in prop_oneof![Just(0.0), 1e-12..1e-3, 0.0..10.0_f64],
        is_call: bool,
    ) {
        let kind = if is_call { Kind::Call } else { Kind::Put };
        let contract = Contract { kind, strike, years };
        let market = Market { spot, rate, dividend_yield, volatility };

        let value = value(&contract, &market);
        let spot = spot * (-dividend_yield * years).exp();
        let strike = strike * (-rate * years).exp();
        let slack = 1e-12 * spot.max(strike);
        prop_assert!(value >= (kind.sign() * (spot - strike)).max(0.0) - slack);
        let most = if is_call { spot } else { strike };
        prop_assert!(value <= most + slack);

        let Greeks { delta, gamma, theta, vega, rho } = greeks(&contract, &market);
        prop_assert!([delta, gamma, theta, vega, rho].iter().all(|greek| greek.is_finite()));
        prop_assert!(gamma >= 0.0 && vega >= 0.0);
        let HigherOrderGreeks { vanna, volga, charm } = higher_order(&contract, &market);
        prop_assert!([vanna, volga, charm].iter().all(|greek| greek.is_finite()));
    }
}
