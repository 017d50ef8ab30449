//! What changed, told to whoever watches it, in whichever process.
//!
//! Whoever changes something tells of it in the same transaction ([`tell`]; jobs tell of
//! themselves). One connection a process hears all of it, from the first watcher on, and hands it
//! to every watcher. What is told says what to look at again, never what is there: a watcher reads
//! that for itself, by its own rights. So to hear of a thing twice, or too often, does no harm; and
//! whoever may have missed something is told so ([`Heard::Missed`]) and looks at everything.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::domain::id::{InstrumentId, JobId, PortfolioId};
use crate::error::chain;
use crate::postgres::{Db, Work};
use crate::store;
use crate::store::updates::{BOOKS, JOBS};

/// What one watcher may be behind before it is told that it missed something.
const KEPT: usize = 1_024;
/// Watchers that look again at a time: each holds a connection while it does, and requests need
/// some too.
const LOOKING_AT_ONCE: usize = 6;
/// How long a first watcher waits for the connection that hears.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before a connection that could not be made is tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// Instruments named by one text: PostgreSQL takes less than 8000 bytes.
const NAMED_AT_ONCE: usize = 200;

/// A change of books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// What a portfolio holds.
    Positions(PortfolioId),
    /// Closes, splits or dividends of instruments, whoever holds them.
    Prices(Arc<[InstrumentId]>),
    /// Figures that are kept of a portfolio.
    Analytics(PortfolioId),
}

impl Update {
    fn texts(&self) -> Vec<String> {
        match self {
            Self::Positions(id) => vec![format!("POSITIONS {id}")],
            Self::Analytics(id) => vec![format!("ANALYTICS {id}")],
            Self::Prices(ids) => ids.chunks(NAMED_AT_ONCE).map(prices_text).collect(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (what, ids) = text.split_once(' ')?;
        let mut ids = ids.split(',').map(|id| id.parse::<Uuid>().ok());
        match what {
            "POSITIONS" => Some(Self::Positions(PortfolioId(ids.next()??))),
            "ANALYTICS" => Some(Self::Analytics(PortfolioId(ids.next()??))),
            "PRICES" => ids.map(|id| id.map(InstrumentId)).collect::<Option<_>>().map(Self::Prices),
            _ => None,
        }
    }
}

fn prices_text(ids: &[InstrumentId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    format!("PRICES {}", ids.join(","))
}

/// Tells everybody who watches, once `tx` is committed.
///
/// # Errors
/// When the database fails.
pub async fn tell(tx: &mut Work, update: &Update) -> sqlx::Result<()> {
    tell_all(tx, std::slice::from_ref(update)).await
}

/// The same of many at once.
///
/// # Errors
/// When the database fails.
pub async fn tell_all(tx: &mut Work, updates: &[Update]) -> sqlx::Result<()> {
    let texts: Vec<_> = updates.iter().flat_map(Update::texts).collect();
    store::updates::tell(tx.statement(), &texts).await
}

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Job(JobId),
    Book(Update),
    /// Something may have happened that nobody heard of.
    Missed,
}

impl Heard {
    fn read(channel: &str, text: &str) -> Option<Self> {
        match channel {
            JOBS => text.parse().ok().map(|id| Self::Job(JobId(id))),
            BOOKS => Update::read(text).map(Self::Book),
            _ => None,
        }
    }
}

/// All that watchers of this process share. Clones are the same.
#[derive(Clone)]
pub struct Updates(Arc<Shared>);

struct Shared {
    db: Db,
    heard: broadcast::Sender<Heard>,
    is_listening: watch::Sender<bool>,
    /// Whoever listens, from the first watcher on.
    ear: Mutex<Option<AbortOnDropHandle<()>>>,
    looking: Arc<Semaphore>,
}

impl Updates {
    pub fn of(db: Db) -> Self {
        Self(Arc::new(Shared {
            db,
            heard: broadcast::Sender::new(KEPT),
            is_listening: watch::Sender::new(false),
            ear: Mutex::default(),
            looking: Arc::new(Semaphore::new(LOOKING_AT_ONCE)),
        }))
    }

    /// Begins to watch: whatever is told from now on is heard.
    pub async fn watch(&self) -> Watcher {
        self.listen();
        let mut is_listening = self.0.is_listening.subscribe();
        // Without a database nothing can be told; that there is one again is heard as `Missed`.
        tokio::time::timeout(PATIENCE, is_listening.wait_for(|is| *is)).await.ok();
        Watcher { heard: self.0.heard.subscribe() }
    }

    /// Waits for a turn to look, until the permit is dropped.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.looking).acquire_owned().await.ok()
    }

    fn listen(&self) {
        let mut ear = self.0.ear.lock().unwrap_or_else(PoisonError::into_inner);
        if ear.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
            let (db, heard) = (self.0.db.clone(), self.0.heard.clone());
            let listen = listen(db, heard, self.0.is_listening.clone());
            *ear = Some(AbortOnDropHandle::new(tokio::spawn(listen)));
        }
    }
}

