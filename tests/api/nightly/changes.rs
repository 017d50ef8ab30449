//! What a price that changes, or comes late, does to what was kept; and who hears of it.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{RUN, TABLES, runs, stored, two_books};
use crate::live::UPDATES;
use crate::support::App;
use crate::support::live::Events;

async fn in_the_table(app: &App, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::query(statement).execute(&mut app.superuser().await).await.expect("a statement");
}

/// Who wrote each row of somebody's that is kept, of snapshots too.
async fn written(app: &App, email: &str) -> Value {
    let mut all = Vec::new();
    let is_of_books = |table: &&str| !["factor_correlations", "market_results"].contains(table);
    let of_books = TABLES.iter().map(|(table, _)| *table).filter(is_of_books);
    for table in of_books.chain(["portfolio_snapshots"]) {
        let rows = format!(
            "select {table}.ctid::text, {table}.xmin::text, date
               from {table} join users on users.id = owner_id
              where email = '{email}' order by 1"
        );
        all.push(json!({ "table": table, "rows": stored(app, &rows).await }));
    }
    json!(all)
}

#[tokio::test]
async fn one_price_that_changes_touches_the_books_that_hold_it_alone() {
    let (app, ada, bob, admin, [hers, his]) = two_books().await;
    runs(&app, &admin, "DAILY").await;
    let (her_rows, his_rows) = (written(&app, &ada.email).await, written(&app, &bob.email).await);
    let mut told = Vec::new();
    for (person, portfolio) in [(&ada, &hers), (&bob, &his)] {
        told.push(Events::of(person, UPDATES, json!({ "id": portfolio })).await);
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;

    let of_market = "select kind, subject, market_results.xmin::text, symbol
                       from market_results left join instruments on id = subject
                      order by kind, subject";
    let market = stored(&app, of_market).await;
    runs(&app, &admin, "DAILY").await;
    assert_eq!(written(&app, &ada.email).await, her_rows, "nothing changed");
    assert_eq!(stored(&app, of_market).await, market, "nothing changed");
    in_the_table(
        &app,
        "update prices set close = close * 1.03 from instruments
          where instruments.id = instrument_id and symbol = 'MSFT' and date = '2026-01-05'",
    )
    .await;
    runs(&app, &admin, "DAILY").await;
    assert_eq!(written(&app, &bob.email).await, his_rows);
    let market_now = stored(&app, of_market).await;
    let rows = |all: &Value| all.as_array().expect("rows").clone();
    for (then, now) in rows(&market).iter().zip(&rows(&market_now)) {
        assert_eq!(then != now, now["symbol"] == "MSFT", "{now}");
    }
    let hers_now = written(&app, &ada.email).await;
    for (then, now) in
        her_rows.as_array().into_iter().flatten().zip(hers_now.as_array().expect("all"))
    {
        // How it moved is of the returns, and one of them is another now.
        assert_ne!(then, now, "of {}", now["table"]);
    }

    // Who watches her book hears of it, and who watches his does not.
    let update = told[0].next().await.expect("an update");
    assert_eq!(update["data"]["portfolioUpdated"]["reason"], "ANALYTICS", "{update}");
    let silent = tokio::time::timeout(std::time::Duration::from_secs(2), told[1].next()).await;
    assert!(silent.is_err(), "{silent:?}");
}

const BOOK: &str = "ticker,quantity,entry_price,entry_date\nXOM,10,90,2026-01-02\n";

const SNAPSHOTS: &str = "{ viewer { portfolios(first: 1) { nodes { snapshots(first: 9) { nodes {
    date totalValue dailyPnl quality
} } } } } }";

