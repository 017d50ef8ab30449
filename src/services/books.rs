//! Whole books for work beside requests: many portfolios of one owner, as of many sessions, with
//! a fixed number of statements.

mod prices;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

pub use self::prices::Prices;
use super::greeks::{self, BookGreeks, Inputs, Model};
use super::valuation::{Book, Splits, carried};
use super::{Services, off_the_threads};
use crate::domain::id::{PortfolioId, PositionId, TagId, UserId};
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::price::Horizon;
use crate::domain::tag::Tag;
use crate::error::Error;
use crate::postgres::Work;
use crate::store;

/// What is in some portfolios of one owner, whenever.
pub struct Holdings {
    pub portfolios: Vec<Arc<Portfolio>>,
    positions: HashMap<PortfolioId, Vec<Arc<Position>>>,
    tags: HashMap<PositionId, Vec<Arc<Tag>>>,
    splits: Splits,
}

impl Holdings {
    /// Reads those of `ids` that are the owner's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(tx: &mut Work, owner: UserId, ids: &[PortfolioId]) -> Result<Self, Error> {
        let portfolios = store::portfolios::owned(tx.statement(), owner, ids).await?;
        let found = store::positions::of_portfolios(tx.statement(), owner, ids).await?;
        let (mut positions, mut tags) = (Vec::with_capacity(found.len()), HashMap::new());
        for (position, own) in sharing_tags(found) {
            if !own.is_empty() {
                tags.insert(position.id, own);
            }
            positions.push(Arc::new(position));
        }
        let splits = splits(tx, &positions).await?;
        let mut by_portfolio = HashMap::<_, Vec<_>>::new();
        for position in positions {
            by_portfolio.entry(position.portfolio_id).or_default().push(position);
        }
        Ok(Self {
            portfolios: portfolios.into_iter().map(Arc::new).collect(),
            positions: by_portfolio,
            tags,
            splits,
        })
    }

    /// What is or was in a portfolio.
    pub fn of(&self, portfolio: PortfolioId) -> &[Arc<Position>] {
        self.positions.get(&portfolio).map_or(&[], Vec::as_slice)
    }

    /// All that is or was in them.
    pub fn count(&self) -> usize {
        self.positions.values().map(Vec::len).sum()
    }

    /// Of what is held, those of the underlyings too.
    pub fn splits(&self) -> &Splits {
        &self.splits
    }

    /// The books of some portfolios, each as of a session at whose close its entries and exits
    /// count, with their cash as it was then. In the order asked for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn books(
        self: &Arc<Self>,
        services: &Services,
        tx: &mut Work,
        asked: Vec<(Arc<Portfolio>, NaiveDate)>,
        prices: &Prices,
    ) -> Result<Vec<Arc<Book>>, Error> {
        let horizon = |session| Horizon::of(session, session, &services.calendar);
        let asked = asked.into_iter().map(|(own, session)| (own, horizon(session))).collect();
        self.books_at(services, tx, asked, prices).await
    }

    /// The same where what was entered since the session may count too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn books_at(
        self: &Arc<Self>,
        services: &Services,
        tx: &mut Work,
        asked: Vec<(Arc<Portfolio>, Horizon)>,
        prices: &Prices,
    ) -> Result<Vec<Arc<Book>>, Error> {
        let (own, calendar) = (Arc::clone(self), Arc::clone(&services.calendar));
        let (carried, wanted) = off_the_threads(move || {
            let one = |(portfolio, horizon): (Arc<Portfolio>, _)| {
                let positions = carried(own.of(portfolio.id), &own.splits, horizon);
                (portfolio, horizon, positions)
            };
            let carried: Vec<_> = asked.into_iter().map(one).collect();
            let each = carried.iter().flat_map(|(_, horizon, positions)| {
                positions.iter().flat_map(|one| one.wanted(*horizon, &calendar))
            });
            let wanted: HashMap<_, _> =
                each.map(|(id, horizon)| ((id, horizon.as_of), horizon)).collect();
            (carried, wanted)
        })
        .await?;
        let quotes = prices.quotes(tx, &wanted).await?;
        let (own, calendar, now) =
            (Arc::clone(self), Arc::clone(&services.calendar), services.now());
        off_the_threads(move || {
            let book = |(portfolio, horizon, positions)| {
                let tags = &own.tags;
                Book::assemble(portfolio, positions, tags, &quotes, horizon, &calendar, now)
            };
            carried.into_iter().map(|one| Arc::new(book(one))).collect()
        })
        .await
    }
}

