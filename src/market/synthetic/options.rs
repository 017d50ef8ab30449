//! Option premiums from a smile, and the chains they make.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use sigmasight_analytics::option::{self, Contract, Kind, Market};

use super::curve::risk_free_rate;
use super::draws::{Draws, Turbulence, key};
use super::listing::{expiries, strikes};
use super::profile::{self, Process, Profile};
use super::world::{MARKET_VOLATILITY, market_turbulence};
use super::{HIGHEST, LOWEST, canonical, rounded, whole};
use crate::domain::calendar::Calendar;
use crate::domain::instrument::{ExerciseStyle, OccSymbol, OptionKind};
use crate::market::provider::Span;

/// The least an option is quoted at while it lives, in dollars.
pub const TICK: f64 = 0.01;

/// A contract as quoted at a session's close, in dollars per share of its underlying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticQuote {
    pub contract: OccSymbol,
    /// Zero where nobody bids.
    pub bid: Decimal,
    pub ask: Decimal,
    /// Halfway between the two.
    pub mid: Decimal,
    /// What [`option_close`] says.
    pub close: Decimal,
    /// Contracts traded in the session.
    pub volume: u64,
    /// Contracts held by somebody.
    pub open_interest: u64,
    /// Of the smile, annualized, a fraction.
    pub implied_volatility: Decimal,
}

/// The premium of an option at a session's close, in dollars per share, from the close of its
/// underlying. `None` after expiry, for then it has no price, and for a close of no sense.
///
/// European value at the volatility of the smile, the curve's rate and the dividend yield of the
/// underlying, rounded to cents: at least a cent while the option lives, and at least its
/// intrinsic value where it may be exercised at once; at expiry the intrinsic value itself, be it
/// zero. Time is counted from 16:00 in New York to the same hour of the expiry: whole days.
pub fn option_close(
    contract: &OccSymbol,
    underlying_close: Decimal,
    session: NaiveDate,
) -> Option<Decimal> {
    Surface::of(contract.underlying(), session).close(contract, underlying_close)
}

/// The contracts on a ticker or index that expire in a range, as quoted at a session's close, from
/// the close of the underlying; by expiry, strike, call or put.
///
/// None for what has no options: mutual funds, and tickers that are no root. Indices list their
/// contracts of other weeks under a root of its own.
pub fn option_chain(
    underlying: &str,
    underlying_close: Decimal,
    calendar: &Calendar,
    session: NaiveDate,
    expiring: Span,
) -> Vec<SyntheticQuote> {
    let underlying = canonical(underlying);
    let surface = Surface::of(underlying, session);
    let Some(spot) = price(underlying_close) else { return Vec::new() };
    if surface.profile.kind == profile::Kind::MutualFund {
        return Vec::new();
    }
    let mut chain = Vec::new();
    for expiry in expiries(calendar, session) {
        if !expiring.contains(expiry.date) {
            continue;
        }
        let Some(years) = surface.years(expiry.date) else { continue };
        // As far as anybody would ask for: three deviations, and half the price at most.
        let width = (3.0 * surface.at_the_money(years) * years.sqrt()).clamp(0.1, 0.5);
        let bounds = [1.0 - width, 1.0 + width].map(|side| Decimal::from_f64(spot * side));
        let [Some(low), Some(high)] = bounds else { continue };
        for strike in strikes(low, high) {
            for kind in [OptionKind::Call, OptionKind::Put] {
                let contract = OccSymbol::new(expiry.root(underlying), expiry.date, kind, strike);
                let quote = contract.ok().and_then(|c| surface.quote(c, underlying_close));
                chain.extend(quote);
            }
        }
    }
    chain
}

/// What the options on one underlying are priced with at one session.
struct Surface {
    session: NaiveDate,
    profile: Profile,
    /// Annualized variances: of what the market's turbulence moves, and of the rest.
    common: f64,
    specific: f64,
    /// Squares of the turbulence of each on the day.
    common_turbulence: f64,
    specific_turbulence: f64,
}

impl Surface {
    fn of(underlying: &str, session: NaiveDate) -> Self {
        let underlying = canonical(underlying);
        let profile = Profile::of(underlying);
        let (common, specific) = match &profile.process {
            Process::Growth(betas) => {
                let specific = betas.specific_volatility * betas.specific_volatility;
                (betas.variance() - specific, specific)
            }
            Process::Reversion { leverage, specific } => {
                let common = leverage * MARKET_VOLATILITY;
                (common * common, specific * specific)
            }
        };
        let (market, own) =
            (market_turbulence(session), Turbulence::of(underlying).on(session.num_days_from_ce()));
        Self {
            session,
            profile,
            common,
            specific,
            common_turbulence: market * market,
            specific_turbulence: own * own,
        }
    }

