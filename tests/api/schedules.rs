//! Weeks of the clock before two services and two workers over one database: what is due happens
//! once, on sessions alone, at New York's time, and late if it must.

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::future::join;
use sigmasight::clock::Clock;
use sigmasight::jobs::{schedule, worker};
use sigmasight::services::Services;
use sqlx::AssertSqlSafe;

use crate::support::App;

/// When somebody looks, each day: before, at and after what can be due.
const LOOKS: [&str; 9] =
    ["12:00", "19:30", "20:00", "20:30", "21:00", "21:30", "22:00", "22:30", "23:00"];

/// A service whose clock stands elsewhere.
fn at(app: &App, instant: &str) -> Services {
    let instant: DateTime<Utc> = instant.parse().expect("an instant");
    Services { clock: Clock::fixed_at(instant), ..app.services.clone() }
}

/// Two processes look at the same moment; the number of jobs queued.
async fn both_look(one: &App, other: &App, instant: &str) -> usize {
    let (one, other) = (at(one, instant), at(other, instant));
    let (one, other) = join(schedule::look(&one), schedule::look(&other)).await;
    one.expect("a look") + other.expect("a look")
}

/// Two workers do what is due.
async fn both_work(one: &App, other: &App, instant: &str) {
    let engine = one.engine();
    let (first, second) = (at(one, instant), at(other, instant));
    let (first, second) =
        join(worker::drain(&first, &engine), worker::drain(&second, &engine)).await;
    first.and(second).expect("the jobs are worked on");
}

/// Lets the days pass, first to last.
async fn days_pass(one: &App, other: &App, first: &str, last: &str) {
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    for date in day(first).iter_days().take_while(|date| *date <= day(last)) {
        for time in LOOKS {
            both_look(one, other, &format!("{date}T{time}:00Z")).await;
        }
        both_work(one, other, &format!("{date}T23:00:00Z")).await;
    }
}

/// The firings of a kind as `date at time`, in the order of their dates.
async fn firings(app: &App, kind: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select date || ' at ' || to_char(created_at at time zone 'UTC', 'MM-DD HH24:MI')
           from batch_jobs where kind = $1 and occasion is not null order by date, created_at",
    )
    .bind(kind)
    .fetch_all(&mut app.superuser().await)
    .await
    .expect("firings")
}

async fn tells(app: &App, statement: &str) -> Vec<String> {
    let statement = AssertSqlSafe(statement);
    let rows = sqlx::query_scalar(statement).fetch_all(&mut app.superuser().await).await;
    rows.expect("rows")
}

async fn does(app: &App, statement: &str) {
    let mut db = app.superuser().await;
    sqlx::query(AssertSqlSafe(statement)).execute(&mut db).await.expect("a statement");
}

/// Two services over a database with one book, which have planned at an instant.
async fn two(instant: &str) -> (App, App) {
    let one = App::start().at(instant).with_simulated_prices().await;
    let ada = one.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2026-01-05\n").await;
    let other = one.restart().await;
    let (first, second) =
        join(schedule::plan(&one.services), schedule::plan(&other.services)).await;
    first.and(second).expect("a plan");
    // Their first look, from which on what is due is theirs.
    both_look(&one, &other, instant).await;
    (one, other)
}

#[tokio::test]
async fn the_week_the_clocks_go_forward_fires_at_the_same_time_of_new_york() {
    let (one, other) = two("2026-03-04T12:00:00Z").await;
    days_pass(&one, &other, "2026-03-05", "2026-03-10").await;

    let prices = firings(&one, "MARKET_DATA").await;
    // Wednesday's, which was due while nobody looked, is first. The clocks changed on the 8th.
    assert_eq!(
        prices,
        [
            "2026-03-04 at 03-05 12:00",
            "2026-03-05 at 03-05 21:00",
            "2026-03-06 at 03-06 21:00",
            "2026-03-09 at 03-09 20:00",
            "2026-03-10 at 03-10 20:00",
        ]
    );
    assert_eq!(
        firings(&one, "SNAPSHOTS").await,
        [
            "2026-03-04 at 03-05 12:00",
            "2026-03-05 at 03-05 22:30",
            "2026-03-06 at 03-06 22:30",
            "2026-03-09 at 03-09 21:30",
            "2026-03-10 at 03-10 21:30",
        ]
    );
    // Once a week, on Tuesdays at ten past six.
    assert_eq!(firings(&one, "ACCURACY").await, ["2026-03-10 at 03-10 22:30"]);
    let undone = "select kind || ' ' || status || ' ' || attempt from batch_jobs
                   where status <> 'SUCCEEDED' or attempt <> 1";
    assert_eq!(tells(&one, undone).await, Vec::<String>::new());
    let taken =
        "select date::text from portfolio_snapshots where date >= '2026-03-04' order by date";
    assert_eq!(
        tells(&one, taken).await,
        ["2026-03-04", "2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10"]
    );
}

#[tokio::test]
async fn thanksgiving_and_the_weekend_have_no_firing_and_the_early_close_has_its_own() {
    let (one, other) = two("2026-11-23T12:00:00Z").await;
    days_pass(&one, &other, "2026-11-23", "2026-11-29").await;
    assert_eq!(
        firings(&one, "MARKET_DATA").await,
        [
            "2026-11-23 at 11-23 21:00",
            "2026-11-24 at 11-24 21:00",
            "2026-11-25 at 11-25 21:00",
            "2026-11-27 at 11-27 21:00",
        ]
    );
    let undone = "select kind from batch_jobs where status <> 'SUCCEEDED'";
    assert_eq!(tells(&one, undone).await, Vec::<String>::new());
    // What is about no session is done on every morning since.
    let nights = "select count(*)::text from batch_jobs where kind = 'RETENTION'";
    assert_eq!(tells(&one, nights).await, ["6"]);
}

#[tokio::test]
async fn what_was_due_while_all_were_down_is_caught_up_once_and_what_is_off_stays_off() {
    let (one, other) = two("2026-03-02T12:00:00Z").await;
    does(&one, "update batch_job_schedules set is_enabled = false where kind = 'SNAPSHOTS'").await;

    // Nobody looks for nine days, over a change of the clocks.
    let queued = both_look(&one, &other, "2026-03-11T12:00:00Z").await;
    let dates = "select date::text from batch_jobs where kind = 'MARKET_DATA' order by date";
    let due = ["02", "03", "04", "05", "06", "09", "10"].map(|day| format!("2026-03-{day}"));
    assert_eq!(tells(&one, dates).await, due);
    let of_sessions = "select count(*)::text from batch_jobs where date is not null";
    let of_sessions: usize = tells(&one, of_sessions).await[0].parse().expect("a number");
    assert_eq!(queued, of_sessions + 2, "and one each of what is about no session");
    assert_eq!(firings(&one, "SNAPSHOTS").await, Vec::<String>::new());

    // Switched on again it begins with what is due from then on.
    does(&one, "update batch_job_schedules set is_enabled = true where kind = 'SNAPSHOTS'").await;
    both_look(&one, &other, "2026-03-11T20:00:00Z").await;
    assert_eq!(firings(&one, "SNAPSHOTS").await, Vec::<String>::new());
    both_look(&one, &other, "2026-03-11T21:30:00Z").await;
    assert_eq!(firings(&one, "SNAPSHOTS").await, ["2026-03-11 at 03-11 21:30"]);
}
