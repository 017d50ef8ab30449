//! Closing a position, whole or in part.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;

use super::{Asked, Changed, Editing, Touched, at};
use crate::domain::id::{PositionId, UserId};
use crate::domain::position::Position;
use crate::domain::upload::cells::{self, MAX_NUMBER};
use crate::error::{Code, Error, Refusal};
use crate::services::Services;
use crate::store;

/// Digits after the point that a quantity can be given with; what a split has made of one may have
/// more.
const QUANTITY_DIGITS: u32 = 10;

/// How a position is closed.
pub struct Closing {
    pub asked: Asked,
    /// Per share as shares are on the day of the exit.
    pub price: Decimal,
    pub date: NaiveDate,
    /// In the shares of that day; all of it when None.
    pub quantity: Option<Decimal>,
}

/// Closes a position: what it brings goes into the portfolio's cash on the day of the exit. Of a
/// part that is closed the position keeps the rest, and the part gets an id of its own, with the
/// same entry, tags and notes. A part like one that was closed already is a request that was sent
/// twice, unless `expected_updated_at` says that the caller has seen the first.
///
/// # Errors
/// `NotFound` unless it is the owner's; `Conflict` when it is closed, was changed since or may have
/// been asked for twice; `Validation` for what breaks a rule.
pub async fn close(services: &Services, owner: UserId, closing: Closing) -> Result<Changed, Error> {
    let (mut editing, position) = Editing::of_position(services, owner, &closing.asked).await?;
    if let Some(date) = position.exit_date {
        let message = format!("The position was closed on {date}.");
        return Err(Refusal::new(Code::Conflict, message)
            .at("id")
            .hint("Change its entry with `updatePosition`, or undo it with `deletePosition`.")
            .into());
    }
    let price = exit_price(closing.price)?;
    let date = exit_date(&editing, &position, closing.date)?;
    let carried = editing.carried(&position, date).await?;
    let held = carried.position.quantity;
    let quantity = match closing.quantity {
        None => held,
        Some(quantity) => part_of(held, quantity)?,
    };

    let is_whole = quantity == held;
    let gone = Position {
        quantity: if is_whole { position.quantity } else { carried.ratio.price(quantity) },
        exit_price: Some(price),
        exit_date: Some(date),
        ..Position::clone(&position)
    };
    if closing.quantity.is_some() && closing.asked.expected_updated_at.is_none() {
        is_first(&mut editing, &gone, quantity).await?;
    }
    let closed = if is_whole {
        store::positions::update(editing.tx.statement(), owner, &gone, editing.now).await?;
        gone.id
    } else {
        split_off(&mut editing, &position, gone).await?
    };
    let signed = quantity * carried.position.position_type.sign();
    let units = signed.saturating_mul(carried.position.instrument.multiplier.into());
    let proceeds = units.saturating_mul(price);
    editing.move_cash(date, proceeds, closed, "exitPrice").await?;
    let realized = units.saturating_mul(price.saturating_sub(carried.position.entry_price));
    let detail = json!({
        "symbol": carried.position.instrument.symbol,
        "quantity": quantity.normalize(),
        "exitPrice": price.normalize(),
        "exitDate": date,
        "realizedPnl": realized.normalize(),
        "cashEffect": editing.cash_effect.normalize(),
        "isWhole": is_whole,
    });
    let (cash_effect, job) =
        editing.finish("position.close", closed, detail, Some(Touched::since(date))).await?;
    Ok(Changed { position: position.id, closed: Some(closed), cash_effect, job })
}

/// # Errors
/// `Conflict` when as much of the same entry was closed just so.
async fn is_first(
    editing: &mut Editing<'_>,
    gone: &Position,
    quantity: Decimal,
) -> Result<(), Error> {
    let (owner, tx) = (editing.owner, &mut editing.tx);
    if !store::positions::has_like(tx.statement(), owner, gone.id, gone).await? {
        return Ok(());
    }
    let message = format!("A part of {} was closed at that price already.", quantity.normalize());
    Err(Refusal::new(Code::Conflict, message)
        .at("quantity")
        .hint("To close as much again, give the position's `updatedAt` as `expectedUpdatedAt`.")
        .into())
}

/// Makes a closed position of a part, in shares as they were entered; the position keeps the rest.
async fn split_off(
    editing: &mut Editing<'_>,
    position: &Position,
    part: Position,
) -> Result<PositionId, Error> {
    let (owner, now, tx) = (editing.owner, editing.now, &mut editing.tx);
    let part = Position { id: PositionId::fresh(), ..part };
    let rest = Position {
        quantity: position.quantity.saturating_sub(part.quantity),
        ..Position::clone(position)
    };
    store::positions::part(tx.statement(), owner, position.id, &part, now).await?;
    store::tags::copy(tx.statement(), owner, position.id, part.id).await?;
    store::positions::update(tx.statement(), owner, &rest, now).await?;
    Ok(part.id)
}

/// Zero is what expires worthless.
fn exit_price(price: Decimal) -> Result<Decimal, Refusal> {
    let price = cells::number(&price.to_string(), MAX_NUMBER).map_err(at("exitPrice"))?;
    if price.is_sign_negative() && !price.is_zero() {
        return Err(Refusal::validation("An exit price is zero or above.")
            .at("exitPrice")
            .hint("Covering a short is no price below zero: its direction is in its type."));
    }
    Ok(price)
}

fn exit_date(
    editing: &Editing<'_>,
    position: &Position,
    date: NaiveDate,
) -> Result<NaiveDate, Refusal> {
    let date = cells::past_date(&date.to_string(), editing.today()).map_err(at("exitDate"))?;
    if date < position.entry_date {
        let message = format!("The position was entered on {}, after that.", position.entry_date);
        return Err(Refusal::validation(message)
            .at("exitDate")
            .hint("If the entry is wrong, correct it with `updatePosition` first."));
    }
    let calendar = &editing.services.calendar;
    if !calendar.is_session(date) {
        let before = calendar.session_on_or_before(date);
        return Err(Refusal::validation(format!("The exchange was closed on {date}."))
            .at("exitDate")
            .hint(format!("The session before was {before}.")));
    }
    Ok(date)
}

/// A part of what is held, or all of it.
fn part_of(held: Decimal, quantity: Decimal) -> Result<Decimal, Refusal> {
    let quantity = cells::number(&quantity.to_string(), MAX_NUMBER).map_err(at("quantity"))?;
    if quantity <= Decimal::ZERO {
        return Err(Refusal::validation("The quantity to close is above zero.")
            .at("quantity")
            .hint("Leave it out to close all; the direction is in the position's type."));
    }
    if quantity > held.round_dp(QUANTITY_DIGITS) {
        return Err(Refusal::validation(format!("Only {} are held.", held.normalize()))
            .at("quantity")
            .hint("Leave it out to close all."));
    }
    Ok(if quantity == held.round_dp(QUANTITY_DIGITS) { held } else { quantity })
}
