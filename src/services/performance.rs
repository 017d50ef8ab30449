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

    /// As it travels.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
            Self::Quarter => "QUARTER",
            Self::YearToDate => "YTD",
            Self::Year => "YEAR",
            Self::Inception => "INCEPTION",
        }
    }

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
    /// The returns of its sessions compounded, as a fraction; None where something is lacking.
    pub time_weighted: Option<f64>,
    /// Money; None likewise.
    pub pnl: Option<Decimal>,
    lack: Option<Lack>,
}

/// Why a period has no return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// The snapshots that are kept begin after it does.
    Beginning,
    /// It has no session.
    Everything,
    /// So many of its sessions have no snapshot.
    Sessions(usize),
    /// A snapshot has no return, the first of this session.
    Return(NaiveDate),
}

/// What each period that ends with the newest snapshot brought. The snapshots come by date, one a
/// session, up to the session asked about; `first` is the session of the book's first entry.
pub fn returns(
    snapshots: &[Snapshot],
    first: Option<NaiveDate>,
    calendar: &Calendar,
) -> Vec<Return> {
    let (Some(oldest), Some(newest)) = (snapshots.first(), snapshots.last()) else {
        return Vec::new();
    };
    let (oldest, to) = (oldest.date, newest.date);
    // A book that is younger than a period had nothing before its first entry.
    let is_whole = is_whole(oldest, first);
    let of = |period: Period| {
        let base = period.base(to);
        // The newest close at or before the base is where it begins.
        let after = match base {
            Some(base) => snapshots.partition_point(|one| one.date <= base),
            None => usize::from(!is_whole),
        };
        let begun = after.checked_sub(1).map(|at| snapshots[at].date);
        let sessions = &snapshots[after..];
        let start = begun.and_then(|begun| begun.succ_opt()).unwrap_or(oldest);
        let missing = calendar.sessions(start, to).count().saturating_sub(sessions.len());
        let unknown = sessions.iter().find(|one| one.figures.daily_return.is_none());
        let lack = match unknown {
            _ if begun.is_none() && !is_whole => Some(Lack::Beginning),
            _ if missing > 0 => Some(Lack::Sessions(missing)),
            _ if sessions.is_empty() => Some(Lack::Everything),
            unknown => unknown.map(|one| Lack::Return(one.date)),
        };
        let has_all = matches!(lack, None | Some(Lack::Return(_)));
        let sessions = sessions.iter().filter(|_| has_all);
        let returns: Option<Vec<_>> =
            sessions.clone().map(|one| one.figures.daily_return).collect();
        let returns = returns.filter(|returns| !returns.is_empty());
        let pnls: Option<Vec<_>> = sessions.map(|one| one.figures.daily_pnl).collect();
        let pnl = pnls.filter(|pnls| !pnls.is_empty());
        let own = base.filter(|_| !is_whole).map(|base| calendar.session_on_or_before(base));
        Return {
            period,
            from: begun.or(own).unwrap_or(oldest),
            to,
            time_weighted: returns.and_then(|returns| link(&returns).ok()),
            pnl: pnl.map(|pnls| pnls.into_iter().fold(Decimal::ZERO, Decimal::saturating_add)),
            lack,
        }
    };
    Period::ALL.into_iter().map(of).collect()
}

/// Whether the snapshots reach back to the book's first entry.
fn is_whole(oldest: NaiveDate, first: Option<NaiveDate>) -> bool {
    Some(oldest) <= first
}

