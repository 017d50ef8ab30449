//! What the nightly chain has found is answered with as long as it is what would be found.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};

use super::{runs, two_books};
use crate::support::{App, Person, numbered};

const FIGURES: &str = "query($id: ID!) { portfolio(id: $id) {
    greeks {
        total { ...sensitivities } deltaDollars gammaDollars optionPositionCount quality warnings
        afterExpiry(withinDays: 30) { ...sensitivities } provenance { ...origin }
    }
    positions { nodes {
        symbol
        greeks {
            source model perShare { ...sensitivities } position { ...sensitivities } deltaDollars
            gammaDollars theoreticalPrice volatility volatilitySource riskFreeRate dividendYield
            underlyingPrice timeToExpiryYears asOf quality warnings provenance { ...origin }
        }
        factorExposures { factor { name } ...exposure }
        interestRateBeta { beta rSquared standardError observations asOf quality warnings }
    } }
    factorModel {
        windowDays observations conditionNumber varianceInflation { factor { name } vif }
        positionsCovered rSquared asOf quality warnings
    }
    riskDecomposition {
        volatility factorVolatility specificVolatility parametricVar95 quality warnings
        factors { factor { name } contribution percent }
    }
    delta: factorExposures(basis: DELTA_ADJUSTED) { factor { name } ...exposure }
    factorExposures {
        factor { name } beta standardError exposureDollars method basis observations asOf quality
        warnings contributions(first: 3) { ...part } all: contributions(first: 100) { ...part }
        provenance { ...origin }
    }
    marketScenarios { ...move }
    rateScenarios { ...move }
    stressTest {
        scenario { key name shocks { variable shock } } directPnl correlationPnl totalPnl
        fullRevaluationPnl pnlPercent newTotalValue severity asOf quality warnings
        factorImpacts { variable shock exposureDollars pnl isDirect }
        positions(first: 3) { ...impact } all: positions(first: 100) { ...impact }
        provenance { ...origin }
    }
} }
fragment exposure on FactorExposure {
    beta standardError exposureDollars method basis observations asOf quality warnings
    provenance { ...origin }
}
fragment sensitivities on Greeks { delta gamma theta vega rho }
fragment part on FactorContribution { position { symbol } beta exposureDollars }
fragment impact on PositionImpact { position { symbol } pnl }
fragment move on ScenarioResult {
    name move pnl pnlPercent newTotalValue beta severity asOf quality warnings
    positions(first: 3) { ...impact } all: positions(first: 100) { ...impact }
    provenance { ...origin }
}
fragment origin on Provenance {
    basis method modelVersion asOf inputs { name value unit }
    coverage { includedPositions excludedPositions includedExposure excludedExposure }
}";

const FIELDS: [&str; 6] =
    ["greeks", "delta", "factorExposures", "marketScenarios", "rateScenarios", "stressTest"];

