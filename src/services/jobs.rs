//! Asking for work, and for it to stop. Who does it, and when, is the business of
//! [`jobs`](crate::jobs).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Services, snapshots};
use crate::domain::id::{ExportId, JobId, PortfolioId, UserId};
use crate::domain::instrument::Symbol;
use crate::domain::job::{Job, JobKind, JobStatus};
use crate::domain::user::{Role, User};
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::store;
use crate::store::jobs::NewJob;

/// Symbols of one request for market data.
const MAX_SYMBOLS: usize = 500;
/// The queues of what works on everybody's behalf, one after the other in each: the books, and
/// the prices, which may take hours and must not keep the books waiting.
const CHAIN: &str = "chain";
const PRICES: &str = "prices";
/// Jobs that one person may have waiting or under way.
pub const MAX_OPEN: i64 = 20;

/// How long a kind may take, in seconds, and how often it is begun before it is given up.
///
/// The times are of the nightly chain; what somebody asks for by hand has the same.
pub fn patience(kind: JobKind) -> (i32, i32) {
    match kind {
        JobKind::MarketData | JobKind::MarketRisk | JobKind::Snapshots => (300, 5),
        JobKind::Greeks | JobKind::Stress | JobKind::Report | JobKind::Export => (600, 3),
        JobKind::Factors | JobKind::Correlations | JobKind::Accuracy => (900, 3),
        JobKind::Alerts | JobKind::Retention | JobKind::Recalculate => (300, 3),
        // Five requests a minute are an hour for what three hundred symbols lack.
        JobKind::Backfill => (7_200, 5),
        JobKind::Daily => (3_600, 3),
    }
}

/// Work that is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub owner: Option<UserId>,
    pub kind: JobKind,
    pub date: Option<NaiveDate>,
    pub portfolio: Option<PortfolioId>,
    pub details: Details,
    /// The name of a firing that happens once for ever.
    pub occasion: Option<String>,
}

impl Ask {
    /// Work on everybody's behalf.
    pub fn of(kind: JobKind) -> Self {
        Self {
            owner: None,
            kind,
            date: None,
            portfolio: None,
            details: Details::default(),
            occasion: None,
        }
    }
}

/// What a job has to know beside its kind, its date and its portfolio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Of these alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
    /// Of these alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portfolios: Option<Vec<(UserId, PortfolioId)>>,
    /// The file to make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<ExportId>,
    /// Whether to do again what is done already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Whether to make the demo anew first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
}

/// Notes work and hands it to the engine when `tx` is committed. Of an occasion that has been,
/// or where the same is waiting, it is that job. `tx` is the owner's, or an
/// operator's.
///
/// # Errors
/// When the database fails.
pub async fn ask(tx: &mut Work, ask: Ask, now: DateTime<Utc>) -> Result<JobId, Error> {
    let (timeout_seconds, max_attempts) = patience(ask.kind);
    let payload = json!(ask.details);
    let digest = Sha256::digest(payload.to_string());
    let subject = format!(
        "{}:{}:{}:{}",
        ask.kind.as_str(),
        ask.date.map_or_else(|| "-".into(), |date| date.to_string()),
        ask.portfolio.map_or_else(
            || ask.owner.map_or_else(|| "-".into(), |id| id.to_string()),
            |id| id.to_string()
        ),
        URL_SAFE_NO_PAD.encode(digest),
    );
    let new = NewJob {
        id: JobId::fresh(),
        owner_id: ask.owner,
        kind: ask.kind,
        date: ask.date,
        portfolio_id: ask.portfolio,
        payload,
        occasion: ask.occasion,
        subject: Some(subject),
        max_attempts,
        timeout_seconds,
    };
    if store::jobs::insert(tx.statement(), &new, now).await? {
        store::jobs::enqueue(tx.statement(), new.id, queue(new.kind, new.owner_id), 0.0).await?;
        return Ok(new.id);
    }
    let (occasion, subject) = (new.occasion.as_deref(), new.subject.as_deref());
    let standing = store::jobs::standing(tx.statement(), occasion, subject).await?;
    // What stood in the way has begun since.
    standing.ok_or_else(|| {
        Refusal::new(Code::Conflict, "The same work has just begun.").hint("Ask again.").into()
    })
}

