use std::collections::BTreeMap;
use std::thread;

use proptest::prelude::*;
use serde_json::Value;

use super::monte_carlo::{Outcomes, Simulation};
use super::revaluation::{Holding, Shift, Terms};
use super::reverse::{Bounds, reverse};
use super::stress::{Book, Propagation, direct, propagate};
use super::*;
use crate::option::{Contract, Kind, Market, greeks, value};
use crate::risk::tail::Confidence;
use crate::tests::Worst;

#[test]
fn a_short_offsets_what_a_long_loses() {
    let book = [(100_000.0, 1.2), (-60_000.0, 2.0)]
        .map(|(exposure, beta)| Sensitivity { exposure, beta: Some(beta) });
    let fall = impact(&book, -0.01).expect("an impact");
    assert_eq!(fall.by_position, [Some(-1_200.0), Some(1_200.0)]);
    assert_eq!(fall.pnl, Some(0.0));
}

#[test]
fn known_defect_13_a_yield_change_is_absolute() {
    // Returns that lose 5 per 1.00 of yield, at yields around 4 %.
    let levels = [0.0400, 0.0410, 0.0405, 0.0425, 0.0420];
    let changes = yield_changes(&levels).expect("changes");
    let returns: Vec<f64> = changes.iter().map(|change| -5.0 * change + 0.0001).collect();
    let rate = rate_beta(&returns, &changes).expect("a beta");
    approx::assert_relative_eq!(rate.beta, -5.0, max_relative = 1e-12);
    approx::assert_relative_eq!(rate.r_squared.expect("one"), 1.0, max_relative = 1e-12);
    // The beta is the same wherever the yields are.
    let higher = yield_changes(&levels.map(|level| level + 0.04)).expect("changes");
    let rate = rate_beta(&returns, &higher).expect("a beta");
    approx::assert_relative_eq!(rate.beta, -5.0, max_relative = 1e-12);

    let book = [Sensitivity { exposure: 100_000.0, beta: Some(rate.beta) }];
    let up = impact(&book, 0.005).expect("an impact");
    approx::assert_relative_eq!(up.pnl.expect("one"), -2_500.0, max_relative = 1e-12);
}

#[test]
fn a_yield_that_rises_has_changes_above_zero() {
    assert_eq!(yield_changes(&[0.5, 0.75, 0.25]), Ok(vec![0.25, -0.5]));
    assert_eq!(yield_changes(&[0.04]), Ok(vec![]));
    assert_eq!(yield_changes(&[]), Ok(vec![]));
}

#[test]
fn a_rate_beta_is_as_uncertain_as_its_residuals() {
    // Residuals −0.1, 0.3, −0.3, 0.1 leave 0.2 for two degrees of freedom, over Σ (x − x̄)² = 5.
    let rate = rate_beta(&[0.0, 1.0, 1.0, 2.0], &[0.0, 1.0, 2.0, 3.0]).expect("a beta");
    approx::assert_relative_eq!(rate.beta, 0.6, max_relative = 1e-14);
    let error = rate.standard_error.expect("four points");
    approx::assert_relative_eq!(error, 0.02_f64.sqrt(), max_relative = 1e-13);
    assert_eq!(rate_beta(&[0.0, 1.0], &[0.0, 1.0]).expect("a beta").standard_error, None);
}

#[test]
fn known_defect_14_an_unknown_beta_is_not_zero() {
    let flat = rate_beta(&[0.01, -0.01, 0.02], &[0.0, 0.0, 0.0]);
    assert_eq!(flat, Err(Error::Undefined("the slope over a constant")));
    assert!(matches!(rate_beta(&[0.01], &[0.0001]), Err(Error::TooShort { .. })));

    let unknown = Sensitivity { exposure: 50_000.0, beta: None };
    let alone = impact(&[unknown], -0.01).expect("an impact");
    assert_eq!((alone.pnl, alone.without_beta), (None, 1));
    let known = Sensitivity { exposure: 50_000.0, beta: Some(1.0) };
    let both = impact(&[unknown, known], -0.01).expect("an impact");
    assert_eq!((both.pnl, both.without_beta), (Some(-500.0), 1));
    assert_eq!(impact(&[], -0.01).expect("an impact").pnl, Some(0.0));
}

