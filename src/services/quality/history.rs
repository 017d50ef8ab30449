//! What is there of one instrument's history, and what is not.

use chrono::NaiveDate;
use sigmasight_analytics::{correlation, factor};

use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::store::presence::{Presence, Told};
use crate::store::prices::Range;

/// Returns of the longest statistics: a year of sessions.
const RETURNS: u32 = 252;
/// The newest of them, which correlations are of.
const CORRELATED: usize = 90;
/// The newest of them, which an option's volatility is of; it takes them all.
pub(super) const VOLATILITY: usize = 30;
/// How many stretches without prices are told of by themselves.
const TOLD: usize = 3;

/// The sessions that are assessed: the last completed ones, as many closes as a year of returns
/// is made of.
#[derive(Clone, Debug)]
pub struct Window {
    /// Ascending; never empty.
    sessions: Vec<NaiveDate>,
    last: NaiveDate,
}

impl Window {
    pub fn up_to(last: NaiveDate, calendar: &Calendar) -> Self {
        let first = calendar.sessions_before(last, RETURNS);
        Self { sessions: calendar.sessions(first, last).collect(), last }
    }

    /// What has to be known of an instrument to assess it.
    pub fn of(&self, instrument: InstrumentId) -> Range {
        Range {
            instrument,
            from: self.sessions.first().copied().unwrap_or(self.last),
            to: self.last,
        }
    }

    /// Its sessions between two days, both included.
    pub(super) fn between(&self, from: NaiveDate, to: NaiveDate) -> &[NaiveDate] {
        let start = self.sessions.partition_point(|session| *session < from);
        let end = self.sessions.partition_point(|session| *session <= to);
        self.sessions.get(start..end).unwrap_or_default()
    }
}

/// What is there of one instrument's history in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The first and the last bar of all, up to the end of the window.
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    /// Sessions of the window with a bar, and those without one that should have had it.
    pub available: usize,
    pub missing: usize,
    /// Whether its last session is one of those, or there is no bar at all.
    pub is_stale: bool,
    /// Whether any bar of the window is simulated.
    pub is_simulated: bool,
    /// Why sessions are missing; None when none is.
    pub reason: Option<String>,
    /// From one session to the very next one, both with a bar.
    pub returns: usize,
    /// A bit for each of the newest returns; the lowest is the last session's.
    recent: u128,
}

impl History {
    /// Assesses what is there. Every session is expected from the first on that it is known to
    /// have traded, which is that of its first bar, of a day it was asked for in vain, or of
    /// `held`, when somebody entered it; without any bar, all of them. None is expected after
    /// `until`, the last day of an option.
    pub fn of(
        presence: &Presence,
        window: &Window,
        held: Option<NaiveDate>,
        until: Option<NaiveDate>,
    ) -> Self {
        let asked = presence.absences.first().map(|absence| absence.first);
        let start =
            presence.first.map(|first| [asked, held].into_iter().flatten().fold(first, Ord::min));
        let until = until.unwrap_or(window.last);
        let expected = window.between(start.unwrap_or(NaiveDate::MIN), until);

        let is_there = |session: &NaiveDate| presence.dates.binary_search(session).is_ok();
        let missing: Vec<_> = expected.iter().filter(|day| !is_there(day)).copied().collect();
        let (mut returns, mut recent) = (0, 0_u128);
        for (ago, pair) in window.sessions.windows(2).rev().enumerate() {
            if is_there(&pair[0]) && is_there(&pair[1]) {
                returns += 1;
                recent |= if ago < CORRELATED { 1 << ago } else { 0 };
            }
        }
        Self {
            first: presence.first,
            last: presence.last,
            available: expected.len() - missing.len(),
            missing: missing.len(),
            is_stale: missing.last().is_some_and(|last| Some(last) == expected.last()),
            is_simulated: presence.is_simulated,
            reason: reason(&missing, &presence.absences),
            returns,
            recent,
        }
    }

    /// Whether a regression on factors has the returns it takes.
    pub fn supports_factors(&self) -> bool {
        self.returns >= factor::MIN_OBSERVATIONS
    }

    /// Whether there are the returns that a correlation with something complete takes.
    pub fn supports_correlation(&self) -> bool {
        self.overlaps(self)
    }

    /// Whether two share the returns that their correlation takes.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        (self.recent & other.recent).count_ones() as usize >= correlation::MIN_OVERLAP
    }

    /// Whether there is every return of the volatility that options are valued at.
    pub fn supports_volatility(&self) -> bool {
        self.recent.trailing_ones() as usize >= VOLATILITY
    }
}

