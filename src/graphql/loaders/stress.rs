//! What stress tests ask for: scenarios, and books made ready to be stressed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use chrono::NaiveDate;
use futures_util::future::{try_join, try_join3};
use tokio::sync::OnceCell;

use super::histories::held;
use super::{Loaders, Rows};
use crate::domain::id::ScenarioId;
use crate::domain::reference;
use crate::domain::scenario::Scenario;
use crate::graphql::budget::PRICED;
use crate::graphql::error::{ApiError, Result};
use crate::services::factors;
use crate::services::greeks::Model;
use crate::services::stress::{Designs, Desk, Inputs};
use crate::services::valuation::{Book, BookKey};
use crate::services::window::Window;
use crate::store;

/// Which stress scenarios may the viewer see? There are few, so that one is found among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Scenarios;

#[async_trait]
impl Loader<Scenarios> for Rows {
    type Value = Arc<[Arc<Scenario>]>;
    type Error = ApiError;

    async fn load(&self, _: &[Scenarios]) -> Result<HashMap<Scenarios, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let mut db = self.moment.statement().await?;
        let all = store::scenarios::visible(&mut *db, owner, None).await?;
        Ok(HashMap::from([(Scenarios, all.into_iter().map(Arc::new).collect())]))
    }
}

/// Books that have been made ready, each once a request; and what those of a session have
/// regressed, from the closes that the request sees.
#[derive(Default)]
pub(super) struct Desks {
    ready: Mutex<HashMap<BookKey, Arc<OnceCell<Arc<Desk>>>>>,
    designs: Mutex<HashMap<NaiveDate, Arc<Designs>>>,
}

impl Loaders {
    /// Everybody's stress scenarios and the viewer's own.
    pub async fn scenarios(&self) -> Result<Arc<[Arc<Scenario>]>> {
        Ok(self.row(Scenarios).await?.unwrap_or_default())
    }

    /// The stress scenario of an id; None when it is somebody else's.
    pub async fn scenario(&self, id: ScenarioId) -> Result<Option<Arc<Scenario>>> {
        Ok(self.scenarios().await?.iter().find(|one| one.id == id).cloned())
    }

    /// A book, ready to be stressed.
    ///
    /// # Errors
    /// `QueryTooComplex` when the request's books are too many together.
    pub async fn desk(&self, book: &Arc<Book>) -> Result<Arc<Desk>> {
        let cell = Arc::clone(held(&self.desks.ready).entry(book.key()).or_default());
        let designs = Arc::clone(held(&self.desks.designs).entry(book.horizon.as_of).or_default());
        let make = async {
            let window = crate::services::stress::window(book, &self.calendar);
            let (greeks, inputs) = Box::pin(try_join(
                self.greeks(book, Model::default()),
                self.stress_inputs(book, &window),
            ))
            .await?;
            let inputs = Inputs { designs, ..inputs };
            let (book, calendar) = (Arc::clone(book), Arc::clone(&self.calendar));
            self.off_the_threads(move || Arc::new(Desk::new(book, &greeks, &inputs, &calendar)))
                .await
        };
        cell.get_or_try_init(|| Box::pin(make)).await.map(Arc::clone)
    }

    /// What a book is stressed with, from the closes of a window.
    pub async fn stress_inputs(&self, book: &Book, window: &Window) -> Result<Inputs> {
        self.budget.spend(book.lines.len().saturating_mul(PRICED))?;
        let (histories, references, yields) = try_join3(
            self.histories(window, factors::wanted(&book.lines).into_iter().collect()),
            self.references(window, reference::symbols().collect()),
            self.levels(window),
        )
        .await?;
        Ok(Inputs { histories, references, yields, designs: Arc::default() })
    }
}
