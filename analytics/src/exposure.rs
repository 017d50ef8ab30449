//! What a book holds and what moves with it: exposures, cost and profit, exact to the cent.
//!
//! A [`Holding`] answers for one position, [`Totals`] for any set of them: a book, a tag, a
//! sector. A figure that lacks an input is `None` on the holding and left out of the totals,
//! which count what they left out. Nothing is rounded below 28 digits.
//!
//! Greeks are added up as exactly, by [`GreekTotals`] and [`grouped_greeks`].
//!
//! Many holdings are added up as whole numbers, which is exact and fast ([`Figures`]), and
//! where one does not fit those, as decimals.
//!
//! A `Decimal` holds 7.9e28. Quantities and prices up to 1e9 and a multiplier of 100 make
//! figures up to 1e20, and ten thousand of those 1e24: far inside. What comes in beyond that
//! saturates at the ends of `Decimal`, where it is plain to see, instead of panicking.

mod figures;
mod sensitivity;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::option::Kind;
use figures::Accumulator;
pub use figures::Figures;
pub use sensitivity::{GreekTotals, Sensitivities, grouped_greeks};

/// One position as the arithmetic sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Which option it is; `None` for a stock, a fund or anything else.
    pub option: Option<Kind>,
    /// Units, below zero for a short.
    pub signed_quantity: Decimal,
    /// Units of the underlying in one of these: 100 for most options, 1 for the rest.
    pub multiplier: Decimal,
    /// Money per unit of the underlying; of an option, the premium per share.
    pub entry_price: Decimal,
    pub price: Option<Decimal>,
    /// What `price` was a session ago, or the entry price of a position entered since.
    pub previous_price: Option<Decimal>,
    /// Price of an option's underlying; ignored elsewhere.
    pub underlying_price: Option<Decimal>,
    /// Of one long option, per share; ignored elsewhere.
    pub delta: Option<Decimal>,
}

impl Holding {
    /// Whether multiplier, delta and the price of the underlying count.
    #[must_use]
    pub fn is_option(&self) -> bool {
        self.option.is_some()
    }

    /// Signed units of the underlying: quantity times multiplier.
    #[must_use]
    pub fn units(&self) -> Decimal {
        self.signed_quantity.saturating_mul(self.multiplier)
    }

    /// Size of the position at its own price; never negative.
    #[must_use]
    pub fn market_value(&self) -> Option<Decimal> {
        Some(self.exposure()?.abs())
    }

    /// Signed value at its own price, an option's being that of its premium.
    #[must_use]
    pub fn exposure(&self) -> Option<Decimal> {
        Some(self.units().saturating_mul(self.price?))
    }

    /// Size of what the position controls: an option's at the price of its underlying, the
    /// market value of everything else; never negative.
    #[must_use]
    pub fn notional(&self) -> Option<Decimal> {
        if !self.is_option() {
            return self.market_value();
        }
        Some(self.units().saturating_mul(self.underlying_price?).abs())
    }

    /// Signed value of the shares that would move like this position: an option's delta times
    /// its underlying, the exposure of everything else. A long put is below zero.
    #[must_use]
    pub fn delta_adjusted_exposure(&self) -> Option<Decimal> {
        if !self.is_option() {
            return self.exposure();
        }
        Some(self.share_delta()?.saturating_mul(self.underlying_price?))
    }

    /// Signed number of shares that would move like this position; `None` for an option
    /// without delta.
    #[must_use]
    pub fn share_delta(&self) -> Option<Decimal> {
        if !self.is_option() {
            return Some(self.units());
        }
        Some(self.units().saturating_mul(self.delta?))
    }

    /// What it cost to enter, signed: below zero for what a short brought in.
    #[must_use]
    pub fn cost_basis(&self) -> Decimal {
        self.units().saturating_mul(self.entry_price)
    }

    /// Profit or loss since entry: a short gains when its price falls.
    #[must_use]
    pub fn unrealized_pnl(&self) -> Option<Decimal> {
        self.pnl_since(self.entry_price)
    }

