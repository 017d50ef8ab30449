//! What splits and dividends do to a book: nothing, on any day, but to how its shares are counted.

mod ledger;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use sigmasight::domain::price::PriceSource;
use sigmasight::market::provider::{Dividend, DividendKind, Split};
use sigmasight::services::actions;
use sigmasight::store;

use super::{HEADER, day, decimal, list, mentions, number, position, text};
use crate::support::{App, Person};

/// Friday the 28th of June 2024, an hour after the close.
const FRIDAY: &str = "2024-06-28T21:00:00Z";

const HELD: &str = "
    query($id: ID!) {
        portfolio(id: $id) {
            positions(first: 100, filter: { includeClosed: true }) {
                nodes { symbol quantity entryPrice exitPrice valuation { ...All } }
            }
        }
    }
    fragment All on PositionValuation {
        price previousPrice exposure costBasis unrealizedPnl realizedPnl dailyPnl quality warnings
        provenance { inputs { name value source asOf } }
    }";

impl App {
    /// What a provider says happened to a symbol; the number of actions that were news.
    async fn hears_of(&self, symbol: &str, splits: &[Split], dividends: &[Dividend]) -> u64 {
        let mut tx = self.services.db.begin_shared().await.expect("a transaction");
        let known = store::instruments::by_symbol(tx.statement(), &[symbol.to_owned()]).await;
        let instrument = known.expect("instruments").pop().expect("a known symbol").id;
        let source = PriceSource::Polygon;
        let changed = actions::record(&mut tx, instrument, source, splits, dividends).await;
        tx.commit().await.expect("a commit");
        changed.expect("actions are recorded")
    }

    async fn hears_of_split(&self, symbol: &str, date: &str, to: i64, from: i64) {
        self.hears_of(symbol, &[split(date, to, from)], &[]).await;
    }

    async fn sells(&self, symbol: &str, price: &str, date: &str) {
        let mut db = self.superuser().await;
        sqlx::query(
            "update positions set exit_price = $1::numeric, exit_date = $2::date
              where instrument_id = (select id from instruments where symbol = $3)",
        )
        .bind(price)
        .bind(date)
        .bind(symbol)
        .execute(&mut db)
        .await
        .expect("a position to close");
    }
}

fn split(date: &str, to: i64, from: i64) -> Split {
    Split { date: day(date), to: to.into(), from: from.into() }
}

fn dividend(date: &str, amount: &str) -> Dividend {
    let kind = DividendKind::Regular;
    Dividend { ex_date: day(date), amount: decimal(amount), kind, pay_date: None }
}

/// A program that knows closes, given as lines of a file, and somebody with these positions.
async fn book_at(now: &str, closes: &str, positions: &str) -> (App, Person, String) {
    let app = App::start().at(now).await;
    app.knows_prices(&format!("symbol,date,close\n{closes}")).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let said = ada.uploads(&book, format!("{HEADER}\n{positions}")).await;
    assert_eq!(said["rejectedCount"], 0, "{said}");
    (app, ada, book)
}

impl Person {
    /// The only position of a book.
    async fn shows(&self, book: &str) -> Value {
        let seen = self.reads(HELD, json!({ "id": book })).await;
        let held = list(&seen["portfolio"]["positions"]["nodes"]);
        assert_eq!(held.len(), 1, "{seen}");
        held[0].clone()
    }

    /// The total value and the profits of the day, the month and the year at some closes.
    async fn sees(&self, book: &str, days: &[(&str, [&str; 4])]) {
        for (session, wanted) in days {
            let seen = self.values(book, Some(session)).await;
            let whole = &seen["valuation"];
            let names = ["totalValue", "dailyPnl", "mtdPnl", "ytdPnl"];
            for (name, wanted) in names.into_iter().zip(wanted) {
                let told = &whole[name];
                assert_eq!(super::known(told), wanted.parse().ok(), "{name} {session}: {whole}");
            }
        }
    }
}

