//! What the statistics of books are computed from: models and betas.
//!
//! They are computed once a request, and off the threads that wait for others where there are many.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use tokio::sync::OnceCell;

use super::{Loaders, greeks};
use crate::domain::factor::Factor;
use crate::domain::id::InstrumentId;
use crate::domain::quality::Quality;
use crate::graphql::error::{ApiError, Result};
use crate::services::factors::{
    Betas, Deltas, Estimates, FactorModel, InstrumentBetas, Insufficient, Method, Model, RateBeta,
    Variable, WINDOW, rate_beta,
};
use crate::services::greeks::Model as Pricing;
use crate::services::history::Series;
use crate::services::rates::Levels;
use crate::services::valuation::Book;
use crate::services::window::{Returns, Window};
use crate::store::prices::Span;

/// Regressions that one thread may do while others wait for it: a fraction of a millisecond.
const FEW: usize = 32;
/// What a regression costs, in positions worked through.
const FITTED: usize = 10;

type Fitted =
    HashMap<(InstrumentId, NaiveDate, Method), Result<Arc<InstrumentBetas>, Insufficient>>;
type Models = HashMap<(NaiveDate, Method), Arc<OnceCell<Arc<FactorModel>>>>;

/// What has been computed for a request.
#[derive(Default)]
pub(super) struct Computed {
    pub(super) series: Mutex<HashMap<Span, Arc<Series>>>,
    pub(super) greeks: greeks::Known,
    models: Mutex<Models>,
    betas: Mutex<Fitted>,
}

impl Loaders {
    /// A window as long as every statistic of a session that looks back no further shares.
    pub fn window(&self, as_of: NaiveDate, returns: usize) -> Window {
        Window::ending(as_of, returns, &self.calendar)
    }

    /// The delta-adjusted exposures of a book's options that its lines do not say themselves.
    pub async fn deltas(&self, book: &Arc<Book>) -> Result<Arc<Deltas>> {
        Ok(self.greeks(book, Pricing::default()).await?.deltas())
    }

    /// The returns of each active factor over a window: simple ones, or whatever is made of them.
    pub async fn factor_returns(
        &self,
        window: &Window,
        of: fn(&Window, Option<&Series>) -> Returns,
    ) -> Result<Vec<(Factor, Returns)>> {
        let funds =
            self.references(window, Factor::active().filter_map(Factor::etf).collect()).await?;
        let returns = |factor: Factor| {
            let series = factor.etf().and_then(|etf| funds.get(etf));
            (factor, of(window, series.map(Arc::as_ref)))
        };
        Ok(Factor::active().map(returns).collect())
    }

    /// The model of a session, made once a request.
    async fn model(
        &self,
        window: &Window,
        as_of: NaiveDate,
        method: Method,
    ) -> Result<Arc<FactorModel>> {
        let cell = {
            let mut models = self.computed.models.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(models.entry((as_of, method)).or_default())
        };
        let make = async {
            let returns = self.factor_returns(window, Window::simple_returns).await?;
            let variables = returns.into_iter().map(|(name, returns)| Variable { name, returns });
            Ok::<_, ApiError>(Arc::new(Model::new(method, variables.collect())))
        };
        Box::pin(cell.get_or_try_init(|| make)).await.map(Arc::clone)
    }

    /// The betas of instruments as of a session, each estimated once a request.
    ///
    /// # Errors
    /// `QueryTooComplex` when the request's regressions are too many together.
    pub async fn estimates(
        &self,
        as_of: NaiveDate,
        method: Method,
        instruments: BTreeSet<InstrumentId>,
    ) -> Result<Estimates> {
        let window = self.window(as_of, WINDOW);
        let (model, histories) = futures_util::future::try_join(
            Box::pin(self.model(&window, as_of, method)),
            Box::pin(self.histories(&window, instruments.iter().copied().collect())),
        )
        .await?;
        let (mut betas, mut unknown) = (Betas::new(), Vec::new());
        {
            let known = self.computed.betas.lock().unwrap_or_else(PoisonError::into_inner);
            for id in instruments {
                match known.get(&(id, as_of, method)) {
                    Some(of) => _ = betas.insert(id, of.clone()),
                    None => unknown.push(id),
                }
            }
        }
        self.budget.spend(unknown.len().saturating_mul(FITTED))?;
        let count = unknown.len();
        let regressed = Arc::clone(&model);
        let regress = move || {
            let of = |id| {
                let returns = window.simple_returns(histories.get(&id).map(Arc::as_ref));
                (id, regressed.betas(&returns).map(Arc::new))
            };
            unknown.into_iter().map(of).collect::<Vec<_>>()
        };
        let found = if count <= FEW { regress() } else { self.off_the_threads(regress).await? };
        let mut known = self.computed.betas.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, of) in found {
            known.insert((id, as_of, method), of.clone());
            betas.insert(id, of);
        }
        drop(known);
        Ok(Estimates { model, betas })
    }

    /// How an instrument answers to the ten-year yield as of a session.
    pub async fn rate_beta(
        &self,
        as_of: NaiveDate,
        instrument: InstrumentId,
    ) -> Result<Result<RateBeta, Insufficient>> {
        let window = self.window(as_of, WINDOW);
        let sessions = window.sessions();
        let (histories, levels) = futures_util::future::try_join(
            Box::pin(self.histories(&window, vec![instrument])),
            Box::pin(self.levels(&window)),
        )
        .await?;
        let returns = window.simple_returns(histories.get(&instrument).map(Arc::as_ref));
        let quality = match levels.as_deref().map(Levels::is_simulated) {
            Some(true) => Quality::Estimated,
            _ => Quality::Full,
        };
        let levels = levels.map_or_else(|| vec![None; sessions.len()], |of| of.over(sessions));
        Ok(rate_beta(&returns, &levels, quality))
    }
}
