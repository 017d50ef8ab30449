//! Stress scenarios: which variables a person supposes to move, and how far.

mod variable;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use variable::{Macro, Variable};

use super::id::ScenarioId;
use super::text::fold;

/// Most characters of a scenario's name.
pub const MAX_NAME_CHARACTERS: usize = 100;
/// Most characters of its description.
pub const MAX_DESCRIPTION_CHARACTERS: usize = 2_000;
/// Most variables that one scenario shocks.
pub const MAX_SHOCKS: usize = 20;
/// Most scenarios of one person.
pub const MAX_PER_USER: usize = 100;

/// What a scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    Market,
    Rates,
    Rotation,
    Volatility,
    Commodity,
    International,
    Credit,
    Historical,
    Custom,
}

/// How bad something is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type,
)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    Positive,
    Mild,
    Moderate,
    Severe,
    Extreme,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "POSITIVE",
            Self::Mild => "MILD",
            Self::Moderate => "MODERATE",
            Self::Severe => "SEVERE",
            Self::Extreme => "EXTREME",
        }
    }

    /// Of a profit or loss as a share of what it is measured against: no loss is positive, below
    /// 5 % mild, below 15 % moderate, below 30 % severe.
    pub fn of_pnl(share: f64) -> Self {
        if share >= 0.0 { Self::Positive } else { Self::of_size(-share) }
    }

    fn of_size(size: f64) -> Self {
        match size {
            size if size < 0.05 => Self::Mild,
            size if size < 0.15 => Self::Moderate,
            size if size < 0.30 => Self::Severe,
            _ => Self::Extreme,
        }
    }

    /// Of a scenario, by the largest of its shocks on the scale of its variable; positive when
    /// it raises prices and does nothing else.
    pub fn of_shocks(shocks: &[Shock]) -> Self {
        let is_gain = |shock: &Shock| shock.variable.is_price() && shock.shock > 0.0;
        if shocks.iter().all(is_gain) {
            return Self::Positive;
        }
        let sizes = shocks.iter().map(|shock| shock.shock.abs() / shock.variable.scale());
        Self::of_size(sizes.fold(0.0, f64::max))
    }
}

/// One supposed move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shock {
    pub variable: Variable,
    /// In the variable's unit: a return of `-0.1` is −10 %, a yield's change of `0.01` is 100
    /// basis points.
    pub shock: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub id: ScenarioId,
    /// For programs; None of a person's own.
    pub key: Option<String>,
    /// Unique among its owner's, whatever the case.
    pub name: String,
    pub description: String,
    pub category: Category,
    pub severity: Severity,
    pub shocks: Vec<Shock>,
    /// The months it is taken from.
    pub historical_period: Option<String>,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
}

impl Scenario {
    /// For programs; of a person's own made of its name.
    pub fn known_as(&self) -> String {
        self.key.clone().unwrap_or_else(|| format!("custom:{}", fold(&self.name)))
    }

    /// Whether it is everybody's.
    pub fn is_built_in(&self) -> bool {
        self.key.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shocks(all: &[(&str, f64)]) -> Vec<Shock> {
        let shock = |&(name, shock): &(&str, f64)| Shock {
            variable: name.parse().expect("a variable"),
            shock,
        };
        all.iter().map(shock).collect()
    }

    #[test]
    fn a_loss_is_graded_by_its_share() {
        for (share, severity) in [
            (0.0, Severity::Positive),
            (-0.049, Severity::Mild),
            (-0.05, Severity::Moderate),
            (-0.15, Severity::Severe),
            (-0.30, Severity::Extreme),
        ] {
            assert_eq!(Severity::of_pnl(share), severity, "{share}");
        }
    }

    #[test]
    fn a_scenario_is_graded_by_its_largest_shock() {
        for (all, severity) in [
            (&[("Market", 0.5)][..], Severity::Positive),
            (&[("Market", -0.1)], Severity::Moderate),
            (&[("INTEREST_RATE", 0.0025)], Severity::Mild),
            (&[("INTEREST_RATE", 0.03)], Severity::Extreme),
            (&[("Market", 0.1), ("VIX", 1.5)], Severity::Severe),
        ] {
            assert_eq!(Severity::of_shocks(&shocks(all)), severity, "{all:?}");
        }
    }
}
