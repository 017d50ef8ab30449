//! Every field that is reached from a portfolio, asked of every kind of book: new fields are walked
//! as soon as the schema has them.

mod everything;
mod told;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::demo;

use self::everything::{Asked, Schema, text};
use self::told::Told;
use crate::nightly::runs;
use crate::support::{App, Person, codes, numbered};

/// Friday the 28th of June 2024, an hour after the close.
const FRIDAY: &str = "2024-06-28T21:00:00Z";
const HEADER: &str = "ticker,quantity,entry_price,entry_date\n";
/// Statements that take one operation for all that is computed of a book.
const MOST_STATEMENTS: u64 = 12;
/// What is kept rather than computed: each of these may take a statement of its own.
const KEPT: [&str; 11] = [
    "alertRules",
    "latestSnapshot",
    "prices",
    "reportSchedules",
    "snapshot",
    "snapshots",
    "stressHistory",
    "tag",
    "tagSuggestions",
    "tags",
    "underlying",
];
/// And with those.
const MOST_WITH_KEPT: u64 = 24;
/// A document may have 64 KiB.
const MOST_TEXT: usize = 60_000;
/// What is known of a book without a price: what was entered, what was asked with, what was left
/// out at cost and how much of the data is there, and that no dividend is known, which is taken
/// for none.
const KNOWN: [&str; 13] = [
    "cashBalance",
    "confidence",
    "costBasis",
    "entryPrice",
    "excludedExposure",
    "exitPrice",
    "lossRatio",
    "move",
    "percentile",
    "quantity",
    "score",
    "shock",
    "strike",
];
/// What is null rather than zero while nothing is known of it.
const NEVER_ZERO: [&str; 7] = [
    "marketScenarios",
    "monteCarlo",
    "rateScenarios",
    "reverseStress",
    "scenarioAccuracy",
    "stressHistory",
    "stressTest",
];
/// What a share has by definition, whatever it costs.
const OF_SHARES: [&str; 5] = ["delta", "gamma", "rho", "theta", "vega"];

/// Somebody with a book, and what can be asked of it.
struct Walk<'a> {
    person: &'a Person,
    schema: &'a Schema,
    portfolio: String,
    scenario: String,
}

impl<'a> Walk<'a> {
    async fn through(schema: &'a Schema, person: &'a Person, portfolio: &str) -> Self {
        let scenarios = person.reads("{ stressScenarios { id } }", json!({})).await;
        let scenario = scenarios["stressScenarios"][0]["id"].as_str().expect("a scenario");
        Self { person, schema, portfolio: portfolio.to_owned(), scenario: scenario.to_owned() }
    }

    /// Asks for everything, each operation within the limits, and what it tells.
    async fn told(&self) -> Told {
        let all = self.schema.everything("Portfolio");
        let mut told = Told::default();
        let computed: Vec<_> = all.iter().filter_map(|one| one.without(&KEPT)).collect();
        self.asks(computed, MOST_STATEMENTS, &mut told).await;
        let kept = all.into_iter().filter(|one| one.has(&KEPT));
        self.asks(kept.collect(), MOST_WITH_KEPT, &mut told).await;
        let variants = self.schema.variants("Portfolio");
        let computed: Vec<_> = variants.iter().filter_map(|one| one.without(&KEPT)).collect();
        let kept: Vec<_> = variants.into_iter().filter(|one| one.has(&KEPT)).collect();
        for (variants, most) in [(computed, MOST_STATEMENTS), (kept, MOST_WITH_KEPT)] {
            for some in variants.chunks(12) {
                self.asks(some.to_vec(), most, &mut told).await;
            }
        }
        told
    }

    /// Asks for fields at once, or half of them at a time where that is too much to ask.
    async fn asks(&self, fields: Vec<Asked>, most: u64, told: &mut Told) {
        let mut waiting = vec![fields];
        while let Some(mut fields) = waiting.pop() {
            let asked = text(&fields);
            let scenario = if asked.contains("$scenario") { ",$scenario:ID!" } else { "" };
            let query = format!("query($id:ID!{scenario}){{portfolio(id:$id){{{asked}}}}}");
            let variables = json!({ "id": self.portfolio, "scenario": self.scenario });
            let is_long = query.len() > MOST_TEXT;
            let answer =
                if is_long { Value::Null } else { self.person.asks(&query, variables).await };
            if is_long || codes(&answer).contains(&"QUERY_TOO_COMPLEX") {
                assert!(fields.len() > 1, "{} alone is too much: {answer}", text(&fields));
                waiting.push(fields.split_off(fields.len() / 2));
                waiting.push(fields);
                continue;
            }
            let statements = answer["extensions"]["statements"].as_u64().expect("a number");
            for error in answer["errors"].as_array().into_iter().flatten() {
                told.wrong.push(format!("{error}"));
            }
            if statements > most {
                told.wrong.push(format!("{statements} statements for {asked}"));
            }
            told.look(&fields, &answer["data"]["portfolio"]);
        }
    }
}

