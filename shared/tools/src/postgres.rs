//! A PostgreSQL server on loopback for the tests, with its data in a folder of its own.
//!
//! It is found or fetched like the broker ([`POSTGRES`]), and ends with this process. PostgreSQL refuses to run as root:
//! then it runs as the user `nobody`. It keeps what it commits from a crash of itself, not of the machine, and is no
//! production set-up.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::child::Child;
use crate::free_ports;
use crate::tool::{POSTGRES, ToolError, wheel};

/// How long a server may take until it serves, and until it has ended after it was asked to.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a wait looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The user whose the databases are.
const USER: &str = "nuan";

/// A server of ours. Dropping it kills the server and removes its data; so does the end of this process, whatever ends it.
pub struct Server {
    program: PathBuf,
    port: u16,
    password: String,
    run_as: Option<(u32, u32)>,
    child: Option<Child>,
    folder: TempDir,
}

/// Why there is no server. Each a single line.
#[derive(thiserror::Error)]
pub enum ServerError {
    /// No program to run.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Its folder cannot be used.
    #[error("postgres: cannot {operation} {}: {source}", path.display())]
    Folder {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// This is root, and the user that it is to run as cannot get at the program, or there is none.
    #[error("postgres: {0} (it refuses to run as root and runs as the user nobody)")]
    Nobody(String),
    /// A process cannot be started, signalled or waited for.
    #[error("postgres: cannot {operation}: {source}")]
    Process {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It ended, or does not serve.
    #[error("postgres: {what}: {last_words}")]
    Failed {
        /// What did not come about.
        what: &'static str,
        /// The last line that it wrote.
        last_words: String,
    },
}

/// As `Display`: where a test unwraps, its reader gets the line that says what to do.
impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("port", &self.port).field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts a server without databases of ours on a free loopback port and returns when it serves. Blocks: a second or
    /// two, longer where it must be fetched first.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub fn start() -> Result<Self, ServerError> {
        Self::start_below(&std::env::temp_dir())
    }

