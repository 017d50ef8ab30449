//! Made-up prices, the same on every machine: what the service works on without a provider.
//!
//! The return of a session is the market's times the symbol's beta, plus a part of its own, both
//! more turbulent in some months than in others; `profile` has the figures. Closes are those
//! returns compounded from an anchor, forward and backward. Each draw is keyed by what it is for
//! and by its session alone, so a bar depends neither on the range asked for nor on today, and
//! known betas can be found again by regression.
//!
//! - Any ticker and any session from [`FIRST`] on; a session more or less in the calendar moves
//!   the closes beyond it, seen from the anchor.
//! - Dollars in whole cents, with four decimals below one dollar. No splits, no dividends.
//! - Bars need sums, products, quotients and square roots only, which every machine rounds alike;
//!   premiums need logarithms, and whole cents hide what those may differ by.
//!
//! Nothing here says where a price comes from: whoever stores one marks it as synthetic.

mod draws;
mod profile;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::option::{self, Contract, Kind, Market};

use self::draws::{Draws, key};
use self::profile::{Process, Profile};
use crate::domain::calendar::Calendar;
use crate::domain::instrument::{ExerciseStyle, OccSymbol, OptionKind, is_price_symbol, is_ticker};

/// The first session there are prices of.
pub const FIRST: NaiveDate = date(2005, 1, 3);
/// No prices after this day, so that a date far ahead is no endless walk.
const LAST: NaiveDate = date(2050, 12, 31);

/// The session whose close is the profile's anchor.
const ANCHOR: NaiveDate = date(2024, 1, 16);
/// The day before all sessions, where a level that reverts begins: it cannot be walked backward.
const ORIGIN: NaiveDate = date(2005, 1, 2);

const SESSIONS_PER_YEAR: f64 = 252.0;
/// Annualized, of the market's simple returns.
const MARKET_VOLATILITY: f64 = 0.16;
/// Mean simple return of the market per year.
const MARKET_DRIFT: f64 = 0.08;
/// Share of its distance to the mean that a level gives up each session.
const REVERSION: f64 = 0.05;

/// Bounds of a price in dollars. No walk is likely to meet them; an adverse table would.
const LOWEST: f64 = 0.0001;
const HIGHEST: f64 = 1e9;

/// Risk-free rate of the premiums, per year, continuously compounded.
const RATE: f64 = 0.05;
/// The least an option is quoted at while it lives, in dollars.
const TICK: f64 = 0.01;

/// One session of one symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticBar {
    pub date: NaiveDate,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    /// Shares; zero for an index.
    pub volume: u64,
}

/// The bars of a ticker or index for the sessions from one date to another, both included,
/// ascending. None for an option, for a text that names nothing, or out of the range covered.
///
/// Takes time in proportion to the sessions between the range's far end and January 2024.
pub fn bars(
    symbol: &str,
    calendar: &Calendar,
    from: NaiveDate,
    to: NaiveDate,
) -> Vec<SyntheticBar> {
    let (from, to) = (from.max(FIRST), to.min(LAST));
    let is_index = symbol.starts_with('^') && is_price_symbol(symbol);
    if from > to || !(is_index || is_ticker(symbol)) {
        return Vec::new();
    }
    let symbol = bare(symbol);
    let simulation = Simulation::of(symbol);
    let anchor = match simulation.profile.process {
        Process::Growth { .. } => ANCHOR,
        Process::Reversion { .. } => ORIGIN,
    };
    let mut bars = Vec::new();

    let mut close = simulation.profile.anchor;
    let past: Vec<_> = calendar.sessions(from, anchor).collect();
    for session in past.into_iter().rev() {
        // Only growth gets here, whose return does not ask for the close before.
        let before = close / (1.0 + simulation.simple_return(session, close));
        if session <= to {
            bars.push(simulation.bar(session, before, close));
        }
        close = before;
    }
    bars.reverse();

    let mut before = simulation.profile.anchor;
    for session in calendar.sessions(anchor, to).skip_while(|&session| session == anchor) {
        let close = before * (1.0 + simulation.simple_return(session, before));
        if session >= from {
            bars.push(simulation.bar(session, before, close));
        }
        before = close;
    }
    bars
}

/// The premium of an option at a session's close, in dollars per share, from the close of its
/// underlying. `None` after expiry, for then it has no price, and for a close of no sense.
///
/// European value at the volatility of `smile`, rounded to cents: at least a cent while the
/// option lives, and at least its intrinsic value where it may be exercised at once; at expiry
/// the intrinsic value itself, be it zero. Time is counted from 16:00 in New York to the same
/// hour of the expiry: whole days.
pub fn option_close(
    contract: &OccSymbol,
    underlying_close: Decimal,
    session: NaiveDate,
) -> Option<Decimal> {
    let days = u32::try_from((contract.expiry() - session).num_days()).ok()?;
    let spot = underlying_close.to_f64().filter(|spot| (LOWEST..=HIGHEST).contains(spot))?;
    let strike = contract.strike().to_f64()?;
    let (kind, intrinsic) = match contract.kind() {
        OptionKind::Call => (Kind::Call, underlying_close - contract.strike()),
        OptionKind::Put => (Kind::Put, contract.strike() - underlying_close),
    };
    let intrinsic = intrinsic.max(Decimal::ZERO).round_dp(2);
    if days == 0 {
        return Some(intrinsic);
    }

    let years = f64::from(days) / option::DAYS_PER_YEAR;
    let volatility = smile(volatility(contract.underlying()), spot, strike, years);
    let market = Market { spot, rate: RATE, dividend_yield: 0.0, volatility };
    let value = option::value(&Contract { kind, strike, years }, &market);
    let premium = rounded(value.max(TICK), 2);
    Some(match contract.exercise_style() {
        ExerciseStyle::American => premium.max(intrinsic),
        ExerciseStyle::European => premium,
    })
}

