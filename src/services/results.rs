//! What the nightly chain finds of books and keeps: Greeks, exposures to the factors, single
//! moves, stress tests, correlations, how well the market scenario predicted.
//!
//! Every figure is made by the function that makes it for a request, so that both agree. Some
//! books of an owner are read together with a fixed number of statements, computed off the
//! threads that wait for others, and written together: done again for a date, what says the same
//! stays as it is.
//!
//! The newest of it is kept once more to be answered with: [`market`] what is of instruments, for
//! everybody, [`latest`] what is of a book as a whole.

mod accuracy;
mod correlation;
mod factors;
mod greeks;
pub mod latest;
pub mod market;
mod stress;

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

pub use stress::desk;

use super::books::{self, Holdings};
use super::factors::wanted;
use super::greeks::BookGreeks;
use super::meter::Meter;
use super::night::Night;
use super::updates::{self, Update};
use super::valuation::Book;
use super::{Services, off_the_threads};
use crate::config::assumptions::Assumptions;
use crate::domain::calendar::Calendar;
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::job::JobKind;
use crate::domain::result::Of;
use crate::domain::scenario::Scenario;
use crate::error::Error;
use crate::postgres::Work;
use crate::store;
use crate::store::results as tables;
use crate::store::results::latest::Latest;
use crate::store::results::market::Found;

/// Days that results are kept.
const KEPT_DAYS: u64 = 365;

/// Books of one owner with what their figures are made of.
struct Desks {
    owner: UserId,
    books: Vec<Arc<Book>>,
    /// Of each book, for what needs them.
    greeks: Vec<BookGreeks>,
    scenarios: Vec<Arc<Scenario>>,
    now: chrono::DateTime<chrono::Utc>,
    assumptions: Assumptions,
    calendar: Arc<Calendar>,
}

impl Desks {
    /// What may be known of the session.
    fn session(&self, night: &Night) -> market::Session {
        market::Session::new(night.date, self.assumptions, &self.calendar)
    }

    fn with_greeks(&self) -> impl Iterator<Item = (&Arc<Book>, &BookGreeks)> {
        self.books.iter().zip(&self.greeks)
    }

    fn of(&self, book: &Book) -> Of {
        Of {
            owner_id: self.owner,
            portfolio_id: book.portfolio.id,
            date: book.horizon.as_of,
            created_at: self.now,
        }
    }
}

/// What a step writes.
#[derive(Default)]
struct Rows {
    tables: Vec<(Table, Vec<Box<RawValue>>)>,
    /// What is answered with while it holds.
    latest: Vec<Latest>,
    /// The same of what is whoever holds it.
    market: Vec<Found>,
}

/// Where rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    PositionGreeks,
    FactorExposures,
    PositionFactorExposures,
    PositionRateBetas,
    MarketRisk,
    StressTests,
    Correlations,
    Accuracy,
}

impl Rows {
    fn of(tables: &[Table]) -> Self {
        let tables = tables.iter().map(|table| (*table, Vec::new())).collect();
        Self { tables, ..Self::default() }
    }

    fn extend<T: serde::Serialize>(
        &mut self,
        table: Table,
        rows: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let failed = |error| Error::Internal(format!("a result cannot be written down: {error}"));
        if let Some((_, own)) = self.tables.iter_mut().find(|(of, _)| *of == table) {
            for row in rows {
                own.push(to_raw_value(&row).map_err(failed)?);
            }
        }
        Ok(())
    }
}

/// Finds out, for some books of an owner at a session, what a step of the chain is about, and
/// puts it in the place of what was found before.
///
/// # Errors
/// When the database fails, or `meter` says stop; then nothing has changed.
pub async fn make(
    services: &Services,
    night: &Arc<Night>,
    kind: JobKind,
    owner: UserId,
    portfolios: &[PortfolioId],
    meter: &Meter,
) -> Result<(), Error> {
    // What tests predictions looks at betas that do not know the outcomes.
    let earlier = match kind {
        JobKind::Accuracy => night.before_tested(services).await?,
        _ => night,
    };
    let desks = read(services, [night, earlier], kind, owner, portfolios).await?;
    let (computed, earlier, meter) = (Arc::clone(night), Arc::clone(earlier), meter.clone());
    let date = night.date;
    let mut rows = off_the_threads(move || match kind {
        JobKind::Greeks => greeks::rows(&desks, &computed, &meter),
        JobKind::Factors => factors::rows(&desks, &computed, &meter),
        JobKind::MarketRisk => {
            let mut rows = stress::moves(&desks, &computed, &meter)?;
            let of_rates = factors::answers_to_rates(&desks, &computed, &meter)?;
            rows.tables.extend(of_rates.tables);
            rows.market.extend(of_rates.market);
            Ok(rows)
        }
        JobKind::Stress => stress::scenarios(&desks, &computed, &meter),
        JobKind::Correlations => correlation::rows(&desks, &computed, &meter),
        JobKind::Accuracy => accuracy::rows(&desks, (&computed, &earlier), &meter),
        other => Err(Error::Internal(format!("{} finds no results", other.as_str()))),
    })
    .await??;
    market::keep(services, night, mem::take(&mut rows.market)).await?;
    let mut tx = services.db.begin_as(owner).await?;
    // One after the other, so that all tables say the same.
    store::portfolios::lock_all(tx.statement(), owner, portfolios).await?;
    let mut changed = BTreeSet::new();
    for (table, rows) in rows.tables {
        changed.extend(replace(&mut tx, table, owner, portfolios, date, &rows).await?);
    }
    if !rows.latest.is_empty() {
        let now = services.now();
        tables::latest::put_all(tx.statement(), owner, &rows.latest, now).await?;
    }
    let told: Vec<_> = changed.into_iter().map(Update::Analytics).collect();
    updates::tell_all(&mut tx, &told).await?;
    tx.commit().await?;
    Ok(())
}

