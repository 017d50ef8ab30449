//! Work beside requests: asked for once, watched, stopped, tried again, and never done twice.

use std::time::Duration;

use chrono::NaiveDate;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::domain::job::JobKind;
use sigmasight::jobs::{foreground, schedule};
use sigmasight::services::demo;
use sigmasight::services::jobs::{self, Batch};
use sigmasight::services::meter::Meter;
use sqlx::Row;

use crate::support::{App, Person, codes, user_codes};

const UPLOAD: &str = "
    mutation($input: UploadPositionsInput!) {
        uploadPositions(input: $input) {
            backfillJob { id kind status progress portfolio { id } }
            userErrors { code }
        }
    }";

const JOB: &str = "
    query($id: ID!) {
        job(id: $id) {
            kind status progress processed total failed attempt maxAttempts
            startedAt finishedAt error { code message hint } steps { name }
        }
    }";

const JOBS: &str = "
    query($status: JobStatus) {
        viewer { jobs(status: $status, first: 10) { totalCount nodes { id kind status } } }
    }";

const CANCEL: &str = "
    mutation($id: ID!) {
        cancelJob(input: { id: $id }) { job { status isCancelling } userErrors { code message } }
    }";

const REFRESH: &str = "
    mutation($symbols: [String!]) {
        refreshMarketData(input: { symbols: $symbols }) {
            job { id kind status }
            userErrors { code field }
        }
    }";

async fn uploads(person: &Person, portfolio: &str, csv: &str) -> Value {
    let input = json!({ "portfolioId": portfolio, "csv": csv });
    let answer = person.asks(UPLOAD, json!({ "input": input })).await;
    answer["data"]["uploadPositions"].clone()
}

async fn job(person: &Person, id: &Value) -> Value {
    person.asks(JOB, json!({ "id": id })).await["data"]["job"].clone()
}

/// As a worker that was not seen off: the job is left as it stands, with nobody at it.
async fn in_the_table(app: &App, statement: &str) -> u64 {
    let mut db = app.superuser().await;
    let statement = sqlx::AssertSqlSafe(statement);
    sqlx::query(statement).execute(&mut db).await.expect("a statement").rows_affected()
}

async fn count(app: &App, statement: &str) -> i64 {
    let mut db = app.superuser().await;
    let statement = sqlx::AssertSqlSafe(statement);
    sqlx::query(statement).fetch_one(&mut db).await.expect("a count").get(0)
}

#[tokio::test]
async fn an_upload_is_followed_by_its_prices_and_their_progress_can_be_watched() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let payload =
        uploads(&ada, &core, "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n")
            .await;
    let asked = &payload["backfillJob"];
    assert_eq!(asked["kind"], "BACKFILL");
    assert_eq!(asked["status"], "QUEUED");
    assert_eq!(asked["portfolio"]["id"], json!(core));

    app.works_through_its_queue().await;
    let done = job(&ada, &asked["id"]).await;
    assert_eq!(done["status"], "SUCCEEDED", "{done}");
    assert_eq!((&done["progress"], &done["attempt"]), (&json!(1.0), &json!(1)));
    assert!(
        done["startedAt"].is_string() && done["finishedAt"].is_string() && done["error"].is_null()
    );
    let price =
        ada.asks("{ instrument(symbol: \"AAPL\") { quote { price source } } }", json!({})).await;
    assert_eq!(price["data"]["instrument"]["quote"]["source"], "SYNTHETIC");

    let list = ada.asks(JOBS, json!({ "status": "SUCCEEDED" })).await;
    assert_eq!(list["data"]["viewer"]["jobs"]["nodes"][0]["id"], asked["id"]);
}

#[tokio::test]
async fn somebody_elses_job_is_as_one_that_does_not_exist() {
    let app = App::start().with_simulated_prices().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    let payload =
        uploads(&ada, &core, "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n")
            .await;
    let id = &payload["backfillJob"]["id"];
    assert_eq!(job(&bob, id).await, Value::Null);
    let cancelled = bob.asks(CANCEL, json!({ "id": id })).await;
    assert_eq!(user_codes(&cancelled["data"]["cancelJob"]), ["NOT_FOUND"]);
    assert_eq!(bob.asks(JOBS, json!({})).await["data"]["viewer"]["jobs"]["totalCount"], 0);

    // An operator sees what runs, not whose book it is.
    let admin = app.sign_in_admin("olga").await;
    assert_eq!(job(&admin, id).await["status"], "QUEUED");
    let named = admin
        .asks("query($id: ID!) { job(id: $id) { portfolio { name } } }", json!({ "id": id }))
        .await;
    assert_eq!(named["data"]["job"]["portfolio"], Value::Null, "{named}");
}

