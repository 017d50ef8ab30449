//! Asking the providers for sessions that are missing.
//!
//! What they do not have is noted with their reason, and not asked for again at once: the newest
//! session may only be late, history that is not there today is not there tomorrow either.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use futures_util::StreamExt;

use super::absent::{Refusal, after, due};
use super::fill::Gap;
use super::store_observed;
use crate::domain::absence::AbsenceReason;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::Instrument;
use crate::domain::price::{Bar, PriceSource};
use crate::error::Error;
use crate::market::by_day_is_cheaper;
use crate::market::chain::Unanswered;
use crate::market::provider::{self, DailyBar, Span, Urgency, price_source};
use crate::services::{Services, actions};
use crate::store;

/// Symbols asked for at a time; the providers' own limits decide how fast.
const AT_ONCE: usize = 4;
/// Sessions at the end that are the nightly run's; more is history.
const RECENT: u32 = 5;

/// What to ask of an instrument.
struct Question {
    instrument: Instrument,
    /// What is worth asking for now; ascending, never empty.
    sessions: Vec<NaiveDate>,
    /// All that is missing, ascending.
    missing: Vec<NaiveDate>,
    /// Whether anything of it was asked for in vain before.
    is_noted: bool,
}

/// Asks for the sessions that are missing, as far as it was not tried in vain lately. The number
/// of bars stored.
pub(super) async fn ask(services: &Services, gaps: &[Gap]) -> Result<u64, Error> {
    let ids: Vec<_> = gaps.iter().map(|gap| gap.instrument.id).collect();
    let mut tx = services.db.begin_shared().await?;
    let absent = store::absences::of_instruments(tx.statement(), &ids).await?;
    tx.commit().await?;
    let recent = services.calendar.sessions_before(services.last_session(), RECENT);
    let absent: HashMap<_, _> = absent
        .chunk_by(|one, other| one.instrument_id == other.instrument_id)
        .map(|of| (of[0].instrument_id, of))
        .collect();
    let mut by_symbol: Vec<_> = gaps
        .iter()
        .filter_map(|gap| {
            let absences = absent.get(&gap.instrument.id).copied().unwrap_or_default();
            let sessions = due(&gap.sessions, absences, services.now(), recent);
            let (instrument, missing) = (gap.instrument.clone(), gap.sessions.clone());
            let is_noted = !absences.is_empty();
            (!sessions.is_empty()).then_some(Question { instrument, sessions, missing, is_noted })
        })
        .collect();

    let mut bars = 0;
    let days: BTreeSet<_> =
        by_symbol.iter().flat_map(|question| &question.sessions).copied().collect();
    if by_day_is_cheaper(by_symbol.len(), days.len()) {
        let (plain, options): (Vec<_>, Vec<_>) =
            by_symbol.into_iter().partition(|question| question.instrument.contract.is_none());
        let rest = ask_by_day(services, plain, &days, &mut bars).await?;
        by_symbol = rest.into_iter().chain(options).collect();
    }
    let asked = futures_util::stream::iter(by_symbol)
        .map(|question| async move { ask_for(services, question).await })
        .buffer_unordered(AT_ONCE);
    let mut asked = std::pin::pin!(asked);
    while let Some(stored) = asked.next().await {
        bars += stored?;
    }
    Ok(bars)
}

/// Asks for whole days of the market, which hold every symbol. What they leave missing.
async fn ask_by_day(
    services: &Services,
    mut questions: Vec<Question>,
    days: &BTreeSet<NaiveDate>,
    bars: &mut u64,
) -> Result<Vec<Question>, Error> {
    // Whoever's splits are not told is asked about again by itself.
    let mut rest = Vec::new();
    for question in std::mem::take(&mut questions) {
        let told = ask_for_actions(services, &question).await?.is_none();
        if told { questions.push(question) } else { rest.push(question) }
    }
    for day in days {
        let wanted: BTreeMap<_, _> = questions
            .iter()
            .filter(|question| question.sessions.contains(day))
            .map(|question| (question.instrument.symbol.clone(), question.instrument.id))
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
        *bars += store_found(services, &found).await?;
        let found: BTreeSet<_> = found.iter().map(|bar| bar.instrument_id).collect();
        for question in questions.iter_mut().filter(|q| found.contains(&q.instrument.id)) {
            question.sessions.retain(|session| session != day);
            question.missing.retain(|session| session != day);
        }
    }
    let (open, answered): (Vec<_>, Vec<_>) =
        questions.into_iter().partition(|question| !question.sessions.is_empty());
    for question in answered.iter().filter(|question| question.is_noted) {
        store_answer(services, question, &[], None).await?;
    }
    rest.extend(open);
    Ok(rest)
}

