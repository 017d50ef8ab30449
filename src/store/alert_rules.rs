//! Rules of alerts, and which of them are breached.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgExecutor;

use crate::domain::alert::{AlertRule, Metric, Operator, Priority};
use crate::domain::id::{AlertRuleId, PortfolioId, UserId};

/// A rule as the table has it.
struct Row {
    id: AlertRuleId,
    portfolio_id: PortfolioId,
    name: String,
    metric: Metric,
    operator: Operator,
    threshold: f64,
    key: Option<String>,
    priority: Priority,
    is_active: bool,
    created_at: DateTime<Utc>,
}

impl From<Row> for AlertRule {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            portfolio_id: row.portfolio_id,
            name: row.name,
            metric: row.metric,
            operator: row.operator,
            threshold: row.threshold,
            key: row.key,
            priority: row.priority,
            is_active: row.is_active,
            created_at: row.created_at,
        }
    }
}

/// Those of some of the owner's portfolios, the oldest first.
pub async fn of_portfolios(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolios: &[PortfolioId],
) -> sqlx::Result<Vec<AlertRule>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: AlertRuleId", portfolio_id as "portfolio_id: PortfolioId", name,
               metric as "metric: Metric", operator as "operator: Operator", threshold, key,
               priority as "priority: Priority", is_active, created_at
          from alert_rules
         where owner_id = $1 and portfolio_id = any($2)
         order by id
        "#,
        owner.0,
        portfolios as &[PortfolioId],
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The owner's rules of these ids; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[AlertRuleId],
) -> sqlx::Result<Vec<AlertRule>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: AlertRuleId", portfolio_id as "portfolio_id: PortfolioId", name,
               metric as "metric: Metric", operator as "operator: Operator", threshold, key,
               priority as "priority: Priority", is_active, created_at
          from alert_rules
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[AlertRuleId],
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many a portfolio of the owner's has.
pub async fn count(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: PortfolioId,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        select count(*) as "count!" from alert_rules where owner_id = $1 and portfolio_id = $2
        "#,
        owner.0,
        portfolio.0,
    )
    .fetch_one(db)
    .await
}

pub async fn insert_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    rules: &[AlertRule],
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into alert_rules
               (owner_id, id, portfolio_id, name, metric, operator, threshold, key, priority,
                is_active, created_at)
        select $1, *
          from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::float8[],
                      $8::text[], $9::text[], $10::bool[], $11::timestamptz[])
        "#,
        owner.0,
        &rules.iter().map(|rule| rule.id.0).collect::<Vec<_>>(),
        &rules.iter().map(|rule| rule.portfolio_id.0).collect::<Vec<_>>(),
        &rules.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>(),
        &rules.iter().map(|rule| rule.metric).collect::<Vec<_>>() as &[Metric],
        &rules.iter().map(|rule| rule.operator).collect::<Vec<_>>() as &[Operator],
        &rules.iter().map(|rule| rule.threshold).collect::<Vec<_>>(),
        &rules.iter().map(|rule| rule.key.clone()).collect::<Vec<_>>() as &[Option<String>],
        &rules.iter().map(|rule| rule.priority).collect::<Vec<_>>() as &[Priority],
        &rules.iter().map(|rule| rule.is_active).collect::<Vec<_>>(),
        &rules.iter().map(|rule| rule.created_at).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// False when the owner has none of that id.
pub async fn delete(db: impl PgExecutor<'_>, owner: UserId, id: AlertRuleId) -> sqlx::Result<bool> {
    let done =
        sqlx::query!("delete from alert_rules where owner_id = $1 and id = $2", owner.0, id.0,)
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks the owner's rules of these ids until the transaction ends, so that one is judged by one
/// at a time. Those that are still there.
pub async fn lock(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[AlertRuleId],
) -> sqlx::Result<Vec<AlertRuleId>> {
    sqlx::query_scalar!(
        r#"
        select id as "id: AlertRuleId"
          from alert_rules
         where owner_id = $1 and id = any($2)
         order by id
           for no key update
        "#,
        owner.0,
        ids as &[AlertRuleId],
    )
    .fetch_all(db)
    .await
}

/// What of the owner's rules is breached; no order.
pub async fn breaches(
    db: impl PgExecutor<'_>,
    owner: UserId,
    rules: &[AlertRuleId],
) -> sqlx::Result<Vec<(AlertRuleId, String)>> {
    sqlx::query!(
        r#"
        select rule_id as "rule_id: AlertRuleId", key
          from alert_breaches
         where owner_id = $1 and rule_id = any($2)
        "#,
        owner.0,
        rules as &[AlertRuleId],
    )
    .map(|row| (row.rule_id, row.key))
    .fetch_all(db)
    .await
}

/// A rule with what was found by it.
type Breach = (AlertRuleId, String);

pub async fn breach_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    breaches: &[Breach],
    since: NaiveDate,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into alert_breaches (owner_id, rule_id, key, since)
        select $1, rule_id, key, $4 from unnest($2::uuid[], $3::text[]) found (rule_id, key)
            on conflict do nothing
        "#,
        owner.0,
        &breaches.iter().map(|(rule, _)| rule.0).collect::<Vec<_>>(),
        &breaches.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>(),
        since,
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn clear_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    cleared: &[Breach],
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        delete from alert_breaches
         where owner_id = $1
           and (rule_id, key) in (select * from unnest($2::uuid[], $3::text[]))
        "#,
        owner.0,
        &cleared.iter().map(|(rule, _)| rule.0).collect::<Vec<_>>(),
        &cleared.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}
