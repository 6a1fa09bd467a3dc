//! What can happen to a run, and what the engine says to it. Data only.

use std::fmt;

use domain::Term;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::task::{Person, TaskRefusal};

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<Reason> {
    /// A person decided a task.
    Decided {
        /// The step whose task it is.
        step: String,
        /// Who decided; checked for four eyes.
        by: Person,
        /// What was decided.
        verdict: Verdict<Reason>,
    },
    /// A person took a task, or gave it back (`None`).
    Claimed {
        /// The step whose task it is.
        step: String,
        /// Who has it now.
        by: Option<Person>,
    },
    /// The asked party answered an ask, a query, a closing or an undo.
    Answered {
        /// The step that was asked.
        step: String,
        /// The key under which it was asked.
        key: String,
        /// What it said.
        outcome: Outcome<Reason>,
    },
    /// What a party said of a step excludes what it said before, or what was agreed: a person has to look into it.
    Contradicted {
        /// The step.
        step: String,
        /// What does not fit.
        reason: Reason,
    },
    /// A waiting local step may be tried again, or the pivot's next attempt be made now.
    Woken {
        /// The step.
        step: String,
    },
    /// A child saga ended.
    ChildEnded {
        /// The step that started it.
        step: String,
        /// The key under which it was started.
        key: String,
        /// How it ended.
        outcome: ChildOutcome<Reason>,
    },
    /// The applicant withdraws (DOMAIN.md S9).
    Cancel {
        /// Why.
        reason: Reason,
    },
    /// Time has come to `World::now`: every due timer fires, in order (due, timer).
    Tick,
    /// An operator repairs a stuck step.
    Repair {
        /// The step.
        step: String,
        /// Who repairs.
        by: Person,
        /// What is done.
        action: RepairAction,
        /// Why, and for a step that is settled by hand what was done instead.
        because: String,
    },
}

impl<Reason: fmt::Display> fmt::Display for Event<Reason> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decided { step, by, verdict } => write!(f, "`{step}` decided by {by}: {verdict}"),
            Self::Claimed { step, by: Some(by) } => write!(f, "`{step}` claimed by {by}"),
            Self::Claimed { step, by: None } => write!(f, "`{step}` given back"),
            Self::Answered { step, key, outcome } => {
                write!(f, "`{step}` answered under {key}: {outcome}")
            }
            Self::Contradicted { step, reason } => write!(f, "`{step}` contradicted ({reason})"),
            Self::Woken { step } => write!(f, "`{step}` woken"),
            Self::ChildEnded { step, key, outcome } => {
                write!(f, "child of `{step}` under {key}: {outcome}")
            }
            Self::Cancel { reason } => write!(f, "cancel ({reason})"),
            Self::Tick => f.write_str("tick"),
            Self::Repair { step, by, action, because } => {
                write!(f, "repair of `{step}` by {by}: {action} ({because})")
            }
        }
    }
}

/// What a person says to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<Reason> {
    /// Yes; what exactly was approved is the core's to record.
    Approve,
    /// No; the run unwinds. Not possible after the point of no return.
    Refuse(Reason),
    /// Papers are missing: the task rests and `expiry` runs for `term`.
    AskForPapers {
        /// The name of the ending, e.g. `NEED_DOCS`.
        expiry: String,
        /// How long the applicant has.
        term: Term,
    },
    /// The papers came; the task goes on with a fresh deadline.
    PapersSupplied,
}

impl<Reason: fmt::Display> fmt::Display for Verdict<Reason> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approve => f.write_str("approve"),
            Self::Refuse(reason) => write!(f, "refuse ({reason})"),
            Self::AskForPapers { expiry, .. } => write!(f, "ask for papers ({expiry})"),
            Self::PapersSupplied => f.write_str("papers supplied"),
        }
    }
}

