//! What was earned: returns that ignore deposits, profit and loss of a session, and what it
//! came from.
//!
//! Money is exact; a return is a fraction, 1 % is `0.01`. A session runs from one close to
//! the next, however many calendar days lie between: a Monday's is measured from Friday's.
//! [`explain`] splits the profit of an option by its Greeks.

pub mod explain;

#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::error::Error;
use crate::risk::{SESSIONS_PER_YEAR, checked, count, finite};

/// A book at a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    pub session: NaiveDate,
    /// Cash plus the signed exposures: shorts and written options count against it.
    pub total_value: Decimal,
    /// Paid in since the close before, below zero for what was taken out. What is bought or
    /// sold is no deposit: it changes into cash, or from it, inside the book.
    pub net_deposit: Decimal,
}

/// When the deposits of a session are taken to have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DepositTime {
    /// After its last trade: they earn nothing that session.
    #[default]
    AtClose,
    /// Before its first: they are part of what the session's return is earned on.
    AtOpen,
}

/// Profit or loss of a book over a session: the change of its value that was not paid in.
///
/// A short that rises loses, as its exposure is below zero; buying something is no profit,
/// as the cash for it is gone.
#[must_use]
pub fn daily_pnl(previous: &Close, close: &Close) -> Decimal {
    close.total_value.saturating_sub(previous.total_value).saturating_sub(close.net_deposit)
}

/// The same as a share of what it was earned on: the value at the close before, with the
/// deposits if these came at the open.
///
/// # Errors
/// [`Error::Undefined`] where that is zero or less: on nothing, nothing is earned.
pub fn session_return(
    previous: &Close,
    close: &Close,
    deposits: DepositTime,
) -> Result<f64, Error> {
    let base = match deposits {
        DepositTime::AtClose => previous.total_value,
        DepositTime::AtOpen => previous.total_value.saturating_add(close.net_deposit),
    };
    share(daily_pnl(previous, close), base)
}

/// The returns of the sessions from one close to the next, which say how the book did
/// whatever was paid in or out. One fewer than closes; linked, they are the time-weighted
/// return.
///
/// Source: CFA Institute (2020), Global Investment Performance Standards, true
/// time-weighted return with daily valuation.
///
/// # Errors
/// [`Error::OutOfRange`] unless the closes ascend; as [`session_return`].
pub fn session_returns(closes: &[Close], deposits: DepositTime) -> Result<Vec<f64>, Error> {
    let pairs = closes.windows(2).map(|pair| match pair {
        [previous, close] if previous.session < close.session => {
            session_return(previous, close, deposits)
        }
        _ => Err(Error::OutOfRange("order of the closes")),
    });
    pairs.collect()
}

/// Time-weighted return of the period that begins after the close of `from` and ends with
/// that of `to`; where there was no session on `from`, with the last close before it.
///
/// # Errors
/// [`Error::Empty`] where no close is that old, or none is in the period; as
/// [`session_returns`].
pub fn time_weighted_return(
    closes: &[Close],
    from: NaiveDate,
    to: NaiveDate,
    deposits: DepositTime,
) -> Result<f64, Error> {
    let (start, end) = (
        closes.partition_point(|close| close.session <= from).checked_sub(1).ok_or(Error::Empty)?,
        closes.partition_point(|close| close.session <= to),
    );
    let period = closes.get(start..end).filter(|period| period.len() > 1).ok_or(Error::Empty)?;
    link(&session_returns(period, deposits)?)
}

/// The return over consecutive periods from the returns of each: Π (1 + r) − 1. Zero for
/// none.
///
/// # Errors
/// [`Error::NotFinite`], or [`Error::OutOfRange`] for a return below −1, after which there
/// is nothing left to compound.
pub fn link(returns: &[f64]) -> Result<f64, Error> {
    compounding(returns)?;
    finite(growth(returns) - 1.0)
}

/// The yearly return that would have compounded to the same: (Π (1 + r))^(252/n) − 1.
///
/// # Errors
/// [`Error::Empty`]; as [`link`].
pub fn annual_return(returns: &[f64]) -> Result<f64, Error> {
    checked(returns, 1)?;
    compounding(returns)?;
    annualized(growth(returns), count(returns))
}

