//! The kinds of fault: what each needs before it begins, and what a round of it is.

use super::{
    absence, boundaries, broker, clock, disk,
    field::{Field, Ground},
    kill, postgres, restore, wire,
};
use clap::ValueEnum;

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Services are killed at random moments
    Kill,
    /// Services are killed at each boundary: when a frame has come, before and after commit and publish, before the broker is
    /// told (needs a build with `--features fault-points`)
    Boundaries,
    /// The broker is killed and restarted
    BrokerKill,
    /// The broker loses its whole store with all applications of the round open
    BrokerWipe,
    /// The broker's store is set back to an older copy with all applications of the round open
    BrokerRollback,
    /// A partner is absent while all applications of the round are filed, and started at the end
    Absence,
    /// The guarantor's or the bank's database is set back to an older copy: it gets back what it lost
    Restore,
    /// The union's database is set back to an older copy: what was filed since it cannot know, and says so
    RestoreUnion,
    /// What the three publish is doubled, held back and out of order
    Disorder,
    /// What one says to another is lost for a while; the other way stays open
    LinkCut,
    /// The disk of a SQLite database or of the broker is full (mounts small file systems in a mount namespace of its own)
    DiskFull,
    /// The files of a SQLite database cannot grow: writes fail
    WriteError,
    /// Syncs of a SQLite database fail (needs strace, and the right to trace)
    SyncError,
    /// A PostgreSQL server of its own is killed, shut down or stands still in mid-commit
    PostgresStop,
    /// The disk of a PostgreSQL server of its own is full (as disk-full)
    PostgresFull,
    /// Services have the system's time, and their clocks are set forward and back (needs a build with `--features fault-points`)
    ClockJump,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it is only for databases in SQLite files.
    pub fn is_for_files(self) -> bool {
        matches!(self, Kind::DiskFull | Kind::WriteError | Kind::SyncError)
    }

    /// Whether it starts a PostgreSQL server of its own.
    pub fn has_server(self) -> bool {
        matches!(self, Kind::PostgresStop | Kind::PostgresFull)
    }

    /// Whether it mounts file systems.
    pub fn mounts(self) -> bool {
        matches!(self, Kind::DiskFull | Kind::PostgresFull)
    }

    /// Whether this build, on this machine, can do it.
    ///
    /// # Errors
    /// It cannot; what to do.
    pub fn look(self) -> Result<(), String> {
        match self {
            Kind::Boundaries | Kind::ClockJump if !party::fault::COMPILED_IN => Err(format!(
                "{} needs a build for it: cargo run --release -p nuan --features fault-points -- torture {0} …",
                self.name()
            )),
            Kind::SyncError => disk::look_for_strace(),
            _ => Ok(()),
        }
    }

    /// What it stands on, but for databases.
    pub fn ground(self) -> Ground {
        Ground {
            has_proxies: matches!(self, Kind::Disorder | Kind::LinkCut),
            has_wall_clocks: self == Kind::ClockJump,
            has_small_disks: self == Kind::DiskFull,
            has_limits: self == Kind::WriteError,
            ..Ground::default()
        }
    }

    /// One round: lets the fault strike the applications that were just let in, and heals it.
    ///
    /// # Errors
    /// Something that has to work does not.
    pub async fn round(self, field: &mut Field) -> anyhow::Result<()> {
        match self {
            Kind::Kill => kill::round(field).await,
            Kind::Boundaries => boundaries::round(field).await,
            Kind::BrokerKill => broker::kill(field).await,
            Kind::BrokerWipe => broker::wipe(field).await,
            Kind::BrokerRollback => broker::roll_back(field).await,
            Kind::Absence => absence::round(field).await,
            Kind::Restore => restore::partner(field).await,
            Kind::RestoreUnion => restore::union(field).await,
            Kind::Disorder => wire::disorder(field).await,
            Kind::LinkCut => wire::cut(field).await,
            Kind::DiskFull => disk::full(field).await,
            Kind::WriteError => disk::write_error(field).await,
            Kind::SyncError => disk::sync_error(field).await,
            Kind::PostgresStop => postgres::round(field).await,
            Kind::PostgresFull => disk::full_server(field).await,
            Kind::ClockJump => clock::round(field).await,
        }
    }
}
