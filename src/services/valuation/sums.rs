//! Sums over the lines of a book, and how far they can be trusted.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::exposure::Totals;

use super::Book;
use super::line::{Line, Start};
use crate::domain::position::PositionType;
use crate::domain::price::{MAX_CARRIED_SESSIONS, PriceSource, Staleness};
use crate::domain::quality::{Coverage, Quality};

/// The sums over the open ones of some lines, in the portfolio's currency, of those that have a
/// price.
pub fn totals<'a>(lines: impl IntoIterator<Item = &'a Arc<Line>>) -> Totals {
    Totals::of(lines.into_iter().filter(|line| line.is_open()).map(|line| line.holding()))
}

/// How many of the open ones of some lines are of each type; types without any are left out.
pub fn counts_by_type<'a>(
    lines: impl IntoIterator<Item = &'a Arc<Line>>,
) -> Vec<(PositionType, usize)> {
    let mut counts = PositionType::ALL.map(|kind| (kind, 0));
    for line in lines.into_iter().filter(|line| line.is_open()) {
        counts[line.position.position_type as usize].1 += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Gross exposure over the total value of the whole book. None when no price is known, or when
/// the total value is not above zero.
pub fn leverage(totals: &Totals, book: &Book) -> Option<f64> {
    of_value(totals.gross_exposure(), totals, book)
}

/// Net exposure over the same; below zero for a short book. None likewise.
pub fn net_leverage(totals: &Totals, book: &Book) -> Option<f64> {
    of_value(totals.net_exposure(), totals, book)
}

fn of_value(exposure: Decimal, totals: &Totals, book: &Book) -> Option<f64> {
    let is_unpriced = |totals: &Totals| {
        totals.counts.positions > 0 && totals.left_out.without_price == totals.counts.positions
    };
    if is_unpriced(totals) || is_unpriced(book.totals()) {
        return None;
    }
    let value = Some(book.total_value()).filter(|value| *value > Decimal::ZERO)?;
    exposure.checked_div(value)?.to_f64()
}

/// How far the sums over some lines can be trusted.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub coverage: Coverage,
    carried: usize,
    stale: usize,
    oldest: Option<NaiveDate>,
    synthetic: usize,
    manual: usize,
    settled: usize,
    unpriced: Vec<String>,
    to_review: usize,
}

impl Summary {
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Arc<Line>>) -> Self {
        let mut summary = Self::default();
        for line in lines {
            let coverage = &mut summary.coverage;
            let Some(quote) = &line.quote else {
                coverage.excluded_positions += 1;
                let cost = line.holding().cost_basis().abs();
                coverage.excluded_exposure = coverage.excluded_exposure.saturating_add(cost);
                summary.unpriced.push(line.position.instrument.symbol.clone());
                summary.to_review += usize::from(line.needs_review());
                continue;
            };
            coverage.included_positions += 1;
            let exposure = line.holding().market_value().unwrap_or_default();
            coverage.included_exposure = coverage.included_exposure.saturating_add(exposure);
            let staleness = line.staleness();
            summary.carried += usize::from(staleness == Staleness::Carried);
            summary.stale += usize::from(staleness == Staleness::Stale);
            if staleness != Staleness::LiveClose {
                summary.oldest = Some(summary.oldest.map_or(quote.date, |old| old.min(quote.date)));
            }
            summary.synthetic += usize::from(quote.source == PriceSource::Synthetic);
            summary.manual += usize::from(quote.source == PriceSource::Manual);
            summary.settled += usize::from(line.is_expired);
        }
        summary
    }

    pub fn quality(&self) -> Quality {
        let coverage = &self.coverage;
        if coverage.excluded_positions > 0 {
            return if coverage.included_positions == 0 {
                Quality::Insufficient
            } else {
                Quality::Limited
            };
        }
        if self.carried + self.stale > 0 {
            return Quality::Stale;
        }
        let is_estimated = self.synthetic + self.manual + self.settled > 0;
        if is_estimated { Quality::Estimated } else { Quality::Full }
    }

    pub fn warnings(&self) -> Vec<String> {
        const NAMED: usize = 5;
        let all = self.coverage.included_positions + self.coverage.excluded_positions;
        let mut warnings = Vec::new();
        if !self.unpriced.is_empty() {
            let named = self.unpriced.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let rest = if self.unpriced.len() > NAMED { ", …" } else { "" };
            warnings.push(format!(
                "{} of {all} positions have no price and are left out: {named}{rest}.",
                self.unpriced.len()
            ));
        }
        if self.to_review > 0 {
            warnings.push(format!(
                "{} of {all} positions NEEDS REVIEW: options whose terms a split has changed in a \
                 way that is not known.",
                self.to_review
            ));
        }
        if let Some(oldest) = self.oldest {
            const MOST: u32 = MAX_CARRIED_SESSIONS;
            let since = match (self.carried, self.stale) {
                (carried, 0) => format!("{carried} CARRIED for at most {MOST} sessions"),
                (0, stale) => format!("{stale} STALE after more than {MOST} sessions"),
                (carried, stale) => {
                    format!(
                        "{carried} CARRIED for at most {MOST} sessions, {stale} STALE after more"
                    )
                }
            };
            let old = self.carried + self.stale;
            warnings.push(format!(
                "{old} of {all} positions have a stale price, the oldest of {oldest}: {since}."
            ));
        }
        if self.synthetic > 0 {
            warnings.push(format!(
                "{} of {all} positions are priced SYNTHETIC: simulated, not traded.",
                self.synthetic
            ));
        }
        if self.manual > 0 {
            warnings.push(format!(
                "{} of {all} positions are valued at the price that a trade gives: no market's is \
                 known.",
                self.manual
            ));
        }
        if self.settled > 0 {
            warnings.push(format!(
                "{} of {all} positions are options that have expired, valued at what they \
                 settled at; close them.",
                self.settled
            ));
        }
        warnings
    }
}

/// Profit over a period, and what could not be counted.
#[derive(Default)]
pub(super) struct Pnl {
    sum: Decimal,
    pub counted: usize,
    pub left_out: usize,
}

impl Pnl {
    /// Of the book's session, over all lines held in it.
    pub fn daily<'a>(lines: impl IntoIterator<Item = &'a Arc<Line>>) -> Self {
        let held = lines.into_iter().filter(|line| line.was_held_since(line.horizon.previous));
        Self::of(held.map(|line| line.daily_pnl()))
    }

    /// Over all lines held at some time after the close of `base`.
    pub fn since(lines: &[Arc<Line>], base: NaiveDate, start: Start) -> Self {
        let held = lines.iter().filter(|line| line.was_held_since(base));
        Self::of(held.map(|line| line.pnl_since(base, start)))
    }

    fn of(profits: impl Iterator<Item = Option<Decimal>>) -> Self {
        let mut pnl = Self::default();
        for profit in profits {
            match profit {
                Some(profit) => {
                    pnl.sum = pnl.sum.saturating_add(profit);
                    pnl.counted += 1;
                }
                None => pnl.left_out += 1,
            }
        }
        pnl
    }

    /// None when positions were held and none could be counted.
    pub fn total(&self) -> Option<Decimal> {
        (self.counted > 0 || self.left_out == 0).then_some(self.sum)
    }
}

pub(super) fn sum(amounts: impl Iterator<Item = Decimal>) -> Decimal {
    amounts.fold(Decimal::ZERO, Decimal::saturating_add)
}
