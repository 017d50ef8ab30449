use std::collections::HashSet;

use proptest::prelude::*;

use super::{Suggestion, suggestions};
use crate::services::testing::WORLD;
use crate::services::valuation::Book;

const DAY: &str = "2019-06-28";

fn told(book: &Book) -> Vec<(String, String)> {
    let found = suggestions(book, &[]);
    found.into_iter().map(|one| (one.tag, one.reason)).collect()
}

fn option(month: u32, kind: char, strike: u32) -> String {
    format!("AAPL19{month:02}20{kind}{:08}", strike * 1000)
}

fn book(holdings: &[(String, i64)]) -> Book {
    let holdings: Vec<_> = holdings.iter().map(|(symbol, many)| (symbol.as_str(), *many)).collect();
    WORLD.book(DAY, 0, &holdings)
}

#[test]
fn legs_are_in_the_trade_that_needs_the_most_of_them() {
    let (put, call) = (|strike| option(9, 'P', strike), |strike| option(9, 'C', strike));
    let cases = [
        (
            vec![(put(80), 1), (put(90), -1), (call(110), -1), (call(120), 1)],
            vec![("#strategy:aapl-iron-condor-2019-09-20", "Short iron condor on AAPL")],
        ),
        (
            vec![(call(100), 2), (call(110), -2)],
            vec![("#strategy:aapl-vertical-2019-09-20", "Bull call vertical on AAPL")],
        ),
        (
            vec![(call(80), 1), (call(90), -1), (call(110), -1), (call(120), 1)],
            vec![("#strategy:aapl-condor-2019-09-20", "Long call condor")],
        ),
        (
            vec![(put(80), 1), (put(90), -1), (put(60), 1), (put(70), -1)],
            vec![
                ("#strategy:aapl-vertical-2019-09-20", "Bull put vertical on AAPL: strike 60/70"),
                ("#strategy:aapl-vertical-2019-09-20-2", "Bull put vertical on AAPL: strike 80/90"),
            ],
        ),
        (
            vec![("AAPL".into(), 100), (put(90), 1), (call(110), -1)],
            vec![("#strategy:aapl-collar-2019-09-20", "Collar")],
        ),
        (
            vec![("AAPL".into(), 150), (call(110), -1)],
            vec![("#strategy:aapl-covered-call-2019-09-20", "Covered call")],
        ),
        (vec![("AAPL".into(), 99), (call(110), -1)], vec![]),
        (
            vec![(put(100), 1), (call(100), 1), (put(90), 1), (call(120), 1)],
            vec![
                ("#strategy:aapl-straddle-2019-09-20", "Long straddle"),
                ("#strategy:aapl-strangle-2019-09-20", "Long strangle on AAPL: strike 90/120"),
            ],
        ),
        (vec![(put(100), 1), (option(10, 'C', 100), 1)], vec![]),
    ];
    for (holdings, expected) in cases {
        let found = told(&book(&holdings));
        assert_eq!(found.len(), expected.len(), "{holdings:?}: {found:?}");
        for ((tag, reason), (name, beginning)) in found.iter().zip(expected) {
            assert_eq!(tag, name);
            assert!(reason.starts_with(beginning), "{reason}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is held: no leg is in two trades, each is recognized as what it is suggested as,
    /// names are apart, and the order of entry does not matter.
    #[test]
    fn a_leg_is_in_one_trade_at_most(
        legs in proptest::collection::vec((8_u32..10, any::<bool>(), 8_u32..13, -2_i64..3), 0..24),
        shares in -300_i64..300,
    ) {
        let mut contracts = HashSet::new();
        let mut holdings: Vec<_> = legs
            .into_iter()
            .filter(|(.., quantity)| *quantity != 0)
            .map(|(month, is_call, strike, quantity)| {
                (option(month, if is_call { 'C' } else { 'P' }, strike * 10), quantity)
            })
            .filter(|(symbol, _)| contracts.insert(symbol.clone()))
            .collect();
        if shares != 0 {
            holdings.push(("AAPL".into(), shares));
        }
        let found = suggestions(&book(&holdings), &[]);
        let mut seen = HashSet::new();
        let mut names = HashSet::new();
        for Suggestion { tag, lines, confidence, .. } in &found {
            prop_assert!(names.insert(tag.clone()));
            prop_assert!(tag.chars().count() <= 50);
            prop_assert!((0.0..=1.0).contains(confidence));
            for line in lines {
                prop_assert!(seen.insert(line.position.id), "{tag}");
            }
        }
        let reasons = |found: Vec<Suggestion>| {
            let mut all: Vec<_> = found.into_iter().map(|one| one.reason).collect();
            all.sort();
            all
        };
        holdings.reverse();
        let turned = suggestions(&book(&holdings), &[]);
        prop_assert_eq!(reasons(found), reasons(turned));
    }
}
