//! Asking the providers for sessions that are missing.
//!
//! What they do not have is noted with their reason, and not asked for again at once: the newest
//! session may only be late, history that is not there today is not there tomorrow either.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use futures_util::StreamExt;

use super::absent::{Refusal, after, due, outside};
use super::fill::Gap;
use super::{issuers, store_observed};
use crate::domain::absence::AbsenceReason;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::Instrument;
use crate::domain::price::{Bar, PriceSource};
use crate::error::Error;
use crate::market::by_day_is_cheaper;
use crate::market::chain::Unanswered;
use crate::market::provider::{self, DailyBar, Span, Urgency, price_source};
use crate::postgres::Work;
use crate::services::Services;
use crate::services::meter::Meter;
use crate::store;

/// Symbols asked for at a time; the providers' own limits decide how fast.
const AT_ONCE: usize = 4;
/// Sessions at the end that are the nightly run's; more is history.
pub(super) const RECENT: u32 = 5;

/// What to ask of an instrument.
pub(super) struct Question {
    pub instrument: Instrument,
    /// What is worth asking for now; ascending, never empty.
    pub sessions: Vec<NaiveDate>,
    /// Whether it is known what the issuer did in them.
    pub is_told: bool,
    /// All that is missing, ascending.
    missing: Vec<NaiveDate>,
    /// Those of the sessions that have a bar which was told too early.
    early: Vec<NaiveDate>,
    /// The days that were looked through.
    looked_at: Span,
    /// Whether anything of it was asked for in vain before.
    is_noted: bool,
}

/// Asks for the sessions that are missing, as far as it was not tried in vain lately. The number
/// of bars stored.
pub(super) async fn ask(services: &Services, gaps: &[Gap], meter: &Meter) -> Result<u64, Error> {
    let ids: Vec<_> = gaps.iter().map(|gap| gap.instrument.id).collect();
    let mut tx = services.db.begin_shared().await?;
    let absent = store::absences::of_instruments(tx.statement(), &ids).await?;
    tx.commit().await?;
    let recent = services.calendar.sessions_before(services.last_session(), RECENT);
    let absent: HashMap<_, _> = absent
        .chunk_by(|one, other| one.instrument_id == other.instrument_id)
        .map(|of| (of[0].instrument_id, of))
        .collect();
    let questions: Vec<_> = gaps
        .iter()
        .filter_map(|gap| {
            let absences = absent.get(&gap.instrument.id).copied().unwrap_or_default();
            let mut sessions = due(&gap.sessions, absences, services.now(), recent);
            sessions.extend(&gap.early);
            sessions.sort_unstable();
            let question = Question {
                instrument: gap.instrument.clone(),
                sessions,
                is_told: false,
                missing: gap.sessions.clone(),
                early: gap.early.clone(),
                looked_at: gap.looked_at,
                is_noted: !absences.is_empty(),
            };
            (!question.sessions.is_empty()).then_some(question)
        })
        .collect();

    let mut bars = 0;
    meter.counts(questions.len(), "Asking for prices");
    let (by_day, mut by_symbol) = split(questions);
    let at_first = by_day.len();
    let rest = ask_by_day(services, by_day, &mut bars, meter).await?;
    meter.did(at_first.saturating_sub(rest.len()));
    by_symbol.extend(rest);
    let asked = futures_util::stream::iter(by_symbol)
        .map(|question| async move { ask_for(services, question).await })
        .buffer_unordered(AT_ONCE);
    let mut asked = std::pin::pin!(asked);
    while let Some(stored) = asked.next().await {
        bars += stored?;
        meter.did(1);
        meter.goes_on()?;
    }
    Ok(bars)
}

fn days(questions: &[Question]) -> BTreeSet<NaiveDate> {
    questions.iter().flat_map(|question| &question.sessions).copied().collect()
}