#[test]
fn known_defect_15_exposures_keep_their_sign() {
    let short = [Sensitivity { exposure: -100_000.0, beta: Some(1.0) }];
    assert_eq!(impact(&short, -0.1).expect("an impact").pnl, Some(10_000.0));
}

#[test]
fn known_defect_16_the_same_scenario_again_is_the_same_impact() {
    let book = [Sensitivity { exposure: 100_000.0, beta: Some(1.1) }];
    assert_eq!(impact(&book, 0.01), impact(&book, 0.01));
}

#[test]
fn the_accuracy_of_predictions_is_counted_in_view() {
    let predicted = [0.01, -0.02, 0.00, 0.03];
    let actual = [0.02, -0.01, 0.01, -0.01];
    let accuracy = Accuracy::of(&predicted, &actual).expect("an accuracy");
    assert_eq!(accuracy.observations, 4);
    approx::assert_relative_eq!(accuracy.bias, 0.0025, max_relative = 1e-12);
    approx::assert_relative_eq!(accuracy.rmse, (0.0019_f64 / 4.0).sqrt(), max_relative = 1e-12);
    // Of four signs two are right: a predicted zero is neither up nor down.
    approx::assert_relative_eq!(accuracy.hit_rate, 0.5);
    let perfect = Accuracy::of(&actual, &actual).expect("an accuracy");
    assert_eq!((perfect.rmse, perfect.hit_rate), (0.0, 1.0));
    approx::assert_relative_eq!(perfect.correlation.expect("one"), 1.0, max_relative = 1e-12);
    assert_eq!(Accuracy::of(&[0.0; 3], &actual[..3]).expect("one").correlation, None);
    assert_eq!(Accuracy::of(&[], &[]), Err(Error::Empty));
    assert!(matches!(Accuracy::of(&[0.1], &[]), Err(Error::Mismatch { .. })));
    assert_eq!(Accuracy::of(&[f64::NAN], &[0.1]), Err(Error::NotFinite));
}

struct Model {
    variables: Vec<String>,
    covariance: Vec<f64>,
}

fn stress_fixture() -> (BTreeMap<String, Model>, Vec<Value>) {
    let text = include_str!("../../tests/fixtures/stress.json");
    let fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    let list = |json: &Value| json.as_array().expect("a list").clone();
    let name = |json: &Value| json.as_str().expect("a name").to_owned();
    let models = list(&fixture["models"]).into_iter().map(|model| {
        let rows = list(&model["covariance_daily"]);
        let numbers = rows.iter().flat_map(&list);
        let covariance = numbers.map(|number| number.as_f64().expect("a number")).collect();
        let variables = list(&model["factor_order"]).iter().map(name).collect();
        (name(&model["id"]), Model { variables, covariance })
    });
    (models.collect(), list(&fixture["cases"]))
}

