//! Reports that are made again and again, in New York's time.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::exports::{self, AskedReport};
use super::{Services, schedules};
use crate::domain::export::{ExportFormat, ReportSchedule};
use crate::domain::id::{PortfolioId, ReportScheduleId, UserId};
use crate::error::{Code, Error, Refusal, chain};
use crate::postgres::Work;
use crate::store;

/// Most schedules of a portfolio.
const MOST: usize = 20;
/// Least time between two runs: a day, less the hour that the clocks may take.
const LEAST_HOURS: i64 = 23;
/// Runs that are looked ahead for two that are too close: more than a month of them.
const LOOKED_AHEAD: usize = 40;

/// A schedule as somebody wrote it.
pub struct NewSchedule {
    pub portfolio: Option<PortfolioId>,
    pub template: String,
    pub format: ExportFormat,
    pub cron: String,
}

/// Has a report on one of the owner's portfolios made again and again.
///
/// # Errors
/// `NotFound` unless the portfolio is theirs; `Validation` for what breaks a rule; `LimitExceeded`
/// for one too many.
pub async fn create(
    services: &Services,
    owner: UserId,
    new: NewSchedule,
) -> Result<ReportSchedule, Error> {
    let now = services.now();
    let asked = AskedReport {
        portfolio: new.portfolio,
        format: new.format,
        template: Some(new.template.clone()),
        sections: None,
        as_of: None,
    };
    exports::report_request(services, &asked)?;
    let (cron, next_run_at) = times(&new.cron, now)?;
    let mut tx = services.db.begin_as(owner).await?;
    let portfolio = exports::owned(&mut tx, owner, new.portfolio).await?;
    // One after the other, so that they can be counted.
    store::portfolios::lock(tx.statement(), owner, portfolio.id).await?;
    let known =
        store::report_schedules::of_portfolios(tx.statement(), owner, &[portfolio.id]).await?;
    if known.len() >= MOST {
        let message = format!("The portfolio has {MOST} schedules, which is the most.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("portfolioId")
            .hint("Delete one with `deleteReportSchedule`.")
            .into());
    }
    let schedule = ReportSchedule {
        id: ReportScheduleId::fresh(),
        portfolio_id: portfolio.id,
        template: new.template,
        format: new.format,
        cron,
        is_enabled: true,
        next_run_at: Some(next_run_at),
        last_run_at: None,
        created_at: now,
    };
    store::report_schedules::insert(tx.statement(), owner, &schedule).await?;
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action: "report_schedule.create",
        subject: Some(("ReportSchedule", schedule.id.0)),
        detail: json!({ "template": schedule.template, "cron": schedule.cron }),
    };
    store::audit::append(tx.statement(), entry, now).await?;
    tx.commit().await?;
    Ok(schedule)
}

/// Ends a schedule of the owner's; what it has made stays.
///
/// # Errors
/// `NotFound` unless it is theirs.
pub async fn delete(
    services: &Services,
    owner: UserId,
    id: Option<ReportScheduleId>,
) -> Result<ReportScheduleId, Error> {
    let missing = || Refusal::not_found("schedule").at("id");
    let id = id.ok_or_else(missing)?;
    let mut tx = services.db.begin_as(owner).await?;
    if !store::report_schedules::delete(tx.statement(), owner, id).await? {
        return Err(missing().into());
    }
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action: "report_schedule.delete",
        subject: Some(("ReportSchedule", id.0)),
        detail: json!({}),
    };
    store::audit::append(tx.statement(), entry, services.now()).await?;
    tx.commit().await?;
    Ok(id)
}

/// Asks for the reports that are due, each once however many look, and once however many times it
/// was missed. The number asked for.
///
/// # Errors
/// When the database fails.
pub async fn look(services: &Services) -> Result<usize, Error> {
    let mut asked = 0;
    for (owner, id) in store::report_schedules::due(services.db.shared(), services.now()).await? {
        match look_at(services, owner, id).await {
            Ok(is_asked) => asked += usize::from(is_asked),
            Err(error) if error.is_of_a_database_away() => return Err(error),
            // One that fails so is looked at again; the others are not to wait for it.
            Err(error) => {
                tracing::error!(error = chain(&error), schedule = %id, "a report is not asked for");
            }
        }
    }
    Ok(asked)
}

