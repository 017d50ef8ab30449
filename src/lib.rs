//! SigmaSight: portfolio-risk analytics as one navigable GraphQL graph.
//!
//! Imports point one way:
//!
//! ```text
//! main → app → http ──→ graphql ──┐
//!            └────→ jobs ─────────┴──→ services ──→ store ───→ domain
//!                                         ├──────→ market ──→ domain, analytics, store::throttle
//!                                         ├──────→ render     (imports nothing of ours)
//!                                         └──────→ analytics  (likewise)
//! ```
//!
//! `clock`, `config`, `error`, `postgres` and `telemetry` are at everyone's service. A test reads the tree and
//! fails on an import that points the wrong way.

pub mod app;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod graphql;
pub mod http;
pub mod jobs;
pub mod market;
pub mod postgres;
pub mod render;
pub mod services;
pub mod store;
pub mod telemetry;