#[tokio::test]
async fn a_job_that_has_not_begun_is_stopped_at_once_and_not_twice() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let payload =
        uploads(&ada, &core, "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n")
            .await;
    let id = &payload["backfillJob"]["id"];
    let stopped = ada.asks(CANCEL, json!({ "id": id })).await;
    assert_eq!(stopped["data"]["cancelJob"]["job"]["status"], "CANCELLED", "{stopped}");

    app.works_through_its_queue().await;
    assert_eq!(job(&ada, id).await["status"], "CANCELLED");
    assert_eq!(job(&ada, id).await["attempt"], 0);
    let again = ada.asks(CANCEL, json!({ "id": id })).await;
    assert_eq!(user_codes(&again["data"]["cancelJob"]), ["CONFLICT"]);
}

#[tokio::test]
async fn administrators_alone_refresh_market_data_and_asking_again_is_the_same_job() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let refused = ada.asks(REFRESH, json!({})).await;
    assert_eq!(codes(&refused), ["FORBIDDEN"]);

    let admin = app.sign_in_admin("olga").await;
    let nonsense = admin.asks(REFRESH, json!({ "symbols": ["not a symbol"] })).await;
    let payload = &nonsense["data"]["refreshMarketData"];
    assert_eq!(user_codes(payload), ["VALIDATION"]);
    assert_eq!(payload["userErrors"][0]["field"], json!(["symbols"]));

    let first = admin.asks(REFRESH, json!({ "symbols": ["msft"] })).await;
    let second = admin.asks(REFRESH, json!({ "symbols": ["MSFT"] })).await;
    let id = |answer: &Value| answer["data"]["refreshMarketData"]["job"]["id"].clone();
    assert!(id(&first).is_string() && id(&first) == id(&second), "{first} {second}");
    app.works_through_its_queue().await;
    assert_eq!(job(&admin, &id(&first)).await["status"], "SUCCEEDED");
    let bars = count(
        &app,
        "select count(*) from prices join instruments on id = instrument_id where symbol = 'MSFT'",
    )
    .await;
    assert!(bars > 250, "{bars}");
    // What has been done may be asked for anew.
    let third = admin.asks(REFRESH, json!({ "symbols": ["MSFT"] })).await;
    assert_ne!(id(&third), id(&first));
}

/// A report that says not which fails each time, whatever is around it.
async fn poisons(app: &App) {
    in_the_table(
        app,
        "insert into batch_jobs (id, kind, max_attempts, timeout_seconds, created_at, scheduled_for)
         values ('00000000-0000-7000-8000-000000000001', 'REPORT', 3, 60, now(), now())",
    )
    .await;
    in_the_table(app, "select enqueue_job('00000000-0000-7000-8000-000000000001', null, 0)").await;
}

#[tokio::test]
async fn a_job_that_keeps_failing_is_given_up_and_the_others_flow() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    poisons(&app).await;
    for attempt in 1..=3 {
        app.works_through_its_queue().await;
        let tried =
            count(&app, "select attempt::bigint from batch_jobs where kind = 'REPORT'").await;
        assert_eq!(tried, attempt);
        in_the_table(&app, "update graphile_worker._private_jobs set run_at = now()").await;
    }
    let payload =
        uploads(&ada, &core, "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n")
            .await;
    app.works_through_its_queue().await;
    assert_eq!(job(&ada, &payload["backfillJob"]["id"]).await["status"], "SUCCEEDED");
    let poison = "select count(*) from batch_jobs where kind = 'REPORT' and status = 'FAILED'
                     and attempt = 3 and error_code = 'INTERNAL' and finished_at is not null";
    assert_eq!(count(&app, poison).await, 1);
    assert_eq!(count(&app, "select count(*) from graphile_worker._private_jobs").await, 0);
}

