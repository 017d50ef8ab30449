use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::decomposition::{Decomposition, FactorModel};
use super::drawdown::{current_drawdown, drawdowns, max_drawdown, underwater};
use super::relative::{MarketModel, down_capture, information_ratio, tracking_error, up_capture};
use super::tail::{
    Confidence, expected_shortfall, historical_value_at_risk, parametric_expected_shortfall,
    parametric_value_at_risk, quantile,
};
use super::*;
use crate::performance::{annual_return, link};
use crate::tests::Worst;

/// Asserts that a figure is what a fixture expects.
fn check(worst: &mut Worst, figure: &str, got: f64, expected: &Value) {
    let Some(expected) = expected.as_f64() else {
        panic!("{figure} = {got} is expected to be {expected}")
    };
    let error = (got - expected).abs() / expected.abs().max(1e-3);
    assert!(error <= 1e-9, "{figure}: {got} is not {expected}");
    worst.note(figure, error);
}

fn fixture(text: &str) -> Vec<Value> {
    let fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    fixture["cases"].as_array().expect("cases").clone()
}

/// Dates and closes of a symbol from the session before the first return to the last.
type Path = Vec<(&'static str, f64)>;

fn prices() -> BTreeMap<&'static str, Path> {
    let text = include_str!("../../tests/fixtures/prices_daily.csv");
    let mut prices = BTreeMap::<_, Path>::new();
    for line in text.lines().skip(1) {
        let [symbol, date, price] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        prices.entry(symbol).or_default().push((date, price.parse().expect("a price")));
    }
    prices
}

fn simple_returns(path: &[(&str, f64)]) -> Vec<f64> {
    path.windows(2).map(|pair| pair[1].1 / pair[0].1 - 1.0).collect()
}

/// The path of a case: of a symbol its prices, of EQW what a daily rebalanced mean of the
/// stocks became.
fn path_of(prices: &BTreeMap<&'static str, Path>, symbol: &str, case: &Value) -> Path {
    const FACTORS: [&str; 6] = ["SPX", "MTUM", "QUAL", "SIZE", "VLUE", "USMV"];
    let window = |path: &Path| -> Path {
        let at = |date: &Value| path.iter().position(|(d, _)| Some(*d) == date.as_str());
        let first = at(&case["first_return_date"]).expect("a session");
        let last = at(&case["last_return_date"]).expect("a session");
        path[first - 1..=last].to_vec()
    };
    if symbol != "EQW" {
        return window(&prices[symbol]);
    }
    let stocks = prices.iter().filter(|(symbol, _)| !FACTORS.contains(symbol));
    let stocks: Vec<Path> = stocks.map(|(_, path)| window(path)).collect();
    assert_eq!(stocks.len(), 20);
    let mut value = 1.0;
    let mut path = vec![(stocks[0][0].0, value)];
    for session in 1..stocks[0].len() {
        let sum: f64 = stocks.iter().map(|s| s[session].1 / s[session - 1].1 - 1.0).sum();
        value *= 1.0 + sum / 20.0;
        path.push((stocks[0][session].0, value));
    }
    path
}

