//! Worked books, with figures that are exact to the last digit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{day, known, list, number, text};
use crate::support::App;

const CASES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/analytics/tests/fixtures/portfolio_aggregation.json");
/// An hour after the close of the session that the prices are of.
/// No contract of the worked books has run out by then.
const NOW: &str = "2024-01-12T21:30:00Z";
const SESSION: &str = "2024-01-12";
const FIRST_ENTRY: &str = "2023-01-02";

const BOOK: &str = "
    query($id: ID!) {
        portfolio(id: $id) {
            valuation {
                totalValue marketValue costBasis unrealizedPnl positionCount
                provenance { coverage { excludedPositions } }
            }
            exposures {
                ...Sums stockExposure optionsExposure longCount shortCount positionCount
                countsByType { type count }
                excluded { position { entryDate } }
            }
            positions(first: 500) {
                nodes {
                    entryDate type
                    valuation {
                        marketValue exposure notional unrealizedPnl deltaAdjustedExposure weight
                    }
                    greeks { source deltaDollars }
                }
            }
            byUnderlying: positionGroups(by: UNDERLYING) { ...Group }
            byTag: positionGroups(by: TAG) { ...Group }
        }
    }
    fragment Group on PositionGroup { key positionCount unrealizedPnl exposures { ...Sums } }
    fragment Sums on Exposures {
        longExposure shortExposure grossExposure netExposure notional
        deltaAdjustedNet deltaAdjustedGross deltaAdjustedLong deltaAdjustedShort
    }";

const FILTERED: &str = "
    query($id: ID!, $filter: PositionFilter!) {
        portfolio(id: $id) {
            exposures(filter: $filter) {
                longExposure shortExposure grossExposure netExposure notional positionCount
            }
            positions(first: 500, filter: $filter) {
                nodes { entryDate valuation { unrealizedPnl } }
            }
        }
    }";

/// Names of a sum: in the worked books, and in the graph.
const SUMS: [(&str, &str); 5] = [
    ("long_exposure", "longExposure"),
    ("short_exposure", "shortExposure"),
    ("gross_exposure", "grossExposure"),
    ("net_exposure", "netExposure"),
    ("notional_total", "notional"),
];

/// A worked book, as it is told to the program.
struct Case {
    name: String,
    json: Value,
    /// Symbol of each position, and of what its price depends on.
    symbols: Vec<(String, String)>,
    /// Whether positions keep the tickers they have in the file.
    has_own_symbols: bool,
}

impl Case {
    /// The random books give one ticker several prices on the same day. Their positions get a
    /// ticker each, so that every figure but the groups by underlying can be compared.
    fn new(json: &Value) -> Self {
        let positions = list(&json["positions"]);
        let mut prices = BTreeMap::<_, BTreeSet<_>>::new();
        for position in positions {
            for (symbol, price) in [("ticker", "price"), ("underlying", "underlying_price")] {
                let prices = prices.entry(text(&position[symbol])).or_default();
                prices.insert(known(&position[price]));
            }
        }
        let has_own_symbols = prices.values().all(|prices| prices.len() == 1);
        let symbols = positions.iter().zip(0_u8..).map(|(position, n)| {
            let (ticker, underlying) = (text(&position["ticker"]), text(&position["underlying"]));
            if has_own_symbols {
                return (ticker.to_owned(), underlying.to_owned());
            }
            let letter = |n: u8| char::from(b'A' + n % 26);
            let alias = format!("Q{}{}", letter(n / 26), letter(n));
            (ticker.replacen(underlying, &alias, 1), alias)
        });
        Self {
            name: text(&json["id"]).to_owned(),
            symbols: symbols.collect(),
            json: json.clone(),
            has_own_symbols,
        }
    }

    fn positions(&self) -> &[Value] {
        list(&self.json["positions"])
    }

    /// Which positions the answer lists.
    fn ids(&self, positions: &[&Value]) -> BTreeSet<String> {
        let first = day(FIRST_ENTRY);
        let ids = positions.iter().map(|position| {
            let days = (day(text(&position["entryDate"])) - first).num_days();
            let position = &self.positions()[usize::try_from(days).expect("not before the first")];
            text(&position["id"]).to_owned()
        });
        ids.collect()
    }

