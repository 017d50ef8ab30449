//! The Treasury's yields: fetched once, carried over holidays, never mixed with simulated ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::Response;
use serde_json::{Value, json};
use sigmasight::domain::rate::{Tenor, Yield, YieldSource};
use sigmasight::market::chain::Chain;
use sigmasight::services::Services;
use sigmasight::services::rates::{self, Levels, MAX_AGE_DAYS};
use sigmasight::store;
use sigmasight::store::yields::YieldRange;

use super::fred::observations;
use super::stub::{Asked, json as answer, status};
use super::{Desk, date, decimal};
use crate::support::{App, codes};

const CURVE: &str = "query($asOf: Date) { yieldCurve(asOf: $asOf) {
    asOf configuredRate quality warnings twoYears: rate(years: 2) six: rate(years: 6)
    points { tenor years yield continuousRate date source isStale }
} }";

/// Mondays are published on Tuesday; the bond market rests on Christmas; nobody lends for twenty
/// years.
fn fred(asked: &Asked) -> Response {
    let (from, to) = (&asked.query["observation_start"], &asked.query["observation_end"]);
    let percent = match asked.query["series_id"].as_str() {
        "DGS20" => return answer(observations(&[])),
        "DGS5" => "4.20",
        "DGS7" => "4.40",
        "DGS2" => "4",
        _ => "4.15",
    };
    let all = [("2025-12-24", percent), ("2025-12-25", "."), ("2026-01-02", percent)];
    let rows: Vec<_> = all
        .iter()
        .filter(|(day, _)| from.as_str() <= *day && *day <= to.as_str())
        .map(|(day, value)| ("2026-01-05", *day, *value))
        .collect();
    answer(observations(&rows))
}

fn asking(app: &App, desk: &Desk) -> Services {
    let chain = Chain::new(vec![Arc::new(desk.fred())], desk.calendar.clone());
    Services { chain, ..app.services.clone() }
}

async fn fills(app: &App, desk: &Desk) -> u64 {
    rates::fill(&asking(app, desk)).await.expect("yields are completed")
}

async fn curve(app: &App, as_of: Option<&str>) -> Value {
    let ada = app.sign_in("ada").await;
    ada.reads(CURVE, json!({ "asOf": as_of })).await["yieldCurve"].take()
}

async fn sources(app: &App) -> Vec<String> {
    sqlx::query_scalar("select distinct source from treasury_yields order by source")
        .fetch_all(&mut app.superuser().await)
        .await
        .expect("the yields")
}

#[tokio::test]
async fn published_yields_become_the_curve_of_a_session() {
    let desk = Desk::with(fred).await;
    let app = App::start().await;
    assert_eq!(fills(&app, &desk).await, 24, "twelve tenors, two days");
    let curve = curve(&app, None).await;

    assert_eq!(curve["asOf"], "2026-01-05");
    let points = curve["points"].as_array().expect("points");
    let tenors: Vec<_> = points.iter().map(|point| &point["tenor"]).collect();
    let expected = [
        "ONE_MONTH",
        "THREE_MONTHS",
        "SIX_MONTHS",
        "ONE_YEAR",
        "TWO_YEARS",
        "THREE_YEARS",
        "FIVE_YEARS",
        "SEVEN_YEARS",
        "TEN_YEARS",
        "THIRTY_YEARS",
    ];
    assert_eq!(tenors, expected, "neither a rate of a day nor what nobody knows");
    assert_eq!(points[4]["yield"], "0.04", "divided by a hundred once");
    assert_eq!((&points[4]["date"], &points[4]["isStale"]), (&json!("2026-01-02"), &json!(true)));
    assert_eq!(points[4]["source"], "FRED");
    let near = |value: &Value, expected: f64| {
        let value = value.as_f64().expect("a number");
        assert!((value - expected).abs() < 1e-12, "{value} and {expected}");
    };
    near(&points[4]["continuousRate"], 2.0 * 1.02_f64.ln());
    near(&curve["twoYears"], 2.0 * 1.02_f64.ln());
    near(&curve["six"], 1.021_f64.ln() + 1.022_f64.ln());
    assert_eq!((&curve["quality"], &curve["configuredRate"]), (&json!("STALE"), &Value::Null));
    let warnings = curve["warnings"].to_string();
    assert!(warnings.contains("20 years") && warnings.contains("2026-01-02"), "{warnings}");
}