#[test]
fn stressed_books_lose_what_the_reference_says() {
    let (models, cases) = stress_fixture();
    let mut worst = Worst::default();
    for case in &cases {
        let model = &models[case["model"].as_str().expect("a model")];
        let id = &case["id"];
        let expect = &case["expect"];
        let of = |json: &Value, variable: &String| json[variable].as_f64();
        let exposures: Vec<f64> = (model.variables.iter())
            .map(|v| of(&case["factor_exposure_dollar"], v).expect("an exposure"))
            .collect();
        let shocks: Vec<Option<f64>> =
            model.variables.iter().map(|v| of(&case["shocks"], v)).collect();

        let condition = expect["cond_corr_ss"].as_f64();
        let tolerance = condition.filter(|c| *c >= 1e4).map_or(1e-9, |c| 1e-13 * c);
        // A book of one position that is never worth too little for its losses.
        let book = Book { values: &[f64::MAX], sensitivities: &exposures };
        let mut assert_close = |figure: &'static str, got: f64, expected: f64, scale: f64| {
            let share = if scale == 0.0 { 0.0 } else { (got - expected).abs() / scale };
            assert!(share <= tolerance, "{id} {figure}: {got} is not {expected}");
            // What the covariance leaves of sixteen digits is no error of ours.
            let digits = if tolerance > 1e-9 { ", ill-conditioned" } else { "" };
            worst.note(&format!("{figure}{digits}"), share);
        };

        let impact = book.impact(&direct(&shocks).expect("moves")).expect("an impact");
        let expected = expect["direct_pnl"].as_f64().expect("one");
        assert_close("direct", impact.pnl, expected, expected.abs());

        let all = propagate(&model.covariance, &shocks).expect("moves");
        let impact = book.impact(&all.moves).expect("an impact");
        let scale: f64 = impact.by_variable.iter().map(|pnl| pnl.abs()).sum();
        let expected = expect["correlated_pnl"].as_f64().expect("one");
        assert_close("correlated", impact.pnl, expected, scale);
        let largest = all.moves.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (at, variable) in model.variables.iter().enumerate() {
            let expected = of(&expect["full_shock"], variable).expect("a move");
            assert_close("full shock", all.moves[at], expected, largest);
            let expected = of(&expect["correlated_by_factor"], variable).expect("one");
            assert_close("by variable", impact.by_variable[at], expected, scale);
            if let Some(shock) = shocks[at] {
                assert_eq!(all.moves[at].to_bits(), shock.to_bits(), "{id}: it keeps its shock");
            }
        }

        assert_eq!(all.rank, expect["rank_ss"], "{id}: rank");
        assert_eq!(Value::from(all.is_ill_conditioned()), expect["ill_conditioned"], "{id}");
        assert_eq!(all.condition_number.is_some(), condition.is_some(), "{id}: singular");
        if let (Some(got), Some(expected)) = (all.condition_number, condition) {
            // Known to as many digits as the smallest eigenvalue has.
            approx::assert_relative_eq!(got, expected, max_relative = 1e-14 * expected + 1e-12);
        }
        let expected = expect["shock_inconsistency"].as_f64().expect("one");
        approx::assert_abs_diff_eq!(all.inconsistency, expected, epsilon = 1e-9);
    }
    worst.print("stress");
}

#[test]
fn known_defect_17_what_moves_along_moves_by_its_own_volatility() {
    // A variable with a correlation of one half and thrice the volatility.
    let covariance = [0.01, 0.015, 0.015, 0.09];
    let all = propagate(&covariance, &[Some(-0.1), None]).expect("moves");
    approx::assert_relative_eq!(all.moves[1], -0.15, max_relative = 1e-12);
    // Two shocked variables that say the same are not counted twice.
    let same = [0.01, 0.01, 0.015, 0.01, 0.01, 0.015, 0.015, 0.015, 0.09];
    let all = propagate(&same, &[Some(-0.1), Some(-0.1), None]).expect("moves");
    assert_eq!(all.moves[..2], [-0.1, -0.1]);
    approx::assert_relative_eq!(all.moves[2], -0.15, max_relative = 1e-9);
    assert!(all.is_ill_conditioned());
}

#[test]
fn known_defect_18_a_market_neutral_book_still_has_a_stress() {
    // Long a high beta and short a low one: no net exposure, plenty of risk.
    let book = Book { values: &[100_000.0, -100_000.0], sensitivities: &[150_000.0, -50_000.0] };
    let fall = book.impact(&[-0.1]).expect("an impact");
    assert_eq!((fall.pnl, fall.by_position), (-10_000.0, vec![-15_000.0, 5_000.0]));
}

