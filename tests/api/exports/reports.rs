//! Reports: the figures of the graph, the same in every format.

use serde_json::{Value, json};

use super::{downloads, file};
use crate::support::live::Events;
use crate::support::{App, Person, user_codes};

pub const GENERATE: &str = "
    mutation($input: GenerateReportInput!) {
        generateReport(input: $input) {
            export { id kind format status fileName job { id kind } }
            userErrors { code field message hint }
        }
    }";

const FIGURES: &str = "
    query($id: ID!) {
        portfolio(id: $id) {
            valuation { totalValue dailyPnl unrealizedPnl }
            exposures { grossExposure netExposure longExposure shortExposure }
            greeks { total { delta vega } deltaDollars }
            factorExposures { factor { name } beta exposureDollars }
            riskMetrics { annualizedVolatility historicalVar95 beta }
            correlations { averageCorrelation effectivePositions }
            marketScenarios { pnl }
            stressTest { scenario { name } totalPnl }
            dataQuality { score }
        }
    }";

const BOOK: &str = "ticker,quantity,entry_price,entry_date,tags\n\
    AAPL,1000,150.25,2025-06-02,\"core | tech, <script>\"\n\
    TSLA,-400,210,2025-06-02,\n\
    SPY260320P00450000,-30,4.2,2025-12-15,#strategy:income\n\
    MSFT,500,310,2025-06-02,core\n";

async fn generates(person: &Person, input: Value) -> Value {
    person.reads(GENERATE, json!({ "input": input })).await["generateReport"].take()
}

async fn with_a_book(name: &str) -> (App, Person, String) {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio_with_cash(name, "100000").await;
    assert_eq!(ada.uploads(&core, BOOK).await["createdCount"], 4);
    app.works_through_its_queue().await;
    (app, ada, core)
}

/// A number of the graph as a report has it: rounded once.
fn rounded(value: &Value, decimals: u32) -> f64 {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok()).expect("a number");
    let scale = 10_f64.powi(decimals.try_into().expect("few"));
    (number * scale).round() / scale
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
}

fn section<'a>(report: &'a Value, key: &str) -> &'a Value {
    let sections = report["sections"].as_array().expect("sections");
    sections.iter().find(|one| one["key"] == key).expect("the section")
}

fn figure(report: &Value, of: &str, key: &str) -> f64 {
    let figures = section(report, of)["figures"].as_array().expect("figures");
    number(&figures.iter().find(|one| one["key"] == key).expect("the figure")["value"])
}

fn rows<'a>(report: &'a Value, of: &str, key: &str) -> &'a [Value] {
    let tables = section(report, of)["tables"].as_array().expect("tables");
    let table = tables.iter().find(|one| one["key"] == key).expect("the table");
    table["rows"].as_array().expect("rows")
}

