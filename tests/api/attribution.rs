//! What made a book's profit or loss, by group, and what the Greeks account for.

use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::demo;

use crate::support::{App, Person, codes};

const FRIDAY: &str = "2024-06-28T21:00:00Z";

const LINES: &str = "
    query($from: Date, $to: Date, $by: PositionGrouping! = UNDERLYING) {
        viewer { portfolios(first: 1) { nodes {
            attribution(from: $from, to: $to, by: $by) {
                key label positionCount pnl contribution from to quality warnings
                greeksExplained {
                    delta gamma theta vega rho unexplained pnl
                    includedPositions excludedPositions quality warnings
                }
            }
            valuation(asOf: $to) { dailyPnl asOf }
            start: valuation(asOf: $from) { totalValue }
            snapshots(first: 500) { nodes { date dailyPnl } }
        } } }
    }";

fn money(value: &Value) -> Decimal {
    Decimal::from_str(value.as_str().expect("money")).expect("a number")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn total(lines: &[Value]) -> Decimal {
    lines.iter().map(|line| money(&line["pnl"])).sum()
}

async fn hedge_fund() -> (App, Person) {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let person = Person::of_the_demo(&app, "demo_hedgefundstyle").await;
    (app, person)
}

async fn lines(person: &Person, variables: Value) -> Value {
    let mut seen = person.reads(LINES, variables).await;
    seen["viewer"]["portfolios"]["nodes"][0].take()
}

#[tokio::test]
async fn the_lines_of_a_day_add_up_to_the_profit_of_the_day_however_they_are_cut() {
    let (_app, person) = hedge_fund().await;
    for by in ["UNDERLYING", "TYPE", "SECTOR", "EXPIRY", "ASSET_CLASS", "INDUSTRY"] {
        let book = lines(&person, json!({ "by": by })).await;
        let all = list(&book["attribution"]);
        assert_eq!(total(all), money(&book["valuation"]["dailyPnl"]), "by {by}");
        assert!(all.iter().all(|one| one["from"] == "2024-06-27" && one["to"] == "2024-06-28"));
        let sizes: Vec<_> = all.iter().map(|one| money(&one["pnl"]).abs()).collect();
        assert!(sizes.is_sorted_by(|one, next| one >= next), "the largest first: {sizes:?}");
    }
    // The thirty positions carry tags, some several: each counts in all of them.
    let tagged = lines(&person, json!({ "by": "TAG" })).await;
    let counts =
        list(&tagged["attribution"]).iter().filter_map(|one| one["positionCount"].as_u64());
    assert!(counts.sum::<u64>() >= 30);
}

#[tokio::test]
async fn a_month_is_its_days_and_its_shares_are_of_the_value_at_its_start() {
    let (_app, person) = hedge_fund().await;
    let book = lines(&person, json!({ "from": "2024-05-31", "to": "2024-06-28" })).await;
    let all = list(&book["attribution"]);
    let days = list(&book["snapshots"]["nodes"]).iter();
    let days = days.filter(|day| day["date"].as_str() > Some("2024-05-31"));
    let days: Decimal = days.map(|day| money(&day["dailyPnl"])).sum();
    assert_eq!(total(all), days, "the daily profits of the snapshots");
    let start = money(&book["start"]["totalValue"]).to_f64().expect("a number");
    for line in all {
        let share = money(&line["pnl"]).to_f64().expect("a number") / start;
        let told = line["contribution"].as_f64().expect("a share");
        assert!((told - share).abs() < 1e-12, "{line}");
    }
}

#[tokio::test]
async fn the_greeks_of_options_account_for_most_of_what_they_made() {
    let (_app, person) = hedge_fund().await;
    let book = lines(&person, json!({ "from": "2024-06-14", "by": "TYPE" })).await;
    let of = |kind: &str| {
        let line = list(&book["attribution"]).iter().find(|line| line["key"] == kind);
        line.unwrap_or_else(|| panic!("no {kind}: {book}"))
    };
    assert_eq!(of("LONG")["greeksExplained"], Value::Null, "a share has nothing to explain");
    for kind in ["LC", "SP"] {
        let (line, split) = (of(kind), &of(kind)["greeksExplained"]);
        let part = |name: &str| money(&split[name]);
        assert_eq!(split["excludedPositions"], 0, "{split}");
        assert_eq!(part("pnl"), money(&line["pnl"]));
        let parts = ["delta", "gamma", "theta", "vega", "rho"].map(part);
        let by_greeks: Decimal = parts.iter().sum();
        assert_eq!(by_greeks + part("unexplained"), part("pnl"), "to the last digit");
        let moved: Decimal = parts.iter().map(Decimal::abs).sum();
        assert!(part("unexplained").abs() * Decimal::TEN < moved, "{split}");
    }
    let (bought, written) = (&of("LC")["greeksExplained"], &of("SP")["greeksExplained"]);
    assert!(money(&bought["theta"]) < Decimal::ZERO, "time takes from who has bought");
    assert!(money(&written["theta"]) > Decimal::ZERO, "and gives to who has written");
}

#[tokio::test]
async fn a_day_without_a_session_stands_for_the_one_before_and_an_empty_period_is_refused() {
    let (_app, person) = hedge_fund().await;
    // From a Sunday to a holiday.
    let book = lines(&person, json!({ "from": "2024-06-16", "to": "2024-06-19" })).await;
    let line = &list(&book["attribution"])[0];
    assert_eq!((&line["from"], &line["to"]), (&json!("2024-06-14"), &json!("2024-06-18")));
    let told = line["warnings"].to_string();
    assert!(told.contains("2024-06-16 has no") && told.contains("2024-06-19 has no"), "{told}");
    for (from, to) in [
        ("2024-06-28", "2024-06-28"),
        ("2024-06-15", "2024-06-16"),
        ("2024-06-20", "2024-06-03"),
        ("2024-06-20", "2024-07-20"),
    ] {
        let answer = person.asks(LINES, json!({ "from": from, "to": to })).await;
        assert!(codes(&answer).iter().all(|code| *code == "VALIDATION"), "{answer}");
    }
}

#[tokio::test]
async fn before_the_first_entry_there_was_nothing_to_make_a_profit() {
    let app = App::start().at(FRIDAY).await;
    app.knows_prices("symbol,date,close\nAAPL,2024-06-27,210\nAAPL,2024-06-28,212\n").await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("New").await;
    let csv = "ticker,quantity,entry_price,entry_date,tags\nAAPL,10,205,2024-06-28,\n";
    ada.uploads(&book, csv).await;
    let before = lines(&ada, json!({ "from": "2024-06-20", "to": "2024-06-27" })).await;
    assert_eq!(before["attribution"], json!([]));
    // Entered in the session: from what was paid. There was no value at the start to be a share of.
    let line = lines(&ada, json!({})).await["attribution"][0].take();
    assert_eq!((&line["pnl"], &line["contribution"]), (&json!("70"), &Value::Null));
    assert!(line["warnings"].to_string().contains("not above zero"), "{line}");
}

#[tokio::test]
async fn ten_books_take_the_statements_of_one() {
    const ALL: &str = "{ viewer { portfolios(first: 10) { nodes {
        attribution(from: \"2024-06-20\") { key pnl greeksExplained { delta unexplained } }
    } } } }";
    let mut statements = Vec::new();
    for books in [1, 5] {
        let app = App::start().at(FRIDAY).with_simulated_prices().await;
        let ada = app.sign_in("ada").await;
        for n in 0..books {
            let book = ada.creates_portfolio(&format!("Book {n}")).await;
            let csv = "ticker,quantity,entry_price,entry_date,tags\n\
                       AAPL,10,205,2024-01-03,\nAAPL240920C00210000,2,6,2024-06-03,\n";
            ada.uploads(&book, csv).await;
        }
        app.completes_prices().await;
        let answer = ada.asks(ALL, json!({})).await;
        assert_eq!(answer["errors"], Value::Null);
        statements.push(answer["extensions"]["statements"].clone());
    }
    assert_eq!(statements[0], statements[1]);
}
