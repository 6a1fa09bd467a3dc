//! What a fault campaign may do to this process from within: let it die at a boundary, and set its wall clock.
//!
//! It is compiled only under the feature `fault-points`. Without it everything here is empty, no variable of it is known,
//! and a service that finds one in its environment refuses to start.

/// Whether this build has it.
pub const COMPILED_IN: bool = cfg!(feature = "fault-points");

/// Where to die: `<point>:<n>`, when the process comes to this point for the `n`-th time.
pub const DIE: &str = "NUAN_FAULT_DIE";
/// A file with what the wall clock is ahead by, ms. It is read whenever the clock is.
pub const CLOCK: &str = "NUAN_FAULT_CLOCK";
/// The variables of the environment that are no configuration.
pub(crate) const VARIABLES: &[&str] = if COMPILED_IN { &[DIE, CLOCK] } else { &[] };

/// Boundaries between what one process does alone and what others see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// A frame has come from the broker, and nothing is done with it yet.
    Received,
    /// A commit is about to be sent to the database.
    BeforeCommit,
    /// The database has said that it is done; nobody else knows.
    Committed,
    /// A frame is about to be published.
    BeforePublish,
    /// The broker has acknowledged a frame.
    Published,
    /// What a frame said is committed, and the broker is about to be told.
    BeforeAck,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Received, Self::BeforeCommit, Self::Committed, Self::BeforePublish, Self::Published, Self::BeforeAck];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::BeforeCommit => "before-commit",
            Self::Committed => "committed",
            Self::BeforePublish => "before-publish",
            Self::Published => "published",
            Self::BeforeAck => "before-ack",
        }
    }
}

/// The process is at this point; it may be its last.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn point(_: Point) {}

/// What the wall clock is ahead by, ms.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn wall_clock_ahead_ms() -> i64 {
    0
}

#[cfg(feature = "fault-points")]
pub(crate) use compiled_in::{point, wall_clock_ahead_ms};

#[cfg(feature = "fault-points")]
mod compiled_in {
    use super::{CLOCK, DIE, Point};
    use rustix::process::{Signal, getpid, kill_process};
    use std::{
        env, fs,
        path::PathBuf,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    /// The process is at this point; it may be its last.
    pub(crate) fn point(at: Point) {
        static WHERE: OnceLock<Option<(String, u64)>> = OnceLock::new();
        static TIMES: AtomicU64 = AtomicU64::new(0);
        let last = WHERE.get_or_init(|| {
            let said = env::var(DIE).ok()?;
            let (name, times) = said.split_once(':')?;
            Some((name.to_owned(), times.parse().ok()?))
        });
        if let Some((name, times)) = last
            && name == at.name()
            && TIMES.fetch_add(1, Ordering::Relaxed) + 1 == *times
        {
            // No handler, no destructor, no flush: as if somebody else had done it.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }

    /// What the wall clock is ahead by, ms.
    pub(crate) fn wall_clock_ahead_ms() -> i64 {
        static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
        let file = FILE.get_or_init(|| env::var_os(CLOCK).map(PathBuf::from)).as_ref();
        file.and_then(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).unwrap_or_default()
    }
}
