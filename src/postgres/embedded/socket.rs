//! The unix socket: a short path to it, a folder nobody else enters, and whether a server answers.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::error::EmbeddedError;
use super::{DATABASE, PORT, USER};

/// The longest path of a socket, in bytes: 103 on macOS, 107 on Linux.
const LONGEST_PATH: usize = 103;

/// How long a server may take to answer one greeting before it counts as silent.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The folder of the socket, made if it is not there: `run` beside the cluster, or where that
/// path is too long, one in /tmp whose name is kept in `run.path`, so that every process on
/// `data_dir` comes to the same.
pub fn choose_folder(data_dir: &Path, account: &Account) -> Result<PathBuf, EmbeddedError> {
    let beside = data_dir.join("run");
    if path_in(&beside).as_os_str().as_bytes().len() <= LONGEST_PATH {
        prepare_folder(&beside, account)?;
        return Ok(beside);
    }

    let note = data_dir.join("run.path");
    if let Ok(remembered) = fs::read_to_string(&note) {
        let remembered = PathBuf::from(remembered.trim());
        if prepare_folder(&remembered, account).is_ok() {
            return Ok(remembered);
        }
    }
    let name = format!("sigmasight-{:016x}", RandomState::new().build_hasher().finish());
    let fresh = Path::new("/tmp").join(name);
    prepare_folder(&fresh, account)?;
    fs::write(&note, fresh.as_os_str().as_bytes())
        .map_err(EmbeddedError::io("cannot write", &note))?;
    Ok(fresh)
}

/// Makes `folder`, or finds it as it would have made it: anyone can put one into /tmp.
pub fn prepare_folder(folder: &Path, account: &Account) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => account.own(folder).map_err(EmbeddedError::io("cannot give away", folder))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(EmbeddedError::io("cannot create", folder)(error)),
    }
    let found = fs::symlink_metadata(folder).map_err(EmbeddedError::io("cannot read", folder))?;
    if !found.is_dir() || found.uid() != account.uid || found.mode() & 0o077 != 0 {
        let folder = folder.to_owned();
        return Err(EmbeddedError::SocketDirUnsafe { folder, user: account.name.clone() });
    }
    Ok(())
}

/// Whether a server takes sessions here, now; one that starts or stops does not.
pub fn answers(folder: &Path) -> bool {
    greet(&path_in(folder)).unwrap_or(false)
}

/// Opens a session and closes it again.
///
/// Protocol 3.0, "Start-up" (PostgreSQL manual, chapter "Frontend/Backend Protocol").
fn greet(socket: &Path) -> io::Result<bool> {
    /// SQLSTATE `cannot_connect_now`: the server starts, recovers or stops.
    const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";
    const PROTOCOL_3_0: u32 = 3 << 16;
    const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

    let parameters = format!("user\0{USER}\0database\0{DATABASE}\0\0");
    let length = u32::try_from(8 + parameters.len()).map_err(io::Error::other)?;
    let mut startup = Vec::new();
    startup.extend(length.to_be_bytes());
    startup.extend(PROTOCOL_3_0.to_be_bytes());
    startup.extend(parameters.as_bytes());

    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(&startup)?;
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer)?;
    let answer = &answer[..length];
    stream.write_all(&TERMINATE).ok(); // else the server logs a client that vanished

    Ok(match answer.first() {
        Some(b'R') => true, // authentication
        // Any other refusal, as of one session too many, comes from a server that works.
        Some(b'E') => {
            !answer.windows(CANNOT_CONNECT_NOW.len()).any(|code| code == CANNOT_CONNECT_NOW)
        }
        _ => false,
    })
}

/// The socket itself; its lock file has `.lock` after that.
pub fn path_in(folder: &Path) -> PathBuf {
    folder.join(format!(".s.PGSQL.{PORT}"))
}
