//! From stored prices to series that can be compared: adjusted closes, one row a session, and
//! the returns between two sessions.
//!
//! A series is a slice with one entry a session, `None` where there is none. A gap stays a gap:
//! no price is carried forward and no return spans one, so a missing price takes two returns
//! with it. A window of n returns is the last n entries, n + 1 prices; whoever needs rows that
//! several series have in common asks for [`complete_rows`].

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::Error;

/// The close of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    pub date: NaiveDate,
    /// Money per share, positive; as traded, or adjusted.
    pub close: f64,
}

/// What the issuer did to its shares before the open of `ex_date`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Action {
    pub ex_date: NaiveDate,
    pub kind: ActionKind,
}

/// The kinds of action that move a price without moving what a holder has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ActionKind {
    /// New shares for each old one: 4 for a four-for-one, 0.1 for a reverse split of ten.
    Split { ratio: f64 },
    /// Cash per share, of the shares as they trade on the ex-date: after a split that day.
    Dividend { amount: f64 },
}

/// Closes without the jumps that splits and cash dividends make, the newest as it traded.
///
/// Every close before the ex-date is divided by the ratio of a split, and multiplied by
/// `1 − D / P` for a dividend D per old share, where P is the last close before the ex-date. The
/// simple return over the ex-date is then that of a holder, `(P₁ + D) / P − 1`, over that same
/// factor: the cash counts as reinvested before the ex-date. An action before the first bar or
/// after the last changes nothing.
///
/// Source: CRSP Data Descriptions Guide, factor to adjust prices.
///
/// # Errors
/// `OutOfRange` for bars that are not in ascending order of date, a close or a ratio that is not
/// positive, a dividend below zero or not below its close; `NotFinite`.
pub fn adjusted(bars: &[Bar], actions: &[Action]) -> Result<Vec<Bar>, Error> {
    for bar in bars {
        positive(bar.close, "close")?;
    }
    if !bars.is_sorted_by(|earlier, later| earlier.date < later.date) {
        return Err(Error::OutOfRange("date of a bar"));
    }

    // One factor for each bar that is the last before an ex-date; it holds for all earlier.
    let mut factors = vec![1.0; bars.len()];
    for (ex_date, Change { ratio, cash }) in changes(actions)? {
        let earlier = bars.partition_point(|bar| bar.date < ex_date);
        // After the last bar nothing has gone ex yet.
        if earlier == 0 || earlier == bars.len() {
            continue;
        }
        let share = cash * ratio / bars[earlier - 1].close;
        if share >= 1.0 {
            return Err(Error::OutOfRange("dividend"));
        }
        factors[earlier - 1] *= (1.0 - share) / ratio;
    }

    let mut adjusted = bars.to_vec();
    let mut factor = 1.0;
    for (bar, own) in adjusted.iter_mut().zip(&factors).rev() {
        factor *= own;
        bar.close *= factor;
        if !bar.close.is_normal() {
            return Err(Error::NotFinite);
        }
    }
    Ok(adjusted)
}

/// What all the actions of one day make together.
struct Change {
    /// New shares for each old one.
    ratio: f64,
    /// Money per new share.
    cash: f64,
}

fn changes(actions: &[Action]) -> Result<BTreeMap<NaiveDate, Change>, Error> {
    let mut changes = BTreeMap::new();
    for action in actions {
        let change = changes.entry(action.ex_date).or_insert(Change { ratio: 1.0, cash: 0.0 });
        match action.kind {
            ActionKind::Split { ratio } => change.ratio *= positive(ratio, "ratio of a split")?,
            // Not a dividend, and no reason to refuse a price.
            ActionKind::Dividend { amount: 0.0 } => {}
            ActionKind::Dividend { amount } => change.cash += positive(amount, "dividend")?,
        }
    }
    Ok(changes)
}

fn positive(number: f64, what: &'static str) -> Result<f64, Error> {
    match number {
        _ if !number.is_finite() => Err(Error::NotFinite),
        _ if number <= 0.0 => Err(Error::OutOfRange(what)),
        _ => Ok(number),
    }
}

/// The close of each session, `None` where the series has none. Both are in ascending order;
/// bars of other days are passed over.
#[must_use]
pub fn align(sessions: &[NaiveDate], bars: &[Bar]) -> Vec<Option<f64>> {
    let mut bars = bars.iter().peekable();
    sessions
        .iter()
        .map(|session| {
            while bars.next_if(|bar| bar.date < *session).is_some() {}
            bars.next_if(|bar| bar.date == *session).map(|bar| bar.close)
        })
        .collect()
}

/// `P / P₋₁ − 1` of each session but the first, as a fraction; one entry less than prices.
///
/// `None` unless this session and the one before have a price, positive and finite.
#[must_use]
pub fn simple_returns(prices: &[Option<f64>]) -> Vec<Option<f64>> {
    returns(prices, |ratio| ratio - 1.0)
}

/// `ln(P / P₋₁)` of each session but the first; one entry less than prices.
///
/// `None` unless this session and the one before have a price, positive and finite.
#[must_use]
pub fn log_returns(prices: &[Option<f64>]) -> Vec<Option<f64>> {
    returns(prices, f64::ln)
}

fn returns(prices: &[Option<f64>], of_ratio: impl Fn(f64) -> f64) -> Vec<Option<f64>> {
    let usable = |price: Option<f64>| price.filter(|price| *price > 0.0 && price.is_finite());
    prices
        .windows(2)
        .map(|pair| {
            let ratio = usable(pair[1])? / usable(pair[0])?;
            // A quotient of two fine prices may still be too large, or nothing at all.
            (ratio > 0.0 && ratio.is_finite()).then(|| of_ratio(ratio))
        })
        .collect()
}

/// The rows in which every series has an entry, ascending; as many rows as the shortest has
/// are looked at.
#[must_use]
pub fn complete_rows<S: AsRef<[Option<f64>]>>(series: &[S]) -> Vec<usize> {
    let rows = series.iter().map(|series| series.as_ref().len()).min().unwrap_or(0);
    (0..rows).filter(|row| series.iter().all(|series| series.as_ref()[*row].is_some())).collect()
}

/// The entries of a series in these rows; `None` if one of them is missing.
#[must_use]
pub fn at_rows(series: &[Option<f64>], rows: &[usize]) -> Option<Vec<f64>> {
    // Not collected: that would not know how many there are.
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push(series.get(*row).copied().flatten()?);
    }
    Some(entries)
}

#[cfg(test)]
mod tests;
