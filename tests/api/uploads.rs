//! Loading positions from a CSV: every worked file, and what a second upload does to a first.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;

use futures_util::future::join;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::person::multipart;
use crate::support::{App, Person, numbered, user_codes};

/// The Monday after the day that the worked files are judged by.
const NOW: &str = "2024-07-01T14:00:00Z";
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/csv_uploads");
const MAX_BYTES: usize = 10 * 1024 * 1024;
const HEADER: &str = "ticker,quantity,entry_price,entry_date,tags";

const UPLOAD: &str = "
    mutation($input: UploadPositionsInput!) {
        uploadPositions(input: $input) {
            portfolio { id positions(first: 1) { totalCount } }
            createdCount
            rejectedCount
            rows { row line column code message hint }
            warnings { row column code }
            positions { id symbol type quantity entryPrice entryDate tags { name } }
            userErrors { code field }
        }
    }";

const BOOK: &str = "
    query($id: ID!) {
        portfolio(id: $id) {
            positions(first: 500) { totalCount nodes { id symbol quantity } }
        }
    }";

/// Which way a file travels.
#[derive(Clone, Copy, Debug)]
enum Way {
    Multipart,
    Inline,
}

impl Person {
    /// Uploads with any input; the payload.
    async fn loads(&self, file: &[u8], way: Way, mut input: Value) -> Value {
        let field = if let Way::Inline = way { "csv" } else { "file" };
        input[field] = match way {
            Way::Multipart => Value::Null,
            Way::Inline => str::from_utf8(file).expect("text travels inline").into(),
        };
        let operations = json!({ "query": UPLOAD, "variables": { "input": input } });
        let request = match way {
            Way::Multipart => multipart(&operations, file),
            Way::Inline => crate::support::app::post(&operations),
        };
        let mut answer = self.sends(request).await.json();
        assert_eq!(answer["errors"], Value::Null, "{way:?} {:.200}", input.to_string());
        answer["data"]["uploadPositions"].take()
    }

    /// Appends rows below the usual header; the payload.
    async fn appends(&self, portfolio: &str, rows: &str) -> Value {
        let file = format!("{HEADER}\n{rows}");
        self.loads(file.as_bytes(), Way::Inline, json!({ "portfolioId": portfolio })).await
    }

    /// The symbols that a portfolio holds, by name.
    async fn holds(&self, portfolio: &str) -> Vec<String> {
        let book = self.reads(BOOK, json!({ "id": portfolio })).await;
        let nodes = book["portfolio"]["positions"]["nodes"].as_array().expect("a list").clone();
        nodes.iter().map(|node| text(&node["symbol"])).collect()
    }