#[test]
fn every_metric_of_real_returns_is_that_of_the_reference() {
    let prices = prices();
    let mut worst = Worst::default();
    for case in fixture(include_str!("../../tests/fixtures/risk_metrics.json")) {
        let path = path_of(&prices, case["symbol"].as_str().expect("a symbol"), &case);
        let returns = simple_returns(&path);
        let risk_free = case["rf_daily"].as_f64().expect("a rate");
        let value = |figure: &str| -> f64 {
            let loss = |of: fn(&[f64], Confidence) -> Result<f64, Error>, confidence| {
                of(&returns, confidence)
            };
            let normal = |of: fn(f64, f64, Confidence) -> Result<f64, Error>, confidence| {
                of(mean(&returns)?, standard_deviation(&returns)?, confidence)
            };
            let (p95, p99) = (Confidence::P95, Confidence::P99);
            let result = match figure {
                "annual_return" => annual_return(&returns),
                "annual_volatility" => volatility(&returns),
                "cumulative_return" => link(&returns),
                "sharpe" => sharpe_ratio(&returns, risk_free),
                "sortino" => sortino_ratio(&returns, risk_free),
                "calmar" => calmar_ratio(&returns),
                "omega" => omega_ratio(&returns, risk_free),
                "max_drawdown" => max_drawdown(&wealth(&returns).expect("a path")),
                "downside_risk" => downside_risk(&returns, risk_free),
                "value_at_risk_95" => loss(historical_value_at_risk, p95).map(|l| -l),
                "value_at_risk_99" => loss(historical_value_at_risk, p99).map(|l| -l),
                "conditional_value_at_risk_95" => loss(expected_shortfall, p95).map(|l| -l),
                "conditional_value_at_risk_99" => loss(expected_shortfall, p99).map(|l| -l),
                "tail_ratio" => tail_ratio(&returns),
                "stability" => stability(&returns),
                "mean_daily" => mean(&returns),
                "std_daily" => standard_deviation(&returns),
                "skewness" => skewness(&returns),
                "excess_kurtosis" => excess_kurtosis(&returns),
                "best_day" => quantile(&returns, 1.0),
                "worst_day" => quantile(&returns, 0.0),
                "positive_days" => Ok(returns.iter().filter(|r| **r > 0.0).map(|_| 1.0).sum()),
                "var_hist_95_loss" => loss(historical_value_at_risk, p95),
                "var_hist_99_loss" => loss(historical_value_at_risk, p99),
                "es_hist_95_loss" => loss(expected_shortfall, p95),
                "es_hist_99_loss" => loss(expected_shortfall, p99),
                "var_normal_95_loss" => normal(parametric_value_at_risk, p95),
                "var_normal_99_loss" => normal(parametric_value_at_risk, p99),
                "var_normal_95_loss_zero_mean" => standard_deviation(&returns)
                    .and_then(|sd| parametric_value_at_risk(0.0, sd, p95)),
                "var_normal_99_loss_zero_mean" => standard_deviation(&returns)
                    .and_then(|sd| parametric_value_at_risk(0.0, sd, p99)),
                "es_normal_95_loss" => normal(parametric_expected_shortfall, p95),
                "es_normal_99_loss" => normal(parametric_expected_shortfall, p99),
                other => panic!("nobody knows {other}"),
            };
            result.unwrap_or_else(|error| panic!("{figure}: {error}"))
        };
        for group in ["empyrical", "numpy"] {
            for (figure, expected) in case["expect"][group].as_object().expect("figures") {
                check(&mut worst, figure, value(figure), expected);
            }
        }
        let metrics = Metrics::of(&returns, risk_free).expect("metrics");
        let expect = &case["expect"]["empyrical"];
        let numbers = &case["expect"]["numpy"];
        let together = [
            ("annual return", metrics.annual_return, &expect["annual_return"]),
            ("volatility", Some(metrics.volatility), &expect["annual_volatility"]),
            ("downside risk", Some(metrics.downside_risk), &expect["downside_risk"]),
            ("Sharpe", metrics.sharpe_ratio, &expect["sharpe"]),
            ("Sortino", metrics.sortino_ratio, &expect["sortino"]),
            ("Calmar", metrics.calmar_ratio, &expect["calmar"]),
            ("Omega", metrics.omega_ratio, &expect["omega"]),
            ("tails", metrics.tail_ratio, &expect["tail_ratio"]),
            ("drawdown", metrics.max_drawdown, &expect["max_drawdown"]),
            ("at risk, 95 %", Some(metrics.value_at_risk_95), &numbers["var_hist_95_loss"]),
            ("at risk, 99 %", Some(metrics.value_at_risk_99), &numbers["var_hist_99_loss"]),
            ("shortfall, 95 %", Some(metrics.expected_shortfall_95), &numbers["es_hist_95_loss"]),
            ("shortfall, 99 %", Some(metrics.expected_shortfall_99), &numbers["es_hist_99_loss"]),
        ];
        for (figure, got, expected) in together {
            check(&mut worst, &format!("together: {figure}"), got.expect(figure), expected);
        }
    }
    worst.print("risk_metrics");
}

