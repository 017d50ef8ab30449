//! What the nightly chain finds of books, and keeps.

mod accuracy;
mod changes;
mod latest;
mod together;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

use crate::support::{App, Person};

const BOOK: &str = "\
ticker,quantity,entry_price,entry_date
AAPL,200,150,2025-12-01
MSFT,-50,400,2025-12-02
NVDA,300,120,2025-12-03
AAPL260320C00250000,5,8,2025-12-04
";

const OTHER: &str = "\
ticker,quantity,entry_price,entry_date
AAPL,100,150,2025-12-01
TLT,400,90,2025-12-02
";

/// Each table with what orders its rows.
const TABLES: [(&str, &str); 11] = [
    ("position_greeks", "position_id"),
    ("factor_exposures", "portfolio_id, factor"),
    ("position_factor_exposures", "position_id"),
    ("position_interest_rate_betas", "position_id"),
    ("market_risk_scenarios", "portfolio_id, kind, move"),
    ("stress_test_results", "portfolio_id, scenario_id"),
    ("portfolio_correlations", "portfolio_id"),
    ("latest_results", "portfolio_id, kind"),
    ("market_results", "kind, subject"),
    ("scenario_accuracy", "portfolio_id"),
    ("factor_correlations", "date"),
];

const RUN: &str = "mutation($input: RunBatchInput!) {
    runBatch(input: $input) { job { id } userErrors { code message } }
}";

const JOB: &str = "query($id: ID!) {
    job(id: $id) { status processed total failed failures { step portfolioId message }
        error { message } steps { name status } }
}";

/// Runs a kind again, and says how it went.
pub async fn runs(app: &App, admin: &Person, kind: &str) -> Value {
    let input = json!({ "kind": kind, "force": true });
    let asked = admin.reads(RUN, json!({ "input": input })).await;
    let id = asked["runBatch"]["job"]["id"].clone();
    assert!(id.is_string(), "{asked}");
    app.works_through_its_queue().await;
    admin.reads(JOB, json!({ "id": id })).await["job"].clone()
}

/// What a statement says, as JSON, whoever's it is.
async fn stored(app: &App, statement: &str) -> Value {
    let sql = format!("select coalesce(jsonb_agg(to_jsonb(found)), '[]') from ({statement}) found");
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut app.superuser().await).await;
    row.expect("a statement").get(0)
}

async fn in_all_tables(app: &App) -> Vec<Value> {
    let mut all = Vec::new();
    for (table, order) in TABLES {
        all.push(stored(app, &format!("select * from {table} order by {order}")).await);
    }
    all
}

/// The same with 200 and 200.0 as one number.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(all) => all.iter().map(floats).collect(),
        Value::Object(all) => {
            all.iter().map(|(name, value)| (name.clone(), floats(value))).collect()
        }
        other => other.clone(),
    }
}

