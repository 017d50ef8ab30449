//! The engine's tasks: each job once at a time, within its time, with its progress told and its
//! end remembered.
//!
//! The engine finds the work, keeps two workers from taking the same, and gives what a dead worker
//! held to another. All else is decided here and written to `batch_jobs`: how often to try again,
//! when to stop, what to say. An attempt carries its number into whatever it writes, so that a
//! worker that was taken for dead writes nothing over whoever came after it.

use std::fmt;
use std::time::Duration;

use graphile_worker::{Cron, IntoTaskHandlerResult, TaskHandler, WorkerContext, WorkerOptions};
use graphile_worker::{Worker, WorkerRecoveryConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{chain, schedule, work};
use crate::domain::id::JobId;
use crate::domain::job::{Failure, Job, JobStatus};
use crate::error::{Code, Error, chain as causes};
use crate::postgres::ENGINE_SCHEMA;
use crate::services::Services;
use crate::services::jobs::{Details, queue};
use crate::services::meter::Meter;
use crate::store;

/// Jobs one process works on at a time: some compute, others wait for a provider for hours.
const AT_ONCE: usize = 4;
/// How often a running job says that it is alive, tells its progress and hears whether to stop.
const BEAT: Duration = Duration::from_millis(400);
/// How often a worker says that it is alive within the silence after which it is taken for dead.
const PULSES: u32 = 4;
/// How long jobs may go on once the process is asked to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait before an engine that lost its database is started again.
const AFTER_A_FALL: Duration = Duration::from_secs(2);
/// How long a step waits before it looks again whether what it needs is done.
const WAITING_SECONDS: f64 = 15.0;
/// Before a second attempt, doubled before each further one, up to the longest.
const FIRST_PAUSE_SECONDS: f64 = 5.0;
const LONGEST_PAUSE_SECONDS: f64 = 300.0;

/// Where the engine works, and how patient it is with its workers.
#[derive(Clone, Debug)]
pub struct Engine {
    /// As the role that owns the schema: the engine works in its own.
    pub options: PgConnectOptions,
    /// After so long a worker is taken for dead, and what it held goes to another.
    pub silence: Duration,
}

/// Works until asked to stop; started again whenever the engine falls.
pub async fn keep(services: Services, engine: Engine, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let worked = async {
            schedule::plan(&services).await?;
            let worker = start(&services, &engine, &stop).await?;
            let failed = |error| Error::Internal(format!("the engine of the jobs fell: {error}"));
            worker.run().await.map_err(failed)
        };
        if let Err(error) = worked.await {
            tracing::error!(error = causes(&error), "no job is worked on; starting again");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(AFTER_A_FALL) => {}
            }
        }
    }
}

/// Works off whatever is due, and returns.
///
/// # Errors
/// When the engine cannot be started or falls.
pub async fn drain(services: &Services, engine: &Engine) -> Result<(), Error> {
    let worker = start(services, engine, &CancellationToken::new()).await?;
    let failed = |error| Error::Internal(format!("the engine of the jobs fell: {error}"));
    worker.run_once().await.map_err(failed)
}

async fn start(
    services: &Services,
    engine: &Engine,
    stop: &CancellationToken,
) -> Result<Worker, Error> {
    let options = engine.options.clone().application_name("sigmasight jobs");
    let pool = PgPoolOptions::new().max_connections(6).connect_with(options).await?;
    let recovery = WorkerRecoveryConfig::default()
        .enabled(true)
        .heartbeat_interval(engine.silence / PULSES)
        .sweep_interval(engine.silence / PULSES)
        .sweep_threshold(engine.silence)
        .recovery_delay(Duration::ZERO);
    let stopping = stop.clone();
    WorkerOptions::default()
        .schema(ENGINE_SCHEMA)
        .pg_pool(pool)
        .concurrency(AT_ONCE)
        .worker_recovery(recovery)
        .listen_os_shutdown_signals(false)
        .shutdown_signal(async move { stopping.cancelled().await })
        .shutdown_grace_period(GRACE)
        .add_extension(Hands { services: services.clone(), stop: stop.clone() })
        .define_job::<Run>()
        .define_job::<Look>()
        .with_cron(Cron::every_minute::<Look>())
        .init()
        .await
        .map_err(|error| Error::Internal(format!("the engine of the jobs cannot start: {error}")))
}

/// What every task has at hand.
#[derive(Clone)]
struct Hands {
    services: Services,
    stop: CancellationToken,
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hands")
    }
}

/// The engine's view of a job: all else is in `batch_jobs`.
#[derive(Serialize, Deserialize)]
struct Run {
    job: JobId,
}

impl TaskHandler for Run {
    const IDENTIFIER: &'static str = "run";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let hands = ctx.get_ext::<Hands>().cloned().ok_or("a worker without hands")?;
        // An error here is one of the database: the engine asks again in a while.
        run(&hands, self.job).await.map_err(|error| {
            tracing::error!(error = causes(&error), job = %self.job, "a job could not be seen to");
            "the job could not be seen to"
        })
    }
}

