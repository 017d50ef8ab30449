//! What is missing of the data is told: of which symbols, how much, why, and what it costs.

use std::fmt::Write as _;

use chrono::NaiveDate;
use serde_json::{Value, json};
use sigmasight::domain::calendar::Calendar;

use crate::support::{App, Person, numbered};

const PORTFOLIO: &str = "
    query($id: ID!) {
        portfolio(id: $id) {
            dataQuality {
                score assessedAt completeHistory stalePrices simulated
                partialHistory { symbol daysAvailable daysMissing reason }
                insufficient { symbol daysAvailable daysMissing reason }
                factorRegression { isFeasible eligible excluded minimumDays }
                correlation { isFeasible eligible excluded minimumDays }
                greeks { isFeasible eligible excluded minimumDays }
            }
        }
    }";

const INSTRUMENT: &str = "
    query($symbol: String!) {
        instrument(symbol: $symbol) {
            dataQuality {
                firstDate lastDate tradingDays missingDays missingReason isStale isSimulated
                supportsFactors supportsCorrelation
            }
        }
    }";

const HEADER: &str = "ticker,quantity,entry_price,entry_date";

/// The 253 sessions to Monday the 5th of January 2026, whose closes make a year of returns.
fn sessions() -> Vec<NaiveDate> {
    let calendar = Calendar::default();
    let last = NaiveDate::from_ymd_opt(2026, 1, 5).expect("a day");
    calendar.sessions(calendar.sessions_before(last, 252), last).collect()
}

fn closes(symbol: &str, sessions: &[NaiveDate]) -> String {
    numbered(0..sessions.len(), |nth| format!("{symbol},{},100\n", sessions[nth]))
}

async fn of_portfolio(person: &Person, book: &str) -> Value {
    person.reads(PORTFOLIO, json!({ "id": book })).await["portfolio"]["dataQuality"].take()
}

async fn of_instrument(person: &Person, symbol: &str) -> Value {
    let variables = json!({ "symbol": symbol });
    person.reads(INSTRUMENT, variables).await["instrument"]["dataQuality"].take()
}

fn feasible(is_feasible: bool, eligible: usize, excluded: usize, minimum: usize) -> Value {
    json!({
        "isFeasible": is_feasible, "eligible": eligible, "excluded": excluded,
        "minimumDays": minimum,
    })
}

fn days(holed: &Value) -> Vec<(&str, u64, u64)> {
    let number = |of: &Value| of.as_u64().expect("a number of days");
    let each = holed.as_array().expect("histories").iter();
    each.map(|of| {
        let symbol = of["symbol"].as_str().expect("a symbol");
        (symbol, number(&of["daysAvailable"]), number(&of["daysMissing"]))
    })
    .collect()
}