async fn look_at(services: &Services, owner: UserId, id: ReportScheduleId) -> Result<bool, Error> {
    let now = services.now();
    let mut tx = services.db.begin_as(owner).await?;
    // Somebody else is looking at it, or has.
    let taken = store::report_schedules::take_due(tx.statement(), owner, id, now).await?;
    let Some((schedule, due)) = taken.and_then(|one| one.next_run_at.map(|due| (one, due))) else {
        return Ok(false);
    };
    let next = schedules::next_of(&schedule.cron, now);
    let outcome = ask(services, &mut tx, owner, &schedule, due).await;
    if let Err(error) = outcome {
        drop(tx);
        if !is_lasting(&error) {
            return Err(error);
        }
        // The same would be refused every minute: it is tried again when it is due again.
        let mut tx = services.db.begin_as(owner).await?;
        store::report_schedules::ran(tx.statement(), owner, id, due, next).await?;
        tx.commit().await?;
        tracing::error!(error = chain(&error), schedule = %id, "a report is not asked for");
        return Ok(false);
    }
    store::report_schedules::ran(tx.statement(), owner, id, due, next).await?;
    tx.commit().await?;
    Ok(true)
}

/// Asks for the report of a schedule that is due.
async fn ask(
    services: &Services,
    tx: &mut Work,
    owner: UserId,
    schedule: &ReportSchedule,
    due: DateTime<Utc>,
) -> Result<(), Error> {
    let asked = AskedReport {
        portfolio: Some(schedule.portfolio_id),
        format: schedule.format,
        template: Some(schedule.template.clone()),
        sections: None,
        as_of: None,
    };
    let request = exports::report_request(services, &asked)?;
    let portfolio = exports::owned(tx, owner, Some(schedule.portfolio_id)).await?;
    let new = exports::New {
        owner,
        portfolio: Some(&portfolio),
        format: schedule.format,
        request,
        schedule: Some(schedule.id),
    };
    let occasion = format!("REPORT:{}:{}", schedule.id, due.to_rfc3339());
    exports::ask(services, tx, new, Some(occasion)).await?;
    Ok(())
}

/// Whether the same fails a minute later too, of what is asked with a connection at hand: a limit
/// is then one of the owner's.
fn is_lasting(error: &Error) -> bool {
    match error {
        Error::Refused(refusal) => !matches!(refusal.code, Code::Conflict | Code::Timeout),
        Error::Internal(_) => true,
        Error::Database(_) | Error::Stopped => false,
    }
}

/// Five fields as they are kept, and when they are due first.
///
/// # Errors
/// `Validation` for what cannot be read, is never due, or is due more than once a day.
fn times(cron: &str, now: DateTime<Utc>) -> Result<(String, DateTime<Utc>), Refusal> {
    let refuse = |message: &'static str| {
        Refusal::validation(message).at("cron").hint("`0 18 * * 1-5` is weekdays at 18:00.")
    };
    let fields: Vec<_> = cron.split_whitespace().collect();
    let cron = fields.join(" ");
    if fields.len() != 5 || cron.len() > 100 || !cron.is_ascii() || !schedules::is_read(&cron) {
        return Err(refuse("Give five fields: minute, hour, day, month and day of the week."));
    }
    let first = schedules::next_of(&cron, now).ok_or_else(|| refuse("It is never due."))?;
    let mut last = first;
    for _ in 0..LOOKED_AHEAD {
        let Some(next) = schedules::next_of(&cron, last) else { break };
        if next - last < TimeDelta::hours(LEAST_HOURS) {
            return Err(refuse("A report is made at most once a day."));
        }
        last = next;
    }
    Ok((cron, first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_made_at_most_once_a_day_and_by_five_fields() {
        let now: DateTime<Utc> = "2026-03-06T12:00:00Z".parse().expect("an instant");
        let (cron, first) = times("  0  18 * *  1-5 ", now).expect("a schedule");
        assert_eq!(cron, "0 18 * * 1-5");
        assert_eq!(first.to_rfc3339(), "2026-03-06T23:00:00+00:00");
        // Over the night in which the clocks go forward it is 23 hours.
        assert!(times("0 18 * * *", now).is_ok() && times("30 7 * * MON", now).is_ok());
        for wrong in ["* * * * *", "0 9,17 * * *", "0 0 * * * *", "", "x", "0 0 31 2 *", "@daily"] {
            assert!(times(wrong, now).is_err(), "{wrong}");
        }
    }
}
