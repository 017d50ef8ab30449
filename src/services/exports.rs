//! Files to take away: asked for in a moment, made by a job, kept for a while, handed out by links
//! that end.

pub mod command;
pub mod make;
mod positions;
mod trades;

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use trades::{orders, orders_of_session};

use super::Services;
use super::jobs::{self, Ask, Details};
use super::tokens::LINK_MINUTES;
use super::valuation::Filter;
use crate::domain::calendar::new_york_date;
use crate::domain::export::{
    DEFAULT_TEMPLATE, Download, ExportFormat, ExportKind, Moment, Order, ReportSection, template,
};
use crate::domain::id::{ExportId, PortfolioId, ReportScheduleId, UserId};
use crate::domain::job::JobKind;
use crate::domain::portfolio::Portfolio;
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::render::text::file_stem;
use crate::store;

/// Days that files are kept.
const KEPT_DAYS: u64 = 30;
const KEPT: Days = Days::new(KEPT_DAYS);
/// Most bytes of a file: its table holds no more either.
pub const MAX_BYTES: usize = 32 << 20;
/// Most files of one owner, and most bytes of them together, before another is asked for.
const MOST_FILES: i64 = 500;
const MOST_BYTES: i64 = 512 << 20;
/// Most characters of a broker's account.
const MAX_ACCOUNT: usize = 40;

/// What a file is made of, as it is kept until then.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "camelCase")]
pub enum Request {
    /// Positions and what they are worth.
    Portfolio { moment: Moment, filter: Box<Filter> },
    /// Orders.
    Trades { account: Option<String>, orders: Vec<Order> },
    /// Figures of a book.
    Report { moment: Moment, title: String, sections: Vec<ReportSection> },
}

impl Request {
    fn kind(&self) -> ExportKind {
        match self {
            Self::Portfolio { .. } => ExportKind::Portfolio,
            Self::Trades { .. } => ExportKind::Trades,
            Self::Report { .. } => ExportKind::Report,
        }
    }
}

/// Asks for the positions of one of the owner's portfolios as a file.
///
/// # Errors
/// `NotFound` unless the portfolio is theirs; `Validation` for a format that it does not come in,
/// or a day that has not come; `LimitExceeded` while too much of theirs waits or is kept.
pub async fn portfolio(
    services: &Services,
    owner: UserId,
    portfolio: Option<PortfolioId>,
    format: ExportFormat,
    as_of: Option<NaiveDate>,
    filter: Filter,
) -> Result<ExportId, Error> {
    may_be(ExportKind::Portfolio, format)?;
    let moment = moment(services, as_of)?;
    let mut tx = services.db.begin_as(owner).await?;
    let portfolio = owned(&mut tx, owner, portfolio).await?;
    let request = Request::Portfolio { moment, filter: Box::new(filter) };
    let new = New { owner, portfolio: Some(&portfolio), format, request, schedule: None };
    let id = ask(services, &mut tx, new, None).await?;
    audit(services, &mut tx, owner, "portfolio.export", id, format).await?;
    tx.commit().await?;
    Ok(id)
}

/// Asks for orders as a file, for a broker's account where one is named.
///
/// # Errors
/// `Validation` for no orders, a format that they do not come in, or an account that none is;
/// `LimitExceeded` while too much of theirs waits or is kept.
pub async fn trades(
    services: &Services,
    owner: UserId,
    orders: Vec<Order>,
    format: ExportFormat,
    account: Option<&str>,
) -> Result<ExportId, Error> {
    may_be(ExportKind::Trades, format)?;
    let account = account.map(account_name).transpose()?;
    let mut tx = services.db.begin_as(owner).await?;
    let request = Request::Trades { account, orders };
    let new = New { owner, portfolio: None, format, request, schedule: None };
    let id = ask(services, &mut tx, new, None).await?;
    audit(services, &mut tx, owner, "trades.export", id, format).await?;
    tx.commit().await?;
    Ok(id)
}

/// A report that is asked for.
pub struct AskedReport {
    pub portfolio: Option<PortfolioId>,
    pub format: ExportFormat,
    /// A template's key; the whole report when None.
    pub template: Option<String>,
    /// These sections instead of the template's.
    pub sections: Option<Vec<ReportSection>>,
    pub as_of: Option<NaiveDate>,
}

