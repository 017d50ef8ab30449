//! Making and forgetting rules of alerts, and saying that an alert was seen.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{DeletePayload, owner};
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::types::alert::{Alert, AlertMetric, AlertOperator, AlertPriority, AlertRule};
use crate::graphql::viewer::request;
use crate::services::alerts::{self, NewRule};

/// A rule to be made; at most 100 a portfolio.
#[derive(InputObject)]
struct CreateAlertRuleInput {
    /// Of which portfolio.
    #[graphql(name = "portfolioId")]
    portfolio_id: ID,
    /// 1 to 100 characters.
    name: String,
    /// Which figure.
    metric: AlertMetric,
    /// On which side of the threshold it fires.
    operator: AlertOperator,
    /// In the unit of the metric, within the metric's bounds: a fraction (0.05 is 5 %), a beta, money
    /// or days. Of `ABS_ABOVE` zero or above.
    threshold: f64,
    /// Which symbol, sector, factor or scenario, by the metric, whatever the case. Whichever is
    /// beyond the threshold, or the whole portfolio, when left out.
    key: Option<String>,
    /// Of the alerts that it raises.
    #[graphql(default_with = "Some(AlertPriority::Medium)")]
    priority: Option<AlertPriority>,
}

/// A rule to be forgotten.
#[derive(InputObject)]
struct DeleteAlertRuleInput {
    /// The rule's `id`.
    id: ID,
}

/// An alert that was seen.
#[derive(InputObject)]
struct AcknowledgeAlertInput {
    /// The alert's `id`.
    id: ID,
}

/// A rule, or why there is none.
#[derive(SimpleObject)]
struct AlertRulePayload {
    /// The rule; null when there are `userErrors`.
    rule: Option<AlertRule>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

/// An alert, or why there is none.
#[derive(SimpleObject)]
struct AlertPayload {
    /// The alert as it is now; null when there are `userErrors`.
    alert: Option<Alert>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

#[derive(Default)]
pub struct Alerts;

#[Object]
impl Alerts {
    /// Makes a rule for a portfolio of the viewer's. It is looked at at once, by a job, and fires
    /// when its threshold is reached already.
    async fn create_alert_rule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is made.")] input: CreateAlertRuleInput,
    ) -> Result<AlertRulePayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let new = NewRule {
            portfolio: NodeId::portfolio(&input.portfolio_id),
            name: input.name,
            metric: input.metric.into(),
            operator: input.operator.into(),
            threshold: input.threshold,
            key: input.key,
            priority: input.priority.unwrap_or(AlertPriority::Medium).into(),
        };
        let (made, user_errors) = settle(alerts::create(&request.services, owner, new).await)?;
        request.has_written().await;
        let rule = made.map(|rule| AlertRule(Arc::new(rule)));
        Ok(AlertRulePayload { rule, user_errors })
    }

    /// Forgets a rule of the viewer's. The alerts that it raised stay, without it.
    async fn delete_alert_rule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteAlertRuleInput,
    ) -> Result<DeletePayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::alert_rule(&input.id);
        let (deleted, user_errors) = settle(alerts::delete(&request.services, owner, id).await)?;
        request.has_written().await;
        let deleted_id = deleted.map(|id| NodeId::AlertRule(id).into());
        Ok(DeletePayload { deleted_id, user_errors })
    }

    /// Says that the viewer has seen an alert. One that was acknowledged before keeps its time.
    async fn acknowledge_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: AcknowledgeAlertInput,
    ) -> Result<AlertPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::alert(&input.id);
        let outcome = alerts::acknowledge(&request.services, owner, id).await;
        let (alert, user_errors) = settle(outcome)?;
        request.has_written().await;
        Ok(AlertPayload { alert: alert.map(|alert| Alert(Arc::new(alert))), user_errors })
    }
}
