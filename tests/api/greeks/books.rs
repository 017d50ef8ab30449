//! Books and their positions.

use std::fmt::Write as _;

use sigmasight::config::Environment;
use sigmasight::services::demo;

use super::*;

/// Thirty-one sessions of AAPL up and down by a percent, the last at 200, and of some options.
fn prices() -> String {
    let mut csv = "symbol,date,close\n".to_owned();
    let sessions = [
        "2024-05-15",
        "2024-05-16",
        "2024-05-17",
        "2024-05-20",
        "2024-05-21",
        "2024-05-22",
        "2024-05-23",
        "2024-05-24",
        "2024-05-28",
        "2024-05-29",
        "2024-05-30",
        "2024-05-31",
        "2024-06-03",
        "2024-06-04",
        "2024-06-05",
        "2024-06-06",
        "2024-06-07",
        "2024-06-10",
        "2024-06-11",
        "2024-06-12",
        "2024-06-13",
        "2024-06-14",
        "2024-06-17",
        "2024-06-18",
        "2024-06-20",
        "2024-06-21",
        "2024-06-24",
        "2024-06-25",
        "2024-06-26",
        "2024-06-27",
        "2024-06-28",
    ];
    for (n, date) in sessions.into_iter().enumerate() {
        writeln!(csv, "AAPL,{date},{}", if n % 2 == 0 { 200 } else { 202 }).expect("writes");
    }
    csv.push_str(
        "AAPL240920C00210000,2024-06-28,6.5\n\
         AAPL240920P00190000,2024-06-28,4.2\n\
         AAPL240705C00200000,2024-06-28,3.1\n\
         AAPL240628C00190000,2024-06-28,10\n\
         AAPL250117C00200000,2024-06-27,19\n\
         MSFT,2024-06-28,440\n",
    );
    csv
}

const HELD: &str = "\
AAPL,100,150,2024-01-02,core
MSFT,-10,400,2024-01-02,core
AAPL240920C00210000,-4,5,2024-06-03,income
AAPL240920P00190000,3,5,2024-06-03,hedge
AAPL240705C00200000,2,3,2024-06-03,
AAPL240628C00190000,1,9,2024-06-03,
AAPL250117C00200000,1,18,2024-06-03,
NVDA240920C00120000,5,10,2024-06-03,
";

async fn desk() -> (App, Person, String) {
    let app = App::start().at(NOW).await;
    app.knows_prices(&prices()).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Desk").await;
    let said = ada.uploads(&book, format!("{HEADER}\n{HELD}")).await;
    assert_eq!(said["createdCount"], 8, "{said}");
    (app, ada, book)
}

#[tokio::test]
async fn every_position_says_what_moves_it_and_why() {
    let (_app, ada, book) = desk().await;
    let seen = ada.greeks_of(&book, json!({})).await;
    let of = by_symbol(&seen);

    let share = of["AAPL"];
    assert_eq!((&share["source"], &share["quality"]), (&json!("STOCK"), &json!("FULL")));
    near(&share["perShare"]["delta"], 1.0, 0.0);
    near(&share["position"]["delta"], 100.0, 0.0);
    near(&share["deltaDollars"], 20_000.0, 0.0);
    near(&share["gammaDollars"], 0.0, 0.0);
    assert_eq!(share["model"], Value::Null);
    near(&of["MSFT"]["position"]["delta"], -10.0, 0.0);
    near(&of["MSFT"]["deltaDollars"], -4_400.0, 0.0);

    let call = of["AAPL240920C00210000"];
    assert_eq!((&call["source"], &call["volatilitySource"]), (&json!("MODEL"), &json!("IMPLIED")));
    near(&call["theoreticalPrice"], 6.5, 1e-9);
    near(&call["timeToExpiryYears"], 84.0 / 365.0, 1e-15);
    near(&call["riskFreeRate"], 0.05, 0.0);
    let (own, whole) = (&call["perShare"], &call["position"]);
    for name in EACH {
        near(&whole[name], -400.0 * number(&own[name]), 1e-9);
    }
    assert!(number(&whole["delta"]) < 0.0 && number(&whole["theta"]) > 0.0, "a call written");
    near(&call["deltaDollars"], number(&whole["delta"]) * 200.0, 1e-6);
    near(&call["gammaDollars"], number(&whole["gamma"]) * 400.0, 1e-6);
    // No yields are known here: the rate is the configured one, and says so.
    assert_eq!(call["quality"], "ESTIMATED");
    assert!(mentions(&call["warnings"], "configured one"), "{call}");

    let put = of["AAPL240920P00190000"];
    assert!(number(&put["position"]["delta"]) < 0.0 && number(&put["position"]["gamma"]) > 0.0);

    let stale = of["AAPL250117C00200000"];
    assert_eq!(stale["volatilitySource"], "HISTORICAL");
    let returns = (1.01_f64).ln();
    near(&stale["volatility"], returns * (30.0_f64 / 29.0 * 252.0).sqrt(), 1e-9);
    assert!(mentions(&stale["warnings"], "is of 2024-06-27"), "{stale}");

    let expired = of["AAPL240628C00190000"];
    assert_eq!(expired["source"], "EXPIRED");
    near(&expired["position"]["delta"], 0.0, 0.0);
    near(&expired["deltaDollars"], 0.0, 0.0);

    let unknown = of["NVDA240920C00120000"];
    assert_eq!(unknown["quality"], "INSUFFICIENT");
    assert_eq!((&unknown["perShare"], &unknown["position"]), (&Value::Null, &Value::Null));
    assert!(mentions(&unknown["warnings"], "No price of the underlying NVDA is known"));
}

