//! Getting prices in: from files somebody loads, and from the providers for whatever is held.

mod absent;
mod ask;
mod doubt;
mod fill;
mod issuers;
mod simulate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::json;
use sqlx::postgres::PgListener;

pub use self::doubt::look as look_twice;
pub(super) use self::fill::KeptReady;
pub use self::fill::{Scope, complete, fill, know_references};
use super::updates::{Update, tell};
use super::{Services, actions, instruments};
use crate::domain::calendar::new_york_date;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::Symbol;
use crate::domain::price::{Bar, PriceSource};
use crate::domain::upload::{RowError, RowWarning};
use crate::domain::user::{Role, User};
use crate::error::{Code, Error, Refusal};
use crate::market::import::{PriceFile, read_prices};
use crate::market::provider::Split;
use crate::postgres::Work;
use crate::store;

/// Bars stored by one statement.
const BARS_A_STATEMENT: usize = 5_000;

/// What became of a price file.
#[derive(Debug, Default)]
pub struct Imported {
    /// Bars that were new or corrected; repeated ones change nothing.
    pub bars: u64,
    /// Symbols of the good rows, ascending.
    pub symbols: Vec<String>,
    pub rejected: usize,
    pub errors: Vec<RowError>,
    pub warnings: Vec<RowWarning>,
}

/// Whether somebody may import prices, before their file is read.
///
/// # Errors
/// `Forbidden` for whoever is no admin.
pub fn authorize(actor: &User) -> Result<(), Error> {
    if actor.role != Role::Admin {
        return Err(Refusal::new(Code::Forbidden, "Only an administrator imports prices.").into());
    }
    Ok(())
}

/// Stores the good rows of a price file, in one transaction. A symbol that gets observed prices
/// loses its simulated ones.
///
/// # Errors
/// `Forbidden` for whoever is no admin.
pub async fn import(
    services: &Services,
    actor: &User,
    bytes: Vec<u8>,
    source: Option<&str>,
) -> Result<Imported, Error> {
    authorize(actor)?;
    let file = read(services, bytes).await?;
    let mut tx = services.db.begin_as(actor.id).await?;
    let imported = store_file(&mut tx, file).await?;
    let entry = store::audit::Entry {
        owner: actor.id,
        actor: actor.id,
        action: "prices.import",
        subject: None,
        detail: json!({
            "bars": imported.bars,
            "symbols": imported.symbols.len(),
            "source": source,
        }),
    };
    store::audit::append(tx.statement(), entry, services.now()).await?;
    tx.commit().await?;
    Ok(imported)
}

/// The same for whoever runs the command: they have the database already.
///
/// # Errors
/// When the database fails.
pub async fn import_by_command(services: &Services, bytes: Vec<u8>) -> Result<Imported, Error> {
    let file = read(services, bytes).await?;
    let mut tx = services.db.begin_shared().await?;
    let imported = store_file(&mut tx, file).await?;
    tx.commit().await?;
    Ok(imported)
}

async fn read(services: &Services, bytes: Vec<u8>) -> Result<PriceFile, Error> {
    let today = new_york_date(services.now());
    let calendar = Arc::clone(&services.calendar);
    tokio::task::spawn_blocking(move || read_prices(&bytes, today, &calendar))
        .await
        .map_err(|error| Error::Internal(format!("reading prices failed: {error}")))
}

async fn store_file(tx: &mut Work, file: PriceFile) -> Result<Imported, Error> {
    let symbols: BTreeSet<&str> = file.bars.iter().map(|bar| bar.symbol.as_str()).collect();
    let mut imported = Imported {
        symbols: symbols.iter().map(|&symbol| symbol.to_owned()).collect(),
        rejected: file.rejected_rows,
        errors: file.errors,
        warnings: file.warnings,
        ..Imported::default()
    };
    if file.bars.is_empty() {
        return Ok(imported);
    }

    let (named, indices): (Vec<_>, Vec<_>) =
        symbols.into_iter().partition(|symbol| !symbol.starts_with('^'));
    let named: Vec<_> = named.into_iter().filter_map(|text| Symbol::parse(text).ok()).collect();
    let indices = indices.into_iter().map(str::to_owned);
    let ids = instruments::ensure_to_price(tx, &named, indices).await?;
    let bars: Vec<_> = file
        .bars
        .into_iter()
        .filter_map(|bar| {
            Some(Bar {
                instrument_id: *ids.get(&bar.symbol)?,
                date: bar.date,
                open: bar.open,
                high: bar.high,
                low: bar.low,
                close: bar.close,
                volume: bar.volume,
                adjustment: bar.adjusted_close.and_then(|adjusted| adjusted.checked_div(bar.close)),
                source: PriceSource::Import,
            })
        })
        .collect();
    imported.bars = store_observed(tx, &bars).await?;
    let found = splits_in(&bars);
    let days: Vec<_> = found.iter().map(|(instrument, split)| (*instrument, split.date)).collect();
    store::actions::delete_untold(tx.statement(), &told_by(&bars), &days).await?;
    let mut splits = BTreeMap::<_, Vec<_>>::new();
    for (instrument, split) in found {
        splits.entry(instrument).or_default().push(split);
    }
    for (instrument, splits) in splits {
        actions::record(tx, instrument, PriceSource::Import, &splits, &[]).await?;
    }
    // What was simulated of options on them has to be made anew.
    store::prices::want(tx.statement()).await?;
    Ok(imported)
}

