//! One cluster on disk and the server process on it: made, started, waited for, stopped.
//!
//! Two locks keep processes apart, and both end with whoever holds them, however that ends:
//! - `start.lock` is held by a process for as long as it starts a server;
//! - `server.lock` is held by the server itself, and by `initdb` before it: it is their standard
//!   input, so the lock lives until the last of their processes is gone. A process id in a file
//!   could not say so much: ids are used again, and mean nothing across containers.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::error::EmbeddedError;
use super::installation::{Installation, cluster_major};
use super::{DATABASE, PORT, Purpose, USER, socket};

/// How long a server may take to start; recovery after a power cut is the slowest case.
const START_PATIENCE: Duration = Duration::from_mins(2);

/// How long a server may take to stop before it is killed, in seconds.
const STOP_PATIENCE_SECONDS: &str = "30";

const POLL: Duration = Duration::from_millis(20);

/// How long an answer must hold before we attach to somebody else's server: one whose owner was
/// killed a moment ago still answers, until it notices.
const SETTLE: Duration = Duration::from_millis(200);

/// A log beyond this size, in bytes, is set aside when the server starts.
const LARGE_LOG: u64 = 16 << 20;

/// Lines of the server's log to quote when it does not start.
const QUOTED_LINES: usize = 6;

/// Settings that hold for every cluster: small, private, and the same everywhere.
const SETTINGS: [&str; 10] = [
    "listen_addresses=", // the socket only
    "unix_socket_permissions=0700",
    "shared_buffers=128MB",
    "jit=off", // compiling costs more than the short queries it would speed up
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    "log_destination=stderr",
    "logging_collector=off",
    "cluster_name=sigmasight",
];

/// Settings that give up surviving a crash of the machine for speed.
const THROW_AWAY_SETTINGS: [&str; 7] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=300", // many tests at a time, each with a pool
];

/// Waits until no other process starts a server here; the next may when the file is dropped.
pub fn lock_start(data_dir: &Path) -> Result<File, EmbeddedError> {
    let path = data_dir.join("start.lock");
    let file = open_private(&path)?;
    file.lock().map_err(EmbeddedError::io("cannot lock", &path))?;
    Ok(file)
}

/// Opens a file of ours to append to, made if it is not there.
fn open_private(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(EmbeddedError::io("cannot open", path))
}

/// A server that this process started.
#[derive(Debug)]
pub struct Server {
    process: Child,
    installation: Installation,
}

impl Server {
    pub fn has_ended(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(_)))
    }
}

/// Where a cluster lives and how it is run.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub data_dir: PathBuf,
    pub socket_dir: PathBuf,
    pub account: Account,
    pub purpose: Purpose,
}

impl Cluster {
    /// The cluster of a data directory.
    pub fn folder_in(data_dir: &Path) -> PathBuf {
        data_dir.join("postgres")
    }

    fn folder(&self) -> PathBuf {
        Self::folder_in(&self.data_dir)
    }

