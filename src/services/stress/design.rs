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
use crate::services::factors::{Insufficient, Method, Model, Variable};
use crate::services::window::Returns;

/// The betas of every instrument of a book to one list of drivers.
#[derive(Debug)]
pub(super) struct Design {
    pub drivers: Vec<Driver>,
    /// Of the drivers, row by row, per session.
    pub covariance: Vec<f64>,
    pub betas: HashMap<InstrumentId, Result<Betas, Insufficient>>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

/// Of one instrument, in the order of the drivers.
#[derive(Clone, Debug)]
pub(super) struct Betas {
    pub values: Vec<f64>,
    /// Standard deviation per session of what they leave unexplained.
    pub residual: f64,
    pub quality: Quality,
}

/// The regressions of the books of one session, each made once, whosever they are. Of sessions or
/// closes that differ nothing may be shared.
#[derive(Debug, Default)]
pub struct Designs(Mutex<HashMap<Vec<Macro>, Arc<Fitted>>>);

/// A model, and the betas that have been estimated on it.
#[derive(Debug)]
struct Fitted {
    model: Model<Driver>,
    /// How much of the market goes with each driver.
    carried: Vec<f64>,
    covariance: Vec<f64>,
    betas: Mutex<HashMap<InstrumentId, Result<Betas, Insufficient>>>,
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
        let known = held(&self.designs.0).get(macros).cloned();
        let fitted = known.unwrap_or_else(|| {
            let fitted = Arc::new(Fitted::new(&self.drivers, macros));
            Arc::clone(held(&self.designs.0).entry(macros.to_vec()).or_insert(fitted))
        });
        let betas = self.returns.iter().map(|(id, returns)| (*id, fitted.betas(*id, returns)));
        Design {
            betas: betas.collect(),
            covariance: fitted.covariance.clone(),
            quality: fitted.model.quality(),
            warnings: fitted.model.warnings(),
            drivers: fitted.model.names().to_vec(),
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
            .names()
            .iter()
            .zip(model.market_betas().unwrap_or_default())
            .map(|(driver, beta)| if matches!(driver, Driver::Macro(_)) { *beta } else { 0.0 })
            .collect();
        Self {
            covariance: of_raw_covariance(model.covariance().unwrap_or_default(), &carried),
            betas: Mutex::default(),
            model,
            carried,
        }
    }

    fn betas(&self, id: InstrumentId, returns: &Returns) -> Result<Betas, Insufficient> {
        if let Some(known) = held(&self.betas).get(&id) {
            return known.clone();
        }
        let found = self.model.betas(returns).map(|found| Betas {
            values: of_raw(self.model.names(), &found.betas, &self.carried),
            residual: found.residual_std.unwrap_or(0.0),
            quality: found.quality,
        });
        held(&self.betas).insert(id, found.clone());
        found
    }
}

impl Design {
    pub fn of(&self, instrument: InstrumentId) -> Result<&Betas, Insufficient> {
        match self.betas.get(&instrument) {
            Some(found) => found.as_ref().map_err(Clone::clone),
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

/// Betas to compute with: of prices capped, of yields and spreads as they are, per 1.00 of an
/// absolute change as they are.
fn of_raw(drivers: &[Driver], betas: &[Beta], carried: &[f64]) -> Vec<f64> {
    let own = |(driver, beta): (&Driver, &Beta)| {
        if driver.variable().is_price() { beta.capped() } else { beta.estimate.value }
    };
    let mut values: Vec<_> = drivers.iter().zip(betas).map(own).collect();
    let with_market: f64 = values.iter().zip(carried).map(|(beta, part)| beta * part).sum();
    if let Some(market) = values.first_mut() {
        *market -= with_market;
    }
    values
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
