//! What the nights of sessions past would have found of the demo.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::{ACCOUNTS, email};
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::job::JobKind;
use crate::domain::quality::Quality;
use crate::error::Error;
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::{Services, results};
use crate::store;
use crate::store::results::read::BookOn;

/// Finds the exposures to the factors and the stress tests of the demo's books at some sessions,
/// where they are not known yet, the newest first.
///
/// # Errors
/// When the database fails, or `meter` says stop; what was found by then stays.
pub async fn remember(
    services: &Services,
    sessions: &[NaiveDate],
    meter: &Meter,
) -> Result<(), Error> {
    let mut lacking = BTreeMap::<_, Vec<_>>::new();
    for (owner, portfolio) in books(services).await? {
        let known = known(services, (owner, portfolio), sessions).await?;
        for session in sessions.iter().filter(|session| !known.contains(*session)) {
            lacking.entry(*session).or_default().push((owner, portfolio));
        }
    }
    for (session, books) in lacking.into_iter().rev() {
        meter.goes_on()?;
        let night = Arc::new(Night::read(services, session).await?);
        for (owner, portfolio) in books {
            // The exposures last: where they are known, both are.
            for kind in [JobKind::Stress, JobKind::Factors] {
                results::make(services, &night, kind, owner, &[portfolio], meter).await?;
            }
        }
    }
    Ok(())
}

/// The books of the demo that are there.
async fn books(services: &Services) -> Result<Vec<(UserId, PortfolioId)>, Error> {
    let mut books = Vec::new();
    for account in &ACCOUNTS {
        let user = store::users::credentials_of(services.db.shared(), &email(account)).await?;
        let Some(user) = user.filter(|user| user.is_demo) else { continue };
        let mut tx = services.db.begin_as(user.id).await?;
        let name = [account.portfolio.to_owned()];
        let found = store::portfolios::named(tx.statement(), user.id, &name).await?;
        tx.commit().await?;
        books.extend(found.into_iter().map(|portfolio| (user.id, portfolio.id)));
    }
    Ok(books)
}

/// The sessions of which the exposures of a book are known; where there were no prices they are not.
async fn known(
    services: &Services,
    (owner, portfolio): (UserId, PortfolioId),
    sessions: &[NaiveDate],
) -> Result<HashSet<NaiveDate>, Error> {
    let asked: Vec<_> = sessions.iter().map(|date| BookOn { portfolio, date: *date }).collect();
    let mut tx = services.db.begin_as(owner).await?;
    let rows = store::results::read::factor_exposures(tx.statement(), owner, &asked).await?;
    tx.commit().await?;
    let known = rows.into_iter().filter(|row| row.found.quality != Quality::Insufficient);
    Ok(known.map(|row| row.of.date).collect())
}
