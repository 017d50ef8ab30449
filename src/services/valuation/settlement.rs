//! What an option is worth once it has run out.
//!
//! Whoever holds one past its expiry has what it settled at: its intrinsic value at the last
//! close of its underlying. The premium it was last quoted at says nothing any more.

use std::cmp::Ordering;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::instrument::{Contract, OptionKind};
use crate::domain::price::{Horizon, PriceSource, Quote};

/// The quote of an option after its expiry: max(S − K, 0) of a call, max(K − S, 0) of a put, per
/// share, S being the close of the underlying in the last session of the option's life. It never
/// gets stale. None when exactly that close is missing.
///
/// `own` is what is known of the option itself, for periods that begin while it lived;
/// `at_expiry` is its underlying's quote as of `last_session`, the one of the expiry.
pub fn quote(
    contract: &Contract,
    own: Option<&Quote>,
    at_expiry: Option<&Quote>,
    last_session: NaiveDate,
    horizon: &Horizon,
) -> Option<Quote> {
    let underlying = at_expiry.filter(|quote| quote.date == last_session)?;
    let value = match contract.kind {
        OptionKind::Call => underlying.price.saturating_sub(contract.strike),
        OptionKind::Put => contract.strike.saturating_sub(underlying.price),
    };
    let value = value.max(Decimal::ZERO);
    let at = |base: NaiveDate, while_it_lived: fn(&Quote) -> Option<Decimal>| {
        match base.cmp(&last_session) {
            Ordering::Greater => Some(value),
            // What it was last quoted at, and only without that what it came to the same day.
            Ordering::Equal => own.and_then(while_it_lived).or(Some(value)),
            Ordering::Less => own.and_then(while_it_lived),
        }
    };
    Some(Quote {
        price: value,
        date: horizon.as_of,
        source: match underlying.source {
            PriceSource::Synthetic => PriceSource::Synthetic,
            _ => PriceSource::Model,
        },
        volume: None,
        previous: at(horizon.previous, |quote| quote.previous),
        month_base: at(horizon.month_base, |quote| quote.month_base),
        year_base: at(horizon.year_base, |quote| quote.year_base),
    })
}