#[tokio::test]
async fn the_sums_of_a_book_are_those_of_its_parts() {
    let (_app, ada, book) = desk().await;
    let seen = ada.greeks_of(&book, json!({})).await;
    let whole = &seen["greeks"];
    let sum = |parts: &[&Value], name: &str| -> f64 {
        parts.iter().filter(|part| part.is_object()).map(|part| number(&part[name])).sum()
    };
    let positions: Vec<_> = by_symbol(&seen).values().map(|own| &own["position"]).collect();
    let underlyings: Vec<_> =
        list(&whole["byUnderlying"]).iter().map(|group| &group["total"]).collect();
    let types: Vec<_> =
        list(&seen["byType"]).iter().map(|group| &group["greeks"]["total"]).collect();
    for name in EACH {
        for parts in [&positions, &underlyings, &types] {
            near(&whole["total"][name], sum(parts, name), 1e-8);
        }
    }
    let dollars: f64 =
        list(&whole["byUnderlying"]).iter().map(|group| number(&group["deltaDollars"])).sum();
    near(&whole["deltaDollars"], dollars, 1e-8);
    assert_eq!(whole["deltaDollars"], seen["exposures"]["deltaAdjustedNet"]);
    assert_eq!(whole["optionPositionCount"], 6);
    let symbols: Vec<_> =
        list(&whole["byUnderlying"]).iter().map(|of| text(&of["underlying"]["symbol"])).collect();
    assert_eq!(symbols, ["AAPL", "MSFT", "NVDA"]);

    // Within a week the calls of 28 June and of 5 July run out.
    let of = by_symbol(&seen);
    for name in EACH {
        let gone = number(&of["AAPL240705C00200000"]["position"][name]);
        near(&whole["soon"][name], number(&whole["total"][name]) - gone, 1e-8);
    }
    let excluded = list(&whole["excluded"]);
    assert_eq!(excluded.len(), 1);
    assert_eq!(excluded[0]["position"]["symbol"], "NVDA240920C00120000");
    assert_eq!(seen["exposures"]["excludedCount"], 1);
    assert_eq!(whole["quality"], "LIMITED");
    assert_eq!(whole["provenance"]["modelVersion"], "greeks/1");
    assert_eq!(whole["provenance"]["coverage"]["includedPositions"], 7);

    for position in list(&seen["positions"]["nodes"]) {
        let adjusted = &position["valuation"]["deltaAdjustedExposure"];
        assert_eq!(*adjusted, position["greeks"]["deltaDollars"], "{position}");
    }
}