/// Takes out of an answer where its figures come from.
fn origins(answer: &mut Value, found: &mut BTreeSet<String>) {
    match answer {
        Value::Object(fields) => {
            for value in fields.values_mut() {
                match value {
                    Value::String(basis) if ["STORED", "LIVE"].contains(&basis.as_str()) => {
                        found.insert(std::mem::take(basis));
                    }
                    other => origins(other, found),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| origins(one, found)),
        _ => {}
    }
}

/// The figures of a portfolio, and where each field has them from.
async fn figures(person: &Person, portfolio: &str) -> (Value, [String; 6]) {
    let mut book = person.reads(FIGURES, json!({ "id": portfolio })).await["portfolio"].take();
    let bases = FIELDS.map(|field| {
        let mut found = BTreeSet::new();
        origins(&mut book[field], &mut found);
        found.into_iter().collect::<Vec<_>>().join(" ")
    });
    origins(&mut book, &mut BTreeSet::new());
    (book, bases)
}

const STORED: [&str; 6] = ["STORED"; 6];
const LIVE: [&str; 6] = ["LIVE"; 6];
/// Of a book of shares alone there is nothing to value.
const WITHOUT_OPTIONS: [&str; 6] = ["LIVE", "STORED", "STORED", "STORED", "STORED", "STORED"];
/// What is of a book as a whole has to be found anew; what is of what it holds has not.
const OF_INSTRUMENTS: [&str; 6] = ["STORED", "STORED", "STORED", "LIVE", "LIVE", "LIVE"];
const OF_OPTIONS: [&str; 6] = ["STORED", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE"];

pub async fn changes(app: &App, statement: &str) {
    let mut superuser = app.superuser().await;
    let mut tx = superuser.begin().await.expect("a transaction");
    let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await.expect("a change");
    assert!(done.rows_affected() > 0, "{statement}");
    tx.commit().await.expect("a commit");
}

#[tokio::test]
async fn what_still_holds_is_answered_as_it_was_found() {
    let (app, ada, bob, admin, [hers, his]) = two_books().await;
    let (live, bases) = figures(&ada, &hers).await;
    assert_eq!(bases, LIVE);
    let job = runs(&app, &admin, "DAILY").await;
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    let (stored, bases) = figures(&ada, &hers).await;
    assert_eq!(bases, STORED);
    assert_eq!(stored, live);
    assert_eq!(figures(&bob, &his).await.1, WITHOUT_OPTIONS);

    // Another question has another answer.
    let other = ada
        .reads(
            "query($id: ID!) { portfolio(id: $id) {
                factorExposures(method: RIDGE) { provenance { basis } }
                american: greeks(model: AMERICAN) { provenance { basis } }
                marketScenarios(moves: [0.01, 0.02]) { provenance { basis } }
                before: factorExposures(asOf: \"2026-01-02\") { provenance { basis } }
                sunday: factorExposures(asOf: \"2026-01-04\") { asOf provenance { basis } }
            } }",
            json!({ "id": hers }),
        )
        .await["portfolio"]
        .clone();
    for field in ["factorExposures", "marketScenarios", "before", "sunday"] {
        assert_eq!(other[field][0]["provenance"]["basis"], "LIVE", "{field}");
    }
    assert_eq!(other["american"]["provenance"]["basis"], "LIVE");
}

/// Each change is of something that figures are made of; whoever does not have it is not touched.
#[tokio::test]
async fn what_has_changed_since_is_found_anew() {
    let (app, ada, bob, admin, [hers, his]) = two_books().await;
    let close = |symbol: &str| {
        format!(
            "update prices set close = close * 1.05, low = null, high = null
              where date = '2025-06-03'
                and instrument_id = (select id from instruments where symbol = '{symbol}')"
        )
    };
    let dividend = "insert into corporate_actions
                        (instrument_id, id, kind, effective_date, cash_amount, source)
                    select id, gen_random_uuid(), 'DIVIDEND', '2025-09-03', 2, 'IMPORT'
                      from instruments where symbol = 'NVDA'";
    let described = "update instruments set sector = 'Energy' where symbol = 'NVDA'";
    let taken_back = "delete from prices where date = '2025-06-04'";
    let each = [
        ("a close of what she holds", close("NVDA"), OF_OPTIONS),
        ("a dividend of it", dividend.into(), OF_OPTIONS),
        ("its sector", described.into(), OF_INSTRUMENTS),
        ("a close of a factor's fund", close("VTV"), LIVE),
        ("a yield", "update treasury_yields set rate = rate + 0.001".into(), LIVE),
        ("a close that is taken back", taken_back.into(), LIVE),
    ];
    for (what, statement, expected) in each {
        runs(&app, &admin, "DAILY").await;
        let (before, bases) = figures(&ada, &hers).await;
        assert_eq!(bases, STORED, "before {what}");
        changes(&app, &statement).await;
        let (after, bases) = figures(&ada, &hers).await;
        assert_eq!(bases, expected, "{what}");
        assert_ne!(before, after, "{what}");
        let others = figures(&bob, &his).await.1;
        let of_others = if expected == LIVE { LIVE } else { WITHOUT_OPTIONS };
        assert_eq!(others, of_others, "{what}");

        runs(&app, &admin, "DAILY").await;
        let (again, bases) = figures(&ada, &hers).await;
        assert_eq!(bases, STORED, "after {what}");
        assert_eq!(again, after, "{what}");
    }
}

#[tokio::test]
async fn what_somebody_changes_in_a_book_is_answered_at_once() {
    let (app, ada, _, admin, [hers, _]) = two_books().await;
    runs(&app, &admin, "DAILY").await;
    let (before, bases) = figures(&ada, &hers).await;
    assert_eq!(bases, STORED);

    let added = ada
        .reads(
            "mutation($input: AddPositionInput!) { addPosition(input: $input) {
                position { id } userErrors { message } } }",
            json!({ "input": { "portfolioId": hers, "symbol": "KO", "quantity": "100",
                               "entryPrice": "60", "entryDate": "2025-12-01" } }),
        )
        .await;
    assert!(added["addPosition"]["position"]["id"].is_string(), "{added}");
    app.works_through_its_queue().await;
    let (after, bases) = figures(&ada, &hers).await;
    assert_eq!(bases, OF_OPTIONS);
    assert_ne!(before, after);
    runs(&app, &admin, "DAILY").await;
    assert_eq!(figures(&ada, &hers).await, (after, STORED.map(String::from)));

    // One of the scenarios is new, and then another one than it was.
    let scenario = json!({ "input": { "name": "Own", "category": "CUSTOM",
        "shocks": [{ "variable": "Market", "shock": -0.1 }] } });
    let made = ada
        .reads(
            "mutation($input: CreateStressScenarioInput!) { createStressScenario(input: $input) {
                scenario { id } userErrors { message } } }",
            scenario,
        )
        .await["createStressScenario"]
        .clone();
    let id = made["scenario"]["id"].clone();
    assert!(id.is_string(), "{made}");
    let origins = async || {
        let asked = "query($id: ID!, $own: ID!) { portfolio(id: $id) {
            stressTest(scenarioIds: [$own]) { totalPnl provenance { basis } }
            all: stressTest { provenance { basis } } } }";
        let book = ada.reads(asked, json!({ "id": hers, "own": id })).await["portfolio"].clone();
        let stored = book["all"].as_array().expect("results");
        let stored = stored.iter().filter(|one| one["provenance"]["basis"] == "STORED").count();
        (book["stressTest"][0]["provenance"]["basis"].clone(), stored)
    };
    let (own, others) = origins().await;
    assert_eq!(own, "LIVE");
    assert!(others > 10, "{others}");
    runs(&app, &admin, "DAILY").await;
    assert_eq!(origins().await, (json!("STORED"), others + 1));
    let changed = json!({ "input": { "id": id,
        "shocks": [{ "variable": "Market", "shock": -0.2 }] } });
    let changed = ada
        .reads(
            "mutation($input: UpdateStressScenarioInput!) { updateStressScenario(input: $input) {
                scenario { id } userErrors { message } } }",
            changed,
        )
        .await;
    assert_eq!(changed["updateStressScenario"]["userErrors"], json!([]), "{changed}");
    assert_eq!(origins().await, (json!("LIVE"), others));
}