/// Listens until the pool is closed.
async fn listen(db: Db, heard: broadcast::Sender<Heard>, is_listening: watch::Sender<bool>) {
    loop {
        let ended = async {
            let mut ear = db.listen(JOBS).await?;
            ear.listen(BOOKS).await?;
            // Of what was told while nobody listened.
            heard.send(Heard::Missed).ok();
            is_listening.send_replace(true);
            hear(&mut ear, &heard).await
        };
        match ended.await {
            Err(sqlx::Error::PoolClosed) => return,
            Err(error) => {
                tracing::warn!(error = chain(&error), "changes are not heard of; listening again");
            }
            Ok(()) => {}
        }
        is_listening.send_replace(false);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(ear: &mut PgListener, heard: &broadcast::Sender<Heard>) -> sqlx::Result<()> {
    loop {
        let told = match ear.try_recv().await? {
            Some(note) => Heard::read(note.channel(), note.payload()),
            // The connection was lost and is back.
            None => Some(Heard::Missed),
        };
        // Without a watcher there is nobody to tell.
        if let Some(told) = told {
            heard.send(told).ok();
        }
    }
}

/// Hears of changes.
pub struct Watcher {
    heard: broadcast::Receiver<Heard>,
}

impl Watcher {
    /// The next change, of anything.
    pub async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Ok(heard) => heard,
            Err(RecvError::Lagged(_)) => Heard::Missed,
            // The process ends, and with it whoever waits here.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// One that has been told already; None when there is none.
    pub fn told(&mut self) -> Option<Heard> {
        match self.heard.try_recv() {
            Ok(heard) => Some(heard),
            Err(TryRecvError::Lagged(_)) => Some(Heard::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_as_it_was() {
        let many: Arc<[_]> = (0..450).map(|_| InstrumentId::fresh()).collect();
        let portfolio = PortfolioId::fresh();
        for update in [Update::Positions(portfolio), Update::Analytics(portfolio)] {
            let heard = Heard::read(BOOKS, &update.texts()[0]);
            assert_eq!(heard, Some(Heard::Book(update)));
        }
        let texts = Update::Prices(Arc::clone(&many)).texts();
        assert!(texts.iter().all(|text| text.len() < 8_000), "PostgreSQL takes no more");
        let heard: Vec<_> = texts.iter().filter_map(|text| Update::read(text)).collect();
        let ids = heard.iter().flat_map(|update| match update {
            Update::Prices(ids) => ids.to_vec(),
            _ => Vec::new(),
        });
        assert!(ids.eq(many.iter().copied()));
    }

    #[tokio::test]
    async fn a_watcher_that_falls_behind_is_told_so() {
        let sender = broadcast::Sender::new(2);
        let mut watcher = Watcher { heard: sender.subscribe() };
        let jobs: Vec<_> = (0..3).map(|_| Heard::Job(JobId::fresh())).collect();
        for job in &jobs {
            sender.send(job.clone()).expect("somebody watches");
        }
        assert_eq!(watcher.next().await, Heard::Missed);
        assert_eq!(
            [watcher.told(), watcher.told()],
            [Some(jobs[1].clone()), Some(jobs[2].clone())]
        );
        assert_eq!(watcher.told(), None);
    }

    #[test]
    fn what_nobody_here_tells_is_not_heard() {
        for (channel, text) in
            [(JOBS, "x"), (BOOKS, ""), (BOOKS, "PRICES x"), (BOOKS, "OTHER y"), ("else", "")]
        {
            assert_eq!(Heard::read(channel, text), None, "{channel} {text}");
        }
    }
}
