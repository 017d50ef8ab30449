//! Questions about the Greeks of books.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use chrono::NaiveDate;

use super::rates::CurveOf;
use super::{DataLoader, HashMapCache, Rows};
use crate::config::assumptions::Assumptions;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::error::Error;
use crate::graphql::budget::Budget;
use crate::graphql::error::{ApiError, Result};
use crate::postgres::moment::Moment;
use crate::services::greeks::{self, BookGreeks, Inputs, Model};
use crate::services::history::Series;
use crate::services::rates::Curve;
use crate::services::valuation::Book;
use crate::services::{actions, dividends};
use crate::store;
use crate::store::actions::Known;
use crate::store::prices::Range;

/// What are the Greeks of this book, by this model?
#[derive(Clone, Debug)]
pub struct GreeksOf {
    pub book: Arc<Book>,
    pub model: Model,
}

impl GreeksOf {
    fn identity(&self) -> impl Hash + Eq {
        (self.book.key(), self.model)
    }
}

impl PartialEq for GreeksOf {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for GreeksOf {}

impl Hash for GreeksOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// Computes the Greeks of books: all that are asked for at once with one statement for the closes
/// of the underlyings, one for what their issuers did, one for the yields; none without an option.
pub struct Options {
    pub(super) moment: Arc<Moment>,
    pub(super) rows: Arc<DataLoader<Rows, HashMapCache>>,
    pub(super) calendar: Arc<Calendar>,
    pub(super) budget: Arc<Budget>,
    pub(super) assumptions: Assumptions,
}

/// What was read for some books.
#[derive(Default)]
struct Found {
    series: HashMap<Range, Arc<Series>>,
    /// By instrument, in the order of their dates.
    actions: HashMap<InstrumentId, Vec<Known>>,
    curves: HashMap<NaiveDate, Arc<Curve>>,
}

impl Options {
    async fn read(&self, ranges: Vec<Range>, sessions: HashSet<NaiveDate>) -> Result<Found> {
        if ranges.is_empty() {
            return Ok(Found::default());
        }
        let stored = {
            let mut db = self.moment.statement().await?;
            store::prices::series(&mut *db, &ranges).await?
        };
        let ids: HashSet<_> = ranges.iter().map(|range| range.instrument).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let known = {
            let mut db = self.moment.statement().await?;
            store::actions::of_instruments(&mut *db, &ids).await?
        };
        let adjustments = actions::by_instrument(&known);
        let series = stored.into_iter().map(|stored| {
            let actions = adjustments.get(&stored.range.instrument).map(Vec::as_slice);
            (stored.range, Arc::new(Series::new(stored, actions)))
        });
        let series = series.collect();
        let mut actions = HashMap::<_, Vec<_>>::new();
        for known in known {
            actions.entry(known.action.instrument_id).or_default().push(known);
        }
        let curves: Vec<_> = sessions.into_iter().map(CurveOf).collect();
        let found = self.rows.loader().load(&curves).await?;
        let curves = found.iter().map(|(of, curve)| (of.0, Arc::clone(curve))).collect();
        self.rows.feed_many(found).await;
        Ok(Found { series, actions, curves })
    }

    fn inputs(&self, book: &Book, ranges: &[Range], found: &Found) -> Inputs {
        let session = book.horizon.as_of;
        let histories = ranges
            .iter()
            .filter_map(|range| Some((range.instrument, Arc::clone(found.series.get(range)?))));
        let dividends = ranges.iter().filter_map(|range| {
            let actions = found.actions.get(&range.instrument)?;
            Some((range.instrument, dividends::trailing(actions, session)))
        });
        let curve = found.curves.get(&session).map(|curve| Curve::clone(curve));
        Inputs {
            histories: histories.collect(),
            dividends: dividends.collect(),
            curve: curve.unwrap_or_else(|| Curve::configured(self.assumptions.risk_free_rate)),
            assumptions: self.assumptions,
        }
    }
}

#[async_trait]
impl Loader<GreeksOf> for Options {
    type Value = Arc<BookGreeks>;
    type Error = ApiError;

    async fn load(&self, keys: &[GreeksOf]) -> Result<HashMap<GreeksOf, Self::Value>> {
        let cost = keys.iter().map(|key| greeks::cost(&key.book, key.model));
        self.budget.spend(cost.fold(0, usize::saturating_add))?;
        let wanted: Vec<_> =
            keys.iter().map(|key| greeks::wanted(&key.book, &self.calendar)).collect();
        let ranges: HashSet<_> = wanted.iter().flatten().copied().collect();
        let sessions = ranges.iter().map(|range| range.to).collect();
        let found = self.read(ranges.into_iter().collect(), sessions).await?;
        let work: Vec<_> = keys
            .iter()
            .zip(&wanted)
            .map(|(key, ranges)| (key.clone(), self.inputs(&key.book, ranges, &found)))
            .collect();
        let calendar = Arc::clone(&self.calendar);
        // Ten thousand American options take seconds, which other requests must not wait for.
        let computed = tokio::task::spawn_blocking(move || {
            let each = work.into_iter().map(|(key, inputs)| {
                let greeks = BookGreeks::of(&key.book, &inputs, &calendar, key.model);
                (key, Arc::new(greeks))
            });
            each.collect()
        });
        Ok(computed.await.map_err(|error| Error::Internal(error.to_string()))?)
    }
}