/// The engine's minute.
#[derive(Serialize, Deserialize)]
struct Look;

impl TaskHandler for Look {
    const IDENTIFIER: &'static str = "look_at_schedules";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let hands = ctx.get_ext::<Hands>().cloned().ok_or("a worker without hands")?;
        schedule::look(&hands.services).await.map(drop).map_err(|error| {
            tracing::error!(error = causes(&error), "the schedules could not be looked at");
            "the schedules could not be looked at"
        })
    }
}

/// How an attempt came out.
pub(super) enum Outcome {
    Done,
    /// Trying again cannot help.
    Refused(Failure),
    /// It may go better another time.
    Failed(Failure),
    Cancelled,
    TimedOut,
    /// The process ends; somebody else goes on.
    Interrupted,
    /// What it needs is not done yet.
    Waiting,
    /// Somebody else has taken over.
    Superseded,
}

/// Sees one job through, or puts it back.
async fn run(hands: &Hands, id: JobId) -> Result<(), Error> {
    let Hands { services, stop } = hands;
    let mut tx = services.db.begin_as_operator(None).await?;
    let Some((job, details)) = store::jobs::begin(tx.statement(), id, services.now()).await? else {
        return Ok(());
    };
    tx.commit().await?;

    let kind = job.kind.as_str();
    let meter = Meter::resumed(job.steps.clone(), job.failures.clone());
    let outcome = if job.is_cancelling {
        Outcome::Cancelled
    } else if job.attempt > job.max_attempts {
        // Only a worker that dies leaves an attempt without an end.
        Outcome::Refused(Failure {
            code: Code::Internal.as_str().into(),
            message: format!(
                "It was begun {} times, and never brought to an end.",
                job.max_attempts
            ),
            hint: None,
        })
    } else {
        match wait(services, &job).await? {
            Some(outcome) => outcome,
            None => attempt(services, &job, details, &meter, stop).await?,
        }
    };
    let (attempt, date) = (job.attempt, job.date);
    match &outcome {
        Outcome::Done => tracing::info!(job = %id, kind, ?date, attempt, "a job is done"),
        Outcome::Failed(why) | Outcome::Refused(why) => {
            tracing::warn!(job = %id, kind, ?date, attempt, why = why.message, "a job failed");
        }
        Outcome::TimedOut => tracing::warn!(job = %id, kind, ?date, attempt, "a job took too long"),
        Outcome::Cancelled => tracing::info!(job = %id, kind, ?date, "a job was cancelled"),
        Outcome::Interrupted | Outcome::Waiting | Outcome::Superseded => {}
    }
    settle(services, &job, outcome).await
}

/// What keeps a step from beginning: something it needs, for the same date, that is not done.
/// What nobody has asked for yet is asked for.
async fn wait(services: &Services, job: &Job) -> Result<Option<Outcome>, Error> {
    let needs = chain::needs(job.kind);
    let Some(date) = job.date.filter(|_| job.owner_id.is_none() && !needs.is_empty()) else {
        return Ok(None);
    };
    let mut tx = services.db.begin_as_operator(None).await?;
    let known = store::jobs::of_date(tx.statement(), date, needs).await?;
    let mut is_waiting = false;
    for need in needs {
        match known.iter().find(|(kind, ..)| kind == need).map(|(_, _, status)| *status) {
            Some(JobStatus::Succeeded) => {}
            Some(status) if status.has_ended() => {
                return Ok(Some(Outcome::Refused(Failure {
                    code: Code::InsufficientData.as_str().into(),
                    message: format!(
                        "{} of {date} did not succeed, and this needs it.",
                        need.as_str()
                    ),
                    hint: Some("Run DAILY for that date: it does all of the chain.".into()),
                })));
            }
            Some(_) => is_waiting = true,
            None => {
                let asked = crate::services::jobs::Ask {
                    date: Some(date),
                    ..crate::services::jobs::Ask::of(*need)
                };
                crate::services::jobs::ask(&mut tx, asked, services.now()).await?;
                is_waiting = true;
            }
        }
    }
    tx.commit().await?;
    Ok(is_waiting.then_some(Outcome::Waiting))
}

/// One attempt, watched.
pub(super) async fn attempt(
    services: &Services,
    job: &Job,
    details: Value,
    meter: &Meter,
    stop: &CancellationToken,
) -> Result<Outcome, Error> {
    let details: Details = match serde_json::from_value(details) {
        Ok(details) => details,
        Err(error) => {
            tracing::error!(%error, job = %job.id, "a job's details cannot be read");
            return Ok(Outcome::Refused(ours()));
        }
    };
    let working = {
        let (services, job, meter) = (services.clone(), job.clone(), meter.clone());
        tokio::spawn(async move { work::run(&services, &job, &details, &meter).await })
    };
    // Dropped, it stops where it next waits; what computes stops where it next looks.
    let working = AbortOnDropHandle::new(working);
    let patience = Duration::from_secs(u64::try_from(job.timeout_seconds).unwrap_or(1));
    let outcome = tokio::select! {
        done = tokio::time::timeout(patience, working) => match done {
            Err(_) => Outcome::TimedOut,
            Ok(Ok(Ok(()))) => Outcome::Done,
            Ok(Ok(Err(error))) => failed(job, error),
            Ok(Err(panicked)) => {
                tracing::error!(error = %panicked, job = %job.id, "an attempt panicked");
                Outcome::Failed(ours())
            }
        },
        outcome = watch(services, job, meter) => outcome,
        () = stop.cancelled() => Outcome::Interrupted,
    };
    meter.stop();
    // Also what is no news: whoever watched may have been about to tell it.
    let told = meter.told();
    let mut tx = services.db.begin_as_operator(None).await?;
    store::jobs::advance(tx.statement(), job.id, job.attempt, &told).await?;
    tx.commit().await?;
    Ok(outcome)
}

