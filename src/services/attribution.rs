//! What a book made or lost between two closes, and which of its groups did.
//!
//! A [`Period`] is two books. Profit needs both ends: what was held at the beginning is measured
//! from its close of exactly that session, what was entered since from what was paid; what is held
//! at the end to its newest close, what was closed to what it was sold for. Each end is money in
//! the shares of its own day, so that a split between them changes nothing. [`explain`] says what
//! the Greeks account for.

pub mod explain;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use sigmasight_analytics::performance::contributions;

use crate::domain::id::PositionId;
use crate::domain::quality::Quality;
use crate::services::valuation::{Book, Filter, Group, Grouping, Line};

/// A book at the two closes that a period lies between.
#[derive(Debug)]
pub struct Period {
    pub start: Arc<Book>,
    pub end: Arc<Book>,
    /// Of what was held at some time after the start; None where a price is missing.
    profits: HashMap<PositionId, Option<Decimal>>,
}

/// What a group of positions made or lost over a period.
#[derive(Clone, Debug)]
pub struct Attributed {
    pub group: Group,
    /// Of the positions that have both prices; None when none has.
    pub pnl: Option<Decimal>,
    /// The same over the book's total value at the start; None where that is not above zero.
    pub contribution: Option<f64>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

impl Period {
    pub fn new(start: Arc<Book>, end: Arc<Book>) -> Self {
        let base = start.horizon.as_of;
        let held = end.lines.iter().filter(|line| line.was_held_since(base));
        let profits = held.map(|line| (line.position.id, profit(&start, line))).collect();
        Self { start, end, profits }
    }

    /// Profit or loss of one position; None where a price is missing.
    pub fn profit(&self, position: PositionId) -> Option<Decimal> {
        self.profits.get(&position).copied().flatten()
    }

    /// What each group made, the largest profit or loss first; those of which none is known come
    /// last. Groups share no position unless it carries several tags: it counts fully in each.
    pub fn attribute(&self, by: Grouping) -> Vec<Attributed> {
        let all = Filter { include_closed: true, ..Filter::default() };
        let mut attributed: Vec<_> = self
            .end
            .groups(by, &all)
            .into_iter()
            .filter_map(|mut group| {
                group.lines.retain(|line| self.profits.contains_key(&line.position.id));
                (!group.lines.is_empty()).then(|| self.of(group))
            })
            .collect();
        // Stable: what is as large stays in the order of its labels.
        attributed.sort_by_key(|one| std::cmp::Reverse(one.pnl.map(|pnl| pnl.abs())));
        attributed
    }

    fn of(&self, group: Group) -> Attributed {
        let (mut sum, mut missing) = (Decimal::ZERO, Vec::new());
        let mut quality = Quality::Full;
        for line in &group.lines {
            match self.profit(line.position.id) {
                Some(profit) => {
                    sum = sum.saturating_add(profit);
                    quality = quality.max(self.quality(line));
                }
                None => missing.push(line.position.instrument.symbol.as_str()),
            }
        }
        let is_known = missing.len() < group.lines.len();
        let pnl = is_known.then_some(sum);
        let contribution = pnl.and_then(|pnl| {
            contributions(&[pnl], self.start.total_value()).ok()?.into_iter().next()
        });
        let mut warnings = self.warnings(quality);
        if !missing.is_empty() {
            quality = if is_known { Quality::Limited } else { Quality::Insufficient };
            warnings.insert(0, self.left_out(&missing, group.lines.len()));
        }
        if pnl.is_some() && contribution.is_none() {
            warnings.push(format!(
                "The total value of {} is not above zero: no share of it is to be had.",
                self.start.horizon.as_of
            ));
        }
        Attributed { group, pnl, contribution, quality, warnings }
    }

    /// How far both prices of a position can be trusted.
    fn quality(&self, line: &Line) -> Quality {
        let start = self.start.line(line.position.id).map(|line| line.quality());
        let end = (!line.is_out()).then(|| line.quality());
        start.max(end).unwrap_or(Quality::Full)
    }

    fn left_out(&self, symbols: &[&str], of: usize) -> String {
        const NAMED: usize = 5;
        let named = symbols.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let rest = if symbols.len() > NAMED { ", …" } else { "" };
        format!(
            "{} of {of} positions are left out, for a price of {} or one since is missing: \
             {named}{rest}.",
            symbols.len(),
            self.start.horizon.as_of,
        )
    }

    fn warnings(&self, quality: Quality) -> Vec<String> {
        let mut warnings = Vec::new();
        match quality {
            Quality::Stale => warnings.push(format!(
                "The newest price of some positions is older than {}.",
                self.end.horizon.as_of
            )),
            Quality::Estimated => {
                warnings.push("Some prices are simulated, or what an option settled at.".into());
            }
            _ => {}
        }
        let unpriced = self.start.open_lines().filter(|line| line.quote.is_none()).count();
        if unpriced > 0 {
            warnings.push(format!(
                "The total value of {} that contributions are shares of leaves out {unpriced} \
                 positions without a price.",
                self.start.horizon.as_of
            ));
        }
        warnings
    }
}

/// What a line of the book at the end has made since the close of the one at the start.
fn profit(start: &Book, line: &Line) -> Option<Decimal> {
    let base = start.horizon.as_of;
    let position = &line.position;
    let before = if position.entry_date > base {
        line.full_units().saturating_mul(position.entry_price)
    } else {
        let then = start.line(position.id)?;
        let quote = then.quote.as_ref().filter(|quote| quote.date == base)?;
        then.full_units().saturating_mul(quote.price)
    };
    let price = if line.is_out() {
        position.exit_price?
    } else {
        // An old price says nothing of the time after it.
        let fresh = |date| date > base && date >= position.entry_date;
        line.quote.as_ref().filter(|quote| fresh(quote.date))?.price
    };
    Some(line.full_units().saturating_mul(price).saturating_sub(before))
}
