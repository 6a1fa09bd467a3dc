//! What people do: decide, claim, withdraw, repair; and child sagas' endings.

use crate::definition::{Class, Definition};
use crate::engine::answers::earlier_attempt;
use crate::engine::{Found, Handled};
use crate::event::{ChildOutcome, Refusal, RepairAction, Verdict, Why};
use crate::fact::{AfterClosing, Ending, Fact, IncidentKind};
use crate::run::{Phase, State};
use crate::task::{Person, Task};
use crate::world::World;

impl<W: World> Definition<W> {
    pub(crate) fn decided(
        &self,
        w: &mut W,
        name: &str,
        by: &Person,
        verdict: &Verdict<W::Reason>,
    ) -> Result<Handled, W::Fault> {
        let Some(Found { step, state }) = self.find(w, name)? else {
            return Ok(Handled::Illegal);
        };
        let decided_by = w.run()?.step(name).and_then(|run| run.decided_by.as_ref());
        let task: Task<W::Role> = match (state, verdict) {
            (State::Deciding { task }, _) => task,
            (State::Done, Verdict::Approve) if decided_by == Some(by) => {
                return Ok(Handled::Nothing(Why::Duplicate));
            }
            (State::Refused { reason: known }, Verdict::Refuse(reason))
                if decided_by == Some(by) && known == *reason =>
            {
                return Ok(Handled::Nothing(Why::Duplicate));
            }
            (State::Abandoned | State::Undone | State::Kept, _) => {
                return Ok(Handled::Refused(Self::over(w)?));
            }
            _ => return Ok(Handled::Illegal),
        };
        let compensatable = step.class == Class::Compensatable;
        match verdict {
            Verdict::PapersSupplied if task.suspended.is_none() => {
                return Ok(Handled::Nothing(Why::NotWaiting));
            }
            Verdict::PapersSupplied => {
                let at = w.now();
                let due_at = Self::due(w, step)?.unwrap_or(at);
                w.record(Fact::Resumed { step: name.to_owned(), due_at, at })?;
                return Ok(Handled::Moved);
            }
            Verdict::Refuse(_) | Verdict::AskForPapers { .. } if !compensatable => {
                return Ok(Handled::Illegal);
            }
            _ => {}
        }
        if let Err(refusal) = task.may_decide(by) {
            return Ok(Handled::Refused(refusal.into()));
        }
        match verdict {
            Verdict::Approve => self.complete(w, step, Some(by))?,
            Verdict::Refuse(reason) => self.refuse(w, step, reason.clone(), Some(by))?,
            Verdict::AskForPapers { expiry, term } => {
                let due_at = w.calendar().due(*term, w.now())?;
                w.record(Fact::Suspended { step: name.to_owned(), expiry: expiry.clone(), due_at })?;
            }
            Verdict::PapersSupplied => return Ok(Handled::Illegal),
        }
        Ok(Handled::Moved)
    }

    pub(crate) fn claimed(&self, w: &mut W, name: &str, by: Option<&Person>) -> Result<Handled, W::Fault> {
        let task = match self.find(w, name)? {
            Some(Found { state: State::Deciding { task }, .. }) => task,
            Some(Found { state: State::Abandoned, .. }) => return Ok(Handled::Refused(Self::over(w)?)),
            _ => return Ok(Handled::Illegal),
        };
        if task.claimed_by.as_ref() == by {
            return Ok(Handled::Nothing(Why::Duplicate));
        }
        if let Some(person) = by
            && let Err(refusal) = task.may_claim(person)
        {
            return Ok(Handled::Refused(refusal.into()));
        }
        w.record(Fact::TaskClaimed { step: name.to_owned(), by: by.cloned() })?;
        Ok(Handled::Moved)
    }