    /// The same as a share of the size of the cost basis; `None` at zero cost.
    #[must_use]
    pub fn unrealized_pnl_percent(&self) -> Option<Decimal> {
        self.unrealized_pnl()?.checked_div(self.cost_basis().abs())
    }

    /// Profit or loss since the price was `base_price`.
    #[must_use]
    pub fn pnl_since(&self, base_price: Decimal) -> Option<Decimal> {
        Some(self.units().saturating_mul(self.price?.saturating_sub(base_price)))
    }

    /// Profit or loss since the previous session.
    #[must_use]
    pub fn daily_pnl(&self) -> Option<Decimal> {
        self.pnl_since(self.previous_price?)
    }

    /// The same as a share of the position's size a session ago, so above zero for a short
    /// whose price fell; `None` where that was zero.
    #[must_use]
    pub fn daily_return(&self) -> Option<Decimal> {
        let size = self.units().saturating_mul(self.previous_price?).abs();
        self.daily_pnl()?.checked_div(size)
    }

    /// Signed share of a gross exposure; `None` where that is zero.
    #[must_use]
    pub fn weight_of(&self, gross_exposure: Decimal) -> Option<Decimal> {
        self.exposure()?.checked_div(gross_exposure)
    }
}

/// How many positions of each sort, priced or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub positions: usize,
    /// By the sign of the quantity: a long put is long.
    pub long: usize,
    pub short: usize,
    /// Everything that is not an option.
    pub stocks: usize,
    pub options: usize,
    pub calls: usize,
    pub puts: usize,
}

/// How many positions some figure lacks, and for want of what. One may count several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Not in exposure, market value or profit and loss; an option may still have notional.
    pub without_price: usize,
    /// Priced, yet not in the daily profit and loss.
    pub without_previous_price: usize,
    /// Options that are not in the delta-adjusted figures.
    pub without_delta: usize,
    /// Options that are not in those either, nor in the notional.
    pub without_underlying_price: usize,
}

/// The sums over some positions. All are zero for none.
///
/// Only sums from which the others follow are kept: stocks apart from options, since an
/// option alone has a notional and a delta of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub counts: Counts,
    pub left_out: LeftOut,
    stocks: Sides,
    options: Sides,
    options_by_delta: Sides,
    option_notional: Decimal,
    cost_basis_priced: Decimal,
    cost_basis_unpriced: Decimal,
    daily_pnl: Option<Decimal>,
}