fn figure(held: &Value, name: &str) -> Decimal {
    number(&held["valuation"][name])
}

#[tokio::test]
async fn a_reverse_split_leaves_the_value_of_every_day() {
    let (app, ada, book) = book_at(
        FRIDAY,
        "AAPL,2024-06-26,2\nAAPL,2024-06-27,2\nAAPL,2024-06-28,90\n",
        "AAPL,100,2,2024-06-26,\n",
    )
    .await;
    app.hears_of_split("AAPL", "2024-06-28", 1, 50).await;

    ada.sees(
        &book,
        &[
            ("2024-06-26", ["200", "0", "0", "0"]),
            ("2024-06-27", ["200", "0", "0", "0"]),
            ("2024-06-28", ["180", "-20", "-20", "-20"]),
        ],
    )
    .await;
    let held = ada.shows(&book).await;
    assert_eq!((&held["quantity"], &held["entryPrice"]), (&json!("2"), &json!("100")));
    assert_eq!(figure(&held, "previousPrice"), decimal("100"));
    assert_eq!(figure(&held, "costBasis"), decimal("200"));
    assert!(mentions(&held["valuation"]["warnings"], "AAPL split 1 for 50 on 2024-06-28"));
    let inputs = list(&held["valuation"]["provenance"]["inputs"]);
    let split = inputs.iter().find(|input| input["name"] == "split");
    let named = json!({
        "name": "split", "value": "1 for 50", "source": "POLYGON", "asOf": "2024-06-28"
    });
    assert_eq!(split, Some(&named));
}

#[tokio::test]
async fn what_was_sold_before_a_split_stays_as_it_was() {
    let (app, ada, book) = book_at(
        FRIDAY,
        "AAPL,2024-06-24,200\nAAPL,2024-06-25,220\nAAPL,2024-06-26,230\nAAPL,2024-06-27,58\n\
         AAPL,2024-06-28,60\n",
        "AAPL,100,200,2024-06-24,\n",
    )
    .await;
    app.sells("AAPL", "225", "2024-06-26").await;
    app.hears_of_split("AAPL", "2024-06-27", 4, 1).await;

    ada.sees(
        &book,
        &[
            ("2024-06-24", ["20000", "0", "0", "0"]),
            ("2024-06-25", ["22000", "2000", "2000", "2000"]),
            ("2024-06-26", ["0", "500", "2500", "2500"]),
            ("2024-06-27", ["0", "0", "2500", "2500"]),
            ("2024-06-28", ["0", "0", "2500", "2500"]),
        ],
    )
    .await;
    let sold = ada.shows(&book).await;
    assert_eq!((&sold["quantity"], &sold["entryPrice"]), (&json!("100"), &json!("200")));
    assert_eq!(figure(&sold, "realizedPnl"), decimal("2500"));
    assert!(!mentions(&sold["valuation"]["warnings"], "split"), "{sold}");
}

#[tokio::test]
async fn the_history_of_what_was_sold_since_is_right_on_both_sides_of_the_split() {
    let (app, ada, book) = book_at(
        FRIDAY,
        "AAPL,2024-05-31,196\nAAPL,2024-06-24,200\nAAPL,2024-06-25,55\nAAPL,2024-06-26,57\n\
         AAPL,2024-06-27,58\nAAPL,2024-06-28,15\n",
        "AAPL,100,190,2024-05-02,\n",
    )
    .await;
    app.hears_of_split("AAPL", "2024-06-25", 4, 1).await;
    // The exit is in the shares of its day, whatever splits after it.
    app.sells("AAPL", "60", "2024-06-27").await;
    app.hears_of_split("AAPL", "2024-06-28", 4, 1).await;

    ada.sees(
        &book,
        &[
            ("2024-06-24", ["20000", "", "400", "1000"]),
            ("2024-06-25", ["22000", "2000", "2400", "3000"]),
            ("2024-06-26", ["22800", "800", "3200", "3800"]),
            ("2024-06-27", ["0", "1200", "4400", "5000"]),
            ("2024-06-28", ["0", "0", "4400", "5000"]),
        ],
    )
    .await;
    let sold = ada.shows(&book).await;
    assert_eq!((&sold["quantity"], &sold["entryPrice"]), (&json!("400"), &json!("47.5")));
    assert_eq!((&sold["exitPrice"], figure(&sold, "realizedPnl")), (&json!("60"), decimal("5000")));
}

