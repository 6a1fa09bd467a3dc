//! The builder: a definition written down so that it reads like the business, and typed so that what must not be said
//! does not compile.
//!
//! A compensatable step returns a value that only `.undo(f)` or `.no_undo("why")` turns back into the flow. The pivot
//! wants its query and its closing. After it, only retriable steps exist:
//!
//! ```compile_fail,E0599
//! # use saga::*; use domain::Party;
//! fn f<W: World>(role: W::Role, ask: fn(&mut W, &Ask) -> Result<(), W::Fault>, undo: fn(&mut W, &Ask) -> Result<(), W::Fault>) {
//!     saga::<W>("x", 1).point_of_no_return("pay", Party::Bank, ask).if_unknown(ask).close_with(ask)
//!         .ask("letter", Party::Guarantor, ask); // no `ask` behind the pivot: it could be refused
//! }
//! ```
//! ```compile_fail,E0599
//! # use saga::*; use domain::Party;
//! fn f<W: World>(ask: fn(&mut W, &Ask) -> Result<(), W::Fault>, undo: fn(&mut W, &Ask) -> Result<(), W::Fault>) {
//!     saga::<W>("x", 1).point_of_no_return("pay", Party::Bank, ask).if_unknown(ask).close_with(ask)
//!         .must("letter", Party::Guarantor, ask).undo(undo); // no undo behind the pivot
//! }
//! ```
//! ```compile_fail,E0599
//! # use saga::*; use domain::Party;
//! fn f<W: World>(ask: fn(&mut W, &Ask) -> Result<(), W::Fault>) {
//!     saga::<W>("x", 1).ask("letter", Party::Guarantor, ask)
//!         .point_of_no_return("pay", Party::Bank, ask); // the letter has no undo and does not say why
//! }
//! ```
//! ```compile_fail,E0599
//! # use saga::*; use domain::Party;
//! fn f<W: World>(ask: fn(&mut W, &Ask) -> Result<(), W::Fault>) {
//!     saga::<W>("x", 1).point_of_no_return("pay", Party::Bank, ask).if_unknown(ask).close_with(ask)
//!         .point_of_no_return("pay again", Party::Bank, ask); // one point of no return
//! }
//! ```
//! ```compile_fail,E0599
//! # use saga::*; use domain::Party;
//! fn f<W: World>(ask: fn(&mut W, &Ask) -> Result<(), W::Fault>) {
//!     saga::<W>("x", 1).point_of_no_return("pay", Party::Bank, ask).if_unknown(ask)
//!         .build(); // its key cannot be closed
//! }
//! ```
//! ```compile_fail,E0308
//! # use saga::*;
//! fn f<W: World>(refuse: fn(&mut W) -> Result<Here<W::Reason>, W::Fault>) {
//!     saga::<W>("x", 1).point_of_no_return_here("book", refuse)
//!         .must_here("commit", refuse); // `Here` can refuse; `Must` cannot
//! }
//! ```
//! The same with all said compiles:
//! ```
//! # use saga::*; use domain::Party;
//! fn f<W: World>(owner: W::Role, ask: fn(&mut W, &Ask) -> Result<(), W::Fault>, must: fn(&mut W) -> Result<Must, W::Fault>)
//!     -> Result<Definition<W>, DefinitionError> {
//!     saga::<W>("x", 1).incidents_to(owner)
//!         .ask("letter", Party::Guarantor, ask).undo(ask)
//!         .point_of_no_return("pay", Party::Bank, ask).if_unknown(ask).close_with(ask)
//!         .must("make effective", Party::Guarantor, ask)
//!         .must_here("commit", must)
//!         .build()
//! }
//! ```

use std::marker::PhantomData;

use domain::Party;

use crate::definition::check::{DefinitionError, Rule, check};
use crate::definition::{
    AgainPolicy, AskFn, CheckFn, Class, Definition, Expiry, HereFn, KeyFn, MustFn, Retry, Since, Step, TermFn, Undo,
    UndoFn, UnknownPolicy, Work,
};
use crate::world::World;

