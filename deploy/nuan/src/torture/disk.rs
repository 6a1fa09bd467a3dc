//! Disks that fail: full ones, files that cannot grow, syncs that return an error; of a service's database or of the broker.
//!
//! A full disk is a small file system of its own, filled up by somebody else's file. A file that cannot grow is a limit of
//! the process (`RLIMIT_FSIZE`): the write fails. A sync fails by `strace -e inject`, attached to the running service. Whoever
//! has such a disk must refuse, lose nothing, and go on by itself when it is mended; only the broker is restarted by hand.

use super::field::Field;
use crate::broker::on_disk;
use anyhow::{Context, bail};
use domain::Party;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::{
    ffi::CStr,
    fs::{self, File},
    io::{self, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tools::child::Child;

/// Until a disk fails: about as long as an application takes.
const BEFORE: Duration = Duration::from_millis(120);
/// How long it stays so after somebody has noticed.
const BROKEN: Duration = Duration::from_millis(1_500);
/// How long it may take until somebody notices.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Size of a small file system. Only what is in it takes memory.
const SIZE: &CStr = c"size=192m";
/// What is written at once to fill it up; the last byte is found by halving.
const BLOCK: usize = 1 << 20;

/// Small file systems where something of a campaign keeps its data. Dropping this unmounts them; so does the end of their mount
/// namespace.
#[derive(Debug, Default)]
pub struct SmallDisks(Vec<PathBuf>);

impl SmallDisks {
    /// Mounts an empty one there.
    ///
    /// # Errors
    /// This process may not mount.
    pub fn mount(&mut self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        mount("tmpfs", folder, "tmpfs", MountFlags::NODEV | MountFlags::NOSUID, SIZE)
            .with_context(|| format!("cannot mount a file system at {}", folder.display()))?;
        self.0.push(folder.to_owned());
        Ok(())
    }
}

impl Drop for SmallDisks {
    fn drop(&mut self) {
        for folder in &self.0 {
            let _ = unmount(folder, UnmountFlags::DETACH);
        }
    }
}

/// Runs this command again, where it may mount and nobody else sees it. Returns only if that is not possible: why.
pub fn again_with_own_mounts() -> String {
    // Who is not root may do it in a user namespace, as whom he is.
    let is_root = rustix::process::geteuid().is_root();
    let ways = if is_root { &["--mount"][..] } else { &["--mount", "--user", "--map-current-user", "--keep-caps"] };
    let not_to_be_had = |why: String| format!("small file systems need a mount namespace of their own: {why}");
    match Command::new("unshare").args(ways).arg("true").output() {
        Err(error) => return not_to_be_had(format!("cannot run unshare: {error}")),
        Ok(tried) if !tried.status.success() => {
            let words = String::from_utf8_lossy(&tried.stderr).into_owned();
            return not_to_be_had(words.lines().next().unwrap_or("unshare does not say why").to_owned());
        }
        Ok(_) => {}
    }
    let program = std::env::current_exe().unwrap_or_else(|_| "nuan".into());
    let error =
        Command::new("unshare").args(ways).arg(program).args(std::env::args_os().skip(1)).arg("--in-own-mounts").exec();
    not_to_be_had(error.to_string())
}

/// The disk of a database, or of the broker, is full under way.
pub async fn full(field: &mut Field) -> anyhow::Result<()> {
    match field.random.pick(&[Some(Party::Union), Some(Party::Guarantor), Some(Party::Bank), None]).copied().flatten() {
        Some(victim) => full_database(field, victim).await,
        None => full_broker(field).await,
    }
}

async fn full_database(field: &mut Field, victim: Party) -> anyhow::Result<()> {
    let (data, before) = (field.home(victim).join("data"), field.log_length(victim));
    field.let_file();
    field.pause(BEFORE).await;
    let ballast = Ballast::fill(&data)?;
    let under_way = until_it_says(field, victim, before, "database or disk is full").await?;
    field.struck(format!("disk of the {victim}'s database full"), under_way);
    field.pause(BROKEN).await;
    ballast.remove()?;
    field.settle().await
}

/// The broker's streams lie on disk for this, as an earlier build made them.
async fn full_broker(field: &mut Field) -> anyhow::Result<()> {
    on_disk(&field.broker, &Party::ALL).await?;
    let before = fs::read(field.broker.log()).unwrap_or_default().len();
    let ballast = Ballast::fill(&field.broker.store())?;
    field.let_file();
    let until = Instant::now() + PATIENCE;
    let under_way = loop {
        let under_way = field.clients.under_way();
        let log = fs::read(field.broker.log()).unwrap_or_default();
        if String::from_utf8_lossy(log.get(before..).unwrap_or_default()).contains("no space left") {
            break under_way;
        }
        if Instant::now() > until || is_over(field) {
            break 0;
        }
        sleep(LOOK_EVERY).await;
    };
    field.struck("disk of the broker full", under_way);
    field.pause(BROKEN).await;
    ballast.remove()?;
    // It does not use a disk again that was full.
    field.broker.restart()?;
    field.settle().await
}

/// The disk of a PostgreSQL server is full under way: it gives up. It is started again when there is room.
pub async fn full_server(field: &mut Field) -> anyhow::Result<()> {
    let folder = field.ground.server_disk.clone().context("the server has no disk of its own")?;
    field.let_file();
    field.pause(BEFORE).await;
    let before = Party::ALL.map(|party| field.log_length(party));
    let ballast = Ballast::fill(&folder)?;
    let until = Instant::now() + PATIENCE;
    let under_way = loop {
        let under_way = field.clients.under_way();
        let mut logs = Party::ALL.into_iter().zip(before).map(|(party, before)| field.log_since(party, before));
        if logs.any(|log| log.contains("the outcome of a commit is unknown")) {
            break under_way;
        }
        if Instant::now() > until || is_over(field) {
            break 0;
        }
        sleep(LOOK_EVERY).await;
    };
    field.struck("disk of the databases' server full", under_way);
    field.pause(BROKEN).await;
    ballast.remove()?;
    field.ground.server.as_mut().context("no server of ours")?.restart()?;
    field.settle().await
}

/// A service's files cannot grow for a while: every write beyond their end fails.
pub async fn write_error(field: &mut Field) -> anyhow::Result<()> {
    let victim = field.any_party();
    let log = field.home(victim).join("data").join(format!("{victim}.db-wal"));
    let before = field.log_length(victim);
    field.let_file();
    field.pause(BEFORE).await;
    let pid = i32::try_from(field.service(victim)?.id()).ok().and_then(Pid::from_raw).context("no process")?;
    let most = fs::metadata(&log).with_context(|| format!("cannot look at {}", log.display()))?.len();
    // What a child of ours has is what we have.
    let usual = getrlimit(Resource::Fsize);
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: Some(most), ..usual })?;
    let under_way = until_it_says(field, victim, before, "disk I/O error").await?;
    field.struck(format!("write errors of the {victim}'s database"), under_way);
    field.pause(BROKEN).await;
    prlimit(Some(pid), Resource::Fsize, usual)?;
    field.settle().await
}

