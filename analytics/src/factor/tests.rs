use approx::assert_relative_eq;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tests::{DAILY, WITH_GAPS, Worst, cases, count, names, number};

const FACTORS: [&str; 6] = ["SPX", "MTUM", "QUAL", "SIZE", "VLUE", "USMV"];

/// Of coefficients and what follows from them, relative and absolute.
const TIGHT: (f64, f64) = (1e-8, 1e-12);
/// Of probabilities, which are held to an absolute error alone.
const PROBABILITY: (f64, f64) = (0.0, 1e-9);

const END: &str = "2019-12-31";

/// The window, length and kind of return that a case asks for.
fn series(case: &Value, symbol: &str) -> Vec<f64> {
    let window = count(&case["window"]);
    let text = |key: &str| case[key].as_str().expect("text");
    DAILY.dense(symbol, text("end_date"), window, text("return_type"))
}

fn six_factors(case: &Value) -> Vec<Vec<f64>> {
    let mut factors: Vec<Vec<f64>> = FACTORS.iter().map(|symbol| series(case, symbol)).collect();
    if case["factors"] == "spread" {
        let (market, funds) = factors.split_first_mut().expect("six factors");
        for fund in funds {
            add_scaled(fund, -1.0, market);
        }
    }
    factors
}

fn check_fit(worst: &mut Worst, case: &Value, factors: &[&str], fit: &Fit) {
    let expect = &case["expect"];
    let coefficients = std::iter::once(&fit.intercept).chain(&fit.slopes);
    for (name, estimate) in std::iter::once(&"const").chain(factors).zip(coefficients) {
        let of = |key: &str| expect[key][name].as_f64();
        worst.check(("params", case), estimate.value, number(&expect["params"][name]), TIGHT);
        if let Some(expected) = of("bse") {
            let got = estimate.standard_error.expect("a standard error");
            worst.check(("bse", case), got, expected, TIGHT);
        }
        assert_eq!(estimate.t_stat().is_some(), of("tvalues").is_some(), "{case}");
        if let (Some(t), Some(p)) = (of("tvalues"), of("pvalues")) {
            worst.check(("tvalues", case), estimate.t_stat().expect("t"), t, TIGHT);
            worst.check(("pvalues", case), estimate.p_value().expect("p"), p, PROBABILITY);
        }
    }
    worst.check(("residual_std", case), fit.residual_std, number(&expect["residual_std"]), TIGHT);
    for (key, got) in [("rsquared", fit.r_squared), ("rsquared_adj", fit.adjusted_r_squared)] {
        assert_eq!(got.is_some(), expect[key].is_number(), "{case}");
        if let Some(got) = got {
            worst.check((key, case), got, number(&expect[key]), TIGHT);
        }
    }
}

fn check_newey_west(worst: &mut Worst, case: &Value, factors: &[&str], fit: &Fit) {
    let expect = &case["expect"];
    let coefficients = std::iter::once(&fit.intercept).chain(&fit.slopes);
    for (name, estimate) in std::iter::once(&"const").chain(factors).zip(coefficients) {
        let error = estimate.standard_error.expect("a standard error");
        worst.check(("hac5_bse", case), error, number(&expect["hac5_bse"][name]), TIGHT);
        if let Some(t) = expect["hac5_tvalues"][name].as_f64() {
            worst.check(("hac5_tvalues", case), estimate.t_stat().expect("t"), t, TIGHT);
            let p = number(&expect["hac5_pvalues_normal"][name]);
            worst.check(("hac5_pvalues", case), estimate.p_value().expect("p"), p, PROBABILITY);
        }
    }
}

fn check_design(worst: &mut Worst, case: &Value, names: &[&str], factors: &[Vec<f64>]) {
    let expect = &case["expect"];
    let design = Design::new(factors).expect("a design");
    let loose = (1e-6, 1e-12);
    for (key, got) in [
        ("condition_number", design.condition_number()),
        ("condition_number_factor_corr", correlation_condition_number(factors)),
    ] {
        if expect[key].is_null() && factors.len() == 1 {
            continue;
        }
        assert_eq!(got.is_some(), expect[key].is_number(), "{key} of {case}");
        if let Some(got) = got {
            worst.check((key, case), got, number(&expect[key]), loose);
        }
    }
    if expect["vif"].is_object() {
        let inflation = design.variance_inflation().expect("full rank");
        for (name, got) in names.iter().zip(inflation) {
            worst.check(("vif", case), got, number(&expect["vif"][*name]), TIGHT);
        }
    }
}

