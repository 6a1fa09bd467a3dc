//! A nats-server on loopback for the demo, the bench and the tests: one server, an account per organisation.
//!
//! It starts, stops, kills, restarts and wipes that server, and makes the keys that the organisations connect with. It
//! creates no stream: that is each organisation's own provisioner, with its admin key. It refuses to listen on anything but
//! loopback, and is no production set-up: there each organisation runs its own server, as [`Linked`] does on loopback.
//!
//! No safety rests on it (DESIGN idea 3): [`Broker::wipe`] deletes everything it holds, and nothing may be lost by that.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use domain::Party;
use nkeys::KeyPair;
use tools::child::Child;
use tools::free_ports;
use tools::tool::{Binary, NATS_SERVER, ToolError};

mod linked;
mod streams;

pub use linked::Linked;
pub use streams::{on_disk, stored};

/// How Go runs the server beside three services on a small machine, unless the environment says otherwise: one thread that
/// works, so that none is woken to find nothing to do, and fewer collections. It saves a quarter to a third of its CPU.
const GO: [(&str, &str); 2] = [("GOMAXPROCS", "1"), ("GOGC", "400")];
/// The server's configuration; it reads public keys from the environment.
const CONFIGURATION: &str = include_str!("broker/nats.conf");
/// What a server of ours calls itself.
const NAME: &str = "nuan";
/// What the server of a sandbox calls itself: nothing is replayed through any other.
pub const SANDBOX: &str = "nuan-sandbox";
/// How long a server may take until it listens, and until it has ended after it was asked to.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a wait looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What a connection to the broker may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Provisions streams and consumers of its own organisation; neither publishes nor reads a message.
    Admin,
    /// Publishes as its own organisation and reads its own inbound streams; creates nothing.
    App,
}

impl Access {
    const ALL: [Self; 2] = [Self::Admin, Self::App];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::App => "app",
        }
    }
}

/// When the server syncs what its streams have on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Every two minutes, as it does by default.
    #[default]
    Default,
    /// Before it acknowledges a message.
    Always,
}

impl Sync {
    /// As its configuration reads it from the environment; in quotes, or `2m` would be two million.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "\"2m\"",
            Self::Always => "always",
        }
    }
}

/// A nats-server of ours. Dropping it kills the server; so does the end of this process, whatever ends it.
#[derive(Debug)]
pub struct Broker {
    binary: Binary,
    folder: PathBuf,
    /// Where the keys are that the organisations connect with; servers that are linked have one such folder together.
    keys: PathBuf,
    port: u16,
    /// What its configuration reads from the environment.
    environment: BTreeMap<String, String>,
    server: Option<Child>,
}