    fn book(&self) -> String {
        let mut csv = "ticker,quantity,entry_price,entry_date,tags\n".to_owned();
        for (n, (position, (symbol, _))) in self.positions().iter().zip(&self.symbols).enumerate() {
            let tags: Vec<_> = list(&position["tags"]).iter().map(text).collect();
            let (quantity, entry) = (text(&position["quantity"]), text(&position["entry_price"]));
            let (date, tags) = (entry_date(n), tags.join(","));
            writeln!(csv, "{symbol},{quantity},{entry},{date},\"{tags}\"").expect("writes");
        }
        csv
    }

    fn prices(&self) -> String {
        let mut closes = BTreeMap::new();
        for (position, (symbol, underlying)) in self.positions().iter().zip(&self.symbols) {
            for (symbol, price) in
                [(symbol, &position["price"]), (underlying, &position["underlying_price"])]
            {
                if !price.is_null() {
                    closes.insert(symbol, text(price));
                }
            }
        }
        let mut csv = "symbol,date,close\n".to_owned();
        for (symbol, close) in closes {
            writeln!(csv, "{symbol},{SESSION},{close}").expect("writes");
        }
        csv
    }
}

/// A day of its own for each position, by which it is recognized in the answer.
fn entry_date(position: usize) -> NaiveDate {
    day(FIRST_ENTRY) + Days::new(position as u64)
}

fn is_option(position: &Value) -> bool {
    position["kind"] != "stock"
}

/// The delta-adjusted exposure of each position, in their order, as the answer has it.
fn adjusted(case: &Case, seen: &Value) -> Vec<Option<Decimal>> {
    let seen: BTreeMap<_, _> = list(&seen["positions"]["nodes"])
        .iter()
        .map(|one| (day(text(&one["entryDate"])), &one["valuation"]["deltaAdjustedExposure"]))
        .collect();
    (0..case.positions().len()).map(|n| known(seen[&entry_date(n)])).collect()
}

#[tokio::test]
async fn worked_books_come_out_exactly() {
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(CASES).expect("the worked books"))
            .expect("JSON");
    let cases: Vec<_> = list(&json["cases"]).iter().map(Case::new).collect();
    assert_eq!(cases.len(), 11);
    let renamed: Vec<_> =
        cases.iter().filter(|case| !case.has_own_symbols).map(|case| &case.name).collect();
    assert_eq!(renamed, ["PF09", "PF10", "PF11"], "the random ones");

    for case in &cases {
        check(case).await;
    }
}

async fn check(case: &Case) {
    let name = &case.name;
    let app = App::start().at(NOW).await;
    if !case.positions().is_empty() {
        app.knows_prices(&case.prices()).await;
    }
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio_with_cash(name, "1000.01").await;
    if !case.positions().is_empty() {
        let said = ada.uploads(&book, case.book()).await;
        assert_eq!(said["rows"], json!([]), "{name}");
    }
    let seen = ada.reads(BOOK, json!({ "id": book })).await["portfolio"].take();

    check_positions(case, &seen);
    check_totals(case, &seen);
    let adjusted = adjusted(case, &seen);
    let by_tag = groups(&seen["byTag"]);
    check_groups(case, &by_tag, &case.json["by_tag"], &adjusted, |position, tag| {
        list(&position["tags"]).iter().any(|its| its == tag)
    });
    let untagged = by_tag.get("").map_or(0, |group| group["positionCount"].as_u64().unwrap_or(0));
    assert_eq!(untagged, list(&case.json["untagged_ids"]).len() as u64, "{name}");
    if case.has_own_symbols {
        let by_underlying = groups(&seen["byUnderlying"]);
        let wanted = &case.json["by_underlying"];
        check_groups(case, &by_underlying, wanted, &adjusted, |position, underlying| {
            position["underlying"] == underlying
        });
        assert_eq!(case.json["expect"]["counts"]["underlyings"], by_underlying.len(), "{name}");
    }

    for filtered in list(&case.json["tag_filters"]) {
        let mode = text(&filtered["mode"]).to_uppercase();
        let filter = json!({ "tags": filtered["tags"], "tagMode": mode });
        let seen = ada.reads(FILTERED, json!({ "id": book, "filter": filter })).await;
        let seen = &seen["portfolio"];
        let positions: Vec<_> = list(&seen["positions"]["nodes"]).iter().collect();
        let wanted: BTreeSet<_> =
            list(&filtered["ids"]).iter().map(|id| text(id).to_owned()).collect();
        assert_eq!(case.ids(&positions), wanted, "{name} {filter}");
        for (its, ours) in SUMS {
            let wanted = number(&filtered["expect"][its]);
            assert_eq!(number(&seen["exposures"][ours]), wanted, "{name} {filter} {ours}");
        }
        let profit: Decimal =
            positions.iter().filter_map(|one| known(&one["valuation"]["unrealizedPnl"])).sum();
        assert_eq!(profit, number(&filtered["expect"]["unrealized_pnl"]), "{name} {filter}");
        assert_eq!(seen["exposures"]["positionCount"], filtered["expect"]["positions"]);
    }
}

