//! Wires settings, database, services and router; knows them all, alone.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::config::{Config, ConfigError, Environment};
use crate::domain::calendar::{Calendar, Closing};
use crate::error::Error;
use crate::http::lasting::{self, Lasting};
use crate::http::serve::Patience;
use crate::jobs::worker;
use crate::market::caller::NoClient;
use crate::postgres::embedded::{Embedded, EmbeddedError, Purpose};
use crate::postgres::{self, Db, MigrateError};
use crate::services::accounts::{Attempts, Hasher};
use crate::services::listings::Listings;
use crate::services::tokens::Tokens;
use crate::services::updates::Updates;
use crate::services::{Services, demo, scenarios};
use crate::{graphql, http, jobs, market, store, telemetry};

/// Connections of the pool. Each request that reads holds one while it runs.
const CONNECTIONS: u32 = 20;
/// Passwords hashed at a time: one a core of a small machine.
const HASHES_AT_ONCE: usize = 2;
/// How often to look whether the private database still runs.
const WATCH: Duration = Duration::from_secs(2);

/// Why the program could not do what it was started for, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("the database does not answer; check DATABASE_URL and that PostgreSQL runs")]
    Database(#[from] sqlx::Error),
    #[error("DATABASE_URL is no address of a PostgreSQL; write postgres://user@host:5432/name")]
    DatabaseUrl(#[source] sqlx::Error),
    #[error("{0} is taken; set SIGMASIGHT_BIND to a free address, or stop what runs there")]
    Bind(SocketAddr, #[source] io::Error),
    #[error("{0} cannot be used; check that it exists and who may read it")]
    File(PathBuf, #[source] io::Error),
    #[error("demo accounts have a published password; use another database in production")]
    DemoInProduction,
    #[error("no provider of prices can be asked; check the certificates of this machine")]
    Client(#[source] NoClient),
    #[error(transparent)]
    UseCase(#[from] Error),
    #[error("the server failed")]
    Server(#[source] io::Error),
    #[error("{0}")]
    Refused(String),
}

impl AppError {
    /// What to do about it, where the sentence does not say so itself.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::UseCase(error) => error.hint(),
            _ => None,
        }
    }
}

/// The database a program works on.
pub struct Database {
    pub options: PgConnectOptions,
    /// Kept while the program runs, if the cluster is its own.
    pub embedded: Option<Arc<Embedded>>,
}

impl Database {
    /// Finds the database that the settings name, or starts the private one.
    ///
    /// # Errors
    /// Whatever keeps it from running.
    pub async fn open(config: &Config) -> Result<Self, AppError> {
        if let Some(url) = &config.database_url {
            let options = url.parse().map_err(AppError::DatabaseUrl)?;
            return Ok(Self { options, embedded: None });
        }
        let data_dir = config.data_dir.clone();
        let embedded =
            tokio::task::spawn_blocking(move || Embedded::start(&data_dir, Purpose::Durable))
                .await
                .map_err(|error| AppError::Server(io::Error::other(error)))??;
        Ok(Self { options: embedded.connect_options(), embedded: Some(Arc::new(embedded)) })
    }

    /// What works on jobs in it.
    fn engine(&self, config: &Config) -> worker::Engine {
        worker::Engine { options: self.options.clone(), silence: config.worker_silence }
    }

    /// Starts the private cluster again whenever the process that owned it has gone.
    fn watch(&self, stop: CancellationToken) {
        let Some(embedded) = self.embedded.clone() else { return };
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(WATCH) => {}
                }
                let embedded = Arc::clone(&embedded);
                let checked = tokio::task::spawn_blocking(move || embedded.ensure_running()).await;
                if let Ok(Err(error)) = checked {
                    tracing::error!(%error, "the private database is down");
                }
            }
        });
    }
}

/// The program, ready to do anything that needs the database.
pub struct App {
    pub config: Config,
    pub database: Database,
    pub services: Services,
}

impl App {
    /// Opens the database, brings its schema up to date and makes the services.
    ///
    /// # Errors
    /// Whatever is missing, with what to do about it.
    pub async fn open(config: Config) -> Result<Self, AppError> {
        let database = Database::open(&config).await?;
        postgres::migrate(&database.options).await?;
        Self::over(config, database).await
    }

    /// The same over a database whose schema is left as it is.
    ///
    /// # Errors
    /// When the schema is not this program's.
    pub async fn over(config: Config, database: Database) -> Result<Self, AppError> {
        let db = Db::connect(database.options.clone(), CONNECTIONS).await?;
        let services = services(&config, db).await?;
        if config.environment == Environment::Production
            && store::users::any_demo(services.db.shared()).await?
        {
            return Err(AppError::DemoInProduction);
        }
        Ok(Self { config, database, services })
    }

