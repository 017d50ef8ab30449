mod edges;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use serde_json::Value;

use super::design::{Betas, Design};
use super::*;
use crate::config::assumptions::Assumptions;
use crate::domain::factor::Factor;
use crate::domain::id::ScenarioId;
use crate::domain::rate::{Tenor, Yield, YieldSource};
use crate::domain::scenario::{Category, Macro, Scenario, Shock, Variable};
use crate::services::factors::{Estimates, Method};
use crate::services::greeks::{self, Model};
use crate::services::rates::Curve;
use crate::services::scenarios;
use crate::services::testing::{FUNDS, WORLD, cases};
use crate::store::yields::{StoredYields, YieldRange};

const DAY: &str = "2019-06-28";
const STRESS: &str = include_str!("../../../analytics/tests/fixtures/stress.json");

/// What the world knows: the factors but Growth, and a yield that moves by a few basis points.
/// Oil is what CVX does; of the other variables nothing is known.
fn inputs(book: &Book) -> Inputs {
    let window = window(book, &WORLD.calendar);
    let fund = |(factor, fund): &(Factor, &str)| {
        Some((factor.etf()?.to_owned(), Arc::new(WORLD.series(fund, &window))))
    };
    let mut references: HashMap<_, _> = FUNDS.iter().filter_map(fund).collect();
    references.insert("USO".into(), Arc::new(WORLD.series("CVX", &window)));
    Inputs {
        histories: WORLD.histories(&window),
        references,
        yields: Some(Arc::new(yields(&window, 0.02))),
        designs: Arc::default(),
    }
}

/// A yield that wanders about a level.
fn yields(window: &Window, level: f64) -> Levels {
    let dates = window.sessions().to_vec();
    let wave = |at: usize| level + 0.0004 * f64::from(u8::try_from(at * 37 % 23).unwrap_or(0));
    let range = YieldRange { tenor: Tenor::TenYears, from: dates[0], to: dates[dates.len() - 1] };
    let rates = (0..dates.len()).map(wave).collect();
    let newest = Yield {
        tenor: range.tenor,
        date: range.to,
        rate: Decimal::ZERO,
        source: YieldSource::Import,
    };
    StoredYields { range, dates, rates, is_simulated: false, newest }.into()
}

fn desk_with(book: Book, inputs: &Inputs) -> Desk {
    let greeks = greeks::Inputs {
        curve: Curve::configured(0.03),
        histories: inputs.histories.clone(),
        dividends: HashMap::new(),
        assumptions: Assumptions::default(),
        valued: HashMap::new(),
    };
    let greeks = BookGreeks::of(&book, &greeks, &WORLD.calendar, Model::default());
    Desk::new(Arc::new(book), &greeks, inputs, &WORLD.calendar)
}

fn desk(cash: i64, holdings: &[(&str, i64)]) -> Desk {
    let book = WORLD.book(DAY, cash, holdings);
    let inputs = inputs(&book);
    desk_with(book, &inputs)
}

fn scenario(shocks: &[(&str, f64)]) -> Arc<Scenario> {
    let shock =
        |&(name, shock): &(&str, f64)| Shock { variable: name.parse().expect("a variable"), shock };
    Arc::new(Scenario {
        id: ScenarioId::fresh(),
        key: None,
        name: "Test".into(),
        description: String::new(),
        category: Category::Custom,
        severity: Severity::Mild,
        shocks: shocks.iter().map(shock).collect(),
        historical_period: None,
        is_active: true,
        created_at: DateTime::UNIX_EPOCH,
    })
}

fn run(desk: &Desk, shocks: &[(&str, f64)]) -> Outcome {
    desk.run(&[scenario(shocks)]).remove(0)
}

fn built_in() -> Vec<Arc<Scenario>> {
    let all = scenarios::built_in().expect("the seeds").into_iter();
    all.map(|one| {
        let shocks: Vec<_> = one.shocks.iter().map(|s| (s.variable.to_string(), s.shock)).collect();
        let shocks: Vec<_> = shocks.iter().map(|(name, shock)| (name.as_str(), *shock)).collect();
        scenario(&shocks)
    })
    .collect()
}

