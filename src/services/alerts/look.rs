//! Looking at the rules of books: some books of an owner at a time, with the same statements for
//! one as for twenty.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::figures::{self, Inputs, Reading, Wanted, of_rule, readings};
use super::verdict::judge;
use crate::domain::alert::{Alert, AlertRule};
use crate::domain::calendar::Calendar;
use crate::domain::id::{AlertRuleId, PortfolioId, UserId};
use crate::domain::page::{MAX_PAGE_SIZE, Page};
use crate::domain::scenario::Scenario;
use crate::domain::snapshot::Snapshot;
use crate::error::Error;
use crate::postgres::Work;
use crate::services::books::{self, Holdings};
use crate::services::factors;
use crate::services::greeks::BookGreeks;
use crate::services::meter::Meter;
use crate::services::night::Night;
use crate::services::results::desk as desk_of;
use crate::services::updates::{Update, tell_all};
use crate::services::valuation::Book;
use crate::services::{Services, off_the_threads, snapshots};
use crate::store::snapshots::SnapshotsPage;
use crate::{store, telemetry};

/// A book with its rules and what their figures are made of.
struct Watched {
    book: Arc<Book>,
    rules: Vec<AlertRule>,
    greeks: Option<BookGreeks>,
    snapshots: Vec<Snapshot>,
}

/// Some of an owner's books that have rules.
struct Watch {
    wanted: Wanted,
    books: Vec<Watched>,
    scenarios: Vec<Arc<Scenario>>,
}

/// A rule with what it is about.
type Read = (AlertRule, Vec<Reading>);

/// When books were last changed, as they were read.
type Seen = HashMap<PortfolioId, DateTime<Utc>>;

/// How often a book that keeps changing is read for one look. Each change asks for a look of its
/// own.
const READ_AT_MOST: usize = 3;

/// Looks at the rules of some of an owner's books at the close of a night, and tells of those that
/// fire. Only the last session's: nobody is told today of what was once. A book that is changed
/// while it is looked at is looked at again.
///
/// # Errors
/// When the database fails, or `meter` says stop; then nothing has changed.
pub async fn look(
    services: &Services,
    night: &Arc<Night>,
    owner: UserId,
    portfolios: &[PortfolioId],
    meter: &Meter,
) -> Result<(), Error> {
    if night.date != services.last_session() {
        return Ok(());
    }
    let mut unseen = portfolios.to_vec();
    for _ in 0..READ_AT_MOST {
        if unseen.is_empty() {
            break;
        }
        unseen = look_once(services, night, owner, &unseen, meter).await?;
    }
    Ok(())
}

/// Those of the books that were changed meanwhile: nothing is told of them.
async fn look_once(
    services: &Services,
    night: &Arc<Night>,
    owner: UserId,
    portfolios: &[PortfolioId],
    meter: &Meter,
) -> Result<Vec<PortfolioId>, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let rules = store::alert_rules::of_portfolios(tx.statement(), owner, portfolios).await?;
    let rules: Vec<_> = rules.into_iter().filter(|rule| rule.is_active).collect();
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let watch = read(services, &mut tx, night, owner, rules).await?;
    tx.commit().await?;
    let portfolios = watch.books.iter().map(|watched| &watched.book.portfolio);
    let seen = portfolios.map(|portfolio| (portfolio.id, portfolio.updated_at)).collect();
    let (night, meter) = (Arc::clone(night), meter.clone());
    let (date, calendar) = (night.date, Arc::clone(&services.calendar));
    let found = off_the_threads(move || watch.read_off(&night, &calendar, &meter)).await??;
    write(services, owner, found, &seen, date).await
}

/// The same of one book that has changed, as of the last session.
///
/// # Errors
/// As [`look`].
pub async fn look_now(
    services: &Services,
    owner: UserId,
    portfolio: PortfolioId,
    meter: &Meter,
) -> Result<(), Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let count = store::alert_rules::count(tx.statement(), owner, portfolio).await?;
    tx.commit().await?;
    if count == 0 {
        return Ok(());
    }
    let night = Arc::new(Night::read(services, services.last_session()).await?);
    look(services, &night, owner, &[portfolio], meter).await
}

async fn read(
    services: &Services,
    tx: &mut Work,
    night: &Night,
    owner: UserId,
    rules: Vec<AlertRule>,
) -> Result<Watch, Error> {
    let wanted = figures::wanted(rules.iter().map(|rule| rule.metric));
    let mut by_book = BTreeMap::<PortfolioId, Vec<AlertRule>>::new();
    for rule in rules {
        by_book.entry(rule.portfolio_id).or_default().push(rule);
    }
    let ids: Vec<_> = by_book.keys().copied().collect();
    let holdings = Arc::new(Holdings::read(tx, owner, &ids).await?);
    let asked = holdings.portfolios.iter().map(|one| (Arc::clone(one), night.date)).collect();
    let books = holdings.books(services, tx, asked, &night.prices).await?;
    let mut greeks = Vec::new();
    if wanted.greeks {
        greeks = books::greeks(services, tx, &books, &night.prices).await?;
    }
    if wanted.histories {
        let moving = books.iter().flat_map(|book| factors::wanted(&book.lines));
        night.look_up(tx, moving).await?;
    }
    let mut scenarios = Vec::new();
    if wanted.scenarios {
        scenarios = store::scenarios::visible(tx.statement(), owner, None).await?;
    }
    let mut snapshots = HashMap::new();
    if wanted.snapshots {
        snapshots = kept(tx, owner, &books).await?;
    }
    let mut greeks = greeks.into_iter();
    let watched = |book: Arc<Book>| Watched {
        rules: by_book.remove(&book.portfolio.id).unwrap_or_default(),
        greeks: greeks.next(),
        snapshots: snapshots.remove(&book.portfolio.id).unwrap_or_default(),
        book,
    };
    Ok(Watch {
        wanted,
        books: books.into_iter().map(watched).collect(),
        scenarios: scenarios.into_iter().filter(|one| one.is_active).map(Arc::new).collect(),
    })
}

