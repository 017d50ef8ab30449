//! Whole books.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::{QuoteOf, Rows, SplitsOf};
use crate::domain::action::Split;
use crate::domain::calendar::Calendar;
use crate::domain::id::{InstrumentId, PortfolioId, PositionId};
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::price::Horizon;
use crate::domain::tag::Tag;
use crate::graphql::budget::{Budget, PRICED};
use crate::graphql::error::{ApiError, Result};
use crate::postgres::moment::Moment;
use crate::services::Services;
use crate::services::books::sharing_tags;
use crate::services::modeling::{Netted, Trial};
use crate::services::valuation::{self, Book, BookKey, Quotes, Splits};
use crate::store;

/// What is this portfolio's book as of a session, or that with trades tried on it?
#[derive(Clone, Debug)]
pub(super) struct BookOf {
    pub portfolio: Arc<Portfolio>,
    pub horizon: Horizon,
    pub trial: Option<Arc<Trial>>,
}

impl BookOf {
    fn known(&self) -> Known {
        (self.portfolio.id, self.horizon.known_at)
    }

    fn key(&self) -> BookKey {
        let trial = self.trial.as_ref().map(|trial| trial.session);
        BookKey { portfolio: self.portfolio.id, horizon: self.horizon, trial }
    }
}

impl PartialEq for BookOf {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for BookOf {}

impl Hash for BookOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// A portfolio as it is, or as it was known at some time.
type Known = (PortfolioId, Option<DateTime<Utc>>);

/// What is in a portfolio, whenever.
#[derive(Debug, Default)]
struct Holdings {
    positions: Vec<Arc<Position>>,
    tags: HashMap<PositionId, Vec<Arc<Tag>>>,
    /// Of what is in all portfolios that were read together.
    splits: Arc<Splits>,
}

/// Puts books together: all that are asked for at once with one statement for their positions
/// with the tags of these, one for the splits, one for the prices, and where a split went
/// through options, one for the contracts it made of them.
pub(super) struct Books {
    moment: Arc<Moment>,
    /// Whoever asks for a price that a book has had needs no statement for it.
    rows: Arc<DataLoader<Rows, HashMapCache>>,
    calendar: Arc<Calendar>,
    budget: Arc<Budget>,
    /// Read once a portfolio, however many dates are asked about.
    holdings: Mutex<HashMap<Known, Arc<Holdings>>>,
}

impl Books {
    pub fn new(
        services: &Services,
        moment: &Arc<Moment>,
        rows: &Arc<DataLoader<Rows, HashMapCache>>,
        budget: &Arc<Budget>,
    ) -> Self {
        Self {
            moment: Arc::clone(moment),
            rows: Arc::clone(rows),
            calendar: Arc::clone(&services.calendar),
            budget: Arc::clone(budget),
            holdings: Mutex::default(),
        }
    }

    /// Reads what is in portfolios that have not been read before.
    async fn read(&self, portfolios: &[Known]) -> Result<()> {
        let known = self.holdings.lock().await;
        let unread: HashSet<_> =
            portfolios.iter().filter(|id| !known.contains_key(*id)).copied().collect();
        drop(known);
        let unread: Vec<_> = unread.into_iter().collect();
        let moment = &self.moment;
        let viewer = moment.viewer().await?.filter(|_| !unread.is_empty());
        let Some(owner) = viewer.map(|user| user.id) else { return Ok(()) };
        let found = {
            let mut db = moment.statement().await?;
            store::positions::known(&mut *db, owner, &unread).await?
        };

        let mut read: HashMap<_, _> = unread.iter().map(|id| (*id, Holdings::default())).collect();
        let (places, found): (Vec<_>, Vec<_>) =
            found.into_iter().map(|(at, position, tags)| (at, (position, tags))).unzip();
        for (at, (position, tags)) in places.into_iter().zip(sharing_tags(found)) {
            let Some(of) = unread.get(at).and_then(|asked| read.get_mut(asked)) else { continue };
            if !tags.is_empty() {
                of.tags.insert(position.id, tags);
            }
            of.positions.push(Arc::new(position));
        }
        let positions = read.values().flat_map(|of| &of.positions).cloned().collect::<Vec<_>>();
        let splits = Arc::new(self.splits(&positions).await?);
        let read = read.into_iter().map(|(id, holdings)| {
            (id, Arc::new(Holdings { splits: Arc::clone(&splits), ..holdings }))
        });
        self.holdings.lock().await.extend(read);
        Ok(())
    }

