//! What trades change, and what they leave alone.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{SESSION, app, core, float, list, money, trade};
use crate::factors::app_with_factors;
use crate::support::{App, Person, codes};

/// What can be asked of a portfolio and of a trial book alike.
const FIGURES: &str = "
    valuation { totalValue cashBalance marketValue costBasis unrealizedPnl dailyPnl positionCount
        quality warnings }
    exposures { grossExposure netExposure longExposure shortExposure notional deltaAdjustedNet
        positionCount }
    greeks { total { delta gamma theta vega rho } deltaDollars gammaDollars }
    factorExposures(basis: DELTA_ADJUSTED) { factor { name } beta exposureDollars
        contributions { position { symbol } exposureDollars } }
    factorModel { observations positionsCovered rSquared }
    riskDecomposition { volatility parametricVar95 positions { position { symbol } contribution } }
    riskMetrics { annualizedVolatility beta historicalVar95 observations }
    correlations { averageCorrelation }
    marketScenarios { move pnl beta }
    rateScenarios { move pnl }
    stressTest { scenario { key } totalPnl fullRevaluationPnl
        positions { position { symbol } pnl } }
    reverseStress(lossRatio: 0.1) { move isReachable }
    monteCarlo(paths: 500, seed: 7) { valueAtRisk expectedShortfall }
    concentration { effectivePositions herfindahl }
    positions { totalCount nodes { symbol quantity tags { name } valuation { exposure weight } } }
    positionGroups(by: SECTOR) { key positionCount exposures { netExposure } }";

/// Every row of every table that knows what is held or traded, or what its figures are.
async fn everything_real(app: &App) -> Value {
    let tables: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class
          where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
            and relname not in ('modeling_sessions', 'model_trades', 'audit_log', 'sessions')
          order by 1",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .expect("the catalog");
    assert!(tables.iter().any(|table| table == "positions"));
    let mut rows = json!({});
    for table in tables {
        let sql = format!("select coalesce(jsonb_agg(t order by t::text), '[]') from {table} t");
        let all: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut app.superuser().await)
            .await
            .expect("the rows");
        rows[table] = all;
    }
    rows
}

#[tokio::test]
async fn trades_change_the_trial_book_and_nothing_that_is_real() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    app.works_through_its_queue().await;
    let before = everything_real(&app).await;

    let id = ada.starts_session(&portfolio).await;
    let unknown = json!({ "action": "BUY", "symbol": "NEWCO", "quantity": 10, "price": 25 });
    let calls = trade("SELL_SHORT", 1, "AAPL260220C00155000");
    let dear = json!({ "action": "BUY", "symbol": "KO", "quantity": 100, "price": "70.50" });
    let trades = json!([trade("SELL", 120, "AAPL"), dear, unknown, calls]);
    ada.tries(&id, trades).await;
    let seen = ada
        .asks_session(
            &id,
            "impact {
                exposures {
                    before { grossExposure netExposure longExposure shortExposure positionCount }
                    after { grossExposure netExposure longExposure shortExposure positionCount }
                }
                totalValue { before after change } cash { before after change } warnings
            }",
        )
        .await;
    let impact = &seen["impact"];
    assert_eq!(
        impact["exposures"]["before"],
        json!({ "grossExposure": "30500", "netExposure": "14500", "longExposure": "22500",
                "shortExposure": "-8000", "positionCount": 3 })
    );
    // 30 AAPL at 150, 100 KO at 70 and 10 NEWCO at 25; 20 MSFT at 400 and one call at 400 owed.
    assert_eq!(
        impact["exposures"]["after"],
        json!({ "grossExposure": "20150", "netExposure": "3350", "longExposure": "11750",
                "shortExposure": "-8400", "positionCount": 5 })
    );
    // 18000 + 400 come in, 7050 + 250 go out; KO cost 50 more than its close.
    assert_eq!(impact["cash"], json!({ "before": "10000", "after": "21100", "change": "11100" }));
    assert_eq!(
        impact["totalValue"],
        json!({ "before": "24500", "after": "24450", "change": "-50" })
    );
    let warned = |words: &str| {
        list(&impact["warnings"]).iter().any(|w| w.as_str().is_some_and(|w| w.contains(words)))
    };
    assert!(warned("NEWCO is not known here"), "{impact}");
    assert!(warned("valued at the price that a trade gives"), "{impact}");

    let book = ada.reads(
        "query($id: ID!) { portfolio(id: $id) { cashBalance valuation { totalValue }
            positions { totalCount } } }",
        json!({ "id": portfolio }),
    );
    let real = json!({ "cashBalance": "10000", "valuation": { "totalValue": "24500" },
                       "positions": { "totalCount": 3 } });
    assert_eq!(book.await["portfolio"], real);
    ada.models("saveModelingSession", json!({ "sessionId": id })).await;
    ada.models("cancelModelingSession", json!({ "sessionId": id })).await;
    assert_eq!(everything_real(&app).await, before);
    let known = ada.reads("{ instrument(symbol: \"NEWCO\") { id } }", json!({})).await;
    assert_eq!(known["instrument"], Value::Null, "nothing was made of what nobody knows");
}