/// Apple around the 31st of August 2020, its day of four for one, as it traded.
const APPLE: &str = "AAPL,2020-08-27,500.04\nAAPL,2020-08-28,499.23\nAAPL,2020-08-31,129.04\n";

#[tokio::test]
async fn the_day_of_a_split_has_the_profit_of_the_day() {
    let entries = "AAPL,100,450,2020-08-03,\nAAPL,40,500,2020-08-29,\nAAPL,8,127,2020-08-31,\n";
    let (app, ada, book) = book_at("2020-08-31T21:00:00Z", APPLE, entries).await;
    app.hears_of_split("AAPL", "2020-08-31", 4, 1).await;

    let seen = ada.reads(HELD, json!({ "id": book })).await;
    let held = list(&seen["portfolio"]["positions"]["nodes"]);
    let of =
        |quantity: &str| held.iter().find(|held| held["quantity"] == quantity).expect("a position");
    let (long, weekend, new) = (of("400"), of("160"), of("8"));
    // 400 × (129.04 − 499.23 ÷ 4)
    assert_eq!(figure(long, "dailyPnl"), decimal("1693"));
    assert_eq!(figure(long, "unrealizedPnl"), decimal("6616"));
    assert_eq!(text(&weekend["entryPrice"]), "125", "Saturday's shares were old ones");
    assert_eq!(figure(weekend, "dailyPnl"), decimal("646.4"));
    assert_eq!(figure(new, "dailyPnl"), decimal("16.32"), "Monday's shares are new ones");
    assert!(!mentions(&new["valuation"]["warnings"], "split"), "{new}");
}

#[tokio::test]
async fn before_the_market_opens_in_new_shares_the_last_close_is_counted_in_them() {
    let entries = "AAPL,100,450,2020-08-03,\nAAPL,8,127,2020-08-31,\n";
    let (app, ada, book) = book_at("2020-08-31T13:00:00Z", APPLE, entries).await;
    app.hears_of_split("AAPL", "2020-08-31", 4, 1).await;

    let seen = ada.values(&book, None).await;
    // 408 × 499.23 ÷ 4, and the profit of Friday's session
    assert_eq!(number(&seen["valuation"]["totalValue"]), decimal("50921.46"));
    assert_eq!(number(&seen["valuation"]["dailyPnl"]), decimal("-81"));
    // As of Friday nothing had split.
    let friday = ada.values(&book, Some("2020-08-28")).await;
    assert_eq!(number(&position(&friday, "AAPL")["valuation"]["price"]), decimal("499.23"));
    assert_eq!(number(&friday["valuation"]["totalValue"]), decimal("49923"));
}

#[tokio::test]
async fn a_price_from_before_a_split_goes_through_it() {
    let (app, ada, book) =
        book_at(FRIDAY, "AAPL,2024-06-26,200\n", "AAPL,100,150,2024-06-03,\n").await;
    app.hears_of_split("AAPL", "2024-06-27", 4, 1).await;
    let held = ada.shows(&book).await;
    assert_eq!(figure(&held, "price"), decimal("50"));
    assert_eq!(figure(&held, "exposure"), decimal("20000"));
    assert_eq!(held["valuation"]["quality"], "STALE");
}