/// Whoever has the inputs that provenance names has the figures.
#[tokio::test]
async fn the_inputs_of_provenance_give_the_same_figures_again() {
    let (_app, ada, book) = desk().await;
    for model in ["BLACK_SCHOLES_MERTON", "AMERICAN"] {
        let seen = ada.greeks_of(&book, json!({ "model": model })).await;
        let own = by_symbol(&seen)["AAPL240920C00210000"];
        let provenance = &own["provenance"];
        assert_eq!(provenance["method"], model);
        let input = |name: &str| {
            let found = list(&provenance["inputs"]).iter().find(|input| input["name"] == name);
            text(&found.unwrap_or_else(|| panic!("no {name} in {provenance}"))["value"]).to_owned()
        };
        let figure = |name: &str| input(name).parse::<f64>().expect("a number");
        let contract = json!({
            "kind": input("kind"),
            "strike": input("strike"),
            "timeToExpiryYears": figure("timeToExpiryYears"),
            "underlyingPrice": input("underlyingPrice"),
            "volatility": figure("volatility"),
            "riskFreeRate": figure("riskFreeRate"),
            "dividendYield": figure("dividendYield"),
            "quantity": input("signedQuantity"),
        });
        let again = ada
            .reads(
                "query($contracts: [OptionContractInput!]!, $model: PricingModel!) {
                    calculateGreeks(contracts: $contracts, model: $model) {
                        price position { delta gamma theta vega rho }
                    }
                }",
                json!({ "contracts": [contract], "model": model }),
            )
            .await;
        let again = &again["calculateGreeks"][0];
        near(&again["price"], number(&own["theoreticalPrice"]), 2e-4);
        for name in EACH {
            let tolerance = if model == "AMERICAN" { 0.05 } else { 1e-9 };
            near(&again["position"][name], number(&own["position"][name]), tolerance);
        }
    }
}

#[tokio::test]
async fn the_day_asked_about_decides() {
    let (_app, ada, book) = desk().await;
    let seen = ada.greeks_of(&book, json!({ "asOf": "2024-06-27" })).await;
    let of = by_symbol(&seen);
    let call = of["AAPL250117C00200000"];
    assert_eq!(
        (&call["asOf"], &call["volatilitySource"]),
        (&json!("2024-06-27"), &json!("IMPLIED"))
    );
    near(&call["timeToExpiryYears"], 204.0 / 365.0, 1e-15);
    near(&call["underlyingPrice"], 202.0, 0.0);
    assert_eq!(of["AAPL240628C00190000"]["source"], "MODEL", "it has a day to live");
    let before = ada.greeks_of(&book, json!({ "asOf": "2024-05-31" })).await;
    let call = by_symbol(&before)["AAPL240920C00210000"];
    assert_eq!((&call["quality"], &call["perShare"]), (&json!("INSUFFICIENT"), &Value::Null));
    assert!(mentions(&call["warnings"], "Not held on 2024-05-31"), "{call}");
}

#[tokio::test]
async fn positions_are_listed_by_what_moves_them() {
    let (_app, ada, book) = desk().await;
    for field in ["DELTA", "GAMMA", "THETA", "VEGA"] {
        let seen = ada
            .reads(
                "query($id: ID!, $by: PositionOrderField!) {
                    portfolio(id: $id) {
                        positions(first: 500, orderBy: { by: $by, direction: DESC }) {
                            nodes { symbol greeks { position { delta gamma theta vega } } }
                        }
                        page: positions(first: 3, orderBy: { by: $by, direction: DESC }) {
                            pageInfo { endCursor }
                        }
                    }
                }",
                json!({ "id": book, "by": field }),
            )
            .await;
        let all = list(&seen["portfolio"]["positions"]["nodes"]);
        let figure = |of: &Value| of["greeks"]["position"][field.to_lowercase()].as_f64();
        let figures: Vec<_> = all.iter().map(figure).collect();
        assert_eq!(figures.last(), Some(&None), "what has none comes last");
        assert!(figures[..7].is_sorted_by(|a, b| a >= b), "{field} {figures:?}");
        let rest = ada
            .reads(
                "query($id: ID!, $by: PositionOrderField!, $after: String) {
                    portfolio(id: $id) {
                        positions(first: 9, after: $after, orderBy: { by: $by, direction: DESC }) {
                            nodes { symbol }
                        }
                    }
                }",
                json!({ "id": book, "by": field,
                        "after": seen["portfolio"]["page"]["pageInfo"]["endCursor"] }),
            )
            .await;
        let symbols = |of: &[Value]| of.iter().map(|of| of["symbol"].clone()).collect::<Vec<_>>();
        assert_eq!(symbols(list(&rest["portfolio"]["positions"]["nodes"])), symbols(&all[3..]));
    }
}

#[tokio::test]
async fn stand_ins_are_shown_only_where_they_are_wanted() {
    let (app, ada, book) = desk().await;
    let app = app.restart().with_stand_ins().await;
    let ada = ada.before(&app);
    let seen = ada.greeks_of(&book, json!({})).await;
    let own = by_symbol(&seen)["NVDA240920C00120000"];
    assert_eq!((&own["source"], &own["quality"]), (&json!("FALLBACK"), &json!("ESTIMATED")));
    near(&own["perShare"]["delta"], 0.6, 0.0);
    near(&own["position"]["delta"], 300.0, 0.0);
    assert!(mentions(&own["warnings"], "FALLBACK"), "{own}");
    assert_eq!(list(&seen["greeks"]["excluded"]).len(), 1, "kept out of the sums");
}

