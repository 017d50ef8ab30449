//! The calendar against recorded sessions, every day of 1998 to 2030.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// For the years that the recorded files do not cover: weekdays without a session, and sessions
/// that ended at 13:00, each as month and day.
///
/// Source: the exchange's history of holidays and special closings, and its rules for the years
/// to come; equal to the `XNYS` calendar of the Python package `exchange_calendars` 4.13.2.
#[rustfmt::skip]
const YEARS: [(i32, &str, &str); 21] = [
    (1998, "0101 0119 0216 0410 0525 0703 0907 1126 1225", "1127 1224"),
    (1999, "0101 0118 0215 0402 0531 0705 0906 1125 1224", "1126 1231"),
    (2000, "0117 0221 0421 0529 0704 0904 1123 1225", "0703 1124"),
    (2001, "0101 0115 0219 0413 0528 0704 0903 0911 0912 0913 0914 1122 1225", "0703 1123 1224"),
    (2002, "0101 0121 0218 0329 0527 0704 0902 1128 1225", "0705 1129 1224"),
    (2003, "0101 0120 0217 0418 0526 0704 0901 1127 1225", "0703 1128 1224 1226"),
    (2004, "0101 0119 0216 0409 0531 0611 0705 0906 1125 1224", "1126"),
    (2005, "0117 0221 0325 0530 0704 0905 1124 1226", "1125"),
    (2006, "0102 0116 0220 0414 0529 0704 0904 1123 1225", "0703 1124"),
    (2007, "0101 0102 0115 0219 0406 0528 0704 0903 1122 1225", "0703 1123 1224"),
    (2008, "0101 0121 0218 0321 0526 0704 0901 1127 1225", "0703 1128 1224"),
    (2009, "0101 0119 0216 0410 0525 0703 0907 1126 1225", "1127 1224"),
    (2010, "0101 0118 0215 0402 0531 0705 0906 1125 1224", "1126"),
    (2011, "0117 0221 0422 0530 0704 0905 1124 1226", "1125"),
    (2012, "0102 0116 0220 0406 0528 0704 0903 1029 1030 1122 1225", "0703 1123 1224"),
    (2013, "0101 0121 0218 0329 0527 0704 0902 1128 1225", "0703 1129 1224"),
    (2014, "0101 0120 0217 0418 0526 0704 0901 1127 1225", "0703 1128 1224"),
    (2027, "0101 0118 0215 0326 0531 0618 0705 0906 1125 1224", "1126"),
    (2028, "0117 0221 0414 0529 0619 0704 0904 1123 1225", "0703 1124"),
    (2029, "0101 0115 0219 0330 0528 0619 0704 0903 1122 1225", "0703 1123 1224"),
    (2030, "0101 0121 0218 0419 0527 0619 0704 0902 1128 1225", "0703 1129 1224"),];

#[derive(Deserialize)]
struct Session {
    date: NaiveDate,
    open_et: DateTime<Utc>,
    close_et: DateTime<Utc>,
    early_close: bool,
}

#[derive(Deserialize)]
struct ClosedWeekday {
    date: NaiveDate,
    kind: String,
    name: String,
}

#[derive(Deserialize)]
struct Questions {
    queries: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    date: NaiveDate,
    is_session: bool,
    session_on_or_before: NaiveDate,
    session_on_or_after: NaiveDate,
    previous_session_strictly_before: NaiveDate,
    next_session_strictly_after: NaiveDate,
    n: u32,
    n_sessions_before_session_on_or_before: NaiveDate,
    range_end: NaiveDate,
    sessions_in_range_inclusive: usize,
}

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn rows<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let text = fixture(name);
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

