//! What-if: trades that somebody tries on a portfolio.
//!
//! A session's trades are put on top of its base book, in their order, by one pure function
//! ([`Trial::net`]); what comes of it is a [`Book`] like any other, so that whatever answers for a
//! real book answers for the trial one, with no arithmetic of its own. Nothing that is tried is
//! written where things are held or traded: a session keeps its trades, and everything else is
//! found when it is asked for.
//!
//! A trade names a symbol. What is known under it takes part with its prices and betas; what is
//! not is valued at the price that the trade gives, and said ([`Known`]). No row is made of it.

mod impact;
mod netting;
mod sessions;
mod suggest;
mod trading;
mod written;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use impact::{Change, FactorChange, Pair, RiskChange, factors, risk, stress};
pub use netting::{Netted, Shortfall};
pub use sessions::{NewSession, Saved, cancel, create, forget, orders, save};
pub use suggest::{Goal, Hedge, Plan, Suggestion, Sums, plan};
pub use trading::{add, remove};
pub(super) use trading::{all_or_faults, closes, known_under};
pub(super) use written::Judged;
pub use written::WrittenTrade;

use super::valuation::{Book, Carried, Quotes, Tried};
use crate::domain::calendar::{Calendar, new_york_date};
use crate::domain::id::{InstrumentId, ModelingSessionId, PositionId};
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::modeling::{Session, Trade};
use crate::domain::portfolio::{CashMoves, Portfolio};
use crate::domain::price::{Horizon, PriceSource, Quote};
use crate::domain::tag::{Tag, TagKind, default_color};
use crate::domain::text::fold;

/// Instruments that whoever tries may see, by symbol.
pub type Known = HashMap<String, Arc<Instrument>>;
/// What positions carry.
type Tags = HashMap<PositionId, Vec<Arc<Tag>>>;

/// The symbols under which traded ones look for instruments: themselves, and of options those of
/// their underlyings too.
pub fn symbols<'a>(traded: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut symbols = BTreeSet::new();
    for symbol in traded {
        if let Ok(Symbol::Option(contract)) = Symbol::parse(symbol) {
            symbols.insert(contract.underlying().to_owned());
        }
        symbols.insert(symbol.to_owned());
    }
    symbols
}

/// The dates of a session's books. While its base date is the last completed session, what was
/// entered since counts, as in every figure that is about now; of one that is saved, what had been
/// entered by then.
pub fn horizon(session: &Session, now: DateTime<Utc>, calendar: &Calendar) -> Horizon {
    let base = session.base_date;
    let snapshot = session.snapshot();
    let now = session.saved_at.filter(|_| snapshot.is_some()).unwrap_or(now);
    let is_now = base == calendar.last_completed_session(now);
    let horizon = Horizon::of(base, if is_now { new_york_date(now) } else { base }, calendar);
    Horizon { known_at: snapshot.map(|(known_at, _)| known_at), ..horizon }
}

/// A portfolio as its session takes it: one that is saved has the cash it was saved with.
pub fn portfolio_of(session: &Session, portfolio: &Arc<Portfolio>) -> Arc<Portfolio> {
    let Some((_, cash)) = session.snapshot() else { return Arc::clone(portfolio) };
    let own = Portfolio::clone(portfolio);
    Arc::new(Portfolio { cash_balance: cash, cash_moves: CashMoves::default(), ..own })
}

/// A trade with what it is in.
#[derive(Clone, Debug)]
struct Order {
    trade: Trade,
    instrument: Arc<Instrument>,
    is_known: bool,
}

/// The trades of a session, ready to be put on top of a book.
#[derive(Clone, Debug)]
pub struct Trial {
    pub session: ModelingSessionId,
    /// When the session was last changed.
    at: DateTime<Utc>,
    orders: Vec<Order>,
}

impl Trial {
    /// The trades in their order, with what `known` has of their [`symbols`].
    pub fn new(session: &Session, trades: &[Trade], known: &Known) -> Self {
        let mut made_up = HashMap::new();
        let order = |trade: &Trade| {
            let found = known.get(&trade.symbol);
            let instrument = found.unwrap_or_else(|| {
                made_up
                    .entry(trade.symbol.clone())
                    .or_insert_with(|| Arc::new(unknown(&trade.symbol, known)))
            });
            Order {
                trade: trade.clone(),
                instrument: Arc::clone(instrument),
                is_known: found.is_some(),
            }
        };
        let orders = trades.iter().map(order).collect();
        Self { session: session.id, at: session.updated_at, orders }
    }

    /// The shares whose splits matter to the trades; some several times.
    pub fn moving(&self) -> impl Iterator<Item = InstrumentId> {
        self.orders.iter().map(|order| {
            let contract = order.instrument.contract.as_ref();
            contract.map_or(order.instrument.id, |contract| contract.underlying_id)
        })
    }

