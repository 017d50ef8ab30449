//! The Greeks of books, each computed once a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use futures_util::future::try_join3;
use tokio::sync::OnceCell;

use super::Loaders;
use super::histories::{ActionsOf, held};
use crate::domain::id::InstrumentId;
use crate::domain::result::MarketOf;
use crate::graphql::error::Result;
use crate::services::dividends;
use crate::services::greeks::{self, BookGreeks, Inputs, Model, Valued};
use crate::services::rates::Curve;
use crate::services::valuation::{Book, BookKey, Line};
use crate::store::prices::{Span, Subject};

/// Options that have been valued, and when.
type Valuations = HashMap<InstrumentId, (Arc<Valued>, DateTime<Utc>)>;

/// Of books that were asked about.
pub(super) type Known = Mutex<HashMap<(BookKey, Model), Arc<OnceCell<Arc<BookGreeks>>>>>;

impl Loaders {
    /// The Greeks of a book.
    ///
    /// # Errors
    /// `QueryTooComplex` when the request's books are too many together.
    pub async fn greeks(&self, book: &Arc<Book>, model: Model) -> Result<Arc<BookGreeks>> {
        let cell = Arc::clone(held(&self.computed.greeks).entry((book.key(), model)).or_default());
        let make = async {
            self.budget.spend(greeks::cost(book, model))?;
            let valued = match model {
                Model::BlackScholesMerton => self.valued(book).await?,
                Model::American => HashMap::new(),
            };
            let inputs = self.greeks_inputs(book, valued).await?;
            let (book, calendar) = (Arc::clone(book), Arc::clone(&self.calendar));
            // Ten thousand American options take seconds, which other requests must not wait for.
            self.off_the_threads(move || Arc::new(BookGreeks::of(&book, &inputs, &calendar, model)))
                .await
        };
        Box::pin(cell.get_or_try_init(|| make)).await.map(Arc::clone)
    }

    /// The options of a book that the nightly chain has valued, as far as that still holds.
    async fn valued(&self, book: &Book) -> Result<Valuations> {
        let options: Vec<_> = greeks::priceable(book, &self.calendar).collect();
        if options.is_empty() {
            return Ok(HashMap::new());
        }
        let Some(session) = self.kept_session(book.horizon.as_of) else {
            return Ok(HashMap::new());
        };
        let asked: Vec<_> = options.into_iter().map(|line| session.pricing(line)).collect();
        let found = self.kept(asked).await?;
        let valued = self.read_all(found).await?.into_iter();
        let of = |(of, (valued, at)): (MarketOf, _)| Some((of.instrument?, (Arc::new(valued), at)));
        Ok(valued.filter_map(of).collect())
    }

    /// What the Greeks of a book are computed from, beside what has been valued; nothing is asked
    /// for where that is all.
    async fn greeks_inputs(&self, book: &Book, valued: Valuations) -> Result<Inputs> {
        let session = book.horizon.as_of;
        let assumptions = self.assumptions;
        let is_new = |line: &&Arc<Line>| !valued.contains_key(&line.position.instrument.id);
        let options = greeks::priceable(book, &self.calendar).filter(is_new);
        let ranges = greeks::wanted(options, session, &self.calendar);
        if ranges.is_empty() {
            let curve = Curve::configured(assumptions.risk_free_rate);
            let (dividends, histories) = (HashMap::new(), HashMap::new());
            return Ok(Inputs { curve, dividends, histories, assumptions, valued });
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
            let happened = happened.get(&ActionsOf(Subject::Id(range.instrument)))?.as_ref()?;
            Some((range.instrument, dividends::trailing(happened, session)))
        });
        Ok(Inputs {
            histories: histories.collect(),
            dividends: dividends.collect(),
            curve: Curve::clone(&curve),
            assumptions,
            valued,
        })
    }
}
