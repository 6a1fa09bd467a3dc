//! A definition: the steps of a process with their order, classes, functions and clocks. Built by `builder`, checked by
//! `check`, printed by `mermaid`; driven by `engine`.

pub(crate) mod builder;
pub(crate) mod check;
mod mermaid;

use std::fmt;

use domain::{Party, Term};

use crate::world::{Ask, Here, Must, World};

/// A local step's function.
pub(crate) type HereFn<W> = fn(&mut W) -> Result<Here<<W as World>::Reason>, <W as World>::Fault>;
/// A check's function: what it saw, why the run cannot go on, or that it has to wait.
pub(crate) type CheckFn<W> = HereFn<W>;
/// A local step's function after the point of no return.
pub(crate) type MustFn<W> = fn(&mut W) -> Result<Must, <W as World>::Fault>;
/// Emits a message.
pub(crate) type AskFn<W> = fn(&mut W, &Ask) -> Result<(), <W as World>::Fault>;
/// A local undo.
pub(crate) type UndoFn<W> = fn(&mut W) -> Result<(), <W as World>::Fault>;
/// A term, usually read from the case's charter.
pub(crate) type TermFn<W> = fn(&W) -> Result<Term, <W as World>::Fault>;
/// A lock's or an ask's key.
pub(crate) type KeyFn<W> = fn(&W) -> Result<String, <W as World>::Fault>;

/// A process, ready to be driven. See the crate's documentation for what it means.
pub struct Definition<W: World> {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) lock: Option<KeyFn<W>>,
    pub(crate) owner: W::Role,
    pub(crate) retry: Retry,
    pub(crate) unknown: UnknownPolicy,
    pub(crate) again: AgainPolicy,
    pub(crate) steps: Vec<Step<W>>,
    pub(crate) expiries: Vec<Expiry<W>>,
    pub(crate) pivot: Option<usize>,
}

pub(crate) struct Step<W: World> {
    pub name: &'static str,
    pub class: Class,
    pub work: Work<W>,
    pub undo: Undo<W>,
    pub within: Option<(Option<W::Role>, TermFn<W>)>,
    pub key: Option<KeyFn<W>>,
    pub retry: Option<Retry>,
    pub owner: Option<W::Role>,
    pub other_than: Vec<&'static str>,
    /// The steps right before it, by index; all are lower than its own.
    pub after: Vec<usize>,
}

pub(crate) enum Work<W: World> {
    Decide(W::Role),
    Here(HereFn<W>),
    Check(CheckFn<W>),
    MustHere(MustFn<W>),
    Ask(Party, AskFn<W>),
    /// The pivot at another party: ask, query by key, close the key.
    Pivot(Party, AskFn<W>, AskFn<W>, AskFn<W>),
    Child(AskFn<W>),
}

// By hand: deriving would ask `W: Copy`.
impl<W: World> Clone for Work<W> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<W: World> Copy for Work<W> {}

impl<W: World> Step<W> {
    /// Whether it is another party's to do, so that going on means asking it again.
    pub(crate) const fn is_asked(&self) -> bool {
        matches!(self.work, Work::Ask(..) | Work::Pivot(..))
    }
}

pub(crate) enum Undo<W: World> {
    /// Not yet said; the builder does not let a compensatable step stay so.
    Unsaid,
    /// None needed, and why.
    NotNeeded(&'static str),
    Here(UndoFn<W>),
    Ask(AskFn<W>),
    /// The pivot and what follows it.
    Never,
}

impl<W: World> Clone for Undo<W> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<W: World> Copy for Undo<W> {}

pub(crate) struct Expiry<W: World> {
    pub name: &'static str,
    pub since: Since,
    pub until: &'static str,
    pub term: TermFn<W>,
}

/// From when an expiry's clock runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// The completion of the step.
    Done(&'static str),
    /// The completion of the last of the steps (parallel branches).
    AllDone(Vec<&'static str>),
    /// The step's beginning to wait (a queue).
    Waiting(&'static str),
    /// The start of the run.
    Start,
}

impl From<&'static str> for Since {
    fn from(step: &'static str) -> Self {
        Self::Done(step)
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(step) => f.write_str(step),
            Self::AllDone(steps) => f.write_str(&steps.join(" and ")),
            Self::Waiting(step) => write!(f, "{step} waits"),
            Self::Start => f.write_str("the start"),
        }
    }
}

/// How an unanswered question is sent again: after `first_ms`, each time twice as long, at most `longest_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first wait, in milliseconds.
    pub first_ms: i64,
    /// The longest wait, in milliseconds.
    pub longest_ms: i64,
}

impl Retry {
    /// After five minutes, doubling up to a day: between organisations whose channel already resends until custody, the
    /// engine's own resending only has to survive a receiver that lost its answer.
    pub const DEFAULT: Self = Self { first_ms: 5 * MINUTE_MS, longest_ms: 24 * 60 * MINUTE_MS };

    /// The wait after the `sendings`-th sending (from 1), in milliseconds.
    #[must_use]
    pub fn wait_ms(&self, sendings: u32) -> i64 {
        let doublings = sendings.saturating_sub(1).min(40);
        self.first_ms.saturating_mul(1_i64 << doublings).min(self.longest_ms)
    }
}

