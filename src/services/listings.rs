//! The options listed on an underlying, with their quotes: asked for when somebody looks.
//!
//! Nothing of it is stored. What was told is kept for a minute in this process, so that whoever
//! looks meanwhile asks nobody; where nobody answers, what was told within the hour is shown with
//! its time. A refusal is kept for as long, so that a provider that refuses is not asked at every
//! look. Where no provider has chains, the simulation makes one up if the settings allow it.

mod kept;
pub mod quoted;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use rust_decimal::Decimal;
use tokio::sync::Semaphore;

use self::kept::{Kept, Place};
use super::Services;
use crate::config::Provider;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::Instrument;
use crate::domain::price::{PriceSource, Quote};
use crate::error::{Code, Refusal};
use crate::market::chain::Unanswered;
pub use crate::market::provider::{OptionQuote, Span};
use crate::market::provider::{Urgency, price_source};
use crate::market::synthetic::{self, SyntheticQuote};

/// For how long nobody is asked again.
const FRESH: Duration = Duration::from_mins(1);
/// Longest that anybody waits for a chain, all its pages together.
const PATIENCE: Duration = Duration::from_secs(8);
/// Requests that wait for providers at a time: each holds a connection to the database meanwhile.
const REQUESTS: usize = 4;
/// Underlyings of one request that are asked for at a time.
const AT_ONCE: usize = 4;

/// The options on an underlying, as they were told.
#[derive(Clone, Debug)]
pub struct Listing {
    pub source: PriceSource,
    pub told_at: DateTime<Utc>,
    /// Whether nobody answered when it was asked for again.
    pub is_old: bool,
    /// By expiry, strike, calls before puts, symbol.
    pub quotes: Arc<[OptionQuote]>,
}

/// A listing, or why there is none.
pub type Told = Result<Listing, Refusal>;

/// The listings of one underlying to ask for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub underlying: Arc<Instrument>,
    pub expiries: Span,
    /// The newest close at or before the last session.
    pub close: Option<Quote>,
}

/// What was told lately; clones share it.
#[derive(Clone)]
pub struct Listings {
    kept: Arc<Kept>,
    asking: Arc<Semaphore>,
    fresh: Duration,
}

impl Default for Listings {
    fn default() -> Self {
        Self::fresh_for(FRESH)
    }
}

impl Listings {
    /// Asking again after so long.
    pub fn fresh_for(fresh: Duration) -> Self {
        Self { kept: Arc::default(), asking: Arc::new(Semaphore::new(REQUESTS)), fresh }
    }
}

