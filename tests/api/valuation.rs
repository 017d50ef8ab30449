//! What a book is worth: figures against worked ones, against real prices recomputed here, and
//! at the edges of the calendar.

mod aggregation;
mod demo;
mod edges;
mod laws;
mod splits;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::{App, Person, codes};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
/// Monday the 1st of July 2024, half an hour after the opening: the last session is the Friday
/// before.
const MONDAY_MORNING: &str = "2024-07-01T14:00:00Z";
const HEADER: &str = "ticker,quantity,entry_price,entry_date,tags";

const BOOK: &str = "
    query($id: ID!, $asOf: Date) {
        portfolio(id: $id) {
            valuation(asOf: $asOf) {
                totalValue cashBalance marketValue costBasis unrealizedPnl realizedPnl
                dailyPnl mtdPnl ytdPnl positionCount asOf quality warnings
                provenance {
                    coverage { includedPositions excludedPositions includedExposure }
                }
            }
            exposures(asOf: $asOf) {
                grossExposure netExposure longExposure shortExposure asOf
                excluded { position { symbol } reason }
            }
            positions(first: 500) {
                nodes {
                    id symbol quantity type
                    valuation(asOf: $asOf) {
                        price priceDate priceSource previousPrice marketValue exposure notional
                        deltaAdjustedExposure costBasis unrealizedPnl unrealizedPnlPercent
                        dailyPnl dailyReturn weight asOf quality warnings
                    }
                }
            }
        }
    }";

