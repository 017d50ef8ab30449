//! The demo, and prices that nobody traded at.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::domain::id::InstrumentId;
use sigmasight::domain::price::{Bar, PriceSource};
use sigmasight::services::meter::Meter;
use sigmasight::services::{demo, snapshots};
use sigmasight::store;

use super::{day, decimal, list, mentions, position, text};
use crate::support::{App, Person, codes};

/// Friday the 28th of June 2024, an hour after the close.
const FRIDAY: &str = "2024-06-28T21:00:00Z";
/// The accounts, each with the number of positions of its book.
const ACCOUNTS: [(&str, usize); 3] =
    [("demo_individual", 16), ("demo_hnw", 17), ("demo_hedgefundstyle", 30)];

const LOGIN: &str = "
    mutation($input: LoginInput!) {
        login(input: $input) { session { accessToken refreshToken } viewer { user { role } } }
    }";

const BOOKS: &str = "{
    viewer {
        portfolios(first: 1) {
            totalCount
            nodes {
                id
                name
                valuation { totalValue asOf quality }
                exposures { grossExposure leverage }
                positions(first: 50) {
                    totalCount
                    nodes {
                        id
                        symbol
                        instrument { contract { expiry isExpired } }
                        tags { name }
                        valuation { priceDate priceSource exposure quality warnings }
                    }
                }
            }
        }
    }
}";

async fn seeds(app: &App) {
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
}

/// Somebody of the demo, signed in with the published password.
async fn demo_user(app: &App, name: &str) -> Person {
    let email = format!("{name}@sigmasight.com");
    let input = json!({ "email": email, "password": demo::PASSWORD });
    let answer = app.asks(LOGIN, json!({ "input": input })).await;
    let login = &answer["data"]["login"];
    let role = if name == "admin" { "ADMIN" } else { "USER" };
    assert_eq!(login["viewer"]["user"]["role"], role, "{name}: {answer}");
    let token = |kind: &str| text(&login["session"][kind]).to_owned();
    let (access_token, refresh_token) = (token("accessToken"), token("refreshToken"));
    Person { app: app.clone(), email, access_token, refresh_token }
}

/// The one book of somebody of the demo.
async fn book_of(app: &App, name: &str) -> Value {
    let mut seen = demo_user(app, name).await.reads(BOOKS, json!({})).await;
    assert_eq!(seen["viewer"]["portfolios"]["totalCount"], 1, "{name}");
    seen["viewer"]["portfolios"]["nodes"][0].take()
}

/// What the night of each session would have found is there, as it is found as of that session.
#[tokio::test]
async fn the_demo_has_a_past() {
    const PAST: &str = "query($as: Date!, $scenario: ID!) { viewer { portfolios { nodes {
        snapshot(date: $as) { factorExposures { ...exposure } }
        factorExposures(asOf: $as) { ...exposure }
        stressHistory(scenarioId: $scenario, from: $as, to: $as) { ...stress }
        stressTest(scenarioIds: [$scenario], asOf: $as) { ...stress }
    } } } }
    fragment exposure on FactorExposure { factor { name } beta exposureDollars quality }
    fragment stress on StressResult { asOf directPnl totalPnl fullRevaluationPnl quality }";
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    seeds(&app).await;
    let sessions = snapshots::history(&app.services);
    assert_eq!(sessions.len(), 90);
    let some = [sessions[40], sessions[41], sessions[89]];
    demo::remember(&app.services, &some, &Meter::default()).await.expect("a past");
    for (name, _) in ACCOUNTS {
        let owner = demo_user(&app, name).await;
        let scenarios = owner.reads("{ stressScenarios { id } }", json!({})).await;
        let scenario = &list(&scenarios["stressScenarios"])[0]["id"];
        for session in some {
            let asked = json!({ "as": session, "scenario": scenario });
            let found = owner.reads(PAST, asked).await;
            let book = &found["viewer"]["portfolios"]["nodes"][0];
            let exposures = list(&book["factorExposures"]);
            assert_eq!(exposures.len(), 7, "{name}");
            assert_eq!(list(&book["snapshot"]["factorExposures"]), exposures, "{name} {session}");
            assert_eq!(list(&book["stressTest"]).len(), 1, "{name} {session}");
            assert_eq!(book["stressHistory"], book["stressTest"], "{name} {session}");
        }
    }
}

