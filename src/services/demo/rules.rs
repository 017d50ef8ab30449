//! What the people of the demo want to be told.

use crate::domain::alert::{AlertRule, Metric, Operator, Priority};
use crate::domain::id::{AlertRuleId, PortfolioId, UserId};
use crate::error::Error;
use crate::services::Services;
use crate::store;

/// Account, name, metric, operator, threshold, priority: some that fire, and some that do not.
type Rule = (&'static str, &'static str, Metric, Operator, f64, Priority);

const RULES: [Rule; 8] = [
    (
        "demo_individual",
        "No position above a tenth",
        Metric::PositionWeight,
        Operator::Above,
        0.1,
        Priority::Medium,
    ),
    (
        "demo_individual",
        "A tenth below the peak",
        Metric::Drawdown,
        Operator::Above,
        0.1,
        Priority::High,
    ),
    (
        "demo_hnw",
        "No position above an eighth",
        Metric::PositionWeight,
        Operator::Above,
        0.125,
        Priority::Medium,
    ),
    ("demo_hnw", "A bad day", Metric::DailyPnlRatio, Operator::Below, -0.03, Priority::High),
    (
        "demo_hedgefundstyle",
        "Gross exposure",
        Metric::GrossExposureRatio,
        Operator::Above,
        2.0,
        Priority::High,
    ),
    (
        "demo_hedgefundstyle",
        "Options that expire soon",
        Metric::OptionExpiryDays,
        Operator::Below,
        30.0,
        Priority::Medium,
    ),
    (
        "demo_hedgefundstyle",
        "Loss in a stress test",
        Metric::StressLossRatio,
        Operator::Above,
        0.25,
        Priority::Critical,
    ),
    (
        "demo_hedgefundstyle",
        "Not more than the market",
        Metric::MarketBeta,
        Operator::AbsAbove,
        1.5,
        Priority::Low,
    ),
];

/// Makes the rules of an account, unless its book has some.
pub async fn ensure(
    services: &Services,
    account: &str,
    owner: UserId,
    portfolio: PortfolioId,
) -> Result<(), Error> {
    let mut tx = services.db.begin_as(owner).await?;
    if store::alert_rules::count(tx.statement(), owner, portfolio).await? > 0 {
        return Ok(());
    }
    let own = RULES.iter().filter(|(of, ..)| *of == account);
    let rules: Vec<_> = own
        .map(|&(_, name, metric, operator, threshold, priority)| AlertRule {
            id: AlertRuleId::fresh(),
            portfolio_id: portfolio,
            name: name.into(),
            metric,
            operator,
            threshold,
            key: None,
            priority,
            is_active: true,
            created_at: services.now(),
        })
        .collect();
    store::alert_rules::insert_all(tx.statement(), owner, &rules).await?;
    Ok(tx.commit().await?)
}
