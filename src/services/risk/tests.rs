use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

use super::*;
use crate::domain::factor::Factor;
use crate::services::factors::{
    Estimates, InstrumentBetas, Method, Model, Variable, WINDOW, wanted,
};
use crate::services::testing::{FUNDS, WORLD, assert_figure, cases};
use crate::services::valuation::Book;

const METRICS: &str = include_str!("../../../analytics/tests/fixtures/risk_metrics.json");
const DAY: &str = "2019-12-31";

fn measured(book: &Book, benchmark: &str, returns: usize, risk_free: f64) -> RiskMetrics {
    let window = Window::ending(book.horizon.as_of, returns, &WORLD.calendar);
    let series = WORLD.series(benchmark, &window);
    let benchmark = Benchmark { symbol: benchmark, series: Some(&series) };
    let histories = WORLD.histories(&window);
    let value = book.total_value();
    metrics(&book.lines, value, &Deltas::new(), &histories, &window, benchmark, risk_free)
}

#[test]
fn a_book_of_one_share_is_as_risky_as_the_share() {
    let mut seen = 0;
    for case in cases(METRICS).iter().filter(|case| case["benchmark"] == "SPX") {
        let text = |key: &str| case[key].as_str().expect("text");
        if text("symbol") == "EQW" {
            continue;
        }
        let returns = case["nobs"].as_u64().and_then(|n| n.try_into().ok()).expect("a number");
        let book = WORLD.book(text("last_return_date"), 0, &[(text("symbol"), 100)]);
        let found = measured(&book, "SPX", returns, case["rf_daily"].as_f64().expect("a rate"));
        let own = found.own.expect("figures");
        let expect = &case["expect"];
        for (got, key) in [
            (Some(own.volatility), "annual_volatility"),
            (own.annual_return, "annual_return"),
            (own.sharpe_ratio, "sharpe"),
            (own.sortino_ratio, "sortino"),
            (own.calmar_ratio, "calmar"),
            (own.omega_ratio, "omega"),
            (own.max_drawdown, "max_drawdown"),
            (own.tail_ratio, "tail_ratio"),
            (Some(-own.value_at_risk_95), "value_at_risk_95"),
            (Some(-own.expected_shortfall_99), "conditional_value_at_risk_99"),
        ] {
            assert_figure(got.expect(key), &expect["empyrical"][key], key);
        }
        let normal = found.losses.parametric_99.expect("a loss");
        assert_figure(normal, &expect["numpy"]["var_normal_99_loss"], "var_normal_99");
        for (got, key) in [
            (found.against.beta, "beta"),
            (found.against.alpha, "alpha_annual"),
            (found.against.tracking_error, "tracking_error_annual"),
            (found.against.information_ratio, "information_ratio_annual"),
        ] {
            assert_figure(got.expect(key), &expect["benchmark"][key], key);
        }
        let falls = expect["drawdowns_top5"].as_array().expect("a list");
        for (fall, expected) in found.drawdowns.iter().zip(falls) {
            assert_figure(fall.depth, &expected["depth"], "depth");
            let date = |date: NaiveDate| Value::from(date.to_string());
            assert_eq!(date(fall.peak), expected["peak"]);
            assert_eq!(date(fall.valley), expected["valley"]);
            assert_eq!(fall.recovery.map_or(Value::Null, date), expected["recovery"]);
        }
        assert_eq!((found.observations, found.quality), (returns, Quality::Full));
        seen += 1;
    }
    assert_eq!(seen, 29);
}

#[test]
fn another_benchmark_changes_no_figure_of_the_book_itself() {
    let book = WORLD.book(DAY, 5_000, &[("AAPL", 100), ("JPM", -20), ("KO", 60)]);
    let [one, other] = ["SPX", "MTUM"].map(|symbol| measured(&book, symbol, WINDOW, 0.0001));
    assert_eq!(one.own, other.own);
    assert_eq!(one.drawdowns, other.drawdowns);
    assert_eq!(one.average_correlation, other.average_correlation);
    assert_ne!(one.against, other.against);
}

#[test]
fn cash_dilutes_risk_and_borrowing_multiplies_it() {
    let volatility = |cash| {
        let book = WORLD.book(DAY, cash, &[("AAPL", 100)]);
        let own = measured(&book, "SPX", WINDOW, 0.0).own.expect("figures");
        own.volatility * book.total_value().to_f64().expect("a number")
    };
    // The money at risk is the same.
    assert!((volatility(0) / volatility(50_000) - 1.0).abs() < 1e-12);
    assert!((volatility(0) / volatility(-3_000) - 1.0).abs() < 1e-12);
}

