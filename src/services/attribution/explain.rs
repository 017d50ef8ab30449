//! What the Greeks of options account for of a profit: the explains of each session, added up.
//!
//! From one close to the next the Greeks at the first are multiplied with what changed, by
//! [`sigmasight_analytics::performance::explain`]: over a whole period at once they would have
//! moved along the way. A session without what that needs is stepped over, from the last close
//! before it to the next one after.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::exposure::Sensitivities;
use sigmasight_analytics::option::{DAYS_PER_YEAR, Greeks};
use sigmasight_analytics::performance::explain::{Changes, explain};

use super::Period;
use crate::domain::calendar::Calendar;
use crate::domain::id::PositionId;
use crate::domain::quality::Quality;
use crate::services::greeks::{BookGreeks, Source, VolatilitySource};
use crate::services::valuation::{Book, Line};

/// Sessions that a period may be explained over.
pub const MAX_SESSIONS: usize = 1_260;
/// Digits behind the point that a part is rounded to, once; from there on all is exact.
const DIGITS: u32 = 6;

/// Money by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub delta: Decimal,
    pub gamma: Decimal,
    pub theta: Decimal,
    pub vega: Decimal,
    pub rho: Decimal,
}

/// What the Greeks of one option account for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    pub parts: Parts,
    /// Whether a change of its volatility was not known, so that it has no part.
    pub lacks_volatility: bool,
}

/// By position: what the Greeks account for, or why that cannot be said.
pub type Explains = HashMap<PositionId, Result<Explained, String>>;

/// The same of the options of a group.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    pub parts: Parts,
    /// What they made.
    pub pnl: Decimal,
    pub included: usize,
    /// Why each of the others is left out.
    pub excluded: Vec<String>,
    without_volatility: usize,
    worst: Option<Quality>,
}

impl Parts {
    fn total(&self) -> Decimal {
        let Self { delta, gamma, theta, vega, rho } = *self;
        [delta, gamma, theta, vega, rho].into_iter().fold(Decimal::ZERO, Decimal::saturating_add)
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            delta: self.delta.saturating_add(other.delta),
            gamma: self.gamma.saturating_add(other.gamma),
            theta: self.theta.saturating_add(other.theta),
            vega: self.vega.saturating_add(other.vega),
            rho: self.rho.saturating_add(other.rho),
        }
    }
}

/// The sessions whose books and Greeks explain a period: from its start, or from the first entry
/// of an option after it, to its end. None without options.
pub fn wanted(period: &Period, calendar: &Calendar) -> Vec<NaiveDate> {
    let entries = options(period).map(|line| line.position.entry_date);
    let Some(first) = entries.min() else { return Vec::new() };
    let from = period.start.horizon.as_of.max(first);
    // One more than allowed is enough to be refused.
    calendar.sessions(from, period.end.horizon.as_of).take(MAX_SESSIONS + 1).collect()
}

/// Explains the options of a period from the books of the sessions [`wanted`], ascending.
pub fn explains(
    period: &Period,
    days: &[(Arc<Book>, Arc<BookGreeks>)],
    calendar: &Calendar,
) -> Explains {
    let of = |line: &Arc<Line>| (line.position.id, of_option(period, line, days, calendar));
    options(period).map(of).collect()
}

/// What the Greeks account for of a group; None of one without options.
pub fn sum(period: &Period, lines: &[Arc<Line>], explains: &Explains) -> Option<Sum> {
    let mut sum = Sum::default();
    for line in lines {
        let id = line.position.id;
        match (explains.get(&id), period.profit(id)) {
            (None, _) => {}
            (Some(Err(reason)), _) => sum.excluded.push(reason.clone()),
            (Some(Ok(_)), None) => sum
                .excluded
                .push(format!("The profit of {} is not known.", line.position.instrument.symbol)),
            (Some(Ok(explained)), Some(profit)) => {
                sum.parts = sum.parts.plus(&explained.parts);
                sum.pnl = sum.pnl.saturating_add(profit);
                sum.included += 1;
                sum.without_volatility += usize::from(explained.lacks_volatility);
                sum.worst = sum.worst.max(Some(period.quality(line)));
            }
        }
    }
    (sum.included + sum.excluded.len() > 0).then_some(sum)
}

impl Sum {
    /// What the parts leave of what they made: with it they add up to all of that.
    pub fn unexplained(&self) -> Decimal {
        self.pnl.saturating_sub(self.parts.total())
    }

    pub fn quality(&self) -> Quality {
        match (self.included, self.excluded.len()) {
            (0, _) => Quality::Insufficient,
            (_, 0) if self.without_volatility == 0 => self.worst.unwrap_or(Quality::Full),
            _ => Quality::Limited,
        }
    }

    pub fn warnings(&self) -> Vec<String> {
        const NAMED: usize = 5;
        let mut warnings: Vec<_> = self.excluded.iter().take(NAMED).cloned().collect();
        if self.excluded.len() > NAMED {
            warnings.push(format!("{} options are left out in all.", self.excluded.len()));
        }
        if self.without_volatility > 0 {
            warnings.push(format!(
                "Of {} options no price implied a volatility on some sessions: what its changes \
                 made then is in `unexplained`.",
                self.without_volatility
            ));
        }
        warnings
    }
}

