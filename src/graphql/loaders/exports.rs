//! Questions about files to take away, and what has them made.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::export::{Export, ReportSchedule};
use crate::domain::id::{ExportId, PortfolioId, ReportScheduleId};
use crate::domain::page::{Page, Slice};
use crate::graphql::error::{ApiError, Result};
use crate::store;

/// Which file of the viewer's is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExportBy(pub ExportId);

#[async_trait]
impl Loader<ExportBy> for Rows {
    type Value = Arc<Export>;
    type Error = ApiError;

    async fn load(&self, keys: &[ExportBy]) -> Result<HashMap<ExportBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut db = self.moment.statement().await?;
        let rows = store::exports::owned(&mut *db, owner, &ids).await?;
        Ok(rows.into_iter().map(|row| (ExportBy(row.id), Arc::new(row))).collect())
    }
}

/// What is on this page of the viewer's files?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExportsPage(pub Page<ExportId>);

#[async_trait]
impl Loader<ExportsPage> for Rows {
    type Value = Slice<Export>;
    type Error = ApiError;

    async fn load(&self, keys: &[ExportsPage]) -> Result<HashMap<ExportsPage, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let pages: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let mut db = self.moment.statement().await?;
        let slices = store::exports::pages(&mut *db, owner, &pages).await?;
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}

/// Which file is the newest that this schedule had made?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NewestOf(pub ReportScheduleId);

#[async_trait]
impl Loader<NewestOf> for Rows {
    type Value = Arc<Export>;
    type Error = ApiError;

    async fn load(&self, keys: &[NewestOf]) -> Result<HashMap<NewestOf, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut db = self.moment.statement().await?;
        let rows = store::exports::newest_of_schedules(&mut *db, owner, &ids).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((NewestOf(row.schedule_id?), Arc::new(row))))
            .collect())
    }
}

/// Which schedule of the viewer's is that?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReportScheduleBy(pub ReportScheduleId);

#[async_trait]
impl Loader<ReportScheduleBy> for Rows {
    type Value = Arc<ReportSchedule>;
    type Error = ApiError;

    async fn load(
        &self,
        keys: &[ReportScheduleBy],
    ) -> Result<HashMap<ReportScheduleBy, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut db = self.moment.statement().await?;
        let rows = store::report_schedules::owned(&mut *db, owner, &ids).await?;
        Ok(rows.into_iter().map(|row| (ReportScheduleBy(row.id), Arc::new(row))).collect())
    }
}

/// What has reports on this portfolio made?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReportSchedulesOf(pub PortfolioId);

#[async_trait]
impl Loader<ReportSchedulesOf> for Rows {
    type Value = Vec<Arc<ReportSchedule>>;
    type Error = ApiError;

    async fn load(
        &self,
        keys: &[ReportSchedulesOf],
    ) -> Result<HashMap<ReportSchedulesOf, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut found = HashMap::<_, Vec<_>>::new();
        let mut db = self.moment.statement().await?;
        for row in store::report_schedules::of_portfolios(&mut *db, owner, &ids).await? {
            found.entry(ReportSchedulesOf(row.portfolio_id)).or_default().push(Arc::new(row));
        }
        Ok(found)
    }
}