/// The beta to the market that the returns of a ticker are made with; zero for a level.
pub fn market_beta(symbol: &str) -> f64 {
    match Profile::of(bare(symbol)).process {
        Process::Growth { beta, .. } => beta,
        Process::Reversion { .. } => 0.0,
    }
}

/// The annualized volatility that the returns of a symbol are made with, nearly.
pub fn volatility(symbol: &str) -> f64 {
    let (common, own) = match Profile::of(bare(symbol)).process {
        Process::Growth { beta, specific } => (beta, specific),
        Process::Reversion { leverage, specific } => (leverage, specific),
    };
    let common = common * MARKET_VOLATILITY;
    (common * common + own * own).sqrt()
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

/// A symbol with what its bars are made from.
struct Simulation {
    profile: Profile,
    /// Of the returns.
    return_key: u64,
    /// Of what else a bar has, or its range would follow from its return.
    bar_key: u64,
    /// Standard deviation of a session's return.
    deviation: f64,
}

impl Simulation {
    fn of(symbol: &str) -> Self {
        Self {
            profile: Profile::of(symbol),
            return_key: key(&["return", symbol]),
            bar_key: key(&["bar", symbol]),
            deviation: volatility(symbol) / SESSIONS_PER_YEAR.sqrt(),
        }
    }

    /// The session's return as a fraction, above −1; `before` is the close it starts from.
    fn simple_return(&self, session: NaiveDate, before: f64) -> f64 {
        let market = market_return(session);
        let own = disturbance(self.return_key, session);
        let simple_return = match self.profile.process {
            // Half the variance keeps the median path from sinking where the own part is large.
            Process::Growth { beta, specific } => {
                let drift = specific * specific / 2.0 / SESSIONS_PER_YEAR;
                drift + beta * market + specific * own
            }
            Process::Reversion { leverage, specific } => {
                REVERSION * (1.0 - before / self.profile.anchor) - leverage * market
                    + specific * own
            }
        };
        // Six deviations of a rough session may exceed 100 %, and a price stays above zero.
        simple_return.max(-0.5)
    }

    /// The session's bar around its close and the one before. It opens part of the way from one
    /// to the other and strays beyond both; a jump is traded more than a quiet day.
    fn bar(&self, session: NaiveDate, before: f64, close: f64) -> SyntheticBar {
        let mut draws = Draws::of(self.bar_key, session.num_days_from_ce());
        let open = before + (close - before) * draws.uniform();
        let high = open.max(close) * (1.0 + self.deviation * draws.uniform());
        let low = open.min(close) / (1.0 + self.deviation * draws.uniform());

        let jump = (close / before - 1.0).abs() / self.deviation;
        let dollars = self.profile.dollars_traded * (0.5 + 0.5 * draws.uniform() + 0.25 * jump);
        SyntheticBar {
            date: session,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(close),
            volume: whole(dollars / close),
        }
    }
}

/// The symbol without the caret of an index: `^VIX` and `VIX` are one.
fn bare(symbol: &str) -> &str {
    symbol.strip_prefix('^').unwrap_or(symbol)
}

/// What all share: the market's simple return of a session.
fn market_return(session: NaiveDate) -> f64 {
    let disturbance = disturbance(key(&["market"]), session);
    MARKET_DRIFT / SESSIONS_PER_YEAR + MARKET_VOLATILITY * disturbance
}

/// One session's random part of a return whose annualized volatility is one.
///
/// Calm, ordinary and rough months give returns their clusters and fat tails.
fn disturbance(key: u64, session: NaiveDate) -> f64 {
    let month = session.year() * 12 + session.month0().cast_signed();
    // Squares of 0.7, 1.1 and 1.85 have a mean of one by these chances.
    let turbulence = match Draws::of(self::key(&["turbulence"]), month).uniform() {
        ..0.6 => 0.7,
        ..0.9 => 1.1,
        _ => 1.85,
    };
    turbulence * Draws::of(key, session.num_days_from_ce()).normal() / SESSIONS_PER_YEAR.sqrt()
}

/// A price as it is quoted: with two decimals, or four below one dollar.
fn price(price: f64) -> Decimal {
    let price = price.clamp(LOWEST, HIGHEST);
    rounded(price, if price < 1.0 { 4 } else { 2 })
}

fn rounded(price: f64, decimals: u32) -> Decimal {
    #[expect(clippy::cast_possible_truncation, reason = "at most 1e9 dollars, 1e13 units")]
    let units = (price * f64::from(10_u32.pow(decimals))).round() as i64;
    Decimal::new(units, decimals)
}

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative, and a cast saturates"
    )]
    let whole = number as u64;
    whole
}

/// A date of the constants above; a wrong one does not compile.
const fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day that exists")
}

#[cfg(test)]
mod tests;
