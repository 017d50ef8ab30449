//! How a book did, from its snapshots.

use chrono::{Datelike, Days, Months, NaiveDate};
use rust_decimal::Decimal;
use sigmasight_analytics::performance::link;

use crate::domain::calendar::Calendar;
use crate::domain::quality::Quality;
use crate::domain::snapshot::Snapshot;

/// A stretch of time that ends with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    Week,
    Month,
    Quarter,
    YearToDate,
    Year,
    Inception,
}

impl Period {
    pub const ALL: [Self; 7] = [
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::YearToDate,
        Self::Year,
        Self::Inception,
    ];

    /// The day at whose close, or the last before it, the period begins; None for one that begins
    /// with the book.
    fn base(self, as_of: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => as_of.pred_opt(),
            Self::Week => as_of.checked_sub_days(Days::new(7)),
            Self::Month => as_of.checked_sub_months(Months::new(1)),
            Self::Quarter => as_of.checked_sub_months(Months::new(3)),
            Self::YearToDate => NaiveDate::from_ymd_opt(as_of.year() - 1, 12, 31),
            Self::Year => as_of.checked_sub_months(Months::new(12)),
            Self::Inception => None,
        }
    }
}

/// What a period brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Return {
    pub period: Period,
    /// The session at whose close it begins; of a whole history the first there is.
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// The returns of its sessions compounded, as a fraction. None where one is missing, as where a
    /// session has no snapshot, or the
    /// history does not reach back to its beginning.
    pub time_weighted: Option<f64>,
    /// Money; None likewise.
    pub pnl: Option<Decimal>,
}

/// What each period that ends with the newest snapshot brought. The snapshots come by date, one a
/// session, up to the session asked about; `first` is the session of the book's first entry.
pub fn returns(
    snapshots: &[Snapshot],
    first: Option<NaiveDate>,
    calendar: &Calendar,
) -> Vec<Return> {
    let Some(newest) = snapshots.last() else { return Vec::new() };
    let to = newest.date;
    Period::ALL
        .into_iter()
        .map(|period| {
            let base = period.base(to);
            // The newest close at or before the base is where it begins.
            let after = base.map_or(0, |base| snapshots.partition_point(|one| one.date <= base));
            let begun = after.checked_sub(1).map(|at| snapshots[at].date);
            // A book that is younger than the period had nothing before its first entry.
            let oldest = snapshots.first().map(|one| one.date);
            let start = begun.and_then(|begun| begun.succ_opt()).or(oldest).unwrap_or(to);
            let is_complete = calendar.sessions(start, to).count() == snapshots[after..].len();
            let is_whole = is_complete && (begun.is_some() || oldest <= first);
            let sessions = snapshots[after..].iter().filter(|_| is_whole);
            let returns: Option<Vec<_>> =
                sessions.clone().map(|one| one.figures.daily_return).collect();
            let pnls: Option<Vec<_>> = sessions.map(|one| one.figures.daily_pnl).collect();
            let of = |all: Option<Vec<f64>>| {
                all.filter(|returns| !returns.is_empty()).and_then(|returns| link(&returns).ok())
            };
            let pnl = pnls.filter(|pnls| !pnls.is_empty());
            Return {
                period,
                from: begun.or(oldest).unwrap_or(to),
                to,
                time_weighted: of(returns),
                pnl: pnl.map(|pnls| pnls.into_iter().fold(Decimal::ZERO, Decimal::saturating_add)),
            }
        })
        .collect()
}

/// How far the returns can be trusted: as the worst of the snapshots they are made of.
pub fn quality(snapshots: &[Snapshot]) -> Quality {
    snapshots.iter().map(|one| one.figures.quality).max().unwrap_or(Quality::Insufficient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{PortfolioId, SnapshotId, UserId};
    use crate::domain::snapshot::{Figures, SnapshotSource};

    fn day(month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, month, day).expect("a day")
    }

    fn snapshot(date: NaiveDate, daily_return: Option<f64>, pnl: i64) -> Snapshot {
        let zero = Decimal::ZERO;
        Snapshot {
            owner_id: UserId::fresh(),
            portfolio_id: PortfolioId::fresh(),
            id: SnapshotId::fresh(),
            date,
            figures: Figures {
                total_value: zero,
                cash_balance: zero,
                long_exposure: zero,
                short_exposure: zero,
                notional: zero,
                delta_adjusted_net: zero,
                net_flow: zero,
                daily_pnl: Some(pnl.into()),
                cumulative_pnl: zero,
                daily_return,
                greeks: None,
                long_count: 0,
                short_count: 0,
                position_count: 0,
                option_count: 0,
                quality: Quality::Full,
            },
            source: SnapshotSource::Batch,
            created_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn of(returns: &[Return], period: Period) -> &Return {
        returns.iter().find(|one| one.period == period).expect("a period")
    }

    #[test]
    fn a_week_begins_with_the_close_of_a_week_ago() {
        // The 5th to the 9th of January, and Monday the 12th.
        let snapshots: Vec<_> =
            [5, 6, 7, 8, 9, 12].into_iter().map(|d| snapshot(day(1, d), Some(0.01), 10)).collect();
        let found = returns(&snapshots, Some(day(1, 5)), &Calendar::default());
        let week = of(&found, Period::Week);
        assert_eq!((week.from, week.to, week.pnl), (day(1, 5), day(1, 12), Some(50.into())));
        let five = 1.01_f64.powi(5) - 1.0;
        assert!((week.time_weighted.expect("a return") - five).abs() < 1e-12);
        let one = of(&found, Period::Day);
        assert_eq!((one.from, one.pnl), (day(1, 9), Some(10.into())), "a Monday's since Friday's");
        // The book is younger than a year, and all of it counts.
        let year = of(&found, Period::Year);
        assert_eq!((year.from, year.pnl), (day(1, 5), Some(60.into())));
    }

    #[test]
    fn a_session_without_a_snapshot_is_missing_from_every_period_that_has_it() {
        // Tuesday the 6th has none.
        let snapshots =
            [5, 7, 8].into_iter().map(|d| snapshot(day(1, d), Some(0.01), 10)).collect::<Vec<_>>();
        let found = returns(&snapshots, Some(day(1, 5)), &Calendar::default());
        assert_eq!(of(&found, Period::Day).pnl, Some(10.into()));
        assert_eq!(of(&found, Period::Week).pnl, None);
        let two = returns(&snapshots[..2], Some(day(1, 5)), &Calendar::default());
        assert_eq!(of(&two, Period::Day).pnl, None, "what is known is of two sessions");
    }

    #[test]
    fn what_is_missing_is_missing() {
        let snapshots = [snapshot(day(1, 5), Some(0.01), 10), snapshot(day(1, 6), None, 10)];
        let found = returns(&snapshots, Some(day(1, 5)), &Calendar::default());
        assert_eq!(of(&found, Period::Day).time_weighted, None);
        // Entered long before the first snapshot there is: a year is not to be had.
        let old = returns(&snapshots, NaiveDate::from_ymd_opt(2020, 1, 2), &Calendar::default());
        assert_eq!(of(&old, Period::Year).pnl, None);
        assert_eq!(of(&old, Period::Inception).pnl, None);
        assert!(returns(&[], None, &Calendar::default()).is_empty());
    }
}
