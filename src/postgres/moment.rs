//! One request, one moment: every read of a request happens in one read-only snapshot, as one
//! tenant, at one "now". Opened by the first read; a request that reads nothing costs nothing.

use std::ops::{Deref, DerefMut};
use std::sync::{self, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, Postgres, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::Db;
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::User;
use crate::error::{Code, Error, Refusal};
use crate::store;

/// Who a request says it is, by a token whose signature held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    pub user: UserId,
    pub session: SessionId,
}

/// The reads of one request.
pub struct Moment {
    db: Db,
    now: DateTime<Utc>,
    open: Mutex<Open>,
    /// Of which session and state there is a model of the factors, as the opening told.
    model: sync::Mutex<Option<(NaiveDate, i64)>>,
}

/// Statements that one moment may send: twelve take all that is computed of books, however many
/// and large they are, and lists of what is kept, such as snapshots, prices, jobs, one each.
const MAX_STATEMENTS: u32 = 24;

#[derive(Default)]
struct Open {
    claims: Option<Claims>,
    statements: u32,
    transaction: Option<Transaction<'static, Postgres>>,
    viewer: Option<User>,
}

impl Moment {
    pub fn new(db: Db, now: DateTime<Utc>, claims: Option<Claims>) -> Self {
        let open = Mutex::new(Open { claims, ..Open::default() });
        Self { db, now, open, model: sync::Mutex::default() }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Whoever is signed in; None for a request without credentials.
    ///
    /// # Errors
    /// `Unauthenticated` when the session has ended or the user may not sign in any more.
    pub async fn viewer(&self) -> Result<Option<User>, Error> {
        let mut open = self.open.lock().await;
        if open.claims.is_none() {
            return Ok(None);
        }
        if open.viewer.is_none() {
            self.begin(&mut open).await?;
        }
        Ok(open.viewer.clone())
    }

    /// Of which session there is a model of the factors that the viewer may be answered with, and
    /// a digest of what it depends on; None before anything was read. Waits for no statement, so
    /// that who asks for what is kept does so together with the others.
    pub fn model(&self) -> Option<(NaiveDate, i64)> {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection of this moment, for exactly one statement.
    ///
    /// # Errors
    /// As [`Moment::viewer`]; also when no connection is free in time. `QueryTooComplex` after
    /// too many statements.
    pub async fn statement(&self) -> Result<Statement<'_>, Error> {
        let mut open = self.open.lock().await;
        if open.transaction.is_none() {
            self.begin(&mut open).await?;
        }
        open.statements += 1;
        if open.statements > MAX_STATEMENTS {
            let message =
                format!("This request asks more than {MAX_STATEMENTS} questions in turn.");
            return Err(Refusal::new(Code::QueryTooComplex, message)
                .hint("Ask for fewer different things at once.")
                .into());
        }
        self.db.count();
        Ok(Statement(open))
    }

    /// Whether a statement is under way, so that an answer is about to come.
    pub fn is_busy(&self) -> bool {
        self.open.try_lock().is_err()
    }

    /// Gives the connection back. The next read opens a new moment, which sees what was written
    /// in between: a mutation calls this before it answers.
    pub async fn close(&self) {
        let mut open = self.open.lock().await;
        open.transaction = None;
        open.statements = 0;
    }

    /// From now on this request speaks for somebody else: whoever has just signed in.
    pub async fn become_viewer(&self, claims: Option<Claims>) {
        *self.open.lock().await = Open { claims, ..Open::default() };
    }

    async fn begin(&self, open: &mut Open) -> Result<(), Error> {
        let mut transaction =
            self.db.pool.begin_with("begin isolation level repeatable read read only").await?;
        if let Some(claims) = open.claims {
            self.db.count();
            let found = store::users::open_session(&mut *transaction, claims, self.now).await?;
            let (viewer, model) = found.ok_or_else(|| Refusal {
                message: "The session has ended.".into(),
                ..Refusal::unauthenticated()
            })?;
            open.viewer = Some(viewer);
            *self.model.lock().unwrap_or_else(PoisonError::into_inner) = model;
        }
        open.transaction = Some(transaction);
        Ok(())
    }
}

/// The right to send one statement; others of the request wait until it is dropped.
pub struct Statement<'a>(MutexGuard<'a, Open>);

const OPEN: &str = "a statement is only given out over an open transaction, and holds its lock";

impl Deref for Statement<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.0.transaction.as_deref().expect(OPEN)
    }
}

impl DerefMut for Statement<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.0.transaction.as_deref_mut().expect(OPEN)
    }
}