    /// All positions of a book of 10,000, by pages of 500: id, symbol and exposure of each.
    async fn pages(&self, portfolio: &str, order: Value) -> Vec<(String, String, Option<Decimal>)> {
        const PAGE: &str = "
            query($id: ID!, $after: String, $order: PositionOrder) {
                portfolio(id: $id) {
                    positions(first: 500, after: $after, orderBy: $order) {
                        totalCount
                        nodes { id symbol valuation { exposure } }
                        pageInfo { hasNextPage hasPreviousPage endCursor }
                    }
                }
            }";
        let mut found = Vec::new();
        let mut after = Value::Null;
        for page in 1.. {
            let variables = json!({ "id": portfolio, "after": after, "order": order });
            let seen = self.reads(PAGE, variables).await;
            let seen = &seen["portfolio"]["positions"];
            assert_eq!(seen["totalCount"], 10_000);
            assert_eq!(seen["pageInfo"]["hasPreviousPage"], page > 1);
            let nodes = seen["nodes"].as_array().expect("a list");
            assert_eq!(nodes.len(), 500);
            found.extend(nodes.iter().map(|node| {
                let exposure = &node["valuation"]["exposure"];
                let exposure = (!exposure.is_null()).then(|| number(exposure));
                (text(&node["id"]), text(&node["symbol"]), exposure)
            }));
            after = seen["pageInfo"]["endCursor"].clone();
            if seen["pageInfo"]["hasNextPage"] == false {
                assert_eq!(page, 20);
                break;
            }
        }
        found
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn number(value: &Value) -> Decimal {
    text(value).parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

/// The codes of a payload's rows, in their order.
fn row_codes(payload: &Value) -> Vec<(u64, String)> {
    let rows = payload["rows"].as_array().expect("a list");
    rows.iter().map(|row| (row["row"].as_u64().unwrap_or(0), text(&row["code"]))).collect()
}

/// Only these fields of each entry of a list.
fn only(fields: &[&str], list: &Value) -> Vec<Value> {
    let entries = list.as_array().expect("a list").iter();
    entries.map(|one| fields.iter().map(|field| one[*field].clone()).collect()).collect()
}

/// Positions with their numbers as numbers.
fn positions(list: &Value, symbol: &str, price: &str, date: &str) -> Vec<Value> {
    let entries = list.as_array().expect("a list").iter();
    let numeric = |value: &Value| number(value).normalize().to_string();
    entries
        .map(|one| {
            let tags = one["tags"].as_array().expect("a list").iter();
            let tags: Vec<_> =
                tags.map(|tag| if tag.is_string() { tag } else { &tag["name"] }).collect();
            json!([
                one[symbol],
                one["type"],
                numeric(&one["quantity"]),
                numeric(&one[price]),
                one[date],
                tags
            ])
        })
        .collect()
}

/// What is expected of the worked files.
fn expected() -> Value {
    let json = fs::read(format!("{FILES}/expected.json")).expect("expected.json");
    serde_json::from_slice(&json).expect("JSON")
}

/// A large file as its recipe describes it.
fn generated(recipe: &Value) -> Vec<u8> {
    let mut file = text(&recipe["header"]) + "\n";
    let template = text(&recipe["template"]);
    for i in 1..=recipe["n"].as_u64().expect("a number") {
        file += &template.replace("{i:05d}", &format!("{i:05}"));
        file += "\n";
    }
    for _ in 0..recipe["tail_n"].as_u64().unwrap_or(0) {
        file += recipe["tail_line"].as_str().expect("a line");
        file += "\n";
    }
    assert_eq!(recipe["bytes"], file.len(), "{}", recipe["name"]);
    file.into_bytes()
}

#[tokio::test]
async fn every_worked_file_is_judged_by_the_rules_whichever_way_it_travels() {
    let app = App::start().at(NOW).with_simulated_prices().await;
    let mut files = 0;
    for worked in expected()["files"].as_array().expect("a list") {
        let name = text(&worked["file"]);
        // Tags keep their first spelling: a new person for each file.
        let ada = app.sign_in(&format!("ada.{name}")).await;
        let file = fs::read(format!("{FILES}/{name}")).expect("a worked file");
        for way in [Way::Multipart, Way::Inline] {
            if matches!(way, Way::Inline) && str::from_utf8(&file).is_err() {
                continue;
            }
            files += 1;
            let book = ada.creates_portfolio(&format!("{name} {way:?}")).await;
            let input = json!({ "portfolioId": book, "referenceDate": "2024-06-28" });
            let said = ada.loads(&file, way, input).await;

            assert_eq!(said["createdCount"], worked["created"], "{name} {way:?}");
            assert_eq!(said["rejectedCount"], worked["rejected_rows"], "{name} {way:?}");
            assert_eq!(said["portfolio"]["positions"]["totalCount"], worked["created"], "{name}");
            assert_eq!(said["userErrors"], json!([]), "{name} {way:?}");
            let place = ["row", "line", "column", "code"];
            assert_eq!(only(&place, &said["rows"]), only(&place, &worked["errors"]), "{name}");
            let place = ["row", "column", "code"];
            let mut warnings = only(&place, &said["warnings"]);
            let mut wanted = only(&place, &worked["warnings"]);
            warnings.sort_by_key(Value::to_string);
            wanted.sort_by_key(Value::to_string);
            assert_eq!(warnings, wanted, "{name} {way:?}");
            assert_eq!(
                positions(&said["positions"], "symbol", "entryPrice", "entryDate"),
                positions(&worked["positions"], "ticker", "entry_price", "entry_date"),
                "{name} {way:?}"
            );
        }
    }
    assert_eq!(files, 64, "33 files, all but two of them text");
}

#[tokio::test]
async fn large_files_are_judged_whole_or_refused_whole() {
    let app = App::start().at(NOW).with_simulated_prices().await;
    let ada = app.sign_in("ada").await;
    for recipe in expected()["generated"].as_array().expect("a list") {
        let name = text(&recipe["name"]);
        let file = generated(recipe);
        for way in [Way::Multipart, Way::Inline] {
            if matches!(way, Way::Inline) && file.len() > MAX_BYTES {
                continue; // no request of JSON is that large
            }
            let book = ada.creates_portfolio(&format!("{name} {way:?}")).await;
            let input = json!({ "portfolioId": book, "referenceDate": "2024-06-28" });
            let said = ada.loads(&file, way, input).await;

            let wanted = &recipe["expect"];
            assert_eq!(said["createdCount"], wanted["created"], "{name} {way:?}");
            assert_eq!(said["portfolio"]["positions"]["totalCount"], wanted["created"], "{name}");
            let place = ["row", "column", "code"];
            let errors = only(&place, &said["rows"]);
            if let Some(count) = wanted["error_count"].as_u64() {
                assert_eq!(said["rejectedCount"], count, "{name} {way:?}");
                assert_eq!(errors.len() as u64, count, "{name} {way:?}");
                let ends = json!([wanted["first_error"], wanted["last_error"]]);
                let told: Vec<_> = errors.first().into_iter().chain(errors.last()).collect();
                assert_eq!(told, only(&place, &ends).iter().collect::<Vec<_>>(), "{name}");
            } else {
                assert_eq!(errors, only(&place, &wanted["errors"]), "{name} {way:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_may_have_ten_mebibytes_and_not_a_byte_more() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let mut file = format!("{HEADER}\nAAPL,100,150,2024-01-02,core\n").into_bytes();
    file.resize(MAX_BYTES + 1, b'\n');

    let said = ada.loads(&file, Way::Multipart, json!({ "portfolioId": book })).await;
    assert_eq!(row_codes(&said), [(0, "FILE_TOO_LARGE".to_owned())]);
    assert_eq!(ada.holds(&book).await, Vec::<String>::new());
    assert_eq!(
        ada.reads("{ viewer { tags { name } } }", json!({})).await["viewer"]["tags"],
        json!([])
    );

    file.pop();
    let said = ada.loads(&file, Way::Multipart, json!({ "portfolioId": book })).await;
    assert_eq!(said["createdCount"], 1, "{said}");
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_stores_nothing() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    ada.appends(&book, "KO,10,55,2022-11-30,\n").await; // one row of the file is there already
    let file = fs::read(format!("{FILES}/33_mixed_realistic.csv")).expect("a worked file");
    let input = |dry| json!({ "portfolioId": book, "referenceDate": "2024-06-28", "dryRun": dry });

    let dry = ada.loads(&file, Way::Multipart, input(true)).await;
    assert_eq!(dry["positions"], json!([]));
    assert_eq!(ada.holds(&book).await, ["KO"]);
    assert_eq!(
        ada.reads("{ viewer { tags { name } } }", json!({})).await["viewer"]["tags"],
        json!([])
    );

    let real = ada.loads(&file, Way::Multipart, input(false)).await;
    for told in ["createdCount", "rejectedCount", "rows", "warnings", "userErrors"] {
        assert_eq!(dry[told], real[told], "{told}");
    }
    assert_eq!(real["createdCount"], 4);
    assert_eq!(real["positions"].as_array().map(Vec::len), Some(4));
    assert_eq!(ada.holds(&book).await.len(), 5);
}

#[tokio::test]
async fn appending_a_file_again_repeats_what_is_there() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = "AAPL,100,150,2024-01-02,core\nXOM,-50,100,2024-01-02,\n";
    ada.appends(&book, rows).await;

    let more = format!("{rows}AAPL,1,150,2024-01-03,\n");
    let again = ada.appends(&book, &more).await;
    let repeated = |row| (row, "DUPLICATE".to_owned());
    assert_eq!(row_codes(&again), [repeated(2), repeated(3)]);
    assert!(text(&again["rows"][0]["hint"]).contains("REPLACE"), "{again}");
    assert_eq!((&again["createdCount"], &again["rejectedCount"]), (&json!(1), &json!(2)));
    assert_eq!(ada.holds(&book).await, ["AAPL", "AAPL", "XOM"]);

    let other = ada.creates_portfolio("Other").await;
    assert_eq!(
        ada.appends(&other, rows).await["createdCount"],
        2,
        "another book is another matter"
    );
}

#[tokio::test]
async fn replacing_swaps_the_book_or_leaves_it_alone() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    ada.appends(&book, "AAPL,100,150,2024-01-02,core\nXOM,-50,100,2024-01-02,\n").await;
    let replace = json!({ "mode": "REPLACE" });

    for useless in ["", HEADER, &format!("{HEADER}\nAAPL,0,150,2024-01-02,\n")] {
        let said = ada.uploads_with(&book, useless, replace.clone()).await;
        assert_eq!(said["createdCount"], 0, "{useless}");
        assert_ne!(said["rows"], json!([]), "{useless}");
        assert_eq!(ada.holds(&book).await, ["AAPL", "XOM"], "{useless}");
    }

    // The same ticker and day as before is no repetition of what makes room.
    let file =
        format!("{HEADER}\nAAPL,7,150,2024-01-02,\nMSFT,3,400,2024-02-01,\nKO,x,1,2024-02-01,\n");
    let said = ada.uploads_with(&book, &file, replace.clone()).await;
    assert_eq!((&said["createdCount"], &said["rejectedCount"]), (&json!(2), &json!(1)));
    assert_eq!(ada.holds(&book).await, ["AAPL", "MSFT"]);
}

#[tokio::test]
async fn of_two_replacements_at_once_one_stays_whole() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = |[a, b, c]: [&str; 3]| {
        let rest = "1,10,2024-01-02,same";
        format!("{HEADER}\n{a},{rest}\n{b},{rest}\n{c},{rest}\n")
    };
    let (letters, names) = (["A", "B", "C"], ["AAPL", "MSFT", "XOM"]);
    for round in 0..5 {
        let replace = json!({ "mode": "REPLACE" });
        let (one, other) = join(
            ada.uploads_with(&book, file(letters), replace.clone()),
            ada.uploads_with(&book, file(names), replace.clone()),
        )
        .await;
        assert_eq!((&one["createdCount"], &other["createdCount"]), (&json!(3), &json!(3)));
        let held = ada.holds(&book).await;
        assert!(held == letters || held == names, "round {round}: {held:?}");
    }
}

#[tokio::test]
async fn of_two_appends_at_once_the_second_repeats_the_first() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = "AAPL,100,150,2024-01-02,core\nXOM,-50,100,2024-01-02,energy\n";
    let (one, other) = join(ada.appends(&book, rows), ada.appends(&book, rows)).await;
    let created = |said: &Value| said["createdCount"].as_u64().expect("a number");
    assert_eq!(created(&one) + created(&other), 2, "{one} {other}");
    assert_eq!(ada.holds(&book).await, ["AAPL", "XOM"]);
}

#[tokio::test]
async fn a_key_used_twice_has_one_effect_and_one_answer() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = format!("{HEADER}\nAAPL,100,150,2024-01-02,core\nKO,ten,58,2024-01-02,\n");
    let input = json!({ "portfolioId": book, "idempotencyKey": "monday" });

    let first = ada.loads(file.as_bytes(), Way::Multipart, input.clone()).await;
    let second = ada.loads(file.as_bytes(), Way::Inline, input.clone()).await;
    assert_eq!(first["createdCount"], 1);
    assert_eq!(first, second, "the way it travels does not matter");
    assert_eq!(ada.holds(&book).await, ["AAPL"]);

    let other = file.replace("100", "200");
    let refused = ada.loads(other.as_bytes(), Way::Multipart, input.clone()).await;
    assert_eq!(user_codes(&refused), ["CONFLICT"]);
    assert_eq!(refused["userErrors"][0]["field"], json!(["idempotencyKey"]));
    assert_eq!(ada.holds(&book).await, ["AAPL"]);

    let bob = app.sign_in("bob").await;
    let his = bob.creates_portfolio("Core").await;
    let input = json!({ "portfolioId": his, "idempotencyKey": "monday" });
    let said = bob.loads(other.as_bytes(), Way::Multipart, input).await;
    assert_eq!(said["createdCount"], 1, "keys are everybody's own");
}

#[tokio::test]
async fn a_key_used_twice_at_once_has_one_effect_too() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    for round in 0..5 {
        let file = format!("{HEADER}\nAAPL,100,150,2024-01-0{},core\n", round + 1);
        let input = json!({ "portfolioId": book, "idempotencyKey": format!("round {round}") });
        let (one, other) = join(
            ada.loads(file.as_bytes(), Way::Multipart, input.clone()),
            ada.loads(file.as_bytes(), Way::Multipart, input.clone()),
        )
        .await;
        assert_eq!(one["createdCount"], 1, "{one}");
        // Each tells of the portfolio as it found it afterwards: the same.
        assert_eq!(one, other);
        assert_eq!(ada.holds(&book).await.len(), round + 1);
    }
}

#[tokio::test]
async fn keys_that_break_a_rule_are_refused() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = format!("{HEADER}\nAAPL,100,150,2024-01-02,core\n");
    for (key, codes) in [
        (String::new(), vec!["VALIDATION"]),
        ("é".repeat(201), vec!["VALIDATION"]),
        ("é".repeat(200), vec![]),
    ] {
        let input = json!({ "portfolioId": book, "idempotencyKey": key });
        let said = ada.loads(file.as_bytes(), Way::Inline, input).await;
        assert_eq!(user_codes(&said), codes, "{} characters", key.chars().count());
    }
}

