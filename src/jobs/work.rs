//! What each kind of job does.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Days, NaiveDate};
use tokio::sync::OnceCell;

use super::chain;
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::instrument::Symbol;
use crate::domain::job::{Job, JobKind, JobStatus};
use crate::domain::snapshot::SnapshotSource;
use crate::error::{Error, chain as causes};
use crate::services::jobs::{self, Details};
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::prices::{self, Scope};
use crate::services::{Services, books, demo, exports, rates, results, snapshots};

/// Does a job; done twice it does the same.
///
/// # Errors
/// `Refused` when doing it again cannot help; whatever else can be tried again.
pub async fn run(
    services: &Services,
    job: &Job,
    details: &Details,
    meter: &Meter,
) -> Result<(), Error> {
    match job.kind {
        JobKind::Backfill => {
            if details.demo {
                meter.says("Making the demo anew");
                demo::reset(services).await?;
                demo::refresh(services).await?;
            }
            market_data(services, details, None, meter).await?;
            let Some((owner, portfolio)) = job.owner_id.zip(job.portfolio_id) else {
                return Ok(());
            };
            meter.says("Making the history of the book");
            let sessions = snapshots::history(services);
            let source = SnapshotSource::Backfill;
            snapshots::take(services, owner, &[portfolio], &sessions, source, true, meter).await?;
            Ok(())
        }
        JobKind::Report | JobKind::Export => match job.owner_id.zip(details.export) {
            Some((owner, export)) => exports::make::run(services, owner, export, meter).await,
            None => Err(Error::Internal("a job of no file".into())),
        },
        JobKind::Retention => retention(services, meter).await,
        JobKind::Daily | JobKind::Recalculate => {
            let books = books_of(services, job, details).await?;
            let date = jobs::completed_session(services, job.date)?;
            let steps = chain::STEPS.iter().map(|(kind, _)| *kind);
            // Prices are everybody's: one book's figures are made of what is there.
            let steps =
                steps.filter(|kind| job.kind == JobKind::Daily || *kind != JobKind::MarketData);
            let night = Shared::default();
            for kind in steps {
                // Done before the worker died that had begun it.
                if meter.has_done(kind) {
                    continue;
                }
                meter.begins(kind, services.now());
                step(services, ToDo::of(job, kind), (date, &night), &books, details, meter).await?;
                let message = meter.progress().message;
                meter.ends(kind, JobStatus::Succeeded, message, services.now());
            }
            Ok(())
        }
        kind => {
            let books = books_of(services, job, details).await?;
            let of = (jobs::completed_session(services, job.date)?, &Shared::default());
            step(services, ToDo::of(job, kind), of, &books, details, meter).await
        }
    }
}

/// Whose books a job works through; by owner.
async fn books_of(
    services: &Services,
    job: &Job,
    details: &Details,
) -> Result<Vec<(UserId, PortfolioId)>, Error> {
    match (job.owner_id, job.portfolio_id, &details.portfolios) {
        (Some(owner), Some(portfolio), _) => Ok(vec![(owner, portfolio)]),
        (_, _, Some(named)) => Ok(named.clone()),
        _ => jobs::all_books(services).await,
    }
}

/// Before a book is tried again that somebody else was at.
const BREATH: Duration = Duration::from_secs(1);

/// What all books need alike, read when the first of them does.
type Shared = OnceCell<Arc<Night>>;

/// A step, and on whose account.
#[derive(Clone, Copy)]
struct ToDo {
    kind: JobKind,
    /// What its snapshots say of where they come from.
    source: SnapshotSource,
}

impl ToDo {
    fn of(job: &Job, kind: JobKind) -> Self {
        let source = match job.kind {
            JobKind::Recalculate => SnapshotSource::OnDemand,
            _ => SnapshotSource::Batch,
        };
        Self { kind, source }
    }
}

