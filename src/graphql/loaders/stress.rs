//! What stress tests ask for.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::{Loaders, Rows};
use crate::domain::id::ScenarioId;
use crate::domain::scenario::Scenario;
use crate::graphql::error::{ApiError, Result};
use crate::store;

/// Which stress scenarios may the viewer see? There are few, so that one is found among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Scenarios;

#[async_trait]
impl Loader<Scenarios> for Rows {
    type Value = Arc<[Arc<Scenario>]>;
    type Error = ApiError;

    async fn load(&self, _: &[Scenarios]) -> Result<HashMap<Scenarios, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let mut db = self.moment.statement().await?;
        let all = store::scenarios::visible(&mut *db, owner, None).await?;
        Ok(HashMap::from([(Scenarios, all.into_iter().map(Arc::new).collect())]))
    }
}

impl Loaders {
    /// Everybody's stress scenarios and the viewer's own.
    pub async fn scenarios(&self) -> Result<Arc<[Arc<Scenario>]>> {
        Ok(self.row(Scenarios).await?.unwrap_or_default())
    }

    /// The stress scenario of an id; None when it is somebody else's.
    pub async fn scenario(&self, id: ScenarioId) -> Result<Option<Arc<Scenario>>> {
        Ok(self.scenarios().await?.iter().find(|one| one.id == id).cloned())
    }
}
