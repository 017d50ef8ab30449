//! Getting prices in: from files somebody loads, and from the providers for whatever is held.

use std::collections::{BTreeSet, HashMap};

use chrono::{Datelike, Days, NaiveDate};
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::postgres::PgListener;

use super::{Services, instruments};
use crate::config::Provider;
use crate::domain::calendar::new_york_date;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::{Instrument, OccSymbol, Symbol};
use crate::domain::price::{Bar, PriceSource};
use crate::domain::upload::{RowError, RowWarning};
use crate::domain::user::{Role, User};
use crate::error::{Code, Error, Refusal};
use crate::market::import::{PriceFile, read_prices};
use crate::market::synthetic;
use crate::postgres::Work;
use crate::store;

/// How far back prices are kept ready beyond what is held: thirteen months.
const WINDOW: Days = Days::new(400);
/// Bars stored by one statement.
const BARS_A_STATEMENT: usize = 5_000;
/// Instruments filled up in one transaction.
const INSTRUMENTS_A_STEP: usize = 100;

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
    tokio::task::spawn_blocking(move || read_prices(&bytes, today))
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
    let indices: Vec<_> =
        indices.into_iter().map(|symbol| Instrument::unknown(symbol.to_owned())).collect();
    let mut ids = instruments::ensure(tx, &named).await?;
    ids.extend(instruments::ensure_all(tx, &indices).await?);
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
    let observed: BTreeSet<_> = bars.iter().map(|bar| bar.instrument_id).collect();
    let observed: Vec<_> = observed.into_iter().collect();
    store::instruments::lock(tx.statement(), &observed).await?;
    store::instruments::list(tx.statement(), &observed).await?;
    store::prices::delete_synthetic(tx.statement(), &observed).await?;
    imported.bars = store_bars(tx, &bars).await?;
    // What was simulated of options on them has to be made anew.
    store::prices::want(tx.statement()).await?;
    Ok(imported)
}

/// Hears, from whatever process, that prices of something may be missing.
///
/// # Errors
/// When no connection can be made.
pub async fn listen(services: &Services) -> sqlx::Result<PgListener> {
    services.db.listen(store::prices::WANTED).await
}

/// Fetches what is missing of the prices of everything held, up to the last session. Safe to run
/// at any time, by any number of processes. The number of bars stored.
///
/// # Errors
/// When the database fails.
pub async fn fill(services: &Services) -> Result<u64, Error> {
    if !services.providers.contains(&Provider::Synthetic) {
        return Ok(0);
    }
    let mut bars = 0;
    // Options are priced from their underlyings, which therefore come first.
    let (options, plain): (Vec<_>, Vec<_>) =
        missing(services).await?.into_iter().partition(|gap| gap.instrument.contract.is_some());
    for step in plain.chunks(INSTRUMENTS_A_STEP) {
        bars += fill_plain(services, step.to_vec()).await?;
    }
    for step in options.chunks(INSTRUMENTS_A_STEP) {
        bars += fill_options(services, step).await?;
    }
    Ok(bars)
}

/// What is held, and the underlyings of that, with the days that have no bar; by symbol. What
/// has observed prices is never filled up with simulated ones.
async fn missing(services: &Services) -> Result<Vec<Gaps>, Error> {
    let last = services.last_session();
    let mut tx = services.db.begin_shared().await?;
    let held = store::positions::held_since(tx.statement()).await?;
    let mut since: HashMap<_, _> =
        held.into_iter().map(|(id, entry)| (id, history_start(entry, last))).collect();
    let ids: Vec<_> = since.keys().copied().collect();
    for instrument in store::instruments::by_id(tx.statement(), &ids).await? {
        let Some(contract) = instrument.contract else { continue };
        let wanted = since.get(&instrument.id).copied().unwrap_or(last);
        let date = since.entry(contract.underlying_id).or_insert(wanted);
        *date = wanted.min(*date);
    }
    let ids: Vec<_> = since.keys().copied().collect();
    let mut known = store::instruments::by_id(tx.statement(), &ids).await?;
    let stored = store::prices::stored(tx.statement(), &ids).await?;
    tx.commit().await?;

    known.sort_by(|one, other| one.symbol.cmp(&other.symbol));
    let stored: HashMap<_, _> = stored.into_iter().map(|s| (s.instrument_id, s)).collect();
    let gaps = known.into_iter().filter_map(|instrument| {
        let from = *since.get(&instrument.id)?;
        let (before, after) = match stored.get(&instrument.id) {
            Some(stored) if stored.has_observed => return None,
            Some(stored) => (stored.first, stored.last),
            None => (NaiveDate::MAX, NaiveDate::MAX),
        };
        Some(Gaps { instrument, before, after, from, to: last })
    });
    Ok(gaps.filter(|gaps| gaps.ranges().next().is_some()).collect())
}