/// Asks for the prices of some symbols, and for the history of a book anew: its last 90 sessions,
/// and what is kept of it from before them since a day. Many changes in a row ask for it once: a job
/// that waits for the same book is told of the change. `tx` is the owner's.
///
/// # Errors
/// When the database fails.
pub async fn ask_for_history(
    tx: &mut Work,
    owner: UserId,
    portfolio: PortfolioId,
    from: NaiveDate,
    symbols: Vec<String>,
    now: DateTime<Utc>,
) -> Result<JobId, Error> {
    let waiting = store::jobs::widen_history(tx.statement(), owner, portfolio, from, &symbols);
    if let Some(job) = waiting.await? {
        return Ok(job);
    }
    let details = Details { symbols: Some(symbols), from: Some(from), ..Details::default() };
    let (owner, portfolio) = (Some(owner), Some(portfolio));
    ask(tx, Ask { owner, portfolio, details, ..Ask::of(JobKind::Backfill) }, now).await
}

/// What a job waits in line with: everybody's chain is one line, and what somebody asked for
/// waits for nobody else.
pub fn queue(kind: JobKind, owner: Option<UserId>) -> Option<&'static str> {
    match (owner, kind) {
        (Some(_), _) => None,
        (None, JobKind::Backfill) => Some(PRICES),
        (None, _) => Some(CHAIN),
    }
}

/// Asks for prices, of everything held or of some symbols, and of a range if one is named. For
/// administrators.
///
/// # Errors
/// `Forbidden` for others; `Validation` for symbols that are none, or a range that is none.
pub async fn refresh_market_data(
    services: &Services,
    viewer: &User,
    details: Details,
) -> Result<JobId, Error> {
    may_operate(viewer, "refresh market data")?;
    let mut details = details;
    if let Some(symbols) = &mut details.symbols {
        if symbols.is_empty() || symbols.len() > MAX_SYMBOLS {
            let message = format!("Give 1 to {MAX_SYMBOLS} symbols, or none for all.");
            return Err(Refusal::validation(message)
                .at("symbols")
                .hint("Leave `symbols` out for all that is held, or ask in parts.")
                .into());
        }
        for symbol in symbols.iter_mut() {
            let known = Symbol::parse(symbol).map_err(|_| {
                Refusal::validation(format!("`{symbol}` is no symbol."))
                    .at("symbols")
                    .hint("A ticker such as AAPL, or an option such as AAPL240119C00150000.")
            })?;
            *symbol = known.canonical();
        }
        symbols.sort();
        symbols.dedup();
    }
    let last = services.last_session();
    if details.from.zip(details.to).is_some_and(|(from, to)| from > to) {
        return Err(Refusal::validation("The range ends before it begins.")
            .at("to")
            .hint("Leave `to` out for the last session.")
            .into());
    }
    if details.from.is_some_and(|from| from > last) {
        let message = format!("The last session is {last}: there is nothing since.");
        return Err(Refusal::validation(message)
            .at("from")
            .hint("Give that day or one before it; leave `from` out for whatever is missing.")
            .into());
    }
    let mut tx = services.db.begin_as_operator(Some(viewer.id)).await?;
    let asked = Ask { details, ..Ask::of(JobKind::Backfill) };
    let id = ask(&mut tx, asked, services.now()).await?;
    audit(&mut tx, viewer, "market_data.refresh", id, services.now()).await?;
    tx.commit().await?;
    Ok(id)
}

/// Asks for the demo as it was at first start. For administrators, where there is a demo: never in
/// production.
///
/// # Errors
/// `Forbidden` for others, and where there is none.
pub async fn reset_demo(services: &Services, viewer: &User) -> Result<JobId, Error> {
    may_operate(viewer, "reset the demo")?;
    if !store::users::any_demo(services.db.shared()).await? {
        return Err(Refusal::new(Code::Forbidden, "There is no demo here.").into());
    }
    let mut tx = services.db.begin_as_operator(Some(viewer.id)).await?;
    let details = Details { demo: true, ..Details::default() };
    let asked = Ask { details, ..Ask::of(JobKind::Backfill) };
    let id = ask(&mut tx, asked, services.now()).await?;
    audit(&mut tx, viewer, "demo.reset", id, services.now()).await?;
    tx.commit().await?;
    Ok(id)
}