#[tokio::test]
async fn each_hole_of_each_history_is_told_with_what_it_costs() {
    let app = App::start().await;
    let all = sessions();
    let (holed, old, young) = ([&all[..100], &all[105..]].concat(), &all[..251], &all[213..]);
    app.knows_prices(&format!(
        "symbol,date,close\n{}{}{}{}{}OLD260618C00100000,2026-01-02,7\n",
        closes("FULL", &all),
        closes("HOLED", &holed),
        closes("OLD", old),
        closes("YOUNG", young),
        closes("GONE", &all[..150]),
    ))
    .await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let shares = ["FULL", "HOLED", "OLD", "YOUNG", "GONE", "NONE"];
    let shares = shares.map(|symbol| format!("{symbol},10,100,2025-12-30\n")).concat();
    let file = format!(
        "{HEADER}\n{shares}\
         FULL260618C00100000,1,7,2025-12-30\nOLD260618C00100000,1,7,2025-12-30\n\
         NONE260618C00100000,1,7,2025-12-30\nFULL251219C00100000,1,7,2025-12-01\n",
    );
    let said = ada.uploads(&book, file).await;
    assert_eq!(said["createdCount"], 10, "{said}");

    let seen = of_portfolio(&ada, &book).await;
    assert_eq!(seen["completeHistory"], json!(["FULL"]));
    assert_eq!(days(&seen["partialHistory"]), [("HOLED", 248, 5), ("OLD", 251, 2)]);
    assert_eq!(
        days(&seen["insufficient"]),
        [
            ("FULL260618C00100000", 0, 4),
            ("GONE", 150, 103),
            ("NONE", 0, 253),
            ("NONE260618C00100000", 0, 4),
            ("YOUNG", 40, 0),
        ],
        "an option that ran out is not missed"
    );
    assert_eq!(
        seen["partialHistory"][0]["reason"],
        format!("{} to {}: no provider has said why.", all[100], all[104]),
    );
    assert_eq!(
        seen["insufficient"][4]["reason"],
        format!(
            "Its history begins on {}: 39 returns, of which a regression on factors takes 60.",
            all[213]
        ),
    );
    assert_eq!(seen["stalePrices"], json!(["GONE", "OLD", "OLD260618C00100000"]));
    assert_eq!(seen["simulated"], json!([]));
    let there = f64::from(253 + 248 + 251 + 40 + 150);
    let score = seen["score"].as_f64().expect("a score");
    assert!((score - there / f64::from(5 * 253 + 40)).abs() < 1e-15, "{score}");
    assert_eq!(seen["factorRegression"], feasible(true, 4, 2, 60));
    assert_eq!(seen["correlation"], feasible(true, 4, 2, 20));
    assert_eq!(seen["greeks"], feasible(true, 2, 1, 30), "by a past, by a price, and by neither");
    assert_eq!(seen["assessedAt"], "2026-01-05T21:30:00+00:00");

    let holed = of_instrument(&ada, "HOLED").await;
    assert_eq!(
        holed,
        json!({
            "firstDate": all[0].to_string(), "lastDate": "2026-01-05",
            "tradingDays": 248, "missingDays": 5,
            "missingReason": format!("{} to {}: no provider has said why.", all[100], all[104]),
            "isStale": false, "isSimulated": false,
            "supportsFactors": true, "supportsCorrelation": true,
        })
    );
    let option = of_instrument(&ada, "OLD260618C00100000").await;
    assert_eq!((&option["tradingDays"], &option["missingDays"]), (&json!(1), &json!(1)));
    assert_eq!((&option["isStale"], &option["supportsFactors"]), (&json!(true), &json!(true)));
    let none = of_instrument(&ada, "NONE").await;
    assert_eq!((&none["firstDate"], &none["missingDays"]), (&Value::Null, &json!(253)));
    assert_eq!((&none["isStale"], &none["supportsFactors"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn nothing_is_missing_of_nothing() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Empty").await;
    let seen = of_portfolio(&ada, &book).await;
    assert_eq!(seen["score"], json!(1.0));
    for list in ["completeHistory", "partialHistory", "insufficient", "stalePrices"] {
        assert_eq!(seen[list], json!([]), "{list}");
    }
    assert_eq!(seen["factorRegression"], feasible(false, 0, 0, 60));
    assert_eq!(seen["correlation"], feasible(false, 0, 0, 20));
    assert_eq!(seen["greeks"], feasible(true, 0, 0, 30));
}

#[tokio::test]
async fn what_is_simulated_is_not_missing_but_called_so() {
    let app = App::start().with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    ada.uploads(&book, format!("{HEADER}\nAAPL,10,150,2025-12-01\n")).await;
    app.completes_prices().await;
    let seen = of_portfolio(&ada, &book).await;
    assert_eq!((&seen["score"], &seen["simulated"]), (&json!(1.0), &json!(["AAPL"])));
    assert_eq!(of_instrument(&ada, "AAPL").await["isSimulated"], true);
}

#[tokio::test]
async fn many_portfolios_and_instruments_are_assessed_by_one_statement() {
    const BOOKS: &str =
        "{ viewer { portfolios(first: 100) { nodes { valuation { totalValue } } } } }";
    const ASSESSED: &str = "{ viewer { portfolios(first: 100) { nodes {
        valuation { totalValue }
        dataQuality { score partialHistory { symbol reason } greeks { eligible } }
    } } } }";
    const INSTRUMENTS: &str = "{ instruments(first: 200) { nodes { symbol } } }";
    const INSTRUMENTS_ASSESSED: &str = "{ instruments(first: 200) { nodes {
        symbol dataQuality { tradingDays missingDays supportsFactors }
    } } }";
    async fn statements(portfolios: usize, positions: usize) -> [u64; 2] {
        let app = App::start().await;
        let ada = app.sign_in("ada").await;
        let mut prices = "symbol,date,close\nSPY,2026-01-05,545\n".to_owned();
        let mut file = format!("{HEADER}\nSPY260618P00450000,-1,12,2025-12-02\n");
        for i in 1..positions {
            writeln!(prices, "T{i:03},2026-01-05,{i}").expect("writes");
            writeln!(file, "T{i:03},{i},10,2025-03-14").expect("writes");
        }
        app.knows_prices(&prices).await;
        for name in 0..portfolios {
            let book = ada.creates_portfolio(&format!("Book {name}")).await;
            assert_eq!(ada.uploads(&book, &file).await["createdCount"], positions);
        }
        let sent = async |query: &str| {
            let answer = ada.asks(query, json!({})).await;
            assert_eq!(answer["errors"], Value::Null);
            answer["extensions"]["statements"].as_u64().expect("a number of statements")
        };
        [
            sent(ASSESSED).await - sent(BOOKS).await,
            sent(INSTRUMENTS_ASSESSED).await - sent(INSTRUMENTS).await,
        ]
    }
    assert_eq!(statements(2, 3).await, [1, 1]);
    assert_eq!(statements(12, 60).await, [1, 1]);
}
