use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::figures::{Inputs, Reading, of_rule, readings, wanted};
use super::verdict::{Verdict, judge};
use crate::domain::alert::{AlertRule, Metric, Operator, Priority};
use crate::domain::id::{AlertRuleId, PortfolioId, SnapshotId, UserId};
use crate::domain::quality::Quality;
use crate::domain::snapshot::{Figures, Snapshot, SnapshotSource};
use crate::services::testing::{WORLD, day};

fn rule(metric: Metric, operator: Operator, threshold: f64) -> AlertRule {
    AlertRule {
        id: AlertRuleId::fresh(),
        portfolio_id: PortfolioId::fresh(),
        name: "Watch it".into(),
        metric,
        operator,
        threshold,
        key: None,
        priority: Priority::High,
        is_active: true,
        created_at: DateTime::UNIX_EPOCH,
    }
}

fn reading(key: &str, value: Option<f64>) -> Reading {
    Reading { key: key.into(), under: None, value }
}

fn judged(rule: &AlertRule, readings: &[Reading], was: &BTreeSet<String>) -> Verdict {
    judge(rule, readings, was, (day("2026-01-05"), DateTime::UNIX_EPOCH))
}

/// Lets nights pass: whether each tells of something.
fn nights(rule: &AlertRule, values: &[Option<f64>]) -> Vec<bool> {
    let mut breached = BTreeSet::new();
    let night = |value: &Option<f64>| {
        let verdict = judged(rule, &[reading("", *value)], &breached);
        breached.extend(verdict.breached);
        breached.retain(|key| !verdict.cleared.contains(key));
        verdict.alert.is_some()
    };
    values.iter().map(night).collect()
}

#[test]
fn a_rule_is_silent_until_its_figure_has_come_back_by_the_margin() {
    let rule = rule(Metric::GrossExposureRatio, Operator::Above, 2.0);
    let values = [1.5, 2.0, 2.5, 1.95, 2.1, 1.9, 2.0, 1.0, 3.0];
    let told = [false, true, false, false, false, false, true, false, true];
    assert_eq!(nights(&rule, &values.map(Some)), told);
    // What is not known neither fires nor lets it fire again.
    let values = [None, Some(2.1), None, Some(2.1), Some(1.0), None, Some(2.1)];
    assert_eq!(nights(&rule, &values), [false, true, false, false, false, false, true]);
}

#[test]
fn several_that_are_beyond_are_told_together_and_each_once() {
    let rule = rule(Metric::PositionWeight, Operator::Above, 0.2);
    let weights = |all: &[(&str, f64)]| {
        all.iter().map(|(key, weight)| reading(key, Some(*weight))).collect::<Vec<_>>()
    };
    let first = weights(&[("AAPL", 0.25), ("KO", 0.19), ("MSFT", 0.3125), ("XOM", 0.2)]);
    let verdict = judged(&rule, &first, &BTreeSet::new());
    assert_eq!(verdict.breached, ["MSFT", "AAPL", "XOM"], "the furthest first");
    let alert = verdict.alert.expect("an alert");
    assert_eq!(
        (alert.key.as_str(), alert.title.as_str()),
        ("MSFT", "Weight of a position, MSFT: 31.25 %")
    );
    assert_eq!(
        alert.message,
        "Weight of a position, MSFT: 31.25 % at the close of 2026-01-05; the rule \"Watch it\" fires \
         at 20 % or above. So do AAPL, XOM."
    );
    // The same again is nothing new; another one is, and what is gone can come again.
    let was: BTreeSet<_> = verdict.breached.into_iter().collect();
    assert_eq!(judged(&rule, &first, &was), Verdict::default());
    let second = weights(&[("AAPL", 0.25), ("KO", 0.4), ("XOM", 0.195)]);
    let verdict = judged(&rule, &second, &was);
    assert_eq!((verdict.breached, verdict.cleared), (vec!["KO".into()], vec!["MSFT".into()]));
}

proptest! {
    /// Whatever the figures do: it is told at the threshold or beyond, never twice without a clear
    /// one in between, and never after nothing.
    #[test]
    fn between_two_alerts_the_figure_was_clear(
        values in prop::collection::vec(prop::option::of(-3.0_f64..3.0), 0..40),
        threshold in -2.0_f64..2.0,
        operator in prop::sample::select(vec![Operator::Above, Operator::Below]),
    ) {
        let rule = rule(Metric::MarketBeta, operator, threshold);
        let mut is_clear = true;
        for (told, value) in nights(&rule, &values).into_iter().zip(&values) {
            let is_breached = value.is_some_and(|value| rule.is_breached(value));
            prop_assert_eq!(told, is_clear && is_breached);
            is_clear = (is_clear && !told) || value.is_some_and(|value| rule.is_clear(value));
        }
    }
}

const DAY: &str = "2019-06-28";

fn found(metric: Metric, cash: i64, holdings: &[(&str, i64)], inputs: &Inputs<'_>) -> Vec<Reading> {
    let book = WORLD.book(DAY, cash, holdings);
    readings(metric, &book, inputs, &WORLD.calendar)
}

