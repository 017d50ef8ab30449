//! Greeks of positions, exact, for any set of them.
//!
//! A model gives floats; what is stored and added up is rounded to so many digits once, and
//! from there on exact: the parts of a book add up to it to the last digit.

use std::collections::BTreeMap;
use std::iter::Sum;

use rust_decimal::Decimal;

use super::Holding;
use crate::decimal::rounded;
use crate::option;

/// Sensitivities of one long option per share, of a position, or of a set of positions; units
/// and signs are those of [`option::Greeks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sensitivities {
    /// Change in value per 1.00 of spot; of positions, a signed number of shares.
    pub delta: Decimal,
    /// Change in delta per 1.00 of spot.
    pub gamma: Decimal,
    /// Change in value per calendar day.
    pub theta: Decimal,
    /// Change in value per volatility point.
    pub vega: Decimal,
    /// Change in value per 1 % of rate.
    pub rho: Decimal,
}

impl Sensitivities {
    /// The same numbers without zeros at their ends, so that what is equal is written alike.
    #[must_use]
    pub fn normalized(self) -> Self {
        Self {
            delta: self.delta.normalize(),
            gamma: self.gamma.normalize(),
            theta: self.theta.normalize(),
            vega: self.vega.normalize(),
            rho: self.rho.normalize(),
        }
    }

    /// A model's figures to so many digits behind the point, half to even; `None` for one that
    /// is not a number or has no place in a `Decimal`.
    #[must_use]
    pub fn rounded(greeks: &option::Greeks, digits: u32) -> Option<Self> {
        let round = |x: f64| rounded(x, digits);
        Some(Self {
            delta: round(greeks.delta)?,
            gamma: round(greeks.gamma)?,
            theta: round(greeks.theta)?,
            vega: round(greeks.vega)?,
            rho: round(greeks.rho)?,
        })
    }

    /// Those of a position. A stock has a delta of its signed units and nothing else; an option
    /// has what `per_share` says of one long one, times units, and `None` without.
    #[must_use]
    pub fn of(holding: &Holding, per_share: Option<Self>) -> Option<Self> {
        let units = holding.units();
        if !holding.is_option() {
            return Some(Self { delta: units, ..Self::default() });
        }
        let Self { delta, gamma, theta, vega, rho } = per_share?;
        Some(Self {
            delta: units.saturating_mul(delta),
            gamma: units.saturating_mul(gamma),
            theta: units.saturating_mul(theta),
            vega: units.saturating_mul(vega),
            rho: units.saturating_mul(rho),
        })
    }

    /// Signed money in shares that would move alike: delta × price of the underlying.
    #[must_use]
    pub fn dollar_delta(&self, underlying_price: Decimal) -> Decimal {
        self.delta.saturating_mul(underlying_price)
    }

    /// Change of the dollar delta by gamma when the underlying rises by 1 %:
    /// gamma × price² / 100.
    #[must_use]
    pub fn dollar_gamma(&self, underlying_price: Decimal) -> Decimal {
        let per_unit = self.gamma.saturating_mul(underlying_price);
        per_unit.saturating_mul(underlying_price).saturating_mul(Decimal::new(1, 2))
    }
}

impl Sum for Sensitivities {
    /// The Greeks of a set from those of its positions.
    fn sum<I: Iterator<Item = Self>>(positions: I) -> Self {
        positions.fold(Self::default(), |sum, one| Self {
            delta: sum.delta.saturating_add(one.delta),
            gamma: sum.gamma.saturating_add(one.gamma),
            theta: sum.theta.saturating_add(one.theta),
            vega: sum.vega.saturating_add(one.vega),
            rho: sum.rho.saturating_add(one.rho),
        })
    }
}

/// The Greeks of some positions, and how many options they lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GreekTotals {
    pub greeks: Sensitivities,
    pub without_greeks: usize,
}

impl GreekTotals {
    /// Of positions, each with the Greeks per share if these are known.
    #[must_use]
    pub fn of<'a>(
        positions: impl IntoIterator<Item = (&'a Holding, Option<Sensitivities>)>,
    ) -> Self {
        let mut totals = Self::default();
        for (holding, per_share) in positions {
            totals.add(holding, per_share);
        }
        totals
    }

    fn add(&mut self, holding: &Holding, per_share: Option<Sensitivities>) {
        match Sensitivities::of(holding, per_share) {
            Some(greeks) => self.greeks = [self.greeks, greeks].into_iter().sum(),
            None => self.without_greeks += 1,
        }
    }
}

/// The Greeks of each group. As with [`super::grouped`], a position counts fully under every
/// key that it comes with.
pub fn grouped_greeks<'a, K: Ord>(
    positions: impl IntoIterator<Item = (K, &'a Holding, Option<Sensitivities>)>,
) -> BTreeMap<K, GreekTotals> {
    let mut groups = BTreeMap::<K, GreekTotals>::new();
    for (key, holding, per_share) in positions {
        groups.entry(key).or_default().add(holding, per_share);
    }
    groups
}
