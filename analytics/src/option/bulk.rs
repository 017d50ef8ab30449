//! Value and Greeks of many European options at once, several times faster than one by one.
//!
//! The same formulas as in [`crate::option`], over columns instead of rows, so that the
//! processor works on several options with each instruction. The figures agree with those of
//! [`value`] and [`greeks`] to 1e-12 of spot or strike and do not depend on which options
//! stand beside them.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for each width")]

use fearless_simd::{Level, Simd, dispatch};

use crate::Error;
use crate::normal::{DENSITY_AT_ZERO, exp, ln, scaled_tail};

use super::{Contract, DAYS_PER_YEAR, Greeks, Kind, Market, POINT, greeks, value};

/// Options as columns of one length: row `i` of each describes the same option.
///
/// Units are those of [`Contract`] and [`Market`].
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    pub kind: &'a [Kind],
    /// Money per share, above zero.
    pub strike: &'a [f64],
    /// Years of 365 days, zero or more.
    pub years: &'a [f64],
    /// Money per share, above zero.
    pub spot: &'a [f64],
    /// Continuously compounded per year.
    pub rate: &'a [f64],
    /// Continuously compounded per year.
    pub dividend_yield: &'a [f64],
    /// Annualized, zero or more.
    pub volatility: &'a [f64],
}

/// Figures of long options per share, in the order of their [`Columns`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Money per share.
    pub value: Vec<f64>,
    /// Change in value per 1.00 of spot.
    pub delta: Vec<f64>,
    /// Change in delta per 1.00 of spot.
    pub gamma: Vec<f64>,
    /// Change in value per calendar day.
    pub theta: Vec<f64>,
    /// Change in value per volatility point (0.01).
    pub vega: Vec<f64>,
    /// Change in value per 1 % of rate (0.01).
    pub rho: Vec<f64>,
}

impl Figures {
    /// Values the options, in place of what is here; memory is used again.
    ///
    /// # Errors
    /// `Mismatch` for columns of different lengths, `OutOfRange` for a column with a row that
    /// it does not allow (`NaN` and infinities among them) or a rate that over its term
    /// discounts by more than e^±700, `NotFinite` for a figure beyond what `f64` holds.
    pub fn evaluate(&mut self, options: &Columns<'_>) -> Result<(), Error> {
        options.check()?;
        let rows = options.kind.len();
        if rows < BLOCK {
            let padded = Padded::new(options);
            self.resize(BLOCK);
            self.fill(&padded.columns())?;
            self.resize(rows);
            return Ok(());
        }
        self.resize(rows);
        self.fill(options)
    }

    fn resize(&mut self, rows: usize) {
        for column in self.columns() {
            column.resize(rows, 0.0);
        }
    }

    /// Values at least a block of options. The last block covers rows of the one before it
    /// again: they come out as they were.
    fn fill(&mut self, options: &Columns<'_>) -> Result<(), Error> {
        let level = Level::new();
        let rows = options.kind.len();
        for from in (0..rows).step_by(BLOCK) {
            let from = from.min(rows - BLOCK);
            let all_finite = match (Rows::of(options, from), Results::of(self, from)) {
                (Some(rows), Some(mut results)) => {
                    dispatch!(level, simd => block(simd, &rows, &mut results))
                }
                // There are no fewer rows than a block.
                _ => false,
            };
            if !all_finite {
                for row in from..from + BLOCK {
                    self.mend(options, row)?;
                }
            }
        }
        Ok(())
    }

    fn columns(&mut self) -> [&mut Vec<f64>; 6] {
        let Self { value, delta, gamma, theta, vega, rho } = self;
        [value, delta, gamma, theta, vega, rho]
    }

