//! What the stories are told with.
//!
//! ```ignore
//! let app = App::start().at("2026-01-05T21:30:00Z").await;
//! let ada = app.sign_in("ada").await;
//! let core = ada.creates_portfolio("Core").await;
//! ada.uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,100,150,2025-12-01\n").await;
//! let answer = ada.asks("query($id: ID!) { portfolio(id: $id) { name } }", json!({ "id": core })).await;
//! ```
//!
//! Every request goes through the router that the program serves. Prices come from nowhere unless
//! a story imports them (`app.knows_prices(csv)`) or asks for simulated ones.

pub mod app;
pub mod cluster;
pub mod live;
pub mod person;

use serde_json::Value;

pub use self::app::{App, Reply};
pub use self::person::Person;

/// The codes of the errors of an answer, in their order.
pub fn codes(answer: &Value) -> Vec<&str> {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["extensions"]["code"].as_str().unwrap_or("none")).collect()
}

/// The codes of the user errors of a mutation's payload, in their order.
pub fn user_codes(payload: &Value) -> Vec<&str> {
    let errors = payload["userErrors"].as_array().expect("a payload with its user errors");
    errors.iter().map(|error| error["code"].as_str().unwrap_or("none")).collect()
}

/// One text after the other, each made of its number.
pub fn numbered(numbers: std::ops::Range<usize>, text: impl Fn(usize) -> String) -> String {
    numbers.map(text).collect::<Vec<_>>().concat()
}