fn days_of(from: i32, to: i32) -> impl Iterator<Item = NaiveDate> {
    date(from, 1, 1).iter_days().take_while(move |day| day.year() <= to)
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn every_recorded_session_has_its_hours_and_no_other_day_trades() {
    let calendar = Calendar::default();
    let mut recorded: BTreeMap<_, _> =
        rows::<Session>("calendar_xnys.csv").into_iter().map(|row| (row.date, row)).collect();

    for date in days_of(2015, 2026) {
        let day = calendar.day(date);
        let row = recorded.remove(&date);
        assert_eq!(day.open, row.as_ref().map(|row| row.open_et), "{date}");
        assert_eq!(day.close, row.as_ref().map(|row| row.close_et), "{date}");
        assert_eq!(day.is_early_close, row.as_ref().is_some_and(|row| row.early_close), "{date}");
        assert_eq!(calendar.is_session(date), row.is_some(), "{date}");
    }
    assert!(recorded.is_empty());
}

#[test]
fn every_closed_weekday_says_what_closes_it_and_no_other_day_does() {
    let calendar = Calendar::default();
    let mut recorded: BTreeMap<_, _> = rows::<ClosedWeekday>("calendar_xnys_closed_weekdays.csv")
        .into_iter()
        .map(|row| (row.date, row))
        .collect();

    for date in days_of(2015, 2026) {
        let holiday = calendar.day(date).holiday;
        let expected = recorded.remove(&date).map(|row| match row.name.as_str() {
            "Dr. Martin Luther King Jr. Day" => "Martin Luther King Jr. Day".to_owned(),
            "President's Day" => "Washington's Birthday".to_owned(),
            "July 4th" => "Independence Day".to_owned(),
            "Thanksgiving" => "Thanksgiving Day".to_owned(),
            "Christmas" => "Christmas Day".to_owned(),
            "" if row.kind == "special" && date.year() == 2018 => {
                "Day of Mourning for George H. W. Bush".to_owned()
            }
            "" if row.kind == "special" => "Day of Mourning for Jimmy Carter".to_owned(),
            _ => row.name,
        });
        assert_eq!(holiday, expected, "{date}");
    }
    assert!(recorded.is_empty());
}

#[test]
fn every_recorded_question_has_its_answer() {
    let calendar = Calendar::default();
    let questions: Questions = serde_json::from_str(&fixture("calendar_queries.json")).unwrap();
    assert!(!questions.queries.is_empty());

    for q in questions.queries {
        let date = q.date;
        assert_eq!(calendar.is_session(date), q.is_session, "{date}");
        assert_eq!(calendar.session_on_or_before(date), q.session_on_or_before, "{date}");
        assert_eq!(calendar.session_on_or_after(date), q.session_on_or_after, "{date}");
        assert_eq!(calendar.previous_session(date), q.previous_session_strictly_before, "{date}");
        assert_eq!(calendar.next_session(date), q.next_session_strictly_after, "{date}");
        assert_eq!(
            calendar.sessions_before(date, q.n),
            q.n_sessions_before_session_on_or_before,
            "{date}"
        );
        let count = calendar.sessions(date, q.range_end).count();
        assert_eq!(count, q.sessions_in_range_inclusive, "{date}");
    }
}

#[test]
fn the_years_outside_the_recorded_files_are_right_too() {
    let calendar = Calendar::default();
    for (year, closed, early) in YEARS {
        let has = |list: &str, day: NaiveDate| {
            list.split(' ').any(|month_day| month_day == day.format("%m%d").to_string())
        };
        for date in days_of(year, year) {
            let day = calendar.day(date);
            let is_weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
            assert_eq!(day.is_open(), !is_weekend && !has(closed, date), "{date}");
            assert_eq!(day.is_early_close, has(early, date), "{date}");
            assert_eq!(day.holiday.is_some(), has(closed, date), "{date}");
        }
    }
}

#[test]
fn the_opening_instant_is_inside_and_the_closing_one_is_not() {
    let calendar = Calendar::default();
    for (instant, is_open) in [
        ("2024-07-02T13:29:59.999Z", false),
        ("2024-07-02T13:30:00Z", true),
        ("2024-07-02T19:59:59.999Z", true),
        ("2024-07-02T20:00:00Z", false),
        ("2024-07-03T16:59:59Z", true),
        ("2024-07-03T17:00:00Z", false),
        ("2024-07-04T15:00:00Z", false),
        ("2024-01-02T14:29:59Z", false), // winter: an hour later in UTC
        ("2024-01-02T14:30:00Z", true),
    ] {
        assert_eq!(calendar.is_open_at(utc(instant)), is_open, "{instant}");
    }
}

#[test]
fn a_session_is_completed_from_its_closing_instant_on() {
    let calendar = Calendar::default();
    for (now, expected) in [
        ("2024-07-03T16:59:59Z", date(2024, 7, 2)),
        ("2024-07-03T17:00:00Z", date(2024, 7, 3)),
        ("2024-07-05T02:00:00Z", date(2024, 7, 3)), // still the holiday in New York
        ("2024-07-05T19:59:59Z", date(2024, 7, 3)),
        ("2024-07-05T20:00:00Z", date(2024, 7, 5)),
        ("2024-07-07T12:00:00Z", date(2024, 7, 5)),
    ] {
        assert_eq!(calendar.last_completed_session(utc(now)), expected, "{now}");
    }
}

#[test]
fn the_date_in_new_york_changes_at_its_own_midnight() {
    assert_eq!(new_york_date(utc("2024-01-02T04:59:59Z")), date(2024, 1, 1));
    assert_eq!(new_york_date(utc("2024-01-02T05:00:00Z")), date(2024, 1, 2));
    assert_eq!(new_york_date(utc("2024-07-02T04:00:00Z")), date(2024, 7, 2));
}

#[test]
fn an_added_closing_closes_shortens_or_restores_a_weekday_and_nothing_else() {
    let closing = |date, closes_at| Closing { date, name: "Snow".to_owned(), closes_at };
    let calendar = Calendar::with_closings([
        closing(date(2030, 3, 5), None),
        closing(date(2030, 3, 6), Some(time(11, 15))),
        closing(date(2030, 3, 7), Some(OPEN)),
        closing(date(2030, 3, 9), Some(EARLY_CLOSE)), // a Saturday
        closing(date(2030, 7, 3), Some(time(20, 0))), // an early close by rule
        closing(date(2030, 7, 4), Some(EARLY_CLOSE)), // a holiday
    ]);

    let closed = calendar.day(date(2030, 3, 5));
    assert_eq!((closed.is_open(), closed.holiday.as_deref()), (false, Some("Snow")));
    let short = calendar.day(date(2030, 3, 6));
    assert_eq!(short.close, Some(utc("2030-03-06T16:15:00Z")));
    assert!(short.is_early_close);
    assert!(!calendar.is_session(date(2030, 3, 7)), "it would close as it opens");
    assert!(!calendar.is_session(date(2030, 3, 9)));
    let whole = calendar.day(date(2030, 7, 3));
    assert_eq!(whole.close, Some(utc("2030-07-03T20:00:00Z")));
    assert!(!whole.is_early_close);
    assert!(!calendar.is_session(date(2030, 7, 4)));

    assert_eq!(calendar.next_session(date(2030, 3, 4)), date(2030, 3, 6));
    assert!(!calendar.is_session(date(2025, 1, 9)), "the built-in ones stay");
}

#[test]
fn the_ends_of_representable_time_do_not_panic() {
    let calendar = Calendar::default();
    for date in [NaiveDate::MIN, NaiveDate::MAX] {
        let nearest = [
            calendar.session_on_or_before(date),
            calendar.session_on_or_after(date),
            calendar.previous_session(date),
            calendar.next_session(date),
            calendar.sessions_before(date, 3),
            calendar.day(date).date,
            new_york_date(regular_close(date)),
        ];
        assert!(nearest.iter().all(|near| near.signed_duration_since(date).num_days().abs() < 9));
        assert!(calendar.sessions(date, date).count() <= 1);
    }
    assert_eq!(calendar.sessions(NaiveDate::MAX, NaiveDate::MIN).count(), 0);
    for instant in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert!(!calendar.is_open_at(instant));
        calendar.last_completed_session(instant);
    }
}

