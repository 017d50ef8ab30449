//! How well the market scenario predicted, as it is kept week by week.

use chrono::NaiveDate;
use serde_json::{Value, json};
use sigmasight::domain::calendar::Calendar;
use sigmasight::domain::id::UserId;
use sqlx::AssertSqlSafe;

use super::{runs, stored, two_books};
use crate::support::{App, Person};

/// As a request tells it.
const ASKED: &str = "query($id: ID!) { portfolio(id: $id) { scenarioAccuracy {
    daysBack observations rmse bias correlation hitRate quality warnings
} } }";

/// As the table does, of one person's books; with who wrote it.
async fn kept(app: &App, person: &Person) -> Value {
    let rows = format!(
        "select a.ctid::text as place, a.xmin::text as writer, date,
                days_back as \"daysBack\", observations, rmse, bias, correlation,
                hit_rate as \"hitRate\", quality, warnings
           from scenario_accuracy a join users on users.id = owner_id
          where email = '{}' order by date",
        person.email
    );
    stored(app, &rows).await
}

/// A row without who wrote it and of which session it is.
fn figures(row: &Value) -> Value {
    let mut row = row.clone();
    for column in ["place", "writer", "date"] {
        row.as_object_mut().expect("a row").remove(column);
    }
    row
}

async fn asked(person: &Person, portfolio: &str) -> Value {
    let seen = person.reads(ASKED, json!({ "id": portfolio })).await;
    seen["portfolio"]["scenarioAccuracy"].clone()
}

#[tokio::test]
async fn the_accuracy_that_is_kept_is_what_a_request_answers() {
    let (app, ada, bob, admin, [hers, his]) = two_books().await;
    runs(&app, &admin, "MARKET_DATA").await;
    let answers = [asked(&ada, &hers).await, asked(&bob, &his).await];
    let job = runs(&app, &admin, "ACCURACY").await;
    assert_eq!((&job["status"], &job["failed"]), (&json!("SUCCEEDED"), &json!(0)), "{job}");
    let mut rows = Vec::new();
    for (person, answer) in [&ada, &bob].into_iter().zip(&answers) {
        let own = kept(&app, person).await;
        assert_eq!(own.as_array().map(Vec::len), Some(1), "{own}");
        assert_eq!(own[0]["date"], "2026-01-05");
        assert_eq!(own[0]["observations"], 90);
        assert!(own[0]["rmse"].as_f64().is_some_and(|rmse| rmse > 0.0), "{own}");
        assert!(own[0]["correlation"].is_f64(), "{own}");
        assert_eq!(figures(&own[0]), *answer);
        rows.push(own);
    }
    assert_ne!(figures(&rows[0][0]), figures(&rows[1][0]), "the books are different ones");

    // Ten minutes later it says the same, and who wrote it is who wrote it first.
    let later = app.restart().at("2026-01-05T21:40:00Z").await;
    runs(&later, &admin.before(&later), "ACCURACY").await;
    assert_eq!([kept(&later, &ada).await, kept(&later, &bob).await], *rows);

    // A week later there is another row beside it.
    let next = app.restart().at("2026-01-13T21:30:00Z").await;
    let admin = next.sign_in_admin("olga").await;
    runs(&next, &admin, "MARKET_DATA").await;
    let answer = asked(&next.sign_in("ada").await, &hers).await;
    runs(&next, &admin, "ACCURACY").await;
    let own = kept(&next, &ada).await;
    assert_eq!((&own[0], &own[1]["date"]), (&rows[0][0], &json!("2026-01-13")));
    assert_eq!(figures(&own[1]), answer);
}

/// A symbol splits on a day; its closes and dividends from before are those of the old shares.
async fn splits(app: &App, symbol: &str, date: &str, ratio: u32) {
    let split = format!(
        "with split as (
             insert into corporate_actions
                 (instrument_id, id, kind, effective_date, split_to, split_from, source)
             select id, gen_random_uuid(), 'SPLIT', '{date}', {ratio}, 1, 'IMPORT'
               from instruments where symbol = '{symbol}' returning *),
         paid as (
             update corporate_actions old set cash_amount = old.cash_amount * {ratio} from split
              where old.instrument_id = split.instrument_id and old.kind = 'DIVIDEND'
                and old.effective_date < split.effective_date)
         update prices set close = close * {ratio} from split
          where prices.instrument_id = split.instrument_id and date < effective_date"
    );
    let done = sqlx::query(AssertSqlSafe(split)).execute(&mut app.superuser().await).await;
    assert!(done.expect("a split").rows_affected() > 0, "{symbol} has closes");
}