#[tokio::test]
async fn months_and_years_are_measured_across_splits() {
    let (app, ada, book) = book_at(
        FRIDAY,
        "AAPL,2023-12-29,600\nAAPL,2024-02-29,330\nAAPL,2024-05-31,350\nAAPL,2024-06-27,120\n\
         AAPL,2024-06-28,121\n",
        "AAPL,10,500,2023-11-01,\n",
    )
    .await;
    let splits = [split("2024-02-01", 2, 1), split("2024-06-10", 3, 1)];
    app.hears_of("AAPL", &splits, &[]).await;

    ada.sees(
        &book,
        &[
            ("2023-12-29", ["6000", "", "", "1000"]),
            ("2024-02-29", ["6600", "", "", "600"]),
            ("2024-06-28", ["7260", "60", "260", "1260"]),
        ],
    )
    .await;
    let held = ada.shows(&book).await;
    assert_eq!(held["quantity"], "60");
    assert_eq!(figure(&held, "costBasis"), decimal("5000"), "though 500 ÷ 6 never ends");
    assert_eq!(figure(&held, "unrealizedPnl"), decimal("2260"));
}

#[tokio::test]
async fn what_is_owed_is_owed_in_new_shares() {
    let (app, ada, book) =
        book_at(FRIDAY, "AAPL,2024-06-27,210\nAAPL,2024-06-28,80\n", "AAPL,-100,200,2024-06-03,\n")
            .await;
    app.hears_of_split("AAPL", "2024-06-28", 3, 1).await;
    ada.sees(&book, &[("2024-06-28", ["-24000", "-3000", "-4000", "-4000"])]).await;
}

#[tokio::test]
async fn a_dividend_changes_no_profit_of_the_price_and_every_adjusted_close_before_it() {
    const CLOSES: &str = "{ instrument(symbol: \"AAPL\") { prices { nodes {
        date close adjustedClose
    } } } }";
    let closes = "AAPL,2024-06-26,800\nAAPL,2024-06-27,200\nAAPL,2024-06-28,199\n";
    let (app, ada, book) = book_at(FRIDAY, closes, "AAPL,10,780,2024-06-03,\n").await;
    app.hears_of_split("AAPL", "2024-06-27", 4, 1).await;
    let before = ada.values(&book, None).await;
    // A regular and a special one of one day, and one that has not gone ex.
    let dividends =
        [dividend("2024-06-28", "1.5"), dividend("2024-06-28", "0.5"), dividend("2024-07-02", "9")];
    assert_eq!(app.hears_of("AAPL", &[], &dividends).await, 2);
    assert_eq!(app.hears_of("AAPL", &[], &dividends).await, 0, "that is no news");

    let after = ada.values(&book, None).await;
    assert_eq!(number(&after["valuation"]["dailyPnl"]), decimal("-40"));
    assert_eq!(before["valuation"], after["valuation"]);

    let seen = ada.reads(CLOSES, json!({})).await;
    let adjusted: Vec<_> = list(&seen["instrument"]["prices"]["nodes"])
        .iter()
        .map(|bar| (text(&bar["close"]), text(&bar["adjustedClose"])))
        .collect();
    assert_eq!(adjusted, [("800", "198"), ("200", "198"), ("199", "199")]);
}

#[tokio::test]
async fn a_correction_keeps_what_was_believed_before() {
    let (app, ada, book) = book_at(FRIDAY, "AAPL,2024-06-28,50\n", "AAPL,9,90,2024-06-03,\n").await;
    app.hears_of_split("AAPL", "2024-06-10", 2, 1).await;
    app.hears_of_split("AAPL", "2024-06-10", 4, 2).await;
    assert_eq!(ada.shows(&book).await["quantity"], "18", "two for one, said twice");
    app.hears_of_split("AAPL", "2024-06-10", 3, 1).await;
    assert_eq!(ada.shows(&book).await["quantity"], "27");

    let mut db = app.superuser().await;
    let earlier = sqlx::query_scalar::<_, String>(
        "select trim_scale(split_to)::text from corporate_actions_history",
    );
    assert_eq!(earlier.fetch_all(&mut db).await.expect("a history"), ["2"]);
}

