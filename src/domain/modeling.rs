//! What-if sessions: trades that somebody tries on a portfolio, and what each kind of trade does.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{ModelTradeId, ModelingSessionId, PortfolioId};
use super::instrument::{OptionKind, Symbol};
use super::position::PositionType;

/// Most sessions one person may have; cancelled ones make room for new ones.
pub const MAX_SESSIONS: usize = 100;
/// Most trades of one session.
pub const MAX_TRADES: usize = 500;
pub const MAX_NAME_CHARACTERS: usize = 100;
pub const MAX_DESCRIPTION_CHARACTERS: usize = 2_000;
/// Largest quantity or price of a trade.
pub const MAX_NUMBER: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);
/// Decimal places that are kept of both.
pub const MAX_DECIMALS: u32 = 10;

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Being worked on.
    Active,
    /// Put away; a new trade opens it again.
    Saved,
    /// Given up; it takes no trades.
    Cancelled,
}

/// A what-if on a portfolio.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: ModelingSessionId,
    pub portfolio_id: PortfolioId,
    pub name: String,
    pub description: Option<String>,
    pub status: Status,
    /// The session whose close the trades are tried at.
    pub base_date: NaiveDate,
    /// When it was last saved.
    pub saved_at: Option<DateTime<Utc>>,
    /// When, by the clock of the database, the book was read that it was last saved with.
    pub known_at: Option<DateTime<Utc>>,
    /// The cash of that.
    pub cash: Option<Decimal>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Session {
    /// Of one that is saved when its book was known, and the cash in it.
    pub fn snapshot(&self) -> Option<(DateTime<Utc>, Decimal)> {
        self.known_at.zip(self.cash).filter(|_| self.status == Status::Saved)
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Buys: closes what is owed first, and owns the rest.
    Buy,
    /// Sells what is owned, and no more than that.
    Sell,
    /// Sells: closes what is owned first, and owes the rest. Of an option, writes it.
    SellShort,
    /// Buys back what is owed, and no more than that.
    BuyToCover,
}

impl Action {
    /// Whether units come in and money goes out.
    pub fn is_buy(self) -> bool {
        matches!(self, Self::Buy | Self::BuyToCover)
    }

    /// Whether it may open a position: then it crosses zero where it is more than there is to
    /// close.
    pub fn may_open(self) -> bool {
        matches!(self, Self::Buy | Self::SellShort)
    }

    /// The one that does the same and may open a position.
    #[must_use]
    pub fn opening(self) -> Self {
        if self.is_buy() { Self::Buy } else { Self::SellShort }
    }

    /// As it travels and is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
            Self::SellShort => "SELL_SHORT",
            Self::BuyToCover => "BUY_TO_COVER",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A trade of a session, in the shares of its base date.
#[derive(Clone, Debug, PartialEq)]
pub struct Trade {
    pub id: ModelTradeId,
    pub session_id: ModelingSessionId,
    /// Upper-case ticker, or the compact OCC symbol.
    pub symbol: String,
    pub action: Action,
    /// Shares or contracts, above zero: the action carries the sign.
    pub quantity: Decimal,
    /// Per share; the premium per share of an option.
    pub price: Decimal,
    /// As they are written; they need not be anybody's yet.
    pub tags: Vec<String>,
}

impl Trade {
    fn option(&self) -> Option<OptionKind> {
        match Symbol::parse(&self.symbol).ok()? {
            Symbol::Ticker(_) => None,
            Symbol::Option(contract) => Some(contract.kind()),
        }
    }

    /// The kind of position it opens, adds to or reduces.
    pub fn position_type(&self) -> PositionType {
        let is_long_side = matches!(self.action, Action::Buy | Action::Sell);
        PositionType::of(self.option(), is_long_side)
    }

    /// What goes out of the cash: quantity × price × multiplier; below zero comes in.
    pub fn cost(&self) -> Decimal {
        let units = self.quantity.saturating_mul(self.position_type().multiplier().into());
        let size = units.saturating_mul(self.price);
        if self.action.is_buy() { size } else { -size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(symbol: &str, action: Action) -> Trade {
        Trade {
            id: ModelTradeId::fresh(),
            session_id: ModelingSessionId::fresh(),
            symbol: symbol.into(),
            action,
            quantity: 3.into(),
            price: Decimal::new(25, 1),
            tags: Vec::new(),
        }
    }

    #[test]
    fn what_is_bought_goes_out_of_the_cash_and_an_option_a_hundredfold() {
        assert_eq!(trade("AAPL", Action::Buy).cost(), Decimal::new(75, 1));
        assert_eq!(trade("AAPL", Action::SellShort).cost(), Decimal::new(-75, 1));
        assert_eq!(trade("AAPL260116C00150000", Action::BuyToCover).cost(), 750.into());
    }

    #[test]
    fn a_trade_is_of_the_side_that_it_opens_or_reduces() {
        let types = [Action::Buy, Action::Sell, Action::SellShort, Action::BuyToCover]
            .map(|action| trade("AAPL260116P00150000", action).position_type());
        let (bought, written) = (PositionType::Lp, PositionType::Sp);
        assert_eq!(types, [bought, bought, written, written]);
        assert_eq!(trade("AAPL", Action::SellShort).position_type(), PositionType::Short);
    }
}
