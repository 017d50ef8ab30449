use approx::assert_relative_eq;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tests::Worst;

const PUT: Contract = Contract { kind: Kind::Put, strike: 105.0, years: 0.75 };
const CALL: Contract = Contract { kind: Kind::Call, ..PUT };
/// Both rates are above zero: put and call are exercised early.
const EXAMPLE: Market = Market { spot: 100.0, rate: 0.05, dividend_yield: 0.03, volatility: 0.25 };

const BOTH: [Accuracy; 2] = [Accuracy::Fast, Accuracy::Accurate];

fn fixture() -> Value {
    let text = include_str!("../../tests/fixtures/options_american.json");
    serde_json::from_str(text).expect("the fixture is JSON")
}

fn inputs(case: &Value) -> (Contract, Market) {
    let number = |key: &str| case[key].as_f64().expect(key);
    let kind = if case["type"] == "call" { Kind::Call } else { Kind::Put };
    let contract = Contract { kind, strike: number("strike"), years: number("t") };
    let (spot, rate, dividend_yield) = (number("spot"), number("r"), number("q"));
    (contract, Market { spot, rate, dividend_yield, volatility: number("vol") })
}

/// Holds the differences from the reference to these bounds, at a spot of 100.
fn check_differences(accuracy: Accuracy, bounds: &[(&str, f64)]) {
    let mut worst = Worst::default();
    for case in fixture()["cases"].as_array().expect("cases") {
        let (contract, market) = inputs(case);
        let (value, greeks) =
            value_and_greeks(&contract, &market, accuracy).expect("the inputs are in range");
        let per_spot = 100.0 / market.spot;
        for (key, bound) in bounds {
            let (got, scale) = match *key {
                "price" => (value * per_spot, per_spot),
                // Next to the boundary a trace of the premium is left; its Greeks are not held.
                _ if case["near_exercise_boundary"] == true => continue,
                "delta" => (greeks.delta, 1.0),
                "gamma" => (greeks.gamma / per_spot, 1.0 / per_spot),
                "theta_day" => (greeks.theta * per_spot, per_spot),
                "vega_1pt" => (greeks.vega * per_spot, per_spot),
                "rho_1pct" => (greeks.rho * per_spot, per_spot),
                other => panic!("no such figure: {other}"),
            };
            let Some(expected) = case["expect"][*key].as_f64() else { continue };
            let difference = (got - expected * scale).abs();
            assert!(difference <= *bound, "{} {key}: off by {difference:e}", case["id"]);
            worst.note(key, difference);
        }
    }
    worst.print(&format!("options_american, {accuracy:?}, at a spot of 100"));
}

#[test]
fn a_fast_value_is_within_1e_4_of_the_reference() {
    let bounds = [
        ("price", 1e-4),
        ("delta", 2e-4),
        ("gamma", 2e-4),
        ("theta_day", 1e-4),
        ("vega_1pt", 3e-4),
        ("rho_1pct", 5e-4),
    ];
    check_differences(Accuracy::Fast, &bounds);
}

#[test]
fn an_accurate_value_is_within_1e_6_of_the_reference() {
    let bounds = [
        ("price", 1e-6),
        ("delta", 1e-6),
        ("gamma", 2e-5),
        ("theta_day", 5e-6),
        ("vega_1pt", 5e-6),
        ("rho_1pct", 2e-5),
    ];
    check_differences(Accuracy::Accurate, &bounds);
}

#[test]
fn a_fast_value_is_within_1e_4_of_an_accurate_one_whatever_the_inputs() {
    let mut worst = Worst::default();
    let years_and_volatilities = [0.02, 0.5, 2.0, 10.0, 30.0]
        .into_iter()
        .flat_map(|years| [0.05, 0.1, 0.2, 0.4, 0.8].map(|volatility| (years, volatility)));
    for (years, volatility) in years_and_volatilities {
        for rate in [0.001, 0.008, 0.03, 0.06, 0.1, 0.3] {
            for dividend_yield in [-0.05, 0.0, 0.005, 0.02, 0.06, 0.3] {
                for spot in [60.0, 85.0, 100.0, 105.0, 160.0] {
                    let put = Contract { kind: Kind::Put, strike: 100.0, years };
                    let market = Market { spot, rate, dividend_yield, volatility };
                    let [fast, accurate] =
                        BOTH.map(|accuracy| value(&put, &market, accuracy).expect("in range"));
                    let difference = (fast - accurate).abs();
                    assert!(difference <= 1e-4, "{put:?} in {market:?}: {fast}, {accurate}");
                    worst.note("price", difference);
                }
            }
        }
    }
    worst.print("fast beside accurate, at a strike of 100");
}

