use std::sync::Arc;

use chrono::DateTime;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde_json::Value;

use super::*;
use crate::domain::id::TagId;
use crate::domain::instrument::Instrument;
use crate::domain::tag::{Tag, TagKind};
use crate::services::testing::{FUNDS, WORLD, assert_figure, cases};

const STOCKS: &str = include_str!("../../../analytics/tests/fixtures/correlation_stocks.json");
const EWMA: &str = include_str!("../../../analytics/tests/fixtures/correlation_ewma_factors.json");
const DAY: &str = "2019-12-31";
const EVERYTHING: Filter = Filter {
    min_value: Decimal::ZERO,
    min_weight: 0.0,
    mode: FilterMode::Both,
    types: None,
    view: View::All,
};

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("text")).collect()
}

#[test]
fn the_correlations_and_clusters_of_real_shares_are_the_reference_s() {
    for case in cases(STOCKS) {
        let day = case["end_date"].as_str().expect("a day");
        let returns = case["window"].as_u64().and_then(|n| n.try_into().ok()).expect("a number");
        let symbols = texts(&case["symbols"]);
        let window = WORLD.window(day, returns);
        let histories = WORLD.histories(&window);
        let holdings: Vec<_> = symbols.iter().map(|symbol| (*symbol, 10)).collect();
        let book = WORLD.book(day, 0, &holdings);
        let expect = &case["expect"];
        for portfolio in expect["portfolios"].as_object().expect("portfolios").values() {
            let mut chosen = choose(&book.lines, book.totals().gross_exposure(), &EVERYTHING);
            for entry in &mut chosen.entries {
                let at = symbols.iter().position(|one| *one == entry.symbol).expect("one");
                let value = portfolio["values"][at].as_f64().and_then(Decimal::from_f64);
                entry.exposure = value.expect("a value");
            }
            let found = analyze(chosen, &histories, &window, 0.7);
            let own: Vec<_> = found.entries.iter().map(|entry| entry.symbol.as_str()).collect();
            let place = |symbol: &str| symbols.iter().position(|one| *one == symbol).expect("one");
            let figures = &found.figures;
            let all = figures.correlations.as_ref().expect("a matrix");
            for (row, one) in own.iter().enumerate() {
                for (column, other) in own.iter().enumerate() {
                    let expected = &expect["matrix"][place(one)][place(other)];
                    assert_figure(all.at(row, column).expect("one"), expected, "correlation");
                }
            }
            assert_figure(figures.average.expect("one"), &expect["average_pairwise"], "average");
            let effective = figures.effective_positions.expect("one");
            assert_figure(effective, &portfolio["n_eff_corr_abs"], "effective positions");
            let mut clusters: Vec<_> = figures.clusters.iter().map(|c| c.symbols.clone()).collect();
            for cluster in &mut clusters {
                cluster.sort();
            }
            clusters.sort();
            let expected = expect["clusters"].as_array().expect("a list").iter().map(texts);
            let mut expected: Vec<_> = expected.filter(|cluster| cluster.len() > 1).collect();
            expected.sort();
            assert_eq!(clusters, expected);
        }
    }
}

#[test]
fn the_correlations_of_the_factors_forget_as_the_reference_does() {
    let mut seen = 0;
    for case in cases(EWMA).iter().filter(|case| case["factors"] == "raw") {
        let day = case["end_date"].as_str().expect("a day");
        let returns = case["window"].as_u64().and_then(|n| n.try_into().ok()).expect("a number");
        let window = WORLD.window(day, returns);
        let symbols = texts(&case["symbols"]);
        let series: Vec<_> = FUNDS
            .iter()
            .map(|(factor, fund)| (*factor, window.log_returns(Some(&WORLD.series(fund, &window)))))
            .collect();
        let found = factor_correlations(&series, case["lambda"].as_f64().expect("a decay"));
        let place =
            |at: usize| symbols.iter().position(|symbol| *symbol == FUNDS[at].1).expect("one");
        for (row, column) in (0..6).flat_map(|row| (0..6).map(move |column| (row, column))) {
            let expected = &case["expect"]["correlation"][place(row)][place(column)];
            assert_figure(found.matrix[row][column], expected, "correlation");
        }
        assert_eq!((found.observations, found.quality), (returns, Quality::Full));
        seen += 1;
    }
    assert_eq!(seen, 16);
}

