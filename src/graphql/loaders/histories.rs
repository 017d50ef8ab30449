//! Questions about closes that can be compared, and about what issuers did to their shares.
//!
//! All statistics of a request share them: closes are read once over the widest range that is
//! asked for at once, and what was read is not read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use futures_util::future::try_join;

use super::{InstrumentNamed, Loaders, Rows};
use crate::domain::action::Split;
use crate::domain::id::InstrumentId;
use crate::domain::reference;
use crate::graphql::error::{ApiError, Result};
use crate::services::actions;
use crate::services::history::Series;
use crate::services::risk::Histories;
use crate::services::window::Window;
use crate::store;
use crate::store::actions::Known;
use crate::store::prices::{Span, StoredSeries, Subject};

/// Which closes are there over a span? What comes may reach further; None without any in reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ClosesOf(Span);

/// The widest span of each subject that was read, and what is there.
pub(super) type Closes = Mutex<HashMap<Subject, (Span, Option<Arc<StoredSeries>>)>>;

pub(super) fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rows {
    /// The spans that have to be read so that these are covered, one a subject.
    fn unread(&self, keys: &[ClosesOf]) -> Vec<Span> {
        let read = held(&self.closes);
        let mut unread = HashMap::<_, Span>::new();
        for ClosesOf(span) in keys {
            let known = read.get(&span.of).map(|(known, _)| *known);
            if known.is_none_or(|known| known.from > span.from || known.to < span.to) {
                let widest = unread.entry(span.of).or_insert(known.unwrap_or(*span));
                widest.from = widest.from.min(span.from);
                widest.to = widest.to.max(span.to);
            }
        }
        unread.into_values().collect()
    }
}

#[async_trait]
impl Loader<ClosesOf> for Rows {
    type Value = Arc<StoredSeries>;
    type Error = ApiError;

    async fn load(&self, keys: &[ClosesOf]) -> Result<HashMap<ClosesOf, Self::Value>> {
        let unread = self.unread(keys);
        if !unread.is_empty() {
            let found = {
                let mut db = self.moment.statement().await?;
                store::prices::series_of(&mut *db, &unread).await?
            };
            let mut found: HashMap<_, _> = found.into_iter().collect();
            let stored = unread
                .into_iter()
                .enumerate()
                .map(|(at, span)| (span.of, (span, found.remove(&at).map(Arc::new))));
            held(&self.closes).extend(stored);
        }
        let read = held(&self.closes);
        let stored = |key: &ClosesOf| Some((*key, Arc::clone(read.get(&key.0.of)?.1.as_ref()?)));
        Ok(keys.iter().filter_map(stored).collect())
    }
}

/// What did the issuer do to its shares? By date; that no provider says is remembered too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActionsOf(pub Subject);

#[async_trait]
impl Loader<ActionsOf> for Rows {
    type Value = Option<Arc<[Known]>>;
    type Error = ApiError;

    async fn load(&self, keys: &[ActionsOf]) -> Result<HashMap<ActionsOf, Self::Value>> {
        let subjects: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::actions::of_subjects(&mut *db, &subjects).await?
        };
        let mut found = HashMap::<_, Vec<_>>::new();
        let mut ids = HashMap::new();
        for (symbol, known) in rows {
            let id = known.action.instrument_id;
            ids.insert(symbol, id);
            found.entry(id).or_default().push(known);
        }
        let found: HashMap<_, Arc<[_]>> =
            found.into_iter().map(|(id, known)| (id, known.into())).collect();
        let known = |key: &ActionsOf| {
            let id = match &key.0 {
                Subject::Id(id) => id,
                Subject::Symbol(symbol) => ids.get(*symbol)?,
            };
            found.get(id).map(Arc::clone)
        };
        Ok(keys.iter().map(|key| (*key, known(key))).collect())
    }
}

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

impl Loaders {
    /// The adjusted closes over spans; absent where there are none.
    pub async fn series(&self, spans: Vec<Span>) -> Result<HashMap<Span, Arc<Series>>> {
        let subjects: Vec<_> = spans.iter().map(|span| ActionsOf(span.of)).collect();
        let (closes, happened) =
            try_join(self.rows(spans.into_iter().map(ClosesOf)), self.rows(subjects)).await?;
        let mut known = held(&self.computed.series);
        let series = closes.iter().map(|(ClosesOf(span), stored)| {
            let series = known.entry(*span).or_insert_with(|| {
                let happened = happened.get(&ActionsOf(span.of)).and_then(Option::as_ref);
                let adjustments = happened.map(|known| actions::adjustments(known));
                Arc::new(Series::within(stored, (span.from, span.to), adjustments.as_deref()))
            });
            (*span, Arc::clone(series))
        });
        Ok(series.filter(|(_, series)| !series.is_empty()).collect())
    }

    /// The adjusted closes of instruments over a window; absent where there are none.
    pub async fn histories(
        &self,
        window: &Window,
        instruments: Vec<InstrumentId>,
    ) -> Result<Histories> {
        let spans = instruments.into_iter().filter_map(|id| window.span(Subject::Id(id))).collect();
        let found = self.series(spans).await?.into_iter();
        let by_id = found.filter_map(|(span, series)| match span.of {
            Subject::Id(id) => Some((id, series)),
            Subject::Symbol(_) => None,
        });
        Ok(by_id.collect())
    }

    /// The adjusted closes over a window of what is measured against, by symbol; absent where
    /// there are none.
    pub async fn references(
        &self,
        window: &Window,
        symbols: Vec<&'static str>,
    ) -> Result<HashMap<String, Arc<Series>>> {
        let spans =
            symbols.into_iter().filter_map(|own| window.span(Subject::Symbol(own))).collect();
        let found = self.series(spans).await?.into_iter();
        let by_symbol = found.filter_map(|(span, series)| match span.of {
            Subject::Id(_) => None,
            Subject::Symbol(symbol) => Some((symbol.to_owned(), series)),
        });
        Ok(by_symbol.collect())
    }

    /// What has a symbol, upper-case: of what everything is measured against without a look, of
    /// others as far as the viewer may see them.
    pub async fn subject(&self, symbol: &str) -> Result<Option<Subject>> {
        if let Some(known) = reference::symbols().find(|own| *own == symbol) {
            return Ok(Some(Subject::Symbol(known)));
        }
        let found = self.row(InstrumentNamed(symbol.to_owned())).await?;
        Ok(found.map(|one| Subject::Id(one.id)))
    }
}
