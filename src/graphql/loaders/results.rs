//! Questions about what the nightly chain has found, of sessions past and of what is there now.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Loaders, PortfolioBy, Rows};
use crate::domain::id::{InstrumentId, PortfolioId};
use crate::domain::price::Horizon;
use crate::domain::reference;
use crate::domain::result::{FactorExposure, Kept, LatestKind, LatestOf, Of, StressResult};
use crate::error::Refusal;
use crate::graphql::error::{ApiError, Result};
use crate::services::results::latest;
use crate::services::valuation::Book;
use crate::store;
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

/// Which results of a book still hold?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LatestBy {
    of: LatestOf,
    moved_by: Vec<InstrumentId>,
}

/// As they were written.
#[derive(Debug)]
struct Latest {
    created_at: DateTime<Utc>,
    answer: Box<RawValue>,
}

#[async_trait]
impl Loader<LatestBy> for Rows {
    type Value = Arc<Latest>;
    type Error = ApiError;

    async fn load(&self, keys: &[LatestBy]) -> Result<HashMap<LatestBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let asked: Vec<_> = keys.iter().map(|key| (key.of, key.moved_by.as_slice())).collect();
        let references: Vec<_> = reference::symbols().map(str::to_owned).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::results::latest::current(&mut *db, owner, &asked, &references).await?
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
        let Some(found) = self.row(LatestBy { of, moved_by }).await? else { return Ok(None) };
        let of = Of {
            owner_id: portfolio.owner_id,
            portfolio_id: portfolio.id,
            date,
            created_at: found.created_at,
        };
        // Another release may have written it in another way: then it is found anew.
        let is_short = found.answer.get().len() <= SHORT;
        let read = move || serde_json::from_str(found.answer.get()).ok();
        let found = if is_short { read() } else { self.off_the_threads(read).await? };
        Ok(found.map(|found| (of, found)))
    }

    /// The book of one of the viewer's portfolios as of a session.
    pub async fn book_on(&self, portfolio: PortfolioId, date: NaiveDate) -> Result<Arc<Book>> {
        let found = self.row(PortfolioBy(portfolio)).await?;
        let portfolio = found.ok_or_else(|| Refusal::not_found("portfolio"))?;
        self.book(&portfolio, Horizon::of(date, date, &self.calendar)).await
    }
}