/// What an asked party says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome<Reason> {
    /// It is done.
    Done,
    /// It is not done and will not be under this key.
    Refused(Reason),
    /// The pivot only: it was not done this time; once the key is closed it is tried again under the next one, after a while.
    NotDone(Reason),
    /// The pivot only: it was not done, and would not be the next time; once the key is closed a person is called.
    Blocked(Reason),
    /// Not now; the same again later.
    Transient,
    /// The asked party does not know whether it was done.
    Unknown,
    /// The key is closed: nothing was done under it and nothing ever will be.
    Closed,
    /// It is undone, or will never be done.
    Undone,
    /// It is done and cannot be undone.
    UndoRefused(Reason),
}

impl<Reason: fmt::Display> fmt::Display for Outcome<Reason> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Refused(reason) => write!(f, "refused ({reason})"),
            Self::NotDone(reason) => write!(f, "not done ({reason})"),
            Self::Blocked(reason) => write!(f, "blocked ({reason})"),
            Self::Transient => f.write_str("not now"),
            Self::Unknown => f.write_str("unknown"),
            Self::Closed => f.write_str("closed"),
            Self::Undone => f.write_str("undone"),
            Self::UndoRefused(reason) => write!(f, "undo refused ({reason})"),
        }
    }
}

/// How a child saga ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildOutcome<Reason> {
    /// It went through to its end.
    Completed,
    /// It unwound.
    Failed(Reason),
}

impl<Reason: fmt::Display> fmt::Display for ChildOutcome<Reason> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Failed(reason) => write!(f, "failed ({reason})"),
        }
    }
}

/// What an operator may do, by a stated reason; never decides credit, moves money or makes up a partner's answer to a pivot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairAction {
    /// Ask again for an undo that was refused.
    RetryUndo,
    /// The undo that was refused counts as made, once two persons say so: it ends what a partner still has.
    ResolveUndo,
    /// Ask again now: under the same key if unanswered, under the next if a retriable step was refused or the pivot not done.
    RetryAsk,
    /// A retriable step that was refused counts as done, once two persons say so.
    Resolve,
    /// What a party contradicted is cleared up between people; the run stays where it is.
    Settle,
}

impl fmt::Display for RepairAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RetryUndo => "retry the undo",
            Self::ResolveUndo => "undo resolved",
            Self::RetryAsk => "ask again",
            Self::Resolve => "resolved",
            Self::Settle => "contradiction settled",
        })
    }
}

/// What the engine did with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Reaction {
    /// At least one fact was recorded.
    Moved,
    /// Nothing was to be done and nothing was recorded.
    Nothing(Why),
    /// The event is not allowed now; nothing was recorded.
    Refused(Refusal),
}

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The same was heard before.
    Duplicate,
    /// It is about an attempt whose key is closed or was answered.
    OldAttempt,
    /// It came after the step was settled and has no bearing on it.
    Late,
    /// The step is not waiting.
    NotWaiting,
    /// The step was tried and still waits.
    StillWaiting,
    /// No timer is due.
    NothingDue,
    /// A withdrawal is already waiting for the asked party's answer.
    CancelPending,
}

/// Why an event is refused, in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Refusal {
    /// The semantic lock is held by another case.
    #[error("`{key}` is held by another open case")]
    Locked {
        /// The lock.
        key: String,
    },
    /// The run has ended.
    #[error("the case has ended")]
    Ended,
    /// The point of no return is passed.
    #[error("the point of no return is passed")]
    PointOfNoReturnPassed,
    /// The run is unwinding already, or a refusal is being made final.
    #[error("the case is already ending")]
    Ending,
    /// A party contradicts itself, and that is not settled.
    #[error("what the asked party contradicts has to be settled first")]
    Contradicted,
    /// Who has proposed it wants to confirm it too.
    #[error("another person has to say the same")]
    AnotherPerson,
    /// The person may not.
    #[error(transparent)]
    Task(#[from] TaskRefusal),
    /// The run was begun under another definition or version.
    #[error("the case runs under {run}, not under {definition}")]
    OtherDefinition {
        /// Name and version of the run.
        run: String,
        /// Name and version of the definition that was asked to drive it.
        definition: String,
    },
    /// The event does not fit the state: a defect here or at the sender.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
}

/// An event that does not fit the state; names both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("in state [{state}] the input [{input}] is not allowed")]
pub struct IllegalTransition {
    /// Where the run was.
    pub state: String,
    /// What was put in.
    pub input: String,
}
