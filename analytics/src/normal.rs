//! The normal distribution, exponential and logarithm as straight lines of arithmetic: a loop
//! over them becomes vector instructions, which a call into a mathematics library prevents.
//!
//! The callers have their loops compiled for each width of vectors that a machine may have:
//! the operations and their order are the same at every width, and so are the results. Each
//! function has no branch and is right to 3e-14 of its value, over the range that it names,
//! where nothing else is said.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for each width")]

use std::f64::consts::{LOG2_E, SQRT_2};

/// ln 2 in two parts: the first has so few digits that a small integer times it is exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// 1 / √(2π): the normal density at zero.
pub(crate) const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// e to the power of `x`. Zero below −708, where normal numbers end; not above 709.
///
/// `x = n ln 2 + r` with |r| ≤ ln 2 / 2, and a Chebyshev expansion of e to the power of r.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    /// Adding 1.5 × 2⁵² rounds to an integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const POWERS: [f64; 12] = [
        1.0,
        1.0,
        0.500_000_000_000_001_9,
        0.166_666_666_666_667_02,
        0.041_666_666_666_487_94,
        0.008_333_333_333_309_507,
        0.001_388_888_895_235_613_5,
        0.000_198_412_699_092_606_45,
        2.480_148_543_844_738e-5,
        2.755_722_491_836_887e-6,
        2.763_265_575_933_203e-7,
        2.511_488_278_699_668_7e-8,
    ];
    let vanishes = x < -708.0;
    let x = x.clamp(-708.0, 709.0);
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let rest = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let power_of_two = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1_023 << 52));
    let power = polynomial(&POWERS, rest) * power_of_two;
    if vanishes { 0.0 } else { power }
}

/// Natural logarithm of a positive, normal `x`.
///
/// `x = 2ⁿ m` with m between √½ and √2, and ln m = 2 artanh z with z = (m − 1) / (m + 1), which
/// is z times a Chebyshev expansion in z².
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    const ROOT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
    const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
    /// 2⁵² as bits: an integer below 2⁵² put into its mantissa is that much more.
    const TWO_52_BITS: u64 = 0x4330_0000_0000_0000;
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    const BIAS: u64 = 0x800;
    const POWERS: [f64; 8] = [
        2.0,
        0.666_666_666_666_676_5,
        0.399_999_999_992_991_63,
        0.285_714_287_612_996_9,
        0.222_221_969_918_745_63,
        0.181_836_349_600_646_82,
        0.153_124_459_215_424_59,
        0.148_105_199_908_240_6,
    ];
    let bits = x.to_bits().wrapping_sub(ROOT_HALF_BITS);
    let n = f64::from_bits(TWO_52_BITS | ((bits >> 52) ^ BIAS)) - (TWO_52 + 2_048.0);
    let m = f64::from_bits((bits & MANTISSA).wrapping_add(ROOT_HALF_BITS));
    let ratio = (m - 1.0) / (m + 1.0);
    let ln_m = polynomial(&POWERS, ratio * ratio) * ratio;
    n * LN_2_HIGH + (ln_m + n * LN_2_LOW)
}

/// Probability that a standard normal variable is beyond |`x`|, divided by e^(−x²/2): between
/// one half and zero, and without the underflow of the probability itself.
///
/// (|x| + 4) times the ratio is smooth in t = (|x| − 4) / (|x| + 4), which maps all of 0..∞ to
/// −1..1 (the device of Shepherd & Laframboise (1981), Math. Comp. 36(153)). The coefficients
/// are its Chebyshev expansion, computed with 50 digits and written in powers of t.
#[inline(always)]
pub(crate) fn scaled_tail(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 20] = [
        0.755_285_130_415_737_7,
        -0.607_896_641_971_867_3,
        0.387_137_400_745_007_74,
        -0.186_521_857_961_454_54,
        0.060_396_574_797_219_306,
        -0.007_540_188_928_373_86,
        -0.003_479_691_142_614_287_6,
        0.001_630_818_084_154_828_5,
        0.000_133_336_135_527_450_25,
        -0.000_231_092_952_829_611_34,
        -1.876_626_567_774_350_6e-6,
        3.513_845_158_846_198e-5,
        6.411_464_163_807_18e-7,
        -5.908_225_530_193_141e-6,
        -5.155_377_538_991_44e-7,
        1.007_985_197_386_668_3e-6,
        1.630_943_956_811_238_8e-7,
        -1.471_442_919_551_754e-7,
        -2.282_666_413_608_771_7e-8,
        1.286_412_443_767_124_5e-8,
    ];
    tail_by(&COEFFICIENTS, x)
}