#[test]
fn a_hedged_book_is_less_risky_than_its_long_side_and_its_sides_add_up() {
    let book = WORLD.book(DAY, 100_000, &[("JPM", 100), ("BAC", -300)]);
    let window = Window::ending(book.horizon.as_of, WINDOW, &WORLD.calendar);
    let histories = WORLD.histories(&window);
    let mean = |lines: &[Arc<Line>]| {
        let nothing = Benchmark { symbol: "NONE", series: None };
        let value = book.total_value();
        let found = metrics(lines, value, &Deltas::new(), &histories, &window, nothing, 0.0);
        assert_eq!(found.against, Against::default());
        assert!(found.warnings.iter().any(|w| w.contains("NONE has 0 returns")));
        // z σ − μ at two levels gives μ.
        let own = found.own.expect("figures");
        let deviation = own.volatility / 252.0_f64.sqrt();
        (
            own.volatility,
            Confidence::P95.deviations() * deviation - found.losses.parametric_95.expect("a loss"),
        )
    };
    let (bank, other) = (&book.lines[1..], &book.lines[..1]);
    let (whole, long, short) = (mean(&book.lines), mean(bank), mean(other));
    assert!(whole.0 < long.0, "{whole:?} {long:?}");
    assert!((whole.1 - long.1 - short.1).abs() < 1e-15, "{whole:?} {long:?} {short:?}");
}

#[test]
fn what_was_listed_lately_is_left_out_and_said() {
    let window = WORLD.window(DAY, WINDOW);
    let book = WORLD.book(DAY, 0, &[("AAPL", 100), ("KO", 100)]);
    let mut histories = WORLD.histories(&window);
    let lately = WORLD.window(DAY, 30);
    histories.insert(WORLD.id("KO"), WORLD.series("KO", &lately).into());
    let nothing = Benchmark { symbol: "SPX", series: None };
    let value = book.total_value();
    let found = metrics(&book.lines, value, &Deltas::new(), &histories, &window, nothing, 0.0);
    assert_eq!((found.observations, found.quality), (WINDOW, Quality::Limited));
    assert_eq!(found.coverage.excluded_positions, 1);
    assert!(found.warnings.iter().any(|w| w.contains("KO has 30 returns")), "{:?}", found.warnings);

    histories.clear();
    let value = book.total_value();
    let found = metrics(&book.lines, value, &Deltas::new(), &histories, &window, nothing, 0.0);
    assert_eq!((found.own.is_none(), found.quality), (true, Quality::Insufficient));
}

fn estimates(book: &Book, method: Method) -> Estimates {
    let window = Window::ending(book.horizon.as_of, WINDOW, &WORLD.calendar);
    let variables = FUNDS.map(|(name, fund)| Variable {
        name,
        returns: window.simple_returns(Some(&WORLD.series(fund, &window))),
    });
    let model = Model::new(method, variables.into());
    let histories = WORLD.histories(&window);
    let betas = wanted(&book.lines).into_iter().map(|id| {
        let returns = window.simple_returns(histories.get(&id).map(Arc::as_ref));
        (id, model.betas(&returns).map(Arc::new))
    });
    Estimates { betas: betas.collect(), model: model.facts, found_at: None }
}

#[test]
fn the_parts_of_risk_add_up_to_it() {
    let book = WORLD.book(DAY, 20_000, &[("AAPL", 100), ("AAPL", 50), ("JPM", -200), ("XOM", 90)]);
    for method in [Method::Orthogonal, Method::Ols, Method::Ridge] {
        let estimates = estimates(&book, method);
        let found = decompose(&book.lines, book.total_value(), &Deltas::new(), &estimates);
        let volatility = found.volatility.expect("volatility");
        let is_whole = |sum: f64| (sum / volatility - 1.0).abs() < 1e-12;
        let factors: f64 = found.factors.iter().map(|part| part.contribution).sum();
        assert!(is_whole(factors + found.specific_contribution.expect("a part")), "{method:?}");
        assert!(is_whole(found.positions.iter().map(|part| part.contribution).sum()));
        assert!((found.positions.iter().map(|part| part.share).sum::<f64>() - 1.0).abs() < 1e-12);
        let squares = found.factor_volatility.expect("a part").powi(2)
            + found.specific_volatility.expect("a part").powi(2);
        assert!(is_whole(squares.sqrt()));
        let value = book.total_value().to_f64().expect("a number");
        let var = found.var_95.and_then(|var| var.to_f64()).expect("a loss");
        assert!(
            (var / (volatility * value / 252.0_f64.sqrt() * 1.644_853_626_951_472) - 1.0).abs()
                < 1e-9
        );
        assert_eq!(found.quality, Quality::Full);
    }
}

