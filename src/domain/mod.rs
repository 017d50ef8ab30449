//! The nouns and their rules: plain data, no I/O.

pub mod absence;
pub mod action;
pub mod audit;
pub mod calendar;
pub mod id;
pub mod instrument;
pub mod page;
pub mod portfolio;
pub mod position;
pub mod price;
pub mod quality;
pub mod rate;
pub mod tag;
pub mod text;
pub mod upload;
pub mod user;
