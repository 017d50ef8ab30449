//! One key type for each batched question. However long a list is, a question about its entries
//! is asked once.
//!
//! There are two layers: [`Rows`] asks the database, one statement a question; [`Books`] puts
//! books together from what the first layer has loaded, so that a portfolio's positions are read
//! once however many dates are asked about.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use chrono::NaiveDate;

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
    rows: Arc<DataLoader<Rows, HashMapCache>>,
    books: DataLoader<Books, HashMapCache>,
}

impl Loaders {
    pub fn new(moment: Arc<Moment>) -> Self {
        let rows = Arc::new(loader(Rows { moment: Arc::clone(&moment) }));
        let books = loader(Books { moment, rows: Arc::clone(&rows) });
        Self { rows, books }
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
    pub async fn book(&self, portfolio: PortfolioId, horizon: Horizon) -> Result<Arc<Book>> {
        let book = self.books.load_one(BookOf { portfolio, horizon }).await?;
        Ok(book.ok_or_else(|| Refusal::not_found("portfolio"))?)
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
pub struct Rows {
    moment: Arc<Moment>,
}

impl Rows {
    /// Whose rows: nobody's for a request without credentials.
    async fn owner(&self) -> Result<Option<UserId>> {
        Ok(self.moment.viewer().await?.map(|user| user.id))
    }
}

/// Puts books together.
struct Books {
    moment: Arc<Moment>,
    rows: Arc<DataLoader<Rows, HashMapCache>>,
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

/// What is in this portfolio, whenever?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HoldingsOf(pub PortfolioId);

/// Positions and the tags they carry; two statements.
#[derive(Debug, Default)]
pub struct Holdings {
    pub positions: Vec<Arc<Position>>,
    pub tags: HashMap<PositionId, Vec<Arc<Tag>>>,
}

#[async_trait]
impl Loader<HoldingsOf> for Rows {
    type Value = Arc<Holdings>;
    type Error = ApiError;

    async fn load(&self, keys: &[HoldingsOf]) -> Result<HashMap<HoldingsOf, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let positions = {
            let mut db = self.moment.statement().await?;
            store::positions::of_portfolios(&mut *db, owner, &ids).await?
        };
        let carried = {
            let mut db = self.moment.statement().await?;
            store::tags::carried_in(&mut *db, owner, &ids).await?
        };

        let mut holdings: HashMap<_, Holdings> =
            keys.iter().map(|key| (*key, Holdings::default())).collect();
        for position in positions {
            let of = holdings.entry(HoldingsOf(position.portfolio_id)).or_default();
            of.positions.push(Arc::new(position));
        }
        let mut tags = HashMap::<TagId, Arc<Tag>>::new();
        for carried in carried {
            let id = carried.tag.id;
            let tag = tags.entry(id).or_insert_with(|| Arc::new(carried.tag));
            let of = holdings.entry(HoldingsOf(carried.portfolio_id)).or_default();
            of.tags.entry(carried.position_id).or_default().push(Arc::clone(tag));
        }
        Ok(holdings.into_iter().map(|(key, of)| (key, Arc::new(of))).collect())
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct BookOf {
    portfolio: PortfolioId,
    horizon: Horizon,
}

#[async_trait]
impl Loader<BookOf> for Books {
    type Value = Arc<Book>;
    type Error = ApiError;

    async fn load(&self, keys: &[BookOf]) -> Result<HashMap<BookOf, Self::Value>> {
        let portfolios =
            self.rows.load_many(keys.iter().map(|key| PortfolioBy(key.portfolio))).await?;
        let holdings =
            self.rows.load_many(keys.iter().map(|key| HoldingsOf(key.portfolio))).await?;
        let wanted = keys.iter().flat_map(|key| {
            let positions = holdings.get(&HoldingsOf(key.portfolio));
            positions.into_iter().flat_map(|of| &of.positions).flat_map(|position| {
                let instrument = &position.instrument;
                let underlying = instrument.contract.as_ref().map(|c| c.underlying_id);
                std::iter::once(instrument.id)
                    .chain(underlying)
                    .map(|instrument| QuoteOf { instrument, horizon: key.horizon })
            })
        });
        let quotes = self.rows.load_many(wanted.collect::<Vec<_>>()).await?;
        let mut by_date = HashMap::<NaiveDate, HashMap<InstrumentId, Quote>>::new();
        for (key, quote) in quotes {
            by_date.entry(key.horizon.as_of).or_default().insert(key.instrument, quote);
        }

        let none = HashMap::new();
        Ok(keys
            .iter()
            .filter_map(|key| {
                let portfolio = portfolios.get(&PortfolioBy(key.portfolio))?;
                let holdings = holdings.get(&HoldingsOf(key.portfolio))?;
                let book = Book::assemble(
                    Arc::clone(portfolio),
                    &holdings.positions,
                    &holdings.tags,
                    by_date.get(&key.horizon.as_of).unwrap_or(&none),
                    key.horizon,
                    self.moment.now(),
                );
                Some((*key, Arc::new(book)))
            })
            .collect())
    }
}
