//! How many holdings are added up: amounts as whole numbers, so that a sum is exact and takes
//! an instruction or two.

use rust_decimal::Decimal;

use super::{Counts, Holding, LeftOut, Sides, Totals};
use crate::option::Kind;

/// The most digits behind the point of an amount: 10¹⁸ is the largest power of ten in 64 bits.
const SCALE: u32 = 18;

/// 10⁰ to 10¹⁸.
const POWERS_OF_TEN: [i64; SCALE as usize + 1] = {
    let mut powers = [1; SCALE as usize + 1];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// What one holding adds to totals, worked out once for however many groupings.
///
/// Fast where no amount has more than 18 digits: round a delta to ten before. Others are as
/// exact, and slower.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(align(64))] // one line of the cache
pub struct Figures {
    amounts: Amounts,
    /// Digits behind the point of `option_delta_adjusted`, and of the other amounts.
    delta_scale: u8,
    scale: u8,
    /// Which sums `exposure`, `option_delta_adjusted` and `cost_basis` belong to.
    lanes: [u8; 3],
    tally: u64,
    /// Stands in for the amounts where these do not fit.
    exact: Option<Box<Holding>>,
}

/// Whole numbers; what a holding lacks is zero, so that no sum needs a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amounts {
    exposure: i64,
    cost_basis: i64,
    daily_pnl: i64,
    option_notional: i64,
    option_delta_adjusted: i64,
}

impl Figures {
    /// Those of one holding.
    #[must_use]
    pub fn of(holding: &Holding) -> Self {
        let tally = tally(holding);
        let Some((amounts, [delta_scale, scale])) = Amounts::of(holding).map(at_usual_scales)
        else {
            return Self {
                amounts: Amounts::default(),
                delta_scale: 0,
                scale: 0,
                lanes: [0; 3],
                tally,
                exact: Some(Box::new(*holding)),
            };
        };
        let below_zero = |amount: i64| u8::from(amount < 0);
        let lanes = [
            2 * u8::from(holding.is_option()) + below_zero(amounts.exposure),
            OPTION_BY_DELTA + below_zero(amounts.option_delta_adjusted),
            COST_BASIS + u8::from(holding.price.is_none()),
        ];
        Self { amounts, delta_scale, scale, lanes, tally, exact: None }
    }
}

impl Amounts {
    /// With the scale of the delta-adjusted exposure and that of the others; `None` where one
    /// has too many digits.
    fn of(holding: &Holding) -> Option<(Self, [u8; 2])> {
        let units = Whole::of(holding.signed_quantity)?.times(Whole::of(holding.multiplier)?)?;
        let zero = Some(Whole::default());
        let at = |price: Option<Decimal>| price.map_or(zero, |p| units.times(Whole::of(p)?));

        let cost_basis = units.times(Whole::of(holding.entry_price)?)?;
        let exposure = at(holding.price)?;
        let previous = at(holding.previous_price.filter(|_| holding.price.is_some()))?;
        let underlying = holding.underlying_price.filter(|_| holding.is_option());
        let notional = at(underlying)?;
        let delta = holding.delta.map_or(zero, Whole::of)?;
        let delta_adjusted = notional.times(delta)?;

        let scale = [cost_basis, exposure, previous, notional].map(|amount| amount.scale);
        let scale = scale.into_iter().max()?;
        let exposure = exposure.at(scale)?;
        let has_previous = holding.price.is_some() && holding.previous_price.is_some();
        let daily_pnl = exposure.checked_sub(previous.at(scale)?)?;
        let scales = [within(delta_adjusted.scale)?, within(scale)?];
        let amounts = Self {
            exposure,
            cost_basis: cost_basis.at(scale)?,
            daily_pnl: if has_previous { daily_pnl } else { 0 },
            option_notional: notional.at(scale)?.checked_abs()?,
            option_delta_adjusted: delta_adjusted.mantissa,
        };
        Some((amounts, scales))
    }

    /// The same with so many more digits behind the point.
    fn widened(&self, delta_digits: u32, digits: u32) -> Option<Self> {
        Some(Self {
            exposure: widened(self.exposure, digits)?,
            cost_basis: widened(self.cost_basis, digits)?,
            daily_pnl: widened(self.daily_pnl, digits)?,
            option_notional: widened(self.option_notional, digits)?,
            option_delta_adjusted: widened(self.option_delta_adjusted, delta_digits)?,
        })
    }
}

/// Digits that delta-adjusted exposures and other amounts are given where these have fewer, so
/// that most of a book has one scale and is added without a multiplication.
const USUAL_SCALES: [u8; 2] = [8, 4];

fn at_usual_scales((amounts, scales): (Amounts, [u8; 2])) -> (Amounts, [u8; 2]) {
    let [delta_digits, digits] = [0, 1].map(|at| USUAL_SCALES[at].saturating_sub(scales[at]));
    match amounts.widened(delta_digits.into(), digits.into()) {
        Some(amounts) => (amounts, [scales[0] + delta_digits, scales[1] + digits]),
        None => (amounts, scales),
    }
}

