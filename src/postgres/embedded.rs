//! A private PostgreSQL: a cluster in the data directory, run from the programs on the machine.
//!
//! ```no_run
//! # use std::path::Path;
//! # use sigmasight::postgres::embedded::{Embedded, EmbeddedError, Purpose};
//! # fn example() -> Result<(), EmbeddedError> {
//! let embedded = Embedded::start(Path::new("/var/lib/sigmasight"), Purpose::Durable)?;
//! let options = embedded.connect_options(); // for a pool
//! embedded.stop();
//! # Ok(()) }
//! ```
//!
//! What holds here:
//! - One server a data directory. The first process starts it and owns it; others attach. With
//!   its owner the server ends, even if that is killed (on other systems than Linux it then runs
//!   on, and the next process attaches). Whoever was attached sees its connections break, and
//!   calls [`Embedded::ensure_running`] to become the owner.
//! - The server listens on a unix socket in a folder that only its user and root can enter.
//! - Root becomes `postgres` or `nobody` for the server, which refuses to be root.
//! - A cluster keeps to the major version that made it; upgrading one is not done here.
//!
//! In the data directory: `postgres` (the cluster), `postgres.log`, `run` (the socket),
//! `start.lock` and `server.lock`.

mod account;
mod error;
mod installation;
mod server;
mod socket;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use account::Account;
pub use error::EmbeddedError;
use server::{Cluster, Server};

/// The superuser of the cluster.
const USER: &str = "sigmasight";
const DATABASE: &str = "sigmasight";
/// Part of the socket's name; nothing listens on a network.
const PORT: u16 = 5432;

/// What the data is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Kept: a commit survives a power cut.
    Durable,
    /// For tests: fast, and broken by a crash of the machine.
    ThrowAway,
}

/// A running private server; stopped when dropped, if this process started it.
#[derive(Debug)]
pub struct Embedded {
    cluster: Cluster,
    /// None while attached to the server of another process.
    owned: Mutex<Option<Owned>>,
}

/// The server that this process started.
#[derive(Debug)]
struct Owned {
    server: Server,
    /// Dropped to let the thread that started `server` end.
    _keeper: mpsc::Sender<()>,
}

impl Embedded {
    /// Starts the cluster of `data_dir`, made first if need be, or attaches to its running
    /// server. Blocks: seconds the first time, tenths of a second later.
    ///
    /// `purpose` decides for a server that is started; one found running is taken as it is.
    ///
    /// # Errors
    /// Whatever keeps the server from running, with what to do about it.
    pub fn start(data_dir: &Path, purpose: Purpose) -> Result<Self, EmbeddedError> {
        let data_dir = create_data_dir(data_dir)?;
        let lock = server::lock_start(&data_dir)?;
        let account = Account::choose(&data_dir, &Cluster::folder_in(&data_dir))?;
        account.check_reach(&data_dir)?;
        let socket_dir = socket::choose_folder(&data_dir, &account)?;

        let cluster = Cluster { data_dir, socket_dir, account, purpose };
        let owned = Mutex::new(bring_up(&cluster)?);
        drop(lock);
        Ok(Self { cluster, owned })
    }

    /// Starts the server again if it is gone, as when the process that owned it has ended, and
    /// attaches to it if another process was faster. Blocks as [`Embedded::start`] does; connect
    /// options stay the same.
    ///
    /// # Errors
    /// Whatever keeps the server from running, with what to do about it.
    pub fn ensure_running(&self) -> Result<(), EmbeddedError> {
        if socket::answers(&self.cluster.socket_dir) {
            return Ok(());
        }
        let mut owned = self.owned();
        if owned.as_mut().is_some_and(|ours| ours.server.has_ended()) {
            *owned = None;
        }
        let _lock = server::lock_start(&self.cluster.data_dir)?;
        // A folder in /tmp may have been swept away.
        socket::prepare_folder(&self.cluster.socket_dir, &self.cluster.account)?;
        if let Some(started) = bring_up(&self.cluster)? {
            *owned = Some(started);
        }
        Ok(())
    }

    /// How to connect, as the superuser, to the database that is there from the start.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.socket_dir())
            .port(PORT)
            .username(USER)
            .database(DATABASE)
            .ssl_mode(PgSslMode::Disable)
    }

    /// The folder of the server's socket, for tools such as `psql --host`.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.cluster.socket_dir
    }

    /// Whether this process started the server, and will stop it.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owned().as_mut().is_some_and(|ours| !ours.server.has_ended())
    }

    /// Stops the server if this process started it. Blocks until it is down, as dropping does.
    pub fn stop(self) {
        drop(self);
    }

    /// A panic elsewhere leaves the server as it was: its lock needs no poison.
    fn owned(&self) -> MutexGuard<'_, Option<Owned>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(mut owned) = self.owned().take() {
            self.cluster.shut_down(&mut owned.server);
        }
    }
}

/// Runs [`Cluster::bring_up`] on a thread of its own, which stays for as long as the server is
/// ours: on Linux a child ends with the *thread* that started it, and callers' threads may end.
fn bring_up(cluster: &Cluster) -> Result<Option<Owned>, EmbeddedError> {
    let (report, started) = mpsc::channel();
    let (keeper, release) = mpsc::channel::<()>();
    let its_cluster = cluster.clone();
    thread::Builder::new()
        .name(String::from("postgres-keeper"))
        .spawn(move || {
            report.send(its_cluster.bring_up()).ok();
            release.recv().ok(); // until the sender is dropped
        })
        .map_err(EmbeddedError::io("cannot start a thread for", &cluster.data_dir))?;

    let server = started.recv().map_err(|gone| {
        let source = std::io::Error::other(gone);
        EmbeddedError::io("cannot start PostgreSQL in", &cluster.data_dir)(source)
    })??;
    Ok(server.map(|server| Owned { server, _keeper: keeper }))
}

/// Makes `data_dir` and the folders above it that are missing; gives its one true path.
fn create_data_dir(data_dir: &Path) -> Result<PathBuf, EmbeddedError> {
    let missing: Vec<_> = data_dir.ancestors().take_while(|folder| !folder.exists()).collect();
    for folder in missing.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
        // Others may pass through but not look around: root's server is one of those others.
        let created = fs::create_dir(folder)
            .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o711)));
        match created {
            // Another process was faster, and sees to it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            created => created.map_err(EmbeddedError::io("cannot create", folder))?,
        }
    }
    fs::canonicalize(data_dir).map_err(EmbeddedError::io("cannot find", data_dir))
}