/// Does one step of the chain for a date, some books at a time. Those that fail together are done
/// one by one; of these, one that fails is counted and logged, and the others go on; without a
/// database none does.
async fn step(
    services: &Services,
    to_do: ToDo,
    (date, night): (NaiveDate, &Shared),
    books: &[(UserId, PortfolioId)],
    details: &Details,
    meter: &Meter,
) -> Result<(), Error> {
    let kind = to_do.kind;
    if kind == JobKind::MarketData {
        let tonight = services.calendar.sessions_before(services.last_session(), RECENT);
        return market_data(services, details, Some(tonight), meter).await;
    }
    meter.counts(books.len(), format!("{} of {date}", kind.as_str()));
    let night = night.get_or_try_init(async || Night::read(services, date).await.map(Arc::new));
    let night = night.await?;
    if kind == JobKind::Correlations {
        results::correlate_factors(services, night).await?;
    }
    for of_owner in books.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((owner, _)) = of_owner.first() else { continue };
        let ids: Vec<_> = of_owner.iter().map(|(_, portfolio)| *portfolio).collect();
        for some in books::chunks(services, *owner, &ids).await? {
            meter.goes_on()?;
            match patiently(services, to_do, night, *owner, &some, meter).await {
                Ok(()) => meter.did(some.len()),
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) if error.is_of_a_database_away() => return Err(error),
                Err(_) if some.len() > 1 => {
                    one_by_one(services, to_do, night, *owner, &some, meter).await?;
                }
                Err(error) => failed(kind, night, some.first(), &error, meter),
            }
        }
    }
    let progress = meter.progress();
    if progress.failed > 0 && Some(progress.failed) == progress.total {
        return Err(Error::Internal(format!("{} failed of every book", kind.as_str())));
    }
    Ok(())
}

async fn one_by_one(
    services: &Services,
    to_do: ToDo,
    night: &Arc<Night>,
    owner: UserId,
    books: &[PortfolioId],
    meter: &Meter,
) -> Result<(), Error> {
    for book in books {
        meter.goes_on()?;
        match patiently(services, to_do, night, owner, std::slice::from_ref(book), meter).await {
            Ok(()) => meter.did(1),
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(error) if error.is_of_a_database_away() => return Err(error),
            Err(error) => failed(to_do.kind, night, Some(book), &error, meter),
        }
    }
    Ok(())
}

fn failed(
    kind: JobKind,
    night: &Night,
    portfolio: Option<&PortfolioId>,
    error: &Error,
    meter: &Meter,
) {
    let (error, kind, date) = (causes(error), kind.as_str(), night.date);
    tracing::error!(error, kind, ?portfolio, %date, "a book failed");
    meter.failed();
}

/// Does some books, and once more where somebody else was at one of them.
async fn patiently(
    services: &Services,
    to_do: ToDo,
    night: &Arc<Night>,
    owner: UserId,
    books: &[PortfolioId],
    meter: &Meter,
) -> Result<(), Error> {
    let done = some_books(services, to_do, night, owner, books, meter).await;
    if !done.as_ref().is_err_and(Error::is_passing) {
        return done;
    }
    tokio::time::sleep(BREATH).await;
    some_books(services, to_do, night, owner, books, meter).await
}

async fn some_books(
    services: &Services,
    to_do: ToDo,
    night: &Arc<Night>,
    owner: UserId,
    books: &[PortfolioId],
    meter: &Meter,
) -> Result<(), Error> {
    let ToDo { kind, source } = to_do;
    if kind == JobKind::Snapshots {
        snapshots::take(services, owner, books, &[night.date], source, true, meter).await?;
        return Ok(());
    }
    results::make(services, night, kind, owner, books, meter).await
}

/// Sessions up to the last whose prices are the chain's; what is older it does not wait for.
const RECENT: u32 = 5;

async fn market_data(
    services: &Services,
    details: &Details,
    only_since: Option<NaiveDate>,
    meter: &Meter,
) -> Result<(), Error> {
    let symbols = details
        .symbols
        .as_ref()
        .map(|symbols| symbols.iter().filter_map(|symbol| Symbol::parse(symbol).ok()).collect());
    let scope = Scope { symbols, from: details.from, to: details.to, only_since };
    prices::know_references(services).await?;
    // Yields beside them: a first history may take hours, the yields take seconds.
    let prices = prices::complete(services, &scope, meter);
    tokio::try_join!(prices, rates::fill(services))?;
    if details.symbols.is_none() {
        prices::look_twice(services).await?;
    }
    Ok(())
}

/// Days that jobs which have ended are remembered.
const JOBS_KEPT: Days = Days::new(90);

/// Removes what is older than it is kept.
async fn retention(services: &Services, meter: &Meter) -> Result<(), Error> {
    let removed = jobs::forget(services, services.now() - JOBS_KEPT).await?;
    let (mut snapshots, mut files) = (0, 0);
    let mut results = results::forget_factors(services).await?;
    let mut owners: Vec<_> =
        jobs::all_books(services).await?.into_iter().map(|(owner, _)| owner).collect();
    owners.dedup();
    for owner in owners {
        meter.goes_on()?;
        snapshots += snapshots::forget(services, owner).await?;
        results += results::forget(services, owner).await?;
        files += exports::forget(services, owner).await?;
    }
    meter.says(format!(
        "{removed} jobs, {snapshots} snapshots, {results} results and {files} files removed"
    ));
    Ok(())
}
