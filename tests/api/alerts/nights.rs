//! Rules over nights: once a breach, whoever looks again, and not of the past.

use serde_json::{Value, json};
use sigmasight::domain::id::PortfolioId;
use sigmasight::services::night::Night;
use sigmasight::services::{Services, alerts};
use sqlx::{Connection, Row};

use super::{ada_s_book, rule, told, wants};
use crate::support::{App, Person};

const RUN: &str = "mutation($input: RunBatchInput!) {
    runBatch(input: $input) { job { id } userErrors { code message } }
}";

const JOB: &str = "query($id: ID!) { job(id: $id) { status failed error { message } } }";

/// Looks at everybody's rules as of a session.
async fn looks(admin: &Person, date: &str) {
    let input = json!({ "kind": "ALERTS", "force": true, "date": date });
    let asked = admin.reads(RUN, json!({ "input": input })).await;
    let id = asked["runBatch"]["job"]["id"].clone();
    // What it needs of that date is done before it.
    for _ in 0..4 {
        admin.app.works_through_its_queue().await;
        let job = admin.reads(JOB, json!({ "id": id })).await["job"].clone();
        if job["status"] == "SUCCEEDED" {
            return;
        }
        let now = "update graphile_worker._private_jobs set run_at = now()";
        sqlx::query(now).execute(&mut admin.app.superuser().await).await.expect("a nudge");
    }
    panic!("{}", admin.reads(JOB, json!({ "id": id })).await);
}

/// A night with a close of the day, as everybody signs in to it; whoever looks does it twice. The
/// alerts that Ada has not acknowledged by then.
async fn passes(app: &App, date: &str, close: u32) -> Vec<Value> {
    let night = app.restart().at(&format!("{date}T23:00:00Z")).await;
    night.knows_prices(&format!("symbol,date,close\nAAPL,{date},{close}\n")).await;
    let (ada, olga) = (night.sign_in("ada").await, night.sign_in_admin("olga").await);
    looks(&olga, date).await;
    looks(&olga, date).await;
    told(&ada).await
}

#[tokio::test]
async fn a_breach_is_told_once_until_the_figure_has_come_back() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    // 10 shares beside 500 of cash: at 200 they are 2,000 of 2,500.
    let core = ada.creates_portfolio_with_cash("Core", "500").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,10,100,2026-01-02\n").await;
    wants(&ada, &core, rule("GROSS_EXPOSURE_RATIO", "ABOVE", 0.8)).await;
    for (date, close, alerts) in [
        ("2026-01-05", 100, 0),
        ("2026-01-06", 200, 1), // 0.8: there
        ("2026-01-07", 190, 1), // 0.79
        ("2026-01-08", 210, 1), // 0.81
        ("2026-01-09", 170, 1), // 0.77: not back yet
        ("2026-01-12", 200, 1), // 0.8: so not again
        ("2026-01-13", 150, 1), // 0.75: back, for it is below 0.76
        ("2026-01-14", 199, 1), // 0.799: not there
        ("2026-01-15", 200, 2), // 0.8: again
    ] {
        assert_eq!(passes(&app, date, close).await.len(), alerts, "{date}");
    }
    let alerts = passes(&app, "2026-01-16", 200).await;
    assert_eq!(alerts.len(), 2, "{alerts:#?}");
    assert_eq!(alerts[0]["value"], 0.8);
    assert_eq!(
        alerts[0]["message"],
        "Gross exposure over the total value: 80 % at the close of 2026-01-15; the rule \"Watch \
         it\" fires at 80 % or above."
    );
    assert_eq!(alerts[1]["triggeredAt"], "2026-01-06T23:00:00+00:00");
}

#[tokio::test]
async fn the_past_raises_nothing() {
    let (app, ada, core) = ada_s_book().await;
    let olga = app.sign_in_admin("olga").await;
    wants(&ada, &core, rule("GROSS_EXPOSURE_RATIO", "ABOVE", 0.1)).await;
    let of_the_rule = "delete from batch_jobs where kind = 'ALERTS'";
    sqlx::query(of_the_rule).execute(&mut app.superuser().await).await.expect("a job forgotten");
    looks(&olga, "2026-01-02").await;
    assert_eq!(told(&ada).await, Vec::<Value>::new());
    looks(&olga, "2026-01-05").await;
    assert_eq!(told(&ada).await.len(), 1);
}

