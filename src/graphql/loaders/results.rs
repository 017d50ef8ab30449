//! Questions about what the nightly chain has found.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use chrono::NaiveDate;

use super::{Loaders, PortfolioBy, Rows};
use crate::domain::id::PortfolioId;
use crate::domain::price::Horizon;
use crate::domain::result::{FactorExposure, StressResult};
use crate::error::Refusal;
use crate::graphql::error::{ApiError, Result};
use crate::services::valuation::Book;
use crate::store;
use crate::store::results::read::Part;
pub use crate::store::results::read::{BookOn, StressHistory};

/// What had this book in the factors?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExposuresOf(pub BookOn);

#[async_trait]
impl Loader<ExposuresOf> for Rows {
    type Value = Vec<FactorExposure>;
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
    type Value = Vec<StressResult>;
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

impl Loaders {
    /// The book of one of the viewer's portfolios as of a session.
    pub async fn book_on(&self, portfolio: PortfolioId, date: NaiveDate) -> Result<Arc<Book>> {
        let found = self.row(PortfolioBy(portfolio)).await?;
        let portfolio = found.ok_or_else(|| Refusal::not_found("portfolio"))?;
        self.book(&portfolio, Horizon::of(date, date, &self.calendar)).await
    }
}
