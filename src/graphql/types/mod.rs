//! The types of the graph: a file a noun, each a wrapper over its domain type.

pub mod admin;
pub mod audit;
pub mod calendar;
pub mod correlation;
pub mod data_quality;
pub mod dividend;
pub mod factor;
pub mod greeks;
pub mod instrument;
pub mod job;
pub mod modeling;
pub mod node;
pub mod portfolio;
pub mod position;
pub mod pricing;
pub mod quality;
pub mod rate;
pub mod risk;
pub mod scenario;
pub mod service;
pub mod snapshot;
pub mod stress;
pub mod tag;
pub mod upload;
pub mod user;
pub mod valuation;
