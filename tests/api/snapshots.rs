//! Books at the closes of sessions: history that adds up, and says the same when it is made again.

use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::demo;

use crate::support::{App, Person};

const FRIDAY: &str = "2024-06-28T21:00:00Z";

const HISTORY: &str = "{
    viewer { portfolios(first: 1) { nodes {
        snapshots(first: 500) {
            totalCount
            nodes {
                id date totalValue cashBalance netExposure grossExposure longExposure shortExposure
                dailyPnl netFlow cumulativePnl dailyReturn positionCount source quality
            }
        }
        latestSnapshot { date totalValue cumulativePnl }
        valuation { totalValue dailyPnl unrealizedPnl realizedPnl }
        performance { asOf returns { period from to timeWeighted pnl } }
    } } }
}";

const RUN: &str = "
    mutation($input: RunBatchInput!) {
        runBatch(input: $input) { job { id status } userErrors { code message field } }
    }";

fn money(value: &Value) -> Decimal {
    Decimal::from_str(value.as_str().expect("money")).expect("a number")
}

async fn demo_person(app: &App, name: &str) -> Person {
    let login = "mutation($input: LoginInput!) {
        login(input: $input) { session { accessToken refreshToken } }
    }";
    let email = format!("{name}@sigmasight.com");
    let input = json!({ "email": email, "password": demo::PASSWORD });
    let answer = app.asks(login, json!({ "input": input })).await;
    let session = &answer["data"]["login"]["session"];
    let token = |name: &str| session[name].as_str().expect("a token").to_owned();
    Person {
        app: app.clone(),
        email,
        access_token: token("accessToken"),
        refresh_token: token("refreshToken"),
    }
}

async fn history(person: &Person) -> Value {
    person.reads(HISTORY, json!({})).await["viewer"]["portfolios"]["nodes"][0].clone()
}

fn rows(history: &Value) -> &[Value] {
    history["snapshots"]["nodes"].as_array().expect("snapshots")
}

/// The sums a snapshot is made of, and the step from the one before.
fn adds_up(rows: &[Value]) {
    for row in rows {
        assert_eq!(
            money(&row["totalValue"]),
            money(&row["cashBalance"]) + money(&row["netExposure"])
        );
        let (long, short) = (money(&row["longExposure"]), money(&row["shortExposure"]));
        assert_eq!(money(&row["grossExposure"]), long - short, "{row}");
    }
    for pair in rows.windows(2) {
        let change = money(&pair[1]["totalValue"]) - money(&pair[0]["totalValue"]);
        let told = money(&pair[1]["dailyPnl"]) + money(&pair[1]["netFlow"]);
        assert_eq!(change, told, "from {} to {}", pair[0]["date"], pair[1]["date"]);
    }
}

#[tokio::test]
async fn the_demo_has_ninety_sessions_of_history_that_reconcile_to_the_cent() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    for name in ["demo_individual", "demo_hnw", "demo_hedgefundstyle"] {
        let person = demo_person(&app, name).await;
        let told = history(&person).await;
        let rows = rows(&told);
        assert_eq!(rows.len(), 90, "{name}");
        assert_eq!(rows[89]["date"], "2024-06-28");
        assert!(rows.iter().all(|row| row["source"] == "BACKFILL"));
        adds_up(rows);
        // The newest is what the book says live.
        let (newest, live) = (&told["latestSnapshot"], &told["valuation"]);
        assert_eq!(newest["totalValue"], live["totalValue"], "{name}");
        let gained = money(&live["unrealizedPnl"]) + money(&live["realizedPnl"]);
        assert_eq!(money(&newest["cumulativePnl"]), gained);
        assert_eq!(rows[89]["dailyPnl"], live["dailyPnl"]);
    }
}

#[tokio::test]
async fn a_demo_whose_making_was_killed_is_completed_at_the_next_start() {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    // As it is when the process dies between the positions and the history.
    let mut db = app.superuser().await;
    sqlx::query("delete from portfolio_snapshots").execute(&mut db).await.expect("a statement");
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let person = demo_person(&app, "demo_hnw").await;
    assert_eq!(history(&person).await["snapshots"]["totalCount"], 90);
}

