//! SQL and only SQL: a file a table, or a close family.
//!
//! A function here is one statement. It takes many ids, promises an order or none, decides
//! nothing, and opens no transaction. Those of a tenant's table run inside one that
//! [`Db::begin_as`](crate::postgres::Db::begin_as) or a
//! [`Moment`](crate::postgres::moment::Moment) opened: without an owner they fail.

pub mod absences;
pub mod actions;
pub mod alert_rules;
pub mod alerts;
pub mod audit;
pub mod calendar;
pub mod cash;
pub mod doubts;
pub mod early;
pub mod exports;
pub mod idempotency;
pub mod instruments;
pub mod jobs;
pub mod modeling;
mod paged;
pub mod portfolios;
pub mod positions;
pub mod presence;
pub mod prices;
pub mod profiles;
pub mod report_schedules;
pub mod results;
pub mod revisions;
pub mod scenarios;
pub mod schedules;
pub mod sessions;
pub mod snapshots;
pub mod tags;
pub mod throttle;
pub mod updates;
pub mod users;
pub mod yields;
