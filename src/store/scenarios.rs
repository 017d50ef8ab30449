//! Stress scenarios, everybody's and people's own.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::id::{ScenarioId, UserId};
use crate::domain::scenario::{Category, Scenario, Severity, Shock};
use crate::domain::text::fold;

/// Those that the owner may see, everybody's first; all of them, or those among `ids`.
pub async fn visible(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: Option<&[ScenarioId]>,
) -> sqlx::Result<Vec<Scenario>> {
    sqlx::query!(
        r#"
        select id as "id!: ScenarioId", key, name as "name!", description as "description!",
               category as "category!: Category", severity as "severity: Severity",
               shocks as "shocks!: Json<Vec<Shock>>", historical_period,
               is_active as "is_active!", created_at as "created_at!"
          from (select id, key, ordinal, '' as name_key, name, description, category, severity,
                       shocks, historical_period, is_active, created_at
                  from built_in_scenarios
                 union all
                select id, null, null, name_key, name, description, category, null, shocks, null,
                       is_active, created_at
                  from stress_scenarios
                 where owner_id = $1) seen
         where $2::uuid[] is null or id = any($2)
         order by ordinal nulls last, name_key
        "#,
        owner.0,
        ids as Option<&[ScenarioId]>,
    )
    .map(|row| Scenario {
        id: row.id,
        key: row.key,
        name: row.name,
        description: row.description,
        category: row.category,
        severity: row.severity.unwrap_or_else(|| Severity::of_shocks(&row.shocks)),
        shocks: row.shocks.0,
        historical_period: row.historical_period,
        is_active: row.is_active,
        created_at: row.created_at,
    })
    .fetch_all(db)
    .await
}

/// How many the owner has.
pub async fn count(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from stress_scenarios where owner_id = $1"#,
        owner.0,
    )
    .fetch_one(db)
    .await
}

/// False when the owner has one of that name.
pub async fn insert(db: impl PgExecutor<'_>, owner: UserId, new: &Scenario) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into stress_scenarios
               (owner_id, id, name, name_key, description, category, shocks, is_active, created_at,
                updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        on conflict (owner_id, name_key) do nothing
        "#,
        owner.0,
        new.id.0,
        new.name,
        fold(&new.name),
        new.description,
        new.category as Category,
        Json(&new.shocks) as _,
        new.is_active,
        new.created_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what can be changed of the owner's scenario; false when another has that name.
pub async fn update(
    db: impl PgExecutor<'_>,
    owner: UserId,
    changed: &Scenario,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        update stress_scenarios
           set name = $3, name_key = $4, description = $5, shocks = $6, is_active = $7,
               updated_at = $8
         where owner_id = $1 and id = $2
           and not exists (select
                             from stress_scenarios other
                            where other.owner_id = $1 and other.name_key = $4 and other.id <> $2)
        "#,
        owner.0,
        changed.id.0,
        changed.name,
        fold(&changed.name),
        changed.description,
        Json(&changed.shocks) as _,
        changed.is_active,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// False when the owner has none of that id.
pub async fn delete(db: impl PgExecutor<'_>, owner: UserId, id: ScenarioId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "delete from stress_scenarios where owner_id = $1 and id = $2",
        owner.0,
        id.0,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// One of the scenarios that come with the program.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltIn {
    pub key: String,
    pub name: String,
    pub description: String,
    pub category: Category,
    pub severity: Severity,
    pub shocks: Vec<Shock>,
    pub historical_period: Option<String>,
}

/// Makes everybody's scenarios these, in this order. Rows that are so already are not written;
/// what is no longer among them becomes inactive.
pub async fn keep_built_in(db: impl PgExecutor<'_>, all: &[BuiltIn]) -> sqlx::Result<()> {
    let keys: Vec<_> = all.iter().map(|one| one.key.clone()).collect();
    let names: Vec<_> = all.iter().map(|one| one.name.clone()).collect();
    let descriptions: Vec<_> = all.iter().map(|one| one.description.clone()).collect();
    let categories: Vec<_> = all.iter().map(|one| one.category).collect();
    let severities: Vec<_> = all.iter().map(|one| one.severity).collect();
    let shocks: Vec<_> = all.iter().map(|one| Json(&one.shocks)).collect();
    let periods: Vec<_> = all.iter().map(|one| one.historical_period.clone()).collect();
    sqlx::query!(
        r#"
        with wanted as (
            select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                                 $6::jsonb[], $7::text[])
                     with ordinality
                     w (key, name, description, category, severity, shocks, historical_period,
                        ordinal)
        ), retired as (
            update built_in_scenarios
               set is_active = false
             where is_active and key <> all($1)
        )
        insert into built_in_scenarios as known
               (key, name, description, category, severity, shocks, historical_period, ordinal)
        select key, name, description, category, severity, shocks, historical_period, ordinal
          from wanted
            on conflict (key) do update
           set name = excluded.name, description = excluded.description,
               category = excluded.category, severity = excluded.severity,
               shocks = excluded.shocks, historical_period = excluded.historical_period,
               ordinal = excluded.ordinal, is_active = true
         where (known.name, known.description, known.category, known.severity, known.shocks,
                known.historical_period, known.ordinal, known.is_active)
               is distinct from
               (excluded.name, excluded.description, excluded.category, excluded.severity,
                excluded.shocks, excluded.historical_period, excluded.ordinal, true)
        "#,
        &keys,
        &names,
        &descriptions,
        &categories as &[Category],
        &severities as &[Severity],
        &shocks as &[Json<&Vec<Shock>>],
        &periods as &[Option<String>],
    )
    .execute(db)
    .await?;
    Ok(())
}
