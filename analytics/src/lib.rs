//! Portfolio mathematics: pure functions from numbers to numbers.
//!
//! Conventions, here and in every figure the API gives:
//! - a quantity carries its sign, below zero for a short; exposure, cost basis and profit
//!   and loss follow it, while market value and notional are sizes and never negative;
//! - an option counts in contracts of `multiplier` shares, its price and its Greeks are per
//!   share; everything else has a multiplier of one;
//! - a ratio, a rate or a volatility is a fraction, 5 % is `0.05`; rates and dividend yields
//!   are continuously compounded per year, volatilities annualized;
//! - a year is 365 calendar days for options and 252 sessions for returns; theta is per
//!   calendar day, vega per volatility point (`0.01`), rho per 1 % of rate (`0.01`);
//! - money is an exact [`rust_decimal::Decimal`], statistics are `f64`.
//!
//! A figure that lacks an input is `None`, and a total counts what it left out: nothing here
//! stands in for a missing price. Nothing here knows of currencies, rows or the time of day.

pub mod american;
pub mod correlation;
pub mod decimal;
pub mod error;
pub mod exposure;
pub mod factor;
pub mod implied;
mod linear;
mod normal;
pub mod option;
pub mod performance;
pub mod rate;
pub mod returns;
pub mod risk;
pub mod scenario;
#[cfg(test)]
mod tests;

pub use error::Error;