#[tokio::test]
async fn a_portfolio_that_is_not_ones_own_is_no_portfolio() {
    let app = App::start().at(NOW).await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let (hers, his) = (ada.creates_portfolio("Hers").await, bob.creates_portfolio("His").await);
    let file = format!("{HEADER}\nAAPL,100,150,2024-01-02,core\n");
    let ada_herself = ada.reads("{ viewer { user { id } } }", json!({})).await;
    let user = text(&ada_herself["viewer"]["user"]["id"]);

    for wrong in
        [his.as_str(), user.as_str(), "", "nonsense", "00000000-0000-0000-0000-000000000000"]
    {
        let input = json!({ "portfolioId": wrong });
        let said = ada.loads(file.as_bytes(), Way::Multipart, input).await;
        assert_eq!(user_codes(&said), ["NOT_FOUND"], "{wrong}");
        assert_eq!(said["userErrors"][0]["field"], json!(["portfolioId"]));
        assert_eq!((&said["portfolio"], &said["createdCount"]), (&Value::Null, &json!(0)));
    }
    assert_eq!(bob.holds(&his).await, Vec::<String>::new());
    assert_eq!(ada.holds(&hers).await, Vec::<String>::new());
}

#[tokio::test]
async fn dates_are_judged_by_the_reference_date() {
    let app = App::start().at("2024-07-01T03:30:00Z").await; // still June in New York
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let load = |reference: Value, entered: &str| {
        let (ada, book) = (ada.clone(), book.clone());
        let file = format!("{HEADER}\nAAPL,100,150,{entered},\n");
        async move {
            let input = json!({ "portfolioId": book, "referenceDate": reference, "dryRun": true });
            ada.loads(file.as_bytes(), Way::Inline, input).await
        }
    };

    for (reference, entered, codes) in [
        (json!("2024-06-30"), "2024-06-30", vec![]),
        (Value::Null, "2024-06-30", vec![]),
        (Value::Null, "2024-07-01", vec!["FUTURE_DATE"]),
        (json!("2020-06-28"), "2020-06-29", vec!["FUTURE_DATE"]),
        (json!("2020-06-28"), "2015-06-28", vec![]),
        (json!("2020-06-28"), "2015-06-27", vec!["DATE_TOO_OLD"]),
    ] {
        let said = load(reference.clone(), entered).await;
        let found: Vec<_> = row_codes(&said).into_iter().map(|(_, code)| code).collect();
        assert_eq!(found, codes, "{entered} as of {reference}: {said}");
        assert_eq!(said["userErrors"], json!([]));
    }

    let said = load(json!("2024-07-01"), "2024-06-28").await;
    assert_eq!(user_codes(&said), ["VALIDATION"], "tomorrow is no day to judge by");
    assert_eq!(said["userErrors"][0]["field"], json!(["referenceDate"]));
}

