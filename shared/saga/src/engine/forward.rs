//! Forward: opening steps whose predecessors are done, completing them, their expiries, the end.

use std::collections::BTreeSet;

use domain::Moment;

use crate::definition::{Class, Definition, Since, Step, Work};
use crate::engine::{Found, Handled};
use crate::event::Why;
use crate::fact::{DeadlineSet, Ending, Fact, IncidentKind};
use crate::run::{Phase, State, later};
use crate::task::Person;
use crate::world::{Ask, Here, Must, World};

impl<W: World> Definition<W> {
    /// Opens, in order, every step that may open; one pass suffices because steps only follow earlier ones.
    pub(crate) fn go_forward(&self, w: &mut W) -> Result<(), W::Fault> {
        for step in &self.steps {
            let run = w.run()?;
            if !matches!(run.phase, Phase::Forward) {
                return Ok(());
            }
            let ready = step.after.iter().filter_map(|i| self.steps.get(*i)).all(|before| run.is_done(before.name));
            let waits = step.class == Class::Pivot && run.is_contradicted();
            if run.step(step.name).is_none() && ready && !waits {
                self.open(w, step)?;
            }
        }
        let run = w.run()?;
        if matches!(run.phase, Phase::Forward) && self.steps.iter().all(|step| run.is_done(step.name)) {
            self.end(w, Ending::Completed)?;
        }
        Ok(())
    }

    fn open(&self, w: &mut W, step: &Step<W>) -> Result<(), W::Fault> {
        match step.work {
            Work::Decide(role) => {
                let at = w.now();
                let due_at = Self::due(w, step)?.unwrap_or(at);
                let run = w.run()?;
                let decided = step.other_than.iter().filter_map(|other| run.step(other)?.decided_by.clone());
                let excluded: BTreeSet<Person> = decided.collect();
                w.record(Fact::TaskOpened { step: step.name.to_owned(), role, due_at, excluded, at })
            }
            Work::Here(_) | Work::Check(_) | Work::MustHere(_) => self.try_here(w, step, true).map(|_| ()),
            Work::Ask(..) | Work::Pivot(..) | Work::Child(_) => self.attempt(w, step, 1),
        }
    }

    /// Runs a local step; `first` when it was not waiting yet.
    pub(crate) fn try_here(&self, w: &mut W, step: &Step<W>, first: bool) -> Result<Handled, W::Fault> {
        let outcome = match step.work {
            Work::Here(f) | Work::Check(f) => f(w)?,
            Work::MustHere(f) => match f(w)? {
                Must::Done => Here::Done,
                Must::Wait => Here::Wait,
            },
            _ => return Ok(Handled::Illegal),
        };
        match outcome {
            Here::Done => self.complete(w, step, None)?,
            Here::Refused(reason) => self.refuse(w, step, reason, None)?,
            Here::Wait if first => {
                let at = w.now();
                w.record(Fact::StepWaiting { step: step.name.to_owned(), at })?;
                self.start_expiries(w, |since| matches!(since, Since::Waiting(name) if *name == step.name))?;
            }
            Here::Wait => return Ok(Handled::Nothing(Why::StillWaiting)),
        }
        Ok(Handled::Moved)
    }

    /// Asks a party, or starts a child saga, under a new key.
    pub(crate) fn attempt(&self, w: &mut W, step: &Step<W>, attempt: u32) -> Result<(), W::Fault> {
        let (at, key, name) = (w.now(), Self::key(w, step, attempt)?, step.name.to_owned());
        let message = Ask { step: step.name, key: key.clone(), attempt, sending: 1 };
        match step.work {
            Work::Ask(party, ask) | Work::Pivot(party, ask, ..) => {
                let deadline = match Self::due(w, step)? {
                    Some(due_at) => {
                        let role = step.within.and_then(|(role, _)| role).unwrap_or_else(|| self.owner_of(step));
                        Some(DeadlineSet { role, due_at })
                    }
                    None => None,
                };
                let retry_at = later(at, self.retry_of(step).wait_ms(1));
                w.record(Fact::Asked { step: name, party, key, attempt, retry_at, deadline, at })?;
                ask(w, &message)
            }
            Work::Child(start) => {
                w.record(Fact::ChildStarted { step: name, key, attempt, at })?;
                start(w, &message)
            }
            Work::Decide(_) | Work::Here(_) | Work::Check(_) | Work::MustHere(_) => Ok(()),
        }
    }

