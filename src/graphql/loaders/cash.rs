//! The cash of past days.

use std::collections::HashMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{BookOf, Books};
use crate::domain::calendar::new_york_date;
use crate::domain::id::PortfolioId;
use crate::graphql::error::Result;
use crate::store;

impl Books {
    /// What has moved the cash of portfolios whose books are of the past, by day.
    pub(super) async fn moved_since(
        &self,
        keys: &[BookOf],
    ) -> Result<HashMap<PortfolioId, Vec<(NaiveDate, Decimal)>>> {
        let today = new_york_date(self.moment.now());
        let past = keys.iter().filter(|key| key.horizon.held_by < today);
        let past: Vec<_> = past.map(|key| key.portfolio.id).collect();
        let mut moved = HashMap::<_, Vec<_>>::new();
        let Some(viewer) = self.moment.viewer().await?.filter(|_| !past.is_empty()) else {
            return Ok(moved);
        };
        let mut db = self.moment.statement().await?;
        for (portfolio, date, amount) in store::cash::moved(&mut *db, viewer.id, &past).await? {
            moved.entry(portfolio).or_default().push((date, amount));
        }
        Ok(moved)
    }
}
