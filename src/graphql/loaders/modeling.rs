//! Questions about what-if sessions, and the books that come of them.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;
use futures_util::future::try_join;

use super::{InstrumentNamed, Loaders, PortfolioBy, QuoteOf, Rows, SplitsOf};
use crate::domain::id::ModelingSessionId;
use crate::domain::modeling::{Session, Trade};
use crate::domain::portfolio::Portfolio;
use crate::domain::reference::BENCHMARK;
use crate::error::Refusal;
use crate::graphql::error::{ApiError, Result};
use crate::services::factors::{self, Estimates, Method};
use crate::services::modeling::{self, Hedge, Known, Pair, Trial};
use crate::services::valuation::{Book, Series};
use crate::store;

/// Which what-if sessions has the viewer? There are few, so that one is found among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sessions;

#[async_trait]
impl Loader<Sessions> for Rows {
    type Value = Arc<[Arc<Session>]>;
    type Error = ApiError;

    async fn load(&self, _: &[Sessions]) -> Result<HashMap<Sessions, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let mut db = self.moment.statement().await?;
        let all = store::modeling::all_of(&mut *db, owner).await?;
        Ok(HashMap::from([(Sessions, all.into_iter().map(Arc::new).collect())]))
    }
}

/// What are the trades of this what-if session? That there are none is an answer too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TradesOf(pub ModelingSessionId);

#[async_trait]
impl Loader<TradesOf> for Rows {
    type Value = Arc<[Trade]>;
    type Error = ApiError;

    async fn load(&self, keys: &[TradesOf]) -> Result<HashMap<TradesOf, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = {
            let mut db = self.moment.statement().await?;
            store::modeling::trades_of(&mut *db, owner, &ids).await?
        };
        let mut trades: HashMap<_, Vec<_>> = keys.iter().map(|key| (*key, Vec::new())).collect();
        for trade in rows {
            trades.entry(TradesOf(trade.session_id)).or_default().push(trade);
        }
        Ok(trades.into_iter().map(|(of, trades)| (of, trades.into())).collect())
    }
}

impl Loaders {
    /// The viewer's what-if sessions, the newest first.
    pub async fn modeling_sessions(&self) -> Result<Arc<[Arc<Session>]>> {
        Ok(self.row(Sessions).await?.unwrap_or_default())
    }

    /// The what-if session of an id; None when it is somebody else's.
    pub async fn modeling_session(&self, id: ModelingSessionId) -> Result<Option<Arc<Session>>> {
        Ok(self.modeling_sessions().await?.iter().find(|one| one.id == id).cloned())
    }

    /// The portfolio of a session.
    pub async fn tried_portfolio(&self, session: &Session) -> Result<Arc<Portfolio>> {
        let found = self.row(PortfolioBy(session.portfolio_id)).await?;
        // A foreign key holds it in place.
        Ok(found.ok_or_else(|| Refusal::not_found("portfolio"))?)
    }

    /// The book that a session starts from, and what its trades make of it.
    pub async fn tried_books(&self, session: &Session) -> Result<Pair<Arc<Book>>> {
        let (portfolio, trades) =
            try_join(self.tried_portfolio(session), self.row(TradesOf(session.id))).await?;
        let trades = trades.unwrap_or_default();
        let symbols = modeling::symbols(trades.iter().map(|trade| trade.symbol.as_str()));
        let known = self.rows(symbols.into_iter().map(InstrumentNamed)).await?;
        let known: Known = known.into_iter().map(|(of, one)| (of.0, one)).collect();
        let trial = Arc::new(Trial::new(session, &trades, &known));
        let portfolio = modeling::portfolio_of(session, &portfolio);
        let horizon = modeling::horizon(session, self.moment.now(), &self.calendar);
        let (before, after) = try_join(
            self.book(&portfolio, horizon),
            self.book_with(&portfolio, horizon, Some(trial)),
        )
        .await?;
        Ok(Pair { before, after })
    }

    /// The betas of all that moves two books of one session, and of what they are hedged with.
    pub async fn shared_estimates(
        &self,
        books: Pair<&Arc<Book>>,
        hedge: Option<&Hedge>,
    ) -> Result<Estimates> {
        let lines = books.before.lines.iter().chain(&books.after.lines);
        let mut wanted = factors::wanted(lines);
        wanted.extend(hedge.map(|hedge| hedge.instrument.id));
        Box::pin(self.estimates(books.after.horizon.as_of, Method::default(), wanted)).await
    }

    /// What a book is hedged with, at its price; None when that is not known.
    pub async fn hedge(&self, book: &Book) -> Result<Option<Hedge>> {
        let horizon = book.horizon;
        let Some(instrument) = self.row(InstrumentNamed(BENCHMARK.to_owned())).await? else {
            return Ok(None);
        };
        let (quote, splits) = try_join(
            self.row(QuoteOf { instrument: instrument.id, horizon }),
            self.row(SplitsOf(instrument.id)),
        )
        .await?;
        let Some(quote) = quote.flatten() else { return Ok(None) };
        let series = Series::of(&instrument, &splits.unwrap_or_default(), horizon.held_by);
        let quote = series.of_quote(&quote, horizon);
        Ok(quote.map(|quote| Hedge { instrument, price: quote.price }))
    }
}