    /// The next attempt after a closed key or a refused retriable step. Before the pivot's, every check is looked at again:
    /// what held for the last attempt may have ceased to, and then the run turns back instead, or the pivot waits to be woken.
    pub(crate) fn next_attempt(&self, w: &mut W, step: &Step<W>) -> Result<(), W::Fault> {
        if step.class == Class::Pivot {
            // Whichever step the contradiction is about: until people have settled it nothing more is ordered.
            if w.run()?.is_contradicted() {
                return Self::let_wait(w, step);
            }
            if !self.checks_hold(w, step)? {
                return Ok(());
            }
        }
        let attempt = w.run()?.step(step.name).map_or(0, |run| run.attempt).saturating_add(1);
        self.attempt(w, step, attempt)
    }

    fn checks_hold(&self, w: &mut W, pivot: &Step<W>) -> Result<bool, W::Fault> {
        for step in &self.steps {
            let Work::Check(check) = step.work else { continue };
            let seen = check(w)?;
            let at = w.now();
            match seen {
                // Not `complete`: its clocks run from the first time that it was done.
                Here::Done => w.record(Fact::StepDone { step: step.name.to_owned(), by: None, at })?,
                Here::Refused(reason) => {
                    self.refuse(w, step, reason, None)?;
                    return Ok(false);
                }
                Here::Wait => {
                    Self::let_wait(w, pivot)?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn let_wait(w: &mut W, pivot: &Step<W>) -> Result<(), W::Fault> {
        if matches!(w.run()?.state(pivot.name), Some(State::Waiting)) {
            return Ok(());
        }
        let at = w.now();
        w.record(Fact::StepWaiting { step: pivot.name.to_owned(), at })
    }

    /// Makes a step done, with what that implies for the point of no return, incidents and expiries.
    pub(crate) fn complete(&self, w: &mut W, step: &Step<W>, by: Option<&Person>) -> Result<(), W::Fault> {
        let at = w.now();
        self.answer_resolves(w, step)?;
        w.record(Fact::StepDone { step: step.name.to_owned(), by: by.cloned(), at })?;
        if step.class == Class::Pivot {
            return w.record(Fact::PivotPassed { step: step.name.to_owned(), at });
        }
        for expiry in self.expiries.iter().filter(|expiry| expiry.until == step.name) {
            if w.run()?.expiries.contains_key(expiry.name) {
                w.record(Fact::ExpiryStopped { name: expiry.name.to_owned() })?;
            }
        }
        let run = w.run()?;
        let complete: Vec<&'static str> = self
            .expiries
            .iter()
            .filter(|expiry| match &expiry.since {
                Since::Done(name) => *name == step.name,
                Since::AllDone(names) => names.contains(&step.name) && names.iter().all(|name| run.is_done(name)),
                Since::Waiting(_) | Since::Start => false,
            })
            .map(|expiry| expiry.name)
            .collect();
        self.start_expiries_named(w, &complete)
    }

    /// Makes a step refused (it has no effect) and turns the run back.
    pub(crate) fn refuse(
        &self,
        w: &mut W,
        step: &Step<W>,
        reason: W::Reason,
        by: Option<&Person>,
    ) -> Result<(), W::Fault> {
        let (at, name) = (w.now(), step.name.to_owned());
        self.answer_resolves(w, step)?;
        w.record(Fact::StepRefused { step: name.clone(), reason: reason.clone(), by: by.cloned(), at })?;
        self.turn_back(w, Ending::Refused { step: name, reason })
    }

    /// Ends the run and gives its lock back.
    pub(crate) fn end(&self, w: &mut W, ending: Ending<W::Reason>) -> Result<(), W::Fault> {
        if let Some(key) = w.run()?.lock.clone() {
            w.unlock(&key)?;
        }
        let at = w.now();
        w.record(Fact::Ended { ending, at })
    }

    /// Opens an incident, unless the step has one open.
    pub(crate) fn open_incident(
        &self,
        w: &mut W,
        step: &Step<W>,
        kind: IncidentKind<W::Reason>,
    ) -> Result<(), W::Fault> {
        let run = w.run()?;
        if kind != IncidentKind::UnknownTooLong && run.incidents.values().any(|i| i.step == step.name && i.kind == kind)
        {
            return Ok(());
        }
        let id = run.incidents_so_far.saturating_add(1);
        let at = w.now();
        w.record(Fact::IncidentOpened { id, step: step.name.to_owned(), kind, owner: self.owner_of(step), at })
    }

    /// Resolves the step's open incidents but contradictions; `by` none when the answer itself did.
    pub(crate) fn resolve_incidents(
        &self,
        w: &mut W,
        step: &Step<W>,
        because: &str,
        by: Option<&Person>,
    ) -> Result<(), W::Fault> {
        self.resolve_those(w, step, because, by, |kind| !matches!(kind, IncidentKind::Contradicted(_)))
    }

    pub(crate) fn resolve_those(
        &self,
        w: &mut W,
        step: &Step<W>,
        because: &str,
        by: Option<&Person>,
        which: impl Fn(&IncidentKind<W::Reason>) -> bool,
    ) -> Result<(), W::Fault> {
        let of_step = w.run()?.incidents().filter(|(_, i)| i.step == step.name && which(&i.kind));
        let open: Vec<u32> = of_step.map(|(id, _)| id).collect();
        let at = w.now();
        for id in open {
            w.record(Fact::IncidentResolved { id, because: because.to_owned(), by: by.cloned(), at })?;
        }
        Ok(())
    }

    pub(crate) fn answer_resolves(&self, w: &mut W, step: &Step<W>) -> Result<(), W::Fault> {
        self.resolve_incidents(w, step, "the answer came", None)
    }

    pub(crate) fn retry_of(&self, step: &Step<W>) -> crate::definition::Retry {
        step.retry.unwrap_or(self.retry)
    }

    pub(crate) fn owner_of(&self, step: &Step<W>) -> W::Role {
        step.owner.unwrap_or(self.owner)
    }

    /// When the step's deadline ends, counted from now.
    pub(crate) fn due(w: &W, step: &Step<W>) -> Result<Option<Moment>, W::Fault> {
        match step.within {
            None => Ok(None),
            Some((_, term)) => Ok(Some(w.calendar().due(term(w)?, w.now())?)),
        }
    }

    pub(crate) fn start_expiries_at_start(&self, w: &mut W) -> Result<(), W::Fault> {
        self.start_expiries(w, |since| *since == Since::Start)
    }

    fn start_expiries(&self, w: &mut W, which: impl Fn(&Since) -> bool) -> Result<(), W::Fault> {
        let names: Vec<&'static str> =
            self.expiries.iter().filter(|expiry| which(&expiry.since)).map(|expiry| expiry.name).collect();
        self.start_expiries_named(w, &names)
    }

    fn start_expiries_named(&self, w: &mut W, names: &[&'static str]) -> Result<(), W::Fault> {
        for expiry in self.expiries.iter().filter(|expiry| names.contains(&expiry.name)) {
            let term = (expiry.term)(w)?;
            let due_at = w.calendar().due(term, w.now())?;
            w.record(Fact::ExpirySet { name: expiry.name.to_owned(), due_at })?;
        }
        Ok(())
    }

    /// A waiting local step is tried again; a pivot that is between attempts, or waits, is asked now.
    pub(crate) fn woken(&self, w: &mut W, name: &str) -> Result<Handled, W::Fault> {
        match self.find(w, name)? {
            Some(Found { step, state: State::Waiting | State::Between { .. } }) if step.is_asked() => {
                self.next_attempt(w, step)?;
                // A check that holds no more has turned the run back: what was done before is to be undone now.
                let run = w.run()?;
                let still = matches!(run.phase, Phase::Forward) && matches!(run.state(step.name), Some(State::Waiting));
                Ok(if still { Handled::Nothing(Why::StillWaiting) } else { Handled::Moved })
            }
            Some(found) if matches!(found.state, State::Waiting) => self.try_here(w, found.step, false),
            Some(_) => Ok(Handled::Nothing(Why::NotWaiting)),
            None => Ok(Handled::Illegal),
        }
    }
}
