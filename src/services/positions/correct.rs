//! Correcting what was entered of a position, and deleting it.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Asked, Changed, Editing, Touched, at, not_held, notes};
use crate::domain::id::{PositionId, UserId};
use crate::domain::position::Position;
use crate::domain::upload::cells::{self, MAX_NUMBER};
use crate::error::{Error, Refusal};
use crate::services::upload::judge::entry_day;
use crate::services::{Services, tags};
use crate::store;

/// What is to change of a position; None stays as it is shown.
pub struct Changes {
    pub asked: Asked,
    /// In shares of today, or of the day of the exit, as it is shown.
    pub quantity: Option<Decimal>,
    /// Likewise.
    pub entry_price: Option<Decimal>,
    pub entry_date: Option<NaiveDate>,
    /// All its tags anew.
    pub tags: Option<Vec<String>>,
    /// An empty text removes them.
    pub notes: Option<String>,
}

/// Corrects what was entered of a position. Cash stays: what was paid was paid.
///
/// # Errors
/// `NotFound` unless it is the owner's; `Conflict` when it was changed since, or the portfolio holds
/// the same entry; `Validation` for what breaks a rule; `LimitExceeded` for a tag too many.
pub async fn correct(
    services: &Services,
    owner: UserId,
    changes: Changes,
) -> Result<Changed, Error> {
    let (mut editing, position) = Editing::of_position(services, owner, &changes.asked).await?;
    let corrected = entry(&mut editing, &position, &changes).await?;
    let names = changes.tags.as_deref().map(tags::named).transpose()?;
    let text = changes.notes.as_deref().map(notes).transpose()?;
    let corrected = Position { notes: text.unwrap_or_else(|| position.notes.clone()), ..corrected };

    let (tx, now) = (&mut editing.tx, editing.now);
    store::positions::update(tx.statement(), owner, &corrected, now).await?;
    store::snapshots::delete_before_first_entry(tx.statement(), owner, position.portfolio_id)
        .await?;
    if let Some(names) = &names {
        editing.tag(position.id, names).await?;
    }
    let detail = json!({
        "symbol": position.instrument.symbol,
        "before": facts(&position),
        "after": facts(&corrected),
        "tags": names,
        "cashEffect": Decimal::ZERO,
    });
    let id = position.id;
    // Tags and notes are no figures.
    let is_other =
        changes.quantity.or(changes.entry_price).is_some() || changes.entry_date.is_some();
    let from = position.entry_date.min(corrected.entry_date);
    let touched = is_other.then(|| Touched::since(from));
    let (cash_effect, job) = editing.finish("position.update", id, detail, touched).await?;
    Ok(Changed { position: id, closed: None, cash_effect, job })
}

/// A position with its entry corrected, in shares as they were on the day of that.
async fn entry(
    editing: &mut Editing<'_>,
    position: &Arc<Position>,
    changes: &Changes,
) -> Result<Position, Error> {
    let same = Position::clone(position);
    let Changes { quantity, entry_price, entry_date, .. } = changes;
    if quantity.is_none() && entry_price.is_none() && entry_date.is_none() {
        return Ok(same);
    }
    if quantity.is_some() && position.exit_date.is_some() {
        return Err(Refusal::validation("The quantity of a closed position stays.")
            .at("quantity")
            .hint("Delete the position, and enter what it was.")
            .into());
    }
    let quantity = quantity.map(above_zero).transpose()?;
    let entry_price = entry_price
        .map(|price| cells::price(&price.to_string()).map_err(at("entryPrice")))
        .transpose()?;
    let date = match entry_date {
        Some(date) => new_entry_date(editing, position, *date).await?,
        None => position.entry_date,
    };

    let day = position.exit_date.unwrap_or_else(|| editing.today());
    let shown = editing.carried(position, day).await?;
    let moved = Arc::new(Position { entry_date: date, ..same.clone() });
    let ratio = editing.carried(&moved, day).await?.ratio;
    // What stays, through the same splits, stays to the last digit.
    let is_same = ratio == shown.ratio;
    let stays = |given: Option<Decimal>, shown: Decimal| given.or((!is_same).then_some(shown));
    let entered = stays(quantity, shown.position.quantity);
    let paid = stays(entry_price, shown.position.entry_price);
    Ok(Position {
        quantity: entered.map_or(position.quantity, |shown| ratio.price(shown)),
        entry_price: paid.map_or(position.entry_price, |shown| ratio.quantity(shown)),
        entry_date: date,
        ..same
    })
}

async fn new_entry_date(
    editing: &mut Editing<'_>,
    position: &Position,
    date: NaiveDate,
) -> Result<NaiveDate, Error> {
    let date = entry_day(&date.to_string(), editing.today()).map_err(at("entryDate"))?;
    if let Some(exit) = position.exit_date.filter(|exit| *exit < date) {
        let message = format!("The position was closed on {exit}, before that.");
        return Err(Refusal::validation(message)
            .at("entryDate")
            .hint("Give that day or one before it.")
            .into());
    }
    if date != position.entry_date && position.exit_date.is_none() {
        let (owner, portfolio) = (editing.owner, position.portfolio_id);
        let open = store::positions::open_entries(editing.tx.statement(), owner, portfolio);
        not_held(&open.await?, &position.instrument.symbol, date, "entryDate")?;
    }
    Ok(date)
}

fn above_zero(quantity: Decimal) -> Result<Decimal, Refusal> {
    let quantity = cells::number(&quantity.to_string(), MAX_NUMBER).map_err(at("quantity"))?;
    if quantity > Decimal::ZERO {
        return Ok(quantity);
    }
    Err(Refusal::validation("The quantity of a position is above zero.").at("quantity").hint(
        "Its direction is in its type and stays; to close it use `closePosition`, to undo it \
         `deletePosition`.",
    ))
}

/// Deletes a position as if it had never been entered: what its close had moved of the cash moves
/// back.
///
/// # Errors
/// `NotFound` unless it is the owner's; `Conflict` when it was changed since.
pub async fn delete(services: &Services, owner: UserId, asked: Asked) -> Result<PositionId, Error> {
    let (mut editing, position) = Editing::of_position(services, owner, &asked).await?;
    let (tx, id) = (&mut editing.tx, position.id);
    let moved = store::cash::forget(tx.statement(), owner, id).await?;
    store::positions::delete(tx.statement(), owner, &[id]).await?;
    store::snapshots::delete_before_first_entry(tx.statement(), owner, position.portfolio_id)
        .await?;
    editing.add_cash(-moved, "id")?;
    let detail = json!({
        "symbol": position.instrument.symbol,
        "before": facts(&position),
        "cashEffect": editing.cash_effect.normalize(),
    });
    let touched = Some(Touched::since(position.entry_date));
    editing.finish("position.delete", id, detail, touched).await?;
    Ok(id)
}

/// What the log keeps of a position.
fn facts(position: &Position) -> Value {
    json!({
        "type": position.position_type.code(),
        "quantity": position.quantity.normalize(),
        "entryPrice": position.entry_price.normalize(),
        "entryDate": position.entry_date,
        "exitPrice": position.exit_price,
        "exitDate": position.exit_date,
        "notes": position.notes,
    })
}
