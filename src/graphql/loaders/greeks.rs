//! The Greeks of books, each computed once a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join3;
use tokio::sync::OnceCell;

use super::Loaders;
use super::histories::ActionsOf;
use crate::graphql::error::Result;
use crate::services::dividends;
use crate::services::greeks::{self, BookGreeks, Inputs, Model};
use crate::services::rates::Curve;
use crate::services::valuation::{Book, BookKey};
use crate::store::prices::{Span, Subject};

/// Of books that were asked about.
pub(super) type Known = Mutex<HashMap<(BookKey, Model), Arc<OnceCell<Arc<BookGreeks>>>>>;

impl Loaders {
    /// The Greeks of a book.
    ///
    /// # Errors
    /// `QueryTooComplex` when the request's books are too many together.
    pub async fn greeks(&self, book: &Arc<Book>, model: Model) -> Result<Arc<BookGreeks>> {
        let cell = {
            let mut known = self.computed.greeks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry((book.key(), model)).or_default())
        };
        let make = async {
            self.budget.spend(greeks::cost(book, model))?;
            let inputs = self.greeks_inputs(book).await?;
            let (book, calendar) = (Arc::clone(book), Arc::clone(&self.calendar));
            // Ten thousand American options take seconds, which other requests must not wait for.
            self.off_the_threads(move || Arc::new(BookGreeks::of(&book, &inputs, &calendar, model)))
                .await
        };
        Box::pin(cell.get_or_try_init(|| make)).await.map(Arc::clone)
    }

    /// What the Greeks of a book are computed from; nothing is asked for one without an option.
    async fn greeks_inputs(&self, book: &Book) -> Result<Inputs> {
        let session = book.horizon.as_of;
        let assumptions = self.assumptions;
        let ranges = greeks::wanted(book, &self.calendar);
        if ranges.is_empty() {
            let curve = Curve::configured(assumptions.risk_free_rate);
            let (dividends, histories) = (HashMap::new(), HashMap::new());
            return Ok(Inputs { curve, dividends, histories, assumptions });
        }
        let spans = ranges.iter().copied().map(Span::from).collect();
        let subjects: Vec<_> =
            ranges.iter().map(|range| ActionsOf(Subject::Id(range.instrument))).collect();
        let (series, happened, curve) =
            try_join3(self.series(spans), self.rows(subjects), self.curve(session)).await?;
        let histories = ranges.iter().filter_map(|range| {
            Some((range.instrument, Arc::clone(series.get(&(*range).into())?)))
        });
        let dividends = ranges.iter().filter_map(|range| {
            let happened = happened.get(&ActionsOf(Subject::Id(range.instrument)))?;
            Some((range.instrument, dividends::trailing(happened, session)))
        });
        Ok(Inputs {
            histories: histories.collect(),
            dividends: dividends.collect(),
            curve: Curve::clone(&curve),
            assumptions,
        })
    }
}
