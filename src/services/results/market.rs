//! The newest of what is found of instruments and of all factors together, kept as it is answered
//! with: for whoever holds them, whatever else they hold.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::latest::state;
use crate::config::assumptions::Assumptions;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::result::{MarketKind, MarketOf};
use crate::error::Error;
use crate::services::Services;
use crate::services::factors::{WINDOW, moves_with};
use crate::services::night::Night;
use crate::services::valuation::Line;
use crate::store::results::market::{self, Found};

/// What may be known of a session.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    date: NaiveDate,
    state: i64,
}

impl Session {
    pub fn new(date: NaiveDate, assumptions: Assumptions, calendar: &Calendar) -> Self {
        Self { date, state: state(date, WINDOW, assumptions, calendar).cast_signed() }
    }

    /// The model of the factors; where there is one of a session, there may be more.
    pub fn model(self) -> MarketOf {
        self.of(MarketKind::FactorModel, None)
    }

    pub fn factor_correlations(self) -> MarketOf {
        self.of(MarketKind::FactorCorrelations, None)
    }

    pub fn betas(self, instrument: InstrumentId) -> MarketOf {
        self.of(MarketKind::FactorBetas, Some(instrument))
    }

    pub fn rate_beta(self, instrument: InstrumentId) -> MarketOf {
        self.of(MarketKind::RateBeta, Some(instrument))
    }

    /// What a model makes of the option in a position, at the prices that the position has.
    pub fn pricing(self, line: &Line) -> MarketOf {
        let option = &line.position.instrument;
        let style = option.contract.as_ref().map(|contract| contract.exercise_style);
        let quotes = [&line.quote, &line.underlying_quote];
        let quotes = quotes.map(|quote| quote.as_ref().map(|of| (of.price, of.date, of.source)));
        let mut state = DefaultHasher::new();
        (self.state, style, quotes).hash(&mut state);
        MarketOf {
            moved_by: Some(moves_with(line)),
            state: state.finish().cast_signed(),
            ..self.of(MarketKind::Pricing, Some(option.id))
        }
    }

    fn of(self, kind: MarketKind, instrument: Option<InstrumentId>) -> MarketOf {
        let Self { date, state } = self;
        MarketOf { kind, instrument, moved_by: instrument, date, state }
    }
}

/// Something of a night, ready to be kept; None where that has happened, and where it is not known
/// what it was made of.
pub(super) fn found<T: Serialize>(
    of: MarketOf,
    result: &T,
    night: &Night,
) -> Result<Option<Found>, Error> {
    let failed = |error| Error::Internal(format!("a result cannot be written down: {error}"));
    if night.is_kept(of) {
        return Ok(None);
    }
    let Some(revisions) = night.revisions(&of.moved_by.into_iter().collect()) else {
        return Ok(None);
    };
    Ok(Some(Found { of, revisions, answer: to_raw_value(result).map_err(failed)? }))
}

/// Keeps what was found, for everybody.
///
/// # Errors
/// When the database fails.
pub(super) async fn keep(
    services: &Services,
    night: &Night,
    mut found: Vec<Found>,
) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    // In one order, so that two who keep the same wait for each other once.
    found.sort_by_key(|one| one.of);
    found.dedup_by_key(|one| one.of);
    let mut tx = services.db.begin_shared().await?;
    market::put_all(tx.statement(), &found, services.now()).await?;
    tx.commit().await?;
    night.keeps(found.into_iter().map(|one| one.of));
    Ok(())
}
