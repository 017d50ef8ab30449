//! What is there of histories.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::graphql::error::{ApiError, Result};
use crate::store;
use crate::store::presence::Presence;
use crate::store::prices::Range;

/// On which days of a range has an instrument a bar, what was said of the others, and which of all
/// are doubted?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PresenceOf(pub Range);

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
