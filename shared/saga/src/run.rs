//! One run of a definition, as stored in its case: what is true of every step now, and what that implies.
//!
//! Pure values. A run changes only by [`Run::apply`] (in `run/apply.rs`) and knows nothing of its definition, so that it
//! can be loaded, shown and replayed without it.

mod apply;

use std::collections::BTreeMap;
use std::fmt;

use domain::{Moment, Party};
use serde::{Deserialize, Serialize};

use crate::event::Outcome;
use crate::fact::{AfterClosing, Ending, IncidentKind};
use crate::task::{Deadline, Notice, Person, Task};

/// One run of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run<Role, Reason> {
    /// The definition's name; empty before the start.
    pub definition: String,
    /// The definition's version.
    pub version: u32,
    /// Which way it goes.
    pub phase: Phase<Reason>,
    /// The semantic lock that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The pivot is done: it only goes forward.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pivot_passed: bool,
    /// The steps that were opened, by name.
    pub steps: BTreeMap<String, StepRun<Role, Reason>>,
    /// The expiries that run, by name, with when they fall due.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expiries: BTreeMap<String, Moment>,
    /// The open incidents, by number.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub incidents: BTreeMap<u32, Incident<Role, Reason>>,
    /// How many incidents it ever had.
    #[serde(default)]
    pub incidents_so_far: u32,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
}

impl<Role, Reason> Default for Run<Role, Reason> {
    fn default() -> Self {
        Self {
            definition: String::new(),
            version: 0,
            phase: Phase::NotStarted,
            lock: None,
            pivot_passed: false,
            steps: BTreeMap::new(),
            expiries: BTreeMap::new(),
            incidents: BTreeMap::new(),
            incidents_so_far: 0,
            started_at: None,
            ended_at: None,
        }
    }
}

/// Which way a run goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase<Reason> {
    /// Nothing has happened.
    NotStarted,
    /// Towards completion.
    Forward,
    /// Back, because of `ending`.
    Unwinding {
        /// How it will end.
        ending: Ending<Reason>,
    },
    /// It is over.
    Ended {
        /// How it ended.
        ending: Ending<Reason>,
    },
}

/// One step of a run, from its opening on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun<Role, Reason> {
    /// Where it is.
    pub state: State<Role, Reason>,
    /// Counts the keys used, from 1; 0 for local and human steps.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// The key of the current attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was opened.
    pub opened_at: Moment,
    /// When it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
    /// The person who decided it (four eyes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Person>,
    /// The last answer to the original ask under the current key.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub heard: Option<Outcome<Reason>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

// A named default: deriving would ask `Reason: Default`.
fn none<T>() -> Option<T> {
    None
}

/// Where a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State<Role, Reason> {
    /// A person is to decide.
    Deciding {
        /// Who, until when.
        task: Task<Role>,
    },
    /// A local step, or a pivot of which nothing is in flight, waits to be woken.
    Waiting,
    /// A party is asked and has not answered, or does not know (`call.doubt`).
    Asked {
        /// The open question.
        call: Call,
        /// Who is reminded.
        #[serde(default = "none", skip_serializing_if = "Option::is_none")]
        deadline: Option<Deadline<Role>>,
    },
    /// The pivot's key is being closed.
    Closing {
        /// The open question.
        call: Call,
        /// What follows if nothing was done.
        then: AfterClosing<Reason>,
    },
    /// The pivot's key is closed and the next attempt not yet made: nothing is in flight.
    Between {
        /// The party of the last attempt.
        party: Party,
        /// When the next attempt is made.
        next_at: Moment,
    },
    /// A child saga runs.
    Child,
    /// A step that must happen was refused, or the pivot was not done and its key is closed; it waits for a repair.
    Stuck {
        /// Why.
        reason: Reason,
        /// Who wants it to count as done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proposed: Option<Person>,
    },
    /// Done.
    Done,
    /// Refused: it has no effect.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// The party is asked to undo.
    Undoing {
        /// The open question.
        call: Call,
    },
    /// The party refused to undo; it waits for a repair.
    UndoFailed {
        /// The party.
        party: Party,
        /// Why.
        reason: Reason,
        /// Who wants it to count as undone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proposed: Option<Person>,
    },
    /// Undone, or sure never to be done.
    Undone,
    /// Given up while open, with nothing to undo.
    Abandoned,
    /// Done, and left so: it needs no undo.
    Kept,
}

