//! Prices made up for what no provider knows, labelled so wherever they are shown.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::fill::Gap;
use super::store_bars;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::OccSymbol;
use crate::domain::price::{Bar, PriceSource};
use crate::error::Error;
use crate::market::synthetic;
use crate::services::Services;
use crate::store;

/// Instruments filled up in one transaction.
const INSTRUMENTS_A_STEP: usize = 100;

/// Simulates the missing sessions of these. The number of bars stored.
///
/// # Errors
/// When the database fails.
pub(super) async fn simulate(services: &Services, gaps: Vec<Gap>) -> Result<u64, Error> {
    let mut bars = 0;
    // Options are priced from their underlyings, which therefore come first.
    let (options, plain): (Vec<_>, Vec<_>) =
        gaps.into_iter().partition(|gap| gap.instrument.contract.is_some());
    for step in plain.chunks(INSTRUMENTS_A_STEP) {
        bars += simulate_plain(services, step.to_vec()).await?;
    }
    for step in options.chunks(INSTRUMENTS_A_STEP) {
        bars += simulate_options(services, step).await?;
    }
    Ok(bars)
}

async fn simulate_plain(services: &Services, wanted: Vec<Gap>) -> Result<u64, Error> {
    let ids: Vec<_> = wanted.iter().map(|gap| gap.instrument.id).collect();
    let calendar = services.calendar.clone();
    let bars = tokio::task::spawn_blocking(move || {
        let mut bars = Vec::new();
        for gap in wanted {
            let sessions: BTreeSet<_> = gap.sessions.iter().collect();
            let (Some(from), Some(to)) = (gap.sessions.first(), gap.sessions.last()) else {
                continue;
            };
            let made = synthetic::bars(&gap.instrument.symbol, &calendar, *from, *to);
            let made = made.into_iter().filter(|bar| sessions.contains(&bar.date));
            bars.extend(made.map(|bar| Bar {
                instrument_id: gap.instrument.id,
                date: bar.date,
                open: Some(bar.open),
                high: Some(bar.high),
                low: Some(bar.low),
                close: bar.close,
                volume: Some(bar.volume.into()),
                adjustment: None,
                source: PriceSource::Synthetic,
            }));
        }
        bars
    })
    .await
    .map_err(|error| Error::Internal(format!("simulating prices failed: {error}")))?;
    let mut tx = services.db.begin_shared().await?;
    store::instruments::keep(tx.statement(), &ids).await?;
    let stored = store_bars(&mut tx, &bars).await?;
    tx.commit().await?;
    Ok(stored)
}

async fn simulate_options(services: &Services, wanted: &[Gap]) -> Result<u64, Error> {
    let underlyings: BTreeSet<_> = wanted
        .iter()
        .filter_map(|gap| Some(gap.instrument.contract.as_ref()?.underlying_id))
        .collect();
    let underlyings: Vec<_> = underlyings.into_iter().collect();
    let Some(from) = wanted.iter().filter_map(|gap| gap.sessions.first().copied()).min() else {
        return Ok(0);
    };
    let options = wanted.iter().map(|gap| gap.instrument.id);
    let ids: Vec<_> = underlyings.iter().copied().chain(options).collect();

    // Premiums are of the closes that stand when they are stored, not of some before an import.
    let mut tx = services.db.begin_shared().await?;
    store::instruments::keep(tx.statement(), &ids).await?;
    let last = services.last_session();
    let closes = store::prices::closes(tx.statement(), &underlyings, from, last).await?;
    let mut by_underlying = HashMap::<InstrumentId, Vec<(NaiveDate, Decimal)>>::new();
    for (id, date, close) in closes {
        by_underlying.entry(id).or_default().push((date, close));
    }

    let mut bars = Vec::new();
    for gap in wanted {
        let instrument = &gap.instrument;
        let (Some(contract), Ok(symbol)) =
            (&instrument.contract, OccSymbol::parse(&instrument.symbol))
        else {
            continue;
        };
        let sessions: BTreeSet<_> = gap.sessions.iter().collect();
        let closes = by_underlying.get(&contract.underlying_id).into_iter().flatten();
        let priced =
            closes.filter(|(date, _)| sessions.contains(date)).filter_map(|(date, close)| {
                Some(Bar {
                    instrument_id: instrument.id,
                    date: *date,
                    open: None,
                    high: None,
                    low: None,
                    close: synthetic::option_close(&symbol, *close, *date)?,
                    volume: None,
                    adjustment: None,
                    source: PriceSource::Synthetic,
                })
            });
        bars.extend(priced);
    }
    let stored = store_bars(&mut tx, &bars).await?;
    tx.commit().await?;
    Ok(stored)
}
