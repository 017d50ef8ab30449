//! Orders as messages of FIX 4.4: `NewOrderSingle` (35=D), one after the other without anything
//! between them, as a session would send them.
//!
//! Source: FIX Protocol Specification, version 4.4 with errata of 2003-06-18, volumes 1 (framing),
//! 3 (`NewOrderSingle`) and 6 (fields).

use std::fmt::{Display, Write};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

/// Ends each field.
const SOH: char = '\u{1}';
/// Who the messages are from and to; the session that sends them replaces both.
const SENDER: &str = "SIGMASIGHT";
const TARGET: &str = "BROKER";

/// What an order does, in the words of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Buy,
    Sell,
    SellShort,
    BuyToCover,
}

/// An option's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    pub underlying: String,
    pub is_call: bool,
    pub strike: Decimal,
    pub expiry: NaiveDate,
    pub multiplier: Decimal,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Unique among all that are ever sent.
    pub id: String,
    pub account: Option<String>,
    pub symbol: String,
    pub contract: Option<Contract>,
    pub action: Action,
    /// Shares or contracts, above zero.
    pub quantity: Decimal,
    /// A limit per share; None to trade at the market.
    pub limit: Option<Decimal>,
    pub currency: String,
}

/// A text that no field can carry: the delimiter would end it, and all that follows would be
/// another field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} contains a character that FIX cannot carry")]
pub struct Unsendable(pub &'static str);

/// The messages of some orders, numbered from 1.
///
/// # Errors
/// For a text with a control character or outside ASCII.
pub fn new_orders(orders: &[Order], at: DateTime<Utc>) -> Result<Vec<u8>, Unsendable> {
    let mut stream = String::new();
    for (number, order) in (1..).zip(orders) {
        stream.push_str(&message(order, number, at)?);
    }
    Ok(stream.into_bytes())
}

fn message(order: &Order, number: u64, at: DateTime<Utc>) -> Result<String, Unsendable> {
    let sent = at.format("%Y%m%d-%H:%M:%S%.3f").to_string();
    let mut body = Fields::default();
    body.add(35, "D");
    body.add(49, SENDER);
    body.add(56, TARGET);
    body.add(34, number);
    body.add(52, &sent);
    body.add(11, sendable("id", &order.id)?);
    if let Some(account) = &order.account {
        body.add(1, sendable("account", account)?);
    }
    // Automated execution, no intervention of the broker.
    body.add(21, 1);
    instrument(&mut body, order)?;
    body.add(54, side(order));
    if let Some(effect) = effect(order) {
        body.add(77, effect);
    }
    if order.contract.is_none() && order.action == Action::SellShort {
        // Required for short sales: the broker is to locate the shares.
        body.add(114, "Y");
    }
    body.add(60, &sent);
    body.add(38, order.quantity.normalize());
    match order.limit {
        Some(limit) => {
            body.add(40, 2);
            body.add(44, limit.normalize());
        }
        None => body.add(40, 1),
    }
    body.add(15, sendable("currency", &order.currency)?);
    // Good for the day.
    body.add(59, 0);
    Ok(framed(&body.0))
}

/// The instrument block: an option by its underlying and its terms.
fn instrument(body: &mut Fields, order: &Order) -> Result<(), Unsendable> {
    let Some(contract) = &order.contract else {
        body.add(55, sendable("symbol", &order.symbol)?);
        body.add(167, "CS");
        return Ok(());
    };
    body.add(55, sendable("underlying", &contract.underlying)?);
    body.add(167, "OPT");
    body.add(200, contract.expiry.format("%Y%m"));
    body.add(541, contract.expiry.format("%Y%m%d"));
    body.add(201, u8::from(contract.is_call));
    body.add(202, contract.strike.normalize());
    body.add(231, contract.multiplier.normalize());
    Ok(())
}

/// 54: 1 buy, 2 sell, 5 sell short. Buying to cover is a purchase. Nobody borrows a contract to
/// write it: an option sold to open is a sale, which 77 tells from one that closes.
fn side(order: &Order) -> u8 {
    match order.action {
        Action::Buy | Action::BuyToCover => 1,
        Action::SellShort if order.contract.is_none() => 5,
        Action::Sell | Action::SellShort => 2,
    }
}

/// 77: whether a position is opened or closed, where the side leaves it open: of every option, and
/// of shares bought to cover.
fn effect(order: &Order) -> Option<char> {
    match (order.action, &order.contract) {
        (Action::BuyToCover, _) | (Action::Sell, Some(_)) => Some('C'),
        (Action::Buy | Action::SellShort, Some(_)) => Some('O'),
        _ => None,
    }
}

fn sendable<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Unsendable> {
    let is_sendable = !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_sendable { Ok(text) } else { Err(Unsendable(field)) }
}

#[derive(Default)]
struct Fields(String);

impl Fields {
    fn add(&mut self, tag: u16, value: impl Display) {
        // Memory does not refuse to be written to.
        let _ = write!(self.0, "{tag}={value}{SOH}");
    }
}

/// A body with its head and its checksum.
///
/// 9 counts the bytes from after its own delimiter up to and with the one before 10; 10 is the
/// sum of all bytes before it, modulo 256, in three digits.
fn framed(body: &str) -> String {
    let message = format!("8=FIX.4.4{SOH}9={}{SOH}{body}", body.len());
    let sum = message.bytes().fold(0_u8, u8::wrapping_add);
    format!("{message}10={sum:03}{SOH}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(action: Action) -> Order {
        Order {
            id: "E1-1".into(),
            account: Some("FUND-7".into()),
            symbol: "AAPL".into(),
            contract: None,
            action,
            quantity: Decimal::new(1_000, 1),
            limit: Some(Decimal::new(18_750, 2)),
            currency: "USD".into(),
        }
    }

    fn option(action: Action) -> Order {
        let contract = Contract {
            underlying: "SPY".into(),
            is_call: false,
            strike: Decimal::new(4_505, 1),
            expiry: NaiveDate::from_ymd_opt(2026, 3, 20).unwrap(),
            multiplier: Decimal::ONE_HUNDRED,
        };
        Order { contract: Some(contract), limit: None, ..order(action) }
    }

    fn shown(order: &Order) -> String {
        let at = "2026-01-05T21:00:00.250Z".parse().unwrap();
        let bytes = new_orders(std::slice::from_ref(order), at).unwrap();
        String::from_utf8(bytes).unwrap().replace(SOH, "|")
    }

    #[test]
    fn a_message_is_framed_as_the_specification_says() {
        assert_eq!(
            shown(&order(Action::Buy)),
            "8=FIX.4.4|9=159|35=D|49=SIGMASIGHT|56=BROKER|34=1|52=20260105-21:00:00.250|11=E1-1|\
             1=FUND-7|21=1|55=AAPL|167=CS|54=1|60=20260105-21:00:00.250|38=100|40=2|44=187.5|\
             15=USD|59=0|10=244|"
        );
    }

    #[test]
    fn an_option_is_told_by_its_terms() {
        let text = shown(&option(Action::SellShort));
        assert!(text.contains(
            "|55=SPY|167=OPT|200=202603|541=20260320|201=0|202=450.5|231=100|54=2|77=O|"
        ));
        assert!(text.contains("|40=1|15=USD|"), "at the market there is no price");
    }

    #[test]
    fn each_action_has_its_side() {
        let tags = |order| {
            let text = shown(&order);
            let of = |tag: &str| {
                let field = text.split('|').find_map(|field| field.strip_prefix(tag));
                field.unwrap_or("-").to_owned()
            };
            [of("54="), of("77="), of("114=")].join(" ")
        };
        assert_eq!(tags(order(Action::Buy)), "1 - -");
        assert_eq!(tags(order(Action::Sell)), "2 - -");
        assert_eq!(tags(order(Action::SellShort)), "5 - Y");
        assert_eq!(tags(order(Action::BuyToCover)), "1 C -");
        assert_eq!(tags(option(Action::Buy)), "1 O -");
        assert_eq!(tags(option(Action::Sell)), "2 C -");
        assert_eq!(tags(option(Action::BuyToCover)), "1 C -");
    }

    #[test]
    fn a_text_cannot_add_a_field() {
        let at = "2026-01-05T21:00:00Z".parse().unwrap();
        for account in ["A\u{1}54=2", "A\n", "", "Ω"] {
            let order = Order { account: Some(account.into()), ..order(Action::Buy) };
            assert_eq!(new_orders(&[order], at), Err(Unsendable("account")), "{account:?}");
        }
    }
}