#[test]
fn one_that_is_never_exercised_is_european_to_the_last_digit() {
    for case in fixture()["cases"].as_array().expect("cases") {
        if case["kind"] != "never_exercise" {
            continue;
        }
        let (contract, market) = inputs(case);
        for accuracy in BOTH {
            let american = value(&contract, &market, accuracy).expect("in range");
            assert_relative_eq!(american, option::value(&contract, &market), max_relative = 1e-15);
        }
    }
}

#[test]
fn one_to_exercise_now_is_worth_what_that_brings_and_moves_with_the_spot() {
    for case in fixture()["cases"].as_array().expect("cases") {
        if case["kind"] != "immediate_exercise" {
            continue;
        }
        let (contract, market) = inputs(case);
        let sign = contract.kind.sign();
        for accuracy in BOTH {
            let (value, greeks) = value_and_greeks(&contract, &market, accuracy).expect("in range");
            assert_relative_eq!(value, sign * (market.spot - contract.strike));
            assert_eq!(greeks, Greeks { delta: sign, ..Greeks::default() });
        }
    }
}

#[test]
fn known_defect_04_an_american_option_is_worth_more_than_the_european() {
    // Spot, strike, days, volatility, rate, yield, kind; American and European value.
    let table = [
        (100.0, 100.0, 365.0, 0.25, 0.05, 0.02, Kind::Put, 8.565_229, 8.226_837),
        (100.0, 100.0, 365.0, 0.25, 0.05, 0.00, Kind::Put, 7.974_482, 7.458_941),
        (100.0, 100.0, 365.0, 0.25, 0.02, 0.06, Kind::Call, 8.213_397, 7.759_243),
        (100.0, 120.0, 182.0, 0.40, 0.045, 0.01, Kind::Put, 23.602_975, 23.092_382),
        (100.0, 80.0, 730.0, 0.30, 0.04, 0.03, Kind::Put, 6.292_992, 6.159_392),
        (100.0, 100.0, 7.0, 0.30, 0.05, 0.00, Kind::Put, 1.614_438, 1.609_031),
    ];
    for (spot, strike, days, volatility, rate, dividend_yield, kind, american, european) in table {
        let contract = Contract { kind, strike, years: days / DAYS_PER_YEAR };
        let market = Market { spot, rate, dividend_yield, volatility };
        let fast = value(&contract, &market, Accuracy::Fast).expect("in range");
        let accurate = value(&contract, &market, Accuracy::Accurate).expect("in range");
        assert_relative_eq!(fast, american, epsilon = 1e-4);
        assert_relative_eq!(accurate, american, epsilon = 1e-6);
        assert_relative_eq!(option::value(&contract, &market), european, epsilon = 1e-6);
    }
}

#[test]
fn between_two_boundaries_the_grid_agrees_with_a_tree() {
    // From a binomial tree with the last step in closed form, extrapolated from 8 000 and
    // 16 000 steps: spot, strike, years, rate, yield, volatility, value.
    let table = [
        (100.0, 100.0, 1.0, -0.01, -0.04, 0.20, 6.916_344),
        (100.0, 110.0, 0.5, -0.005, -0.03, 0.10, 10.0),
        (100.0, 100.0, 5.0, -0.01, -0.06, 0.15, 7.164_089),
        (80.0, 100.0, 2.0, -0.02, -0.05, 0.30, 25.462_348),
        (90.0, 100.0, 10.0, -0.005, -0.02, 0.08, 11.239_306),
        (60.0, 100.0, 1.0, -0.01, -0.04, 0.20, 40.0),
        (30.0, 100.0, 1.0, -0.01, -0.03, 0.20, 70.107_841),
    ];
    for (spot, strike, years, rate, dividend_yield, volatility, expected) in table {
        let market = Market { spot, rate, dividend_yield, volatility };
        let put = Contract { kind: Kind::Put, strike, years };
        let fast = value(&put, &market, Accuracy::Fast).expect("in range");
        assert_relative_eq!(fast, expected, epsilon = 1e-4);
        let accurate = value(&put, &market, Accuracy::Accurate).expect("in range");
        assert_relative_eq!(accurate, expected, epsilon = 1e-5);

        let call = Contract { kind: Kind::Call, strike: spot, years };
        let mirrored =
            Market { spot: strike, rate: dividend_yield, dividend_yield: rate, volatility };
        let mirrored = value(&call, &mirrored, Accuracy::Fast).expect("in range");
        assert_relative_eq!(mirrored, fast, max_relative = 1e-13);
    }
}

