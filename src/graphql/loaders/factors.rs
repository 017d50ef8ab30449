//! What the statistics of books are computed from: models and betas.
//!
//! They are computed once a request, and off the threads that wait for others where there are many.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, Utc};
use tokio::sync::OnceCell;

use super::histories::held;
use super::results::Latest;
use super::{Loaders, greeks};
use crate::domain::factor::Factor;
use crate::domain::id::InstrumentId;
use crate::domain::quality::Quality;
use crate::graphql::error::{ApiError, Result};
use crate::services::correlation::{DECAY, FactorCorrelations, factor_correlations};
use crate::services::factors::{
    Betas, Deltas, Estimates, FactorModel, FactorModelFacts, InstrumentBetas, Insufficient, Method,
    Model, RateBeta, Variable, WINDOW, rate_beta,
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

/// As of which session, and how, betas are estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Regressed {
    as_of: NaiveDate,
    method: Method,
}

/// The betas of an instrument.
#[derive(Clone)]
struct Fitted {
    betas: Result<Arc<InstrumentBetas>, Insufficient>,
    /// When the nightly chain found them; None when this request did.
    found_at: Option<DateTime<Utc>>,
}

/// A model with when it was found.
type KeptModel = (Arc<FactorModelFacts>, DateTime<Utc>);

/// What has been computed for a request.
#[derive(Default)]
pub(super) struct Computed {
    pub(super) series: Mutex<HashMap<Span, Arc<Series>>>,
    pub(super) greeks: greeks::Known,
    models: Mutex<HashMap<Regressed, Arc<OnceCell<Arc<FactorModel>>>>>,
    kept_models: Mutex<HashMap<NaiveDate, KeptModel>>,
    betas: Mutex<HashMap<(Regressed, InstrumentId), Fitted>>,
}

impl Computed {
    /// Those of instruments whose betas are not known yet.
    fn unknown(&self, of: Regressed, instruments: &BTreeSet<InstrumentId>) -> Vec<InstrumentId> {
        let known = held(&self.betas);
        instruments.iter().copied().filter(|id| !known.contains_key(&(of, *id))).collect()
    }

    fn learn(&self, of: Regressed, betas: impl IntoIterator<Item = (InstrumentId, Fitted)>) {
        held(&self.betas).extend(betas.into_iter().map(|(id, fitted)| ((of, id), fitted)));
    }

    /// The betas of instruments that are known; with when the newest of them was found, if each was
    /// by the nightly chain.
    fn known(
        &self,
        of: Regressed,
        instruments: &BTreeSet<InstrumentId>,
    ) -> (Betas, Option<DateTime<Utc>>) {
        let known = held(&self.betas);
        let own = || instruments.iter().filter_map(|id| Some((*id, known.get(&(of, *id))?)));
        let found_at: Option<Vec<_>> = own().map(|(_, fitted)| fitted.found_at).collect();
        let newest = found_at.map(|at| at.into_iter().max().unwrap_or(DateTime::UNIX_EPOCH));
        (own().map(|(id, fitted)| (id, fitted.betas.clone())).collect(), newest)
    }

    /// The kept model of a session, read once.
    fn kept_model(&self, as_of: NaiveDate, found: Option<&Arc<Latest>>) -> Option<KeptModel> {
        let mut known = held(&self.kept_models);
        if let Some((model, at)) = known.get(&as_of) {
            return Some((Arc::clone(model), *at));
        }
        let (model, at) = found?.read()?;
        let model = Arc::new(model);
        known.insert(as_of, (Arc::clone(&model), at));
        Some((model, at))
    }
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
    async fn model(&self, window: &Window, of: Regressed) -> Result<Arc<FactorModel>> {
        let cell = Arc::clone(held(&self.computed.models).entry(of).or_default());
        let make = async {
            let returns = self.factor_returns(window, Window::simple_returns).await?;
            let variables = returns.into_iter().map(|(name, returns)| Variable { name, returns });
            Ok::<_, ApiError>(Arc::new(Model::new(of.method, variables.collect())))
        };
        Box::pin(cell.get_or_try_init(|| make)).await.map(Arc::clone)
    }