#[test]
fn what_is_named_and_gone_weighs_nothing_and_of_nothing_no_share_is_known() {
    let held = [("AAPL", 100), ("KO", -100)];
    let all = found(Metric::PositionWeight, 0, &held, &Inputs::default());
    let sum: f64 = all.iter().filter_map(|one| one.value).sum();
    assert!((sum - 1.0).abs() < 1e-12 && all.len() == 2, "{all:?}");
    let named = |key: &str, metric| AlertRule {
        key: Some(key.into()),
        ..rule(metric, Operator::Above, 0.1)
    };
    let gone = of_rule(&named("XOM", Metric::PositionWeight), &all);
    assert_eq!(gone, [reading("XOM", Some(0.0))]);
    assert_eq!(of_rule(&named("KO", Metric::PositionWeight), &all).len(), 1);
    assert_eq!(of_rule(&named("Value", Metric::FactorBeta), &[]), []);

    let empty = found(Metric::GrossExposureRatio, 0, &[], &Inputs::default());
    assert_eq!(empty, [reading("", None)], "of nothing there is no share");
}

#[test]
fn each_option_that_lives_has_its_days_and_its_underlying() {
    let held = [("AAPL", 100), ("AAPL190705C00200000", 1), ("JPM190920P00100000", -1)];
    let all = found(Metric::OptionExpiryDays, 0, &held, &Inputs::default());
    let days: HashMap<_, _> = all.iter().map(|one| (one.key.as_str(), one.value)).collect();
    assert_eq!(
        days,
        HashMap::from([("AAPL190705C00200000", Some(7.0)), ("JPM190920P00100000", Some(84.0))])
    );
    let of_jpm = AlertRule {
        key: Some("JPM".into()),
        ..rule(Metric::OptionExpiryDays, Operator::Below, 84.0)
    };
    let own = of_rule(&of_jpm, &all);
    assert_eq!(own.len(), 1);
    assert!(of_jpm.is_breached(own[0].value.expect("days")));
}

fn snapshot(date: NaiveDate, daily_return: Option<f64>) -> Snapshot {
    Snapshot {
        owner_id: UserId::fresh(),
        portfolio_id: PortfolioId::fresh(),
        id: SnapshotId::fresh(),
        date,
        figures: Figures {
            total_value: Decimal::ONE,
            cash_balance: Decimal::ZERO,
            long_exposure: Decimal::ONE,
            short_exposure: Decimal::ZERO,
            notional: Decimal::ONE,
            delta_adjusted_net: Decimal::ONE,
            net_flow: Decimal::ZERO,
            daily_pnl: None,
            cumulative_pnl: Decimal::ZERO,
            daily_return,
            greeks: None,
            long_count: 1,
            short_count: 0,
            position_count: 1,
            option_count: 0,
            quality: Quality::Full,
        },
        source: SnapshotSource::Batch,
        created_at: DateTime::UNIX_EPOCH,
    }
}

#[test]
fn a_drawdown_is_the_fall_since_the_peak_of_what_the_snapshots_returned() {
    // Monday to Friday.
    let week = ["2019-06-24", "2019-06-25", "2019-06-26", "2019-06-27", DAY].map(day);
    let of = |returns: &[(usize, Option<f64>)]| {
        let snapshots: Vec<_> = returns.iter().map(|(at, of)| snapshot(week[*at], *of)).collect();
        let inputs = Inputs { snapshots: &snapshots, ..Inputs::default() };
        let one = |metric| found(metric, 1_000, &[("AAPL", 1)], &inputs)[0].value;
        (one(Metric::Drawdown), one(Metric::DailyPnlRatio))
    };
    // 1.25 is the peak; 1.25 × 0.8 × 0.5 is 0.5.
    let fall = [(0, None), (1, Some(0.25)), (2, Some(0.0)), (3, Some(-0.2)), (4, Some(-0.5))];
    let (drawdown, daily) = of(&fall);
    assert!((drawdown.expect("known") - 0.6).abs() < 1e-12);
    assert_eq!(daily, Some(-0.5));
    assert_eq!(of(&[(3, Some(0.1)), (4, Some(0.1))]), (Some(0.0), Some(0.1)), "a new high");
    assert_eq!(of(&fall[..4]), (None, None), "the session has no snapshot");
    assert_eq!(of(&[fall[1], fall[2], fall[4]]).0, None, "a session has none");
    assert_eq!(of(&[fall[1], (2, None), fall[3], fall[4]]).0, None, "a session has no return");
}

#[test]
fn only_what_rules_need_is_read() {
    let cheap = [Metric::GrossExposureRatio, Metric::SectorWeight, Metric::OptionExpiryDays];
    assert_eq!(wanted(cheap), wanted([]));
    let all = wanted(Metric::ALL);
    assert!(all.greeks && all.histories && all.desk && all.scenarios && all.snapshots);
}
