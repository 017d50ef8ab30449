//! With real servers: what holds in `embedded`'s header, seen from outside.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection, PgConnection};

use super::{Embedded, EmbeddedError, Purpose};

/// A data directory that is gone after its test.
struct DataDir(PathBuf);

impl DataDir {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("sigmasight-{name}-{}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        Self(path)
    }

    fn start(&self) -> Embedded {
        Embedded::start(&self.0, Purpose::ThrowAway).unwrap()
    }

    fn server_pid(&self) -> String {
        let record = fs::read_to_string(self.0.join("postgres/postmaster.pid")).unwrap();
        record.lines().next().unwrap().to_owned()
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

async fn run(embedded: &Embedded, sql: &'static str) -> sqlx::Result<i32> {
    let mut connection = PgConnection::connect_with(&embedded.connect_options()).await?;
    sqlx::query_scalar(sql).fetch_one(&mut connection).await
}

#[tokio::test]
async fn what_was_committed_is_there_at_the_next_start() {
    let data_dir = DataDir::new("keeps");
    let first = data_dir.start();
    let mut connection = PgConnection::connect_with(&first.connect_options()).await.unwrap();
    sqlx::raw_sql("create table kept as select 42 as answer")
        .execute(&mut connection)
        .await
        .unwrap();
    first.stop();

    assert_eq!(run(&data_dir.start(), "select answer from kept").await.unwrap(), 42);
}

#[tokio::test]
async fn the_second_attaches_and_takes_over_when_the_first_is_gone() {
    let data_dir = DataDir::new("shared");
    let first = data_dir.start();
    let second = data_dir.start();
    assert!(first.is_owner() && !second.is_owner());
    assert_eq!(run(&second, "select 1").await.unwrap(), 1);

    first.stop();
    assert!(run(&second, "select 1").await.is_err());
    second.ensure_running().unwrap();
    assert!(second.is_owner());
    assert_eq!(run(&second, "select 1").await.unwrap(), 1);
}

#[tokio::test]
async fn a_server_that_was_killed_is_started_again() {
    let data_dir = DataDir::new("killed");
    let embedded = data_dir.start();
    let kill = format!("kill -KILL {}", data_dir.server_pid());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    while run(&embedded, "select 1").await.is_ok() {}

    embedded.ensure_running().unwrap();
    assert_eq!(run(&embedded, "select 1").await.unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_ends_with_the_thread_that_started_it() {
    use std::time::{Duration, Instant};

    let data_dir = DataDir::new("orphan");
    let embedded = data_dir.start();
    let super::Owned { mut server, _keeper: keeper } = embedded.owned().take().unwrap();
    assert!(!server.has_ended());

    drop(keeper); // its thread ends as it would with a process that is killed
    let patience = Instant::now() + Duration::from_secs(30);
    while !server.has_ended() {
        assert!(Instant::now() < patience, "the server runs on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_cluster_left_unfinished_is_made_again() {
    let data_dir = DataDir::new("unfinished");
    fs::create_dir_all(data_dir.0.join("postgres.new/base")).unwrap();
    fs::write(data_dir.0.join("postgres.new/PG_VERSION"), "15\n").unwrap();

    assert_eq!(run(&data_dir.start(), "select 1").await.unwrap(), 1);
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let data_dir = DataDir::new("long");
    let deep = DataDir(data_dir.0.join("a, \"quoted\" folder").join("d".repeat(100)));
    let first = deep.start();
    let second = deep.start();
    assert_eq!(first.socket_dir(), second.socket_dir());
    assert_eq!(run(&second, "select 1").await.unwrap(), 1);
    fs::remove_dir_all(first.socket_dir()).unwrap();
}

#[test]
fn a_cluster_of_another_major_version_is_refused() {
    let data_dir = DataDir::new("version");
    fs::create_dir_all(data_dir.0.join("postgres")).unwrap();
    fs::write(data_dir.0.join("postgres/PG_VERSION"), "11\n").unwrap();
    fs::set_permissions(&data_dir.0, fs::Permissions::from_mode(0o711)).unwrap();

    let refusal = Embedded::start(&data_dir.0, Purpose::ThrowAway).unwrap_err();
    assert!(matches!(refusal, EmbeddedError::VersionMismatch { data: 11, .. }), "{refusal}");
}

#[test]
fn root_hears_which_folder_stops_the_server_s_user() {
    let data_dir = DataDir::new("closed");
    fs::create_dir(&data_dir.0).unwrap();
    fs::set_permissions(&data_dir.0, fs::Permissions::from_mode(0o700)).unwrap();
    let closed = fs::canonicalize(&data_dir.0).unwrap();
    if fs::metadata(&closed).unwrap().uid() != 0 {
        return; // an ordinary user's server is their own
    }

    let refusal = Embedded::start(&closed.join("inside"), Purpose::ThrowAway).unwrap_err();
    let EmbeddedError::DataDirUnreachable { blocked, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(blocked, closed);
}

#[test]
fn nobody_else_may_enter_the_folder_of_the_socket() {
    let data_dir = DataDir::new("private");
    let embedded = data_dir.start();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(embedded.socket_dir()), 0o700);
    embedded.stop();

    fs::set_permissions(data_dir.0.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    let refusal = Embedded::start(&data_dir.0, Purpose::ThrowAway).unwrap_err();
    assert!(matches!(refusal, EmbeddedError::SocketDirUnsafe { .. }), "{refusal}");
}
