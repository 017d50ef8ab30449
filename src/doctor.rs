//! What is well and what is not, a line each, with what to do about it.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};

use crate::app::{App, Database};
use crate::config::Config;
use crate::domain::calendar::new_york_date;
use crate::domain::price::PriceSource;
use crate::domain::rate::YieldSource;
use crate::error::chain;
use crate::postgres;
use crate::services::providers::{self, Status};
use crate::services::rates::MAX_AGE_DAYS;
use crate::store;

/// What was found.
pub struct Report {
    pub text: String,
    pub is_healthy: bool,
}

/// How far this machine's clock may be from the database's.
const MAX_CLOCK_SKEW_SECONDS: i64 = 5;

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
    match store::throttle::gates(app.services.db.shared()).await {
        Ok(gates) => report.look_at_providers(&providers::statuses(&app.services, &gates)),
        Err(error) => report.ill("providers", &error.to_string()),
    }
    match store::yields::newest(app.services.db.shared()).await {
        Ok(newest) => report.look_at_yields(&app, newest),
        Err(error) => report.ill("yields", &error.to_string()),
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
                self.well(&what, &format!("not configured; {missing} for it"));
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
