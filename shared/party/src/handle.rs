//! What HTTP, timers and ports hold of the writer: bounded queues in, committed answers out.

use crate::{
    clock::BusinessClock,
    metrics::Metrics,
    store::read::{Readers, StateRow},
    vault::Sealed,
};
use organisation::{Actor, Key, Organisation, PortAnswer, Refusal};
use std::{collections::BTreeMap, sync::Arc, sync::Mutex};
use tokio::sync::{mpsc, oneshot, watch};

/// A command on its way to the writer.
#[derive(Debug)]
pub struct CommandWork<C> {
    /// Who gives it.
    pub actor: Actor,
    /// What shall be done.
    pub command: C,
    /// The row and version that the actor has seen (`If-Match`); another version is refused as stale.
    pub expected: Option<(Key, u64)>,
    /// Under which key the answer is kept.
    pub idempotency: Option<Idempotency>,
    /// Personal data that belong to the command; written only if it is accepted.
    pub sealed: Option<Sealed>,
    /// W3C trace context that the caller sent.
    pub caller: Option<String>,
    /// When the request arrived, Unix nanoseconds.
    pub arrived_ns: u64,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Reply>,
}

/// Names an answer so that it can be given again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Idempotency {
    /// Person and route.
    pub scope: String,
    /// The `Idempotency-Key` that the client chose.
    pub key: String,
    /// SHA-256 of the body; another body under the key is refused.
    pub body_hash: [u8; 32],
}

/// What the writer says to a command, after its commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Done, or refused by a rule; committed in either case.
    Decided {
        /// HTTP status.
        status: u16,
        /// The answer, or the refusal.
        body: Result<serde_json::Value, Refusal>,
        /// Version of the application's row as the answer shows it; none if it shows no application.
        version: Option<u64>,
        /// Whether this is the stored answer of an earlier request under the same key.
        replayed: bool,
    },
    /// The key was used before with another body.
    KeyReused,
    /// The application stands still behind a parked input. Nothing was changed, and the command is not kept.
    Parked,
    /// The command itself could not be decided: a defect, or a frozen channel. Nothing was changed, and it is not kept.
    Undecidable {
        /// What its line in the log is found by.
        trace_id: String,
    },
    /// The database is not available; nothing is known to have changed.
    Unavailable,
}

/// What came of deciding a parked input again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// There is no such input, it is settled, or another of its application comes first.
    Unknown,
    /// It is decided, and so is what was held behind it.
    Decided,
    /// One could not be decided this time either: it goes on waiting, and what is behind it waits too.
    StillParked {
        /// Journal position under which that one was put aside.
        position: u64,
        /// Why it cannot be decided.
        why: String,
    },
}

/// What an operator tells the shell itself to do.
#[derive(Debug)]
pub enum Maintenance {
    /// Decide a parked input of an application again, and what is held behind it.
    Retry {
        /// Journal position under which it was parked.
        position: u64,
        /// Who says so, and why.
        because: String,
        /// What came of it.
        reply: oneshot::Sender<Retried>,
    },
    /// Drop a parked input for good.
    Drop {
        /// Journal position under which it was parked.
        position: u64,
        /// Who says so, and why.
        because: String,
        /// Whether there was such an input.
        reply: oneshot::Sender<bool>,
    },
    /// Ends the freeze of a channel as two persons decided.
    Unfreeze {
        /// The partner at the other end.
        partner: domain::Party,
        /// What they decided.
        resolution: channel::Resolution,
        /// Who they are.
        persons: channel::TwoPersons,
        /// Why.
        because: String,
        /// Done, or why not.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// Writes an account's bearer token, hashed.
    Token {
        /// SHA-256 of the token.
        hash: [u8; 32],
        /// Name of the account.
        account: String,
        /// The person behind it.
        person: String,
        /// Roles it holds.
        roles: Vec<String>,
        /// When it is written.
        reply: oneshot::Sender<()>,
    },
}

/// Everything a service's edges need.
pub struct Handle<O: Organisation> {
    /// Commands of people; bounded.
    pub commands: mpsc::Sender<CommandWork<O::Command>>,
    /// Answers of ports; bounded.
    pub ports: mpsc::Sender<(domain::ApplicationId, PortAnswer)>,
    /// What operators do to the shell.
    pub maintenance: mpsc::Sender<Maintenance>,
    /// Reading connections.
    pub readers: Readers,
    /// Who waits for which application.
    pub changes: Arc<Changes>,
    /// Business time.
    pub clock: BusinessClock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Whether the writer is up and greeted its partners.
    pub ready: watch::Receiver<bool>,
    /// How many inputs wait and how many messages are not receipted: zero when idle.
    pub backlog: watch::Receiver<Backlog>,
    /// Whether this process writes.
    pub role: watch::Receiver<Role>,
}

/// What a process of an organisation does among its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It decides and commits.
    Writer,
    /// It reads, forwards what it is told, and takes over when the writer is gone.
    StandBy {
        /// Where the writer answers, as far as that is known.
        writer: Option<String>,
    },
}

