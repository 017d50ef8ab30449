//! Prices made up for what no provider knows, labelled so wherever they are shown.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::fill::Gap;
use super::store_bars;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::OccSymbol;
use crate::domain::price::{Bar, PriceSource};
use crate::error::Error;
use crate::market::provider::{Dividend, Split};
use crate::market::synthetic;
use crate::services::{Services, actions};
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

/// What is made up of one instrument.
struct Made {
    id: InstrumentId,
    bars: Vec<Bar>,
    splits: Vec<Split>,
    dividends: Vec<Dividend>,
}

async fn simulate_plain(services: &Services, wanted: Vec<Gap>) -> Result<u64, Error> {
    let ids: Vec<_> = wanted.iter().map(|gap| gap.instrument.id).collect();
    let calendar = services.calendar.clone();
    let made = tokio::task::spawn_blocking(move || {
        wanted.iter().filter_map(|gap| made_up(gap, &calendar)).collect::<Vec<_>>()
    })
    .await
    .map_err(|error| Error::Internal(format!("simulating prices failed: {error}")))?;

    let mut tx = services.db.begin_shared().await?;
    store::instruments::lock(tx.statement(), &ids).await?;
    let stored = store::prices::stored(tx.statement(), &ids).await?;
    // Somebody may have imported prices meanwhile.
    let observed: BTreeSet<_> =
        stored.iter().filter(|s| s.has_observed).map(|s| s.instrument_id).collect();
    let mut bars = Vec::new();
    for made in made.into_iter().filter(|made| !observed.contains(&made.id)) {
        let (splits, dividends) = (&made.splits, &made.dividends);
        if !splits.is_empty() || !dividends.is_empty() {
            actions::record(&mut tx, made.id, PriceSource::Synthetic, splits, dividends).await?;
        }
        bars.extend(made.bars);
    }
    let stored = store_bars(&mut tx, &bars).await?;
    tx.commit().await?;
    Ok(stored)
}

/// The missing sessions of one instrument, and what its issuer did between the first and the last.
fn made_up(gap: &Gap, calendar: &Calendar) -> Option<Made> {
    let (id, symbol) = (gap.instrument.id, gap.instrument.symbol.as_str());
    let (&from, &to) = (gap.sessions.first()?, gap.sessions.last()?);
    let missing: BTreeSet<_> = gap.sessions.iter().copied().collect();
    let bars = synthetic::bars(symbol, calendar, from, to)
        .into_iter()
        .filter(|bar| missing.contains(&bar.date))
        .map(|bar| Bar {
            instrument_id: id,
            date: bar.date,
            open: Some(bar.open),
            high: Some(bar.high),
            low: Some(bar.low),
            close: bar.close,
            volume: Some(bar.volume.into()),
            adjustment: None,
            source: PriceSource::Synthetic,
        })
        .collect();
    let splits = synthetic::splits(symbol, calendar, from, to);
    let dividends = synthetic::dividends(symbol, calendar, from, to);
    Some(Made { id, bars, splits, dividends })
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
    store::instruments::lock(tx.statement(), &ids).await?;
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