fn float(money: Decimal) -> f64 {
    money.to_f64().expect("a number")
}

#[track_caller]
fn near(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "got {got}, expected {expected}");
}

/// The factors of a case stand in the places of ours; one position has all their dollars.
#[test]
fn scenarios_of_many_factors_are_the_reference_s() {
    let fixture: Value = serde_json::from_str(STRESS).expect("JSON");
    let models = fixture["models"].as_array().expect("models");
    let mut desk = desk(0, &[("AAPL", 1)]);
    (desk.held[0].exposure, desk.held[0].value) = (1.0, 0.0);
    let mut seen = 0;
    for case in cases(STRESS) {
        let model = models.iter().find(|model| model["id"] == case["model"]).expect("a model");
        let names: Vec<String> =
            serde_json::from_value(model["factor_order"].clone()).expect("names");
        let rows: Vec<Vec<f64>> =
            serde_json::from_value(model["covariance_daily"].clone()).expect("a matrix");
        let drivers: Vec<_> = Factor::active().map(Driver::Factor).take(names.len()).collect();
        let values: Vec<_> = names
            .iter()
            .map(|name| case["factor_exposure_dollar"][name].as_f64().expect("dollars"))
            .collect();
        let shocks = names.iter().zip(&drivers).filter_map(|(name, driver)| {
            Some((driver.to_string(), case["shocks"].get(name)?.as_f64()?))
        });
        let shocks: Vec<_> = shocks.collect();
        let shocks: Vec<_> = shocks.iter().map(|(name, shock)| (name.as_str(), *shock)).collect();
        let (capped, quality) = (Vec::new(), Quality::Full);
        let betas = Betas { values: values.clone(), capped, residual: 0.0, quality };
        let design = Design {
            drivers,
            covariance: rows.concat(),
            betas: vec![Ok(Arc::new(betas))],
            quality: Quality::Full,
            warnings: Vec::new(),
        };
        let outcome = desk.outcome(&scenario(&shocks), &design).expect("an outcome");

        let expect = &case["expect"];
        let moves: Vec<f64> =
            names.iter().map(|name| expect["full_shock"][name].as_f64().expect("a move")).collect();
        let scale: f64 = values.iter().zip(&moves).map(|(value, own)| (value * own).abs()).sum();
        let condition = expect["cond_corr_ss"].as_f64().unwrap_or(1.0);
        let tolerance = scale * if condition < 1e4 { 1e-9 } else { 1e-13 * condition } + 1e-7;
        near(float(outcome.direct), expect["direct_pnl"].as_f64().expect("one"), tolerance);
        let total = expect["correlated_pnl"].as_f64().expect("one");
        near(float(outcome.total.pnl), total, tolerance);
        seen += 1;
    }
    assert_eq!(seen, 55);
}

#[test]
fn totals_alone_are_those_of_whole_outcomes() {
    let mut scenarios = built_in();
    scenarios.push(scenario(&[("DAX", 0.1), ("SECTOR:Technology", -0.2)]));
    for holdings in [
        &[][..],
        &[("AAPL", 100), ("XOM", 200), ("JPM", -150), ("KO", 300)],
        &[("AAPL", 100), ("AAPL190920C00050000", -3), ("XOM", 10)],
    ] {
        let book = WORLD.book(DAY, 50_000, holdings);
        // Nothing stands in for a yield of which nothing is known.
        let inputs = Inputs { yields: None, ..inputs(&book) };
        let desk = desk_with(book, &inputs);
        let known =
            |one: Outcome| (one.standing.quality != Quality::Insufficient).then_some(one.total.pnl);
        let whole: Vec<_> = desk.run(&scenarios).into_iter().map(known).collect();
        assert_eq!(desk.totals(&scenarios), whole, "{holdings:?}");
        assert_eq!(whole.contains(&None), !holdings.is_empty());
        assert!(whole.iter().any(Option::is_some));
    }
}