#[test]
fn known_defect_19_no_loss_is_cut_but_that_of_a_long_position() {
    // A long loses its value and no more; the other half of its sensitivity is not lost.
    let long = Book { values: &[1_000.0], sensitivities: &[3_000.0] };
    let fall = long.impact(&[-0.5]).expect("an impact");
    assert_eq!((fall.pnl, fall.limited), (-1_000.0, 500.0));
    assert_eq!(fall.by_variable, [-1_500.0]);
    // A short of the same size gains no more than that, its loss has no bound, nor has the sum.
    let short = Book { values: &[-1_000.0], sensitivities: &[-3_000.0] };
    assert_eq!(short.impact(&[-0.5]).map(|impact| impact.pnl), Ok(1_000.0));
    assert_eq!(short.impact(&[2.0]).map(|impact| impact.pnl), Ok(-6_000.0));
}

#[test]
fn shocks_that_are_nearly_the_same_are_told() {
    // Two correlations of r have a condition number of (1 + r) / (1 − r).
    for (condition, is_ill) in [(1e7, false), (1e9, true)] {
        let r = 1.0 - 2.0 / condition;
        let all = propagate(&[1.0, r, r, 1.0], &[Some(-0.1), Some(-0.1)]).expect("moves");
        let got = all.condition_number.expect("two directions");
        approx::assert_relative_eq!(got, condition, max_relative = 1e-5);
        assert_eq!(all.is_ill_conditioned(), is_ill);
    }
}

#[test]
fn what_never_varies_says_nothing_of_the_others() {
    let covariance = [0.0, 0.0, 0.0, 0.04];
    let all = propagate(&covariance, &[Some(0.1), None]).expect("moves");
    assert_eq!((all.moves, all.rank), (vec![0.1, 0.0], 0));
    let nothing = propagate(&[], &[]).expect("moves");
    assert_eq!(
        nothing,
        Propagation { moves: vec![], rank: 0, condition_number: None, inconsistency: 0.0 }
    );
}

#[test]
fn stress_refuses_what_no_covariance_can_be() {
    let refused = |covariance: &[f64]| propagate(covariance, &[Some(0.1), None]);
    assert!(matches!(refused(&[1.0]), Err(Error::Mismatch { .. })));
    assert_eq!(refused(&[-1.0, 0.0, 0.0, 1.0]), Err(Error::OutOfRange("variance")));
    assert_eq!(refused(&[f64::NAN, 0.0, 0.0, 1.0]), Err(Error::NotFinite));
    assert_eq!(propagate(&[1.0], &[Some(f64::INFINITY)]), Err(Error::NotFinite));
    let book = Book { values: &[1.0], sensitivities: &[1.0, 2.0] };
    assert!(matches!(book.impact(&[0.1]), Err(Error::Mismatch { .. })));
    assert_eq!(book.impact(&[0.1, f64::NAN]), Err(Error::NotFinite));
    for tiny in [1e-300, 1e300, f64::MIN_POSITIVE] {
        if let Ok(all) = refused(&[tiny, 1e-10, 1e-10, 1.0]) {
            assert!(all.moves.iter().all(|x| x.is_finite()));
        }
    }
}

const PUT: Contract = Contract { kind: Kind::Put, strike: 95.0, years: 0.25 };
const MARKET: Market = Market { spot: 100.0, rate: 0.03, dividend_yield: 0.0, volatility: 0.3 };

fn option(units: f64) -> Holding {
    let terms = Terms::Option { contract: PUT, market: MARKET };
    Holding { units, price: value(&PUT, &MARKET), terms }
}

#[test]
fn a_small_move_is_worth_its_delta_and_a_large_one_is_not() {
    let put = option(100.0);
    let delta = greeks(&PUT, &MARKET).delta * 100.0;
    let pnl = |spot| put.pnl(&Shift { spot, ..Shift::default() }).expect("a profit");
    approx::assert_relative_eq!(pnl(1e-6), delta * 1e-4, max_relative = 1e-4);
    // In a crash the put approaches its strike less the spot, far beyond its delta.
    assert!(pnl(-0.5) > 1.5 * delta * -50.0);
}