#[test]
fn six_factors_at_once_give_the_reference() {
    let mut worst = Worst::default();
    for case in &cases(include_str!("../../tests/fixtures/factor_regression_multivariate.json")) {
        let factors = six_factors(case);
        let response = series(case, case["symbol"].as_str().expect("a symbol"));
        let design = Design::new(&factors).expect("a design");
        check_fit(&mut worst, case, &FACTORS, &design.fit(&response).expect("a fit"));
        let robust = design.fit_newey_west(&response, 5).expect("a fit");
        check_newey_west(&mut worst, case, &FACTORS, &robust);
        check_design(&mut worst, case, &FACTORS, &factors);
    }
    worst.print("factor_regression_multivariate");
}

#[test]
fn one_factor_at_a_time_gives_the_reference() {
    let mut worst = Worst::default();
    for case in &cases(include_str!("../../tests/fixtures/factor_regression_univariate.json")) {
        let name = case["factor"].as_str().expect("a factor");
        let factor = series(case, name);
        let response = series(case, case["symbol"].as_str().expect("a symbol"));
        let design = Design::new(&[factor]).expect("a design");
        check_fit(&mut worst, case, &[name], &design.fit(&response).expect("a fit"));
        let robust = design.fit_newey_west(&response, 5).expect("a fit");
        check_newey_west(&mut worst, case, &[name], &robust);
    }
    worst.print("factor_regression_univariate");
}

#[test]
fn ridge_gives_the_reference() {
    let mut worst = Worst::default();
    for case in &cases(include_str!("../../tests/fixtures/factor_regression_ridge.json")) {
        let factors = six_factors(case);
        let response = series(case, case["symbol"].as_str().expect("a symbol"));
        let expect = &case["expect"];
        let ridge = Ridge::new(&factors, number(&expect["lambda"])).expect("a ridge");
        let fit = ridge.fit(&response).expect("a fit");
        for ((name, slope), factor) in FACTORS.iter().zip(&fit.slopes).zip(&factors) {
            worst.check(("beta", case), slope.value, number(&expect["beta"][name]), TIGHT);
            let got = slope.value * Centered::new(factor).deviation();
            let expected = number(&expect["beta_standardized"][name]);
            worst.check(("beta_standardized", case), got, expected, TIGHT);
        }
        worst.check(("intercept", case), fit.intercept.value, number(&expect["intercept"]), TIGHT);
        let r_squared = fit.r_squared.expect("R²");
        worst.check(("rsquared", case), r_squared, number(&expect["rsquared"]), TIGHT);
    }
    worst.print("factor_regression_ridge");
}