#[tokio::test]
async fn a_person_has_at_most_a_hundred_tags() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let row = |symbol: &str, tags: &[String]| {
        format!("{symbol},1,10,2024-01-02,\"{}\"\n", tags.join(","))
    };
    let tags: Vec<_> = (1..=100).map(|n| format!("tag {n}")).collect();
    let rows: String =
        tags.chunks(20).zip(["A", "B", "C", "D", "E"]).map(|(tags, s)| row(s, tags)).collect();
    assert_eq!(ada.appends(&book, &rows).await["createdCount"], 5);

    let again = row("F", &["TAG 7".into(), "Tag 8".into()]);
    let more = row("G", &["tag 101".into()]);
    let untagged = row("H", &[]);
    let crowded: Vec<_> = (1..=21).map(|n| format!("tag {n}")).collect();
    let said = ada.appends(&book, &(again + &more + &untagged + &row("I", &crowded))).await;
    let too_many = |row| (row, "TOO_MANY_TAGS".to_owned());
    assert_eq!(row_codes(&said), [too_many(3), too_many(5)], "{said}");
    assert_eq!(ada.holds(&book).await, ["A", "B", "C", "D", "E", "F", "H"]);
    let seen = ada.reads("{ viewer { tags { name } } }", json!({})).await;
    assert_eq!(seen["viewer"]["tags"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn the_file_comes_one_way_and_one_way_only() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let file = format!("{HEADER}\nAAPL,100,150,2024-01-02,core\n");

    let both = json!({ "portfolioId": book, "csv": file });
    let said = ada.loads(file.as_bytes(), Way::Multipart, both).await;
    assert_eq!(user_codes(&said), ["VALIDATION"]);
    let neither = json!({ "input": { "portfolioId": book } });
    let said = ada.reads(UPLOAD, neither).await;
    assert_eq!(user_codes(&said["uploadPositions"]), ["VALIDATION"]);
    assert_eq!(ada.holds(&book).await, Vec::<String>::new());
}

#[tokio::test]
async fn ten_thousand_positions_page_through_without_gap_or_overlap() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Large").await;
    let mut file = HEADER.to_owned() + "\n";
    let mut closes = "symbol,date,close\n".to_owned();
    for i in 1..=10_000 {
        let sign = if i % 3 == 0 { "-" } else { "" };
        let (quantity, close) = (i % 7 + 1, i % 97 + 1);
        writeln!(file, "T{i:05},{sign}{quantity},10.5,2023-03-15,bulk").expect("writes");
        if i % 10 != 0 {
            writeln!(closes, "T{i:05},2024-06-28,{close}").expect("writes");
        } // many exposures are alike
    }
    app.knows_prices(&closes).await;
    let said = ada.loads(file.as_bytes(), Way::Multipart, json!({ "portfolioId": book })).await;
    assert_eq!(said["createdCount"], 10_000);
    let warned = only(&["code"], &said["warnings"]);
    assert_eq!(warned, vec![json!(["UNKNOWN_SYMBOL"]); 1_000], "every tenth has no price");

    let positions = ada.pages(&book, Value::Null).await;
    let mut symbols: Vec<_> = positions.into_iter().map(|(_, symbol, _)| symbol).collect();
    assert!(symbols.is_sorted(), "by symbol, when not asked otherwise");
    symbols.dedup();
    assert_eq!(symbols.len(), 10_000);

    let by_exposure = json!({ "by": "EXPOSURE", "direction": "DESC" });
    let positions = ada.pages(&book, by_exposure).await;
    assert_eq!(positions.iter().map(|(id, ..)| id).collect::<HashSet<_>>().len(), 10_000);
    let exposures: Vec<_> = positions.iter().map(|(.., exposure)| *exposure).collect();
    let (priced, unpriced) = exposures.split_at(9_000);
    assert!(priced.iter().all(Option::is_some));
    assert!(priced.is_sorted_by(|a, b| a >= b), "the greatest exposure first");
    assert!(unpriced.iter().all(Option::is_none), "what has no exposure comes last");
}

