//! What a party's answer does: one match over (state, outcome); what it does not list is illegal.

use domain::Party;

use crate::definition::{Class, Definition, Step, Work};
use crate::engine::{Found, Handled};
use crate::event::{Outcome, Why};
use crate::fact::{AfterClosing, Fact, IncidentKind};
use crate::run::{Call, State, later};
use crate::world::World;

impl<W: World> Definition<W> {
    pub(crate) fn answered(
        &self,
        w: &mut W,
        name: &str,
        key: &str,
        outcome: &Outcome<W::Reason>,
    ) -> Result<Handled, W::Fault> {
        use Outcome as O;
        use State as S;
        let Some(Found { step, state }) = self.find(w, name)? else {
            return Ok(Handled::Illegal);
        };
        let run = w.run()?.step(name);
        let heard = run.and_then(|run| run.heard.clone());
        match run.and_then(|run| run.key.as_deref()) {
            Some(current) if current == key => {}
            Some(current) => return Ok(other_key(current, key, outcome)),
            None => return Ok(Handled::Illegal),
        }
        let pivot = step.class == Class::Pivot;
        Ok(match (state, outcome) {
            // The question is open.
            (S::Asked { .. }, O::Done) => {
                self.complete(w, step, None)?;
                Handled::Moved
            }
            (S::Stuck { .. }, O::Done) if !pivot => {
                self.complete(w, step, None)?;
                Handled::Moved
            }
            (S::Asked { .. }, O::Refused(reason)) => self.refused(w, step, reason)?,
            (S::Asked { .. }, O::NotDone(reason)) if pivot => {
                self.close_key(w, step, AfterClosing::NextAttempt(reason.clone()))?;
                Handled::Moved
            }
            (S::Asked { .. }, O::Blocked(reason)) if pivot => {
                self.close_key(w, step, AfterClosing::Stick(reason.clone()))?;
                Handled::Moved
            }
            (S::Asked { call, .. } | S::Closing { call, .. } | S::Undoing { call }, O::Transient) => {
                self.defer(w, step, &call)?
            }
            (S::Asked { call, .. } | S::Closing { call, .. } | S::Undoing { call }, O::Unknown) => {
                self.doubt(w, step, &call)?
            }
            // The pivot's key is being closed: the party's answer decides.
            (S::Closing { then, .. }, O::Done) => {
                self.complete(w, step, None)?;
                if let AfterClosing::End(ending) = then {
                    w.record(Fact::CancelVoid { ending })?;
                }
                Handled::Moved
            }
            (S::Closing { then, .. }, O::Closed) => self.closed(w, step, then)?,
            (S::Closing { then: AfterClosing::Refuse(known), .. }, O::Refused(reason))
            | (S::Closing { then: AfterClosing::NextAttempt(known), .. }, O::NotDone(reason))
            | (S::Closing { then: AfterClosing::Stick(known), .. }, O::Blocked(reason))
                if known == *reason =>
            {
                Handled::Nothing(Why::Duplicate)
            }
            (S::Closing { .. }, O::Refused(_) | O::NotDone(_) | O::Blocked(_)) => {
                Self::late(w, step, heard.as_ref(), outcome)?
            }
            (S::Between { .. } | S::Waiting | S::Stuck { .. }, O::Closed) if pivot => Handled::Nothing(Why::Duplicate),
            (
                S::Between { .. } | S::Waiting | S::Stuck { .. },
                O::Refused(_) | O::NotDone(_) | O::Blocked(_) | O::Transient | O::Unknown,
            ) if pivot => Handled::Nothing(Why::Late),
            // A retriable step that was refused.
            (S::Stuck { reason: known, .. }, O::Refused(reason)) if known == *reason => {
                Handled::Nothing(Why::Duplicate)
            }
            (S::Stuck { .. }, O::Refused(_) | O::Transient | O::Unknown) => Handled::Nothing(Why::Late),
            // The undo is asked for.
            (S::Undoing { .. } | S::UndoFailed { .. }, O::Undone | O::Closed) => {
                self.undone(w, step)?;
                Handled::Moved
            }
            (S::Undoing { .. }, O::UndoRefused(reason)) => {
                let at = w.now();
                w.record(Fact::UndoFailed { step: step.name.to_owned(), reason: reason.clone(), at })?;
                self.open_incident(w, step, IncidentKind::UndoRefused(reason.clone()))?;
                Handled::Moved
            }
            (S::UndoFailed { .. }, O::UndoRefused(_)) => Handled::Nothing(Why::Duplicate),
            (S::Undoing { .. } | S::UndoFailed { .. }, O::Done | O::Refused(_)) => {
                Self::late(w, step, heard.as_ref(), outcome)?
            }
            (S::UndoFailed { .. }, O::Transient | O::Unknown) => Handled::Nothing(Why::Late),
            // It counts as undone: a *done* that was never heard before means that the undo has to be asked for again.
            (S::Undone, O::Done) if heard == Some(O::Done) => Handled::Nothing(Why::Duplicate),
            (S::Undone, O::Done) => {
                w.record(Fact::LateAnswer { step: step.name.to_owned(), outcome: O::Done })?;
                self.ask_undo(w, step)?;
                Handled::Moved
            }
            // A party that cannot undo what counts as undone has it again (its database was set back): it is asked again.
            (S::Undone, O::UndoRefused(_)) => {
                self.ask_undo(w, step)?;
                Handled::Moved
            }
            (S::Undone, O::Undone | O::Closed) => Handled::Nothing(Why::Duplicate),
            (S::Undone, O::Refused(_) | O::Transient | O::Unknown) => Handled::Nothing(Why::Late),
            // It is settled otherwise.
            (S::Done | S::Kept, O::Done) => Handled::Nothing(Why::Duplicate),
            (S::Done | S::Kept, O::Transient | O::Unknown) => Handled::Nothing(Why::Late),
            (S::Refused { reason: known }, O::Refused(reason)) if known == *reason => Handled::Nothing(Why::Duplicate),
            (S::Refused { .. } | S::Abandoned, O::Closed) if pivot => Handled::Nothing(Why::Duplicate),
            (S::Refused { .. }, O::Transient | O::Unknown) => Handled::Nothing(Why::Late),
            (S::Refused { .. }, O::NotDone(_) | O::Blocked(_)) if pivot => Handled::Nothing(Why::Late),
            // An ask without an undo was given up: whatever it says has no bearing.
            (S::Abandoned, O::Done) if !pivot => Handled::Nothing(Why::Late),
            (S::Abandoned, O::Refused(_) | O::NotDone(_) | O::Blocked(_) | O::Transient | O::Unknown) => {
                Handled::Nothing(Why::Late)
            }
            _ => Handled::Illegal,
        })
    }