    fn log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    /// Leaves a server that answers: one found running, then none is returned, or a new one.
    ///
    /// To be called under [`lock_start`], from a thread that lasts as long as the server should.
    pub fn bring_up(&self) -> Result<Option<Server>, EmbeddedError> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if socket::answers(&self.socket_dir) {
                thread::sleep(SETTLE);
                if socket::answers(&self.socket_dir) {
                    return Ok(None);
                }
            }
            if let Some(lock) = self.take_server_lock()? {
                return self.boot(&lock, deadline).map(Some);
            }
            // Somebody's server is on its way up or down.
            if Instant::now() > deadline {
                let pid = self.recorded_pid().unwrap_or_else(|| String::from("unknown"));
                return Err(EmbeddedError::Unresponsive { pid, cluster: self.folder() });
            }
            thread::sleep(POLL);
        }
    }

    /// The lock that the next server inherits; none while one runs.
    fn take_server_lock(&self) -> Result<Option<File>, EmbeddedError> {
        let path = self.data_dir.join("server.lock");
        let file = open_private(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(EmbeddedError::io("cannot lock", &path)(error)),
        }
    }

    fn boot(&self, lock: &File, deadline: Instant) -> Result<Server, EmbeddedError> {
        let folder = self.folder();
        let major = cluster_major(&folder);
        let installation = Installation::choose(&self.account, &folder, major)?;
        if major.is_none() {
            self.create(&installation, lock)?;
        }
        self.forget_dead_server();

        let process = self.spawn(&installation, lock)?;
        let mut server = Server { process, installation };
        while !socket::answers(&self.socket_dir) {
            if server.has_ended() || Instant::now() > deadline {
                self.shut_down(&mut server);
                return Err(EmbeddedError::StartFailed { tail: self.log_tail(), log: self.log() });
            }
            thread::sleep(POLL);
        }
        Ok(server)
    }

    /// Makes the cluster aside and moves it into place whole: one that was interrupted is never
    /// mistaken for a cluster.
    fn create(&self, installation: &Installation, lock: &File) -> Result<(), EmbeddedError> {
        tracing::info!(data_dir = %self.data_dir.display(), "creating a PostgreSQL cluster");
        let unfinished = self.data_dir.join("postgres.new");
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::io("cannot remove", &unfinished)(error));
            }
            _ => {}
        }
        fs::create_dir(&unfinished)
            .and_then(|()| self.account.own(&unfinished))
            .map_err(EmbeddedError::io("cannot create", &unfinished))?;

        let mut initdb = self.command(&installation.program("initdb"));
        initdb.arg("--pgdata").arg(&unfinished);
        initdb.args(["--username", USER, "--encoding=UTF8", "--no-instructions"]);
        // macOS has no C.UTF-8 on all its versions.
        initdb.arg(if cfg!(target_os = "linux") { "--locale=C.UTF-8" } else { "--locale=C" });
        // Who gets through the folder of the socket (mode 0700) owns the files of the cluster
        // or is root, and could do without a password: to ask for one would protect nothing.
        initdb.arg("--auth=trust");
        if self.purpose == Purpose::ThrowAway {
            initdb.arg("--no-sync");
        }
        initdb.stdin(duplicate(lock, &unfinished)?);
        run_to_end(initdb, "")?;

        // A server for one statement, without a socket: so that no cluster lacks its database.
        let mut single = self.command(&installation.program("postgres"));
        single.args(["--single", "-D"]).arg(&unfinished).arg("postgres");
        run_to_end(single, &format!("create database {DATABASE};\n"))?;

        let folder = self.folder();
        fs::rename(&unfinished, &folder).map_err(EmbeddedError::io("cannot create", &folder))
    }

    /// Removes the records of a server that is gone. PostgreSQL would do so itself, but for a
    /// process id that another process of this user has got since, or that nobody reaped.
    fn forget_dead_server(&self) {
        let Some(pid) = self.recorded_pid() else { return };
        // A server works in the folder of its cluster: somebody may have started one by hand.
        let works_in = fs::read_link(Path::new("/proc").join(pid).join("cwd"));
        if cfg!(target_os = "linux") && works_in.ok() != Some(self.folder()) {
            fs::remove_file(self.folder().join("postmaster.pid")).ok();
            fs::remove_file(socket::path_in(&self.socket_dir).with_added_extension("lock")).ok();
        }
    }

    fn recorded_pid(&self) -> Option<String> {
        let record = fs::read_to_string(self.folder().join("postmaster.pid")).ok()?;
        Some(record.lines().next()?.trim().to_owned())
    }

    fn spawn(&self, installation: &Installation, lock: &File) -> Result<Child, EmbeddedError> {
        let log_path = self.log();
        if fs::metadata(&log_path).is_ok_and(|log| log.len() > LARGE_LOG) {
            fs::rename(&log_path, log_path.with_extension("log.old")).ok();
        }
        let mut log = open_private(&log_path)?;
        writeln!(log).map_err(EmbeddedError::io("cannot write", &log_path))?;

        let mut server = self.command(&installation.program("postgres"));
        server.arg("-D").arg(self.folder()).args(["-p", &PORT.to_string()]);
        server.arg("-c").arg(format!("unix_socket_directories={}", quoted(&self.socket_dir)));
        server.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        if self.purpose == Purpose::ThrowAway {
            server.args(THROW_AWAY_SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        }
        server.stdin(duplicate(lock, &log_path)?);
        server.stdout(duplicate(&log, &log_path)?).stderr(log);
        server.spawn().map_err(EmbeddedError::io("cannot run PostgreSQL for", &self.folder()))
    }

    /// Ends the server: its sessions are cut off, what was committed is on disk.
    pub fn shut_down(&self, server: &mut Server) {
        if server.has_ended() {
            return;
        }
        let mut pg_ctl = self.account.command(&server.installation.program("pg_ctl"));
        pg_ctl.args(["stop", "--mode=fast", "--silent", "--timeout", STOP_PATIENCE_SECONDS]);
        pg_ctl.arg("--pgdata").arg(self.folder());
        if !pg_ctl.output().is_ok_and(|output| output.status.success()) {
            tracing::warn!("PostgreSQL did not stop in time and is killed; it recovers next time");
            server.process.kill().ok();
        }
        server.process.wait().ok();
    }

    /// A command of this cluster's account that does not outlive the calling thread (on Linux).
    fn command(&self, program: &Path) -> Command {
        ending_with_this_thread(self.account.command(program))
    }

    /// The last lines that the log got since the server was last started, as one.
    fn log_tail(&self) -> String {
        let mut text = Vec::new();
        if let Ok(mut log) = File::open(self.log()) {
            let length = log.metadata().map_or(0, |log| log.len());
            log.seek(SeekFrom::Start(length.saturating_sub(4096))).ok();
            log.read_to_end(&mut text).ok();
        }
        let text = String::from_utf8_lossy(&text);
        // Each start begins with an empty line.
        let latest = text.rsplit_once("\n\n").map_or(&*text, |(_, latest)| latest);
        last_lines(latest)
    }
}

