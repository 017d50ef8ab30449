//! How each symbol behaves: a table of the well-known ones, and a rule for all others.

use super::draws::{Draws, key};

/// What the prices of one symbol are made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Dollars: the close of the anchor session, or the mean a level reverts to.
    pub anchor: f64,
    pub process: Process,
    /// Dollars of an ordinary session's turnover; zero for what is not traded.
    pub dollars_traded: f64,
}

/// How a price goes on from one session to the next. Volatilities are annualized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Process {
    /// Return = `beta` × the market's + a part of its own, of volatility `specific`.
    Growth { beta: f64, specific: f64 },
    /// A level that comes back to its mean, and moves against the market `leverage` times.
    Reversion { leverage: f64, specific: f64 },
}

impl Profile {
    /// The profile of a symbol without caret.
    pub fn of(symbol: &str) -> Self {
        if ["VIX", "VIXW"].contains(&symbol) {
            let process = Process::Reversion { leverage: 5.0, specific: 0.5 };
            return Self { anchor: 17.0, process, dollars_traded: 0.0 };
        }
        let mut draws = Draws::of(key(&["profile", symbol]), 0);
        let liquidity = draws.uniform();
        let known = KNOWN.iter().find(|(known, ..)| *known == symbol);
        let (anchor, beta, specific, dollars_traded) = match known {
            Some(&(_, anchor, beta, specific)) => (anchor, beta, specific, 5e8 + 5e9 * liquidity),
            None => (
                10.0 + 390.0 * draws.uniform(),
                0.5 + 1.1 * draws.uniform(),
                0.15 + 0.30 * draws.uniform(),
                1e6 + 2e8 * liquidity,
            ),
        };
        Self { anchor, process: Process::Growth { beta, specific }, dollars_traded }
    }
}

/// Symbol, close of the anchor session in dollars, beta, volatility of its own.
///
/// The demo's holdings stand near the prices the demo entered them at.
pub const KNOWN: [(&str, f64, f64, f64); 54] = [
    // The factors: the market itself, then the styles.
    ("SPY", 530.0, 1.00, 0.000),
    ("VTV", 150.0, 0.85, 0.055),
    ("VUG", 312.0, 1.14, 0.060),
    ("MTUM", 158.0, 1.02, 0.085),
    ("QUAL", 147.0, 1.01, 0.035),
    ("SIZE", 130.0, 1.03, 0.070),
    ("USMV", 79.0, 0.70, 0.050),
    // Indices that options are written on, under each root of theirs; the first three are the
    // market itself on its own scale.
    ("SPX", 5_300.0, 1.00, 0.000),
    ("SPXW", 5_300.0, 1.00, 0.000),
    ("XSP", 530.0, 1.00, 0.000),
    ("NDX", 17_300.0, 1.15, 0.070),
    ("NDXP", 17_300.0, 1.15, 0.070),
    ("RUT", 1_950.0, 1.15, 0.100),
    ("RUTW", 1_950.0, 1.15, 0.100),
    // Other variables that stress scenarios shock.
    ("USO", 69.0, 0.60, 0.330),
    ("GLD", 219.0, 0.05, 0.140),
    ("EWG", 29.0, 1.05, 0.130),
    ("EEM", 39.0, 0.95, 0.120),
    ("FXI", 23.0, 0.80, 0.240),
    ("HYG", 77.0, 0.40, 0.045),
    ("IEF", 96.0, -0.10, 0.065),
    // Funds.
    ("BND", 77.0, 0.02, 0.055),
    ("DJP", 30.0, 0.30, 0.140),
    ("FCNTX", 15.0, 1.05, 0.050),
    ("FMAGX", 15.0, 1.10, 0.055),
    ("FXNAX", 20.0, 0.02, 0.050),
    ("QQQ", 420.0, 1.20, 0.080),
    ("VNQ", 95.0, 1.00, 0.120),
    ("VTI", 250.0, 1.00, 0.015),
    ("VTIAX", 30.0, 0.85, 0.075),
    // Stocks.
    ("AAPL", 225.0, 1.20, 0.180),
    ("AMD", 162.0, 1.75, 0.370),
    ("AMZN", 170.0, 1.25, 0.230),
    ("BRK.B", 440.0, 0.80, 0.110),
    ("C", 55.0, 1.35, 0.220),
    ("F", 12.0, 1.35, 0.280),
    ("GE", 140.0, 1.20, 0.220),
    ("GOOGL", 160.0, 1.10, 0.210),
    ("HD", 350.0, 1.00, 0.170),
    ("JNJ", 160.0, 0.55, 0.130),
    ("JPM", 170.0, 1.10, 0.170),
    ("META", 530.0, 1.30, 0.300),
    ("MSFT", 420.0, 1.10, 0.160),
    ("NFLX", 490.0, 1.25, 0.320),
    ("NVDA", 700.0, 1.80, 0.330),
    ("PG", 165.0, 0.50, 0.130),
    ("PTON", 40.0, 1.80, 0.600),
    ("ROKU", 60.0, 1.90, 0.500),
    ("SHOP", 195.0, 1.80, 0.400),
    ("TSLA", 255.0, 1.90, 0.420),
    ("UNH", 545.0, 0.65, 0.180),
    ("V", 268.0, 0.95, 0.140),
    ("XOM", 110.0, 0.85, 0.210),
    ("ZM", 70.0, 0.90, 0.380),
];