#[tokio::test]
async fn a_snapshot_that_lacked_a_price_is_taken_again_when_the_price_is_there() {
    let app = App::start().at("2026-01-06T22:30:00Z").await;
    app.knows_prices("symbol,date,close\nXOM,2026-01-02,95\nXOM,2026-01-05,100\n").await;
    let (ada, admin) = (app.sign_in("ada").await, app.sign_in_admin("olga").await);
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, BOOK).await;
    app.works_through_its_queue().await;
    runs(&app, &admin, "SNAPSHOTS").await;
    let snapshots = async |app: &App| {
        let told = app.sign_in("ada").await.reads(SNAPSHOTS, json!({})).await;
        told["viewer"]["portfolios"]["nodes"][0]["snapshots"]["nodes"].clone()
    };
    let before = snapshots(&app).await;
    assert_eq!(before[2]["date"], "2026-01-06");
    assert_eq!((&before[2]["totalValue"], &before[2]["dailyPnl"]), (&json!("1000"), &Value::Null));

    let next = app.restart().at("2026-01-07T22:30:00Z").await;
    next.knows_prices("symbol,date,close\nXOM,2026-01-06,104\nXOM,2026-01-07,103\n").await;
    let admin = next.sign_in_admin("olga").await;
    runs(&next, &admin, "SNAPSHOTS").await;
    let after = snapshots(&next).await;
    assert_eq!(&after.as_array().expect("all")[..2], &before.as_array().expect("all")[..2]);
    let of = |row: &Value| (row["totalValue"].clone(), row["dailyPnl"].clone());
    assert_eq!(of(&after[2]), (json!("1040"), json!("40")));
    assert_eq!(of(&after[3]), (json!("1030"), json!("-10")));

    let rows = written(&next, &ada.email).await;
    runs(&next, &admin, "SNAPSHOTS").await;
    assert_eq!(written(&next, &ada.email).await, rows, "what says the same stays");
}

#[tokio::test]
async fn a_position_entered_long_ago_is_in_the_whole_history_that_is_kept() {
    // History of ninety sessions, and then two hundred days more of it by the nights.
    let app = App::start().at("2026-01-05T21:30:00Z").with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nXOM,10,90,2025-01-02\n").await;
    app.works_through_its_queue().await;
    let later = app.restart().at("2026-02-06T21:30:00Z").await;
    let ada = later.sign_in("ada").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nCVX,20,140,2025-06-02\n").await;
    later.works_through_its_queue().await;

    let told = ada
        .reads(
            "{ viewer { portfolios { nodes { snapshots(first: 200) { nodes {
                date totalValue dailyPnl netFlow positionCount
            } } } } } }",
            json!({}),
        )
        .await;
    let rows = &told["viewer"]["portfolios"]["nodes"][0]["snapshots"]["nodes"];
    let rows = rows.as_array().expect("snapshots");
    assert!(rows.len() > 90, "{}", rows.len());
    assert!(rows.iter().all(|row| row["positionCount"] == 2));
    let number =
        |value: &Value| -> f64 { value.as_str().expect("money").parse().expect("a number") };
    for pair in rows.windows(2) {
        let change = number(&pair[1]["totalValue"]) - number(&pair[0]["totalValue"]);
        let reason = number(&pair[1]["dailyPnl"]) + number(&pair[1]["netFlow"]);
        assert!((change - reason).abs() < 1e-6, "from {} to {}", pair[0]["date"], pair[1]["date"]);
    }
}

#[tokio::test]
async fn a_book_that_failed_is_named_with_its_reason_and_can_be_done_alone() {
    let (app, _, _, admin, [hers, _]) = two_books().await;
    let poison = "do $$ begin execute format(
        'alter table factor_exposures add constraint poison check (portfolio_id <> %L) not valid',
        (select portfolios.id from portfolios join users on users.id = owner_id
          where email like 'ada@%')); end $$";
    in_the_table(&app, poison).await;
    let job = runs(&app, &admin, "DAILY").await;
    assert_eq!((&job["status"], &job["failed"]), (&json!("SUCCEEDED"), &json!(1)), "{job}");
    let message = "It failed for a reason of the service's own, which its log has.";
    let failure = json!({ "step": "FACTORS", "portfolioId": hers, "message": message });
    assert_eq!(job["failures"], json!([failure]));

    in_the_table(&app, "alter table factor_exposures drop constraint poison").await;
    let input = json!({ "kind": "FACTORS", "portfolioIds": [job["failures"][0]["portfolioId"]] });
    let asked = admin.reads(RUN, json!({ "input": input })).await;
    app.works_through_its_queue().await;
    let id = &asked["runBatch"]["job"]["id"];
    let job = admin.reads(super::JOB, json!({ "id": id })).await["job"].clone();
    assert_eq!((&job["status"], &job["failures"]), (&json!("SUCCEEDED"), &json!([])), "{job}");
    let kept = stored(&app, "select distinct portfolio_id from factor_exposures").await;
    assert_eq!(kept.as_array().expect("rows").len(), 2);
}
