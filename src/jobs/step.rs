//! A step of the chain over many books, some at a time. Those that fail together are done one by
//! one; of these, one that fails is remembered with its reason, and the others go on; without a
//! database none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use tokio_util::task::AbortOnDropHandle;

use crate::domain::id::{PortfolioId, UserId};
use crate::domain::job::{BookFailure, JobKind};
use crate::domain::snapshot::SnapshotSource;
use crate::error::{Error, chain as causes};
use crate::services::jobs;
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::{Services, alerts, books, results, snapshots};

/// Books of one owner that are read and written together.
pub type Books = (UserId, Vec<PortfolioId>);

/// Books put together, by their owners, so many as are worked on at a time.
///
/// # Errors
/// When the database fails.
pub async fn some_at_a_time(
    services: &Services,
    all: &[(UserId, PortfolioId)],
) -> Result<Vec<Books>, Error> {
    let mut some = Vec::new();
    for of_owner in all.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((owner, _)) = of_owner.first() else { continue };
        let ids: Vec<_> = of_owner.iter().map(|(_, portfolio)| *portfolio).collect();
        let chunks = books::chunks(services, *owner, &ids).await?;
        some.extend(chunks.into_iter().map(|chunk| (*owner, chunk)));
    }
    Ok(some)
}

/// Before a book is tried again that somebody else was at.
const BREATH: Duration = Duration::from_secs(1);
/// Chunks of books worked on at a time: while one computes, the database works for another.
const AT_ONCE: usize = 2;

/// A step of one owner's books.
#[derive(Clone, Copy)]
struct Step<'a> {
    services: &'a Services,
    kind: JobKind,
    /// What its snapshots say of where they come from.
    source: SnapshotSource,
    night: &'a Arc<Night>,
    owner: UserId,
    meter: &'a Meter,
}

/// Does a step for a night.
///
/// # Errors
/// When it failed of every book, or the database is away, or `meter` says stop.
pub async fn step(
    services: &Services,
    (kind, source): (JobKind, SnapshotSource),
    night: &Arc<Night>,
    books: &[Books],
    meter: &Meter,
) -> Result<(), Error> {
    let failed = AtomicUsize::new(0);
    let each = stream::iter(books.iter().map(Ok::<_, Error>));
    each.try_for_each_concurrent(AT_ONCE, |(owner, some)| {
        let step = Step { services, kind, source, night, owner: *owner, meter };
        let failed = &failed;
        async move {
            let lost = step.some_books(some).await?;
            failed.fetch_add(lost, Ordering::Relaxed);
            Ok(())
        }
    })
    .await?;
    let (failed, kind) = (failed.into_inner(), kind.as_str());
    let total: usize = books.iter().map(|(_, some)| some.len()).sum();
    if failed > 0 && failed == total {
        return Err(Error::Internal(format!("{kind} failed of every book")));
    }
    if failed > 0 {
        meter.says(format!("{kind} of {}: {failed} of {total} books failed", night.date));
    }
    Ok(())
}

impl Step<'_> {
    /// Does some books together, or else one by one. The number that failed.
    async fn some_books(self, books: &[PortfolioId]) -> Result<usize, Error> {
        self.meter.goes_on()?;
        match self.patiently(books).await {
            Ok(()) => {
                self.meter.did(books.len());
                Ok(0)
            }
            Err(error) if ends_all(&error) => Err(error),
            Err(error) => match books {
                [book] => {
                    self.failed(*book, &error);
                    Ok(1)
                }
                _ => self.one_by_one(books).await,
            },
        }
    }

    async fn one_by_one(self, books: &[PortfolioId]) -> Result<usize, Error> {
        let mut failed = 0;
        for book in books {
            self.meter.goes_on()?;
            match self.patiently(std::slice::from_ref(book)).await {
                Ok(()) => self.meter.did(1),
                Err(error) if ends_all(&error) => return Err(error),
                Err(error) => {
                    self.failed(*book, &error);
                    failed += 1;
                }
            }
        }
        Ok(failed)
    }

    fn failed(self, portfolio: PortfolioId, error: &Error) {
        let (kind, date) = (self.kind, self.night.date);
        tracing::error!(error = causes(error), kind = kind.as_str(), %portfolio, %date, "a book failed");
        let message = error.sentence().to_owned();
        self.meter.failed(BookFailure { step: kind, portfolio, message });
    }

    /// Does some books, and once more where somebody else was at one of them.
    async fn patiently(self, books: &[PortfolioId]) -> Result<(), Error> {
        let done = self.apart(books).await;
        if !done.as_ref().is_err_and(Error::is_passing) {
            return done;
        }
        tokio::time::sleep(BREATH).await;
        self.apart(books).await
    }

    /// Does some books in a task of their own, so that one that panics fails alone.
    async fn apart(self, books: &[PortfolioId]) -> Result<(), Error> {
        let Self { kind, source, owner, .. } = self;
        let (services, night) = (self.services.clone(), Arc::clone(self.night));
        let (books, meter) = (books.to_vec(), self.meter.clone());
        let working = tokio::spawn(async move {
            match kind {
                JobKind::Alerts => alerts::look(&services, &night, owner, &books, &meter).await,
                JobKind::Snapshots => {
                    snapshots::take_tonight(&services, &night, owner, &books, source).await?;
                    if source == SnapshotSource::Batch {
                        snapshots::take_late(&services, owner, &books, night.date, &meter).await?;
                    }
                    Ok(())
                }
                _ => results::make(&services, &night, kind, owner, &books, &meter).await,
            }
        });
        let panicked = |error| Err(Error::Internal(format!("a book panicked: {error}")));
        AbortOnDropHandle::new(working).await.unwrap_or_else(panicked)
    }
}

/// Whether after an error nothing else is worth trying.
fn ends_all(error: &Error) -> bool {
    matches!(error, Error::Stopped) || error.is_of_a_database_away()
}

/// Takes again the snapshots that prices came too late for; a book that fails stops no other.
///
/// # Errors
/// When the database is away, or `meter` says stop.
pub async fn take_late(services: &Services, meter: &Meter) -> Result<(), Error> {
    let today = services.calendar.next_session(services.last_session());
    let all = jobs::all_books(services).await?;
    for (owner, some) in some_at_a_time(services, &all).await? {
        meter.goes_on()?;
        match snapshots::take_late(services, owner, &some, today, meter).await {
            Ok(()) => {}
            Err(error) if ends_all(&error) => return Err(error),
            Err(error) => {
                tracing::error!(error = causes(&error), %owner, "late snapshots are not taken");
            }
        }
    }
    Ok(())
}