/// Ten positions are kept of each figure; who asks for more gets the others too.
#[tokio::test]
async fn a_large_book_answers_with_all_of_its_positions() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let admin = app.sign_in_admin("olga").await;
    let book = ada.creates_portfolio_with_cash("Large", "10000").await;
    let rows = numbered(1..26, |at| format!("T{at:02},{at}0,10,2025-12-01\n"));
    ada.uploads(&book, format!("ticker,quantity,entry_price,entry_date\n{rows}")).await;
    app.works_through_its_queue().await;
    let (live, bases) = figures(&ada, &book).await;
    assert_eq!(bases, LIVE);
    runs(&app, &admin, "DAILY").await;
    let (stored, bases) = figures(&ada, &book).await;
    assert_eq!(bases, WITHOUT_OPTIONS);
    assert_eq!(stored["factorExposures"][0]["all"].as_array().map(Vec::len), Some(25));
    assert_eq!(stored, live);
}

#[tokio::test]
async fn what_still_holds_saves_statements() {
    let (app, ada, _, admin, _) = two_books().await;
    let page = "{ viewer { portfolios { nodes {
        valuation { totalValue } positions { nodes { symbol tags { name } } }
        factorExposures { beta exposureDollars } marketScenarios { pnl } rateScenarios { pnl }
        stressTest { scenario { name } totalPnl positions { pnl } }
        correlations { matrix excluded { reason } } scenarioAccuracy { rmse points { actual } }
    } } } }";
    let statements = async || {
        let answer = ada.asks(page, json!({})).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["extensions"]["statements"].as_u64().expect("a number")
    };
    let live = statements().await;
    runs(&app, &admin, "DAILY").await;
    let stored = statements().await;
    // The session, the page, its positions, their splits and quotes; scenarios and what is kept.
    assert_eq!(stored, 7);
    assert!(stored < live, "{stored} of {live}");
}

/// What was found of an instrument is everybody's: of a book that nobody had that night, and of one
/// that is only tried.
#[tokio::test]
async fn what_is_known_of_instruments_answers_for_whoever_holds_them() {
    let (app, _, bob, admin, [_, his]) = two_books().await;
    runs(&app, &admin, "DAILY").await;
    let eve = app.sign_in("eve").await;
    let new = eve.creates_portfolio_with_cash("New", "5000").await;
    eve.uploads(&new, "ticker,quantity,entry_price,entry_date\nNVDA,10,120,2025-12-03\n").await;
    app.works_through_its_queue().await;
    let bases = figures(&eve, &new).await.1;
    assert_eq!(bases, ["LIVE", "STORED", "STORED", "LIVE", "LIVE", "LIVE"]);

    let made = bob
        .reads(
            "mutation($id: ID!) { createModelingSession(input: { portfolioId: $id, name: \"Try\" }) {
                session { id } userErrors { message } } }",
            json!({ "id": his }),
        )
        .await["createModelingSession"]
        .take();
    let trade = json!({ "action": "BUY", "quantity": "20", "symbol": "TLT" });
    let tried = bob
        .reads(
            "mutation($input: AddModelTradesInput!) { addModelTrades(input: $input) {
                session { trialBook {
                    positions { nodes { symbol quantity } }
                    factorExposures(basis: DELTA_ADJUSTED) { beta provenance { basis } }
                } }
                userErrors { message } } }",
            json!({ "input": { "sessionId": made["session"]["id"], "trades": [trade] } }),
        )
        .await["addModelTrades"]
        .take();
    let book = &tried["session"]["trialBook"];
    assert_eq!(book["positions"]["nodes"].as_array().map(Vec::len), Some(3), "{tried}");
    assert_eq!(book["factorExposures"][0]["provenance"]["basis"], "STORED", "{tried}");
}