#[tokio::test]
async fn a_report_says_what_the_graph_says_rounded_once() {
    let (app, ada, core) = with_a_book("Core").await;
    let payload = generates(&ada, json!({ "portfolioId": core, "format": "JSON" })).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["export"]["job"]["kind"], "REPORT");
    app.works_through_its_queue().await;
    let report = downloads(&ada, &payload["export"]["id"]).await.json();
    let graph = ada.reads(FIGURES, json!({ "id": core })).await["portfolio"].take();
    assert!(
        report["notices"][0].as_str().expect("a notice").starts_with("Simulated prices: 4 of 4")
    );

    for (of, key, value, decimals) in [
        ("SUMMARY", "total_value", &graph["valuation"]["totalValue"], 2),
        ("SUMMARY", "daily_pnl", &graph["valuation"]["dailyPnl"], 2),
        ("SUMMARY", "unrealized_pnl", &graph["valuation"]["unrealizedPnl"], 2),
        ("EXPOSURES", "gross_exposure", &graph["exposures"]["grossExposure"], 2),
        ("EXPOSURES", "short_exposure", &graph["exposures"]["shortExposure"], 2),
        ("GREEKS", "delta", &graph["greeks"]["total"]["delta"], 4),
        ("GREEKS", "vega", &graph["greeks"]["total"]["vega"], 4),
        ("GREEKS", "delta_dollars", &graph["greeks"]["deltaDollars"], 2),
        ("RISK", "annualized_volatility", &graph["riskMetrics"]["annualizedVolatility"], 4),
        ("RISK", "historical_var95", &graph["riskMetrics"]["historicalVar95"], 2),
        ("RISK", "beta", &graph["riskMetrics"]["beta"], 3),
        ("CORRELATIONS", "average_correlation", &graph["correlations"]["averageCorrelation"], 3),
        ("CORRELATIONS", "effective_positions", &graph["correlations"]["effectivePositions"], 3),
        ("DATA_QUALITY", "score", &graph["dataQuality"]["score"], 4),
    ] {
        let difference = figure(&report, of, key) - rounded(value, decimals);
        assert!(difference.abs() < 1e-9, "{of} {key}: {difference}");
    }
    for own in rows(&report, "FACTORS", "factors") {
        let all = graph["factorExposures"].as_array().expect("factors");
        let same = all.iter().find(|one| one["factor"]["name"] == own["factor"]).expect("it");
        let difference = number(&own["exposure_dollars"]) - rounded(&same["exposureDollars"], 2);
        assert!(difference.abs() < 0.005, "{own}");
    }
    let stressed = rows(&report, "STRESS", "scenarios");
    let all = graph["stressTest"].as_array().expect("scenarios");
    assert_eq!(stressed.len(), all.len());
    for own in stressed {
        let same = all.iter().find(|one| one["scenario"]["name"] == own["scenario"]).expect("it");
        let difference = number(&own["total_pnl"]) - rounded(&same["totalPnl"], 2);
        assert!(difference.abs() < 0.005, "{own}");
    }
    let moves = rows(&report, "SCENARIOS", "market_moves");
    let difference = number(&moves[0]["pnl"]) - rounded(&graph["marketScenarios"][0]["pnl"], 2);
    assert!(difference.abs() < 0.005, "{difference}");
}

#[tokio::test]
async fn all_formats_carry_the_same_numbers_and_no_text_is_run() {
    let (app, ada, core) = with_a_book("=Core|<b>\u{202e}x").await;
    let mut ids = Vec::new();
    for format in ["JSON", "MARKDOWN", "CSV", "XLSX", "PDF"] {
        let input = json!({ "portfolioId": core, "format": format });
        ids.push(generates(&ada, input).await["export"]["id"].clone());
    }
    app.works_through_its_queue().await;
    let report = downloads(&ada, &ids[0]).await.json();

    let reply = downloads(&ada, &ids[1]).await;
    let markdown = reply.text();
    for one in report["sections"].as_array().expect("sections") {
        for figure in one["figures"].as_array().expect("figures") {
            let shown = figure["shown"].as_str().expect("a text");
            assert!(markdown.contains(&shown.replace('_', "\\_")), "{figure}");
        }
    }
    assert!(!markdown.contains("<script>") && !markdown.contains('\u{202e}'));
    assert!(markdown.starts_with("# Portfolio report: =Core\\|&lt;b&gt;\u{fffd}x\n"));

    let reply = downloads(&ada, &ids[2]).await;
    let mut lines = csv::Reader::from_reader(reply.text().as_bytes());
    let head = lines.headers().expect("a head").clone();
    let place = |name: &str| head.iter().position(|column| column == name).expect("a column");
    for (row, own) in lines.records().zip(rows(&report, "POSITIONS", "positions")) {
        let row = row.expect("a row");
        for column in ["exposure", "unrealized_pnl", "daily_pnl", "delta", "weight"] {
            assert_eq!(row[place(column)].parse::<f64>().ok(), Some(number(&own[column])));
        }
        assert_eq!(row[place("tags")], own["tags"].as_str().expect("tags").to_owned());
    }

    let workbook = downloads(&ada, &ids[3]).await;
    assert!(workbook.body.starts_with(b"PK\x03\x04"));
    let pdf = downloads(&ada, &ids[4]).await;
    assert_eq!(pdf.header("content-type"), "application/pdf");
    assert!(pdf.body.starts_with(b"%PDF-") && pdf.body.ends_with(b"%%EOF"));
}

