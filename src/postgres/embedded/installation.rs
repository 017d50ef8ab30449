//! PostgreSQL's programs on this machine: where they are, how new they are, which to use.

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::EmbeddedError;

/// The oldest server this program's SQL runs on.
const OLDEST_MAJOR: u32 = 14;

/// The variable that names the one folder to use.
const FOLDER_VARIABLE: &str = "SIGMASIGHT_POSTGRES_BIN";

/// Where packagers put each version in a folder of its own: the parent, and how its name begins.
const VERSIONED: [(&str, &str); 8] = [
    ("/usr/lib/postgresql", ""),                          // Debian, Ubuntu
    ("/usr", "pgsql-"),                                   // the PostgreSQL project's RPMs
    ("/usr/libexec", "postgresql"),                       // Alpine
    ("/usr/lib64", "postgresql-"),                        // Gentoo
    ("/opt/homebrew/opt", "postgresql"),                  // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql"),                     // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),     // Homebrew on Linux
    ("/Applications/Postgres.app/Contents/Versions", ""), // Postgres.app
];

/// A folder that holds `postgres`, `initdb` and `pg_ctl` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    folder: PathBuf,
    /// As it says of itself: `15.14`, `9.6.24`, `18beta1`.
    version: String,
    major: u32,
}

impl Installation {
    /// The installation for a cluster made by `cluster_major`, or for a new one the newest;
    /// among equals the first on the search path.
    pub fn choose(
        account: &Account,
        cluster: &Path,
        cluster_major: Option<u32>,
    ) -> Result<Self, EmbeddedError> {
        let mut found = if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
            let folder = PathBuf::from(folder);
            let named = Self::in_folder(&folder, account).ok_or_else(|| {
                EmbeddedError::NoBinariesIn { folder, user: account.name.clone() }
            })?;
            vec![named]
        } else {
            Self::search(account)
        };
        found.sort_by_key(|installation| Reverse(installation.major)); // stable: the path's order
        Self::pick(found, cluster, cluster_major)
    }

    fn pick(
        newest_first: Vec<Self>,
        cluster: &Path,
        cluster_major: Option<u32>,
    ) -> Result<Self, EmbeddedError> {
        let install = install_command();
        let mut majors: Vec<_> = newest_first.iter().map(|found| found.major.to_string()).collect();
        majors.dedup();
        let newest = newest_first.first().cloned().ok_or(EmbeddedError::NoBinaries { install })?;

        let chosen = match cluster_major {
            None => newest,
            Some(data) => {
                newest_first.into_iter().find(|found| found.major == data).ok_or_else(|| {
                    EmbeddedError::VersionMismatch {
                        cluster: cluster.to_owned(),
                        data,
                        have: majors.join(", "),
                    }
                })?
            }
        };
        if chosen.major < OLDEST_MAJOR {
            return Err(EmbeddedError::TooOld {
                found: chosen.version,
                needed: OLDEST_MAJOR,
                install,
            });
        }
        Ok(chosen)
    }

    /// Every installation on `PATH` and in the places packagers use; each once.
    fn search(account: &Account) -> Vec<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&path).filter(|folder| folder.is_absolute());
        let versioned = VERSIONED.iter().flat_map(|(parent, prefix)| {
            let entries = fs::read_dir(parent).into_iter().flatten().flatten();
            entries
                .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .flat_map(|entry| [entry.path().join("bin"), entry.path()])
        });

        let mut found: Vec<Self> = Vec::new();
        for folder in on_path.chain(versioned) {
            // A link in /usr/local/bin is the folder it leads to: that one has all programs.
            let Some(home) = home_of(&folder) else { continue };
            if found.iter().all(|known| known.folder != home) {
                found.extend(Self::in_folder(&home, account));
            }
        }
        found
    }

    fn in_folder(folder: &Path, account: &Account) -> Option<Self> {
        let folder = home_of(folder)?;
        if !["initdb", "pg_ctl"].iter().all(|program| folder.join(program).is_file()) {
            return None;
        }
        // Asked as the account, so that programs it cannot reach do not count.
        let said = account.command(&folder.join("postgres")).arg("--version").output().ok()?;
        let (version, major) = parse_version(std::str::from_utf8(&said.stdout).ok()?)?;
        Some(Self { folder, version: version.to_owned(), major })
    }

    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The folder that `folder`'s `postgres` is really in; none without one.