/// What is still under way in this organisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Backlog {
    /// Inputs in the queues.
    pub queued: usize,
    /// Messages sent and not receipted.
    pub unreceipted: u64,
    /// Channels that are frozen.
    pub frozen: usize,
    /// Journal position of the last commit.
    pub position: u64,
    /// Earliest core timer, Unix ms business time.
    pub next_wake_ms: Option<i64>,
}

impl<O: Organisation> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Handle {
            commands: self.commands.clone(),
            ports: self.ports.clone(),
            maintenance: self.maintenance.clone(),
            readers: self.readers.clone(),
            changes: self.changes.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            ready: self.ready.clone(),
            backlog: self.backlog.clone(),
            role: self.role.clone(),
        }
    }
}

/// Wakes those who wait for an application to change (`?wait_ms=`), and hands them its row as it was committed.
#[derive(Debug, Default)]
pub struct Changes {
    waiting: Mutex<Waiting>,
}

/// By row and what is waited for: where to tell it.
type Waiting = BTreeMap<(String, Until), watch::Sender<Option<Arc<StateRow>>>>;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Any change.
    Change,
    /// The end of the application.
    End,
}

/// A row that a commit changed.
#[derive(Debug)]
pub struct CommittedRow {
    /// Its key, e.g. `application/NCD-2018-0052`.
    pub key: String,
    /// Whether its application has ended.
    pub ended: bool,
    /// The row, if somebody waited for it when the batch was made.
    pub row: Option<Arc<StateRow>>,
}

impl Changes {
    /// A receiver that is notified at the next committed change of this row, or when its application ends. Take it before
    /// reading the row, so that no change between can be missed.
    pub fn watch(&self, key: &str, until: Until) -> watch::Receiver<Option<Arc<StateRow>>> {
        let mut waiting = self.lock();
        waiting.entry((key.to_owned(), until)).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    /// Whether somebody waits for this change of the row.
    pub fn is_awaited(&self, key: &str, ended: bool) -> bool {
        let waiting = self.lock();
        !waiting.is_empty() && wakes(ended).any(|until| waiting.contains_key(&(key.to_owned(), until)))
    }

    /// Notifies everybody who waits for one of these rows. Who came after the batch was made is handed nothing, and looks.
    pub fn committed(&self, rows: Vec<CommittedRow>) {
        let mut waiting = self.lock();
        if waiting.is_empty() {
            return;
        }
        for CommittedRow { key, ended, row } in rows {
            for until in wakes(ended) {
                // Whoever still waits after this change takes a new receiver, so the entry is not needed any more.
                if let Some(sender) = waiting.remove(&(key.clone(), until)) {
                    let _ = sender.send(row.clone());
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A panic while the map was held leaves it whole: every change to it is one call.
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Who is woken by a change.
fn wakes(ended: bool) -> impl Iterator<Item = Until> {
    [Until::Change].into_iter().chain(ended.then_some(Until::End))
}
