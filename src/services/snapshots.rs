//! Snapshots: what each book was worth at each close, so that its history is there when prices
//! are corrected and positions are gone.
//!
//! Taken again, a snapshot replaces itself, and says the same as long as what it was made of does.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sigmasight_analytics::performance::{Close, DepositTime, session_return};

use super::Services;
use super::books::{self, Holdings};
use super::greeks::{self, BookGreeks};
use super::meter::Meter;
use super::valuation::{self, Book, Line};
use crate::domain::id::{PortfolioId, SnapshotId, UserId};
use crate::domain::snapshot::{Figures, Snapshot, SnapshotSource};
use crate::error::Error;
use crate::store;

/// Sessions of history that a new book gets.
pub const HISTORY: u32 = 90;
/// Days that snapshots are kept.
pub const KEPT_DAYS: i64 = 365;
/// Positions valued at a time, over all sessions of a piece of work.
const CHUNK: usize = 1_000;

/// The figures of a book. `cash_before` is its cash at the session before.
pub fn figures(book: &Book, greeks: &BookGreeks, cash_before: Decimal) -> Figures {
    let valuation = book.valuation();
    let totals = greeks.totals(&book.lines);
    let cash = book.cash;
    let cash_change = cash.saturating_sub(cash_before);
    let net_flow = book
        .lines
        .iter()
        .map(|line| flow(line, book.horizon.previous))
        .fold(cash_change, Decimal::saturating_add);
    let sums = greeks.sums(&book.lines);
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    Figures {
        total_value: valuation.total_value,
        cash_balance: cash,
        long_exposure: totals.long_exposure(),
        short_exposure: totals.short_exposure(),
        notional: totals.notional(),
        delta_adjusted_net: totals.delta_adjusted_net(),
        net_flow,
        daily_pnl: valuation.daily_pnl,
        cumulative_pnl: valuation.unrealized_pnl.saturating_add(valuation.realized_pnl),
        daily_return: valuation
            .daily_pnl
            .and_then(|pnl| earned(book, valuation.total_value, pnl, net_flow)),
        greeks: (sums.coverage.included_positions > 0).then_some(sums.total),
        long_count: count(totals.counts.long),
        short_count: count(totals.counts.short),
        position_count: count(totals.counts.positions),
        option_count: count(sums.options),
        quality: valuation.quality,
    }
}

/// What a position brought into the book since the close of `base` without earning it: what was
/// paid for it when it was entered since, less what was paid for it when it was closed since.
fn flow(line: &Line, base: NaiveDate) -> Decimal {
    let position = &line.position;
    let units = line.full_units();
    let since = |date: NaiveDate| base < date && date <= line.horizon.as_of;
    let paid = if since(position.entry_date) {
        units.saturating_mul(position.entry_price)
    } else {
        Decimal::ZERO
    };
    let got = position
        .exit_date
        .filter(|exit| since(*exit))
        .and(position.exit_price)
        .map_or(Decimal::ZERO, |price| units.saturating_mul(price));
    paid.saturating_sub(got)
}

/// The session's profit over the value at the close before with what came in since, as a
/// fraction; None where that is zero or less.
fn earned(book: &Book, total_value: Decimal, pnl: Decimal, net_flow: Decimal) -> Option<f64> {
    let horizon = &book.horizon;
    let before = total_value.saturating_sub(pnl).saturating_sub(net_flow);
    let previous =
        Close { session: horizon.previous, total_value: before, net_deposit: Decimal::ZERO };
    let close = Close { session: horizon.as_of, total_value, net_deposit: net_flow };
    session_return(&previous, &close, DepositTime::AtOpen).ok()
}

/// What the figures say and how they came about, in 32 bytes.
fn hash(figures: &Figures) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(valuation::MODEL_VERSION);
    digest.update(greeks::MODEL_VERSION);
    // Every field by its name, and what is equal alike, to the last digit.
    digest.update(format!("{:?}", normalized(figures)));
    digest.finalize().into()
}

/// The same figures with their money written in one way.
fn normalized(figures: &Figures) -> Figures {
    let one = |number: Decimal| number.normalize();
    Figures {
        total_value: one(figures.total_value),
        cash_balance: one(figures.cash_balance),
        long_exposure: one(figures.long_exposure),
        short_exposure: one(figures.short_exposure),
        notional: one(figures.notional),
        delta_adjusted_net: one(figures.delta_adjusted_net),
        net_flow: one(figures.net_flow),
        daily_pnl: figures.daily_pnl.map(one),
        cumulative_pnl: one(figures.cumulative_pnl),
        greeks: figures.greeks.map(sigmasight_analytics::exposure::Sensitivities::normalized),
        ..figures.clone()
    }
}