#[test]
fn a_small_change_of_rate_or_volatility_is_worth_its_greek() {
    let (put, greeks) = (option(100.0), greeks(&PUT, &MARKET));
    let pnl = |shift: Shift| put.pnl(&shift).expect("a profit");
    let rate = pnl(Shift { rate: 1e-6, ..Shift::default() });
    approx::assert_relative_eq!(rate, greeks.rho * 100.0 * 1e-4, max_relative = 1e-4);
    let volatility = pnl(Shift { volatility: 1e-6, ..Shift::default() });
    approx::assert_relative_eq!(volatility, greeks.vega * 100.0 * 1e-4, max_relative = 1e-4);
}

#[test]
fn a_long_position_loses_no_more_than_its_value() {
    let stock = Holding { units: 10.0, price: 50.0, terms: Terms::Linear };
    let crash = Shift { spot: -1.7, ..Shift::default() };
    assert_eq!(stock.pnl(&crash), Ok(-500.0));
    let rally = Shift { spot: 40.0, ..Shift::default() };
    let put = option(100.0);
    approx::assert_relative_eq!(put.pnl(&rally).expect("one"), -100.0 * put.price);
    // What was written, or sold short, has no such bound.
    let short = Holding { units: -10.0, ..stock };
    assert_eq!(short.pnl(&rally), Ok(-20_000.0));
    let written = option(-100.0).pnl(&crash).expect("one");
    let strike = 95.0 * (-0.03_f64 * 0.25).exp();
    approx::assert_relative_eq!(written, -100.0 * (strike - put.price), max_relative = 1e-9);
}

#[test]
fn revaluation_refuses_what_has_no_price() {
    let shift = Shift { spot: f64::NAN, ..Shift::default() };
    assert_eq!(option(1.0).pnl(&shift), Err(Error::NotFinite));
    let shift = Shift { volatility: f64::INFINITY, ..Shift::default() };
    assert_eq!(option(1.0).pnl(&shift), Err(Error::NotFinite));
    let negative = Holding { price: -1.0, ..option(1.0) };
    assert_eq!(negative.pnl(&Shift::default()), Err(Error::OutOfRange("price")));
    let market = Market { spot: 0.0, ..MARKET };
    let worthless = Holding { terms: Terms::Option { contract: PUT, market }, ..option(1.0) };
    assert_eq!(worthless.pnl(&Shift::default()), Err(Error::OutOfRange("spot")));
    let calm = Shift { volatility: -9.0, spot: -1.0, rate: 0.01 };
    assert!(option(1.0).pnl(&calm).expect("a profit") > 0.0);
}

#[test]
fn the_reverse_of_a_linear_loss_is_its_quotient() {
    let linear = |change: f64| Ok(50_000.0 * change);
    let found = reverse(linear, 10_000.0, Bounds::PRICE).expect("a search").expect("a move");
    approx::assert_relative_eq!(found.change, -0.2, max_relative = 1e-12);
    approx::assert_relative_eq!(found.pnl, -10_000.0, max_relative = 1e-12);
    // A short book loses upwards.
    let short = |change: f64| Ok(-50_000.0 * change);
    let found = reverse(short, 10_000.0, Bounds::PRICE).expect("a search").expect("a move");
    approx::assert_relative_eq!(found.change, 0.2, max_relative = 1e-12);
}

#[test]
fn the_smaller_of_two_moves_that_lose_is_found() {
    // A written straddle loses both ways, sooner upwards.
    let straddle = |change: f64| Ok(if change > 0.0 { -3e4 * change } else { 1e4 * change });
    let found = reverse(straddle, 1_500.0, Bounds::PRICE).expect("a search").expect("a move");
    approx::assert_relative_eq!(found.change, 0.05, max_relative = 1e-12);
}