#[tokio::test]
async fn only_days_that_are_missing_are_asked_for_and_not_at_once() {
    let desk = Desk::with(fred).await;
    let app = App::start().await;
    fills(&app, &desk).await;
    let first = desk.stub.asked();
    assert_eq!(first.len(), Tenor::ALL.len());
    assert_eq!(first[0].query["observation_start"], "2023-12-25", "342 sessions, whole years");
    assert_eq!(first[0].query["observation_end"], "2026-01-05");
    assert_eq!(fills(&app, &desk).await, 0);
    assert_eq!(desk.stub.calls(), first.len());

    let later = app.restart().at("2026-01-05T22:00:00Z").await;
    assert_eq!(fills(&later, &desk).await, 0);
    let again = desk.stub.asked().split_off(first.len());
    let asked = again.iter().find(|asked| asked.query["series_id"] == "DGS10").expect("asked");
    assert_eq!(
        asked.query["observation_start"], "2026-01-03",
        "what is there is not fetched twice"
    );

    // Somebody enters an old position: what its history needs, and no more.
    let ada = later.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2022-06-01\n";
    ada.uploads(&book, file).await;
    let later = later.restart().at("2026-01-05T22:30:00Z").await;
    let before = desk.stub.calls();
    fills(&later, &desk).await;
    let asked = desk.stub.asked().split_off(before);
    let range = |asked: &Asked| {
        (asked.query["observation_start"].clone(), asked.query["observation_end"].clone())
    };
    let ten: Vec<_> =
        asked.iter().filter(|asked| asked.query["series_id"] == "DGS10").map(range).collect();
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(ten, [pair("2021-12-25", "2023-12-24"), pair("2026-01-03", "2026-01-05")]);
}

#[tokio::test]
async fn a_yield_is_carried_for_ten_days_and_then_the_configured_rate_stands_in() {
    let desk = Desk::with(fred).await;
    let app = App::start().at("2026-01-14T21:30:00Z").await;
    fills(&app, &desk).await;
    let christmas = curve(&app, Some("2025-12-26")).await;
    assert_eq!(christmas["points"][0]["date"], "2025-12-24", "over a day without a value");
    let tenth = curve(&app, Some("2026-01-12")).await;
    assert_eq!(tenth["points"][0]["date"], "2026-01-02");

    let stopped = curve(&app, Some("2026-01-13")).await;
    assert_eq!((&stopped["points"], &stopped["twoYears"]), (&json!([]), &json!(0.05)));
    assert_eq!(
        (&stopped["configuredRate"], &stopped["quality"]),
        (&json!(0.05), &json!("ESTIMATED"))
    );
    assert!(stopped["warnings"][0].as_str().is_some_and(|said| said.contains("configured")));
    let before = curve(&app, Some("2025-12-23")).await;
    assert_eq!(before["configuredRate"], 0.05, "what comes later is not known yet");
}

#[tokio::test]
async fn simulated_yields_make_room_for_observed_ones_and_never_come_back() {
    let desk = Desk::with(fred).await;
    let app = App::start().with_simulated_prices().await;
    app.completes_prices().await;
    let simulated = curve(&app, None).await;
    assert_eq!(simulated["points"].as_array().map(Vec::len), Some(11));
    assert_eq!(
        (&simulated["quality"], &simulated["points"][0]["source"]),
        (&json!("ESTIMATED"), &json!("SYNTHETIC"))
    );
    assert_eq!(rates::fill(&app.services).await.expect("complete"), 0, "complete is complete");

    fills(&app, &desk).await;
    assert_eq!(sources(&app).await, ["FRED"]);
    assert_eq!(rates::fill(&app.services).await.expect("nothing to do"), 0);
    let made_up = Yield {
        tenor: Tenor::TwentyYears,
        date: date("2026-01-05"),
        rate: decimal("0.05"),
        source: YieldSource::Synthetic,
    };
    let stored = store::yields::upsert_all(app.services.db.shared(), &[made_up]).await;
    assert_eq!(stored.expect("a statement"), 0, "not even for a tenor that nobody knows");
    let kept: i64 = sqlx::query_scalar("select count(*) from treasury_yields_history")
        .fetch_one(&mut app.superuser().await)
        .await
        .expect("the history");
    assert!(kept > 5_000, "what was believed is kept: {kept}");
}

