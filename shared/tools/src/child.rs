//! Processes that do not outlive the one that started them.
//!
//! The demo, the bench and the tests start brokers and services as separate processes and kill them on purpose. Whatever
//! ends the parent (a return, a panic, Ctrl-C, `kill -9`), none of them is left behind: beside each child runs a small
//! shell that waits on a pipe only the parent holds, and kills the child when the pipe closes. It refuses to search for
//! processes by name: only its own children are ever signalled.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How often a wait looks whether the child has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running child process; dropping it kills it.
///
/// Blocks where it waits (`kill`, `terminate`): milliseconds, or what the caller allows.
#[derive(Debug)]
pub struct Child {
    process: Process,
    watcher: Process,
}

impl Child {
    /// Starts a program, with what `configure` adds to its command (arguments, environment, output). Its standard input is
    /// empty, and it has a process group of its own: a Ctrl-C at the terminal reaches the parent only, which then ends its
    /// children in the order that it wants. A program that cannot be run shows as one that ended with code 126 or 127.
    ///
    /// # Errors
    /// When no process can be started; then none is left running.
    pub fn spawn(program: impl AsRef<OsStr>, configure: impl FnOnce(&mut Command)) -> io::Result<Self> {
        Self::start(program.as_ref(), None, configure)
    }

    /// As [`Child::spawn`]; where the end of this process ends the child, this folder is removed too.
    ///
    /// # Errors
    /// When no process can be started; then none is left running.
    pub fn spawn_in(
        folder: &Path,
        program: impl AsRef<OsStr>,
        configure: impl FnOnce(&mut Command),
    ) -> io::Result<Self> {
        Self::start(program.as_ref(), Some(folder), configure)
    }

    fn start(program: &OsStr, folder: Option<&Path>, configure: impl FnOnce(&mut Command)) -> io::Result<Self> {
        // The program itself begins only when the watcher is there: no instant at which a killed parent leaves it behind.
        let mut command = Command::new("sh");
        command.args(["-c", "read -r _ || exit 1; exec \"$@\" </dev/null", "sh"]).arg(program);
        configure(&mut command);
        let mut process = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        // What the child has started may write for a moment more.
        let script = "read -r _; kill -9 \"$1\"; \
                      for _ in 1 2 3 4 5 6 7 8 9; do [ -z \"$2\" ] || rm -rf \"$2\" && exit; sleep 0.2; done";
        let watcher = Command::new("sh")
            .args(["-c", script, "sh", &process.id().to_string()])
            .arg(folder.map(Path::as_os_str).unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let gate = process.stdin.take();
        match watcher {
            Ok(watcher) => {
                let child = Self { process, watcher };
                gate.map_or(Ok(()), |mut gate| gate.write_all(b"go\n"))?;
                Ok(child)
            }
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(error)
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Kills it at whatever instruction it is (SIGKILL) and waits until it is gone. Nothing happens if it has ended.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.process.kill()?;
        self.process.wait()
    }

    /// Asks it to end (SIGTERM), waits for `patience`, then kills it.
    ///
    /// # Errors
    /// When a signal cannot be sent.
    pub fn terminate(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        self.end(Signal::TERM, patience)
    }

    /// Interrupts it (SIGINT), waits for `patience`, then kills it.
    ///
    /// # Errors
    /// When a signal cannot be sent.
    pub fn interrupt(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        self.end(Signal::INT, patience)
    }

    /// Stops it where it stands, until [`Child::thaw`] (SIGSTOP).
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn freeze(&mut self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn thaw(&mut self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        // One that has ended was waited for: its number may be another's.
        match (self.ended()?, i32::try_from(self.id()).ok().and_then(Pid::from_raw)) {
            (None, Some(pid)) => Ok(kill_process(pid, signal)?),
            _ => Ok(()),
        }
    }

    fn end(&mut self, signal: Signal, patience: Duration) -> io::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.signal(signal)?;
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            sleep(LOOK_EVERY);
        }
        self.kill()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The watcher first: once the child is gone its number may belong to someone else.
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use super::*;

    fn runs(pid: u32) -> bool {
        // A process that has ended and is waited for by nobody is still listed, as a zombie.
        let listed = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap().stdout;
        !listed.is_empty() && !listed.starts_with(b"Z")
    }

    fn wait_until_gone(pid: u32) -> bool {
        let until = Instant::now() + Duration::from_secs(5);
        while runs(pid) && Instant::now() < until {
            sleep(LOOK_EVERY);
        }
        !runs(pid)
    }

    fn sh(script: &str) -> Child {
        Child::spawn("sh", |command| {
            command.args(["-c", script]);
        })
        .unwrap()
    }

    #[test]
    fn program_runs_with_its_arguments_and_no_input() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut child = Child::spawn("sh", |command| {
            command.args(["-c", "printf '%s|' \"$@\"; wc -c", "sh", "a b", "*", ""]);
            command.stdout(file.reopen().unwrap());
        })
        .unwrap();
        child.process.wait().unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap().replace(' ', ""), "ab|*||0\n");
    }

    #[test]
    fn program_that_cannot_be_run_ends_at_once() {
        let mut child = Child::spawn("/nonexistent/program", |command| {
            command.stderr(Stdio::null());
        })
        .unwrap();
        assert_eq!(child.process.wait().unwrap().code(), Some(127));
    }

    #[test]
    fn dropping_ends_child_and_watcher() {
        let child = sh("exec sleep 600");
        let (pid, watcher) = (child.id(), child.watcher.id());
        assert!(runs(pid) && runs(watcher));
        drop(child);
        assert!(wait_until_gone(pid) && wait_until_gone(watcher));
    }

    #[test]
    fn child_ends_when_the_parent_is_gone() {
        let mut child = sh("exec sleep 600");
        let pid = child.id();
        assert!(runs(pid));
        // What the death of this process would do: the pipe closes and nobody drops anything.
        drop(child.watcher.stdin.take());
        assert!(wait_until_gone(pid));
    }

    #[test]
    fn folder_of_a_child_goes_when_the_parent_is_gone_and_stays_when_it_is_dropped() {
        let parent = tempfile::tempdir().unwrap();
        for is_dropped in [true, false] {
            let folder = parent.path().join("child's own");
            std::fs::create_dir_all(&folder).unwrap();
            let mut child = Child::spawn_in(&folder, "sleep", |command| {
                command.arg("600");
            })
            .unwrap();
            let pid = child.id();
            if is_dropped {
                drop(child);
                assert!(wait_until_gone(pid) && folder.exists());
            } else {
                drop(child.watcher.stdin.take());
                child.watcher.wait().unwrap();
                assert!(wait_until_gone(pid) && !folder.exists());
            }
        }
    }

    #[test]
    fn terminate_waits_for_an_orderly_end_and_kills_after_its_patience() {
        let mut child = sh("trap 'exit 7' TERM; while :; do sleep 0.01; done");
        sleep(Duration::from_millis(100)); // Until the trap is set.
        assert_eq!(child.terminate(Duration::from_secs(5)).unwrap().code(), Some(7));

        let mut deaf = sh("trap '' TERM; while :; do sleep 0.01; done");
        sleep(Duration::from_millis(100));
        assert_eq!(deaf.terminate(Duration::from_millis(100)).unwrap().code(), None, "killed, so no code");
    }
}
