//! Stories told through the HTTP door: people with verbs, a clock that stands still, a database
//! of one's own. `support` has the people; each other module is a chapter.

mod support;

mod accounts;
mod admin;
mod architecture;
mod crossing;
mod defects;
mod factors;
mod greeks;
mod jobs;
mod limits;
mod live;
mod market;
mod modeling;
mod nightly;
mod quality;
mod recovery;
mod scenarios;
mod schedules;
mod schema;
mod snapshots;
mod stress;
mod tenancy;
mod transport;
mod uploads;
mod valuation;
mod walk;
