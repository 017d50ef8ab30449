//! Questions about what money costs.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use chrono::NaiveDate;

use super::Rows;
use crate::domain::rate::Tenor;
use crate::graphql::error::{ApiError, Result};
use crate::services::rates::{self, Curve, Levels, MAX_AGE_DAYS};
use crate::store;
pub use crate::store::yields::YieldRange;

/// What are the risk-free rates as of this session? Always an answer: without yields it is the
/// configured rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CurveOf(pub NaiveDate);

#[async_trait]
impl Loader<CurveOf> for Rows {
    type Value = Arc<Curve>;
    type Error = ApiError;

    async fn load(&self, keys: &[CurveOf]) -> Result<HashMap<CurveOf, Self::Value>> {
        let sessions: Vec<_> = keys.iter().map(|key| key.0).collect();
        let terms: Vec<_> = Tenor::terms().collect();
        let found = {
            let mut db = self.moment.statement().await?;
            store::yields::as_of(&mut *db, &sessions, &terms, MAX_AGE_DAYS.into()).await?
        };
        let curves = rates::curves(sessions, found, self.assumptions.risk_free_rate);
        Ok(curves.into_iter().map(|(of, curve)| (CurveOf(of), Arc::new(curve))).collect())
    }
}

/// What was the level of a yield between two days, with what is carried into them? None without
/// any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YieldsOf(pub YieldRange);

#[async_trait]
impl Loader<YieldsOf> for Rows {
    type Value = Arc<Levels>;
    type Error = ApiError;

    async fn load(&self, keys: &[YieldsOf]) -> Result<HashMap<YieldsOf, Self::Value>> {
        let ranges: Vec<_> = keys.iter().map(|key| key.0).collect();
        let stored = {
            let mut db = self.moment.statement().await?;
            store::yields::series(&mut *db, &ranges, MAX_AGE_DAYS.into()).await?
        };
        let levels = stored.into_iter().map(|of| (YieldsOf(of.range), Arc::new(of.into())));
        Ok(levels.collect())
    }
}
