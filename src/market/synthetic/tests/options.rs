//! Options: nothing to arbitrage, and chains that agree with single premiums.

use proptest::prelude::*;

use super::*;
use crate::domain::instrument::{ExerciseStyle, OccSymbol, OptionKind};
use crate::market::provider::Span;

fn contract(root: &str, expiry: NaiveDate, kind: OptionKind, strike: Decimal) -> OccSymbol {
    OccSymbol::new(root, expiry, kind, strike).expect("a contract")
}

const SESSION: NaiveDate = date(2024, 1, 16);
const EXPIRY: NaiveDate = date(2024, 6, 21);

#[test]
fn an_option_is_worth_its_intrinsic_value_at_expiry_and_nothing_is_known_after() {
    let spot = Decimal::new(22_512, 2);
    let call = contract("AAPL", EXPIRY, OptionKind::Call, Decimal::from(220));
    let put = contract("AAPL", EXPIRY, OptionKind::Put, Decimal::from(220));
    assert_eq!(option_close(&call, spot, EXPIRY), Some(Decimal::new(512, 2)));
    assert_eq!(option_close(&put, spot, EXPIRY), Some(Decimal::ZERO));
    assert_eq!(option_close(&call, spot, date(2024, 6, 24)), None);
}

#[test]
fn an_option_far_from_the_money_costs_a_cent_while_it_lives() {
    let call = contract("BND", EXPIRY, OptionKind::Call, Decimal::from(900));
    assert_eq!(option_close(&call, Decimal::from(77), date(2024, 6, 20)), Some(Decimal::new(1, 2)));
}

#[test]
fn a_close_of_no_sense_prices_nothing() {
    let call = contract("AAPL", EXPIRY, OptionKind::Call, Decimal::from(220));
    for close in [Decimal::ZERO, Decimal::NEGATIVE_ONE, Decimal::MAX, Decimal::MIN] {
        assert_eq!(option_close(&call, close, SESSION), None);
        assert_eq!(option_close(&call, close, EXPIRY), None);
    }
    assert_eq!(option_close(&call, Decimal::ONE_HUNDRED, NaiveDate::MAX), None);
    assert!(option_close(&call, Decimal::ONE_HUNDRED, NaiveDate::MIN).is_some());
}

/// A year of contracts on a symbol, and the close they are quoted from.
fn chain(symbol: &str, session: NaiveDate) -> (Decimal, Vec<SyntheticQuote>) {
    let calendar = Calendar::default();
    let spot = bars(symbol, &calendar, session, session)[0].close;
    let year = Span { from: session, to: session + Days::new(366) };
    (spot, option_chain(symbol, spot, &calendar, session, year))
}

#[test]
fn a_quote_is_the_same_on_every_machine() {
    let (_, chain) = chain("AAPL", date(2024, 6, 28));
    let quote = &chain[chain.len() / 2];
    let SyntheticQuote { contract, bid, ask, mid, close, .. } = quote;
    assert_eq!(
        format!(
            "{} {bid} {ask} {mid} {close} {} {} {}",
            contract.compact(),
            quote.volume,
            quote.open_interest,
            quote.implied_volatility
        ),
        "AAPL241018P00220000 10.62 10.80 10.71 10.71 4283 11257 0.2557"
    );
}

#[test]
fn a_chain_agrees_with_single_premiums() {
    let calendar = Calendar::default();
    let session = date(2024, 6, 28);
    for symbol in ["AAPL", "F", "SPY", "VIX", "SPX", "QWERTY"] {
        let (spot, chain) = chain(symbol, session);
        assert!((100..3_000).contains(&chain.len()), "{symbol}: {}", chain.len());
        for quote in &chain {
            let contract = &quote.contract;
            assert_eq!(option_close(contract, spot, session), Some(quote.close));
            assert!(quote.bid <= quote.close && quote.close < quote.ask, "{quote:?}");
            assert!(
                quote.mid == (quote.bid + quote.ask) / Decimal::TWO && quote.mid >= quote.close
            );
            assert!(calendar.is_session(contract.expiry()) && contract.expiry() > session);
            assert!((Decimal::new(3, 2)..Decimal::TWO).contains(&quote.implied_volatility));
            assert!(quote.volume <= quote.open_interest, "{quote:?}");
            let intrinsic = match contract.kind() {
                OptionKind::Call => spot - contract.strike(),
                OptionKind::Put => contract.strike() - spot,
            };
            let may_exercise = contract.exercise_style() == ExerciseStyle::American;
            assert!(!may_exercise || quote.mid >= intrinsic, "{quote:?}");
        }
        let total: u64 = chain.iter().map(|quote| quote.open_interest).sum();
        assert!(total > 0, "{symbol}");
    }
}

