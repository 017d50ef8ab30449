//! What the books of everybody need alike for a session: the model of the factors, the yields, a
//! year of closes of each instrument and its betas. Read and computed once, however many books
//! hold it; shared by the steps of a chain.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use tokio::sync::OnceCell;

use super::books::Prices;
use super::factors::{
    Betas, Estimates, FactorModel, InstrumentBetas, Insufficient, Method, Model, RateBeta,
    Variable, WINDOW, rate_beta,
};
use super::history::Series;
use super::known::Known;
use super::meter::Meter;
use super::rates::{Levels, MAX_AGE_DAYS};
use super::stress::{Accuracy, DAYS_BACK, Designs};
use super::window::{Returns, Window};
use super::{Services, actions};
use crate::domain::factor::Factor;
use crate::domain::id::InstrumentId;
use crate::domain::quality::Quality;
use crate::domain::rate::Tenor;
use crate::domain::reference;
use crate::domain::result::MarketOf;
use crate::error::Error;
use crate::postgres::Work;
use crate::store;
use crate::store::yields::YieldRange;

/// Regressions between two looks whether to go on.
const AT_A_TIME: usize = 64;

/// Of one session.
pub struct Night {
    pub date: NaiveDate,
    /// What statistics look back on; those that look back less far take the end of it.
    pub window: Window,
    /// What is measured against, by symbol, as far as it is known.
    pub references: HashMap<String, Arc<Series>>,
    pub yields: Option<Arc<Levels>>,
    pub model: FactorModel,
    /// The regressions of stress tests.
    pub designs: Arc<Designs>,
    /// How often what everybody's figures are made of had changed before it was read.
    revisions: i64,
    levels: Vec<Option<f64>>,
    levels_quality: Quality,
    /// Of each instrument that was looked up; None of one without a close.
    histories: Known<InstrumentId, Option<Arc<Series>>>,
    betas: Known<InstrumentId, Result<Arc<InstrumentBetas>, Insufficient>>,
    rate_betas: Known<InstrumentId, Result<RateBeta, Insufficient>>,
    /// What values books.
    pub prices: Prices,
    /// What is kept for everybody to answer with.
    kept: Known<MarketOf, ()>,
    before_tested: OnceCell<Arc<Self>>,
}

impl Night {
    /// # Errors
    /// When the database fails.
    pub async fn read(services: &Services, date: NaiveDate) -> Result<Self, Error> {
        let window = Window::ending(date, WINDOW, &services.calendar);
        let mut tx = services.db.begin_shared().await?;
        let symbols: Vec<_> = reference::symbols().map(str::to_owned).collect();
        let found = store::instruments::by_symbol(tx.statement(), &symbols).await?;
        let ids: Vec<_> = found.iter().map(|one| one.id).collect();
        let prices = Prices::default();
        prices.note(&mut tx, &ids).await?;
        let of_yields = store::revisions::of_yields(tx.statement()).await?;
        let of_references = prices.revisions(&ids.iter().copied().collect()).unwrap_or_default();
        let found_series = series(&mut tx, &window, &ids).await?;
        let references: HashMap<_, _> = found
            .into_iter()
            .filter_map(|one| Some((one.symbol, Arc::clone(found_series.get(&one.id)?.as_ref()?))))
            .collect();
        let from = window.sessions().first().copied().unwrap_or(date);
        let range = YieldRange { tenor: Tenor::TenYears, from, to: date };
        let stored = store::yields::series(tx.statement(), &[range], MAX_AGE_DAYS.into()).await?;
        tx.commit().await?;

        let yields = stored.into_iter().next().map(|stored| Arc::new(Levels::from(stored)));
        let variables = Factor::active().map(|factor| {
            let series = factor.etf().and_then(|etf| references.get(etf));
            Variable { name: factor, returns: window.simple_returns(series.map(Arc::as_ref)) }
        });
        let model = Model::new(Method::default(), variables.collect());
        let sessions = window.sessions();
        let histories = Known::default();
        histories.add(found_series);
        let levels = yields.as_ref();
        Ok(Self {
            levels: levels.map_or_else(|| vec![None; sessions.len()], |of| of.over(sessions)),
            levels_quality: match levels.map(|of| of.is_simulated()) {
                Some(true) => Quality::Estimated,
                _ => Quality::Full,
            },
            revisions: of_references + of_yields,
            date,
            references,
            yields,
            model,
            designs: Arc::default(),
            histories,
            betas: Known::default(),
            rate_betas: Known::default(),
            prices,
            kept: Known::default(),
            before_tested: OnceCell::new(),
            window,
        })
    }

