//! What the simulation promises, held against what it gives.

mod actions;
mod curve;
mod options;
mod regression;
mod series;

use rust_decimal::prelude::ToPrimitive;

use super::*;

/// The bars of all sessions from the first to the middle of 2026.
fn all_bars(symbol: &str) -> Vec<SyntheticBar> {
    bars(symbol, &Calendar::default(), FIRST, date(2026, 6, 30))
}

fn closes(bars: &[SyntheticBar]) -> Vec<f64> {
    bars.iter().map(|bar| float(bar.close)).collect()
}

/// Of what is said to be known: those of the tables.
fn known_symbols() -> impl Iterator<Item = &'static str> {
    let stocks = known::STOCKS.iter().map(|row| row.0);
    let funds = known::FUNDS.iter().map(|row| row.0);
    let sectors = known::SECTOR_FUNDS.iter().map(|row| row.0);
    stocks.chain(funds).chain(sectors)
}

/// Returns with the split undone and the dividend put back, from the second session on.
fn total_returns(symbol: &str, from: NaiveDate, to: NaiveDate) -> Vec<f64> {
    let calendar = Calendar::default();
    let bars = bars(symbol, &calendar, from, to);
    let splits = splits(symbol, &calendar, from, to);
    let dividends = dividends(symbol, &calendar, from, to);
    let pairs = bars.windows(2).map(|pair| {
        let (before, after) = (&pair[0], &pair[1]);
        let split = splits.iter().find(|split| split.date == after.date);
        let ratio = split.map_or(1.0, |split| float(split.to / split.from));
        let dividend = dividends.iter().find(|dividend| dividend.ex_date == after.date);
        let dividend = dividend.map_or(0.0, |dividend| float(dividend.amount));
        (float(after.close) + dividend) * ratio / float(before.close) - 1.0
    });
    pairs.collect()
}

/// Those of all sessions from the first to the middle of 2026.
fn all_returns(symbol: &str) -> Vec<f64> {
    total_returns(symbol, FIRST, date(2026, 6, 30))
}

fn float(decimal: Decimal) -> f64 {
    decimal.to_f64().expect("a float")
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand returns")]
fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn covariance(one: &[f64], other: &[f64]) -> f64 {
    let (mean_one, mean_other) = (mean(one), mean(other));
    let products = one.iter().zip(other).map(|(x, y)| (x - mean_one) * (y - mean_other));
    mean(&products.collect::<Vec<_>>())
}

fn correlation(one: &[f64], other: &[f64]) -> f64 {
    covariance(one, other) / (covariance(one, one) * covariance(other, other)).sqrt()
}

fn annualized_volatility(returns: &[f64]) -> f64 {
    (covariance(returns, returns) * SESSIONS_PER_YEAR).sqrt()
}