#[test]
fn gaps_short_histories_and_collinear_factors_give_the_reference() {
    let mut worst = Worst::default();
    for case in &cases(include_str!("../../tests/fixtures/factor_regression_edge.json")) {
        let window = count(&case["window"]);
        let load = |symbol: &str| {
            let of = |symbol| WITH_GAPS.window(symbol, END, window, "log");
            let mix = |a: f64, b: f64| {
                let pairs = of("SPX").into_iter().zip(of("MTUM"));
                pairs.map(|(x, y)| Some(a * x? + b * y?)).collect()
            };
            match symbol {
                "F_COMBO" => mix(0.5, 0.5),
                "F_SPREAD" => mix(-1.0, 1.0),
                _ => of(symbol),
            }
        };
        let names = names(&case["factors"]);
        let factors: Vec<Vec<Option<f64>>> = names.iter().map(|name| load(name)).collect();
        let response = load(case["symbol"].as_str().expect("a symbol"));

        let mut all = factors.clone();
        all.push(response.clone());
        let (rows, mut dense) = complete(&all);
        assert_eq!(rows.len(), count(&case["nobs_complete"]), "{case}");
        let betas = Model::new(Method::Ols, &factors).and_then(|model| model.betas(&response));
        if case["expect_status"] == "INSUFFICIENT" {
            assert!(matches!(betas, Err(Error::TooShort { needed: 60, .. })), "{case}");
            continue;
        }
        let dense_response = dense.pop().expect("the response");
        let design = Design::new(&dense).expect("a design");
        let fit = design.fit(&dense_response).expect("a fit");
        assert_eq!(fit.rank, count(&case["expect"]["rank"]), "{case}");
        let is_deficient = case["expect_status"] == "RANK_DEFICIENT";
        assert_eq!(design.is_rank_deficient(), is_deficient);
        check_fit(&mut worst, case, &names, &fit);
        if case["expect"]["hac5_bse"].is_object() {
            let robust = design.fit_newey_west(&dense_response, 5).expect("a fit");
            check_newey_west(&mut worst, case, &names, &robust);
            check_design(&mut worst, case, &names, &dense);
        }

        // The model drops the same rows.
        let betas = betas.expect("betas");
        assert_eq!(betas.is_rank_deficient, is_deficient);
        for (beta, slope) in betas.betas.iter().zip(&fit.slopes) {
            assert_relative_eq!(beta.estimate.value, slope.value, max_relative = 1e-12);
            assert_eq!(beta.observations, rows.len());
        }
    }
    worst.print("factor_regression_edge");
}

fn window(symbol: &str) -> Vec<Option<f64>> {
    DAILY.window(symbol, END, 252, "simple")
}

fn model(method: Method) -> Model {
    Model::new(method, &FACTORS.map(window)).expect("a model")
}

#[test]
fn the_market_beta_of_the_orthogonal_model_is_the_plain_one() {
    let (orthogonal, plain) = (model(Method::Orthogonal), model(Method::Univariate));
    for symbol in ["AAPL", "XOM", "JPM", "KO", "USMV"] {
        let joint = orthogonal.betas(&window(symbol)).expect("betas").betas[0];
        let alone = plain.betas(&window(symbol)).expect("betas").betas[0];
        assert_relative_eq!(joint.estimate.value, alone.estimate.value, max_relative = 1e-12);
    }
}

#[test]
fn the_orthogonal_model_explains_what_raw_factors_do_and_tells_them_apart() {
    let (orthogonal, raw) = (model(Method::Orthogonal), model(Method::Ols));
    let net = orthogonal.betas(&window("XOM")).expect("betas");
    let gross = raw.betas(&window("XOM")).expect("betas");
    let r_squared = |betas: &Betas| betas.betas[0].r_squared.expect("R²");
    assert_relative_eq!(r_squared(&net), r_squared(&gross), max_relative = 1e-12);

    let worst = |model: &Model| {
        let inflation = model.diagnostics().variance_inflation.clone().expect("full rank");
        inflation.into_iter().fold(0.0, f64::max)
    };
    assert!(worst(&raw) > 20.0, "{}", worst(&raw));
    assert!(worst(&orthogonal) < 5.0, "{}", worst(&orthogonal));
    let market = orthogonal.diagnostics().variance_inflation.as_ref().expect("full rank")[0];
    assert_relative_eq!(market, 1.0, max_relative = 1e-12);
}

#[test]
fn a_model_gives_back_its_factors_net_of_the_market() {
    let orthogonal = model(Method::Orthogonal);
    let market_betas = orthogonal.market_betas().expect("orthogonal");
    let (raw, net) = (model(Method::Ols), orthogonal.factor_returns());
    assert_eq!(market_betas[0].to_bits(), 0, "the market is left as it is");
    for ((raw, style), beta) in raw.factor_returns().iter().zip(net).zip(market_betas) {
        let mut with_market = style.clone();
        add_scaled(&mut with_market, *beta, &net[0]);
        for (got, expected) in with_market.iter().zip(raw) {
            assert_relative_eq!(got, expected, epsilon = 1e-16, max_relative = 1e-12);
        }
    }
    assert!(raw.market_betas().is_none());
}

