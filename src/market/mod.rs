//! Prices from outside: files somebody loads, and a simulation that needs nobody.

pub mod import;
pub mod synthetic;