#[test]
fn calls_and_puts_of_an_index_keep_parity_within_their_spreads() {
    let session = date(2024, 6, 28);
    let (spot, chain) = chain("SPX", session);
    let pairs: Vec<_> = chain.chunks_exact(2).collect();
    assert!(pairs.len() > 100);
    for pair in pairs {
        let [call, put] = pair else { panic!("two") };
        assert_eq!(call.contract.strike(), put.contract.strike());
        let days = (call.contract.expiry() - session).num_days();
        let years = f64::from(i32::try_from(days).expect("days")) / 365.0;
        let forward = float(spot) * (-dividend_yield("SPX") * years).exp()
            - float(call.contract.strike()) * (-risk_free_rate(session, years) * years).exp();
        let (lowest, highest) = (call.bid - put.ask, call.ask - put.bid);
        assert!(float(lowest) <= forward && forward <= float(highest), "{call:?} {put:?}");
    }
}

#[test]
fn a_chain_lists_weeks_months_and_januaries_under_their_roots() {
    let calendar = Calendar::default();
    let session = date(2024, 6, 28);
    let far = Span { from: session, to: date(2027, 1, 1) };
    let chain = option_chain("SPX", Decimal::from(5_300), &calendar, session, far);
    let expiries: std::collections::BTreeSet<_> =
        chain.iter().map(|q| (q.contract.expiry(), q.contract.root().to_owned())).collect();
    let listed: Vec<_> = expiries.iter().map(|(day, root)| format!("{day} {root}")).collect();
    assert_eq!(
        listed,
        [
            "2024-07-05 SPXW",
            "2024-07-12 SPXW",
            "2024-07-19 SPX",
            "2024-07-26 SPXW",
            "2024-08-02 SPXW",
            "2024-08-16 SPX",
            "2024-09-20 SPX",
            "2024-10-18 SPX",
            "2024-11-15 SPX",
            "2024-12-20 SPX",
            "2025-01-17 SPX",
            "2026-01-16 SPX",
        ]
    );
    let today = Span { from: session, to: session };
    let one = option_chain("SPX", Decimal::from(5_300), &calendar, session, today);
    assert_eq!(one, [], "nothing that ends today");
    for none in ["FCNTX", "BRK.B"] {
        assert_eq!(option_chain(none, Decimal::TEN, &calendar, session, far), [], "{none}");
    }
    assert_eq!(option_chain("SPX", Decimal::ZERO, &calendar, session, far), []);
}

#[test]
fn strikes_are_those_that_are_listed() {
    let strike = |wanted: &str| listed_strike(wanted.parse().expect("a number")).to_string();
    assert_eq!(strike("18.4"), "18");
    assert_eq!(strike("203.7"), "205");
    assert_eq!(strike("636.2"), "640");
    assert_eq!(strike("5312"), "5300");
    assert_eq!(strike("0.2"), "1");
}

proptest! {
    #[test]
    fn premiums_leave_nothing_to_arbitrage(
        spot in 500..100_000_i64, strike in 500..100_000_i64, days in 1..800_u64,
    ) {
        let (spot, strike) = (Decimal::new(spot, 2), Decimal::new(strike, 2));
        let expiry = SESSION + Days::new(days);
        let premium = |root: &str, kind| -> f64 {
            let premium = option_close(&contract(root, expiry, kind, strike), spot, SESSION);
            premium.map(float).expect("a premium")
        };
        let years = f64::from(u32::try_from(days).expect("days")) / 365.0;
        let spot_value = float(spot) * (-dividend_yield("SPX") * years).exp();
        let rate = risk_free_rate(SESSION, years);
        let strike_value = float(strike) * (-rate * years).exp();

        let (call, put) = (premium("SPX", OptionKind::Call), premium("SPX", OptionKind::Put));
        prop_assert!(call >= spot_value - strike_value - 0.006 && call <= spot_value.max(0.01) + 0.006);
        prop_assert!(put >= strike_value - spot_value - 0.006 && put <= strike_value.max(0.01) + 0.006);
        // Either is rounded by half a cent, or lifted by less than one to the least quote.
        let parity = spot_value - strike_value;
        prop_assert!((call - put - parity).abs() < 0.0151, "{} {} {}", call, put, parity);

        let (call, put) = (premium("AAPL", OptionKind::Call), premium("AAPL", OptionKind::Put));
        let intrinsic = float(spot - strike);
        prop_assert!(call >= intrinsic - 1e-9 && put >= -intrinsic - 1e-9);
    }

    #[test]
    fn a_higher_strike_makes_a_call_cheaper_and_a_put_dearer(
        strike in 1_000..100_000_i64, step in 50..5_000_i64, days in 1..800_u64,
    ) {
        let expiry = SESSION + Days::new(days);
        let premium = |kind, strike| {
            let contract = contract("TSLA", expiry, kind, Decimal::new(strike, 2));
            option_close(&contract, Decimal::from(255), SESSION).expect("a premium")
        };
        let (below, above) = (strike, strike + step);
        prop_assert!(premium(OptionKind::Call, below) >= premium(OptionKind::Call, above));
        prop_assert!(premium(OptionKind::Put, below) <= premium(OptionKind::Put, above));
    }
}