#[test]
fn a_series_against_its_benchmark_is_that_of_the_reference() {
    let prices = prices();
    let mut worst = Worst::default();
    for case in fixture(include_str!("../../tests/fixtures/risk_metrics.json")) {
        let Some(benchmark) = case["benchmark"].as_str() else { continue };
        let symbol = case["symbol"].as_str().expect("a symbol");
        let returns = simple_returns(&path_of(&prices, symbol, &case));
        let benchmark = simple_returns(&path_of(&prices, benchmark, &case));
        let risk_free = case["rf_daily"].as_f64().expect("a rate");
        let expect = &case["expect"]["benchmark"];

        let model = MarketModel::fit(&returns, &benchmark, risk_free).expect("a model");
        let ratio = information_ratio(&returns, &benchmark).expect("a ratio");
        let error = tracking_error(&returns, &benchmark).expect("an error");
        let up = up_capture(&returns, &benchmark).expect("a rise");
        let down = down_capture(&returns, &benchmark).expect("a fall");
        for (figure, got) in [
            ("beta", model.beta),
            ("alpha_daily", model.alpha),
            ("alpha_annual", model.annual_alpha()),
            ("alpha_annual_simple", model.alpha * SESSIONS_PER_YEAR),
            ("correlation", model.correlation.expect("one")),
            ("tracking_error_annual", error),
            ("information_ratio_annual", ratio),
            ("excess_sharpe_daily", ratio / SESSIONS_PER_YEAR.sqrt()),
            ("active_return_annual_arithmetic", ratio * error),
            ("up_capture", up),
            ("down_capture", down),
            ("up_down_capture", up / down),
        ] {
            check(&mut worst, figure, got, &expect[figure]);
        }
    }
    worst.print("risk_metrics, beside a benchmark");
}

#[test]
fn the_deepest_drawdowns_begin_and_end_when_the_reference_says() {
    let prices = prices();
    let mut worst = Worst::default();
    for case in fixture(include_str!("../../tests/fixtures/risk_metrics.json")) {
        let id = &case["id"];
        let path = path_of(&prices, case["symbol"].as_str().expect("a symbol"), &case);
        let values: Vec<f64> = path.iter().map(|(_, value)| *value).collect();
        let found = drawdowns(&values).expect("drawdowns");
        let expected = case["expect"]["drawdowns_top5"].as_array().expect("a list");
        let date = |place: usize| Value::from(path[place].0);

        assert_eq!(found.len(), case["expect"]["drawdown_episodes"], "{id}: episodes");
        for (got, expected) in found.iter().zip(expected) {
            check(&mut worst, "depth", got.depth, &expected["depth"]);
            assert_eq!(date(got.peak), expected["peak"], "{id}: peak");
            assert_eq!(date(got.valley), expected["valley"], "{id}: valley");
            let recovery = got.recovery.map_or(Value::Null, date);
            assert_eq!(recovery, expected["recovery"], "{id}: recovery");
            assert_eq!(got.valley - got.peak, expected["days_peak_to_valley"], "{id}: days");
        }
        assert_eq!(Ok(found[0].depth), max_drawdown(&values), "{id}");
        let below = underwater(&values).expect("a path");
        assert_eq!(below.iter().copied().reduce(f64::min), Some(found[0].depth), "{id}");
        assert_eq!(below.last().copied(), current_drawdown(&values).ok(), "{id}");
    }
    worst.print("risk_metrics, drawdowns");
}

