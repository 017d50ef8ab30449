//! What people were told of their books.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgExecutor;

use super::paged::{Asked, slices};
use crate::domain::alert::{Alert, Priority};
use crate::domain::id::{AlertId, AlertRuleId, PortfolioId, UserId};
use crate::domain::page::{Page, Slice};

/// An alert as the table has it.
struct Row {
    id: AlertId,
    portfolio_id: PortfolioId,
    rule_id: AlertRuleId,
    date: NaiveDate,
    key: String,
    priority: Priority,
    title: String,
    message: String,
    value: f64,
    triggered_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
}

impl From<Row> for Alert {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            portfolio_id: row.portfolio_id,
            rule_id: row.rule_id,
            date: row.date,
            key: row.key,
            priority: row.priority,
            title: row.title,
            message: row.message,
            value: row.value,
            triggered_at: row.triggered_at,
            acknowledged_at: row.acknowledged_at,
        }
    }
}

/// Adds the owner's alerts, but for what was told of that session already; the ids of those added.
pub async fn insert_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    alerts: &[Alert],
) -> sqlx::Result<Vec<AlertId>> {
    sqlx::query_scalar!(
        r#"
        insert into alerts
               (owner_id, id, portfolio_id, rule_id, date, key, priority, title, message, value,
                triggered_at)
        select $1, *
          from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::date[], $6::text[], $7::text[],
                      $8::text[], $9::text[], $10::float8[], $11::timestamptz[])
            on conflict (owner_id, rule_id, key, date) do nothing
        returning id as "id: AlertId"
        "#,
        owner.0,
        &alerts.iter().map(|alert| alert.id.0).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.portfolio_id.0).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.rule_id.0).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.date).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.key.clone()).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.priority).collect::<Vec<_>>() as &[Priority],
        &alerts.iter().map(|alert| alert.title.clone()).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.message.clone()).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.value).collect::<Vec<_>>(),
        &alerts.iter().map(|alert| alert.triggered_at).collect::<Vec<_>>(),
    )
    .fetch_all(db)
    .await
}

/// The owner's alerts of these ids; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[AlertId],
) -> sqlx::Result<Vec<Alert>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: AlertId", portfolio_id as "portfolio_id: PortfolioId",
               rule_id as "rule_id: AlertRuleId", date, key, priority as "priority: Priority",
               title, message, value, triggered_at, acknowledged_at
          from alerts
         where owner_id = $1 and id = any($2)
        "#,
        owner.0,
        ids as &[AlertId],
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Notes that the owner has seen an alert; false when they had already, or have none of that id.
pub async fn acknowledge(
    db: impl PgExecutor<'_>,
    owner: UserId,
    id: AlertId,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        update alerts
           set acknowledged_at = $3
         where owner_id = $1 and id = $2 and acknowledged_at is null
        "#,
        owner.0,
        id.0,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes the owner's of sessions before a date. The number removed.
pub async fn delete_before(
    db: impl PgExecutor<'_>,
    owner: UserId,
    date: NaiveDate,
) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from alerts where owner_id = $1 and date < $2", owner.0, date,);
    Ok(done.execute(db).await?.rows_affected())
}

/// The newest of the owner's that nobody has acknowledged, of all portfolios or of one; the oldest
/// of them first.
pub async fn open(
    db: impl PgExecutor<'_>,
    owner: UserId,
    portfolio: Option<PortfolioId>,
    limit: i64,
) -> sqlx::Result<Vec<Alert>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: AlertId", portfolio_id as "portfolio_id: PortfolioId",
               rule_id as "rule_id: AlertRuleId", date, key, priority as "priority: Priority",
               title, message, value, triggered_at, acknowledged_at
          from alerts
         where owner_id = $1 and acknowledged_at is null
           and ($2::uuid is null or portfolio_id = $2)
         order by id desc
         limit $3
        "#,
        owner.0,
        portfolio.map(|id| id.0),
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().rev().map(Into::into).collect())
}

/// A page of a person's alerts, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlertsPage {
    /// Of this priority alone.
    pub priority: Option<Priority>,
    /// Also those that were acknowledged.
    pub with_acknowledged: bool,
    pub page: Page<AlertId>,
}

/// Pages of the owner's; one slice for each page, in their order.
pub async fn pages(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[AlertsPage],
) -> sqlx::Result<Vec<Slice<Alert>>> {
    let pages = || asked.iter().map(|asked| &asked.page);
    let Asked { after, fetched, .. } = Asked::of(pages());
    let rows = sqlx::query!(
        r#"
        select page.ordinal as "ordinal!", a.id as "id?: AlertId",
               a.portfolio_id as "portfolio_id?: PortfolioId", a.rule_id as "rule_id?: AlertRuleId",
               a.date as "date?", a.key as "key?", a.priority as "priority?: Priority",
               a.title as "title?", a.message as "message?", a.value as "value?",
               a.triggered_at as "triggered_at?", a.acknowledged_at
          from unnest($2::text[], $3::bool[], $4::uuid[], $5::bigint[])
               with ordinality page (priority, with_acknowledged, after, fetched, ordinal)
          left join lateral (
               select *
                 from alerts
                where owner_id = $1
                  and (page.priority is null or priority = page.priority)
                  and (page.with_acknowledged or acknowledged_at is null)
                  and (page.after is null or id < page.after)
                order by id desc
                limit page.fetched) a on true
         order by page.ordinal, a.id desc
        "#,
        owner.0,
        &asked.iter().map(|page| page.priority).collect::<Vec<_>>() as &[Option<Priority>],
        &asked.iter().map(|page| page.with_acknowledged).collect::<Vec<_>>(),
        &after as &[Option<AlertId>],
        &fetched,
    )
    .map(|row| {
        let alert = (|| {
            Some(Alert {
                id: row.id?,
                portfolio_id: row.portfolio_id?,
                rule_id: row.rule_id?,
                date: row.date?,
                key: row.key?,
                priority: row.priority?,
                title: row.title?,
                message: row.message?,
                value: row.value?,
                triggered_at: row.triggered_at?,
                acknowledged_at: row.acknowledged_at,
            })
        })();
        // Nobody asks how long the list is.
        (row.ordinal, 0, alert)
    })
    .fetch_all(db)
    .await?;
    Ok(slices(pages(), rows))
}
