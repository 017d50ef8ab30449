//! Making known what somebody holds or has prices of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::id::InstrumentId;
use crate::domain::instrument::{Instrument, OccSymbol, Symbol};
use crate::postgres::Work;
use crate::store;

/// What is to be done with instruments once they are known: whoever changes what is stored of one
/// waits for others that do, and a contract is not added while its underlying splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Hold,
    Price,
}

/// Symbols by what they name; options by their compact form.
#[derive(Default)]
struct Named {
    tickers: BTreeSet<String>,
    options: BTreeMap<String, OccSymbol>,
}

impl Named {
    /// With the underlyings of the options.
    fn of<'a>(symbols: impl IntoIterator<Item = &'a Symbol>) -> Self {
        let mut named = Self::default();
        for symbol in symbols {
            match symbol {
                Symbol::Option(option) => {
                    named.tickers.insert(option.underlying().to_owned());
                    named.options.insert(option.compact(), option.clone());
                }
                Symbol::Ticker(_) => {
                    named.tickers.insert(symbol.canonical());
                }
            }
        }
        named
    }
}

/// The ids of symbols, those unknown so far added with the underlyings of their options. Where an
/// option is new the underlyings are locked.
pub async fn ensure<'a>(
    tx: &mut Work,
    symbols: impl IntoIterator<Item = &'a Symbol>,
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    ensure_named(tx, Named::of(symbols), Purpose::Hold).await
}

/// The same for whoever is about to store prices of them and of indices: all but the options are
/// locked.
pub async fn ensure_to_price<'a>(
    tx: &mut Work,
    symbols: impl IntoIterator<Item = &'a Symbol>,
    indices: impl IntoIterator<Item = String>,
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let mut named = Named::of(symbols);
    named.tickers.extend(indices);
    ensure_named(tx, named, Purpose::Price).await
}

/// In the one order that everybody locks in: tickers are added, then locked, then options added.
async fn ensure_named(
    tx: &mut Work,
    Named { tickers, options }: Named,
    purpose: Purpose,
) -> sqlx::Result<HashMap<String, InstrumentId>> {
    let mut ids = known(tx, tickers.iter().chain(options.keys()).cloned().collect()).await?;
    let new: Vec<_> = tickers
        .iter()
        .filter(|ticker| !ids.contains_key(*ticker))
        .map(|ticker| Instrument::unknown(ticker.clone()))
        .collect();
    ids.extend(add(tx, &new).await?);

    let underlyings = options.values().map(OccSymbol::underlying);
    let has_new = options.keys().any(|symbol| !ids.contains_key(symbol));
    let locked: BTreeSet<&str> = match purpose {
        Purpose::Price => tickers.iter().map(String::as_str).collect(),
        Purpose::Hold if has_new => underlyings.collect(),
        Purpose::Hold => BTreeSet::new(),
    };
    if !locked.is_empty() {
        let locked: Vec<_> = locked.iter().filter_map(|symbol| ids.get(*symbol)).copied().collect();
        store::instruments::lock(tx.statement(), &locked).await?;
    }
    let new: Vec<_> = options
        .iter()
        .filter(|(symbol, _)| !ids.contains_key(*symbol))
        .filter_map(|(_, option)| Some(Instrument::option(option, *ids.get(option.underlying())?)))
        .collect();
    ids.extend(add(tx, &new).await?);
    Ok(ids)
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
    let mut added = store::instruments::add_all(tx.statement(), new).await?;
    if added.len() < new.len() {
        // Somebody else has added the others meanwhile.
        let is_there: BTreeSet<_> = added.iter().map(|(symbol, _)| symbol.clone()).collect();
        let others = new.iter().map(|i| i.symbol.clone()).filter(|s| !is_there.contains(s));
        let others = others.collect();
        added.extend(known(tx, others).await?);
    }
    Ok(added)
}
