//! What the sections of a report are made of, read once: as much of it as they need.

use std::sync::{Arc, OnceLock};

use super::Asked;
use crate::domain::calendar::Calendar;
use crate::domain::export::ReportSection;
use crate::domain::id::UserId;
use crate::domain::page::{MAX_PAGE_SIZE, Page};
use crate::domain::price::Horizon;
use crate::domain::rate::Tenor;
use crate::domain::scenario::Scenario;
use crate::domain::snapshot::Snapshot;
use crate::error::{Error, Refusal};
use crate::postgres::Work;
use crate::services::books::{self, Holdings, Prices};
use crate::services::factors::Estimates;
use crate::services::greeks::BookGreeks;
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::quality::{self, Presences, Window};
use crate::services::rates::{self, Curve, MAX_AGE_DAYS};
use crate::services::valuation::Book;
use crate::services::{Services, factors};
use crate::store;
use crate::store::snapshots::SnapshotsPage;

pub(super) struct Material {
    pub book: Arc<Book>,
    pub greeks: BookGreeks,
    pub calendar: Arc<Calendar>,
    /// What statistics are made of, where a section has any.
    night: Option<Night>,
    /// Made when a section first asks for them.
    estimates: OnceLock<Estimates>,
    pub scenarios: Vec<Arc<Scenario>>,
    /// Up to the session, the oldest first.
    pub snapshots: Vec<Snapshot>,
    pub presences: Presences,
    pub window: Window,
    pub curve: Curve,
}

impl Material {
    /// # Errors
    /// When a section was made that nothing was read for.
    pub fn night(&self) -> Result<&Night, Error> {
        let missing = || Error::Internal("a section without what it is made of".into());
        self.night.as_ref().ok_or_else(missing)
    }

    /// How what moves the positions answers to the factors.
    ///
    /// # Errors
    /// As [`Self::night`]; `Stopped` when `meter` says so.
    pub fn estimates(&self, meter: &Meter) -> Result<&Estimates, Error> {
        if let Some(made) = self.estimates.get() {
            return Ok(made);
        }
        let made = self.night()?.estimates(factors::wanted(&self.book.lines), meter)?;
        Ok(self.estimates.get_or_init(|| made))
    }
}

/// Sections that look back on a year of closes.
fn is_statistic(section: ReportSection) -> bool {
    matches!(
        section,
        ReportSection::Factors
            | ReportSection::Risk
            | ReportSection::Correlations
            | ReportSection::Scenarios
            | ReportSection::Stress
    )
}

pub(super) async fn read(services: &Services, asked: &Asked) -> Result<Material, Error> {
    let Asked { owner, portfolio, moment, sections, .. } = asked;
    let horizon = Horizon::of(moment.as_of, moment.held_by, &services.calendar);
    let night = if sections.iter().any(|section| is_statistic(*section)) {
        Some(Night::read(services, horizon.as_of).await?)
    } else {
        None
    };
    let prices = Prices::default();
    let mut tx = services.db.begin_as(*owner).await?;
    let holdings = Arc::new(Holdings::read(&mut tx, *owner, &[*portfolio]).await?);
    let wanted = holdings.portfolios.iter().map(|own| (Arc::clone(own), horizon)).collect();
    let books = holdings.books_at(services, &mut tx, wanted, &prices).await?;
    let greeks = books::greeks(services, &mut tx, &books, &prices).await?;
    let missing = || Refusal::not_found("portfolio");
    let (book, greeks) = books.into_iter().zip(greeks).next().ok_or_else(missing)?;
    if let Some(night) = &night {
        night.look_up(&mut tx, factors::wanted(&book.lines)).await?;
    }
    let has = |section| sections.contains(&section);
    let window = Window::up_to(horizon.as_of, &services.calendar);
    let material = Material {
        scenarios: if has(ReportSection::Stress) {
            scenarios(&mut tx, *owner).await?
        } else {
            Vec::new()
        },
        snapshots: if has(ReportSection::Performance) {
            snapshots(&mut tx, *owner, &book).await?
        } else {
            Vec::new()
        },
        presences: if has(ReportSection::DataQuality) {
            presences(&mut tx, &book, &window).await?
        } else {
            Presences::new()
        },
        curve: curve(services, &mut tx, &book).await?,
        calendar: Arc::clone(&services.calendar),
        night,
        estimates: OnceLock::new(),
        window,
        book,
        greeks,
    };
    tx.commit().await?;
    Ok(material)
}

async fn scenarios(tx: &mut Work, owner: UserId) -> Result<Vec<Arc<Scenario>>, Error> {
    let all = store::scenarios::visible(tx.statement(), owner, None).await?;
    Ok(all.into_iter().filter(|one| one.is_active).map(Arc::new).collect())
}

async fn snapshots(tx: &mut Work, owner: UserId, book: &Book) -> Result<Vec<Snapshot>, Error> {
    let page = SnapshotsPage {
        portfolio: book.portfolio.id,
        from: None,
        to: Some(book.horizon.as_of),
        page: Page { limit: MAX_PAGE_SIZE, from_end: true, ..Page::default() },
    };
    let slices = store::snapshots::pages(tx.statement(), owner, &[page]).await?;
    Ok(slices.into_iter().flat_map(|slice| slice.items).collect())
}

async fn presences(tx: &mut Work, book: &Book, window: &Window) -> Result<Presences, Error> {
    let ranges: Vec<_> = quality::wanted(book).into_iter().map(|id| window.of(id)).collect();
    let found = store::presence::of_ranges(tx.statement(), &ranges).await?;
    Ok(found.into_iter().map(|there| (there.range.instrument, Arc::new(there))).collect())
}

/// The risk-free rates of the session.
async fn curve(services: &Services, tx: &mut Work, book: &Book) -> Result<Curve, Error> {
    let session = book.horizon.as_of;
    let terms: Vec<_> = Tenor::terms().collect();
    let yields =
        store::yields::as_of(tx.statement(), &[session], &terms, MAX_AGE_DAYS.into()).await?;
    let configured = services.assumptions.risk_free_rate;
    let mut curves = rates::curves([session], yields, configured);
    Ok(curves.remove(&session).unwrap_or_else(|| Curve::configured(configured)))
}
