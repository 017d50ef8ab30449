use super::*;

use proptest::prelude::*;
use serde_json::Value;

fn reference_date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 6, 28).expect("a date")
}

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/csv_uploads/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("a fixture")
}

fn expected() -> Value {
    serde_json::from_slice(&fixture("expected.json")).expect("JSON")
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn row_number(value: &Value) -> Option<u32> {
    value.as_u64().map(|row| u32::try_from(row).expect("a row number"))
}

/// Row, line, column and code of an error.
type ErrorKey = (Option<u32>, Option<u32>, Option<String>, String);

fn error_keys(verdict: &Verdict) -> Vec<ErrorKey> {
    let key = |error: &RowError| {
        (
            error.row,
            error.line,
            error.column.as_deref().map(str::to_owned),
            error.code.code().to_owned(),
        )
    };
    verdict.errors.iter().map(key).collect()
}

fn expected_error_keys(case: &Value) -> Vec<ErrorKey> {
    let key = |error: &Value| {
        let code = text(&error["code"]).expect("a code");
        (row_number(&error["row"]), row_number(&error["line"]), text(&error["column"]), code)
    };
    case["errors"].as_array().expect("errors").iter().map(key).collect()
}

fn warning_keys(verdict: &Verdict) -> Vec<(Option<u32>, Option<String>, String)> {
    let key = |warning: &RowWarning| {
        (warning.row, warning.column.clone(), warning.code.code().to_owned())
    };
    let mut keys: Vec<_> = verdict.warnings.iter().map(key).collect();
    keys.sort();
    keys
}

fn expected_warning_keys(case: &Value) -> Vec<(Option<u32>, Option<String>, String)> {
    let key = |warning: &Value| {
        let code = text(&warning["code"]).expect("a code");
        (row_number(&warning["row"]), text(&warning["column"]), code)
    };
    let mut keys: Vec<_> = case["warnings"].as_array().expect("warnings").iter().map(key).collect();
    keys.sort();
    keys
}

/// A position in words, its numbers without trailing zeros.
fn in_words(row: u64, words: [&str; 5], tags: &[String]) -> String {
    let [ticker, position_type, quantity, entry_price, entry_date] = words;
    let plain = |number: &str| number.parse::<Decimal>().expect("a number").normalize();
    let (quantity, entry_price) = (plain(quantity), plain(entry_price));
    format!("{row} {ticker} {position_type} {quantity} {entry_price} {entry_date} {tags:?}")
}

fn positions(verdict: &Verdict) -> Vec<String> {
    let words = |row: &AcceptedRow| {
        let words = [
            &row.symbol.canonical(),
            row.position_type.code(),
            &row.quantity.to_string(),
            &row.entry_price.to_string(),
            &row.entry_date.to_string(),
        ];
        in_words(row.row.into(), words, &row.tags)
    };
    verdict.rows.iter().map(words).collect()
}

fn expected_positions(case: &Value) -> Vec<String> {
    let words = |position: &Value| {
        let words = ["ticker", "type", "quantity", "entry_price", "entry_date"]
            .map(|key| position[key].as_str().expect("a text"));
        let tags = position["tags"].as_array().expect("tags").iter().filter_map(text);
        in_words(position["row"].as_u64().expect("a row"), words, &tags.collect::<Vec<_>>())
    };
    case["positions"].as_array().expect("positions").iter().map(words).collect()
}

#[test]
fn every_example_is_judged_as_declared() {
    let expected = expected();
    let files = expected["files"].as_array().expect("files");
    assert_eq!(files.len(), 33);

    for case in files {
        let name = case["file"].as_str().expect("a name");
        let verdict = judge(&fixture(name), reference_date());

        assert_eq!(error_keys(&verdict), expected_error_keys(case), "{name}");
        assert_eq!(warning_keys(&verdict), expected_warning_keys(case), "{name}");
        assert_eq!(positions(&verdict), expected_positions(case), "{name}");
        assert_eq!(case["created"], verdict.rows.len(), "{name}");
        assert_eq!(case["rejected_rows"], verdict.rejected_rows, "{name}");
    }
}

/// Builds a large file from its description.
fn build(case: &Value) -> String {
    let count = case["n"].as_u64().expect("a count");
    let row = |number: u64| {
        let third = case["template_third"].as_str().filter(|_| number.is_multiple_of(3));
        let template = third.or(case["template"].as_str()).expect("a template");
        template.replace("{i:05d}", &format!("{number:05}")) + "\n"
    };
    let header = case["header"].as_str().expect("a header").to_owned() + "\n";
    let tail_line = case["tail_line"].as_str().unwrap_or_default().to_owned() + "\n";
    let tail_count = usize::try_from(case["tail_n"].as_u64().unwrap_or(0)).expect("a count");
    header + &(1..=count).map(row).collect::<String>() + &tail_line.repeat(tail_count)
}

#[test]
fn every_large_example_is_judged_as_declared() {
    let expected = expected();
    let cases = expected["generated"].as_array().expect("generated");
    assert_eq!(cases.len(), 5);

    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let file = build(case);
        assert_eq!(case["bytes"], file.len(), "{name}");
        let verdict = judge(file.as_bytes(), reference_date());

        let expect = &case["expect"];
        assert_eq!(expect["created"], verdict.rows.len(), "{name}");
        if let Some(count) = expect["error_count"].as_u64() {
            assert_eq!(count, verdict.errors.len() as u64, "{name}");
            for (key, error) in
                [("first_error", verdict.errors.first()), ("last_error", verdict.errors.last())]
            {
                let error = error.expect("an error");
                assert_eq!(expect[key]["row"], error.row.expect("a row"), "{name}");
                assert_eq!(
                    expect[key]["column"],
                    error.column.as_deref().expect("a column"),
                    "{name}"
                );
                assert_eq!(expect[key]["code"], error.code.code(), "{name}");
            }
        } else {
            assert_eq!(error_keys(&verdict), expected_error_keys(expect), "{name}");
        }
    }
}

