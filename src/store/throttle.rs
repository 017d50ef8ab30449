//! Turns at the providers' gates. Instants may be given, for tests; without one the database's
//! clock counts, the only one that all processes share.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// One request for a turn.
pub struct Ask<'a> {
    pub gate: &'a str,
    pub now: Option<DateTime<Utc>>,
    /// Tokens in all, and the seconds until one that was taken returns.
    pub capacity: i32,
    pub window: f64,
    /// 0 goes first: a quote; 1 is a batch, 2 a backfill.
    pub rank: i32,
    /// Seconds it would wait; who would wait longer does not ask again, and holds up nobody.
    pub patience: f64,
    /// Failures in a row from which the gate lets a single request through, and the seconds
    /// until the next when that one says nothing.
    pub tolerance: i32,
    pub probe: f64,
}

/// What became of it.
pub struct Turn {
    /// Seconds until it is worth asking again; None is a turn, and a token is taken.
    pub wait: Option<f64>,
    /// Whether the wait is for a provider that rests after failures.
    pub rests: bool,
    pub failures: i32,
    /// Whether it is noted already that the provider answers: within the last minute, and
    /// without a failure since.
    pub is_noted: bool,
}

/// Takes a turn, or says how long to wait. Atomic: of those who ask at once, each decides over
/// what the one before left. None for a gate that is not there yet.
pub async fn take(db: impl PgExecutor<'_>, ask: &Ask<'_>) -> sqlx::Result<Option<Turn>> {
    sqlx::query_as!(
        Turn,
        r#"
        with found as (
            select *, coalesce($2, clock_timestamp()) as now
              from provider_gates
             where gate = $1
               for update),
        seen as (
            select *, array(select taken
                              from unnest(taken_at) taken
                             where taken > now - make_interval(secs => $4)
                             order by taken) as live
              from found),
        timed as (
            select *, greatest(
                       case when cardinality(live) >= $3
                            then live[cardinality(live) - $3 + 1] + make_interval(secs => $4) end,
                       case when paused_until > now then paused_until end,
                       case when rests_until > now then rests_until end,
                       case when $5 > 0 and quote_due > now then quote_due end,
                       case when $5 > 1 and batch_due > now then batch_due end) as ready_at
              from seen),
        decided as (
            select *,
                   case when ready_at <= now + make_interval(secs => $6)
                        then ready_at + interval '1 second' end as due
              from timed),
        stored as (
            update provider_gates g
               set taken_at = case when d.ready_at is null then d.live || d.now else d.live end,
                   quote_due = case when $5 = 0 then d.due else d.quote_due end,
                   batch_due = case when $5 = 1 then d.due else d.batch_due end,
                   rests_until = case when d.ready_at is null and d.failures >= $7
                                      then d.now + make_interval(secs => $8)
                                      else d.rests_until end
              from decided d
             where g.gate = d.gate)
        select extract(epoch from ready_at - now)::float8 as wait,
               coalesce(rests_until > now, false) as "rests!", failures as "failures!",
               coalesce(failures = 0 and answered_at > now - interval '1 minute'
                        and (failed_at is null or failed_at < answered_at), false) as "is_noted!"
          from decided
        "#,
        ask.gate,
        ask.now,
        ask.capacity,
        ask.window,
        ask.rank,
        ask.patience,
        ask.tolerance,
        ask.probe,
    )
    .fetch_optional(db)
    .await
}

/// Makes a gate with all its tokens; nothing happens to one that is there.
pub async fn open(db: impl PgExecutor<'_>, gate: &str) -> sqlx::Result<()> {
    sqlx::query!("insert into provider_gates (gate) values ($1) on conflict do nothing", gate)
        .execute(db)
        .await?;
    Ok(())
}

/// Lets nobody through for so many seconds; a longer silence stays.
pub async fn pause(
    db: impl PgExecutor<'_>,
    gate: &str,
    now: Option<DateTime<Utc>>,
    seconds: f64,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update provider_gates
           set paused_until = greatest(paused_until,
                   coalesce($2, clock_timestamp()) + make_interval(secs => $3))
         where gate = $1
        "#,
        gate,
        now,
        seconds,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Counts a failure; from `tolerance` in a row on, the gate rests for so many seconds.
pub async fn fail(
    db: impl PgExecutor<'_>,
    gate: &str,
    now: Option<DateTime<Utc>>,
    tolerance: i32,
    rest: f64,
    said: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update provider_gates
           set failures = failures + 1, last_error = left($5, 500),
               failed_at = coalesce($2, clock_timestamp()),
               rests_until = case when failures + 1 >= $3
                   then coalesce($2, clock_timestamp()) + make_interval(secs => $4) end
         where gate = $1
        "#,
        gate,
        now,
        tolerance,
        rest,
        said,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that the provider answers, and forgets its failures.
pub async fn succeed(
    db: impl PgExecutor<'_>,
    gate: &str,
    now: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update provider_gates
           set failures = 0, rests_until = null, answered_at = coalesce($2, clock_timestamp())
         where gate = $1
        "#,
        gate,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that the provider is there, and what it said instead of an answer.
pub async fn complain(
    db: impl PgExecutor<'_>,
    gate: &str,
    now: Option<DateTime<Utc>>,
    said: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        update provider_gates
           set failures = 0, rests_until = null, last_error = left($3, 500),
               failed_at = coalesce($2, clock_timestamp())
         where gate = $1
        "#,
        gate,
        now,
        said,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What is remembered of a provider.
#[derive(Clone, Debug)]
pub struct Gate {
    pub gate: String,
    /// By the clock of the database.
    pub now: DateTime<Utc>,
    /// When the tokens that may still be out were taken.
    pub taken_at: Vec<DateTime<Utc>>,
    /// Whether nobody is let through for now: it asked for silence, or rests after failures.
    pub is_closed: bool,
    /// Requests in a row that failed for its fault.
    pub failures: i32,
    /// To the minute.
    pub answered_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
    /// What was last wrong.
    pub last_error: Option<String>,
}

impl Gate {
    /// Whether the last request was answered usefully; None when none has ended yet.
    pub fn is_healthy(&self) -> Option<bool> {
        self.answered_at.or(self.failed_at)?;
        Some(self.failures == 0 && self.failed_at <= self.answered_at)
    }
}

/// All gates that were ever asked at; no order.
pub async fn gates(db: impl PgExecutor<'_>) -> sqlx::Result<Vec<Gate>> {
    sqlx::query_as!(
        Gate,
        r#"
        select gate, clock_timestamp() as "now!", taken_at,
               coalesce(greatest(paused_until, rests_until) > clock_timestamp(), false)
                   as "is_closed!",
               failures, answered_at, failed_at, last_error
          from provider_gates
        "#
    )
    .fetch_all(db)
    .await
}
