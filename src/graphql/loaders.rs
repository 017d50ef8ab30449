//! One key type for each batched question. However long a list is, a question about its entries
//! is asked once.
//!
//! [`Rows`] answers from a table, one statement a question; [`Books`] puts whole books together.
//! Each waits a moment for others to ask the same, so neither asks the other through its queue.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use tokio::sync::Mutex;

use super::error::{ApiError, Result};
use crate::domain::id::{InstrumentId, PortfolioId, PositionId, TagId, UserId};
use crate::domain::instrument::Instrument;
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::price::{Horizon, Quote};
use crate::domain::tag::Tag;
use crate::error::Refusal;
use crate::postgres::moment::Moment;
use crate::services::valuation::Book;
use crate::store;

/// Most keys of one statement; longer batches are split.
const MAX_BATCH: usize = 50_000;

/// Made anew for each request, and whenever it has written: their caches must not outlive the
/// viewer's rights or what was true when they were filled.
pub struct Loaders {
    rows: DataLoader<Rows, HashMapCache>,
    books: DataLoader<Books, HashMapCache>,
}

impl Loaders {
    pub fn new(moment: Arc<Moment>) -> Self {
        let rows = Rows { moment };
        let books = Books { rows: rows.clone(), holdings: Mutex::default() };
        Self { rows: loader(rows), books: loader(books) }
    }

    /// The answer to one question about rows; None when there is nothing, or it is not theirs.
    pub async fn row<K>(&self, key: K) -> Result<Option<<Rows as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Rows: Loader<K, Error = ApiError>,
    {
        self.rows.load_one(key).await
    }

    /// The book of a portfolio that the viewer has reached.
    pub async fn book(&self, portfolio: &Arc<Portfolio>, horizon: Horizon) -> Result<Arc<Book>> {
        let key = BookOf { portfolio: Arc::clone(portfolio), horizon };
        Ok(self.books.load_one(key).await?.ok_or_else(|| Refusal::not_found("portfolio"))?)
    }
}

fn loader<L: Send + Sync + 'static>(loader: L) -> DataLoader<L, HashMapCache> {
    DataLoader::with_cache(
        loader,
        TokioSpawner::current(),
        TokioTimer::default(),
        HashMapCache::default(),
    )
    .max_batch_size(MAX_BATCH)
}

/// Asks the database.
#[derive(Clone)]
pub struct Rows {
    moment: Arc<Moment>,
}

impl Rows {
    /// Whose rows: nobody's for a request without credentials.
    async fn owner(&self) -> Result<Option<UserId>> {
        Ok(self.moment.viewer().await?.map(|user| user.id))
    }
}

/// Which portfolio is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortfolioBy(pub PortfolioId);

#[async_trait]
impl Loader<PortfolioBy> for Rows {
    type Value = Arc<Portfolio>;
    type Error = ApiError;

    async fn load(&self, keys: &[PortfolioBy]) -> Result<HashMap<PortfolioBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::portfolios::owned(&mut *db, owner, &ids).await?
        };
        Ok(rows.into_iter().map(|row| (PortfolioBy(row.id), Arc::new(row))).collect())
    }
}

/// What is this instrument's price?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuoteOf {
    pub instrument: InstrumentId,
    pub horizon: Horizon,
}

#[async_trait]
impl Loader<QuoteOf> for Rows {
    type Value = Quote;
    type Error = ApiError;

    async fn load(&self, keys: &[QuoteOf]) -> Result<HashMap<QuoteOf, Quote>> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted: HashMap<_, _> = keys
            .iter()
            .map(|key| ((key.instrument, key.horizon.as_of), (key.instrument, key.horizon)))
            .collect();
        let wanted: Vec<_> = wanted.into_values().collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::prices::quotes(&mut *db, &wanted).await?
        };
        let quotes: HashMap<_, _> =
            rows.into_iter().map(|(id, as_of, quote)| ((id, as_of), quote)).collect();
        Ok(keys
            .iter()
            .filter_map(|key| {
                let quote = quotes.get(&(key.instrument, key.horizon.as_of))?;
                Some((*key, quote.clone()))
            })
            .collect())
    }
}

/// Which instrument is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstrumentBy(pub InstrumentId);

#[async_trait]
impl Loader<InstrumentBy> for Rows {
    type Value = Arc<Instrument>;
    type Error = ApiError;

    async fn load(&self, keys: &[InstrumentBy]) -> Result<HashMap<InstrumentBy, Self::Value>> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::instruments::by_id(&mut *db, &ids).await?
        };
        Ok(rows.into_iter().map(|row| (InstrumentBy(row.id), Arc::new(row))).collect())
    }
}

/// Which instrument has this symbol, upper-case or compact?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstrumentNamed(pub String);

#[async_trait]
impl Loader<InstrumentNamed> for Rows {
    type Value = Arc<Instrument>;
    type Error = ApiError;

    async fn load(
        &self,
        keys: &[InstrumentNamed],
    ) -> Result<HashMap<InstrumentNamed, Self::Value>> {
        let symbols: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::instruments::by_symbol(&mut *db, &symbols).await?
        };
        Ok(rows
            .into_iter()
            .map(|row| (InstrumentNamed(row.symbol.clone()), Arc::new(row)))
            .collect())
    }
}

/// Which portfolio is this position in?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortfolioOf(pub PositionId);

#[async_trait]
impl Loader<PortfolioOf> for Rows {
    type Value = PortfolioId;
    type Error = ApiError;

