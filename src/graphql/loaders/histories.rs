//! Questions about closes that can be compared.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::graphql::error::{ApiError, Result};
use crate::services::actions;
use crate::services::history::Series;
use crate::store;
use crate::store::prices::Range;

/// What are the adjusted closes of an instrument between two dates? None without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HistoryOf(pub Range);

#[async_trait]
impl Loader<HistoryOf> for Rows {
    type Value = Arc<Series>;
    type Error = ApiError;

    async fn load(&self, keys: &[HistoryOf]) -> Result<HashMap<HistoryOf, Self::Value>> {
        let ranges: Vec<_> = keys.iter().map(|key| key.0).collect();
        let stored = {
            let mut db = self.moment.statement().await?;
            store::prices::series(&mut *db, &ranges).await?
        };
        let ids: HashSet<_> = keys.iter().map(|key| key.0.instrument).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let known = {
            let mut db = self.moment.statement().await?;
            store::actions::of_instruments(&mut *db, &ids).await?
        };
        let adjustments = actions::by_instrument(&known);
        let series = stored.into_iter().map(|stored| {
            let actions = adjustments.get(&stored.range.instrument).map(Vec::as_slice);
            (HistoryOf(stored.range), Arc::new(Series::new(stored, actions)))
        });
        Ok(series.collect())
    }
}