#[test]
fn a_loss_that_no_move_makes_is_unreachable() {
    let book = Book { values: &[1_000.0], sensitivities: &[1_000.0] };
    let pnl = |change: f64| book.impact(&[change]).map(|impact| impact.pnl);
    assert_eq!(reverse(pnl, 1_000.01, Bounds::PRICE), Ok(None));
    assert_eq!(reverse(pnl, 1_000.0, Bounds::PRICE).map(|r| r.map(|r| r.change)), Ok(Some(-1.0)));
    assert_eq!(reverse(|_| Ok(0.0), 1.0, Bounds::YIELD), Ok(None));
    assert!(reverse(pnl, 0.0, Bounds::PRICE).is_err());
    assert_eq!(reverse(pnl, f64::NAN, Bounds::PRICE), Err(Error::NotFinite));
    assert_eq!(reverse(|_| Ok(f64::NAN), 1.0, Bounds::PRICE), Err(Error::NotFinite));
    let inverted = Bounds { lowest: 0.1, highest: 0.2 };
    assert!(reverse(pnl, 1.0, inverted).is_err());
}

/// Three variables, the last of which is the sum of the others: semidefinite.
const SEMIDEFINITE: [f64; 9] = [4e-4, 1e-4, 5e-4, 1e-4, 9e-4, 1e-3, 5e-4, 1e-3, 1.5e-3];

