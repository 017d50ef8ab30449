//! What is well and what is not, a line each, with what to do about it.

use std::collections::BTreeSet;
use std::fmt::Write;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::app::{App, Database};
use crate::config::Config;
use crate::domain::calendar::new_york_date;
use crate::domain::job::JobStatus;
use crate::domain::price::PriceSource;
use crate::domain::rate::YieldSource;
use crate::error::chain;
use crate::postgres;
use crate::services::providers::{self, Status};
use crate::services::rates::MAX_AGE_DAYS;
use crate::store;
use crate::store::jobs::census::{Census, census};
use crate::store::schedules::Schedule;

/// What was found.
pub struct Report {
    pub text: String,
    pub is_healthy: bool,
}

/// How far this machine's clock may be from the database's.
const MAX_CLOCK_SKEW_SECONDS: i64 = 5;
/// How long a job may wait once it is due.
const LATE: TimeDelta = TimeDelta::minutes(30);

/// Looks at everything the program depends on.
pub async fn examine(config: Config) -> Report {
    let mut report = Report { text: String::new(), is_healthy: true };
    report.well("configuration", "the settings agree");
    let where_it_is = match &config.database_url {
        Some(_) => "DATABASE_URL".to_owned(),
        None => format!("private, in {}", config.data_dir.display()),
    };
    let database = match Database::open(&config).await {
        Ok(database) => database,
        Err(error) => {
            report.ill("database", &chain(&error));
            return report;
        }
    };
    // To look changes nothing: a schema that is behind is told, and not brought up to date.
    match postgres::pending(&database.options).await {
        Ok(0) => report.well("schema", "up to date"),
        Ok(steps) => {
            report.ill("schema", &format!("{steps} steps behind; run `sigmasight migrate`"));
            return report;
        }
        Err(error) => {
            report.ill("schema", &chain(&error));
            return report;
        }
    }
    let app = match Box::pin(App::over(config, database)).await {
        Ok(app) => app,
        Err(error) => {
            report.ill("database", &chain(&error));
            return report;
        }
    };
    if let Err(error) = report.look_at_database(&app.database, &app, &where_it_is).await {
        report.ill("database", &error.to_string());
    }
    match store::prices::coverage(app.services.db.shared()).await {
        Ok(coverage) => report.look_at_prices(&app, &coverage),
        Err(error) => report.ill("prices", &error.to_string()),
    }
    providers::try_out(&app.services).await;
    match store::throttle::gates(app.services.db.shared()).await {
        Ok(gates) => report.look_at_providers(&providers::statuses(&app.services, &gates)),
        Err(error) => report.ill("providers", &error.to_string()),
    }
    match store::yields::newest(app.services.db.shared()).await {
        Ok(newest) => report.look_at_yields(&app, newest),
        Err(error) => report.ill("yields", &error.to_string()),
    }
    if let Err(error) = report.look_at_jobs(&app).await {
        report.ill("jobs", &error.to_string());
    }
    let now = app.services.now();
    let today = app.services.calendar.day(new_york_date(now));
    let session = app.services.last_session();
    let day = match (&today.holiday, today.is_open()) {
        (Some(holiday), _) => format!("no session today ({holiday})"),
        (None, true) => "today is a session".into(),
        (None, false) => "no session today".into(),
    };
    report.well("calendar", &format!("{day}; the last completed one is {session}"));
    report
}

impl Report {
    fn well(&mut self, what: &str, finding: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "ok    {what:<14} {finding}");
    }

    fn ill(&mut self, what: &str, finding: &str) {
        self.is_healthy = false;
        let _ = writeln!(self.text, "MEND  {what:<14} {finding}");
    }

    async fn look_at_database(
        &mut self,
        database: &Database,
        app: &App,
        where_it_is: &str,
    ) -> sqlx::Result<()> {
        let db = &app.services.db;
        let (version, size, now): (String, String, DateTime<Utc>) = sqlx::query_as(
            "select current_setting('server_version'),
                    pg_size_pretty(pg_database_size(current_database())), clock_timestamp()",
        )
        .fetch_one(db.shared())
        .await?;
        let attached = match &database.embedded {
            Some(embedded) if !embedded.is_owner() => ", attached to a running one",
            _ => "",
        };
        self.well("database", &format!("PostgreSQL {version}, {size}, {where_it_is}{attached}"));
        let skew = (crate::clock::Clock::default().now() - now).num_seconds();
        if skew.abs() > MAX_CLOCK_SKEW_SECONDS {
            self.ill("clock", &format!("{skew} s ahead of the database's; set it by NTP"));
        } else {
            self.well("clock", "agrees with the database's");
        }
        Ok(())
    }

    async fn look_at_jobs(&mut self, app: &App) -> sqlx::Result<()> {
        let db = &app.services.db;
        let mut tx = db.begin_as_operator(None).await?;
        let jobs = census(tx.statement()).await?;
        let schedules = store::schedules::all(tx.statement()).await?;
        tx.commit().await?;
        for (is_well, finding) in judge_jobs(&jobs, &schedules, app.services.now()) {
            if is_well { self.well("jobs", &finding) } else { self.ill("jobs", &finding) }
        }
        Ok(())
    }

    fn look_at_prices(&mut self, app: &App, coverage: &[(PriceSource, NaiveDate)]) {
        let session = app.services.last_session();
        let sources: Vec<_> =
            coverage.iter().map(|(source, newest)| format!("{source:?} to {newest}")).collect();
        let sources = sources.join(", ");
        match coverage.iter().map(|(_, newest)| *newest).max() {
            None => self.ill("prices", "none yet; run `sigmasight import-prices FILE`"),
            Some(newest) if newest < session => {
                self.ill("prices", &format!("{sources}; the last session was {session}"));
            }
            Some(_) => self.well("prices", &sources),
        }
    }

    /// A line each: whether it is configured, when it last answered or what was wrong, and how
    /// often it may be asked now. That one is not configured is a choice.
    fn look_at_providers(&mut self, statuses: &[Status]) {
        for status in statuses {
            let what = format!("{} data", status.name);
            if let Some(missing) = status.missing {
                self.well(&what, &format!("not configured: lacks {missing}"));
                continue;
            }
            let tokens = status.allowance.map_or(String::new(), |of| {
                format!("; {} requests left of {} a minute", of.tokens, of.requests_per_minute)
            });
            match (&status.last_error, status.answered_at) {
                (Some((at, error)), _) => self.ill(&what, &format!("{error}, at {at}{tokens}")),
                (None, Some(at)) => self.well(&what, &format!("answered at {at}{tokens}")),
                (None, None) if status.is_healthy == Some(true) => self.well(&what, "simulated"),
                (None, None) => self.well(&what, &format!("configured, never asked yet{tokens}")),
            }
        }
    }

    fn look_at_yields(&mut self, app: &App, newest: Option<(NaiveDate, YieldSource)>) {
        let rate = app.services.assumptions.risk_free_rate;
        match newest {
            None => self.well("yields", &format!("none; RISK_FREE_RATE {rate} stands in")),
            Some((date, source)) => {
                let age = (app.services.last_session() - date).num_days();
                let finding = format!("{source:?} to {date}");
                if age > i64::from(MAX_AGE_DAYS) {
                    let finding = format!("{finding}, too old: RISK_FREE_RATE {rate} stands in");
                    self.ill("yields", &finding);
                } else {
                    self.well("yields", &finding);
                }
            }
        }
    }
}

