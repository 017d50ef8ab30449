//! One key type for each batched question. However long a list is, a question about its entries
//! is asked once.
//!
//! [`Rows`] answers from a table, one statement a question; [`Books`] puts whole books together.
//! Each waits for others to ask the same, so neither asks the other through its queue. What has no
//! key at all is asked once.

pub mod admin;
pub mod alerts;
mod attribution;
mod books;
pub mod exports;
pub mod factors;
mod greeks;
mod histories;
pub mod jobs;
pub mod listings;
pub mod modeling;
mod presence;
pub mod rates;
pub mod results;
pub mod snapshots;
pub mod stress;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use chrono::NaiveDate;
use tokio::sync::OnceCell;

use self::books::{BookOf, Books};
pub use self::histories::{ActionsOf, SplitsOf};
pub use self::presence::PresenceOf;
use super::budget::Budget;
use super::error::{ApiError, Result};
use super::progress::{Progress, Turns};
use crate::config::assumptions::Assumptions;
use crate::domain::calendar::Calendar;
use crate::domain::id::{InstrumentId, PortfolioId, PositionId, TagId, UserId};
use crate::domain::instrument::Instrument;
use crate::domain::page::{Page, Slice};
use crate::domain::portfolio::Portfolio;
use crate::domain::price::{Bar, Horizon, PriceSource, Quote};
use crate::domain::tag::Tag;
use crate::domain::text::fold;
use crate::error::Refusal;
use crate::postgres::moment::Moment;
use crate::services::Services;
use crate::services::modeling::Trial;
use crate::services::valuation::Book;
use crate::store;
pub use crate::store::instruments::InstrumentsPage;
pub use crate::store::prices::BarsPage;

/// Made anew for each request, and whenever it has written: their caches must not outlive the
/// viewer's rights or what was true when they were filled.
pub struct Loaders {
    rows: Arc<DataLoader<Rows, HashMapCache>>,
    books: DataLoader<Books, HashMapCache>,
    listed: DataLoader<listings::Listed, HashMapCache>,
    moment: Arc<Moment>,
    tags: OnceCell<Vec<Arc<Tag>>>,
    tag_counts: OnceCell<HashMap<TagId, i64>>,
    reach: OnceCell<Vec<(PriceSource, NaiveDate)>>,
    calendar: Arc<Calendar>,
    assumptions: Assumptions,
    budget: Arc<Budget>,
    desks: stress::Desks,
    computed: factors::Computed,
    progress: Arc<Progress>,
}

impl Loaders {
    pub fn new(
        services: &Services,
        moment: &Arc<Moment>,
        budget: &Arc<Budget>,
        progress: &Arc<Progress>,
    ) -> Self {
        let rows = Rows { moment: Arc::clone(moment), closes: histories::Closes::default() };
        let rows = Arc::new(loader(rows, progress));
        let books = Books::new(services, moment, &rows, budget);
        let listed = listings::Listed::new(services, moment, &rows);
        Self {
            rows,
            listed: loader(listed, progress),
            books: loader(books, progress),
            moment: Arc::clone(moment),
            tags: OnceCell::new(),
            tag_counts: OnceCell::new(),
            reach: OnceCell::new(),
            calendar: Arc::clone(&services.calendar),
            assumptions: services.assumptions,
            budget: Arc::clone(budget),
            desks: stress::Desks::default(),
            computed: factors::Computed::default(),
            progress: Arc::clone(progress),
        }
    }

