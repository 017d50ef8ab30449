//! What closes are adjusted by.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::action::Adjustment;
use crate::domain::id::InstrumentId;
use crate::graphql::error::{ApiError, Result};
use crate::services::actions;
use crate::store;

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
