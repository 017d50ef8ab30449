//! What the nightly chain finds of books, as it is kept.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{InstrumentId, PortfolioId, PositionId, ScenarioId, UserId};
use super::quality::{Coverage, Quality};
use super::scenario::{Severity, Shock, Variable};

/// Whose result it is, and of which session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Of {
    pub owner_id: UserId,
    pub portfolio_id: PortfolioId,
    pub date: NaiveDate,
    /// When it first said what it says.
    pub created_at: DateTime<Utc>,
}

/// A result with whose it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kept<T> {
    #[serde(flatten)]
    pub of: Of,
    #[serde(flatten)]
    pub found: T,
}

/// What is answered with as it is while it still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LatestKind {
    MarketRisk,
    Stress,
    Correlations,
    Accuracy,
}

impl LatestKind {
    /// As it is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::MarketRisk => "MARKET_RISK",
            Self::Stress => "STRESS",
            Self::Correlations => "CORRELATIONS",
            Self::Accuracy => "ACCURACY",
        }
    }
}

/// The newest results of a kind, and of which book they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LatestOf {
    pub portfolio: PortfolioId,
    pub kind: LatestKind,
    pub date: NaiveDate,
    /// A digest of everything in the book that they depend on.
    pub book: i64,
}

/// What is found of an instrument, or of all factors together, whoever holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MarketKind {
    FactorModel,
    FactorCorrelations,
    FactorBetas,
    RateBeta,
    Pricing,
}

/// The newest result of a kind, and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketOf {
    pub kind: MarketKind,
    /// None for what is of all factors together.
    pub instrument: Option<InstrumentId>,
    /// Whose past it is made of, beside that of what everybody's are.
    pub moved_by: Option<InstrumentId>,
    pub date: NaiveDate,
    /// A digest of everything that it depends on beside the past of prices and yields.
    pub state: i64,
}

/// What a newest result is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultOf {
    Book(LatestOf),
    Market(MarketOf),
}

impl ResultOf {
    pub fn book(&self) -> Option<&LatestOf> {
        match self {
            Self::Book(of) => Some(of),
            Self::Market(_) => None,
        }
    }

    pub fn market(&self) -> Option<&MarketOf> {
        match self {
            Self::Book(_) => None,
            Self::Market(of) => Some(of),
        }
    }
}

/// A result with the largest of what positions add to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Largest<T, P> {
    #[serde(flatten)]
    pub found: T,
    /// The largest first; all of them unless there are [`KEPT_POSITIONS`].
    pub largest: Vec<P>,
}

/// Positions that are kept with a result: the largest.
pub const KEPT_POSITIONS: usize = 10;

/// What a result speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Covered {
    pub included_positions: i32,
    pub excluded_positions: i32,
    pub included_exposure: Decimal,
    pub excluded_exposure: Decimal,
}

impl From<Coverage> for Covered {
    fn from(of: Coverage) -> Self {
        Self {
            included_positions: count(of.included_positions),
            excluded_positions: count(of.excluded_positions),
            included_exposure: of.included_exposure,
            excluded_exposure: of.excluded_exposure,
        }
    }
}

impl From<Covered> for Coverage {
    fn from(of: Covered) -> Self {
        Self {
            included_positions: usize::try_from(of.included_positions).unwrap_or(0),
            excluded_positions: usize::try_from(of.excluded_positions).unwrap_or(0),
            included_exposure: of.included_exposure,
            excluded_exposure: of.excluded_exposure,
        }
    }
}

/// A count as tables keep it.
pub fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionGreeks {
    #[serde(flatten)]
    pub of: Of,
    pub position_id: PositionId,
    pub source: &'static str,
    pub delta: Option<Decimal>,
    pub gamma: Option<Decimal>,
    pub theta: Option<Decimal>,
    pub vega: Option<Decimal>,
    pub rho: Option<Decimal>,
    pub delta_adjusted_exposure: Option<Decimal>,
    pub volatility: Option<f64>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorExposure {
    pub factor: String,
    pub dollars: Option<Decimal>,
    pub beta: Option<f64>,
    pub standard_error: Option<f64>,
    pub observations: Option<i32>,
    pub total_value: Decimal,
    pub quality: Quality,
    pub warnings: Vec<String>,
    #[serde(flatten)]
    pub covered: Covered,
}

/// Lists are in the order of `factors`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionExposures {
    #[serde(flatten)]
    pub of: Of,
    pub position_id: PositionId,
    pub factors: Vec<&'static str>,
    pub betas: Vec<Option<f64>>,
    pub dollars: Vec<Option<Decimal>>,
    pub observations: Option<i32>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionRateBeta {
    #[serde(flatten)]
    pub of: Of,
    pub position_id: PositionId,
    pub beta: Option<f64>,
    pub r_squared: Option<f64>,
    pub standard_error: Option<f64>,
    pub observations: i32,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Moved {
    Market,
    Rate,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketRisk {
    pub kind: Moved,
    #[serde(rename = "move")]
    pub change: f64,
    pub pnl: Decimal,
    pub share: f64,
    pub new_total_value: Decimal,
    pub beta: Option<f64>,
    pub severity: Severity,
    pub quality: Quality,
    pub warnings: Vec<String>,
    #[serde(flatten)]
    pub covered: Covered,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StressResult {
    pub scenario_id: ScenarioId,
    /// What the scenario supposed then.
    pub shocks: Vec<Shock>,
    pub direct_pnl: Decimal,
    pub correlation_pnl: Decimal,
    pub total_pnl: Decimal,
    pub full_revaluation_pnl: Option<Decimal>,
    pub share: f64,
    pub new_total_value: Decimal,
    pub severity: Severity,
    pub impacts: Vec<Impact>,
    /// The largest first, and not all of them.
    pub positions: Vec<PositionPnl>,
    pub quality: Quality,
    pub warnings: Vec<String>,
    #[serde(flatten)]
    pub covered: Covered,
}

/// What one variable's move does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    pub variable: Variable,
    pub shock: f64,
    pub dollars: Decimal,
    pub pnl: Decimal,
    pub is_direct: bool,
}

/// What one position makes or loses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositionPnl {
    pub position: PositionId,
    pub pnl: Decimal,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Correlations {
    #[serde(flatten)]
    pub of: Of,
    pub symbols: Vec<String>,
    pub average: Option<f64>,
    pub concentration_score: Option<f64>,
    pub effective_positions: Option<f64>,
    pub clusters: Vec<Cluster>,
    /// The furthest from zero first, and not all of them.
    pub pairs: Vec<Pair>,
    pub quality: Quality,
    #[serde(flatten)]
    pub covered: Covered,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    pub nickname: String,
    pub symbols: Vec<String>,
    pub average: Option<f64>,
    pub total_value: Decimal,
    pub weight: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    pub a: String,
    pub b: String,
    pub correlation: f64,
    pub observations: usize,
}

/// How well the market scenario predicted; None where there is no session to judge by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioAccuracy {
    #[serde(flatten)]
    pub of: Of,
    pub days_back: i32,
    pub observations: i32,
    pub rmse: Option<f64>,
    pub bias: Option<f64>,
    pub correlation: Option<f64>,
    pub hit_rate: Option<f64>,
    pub quality: Quality,
    pub warnings: Vec<String>,
    #[serde(flatten)]
    pub covered: Covered,
}

/// Everybody's; row by row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FactorCorrelations {
    pub date: NaiveDate,
    pub factors: Vec<&'static str>,
    pub matrix: Vec<f64>,
    pub observations: i32,
    pub quality: Quality,
    pub warnings: Vec<String>,
    pub created_at: DateTime<Utc>,
}