impl<Role, Reason> State<Role, Reason> {
    /// One word or two for people and for `IllegalTransition`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Deciding { task } if task.suspended.is_some() => "suspended",
            Self::Deciding { .. } => "deciding",
            Self::Waiting => "waiting",
            Self::Asked { call, .. } if call.doubt.is_some() => "unknown",
            Self::Asked { .. } => "asked",
            Self::Closing { .. } => "closing",
            Self::Between { .. } => "between attempts",
            Self::Child => "in a child saga",
            Self::Stuck { .. } => "stuck",
            Self::Done => "done",
            Self::Refused { .. } => "refused",
            Self::Undoing { .. } => "undoing",
            Self::UndoFailed { .. } => "undo failed",
            Self::Undone => "undone",
            Self::Abandoned => "abandoned",
            Self::Kept => "kept",
        }
    }

    /// Whether nothing of it remains to be undone.
    #[must_use]
    pub const fn is_settled_back(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Undone | Self::Abandoned | Self::Kept)
    }

    /// The open question, if a party is to answer.
    #[must_use]
    pub const fn call(&self) -> Option<&Call> {
        match self {
            Self::Asked { call, .. } | Self::Closing { call, .. } | Self::Undoing { call } => Some(call),
            _ => None,
        }
    }
}

/// A question to a party that is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Who is asked.
    pub party: Party,
    /// How often it was sent under this key.
    pub sendings: u32,
    /// When it is sent again.
    pub retry_at: Moment,
    /// The party answered the last sending with *not now*.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferred: bool,
    /// The party answered that it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
}

/// A party does not know whether something was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Since when.
    pub since: Moment,
    /// How often it was asked since.
    pub sendings: u32,
    /// When a person is called; none once that has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_at: Option<Moment>,
}

/// What a person has to look into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident<Role, Reason> {
    /// Where.
    pub step: String,
    /// What.
    pub kind: IncidentKind<Reason>,
    /// Whose it is.
    pub owner: Role,
    /// Since when.
    pub opened_at: Moment,
}

/// A timer of a run; with its due time it has the order in which timers fire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A deadline's notice.
    Notice(String, Notice),
    /// An open question is sent again, or the next attempt made.
    Retry(String),
    /// A party has not known for too long.
    Doubt(String),
    /// Papers did not come.
    Papers(String),
    /// A named expiry.
    Expiry(String),
}

impl Timer {
    /// Whether it ends the run.
    const fn ends(&self) -> bool {
        matches!(self, Self::Papers(_) | Self::Expiry(_))
    }
}

/// Who has the ball.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting<Role> {
    /// At which step.
    pub step: String,
    /// Who.
    pub who: Who<Role>,
    /// Until when it should move, or when it is asked again.
    pub until: Option<Moment>,
}

/// Whom a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Who<Role> {
    /// A person of this role decides.
    Decider(Role),
    /// The applicant brings papers.
    Applicant,
    /// Another party answers.
    Party(Party),
    /// A queue inside this organisation.
    Queue,
    /// A child saga.
    Child,
    /// A person of this role repairs.
    Repairer(Role),
}

impl<Role: fmt::Display> fmt::Display for Who<Role> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decider(role) => write!(f, "{role}"),
            Self::Applicant => f.write_str("applicant"),
            Self::Party(party) => write!(f, "{party}"),
            Self::Queue => f.write_str("queue"),
            Self::Child => f.write_str("child saga"),
            Self::Repairer(role) => write!(f, "{role} (repair)"),
        }
    }
}