#[test]
fn what_is_direct_and_what_moves_along_make_the_total() {
    let desk = desk(50_000, &[("AAPL", 100), ("XOM", 200), ("JPM", -150), ("KO", 300)]);
    for outcome in desk.run(&built_in()) {
        assert_eq!(outcome.direct + outcome.correlation, outcome.total.pnl);
        let positions: Decimal = outcome.positions.iter().map(|one| one.pnl).sum();
        assert_eq!(positions, outcome.total.pnl);
        assert_eq!(outcome.full_revaluation, Some(outcome.total.pnl), "no options");
        let value = desk.book.total_value() + outcome.total.pnl;
        assert_eq!(outcome.total.new_total_value, value);
    }
    let outcome = run(&desk, &[("Value", 0.05), ("OIL", -0.1)]);
    assert_ne!(outcome.correlation, Decimal::ZERO);
    let impacts: Decimal = outcome.impacts.iter().map(|one| one.pnl).sum();
    near(float(impacts), float(outcome.total.pnl), 1e-6);
    for impact in &outcome.impacts {
        near(float(impact.dollars) * impact.shock, float(impact.pnl), 1e-6);
    }
}

#[test]
fn a_shock_of_the_market_alone_moves_the_book_by_its_market_beta() {
    let desk = desk(0, &[("AAPL", 100), ("XOM", 200)]);
    let outcome = run(&desk, &[("Market", -0.1)]);
    let market = &desk.market_moves(&[-0.1]).expect("moves")[0];
    near(float(outcome.total.pnl), float(market.total.pnl), 1e-6);
    near(float(outcome.correlation), 0.0, 1e-6);
    let beta = market.beta.expect("a beta");
    near(market.total.share, -0.1 * beta, 1e-9);
    // The styles are net of it: what rounding leaves of that is no move.
    let moved: Vec<_> = outcome.impacts.iter().map(|one| one.variable.to_string()).collect();
    assert_eq!(moved, ["Market"]);
}

/// The part that a regression on the factors gives to oil, and what the factors do when oil moves,
/// are together what a regression on oil alone says.
#[test]
fn known_defect_17_the_total_of_one_shock_is_that_of_the_beta_to_it_alone() {
    let desk = desk(0, &[("XOM", 100)]);
    let outcome = run(&desk, &[("OIL", -0.1)]);
    let oil = outcome.impacts.iter().find(|one| one.variable == Variable::Macro(Macro::Oil));
    let oil = oil.expect("oil");
    assert!(oil.is_direct && (oil.shock + 0.1).abs() < 1e-15, "a shock stays what it is: {oil:?}");
    assert_ne!(outcome.correlation, Decimal::ZERO);

    let window = window(&desk.book, &WORLD.calendar);
    let returns = window.simple_returns(Some(&WORLD.series("CVX", &window)));
    let variable = factors::Variable { name: Driver::Macro(Macro::Oil), returns };
    let alone = factors::Model::new(Method::Univariate, vec![variable]);
    let own = window.simple_returns(Some(&WORLD.series("XOM", &window)));
    let beta = alone.betas(&own).expect("a beta").betas[0].estimate.value;
    near(outcome.total.share, -0.1 * beta, 1e-9);
}

#[test]
fn known_defect_13_a_yield_moves_the_book_by_points_whatever_its_level() {
    let of = |level: f64| {
        let book = WORLD.book(DAY, 0, &[("JPM", 100)]);
        let mut inputs = inputs(&book);
        inputs.yields = Some(Arc::new(yields(&window(&book, &WORLD.calendar), level)));
        desk_with(book, &inputs).rate_moves(&[0.005]).expect("moves")[0].total.share
    };
    near(of(0.01), of(0.08), 1e-9);
    assert!(of(0.01).abs() > 1e-5);
}