    /// As [`Server::start`], with its folder in that one, which everybody can enter.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub fn start_below(parent: &Path) -> Result<Self, ServerError> {
        let found = POSTGRES.obtain()?;
        let folder = TempDir::with_prefix_in("nuan-postgres-", parent).map_err(failed("create", parent))?;
        let run_as = if rustix::process::geteuid().is_root() { Some(nobody()?) } else { None };
        // The real one: what belongs to it lies beside it, and not beside a link.
        let program = fs::canonicalize(&found.path).map_err(failed("find", &found.path))?;
        let program = if run_as.is_some() { within_reach(program, folder.path())? } else { program };
        let mut server = Self { program, port: 0, password: random()?, run_as, child: None, folder };
        server.make()?;
        let mut last = None;
        // Someone else may take a port between the look and the server's bind: then the next one.
        for port in free_ports().take(10) {
            server.port = port;
            match server.launch() {
                Err(error @ ServerError::Failed { .. }) if error.to_string().contains("create any TCP/IP sockets") => {
                    last = Some(error);
                }
                outcome => return outcome.map(|()| server),
            }
        }
        Err(last.unwrap_or_else(|| server.failed("it finds no port")))
    }

    /// The server that all who hold one of these share, started for the first of them.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub fn shared() -> Result<Arc<Self>, ServerError> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        // A panic while it was held leaves it whole: it is changed by one assignment.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }

    /// The URL of one of its databases, with the password. `postgres` is always there. Stays the same over restarts.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Ends it in an orderly way, its connections cut, and waits until it is gone. Nothing happens while it is down.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop(&mut self) -> Result<(), ServerError> {
        self.end("stop it", |child| child.interrupt(PATIENCE))
    }

    /// Kills it where it stands, all its processes. Nothing happens while it is down.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> Result<(), ServerError> {
        let processes = self.child.as_ref().map(|child| self.processes_of(child.id())).unwrap_or_default();
        self.end("kill it", Child::kill)?;
        // Most notice that the first one is gone. One that waits for what another of them held when it was killed never does,
        // and no server starts beside it.
        for process in processes.into_iter().filter(|process| self.is_ours(*process)) {
            let _ = kill_process(process, Signal::KILL);
        }
        Ok(())
    }

    /// The processes that this one has started, as far as the system lists them.
    fn processes_of(&self, parent: u32) -> Vec<Pid> {
        let parent = parent.to_string();
        let is_child = |process: &Pid| {
            // The fourth field of stat, counted behind the name in parentheses.
            let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
            let parents = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1));
            parents.is_some_and(|number| number == parent)
        };
        let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
        numbers.filter(is_child).collect()
    }

    /// Whether this process still is one of this program: its number may belong to somebody else by now.
    fn is_ours(&self, process: Pid) -> bool {
        fs::read_link(format!("/proc/{}/exe", process.as_raw_nonzero())).is_ok_and(|program| program == self.program)
    }

    /// Starts it again on the same port, with all that it has committed; one that is up is killed first. Returns when it
    /// serves.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.kill()?;
        let until = Instant::now() + PATIENCE;
        loop {
            match self.launch() {
                // Processes of the one that was killed are about to notice.
                Err(ServerError::Failed { .. }) if Instant::now() < until => sleep(LOOK_EVERY),
                outcome => return outcome,
            }
        }
    }

    fn end(
        &mut self,
        operation: &'static str,
        end: impl FnOnce(&mut Child) -> io::Result<std::process::ExitStatus>,
    ) -> Result<(), ServerError> {
        if let Some(mut child) = self.child.take() {
            end(&mut child).map_err(|source| ServerError::Process { operation, source })?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Makes its data folder, with our user and its password.
    fn make(&self) -> Result<(), ServerError> {
        let password = self.folder.path().join("password");
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&password);
        file.and_then(|mut file| io::Write::write_all(&mut file, self.password.as_bytes()))
            .map_err(failed("write", &password))?;
        if let Some((uid, gid)) = self.run_as {
            for path in [self.folder.path(), &password] {
                chown(path, Some(uid), Some(gid)).map_err(failed("give away", path))?;
            }
        }
        let mut command = Command::new(self.program.with_file_name("initdb"));
        command.arg("--pgdata").arg(self.data()).arg("--pwfile").arg(&password).args(["--username", USER]);
        command.args(["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        self.identify(&mut command);
        let output = command.output().map_err(|source| ServerError::Process { operation: "run initdb", source })?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(ServerError::Failed { what: "initdb makes no data folder", last_words: last_line(&words) })
    }

    /// As whom and where its processes run.
    fn identify(&self, command: &mut Command) {
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((uid, gid)) = self.run_as {
            command.uid(uid).gid(gid);
        }
    }

    /// Starts the process and waits until it says that it serves.
    fn launch(&mut self) -> Result<(), ServerError> {
        let log = fs::File::create(self.log()).map_err(failed("create", &self.log()))?;
        let out = log.try_clone().map_err(failed("open", &self.log()))?;
        let child = Child::spawn_in(self.folder.path(), &self.program, |command| {
            command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
            for setting in [
                "listen_addresses=127.0.0.1",
                "unix_socket_directories=",
                "max_connections=200",
                "shared_buffers=32MB",
                // What a crash of the machine would cost concerns no test.
                "fsync=off",
            ] {
                command.args(["-c", setting]);
            }
            command.stdout(out).stderr(log);
            self.identify(command);
        });
        let mut child = child.map_err(|source| ServerError::Process { operation: "start it", source })?;
        // Its first line is the process, its last one the state.
        let state = self.data().join("postmaster.pid");
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if child.ended().map_err(|source| ServerError::Process { operation: "watch it", source })?.is_some() {
                return Err(self.failed("it ended at start"));
            }
            let said = fs::read_to_string(&state).unwrap_or_default();
            let mut lines = said.lines().map(str::trim);
            if lines.next() == Some(&child.id().to_string()) && lines.next_back() == Some("ready") {
                self.child = Some(child);
                return Ok(());
            }
            sleep(LOOK_EVERY);
        }
        Err(self.failed("it does not serve"))
    }

    fn failed(&self, what: &'static str) -> ServerError {
        let words = fs::read_to_string(self.log()).unwrap_or_default();
        ServerError::Failed { what, last_words: last_line(&words) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it has started may write for a moment more; whatever cannot be removed then stays in the temporary folder.
        let _ = self.stop();
    }
}

/// Number and group of the user `nobody`. PostgreSQL asks the system for its user's name, so not every number will do.
fn nobody() -> Result<(u32, u32), ServerError> {
    let users = Path::new("/etc/passwd");
    let text = fs::read_to_string(users).map_err(failed("read", users))?;
    let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == "nobody");
    let number = |at: usize| fields.as_ref()?.get(at)?.parse().ok();
    match (number(2), number(3)) {
        (Some(uid), Some(gid)) => Ok((uid, gid)),
        _ => Err(ServerError::Nobody("this system has no such user".into())),
    }
}

/// The program, or a copy below `folder` if it was fetched into a folder that only root can enter.
fn within_reach(program: PathBuf, folder: &Path) -> Result<PathBuf, ServerError> {
    let may_enter = |path: &Path| fs::metadata(path).is_ok_and(|found| found.mode() & 0o001 != 0);
    if program.ancestors().all(may_enter) {
        return Ok(program);
    }
    let fetched = wheel::program_in(&POSTGRES, &wheel::private_folder());
    let fetched = fs::canonicalize(fetched).unwrap_or_default();
    let Some(root) = program.ancestors().nth(4).filter(|_| program == fetched) else {
        return Err(ServerError::Nobody(format!("{} lies where only root can enter", program.display())));
    };
    let copy = folder.join("program");
    let copied = Command::new("cp").arg("-R").args([root, &copy]).status();
    copied.map_err(|source| ServerError::Process { operation: "copy it", source })?;
    program.strip_prefix(root).map(|rest| copy.join(rest)).map_err(|_| ServerError::Nobody("no copy was made".into()))
}

fn random() -> Result<String, ServerError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    fs::File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(failed("read", source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn last_line(text: &str) -> String {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing").to_owned()
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServerError {
    let path = path.to_owned();
    move |source| ServerError::Folder { operation, path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use std::net::TcpStream;

    use super::*;

    fn listens(server: &Server) -> bool {
        TcpStream::connect(("127.0.0.1", server.port)).is_ok()
    }

    #[test]
    fn server_serves_comes_back_on_its_port_and_leaves_nothing_behind() {
        let mut server = Server::start().unwrap();
        assert!(listens(&server));
        let (url, folder) = (server.url("postgres"), server.folder.path().to_owned());
        server.stop().unwrap();
        assert!(!listens(&server));
        server.restart().unwrap();
        assert!(listens(&server) && server.url("postgres") == url);
        server.kill().unwrap();
        server.restart().unwrap();
        assert!(listens(&server));
        drop(server);
        assert!(!folder.exists());
    }

    #[test]
    fn fetched_server_is_copied_where_nobody_can_reach_it_and_another_is_refused() {
        let closed = tempfile::tempdir().unwrap();
        let program = closed.path().join("bin/postgres");
        let line = within_reach(program.clone(), closed.path()).unwrap_err().to_string();
        assert!(line.contains("only root can enter") && line.contains("nobody"), "{line}");
        let open = PathBuf::from("/bin/sh");
        assert_eq!(within_reach(open.clone(), closed.path()).unwrap(), open);
    }

    #[test]
    fn shared_server_is_one_while_somebody_holds_it() {
        let (one, other) = (Server::shared().unwrap(), Server::shared().unwrap());
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(one.url("a"), other.url("a"));
    }
}
