//! Whose processes the server's are: the caller's, or for root, who may not run one, another's.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::EmbeddedError;

/// Who to become when started by root, best first.
const SUBSTITUTES: [&str; 3] = ["postgres", "_postgres", "nobody"];

/// What a server's process may see of our environment: the rest holds secrets, and settings
/// (`PGPORT`, `PGDATA`) that are meant for another server.
const KEPT_VARIABLES: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// The user that owns the cluster and runs its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// For people; an id where the user has no name.
    pub name: String,
    pub uid: u32,
    gid: u32,
    /// Whether a process has to change to it, which only root can.
    substitute: bool,
}

impl Account {
    /// The owner of `cluster` where there is one; else the caller, or its substitute for root.
    ///
    /// Writes a file to `data_dir` for a moment: its owner is who we are to that file system.
    /// (The system call for it would need `unsafe`, and would not notice a folder we cannot use.)
    pub fn choose(data_dir: &Path, cluster: &Path) -> Result<Self, EmbeddedError> {
        let probe = data_dir.join("owner.probe");
        fs::remove_file(&probe).ok();
        let us = fs::File::create_new(&probe)
            .and_then(|file| file.metadata())
            .map_err(EmbeddedError::io("cannot write", &probe))?;
        fs::remove_file(&probe).map_err(EmbeddedError::io("cannot remove", &probe))?;

        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        if us.uid() != 0 {
            return Ok(Self::with_ids(&users, us.uid(), us.gid(), false));
        }
        match fs::metadata(cluster) {
            Ok(owner) if owner.uid() != 0 => {
                Ok(Self::with_ids(&users, owner.uid(), owner.gid(), true))
            }
            _ => SUBSTITUTES
                .iter()
                .find_map(|name| Self::named(&users, name))
                .ok_or(EmbeddedError::NoAccount),
        }
    }

    fn with_ids(users: &str, uid: u32, gid: u32, substitute: bool) -> Self {
        let name = entries(users)
            .find(|(_, id, _)| *id == uid)
            .map_or_else(|| uid.to_string(), |(name, ..)| name.to_owned());
        Self { name, uid, gid, substitute }
    }

    fn named(users: &str, wanted: &str) -> Option<Self> {
        let (name, uid, gid) = entries(users).find(|(name, ..)| *name == wanted)?;
        Some(Self { name: name.to_owned(), uid, gid, substitute: true })
    }

    /// A command that runs `program` as this user, away from our terminal, folder and variables.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir("/");
        command.envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        // Ctrl-C reaches a whole process group: the database must outlive our last transaction.
        command.process_group(0);
        if self.substitute {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes this user the owner of `path`.
    pub fn own(&self, path: &Path) -> io::Result<()> {
        if self.substitute { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// Fails on the first folder on the way to `path`, itself included, that this user may not
    /// enter. Looks at permission bits alone: access lists and security modules still decide.
    pub fn check_reach(&self, path: &Path) -> Result<(), EmbeddedError> {
        let mut folders: Vec<_> = path.ancestors().collect();
        folders.reverse();
        for folder in folders {
            let found = fs::metadata(folder).map_err(EmbeddedError::io("cannot read", folder))?;
            if self.substitute && !self.may_enter(found.uid(), found.gid(), found.mode()) {
                let blocked = PathBuf::from(folder);
                return Err(EmbeddedError::DataDirUnreachable { blocked, user: self.name.clone() });
            }
        }
        Ok(())
    }

    /// The first class that fits decides, as in the kernel: an owner is not also one of the others.
    fn may_enter(&self, uid: u32, gid: u32, mode: u32) -> bool {
        let execute = match (uid == self.uid, gid == self.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        mode & execute != 0
    }
}

/// Name, user id and group id of each line of `/etc/passwd`; lines without them are skipped,
/// as macOS writes some with ids below zero.
fn entries(users: &str) -> impl Iterator<Item = (&str, u32, u32)> {
    users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\n# a remark\n\
        nobody:x:65534:65533::/:/bin/false\npostgres:x:101:104::/var/lib/postgresql:/bin/sh\n";

    #[test]
    fn an_account_is_known_by_name_and_by_id() {
        let postgres = Account::named(USERS, "postgres").unwrap();
        assert_eq!((postgres.uid, postgres.gid), (101, 104));
        assert_eq!(Account::with_ids(USERS, 65534, 65533, true).name, "nobody");
        assert_eq!(Account::with_ids(USERS, 4242, 1, false).name, "4242", "as in a bare container");
        assert_eq!(Account::named(USERS, "ada"), None);
    }

    #[test]
    fn a_folder_is_entered_by_owner_group_or_others() {
        let account = Account::named(USERS, "postgres").unwrap();
        assert!(account.may_enter(101, 0, 0o700));
        assert!(account.may_enter(0, 104, 0o710));
        assert!(account.may_enter(0, 0, 0o711));
        assert!(!account.may_enter(0, 0, 0o700));
        assert!(!account.may_enter(101, 0, 0o077), "what others may do does not help the owner");
    }

    #[test]
    fn secrets_of_our_environment_stay_with_us() {
        let account = Account::named(USERS, "postgres").unwrap();
        let command = account.command(Path::new("postgres"));
        let seen: Vec<_> = command.get_envs().map(|(name, _)| name.to_str().unwrap()).collect();
        assert!(seen.iter().all(|name| ["LC_ALL", "PATH", "LD_LIBRARY_PATH"].contains(name)));
    }
}