    fn refused(&self, w: &mut W, step: &Step<W>, reason: &W::Reason) -> Result<Handled, W::Fault> {
        match step.class {
            Class::Compensatable => self.refuse(w, step, reason.clone(), None)?,
            // A *no* about the point of no return is final only once its key is closed.
            Class::Pivot => self.close_key(w, step, AfterClosing::Refuse(reason.clone()))?,
            Class::Retriable => self.stick(w, step, reason, IncidentKind::MustRefused(reason.clone()))?,
        }
        Ok(Handled::Moved)
    }

    /// A retriable step was refused, or the pivot not done: it stays open and a person is called.
    pub(crate) fn stick(
        &self,
        w: &mut W,
        step: &Step<W>,
        reason: &W::Reason,
        kind: IncidentKind<W::Reason>,
    ) -> Result<(), W::Fault> {
        let at = w.now();
        w.record(Fact::StepStuck { step: step.name.to_owned(), reason: reason.clone(), at })?;
        self.open_incident(w, step, kind)
    }

    fn defer(&self, w: &mut W, step: &Step<W>, call: &Call) -> Result<Handled, W::Fault> {
        if call.deferred {
            return Ok(Handled::Nothing(Why::Duplicate));
        }
        let wait_ms = match &call.doubt {
            Some(doubt) => self.unknown.wait_ms(doubt.sendings),
            None => self.retry_of(step).wait_ms(call.sendings),
        };
        let retry_at = later(w.now(), wait_ms);
        w.record(Fact::AskDeferred { step: step.name.to_owned(), retry_at })?;
        Ok(Handled::Moved)
    }

    fn doubt(&self, w: &mut W, step: &Step<W>, call: &Call) -> Result<Handled, W::Fault> {
        if call.doubt.is_some() {
            return Ok(Handled::Nothing(Why::Duplicate)); // the next question has its time already
        }
        let at = w.now();
        let retry_at = later(at, self.unknown.wait_ms(0));
        let person_at = later(at, self.unknown.person_after_ms);
        w.record(Fact::BecameUnknown { step: step.name.to_owned(), retry_at, person_at, at })?;
        Ok(Handled::Moved)
    }