/// The questions that take fewer requests day by day, and the others. One new symbol with all its
/// history does not keep a night's from going together.
fn split(questions: Vec<Question>) -> (Vec<Question>, Vec<Question>) {
    let is_cheaper = |of: &[Question]| by_day_is_cheaper(of.len(), days(of).len());
    // A day of the market holds no options.
    let (plain, mut others): (Vec<_>, Vec<_>) =
        questions.into_iter().partition(|question| question.instrument.contract.is_none());
    if is_cheaper(&plain) {
        return (plain, others);
    }
    let (few, many): (Vec<_>, Vec<_>) =
        plain.into_iter().partition(|question| question.sessions.len() <= RECENT as usize);
    others.extend(many);
    if is_cheaper(&few) {
        return (few, others);
    }
    others.extend(few);
    (Vec::new(), others)
}

/// Asks for whole days of the market, which hold every symbol. What they leave missing.
async fn ask_by_day(
    services: &Services,
    mut questions: Vec<Question>,
    bars: &mut u64,
    meter: &Meter,
) -> Result<Vec<Question>, Error> {
    let days = days(&questions);
    for (question, by) in issuers::ask(services, &mut questions, &days).await? {
        let refusal = refused_by(services, &by);
        store_answer(services, &question, &[], Some(&refusal)).await?;
    }
    // Tonight's figures wait for the newest.
    for day in days.iter().rev() {
        meter.goes_on()?;
        let wanted: BTreeMap<_, _> = questions
            .iter()
            .filter(|question| question.sessions.contains(day))
            .map(|question| (question.instrument.symbol.clone(), question.instrument.id))
            .collect();
        // What is not had so may still be had symbol by symbol.
        let answered = match services.chain.market_day(*day, urgency(days.len())).await {
            Ok(answered) => answered,
            // Nobody can be asked for now.
            Err(by) if by.is_passing() => break,
            // Not of this day; it may be older than they reach.
            Err(_) => continue,
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
    Ok(open)
}

/// Asks for one symbol. The number of bars stored.
async fn ask_for(services: &Services, question: Question) -> Result<u64, Error> {
    let Question { instrument, sessions, .. } = &question;
    let (Some(&from), Some(&to)) = (sessions.first(), sessions.last()) else {
        return Ok(0);
    };
    if !question.is_told
        && let Some(by) = issuers::ask_for(services, &question).await?
    {
        let refusal = refused_by(services, &by);
        return store_answer(services, &question, &[], Some(&refusal)).await;
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
            let (reason, asked_at) = (AbsenceReason::NoTrade, services.now());
            (found, Refusal { reason, said, asked_at })
        }
        Err(by) => (Vec::new(), refused_by(services, &by)),
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
    let bars = if found.is_empty() { 0 } else { store_told(services, &mut tx, found).await? };
    // Asked once more, and no better known: what was told first stands.
    if refusal.is_some_and(|refusal| !refusal.reason.may_pass()) && !question.early.is_empty() {
        let early: Vec<_> = question.early.iter().map(|session| (id, *session)).collect();
        store::early::clear(tx.statement(), &early).await?;
    }
    let found: BTreeSet<_> = found.iter().map(|bar| bar.date).collect();
    let missing = question.missing.iter().filter(|session| !found.contains(session));
    let missing: Vec<_> = missing.copied().collect();
    let before = store::absences::of_instruments(tx.statement(), &[id]).await?;
    let mut absences = outside(question.looked_at, &before);
    absences.extend(after(id, &missing, &question.sessions, refusal, &before));
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
    let bars = store_told(services, &mut tx, found).await?;
    tx.commit().await?;
    Ok(bars)
}

/// Stores what a provider told, and notes what it told before the session had settled.
async fn store_told(services: &Services, tx: &mut Work, found: &[Bar]) -> Result<u64, Error> {
    let bars = store_observed(tx, found).await?;
    let early = found.iter().filter(|bar| !services.calendar.is_settled(bar.date, services.now()));
    let early: Vec<_> = early.map(|bar| (bar.instrument_id, bar.date)).collect();
    if !early.is_empty() {
        store::early::note_all(tx.statement(), &early).await?;
    }
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
pub(super) fn urgency(sessions: usize) -> Urgency {
    if sessions <= RECENT as usize { Urgency::Batch } else { Urgency::Backfill }
}

fn refused_by(services: &Services, by: &Unanswered) -> Refusal {
    Refusal { reason: reason_of(by), said: by.to_string(), asked_at: services.now() }
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
