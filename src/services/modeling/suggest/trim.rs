//! Sales that make a book smaller, or less of it sit in one place.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{Goal, Plan, Stock, Suggestion, decimal, percent, share, stocks, whole};
use crate::domain::modeling::{Action, MAX_TRADES};
use crate::services::valuation::{Book, leverage};

/// Largest share of the gross exposure that one symbol may have.
const MOST_OF_ONE: f64 = 0.1;
/// The same in equal shares, where there are too few symbols for that.
const MOST_EQUAL_SHARES: f64 = 1.5;
/// Gross exposure over the total value that needs no loan.
const UNLEVERED: f64 = 1.0;
/// What is kept of the gross exposure of a book that is unlevered already.
const KEPT: f64 = 0.9;
/// Symbols that are sold, the largest: each takes up to two of a session's trades.
const MAX_SYMBOLS: usize = MAX_TRADES / 2;
/// Whole units may leave a symbol a little above; then the rest is looked at once more.
const MAX_PASSES: usize = 50;

/// The largest share of one symbol in the gross exposure of what has a price.
fn largest_weight(book: &Book) -> Option<f64> {
    let stocks = stocks(book);
    weight(largest(&stocks)?.1.size(), gross(&stocks))
}

/// Sells the largest down until none has more than the target.
pub(super) fn concentration(target: Option<f64>, book: &Book) -> Plan {
    let goal = Goal::ReduceConcentration;
    let held = stocks(book);
    let count = u32::try_from(held.len()).unwrap_or(u32::MAX).max(1);
    let target = target.unwrap_or((MOST_EQUAL_SHARES / f64::from(count)).clamp(MOST_OF_ONE, 1.0));
    let before = largest_weight(book);
    let without = |reason: String| Plan::without(goal, before, target, reason);
    let Some(before_weight) = before else {
        return without("Nothing that is held has a price.".into());
    };
    if before_weight <= target {
        return without(format!(
            "No symbol has more than {} of the gross exposure, {} may.",
            percent(before_weight),
            percent(target)
        ));
    }
    if target * f64::from(count) < 1.0 {
        return without(format!(
            "{count} symbols cannot each have less than {} of what they are together: sales alone \
             do not spread a book.",
            percent(target)
        ));
    }
    let Some(kept) = spread(held.clone(), decimal(target)) else {
        return without(format!(
            "Whole shares and contracts are too dear to come below {}.",
            percent(target)
        ));
    };
    let (size_before, size_after) = (gross(&held), gross(&kept));
    let of = |stock: &Stock, size| weight(stock.size(), size).map(percent).unwrap_or_default();
    let words = |symbol: &str, stock: &Stock, left: &Stock| {
        let rationale = format!(
            "{symbol} is {} of the gross exposure; {} is the most.",
            of(stock, size_before),
            percent(target)
        );
        let effect =
            format!("{symbol} from {} to {} of it.", of(stock, size_before), of(left, size_after));
        (rationale, effect)
    };
    let trades = sales(&held, &kept, words);
    if trades.len() > MAX_TRADES {
        return without(format!("It takes {} trades; a session has {MAX_TRADES}.", trades.len()));
    }
    let after = largest(&kept).and_then(|(_, own)| weight(own.size(), size_after));
    Plan { goal, before, target, tolerance: 0.0, after, trades, reason: None }
}

/// What is kept so that no symbol has more than a share of the whole: the largest are cut down to
/// one size. None where whole units do not allow it.
fn spread(mut stocks: BTreeMap<String, Stock>, target: Decimal) -> Option<BTreeMap<String, Stock>> {
    for _ in 0..MAX_PASSES {
        let all = gross(&stocks);
        let cap = target.saturating_mul(all);
        if all.is_zero() {
            return None;
        }
        if stocks.values().all(|stock| stock.size() <= cap) {
            return Some(stocks);
        }
        let cap = common_size(&stocks, target)?;
        for stock in stocks.values_mut() {
            let surplus = stock.size().saturating_sub(cap);
            if surplus > Decimal::ZERO {
                let units = surplus.checked_div(stock.unit)?.ceil();
                stock.cut(units);
            }
        }
    }
    None
}

/// The size c that the largest are cut to: c = t (k c + R), where R is what the others have.
fn common_size(stocks: &BTreeMap<String, Stock>, target: Decimal) -> Option<Decimal> {
    let mut sizes: Vec<_> = stocks.values().map(Stock::size).collect();
    sizes.sort_by_key(|size| Reverse(*size));
    let mut rest: Decimal = sizes.iter().copied().fold(Decimal::ZERO, Decimal::saturating_add);
    for (at, size) in sizes.iter().enumerate() {
        rest = rest.saturating_sub(*size);
        let cut = Decimal::from(at + 1);
        let share = Decimal::ONE - target.saturating_mul(cut);
        if share <= Decimal::ZERO {
            return None;
        }
        let cap = target.saturating_mul(rest).checked_div(share)?;
        if sizes.get(at + 1).is_none_or(|next| *next <= cap) {
            return Some(cap);
        }
    }
    None
}