fn check_positions(case: &Case, seen: &Value) {
    let seen: BTreeMap<_, _> = list(&seen["positions"]["nodes"])
        .iter()
        .map(|position| (day(text(&position["entryDate"])), position))
        .collect();
    assert_eq!(seen.len(), case.positions().len(), "{}", case.name);
    for (n, position) in case.positions().iter().enumerate() {
        let what = format!("{} {}", case.name, text(&position["id"]));
        let (seen, wanted) = (seen[&entry_date(n)], &position["expect"]);
        assert_eq!(seen["type"], wanted["position_type"], "{what}");
        let figures = &seen["valuation"];
        for (its, ours) in [
            ("market_value", "marketValue"),
            ("exposure", "exposure"),
            ("notional", "notional"),
            ("unrealized_pnl", "unrealizedPnl"),
        ] {
            assert_eq!(known(&figures[ours]), known(&wanted[its]), "{what} {ours}");
        }
        // The deltas of the worked books are made up; what follows from one is not.
        let delta_adjusted = if is_option(position) {
            known(&seen["greeks"]["deltaDollars"])
        } else {
            known(&wanted["delta_adjusted_exposure"])
        };
        assert_eq!(known(&figures["deltaAdjustedExposure"]), delta_adjusted, "{what}");
        let has_spot = known(&position["underlying_price"]).is_some();
        assert!(!is_option(position) || delta_adjusted.is_some() == has_spot, "{what}");
        let weight = &case.json["expect"]["weights_of_gross"][text(&position["id"])];
        match (figures["weight"].as_f64(), weight.as_str()) {
            (Some(weight), Some(wanted)) => {
                let wanted: f64 = wanted.parse().expect("a number");
                assert!((weight - wanted).abs() < 1e-14, "{what}: {weight}, not {wanted}");
            }
            (weight, wanted) => assert_eq!((weight, wanted), (None, None), "{what}"),
        }
    }
}

