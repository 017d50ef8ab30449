//! What people want to be told of their books, and what they were told.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::id::{AlertId, AlertRuleId, PortfolioId};

/// Most rules of one portfolio.
pub const MAX_PER_PORTFOLIO: usize = 100;
/// Most characters of a rule's name.
pub const MAX_NAME_CHARACTERS: usize = 100;
/// Share of the threshold by which a figure has to come back before its rule can fire again.
pub const MARGIN: f64 = 0.05;
/// The same of what is counted in days.
pub const MARGIN_DAYS: f64 = 1.0;

/// A figure of a book that rules are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Metric {
    NetExposureRatio,
    GrossExposureRatio,
    PositionWeight,
    SectorWeight,
    MarketBeta,
    FactorBeta,
    Volatility,
    Drawdown,
    StressLossRatio,
    DeltaDollars,
    OptionExpiryDays,
    DailyPnlRatio,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 0.05 is 5 %.
    Fraction,
    /// Of a beta: money per money.
    Number,
    Dollars,
    Days,
}

impl Metric {
    pub const ALL: [Self; 12] = [
        Self::NetExposureRatio,
        Self::GrossExposureRatio,
        Self::PositionWeight,
        Self::SectorWeight,
        Self::MarketBeta,
        Self::FactorBeta,
        Self::Volatility,
        Self::Drawdown,
        Self::StressLossRatio,
        Self::DeltaDollars,
        Self::OptionExpiryDays,
        Self::DailyPnlRatio,
    ];

    /// As it travels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NetExposureRatio => "NET_EXPOSURE_RATIO",
            Self::GrossExposureRatio => "GROSS_EXPOSURE_RATIO",
            Self::PositionWeight => "POSITION_WEIGHT",
            Self::SectorWeight => "SECTOR_WEIGHT",
            Self::MarketBeta => "MARKET_BETA",
            Self::FactorBeta => "FACTOR_BETA",
            Self::Volatility => "VOLATILITY",
            Self::Drawdown => "DRAWDOWN",
            Self::StressLossRatio => "STRESS_LOSS_RATIO",
            Self::DeltaDollars => "DELTA_DOLLARS",
            Self::OptionExpiryDays => "OPTION_EXPIRY_DAYS",
            Self::DailyPnlRatio => "DAILY_PNL_RATIO",
        }
    }

    /// As sentences name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetExposureRatio => "Net exposure over the total value",
            Self::GrossExposureRatio => "Gross exposure over the total value",
            Self::PositionWeight => "Weight of a position",
            Self::SectorWeight => "Weight of a sector",
            Self::MarketBeta => "Beta to the market",
            Self::FactorBeta => "Beta to a factor",
            Self::Volatility => "Annualized volatility",
            Self::Drawdown => "Fall from the peak",
            Self::StressLossRatio => "Loss in a stress test",
            Self::DeltaDollars => "Delta dollars",
            Self::OptionExpiryDays => "Time to an option's expiry",
            Self::DailyPnlRatio => "Return of the session",
        }
    }

    pub const fn unit(self) -> Unit {
        match self {
            Self::MarketBeta | Self::FactorBeta => Unit::Number,
            Self::DeltaDollars => Unit::Dollars,
            Self::OptionExpiryDays => Unit::Days,
            _ => Unit::Fraction,
        }
    }

    /// The least and the largest threshold that makes sense.
    pub const fn bounds(self) -> (f64, f64) {
        match self {
            Self::PositionWeight | Self::SectorWeight | Self::Drawdown => (0.0, 1.0),
            Self::GrossExposureRatio | Self::Volatility => (0.0, 100.0),
            Self::NetExposureRatio | Self::MarketBeta | Self::FactorBeta => (-100.0, 100.0),
            Self::StressLossRatio | Self::DailyPnlRatio => (-10.0, 10.0),
            Self::DeltaDollars => (-1e15, 1e15),
            Self::OptionExpiryDays => (0.0, 3_650.0),
        }
    }
}

impl Unit {
    /// A number as sentences show it.
    pub fn show(self, number: f64) -> String {
        let rounded = |number: f64, digits: u32| {
            let exact = Decimal::from_f64(number).unwrap_or_default();
            exact.round_dp(digits).normalize().to_string()
        };
        match self {
            Self::Fraction => format!("{} %", rounded(number * 100.0, 2)),
            Self::Number => rounded(number, 3),
            Self::Dollars if number < 0.0 => format!("-${}", rounded(-number, 2)),
            Self::Dollars => format!("${}", rounded(number, 2)),
            Self::Days => format!("{} days", rounded(number, 2)),
        }
    }
}

