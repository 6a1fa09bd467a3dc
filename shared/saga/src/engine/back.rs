//! Back: one rule over the graph. A step may be undone when every step that depended on it is undone or never ran;
//! what is asked and not answered is undone at once.

use crate::definition::{Definition, Step, Undo};
use crate::fact::{AfterClosing, Ending, Fact};
use crate::run::{Phase, State, later};
use crate::world::World;

impl<W: World> Definition<W> {
    /// The run goes back from here; what is to be undone follows when it comes to rest.
    pub(crate) fn turn_back(&self, w: &mut W, ending: Ending<W::Reason>) -> Result<(), W::Fault> {
        let at = w.now();
        w.record(Fact::UnwindingBegan { ending, at })
    }

    /// A withdrawal or an expiry: unwinds at once unless the pivot is in flight, where the asked party's answer decides.
    /// A run that is already being ended keeps its ending.
    pub(crate) fn end_early(&self, w: &mut W, ending: Ending<W::Reason>) -> Result<(), W::Fault> {
        let pivot = self.pivot.and_then(|index| self.steps.get(index));
        if let Some(pivot) = pivot {
            match w.run()?.state(pivot.name) {
                Some(
                    State::Asked { .. }
                    | State::Closing { then: AfterClosing::NextAttempt(_) | AfterClosing::Stick(_), .. },
                ) => {
                    return self.close_key(w, pivot, AfterClosing::End(ending));
                }
                Some(State::Closing { .. }) => return Ok(()),
                _ => {}
            }
        }
        self.turn_back(w, ending)
    }

    /// Undoes, in reverse order, every step that may be undone; one pass suffices because steps only follow earlier ones.
    pub(crate) fn go_back(&self, w: &mut W) -> Result<(), W::Fault> {
        for (index, step) in self.steps.iter().enumerate().rev() {
            self.undo_if_permitted(w, index, step)?;
        }
        let run = w.run()?;
        let Phase::Unwinding { ending } = &run.phase else {
            return Ok(());
        };
        if run.steps.values().all(|step| step.state.is_settled_back()) {
            let ending = ending.clone();
            self.end(w, ending)?;
        }
        Ok(())
    }

    fn undo_if_permitted(&self, w: &mut W, index: usize, step: &Step<W>) -> Result<(), W::Fault> {
        let (at, name) = (w.now(), step.name.to_owned());
        let run = w.run()?;
        let Some(state) = run.state(step.name) else {
            return Ok(());
        };
        match (state, step.undo) {
            (State::Deciding { .. } | State::Between { .. } | State::Child, _)
            | (State::Waiting, Undo::NotNeeded(_) | Undo::Never | Undo::Unsaid | Undo::Ask(_))
            | (State::Asked { .. }, Undo::NotNeeded(_)) => w.record(Fact::StepAbandoned { step: name, at }),
            // Only the pivot, its key closed: who was called need not act any more.
            (State::Stuck { .. }, _) => {
                self.resolve_incidents(w, step, "the run turned back", None)?;
                w.record(Fact::StepAbandoned { step: name, at })
            }
            // The undo may overtake its original: the asked party then makes the original a no-op.
            (State::Asked { .. }, Undo::Ask(_)) => self.ask_undo(w, step),
            (State::Waiting, Undo::Here(undo)) => {
                undo(w)?;
                w.record(Fact::Undone { step: name, at })
            }
            (State::Done, undo) if self.nothing_depends_on(w, index)? => match undo {
                Undo::Here(undo) => {
                    undo(w)?;
                    w.record(Fact::Undone { step: name, at })
                }
                Undo::Ask(_) => self.ask_undo(w, step),
                Undo::NotNeeded(_) | Undo::Never | Undo::Unsaid => w.record(Fact::StepKept { step: name, at }),
            },
            _ => Ok(()), // settled, waiting for an answer or for a repair, or still depended on
        }
    }

    /// Whether every step that depended on it is undone or never ran.
    fn nothing_depends_on(&self, w: &W, index: usize) -> Result<bool, W::Fault> {
        let run = w.run()?;
        let mut dependents = self.steps.iter().filter(|step| step.after.contains(&index));
        Ok(dependents.all(|step| run.state(step.name).is_none_or(State::is_settled_back)))
    }

    /// Asks the party to undo, under the key of the original.
    pub(crate) fn ask_undo(&self, w: &mut W, step: &Step<W>) -> Result<(), W::Fault> {
        let (Undo::Ask(undo), Some(party)) = (step.undo, Self::party_of(step)) else {
            return Ok(());
        };
        let at = w.now();
        let retry_at = later(at, self.retry_of(step).wait_ms(1));
        w.record(Fact::UndoAsked { step: step.name.to_owned(), party, retry_at, at })?;
        let message = Self::message(w, step, 1)?;
        undo(w, &message)
    }
}
