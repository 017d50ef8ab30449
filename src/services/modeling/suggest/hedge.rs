//! Shares that offset what moves a book.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    Goal, Hedge, Plan, Stock, Suggestion, Sums, action, decimal, market_dollars, percent, share,
    stocks, whole,
};
use crate::domain::factor::Factor;
use crate::domain::instrument::ExerciseStyle;
use crate::domain::modeling::MAX_NUMBER;
use crate::domain::reference::BENCHMARK;
use crate::services::valuation::Book;

/// Most underlyings that are hedged by shares of their own; the rest goes into the hedge.
const MAX_UNDERLYINGS: usize = 100;
/// What a hedge must move by at least per 1.00 of the market to be one.
const LEAST_BETA: f64 = 0.1;

const NO_VALUE: &str = "The total value is not above zero, so that nothing is a share of it.";

pub(super) fn market_beta(target: f64, book: &Book, sums: &Sums<'_>) -> Plan {
    let goal = Goal::NeutralizeMarketBeta;
    let dollars = market_dollars(book, sums);
    let before = dollars.and_then(|dollars| share(dollars, book));
    let without = |reason: &str| Plan::without(goal, before, target, reason);
    let Some(dollars) = dollars else {
        return without("The market beta of nothing that is held is known.");
    };
    let Some(before) = before else { return without(NO_VALUE) };
    let Some(hedge) = sums.hedge else { return without(&no_hedge()) };
    let Some(beta) = beta_of(hedge, sums).filter(|beta| *beta >= LEAST_BETA) else {
        return without("The hedge has no beta to the market.");
    };
    let of_one = hedge.price.saturating_mul(decimal(beta));
    let wanted = decimal(target).saturating_mul(book.total_value()).saturating_sub(dollars);
    let tolerance = half(of_one, book);
    let Some(units) = units(wanted, of_one) else {
        return without("It would take more shares than a trade may have.");
    };
    if units.is_zero() {
        return Plan { tolerance, ..without(&is_there(hedge)) };
    }
    let left = dollars.saturating_add(units.saturating_mul(of_one));
    let after = share(left, book);
    let stocks = stocks(book);
    let rationale = format!(
        "The book moves like {} of the market, a beta of {before:.3}; one share of {symbol} moves \
         like {}.",
        whole(dollars),
        of_one.round_dp(2),
        symbol = hedge.instrument.symbol,
    );
    let effect = format!(
        "Market beta from {before:.3} to {:.3}, within {tolerance:.4} of {target}.",
        after.unwrap_or_default()
    );
    let trade = of_hedge(hedge, &stocks, units, rationale, effect);
    Plan { goal, before: Some(before), target, tolerance, after, trades: vec![trade], reason: None }
}

/// First each underlying that options are held on, by shares of its own; then what is left, of
/// shares that are held as such too, by the hedge.
pub(super) fn delta(target: f64, book: &Book, sums: &Sums<'_>) -> Plan {
    let goal = Goal::NeutralizeDelta;
    let all = sums.greeks.sums(&book.lines);
    let before = share(all.delta_dollars, book);
    let without = |reason: &str| Plan::without(goal, before, target, reason);
    if all.coverage.included_positions == 0 && all.coverage.excluded_positions > 0 {
        return without("The delta of nothing that is held is known.");
    }
    let Some(before) = before else { return without(NO_VALUE) };
    let Some(hedge) = sums.hedge else { return without(&no_hedge()) };
    let tolerance = half(hedge.price, book);
    let stocks = stocks(book);
    let mut left = all.delta_dollars;
    let mut trades = Vec::new();
    let wanted = decimal(target).saturating_mul(book.total_value());
    if within_half(wanted.saturating_sub(left), hedge.price) {
        return Plan { tolerance, ..without(&is_there(hedge)) };
    }
    for (symbol, delta, price) in with_options(book, sums, &hedge.instrument.symbol) {
        let Some(units) = units(-delta, Decimal::ONE).filter(|units| !units.is_zero()) else {
            continue;
        };
        let rest = left.saturating_add(units.saturating_mul(price));
        trades.push(Suggestion {
            action: action(stocks.get(&symbol), units),
            quantity: units.abs(),
            price,
            rationale: format!(
                "{symbol} and the options on it move like {} shares of it.",
                delta.round_dp(1).normalize()
            ),
            effect: told(left, rest, book),
            symbol,
        });
        left = rest;
    }
    let Some(units) = units(wanted.saturating_sub(left), hedge.price) else {
        return without("It would take more shares than a trade may have.");
    };
    if !units.is_zero() {
        let rest = left.saturating_add(units.saturating_mul(hedge.price));
        let rationale = format!(
            "What is left moves like {} of shares; one share of {} is {}.",
            whole(left),
            hedge.instrument.symbol,
            hedge.price.normalize(),
        );
        trades.push(of_hedge(hedge, &stocks, units, rationale, told(left, rest, book)));
        left = rest;
    }
    let after = share(left, book);
    Plan { goal, before: Some(before), target, tolerance, after, trades, reason: None }
}

