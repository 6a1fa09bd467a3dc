//! The saga engine: runs a business process that crosses organisations, forwards or back, one pure decision at a time.
//!
//! A process is a [`Definition`], written once with [`saga`] so that it reads like the business (DESIGN.md idea 5,
//! DOMAIN.md section 2). An organisation's core implements [`World`]; the engine reads the [`Run`] through it, calls the
//! steps' functions and records every change as a [`Fact`]. [`Run::apply`] is the only place where a run changes.
//!
//! Pure: no clock (time is [`World::now`]), no IO, no randomness, no unordered iteration, no floats, and nothing of any
//! particular process. It refuses to decide for a person: deadlines remind and escalate, only a named expiry ends.
//!
//! # Step classes
//! * *compensatable* (`decide`, `here`, `ask`, `parallel`): has an undo, or says why it needs none. Forgetting to say
//!   either does not compile. A `check` only looks, and needs none.
//! * *pivot* (`point_of_no_return`, `point_of_no_return_here`): at most one. Behind it no step can be refused or undone,
//!   by type.
//! * *retriable* (`must`, `must_here`, `must_decide`, `start_child`, `must_parallel`): repeated until done.
//!
//! # Semantics
//! **Order.** A step opens when all steps right before it are done. Undo follows one rule over the same graph: a step may
//! be undone when every step that depended on it is undone or never ran; branches of a parallel group unwind in parallel.
//! A *here* step that is waiting (queued) is undone too: its undo leaves the queue or gives back what was done.
//!
//! **Asks.** A remote step is asked under one stable key per attempt, `{step}:{case}:{attempt}`. Without an answer the same
//! ask is sent again under the same key, with exponential back-off ([`Retry`]); the receiver must be idempotent
//! ([`participant`]). *Transient* waits for the back-off. *Unknown* is asked about under the same key after 1, 5, 15 and 60
//! minutes and every 60 after that; after 4 hours it is also an incident for a person ([`UnknownPolicy`]).
//!
//! **Unwinding.** It begins with a refusal, a withdrawal or an expiry. An asked and unanswered compensatable step gets its
//! undo at once (the undo may overtake the original, which the asked party then treats as a no-op) and the run waits for
//! *undone*. A late *done* or *refused* meanwhile is recorded and changes nothing; a late *done* for a step that already
//! counts as undone triggers its undo again, even after the end, and so does *cannot be undone*. A refused undo is an
//! incident with an owner: the run stays unwinding until a repair, while other branches go on as the order permits.
//!
//! **The point of no return.** While the pivot is asked, a withdrawal or an expiry unwinds nothing: the key is closed first
//! and the asked party's answer decides. *Closed*: unwind with that ending. *Done*: go forward, the withdrawal is void
//! ([`Fact::CancelVoid`]). A *refused* pivot is final only once its key is closed. *Not done* closes the key too, and the
//! next attempt follows under a new key, ever less often; from some attempt on ([`AgainPolicy`]), or at once when it is
//! *blocked*, it is an incident and a person orders the next attempt. Before each further attempt the checks are looked at
//! again: one that fails turns the run back, and one that waits lets the pivot wait until it is woken. Between attempts, and
//! while it waits, nothing is in flight, so a withdrawal unwinds at once.
//! *Unknown* never leads to a new key. After the pivot, retriable steps repeat for ever; a refusal there is an incident,
//! the step stays open and a repair retries it.
//!
//! **People.** A task reminds at 50 and 80 % of its time and escalates at 100 %; none of that decides. *Papers asked for*
//! suspends it: reminders stop and the suspension's own expiry runs; *papers supplied* resumes with a fresh deadline.
//!
//! **Expiries** ([`Since`]) start when a step completes (or begins to wait) and stop when another completes. The first to
//! fall due names the ending.
//!
//! **The semantic lock** is taken at the start and released at every end.
//!
//! **Versions** live side by side ([`Definitions`]); a run is only ever driven by the version it began under.
//!
//! **Nothing twice.** The same answer again is [`Reaction::Nothing`] with the reason; what contradicts an earlier answer is
//! [`Refusal::Illegal`] naming state and input. Neither records anything. Where a contradiction must not be lost, the core
//! says [`Event::Contradicted`] instead: an incident until people have settled it, even after the end. Until then nothing is
//! ordered and nothing withdrawn or expired: a pivot in flight has its key closed, and no other attempt is made.

mod definition;
mod engine;
mod event;
mod fact;
pub mod participant;
mod registry;
mod run;
mod task;
pub mod testing;
mod world;

pub use definition::builder::{
    After, Asking, Before, BranchAfter, BranchBefore, Branches, Closing, Deciding, Flow, Local, Pivoting, saga,
};
pub use definition::check::{DefinitionError, Rule};
pub use definition::{
    AgainPolicy, Class, Definition, ExpiryDescription, Kind, Retry, Since, StepDescription, UndoKind, UnknownPolicy,
};
pub use event::{ChildOutcome, Event, IllegalTransition, Outcome, Reaction, Refusal, RepairAction, Verdict, Why};
pub use fact::{AfterClosing, DeadlineSet, Ending, Fact, IncidentKind};
pub use registry::{Definitions, RegistryError, UnknownDefinition};
pub use run::{Call, Doubt, Incident, Phase, Run, State, StepRun, Timer, Waiting, Who};
pub use task::{Deadline, Notice, Person, Suspension, Task, TaskRefusal};
pub use world::{Ask, FactOf, Here, Must, RunOf, World};
