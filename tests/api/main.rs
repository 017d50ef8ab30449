//! Stories told through the HTTP door: people with verbs, a clock that stands still, a database
//! of one's own. `support` has the people; each other module is a chapter.

mod support;

mod accounts;
mod architecture;
mod jobs;
mod limits;
mod live;
mod market;
mod schema;
mod tenancy;
mod transport;
mod uploads;
mod valuation;
