use proptest::prelude::*;

use super::*;

/// The bars of all sessions from the first to the middle of 2026.
fn all_bars(symbol: &str) -> Vec<SyntheticBar> {
    bars(symbol, &Calendar::default(), FIRST, date(2026, 6, 30))
}

fn closes(bars: &[SyntheticBar]) -> Vec<f64> {
    bars.iter().map(|bar| bar.close.to_f64().expect("a float")).collect()
}

fn simple_returns(bars: &[SyntheticBar]) -> Vec<f64> {
    closes(bars).windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand returns")]
fn mean(numbers: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = numbers.len() as f64;
    numbers.sum::<f64>() / count
}

fn covariance(one: &[f64], other: &[f64]) -> f64 {
    let (mean_one, mean_other) = (mean(one.iter().copied()), mean(other.iter().copied()));
    mean(one.iter().zip(other).map(|(x, y)| (x - mean_one) * (y - mean_other)))
}

fn annualized_volatility(returns: &[f64]) -> f64 {
    (covariance(returns, returns) * SESSIONS_PER_YEAR).sqrt()
}

#[test]
fn a_bar_is_the_same_on_every_machine() {
    let pinned = [
        ("AAPL", date(2024, 1, 17), "2024-01-17 223.55 224.66 223.19 223.37 8163889"),
        ("TSLA", date(2008, 10, 10), "2008-10-10 5.73 6.06 5.72 5.89 722331048"),
        ("QWERTY", date(2026, 3, 2), "2026-03-02 126.90 128.52 126.10 126.88 553017"),
        ("VIX", date(2020, 3, 16), "2020-03-16 16.32 17.10 15.88 16.78 0"),
    ];
    for (symbol, session, expected) in pinned {
        let bars = bars(symbol, &Calendar::default(), session, session);
        let [SyntheticBar { date, open, high, low, close, volume }] = &bars[..] else {
            panic!("one bar of {symbol}, not {}", bars.len());
        };
        assert_eq!(format!("{date} {open} {high} {low} {close} {volume}"), expected, "{symbol}");
    }
}

#[test]
fn a_bar_does_not_depend_on_the_range_asked_for() {
    let calendar = Calendar::default();
    let ranges = [
        (date(2005, 1, 1), date(2005, 2, 1)),
        (date(2019, 3, 1), date(2019, 3, 1)),
        (date(2023, 12, 20), date(2024, 2, 1)),
        (ANCHOR, ANCHOR),
        (date(2026, 1, 1), date(2026, 6, 30)),
    ];
    for symbol in ["AAPL", "VIX", "QWERTY", "^GSPC"] {
        let all = all_bars(symbol);
        for (from, to) in ranges {
            let mut part = all.clone();
            part.retain(|bar| (from..=to).contains(&bar.date));
            assert!(!part.is_empty());
            assert_eq!(bars(symbol, &calendar, from, to), part, "{symbol} from {from} to {to}");
        }
    }
}

#[test]
fn there_is_one_bar_for_each_session() {
    let calendar = Calendar::default();
    let sessions = calendar.sessions(FIRST, date(2026, 6, 30));
    assert!(all_bars("MSFT").iter().map(|bar| bar.date).eq(sessions));
}

#[test]
fn every_bar_is_positive_and_holds_its_open_and_close() {
    let known = profile::KNOWN.iter().map(|(symbol, ..)| *symbol);
    for symbol in known.chain(["VIX", "ABC", "ZZZZZZ", "A", "^N225"]) {
        for bar in all_bars(symbol) {
            assert!(bar.low > Decimal::ZERO, "{symbol} {bar:?}");
            assert!(bar.low <= bar.open && bar.open <= bar.high, "{symbol} {bar:?}");
            assert!(bar.low <= bar.close && bar.close <= bar.high, "{symbol} {bar:?}");
            assert_eq!(bar.volume == 0, symbol == "VIX", "{symbol} {bar:?}");
        }
    }
}

#[test]
fn the_anchor_session_closes_at_the_anchor() {
    for &(symbol, anchor, ..) in &profile::KNOWN {
        let bars = bars(symbol, &Calendar::default(), ANCHOR, ANCHOR);
        assert_eq!(closes(&bars), [anchor], "{symbol}");
    }
}

#[test]
fn returns_have_the_volatility_they_were_made_with() {
    for symbol in ["SPY", "TSLA", "BND", "GLD", "VIX", "JNJ", "QWERTY"] {
        let realized = annualized_volatility(&simple_returns(&all_bars(symbol)));
        let ratio = realized / volatility(symbol);
        assert!((0.9..1.1).contains(&ratio), "{symbol}: {realized}");
    }
}

#[test]
fn a_regression_on_the_market_finds_the_beta() {
    let market = simple_returns(&all_bars("SPY"));
    for symbol in ["AAPL", "NVDA", "JNJ", "USMV", "IEF", "QWERTY"] {
        let returns = simple_returns(&all_bars(symbol));
        let beta = covariance(&returns, &market) / covariance(&market, &market);
        assert!((beta - market_beta(symbol)).abs() < 0.1, "{symbol}: {beta}");
    }
}

#[test]
fn the_own_parts_of_two_symbols_have_nothing_in_common() {
    let market = simple_returns(&all_bars("SPY"));
    let own = |symbol: &str| -> Vec<f64> {
        let beta = market_beta(symbol);
        let returns = simple_returns(&all_bars(symbol));
        returns.iter().zip(&market).map(|(own, market)| own - beta * market).collect()
    };
    let (one, other) = (own("AAPL"), own("MSFT"));
    let correlation =
        covariance(&one, &other) / (covariance(&one, &one) * covariance(&other, &other)).sqrt();
    assert!(correlation.abs() < 0.05, "{correlation}");
}

#[test]
fn volatility_comes_in_clusters() {
    let sizes: Vec<_> = simple_returns(&all_bars("SPY")).iter().map(|r| r.abs()).collect();
    let (today, tomorrow) = (&sizes[..sizes.len() - 1], &sizes[1..]);
    let autocorrelation = covariance(today, tomorrow) / covariance(&sizes, &sizes);
    assert!(autocorrelation > 0.05, "{autocorrelation}");
}

#[test]
fn a_monday_moves_no_more_than_another_day() {
    let bars = all_bars("SPY");
    let moves = simple_returns(&bars);
    let volatility = |is_monday: bool| {
        let of_that_day = bars[1..]
            .iter()
            .zip(&moves)
            .filter(|(bar, _)| (bar.date.weekday() == chrono::Weekday::Mon) == is_monday);
        annualized_volatility(&of_that_day.map(|(_, r)| *r).collect::<Vec<_>>())
    };
    let ratio = volatility(true) / volatility(false);
    assert!((0.85..1.15).contains(&ratio), "{ratio}");
}

#[test]
fn the_vix_stays_around_its_mean_and_against_the_market() {
    let vix = all_bars("VIX");
    assert!(closes(&vix).into_iter().all(|level| (5.0..60.0).contains(&level)));
    assert!((14.0..20.0).contains(&mean(closes(&vix).into_iter())));
    assert!(covariance(&simple_returns(&vix), &simple_returns(&all_bars("SPY"))) < 0.0);
    assert!(vix == all_bars("^VIX"));
}

#[test]
fn what_has_no_price_has_no_bars() {
    let calendar = Calendar::default();
    let week = (date(2024, 1, 8), date(2024, 1, 12));
    for symbol in ["", "^", "aapl", "AAPL240119C00150000", "A B", "TOOLONGNAME", "Ä"] {
        assert_eq!(bars(symbol, &calendar, week.0, week.1), [], "{symbol}");
    }
    assert_eq!(bars("AAPL", &calendar, week.1, week.0), [], "crossed dates");
    assert_eq!(bars("AAPL", &calendar, date(1990, 1, 1), date(2004, 12, 31)), []);
    assert_eq!(bars("AAPL", &calendar, date(2051, 1, 1), NaiveDate::MAX), []);
    let few = bars("AAPL", &calendar, NaiveDate::MIN, FIRST);
    assert_eq!(few.len(), 1);
}

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

proptest! {
    #[test]
    fn premiums_leave_nothing_to_arbitrage(
        spot in 500..100_000_i64, strike in 500..100_000_i64, days in 1..800_u64,
    ) {
        let (spot, strike) = (Decimal::new(spot, 2), Decimal::new(strike, 2));
        let expiry = SESSION + chrono::Days::new(days);
        let premium = |root: &str, kind| -> f64 {
            let premium = option_close(&contract(root, expiry, kind, strike), spot, SESSION);
            premium.and_then(|premium| premium.to_f64()).expect("a premium")
        };
        let years = f64::from(u32::try_from(days).expect("days")) / 365.0;
        let spot_value = spot.to_f64().expect("a float");
        let strike_value = strike.to_f64().expect("a float") * (-RATE * years).exp();

        let (call, put) = (premium("SPX", OptionKind::Call), premium("SPX", OptionKind::Put));
        prop_assert!(call >= spot_value - strike_value - 0.006 && call <= spot_value.max(TICK));
        prop_assert!(put >= strike_value - spot_value - 0.006 && put <= strike_value.max(TICK));
        // Either is rounded by half a cent, or lifted by less than one to the least quote.
        let parity = spot_value - strike_value;
        prop_assert!((call - put - parity).abs() < 0.0151, "{} {} {}", call, put, parity);

        let (call, put) = (premium("AAPL", OptionKind::Call), premium("AAPL", OptionKind::Put));
        let intrinsic = (spot - strike).to_f64().expect("a float");
        prop_assert!(call >= intrinsic - 1e-9 && put >= -intrinsic - 1e-9);
    }

    #[test]
    fn a_higher_strike_makes_a_call_cheaper_and_a_put_dearer(
        strike in 1_000..100_000_i64, step in 50..5_000_i64, days in 1..800_u64,
    ) {
        let expiry = SESSION + chrono::Days::new(days);
        let premium = |kind, strike| {
            let contract = contract("TSLA", expiry, kind, Decimal::new(strike, 2));
            option_close(&contract, Decimal::from(255), SESSION).expect("a premium")
        };
        let (below, above) = (strike, strike + step);
        prop_assert!(premium(OptionKind::Call, below) >= premium(OptionKind::Call, above));
        prop_assert!(premium(OptionKind::Put, below) <= premium(OptionKind::Put, above));
    }
}