/// On which side of the threshold a rule fires; the threshold itself is on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operator {
    Above,
    Below,
    AbsAbove,
}

/// How much it matters; the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Priority {
    Critical,
    High,
    Medium,
    Low,
}

impl Priority {
    /// As it travels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "CRITICAL",
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// When a figure is reason enough to tell somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    pub id: AlertRuleId,
    pub portfolio_id: PortfolioId,
    pub name: String,
    pub metric: Metric,
    pub operator: Operator,
    /// In the metric's unit.
    pub threshold: f64,
    /// Which symbol, sector, factor or scenario; None for whichever it is.
    pub key: Option<String>,
    pub priority: Priority,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
}

impl AlertRule {
    /// How far a figure is beyond the threshold: at it or beyond from zero on.
    pub fn beyond(&self, value: f64) -> f64 {
        match self.operator {
            Operator::Above => value - self.threshold,
            Operator::Below => self.threshold - value,
            Operator::AbsAbove => value.abs() - self.threshold,
        }
    }

    pub fn is_breached(&self, value: f64) -> bool {
        self.beyond(value) >= 0.0
    }

    /// Whether a figure has come back so far that the rule may fire again.
    pub fn is_clear(&self, value: f64) -> bool {
        let margin = match self.metric.unit() {
            Unit::Days => MARGIN_DAYS,
            _ => self.threshold.abs() * MARGIN,
        };
        let edge = match self.operator {
            Operator::Above | Operator::AbsAbove => self.threshold - margin,
            Operator::Below => self.threshold + margin,
        };
        !self.is_breached(value)
            && match self.operator {
                Operator::Above => value <= edge,
                Operator::Below => value >= edge,
                Operator::AbsAbove => value.abs() <= edge,
            }
    }
}

/// That a rule fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub id: AlertId,
    pub portfolio_id: PortfolioId,
    /// The rule may be gone.
    pub rule_id: AlertRuleId,
    /// The session it is about.
    pub date: NaiveDate,
    /// What was furthest beyond the threshold; empty for a figure of the whole book.
    pub key: String,
    pub priority: Priority,
    pub title: String,
    pub message: String,
    /// In the metric's unit.
    pub value: f64,
    pub triggered_at: DateTime<Utc>,
    pub acknowledged_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(metric: Metric, operator: Operator, threshold: f64) -> AlertRule {
        AlertRule {
            id: AlertRuleId::fresh(),
            portfolio_id: PortfolioId::fresh(),
            name: "A rule".into(),
            metric,
            operator,
            threshold,
            key: None,
            priority: Priority::Medium,
            is_active: true,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    /// For each figure whether it fires the rule, and whether the rule may fire again after it.
    fn judged(rule: &AlertRule, values: &[f64]) -> Vec<(bool, bool)> {
        values.iter().map(|value| (rule.is_breached(*value), rule.is_clear(*value))).collect()
    }

    const FIRES: (bool, bool) = (true, false);
    const WAITS: (bool, bool) = (false, false);
    const CLEAR: (bool, bool) = (false, true);

    #[test]
    fn a_rule_fires_at_its_threshold_and_is_clear_a_margin_before_it() {
        let leverage = Metric::GrossExposureRatio;
        for (rule, values) in [
            (rule(leverage, Operator::Above, 2.0), [2.0, 1.999, 1.901, 1.9]),
            (rule(leverage, Operator::Below, 2.0), [2.0, 2.001, 2.099, 2.1]),
            (rule(Metric::MarketBeta, Operator::AbsAbove, 2.0), [-2.0, -1.999, 1.901, -1.9]),
            (rule(Metric::MarketBeta, Operator::Below, -2.0), [-2.0, -1.999, -1.901, -1.9]),
            (rule(Metric::OptionExpiryDays, Operator::Below, 7.0), [7.0, 7.5, 7.9, 8.0]),
        ] {
            assert_eq!(judged(&rule, &values), [FIRES, WAITS, WAITS, CLEAR], "{rule:?}");
        }
    }

    #[test]
    fn at_zero_there_is_no_margin_and_nothing_is_both() {
        let rule = rule(Metric::DeltaDollars, Operator::Above, 0.0);
        assert_eq!(judged(&rule, &[1.0, 0.0, -0.01]), [FIRES, FIRES, CLEAR]);
    }

    #[test]
    fn a_number_is_shown_in_its_unit() {
        assert_eq!(Unit::Fraction.show(0.312_49), "31.25 %");
        assert_eq!(Unit::Number.show(-1.5), "-1.5");
        assert_eq!(Unit::Dollars.show(-1_250_000.0), "-$1250000");
        assert_eq!(Unit::Days.show(3.0), "3 days");
    }
}