/// Before the point of no return.
pub struct Before(());
/// After the point of no return.
pub struct After(());
/// In a branch before the point of no return.
pub struct BranchBefore(());
/// In a branch after the point of no return.
pub struct BranchAfter(());

mod sealed {
    /// Where steps can still be refused and undone.
    pub trait Compensatable {}
    /// Where steps are repeated until done.
    pub trait Retriable {}
    /// The main line, not a branch.
    pub trait Main {}
    impl Compensatable for super::Before {}
    impl Compensatable for super::BranchBefore {}
    impl Retriable for super::After {}
    impl Retriable for super::BranchAfter {}
    impl Main for super::Before {}
    impl Main for super::After {}
}
use sealed::{Compensatable, Main, Retriable};

/// What is written down so far.
pub(crate) struct Sketch<W: World> {
    pub name: &'static str,
    pub version: u32,
    pub lock: Option<KeyFn<W>>,
    pub owner: Option<W::Role>,
    pub retry: Retry,
    pub unknown: UnknownPolicy,
    pub again: AgainPolicy,
    pub steps: Vec<Step<W>>,
    pub expiries: Vec<Expiry<W>>,
    /// The steps that the next one follows.
    pub frontier: Vec<usize>,
    /// What the builder itself saw wrong, for `build` to report.
    pub broken: Vec<(String, Rule)>,
}

impl<W: World> Sketch<W> {
    fn push(&mut self, name: &'static str, class: Class, work: Work<W>, undo: Undo<W>) {
        let after = std::mem::replace(&mut self.frontier, vec![self.steps.len()]);
        self.steps.push(Step {
            name,
            class,
            work,
            undo,
            within: None,
            key: None,
            retry: None,
            owner: None,
            other_than: Vec::new(),
            after,
        });
    }

    fn last(&mut self, change: impl FnOnce(&mut Step<W>)) {
        match self.steps.last_mut() {
            Some(step) => change(step),
            None => self.broken.push((String::new(), Rule::NoSteps)),
        }
    }
}

/// Begins a definition. `version` counts from 1 and is raised with every change that a running case would notice.
pub fn saga<W: World>(name: &'static str, version: u32) -> Flow<W, Before> {
    Flow::of(Sketch {
        name,
        version,
        lock: None,
        owner: None,
        retry: Retry::DEFAULT,
        unknown: UnknownPolicy::default(),
        again: AgainPolicy::default(),
        steps: Vec::new(),
        expiries: Vec::new(),
        frontier: Vec::new(),
        broken: Vec::new(),
    })
}

/// A definition being written; `P` says on which side of the point of no return, and whether in a branch.
#[must_use = "a definition exists only once it is built"]
pub struct Flow<W: World, P> {
    sketch: Sketch<W>,
    place: PhantomData<P>,
}

impl<W: World, P> Flow<W, P> {
    fn of(sketch: Sketch<W>) -> Self {
        Self { sketch, place: PhantomData }
    }

    fn with(mut self, change: impl FnOnce(&mut Sketch<W>)) -> Self {
        change(&mut self.sketch);
        self
    }
}

impl<W: World> Flow<W, Before> {
    /// The semantic lock: at most one open run per key. Taken at the start, released at every end.
    pub fn only_one_open_per(self, key: KeyFn<W>) -> Self {
        self.with(|sketch| {
            if sketch.lock.replace(key).is_some() {
                sketch.broken.push((String::new(), Rule::TwoLocks));
            }
        })
    }

    /// Parallel branches, each of at least one step; what follows waits for all of them.
    pub fn parallel(self, branches: impl FnOnce(Branches<W, BranchBefore>) -> Branches<W, BranchBefore>) -> Self {
        Self::of(Branches::grow(self.sketch, branches))
    }