/// Why there is no broker, or not the one wanted. Each a single line.
#[derive(thiserror::Error)]
pub enum BrokerError {
    /// No nats-server to run.
    #[error(transparent)]
    Binary(#[from] ToolError),
    /// Its folder cannot be used.
    #[error("broker: cannot {operation} {}: {source}", path.display())]
    Folder {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key file in its folder holds no key, or keys cannot be made.
    #[error("broker: {} is no nkey: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The process cannot be started, signalled or waited for.
    #[error("broker: cannot {operation} nats-server: {source}")]
    Process {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It ended instead of listening.
    #[error("broker: nats-server ended at start: {last_words} (log: {})", log.display())]
    Ended {
        /// The last line of its log.
        last_words: String,
        /// Its log.
        log: PathBuf,
    },
    /// It runs and does not listen.
    #[error("broker: nats-server does not listen after {PATIENCE:?} (log: {})", log.display())]
    Silent {
        /// Its log.
        log: PathBuf,
    },
}

impl Broker {
    /// Finds a nats-server ([`Tool::obtain`]) and starts it with its files in `folder` (created when missing), on a free
    /// loopback port. Keys and messages that are already in the folder are taken up again. Returns when it listens.
    ///
    /// Blocks: some ten milliseconds, longer where the server must be fetched first.
    ///
    /// # Errors
    /// See [`BrokerError`].
    pub fn start(folder: &Path) -> Result<Self, BrokerError> {
        Self::start_syncing(folder, Sync::Default)
    }

    /// As [`Broker::start`], and it syncs so.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_syncing(folder: &Path, sync: Sync) -> Result<Self, BrokerError> {
        Self::start_named(folder, sync, NAME)
    }

    /// As [`Broker::start`], and it says to whoever connects that it is a sandbox's.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_sandbox(folder: &Path) -> Result<Self, BrokerError> {
        Self::start_named(folder, Sync::Default, SANDBOX)
    }

    fn start_named(folder: &Path, sync: Sync, name: &str) -> Result<Self, BrokerError> {
        let keys = folder.join("keys");
        let environment = BTreeMap::from([("SERVER_NAME".to_owned(), name.to_owned())]);
        Self::start_as(folder, &keys, CONFIGURATION, sync, environment)
    }

    /// As [`Broker::start`], with this configuration, these variables for it, and the keys of the organisations in `keys`.
    fn start_as(
        folder: &Path,
        keys: &Path,
        configuration: &str,
        sync: Sync,
        mut environment: BTreeMap<String, String>,
    ) -> Result<Self, BrokerError> {
        let binary = NATS_SERVER.obtain()?;
        // The server resolves relative names against its own working directory.
        let [folder, keys] = [folder, keys].map(|path| std::path::absolute(path).map_err(failed("use", path)));
        let (folder, keys) = (folder?, keys?);
        for part in [&folder, &keys, &folder.join("ports")] {
            fs::create_dir_all(part).map_err(failed("create", part))?;
        }
        let file = folder.join("nats.conf");
        fs::write(&file, configuration).map_err(failed("write", &file))?;
        for party in Party::ALL {
            for access in Access::ALL {
                let key = key_in(&seed_path(&keys, party, access))?;
                environment.insert(format!("{party}_{}_PUB", access.as_str()).to_uppercase(), key.public_key());
            }
        }
        environment.insert("SYNC_INTERVAL".to_owned(), sync.as_str().to_owned());
        let mut broker = Self { binary, folder, keys, port: 0, environment, server: None };
        let mut last = None;
        // Someone else may take a port between the look and the server's bind: then the next one.
        for port in free_ports().take(10) {
            broker.port = port;
            match broker.launch() {
                Err(error) if error.is_taken_port() => last = Some(error),
                Err(error) => return Err(error),
                Ok(()) => return Ok(broker),
            }
        }
        Err(last.unwrap_or(BrokerError::Silent { log: broker.log() }))
    }

    /// Where it listens, `nats://127.0.0.1:PORT`. Stays the same over restarts.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The file (mode 0600) with the nkey seed that a connection is made with.
    pub fn seed_path(&self, party: Party, access: Access) -> PathBuf {
        seed_path(&self.keys, party, access)
    }

    /// The nkey seed that a connection is made with.
    ///
    /// # Errors
    /// When its file cannot be read any more.
    pub fn seed(&self, party: Party, access: Access) -> Result<String, BrokerError> {
        let path = self.seed_path(party, access);
        let seed = fs::read_to_string(&path).map_err(failed("read", &path))?;
        Ok(seed.trim().to_owned())
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("nats-server.log")
    }

    /// The server's process id; `None` while it is down.
    pub fn process_id(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Ends the server in an orderly way and waits until it is gone. Nothing happens while it is down.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop(&mut self) -> Result<(), BrokerError> {
        self.end("stop", |server| server.terminate(PATIENCE))
    }

    /// Kills the server where it stands and waits until it is gone. Nothing happens while it is down.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> Result<(), BrokerError> {
        self.end("kill", Child::kill)
    }

    /// Starts the server again on the same port, with what its folder still holds; one that is up is killed first. Returns
    /// when it listens.
    ///
    /// # Errors
    /// See [`BrokerError`].
    pub fn restart(&mut self) -> Result<(), BrokerError> {
        self.kill()?;
        self.launch()
    }

    /// Kills the server and deletes all it has stored: streams, consumers, messages. Its keys stay. It is down afterwards.
    ///
    /// # Errors
    /// When it cannot be signalled, or the files cannot be deleted.
    pub fn wipe(&mut self) -> Result<(), BrokerError> {
        self.kill()?;
        delete_folder(&self.store())
    }

    /// Copies all that the server has stored to `to`, replacing what is there. The server is down for that moment.
    ///
    /// # Errors
    /// When it cannot be signalled or started again, or the files cannot be copied.
    pub fn copy_store(&mut self, to: &Path) -> Result<(), BrokerError> {
        self.kill()?;
        replace_folder(&self.store(), to)?;
        self.restart()
    }

    /// Kills the server and sets its store back to such a copy. It is down afterwards.
    ///
    /// # Errors
    /// When it cannot be signalled, or the files cannot be copied.
    pub fn put_store_back(&mut self, from: &Path) -> Result<(), BrokerError> {
        self.kill()?;
        replace_folder(from, &self.store())
    }

    /// Where it keeps what it stores.
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    fn end(
        &mut self,
        operation: &'static str,
        end: impl FnOnce(&mut Child) -> io::Result<std::process::ExitStatus>,
    ) -> Result<(), BrokerError> {
        if let Some(server) = &mut self.server {
            end(server).map_err(|source| BrokerError::Process { operation, source })?;
            self.server = None;
        }
        Ok(())
    }

    /// Starts the process and waits until it says on which port it listens.
    fn launch(&mut self) -> Result<(), BrokerError> {
        let (log, ports) = (self.log(), self.folder.join("ports"));
        let words_before = fs::metadata(&log).map_or(0, |log| log.len());
        let out = fs::OpenOptions::new().create(true).append(true).open(&log).map_err(failed("open", &log))?;
        let err = out.try_clone().map_err(failed("open", &log))?;
        let server = Child::spawn(&self.binary.path, |command| {
            command.current_dir(&self.folder).args(["--addr", "127.0.0.1", "--port", &self.port.to_string()]);
            command.arg("--config").arg("nats.conf").arg("--store_dir").arg(self.store());
            command.arg("--log").arg(&log).arg("--ports_file_dir").arg(&ports).stdout(out).stderr(err);
            for (name, value) in GO {
                command.env(name, std::env::var_os(name).unwrap_or_else(|| value.into()));
            }
            command.envs(&self.environment);
        });
        let mut server = server.map_err(|source| BrokerError::Process { operation: "start", source })?;
        // The server writes this file once it listens; its name holds the process id, so an old one does not count.
        let mark = format!("_{}.ports", server.id());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if server.ended().map_err(|source| BrokerError::Process { operation: "watch", source })?.is_some() {
                return Err(BrokerError::Ended { last_words: last_words(&log, words_before), log });
            }
            let listens = fs::read_dir(&ports).map_err(failed("read", &ports))?.flatten().any(|file| {
                let ours = file.file_name().to_string_lossy().ends_with(&mark);
                ours && fs::metadata(file.path()).is_ok_and(|file| file.len() > 0)
            });
            if listens {
                self.server = Some(server);
                return Ok(());
            }
            sleep(LOOK_EVERY);
        }
        Err(BrokerError::Silent { log })
    }
}

