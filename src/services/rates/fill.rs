//! Completing the yields: exactly the days that are missing, from who publishes them; and where
//! nobody does, from the simulation if the settings allow it.

use std::collections::HashMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::config::Provider;
use crate::domain::rate::{Tenor, Yield, YieldSource};
use crate::error::Error;
use crate::market::chain::Unanswered;
use crate::market::provider::{self, ProviderError, Span, Urgency};
use crate::market::synthetic;
use crate::services::Services;
use crate::services::prices::KeptReady;
use crate::store;
use crate::store::yields::Reach;

/// When to ask again: yields are published on the evening of their day, or the day after.
const RETRY: Duration = Duration::minutes(30);

/// Completes the yields of every tenor up to the last session, as far back as prices are kept.
/// Safe to run at any time, by any number of processes. The number stored.
///
/// # Errors
/// When the database fails. That a provider does is logged, leaves what is there, and is tried
/// again later.
pub async fn fill(services: &Services) -> Result<u64, Error> {
    let last = services.last_session();
    let mut tx = services.db.begin_shared().await?;
    let held = store::positions::held_since(tx.statement()).await?;
    let reach = store::yields::reach(tx.statement()).await?;
    tx.commit().await?;
    let entry = held.into_iter().map(|(_, since)| since).min().unwrap_or(last);
    let kept = KeptReady::up_to(last, &services.calendar);
    let wanted = Span { from: kept.since(entry), to: last };
    if services.chain.has_yields() {
        ask(services, wanted, &reach).await
    } else if services.providers.contains(&Provider::Synthetic) {
        simulate(services, wanted, &reach).await
    } else {
        Ok(0)
    }
}

/// Asks for what is missing of each tenor, unless it was asked for lately.
async fn ask(services: &Services, wanted: Span, reach: &[Reach]) -> Result<u64, Error> {
    let reach: HashMap<_, _> = reach.iter().map(|reach| (reach.tenor, reach)).collect();
    let mut stored = 0;
    for (at, tenor) in Tenor::ALL.into_iter().enumerate() {
        for span in due(wanted, reach.get(&tenor).copied(), services.now()) {
            let yields = match services.chain.yields(tenor, span, Urgency::Batch).await {
                Ok(answered) => answered.answer,
                Err(unanswered) if concerns_all(&unanswered) => {
                    note(services, &Tenor::ALL[at..], None).await?;
                    return Ok(stored);
                }
                Err(unanswered) if unanswered.is_passing() => {
                    note(services, &[tenor], None).await?;
                    break;
                }
                // It answers, and has none.
                Err(_) => Vec::new(),
            };
            stored += store_answer(services, tenor, span, yields).await?;
        }
    }
    Ok(stored)
}

/// The days of a tenor that are worth asking for: those before what was answered for, and those
/// after the newest. Days in between without a yield have none.
fn due(wanted: Span, reach: Option<&Reach>, now: DateTime<Utc>) -> Vec<Span> {
    let Some(reach) = reach else { return vec![wanted] };
    if reach.asked_at.is_some_and(|asked_at| now - asked_at < RETRY) {
        return Vec::new();
    }
    let Some(answered_from) = reach.asked_from else { return vec![wanted] };
    let newest = reach.last.filter(|_| reach.has_observed);
    let earlier = Span { to: answered_from.pred_opt().unwrap_or(answered_from), ..wanted };
    let later = newest.and_then(|newest| newest.succ_opt()).unwrap_or(answered_from);
    let later = Span { from: later.max(wanted.from), ..wanted };
    [earlier, later].into_iter().filter(|span| span.from <= span.to).collect()
}

/// Whether what keeps one tenor from being answered keeps all of them.
fn concerns_all(unanswered: &Unanswered) -> bool {
    unanswered.refusals.iter().any(|(_, error)| {
        matches!(
            error,
            ProviderError::Unavailable(_)
                | ProviderError::RateLimited { .. }
                | ProviderError::Unauthorized(_)
                | ProviderError::Uncounted(_)
        )
    })
}

async fn note(
    services: &Services,
    tenors: &[Tenor],
    answered_from: Option<NaiveDate>,
) -> Result<(), Error> {
    let now = services.now();
    let noted = store::yields::note_request(services.db.shared(), tenors, answered_from, now);
    Ok(noted.await?)
}