#[test]
fn known_defect_21_a_pair_is_aligned_before_it_is_correlated_and_says_its_sessions() {
    let window = WORLD.window(DAY, 90);
    let mut histories = WORLD.histories(&window);
    // Coke is known for the last forty sessions alone: the pair is judged by these.
    let lately = WORLD.window(DAY, 40);
    histories.insert(WORLD.id("KO"), WORLD.series("KO", &lately).into());
    let pair = |histories: &Histories, window: &Window| {
        let book = WORLD.book(DAY, 0, &[("KO", 100), ("PEP", 100)]);
        let chosen = choose(&book.lines, book.totals().gross_exposure(), &EVERYTHING);
        analyze(chosen, histories, window, 0.7).figures.pairs(0.0)[0]
    };
    let (whole, short) = (pair(&histories, &window), pair(&WORLD.histories(&lately), &lately));
    assert_eq!((whole.observations, short.observations), (40, 40));
    assert!((whole.correlation - short.correlation).abs() < 1e-12);
}

#[test]
fn small_positions_are_left_out_by_value_and_by_weight() {
    // 29,000 and 5,500 and 140 dollars.
    let book = WORLD.book(DAY, 0, &[("JPM", 230), ("KO", 110), ("PFE", 4)]);
    let kept = |mode, min_value: i64, min_weight| {
        let filter = Filter { min_value: min_value.into(), min_weight, mode, ..EVERYTHING };
        let chosen = choose(&book.lines, book.totals().gross_exposure(), &filter);
        assert_eq!(chosen.entries.len() + chosen.excluded.len(), 3);
        assert!(chosen.excluded.iter().all(|one| one.reason.contains("below")));
        chosen.entries.into_iter().map(|entry| entry.symbol).collect::<Vec<_>>()
    };
    let said = |mode| {
        let filter = Filter { min_value: 10_000.into(), min_weight: 0.01, mode, ..EVERYTHING };
        let chosen = choose(&book.lines, book.totals().gross_exposure(), &filter);
        chosen.excluded.into_iter().map(|one| one.reason).collect::<Vec<_>>()
    };
    let (coke, pfizer) = (
        "KO is worth 5459.30, below minPositionValue 10000",
        "PFE is worth 129.09, below minPositionValue 10000",
    );
    let by_value = [format!("{coke}."), format!("{pfizer}.")];
    assert_eq!(said(FilterMode::Value), by_value);
    let by_weight = "is 0.003774 of the gross exposure, below minWeight 0.01.";
    assert_eq!(said(FilterMode::Weight), [format!("PFE {by_weight}")]);
    assert_eq!(said(FilterMode::Both), [format!("{coke}."), format!("{pfizer}, and {by_weight}")]);
    assert_eq!(said(FilterMode::Either), [format!("{pfizer}, and {by_weight}")]);
    assert_eq!(kept(FilterMode::Value, 10_000, 0.01), ["JPM"]);
    assert_eq!(kept(FilterMode::Weight, 10_000, 0.01), ["JPM", "KO"]);
    assert_eq!(kept(FilterMode::Both, 10_000, 0.01), ["JPM"]);
    assert_eq!(kept(FilterMode::Either, 10_000, 0.01), ["JPM", "KO"]);
}