    /// From the session to a day, in years of 365 days; `None` if it has passed.
    fn years(&self, expiry: NaiveDate) -> Option<f64> {
        let days = u32::try_from((expiry - self.session).num_days()).ok()?;
        Some(f64::from(days) / option::DAYS_PER_YEAR)
    }

    /// The volatility expected for a time, as turbulence comes back to its mean.
    fn at_the_money(&self, years: f64) -> f64 {
        /// Reversions of turbulence in a year.
        const REVERSION: f64 = 4.0;

        let lasting = 1.0 / (1.0 + REVERSION * years);
        let expected = |today: f64| 1.0 + (today - 1.0) * lasting;
        let variance = self.common * expected(self.common_turbulence)
            + self.specific * expected(self.specific_turbulence);
        variance.sqrt()
    }

    fn market(&self, spot: f64, strike: f64, years: f64) -> Market {
        Market {
            spot,
            rate: risk_free_rate(self.session, years),
            dividend_yield: self.profile.dividend_yield,
            volatility: smile(self.at_the_money(years), spot, strike, years),
        }
    }

    fn close(&self, contract: &OccSymbol, underlying_close: Decimal) -> Option<Decimal> {
        let years = self.years(contract.expiry())?;
        let spot = price(underlying_close)?;
        let strike = contract.strike().to_f64()?;
        let (kind, intrinsic) = match contract.kind() {
            OptionKind::Call => (Kind::Call, underlying_close - contract.strike()),
            OptionKind::Put => (Kind::Put, contract.strike() - underlying_close),
        };
        let intrinsic = intrinsic.max(Decimal::ZERO).round_dp(2);
        if contract.expiry() == self.session {
            return Some(intrinsic);
        }

        let market = self.market(spot, strike, years);
        let value = option::value(&Contract { kind, strike, years }, &market);
        let premium = rounded(value.max(TICK), 2);
        Some(match contract.exercise_style() {
            ExerciseStyle::American => premium.max(intrinsic),
            ExerciseStyle::European => premium,
        })
    }

    /// Bid and ask stand as far on either side of the close, the further the dearer the option
    /// and the less its underlying is traded. Most is traded near the money.
    fn quote(&self, contract: OccSymbol, underlying_close: Decimal) -> Option<SyntheticQuote> {
        /// Turnover of the underlying, in dollars a session, that halves the spread.
        const LIQUID: f64 = 5e8;
        /// Contracts held at the money on an underlying of that turnover.
        const OPEN: f64 = 2_000.0;

        let close = self.close(&contract, underlying_close)?;
        let (spot, strike) = (price(underlying_close)?, contract.strike().to_f64()?);
        let years = self.years(contract.expiry())?;
        let volatility = self.market(spot, strike, years).volatility;

        let liquidity = match self.profile.kind {
            // Where nobody can trade the index itself, its options are what is traded.
            profile::Kind::Index => 10.0,
            _ => self.profile.dollars_traded / LIQUID,
        };
        let half = close.to_f64()? * (0.004 + 0.03 / (1.0 + liquidity));
        let half = rounded(half.max(TICK), 2);
        let (bid, ask) = ((close - half).max(Decimal::ZERO), close + half);

        let compact = contract.compact();
        let distance = (strike / spot - 1.0) / (self.at_the_money(years) * years.sqrt());
        let interest = OPEN * liquidity / (1.0 + distance * distance);
        let held = 0.5 + Draws::of(key(&["open interest", &compact]), 0).uniform();
        let mut day = Draws::of(key(&["option volume", &compact]), self.session.num_days_from_ce());
        Some(SyntheticQuote {
            contract,
            bid,
            ask,
            mid: (bid + ask) / Decimal::TWO,
            close,
            volume: whole(interest * held * 0.4 * day.uniform()),
            open_interest: whole(interest * held),
            implied_volatility: rounded(volatility, 4),
        })
    }
}

/// The volatility an option is priced at: dearer below the spot than above it, and a little
/// dearer at both ends, by the strike's distance in standard deviations (three at most).
///
/// Call and put of one strike share it, so their premiums keep put–call parity.
fn smile(at_the_money: f64, spot: f64, strike: f64, years: f64) -> f64 {
    /// In years: nearer to expiry the smile would steepen without end.
    const SHORTEST: f64 = 1.0 / 52.0;
    const SKEW: f64 = -0.05;
    const CURVATURE: f64 = 0.01;

    let deviation = at_the_money * years.max(SHORTEST).sqrt();
    let distance = ((strike / spot).ln() / deviation).clamp(-3.0, 3.0);
    at_the_money * (1.0 + SKEW * distance + CURVATURE * distance * distance)
}

/// A close as a float, if it is one.
fn price(close: Decimal) -> Option<f64> {
    close.to_f64().filter(|price| (LOWEST..=HIGHEST).contains(price))
}
