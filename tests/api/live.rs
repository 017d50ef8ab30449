//! What is watched: jobs and portfolios, by sockets and by events, across processes.

mod limits;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sigmasight::domain::id::PortfolioId;
use sigmasight::services::updates::{Update, tell};
use sqlx::Row;

use crate::support::app::{get, post};
use crate::support::live::{Events, Socket, listens};
use crate::support::{App, Person, codes};

pub const PROGRESS: &str = "
    subscription($id: ID!) {
        jobProgress(jobId: $id) {
            status progress processed total message
            portfolio { name positions(first: 5) { nodes { symbol tags { name } } } }
        }
    }";

pub const UPDATES: &str = "
    subscription($id: ID!) {
        portfolioUpdated(portfolioId: $id) {
            reason at portfolio { name positions(first: 5) { totalCount } }
        }
    }";

const UPLOAD: &str = "
    mutation($input: UploadPositionsInput!) {
        uploadPositions(input: $input) { backfillJob { id } userErrors { code message } }
    }";

const AAPL: &str = "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n";

/// Uploads a book; the id of the job that completes its prices.
pub async fn uploads(person: &Person, portfolio: &str, csv: &str) -> Value {
    let input = json!({ "portfolioId": portfolio, "csv": csv });
    let answer = person.reads(UPLOAD, json!({ "input": input })).await;
    answer["uploadPositions"]["backfillJob"]["id"].clone()
}

/// All that is told of a job until its stream is complete.
async fn progress_of(mut events: Events) -> Vec<Value> {
    let mut told = Vec::new();
    while let Some(answer) = events.next().await {
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        told.push(answer["data"]["jobProgress"].clone());
    }
    told
}

#[tokio::test]
async fn a_job_is_watched_until_it_ends_by_everybody_alike_and_in_every_process() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let id = uploads(&ada, &core, AAPL).await;
    let other = app.restart().await;
    let elsewhere = ada.before(&other);

    let mut streams = Vec::new();
    for person in [&ada, &ada, &elsewhere] {
        let mut events = Events::of(person, PROGRESS, json!({ "id": id })).await;
        let first = events.next().await.expect("the job as it is");
        assert_eq!(first["data"]["jobProgress"]["status"], "QUEUED", "{first}");
        assert_eq!(first["data"]["jobProgress"]["portfolio"]["name"], "Core");
        streams.push(events);
    }
    let (address, _serving) = listens(&other).await;
    let mut socket = Socket::of(&elsewhere, address).await;
    socket.subscribes("1", PROGRESS, json!({ "id": id })).await;
    assert_eq!(socket.hears().await["payload"]["data"]["jobProgress"]["status"], "QUEUED");

    app.works_through_its_queue().await;
    let told = join_all(streams.into_iter().map(progress_of)).await;
    for told in &told {
        let last = told.last().expect("how it ended");
        assert_eq!((&last["status"], &last["progress"]), (&json!("SUCCEEDED"), &json!(1.0)));
        let positions = &last["portfolio"]["positions"]["nodes"];
        assert_eq!(*positions, json!([{ "symbol": "AAPL", "tags": [] }]));
        assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "each tells something new");
    }
    assert!(told.iter().all(|one| one.last() == told[0].last()));
    let mut last = socket.hears().await;
    while last["type"] == "next" {
        assert_eq!(last["id"], "1");
        let next = socket.hears().await;
        if next["type"] == "complete" {
            assert_eq!(last["payload"]["data"]["jobProgress"], *told[0].last().expect("the end"));
        }
        last = next;
    }
    assert_eq!(last, json!({ "type": "complete", "id": "1" }));

    // One that has ended is told once.
    let told = progress_of(Events::of(&ada, PROGRESS, json!({ "id": id })).await).await;
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn what_changes_quickly_is_told_five_times_a_second_and_its_end_is_not_missed() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let id = uploads(&ada, &core, AAPL).await;
    let mut events = Events::of(&ada, PROGRESS, json!({ "id": id })).await;
    events.next().await.expect("the job as it is");

    let began = std::time::Instant::now();
    let mut db = app.superuser().await;
    for processed in 1..=200 {
        sqlx::query("update batch_jobs set status = 'RUNNING', processed = $1, total = 200")
            .bind(processed)
            .execute(&mut db)
            .await
            .expect("a change");
    }
    sqlx::query("update batch_jobs set status = 'FAILED', finished_at = now()")
        .execute(&mut db)
        .await
        .expect("an end");
    let told = progress_of(events).await;
    let most = began.elapsed().as_millis() / 200 + 2;
    assert!(told.len() as u128 <= most, "{} in {:?}", told.len(), began.elapsed());
    let last = told.last().expect("an end");
    assert_eq!((&last["status"], &last["processed"]), (&json!("FAILED"), &json!(200)));
    let processed = told.iter().map(|job| job["processed"].as_i64());
    assert!(processed.is_sorted(), "it never goes back: {told:?}");
}

