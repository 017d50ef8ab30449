//! Making known what somebody holds or has prices of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::id::InstrumentId;
use crate::domain::instrument::{Instrument, OccSymbol, Symbol};
use crate::postgres::Work;
use crate::store;

/// The ids of symbols, those unknown so far added with the underlyings of their options. Adds in
/// the order of symbols, so that two that do the same wait for each other and never cross.
pub async fn ensure<'a>(
    tx: &mut Work,
    symbols: impl IntoIterator<Item = &'a Symbol>,
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let mut tickers = BTreeSet::new();
    let mut options = BTreeMap::<String, OccSymbol>::new();
    for symbol in symbols {
        match symbol {
            Symbol::Ticker(ticker) => {
                tickers.insert(ticker.clone());
            }
            Symbol::Option(option) => {
                tickers.insert(option.underlying().to_owned());
                options.insert(option.compact(), option.clone());
            }
        }
    }
    let mut known = ensure_plain(tx, tickers.into_iter().collect()).await?;

    let options: Vec<_> = options
        .values()
        .filter_map(|option| Some(Instrument::option(option, *known.get(option.underlying())?)))
        .collect();
    known.extend(ensure_all(tx, &options).await?);
    Ok(known)
}

/// The same for symbols that are no options: tickers and indices.
pub async fn ensure_plain(
    tx: &mut Work,
    symbols: Vec<String>,
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let instruments: Vec<_> = symbols.into_iter().map(Instrument::unknown).collect();
    ensure_all(tx, &instruments).await
}

/// The ids of instruments by symbol, those unknown so far added as they are described.
pub async fn ensure_all(
    tx: &mut Work,
    instruments: &[Instrument],
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let symbols: Vec<_> = instruments.iter().map(|i| i.symbol.clone()).collect();
    store::instruments::insert_missing(tx.statement(), instruments).await?;
    let known = store::instruments::by_symbol(tx.statement(), &symbols).await?;
    Ok(known.into_iter().map(|instrument| (instrument.symbol, instrument.id)).collect())
}
