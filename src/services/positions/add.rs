//! Entering a position.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;

use super::{Changed, Editing, Touched, at, not_held, notes};
use crate::domain::id::{PortfolioId, PositionId, UserId};
use crate::domain::instrument::Symbol;
use crate::domain::position::PositionType;
use crate::domain::upload::cells;
use crate::error::{Code, Error, Refusal};
use crate::services::upload::MAX_POSITIONS;
use crate::services::upload::judge::{entry_day, signed_quantity};
use crate::services::{Services, actions, instruments, tags};
use crate::store;
use crate::store::positions::NewPosition;

/// A position to be entered.
pub struct NewHolding {
    pub portfolio: Option<PortfolioId>,
    pub symbol: String,
    /// Below zero for what is owed.
    pub quantity: Decimal,
    pub entry_price: Decimal,
    pub entry_date: NaiveDate,
    pub tags: Vec<String>,
    pub notes: Option<String>,
}

/// Enters a position as an upload of one row would.
///
/// # Errors
/// `NotFound` unless `owner` has the portfolio; `Validation` for what breaks a rule; `Conflict` when
/// the portfolio holds the same entry; `LimitExceeded` for one position or tag too many.
pub async fn add(services: &Services, owner: UserId, new: NewHolding) -> Result<Changed, Error> {
    let mut editing = Editing::of_portfolio(services, owner, new.portfolio, "portfolioId").await?;
    let symbol = cells::symbol(new.symbol.trim()).map_err(at("symbol"))?;
    let quantity = signed_quantity(&new.quantity.to_string()).map_err(at("quantity"))?;
    let entry_price = cells::price(&new.entry_price.to_string()).map_err(at("entryPrice"))?;
    let entry_date = new.entry_date.to_string();
    let entry_date = entry_day(&entry_date, editing.today()).map_err(at("entryDate"))?;
    let names = tags::named(&new.tags)?;
    let notes = new.notes.as_deref().map(notes).transpose()?.flatten();

    let (tx, portfolio) = (&mut editing.tx, editing.portfolio.id);
    let open = store::positions::open_entries(tx.statement(), owner, portfolio).await?;
    let canonical = symbol.canonical();
    not_held(&open, &canonical, entry_date, "symbol")?;
    if open.len() >= MAX_POSITIONS {
        let message = format!("A portfolio holds at most {MAX_POSITIONS} open positions.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("portfolioId")
            .hint("Close some, or use another portfolio.")
            .into());
    }
    let ids = instruments::ensure(tx, [&symbol]).await?;
    let instrument_id = *ids
        .get(&canonical)
        .ok_or_else(|| Error::Internal(format!("{canonical} was not stored")))?;
    let kind = match &symbol {
        Symbol::Ticker(_) => None,
        Symbol::Option(contract) => Some(contract.kind()),
    };
    let position = NewPosition {
        id: PositionId::fresh(),
        instrument_id,
        position_type: PositionType::of(kind, quantity.is_sign_positive()),
        quantity: quantity.abs(),
        entry_price,
        entry_date,
        notes,
    };
    let (id, now) = (position.id, editing.now);
    let one = std::slice::from_ref(&position);
    store::positions::insert_all(tx.statement(), owner, portfolio, one, now).await?;
    if position.position_type.is_option() {
        let contracts = store::instruments::by_id(tx.statement(), &[instrument_id]).await?;
        actions::succeed(tx, &contracts).await?;
    }
    editing.tag(id, &names).await?;
    let detail = json!({
        "symbol": &canonical,
        "type": position.position_type.code(),
        "quantity": position.quantity.normalize(),
        "entryPrice": entry_price.normalize(),
        "entryDate": entry_date,
        "cashEffect": Decimal::ZERO,
    });
    let touched = Touched { from: entry_date, symbols: vec![canonical] };
    let (cash_effect, job) = editing.finish("position.add", id, detail, Some(touched)).await?;
    Ok(Changed { position: id, closed: None, cash_effect, job })
}
