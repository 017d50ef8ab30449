//! Asking the providers for sessions that are missing.
//!
//! What they do not have is noted with their reason, and not asked for again at once: the newest
//! session may only be late, history that is not there today is not there tomorrow either.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use futures_util::StreamExt;

use super::fill::Gap;
use super::store_observed;
use crate::domain::absence::{Absence, AbsenceReason};
use crate::domain::id::InstrumentId;
use crate::domain::price::{Bar, PriceSource};
use crate::error::Error;
use crate::market::by_day_is_cheaper;
use crate::market::chain::Unanswered;
use crate::market::provider::{self, DailyBar, Span, Urgency, price_source};
use crate::services::meter::Meter;
use crate::services::{Services, actions};
use crate::store;

/// Symbols asked for at a time; the providers' own limits decide how fast.
const AT_ONCE: usize = 4;
/// Sessions at the end that are the nightly run's; more is history.
const RECENT: u32 = 5;
/// When to ask again for what was not there: the last sessions, and what is older.
const RETRY_RECENT: Duration = Duration::minutes(30);
const RETRY_HISTORY: Duration = Duration::days(7);

/// Asks for the sessions that are missing, as far as it was not tried in vain lately. The number
/// of bars stored.
pub(super) async fn ask(services: &Services, gaps: &[Gap], meter: &Meter) -> Result<u64, Error> {
    let ids: Vec<_> = gaps.iter().map(|gap| gap.instrument.id).collect();
    let mut tx = services.db.begin_shared().await?;
    let absent = store::absences::of_instruments(tx.statement(), &ids).await?;
    tx.commit().await?;
    let recent = services.calendar.sessions_before(services.last_session(), RECENT);
    let absent: HashMap<_, _> = absent.into_iter().map(|a| (a.instrument_id, a)).collect();
    let wanted: Vec<_> = gaps
        .iter()
        .filter_map(|gap| {
            let absence = absent.get(&gap.instrument.id);
            let sessions = due(gap, absence, services.now(), recent);
            (!sessions.is_empty()).then(|| Gap { sessions, ..gap.clone() })
        })
        .collect();

    let mut bars = 0;
    let days: BTreeSet<_> = wanted.iter().flat_map(|gap| &gap.sessions).copied().collect();
    let mut by_symbol = wanted;
    if by_day_is_cheaper(by_symbol.len(), days.len()) {
        let (plain, options): (Vec<_>, Vec<_>) =
            by_symbol.into_iter().partition(|gap| gap.instrument.contract.is_none());
        let rest = ask_by_day(services, plain, &days, &mut bars).await?;
        by_symbol = rest.into_iter().chain(options).collect();
    }
    let asked = futures_util::stream::iter(by_symbol)
        .map(|gap| async move { ask_for(services, gap).await })
        .buffer_unordered(AT_ONCE);
    let mut asked = std::pin::pin!(asked);
    while let Some(stored) = asked.next().await {
        bars += stored?;
        meter.did(1);
        meter.goes_on()?;
    }
    Ok(bars)
}

/// The sessions of a gap that are worth asking for.
fn due(
    gap: &Gap,
    absence: Option<&Absence>,
    now: DateTime<Utc>,
    recent: NaiveDate,
) -> Vec<NaiveDate> {
    let Some(absence) = absence else { return gap.sessions.clone() };
    let since = now - absence.asked_at;
    let is_due = |session: &&NaiveDate| {
        let was_asked = (absence.first..=absence.last).contains(*session);
        let pause = if **session >= recent || absence.reason.may_pass() {
            RETRY_RECENT
        } else {
            RETRY_HISTORY
        };
        !was_asked || since >= pause
    };
    gap.sessions.iter().filter(is_due).copied().collect()
}

/// Asks for whole days of the market, which hold every symbol. What they leave missing.
async fn ask_by_day(
    services: &Services,
    mut gaps: Vec<Gap>,
    days: &BTreeSet<NaiveDate>,
    bars: &mut u64,
) -> Result<Vec<Gap>, Error> {
    // Whoever's splits are not told is asked about again by itself.
    let mut rest = Vec::new();
    for gap in std::mem::take(&mut gaps) {
        let told = ask_for_actions(services, &gap).await?.is_none();
        if told { gaps.push(gap) } else { rest.push(gap) }
    }
    for day in days {
        let wanted: BTreeMap<_, _> = gaps
            .iter()
            .filter(|gap| gap.sessions.contains(day))
            .map(|gap| (gap.instrument.symbol.clone(), gap.instrument.id))
            .collect();
        // What is not had so may still be had symbol by symbol.
        let Ok(answered) = services.chain.market_day(*day, urgency(days.len())).await else {
            break;
        };
        let Some(source) = price_source(answered.source) else { break };
        let found: Vec<_> = answered
            .answer
            .bars
            .into_iter()
            .filter_map(|(symbol, bar)| Some(stored_bar(*wanted.get(&symbol)?, source, &bar)))
            .collect();
        *bars += store_answer(services, &found, None).await?;
        let found: BTreeSet<_> = found.iter().map(|bar| bar.instrument_id).collect();
        for gap in gaps.iter_mut().filter(|gap| found.contains(&gap.instrument.id)) {
            gap.sessions.retain(|session| session != day);
        }
    }
    rest.extend(gaps.into_iter().filter(|gap| !gap.sessions.is_empty()));
    Ok(rest)
}

