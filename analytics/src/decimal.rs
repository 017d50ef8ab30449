//! From floats to decimals.

use rust_decimal::Decimal;

/// Bits of a float's mantissa behind its first.
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
/// What the exponent of a float is stored above, its mantissa taken for a whole number.
const BIAS: i32 = f64::MAX_EXP - 1 + MANTISSA_BITS.cast_signed();
/// A mantissa times ten to this power has 113 bits.
const MAX_DIGITS: u32 = 18;

/// A float to at most 18 digits behind the point, half to even: its exact value, of which
/// `Decimal` itself makes a decimal digit by digit in fifty times as long. `None` for what is no
/// number or has no place in a `Decimal`.
#[must_use]
pub fn rounded(number: f64, digits: u32) -> Option<Decimal> {
    if number == 0.0 {
        return Some(Decimal::ZERO);
    }
    exact(number, digits).or_else(|| Some(Decimal::from_f64_retain(number)?.round_dp(digits)))
}

/// By whole numbers; `None` where they are too small for that.
fn exact(number: f64, digits: u32) -> Option<Decimal> {
    let bits = number.to_bits();
    let exponent = i32::try_from(bits >> MANTISSA_BITS & 0x7ff).ok()? - BIAS;
    if !number.is_normal() || digits > MAX_DIGITS {
        return None;
    }
    let mantissa = bits & ((1 << MANTISSA_BITS) - 1) | 1 << MANTISSA_BITS;
    let scaled = i128::from(mantissa) * 10_i128.pow(digits);
    // The number is so many halves, quarters …: a whole one is for the other way.
    let halvings = u32::try_from(-exponent).ok()?;
    let whole = scaled.checked_shr(halvings).unwrap_or(0);
    let rest = if halvings < i128::BITS { scaled - (whole << halvings) } else { scaled };
    // The rest counts half of two to the power of its halvings, where that is no more bits.
    let half = 1_i128.checked_shl(halvings.checked_sub(1)?).filter(|half| *half > 0);
    let is_up = half.is_some_and(|half| rest > half || rest == half && whole & 1 == 1);
    let whole = whole + i128::from(is_up);
    let signed = if number < 0.0 { -whole } else { whole };
    let decimal = Decimal::try_from_i128_with_scale(signed, digits).ok()?;
    Some(if rest == 0 { decimal.normalize() } else { decimal })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_go_to_the_even_and_what_is_exact_has_no_zeros_at_its_end() {
        for (number, digits, expected) in [
            (0.125, 2, "0.12"),
            (0.375, 2, "0.38"),
            (-0.375, 2, "-0.38"),
            (2.5, 0, "2"),
            (0.5, 8, "0.5"),
            (100.0, 8, "100"),
            (0.1, 8, "0.10000000"),
            (1e-9, 8, "0.00000000"),
            (5e-324, 8, "0"),
            (-0.0, 8, "0"),
            (1e27, 8, "1000000000000000013287555072"),
        ] {
            let got = rounded(number, digits).map(|got| got.to_string());
            assert_eq!(got.as_deref(), Some(expected), "{number}");
        }
        for number in [f64::NAN, f64::INFINITY, 1e30] {
            assert_eq!(rounded(number, 8), None, "{number}");
        }
    }

    proptest! {
        #[test]
        fn it_is_what_all_digits_round_to(
            mantissa in -1.0..1.0_f64, power in -12..15_i32, digits in 0..=12_u32,
        ) {
            let number = mantissa * 10_f64.powi(power);
            let all = Decimal::from_f64_retain(number).map(|all| all.round_dp(digits));
            prop_assert_eq!(rounded(number, digits), all);
        }
    }
}
