//! Trades as somebody writes them, judged.

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::id::{ModelTradeId, ModelingSessionId};
use crate::domain::instrument::{OPTION_MULTIPLIER, Symbol};
use crate::domain::modeling::{Action, MAX_DECIMALS, MAX_NUMBER, Trade};
use crate::error::{Code, Refusal};
use crate::services::tags;

/// A trade as somebody wrote it.
#[derive(Clone, Debug)]
pub struct WrittenTrade {
    pub symbol: String,
    pub action: Action,
    /// Either this or `exposure`.
    pub quantity: Option<Decimal>,
    /// Dollars, which become whole shares or contracts.
    pub exposure: Option<Decimal>,
    /// When left out: in a session the close of its base date, of an order none.
    pub price: Option<Decimal>,
    pub tags: Vec<String>,
}

/// The same without what can be judged by itself.
pub(in crate::services) struct Judged {
    pub symbol: String,
    pub action: Action,
    size: Size,
    pub price: Option<Decimal>,
    pub tags: Vec<String>,
    multiplier: Decimal,
}

#[derive(Clone, Copy)]
enum Size {
    Quantity(Decimal),
    Exposure(Decimal),
}

impl WrittenTrade {
    /// What can be said by itself of a trade of some day.
    ///
    /// # Errors
    /// `Validation`, at the field of the trade.
    pub(in crate::services) fn judge(&self, day: NaiveDate) -> Result<Judged, Refusal> {
        let symbol = Symbol::parse(&self.symbol).map_err(|error| {
            Refusal::validation(error.to_string())
                .at("symbol")
                .hint("A ticker such as AAPL, or an option such as AAPL240119C00150000.")
        })?;
        let multiplier = match &symbol {
            Symbol::Ticker(_) => 1,
            Symbol::Option(contract) if contract.expiry() < day => {
                let gone = format!("{} expired on {}.", contract.compact(), contract.expiry());
                return Err(Refusal::validation(gone)
                    .at("symbol")
                    .hint(format!("The trade is of {day}; name a contract that lives by then.")));
            }
            Symbol::Option(_) => OPTION_MULTIPLIER,
        };
        let size = match (self.quantity, self.exposure) {
            (Some(quantity), None) => Size::Quantity(positive("quantity", quantity, MAX_NUMBER)?),
            (None, Some(dollars)) => {
                let most = MAX_NUMBER.saturating_mul(MAX_NUMBER);
                Size::Exposure(positive("exposure", dollars, most)?)
            }
            (given, _) => {
                let field = if given.is_some() { "exposure" } else { "quantity" };
                return Err(Refusal::validation("Give exactly one of `quantity` and `exposure`.")
                    .at(field)
                    .hint("`quantity` counts shares or contracts, `exposure` is dollars."));
            }
        };
        Ok(Judged {
            symbol: symbol.canonical(),
            action: self.action,
            size,
            price: self.price.map(|price| positive("price", price, MAX_NUMBER)).transpose()?,
            tags: tags::named(&self.tags)?,
            multiplier: multiplier.into(),
        })
    }
}

impl Judged {
    /// The trade at the price that it gives, or else at a close.
    ///
    /// # Errors
    /// `Validation` without either, and for dollars that are less than half of one unit.
    pub(super) fn at(
        self,
        session: ModelingSessionId,
        close: Option<Decimal>,
        base_date: NaiveDate,
    ) -> Result<Trade, Refusal> {
        let Some(price) = self.price.or(close) else {
            let missing = format!("No close of {} near {base_date} is known.", self.symbol);
            return Err(Refusal::validation(missing)
                .at("price")
                .hint("Give `price`, per share; of an option the premium per share."));
        };
        let quantity = self.quantity(Some(price))?;
        Ok(Trade {
            id: ModelTradeId::fresh(),
            session_id: session,
            symbol: self.symbol,
            action: self.action,
            quantity,
            price,
            tags: self.tags,
        })
    }

    /// Whether only a close can tell how much it is.
    pub fn is_sized_by_close(&self) -> bool {
        matches!(self.size, Size::Exposure(_)) && self.price.is_none()
    }

    /// Its shares or contracts: what it says, or what its dollars are at its price or else at a
    /// close.
    ///
    /// # Errors
    /// `InsufficientData` for dollars without either, `Validation` for too few or too many.
    pub fn quantity(&self, close: Option<Decimal>) -> Result<Decimal, Refusal> {
        let dollars = match self.size {
            Size::Quantity(quantity) => return Ok(quantity),
            Size::Exposure(dollars) => dollars,
        };
        let Some(price) = self.price.or(close) else {
            let missing = format!("No recent close of {} is known.", self.symbol);
            return Err(Refusal::new(Code::InsufficientData, missing)
                .at("exposure")
                .hint("Give a `price`, or a `quantity` instead."));
        };
        self.units(dollars, price)
    }