#[tokio::test]
async fn a_job_whose_worker_dies_each_time_is_given_up() {
    let app = App::start().with_simulated_prices().await;
    poisons(&app).await;
    // As if three workers had begun it and been killed.
    in_the_table(&app, "update batch_jobs set attempt = 3, status = 'RUNNING', started_at = now()")
        .await;
    app.works_through_its_queue().await;
    let told = "select count(*) from batch_jobs
                 where status = 'FAILED' and error_message like '%never brought to an end%'";
    assert_eq!(count(&app, told).await, 1);
}

#[tokio::test]
async fn a_running_job_is_stopped_within_a_second_and_a_slow_one_in_its_time() {
    let app = App::start().with_simulated_prices().await;
    let admin = app.sign_in_admin("olga").await;
    // Whoever stores prices waits for this lock, as behind a process that holds it for long.
    let mut holder = app.superuser().await;
    sqlx::query("begin").execute(&mut holder).await.expect("a transaction");
    sqlx::query("lock table prices in access exclusive mode")
        .execute(&mut holder)
        .await
        .expect("a lock");

    let asked = admin.asks(REFRESH, json!({ "symbols": ["MSFT"] })).await;
    let id = asked["data"]["refreshMarketData"]["job"]["id"].clone();
    let working = {
        let app = app.clone();
        tokio::spawn(async move { app.works_through_its_queue().await })
    };
    while job(&admin, &id).await["status"] != "RUNNING" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stopped = admin.asks(CANCEL, json!({ "id": id })).await;
    assert_eq!(stopped["data"]["cancelJob"]["job"]["isCancelling"], true, "{stopped}");
    working.await.expect("the queue is worked through");
    assert_eq!(job(&admin, &id).await["status"], "CANCELLED");

    let asked = admin.asks(REFRESH, json!({ "symbols": ["IBM"] })).await;
    let id = asked["data"]["refreshMarketData"]["job"]["id"].clone();
    in_the_table(
        &app,
        "update batch_jobs set timeout_seconds = 1, max_attempts = 1 where status = 'QUEUED'",
    )
    .await;
    app.works_through_its_queue().await;
    let late = job(&admin, &id).await;
    assert_eq!((&late["status"], &late["error"]["code"]), (&json!("TIMED_OUT"), &json!("TIMEOUT")));
}

#[tokio::test]
async fn whoever_was_taken_for_dead_writes_nothing_over_the_next() {
    let app = App::start().with_simulated_prices().await;
    poisons(&app).await;
    in_the_table(&app, "update batch_jobs set attempt = 2, status = 'RUNNING', started_at = now()")
        .await;
    let mut tx = app.services.db.begin_as_operator(None).await.expect("a transaction");
    let id = sigmasight::domain::id::JobId(
        "00000000-0000-7000-8000-000000000001".parse().expect("an id"),
    );
    let now = app.services.now();
    let (done, old) = (sigmasight::domain::job::JobStatus::Succeeded, 1);
    let written = sigmasight::store::jobs::finish(tx.statement(), id, old, done, None, now).await;
    assert!(!written.expect("a statement"), "the first attempt is not the one any more");
    let beaten = sigmasight::store::jobs::beat(tx.statement(), id, old).await;
    assert_eq!(beaten.expect("a statement"), None);
}

#[tokio::test]
async fn each_firing_happens_once_on_sessions_alone_and_late_if_it_must() {
    // Thursday the 15th of January 2026, before the close; Monday the 19th is a holiday.
    let app = App::start().at("2026-01-15T20:00:00Z").await;
    schedule::plan(&app.services).await.expect("a plan");
    in_the_table(&app, "delete from batch_job_schedules where kind <> 'MARKET_DATA'").await;
    assert_eq!(schedule::look(&app.services).await.expect("a look"), 0, "nothing from before");

    let monday = app.restart().at("2026-01-19T23:00:00Z").await;
    // Five processes look at once.
    let looks = join_all((0..5).map(|_| schedule::look(&monday.services))).await;
    let queued: usize = looks.into_iter().map(|look| look.expect("a look")).sum();
    assert_eq!(queued, 2, "Thursday's and Friday's");
    let tuesday = app.restart().at("2026-01-20T21:00:00Z").await;
    assert_eq!(schedule::look(&tuesday.services).await.expect("a look"), 1);
    assert_eq!(schedule::look(&tuesday.services).await.expect("a look"), 0);

    let dates = "select count(*) from batch_jobs where occasion in
                 ('MARKET_DATA:2026-01-15', 'MARKET_DATA:2026-01-16', 'MARKET_DATA:2026-01-20')";
    assert_eq!(count(&app, dates).await, 3);
    assert_eq!(count(&app, "select count(*) from batch_jobs").await, 3);
}

