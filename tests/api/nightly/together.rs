//! How a book moves together, and how well moves of the market predicted it, are answered with as
//! they were found while that is what would be found.

use serde_json::{Value, json};

use super::latest::changes;
use super::{runs, two_books};
use crate::support::{App, Person, codes, numbered};

const TOGETHER: &str = "query($id: ID!, $asOf: Date) { portfolio(id: $id) {
    correlations(asOf: $asOf) {
        symbols averageCorrelation concentrationScore effectivePositions lookbackDays included
        clusters { nickname symbols averageCorrelation totalValue weight }
        asOf quality warnings matrix
        pairs(first: 500) { ...pair } strong: pairs(minAbs: 0.2, first: 3) { ...pair }
        excluded(first: 500) { position { id symbol } reason }
        provenance {
            basis method modelVersion asOf inputs { name value unit asOf }
            coverage { includedPositions excludedPositions includedExposure excludedExposure }
        }
    }
} }
fragment pair on CorrelationPair { a b correlation observations }";

const PREDICTED: &str = "query($id: ID!) { portfolio(id: $id) { scenarioAccuracy {
    daysBack observations rmse bias correlation hitRate quality warnings
    points { date predicted actual }
} } }";

/// The session, the portfolio, its positions, their splits and quotes, and what is kept.
const STATEMENTS_OF_WHAT_IS_KEPT: u64 = 6;

const STORED: [&str; 2] = ["STORED"; 2];
const LIVE: [&str; 2] = ["LIVE"; 2];

/// Where correlations come from, and the rest of what they tell.
async fn together(person: &Person, portfolio: &str, as_of: Option<&str>) -> (Value, Value) {
    let told = person.reads(TOGETHER, json!({ "id": portfolio, "asOf": as_of })).await;
    let mut told = told["portfolio"]["correlations"].clone();
    (told["provenance"]["basis"].take(), told)
}

/// The same of predictions: their answer does not say it, and what is found takes statements.
async fn predicted(person: &Person, portfolio: &str) -> (&'static str, Value) {
    let answer = person.asks(PREDICTED, json!({ "id": portfolio })).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    (basis(&answer), answer["data"]["portfolio"]["scenarioAccuracy"].clone())
}

fn basis(answer: &Value) -> &'static str {
    let statements = answer["extensions"]["statements"].as_u64().expect("a number");
    if statements == STATEMENTS_OF_WHAT_IS_KEPT { "STORED" } else { "LIVE" }
}

/// Both, and where each comes from.
async fn figures(person: &Person, portfolio: &str) -> ([Value; 2], [Value; 2]) {
    let (together_from, together) = together(person, portfolio, None).await;
    let (predicted_from, predicted) = predicted(person, portfolio).await;
    ([together, predicted], [together_from, predicted_from.into()])
}

#[tokio::test]
async fn what_still_holds_of_a_whole_book_is_answered_as_it_was_found() {
    let (app, ada, bob, admin, [hers, his]) = two_books().await;
    let (live, bases) = figures(&ada, &hers).await;
    assert_eq!(bases, LIVE);
    assert_eq!(live[0]["symbols"], json!(["AAPL", "MSFT", "NVDA"]));
    assert_eq!(live[0]["excluded"].as_array().map(Vec::len), Some(1), "{}", live[0]);
    assert_eq!(live[1]["points"].as_array().map(Vec::len), Some(90));
    let job = runs(&app, &admin, "DAILY").await;
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert_eq!(figures(&ada, &hers).await, (live, STORED.map(Value::from)));
    assert_eq!(figures(&bob, &his).await.1, STORED);

    // The same question in other words has the same answer, another one has another.
    let usual = "{ minPositionValue: \"10000.00\", minWeight: 0.01, clusterThreshold: 0.7 }";
    for (arguments, basis) in [
        (format!("lookbackDays: 90, filter: {usual}"), "STORED"),
        ("filter: {}".into(), "STORED"),
        ("asOf: \"2026-01-05\"".into(), "STORED"),
        ("asOf: \"2026-01-02\"".into(), "LIVE"),
        ("lookbackDays: 60".into(), "LIVE"),
        ("filter: { minWeight: 0.02 }".into(), "LIVE"),
        ("filter: { mode: VALUE }".into(), "LIVE"),
        ("filter: { view: LONGS }".into(), "LIVE"),
        ("filter: { types: [LONG, SHORT, LC] }".into(), "LIVE"),
        ("filter: { clusterThreshold: 0.5 }".into(), "LIVE"),
    ] {
        let asked = format!(
            "query($id: ID!) {{ portfolio(id: $id) {{
                correlations({arguments}) {{ provenance {{ basis }} }} }} }}"
        );
        let told = ada.reads(&asked, json!({ "id": hers })).await;
        let told = &told["portfolio"]["correlations"]["provenance"]["basis"];
        assert_eq!(told, basis, "{arguments}");
    }
    for (days, expected) in [("90", "STORED"), ("null", "STORED"), ("60", "LIVE")] {
        let asked = format!(
            "query($id: ID!) {{ portfolio(id: $id) {{ scenarioAccuracy(daysBack: {days}) {{ rmse }} }} }}"
        );
        let answer = ada.asks(&asked, json!({ "id": hers })).await;
        assert_eq!(basis(&answer), expected, "{days}: {answer}");
    }
    // What is refused when it has to be found is refused.
    let asked = "query($id: ID!) { portfolio(id: $id) {
        correlations(filter: { clusterThreshold: 2 }) { quality } } }";
    assert_eq!(codes(&ada.asks(asked, json!({ "id": hers })).await), ["VALIDATION"]);
}

