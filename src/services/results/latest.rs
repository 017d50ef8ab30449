//! The newest results of a book, kept as they are answered with.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::Desks;
use crate::config::assumptions::Assumptions;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::result::{LatestKind, LatestOf};
use crate::error::Error;
use crate::services::factors::WINDOW;
use crate::services::night::Night;
use crate::services::stress::DAYS_BACK;
use crate::services::valuation::Book;
use crate::services::window::Window;
use crate::services::{correlation, factors, greeks, stress};
use crate::store::results::latest::Latest;

/// Raised whenever what is kept of the same figures would be another: their words, how far they can
/// be trusted, how many positions are told.
const ANSWER_VERSION: &str = "answers/1";

/// Which results may answer for a book: those of a book of the same digest, made by the same
/// models from the same assumptions over the same sessions. None of one that somebody tries.
pub fn of(
    book: &Book,
    kind: LatestKind,
    assumptions: Assumptions,
    calendar: &Calendar,
) -> Option<LatestOf> {
    if book.tried.is_some() {
        return None;
    }
    let session = book.horizon.as_of;
    let looked_back = match kind {
        LatestKind::Correlations => correlation::LOOKBACK,
        // The betas are of the sessions before the tested ones.
        LatestKind::Accuracy => WINDOW + DAYS_BACK,
        LatestKind::MarketRisk | LatestKind::Stress => WINDOW,
    };
    let mut own = DefaultHasher::new();
    (book.digest(), state(session, looked_back, assumptions, calendar)).hash(&mut own);
    if kind == LatestKind::Correlations {
        // Clusters are named by them.
        book.digest_of_tags().hash(&mut own);
    }
    Some(LatestOf {
        portfolio: book.portfolio.id,
        kind,
        date: session,
        book: own.finish().cast_signed(),
    })
}

/// A digest of what all figures of a session depend on beside books, prices and yields: models,
/// assumptions and the sessions that are looked back on.
pub(super) fn state(
    session: NaiveDate,
    looked_back: usize,
    assumptions: Assumptions,
    calendar: &Calendar,
) -> u64 {
    let Assumptions { risk_free_rate, default_volatility, greeks_fallback } = assumptions;
    let mut state = DefaultHasher::new();
    let models = (factors::MODEL_VERSION, greeks::MODEL_VERSION, stress::MODEL_VERSION);
    (ANSWER_VERSION, models, correlation::MODEL_VERSION).hash(&mut state);
    (risk_free_rate.to_bits(), default_volatility.to_bits(), greeks_fallback).hash(&mut state);
    // Closings that nobody foresaw may be told later.
    let window = Window::ending(session, looked_back, calendar);
    (window.sessions(), calendar.day(session).close).hash(&mut state);
    state.finish()
}

/// The instruments whose past the results of a book are made of, beside what everybody's are.
pub fn moved_by(book: &Book) -> BTreeSet<InstrumentId> {
    factors::wanted(&book.lines)
}

/// Results of a book of a night, ready to be kept; None where it is not known what they were made
/// of.
pub(super) fn latest<T: Serialize>(
    (book, kind): (&Book, LatestKind),
    desks: &Desks,
    night: &Night,
    results: &[T],
) -> Result<Option<Latest>, Error> {
    let failed = |error| Error::Internal(format!("results cannot be written down: {error}"));
    let of = of(book, kind, desks.assumptions, &desks.calendar);
    let of = of.zip(night.revisions(&moved_by(book)));
    of.map(|(of, revisions)| {
        Ok(Latest { of, revisions, answer: to_raw_value(results).map_err(failed)? })
    })
    .transpose()
}
