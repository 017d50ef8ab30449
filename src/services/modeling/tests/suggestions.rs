use proptest::prelude::*;
use rust_decimal::prelude::ToPrimitive;

use super::*;
use crate::domain::instrument::Instrument;
use crate::services::correlation::concentration;
use crate::services::factors::{self, Basis};
use crate::services::valuation::leverage;

const NAMES: [&str; 12] =
    ["AAPL", "AMD", "BAC", "CVX", "HD", "JNJ", "JPM", "KO", "MSFT", "PG", "UNH", "XOM"];
const OPTIONS: [&str; 4] =
    ["AAPL190920C00050000", "AAPL190920P00050000", "JPM190920P00100000", "AMD190920C00032500"];
const GOALS: [Goal; 4] = [
    Goal::NeutralizeMarketBeta,
    Goal::NeutralizeDelta,
    Goal::ReduceConcentration,
    Goal::ReduceGross,
];

/// The index of these prices, for the fund that is made of it.
fn hedge() -> Hedge {
    let instrument = Instrument { id: WORLD.id("SPX"), ..Instrument::unknown("SPX".into()) };
    let price = WORLD.quote("SPX", day(DAY)).expect("a price").price;
    Hedge { instrument: Arc::new(instrument), price }
}

/// The figure of a goal, as the portfolio's own fields have it.
fn measured(goal: Goal, book: &Book) -> Option<f64> {
    let (greeks, value) = (greeks(book), book.total_value());
    match goal {
        Goal::NeutralizeMarketBeta => {
            let (basis, deltas) = (Basis::DeltaAdjusted, greeks.deltas());
            factors::exposures(&book.lines, value, basis, &deltas, &ESTIMATES)[0].beta
        }
        Goal::NeutralizeDelta => (greeks.sums(&book.lines).delta_dollars / value).to_f64(),
        Goal::ReduceConcentration => Some(concentration(&book.lines).instruments.first()?.weight),
        Goal::ReduceGross => leverage(book.totals(), book),
    }
}

fn planned(goal: Goal, target: Option<f64>, book: &Book) -> Plan {
    let (greeks, hedge) = (greeks(book), hedge());
    let sums = Sums { greeks: &greeks, estimates: &ESTIMATES, hedge: Some(&hedge) };
    plan(goal, target, book, &sums)
}

/// The book with the trades of a plan, which must all be possible.
fn followed(plan: &Plan, book: &Book) -> Book {
    let trades: Vec<_> = plan
        .trades
        .iter()
        .map(|one| Trade { price: one.price, ..trade(&one.symbol, one.action, one.quantity) })
        .collect();
    let (after, shortfalls) = tried(book, &trades);
    assert_eq!(shortfalls, [], "{plan:?}");
    after
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_suggestion_that_is_followed_brings_the_book_where_it_says(
        shares in proptest::collection::vec(-400_i64..2_000, NAMES.len()),
        contracts in proptest::collection::vec(-40_i64..40, OPTIONS.len()),
        hedged in -30_i64..30,
        cash in 0_i64..4_000_000,
    ) {
        let held: Vec<_> = NAMES
            .into_iter()
            .zip(shares)
            .chain(OPTIONS.into_iter().zip(contracts))
            .chain([("SPX", hedged)])
            .filter(|(_, quantity)| *quantity != 0)
            .collect();
        let book = WORLD.book(DAY, cash, &held);
        prop_assume!(book.total_value() > Decimal::from(100_000));
        for goal in GOALS {
            let plan = planned(goal, None, &book);
            let before = measured(goal, &book).expect("a figure");
            prop_assert!((plan.before.expect("a figure") - before).abs() < 1e-12);
            let reduces = matches!(goal, Goal::ReduceConcentration | Goal::ReduceGross);
            let off = if reduces { before - plan.target } else { (before - plan.target).abs() };
            prop_assert_eq!(plan.trades.is_empty(), off <= plan.tolerance + 1e-9, "{:?}", &plan);
            prop_assert_eq!(plan.trades.is_empty(), plan.reason.is_some());
            if plan.trades.is_empty() {
                continue;
            }
            prop_assert!(plan.trades.iter().all(|one| one.quantity.fract().is_zero()));
            let after = measured(goal, &followed(&plan, &book)).expect("a figure");
            let off = after - plan.target;
            prop_assert!(off <= plan.tolerance + 1e-9, "{after}: {:?}", plan);
            prop_assert!(goal == Goal::ReduceConcentration || -off <= plan.tolerance + 1e-9);
            prop_assert!((plan.after.expect("a figure") - after).abs() < 1e-9, "{after} {plan:?}");
            prop_assert!(plan.tolerance < 0.05, "a band that says something");
        }
    }
}