/// Asks a job to stop: their own for everybody, any for administrators.
///
/// # Errors
/// `NotFound` for a job that is not theirs; `Conflict` for one that has ended.
pub async fn cancel(services: &Services, viewer: &User, id: JobId) -> Result<(), Error> {
    let mut tx = match viewer.role {
        Role::Admin => services.db.begin_as_operator(Some(viewer.id)).await?,
        Role::User => services.db.begin_as(viewer.id).await?,
    };
    if store::jobs::by_id(tx.statement(), &[id]).await?.is_empty() {
        return Err(Refusal::not_found("job").at("id").into());
    }
    if !store::jobs::cancel(tx.statement(), id, services.now()).await? {
        return Err(Refusal::new(Code::Conflict, "The job has ended already.")
            .at("id")
            .hint("Only what waits or runs can be cancelled.")
            .into());
    }
    audit(&mut tx, viewer, "job.cancel", id, services.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Asks for a kind of work on everybody's books, or on some portfolios, whosever they are. For
/// administrators.
///
/// # Errors
/// `Forbidden` for others; `Validation` for a date that is no completed session, or a kind that
/// is not for asking; `NotFound` for a portfolio that is not there.
pub async fn run_batch(services: &Services, viewer: &User, batch: Batch) -> Result<JobId, Error> {
    may_operate(viewer, "run the batch")?;
    let asked = wanted(services, batch).await?;
    let now = services.now();
    let mut tx = services.db.begin_as_operator(Some(viewer.id)).await?;
    // What has succeeded for everybody and that date is not done again unasked.
    if let Some(date) = asked.date.filter(|_| !asked.details.force)
        && asked.details.portfolios.is_none()
    {
        let known = store::jobs::of_date(tx.statement(), date, &[asked.kind]).await?;
        if let Some((_, id, JobStatus::Succeeded)) = known.first() {
            return Ok(*id);
        }
    }
    let id = ask(&mut tx, asked, now).await?;
    audit(&mut tx, viewer, "job.run", id, now).await?;
    tx.commit().await?;
    Ok(id)
}

/// A batch with its names resolved and its rules checked.
async fn wanted(services: &Services, batch: Batch) -> Result<Ask, Error> {
    let Batch { kind, date, portfolios, force } = batch;
    if !RUNNABLE.contains(&kind) {
        let message = format!("{} is not run by hand.", kind.as_str());
        let known: Vec<_> = RUNNABLE.iter().map(|kind| kind.as_str()).collect();
        return Err(Refusal::validation(message)
            .at("kind")
            .hint(format!("Run one of {}.", known.join(", ")))
            .into());
    }
    let date = completed_session(services, date)?;
    let portfolios = match portfolios {
        None => None,
        Some(ids) => {
            let known = all_books(services).await?;
            let of = |id: &PortfolioId| known.iter().find(|(_, known)| known == id).copied();
            let found: Option<Vec<_>> = ids.iter().map(of).collect();
            Some(found.ok_or_else(|| Refusal::not_found("portfolio").at("portfolioIds"))?)
        }
    };
    let details = Details { portfolios, force, ..Details::default() };
    Ok(Ask { date: Some(date), details, ..Ask::of(kind) })
}

/// Notes a batch that is done here and now, and not by the engine: who asks from the machine
/// itself. The engine only looks, when its time is over, whether it ended.
///
/// # Errors
/// `Validation` for a date that is no completed session, or a kind that is not for asking;
/// `NotFound` for a portfolio that is not there.
pub async fn begin_here(services: &Services, batch: Batch) -> Result<(Job, Value), Error> {
    let ask = wanted(services, batch).await?;
    let (timeout_seconds, _) = patience(ask.kind);
    let new = NewJob {
        id: JobId::fresh(),
        owner_id: None,
        kind: ask.kind,
        date: ask.date,
        portfolio_id: None,
        payload: json!(ask.details),
        occasion: None,
        subject: None,
        max_attempts: 1,
        timeout_seconds,
    };
    let mut tx = services.db.begin_as_operator(None).await?;
    store::jobs::insert(tx.statement(), &new, services.now()).await?;
    store::jobs::enqueue(tx.statement(), new.id, None, timeout_seconds.into()).await?;
    let begun = store::jobs::begin(tx.statement(), new.id, services.now()).await?;
    tx.commit().await?;
    begun.ok_or_else(|| Error::Internal("a job that was just noted is gone".into()))
}

/// Kinds that an administrator may run.
pub const RUNNABLE: [JobKind; 11] = [
    JobKind::MarketData,
    JobKind::Greeks,
    JobKind::Factors,
    JobKind::MarketRisk,
    JobKind::Snapshots,
    JobKind::Stress,
    JobKind::Alerts,
    JobKind::Correlations,
    JobKind::Accuracy,
    JobKind::Retention,
    JobKind::Daily,
];

/// Work that an administrator asks for.
#[derive(Clone, Debug)]
pub struct Batch {
    pub kind: JobKind,
    /// The last completed session when None.
    pub date: Option<NaiveDate>,
    /// Of these alone.
    pub portfolios: Option<Vec<PortfolioId>>,
    /// Also when it has been done.
    pub force: bool,
}

/// Asks for all figures of one of the owner's portfolios anew.
///
/// # Errors
/// `NotFound` for a portfolio that is not theirs; `Validation` for a date that is no completed
/// session.
pub async fn recalculate(
    services: &Services,
    owner: UserId,
    portfolio: Option<PortfolioId>,
    date: Option<NaiveDate>,
) -> Result<JobId, Error> {
    let date = completed_session(services, date)?;
    if services.last_session() - date > TimeDelta::days(snapshots::KEPT_DAYS) {
        let message = format!("Figures are kept for {} days.", snapshots::KEPT_DAYS);
        let first = services.last_session() - TimeDelta::days(snapshots::KEPT_DAYS);
        return Err(Refusal::validation(message)
            .at("date")
            .hint(format!("Give a session since {first}."))
            .into());
    }
    let mut tx = services.db.begin_as(owner).await?;
    let known = match portfolio {
        Some(id) => store::portfolios::owned(tx.statement(), owner, &[id]).await?,
        None => Vec::new(),
    };
    let Some(portfolio) = known.first().map(|known| known.id) else {
        return Err(Refusal::not_found("portfolio").at("portfolioId").into());
    };
    if store::jobs::open(tx.statement(), owner).await? >= MAX_OPEN {
        let message = format!("At most {MAX_OPEN} jobs of one person wait at a time.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("portfolioId")
            .hint("Wait for some to end, or cancel them.")
            .into());
    }
    let asked = Ask {
        owner: Some(owner),
        portfolio: Some(portfolio),
        date: Some(date),
        ..Ask::of(JobKind::Recalculate)
    };
    let id = ask(&mut tx, asked, services.now()).await?;
    tx.commit().await?;
    Ok(id)
}

/// The session a job is about: the last completed one when none is named.
///
/// # Errors
/// `Validation` for a day that is none.
pub fn completed_session(services: &Services, date: Option<NaiveDate>) -> Result<NaiveDate, Error> {
    let last = services.last_session();
    let date = date.unwrap_or(last);
    if date > last || !services.calendar.is_session(date) {
        return Err(Refusal::validation(format!("{date} is no completed session."))
            .at("date")
            .hint(format!("The last one is {last}."))
            .into());
    }
    Ok(date)
}

/// Every portfolio there is, with its owner; by owner.
///
/// # Errors
/// When the database fails.
pub async fn all_books(services: &Services) -> Result<Vec<(UserId, PortfolioId)>, Error> {
    Ok(store::portfolios::all(services.db.shared()).await?)
}

/// Forgets jobs that ended before an instant. The number forgotten.
///
/// # Errors
/// When the database fails.
pub async fn forget(services: &Services, before: DateTime<Utc>) -> Result<u64, Error> {
    let mut tx = services.db.begin_as_operator(None).await?;
    let forgotten = store::jobs::delete_ended(tx.statement(), before).await?;
    tx.commit().await?;
    Ok(forgotten)
}

/// # Errors
/// `Forbidden` unless they are an administrator.
pub fn may_operate(viewer: &User, what: &str) -> Result<(), Error> {
    if viewer.role == Role::Admin {
        return Ok(());
    }
    let message = format!("Only an administrator may {what}.");
    Err(Refusal::new(Code::Forbidden, message).into())
}

async fn audit(
    tx: &mut Work,
    viewer: &User,
    action: &str,
    job: JobId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let entry = store::audit::Entry {
        owner: viewer.id,
        actor: viewer.id,
        action,
        subject: Some(("Job", job.0)),
        detail: json!({}),
    };
    Ok(store::audit::append(tx.statement(), entry, now).await?)
}
