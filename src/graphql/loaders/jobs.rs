//! Questions about jobs. Whoever may not see one is told that there is none.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::page::Slice;
use crate::graphql::error::{ApiError, Result};
use crate::store;
pub use crate::store::jobs::JobsPage;
use crate::store::schedules::Schedule;

/// Which job is that, of the viewer's, or, for an administrator, of anybody's?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobBy(pub JobId);

#[async_trait]
impl Loader<JobBy> for Rows {
    type Value = Arc<Job>;
    type Error = ApiError;

    async fn load(&self, keys: &[JobBy]) -> Result<HashMap<JobBy, Self::Value>> {
        if self.owner().await?.is_none() {
            return Ok(HashMap::new());
        }
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::jobs::by_id(&mut *db, &ids).await?
        };
        Ok(rows.into_iter().map(|row| (JobBy(row.id), Arc::new(row))).collect())
    }
}

#[async_trait]
impl Loader<JobsPage> for Rows {
    type Value = Slice<Job>;
    type Error = ApiError;

    async fn load(&self, keys: &[JobsPage]) -> Result<HashMap<JobsPage, Self::Value>> {
        if self.owner().await?.is_none() {
            return Ok(HashMap::new());
        }
        let slices = {
            let mut db = self.moment.statement().await?;
            store::jobs::pages(&mut *db, keys).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}

/// What runs when?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedules;

#[async_trait]
impl Loader<Schedules> for Rows {
    type Value = Arc<[Schedule]>;
    type Error = ApiError;

    async fn load(&self, _: &[Schedules]) -> Result<HashMap<Schedules, Self::Value>> {
        let rows = {
            let mut db = self.moment.statement().await?;
            store::schedules::all(&mut *db).await?
        };
        Ok(HashMap::from([(Schedules, rows.into())]))
    }
}
