//! Whether what providers say makes sense: of one bar, of a series, of two sources beside each
//! other. Pure; what to do about a doubt is for the caller.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::risk::standard_deviation;

use super::figure::Figure;
use super::provider::{DailyBar, Span, Split};
use crate::domain::calendar::{Calendar, new_york_date};

/// The currency of every price: what trades on the exchange whose calendar is kept.
pub const CURRENCY: &str = "USD";
/// Dollars. The dearest share there is trades below a tenth of it.
const MAX_PRICE: Decimal = Decimal::from_parts(10_000_000, 0, 0, false, 0);
/// Decimals that are kept.
const PRICE_DECIMALS: u32 = 10;
const VOLUME_DECIMALS: u32 = 4;

/// Two sources agree within so many basis points of the first.
const QUORUM_BASIS_POINTS: Decimal = Decimal::from_parts(25, 0, 0, false, 0);
const BASIS_POINTS: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// Standard deviations of its own past that a return may have.
const OUTLIER_DEVIATIONS: f64 = 8.0;
/// Returns of that past: the last so many, and no judgement over fewer than the second figure.
const OUTLIER_PAST: usize = 60;
const LEAST_PAST: usize = 20;
/// A deviation below this is of a price that stood still, and measures nothing.
const LEAST_DEVIATION: f64 = 0.001;
/// A market that moved less does not explain an outlier.
const SMALL_MARKET_MOVE: f64 = 0.03;

/// New shares for one old, or old for one new, from which a split shows in the prices: three for
/// two does, a stock dividend of some percent does not.
const LEAST_SPLIT: f64 = 1.4;

/// A bar as its provider wrote it: nothing of it is believed yet.
pub struct Claim<'a> {
    /// Since 1970, in whatever unit.
    pub stamp: i64,
    /// None where the provider does not say; it deals in dollars then.
    pub currency: Option<&'a str>,
    pub open: Option<&'a Figure>,
    pub high: Option<&'a Figure>,
    pub low: Option<&'a Figure>,
    pub close: Option<&'a Figure>,
    pub volume: Option<&'a Figure>,
    /// What one share of that day has become by the splits since, which its figures were
    /// adjusted for; 1 where they are as traded.
    pub shares_since: Decimal,
}

/// What a bar has to fit.
pub struct Expected<'a> {
    pub calendar: &'a Calendar,
    pub span: Span,
    /// The newest session that has closed: a later bar is not final, or not of this world.
    pub last_session: NaiveDate,
}

/// What is wrong with a bar or a series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the stamp {0} is no time of a bar")]
    Stamp(i64),
    #[error("{0} is outside what was asked for")]
    OutOfRange(NaiveDate),
    #[error("{0} has no session")]
    NoSession(NaiveDate),
    #[error("the session of {0} has not closed")]
    NotFinal(NaiveDate),
    #[error("a price in {found} on {date}")]
    Currency { date: NaiveDate, found: String },
    #[error("no close on {0}")]
    NoClose(NaiveDate),
    #[error("`{found}` is no number, on {date}")]
    NotANumber { date: NaiveDate, found: String },
    #[error("{found} is no price, on {date}")]
    Price { date: NaiveDate, found: Decimal },
    #[error("the low is above the high on {0}")]
    Crossed(NaiveDate),
    #[error("{found} is no volume, on {date}")]
    Volume { date: NaiveDate, found: Decimal },
    #[error("two bars of {0}")]
    Repeated(NaiveDate),
    #[error("the prices around {0} do not fit the split of that day")]
    Split(NaiveDate),
}

/// The bar, if it can be believed.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn bar(claim: &Claim<'_>, expected: &Expected<'_>) -> Result<DailyBar, Fault> {
    let date = instant(claim.stamp).map(new_york_date).ok_or(Fault::Stamp(claim.stamp))?;
    if !expected.span.contains(date) {
        return Err(Fault::OutOfRange(date));
    }
    if !expected.calendar.is_session(date) {
        return Err(Fault::NoSession(date));
    }
    if date > expected.last_session {
        return Err(Fault::NotFinal(date));
    }
    if let Some(found) = claim.currency.filter(|&currency| currency != CURRENCY) {
        return Err(Fault::Currency { date, found: found.chars().take(10).collect() });
    }

    let shares = claim.shares_since;
    let price =
        |figure: Option<&Figure>| figure.map(|figure| price(date, figure, shares)).transpose();
    let bar = DailyBar {
        date,
        open: price(claim.open)?,
        high: price(claim.high)?,
        low: price(claim.low)?,
        close: price(claim.close)?.ok_or(Fault::NoClose(date))?,
        volume: claim.volume.map(|figure| volume(date, figure, shares)).transpose()?,
    };
    match (bar.low, bar.high) {
        (Some(low), Some(high)) if low > high => Err(Fault::Crossed(date)),
        _ => Ok(bar),
    }
}

