//! Making, changing and deleting portfolios.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;

use super::updates::{Update, tell};
use super::{Services, jobs, naming};
use crate::domain::calendar::new_york_date;
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::portfolio::{
    CashMoves, Latest, MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, MAX_PORTFOLIOS, Portfolio,
};
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::store;
use crate::store::cash::Movement;

/// Most money a portfolio's cash may be, either way: a trillion.
pub(super) const MAX_CASH: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

pub struct NewPortfolio {
    pub name: String,
    pub description: Option<String>,
    pub currency: String,
    pub cash_balance: Decimal,
}

/// What is to change of a portfolio; None stays.
pub struct Changes {
    pub id: Option<PortfolioId>,
    pub name: Option<String>,
    /// An empty one removes it.
    pub description: Option<String>,
    pub cash_balance: Option<Decimal>,
    /// When it was last changed, as far as the caller knows.
    pub expected_updated_at: Option<DateTime<Utc>>,
}

/// Creates an empty portfolio.
///
/// # Errors
/// `Validation` for a name, currency or amount that breaks a rule; `LimitExceeded` when the owner
/// has as many as anybody may; `Conflict` when they have one of that name.
pub async fn create(
    services: &Services,
    owner: UserId,
    new: NewPortfolio,
) -> Result<Portfolio, Error> {
    if new.currency != "USD" {
        return Err(Refusal::validation("Portfolios are valued in US dollars.")
            .at("currency")
            .hint("Leave `currency` out, or give \"USD\".")
            .into());
    }
    let now = services.now();
    let portfolio = Portfolio {
        owner_id: owner,
        id: PortfolioId::fresh(),
        name: name(&new.name)?,
        description: new.description.as_deref().map(description).transpose()?,
        currency: new.currency,
        cash_balance: cash(new.cash_balance)?,
        cash_moves: CashMoves::default(),
        latest: Latest::default(),
        created_at: now,
        updated_at: now,
    };
    let mut tx = services.db.begin_as(owner).await?;
    // Two at a time would both be the last that there is room for.
    store::users::lock(tx.statement(), owner).await?;
    if store::portfolios::count(tx.statement(), owner).await? >= MAX_PORTFOLIOS {
        let message = format!("A person has at most {MAX_PORTFOLIOS} portfolios.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("name")
            .hint("Use one of those there are; tags and strategies divide a portfolio.")
            .into());
    }
    if !store::portfolios::insert(tx.statement(), &portfolio).await? {
        return Err(taken());
    }
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action: "portfolio.create",
        subject: Some(("Portfolio", portfolio.id.0)),
        detail: json!({ "name": portfolio.name }),
    };
    store::audit::append(tx.statement(), entry, now).await?;
    tx.commit().await?;
    Ok(portfolio)
}

/// Changes a portfolio of the owner's. Cash that is set anew moved today: it is a deposit, or taken
/// out, and no profit.
///
/// # Errors
/// `NotFound` unless it is theirs; `Validation` for what breaks a rule; `Conflict` for a name that
/// is taken, or when it was changed since.
pub async fn update(
    services: &Services,
    owner: UserId,
    changes: Changes,
) -> Result<PortfolioId, Error> {
    let now = services.now();
    let mut tx = services.db.begin_as(owner).await?;
    let before = locked(&mut tx, owner, changes.id, changes.expected_updated_at).await?;
    let mut after = before.clone();
    if let Some(text) = &changes.name {
        after.name = name(text)?;
    }
    if let Some(text) = &changes.description {
        after.description = Some(description(text)?).filter(|text| !text.is_empty());
    }
    if let Some(amount) = changes.cash_balance {
        after.cash_balance = cash(amount)?;
    }
    if !store::portfolios::update(tx.statement(), &after, now).await? {
        return Err(taken());
    }
    let moved = after.cash_balance.saturating_sub(before.cash_balance);
    if !moved.is_zero() {
        let date = new_york_date(now);
        let movement = Movement { portfolio: after.id, date, amount: moved, position: None };
        store::cash::insert(tx.statement(), owner, movement, now).await?;
        tell(&mut tx, &Update::Positions(after.id)).await?;
        jobs::ask_for_history(&mut tx, owner, after.id, date, Vec::new(), now).await?;
    }
    let detail = json!({ "name": after.name, "cashBalance": after.cash_balance.normalize(),
                         "cashEffect": moved.normalize() });
    audit(&mut tx, owner, "portfolio.update", after.id, detail, now).await?;
    tx.commit().await?;
    Ok(after.id)
}

