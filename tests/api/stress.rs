//! What moves would do to a portfolio.

use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::{demo, prices};

use crate::support::{App, Person, codes, numbered};

/// Friday the 28th of June 2024, an hour after the close.
const FRIDAY: &str = "2024-06-28T21:00:00Z";

/// What is measured against. Somebody holds it, so that it has prices.
const REFERENCES: [&str; 14] = [
    "SPY", "VTV", "VUG", "MTUM", "QUAL", "SIZE", "USMV", "USO", "GLD", "EWG", "EEM", "FXI", "HYG",
    "IEF",
];

const STRESS: &str = "query($id: ID!, $ids: [ID!], $categories: [ScenarioCategory!]) {
    portfolio(id: $id) {
        valuation { totalValue }
        stressTest(scenarioIds: $ids, categories: $categories) {
            scenario { key shocks { variable } }
            directPnl correlationPnl totalPnl fullRevaluationPnl pnlPercent newTotalValue severity
            factorImpacts { variable shock exposureDollars pnl isDirect }
            positions(first: 100) { position { symbol } pnl }
            asOf quality warnings
            provenance { method modelVersion coverage { includedPositions excludedPositions } }
        }
    }
}";

const MOVES: &str = "query($id: ID!) {
    portfolio(id: $id) {
        valuation { totalValue }
        marketScenarios {
            name move pnl pnlPercent newTotalValue beta severity quality
            positions(first: 2) { position { symbol } pnl }
        }
        rateScenarios { name move pnl beta quality warnings }
        scenarioAccuracy { observations rmse correlation bias hitRate quality points { date } }
        reverseStress(lossRatio: 0.1) { variable move pnl isReachable quality }
        monteCarlo(seed: 7) {
            paths valueAtRisk expectedShortfall standardDeviation quality
            percentiles { percentile pnl }
            histogram { count }
        }
    }
}";

/// A program whose simulated prices reach far enough back, and in which somebody holds what is
/// measured against.
async fn world() -> App {
    let app = App::start().at(FRIDAY).with_simulated_prices().await;
    let maker = app.sign_in("maker").await;
    let portfolio = maker.creates_portfolio("References").await;
    let rows: String = REFERENCES.map(|symbol| format!("{symbol},1,100,2023-01-03\n")).concat();
    let csv = format!("ticker,quantity,entry_price,entry_date\n{rows}");
    assert_eq!(maker.uploads(&portfolio, csv).await["createdCount"], REFERENCES.len());
    app
}

async fn holds(person: &Person, name: &str, rows: &str) -> String {
    let portfolio = person.creates_portfolio_with_cash(name, "10000").await;
    let csv = format!("ticker,quantity,entry_price,entry_date\n{rows}");
    person.uploads(&portfolio, csv).await;
    portfolio
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Money in the smallest unit that figures have.
fn money(value: &Value) -> rust_decimal::Decimal {
    value.as_str().expect("money").parse().expect("a number")
}

async fn demo_user(app: &App, name: &str) -> (Person, String) {
    let login = "mutation($input: LoginInput!) {
        login(input: $input) { session { accessToken refreshToken } }
    }";
    let email = format!("{name}@sigmasight.com");
    let input = json!({ "email": email, "password": demo::PASSWORD });
    let answer = app.asks(login, json!({ "input": input })).await;
    let session = &answer["data"]["login"]["session"];
    let token = |name: &str| session[name].as_str().expect("a token").to_owned();
    let person = Person {
        app: app.clone(),
        email,
        access_token: token("accessToken"),
        refresh_token: token("refreshToken"),
    };
    let books = "{ viewer { portfolios(first: 1) { nodes { id } } } }";
    let seen = person.reads(books, json!({})).await;
    let id = &seen["viewer"]["portfolios"]["nodes"][0]["id"];
    let id = id.as_str().expect("an id").to_owned();
    (person, id)
}

