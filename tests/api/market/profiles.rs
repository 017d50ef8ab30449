//! What symbols stand for, completed after an upload.

use axum::http::header::SET_COOKIE;
use serde_json::{Value, json};
use sigmasight::services::meter::Meter;
use sigmasight::services::{Services, profiles};

use super::Desk;
use super::chain::chain;
use super::keeping::book_of;
use super::stub::{Asked, json as answer, status, text, with_header};
use crate::support::{App, Person};

/// Yahoo as it describes what it knows; its crumb is a crumb, or an error in words.
fn yahoo(asked: &Asked, crumb: &'static str) -> axum::response::Response {
    let symbol = asked.path.strip_prefix("/v10/finance/quoteSummary/");
    match (asked.path.as_str(), symbol) {
        ("/", _) => with_header(status(404, json!({})), SET_COOKIE, "A3=d=AQAB; Path=/"),
        ("/v1/test/getcrumb", _) => text(crumb),
        (_, Some("JPM")) => answer(summary(
            "JPMorgan Chase & Co.",
            "EQUITY",
            &json!({
            "sector": "Financial Services", "industry": "Banks - Diversified" }),
        )),
        (_, Some("ARKK")) => answer(summary("ARK Innovation ETF", "ETF", &Value::Null)),
        _ => status(
            404,
            json!({ "quoteSummary": { "result": null, "error": {
            "code": "Not Found", "description": "Quote not found for symbol: NOPE" } } }),
        ),
    }
}

fn summary(name: &str, kind: &str, about: &Value) -> Value {
    json!({ "quoteSummary": { "error": null, "result": [{
        "price": { "longName": name, "currency": "USD", "quoteType": kind },
        "assetProfile": about,
    }] } })
}

async fn completes(app: &App, desk: &Desk) -> usize {
    let services = Services { chain: chain(desk), ..app.services.clone() };
    profiles::complete(&services, &Meter::default()).await.expect("symbols are described")
}

async fn seen(person: &Person) -> Value {
    let query = "{ instruments { nodes { symbol name assetClass sector industry } } }";
    person.reads(query, json!({})).await["instruments"]["nodes"].take()
}

#[tokio::test]
async fn a_new_symbol_gets_its_name_class_and_sector_and_is_asked_about_once() {
    let desk = Desk::with(|asked| yahoo(asked, "abcDEF12./x")).await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let file = "JPM260116C00300000,1,5,2025-12-01\nARKK,10,70,2025-12-01\nNOPE,10,20,2025-12-01\n";
    let (ada, book) = book_of(&app, file).await;
    // The program knows something of it already.
    sqlx::query("update instruments set industry = 'Money' where symbol = 'JPM'")
        .execute(&mut app.superuser().await)
        .await
        .expect("a row");
    assert_eq!(completes(&app, &desk).await, 2);
    let jpm = json!({ "symbol": "JPM", "name": "JPMorgan Chase & Co.", "assetClass": "EQUITY",
                      "sector": "Financials", "industry": "Money" });
    let nodes = seen(&ada).await;
    let nodes = nodes.as_array().expect("a page");
    assert!(nodes.contains(&jpm), "{nodes:?}");
    assert!(nodes.contains(&json!({ "symbol": "ARKK", "name": "ARK Innovation ETF",
                                    "assetClass": "ETF", "sector": null, "industry": null })));
    assert!(nodes.contains(&json!({ "symbol": "NOPE", "name": null, "assetClass": "UNKNOWN",
                                    "sector": null, "industry": null })));

    let by_sector = "query($id: ID!) { portfolio(id: $id) {
        positionGroups(by: SECTOR) { key positionCount }
    } }";
    let groups = ada.reads(by_sector, json!({ "id": book })).await;
    let groups = groups["portfolio"]["positionGroups"].as_array().expect("groups").clone();
    assert!(groups.iter().any(|group| group["key"] == "Financials"), "{groups:?}");

    let asked_about = || {
        let asked = desk.stub.asked().into_iter().map(|asked| asked.path);
        let symbols =
            asked.filter_map(|path| Some(path.strip_prefix("/v10/finance/quoteSummary/")?.into()));
        symbols.collect::<Vec<String>>()
    };
    assert_eq!(asked_about(), ["ARKK", "JPM", "NOPE"]);
    let at = async |instant: &str| app.restart().at(instant).await;
    assert_eq!(completes(&at("2026-01-20T21:30:00Z").await, &desk).await, 0);
    assert_eq!(asked_about().len(), 3, "not every night");
    completes(&at("2026-02-06T21:30:00Z").await, &desk).await;
    assert_eq!(asked_about()[3..], ["NOPE"], "a month later about that alone");
}

#[tokio::test]
async fn a_crumb_that_is_an_error_in_words_is_asked_for_again_the_day_after() {
    let desk = Desk::with(|asked| {
        yahoo(asked, if asked.earlier == 0 { "Invalid Cookie of yours" } else { "abcDEF12./x" })
    })
    .await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let (ada, _) = book_of(&app, "JPM,10,200,2025-12-01\n").await;
    assert_eq!(completes(&app, &desk).await, 0);
    let calls = desk.stub.calls();
    let later = app.restart().at("2026-01-06T21:00:00Z").await;
    assert_eq!(completes(&later, &desk).await, 0);
    assert_eq!(desk.stub.calls(), calls, "before a day has passed nobody is asked");
    let later = app.restart().at("2026-01-06T22:00:00Z").await;
    assert_eq!(completes(&later, &desk).await, 1);
    assert_eq!(seen(&ada).await[0]["sector"], "Financials");
}

#[tokio::test]
async fn what_is_simulated_is_of_the_sector_its_returns_are_made_with() {
    let app = App::start().at("2026-01-05T21:30:00Z").with_simulated_prices().await;
    let (ada, _) = book_of(&app, "JPM,10,200,2025-12-01\nQQQQX,10,20,2025-12-01\n").await;
    app.works_through_its_queue().await;
    let query = "{ instruments(symbols: [\"JPM\", \"QQQQX\"]) {
        nodes { symbol assetClass sector }
    } }";
    let nodes = ada.reads(query, json!({})).await["instruments"]["nodes"].take();
    let expected = json!([
        { "symbol": "JPM", "assetClass": "EQUITY", "sector": "Financials" },
        { "symbol": "QQQQX", "assetClass": "MUTUAL_FUND", "sector": null },
    ]);
    assert_eq!(nodes, expected);
}
