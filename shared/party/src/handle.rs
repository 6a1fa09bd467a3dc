//! What HTTP, timers and ports hold of the writer: bounded queues in, committed answers out.

use crate::{
    clock::BusinessClock,
    metrics::Metrics,
    store::read::{Readers, StateRow},
    vault::Sealed,
};
use domain::{Charters, Party};
use organisation::{Actor, Key, Organisation, PortAnswer, Refusal};
use std::{collections::BTreeMap, sync::Arc, sync::Mutex};
use telemetry::Spans;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

/// A command on its way to the writer.
#[derive(Debug)]
pub struct CommandWork<C> {
    /// Who gives it.
    pub actor: Actor,
    /// What shall be done.
    pub command: C,
    /// What the actor has seen (`If-Match`); another version is refused as stale.
    pub expected: Option<Seen>,
    /// Under which key the answer is kept.
    pub idempotency: Option<Idempotency>,
    /// Personal data that belong to the command; written only if it is accepted.
    pub sealed: Option<Sealed>,
    /// How it came.
    pub arrival: Arrival,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Reply>,
}

/// What somebody had before them when they decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The row.
    pub key: Key,
    /// Its version.
    pub version: u64,
    /// SHA-256 of the JSON that showed it, hex: kept in the journal beside the command. None: that version is no more to be had.
    pub shown: Option<String>,
}

/// How a request came in: what its span says beside what is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// When, Unix nanoseconds.
    pub at_ns: u64,
    /// The route that took it, e.g. `/api/v1/tasks/{*task}`; empty if it came another way.
    pub route: String,
    /// W3C trace context that the caller sent.
    pub caller: Option<String>,
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

impl Idempotency {
    /// Names the stored answer.
    pub fn id(&self) -> String {
        format!("{}\n{}", self.scope, self.key)
    }
}

/// An answer as it is kept under its key.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredAnswer {
    pub body_hash: String,
    pub status: u16,
    pub answer: Result<serde_json::Value, Refusal>,
    /// The version of the row that the answer shows; answers of earlier builds have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

impl StoredAnswer {
    /// The stored answer, if it was given to this very request; none if the key was used for something else.
    pub fn for_this(stored: &str, idempotency: &Idempotency) -> Option<Self> {
        let stored: StoredAnswer = serde_json::from_str(stored).ok()?;
        (stored.body_hash == hex::encode(idempotency.body_hash)).then_some(stored)
    }
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

/// An order of an operator's to the shell itself, on its way to the writer.
#[derive(Debug)]
pub struct MaintenanceWork {
    /// What shall be done.
    pub order: Maintenance,
    /// Under which key it is given.
    pub idempotency: Option<Idempotency>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Told>,
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is committed: done, or proposed to a second person.
    Done {
        /// What is answered, now and under the same key ever after.
        said: Said,
        /// Whether it was committed before, under the same key.
        before: bool,
    },
    /// The key was used before for something else.
    KeyReused,
    /// A partner has not shown its heads yet, so nothing can be said to it: nothing was tried.
    TooEarly,
    /// There is no such parked input, it is settled, or another of its application comes first.
    NotParked,
    /// One of the parked inputs could not be decided this time either: it goes on waiting, and what is behind it waits too.
    StillParked {
        /// Journal position under which that one was put aside.
        position: u64,
        /// Why it cannot be decided.
        why: String,
    },
    /// It cannot be done, and why.
    Refused(Refusal),
}

impl Told {
    /// It is done now, and nothing else is to be said.
    pub const fn done() -> Self {
        Told::Done { said: Said::NOTHING, before: false }
    }

    /// It was done before under the same key, and nothing else was to be said.
    pub const fn done_before() -> Self {
        Told::Done { said: Said::NOTHING, before: true }
    }
}

/// The answer to an order that was carried out or proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// HTTP status.
    pub status: u16,
    /// JSON; null: no body.
    pub body: serde_json::Value,
}