#[tokio::test]
async fn an_upload_is_looked_at_without_waiting_for_the_night() {
    let (app, ada, core) = ada_s_book().await;
    let mut heavy = rule("POSITION_WEIGHT", "ABOVE", 0.9);
    heavy["priority"] = json!("CRITICAL");
    wants(&ada, &core, heavy).await;
    app.works_through_its_queue().await;
    assert_eq!(told(&ada).await, Vec::<Value>::new());
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nSPY,9000,500,2025-12-01\n").await;
    app.works_through_its_queue().await;
    let alerts = told(&ada).await;
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(
        (&alerts[0]["priority"], &alerts[0]["portfolio"]["name"]),
        (&json!("CRITICAL"), &json!("Core"))
    );
    assert!(alerts[0]["title"].as_str().is_some_and(|it| it.contains("SPY")), "{alerts:#?}");
}

/// Waits until somebody waits for a row that another transaction has locked.
async fn somebody_waits(app: &App) {
    let waiting = "select exists (select from pg_stat_activity
                                   where datname = current_database()
                                     and wait_event_type = 'Lock')";
    let mut database = app.superuser().await;
    for _ in 0..500 {
        let is_so = sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut database).await;
        if is_so.expect("an answer") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nobody waits");
}

#[tokio::test]
async fn a_book_that_changes_while_it_is_looked_at_is_judged_as_it_is() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    // 10 shares of 100 beside 500 of cash: two thirds, until there is more cash.
    let core = ada.creates_portfolio_with_cash("Core", "500").await;
    app.knows_prices("symbol,date,close\nAAPL,2026-01-05,100\n").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,10,100,2026-01-02\n").await;
    app.works_through_its_queue().await;
    wants(&ada, &core, rule("GROSS_EXPOSURE_RATIO", "ABOVE", 0.6)).await;

    let mut holder = app.superuser().await;
    let mut held = holder.begin().await.expect("a transaction");
    let rules = sqlx::query("select owner_id, portfolio_id from alert_rules for update");
    let row = rules.fetch_one(&mut *held).await.expect("a rule");
    let owner = sigmasight::domain::id::UserId(row.get("owner_id"));
    let book = PortfolioId(row.get("portfolio_id"));
    let meter = sigmasight::services::meter::Meter::default();
    let changed = async {
        somebody_waits(&app).await;
        let more = "mutation($id: ID!) {
            updatePortfolio(input: { id: $id, cashBalance: \"9000\" }) { userErrors { code } }
        }";
        ada.reads(more, json!({ "id": core })).await;
        held.commit().await.expect("the rule is free");
    };
    let (looked, ()) = tokio::join!(alerts::look_now(&app.services, owner, book, &meter), changed);
    looked.expect("a look");
    assert_eq!(told(&ada).await, Vec::<Value>::new(), "it is a tenth by now");
    app.works_through_its_queue().await;
    assert_eq!(told(&ada).await, Vec::<Value>::new());
}

/// Statements of a look at so many books, each with every kind of rule.
async fn statements(books: usize) -> u32 {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let held = "ticker,quantity,entry_price,entry_date\nAAPL,10,150,2025-12-01\n\
                AAPL260320C00250000,5,8,2025-12-04\n";
    for book in 0..books {
        let id = ada.creates_portfolio(&format!("Book {book}")).await;
        for (metric, operator) in [
            ("GROSS_EXPOSURE_RATIO", "ABOVE"),
            ("POSITION_WEIGHT", "ABOVE"),
            ("MARKET_BETA", "ABOVE"),
            ("STRESS_LOSS_RATIO", "ABOVE"),
            ("OPTION_EXPIRY_DAYS", "BELOW"),
            ("DRAWDOWN", "ABOVE"),
        ] {
            wants(&ada, &id, rule(metric, operator, 0.0)).await;
        }
        ada.uploads(&id, held).await;
    }
    app.completes_prices().await;
    let services = Services { db: app.services.db.counting_anew(), ..app.services.clone() };
    let night = Night::read(&services, services.last_session()).await.expect("a night").into();
    let rows = sqlx::query("select owner_id, id from portfolios order by id");
    let rows = rows.fetch_all(&mut app.superuser().await).await.expect("portfolios");
    let owner = sigmasight::domain::id::UserId(rows[0].get("owner_id"));
    let ids: Vec<_> = rows.iter().map(|row| PortfolioId(row.get("id"))).collect();
    let before = services.db.statements();
    let meter = sigmasight::services::meter::Meter::default();
    alerts::look(&services, &night, owner, &ids, &meter).await.expect("a look");
    let taken = services.db.statements() - before;
    assert!(told(&ada).await.len() >= 3 * books, "rules fired");
    taken
}

#[tokio::test]
async fn a_look_at_twenty_books_takes_as_many_statements_as_at_one() {
    let (one, twenty) = (statements(1).await, statements(20).await);
    assert_eq!(one, twenty);
    println!("{one} statements");
}
