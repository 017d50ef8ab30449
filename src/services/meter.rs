//! How far a long piece of work is, and whether to go on with it: told by whoever works, read by
//! whoever watches, on any thread.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::domain::id::PortfolioId;
use crate::domain::job::{BookFailure, JobKind, JobStatus, Progress, Step, Told};
use crate::error::Error;

/// Books that are remembered as failed; the others are counted.
const KEPT_FAILURES: usize = 200;

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
    failures: Vec<BookFailure>,
    /// Of all steps, each once.
    failed: HashSet<PortfolioId>,
    /// Whether anything was told since somebody looked.
    is_new: bool,
}

impl Meter {
    /// One whose work has got somewhere before: of the steps that are done, what failed stays so.
    pub fn resumed(steps: Vec<Step>, failures: Vec<BookFailure>) -> Self {
        let is_done = |kind| {
            let is_it = |step: &Step| step.kind == kind && step.status == JobStatus::Succeeded;
            steps.iter().any(is_it)
        };
        let failures: Vec<_> = failures.into_iter().filter(|one| is_done(one.step)).collect();
        let failed = failures.iter().map(|one| one.portfolio).collect();
        let state = State { steps, failures, failed, ..State::default() };
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

    /// From here on it counts so many things, from zero; what failed before stays so.
    pub fn counts(&self, total: usize, message: impl Into<String>) {
        let total = Some(i32::try_from(total).unwrap_or(i32::MAX));
        let message = Some(message.into());
        self.tell(|state| {
            let failed = i32::try_from(state.failed.len()).unwrap_or(i32::MAX);
            state.progress = Progress { processed: 0, total, failed, message };
        });
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

    /// One of them, a book, could not be done, and the others go on.
    pub fn failed(&self, failure: BookFailure) {
        self.tell(|state| {
            state.progress.processed = state.progress.processed.saturating_add(1);
            state.failed.insert(failure.portfolio);
            state.progress.failed = i32::try_from(state.failed.len()).unwrap_or(i32::MAX);
            if state.failures.len() < KEPT_FAILURES {
                state.failures.push(failure);
            }
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
    pub fn news(&self) -> Option<Told> {
        let is_new = std::mem::take(&mut self.state().is_new);
        is_new.then(|| self.told())
    }

    /// How far it is, whether or not that is news.
    pub fn told(&self) -> Told {
        let state = self.state();
        Told {
            progress: state.progress.clone(),
            steps: state.steps.clone(),
            failures: state.failures.clone(),
        }
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

    fn failure(step: JobKind, portfolio: PortfolioId) -> BookFailure {
        BookFailure { step, portfolio, message: "It did.".into() }
    }

    #[test]
    fn what_was_told_is_news_once() {
        let meter = Meter::default();
        assert_eq!(meter.news(), None);
        meter.counts(3, "portfolios");
        meter.did(2);
        meter.failed(failure(JobKind::Greeks, PortfolioId::fresh()));
        let Told { progress, .. } = meter.news().expect("news");
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
        let Told { steps, .. } = meter.news().expect("news");
        let again = Meter::resumed(steps, Vec::new());
        assert!(again.has_done(JobKind::MarketData) && !again.has_done(JobKind::Greeks));
    }

    #[test]
    fn a_book_that_fails_in_two_steps_is_one_and_one_of_a_step_that_is_done_again_is_none_yet() {
        let (now, book, other) = (DateTime::UNIX_EPOCH, PortfolioId::fresh(), PortfolioId::fresh());
        let meter = Meter::default();
        meter.begins(JobKind::Greeks, now);
        meter.failed(failure(JobKind::Greeks, book));
        meter.ends(JobKind::Greeks, JobStatus::Succeeded, None, now);
        meter.begins(JobKind::Factors, now);
        meter.counts(2, "books");
        meter.failed(failure(JobKind::Factors, book));
        assert_eq!(meter.progress().failed, 1);
        meter.failed(failure(JobKind::Factors, other));
        let Told { progress, steps, failures } = meter.told();
        assert_eq!((progress.failed, failures.len()), (2, 3));
        let again = Meter::resumed(steps, failures);
        assert_eq!(again.told().failures, [failure(JobKind::Greeks, book)]);
    }

    #[test]
    fn work_that_is_stopped_does_not_go_on() {
        let meter = Meter::default();
        assert!(meter.goes_on().is_ok());
        meter.clone().stop();
        assert!(matches!(meter.goes_on(), Err(Error::Stopped)));
    }
}
