//! Prices from outside: files somebody loads, and a simulation that needs nobody; and what asking
//! a provider takes.

pub mod caller;
pub mod check;
mod figure;
pub mod import;
pub mod provider;
pub mod synthetic;
pub mod throttle;