    /// A withdrawal (DOMAIN.md S9).
    pub(crate) fn cancelled(&self, w: &mut W, reason: &W::Reason) -> Result<Handled, W::Fault> {
        let run = w.run()?;
        match run.phase {
            Phase::NotStarted => return Ok(Handled::Illegal),
            Phase::Ended { .. } | Phase::Unwinding { .. } => {
                return Ok(Handled::Refused(Self::over(w)?));
            }
            Phase::Forward if run.pivot_passed => {
                return Ok(Handled::Refused(Refusal::PointOfNoReturnPassed));
            }
            Phase::Forward if run.is_contradicted() => return Ok(Handled::Refused(Refusal::Contradicted)),
            Phase::Forward => {}
        }
        let pivot = self.pivot.and_then(|index| self.steps.get(index)).and_then(|pivot| run.state(pivot.name));
        match pivot {
            Some(State::Closing { then: AfterClosing::Refuse(_), .. }) => {
                return Ok(Handled::Refused(Refusal::Ending));
            }
            Some(State::Closing { then: AfterClosing::End(_), .. }) => {
                return Ok(Handled::Nothing(Why::CancelPending));
            }
            _ => {}
        }
        self.end_early(w, Ending::Withdrawn { reason: reason.clone() })?;
        Ok(Handled::Moved)
    }

    pub(crate) fn child_ended(
        &self,
        w: &mut W,
        name: &str,
        key: &str,
        outcome: &ChildOutcome<W::Reason>,
    ) -> Result<Handled, W::Fault> {
        let Some(Found { step, state }) = self.find(w, name)? else {
            return Ok(Handled::Illegal);
        };
        let current = w.run()?.step(name).and_then(|run| run.key.clone()).unwrap_or_default();
        if current != key {
            let old = earlier_attempt(&current, key);
            return Ok(if old { Handled::Nothing(Why::OldAttempt) } else { Handled::Illegal });
        }
        Ok(match (state, outcome) {
            (State::Child, ChildOutcome::Completed) => {
                self.complete(w, step, None)?;
                Handled::Moved
            }
            (State::Child, ChildOutcome::Failed(reason)) => {
                self.stick(w, step, reason, IncidentKind::ChildFailed(reason.clone()))?;
                Handled::Moved
            }
            (State::Done, ChildOutcome::Completed) | (State::Stuck { .. }, ChildOutcome::Failed(_)) => {
                Handled::Nothing(Why::Duplicate)
            }
            _ => Handled::Illegal,
        })
    }

    pub(crate) fn repaired(
        &self,
        w: &mut W,
        name: &str,
        by: &Person,
        action: RepairAction,
        because: &str,
    ) -> Result<Handled, W::Fault> {
        if action == RepairAction::Settle {
            return self.settled(w, name, by, because);
        }
        let Some(Found { step, state }) = self.find(w, name)? else {
            return Ok(Handled::Illegal);
        };
        let contradicted = step.class == Class::Pivot && w.run()?.is_contradicted();
        match (&state, action) {
            (State::Stuck { .. } | State::Between { .. }, RepairAction::RetryAsk) if contradicted => {
                return Ok(Handled::Refused(Refusal::Contradicted));
            }
            // The incident stays open until the answer comes.
            (State::UndoFailed { .. }, RepairAction::RetryUndo) => {
                Self::retried(w, name, by, because)?;
                self.ask_undo(w, step)?;
            }
            // What a partner has or has not done nobody here knows better than it: two persons answer for going on without it.
            (State::UndoFailed { proposed, .. }, RepairAction::ResolveUndo) => {
                if let Some(handled) = Self::proposed(w, name, proposed.as_ref(), by, because)? {
                    return Ok(handled);
                }
                self.resolve_incidents(w, step, because, Some(by))?;
                self.undone(w, step)?;
            }
            // The old key was refused for good (the pivot's is closed), so the next attempt needs a new one.
            (State::Stuck { .. } | State::Between { .. }, RepairAction::RetryAsk) => {
                Self::retried(w, name, by, because)?;
                self.next_attempt(w, step)?;
            }
            // Nobody makes up an answer of the pivot's.
            (State::Stuck { proposed, .. }, RepairAction::Resolve) if step.class != Class::Pivot => {
                if let Some(handled) = Self::proposed(w, name, proposed.as_ref(), by, because)? {
                    return Ok(handled);
                }
                self.resolve_incidents(w, step, because, Some(by))?;
                self.complete(w, step, Some(by))?;
            }
            (State::Asked { .. } | State::Closing { .. }, RepairAction::RetryAsk)
            | (State::Undoing { .. }, RepairAction::RetryUndo) => {
                Self::retried(w, name, by, because)?;
                self.send_again(w, step, &state)?;
            }
            _ => return Ok(Handled::Illegal),
        }
        Ok(Handled::Moved)
    }

