//! Orders as files: for people and programs as a table, for a broker as FIX.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, json};

use crate::domain::calendar::new_york_date;
use crate::domain::export::{ExportFormat, Order};
use crate::domain::id::{ExportId, ModelingSessionId, UserId};
use crate::domain::instrument::{OPTION_MULTIPLIER, OccSymbol, OptionKind, Symbol};
use crate::domain::modeling;
use crate::domain::price::Horizon;
use crate::error::{Error, Refusal};
use crate::render::fix::{self, Action, Contract};
use crate::render::table::{Cell, Column, Table, Unit};
use crate::render::{csv, json as as_json, xlsx};
use crate::services::Services;
use crate::services::modeling::{
    Judged, WrittenTrade, all_or_faults, closes, known_under, orders as trades_of, symbols,
};
use crate::services::valuation::Splits;

/// Most orders of one file.
const MAX_ORDERS: usize = 1_000;
/// What orders are in.
const CURRENCY: &str = "USD";

/// Orders from what somebody wrote, or all that is wrong with it. Money becomes whole shares or
/// contracts, to the nearest, by the limit or else by the last close.
///
/// # Errors
/// `Validation` for none, or too many. Of the trades: `Validation` for what breaks a rule,
/// `InsufficientData` for money without a price.
pub async fn orders(
    services: &Services,
    owner: UserId,
    asked: Vec<WrittenTrade>,
) -> Result<Result<Vec<Order>, Vec<Refusal>>, Error> {
    if asked.is_empty() || asked.len() > MAX_ORDERS {
        let message = format!("Give 1 to {MAX_ORDERS} trades.");
        return Err(Refusal::validation(message)
            .at("trades")
            .hint("More of them go into several files.")
            .into());
    }
    let today = new_york_date(services.now());
    let judged = match all_or_faults(asked.into_iter().map(|trade| trade.judge(today))) {
        Ok(judged) => judged,
        Err(faults) => return Ok(Err(faults)),
    };
    let closes = last_closes(services, owner, &judged).await?;
    let order = |trade: Judged| -> Result<Order, Refusal> {
        let quantity = trade.quantity(closes.get(&trade.symbol).copied())?;
        Ok(Order {
            symbol: trade.symbol,
            action: trade.action,
            quantity,
            price: trade.price,
            tags: trade.tags,
            currency: CURRENCY.into(),
        })
    };
    Ok(all_or_faults(judged.into_iter().map(order)))
}

/// Orders from the trades of a what-if session, each limited to the price it was tried at.
///
/// # Errors
/// `NotFound` unless the session is the owner's; `Validation` for one without trades; `Conflict`
/// for one that is cancelled, and where what it trades has split since its base date, or expired.
pub async fn orders_of_session(
    services: &Services,
    owner: UserId,
    session: Option<ModelingSessionId>,
) -> Result<Vec<Order>, Error> {
    let trades = trades_of(services, owner, session).await?;
    if trades.is_empty() {
        let message = "The session has no trades.";
        return Err(Refusal::validation(message).at("sessionId").hint("Add some first.").into());
    }
    let order = |trade: modeling::Trade| Order {
        symbol: trade.symbol,
        action: trade.action,
        quantity: trade.quantity,
        price: Some(trade.price),
        tags: trade.tags,
        currency: CURRENCY.into(),
    };
    Ok(trades.into_iter().map(order).collect())
}

/// The last closes of what only they can size, in the shares of today.
async fn last_closes(
    services: &Services,
    owner: UserId,
    judged: &[Judged],
) -> Result<HashMap<String, Decimal>, Error> {
    let wanted = judged.iter().filter(|trade| trade.is_sized_by_close());
    let wanted: Vec<_> = wanted.map(|trade| trade.symbol.as_str()).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let today = new_york_date(services.now());
    let horizon = Horizon::of(services.last_session(), today, &services.calendar);
    let mut tx = services.db.begin_as(owner).await?;
    let traded = symbols(wanted.iter().copied());
    let (known, splits) = known_under(&mut tx, owner, traded).await?;
    let closes = closes(&mut tx, &known, &Splits::new(splits), horizon, &wanted).await?;
    tx.commit().await?;
    Ok(closes)
}