/// From when on prices of something entered on a day are kept: what a profit of that year is
/// measured against, and thirteen months at least. Whole years, because prices are everybody's
/// and must not tell when somebody entered.
fn history_start(entry: NaiveDate, last: NaiveDate) -> NaiveDate {
    /// The last session of a year is never further from its end.
    const BEFORE_THE_YEAR: Days = Days::new(7);
    let window = last.checked_sub_days(WINDOW).unwrap_or(last);
    let first = entry.min(window);
    let new_year = NaiveDate::from_ymd_opt(first.year(), 1, 1).unwrap_or(first);
    new_year.checked_sub_days(BEFORE_THE_YEAR).unwrap_or(new_year)
}

/// The days wanted of an instrument, less those between the first and the last one stored.
#[derive(Clone)]
struct Gaps {
    instrument: Instrument,
    before: NaiveDate,
    after: NaiveDate,
    from: NaiveDate,
    to: NaiveDate,
}

impl Gaps {
    fn ranges(&self) -> impl Iterator<Item = (NaiveDate, NaiveDate)> + use<> {
        let before = self.before.pred_opt().map(|end| (self.from, end.min(self.to)));
        let after = self.after.succ_opt().map(|start| (start, self.to));
        before.into_iter().chain(after).filter(|(from, to)| from <= to)
    }
}

async fn fill_plain(services: &Services, wanted: Vec<Gaps>) -> Result<u64, Error> {
    let ids: Vec<_> = wanted.iter().map(|gaps| gaps.instrument.id).collect();
    let calendar = services.calendar.clone();
    let bars = tokio::task::spawn_blocking(move || {
        let mut bars = Vec::new();
        for gaps in wanted {
            let instrument = &gaps.instrument;
            for (from, to) in gaps.ranges() {
                let made = synthetic::bars(&instrument.symbol, &calendar, from, to);
                bars.extend(made.into_iter().map(|bar| Bar {
                    instrument_id: instrument.id,
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

async fn fill_options(services: &Services, wanted: &[Gaps]) -> Result<u64, Error> {
    let underlyings: BTreeSet<_> = wanted
        .iter()
        .filter_map(|gaps| Some(gaps.instrument.contract.as_ref()?.underlying_id))
        .collect();
    let underlyings: Vec<_> = underlyings.into_iter().collect();
    let Some(from) = wanted.iter().map(|gaps| gaps.from).min() else { return Ok(0) };
    let options = wanted.iter().map(|gaps| gaps.instrument.id);
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
    for gaps in wanted {
        let instrument = &gaps.instrument;
        let (Some(contract), Ok(symbol)) =
            (&instrument.contract, OccSymbol::parse(&instrument.symbol))
        else {
            continue;
        };
        for (from, to) in gaps.ranges() {
            let closes = by_underlying.get(&contract.underlying_id).into_iter().flatten();
            let priced = closes.filter(|(date, _)| (from..=to).contains(date)).filter_map(
                |(date, close)| {
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
                },
            );
            bars.extend(priced);
        }
    }
    let stored = store_bars(&mut tx, &bars).await?;
    tx.commit().await?;
    Ok(stored)
}

async fn store_bars(tx: &mut Work, bars: &[Bar]) -> Result<u64, Error> {
    let mut stored = 0;
    for chunk in bars.chunks(BARS_A_STATEMENT) {
        stored += store::prices::upsert_all(tx.statement(), chunk).await?;
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_starts_before_the_year_of_entry_whatever_the_day() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).expect("a day");
        let last = day(2026, 1, 5);
        assert_eq!(history_start(day(2022, 11, 30), last), day(2021, 12, 25));
        assert_eq!(history_start(day(2022, 1, 3), last), day(2021, 12, 25));
        assert_eq!(history_start(last, last), day(2023, 12, 25), "thirteen months at least");
    }
}