    /// The point of no return at another party: after *done* the run only goes forward.
    pub fn point_of_no_return(self, name: &'static str, party: Party, ask: AskFn<W>) -> Pivoting<W> {
        Pivoting { sketch: self.sketch, name, party, ask }
    }

    /// The point of no return in this organisation: done or refused in one decision, never unknown.
    pub fn point_of_no_return_here(self, name: &'static str, step: HereFn<W>) -> Flow<W, After> {
        Flow::of(self.with(|sketch| sketch.push(name, Class::Pivot, Work::Here(step), Undo::Never)).sketch)
    }
}

impl<W: World, P: Compensatable> Flow<W, P> {
    /// A person of `role` decides. Wants `.within(term)` and an undo.
    pub fn decide(self, name: &'static str, role: W::Role) -> Deciding<W, P> {
        Deciding(self.with(|s| s.push(name, Class::Compensatable, Work::Decide(role), Undo::Unsaid)))
    }

    /// This organisation does it within the decision, or waits. Wants an undo, which must also leave the queue.
    pub fn here(self, name: &'static str, step: HereFn<W>) -> Local<W, P> {
        Local(self.with(|s| s.push(name, Class::Compensatable, Work::Here(step), Undo::Unsaid)))
    }

    /// This organisation looks at something that may cease to hold, and goes on, waits or turns back. It is looked at again
    /// before every further attempt of the pivot. It changes nothing that would have to be undone.
    pub fn check(self, name: &'static str, check: CheckFn<W>) -> Self {
        const WHY: &str = "a check changes nothing";
        self.with(|s| s.push(name, Class::Compensatable, Work::Check(check), Undo::NotNeeded(WHY)))
    }

    /// Another party is asked; `ask` emits the message, again under the same key when no answer comes. Wants an undo.
    pub fn ask(self, name: &'static str, party: Party, ask: AskFn<W>) -> Asking<W, P> {
        Asking(self.with(|s| s.push(name, Class::Compensatable, Work::Ask(party, ask), Undo::Unsaid)))
    }
}

impl<W: World, P: Retriable> Flow<W, P> {
    /// Another party must do it: asked until it is done. A refusal is an incident.
    pub fn must(self, name: &'static str, party: Party, ask: AskFn<W>) -> Self {
        self.with(|s| s.push(name, Class::Retriable, Work::Ask(party, ask), Undo::Never))
    }

    /// This organisation must do it; the step's type has no refusal.
    pub fn must_here(self, name: &'static str, step: MustFn<W>) -> Self {
        self.with(|s| s.push(name, Class::Retriable, Work::MustHere(step), Undo::Never))
    }

    /// A person of `role` must see to it, and cannot refuse. Wants `.within(term)`.
    pub fn must_decide(self, name: &'static str, role: W::Role) -> Self {
        self.with(|s| s.push(name, Class::Retriable, Work::Decide(role), Undo::Never))
    }

    /// A child saga with a point of no return of its own; `start` starts it under the ask's key.
    pub fn start_child(self, name: &'static str, start: AskFn<W>) -> Self {
        self.with(|s| s.push(name, Class::Retriable, Work::Child(start), Undo::Never))
    }

    /// The last step's deadline; it reminds its own role, or the owner of incidents.
    pub fn within(self, term: TermFn<W>) -> Self {
        self.with(|s| s.last(|step| step.within = Some((None, term))))
    }

    /// The last step's resending.
    pub fn retry(self, retry: Retry) -> Self {
        self.with(|s| s.last(|step| step.retry = Some(retry)))
    }

    /// The stem of the last step's keys (`{stem}:{attempt}`), instead of `{step}:{case}`.
    pub fn key(self, stem: KeyFn<W>) -> Self {
        self.with(|s| s.last(|step| step.key = Some(stem)))
    }

    /// Who owns the last step's incidents.
    pub fn owner(self, role: W::Role) -> Self {
        self.with(|s| s.last(|step| step.owner = Some(role)))
    }