#[test]
fn with_one_boundary_the_grid_agrees_with_the_integrals() {
    for contract in [PUT, CALL] {
        for (rate, dividend_yield) in [(0.05, 0.03), (0.03, 0.05), (0.04, 0.04)] {
            let market = Market { rate, dividend_yield, ..EXAMPLE };
            let (value, greeks) =
                value_and_greeks(&contract, &market, Accuracy::Accurate).expect("in range");
            let case = Case::new(&contract, &market).expect("in range");
            let (on_grid, grid_greeks) = greeks_on_grid(&case, ACCURATE.steps);
            assert_relative_eq!(value, on_grid, epsilon = 1e-6);
            assert_relative_eq!(greeks.delta, grid_greeks.delta, epsilon = 1e-6);
            assert_relative_eq!(greeks.gamma, grid_greeks.gamma, epsilon = 1e-5);
            assert_relative_eq!(greeks.theta, grid_greeks.theta, epsilon = 1e-5);
            assert_relative_eq!(greeks.vega, grid_greeks.vega, epsilon = 1e-4);
            assert_relative_eq!(greeks.rho, grid_greeks.rho, epsilon = 1e-4);
        }
    }
}

#[test]
fn without_time_or_volatility_the_best_moment_counts() {
    let value = |contract: &Contract, market: &Market| {
        let (value, greeks) = value_and_greeks(contract, market, Accuracy::Fast).expect("in range");
        assert_relative_eq!(greeks.gamma, 0.0);
        assert_relative_eq!(greeks.vega, 0.0);
        value
    };
    let still = Market { volatility: 0.0, ..EXAMPLE };
    assert_relative_eq!(value(&Contract { years: 0.0, ..PUT }, &EXAMPLE), 5.0);
    assert_relative_eq!(value(&Contract { years: 0.0, ..CALL }, &EXAMPLE), 0.0);
    assert_relative_eq!(value(&PUT, &still), 5.0);

    // A spot that falls at 3 % a year: K e^(−rt) − S e^(−qt) is best when q S e^(−qt) =
    // r K e^(−rt), here after ln(4/3) / 0.03 years.
    let falling = Market { rate: 0.03, dividend_yield: 0.06, spot: 66.0, ..still };
    let put = Contract { strike: 99.0, years: 20.0, ..PUT };
    assert_relative_eq!(value(&put, &falling), 99.0 * 0.75 - 66.0 * 0.5625, max_relative = 1e-14);
    // There is no time to wait for that, or it has gone by.
    let discounted = 99.0 * (-0.03_f64).exp() - 66.0 * (-0.06_f64).exp();
    assert_relative_eq!(value(&Contract { years: 1.0, ..put }, &falling), discounted);
    assert_relative_eq!(value(&put, &Market { spot: 40.0, ..falling }), 59.0);
}

#[test]
fn one_of_a_thousand_years_is_worth_one_that_never_expires() {
    // Merton (1973): (K − B) (S / B)^−γ with γ = 2r / σ² and B = K γ / (1 + γ), without dividends.
    let put = Contract { kind: Kind::Put, strike: 100.0, years: 1_000.0 };
    for (rate, volatility) in [(0.1, 0.2), (0.05, 0.15), (0.3, 0.5)] {
        let market = Market { spot: 100.0, rate, dividend_yield: 0.0, volatility };
        let power = 2.0 * rate / (volatility * volatility);
        let boundary = 100.0 * power / (1.0 + power);
        let perpetual = (100.0 - boundary) * (100.0 / boundary).powf(-power);
        let got = value(&put, &market, Accuracy::Accurate).expect("in range");
        assert_relative_eq!(got, perpetual, epsilon = 1e-4);
    }
}

#[test]
fn without_volatility_only_one_that_waits_for_expiry_depends_on_it() {
    let falling = Market { spot: 66.0, rate: 0.03, dividend_yield: 0.06, volatility: 0.0 };
    let put = |years| Contract { kind: Kind::Put, strike: 99.0, years };
    let of = |years, market: &Market| {
        value_and_greeks(&put(years), market, Accuracy::Fast).expect("in range")
    };
    let (before, after) = (of(0.99, &falling).0, of(1.01, &falling).0);
    let (_, waiting) = of(1.0, &falling);
    assert_relative_eq!(waiting.theta, (before - after) / 0.02 / 365.0, max_relative = 1e-4);
    assert!(waiting.theta < 0.0 && waiting.rho < 0.0, "{waiting:?}");
    // Best exercised after nine years and more, or at once.
    assert_eq!(of(20.0, &falling).1.theta.to_bits(), 0);
    let (_, now) = of(20.0, &Market { spot: 40.0, ..falling });
    assert_eq!(now, Greeks { delta: -1.0, ..Greeks::default() });
}

