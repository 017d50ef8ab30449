//! Questions about the options that are listed on an underlying, which the providers answer.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::{DataLoader, HashMapCache, Loaders, QuoteOf, Rows};
use crate::domain::calendar::new_york_date;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::Instrument;
use crate::domain::price::Horizon;
use crate::error::Refusal;
use crate::graphql::error::{ApiError, Result};
use crate::postgres::moment::Moment;
use crate::services::Services;
use crate::services::listings::{self, Listing, Span, Told, Wanted};

/// Which options on this underlying expire in this range? Those of other expiries may be told too.
#[derive(Clone, Debug)]
struct ListingOf {
    underlying: Arc<Instrument>,
    expiries: Span,
}

impl PartialEq for ListingOf {
    fn eq(&self, other: &Self) -> bool {
        (self.underlying.id, self.expiries) == (other.underlying.id, other.expiries)
    }
}

impl Eq for ListingOf {}

impl Hash for ListingOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.underlying.id, self.expiries.from, self.expiries.to).hash(state);
    }
}

/// Asks the providers: once for each underlying, whatever the expiries.
pub struct Listed {
    services: Services,
    moment: Arc<Moment>,
    rows: Arc<DataLoader<Rows, HashMapCache>>,
}

impl Listed {
    pub fn new(
        services: &Services,
        moment: &Arc<Moment>,
        rows: &Arc<DataLoader<Rows, HashMapCache>>,
    ) -> Self {
        let (services, moment, rows) = (services.clone(), Arc::clone(moment), Arc::clone(rows));
        Self { services, moment, rows }
    }
}

impl Loaders {
    /// The options on an underlying that expire in a range, among others perhaps.
    pub async fn listing(&self, underlying: &Arc<Instrument>, expiries: Span) -> Result<Listing> {
        let key = ListingOf { underlying: Arc::clone(underlying), expiries };
        let told = self.listed.load_one(key).await?;
        Ok(told.ok_or_else(|| Refusal::not_found("instrument"))??)
    }
}

#[async_trait]
impl Loader<ListingOf> for Listed {
    type Value = Told;
    type Error = ApiError;

    async fn load(&self, keys: &[ListingOf]) -> Result<HashMap<ListingOf, Told>> {
        let mut spans = HashMap::<InstrumentId, (Arc<Instrument>, Span)>::new();
        for ListingOf { underlying, expiries } in keys {
            let of = || (Arc::clone(underlying), *expiries);
            let (_, span) = spans.entry(underlying.id).or_insert_with(of);
            *span = Span { from: span.from.min(expiries.from), to: span.to.max(expiries.to) };
        }
        let calendar = &self.services.calendar;
        let last = calendar.last_completed_session(self.moment.now());
        let horizon = Horizon::of(last, new_york_date(self.moment.now()), calendar);
        let quotes: Vec<_> = spans.keys().map(|id| QuoteOf { instrument: *id, horizon }).collect();
        let found = self.rows.loader().load(&quotes).await?;
        let wanted = spans.into_values().map(|(underlying, expiries)| {
            let close = found.get(&QuoteOf { instrument: underlying.id, horizon });
            Wanted { underlying, expiries, close: close.cloned().flatten() }
        });
        let told = listings::of(&self.services, wanted.collect()).await;
        self.rows.feed_many(found).await;
        let of = |key: &ListingOf| Some((key.clone(), told.get(&key.underlying.id)?.clone()));
        Ok(keys.iter().filter_map(of).collect())
    }
}
