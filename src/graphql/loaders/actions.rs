//! Questions about what issuers did to their shares.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::action::{Adjustment, Split};
use crate::domain::id::InstrumentId;
use crate::graphql::error::{ApiError, Result};
use crate::services::actions;
use crate::store;
use crate::store::actions::Known;

/// Which splits of this instrument are known? By date; that there are none is remembered too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SplitsOf(pub InstrumentId);

#[async_trait]
impl Loader<SplitsOf> for Rows {
    type Value = Vec<Split>;
    type Error = ApiError;

    async fn load(&self, keys: &[SplitsOf]) -> Result<HashMap<SplitsOf, Self::Value>> {
        let mut splits: HashMap<_, _> = keys.iter().map(|key| (*key, Vec::new())).collect();
        if splits.is_empty() {
            return Ok(splits);
        }
        let ids: Vec<_> = splits.keys().map(|key| key.0).collect();
        let mut db = self.moment.statement().await?;
        for (id, split) in store::actions::splits(&mut *db, &ids).await? {
            splits.entry(SplitsOf(id)).or_default().push(split);
        }
        Ok(splits)
    }
}

/// What are this instrument's closes adjusted by? None where no action of it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdjustmentsOf(pub InstrumentId);

#[async_trait]
impl Loader<AdjustmentsOf> for Rows {
    type Value = Arc<[Adjustment]>;
    type Error = ApiError;

    async fn load(&self, keys: &[AdjustmentsOf]) -> Result<HashMap<AdjustmentsOf, Self::Value>> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let known = {
            let mut db = self.moment.statement().await?;
            store::actions::of_instruments(&mut *db, &ids).await?
        };
        let adjustments = actions::by_instrument(&known);
        Ok(adjustments.into_iter().map(|(id, of)| (AdjustmentsOf(id), of.into())).collect())
    }
}

/// What did the issuer of this instrument do to its shares? By date, none where no provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActionsOf(pub InstrumentId);

#[async_trait]
impl Loader<ActionsOf> for Rows {
    type Value = Arc<[Known]>;
    type Error = ApiError;

    async fn load(&self, keys: &[ActionsOf]) -> Result<HashMap<ActionsOf, Self::Value>> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let known = {
            let mut db = self.moment.statement().await?;
            store::actions::of_instruments(&mut *db, &ids).await?
        };
        let each = known.chunk_by(|a, b| a.action.instrument_id == b.action.instrument_id);
        Ok(each.map(|of| (ActionsOf(of[0].action.instrument_id), of.into())).collect())
    }
}
