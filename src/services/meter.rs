//! How far a long piece of work is, and whether to go on with it: told by whoever works, read by
//! whoever watches, on any thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::domain::job::{JobKind, JobStatus, Progress, Step};
use crate::error::Error;

/// The counter of one piece of work. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    state: Arc<Mutex<State>>,
    stop: CancellationToken,
}

#[derive(Clone, Debug, Default)]
struct State {
    progress: Progress,
    steps: Vec<Step>,
    /// Whether anything was told since somebody looked.
    is_new: bool,
}

impl Meter {
    /// One whose work has got somewhere before.
    pub fn resumed(steps: Vec<Step>) -> Self {
        let state = State { steps, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), stop: CancellationToken::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, what: impl FnOnce(&mut State)) {
        let mut state = self.state();
        what(&mut state);
        state.is_new = true;
    }

    /// From here on it counts so many things, from zero.
    pub fn counts(&self, total: usize, message: impl Into<String>) {
        let total = Some(i32::try_from(total).unwrap_or(i32::MAX));
        let message = Some(message.into());
        self.tell(|state| state.progress = Progress { total, message, ..Progress::default() });
    }

    /// So many more of them are done.
    pub fn did(&self, more: usize) {
        let more = i32::try_from(more).unwrap_or(i32::MAX);
        self.tell(|state| {
            state.progress.processed = state.progress.processed.saturating_add(more);
        });
    }

    /// All of them are done, whoever did them.
    pub fn all_done(&self) {
        self.tell(|state| {
            state.progress.processed = state.progress.total.unwrap_or(state.progress.processed);
        });
    }

    /// One of them could not be done, and the others go on.
    pub fn failed(&self) {
        self.tell(|state| {
            state.progress.processed = state.progress.processed.saturating_add(1);
            state.progress.failed = state.progress.failed.saturating_add(1);
        });
    }

    pub fn says(&self, message: impl Into<String>) {
        let message = message.into();
        self.tell(|state| state.progress.message = Some(message));
    }

    /// Whether a step of a chain was done before its worker died.
    pub fn has_done(&self, kind: JobKind) -> bool {
        let is_done = |step: &Step| step.kind == kind && step.status == JobStatus::Succeeded;
        self.state().steps.iter().any(is_done)
    }

    pub fn begins(&self, kind: JobKind, now: DateTime<Utc>) {
        let begun = Step {
            kind,
            status: JobStatus::Running,
            started_at: Some(now),
            finished_at: None,
            message: None,
        };
        self.tell(|state| {
            state.steps.retain(|step| step.kind != kind);
            state.steps.push(begun);
        });
    }

    pub fn ends(
        &self,
        kind: JobKind,
        status: JobStatus,
        message: Option<String>,
        now: DateTime<Utc>,
    ) {
        self.tell(|state| {
            if let Some(step) = state.steps.iter_mut().find(|step| step.kind == kind) {
                *step = Step { status, message, finished_at: Some(now), ..step.clone() };
            }
        });
    }

    /// How far it is, whenever something was told since this was last asked.
    pub fn news(&self) -> Option<(Progress, Vec<Step>)> {
        let mut state = self.state();
        let is_new = std::mem::take(&mut state.is_new);
        is_new.then(|| (state.progress.clone(), state.steps.clone()))
    }

    /// How far it is, whether or not that is news.
    pub fn told(&self) -> (Progress, Vec<Step>) {
        let state = self.state();
        (state.progress.clone(), state.steps.clone())
    }

    pub fn progress(&self) -> Progress {
        self.state().progress.clone()
    }

    /// Asks the work to stop; it does so where it next looks.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// To be asked between two things that take a while.
    ///
    /// # Errors
    /// `Stopped` when the work is to be left as it is.
    pub fn goes_on(&self) -> Result<(), Error> {
        if self.stop.is_cancelled() { Err(Error::Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_news_once() {
        let meter = Meter::default();
        assert_eq!(meter.news(), None);
        meter.counts(3, "portfolios");
        meter.did(2);
        meter.failed();
        let (progress, _) = meter.news().expect("news");
        assert_eq!((progress.processed, progress.total, progress.failed), (3, Some(3), 1));
        assert_eq!(meter.news(), None);
    }

    #[test]
    fn a_chain_that_is_resumed_knows_what_was_done() {
        let now = DateTime::UNIX_EPOCH;
        let meter = Meter::default();
        meter.begins(JobKind::MarketData, now);
        meter.ends(JobKind::MarketData, JobStatus::Succeeded, None, now);
        meter.begins(JobKind::Greeks, now);
        let (_, steps) = meter.news().expect("news");
        let again = Meter::resumed(steps);
        assert!(again.has_done(JobKind::MarketData) && !again.has_done(JobKind::Greeks));
    }

    #[test]
    fn work_that_is_stopped_does_not_go_on() {
        let meter = Meter::default();
        assert!(meter.goes_on().is_ok());
        meter.clone().stop();
        assert!(matches!(meter.goes_on(), Err(Error::Stopped)));
    }
}