#[test]
fn the_same_seed_gives_the_same_paths_however_many_threads_share_them() {
    let simulation = Simulation::new(&[1e5, -4e4, 2e4], &SEMIDEFINITE, 42).expect("one");
    let whole = simulation.pnl(0..10_007).expect("paths");
    assert_eq!(whole.len(), 10_007);
    for parts in [1, 2, 3, 7] {
        let shared: Vec<f64> = thread::scope(|scope| {
            let cut = |part: u64| part * 10_007 / parts;
            let work: Vec<_> = (0..parts)
                .map(|part| {
                    let simulation = &simulation;
                    scope.spawn(move || simulation.pnl(cut(part)..cut(part + 1)).expect("paths"))
                })
                .collect();
            work.into_iter().flat_map(|part| part.join().expect("a part")).collect()
        });
        assert!(shared.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert_eq!(shared.len(), whole.len());
    }
    let other = Simulation::new(&[1e5, -4e4, 2e4], &SEMIDEFINITE, 43).expect("one");
    assert_ne!(other.pnl(0..100), simulation.pnl(0..100));
    assert_eq!(simulation.pnl(5..5), Ok(vec![]));
    for beyond in [0..u64::MAX, u64::MAX - 3..u64::MAX, 0..20_000_000] {
        assert_eq!(simulation.pnl(beyond), Err(Error::OutOfRange("number of paths")));
    }
}

/// The paths do not depend on what instructions the machine has: these bits are for all.
#[test]
fn a_seed_means_the_same_paths_on_every_machine() {
    let simulation =
        Simulation::new(&[1e5, -4e4, 2e4], &[4e-4, 1e-4, 0.0, 1e-4, 9e-4, 0.0, 0.0, 0.0, 1e-4], 42)
            .expect("one");
    let paths = simulation.pnl(1_000_000..1_000_003).expect("paths");
    let bits = paths.iter().map(|pnl| pnl.to_bits());
    let here = [-3_661.636_492_093_937_7_f64, 2_053.772_555_999_763_4, -300.320_653_146_569_4];
    assert!(bits.eq(here.map(f64::to_bits)), "{paths:?}");
}

#[test]
fn simulated_moves_have_the_moments_they_were_given() {
    let exposures = [1e5, -4e4, 2e4];
    let simulation = Simulation::new(&exposures, &SEMIDEFINITE, 7).expect("one");
    let outcomes = simulation.outcomes(400_000).expect("outcomes");
    // For small variances the profit is nearly normal, of variance xᵀ Σ x.
    let variance: f64 =
        (0..9).map(|at| exposures[at / 3] * SEMIDEFINITE[at] * exposures[at % 3]).sum();
    let deviation = variance.sqrt();
    assert!(outcomes.mean().abs() < 4.0 * outcomes.standard_error());
    approx::assert_relative_eq!(outcomes.standard_deviation(), deviation, max_relative = 0.01);
    for confidence in [Confidence::P95, Confidence::P99] {
        let expected = confidence.deviations() * deviation;
        approx::assert_relative_eq!(
            outcomes.value_at_risk(confidence),
            expected,
            max_relative = 0.04
        );
        assert!(outcomes.expected_shortfall(confidence) > outcomes.value_at_risk(confidence));
    }
    println!(
        "sd {:.4} of {deviation:.4}, mean {:.2} ± {:.2}",
        outcomes.standard_deviation(),
        outcomes.mean(),
        outcomes.standard_error(),
    );
}

#[test]
fn each_variable_is_drawn_by_itself() {
    // Unit covariance of nine variables; exposures pick one, or the difference of two.
    let mut unit = [0.0; 81];
    for variable in 0..9 {
        unit[variable * 10] = 1e-6;
    }
    for one in 0..9 {
        let mut exposures = [0.0; 9];
        exposures[one] = 1.0;
        let alone = Simulation::new(&exposures, &unit, 1).expect("one");
        let deviation = alone.outcomes(100_000).expect("outcomes").standard_deviation();
        approx::assert_relative_eq!(deviation, 1e-3, max_relative = 0.01);
        exposures[(one + 1) % 9] = -1.0;
        let pair = Simulation::new(&exposures, &unit, 1).expect("one");
        let deviation = pair.outcomes(100_000).expect("outcomes").standard_deviation();
        approx::assert_relative_eq!(deviation, 2.0_f64.sqrt() * 1e-3, max_relative = 0.01);
    }
}

#[test]
fn a_histogram_counts_every_path_once() {
    let outcomes = Outcomes::of((0..100).map(f64::from).collect()).expect("outcomes");
    let bins = outcomes.histogram(10);
    assert!(bins.iter().all(|bin| bin.count == 10), "{bins:?}");
    assert_eq!((bins[0].from, bins[9].to), (0.0, 99.0));
    assert_eq!(outcomes.percentile(0.5), Ok(49.5));
    assert_eq!(outcomes.percentile(1.5), Err(Error::OutOfRange("percentile")));
    assert!(outcomes.percentile(f64::NAN).is_err());
    assert_eq!(outcomes.histogram(0), vec![]);
    let same = Outcomes::of(vec![3.0; 5]).expect("outcomes");
    assert_eq!(same.histogram(10).iter().map(|bin| bin.count).collect::<Vec<_>>(), [5]);
}

#[test]
fn simulations_refuse_what_no_covariance_can_be() {
    let refused = |covariance: &[f64]| Simulation::new(&[1.0, 1.0], covariance, 0).map(|_| ());
    assert!(matches!(refused(&[1.0]), Err(Error::Mismatch { .. })));
    assert!(matches!(refused(&[1.0, 2.0, 2.0, 1.0]), Err(Error::OutOfRange(_))));
    assert!(matches!(refused(&[1.0, 0.5, 0.0, 1.0]), Err(Error::OutOfRange(_))));
    assert_eq!(refused(&[f64::NAN, 0.0, 0.0, 1.0]), Err(Error::NotFinite));
    assert_eq!(refused(&[0.0; 4]), Ok(()));
    let empty = Simulation::new(&[], &[], 0).expect("a book of nothing");
    assert_eq!(empty.pnl(0..3), Ok(vec![0.0; 3]));
    assert!(empty.outcomes(0).is_err());
    let wild = Simulation::new(&[1.0], &[1e12], 0).expect("one");
    assert!(
        wild.pnl(0..1000).is_err_and(|e| e == Error::NotFinite)
            || wild.pnl(0..1000).is_ok_and(|p| p.iter().all(|x| x.is_finite()))
    );
}

proptest! {
    #[test]
    fn a_book_of_longs_never_loses_more_than_it_is_worth(
        values in prop::collection::vec(0.0..1e6_f64, 1..20),
        betas in prop::collection::vec(-3.0..3.0_f64, 40),
        moves in prop::collection::vec(-1.0..3.0_f64, 2),
    ) {
        let sensitivities: Vec<f64> =
            (0..values.len() * 2).map(|at| values[at / 2] * betas[at]).collect();
        let book = Book { values: &values, sensitivities: &sensitivities };
        let impact = book.impact(&moves).expect("an impact");
        prop_assert!(impact.pnl >= -values.iter().sum::<f64>() * (1.0 + 1e-12));
        let by_variable: f64 = impact.by_variable.iter().sum();
        let scale: f64 = sensitivities.iter().map(|s| s.abs()).sum();
        prop_assert!((by_variable + impact.limited - impact.pnl).abs() <= 1e-9 * (scale + 1.0));
    }

    /// Nor does the value of any position cross zero, and what is held both ways makes nothing.
    #[test]
    fn what_is_long_and_short_the_same_makes_exactly_nothing(
        values in prop::collection::vec(1.0..1e6_f64, 1..20),
        betas in prop::collection::vec(-3.0..3.0_f64, 40),
        moves in prop::collection::vec(-1.0..3.0_f64, 2),
    ) {
        let long: Vec<f64> = (0..values.len() * 2).map(|at| values[at / 2] * betas[at]).collect();
        let both: Vec<f64> = values.iter().flat_map(|value| [*value, -value]).collect();
        let pairs = long.chunks(2).flat_map(|row| [row[0], row[1], -row[0], -row[1]]);
        let sensitivities: Vec<f64> = pairs.collect();
        let book = Book { values: &both, sensitivities: &sensitivities };
        let impact = book.impact(&moves).expect("an impact");
        for pair in impact.by_position.chunks(2) {
            prop_assert!(pair[0] + pair[1] == 0.0);
        }
        for (value, pnl) in both.iter().zip(&impact.by_position) {
            prop_assert!(value * (value + pnl) >= 0.0);
        }
        prop_assert!(impact.pnl.abs() <= 1e-9 * values.iter().sum::<f64>());
    }

    #[test]
    fn shocking_everything_moves_nothing_else(
        shocks in prop::collection::vec(-0.5..0.5_f64, 3),
        roots in prop::collection::vec(-1.0..1.0_f64, 9),
    ) {
        let covariance: Vec<f64> = (0..9)
            .map(|at| (0..3).map(|k| roots[at / 3 * 3 + k] * roots[at % 3 * 3 + k]).sum())
            .collect();
        let given: Vec<Option<f64>> = shocks.iter().copied().map(Some).collect();
        prop_assert_eq!(propagate(&covariance, &given).expect("moves").moves, shocks);
    }

    #[test]
    fn what_a_reverse_stress_finds_loses_as_much(
        beta in -3.0..3.0_f64, gamma in -3.0..3.0_f64, amount in 0.01..0.5_f64,
    ) {
        let pnl = |change: f64| Ok(beta * change + gamma * change * change);
        if let Some(found) = reverse(pnl, amount, Bounds::PRICE).expect("a search") {
            prop_assert!(found.pnl <= -amount && found.pnl >= -amount - 1e-9);
            // Nothing nearer does, but for what is lost and won again within a step.
            for step in 1..100 {
                let nearer = found.change * f64::from(step) / 101.0;
                prop_assert!(pnl(nearer).expect("a profit") > -amount - 1e-2);
            }
        }
    }
}