    async fn load(&self, keys: &[PortfolioOf]) -> Result<HashMap<PortfolioOf, PortfolioId>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::positions::portfolios_of(&mut *db, owner, &ids).await?
        };
        Ok(rows.into_iter().map(|(id, portfolio)| (PortfolioOf(id), portfolio)).collect())
    }
}

/// Which tag is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TagBy(pub TagId);

#[async_trait]
impl Loader<TagBy> for Rows {
    type Value = Arc<Tag>;
    type Error = ApiError;

    async fn load(&self, keys: &[TagBy]) -> Result<HashMap<TagBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::tags::owned(&mut *db, owner, &ids).await?
        };
        Ok(rows.into_iter().map(|row| (TagBy(row.id), Arc::new(row))).collect())
    }
}

/// How many open positions carry this tag? Absent for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountOf(pub TagId);

#[async_trait]
impl Loader<CountOf> for Rows {
    type Value = i64;
    type Error = ApiError;

    async fn load(&self, keys: &[CountOf]) -> Result<HashMap<CountOf, i64>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::tags::position_counts(&mut *db, owner, &ids).await?
        };
        Ok(rows.into_iter().map(|(id, count)| (CountOf(id), count)).collect())
    }
}

/// What is this portfolio's book as of a session?
#[derive(Clone, Debug)]
struct BookOf {
    portfolio: Arc<Portfolio>,
    horizon: Horizon,
}

impl PartialEq for BookOf {
    fn eq(&self, other: &Self) -> bool {
        (self.portfolio.id, self.horizon) == (other.portfolio.id, other.horizon)
    }
}

impl Eq for BookOf {}

impl Hash for BookOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.portfolio.id, self.horizon).hash(state);
    }
}

/// What is in a portfolio, whenever.
#[derive(Debug, Default)]
struct Holdings {
    positions: Vec<Arc<Position>>,
    tags: HashMap<PositionId, Vec<Arc<Tag>>>,
}

/// Puts books together: all that are asked for at once with one statement for their positions,
/// one for the tags of those and one for the prices.
struct Books {
    rows: Rows,
    /// Read once a portfolio, however many dates are asked about.
    holdings: Mutex<HashMap<PortfolioId, Arc<Holdings>>>,
}

impl Books {
    /// Reads what is in portfolios that have not been read before.
    async fn read(&self, portfolios: &[PortfolioId]) -> Result<()> {
        let known = self.holdings.lock().await;
        let unread: HashSet<_> =
            portfolios.iter().filter(|id| !known.contains_key(*id)).copied().collect();
        drop(known);
        let unread: Vec<_> = unread.into_iter().collect();
        let Some(owner) = self.rows.owner().await?.filter(|_| !unread.is_empty()) else {
            return Ok(());
        };
        let moment = &self.rows.moment;
        let positions = {
            let mut db = moment.statement().await?;
            store::positions::of_portfolios(&mut *db, owner, &unread).await?
        };
        let carried = {
            let mut db = moment.statement().await?;
            store::tags::carried_in(&mut *db, owner, &unread).await?
        };

        let mut read: HashMap<_, _> = unread.iter().map(|id| (*id, Holdings::default())).collect();
        for position in positions {
            let of = read.entry(position.portfolio_id).or_default();
            of.positions.push(Arc::new(position));
        }
        let mut tags = HashMap::<TagId, Arc<Tag>>::new();
        for carried in carried {
            let tag = tags.entry(carried.tag.id).or_insert_with(|| Arc::new(carried.tag));
            let of = read.entry(carried.portfolio_id).or_default();
            of.tags.entry(carried.position_id).or_default().push(Arc::clone(tag));
        }
        let read = read.into_iter().map(|(id, holdings)| (id, Arc::new(holdings)));
        self.holdings.lock().await.extend(read);
        Ok(())
    }
}

#[async_trait]
impl Loader<BookOf> for Books {
    type Value = Arc<Book>;
    type Error = ApiError;

    async fn load(&self, keys: &[BookOf]) -> Result<HashMap<BookOf, Self::Value>> {
        let portfolios: Vec<_> = keys.iter().map(|key| key.portfolio.id).collect();
        self.read(&portfolios).await?;
        let holdings = self.holdings.lock().await;
        let held: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((key, Arc::clone(holdings.get(&key.portfolio.id)?))))
            .collect();
        drop(holdings);

        let wanted: HashSet<_> = held
            .iter()
            .flat_map(|(key, of)| {
                of.positions.iter().flat_map(|position| {
                    let instrument = &position.instrument;
                    let underlying = instrument.contract.as_ref().map(|c| c.underlying_id);
                    std::iter::once(instrument.id)
                        .chain(underlying)
                        .map(|instrument| QuoteOf { instrument, horizon: key.horizon })
                })
            })
            .collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let mut quotes = HashMap::<Horizon, HashMap<InstrumentId, Quote>>::new();
        for (key, quote) in self.rows.load(&wanted).await? {
            quotes.entry(key.horizon).or_default().insert(key.instrument, quote);
        }

        let none = HashMap::new();
        Ok(held
            .into_iter()
            .map(|(key, of)| {
                let book = Book::assemble(
                    Arc::clone(&key.portfolio),
                    &of.positions,
                    &of.tags,
                    quotes.get(&key.horizon).unwrap_or(&none),
                    key.horizon,
                    self.rows.moment.now(),
                );
                (key.clone(), Arc::new(book))
            })
            .collect())
    }
}