#[test]
fn known_defect_14_without_yields_nothing_is_said_of_rates() {
    let book = WORLD.book(DAY, 0, &[("JPM", 100)]);
    let inputs = Inputs { yields: None, ..inputs(&book) };
    let desk = desk_with(book, &inputs);
    let moved = &desk.rate_moves(&[0.01]).expect("moves")[0];
    assert_eq!((moved.beta, moved.standing.quality), (None, Quality::Insufficient));
    assert_eq!(moved.standing.coverage.excluded_positions, 1);
    assert!(moved.standing.warnings[0].contains("No betas of JPM"), "{:?}", moved.standing);

    let outcome = run(&desk, &[("INTEREST_RATE", 0.01)]);
    assert_eq!(outcome.standing.quality, Quality::Insufficient);
    let said = &outcome.standing.warnings[0];
    assert!(said.contains("too little history of INTEREST_RATE"), "{said}");
}

#[test]
fn known_defect_15_a_short_offsets_what_a_long_makes() {
    let desk = desk(100_000, &[("AAPL", 100), ("AAPL", -100)]);
    for outcome in desk.run(&built_in()) {
        assert_eq!(outcome.total.pnl, Decimal::ZERO, "{:?}", outcome.total);
    }
}

#[test]
fn known_defect_18_a_market_neutral_book_is_moved_by_its_positions() {
    let desk = desk(1_000_000, &[("AMD", 4_000), ("KO", -2_400)]);
    let outcome = run(&desk, &[("Market", -0.1)]);
    assert!(outcome.total.pnl < Decimal::from(-1_000), "{:?}", outcome.total);
}

#[test]
fn known_defect_19_what_is_owed_can_lose_more_than_all() {
    let desk = desk(10_000, &[("AMD", -300)]);
    let outcome = run(&desk, &[("Market", 3.0)]);
    assert!(outcome.total.share < -1.0, "{:?}", outcome.total);
    assert_eq!(outcome.total.severity, Severity::Extreme);
}

#[test]
fn a_variable_without_history_has_a_stand_in_and_says_so() {
    let desk = desk(0, &[("AAPL", 100)]);
    let china = run(&desk, &[("CHINA", -0.15)]);
    let market = run(&desk, &[("Market", -0.15)]);
    near(float(china.total.pnl), float(market.total.pnl), 1e-6);
    assert_eq!(china.standing.quality, Quality::Limited);
    let said = &china.standing.warnings[0];
    assert!(said.contains("CHINA") && said.contains("market betas stand in"), "{said}");

    let gold = run(&desk, &[("GOLD", 0.2)]);
    assert_eq!(gold.total.pnl, Decimal::ZERO, "it is in no sector");
    assert!(gold.standing.warnings[0].contains("sector Materials"), "{:?}", gold.standing);
}

#[test]
fn a_sector_moves_by_its_own_shock_and_by_nothing_else() {
    let mut book = WORLD.book(DAY, 0, &[("AAPL", 100), ("KO", 100)]);
    let inputs = inputs(&book);
    for line in &mut book.lines {
        let position = Arc::make_mut(&mut Arc::make_mut(line).position);
        let instrument = Arc::make_mut(&mut position.instrument);
        instrument.sector = (instrument.symbol == "AAPL").then(|| "Technology".into());
    }
    let desk = desk_with(book, &inputs);
    let outcome = run(&desk, &[("Market", -0.45), ("SECTOR:technology", -0.8)]);
    let pnl = |symbol: &str| {
        let own = |one: &&PositionPnl| one.line.position.instrument.symbol == symbol;
        let found = outcome.positions.iter().find(own).expect("a position");
        float(found.pnl) / float(found.line.holding().exposure().expect("a price"))
    };
    near(pnl("AAPL"), -0.8, 1e-9);
    assert!(pnl("KO") > -0.45 && pnl("KO") < 0.0);
    let said = &outcome.standing.warnings;
    assert!(!said.iter().any(|one| one.contains("No position is of")), "{said:?}");
    // And alone it needs no betas.
    let alone = run(&desk, &[("SECTOR:Tehcnology", -0.1)]);
    assert_eq!((alone.total.pnl, alone.standing.quality), (Decimal::ZERO, Quality::Full));
    let said = ["No position is of SECTOR:Tehcnology. Of 1 the sector is not known."];
    assert_eq!(alone.standing.warnings, said);
}