/// What the issuer did in the days of a gap, stored before their prices: a close after a split
/// without the split is a loss that nobody had.
///
/// The refusal when nobody says; that nobody offers such a thing is none.
async fn ask_for_actions(services: &Services, gap: &Gap) -> Result<Option<Unanswered>, Error> {
    let instrument = &gap.instrument;
    let (Some(&from), Some(&to)) = (gap.sessions.first(), gap.sessions.last()) else {
        return Ok(None);
    };
    if instrument.contract.is_some() || instrument.symbol.starts_with('^') {
        return Ok(None);
    }
    let (span, urgency) = (Span { from, to }, urgency(gap.sessions.len()));
    let splits = services.chain.splits(&instrument.symbol, span, urgency).await;
    let dividends = services.chain.dividends(&instrument.symbol, span, urgency).await;
    let (source, splits) = match splits {
        Ok(answered) => (Some(answered.source), answered.answer),
        Err(unanswered) if unanswered.is_passing() => return Ok(Some(unanswered)),
        Err(_) => (None, Vec::new()),
    };
    let (source, dividends) = match dividends {
        Ok(answered) => (source.or(Some(answered.source)), answered.answer),
        Err(unanswered) if unanswered.is_passing() => return Ok(Some(unanswered)),
        Err(_) => (source, Vec::new()),
    };
    if let Some(source) = source.and_then(price_source)
        && !(splits.is_empty() && dividends.is_empty())
    {
        let mut tx = services.db.begin_shared().await?;
        actions::record(&mut tx, instrument.id, source, &splits, &dividends).await?;
        tx.commit().await?;
    }
    Ok(None)
}

/// Asks for one symbol. The number of bars stored.
async fn ask_for(services: &Services, gap: Gap) -> Result<u64, Error> {
    let instrument = &gap.instrument;
    let (Some(&from), Some(&to)) = (gap.sessions.first(), gap.sessions.last()) else {
        return Ok(0);
    };
    if let Some(unanswered) = ask_for_actions(services, &gap).await? {
        let (reason, said) = (reason_of(&unanswered), unanswered.to_string());
        let absence = absence_of(services, instrument.id, gap.sessions, reason, said);
        return store_answer(services, &[], Some((instrument.id, absence))).await;
    }
    let span = Span { from, to };
    let asked =
        services.chain.daily_bars(&instrument.symbol, span, urgency(gap.sessions.len())).await;
    let missing: BTreeSet<_> = gap.sessions.iter().copied().collect();
    let (found, absence) = match asked {
        Ok(answered) => {
            let Some(source) = price_source(answered.source) else { return Ok(0) };
            let found: Vec<_> = answered
                .answer
                .bars
                .into_iter()
                .filter(|bar| missing.contains(&bar.date))
                .map(|bar| stored_bar(instrument.id, source, &bar))
                .collect();
            let there: BTreeSet<_> = found.iter().map(|bar| bar.date).collect();
            let said = format!("{source:?} has no bar of some sessions.");
            let left = missing.difference(&there).copied();
            let absence = absence_of(services, instrument.id, left, AbsenceReason::NoTrade, said);
            (found, absence)
        }
        Err(unanswered) => {
            let (reason, said) = (reason_of(&unanswered), unanswered.to_string());
            (Vec::new(), absence_of(services, instrument.id, gap.sessions, reason, said))
        }
    };
    store_answer(services, &found, Some((instrument.id, absence))).await
}

/// Stores what was answered, and what was not, in one transaction.
async fn store_answer(
    services: &Services,
    found: &[Bar],
    absence: Option<(InstrumentId, Option<Absence>)>,
) -> Result<u64, Error> {
    let mut tx = services.db.begin_shared().await?;
    let bars = if found.is_empty() { 0 } else { store_observed(&mut tx, found).await? };
    match absence {
        Some((_, Some(absence))) => store::absences::note(tx.statement(), &absence).await?,
        Some((instrument, None)) => store::absences::clear(tx.statement(), instrument).await?,
        None => {}
    }
    tx.commit().await?;
    Ok(bars)
}

fn stored_bar(instrument_id: InstrumentId, source: PriceSource, bar: &DailyBar) -> Bar {
    Bar {
        instrument_id,
        date: bar.date,
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
        adjustment: None,
        source,
    }
}

/// History is asked for after what tonight's figures need.
fn urgency(sessions: usize) -> Urgency {
    if sessions <= RECENT as usize { Urgency::Batch } else { Urgency::Backfill }
}

fn absence_of(
    services: &Services,
    instrument_id: InstrumentId,
    sessions: impl IntoIterator<Item = NaiveDate>,
    reason: AbsenceReason,
    said: String,
) -> Option<Absence> {
    let sessions: Vec<_> = sessions.into_iter().collect();
    Some(Absence {
        instrument_id,
        first: *sessions.first()?,
        last: *sessions.last()?,
        reason,
        said,
        asked_at: services.now(),
    })
}

fn reason_of(unanswered: &Unanswered) -> AbsenceReason {
    match unanswered.absence() {
        provider::Absence::Holiday => AbsenceReason::Holiday,
        provider::Absence::NoTrade => AbsenceReason::NoTrade,
        provider::Absence::RangeTooOld => AbsenceReason::RangeTooOld,
        provider::Absence::RateLimited => AbsenceReason::RateLimited,
        provider::Absence::Unknown if unanswered.is_passing() => AbsenceReason::Unavailable,
        provider::Absence::Unknown => AbsenceReason::Unknown,
    }
}