/// However many portfolios and positions there are, their Greeks take the same few statements, and
/// exposures that nobody wants by delta none.
#[tokio::test]
async fn greeks_take_the_same_few_statements_however_long_the_lists_are() {
    const GREEKS: &str = "{
        viewer { portfolios(first: 20) { nodes {
            greeks { total { delta } byUnderlying(first: 500) { underlying { symbol } } }
            exposures { grossExposure deltaAdjustedNet excludedCount }
            positionGroups(by: TAG, first: 5) { greeks { total { vega } } }
            positions(first: 60) { nodes { greeks { perShare { delta } volatilitySource } } }
        } } }
    }";
    const PLAIN: &str = "{
        viewer { portfolios(first: 20) { nodes {
            exposures { grossExposure netExposure }
            positions(first: 60) { nodes { valuation { exposure } } }
        } } }
    }";
    async fn statements(portfolios: usize, options: usize) -> [u64; 2] {
        let app = App::start().at(NOW).await;
        let ada = app.sign_in("ada").await;
        let stocks = numbered(0..options, |n| format!("T{n}X,2024-06-28,{}\n", n + 10));
        app.knows_prices(&format!("symbol,date,close\n{stocks}")).await;
        let file = numbered(0..options, |n| {
            format!("T{n}X240920C000{}000,1,2,2024-06-03,\"core,t{}\"\n", n + 10, n % 5)
        });
        for n in 0..portfolios {
            let book = ada.creates_portfolio(&format!("Book {n}")).await;
            let said = ada.uploads(&book, format!("{HEADER}\n{file}")).await;
            assert_eq!(said["createdCount"], options, "{said}");
        }
        let mut sent = [0; 2];
        for (query, sent) in [GREEKS, PLAIN].into_iter().zip(&mut sent) {
            let answer = ada.asks(query, json!({})).await;
            assert_eq!(answer["errors"], Value::Null);
            *sent = answer["extensions"]["statements"].as_u64().expect("a number of statements");
        }
        sent
    }
    let (few, many) = (statements(2, 3).await, statements(8, 50).await);
    assert_eq!(few, many);
    let [greeks, plain] = many;
    // The closes of the underlyings, what their issuers did, the yields; and the underlyings.
    assert!(greeks <= plain + 4, "{greeks} and {plain} statements");
}

#[tokio::test]
async fn every_option_of_the_demo_has_greeks() {
    let app = App::start().at(NOW).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let login =
        json!({ "email": "demo_hedgefundstyle@sigmasight.com", "password": demo::PASSWORD });
    let answer = app
        .asks(
            "mutation($input: LoginInput!) { login(input: $input) { session { accessToken } } }",
            json!({ "input": login }),
        )
        .await;
    let token = text(&answer["data"]["login"]["session"]["accessToken"]).to_owned();
    let manager = Person {
        app: app.clone(),
        email: String::new(),
        access_token: token,
        refresh_token: String::new(),
    };
    let id = manager.reads("{ viewer { portfolios { nodes { id } } } }", json!({})).await;
    let id = text(&id["viewer"]["portfolios"]["nodes"][0]["id"]).to_owned();
    for model in ["BLACK_SCHOLES_MERTON", "AMERICAN"] {
        let seen = manager.greeks_of(&id, json!({ "model": model })).await;
        let of = by_symbol(&seen);
        let options: Vec<_> = of.iter().filter(|(_, own)| own["source"] != "STOCK").collect();
        assert_eq!(options.len(), 8);
        for (symbol, own) in options {
            // Those on an index cannot be exercised early.
            let model = if symbol.starts_with("VIX") { "BLACK_SCHOLES_MERTON" } else { model };
            assert_eq!(own["model"], model, "{symbol}");
            assert_eq!(own["source"], "MODEL", "{own}");
            assert!(has_numbers_only(&own["perShare"]), "{own}");
            assert_eq!(own["quality"], "ESTIMATED", "simulated prices say so");
            assert!(number(&own["volatility"]) > 0.05 && number(&own["volatility"]) < 1.5, "{own}");
        }
        assert_eq!(list(&seen["greeks"]["excluded"]).len(), 0);
        assert_eq!(seen["greeks"]["optionPositionCount"], 8);
    }
}