/// The splits that adjusted closes tell of: from one bar to the next the adjustment of a series
/// jumps by a whole number, or by one over it. A dividend moves it too, but not by half the price,
/// and what is no whole number is not guessed at.
fn splits_in(bars: &[Bar]) -> Vec<(InstrumentId, Split)> {
    /// By how much, of two decimals, the factor may miss a whole number.
    const TOLERANCE: Decimal = Decimal::from_parts(5, 0, 0, false, 3);
    /// No shares have been split more at a time.
    const MOST: Decimal = Decimal::ONE_THOUSAND;
    let mut bars: Vec<_> = bars.iter().collect();
    bars.sort_by_key(|bar| (bar.instrument_id, bar.date));
    let jump = |one: &Bar, next: &Bar| {
        let (before, after) = (one.adjustment?, next.adjustment?);
        let is_reverse = after < before;
        let factor =
            if is_reverse { before.checked_div(after)? } else { after.checked_div(before)? };
        let whole = factor.round();
        let misses = factor.checked_div(whole)?.saturating_sub(Decimal::ONE).abs();
        if !(Decimal::TWO..=MOST).contains(&whole) || misses > TOLERANCE {
            return None;
        }
        // The shares must have traded so: adjusted closes of few digits jump by themselves.
        let (dear, cheap) =
            if is_reverse { (next.close, one.close) } else { (one.close, next.close) };
        let moved = dear.checked_div(cheap)?.checked_div(whole)?;
        if !(Decimal::new(5, 1)..=Decimal::TWO).contains(&moved) {
            return None;
        }
        let (to, from) = if is_reverse { (Decimal::ONE, whole) } else { (whole, Decimal::ONE) };
        Some((next.instrument_id, Split { date: next.date, from, to }))
    };
    bars.windows(2)
        .filter(|pair| pair[0].instrument_id == pair[1].instrument_id)
        .filter_map(|pair| jump(pair[0], pair[1]))
        .collect()
}

/// From when to when a file has adjusted closes of each instrument: where it tells of splits, and
/// by its silence that there was none.
fn told_by(bars: &[Bar]) -> Vec<store::actions::Told> {
    let mut told = BTreeMap::<_, store::actions::Told>::new();
    for bar in bars.iter().filter(|bar| bar.adjustment.is_some()) {
        let (instrument, date) = (bar.instrument_id, bar.date);
        let of = store::actions::Told { instrument, first: date, last: date };
        let of = told.entry(instrument).or_insert(of);
        (of.first, of.last) = (of.first.min(date), of.last.max(date));
    }
    told.into_values().collect()
}

/// Stores what a market said. Its instruments are everybody's from then on, and lose what was
/// simulated of them.
async fn store_observed(tx: &mut Work, bars: &[Bar]) -> Result<u64, Error> {
    let ids: BTreeSet<_> = bars.iter().map(|bar| bar.instrument_id).collect();
    let ids: Vec<InstrumentId> = ids.into_iter().collect();
    store::instruments::lock(tx.statement(), &ids).await?;
    store::instruments::list(tx.statement(), &ids).await?;
    store::prices::delete_synthetic(tx.statement(), &ids).await?;
    store::actions::delete_synthetic(tx.statement(), &ids).await?;
    let told: Vec<_> = bars.iter().map(|bar| (bar.instrument_id, bar.date)).collect();
    store::early::clear(tx.statement(), &told).await?;
    store_bars(tx, bars).await
}

async fn store_bars(tx: &mut Work, bars: &[Bar]) -> Result<u64, Error> {
    let mut stored = 0;
    for chunk in bars.chunks(BARS_A_STATEMENT) {
        stored += store::prices::upsert_all(tx.statement(), chunk).await?;
    }
    if stored > 0 {
        let instruments: BTreeSet<_> = bars.iter().map(|bar| bar.instrument_id).collect();
        tell(tx, &Update::Prices(instruments.into_iter().collect())).await?;
    }
    Ok(stored)
}

/// Hears, from whatever process, that prices of something may be missing.
///
/// # Errors
/// When no connection can be made.
pub async fn listen(services: &Services) -> sqlx::Result<PgListener> {
    services.db.listen(store::prices::WANTED).await
}
