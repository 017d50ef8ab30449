//! Making sessions, putting them away, giving them up.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::trading::known_under;
use super::{Known, horizon, symbols};
use crate::domain::action::between;
use crate::domain::calendar::new_york_date;
use crate::domain::id::{ModelingSessionId, PortfolioId, UserId};
use crate::domain::instrument::Symbol;
use crate::domain::modeling::{
    MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, MAX_SESSIONS, Session, Status, Trade,
};
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::services::valuation::Splits;
use crate::services::{Services, naming};
use crate::store;

/// How long a session is kept after its last change, unless it was saved and not given up since.
const KEPT: Days = Days::new(30);

pub struct NewSession {
    pub portfolio: Option<PortfolioId>,
    pub name: String,
    /// The last completed session when left out.
    pub base_date: Option<NaiveDate>,
}

/// How a session is put away; None leaves it as it is.
pub struct Saved {
    pub name: Option<String>,
    pub description: Option<String>,
}

/// Makes a session without trades.
///
/// # Errors
/// `NotFound` unless the portfolio is the owner's; `Validation` for what breaks a rule;
/// `LimitExceeded` for one too many.
pub async fn create(services: &Services, owner: UserId, new: NewSession) -> Result<Session, Error> {
    let now = services.now();
    let name = name(&new.name)?;
    let base_date = base_date(services, new.base_date)?;
    let missing = || Refusal::not_found("portfolio").at("portfolioId");
    let portfolio_id = new.portfolio.ok_or_else(missing)?;

    let mut tx = services.db.begin_as(owner).await?;
    // One after the other, so that they can be counted.
    store::users::lock(tx.statement(), owner).await?;
    let found = store::portfolios::owned(tx.statement(), owner, &[portfolio_id]).await?;
    if found.is_empty() {
        return Err(missing().into());
    }
    let count = store::modeling::count(tx.statement(), owner).await?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_SESSIONS {
        let message = format!("You have {MAX_SESSIONS} sessions, which is the most.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("name")
            .hint("Cancel one with `cancelModelingSession`: it makes room for a new one.")
            .into());
    }
    let room = i64::try_from(MAX_SESSIONS).unwrap_or(i64::MAX) - 1;
    store::modeling::make_room(tx.statement(), owner, room).await?;
    let session = Session {
        id: ModelingSessionId::fresh(),
        portfolio_id,
        name,
        description: None,
        status: Status::Active,
        base_date,
        saved_at: None,
        known_at: None,
        cash: None,
        created_at: now,
        updated_at: now,
    };
    store::modeling::insert(tx.statement(), owner, &session).await?;
    let detail = json!({ "name": session.name, "portfolioId": portfolio_id.0 });
    commit(tx, services, owner, "modeling.create", &session, detail).await?;
    Ok(session)
}

/// Puts a session away with its trades.
///
/// # Errors
/// `NotFound` unless it is the owner's; `Conflict` for one that is cancelled; `Validation` for what
/// breaks a rule.
pub async fn save(
    services: &Services,
    owner: UserId,
    id: Option<ModelingSessionId>,
    saved: Saved,
) -> Result<Session, Error> {
    let name = saved.name.as_deref().map(name).transpose()?;
    let description = saved.description.as_deref().map(description).transpose()?;
    let mut tx = services.db.begin_as(owner).await?;
    let session = open(&mut tx, owner, id).await?;
    let now = services.now();
    // Whoever changes the book meanwhile waits.
    store::portfolios::lock(tx.statement(), owner, session.portfolio_id).await?;
    let portfolios = [session.portfolio_id];
    let portfolios = store::portfolios::owned(tx.statement(), owner, &portfolios).await?;
    let held_by = horizon(&session, now, &services.calendar).held_by;
    // A foreign key holds it in place.
    let portfolio = portfolios.first().ok_or_else(|| Refusal::not_found("portfolio"))?;
    let cash = portfolio.cash_at(held_by);
    let known_at = store::modeling::keep_book(tx.statement(), owner, session.id, cash).await?;
    let session = Session {
        known_at: Some(known_at),
        cash: Some(cash),
        name: name.unwrap_or(session.name),
        description: description.or(session.description),
        status: Status::Saved,
        saved_at: Some(now),
        updated_at: now,
        ..session
    };
    store::modeling::update(tx.statement(), owner, &session).await?;
    let detail = json!({ "name": session.name });
    commit(tx, services, owner, "modeling.save", &session, detail).await?;
    Ok(session)
}

/// Gives a session up; one that is given up already stays so.
///
/// # Errors
/// `NotFound` unless it is the owner's.
pub async fn cancel(
    services: &Services,
    owner: UserId,
    id: Option<ModelingSessionId>,
) -> Result<Session, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let session = own(&mut tx, owner, id).await?;
    if session.status == Status::Cancelled {
        return Ok(session);
    }
    let session = Session { status: Status::Cancelled, updated_at: services.now(), ..session };
    store::modeling::update(tx.statement(), owner, &session).await?;
    let detail = json!({ "name": session.name });
    commit(tx, services, owner, "modeling.cancel", &session, detail).await?;
    Ok(session)
}

