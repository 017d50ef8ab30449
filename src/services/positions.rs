//! Changing what is held, one position at a time, by the rules that an upload has.
//!
//! Whoever enters a position brings it into the book from outside, as an upload does: cash stays.
//! Whoever closes one turns it into cash on the day of the exit: what it sells for is added, what
//! is paid to cover a short is taken. So the value of the book changes by profit alone. A
//! correction of what was entered moves no cash; a position that is deleted was never there, and
//! takes back what its close had moved.

mod add;
mod close;
mod correct;

pub use add::{NewHolding, add};
pub use close::{Closing, close};
pub use correct::{Changes, correct, delete};

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::portfolios::{MAX_CASH, unchanged};
use super::updates::{Update, tell};
use super::valuation::Carried;
use super::{Services, books, jobs, tags};
use crate::domain::calendar::new_york_date;
use crate::domain::id::{JobId, PortfolioId, PositionId, UserId};
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::upload::Fault;
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::store;
use crate::store::cash::Movement;

/// Most characters of a note.
const MAX_NOTES: usize = 2_000;
/// Digits after the point that money is kept with.
const MONEY_DIGITS: u32 = 10;

/// The position to change.
pub struct Asked {
    pub id: Option<PositionId>,
    /// When it was last changed, as far as the caller knows.
    pub expected_updated_at: Option<DateTime<Utc>>,
}

/// What a change did.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// The one that was asked for; where a part of it was closed, the rest.
    pub position: PositionId,
    /// What was closed: the position, or the part of it.
    pub closed: Option<PositionId>,
    /// Added to the portfolio's cash; below zero was taken from it.
    pub cash_effect: Decimal,
    /// The work that completes prices and history; None when neither is touched.
    pub job: Option<JobId>,
}

/// What of the past a change touches.
struct Touched {
    /// The first day whose figures are others now.
    from: NaiveDate,
    /// What prices may be missing of.
    symbols: Vec<String>,
}

impl Touched {
    fn since(from: NaiveDate) -> Self {
        Self { from, symbols: Vec::new() }
    }
}

/// One change of a book, in a transaction that nobody else's change of it crosses.
struct Editing<'a> {
    services: &'a Services,
    tx: Work,
    owner: UserId,
    portfolio: Portfolio,
    now: DateTime<Utc>,
    cash_effect: Decimal,
}

impl<'a> Editing<'a> {
    /// # Errors
    /// `NotFound` unless `owner` has the portfolio.
    async fn of_portfolio(
        services: &'a Services,
        owner: UserId,
        id: Option<PortfolioId>,
        field: &str,
    ) -> Result<Self, Error> {
        let missing = || Refusal::not_found("portfolio").at(field);
        let id = id.ok_or_else(missing)?;
        let mut tx = services.db.begin_as(owner).await?;
        if !store::portfolios::lock(tx.statement(), owner, id).await? {
            return Err(missing().into());
        }
        let found = store::portfolios::owned(tx.statement(), owner, &[id]).await?;
        let portfolio = found.into_iter().next().ok_or_else(missing)?;
        let now = services.now();
        Ok(Self { services, tx, owner, portfolio, now, cash_effect: Decimal::ZERO })
    }

    /// # Errors
    /// `NotFound` unless `owner` has the position; `Conflict` when it was changed since.
    async fn of_position(
        services: &'a Services,
        owner: UserId,
        asked: &Asked,
    ) -> Result<(Self, Arc<Position>), Error> {
        let missing = || Refusal::not_found("position").at("id");
        let id = asked.id.ok_or_else(missing)?;
        let mut tx = services.db.begin_as(owner).await?;
        let known = store::positions::portfolios_of(tx.statement(), owner, &[id]).await?;
        drop(tx);
        let portfolio = known.first().map(|(_, portfolio)| *portfolio).ok_or_else(missing)?;
        let mut editing = Self::of_portfolio(services, owner, Some(portfolio), "id").await?;
        // What it is once nobody else changes it.
        let found = store::positions::owned(editing.tx.statement(), owner, &[id]).await?;
        let position = found.into_iter().next().ok_or_else(missing)?;
        unchanged("position", position.updated_at, asked.expected_updated_at)?;
        Ok((editing, Arc::new(position)))
    }

