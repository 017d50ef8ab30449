//! An account of what is missing: which histories have holes, why, and which figures that costs.
//!
//! Shares are judged by their own history; an option by its underlying's, through which it
//! enters factors and correlations, and by whether it has a price or can be given one.

mod history;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sigmasight_analytics::{correlation, factor};

pub use self::history::{History, Window};
use super::valuation::{Book, Line};
use crate::domain::id::InstrumentId;
use crate::store::presence::Presence;

/// What is stored of instruments in a window.
pub type Presences = HashMap<InstrumentId, Arc<Presence>>;

/// What is missing of a portfolio's data.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioQuality {
    /// Sessions with a price as a share of those that should have one, over all histories.
    pub score: f64,
    /// By symbol, as all that follows.
    pub complete: Vec<String>,
    pub partial: Vec<Holed>,
    pub insufficient: Vec<Holed>,
    pub stale: Vec<String>,
    pub simulated: Vec<String>,
    pub factor_regression: Feasibility,
    pub correlation: Feasibility,
    pub greeks: Feasibility,
}

/// A history that is not all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holed {
    pub symbol: String,
    pub available: usize,
    pub missing: usize,
    pub reason: Option<String>,
}

/// Whether a method has what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feasibility {
    pub is_feasible: bool,
    pub eligible: usize,
    pub excluded: usize,
    /// Returns that it takes of each.
    pub minimum: usize,
}

/// What is held and has not run out: nothing else is missed.
fn living(book: &Book) -> impl Iterator<Item = &Line> {
    book.open_lines().map(AsRef::as_ref).filter(|line| !line.is_expired)
}

/// The instrument whose history counts: of an option its underlying.
fn shares(line: &Line) -> InstrumentId {
    let instrument = &line.position.instrument;
    instrument.contract.as_ref().map_or(instrument.id, |contract| contract.underlying_id)
}

fn is_unpriced_option(line: &Line) -> bool {
    line.position.position_type.is_option() && line.quote.is_none()
}

/// What has to be known to assess a book.
pub fn wanted(book: &Book) -> BTreeSet<InstrumentId> {
    let unpriced = living(book).filter(|line| is_unpriced_option(line));
    let unpriced = unpriced.map(|line| line.position.instrument.id);
    living(book).map(shares).chain(unpriced).collect()
}

/// Assesses a book by what is stored of the instruments it [`wanted`].
pub fn assess(book: &Book, presences: &Presences, window: &Window) -> PortfolioQuality {
    let mut entered = BTreeMap::new();
    for line in living(book) {
        let (_, first) = entered
            .entry(line.underlying().to_owned())
            .or_insert((shares(line), line.position.entry_date));
        *first = line.position.entry_date.min(*first);
    }
    let histories: BTreeMap<_, _> = entered
        .into_iter()
        .filter_map(|(symbol, (id, first))| {
            let presence = presences.get(&id)?;
            Some((symbol, (id, History::of(presence, window, Some(first), None))))
        })
        .collect();
    let (sufficient, insufficient): (Vec<_>, Vec<_>) = histories
        .iter()
        .map(|(symbol, (_, history))| (symbol, history))
        .partition(|(_, history)| history.supports_factors() && history.supports_correlation());
    let (partial, complete): (Vec<_>, Vec<_>) =
        sufficient.into_iter().partition(|(_, history)| history.missing > 0);
    let without_price = living(book)
        .filter(|line| is_unpriced_option(line))
        .map(|line| unpriced(line, presences, window));
    let mut insufficient: Vec<_> =
        insufficient.into_iter().map(holed).chain(without_price).collect();
    insufficient.sort_by(|one, other| one.symbol.cmp(&other.symbol));
    insufficient.dedup();

    let by_instrument = histories.values().map(|(id, history)| (*id, history)).collect();
    let histories = histories.iter().map(|(symbol, (_, history))| (symbol, history));
    let available: usize = histories.clone().map(|(_, history)| history.available).sum();
    let missing: usize = histories.clone().map(|(_, history)| history.missing).sum();
    let simulated = histories.clone().filter(|(_, history)| history.is_simulated);
    let each: Vec<_> = histories.clone().map(|(_, history)| history).collect();
    PortfolioQuality {
        score: share(available, available + missing),
        complete: complete.into_iter().map(|(symbol, _)| symbol.clone()).collect(),
        partial: partial.into_iter().map(holed).collect(),
        insufficient,
        stale: stale(book),
        simulated: simulated.map(|(symbol, _)| symbol.clone()).collect(),
        factor_regression: factor_regression(&each),
        correlation: correlation(&each),
        greeks: greeks(book, &by_instrument),
    }
}