/// Two people with books, and somebody who operates the service.
async fn two_books() -> (App, Person, Person, Person, [String; 2]) {
    let app = App::start().with_simulated_prices().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let admin = app.sign_in_admin("olga").await;
    let hers = ada.creates_portfolio_with_cash("Core", "10000").await;
    let his = bob.creates_portfolio("Core").await;
    ada.uploads(&hers, BOOK).await;
    bob.uploads(&his, OTHER).await;
    app.works_through_its_queue().await;
    (app, ada, bob, admin, [hers, his])
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one night, and all it finds")]
async fn a_night_finds_what_a_request_would_and_finds_it_again() {
    let (app, ada, bob, admin, [hers, his]) = two_books().await;
    let job = runs(&app, &admin, "DAILY").await;
    assert_eq!((&job["status"], &job["failed"]), (&json!("SUCCEEDED"), &json!(0)), "{job}");
    let steps: Vec<_> =
        job["steps"].as_array().expect("steps").iter().map(|step| step["name"].clone()).collect();
    assert_eq!(steps.len(), 9, "{job}");

    for (person, portfolio) in [(&ada, &hers), (&bob, &his)] {
        let book = person
            .reads(
                "query($id: ID!) { portfolio(id: $id) {
                    factorExposures { factor { name } beta exposureDollars standardError quality }
                    marketScenarios { move pnl beta severity }
                    rateScenarios { move pnl beta severity }
                    stressTest { directPnl totalPnl fullRevaluationPnl pnlPercent severity }
                    correlations { symbols averageCorrelation effectivePositions }
                } }",
                json!({ "id": portfolio }),
            )
            .await["portfolio"]
            .clone();
        let of = |table: &str, columns: &str, order: &str| {
            format!(
                "select {columns} from {table} join users on users.id = owner_id
                  where email = '{}' order by {order}",
                person.email
            )
        };
        let kept = stored(
            &app,
            &of(
                "factor_exposures",
                "jsonb_build_object('name', factor) as factor, beta,
                 trim_scale(dollars)::text as \"exposureDollars\",
                 standard_error as \"standardError\", quality",
                "array_position(array['Market', 'Value', 'Growth', 'Momentum', 'Quality', 'Size',
                                      'Low Volatility'], factor)",
            ),
        )
        .await;
        assert_eq!(kept, book["factorExposures"]);
        assert!(kept[0]["beta"].is_f64(), "{kept}");
        for (kind, field) in [("MARKET", "marketScenarios"), ("RATE", "rateScenarios")] {
            let columns = "move, trim_scale(pnl)::text as pnl, beta, severity";
            let order = format!("(kind = '{kind}') desc, move desc limit 2");
            let kept = stored(&app, &of("market_risk_scenarios", columns, &order)).await;
            assert_eq!(kept, book[field]);
        }
        let kept = stored(
            &app,
            &of(
                "stress_test_results join built_in_scenarios s on s.id = scenario_id",
                "trim_scale(direct_pnl)::text as \"directPnl\",
                 trim_scale(total_pnl)::text as \"totalPnl\",
                 trim_scale(full_revaluation_pnl)::text as \"fullRevaluationPnl\",
                 share as \"pnlPercent\", stress_test_results.severity",
                "ordinal",
            ),
        )
        .await;
        assert!(kept.as_array().is_some_and(|all| all.len() > 10), "{kept}");
        assert_eq!(kept, book["stressTest"]);
        let columns = "symbols, average as \"averageCorrelation\",
                       effective_positions as \"effectivePositions\"";
        let kept = stored(&app, &of("portfolio_correlations", columns, "1")).await;
        assert_eq!(kept[0], book["correlations"]);
    }

    let positions = "{ viewer { portfolios { nodes { positions { nodes {
        symbol
        greeks { position { delta gamma theta vega rho } volatility }
        factorExposures { beta exposureDollars }
        interestRateBeta { beta observations }
    } } } } } }";
    let seen = ada.reads(positions, json!({})).await;
    let nodes = &seen["viewer"]["portfolios"]["nodes"][0]["positions"]["nodes"];
    let nodes = nodes.as_array().expect("positions");
    assert_eq!(nodes.len(), 4);
    for node in nodes {
        let symbol = node["symbol"].as_str().expect("a symbol");
        let kept = stored(
            &app,
            &format!(
                "select i.symbol,
                        jsonb_build_object(
                            'position', jsonb_build_object(
                                'delta', delta::float8, 'gamma', gamma::float8,
                                'theta', theta::float8, 'vega', vega::float8,
                                'rho', rho::float8),
                            'volatility', volatility) as greeks,
                        (select jsonb_agg(jsonb_build_object('beta', beta, 'exposureDollars',
                                                             trim_scale(dollars)::text))
                           from unnest(betas, dollars) f (beta, dollars)) as \"factorExposures\",
                        jsonb_build_object('beta', r.beta, 'observations', r.observations)
                            as \"interestRateBeta\"
                   from position_greeks g
                   join position_factor_exposures e using (owner_id, position_id, date)
                   join position_interest_rate_betas r using (owner_id, position_id, date)
                   join positions p on p.owner_id = g.owner_id and p.id = position_id
                   join instruments i on i.id = instrument_id
                   join users u on u.id = g.owner_id
                  where symbol = '{symbol}' and email = '{}'",
                ada.email
            ),
        )
        .await;
        assert_eq!(floats(&kept[0]), floats(node));
    }

    // The same prices, ten minutes later: not a letter of it is another.
    let before = in_all_tables(&app).await;
    assert!(before.iter().all(|rows| rows != &json!([])), "every table has rows");
    let later = app.restart().at("2026-01-05T21:40:00Z").await;
    let job = runs(&later, &admin.before(&later), "DAILY").await;
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    for ((table, _), (then, now)) in TABLES.iter().zip(before.iter().zip(in_all_tables(&app).await))
    {
        assert_eq!(*then, now, "{table}");
    }
}

const EXPOSURES: &str = "query($id: ID!) { portfolio(id: $id) {
    greeks { total { delta vega } }
    factorExposures { ...exposure }
    latestSnapshot { greeks { delta vega } factorExposures { ...exposure } }
} }
fragment exposure on FactorExposure {
    factor { name } beta standardError exposureDollars method basis observations asOf quality
    warnings contributions { position { symbol } beta exposureDollars }
    provenance { basis inputs { name value unit } coverage { includedPositions } }
}";

const STRESSES: &str = "query($id: ID!, $scenario: ID!, $only: [ID!]) { portfolio(id: $id) {
    stressTest(scenarioIds: $only) { ...result }
    stressHistory(scenarioId: $scenario) { ...result }
    empty: stressHistory(scenarioId: $scenario, to: \"2026-01-02\") { asOf }
} }
fragment result on StressResult {
    scenario { name shocks { variable shock } } directPnl correlationPnl totalPnl
    fullRevaluationPnl pnlPercent newTotalValue severity asOf quality warnings
    factorImpacts { variable shock exposureDollars pnl isDirect }
    positions { position { symbol } pnl }
    provenance { basis inputs { name value unit } coverage { includedPositions } }
}";