async fn read(
    services: &Services,
    [night, earlier]: [&Night; 2],
    kind: JobKind,
    owner: UserId,
    portfolios: &[PortfolioId],
) -> Result<Desks, Error> {
    let is_stress = matches!(kind, JobKind::MarketRisk | JobKind::Stress | JobKind::Accuracy);
    let mut tx = services.db.begin_as(owner).await?;
    let holdings = Arc::new(Holdings::read(&mut tx, owner, portfolios).await?);
    let asked = holdings.portfolios.iter().map(|one| (Arc::clone(one), night.date)).collect();
    let books = holdings.books(services, &mut tx, asked, &night.prices).await?;
    let greeks = if is_stress || kind == JobKind::Greeks {
        books::greeks(services, &mut tx, &books, &night.prices).await?
    } else {
        Vec::new()
    };
    if kind != JobKind::Greeks {
        for night in [night, earlier] {
            night.look_up(&mut tx, books.iter().flat_map(|book| wanted(&book.lines))).await?;
        }
    }
    let scenarios = match kind {
        JobKind::Stress => store::scenarios::visible(tx.statement(), owner, None).await?,
        _ => Vec::new(),
    };
    tx.commit().await?;
    let active = scenarios.into_iter().filter(|one| one.is_active).map(Arc::new);
    Ok(Desks {
        owner,
        books,
        greeks,
        scenarios: active.collect(),
        now: services.now(),
        assumptions: services.assumptions,
        calendar: Arc::clone(&services.calendar),
    })
}

/// Puts rows in the place of what a table says of some portfolios and a date. The portfolios of
/// which it says something else now.
async fn replace(
    tx: &mut Work,
    table: Table,
    owner: UserId,
    portfolios: &[PortfolioId],
    date: NaiveDate,
    rows: &[Box<RawValue>],
) -> Result<Vec<PortfolioId>, Error> {
    macro_rules! replace {
        ($table:ident) => {{
            let db = tx.statement();
            let mut changed =
                tables::$table::delete_others(db, owner, portfolios, date, rows).await?;
            changed.extend(tables::$table::insert_all(tx.statement(), rows).await?);
            changed
        }};
    }
    Ok(match table {
        Table::PositionGreeks => replace!(position_greeks),
        Table::FactorExposures => replace!(factor_exposures),
        Table::PositionFactorExposures => replace!(position_factor_exposures),
        Table::PositionRateBetas => replace!(position_rate_betas),
        Table::MarketRisk => replace!(market_risk),
        Table::StressTests => replace!(stress_tests),
        Table::Correlations => replace!(correlations),
        Table::Accuracy => replace!(accuracy),
    })
}

/// Finds out how the factors move together at a session, for everybody.
///
/// # Errors
/// When the database fails.
pub async fn correlate_factors(services: &Services, night: &Night) -> Result<(), Error> {
    let found = correlation::factors(night);
    let session = market::Session::new(night.date, services.assumptions, &services.calendar);
    let of = session.factor_correlations();
    let kept = market::found(of, &found, night)?;
    market::keep(services, night, kept.into_iter().collect()).await?;
    let row = json!(correlation::factors_row(&found, night.date, services.now()));
    let mut tx = services.db.begin_shared().await?;
    tables::factor_correlations::delete_other(tx.statement(), night.date, &row).await?;
    tables::factor_correlations::insert(tx.statement(), &row).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes an owner's results that are older than they are kept. The number removed.
///
/// # Errors
/// When the database fails.
pub async fn forget(services: &Services, owner: UserId) -> Result<u64, Error> {
    let before = kept_since(services);
    let mut tx = services.db.begin_as(owner).await?;
    let mut removed = 0;
    macro_rules! forget {
        ($($table:ident)*) => {
            $(removed += tables::$table::delete_before(tx.statement(), owner, before).await?;)*
        };
    }
    forget!(position_greeks factor_exposures position_factor_exposures position_rate_betas);
    forget!(market_risk stress_tests correlations accuracy);
    tx.commit().await?;
    Ok(removed)
}

/// The same of everybody's.
///
/// # Errors
/// When the database fails.
pub async fn forget_everybodys(services: &Services) -> Result<u64, Error> {
    let before = kept_since(services);
    let gone = tables::factor_correlations::delete_before(services.db.shared(), before).await?;
    Ok(gone + tables::market::delete_before(services.db.shared(), before).await?)
}

fn kept_since(services: &Services) -> NaiveDate {
    let last = services.last_session();
    last.checked_sub_days(Days::new(KEPT_DAYS)).unwrap_or(last)
}