/// A decimal whose mantissa has 64 bits.
#[derive(Clone, Copy, Default)]
struct Whole {
    mantissa: i64,
    scale: u32,
}

impl Whole {
    fn of(decimal: Decimal) -> Option<Self> {
        let mantissa = i64::try_from(decimal.mantissa()).ok()?;
        Some(Self { mantissa, scale: decimal.scale() })
    }

    fn times(self, other: Self) -> Option<Self> {
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        Some(Self { mantissa, scale: self.scale + other.scale })
    }

    /// The mantissa it has at a scale no smaller than its own.
    fn at(self, scale: u32) -> Option<i64> {
        widened(self.mantissa, scale - self.scale)
    }
}

/// A scale that the sums have.
fn within(scale: u32) -> Option<u8> {
    u8::try_from(scale).ok().filter(|_| scale <= SCALE)
}

/// A whole number with so many more digits behind the point.
fn widened(number: i64, digits: u32) -> Option<i64> {
    number.checked_mul(*POWERS_OF_TEN.get(digits as usize)?)
}

/// What is counted: a byte each of the tally of a holding.
const POSITIONS: usize = 0;
const SHORT: usize = 1;
const CALLS: usize = 2;
const PUTS: usize = 3;
const WITHOUT_PRICE: usize = 4;
const WITHOUT_PREVIOUS_PRICE: usize = 5;
const WITHOUT_DELTA: usize = 6;
const WITHOUT_UNDERLYING_PRICE: usize = 7;
const TALLIES: usize = 8;

fn tally(holding: &Holding) -> u64 {
    let option = holding.is_option();
    let counts = |what: usize, holds: bool| u64::from(holds) << (8 * what);
    counts(POSITIONS, true)
        | counts(SHORT, holding.signed_quantity.is_sign_negative())
        | counts(CALLS, holding.option == Some(Kind::Call))
        | counts(PUTS, holding.option == Some(Kind::Put))
        | counts(WITHOUT_PRICE, holding.price.is_none())
        | counts(
            WITHOUT_PREVIOUS_PRICE,
            holding.price.is_some() && holding.previous_price.is_none(),
        )
        | counts(WITHOUT_DELTA, option && holding.delta.is_none())
        | counts(WITHOUT_UNDERLYING_PRICE, option && holding.underlying_price.is_none())
}

/// Sums side by side: first the two sides of stocks, then those of options at their price.
const OPTION_BY_DELTA: u8 = 4;
/// Of the priced; behind it, of those without a price.
const COST_BASIS: u8 = 6;
const OPTION_NOTIONAL: usize = 8;
const DAILY_PNL: usize = 9;
const LANES: usize = 10;

/// Totals in the making.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    sums: [i64; LANES],
    /// Tallies of up to 255 holdings, added up before they overflow into each other.
    tally: u64,
    /// Digits behind the point of the sums by delta, and of the others.
    delta_scale: u32,
    scale: u32,
    counted: [u64; TALLIES],
    /// Of the holdings whose amounts did not fit, and what the sums have spilled.
    rest: Option<Box<Totals>>,
}

impl Default for Accumulator {
    fn default() -> Self {
        let [delta_scale, scale] = USUAL_SCALES.map(u32::from);
        Self { sums: [0; LANES], tally: 0, delta_scale, scale, counted: [0; TALLIES], rest: None }
    }
}

impl Accumulator {
    #[expect(clippy::inline_always, reason = "a call costs as much as what it does")]
    #[inline(always)]
    pub fn add(&mut self, figures: &Figures) {
        if let Some(holding) = &figures.exact {
            self.rest.get_or_insert_default().add(holding);
            return;
        }
        self.tally += figures.tally;
        if self.tally & 0xff == 0xff {
            self.count();
        }
        if (self.delta_scale, self.scale) != (figures.delta_scale.into(), figures.scale.into()) {
            self.add_rescaled(figures);
            return;
        }
        self.add_amounts(figures.lanes, &figures.amounts);
    }

    #[expect(clippy::inline_always, reason = "a call costs as much as what it does")]
    #[inline(always)]
    fn add_amounts(&mut self, lanes: [u8; 3], amounts: &Amounts) {
        let [exposure, by_delta, cost] = lanes.map(usize::from);
        self.grow(exposure, amounts.exposure);
        self.grow(cost, amounts.cost_basis);
        self.grow(DAILY_PNL, amounts.daily_pnl);
        self.grow(OPTION_NOTIONAL, amounts.option_notional);
        self.grow(by_delta, amounts.option_delta_adjusted);
    }

    #[expect(clippy::inline_always, reason = "it is two instructions")]
    #[inline(always)]
    fn grow(&mut self, lane: usize, amount: i64) {
        if let Some(sum) = self.sums[lane].checked_add(amount) {
            self.sums[lane] = sum;
        } else {
            self.spill();
            self.sums[lane] = amount;
        }
    }

