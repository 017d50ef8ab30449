//! NYSE sessions (XNYS): which days trade, from when to when.
//!
//! Holidays and regular early closes follow from rules; what no rule foretells (storms,
//! mournings) is a table, `BUILT_IN`, and more can be added when the program starts.
//!
//! - A date is a day in New York. A session trades from 09:30 to 16:00 there, until 13:00
//!   on an early close; instants are UTC, and the opening one is inside, the closing one not.
//! - Right from 1998 to 2030, but for closings announced later than this table. Other years
//!   follow the same rules without their history.
//! - Halts, outages and late openings are not here: such a day keeps its scheduled hours.
//! - Nothing panics at the ends of what chrono can represent: a search that runs off the end
//!   answers with the date it started from.

use std::collections::BTreeMap;
use std::iter::successors;

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::America::New_York;

const OPEN: NaiveTime = time(9, 30);
const CLOSE: NaiveTime = time(16, 0);
const EARLY_CLOSE: NaiveTime = time(13, 0);

/// The first year of the holiday of 19 June on the exchange.
const FIRST_JUNETEENTH: i32 = 2022;

/// Days the rules get wrong: date, why, and when they close if they open at all.
const BUILT_IN: [(NaiveDate, &str, Option<NaiveTime>); 14] = [
    (date(1999, 12, 31), "New Year's Eve 1999", Some(EARLY_CLOSE)),
    (date(2001, 9, 11), "September 11 attacks", None),
    (date(2001, 9, 12), "September 11 attacks", None),
    (date(2001, 9, 13), "September 11 attacks", None),
    (date(2001, 9, 14), "September 11 attacks", None),
    // Until 2012 a Wednesday before Independence Day was whole, the Friday after it short.
    (date(2002, 7, 3), "Day before Independence Day", Some(CLOSE)),
    (date(2002, 7, 5), "Day after Independence Day", Some(EARLY_CLOSE)),
    (date(2003, 12, 26), "Day after Christmas", Some(EARLY_CLOSE)),
    (date(2004, 6, 11), "Day of Mourning for Ronald Reagan", None),
    (date(2007, 1, 2), "Day of Mourning for Gerald Ford", None),
    (date(2012, 10, 29), "Hurricane Sandy", None),
    (date(2012, 10, 30), "Hurricane Sandy", None),
    (date(2018, 12, 5), "Day of Mourning for George H. W. Bush", None),
    (date(2025, 1, 9), "Day of Mourning for Jimmy Carter", None),
];

/// A closing that no rule foretells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The day in New York. Weekends and holidays stay closed whatever is said here.
    pub date: NaiveDate,
    /// Why, in words for a person.
    pub name: String,
    /// When trading ends, New York time: `None` is closed all day, and so is 09:30 or before;
    /// 16:00 or later is a whole session, which overrules an early close.
    pub closes_at: Option<NaiveTime>,
}

/// One calendar day as the exchange keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradingDay {
    pub date: NaiveDate,
    /// The first instant of trading; `None` on a closed day.
    pub open: Option<DateTime<Utc>>,
    /// The first instant after trading; `None` on a closed day.
    pub close: Option<DateTime<Utc>>,
    pub is_early_close: bool,
    /// What closes a weekday; `None` on sessions, short ones too, and on weekends.
    pub holiday: Option<String>,
}

impl TradingDay {
    /// Whether the day is a session, short or whole.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// The sessions of the exchange. `Default` knows the built-in closings and no others.
#[derive(Clone, Debug)]
pub struct Calendar {
    closings: BTreeMap<NaiveDate, Closing>,
}

/// What a day's hours are, before they are instants.
enum Hours<'a> {
    Weekend,
    Closed { holiday: &'a str },
    Open { until: NaiveTime },
}

impl Default for Calendar {
    fn default() -> Self {
        Self::with_closings([])
    }
}

impl Calendar {
    /// The built-in closings and these. For one date the last said wins.
    pub fn with_closings(closings: impl IntoIterator<Item = Closing>) -> Self {
        let built_in = BUILT_IN.into_iter().map(|(date, name, closes_at)| Closing {
            date,
            name: name.to_owned(),
            closes_at,
        });
        let closings = built_in.chain(closings).map(|closing| (closing.date, closing)).collect();
        Self { closings }
    }