    /// How the factors move together as of a session: as the nightly chain has found it, while that
    /// holds.
    pub async fn factor_correlations(
        &self,
        as_of: NaiveDate,
        lookback: usize,
        decay: f64,
    ) -> Result<FactorCorrelations> {
        if lookback == WINDOW
            && decay == DECAY
            && let Some(session) = self.kept_session(as_of)
        {
            let found = self.kept([session.factor_correlations()]).await?;
            if let Some((found, _)) = found.into_values().next().and_then(|own| own.read()) {
                return Ok(found);
            }
        }
        let window = self.window(as_of, lookback);
        let returns = self.factor_returns(&window, Window::log_returns).await?;
        Ok(factor_correlations(&returns, decay))
    }

    /// The betas of instruments as of a session: what the nightly chain has found, as far as it
    /// still holds; others are estimated, each once a request.
    ///
    /// # Errors
    /// `QueryTooComplex` when the request's regressions are too many together.
    pub async fn estimates(
        &self,
        as_of: NaiveDate,
        method: Method,
        instruments: BTreeSet<InstrumentId>,
    ) -> Result<Estimates> {
        let of = Regressed { as_of, method };
        let kept = match method {
            Method::Orthogonal => self.kept_model(of, &instruments).await?,
            Method::Ols | Method::Univariate | Method::Ridge => None,
        };
        let unknown = self.computed.unknown(of, &instruments);
        let (model, found_at) = match kept {
            Some((model, at)) if unknown.is_empty() => (model, Some(at)),
            _ => (self.regress(of, unknown).await?, None),
        };
        let (betas, newest) = self.computed.known(of, &instruments);
        let found_at = found_at.zip(newest).map(|(model, betas)| model.max(betas));
        Ok(Estimates { model, betas, found_at })
    }

    /// The kept model of a session; the betas on it that are kept of instruments become known.
    async fn kept_model(
        &self,
        of: Regressed,
        instruments: &BTreeSet<InstrumentId>,
    ) -> Result<Option<KeptModel>> {
        let Some(session) = self.kept_session(of.as_of) else { return Ok(None) };
        let unknown = self.computed.unknown(of, instruments);
        let mut asked: Vec<_> = unknown.iter().map(|id| session.betas(*id)).collect();
        asked.push(session.model());
        let mut found = self.kept(asked).await?;
        let model = found.remove(&session.model());
        let Some(model) = self.computed.kept_model(of.as_of, model.as_ref()) else {
            return Ok(None);
        };
        let betas = self.read_all::<_, Result<_, _>>(found).await?.into_iter();
        let fitted = betas.filter_map(|(of, (betas, at))| {
            Some((of.instrument?, Fitted { betas: betas.map(Arc::new), found_at: Some(at) }))
        });
        self.computed.learn(of, fitted);
        Ok(Some(model))
    }

    /// Estimates the betas of instruments, which become known. The model that they are of.
    async fn regress(
        &self,
        of: Regressed,
        instruments: Vec<InstrumentId>,
    ) -> Result<Arc<FactorModelFacts>> {
        let window = self.window(of.as_of, WINDOW);
        let (model, histories) = futures_util::future::try_join(
            Box::pin(self.model(&window, of)),
            Box::pin(self.histories(&window, instruments.clone())),
        )
        .await?;
        self.budget.spend(instruments.len().saturating_mul(FITTED))?;
        let (count, facts) = (instruments.len(), Arc::clone(&model.facts));
        let regress = move || {
            let fitted = |id| {
                let returns = window.simple_returns(histories.get(&id).map(Arc::as_ref));
                let betas = model.betas(&returns).map(Arc::new);
                (id, Fitted { betas, found_at: None })
            };
            instruments.into_iter().map(fitted).collect::<Vec<_>>()
        };
        let found = if count <= FEW { regress() } else { self.off_the_threads(regress).await? };
        self.computed.learn(of, found);
        Ok(facts)
    }

    /// How an instrument answers to the ten-year yield as of a session: as the nightly chain has
    /// found it, while that holds.
    pub async fn rate_beta(
        &self,
        as_of: NaiveDate,
        instrument: InstrumentId,
    ) -> Result<Result<RateBeta, Insufficient>> {
        if let Some(session) = self.kept_session(as_of) {
            let found = self.kept([session.rate_beta(instrument)]).await?;
            if let Some((found, _)) = found.into_values().next().and_then(|own| own.read()) {
                return Ok(found);
            }
        }
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
