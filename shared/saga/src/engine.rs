//! The engine: takes an event, decides what follows, records it and lets the run come to rest. The semantics are in the
//! crate's documentation; the files below hold one part each.
//!
//! * `forward`: opening and completing steps; * `answers`: the one match over (state, outcome); * `back`: unwinding;
//! * `timers`: what a tick fires; * `people`: verdicts, cancellation, children, repair.

mod answers;
mod back;
mod forward;
mod people;
mod timers;

use crate::definition::{Definition, Step};
use crate::event::{Event, IllegalTransition, Reaction, Refusal, Why};
use crate::fact::Fact;
use crate::run::{Phase, Run, State};
use crate::world::{Ask, World};

/// What a handler came to; `Illegal` is given its words by `on`.
pub(crate) enum Handled {
    Moved,
    Nothing(Why),
    Refused(Refusal),
    Illegal,
}

impl<W: World> Definition<W> {
    /// Begins a run in a case that has none, and lets it come to rest.
    ///
    /// Refused with [`Refusal::Locked`] when another case holds the semantic lock, and as illegal when the case already
    /// has a run.
    ///
    /// # Errors
    /// The world's fault; the caller drops the whole decision.
    pub fn start(&self, w: &mut W) -> Result<Reaction, W::Fault> {
        if !matches!(w.run()?.phase, Phase::NotStarted) {
            let state = describe(w.run()?, None);
            return Ok(Reaction::Refused(IllegalTransition { state, input: format!("start of {}", self.name) }.into()));
        }
        let lock = match self.lock {
            None => None,
            Some(key) => {
                let key = key(w)?;
                if !w.lock(&key)? {
                    return Ok(Reaction::Refused(Refusal::Locked { key }));
                }
                Some(key)
            }
        };
        let at = w.now();
        w.record(Fact::Started { definition: self.name.to_owned(), version: self.version, lock, at })?;
        self.start_expiries_at_start(w)?;
        self.settle(w)?;
        Ok(Reaction::Moved)
    }

    /// Drives a run by one event and lets it come to rest.
    ///
    /// # Errors
    /// The world's fault; the caller drops the whole decision.
    pub fn on(&self, w: &mut W, event: Event<W::Reason>) -> Result<Reaction, W::Fault> {
        let run = w.run()?;
        if !matches!(run.phase, Phase::NotStarted) && (run.definition != self.name || run.version != self.version) {
            let run = format!("{} v{}", run.definition, run.version);
            let definition = format!("{} v{}", self.name, self.version);
            return Ok(Reaction::Refused(Refusal::OtherDefinition { run, definition }));
        }
        let handled = match &event {
            Event::Decided { step, by, verdict } => self.decided(w, step, by, verdict)?,
            Event::Claimed { step, by } => self.claimed(w, step, by.as_ref())?,
            Event::Answered { step, key, outcome } => self.answered(w, step, key, outcome)?,
            Event::Contradicted { step, reason } => self.contradicted(w, step, reason)?,
            Event::Woken { step } => self.woken(w, step)?,
            Event::ChildEnded { step, key, outcome } => self.child_ended(w, step, key, outcome)?,
            Event::Cancel { reason } => self.cancelled(w, reason)?,
            Event::Tick => self.ticked(w)?,
            Event::Repair { step, by, action, because } => self.repaired(w, step, by, *action, because)?,
        };
        Ok(match handled {
            Handled::Moved => {
                self.settle(w)?;
                Reaction::Moved
            }
            Handled::Nothing(why) => Reaction::Nothing(why),
            Handled::Refused(refusal) => Reaction::Refused(refusal),
            Handled::Illegal => {
                let state = describe(w.run()?, step_of(&event));
                Reaction::Refused(IllegalTransition { state, input: event.to_string() }.into())
            }
        })
    }

    /// Lets the run come to rest: opens what may open, undoes what may be undone, ends what is over.
    pub(crate) fn settle(&self, w: &mut W) -> Result<(), W::Fault> {
        if matches!(w.run()?.phase, Phase::Forward) {
            self.go_forward(w)?;
        }
        // Going forward may turn the run back within the same decision.
        if matches!(w.run()?.phase, Phase::Unwinding { .. }) {
            self.go_back(w)?;
        }
        Ok(())
    }

    /// The definition's step and its state, if the step exists and was opened.
    pub(crate) fn find(&self, w: &W, name: &str) -> Result<Option<Found<'_, W>>, W::Fault> {
        let Some(step) = self.steps.iter().find(|step| step.name == name) else {
            return Ok(None);
        };
        Ok(w.run()?.state(name).map(|state| Found { step, state: state.clone() }))
    }

    /// The message of a step under its current key.
    pub(crate) fn message(w: &W, step: &Step<W>, sending: u32) -> Result<Ask, W::Fault> {
        let (key, attempt) = match w.run()?.step(step.name) {
            Some(run) => (run.key.clone().unwrap_or_default(), run.attempt),
            None => (String::new(), 0),
        };
        Ok(Ask { step: step.name, key, attempt, sending })
    }

    /// The key of a step's attempt: `{stem}:{attempt}`, the stem `{step}:{case}` unless the step has its own.
    pub(crate) fn key(w: &W, step: &Step<W>, attempt: u32) -> Result<String, W::Fault> {
        Ok(match step.key {
            Some(stem) => format!("{}:{attempt}", stem(w)?),
            None => format!("{}:{}:{attempt}", step.name.replace(' ', "-"), w.case()?),
        })
    }
}

/// A step that was opened.
pub(crate) struct Found<'d, W: World> {
    pub step: &'d Step<W>,
    pub state: State<W::Role, W::Reason>,
}

fn step_of<Reason>(event: &Event<Reason>) -> Option<&str> {
    match event {
        Event::Decided { step, .. }
        | Event::Claimed { step, .. }
        | Event::Answered { step, .. }
        | Event::Contradicted { step, .. }
        | Event::Woken { step }
        | Event::ChildEnded { step, .. }
        | Event::Repair { step, .. } => Some(step),
        Event::Cancel { .. } | Event::Tick => None,
    }
}

/// Where a run (and one of its steps) is, in words.
fn describe<Role: Copy, Reason>(run: &Run<Role, Reason>, step: Option<&str>) -> String {
    let phase = match &run.phase {
        Phase::NotStarted => "not started",
        Phase::Forward if run.pivot_passed => "past the point of no return",
        Phase::Forward => "forward",
        Phase::Unwinding { .. } => "unwinding",
        Phase::Ended { .. } => "ended",
    };
    match step {
        None => phase.to_owned(),
        Some(name) => {
            let state = run.state(name).map_or("not opened", |state| state.name());
            format!("{phase}, `{name}` {state}")
        }
    }
}
