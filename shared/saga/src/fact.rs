//! What a run consists of: every change is one of these, journaled, and applied by `Run::apply`.
//!
//! The stored form is a contract: a variant never changes its shape or meaning; what must change gets a new variant
//! beside the old one. Golden tests pin both the stored form and what applying it does.

use std::collections::BTreeSet;

use domain::{Moment, Party};
use serde::{Deserialize, Serialize};

use crate::event::Outcome;
use crate::task::Person;

/// How a run ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending<Reason> {
    /// All steps are done.
    Completed,
    /// A step was refused and all before it is undone.
    Refused {
        /// The step.
        step: String,
        /// Its reason.
        reason: Reason,
    },
    /// The applicant withdrew and all is undone.
    Withdrawn {
        /// Why.
        reason: Reason,
    },
    /// A named expiry passed and all is undone.
    Expired {
        /// Its name, e.g. `CONTRACT`.
        name: String,
    },
}

/// What follows once the pivot's key is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterClosing<Reason> {
    /// The run unwinds with this withdrawal or expiry.
    End(Ending<Reason>),
    /// The pivot counts as refused.
    Refuse(Reason),
    /// The next attempt is made after a while, or by a person.
    NextAttempt(Reason),
    /// A person is called, who may have the next attempt made.
    Stick(Reason),
}

/// Whom a remote step's deadline reminds, and when it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlineSet<Role> {
    /// Who is reminded.
    pub role: Role,
    /// When all the time has gone.
    pub due_at: Moment,
}

/// What a person has to look into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IncidentKind<Reason> {
    /// The asked party cannot undo what it did.
    UndoRefused(Reason),
    /// The asked party has not known for too long.
    UnknownTooLong,
    /// A step that must happen was refused.
    MustRefused(Reason),
    /// A child saga unwound.
    ChildFailed(Reason),
    /// The pivot was not done, and another attempt is a person's to order.
    NotDone(Reason),
    /// What the party said excludes what it said before, or what was agreed. No answer settles it, only people.
    Contradicted(Reason),
}

/// A change of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields say the same in every variant: step, key, who, when")]
pub enum Fact<Role, Reason> {
    /// The run began; the lock, if any, is held.
    Started { definition: String, version: u32, lock: Option<String>, at: Moment },
    /// A person is to decide.
    TaskOpened { step: String, role: Role, due_at: Moment, excluded: BTreeSet<Person>, at: Moment },
    /// A person took the task or gave it back.
    TaskClaimed { step: String, by: Option<Person> },
    /// Papers were asked for; `expiry` runs until `due_at`.
    Suspended { step: String, expiry: String, due_at: Moment },
    /// The papers came; a fresh deadline runs.
    Resumed { step: String, due_at: Moment, at: Moment },
    /// A local step waits to be woken; or the pivot does, before its next attempt.
    StepWaiting { step: String, at: Moment },
    /// A party was asked for the first time under this key.
    Asked {
        step: String,
        party: Party,
        key: String,
        attempt: u32,
        retry_at: Moment,
        deadline: Option<DeadlineSet<Role>>,
        at: Moment,
    },
    /// The open question (ask, query, closing or undo) was sent once more under the same key.
    AskedAgain { step: String, retry_at: Moment },
    /// The party cannot now; it is asked again at `retry_at`.
    AskDeferred { step: String, retry_at: Moment },
    /// The party does not know; it is asked about the key at `retry_at`, and a person is called at
    /// `person_at`.
    BecameUnknown { step: String, retry_at: Moment, person_at: Moment, at: Moment },
    /// The pivot's key is being closed; `then` follows if nothing was done under it.
    KeyClosing { step: String, then: AfterClosing<Reason>, retry_at: Moment, at: Moment },
    /// The pivot's key is closed for ever.
    KeyClosed { step: String, at: Moment },
    /// This attempt came to nothing; the next is made at `next_at`.
    AttemptEnded { step: String, attempt: u32, reason: Reason, next_at: Moment },
    /// A child saga was started.
    ChildStarted { step: String, key: String, attempt: u32, at: Moment },
    /// The step is done; `by` if a person decided it.
    StepDone { step: String, by: Option<Person>, at: Moment },
    /// From here the run only goes forward; all expiries stop.
    PivotPassed { step: String, at: Moment },
    /// The withdrawal or expiry came too late: the pivot was done.
    CancelVoid { ending: Ending<Reason> },
    /// The step was refused and has no effect; `by` if a person decided it.
    StepRefused { step: String, reason: Reason, by: Option<Person>, at: Moment },
    /// A step that must happen was refused, or its child saga failed, or the pivot was not done; it stays open for a repair.
    StepStuck { step: String, reason: Reason, at: Moment },
    /// The step was open and is given up; nothing is to be undone.
    StepAbandoned { step: String, at: Moment },
    /// The step stays as it is: it needs no undo.
    StepKept { step: String, at: Moment },
    /// An answer to the original ask came after it had stopped to matter.
    LateAnswer { step: String, outcome: Outcome<Reason> },
    /// The run turns back; all expiries stop.
    UnwindingBegan { ending: Ending<Reason>, at: Moment },
    /// The party was asked to undo.
    UndoAsked { step: String, party: Party, retry_at: Moment, at: Moment },
    /// The step is undone.
    Undone { step: String, at: Moment },
    /// The party refused to undo.
    UndoFailed { step: String, reason: Reason, at: Moment },
    /// A person has to look into it.
    IncidentOpened { id: u32, step: String, kind: IncidentKind<Reason>, owner: Role, at: Moment },
    /// It is settled: by a person with a stated reason, or by the answer itself (`by` none).
    IncidentResolved { id: u32, because: String, by: Option<Person>, at: Moment },
    /// A person wants the step to count as done or undone, by a stated reason; another one has to say the same.
    ResolutionProposed { step: String, because: String, by: Person, at: Moment },
    /// An operator had an ask or an undo tried once more, by a stated reason; what came of it follows.
    Retried { step: String, because: String, by: Person, at: Moment },
    /// The role was reminded that this share (50 or 80 %) of its time has gone.
    Reminded { step: String, percent: u8 },
    /// All of the time has gone.
    Escalated { step: String },
    /// An expiry runs.
    ExpirySet { name: String, due_at: Moment },
    /// An expiry no longer runs.
    ExpiryStopped { name: String },
    /// An expiry fell due.
    ExpiryPassed { name: String, at: Moment },
    /// The run is over and its lock is given back.
    Ended { ending: Ending<Reason>, at: Moment },
}
