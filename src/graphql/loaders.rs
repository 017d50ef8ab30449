//! One key type for each batched question. However long a list is, a question about its entries
//! is asked once.
//!
//! [`Rows`] answers from a table, one statement a question; [`Books`] puts whole books together.
//! Each waits for others to ask the same, so neither asks the other through its queue. What has no
//! key at all is asked once.

mod actions;
pub mod admin;
pub mod factors;
mod greeks;
mod histories;
pub mod jobs;
pub mod modeling;
mod presence;
pub mod rates;
pub mod results;
pub mod snapshots;
pub mod stress;

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use chrono::NaiveDate;
use tokio::sync::{Mutex, OnceCell};

pub use self::actions::{ActionsOf, AdjustmentsOf, SplitsOf};
use self::greeks::{GreeksOf, Options};
pub use self::histories::HistoryOf;
pub use self::presence::{DoubtsOf, PresenceOf};
use super::budget::{Budget, PRICED};
use super::error::{ApiError, Result};
use super::progress::{Progress, Turns};
use crate::config::assumptions::Assumptions;
use crate::domain::action::Split;
use crate::domain::calendar::Calendar;
use crate::domain::id::{InstrumentId, PortfolioId, PositionId, TagId, UserId};
use crate::domain::instrument::Instrument;
use crate::domain::page::{Page, Slice};
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::price::{Bar, Horizon, PriceSource, Quote};
use crate::domain::tag::Tag;
use crate::domain::text::fold;
use crate::error::Refusal;
use crate::postgres::moment::Moment;
use crate::services::Services;
use crate::services::greeks::{BookGreeks, Model};
use crate::services::modeling::{Netted, Trial};
use crate::services::valuation::{self, Book, BookKey, Quotes, Splits};
use crate::store;
pub use crate::store::instruments::InstrumentsPage;
pub use crate::store::prices::BarsPage;

/// Made anew for each request, and whenever it has written: their caches must not outlive the
/// viewer's rights or what was true when they were filled.
pub struct Loaders {
    rows: Arc<DataLoader<Rows, HashMapCache>>,
    books: DataLoader<Books, HashMapCache>,
    options: DataLoader<Options, HashMapCache>,
    moment: Arc<Moment>,
    tags: OnceCell<Vec<Arc<Tag>>>,
    tag_counts: OnceCell<HashMap<TagId, i64>>,
    reach: OnceCell<Vec<(PriceSource, NaiveDate)>>,
    calendar: Arc<Calendar>,
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
        let assumptions = services.assumptions;
        let rows = Rows { moment: Arc::clone(moment), assumptions };
        let rows = Arc::new(loader(rows, progress));
        let books = Books {
            moment: Arc::clone(moment),
            rows: Arc::clone(&rows),
            calendar: Arc::clone(&services.calendar),
            budget: Arc::clone(budget),
            holdings: Mutex::default(),
        };
        let options = Options {
            moment: Arc::clone(moment),
            rows: Arc::clone(&rows),
            calendar: Arc::clone(&services.calendar),
            budget: Arc::clone(budget),
            assumptions,
        };
        Self {
            rows,
            books: loader(books, progress),
            options: loader(options, progress),
            moment: Arc::clone(moment),
            tags: OnceCell::new(),
            tag_counts: OnceCell::new(),
            reach: OnceCell::new(),
            calendar: Arc::clone(&services.calendar),
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

    /// The Greeks of a book.
    pub async fn greeks(&self, book: &Arc<Book>, model: Model) -> Result<Arc<BookGreeks>> {
        let key = GreeksOf { book: Arc::clone(book), model };
        Ok(self.options.load_one(key).await?.ok_or_else(|| Refusal::not_found("portfolio"))?)
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
    assumptions: Assumptions,
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

/// What is this portfolio's book as of a session, or that with trades tried on it?
#[derive(Clone, Debug)]
struct BookOf {
    portfolio: Arc<Portfolio>,
    horizon: Horizon,
    trial: Option<Arc<Trial>>,
}

impl BookOf {
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

/// What is in a portfolio, whenever.
#[derive(Debug, Default)]
struct Holdings {
    positions: Vec<Arc<Position>>,
    tags: HashMap<PositionId, Vec<Arc<Tag>>>,
    /// Of what is in all portfolios that were read together.
    splits: Arc<Splits>,
}

/// Puts books together: all that are asked for at once with one statement for their positions,
/// one for the tags of those, one for the splits, one for the prices, and where a split went
/// through options, one for the contracts it made of them.
struct Books {
    moment: Arc<Moment>,
    /// Whoever asks for a price that a book has had needs no statement for it.
    rows: Arc<DataLoader<Rows, HashMapCache>>,
    calendar: Arc<Calendar>,
    budget: Arc<Budget>,
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
        let moment = &self.moment;
        let viewer = moment.viewer().await?.filter(|_| !unread.is_empty());
        let Some(owner) = viewer.map(|user| user.id) else { return Ok(()) };
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
        let portfolios: Vec<_> = keys.iter().map(|key| key.portfolio.id).collect();
        self.read(&portfolios).await?;
        let holdings = self.holdings.lock().await;
        let held: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((key, Arc::clone(holdings.get(&key.portfolio.id)?))))
            .collect();
        drop(holdings);

        let priced: usize = held.iter().map(|(_, of)| of.positions.len()).sum();
        self.budget.spend(priced.saturating_mul(PRICED))?;
        let tried = keys.iter().filter_map(|key| key.trial.as_deref());
        let tried: HashSet<_> = tried.flat_map(Trial::moving).map(SplitsOf).collect();
        let tried = if tried.is_empty() { Vec::new() } else { self.splits_of(tried).await? };
        let carried: Vec<_> = held
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
            .zip(&carried)
            .flat_map(|((key, _), carried)| {
                carried.positions.iter().flat_map(|one| one.wanted(key.horizon, &self.calendar))
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
            .zip(carried)
            .map(|((key, of), carried)| {
                let portfolio = Arc::clone(&key.portfolio);
                let (tags, horizon) = (&of.tags, key.horizon);
                let (calendar, now) = (&*self.calendar, self.moment.now());
                let book = match &key.trial {
                    None => Book::assemble(
                        portfolio,
                        carried.positions,
                        tags,
                        &quotes,
                        horizon,
                        calendar,
                        now,
                    ),
                    Some(trial) => {
                        trial.book(portfolio, carried, tags, &quotes, horizon, calendar, now)
                    }
                };
                (key.clone(), Arc::new(book))
            })
            .collect())
    }
}