#[tokio::test]
async fn a_tag_is_one_whatever_its_case_in_every_alphabet() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("ΟΔΟΣ").await;
    let rows =
        "AAPL,1,10,2024-01-02,\"ΣΟΦΟΣ,σοφοσ,STRASSE\"\nMSFT,1,10,2024-01-02,\"σοφος,Straße\"\n";
    assert_eq!(ada.appends(&book, rows).await["createdCount"], 2);
    let seen = ada
        .reads(
            "{ viewer {
                tags { name positionCount }
                portfolio(name: \"οδοσ\") {
                    positions(filter: { tags: [\"ΣΟΦΟΣ\", \"strasse\"], tagMode: ALL }) { totalCount }
                }
            } }",
            json!({}),
        )
        .await;
    assert_eq!(
        seen["viewer"]["tags"],
        json!([
            { "name": "STRASSE", "positionCount": 2 },
            { "name": "ΣΟΦΟΣ", "positionCount": 2 },
        ])
    );
    assert_eq!(seen["viewer"]["portfolio"]["positions"]["totalCount"], 2);
}

#[tokio::test]
async fn a_file_without_a_good_row_leaves_the_portfolio_as_it_was() {
    const UPDATED: &str = "query($id: ID!) { portfolio(id: $id) { updatedAt } }";
    let app = App::start().at("2024-07-01T14:00:00Z").await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let before = ada.reads(UPDATED, json!({ "id": book })).await;

    let app = app.restart().at("2024-07-01T14:05:00Z").await;
    let ada = ada.before(&app);
    assert_eq!(ada.appends(&book, "AAPL,0,10,2024-01-02,\n").await["createdCount"], 0);
    assert_eq!(ada.reads(UPDATED, json!({ "id": book })).await, before);
    assert_eq!(ada.appends(&book, "AAPL,1,10,2024-01-02,\n").await["createdCount"], 1);
    assert_ne!(ada.reads(UPDATED, json!({ "id": book })).await, before);
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let app = App::start().at("2024-07-01T14:00:00Z").await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let key = || json!({ "idempotencyKey": "monthly" });
    let file = |symbol: &str| format!("{HEADER}\n{symbol},1,10,2024-01-02,\n");
    ada.uploads_with(&book, file("AAPL"), key()).await;
    let said = ada.uploads_with(&book, file("MSFT"), key()).await;
    assert_eq!(crate::support::user_codes(&said), ["CONFLICT"]);

    let app = app.restart().at("2024-07-02T14:00:01Z").await;
    let ada = Person::signs_in(&app, "ada").await;
    let said = ada.uploads_with(&book, file("MSFT"), key()).await;
    assert_eq!(said["createdCount"], 1, "{said}");
    assert_eq!(ada.holds(&book).await, ["AAPL", "MSFT"]);
}