#[tokio::test]
async fn taken_again_a_snapshot_says_the_same_and_a_new_night_adds_one() {
    let app = App::start().at("2024-06-27T21:00:00Z").with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let person = demo_person(&app, "demo_hedgefundstyle").await;
    let before = history(&person).await;

    let friday = app.restart().at(FRIDAY).await;
    let admin = friday.sign_in_admin("olga").await;
    for (date, force) in [("2024-06-26", true), ("2024-06-28", false), ("2024-06-28", true)] {
        let input = json!({ "kind": "DAILY", "date": date, "force": force });
        let asked = admin.reads(RUN, json!({ "input": input })).await;
        assert_eq!(asked["runBatch"]["userErrors"], json!([]), "{asked}");
        friday.works_through_its_queue().await;
        let id = &asked["runBatch"]["job"]["id"];
        let job = "query($id: ID!) {
            job(id: $id) { status failed processed total steps { name status } error { message } }
        }";
        let done = admin.reads(job, json!({ "id": id })).await;
        assert_eq!(done["job"]["status"], "SUCCEEDED", "{done}");
        assert_eq!(done["job"]["failed"], 0);
        let steps = done["job"]["steps"].as_array().expect("steps");
        assert!(steps.iter().all(|step| step["status"] == "SUCCEEDED"), "{done}");
        assert!(steps.iter().any(|step| step["name"] == "SNAPSHOTS"));
    }
    let person = demo_person(&friday, "demo_hedgefundstyle").await;
    let after = history(&person).await;
    assert_eq!(rows(&after).len(), rows(&before).len() + 1);
    assert_eq!(&rows(&after)[..rows(&before).len()], rows(&before), "what was there stays");
    assert_eq!(rows(&after)[rows(&before).len()]["source"], "BATCH");
    adds_up(rows(&after));

    // What has succeeded is not done again unasked: the answer is that job.
    let input = json!({ "kind": "DAILY", "date": "2024-06-28" });
    let again = admin.reads(RUN, json!({ "input": input })).await;
    assert_eq!(again["runBatch"]["job"]["status"], "SUCCEEDED");
}

#[tokio::test]
async fn what_is_bought_is_no_profit_and_a_short_that_rises_is_a_loss() {
    // Friday evening; what is entered that day is entered at 100.
    let app = App::start().at("2026-01-09T22:00:00Z").await;
    app.knows_prices(
        "symbol,date,close\n\
         AAPL,2026-01-06,100\nAAPL,2026-01-07,110\nAAPL,2026-01-08,121\nAAPL,2026-01-09,121\n\
         TSLA,2026-01-06,200\nTSLA,2026-01-07,200\nTSLA,2026-01-08,210\nTSLA,2026-01-09,220\n",
    )
    .await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(
        &core,
        "ticker,quantity,entry_price,entry_date\n\
         AAPL,10,100,2026-01-06\n\
         TSLA,-5,200,2026-01-07\n",
    )
    .await;
    app.works_through_its_queue().await;
    let told = history(&ada).await;
    let rows = rows(&told);
    adds_up(rows);
    let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("date"), ["2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09"]);
    assert_eq!(column("totalValue"), ["1000", "100", "160", "110"]);
    // Ten shares at 100 came in, then five short at 200, which owe 1000.
    assert_eq!(column("netFlow"), ["1000", "-1000", "0", "0"]);
    assert_eq!(column("dailyPnl"), ["0", "100", "60", "-50"]);
    // On what it was earned on: 100 of nothing is no return.
    assert_eq!(rows[1]["dailyReturn"], Value::Null);
    assert_eq!(rows[2]["dailyReturn"], 0.6);
    assert_eq!(rows[3]["dailyReturn"], -0.3125);

    let returns = told["performance"]["returns"].as_array().expect("returns");
    let of = |period: &str| returns.iter().find(|one| one["period"] == period).expect("a period");
    assert_eq!((&of("DAY")["pnl"], &of("DAY")["timeWeighted"]), (&json!("-50"), &json!(-0.3125)));
    assert_eq!(of("INCEPTION")["pnl"], "110");
    assert_eq!(of("INCEPTION")["timeWeighted"], Value::Null, "a session without a return");
}

