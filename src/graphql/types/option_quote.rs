//! Listed options and how they are quoted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::SimpleObject;
use chrono::{DateTime, Days, NaiveDate, SecondsFormat, Utc};
use futures_util::future::{try_join, try_join_all, try_join4};

use super::greeks::Greeks;
use super::instrument::{Instrument, PriceSource};
use crate::domain::calendar::new_york_date;
use crate::domain::instrument::{self, OccSymbol, OptionKind};
use crate::domain::number::nearest;
use crate::domain::page::{Slice, slice_of};
use crate::domain::price::Quote;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::loaders::{ActionsOf, InstrumentNamed, QuoteOf};
use crate::graphql::page::{PageArguments, Scope, connection};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::Request;
use crate::services::dividends;
use crate::services::listings::quoted::{self, Inputs, Key, Quoted};
use crate::services::listings::{Listing, OptionQuote as Told, Span};
use crate::services::rates::Curve;
use crate::store::actions::Known;
use crate::store::prices::Subject;

/// What it costs that providers may have to be asked, for the budget of a query: nine underlyings
/// are all that one query may ask of.
pub const ASKING: usize = 5_000;
/// Nothing is listed for longer.
const FURTHEST: Days = Days::new(3_660);

/// An option as it is quoted, in dollars per share of its underlying.
#[derive(Clone, SimpleObject)]
pub struct OptionQuote {
    /// The contract. Of one that nobody has entered here no prices are stored.
    instrument: Instrument,
    /// The best price offered for it, 0 where nobody bids; null when unknown.
    bid: Option<Decimal>,
    /// The best price asked for it; null when unknown or nobody asks.
    ask: Option<Decimal>,
    /// Halfway between bid and ask; null without both, or when they cross.
    mid: Option<Decimal>,
    /// The last trade, which may be days old; else the close of the last session that traded.
    /// Null when unknown.
    last: Option<Decimal>,
    /// Contracts traded in the session; null when unknown.
    volume: Option<f64>,
    /// Contracts held by anybody; null when unknown.
    open_interest: Option<f64>,
    /// Annualized, a fraction: 0.25 is 25 %. The provider's; where it tells none, what `mid`
    /// implies in the European model. Null with a warning where there is neither.
    implied_volatility: Option<f64>,
    /// What moves one long option, per share: European model with a continuous dividend yield, at
    /// `impliedVolatility`, the price of the underlying beside the quote and the Treasury's curve,
    /// from the close of `asOf` to the expiry. Null with a warning when an input is missing.
    per_share: Option<Greeks>,
    /// The session in which it was last quoted.
    as_of: Date,
    /// The instant at which it was last quoted; null when the source does not say.
    quoted_at: Option<DateTime<Utc>>,
    /// Who says so; `SYNTHETIC` is made up, for development.
    source: PriceSource,
    /// Why something of it is missing, and whether it is older than asked for.
    warnings: Vec<String>,
}

connection! {
    /// Options by expiry, then by strike, calls before puts.
    OptionQuoteConnection, OptionQuoteEdge, OptionQuote
}

/// Which options to list; an absent condition keeps all.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Narrowed {
    pub expiry: Option<NaiveDate>,
    pub kind: Option<OptionKind>,
    pub min_strike: Option<rust_decimal::Decimal>,
    pub max_strike: Option<rust_decimal::Decimal>,
}

impl Narrowed {
    fn keeps(&self, quote: &Told, today: NaiveDate) -> bool {
        quote.expiry >= today
            && self.expiry.is_none_or(|day| quote.expiry == day)
            && self.kind.is_none_or(|kind| quote.kind == kind)
            && self.min_strike.is_none_or(|least| quote.strike >= least)
            && self.max_strike.is_none_or(|most| quote.strike <= most)
    }

    /// The expiries to ask for.
    fn expiries(&self, today: NaiveDate) -> Result<Span> {
        if let (Some(least), Some(most)) = (self.min_strike, self.max_strike)
            && least > most
        {
            return Err(Refusal::validation("`minStrike` is above `maxStrike`.").into());
        }
        let furthest = today.checked_add_days(FURTHEST).unwrap_or(today);
        match self.expiry {
            Some(day) if day < today => Err(Refusal::validation(format!("{day} has passed."))
                .hint("Only what still lives is listed; leave `expiry` out for all of it.")
                .into()),
            Some(day) => Ok(Span { from: day, to: day }),
            None => Ok(Span { from: today, to: furthest }),
        }
    }
}

/// A page of the options on an underlying.
///
/// # Errors
/// `Validation` for arguments of no sense, `UpstreamUnavailable` where nobody answers.
pub async fn chain(
    request: &Request,
    underlying: &Arc<instrument::Instrument>,
    narrowed: Narrowed,
    page: &PageArguments,
) -> Result<OptionQuoteConnection> {
    let scope = Scope::of(("optionChain", underlying.id, narrowed));
    let page = page.page::<Key>(scope)?;
    let today = new_york_date(request.moment.now());
    let expiries = narrowed.expiries(today)?;
    request.user().await?;
    if underlying.contract.is_some() {
        // Nothing is listed on an option.
        return Ok(connected(Slice::default(), scope));
    }
    let listing = request.loaders().listing(underlying, expiries).await?;
    request.spend(listing.quotes.len())?;
    let kept = listing.quotes.iter().filter(|quote| narrowed.keeps(quote, today));
    let slice = slice_of(kept.collect(), |quote| quoted::key(quote), &page);
    let beside = Beside::read(request, underlying, &slice.items).await?;
    let slice = slice.map(|told| (beside.quote(request, &listing, told), quoted::key(told)));
    Ok(connected(slice, scope))
}

