//! A database for each test, cloned from one that was migrated once.
//!
//! The first test of a process starts a throw-away server, which ends with the process and leaves
//! nothing behind, however that ends. `SIGMASIGHT_TEST_DATABASE_URL` names a server to use
//! instead: the URL of a superuser, as of `postgres://postgres@localhost/postgres`.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;

use sigmasight::postgres::embedded::{Embedded, Purpose};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{mpsc, oneshot};

/// A migrated database of one test; dropped with it, whoever is still connected.
pub struct FreshDatabase {
    /// How to connect, as a superuser.
    pub options: PgConnectOptions,
    name: String,
}

/// A database that no other test sees, with every migration applied.
pub async fn fresh_database() -> FreshDatabase {
    let (reply, fresh) = oneshot::channel();
    CLUSTER.send(Request::Create(reply)).ok();
    fresh.await.expect("a test database; the thread `test-cluster` has said why there is none")
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        CLUSTER.send(Request::Drop(self.name.clone())).ok();
    }
}

enum Request {
    Create(oneshot::Sender<FreshDatabase>),
    Drop(String),
}

/// The way to the thread that makes and drops databases: it outlives the runtimes of all tests.
static CLUSTER: LazyLock<mpsc::UnboundedSender<Request>> = LazyLock::new(|| {
    let (requests, inbox) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for the test cluster");
    let thread = thread::Builder::new().name(String::from("test-cluster"));
    thread.spawn(move || runtime.block_on(serve(inbox))).expect("a thread for the test cluster");
    requests
});

async fn serve(mut inbox: mpsc::UnboundedReceiver<Request>) {
    let (server, _running) = if let Ok(url) = env::var("SIGMASIGHT_TEST_DATABASE_URL") {
        (url.parse().expect("SIGMASIGHT_TEST_DATABASE_URL is a database URL"), None)
    } else {
        let (embedded, remover) = throw_away_server();
        (embedded.connect_options(), Some((embedded, remover)))
    };
    let server: PgConnectOptions = server.application_name("sigmasight tests");
    let mut admin = PgConnection::connect_with(&server).await.expect("the test server");
    drop_leftovers(&mut admin).await.expect("dropping what dead runs left");

    // The session's id tells runs apart on a shared server, and the dead from the living.
    let (run, version): (i32, i32) =
        sqlx::query_as("select pg_backend_pid(), current_setting('server_version_num')::int")
            .fetch_one(&mut admin)
            .await
            .expect("an answer of the test server");
    // Copying files takes half the time of logging each page; before 15 there was no choice.
    let strategy = if version >= 150_000 { "strategy file_copy" } else { "" };
    let template = format!("sigmasight_test_{run}_template");
    execute(&mut admin, format!("create database {template}")).await.expect("a template");
    sigmasight::postgres::migrate(&server.clone().database(&template)).await.expect("migrations");

    let mut made = 0;
    while let Some(request) = inbox.recv().await {
        match request {
            Request::Create(reply) => {
                made += 1;
                let name = format!("sigmasight_test_{run}_{made}");
                let sql = format!("create database {name} template {template} {strategy}");
                execute(&mut admin, sql).await.expect("a clone of the template");
                let options = server.clone().database(&name);
                reply.send(FreshDatabase { options, name }).ok();
            }
            Request::Drop(name) => {
                execute(&mut admin, format!("drop database {name} with (force)")).await.ok();
            }
        }
    }
}

/// Drops the databases of runs whose session is gone from this server.
async fn drop_leftovers(admin: &mut PgConnection) -> sqlx::Result<()> {
    let leftovers: Vec<String> = sqlx::query_scalar(
        "select datname::text from pg_database
          where datname ~ '^sigmasight_test_[0-9]+_'
            and split_part(datname, '_', 3)::int not in
                (select pid from pg_stat_activity where application_name = 'sigmasight tests')",
    )
    .fetch_all(&mut *admin)
    .await?;
    for name in leftovers {
        execute(admin, format!("drop database if exists {name} with (force)")).await?;
    }
    Ok(())
}

/// Safe for names made here: letters, digits and underscores.
async fn execute(admin: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await.map(drop)
}

/// A server in memory where there is room, and the process that removes its files after us.
fn throw_away_server() -> (Embedded, Child) {
    let memory = Path::new("/dev/shm");
    let base = if has_a_gigabyte_free(memory) { memory.to_owned() } else { env::temp_dir() };
    let folder: PathBuf = base.join(format!("sigmasight-tests-{}", std::process::id()));
    fs::remove_dir_all(&folder).ok();

    // It waits for the end of our process, which closes its input, whatever ends us.
    let remover = Command::new("/bin/sh")
        .args(["-c", r#"read -r _; sleep 1; rm -rf -- "$1""#, "remover"])
        .arg(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0) // out of reach of Ctrl-C
        .spawn()
        .expect("a shell");
    let embedded = Embedded::start(&folder, Purpose::ThrowAway);
    let embedded = embedded.unwrap_or_else(|error| panic!("no test server: {error}"));
    (embedded, remover)
}

fn has_a_gigabyte_free(folder: &Path) -> bool {
    let Ok(said) = Command::new("df").arg("-Pk").arg(folder).output() else { return false };
    let said = String::from_utf8_lossy(&said.stdout);
    let free_kilobytes = said.lines().nth(1).and_then(|line| line.split_whitespace().nth(3));
    free_kilobytes.and_then(|free| free.parse::<u64>().ok()).is_some_and(|free| free >= 1 << 20)
}