#[test]
fn an_empty_book_loses_nothing_and_knows_it() {
    // Also where there is nothing to measure against.
    let blind = desk_with(WORLD.book(DAY, 1_000, &[]), &Inputs::default());
    let desk = desk(1_000, &[]);
    for outcome in [desk.run(&built_in()), blind.run(&built_in())].concat() {
        assert_eq!(outcome.total.pnl, Decimal::ZERO);
        assert_eq!(outcome.total.new_total_value, Decimal::from(1_000));
        assert!(outcome.standing.is_known());
    }
    assert!(blind.market_moves(&[0.1]).expect("moves")[0].standing.is_known());
    let simulated = desk.simulate(100, 1, Confidence::P95, 1, &WORLD.calendar).expect("paths");
    assert_eq!(simulated.value_at_risk, Decimal::ZERO);
    let reverse = desk.reverse(&Variable::Factor(Factor::Market), 0.1).expect("a search");
    assert_eq!((reverse.change, reverse.pnl), (None, None));
}

#[test]
fn options_are_priced_anew_where_their_underlying_goes() {
    // In the money, so that their price of five is mostly what they are worth at once.
    let puts = desk(0, &[("AAPL190920P00052500", 10)]);
    let outcome = run(&puts, &[("Market", -0.35)]);
    let anew = outcome.full_revaluation.expect("a value");
    assert!(anew > outcome.total.pnl && outcome.total.pnl > Decimal::ZERO, "{outcome:?}");

    let calls = desk(0, &[("AAPL190920C00047500", 10)]);
    let outcome = run(&calls, &[("Market", -0.35)]);
    let premium = Decimal::from(-5_000);
    assert_eq!(outcome.total.pnl, premium, "by delta it would be more");
    let anew = outcome.full_revaluation.expect("a value");
    assert!(anew >= premium && anew < Decimal::ZERO, "{outcome:?}");
}

#[test]
fn a_loss_that_is_a_class_worse_with_options_priced_anew_is_warned_of() {
    let told = |outcome: &Outcome| {
        let mut warnings = outcome.standing.warnings.iter();
        warnings.find(|one| one.contains("priced anew")).cloned()
    };
    // Whoever owes puts owes more of the underlying the further it falls.
    let owed = desk(80_000, &[("AAPL190920P00052500", -10)]);
    let outcome = run(&owed, &[("Market", -0.35)]);
    let warning = "With options priced anew it is EXTREME (-32.9 %), not SEVERE (-25.1 %).";
    assert_eq!(told(&outcome).as_deref(), Some(warning), "{outcome:?}");

    let held = desk(80_000, &[("AAPL190920P00052500", 10)]);
    assert_eq!(told(&run(&held, &[("Market", -0.35)])), None);
}

#[test]
fn the_move_that_loses_so_much_loses_it() {
    let desk = desk(5_000, &[("AAPL", 100), ("XOM", 50)]);
    let market = Variable::Factor(Factor::Market);
    let found = desk.reverse(&market, 0.1).expect("a search");
    let change = found.change.expect("a move");
    let moved = &desk.market_moves(&[change]).expect("moves")[0];
    near(moved.total.share, -0.1, 1e-9);
    let never = desk.reverse(&market, 1.5).expect("a search");
    assert_eq!((never.change, never.pnl), (None, None));
    let moved = &desk.market_moves(&[-1.0]).expect("moves")[0];
    let said = format!(
        "No move of Market from -1 to 3 loses as much: the most is {:.1} %, {}, by a move of -1.",
        -100.0 * moved.total.share,
        moved.total.pnl.abs().round_dp(2)
    );
    assert_eq!(never.standing.warnings.last(), Some(&said));
}