/// As many snapshots of books up to their sessions as are kept.
async fn kept(
    tx: &mut Work,
    owner: UserId,
    books: &[Arc<Book>],
) -> Result<HashMap<PortfolioId, Vec<Snapshot>>, Error> {
    let page = |book: &Arc<Book>| SnapshotsPage {
        portfolio: book.portfolio.id,
        from: book.horizon.as_of.checked_sub_signed(TimeDelta::days(snapshots::KEPT_DAYS)),
        to: Some(book.horizon.as_of),
        page: Page { limit: MAX_PAGE_SIZE, from_end: true, ..Page::default() },
    };
    let asked: Vec<_> = books.iter().map(page).collect();
    let slices = store::snapshots::pages(tx.statement(), owner, &asked).await?;
    Ok(asked.iter().map(|page| page.portfolio).zip(slices.into_iter().map(|it| it.items)).collect())
}

impl Watch {
    /// What each rule is about.
    fn read_off(
        self,
        night: &Night,
        calendar: &Calendar,
        meter: &Meter,
    ) -> Result<Vec<Read>, Error> {
        let Self { wanted, books, scenarios } = self;
        let mut found = Vec::new();
        for Watched { book, rules, greeks, snapshots } in books {
            meter.goes_on()?;
            let moving = factors::wanted(&book.lines);
            let histories = night.histories(moving.iter().copied());
            let estimates =
                if wanted.histories { Some(night.estimates(moving, meter)?) } else { None };
            let desk = greeks.as_ref().filter(|_| wanted.desk);
            let desk = desk.map(|greeks| desk_of((&book, greeks), night, calendar));
            let inputs = Inputs {
                greeks: greeks.as_ref(),
                estimates: estimates.as_ref(),
                histories: Some((&histories, &night.window)),
                desk: desk.as_ref(),
                scenarios: &scenarios,
                snapshots: &snapshots,
            };
            let mut known = HashMap::new();
            for rule in rules {
                let all = known
                    .entry(rule.metric)
                    .or_insert_with_key(|metric| readings(*metric, &book, &inputs, calendar));
                let own = of_rule(&rule, all);
                found.push((rule, own));
            }
        }
        Ok(found)
    }
}

/// Judges by what is breached now, and keeps what comes of it. Books that are no longer as they
/// were seen are not judged, but returned: a later look may have judged what they are now.
async fn write(
    services: &Services,
    owner: UserId,
    found: Vec<Read>,
    seen: &Seen,
    date: NaiveDate,
) -> Result<Vec<PortfolioId>, Error> {
    let ids: Vec<_> = found.iter().map(|(rule, _)| rule.id).collect();
    let mut tx = services.db.begin_as(owner).await?;
    let there = store::alert_rules::lock(tx.statement(), owner, &ids).await?;
    let there: BTreeSet<_> = there.into_iter().collect();
    let books: Vec<_> = seen.keys().copied().collect();
    let mut changed = store::portfolios::changed_at(tx.statement(), owner, &books).await?;
    changed.retain(|(book, at)| seen.get(book) != Some(at));
    let changed: Vec<_> = changed.into_iter().map(|(book, _)| book).collect();
    let mut known = HashMap::<AlertRuleId, BTreeSet<String>>::new();
    for (rule, key) in store::alert_rules::breaches(tx.statement(), owner, &ids).await? {
        known.entry(rule).or_default().insert(key);
    }
    let (mut breached, mut cleared, mut alerts) = (Vec::new(), Vec::new(), Vec::<Alert>::new());
    let nothing = BTreeSet::new();
    let is_good =
        |rule: &AlertRule| there.contains(&rule.id) && !changed.contains(&rule.portfolio_id);
    for (rule, readings) in found.iter().filter(|(rule, _)| is_good(rule)) {
        let was_breached = known.get(&rule.id).unwrap_or(&nothing);
        let verdict = judge(rule, readings, was_breached, (date, services.now()));
        breached.extend(verdict.breached.into_iter().map(|key| (rule.id, key)));
        cleared.extend(verdict.cleared.into_iter().map(|key| (rule.id, key)));
        alerts.extend(verdict.alert);
    }
    if !cleared.is_empty() {
        store::alert_rules::clear_all(tx.statement(), owner, &cleared).await?;
    }
    let mut added = BTreeSet::new();
    if !breached.is_empty() {
        store::alert_rules::breach_all(tx.statement(), owner, &breached, date).await?;
        added.extend(store::alerts::insert_all(tx.statement(), owner, &alerts).await?);
    }
    alerts.retain(|alert| added.contains(&alert.id));
    let told: BTreeSet<_> = alerts.iter().map(|alert| alert.portfolio_id).collect();
    let told: Vec<_> = told.into_iter().map(|id| Update::Alerts(owner, id)).collect();
    tell_all(&mut tx, &told).await?;
    tx.commit().await?;
    for alert in &alerts {
        telemetry::raised(alert.priority.as_str());
    }
    Ok(changed)
}