/// Asks for a report on one of the owner's portfolios.
///
/// # Errors
/// `NotFound` unless the portfolio is theirs; `Validation` for a template that there is none of, no
/// sections, a format that it does not come in, or a day that has not come; `LimitExceeded` while
/// too much of theirs waits or is kept.
pub async fn report(
    services: &Services,
    owner: UserId,
    asked: AskedReport,
) -> Result<ExportId, Error> {
    let request = report_request(services, &asked)?;
    let mut tx = services.db.begin_as(owner).await?;
    let portfolio = owned(&mut tx, owner, asked.portfolio).await?;
    let format = asked.format;
    let new = New { owner, portfolio: Some(&portfolio), format, request, schedule: None };
    let id = ask(services, &mut tx, new, None).await?;
    audit(services, &mut tx, owner, "report.generate", id, format).await?;
    tx.commit().await?;
    Ok(id)
}

/// What a report is made of, its rules checked.
///
/// # Errors
/// `Validation` for what breaks one.
pub fn report_request(services: &Services, asked: &AskedReport) -> Result<Request, Error> {
    may_be(ExportKind::Report, asked.format)?;
    let key = asked.template.as_deref().unwrap_or(DEFAULT_TEMPLATE);
    let template = template(key).ok_or_else(|| {
        Refusal::validation(format!("There is no template `{key}`."))
            .at("template")
            .hint("`reportTemplates` lists those there are.")
    })?;
    let sections = match &asked.sections {
        None => template.sections.to_vec(),
        Some(named) => ReportSection::ALL.into_iter().filter(|one| named.contains(one)).collect(),
    };
    if sections.is_empty() {
        return Err(Refusal::validation("A report has at least one section.")
            .at("sections")
            .hint("Leave them out for those of the template.")
            .into());
    }
    let moment = moment(services, asked.as_of)?;
    Ok(Request::Report { moment, title: template.name.into(), sections })
}

/// A file to be made.
pub(super) struct New<'a> {
    pub owner: UserId,
    /// None for what is of no book.
    pub portfolio: Option<&'a Portfolio>,
    pub format: ExportFormat,
    pub request: Request,
    pub schedule: Option<ReportScheduleId>,
}

/// Notes a file and hands it to a job, in the owner's transaction. One of an occasion that has been
/// is not noted again.
pub(super) async fn ask(
    services: &Services,
    tx: &mut Work,
    new: New<'_>,
    occasion: Option<String>,
) -> Result<ExportId, Error> {
    let New { owner, portfolio, format, request, schedule } = new;
    if schedule.is_none() && store::jobs::open(tx.statement(), owner).await? >= jobs::MAX_OPEN {
        let message = format!("At most {} jobs of one person wait at a time.", jobs::MAX_OPEN);
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("format")
            .hint("Wait for some to end, or cancel them.")
            .into());
    }
    has_room(tx, owner).await?;
    let (id, now) = (ExportId::fresh(), services.now());
    let (kind, date) = (request.kind(), date_of(&request));
    let ask = Ask {
        owner: Some(owner),
        kind: if kind == ExportKind::Report { JobKind::Report } else { JobKind::Export },
        date,
        portfolio: portfolio.map(|portfolio| portfolio.id),
        details: Details { export: Some(id), ..Details::default() },
        occasion,
    };
    let job = jobs::ask(tx, ask, now).await?;
    let stem = portfolio.map_or_else(|| "trades".into(), |portfolio| file_stem(&portfolio.name));
    let name = match kind {
        ExportKind::Report => format!("{stem}-report"),
        _ => stem,
    };
    let date = date.unwrap_or_else(|| new_york_date(now));
    let new = store::exports::NewExport {
        id,
        kind,
        format,
        portfolio: portfolio.map(|portfolio| portfolio.id),
        job,
        schedule,
        file_name: &format!("{name}-{date}.{}", format.extension()),
        request: json!(request),
    };
    store::exports::insert(tx.statement(), owner, &new, now).await?;
    Ok(id)
}

/// Lets another file of the owner's be asked for, and nobody else ask for one of theirs until the
/// transaction ends, so that they can be counted.
///
/// # Errors
/// `LimitExceeded` for an owner whose files are too many or too large.
async fn has_room(tx: &mut Work, owner: UserId) -> Result<(), Error> {
    store::users::lock(tx.statement(), owner).await?;
    let kept = store::exports::kept(tx.statement(), owner).await?;
    if kept.files < MOST_FILES && kept.bytes < MOST_BYTES {
        return Ok(());
    }
    let message = format!(
        "At most {MOST_FILES} files or {} MB of one person are kept at a time.",
        MOST_BYTES >> 20
    );
    Err(Refusal::new(Code::LimitExceeded, message)
        .at("format")
        .hint(format!("Files are removed {KEPT_DAYS} days after they were asked for."))
        .into())
}

