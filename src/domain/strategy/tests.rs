use rust_decimal::Decimal;

use super::{Kind, Leg, Terms, recognize};
use crate::domain::instrument::Symbol;

/// Legs as `quantity symbol`, separated by commas.
fn legs(text: &str) -> Vec<Leg> {
    let leg = |text: &str| {
        let (quantity, symbol) = text.trim().split_once(' ').expect("a quantity and a symbol");
        let quantity: Decimal = quantity.parse().expect("a number");
        match Symbol::parse(symbol).expect("a symbol") {
            Symbol::Ticker(ticker) => {
                Leg { underlying: ticker.clone(), option: None, multiplier: Decimal::ONE, quantity }
            }
            Symbol::Option(contract) => Leg {
                underlying: contract.underlying().to_owned(),
                option: Some(Terms {
                    expiry: contract.expiry(),
                    strike: contract.strike().normalize(),
                    is_call: contract.kind() == crate::domain::instrument::OptionKind::Call,
                }),
                multiplier: Decimal::ONE_HUNDRED,
                quantity,
            },
        }
    };
    text.split(',').map(leg).collect()
}

/// Options on X: the month and kind, and the strike.
fn x(text: &str) -> String {
    let option = |word: &str| {
        let (quantity, name) = word.split_once(' ').expect("a quantity and a name");
        if let Some(ticker) = name.strip_prefix('#') {
            return format!("{quantity} {ticker}");
        }
        let (month, rest) = name.split_at(2);
        let (kind, strike) = rest.split_at(1);
        let strike: u32 = strike.parse().expect("a strike");
        format!("{quantity} X26{month}20{kind}{:08}", strike * 1000)
    };
    text.split(',').map(|word| option(word.trim())).collect::<Vec<_>>().join(",")
}

#[test]
fn every_trade_is_called_by_its_name() {
    let cases = [
        ("1 03C100, -1 03C110", "VERTICAL", "Bull call vertical on X: strike 100/110"),
        ("-2 03C100, 2 03C110", "VERTICAL", "Bear call vertical"),
        ("1 03P100, -1 03P110", "VERTICAL", "Bull put vertical"),
        ("-1 03P100, 1 03P110", "VERTICAL", "Bear put vertical"),
        ("1 03C100, 1 03P100", "STRADDLE", "Long straddle on X: strike 100, expiry 2026-03-20."),
        ("-3 03C100, -3 03P100", "STRADDLE", "Short straddle"),
        ("1 03C110, 1 03P90", "STRANGLE", "Long strangle"),
        ("-1 03C110, -1 03P90", "STRANGLE", "Short strangle"),
        ("-1 03C100, 1 06C100", "CALENDAR", "Long call calendar"),
        ("1 03P100, -1 06P100", "CALENDAR", "Short put calendar"),
        ("-1 03C100, 1 06C110", "DIAGONAL", "Long call diagonal"),
        ("1 03C90, -2 03C100, 1 03C110", "BUTTERFLY", "Long call butterfly"),
        ("-1 03P90, 2 03P100, -1 03P110", "BUTTERFLY", "Short put butterfly"),
        ("1 03P90, -1 03P100, -1 03C100, 1 03C110", "IRON_BUTTERFLY", "Short iron butterfly"),
        ("1 03P80, -1 03P90, -1 03C110, 1 03C120", "IRON_CONDOR", "Short iron condor"),
        ("-1 03P80, 1 03P90, 1 03C110, -1 03C120", "IRON_CONDOR", "Long iron condor"),
        ("1 03C80, -1 03C90, -1 03C110, 1 03C120", "CONDOR", "Long call condor"),
        ("100 #X, -1 03C110", "COVERED_CALL", "Covered call on X: strike 110"),
        ("250 #X, -2 03C110", "COVERED_CALL", "Covered call"),
        ("100 #X, 1 03P90", "PROTECTIVE_PUT", "Protective put"),
        ("100 #X, 1 03P90, -1 03C110", "COLLAR", "Collar on X: strike 90/110"),
        ("60 #X, 40 #X, -1 03C110", "COVERED_CALL", "Covered call"),
        ("50 #KO, -30 #PEP", "PAIRS_TRADE", "Pairs trade: KO owned against PEP owed."),
    ];
    for (text, code, beginning) in cases {
        let mut legs = legs(&x(text));
        for _ in 0..legs.len() {
            // Whichever comes first.
            legs.rotate_left(1);
            let shape = recognize(legs.clone()).unwrap_or_else(|| panic!("{text} is nothing"));
            assert_eq!(shape.kind.code(), code, "{text}");
            assert!(shape.description.starts_with(beginning), "{}", shape.description);
        }
    }
}

#[test]
fn what_has_no_name_gets_none() {
    let cases = [
        "1 03C100",
        "100 #X",
        "1 03C100, -2 03C110",          // unequal
        "1 03C100, 1 03C110",           // both bought
        "1 03C90, 1 03P110",            // the call below the put
        "1 03C100, -1 03P100",          // a synthetic share
        "99 #X, -1 03C110",             // not covered
        "-100 #X, -1 03C110",           // short shares cover nothing
        "100 #X, 1 03P110, -1 03C90",   // crossed
        "100 #X, 1 03P90, -1 06C110",   // of two months
        "1 03C90, -1 03C100, 1 03C110", // a body of one
        "1 03P80, -1 03P90, -1 03C110, 2 03C120",
        "1 03P80, -1 03C90, -1 03P110, 1 03C120",
        "50 #KO, 30 #PEP",
        "50 #KO, -30 #PEP, -20 #X",
        "1 03C100, -1 03C100", // nothing is left
        "50 #KO, -1 03C110",
    ];
    for text in cases {
        assert_eq!(recognize(legs(&x(text))), None, "{text}");
    }
    assert_eq!(recognize([]), None);
    assert_eq!(Kind::IronCondor.words(), "iron condor");
}