prop_compose! {
    fn any_date()(day in 0..20_000_u64) -> NaiveDate {
        date(1990, 1, 1) + Days::new(day)
    }
}

proptest! {
    #[test]
    fn previous_and_next_undo_each_other_on_sessions(date in any_date()) {
        let calendar = Calendar::default();
        let session = calendar.session_on_or_after(date);
        prop_assert_eq!(calendar.next_session(calendar.previous_session(session)), session);
        prop_assert_eq!(calendar.previous_session(calendar.next_session(session)), session);
    }

    #[test]
    fn no_session_lies_between_a_date_and_its_neighbors(date in any_date()) {
        let calendar = Calendar::default();
        let (previous, next) = (calendar.previous_session(date), calendar.next_session(date));
        prop_assert!(previous < date && date < next);
        let around: Vec<_> = calendar.sessions(previous, next).collect();
        let expected = if calendar.is_session(date) { vec![previous, date, next] } else { vec![previous, next] };
        prop_assert_eq!(around, expected);
    }

    #[test]
    fn counting_back_is_repeating_previous(date in any_date(), n in 0..40_u32) {
        let calendar = Calendar::default();
        let mut session = calendar.session_on_or_before(date);
        for _ in 0..n {
            session = calendar.previous_session(session);
        }
        prop_assert_eq!(calendar.sessions_before(date, n), session);
    }

    #[test]
    fn the_last_completed_session_has_closed_and_the_next_has_not(
        date in any_date(),
        second in 0..86_400_u32,
    ) {
        let calendar = Calendar::default();
        let now = (date.and_time(NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap())).and_utc();
        let completed = calendar.last_completed_session(now);
        prop_assert!(calendar.day(completed).close.unwrap() <= now);
        prop_assert!(calendar.day(calendar.next_session(completed)).close.unwrap() > now);
    }
}
