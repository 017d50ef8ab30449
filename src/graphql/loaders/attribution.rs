//! Many books of one portfolio: all that are asked for at once with the statements of one.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{BookOf, Loaders};
use crate::domain::portfolio::Portfolio;
use crate::domain::price::Horizon;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::services::greeks::{BookGreeks, Model};
use crate::services::valuation::Book;

impl Loaders {
    /// The books of a portfolio that the viewer has reached at several horizons, in their order.
    pub async fn books(
        &self,
        portfolio: &Arc<Portfolio>,
        horizons: &[Horizon],
    ) -> Result<Vec<Arc<Book>>> {
        let key = |horizon: &Horizon| BookOf {
            portfolio: Arc::clone(portfolio),
            horizon: *horizon,
            trial: None,
        };
        let keys: Vec<_> = horizons.iter().map(key).collect();
        let found = self.books.load_many(keys.clone()).await?;
        let book = |key| found.get(key).cloned().ok_or_else(|| Refusal::not_found("portfolio"));
        Ok(keys.iter().map(book).collect::<Result<_, _>>()?)
    }

    /// The Greeks of several books by the European model, each beside its book.
    pub async fn with_greeks(
        &self,
        books: Vec<Arc<Book>>,
    ) -> Result<Vec<(Arc<Book>, Arc<BookGreeks>)>> {
        let found = books.iter().map(|book| self.greeks(book, Model::default()));
        let found = try_join_all(found).await?;
        Ok(books.into_iter().zip(found).collect())
    }
}