#[tokio::test]
async fn positions_of_a_trial_book_are_nowhere_else() {
    let app = app().await;
    let ada = app.sign_in("ada").await;
    let portfolio = core(&ada).await;
    let id = ada.starts_session(&portfolio).await;
    let tagged = json!({ "action": "BUY", "symbol": "KO", "quantity": 5, "tags": ["CORE", "new"] });
    ada.tries(&id, json!([trade("SELL", 40, "AAPL"), tagged])).await;
    let fields = "trialBook { positions(filter: { includeClosed: true }) { nodes {
        id symbol quantity isOpen tags { name } portfolio { cashBalance }
        valuation { realizedPnl dailyPnl } } } }";
    let seen = ada.asks_session(&id, fields).await;
    assert_eq!(seen, ada.asks_session(&id, fields).await, "the same ids each time");
    let nodes = list(&seen["trialBook"]["positions"]["nodes"]);
    let shown = |node: &Value| {
        let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
        (text("symbol"), text("quantity"), node["isOpen"] == true, node["tags"].clone())
    };
    let (none, tag) = (json!([]), |name: &str| json!({ "name": name }));
    let mut found: Vec<_> = nodes.iter().map(shown).collect();
    found.sort_by_key(|(symbol, quantity, ..)| (symbol.clone(), quantity.clone()));
    let core = json!([tag("core")]);
    assert_eq!(
        found,
        [
            ("AAPL".into(), "40".into(), false, core.clone()),
            ("AAPL".into(), "50".into(), true, none.clone()),
            ("AAPL".into(), "60".into(), true, core),
            ("KO".into(), "5".into(), true, json!([tag("core"), tag("new")])),
            ("MSFT".into(), "20".into(), true, none),
        ]
    );
    // Forty of the oldest lot, which cost 120.
    let closed = nodes.iter().find(|node| node["isOpen"] == false).expect("what was sold");
    assert_eq!(closed["valuation"]["realizedPnl"], "1200");
    let real = ada.reads(
        "query($id: ID!) { portfolio(id: $id) { positions { nodes { id } } } }",
        json!({ "id": portfolio }),
    );
    let real = real.await["portfolio"]["positions"]["nodes"].take();
    for node in nodes {
        assert_eq!(node["portfolio"]["cashBalance"], "10000", "the portfolio is the real one");
        assert!(!list(&real).contains(&json!({ "id": node["id"] })));
        let found =
            ada.reads("query($id: ID!) { node(id: $id) { id } }", json!({ "id": node["id"] }));
        assert_eq!(found.await["node"], Value::Null);
    }
    let dated = |date: &str| {
        format!(
            "trialBook {{ positions {{ nodes {{ valuation(asOf: \"{date}\") {{ price }} }} }} }}"
        )
    };
    let query = |fields: &str| {
        format!("query($id: ID!) {{ node(id: $id) {{ ... on ModelingSession {{ {fields} }} }} }}")
    };
    let variables = json!({ "id": id });
    let earlier = ada.asks(&query(&dated("2026-01-02")), variables.clone()).await;
    assert!(codes(&earlier).iter().all(|code| *code == "VALIDATION"), "{earlier}");
    assert!(!codes(&earlier).is_empty());
    let same = ada.asks(&query(&dated("2026-01-05")), variables).await;
    assert_eq!(same["errors"], Value::Null);
}

/// A session on a book of real prices, without trades.
async fn session_on(person: &Person, name: &str, held: &[(&str, i64)]) -> (String, String) {
    let portfolio = person.enters(name, "50000", held).await;
    let session = person.starts_session(&portfolio).await;
    (portfolio, session)
}

#[tokio::test]
async fn a_trial_book_answers_as_the_portfolio_does_that_holds_the_same() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let held = [("AAPL", 300), ("KO", -200), ("JPM", 100)];
    let (portfolio, session) = session_on(&ada, "Core", &held).await;
    let query = format!("query($id: ID!) {{ portfolio(id: $id) {{ {FIGURES} }} }}");
    let of_book = async |id: &str| ada.reads(&query, json!({ "id": id })).await["portfolio"].take();
    let of_trial = async |id: &str| {
        ada.asks_session(id, &format!("trialBook {{ {FIGURES} }}")).await["trialBook"].take()
    };
    assert_eq!(of_trial(&session).await, of_book(&portfolio).await, "before any trade");

    // What was bought for the same money gives the same risk as what is held.
    ada.tries(&session, json!([trade("SELL", 100, "JPM"), trade("BUY", 50, "XOM")])).await;
    let twin = [("AAPL", 300), ("KO", -200), ("XOM", 50)];
    let cash = of_trial(&session).await["valuation"]["cashBalance"].take();
    let twin = ada.enters("Twin", cash.as_str().expect("money"), &twin).await;
    let (trial, twin) = (of_trial(&session).await, of_book(&twin).await);
    for figure in [
        "exposures",
        "greeks",
        "factorExposures",
        "factorModel",
        "riskDecomposition",
        "riskMetrics",
        "correlations",
        "marketScenarios",
        "rateScenarios",
        "stressTest",
        "reverseStress",
        "monteCarlo",
        "concentration",
    ] {
        assert_eq!(trial[figure], twin[figure], "{figure}");
    }
}