/// Deletes a portfolio of the owner's with all that is in it. The history keeps its positions, the
/// audit log how many there were.
///
/// # Errors
/// `NotFound` unless it is theirs; `Conflict` when it was changed since.
pub async fn delete(
    services: &Services,
    owner: UserId,
    id: Option<PortfolioId>,
    expected_updated_at: Option<DateTime<Utc>>,
) -> Result<PortfolioId, Error> {
    let now = services.now();
    let mut tx = services.db.begin_as(owner).await?;
    let portfolio = locked(&mut tx, owner, id, expected_updated_at).await?;
    let counts = store::positions::count_in(tx.statement(), owner, &[portfolio.id]).await?;
    let count = counts.first().map_or(0, |(_, count)| *count);
    store::portfolios::delete(tx.statement(), owner, portfolio.id).await?;
    tell(&mut tx, &Update::Positions(portfolio.id)).await?;
    let detail = json!({ "name": portfolio.name, "positions": count });
    audit(&mut tx, owner, "portfolio.delete", portfolio.id, detail, now).await?;
    tx.commit().await?;
    Ok(portfolio.id)
}

/// A portfolio of the owner's that nobody else changes until `tx` ends.
///
/// # Errors
/// `NotFound` unless it is theirs; `Conflict` when it was changed since.
async fn locked(
    tx: &mut Work,
    owner: UserId,
    id: Option<PortfolioId>,
    expected_updated_at: Option<DateTime<Utc>>,
) -> Result<Portfolio, Error> {
    let missing = || Refusal::not_found("portfolio").at("id");
    let id = id.ok_or_else(missing)?;
    if !store::portfolios::lock(tx.statement(), owner, id).await? {
        return Err(missing().into());
    }
    let found = store::portfolios::owned(tx.statement(), owner, &[id]).await?;
    let portfolio = found.into_iter().next().ok_or_else(missing)?;
    unchanged("portfolio", portfolio.updated_at, expected_updated_at)?;
    Ok(portfolio)
}

/// Whether what is changed is still what the caller has seen.
///
/// # Errors
/// `Conflict` when it was changed since.
pub(super) fn unchanged(
    what: &str,
    updated_at: DateTime<Utc>,
    expected: Option<DateTime<Utc>>,
) -> Result<(), Refusal> {
    if expected.is_none_or(|expected| expected == updated_at) {
        return Ok(());
    }
    let message = format!("The {what} was changed at {}.", updated_at.to_rfc3339());
    Err(Refusal::new(Code::Conflict, message)
        .at("expectedUpdatedAt")
        .hint("Read it again, and decide again; nothing was stored."))
}

async fn audit(
    tx: &mut Work,
    owner: UserId,
    action: &str,
    portfolio: PortfolioId,
    detail: serde_json::Value,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let subject = Some(("Portfolio", portfolio.0));
    let entry = store::audit::Entry { owner, actor: owner, action, subject, detail };
    Ok(store::audit::append(tx.statement(), entry, now).await?)
}

fn taken() -> Error {
    Refusal::new(Code::Conflict, "You have a portfolio of that name already.").at("name").into()
}

fn name(text: &str) -> Result<String, Refusal> {
    naming::name(text, "A portfolio's", MAX_NAME_CHARACTERS)
}

fn description(text: &str) -> Result<String, Refusal> {
    naming::description(text, MAX_DESCRIPTION_CHARACTERS)
}

fn cash(amount: Decimal) -> Result<Decimal, Refusal> {
    if amount.abs() <= MAX_CASH && amount.scale() <= 10 {
        return Ok(amount);
    }
    let rule = "A cash balance is at most a trillion, with at most ten decimal places.";
    Err(Refusal::validation(rule).at("cashBalance"))
}
