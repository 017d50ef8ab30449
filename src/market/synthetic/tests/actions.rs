//! Splits and dividends: in the bars, and nowhere in the total returns.

use super::*;

const END: NaiveDate = date(2026, 6, 30);

/// A stock no table names, with a split within the years asked for.
fn unknown_with_split() -> (String, Split) {
    let mut names = ('A'..='Z').flat_map(|a| ('A'..='Z').map(move |b| format!("{a}Q{b}Z")));
    let calendar = Calendar::default();
    names
        .find_map(|name| Some((name.clone(), splits(&name, &calendar, FIRST, END).pop()?)))
        .expect("one of many")
}

#[test]
fn splits_and_dividends_fall_on_sessions_whatever_the_range() {
    let calendar = Calendar::default();
    let (unknown, _) = unknown_with_split();
    let symbols: Vec<&str> = known_symbols().chain(["QWERTY"]).collect();
    for symbol in symbols.into_iter().chain([unknown.as_str()]) {
        let splits = splits(symbol, &calendar, FIRST, LAST);
        assert!(splits.iter().all(|split| calendar.is_session(split.date)), "{symbol}");
        assert!(splits.is_sorted_by_key(|split| split.date));
        let all = dividends(symbol, &calendar, FIRST, END);
        assert!(all.iter().all(|dividend| calendar.is_session(dividend.ex_date)), "{symbol}");
        assert!(all.iter().all(|dividend| dividend.pay_date > Some(dividend.ex_date)));
        let year = (date(2019, 1, 1), date(2019, 12, 31));
        let mut of_year = all;
        of_year.retain(|dividend| (year.0..=year.1).contains(&dividend.ex_date));
        assert_eq!(dividends(symbol, &calendar, year.0, year.1), of_year, "{symbol}");
        let payments = match Profile::of(symbol) {
            Profile { kind: Kind::Index, .. } => 0,
            profile if profile.dividend_yield > 0.0 => profile.dividends_per_year as usize,
            _ => 0,
        };
        assert_eq!(of_year.len(), payments, "{symbol}");
    }
}

#[test]
fn a_dividend_is_the_share_of_the_price_that_the_yield_promises() {
    for symbol in ["XOM", "KO", "TLT", "SPY", "O"] {
        let calendar = Calendar::default();
        let year = (date(2023, 1, 1), date(2023, 12, 31));
        let paid: Decimal =
            dividends(symbol, &calendar, year.0, year.1).iter().map(|d| d.amount).sum();
        let price = mean(&closes(&bars(symbol, &calendar, year.0, year.1)));
        let ratio = float(paid) / price / dividend_yield(symbol);
        assert!((0.9..1.1).contains(&ratio), "{symbol}: {ratio}");
    }
}

#[test]
fn a_split_shows_in_the_bars_and_not_in_adjusted_ones() {
    let calendar = Calendar::default();
    let (unknown, split) = unknown_with_split();
    let known = [("AAPL", date(2020, 8, 31)), ("GE", date(2021, 8, 2)), ("WMT", date(2024, 2, 26))];
    for (symbol, day) in known.into_iter().chain([(unknown.as_str(), split.date)]) {
        let split = &splits(symbol, &calendar, day, day)[0];
        let bars = bars(symbol, &calendar, calendar.previous_session(day), day);
        let [before, after] = &bars[..] else { panic!("two bars of {symbol}") };
        let jump = float(before.close) / float(after.close);
        let ratio = float(split.to / split.from);
        // A day's move beside it; the volume counts the new shares.
        assert!((0.75..1.3).contains(&(jump / ratio)), "{symbol}: {jump} for {ratio}");
        let volumes = [after.volume, before.volume].map(Decimal::from);
        assert!((0.3..4.0).contains(&(float(volumes[0] / volumes[1]) / ratio)), "{symbol}");
    }
}

/// What is left on such a day is a day's move, like any other: of 84 days or more, the mean
/// size has a standard error below a tenth and the mean is within three of its own.
#[test]
fn total_returns_do_not_jump_on_days_of_dividends_and_splits() {
    let calendar = Calendar::default();
    for symbol in ["XOM", "T", "TLT", "SPY", "HYG", "O", "MO"] {
        let bars = all_bars(symbol);
        let returns = all_returns(symbol);
        let ex_dates: Vec<_> =
            dividends(symbol, &calendar, FIRST, END).into_iter().map(|d| d.ex_date).collect();
        let (on, off): (Vec<_>, Vec<_>) =
            bars[1..].iter().zip(&returns).partition(|(bar, _)| ex_dates.contains(&bar.date));
        let [on, off] = [on, off].map(|days| days.into_iter().map(|(_, r)| *r).collect::<Vec<_>>());
        assert!(on.len() > 80, "{symbol}: {}", on.len());
        let volatility = covariance(&off, &off).sqrt();
        let distance = (mean(&on) - mean(&off)) / volatility;
        assert!(distance.abs() < 3.0 / 80_f64.sqrt(), "{symbol}: {distance}");
        let ratio = covariance(&on, &on).sqrt() / volatility;
        assert!((0.7..1.4).contains(&ratio), "{symbol}: {ratio}");
    }
    for symbol in ["AAPL", "TSLA", "V", "GE", "NVDA", "NFLX", "BRK.B", "WMT"] {
        let deviation = volatility(symbol) / SESSIONS_PER_YEAR.sqrt();
        for split in splits(symbol, &calendar, FIRST, END) {
            let from = calendar.previous_session(split.date);
            let [jump] = total_returns(symbol, from, split.date)[..] else { panic!("one return") };
            assert!(jump.abs() < 5.0 * deviation, "{symbol} on {}: {jump}", split.date);
        }
    }
}

#[test]
fn splits_are_rare() {
    let calendar = Calendar::default();
    let names = ('A'..='Z').flat_map(|a| ('A'..='T').map(move |b| format!("{a}{b}QZ")));
    let count: usize = names.map(|name| splits(&name, &calendar, FIRST, END).len()).sum();
    // 520 stocks over 20.5 years, one in thirty: 355, with a deviation of 19.
    assert!((290..420).contains(&count), "{count}");
    for none in ["ABCDX", "^N225", "SPXW", "AAPL240119C00150000", "aapl"] {
        assert_eq!(splits(none, &calendar, FIRST, LAST), [], "{none}");
    }
}
