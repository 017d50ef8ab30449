//! What a figure takes for granted where nobody has said: the market's numbers of last resort.

use super::{ConfigError, broken};

/// Rates and volatilities outside these are numbers in another unit: a percent instead of a
/// fraction.
const RATES: (f64, f64) = (-0.1, 0.5);
const MAX_VOLATILITY: f64 = 5.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    Off,
    On,
}

/// The assumptions as the environment and the command line give them.
#[derive(Clone, Debug, clap::Args)]
pub struct AssumptionSettings {
    /// Risk-free rate where no Treasury yields are known: a fraction a year, continuously
    /// compounded
    #[arg(
        long,
        env = "RISK_FREE_RATE",
        global = true,
        default_value = "0.05",
        allow_negative_numbers = true
    )]
    pub risk_free_rate: f64,

    /// Volatility of an option where none can be had: a fraction a year
    #[arg(long, env = "DEFAULT_VOLATILITY", global = true, default_value = "0.25")]
    pub default_volatility: f64,

    /// Whether options that lack an input get documented stand-ins for Greeks, marked as such
    #[arg(
        long,
        env = "GREEKS_FALLBACK",
        global = true,
        value_enum,
        default_value_t = Switch::Off
    )]
    pub greeks_fallback: Switch,
}

/// The assumptions once they make sense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumptions {
    /// A fraction a year, continuously compounded.
    pub risk_free_rate: f64,
    /// A fraction a year.
    pub default_volatility: f64,
    /// Whether stand-ins take the place of Greeks that cannot be computed.
    pub greeks_fallback: bool,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { risk_free_rate: 0.05, default_volatility: 0.25, greeks_fallback: false }
    }
}

impl AssumptionSettings {
    pub(super) fn check(self) -> Result<Assumptions, ConfigError> {
        let (lowest, highest) = RATES;
        // Not a number is in no range.
        if !(lowest..=highest).contains(&self.risk_free_rate) {
            let rule = format!("must be a fraction from {lowest} to {highest}: 5 % is 0.05");
            return Err(broken("RISK_FREE_RATE", rule));
        }
        if !(self.default_volatility > 0.0 && self.default_volatility <= MAX_VOLATILITY) {
            let rule = format!("must be a fraction above 0 and to {MAX_VOLATILITY}: 25 % is 0.25");
            return Err(broken("DEFAULT_VOLATILITY", rule));
        }
        Ok(Assumptions {
            risk_free_rate: self.risk_free_rate,
            default_volatility: self.default_volatility,
            greeks_fallback: self.greeks_fallback == Switch::On,
        })
    }
}
