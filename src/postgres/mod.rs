//! The way to PostgreSQL: the pool, the owner of a transaction, migrations.
//!
//! Two walls stand between tenants. Finders in `store` demand an owner, and every connection of
//! [`Db`] runs as a role that row-level security binds: without `app.owner_id` a query of a
//! tenant's table is an error. Only [`migrate`] connects as the role that owns the tables.

pub mod embedded;
pub mod moment;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use graphile_worker::WorkerUtils;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use crate::domain::id::UserId;
use crate::telemetry;

/// Oldest PostgreSQL the SQL here is written for.
pub const OLDEST_VERSION: i32 = 140_000;

/// Where the engine of the jobs keeps its own.
pub const ENGINE_SCHEMA: &str = "graphile_worker";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Brings the schema of the database up to this program's.
///
/// # Errors
/// When the database cannot be reached, or holds a schema this program does not know.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), MigrateError> {
    let mut connection = connect(options).await?;
    MIGRATIONS.run(&mut connection).await?;
    // So that readiness can be asked on the application's own connections.
    sqlx::query("grant select on _sqlx_migrations to sigmasight_app")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    engine(options).await
}

/// Brings the engine of the jobs up to date; it keeps a schema of its own.
async fn engine(options: &PgConnectOptions) -> Result<(), MigrateError> {
    // Many processes may start at once, and the engine's steps do not wait for each other.
    const ONE_AT_A_TIME: i64 = 0x5349_474d_4a4f_4253;
    let options = options.clone().options([("client_min_messages", "warning")]);
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await?;
    let mut alone = pool.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(ONE_AT_A_TIME)
        .execute(&mut *alone)
        .await?;
    let migrated = WorkerUtils::new(pool.clone(), ENGINE_SCHEMA).migrate().await;
    alone.rollback().await?;
    pool.close().await;
    migrated.map_err(|error| MigrateError::Engine(error.to_string()))
}

/// How many steps the schema of the database is behind this program's.
///
/// # Errors
/// When the database cannot be reached, is too old, or holds a schema this program does not know.
pub async fn pending(options: &PgConnectOptions) -> Result<usize, MigrateError> {
    let mut connection = connect(options).await?;
    let is_there: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut connection)
        .await?;
    let applied: Vec<i64> = if is_there {
        sqlx::query_scalar("select version from _sqlx_migrations where success")
            .fetch_all(&mut connection)
            .await?
    } else {
        Vec::new()
    };
    connection.close().await?;
    if let Some(unknown) = applied.iter().find(|version| !MIGRATIONS.version_exists(**version)) {
        return Err(sqlx::migrate::MigrateError::VersionMissing(*unknown).into());
    }
    Ok(MIGRATIONS.iter().filter(|step| !applied.contains(&step.version)).count())
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, MigrateError> {
    // That something is there already is no news.
    let options = options.clone().options([("client_min_messages", "warning")]);
    let mut connection = PgConnection::connect_with(&options).await?;
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&mut connection)
        .await?;
    if version < OLDEST_VERSION {
        return Err(MigrateError::TooOld(version / 10_000));
    }
    Ok(connection)
}

/// Whether the database holds exactly this program's schema.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_migrated(db: &Db) -> sqlx::Result<bool> {
    let applied: i64 = sqlx::query_scalar(
        "select count(*) from _sqlx_migrations where success and version = any($1)",
    )
    .bind(MIGRATIONS.iter().map(|step| step.version).collect::<Vec<_>>())
    .fetch_one(&db.pool)
    .await?;
    Ok(usize::try_from(applied) == Ok(MIGRATIONS.iter().count()))
}

/// Why the schema is not this program's.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("PostgreSQL {0} is too old; point DATABASE_URL at version 14 or later")]
    TooOld(i32),
    #[error("the database does not answer; check DATABASE_URL and that PostgreSQL runs")]
    Unreachable(#[from] sqlx::Error),
    #[error(
        "the schema of the database is not this program's; run the release that made it, or a \
         newer one"
    )]
    Schema(#[from] sqlx::migrate::MigrateError),
    #[error("the schema of the jobs' engine cannot be made: {0}")]
    Engine(String),
}

