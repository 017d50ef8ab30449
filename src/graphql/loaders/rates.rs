//! Questions about what money costs.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use chrono::NaiveDate;

use super::{Loaders, Rows};
use crate::domain::rate::{Tenor, Yield};
use crate::graphql::error::{ApiError, Result};
use crate::services::rates::{Curve, Levels, MAX_AGE_DAYS};
use crate::services::window::Window;
use crate::store;
use crate::store::yields::YieldRange;

/// What was a yield between two days, with what is carried into them? None without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct YieldsOf(YieldRange);

/// What is known of a yield over some days.
#[derive(Clone)]
struct Told {
    levels: Arc<Levels>,
    newest: Yield,
}

#[async_trait]
impl Loader<YieldsOf> for Rows {
    type Value = Told;
    type Error = ApiError;

    async fn load(&self, keys: &[YieldsOf]) -> Result<HashMap<YieldsOf, Self::Value>> {
        let ranges: Vec<_> = keys.iter().map(|key| key.0).collect();
        let stored = {
            let mut db = self.moment.statement().await?;
            store::yields::series(&mut *db, &ranges, MAX_AGE_DAYS.into()).await?
        };
        let told = stored.into_iter().map(|of| {
            let newest = of.newest.clone();
            (YieldsOf(of.range), Told { newest, levels: Arc::new(of.into()) })
        });
        Ok(told.collect())
    }
}

impl Loaders {
    /// The risk-free rates as of a session: without yields the configured rate.
    pub async fn curve(&self, as_of: NaiveDate) -> Result<Arc<Curve>> {
        let on = |tenor| YieldsOf(YieldRange { tenor, from: as_of, to: as_of });
        let found = self.rows(Tenor::terms().map(on)).await?;
        let yields: Vec<_> = found.into_values().map(|told| told.newest).collect();
        Ok(Arc::new(Curve::of(as_of, &yields, self.assumptions.risk_free_rate)))
    }

    /// The 10-year yield over a window; None when nothing is known of it.
    pub async fn levels(&self, window: &Window) -> Result<Option<Arc<Levels>>> {
        let ends = window.sessions().first().zip(window.sessions().last());
        let Some((&from, &to)) = ends else { return Ok(None) };
        let key = YieldsOf(YieldRange { tenor: Tenor::TenYears, from, to });
        Ok(self.row(key).await?.map(|told| told.levels))
    }
}
