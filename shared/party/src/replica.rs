//! Several processes of one service on one PostgreSQL database take turns: one writes, the others stand by.
//!
//! The writer's row says who writes and when it last said so. Whoever finds that too long ago takes a new epoch, and from
//! then on no commit of the other one succeeds, whatever it believes: a process that was frozen finds out at its next
//! commit, or when it renews its lease, and stands by. On SQLite there is one process, which always writes.

use crate::{
    handle::{Reply, Role},
    metrics::Metrics,
    store::{Location, Seat, Store, StoreError, Tip},
    writer::Queues,
};
use organisation::Organisation;
use std::time::Duration;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How often a process that stands by looks whether the writer is alive.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A process among its replicas.
pub(crate) struct Replica<'a> {
    /// The database that they share.
    pub location: Location,
    /// Where this one answers.
    pub address: String,
    /// What it is now.
    pub role: watch::Sender<Role>,
    /// The same, as a gauge.
    pub metrics: &'a Metrics,
}

impl Replica<'_> {
    /// Whether there may be others: not on SQLite.
    pub fn takes_turns(&self) -> bool {
        matches!(self.location, Location::Server(_))
    }

    /// Takes the writer's seat if it is free.
    pub async fn try_to_write(&self, store: &mut Store) -> Result<Option<Tip>, StoreError> {
        match store.seize(&self.address).await? {
            Seat::Taken(tip) => {
                self.is(Role::Writer);
                Ok(Some(tip))
            }
            Seat::Held { address } => {
                self.is(Role::StandBy { writer: Some(address) });
                Ok(None)
            }
        }
    }

    /// Stands by until the writer's seat is free, and takes it. `None`: asked to stop before.
    pub async fn stand_by<O: Organisation>(
        &self,
        store: &mut Store,
        queues: &mut Queues<O>,
        shutdown: &CancellationToken,
    ) -> Result<Option<Tip>, StoreError> {
        loop {
            match self.try_to_write(store).await {
                Ok(Some(tip)) => return Ok(Some(tip)),
                Ok(None) => {}
                Err(error) if is_passing(&error) => {
                    self.is(Role::StandBy { writer: None });
                    tracing::error!(%error, "the database is not available");
                    if let Ok(another) = Store::connect(self.location.clone()).await {
                        *store = another;
                    }
                }
                Err(error) => return Err(error),
            }
            let until = Instant::now() + LOOK_EVERY;
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(None),
                    () = tokio::time::sleep_until(until) => break,
                    // What was on its way to a writer that is none any more. Frames come again from their senders.
                    Some(work) = queues.commands.recv() => drop(work.reply.send(Reply::Unavailable)),
                    Some(_) = queues.maintenance.recv() => {}
                    Some(_) = queues.ports.recv() => {}
                    Some(_) = queues.frames.recv() => {}
                }
            }
        }
    }

    /// This process has this role from here on.
    pub fn is(&self, role: Role) {
        self.metrics.is_writer.set(i64::from(role == Role::Writer));
        let before = self.role.borrow().clone();
        if before != role {
            tracing::info!(?role, "has another role");
            self.role.send_replace(role);
        }
    }
}

/// Whether a process that cannot write for this reason may write again after having stood by.
pub(crate) fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Fenced | StoreError::Unavailable { .. })
}