#[tokio::test]
async fn before_and_after_are_the_figures_of_the_two_books() {
    let app = app_with_factors().await;
    let ada = app.sign_in("ada").await;
    let (portfolio, session) = session_on(&ada, "Core", &[("AAPL", 300), ("KO", 400)]).await;
    ada.tries(&session, json!([trade("SELL_SHORT", 20, "SPY")])).await;
    let fields = "
        factorExposures(basis: DELTA_ADJUSTED) { factor { name } beta }
        riskDecomposition { volatility parametricVar95 }
        stressTest { scenario { key } totalPnl quality }
        greeks { total { delta } }";
    let query = format!("query($id: ID!) {{ portfolio(id: $id) {{ {fields} }} }}");
    let before = ada.reads(&query, json!({ "id": portfolio })).await["portfolio"].take();
    let seen = ada
        .asks_session(
            &session,
            &format!(
                "trialBook {{ {fields} }}
                impact {{
                    greeks {{ before {{ delta }} after {{ delta }} }}
                    factors {{ factor {{ name }} before after change }}
                    stress {{ scenario {{ key }} before after change }}
                    volatility {{ before after change }}
                    parametricVar95 {{ before after change }}
                }}"
            ),
        )
        .await;
    let (after, impact) = (&seen["trialBook"], &seen["impact"]);

    assert_eq!(impact["greeks"]["before"], before["greeks"]["total"]);
    assert_eq!(impact["greeks"]["after"], after["greeks"]["total"]);
    let factors = list(&impact["factors"]);
    assert_eq!(factors.len(), 7);
    for (at, factor) in factors.iter().enumerate() {
        assert_eq!(factor["before"], before["factorExposures"][at]["beta"]);
        assert_eq!(factor["after"], after["factorExposures"][at]["beta"]);
    }
    let market = float(&factors[0]["change"]);
    assert!(market < -0.5, "20 shares of SPY at 3756 against a book of about 112,000: {market}");
    let risk = |book: &Value, of: &str| book["riskDecomposition"][of].clone();
    assert_eq!(impact["volatility"]["before"], risk(&before, "volatility"));
    assert_eq!(impact["volatility"]["after"], risk(after, "volatility"));
    assert_eq!(impact["parametricVar95"]["after"], risk(after, "parametricVar95"));
    let var = &impact["parametricVar95"];
    assert_eq!(money(&var["change"]), money(&var["after"]) - money(&var["before"]));
    let stress = list(&impact["stress"]);
    assert_eq!(stress.len(), 27);
    for (at, line) in stress.iter().enumerate() {
        let result = &after["stressTest"][at];
        assert_eq!(line["scenario"]["key"], result["scenario"]["key"]);
        if result["quality"] == "INSUFFICIENT" {
            assert_eq!(line["after"], Value::Null, "{line}");
        } else {
            assert_eq!(line["after"], result["totalPnl"], "{line}");
        }
    }
    let crash = stress.iter().find(|line| line["scenario"]["key"] == "market_crash_35");
    let change = money(&crash.expect("a scenario")["change"]);
    assert!(change > Decimal::from(20_000), "a short of the market gains: {change}");
}

#[tokio::test]
async fn more_trades_and_positions_take_no_more_statements() {
    let app = app_with_factors().await;
    let ask = async |name: &str, symbols: &[&str], times: usize| {
        let person = app.sign_in(name).await;
        let held: Vec<_> = symbols.iter().map(|symbol| (*symbol, 100)).collect();
        let (_, session) = session_on(&person, "Core", &held).await;
        let trades = symbols.iter().cycle().take(times).map(|symbol| trade("BUY", 3, symbol));
        person.tries(&session, trades.chain([trade("SELL", 1, "KO")]).collect()).await;
        let query = format!(
            "query($id: ID!) {{ node(id: $id) {{ ... on ModelingSession {{ {SESSION}
                impact {{
                    exposures {{ before {{ grossExposure }} after {{ grossExposure }} }}
                    greeks {{ after {{ delta }} }}
                    factors {{ before after }} stress {{ before after }}
                    volatility {{ after }} parametricVar95 {{ after }} warnings
                }}
                trialBook {{ valuation {{ totalValue }} riskMetrics {{ beta }} }}
            }} }} }}"
        );
        let answer = person.asks(&query, json!({ "id": session })).await;
        assert_eq!(answer["errors"], Value::Null);
        answer["extensions"]["statements"].as_u64().expect("a number of statements")
    };
    let small = ask("ada", &["AAPL", "KO"], 1).await;
    let large = ask("bob", &["AAPL", "KO", "JPM", "XOM", "PG", "MSFT", "WMT"], 200).await;
    assert_eq!(small, large);
    assert!(small <= 17, "{small} statements");
}
