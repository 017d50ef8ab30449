use std::sync::Arc;

use chrono::NaiveDate;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;

use super::*;
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::services::testing::{FUNDS, WORLD, assert_figure, cases};
use crate::services::valuation::Book;
use crate::services::window::Window;

const MULTIVARIATE: &str =
    include_str!("../../../analytics/tests/fixtures/factor_regression_multivariate.json");
const UNIVARIATE: &str =
    include_str!("../../../analytics/tests/fixtures/factor_regression_univariate.json");
const DAY: &str = "2019-12-31";

fn model(method: Method, window: &Window) -> FactorModel {
    let variables = FUNDS.map(|(name, fund)| Variable {
        name,
        returns: window.simple_returns(Some(&WORLD.series(fund, window))),
    });
    Model::new(method, variables.into())
}

fn betas_of(model: &FactorModel, symbol: &str, window: &Window) -> InstrumentBetas {
    model.betas(&window.simple_returns(Some(&WORLD.series(symbol, window)))).expect("betas")
}

/// Everything that a book needs.
fn estimates(book: &Book, method: Method) -> Estimates {
    let window = Window::ending(book.horizon.as_of, WINDOW, &WORLD.calendar);
    let model = model(method, &window);
    let histories = WORLD.histories(&window);
    let betas = wanted(&book.lines).into_iter().map(|id| {
        let returns = window.simple_returns(histories.get(&id).map(Arc::as_ref));
        (id, model.betas(&returns).map(Arc::new))
    });
    Estimates { betas: betas.collect(), model: model.facts, found_at: None }
}

fn exposures_of(book: &Book, basis: Basis, deltas: &Deltas) -> Vec<FactorExposure> {
    let estimates = estimates(book, Method::default());
    exposures(&book.lines, book.total_value(), basis, deltas, &estimates)
}

fn market(exposures: &[FactorExposure]) -> &FactorExposure {
    exposures.iter().find(|exposure| exposure.factor == Factor::Market).expect("the market")
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().expect("text")
}

#[test]
fn the_betas_of_real_shares_are_the_reference_s() {
    let is_ours = |case: &&Value| case["return_type"] == "simple" && case["factors"] == "raw";
    let mut seen = 0;
    for case in cases(MULTIVARIATE).iter().filter(is_ours) {
        let returns = case["window"].as_u64().and_then(|n| n.try_into().ok()).expect("a window");
        let window = WORLD.window(text(case, "end_date"), returns);
        let found = betas_of(&model(Method::Ols, &window), text(case, "symbol"), &window);
        for ((_, fund), beta) in FUNDS.iter().zip(&found.betas) {
            assert_figure(beta.estimate.value, &case["expect"]["params"][fund], fund);
            let error = beta.estimate.standard_error.expect("an error");
            assert_figure(error, &case["expect"]["bse"][fund], fund);
        }
        assert_figure(
            found.residual_std.expect("one"),
            &case["expect"]["residual_std"],
            "residual",
        );
        seen += 1;
    }
    assert_eq!(seen, 66);
}

#[test]
fn the_total_betas_of_real_shares_are_the_reference_s() {
    let is_ours = |case: &&Value| case["return_type"] == "simple" && case["window"] == 252;
    let mut seen = 0;
    for case in cases(UNIVARIATE).iter().filter(is_ours) {
        let window = WORLD.window(text(case, "end_date"), 252);
        let found = betas_of(&model(Method::Univariate, &window), text(case, "symbol"), &window);
        let place = FUNDS.iter().position(|(_, fund)| case["factor"] == *fund).expect("a fund");
        let (_, name) = FUNDS[place];
        assert_figure(found.betas[place].estimate.value, &case["expect"]["params"][name], name);
        seen += 1;
    }
    assert_eq!(seen, 60);
}

#[test]
fn a_factor_without_returns_takes_no_part_and_without_the_market_nothing_is_net_of_it() {
    let window = WORLD.window(DAY, WINDOW);
    let with = |missing: Factor| {
        let variables = FUNDS.map(|(name, fund)| Variable {
            name,
            returns: window
                .simple_returns((name != missing).then(|| WORLD.series(fund, &window)).as_ref()),
        });
        Model::new(Method::Orthogonal, variables.into())
    };
    let model = with(Factor::Size);
    assert_eq!(model.facts.names().len(), 5);
    assert_eq!(model.facts.quality(), Quality::Limited);
    assert!(model.facts.absence(Factor::Size).expect("a reason").contains("Size has 0"));
    assert_eq!(model.facts.absence(Factor::Value), None);
    assert_eq!(betas_of(&model, "AAPL", &window).quality, Quality::Limited);

    let model = with(Factor::Market);
    let apple = window.simple_returns(Some(&WORLD.series("AAPL", &window)));
    let Insufficient { reason, .. } = model.betas(&apple).expect_err("no market");
    assert!(reason.contains("Market has 0 complete returns"), "{reason}");
    assert_eq!(model.facts.quality(), Quality::Insufficient);
}