#[tokio::test]
async fn the_demo_is_there_and_making_it_again_changes_nothing() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    seeds(&app).await;
    demo_user(&app, "admin").await;
    let mut before = Vec::new();
    for (name, positions) in ACCOUNTS {
        let book = book_of(&app, name).await;
        assert_eq!(book["positions"]["totalCount"], positions, "{name}");
        assert_eq!(book["valuation"]["asOf"], "2024-06-28");
        assert_eq!(book["valuation"]["quality"], "ESTIMATED", "simulated prices say so");
        for position in list(&book["positions"]["nodes"]) {
            let figures = &position["valuation"];
            assert_eq!(figures["priceDate"], "2024-06-28", "{name} {position}");
            assert_eq!(figures["priceSource"], "SYNTHETIC", "{name} {position}");
            assert_eq!(figures["quality"], "ESTIMATED", "{name} {position}");
            assert!(mentions(&figures["warnings"], "SYNTHETIC"), "{name} {position}");
        }
        before.push(book);
    }

    seeds(&app).await;
    for ((name, _), before) in ACCOUNTS.into_iter().zip(before) {
        assert_eq!(book_of(&app, name).await, before, "{name}");
    }
}

#[tokio::test]
async fn the_demo_never_goes_stale() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    seeds(&app).await;
    let before = book_of(&app, "demo_hedgefundstyle").await;
    let later = app.restart().at("2024-11-29T22:00:00Z").await;
    seeds(&later).await;

    for (name, positions) in ACCOUNTS {
        let book = book_of(&later, name).await;
        assert_eq!(book["positions"]["totalCount"], positions, "{name}");
        for position in list(&book["positions"]["nodes"]) {
            assert_ne!(position["instrument"]["contract"]["isExpired"], true, "{position}");
            assert_eq!(position["valuation"]["priceDate"], "2024-11-29", "{name} {position}");
        }
    }
    let after = book_of(&later, "demo_hedgefundstyle").await;
    let ids = |book: &Value, is_option: bool| -> BTreeSet<String> {
        let positions = list(&book["positions"]["nodes"]).iter();
        positions
            .filter(|position| position["instrument"]["contract"].is_object() == is_option)
            .map(|position| text(&position["id"]).to_owned())
            .collect()
    };
    assert_eq!(ids(&before, false), ids(&after, false), "shares stay");
    assert_eq!(ids(&after, true).len(), 8);
    let expired: BTreeSet<_> = list(&before["positions"]["nodes"])
        .iter()
        .filter(|position| {
            let expiry = position["instrument"]["contract"]["expiry"].as_str();
            expiry.is_some_and(|expiry| day(expiry) < day("2024-11-29"))
        })
        .map(|position| text(&position["id"]).to_owned())
        .collect();
    assert!(!expired.is_empty(), "five months are enough for some to expire");
    assert!(ids(&after, true).is_disjoint(&expired), "and those made room");
    let living: BTreeSet<_> = ids(&before, true).difference(&expired).cloned().collect();
    assert!(ids(&after, true).is_superset(&living), "the others stayed");
}

const SOURCES: &str = "
    query($symbol: String!) {
        instrument(symbol: $symbol) { prices(first: 500) { nodes { source } } }
    }";

const IMPORT: &str = "
    mutation($input: ImportPricesInput!) {
        importPrices(input: $input) { importedBars userErrors { code } }
    }";

/// Where the bars of a symbol come from, each source once.
async fn sources(person: &Person, symbol: &str) -> BTreeSet<String> {
    let seen = person.reads(SOURCES, json!({ "symbol": symbol })).await;
    let bars = list(&seen["instrument"]["prices"]["nodes"]).iter();
    bars.map(|bar| text(&bar["source"]).to_owned()).collect()
}

