//! Decimals as floats, for figures that travel as such.

use rust_decimal::Decimal;

/// The float nearest to a decimal, which `Decimal`'s own conversion may miss by one.
pub fn nearest(decimal: Decimal) -> f64 {
    // The text of a decimal is always that of a float.
    decimal.to_string().parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_the_float_that_is_written_so() {
        let vega = Decimal::new(-4_474_679_649_192, 9);
        assert_eq!(nearest(vega).to_string(), "-4474.679649192");
        assert_eq!(nearest(Decimal::MAX).to_string(), "79228162514264340000000000000");
        assert_eq!(nearest(Decimal::ZERO).to_string(), "0");
    }

    proptest! {
        #[test]
        fn fifteen_digits_come_back(
            mantissa in -999_999_999_999_999_i64..=999_999_999_999_999, scale in 0..=28_u32,
        ) {
            let decimal = Decimal::new(mantissa, scale);
            let back = nearest(decimal).to_string().parse::<Decimal>();
            prop_assert_eq!(back.ok(), Some(decimal));
        }
    }
}