    /// The night whose betas predict the sessions up to this one; read once, by whoever is first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn before_tested(&self, services: &Services) -> Result<&Arc<Self>, Error> {
        let date = Accuracy::before(self.date, DAYS_BACK, &services.calendar);
        let read = async || Self::read(services, date).await.map(Arc::new);
        self.before_tested.get_or_try_init(read).await
    }

    /// Looks up the closes of those of some instruments that nobody has looked up yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look_up(
        &self,
        tx: &mut Work,
        instruments: impl IntoIterator<Item = InstrumentId>,
    ) -> Result<(), Error> {
        let missing = self.histories.missing(instruments);
        if !missing.is_empty() {
            self.prices.note(tx, &missing).await?;
            self.histories.add(series(tx, &self.window, &missing).await?);
        }
        Ok(())
    }

    /// How often the past of instruments that were looked up, and what everybody's figures are
    /// made of, had changed before it was read, all together.
    pub fn revisions(&self, instruments: &BTreeSet<InstrumentId>) -> Option<i64> {
        Some(self.prices.revisions(instruments)? + self.revisions)
    }

    /// Whether a result of this night is kept to be answered with.
    pub fn is_kept(&self, of: MarketOf) -> bool {
        self.kept.get(&of).is_some()
    }

    pub fn keeps(&self, results: impl IntoIterator<Item = MarketOf>) {
        self.kept.add(results.into_iter().map(|of| (of, ())));
    }

    /// The closes of those of some instruments that have any, of what was looked up.
    pub fn histories(
        &self,
        instruments: impl IntoIterator<Item = InstrumentId>,
    ) -> HashMap<InstrumentId, Arc<Series>> {
        let known = self.histories.of(instruments);
        known.into_iter().filter_map(|(id, series)| Some((id, series?))).collect()
    }

    /// The returns of each active factor over a window, made as `of` makes them.
    pub fn factor_returns(
        &self,
        window: &Window,
        of: fn(&Window, Option<&Series>) -> Returns,
    ) -> Vec<(Factor, Returns)> {
        let series = |factor: Factor| factor.etf().and_then(|etf| self.references.get(etf));
        Factor::active()
            .map(|factor| (factor, of(window, series(factor).map(Arc::as_ref))))
            .collect()
    }

    /// The betas of instruments to the factors.
    ///
    /// # Errors
    /// `Stopped` when `meter` says so.
    pub fn estimates(
        &self,
        instruments: BTreeSet<InstrumentId>,
        meter: &Meter,
    ) -> Result<Estimates, Error> {
        let of = |returns: &Returns| self.model.betas(returns).map(Arc::new);
        let betas: Betas = self.each(&self.betas, instruments, of, meter)?;
        Ok(Estimates { model: Arc::clone(&self.model.facts), betas, found_at: None })
    }

    /// How instruments answer to the ten-year yield.
    ///
    /// # Errors
    /// `Stopped` when `meter` says so.
    pub fn rate_betas(
        &self,
        instruments: BTreeSet<InstrumentId>,
        meter: &Meter,
    ) -> Result<HashMap<InstrumentId, Result<RateBeta, Insufficient>>, Error> {
        let of = |returns: &Returns| rate_beta(returns, &self.levels, self.levels_quality);
        self.each(&self.rate_betas, instruments, of, meter)
    }

    /// Computes what is not known yet of some instruments.
    fn each<T: Clone>(
        &self,
        known: &Known<InstrumentId, T>,
        instruments: BTreeSet<InstrumentId>,
        of: impl Fn(&Returns) -> T,
        meter: &Meter,
    ) -> Result<HashMap<InstrumentId, T>, Error> {
        let missing = known.missing(instruments.iter().copied());
        let histories = self.histories(missing.iter().copied());
        for some in missing.chunks(AT_A_TIME) {
            meter.goes_on()?;
            let found: Vec<_> = some
                .iter()
                .map(|id| {
                    (*id, of(&self.window.simple_returns(histories.get(id).map(Arc::as_ref))))
                })
                .collect();
            known.add(found);
        }
        Ok(known.of(instruments))
    }
}

/// The adjusted closes of instruments over a window, with those that have none.
async fn series(
    tx: &mut Work,
    window: &Window,
    instruments: &[InstrumentId],
) -> Result<HashMap<InstrumentId, Option<Arc<Series>>>, Error> {
    let ranges: Vec<_> = instruments.iter().filter_map(|id| window.range(*id)).collect();
    let stored = store::prices::series(tx.statement(), &ranges).await?;
    let found = store::actions::of_instruments(tx.statement(), instruments).await?;
    let adjustments = actions::by_instrument(&found);
    let mut series: HashMap<_, _> = instruments.iter().map(|id| (*id, None)).collect();
    for stored in stored {
        let id = stored.range.instrument;
        let actions = adjustments.get(&id).map(Vec::as_slice);
        series.insert(id, Some(Arc::new(Series::new(&stored, actions))));
    }
    Ok(series)
}
