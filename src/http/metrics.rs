//! `GET /metrics`: figures for Prometheus. What this process counted, its connections, and what the
//! database knows of the jobs, whichever process works on them.
//!
//! Open to whoever reaches the address, as Prometheus expects: no figure says anything of a person.
//! A proxy in front keeps it to itself.

use std::fmt::Write;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Door;
use crate::domain::job::JobStatus;
use crate::error::{Error, chain};
use crate::store::jobs::census::{Census, census};
use crate::telemetry;

/// The version of the text form.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long the jobs are not counted again, however often somebody reads.
const FRESH: Duration = Duration::from_secs(2);
/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the database last said, and when.
#[derive(Default)]
pub struct Known(Mutex<Option<(Instant, Vec<Census>)>>);

pub async fn show(State(door): State<Door>) -> Response {
    let mut text = telemetry::render();
    let (open, idle) = door.services.db.connections();
    family(
        &mut text,
        "db_pool_connections",
        "Connections to the database",
        &[
            (r#"{state="busy"}"#.into(), f64::from(open) - count(idle)),
            (r#"{state="idle"}"#.into(), count(idle)),
        ],
    );
    let jobs = timeout(PATIENCE, door.jobs()).await;
    let is_up = matches!(jobs, Ok(Ok(_)));
    family(
        &mut text,
        "database_up",
        "1 when the database answers, else 0",
        &[(String::new(), f64::from(u8::from(is_up)))],
    );
    match jobs {
        Ok(Ok(jobs)) => tell(&mut text, &jobs, door.services.now()),
        Ok(Err(error)) => tracing::warn!(error = chain(&error), "the jobs cannot be counted"),
        Err(_) => tracing::warn!("the jobs cannot be counted in time"),
    }
    ([(CONTENT_TYPE, TEXT)], text).into_response()
}

impl Door {
    async fn jobs(&self) -> Result<Vec<Census>, Error> {
        // Whoever reads meanwhile waits for the same.
        let mut known = self.known.0.lock().await;
        if let Some((_, jobs)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(jobs.clone());
        }
        let mut tx = self.services.db.begin_as_operator(None).await?;
        let jobs = census(tx.statement()).await?;
        tx.commit().await?;
        *known = Some((Instant::now(), jobs.clone()));
        Ok(jobs)
    }
}

/// The jobs as gauges: they are forgotten after a while, so that numbers also fall.
fn tell(text: &mut String, jobs: &[Census], now: DateTime<Utc>) {
    let of = |group: &Census| {
        format!(r#"{{kind="{}",status="{}"}}"#, group.kind.as_str(), group.status.as_str())
    };
    let by_kind = |group: &Census| format!(r#"{{kind="{}"}}"#, group.kind.as_str());
    let seconds = |at: DateTime<Utc>| count((now - at).num_seconds().max(0));
    let with = |status: JobStatus| jobs.iter().filter(move |group| group.status == status);

    let lines: Vec<_> = jobs.iter().map(|group| (of(group), count(group.count))).collect();
    family(text, "jobs", "Jobs by kind and status, as far back as they are kept", &lines);

    let lines: Vec<_> =
        jobs.iter().map(|group| (of(group), count(group.failed_attempts))).collect();
    family(text, "job_failed_attempts", "Attempts that failed, by how their jobs stand", &lines);

    let stuck = jobs.iter().map(|group| group.stuck).sum::<i64>();
    let lines = [(String::new(), count(stuck))];
    family(text, "jobs_stuck", "Running jobs whose worker has said nothing for a minute", &lines);

    let oldest = with(JobStatus::Queued).map(|group| group.oldest_due).min();
    let lines = [(String::new(), oldest.map_or(0.0, seconds))];
    family(text, "jobs_oldest_queued_seconds", "Since the oldest queued job was due", &lines);

    let lines: Vec<_> = with(JobStatus::Succeeded)
        .filter_map(|group| Some((by_kind(group), seconds(group.newest_end?))))
        .collect();
    family(text, "job_last_success_age_seconds", "Since a job of a kind last succeeded", &lines);
}

/// One family of gauges; nothing without a line.
fn family(text: &mut String, name: &str, help: &str, lines: &[(String, f64)]) {
    if lines.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP sigmasight_{name} {help}.\n# TYPE sigmasight_{name} gauge");
    for (labels, value) in lines {
        let _ = writeln!(text, "sigmasight_{name}{labels} {value}");
    }
}

/// A count as Prometheus takes it: exact far beyond any number of jobs.
fn count(number: impl TryInto<u32>) -> f64 {
    number.try_into().map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::JobKind;

    #[test]
    fn jobs_that_wait_fail_and_succeed_are_told_apart() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let group = |kind, status, count| Census {
            kind,
            status,
            count,
            failed_attempts: 2,
            stuck: 0,
            oldest_due: at("2026-01-05T21:00:00Z"),
            newest_end: (status == JobStatus::Succeeded).then(|| at("2026-01-05T21:20:00Z")),
        };
        let jobs = [
            group(JobKind::Backfill, JobStatus::Queued, 3),
            group(JobKind::Daily, JobStatus::Succeeded, 7),
        ];
        let mut text = String::new();
        tell(&mut text, &jobs, at("2026-01-05T21:30:00Z"));
        for line in [
            r#"sigmasight_jobs{kind="BACKFILL",status="QUEUED"} 3"#,
            r#"sigmasight_jobs{kind="DAILY",status="SUCCEEDED"} 7"#,
            r#"sigmasight_job_failed_attempts{kind="DAILY",status="SUCCEEDED"} 2"#,
            "sigmasight_jobs_stuck 0",
            "sigmasight_jobs_oldest_queued_seconds 1800",
            r#"sigmasight_job_last_success_age_seconds{kind="DAILY"} 600"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in\n{text}");
        }
    }
}
