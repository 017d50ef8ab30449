//! Whole books for work beside requests: many portfolios of one owner, as of many sessions, with
//! a fixed number of statements.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::greeks::{self, BookGreeks, Inputs, Model};
use super::history::Series;
use super::rates::{self, Curve, MAX_AGE_DAYS};
use super::valuation::{Book, Quotes, Splits, carried};
use super::{Services, actions, dividends};
use crate::domain::id::{PortfolioId, PositionId, TagId, UserId};
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::price::Horizon;
use crate::domain::rate::Tenor;
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
        let positions = store::positions::of_portfolios(tx.statement(), owner, ids).await?;
        let positions: Vec<_> = positions.into_iter().map(Arc::new).collect();
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
        let mut splits = Splits::new(found);
        let symbols = splits.successors(&positions);
        if !symbols.is_empty() {
            let contracts = store::instruments::by_symbol(tx.statement(), &symbols).await?;
            splits = splits.with_contracts(contracts.into_iter().map(Arc::new));
        }
        let mut tags = HashMap::<_, Vec<_>>::new();
        let mut known = HashMap::<TagId, Arc<Tag>>::new();
        for carried in store::tags::carried_in(tx.statement(), owner, ids).await? {
            let tag = known.entry(carried.tag.id).or_insert_with(|| Arc::new(carried.tag));
            tags.entry(carried.position_id).or_default().push(Arc::clone(tag));
        }
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

    /// Of what is held, those of the underlyings too.
    pub fn splits(&self) -> &Splits {
        &self.splits
    }

    /// The books of some portfolios, each as of a session at whose close its entries and exits
    /// count, with their cash as it is now. In the order asked for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn books(
        &self,
        services: &Services,
        tx: &mut Work,
        asked: &[(Arc<Portfolio>, NaiveDate)],
    ) -> Result<Vec<Arc<Book>>, Error> {
        let calendar = &services.calendar;
        let carried: Vec<_> = asked
            .iter()
            .map(|(portfolio, session)| {
                let horizon = Horizon::of(*session, *session, calendar);
                (portfolio, horizon, carried(self.of(portfolio.id), &self.splits, horizon))
            })
            .collect();
        let wanted: HashSet<_> = carried
            .iter()
            .flat_map(|(_, horizon, positions)| {
                positions.iter().flat_map(|one| one.wanted(*horizon, calendar))
            })
            .collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let quotes = store::prices::quotes(tx.statement(), &wanted).await?;
        let quotes: Quotes =
            quotes.into_iter().map(|(id, as_of, quote)| ((id, as_of), quote)).collect();
        let book = |(portfolio, horizon, positions): (&Arc<Portfolio>, _, _)| {
            let portfolio = Arc::clone(portfolio);
            let now = services.now();
            let tags = &self.tags;
            Arc::new(Book::assemble(portfolio, positions, tags, &quotes, horizon, calendar, now))
        };
        Ok(carried.into_iter().map(book).collect())
    }
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
) -> Result<Vec<BookGreeks>, Error> {
    let calendar = &services.calendar;
    let configured = services.assumptions.risk_free_rate;
    let wanted: Vec<_> = books.iter().map(|book| greeks::wanted(book, calendar)).collect();
    let ranges: HashSet<_> = wanted.iter().flatten().copied().collect();
    let ranges: Vec<_> = ranges.into_iter().collect();
    let sessions: HashSet<_> = ranges.iter().map(|range| range.to).collect();
    let sessions: Vec<_> = sessions.into_iter().collect();
    let (mut series, mut known, mut curves) = (HashMap::new(), HashMap::new(), HashMap::new());
    if !ranges.is_empty() {
        let stored = store::prices::series(tx.statement(), &ranges).await?;
        let ids: HashSet<_> = ranges.iter().map(|range| range.instrument).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let found = store::actions::of_instruments(tx.statement(), &ids).await?;
        let adjustments = actions::by_instrument(&found);
        for stored in stored {
            let actions = adjustments.get(&stored.range.instrument).map(Vec::as_slice);
            series.insert(stored.range, Arc::new(Series::new(&stored, actions)));
        }
        for one in found {
            known.entry(one.action.instrument_id).or_insert_with(Vec::new).push(one);
        }
        let terms: Vec<_> = Tenor::terms().collect();
        let yields =
            store::yields::as_of(tx.statement(), &sessions, &terms, MAX_AGE_DAYS.into()).await?;
        curves = rates::curves(sessions, yields, configured);
    }
    let each = books.iter().zip(&wanted).map(|(book, ranges)| {
        let session = book.horizon.as_of;
        let histories = ranges
            .iter()
            .filter_map(|range| Some((range.instrument, Arc::clone(series.get(range)?))));
        let dividends = ranges.iter().filter_map(|range| {
            let actions = known.get(&range.instrument)?;
            Some((range.instrument, dividends::trailing(actions, session)))
        });
        let inputs = Inputs {
            histories: histories.collect(),
            dividends: dividends.collect(),
            curve: curves.get(&session).cloned().unwrap_or_else(|| Curve::configured(configured)),
            assumptions: services.assumptions,
        };
        BookGreeks::of(book, &inputs, calendar, Model::BlackScholesMerton)
    });
    Ok(each.collect())
}