/// Why sessions, ascending, have no price: what the providers said of them, and of which nobody
/// has said anything.
pub(super) fn reason(missing: &[NaiveDate], absences: &[Told]) -> Option<String> {
    let told = |session: &NaiveDate| {
        let of = absences.iter().find(|told| (told.first..=told.last).contains(session));
        of.map_or("no provider has said why.", |told| told.said.as_str())
    };
    let stretches: Vec<_> = missing.chunk_by(|one, next| told(one) == told(next)).collect();
    let sentences = stretches.iter().take(TOLD).filter_map(|stretch| {
        let (first, last) = (stretch.first()?, stretch.last()?);
        let days = if first == last { first.to_string() } else { format!("{first} to {last}") };
        Some(format!("{days}: {}", told(first)))
    });
    let mut sentences: Vec<_> = sentences.collect();
    if stretches.len() > TOLD {
        sentences.push(format!("And {} more.", stretches.len() - TOLD));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window() -> Window {
        let last = NaiveDate::from_ymd_opt(2026, 1, 5).expect("a day");
        Window::up_to(last, &Calendar::default())
    }

    fn presence(window: &Window, dates: &[NaiveDate]) -> Presence {
        Presence {
            range: window.of(InstrumentId::fresh()),
            first: dates.first().copied(),
            last: dates.last().copied(),
            dates: dates.to_vec(),
            is_simulated: false,
            absences: Vec::new(),
            doubts: Vec::new(),
        }
    }

    fn assessed(window: &Window, dates: &[NaiveDate]) -> History {
        History::of(&presence(window, dates), window, None, None)
    }

    #[test]
    fn a_year_of_returns_is_made_of_one_close_more() {
        let window = window();
        let whole = assessed(&window, &window.sessions);
        assert_eq!((whole.available, whole.missing, whole.returns), (253, 0, 252));
        assert_eq!((whole.is_stale, whole.reason), (false, None));
    }

    #[test]
    fn what_a_method_takes_is_counted_to_the_return() {
        let window = window();
        let newest = |n: usize| assessed(&window, &window.sessions[window.sessions.len() - n..]);
        for (closes, factors, correlation, volatility) in [
            (61, true, true, true),
            (60, false, true, true),
            (31, false, true, true),
            (30, false, true, false),
            (21, false, true, false),
            (20, false, false, false),
            (1, false, false, false),
        ] {
            let history = newest(closes);
            assert_eq!(history.supports_factors(), factors, "{closes}");
            assert_eq!(history.supports_correlation(), correlation, "{closes}");
            assert_eq!(history.supports_volatility(), volatility, "{closes}");
            assert_eq!(history.missing, 0, "it was not listed before");
        }
    }

    #[test]
    fn returns_too_old_for_a_correlation_are_not_its() {
        let window = window();
        let old = assessed(&window, &window.sessions[..162]);
        assert!(!old.supports_correlation() && old.supports_factors());
        assert_eq!((old.missing, old.is_stale), (91, true));
        let edge = assessed(&window, &window.sessions[..183]);
        assert!(edge.supports_correlation(), "twenty of the last ninety");
        assert!(!assessed(&window, &window.sessions[..182]).supports_correlation());
    }

    #[test]
    fn every_session_is_expected_once_it_is_known_to_have_traded() {
        let window = window();
        let mut known = presence(&window, &window.sessions[200..]);
        let history = History::of(&known, &window, None, None);
        assert_eq!(history.missing, 0);
        let held = History::of(&known, &window, Some(window.sessions[190]), None);
        assert_eq!((held.missing, held.available), (10, 53));
        let (first, last) = (window.sessions[100], window.sessions[199]);
        known.absences = vec![Told { first, last, said: "Too old.".into() }];
        let asked = History::of(&known, &window, None, None);
        assert_eq!(asked.missing, 100);
        assert_eq!(asked.reason, Some(format!("{first} to {last}: Too old.")));
        assert_eq!(assessed(&window, &[]).missing, 253, "nothing is known of it");
    }

    #[test]
    fn an_option_is_not_expected_beyond_its_last_day() {
        let window = window();
        let history = |until| {
            let known = presence(&window, &window.sessions[200..=210]);
            History::of(&known, &window, None, Some(window.sessions[until]))
        };
        assert_eq!((history(210).missing, history(210).is_stale), (0, false));
        assert_eq!((history(212).missing, history(212).is_stale), (2, true));
    }

    #[test]
    fn each_missing_session_has_the_reason_that_was_given_for_it() {
        let window = window();
        let day = |n: usize| window.sessions[n];
        let told = [Told { first: day(2), last: day(3), said: "Halted.".into() }];
        let missing = [day(1), day(2), day(3), day(7)];
        let expected = format!(
            "{}: no provider has said why. {} to {}: Halted. {}: no provider has said why.",
            day(1),
            day(2),
            day(3),
            day(7)
        );
        assert_eq!(reason(&missing, &told), Some(expected));
        assert_eq!(reason(&[], &told), None);
    }

    proptest! {
        #[test]
        fn what_is_there_and_what_is_missing_are_the_whole(there in proptest::collection::vec(any::<bool>(), 253)) {
            let window = window();
            let dates: Vec<_> = window.sessions.iter().zip(&there).filter(|(_, there)| **there).map(|(day, _)| *day).collect();
            let history = History::of(&presence(&window, &dates), &window, Some(NaiveDate::MIN), None);
            prop_assert_eq!(history.available, dates.len());
            prop_assert_eq!(history.available + history.missing, 253);
            prop_assert!(history.returns < history.available.max(1));
            prop_assert_eq!(history.reason.is_none(), history.missing == 0);
            prop_assert_eq!(history.is_stale, !there[252]);
        }
    }
}