#[tokio::test]
async fn whoever_simulates_and_whoever_asks_at_once_leave_one_curve() {
    let desk = Desk::with(fred).await;
    let app = App::start().with_simulated_prices().await;
    let asking = asking(&app, &desk);
    let (one, other, made_up) =
        tokio::join!(rates::fill(&asking), rates::fill(&asking), rates::fill(&app.services));
    assert_eq!(one.expect("asked") + other.expect("asked"), 24, "each yield is stored once");
    made_up.expect("simulated, or too late");
    assert_eq!(sources(&app).await, ["FRED"]);
}

#[tokio::test]
async fn while_fred_is_down_what_was_there_stays() {
    let is_down = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_down);
    let desk = Desk::with(move |asked| {
        if switch.load(Ordering::Relaxed) { status(503, json!({})) } else { fred(asked) }
    })
    .await;
    let app = App::start().with_simulated_prices().await;
    fills(&app, &desk).await;
    is_down.store(true, Ordering::Relaxed);
    let before = desk.stub.calls();
    let app = app.restart().at("2026-01-06T21:30:00Z").await;
    assert_eq!(fills(&app, &desk).await, 0, "no failure of ours");
    assert_eq!(desk.stub.calls() - before, 6, "one request in all its attempts, not thirteen");
    assert_eq!(curve(&app, None).await["points"][0]["date"], "2026-01-02");
    assert_eq!(fills(&app, &desk).await, 0);
    assert_eq!(desk.stub.calls() - before, 6, "and not again at once");
}

#[tokio::test]
async fn many_curves_cost_one_statement() {
    let app = App::start().with_simulated_prices().await;
    app.completes_prices().await;
    let ada = app.sign_in("ada").await;
    let one = ada.asks("{ yieldCurve { quality } }", json!({})).await;
    let days = (2..=30).map(|day| {
        format!("d{day}: yieldCurve(asOf: \"2025-06-{day:02}\") {{ points {{ yield }} }}")
    });
    let many = ada.asks(&format!("{{ {} }}", days.collect::<String>()), json!({})).await;
    assert_eq!(many["errors"], Value::Null);
    assert_eq!(many["extensions"]["statements"], one["extensions"]["statements"]);

    let backwards = ada.asks("{ yieldCurve { rate(years: -1) } }", json!({})).await;
    assert_eq!(codes(&backwards), ["VALIDATION"]);
    let nobody = app.asks("{ yieldCurve { quality } }", json!({})).await;
    assert_eq!(codes(&nobody), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn levels_of_a_yield_are_carried_into_a_range() {
    let desk = Desk::with(fred).await;
    let app = App::start().await;
    fills(&app, &desk).await;
    let ranges = [
        YieldRange { tenor: Tenor::TenYears, from: date("2025-12-26"), to: date("2026-01-05") },
        YieldRange { tenor: Tenor::TwoYears, from: date("2026-01-05"), to: date("2026-01-05") },
        YieldRange { tenor: Tenor::TwentyYears, from: date("2026-01-05"), to: date("2026-01-05") },
    ];
    let stored = store::yields::series(app.services.db.shared(), &ranges, MAX_AGE_DAYS.into());
    let stored = stored.await.expect("the yields");
    assert_eq!(stored.len(), 2, "there is none for twenty years");
    for stored in stored {
        let tenor = stored.range.tenor;
        let sessions = [date("2025-12-26"), date("2026-01-05")];
        let levels = Levels::from(stored).over(&sessions);
        let expected = match tenor {
            Tenor::TenYears => [Some(0.0415), Some(0.0415)],
            _ => [None, Some(0.04)],
        };
        assert_eq!(levels, expected, "{tenor}");
    }
}