/// Positions with their tags, of which each is there once, however many positions carry it.
pub fn sharing_tags(
    found: Vec<(Position, Vec<Tag>)>,
) -> impl Iterator<Item = (Position, Vec<Arc<Tag>>)> {
    let mut known = HashMap::<TagId, Arc<Tag>>::new();
    found.into_iter().map(move |(position, tags)| {
        let once = |tag: Tag| Arc::clone(known.entry(tag.id).or_insert_with(|| Arc::new(tag)));
        (position, tags.into_iter().map(once).collect())
    })
}

/// The splits that matter to some positions, and the contracts these made.
///
/// # Errors
/// When the database fails.
pub async fn splits(tx: &mut Work, positions: &[Arc<Position>]) -> Result<Splits, Error> {
    let moving: HashSet<_> = positions
        .iter()
        .map(|position| {
            let contract = position.instrument.contract.as_ref();
            contract.map_or(position.instrument.id, |contract| contract.underlying_id)
        })
        .collect();
    let moving: Vec<_> = moving.into_iter().collect();
    let mut found = HashMap::<_, Vec<_>>::new();
    for (id, split) in store::actions::splits(tx.statement(), &moving).await? {
        found.entry(id).or_default().push(split);
    }
    let splits = Splits::new(found);
    let symbols = splits.successors(positions);
    if symbols.is_empty() {
        return Ok(splits);
    }
    let contracts = store::instruments::by_symbol(tx.statement(), &symbols).await?;
    Ok(splits.with_contracts(contracts.into_iter().map(Arc::new)))
}

/// Positions read and worked through at a time.
const CHUNK: i64 = 1_000;

/// Some of an owner's portfolios, in their order, so many at a time as have about a thousand
/// positions together; a larger one is alone.
///
/// # Errors
/// When the database fails.
pub async fn chunks(
    services: &Services,
    owner: UserId,
    portfolios: &[PortfolioId],
) -> Result<Vec<Vec<PortfolioId>>, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let counts = store::positions::count_in(tx.statement(), owner, portfolios).await?;
    tx.commit().await?;
    let counts: HashMap<_, _> = counts.into_iter().collect();
    let mut chunks = vec![Vec::new()];
    let mut held = 0;
    for portfolio in portfolios {
        let own = counts.get(portfolio).copied().unwrap_or(0);
        if held + own > CHUNK && chunks.last().is_some_and(|last| !last.is_empty()) {
            chunks.push(Vec::new());
            held = 0;
        }
        held += own;
        if let Some(last) = chunks.last_mut() {
            last.push(*portfolio);
        }
    }
    chunks.retain(|chunk| !chunk.is_empty());
    Ok(chunks)
}

/// The Greeks of books by the European model, in their order.
///
/// # Errors
/// When the database fails.
pub async fn greeks(
    services: &Services,
    tx: &mut Work,
    books: &[Arc<Book>],
    prices: &Prices,
) -> Result<Vec<BookGreeks>, Error> {
    let calendar = &services.calendar;
    let of = |book: &Arc<Book>| {
        greeks::wanted(greeks::priceable(book, calendar), book.horizon.as_of, calendar)
    };
    let wanted: Vec<_> = books.iter().map(of).collect();
    prices.look_up(services, tx, wanted.iter().flatten().copied()).await?;
    let each: Vec<_> = books
        .iter()
        .zip(&wanted)
        .map(|(book, ranges)| (Arc::clone(book), prices.inputs(services, book, ranges)))
        .collect();
    let calendar = Arc::clone(calendar);
    off_the_threads(move || {
        let of = |(book, inputs): &(Arc<Book>, Inputs)| {
            BookGreeks::of(book, inputs, &calendar, Model::BlackScholesMerton)
        };
        each.iter().map(of).collect()
    })
    .await
}