#[test]
fn the_risk_of_factor_models_is_that_of_the_reference() {
    let mut worst = Worst::default();
    for case in fixture(include_str!("../../tests/fixtures/factor_var.json")) {
        let values = numbers(&case["position_values"]);
        let betas = matrix(&case["betas"]);
        let factor_covariance = matrix(&case["factor_covariance_daily"]);
        let specific_volatilities = numbers(&case["specific_vol_daily"]);
        let risk = Decomposition::of(&FactorModel {
            values: &values,
            betas: &betas,
            factor_covariance: &factor_covariance,
            specific_volatilities: &specific_volatilities,
        })
        .expect("a decomposition");

        let z = Confidence::P95.deviations();
        let at_risk = |confidence, days| risk.value_at_risk(confidence, days).expect("a loss");
        let shortfall = risk.expected_shortfall(Confidence::P95, 1.0).expect("a loss");
        let marginal: Vec<f64> = risk.position_marginals.iter().map(|m| m * z).collect();
        for (figure, expected) in case["expect"].as_object().expect("figures") {
            let one: &[f64] = match figure.as_str() {
                "factor_exposure_dollar" => &risk.factor_exposures,
                "factor_variance" => &[risk.factor_volatility.powi(2)],
                "specific_variance" => &[risk.specific_volatility.powi(2)],
                "total_vol_daily_dollar" => &[risk.volatility],
                "factor_share_of_variance" => &[risk.factor_share().expect("a share")],
                "var_95_1d" => &[at_risk(Confidence::P95, 1.0)],
                "var_99_1d" => &[at_risk(Confidence::P99, 1.0)],
                "var_95_10d_sqrt_time" => &[at_risk(Confidence::P95, 10.0)],
                "var_99_10d_sqrt_time" => &[at_risk(Confidence::P99, 10.0)],
                "es_95_1d" => &[shortfall],
                "component_vol_by_position" => &risk.position_contributions,
                "component_vol_by_factor" => &risk.factor_contributions,
                "component_vol_specific" => &[risk.specific_contribution],
                "marginal_var_95_by_position" => &marginal,
                other => panic!("nobody knows {other}"),
            };
            let expected = expected.as_array().cloned().unwrap_or_else(|| vec![expected.clone()]);
            assert_eq!(one.len(), expected.len(), "{figure}");
            for (got, expected) in one.iter().zip(&expected) {
                check(&mut worst, figure, *got, expected);
            }
        }
    }
    worst.print("factor_var");
}

fn numbers(json: &Value) -> Vec<f64> {
    json.as_array().expect("a list").iter().map(|n| n.as_f64().expect("a number")).collect()
}

fn matrix(json: &Value) -> Vec<f64> {
    json.as_array().expect("rows").iter().flat_map(numbers).collect()
}

#[test]
fn a_confidence_is_a_tail_counted_exactly() {
    assert_eq!(Confidence::new(0.95), Ok(Confidence::P95));
    assert_eq!(Confidence::new(0.99), Ok(Confidence::P99));
    for refused in [0.0, 0.49, 1.0, 1.5, -0.95, f64::NAN, f64::INFINITY] {
        assert_eq!(Confidence::new(refused), Err(Error::OutOfRange("confidence")), "{refused}");
    }
    // Eleven returns at 90 %: the second worst exactly, and the mean of the worst two.
    let returns: Vec<f64> = (-5..=5).map(f64::from).collect();
    let confidence = Confidence::new(0.9).expect("90 %");
    assert_eq!(historical_value_at_risk(&returns, confidence), Ok(4.0));
    assert_eq!(expected_shortfall(&returns, confidence), Ok(4.5));
}

#[test]
fn a_position_that_hedges_takes_risk_away() {
    let risk = Decomposition::of(&FactorModel {
        values: &[100.0, -50.0],
        betas: &[1.0, 1.0],
        factor_covariance: &[0.0001],
        specific_volatilities: &[0.0, 0.0],
    })
    .expect("a decomposition");
    approx::assert_relative_eq!(risk.volatility, 0.5, max_relative = 1e-12);
    approx::assert_relative_eq!(risk.position_contributions[0], 1.0, max_relative = 1e-12);
    approx::assert_relative_eq!(risk.position_contributions[1], -0.5, max_relative = 1e-12);
}

#[test]
fn a_book_without_risk_has_no_contributions() {
    let nothing =
        FactorModel { values: &[], betas: &[], factor_covariance: &[], specific_volatilities: &[] };
    let risk = Decomposition::of(&nothing).expect("a decomposition");
    assert_eq!((risk.volatility, risk.factor_share()), (0.0, None));

    let values = [100.0, -100.0];
    let specific_volatilities = [0.0; 2];
    let flat =
        FactorModel { values: &values, specific_volatilities: &specific_volatilities, ..nothing };
    let risk = Decomposition::of(&flat).expect("a decomposition");
    assert_eq!(risk.position_contributions, [0.0, 0.0]);
}

#[test]
fn a_covariance_that_none_can_be_is_refused() {
    let model = FactorModel {
        values: &[1.0],
        betas: &[1.0],
        factor_covariance: &[-0.1],
        specific_volatilities: &[0.0],
    };
    assert_eq!(Decomposition::of(&model), Err(Error::OutOfRange("factor covariance")));
    let longer = FactorModel { betas: &[1.0, 2.0], ..model };
    assert!(matches!(Decomposition::of(&longer), Err(Error::Mismatch { .. })));
    let negative = FactorModel { specific_volatilities: &[-1.0], ..model };
    assert_eq!(Decomposition::of(&negative), Err(Error::OutOfRange("specific volatility")));
}