impl Said {
    /// 204.
    pub const NOTHING: Self = Said { status: 204, body: serde_json::Value::Null };
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
    },
    /// Drop a parked input for good.
    Drop {
        /// Journal position under which it was parked.
        position: u64,
        /// Who says so, and why.
        because: String,
    },
    /// Does what takes two persons, if another one wants the same and said so not long ago; else keeps it for such a one.
    Together {
        /// What shall be done.
        wish: Wish,
        /// Who wants it.
        person: String,
        /// Why.
        because: String,
    },
    /// Opens an account that one person may open: a mere applicant's.
    Account {
        /// The account.
        account: Account,
        /// Who gives it.
        by: String,
    },
    /// Begins a session, or ends one by an `until_ms` in the past.
    Session {
        /// Of which account, and the hash of its token.
        session: Account,
        /// Until when, Unix ms of the wall clock.
        until_ms: i64,
    },
    /// Gives an account a password; its sessions end.
    Password {
        /// Which account, and by which token.
        account: Account,
        /// The password's hash.
        hash: String,
    },
    /// Enters that somebody is away and who acts for that person.
    Absent {
        /// Who, for whom, when and why.
        absence: Absence,
        /// Who says so.
        by: String,
    },
    /// Ends an absence before its time.
    Returned {
        /// Its number.
        number: u64,
        /// Who says so.
        by: String,
        /// Why.
        because: String,
    },
    /// Notes that somebody is shown an application's personal data unmasked.
    Disclose {
        /// Of which application.
        application_id: String,
        /// Who.
        by: String,
        /// Why.
        because: String,
    },
    /// Remembers that the notices of all that the journal has up to a position have gone out.
    Notified {
        /// Which position.
        through: u64,
    },
    /// Moves driven business time on.
    Drive {
        /// Where to.
        to: domain::Moment,
        /// Who drives it.
        by: String,
    },
}

/// Somebody is away, and another one acts for that person.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Absence {
    /// Who is away.
    pub person: String,
    /// Who acts.
    pub deputy: String,
    /// The first day of business time.
    pub from: domain::Date,
    /// The last day.
    pub to: domain::Date,
    /// Why.
    pub because: String,
}

/// What takes two persons.
#[derive(Debug)]
pub enum Wish {
    /// Ends the freeze of a channel.
    Unfreeze {
        /// The partner at the other end.
        partner: domain::Party,
        /// How.
        resolution: channel::Resolution,
    },
    /// Tells every partner that another key signs from now on.
    ChangeKey {
        /// The next key; its private half is at hand.
        key: channel::PublicKey,
    },
    /// Opens an account, or gives it another token.
    Account(Account),
    /// Closes an account: a person has left.
    Close {
        /// Which.
        account: String,
        /// The person behind it.
        person: String,
    },
    /// Destroys the keys of all personal data and papers of an application.
    Erase {
        /// Which.
        application_id: domain::ApplicationId,
    },
}

/// An account and its bearer token, hashed.
#[derive(Debug)]
pub struct Account {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Its name.
    pub account: String,
    /// The person behind it: what four eyes are counted by.
    pub person: String,
    /// Roles it holds.
    pub roles: Vec<String>,
}

/// Everything a service's edges need.
pub struct Handle<O: Organisation> {
    /// Commands of people; bounded.
    pub commands: mpsc::Sender<CommandWork<O::Command>>,
    /// Answers of ports; bounded.
    pub ports: mpsc::Sender<(domain::ApplicationId, PortAnswer)>,
    /// What operators do to the shell.
    pub maintenance: mpsc::Sender<MaintenanceWork>,
    /// Reading connections.
    pub readers: Readers,
    /// The charters that the organisation was set up with.
    pub founding: Arc<Charters>,
    /// Who waits for which application.
    pub changes: Arc<Changes>,
    /// Business time.
    pub clock: BusinessClock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where the spans of requests go that leave no journal row.
    pub requests: Spans,
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
    Writer {
        /// Before then nobody else can have taken over; none: there is nobody else.
        until: Option<Instant>,
    },
    /// It reads, forwards what it is told, and takes over when the writer is gone.
    StandBy {
        /// Where the writer answers, as far as that is known.
        writer: Option<String>,
    },
}