#[tokio::test]
async fn sections_are_chosen_and_a_past_session_can_be_reported() {
    let (app, ada, core) = with_a_book("Core").await;
    let chosen = json!({
        "portfolioId": core, "format": "JSON", "sections": ["POSITIONS", "SUMMARY"],
        "asOf": "2025-12-10",
    });
    let chosen = generates(&ada, chosen).await;
    let few = json!({ "portfolioId": core, "format": "CSV", "sections": ["EXPOSURES"] });
    let few = generates(&ada, few).await;
    app.works_through_its_queue().await;
    let report = downloads(&ada, &chosen["export"]["id"]).await.json();
    let keys: Vec<_> = report["sections"].as_array().expect("sections").iter().collect();
    assert_eq!(
        (keys.len(), &keys[0]["key"], &keys[1]["key"]),
        (2, &json!("SUMMARY"), &json!("POSITIONS"))
    );
    assert_eq!(
        (&report["asOf"], rows(&report, "POSITIONS", "positions").len()),
        (&json!("2025-12-10"), 3)
    );
    let reply = downloads(&ada, &few["export"]["id"]).await;
    assert!(
        reply.text().starts_with("section,table,row,figure,value\r\nEXPOSURES,,,long_exposure,")
    );

    for (input, field) in [
        (json!({ "portfolioId": core, "format": "FIX" }), "format"),
        (json!({ "portfolioId": core, "format": "PDF", "sections": [] }), "sections"),
        (json!({ "portfolioId": core, "format": "PDF", "template": "nonsense" }), "template"),
    ] {
        let refused = generates(&ada, input).await;
        assert_eq!(
            (user_codes(&refused), &refused["userErrors"][0]["field"][0]),
            (vec!["VALIDATION"], &json!(field))
        );
    }
    let templates = "{ reportTemplates { key name description sections } }";
    let templates = ada.reads(templates, json!({})).await["reportTemplates"].take();
    assert_eq!(templates[0]["key"], "full");
    assert_eq!(templates[0]["sections"].as_array().map(Vec::len), Some(11));
}

#[tokio::test]
async fn a_report_on_an_empty_book_says_that_there_is_nothing() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Empty").await;
    let mut ids = Vec::new();
    for format in ["JSON", "MARKDOWN", "CSV", "XLSX", "PDF"] {
        let input = json!({ "portfolioId": core, "format": format });
        ids.push(generates(&ada, input).await["export"]["id"].clone());
    }
    app.works_through_its_queue().await;
    for id in &ids {
        downloads(&ada, id).await;
    }
}

#[tokio::test]
async fn the_making_of_a_report_is_watched_and_can_be_stopped() {
    let (app, ada, core) = with_a_book("Core").await;
    let input = json!({ "portfolioId": core, "format": "PDF" });
    let payload = generates(&ada, input.clone()).await;
    let id = payload["export"]["job"]["id"].clone();
    let watch = "subscription($id: ID!) { jobProgress(jobId: $id) { status progress processed total message } }";
    let mut events = Events::of(&ada, watch, json!({ "id": id })).await;
    let first = events.next().await.expect("the job as it is");
    assert_eq!(first["data"]["jobProgress"]["status"], "QUEUED");
    app.works_through_its_queue().await;
    let mut last = Value::Null;
    while let Some(told) = events.next().await {
        last = told["data"]["jobProgress"].clone();
    }
    assert_eq!((&last["status"], &last["total"]), (&json!("SUCCEEDED"), &json!(13)));
    assert!(last["message"].as_str().expect("a message").ends_with(" bytes"), "{last}");

    let payload = generates(&ada, input).await;
    let cancel = "mutation($id: ID!) { cancelJob(input: { id: $id }) { userErrors { code } } }";
    ada.reads(cancel, json!({ "id": payload["export"]["job"]["id"] })).await;
    app.works_through_its_queue().await;
    let stopped = file(&ada, &payload["export"]["id"]).await;
    assert_eq!((&stopped["status"], &stopped["downloadUrl"]), (&json!("CANCELLED"), &Value::Null));
}
