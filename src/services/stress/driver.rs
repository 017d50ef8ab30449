//! What moves positions, and the series that stand for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use sigmasight_analytics::factor::MIN_OBSERVATIONS;

use super::Inputs;
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::domain::scenario::{Macro, Variable};
use crate::services::history::Series;
use crate::services::window::{Returns, Window};

/// Return of high-yield bonds over Treasuries that one point of their spread costs, per 1.00: the
/// price of a bond of about four years. A spread that widens by 0.06 is taken as a return of HYG
/// that stays 0.24 behind that of IEF.
pub const SPREAD_DURATION: f64 = 4.0;

/// A variable that instruments can be regressed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Driver {
    Factor(Factor),
    Macro(Macro),
}

impl Driver {
    /// The driver of a variable; None of a sector, which moves what is in it and nothing else.
    pub fn of(variable: &Variable) -> Option<Self> {
        match variable {
            Variable::Factor(factor) => Some(Self::Factor(*factor)),
            Variable::Macro(of) => Some(Self::Macro(*of)),
            Variable::Sector(_) => None,
        }
    }

    pub fn variable(self) -> Variable {
        match self {
            Self::Factor(factor) => Variable::Factor(factor),
            Self::Macro(of) => Variable::Macro(of),
        }
    }

    #[expect(clippy::match_same_arms, reason = "each variable has its own reason")]
    /// What a shock is taken for while there is too little history to estimate betas from.
    pub fn stand_in(self) -> StandIn {
        match self {
            Self::Factor(Factor::Market) => StandIn::Nothing,
            Self::Factor(_) | Self::Macro(Macro::Dax | Macro::EmergingMarkets | Macro::China) => {
                StandIn::Market(1.0)
            }
            Self::Macro(Macro::Oil) => StandIn::Sector("Energy"),
            Self::Macro(Macro::Gold) => StandIn::Sector("Materials"),
            // 600 basis points came with a market down by about 30 %, and a volatility that
            // rises by 150 % of its level with about −15 %.
            Self::Macro(Macro::CreditSpread) => StandIn::Market(-5.0),
            Self::Macro(Macro::Vix) => StandIn::Market(-0.1),
            // Which way stocks answer to yields has changed with the times.
            Self::Macro(Macro::InterestRate) => StandIn::Nothing,
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.variable().fmt(f)
    }
}

/// What a variable without enough history is taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StandIn {
    /// A move of the market, per 1.00 of the variable.
    Market(f64),
    /// A move of everything in a sector, as far.
    Sector(&'static str),
    Nothing,
}

/// Every driver's moves over a window.
#[derive(Debug)]
pub(super) struct Drivers {
    returns: HashMap<Driver, Returns>,
    /// The newest level of the VIX, in percent.
    pub vix: Option<f64>,
}

impl Drivers {
    pub fn new(inputs: &Inputs, window: &Window) -> Self {
        let series = |symbol: &str| inputs.references.get(symbol).map(Arc::as_ref);
        let of = |symbol: &str| window.simple_returns(series(symbol));
        let factors =
            Factor::active().filter_map(|factor| Some((Driver::Factor(factor), of(factor.etf()?))));
        let macros = Macro::ALL.into_iter().map(|one| {
            let returns = match one.proxies() {
                [] => rate_changes(inputs, window),
                [own] => of(own),
                [risky, safe, ..] => spread_changes(&of(risky), &of(safe)),
            };
            (Driver::Macro(one), returns)
        });
        Self {
            returns: factors.chain(macros).collect(),
            vix: series("^VIX").and_then(|series| vix_level(series, window)),
        }
    }

    pub fn returns(&self, driver: Driver) -> Option<&Returns> {
        self.returns.get(&driver)
    }

    /// Whether there is enough of it to estimate betas from.
    pub fn is_known(&self, driver: Driver) -> bool {
        self.returns(driver).is_some_and(|own| own.observations() >= MIN_OBSERVATIONS)
    }
}

/// The level of the VIX, in percent, that its shocks start from: the last close in the window.
pub fn vix_level(series: &Series, window: &Window) -> Option<f64> {
    series.over(window.sessions()).into_iter().flatten().next_back()
}

/// Absolute changes of the yield: from 4.00 % to 4.25 % is 0.0025, whatever the level.
fn rate_changes(inputs: &Inputs, window: &Window) -> Returns {
    let Some(yields) = &inputs.yields else { return window.simple_returns(None) };
    let levels = yields.over(window.sessions());
    let change = |pair: &[Option<f64>]| Some(pair[1]? - pair[0]?);
    let quality = if yields.is_simulated() { Quality::Estimated } else { Quality::Full };
    Returns { values: levels.windows(2).map(change).collect(), quality }
}

/// Absolute changes of the spread, as the difference of two returns tells them.
fn spread_changes(risky: &Returns, safe: &Returns) -> Returns {
    let pairs = risky.values.iter().zip(&safe.values);
    let values = pairs.map(|(risky, safe)| Some(((*safe)? - (*risky)?) / SPREAD_DURATION));
    Returns { values: values.collect(), quality: risky.quality.max(safe.quality) }
}