/// The yearly return of what grew to so many times itself in these sessions.
pub(crate) fn annualized(growth: f64, sessions: f64) -> Result<f64, Error> {
    finite(growth.powf(SESSIONS_PER_YEAR / sessions) - 1.0)
}

/// What one unit became, with the one before the first return in front.
///
/// # Errors
/// As [`link`].
pub fn wealth(returns: &[f64]) -> Result<Vec<f64>, Error> {
    compounding(returns)?;
    let mut path = Vec::with_capacity(returns.len() + 1);
    let mut value = 1.0;
    path.push(value);
    for r in returns {
        value *= 1.0 + r;
        path.push(value);
    }
    // What has outgrown its number does not come back.
    finite(value)?;
    Ok(path)
}

/// The close to measure a session from: the newest before it, however many days that is.
/// `closes` ascend by date.
#[must_use]
pub fn previous_close(
    closes: &[(NaiveDate, Decimal)],
    session: NaiveDate,
) -> Option<(NaiveDate, Decimal)> {
    let before = closes.partition_point(|(date, _)| *date < session);
    before.checked_sub(1).and_then(|last| closes.get(last)).copied()
}

/// A purchase, or a sale below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    pub signed_quantity: Decimal,
    /// Money per unit of the underlying; of an option, the premium per share.
    pub price: Decimal,
}

/// One position over one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionSession<'a> {
    /// Units of the underlying in one of these: 100 for most options, 1 for the rest.
    pub multiplier: Decimal,
    /// Held at the close before, below zero for a short; zero for a new position.
    pub opening_quantity: Decimal,
    /// Price at the close before.
    pub previous_price: Option<Decimal>,
    pub trades: &'a [Trade],
    /// Price at this close.
    pub price: Option<Decimal>,
}

impl PositionSession<'_> {
    /// Held at this close.
    #[must_use]
    pub fn closing_quantity(&self) -> Decimal {
        let traded = self.trades.iter().map(|trade| trade.signed_quantity);
        traded.fold(self.opening_quantity, Decimal::saturating_add)
    }

    /// Profit or loss: what was held moves from close to close, what was traded from its own
    /// price. So a position bought at the close has none, and a short gains from a fall.
    ///
    /// A price is only needed of what was held at its time; `None` where one is missing.
    #[must_use]
    pub fn pnl(&self) -> Option<Decimal> {
        let value = |quantity: Decimal, price: Option<Decimal>| {
            if quantity.is_zero() { Some(quantity) } else { Some(quantity.saturating_mul(price?)) }
        };
        let opened = value(self.opening_quantity, self.previous_price)?;
        let closed = value(self.closing_quantity(), self.price)?;
        let paid = self.trades.iter().fold(Decimal::ZERO, |paid, trade| {
            paid.saturating_add(trade.signed_quantity.saturating_mul(trade.price))
        });
        Some(closed.saturating_sub(opened).saturating_sub(paid).saturating_mul(self.multiplier))
    }
}

/// What each group added to the return of the book: its profit over the book's opening
/// value. They add up to the return, as the profits add up to the profit.
///
/// # Errors
/// [`Error::Undefined`] where that value is zero or less.
pub fn contributions(pnls: &[Decimal], opening_value: Decimal) -> Result<Vec<f64>, Error> {
    pnls.iter().map(|pnl| share(*pnl, opening_value)).collect()
}

fn share(pnl: Decimal, base: Decimal) -> Result<f64, Error> {
    if base <= Decimal::ZERO {
        return Err(Error::Undefined("the return on a value of zero or less"));
    }
    let (pnl, base) =
        (pnl.to_f64().ok_or(Error::NotFinite)?, base.to_f64().ok_or(Error::NotFinite)?);
    finite(pnl / base)
}

/// Refuses returns of which no product can be taken.
fn compounding(returns: &[f64]) -> Result<(), Error> {
    checked(returns, 0)?;
    if returns.iter().any(|r| *r < -1.0) {
        return Err(Error::OutOfRange("a return below -1"));
    }
    Ok(())
}

/// Π (1 + r)
fn growth(returns: &[f64]) -> f64 {
    returns.iter().map(|r| 1.0 + r).product()
}