/// A part of a whole; all of nothing is one.
fn share(part: usize, whole: usize) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    if whole == 0 { 1.0 } else { count(part) / count(whole) }
}

fn holed((symbol, history): (&String, &History)) -> Holed {
    let young = || {
        format!(
            "Its history begins on {}: {} returns, of which a regression on factors takes {}.",
            history.first.map_or_else(String::new, |first| first.to_string()),
            history.returns,
            factor::MIN_OBSERVATIONS
        )
    };
    Holed {
        symbol: symbol.clone(),
        available: history.available,
        missing: history.missing,
        reason: Some(history.reason.clone().unwrap_or_else(young)),
    }
}

/// An option of which no price is known: the sessions since it was entered are missing.
fn unpriced(line: &Line, presences: &Presences, window: &Window) -> Holed {
    let instrument = &line.position.instrument;
    let last = line.horizon.as_of;
    let missing = window.between(line.position.entry_date.min(last), last);
    let told = presences.get(&instrument.id).filter(|known| !known.absences.is_empty());
    let reason = told.and_then(|known| history::reason(missing, &known.absences));
    Holed {
        symbol: instrument.symbol.clone(),
        available: 0,
        missing: missing.len(),
        reason: reason.or_else(|| line.unpriced_reason()),
    }
}

/// The symbols whose newest price is older than the book's session.
fn stale(book: &Book) -> Vec<String> {
    let of = |line: &Line| {
        let own = (&line.position.instrument.symbol, line.quote.as_ref());
        let instrument = &line.position.instrument;
        let underlying = instrument
            .contract
            .as_ref()
            .map(|contract| (&contract.underlying_symbol, line.underlying_quote.as_ref()));
        let quotes = [Some(own), underlying].into_iter().flatten();
        let old = quotes.filter(|(_, quote)| quote.is_some_and(|q| q.date < book.horizon.as_of));
        old.map(|(symbol, _)| symbol.clone()).collect::<Vec<_>>()
    };
    living(book).flat_map(of).collect::<BTreeSet<_>>().into_iter().collect()
}

fn factor_regression(histories: &[&History]) -> Feasibility {
    let eligible = histories.iter().filter(|history| history.supports_factors()).count();
    Feasibility {
        is_feasible: eligible > 0,
        eligible,
        excluded: histories.len() - eligible,
        minimum: factor::MIN_OBSERVATIONS,
    }
}

/// It takes two with enough returns of the same sessions.
fn correlation(histories: &[&History]) -> Feasibility {
    let eligible: Vec<_> =
        histories.iter().filter(|history| history.supports_correlation()).collect();
    // Of some that overlap nowhere there are few: 90 returns have no room for more.
    let pair = |(at, one): (usize, &&&History)| {
        eligible.iter().skip(at + 1).any(|other| one.overlaps(other))
    };
    Feasibility {
        is_feasible: eligible.iter().enumerate().any(pair),
        eligible: eligible.len(),
        excluded: histories.len() - eligible.len(),
        minimum: correlation::MIN_OVERLAP,
    }
}

/// An option takes the price of its underlying, and a volatility: the one that its own price
/// implies, or that of its underlying's past. A share takes nothing.
fn greeks(book: &Book, histories: &HashMap<InstrumentId, &History>) -> Feasibility {
    let options = living(book).filter(|line| line.position.position_type.is_option());
    let mut judged = BTreeMap::new();
    for line in options {
        let has_volatility =
            histories.get(&shares(line)).is_some_and(|history| history.supports_volatility());
        let is_eligible = !line.needs_review()
            && line.underlying_quote.is_some()
            && (line.quote.is_some() || has_volatility);
        judged.insert(&line.position.instrument.symbol, is_eligible);
    }
    let eligible = judged.values().filter(|is_eligible| **is_eligible).count();
    Feasibility {
        is_feasible: eligible > 0 || judged.is_empty(),
        eligible,
        excluded: judged.len() - eligible,
        minimum: history::VOLATILITY,
    }
}
