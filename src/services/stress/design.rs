//! Betas to the factors and to what else a scenario shocks, estimated together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sigmasight_analytics::factor::Beta;

use super::Desk;
use super::driver::{Driver, Drivers};
use crate::domain::factor::Factor;
use crate::domain::id::InstrumentId;
use crate::domain::quality::Quality;
use crate::domain::scenario::Macro;
use crate::services::factors::{BETA_CAP, Insufficient, Method, Model, Variable};
use crate::services::window::Returns;

/// The betas of every instrument of a book to one list of drivers.
#[derive(Debug)]
pub(super) struct Design {
    pub drivers: Vec<Driver>,
    /// Of the drivers, row by row, per session.
    pub covariance: Vec<f64>,
    /// In the order of the desk's instruments.
    pub betas: Vec<Estimated>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

/// The betas of an instrument, or why it has none.
pub(super) type Estimated = Result<Arc<Betas>, Insufficient>;

/// Of one instrument, in the order of the drivers.
#[derive(Clone, Debug)]
pub(super) struct Betas {
    pub values: Vec<f64>,
    /// The places of those that are capped, with what was estimated.
    pub capped: Vec<(usize, f64)>,
    /// Standard deviation per session of what they leave unexplained.
    pub residual: f64,
    pub quality: Quality,
}

/// What the books of one session have in common, whosever they are: the returns of instruments and
/// their regressions, each made once. Of sessions or closes that differ nothing may be shared.
#[derive(Debug, Default)]
pub struct Designs {
    returns: Mutex<HashMap<InstrumentId, Arc<Returns>>>,
    fitted: Mutex<HashMap<Vec<Macro>, Arc<Fitted>>>,
}

impl Designs {
    /// The returns of an instrument over the window of the session.
    pub(super) fn returns(
        &self,
        instrument: InstrumentId,
        find: impl FnOnce() -> Returns,
    ) -> Arc<Returns> {
        let mut known = held(&self.returns);
        Arc::clone(known.entry(instrument).or_insert_with(|| Arc::new(find())))
    }
}

/// A model, and the betas that have been estimated on it.
#[derive(Debug)]
struct Fitted {
    model: Model<Driver>,
    /// How much of the market goes with each driver.
    carried: Vec<f64>,
    covariance: Vec<f64>,
    betas: Mutex<HashMap<InstrumentId, Estimated>>,
}

fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// Regresses what moves the book on the factors and on these variables, raw, together.
    ///
    /// The regression is on variables net of their beta to the market, which leaves the factors
    /// alone as the model of the factors has them. What a scenario names is the move of a variable
    /// itself; so the part of it that goes with the market is put back into the covariance and
    /// taken out of the market's beta.
    pub(super) fn design(&self, macros: &[Macro]) -> Design {
        let known = held(&self.designs.fitted).get(macros).cloned();
        let fitted = known.unwrap_or_else(|| {
            let fitted = Arc::new(Fitted::new(&self.drivers, macros));
            Arc::clone(held(&self.designs.fitted).entry(macros.to_vec()).or_insert(fitted))
        });
        Design {
            betas: fitted.betas(&self.instruments),
            covariance: fitted.covariance.clone(),
            quality: fitted.model.facts.quality(),
            warnings: fitted.model.facts.warnings(),
            drivers: fitted.model.facts.names().to_vec(),
        }
    }
}

impl Fitted {
    fn new(drivers: &Drivers, macros: &[Macro]) -> Self {
        let factors = Factor::active().map(Driver::Factor);
        let all = factors.chain(macros.iter().copied().map(Driver::Macro));
        let variables = all
            .filter_map(|name| Some(Variable { name, returns: drivers.returns(name)?.clone() }))
            .collect();
        let model = Model::new(Method::Orthogonal, variables);
        let carried: Vec<f64> = model
            .facts
            .names()
            .iter()
            .zip(model.market_betas().unwrap_or_default())
            .map(|(driver, beta)| if matches!(driver, Driver::Macro(_)) { *beta } else { 0.0 })
            .collect();
        let covariance = model.facts.covariance().unwrap_or_default();
        Self {
            covariance: of_raw_covariance(covariance.to_vec(), &carried),
            betas: Mutex::default(),
            model,
            carried,
        }
    }

    fn betas(&self, instruments: &[(InstrumentId, Arc<Returns>)]) -> Vec<Estimated> {
        let known: Vec<_> = {
            let known = held(&self.betas);
            instruments.iter().map(|(id, _)| known.get(id).cloned()).collect()
        };
        // Others may regress meanwhile: whoever is first, the betas are the same.
        let regressed: Vec<_> = instruments
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
            .map(|((id, returns), _)| (*id, self.regressed(returns)))
            .collect();
        held(&self.betas).extend(regressed.iter().cloned());
        let mut regressed = regressed.into_iter();
        let found = known.into_iter().map(|known| known.or_else(|| Some(regressed.next()?.1)));
        found.flatten().collect()
    }

    fn regressed(&self, returns: &Returns) -> Estimated {
        let found = self.model.betas(returns)?;
        let mut values = of_raw(&found.betas, &self.carried);
        Ok(Arc::new(Betas {
            capped: cap(self.model.facts.names(), &mut values),
            values,
            residual: found.residual_std.unwrap_or(0.0),
            quality: found.quality,
        }))
    }
}

impl Design {
    /// The betas of the instrument at a place of the desk.
    pub fn of(&self, instrument: usize) -> Result<&Betas, Insufficient> {
        match self.betas.get(instrument) {
            Some(found) => found.as_deref().map_err(Clone::clone),
            None => Err(Insufficient {
                reason: "its prices were not looked up.".into(),
                observations: 0,
            }),
        }
    }

    pub fn place(&self, driver: Driver) -> Option<usize> {
        self.drivers.iter().position(|own| *own == driver)
    }
}

/// Betas to the variables themselves, from those to them net of the market: what goes with the market
/// through the others is taken out of the market's.
fn of_raw(betas: &[Beta], carried: &[f64]) -> Vec<f64> {
    let mut values: Vec<_> = betas.iter().map(|beta| beta.estimate.value).collect();
    let with_market: f64 = values.iter().zip(carried).map(|(beta, part)| beta * part).sum();
    if let Some(market) = values.first_mut() {
        *market -= with_market;
    }
    values
}

/// Caps betas to prices, per 1.00 of an absolute change they are as they are; and tells the places of
/// those beyond, with what they were. It comes last: were −5 to the market capped to −3 before the −5
/// that go through the VIX are taken out, +2 would be left.
fn cap(drivers: &[Driver], values: &mut [f64]) -> Vec<(usize, f64)> {
    let mut beyond = Vec::new();
    for (place, (driver, value)) in drivers.iter().zip(values).enumerate() {
        if driver.variable().is_price() && value.abs() > BETA_CAP {
            beyond.push((place, *value));
            *value = BETA_CAP.copysign(*value);
        }
    }
    beyond
}

/// A Σ Aᵀ, where row k of A adds so much of the market, the first variable, to variable k.
fn of_raw_covariance(mut covariance: Vec<f64>, carried: &[f64]) -> Vec<f64> {
    let size = carried.len();
    for (k, part) in carried.iter().enumerate() {
        for column in 0..size {
            covariance[k * size + column] += part * covariance[column];
        }
    }
    for row in 0..size {
        for (k, part) in carried.iter().enumerate() {
            covariance[row * size + k] += part * covariance[row * size];
        }
    }
    covariance
}
