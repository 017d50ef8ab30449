use std::io;
use std::path::{Path, PathBuf};

/// Why a private cluster does not run. Each is one line that ends with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No folder on this machine holds a server's programs.
    #[error(
        "PostgreSQL is not installed; run `{install}`, set DATABASE_URL to a server, \
         or name a folder with postgres, initdb and pg_ctl in SIGMASIGHT_POSTGRES_BIN"
    )]
    NoBinaries { install: &'static str },
    /// The folder that the environment names is not one.
    #[error(
        "SIGMASIGHT_POSTGRES_BIN names {}, which holds no postgres, initdb and pg_ctl that {user} \
         can run; correct it or unset it", folder.display()
    )]
    NoBinariesIn { folder: PathBuf, user: String },
    /// The newest server found is older than the SQL of this program.
    #[error("PostgreSQL {found} is too old, {needed} or later is needed; run `{install}`")]
    TooOld { found: String, needed: u32, install: &'static str },
    /// A cluster opens only with the major version that made it.
    #[error(
        "the database in {} was made by PostgreSQL {data} and this machine has {have}; install \
         PostgreSQL {data}, or move that folder away to begin with an empty one", cluster.display()
    )]
    VersionMismatch { cluster: PathBuf, data: u32, have: String },
    /// PostgreSQL refuses root, and there is nobody else to be.
    #[error(
        "PostgreSQL does not run as root and the users postgres and nobody do not exist; \
         run `useradd --system postgres`, or start as an ordinary user"
    )]
    NoAccount,
    /// The user that the server runs as is stopped on the way to its files.
    #[error(
        "PostgreSQL runs as the user {user}, who may not enter {}; choose another data \
         directory, as in SIGMASIGHT_DATA_DIR=/var/lib/sigmasight, or `chmod o+x` that folder",
        blocked.display()
    )]
    DataDirUnreachable { blocked: PathBuf, user: String },
    /// The folder of the socket lets others in, or belongs to them.
    #[error(
        "{} must be a folder of the user {user} that nobody else may enter; remove it and start \
         again", folder.display()
    )]
    SocketDirUnsafe { folder: PathBuf, user: String },
    /// `initdb`, or the first statement after it, failed.
    #[error("a new PostgreSQL database could not be made: {output}")]
    InitFailed { output: String },
    /// The server ended, or never answered, while it started.
    #[error("PostgreSQL did not start: {tail} (see {})", log.display())]
    StartFailed { tail: String, log: PathBuf },
    /// Somebody else's server holds the cluster and does not talk.
    #[error(
        "the PostgreSQL server with process id {pid} holds {} and does not answer; stop it with \
         `kill -INT {pid}` and start again", cluster.display()
    )]
    Unresponsive { pid: String, cluster: PathBuf },
    /// The operating system said no.
    #[error("{action} {}: {source}; SIGMASIGHT_DATA_DIR chooses another folder", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl EmbeddedError {
    /// For `map_err`: what was attempted and where, as in `cannot create /data`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
