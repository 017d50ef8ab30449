//! When shares split and when dividends are due.
//!
//! The days are found from the symbol alone: nothing here needs a price. Symbols of the demo do
//! not split after November 2023, when its first position was entered.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::draws::{Draws, key};
use super::profile::{Kind, Profile};
use super::{ANCHOR, FIRST, LAST, canonical, date};
use crate::domain::calendar::Calendar;
use crate::domain::instrument::is_ticker;
use crate::market::provider::Split;

/// Symbol, first day in new shares, how many of them, for how many old ones. They did happen;
/// those are left out that would take simulated prices too far from what people remember.
const SPLITS: [(&str, NaiveDate, u8, u8); 14] = [
    ("AAPL", date(2020, 8, 31), 4, 1),
    ("AMZN", date(2022, 6, 6), 20, 1),
    ("AVGO", date(2024, 7, 15), 10, 1),
    ("BRK.B", date(2010, 1, 21), 50, 1),
    ("GE", date(2021, 8, 2), 1, 8),
    ("GME", date(2022, 7, 22), 4, 1),
    ("GOOG", date(2022, 7, 18), 20, 1),
    ("GOOGL", date(2022, 7, 18), 20, 1),
    ("KO", date(2012, 8, 13), 2, 1),
    ("NFLX", date(2015, 7, 15), 7, 1),
    ("NVDA", date(2021, 7, 20), 4, 1),
    ("TSLA", date(2022, 8, 25), 3, 1),
    ("V", date(2015, 3, 19), 4, 1),
    ("WMT", date(2024, 2, 26), 3, 1),
];

/// The splits of a symbol from one date to another, both included, ascending.
///
/// A stock that no table names splits once in thirty years, on average.
pub fn splits(symbol: &str, calendar: &Calendar, from: NaiveDate, to: NaiveDate) -> Vec<Split> {
    if !is_ticker(symbol) {
        return Vec::new();
    }
    let symbol = canonical(symbol);
    let profile = Profile::of(symbol);
    let splits: Vec<_> = if profile.is_known {
        let of_symbol = SPLITS.iter().filter(|(name, ..)| *name == symbol);
        of_symbol.map(|&(_, date, new, old)| (date, new, old)).collect()
    } else if profile.kind == Kind::Stock {
        let key = key(&["split", symbol]);
        (FIRST.year() + 1..=LAST.year()).filter_map(|year| drawn_split(key, year)).collect()
    } else {
        Vec::new()
    };
    splits
        .into_iter()
        .map(|(date, new, old)| Split {
            date: calendar.session_on_or_after(date),
            from: Decimal::from(old),
            to: Decimal::from(new),
        })
        .filter(|split| (from.max(FIRST)..=to.min(LAST)).contains(&split.date))
        .collect()
}

/// The split of a year, if there is one, on some day from February to November.
fn drawn_split(key: u64, year: i32) -> Option<(NaiveDate, u8, u8)> {
    let mut draws = Draws::of(key, year);
    if draws.uniform() * 30.0 >= 1.0 {
        return None;
    }
    let (new, old) = match draws.uniform() {
        ..0.5 => (2, 1),
        ..0.7 => (3, 1),
        ..0.8 => (3, 2),
        ..0.9 => (4, 1),
        _ => (1, 5),
    };
    let (month, day) = (2.0 + 10.0 * draws.uniform(), 1.0 + 28.0 * draws.uniform());
    Some((NaiveDate::from_ymd_opt(year, whole(month), whole(day))?, new, old))
}

/// Shares of a session for one share of the anchor session.
pub fn shares(splits: &[Split], session: NaiveDate) -> f64 {
    let ratio = |split: &Split| (split.to / split.from).to_f64().unwrap_or(1.0);
    splits.iter().fold(1.0, |shares, split| match (split.date <= ANCHOR, split.date <= session) {
        (true, false) => shares / ratio(split),
        (false, true) => shares * ratio(split),
        _ => shares,
    })
}

/// The sessions between two dates that trade without a dividend for the first time, ascending.
///
/// They fall on about the same day of each quarter, or of each month.
pub fn ex_dates(
    symbol: &str,
    profile: &Profile,
    calendar: &Calendar,
    from: NaiveDate,
    to: NaiveDate,
) -> Vec<NaiveDate> {
    let payments = profile.dividends_per_year;
    if payments == 0 || profile.dividend_yield <= 0.0 {
        return Vec::new();
    }
    let mut draws = Draws::of(key(&["dividend", symbol]), 0);
    let apart = 12 / payments;
    let first = whole(f64::from(apart) * draws.uniform());
    // Late enough for a session before it in its month, early enough for one after.
    let day = 5 + whole(20.0 * draws.uniform());
    let due = move |year| {
        let months = (first..12).step_by(apart as usize);
        months.filter_map(move |month0| NaiveDate::from_ymd_opt(year, month0 + 1, day))
    };
    (from.year()..=to.year())
        .flat_map(due)
        .map(|day| calendar.session_on_or_after(day))
        .filter(|day| (from..=to).contains(day))
        .collect()
}

fn whole(number: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 365")]
    let whole = number as u32;
    whole
}
