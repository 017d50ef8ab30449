//! Making known what somebody holds or has prices of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::id::InstrumentId;
use crate::domain::instrument::{Instrument, OccSymbol, Symbol};
use crate::postgres::Work;
use crate::store;

/// The ids of symbols, those unknown so far added with the underlyings of their options.
pub async fn ensure<'a>(
    tx: &mut Work,
    symbols: impl IntoIterator<Item = &'a Symbol>,
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let mut options = BTreeMap::<String, OccSymbol>::new();
    let mut wanted = BTreeSet::new();
    for symbol in symbols {
        if let Symbol::Option(option) = symbol {
            wanted.insert(option.underlying().to_owned());
            options.insert(option.compact(), option.clone());
        }
        wanted.insert(symbol.canonical());
    }
    let mut known = known(tx, wanted.iter().cloned().collect()).await?;

    let is_new_ticker = |s: &&String| !known.contains_key(*s) && !options.contains_key(*s);
    let tickers: Vec<_> =
        wanted.iter().filter(is_new_ticker).cloned().map(Instrument::unknown).collect();
    known.extend(add(tx, &tickers).await?);
    let options: Vec<_> = options
        .iter()
        .filter(|(symbol, _)| !known.contains_key(*symbol))
        .filter_map(|(_, option)| {
            Some(Instrument::option(option, *known.get(option.underlying())?))
        })
        .collect();
    known.extend(add(tx, &options).await?);
    Ok(known)
}

/// The ids of instruments by symbol, those unknown so far added as they are described.
pub async fn ensure_all(
    tx: &mut Work,
    instruments: &[Instrument],
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let mut known = known(tx, instruments.iter().map(|i| i.symbol.clone()).collect()).await?;
    let mut new: Vec<_> =
        instruments.iter().filter(|i| !known.contains_key(&i.symbol)).cloned().collect();
    new.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    new.dedup_by(|a, b| a.symbol == b.symbol);
    known.extend(add(tx, &new).await?);
    Ok(known)
}

async fn known(tx: &mut Work, symbols: Vec<String>) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let known = store::instruments::by_symbol(tx.statement(), &symbols).await?;
    Ok(known.into_iter().map(|instrument| (instrument.symbol, instrument.id)).collect())
}

/// Adds instruments that were unknown a moment ago. They come in the order of their symbols, so
/// that two that add the same wait for each other and never cross.
async fn add(tx: &mut Work, new: &[Instrument]) -> sqlx::Result<Vec<(String, InstrumentId)>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    store::instruments::ensure_all(tx.statement(), new).await
}
