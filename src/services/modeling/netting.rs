//! Trades put on top of what is held, one after the other.
//!
//! A trade closes what there is on the other side of its symbol first, the oldest lot first, and
//! opens with the rest a lot of its own, entered on the base date at the price of the trade. BUY
//! and `SELL_SHORT` may cross zero so; SELL and `BUY_TO_COVER` close and never open. What is sold of a
//! lot becomes a closed position, so that its profit is told as that of any other.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Order, Trial};
use crate::domain::id::{ModelTradeId, PortfolioId, PositionId};
use crate::domain::position::{Position, PositionType};
use crate::domain::price::Horizon;
use crate::services::valuation::{Carried, Splits};

/// What comes of trades.
#[derive(Clone, Debug, Default)]
pub struct Netted {
    pub positions: Vec<Carried>,
    /// What the trades bring in; below zero where they cost more.
    pub cash: Decimal,
    /// Trades that would close more than there is: they count as far as there is something.
    pub shortfalls: Vec<Shortfall>,
    /// Parts that were closed, with the lot that each was of.
    pub(super) parts: Vec<(PositionId, PositionId)>,
}

impl Netted {
    /// What is held, as it is.
    pub fn without_trades(positions: Vec<Carried>) -> Self {
        Self { positions, ..Self::default() }
    }
}

/// A trade that would close more than there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shortfall {
    /// Its place among the trades.
    pub place: usize,
    /// What there is to close.
    pub there: Decimal,
}

impl Trial {
    /// The trades on top of what is held on the base date, carried to its shares.
    pub fn net(
        &self,
        portfolio: PortfolioId,
        held: Vec<Carried>,
        splits: &Splits,
        horizon: Horizon,
    ) -> Netted {
        let mut lots = Lots::new(held, horizon.held_by);
        let mut netted = Netted::default();
        for (place, order) in self.orders.iter().enumerate() {
            let new = self.opened(order, portfolio, horizon);
            let new = Carried::new(&Arc::new(new), splits, horizon.held_by);
            let quantity = new.position.quantity;
            let left = lots.close(&order.trade, &new.position, horizon.as_of, &mut netted.parts);
            if order.trade.action.may_open() || left.is_zero() {
                netted.cash = netted.cash.saturating_sub(order.trade.cost());
                lots.open(&new, left);
                continue;
            }
            let there = quantity - left;
            netted.shortfalls.push(Shortfall { place, there });
            let counted = Position { quantity: there, ..Position::clone(&new.position) };
            let units = counted.quantity.saturating_mul(counted.instrument.multiplier.into());
            let size = units.saturating_mul(counted.entry_price);
            let bought = if order.trade.action.is_buy() { size } else { -size };
            netted.cash = netted.cash.saturating_sub(bought);
        }
        netted.positions = lots.all;
        netted
    }

    /// The position that a trade opens where it meets nothing to close.
    fn opened(&self, order: &Order, portfolio: PortfolioId, horizon: Horizon) -> Position {
        let Order { trade, instrument, .. } = order;
        let kind = instrument.contract.as_ref().map(|contract| contract.kind);
        Position {
            id: PositionId(trade.id.0),
            portfolio_id: portfolio,
            instrument: Arc::clone(instrument),
            position_type: PositionType::of(kind, trade.action.is_buy()),
            quantity: trade.quantity,
            entry_price: trade.price,
            entry_date: horizon.as_of,
            exit_price: None,
            exit_date: None,
            notes: None,
            created_at: self.at,
            updated_at: self.at,
        }
    }
}

/// What is held, and where the open lots of each symbol are, the oldest first.
struct Lots {
    all: Vec<Carried>,
    open: HashMap<String, Vec<usize>>,
}

impl Lots {
    fn new(all: Vec<Carried>, held_by: NaiveDate) -> Self {
        let mut open = HashMap::<_, Vec<_>>::new();
        for (at, lot) in all.iter().enumerate().filter(|(_, lot)| lot.position.is_open_at(held_by))
        {
            open.entry(lot.position.instrument.symbol.clone()).or_default().push(at);
        }
        for places in open.values_mut() {
            places.sort_by_key(|at| (all[*at].position.entry_date, all[*at].position.id));
        }
        Self { all, open }
    }

    /// Closes lots on the other side of a trade; what is left of its quantity. `new` is the trade
    /// as a position, in the shares of the book.
    fn close(
        &mut self,
        trade: &crate::domain::modeling::Trade,
        new: &Position,
        day: NaiveDate,
        parts: &mut Vec<(PositionId, PositionId)>,
    ) -> Decimal {
        let mut left = new.quantity;
        let Some(places) = self.open.get_mut(&new.instrument.symbol) else { return left };
        let all = &mut self.all;
        places.retain(|at| {
            let lot = all[*at].clone();
            let held = &lot.position;
            if left.is_zero() || held.position_type.is_long() == new.position_type.is_long() {
                return true;
            }
            let closed = Position {
                exit_price: Some(new.entry_price),
                exit_date: Some(day.max(held.entry_date)),
                ..Position::clone(held)
            };
            if held.quantity <= left {
                left -= held.quantity;
                all[*at] = lot.with(closed);
                return false;
            }
            let part = part_of(held.id, trade.id);
            parts.push((part, held.id));
            all[*at] =
                lot.with(Position { quantity: held.quantity - left, ..Position::clone(held) });
            all.push(lot.with(Position { id: part, quantity: left, ..closed }));
            left = Decimal::ZERO;
            true
        });
        left
    }

    /// A lot of what a trade has not closed, if anything.
    fn open(&mut self, new: &Carried, left: Decimal) {
        if left.is_zero() {
            return;
        }
        let symbol = new.position.instrument.symbol.clone();
        let places = self.open.entry(symbol).or_default();
        places.push(self.all.len());
        self.all.push(new.with(Position { quantity: left, ..Position::clone(&new.position) }));
    }
}

/// The id of what a trade closes of a lot: the same each time, and of no other part.
fn part_of(lot: PositionId, trade: ModelTradeId) -> PositionId {
    PositionId(Uuid::from_u128(lot.0.as_u128() ^ trade.0.as_u128()))
}