    /// Computes where nobody waits for the thread.
    ///
    /// # Errors
    /// `Internal` when the computation panicked.
    pub async fn off_the_threads<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        Ok(self.progress.off_the_threads(work).await?)
    }

    /// The answer to one question about rows; None when there is nothing, or it is not theirs.
    pub async fn row<K>(&self, key: K) -> Result<Option<<Rows as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Rows: Loader<K, Error = ApiError>,
    {
        self.rows.load_one(key).await
    }

    /// The answers to many questions about rows; those without one are absent.
    pub async fn rows<K>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<HashMap<K, <Rows as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Rows: Loader<K, Error = ApiError>,
    {
        let keys: Vec<_> = keys.into_iter().collect();
        self.rows.load_many(keys).await
    }

    /// The book of a portfolio that the viewer has reached.
    pub async fn book(&self, portfolio: &Arc<Portfolio>, horizon: Horizon) -> Result<Arc<Book>> {
        self.book_with(portfolio, horizon, None).await
    }

    /// The same with trades that are tried on it.
    async fn book_with(
        &self,
        portfolio: &Arc<Portfolio>,
        horizon: Horizon,
        trial: Option<Arc<Trial>>,
    ) -> Result<Arc<Book>> {
        let key = BookOf { portfolio: Arc::clone(portfolio), horizon, trial };
        Ok(self.books.load_one(key).await?.ok_or_else(|| Refusal::not_found("portfolio"))?)
    }

    /// The viewer's tags, by name.
    pub async fn tags(&self) -> Result<&[Arc<Tag>]> {
        let read = async {
            let Some(viewer) = self.moment.viewer().await? else { return Ok(Vec::new()) };
            let mut db = self.moment.statement().await?;
            let rows = store::tags::all_of(&mut *db, viewer.id).await?;
            Ok::<_, ApiError>(rows.into_iter().map(Arc::new).collect())
        };
        Ok(self.tags.get_or_try_init(|| read).await?)
    }

    /// How many of the viewer's open positions carry a tag.
    pub async fn tag_count(&self, tag: TagId) -> Result<i64> {
        let read = async {
            let Some(viewer) = self.moment.viewer().await? else { return Ok(HashMap::new()) };
            let mut db = self.moment.statement().await?;
            let rows = store::tags::position_counts(&mut *db, viewer.id).await?;
            Ok::<_, ApiError>(rows.into_iter().collect())
        };
        let counts = self.tag_counts.get_or_try_init(|| read).await?;
        Ok(counts.get(&tag).copied().unwrap_or(0))
    }

    /// The newest session that each source of prices has.
    pub async fn reach(&self) -> Result<&[(PriceSource, NaiveDate)]> {
        let read = async {
            let mut db = self.moment.statement().await?;
            Ok::<_, ApiError>(store::prices::coverage(&mut *db).await?)
        };
        Ok(self.reach.get_or_try_init(|| read).await?)
    }
}

fn loader<L: Send + Sync + 'static>(
    loader: L,
    progress: &Arc<Progress>,
) -> DataLoader<L, HashMapCache> {
    let turns = Turns(Arc::clone(progress));
    // One statement whatever the number: the budget of the request bounds it.
    DataLoader::with_cache(loader, turns.clone(), turns, HashMapCache::default())
        .max_batch_size(usize::MAX)
}

/// Asks the database.
pub struct Rows {
    moment: Arc<Moment>,
    closes: histories::Closes,
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

/// Which of the viewer's portfolios has this name, whatever the case?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortfolioNamed(pub String);

#[async_trait]
impl Loader<PortfolioNamed> for Rows {
    type Value = Arc<Portfolio>;
    type Error = ApiError;

    async fn load(&self, keys: &[PortfolioNamed]) -> Result<HashMap<PortfolioNamed, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let names: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::portfolios::named(&mut *db, owner, &names).await?
        };
        let rows: HashMap<_, _> =
            rows.into_iter().map(|row| (fold(&row.name), Arc::new(row))).collect();
        Ok(keys
            .iter()
            .filter_map(|key| Some((key.clone(), Arc::clone(rows.get(&fold(&key.0))?))))
            .collect())
    }
}

/// What is on this page of the viewer's portfolios?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortfoliosPage(pub Page<String>);

#[async_trait]
impl Loader<PortfoliosPage> for Rows {
    type Value = Slice<Portfolio>;
    type Error = ApiError;

    async fn load(&self, keys: &[PortfoliosPage]) -> Result<HashMap<PortfoliosPage, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let pages: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let slices = {
            let mut db = self.moment.statement().await?;
            store::portfolios::pages(&mut *db, owner, &pages).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}

/// What is this instrument's price? That there is none is an answer too, and remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuoteOf {
    pub instrument: InstrumentId,
    pub horizon: Horizon,
}

#[async_trait]
impl Loader<QuoteOf> for Rows {
    type Value = Option<Quote>;
    type Error = ApiError;

    async fn load(&self, keys: &[QuoteOf]) -> Result<HashMap<QuoteOf, Option<Quote>>> {
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
        let quote = |key: &QuoteOf| quotes.get(&(key.instrument, key.horizon.as_of)).cloned();
        Ok(keys.iter().map(|key| (*key, quote(key))).collect())
    }
}

#[async_trait]
impl Loader<InstrumentsPage> for Rows {
    type Value = Slice<Instrument>;
    type Error = ApiError;

    async fn load(
        &self,
        keys: &[InstrumentsPage],
    ) -> Result<HashMap<InstrumentsPage, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let slices = {
            let mut db = self.moment.statement().await?;
            store::instruments::pages(&mut *db, owner, keys).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}

#[async_trait]
impl Loader<BarsPage> for Rows {
    type Value = Slice<Bar>;
    type Error = ApiError;

    async fn load(&self, keys: &[BarsPage]) -> Result<HashMap<BarsPage, Self::Value>> {
        let slices = {
            let mut db = self.moment.statement().await?;
            store::prices::pages(&mut *db, keys).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
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
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::instruments::visible(&mut *db, owner, &ids, &[]).await?
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
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let symbols: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::instruments::visible(&mut *db, owner, &[], &symbols).await?
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