#[test]
fn a_target_that_is_named_is_the_one_that_is_reached() {
    let book = WORLD.book(DAY, 500_000, &[("AAPL", 9_000), ("KO", 9_000), ("JPM", -2_000)]);
    for (goal, target) in [
        (Goal::NeutralizeMarketBeta, 0.5),
        (Goal::NeutralizeDelta, -0.25),
        (Goal::ReduceConcentration, 0.4),
        (Goal::ReduceGross, 0.3),
    ] {
        let plan = planned(goal, Some(target), &book);
        let after = measured(goal, &followed(&plan, &book)).expect("a figure");
        assert!(after <= target + plan.tolerance + 1e-9, "{goal:?}: {after}");
        assert!(after >= target - plan.tolerance - 0.01, "{goal:?}: {after}");
    }
}

#[test]
fn what_cannot_be_reached_says_why() {
    let two = WORLD.book(DAY, 0, &[("AAPL", 100), ("KO", 10)]);
    let unspread = planned(Goal::ReduceConcentration, Some(0.3), &two);
    assert!(unspread.trades.is_empty());
    assert!(
        unspread.reason.as_deref().is_some_and(|reason| reason.contains("sales alone")),
        "{unspread:?}"
    );

    let owing = WORLD.book(DAY, -100_000, &[("AAPL", 100)]);
    for goal in [Goal::NeutralizeMarketBeta, Goal::NeutralizeDelta, Goal::ReduceGross] {
        let plan = planned(goal, None, &owing);
        assert!(plan.trades.is_empty() && plan.reason.is_some(), "{plan:?}");
    }
    let greeks = greeks(&two);
    let sums = Sums { greeks: &greeks, estimates: &ESTIMATES, hedge: None };
    let unhedged = plan(Goal::NeutralizeDelta, None, &two, &sums);
    assert!(unhedged.reason.is_some_and(|reason| reason.contains("SPY")));
    let neutral = WORLD.book(DAY, 100_000, &[]);
    let there = planned(Goal::NeutralizeDelta, None, &neutral);
    assert!(there.reason.is_some_and(|reason| reason.contains("a share of SPX")), "its own fund");
}

#[test]
fn what_is_held_is_closed_before_anything_is_opened() {
    let book = WORLD.book(DAY, 100_000, &[("AAPL", 1_000), ("SPX", 50)]);
    let plan = planned(Goal::NeutralizeMarketBeta, None, &book);
    assert_eq!(plan.trades.len(), 1);
    assert_eq!(plan.trades[0].action, Action::SellShort, "more than the 50 that are held");
    let long = WORLD.book(DAY, 1_000_000, &[("KO", -1_000), ("SPX", 50)]);
    let plan = planned(Goal::NeutralizeMarketBeta, None, &long);
    assert_eq!(plan.trades[0].action, Action::Sell);
    let short = WORLD.book(DAY, 1_000_000, &[("SPX", -50)]);
    let plan = planned(Goal::NeutralizeMarketBeta, None, &short);
    assert_eq!(plan.trades[0].action, Action::BuyToCover);
    assert_eq!(plan.trades[0].quantity, Decimal::from(50));
}
