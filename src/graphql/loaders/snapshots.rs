//! Questions about snapshots.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::id::SnapshotId;
use crate::domain::page::Slice;
use crate::domain::snapshot::Snapshot;
use crate::graphql::error::{ApiError, Result};
use crate::store;
pub use crate::store::snapshots::SnapshotsPage;

/// Which of the viewer's snapshots is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotBy(pub SnapshotId);

#[async_trait]
impl Loader<SnapshotBy> for Rows {
    type Value = Arc<Snapshot>;
    type Error = ApiError;

    async fn load(&self, keys: &[SnapshotBy]) -> Result<HashMap<SnapshotBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::snapshots::owned(&mut *db, owner, &ids).await?
        };
        Ok(rows.into_iter().map(|row| (SnapshotBy(row.id), Arc::new(row))).collect())
    }
}

#[async_trait]
impl Loader<SnapshotsPage> for Rows {
    type Value = Slice<Snapshot>;
    type Error = ApiError;

    async fn load(&self, keys: &[SnapshotsPage]) -> Result<HashMap<SnapshotsPage, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let slices = {
            let mut db = self.moment.statement().await?;
            store::snapshots::pages(&mut *db, owner, keys).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}