/// Sells and covers a like part of everything.
pub(super) fn gross_plan(target: Option<f64>, book: &Book) -> Plan {
    let goal = Goal::ReduceGross;
    let before = leverage(book.totals(), book);
    let usual = match before {
        Some(before) if before <= UNLEVERED => before * KEPT,
        _ => UNLEVERED,
    };
    let target = target.unwrap_or(usual);
    let without = |reason: String| Plan::without(goal, before, target, reason);
    let Some(ratio) = before else {
        return without(
            "Nothing that is held has a price, or the total value is not above zero.".into(),
        );
    };
    let held = stocks(book);
    let dearest = held.values().map(|stock| stock.unit).max().unwrap_or_default();
    let tolerance = share(dearest, book).unwrap_or_default() / 2.0;
    if ratio <= target + tolerance {
        return Plan {
            tolerance,
            ..without(format!(
                "The gross exposure is {} of the total value, {} may be.",
                percent(ratio),
                percent(target)
            ))
        };
    }
    let surplus = gross(&held).saturating_mul(decimal(1.0 - target / ratio));
    let (kept, left) = shrunk(held.clone(), surplus);
    let after = share(gross(&kept), book);
    if left.saturating_mul(Decimal::TWO).abs() > dearest {
        return without(if held.len() > MAX_SYMBOLS {
            format!(
                "It takes more than the {MAX_SYMBOLS} largest of {} symbols, or what cannot be \
                 traded.",
                held.len()
            )
        } else {
            "Whole shares and contracts are too dear to come near the target.".into()
        });
    }
    let sizes = (gross(&held), gross(&kept));
    let words = |symbol: &str, stock: &Stock, left: &Stock| {
        let sold = stock.size().saturating_sub(left.size());
        let part = weight(sold, stock.size()).map(percent).unwrap_or_default();
        let rationale = format!(
            "The gross exposure is {} of the total value, {} is wanted: {part} of {symbol} goes.",
            percent(ratio),
            percent(target)
        );
        let effect = format!(
            "{} less of gross exposure, of {} that all trades take from {}.",
            whole(sold),
            whole(sizes.0.saturating_sub(sizes.1)),
            whole(sizes.0)
        );
        (rationale, effect)
    };
    let trades = sales(&held, &kept, words);
    Plan { goal, before, target, tolerance, after, trades, reason: None }
}

/// What is kept when so much goes, a like part of each symbol, and how much too little went. What
/// whole units leave over goes to the next: the dearest come first, so that little is left.
fn shrunk(
    mut stocks: BTreeMap<String, Stock>,
    surplus: Decimal,
) -> (BTreeMap<String, Stock>, Decimal) {
    let traded = stocks.iter().filter(|(_, own)| !own.is_fixed);
    let mut order: Vec<_> = traded.map(|(symbol, own)| (symbol.clone(), own.size())).collect();
    order.sort_by_key(|(_, size)| Reverse(*size));
    order.truncate(MAX_SYMBOLS);
    let all = order.iter().map(|(_, size)| *size).fold(Decimal::ZERO, Decimal::saturating_add);
    let part = surplus.checked_div(all).unwrap_or_default().min(Decimal::ONE);
    order.sort_by_key(|(symbol, _)| Reverse(stocks.get(symbol).map(|own| own.unit)));

    let mut left = Decimal::ZERO;
    for (symbol, size) in order {
        let Some(stock) = stocks.get_mut(&symbol) else { continue };
        left = left.saturating_add(size.saturating_mul(part));
        let units = left.checked_div(stock.unit).unwrap_or_default();
        let units = units.round_dp_with_strategy(0, RoundingStrategy::MidpointTowardZero);
        let cut = stock.cut(units.max(Decimal::ZERO));
        left = left.saturating_sub(cut.saturating_mul(stock.unit));
    }
    // What is more than all of them.
    (stocks, left.saturating_add(surplus.saturating_sub(all).max(Decimal::ZERO)))
}

impl Stock {
    /// Takes so many whole units away, of the larger side first; how many there were to take. What
    /// is less than a unit stays.
    fn cut(&mut self, units: Decimal) -> Decimal {
        if self.is_fixed {
            return Decimal::ZERO;
        }
        let mut left = units;
        let is_long_larger = self.long >= self.short;
        let (first, second) = if is_long_larger {
            (&mut self.long, &mut self.short)
        } else {
            (&mut self.short, &mut self.long)
        };
        for side in [first, second] {
            let taken = left.min(side.floor());
            *side -= taken;
            left -= taken;
        }
        units - left
    }
}

/// The trades that leave of what is held what is kept.
fn sales(
    held: &BTreeMap<String, Stock>,
    kept: &BTreeMap<String, Stock>,
    words: impl Fn(&str, &Stock, &Stock) -> (String, String),
) -> Vec<Suggestion> {
    let mut trades = Vec::new();
    for (symbol, stock) in held {
        let Some(left) = kept.get(symbol) else { continue };
        let sides = [
            (Action::Sell, stock.long - left.long),
            (Action::BuyToCover, stock.short - left.short),
        ];
        for (action, quantity) in sides.into_iter().filter(|(_, quantity)| !quantity.is_zero()) {
            let (rationale, effect) = words(symbol, stock, left);
            let (symbol, price) = (symbol.clone(), stock.price);
            trades.push(Suggestion { symbol, action, quantity, price, rationale, effect });
        }
    }
    trades
}

fn gross(stocks: &BTreeMap<String, Stock>) -> Decimal {
    stocks.values().map(Stock::size).fold(Decimal::ZERO, Decimal::saturating_add)
}

fn largest(stocks: &BTreeMap<String, Stock>) -> Option<(&String, &Stock)> {
    stocks.iter().max_by_key(|(_, stock)| stock.size())
}

fn weight(size: Decimal, of: Decimal) -> Option<f64> {
    size.checked_div(of)?.to_f64()
}
