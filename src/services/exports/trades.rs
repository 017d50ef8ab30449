//! Orders as files: for people and programs as a table, for a broker as FIX.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, json};

use crate::domain::export::{ExportFormat, Order};
use crate::domain::id::{ExportId, ModelingSessionId, UserId};
use crate::domain::instrument::{OPTION_MULTIPLIER, OccSymbol, OptionKind, Symbol};
use crate::domain::modeling;
use crate::domain::price::Horizon;
use crate::error::{Code, Error, Refusal};
use crate::render::fix::{self, Action, Contract};
use crate::render::table::{Cell, Column, Table, Unit};
use crate::render::{csv, json as as_json, xlsx};
use crate::services::Services;
use crate::services::modeling::{WrittenTrade, orders as trades_of};
use crate::store;

/// Most orders of one file.
const MAX_ORDERS: usize = 1_000;
/// Largest quantity, exposure or price: a thousand million.
const MAX_NUMBER: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// Most tags of an order.
const MAX_TAGS: usize = 20;
/// What orders are in.
const CURRENCY: &str = "USD";

/// Orders from what somebody wrote. Money becomes whole shares or contracts, to the nearest, by the
/// limit or else by the last close.
///
/// # Errors
/// `Validation` for what breaks a rule, `InsufficientData` for money without a price.
pub async fn orders(
    services: &Services,
    owner: UserId,
    asked: Vec<WrittenTrade>,
) -> Result<Vec<Order>, Error> {
    if asked.is_empty() || asked.len() > MAX_ORDERS {
        let message = format!("Give 1 to {MAX_ORDERS} trades.");
        return Err(Refusal::validation(message).at("trades").into());
    }
    let mut symbols = Vec::with_capacity(asked.len());
    for (at, trade) in asked.iter().enumerate() {
        let symbol = Symbol::parse(&trade.symbol).map_err(|error| {
            Refusal::validation(error.to_string()).at(&format!("trades.{at}.symbol"))
        })?;
        symbols.push(symbol);
    }
    let prices = closes(services, owner, &asked, &symbols).await?;
    let each = asked.into_iter().zip(symbols).zip(prices).enumerate();
    each.map(|(at, ((trade, symbol), close))| order(at, trade, &symbol, close)).collect()
}

/// Orders from the trades of a what-if session, each limited to the price it was tried at.
///
/// # Errors
/// `NotFound` unless the session is the owner's; `Validation` for one without trades.
pub async fn orders_of_session(
    services: &Services,
    owner: UserId,
    session: Option<ModelingSessionId>,
) -> Result<Vec<Order>, Error> {
    let (_, trades) = trades_of(services, owner, session).await?;
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

/// The last close of each whose quantity it decides.
async fn closes(
    services: &Services,
    owner: UserId,
    asked: &[WrittenTrade],
    symbols: &[Symbol],
) -> Result<Vec<Option<Decimal>>, Error> {
    let needs = |trade: &WrittenTrade| trade.exposure.is_some() && trade.price.is_none();
    let mut wanted: Vec<_> = asked
        .iter()
        .zip(symbols)
        .filter(|(trade, _)| needs(trade))
        .map(|(_, symbol)| symbol.canonical())
        .collect();
    if wanted.is_empty() {
        return Ok(vec![None; asked.len()]);
    }
    wanted.sort();
    wanted.dedup();
    let session = services.last_session();
    let horizon = Horizon::of(session, session, &services.calendar);
    let mut tx = services.db.begin_as(owner).await?;
    let known = store::instruments::visible(tx.statement(), owner, &[], &wanted).await?;
    let ids: Vec<_> = known.iter().map(|one| (one.id, horizon)).collect();
    let quotes = store::prices::quotes(tx.statement(), &ids).await?;
    tx.commit().await?;
    let price = |symbol: &Symbol| {
        let id = known.iter().find(|one| one.symbol == symbol.canonical())?.id;
        quotes.iter().find(|(of, ..)| *of == id).map(|(_, _, quote)| quote.price)
    };
    Ok(symbols.iter().map(price).collect())
}

/// An order with its rules checked.
fn order(
    at: usize,
    trade: WrittenTrade,
    symbol: &Symbol,
    close: Option<Decimal>,
) -> Result<Order, Error> {
    let refuse = |field: &str, message: String| -> Error {
        Refusal::validation(message).at(&format!("trades.{at}.{field}")).into()
    };
    let is_sound = |number: Decimal| number > Decimal::ZERO && number <= MAX_NUMBER;
    let rule = || format!("It is above zero and at most {MAX_NUMBER}.");
    if trade.price.is_some_and(|price| !is_sound(price)) {
        return Err(refuse("price", rule()));
    }
    let quantity = match (trade.quantity, trade.exposure) {
        (Some(quantity), None) if is_sound(quantity) => quantity,
        (Some(_), None) => return Err(refuse("quantity", rule())),
        (None, Some(exposure)) if !is_sound(exposure) => return Err(refuse("exposure", rule())),
        (None, Some(exposure)) => {
            let multiplier = match symbol {
                Symbol::Ticker(_) => 1,
                Symbol::Option(_) => OPTION_MULTIPLIER,
            };
            let one = trade.price.or(close).map(|price| price * Decimal::from(multiplier));
            let whole = one.and_then(|one| exposure.checked_div(one)).map(|n| n.round());
            let whole = whole.ok_or_else(|| {
                let message = format!("No price of {} is known.", symbol.canonical());
                Refusal::new(Code::InsufficientData, message)
                    .at(&format!("trades.{at}.exposure"))
                    .hint("Give a `price`, or a `quantity` instead.")
            })?;
            if whole.is_zero() {
                return Err(refuse("exposure", "It does not buy one.".into()));
            }
            whole
        }
        _ => {
            let message = "Give exactly one of `quantity` and `exposure`.";
            return Err(refuse("quantity", message.into()));
        }
    };
    if trade.tags.len() > MAX_TAGS || trade.tags.iter().any(|tag| tag.chars().count() > 50) {
        return Err(refuse("tags", format!("At most {MAX_TAGS} tags of 50 characters.")));
    }
    Ok(Order {
        symbol: symbol.canonical(),
        action: trade.action,
        quantity: quantity.normalize(),
        price: trade.price.map(|price| price.normalize()),
        tags: trade.tags,
        currency: CURRENCY.into(),
    })
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