#[tokio::test]
async fn every_built_in_scenario_runs_on_the_demo_s_books() {
    let app = world().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    app.completes_prices().await;

    for (name, is_long) in
        [("demo_individual", true), ("demo_hnw", true), ("demo_hedgefundstyle", false)]
    {
        let (person, portfolio) = demo_user(&app, name).await;
        let seen = person.reads(STRESS, json!({ "id": portfolio })).await;
        let value = money(&seen["portfolio"]["valuation"]["totalValue"]);
        let results = list(&seen["portfolio"]["stressTest"]);
        assert_eq!(results.len(), 27, "{name}");
        for result in results {
            let total = money(&result["totalPnl"]);
            assert_eq!(money(&result["directPnl"]) + money(&result["correlationPnl"]), total);
            assert_eq!(money(&result["newTotalValue"]), value + total);
            let of_positions = list(&result["positions"]).iter().map(|one| money(&one["pnl"]));
            assert_eq!(of_positions.sum::<rust_decimal::Decimal>(), total, "{name}: {result}");
            assert_ne!(result["quality"], "INSUFFICIENT", "{name}: {result}");
            assert_ne!(result["fullRevaluationPnl"], Value::Null, "{name}: {result}");
            assert_eq!(
                result["provenance"]["coverage"]["excludedPositions"], 0,
                "{name}: {result}"
            );
            if is_long {
                assert!(value + total >= rust_decimal::Decimal::ZERO, "{name}: {result}");
            }
        }
        let of = |key: &str| {
            results.iter().find(|one| one["scenario"]["key"] == key).expect("a scenario")
        };
        assert!(money(&of("market_crash_35")["totalPnl"]) < rust_decimal::Decimal::ZERO, "{name}");
        if is_long {
            let credit = of("credit_spread_widening_600bp");
            assert!(money(&credit["totalPnl"]) < rust_decimal::Decimal::ZERO, "{name}: {credit}");
        }
        println!("{name} {value}");
        for result in results {
            println!(
                "  {} direct {} total {} anew {} {} {}",
                result["scenario"]["key"],
                result["directPnl"],
                result["totalPnl"],
                result["fullRevaluationPnl"],
                result["severity"],
                result["quality"],
            );
        }
    }
}

#[tokio::test]
async fn single_moves_say_what_they_are_and_what_they_do() {
    let app = world().await;
    let ada = app.sign_in("ada").await;
    let rows = "AAPL,100,150,2023-01-03\nXOM,50,100,2023-01-03\nJPM,-40,140,2023-01-03\n";
    let core = holds(&ada, "Core", rows).await;
    let empty = ada.creates_portfolio("Empty").await;
    app.completes_prices().await;

    let seen = ada.reads(MOVES, json!({ "id": core })).await;
    let portfolio = &seen["portfolio"];
    let [up, down] = list(&portfolio["marketScenarios"]) else { panic!("{portfolio}") };
    assert_eq!((&up["name"], &down["name"]), (&json!("Market +1 %"), &json!("Market -1 %")));
    assert_eq!(money(&up["pnl"]), -money(&down["pnl"]));
    assert_eq!((&up["severity"], &down["severity"]), (&json!("POSITIVE"), &json!("MILD")));
    assert_eq!(list(&up["positions"]).len(), 2);
    let beta = up["beta"].as_f64().expect("a beta");
    let share = up["pnlPercent"].as_f64().expect("a share");
    assert!((share - 0.01 * beta).abs() < 1e-9 && beta > 0.0, "{up}");
    let rates = list(&portfolio["rateScenarios"]);
    assert_eq!(rates[0]["name"], "10-year yield +50 bp");
    assert_eq!(rates[0]["quality"], "ESTIMATED", "{}", rates[0]);
    assert_ne!(money(&rates[0]["pnl"]), rust_decimal::Decimal::ZERO);
    let accuracy = &portfolio["scenarioAccuracy"];
    assert_eq!(
        (&accuracy["observations"], &accuracy["quality"]),
        (&json!(90), &json!("ESTIMATED"))
    );
    let reverse = &portfolio["reverseStress"];
    assert_eq!(reverse["isReachable"], true);
    let loss = money(&reverse["pnl"]) / money(&portfolio["valuation"]["totalValue"]);
    assert_eq!(loss.round_dp(9), rust_decimal::Decimal::new(-1, 1));
    let simulated = &portfolio["monteCarlo"];
    assert!(money(&simulated["expectedShortfall"]) > money(&simulated["valueAtRisk"]));
    let counted = list(&simulated["histogram"]).iter().filter_map(|bin| bin["count"].as_u64());
    assert_eq!(counted.sum::<u64>(), 10_000);

    let nothing = ada.reads(MOVES, json!({ "id": empty })).await;
    assert_eq!(nothing["portfolio"]["marketScenarios"][0]["pnl"], "0");
    assert_eq!(nothing["portfolio"]["reverseStress"]["isReachable"], false);
    assert_eq!(nothing["portfolio"]["scenarioAccuracy"]["quality"], "INSUFFICIENT");
}

