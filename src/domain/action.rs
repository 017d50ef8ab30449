//! What issuers do to their shares: splits, which change how many there are, and cash dividends,
//! which take money out of them.
//!
//! What somebody entered and what traded stay as they were. Both are carried to the shares of
//! another day when they are read, by the splits between the two days.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::id::InstrumentId;
use super::price::PriceSource;

/// A split or a cash dividend of an instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub instrument_id: InstrumentId,
    /// The first day that trades in new shares, or without the dividend.
    pub effective_date: NaiveDate,
    pub kind: ActionKind,
    pub source: PriceSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    Split(Ratio),
    /// Cash per share, of the shares as they trade on the effective date.
    Dividend {
        amount: Decimal,
        /// The part of it that nobody expects to come again: special, or a fund's gains.
        special: Decimal,
    },
}

/// A split of an instrument that is known from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The first day that trades in new shares. What is entered on it is in new shares.
    pub date: NaiveDate,
    pub ratio: Ratio,
    pub source: PriceSource,
}

/// New shares for old, in lowest terms: 4 for 1 divides the price by 4.
///
/// Two numbers, because a third has no decimal: 100 × 3 for 2 × 2 for 3 are 100 again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    to: Decimal,
    from: Decimal,
}

impl Ratio {
    pub const ONE: Self = Self { to: Decimal::ONE, from: Decimal::ONE };

    /// `to` new shares for `from` old ones; None unless both are above zero.
    pub fn new(to: Decimal, from: Decimal) -> Option<Self> {
        let is_ratio = to > Decimal::ZERO && from > Decimal::ZERO;
        is_ratio.then(|| Self { to, from }.reduced())
    }

    pub fn to(self) -> Decimal {
        self.to
    }

    pub fn from(self) -> Decimal {
        self.from
    }

    pub fn is_one(self) -> bool {
        self == Self::ONE
    }

    /// What one split after the other makes.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        // Across, so that what cancels out never grows.
        let one = Self { to: self.to, from: next.from }.reduced();
        let other = Self { to: next.to, from: self.from }.reduced();
        Self { to: one.to.saturating_mul(other.to), from: one.from.saturating_mul(other.from) }
    }

    /// Old shares in new ones, to 28 digits.
    pub fn quantity(self, old: Decimal) -> Decimal {
        scaled(old, self.to, self.from)
    }

    /// The price of an old share as that of a new one, to 28 digits.
    pub fn price(self, old: Decimal) -> Decimal {
        scaled(old, self.from, self.to)
    }

    /// How many new shares there are for each old one, where that is a whole number above one:
    /// the splits that option contracts follow by dividing their strikes.
    pub fn whole(self) -> Option<Decimal> {
        (self.from == Decimal::ONE && self.to > Decimal::ONE && self.to.is_integer())
            .then_some(self.to)
    }

    /// By Euclid, whose remainders are exact for decimals too.
    fn reduced(self) -> Self {
        let (mut a, mut b) = (self.to, self.from);
        while !b.is_zero() {
            let Some(remainder) = a.checked_rem(b) else { return self };
            (a, b) = (b, remainder);
        }
        match (self.to.checked_div(a), self.from.checked_div(a)) {
            (Some(to), Some(from)) => Self { to: to.normalize(), from: from.normalize() },
            _ => self,
        }
    }
}

/// `number × times ÷ by`; the product is made first, so that what comes out even is exact.
fn scaled(number: Decimal, times: Decimal, by: Decimal) -> Decimal {
    let exact = number.checked_mul(times).and_then(|product| product.checked_div(by));
    let number = exact.unwrap_or_else(|| (number / by).saturating_mul(times));
    number.normalize()
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.to, self.from)
    }
}

/// Those of some splits after one day and up to another, in their order.
pub fn between(
    splits: &[Split],
    after: NaiveDate,
    up_to: NaiveDate,
) -> impl DoubleEndedIterator<Item = &Split> {
    splits.iter().filter(move |split| after < split.date && split.date <= up_to)
}

/// What the splits after one day and up to another make together.
pub fn ratio(splits: &[Split], after: NaiveDate, up_to: NaiveDate) -> Ratio {
    between(splits, after, up_to).fold(Ratio::ONE, |ratio, split| ratio.then(split.ratio))
}

/// What closes before an action are multiplied by to be comparable with those since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// The first day that needs none.
    pub effective_date: NaiveDate,
    pub factor: Decimal,
}

impl Adjustment {
    /// Of what happened on one day, after a last close: `(1 − D · r / P) / r` for r new shares
    /// for each old one and a dividend of D on each new one. The exact twin of
    /// `sigmasight_analytics::returns::adjusted`, which says where the formula is from.
    ///
    /// None for a dividend of no less than the close: one of the two is wrong.
    pub fn of(
        effective_date: NaiveDate,
        ratio: Ratio,
        dividend: Decimal,
        last_close: Decimal,
    ) -> Option<Self> {
        let share = ratio.quantity(dividend).checked_div(last_close)?;
        let kept = Decimal::ONE.checked_sub(share).filter(|kept| *kept > Decimal::ZERO)?;
        Some(Self { effective_date, factor: ratio.price(kept) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(to: i64, from: i64) -> Ratio {
        Ratio::new(to.into(), from.into()).expect("a ratio")
    }

    #[test]
    fn a_ratio_is_kept_in_lowest_terms() {
        assert_eq!(split(8, 2).to_string(), "4 for 1");
        assert_eq!(split(2, 100).to_string(), "1 for 50");
        let five_percent = Ratio::new(Decimal::new(105, 2), Decimal::ONE).expect("a ratio");
        assert_eq!(five_percent.to_string(), "21 for 20");
    }

    #[test]
    fn what_is_no_ratio_is_none() {
        for (to, from) in [(0, 1), (1, 0), (-4, 1)] {
            assert_eq!(Ratio::new(to.into(), from.into()), None);
        }
    }

    #[test]
    fn splits_that_undo_each_other_leave_nothing_behind() {
        let both = split(3, 2).then(split(2, 3));
        assert!(both.is_one());
        assert_eq!(both.quantity(Decimal::ONE_HUNDRED), Decimal::ONE_HUNDRED);
    }

    #[test]
    fn shares_grow_as_their_price_falls() {
        assert_eq!(split(4, 1).quantity(Decimal::ONE_HUNDRED), Decimal::from(400));
        assert_eq!(split(4, 1).price(Decimal::ONE_HUNDRED), Decimal::from(25));
        assert_eq!(split(1, 50).quantity(Decimal::ONE_HUNDRED), Decimal::TWO);
        assert_eq!(split(1, 3).quantity(Decimal::from(9)), Decimal::from(3), "no third is left");
    }

    #[test]
    fn only_whole_forward_splits_are_standard() {
        assert_eq!(split(4, 1).whole(), Some(Decimal::from(4)));
        for other in [split(1, 1), split(3, 2), split(1, 50)] {
            assert_eq!(other.whole(), None);
        }
    }

    #[test]
    fn an_entry_on_the_day_of_a_split_is_after_it() {
        let day = |d| NaiveDate::from_ymd_opt(2024, 6, d).expect("a day");
        let splits = [Split { date: day(10), ratio: split(10, 1), source: PriceSource::Import }];
        assert_eq!(ratio(&splits, day(7), day(10)), split(10, 1));
        assert_eq!(ratio(&splits, day(10), day(11)), Ratio::ONE);
        assert_eq!(ratio(&splits, day(6), day(7)), Ratio::ONE);
    }
}