    /// Whether the exchange trades that day, short or whole.
    pub fn is_session(&self, date: NaiveDate) -> bool {
        matches!(self.hours(date), Hours::Open { .. })
    }

    /// The day with its hours, or what closes it.
    pub fn day(&self, date: NaiveDate) -> TradingDay {
        let closed =
            TradingDay { date, open: None, close: None, is_early_close: false, holiday: None };
        match self.hours(date) {
            Hours::Weekend => closed,
            Hours::Closed { holiday } => TradingDay { holiday: Some(holiday.to_owned()), ..closed },
            Hours::Open { until } => TradingDay {
                open: Some(new_york_instant(date, OPEN)),
                close: Some(new_york_instant(date, until)),
                is_early_close: until < CLOSE,
                ..closed
            },
        }
    }

    /// The date itself if it is a session, else the nearest one before.
    pub fn session_on_or_before(&self, date: NaiveDate) -> NaiveDate {
        self.backward_from(date).next().unwrap_or(date)
    }

    /// The date itself if it is a session, else the nearest one after.
    pub fn session_on_or_after(&self, date: NaiveDate) -> NaiveDate {
        self.forward_from(date).next().unwrap_or(date)
    }

    /// The nearest session strictly before.
    pub fn previous_session(&self, date: NaiveDate) -> NaiveDate {
        self.backward_from(date).find(|&session| session < date).unwrap_or(date)
    }

    /// The nearest session strictly after.
    pub fn next_session(&self, date: NaiveDate) -> NaiveDate {
        self.forward_from(date).find(|&session| session > date).unwrap_or(date)
    }

    /// The session `n` sessions before [`session_on_or_before`](Self::session_on_or_before).
    ///
    /// Walks day by day, so `n` is for windows of some years, not for numbers from outside.
    pub fn sessions_before(&self, date: NaiveDate, n: u32) -> NaiveDate {
        self.backward_from(date).nth(n as usize).unwrap_or(date)
    }

    /// The sessions from one date to another, both included, ascending; none if they are crossed.
    pub fn sessions(&self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        self.forward_from(from).take_while(move |&session| session <= to)
    }

    /// Whether the exchange trades at that instant: open ≤ instant < close.
    pub fn is_open_at(&self, instant: DateTime<Utc>) -> bool {
        let day = self.day(new_york_date(instant));
        match (day.open, day.close) {
            (Some(open), Some(close)) => open <= instant && instant < close,
            _ => false,
        }
    }

    /// The newest session that has closed, at `now` or before: the one whose prices are final.
    pub fn last_completed_session(&self, now: DateTime<Utc>) -> NaiveDate {
        let today = new_york_date(now);
        match self.day(today).close {
            Some(close) if close <= now => today,
            _ => self.previous_session(today),
        }
    }

    /// Whether the bar of a session is final at `now`: the trades that are reported late, and those
    /// of the closing auction, are in it a quarter of an hour after the close.
    pub fn is_settled(&self, session: NaiveDate, now: DateTime<Utc>) -> bool {
        const GRACE: TimeDelta = TimeDelta::minutes(15);
        self.day(session).close.is_none_or(|close| now - close >= GRACE)
    }

    fn hours(&self, date: NaiveDate) -> Hours<'_> {
        if matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
            return Hours::Weekend;
        }
        if let Some(holiday) = holiday(date) {
            return Hours::Closed { holiday };
        }
        match self.closings.get(&date) {
            Some(Closing { closes_at: Some(until), .. }) if *until > OPEN => {
                Hours::Open { until: CLOSE.min(*until) }
            }
            Some(closing) => Hours::Closed { holiday: &closing.name },
            None if closes_early(date) => Hours::Open { until: EARLY_CLOSE },
            None => Hours::Open { until: CLOSE },
        }
    }

    /// Sessions from the date on; the closings are finite, so the next is never far.
    fn forward_from(&self, date: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        successors(Some(date), NaiveDate::succ_opt).filter(|&day| self.is_session(day))
    }

    /// Sessions from the date back into the past.
    fn backward_from(&self, date: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        successors(Some(date), NaiveDate::pred_opt).filter(|&day| self.is_session(day))
    }
}

