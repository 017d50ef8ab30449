//! What moves a book: Greeks of positions, of selections, and of options that somebody describes.

mod books;
mod described;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{App, Person, numbered};

/// Half an hour after the close of Friday the 28th of June 2024.
const NOW: &str = "2024-06-28T20:30:00Z";
const HEADER: &str = "ticker,quantity,entry_price,entry_date,tags";

const BOOK: &str = "
    query($id: ID!, $asOf: Date, $model: PricingModel! = BLACK_SCHOLES_MERTON) {
        portfolio(id: $id) {
            greeks(asOf: $asOf, model: $model) {
                ...Sums optionPositionCount asOf quality warnings
                soon: afterExpiry(withinDays: 7) { ...Each }
                byUnderlying {
                    underlying { symbol } total { ...Each } deltaDollars gammaDollars positionCount
                }
                excluded { position { symbol } reason }
                provenance { method modelVersion coverage { includedPositions excludedPositions } }
            }
            exposures(asOf: $asOf) {
                deltaAdjustedNet deltaAdjustedGross excludedCount
            }
            byType: positionGroups(by: TYPE) { key greeks { ...Sums } }
            positions(first: 500) {
                nodes {
                    symbol
                    valuation(asOf: $asOf) { deltaAdjustedExposure }
                    greeks(asOf: $asOf, model: $model) {
                        source model perShare { ...Each } position { ...Each }
                        deltaDollars gammaDollars theoreticalPrice volatility volatilitySource
                        riskFreeRate dividendYield underlyingPrice timeToExpiryYears
                        asOf quality warnings
                        provenance { method modelVersion inputs { name value unit asOf source } }
                    }
                }
            }
        }
    }
    fragment Sums on PortfolioGreeks { total { ...Each } deltaDollars gammaDollars }
    fragment Each on Greeks { delta gamma theta vega rho }";

const EACH: [&str; 5] = ["delta", "gamma", "theta", "vega", "rho"];

impl Person {
    async fn greeks_of(&self, book: &str, more: Value) -> Value {
        let mut variables = json!({ "id": book });
        variables.as_object_mut().into_iter().for_each(|all| {
            all.extend(more.as_object().cloned().unwrap_or_default());
        });
        self.reads(BOOK, variables).await["portfolio"].take()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

/// A float, or a decimal as a float.
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("no number: {value}"))
}

fn mentions(warnings: &Value, words: &str) -> bool {
    list(warnings).iter().any(|warning| text(warning).contains(words))
}

#[track_caller]
fn near(got: &Value, wanted: f64, tolerance: f64) {
    let got = number(got);
    assert!((got - wanted).abs() <= tolerance, "{got} is not {wanted}");
}

/// The Greeks of each position, by symbol.
fn by_symbol(book: &Value) -> BTreeMap<&str, &Value> {
    let positions = list(&book["positions"]["nodes"]).iter();
    positions.map(|position| (text(&position["symbol"]), &position["greeks"])).collect()
}

/// No figure of an answer is text where it should be a number.
fn has_numbers_only(greeks: &Value) -> bool {
    EACH.iter().all(|name| greeks[*name].is_f64() || greeks[*name].is_i64())
}