/// How an attempt came out that did not end well.
fn failed(job: &Job, error: Error) -> Outcome {
    let is_passing = error.is_passing();
    match error {
        Error::Refused(refusal) => {
            let failure = Failure {
                code: refusal.code.as_str().into(),
                message: refusal.message.into_owned(),
                hint: refusal.hint.map(Into::into),
            };
            if is_passing { Outcome::Failed(failure) } else { Outcome::Refused(failure) }
        }
        Error::Stopped => Outcome::Cancelled,
        error => {
            tracing::error!(error = causes(&error), job = %job.id, "an attempt failed");
            Outcome::Failed(ours())
        }
    }
}

/// What a caller is told of a failure of ours; the log has the rest.
fn ours() -> Failure {
    let message = Error::Internal(String::new()).sentence().into();
    Failure { code: Code::Internal.as_str().into(), message, hint: None }
}

/// Tells that an attempt is alive and how far it is, until it has to stop.
async fn watch(services: &Services, job: &Job, meter: &Meter) -> Outcome {
    loop {
        tokio::time::sleep(BEAT).await;
        let beaten = async {
            let mut tx = services.db.begin_as_operator(None).await?;
            if let Some(told) = meter.news() {
                store::jobs::advance(tx.statement(), job.id, job.attempt, &told).await?;
            }
            let beat = store::jobs::beat(tx.statement(), job.id, job.attempt).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(beat)
        };
        match beaten.await {
            Ok(Some(false)) => {}
            Ok(Some(true)) => return Outcome::Cancelled,
            Ok(None) => return Outcome::Superseded,
            // A job that works may well go on without being watched for a moment.
            Err(error) => tracing::warn!(%error, job = %job.id, "a job's progress is not told"),
        }
    }
}

/// Writes down how an attempt came out, and hands on what follows from it.
pub(super) async fn settle(services: &Services, job: &Job, outcome: Outcome) -> Result<(), Error> {
    let now = services.now();
    let mut tx = services.db.begin_as_operator(None).await?;
    let (status, failure) = match outcome {
        Outcome::Superseded => return Ok(()),
        Outcome::Done => (JobStatus::Succeeded, None),
        Outcome::Cancelled => (JobStatus::Cancelled, None),
        Outcome::Refused(failure) => (JobStatus::Failed, Some(failure)),
        Outcome::Failed(failure) if job.attempt >= job.max_attempts => {
            (JobStatus::Failed, Some(failure))
        }
        Outcome::TimedOut if job.attempt >= job.max_attempts => {
            let message = format!("It took more than {} s.", job.timeout_seconds);
            let code = Code::Timeout.as_str().into();
            (JobStatus::TimedOut, Some(Failure { code, message, hint: None }))
        }
        outcome @ (Outcome::Failed(_)
        | Outcome::TimedOut
        | Outcome::Interrupted
        | Outcome::Waiting) => {
            let counts = matches!(outcome, Outcome::Failed(_) | Outcome::TimedOut);
            let pause = match &outcome {
                Outcome::Interrupted => 0.0,
                Outcome::Waiting => WAITING_SECONDS,
                _ => pause(job.attempt),
            };
            let failure = if let Outcome::Failed(failure) = outcome { Some(failure) } else { None };
            let until = now + Duration::from_secs_f64(pause);
            let (id, of) = (job.id, job.attempt);
            let db = tx.statement();
            if store::jobs::postpone(db, id, of, counts, failure.as_ref(), until).await? {
                let queue = queue(job.kind, job.owner_id);
                store::jobs::enqueue(tx.statement(), id, queue, pause).await?;
            }
            return Ok(tx.commit().await?);
        }
    };
    let (id, of) = (job.id, job.attempt);
    store::jobs::finish(tx.statement(), id, of, status, failure.as_ref(), now).await?;
    if let Some(date) = job.date.filter(|_| job.owner_id.is_none()) {
        let next = chain::waiting_for(job.kind);
        for id in store::jobs::waiting(tx.statement(), date, &next).await? {
            store::jobs::enqueue(tx.statement(), id, queue(job.kind, None), 0.0).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// How long to wait after an attempt that failed, in seconds.
fn pause(attempt: i32) -> f64 {
    (FIRST_PAUSE_SECONDS * 2_f64.powi(attempt - 1)).min(LONGEST_PAUSE_SECONDS)
}