/// The date on a wall calendar in New York.
pub fn new_york_date(now: DateTime<Utc>) -> NaiveDate {
    let utc = now.naive_utc();
    let offset = New_York.offset_from_utc_datetime(&utc).fix();
    // Only the first hours that chrono can represent have no New York time: they keep their date.
    utc.checked_add_offset(offset).unwrap_or(utc).date()
}

/// 16:00 in New York on that date, a session or not.
pub fn regular_close(date: NaiveDate) -> DateTime<Utc> {
    new_york_instant(date, CLOSE)
}

/// A New York wall time as an instant.
fn new_york_instant(date: NaiveDate, at: NaiveTime) -> DateTime<Utc> {
    let local = date.and_time(at);
    // Every local time between 09:30 and 16:00 exists, as clocks there change at 02:00: the
    // fallback only spares a proof to the compiler.
    New_York.from_local_datetime(&local).earliest().map_or(local.and_utc(), |at| at.to_utc())
}

/// The holiday by rule that closes this weekday.
///
/// One that falls on a Sunday is kept on Monday, one on a Saturday on Friday; only New Year's
/// Day of a Saturday is not kept, as the Friday ends the old year's books.
///
/// Source: New York Stock Exchange, Rule 7.2 (Holidays).
fn holiday(date: NaiveDate) -> Option<&'static str> {
    let (day, weekday) = (date.day(), date.weekday());
    let is_nth = |n: u32, wanted: Weekday| weekday == wanted && day.div_ceil(7) == n;
    let is_kept_for = |fixed: u32| match weekday {
        Weekday::Mon => day == fixed || day == fixed + 1,
        Weekday::Fri => day == fixed || day + 1 == fixed,
        _ => day == fixed,
    };

    match date.month() {
        1 if day == 1 || (day == 2 && weekday == Weekday::Mon) => Some("New Year's Day"),
        1 if is_nth(3, Weekday::Mon) => Some("Martin Luther King Jr. Day"),
        2 if is_nth(3, Weekday::Mon) => Some("Washington's Birthday"),
        3 | 4 if is_good_friday(date) => Some("Good Friday"),
        5 if weekday == Weekday::Mon && day + 7 > 31 => Some("Memorial Day"),
        6 if is_kept_for(19) && date.year() >= FIRST_JUNETEENTH => {
            Some("Juneteenth National Independence Day")
        }
        7 if is_kept_for(4) => Some("Independence Day"),
        9 if is_nth(1, Weekday::Mon) => Some("Labor Day"),
        11 if is_nth(4, Weekday::Thu) => Some("Thanksgiving Day"),
        12 if is_kept_for(25) => Some("Christmas Day"),
        _ => None,
    }
}

/// Whether a session by rule ends at 13:00: before Independence Day and Christmas, and after
/// Thanksgiving. Where such an eve is itself kept as the holiday it never gets here.
fn closes_early(date: NaiveDate) -> bool {
    match (date.month(), date.day()) {
        (7, 3) | (12, 24) => true,
        (11, 23..=29) => date.weekday() == Weekday::Fri,
        _ => false,
    }
}

/// Whether the date is two days before the western Easter.
///
/// Source: the anonymous Gregorian computus (Butcher 1876), in Meeus (1991), Astronomical
/// Algorithms, ch. 8; its letters are kept.
#[expect(clippy::many_single_char_names, reason = "the letters of the source")]
fn is_good_friday(date: NaiveDate) -> bool {
    let year = date.year();
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b.div_euclid(4), b.rem_euclid(4));
    let f = (b + 8).div_euclid(25);
    let g = (b - f + 1).div_euclid(3);
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    // Days from 22 March, the earliest Easter.
    let days = h + l - 7 * m;

    let first = NaiveDate::from_ymd_opt(year, 3, 22);
    let easter = u64::try_from(days).ok().and_then(|days| first?.checked_add_days(Days::new(days)));
    easter.is_some() && easter == date.checked_add_days(Days::new(2))
}

/// A date of the tables above; a wrong one does not compile.
const fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day that exists")
}

/// A time of the tables above; a wrong one does not compile.
const fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).expect("a time that exists")
}

#[cfg(test)]
mod tests;