impl Person {
    /// A portfolio as of a day, or as of the last session.
    async fn values(&self, portfolio: &str, as_of: Option<&str>) -> Value {
        self.reads(BOOK, json!({ "id": portfolio, "asOf": as_of })).await["portfolio"].take()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn number(value: &Value) -> Decimal {
    text(value).parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

/// A number, or nothing for a null.
fn known(value: &Value) -> Option<Decimal> {
    (!value.is_null()).then(|| number(value))
}

fn decimal(number: &str) -> Decimal {
    number.parse().expect("a number")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{FIXTURES}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The position of a symbol in a book that was read.
fn position<'a>(book: &'a Value, symbol: &str) -> &'a Value {
    let mut positions = list(&book["positions"]["nodes"]).iter();
    let found = positions.find(|position| position["symbol"] == symbol);
    found.unwrap_or_else(|| panic!("no {symbol} in {book}"))
}

fn mentions(warnings: &Value, word: &str) -> bool {
    list(warnings).iter().any(|warning| text(warning).contains(word))
}

/// Closes by symbol and day, as a file has them.
struct Closes(BTreeMap<String, BTreeMap<NaiveDate, Decimal>>);

impl Closes {
    fn read(name: &str) -> Self {
        let file = String::from_utf8(fixture(name)).expect("text");
        let mut closes = BTreeMap::<_, BTreeMap<_, _>>::new();
        for line in file.lines().skip(1) {
            let cells: Vec<_> = line.split(',').collect();
            closes.entry(cells[0].to_owned()).or_default().insert(day(cells[1]), decimal(cells[2]));
        }
        Self(closes)
    }

    /// The close of a day that the file has.
    fn of(&self, symbol: &str, day: NaiveDate) -> Decimal {
        self.0[symbol][&day]
    }

    /// The newest close before a day.
    fn before(&self, symbol: &str, day: NaiveDate) -> Decimal {
        let (_, close) = self.0[symbol].range(..day).next_back().expect("an earlier row");
        *close
    }
}

const STOCKS: &str = "market_prices/stocks_2014_2020.csv";
const FACTORS: &str = "market_prices/factors_2014_2020.csv";
const OPTIONS: [&str; 2] = ["AAPL250117C00200000", "SPXW241220P04500000"];

/// A program that knows seven years of real prices, loaded by its administrator.
async fn app_with_real_prices() -> App {
    let app = App::start().at(MONDAY_MORNING).await;
    let admin = app.sign_in_admin("grace").await;
    for (name, symbols, bars) in [(STOCKS, 20, 20 * 1763), (FACTORS, 6, 6 * 1763)] {
        let said = admin.imports_prices(fixture(name)).await;
        assert_eq!((&said["rejectedCount"], &said["importedBars"]), (&json!(0), &json!(bars)));
        assert_eq!(list(&said["symbols"]).len(), symbols, "{name}");
    }
    app
}

#[tokio::test]
async fn a_book_is_worth_the_last_known_prices_and_says_that_they_are_old() {
    let app = app_with_real_prices().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = fixture("csv_uploads/33_mixed_realistic.csv");
    let said = ada.uploads_with(&book, file, json!({ "referenceDate": "2024-06-28" })).await;
    assert_eq!(said["createdCount"], 5, "{said}");

    let seen = ada.values(&book, Some("2024-06-28")).await;
    let closes = Closes::read(STOCKS);
    let last = day("2020-12-31");
    for (symbol, quantity) in [("AAPL", 100), ("MSFT", -25), ("KO", 60)] {
        let figures = &position(&seen, symbol)["valuation"];
        let exposure = Decimal::from(quantity) * closes.of(symbol, last);
        assert_eq!(number(&figures["exposure"]), exposure, "{symbol}");
        assert_eq!(number(&figures["marketValue"]), exposure.abs(), "{symbol}");
        assert_eq!(figures["priceDate"], "2020-12-31", "{symbol}");
        assert_eq!(figures["quality"], "STALE", "{symbol}");
        assert!(mentions(&figures["warnings"], "2020-12-31"), "{figures}");
        for unknown in ["dailyPnl", "dailyReturn", "previousPrice"] {
            assert_eq!(figures[unknown], Value::Null, "{symbol} {unknown}");
        }
    }
    let whole = &seen["valuation"];
    assert_eq!(whole["asOf"], "2024-06-28");
    for unknown in ["dailyPnl", "mtdPnl", "ytdPnl"] {
        assert_eq!(whole[unknown], Value::Null, "{unknown}");
    }
    assert!(mentions(&whole["warnings"], "stale"), "{whole}");
}

#[tokio::test]
async fn real_prices_give_what_a_recomputation_from_the_files_gives() {
    let app = app_with_real_prices().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio_with_cash("Core", "1234.56").await;
    let mut file = String::from_utf8(fixture("csv_uploads/33_mixed_realistic.csv")).expect("text");
    for (year, five_before) in [("2022-", "2017-"), ("2023-", "2018-"), ("2024-", "2019-")] {
        file = file.replace(year, five_before);
    }
    let said = ada.uploads_with(&book, &file, json!({ "referenceDate": "2020-06-28" })).await;
    assert_eq!((&said["createdCount"], &said["rejectedCount"]), (&json!(5), &json!(4)), "{said}");

    let closes = Closes::read(STOCKS);
    let held = [("AAPL", "100", "142.53"), ("MSFT", "-25", "310.10"), ("KO", "60", "58.2")];
    // The Friday before the second Monday was the observed Independence Day.
    for as_of in ["2020-06-08", "2020-07-06"] {
        let seen = ada.values(&book, Some(as_of)).await;
        let session = day(as_of);
        let (month, year) = (
            session.with_day(1).expect("a day"),
            NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day"),
        );
        let mut sums = BTreeMap::<_, Decimal>::new();
        for (symbol, quantity, entry) in held {
            let (quantity, entry) = (decimal(quantity), decimal(entry));
            let price = closes.of(symbol, session);
            let since = |start: Decimal| quantity * (price - start);
            let figures = &position(&seen, symbol)["valuation"];
            for (name, wanted) in [
                ("exposure", quantity * price),
                ("marketValue", (quantity * price).abs()),
                ("notional", (quantity * price).abs()),
                ("deltaAdjustedExposure", quantity * price),
                ("unrealizedPnl", since(entry)),
                ("dailyPnl", since(closes.before(symbol, session))),
            ] {
                assert_eq!(number(&figures[name]), wanted, "{symbol} {name} {as_of}");
                *sums.entry(name).or_default() += wanted;
            }
            *sums.entry("mtdPnl").or_default() += since(closes.before(symbol, month));
            *sums.entry("ytdPnl").or_default() += since(closes.before(symbol, year));
            assert_eq!(figures["quality"], "FULL", "{symbol} {as_of}");
            assert_eq!(figures["priceSource"], "IMPORT");
            assert_eq!(figures["warnings"], json!([]));
            let wanted = since(closes.before(symbol, session))
                / (quantity * closes.before(symbol, session)).abs();
            let daily_return = figures["dailyReturn"].as_f64().expect("a number");
            assert!((daily_return - f64::try_from(wanted).expect("a number")).abs() < 1e-12);
        }

        let whole = &seen["valuation"];
        for name in ["marketValue", "unrealizedPnl", "dailyPnl", "mtdPnl", "ytdPnl"] {
            assert_eq!(number(&whole[name]), sums[name], "{name} {as_of}");
        }
        assert_eq!(number(&whole["totalValue"]), decimal("1234.56") + sums["exposure"]);
        assert_eq!(number(&seen["exposures"]["netExposure"]), sums["exposure"]);
        assert_eq!(number(&seen["exposures"]["grossExposure"]), sums["marketValue"]);
        assert_eq!(whole["positionCount"], 5);
        assert_eq!(whole["quality"], "LIMITED");
    }
}

#[tokio::test]
async fn what_has_no_price_is_left_out_and_named_and_never_zero() {
    let app = app_with_real_prices().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = fixture("csv_uploads/33_mixed_realistic.csv");
    ada.uploads_with(&book, file, json!({ "referenceDate": "2024-06-28" })).await;

    let seen = ada.values(&book, None).await;
    for option in OPTIONS {
        let figures = &position(&seen, option)["valuation"];
        for unknown in [
            "price",
            "priceDate",
            "marketValue",
            "exposure",
            "unrealizedPnl",
            "unrealizedPnlPercent",
            "dailyPnl",
            "dailyReturn",
            "weight",
        ] {
            assert_eq!(figures[unknown], Value::Null, "{option} {unknown}");
        }
        assert_eq!(figures["quality"], "INSUFFICIENT", "{option}");
        assert!(mentions(&figures["warnings"], option), "{figures}");
        assert!(!number(&figures["costBasis"]).is_zero(), "what was paid is known");
        assert!(mentions(&seen["valuation"]["warnings"], option), "{}", seen["valuation"]);
    }
    // A price of Apple is known, so that its option moves like so many shares of it.
    let [on_apple, on_index] =
        OPTIONS.map(|option| position(&seen, option)["valuation"]["deltaAdjustedExposure"].clone());
    assert!(number(&on_apple) > decimal("0"), "{on_apple}");
    assert_eq!(on_index, Value::Null);
    let excluded: Vec<_> = list(&seen["exposures"]["excluded"])
        .iter()
        .map(|one| (text(&one["position"]["symbol"]), text(&one["reason"])))
        .collect();
    assert_eq!(excluded, [(OPTIONS[1], "No price of the underlying SPXW is known.")]);
    let coverage = &seen["valuation"]["provenance"]["coverage"];
    assert_eq!(coverage["includedPositions"], 3);
    assert_eq!(coverage["excludedPositions"], 2);
    assert_eq!(coverage["includedExposure"], seen["exposures"]["grossExposure"]);
}

/// A program with two sessions of prices of AAPL and MSFT, and somebody who holds both.
async fn small_book() -> (App, Person, String) {
    let app = App::start().at(MONDAY_MORNING).await;
    app.knows_prices(
        "symbol,date,close\n\
         AAPL,2024-06-18,205\nAAPL,2024-06-27,210\nAAPL,2024-06-28,212.5\n\
         MSFT,2024-06-28,440\n",
    )
    .await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = format!("{HEADER}\nAAPL,100,150,2024-01-02,\nMSFT,-10,400,2024-01-02,\n");
    ada.uploads(&book, file).await;
    (app, ada, book)
}

#[tokio::test]
async fn a_day_without_a_session_stands_for_the_one_before_it() {
    let (_app, ada, book) = small_book().await;
    for (asked, answered) in [
        ("2024-06-29", "2024-06-28"), // a Saturday
        ("2024-06-30", "2024-06-28"), // a Sunday
        ("2024-06-19", "2024-06-18"), // Juneteenth
        ("2024-07-01", "2024-06-28"), // today, before the close
    ] {
        let seen = ada.values(&book, Some(asked)).await;
        let figures = &position(&seen, "AAPL")["valuation"];
        for part in [&seen["valuation"], figures] {
            assert_eq!(part["asOf"], answered, "{asked}");
            assert!(mentions(&part["warnings"], asked), "{asked} is told apart: {part}");
        }
        assert_eq!(seen["exposures"]["asOf"], answered, "{asked}");

        let same = ada.values(&book, Some(answered)).await;
        assert_eq!(figures["exposure"], position(&same, "AAPL")["valuation"]["exposure"]);
        assert_eq!(seen["valuation"]["totalValue"], same["valuation"]["totalValue"]);
        assert!(!mentions(&same["valuation"]["warnings"], "the one before"), "{same}");
    }
}

#[tokio::test]
async fn nothing_is_worth_anything_tomorrow() {
    let (_app, ada, book) = small_book().await;
    for field in [
        "valuation(asOf: $asOf) { totalValue }",
        "exposures(asOf: $asOf) { netExposure }",
        "positions { nodes { valuation(asOf: $asOf) { price } } }",
        "positions { nodes { instrument { quote(asOf: $asOf) { price } } } }",
    ] {
        let query = format!("query($id: ID!, $asOf: Date) {{ portfolio(id: $id) {{ {field} }} }}");
        for (as_of, wanted) in [("2024-07-02", "VALIDATION"), ("9999-12-31", "VALIDATION")] {
            let answer = ada.asks(&query, json!({ "id": book, "asOf": as_of })).await;
            assert!(!codes(&answer).is_empty(), "{field} {as_of}: {answer}");
            assert!(codes(&answer).iter().all(|code| *code == wanted), "{field} {answer}");
        }
    }
}

#[tokio::test]
async fn what_was_entered_today_is_held_at_the_last_close() {
    let (_app, ada, book) = small_book().await;
    ada.uploads(&book, format!("{HEADER}\nAAPL,10,211,2024-07-01,new\n")).await;

    let seen = ada.values(&book, None).await;
    assert_eq!(seen["valuation"]["positionCount"], 3);
    let new = list(&seen["positions"]["nodes"]).iter().find(|one| one["quantity"] == "10");
    let figures = &new.expect("the new position")["valuation"];
    assert_eq!(figures["asOf"], "2024-06-28");
    assert_eq!(number(&figures["exposure"]), decimal("2125"));
    assert_eq!(number(&figures["unrealizedPnl"]), decimal("15"));

    // On Friday itself it was not held yet.
    let seen = ada.values(&book, Some("2024-06-28")).await;
    assert_eq!(seen["valuation"]["positionCount"], 2);
    let new = list(&seen["positions"]["nodes"]).iter().find(|one| one["quantity"] == "10");
    let figures = &new.expect("the new position")["valuation"];
    assert_eq!((&figures["exposure"], &figures["quality"]), (&Value::Null, &json!("INSUFFICIENT")));
    assert!(mentions(&figures["warnings"], "2024-07-01"), "{figures}");
}

#[tokio::test]
async fn without_the_close_before_there_is_no_profit_of_the_day() {
    let (_app, ada, book) = small_book().await;
    let seen = ada.values(&book, None).await;

    let figures = &position(&seen, "MSFT")["valuation"];
    assert_eq!((&figures["dailyPnl"], &figures["dailyReturn"]), (&Value::Null, &Value::Null));
    assert_eq!(number(&figures["exposure"]), decimal("-4400"));
    assert_eq!(number(&figures["unrealizedPnl"]), decimal("-400"));
    assert!(mentions(&figures["warnings"], "2024-06-27"), "{figures}");

    assert_eq!(number(&position(&seen, "AAPL")["valuation"]["dailyPnl"]), decimal("250"));
    assert_eq!(number(&seen["valuation"]["dailyPnl"]), decimal("250"), "of those that have one");
    assert!(mentions(&seen["valuation"]["warnings"], "dailyPnl leaves out 1 of 2"), "{seen}");
}

/// Keeps more threads busy than there are processors until it is dropped.
struct Rush(Arc<AtomicBool>);

impl Rush {
    fn begin() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        for _ in 0..4 {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(is_over)
    }
}

impl Drop for Rush {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_costs_the_same_whatever_its_size_and_however_busy_the_machine() {
    const DASHBOARD: &str = "{
        service { priceSources }
        again: service { marketDataAsOf }
        instruments(first: 60) { totalCount nodes { symbol } }
        stocks: instruments(search: \"T0\", first: 5) { totalCount nodes { symbol } }
        viewer {
            first: portfolio(name: \"Book 0\") { name }
            second: portfolio(name: \"BOOK 1\") { name }
            last: portfolios(last: 1) { totalCount nodes { name } }
            strategies: tags(kind: STRATEGY) { name }
            user { email }
            tags { name positionCount }
            portfolios(first: 10) {
                nodes {
                    name
                    owner { email }
                    tags { name }
                    valuation { totalValue dailyPnl provenance { coverage { includedPositions } } }
                    lastYear: valuation(asOf: \"2023-12-29\") { totalValue }
                    exposures { netExposure excluded { reason } }
                    positionGroups(by: TAG) { key tag { positionCount } exposures { netExposure } }
                    positions(first: 60) {
                        totalCount
                        nodes {
                            symbol
                            tags { name }
                            portfolio { name }
                            valuation { exposure dailyPnl }
                            instrument {
                                quote { price }
                                prices(last: 2) { totalCount nodes { date close } }
                                contract { underlying { symbol quote { price } } }
                            }
                        }
                    }
                }
            }
        }
    }";
    async fn statements(portfolios: usize, positions: usize) -> u64 {
        let app = App::start().at(MONDAY_MORNING).await;
        let ada = app.sign_in("ada").await;
        let mut prices = "symbol,date,close\nSPY,2024-06-28,545\n".to_owned();
        let mut file = format!("{HEADER}\nSPY241220P00450000,-1,12,2024-01-02,\"hedge,income\"\n");
        for i in 1..positions {
            writeln!(prices, "T{i:03},2024-06-28,{i}").expect("writes");
            writeln!(file, "T{i:03},{i},10,2023-03-15,\"core,tag {}\"", i % 7).expect("writes");
        }
        app.knows_prices(&prices).await;
        for name in 0..portfolios {
            let book = ada.creates_portfolio(&format!("Book {name}")).await;
            assert_eq!(ada.uploads(&book, &file).await["createdCount"], positions);
        }
        let _rush = Rush::begin();
        let answer = ada.asks(DASHBOARD, json!({})).await;
        assert_eq!(answer["errors"], Value::Null);
        let books = list(&answer["data"]["viewer"]["portfolios"]["nodes"]);
        assert_eq!(books.len(), portfolios);
        assert!(books.iter().all(|book| list(&book["positions"]["nodes"]).len() == positions));
        answer["extensions"]["statements"].as_u64().expect("a number of statements")
    }

    let (small, large) = (statements(2, 3).await, statements(10, 60).await);
    assert_eq!(small, large);
    // The splits of all that is held, wherever prices are carried through them, are the 13th; what
    // is left out by delta takes three more: closes, dividends and yields.
    assert!(small <= 16, "{small} statements");
}

#[tokio::test]
async fn the_calendar_is_that_of_the_exchange() {
    let app = App::start().await;
    let sessions = String::from_utf8(fixture("calendar_xnys.csv")).expect("text");
    let sessions: BTreeMap<_, _> = sessions
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<_> = line.split(',').map(str::to_owned).collect();
            (day(&cells[0]), cells)
        })
        .collect();
    let closed = String::from_utf8(fixture("calendar_xnys_closed_weekdays.csv")).expect("text");
    let closed: Vec<_> = closed.lines().skip(1).filter_map(|line| line.split(',').next()).collect();

    for year in 2024..=2026 {
        let dates = json!({ "from": format!("{year}-01-01"), "to": format!("{year}-12-31") });
        let answer = app
            .asks(
                "query($from: Date!, $to: Date!) {
                    marketCalendar(from: $from, to: $to) {
                        date isOpen open close isEarlyClose holiday
                    }
                }",
                dates,
            )
            .await;
        let days = list(&answer["data"]["marketCalendar"]);
        let mut expected = NaiveDate::from_ymd_opt(year, 1, 1).expect("a day");
        for told in days {
            let date = day(text(&told["date"]));
            assert_eq!(date, expected);
            expected = expected + Days::new(1);
            let session = sessions.get(&date);
            assert_eq!(told["isOpen"], session.is_some(), "{date}");
            let instant = |value: &Value| {
                (!value.is_null())
                    .then(|| text(value).parse::<DateTime<Utc>>().expect("an instant"))
            };
            let wanted = |cell: usize| {
                session.map(|cells| cells[cell].parse::<DateTime<Utc>>().expect("an instant"))
            };
            assert_eq!(instant(&told["open"]), wanted(1), "{date}");
            assert_eq!(instant(&told["close"]), wanted(2), "{date}");
            let is_early = session.is_some_and(|cells| cells[3] == "true");
            assert_eq!(told["isEarlyClose"], is_early, "{date}");
            let is_holiday = closed.contains(&date.to_string().as_str());
            assert_eq!(told["holiday"].is_string(), is_holiday, "{date}: {told}");
        }
        assert_eq!(expected.year(), year + 1, "every day of the year");
    }
}