#[tokio::test]
async fn a_batch_in_the_foreground_is_remembered_like_any_other() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n").await;
    app.completes_prices().await;

    let meter = Meter::default();
    let batch = Batch { kind: JobKind::Daily, date: None, portfolios: None, force: true };
    foreground::run(&app.services, batch.clone(), &meter).await.expect("a batch");
    let told = "select count(*) from batch_jobs where kind = 'DAILY' and status = 'SUCCEEDED'
                   and attempt = 1 and started_at is not null and finished_at is not null
                   and date = '2026-01-05' and jsonb_array_length(steps) > 1";
    assert_eq!(count(&app, told).await, 1);
    let taken = "select count(*) from portfolio_snapshots where date = '2026-01-05'";
    assert_eq!(count(&app, taken).await, 1);

    // Stopped, as by an interrupt, it says so; and a Sunday is refused before anything is noted.
    let meter = Meter::default();
    meter.stop();
    let stopped = foreground::run(&app.services, batch.clone(), &meter).await;
    assert_eq!(stopped.expect_err("a stop").to_string(), "It was stopped.");
    let told = "select count(*) from batch_jobs where kind = 'DAILY' and status = 'CANCELLED'";
    assert_eq!(count(&app, told).await, 1);
    let sunday = NaiveDate::from_ymd_opt(2026, 1, 4);
    let refused = foreground::run(&app.services, Batch { date: sunday, ..batch }, &meter).await;
    let refused = refused.expect_err("a refusal").to_string();
    assert_eq!(refused, "2026-01-04 is no completed session.");
    assert_eq!(count(&app, "select count(*) from batch_jobs where kind = 'DAILY'").await, 2);
}

#[tokio::test]
async fn a_batch_in_the_foreground_that_was_killed_is_ended_by_the_next_worker() {
    let app = App::start().with_simulated_prices().await;
    let batch = Batch { kind: JobKind::Daily, date: None, portfolios: None, force: true };
    jobs::begin_here(&app.services, batch).await.expect("a beginning");
    // Nobody goes on with it, and its time passes.
    in_the_table(&app, "update graphile_worker._private_jobs set run_at = now()").await;
    app.works_through_its_queue().await;
    let told = "select count(*) from batch_jobs where kind = 'DAILY' and status = 'FAILED'
                   and error_message like '%never brought to an end%'";
    assert_eq!(count(&app, told).await, 1);
}

#[tokio::test]
async fn the_demo_comes_back_as_it_was_and_nobody_elses_book_is_touched() {
    const RESET: &str = "mutation { resetDemo { job { id } userErrors { code } } }";
    const BOOKS: &str = "select count(*) from portfolios";
    const HELD: &str = "select count(*) from positions";

    let app = App::start().with_simulated_prices().await;
    let admin = app.sign_in_admin("olga").await;
    assert_eq!(codes(&admin.asks(RESET, json!({})).await), ["FORBIDDEN"], "there is none");

    demo::seed(&app.services, Environment::Development).await.expect("a demo");
    admin.creates_portfolio("Own").await;
    let (books, held) = (count(&app, BOOKS).await, count(&app, HELD).await);
    in_the_table(&app, "delete from positions where quantity > 100").await;
    assert!(count(&app, HELD).await < held);

    let ada = app.sign_in("ada").await;
    assert_eq!(codes(&ada.asks(RESET, json!({})).await), ["FORBIDDEN"]);
    let id = admin.reads(RESET, json!({})).await["resetDemo"]["job"]["id"].take();
    app.works_through_its_queue().await;
    assert_eq!(job(&admin, &id).await["status"], "SUCCEEDED");
    assert_eq!((count(&app, BOOKS).await, count(&app, HELD).await), (books, held));
    let taken = "select count(distinct portfolio_id) from portfolio_snapshots";
    assert_eq!(count(&app, taken).await, 3);
}