impl Totals {
    /// The totals of these holdings.
    #[must_use]
    pub fn of<'a>(holdings: impl IntoIterator<Item = &'a Holding>) -> Self {
        let mut sums = Accumulator::default();
        for holding in holdings {
            sums.add(&Figures::of(holding));
        }
        sums.totals()
    }

    /// The same of holdings whose figures are known already.
    #[must_use]
    pub fn of_figures<'a>(figures: impl IntoIterator<Item = &'a Figures>) -> Self {
        let mut sums = Accumulator::default();
        for figures in figures {
            sums.add(figures);
        }
        sums.totals()
    }

    /// Takes one more holding in.
    pub fn add(&mut self, holding: &Holding) {
        self.count(holding);

        if let Some(exposure) = holding.exposure() {
            grow(&mut self.cost_basis_priced, holding.cost_basis());
            let side = if holding.is_option() { &mut self.options } else { &mut self.stocks };
            side.add(exposure);

            if let Some(pnl) = holding.daily_pnl() {
                grow(self.daily_pnl.get_or_insert_default(), pnl);
            } else {
                self.left_out.without_previous_price += 1;
            }
        } else {
            grow(&mut self.cost_basis_unpriced, holding.cost_basis());
            self.left_out.without_price += 1;
        }

        if holding.is_option() {
            self.left_out.without_delta += usize::from(holding.delta.is_none());
            self.left_out.without_underlying_price +=
                usize::from(holding.underlying_price.is_none());
            if let Some(notional) = holding.notional() {
                grow(&mut self.option_notional, notional);
            }
            if let Some(delta_adjusted) = holding.delta_adjusted_exposure() {
                self.options_by_delta.add(delta_adjusted);
            }
        }
    }

    /// The totals of both together.
    fn plus(&self, other: &Self) -> Self {
        let (a, b) = (&self.counts, &other.counts);
        let (lacks, lacks_too) = (&self.left_out, &other.left_out);
        Self {
            counts: Counts {
                positions: a.positions + b.positions,
                long: a.long + b.long,
                short: a.short + b.short,
                stocks: a.stocks + b.stocks,
                options: a.options + b.options,
                calls: a.calls + b.calls,
                puts: a.puts + b.puts,
            },
            left_out: LeftOut {
                without_price: lacks.without_price + lacks_too.without_price,
                without_previous_price: lacks.without_previous_price
                    + lacks_too.without_previous_price,
                without_delta: lacks.without_delta + lacks_too.without_delta,
                without_underlying_price: lacks.without_underlying_price
                    + lacks_too.without_underlying_price,
            },
            stocks: self.stocks.plus(other.stocks),
            options: self.options.plus(other.options),
            options_by_delta: self.options_by_delta.plus(other.options_by_delta),
            option_notional: self.option_notional.saturating_add(other.option_notional),
            cost_basis_priced: self.cost_basis_priced.saturating_add(other.cost_basis_priced),
            cost_basis_unpriced: self.cost_basis_unpriced.saturating_add(other.cost_basis_unpriced),
            daily_pnl: match (self.daily_pnl, other.daily_pnl) {
                (Some(one), Some(another)) => Some(one.saturating_add(another)),
                (one, another) => one.or(another),
            },
        }
    }

    fn count(&mut self, holding: &Holding) {
        let counts = &mut self.counts;
        counts.positions += 1;
        if holding.signed_quantity.is_sign_negative() {
            counts.short += 1;
        } else {
            counts.long += 1;
        }
        match holding.option {
            None => counts.stocks += 1,
            Some(Kind::Call) => counts.calls += 1,
            Some(Kind::Put) => counts.puts += 1,
        }
        counts.options = counts.calls + counts.puts;
    }

    /// Sum of the positive exposures.
    #[must_use]
    pub fn long_exposure(&self) -> Decimal {
        self.stocks.long.saturating_add(self.options.long)
    }

    /// Sum of the negative exposures: zero or below.
    #[must_use]
    pub fn short_exposure(&self) -> Decimal {
        self.stocks.short.saturating_add(self.options.short)
    }

    /// Sum of the sizes of the exposures.
    #[must_use]
    pub fn gross_exposure(&self) -> Decimal {
        self.long_exposure().saturating_sub(self.short_exposure())
    }

    /// Sum of the exposures.
    #[must_use]
    pub fn net_exposure(&self) -> Decimal {
        self.long_exposure().saturating_add(self.short_exposure())
    }

    /// Sum of the market values, which is the gross exposure.
    #[must_use]
    pub fn market_value(&self) -> Decimal {
        self.gross_exposure()
    }

    /// Net exposure of everything but options.
    #[must_use]
    pub fn stock_net(&self) -> Decimal {
        self.stocks.net()
    }

    /// Gross exposure of everything but options.
    #[must_use]
    pub fn stock_gross(&self) -> Decimal {
        self.stocks.gross()
    }

    /// Net exposure of the options, at their own prices.
    #[must_use]
    pub fn option_net(&self) -> Decimal {
        self.options.net()
    }

    /// Gross exposure of the options, at their own prices.
    #[must_use]
    pub fn option_gross(&self) -> Decimal {
        self.options.gross()
    }

    /// Sum of the notionals.
    #[must_use]
    pub fn notional(&self) -> Decimal {
        self.stocks.gross().saturating_add(self.option_notional)
    }

    /// Sum of the positive delta-adjusted exposures: a short put is among them.
    #[must_use]
    pub fn delta_adjusted_long(&self) -> Decimal {
        self.stocks.long.saturating_add(self.options_by_delta.long)
    }

    /// Sum of the negative delta-adjusted exposures: zero or below.
    #[must_use]
    pub fn delta_adjusted_short(&self) -> Decimal {
        self.stocks.short.saturating_add(self.options_by_delta.short)
    }

    /// Sum of the sizes of the delta-adjusted exposures.
    #[must_use]
    pub fn delta_adjusted_gross(&self) -> Decimal {
        self.delta_adjusted_long().saturating_sub(self.delta_adjusted_short())
    }

    /// Sum of the delta-adjusted exposures.
    #[must_use]
    pub fn delta_adjusted_net(&self) -> Decimal {
        self.delta_adjusted_long().saturating_add(self.delta_adjusted_short())
    }

    /// Signed cost of all positions, those without a price too.
    #[must_use]
    pub fn cost_basis(&self) -> Decimal {
        self.cost_basis_priced.saturating_add(self.cost_basis_unpriced)
    }

    /// Profit or loss since entry of the positions that have a price.
    #[must_use]
    pub fn unrealized_pnl(&self) -> Decimal {
        self.net_exposure().saturating_sub(self.cost_basis_priced)
    }

    /// Profit or loss since the previous session; `None` when no position has one.
    #[must_use]
    pub fn daily_pnl(&self) -> Option<Decimal> {
        self.daily_pnl
    }
}