#[test]
fn a_seed_draws_the_same_outcomes_and_their_spread_is_the_book_s() {
    let desk = desk(0, &[("AAPL", 100), ("JPM", -50), ("XOM", 80)]);
    let draw = |paths, seed| {
        desk.simulate(paths, 1, Confidence::P95, seed, &WORLD.calendar).expect("paths")
    };
    let (one, same, other) = (draw(20_000, 7), draw(20_000, 7), draw(20_000, 8));
    assert_eq!(one.value_at_risk, same.value_at_risk);
    assert_ne!(one.value_at_risk, other.value_at_risk);
    assert!(one.expected_shortfall > one.value_at_risk);
    // 1.645 standard deviations, for returns are small.
    let times = float(one.value_at_risk) / float(one.standard_deviation);
    assert!((1.58..1.71).contains(&times), "{times}");
    assert_eq!(one.histogram.iter().map(|bin| bin.2).sum::<usize>(), 20_000);
    let days = desk.simulate(20_000, 4, Confidence::P95, 7, &WORLD.calendar).expect("paths");
    let times = float(days.standard_deviation) / float(one.standard_deviation);
    assert!((1.95..2.05).contains(&times), "{times}");
}

/// The betas of what a book holds as of a session, to the funds of the world.
fn estimates(book: &Book, session: NaiveDate) -> Estimates {
    let window = Window::ending(session, WINDOW, &WORLD.calendar);
    let variables = FUNDS.map(|(name, fund)| factors::Variable {
        name,
        returns: window.simple_returns(Some(&WORLD.series(fund, &window))),
    });
    let model = factors::Model::new(Method::default(), variables.into());
    let histories = WORLD.histories(&window);
    let betas = factors::wanted(&book.lines).into_iter().map(|id| {
        let own = window.simple_returns(histories.get(&id).map(Arc::as_ref));
        (id, model.betas(&own).map(Arc::new))
    });
    Estimates { betas: betas.collect(), model: model.facts, found_at: None }
}

fn accuracy_of(cash: i64, holdings: &[(&str, i64)], days_back: usize) -> Accuracy {
    let book = WORLD.book(DAY, cash, holdings);
    let before = Accuracy::before(book.horizon.as_of, days_back, &WORLD.calendar);
    let (inputs, estimates) = (inputs(&book), estimates(&book, before));
    accuracy(&desk_with(book, &inputs), &estimates, days_back, &WORLD.calendar)
}

#[test]
fn the_market_itself_is_predicted_and_other_things_less_so() {
    let market = accuracy_of(0, &[("SPX", 10)], 90);
    let measured = market.measured.expect("figures");
    assert_eq!((market.days_back, market.points.len()), (90, 90));
    near(measured.rmse, 0.0, 1e-12);
    near(measured.hit_rate, 1.0, 1e-12);
    let shares = accuracy_of(0, &[("AAPL", 10), ("JPM", 20)], 90).measured.expect("figures");
    assert!(shares.rmse > 1e-3 && shares.correlation.is_some_and(|c| c > 0.5), "{shares:?}");
    let last: NaiveDate = DAY.parse().expect("a day");
    assert_eq!(market.points.last().map(|point| point.date), Some(last));
}

#[test]
fn a_prediction_is_weight_times_beta_times_what_the_market_did() {
    let (cash, holdings, days_back) = (5_000, [("AAPL", 100), ("JPM", -80)], 20);
    let book = WORLD.book(DAY, cash, &holdings);
    let tested = Window::ending(book.horizon.as_of, days_back, &WORLD.calendar);
    let estimates = estimates(&book, tested.sessions()[0]);
    let place = estimates.model.place(Factor::Market).expect("the market");
    let returns = |symbol: &str| {
        let own = tested.simple_returns(Some(&WORLD.series(symbol, &tested)));
        own.values.into_iter().map(|own| own.expect("a return")).collect::<Vec<_>>()
    };
    let market = returns("SPX");
    let (mut predicted, mut actual) = (vec![0.0; days_back], vec![0.0; days_back]);
    for line in &book.lines {
        let instrument = &line.position.instrument;
        let weight = float(line.holding().exposure().expect("a price") / book.total_value());
        let betas = estimates.betas[&instrument.id].as_ref().expect("betas");
        for (at, own) in returns(&instrument.symbol).into_iter().enumerate() {
            predicted[at] += weight * betas.betas[place].capped() * market[at];
            actual[at] += weight * own;
        }
    }
    let found = accuracy_of(cash, &holdings, days_back);
    assert_eq!(found.points.len(), days_back);
    for (at, point) in found.points.iter().enumerate() {
        assert_eq!(point.date, tested.return_sessions()[at]);
        near(point.predicted, predicted[at], 1e-15);
        near(point.actual, actual[at], 1e-15);
    }
}