#[test]
fn a_constant_series_has_no_ratio_rather_than_an_infinite_one() {
    // A tenth has no exact binary form: a naive mean would leave a deviation of 1e-17.
    let constant = [0.1; 30];
    assert_eq!(volatility(&constant), Ok(0.0));
    assert_eq!(sharpe_ratio(&constant, 0.0), Err(Error::Undefined("the Sharpe ratio")));
    assert_eq!(sortino_ratio(&constant, 0.0), Err(Error::Undefined("the Sortino ratio")));
    assert_eq!(omega_ratio(&constant, 0.0), Err(Error::Undefined("the Omega ratio")));
    // Whatever it falls short of: a certain loss is no risk.
    assert_eq!(sortino_ratio(&constant, 0.2), Err(Error::Undefined("the Sortino ratio")));
    assert_eq!(omega_ratio(&constant, 0.2), Err(Error::Undefined("the Omega ratio")));
    assert_eq!(calmar_ratio(&constant), Err(Error::Undefined("the Calmar ratio")));
    assert!(information_ratio(&constant, &constant).is_err());
    assert!(MarketModel::fit(&constant, &constant, 0.0).is_err());
    let metrics = Metrics::of(&constant, 0.0).expect("metrics");
    assert_eq!((metrics.sharpe_ratio, metrics.max_drawdown), (None, Some(0.0)));
}

#[test]
fn a_loss_of_everything_is_the_deepest_drawdown() {
    let path = wealth(&[0.1, -1.0, 0.5]).expect("a path");
    assert_eq!(max_drawdown(&path), Ok(-1.0));
    assert_eq!(current_drawdown(&path), Ok(-1.0));
    assert_eq!(annual_return(&[0.1, -1.0, 0.5]), Ok(-1.0));
    assert_eq!(annual_return(&[-1.5, -1.5]), Err(Error::OutOfRange("a return below -1")));
    assert!(stability(&[0.1, -1.0, 0.5]).is_err());
}

#[test]
fn a_path_that_only_rises_has_no_drawdown() {
    assert_eq!(drawdowns(&[1.0, 1.0, 2.0, 3.0]), Ok(vec![]));
    assert_eq!(current_drawdown(&[1.0, 2.0, 1.5]), Ok(-0.25));
    assert!(drawdowns(&[0.0, 1.0]).is_err(), "of nothing, no share can fall");
}

/// Every function of one series, for inputs that have to be refused or survived.
fn all_of(returns: &[f64], risk_free: f64) -> Vec<Result<f64, Error>> {
    let reversed: Vec<f64> = returns.iter().rev().copied().collect();
    let metrics = Metrics::of(returns, risk_free).map(|m| {
        let losses = [m.volatility, m.downside_risk, m.value_at_risk_99, m.expected_shortfall_99];
        if losses.iter().all(|x| x.is_finite()) { 0.0 } else { f64::NAN }
    });
    let model = MarketModel::fit(returns, &reversed, risk_free);
    vec![
        mean(returns),
        volatility(returns),
        downside_risk(returns, risk_free),
        sharpe_ratio(returns, risk_free),
        sortino_ratio(returns, risk_free),
        calmar_ratio(returns),
        omega_ratio(returns, risk_free),
        tail_ratio(returns),
        skewness(returns),
        excess_kurtosis(returns),
        stability(returns),
        metrics,
        model.map(|model| model.beta + model.alpha + model.annual_alpha()),
        tracking_error(returns, &reversed),
        information_ratio(returns, &reversed),
        up_capture(returns, &reversed),
        down_capture(returns, &reversed),
        historical_value_at_risk(returns, Confidence::P99),
        expected_shortfall(returns, Confidence::P99),
        parametric_value_at_risk(risk_free, 1.0, Confidence::P99),
        parametric_expected_shortfall(risk_free, 1.0, Confidence::P99),
        annual_return(returns),
        link(returns),
        max_drawdown(returns),
        current_drawdown(returns),
        quantile(returns, risk_free),
    ]
}