    /// Brings the sums and the amounts to the larger of their scales, or where that is too
    /// long, begins with new sums.
    #[inline(never)]
    fn add_rescaled(&mut self, figures: &Figures) {
        let (delta_scale, scale) = (figures.delta_scale.into(), figures.scale.into());
        let (widest_delta, widest) = (self.delta_scale.max(delta_scale), self.scale.max(scale));
        let amounts = figures.amounts.widened(widest_delta - delta_scale, widest - scale);
        let sums = self.widened(widest_delta - self.delta_scale, widest - self.scale);
        if let (Some(amounts), Some(sums)) = (amounts, sums) {
            self.sums = sums;
            (self.delta_scale, self.scale) = (widest_delta, widest);
            self.add_amounts(figures.lanes, &amounts);
        } else {
            self.spill();
            (self.delta_scale, self.scale) = (delta_scale, scale);
            self.add_amounts(figures.lanes, &figures.amounts);
        }
    }

    /// The sums with so many more digits behind the point.
    fn widened(&self, delta_digits: u32, digits: u32) -> Option<[i64; LANES]> {
        let by_delta = [OPTION_BY_DELTA, OPTION_BY_DELTA + 1].map(usize::from);
        let mut sums = self.sums;
        for (lane, sum) in sums.iter_mut().enumerate() {
            let digits = if by_delta.contains(&lane) { delta_digits } else { digits };
            *sum = widened(*sum, digits)?;
        }
        Some(sums)
    }

    /// Takes in all that another has taken in.
    pub fn absorb(&mut self, other: &Self) {
        let mut sums = self.sums;
        let fits = (self.delta_scale, self.scale) == (other.delta_scale, other.scale)
            && sums
                .iter_mut()
                .zip(&other.sums)
                .all(|(sum, amount)| sum.checked_add(*amount).map(|total| *sum = total).is_some());
        if !fits {
            self.rest = Some(Box::new(self.rest.take().unwrap_or_default().plus(&other.totals())));
            return;
        }
        self.sums = sums;
        self.count();
        let tally = other.tally.to_le_bytes();
        for ((sum, counted), one) in self.counted.iter_mut().zip(&other.counted).zip(tally) {
            *sum += counted + u64::from(one);
        }
        if let Some(rest) = &other.rest {
            self.rest = Some(Box::new(self.rest.take().unwrap_or_default().plus(rest)));
        }
    }

    /// Adds the tallies up.
    #[cold]
    fn count(&mut self) {
        for (sum, one) in self.counted.iter_mut().zip(self.tally.to_le_bytes()) {
            *sum += u64::from(one);
        }
        self.tally = 0;
    }

    /// Empties the sums into decimals. A single amount always fits an empty one.
    #[cold]
    fn spill(&mut self) {
        self.rest = Some(Box::new(self.totals()));
        self.sums = [0; LANES];
        self.tally = 0;
        self.counted = [0; TALLIES];
    }

    pub fn totals(&self) -> Totals {
        let sum = |lane: usize| Decimal::new(self.sums[lane], self.scale);
        let by_delta = |lane: u8| Decimal::new(self.sums[usize::from(lane)], self.delta_scale);
        let bytes = self.tally.to_le_bytes();
        let count = |what: usize| {
            usize::try_from(self.counted[what] + u64::from(bytes[what])).unwrap_or(usize::MAX)
        };
        let (positions, short) = (count(POSITIONS), count(SHORT));
        let (calls, puts) = (count(CALLS), count(PUTS));
        // The tally of a sum that has just spilled is with what it spilled.
        let has_daily = positions > count(WITHOUT_PRICE) + count(WITHOUT_PREVIOUS_PRICE)
            || self.sums[DAILY_PNL] != 0;
        let own = Totals {
            counts: Counts {
                positions,
                long: positions - short,
                short,
                stocks: positions - calls - puts,
                options: calls + puts,
                calls,
                puts,
            },
            left_out: LeftOut {
                without_price: count(WITHOUT_PRICE),
                without_previous_price: count(WITHOUT_PREVIOUS_PRICE),
                without_delta: count(WITHOUT_DELTA),
                without_underlying_price: count(WITHOUT_UNDERLYING_PRICE),
            },
            stocks: Sides { long: sum(0), short: sum(1) },
            options: Sides { long: sum(2), short: sum(3) },
            options_by_delta: Sides {
                long: by_delta(OPTION_BY_DELTA),
                short: by_delta(OPTION_BY_DELTA + 1),
            },
            option_notional: sum(OPTION_NOTIONAL),
            cost_basis_priced: sum(COST_BASIS.into()),
            cost_basis_unpriced: sum(usize::from(COST_BASIS) + 1),
            daily_pnl: has_daily.then(|| sum(DAILY_PNL)),
        };
        match &self.rest {
            Some(rest) => rest.plus(&own),
            None => own,
        }
    }
}