/// Takes the snapshots of some of an owner's portfolios at some sessions, those before the first
/// entry left out. A session that has one already gets a new one only with `again`.
///
/// # Errors
/// When the database fails, or `meter` says stop; what was taken by then stays.
pub async fn take(
    services: &Services,
    owner: UserId,
    portfolios: &[PortfolioId],
    sessions: &[NaiveDate],
    source: SnapshotSource,
    again: bool,
    meter: &Meter,
) -> Result<usize, Error> {
    let mut taken = 0;
    let mut tx = services.db.begin_as(owner).await?;
    let holdings = Holdings::read(&mut tx, owner, portfolios).await?;
    tx.commit().await?;
    let Some((first, last)) = sessions.iter().min().zip(sessions.iter().max()) else {
        return Ok(0);
    };
    for portfolio in &holdings.portfolios {
        let positions = holdings.of(portfolio.id);
        let Some(entry) = positions.iter().map(|position| position.entry_date).min() else {
            continue;
        };
        let mut tx = services.db.begin_as(owner).await?;
        // One at a time of each book, with whoever else takes them.
        if !store::portfolios::lock(tx.statement(), owner, portfolio.id).await? {
            continue;
        }
        let known =
            store::snapshots::dates_between(tx.statement(), owner, portfolio.id, *first, *last);
        let known = known.await?;
        let wanted: Vec<_> = sessions
            .iter()
            .filter(|session| **session >= entry && (again || !known.contains(session)))
            .copied()
            .collect();
        let at_once = (CHUNK / positions.len().max(1)).max(1);
        for sessions in wanted.chunks(at_once) {
            meter.goes_on()?;
            let now = services.now();
            let asked: Vec<_> =
                sessions.iter().map(|session| (Arc::clone(portfolio), *session)).collect();
            let books = holdings.books(services, &mut tx, &asked).await?;
            let greeks = books::greeks(services, &mut tx, &books).await?;
            let snapshots: Vec<_> = books
                .iter()
                .zip(&greeks)
                .map(|(book, greeks)| {
                    let cash_before = holdings.cash_at(portfolio, book.horizon.previous);
                    let figures = figures(book, greeks, cash_before);
                    let hash = hash(&figures);
                    let snapshot = Snapshot {
                        owner_id: owner,
                        portfolio_id: portfolio.id,
                        id: SnapshotId::fresh(),
                        date: book.horizon.as_of,
                        figures,
                        source,
                        created_at: now,
                    };
                    (snapshot, hash)
                })
                .collect();
            store::snapshots::replace_all(tx.statement(), owner, &snapshots).await?;
            taken += snapshots.len();
        }
        tx.commit().await?;
    }
    Ok(taken)
}

/// Removes an owner's snapshots that are older than they are kept. The number removed.
///
/// # Errors
/// When the database fails.
pub async fn forget(services: &Services, owner: UserId) -> Result<u64, Error> {
    let last = services.last_session();
    let before = last.checked_sub_signed(TimeDelta::days(KEPT_DAYS)).unwrap_or(last);
    let mut tx = services.db.begin_as(owner).await?;
    let removed = store::snapshots::delete_before(tx.statement(), owner, before).await?;
    tx.commit().await?;
    Ok(removed)
}

/// The sessions from a day on and before another that an owner's portfolio has a snapshot of.
///
/// # Errors
/// When the database fails.
pub async fn kept(
    services: &Services,
    owner: UserId,
    portfolio: PortfolioId,
    from: NaiveDate,
    before: NaiveDate,
) -> Result<Vec<NaiveDate>, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let last = before.pred_opt().unwrap_or(before);
    let dates = store::snapshots::dates_between(tx.statement(), owner, portfolio, from, last);
    let dates = dates.await?;
    tx.commit().await?;
    Ok(dates)
}

/// The sessions that a new book gets its history of.
pub fn history(services: &Services) -> Vec<NaiveDate> {
    let last = services.last_session();
    services.calendar.sessions(services.calendar.sessions_before(last, HISTORY - 1), last).collect()
}
