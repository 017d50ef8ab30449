//! Asking what issuers did to their shares in the days whose prices are asked for.
//!
//! It is stored before the prices: a close after a split without the split is a loss that nobody
//! had.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;

use super::ask::{Question, RECENT, urgency};
use crate::error::Error;
use crate::market::chain::Unanswered;
use crate::market::provider::{Dividend, Span, Split, price_source};
use crate::services::{Services, actions};
use crate::store;

/// Asks about all questions of some days: about a few days of the whole market at once, and symbol
/// by symbol about many days, which hold more of everybody's dividends than of anybody's own. Takes
/// out, and gives back, the questions about which nobody said anything, with the refusals.
pub(super) async fn ask(
    services: &Services,
    questions: &mut Vec<Question>,
    days: &BTreeSet<NaiveDate>,
) -> Result<Vec<(Question, Unanswered)>, Error> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let untold: Vec<_> = if days.len() <= RECENT as usize
        && let Some(unread) = ask_for_market(services, questions, days).await?
    {
        questions.extract_if(.., |q| unread.contains(&q.instrument.symbol)).collect()
    } else {
        std::mem::take(questions)
    };
    let mut refused = Vec::new();
    for question in untold {
        match ask_for(services, &question).await? {
            None => questions.push(question),
            Some(by) => refused.push((question, by)),
        }
    }
    for question in questions {
        question.is_told = true;
    }
    Ok(refused)
}

/// Asks about the whole market, and stores what is wanted of it. The symbols of which something
/// could not be read; None when nobody has the market's.
async fn ask_for_market(
    services: &Services,
    questions: &[Question],
    days: &BTreeSet<NaiveDate>,
) -> Result<Option<BTreeSet<String>>, Error> {
    let (Some(&from), Some(&to)) = (days.first(), days.last()) else { return Ok(None) };
    let span = Span { from, to };
    let Ok(answered) = services.chain.market_actions(span, urgency(days.len())).await else {
        return Ok(None);
    };
    let Some(source) = price_source(answered.source) else { return Ok(None) };
    let wanted: HashMap<_, _> = questions
        .iter()
        .map(|question| (question.instrument.symbol.as_str(), question.instrument.id))
        .collect();
    let mut told = HashMap::<_, (Vec<Split>, Vec<Dividend>)>::new();
    for (symbol, split) in answered.answer.splits {
        if let Some(id) = wanted.get(symbol.as_str()) {
            told.entry(*id).or_default().0.push(split);
        }
    }
    for (symbol, dividend) in answered.answer.dividends {
        if let Some(id) = wanted.get(symbol.as_str()) {
            told.entry(*id).or_default().1.push(dividend);
        }
    }
    if !told.is_empty() {
        let ids: Vec<_> = told.keys().copied().collect();
        let mut tx = services.db.begin_shared().await?;
        store::instruments::lock(tx.statement(), &ids).await?;
        for (id, (splits, dividends)) in told {
            actions::record(&mut tx, id, source, &splits, &dividends).await?;
        }
        tx.commit().await?;
    }
    Ok(Some(answered.answer.unread))
}

/// Asks about one symbol, and stores what is said. The refusal when nobody says; that nobody offers such a thing is none.
pub(super) async fn ask_for(
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
