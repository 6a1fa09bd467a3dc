//! Several processes of one service on one PostgreSQL database take turns: one writes, the others stand by.
//!
//! The writer's row says who writes and when it last said so. Whoever finds that too long ago takes a new epoch, and from
//! then on no commit of the other one succeeds, whatever it believes: a process that was frozen finds out at its next
//! commit, or when it renews its lease, and stands by. On SQLite there is one process, which always writes.

use crate::{
    config::Config,
    handle::{Reply, Role},
    metrics::Metrics,
    store::{Location, Seat, Store, StoreError, Tip, lease::LEASE},
    writer::Queues,
};
use organisation::Organisation;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How often a process that stands by looks whether the writer is alive.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A process among its replicas.
#[derive(Clone)]
pub(crate) struct Replica {
    location: Location,
    /// Where this one answers the others.
    address: String,
    role: watch::Sender<Role>,
    metrics: Arc<Metrics>,
}

impl Replica {
    /// The process that listens here. It stands by until it has a turn.
    pub fn new(config: &Config, listens: SocketAddr, metrics: &Arc<Metrics>) -> Self {
        let location = config.database();
        if config.http_advertise.is_none() && listens.ip().is_unspecified() && matches!(location, Location::Server(_)) {
            tracing::warn!(address = %listens, "no replica can forward to this address: http_advertise names one that can be reached");
        }
        let address = config.http_advertise.clone().unwrap_or_else(|| format!("http://{listens}"));
        let role = watch::channel(Role::StandBy { writer: None }).0;
        Replica { location, address, role, metrics: Arc::clone(metrics) }
    }

    /// What it is.
    pub fn role(&self) -> watch::Receiver<Role> {
        self.role.subscribe()
    }

    /// Whether it may stand by after it could not write for this reason, and write again later: not on SQLite.
    pub fn may_stand_by(&self, error: &StoreError) -> bool {
        matches!(self.location, Location::Server(_)) && is_passing(error)
    }

    /// Takes the writer's seat if it is free.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn try_to_write(&self, store: &mut Store) -> Result<Option<Tip>, StoreError> {
        let asked = Instant::now();
        match store.seize(&self.address).await? {
            Seat::Taken(tip) => {
                let until = matches!(self.location, Location::Server(_)).then(|| asked + LEASE);
                tracing::info!(position = tip.position, "writes from here on");
                self.metrics.is_writer.set(1);
                self.role.send_replace(Role::Writer { until });
                Ok(Some(tip))
            }
            Seat::Held { address } => {
                self.stands_by_for(Some(address));
                Ok(None)
            }
        }
    }

    /// Nobody else can have taken over before then.
    pub fn holds_until(&self, until: Instant) {
        self.role.send_replace(Role::Writer { until: Some(until) });
    }

    /// It does not write, or no more; another may do so already.
    pub fn stands_by(&self) {
        self.stands_by_for(None);
    }

    fn stands_by_for(&self, writer: Option<String>) {
        self.metrics.is_writer.set(0);
        // What is under way is the next writer's to tell.
        self.metrics.unreceipted.set(0);
        self.metrics.channels_frozen.set(0);
        self.role.send_if_modified(|role| {
            let now = Role::StandBy { writer: writer.clone() };
            let is_new = *role != now;
            if is_new {
                tracing::info!(writer, "stands by");
                *role = now;
            }
            is_new
        });
    }

    /// Stands by until the writer's seat is free, and takes it. `None`: it was asked to stop before.
    ///
    /// # Errors
    /// The database says what no waiting helps against.
    pub async fn stand_by<O: Organisation>(
        &self,
        mut store: Option<Store>,
        queues: &mut Queues<O>,
        stop: &CancellationToken,
    ) -> Result<Option<(Store, Tip)>, StoreError> {
        loop {
            match self.look(store.take()).await {
                Ok((now, Some(tip))) => return Ok(Some((now, tip))),
                Ok((now, None)) => store = Some(now),
                Err(error) if is_passing(&error) => {
                    tracing::error!(%error, "the database is not available");
                    self.stands_by();
                }
                Err(error) => return Err(error),
            }
            let again = Instant::now() + LOOK_EVERY;
            loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(None),
                    () = tokio::time::sleep_until(again) => break,
                    // What was on its way to a writer that is none any more. Frames come again from their senders, and orders
                    // to ports are asked about by whoever writes now.
                    Some(work) = queues.commands.recv() => drop(work.reply.send(Reply::Unavailable)),
                    Some(_) = queues.maintenance.recv() => {}
                    Some(_) = queues.ports.recv() => {}
                    Some(_) = queues.frames.recv() => {}
                }
            }
        }
    }

    /// Looks whether the seat is free, on a new connection if there is none.
    async fn look(&self, store: Option<Store>) -> Result<(Store, Option<Tip>), StoreError> {
        let mut store = match store {
            Some(store) => store,
            None => Store::connect(self.location.clone()).await?,
        };
        let tip = self.try_to_write(&mut store).await?;
        Ok((store, tip))
    }
}

/// Whether a process that cannot write for this reason may write later.
fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Fenced | StoreError::Unavailable { .. })
}
