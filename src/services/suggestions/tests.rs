use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::DateTime;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::{Suggestion, suggestions};
use crate::domain::calendar::Calendar;
use crate::domain::id::PositionId;
use crate::domain::instrument::Instrument;
use crate::domain::position::{Position, PositionType};
use crate::domain::price::{Horizon, PriceSource, Quote};
use crate::services::testing::{WORLD, day};
use crate::services::valuation::{Book, Quotes, Splits, carried};

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

/// A book of stocks: symbol, industry, value, below zero for what is owed; all of one sector.
fn stocks(holdings: &[(&str, Option<&str>, i64)]) -> Book {
    let calendar = Calendar::default();
    let horizon = Horizon::of(day(DAY), day(DAY), &calendar);
    let empty = WORLD.book(DAY, 0, &[]);
    let mut quotes = Quotes::new();
    let position = |(symbol, industry, value): &(&str, Option<&str>, i64)| {
        let instrument = Instrument {
            sector: Some("Energy".into()),
            industry: industry.map(str::to_owned),
            ..Instrument::unknown((*symbol).into())
        };
        quotes.insert(
            (instrument.id, horizon.as_of),
            Quote {
                price: Decimal::ONE,
                date: horizon.as_of,
                source: PriceSource::Import,
                volume: None,
                previous: None,
                month_base: None,
                year_base: None,
            },
        );
        Arc::new(Position {
            id: PositionId::fresh(),
            portfolio_id: empty.portfolio.id,
            instrument: Arc::new(instrument),
            position_type: PositionType::of(None, *value > 0),
            quantity: value.abs().into(),
            entry_price: Decimal::ONE,
            entry_date: horizon.previous,
            exit_price: None,
            exit_date: None,
            notes: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        })
    };
    let positions: Vec<_> = holdings.iter().map(position).collect();
    let held = carried(&positions, &Splits::new(HashMap::new()), horizon);
    let (portfolio, tags) = (Arc::clone(&empty.portfolio), HashMap::new());
    Book::assemble(portfolio, held, &tags, &quotes, horizon, &calendar, DateTime::UNIX_EPOCH)
}

#[test]
fn stocks_are_paired_by_industry_and_value_and_sectors_are_named() {
    let (oil, coal) = (Some("Oil"), Some("Coal"));
    let book = stocks(&[
        ("XOM", oil, 100),
        ("CVX", oil, -80),
        ("COP", oil, 30),
        ("OXY", oil, -70), // more than twice COP
        ("BTU", coal, 50),
        ("ARCH", None, -50), // of the sector alone
    ]);
    let found = suggestions(&book, &[]);
    let names: Vec<_> = found.iter().map(|one| one.tag.as_str()).collect();
    assert_eq!(names, ["#strategy:xom-cvx-pairs-trade", "Energy"]);
    assert_eq!(found[0].reason, "Pairs trade: XOM owned against CVX owed.");
    assert!((found[0].confidence - (0.4 + 0.2 * 0.8)).abs() < 1e-12);
    assert_eq!(found[1].reason, "6 positions of the sector Energy carry no tag.");
    assert_eq!(found[1].lines.len(), 6);
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