/// The underlyings that live options are held on: their net delta in shares and their price, the
/// largest first.
fn with_options(book: &Book, sums: &Sums<'_>, hedge: &str) -> Vec<(String, Decimal, Decimal)> {
    let mut prices = BTreeMap::new();
    for line in book.open_lines().filter(|line| !line.is_expired) {
        // What is European here is on an index, which nobody can buy.
        let contract = line.position.instrument.contract.as_ref();
        let has_shares = contract.is_some_and(|own| own.exercise_style == ExerciseStyle::American);
        if let Some(quote) = line.underlying_quote.as_ref().filter(|_| has_shares) {
            prices.insert(line.underlying(), quote.price);
        }
    }
    let all = sums.greeks.by_underlying(&book.lines).into_iter();
    let mut found: Vec<_> = all
        .filter(|one| one.symbol != hedge)
        .filter_map(|one| {
            let price = *prices.get(one.symbol.as_str())?;
            Some((one.symbol, one.sums.total.delta, price))
        })
        .collect();
    found.sort_by_key(|(_, delta, price)| std::cmp::Reverse(delta.saturating_mul(*price).abs()));
    found.truncate(MAX_UNDERLYINGS);
    found
}

/// What one dollar of the hedge moves like.
fn beta_of(hedge: &Hedge, sums: &Sums<'_>) -> Option<f64> {
    let place = sums.estimates.model.place(Factor::Market)?;
    let betas = sums.estimates.betas.get(&hedge.instrument.id)?.as_ref().ok()?;
    Some(betas.betas.get(place)?.capped())
}

fn of_hedge(
    hedge: &Hedge,
    stocks: &BTreeMap<String, Stock>,
    units: Decimal,
    rationale: String,
    effect: String,
) -> Suggestion {
    let symbol = hedge.instrument.symbol.clone();
    Suggestion {
        action: action(stocks.get(&symbol), units),
        quantity: units.abs(),
        price: hedge.price,
        symbol,
        rationale,
        effect,
    }
}

/// The whole units nearest to so much, signed; None for more than a trade may have.
fn units(wanted: Decimal, of_one: Decimal) -> Option<Decimal> {
    let units = wanted.checked_div(of_one)?;
    let units = units.round_dp_with_strategy(0, RoundingStrategy::MidpointTowardZero);
    (units.abs() <= MAX_NUMBER).then_some(units)
}

fn no_hedge() -> String {
    format!("No price of {BENCHMARK} is known, which the book would be hedged with.")
}

fn is_there(hedge: &Hedge) -> String {
    format!("It is there already, within half a share of {}.", hedge.instrument.symbol)
}

fn within_half(left: Decimal, of_one: Decimal) -> bool {
    left.abs().saturating_mul(Decimal::TWO) <= of_one
}

/// Half a unit as a share of the total value: whole units come no nearer.
fn half(of_one: Decimal, book: &Book) -> f64 {
    share(of_one, book).unwrap_or_default() / 2.0
}

fn told(before: Decimal, after: Decimal, book: &Book) -> String {
    let part = |money| share(money, book).map(percent).unwrap_or_default();
    format!(
        "Delta from {} ({} of the total value) to {} ({}).",
        whole(before),
        part(before),
        whole(after),
        part(after)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_whole_and_the_nearest() {
        let units = |wanted: i64, of_one: i64| units(wanted.into(), of_one.into());
        assert_eq!(units(1_249, 500), Some(2.into()));
        assert_eq!(units(-1_251, 500), Some((-3).into()));
        assert_eq!(units(250, 500), Some(0.into()), "half a share is within the tolerance");
        assert_eq!(units(1, 0), None);
    }
}