const COLUMNS: [Column; 16] = [
    Column::text("order_id", "Order"),
    Column::text("account", "Account"),
    Column::text("symbol", "Symbol"),
    Column::text("action", "Action"),
    Column::number("quantity", "Quantity"),
    Column::text("order_type", "Order type"),
    Column::number("limit_price", "Limit"),
    Column::text("currency", "Currency"),
    Column::text("security_type", "Security type"),
    Column::text("underlying", "Underlying"),
    Column::text("put_call", "Put or call"),
    Column::number("strike", "Strike"),
    Column::text("expiry", "Expiry"),
    Column::number("multiplier", "Multiplier"),
    Column::number("limit_value", "Value at the limit"),
    Column::text("tags", "Tags"),
];

/// Orders in a format. The same file made again has the same ids and times.
pub(super) fn written(
    orders: &[Order],
    account: Option<&str>,
    format: ExportFormat,
    file: ExportId,
    at: DateTime<Utc>,
) -> Result<Vec<u8>, Error> {
    let id = |number: usize| format!("{}-{number}", file.0.simple());
    if format == ExportFormat::Fix {
        let orders: Vec<_> = (1..)
            .zip(orders)
            .map(|(number, order)| fix::Order {
                id: id(number),
                account: account.map(Into::into),
                symbol: order.symbol.clone(),
                contract: contract(order).map(|contract| Contract {
                    underlying: contract.root().into(),
                    is_call: contract.kind() == OptionKind::Call,
                    strike: contract.strike(),
                    expiry: contract.expiry(),
                    multiplier: OPTION_MULTIPLIER.into(),
                }),
                action: match order.action {
                    modeling::Action::Buy => Action::Buy,
                    modeling::Action::Sell => Action::Sell,
                    modeling::Action::SellShort => Action::SellShort,
                    modeling::Action::BuyToCover => Action::BuyToCover,
                },
                quantity: order.quantity,
                limit: order.price,
                currency: order.currency.clone(),
            })
            .collect();
        let refused = |error: fix::Unsendable| Refusal::validation(format!("The {error}."));
        return Ok(fix::new_orders(&orders, at).map_err(refused)?);
    }
    let mut table = Table::new("trades", "Trades", COLUMNS.to_vec());
    let rows = (1..).zip(orders).map(|(number, order)| row(order, id(number), account));
    table.rows = rows.collect();
    Ok(match format {
        ExportFormat::Csv => csv::table(&table)?,
        ExportFormat::Xlsx => xlsx::table("Trades", &table)?,
        ExportFormat::Json => {
            let mut head = Map::new();
            head.insert("madeAt".into(), json!(at));
            head.insert("account".into(), json!(account));
            as_json::table(head, "trades", &table)
        }
        other => {
            return Err(Error::Internal(format!("orders are not written as {}", other.as_str())));
        }
    })
}

fn contract(order: &Order) -> Option<OccSymbol> {
    match Symbol::parse(&order.symbol) {
        Ok(Symbol::Option(contract)) => Some(contract),
        _ => None,
    }
}

fn row(order: &Order, id: String, account: Option<&str>) -> Vec<Cell> {
    let exact = |value| Cell::decimal(value, Unit::Exact);
    let contract = contract(order);
    let multiplier = Decimal::from(if contract.is_some() { OPTION_MULTIPLIER } else { 1 });
    let of = contract.as_ref();
    let kind = of.map(|own| if own.kind() == OptionKind::Call { "CALL" } else { "PUT" });
    let value = order.price.map(|price| price * order.quantity * multiplier);
    vec![
        Cell::text(id),
        account.map_or(Cell::None, Cell::text),
        Cell::text(&*order.symbol),
        Cell::text(order.action.code()),
        exact(Some(order.quantity)),
        Cell::text(if order.price.is_some() { "LIMIT" } else { "MARKET" }),
        exact(order.price),
        Cell::text(&*order.currency),
        Cell::text(if of.is_some() { "OPTION" } else { "STOCK" }),
        of.map_or(Cell::None, |own| Cell::text(own.root())),
        kind.map_or(Cell::None, Cell::text),
        exact(of.map(OccSymbol::strike)),
        of.map_or(Cell::None, |own| Cell::Date(own.expiry())),
        exact(Some(multiplier)),
        exact(value),
        Cell::text(order.tags.join(", ")),
    ]
}