fn check_totals(case: &Case, seen: &Value) {
    let name = &case.name;
    let wanted = &case.json["expect"];
    let (exposures, valuation) = (&seen["exposures"], &seen["valuation"]);
    for (its, ours) in SUMS {
        assert_eq!(number(&exposures[ours]), number(&wanted[its]), "{name} {ours}");
    }
    for (its, ours) in
        [("stock_exposure_net", "stockExposure"), ("option_exposure_net", "optionsExposure")]
    {
        assert_eq!(number(&exposures[ours]), number(&wanted[its]), "{name} {ours}");
    }
    for (its, ours) in [
        ("market_value_total", "marketValue"),
        ("unrealized_pnl", "unrealizedPnl"),
        ("cost_basis_signed", "costBasis"),
    ] {
        assert_eq!(number(&valuation[ours]), number(&wanted[its]), "{name} {ours}");
    }
    let net = number(&wanted["net_exposure"]);
    assert_eq!(number(&valuation["totalValue"]), net + super::decimal("1000.01"), "{name}");
    let adjusted = adjusted(case, seen);
    check_delta_adjusted(name, exposures, adjusted.iter().flatten());

    let counts = &wanted["counts"];
    assert_eq!(exposures["positionCount"], counts["positions"], "{name}");
    assert_eq!(exposures["longCount"], counts["long"], "{name}");
    assert_eq!(exposures["shortCount"], counts["short"], "{name}");
    assert_eq!(valuation["positionCount"], counts["positions"], "{name}");
    let counted = |types: &[&str]| -> u64 {
        let all = list(&exposures["countsByType"]).iter();
        let some = all.filter(|one| types.contains(&text(&one["type"])));
        some.map(|one| one["count"].as_u64().expect("a number")).sum()
    };
    assert_eq!(counts["stocks"], counted(&["LONG", "SHORT"]), "{name}");
    assert_eq!(counts["calls"], counted(&["LC", "SC"]), "{name}");
    assert_eq!(counts["puts"], counted(&["LP", "SP"]), "{name}");

    let unpriced = list(&wanted["excluded_missing_price"]);
    let excluded = &valuation["provenance"]["coverage"]["excludedPositions"];
    assert_eq!(*excluded, unpriced.len(), "{name}");
    // Delta-adjusted sums leave out shares without a price and options on such.
    let left_out: Vec<_> =
        list(&exposures["excluded"]).iter().map(|excluded| &excluded["position"]).collect();
    let wanted: BTreeSet<_> = case
        .positions()
        .iter()
        .zip(&adjusted)
        .filter(|(_, adjusted)| adjusted.is_none())
        .map(|(position, _)| text(&position["id"]).to_owned())
        .collect();
    assert_eq!(case.ids(&left_out), wanted, "{name}");
}

fn check_delta_adjusted<'a>(
    what: &str,
    exposures: &Value,
    wanted: impl Iterator<Item = &'a Decimal>,
) {
    let wanted: Vec<_> = wanted.copied().collect();
    let sum = |keeps: fn(&&Decimal) -> bool| wanted.iter().filter(keeps).sum::<Decimal>();
    let (long, short) = (sum(|one| one.is_sign_positive()), sum(|one| one.is_sign_negative()));
    for (name, wanted) in [
        ("deltaAdjustedLong", long),
        ("deltaAdjustedShort", short),
        ("deltaAdjustedNet", long + short),
        ("deltaAdjustedGross", long - short),
    ] {
        assert_eq!(number(&exposures[name]), wanted, "{what} {name}");
    }
}

fn groups(seen: &Value) -> BTreeMap<&str, &Value> {
    list(seen).iter().map(|group| (text(&group["key"]), group)).collect()
}

fn check_groups(
    case: &Case,
    seen: &BTreeMap<&str, &Value>,
    wanted: &Value,
    adjusted: &[Option<Decimal>],
    belongs: impl Fn(&Value, &str) -> bool,
) {
    let wanted = wanted.as_object().expect("groups by key");
    let keys: Vec<_> = seen.keys().copied().filter(|key| !key.is_empty()).collect();
    assert_eq!(keys, wanted.keys().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    for (key, wanted) in wanted {
        let what = format!("{} {key}", case.name);
        let group = seen[key.as_str()];
        for (its, ours) in SUMS {
            assert_eq!(number(&group["exposures"][ours]), number(&wanted[its]), "{what} {ours}");
        }
        assert_eq!(number(&group["unrealizedPnl"]), number(&wanted["unrealized_pnl"]), "{what}");
        assert_eq!(group["positionCount"], wanted["positions"], "{what}");
        let each = case.positions().iter().zip(adjusted);
        let own = each.filter(|(position, _)| belongs(position, key));
        check_delta_adjusted(&what, &group["exposures"], own.filter_map(|(_, own)| own.as_ref()));
    }
}