    /// The whole shares or contracts nearest to so many dollars.
    fn units(&self, dollars: Decimal, price: Decimal) -> Result<Decimal, Refusal> {
        let of_one = price.saturating_mul(self.multiplier);
        let units = dollars.checked_div(of_one).unwrap_or_default();
        let whole = units.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        if whole.is_zero() {
            let little = format!("{dollars} is less than half of one {} at {of_one}.", self.symbol);
            return Err(Refusal::validation(little)
                .at("exposure")
                .hint("Dollars become whole shares or contracts; give more, or a `quantity`."));
        }
        if whole > MAX_NUMBER {
            return Err(beyond("exposure", "makes a quantity", MAX_NUMBER));
        }
        Ok(whole)
    }
}

/// A number above zero that can be kept as it is.
fn positive(field: &str, number: Decimal, most: Decimal) -> Result<Decimal, Refusal> {
    let number = number.normalize();
    if number <= Decimal::ZERO {
        let rule = format!("`{field}` must be above zero.");
        return Err(Refusal::validation(rule)
            .at(field)
            .hint("The direction is in `action`: SELL, or SELL_SHORT, for less."));
    }
    if number > most {
        return Err(beyond(field, "is", most));
    }
    if number.scale() > MAX_DECIMALS {
        let rule = format!("`{field}` has at most {MAX_DECIMALS} decimal places.");
        return Err(Refusal::validation(rule).at(field));
    }
    Ok(number)
}

fn beyond(field: &str, does: &str, most: Decimal) -> Refusal {
    Refusal::validation(format!("`{field}` {does} beyond {most}, the largest accepted.")).at(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn written(symbol: &str) -> WrittenTrade {
        WrittenTrade {
            symbol: symbol.into(),
            action: Action::Buy,
            quantity: None,
            exposure: Some(10_000.into()),
            price: None,
            tags: Vec::new(),
        }
    }

    fn quantity(written: &WrittenTrade, close: i64) -> Result<Decimal, Refusal> {
        let base = day("2026-01-05");
        let trade = written.judge(base)?;
        let trade = trade.at(ModelingSessionId::fresh(), Some(close.into()), base)?;
        Ok(trade.quantity)
    }

    #[test]
    fn dollars_become_the_nearest_whole_shares_or_contracts() {
        assert_eq!(quantity(&written("aapl"), 150), Ok(67.into()), "66.7 shares");
        assert_eq!(quantity(&written("AAPL260116C00150000"), 7), Ok(14.into()), "14.3 contracts");
        let cheap = WrittenTrade { price: Some(3.into()), ..written("AAPL") };
        assert_eq!(quantity(&cheap, 150), Ok(3_333.into()), "at its own price");
        let little = WrittenTrade { exposure: Some(49.into()), ..written("AAPL") };
        assert_eq!(quantity(&little, 100).expect_err("too little").field, ["exposure"]);
    }

    #[test]
    fn what_breaks_a_rule_is_told_where_it_stands() {
        let at =
            |written: WrittenTrade| quantity(&written, 100).expect_err("a refusal").field.join(".");
        let none = || WrittenTrade { exposure: None, ..written("AAPL") };
        assert_eq!(at(written("not a symbol")), "symbol");
        assert_eq!(at(written("AAPL250117C00150000")), "symbol", "it has expired");
        assert_eq!(at(none()), "quantity");
        assert_eq!(at(WrittenTrade { quantity: Some(1.into()), ..written("AAPL") }), "exposure");
        assert_eq!(at(WrittenTrade { quantity: Some(0.into()), ..none() }), "quantity");
        assert_eq!(at(WrittenTrade { quantity: Some((-5).into()), ..none() }), "quantity");
        assert_eq!(at(WrittenTrade { quantity: Some(Decimal::MAX), ..none() }), "quantity");
        assert_eq!(at(WrittenTrade { quantity: Some(Decimal::new(1, 11)), ..none() }), "quantity");
        assert_eq!(at(WrittenTrade { price: Some(0.into()), ..written("AAPL") }), "price");
        for tag in ["=A1", "\u{9d}", "a\u{0}b"] {
            assert_eq!(at(WrittenTrade { tags: vec![tag.into()], ..written("AAPL") }), "tags");
        }
        for blank in ["", " \t"] {
            let tags = vec!["core".into(), blank.into()];
            assert_eq!(at(WrittenTrade { tags, ..written("AAPL") }), "tags.1");
        }
    }
}