#[test]
fn what_cannot_be_predicted_is_said_and_has_no_figures() {
    let empty = accuracy_of(1_000, &[], 90);
    assert_eq!((empty.measured, empty.standing.quality), (None, Quality::Insufficient));
    assert_eq!(empty.standing.warnings.last().map(String::as_str), Some(NONE_OF_90));

    // Nobody has looked up what its betas would be made of.
    let book = WORLD.book(DAY, 0, &[("AAPL", 10)]);
    let known = estimates(&WORLD.book(DAY, 0, &[]), book.horizon.as_of);
    let inputs = inputs(&book);
    let found = accuracy(&desk_with(book, &inputs), &known, 90, &WORLD.calendar);
    assert_eq!((found.measured, found.standing.quality), (None, Quality::Insufficient));
    assert_eq!(found.standing.coverage.excluded_positions, 1);
    assert_eq!(found.standing.warnings.last().map(String::as_str), Some(NONE_OF_90));
}

const NONE_OF_90: &str = "0 of 90 sessions have the returns that they need.";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_book_of_longs_never_loses_more_than_it_is_worth(
        quantities in prop::collection::vec(1_i64..10_000, 4),
        shocks in prop::collection::vec(-1.0..3.0_f64, 3),
    ) {
        let symbols = ["AMD", "AAPL190920C00047500", "KO", "AAPL190920P00052500"];
        let holdings: Vec<_> = symbols.into_iter().zip(quantities).collect();
        let desk = desk(0, &holdings);
        let own = scenario(&[("Market", shocks[0]), ("Value", shocks[1]), ("OIL", shocks[2])]);
        for outcome in desk.run(&[vec![own], built_in()].concat()) {
            for pnl in [outcome.direct, outcome.total.pnl, outcome.full_revaluation.expect("one")] {
                prop_assert!(desk.book.total_value() + pnl >= Decimal::new(-1, 6), "{outcome:?}");
            }
        }
    }

    #[test]
    fn a_book_is_predicted_as_well_whatever_its_size(times in 2_i64..100_000, short in 1_i64..30) {
        let of = |times| {
            let holdings = [("AAPL", 10 * times), ("JPM", -short * times), ("XOM", 25 * times)];
            accuracy_of(1_000 * times, &holdings, 30).measured.expect("figures")
        };
        let (one, many) = (of(1), of(times));
        near(many.rmse, one.rmse, 1e-12);
        near(many.bias, one.bias, 1e-12);
        near(many.correlation.expect("one"), one.correlation.expect("one"), 1e-9);
        near(many.hit_rate, one.hit_rate, 1e-12);
    }

    #[test]
    fn twice_the_shock_is_twice_the_profit(quantity in -5_000_i64..5_000, shock in 0.001..0.1_f64) {
        let quantity = if quantity == 0 { 1 } else { quantity };
        let desk = desk(0, &[("AAPL", quantity), ("XOM", 100)]);
        let pnl = |times: f64| {
            float(run(&desk, &[("Market", -shock * times), ("OIL", shock * times)]).total.pnl)
        };
        let size = float(desk.book.totals().gross_exposure());
        prop_assert!((2.0 * pnl(1.0) - pnl(2.0)).abs() <= 1e-9 * size);
    }
}
