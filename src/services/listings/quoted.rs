//! What the quote of a listed option says: its middle, its volatility, what moves it.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::implied;
use sigmasight_analytics::option::{self, Contract, Greeks, Market};

use crate::domain::calendar::{Calendar, new_york_date};
use crate::domain::instrument::{OPTION_MULTIPLIER, OptionKind};
use crate::domain::price::Quote;
use crate::market::provider::OptionQuote;
use crate::services::dividends::Trailing;
use crate::services::greeks::{kind, years_to_expiry};
use crate::services::rates::{Curve, RateSource};

/// By what chains are ordered: expiry, strike, calls before puts, symbol.
pub type Key = (NaiveDate, Decimal, bool, String);

pub fn key(quote: &OptionQuote) -> Key {
    (quote.expiry, quote.strike, quote.kind == OptionKind::Put, quote.symbol.clone())
}

/// The session that a quote is of: that in which it was last seen, else the last completed one.
pub fn session_of(quote: &OptionQuote, last_session: NaiveDate, calendar: &Calendar) -> NaiveDate {
    quote.quoted_at.map_or(last_session, |at| calendar.session_on_or_before(new_york_date(at)))
}

/// What is known beside a quote, as of its session.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub session: NaiveDate,
    /// The newest close of the underlying.
    pub close: Option<&'a Quote>,
    pub curve: &'a Curve,
    pub dividends: &'a Trailing,
}

/// What a quote comes to.
#[derive(Clone, Debug, Default)]
pub struct Quoted {
    /// Halfway between bid and ask.
    pub mid: Option<Decimal>,
    /// Annualized, a fraction: the provider's, else what the middle implies.
    pub volatility: Option<f64>,
    /// Of one long option, per share, in the European model.
    pub per_share: Option<Greeks>,
    /// Why something of it is missing.
    pub warnings: Vec<String>,
}

impl Quoted {
    pub fn of(quote: &OptionQuote, known: &Inputs<'_>, calendar: &Calendar) -> Self {
        let mut quoted = Self { mid: mid(quote), ..Self::default() };
        let told = quote.implied_volatility.and_then(|told| told.to_f64());
        quoted.volatility = told.filter(|told| *told > 0.0);
        if let Err(reason) = quoted.complete(quote, known, calendar) {
            quoted.warnings.push(reason);
        }
        quoted
    }

    fn complete(
        &mut self,
        quote: &OptionQuote,
        known: &Inputs<'_>,
        calendar: &Calendar,
    ) -> Result<(), String> {
        let symbol = &quote.symbol;
        if quote.shares_per_contract != Decimal::from(OPTION_MULTIPLIER) {
            let shares = quote.shares_per_contract.normalize();
            return Err(format!(
                "{symbol} delivers {shares} shares, or something else than shares: no model values it."
            ));
        }
        let years = years_to_expiry(known.session, quote.expiry, calendar);
        if years <= 0.0 {
            return Err(format!("{symbol} expires at the close that it is quoted at."));
        }
        let close = known.close.filter(|close| close.date == known.session);
        let Some(price) = quote.underlying_price.or_else(|| close.map(|close| close.price)) else {
            let session = known.session;
            return Err(format!("No price of the underlying of {symbol} on {session} is known."));
        };
        let [spot, strike] = [price, quote.strike].map(|n| n.to_f64().unwrap_or(f64::NAN));
        let contract = Contract { kind: kind(quote.kind), strike, years };
        let rate = known.curve.rate(years);
        if rate.source == RateSource::Configured {
            self.warnings.push(crate::services::greeks::CONFIGURED_RATE.into());
        }
        let dividend_yield = known.dividends.continuous(price).unwrap_or(0.0);
        let volatility = if let Some(told) = self.volatility {
            told
        } else {
            let market = implied::Quote { price: f64::NAN, spot, rate: rate.rate, dividend_yield };
            *self.volatility.insert(self.implied(quote, &contract, market)?)
        };
        let market = Market { spot, rate: rate.rate, dividend_yield, volatility };
        let valued = option::value_and_greeks(&contract, &market);
        let (_, greeks) = valued.map_err(|error| format!("No model values {symbol}: {error}."))?;
        self.per_share = Some(greeks);
        Ok(())
    }

    /// The volatility that the middle implies; one that nobody bids for says nothing.
    fn implied(
        &self,
        quote: &OptionQuote,
        contract: &Contract,
        market: implied::Quote,
    ) -> Result<f64, String> {
        let symbol = &quote.symbol;
        let is_bid = quote.bid.is_some_and(|bid| bid > Decimal::ZERO);
        let Some(mid) = self.mid.filter(|_| is_bid) else {
            return Err(format!(
                "Neither a volatility of {symbol} is told nor both a bid and an ask that would imply one."
            ));
        };
        let price = mid.to_f64().unwrap_or(f64::NAN);
        implied::volatility(contract, &implied::Quote { price, ..market }).map_err(|error| {
            format!("The middle of {symbol}, {}, implies no volatility: {error}.", mid.normalize())
        })
    }
}

/// Halfway between bid and ask; None without both, and where they cross.
fn mid(quote: &OptionQuote) -> Option<Decimal> {
    let (bid, ask) = (quote.bid?, quote.ask?);
    (bid <= ask).then(|| bid.checked_add(ask)?.checked_div(Decimal::TWO)).flatten()
}