/// The verdict on one row.
fn judge_row(row: &str) -> Verdict {
    let file = format!("ticker,quantity,entry_price,entry_date,tags,position_type\n{row}\n");
    judge(file.as_bytes(), reference_date())
}

fn codes_of(row: &str) -> Vec<&'static str> {
    judge_row(row).errors.iter().map(|error| error.code.code()).collect()
}

#[test]
fn a_position_has_at_most_twenty_tags_and_repetitions_do_not_count() {
    let tags: Vec<_> = (1..=21).map(|number| format!("t{number}")).collect();
    let row = |tags: &[String]| format!("AAPL,1,1,2023-03-15,\"{}\"", tags.join(","));
    assert_eq!(codes_of(&row(&tags)), ["TOO_MANY_TAGS"]);
    assert_eq!(judge_row(&row(&tags[1..])).rows[0].tags, tags[1..]);
    assert_eq!(codes_of(&row(&[&tags[1..], &["T2".to_owned()]].concat())), [""; 0]);
}

#[test]
fn what_makes_a_tag_wrong_is_told_before_how_many_there_are() {
    let many: Vec<_> = (1..=30).map(|number| format!("t{number}")).collect();
    let many = many.join(",");
    let codes = |last: &str| codes_of(&format!("AAPL,1,1,2023-03-15,\"{many},{last}\""));
    assert_eq!(codes("=1"), ["FORMULA_INJECTION"]);
    assert_eq!(codes(&"x".repeat(51)), ["TAG_TOO_LONG"]);
    for control in ['\u{7}', '\u{9d}'] {
        let tags = format!("{},=1,{control}", "x".repeat(51));
        assert_eq!(codes(&tags), ["INVALID_CHARACTER"], "{control:?}");
    }
}

#[test]
fn a_number_with_more_digits_than_are_stored_is_refused() {
    assert_eq!(codes_of("AAPL,0.12345678901,1,2023-03-15,"), ["OUT_OF_RANGE"]);
    assert_eq!(codes_of("AAPL,0.1234567890000,1,2023-03-15,"), [""; 0]);
}

