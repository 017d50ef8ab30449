//! What runs when. The engine fires once a minute, in whichever process; what was due since the
//! last look is queued under a name of its kind and date, so that it happens once, however many
//! look, and late if nobody could.

use chrono::Utc;

use crate::domain::job::JobKind;
use crate::error::Error;
use crate::services::Services;
use crate::services::jobs::{Ask, ask, patience};
use crate::services::report_schedules;
use crate::services::schedules::due;
use crate::store;
use crate::store::schedules::Schedule;

/// A kind, when it is due in New York's time, and whether it is about a session.
///
/// Nothing is due between one and three in the morning, an hour that some days have twice and
/// others not at all.
const PLAN: &[(JobKind, &str, bool)] = &[
    (JobKind::MarketData, "0 16 * * 1-5", true),
    (JobKind::Greeks, "0 17 * * 1-5", true),
    (JobKind::Factors, "15 17 * * 1-5", true),
    (JobKind::MarketRisk, "20 17 * * 1-5", true),
    (JobKind::Snapshots, "30 17 * * 1-5", true),
    (JobKind::Stress, "35 17 * * 1-5", true),
    (JobKind::Alerts, "45 17 * * 1-5", true),
    (JobKind::Correlations, "0 18 * * 2", true),
    (JobKind::Accuracy, "10 18 * * 2", true),
    (JobKind::Retention, "45 4 * * *", false),
    // What a provider did not have yet, or could not be asked for.
    (JobKind::Backfill, "*/30 * * * *", false),
];

/// The schedule as the program comes with it, for what no operator has changed.
///
/// # Errors
/// When the database fails.
pub async fn plan(services: &Services) -> Result<(), Error> {
    let planned: Vec<_> = PLAN
        .iter()
        .map(|(kind, cron, of_session)| {
            let (timeout_seconds, max_attempts) = patience(*kind);
            Schedule {
                kind: *kind,
                cron: (*cron).into(),
                of_session: *of_session,
                timeout_seconds,
                max_attempts,
                is_enabled: true,
                looked_at: None,
                last_run_at: None,
            }
        })
        .collect();
    Ok(store::schedules::complete(services.db.shared(), &planned).await?)
}

/// Queues what was due since the last look. The number queued.
///
/// # Errors
/// When the database fails; what is not noted as looked at is looked at again.
pub async fn look(services: &Services) -> Result<usize, Error> {
    let mut queued = 0;
    for schedule in store::schedules::all(services.db.shared()).await? {
        queued += look_at(services, &schedule).await?;
    }
    Ok(queued + report_schedules::look(services).await?)
}

async fn look_at(services: &Services, schedule: &Schedule) -> Result<usize, Error> {
    let now = services.now();
    let mut tx = services.db.begin_as_operator(None).await?;
    // Somebody else is looking at it.
    let Some(looked_at) = store::schedules::lock(tx.statement(), schedule.kind).await? else {
        return Ok(0);
    };
    // What was due before anybody kept a schedule was nobody's to do.
    let since = looked_at.unwrap_or(now);
    let times = if schedule.is_enabled { due(schedule, since, now) } else { Vec::new() };
    let mut queued = 0;
    for (at, date) in &times {
        if schedule.of_session && !services.calendar.is_session(*date) {
            continue;
        }
        let name = if schedule.of_session {
            date.to_string()
        } else {
            at.with_timezone(&Utc).to_rfc3339()
        };
        let asked = Ask {
            date: schedule.of_session.then_some(*date),
            occasion: Some(format!("{}:{name}", schedule.kind.as_str())),
            ..Ask::of(schedule.kind)
        };
        ask(&mut tx, asked, now).await?;
        queued += 1;
    }
    let newest = times.last().map(|(at, _)| *at);
    store::schedules::looked(tx.statement(), schedule.kind, now, newest).await?;
    tx.commit().await?;
    Ok(queued)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::schedules::is_read;

    #[test]
    fn every_line_of_the_plan_can_be_read_and_keeps_clear_of_the_hour_that_moves() {
        for (kind, cron, _) in PLAN {
            assert!(is_read(cron), "{kind:?}");
            let hour = cron.split(' ').nth(1).expect("an hour");
            assert!(!["1", "2", "3"].contains(&hour), "{kind:?}");
        }
    }
}
