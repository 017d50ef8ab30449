//! Alerts as they are raised.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::alert;
use crate::domain::id::{AlertId, PortfolioId, UserId};
use crate::error::Refusal;
use crate::graphql::emission::{Emission, Source, Watch};
use crate::graphql::error::Result;
use crate::graphql::types::alert::Alert;
use crate::services::updates::{Heard, Update};
use crate::store;

/// Most alerts that a subscription tells of at once: the newest that nobody has acknowledged.
const MOST: i64 = 500;

/// What a person is told, and what is still to be.
pub struct WatchedAlerts {
    source: Arc<Source>,
    watch: Watch,
    owner: UserId,
    /// Of this one alone.
    portfolio: Option<PortfolioId>,
    /// Those open alerts that were told.
    told: HashSet<AlertId>,
    /// Whether there may be more to tell without anything being heard.
    is_due: bool,
    has_ended: bool,
}

impl WatchedAlerts {
    /// Begins to watch.
    ///
    /// # Errors
    /// `NotFound` for a portfolio that is not the viewer's.
    pub async fn of(source: Arc<Source>, portfolio: Option<PortfolioId>) -> Result<Self> {
        let watch = source.watch().await;
        let (owner, ..) = look(&source, portfolio).await?;
        let told = HashSet::new();
        Ok(Self { source, watch, owner, portfolio, told, is_due: true, has_ended: false })
    }

    pub async fn next(mut self) -> Option<(Result<Alert>, Self)> {
        while !self.has_ended {
            let Self { watch, owner, portfolio, is_due, .. } = &mut self;
            watch.wait(*is_due, |heard| concerns(&heard, *owner, *portfolio)).await;
            match look(&self.source, self.portfolio).await {
                Ok((_, emission, open)) => {
                    let ids: HashSet<_> = open.iter().map(|alert| alert.id).collect();
                    self.told.retain(|id| ids.contains(id));
                    let mut new = open.into_iter().filter(|alert| !self.told.contains(&alert.id));
                    let next = new.next();
                    self.is_due = new.next().is_some();
                    let Some(alert) = next else { continue };
                    self.told.insert(alert.id);
                    self.source.send(emission);
                    return Some((Ok(Alert(Arc::new(alert))), self));
                }
                Err(error) if error.is_ours() => Watch::pause(&error).await,
                Err(error) => {
                    self.has_ended = true;
                    return Some((Err(error), self));
                }
            }
        }
        None
    }
}

/// Whether what was heard may be an alert of theirs.
fn concerns(heard: &Heard, owner: UserId, portfolio: Option<PortfolioId>) -> bool {
    match heard {
        Heard::Book(Update::Alerts(of, about)) => {
            *of == owner && portfolio.is_none_or(|portfolio| portfolio == *about)
        }
        Heard::Missed => true,
        Heard::Book(_) | Heard::Job(_) => false,
    }
}

/// Whose alerts are open.
async fn look(
    source: &Source,
    portfolio: Option<PortfolioId>,
) -> Result<(UserId, Emission, Vec<alert::Alert>)> {
    let emission = source.look().await?;
    let owner = emission.request.user().await?.id;
    let moment = &emission.request.moment;
    if let Some(id) = portfolio {
        let mut db = moment.statement().await?;
        if store::portfolios::owned(&mut *db, owner, &[id]).await?.is_empty() {
            return Err(Refusal::not_found("portfolio").at("portfolioId").into());
        }
    }
    let open = {
        let mut db = moment.statement().await?;
        store::alerts::open(&mut *db, owner, portfolio, MOST).await?
    };
    Ok((owner, emission, open))
}