    /// Four eyes: who decided `step` may not decide the last one.
    pub fn other_than(self, step: &'static str) -> Self {
        self.with(|s| s.last(|last| last.other_than.push(step)))
    }
}

impl<W: World> Flow<W, After> {
    /// Parallel branches of retriable steps; what follows waits for all of them.
    pub fn must_parallel(self, branches: impl FnOnce(Branches<W, BranchAfter>) -> Branches<W, BranchAfter>) -> Self {
        Self::of(Branches::grow(self.sketch, branches))
    }
}

#[allow(private_bounds, reason = "the places are sealed")]
impl<W: World, P: Main> Flow<W, P> {
    /// Who owns incidents, where a step names nobody else. Every definition has one.
    pub fn incidents_to(self, role: W::Role) -> Self {
        self.with(|sketch| sketch.owner = Some(role))
    }

    /// How unanswered questions are sent again, where a step says nothing else.
    pub fn retry_all(self, retry: Retry) -> Self {
        self.with(|sketch| sketch.retry = retry)
    }

    /// How a party that does not know is asked, and when a person is called.
    pub fn unknown(self, policy: UnknownPolicy) -> Self {
        self.with(|sketch| sketch.unknown = policy)
    }

    /// When a pivot that was not done is tried again, and from which attempt on by a person only.
    pub fn again(self, policy: AgainPolicy) -> Self {
        self.with(|sketch| sketch.again = policy)
    }

    /// An expiry: `name` ends the run `term` after `since` unless `until` is done by then.
    pub fn expire(self, name: &'static str, since: impl Into<Since>, until: &'static str, term: TermFn<W>) -> Self {
        let since = since.into();
        self.with(|sketch| sketch.expiries.push(Expiry { name, since, until, term }))
    }

    /// Checks the definition.
    ///
    /// # Errors
    /// The first rule that is broken, with the step that breaks it.
    pub fn build(self) -> Result<Definition<W>, DefinitionError> {
        check(self.sketch)
    }
}

/// A person's decision that still wants its undo.
#[must_use = "say .undo(f) or .no_undo(why)"]
pub struct Deciding<W: World, P>(Flow<W, P>);

impl<W: World, P> Deciding<W, P> {
    /// Its deadline: reminders at 50 and 80 %, escalation at 100 %; it never decides.
    pub fn within(self, term: TermFn<W>) -> Self {
        self.last(|step| step.within = Some((None, term)))
    }

    /// Four eyes: who decided `step` may not decide this one.
    pub fn other_than(self, step: &'static str) -> Self {
        self.last(|last| last.other_than.push(step))
    }

    /// Makes the decision void.
    pub fn undo(self, undo: UndoFn<W>) -> Flow<W, P> {
        self.last(|step| step.undo = Undo::Here(undo)).0
    }

    /// Needs no undo, and why.
    pub fn no_undo(self, why: &'static str) -> Flow<W, P> {
        self.last(|step| step.undo = Undo::NotNeeded(why)).0
    }

    fn last(self, change: impl FnOnce(&mut Step<W>)) -> Self {
        Self(self.0.with(|s| s.last(change)))
    }
}

/// A local step that still wants its undo.
#[must_use = "say .undo(f) or .no_undo(why)"]
pub struct Local<W: World, P>(Flow<W, P>);

impl<W: World, P> Local<W, P> {
    /// Gives back what was done, or leaves the queue.
    pub fn undo(self, undo: UndoFn<W>) -> Flow<W, P> {
        self.0.with(|s| s.last(|step| step.undo = Undo::Here(undo)))
    }

    /// Needs no undo, and why.
    pub fn no_undo(self, why: &'static str) -> Flow<W, P> {
        self.0.with(|s| s.last(|step| step.undo = Undo::NotNeeded(why)))
    }
}

/// A remote step that still wants its undo.
#[must_use = "say .undo(f) or .no_undo(why)"]
pub struct Asking<W: World, P>(Flow<W, P>);