/// The listings of some underlyings, each asked for at most once.
pub async fn of(services: &Services, wanted: Vec<Wanted>) -> HashMap<InstrumentId, Told> {
    let listings = &services.listings;
    let (mut told, mut unknown) = (HashMap::new(), Vec::new());
    for wanted in wanted {
        let place = listings.kept.place(wanted.underlying.id);
        let age = listings.fresh;
        let fresh = place.try_lock().ok().and_then(|place| place.fresh(age, wanted.expiries));
        match fresh {
            Some(fresh) => drop(told.insert(wanted.underlying.id, fresh)),
            None => unknown.push((wanted, place)),
        }
    }
    if unknown.is_empty() {
        return told;
    }
    let Ok(_turn) = listings.asking.try_acquire() else {
        let busy = Refusal::new(Code::LimitExceeded, "Others are asking for option chains.")
            .hint("Try again in a few seconds.");
        told.extend(unknown.into_iter().map(|(of, _)| (of.underlying.id, Err(busy.clone()))));
        return told;
    };
    let asked = futures_util::stream::iter(unknown).map(|(wanted, place)| async move {
        let id = wanted.underlying.id;
        let mut place = place.lock().await;
        // Somebody may have asked while we waited.
        if let Some(fresh) = place.fresh(listings.fresh, wanted.expiries) {
            return (id, fresh);
        }
        let asked = tokio::time::timeout(PATIENCE, ask(services, &wanted)).await;
        (id, settled(&mut place, &wanted, asked.unwrap_or_else(|_| Err(slow(&wanted)))))
    });
    told.extend(asked.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
    told
}

/// Keeps what was told; what is shown where nobody answered.
fn settled(place: &mut Place, wanted: &Wanted, told: Told) -> Told {
    place.keep(wanted.expiries, &told);
    match told {
        Err(refusal) if refusal.code == Code::UpstreamUnavailable => {
            place.newest(wanted.expiries).ok_or(refusal)
        }
        told => told,
    }
}

async fn ask(services: &Services, wanted: &Wanted) -> Told {
    let Wanted { underlying, expiries, close } = wanted;
    let asked = services.chain.option_chain(&underlying.symbol, *expiries, Urgency::Quote).await;
    let listing = |source, mut quotes: Vec<OptionQuote>| {
        quotes.sort_by_cached_key(quoted::key);
        quotes.dedup_by(|one, other| one.symbol == other.symbol);
        Ok(Listing { source, told_at: services.now(), is_old: false, quotes: quotes.into() })
    };
    let by = match asked {
        Ok(answered) => {
            let source = price_source(answered.source).unwrap_or(PriceSource::Synthetic);
            return listing(source, answered.answer);
        }
        Err(by) => by,
    };
    if by.is_passing() {
        return Err(unavailable(wanted, &by));
    }
    let has_chains = !by.refusals.is_empty();
    // What a market has said something of is never filled up with what was made up.
    let is_observed = close.as_ref().is_some_and(|close| close.source.is_observed());
    if services.providers.contains(&Provider::Synthetic) && !(has_chains && is_observed) {
        return match simulated(services, wanted).await? {
            Some(quotes) => listing(PriceSource::Synthetic, quotes),
            None => Err(unpriced(services, underlying)),
        };
    }
    if has_chains {
        // That there are none is an answer.
        let source = by.refusals.first().and_then(|(who, _)| price_source(*who));
        return listing(source.unwrap_or(PriceSource::Synthetic), Vec::new());
    }
    tracing::info!(
        "nobody has option chains: Polygon would, by the POLYGON_API_KEY of a plan with options"
    );
    let message = "No source of option chains is configured.";
    Err(Refusal::new(Code::UpstreamUnavailable, message).hint(
        "Options can be entered and tried all the same, by symbols such as AAPL240119C00150000.",
    ))
}

/// A chain made up around the close of the last session; None without such a close.
async fn simulated(
    services: &Services,
    wanted: &Wanted,
) -> Result<Option<Vec<OptionQuote>>, Refusal> {
    let session = services.last_session();
    let close = wanted.close.as_ref().filter(|close| close.date == session);
    let Some(close) = close.map(|close| close.price) else { return Ok(None) };
    let (symbol, expiries) = (wanted.underlying.symbol.clone(), wanted.expiries);
    let calendar = Arc::clone(&services.calendar);
    let made = tokio::task::spawn_blocking(move || {
        let chain = synthetic::option_chain(&symbol, close, &calendar, session, expiries);
        chain.iter().map(|quote| of_simulation(quote, close, session, &calendar)).collect()
    });
    made.await.map(Some).map_err(|error| {
        tracing::error!(%error, "simulating an option chain failed");
        Refusal::new(Code::Internal, "The simulation of the option chain failed.")
    })
}

fn of_simulation(
    quote: &SyntheticQuote,
    underlying: Decimal,
    session: chrono::NaiveDate,
    calendar: &Calendar,
) -> OptionQuote {
    let contract = &quote.contract;
    OptionQuote {
        symbol: contract.compact(),
        kind: contract.kind(),
        strike: contract.strike(),
        expiry: contract.expiry(),
        exercise_style: contract.exercise_style(),
        shares_per_contract: Decimal::ONE_HUNDRED,
        implied_volatility: Some(quote.implied_volatility),
        quoted_at: calendar.day(session).close,
        bid: Some(quote.bid),
        ask: Some(quote.ask),
        last: Some(quote.close),
        close: Some(quote.close),
        volume: Some(quote.volume.into()),
        open_interest: Some(quote.open_interest.into()),
        underlying_price: Some(underlying),
    }
}

fn unavailable(wanted: &Wanted, by: &Unanswered) -> Refusal {
    let symbol = &wanted.underlying.symbol;
    let why = by.refusals.iter().map(|(who, why)| format!("{who:?} {}", why.without_addresses()));
    let why: Vec<_> = why.collect();
    let message = format!("The options on {symbol} are not to be had: {}.", why.join("; "));
    Refusal::new(Code::UpstreamUnavailable, message)
        .hint("Try again in a minute: nobody is asked again before.")
}

fn slow(wanted: &Wanted) -> Refusal {
    let symbol = &wanted.underlying.symbol;
    let message = format!("The options on {symbol} did not come in time.");
    Refusal::new(Code::UpstreamUnavailable, message)
        .hint("Name an `expiry`: all of them may be many pages.")
}

fn unpriced(services: &Services, underlying: &Instrument) -> Refusal {
    let (symbol, session) = (&underlying.symbol, services.last_session());
    let message = format!("No close of {symbol} on {session} is known to price options around.");
    Refusal::new(Code::InsufficientData, message)
        .hint("Prices of what somebody holds are completed by the nightly run.")
}