    /// The splits of what is held and of the underlyings, with the contracts they made.
    async fn splits(&self, positions: &[Arc<Position>]) -> Result<Splits> {
        let held: HashSet<_> = positions
            .iter()
            .map(|position| {
                let contract = position.instrument.contract.as_ref();
                SplitsOf(contract.map_or(position.instrument.id, |c| c.underlying_id))
            })
            .collect();
        let splits = Splits::default().and(self.splits_of(held).await?);
        let symbols = splits.successors(positions);
        if symbols.is_empty() {
            return Ok(splits);
        }
        let mut db = self.moment.statement().await?;
        let contracts = store::instruments::by_symbol(&mut *db, &symbols).await?;
        Ok(splits.with_contracts(contracts.into_iter().map(Arc::new)))
    }

    async fn splits_of(
        &self,
        shares: HashSet<SplitsOf>,
    ) -> Result<Vec<(InstrumentId, Vec<Split>)>> {
        let shares: Vec<_> = shares.into_iter().collect();
        let found = self.rows.loader().load(&shares).await?;
        let splits = found.iter().map(|(of, splits)| (of.0, splits.clone())).collect();
        self.rows.feed_many(found).await;
        Ok(splits)
    }
}

#[async_trait]
impl Loader<BookOf> for Books {
    type Value = Arc<Book>;
    type Error = ApiError;

    async fn load(&self, keys: &[BookOf]) -> Result<HashMap<BookOf, Self::Value>> {
        let portfolios: Vec<_> = keys.iter().map(BookOf::known).collect();
        self.read(&portfolios).await?;
        let holdings = self.holdings.lock().await;
        let held: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((key, Arc::clone(holdings.get(&key.known())?))))
            .collect();
        drop(holdings);

        let priced: usize = held.iter().map(|(_, of)| of.positions.len()).sum();
        self.budget.spend(priced.saturating_mul(PRICED))?;
        let tried = keys.iter().filter_map(|key| key.trial.as_deref());
        let tried: HashSet<_> = tried.flat_map(Trial::moving).map(SplitsOf).collect();
        let tried = if tried.is_empty() { Vec::new() } else { self.splits_of(tried).await? };
        let netted: Vec<_> = held
            .iter()
            .map(|(key, of)| {
                let held = valuation::carried(&of.positions, &of.splits, key.horizon);
                let Some(trial) = &key.trial else {
                    return Netted::without_trades(held);
                };
                let splits = Splits::clone(&of.splits).and(tried.iter().cloned());
                trial.net(key.portfolio.id, held, &splits, key.horizon)
            })
            .collect();
        let wanted: HashSet<_> = held
            .iter()
            .zip(&netted)
            .flat_map(|((key, _), netted)| {
                netted.positions.iter().flat_map(|one| one.wanted(key.horizon, &self.calendar))
            })
            .map(|(instrument, horizon)| QuoteOf { instrument, horizon })
            .collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let found = self.rows.loader().load(&wanted).await?;
        let quotes: Quotes = found
            .iter()
            .filter_map(|(of, quote)| Some(((of.instrument, of.horizon.as_of), quote.clone()?)))
            .collect();
        self.rows.feed_many(found).await;

        Ok(held
            .into_iter()
            .zip(netted)
            .map(|((key, of), netted)| {
                let (portfolio, horizon) = (Arc::clone(&key.portfolio), key.horizon);
                let (calendar, now) = (&*self.calendar, self.moment.now());
                let begins = of.positions.iter().map(|position| position.entry_date).min();
                let assemble = |positions, tags: &_, quotes: &_| {
                    Book::assemble(portfolio, positions, tags, quotes, horizon, calendar, now)
                        .beginning(begins)
                };
                let book = match &key.trial {
                    None => assemble(netted.positions, &of.tags, &quotes),
                    Some(trial) => trial.book(netted, &of.tags, &quotes, horizon, assemble),
                };
                (key.clone(), Arc::new(book))
            })
            .collect())
    }
}
