//! Symbols against the recorded cases, and what holds for every symbol.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn option(text: &str) -> OccSymbol {
    OccSymbol::parse(text).unwrap()
}

#[test]
fn every_recorded_option_symbol_reads_as_recorded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/occ_symbols.json");
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(recorded["header"]["cases"], cases.len());

    for case in cases {
        let id = &case["id"];
        let parsed = OccSymbol::parse(case["input"].as_str().unwrap());
        let expect = &case["expect"];
        if expect.is_null() {
            assert_eq!(parsed.unwrap_err().code(), case["expect_error"], "{id}");
            continue;
        }
        let symbol = parsed.unwrap();
        let kind = match symbol.kind() {
            OptionKind::Call => "call",
            OptionKind::Put => "put",
        };
        assert_eq!(symbol.root(), expect["root"], "{id}");
        assert_eq!(symbol.underlying(), expect["underlying"], "{id}");
        assert_eq!(symbol.expiry().to_string(), expect["expiry"], "{id}");
        assert_eq!(kind, expect["type"], "{id}");
        assert_eq!(symbol.strike().to_string(), expect["strike"], "{id}");
        assert_eq!(symbol.is_adjusted(), expect["adjusted"], "{id}");
        assert_eq!(symbol.compact(), expect["compact"], "{id}");
        assert_eq!(symbol.padded(), expect["padded21"], "{id}");
    }
}

#[test]
fn what_cannot_be_written_as_a_symbol_cannot_be_made() {
    let new = |root: &str, year: i32, strike: &str| {
        let expiry = NaiveDate::from_ymd_opt(year, 1, 19).unwrap();
        OccSymbol::new(root, expiry, OptionKind::Call, strike.parse().unwrap())
    };
    assert_eq!(new("AAPL", 2024, "150.00").unwrap(), option("AAPL240119C00150000"));
    assert_eq!(new("AAPL", 2024, "99999.999").unwrap(), option("AAPL240119C99999999"));
    for (root, year, strike, reason) in [
        ("AAPL", 1999, "150", OccError::BadDate),
        ("AAPL", 2100, "150", OccError::BadDate),
        ("AAPL", 2024, "0", OccError::BadStrike),
        ("AAPL", 2024, "-1", OccError::BadStrike),
        ("AAPL", 2024, "100000", OccError::BadStrike),
        ("AAPL", 2024, "0.0005", OccError::BadStrike),
        ("AAPL", 2024, "150.00000000000000000000000001", OccError::BadStrike),
        ("AAPL", 2024, "79228162514264337593543950335", OccError::BadStrike),
        ("", 2024, "150", OccError::BadRoot),
        ("aapl", 2024, "150", OccError::BadRoot),
        ("AAPL20", 2024, "150", OccError::BadRoot),
        ("BRK.B", 2024, "150", OccError::BadRoot),
    ] {
        assert_eq!(new(root, year, strike), Err(reason), "{root} {year} {strike}");
    }
}

#[test]
fn options_on_indices_are_european_and_the_others_american() {
    for (symbol, style) in [
        ("AAPL240119C00150000", ExerciseStyle::American),
        ("SPY240119C00450000", ExerciseStyle::American),
        ("OEX240119C02200000", ExerciseStyle::American),
        ("XEO240119C02200000", ExerciseStyle::European),
        ("SPX240119C04500000", ExerciseStyle::European),
        ("SPXW240119P04500000", ExerciseStyle::European),
        ("VIX240214C00013500", ExerciseStyle::European),
    ] {
        assert_eq!(option(symbol).exercise_style(), style, "{symbol}");
    }
}

#[test]
fn a_contract_ends_at_four_in_the_afternoon_in_new_york() {
    let winter = option("AAPL240119C00150000").expires_at();
    let summer = option("AAPL240719C00150000").expires_at();
    assert_eq!(winter.to_rfc3339(), "2024-01-19T21:00:00+00:00");
    assert_eq!(summer.to_rfc3339(), "2024-07-19T20:00:00+00:00");
}

#[test]
fn tickers_are_letters_and_digits_with_a_class_at_most() {
    for ticker in ["A", "AAPL", "GOOGL", "BRK.B", "BRK-B", "A12345", "ABCDEF.WS"] {
        assert!(is_ticker(ticker), "{ticker}");
    }
    for text in [
        "", "aapl", "1A", "ABCDEFG", "BRK.", ".B", "BRK.ABC", "BRK.1", "BRK.B.C", "BRK/B", "A B",
        "ÄPL", "BRK.Ä", "^GSPC",
    ] {
        assert!(!is_ticker(text), "{text}");
    }
}

