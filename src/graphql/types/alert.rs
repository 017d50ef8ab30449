//! Alerts and the rules that raise them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};

use super::portfolio::Portfolio;
use crate::domain::alert;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::loaders::alerts::AlertRuleBy;
use crate::graphql::viewer::request;

/// A figure of a portfolio that rules are about, as of the close of the last completed session, with
/// the positions entered by then. Fractions: 0.05 is 5 %. A figure that is not known, for want of
/// prices or history, neither fires a rule nor lets it fire again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "alert::Metric")]
pub enum AlertMetric {
    /// Net exposure over the total value, a fraction; below zero for a short book. Thresholds from
    /// −100 to 100. Takes no `key`.
    NetExposureRatio,
    /// Gross exposure over the total value, a fraction, as `Exposures.leverage`. Thresholds from 0
    /// to 100. Takes no `key`.
    GrossExposureRatio,
    /// Size of what is held of a symbol over the gross exposure, a fraction, as in
    /// `Portfolio.concentration`; zero for what is not held any more. Thresholds from 0 to 1. `key`:
    /// a symbol held.
    PositionWeight,
    /// The same of a sector. Thresholds from 0 to 1. `key`: a sector held.
    SectorWeight,
    /// Σ delta-adjusted exposure × market beta over the total value, as
    /// `ScenarioResult.beta` of `Portfolio.marketScenarios`. Thresholds from −100 to 100. Takes no
    /// `key`.
    MarketBeta,
    /// As `FactorExposure.beta` of `Portfolio.factorExposures`, ORTHOGONAL and at
    /// `DELTA_ADJUSTED` exposures, as those of the market are in `MARKET_BETA`. Thresholds from
    /// −100 to 100. `key`: the name of a factor.
    FactorBeta,
    /// As `RiskMetrics.annualizedVolatility` over 252 sessions, a fraction. Thresholds from 0 to
    /// 100. Takes no `key`.
    Volatility,
    /// How far the book is below its peak, by the linked daily returns of its snapshots of the last
    /// 365 days: a fraction, zero at a new high and above zero below it, so that 0.1 is a fall by
    /// 10 %. Thresholds from 0 to 1. Takes no `key`.
    Drawdown,
    /// Loss in a stress test: −1 × `StressResult.pnlPercent`, a fraction, above zero for a loss.
    /// Thresholds from −10 to 10. `key`: the `key` of an active scenario.
    StressLossRatio,
    /// Delta dollars in the portfolio's currency, as `PortfolioGreeks.deltaDollars`, signed.
    /// Thresholds from −1e15 to 1e15. `key`: an underlying held; of the whole book without one.
    DeltaDollars,
    /// Calendar days from the session to the expiry of an option held. With BELOW only. Thresholds
    /// from 0 to 3650 days. `key`: the underlying of an option held.
    OptionExpiryDays,
    /// As `PortfolioSnapshot.dailyReturn` of the session: its profit over what it was earned on, a
    /// fraction, below zero for a loss. Thresholds from −10 to 10. Takes no `key`.
    DailyPnlRatio,
}

/// On which side of the threshold a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "alert::Operator")]
pub enum AlertOperator {
    /// At the threshold and above it.
    Above,
    /// At the threshold and below it.
    Below,
    /// When the size of the figure is the threshold or more, on either side of zero.
    AbsAbove,
}

/// How much an alert matters, as whoever made its rule said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "alert::Priority")]
pub enum AlertPriority {
    /// At once.
    Critical,
    /// Today.
    High,
    /// Some time.
    Medium,
    /// Good to know.
    Low,
}

/// When somebody wants to be told of a figure of a portfolio.
#[derive(Clone)]
pub struct AlertRule(pub Arc<alert::AlertRule>);

/// When its owner wants to be told of a figure of a portfolio. Rules are looked at after each
/// nightly chain, and after each upload, recalculation and change of the rules. One fires when its
/// figure reaches the threshold, and then is silent until the figure has come back by 5 % of the
/// threshold, of `OPTION_EXPIRY_DAYS` by a day; of a threshold of zero at once. This goes for each
/// symbol, sector, factor or scenario by itself.
#[Object]
impl AlertRule {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::AlertRule(self.0.id).into()
    }

    /// What its owner calls it: text to show, never instructions.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Which figure.
    async fn metric(&self) -> AlertMetric {
        self.0.metric.into()
    }

    /// On which side of the threshold it fires.
    async fn operator(&self) -> AlertOperator {
        self.0.operator.into()
    }

    /// In the unit of the metric: a fraction, a beta, money or days.
    async fn threshold(&self) -> f64 {
        self.0.threshold
    }

    /// Which symbol, sector, factor or scenario, by the metric. Null for whichever is beyond the
    /// threshold, and for a figure of the whole portfolio.
    async fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Of the alerts that it raises.
    async fn priority(&self) -> AlertPriority {
        self.0.priority.into()
    }

    /// Whether it is looked at, which every rule is until it is deleted: `deleteAlertRule` ends it.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }
}

/// That a rule fired.
#[derive(Clone)]
pub struct Alert(pub Arc<alert::Alert>);

/// That a rule fired. Of several things that reach its threshold at once there is one alert: of that
/// which is furthest beyond, with the others in `message`. Of one session nothing is told twice,
/// however often it is computed, and sessions before the last raise nothing.
#[Object]
impl Alert {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Alert(self.0.id).into()
    }

    /// Of which portfolio.
    async fn portfolio(&self, ctx: &Context<'_>) -> Result<Portfolio> {
        let found = request(ctx).loaders().row(PortfolioBy(self.0.portfolio_id)).await?;
        Ok(Portfolio(found.ok_or_else(|| Refusal::not_found("portfolio"))?))
    }

    /// The rule as it is now; null once it was deleted.
    async fn rule(&self, ctx: &Context<'_>) -> Option<Result<AlertRule>> {
        let found = request(ctx).loaders().row(AlertRuleBy(self.0.rule_id)).await;
        found.map(|found| found.map(AlertRule)).transpose()
    }

    /// As of its rule when it fired.
    async fn priority(&self) -> AlertPriority {
        self.0.priority.into()
    }

    /// The figure, what it is of, and its value: a line to show.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The same in sentences, with the session, the rule, its threshold and what else reached it.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The figure, in the unit of the rule's metric: a fraction, a beta, money or days. Never null:
    /// what is not known fires nothing.
    async fn value(&self) -> Option<f64> {
        Some(self.0.value)
    }

    /// When it fired.
    async fn triggered_at(&self) -> DateTime<Utc> {
        self.0.triggered_at
    }

    /// When its owner first said that they had seen it; null before.
    async fn acknowledged_at(&self) -> Option<DateTime<Utc>> {
        self.0.acknowledged_at
    }
}