#[tokio::test]
async fn without_prices_to_measure_against_nothing_is_said() {
    let app = App::start().at(FRIDAY).await;
    let ada = app.sign_in("ada").await;
    let core = holds(&ada, "Core", "AAPL,100,150,2023-01-03\n").await;
    app.knows_prices("symbol,date,close\nAAPL,2024-06-28,210\n").await;

    let seen = ada.reads(STRESS, json!({ "id": core, "categories": ["MARKET", "RATES"] })).await;
    for result in list(&seen["portfolio"]["stressTest"]) {
        assert_eq!(result["quality"], "INSUFFICIENT", "{result}");
        assert_eq!(result["provenance"]["coverage"]["excludedPositions"], 1);
        let said = result["warnings"].to_string();
        assert!(said.contains("too little history"), "{said}");
        for figure in [
            "directPnl",
            "correlationPnl",
            "totalPnl",
            "fullRevaluationPnl",
            "pnlPercent",
            "newTotalValue",
            "severity",
        ] {
            assert_eq!(result[figure], Value::Null, "{figure} of {result}");
        }
        assert_eq!(result["factorImpacts"], json!([]));
    }

    let seen = ada.reads(MOVES, json!({ "id": core })).await;
    let book = &seen["portfolio"];
    let moved = &book["marketScenarios"][0];
    for (of, figures) in [
        (moved, &["pnl", "pnlPercent", "newTotalValue", "beta", "severity"][..]),
        (&book["rateScenarios"][0], &["pnl", "beta"]),
        (&book["scenarioAccuracy"], &["rmse", "bias", "correlation", "hitRate"]),
        (&book["reverseStress"], &["move", "pnl"]),
        (&book["monteCarlo"], &["valueAtRisk", "expectedShortfall", "standardDeviation"]),
    ] {
        assert_eq!(of["quality"], "INSUFFICIENT", "{of}");
        for figure in figures {
            assert_eq!(of[figure], Value::Null, "{figure} of {of}");
        }
    }
    for listed in ["percentiles", "histogram"] {
        assert_eq!(book["monteCarlo"][listed], json!([]));
    }
}