#[tokio::test]
async fn observed_prices_take_the_place_of_simulated_ones() {
    const OPTION: &str = "AAPL241220C00200000";
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    let (ada, admin) = (app.sign_in("ada").await, app.sign_in_admin("grace").await);
    let book = ada.creates_portfolio("Core").await;
    let file = format!(
        "ticker,quantity,entry_price,entry_date\n\
         AAPL,100,150,2024-06-03\n{OPTION},1,20,2024-06-03\nXOM,10,100,2024-06-03\n"
    );
    ada.uploads(&book, file).await;
    app.completes_prices().await;
    let of = |source: &str| BTreeSet::from([source.to_owned()]);
    for symbol in ["AAPL", OPTION, "XOM"] {
        assert_eq!(sources(&ada, symbol).await, of("SYNTHETIC"), "{symbol}");
    }

    let prices = "symbol,date,close\nAAPL,2024-06-27,214.1\nAAPL,2024-06-28,210.62\n";
    let refused = ada.asks(IMPORT, json!({ "input": { "csv": prices } })).await;
    assert_eq!(codes(&refused), ["FORBIDDEN"], "{refused}");
    assert_eq!(sources(&ada, "AAPL").await, of("SYNTHETIC"), "only an administrator loads prices");

    let said = admin.imports_prices(prices).await;
    assert_eq!((&said["importedBars"], &said["symbols"]), (&json!(2), &json!(["AAPL"])), "{said}");
    assert_eq!(sources(&ada, "AAPL").await, of("IMPORT"));
    assert_eq!(sources(&ada, OPTION).await, BTreeSet::new(), "it was made up from the others");
    assert_eq!(sources(&ada, "XOM").await, of("SYNTHETIC"), "another matter");
    let seen = ada.values(&book, None).await;
    assert_eq!(position(&seen, "AAPL")["valuation"]["quality"], "FULL");
    assert_eq!(super::number(&position(&seen, "AAPL")["valuation"]["dailyPnl"]), decimal("-348"));
    assert_eq!(position(&seen, OPTION)["valuation"]["exposure"], Value::Null);

    // The option is simulated anew, from what was observed; the observed series stays alone.
    app.completes_prices().await;
    assert_eq!(sources(&ada, "AAPL").await, of("IMPORT"));
    assert_eq!(sources(&ada, OPTION).await, of("SYNTHETIC"));
    let again = admin.imports_prices(prices).await;
    assert_eq!(again["importedBars"], 0, "what is there already, alike, is not counted");
}

#[tokio::test]
async fn a_simulated_price_is_never_put_into_an_observed_series() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    app.knows_prices("symbol,date,close\nAAPL,2024-06-28,210.62\n").await;
    let mut db = app.superuser().await;
    let id = sqlx::query_scalar("select id from instruments where symbol = 'AAPL'")
        .fetch_one(&mut db)
        .await
        .expect("an instrument");
    // What was simulated before the import, and is stored after it.
    let late = Bar {
        instrument_id: InstrumentId(id),
        date: day("2024-06-27"),
        open: None,
        high: None,
        low: None,
        close: decimal("214"),
        volume: None,
        adjustment: None,
        source: PriceSource::Synthetic,
    };
    let mut tx = app.services.db.begin_shared().await.expect("a transaction");
    let stored = store::prices::upsert_all(tx.statement(), &[late]).await.expect("a statement");
    tx.commit().await.expect("a commit");
    assert_eq!(stored, 0);
    assert_eq!(sources(&ada, "AAPL").await, BTreeSet::from(["IMPORT".to_owned()]));
}

#[tokio::test]
async fn what_a_person_put_into_a_demo_book_stays() {
    const MINE: &str = "AAPL260116C00150000";
    let app = App::start().with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let input = json!({ "email": "demo_hnw@sigmasight.com", "password": demo::PASSWORD });
    let login =
        "mutation($input: LoginInput!) { login(input: $input) { session { accessToken } } }";
    let sign_in = async |app: &App| {
        let answer = app.asks(login, json!({ "input": input })).await;
        let token = text(&answer["data"]["login"]["session"]["accessToken"]).to_owned();
        Person {
            app: app.clone(),
            email: String::new(),
            access_token: token,
            refresh_token: String::new(),
        }
    };
    let person = sign_in(&app).await;
    let seen = person.reads("{ viewer { portfolios { nodes { id } } } }", json!({})).await;
    let book = text(&seen["viewer"]["portfolios"]["nodes"][0]["id"]).to_owned();
    let file = format!("ticker,quantity,entry_price,entry_date\n{MINE},7,3,2025-12-01\n");
    assert_eq!(person.uploads(&book, file).await["createdCount"], 1);

    // Its expiry has passed when the demo is completed again.
    let app = app.restart().at("2026-02-02T21:30:00Z").await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let seen = sign_in(&app).await.values(&book, None).await;
    assert_eq!(position(&seen, MINE)["quantity"], "7");
    assert_eq!(seen["valuation"]["positionCount"], 18, "nothing came beside it");
}
