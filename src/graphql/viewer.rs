//! Who asks, and as of when: what every resolver of a request shares.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_graphql::Context;
use chrono::NaiveDate;

use super::budget::Budget;
use super::error::Result;
use super::loaders::Loaders;
use super::progress::Progress;
use super::scalar::Date;
use crate::domain::calendar::new_york_date;
use crate::domain::price::Horizon;
use crate::domain::user::User;
use crate::error::Refusal;
use crate::postgres::moment::{Claims, Moment};
use crate::services::Services;
use crate::services::valuation::Book;

/// One request.
pub struct Request {
    pub services: Services,
    pub moment: Arc<Moment>,
    loaders: RwLock<Arc<Loaders>>,
    pub claims: Option<Claims>,
    /// Where the request comes from.
    pub address: IpAddr,
    pub cost: Cost,
    pub budget: Arc<Budget>,
    pub(super) progress: Arc<Progress>,
}

/// What the request was measured to ask for.
#[derive(Default)]
pub struct Cost {
    complexity: AtomicUsize,
    depth: AtomicUsize,
}

impl Cost {
    pub fn measured(&self, complexity: usize, depth: usize) {
        self.complexity.store(complexity, Ordering::Relaxed);
        self.depth.store(depth, Ordering::Relaxed);
    }

    pub fn complexity(&self) -> usize {
        self.complexity.load(Ordering::Relaxed)
    }

    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }
}

impl Request {
    pub fn new(services: Services, claims: Option<Claims>, address: IpAddr) -> Self {
        let services = Services { db: services.db.counting_anew(), ..services };
        let moment = Arc::new(Moment::new(services.db.clone(), services.now(), claims));
        let budget = Arc::new(Budget::default());
        let progress = Arc::new(Progress::default());
        let loaders = Loaders::new(&services, &moment, &budget, &progress);
        let loaders = RwLock::new(Arc::new(loaders));
        Self { services, moment, loaders, claims, address, cost: Cost::default(), budget, progress }
    }

    /// What has been read so far, and what may be.
    pub fn loaders(&self) -> Arc<Loaders> {
        Arc::clone(&self.loaders.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on reads see what was written: a mutation ends with this.
    pub async fn has_written(&self) {
        let anew = Loaders::new(&self.services, &self.moment, &self.budget, &self.progress);
        let anew = Arc::new(anew);
        *self.loaders.write().unwrap_or_else(PoisonError::into_inner) = anew;
        self.moment.close().await;
    }

    /// Takes note of positions that are about to be worked through.
    ///
    /// # Errors
    /// `QueryTooComplex` when the request's are too many together.
    pub fn spend(&self, rows: usize) -> Result<()> {
        Ok(self.budget.spend(rows)?)
    }

    /// Whoever is signed in.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody is.
    pub async fn user(&self) -> Result<User> {
        Ok(self.moment.viewer().await?.ok_or_else(Refusal::unauthenticated)?)
    }

    /// The dates of a valuation as of a day, or as of the last session when no day is named. A
    /// day that is no session stands for the session before it.
    ///
    /// # Errors
    /// `Validation` for a day that has not come yet.
    pub fn horizon(&self, as_of: Option<Date>) -> Result<Horizon> {
        let calendar = &self.services.calendar;
        let last = calendar.last_completed_session(self.moment.now());
        let today = new_york_date(self.moment.now());
        let Some(Date(day)) = as_of else { return Ok(Horizon::of(last, today, calendar)) };
        if day > today {
            return Err(Refusal::validation(format!("{day} has not come yet."))
                .hint(format!("The last session is {last}; leave `asOf` out for it."))
                .into());
        }
        let session = calendar.session_on_or_before(day).min(last);
        Ok(Horizon::of(session, session, calendar))
    }
}

/// What to say when the day asked for is not the one answered for.
pub fn resolved_warning(asked: Option<Date>, session: NaiveDate) -> Option<String> {
    let Date(asked) = asked?;
    (asked != session).then(|| {
        format!(
            "{asked} has no completed session; the figures are as of {session}, the one before."
        )
    })
}

/// The same of a book, and whether it is of a day before anything was in it.
pub fn book_warnings(asked: Option<Date>, book: &Book) -> impl Iterator<Item = String> {
    resolved_warning(asked, book.horizon.as_of).into_iter().chain(book.not_begun())
}

/// The request of a context. It is put there with every execution.
pub fn request<'a>(ctx: &Context<'a>) -> &'a Request {
    ctx.data_unchecked::<Arc<Request>>()
}