/// Fails with everything that is wrong at once.
fn is_sound(book: &str, told: &Told) {
    assert!(told.figures.len() > 10, "{book}: {} figures", told.figures.len());
    let wrong: BTreeSet<_> = told.wrong.iter().collect();
    assert!(wrong.is_empty(), "{book}: {wrong:#?}");
}

async fn demo_user(app: &App, name: &str) -> Person {
    const LOGIN: &str = "mutation($input: LoginInput!) {
        login(input: $input) { session { accessToken refreshToken } }
    }";
    let email = format!("{name}@sigmasight.com");
    let input = json!({ "email": email, "password": demo::PASSWORD });
    let answer = app.asks(LOGIN, json!({ "input": input })).await;
    let session = &answer["data"]["login"]["session"];
    let token = |kind: &str| session[kind].as_str().expect("a token").to_owned();
    let (access_token, refresh_token) = (token("accessToken"), token("refreshToken"));
    Person { app: app.clone(), email, access_token, refresh_token }
}

#[tokio::test]
async fn everything_is_answered_of_the_demo() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    app.works_through_its_queue().await;
    let walk = async |name: &str, when: &str| {
        let person = demo_user(&app, name).await;
        let schema = Schema::read(&person).await;
        let books = "{ viewer { portfolios { nodes { id } } } }";
        let books = person.reads(books, json!({})).await;
        let book = books["viewer"]["portfolios"]["nodes"][0]["id"].as_str().expect("a book");
        let told = Walk::through(&schema, &person, book).await.told().await;
        is_sound(&format!("{name} {when}"), &told);
    };
    for name in ["demo_individual", "demo_hnw", "demo_hedgefundstyle"] {
        walk(name, "by day").await;
    }
    // What the night has found is read, and not found again.
    let job = runs(&app, &demo_user(&app, "admin").await, "DAILY").await;
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    walk("demo_hedgefundstyle", "after a night").await;
}

#[tokio::test]
async fn everything_is_answered_of_odd_books() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let schema = Schema::read(&ada).await;
    let holds = async |name: &str, cash: &str, rows: &str| {
        let book = ada.creates_portfolio_with_cash(name, cash).await;
        let said = ada.uploads(&book, format!("{HEADER}{rows}")).await;
        assert_eq!(said["rejectedCount"], 0, "{said}");
        book
    };
    let short =
        "AAPL,-100,150,2024-01-02\nKO,-200,60,2024-01-02\nAAPL241220C00200000,-3,20,2024-06-03\n";
    let shorts = holds("All short", "0", short).await;
    let expired = "AAPL240621C00150000,2,20,2024-05-06\nKO240621P00050000,-4,1,2024-05-06\n";
    let expired = holds("Expired", "0", expired).await;
    let enormous = "AAPL,1000000000,1000000000,2024-01-02\nKO,-1000000000,0.01,2024-01-02\n\
                    AAPL241220C00200000,1000000000,0.01,2024-06-03\n";
    let enormous = holds("Enormous", "-1000000000", enormous).await;
    app.completes_prices().await;

    is_sound("enormous", &Walk::through(&schema, &ada, &enormous).await.told().await);
    is_sound("short", &Walk::through(&schema, &ada, &shorts).await.told().await);
    is_sound("expired", &Walk::through(&schema, &ada, &expired).await.told().await);

    let empty = ada.creates_portfolio("Empty").await;
    is_sound("empty", &Walk::through(&schema, &ada, &empty).await.told().await);

    let value = "query($id: ID!) { portfolio(id: $id) { valuation { totalValue } } }";
    let value = ada.reads(value, json!({ "id": shorts })).await;
    let value = value["portfolio"]["valuation"]["totalValue"].as_str().expect("a value");
    let cash = value.trim_start_matches('-');
    assert_ne!(cash, value, "what is owed is below zero");
    let nothing = holds("Worth nothing", cash, short).await;
    is_sound("worth nothing", &Walk::through(&schema, &ada, &nothing).await.told().await);
}