fn connected(slice: Slice<(OptionQuote, Key)>, scope: Scope) -> OptionQuoteConnection {
    OptionQuoteConnection::of(slice, scope, |(_, key)| key.clone(), |(quote, _)| quote)
}

/// What a page of quotes takes beside what was told, with the same few statements however long it
/// is.
struct Beside<'a> {
    underlying: &'a instrument::Instrument,
    close: Option<Quote>,
    actions: Arc<[Known]>,
    curves: HashMap<NaiveDate, Arc<Curve>>,
    /// Those of the contracts that somebody has entered, as far as the viewer may see them.
    entered: HashMap<InstrumentNamed, Arc<instrument::Instrument>>,
}

impl<'a> Beside<'a> {
    async fn read(
        request: &Request,
        underlying: &'a instrument::Instrument,
        quotes: &[&Told],
    ) -> Result<Self> {
        let (loaders, horizon) = (request.loaders(), request.horizon(None)?);
        let calendar = &request.services.calendar;
        let session = |quote: &&Told| quoted::session_of(quote, horizon.as_of, calendar);
        let sessions: HashSet<_> = quotes.iter().map(session).collect();
        let curve = async |session| Ok((session, loaders.curve(session).await?));
        let symbols = quotes.iter().map(|quote| InstrumentNamed(quote.symbol.clone()));
        let (close, actions, curves, entered) = try_join4(
            loaders.row(QuoteOf { instrument: underlying.id, horizon }),
            loaders.row(ActionsOf(Subject::Id(underlying.id))),
            try_join_all(sessions.into_iter().map(curve)),
            loaders.rows(symbols),
        )
        .await?;
        let (close, actions) = (close.flatten(), actions.flatten().unwrap_or_else(|| Arc::new([])));
        let curves = curves.into_iter().collect();
        Ok(Self { underlying, close, actions, curves, entered })
    }

    fn quote(&self, request: &Request, listing: &Listing, told: &Told) -> OptionQuote {
        let (calendar, assumptions) = (&request.services.calendar, request.services.assumptions);
        let last_session = calendar.last_completed_session(request.moment.now());
        let session = quoted::session_of(told, last_session, calendar);
        let configured = Curve::configured(assumptions.risk_free_rate);
        let inputs = Inputs {
            session,
            close: self.close.as_ref(),
            curve: self.curves.get(&session).map_or(&configured, AsRef::as_ref),
            dividends: &dividends::trailing(&self.actions, session),
        };
        let mut found = Quoted::of(told, &inputs, calendar);
        if listing.is_old {
            let at = listing.told_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            found.warnings.push(format!("No provider answers now: this was told at {at}."));
        }
        let number = |figure: Option<rust_decimal::Decimal>| figure.map(nearest);
        OptionQuote {
            instrument: Instrument(self.instrument(told)),
            bid: told.bid.map(Decimal),
            ask: told.ask.map(Decimal),
            mid: found.mid.map(Decimal),
            last: told.last.or(told.close).map(Decimal),
            volume: number(told.volume),
            open_interest: number(told.open_interest),
            implied_volatility: found.volatility,
            per_share: found.per_share.map(Into::into),
            as_of: session.into(),
            quoted_at: told.quoted_at,
            source: listing.source.into(),
            warnings: found.warnings,
        }
    }

    fn instrument(&self, told: &Told) -> Arc<instrument::Instrument> {
        let entered = self.entered.get(&InstrumentNamed(told.symbol.clone()));
        entered.cloned().unwrap_or_else(|| {
            Arc::new(match OccSymbol::parse(&told.symbol) {
                Ok(symbol) => instrument::Instrument::listed(&symbol, self.underlying),
                Err(_) => instrument::Instrument::unknown(told.symbol.clone()),
            })
        })
    }
}

/// The contract of this symbol: as somebody has entered it, else as it is listed on an underlying
/// that the viewer may see.
///
/// # Errors
/// When the database fails.
pub async fn listed(
    request: &Request,
    symbol: &str,
) -> Result<Option<Arc<instrument::Instrument>>> {
    let Ok(named) = OccSymbol::parse(symbol) else { return Ok(None) };
    let loaders = request.loaders();
    let (entered, underlying) = try_join(
        loaders.row(InstrumentNamed(named.compact())),
        loaders.row(InstrumentNamed(named.underlying().to_owned())),
    )
    .await?;
    let listed = underlying.map(|of| Arc::new(instrument::Instrument::listed(&named, &of)));
    Ok(entered.or(listed))
}