/// What the issuer did in the days of a question, stored before their prices: a close after a split
/// without the split is a loss that nobody had.
///
/// The refusal when nobody says; that nobody offers such a thing is none.
async fn ask_for_actions(
    services: &Services,
    question: &Question,
) -> Result<Option<Unanswered>, Error> {
    let Question { instrument, sessions, .. } = question;
    let (Some(&from), Some(&to)) = (sessions.first(), sessions.last()) else {
        return Ok(None);
    };
    if instrument.contract.is_some() || instrument.symbol.starts_with('^') {
        return Ok(None);
    }
    let (span, urgency) = (Span { from, to }, urgency(sessions.len()));
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
async fn ask_for(services: &Services, question: Question) -> Result<u64, Error> {
    let Question { instrument, sessions, .. } = &question;
    let (Some(&from), Some(&to)) = (sessions.first(), sessions.last()) else {
        return Ok(0);
    };
    let refused = |reason, said| Refusal { reason, said, asked_at: services.now() };
    let unanswered = |by: &Unanswered| refused(reason_of(by), by.to_string());
    if let Some(by) = ask_for_actions(services, &question).await? {
        return store_answer(services, &question, &[], Some(&unanswered(&by))).await;
    }
    let span = Span { from, to };
    let asked = services.chain.daily_bars(&instrument.symbol, span, urgency(sessions.len())).await;
    let (found, refusal) = match asked {
        Ok(answered) => {
            let Some(source) = price_source(answered.source) else { return Ok(0) };
            let bars = answered.answer.bars.into_iter();
            let found: Vec<_> = bars
                .filter(|bar| sessions.binary_search(&bar.date).is_ok())
                .map(|bar| stored_bar(instrument.id, source, &bar))
                .collect();
            let said = format!("{source:?} has no bar of some sessions.");
            (found, refused(AbsenceReason::NoTrade, said))
        }
        Err(by) => (Vec::new(), unanswered(&by)),
    };
    store_answer(services, &question, &found, Some(&refusal)).await
}

/// Stores what was answered to a question, and why the rest of it was not, in one transaction.
async fn store_answer(
    services: &Services,
    question: &Question,
    found: &[Bar],
    refusal: Option<&Refusal>,
) -> Result<u64, Error> {
    let id = question.instrument.id;
    let mut tx = services.db.begin_shared().await?;
    // What is noted meanwhile by others is not lost.
    store::instruments::lock(tx.statement(), &[id]).await?;
    let bars = if found.is_empty() { 0 } else { store_observed(&mut tx, found).await? };
    let found: BTreeSet<_> = found.iter().map(|bar| bar.date).collect();
    let missing = question.missing.iter().filter(|session| !found.contains(session));
    let missing: Vec<_> = missing.copied().collect();
    let before = store::absences::of_instruments(tx.statement(), &[id]).await?;
    let absences = after(id, &missing, &question.sessions, refusal, &before);
    if !before.is_empty() {
        store::absences::clear(tx.statement(), id).await?;
    }
    if !absences.is_empty() {
        store::absences::note_all(tx.statement(), &absences).await?;
    }
    tx.commit().await?;
    Ok(bars)
}

async fn store_found(services: &Services, found: &[Bar]) -> Result<u64, Error> {
    if found.is_empty() {
        return Ok(0);
    }
    let mut tx = services.db.begin_shared().await?;
    let bars = store_observed(&mut tx, found).await?;
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