    /// Gives a row without time or volatility, where the common formulas divide by zero, the
    /// limits that the one-by-one functions know.
    fn mend(&mut self, options: &Columns<'_>, row: usize) -> Result<(), Error> {
        let sum = |of: &Self| {
            of.value[row]
                + of.delta[row]
                + of.gamma[row]
                + of.theta[row]
                + of.vega[row]
                + of.rho[row]
        };
        if sum(self).is_finite() {
            return Ok(());
        }
        let (contract, market) = options.row(row);
        let Greeks { delta, gamma, theta, vega, rho } = greeks(&contract, &market);
        let figures = [value(&contract, &market), delta, gamma, theta, vega, rho];
        for (column, figure) in self.columns().into_iter().zip(figures) {
            column[row] = figure;
        }
        if sum(self).is_finite() { Ok(()) } else { Err(Error::NotFinite) }
    }
}

impl Columns<'_> {
    fn check(&self) -> Result<(), Error> {
        let expected = self.kind.len();
        let positive = |x: f64| x > 0.0 && x <= f64::MAX;
        let not_negative = |x: f64| (0.0..=f64::MAX).contains(&x);
        every("strike", self.strike, expected, positive)?;
        every("years", self.years, expected, not_negative)?;
        every("spot", self.spot, expected, positive)?;
        every("volatility", self.volatility, expected, not_negative)?;
        for (name, column) in [("rate", self.rate), ("dividend yield", self.dividend_yield)] {
            every(name, column, expected, |x| x.abs() <= f64::MAX)?;
            let ok = |ok, (&rate, &years): (&f64, &f64)| ok & ((rate * years).abs() <= 700.0);
            if !column.iter().zip(self.years).fold(true, ok) {
                return Err(Error::OutOfRange(name));
            }
        }
        Ok(())
    }

    fn row(&self, row: usize) -> (Contract, Market) {
        let contract =
            Contract { kind: self.kind[row], strike: self.strike[row], years: self.years[row] };
        let market = Market {
            spot: self.spot[row],
            rate: self.rate[row],
            dividend_yield: self.dividend_yield[row],
            volatility: self.volatility[row],
        };
        (contract, market)
    }
}

/// Whether the column has this many rows and all are `allowed`. It looks at every row, since
/// stopping at the first bad one would keep it from looking at several at a time.
fn every(
    name: &'static str,
    column: &[f64],
    expected: usize,
    allowed: impl Fn(f64) -> bool,
) -> Result<(), Error> {
    if column.len() != expected {
        return Err(Error::Mismatch { expected, got: column.len() });
    }
    let ok = column.iter().fold(true, |ok, &x| ok & allowed(x));
    if ok { Ok(()) } else { Err(Error::OutOfRange(name)) }
}

/// Rows worked on together: their intermediate results stay in the nearest cache.
const BLOCK: usize = 64;

/// Fewer options than a block, the last repeated until it is full.
struct Padded {
    kind: Vec<Kind>,
    numbers: [Vec<f64>; 6],
}

impl Padded {
    fn new(options: &Columns<'_>) -> Self {
        let &Columns { kind, strike, years, spot, rate, dividend_yield, volatility } = options;
        let pad = |column: &[f64]| {
            let mut column = column.to_vec();
            column.resize(BLOCK, column.last().copied().unwrap_or(1.0));
            column
        };
        let mut kind = kind.to_vec();
        kind.resize(BLOCK, kind.last().copied().unwrap_or(Kind::Call));
        Self { kind, numbers: [strike, years, spot, rate, dividend_yield, volatility].map(pad) }
    }

    fn columns(&self) -> Columns<'_> {
        let [strike, years, spot, rate, dividend_yield, volatility] = &self.numbers;
        Columns { kind: &self.kind, strike, years, spot, rate, dividend_yield, volatility }
    }
}

/// One block of each column.
struct Rows<'a> {
    kind: &'a [Kind; BLOCK],
    strike: &'a [f64; BLOCK],
    years: &'a [f64; BLOCK],
    spot: &'a [f64; BLOCK],
    rate: &'a [f64; BLOCK],
    dividend_yield: &'a [f64; BLOCK],
    volatility: &'a [f64; BLOCK],
}