/// The totals of each group. A holding comes once with each of its keys, and counts fully
/// under every one of them: totals by tag need not add up to those of the book.
pub fn grouped<'a, K: Ord>(
    holdings: impl IntoIterator<Item = (K, &'a Holding)>,
) -> BTreeMap<K, Totals> {
    let mut groups = BTreeMap::<K, Accumulator>::new();
    for (key, holding) in holdings {
        groups.entry(key).or_default().add(&Figures::of(holding));
    }
    groups.into_iter().map(|(key, sums)| (key, sums.totals())).collect()
}

/// The same by numbers instead of keys, for who groups the same holdings time and again: the
/// totals of the groups from zero on, as many as there are to be.
///
/// A holding whose number is `groups` or more is in none of them.
pub fn grouped_by_index<'a>(
    groups: usize,
    figures: impl IntoIterator<Item = (usize, &'a Figures)>,
) -> Vec<Totals> {
    accumulated(groups, figures).iter().map(Accumulator::totals).collect()
}

/// The same with the totals of all groups together, for who wants both: where each holding has
/// one group these are the book's, and cost a look at the groups instead of the holdings.
pub fn grouped_with_whole<'a>(
    groups: usize,
    figures: impl IntoIterator<Item = (usize, &'a Figures)>,
) -> (Vec<Totals>, Totals) {
    let sums = accumulated(groups, figures);
    let mut whole = Accumulator::default();
    for sums in &sums {
        whole.absorb(sums);
    }
    (sums.iter().map(Accumulator::totals).collect(), whole.totals())
}

fn accumulated<'a>(
    groups: usize,
    figures: impl IntoIterator<Item = (usize, &'a Figures)>,
) -> Vec<Accumulator> {
    let mut sums = vec![Accumulator::default(); groups];
    for (group, figures) in figures {
        if let Some(sums) = sums.get_mut(group) {
            sums.add(figures);
        }
    }
    sums
}

/// A sum of signed amounts, its two sides apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sides {
    /// Zero or above.
    long: Decimal,
    /// Zero or below.
    short: Decimal,
}

impl Sides {
    fn add(&mut self, amount: Decimal) {
        let side = if amount.is_sign_negative() { &mut self.short } else { &mut self.long };
        grow(side, amount);
    }

    fn plus(self, other: Self) -> Self {
        Self {
            long: self.long.saturating_add(other.long),
            short: self.short.saturating_add(other.short),
        }
    }

    fn gross(&self) -> Decimal {
        self.long.saturating_sub(self.short)
    }

    fn net(&self) -> Decimal {
        self.long.saturating_add(self.short)
    }
}

fn grow(sum: &mut Decimal, amount: Decimal) {
    *sum = sum.saturating_add(amount);
}

#[cfg(test)]
mod tests;