#[tokio::test]
async fn a_portfolio_holds_ten_thousand_open_positions_and_no_more() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = numbered(0..10_000, |n| format!("T{n:05},1,10,2024-01-02,\n"));
    assert_eq!(ada.appends(&book, &rows).await["createdCount"], 10_000);
    let one_more = ada.appends(&book, "AAPL,1,10,2024-01-02,\n").await;
    assert_eq!(user_codes(&one_more), ["LIMIT_EXCEEDED"], "{one_more}");
    let file = format!("{HEADER}\nAAPL,1,10,2024-01-02,\n");
    let swapped = ada.uploads_with(&book, file, json!({ "mode": "REPLACE" })).await;
    assert_eq!(swapped["createdCount"], 1);
}

#[tokio::test]
async fn findings_cost_as_many_as_there_may_be() {
    let app = App::start().at(NOW).await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let wide = numbered(0..40, |n| format!("a{n}: message "));
    let query = format!(
        "mutation($input: UploadPositionsInput!) {{ uploadPositions(input: $input) {{ rows {{ {wide} }} }} }}"
    );
    let input = json!({ "portfolioId": book, "csv": "x", "dryRun": true });
    let answer = ada.asks(&query, json!({ "input": input })).await;
    assert_eq!(crate::support::codes(&answer), ["QUERY_TOO_COMPLEX"]);
}