#[tokio::test]
async fn a_quote_compares_like_with_like() {
    const QUOTE: &str = "{ instrument(symbol: \"AAPL\") { quote {
        price previousClose change changePercent
    } } }";
    let (app, ada, _) =
        book_at(FRIDAY, "AAPL,2024-06-27,200\nAAPL,2024-06-28,51\n", "AAPL,100,150,2024-06-03,\n")
            .await;
    app.hears_of_split("AAPL", "2024-06-28", 4, 1).await;
    let seen = ada.reads(QUOTE, json!({})).await;
    let wanted = json!({
        "price": "51", "previousClose": "50", "change": "1", "changePercent": 0.02
    });
    assert_eq!(seen["instrument"]["quote"], wanted);
}

const CALL: &str = "AAPL241220C00200000";
const SUCCESSOR: &str = "AAPL241220C00050000";

/// The symbol of the call after the split named another call until then.
const CALLS: &str = "AAPL,2024-06-26,210\nAAPL,2024-06-27,212\nAAPL,2024-06-28,54\n\
    AAPL241220C00200000,2024-05-31,18\nAAPL241220C00200000,2024-06-26,20\n\
    AAPL241220C00200000,2024-06-27,22\nAAPL241220C00200000,2024-06-28,1.1\n\
    AAPL241220C00050000,2024-05-31,140\nAAPL241220C00050000,2024-06-26,161\n\
    AAPL241220C00050000,2024-06-27,163\nAAPL241220C00050000,2024-06-28,6\n";

#[tokio::test]
async fn an_option_becomes_the_contract_that_a_split_makes_of_it() {
    let (app, ada, book) = book_at(FRIDAY, CALLS, "AAPL241220C00200000,-2,19,2024-05-02,\n").await;
    app.hears_of_split("AAPL", "2024-06-28", 4, 1).await;

    ada.sees(
        &book,
        &[
            ("2024-06-26", ["-4000", "", "-400", "-200"]),
            ("2024-06-27", ["-4400", "-400", "-800", "-600"]),
            ("2024-06-28", ["-4800", "-400", "-1200", "-1000"]),
        ],
    )
    .await;
    let held = ada.shows(&book).await;
    assert_eq!(held["symbol"], SUCCESSOR);
    assert_eq!((&held["quantity"], &held["entryPrice"]), (&json!("8"), &json!("4.75")));
    assert_eq!(figure(&held, "previousPrice"), decimal("5.5"), "of the contract it was");
    let before = ada.values(&book, Some("2024-06-27")).await;
    assert_eq!(number(&position(&before, SUCCESSOR)["valuation"]["price"]), decimal("22"));
}

#[tokio::test]
async fn a_contract_entered_late_has_its_successor_too_and_its_holder_may_look_at_it() {
    const LOOK: &str = "query($symbol: String!) { instrument(symbol: $symbol) { symbol } }";
    // On the 28th its old symbol is that of a call that was at 800.
    let closes = "AAPL,2024-06-27,212\nAAPL,2024-06-28,54\n\
        AAPL241220C00200000,2024-06-27,22\nAAPL241220C00200000,2024-06-28,1.1\n";
    let (app, ada, book) = book_at(FRIDAY, closes, "AAPL,1,150,2024-06-03,\n").await;
    app.hears_of_split("AAPL", "2024-06-28", 4, 1).await;
    let replace = json!({ "mode": "REPLACE" });
    ada.uploads_with(&book, format!("{HEADER}\n{CALL},2,19,2024-06-03,\n"), replace).await;

    let held = ada.shows(&book).await;
    assert_eq!(held["symbol"], SUCCESSOR);
    assert_eq!(figure(&held, "price"), decimal("5.5"), "yesterday's, of the contract it was");
    assert_eq!(held["valuation"]["quality"], "STALE");
    let variables = json!({ "symbol": SUCCESSOR });
    assert_eq!(ada.reads(LOOK, variables.clone()).await["instrument"]["symbol"], SUCCESSOR);
    let bob = app.sign_in("bob").await;
    assert_eq!(bob.reads(LOOK, variables).await["instrument"], Value::Null);
}

