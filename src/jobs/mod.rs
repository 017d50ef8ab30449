//! Work the service owes itself.

pub mod demo;
pub mod prices;