/// Why which returns are missing, in sentences; `returns` are those of the snapshots.
pub fn warnings(
    snapshots: &[Snapshot],
    first: Option<NaiveDate>,
    returns: &[Return],
) -> Vec<String> {
    let Some(oldest) = snapshots.first().map(|one| one.date) else { return Vec::new() };
    let of = |is_it: fn(Lack) -> bool| {
        let those = returns.iter().filter(|one| one.lack.is_some_and(is_it));
        those.map(|one| one.period.code()).collect::<Vec<_>>().join(", ")
    };
    let mut warnings = Vec::new();
    if !is_whole(oldest, first) {
        let before = of(|lack| lack == Lack::Beginning);
        let before =
            if before.is_empty() { before } else { format!(" That leaves {before} null.") };
        warnings.push(format!(
            "Snapshots begin on {oldest}, after the first entry: INCEPTION is since then.{before}"
        ));
    }
    if snapshots.len() == 1 {
        warnings.push(format!("There is one snapshot, of {oldest}, and none before or after it."));
    }
    let missing = returns.iter().filter_map(|one| match one.lack {
        Some(Lack::Sessions(missing)) => Some(missing),
        _ => None,
    });
    if let Some(most) = missing.max() {
        let periods = of(|lack| matches!(lack, Lack::Sessions(_)));
        let sessions = if most == 1 { "session has" } else { "sessions have" };
        warnings.push(format!("{most} {sessions} no snapshot, which leaves {periods} null."));
    }
    let unknown = returns.iter().filter_map(|one| match one.lack {
        Some(Lack::Return(date)) => Some(date),
        _ => None,
    });
    if let Some(date) = unknown.min() {
        let periods = of(|lack| matches!(lack, Lack::Return(_)));
        warnings.push(format!(
            "The snapshot of {date} has no dailyReturn, which leaves the timeWeighted of {periods} \
             null."
        ));
    }
    warnings
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
        assert!(returns(&[], None, &Calendar::default()).is_empty());
    }

    #[test]
    fn why_a_period_has_no_return_is_said() {
        let of_days = |days: &[u32]| {
            days.iter().map(|d| snapshot(day(1, *d), Some(0.01), 10)).collect::<Vec<_>>()
        };
        let told = |snapshots: &[Snapshot], first| {
            let found = returns(snapshots, first, &Calendar::default());
            let said = warnings(snapshots, first, &found);
            (found, said)
        };
        // The 5th to the 14th of January, of a book that is older.
        let days = of_days(&[5, 6, 7, 8, 9, 12, 13, 14]);
        let (found, said) = told(&days, NaiveDate::from_ymd_opt(2020, 1, 2));
        let inception = of(&found, Period::Inception);
        assert_eq!((inception.from, inception.pnl), (day(1, 5), Some(70.into())));
        let year = of(&found, Period::YearToDate);
        let new_year_s_eve = NaiveDate::from_ymd_opt(2025, 12, 31).expect("a day");
        assert_eq!((year.from, year.pnl), (new_year_s_eve, None));
        assert_eq!(
            said,
            [
                "Snapshots begin on 2026-01-05, after the first entry: INCEPTION is since then. That \
              leaves MONTH, QUARTER, YTD, YEAR null."
            ]
        );
        assert_eq!(told(&days, Some(day(1, 5))).1, [""; 0], "all of a young book is known");

        let (found, said) = told(&of_days(&[5]), Some(day(1, 5)));
        assert!(found.iter().all(|one| one.pnl == Some(10.into())), "{found:?}");
        assert_eq!(said, ["There is one snapshot, of 2026-01-05, and none before or after it."]);

        let (_, said) = told(&of_days(&[5, 7, 8]), Some(day(1, 5)));
        assert_eq!(
            said,
            ["1 session has no snapshot, which leaves WEEK, MONTH, QUARTER, YTD, YEAR, INCEPTION \
              null."]
        );
        let unknown = [snapshot(day(1, 5), None, 10), snapshot(day(1, 6), Some(0.01), 10)];
        let (_, said) = told(&unknown, Some(day(1, 5)));
        let [said] = &said[..] else { panic!("{said:?}") };
        assert!(said.starts_with("The snapshot of 2026-01-05 has no dailyReturn"), "{said}");
        assert!(!said.contains("DAY,"), "{said}");
    }
}
