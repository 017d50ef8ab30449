//! Trades that bring a figure of a book where somebody wants it.
//!
//! Shares and contracts are whole, so that a target is met within a [`Plan::tolerance`] that
//! follows from the size of one of them. Exposures are linear in quantities at given prices: what
//! is computed here of the trades is what the book with them has when it is computed anew, at the
//! same prices. A goal that cannot be met has no trades and says why ([`Plan::reason`]).

mod hedge;
mod trim;

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use crate::domain::factor::Factor;
use crate::domain::instrument::Instrument;
use crate::domain::modeling::Action;
use crate::services::factors::{self, Basis, Estimates};
use crate::services::greeks::BookGreeks;
use crate::services::valuation::Book;

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// Σ delta-adjusted exposure × market beta over the total value.
    NeutralizeMarketBeta,
    /// Σ delta × price over the total value.
    NeutralizeDelta,
    /// The largest share of one symbol in the gross exposure.
    ReduceConcentration,
    /// Gross exposure over the total value.
    ReduceGross,
}

/// What a book is hedged with.
#[derive(Clone, Debug)]
pub struct Hedge {
    pub instrument: Arc<Instrument>,
    /// At which it can be bought and sold.
    pub price: Decimal,
}

/// What a plan is made of beside the book.
#[derive(Clone, Copy, Debug)]
pub struct Sums<'a> {
    pub greeks: &'a BookGreeks,
    /// Of everything that moves the book, and of the hedge.
    pub estimates: &'a Estimates,
    /// None where it has no price.
    pub hedge: Option<&'a Hedge>,
}

/// A trade that is proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    pub symbol: String,
    pub action: Action,
    /// Shares or contracts, above zero.
    pub quantity: Decimal,
    /// Per share; the premium per share of an option.
    pub price: Decimal,
    /// Why, in a sentence with numbers.
    pub rationale: String,
    /// What the figure is before and after it, in a sentence.
    pub effect: String,
}

/// How a goal is met, or why not.
#[derive(Clone, Debug)]
pub struct Plan {
    pub goal: Goal,
    /// The figure as it is; None where it cannot be told.
    pub before: Option<f64>,
    pub target: f64,
    /// How far from the target the trades may leave it: either way for what is neutralized, above
    /// alone for what is reduced.
    pub tolerance: f64,
    /// The figure with the trades.
    pub after: Option<f64>,
    pub trades: Vec<Suggestion>,
    /// Why there are no trades.
    pub reason: Option<String>,
}

impl Plan {
    fn without(goal: Goal, before: Option<f64>, target: f64, reason: impl Into<String>) -> Self {
        Self {
            goal,
            before,
            target,
            tolerance: 0.0,
            after: before,
            trades: Vec::new(),
            reason: Some(reason.into()),
        }
    }
}

/// The trades that bring the figure of a goal to a target, or to what the goal itself says.
pub fn plan(goal: Goal, target: Option<f64>, book: &Book, sums: &Sums<'_>) -> Plan {
    match goal {
        Goal::NeutralizeMarketBeta => hedge::market_beta(target.unwrap_or(0.0), book, sums),
        Goal::NeutralizeDelta => hedge::delta(target.unwrap_or(0.0), book, sums),
        Goal::ReduceConcentration => trim::concentration(target, book),
        Goal::ReduceGross => trim::gross_plan(target, book),
    }
}

/// Money as a share of the total value; None unless that is above zero.
fn share(dollars: Decimal, book: &Book) -> Option<f64> {
    let value = Some(book.total_value()).filter(|value| *value > Decimal::ZERO)?;
    dollars.checked_div(value)?.to_f64()
}

fn market_dollars(book: &Book, sums: &Sums<'_>) -> Option<Decimal> {
    let deltas = sums.greeks.deltas();
    let value = book.total_value();
    let basis = Basis::DeltaAdjusted;
    let all = factors::exposures(&book.lines, value, basis, &deltas, sums.estimates);
    all.into_iter().find(|one| one.factor == Factor::Market)?.dollars
}

/// A fraction as a percentage with one digit, or two where it is small.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() < 1.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}

/// Money in whole units.
fn whole(money: Decimal) -> Decimal {
    money.round_dp(0).normalize()
}

fn decimal(number: f64) -> Decimal {
    Decimal::from_f64(number).unwrap_or_default()
}

/// What is held of a symbol that has a price, in units of its own.
#[derive(Clone, Debug)]
struct Stock {
    long: Decimal,
    short: Decimal,
    price: Decimal,
    /// Money of one: price × multiplier.
    unit: Decimal,
    /// It has expired and waits to be closed: nobody trades it.
    is_fixed: bool,
}

impl Stock {
    fn size(&self) -> Decimal {
        (self.long + self.short).saturating_mul(self.unit)
    }
}

/// What is open in a book by symbol, as far as it has a price.
fn stocks(book: &Book) -> BTreeMap<String, Stock> {
    let mut stocks = BTreeMap::<String, Stock>::new();
    for line in book.open_lines() {
        let Some(quote) = &line.quote else { continue };
        let holding = line.holding();
        let stock = stocks.entry(line.position.instrument.symbol.clone()).or_insert(Stock {
            long: Decimal::ZERO,
            short: Decimal::ZERO,
            price: quote.price,
            unit: quote.price.saturating_mul(holding.multiplier),
            is_fixed: line.is_expired,
        });
        if line.position.position_type.is_long() {
            stock.long += line.position.quantity;
        } else {
            stock.short += line.position.quantity;
        }
    }
    stocks
}

/// The trade of so many units of a symbol, signed: one that closes where there is enough to close,
/// else one that goes through zero.
fn action(held: Option<&Stock>, units: Decimal) -> Action {
    let (long, short) = held.map_or((Decimal::ZERO, Decimal::ZERO), |own| (own.long, own.short));
    if units > Decimal::ZERO {
        if short >= units { Action::BuyToCover } else { Action::Buy }
    } else if long >= -units {
        Action::Sell
    } else {
        Action::SellShort
    }
}
