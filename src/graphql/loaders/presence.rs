//! What is there of histories.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::id::InstrumentId;
use crate::graphql::error::{ApiError, Result};
use crate::store;
use crate::store::doubts::Doubt;
use crate::store::presence::Presence;
use crate::store::prices::Range;

/// On which days of a range has an instrument a bar, and what was said of the others?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PresenceOf(pub Range);

/// Which closes of an instrument are doubted? By date; that there are none is remembered too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DoubtsOf(pub InstrumentId);

#[async_trait]
impl Loader<DoubtsOf> for Rows {
    type Value = Vec<Doubt>;
    type Error = ApiError;

    async fn load(&self, keys: &[DoubtsOf]) -> Result<HashMap<DoubtsOf, Self::Value>> {
        let mut doubts: HashMap<_, _> = keys.iter().map(|key| (*key, Vec::new())).collect();
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut db = self.moment.statement().await?;
        for doubt in store::doubts::of_instruments(&mut *db, &ids).await? {
            doubts.entry(DoubtsOf(doubt.instrument_id)).or_default().push(doubt);
        }
        Ok(doubts)
    }
}

#[async_trait]
impl Loader<PresenceOf> for Rows {
    type Value = Arc<Presence>;
    type Error = ApiError;

    async fn load(&self, keys: &[PresenceOf]) -> Result<HashMap<PresenceOf, Self::Value>> {
        let ranges: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::presence::of_ranges(&mut *db, &ranges).await?
        };
        Ok(rows.into_iter().map(|row| (PresenceOf(row.range), Arc::new(row))).collect())
    }
}