/// Stores what was published. The curve is one: nothing simulated stays beside it.
async fn store_answer(
    services: &Services,
    tenor: Tenor,
    span: Span,
    yields: Vec<provider::Yield>,
) -> Result<u64, Error> {
    let yields: Vec<_> = yields.iter().map(|of| stored(tenor, of, YieldSource::Fred)).collect();
    let mut tx = services.db.begin_shared().await?;
    let mut changed = 0;
    if !yields.is_empty() {
        store::yields::lock(tx.statement()).await?;
        store::yields::delete_synthetic(tx.statement()).await?;
        changed = store::yields::upsert_all(tx.statement(), &yields).await?;
    }
    let now = services.now();
    store::yields::note_request(tx.statement(), &[tenor], Some(span.from), now).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Makes up what is missing, unless anything is observed.
async fn simulate(services: &Services, wanted: Span, reach: &[Reach]) -> Result<u64, Error> {
    if reach.iter().any(|reach| reach.has_observed) {
        return Ok(0);
    }
    let spans: Vec<_> = Tenor::ALL
        .into_iter()
        .flat_map(|tenor| {
            let stored = reach.iter().find(|reach| reach.tenor == tenor);
            missing(wanted, stored).into_iter().map(move |span| (tenor, span))
        })
        .filter(|(_, span)| services.calendar.sessions(span.from, span.to).next().is_some())
        .collect();
    if spans.is_empty() {
        return Ok(0);
    }
    let calendar = services.calendar.clone();
    let made = tokio::task::spawn_blocking(move || {
        let of = |(tenor, span): (Tenor, Span)| {
            let made = synthetic::yields(tenor, &calendar, span.from, span.to);
            made.into_iter().map(move |of| stored(tenor, &of, YieldSource::Synthetic))
        };
        spans.into_iter().flat_map(of).collect::<Vec<_>>()
    });
    let made = made
        .await
        .map_err(|error| Error::Internal(format!("simulating yields failed: {error}")))?;
    let mut tx = services.db.begin_shared().await?;
    store::yields::lock(tx.statement()).await?;
    let changed = store::yields::upsert_all(tx.statement(), &made).await?;
    tx.commit().await?;
    Ok(changed)
}

/// The days before the first of a tenor and after its last.
fn missing(wanted: Span, stored: Option<&Reach>) -> Vec<Span> {
    let Some((first, last)) = stored.and_then(|stored| stored.first.zip(stored.last)) else {
        return vec![wanted];
    };
    let earlier = first.pred_opt().map(|to| Span { to, ..wanted });
    let later = last.succ_opt().map(|from| Span { from, ..wanted });
    [earlier, later].into_iter().flatten().filter(|span| span.from <= span.to).collect()
}

fn stored(tenor: Tenor, of: &provider::Yield, source: YieldSource) -> Yield {
    Yield { tenor, date: of.date, rate: of.rate, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, day).expect("a day")
    }

    fn span(from: u32, to: u32) -> Span {
        Span { from: day(from), to: day(to) }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    const NOON: &str = "2026-01-20T12:00:00Z";

    fn reach(asked_from: Option<u32>, last: Option<u32>) -> Reach {
        Reach {
            tenor: Tenor::TenYears,
            first: last.map(|_| day(6)),
            last: last.map(day),
            has_observed: last.is_some(),
            asked_from: asked_from.map(day),
            asked_at: Some(at("2026-01-20T11:00:00Z")),
        }
    }

    #[test]
    fn only_what_was_never_answered_for_is_asked_for() {
        let due = |reach: &Reach| due(span(5, 20), Some(reach), at(NOON));
        // The first day answered for has no yield; that is known.
        assert_eq!(due(&reach(Some(5), Some(19))), [span(20, 20)]);
        assert_eq!(due(&reach(Some(5), Some(20))), []);
        assert_eq!(due(&reach(Some(8), Some(20))), [span(5, 7)], "an older book needs more");
        assert_eq!(due(&reach(Some(8), Some(16))), [span(5, 7), span(17, 20)]);
        assert_eq!(due(&reach(Some(5), None)), [span(5, 20)], "nothing came of it");
        assert_eq!(due(&reach(None, None)), [span(5, 20)], "it failed");
    }

    #[test]
    fn nothing_is_asked_for_twice_within_half_an_hour() {
        let again = |now| due(span(5, 20), Some(&reach(None, None)), at(now)).len();
        assert_eq!(again("2026-01-20T11:29:59Z"), 0);
        assert_eq!(again("2026-01-20T11:30:00Z"), 1);
        assert_eq!(due(span(5, 20), None, at(NOON)), [span(5, 20)]);
    }

    #[test]
    fn what_was_simulated_in_place_of_an_answer_counts_for_none() {
        let simulated = Reach { has_observed: false, ..reach(Some(5), Some(19)) };
        assert_eq!(due(span(5, 20), Some(&simulated), at(NOON)), [span(5, 20)]);
    }
}