impl<'a> Rows<'a> {
    fn of(options: &Columns<'a>, from: usize) -> Option<Self> {
        Some(Self {
            kind: options.kind.get(from..)?.first_chunk()?,
            strike: options.strike.get(from..)?.first_chunk()?,
            years: options.years.get(from..)?.first_chunk()?,
            spot: options.spot.get(from..)?.first_chunk()?,
            rate: options.rate.get(from..)?.first_chunk()?,
            dividend_yield: options.dividend_yield.get(from..)?.first_chunk()?,
            volatility: options.volatility.get(from..)?.first_chunk()?,
        })
    }
}

/// Where the figures of a block go.
struct Results<'a> {
    value: &'a mut [f64; BLOCK],
    delta: &'a mut [f64; BLOCK],
    gamma: &'a mut [f64; BLOCK],
    theta: &'a mut [f64; BLOCK],
    vega: &'a mut [f64; BLOCK],
    rho: &'a mut [f64; BLOCK],
}

impl<'a> Results<'a> {
    fn of(figures: &'a mut Figures, from: usize) -> Option<Self> {
        Some(Self {
            value: figures.value.get_mut(from..)?.first_chunk_mut()?,
            delta: figures.delta.get_mut(from..)?.first_chunk_mut()?,
            gamma: figures.gamma.get_mut(from..)?.first_chunk_mut()?,
            theta: figures.theta.get_mut(from..)?.first_chunk_mut()?,
            vega: figures.vega.get_mut(from..)?.first_chunk_mut()?,
            rho: figures.rho.get_mut(from..)?.first_chunk_mut()?,
        })
    }
}

/// The formulas of [`value`] and [`greeks`] for each row, and whether all came out finite:
/// they do not for a row without time or volatility.
#[inline(always)]
fn block<S: Simd>(_: S, rows: &Rows<'_>, results: &mut Results<'_>) -> bool {
    let signs = rows.kind.map(Kind::sign);
    let mut checks = [0.0; BLOCK];
    for i in 0..BLOCK {
        let (sign, strike, spot) = (signs[i], rows.strike[i], rows.spot[i]);
        let (years, volatility) = (rows.years[i], rows.volatility[i]);
        let (rate, dividend_yield) = (rows.rate[i], rows.dividend_yield[i]);

        let root = years.sqrt();
        let deviation = volatility * root;
        let per_deviation = 1.0 / deviation;
        let ratio = spot / strike;
        let log_ratio = if ratio.is_normal() { ln(ratio) } else { f64::NAN };
        let log_forward = log_ratio + (rate - dividend_yield) * years;
        let d1 = log_forward * per_deviation + deviation / 2.0;
        let d2 = d1 - deviation;
        let kept = exp(-dividend_yield * years);
        let discount = exp(-rate * years);
        // S e^(−qT) φ(d1) = K e^(−rT) φ(d2) saves the second exponential.
        let bell = exp(-0.5 * d1 * d1);
        let in_spot = cdf_by_bell(sign * d1, bell);
        let in_strike = cdf_by_bell(sign * d2, bell * ratio * kept / discount);
        let spot_share = sign * spot * kept * in_spot;
        let strike_share = sign * strike * discount * in_strike;
        let density = DENSITY_AT_ZERO * kept * bell;
        let decay = spot * density * volatility * volatility * per_deviation / 2.0;
        let carry = dividend_yield * spot_share - rate * strike_share;

        let value = spot_share - strike_share;
        let delta = sign * kept * in_spot;
        let gamma = density * per_deviation / spot;
        let theta = (carry - decay) * (1.0 / DAYS_PER_YEAR);
        let vega = spot * density * root * POINT;
        let rho = years * strike_share * POINT;
        results.value[i] = if value < 0.0 { 0.0 } else { value };
        results.delta[i] = delta;
        results.gamma[i] = gamma;
        results.theta[i] = theta;
        results.vega[i] = vega;
        results.rho[i] = rho;
        // Zero times anything finite is zero.
        checks[i] = 0.0 * (value + delta + gamma + theta + vega + rho);
    }
    checks.iter().sum::<f64>() == 0.0
}

/// Probability of a standard normal variable of at most `x`, given e^(−x²/2).
#[inline(always)]
fn cdf_by_bell(x: f64, bell: f64) -> f64 {
    let tail = bell * scaled_tail(x);
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests;
