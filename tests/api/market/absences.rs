//! What the providers do not have is noted range by range, with their words, and not asked for
//! again before its time.

use serde_json::{Value, json};
use sigmasight::domain::calendar::Calendar;
use sigmasight::services::Services;
use sigmasight::services::meter::Meter;
use sigmasight::services::prices::{self, Scope};
use sqlx::Row as _;

use super::chain::{aggregates, chain};
use super::keeping::{book_of, fills};
use super::stub::{Asked, json as answer};
use super::{Desk, date};
use crate::support::{App, Person};

/// Polygon of a plan that reaches back two years, and knows AAPL alone.
fn two_years(asked: &Asked) -> axum::response::Response {
    let parts: Vec<_> = asked.path.split('/').collect();
    match parts.as_slice() {
        ["", "v2", "aggs", "ticker", "AAPL", "range", "1", "day", from, to] => {
            let first = date(from).max(date("2024-01-05"));
            let days: Vec<_> =
                Calendar::default().sessions(first, date(to)).map(|day| day.to_string()).collect();
            let bars: Vec<_> = days.iter().map(|day| (day.as_str(), 100.0)).collect();
            answer(aggregates("AAPL", &bars))
        }
        _ => answer(json!({ "status": "OK", "results": [] })),
    }
}

fn ranges_asked(desk: &Desk) -> Vec<String> {
    let asked = desk.stub.asked().into_iter().map(|asked| asked.path);
    asked
        .filter_map(|path| Some(path.strip_prefix("/v2/aggs/ticker/AAPL/range/1/day/")?.into()))
        .collect()
}

#[tokio::test]
async fn history_beyond_a_provider_is_asked_for_once_a_week_whatever_arrives_meanwhile() {
    let desk = Desk::with(two_years).await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    book_of(&app, "AAPL,10,150,2022-12-01\n").await;
    fills(&app, &desk).await;
    assert_eq!(ranges_asked(&desk), ["2021-12-27/2026-01-05"]);

    for (nth, day) in (1..).zip(["2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"]) {
        let evening = format!("{day}T21:30:00Z");
        let (app, desk) = (app.restart().at(&evening).await, desk.clone().believing_in(&evening));
        assert_eq!(fills(&app, &desk).await, 1, "{day}");
        assert_eq!(ranges_asked(&desk)[nth..], [format!("{day}/{day}")], "that session alone");
        assert_eq!(fills(&app, &desk).await, 0, "once");
    }
    assert_eq!(desk.stub.calls(), 5 * 3, "bars, splits and dividends, five times");

    let mut db = app.superuser().await;
    let noted = sqlx::query("select first, last, said from price_absences")
        .fetch_all(&mut db)
        .await
        .expect("what is noted");
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].get::<chrono::NaiveDate, _>("first"), date("2021-12-27"));
    assert_eq!(noted[0].get::<chrono::NaiveDate, _>("last"), date("2024-01-04"));

    let evening = "2026-01-12T21:30:00Z";
    let (app, desk) = (app.restart().at(evening).await, desk.believing_in(evening));
    assert_eq!(fills(&app, &desk).await, 1);
    assert_eq!(ranges_asked(&desk)[5..], ["2021-12-27/2026-01-12"], "a week has passed");
}

#[tokio::test]
async fn a_hole_is_told_in_the_words_of_who_was_asked() {
    let desk = Desk::with(|asked| {
        let parts: Vec<_> = asked.path.split('/').collect();
        match parts.as_slice() {
            ["", "v2", "aggs", "ticker", "AAPL", ..] => {
                let days: Vec<_> = Calendar::default()
                    .sessions(date("2024-12-02"), date("2026-01-05"))
                    .filter(|day| *day != date("2025-06-03") && *day != date("2025-06-04"))
                    .map(|day| day.to_string())
                    .collect();
                let bars: Vec<_> = days.iter().map(|day| (day.as_str(), 100.0)).collect();
                answer(aggregates("AAPL", &bars))
            }
            _ => answer(json!({ "status": "OK", "results": [] })),
        }
    })
    .await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let (ada, book) = book_of(&app, "AAPL,10,150,2025-12-01\nNOPE,10,20,2025-12-01\n").await;
    fills(&app, &desk).await;

    let seen = quality_of(&ada, &book).await;
    assert_eq!(
        seen["partialHistory"],
        json!([{
            "symbol": "AAPL", "daysAvailable": 251, "daysMissing": 2,
            "reason": "2025-06-03 to 2025-06-04: Polygon has no bar of some sessions.",
        }])
    );
    let nope = &seen["insufficient"][0];
    assert_eq!((&nope["symbol"], &nope["daysMissing"]), (&json!("NOPE"), &json!(253)));
    let reason = nope["reason"].as_str().expect("a reason");
    assert!(reason.contains("Polygon has nothing: no bars in that range"), "{reason}");
}

#[tokio::test]
async fn what_is_noted_of_history_outlives_a_night_that_does_not_look_at_it() {
    let desk = Desk::with(two_years).await;
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    book_of(&app, "AAPL,10,150,2022-12-01\n").await;
    fills(&app, &desk).await;

    let evening = "2026-01-06T21:30:00Z";
    let (app, desk) = (app.restart().at(evening).await, desk.believing_in(evening));
    let services = Services { chain: chain(&desk), ..app.services.clone() };
    let tonight = Scope { only_since: Some(date("2026-01-05")), ..Scope::default() };
    let stored = prices::complete(&services, &tonight, &Meter::default()).await;
    assert_eq!(stored.expect("prices"), 1);
    let asked = ranges_asked(&desk).len();
    assert_eq!(fills(&app, &desk).await, 0);
    assert_eq!(ranges_asked(&desk).len(), asked, "a week has not passed");
}

async fn quality_of(person: &Person, book: &str) -> Value {
    let query = "query($id: ID!) { portfolio(id: $id) { dataQuality {
        partialHistory { symbol daysAvailable daysMissing reason }
        insufficient { symbol daysAvailable daysMissing reason }
    } } }";
    person.reads(query, json!({ "id": book })).await["portfolio"]["dataQuality"].take()
}
