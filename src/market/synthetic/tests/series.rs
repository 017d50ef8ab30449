//! Bars: the same always and everywhere, of good form, and moving as prices do.

use super::*;

#[test]
fn a_bar_is_the_same_on_every_machine() {
    let pinned = [
        ("AAPL", date(2024, 1, 17), "2024-01-17 214.45 215.53 212.94 213.12 16735673"),
        ("TSLA", date(2008, 10, 10), "2008-10-10 48.03 48.72 47.14 47.18 83229627"),
        ("SPY", date(2025, 6, 2), "2025-06-02 500.95 503.66 498.42 501.00 6323062"),
        ("TLT", date(2012, 3, 1), "2012-03-01 112.96 113.63 112.41 113.10 19792361"),
        ("FCNTX", date(2023, 12, 15), "2023-12-15 14.59 14.59 14.59 14.59 0"),
        ("QWERTY", date(2026, 3, 2), "2026-03-02 52.99 53.98 52.58 53.11 1484766"),
        ("VIX", date(2020, 3, 16), "2020-03-16 16.59 16.93 16.30 16.72 0"),
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
    for symbol in ["AAPL", "VIX", "QWERTY", "^GSPC", "WMT", "TLT", "VTIAX"] {
        let all = all_bars(symbol);
        for (from, to) in ranges {
            let mut part = all.clone();
            part.retain(|bar| (from..=to).contains(&bar.date));
            assert!(!part.is_empty());
            let alone = bars(symbol, &calendar, from, to);
            assert_eq!(alone, part, "{symbol} from {from} to {to}");
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
    let others = ["VIX", "ABC", "ZZZZZZ", "A", "^N225", "ABCDX"];
    for symbol in known_symbols().chain(others) {
        let kind = kind(symbol);
        for bar in all_bars(symbol) {
            assert!(bar.low > Decimal::ZERO, "{symbol} {bar:?}");
            assert!(bar.low <= bar.open && bar.open <= bar.high, "{symbol} {bar:?}");
            assert!(bar.low <= bar.close && bar.close <= bar.high, "{symbol} {bar:?}");
            let is_traded = matches!(kind, Kind::Stock | Kind::Etf);
            assert_eq!(bar.volume > 0, is_traded, "{symbol} {bar:?}");
            if kind == Kind::MutualFund {
                assert_eq!([bar.open, bar.high, bar.low], [bar.close; 3], "{symbol}");
            }
        }
    }
}

#[test]
fn the_anchor_session_closes_at_the_anchor() {
    for symbol in known_symbols() {
        let bars = bars(symbol, &Calendar::default(), ANCHOR, ANCHOR);
        assert_eq!(closes(&bars), [Profile::of(symbol).anchor], "{symbol}");
    }
}

/// Each entry of the demo is near the close it is said to have been made at.
#[test]
fn the_demo_entered_near_these_closes() {
    let demo = include_str!("../../../../seeds/demo_portfolios.csv");
    for row in demo.lines().skip(1) {
        let fields: Vec<_> = row.split(',').collect();
        let (symbol, entry, entered, sector) = (fields[1], fields[3], fields[4], fields[7]);
        let Ok(entered) = entered.parse::<NaiveDate>() else { continue };
        let calendar = Calendar::default();
        let session = calendar.session_on_or_before(entered);
        let close = float(bars(symbol, &calendar, session, session)[0].close);
        let ratio = close / entry.parse::<f64>().expect("a number");
        assert!((0.7..1.4).contains(&ratio), "{symbol} on {session}: {close} for {entry}");
        assert!(splits(symbol, &calendar, date(2023, 11, 1), LAST).is_empty(), "{symbol}");
        let known = betas(symbol).and_then(|betas| betas.sector);
        assert_eq!(known.map_or("", |(sector, _)| sector.name()), sector, "{symbol}");
        assert!(Profile::of(symbol).is_known, "{symbol}");
    }
}

/// Turbulence lasts, so that 21 years leave a deviation of 7 % to chance.
#[test]
fn returns_have_the_volatility_they_were_made_with() {
    for symbol in ["SPY", "TSLA", "BND", "GLD", "VIX", "JNJ", "QWERTY", "TLT", "XLE"] {
        let realized = annualized_volatility(&all_returns(symbol));
        let ratio = realized / volatility(symbol);
        assert!((0.85..1.15).contains(&ratio), "{symbol}: {realized}");
    }
}

#[test]
fn the_own_parts_of_two_symbols_have_nothing_in_common() {
    let market = all_returns("SPY");
    let own = |symbol: &str| -> Vec<f64> {
        let beta = market_beta(symbol);
        all_returns(symbol).iter().zip(&market).map(|(own, market)| own - beta * market).collect()
    };
    // Beside the market they follow no factor together.
    let correlation = correlation(&own("USO"), &own("UNG"));
    assert!(correlation.abs() < 0.05, "{correlation}");
}

/// An autocorrelation of 5,400 independent sizes would have a standard error of 0.014.
#[test]
fn volatility_comes_in_clusters() {
    for symbol in ["SPY", "TSLA", "TLT", "QWERTY", "GLD"] {
        let sizes: Vec<_> = all_returns(symbol).iter().map(|r| r.abs()).collect();
        for lag in [1, 5, 20] {
            let autocorrelation = correlation(&sizes[..sizes.len() - lag], &sizes[lag..]);
            assert!(autocorrelation > 0.06, "{symbol} after {lag}: {autocorrelation}");
        }
        let returns = all_returns(symbol);
        let direction = correlation(&returns[..returns.len() - 1], &returns[1..]);
        assert!(direction.abs() < 0.06, "{symbol}: {direction}");
    }
}

#[test]
fn a_monday_moves_no_more_than_another_day() {
    let bars = all_bars("SPY");
    let moves = all_returns("SPY");
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
    let levels = closes(&vix);
    assert!(levels.iter().all(|level| (5.0..90.0).contains(level)));
    assert!((14.0..21.0).contains(&mean(&levels)));
    assert!(correlation(&all_returns("VIX"), &all_returns("SPY")) < -0.5);
    assert!(vix == all_bars("^VIX"));
}

#[test]
fn the_vix_is_high_where_the_market_is_rough() {
    let levels = closes(&all_bars("VIX"));
    let sizes: Vec<_> = all_returns("SPY").iter().map(|r| r.abs()).collect();
    // Twenty sessions each, side by side.
    let levels: Vec<_> = levels[1..].chunks_exact(20).map(mean).collect();
    let sizes: Vec<_> = sizes.chunks_exact(20).map(mean).collect();
    assert!(correlation(&levels, &sizes) > 0.5);
}

#[test]
fn what_has_no_price_has_no_bars() {
    let calendar = Calendar::default();
    let week = (date(2024, 1, 8), date(2024, 1, 12));
    for symbol in ["", "^", "aapl", "AAPL240119C00150000", "A B", "TOOLONGNAME", "Ä"] {
        assert_eq!(bars(symbol, &calendar, week.0, week.1), [], "{symbol}");
        assert_eq!(dividends(symbol, &calendar, week.0, week.1), [], "{symbol}");
    }
    assert_eq!(bars("AAPL", &calendar, week.1, week.0), [], "crossed dates");
    assert_eq!(bars("AAPL", &calendar, date(1990, 1, 1), date(2004, 12, 31)), []);
    assert_eq!(bars("AAPL", &calendar, date(2051, 1, 1), NaiveDate::MAX), []);
    let few = bars("AAPL", &calendar, NaiveDate::MIN, FIRST);
    assert_eq!(few.len(), 1);
}
