//! What is measured against, whether anybody holds it or not: the funds of the factors, and what
//! stands for the other variables of scenarios. Their prices are kept complete like those of what
//! is held.

use super::instrument::{AssetClass, Instrument};

/// What everything is compared with unless somebody asks for something else.
pub const BENCHMARK: &str = "SPY";

/// Symbol · class · name.
const REFERENCES: [(&str, AssetClass, &str); 15] = [
    ("SPY", AssetClass::Etf, "SPDR S&P 500 ETF Trust"),
    ("VTV", AssetClass::Etf, "Vanguard Value ETF"),
    ("VUG", AssetClass::Etf, "Vanguard Growth ETF"),
    ("MTUM", AssetClass::Etf, "iShares MSCI USA Momentum Factor ETF"),
    ("QUAL", AssetClass::Etf, "iShares MSCI USA Quality Factor ETF"),
    ("SIZE", AssetClass::Etf, "iShares MSCI USA Size Factor ETF"),
    ("USMV", AssetClass::Etf, "iShares MSCI USA Min Vol Factor ETF"),
    ("USO", AssetClass::Etf, "United States Oil Fund"),
    ("GLD", AssetClass::Etf, "SPDR Gold Shares"),
    ("EWG", AssetClass::Etf, "iShares MSCI Germany ETF"),
    ("EEM", AssetClass::Etf, "iShares MSCI Emerging Markets ETF"),
    ("FXI", AssetClass::Etf, "iShares China Large-Cap ETF"),
    ("HYG", AssetClass::Etf, "iShares iBoxx $ High Yield Corporate Bond ETF"),
    ("IEF", AssetClass::Etf, "iShares 7-10 Year Treasury Bond ETF"),
    ("^VIX", AssetClass::Index, "Cboe Volatility Index"),
];

/// All of them, as instruments that are new.
pub fn instruments() -> Vec<Instrument> {
    let instrument = |(symbol, asset_class, name): (&str, _, &str)| Instrument {
        asset_class,
        name: Some(name.to_owned()),
        ..Instrument::unknown(symbol.to_owned())
    };
    REFERENCES.into_iter().map(instrument).collect()
}

/// Their symbols.
pub fn symbols() -> impl Iterator<Item = &'static str> {
    REFERENCES.into_iter().map(|(symbol, _, _)| symbol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::factor::Factor;

    #[test]
    fn every_factor_and_the_benchmark_are_among_them() {
        let symbols: Vec<_> = symbols().collect();
        for wanted in Factor::active().filter_map(Factor::etf).chain([BENCHMARK]) {
            assert!(symbols.contains(&wanted), "{wanted}");
        }
    }
}