#[test]
fn a_style_that_is_the_market_again_leaves_the_other_betas_alone() {
    let double: Vec<_> = window("SPX").into_iter().map(|x| Some(2.0 * x?)).collect();
    let factors = [window("SPX"), double, window("MTUM")];
    let model = Model::new(Method::Orthogonal, &factors).expect("a model");
    let betas = model.betas(&window("AAPL")).expect("betas");
    assert!(betas.is_rank_deficient);
    assert_eq!(model.diagnostics().variance_inflation, None);
    assert_eq!(model.diagnostics().correlation_condition_number, None);

    let without = Model::new(Method::Orthogonal, &[window("SPX"), window("MTUM")])
        .and_then(|model| model.betas(&window("AAPL")))
        .expect("betas");
    let values = |betas: &Betas| betas.betas.iter().map(|b| b.estimate.value).collect::<Vec<_>>();
    let (with, without) = (values(&betas), values(&without));
    assert_relative_eq!(with[0], without[0], max_relative = 1e-12);
    assert_relative_eq!(with[1], 0.0);
    assert_relative_eq!(with[2], without[1], max_relative = 1e-12);
}

/// The rows of the window, some of them gone.
fn with_gaps(series: Vec<Option<f64>>, every: usize) -> Vec<Option<f64>> {
    series.into_iter().enumerate().map(|(row, x)| x.filter(|_| row % every != 0)).collect()
}

#[test]
fn an_instrument_with_gaps_is_regressed_on_the_rows_it_has() {
    let betas = model(Method::Ols).betas(&with_gaps(window("AAPL"), 5)).expect("betas");
    let holes = FACTORS.map(|symbol| with_gaps(window(symbol), 5));
    let expected =
        Model::new(Method::Ols, &holes).and_then(|m| m.betas(&window("AAPL"))).expect("betas");
    assert_eq!(betas, expected);
    assert_eq!(betas.betas[0].observations, 201);
}

#[test]
fn one_factor_at_a_time_minds_no_gaps_of_the_others() {
    let factors = [window("SPX"), with_gaps(window("MTUM"), 2)];
    let model = Model::new(Method::Univariate, &factors).expect("a model");
    let betas = model.betas(&window("AAPL")).expect("betas");
    let observations: Vec<usize> = betas.betas.iter().map(|beta| beta.observations).collect();
    assert_eq!(observations, [252, 126]);
    assert_eq!(betas.residual_std, None);
}

#[test]
fn known_defect_20_betas_of_one_factor_at_a_time_count_the_market_again_and_again() {
    let total = |method| -> f64 {
        let betas = model(method).betas(&window("JPM")).expect("betas").betas;
        betas.iter().map(|beta| beta.estimate.value).sum()
    };
    // A move of the market by 1.00 moves every fund along: the bank would move sixfold.
    assert!(total(Method::Univariate) > 5.0, "{}", total(Method::Univariate));
    let market = model(Method::Orthogonal).betas(&window("JPM")).expect("betas").betas[0];
    assert!((0.8..1.6).contains(&market.estimate.value), "{}", market.estimate.value);
}

#[test]
fn a_beta_is_capped_and_its_estimate_kept() {
    for (times, capped) in [(-4.0, -3.0), (4.0, 3.0), (2.9, 2.9)] {
        let leveraged: Vec<_> = window("SPX").into_iter().map(|x| Some(times * x?)).collect();
        let beta = model(Method::Univariate).betas(&leveraged).expect("betas").betas[0];
        assert_eq!(beta.is_capped(), times.abs() > 3.0);
        assert_relative_eq!(beta.capped(), capped, max_relative = 1e-12);
        assert_relative_eq!(beta.estimate.value, times, max_relative = 1e-12);
    }
}

#[test]
fn exposures_add_up_with_their_errors() {
    let part = |exposure, beta, standard_error| Contribution { exposure, beta, standard_error };
    let book = Exposure::of(&[part(1_000.0, 1.2, Some(0.3)), part(-500.0, 0.8, Some(0.8))])
        .expect("numbers");
    assert_relative_eq!(book.dollars, 800.0);
    assert_relative_eq!(book.standard_error.expect("known"), 500.0);
    assert_relative_eq!(book.beta(2_000.0).expect("a value"), 0.4);
    assert_eq!(book.beta(0.0), None);
    let unknown = Exposure::of(&[part(1.0, 1.0, None)]).expect("numbers");
    assert_eq!(unknown.standard_error, None);
    assert_eq!(Exposure::of(&[]), Ok(Exposure { dollars: 0.0, standard_error: Some(0.0) }));
    for broken in [f64::NAN, f64::INFINITY, 1e300] {
        let squared = part(broken, 1.0, Some(broken));
        assert_eq!(Exposure::of(&[squared]), Err(Error::NotFinite));
    }
    assert_eq!(book.beta(f64::MIN_POSITIVE / 2.0), None, "beyond what a number holds");
    assert_eq!(book.beta(f64::NAN), None);
}