#[tokio::test]
async fn whoever_missed_some_of_it_looks_again() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let id = uploads(&ada, &core, AAPL).await;
    let mut events = Events::of(&ada, PROGRESS, json!({ "id": id })).await;
    events.next().await.expect("the job as it is");
    // The connection that hears is cut, and while it is away the job ends.
    let mut db = app.superuser().await;
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and query ilike 'listen%'";
    let cut: i64 = sqlx::query(cut).fetch_one(&mut db).await.expect("a count").get(0);
    assert_eq!(cut, 1, "one connection of a process hears for everybody");
    sqlx::query("update batch_jobs set status = 'CANCELLED', finished_at = now()")
        .execute(&mut db)
        .await
        .expect("an end");
    let told = progress_of(events).await;
    assert_eq!(told.last().expect("an end")["status"], "CANCELLED");
}

#[tokio::test]
async fn somebody_elses_is_as_what_does_not_exist() {
    let app = App::start().with_simulated_prices().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    let id = uploads(&ada, &core, AAPL).await;
    let (address, _serving) = listens(&app).await;
    let mut socket = Socket::of(&bob, address).await;
    for (query, id) in
        [(PROGRESS, &id), (PROGRESS, &json!("x")), (UPDATES, &json!(core)), (UPDATES, &id)]
    {
        let mut events = Events::of(&bob, query, json!({ "id": id })).await;
        let answer = events.next().await.expect("an error");
        assert_eq!(codes(&answer), ["NOT_FOUND"], "{answer}");
        assert_eq!(events.next().await, None);

        socket.subscribes("1", query, json!({ "id": id })).await;
        let answer = socket.hears().await;
        assert_eq!((&answer["type"], &answer["id"]), (&json!("error"), &json!("1")), "{answer}");
        assert_eq!(answer["payload"][0]["extensions"]["code"], "NOT_FOUND");
    }
    // An operator sees what runs, and not whose book it is.
    let olga = app.sign_in_admin("olga").await;
    let mut events = Events::of(&olga, PROGRESS, json!({ "id": id })).await;
    let job = events.next().await.expect("a job")["data"]["jobProgress"].take();
    assert_eq!((&job["status"], &job["portfolio"]), (&json!("QUEUED"), &Value::Null));
}

#[tokio::test]
async fn a_portfolio_tells_of_its_positions_the_prices_it_needs_and_its_analytics() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let mut events = Events::of(&ada, UPDATES, json!({ "id": core })).await;
    let elsewhere = app.restart().await;
    let there = ada.before(&elsewhere);
    let mut next = async || {
        let mut answer = events.next().await.expect("an update");
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let update = answer["data"]["portfolioUpdated"].take();
        let held = update["portfolio"]["positions"]["totalCount"].clone();
        (update["reason"].clone(), held)
    };
    // It must be watching before anything changes: only changes are told.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;

    let option = "SPY270115C00700000,5,21.40,2025-12-01\n";
    uploads(&there, &core, &format!("{AAPL}{option}")).await;
    assert_eq!(next().await, (json!("POSITIONS"), json!(2)));

    elsewhere.knows_prices("symbol,date,close\nXOM,2026-01-05,100\n").await;
    elsewhere.knows_prices("symbol,date,close\nSPY,2026-01-05,690\n").await;
    assert_eq!(next().await.0, "PRICES", "of the underlying, and not of what it does not hold");
    // What is known already is no news.
    elsewhere.knows_prices("symbol,date,close\nSPY,2026-01-05,690\n").await;

    let mut tx = elsewhere.services.db.begin_shared().await.expect("a transaction");
    let id = portfolio_id(&app).await;
    for update in [
        Update::Analytics(PortfolioId::fresh()),
        Update::Analytics(id),
        Update::Positions(id),
        Update::Positions(id),
    ] {
        tell(&mut tx, &update).await.expect("a word");
    }
    let told_at = std::time::Instant::now();
    tx.commit().await.expect("a commit");
    assert_eq!(next().await.0, "POSITIONS", "once, however often it was told");
    assert_eq!(next().await.0, "ANALYTICS");
    let took = told_at.elapsed();
    assert!(took < std::time::Duration::from_secs(10), "what is due waits for no more: {took:?}");
}

async fn portfolio_id(app: &App) -> PortfolioId {
    let row = sqlx::query("select id from portfolios").fetch_one(&mut app.superuser().await).await;
    PortfolioId(row.expect("a portfolio").get(0))
}