#[test]
fn fifty_nine_returns_are_too_few_for_a_beta() {
    let window = WORLD.window(DAY, WINDOW);
    let model = model(Method::Orthogonal, &window);
    let mut returns = window.simple_returns(Some(&WORLD.series("AAPL", &window)));
    returns.values[..WINDOW - 60].fill(None);
    assert_eq!(model.betas(&returns).expect("sixty").betas[0].observations, 60);
    returns.values[WINDOW - 60] = None;
    let Insufficient { reason, .. } = model.betas(&returns).expect_err("fifty-nine");
    assert!(reason.contains("59 complete returns"), "{reason}");
}

#[test]
fn contributions_add_up_to_the_exposure_exactly() {
    let book = WORLD.book(DAY, 100_000, &[("AAPL", 100), ("JPM", -250), ("KO", 60), ("XOM", 75)]);
    for exposure in exposures_of(&book, Basis::Dollar, &Deltas::new()) {
        let sum: Decimal = exposure.contributions.iter().map(|part| part.dollars).sum();
        if exposure.factor == Factor::Growth {
            assert_eq!((exposure.dollars, exposure.quality), (None, Quality::Insufficient));
            continue;
        }
        assert_eq!(exposure.dollars, Some(sum));
        let beta = exposure.beta.expect("a beta");
        let value: f64 = book.total_value().try_into().expect("a number");
        let dollars: f64 = sum.try_into().expect("a number");
        assert!((beta * value - dollars).abs() < 1e-6 * value, "{exposure:?}");
        assert_eq!(exposure.observations, Some(WINDOW));
        assert!(exposure.standard_error.is_some_and(|error| error > 0.0));
    }
}

#[test]
fn known_defect_15_a_short_offsets_what_a_long_adds() {
    let long = WORLD.book(DAY, 0, &[("AAPL", 100)]);
    let both = WORLD.book(DAY, 100_000, &[("AAPL", 100), ("AAPL", -100)]);
    let dollars = |book| market(&exposures_of(book, Basis::Dollar, &Deltas::new())).dollars;
    assert!(dollars(&long).expect("dollars") > Decimal::ZERO);
    assert_eq!(dollars(&both), Some(Decimal::ZERO));
}

#[test]
fn known_defect_18_a_market_neutral_book_has_the_exposure_of_its_positions() {
    // As much money in each, so that the net exposure is next to nothing.
    let book = WORLD.book(DAY, 1_000_000, &[("AMD", 2_181), ("KO", -2_017)]);
    let net = book.totals().net_exposure();
    assert!(net.abs() < Decimal::from(2_000), "{net}");
    let exposure = exposures_of(&book, Basis::Dollar, &Deltas::new());
    let dollars = market(&exposure).dollars.expect("dollars");
    assert!(dollars > Decimal::from(50_000), "{dollars}");
}

#[test]
fn known_defect_20_a_share_of_the_market_counts_the_market_once() {
    let book = WORLD.book(DAY, 0, &[("SPX", 10)]);
    let net = book.totals().net_exposure();
    for (method, least, most) in [(Method::Orthogonal, 0.99, 1.01), (Method::Univariate, 5.0, 7.0)]
    {
        let estimates = estimates(&book, method);
        let found =
            exposures(&book.lines, book.total_value(), Basis::Dollar, &Deltas::new(), &estimates);
        let sum: Decimal = found.iter().filter_map(|exposure| exposure.dollars).sum();
        let times: f64 = (sum / net).try_into().expect("a number");
        assert!((least..most).contains(&times), "{method:?} {times}");
        let warns = |word: &str| found[0].warnings.iter().any(|warning| warning.contains(word));
        assert_eq!(warns("never add them up"), method == Method::Univariate);
    }
}

#[test]
fn an_option_carries_its_underlying_s_beta_through_delta() {
    let book = WORLD.book(DAY, 100_000, &[("AAPL200619P00073000", 10), ("AAPL", 100)]);
    let put = book.lines.iter().find(|line| line.holding().is_option()).expect("the put");
    let shares = market(&exposures_of(&book, Basis::Dollar, &Deltas::new())).contributions.clone();
    let beta = shares[0].beta;
    assert!(shares.iter().all(|part| part.beta.to_bits() == beta.to_bits()));

    let unknown = exposures_of(&book, Basis::DeltaAdjusted, &Deltas::new());
    assert_eq!(market(&unknown).contributions.len(), 1);
    assert_eq!(market(&unknown).quality, Quality::Limited);
    assert_eq!(market(&unknown).coverage.excluded_positions, 1);
    let said = &market(&unknown).warnings;
    assert!(
        said.iter().any(|warning| warning.contains("No delta of AAPL200619P00073000")),
        "{said:?}"
    );

    let deltas = Deltas::from([(put.position.id, Decimal::from(-30_000))]);
    let known = exposures_of(&book, Basis::DeltaAdjusted, &deltas);
    let of_put = market(&known).contributions.iter().find(|part| part.line.holding().is_option());
    let dollars: f64 = of_put.expect("the put").dollars.try_into().expect("a number");
    assert!((dollars + 30_000.0 * beta).abs() < 1e-6, "{dollars}");
    assert_eq!(market(&known).quality, Quality::Full);
}

