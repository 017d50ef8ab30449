//! Which volatility an option is valued with, and where that comes from.

use std::collections::HashMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sigmasight_analytics::implied::{self, NoVolatility};
use sigmasight_analytics::option;
use sigmasight_analytics::returns::log_returns;
use sigmasight_analytics::risk;

use super::{Inputs, Model};
use crate::domain::id::InstrumentId;
use crate::services::valuation::Line;

/// Returns that a historical volatility looks back on.
pub const HISTORY: u32 = 30;
/// Fewer of them than this say too little.
const ENOUGH: usize = 20;

/// Where a volatility comes from, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolatilitySource {
    /// What a market price of the option says.
    Implied,
    /// What somebody gave.
    User,
    /// What the underlying did.
    Historical,
    /// The configured one.
    Default,
}

/// A volatility, annualized, a fraction; above zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volatility {
    pub value: f64,
    pub source: VolatilitySource,
    /// Whether it says something of simulated prices.
    pub is_simulated: bool,
    /// Why no better source gave it, in sentences.
    pub reasons: Vec<String>,
}

/// Annualized standard deviation of the log returns of the last [`HISTORY`] sessions: of the
/// closes of those and of the one before, ascending. None with fewer than 20 of them, and of a
/// price that has not moved.
pub fn historical(closes: &[Option<f64>]) -> Option<f64> {
    let returns: Vec<_> = log_returns(closes).into_iter().flatten().collect();
    if returns.len() < ENOUGH {
        return None;
    }
    risk::volatility(&returns).ok().filter(|volatility| *volatility > 0.0)
}

/// The historical volatilities of underlyings, each computed once.
pub struct Histories<'a> {
    inputs: &'a Inputs,
    sessions: &'a [NaiveDate],
    known: HashMap<InstrumentId, Option<f64>>,
}

impl<'a> Histories<'a> {
    pub fn new(inputs: &'a Inputs, sessions: &'a [NaiveDate]) -> Self {
        Self { inputs, sessions, known: HashMap::new() }
    }

    fn of(&mut self, underlying: InstrumentId) -> Option<f64> {
        let Self { inputs, sessions, known } = self;
        *known
            .entry(underlying)
            .or_insert_with(|| historical(&inputs.histories.get(&underlying)?.over(sessions)))
    }

    fn is_simulated(&self, underlying: InstrumentId) -> bool {
        self.inputs.histories.get(&underlying).is_some_and(|series| series.is_simulated())
    }
}

/// The first rung that gives a volatility: the option's own price, its underlying's past, the
/// default.
pub fn of_line(
    line: &Line,
    underlying: InstrumentId,
    quote: &implied::Quote,
    contract: &option::Contract,
    histories: &mut Histories<'_>,
    model: Model,
) -> Volatility {
    let mut reasons = Vec::new();
    match implied(line, quote, contract, model) {
        Ok(value) => {
            let observed = [&line.quote, &line.underlying_quote];
            let is_simulated =
                observed.into_iter().flatten().any(|quote| !quote.source.is_observed());
            let source = VolatilitySource::Implied;
            return Volatility { value, source, is_simulated, reasons };
        }
        Err(reason) => reasons.push(reason),
    }
    if let Some(value) = histories.of(underlying) {
        let is_simulated = histories.is_simulated(underlying);
        let source = VolatilitySource::Historical;
        return Volatility { value, source, is_simulated, reasons };
    }
    reasons.push(format!(
        "Fewer than {ENOUGH} of the last {HISTORY} sessions of {} have a return, or it has not \
         moved: its past gives no volatility.",
        line.underlying()
    ));
    by_default(histories.inputs.assumptions.default_volatility, reasons)
}

/// The configured volatility, for want of anything better.
pub fn by_default(value: f64, mut reasons: Vec<String>) -> Volatility {
    reasons.push(format!(
        "Volatility is the configured default of {} %.",
        Decimal::from_f64_retain(value * 100.0).unwrap_or_default().round_dp(4).normalize()
    ));
    Volatility { value, source: VolatilitySource::Default, is_simulated: false, reasons }
}

/// What the option's own price says, of the same session as that of its underlying: prices of two
/// days say nothing together.
fn implied(
    line: &Line,
    quote: &implied::Quote,
    contract: &option::Contract,
    model: Model,
) -> Result<f64, String> {
    let symbol = &line.position.instrument.symbol;
    let session = line.horizon.as_of;
    let Some(own) = &line.quote else {
        return Err(format!("No price of {symbol} is known that would imply its volatility."));
    };
    if own.date != session {
        return Err(format!(
            "The newest price of {symbol} is of {}, so that it implies no volatility.",
            own.date
        ));
    }
    if let Some(underlying) = line.underlying_quote.as_ref().filter(|quote| quote.date != session) {
        return Err(format!(
            "The newest price of {} is of {}, so that the price of {symbol} implies no volatility.",
            line.underlying(),
            underlying.date
        ));
    }
    let price = own.price.to_f64().unwrap_or(f64::NAN);
    of_price(contract, &implied::Quote { price, ..*quote }, model).map_err(|error| {
        format!("The price of {symbol}, {}, implies no volatility: {error}.", own.price.normalize())
    })
}

/// The volatility at which a model gives a price.
///
/// # Errors
/// Why there is none.
pub fn of_price(
    contract: &option::Contract,
    quote: &implied::Quote,
    model: Model,
) -> Result<f64, NoVolatility> {
    match model {
        Model::BlackScholesMerton => implied::volatility(contract, quote),
        Model::American => implied::american_volatility(contract, quote),
    }
}
