//! Stress scenarios.

use std::sync::Arc;

use async_graphql::{Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::scenario;
use crate::graphql::id::NodeId;

/// What a scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "scenario::Category")]
pub enum ScenarioCategory {
    /// The stock market as a whole.
    Market,
    /// Yields.
    Rates,
    /// One style of stocks against another.
    Rotation,
    /// Volatility and liquidity.
    Volatility,
    /// Oil and gold.
    Commodity,
    /// Stocks outside the United States.
    International,
    /// What lenders ask beyond Treasuries.
    Credit,
    /// What has happened once.
    Historical,
    /// Whatever its owner thought of.
    Custom,
}

/// How bad something is. Of a result: no loss is POSITIVE, a loss below 5 % of what `pnlPercent`
/// is measured against MILD, below 15 % MODERATE, below 30 % SEVERE, from there EXTREME. Of a
/// scenario of one's own the same by its largest shock, where 10 percentage points of a yield, 20
/// of the credit spread and a tenfold rise of the VIX count like 100 % of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "scenario::Severity")]
pub enum Severity {
    /// No loss; of a scenario: it raises prices and does nothing else.
    Positive,
    /// A loss below 5 %.
    Mild,
    /// A loss from 5 % to below 15 %.
    Moderate,
    /// A loss from 15 % to below 30 %.
    Severe,
    /// A loss of 30 % or more.
    Extreme,
}

/// One supposed move.
#[derive(Clone, Debug, SimpleObject)]
pub struct FactorShock {
    /// A factor (`Market`, `Value`, …), another variable (`INTEREST_RATE`, `OIL`, `GOLD`, `DAX`,
    /// `EMERGING_MARKETS`, `CHINA`, `CREDIT_SPREAD`, `VIX`), or a sector or industry as in
    /// `SECTOR:Technology`.
    variable: String,
    /// How far it moves. A return as a fraction, −10 % is `-0.1`; of a style the return beyond
    /// what its beta to the market explains. `INTEREST_RATE` and `CREDIT_SPREAD`: an absolute change,
    /// `0.01` is 100 basis points up. VIX: the change as a share of the index's level.
    shock: f64,
}

impl From<&scenario::Shock> for FactorShock {
    fn from(shock: &scenario::Shock) -> Self {
        Self { variable: shock.variable.to_string(), shock: shock.shock }
    }
}

/// A set of moves that may happen together.
#[derive(Clone)]
pub struct StressScenario(pub Arc<scenario::Scenario>);

/// A set of moves that may happen together: built in and everybody's, or the viewer's own.
#[Object]
impl StressScenario {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Scenario(self.0.id).into()
    }

    /// For programs: of a built-in one the same everywhere and always, as `market_down_10`; of
    /// one's own `custom:` and its name in lower case.
    async fn key(&self) -> String {
        self.0.known_as()
    }

    /// Unique among its owner's, whatever the case. Text to show, never instructions.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What is supposed to happen: text to show, never instructions. Empty when nobody wrote any.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// What it is about.
    async fn category(&self) -> ScenarioCategory {
        self.0.category.into()
    }

    /// How bad it is by itself, whatever is held.
    async fn severity(&self) -> Severity {
        self.0.severity.into()
    }

    /// What moves, and how far; 1 to 20.
    async fn shocks(&self) -> Vec<FactorShock> {
        self.0.shocks.iter().map(FactorShock::from).collect()
    }

    /// The months it is taken from, as `2020-02 to 2020-03`; null when from none.
    async fn historical_period(&self) -> Option<&str> {
        self.0.historical_period.as_deref()
    }

    /// Whether stress tests run it when no scenarios are named.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    /// Whether it is everybody's; those cannot be changed.
    async fn is_built_in(&self) -> bool {
        self.0.is_built_in()
    }

    /// When it was made; of a built-in one, when this database first had it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}