fn price(date: NaiveDate, figure: &Figure, shares: Decimal) -> Result<Decimal, Fault> {
    let found = number(date, figure)?;
    let as_traded = found.checked_mul(shares).map(|price| price.round_dp(PRICE_DECIMALS));
    as_traded
        .filter(|price| *price > Decimal::ZERO && *price <= MAX_PRICE)
        .ok_or(Fault::Price { date, found })
}

fn volume(date: NaiveDate, figure: &Figure, shares: Decimal) -> Result<Decimal, Fault> {
    let found = number(date, figure)?;
    let as_traded = found.checked_div(shares).map(|volume| volume.round_dp(VOLUME_DECIMALS));
    as_traded.filter(|volume| *volume >= Decimal::ZERO).ok_or(Fault::Volume { date, found })
}

fn number(date: NaiveDate, figure: &Figure) -> Result<Decimal, Fault> {
    figure.decimal().ok_or_else(|| Fault::NotANumber { date, found: figure.beginning() })
}

/// The instant of a stamp in seconds, milli-, micro- or nanoseconds: whichever unit leads to a
/// year between 1973 and 5138, of which there is never more than one.
pub fn instant(stamp: i64) -> Option<DateTime<Utc>> {
    const SMALLEST: i64 = 100_000_000;
    let (unit, limit) = (stamp.checked_div(SMALLEST)?, 1_000);
    match unit {
        ..1 => None,
        unit if unit < limit => DateTime::from_timestamp(stamp, 0),
        unit if unit < limit * limit => DateTime::from_timestamp_millis(stamp),
        unit if unit < limit * limit * limit => DateTime::from_timestamp_micros(stamp),
        _ => Some(DateTime::from_timestamp_nanos(stamp)),
    }
}

/// What a second source makes of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// Within 25 basis points: the first price stands.
    Agreed,
    /// Nobody else has that day: the first price stands, unconfirmed.
    Alone,
    /// The first price is used and flagged. None is a distance beyond measure.
    Differs { basis_points: Option<Decimal> },
}

/// Compares the price of the first source with another's.
pub fn quorum(primary: Decimal, second: Option<Decimal>) -> Quorum {
    let Some(second) = second else { return Quorum::Alone };
    let distance = primary
        .checked_sub(second)
        .and_then(|difference| difference.abs().checked_mul(BASIS_POINTS)?.checked_div(primary));
    match distance {
        Some(distance) if distance <= QUORUM_BASIS_POINTS => Quorum::Agreed,
        distance => Quorum::Differs { basis_points: distance.map(|points| points.round_dp(1)) },
    }
}

/// A return beside what should explain it. All are simple returns of one session.
pub struct Move<'a> {
    pub today: f64,
    /// Its own before today, oldest first; the last 60 count.
    pub past: &'a [f64],
    /// Whether a split or a dividend takes effect today.
    pub has_action: bool,
    /// The market's; None explains nothing.
    pub market: Option<f64>,
}

/// Whether a return is too large to be believed without a second look: beyond eight deviations
/// of its own past, no action, and a market that hardly moved. None for a past too short to say.
pub fn is_outlier(of: &Move<'_>) -> Option<bool> {
    let past = &of.past[of.past.len().saturating_sub(OUTLIER_PAST)..];
    if past.len() < LEAST_PAST {
        return None;
    }
    let deviation = standard_deviation(past).ok()?.max(LEAST_DEVIATION);
    let is_explained =
        of.has_action || of.market.is_some_and(|market| market.abs() >= SMALL_MARKET_MOVE);
    Some(of.today.abs() > OUTLIER_DEVIATIONS * deviation && !is_explained)
}

/// Whether closes as traded, before and on the day of a split, fell by its ratio: nearer to it
/// than to no change, which were adjusted prices, and than to twice the change, which were prices
/// unadjusted once too often. A split too small to tell from a day's move fits any.
pub fn fits_split(before: Decimal, after: Decimal, split: &Split) -> bool {
    let log_ratio = |a: Decimal, b: Decimal| Some(a.checked_div(b)?.to_f64()?.ln());
    let (Some(change), Some(wanted)) = (log_ratio(after, before), log_ratio(split.from, split.to))
    else {
        return false;
    };
    wanted.abs() < LEAST_SPLIT.ln() || (change - wanted).abs() <= wanted.abs() / 2.0
}

#[cfg(test)]
mod tests;
