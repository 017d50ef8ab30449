//! Prices from outside: the providers, files somebody loads, and a simulation that needs nobody.
//!
//! [`chain`] makes everything that asks providers. To use it, keep one for the life of the
//! program and ask:
//!
//! ```ignore
//! let chain = market::chain(&config, &db, &calendar)?;
//! let span = Span { from, to };
//! match chain.daily_bars("AAPL", span, Urgency::Batch).await {
//!     Ok(answered) => store(price_source(answered.source), answered.answer.bars),
//!     Err(unanswered) => note(unanswered.absence(), unanswered.refusals),
//! }
//! ```
//!
//! - What is answered is as traded and has passed `check`; what has not is told beside it.
//! - Many symbols over few days cost least by [`Chain::market_day`]: [`by_day_is_cheaper`] says
//!   when.
//! - The simulation is no member of a chain, so that nothing simulated fills a hole in what was
//!   observed: who wants it asks `synthetic` for the whole series of a symbol nobody knows.

pub mod caller;
pub mod chain;
pub mod check;
mod figure;
pub mod fred;
pub mod import;
pub mod polygon;
pub mod provider;
pub mod synthetic;
pub mod throttle;
pub mod yahoo;

use std::sync::Arc;

use self::caller::{Limits, NoClient};
use self::chain::Chain;
use self::fred::Fred;
use self::polygon::Polygon;
use self::provider::MarketDataProvider;
use self::throttle::{Rate, RealTime, Throttle};
use self::yahoo::Yahoo;
use crate::config::{Config, Provider};
use crate::domain::calendar::Calendar;
use crate::postgres::Db;

/// The providers that the settings name, in their order, sharing their limits with every other
/// process on the database.
///
/// # Errors
/// When no client can be made.
pub fn chain(config: &Config, db: &Db, calendar: &Arc<Calendar>) -> Result<Chain, NoClient> {
    let (market, clock) = (&config.market, config.clock);
    let throttle = |rate| Throttle::new(db.clone(), rate, Arc::new(RealTime));
    let limits = Limits::default;
    let mut members: Vec<Arc<dyn MarketDataProvider>> = Vec::new();
    for provider in &config.providers {
        match provider {
            Provider::Polygon => {
                let throttle = throttle(Rate::polygon(market.polygon.plan));
                let calendar = calendar.clone();
                let polygon = Polygon::new(&market.polygon, throttle, limits(), calendar, clock)?;
                members.push(Arc::new(polygon));
            }
            Provider::Yahoo => {
                let (base, throttle) = (market.yahoo_base.clone(), throttle(Rate::yahoo()));
                let yahoo = Yahoo::new(base, throttle, limits(), calendar.clone(), clock)?;
                members.push(Arc::new(yahoo));
            }
            Provider::Fred => {
                let (base, throttle) = (market.fred_base.clone(), throttle(Rate::fred()));
                let fred = Fred::new(base, market.fred_key.clone(), throttle, limits())?;
                members.push(Arc::new(fred));
            }
            Provider::Synthetic => {}
        }
    }
    Ok(Chain::new(members, calendar.clone()))
}

/// Whether so many symbols over so many sessions take fewer requests day by day, each of the
/// whole market, than symbol by symbol.
pub fn by_day_is_cheaper(symbols: usize, sessions: usize) -> bool {
    sessions < symbols
}