#[test]
fn a_symbol_is_a_ticker_or_an_option_by_its_length() {
    assert_eq!(Symbol::parse(" brk.b "), Ok(Symbol::Ticker("BRK.B".to_owned())));
    let padded = Symbol::parse("spxw  240119p04500000").unwrap();
    assert_eq!(padded.canonical(), "SPXW240119P04500000");

    assert_eq!(Symbol::parse(""), Err(SymbolError::Ticker));
    assert_eq!(Symbol::parse("TOOLONG"), Err(SymbolError::Ticker));
    assert_eq!(Symbol::parse("240119C0015000"), Err(SymbolError::Ticker), "14 characters");
    assert_eq!(Symbol::parse("240119C00150000"), Err(SymbolError::Option(OccError::BadLength)));
    assert_eq!(
        Symbol::parse("ABCDEFGHIJKLMNOPQRSTU"),
        Err(SymbolError::Option(OccError::BadType)),
        "21 characters"
    );
    assert_eq!(Symbol::parse("ABCDEFGHIJKLMNOPQRSTUV"), Err(SymbolError::Ticker), "22 characters");
    assert_eq!(Symbol::parse("ÄPL240119C00150000"), Err(SymbolError::Option(OccError::NonAscii)));
}

#[test]
fn prices_are_filed_under_canonical_symbols_and_indices() {
    for symbol in ["AAPL", "BRK.B", "AAPL240119C00150000", "^GSPC", "^IXIC", "^SP500.45"] {
        assert!(is_price_symbol(symbol), "{symbol}");
    }
    for text in ["", "aapl", " AAPL", "AAPL  240119C00150000", "^", "^gspc", "^ABCDEFGHIJK", "GS^"]
    {
        assert!(!is_price_symbol(text), "{text}");
    }
}

proptest! {
    #[test]
    fn a_contract_is_read_back_from_both_of_its_forms(
        root in "[A-Z][A-Z0-9]{0,5}",
        day in 0..36_525_u64,
        is_call: bool,
        thousandths in 1..=99_999_999_i64,
    ) {
        prop_assume!(is_root(&root));
        let expiry = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::Days::new(day);
        let kind = if is_call { OptionKind::Call } else { OptionKind::Put };
        let symbol = OccSymbol::new(&root, expiry, kind, Decimal::new(thousandths, 3)).unwrap();

        prop_assert_eq!(symbol.padded().len(), 21);
        prop_assert_eq!(OccSymbol::parse(&symbol.padded()), Ok(symbol.clone()));
        prop_assert_eq!(OccSymbol::parse(&symbol.compact().to_lowercase()), Ok(symbol.clone()));
        prop_assert_eq!(symbol.strike(), Decimal::new(thousandths, 3));
        prop_assert!(!symbol.underlying().is_empty());
    }

    #[test]
    fn the_canonical_form_of_a_symbol_is_its_own(text in "[ -~]{0,24}|[A-Za-z0-9.-]{1,9}") {
        if let Ok(symbol) = Symbol::parse(&text) {
            prop_assert_eq!(Symbol::parse(&symbol.canonical()), Ok(symbol));
        }
    }

    #[test]
    fn no_text_makes_a_symbol_panic(text: String) {
        let _ = (Symbol::parse(&text), OccSymbol::parse(&text), is_price_symbol(&text));
    }
}

#[test]
fn a_whole_split_divides_the_strike_where_it_comes_out_even() {
    let after = |symbol: &str, to: i64, from: i64| {
        let ratio = Ratio::new(to.into(), from.into()).unwrap();
        option(symbol).after_split(ratio).map(|contract| contract.compact())
    };
    let divided = after("AAPL240119C00150000", 4, 1);
    assert_eq!(divided.as_deref(), Some("AAPL240119C00037500"));
    assert_eq!(after("AAPL240119C00150001", 4, 1), None, "finer than a thousandth");
    assert_eq!(after("AAPL240119C00150000", 3, 2), None);
    assert_eq!(after("AAPL240119C00150000", 1, 10), None);
    assert_eq!(after("AAPL1240119C00150000", 4, 1), None, "it was adjusted before");
}