#[test]
fn what_a_nearly_exact_relation_leaves_keeps_its_digits() {
    let design = Design::new(&FACTORS.map(|symbol| DAILY.dense(symbol, END, 252, "simple")));
    let design = design.expect("a design");
    // A millionth of a stock beside a factor: the difference of two sums would hold three digits.
    let stock = DAILY.dense("XOM", END, 252, "simple");
    let mut response = DAILY.dense("MTUM", END, 252, "simple");
    add_scaled(&mut response, 1e-6, &stock);
    let expected = design.fit(&stock).expect("a fit").residual_std * 1e-6;
    let got = design.fit(&response).expect("a fit").residual_std;
    assert_relative_eq!(got, expected, max_relative = 1e-7);
}

#[test]
fn an_exact_relation_leaves_no_residual() {
    let design = Design::new(&FACTORS.map(|symbol| DAILY.dense(symbol, END, 252, "simple")));
    let design = design.expect("a design");
    let response: Vec<f64> =
        DAILY.dense("MTUM", END, 252, "simple").iter().map(|x| 0.001 + 2.0 * x).collect();
    let fit = design.fit(&response).expect("a fit");
    assert_relative_eq!(fit.slopes[1].value, 2.0, max_relative = 1e-11);
    assert_relative_eq!(fit.intercept.value, 0.001, max_relative = 1e-11);
    assert_relative_eq!(fit.r_squared.expect("R²"), 1.0, max_relative = 1e-14);
}

#[test]
fn a_response_without_variance_has_betas_of_zero_and_no_r_squared() {
    let flat = vec![Some(0.001); 252];
    for method in [Method::Orthogonal, Method::Univariate, Method::Ridge { penalty: 1.0 }] {
        for beta in model(method).betas(&flat).expect("betas").betas {
            assert_eq!((beta.estimate.value, beta.r_squared), (0.0, None));
            assert_eq!(beta.estimate.p_value(), None);
        }
    }
}

#[test]
fn the_usual_lags_are_four_for_a_year() {
    assert_eq!([0, 60, 100, 252, 1_000].map(newey_west_lags), [0, 3, 4, 4, 6]);
}

#[test]
fn inputs_that_make_no_sense_are_errors() {
    let fine = [1.0, 2.0, 4.0, 3.0];
    let empty: [Vec<f64>; 0] = [];
    assert_eq!(Design::new(&empty).err(), Some(Error::Empty));
    assert_eq!(Design::new(&[vec![]]).err(), Some(Error::Empty));
    assert_eq!(Design::new(&[[1.0]]).err(), Some(Error::TooShort { needed: 3, got: 1 }));
    let uneven = [fine.to_vec(), vec![1.0]];
    assert_eq!(Design::new(&uneven).err(), Some(Error::Mismatch { expected: 4, got: 1 }));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308] {
        let spoiled = [1.0, bad, -bad, 0.5];
        assert_eq!(Design::new(&[spoiled]).err(), Some(Error::NotFinite), "{bad}");
        assert_eq!(Ridge::new(&[spoiled], 1.0).err(), Some(Error::NotFinite), "{bad}");
        let design = Design::new(&[fine]).expect("a design");
        assert_eq!(design.fit(&spoiled).err(), Some(Error::NotFinite), "{bad}");
        let ridge = Ridge::new(&[fine], 1.0).expect("a ridge");
        assert_eq!(ridge.fit(&spoiled).err(), Some(Error::NotFinite), "{bad}");
    }
    let design = Design::new(&[fine]).expect("a design");
    assert_eq!(design.fit(&[1.0]).err(), Some(Error::Mismatch { expected: 4, got: 1 }));
    assert_eq!(design.fit_newey_west(&fine, 4).err(), Some(Error::OutOfRange("lags")));
    assert_eq!(Ridge::new(&[fine], f64::NAN).err(), Some(Error::NotFinite));
    assert_eq!(Ridge::new(&[fine], -1.0).err(), Some(Error::OutOfRange("penalty")));
    assert_eq!(
        model(Method::Ols).betas(&[None; 3]).err(),
        Some(Error::Mismatch { expected: 252, got: 3 })
    );
    let no_factors: [Vec<Option<f64>>; 0] = [];
    assert_eq!(Model::new(Method::Ols, &no_factors).err(), Some(Error::Empty));
    let constant = [vec![0.1; 100], vec![0.0; 100]];
    assert_eq!(correlation_condition_number(&constant), None);
}

