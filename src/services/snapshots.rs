//! Snapshots: what each book was worth at each close, so that its history is there when prices
//! are corrected and positions are gone.
//!
//! Taken again, a snapshot replaces itself, and says the same as long as what it was made of does.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sigmasight_analytics::performance::{Close, DepositTime, session_return};

use super::books::{self, Holdings, Prices};
use super::greeks::{self, BookGreeks};
use super::meter::Meter;
use super::night::Night;
use super::updates::{self, Update};
use super::valuation::{self, Book, Line};
use super::{Services, off_the_threads};
use crate::domain::id::{PortfolioId, SnapshotId, UserId};
use crate::domain::snapshot::{Figures, Snapshot, SnapshotSource};
use crate::error::Error;
use crate::store;

/// Sessions of history that a new book gets.
pub const HISTORY: u32 = 90;
/// Days that snapshots are kept.
pub const KEPT_DAYS: i64 = 365;
/// Sessions back to which snapshots are taken again when prices come late.
const LATE: u32 = 10;
/// Days that a close may be older than a session and still matter to its snapshot.
const LOOKED_BACK_DAYS: i32 = 10;
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
/// entry left out, some sessions at a time.
///
/// # Errors
/// When the database fails, or `meter` says stop; what was taken by then stays.
pub async fn take(
    services: &Services,
    owner: UserId,
    portfolios: &[PortfolioId],
    sessions: &[NaiveDate],
    source: SnapshotSource,
    meter: &Meter,
) -> Result<(), Error> {
    let mut rest = sessions;
    while !rest.is_empty() {
        meter.goes_on()?;
        let prices = Prices::default();
        let done = take_some(services, owner, portfolios, rest, source, &prices).await?;
        rest = rest.get(done..).unwrap_or_default();
    }
    Ok(())
}

/// The same at the session of a night.
///
/// # Errors
/// When the database fails.
pub async fn take_tonight(
    services: &Services,
    night: &Night,
    owner: UserId,
    portfolios: &[PortfolioId],
    source: SnapshotSource,
) -> Result<(), Error> {
    take_some(services, owner, portfolios, &[night.date], source, &night.prices).await?;
    Ok(())
}

/// Takes again those snapshots of the last sessions before a date that were taken before a price
/// was known that they may depend on. What says the same as before stays as it is.
///
/// # Errors
/// When the database fails, or `meter` says stop; what was taken by then stays.
pub async fn take_late(
    services: &Services,
    owner: UserId,
    portfolios: &[PortfolioId],
    before: NaiveDate,
    meter: &Meter,
) -> Result<(), Error> {
    let from = services.calendar.sessions_before(before, LATE);
    let to = services.calendar.previous_session(before);
    let mut tx = services.db.begin_as(owner).await?;
    let outdated =
        store::snapshots::outdated(tx.statement(), owner, portfolios, (from, to), LOOKED_BACK_DAYS)
            .await?;
    tx.commit().await?;
    for of_session in outdated.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((session, _)) = of_session.first() else { continue };
        let books: Vec<_> = of_session.iter().map(|(_, portfolio)| *portfolio).collect();
        take(services, owner, &books, &[*session], SnapshotSource::Batch, meter).await?;
    }
    Ok(())
}

/// Takes snapshots at as many of the first of some sessions as come to about a thousand positions,
/// at one at least, in one transaction. How many sessions that were.
async fn take_some(
    services: &Services,
    owner: UserId,
    portfolios: &[PortfolioId],
    sessions: &[NaiveDate],
    source: SnapshotSource,
    prices: &Prices,
) -> Result<usize, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    // One at a time of each book, with whoever else takes them or changes what is in it.
    let portfolios = store::portfolios::lock_all(tx.statement(), owner, portfolios).await?;
    let holdings = Arc::new(Holdings::read(&mut tx, owner, &portfolios).await?);
    let at_once = (CHUNK / holdings.count().max(1)).clamp(1, sessions.len().max(1));
    let sessions = sessions.get(..at_once).unwrap_or(sessions);
    let mut asked = Vec::new();
    for portfolio in &holdings.portfolios {
        let entries = holdings.of(portfolio.id).iter().map(|position| position.entry_date);
        let Some(entry) = entries.min() else { continue };
        let held = sessions.iter().filter(|session| **session >= entry);
        asked.extend(held.map(|session| (Arc::clone(portfolio), *session)));
    }
    let books = holdings.books(services, &mut tx, asked, prices).await?;
    let greeks = books::greeks(services, &mut tx, &books, prices).await?;
    let now = services.now();
    let snapshots: Vec<_> = off_the_threads(move || {
        let snapshot = |(book, greeks): (&Arc<Book>, &BookGreeks)| {
            let portfolio_id = book.portfolio.id;
            let before = book.portfolio.cash_at(book.horizon.previous);
            let figures = figures(book, greeks, before);
            let (hash, date) = (hash(&figures), book.horizon.as_of);
            let id = SnapshotId::fresh();
            let created_at = now;
            (
                Snapshot { owner_id: owner, portfolio_id, id, date, figures, source, created_at },
                hash,
            )
        };
        books.iter().zip(&greeks).map(snapshot).collect()
    })
    .await?;
    let changed = store::snapshots::replace_all(tx.statement(), owner, &snapshots).await?;
    let told: Vec<_> = changed.iter().copied().map(Update::Analytics).collect();
    updates::tell_all(&mut tx, &told).await?;
    tx.commit().await?;
    Ok(sessions.len())
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

/// The sessions that a new book gets its history of.
pub fn history(services: &Services) -> Vec<NaiveDate> {
    let last = services.last_session();
    services.calendar.sessions(services.calendar.sessions_before(last, HISTORY - 1), last).collect()
}

/// The sessions whose history a book lacks after what is in it has changed: those of a new book,
/// and before them those whose snapshots do not know of a position that was held by then, or are of
/// the first day that the change touches or later, so that no step from one to the next is without
/// a reason. Ascending.
///
/// # Errors
/// When the database fails.
pub async fn history_of(
    services: &Services,
    owner: UserId,
    portfolio: PortfolioId,
    changed: Option<NaiveDate>,
) -> Result<Vec<NaiveDate>, Error> {
    let newest = history(services);
    let first = newest.first().copied().unwrap_or(services.last_session());
    let mut tx = services.db.begin_as(owner).await?;
    let mut sessions =
        store::snapshots::incomplete(tx.statement(), owner, portfolio, changed, first).await?;
    tx.commit().await?;
    sessions.extend(newest);
    Ok(sessions)
}
