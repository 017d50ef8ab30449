//! What each kind of job does.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use tokio::sync::OnceCell;

use super::chain;
use super::step::{self, Books};
use crate::domain::instrument::Symbol;
use crate::domain::job::{Job, JobKind, JobStatus};
use crate::domain::snapshot::SnapshotSource;
use crate::error::Error;
use crate::services::jobs::{self, Details};
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::prices::{self, Scope};
use crate::services::{
    Services, accounts, alerts, demo, exports, modeling, profiles, rates, results, snapshots, tags,
};

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
                demo::remember(services, &snapshots::history(services), meter).await?;
            }
            let bars = market_data(services, details, None, meter).await?;
            let book = job.owner_id.zip(job.portfolio_id);
            if let Some((owner, portfolio)) = book {
                meter.says("Making the history of the book");
                let changed = details.from;
                let sessions = snapshots::history_of(services, owner, portfolio, changed).await?;
                let source = SnapshotSource::Backfill;
                snapshots::take(services, owner, &[portfolio], &sessions, source, meter).await?;
            } else if bars > 0 {
                step::take_late(services, meter).await?;
            }
            // A name may take its time, and what somebody is told must not wait for it; but an alert
            // may be of a sector that was not known.
            if let Some((owner, portfolio)) = book {
                alerts::look_now(services, owner, portfolio, meter).await?;
            }
            let described = profiles::complete(services, meter).await?;
            match book.filter(|_| described > 0) {
                Some((owner, portfolio)) => {
                    alerts::look_now(services, owner, portfolio, meter).await
                }
                None => Ok(()),
            }
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
                one_step(services, (job, kind), (date, &night), &books, details, meter).await?;
                let message = meter.progress().message;
                meter.ends(kind, JobStatus::Succeeded, message, services.now());
            }
            Ok(())
        }
        kind => {
            let books = books_of(services, job, details).await?;
            let of = (jobs::completed_session(services, job.date)?, &Shared::default());
            one_step(services, (job, kind), of, &books, details, meter).await
        }
    }
}

/// Whose books a job works through.
async fn books_of(services: &Services, job: &Job, details: &Details) -> Result<Vec<Books>, Error> {
    let all = match (job.owner_id, job.portfolio_id, &details.portfolios) {
        (Some(owner), Some(portfolio), _) => vec![(owner, portfolio)],
        (_, _, Some(named)) => named.clone(),
        _ => jobs::all_books(services).await?,
    };
    step::some_at_a_time(services, &all).await
}

/// What all books need alike, read when the first of them does.
type Shared = OnceCell<Arc<Night>>;

/// Does one step of the chain for a date.
async fn one_step(
    services: &Services,
    (job, kind): (&Job, JobKind),
    (date, night): (NaiveDate, &Shared),
    books: &[Books],
    details: &Details,
    meter: &Meter,
) -> Result<(), Error> {
    if kind == JobKind::MarketData {
        let tonight = services.calendar.sessions_before(services.last_session(), RECENT);
        market_data(services, details, Some(tonight), meter).await?;
        return Ok(());
    }
    let total = books.iter().map(|(_, some)| some.len()).sum();
    meter.counts(total, format!("{} of {date}", kind.as_str()));
    let night = night.get_or_try_init(async || Night::read(services, date).await.map(Arc::new));
    let night = night.await?;
    if kind == JobKind::Correlations {
        results::correlate_factors(services, night).await?;
    }
    let source = match job.kind {
        JobKind::Recalculate => SnapshotSource::OnDemand,
        _ => SnapshotSource::Batch,
    };
    step::step(services, (kind, source), night, books, meter).await
}

/// Sessions up to the last whose prices are the chain's; what is older it does not wait for.
const RECENT: u32 = 5;

/// Completes prices and yields. The number of bars stored.
async fn market_data(
    services: &Services,
    details: &Details,
    only_since: Option<NaiveDate>,
    meter: &Meter,
) -> Result<u64, Error> {
    let symbols = details
        .symbols
        .as_ref()
        .map(|symbols| symbols.iter().filter_map(|symbol| Symbol::parse(symbol).ok()).collect());
    let scope = Scope { symbols, from: details.from, to: details.to, only_since };
    prices::know_references(services).await?;
    // Yields beside them: a first history may take hours, the yields take seconds.
    let prices = prices::complete(services, &scope, meter);
    let (bars, _) = tokio::try_join!(prices, rates::fill(services))?;
    if details.symbols.is_none() {
        prices::look_twice(services).await?;
    }
    Ok(bars)
}

/// Days that jobs which have ended are remembered.
const JOBS_KEPT: Days = Days::new(90);

/// Removes what is older than it is kept.
async fn retention(services: &Services, meter: &Meter) -> Result<(), Error> {
    let removed = jobs::forget(services, services.now() - JOBS_KEPT).await?;
    let (mut snapshots, mut tags, mut files, mut sessions) = (0, 0, 0, 0);
    let mut results = results::forget_everybodys(services).await?;
    let mut alerts = 0;
    // Of those without a portfolio too: their files and deleted tags are theirs alone.
    for owner in accounts::everybody(services).await? {
        meter.goes_on()?;
        snapshots += snapshots::forget(services, owner).await?;
        results += results::forget(services, owner).await?;
        alerts += alerts::forget(services, owner).await?;
        tags += tags::forget(services, owner).await?;
        files += exports::forget(services, owner).await?;
        sessions += modeling::forget(services, owner).await?;
    }
    meter.says(format!(
        "{removed} jobs, {snapshots} snapshots, {results} results, {alerts} alerts, {tags} tags, \
         {files} files and {sessions} what-if sessions removed"
    ));
    Ok(())
}
