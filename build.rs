//! Bundles the GraphiQL page of `web/` into `web/dist`, where `src/http/graphiql.rs` embeds it.
//!
//! The bundle is a convenience, so nothing here fails the build. Without Node, without a network
//! or with `SIGMASIGHT_SKIP_WEB=1` it is left out, one warning says so, and the page loads its
//! editor from a CDN.
//!
//! `web/dist` is shared by every profile and target directory. A stamp in it names the sources
//! that it was made from: debug, release, tests and clippy bundle once between them, and a
//! bundle made elsewhere (a stage of a container build) is taken as it is.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What the installed packages depend on.
const MANIFESTS: [&str; 3] = ["web/package.json", "web/package-lock.json", "web/.npmrc"];

/// What the bundle depends on besides.
const SOURCES: [&str; 4] = ["web/index.html", "web/vite.config.js", "web/src", "docs/queries"];

/// Left by an installation or a bundling that succeeded; both begin by emptying their folder,
/// so that one cut short leaves no stamp.
const INSTALLED: &str = "web/node_modules/.sigmasight-stamp";
const BUNDLED: &str = "web/dist/.sigmasight-stamp";

/// The oldest Node that Vite runs on, as major and minor version.
const OLDEST_NODE: (u32, u32) = (20, 19);

fn main() {
    println!("cargo::rerun-if-env-changed=SIGMASIGHT_SKIP_WEB");
    for source in MANIFESTS.iter().chain(&SOURCES) {
        println!("cargo::rerun-if-changed={source}");
    }

    let skipped = std::env::var_os("SIGMASIGHT_SKIP_WEB").is_some_and(|value| value == "1");
    if !skipped && let Err(reason) = bundle() {
        let outcome = if Path::new("web/dist/index.html").exists() {
            "an earlier bundle stays in use"
        } else {
            "its page loads from a CDN"
        };
        let remedy = "touch web/package.json to try again";
        println!("cargo::warning=GraphiQL is not bundled, {outcome}: {reason}; {remedy}");
    }

    // Only a file that exists: cargo would run this script on every build to look for the other.
    if Path::new(BUNDLED).exists() {
        println!("cargo::rerun-if-changed={BUNDLED}");
    }
}

/// Brings `web/dist` up to date with its sources, doing no more than that needs.
///
/// # Errors
/// One line for a person: what is missing, or what the tool that failed had to say.
fn bundle() -> Result<(), String> {
    let manifests = fingerprint(&MANIFESTS).map_err(|error| format!("web/: {error}"))?;
    let sources = fingerprint(&SOURCES).map_err(|error| format!("web/: {error}"))?;
    let bundled = format!("{manifests} {sources}");

    // Builds with different target directories do not wait for each other by themselves.
    let lock = File::create("web/.build-lock").map_err(|error| format!("web/: {error}"))?;
    lock.lock().map_err(|error| format!("web/.build-lock: {error}"))?;

    if is_stamped(BUNDLED, &bundled) {
        return Ok(());
    }
    require_node()?;
    if !is_stamped(INSTALLED, &manifests) {
        npm(&["ci", "--include=dev", "--prefer-offline"])?;
        stamp(INSTALLED, &manifests)?;
    }
    npm(&["run", "build"])?;
    stamp(BUNDLED, &bundled)
}

/// Names the contents of `paths`, folders with all that is in them.
fn fingerprint(paths: &[&str]) -> io::Result<String> {
    let mut files = Vec::new();
    for path in paths {
        collect_files(Path::new(path), &mut files)?;
    }
    files.sort();

    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.to_string_lossy().as_bytes());
        hasher.write(&fs::read(&file)?);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect_files(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect_files(&entry?.path(), files)?;
    }
    Ok(())
}

fn is_stamped(stamp: &str, fingerprint: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == fingerprint)
}

/// Dated long ago: a file that is newer than the run of this script would make cargo run it
/// once more, and compile everything again.
fn stamp(stamp: &str, fingerprint: &str) -> Result<(), String> {
    fs::write(stamp, fingerprint)
        .and_then(|()| File::options().write(true).open(stamp))
        .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH))
        .map_err(|error| format!("{stamp}: {error}"))
}

fn require_node() -> Result<(), String> {
    let (major, minor) = OLDEST_NODE;
    let wanted = format!("Node {major}.{minor} or newer is needed");

    let Ok(output) = Command::new("node").arg("--version").output() else {
        return Err(format!("{wanted}, and none is installed"));
    };
    let version = String::from_utf8_lossy(&output.stdout);
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST_NODE => Ok(()),
        _ => Err(format!("{wanted}, and the one installed is {}", version.trim())),
    }
}

fn npm(arguments: &[&str]) -> Result<(), String> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let output = Command::new(program)
        .args(arguments)
        .current_dir("web")
        // Cargo sets it to `true` or `false`; Node's tools take it for a request to log.
        .env_remove("DEBUG")
        .output()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&output.stderr);
    let reason = log.lines().map(str::trim).find(|line| line.contains("rror")).unwrap_or("");
    Err(format!("`npm {}` failed in web/ ({reason})", arguments.join(" ")))
}
