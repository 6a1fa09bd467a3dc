//! What a definition is written in: an organisation's core seen from the engine. No engine logic here.

use std::fmt::{Debug, Display};

use domain::{Calendar, CalendarError, Moment};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fact::Fact;
use crate::run::Run;

/// The facts of a world's sagas.
pub type FactOf<W> = Fact<<W as World>::Role, <W as World>::Reason>;
/// The runs of a world's sagas.
pub type RunOf<W> = Run<<W as World>::Role, <W as World>::Reason>;

/// One case (one saga) inside one decision of an organisation's core.
///
/// A `Fault` returned anywhere aborts the whole decision: the caller drops every change made through this value.
/// Make the implementing type free of borrowed lifetimes if its definitions are to be kept in a `static`.
pub trait World: Sized {
    /// Who may be given a task or own an incident in this organisation.
    type Role: Copy + Eq + Ord + Debug + Display + Serialize + DeserializeOwned;
    /// Why something was refused or withdrawn; usually the closed list of DOMAIN.md section 4.
    type Reason: Clone + Eq + Debug + Display + Serialize + DeserializeOwned;
    /// What aborts a decision: a row that was not loaded, a calendar year that is missing. Never a business refusal.
    type Fault: std::error::Error + From<CalendarError>;

    /// Business time of the input being decided; never goes back within a run.
    fn now(&self) -> Moment;

    /// The calendar under which this case's terms are counted (its charter's).
    fn calendar(&self) -> &Calendar;

    /// The identifier of this case, used in the default ask keys.
    ///
    /// # Errors
    /// The world's fault.
    fn case(&self) -> Result<String, Self::Fault>;

    /// The run stored in this case; `Run::default()` before the start.
    ///
    /// # Errors
    /// The world's fault, e.g. the case row is not loaded.
    fn run(&self) -> Result<&RunOf<Self>, Self::Fault>;

    /// Journals the fact and applies it to the stored run with [`Run::apply`].
    ///
    /// # Errors
    /// The world's fault.
    fn record(&mut self, fact: FactOf<Self>) -> Result<(), Self::Fault>;

    /// Takes the semantic lock for this case; `false` when another case holds it.
    ///
    /// # Errors
    /// The world's fault.
    fn lock(&mut self, key: &str) -> Result<bool, Self::Fault>;

    /// Gives the semantic lock back; called exactly once per run that took it, at its end.
    ///
    /// # Errors
    /// The world's fault.
    fn unlock(&mut self, key: &str) -> Result<(), Self::Fault>;
}

/// What a local step before (or at) the point of no return came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Here<Reason> {
    /// Its effect is recorded; the run goes on.
    Done,
    /// It has no effect; the run unwinds.
    Refused(Reason),
    /// It cannot be done yet (a queue); `Event::Woken` tries it again.
    Wait,
}

/// What a local step after the point of no return came to: it cannot refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    /// Its effect is recorded; the run goes on.
    Done,
    /// It cannot be done yet; `Event::Woken` tries it again.
    Wait,
}

/// What a remote step's functions are told about the message that they are to emit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The step's name.
    pub step: &'static str,
    /// The idempotency key: the same for every sending of one attempt, for its undo, its query and its closing.
    pub key: String,
    /// Counts keys, from 1.
    pub attempt: u32,
    /// Counts sendings of this message under this key, from 1.
    pub sending: u32,
}
