//! The service itself.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use super::instrument::PriceSource;
use crate::graphql::scalar::Date;

/// What runs here, on what data, within which limits.
#[derive(SimpleObject)]
pub struct ServiceInfo {
    /// Of the program.
    pub version: &'static str,
    /// Of the source it was built from; null for a build outside a repository.
    pub commit: Option<&'static str>,
    /// When this process started.
    pub started_at: DateTime<Utc>,
    /// The newest session any price is stored for; null without prices.
    pub market_data_as_of: Option<Date>,
    /// Where the stored prices come from.
    pub price_sources: Vec<PriceSource>,
    /// What one request and one user may ask for.
    pub limits: ServiceLimits,
}

/// Limits of requests. A query over one of them is refused with `QUERY_TOO_COMPLEX`, a request
/// over the rate with `RATE_LIMITED`.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct ServiceLimits {
    /// Levels a query may nest.
    pub max_depth: usize,
    /// Cost of a query: fields, times the page sizes of the lists they are in.
    pub max_complexity: usize,
    /// Entries of one page.
    pub max_page_size: usize,
    /// Positions that one request may work through, each list and total anew; one that is priced
    /// as of another date counts for ten.
    pub max_rows: usize,
    /// Requests a minute of one user.
    pub requests_per_minute: u32,
    /// Bytes of an uploaded file of positions.
    pub max_upload_bytes: usize,
    /// Rows of an uploaded file of positions.
    pub max_upload_rows: usize,
}