#[test]
fn without_spot_or_strike_one_side_is_left() {
    let value = |contract: &Contract, market: &Market| {
        value_and_greeks(contract, market, Accuracy::Fast).expect("in range").0
    };
    let worthless = Market { spot: 0.0, ..EXAMPLE };
    assert_relative_eq!(value(&PUT, &worthless), 105.0);
    assert_relative_eq!(value(&CALL, &worthless), 0.0);
    let free = Contract { strike: 0.0, ..CALL };
    assert_relative_eq!(value(&free, &EXAMPLE), 100.0);
    assert_relative_eq!(value(&Contract { strike: 0.0, ..PUT }, &EXAMPLE), 0.0);
    // Money that grows by waiting: the strike is best received last.
    let waiting = Market { rate: -0.02, ..worthless };
    assert_relative_eq!(value(&PUT, &waiting), 105.0 * (0.02_f64 * 0.75).exp());
}

#[test]
fn a_little_time_and_volatility_lead_to_none() {
    for spot in [99.0, 105.0, 111.0] {
        for volatility in [1e-9, 1e-7, 1e-5, 1e-3] {
            let market = Market { spot, volatility, ..EXAMPLE };
            let got = value(&PUT, &market, Accuracy::Fast).expect("in range");
            assert_relative_eq!(got, (105.0 - spot).max(0.0), epsilon = 50.0 * volatility);
        }
        for years in [1e-15, 1e-12, 1e-9, 1e-6] {
            let put = Contract { years, ..PUT };
            let got = value(&put, &EXAMPLE, Accuracy::Accurate).expect("in range");
            assert_relative_eq!(got, (105.0 - spot).max(0.0), epsilon = f64::INFINITY);
            let market = Market { spot, ..EXAMPLE };
            let got = value(&put, &market, Accuracy::Accurate).expect("in range");
            assert_relative_eq!(got, (105.0 - spot).max(0.0), epsilon = 30.0 * years.sqrt());
        }
    }
}

#[test]
fn impossible_inputs_are_named() {
    let of = |contract: Contract, market: Market| value(&contract, &market, Accuracy::Fast);
    assert_eq!(of(PUT, Market { spot: f64::NAN, ..EXAMPLE }), Err(Error::NotFinite));
    assert_eq!(of(PUT, Market { rate: f64::INFINITY, ..EXAMPLE }), Err(Error::NotFinite));
    assert_eq!(of(PUT, Market { spot: -1.0, ..EXAMPLE }), Err(Error::OutOfRange("spot")));
    assert_eq!(of(PUT, Market { rate: 1e4, ..EXAMPLE }), Err(Error::OutOfRange("rate")));
    let expired = Contract { years: -0.1, ..CALL };
    assert_eq!(of(expired, EXAMPLE), Err(Error::OutOfRange("years")));
}

#[test]
fn the_greeks_are_the_slopes_of_the_value() {
    for contract in [PUT, CALL] {
        for (rate, dividend_yield) in [(0.05, 0.03), (0.03, 0.05), (0.04, 0.04), (0.05, -0.01)] {
            let market = Market { rate, dividend_yield, ..EXAMPLE };
            let of = |contract: Contract, market: Market| {
                value(&contract, &market, Accuracy::Accurate).expect("in range")
            };
            let slope =
                |step: f64, value: &dyn Fn(f64) -> f64| (value(step) - value(-step)) / (2.0 * step);
            let (base, greeks) =
                value_and_greeks(&contract, &market, Accuracy::Accurate).expect("in range");
            assert_relative_eq!(base, of(contract, market), max_relative = 1e-15);

            let by_spot = |step| of(contract, Market { spot: 100.0 + step, ..market });
            assert_relative_eq!(greeks.delta, slope(1e-2, &by_spot), epsilon = 1e-6);
            let bend = (by_spot(0.1) - 2.0 * base + by_spot(-0.1)) / 0.01;
            assert_relative_eq!(greeks.gamma, bend, epsilon = 1e-5);
            let by_time = |step| of(Contract { years: contract.years - step, ..contract }, market);
            assert_relative_eq!(greeks.theta, slope(1e-4, &by_time) / 365.0, epsilon = 1e-5);
            let by_volatility = |step| of(contract, Market { volatility: 0.25 + step, ..market });
            assert_relative_eq!(greeks.vega, slope(1e-4, &by_volatility) / 100.0, epsilon = 1e-6);
            let by_rate = |step| of(contract, Market { rate: rate + step, ..market });
            assert_relative_eq!(greeks.rho, slope(1e-4, &by_rate) / 100.0, epsilon = 1e-5);
        }
    }
}

