//! The sessions that a statistic looks back on.

use std::sync::Arc;

use chrono::NaiveDate;
use sigmasight_analytics::returns::{log_returns, simple_returns};

use super::history::Series;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::quality::Quality;
use crate::store::prices::{Range, Span, Subject};

/// The sessions of so many returns, the one before the first of them too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Ascending; the last is the session that the statistic is as of.
    sessions: Arc<[NaiveDate]>,
}

impl Window {
    /// So many returns up to and including a session.
    pub fn ending(as_of: NaiveDate, returns: usize, calendar: &Calendar) -> Self {
        let before = u32::try_from(returns).unwrap_or(u32::MAX);
        let first = calendar.sessions_before(as_of, before);
        Self { sessions: calendar.sessions(first, as_of).collect() }
    }

    /// The last of its returns, at most so many.
    #[must_use]
    pub fn last(&self, returns: usize) -> Self {
        let skipped = self.len().saturating_sub(returns);
        Self { sessions: self.sessions.iter().skip(skipped).copied().collect() }
    }

    /// All sessions with a close in it: one more than returns.
    pub fn sessions(&self) -> &[NaiveDate] {
        &self.sessions
    }

    /// The sessions of the returns themselves.
    pub fn return_sessions(&self) -> &[NaiveDate] {
        self.sessions.get(1..).unwrap_or_default()
    }

    /// How many returns it has.
    pub fn len(&self) -> usize {
        self.return_sessions().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The closes of an instrument that it needs; None for a window without a session.
    pub fn range(&self, instrument: InstrumentId) -> Option<Range> {
        Some(Range { instrument, from: *self.sessions.first()?, to: *self.sessions.last()? })
    }

    /// The same of a subject.
    pub fn span(&self, of: Subject) -> Option<Span> {
        Some(Span { of, from: *self.sessions.first()?, to: *self.sessions.last()? })
    }

    /// P / P₋₁ − 1 of each session, None over a gap; all None without a series.
    pub fn simple_returns(&self, series: Option<&Series>) -> Returns {
        self.returns(series, simple_returns)
    }

    /// ln(P / P₋₁) of each session, None over a gap; all None without a series.
    pub fn log_returns(&self, series: Option<&Series>) -> Returns {
        self.returns(series, log_returns)
    }

    fn returns(
        &self,
        series: Option<&Series>,
        of: fn(&[Option<f64>]) -> Vec<Option<f64>>,
    ) -> Returns {
        let Some(series) = series else {
            return Returns { values: vec![None; self.len()], quality: Quality::Insufficient };
        };
        let is_stale = series.reach().is_none_or(|(_, last)| Some(&last) < self.sessions.last());
        let quality = match (is_stale, series.is_simulated()) {
            (true, _) => Quality::Stale,
            (false, true) => Quality::Estimated,
            (false, false) => Quality::Full,
        };
        Returns { values: of(&series.over(&self.sessions)), quality }
    }
}

/// Returns over the sessions of a window, one entry each.
#[derive(Clone, Debug, PartialEq)]
pub struct Returns {
    pub values: Vec<Option<f64>>,
    /// Of what they are made of: how many are missing is for the statistic to judge.
    pub quality: Quality,
}

impl Returns {
    /// Those of the last sessions, at most so many.
    pub fn last(&self, sessions: usize) -> &[Option<f64>] {
        let skipped = self.values.len().saturating_sub(sessions);
        self.values.get(skipped..).unwrap_or_default()
    }

    /// How many sessions have one.
    pub fn observations(&self) -> usize {
        self.values.iter().flatten().count()
    }
}

/// What to know of the returns that a figure is made of, in sentences; `of` is what has them.
pub fn doubts<'a>(of: &str, all: impl Iterator<Item = &'a Returns>) -> Vec<String> {
    let (mut count, mut simulated, mut stale) = (0, 0, 0);
    for returns in all {
        count += 1;
        simulated += usize::from(returns.quality == Quality::Estimated);
        stale += usize::from(returns.quality == Quality::Stale);
    }
    let mut doubts = Vec::new();
    if simulated > 0 {
        doubts.push(format!("The closes of {simulated} of {count} {of} are simulated."));
    }
    if stale > 0 {
        doubts.push(format!("{stale} of {count} {of} have no close of the last session."));
    }
    doubts
}

impl AsRef<[Option<f64>]> for Returns {
    fn as_ref(&self) -> &[Option<f64>] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_one_close_more_than_returns_and_ends_with_its_session() {
        let day = |m, d| NaiveDate::from_ymd_opt(2026, m, d).expect("a day");
        let window = Window::ending(day(1, 5), 2, &Calendar::default());
        let first = NaiveDate::from_ymd_opt(2025, 12, 31).expect("a day");
        assert_eq!(window.sessions(), [first, day(1, 2), day(1, 5)]);
        assert_eq!(window.return_sessions(), [day(1, 2), day(1, 5)]);
        assert_eq!(window.len(), 2);
        assert_eq!(window.last(1), Window::ending(day(1, 5), 1, &Calendar::default()));
        assert_eq!(window.last(3), window);
    }

    #[test]
    fn what_is_simulated_and_what_is_old_is_said() {
        let of = |quality| Returns { values: Vec::new(), quality };
        let all = [Quality::Full, Quality::Estimated, Quality::Stale, Quality::Estimated].map(of);
        assert_eq!(doubts("symbols", all[..1].iter()), [""; 0]);
        assert_eq!(
            doubts("symbols", all.iter()),
            [
                "The closes of 2 of 4 symbols are simulated.",
                "1 of 4 symbols have no close of the last session.",
            ]
        );
    }

    #[test]
    fn the_last_returns_are_those_of_the_last_sessions() {
        let values = vec![Some(0.1), None, Some(0.3)];
        let returns = Returns { values, quality: Quality::Full };
        assert_eq!(returns.last(2), [None, Some(0.3)]);
        assert_eq!(returns.last(4), returns.values);
    }
}
