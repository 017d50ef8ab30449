//! Who adds contracts and who hears of the splits of their shares wait for each other in one
//! order, so that none of them is ever told to try again.

use std::time::Duration;

use serde_json::json;

use crate::support::App;

const ROUNDS: usize = 12;
const TICKERS: usize = 8;

/// A line of a file for each ticker of a round.
fn each(round: usize, line: impl Fn(&str) -> String) -> String {
    (0..TICKERS).map(|nth| line(&format!("K{round}N{nth}"))).collect()
}

fn calls(round: usize, strike: u32) -> String {
    let header = "ticker,quantity,entry_price,entry_date\n";
    let rows =
        each(round, |ticker| format!("{ticker}260618C{:08},1,5,2026-01-05\n", strike * 1_000));
    format!("{header}{rows}")
}

#[tokio::test]
async fn uploads_of_new_contracts_and_splits_of_their_shares_never_cross() {
    let app = App::start().with_simulated_prices().await;
    let root = app.sign_in_admin("root").await;
    let (ada, bob, eve) =
        (app.sign_in("ada").await, app.sign_in("bob").await, app.sign_in("eve").await);
    let [of_ada, of_bob, of_eve] = [
        ada.creates_portfolio("Core").await,
        bob.creates_portfolio("Core").await,
        eve.creates_portfolio("Core").await,
    ];
    for round in 0..ROUNDS {
        // What a split makes of Bob's contracts are the ones that the others enter.
        assert_eq!(bob.uploads(&of_bob, calls(round, 400)).await["createdCount"], TICKERS);
        let splits = each(round, |ticker| {
            format!("{ticker},2026-01-02,400,100\n{ticker},2026-01-05,101,101\n")
        });
        let file = format!("symbol,date,close,adjusted_close\n{splits}");
        let (of_ada, of_eve, imported, ()) = tokio::join!(
            ada.uploads(&of_ada, calls(round, 100)),
            eve.uploads(&of_eve, calls(round, 100)),
            root.imports_prices(file),
            app.completes_prices(),
        );
        for uploaded in [of_ada, of_eve] {
            assert_eq!(uploaded["createdCount"], TICKERS, "round {round}: {uploaded}");
        }
        assert_eq!(imported["importedBars"], 2 * TICKERS, "round {round}: {imported}");
    }
    let held = "query($id: ID!) { portfolio(id: $id) { positions(first: 500) { nodes { symbol quantity } } } }";
    let seen = bob.reads(held, json!({ "id": of_bob })).await;
    let nodes = seen["portfolio"]["positions"]["nodes"].as_array().expect("positions");
    assert_eq!(nodes.len(), ROUNDS * TICKERS);
}

#[tokio::test]
async fn a_split_waits_for_the_upload_of_what_it_makes() {
    let app = App::start().await;
    let root = app.sign_in_admin("root").await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let [of_ada, of_bob] =
        [ada.creates_portfolio("Core").await, bob.creates_portfolio("Core").await];
    let header = "ticker,quantity,entry_price,entry_date,tags\n";
    bob.uploads(&of_bob, format!("{header}SPLT260618C00400000,1,5,2026-01-05,\n")).await;

    // Ada's upload stands still where it has added the contract and goes on to its tag.
    let mut holder = app.superuser().await;
    sqlx::raw_sql("begin; lock table tags in exclusive mode")
        .execute(&mut holder)
        .await
        .expect("a lock");
    let file = format!("{header}SPLT260618C00100000,1,5,2026-01-05,new\n");
    let uploading = tokio::spawn(async move { ada.uploads(&of_ada, file).await });
    waits_for_locks(&app, 1).await;
    let file =
        "symbol,date,close,adjusted_close\nSPLT,2026-01-02,400,100\nSPLT,2026-01-05,101,101\n";
    let importing = tokio::spawn(async move { root.imports_prices(file).await });
    waits_for_locks(&app, 2).await;
    sqlx::raw_sql("commit").execute(&mut holder).await.expect("the lock is given back");

    let uploaded = uploading.await.expect("an upload");
    assert_eq!(uploaded["createdCount"], 1, "{uploaded}");
    let imported = importing.await.expect("an import");
    assert_eq!(imported["importedBars"], 2, "{imported}");
}

/// Until so many transactions wait for others.
async fn waits_for_locks(app: &App, wanted: i64) {
    let mut db = app.superuser().await;
    for _ in 0..500 {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(&mut db)
        .await
        .expect("what the server does");
        if waiting == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody waits");
}
