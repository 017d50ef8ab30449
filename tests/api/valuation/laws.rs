//! What holds for every book.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{HEADER, known, list, number};
use crate::support::App;

/// An hour after the close of the session that the prices are of.
const NOW: &str = "2024-06-28T21:00:00Z";

const MONEY: &str = "
    query($id: ID!) {
        portfolio(id: $id) {
            valuation {
                totalValue marketValue costBasis unrealizedPnl realizedPnl dailyPnl mtdPnl ytdPnl
            }
            exposures { ...Sums }
            byType: positionGroups(by: TYPE) { ...Group }
            byTag: positionGroups(by: TAG) { ...Group }
            positions(first: 500) {
                nodes {
                    valuation {
                        marketValue exposure notional deltaAdjustedExposure costBasis
                        unrealizedPnl dailyPnl
                    }
                }
            }
        }
    }
    fragment Group on PositionGroup {
        positionCount marketValue unrealizedPnl dailyPnl exposures { ...Sums }
    }
    fragment Sums on Exposures {
        grossExposure netExposure longExposure shortExposure optionsExposure stockExposure notional
        deltaAdjustedNet deltaAdjustedGross deltaAdjustedLong deltaAdjustedShort
    }";

/// A position of a random book. Numbers are in ten-thousandths.
#[derive(Clone, Debug)]
struct Held {
    kind: Kind,
    quantity: i64,
    entry: i64,
    /// Closes of the two last sessions, each of which may be missing.
    closes: [Option<i64>; 2],
    tags: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Share,
    Call,
    Put,
}

fn held() -> impl Strategy<Value = Held> {
    let kind = prop_oneof![3 => Just(Kind::Share), 1 => Just(Kind::Call), 1 => Just(Kind::Put)];
    let quantity = prop_oneof![1_i64..1_000_000_000, -1_000_000_000_i64..-1];
    let price = 1_i64..100_000_000;
    let close = || prop::option::weighted(0.8, price.clone());
    (kind, quantity, price.clone(), [close(), close()], 0..4_usize).prop_map(
        |(kind, quantity, entry, closes, tags)| Held { kind, quantity, entry, closes, tags },
    )
}

fn ten_thousandths(number: i64) -> Decimal {
    Decimal::new(number, 4)
}

/// The file of a book whose quantities are so many times as large.
fn file(book: &[Held], times: i64) -> String {
    let mut csv = HEADER.to_owned() + "\n";
    for (n, held) in book.iter().enumerate() {
        let (quantity, entry) =
            (ten_thousandths(held.quantity * times), ten_thousandths(held.entry));
        let tags = ["", "core", "\"core,hedge\"", "income"][held.tags];
        writeln!(csv, "{},{quantity},{entry},2024-06-03,{tags}", symbol(n, held)).expect("writes");
    }
    csv
}

fn symbol(n: usize, held: &Held) -> String {
    match held.kind {
        Kind::Share => format!("S{n}"),
        Kind::Call => format!("U{n}X241220C00100000"),
        Kind::Put => format!("U{n}X241220P00100000"),
    }
}

/// Prices of all that is held, and of the underlyings of options.
fn prices(book: &[Held]) -> String {
    let mut csv = "symbol,date,close\n".to_owned();
    for (n, held) in book.iter().enumerate() {
        for (date, close) in ["2024-06-27", "2024-06-28"].into_iter().zip(held.closes) {
            if let Some(close) = close {
                let symbol = symbol(n, held);
                writeln!(csv, "{symbol},{date},{}", ten_thousandths(close)).expect("writes");
            }
        }
        if !matches!(held.kind, Kind::Share) {
            writeln!(csv, "U{n}X,2024-06-28,{}", n + 1).expect("writes");
        }
    }
    csv
}

/// Every amount of money in an answer, by its place there; what is unknown has none.
fn amounts(place: &str, value: &Value, found: &mut BTreeMap<String, Option<Decimal>>) {
    match value {
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, field)| amounts(&format!("{place}.{name}"), field, found));
        }
        Value::Array(entries) => {
            let numbered = entries.iter().enumerate();
            numbered.for_each(|(n, entry)| amounts(&format!("{place}[{n}]"), entry, found));
        }
        Value::String(_) | Value::Null => {
            found.insert(place.to_owned(), known(value));
        }
        Value::Number(_) | Value::Bool(_) => {}
    }
}

async fn values(book: &[Held]) -> (Value, Value) {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    app.knows_prices(&(prices(book) + "SPY,2024-06-28,545\n")).await;
    let id = ada.creates_portfolio("Random").await;
    let replace = json!({ "mode": "REPLACE" });
    let mut seen = Vec::new();
    for times in [1, 2] {
        let said = ada.uploads_with(&id, file(book, times), replace.clone()).await;
        assert_eq!(said["createdCount"], book.len(), "{said}");
        seen.push(ada.reads(MONEY, json!({ "id": id })).await["portfolio"].take());
    }
    let twice = seen.pop().expect("two answers");
    (seen.pop().expect("two answers"), twice)
}

fn sum(list: &[Value], of: impl Fn(&Value) -> Option<Decimal>) -> Decimal {
    list.iter().filter_map(of).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_whole_is_its_parts_and_twice_as_much_is_worth_twice(
        book in prop::collection::vec(held(), 1..25),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (once, twice) = runtime.block_on(values(&book));

        let positions = list(&once["positions"]["nodes"]);
        let exposures = &once["exposures"];
        let exposure = |position: &Value| known(&position["valuation"]["exposure"]);
        prop_assert_eq!(number(&exposures["netExposure"]), sum(positions, exposure));
        let size = |position: &Value| exposure(position).map(|exposure| exposure.abs());
        prop_assert_eq!(number(&exposures["grossExposure"]), sum(positions, size));
        for name in ["marketValue", "costBasis", "unrealizedPnl", "dailyPnl"] {
            let parts = sum(positions, |position| known(&position["valuation"][name]));
            let whole = known(&once["valuation"][name]).unwrap_or_default();
            prop_assert_eq!(whole, parts, "{}", name);
        }
        prop_assert_eq!(&once["valuation"]["totalValue"], &exposures["netExposure"]);

        let groups = list(&once["byType"]);
        for (name, whole) in exposures.as_object().expect("sums") {
            let parts = sum(groups, |group| known(&group["exposures"][name]));
            prop_assert_eq!(number(whole), parts, "{} by type", name);
        }
        for name in ["marketValue", "unrealizedPnl", "dailyPnl"] {
            let parts = sum(groups, |group| known(&group[name]));
            let whole = known(&once["valuation"][name]).unwrap_or_default();
            prop_assert_eq!(whole, parts, "{} by type", name);
        }
        let count: u64 = groups.iter().filter_map(|group| group["positionCount"].as_u64()).sum();
        prop_assert_eq!(count, book.len() as u64);

        let (mut single, mut double) = (BTreeMap::new(), BTreeMap::new());
        amounts("", &once, &mut single);
        amounts("", &twice, &mut double);
        let doubled: BTreeMap<_, _> = single
            .into_iter()
            .map(|(place, amount)| (place, amount.map(|amount| amount * Decimal::TWO)))
            .collect();
        prop_assert_eq!(double, doubled);
    }
}