    fn today(&self) -> NaiveDate {
        new_york_date(self.now)
    }

    /// A position as it stands on a day.
    async fn carried(
        &mut self,
        position: &Arc<Position>,
        day: NaiveDate,
    ) -> Result<Carried, Error> {
        let splits = books::splits(&mut self.tx, std::slice::from_ref(position)).await?;
        Ok(Carried::new(position, &splits, day))
    }

    /// Moves cash on a day because of a position.
    ///
    /// # Errors
    /// `LimitExceeded` at `field` when it would be more than is kept.
    async fn move_cash(
        &mut self,
        date: NaiveDate,
        amount: Decimal,
        position: PositionId,
        field: &str,
    ) -> Result<(), Error> {
        let amount = amount.round_dp(MONEY_DIGITS);
        if amount.is_zero() {
            return Ok(());
        }
        self.add_cash(amount, field)?;
        let movement =
            Movement { portfolio: self.portfolio.id, date, amount, position: Some(position) };
        Ok(store::cash::insert(self.tx.statement(), self.owner, movement, self.now).await?)
    }

    fn add_cash(&mut self, amount: Decimal, field: &str) -> Result<(), Error> {
        let cash = self.portfolio.cash_balance.saturating_add(amount);
        if cash.abs() > MAX_CASH {
            let message = "The cash balance would be more than a trillion.";
            return Err(Refusal::new(Code::LimitExceeded, message)
                .at(field)
                .hint("Set the cash anew with `updatePortfolio` first.")
                .into());
        }
        self.portfolio.cash_balance = cash;
        self.cash_effect = self.cash_effect.saturating_add(amount);
        Ok(())
    }

    /// Puts exactly these tags on a position, in their order; those unknown so far are made.
    async fn tag(&mut self, position: PositionId, names: &[String]) -> Result<(), Error> {
        tags::put(&mut self.tx, self.owner, position, names, self.now).await
    }

    /// Notes the change and commits. The history of the book is made anew from the first day that
    /// it touches.
    async fn finish(
        mut self,
        action: &str,
        position: PositionId,
        detail: Value,
        touched: Option<Touched>,
    ) -> Result<(Decimal, Option<JobId>), Error> {
        let (owner, now, tx) = (self.owner, self.now, &mut self.tx);
        // With a new time of its own, and the cash that was moved.
        store::portfolios::update(tx.statement(), &self.portfolio, now).await?;
        tell(tx, &Update::Positions(self.portfolio.id)).await?;
        let job = match touched {
            Some(Touched { from, symbols }) => {
                let portfolio = self.portfolio.id;
                Some(jobs::ask_for_history(tx, owner, portfolio, from, symbols, now).await?)
            }
            None => None,
        };
        let subject = Some(("Position", position.0));
        let entry = store::audit::Entry { owner, actor: owner, action, subject, detail };
        store::audit::append(tx.statement(), entry, now).await?;
        self.tx.commit().await?;
        Ok((self.cash_effect, job))
    }
}

/// A fault of a cell as a refusal of the field that stands for it.
pub(super) fn at(field: &str) -> impl Fn(Fault) -> Refusal + '_ {
    move |fault| {
        let refusal = Refusal::validation(fault.message).at(field);
        match fault.hint {
            Some(hint) => refusal.hint(hint),
            None => refusal,
        }
    }
}

/// # Errors
/// `Validation` for one that is too long.
fn notes(text: &str) -> Result<Option<String>, Refusal> {
    let count = text.chars().count();
    if count > MAX_NOTES {
        let rule = format!("Notes have at most {MAX_NOTES} characters.");
        let hint = format!("These have {count}: shorten them.");
        return Err(Refusal::validation(rule).at("notes").hint(hint));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// # Errors
/// `Conflict` when an open position of the portfolio has the symbol and the day of entry already.
fn not_held(
    open: &[(String, NaiveDate)],
    symbol: &str,
    entry_date: NaiveDate,
    field: &str,
) -> Result<(), Refusal> {
    if !open.iter().any(|(held, date)| held == symbol && *date == entry_date) {
        return Ok(());
    }
    let message = format!("The portfolio holds {symbol} entered on {entry_date} already.");
    Err(Refusal::new(Code::Conflict, message)
        .at(field)
        .hint("Change its quantity with `updatePosition`, or give another entry date."))
}
