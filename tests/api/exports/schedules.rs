//! Reports that are made again and again: once each, in New York's time, kept in the history.

use chrono::{DateTime, Utc};
use futures_util::future::join;
use serde_json::{Value, json};
use sigmasight::clock::Clock;
use sigmasight::jobs::schedule;
use sigmasight::services::Services;

use super::HISTORY;
use crate::support::{App, Person, user_codes};

const CREATE: &str = "
    mutation($input: CreateReportScheduleInput!) {
        createReportSchedule(input: $input) {
            schedule { id template format cron timeZone isEnabled nextRunAt
                       portfolio { id } lastExport { id } }
            userErrors { code field message }
        }
    }";

const DELETE: &str = "
    mutation($id: ID!) {
        deleteReportSchedule(input: { id: $id }) { deletedId userErrors { code } }
    }";

const SCHEDULES: &str = "
    query($id: ID!) {
        portfolio(id: $id) {
            reportSchedules { id nextRunAt lastExport { kind format status fileName } }
        }
    }";

async fn creates(person: &Person, portfolio: &str, cron: &str) -> Value {
    let input = json!({
        "portfolioId": portfolio, "template": "summary", "format": "MARKDOWN", "cron": cron,
    });
    person.reads(CREATE, json!({ "input": input })).await["createReportSchedule"].take()
}

/// A service whose clock stands elsewhere.
fn at(app: &App, instant: &str) -> Services {
    let instant: DateTime<Utc> = instant.parse().expect("an instant");
    Services { clock: Clock::fixed_at(instant), ..app.services.clone() }
}

/// Two processes look at the same moment; how many files there are then.
async fn files_after(app: &App, ada: &Person, instant: &str) -> Value {
    let (one, other) = (at(app, instant), at(app, instant));
    let (one, other) = join(schedule::look(&one), schedule::look(&other)).await;
    one.expect("a look");
    other.expect("a look");
    ada.reads(HISTORY, json!({})).await["viewer"]["exports"]["totalCount"].clone()
}

#[tokio::test]
async fn a_report_is_made_once_each_time_and_once_for_all_it_was_missed() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    // Monday the 5th of January 2026, half past four in the afternoon in New York.
    let made = creates(&ada, &core, "0 18 * * 1-5").await;
    let schedule = &made["schedule"];
    assert_eq!(made["userErrors"], json!([]));
    assert_eq!(schedule["nextRunAt"], "2026-01-05T23:00:00+00:00");
    assert_eq!(
        (&schedule["timeZone"], &schedule["lastExport"]),
        (&json!("America/New_York"), &Value::Null)
    );

    assert_eq!(files_after(&app, &ada, "2026-01-05T22:59:00Z").await, 0);
    assert_eq!(files_after(&app, &ada, "2026-01-05T23:00:00Z").await, 1);
    assert_eq!(files_after(&app, &ada, "2026-01-05T23:01:00Z").await, 1);
    // Nobody was there for three evenings.
    assert_eq!(files_after(&app, &ada, "2026-01-09T12:00:00Z").await, 2);

    app.works_through_its_queue().await;
    let told = ada.reads(SCHEDULES, json!({ "id": core })).await;
    let told = &told["portfolio"]["reportSchedules"][0];
    assert_eq!(told["nextRunAt"], "2026-01-09T23:00:00+00:00");
    assert_eq!(
        told["lastExport"],
        json!({ "kind": "REPORT", "format": "MARKDOWN", "status": "SUCCEEDED",
                "fileName": "core-report-2026-01-08.md" })
    );

    let gone = ada.reads(DELETE, json!({ "id": schedule["id"] })).await;
    assert_eq!(gone["deleteReportSchedule"]["deletedId"], schedule["id"]);
    assert_eq!(files_after(&app, &ada, "2026-01-12T23:30:00Z").await, 2, "what was made stays");
}

#[tokio::test]
async fn a_schedule_follows_the_clocks_of_new_york() {
    let app = App::start().at("2026-03-06T22:00:00Z").await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let made = creates(&ada, &core, "0 18 * * 1-5").await;
    assert_eq!(made["schedule"]["nextRunAt"], "2026-03-06T23:00:00+00:00");
    assert_eq!(files_after(&app, &ada, "2026-03-06T23:00:00Z").await, 1);
    let told = ada.reads(SCHEDULES, json!({ "id": core })).await;
    // The clocks went forward on Sunday.
    assert_eq!(told["portfolio"]["reportSchedules"][0]["nextRunAt"], "2026-03-09T22:00:00+00:00");
    app.works_through_its_queue().await;
}

#[tokio::test]
async fn what_is_no_schedule_is_refused_and_somebody_elses_is_none() {
    let app = App::start().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    for cron in ["* * * * *", "0 9,17 * * *", "0 0 31 2 *", "nonsense", "0 0 0 * * *"] {
        let refused = creates(&ada, &core, cron).await;
        assert_eq!(
            (user_codes(&refused), &refused["userErrors"][0]["field"]),
            (vec!["VALIDATION"], &json!(["cron"])),
            "{cron}"
        );
    }
    assert_eq!(user_codes(&creates(&bob, &core, "0 7 * * 1").await), ["NOT_FOUND"]);
    let made = creates(&ada, &core, "0 7 * * 1").await;
    let id = &made["schedule"]["id"];
    let refused = bob.reads(DELETE, json!({ "id": id })).await;
    assert_eq!(user_codes(&refused["deleteReportSchedule"]), ["NOT_FOUND"]);
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(bob.reads(node, json!({ "id": id })).await["node"], Value::Null);
    assert_eq!(ada.reads(node, json!({ "id": id })).await["node"]["id"], *id);
    for _ in 1..20 {
        creates(&ada, &core, "0 7 * * 1").await;
    }
    assert_eq!(user_codes(&creates(&ada, &core, "0 7 * * 1").await), ["LIMIT_EXCEEDED"]);
}