#[tokio::test]
async fn an_option_goes_through_one_split_after_the_other_and_settles_as_what_it_is_then() {
    let (app, ada, book) = book_at(
        FRIDAY,
        "AAPL,2024-06-20,210\nAAPL,2024-06-21,26\nAAPL,2024-06-28,80\n\
         AAPL240621C00200000,2024-05-31,16\nAAPL240621C00200000,2024-06-07,18\n\
         AAPL240621C00100000,2024-06-07,99\nAAPL240621C00100000,2024-06-10,10\n\
         AAPL240621C00025000,2024-06-20,2\nAAPL240621C00025000,2024-06-21,1.2\n",
        "AAPL240621C00200000,1,17,2024-05-02,\n",
    )
    .await;
    let splits = [split("2024-06-10", 2, 1), split("2024-06-20", 4, 1), split("2024-06-26", 1, 3)];
    app.hears_of("AAPL", &splits, &[]).await;

    ada.sees(
        &book,
        &[
            ("2024-06-07", ["1800", "", "200", "100"]),
            ("2024-06-10", ["2000", "200", "400", "300"]),
            ("2024-06-20", ["1600", "", "0", "-100"]),
            ("2024-06-21", ["960", "-640", "-640", "-740"]),
            // 26 − 25 a share, of eight contracts; what came after its last day is not its own.
            ("2024-06-28", ["800", "0", "-800", "-900"]),
        ],
    )
    .await;
    let held = ada.shows(&book).await;
    assert_eq!((&held["symbol"], &held["quantity"]), (&json!("AAPL240621C00025000"), &json!("8")));
}

#[tokio::test]
async fn what_becomes_of_an_option_is_never_guessed() {
    for (to, from) in [(3, 2), (1, 10), (7, 1)] {
        let position = "AAPL241220C00200000,-2,19,2024-05-02,\n";
        let (app, ada, book) = book_at(FRIDAY, CALLS, position).await;
        app.hears_of_split("AAPL", "2024-06-28", to, from).await;

        let held = ada.shows(&book).await;
        assert_eq!((&held["symbol"], &held["quantity"]), (&json!(CALL), &json!("2")));
        assert_eq!(held["valuation"]["price"], Value::Null, "{to} for {from}");
        assert_eq!(held["valuation"]["quality"], "INSUFFICIENT");
        assert!(mentions(&held["valuation"]["warnings"], "NEEDS REVIEW"), "{held}");
        let whole = ada.values(&book, None).await;
        assert!(mentions(&whole["valuation"]["warnings"], "NEEDS REVIEW"), "{whole}");
        // Until the day itself nothing was in doubt.
        ada.sees(&book, &[("2024-06-27", ["-4400", "-400", "-800", "-600"])]).await;
    }
}

