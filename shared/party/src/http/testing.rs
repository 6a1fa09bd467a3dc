//! A router without a writer behind it: whoever holds the other ends of its queues says what the writer would.
//!
//! For tests of edges; it decides nothing and commits nothing.

use crate::{
    clock::BusinessClock,
    handle::{Backlog, Changes, CommandWork, Handle, MaintenanceWork, Role},
    metrics::Metrics,
    store::read::Readers,
};
use domain::{Charter, Charters};
use organisation::Organisation;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// The ends of a handle that the writer would hold.
pub struct Ends<O: Organisation> {
    /// Commands of people.
    pub commands: mpsc::Receiver<CommandWork<O::Command>>,
    /// What operators tell the shell.
    pub maintenance: mpsc::Receiver<MaintenanceWork>,
    /// Whether the writer is up.
    pub ready: watch::Sender<bool>,
    /// What is still under way.
    pub backlog: watch::Sender<Backlog>,
    /// Whether this process writes; it begins as the only writer.
    pub role: watch::Sender<Role>,
}

/// A handle on this database whose queue takes `queue` commands.
pub fn handle<O: Organisation>(readers: Readers, clock: BusinessClock, queue: usize) -> (Handle<O>, Ends<O>) {
    let (commands, command_end) = mpsc::channel(queue);
    let (maintenance, maintenance_end) = mpsc::channel(queue);
    let (ports, _) = mpsc::channel(1);
    let (ready_end, ready) = watch::channel(false);
    let (backlog_end, backlog) = watch::channel(Backlog::default());
    let (role_end, role) = watch::channel(Role::Writer { until: None });
    let handle = Handle {
        commands,
        ports,
        maintenance,
        readers,
        founding: Arc::new(founding()),
        changes: Arc::new(Changes::default()),
        clock,
        metrics: Arc::new(Metrics::default()),
        requests: telemetry::Spans::disabled(),
        ready,
        backlog,
        role,
    };
    let ends = Ends {
        commands: command_end,
        maintenance: maintenance_end,
        ready: ready_end,
        backlog: backlog_end,
        role: role_end,
    };
    (handle, ends)
}

/// The programme's charter of 2017.
fn founding() -> Charters {
    let mut charters = Charters::default();
    // It holds together, as its own tests say; a test of charters would fail without it.
    let _ = charters.accept(Charter::programme_2017());
    charters
}