    /// The book that comes of the trades, put together from quotes of all that is in it as its
    /// base is. What none is known of is valued at the price of its last trade.
    pub fn book(
        &self,
        netted: Netted,
        tags: &Tags,
        quotes: &Quotes,
        horizon: Horizon,
        assemble: impl FnOnce(Vec<Carried>, &Tags, &Quotes) -> Book,
    ) -> Book {
        let tried = Tried { session: self.session, warnings: self.warnings(&netted) };
        let tags = self.tags(&netted, tags);
        let quotes = self.quotes(quotes, horizon);
        let book = assemble(netted.positions, &tags, &quotes);
        let cash = book.cash.saturating_add(netted.cash);
        book.tried(tried, cash)
    }

    fn quotes<'a>(&self, quotes: &'a Quotes, horizon: Horizon) -> Cow<'a, Quotes> {
        let mut all = Cow::Borrowed(quotes);
        for order in &self.orders {
            let key = (order.instrument.id, horizon.as_of);
            if !quotes.contains_key(&key) {
                all.to_mut().insert(key, given(&order.trade, horizon));
            }
        }
        all
    }

    /// The tags of all positions: what a trade opens carries those that the trade names.
    fn tags(&self, netted: &Netted, tags: &Tags) -> Tags {
        let mut all = tags.clone();
        for (part, whole) in &netted.parts {
            if let Some(own) = tags.get(whole) {
                all.insert(*part, own.clone());
            }
        }
        let mut by_name: HashMap<_, _> =
            tags.values().flatten().map(|tag| (fold(&tag.name), Arc::clone(tag))).collect();
        for Order { trade, .. } in &self.orders {
            let tag = |name: &String| {
                let tag = by_name.entry(fold(name)).or_insert_with(|| Arc::new(tried_tag(name)));
                Arc::clone(tag)
            };
            let own: Vec<_> = trade.tags.iter().map(tag).collect();
            all.insert(PositionId(trade.id.0), own);
        }
        all
    }

    fn warnings(&self, netted: &Netted) -> Vec<String> {
        let mut unknown: Vec<_> =
            self.orders.iter().filter(|order| !order.is_known).map(|o| &*o.trade.symbol).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let unknown = unknown.into_iter().map(|symbol| {
            format!("{symbol} is not known here: it has the price of its trade, and no history.")
        });
        let short = netted.shortfalls.iter().filter_map(|short| {
            let trade = &self.orders.get(short.place)?.trade;
            Some(format!(
                "{} {} {}: {} are there to close by now, so {} count.",
                trade.action,
                trade.quantity,
                trade.symbol,
                short.there.normalize(),
                short.there.normalize(),
            ))
        });
        unknown.chain(short).collect()
    }
}

/// The quote that a trade's price stands for.
fn given(trade: &Trade, horizon: Horizon) -> Quote {
    Quote {
        price: trade.price,
        date: horizon.as_of,
        source: PriceSource::Manual,
        volume: None,
        previous: None,
        month_base: None,
        year_base: None,
    }
}

/// What nobody here knows, for as long as it is tried. Its id is the same each time and names no
/// row.
fn unknown(symbol: &str, known: &Known) -> Instrument {
    let Ok(Symbol::Option(contract)) = Symbol::parse(symbol) else {
        return Instrument { id: id_of(symbol), ..Instrument::unknown(symbol.to_owned()) };
    };
    let underlying = known.get(contract.underlying());
    let underlying_id = underlying.map_or_else(|| id_of(contract.underlying()), |own| own.id);
    Instrument {
        id: id_of(symbol),
        sector: underlying.and_then(|own| own.sector.clone()),
        industry: underlying.and_then(|own| own.industry.clone()),
        ..Instrument::option(&contract, underlying_id)
    }
}

/// A tag that a trade names and nobody has yet.
fn tried_tag(name: &str) -> Tag {
    Tag {
        id: crate::domain::id::TagId(key_of("tag", &fold(name))),
        name: name.to_owned(),
        kind: TagKind::of(name),
        color: default_color(name).to_owned(),
        description: None,
        created_at: DateTime::UNIX_EPOCH,
    }
}

fn id_of(symbol: &str) -> InstrumentId {
    InstrumentId(key_of("instrument", symbol))
}

/// A key that no row has, of a name: the first half of its SHA-256.
fn key_of(kind: &str, name: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(format!("tried {kind} {name}")).into();
    let half = digest.into_iter().take(16).fold(0_u128, |key, byte| key << 8 | u128::from(byte));
    Uuid::from_u128(half)
}