/// What there is to say of the jobs, and whether it is well.
fn judge_jobs(jobs: &[Census], schedules: &[Schedule], now: DateTime<Utc>) -> Vec<(bool, String)> {
    let mut findings = Vec::new();
    let total = |status| {
        jobs.iter()
            .filter(move |group| group.status == status)
            .map(|group| group.count)
            .sum::<i64>()
    };
    let (queued, running) = (total(JobStatus::Queued), total(JobStatus::Running));
    let oldest = jobs.iter().filter(|group| group.status == JobStatus::Queued);
    let late = oldest.map(|group| now - group.oldest_due).max().unwrap_or_default();
    findings.push(if late > LATE {
        let minutes = late.num_minutes();
        (false, format!("{queued} queued, for up to {minutes} min; run `sigmasight worker`"))
    } else {
        (true, format!("{queued} queued, {running} running"))
    });
    let stuck: i64 = jobs.iter().map(|group| group.stuck).sum();
    if stuck > 0 {
        let next = "their workers are gone; another takes them over within a minute";
        findings.push((false, format!("{stuck} running without a sign of life; {next}")));
    }
    for kind in jobs.iter().map(|group| group.kind).collect::<BTreeSet<_>>() {
        let newest = |is: fn(JobStatus) -> bool| {
            let groups = jobs.iter().filter(|group| group.kind == kind && is(group.status));
            groups.filter_map(|group| group.newest_end).max()
        };
        let failed = newest(|status| matches!(status, JobStatus::Failed | JobStatus::TimedOut));
        let succeeded = newest(|status| status == JobStatus::Succeeded);
        if failed.is_some_and(|failed| succeeded.is_none_or(|succeeded| succeeded < failed)) {
            let kind = kind.as_str();
            findings.push((false, format!("the last {kind} failed; `jobs` of the API says why")));
        }
    }
    let off: Vec<_> = schedules
        .iter()
        .filter(|schedule| !schedule.is_enabled)
        .map(|it| it.kind.as_str())
        .collect();
    if !off.is_empty() {
        findings.push((false, format!("switched off: the schedules of {}", off.join(", "))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::JobKind;

    #[test]
    fn late_stuck_and_failing_jobs_are_named_and_what_recovered_is_not() {
        let now: DateTime<Utc> = "2026-01-05T21:30:00Z".parse().expect("an instant");
        let group = |kind, status, minutes_ago| Census {
            kind,
            status,
            count: 1,
            failed_attempts: 0,
            stuck: i64::from(status == JobStatus::Running),
            oldest_due: now - TimeDelta::minutes(minutes_ago),
            newest_end: status.has_ended().then(|| now - TimeDelta::minutes(minutes_ago)),
        };
        let ill = |jobs: &[Census]| {
            let findings = judge_jobs(jobs, &[], now);
            findings.into_iter().filter(|(is_well, _)| !is_well).map(|it| it.1).collect::<Vec<_>>()
        };
        assert!(ill(&[]).is_empty());
        let (daily, backfill) = (JobKind::Daily, JobKind::Backfill);
        let (queued, running) = (JobStatus::Queued, JobStatus::Running);
        assert!(ill(&[group(daily, queued, 10)]).is_empty());
        assert!(ill(&[group(daily, queued, 45)])[0].contains("for up to 45 min"));
        assert!(ill(&[group(daily, running, 1)])[0].contains("without a sign of life"));
        let failed = group(daily, JobStatus::TimedOut, 5);
        let before = group(daily, JobStatus::Succeeded, 9);
        let other = group(backfill, JobStatus::Succeeded, 1);
        let told = ill(&[failed.clone(), before, other]);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("the last DAILY failed"));
        assert!(ill(&[failed, group(daily, JobStatus::Succeeded, 1)]).is_empty());
    }
}