fn home_of(folder: &Path) -> Option<PathBuf> {
    let postgres = fs::canonicalize(folder.join("postgres")).ok()?;
    Some(postgres.parent()?.to_owned())
}

/// `15.14` and 15 of `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn parse_version(said: &str) -> Option<(&str, u32)> {
    let version = said.split_whitespace().nth(2)?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    Some((version, version[..digits].parse().ok()?))
}

/// The major version that made a cluster, from its `PG_VERSION`; none where there is no cluster.
/// (Before 10 the file says `9.6`; its 9 is enough to refuse it.)
pub fn cluster_major(cluster: &Path) -> Option<u32> {
    let version = fs::read_to_string(cluster.join("PG_VERSION")).ok()?;
    version.trim().split('.').next()?.parse().ok()
}

fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@16";
    }
    install_command_for(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// By the family that a distribution says it is of.
fn install_command_for(os_release: &str) -> &'static str {
    let families = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split_whitespace());
    for family in families {
        match family {
            "fedora" | "rhel" | "centos" => return "dnf install postgresql-server",
            "alpine" => return "apk add postgresql",
            "arch" => return "pacman -S postgresql",
            "suse" | "opensuse" => return "zypper install postgresql-server",
            _ => {}
        }
    }
    "apt-get install postgresql"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(version: &str) -> Installation {
        let said = format!("postgres (PostgreSQL) {version}");
        let (version, major) = parse_version(&said).unwrap();
        Installation { folder: PathBuf::from("/pg"), version: version.to_owned(), major }
    }

    fn pick(versions: &[&str], cluster_major: Option<u32>) -> Result<String, String> {
        let newest_first = versions.iter().map(|version| installed(version)).collect();
        Installation::pick(newest_first, Path::new("/data/postgres"), cluster_major)
            .map(|chosen| chosen.version)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_version_is_read_whatever_its_packager_adds() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some(("15.14", 15)));
        assert_eq!(parse_version("postgres (PostgreSQL) 9.6.24"), Some(("9.6.24", 9)));
        assert_eq!(parse_version("postgres (PostgreSQL) 19devel"), Some(("19devel", 19)));
        assert_eq!(parse_version("command not found"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn a_new_cluster_takes_the_newest_and_an_old_one_its_own() {
        assert_eq!(pick(&["17.2", "15.14"], None).unwrap(), "17.2");
        assert_eq!(pick(&["17.2", "15.14"], Some(15)).unwrap(), "15.14");
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let missing = pick(&[], None).unwrap_err();
        assert!(missing.contains("not installed; run `"), "{missing}");

        let old = pick(&["9.6.24"], None).unwrap_err();
        assert!(old.starts_with("PostgreSQL 9.6.24 is too old, 14 or later is needed"), "{old}");

        let other = pick(&["17.2", "17.1", "16.4"], Some(15)).unwrap_err();
        assert!(other.contains("made by PostgreSQL 15 and this machine has 17, 16;"), "{other}");
    }

    #[test]
    fn the_command_that_installs_is_the_distribution_s() {
        let rocky = "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
        assert_eq!(install_command_for(rocky), "dnf install postgresql-server");
        assert_eq!(install_command_for("ID=alpine\n"), "apk add postgresql");
        assert_eq!(install_command_for("ID=debian\n"), "apt-get install postgresql");
        assert_eq!(install_command_for(""), "apt-get install postgresql");
    }
}
