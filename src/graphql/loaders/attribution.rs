//! Many books of one portfolio: all that are asked for at once with the statements of one.

use std::sync::Arc;

use super::greeks::GreeksOf;
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
        let key =
            |horizon: &Horizon| BookOf { portfolio: Arc::clone(portfolio), horizon: *horizon };
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
        let model = Model::default();
        let key = |book: &Arc<Book>| GreeksOf { book: Arc::clone(book), model };
        let found = self.options.load_many(books.iter().map(key)).await?;
        let pair = |book: Arc<Book>| {
            let greeks = found.get(&key(&book)).cloned();
            Ok((book, greeks.ok_or_else(|| Refusal::not_found("portfolio"))?))
        };
        Ok(books.into_iter().map(pair).collect::<Result<_, Refusal>>()?)
    }
}