/// Where each of some figures comes from, which is then no difference between them any more.
fn bases(rows: &mut Value) -> Vec<Value> {
    let rows = rows.as_array_mut().expect("rows");
    rows.iter_mut().map(|row| row["provenance"]["basis"].take()).collect()
}

#[tokio::test]
async fn what_was_kept_is_read_as_it_was_found() {
    let (app, ada, bob, admin, [hers, _]) = two_books().await;
    runs(&app, &admin, "DAILY").await;
    let mut book = ada.reads(EXPOSURES, json!({ "id": hers })).await["portfolio"].clone();
    assert_eq!(bases(&mut book["factorExposures"]), ["STORED"; 7]);
    assert_eq!(bases(&mut book["latestSnapshot"]["factorExposures"]), ["STORED"; 7]);
    assert_eq!(book["latestSnapshot"]["factorExposures"], book["factorExposures"]);
    assert_eq!(book["latestSnapshot"]["greeks"], book["greeks"]["total"]);

    let scenarios = ada.reads("{ stressScenarios { id } }", json!({})).await;
    let scenario = &scenarios["stressScenarios"][0]["id"];
    let asked = json!({ "id": hers, "scenario": scenario, "only": [scenario] });
    let mut book = ada.reads(STRESSES, asked.clone()).await["portfolio"].clone();
    assert_eq!(bases(&mut book["stressTest"]), ["STORED"]);
    assert_eq!(bases(&mut book["stressHistory"]), ["STORED"]);
    assert_eq!(book["stressHistory"], book["stressTest"]);
    assert_eq!(book["empty"], json!([]));
    assert_eq!(bob.reads(STRESSES, asked).await["portfolio"], Value::Null);
}

#[tokio::test]
async fn what_was_kept_takes_no_more_statements_when_there_is_more_of_it() {
    let (app, ada, _, admin, _) = two_books().await;
    let scenarios = ada.reads("{ stressScenarios { id } }", json!({})).await;
    let asked = json!({ "scenario": scenarios["stressScenarios"][0]["id"] });
    let dashboard = "query($scenario: ID!) { viewer { portfolios { nodes {
        snapshots(last: 2) { nodes {
            factorExposures { beta contributions { position { symbol } } provenance { basis } }
        } }
        stressHistory(scenarioId: $scenario) { totalPnl positions { pnl } }
    } } } }";
    let mut taken = Vec::new();
    for name in ["Second", "Third"] {
        runs(&app, &admin, "DAILY").await;
        let answer = ada.asks(dashboard, asked.clone()).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        taken.push(answer["extensions"]["statements"].as_u64().expect("a number"));
        ada.uploads(&ada.creates_portfolio(name).await, OTHER).await;
        app.works_through_its_queue().await;
    }
    assert!(taken[1] <= taken[0], "{taken:?}");
}

#[tokio::test]
async fn what_is_no_longer_so_is_replaced_and_the_rest_stays() {
    let (app, _, _, admin, _) = two_books().await;
    runs(&app, &admin, "DAILY").await;
    let mut superuser = app.superuser().await;
    let changed = "update positions set quantity = quantity * 2 where quantity = 300";
    sqlx::query(changed).execute(&mut superuser).await.expect("a change");
    let before = stored(&app, "select position_id, delta, created_at from position_greeks").await;
    let later = app.restart().at("2026-01-05T21:40:00Z").await;
    runs(&later, &admin.before(&later), "GREEKS").await;
    let after = stored(&app, "select position_id, delta, created_at from position_greeks").await;
    let (before, after) = (before.as_array().expect("rows"), after.as_array().expect("rows"));
    assert_eq!(before.len(), after.len());
    let other: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(other.len(), 1, "{other:?}");
    assert_eq!(other[0]["delta"], 600);
}

#[tokio::test]
async fn a_book_that_fails_stops_no_other() {
    let (app, ada, _, admin, _) = two_books().await;
    ada.uploads(&ada.creates_portfolio("Second").await, OTHER).await;
    app.works_through_its_queue().await;
    let mut superuser = app.superuser().await;
    let poison = "do $$ begin execute format(
        'alter table position_greeks add constraint poison check (portfolio_id <> %L) not valid',
        (select id from portfolios where name = 'Second')); end $$";
    sqlx::query(poison).execute(&mut superuser).await.expect("a poison");

    let job = runs(&app, &admin, "GREEKS").await;
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert_eq!((&job["processed"], &job["failed"]), (&json!(3), &json!(1)), "{job}");
    let kept = stored(&app, "select position_id from position_greeks").await;
    assert_eq!(kept.as_array().expect("rows").len(), 6);
}