#[tokio::test]
async fn a_split_is_no_return_whether_betas_or_outcomes_have_seen_it() {
    let (app, ada, _, admin, [hers, _]) = two_books().await;
    runs(&app, &admin, "MARKET_DATA").await;
    let before = asked(&ada, &hers).await;
    splits(&app, "MSFT", "2025-11-03", 2).await;
    splits(&app, "NVDA", "2025-06-02", 10).await;
    let answer = asked(&ada, &hers).await;
    runs(&app, &admin, "ACCURACY").await;
    let after = figures(&kept(&app, &ada).await[0]);
    assert_eq!(after, answer);
    for name in ["rmse", "bias", "correlation", "hitRate"] {
        let of = |answer: &Value| answer[name].as_f64().expect("a figure");
        assert!((of(&before) - of(&after)).abs() < 1e-12, "{name}: {before} {after}");
    }
}

#[tokio::test]
async fn of_a_book_without_prices_nothing_is_kept_but_that() {
    let app = App::start().await;
    let (ada, admin) = (app.sign_in("ada").await, app.sign_in_admin("olga").await);
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,200,150,2025-12-01\n").await;
    app.works_through_its_queue().await;
    let answer = asked(&ada, &core).await;
    let job = runs(&app, &admin, "ACCURACY").await;
    assert_eq!((&job["status"], &job["failed"]), (&json!("SUCCEEDED"), &json!(0)), "{job}");
    assert_eq!(asked(&ada, &core).await, answer);

    let row = &kept(&app, &ada).await[0];
    for name in ["rmse", "bias", "correlation", "hitRate"] {
        assert_eq!(row[name], Value::Null, "{row}");
    }
    for name in ["daysBack", "observations", "quality", "warnings"] {
        assert_eq!(row[name], answer[name], "{name}");
    }
    assert_eq!((&row["quality"], &row["observations"]), (&json!("INSUFFICIENT"), &json!(0)));
    assert!(row["warnings"].to_string().contains("AAPL"), "{row}");
}

#[tokio::test]
async fn in_any_month_what_was_just_entered_has_betas_of_a_whole_window_before_the_tested_sessions()
{
    // A spring day: the window began the year before the last.
    let app = App::start().at("2026-04-14T20:30:00Z").with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,200,150,2026-04-13\n").await;
    app.works_through_its_queue().await;

    let session = NaiveDate::from_ymd_opt(2026, 4, 14).expect("a day");
    let before = Calendar::default().sessions_before(session, 90);
    let query = "query($asOf: Date!) {
        instrument(symbol: \"AAPL\") { factorBetas(asOf: $asOf) { observations quality } } }";
    let seen = ada.reads(query, json!({ "asOf": before })).await;
    let betas = seen["instrument"]["factorBetas"].as_array().expect("betas");
    assert_eq!(betas.len(), 7);
    assert!(betas.iter().all(|beta| beta["observations"] == 252), "{seen}");
    assert_eq!(asked(&ada, &core).await["observations"], 90);
}

#[tokio::test]
async fn nobody_sees_how_well_the_books_of_others_were_predicted() {
    let (app, ada, bob, admin, _) = two_books().await;
    runs(&app, &admin, "MARKET_DATA").await;
    runs(&app, &admin, "ACCURACY").await;
    for person in [&ada, &bob] {
        let owner = sqlx::query_scalar("select id from users where email = $1");
        let owner = owner.bind(&person.email).fetch_one(&mut app.superuser().await).await;
        let owner = UserId(owner.expect("a user"));
        let mut tx = app.services.db.begin_as(owner).await.expect("a transaction");
        let seen = sqlx::query_scalar("select owner_id from scenario_accuracy");
        let seen: Vec<uuid::Uuid> = seen.fetch_all(tx.statement()).await.expect("rows");
        assert_eq!(seen, [owner.0]);
    }
}
