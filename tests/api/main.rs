//! Stories told through the HTTP door: people with verbs, a clock that stands still, a database
//! of one's own. `support` has the people; each other module is a chapter.

mod support;

mod accounts;
mod admin;
mod alerts;
mod architecture;
mod as_of;
mod attribution;
mod crossing;
mod defects;
mod exports;
mod factors;
mod greeks;
mod jobs;
mod limits;
mod live;
mod market;
mod modeling;
mod nightly;
mod positions;
mod provenance;
mod quality;
mod query_cost;
mod questions;
mod recovery;
mod scenarios;
mod schedules;
mod schema;
mod snapshots;
mod strategies;
mod stress;
mod tags;
mod tenancy;
mod transport;
mod uploads;
mod valuation;
mod walk;