#[test]
fn no_input_makes_a_panic_or_something_that_is_no_number() {
    let awkward = [0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, -1e300, f64::MAX];
    let broken = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for a in awkward {
        for b in awkward {
            for rate in [0.0, 0.01, 1e300, f64::NAN, f64::INFINITY] {
                for series in [&[][..], &[a], &[a, b], &[a, b, a], &[a; 5]] {
                    for figure in all_of(series, rate).into_iter().flatten() {
                        assert!(figure.is_finite(), "{series:?} at {rate}");
                    }
                }
            }
        }
        for b in broken {
            for figure in all_of(&[a, b, a], 0.0) {
                // The parametric ones do not read the series.
                assert!(figure.is_err() || figure.is_ok_and(f64::is_finite));
            }
            assert_eq!(mean(&[a, b]), Err(Error::NotFinite));
            assert_eq!(quantile(&[a, b], 0.5), Err(Error::NotFinite));
        }
    }
    assert_eq!(mean(&[]), Err(Error::Empty));
    assert_eq!(volatility(&[0.1]), Err(Error::TooShort { needed: 2, got: 1 }));
    let lengths = tracking_error(&[0.1, 0.2], &[0.1]);
    assert_eq!(lengths, Err(Error::Mismatch { expected: 2, got: 1 }));
}

fn series() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-0.2..0.2_f64, 2..300)
}

proptest! {
    #[test]
    fn the_shortfall_is_no_smaller_than_the_value_at_risk(returns in series(), c in 0.5..0.999_f64) {
        let confidence = Confidence::new(c).expect("a confidence");
        let at_risk = historical_value_at_risk(&returns, confidence).expect("a loss");
        let shortfall = expected_shortfall(&returns, confidence).expect("a loss");
        prop_assert!(shortfall >= at_risk - 1e-12);
    }

    #[test]
    fn twice_the_returns_are_twice_the_risk(returns in series()) {
        let double: Vec<f64> = returns.iter().map(|r| 2.0 * r).collect();
        prop_assert_eq!(volatility(&double), volatility(&returns).map(|v| 2.0 * v));
        prop_assert_eq!(
            expected_shortfall(&double, Confidence::P95),
            expected_shortfall(&returns, Confidence::P95).map(|v| 2.0 * v)
        );
    }

    #[test]
    fn drawdowns_do_not_overlap_and_lie_under_their_peaks(returns in series()) {
        let path = wealth(&returns).expect("a path");
        let mut found = drawdowns(&path).expect("drawdowns");
        found.sort_by_key(|fall| fall.peak);
        for fall in &found {
            prop_assert!(fall.peak < fall.valley && fall.depth < 0.0);
            prop_assert!(fall.recovery.is_none_or(|back| fall.valley < back));
            let depth = path[fall.valley] / path[fall.peak] - 1.0;
            prop_assert_eq!(fall.depth.to_bits(), depth.to_bits());
        }
        for pair in found.windows(2) {
            prop_assert!(pair[0].recovery.expect("another follows") <= pair[1].peak);
        }
    }

    #[test]
    fn contributions_add_up_to_the_risk(
        values in prop::collection::vec(-1e6..1e6_f64, 1..20),
        roots in prop::collection::vec(-0.02..0.02_f64, 16),
        seed in prop::collection::vec(-2.0..2.0_f64, 80),
    ) {
        // R Rᵀ is a covariance, whatever R.
        let factor_covariance: Vec<f64> = (0..16)
            .map(|at| (0..4).map(|k| roots[at / 4 * 4 + k] * roots[at % 4 * 4 + k]).sum())
            .collect();
        let betas = &seed[..values.len() * 4];
        let specific: Vec<f64> = seed.iter().take(values.len()).map(|s| s.abs() / 100.0).collect();
        let risk = Decomposition::of(&FactorModel {
            values: &values,
            betas,
            factor_covariance: &factor_covariance,
            specific_volatilities: &specific,
        }).expect("a decomposition");

        let by_position: f64 = risk.position_contributions.iter().sum();
        let by_factor: f64 = risk.factor_contributions.iter().sum();
        let tolerance = 1e-12 * risk.volatility
            + 1e-13 * risk.position_contributions.iter().map(|c| c.abs()).sum::<f64>();
        prop_assert!((by_position - risk.volatility).abs() <= tolerance);
        prop_assert!((by_factor + risk.specific_contribution - risk.volatility).abs() <= tolerance);
    }
}
