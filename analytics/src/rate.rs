//! From rates as they are quoted to rates that discount.

/// The continuously compounded rate of a bond-equivalent yield, which pays half of itself twice a
/// year: `2 · ln(1 + y / 2)`. Both are fractions a year; minus infinity and not a number for a
/// yield of −200 % and less.
///
/// Source: 31 CFR 356, appendix B (semiannual compounding of Treasury yields).
pub fn continuous(bond_equivalent: f64) -> f64 {
    2.0 * (bond_equivalent / 2.0).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_grows_alike_under_either_rate() {
        for bond_equivalent in [-0.01, 0.0, 0.0005, 0.0415, 0.16] {
            let twice_a_year = (1.0_f64 + bond_equivalent / 2.0).powi(2);
            let grown = continuous(bond_equivalent).exp();
            assert!((grown - twice_a_year).abs() < 1e-15, "{bond_equivalent}: {grown}");
        }
        // 2 ln 1.02, to ten digits.
        assert!((continuous(0.04) - 0.039_605_254_6).abs() < 1e-11);
    }
}
