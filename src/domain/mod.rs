//! The nouns and their rules: plain data, no I/O.

pub mod absence;
pub mod action;
pub mod alert;
pub mod audit;
pub mod calendar;
pub mod export;
pub mod factor;
pub mod id;
pub mod instrument;
pub mod job;
pub mod modeling;
pub mod page;
pub mod portfolio;
pub mod position;
pub mod price;
pub mod quality;
pub mod rate;
pub mod reference;
pub mod result;
pub mod scenario;
pub mod snapshot;
pub mod strategy;
pub mod tag;
pub mod text;
pub mod upload;
pub mod user;