/// Removes an owner's sessions that nobody saved, or that were given up, once they have not changed
/// for as long as they are kept. The number removed.
///
/// # Errors
/// When the database fails.
pub async fn forget(services: &Services, owner: UserId) -> Result<u64, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let before = services.now() - KEPT;
    let removed = store::modeling::delete_before(tx.statement(), owner, before).await?;
    tx.commit().await?;
    Ok(removed)
}

/// A session's trades in their order, as they can be placed today.
///
/// # Errors
/// `NotFound` unless it is the owner's; `Conflict` for one that is cancelled, and where what it
/// trades has split since its base date, or expired.
pub async fn orders(
    services: &Services,
    owner: UserId,
    id: Option<ModelingSessionId>,
) -> Result<Vec<Trade>, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let session = open(&mut tx, owner, id).await?;
    let trades = trades(&mut tx, owner, &session).await?;
    let tickers = symbols(trades.iter().map(|trade| trade.symbol.as_str()));
    let (known, splits) = known_under(&mut tx, owner, tickers).await?;
    tx.commit().await?;
    let today = new_york_date(services.now());
    still_hold(session.base_date, today, &trades, &known, &Splits::new(splits))?;
    Ok(trades)
}

/// Refuses trades in the shares of a base date that mean something else by a later day.
fn still_hold(
    base_date: NaiveDate,
    day: NaiveDate,
    trades: &[Trade],
    known: &Known,
    splits: &Splits,
) -> Result<(), Refusal> {
    let refusal = |message: String| {
        Refusal::new(Code::Conflict, message)
            .at("sessionId")
            .hint("Make a session on the last close with `createModelingSession`.")
    };
    for trade in trades {
        let Ok(Symbol::Option(contract)) = Symbol::parse(&trade.symbol) else { continue };
        if contract.expiry() < day {
            let gone = format!("{} expired on {}.", trade.symbol, contract.expiry());
            return Err(refusal(gone));
        }
    }
    // The first by symbol, so that it is the same each time.
    let changed = known.values().filter_map(|one| {
        let split = between(splits.moving(one), base_date, day).next()?;
        Some((one.symbol.as_str(), split.date))
    });
    if let Some((symbol, date)) = changed.min() {
        return Err(refusal(format!(
            "A split of {date} changed {symbol}, and the trades are in the shares of {base_date}."
        )));
    }
    Ok(())
}

async fn own(
    tx: &mut Work,
    owner: UserId,
    id: Option<ModelingSessionId>,
) -> Result<Session, Error> {
    let missing = || Refusal::not_found("modeling session").at("sessionId");
    let found = store::modeling::lock(tx.statement(), owner, id.ok_or_else(missing)?).await?;
    Ok(found.ok_or_else(missing)?)
}

/// A session that may change.
pub(super) async fn open(
    tx: &mut Work,
    owner: UserId,
    id: Option<ModelingSessionId>,
) -> Result<Session, Error> {
    let session = own(tx, owner, id).await?;
    if session.status == Status::Cancelled {
        return Err(Refusal::new(Code::Conflict, "This session is cancelled.")
            .at("sessionId")
            .hint("Make another with `createModelingSession`.")
            .into());
    }
    Ok(session)
}

/// A session's trades in their order.
pub(super) async fn trades(
    tx: &mut Work,
    owner: UserId,
    session: &Session,
) -> Result<Vec<Trade>, Error> {
    Ok(store::modeling::trades_of(tx.statement(), owner, &[session.id]).await?)
}

/// Writes what was done into the audit log, and ends the transaction.
pub(super) async fn commit(
    mut tx: Work,
    services: &Services,
    owner: UserId,
    action: &str,
    session: &Session,
    detail: Value,
) -> Result<(), Error> {
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action,
        subject: Some(("ModelingSession", session.id.0)),
        detail,
    };
    store::audit::append(tx.statement(), entry, services.now()).await?;
    Ok(tx.commit().await?)
}

/// A session's base date: the session of a day, or the one before it.
fn base_date(services: &Services, asked: Option<NaiveDate>) -> Result<NaiveDate, Refusal> {
    let last = services.last_session();
    let Some(day) = asked else { return Ok(last) };
    if day > new_york_date(services.now()) {
        return Err(Refusal::validation(format!("{day} has not come yet."))
            .at("baseDate")
            .hint(format!("The last session is {last}; leave `baseDate` out for it.")));
    }
    Ok(services.calendar.session_on_or_before(day).min(last))
}

fn name(text: &str) -> Result<String, Refusal> {
    naming::name(text, "A session's", MAX_NAME_CHARACTERS)
}

fn description(text: &str) -> Result<String, Refusal> {
    naming::description(text, MAX_DESCRIPTION_CHARACTERS)
}
