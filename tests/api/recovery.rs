//! Workers that end before their work does: another takes over, at once from one that said so, and
//! after a silence from one that could not.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sigmasight::jobs::worker;
use sqlx::{Connection, PgConnection};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::support::{App, Person};

const REFRESH: &str = "
    mutation { refreshMarketData(input: { symbols: [\"MSFT\"] }) { job { id } } }";

const JOB: &str = "query($id: ID!) { job(id: $id) { status attempt error { code } } }";

/// Longer than anything here takes, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(40);

async fn becomes(person: &Person, id: &Value, status: &str) -> Value {
    let began = Instant::now();
    loop {
        let job = person.reads(JOB, json!({ "id": id })).await["job"].take();
        if job["status"] == status {
            return job;
        }
        assert!(began.elapsed() < PATIENCE, "never {status}: {job}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody who holds what a job that stores prices has to wait for.
async fn holds_the_prices(app: &App) -> PgConnection {
    let mut holder = app.superuser().await;
    for statement in ["begin", "lock table prices in access exclusive mode"] {
        sqlx::query(statement).execute(&mut holder).await.expect("a lock");
    }
    holder
}

async fn asks_for_prices(person: &Person) -> Value {
    person.reads(REFRESH, json!({})).await["refreshMarketData"]["job"]["id"].take()
}

/// A worker in a process of its own, as far as a thread with its own runtime and pool is one.
/// Dropping what comes back ends it between two instructions: it says nothing any more.
fn mortal(app: &App) -> oneshot::Sender<()> {
    let (kill, killed) = oneshot::channel();
    let app = app.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.spawn(async move {
            let own = app.restart().await;
            worker::keep(own.services.clone(), own.engine(), CancellationToken::new()).await;
        });
        runtime.block_on(killed).ok();
        runtime.shutdown_background();
    });
    kill
}

#[tokio::test]
async fn what_a_killed_worker_had_begun_another_takes_over_after_a_silence() {
    let app = App::start().with_simulated_prices().await;
    let admin = app.sign_in_admin("olga").await;
    let holder = holds_the_prices(&app).await;
    let id = asks_for_prices(&admin).await;
    let killer = mortal(&app);
    assert_eq!(becomes(&admin, &id, "RUNNING").await["attempt"], 1);

    drop(killer);
    holder.close().await.ok();
    let died = Instant::now();
    let next = mortal(&app);
    let done = becomes(&admin, &id, "SUCCEEDED").await;
    assert_eq!((&done["attempt"], &done["error"]), (&json!(2), &Value::Null));
    // It was not taken from one that could still have been alive.
    let beat = app.config.worker_silence / 2;
    assert!(died.elapsed() > beat, "taken over after {:?}", died.elapsed());
    drop(next);
}

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_puts_its_job_back_at_once_and_it_counts_no_attempt() {
    let app = App::start().with_simulated_prices().await;
    let admin = app.sign_in_admin("olga").await;
    let holder = holds_the_prices(&app).await;
    let id = asks_for_prices(&admin).await;
    let stop = CancellationToken::new();
    let works = tokio::spawn(worker::keep(app.services.clone(), app.engine(), stop.clone()));
    becomes(&admin, &id, "RUNNING").await;

    let asked = Instant::now();
    stop.cancel();
    assert_eq!(becomes(&admin, &id, "QUEUED").await["attempt"], 0);
    assert!(asked.elapsed() < Duration::from_secs(3), "put back after {:?}", asked.elapsed());
    works.await.expect("the worker ends");

    holder.close().await.ok();
    let next = mortal(&app);
    assert_eq!(becomes(&admin, &id, "SUCCEEDED").await["attempt"], 1);
    drop(next);
}

#[tokio::test]
async fn a_batch_whose_database_went_away_is_tried_again_and_not_called_done() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n").await;
    app.works_through_its_queue().await;
    let admin = app.sign_in_admin("olga").await;
    let asked = admin
        .reads("mutation { runBatch(input: { kind: SNAPSHOTS }) { job { id } } }", json!({}))
        .await;
    let id = &asked["runBatch"]["job"]["id"];

    // The database ends the connection of whoever takes the snapshot, once.
    let mut db = app.superuser().await;
    for statement in [
        "create table fell ()",
        "grant select, insert on fell to sigmasight_app",
        "create function falls() returns trigger language plpgsql as $$
         begin
             if not exists (select from fell) then
                 raise exception 'the server is going down' using errcode = '57P01';
             end if;
             return new;
         end $$",
        "create trigger falls before insert on portfolio_snapshots
             for each row execute function falls()",
    ] {
        sqlx::query(statement).execute(&mut db).await.expect("a trap");
    }
    app.works_through_its_queue().await;
    let job = admin.reads(JOB, json!({ "id": id })).await["job"].take();
    assert_eq!((&job["status"], &job["attempt"]), (&json!("QUEUED"), &json!(1)), "{job}");

    for statement in [
        "insert into fell default values",
        "update graphile_worker._private_jobs set run_at = now()",
    ] {
        sqlx::query(statement).execute(&mut db).await.expect("a statement");
    }
    app.works_through_its_queue().await;
    let job = becomes(&admin, id, "SUCCEEDED").await;
    assert_eq!(job["attempt"], 2, "{job}");
}