/// How a party that does not know is asked by the same key (DOMAIN.md S4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPolicy {
    /// The waits between questions in milliseconds; the last one repeats.
    pub waits_ms: Vec<i64>,
    /// After how long a person is called, in milliseconds.
    pub person_after_ms: i64,
}

const MINUTE_MS: i64 = 60_000;

impl Default for UnknownPolicy {
    /// After 1, 5, 15 and then every 60 minutes; a person after 4 hours (DOMAIN.md S4).
    fn default() -> Self {
        Self {
            waits_ms: vec![MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 60 * MINUTE_MS],
            person_after_ms: 4 * 60 * MINUTE_MS,
        }
    }
}

impl UnknownPolicy {
    /// The wait after `sendings` questions since it became unknown, in milliseconds.
    #[must_use]
    pub fn wait_ms(&self, sendings: u32) -> i64 {
        let index = usize::try_from(sendings).unwrap_or(usize::MAX).min(self.waits_ms.len().saturating_sub(1));
        self.waits_ms.get(index).copied().unwrap_or(60 * MINUTE_MS)
    }
}

/// When a pivot that was not done is tried again, under the next key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgainPolicy {
    /// The waits between attempts, so that a party that refuses at once does not make a loop.
    pub wait: Retry,
    /// From this attempt on (counted from 1) a person is called, and has it tried again or not.
    pub attempts: u32,
}

impl Default for AgainPolicy {
    /// After five minutes, doubling up to a day; a person after five attempts.
    fn default() -> Self {
        Self { wait: Retry::DEFAULT, attempts: 5 }
    }
}

/// What may happen to a step once it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It can be undone (or needs no undo).
    Compensatable,
    /// The point of no return.
    Pivot,
    /// It is repeated until it is done.
    Retriable,
}

/// Who does a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<Role> {
    /// A person of this role.
    Decide(Role),
    /// This organisation, at once or from a queue.
    Here,
    /// Another party.
    Ask(Party),
    /// A child saga.
    Child,
}

/// How a step is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoKind {
    /// By a function of this organisation.
    Here,
    /// By asking the party that did it.
    Asked,
    /// It needs none, for this reason.
    NotNeeded(&'static str),
    /// It cannot be.
    Never,
}

/// A step as the outside may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDescription<Role> {
    /// Unique in its definition.
    pub name: &'static str,
    /// What may happen to it.
    pub class: Class,
    /// Who does it.
    pub kind: Kind<Role>,
    /// How it is undone.
    pub undo: UndoKind,
    /// The steps right before it.
    pub after: Vec<&'static str>,
}

/// An expiry as the outside may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryDescription {
    /// The ending's name.
    pub name: &'static str,
    /// From when it runs.
    pub since: Since,
    /// The step whose completion stops it.
    pub until: &'static str,
}

impl<W: World> Definition<W> {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its version, from 1.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Whether a run takes a semantic lock.
    #[must_use]
    pub const fn has_lock(&self) -> bool {
        self.lock.is_some()
    }

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> Vec<StepDescription<W::Role>> {
        self.steps.iter().map(|step| self.describe(step)).collect()
    }

    /// The expiries in order of declaration.
    #[must_use]
    pub fn expiries(&self) -> Vec<ExpiryDescription> {
        let describe = |e: &Expiry<W>| ExpiryDescription { name: e.name, since: e.since.clone(), until: e.until };
        self.expiries.iter().map(describe).collect()
    }

    fn describe(&self, step: &Step<W>) -> StepDescription<W::Role> {
        let kind = match step.work {
            Work::Decide(role) => Kind::Decide(role),
            Work::Here(_) | Work::Check(_) | Work::MustHere(_) => Kind::Here,
            Work::Ask(party, _) | Work::Pivot(party, ..) => Kind::Ask(party),
            Work::Child(_) => Kind::Child,
        };
        let undo = match step.undo {
            Undo::Here(_) => UndoKind::Here,
            Undo::Ask(_) => UndoKind::Asked,
            Undo::NotNeeded(why) => UndoKind::NotNeeded(why),
            Undo::Unsaid | Undo::Never => UndoKind::Never,
        };
        let after = step.after.iter().filter_map(|i| self.steps.get(*i)).map(|s| s.name).collect();
        StepDescription { name: step.name, class: step.class, kind, undo, after }
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }
}

impl<W: World> Definition<W> {
    /// The expiries that run whenever the step at `index` is open: started before it, stopped by it or later.
    pub(crate) fn running_at(&self, index: usize) -> Vec<&'static str> {
        let before = check::ancestors(&self.steps, index);
        let named = |name: &str, among: &std::collections::BTreeSet<usize>| {
            self.index(name).is_some_and(|i| among.contains(&i))
        };
        let covers = |expiry: &&Expiry<W>| {
            let started = match &expiry.since {
                Since::Start => true,
                Since::Done(name) => named(name, &before),
                Since::AllDone(names) => names.iter().all(|name| named(name, &before)),
                Since::Waiting(_) => false,
            };
            let until = self.index(expiry.until);
            started
                && until.is_some_and(|until| until == index || check::ancestors(&self.steps, until).contains(&index))
        };
        self.expiries.iter().filter(covers).map(|expiry| expiry.name).collect()
    }
}