#[tokio::test]
async fn a_session_that_ends_takes_what_it_watches_along() {
    let app = App::start().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    let again = app.sign_in("ada").await;
    let (address, _serving) = listens(&app).await;
    let mut events = Events::of(&ada, UPDATES, json!({ "id": core })).await;
    let mut still = Events::of(&again, UPDATES, json!({ "id": core })).await;
    let mut socket = Socket::of(&ada, address).await;
    socket.subscribes("1", UPDATES, json!({ "id": core })).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;

    ada.reads("mutation { logout { ok } }", json!({})).await;
    uploads(&again, &core, AAPL).await;
    let answer = events.next().await.expect("an error");
    assert_eq!((codes(&answer), &answer["data"]), (vec!["UNAUTHENTICATED"], &Value::Null));
    assert_eq!(events.next().await, None);
    let answer = socket.hears().await;
    assert!(answer.to_string().contains("UNAUTHENTICATED"), "{answer}");
    let update = still.next().await.expect("an update");
    assert_eq!(update["data"]["portfolioUpdated"]["reason"], "POSITIONS", "{update}");

    // Nobody opens a socket with it any more.
    let mut socket = Socket::open(address).await;
    let answer = socket.begins(&json!({ "accessToken": ada.access_token })).await;
    assert_eq!(answer, json!({ "close": 4401 }));
    Socket::of(&bob, address).await;
}

#[tokio::test]
async fn whatever_is_asked_can_be_answered_by_events() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let mut events = Events::of(&ada, "{ viewer { user { email } } }", json!({})).await;
    let answer = events.next().await.expect("an answer");
    assert_eq!(answer["data"]["viewer"]["user"]["email"], "ada@example.com");
    assert_eq!(events.next().await, None);

    // Without a connection that stays open there is nothing to watch by.
    let answer = ada.sends(post(&json!({ "query": PROGRESS, "variables": { "id": "x" } }))).await;
    assert_eq!(codes(&answer.json()), ["VALIDATION"]);
    assert!(answer.text().contains("text/event-stream"), "{}", answer.text());

    for query in [
        "subscription { a: jobProgress(jobId: 1) { id } b: jobProgress(jobId: 1) { id } }",
        "subscription { ...F } fragment F on Subscription { jobProgress(jobId: 1) { id } }",
    ] {
        let response = Events::asks(&ada, query, json!({})).await;
        assert_eq!(response.status(), 400, "one field at a time: {query}");
    }
    let mut nobody = ada.clone();
    nobody.access_token = "nonsense".into();
    assert_eq!(Events::asks(&nobody, PROGRESS, json!({ "id": "x" })).await.status(), 401);
}

#[tokio::test]
async fn prometheus_reads_what_the_program_does_and_how_its_jobs_are() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let id = uploads(&ada, &core, AAPL).await;
    let mut events = Events::of(&ada, PROGRESS, json!({ "id": id })).await;
    events.next().await.expect("the job as it is");
    ada.asks("{ nothing }", json!({})).await;
    let read = async || {
        let reply = app.send(get("/metrics")).await;
        assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        reply.text().to_owned()
    };
    let text = read().await;
    // Other stories of this process are counted too.
    let value = |line: &str| -> f64 {
        let found = text.lines().find_map(|told| told.strip_prefix(line));
        found.unwrap_or_else(|| panic!("{line} in\n{text}")).trim().parse().expect("a number")
    };
    for line in [
        r#"sigmasight_http_requests_total{method="POST",route="/graphql",status="200"}"#,
        r#"sigmasight_graphql_operations_total{type="mutation"}"#,
        r#"sigmasight_graphql_errors_total{code="VALIDATION"}"#,
        r#"sigmasight_subscriptions_open{transport="sse"}"#,
        "sigmasight_sql_statements_total",
        r#"sigmasight_http_request_seconds_bucket{route="/graphql",le="+Inf"}"#,
        "sigmasight_database_up",
        r#"sigmasight_jobs{kind="BACKFILL",status="QUEUED"}"#,
    ] {
        assert!(value(line) >= 1.0, "{line} in\n{text}");
    }
    assert!(text.contains("sigmasight_jobs_oldest_queued_seconds 0"), "{text}");
    for personal in ["ada", "Core", "AAPL", &core] {
        assert!(!text.contains(personal), "{personal} in\n{text}");
    }
    drop(events);
    app.works_through_its_queue().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let text = read().await;
    assert!(
        text.contains(r#"sigmasight_job_last_success_age_seconds{kind="BACKFILL"} 0"#),
        "{text}"
    );
}