/// The same to 4e-12, in two thirds of the terms: for integrands.
#[inline(always)]
pub(crate) fn scaled_tail_brief(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 16] = [
        0.755_285_130_413_721,
        -0.607_896_641_948_616_4,
        0.387_137_401_009_058_14,
        -0.186_521_859_088_692_57,
        0.060_396_569_092_287_56,
        -0.007_540_172_945_646_946_5,
        -0.003_479_643_797_848_005_3,
        0.001_630_715_933_422_010_5,
        0.000_133_140_759_013_629_99,
        -0.000_230_744_573_623_191_14,
        -1.429_809_841_618_430_7e-6,
        3.445_735_681_384_510_5e-5,
        5.397_279_202_298_028_5e-8,
        -5.134_638_961_940_95e-6,
        -8.144_014_697_598_737e-8,
        5.201_072_865_047_844e-7,
    ];
    tail_by(&COEFFICIENTS, x)
}

#[inline(always)]
fn tail_by<const TERMS: usize>(coefficients: &[f64; TERMS], x: f64) -> f64 {
    let inverse = 1.0 / (x.abs() + 4.0);
    polynomial(coefficients, (x.abs() - 4.0) * inverse) * inverse
}

/// Standard normal density at `x`, and the probability of at most `x`: together they cost one
/// exponential. Both keep their digits in the lower tail, down to −37.
#[inline(always)]
pub(crate) fn density_and_cdf(x: f64) -> (f64, f64) {
    let bell = exp(-0.5 * x * x);
    let tail = bell * scaled_tail(x);
    (bell * DENSITY_AT_ZERO, if x < 0.0 { tail } else { 1.0 - tail })
}

/// The same to 4e-12 of the probability.
#[inline(always)]
pub(crate) fn density_and_cdf_brief(x: f64) -> (f64, f64) {
    let bell = exp(-0.5 * x * x);
    let tail = bell * scaled_tail_brief(x);
    (bell * DENSITY_AT_ZERO, if x < 0.0 { tail } else { 1.0 - tail })
}

/// Probability that a standard normal variable is at most `x`, one at a time.
///
/// By the complementary error function: `(1 + erf) / 2` has lost every digit at x = −8.3.
pub(crate) fn cdf(x: f64) -> f64 {
    libm::erfc(-x / SQRT_2) / 2.0
}

/// A polynomial by its coefficients from the constant up, a multiple of four of them: Horner's
/// rule in the fourth power, four chains of operations that need not wait for each other.
#[inline(always)]
fn polynomial<const TERMS: usize>(coefficients: &[f64; TERMS], x: f64) -> f64 {
    let square = x * x;
    let (mut even, mut odd) = (0.0, 0.0);
    for pair in coefficients.chunks_exact(2).rev() {
        even = even * square + pair[0];
        odd = odd * square + pair[1];
    }
    even + x * odd
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_library() {
        for step in -7_000..7_000 {
            let x = f64::from(step) * 0.1 + 0.037;
            assert_relative_eq!(exp(x), x.exp(), max_relative = 2e-15);
        }
        assert_eq!(exp(0.0).to_bits(), 1.0_f64.to_bits(), "what is not discounted is kept whole");
        assert!(exp(-1e9) == 0.0 && exp(f64::NEG_INFINITY) == 0.0);
        assert!(exp(f64::NAN).is_nan());
    }

    #[test]
    fn the_logarithm_is_that_of_the_library() {
        for step in -7_000..7_000 {
            let x = (f64::from(step) * 0.1 + 0.037).exp();
            assert_relative_eq!(ln(x), x.ln(), max_relative = 1e-15);
        }
        for step in 1..1_000 {
            let x = 1.0 + f64::from(step) * 1e-9;
            assert_relative_eq!(ln(x), x.ln(), max_relative = 1e-15);
        }
        assert_relative_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn the_tail_keeps_its_digits() {
        for step in -3_700..3_700 {
            let x = f64::from(step) * 0.01 + 0.003;
            let (density, probability) = density_and_cdf(x);
            assert_relative_eq!(probability, cdf(x), max_relative = 3e-13);
            let (_, brief) = density_and_cdf_brief(x);
            assert_relative_eq!(brief, cdf(x), max_relative = 4e-12);
            let expected = (-x * x / 2.0).exp() * DENSITY_AT_ZERO;
            assert_relative_eq!(density, expected, max_relative = 2e-13);
        }
        assert_relative_eq!(cdf(-10.0), 7.619_853_024_160_527e-24, max_relative = 1e-13);
        assert_relative_eq!(cdf(-30.0), 4.906_713_927_148_187e-198, max_relative = 1e-12);
        assert_relative_eq!(cdf(10.0), 1.0);
    }
}