/// Starts the services through this: a write beyond the limit of a file's size is an error then and not a deadly signal.
///
/// # Errors
/// It cannot be written.
pub fn without_signal(program: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let script = folder.join("nuan-without-sigxfsz");
    let program = program.display().to_string().replace('\'', r"'\''");
    fs::write(&script, format!("#!/bin/sh\ntrap '' XFSZ\nexec '{program}' \"$@\"\n"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// Every sync of a service's files fails for a while.
pub async fn sync_error(field: &mut Field) -> anyhow::Result<()> {
    let victim = field.any_party();
    let before = field.log_length(victim);
    field.let_file();
    field.pause(BEFORE).await;
    let (id, words) = (field.service(victim)?.id(), field.folder.join("strace.log"));
    let out = File::create(&words)?;
    let mut strace = Child::spawn("strace", |command| {
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
        command.args(["-e", "inject=fsync,fdatasync:error=EIO", "-p", &id.to_string()]).stderr(out);
    })?;
    let under_way = until_it_says(field, victim, before, "disk I/O error").await?;
    if strace.ended()?.is_some() {
        let words = fs::read_to_string(&words).unwrap_or_default();
        bail!("strace cannot follow a service: {}", words.lines().next().unwrap_or("no word"));
    }
    field.struck(format!("sync errors of the {victim}'s database"), under_way);
    field.pause(BROKEN).await;
    strace.terminate(PATIENCE)?;
    field.settle().await
}

/// Whether there is a strace.
///
/// # Errors
/// There is none; what to do.
pub fn look_for_strace() -> Result<(), String> {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => {
            Err("sync-error makes syncs fail with strace: put it on PATH (https://strace.io, package `strace`)".into())
        }
    }
}

/// Waits until a service says that in its log, and returns how many applications were under way then: none if nobody is under
/// way any more.
async fn until_it_says(field: &Field, victim: Party, before: usize, words: &str) -> anyhow::Result<usize> {
    let until = Instant::now() + PATIENCE;
    loop {
        let under_way = field.clients.under_way();
        if field.log_since(victim, before).contains(words) {
            return Ok(under_way);
        }
        if Instant::now() > until || is_over(field) {
            return Ok(0);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn is_over(field: &Field) -> bool {
    field.clients.under_way() == 0 && field.clients.has_filed_all()
}

/// A file that takes the last byte of a file system.
struct Ballast(PathBuf);

impl Ballast {
    fn fill(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("ballast");
        let mut file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut block = vec![0_u8; BLOCK];
        while !block.is_empty() {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => block.truncate(block.len() / 2),
                Err(error) => return Err(error).context("cannot fill a disk"),
            }
        }
        Ok(Ballast(path))
    }

    fn remove(self) -> io::Result<()> {
        fs::remove_file(self.0)
    }
}
