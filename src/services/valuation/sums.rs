//! Sums over the lines of a book, and how far they can be trusted.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::exposure::{Counts, Totals};

use super::Book;
use super::line::{Line, Start};
use crate::domain::position::PositionType;
use crate::domain::price::PriceSource;
use crate::domain::quality::{Coverage, Quality};

/// The sums over the open ones of some lines, in the portfolio's currency.
///
/// A sum speaks for the lines that have the figure. Where lines are there and none of them has
/// it, there is no sum: zero would say that nothing is at stake.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    totals: Totals,
    /// Lines that have an exposure of their own, and those among them that are options.
    priced: usize,
    priced_options: usize,
    with_notional: usize,
    with_delta: usize,
    by_type: [usize; PositionType::ALL.len()],
}

impl Sums {
    pub fn over<'a>(lines: impl IntoIterator<Item = &'a Arc<Line>> + Clone) -> Self {
        let open = || lines.clone().into_iter().filter(|line| line.is_open());
        let mut sums =
            Self { totals: Totals::of(open().map(|line| line.holding())), ..Self::default() };
        for line in open() {
            let holding = line.holding();
            let is_priced = holding.price.is_some();
            sums.priced += usize::from(is_priced);
            sums.priced_options += usize::from(is_priced && holding.is_option());
            sums.with_notional += usize::from(holding.notional().is_some());
            sums.with_delta += usize::from(holding.delta_adjusted_exposure().is_some());
            sums.by_type[line.position.position_type as usize] += 1;
        }
        sums
    }

    /// A sum over lines, `having` of which have the figure, among so many that might.
    fn known(sum: Decimal, having: usize, among: usize) -> Option<Decimal> {
        (having > 0 || among == 0).then_some(sum)
    }

    fn priced(&self, sum: Decimal) -> Option<Decimal> {
        Self::known(sum, self.priced, self.totals.counts.positions)
    }

    fn by_delta(&self, sum: Decimal) -> Option<Decimal> {
        Self::known(sum, self.with_delta, self.totals.counts.positions)
    }

    /// How many positions of each sort, priced or not.
    pub fn counts(&self) -> &Counts {
        &self.totals.counts
    }

    /// How many positions of each type; types without any are left out.
    pub fn by_type(&self) -> impl Iterator<Item = (PositionType, usize)> {
        PositionType::ALL.into_iter().zip(self.by_type).filter(|(_, count)| *count > 0)
    }

    /// Σ|exposure|.
    pub fn gross_exposure(&self) -> Option<Decimal> {
        self.priced(self.totals.gross_exposure())
    }

    /// Σ exposure.
    pub fn net_exposure(&self) -> Option<Decimal> {
        self.priced(self.totals.net_exposure())
    }

    /// Sum of the positive exposures.
    pub fn long_exposure(&self) -> Option<Decimal> {
        self.priced(self.totals.long_exposure())
    }

    /// Sum of the negative exposures: zero or negative.
    pub fn short_exposure(&self) -> Option<Decimal> {
        self.priced(self.totals.short_exposure())
    }

    /// Net exposure of the options.
    pub fn options_exposure(&self) -> Option<Decimal> {
        Self::known(self.totals.option_net(), self.priced_options, self.totals.counts.options)
    }

    /// Net exposure of everything else.
    pub fn stock_exposure(&self) -> Option<Decimal> {
        let priced = self.priced - self.priced_options;
        Self::known(self.totals.stock_net(), priced, self.totals.counts.stocks)
    }

    /// Sum of the notionals.
    pub fn notional(&self) -> Option<Decimal> {
        Self::known(self.totals.notional(), self.with_notional, self.totals.counts.positions)
    }

    /// Σ|delta-adjusted exposure|.
    pub fn delta_adjusted_gross(&self) -> Option<Decimal> {
        self.by_delta(self.totals.delta_adjusted_gross())
    }

    /// Σ delta-adjusted exposure.
    pub fn delta_adjusted_net(&self) -> Option<Decimal> {
        self.by_delta(self.totals.delta_adjusted_net())
    }

    /// Sum of the positive delta-adjusted exposures.
    pub fn delta_adjusted_long(&self) -> Option<Decimal> {
        self.by_delta(self.totals.delta_adjusted_long())
    }

    /// Sum of the negative delta-adjusted exposures: zero or negative.
    pub fn delta_adjusted_short(&self) -> Option<Decimal> {
        self.by_delta(self.totals.delta_adjusted_short())
    }

    /// Signed cost of all of them, those without a price too.
    pub fn cost_basis(&self) -> Decimal {
        self.totals.cost_basis()
    }

    /// Profit or loss since entry.
    pub fn unrealized_pnl(&self) -> Option<Decimal> {
        self.priced(self.totals.unrealized_pnl())
    }

    /// Gross exposure over the total value of the whole book; None when either is unknown or the
    /// latter is not above zero.
    pub fn leverage(&self, book: &Book) -> Option<f64> {
        let value = book.total_value().filter(|value| *value > Decimal::ZERO)?;
        self.gross_exposure()?.checked_div(value)?.to_f64()
    }
}

/// How far the sums over some lines can be trusted.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub coverage: Coverage,
    stale: usize,
    oldest: Option<NaiveDate>,
    synthetic: usize,
    settled: usize,
    unpriced: Vec<String>,
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
                continue;
            };
            coverage.included_positions += 1;
            let exposure = line.holding().market_value().unwrap_or_default();
            coverage.included_exposure = coverage.included_exposure.saturating_add(exposure);
            if quote.date < line.horizon.as_of {
                summary.stale += 1;
                summary.oldest = Some(summary.oldest.map_or(quote.date, |old| old.min(quote.date)));
            }
            summary.synthetic += usize::from(quote.source == PriceSource::Synthetic);
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
        if self.stale > 0 {
            return Quality::Stale;
        }
        if self.synthetic + self.settled > 0 { Quality::Estimated } else { Quality::Full }
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
        if let Some(oldest) = self.oldest {
            warnings.push(format!(
                "{} of {all} positions have a stale price, the oldest of {oldest}.",
                self.stale
            ));
        }
        if self.synthetic > 0 {
            warnings.push(format!(
                "{} of {all} positions are priced SYNTHETIC: simulated, not traded.",
                self.synthetic
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