/// A close of the sessions that betas were estimated from, before the tested ones, too.
#[tokio::test]
async fn what_has_changed_since_is_found_anew_of_whoever_holds_it() {
    let (app, ada, bob, admin, [hers, his]) = two_books().await;
    for (date, moves) in [("2025-12-10", [true, true]), ("2024-12-10", [false, true])] {
        runs(&app, &admin, "DAILY").await;
        let (before, bases) = figures(&ada, &hers).await;
        assert_eq!(bases, STORED, "before a close of {date}");
        let close = format!(
            "update prices set close = close * 1.05, low = null, high = null
              where date = '{date}'
                and instrument_id = (select id from instruments where symbol = 'NVDA')"
        );
        changes(&app, &close).await;
        let (after, bases) = figures(&ada, &hers).await;
        assert_eq!(bases, LIVE, "a close of {date}");
        assert_eq!([0, 1].map(|at| before[at] != after[at]), moves, "a close of {date}");
        assert_eq!(figures(&bob, &his).await.1, STORED);
        runs(&app, &admin, "DAILY").await;
        assert_eq!(figures(&ada, &hers).await, (after, STORED.map(Value::from)));
    }
    changes(&app, "update treasury_yields set rate = rate + 0.001").await;
    assert_eq!(figures(&bob, &his).await.1, LIVE, "everybody's");
}

/// Clusters are named by tags, and nothing else is.
#[tokio::test]
async fn a_tag_changes_what_clusters_are_called_and_nothing_else() {
    const BOOK: &str = "ticker,quantity,entry_price,entry_date,tags\n\
        SPY,100,500,2025-12-01,early\nVTV,200,150,2025-12-01,early\nVUG,100,400,2025-12-01,\n";
    const MOVES: &str = "query($id: ID!) { portfolio(id: $id) {
        marketScenarios { provenance { basis } } stressTest { provenance { basis } } } }";
    let app = App::start().with_simulated_prices().await;
    let (ada, admin) = (app.sign_in("ada").await, app.sign_in_admin("olga").await);
    let book = ada.creates_portfolio("Core").await;
    assert_eq!(ada.uploads(&book, BOOK).await["createdCount"], 3);
    app.works_through_its_queue().await;
    let moves = async || {
        let told = ada.reads(MOVES, json!({ "id": book })).await["portfolio"].take();
        ["marketScenarios", "stressTest"].map(|field| told[field][0]["provenance"]["basis"].clone())
    };
    let named = |told: &Value| told["clusters"][0]["nickname"].clone();
    runs(&app, &admin, "DAILY").await;
    let (from, told) = together(&ada, &book, None).await;
    assert_eq!(
        (from, told["clusters"][0]["symbols"].as_array().map(Vec::len)),
        (json!("STORED"), Some(3))
    );
    assert_ne!(named(&told), "early");

    let positions = "query($id: ID!) { portfolio(id: $id) { positions { nodes { id } } } }";
    let positions = ada.reads(positions, json!({ "id": book })).await;
    let nodes = positions["portfolio"]["positions"]["nodes"].as_array().expect("positions");
    let ids: Vec<_> = nodes.iter().map(|one| one["id"].clone()).collect();
    let tagged = ada
        .reads(
            "mutation($input: TagPositionsInput!) {
                tagPositions(input: $input) { userErrors { message } } }",
            json!({ "input": { "positionIds": ids, "tags": ["early"] } }),
        )
        .await;
    assert_eq!(tagged["tagPositions"]["userErrors"], json!([]), "{tagged}");
    let (from, told) = together(&ada, &book, None).await;
    assert_eq!((from, named(&told)), (json!("LIVE"), json!("early")));
    assert_eq!(
        (moves().await, predicted(&ada, &book).await.0),
        (STORED.map(Value::from), "STORED")
    );
    runs(&app, &admin, "DAILY").await;
    assert_eq!(together(&ada, &book, None).await, (json!("STORED"), told));

    changes(&app, "update tags set name = 'late' where name = 'early'").await;
    let (from, told) = together(&ada, &book, None).await;
    assert_eq!((from, named(&told)), (json!("LIVE"), json!("late")));
    assert_eq!(
        (moves().await, predicted(&ada, &book).await.0),
        (STORED.map(Value::from), "STORED")
    );
}