impl Role {
    /// Whether this process writes, for all that can be known without asking the database. A writer that was frozen or cut off
    /// for longer than its lease says no until it has renewed it, or found out that another has taken over.
    pub fn writes(&self) -> bool {
        match self {
            Role::Writer { until } => until.is_none_or(|until| Instant::now() < until),
            Role::StandBy { .. } => false,
        }
    }
}

/// What is still under way in this organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Backlog {
    /// Inputs in the queues.
    pub queued: usize,
    /// Messages sent and not receipted.
    pub unreceipted: u64,
    /// Per partner: the number of the last message that was sent.
    pub sent: BTreeMap<Party, u64>,
    /// Per partner: the number of the last message that was taken. Both sides agree here before a receipt has gone out.
    pub taken: BTreeMap<Party, u64>,
    /// Channels that are frozen.
    pub frozen: usize,
    /// Journal position of the last commit.
    pub position: u64,
    /// Earliest core timer, Unix ms business time.
    pub next_wake_ms: Option<i64>,
}

impl<O: Organisation> Handle<O> {
    /// Whether this process writes: see [`Role::writes`].
    pub fn writes(&self) -> bool {
        self.role.borrow().writes()
    }
}

impl<O: Organisation> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Handle {
            commands: self.commands.clone(),
            ports: self.ports.clone(),
            maintenance: self.maintenance.clone(),
            readers: self.readers.clone(),
            founding: self.founding.clone(),
            changes: self.changes.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            requests: self.requests.clone(),
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
type Waiting = BTreeMap<(String, Until), Arc<Teller>>;
type Teller = watch::Sender<Option<Arc<StateRow>>>;

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

/// Somebody who waits; when the last one leaves, nothing of it is kept.
#[derive(Debug)]
pub struct Watching<'a> {
    changes: &'a Changes,
    place: (String, Until),
    teller: Option<Arc<Teller>>,
    told: watch::Receiver<Option<Arc<StateRow>>>,
}

impl Watching<'_> {
    /// Waits until it is told: the row as it was committed, or nothing, and then the database has to be asked.
    pub async fn changed(&mut self) -> Option<Arc<StateRow>> {
        // The sender lives as long as this does, so it cannot be closed.
        let _ = self.told.changed().await;
        self.told.borrow_and_update().clone()
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let mut waiting = self.changes.lock();
        // Given up while the map is held, so that of two who leave at once the second sees that it is the last.
        let Some(teller) = self.teller.take() else { return };
        let is_last = Arc::strong_count(&teller) == 2;
        if is_last && waiting.get(&self.place).is_some_and(|kept| Arc::ptr_eq(kept, &teller)) {
            waiting.remove(&self.place);
        }
    }
}

impl Changes {
    /// Waits from now on for the next committed change of this row, or for the end of its application. Take it before reading
    /// the row, so that no change between can be missed.
    pub fn watch(&self, key: &str, until: Until) -> Watching<'_> {
        let place = (key.to_owned(), until);
        let mut waiting = self.lock();
        let teller = Arc::clone(waiting.entry(place.clone()).or_insert_with(|| Arc::new(watch::channel(None).0)));
        let told = teller.subscribe();
        Watching { changes: self, place, teller: Some(teller), told }
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
                // Whoever still waits after this change watches anew, so the entry is not needed any more.
                if let Some(teller) = waiting.remove(&(key.clone(), until)) {
                    teller.send_replace(row.clone());
                }
            }
        }
    }

    /// Has everybody look: something was committed, and what is not known.
    pub fn look(&self) {
        for teller in std::mem::take(&mut *self.lock()).into_values() {
            teller.send_replace(None);
        }
    }

    /// For how many rows somebody waits.
    pub fn awaited(&self) -> usize {
        self.lock().len()
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
