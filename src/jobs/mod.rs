//! Work the service owes itself.

pub mod prices;
