//! The newest results of a book, kept as they are answered with.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

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
    let Assumptions { risk_free_rate, default_volatility, greeks_fallback } = assumptions;
    let mut state = DefaultHasher::new();
    book.digest().hash(&mut state);
    let models = (factors::MODEL_VERSION, greeks::MODEL_VERSION, stress::MODEL_VERSION);
    (ANSWER_VERSION, models, correlation::MODEL_VERSION).hash(&mut state);
    (risk_free_rate.to_bits(), default_volatility.to_bits(), greeks_fallback).hash(&mut state);
    let looked_back = match kind {
        LatestKind::Correlations => correlation::LOOKBACK,
        // The betas are of the sessions before the tested ones.
        LatestKind::Accuracy => WINDOW + DAYS_BACK,
        _ => WINDOW,
    };
    let window = Window::ending(session, looked_back, calendar);
    // Closings that nobody foresaw may be told later.
    (window.sessions(), calendar.day(session).close).hash(&mut state);
    if kind == LatestKind::Correlations {
        // Clusters are named by them.
        book.digest_of_tags().hash(&mut state);
    }
    Some(LatestOf {
        portfolio: book.portfolio.id,
        kind,
        date: session,
        book: state.finish().cast_signed(),
    })
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