fn options(period: &Period) -> impl Iterator<Item = &Arc<Line>> {
    let lines = period.end.lines.iter();
    lines
        .filter(|line| line.holding().is_option() && period.profits.contains_key(&line.position.id))
}

/// An option at a close.
struct State {
    session: NaiveDate,
    /// Of the position as it was held then.
    greeks: Greeks,
    spot: f64,
    strike: f64,
    years: f64,
    /// What its price implied.
    volatility: Option<f64>,
    /// None once it has run out.
    rate: Option<f64>,
}

impl State {
    /// None without a close of its underlying of the session, or without Greeks of a model.
    fn of(line: &Line, greeks: &BookGreeks) -> Option<Self> {
        let session = line.horizon.as_of;
        let strike = line.position.instrument.contract.as_ref()?.strike.to_f64()?;
        let underlying = line.underlying_quote.as_ref().filter(|quote| quote.date == session)?;
        let spot = underlying.price.to_f64()?;
        let own = greeks.line(line)?;
        let greeks = floats(&own.position?)?;
        let ended =
            Self { session, greeks, spot, strike, years: 0.0, volatility: None, rate: None };
        match (own.source, &own.pricing) {
            (Source::Expired, _) => Some(ended),
            (Source::Model, Some(pricing)) => {
                let is_implied = pricing.volatility.source == VolatilitySource::Implied;
                Some(Self {
                    years: pricing.contract.years,
                    volatility: is_implied.then_some(pricing.volatility.value),
                    rate: Some(pricing.market.rate),
                    ..ended
                })
            }
            _ => None,
        }
    }

    /// What the Greeks of this close account for until another.
    fn until(&self, next: &Self) -> Option<Explained> {
        let change = |before: Option<f64>, after: Option<f64>| Some(after? - before?);
        // A split divides the strike as it does the price: this brings it back.
        let same_shares = self.strike / next.strike;
        let volatility = change(self.volatility, next.volatility);
        let changes = Changes {
            spot: next.spot * same_shares - self.spot,
            volatility: volatility.unwrap_or(0.0),
            rate: change(self.rate, next.rate).unwrap_or(0.0),
            days: ((self.years - next.years) * DAYS_PER_YEAR).max(0.0),
        };
        let split = explain(&self.greeks, &changes, 0.0).ok()?;
        let exact = |part: f64| Some(Decimal::from_f64_retain(part)?.round_dp(DIGITS));
        let parts = Parts {
            delta: exact(split.delta)?,
            gamma: exact(split.gamma)?,
            theta: exact(split.theta)?,
            vega: exact(split.vega)?,
            rho: exact(split.rho)?,
        };
        // What has run out has no volatility to know.
        Some(Explained { parts, lacks_volatility: volatility.is_none() && next.years > 0.0 })
    }
}

fn of_option(
    period: &Period,
    line: &Line,
    days: &[(Arc<Book>, Arc<BookGreeks>)],
    calendar: &Calendar,
) -> Result<Explained, String> {
    let position = &line.position;
    let symbol = &position.instrument.symbol;
    let (first, last) = life(period, line, calendar);
    let mut explained = Explained::default();
    if last <= first && position.entry_date <= period.start.horizon.as_of {
        // It had run out before the period began.
        return Ok(explained);
    }
    let mut known: Option<State> = None;
    for (book, greeks) in days {
        let session = book.horizon.as_of;
        if !(first..=last).contains(&session) {
            continue;
        }
        let Some(line) = book.line(position.id) else { continue };
        let Some(state) = State::of(line, greeks) else { continue };
        if let Some(before) = &known {
            let step = before.until(&state).ok_or_else(|| {
                format!("What the Greeks of {symbol} say of {session} is no finite number.")
            })?;
            explained.parts = explained.parts.plus(&step.parts);
            explained.lacks_volatility |= step.lacks_volatility;
        } else if session != first {
            break;
        }
        known = Some(state);
    }
    match known {
        Some(state) if state.session == last => Ok(explained),
        _ => Err(format!(
            "{symbol} has no Greeks on {first}, or no close of its underlying on {last}."
        )),
    }
}

/// The sessions at whose closes an option was first and last held in a period.
fn life(period: &Period, line: &Line, calendar: &Calendar) -> (NaiveDate, NaiveDate) {
    let position = &line.position;
    let (start, end) = (period.start.horizon.as_of, period.end.horizon.as_of);
    let first = calendar.session_on_or_after(position.entry_date).max(start);
    let exit = position.exit_date.map(|day| calendar.session_on_or_after(day));
    let contract = position.instrument.contract.as_ref();
    let expiry = contract.map(|contract| calendar.session_on_or_before(contract.expiry));
    let last = [exit, expiry].into_iter().flatten().fold(end, NaiveDate::min);
    (first, last)
}

fn floats(greeks: &Sensitivities) -> Option<Greeks> {
    Some(Greeks {
        delta: greeks.delta.to_f64()?,
        gamma: greeks.gamma.to_f64()?,
        theta: greeks.theta.to_f64()?,
        vega: greeks.vega.to_f64()?,
        rho: greeks.rho.to_f64()?,
    })
}
