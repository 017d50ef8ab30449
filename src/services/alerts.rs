//! Alerts: rules that people make of the figures of their books, and what comes of them.
//!
//! [`figures`] says what the figures are, by the functions that the graph shows them with;
//! [`verdict`] what a rule makes of them; [`look`] does both for the books of an owner after each
//! chain, and for one book when it has changed.

mod figures;
mod key;
mod look;
mod verdict;

#[cfg(test)]
mod tests;

use chrono::TimeDelta;
use serde_json::json;

pub use look::{look, look_now};

use super::jobs::{self, Ask};
use super::{Services, naming};
use crate::domain::alert::{
    Alert, AlertRule, MAX_NAME_CHARACTERS, MAX_PER_PORTFOLIO, Metric, Operator, Priority, Unit,
};
use crate::domain::id::{AlertId, AlertRuleId, PortfolioId, UserId};
use crate::domain::job::JobKind;
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::store;

/// How long what was told is kept, acknowledged or not.
const KEPT: TimeDelta = TimeDelta::days(365);

/// A rule as somebody wrote it.
pub struct NewRule {
    pub portfolio: Option<PortfolioId>,
    pub name: String,
    pub metric: Metric,
    pub operator: Operator,
    pub threshold: f64,
    pub key: Option<String>,
    pub priority: Priority,
}

/// Makes a rule for a portfolio of the owner's, and asks for a look at it.
///
/// # Errors
/// `NotFound` unless the portfolio is theirs; `Validation` for what breaks a rule; `LimitExceeded`
/// for one too many.
pub async fn create(services: &Services, owner: UserId, new: NewRule) -> Result<AlertRule, Error> {
    let missing = || Refusal::not_found("portfolio").at("portfolioId");
    let portfolio = new.portfolio.ok_or_else(missing)?;
    let mut tx = services.db.begin_as(owner).await?;
    // One after the other, so that they can be counted.
    if !store::portfolios::lock(tx.statement(), owner, portfolio).await? {
        return Err(missing().into());
    }
    let count = store::alert_rules::count(tx.statement(), owner, portfolio).await?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_PER_PORTFOLIO {
        let message =
            format!("The portfolio has {MAX_PER_PORTFOLIO} alert rules, which is the most.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("portfolioId")
            .hint("Delete one with `deleteAlertRule`.")
            .into());
    }
    let rule = AlertRule {
        id: AlertRuleId::fresh(),
        portfolio_id: portfolio,
        name: name(&new.name)?,
        metric: new.metric,
        operator: operator(new.metric, new.operator)?,
        threshold: threshold(new.metric, new.operator, new.threshold)?,
        key: key::valid(&mut tx, owner, portfolio, new.metric, new.key.as_deref()).await?,
        priority: new.priority,
        is_active: true,
        created_at: services.now(),
    };
    store::alert_rules::insert_all(tx.statement(), owner, std::slice::from_ref(&rule)).await?;
    audit(&mut tx, services, owner, "alert_rule.create", &rule).await?;
    let asked = Ask {
        owner: Some(owner),
        portfolio: Some(portfolio),
        date: Some(services.last_session()),
        ..Ask::of(JobKind::Alerts)
    };
    jobs::ask(&mut tx, asked, services.now()).await?;
    tx.commit().await?;
    Ok(rule)
}

/// Forgets a rule of the owner's; what it told stays.
///
/// # Errors
/// `NotFound` unless it is theirs.
pub async fn delete(
    services: &Services,
    owner: UserId,
    id: Option<AlertRuleId>,
) -> Result<AlertRuleId, Error> {
    let missing = || Refusal::not_found("alert rule").at("id");
    let ids = [id.ok_or_else(missing)?];
    let mut tx = services.db.begin_as(owner).await?;
    let found = store::alert_rules::owned(tx.statement(), owner, &ids).await?;
    let rule = found.into_iter().next().ok_or_else(missing)?;
    if !store::alert_rules::delete(tx.statement(), owner, rule.id).await? {
        return Err(missing().into());
    }
    audit(&mut tx, services, owner, "alert_rule.delete", &rule).await?;
    tx.commit().await?;
    Ok(rule.id)
}

/// Notes that an alert was seen; one that was stays as it is.
///
/// # Errors
/// `NotFound` unless it is theirs.
pub async fn acknowledge(
    services: &Services,
    owner: UserId,
    id: Option<AlertId>,
) -> Result<Alert, Error> {
    let missing = || Refusal::not_found("alert").at("id");
    let ids = [id.ok_or_else(missing)?];
    let now = services.now();
    let mut tx = services.db.begin_as(owner).await?;
    let is_new = store::alerts::acknowledge(tx.statement(), owner, ids[0], now).await?;
    let found = store::alerts::owned(tx.statement(), owner, &ids).await?;
    let alert = found.into_iter().next().ok_or_else(missing)?;
    if is_new {
        let entry = store::audit::Entry {
            owner,
            actor: owner,
            action: "alert.acknowledge",
            subject: Some(("Alert", alert.id.0)),
            detail: json!({ "title": alert.title }),
        };
        store::audit::append(tx.statement(), entry, now).await?;
    }
    tx.commit().await?;
    Ok(alert)
}

/// Removes an owner's alerts that are older than they are kept. The number removed.
///
/// # Errors
/// When the database fails.
pub async fn forget(services: &Services, owner: UserId) -> Result<u64, Error> {
    let last = services.last_session();
    let before = last.checked_sub_signed(KEPT).unwrap_or(last);
    let mut tx = services.db.begin_as(owner).await?;
    let removed = store::alerts::delete_before(tx.statement(), owner, before).await?;
    tx.commit().await?;
    Ok(removed)
}

async fn audit(
    tx: &mut Work,
    services: &Services,
    owner: UserId,
    action: &str,
    rule: &AlertRule,
) -> Result<(), Error> {
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action,
        subject: Some(("AlertRule", rule.id.0)),
        detail: json!({
            "name": rule.name,
            "metric": rule.metric.as_str(),
            "threshold": rule.threshold,
            "key": rule.key,
        }),
    };
    Ok(store::audit::append(tx.statement(), entry, services.now()).await?)
}

fn name(text: &str) -> Result<String, Refusal> {
    naming::name(text, "A rule's", MAX_NAME_CHARACTERS)
}

fn operator(metric: Metric, operator: Operator) -> Result<Operator, Refusal> {
    if metric == Metric::OptionExpiryDays && operator != Operator::Below {
        let rule = "Time to expiry is watched with BELOW: it only ever falls.";
        return Err(Refusal::validation(rule).at("operator").hint("Use BELOW."));
    }
    Ok(operator)
}

fn threshold(metric: Metric, operator: Operator, threshold: f64) -> Result<f64, Refusal> {
    let (least, most) = metric.bounds();
    let least = if operator == Operator::AbsAbove { 0.0 } else { least };
    if (least..=most).contains(&threshold) {
        return Ok(threshold);
    }
    let rule = format!("A threshold of {} is from {least} to {most}.", metric.as_str());
    Err(Refusal::validation(rule).at("threshold").hint(match metric.unit() {
        Unit::Fraction => "It is a fraction: 0.05 is 5 %; the size of a loss is above zero.",
        Unit::Number => "It is a beta: 1 moves as the market or the factor does.",
        Unit::Dollars => "It is money in the portfolio's currency.",
        Unit::Days => "It is in calendar days.",
    }))
}