#[tokio::test]
async fn a_book_without_prices_has_snapshots_that_say_so() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,10,100,2026-01-02\n").await;
    app.works_through_its_queue().await;
    let told = history(&ada).await;
    let rows = rows(&told);
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((&row["quality"], &row["dailyPnl"]), (&json!("INSUFFICIENT"), &Value::Null));
        assert_eq!((&row["positionCount"], &row["dailyReturn"]), (&json!(1), &Value::Null));
    }
}

#[tokio::test]
async fn a_portfolio_is_recalculated_by_its_owner_alone() {
    let recalculate = "mutation($id: ID!) {
        recalculatePortfolio(input: { portfolioId: $id }) {
            job { id kind portfolio { id } } userErrors { code field }
        }
    }";
    let app = App::start().with_simulated_prices().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,10,100,2026-01-02\n").await;
    app.works_through_its_queue().await;

    let refused = bob.reads(recalculate, json!({ "id": core })).await;
    assert_eq!(refused["recalculatePortfolio"]["userErrors"][0]["code"], "NOT_FOUND");
    let asked = ada.reads(recalculate, json!({ "id": core })).await;
    assert_eq!(asked["recalculatePortfolio"]["job"]["portfolio"]["id"], json!(core));
    app.works_through_its_queue().await;
    let jobs = "{ viewer { jobs(first: 1) { nodes { kind status steps { name } } } } }";
    let done = ada.reads(jobs, json!({})).await;
    let newest = &done["viewer"]["jobs"]["nodes"][0];
    assert_eq!((&newest["kind"], &newest["status"]), (&json!("RECALCULATE"), &json!("SUCCEEDED")));

    // What changed since is in the snapshot, which says that somebody asked for it.
    app.knows_prices("symbol,date,close\nAAPL,2026-01-05,120\n").await;
    ada.reads(recalculate, json!({ "id": core })).await;
    app.works_through_its_queue().await;
    let newest = history(&ada).await["snapshots"]["nodes"].as_array().expect("all").last().cloned();
    let newest = newest.expect("a snapshot");
    assert_eq!((&newest["source"], &newest["totalValue"]), (&json!("ON_DEMAND"), &json!("1200")));
}

#[tokio::test]
async fn the_batch_is_run_by_administrators_about_sessions_alone() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let input = json!({ "kind": "DAILY" });
    let refused = ada.asks(RUN, json!({ "input": input })).await;
    assert_eq!(crate::support::codes(&refused), ["FORBIDDEN"]);

    let admin = app.sign_in_admin("olga").await;
    for (kind, date, field) in [
        ("DAILY", "2026-01-04", "date"),
        ("DAILY", "2026-01-06", "date"),
        ("EXPORT", "2026-01-05", "kind"),
    ] {
        let input = json!({ "kind": kind, "date": date });
        let refused = admin.reads(RUN, json!({ "input": input })).await;
        let error = &refused["runBatch"]["userErrors"][0];
        assert_eq!((&error["code"], &error["field"]), (&json!("VALIDATION"), &json!([field])));
    }
    let schedules = "{ admin { schedules { kind cron timeZone isEnabled nextRunAt } } }";
    sigmasight::jobs::schedule::plan(&app.services).await.expect("a plan");
    let told = admin.reads(schedules, json!({})).await;
    let all = told["admin"]["schedules"].as_array().expect("schedules");
    let data = all.iter().find(|one| one["kind"] == "MARKET_DATA").expect("a schedule");
    // Half an hour after Monday's close: the next is Tuesday's.
    assert_eq!(data["nextRunAt"], "2026-01-06T21:00:00+00:00");
}