#[test]
fn a_type_is_compared_only_where_one_can_be_derived() {
    assert_eq!(codes_of("AAPL,x,1,2023-03-15,,SHORT"), ["INVALID_NUMBER"]);
    assert_eq!(
        codes_of("AAPL,1,x,2023-03-15,,SHORT"),
        ["INVALID_NUMBER", "POSITION_TYPE_MISMATCH"]
    );
}

#[test]
fn five_years_before_a_leap_day_end_on_the_28th() {
    let leap_day = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a date");
    let file = "ticker,quantity,entry_price,entry_date\nAAPL,1,1,2019-02-28\nAAPL,1,1,2019-02-27";
    let verdict = judge(file.as_bytes(), leap_day);
    assert_eq!(verdict.rows.len(), 1);
    assert_eq!(verdict.errors[0].code, UploadErrorCode::DateTooOld);
}

#[test]
fn no_reference_date_is_a_panic() {
    let file = b"ticker,quantity,entry_price,entry_date\nAAPL,1,1,2019-02-28";
    assert_eq!(judge(file, NaiveDate::MIN).rejected_rows, 1);
    assert_eq!(judge(file, NaiveDate::MAX).rejected_rows, 1);
}

#[test]
fn a_long_cell_is_repeated_only_in_part() {
    let verdict = judge_row(&format!("{},1,1,2023-03-15,", "ä".repeat(5_000)));
    assert_eq!(verdict.errors[0].value.as_deref(), Some("ä".repeat(100).as_str()));
}

/// A row that is valid, its quantity signed as in a file.
fn valid_row() -> impl Strategy<Value = AcceptedRow> {
    let symbol = prop_oneof![
        "[A-Z][A-Z0-9]{0,5}([.-][A-Z]{1,2})?",
        "[A-Z]{1,6}(19|2[0-9])(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[CP][0-9]{7}[1-9]",
    ];
    let quantity = (1_i64..=1_000_000_000_000_000, 6_u32..=10, any::<bool>());
    let price = (1_i64..=1_000_000_000_000_000, 6_u32..=10);
    let tags = prop::collection::btree_set("[a-z#:\"<é漢][a-z =+@\"é漢-]{0,20}[a-z]", 0..=20);
    (symbol, quantity, price, 0_u64..1_800, tags).prop_map(
        |(symbol, quantity, price, age, tags)| {
            let symbol = Symbol::parse(&symbol).expect("a symbol");
            let (quantity, scale, is_long) = quantity;
            let mut names: Vec<String> = Vec::new();
            for tag in tags {
                let name = tag.split_whitespace().collect::<Vec<_>>().join(" ");
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            AcceptedRow {
                row: 2,
                line: 2,
                position_type: PositionType::of(option_kind(&symbol), is_long),
                symbol,
                quantity: Decimal::new(quantity, scale),
                entry_price: Decimal::new(price.0, price.1),
                entry_date: reference_date() - chrono::Days::new(age),
                tags: names,
            }
        },
    )
}

/// The row as a file of its own.
fn written(row: &AcceptedRow) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(LAYOUT.columns).expect("a header");
    writer
        .write_record([
            row.symbol.canonical(),
            (row.quantity * row.position_type.sign()).to_string(),
            row.entry_price.to_string(),
            row.entry_date.to_string(),
            row.tags.join(","),
            row.position_type.code().to_lowercase(),
        ])
        .expect("a record");
    writer.into_inner().expect("a file")
}

proptest! {
    #[test]
    fn a_valid_row_is_read_as_it_was_written(row in valid_row()) {
        let verdict = judge(&written(&row), reference_date());
        prop_assert_eq!(&verdict.errors, &[]);
        prop_assert_eq!(verdict.rows, [row]);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes: Vec<u8>) {
        let _ = judge(&bytes, reference_date());
    }

    #[test]
    fn each_row_is_accepted_or_rejected(rows in "([-+=@$()A-D0-2.\"é]{0,3}[,\n]){0,60}") {
        let verdict = judge_row(&rows);
        let mut bad: Vec<_> = verdict.errors.iter().map(|error| error.row).collect();
        bad.dedup();
        if bad != [None] {
            prop_assert_eq!(bad.len(), verdict.rejected_rows);
            prop_assert!(verdict.rows.iter().all(|row| !bad.contains(&Some(row.row))));
        }
    }
}
