//! Losses in the tail: quantiles, value at risk, expected shortfall.
//!
//! Both are losses over the period of one return, as fractions of value and above zero: the
//! caller multiplies by money. Where even the tail gains, they are below zero. Historical
//! ones read the sample, parametric ones take returns as normal.
//!
//! A sample's quantile interpolates linearly between order statistics, at the position
//! (n − 1) p: type 7 of Hyndman & Fan (1996), The American Statistician 50(4).

use std::f64::consts::PI;

use statrs::distribution::{ContinuousCDF, Normal};

use super::{checked, count, finite, mean_of};
use crate::error::Error;

/// A confidence level, kept in basis points so that the tail is counted exactly:
/// in floats `(1.0 - 0.9) * 10.0` falls short of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confidence(u16);

impl Confidence {
    /// 95 %.
    pub const P95: Self = Self(9_500);
    /// 99 %.
    pub const P99: Self = Self(9_900);

    const ONE: u16 = 10_000;

    /// From a fraction, `0.975` for 97.5 %, to the next basis point.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless it is from 0.5 to 0.9999.
    pub fn new(fraction: f64) -> Result<Self, Error> {
        if !(0.5..=0.9999).contains(&fraction) {
            return Err(Error::OutOfRange("confidence"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 5000 to 9999 by the check above"
        )]
        Ok(Self((fraction * f64::from(Self::ONE)).round() as u16))
    }

    /// As a fraction: `0.95`.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE)
    }

    /// How many standard deviations below its mean a normal variable has this tail:
    /// 1.645 for 95 %.
    #[must_use]
    pub fn deviations(self) -> f64 {
        Normal::standard().inverse_cdf(self.fraction())
    }

    /// Density of a standard normal variable there.
    fn density(self) -> f64 {
        (-self.deviations().powi(2) / 2.0).exp() / (2.0 * PI).sqrt()
    }

    /// Position (n − 1)(1 − c) in an ascending sample: its whole part, and the rest in basis
    /// points.
    fn position(self, observations: usize) -> (usize, u16) {
        let tail = usize::from(Self::ONE - self.0);
        let position = observations.saturating_sub(1).saturating_mul(tail);
        let one = usize::from(Self::ONE);
        let rest = u16::try_from(position % one).unwrap_or(0); // always below 10 000
        (position / one, rest)
    }
}

/// The `probability` quantile of a sample, type 7.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`], or [`Error::OutOfRange`] for a probability that is
/// not from zero to one.
pub fn quantile(sample: &[f64], probability: f64) -> Result<f64, Error> {
    checked(sample, 1)?;
    if !(0.0..=1.0).contains(&probability) {
        return Err(Error::OutOfRange("probability"));
    }
    let mut ascending = sample.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    finite(sorted_quantile(&ascending, probability))
}

/// Loss that returns as these exceed in one case out of 1 / (1 − c): the negative of their
/// 1 − c quantile.
///
/// `returns` are simple returns per period as fractions: −2 % is `-0.02`. Whether a sample is
/// long enough to have such a tail is the caller's to say.
///
/// Source: Jorion (2006), Value at Risk, 3rd ed., chapter 5.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn historical_value_at_risk(returns: &[f64], confidence: Confidence) -> Result<f64, Error> {
    checked(returns, 1)?;
    finite(Tail::of(returns.to_vec(), confidence).value_at_risk(confidence))
}

/// Mean loss in the tail: over the returns at or below the sample's 1 − c quantile.
///
/// `returns` are simple returns per period as fractions: −2 % is `-0.02`. The result is a
/// loss over that same period: `0.031` is 3.1 % of value.
///
/// Source: Acerbi & Tasche (2002), J. Banking & Finance 26(7).
///
/// # Errors
/// [`Error::Empty`], [`Error::NotFinite`].
pub fn expected_shortfall(returns: &[f64], confidence: Confidence) -> Result<f64, Error> {
    checked(returns, 1)?;
    finite(Tail::of(returns.to_vec(), confidence).expected_shortfall(confidence))
}

/// The same quantile of a normal distribution: z σ − μ.
///
/// `mean` and `deviation` are per period; in money if they are. Pass a mean of zero where
/// the past one should not speak for the future.
///
/// # Errors
/// [`Error::NotFinite`], or [`Error::OutOfRange`] for a deviation below zero.
pub fn parametric_value_at_risk(
    mean: f64,
    deviation: f64,
    confidence: Confidence,
) -> Result<f64, Error> {
    normal_loss(mean, deviation, confidence.deviations())
}

/// Mean loss of a normal distribution beyond that: σ φ(z) / (1 − c) − μ.
///
/// Source: `McNeil`, Frey & Embrechts (2015), Quantitative Risk Management, 2nd ed.,
/// example 2.14.
///
/// # Errors
/// As [`parametric_value_at_risk`].
pub fn parametric_expected_shortfall(
    mean: f64,
    deviation: f64,
    confidence: Confidence,
) -> Result<f64, Error> {
    let tail = 1.0 - confidence.fraction();
    normal_loss(mean, deviation, confidence.density() / tail)
}

fn normal_loss(mean: f64, deviation: f64, deviations: f64) -> Result<f64, Error> {
    if deviation < 0.0 {
        return Err(Error::OutOfRange("standard deviation"));
    }
    finite(deviations * deviation - mean)
}

/// The lowest of a sample, ascending: as many as one confidence needs, which is enough for
/// the higher ones too.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    lowest: Vec<f64>,
    observations: usize,
}

impl Tail {
    /// Without sorting the others.
    pub fn of(mut sample: Vec<f64>, confidence: Confidence) -> Self {
        let observations = sample.len();
        // The one below the quantile, and the one above.
        let wanted = confidence.position(observations).0 + 2;
        if wanted < observations {
            sample.select_nth_unstable_by(wanted, f64::total_cmp);
            sample.truncate(wanted);
        }
        sample.sort_unstable_by(f64::total_cmp);
        Self { lowest: sample, observations }
    }

    /// Of a sample that is ascending already.
    pub fn of_ascending(ascending: &[f64], confidence: Confidence) -> Self {
        let observations = ascending.len();
        let wanted = confidence.position(observations).0 + 2;
        Self { lowest: ascending.iter().copied().take(wanted).collect(), observations }
    }

    /// Zero for an empty sample.
    pub fn value_at_risk(&self, confidence: Confidence) -> f64 {
        let (lower, rest) = confidence.position(self.observations);
        -between(&self.lowest, lower, f64::from(rest) / f64::from(Confidence::ONE))
    }

    /// Zero for an empty sample.
    pub fn expected_shortfall(&self, confidence: Confidence) -> f64 {
        let (lower, _) = confidence.position(self.observations);
        -mean_of(self.lowest.get(..=lower).unwrap_or_default())
    }
}

/// Quantile of an ascending sample; zero for none.
pub(crate) fn sorted_quantile(ascending: &[f64], probability: f64) -> f64 {
    if ascending.is_empty() {
        return 0.0;
    }
    let position = probability * (count(ascending) - 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from zero to the length of the sample"
    )]
    between(ascending, position.floor() as usize, position.fract())
}

/// The value `share` of the way from one order statistic to the next; zero outside.
fn between(ascending: &[f64], lower: usize, share: f64) -> f64 {
    let Some(&from) = ascending.get(lower) else { return 0.0 };
    let to = ascending.get(lower + 1).copied().unwrap_or(from);
    from + (to - from) * share
}