/// Has the kernel send SIGINT, PostgreSQL's fast shutdown, when the thread that spawns ends:
/// the only way to end with a parent that is killed.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only a process that is about to become the server can ask for it")]
fn ending_with_this_thread(mut command: Command) -> Command {
    use std::os::unix::process::{CommandExt, parent_id};

    let parent = std::process::id();
    let signal = libc::c_ulong::from(libc::SIGINT.cast_unsigned());
    // SAFETY: between fork and exec a child of a program with threads may neither allocate nor
    // take a lock. The closure makes two system calls; its errors hold a number and no memory.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) == -1 {
                return Err(io::Error::last_os_error());
            }
            // A parent that died before the call would send nothing.
            if parent_id() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    command
}

/// Other systems have no such signal: a server may outlive us, and the next process attaches.
#[cfg(not(target_os = "linux"))]
fn ending_with_this_thread(command: Command) -> Command {
    command
}

/// Runs a step of making a cluster; `input`, if any, becomes its standard input.
fn run_to_end(mut command: Command, input: &str) -> Result<(), EmbeddedError> {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        })
        .map_err(|error| EmbeddedError::InitFailed { output: error.to_string() })?;

    let complaint = String::from_utf8_lossy(&output.stderr);
    // A single-user server succeeds whatever became of its statements.
    if output.status.success() && !complaint.contains("ERROR:") {
        return Ok(());
    }
    Err(EmbeddedError::InitFailed { output: last_lines(&complaint) })
}

fn duplicate(file: &File, path: &Path) -> Result<File, EmbeddedError> {
    file.try_clone().map_err(EmbeddedError::io("cannot share", path))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return String::from("it said nothing");
    }
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("; ")
}

/// A path as one entry of a comma-separated setting.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_becomes_one_line() {
        assert_eq!(last_lines(""), "it said nothing");
        assert_eq!(last_lines("  FATAL:  no\n\n\tHINT:  try\n"), "FATAL:  no; HINT:  try");
        assert_eq!(last_lines("1\n2\n3\n4\n5\n6\n7\n8"), "3; 4; 5; 6; 7; 8");
    }

    #[test]
    fn a_folder_with_a_comma_stays_one_folder() {
        assert_eq!(quoted(Path::new(r#"/a, "b"/run"#)), r#""/a, ""b""/run""#);
    }
}