#[tokio::test]
async fn the_next_night_finds_it_again_and_a_weekend_is_answered_with_it() {
    let (app, ada, _, admin, [hers, _]) = two_books().await;
    runs(&app, &admin, "DAILY").await;
    let (monday, bases) = figures(&ada, &hers).await;
    assert_eq!(bases, STORED);

    // Saturday, of the close of Friday.
    let app = app.restart().at("2026-01-10T15:00:00Z").await;
    let (ada, admin) = (app.sign_in("ada").await, app.sign_in_admin("olga").await);
    runs(&app, &admin, "MARKET_DATA").await;
    let (live, bases) = figures(&ada, &hers).await;
    assert_eq!((&live[0]["asOf"], bases), (&json!("2026-01-09"), LIVE.map(Value::from)));
    assert_ne!(live, monday);
    let (_, asked) = together(&ada, &hers, Some("2026-01-10")).await;
    runs(&app, &admin, "DAILY").await;
    assert_eq!(figures(&ada, &hers).await, (live, STORED.map(Value::from)));
    assert!(asked["warnings"].to_string().contains("2026-01-10"), "{asked}");
    assert_eq!(together(&ada, &hers, Some("2026-01-10")).await, (json!("STORED"), asked));
}

/// Six hundred lots that are too small, more than can be asked for at once.
#[tokio::test]
async fn a_large_book_answers_with_what_it_leaves_out() {
    let app = App::start().with_simulated_prices().await;
    let (ada, admin) = (app.sign_in("ada").await, app.sign_in_admin("olga").await);
    let book = ada.creates_portfolio("Large").await;
    let large = numbered(1..31, |at| format!("L{at:02},{at}000,10,2025-12-01\n"));
    let small = numbered(0..600, |at| {
        format!("S{:02},{},10,2025-06-{:02}\n", at % 30, 1 + at % 5, 1 + at / 30)
    });
    let rows = format!("ticker,quantity,entry_price,entry_date\n{large}{small}");
    assert_eq!(ada.uploads(&book, rows).await["createdCount"], 630);
    app.works_through_its_queue().await;
    let (live, bases) = figures(&ada, &book).await;
    assert_eq!(bases, LIVE);
    let excluded = &live[0]["provenance"]["coverage"]["excludedPositions"];
    assert!(excluded.as_u64().is_some_and(|count| count >= 600), "{excluded}");
    assert_eq!(live[0]["excluded"].as_array().map(Vec::len), Some(500));
    runs(&app, &admin, "DAILY").await;
    assert_eq!(figures(&ada, &book).await, (live, STORED.map(Value::from)));

    // Ten for each position that is priced, and what it takes to tell the matrix.
    let matrix = "query($id: ID!) { portfolio(id: $id) { correlations { matrix } } }";
    let answer = ada.asks(matrix, json!({ "id": book })).await;
    let symbols = answer["data"]["portfolio"]["correlations"]["matrix"].as_array().map(Vec::len);
    let symbols = symbols.expect("a matrix");
    assert!(symbols > 15, "{symbols}");
    assert_eq!(answer["extensions"]["cost"]["rows"], 6300 + symbols * symbols / 10);
}
