//! Questions about alerts and their rules.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::alert::{Alert, AlertRule};
use crate::domain::id::{AlertId, AlertRuleId, PortfolioId};
use crate::domain::page::Slice;
use crate::graphql::error::{ApiError, Result};
use crate::store;
pub use crate::store::alerts::AlertsPage;

/// Which of the viewer's rules is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AlertRuleBy(pub AlertRuleId);

#[async_trait]
impl Loader<AlertRuleBy> for Rows {
    type Value = Arc<AlertRule>;
    type Error = ApiError;

    async fn load(&self, keys: &[AlertRuleBy]) -> Result<HashMap<AlertRuleBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::alert_rules::owned(&mut *db, owner, &ids).await?
        };
        Ok(rows.into_iter().map(|row| (AlertRuleBy(row.id), Arc::new(row))).collect())
    }
}

/// What rules does this portfolio have?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AlertRulesOf(pub PortfolioId);

#[async_trait]
impl Loader<AlertRulesOf> for Rows {
    type Value = Vec<Arc<AlertRule>>;
    type Error = ApiError;

    async fn load(&self, keys: &[AlertRulesOf]) -> Result<HashMap<AlertRulesOf, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::alert_rules::of_portfolios(&mut *db, owner, &ids).await?
        };
        let mut found = HashMap::<_, Vec<_>>::new();
        for row in rows {
            found.entry(AlertRulesOf(row.portfolio_id)).or_default().push(Arc::new(row));
        }
        Ok(found)
    }
}

/// Which of the viewer's alerts is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AlertBy(pub AlertId);

#[async_trait]
impl Loader<AlertBy> for Rows {
    type Value = Arc<Alert>;
    type Error = ApiError;

    async fn load(&self, keys: &[AlertBy]) -> Result<HashMap<AlertBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::alerts::owned(&mut *db, owner, &ids).await?
        };
        Ok(rows.into_iter().map(|row| (AlertBy(row.id), Arc::new(row))).collect())
    }
}

#[async_trait]
impl Loader<AlertsPage> for Rows {
    type Value = Slice<Alert>;
    type Error = ApiError;

    async fn load(&self, keys: &[AlertsPage]) -> Result<HashMap<AlertsPage, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let slices = {
            let mut db = self.moment.statement().await?;
            store::alerts::pages(&mut *db, owner, keys).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}