#[test]
fn a_cluster_is_named_by_a_tag_of_all_else_by_their_sector_else_by_its_largest() {
    let entry = |symbol: &str, tags: &[Arc<Tag>], sector: Option<&str>| {
        let mut book = WORLD.book(DAY, 0, &[(symbol, 100)]);
        let mut line = book.lines.remove(0);
        let own = Arc::get_mut(&mut line).expect("nobody else's");
        let mut position = (*own.position).clone();
        let instrument = (*position.instrument).clone();
        position.instrument =
            Arc::new(Instrument { sector: sector.map(str::to_owned), ..instrument });
        own.position = Arc::new(position);
        own.tags = tags.to_vec();
        Entry {
            symbol: symbol.into(),
            instrument: WORLD.id(symbol),
            exposure: line.holding().exposure().expect("a price"),
            lines: vec![line],
        }
    };
    let tag = |name: &str| {
        Arc::new(Tag {
            id: TagId::fresh(),
            name: name.into(),
            kind: TagKind::Regular,
            color: "#000000".into(),
            description: None,
            created_at: DateTime::UNIX_EPOCH,
        })
    };
    let (beta, alpha, own) = (tag("#beta"), tag("#alpha"), tag("#own"));
    let nickname = |entries: [Entry; 2]| {
        let window = WORLD.window(DAY, 90);
        let chosen = Chosen { entries: entries.into(), excluded: Vec::new() };
        let found = analyze(chosen, &WORLD.histories(&window), &window, 0.0);
        found.figures.clusters[0].nickname.clone()
    };
    let both = [beta.clone(), alpha.clone()];
    assert_eq!(
        nickname([entry("JPM", &[own, beta, alpha], None), entry("KO", &both, Some("Staples"))]),
        "#alpha"
    );
    let sector = Some("Financials");
    assert_eq!(nickname([entry("BAC", &both, sector), entry("JPM", &[], sector)]), "Financials");
    assert_eq!(nickname([entry("BAC", &[], None), entry("JPM", &[], None)]), "JPM lookalikes");
}

#[test]
fn concentration_counts_the_lots_of_an_instrument_as_one() {
    let book = WORLD.book(DAY, 0, &[("KO", 60), ("KO", 40), ("JPM", -50)]);
    let found = concentration(&book.lines);
    assert_eq!(found.instruments.len(), 2);
    let weights: f64 = found.instruments.iter().map(|share| share.weight).sum();
    assert!((weights - 1.0).abs() < 1e-12);
    let squares: f64 = found.instruments.iter().map(|share| share.weight.powi(2)).sum();
    assert!((found.herfindahl.expect("one") - squares).abs() < 1e-12);
    assert!((found.effective_positions.expect("one") * squares - 1.0).abs() < 1e-12);
    let empty = concentration(&[]);
    assert_eq!((empty.herfindahl, empty.instruments.len()), (None, 0));
}

#[test]
fn an_option_adds_to_the_size_of_its_underlying_whatever_its_sign() {
    let held = [("AAPL", 100), ("AAPL200619P00073000", -50), ("KO", 300), ("KO", -100)];
    let book = WORLD.book(DAY, 0, &held);
    let gross = book.totals().gross_exposure();
    let chosen = choose(&book.lines, gross, &EVERYTHING);
    let size = |symbol: &str| {
        let lines = book.lines.iter().filter(|line| line.underlying() == symbol);
        lines.filter_map(|line| line.holding().exposure()).map(|own| own.abs()).sum::<Decimal>()
    };
    for entry in &chosen.entries {
        assert_eq!(entry.exposure, size(&entry.symbol), "{}", entry.symbol);
    }
    let window = WORLD.window(DAY, LOOKBACK);
    // A threshold of nothing puts all in one cluster.
    let figures = analyze(chosen, &WORLD.histories(&window), &window, 0.0).figures;
    assert_eq!(figures.clusters.len(), 1);
    assert_eq!(figures.clusters[0].total_value, gross);
    assert_eq!(figures.coverage.included_exposure, gross);
}