impl BrokerError {
    /// Whether it ended because another process has the port.
    fn is_taken_port(&self) -> bool {
        matches!(self, Self::Ended { last_words, .. } if last_words.contains("address already in use"))
    }
}

/// As `Display`: where a test unwraps, its reader gets the line that says what to do.
impl fmt::Debug for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes `to` hold what `from` holds, and nothing else.
fn replace_folder(from: &Path, to: &Path) -> Result<(), BrokerError> {
    delete_folder(to)?;
    fs::create_dir_all(to).map_err(failed("create", to))?;
    for entry in fs::read_dir(from).map_err(failed("read", from))? {
        let entry = entry.map_err(failed("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            replace_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(failed("copy", &source))?;
        }
    }
    Ok(())
}

fn delete_folder(folder: &Path) -> Result<(), BrokerError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("delete", folder)(error)),
        _ => Ok(()),
    }
}

fn seed_path(keys: &Path, party: Party, access: Access) -> PathBuf {
    keys.join(format!("{party}-{}.nk", access.as_str()))
}

/// The key in that file, made when there is none.
fn key_in(path: &Path) -> Result<KeyPair, BrokerError> {
    let wrong = |error: nkeys::error::Error| BrokerError::Key { path: path.to_owned(), reason: error.to_string() };
    match fs::read_to_string(path) {
        Ok(seed) => KeyPair::from_seed(seed.trim()).map_err(wrong),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = KeyPair::new_user();
            let seed = key.seed().map_err(wrong)?;
            let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            file.and_then(|mut file| writeln!(file, "{seed}")).map_err(failed("write", path))?;
            Ok(key)
        }
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// The last line that was added to the log, without its time and process id.
fn last_words(log: &Path, from: u64) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(text.get(usize::try_from(from).unwrap_or(0)..).unwrap_or_default()).into_owned();
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
    line.split_once("[FTL] ").map_or(line, |(_, words)| words).to_owned()
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BrokerError {
    let path = path.to_owned();
    move |source| BrokerError::Folder { operation, path, source }
}