#[tokio::test]
async fn a_split_that_adjusted_closes_tell_of_is_no_loss() {
    let app = App::start().at(FRIDAY).await;
    app.knows_prices(
        "symbol,date,close,adjusted_close\n\
         SPLT,2024-06-26,1000,99\nSPLT,2024-06-27,1010,101\nSPLT,2024-06-28,102,102\n\
         RVRS,2024-06-27,2,20\nRVRS,2024-06-28,21,21\n\
         DVDN,2024-06-27,100,80\nDVDN,2024-06-28,81,81\n",
    )
    .await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = "SPLT,10,990,2024-06-03,\nRVRS,1000,1,2024-06-03,\nDVDN,1,100,2024-06-03,\n";
    ada.uploads(&book, format!("{HEADER}\n{rows}")).await;

    let seen = ada.values(&book, None).await;
    let figures = |symbol: &str| &position(&seen, symbol)["valuation"];
    assert_eq!(position(&seen, "SPLT")["quantity"], "100");
    assert_eq!(number(&figures("SPLT")["dailyPnl"]), decimal("100"), "from 101 to 102");
    assert_eq!(number(&figures("SPLT")["unrealizedPnl"]), decimal("300"));
    assert!(mentions(&figures("SPLT")["warnings"], "split"));
    assert_eq!(position(&seen, "RVRS")["quantity"], "100");
    assert_eq!(number(&figures("RVRS")["dailyPnl"]), decimal("100"), "from 20 to 21");
    assert_eq!(position(&seen, "DVDN")["quantity"], "1", "a large dividend is no split");
    assert_eq!(number(&figures("DVDN")["dailyPnl"]), decimal("-19"));

    // What the file says of its adjusted closes stands.
    let bars = "{ instrument(symbol: \"SPLT\") { prices { nodes { adjustedClose } } } }";
    let seen = ada.reads(bars, json!({})).await;
    let closes = list(&seen["instrument"]["prices"]["nodes"]).iter();
    let closes: Vec<_> = closes.map(|bar| number(&bar["adjustedClose"])).collect();
    assert_eq!(closes, [decimal("99"), decimal("101"), decimal("102")]);
}

#[tokio::test]
async fn a_corrected_file_takes_back_the_split_that_its_mistake_told_of() {
    const WRONG: &str = "symbol,date,close,adjusted_close\n\
        SPLT,2024-06-26,1000,100\nSPLT,2024-06-27,1010,101\nSPLT,2024-06-28,102,102\n\
        REAL,2024-06-27,1000,100\nREAL,2024-06-28,100,100\n";
    const RIGHT: &str = "symbol,date,close,adjusted_close\n\
        SPLT,2024-06-26,1000,1000\nSPLT,2024-06-27,1010,1010\nSPLT,2024-06-28,1020,1020\n\
        REAL,2024-06-27,1000,1000\nREAL,2024-06-28,100,100\n";
    let app = App::start().at(FRIDAY).await;
    app.knows_prices(WRONG).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = "SPLT,10,990,2024-06-03,\nREAL,10,990,2024-06-03,\n";
    ada.uploads(&book, format!("{HEADER}\n{rows}")).await;
    app.hears_of_split("REAL", "2024-06-28", 10, 1).await;
    let quantity = async |symbol: &str| {
        text(&position(&ada.values(&book, None).await, symbol)["quantity"]).to_owned()
    };
    assert_eq!(quantity("SPLT").await, "100");

    // Neither a file without adjusted closes nor one of other dates says that there was none.
    app.knows_prices("symbol,date,close\nSPLT,2024-06-27,1011\nSPLT,2024-06-28,102\n").await;
    assert_eq!(quantity("SPLT").await, "100");
    app.knows_prices(
        "symbol,date,close,adjusted_close\nSPLT,2024-06-25,990,99\nSPLT,2024-06-26,1000,100\n",
    )
    .await;
    assert_eq!(quantity("SPLT").await, "100");

    app.knows_prices(RIGHT).await;
    let seen = ada.values(&book, None).await;
    let figures = &position(&seen, "SPLT")["valuation"];
    assert_eq!(quantity("SPLT").await, "10");
    assert_eq!(number(&figures["dailyPnl"]), decimal("100"), "ten shares, from 1010 to 1020");
    assert_eq!(list(&figures["warnings"]).len(), 0, "{figures}");
    assert_eq!(quantity("REAL").await, "100", "what a provider told of stays");

    let mut db = app.superuser().await;
    let kept: i64 = sqlx::query_scalar(
        "select count(*) from corporate_actions_history where source = 'IMPORT' and split_to = 10",
    )
    .fetch_one(&mut db)
    .await
    .expect("the history");
    assert_eq!(kept, 2, "both were believed once");
}