#[test]
fn two_lots_of_a_share_share_what_is_specific_to_it() {
    let [one, two] = [&[("AAPL", 200)][..], &[("AAPL", 80), ("AAPL", 120)][..]].map(|holdings| {
        let book = WORLD.book(DAY, 0, holdings);
        let estimates = estimates(&book, Method::Orthogonal);
        decompose(&book.lines, book.total_value(), &Deltas::new(), &estimates).volatility
    });
    let (one, two) = (one.expect("volatility"), two.expect("volatility"));
    assert!((one / two - 1.0).abs() < 1e-12, "{one} {two}");
}

#[test]
fn betas_one_at_a_time_are_no_model_of_risk() {
    let book = WORLD.book(DAY, 0, &[("AAPL", 100)]);
    let estimates = estimates(&book, Method::Univariate);
    let found = decompose(&book.lines, book.total_value(), &Deltas::new(), &estimates);
    assert_eq!((found.volatility, found.quality), (None, Quality::Insufficient));
    assert!(found.warnings.iter().any(|warning| warning.contains("UNIVARIATE")));
}

#[test]
fn known_defect_18_a_market_neutral_book_has_risk() {
    let book = WORLD.book(DAY, 1_000_000, &[("AMD", 2_181), ("KO", -2_017)]);
    let estimates = estimates(&book, Method::Orthogonal);
    let found = decompose(&book.lines, book.total_value(), &Deltas::new(), &estimates);
    assert!(found.volatility.is_some_and(|volatility| volatility > 0.01), "{found:?}");
    assert!(
        found.factors.iter().any(|part| part.factor == Factor::Market && part.contribution > 0.0)
    );
    assert!(found.var_99.is_some_and(|loss| loss > Decimal::ONE_THOUSAND));
}

#[test]
fn a_book_that_is_worth_nothing_can_lose_as_much_money_as_one_that_is() {
    let held = [("AAPL", -100), ("JPM", -50), ("AAPL", -20)];
    let money_of = |cash| {
        let book = WORLD.book(DAY, cash, &held);
        let found = measured(&book, "SPX", WINDOW, 0.0);
        let Losses {
            historical_95,
            historical_99,
            parametric_95,
            parametric_99,
            shortfall_95,
            shortfall_99,
        } = found.losses;
        let shares = [
            historical_95,
            historical_99,
            parametric_95,
            parametric_99,
            shortfall_95,
            shortfall_99,
        ];
        let losses = shares.map(|share| {
            money(share.expect("a loss"), found.base).and_then(|m| m.to_f64()).expect("money")
        });
        (losses, found)
    };
    let (losses, found) = money_of(0);
    assert_eq!((found.own, found.against), (None, Against::default()));
    assert_eq!((found.observations, found.quality), (WINDOW, Quality::Full));
    assert!(found.warnings.iter().any(|said| said.contains("not above zero")));
    let (others, whole) = money_of(1_000_000);
    assert!(whole.own.is_some());
    assert_eq!(found.average_correlation, whole.average_correlation);
    for (loss, other) in losses.into_iter().zip(others) {
        assert!(loss > 0.0 && (loss / other - 1.0).abs() < 1e-9, "{loss} {other}");
    }
}

#[test]
fn what_never_moves_has_no_session_and_no_reward_for_risk() {
    let found = measured(&WORLD.book(DAY, 1_000, &[]), "SPX", WINDOW, 0.0001);
    let own = found.own.expect("figures");
    assert_eq!((found.observations, own.volatility, found.quality), (0, 0.0, Quality::Full));
    assert_eq!((own.sharpe_ratio, own.sortino_ratio, own.omega_ratio), (None, None, None));
    assert_eq!(found.against, Against::default());
    assert_eq!(found.warnings, [""; 0]);
    let found = measured(&WORLD.book(DAY, 0, &[]), "SPX", WINDOW, 0.0);
    assert_eq!((found.losses.historical_99, found.base), (Some(0.0), Decimal::ZERO));
}

#[test]
fn betas_that_are_capped_are_said() {
    let book = WORLD.book(DAY, 0, &[("AAPL", 100), ("KO", 50)]);
    let mut estimates = estimates(&book, Method::Ols);
    let mut said = |apple: f64| {
        for (symbol, value) in [("AAPL", apple), ("KO", 3.0)] {
            let known = estimates.betas.get_mut(&WORLD.id(symbol)).expect("regressed");
            let mut betas = InstrumentBetas::clone(known.as_ref().expect("betas"));
            for beta in &mut betas.betas {
                beta.estimate.value = value;
            }
            *known = Ok(Arc::new(betas));
        }
        decompose(&book.lines, book.total_value(), &Deltas::new(), &estimates).warnings
    };
    assert_eq!(said(-3.0), [""; 0]);
    assert_eq!(said(-3.1), ["1 position has a beta beyond ±3, counted as that."]);
}