/// The pool of connections that row-level security binds, and a count of what is sent.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    statements: Arc<AtomicU32>,
}

impl Db {
    /// # Errors
    /// When no connection can be made.
    pub async fn connect(options: PgConnectOptions, connections: u32) -> sqlx::Result<Self> {
        // A request that outlives its patience must not go on in the database.
        let options = options.application_name("sigmasight").options([
            ("statement_timeout", "30s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "60s"),
            // Compiling costs more than the short queries it would speed up.
            ("jit", "off"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::query("set role sigmasight_app").execute(connection).await?;
                    Ok(())
                })
            })
            .connect_with(options)
            .await?;
        Ok(Self { pool, statements: Arc::default() })
    }

    /// The same pool with a count of its own: for one request.
    #[must_use]
    pub fn counting_anew(&self) -> Self {
        Self { pool: self.pool.clone(), statements: Arc::default() }
    }

    /// Statements sent so far, each one round trip. What begins and ends a transaction is not
    /// counted.
    pub fn statements(&self) -> u32 {
        self.statements.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        telemetry::statement();
    }

    /// Begins the work of one owner: the transaction sees their rows and no others.
    ///
    /// # Errors
    /// When no connection is free in time or the database fails.
    pub async fn begin_as(&self, owner: UserId) -> sqlx::Result<Work> {
        let mut work = self.begin_shared().await?;
        sqlx::query!("select set_config('app.owner_id', $1::text, true)", owner.0.to_string())
            .fetch_one(work.statement())
            .await?;
        Ok(work)
    }

    /// Begins work on jobs, whosever they are; in a tenant's table it sees the rows of `owner`,
    /// if anybody's. For the workers, and for what an administrator does.
    ///
    /// # Errors
    /// When no connection is free in time or the database fails.
    pub async fn begin_as_operator(&self, owner: Option<UserId>) -> sqlx::Result<Work> {
        let mut work = match owner {
            Some(owner) => self.begin_as(owner).await?,
            None => self.begin_shared().await?,
        };
        sqlx::query!("select set_config('app.is_operator', 'on', true)")
            .fetch_one(work.statement())
            .await?;
        Ok(work)
    }

    /// Begins work on what all owners share: instruments, prices, users. A tenant's table is
    /// out of reach.
    ///
    /// # Errors
    /// When no connection is free in time or the database fails.
    pub async fn begin_shared(&self) -> sqlx::Result<Work> {
        Ok(Work { transaction: self.pool.begin().await?, db: self.clone() })
    }

    /// For one statement on what all owners share.
    pub fn shared(&self) -> &PgPool {
        self.count();
        &self.pool
    }

    /// Hears what is told on a channel, over a connection of its own that comes back when lost.
    ///
    /// # Errors
    /// When no connection can be made.
    pub async fn listen(&self, channel: &str) -> sqlx::Result<PgListener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(channel).await?;
        Ok(listener)
    }

    /// Connections that are open, and those of them that nobody uses.
    pub fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction that writes; undone when dropped.
#[derive(Debug)]
pub struct Work {
    transaction: Transaction<'static, Postgres>,
    db: Db,
}

impl Work {
    /// The connection, for exactly one statement.
    pub fn statement(&mut self) -> &mut PgConnection {
        self.db.count();
        &mut self.transaction
    }

    /// Waits until nobody else holds a lock, and holds it until this work ends.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(&mut self, name: i64) -> sqlx::Result<()> {
        // Whoever holds it may be at work for longer than a request may wait or be idle.
        sqlx::query!(
            "select set_config('lock_timeout', '0', true) as lock,
                    set_config('statement_timeout', '0', true) as statement,
                    set_config('idle_in_transaction_session_timeout', '0', true) as idle"
        )
        .fetch_one(self.statement())
        .await?;
        sqlx::query!("select pg_advisory_xact_lock($1)", name).execute(self.statement()).await?;
        Ok(())
    }

    /// # Errors
    /// When the database fails; nothing is stored then.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.transaction.commit().await
    }
}