impl<Role: Copy, Reason> Run<Role, Reason> {
    /// The step, if it was opened.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepRun<Role, Reason>> {
        self.steps.get(name)
    }

    /// Its state, if it was opened.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<&State<Role, Reason>> {
        self.steps.get(name).map(|step| &step.state)
    }

    /// Whether the step is done (and not undone).
    #[must_use]
    pub fn is_done(&self, name: &str) -> bool {
        matches!(self.state(name), Some(State::Done))
    }

    /// Its ending, once it is over.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending<Reason>> {
        match &self.phase {
            Phase::Ended { ending } => Some(ending),
            _ => None,
        }
    }

    /// The tasks that people owe, by step.
    pub fn open_tasks(&self) -> impl Iterator<Item = (&str, &Task<Role>)> {
        self.steps.iter().filter_map(|(name, step)| match &step.state {
            State::Deciding { task } => Some((name.as_str(), task)),
            _ => None,
        })
    }

    /// The open incidents, by number.
    pub fn incidents(&self) -> impl Iterator<Item = (u32, &Incident<Role, Reason>)> {
        self.incidents.iter().map(|(id, incident)| (*id, incident))
    }

    /// Whether something that a party contradicted is not settled: nothing is ordered and nothing ends meanwhile.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        self.incidents.values().any(|incident| matches!(incident.kind, IncidentKind::Contradicted(_)))
    }

    /// Who has the ball, by step; empty only when the run has ended or not begun.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<Waiting<Role>> {
        let mut all = Vec::new();
        for (name, step) in &self.steps {
            let (who, until) = match &step.state {
                State::Deciding { task } => match &task.suspended {
                    Some(rest) => (Who::Applicant, Some(rest.due_at)),
                    None => (Who::Decider(task.role()), Some(task.due_at())),
                },
                State::Waiting => (Who::Queue, None),
                State::Asked { call, deadline } => {
                    (Who::Party(call.party), Some(deadline.as_ref().map_or(call.retry_at, |d| d.due_at)))
                }
                State::Closing { call, .. } | State::Undoing { call } => (Who::Party(call.party), Some(call.retry_at)),
                State::Between { party, next_at } => (Who::Party(*party), Some(*next_at)),
                State::Child => (Who::Child, None),
                State::Stuck { .. } | State::UndoFailed { .. } => continue, // their incident names the owner below
                State::Done | State::Refused { .. } | State::Undone | State::Abandoned | State::Kept => continue,
            };
            all.push(Waiting { step: name.clone(), who, until });
        }
        for incident in self.incidents.values() {
            all.push(Waiting { step: incident.step.clone(), who: Who::Repairer(incident.owner), until: None });
        }
        all
    }

    /// All timers with their due times, unordered. What would end the run waits while it is contradicted, and is due then.
    fn timers(&self) -> impl Iterator<Item = (Moment, Timer)> + '_ {
        let steps = self.steps.iter().flat_map(|(name, step)| step_timers(name, step));
        let expiries = self.expiries.iter().map(|(name, due)| (*due, Timer::Expiry(name.clone())));
        let waits = self.is_contradicted();
        steps.chain(expiries).filter(move |(_, timer)| !(waits && timer.ends()))
    }

    /// The earliest timer that is due at `now`, in the order (due, timer).
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<(Moment, Timer)> {
        self.timers().filter(|(due, _)| *due <= now).min()
    }

    /// When the engine is to be called with a tick next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        self.timers().map(|(due, _)| due).min()
    }
}

fn step_timers<Role: Copy, Reason>(name: &str, step: &StepRun<Role, Reason>) -> Vec<(Moment, Timer)> {
    let mut timers = Vec::new();
    let mut notice = |deadline: &Deadline<Role>| {
        if let Some((at, n)) = deadline.next_notice() {
            timers.push((at, Timer::Notice(name.to_owned(), n)));
        }
    };
    match &step.state {
        State::Deciding { task } => match &task.suspended {
            Some(rest) => timers.push((rest.due_at, Timer::Papers(name.to_owned()))),
            None => notice(&task.deadline),
        },
        State::Asked { deadline: Some(deadline), .. } => notice(deadline),
        State::Between { next_at, .. } => timers.push((*next_at, Timer::Retry(name.to_owned()))),
        _ => {}
    }
    if let Some(call) = step.state.call() {
        timers.push((call.retry_at, Timer::Retry(name.to_owned())));
        if let Some(at) = call.doubt.as_ref().and_then(|doubt| doubt.person_at) {
            timers.push((at, Timer::Doubt(name.to_owned())));
        }
    }
    timers
}

/// `ms` after `at`, at most the last moment there is.
pub(crate) const fn later(at: Moment, ms: i64) -> Moment {
    Moment::from_millis(at.millis().saturating_add(ms))
}