/// Without any price a figure is null, or it is known all the same; a sum over nothing may be zero
/// if its quality says INSUFFICIENT, but no result of a stress test.
#[tokio::test]
async fn nothing_is_made_up_where_no_price_is_known() {
    const SHARES: &str = "AAPL,100,150,2024-01-02\nKO,-200,60,2024-01-02\n";
    const OPTIONS: &str =
        "AAPL241220C00200000,3,20,2024-01-02\nKO241220P00060000,-2,2,2024-01-02\n";
    let app = App::start().at(FRIDAY).await;
    let ada = app.sign_in("ada").await;
    let schema = Schema::read(&ada).await;
    for (rows, of_shares) in [(OPTIONS, [].as_slice()), (SHARES, OF_SHARES.as_slice())] {
        let book = ada.creates_portfolio(&format!("{} by definition", of_shares.len())).await;
        assert_eq!(ada.uploads(&book, format!("{HEADER}{rows}")).await["createdCount"], 2);
        let told = Walk::through(&schema, &ada, &book).await.told().await;
        is_sound(rows, &told);
        let is_known = |at: &str, figure: f64, quality: &str| {
            let name = at.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or(at);
            let may_be_zero =
                !NEVER_ZERO.iter().any(|one| at.split(['.', '_']).any(|part| part == *one));
            let is_of_nothing = figure == 0.0
                && (quality == "INSUFFICIENT" && may_be_zero
                    || name == "includedExposure"
                    || at.contains(".dividendYield"));
            is_of_nothing || KNOWN.contains(&name) || of_shares.contains(&name)
        };
        let made_up: BTreeSet<_> = told
            .figures
            .iter()
            .filter(|(at, figure, quality)| !is_known(at, *figure, quality))
            .map(|(at, figure, quality)| format!("{at} = {figure} {quality}"))
            .collect();
        assert!(made_up.is_empty(), "{rows}{made_up:#?}");
    }
}

#[tokio::test]
async fn ten_thousand_positions_take_no_more_statements() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let schema = Schema::read(&ada).await;
    let book = ada.creates_portfolio("Many").await;
    let first: NaiveDate = "2023-06-01".parse().expect("a day");
    let mut rows = HEADER.to_owned();
    for at in 0..10_000 {
        let day = first + Days::new(at / 40);
        let symbol =
            if at % 40 == 39 { "AAPL241220C00200000".into() } else { format!("T{:03}", at % 40) };
        writeln!(rows, "{symbol},{},{},{day}", 1 + at % 7, 10 + at % 90).expect("writes");
    }
    assert_eq!(ada.uploads(&book, rows).await["createdCount"], 10_000);
    app.completes_prices().await;
    is_sound("many", &Walk::through(&schema, &ada, &book).await.told().await);
}

/// One operation for everything that is computed takes as many statements for ten books of sixty
/// positions as for two of three.
#[tokio::test]
async fn everything_of_all_books_takes_the_same_statements_however_much_is_held() {
    async fn statements(portfolios: usize, positions: usize) -> u64 {
        let app = App::start().at(FRIDAY).with_simulated_prices().await;
        let ada = app.sign_in("ada").await;
        let rows = numbered(1..positions, |at| format!("T{at:03},{at},10,2024-01-02\n"));
        let option = "AAPL241220C00200000,2,5,2024-06-03\n";
        for name in 0..portfolios {
            let book = ada.creates_portfolio(&format!("Book {name}")).await;
            let said = ada.uploads(&book, format!("{HEADER}{option}{rows}")).await;
            assert_eq!(said["createdCount"], positions, "{said}");
        }
        app.completes_prices().await;
        let all = Schema::read(&ada).await.everything("Portfolio");
        // As deep as the cost of ten books allows.
        let mut answer = Value::Null;
        for depth in (1..5).rev() {
            let computed = all.iter().filter_map(|one| one.without(&KEPT)?.to_depth(depth));
            let computed = text(&computed.collect::<Vec<_>>());
            let query = format!("{{viewer{{portfolios(first:10){{nodes{{{computed}}}}}}}}}");
            answer = ada.asks(&query, json!({})).await;
            if codes(&answer) != ["QUERY_TOO_COMPLEX"] {
                break;
            }
        }
        assert_eq!(answer["errors"], Value::Null);
        let books = answer["data"]["viewer"]["portfolios"]["nodes"].as_array();
        assert_eq!(books.map(Vec::len), Some(portfolios));
        answer["extensions"]["statements"].as_u64().expect("a number of statements")
    }
    let (small, large) = (statements(2, 3).await, statements(10, 60).await);
    assert_eq!(small, large);
    assert!(small <= MOST_STATEMENTS, "{small} statements");
}