    /// A party contradicted itself or what was agreed: a person is called, whatever the state of the step. A pivot in flight is
    /// called back, so that what may have been done under one key is not done under another too.
    pub(crate) fn contradicted(&self, w: &mut W, name: &str, reason: &W::Reason) -> Result<Handled, W::Fault> {
        let run = w.run()?;
        let Some(step) = self.steps.iter().find(|step| step.name == name) else {
            return Ok(Handled::Illegal);
        };
        if matches!(run.phase, Phase::NotStarted) {
            return Ok(Handled::Illegal);
        }
        let kind = IncidentKind::Contradicted(reason.clone());
        if run.incidents().any(|(_, incident)| incident.step == name && incident.kind == kind) {
            return Ok(Handled::Nothing(Why::Duplicate));
        }
        self.open_incident(w, step, kind)?;
        match w.run()?.state(name) {
            Some(State::Asked { .. }) if step.class == Class::Pivot => {
                self.close_key(w, step, AfterClosing::Stick(reason.clone()))?;
                Ok(Handled::Moved)
            }
            Some(State::Between { .. } | State::Waiting) if step.class == Class::Pivot => {
                self.not_done(w, step, reason)
            }
            _ => Ok(Handled::Moved),
        }
    }

    fn settled(&self, w: &mut W, name: &str, by: &Person, because: &str) -> Result<Handled, W::Fault> {
        let contradiction = |kind: &_| matches!(kind, IncidentKind::Contradicted(_));
        let open = w.run()?.incidents().any(|(_, incident)| incident.step == name && contradiction(&incident.kind));
        let Some(step) = self.steps.iter().find(|step| step.name == name && open) else {
            return Ok(Handled::Illegal);
        };
        self.resolve_those(w, step, because, Some(by), contradiction)?;
        // A pivot that only waited for this goes on; one whose own contradiction it was is ordered by a person.
        let pivot = self.pivot.and_then(|index| self.steps.get(index));
        let is_forward = matches!(w.run()?.phase, Phase::Forward) && !w.run()?.is_contradicted();
        if let Some(pivot) = pivot
            && is_forward
            && matches!(w.run()?.state(pivot.name), Some(State::Waiting))
        {
            self.next_attempt(w, pivot)?;
        }
        // What fell due meanwhile comes before what it would have stopped.
        let _ = self.ticked(w)?;
        Ok(Handled::Moved)
    }

    /// Records what the first of two persons wants, or refuses it from the same one again. `None`: `by` is the second, and it is
    /// to be done.
    fn proposed(
        w: &mut W,
        step: &str,
        first: Option<&Person>,
        by: &Person,
        because: &str,
    ) -> Result<Option<Handled>, W::Fault> {
        match first {
            Some(first) if first.is_also(by) => Ok(Some(Handled::Refused(Refusal::AnotherPerson))),
            Some(_) => Ok(None),
            None => {
                let (step, because, at) = (step.to_owned(), because.to_owned(), w.now());
                w.record(Fact::ResolutionProposed { step, because, by: by.clone(), at })?;
                Ok(Some(Handled::Moved))
            }
        }
    }

    fn retried(w: &mut W, step: &str, by: &Person, because: &str) -> Result<(), W::Fault> {
        let at = w.now();
        w.record(Fact::Retried { step: step.to_owned(), because: because.to_owned(), by: by.clone(), at })
    }

    /// Why nothing more can be done to a run that goes back or is over.
    fn over(w: &W) -> Result<Refusal, W::Fault> {
        Ok(if matches!(w.run()?.phase, Phase::Ended { .. }) { Refusal::Ended } else { Refusal::Ending })
    }
}