    /// Asks the party to close the pivot's key.
    pub(crate) fn close_key(&self, w: &mut W, step: &Step<W>, then: AfterClosing<W::Reason>) -> Result<(), W::Fault> {
        let Work::Pivot(_, _, _, close) = step.work else {
            return Ok(());
        };
        let at = w.now();
        let doubt = w.run()?.state(step.name).and_then(State::call).and_then(|call| call.doubt.as_ref());
        let wait_ms = match doubt {
            Some(doubt) => self.unknown.wait_ms(doubt.sendings),
            None => self.retry_of(step).wait_ms(1),
        };
        let retry_at = later(at, wait_ms);
        w.record(Fact::KeyClosing { step: step.name.to_owned(), then, retry_at, at })?;
        let message = Self::message(w, step, 1)?;
        close(w, &message)
    }

    fn closed(&self, w: &mut W, step: &Step<W>, then: AfterClosing<W::Reason>) -> Result<Handled, W::Fault> {
        let (at, name) = (w.now(), step.name.to_owned());
        w.record(Fact::KeyClosed { step: name.clone(), at })?;
        match then {
            AfterClosing::End(ending) => {
                self.answer_resolves(w, step)?;
                w.record(Fact::StepAbandoned { step: name, at })?;
                self.turn_back(w, ending)?;
            }
            AfterClosing::Refuse(reason) => self.refuse(w, step, reason, None)?,
            AfterClosing::NextAttempt(reason) => {
                self.answer_resolves(w, step)?;
                let attempt = w.run()?.step(step.name).map_or(0, |run| run.attempt);
                if attempt >= self.again.attempts || w.run()?.is_contradicted() {
                    return self.not_done(w, step, &reason);
                }
                let next_at = later(at, self.again.wait.wait_ms(attempt));
                w.record(Fact::AttemptEnded { step: name, attempt, reason, next_at })?;
            }
            AfterClosing::Stick(reason) => {
                self.answer_resolves(w, step)?;
                return self.not_done(w, step, &reason);
            }
        }
        Ok(Handled::Moved)
    }

    /// The pivot was not done, and a person has to see to it before it is tried again.
    pub(crate) fn not_done(&self, w: &mut W, step: &Step<W>, reason: &W::Reason) -> Result<Handled, W::Fault> {
        self.stick(w, step, reason, IncidentKind::NotDone(reason.clone()))?;
        Ok(Handled::Moved)
    }

    pub(crate) fn undone(&self, w: &mut W, step: &Step<W>) -> Result<(), W::Fault> {
        let at = w.now();
        self.answer_resolves(w, step)?;
        w.record(Fact::Undone { step: step.name.to_owned(), at })
    }

    /// Records an answer that no longer matters, once.
    fn late(
        w: &mut W,
        step: &Step<W>,
        heard: Option<&Outcome<W::Reason>>,
        outcome: &Outcome<W::Reason>,
    ) -> Result<Handled, W::Fault> {
        if heard == Some(outcome) {
            return Ok(Handled::Nothing(Why::Duplicate));
        }
        w.record(Fact::LateAnswer { step: step.name.to_owned(), outcome: outcome.clone() })?;
        Ok(Handled::Moved)
    }

    pub(crate) const fn party_of(step: &Step<W>) -> Option<Party> {
        match step.work {
            Work::Ask(party, _) | Work::Pivot(party, ..) => Some(party),
            _ => None,
        }
    }
}

/// An answer under another key than the current one: an earlier attempt's is old, unless it says *done* about a key that
/// was closed or refused; anything else is not ours.
pub(crate) fn other_key<Reason>(current: &str, key: &str, outcome: &Outcome<Reason>) -> Handled {
    if earlier_attempt(current, key) && !matches!(outcome, Outcome::Done) {
        Handled::Nothing(Why::OldAttempt)
    } else {
        Handled::Illegal
    }
}

/// Whether `key` is that of an earlier attempt than `current`, by the form `{stem}:{attempt}`.
pub(crate) fn earlier_attempt(current: &str, key: &str) -> bool {
    let split = |key: &str| key.rsplit_once(':').map(|(stem, n)| (stem.to_owned(), n.parse::<u32>().ok()));
    match (split(current), split(key)) {
        (Some((stem, Some(now))), Some((other, Some(then)))) => stem == other && then < now,
        _ => false,
    }
}