    /// Serves until a stop is asked for, then lets requests under way end.
    ///
    /// # Errors
    /// When the address is taken, or the demo cannot be made.
    pub async fn serve(self, works: bool) -> Result<(), AppError> {
        let Self { config, database, services } = self;
        let address = config.bind;
        let listener =
            TcpListener::bind(address).await.map_err(|error| AppError::Bind(address, error))?;
        let address = listener.local_addr().map_err(AppError::Server)?;
        let stop = CancellationToken::new();
        database.watch(stop.clone());
        if config.environment == Environment::Development {
            demo::seed(&services, config.environment).await?;
        }
        let working = TaskTracker::new();
        if works && config.batch_job_enabled {
            let engine = database.engine(&config);
            jobs::keep(&working, &services, &engine, config.environment, &stop);
        }

        let lasting = Lasting::until(stop.clone(), lasting::Patience::default());
        let router = router(&config, services.clone(), lasting.clone());
        announce(&config, address);
        stop_when_asked(&stop);
        let figures = AbortOnDropHandle::new(tokio::spawn(telemetry::keep()));
        if !http::serve::serve(listener, router, Patience::default(), stop).await {
            tracing::warn!("some requests took too long and were cut off");
        }
        lasting.ended().await;
        drop(figures);
        working.close();
        working.wait().await;
        services.db.close().await;
        drop(database);
        tracing::info!("stopped");
        Ok(())
    }

    /// Does the jobs until a stop is asked for, then puts back those under way.
    ///
    /// # Errors
    /// When the demo cannot be made.
    pub async fn work(self) -> Result<(), AppError> {
        let Self { config, database, services } = self;
        let stop = CancellationToken::new();
        database.watch(stop.clone());
        if config.environment == Environment::Development {
            demo::seed(&services, config.environment).await?;
        }
        let working = TaskTracker::new();
        let engine = database.engine(&config);
        jobs::keep(&working, &services, &engine, config.environment, &stop);
        tracing::info!("working on jobs");
        stop_when_asked(&stop);
        working.close();
        working.wait().await;
        services.db.close().await;
        drop(database);
        tracing::info!("stopped");
        Ok(())
    }
}

/// Has everything stop once the process is asked to.
fn stop_when_asked(stop: &CancellationToken) {
    let stop = stop.clone();
    tokio::spawn(async move {
        asked_for_a_stop().await;
        tracing::info!("stopping: what is under way may end");
        stop.cancel();
    });
}

/// All routes over these services, within the limits of the settings.
pub fn router(config: &Config, services: Services, lasting: Lasting) -> Router {
    let limits = graphql::limits(config.rate_limit_per_minute.get());
    let is_helpful = config.environment == Environment::Development;
    let schema = graphql::schema(limits, services.now(), is_helpful);
    http::router(http::Door::new(config, services, schema, lasting))
}

/// The services over a database whose schema is up to date.
///
/// # Errors
/// When the database fails, or a generated secret cannot be kept.
pub async fn services(config: &Config, db: Db) -> Result<Services, AppError> {
    scenarios::keep_built_in(&db).await?;
    let closings = store::calendar::closings(db.shared()).await?;
    let calendar = Calendar::with_closings(closings.into_iter().map(|row| Closing {
        date: row.date,
        name: row.name,
        closes_at: row.closes_at,
    }));
    let secret = match &config.jwt_secret {
        Some(secret) => secret.clone(),
        None => kept_secret(&config.data_dir)?,
    };
    let calendar = Arc::new(calendar);
    let chain = market::chain(config, &db, &calendar).map_err(AppError::Client)?;
    Ok(Services {
        chain,
        listings: Listings::default(),
        updates: Updates::of(db.clone()),
        db,
        clock: config.clock,
        calendar,
        tokens: Arc::new(Tokens::new(secret.as_bytes())),
        hasher: Hasher::new(HASHES_AT_ONCE),
        attempts: Attempts::new(),
        providers: config.providers.clone().into(),
        assumptions: config.assumptions,
    })
}

/// The signing secret of a development machine: made once, readable by its owner alone, so that
/// sign-ins survive a restart.
fn kept_secret(data_dir: &Path) -> Result<String, AppError> {
    let path = data_dir.join("jwt.secret");
    let failed = |error| AppError::File(path.clone(), error);
    if !path.exists() {
        let mut bytes = [0; 48];
        rand::TryRngCore::try_fill_bytes(&mut rand::rngs::OsRng, &mut bytes)
            .map_err(|error| failed(io::Error::other(error)))?;
        fs::create_dir_all(data_dir).map_err(failed)?;
        // Written whole before it gets its name, and named once: of processes that start
        // together all sign with the same.
        let draft = data_dir.join(format!("jwt.secret.{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft);
        file.and_then(|mut file| file.write_all(STANDARD.encode(bytes).as_bytes()))
            .and_then(|()| match fs::hard_link(&draft, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            })
            .and_then(|()| fs::remove_file(&draft))
            .map_err(failed)?;
    }
    let secret = fs::read_to_string(&path).map_err(failed)?;
    if secret.len() < crate::config::MIN_SECRET_BYTES {
        let cause = io::Error::other("it is too short to be a secret; delete it");
        return Err(failed(cause));
    }
    Ok(secret)
}

/// Tells whoever started the program where to look.
fn announce(config: &Config, address: SocketAddr) {
    tracing::info!(%address, "serving");
    if config.environment == Environment::Development {
        let mut out = io::stdout().lock();
        // Nobody to read it is no reason to stop.
        let _ = writeln!(
            out,
            "\nSigmaSight is ready: open http://{address}/graphql\n\
             Sign in as demo_hedgefundstyle@sigmasight.com with the password {}\n",
            demo::PASSWORD
        );
    }
}

async fn asked_for_a_stop() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}