impl<W: World, P> Asking<W, P> {
    /// Its deadline and whom it reminds here; it never decides.
    pub fn within(self, role: W::Role, term: TermFn<W>) -> Self {
        self.last(|step| step.within = Some((Some(role), term)))
    }

    /// Its resending.
    pub fn retry(self, retry: Retry) -> Self {
        self.last(|step| step.retry = Some(retry))
    }

    /// The stem of its keys (`{stem}:{attempt}`), instead of `{step}:{case}`.
    pub fn key(self, stem: KeyFn<W>) -> Self {
        self.last(|step| step.key = Some(stem))
    }

    /// Who owns its incidents.
    pub fn owner(self, role: W::Role) -> Self {
        self.last(|step| step.owner = Some(role))
    }

    /// Emits the undo message; the engine waits for its answer.
    pub fn undo(self, undo: AskFn<W>) -> Flow<W, P> {
        self.last(|step| step.undo = Undo::Ask(undo)).0
    }

    /// Needs no undo, and why.
    pub fn no_undo(self, why: &'static str) -> Flow<W, P> {
        self.last(|step| step.undo = Undo::NotNeeded(why)).0
    }

    fn last(self, change: impl FnOnce(&mut Step<W>)) -> Self {
        Self(self.0.with(|s| s.last(change)))
    }
}

/// The point of no return, which still wants its query.
#[must_use = "say .if_unknown(query)"]
pub struct Pivoting<W: World> {
    sketch: Sketch<W>,
    name: &'static str,
    party: Party,
    ask: AskFn<W>,
}

impl<W: World> Pivoting<W> {
    /// Emits the question what became of the key.
    pub fn if_unknown(self, query: AskFn<W>) -> Closing<W> {
        Closing { pivot: self, query }
    }
}

/// The point of no return, which still wants its closing.
#[must_use = "say .close_with(close)"]
pub struct Closing<W: World> {
    pivot: Pivoting<W>,
    query: AskFn<W>,
}

impl<W: World> Closing<W> {
    /// Emits the request to close the key for ever. Options of the pivot (`within`, `retry`, `key`, `owner`) follow it.
    pub fn close_with(self, close: AskFn<W>) -> Flow<W, After> {
        let Pivoting { mut sketch, name, party, ask } = self.pivot;
        sketch.push(name, Class::Pivot, Work::Pivot(party, ask, self.query, close), Undo::Never);
        Flow::of(sketch)
    }
}

/// The branches of a parallel group.
#[must_use]
pub struct Branches<W: World, P> {
    sketch: Sketch<W>,
    from: Vec<usize>,
    ends: Vec<usize>,
    count: usize,
    place: PhantomData<P>,
}

impl<W: World, P> Branches<W, P> {
    fn grow(sketch: Sketch<W>, branches: impl FnOnce(Self) -> Self) -> Sketch<W> {
        let from = sketch.frontier.clone();
        let begun = sketch.steps.len();
        let grown = branches(Self { sketch, from, ends: Vec::new(), count: 0, place: PhantomData });
        let mut sketch = grown.sketch;
        if grown.count < 2 {
            let step = sketch.steps.get(begun).map_or("", |step| step.name).to_owned();
            sketch.broken.push((step, Rule::TooFewBranches));
        }
        sketch.frontier = grown.ends;
        sketch
    }

    /// A branch of at least one step.
    pub fn branch(mut self, steps: impl FnOnce(Flow<W, P>) -> Flow<W, P>) -> Self {
        self.sketch.frontier.clone_from(&self.from);
        let begun = self.sketch.steps.len();
        self.sketch = steps(Flow::of(self.sketch)).sketch;
        if self.sketch.steps.len() == begun {
            self.sketch.broken.push((String::new(), Rule::EmptyBranch));
        } else {
            self.ends.append(&mut self.sketch.frontier);
        }
        self.count += 1;
        self
    }
}
