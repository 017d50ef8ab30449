//! When things are due: schedules of five fields, read in New York's time, which changes its
//! clocks.

use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::America::New_York;
use croner::Cron;

use crate::domain::calendar::Calendar;
use crate::store::schedules::Schedule;

/// How far back a run that was missed is caught up.
const CATCH_UP: Days = Days::new(14);

/// When a schedule was due after one instant and up to another, with the days of New York's.
/// What is about no date in particular is caught up once.
pub fn due(
    schedule: &Schedule,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, NaiveDate)> {
    let Some(cron) = read(&schedule.cron) else {
        tracing::error!(kind = ?schedule.kind, cron = schedule.cron, "a schedule cannot be read");
        return Vec::new();
    };
    let since = now.checked_sub_days(CATCH_UP).map_or(since, |oldest| since.max(oldest));
    let mut times: Vec<_> = cron
        .iter_after(since.with_timezone(&New_York))
        .take_while(|at| *at <= now)
        .map(|at| (at.with_timezone(&Utc), at.date_naive()))
        .collect();
    if !schedule.of_session {
        times.drain(..times.len().saturating_sub(1));
    }
    times
}

/// When a schedule is due next; None for one that is off, or never.
pub fn next(schedule: &Schedule, calendar: &Calendar, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    /// Further than the longest time between two sessions.
    const AHEAD: usize = 32;
    let cron = read(&schedule.cron).filter(|_| schedule.is_enabled)?;
    cron.iter_after(now.with_timezone(&New_York))
        .take(AHEAD)
        .find(|at| !schedule.of_session || calendar.is_session(at.date_naive()))
        .map(|at| at.with_timezone(&Utc))
}

/// When five fields are due next after an instant; None for what cannot be read, or never is.
pub fn next_of(cron: &str, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let next = read(cron)?.iter_after(after.with_timezone(&New_York)).next();
    next.map(|at| at.with_timezone(&Utc))
}

/// Whether a schedule can be read.
pub fn is_read(cron: &str) -> bool {
    read(cron).is_some()
}

fn read(cron: &str) -> Option<Cron> {
    Cron::from_str(cron).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::JobKind;

    fn schedule(cron: &str, of_session: bool) -> Schedule {
        Schedule {
            kind: JobKind::MarketData,
            cron: cron.into(),
            of_session,
            timeout_seconds: 300,
            max_attempts: 3,
            is_enabled: true,
            looked_at: None,
            last_run_at: None,
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn four_in_the_afternoon_is_new_yorks_in_summer_and_in_winter() {
        // The clocks of New York went forward on the 8th of March 2026.
        let days = due(
            &schedule("0 16 * * *", true),
            at("2026-03-06T12:00:00Z"),
            at("2026-03-10T12:00:00Z"),
        );
        let times: Vec<_> = days.iter().map(|(at, _)| at.to_rfc3339()).collect();
        assert_eq!(
            times,
            [
                "2026-03-06T21:00:00+00:00",
                "2026-03-07T21:00:00+00:00",
                "2026-03-08T20:00:00+00:00",
                "2026-03-09T20:00:00+00:00",
            ]
        );
    }

    #[test]
    fn what_is_about_no_date_is_caught_up_once() {
        let half_hours = schedule("*/30 * * * *", false);
        let days = due(&half_hours, at("2026-01-05T12:00:00Z"), at("2026-01-07T12:10:00Z"));
        assert_eq!(days.len(), 1);
        assert_eq!(days[0].0, at("2026-01-07T12:00:00Z"));
    }

    #[test]
    fn a_run_is_due_once_at_the_instant_itself() {
        let daily = schedule("0 16 * * 1-5", true);
        let close = at("2026-01-05T21:00:00Z");
        assert_eq!(due(&daily, at("2026-01-05T20:59:00Z"), close).len(), 1);
        assert_eq!(due(&daily, close, at("2026-01-05T21:01:00Z")).len(), 0);
    }

    #[test]
    fn the_next_run_is_on_a_session() {
        let daily = schedule("0 16 * * 1-5", true);
        // Friday evening; Monday the 19th of January 2026 is a holiday.
        let next = next(&daily, &Calendar::default(), at("2026-01-16T22:00:00Z"));
        assert_eq!(next, Some(at("2026-01-20T21:00:00Z")));
    }
}