fn returns(count: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
    prop::collection::vec(prop::collection::vec(-0.1..0.1_f64, 40), count)
}

proptest! {
    #[test]
    fn residuals_have_nothing_to_do_with_the_factors(series in returns(4)) {
        let (response, factors) = series.split_first().expect("a response");
        let design = Design::new(factors).expect("a design");
        let residuals = design.residuals(response).expect("residuals");
        prop_assert!(residuals.iter().sum::<f64>().abs() < 1e-13);
        for factor in factors {
            let product: f64 = residuals.iter().zip(factor).map(|(e, x)| e * x).sum();
            prop_assert!(product.abs() < 1e-13);
        }
    }

    #[test]
    fn betas_of_a_sum_are_the_sums_of_betas(series in returns(5), scale in -3.0..3.0_f64) {
        let (responses, factors) = series.split_at(2);
        let design = Design::new(factors).expect("a design");
        let mut sum = responses[0].clone();
        add_scaled(&mut sum, scale, &responses[1]);
        let fits = design.fit_all(responses).expect("fits");
        let fit = design.fit(&sum).expect("a fit");
        for (index, slope) in fit.slopes.iter().enumerate() {
            let expected = fits[0].slopes[index].value + scale * fits[1].slopes[index].value;
            prop_assert!((slope.value - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn many_at_once_are_the_same_as_one_by_one(series in returns(8)) {
        let (responses, factors) = series.split_at(5);
        let design = Design::new(factors).expect("a design");
        let one_by_one: Vec<Fit> =
            responses.iter().map(|response| design.fit(response).expect("a fit")).collect();
        prop_assert_eq!(design.fit_all(responses).expect("fits"), one_by_one);
    }

    #[test]
    fn ridge_without_a_penalty_is_least_squares(series in returns(4)) {
        let (response, factors) = series.split_first().expect("a response");
        let ridge = Ridge::new(factors, 0.0).and_then(|r| r.fit(response)).expect("a fit");
        let plain = Design::new(factors).and_then(|d| d.fit(response)).expect("a fit");
        for (a, b) in ridge.slopes.iter().zip(&plain.slopes) {
            prop_assert!((a.value - b.value).abs() < 1e-11);
        }
        prop_assert!((ridge.residual_std / plain.residual_std - 1.0).abs() < 1e-11);
    }

    #[test]
    fn no_input_makes_it_panic_or_answer_with_nan(
        series in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..8), 0..4),
        response in prop::collection::vec(any::<f64>(), 0..8),
        penalty in any::<f64>(),
    ) {
        let fits = [
            Design::new(&series).and_then(|design| design.fit(&response)),
            Design::new(&series).and_then(|design| design.fit_newey_west(&response, 2)),
            Ridge::new(&series, penalty).and_then(|ridge| ridge.fit(&response)),
        ];
        for fit in fits.into_iter().flatten() {
            for estimate in std::iter::once(&fit.intercept).chain(&fit.slopes) {
                prop_assert!(estimate.value.is_finite());
                prop_assert!(estimate.standard_error.is_none_or(f64::is_finite));
                prop_assert!(estimate.p_value().is_none_or(|p| (0.0..=1.0).contains(&p)));
            }
            prop_assert!(fit.residual_std.is_finite());
        }
        let number = correlation_condition_number(&series);
        prop_assert!(number.is_none_or(f64::is_finite));
    }
}
