//! Legs seen as one trade, and trades found among legs.

use serde_json::{Value, json};

use crate::support::App;

const CLOSES: &str = "symbol,date,close\n\
    AAPL,2026-01-02,150\nAAPL,2026-01-05,152\n\
    AAPL260220C00150000,2026-01-02,6\nAAPL260220C00150000,2026-01-05,7\n\
    AAPL260220C00160000,2026-01-02,2.5\nAAPL260220C00160000,2026-01-05,3\n\
    AAPL260220P00140000,2026-01-02,2\nAAPL260220P00140000,2026-01-05,1.5\n\
    KO,2026-01-02,60\nKO,2026-01-05,61\n";

const SAME: &str = "
    fragment Risk on Exposures { grossExposure netExposure notional deltaAdjustedNet positionCount }
    fragment Moves on PortfolioGreeks { total { delta gamma theta vega rho } deltaDollars quality }";

#[tokio::test]
async fn a_strategy_is_one_trade_with_the_figures_of_its_legs() {
    let app = App::start().await;
    app.knows_prices(CLOSES).await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let book = ada.creates_portfolio("Core").await;
    ada.uploads(
        &book,
        "ticker,quantity,entry_price,entry_date,tags\n\
         AAPL260220C00150000,2,5,2025-12-15,#Strategy:Spread\n\
         AAPL260220C00160000,-2,2,2025-12-15,#strategy:spread\n\
         AAPL,100,140,2025-12-15,#strategy:odd\n\
         KO,10,59,2025-12-15,#strategy:odd\n",
    )
    .await;
    let query = format!(
        "query($id: ID!) {{
            portfolio(id: $id) {{
                strategies {{
                    tag {{ name kind }} name detectedKind description
                    legs {{ symbol type }}
                    exposures {{ ...Risk }} greeks {{ ...Moves }} unrealizedPnl dailyPnl quality
                }}
                exposures(filter: {{ tags: [\"#strategy:spread\"] }}) {{ ...Risk }}
                greeks(filter: {{ tags: [\"#strategy:spread\"] }}) {{ ...Moves }}
            }}
        }} {SAME}"
    );
    let told = ada.reads(&query, json!({ "id": book })).await["portfolio"].take();
    let strategies = told["strategies"].as_array().expect("strategies");
    assert_eq!(strategies.len(), 2);
    let (odd, spread) = (&strategies[0], &strategies[1]);
    assert_eq!((&odd["name"], &odd["detectedKind"]), (&json!("odd"), &Value::Null));
    assert_eq!((&spread["name"], &spread["detectedKind"]), (&json!("Spread"), &json!("VERTICAL")));
    assert_eq!(
        spread["description"],
        "Bull call vertical on AAPL: strike 150/160, expiry 2026-02-20."
    );
    assert_eq!(spread["tag"]["kind"], "STRATEGY");
    assert_eq!(spread["legs"].as_array().map(Vec::len), Some(2));
    // Bought at 5 and worth 7, sold at 2 and worth 3, two contracts each.
    assert_eq!(spread["unrealizedPnl"], "200");
    assert_eq!(spread["dailyPnl"], "100");
    assert_eq!(spread["exposures"]["netExposure"], "800");
    assert_eq!(spread["exposures"], told["exposures"]);
    assert_eq!(spread["greeks"], told["greeks"]);
    assert!(bob.reads(&query, json!({ "id": book })).await["portfolio"].is_null());
}

#[tokio::test]
async fn what_is_suggested_and_taken_is_recognized() {
    let app = App::start().await;
    app.knows_prices(CLOSES).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    ada.uploads(
        &book,
        "ticker,quantity,entry_price,entry_date,tags\n\
         AAPL,100,140,2025-12-15,\n\
         AAPL260220P00140000,1,3,2025-12-15,hedge\n\
         AAPL260220C00160000,-1,2,2025-12-15,\n\
         KO,10,59,2025-12-15,\n",
    )
    .await;
    let query = "query($id: ID!) {
        portfolio(id: $id) {
            tagSuggestions { tag reason confidence positions { id symbol } }
            strategies { name detectedKind legs { id } }
        }
    }";
    let told = ada.reads(query, json!({ "id": book })).await["portfolio"].take();
    assert_eq!(told["strategies"], json!([]));
    let found = told["tagSuggestions"].as_array().expect("suggestions");
    assert_eq!(found.len(), 1, "{told}");
    assert_eq!(found[0]["tag"], "#strategy:aapl-collar-2026-02-20");
    assert_eq!(found[0]["reason"], "Collar on AAPL: strike 140/160, expiry 2026-02-20.");
    assert_eq!(found[0]["confidence"], 0.9);
    let legs: Vec<_> = found[0]["positions"].as_array().expect("legs").iter().collect();
    let ids: Vec<_> = legs.iter().map(|leg| leg["id"].clone()).collect();
    assert_eq!(ids.len(), 3);

    let take = "mutation($input: TagPositionsInput!) {
        tagPositions(input: $input) { userErrors { code } }
    }";
    let input = json!({ "positionIds": ids, "tags": [found[0]["tag"]] });
    ada.reads(take, json!({ "input": input })).await;
    let told = ada.reads(query, json!({ "id": book })).await["portfolio"].take();
    assert_eq!(told["tagSuggestions"], json!([]));
    assert_eq!(told["strategies"][0]["detectedKind"], "COLLAR");
    assert_eq!(told["strategies"][0]["legs"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn more_strategies_take_no_more_statements() {
    let app = App::start().await;
    app.knows_prices(CLOSES).await;
    let mut taken = Vec::new();
    for (name, many) in [("ada", 1), ("bob", 30)] {
        let person = app.sign_in(name).await;
        let book = person.creates_portfolio("Core").await;
        let rows = crate::support::numbered(0..many, |n| {
            format!("AAPL,{},140,2025-12-{:02},#strategy:s{n}\n", n + 1, n % 28 + 1)
        });
        let rows = format!("ticker,quantity,entry_price,entry_date,tags\n{rows}");
        person.uploads(&book, rows).await;
        let query = "query($id: ID!) { portfolio(id: $id) {
            strategies {
                detectedKind legs { symbol } exposures { deltaAdjustedNet }
                greeks { total { delta } } dailyPnl
            }
            tagSuggestions { tag }
        } }";
        let answer = person.asks(query, json!({ "id": book })).await;
        let strategies = answer["data"]["portfolio"]["strategies"].as_array().expect("strategies");
        assert!(strategies.len() >= many.min(28), "{answer}");
        taken.push(answer["extensions"]["statements"].as_u64().expect("a number"));
    }
    assert_eq!(taken[0], taken[1]);
}