#[test]
fn a_book_of_unknown_prices_is_exposed_to_nobody_knows_what() {
    let weekend: NaiveDate = "2013-06-03".parse().expect("a day");
    let book = WORLD.book(&weekend.to_string(), 0, &[("AAPL", 100)]);
    for exposure in exposures_of(&book, Basis::Dollar, &Deltas::new()) {
        assert_eq!((exposure.dollars, exposure.beta), (None, None));
        assert_eq!(exposure.quality, Quality::Insufficient);
        assert!(!exposure.warnings.is_empty());
    }
}

#[test]
fn each_kind_of_reason_is_told_once_the_most_frequent_first() {
    let book = WORLD.book("2019-06-28", 0, &[("AAPL", 1), ("JPM", 1), ("KO", 1), ("XOM", 1)]);
    let excluded = |reasons: &[&str]| {
        let pairs = book.lines.iter().zip(reasons);
        let one = |(line, reason): (&Arc<_>, &&str)| Excluded {
            line: Arc::clone(line),
            reason: (*reason).to_owned(),
        };
        pairs.map(one).collect::<Vec<_>>()
    };
    assert_eq!(left_out(&[], 3), None);
    let same = ["No betas of AAPL: It has 12 returns.", "No betas of JPM: It has 7 returns."];
    let said = "2 of 3 positions are left out: AAPL, JPM. No betas of AAPL: It has 12 returns.";
    assert_eq!(left_out(&excluded(&same), 1).as_deref(), Some(said));
    let mixed = ["No price of AAPL is known.", "No betas of JPM: why.", "No betas of KO: why."];
    let said = "3 of 3 positions are left out: AAPL, JPM, KO. 2: No betas of JPM: why. 1: No price \
                of AAPL is known.";
    assert_eq!(left_out(&excluded(&mixed), 0).as_deref(), Some(said));
    let all = left_out(&excluded(&["One.", "Two.", "Three.", "Four."]), 0).expect("a sentence");
    assert!(
        all.ends_with("and more. 1: One. 1: Two. 1: Three. Others for other reasons."),
        "{all}"
    );
}

#[test]
fn without_a_positive_value_there_are_dollars_and_no_beta() {
    let book = WORLD.book(DAY, -1_000_000, &[("AAPL", 100)]);
    let exposures = exposures_of(&book, Basis::Dollar, &Deltas::new());
    assert!(market(&exposures).dollars.is_some_and(|dollars| dollars > Decimal::ZERO));
    assert_eq!((market(&exposures).beta, market(&exposures).standard_error), (None, None));
}

fn returns_of(values: Vec<Option<f64>>) -> crate::services::window::Returns {
    crate::services::window::Returns { values, quality: Quality::Full }
}

#[test]
fn known_defect_13_a_yield_changes_by_a_difference_whatever_its_level() {
    // Prices lose five times what the yield gains, at 1 % as at 8 %.
    let changes: Vec<_> = (0..100).map(|i| 0.0005 * f64::from(i % 7 - 3)).collect();
    for level in [0.01, 0.04, 0.08] {
        let mut levels = vec![Some(level)];
        let mut last = level;
        for change in &changes {
            last += change;
            levels.push(Some(last));
        }
        let returns = returns_of(changes.iter().map(|change| Some(-5.0 * change)).collect());
        let found = rate_beta(&returns, &levels, Quality::Full).expect("a beta");
        assert!((found.beta + 5.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found.observations, 100);
    }
}

#[test]
fn known_defect_14_without_yields_there_is_no_rate_beta_and_no_zero() {
    let returns = returns_of(vec![Some(0.01); 100]);
    let reason = |levels: &[Option<f64>]| {
        rate_beta(&returns, levels, Quality::Full).expect_err("no yields").reason
    };
    assert!(reason(&[None; 101]).contains("0 sessions"));
    // A yield that stands still says nothing either.
    assert!(reason(&[Some(0.04); 101]).contains("No beta to DGS10"));
}

proptest! {
    #[test]
    fn twice_the_shares_are_twice_the_exposure(quantity in 1..100_000_i64, is_short: bool) {
        let quantity = if is_short { -quantity } else { quantity };
        let [once, twice] = [1, 2].map(|times| {
            let book = WORLD.book(DAY, 0, &[("JPM", quantity * times)]);
            let exposures = exposures_of(&book, Basis::Dollar, &Deltas::new());
            exposures.iter().map(|exposure| exposure.dollars).collect::<Vec<_>>()
        });
        for (once, twice) in once.iter().zip(&twice) {
            let off = once.zip(*twice).map(|(once, twice)| (once * Decimal::TWO - twice).abs());
            prop_assert!(off.is_none_or(|off| off <= Decimal::new(2, 8)));
        }
    }
}