/// Options as a desk sees them, and then some; with one boundary or none.
fn options() -> impl Strategy<Value = (Contract, Market)> {
    (
        prop_oneof![Just(Kind::Call), Just(Kind::Put)],
        (0.01..5.0_f64, 0.5..2.0_f64, 0.08..1.0_f64),
        (0.0..0.12_f64, prop_oneof![Just(0.0), 0.0..0.12_f64]),
    )
        .prop_map(|(kind, (years, moneyness, volatility), (rate, dividend_yield))| {
            let spot = 100.0 * moneyness;
            let contract = Contract { kind, strike: 100.0, years };
            (contract, Market { spot, rate, dividend_yield, volatility })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_call_is_the_put_with_spot_and_strike_and_rate_and_yield_exchanged(
        (contract, market) in options(),
    ) {
        let mirrored_kind = if contract.kind == Kind::Call { Kind::Put } else { Kind::Call };
        let mirrored = Contract { kind: mirrored_kind, strike: market.spot, ..contract };
        let mirrored_market = Market {
            spot: contract.strike,
            rate: market.dividend_yield,
            dividend_yield: market.rate,
            ..market
        };
        let one = value(&contract, &market, Accuracy::Fast).expect("in range");
        let other = value(&mirrored, &mirrored_market, Accuracy::Fast).expect("in range");
        prop_assert!((one - other).abs() <= 1e-11);
    }

    #[test]
    fn the_value_keeps_its_bounds_and_rises_with_time_and_volatility(
        (contract, market) in options(),
    ) {
        for (accuracy, slack) in [(Accuracy::Fast, 5e-4), (Accuracy::Accurate, 1e-5)] {
            let of = |contract: Contract, market: Market| {
                value(&contract, &market, accuracy).expect("in range")
            };
            let value = of(contract, market);
            let sign = contract.kind.sign();
            prop_assert!(value >= option::value(&contract, &market));
            prop_assert!(value >= sign * (market.spot - contract.strike));
            let most = if sign > 0.0 { market.spot } else { contract.strike };
            prop_assert!(value <= most);
            let longer = Contract { years: contract.years * 1.1, ..contract };
            prop_assert!(of(longer, market) >= value - slack);
            let wilder = Market { volatility: market.volatility * 1.1, ..market };
            prop_assert!(of(contract, wilder) >= value - slack);
            let up = of(contract, Market { spot: market.spot * 1.01, ..market });
            prop_assert!(sign * (up - value) >= -slack);
            prop_assert!((up - value).abs() <= market.spot * 0.01 + slack);
        }
    }

    #[test]
    fn fast_is_close_to_accurate((contract, market) in options()) {
        let (fast, fast_greeks) =
            value_and_greeks(&contract, &market, Accuracy::Fast).expect("in range");
        let (accurate, greeks) =
            value_and_greeks(&contract, &market, Accuracy::Accurate).expect("in range");
        let size = market.spot.max(contract.strike);
        prop_assert!((fast - accurate).abs() <= 1.5e-6 * size, "{} {}", fast, accurate);
        prop_assert!((fast_greeks.delta - greeks.delta).abs() <= 2e-3);
    }

    #[test]
    fn the_greeks_satisfy_the_pricing_equation((contract, market) in options()) {
        let (value, greeks) =
            value_and_greeks(&contract, &market, Accuracy::Fast).expect("in range");
        let intrinsic = contract.kind.sign() * (market.spot - contract.strike);
        prop_assume!(value > intrinsic + 1e-3);
        let Market { spot, rate, dividend_yield, volatility } = market;
        let terms = [
            greeks.theta * DAYS_PER_YEAR,
            (volatility * spot).powi(2) * greeks.gamma / 2.0,
            (rate - dividend_yield) * spot * greeks.delta,
            -rate * value,
        ];
        let size: f64 = terms.iter().map(|term| term.abs()).sum();
        prop_assert!(terms.iter().sum::<f64>().abs() <= 1e-9 * size.max(1.0));
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
        if let Ok((value, greeks)) = value_and_greeks(&contract, &market, Accuracy::Fast) {
            let Greeks { delta, gamma, theta, vega, rho } = greeks;
            prop_assert!([value, delta, gamma, theta, vega, rho].iter().all(|x| x.is_finite()));
            prop_assert!(value >= (kind.sign() * (spot - strike)).max(0.0));
        }
    }
}
