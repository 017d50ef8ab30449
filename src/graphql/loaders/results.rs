//! Questions about what the nightly chain has found, of sessions past and of what is there now.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Loaders, PortfolioBy, Rows};
use crate::domain::id::PortfolioId;
use crate::domain::price::Horizon;
use crate::domain::reference;
use crate::domain::result::{
    FactorExposure, Kept, LatestKind, MarketOf, Of, ResultOf, StressResult,
};
use crate::error::Refusal;
use crate::graphql::error::{ApiError, Result};
use crate::services::results::latest;
use crate::services::results::market::Session;
use crate::services::valuation::Book;
use crate::store;
use crate::store::results::latest::Asked;
use crate::store::results::read::Part;
pub use crate::store::results::read::{BookOn, StressHistory};

/// What had this book in the factors?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExposuresOf(pub BookOn);

#[async_trait]
impl Loader<ExposuresOf> for Rows {
    type Value = Vec<Kept<FactorExposure>>;
    type Error = ApiError;

    async fn load(&self, keys: &[ExposuresOf]) -> Result<HashMap<ExposuresOf, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let asked: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::results::read::factor_exposures(&mut *db, owner, &asked).await?
        };
        let mut found = HashMap::<_, Vec<_>>::new();
        for row in rows {
            let of = BookOn { portfolio: row.of.portfolio_id, date: row.of.date };
            found.entry(ExposuresOf(of)).or_default().push(row);
        }
        Ok(found)
    }
}

/// What did the positions of this book add to that? The largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartsOf(pub BookOn);

#[async_trait]
impl Loader<PartsOf> for Rows {
    type Value = Arc<Vec<Part>>;
    type Error = ApiError;

    async fn load(&self, keys: &[PartsOf]) -> Result<HashMap<PartsOf, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let asked: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::results::read::parts(&mut *db, owner, &asked).await?
        };
        let mut found = HashMap::<_, Vec<_>>::new();
        for row in rows {
            found.entry(PartsOf(row.of)).or_default().push(row);
        }
        Ok(found.into_iter().map(|(of, parts)| (of, Arc::new(parts))).collect())
    }
}

#[async_trait]
impl Loader<StressHistory> for Rows {
    type Value = Vec<Kept<StressResult>>;
    type Error = ApiError;

    async fn load(&self, keys: &[StressHistory]) -> Result<HashMap<StressHistory, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let rows = {
            let mut db = self.moment.statement().await?;
            store::results::read::stress_histories(&mut *db, owner, keys).await?
        };
        let mut found = HashMap::<_, Vec<_>>::new();
        for (at, row) in rows {
            if let Some(key) = keys.get(at) {
                found.entry(*key).or_default().push(row);
            }
        }
        Ok(found)
    }
}

/// Bytes of an answer that are read in no longer than a thread may be kept.
const SHORT: usize = 100_000;

/// As it was written.
#[derive(Debug)]
pub struct Latest {
    created_at: DateTime<Utc>,
    answer: Box<RawValue>,
}

impl Latest {
    /// With when it was found; None where another release has written it in another way, so that it
    /// has to be found anew.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<(T, DateTime<Utc>)> {
        Some((serde_json::from_str(self.answer.get()).ok()?, self.created_at))
    }
}

/// Which results still hold?
#[async_trait]
impl Loader<Asked> for Rows {
    type Value = Arc<Latest>;
    type Error = ApiError;

    async fn load(&self, keys: &[Asked]) -> Result<HashMap<Asked, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let references: Vec<_> = reference::symbols().map(str::to_owned).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::results::latest::current(&mut *db, owner, keys, &references).await?
        };
        let found = rows.into_iter().filter_map(|(at, created_at, answer)| {
            Some((keys.get(at)?.clone(), Arc::new(Latest { created_at, answer })))
        });
        Ok(found.collect())
    }
}

impl Loaders {
    /// What the nightly chain has found of a book, if it still is what would be found: of the same
    /// positions at the same prices, from a past that has not changed since.
    pub async fn latest<T: DeserializeOwned + Send + 'static>(
        &self,
        book: &Book,
        kind: LatestKind,
    ) -> Result<Option<(Of, Vec<T>)>> {
        let (portfolio, date) = (&book.portfolio, book.horizon.as_of);
        // Asking costs a statement, so it is not asked about another book.
        let Some(known) = portfolio.latest.book(kind, date) else { return Ok(None) };
        let of =
            latest::of(book, kind, self.assumptions, &self.calendar).filter(|of| of.book == known);
        let Some(of) = of else { return Ok(None) };
        let moved_by = latest::moved_by(book).into_iter().collect();
        let key = Asked { of: ResultOf::Book(of), moved_by };
        let Some(found) = self.row(key).await? else { return Ok(None) };
        let is_short = found.answer.get().len() <= SHORT;
        let read = move || found.read();
        let found = if is_short { read() } else { self.off_the_threads(read).await? };
        let Some((found, created_at)) = found else { return Ok(None) };
        let of = Of { owner_id: portfolio.owner_id, portfolio_id: portfolio.id, date, created_at };
        Ok(Some((of, found)))
    }

    /// What may be known of a session, if the nightly chain has been there.
    pub(super) fn kept_session(&self, as_of: NaiveDate) -> Option<Session> {
        let (date, state) = self.moment.model().filter(|(date, _)| *date == as_of)?;
        let session = Session::new(as_of, self.assumptions, &self.calendar);
        let model = session.model();
        // Asking costs a statement, so it is not asked about another session.
        ((model.date, model.state) == (date, state)).then_some(session)
    }

    /// What the nightly chain has found of instruments and of the factors, as far as it still is
    /// what would be found.
    pub(super) async fn kept(
        &self,
        asked: impl IntoIterator<Item = MarketOf>,
    ) -> Result<HashMap<MarketOf, Arc<Latest>>> {
        let key = |of: MarketOf| Asked {
            of: ResultOf::Market(of),
            moved_by: of.moved_by.into_iter().collect(),
        };
        let found = self.rows(asked.into_iter().map(key)).await?;
        let of = |(key, found): (Asked, _)| Some((*key.of.market()?, found));
        Ok(found.into_iter().filter_map(of).collect())
    }

    /// What answers say, each with when it was found; off the threads where that is much.
    pub(super) async fn read_all<
        K: Eq + Hash + Send + 'static,
        T: DeserializeOwned + Send + 'static,
    >(
        &self,
        answers: HashMap<K, Arc<Latest>>,
    ) -> Result<HashMap<K, (T, DateTime<Utc>)>> {
        let length: usize = answers.values().map(|one| one.answer.get().len()).sum();
        let read =
            move || answers.into_iter().filter_map(|(key, one)| Some((key, one.read()?))).collect();
        if length <= SHORT { Ok(read()) } else { self.off_the_threads(read).await }
    }

    /// The book of one of the viewer's portfolios as of a session.
    pub async fn book_on(&self, portfolio: PortfolioId, date: NaiveDate) -> Result<Arc<Book>> {
        let found = self.row(PortfolioBy(portfolio)).await?;
        let portfolio = found.ok_or_else(|| Refusal::not_found("portfolio"))?;
        self.book(&portfolio, Horizon::of(date, date, &self.calendar)).await
    }
}