#[tokio::test]
async fn what_a_figure_is_made_of_is_told_and_nothing_else() {
    const MADE: &str = "query($id: ID!, $ids: [ID!]) {
        portfolio(id: $id) {
            marketScenarios { provenance { ...made } }
            rateScenarios { provenance { ...made } }
            stressTest(scenarioIds: $ids) { provenance { ...made } }
            monteCarlo(paths: 500, horizonDays: 5, confidence: 0.9, seed: 7) {
                provenance { ...made }
            }
        }
    }
    fragment made on Provenance { method basis inputs { name value unit } }";
    let app = world().await;
    let maker = app.sign_in("ada").await;
    let rows = "AAPL,100,150,2023-01-03\nAAPL241220C00200000,3,20,2024-06-03\n\
                VIX241218C00020000,2,1.5,2024-06-03\n";
    let core = holds(&maker, "Core", rows).await;
    prices::know_references(&app.services).await.expect("they are stored");
    app.completes_prices().await;
    let create = "mutation($input: CreateStressScenarioInput!) {
        createStressScenario(input: $input) { scenario { id } }
    }";
    let shocks = json!([
        { "variable": "OIL", "shock": -0.5 },
        { "variable": "INTEREST_RATE", "shock": 0.01 },
        { "variable": "CREDIT_SPREAD", "shock": 0.02 },
        { "variable": "VIX", "shock": 1.5 },
    ]);
    let input = json!({ "name": "All", "shocks": shocks });
    let made = maker.reads(create, json!({ "input": input })).await;
    let ids = json!([made["createStressScenario"]["scenario"]["id"]]);
    let seen = maker.reads(MADE, json!({ "id": core, "ids": ids })).await;
    let book = &seen["portfolio"];
    let inputs = |of: &Value| {
        let inputs = list(&of["provenance"]["inputs"]).iter();
        let one = |one: &Value| Some((one["name"].as_str()?.into(), one["value"].as_str()?.into()));
        inputs.filter_map(one).collect::<std::collections::BTreeMap<String, String>>()
    };
    let has = |inputs: &std::collections::BTreeMap<String, String>, name: &str, value: &str| {
        assert_eq!(inputs.get(name).map(String::as_str), Some(value), "{inputs:?}");
    };
    let market = inputs(&book["marketScenarios"][0]);
    has(&market, "factors", "SPY, VTV, VUG, MTUM, QUAL, SIZE, USMV");
    has(&market, "betaLimit", "3");
    let rate = inputs(&book["rateScenarios"][0]);
    has(&rate, "yields", "DGS10");
    assert!(!rate.contains_key("factors") && !rate.contains_key("betaLimit"), "{rate:?}");
    let stress = inputs(&book["stressTest"][0]);
    has(&stress, "shock OIL", "-0.5");
    has(&stress, "series OIL", "USO");
    has(&stress, "series INTEREST_RATE", "DGS10");
    has(&stress, "series CREDIT_SPREAD", "HYG, IEF");
    has(&stress, "spreadDuration", "4");
    has(&stress, "series VIX", "^VIX");
    has(&stress, "spots, volatilities and rates of options", "Position.greeks.provenance");
    let level: f64 = stress["level VIX"].parse().expect("a level");
    let quote = "query { instrument(symbol: \"^VIX\") { quote { price } } }";
    let quote = maker.reads(quote, json!({})).await;
    let price = money(&quote["instrument"]["quote"]["price"]);
    assert_eq!(level.to_string(), price.normalize().to_string());
    let drawn = inputs(&book["monteCarlo"]);
    for (name, value) in
        [("paths", "500"), ("horizonDays", "5"), ("confidence", "0.9"), ("seed", "7")]
    {
        has(&drawn, name, value);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_bounds() {
    let app = App::start().at(FRIDAY).await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let core = ada.creates_portfolio("Core").await;
    for field in [
        "marketScenarios(moves: []) { pnl }",
        "marketScenarios(moves: [-1.5]) { pnl }",
        "rateScenarios(moves: [50]) { pnl }",
        "scenarioAccuracy(daysBack: 1) { rmse }",
        "scenarioAccuracy(daysBack: 100000) { rmse }",
        "reverseStress(variable: \"LUCK\", lossRatio: 0.1) { move }",
        "reverseStress(lossRatio: -0.1) { move }",
        "monteCarlo(paths: 2147483647) { mean }",
        "monteCarlo(horizonDays: 0) { mean }",
        "monteCarlo(confidence: 1.5) { mean }",
        "stressTest { positions(first: 501) { pnl } }",
    ] {
        let answer = ada
            .asks(
                &format!("query($id: ID!) {{ portfolio(id: $id) {{ {field} }} }}"),
                json!({ "id": core }),
            )
            .await;
        let codes = codes(&answer);
        assert!(
            !codes.is_empty() && codes.iter().all(|code| *code == "VALIDATION"),
            "{field}: {answer}"
        );
    }
    let create = "mutation($input: CreateStressScenarioInput!) {
        createStressScenario(input: $input) { scenario { id } }
    }";
    let input = json!({ "name": "His", "shocks": [{ "variable": "OIL", "shock": -0.5 }] });
    let his = bob.reads(create, json!({ "input": input })).await;
    let his = &his["createStressScenario"]["scenario"]["id"];
    let others = ada.asks(STRESS, json!({ "id": core, "ids": [his] })).await;
    let nothings = ada.asks(STRESS, json!({ "id": core, "ids": ["nothing"] })).await;
    assert_eq!(codes(&others), ["NOT_FOUND"]);
    assert_eq!(others["errors"][0]["message"], nothings["errors"][0]["message"]);
}

#[tokio::test]
async fn a_stress_test_takes_as_many_statements_however_much_is_held() {
    async fn statements(portfolios: usize, positions: usize) -> u64 {
        let app = App::start().at(FRIDAY).await;
        let ada = app.sign_in("ada").await;
        for number in 0..portfolios {
            let rows = numbered(0..positions, |n| format!("S{n},1,10,2024-01-02\n"));
            holds(&ada, &format!("Core {number}"), &rows).await;
        }
        let query = "{ viewer { portfolios { nodes {
            stressTest { totalPnl }
            marketScenarios { pnl }
            rateScenarios { pnl }
            monteCarlo(paths: 100) { valueAtRisk }
        } } } }";
        let answer = ada.asks(query, json!({})).await;
        assert_eq!(answer["errors"], Value::Null);
        answer["extensions"]["statements"].as_u64().expect("a number of statements")
    }
    let (small, large) = (statements(2, 3).await, statements(8, 40).await);
    assert_eq!(small, large);
    assert!(small <= 10, "{small} statements");
}
