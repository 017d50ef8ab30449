use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).expect("a day of January")
}

fn bars(closes: &[f64]) -> Vec<Bar> {
    (1..).zip(closes).map(|(date, close)| Bar { date: day(date), close: *close }).collect()
}

fn split(on: u32, ratio: f64) -> Action {
    Action { ex_date: day(on), kind: ActionKind::Split { ratio } }
}

fn dividend(on: u32, amount: f64) -> Action {
    Action { ex_date: day(on), kind: ActionKind::Dividend { amount } }
}

fn closes(bars: &[Bar], actions: &[Action]) -> Vec<f64> {
    adjusted(bars, actions).expect("adjusted").iter().map(|bar| bar.close).collect()
}

#[test]
fn a_split_takes_its_jump_out_of_all_earlier_closes() {
    assert_eq!(closes(&bars(&[400.0, 404.0, 101.0]), &[split(3, 4.0)]), [100.0, 101.0, 101.0]);
    assert_eq!(closes(&bars(&[1.0, 10.0]), &[split(2, 0.1)]), [10.0, 10.0]);
}

#[test]
fn a_dividend_lowers_earlier_closes_by_its_share_of_the_last_one() {
    assert_eq!(closes(&bars(&[50.0, 100.0, 99.0]), &[dividend(3, 1.0)]), [49.5, 99.0, 99.0]);
}

#[test]
fn a_dividend_on_the_day_of_a_split_is_per_new_share() {
    let bars = bars(&[400.0, 99.0]);
    for actions in [[split(2, 4.0), dividend(2, 1.0)], [dividend(2, 1.0), split(2, 4.0)]] {
        assert_eq!(closes(&bars, &actions), [99.0, 99.0]);
    }
}

#[test]
fn two_dividends_of_one_day_are_one() {
    let bars = bars(&[100.0, 98.0]);
    let twice = closes(&bars, &[dividend(2, 1.0), dividend(2, 1.0)]);
    assert_eq!(twice, closes(&bars, &[dividend(2, 2.0)]));
}

#[test]
fn actions_outside_of_the_bars_change_nothing() {
    let bars = bars(&[10.0, 11.0]);
    assert_eq!(closes(&bars, &[split(1, 2.0), dividend(1, 3.0), split(9, 2.0)]), [10.0, 11.0]);
    assert_eq!(closes(&[], &[split(1, 2.0)]), Vec::<f64>::new());
    assert_eq!(closes(&bars, &[dividend(2, 0.0)]), [10.0, 11.0]);
}

#[test]
fn an_action_on_a_day_without_a_bar_counts_from_the_next_one() {
    let mut bars = bars(&[20.0, 0.5, 10.0]);
    bars.remove(1);
    assert_eq!(closes(&bars, &[split(2, 2.0)]), [10.0, 10.0]);
}

#[test]
fn bars_and_actions_that_make_no_sense_are_errors() {
    let fine = bars(&[10.0, 11.0]);
    let mut backward = fine.clone();
    backward.reverse();
    assert_eq!(adjusted(&backward, &[]), Err(Error::OutOfRange("date of a bar")));
    assert_eq!(adjusted(&bars(&[0.0]), &[]), Err(Error::OutOfRange("close")));
    assert_eq!(adjusted(&bars(&[f64::NAN]), &[]), Err(Error::NotFinite));
    assert_eq!(adjusted(&fine, &[split(2, 0.0)]), Err(Error::OutOfRange("ratio of a split")));
    assert_eq!(adjusted(&fine, &[split(2, f64::INFINITY)]), Err(Error::NotFinite));
    assert_eq!(adjusted(&fine, &[dividend(2, -1.0)]), Err(Error::OutOfRange("dividend")));
    assert_eq!(adjusted(&fine, &[dividend(2, 10.0)]), Err(Error::OutOfRange("dividend")));
    assert_eq!(adjusted(&fine, &[split(2, 1e-300), split(2, 1e-300)]), Err(Error::NotFinite));
}

#[test]
fn sessions_without_a_bar_stay_empty_and_other_days_are_passed_over() {
    let mut bars = bars(&[1.0, 2.0, 3.0, 4.0]);
    bars.remove(1);
    let sessions = [day(2), day(3), day(5)];
    assert_eq!(align(&sessions, &bars), [None, Some(3.0), None]);
    assert_eq!(align(&[], &bars), []);
    assert_eq!(align(&sessions, &[]), [None; 3]);
}

#[test]
fn a_missing_price_takes_two_returns_with_it() {
    let prices = [Some(10.0), Some(11.0), None, Some(12.0), Some(6.0)];
    let simple = simple_returns(&prices);
    assert_relative_eq!(simple[0].expect("two prices"), 0.1, max_relative = 1e-14);
    assert_eq!(simple[1..], [None, None, Some(-0.5)]);
    assert_eq!(log_returns(&prices)[3], Some(0.5_f64.ln()));
}

#[test]
fn a_price_that_is_none_makes_no_return() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let prices = [Some(1.0), Some(bad), Some(1.0)];
        assert_eq!(simple_returns(&prices), [None, None]);
        assert_eq!(log_returns(&prices), [None, None]);
    }
    assert_eq!(log_returns(&[Some(1e-300), Some(1e300)]), [None]);
    assert_eq!(simple_returns(&[Some(1.0)]), []);
    assert_eq!(simple_returns(&[]), []);
}

#[test]
fn complete_rows_are_those_that_all_series_have() {
    let series = [vec![Some(1.0), None, Some(3.0), Some(4.0)], vec![None, Some(2.0), Some(3.0)]];
    let rows = complete_rows(&series);
    assert_eq!(rows, [2]);
    assert_eq!(at_rows(&series[0], &rows), Some(vec![3.0]));
    assert_eq!(at_rows(&series[0], &[1]), None);
    assert_eq!(at_rows(&series[0], &[9]), None);
    assert_eq!(complete_rows::<Vec<Option<f64>>>(&[]), Vec::<usize>::new());
}

proptest! {
    #[test]
    fn the_adjusted_return_of_an_ex_date_is_the_holders_over_the_factor(
        before in 1.0..500.0_f64,
        after in 1.0..500.0_f64,
        ratio in 0.1..10.0_f64,
        share in 0.0..0.2_f64,
    ) {
        let cash = share * before / ratio;
        let bars = bars(&[before, after]);
        let closes = closes(&bars, &[split(2, ratio), dividend(2, cash)]);
        let holder = ratio * (after + cash) / before - 1.0;
        let adjusted = closes[1] / closes[0] - 1.0;
        prop_assert!((adjusted - holder / (1.0 - share)).abs() < 1e-12 * adjusted.max(1.0));
    }

    #[test]
    fn log_returns_are_the_logarithms_of_simple_ones(
        prices in prop::collection::vec(prop::option::of(0.01..1e4_f64), 0..20),
    ) {
        for (simple, log) in simple_returns(&prices).into_iter().zip(log_returns(&prices)) {
            prop_assert_eq!(simple.is_some(), log.is_some());
            if let (Some(simple), Some(log)) = (simple, log) {
                prop_assert!((simple.ln_1p() - log).abs() < 1e-9);
            }
        }
    }
}