/// The session that a file is about.
fn date_of(request: &Request) -> Option<NaiveDate> {
    match request {
        Request::Portfolio { moment, .. } | Request::Report { moment, .. } => Some(moment.as_of),
        Request::Trades { .. } => None,
    }
}

/// A link to a file of the owner's, and when it ends.
///
/// # Errors
/// When signing fails, which HMAC does not.
pub fn link(
    services: &Services,
    owner: UserId,
    id: ExportId,
) -> Result<(String, DateTime<Utc>), Error> {
    let until = services.now() + Duration::minutes(LINK_MINUTES);
    let token = services.tokens.link(owner, id, until);
    let token =
        token.map_err(|error| Error::Internal(format!("a link cannot be signed: {error}")))?;
    Ok((format!("/exports/{token}"), until))
}

/// Whose file a link's token hands out, and which; None for one that is wrong or over.
pub fn linked(services: &Services, token: &str) -> Option<(UserId, ExportId)> {
    services.tokens.read_link(token, services.now())
}

/// The file that a good link hands out; None for one that is gone.
///
/// # Errors
/// When the database fails.
pub async fn download(
    services: &Services,
    (owner, id): (UserId, ExportId),
) -> Result<Option<Download>, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    Ok(store::exports::download(tx.statement(), owner, id).await?)
}

/// Removes an owner's files that are older than they are kept. The number removed.
///
/// # Errors
/// When the database fails.
pub async fn forget(services: &Services, owner: UserId) -> Result<u64, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let removed =
        store::exports::delete_before(tx.statement(), owner, services.now() - KEPT).await?;
    tx.commit().await?;
    Ok(removed)
}

/// # Errors
/// `Validation` for a format that this kind of file does not come in.
pub(super) fn may_be(kind: ExportKind, format: ExportFormat) -> Result<(), Error> {
    if kind.formats().contains(&format) {
        return Ok(());
    }
    let known: Vec<_> = kind.formats().iter().map(|format| format.as_str()).collect();
    Err(Refusal::validation(format!("It does not come as {}.", format.as_str()))
        .at("format")
        .hint(format!("Ask for one of {}.", known.join(", ")))
        .into())
}

/// The session and the last day of entries that a day stands for; of today when None.
fn moment(services: &Services, as_of: Option<NaiveDate>) -> Result<Moment, Error> {
    let last = services.last_session();
    let today = new_york_date(services.now());
    let Some(day) = as_of else { return Ok(Moment { as_of: last, held_by: today }) };
    if day > today {
        return Err(Refusal::validation(format!("{day} has not come yet."))
            .at("asOf")
            .hint(format!("The last session is {last}; leave `asOf` out for it."))
            .into());
    }
    let session = services.calendar.session_on_or_before(day).min(last);
    Ok(Moment { as_of: session, held_by: session })
}

pub(super) async fn owned(
    tx: &mut Work,
    owner: UserId,
    portfolio: Option<PortfolioId>,
) -> Result<Portfolio, Error> {
    let missing = || Refusal::not_found("portfolio").at("portfolioId");
    let ids = [portfolio.ok_or_else(missing)?];
    let found = store::portfolios::owned(tx.statement(), owner, &ids).await?;
    Ok(found.into_iter().next().ok_or_else(missing)?)
}

/// An account as a broker's systems can take it.
fn account_name(account: &str) -> Result<String, Error> {
    let account = account.trim();
    let is_plain = account.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if account.is_empty() || account.len() > MAX_ACCOUNT || !is_plain {
        let message =
            format!("An account has 1 to {MAX_ACCOUNT} letters, digits and signs of ASCII.");
        return Err(Refusal::validation(message)
            .at("account")
            .hint("Write it as the broker does, or leave it out for orders of no account.")
            .into());
    }
    Ok(account.into())
}

async fn audit(
    services: &Services,
    tx: &mut Work,
    owner: UserId,
    action: &str,
    id: ExportId,
    format: ExportFormat,
) -> Result<(), Error> {
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action,
        subject: Some(("Export", id.0)),
        detail: json!({ "format": format.as_str() }),
    };
    Ok(store::audit::append(tx.statement(), entry, services.now()).await?)
}
