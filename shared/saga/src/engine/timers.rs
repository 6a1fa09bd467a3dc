//! What a tick fires: notices, resendings, calls for a person, expiries; in the order (due, timer).

use crate::definition::{Definition, Step, Undo, Work};
use crate::engine::{Found, Handled};
use crate::event::Why;
use crate::fact::{Ending, Fact, IncidentKind};
use crate::run::{Call, State, Timer, later};
use crate::task::Notice;
use crate::world::World;

impl<W: World> Definition<W> {
    /// Fires every due timer. The run comes to rest after each, so that a later timer sees what an earlier one did.
    pub(crate) fn ticked(&self, w: &mut W) -> Result<Handled, W::Fault> {
        let mut last = None;
        while let Some(next) = w.run()?.due(w.now()) {
            // A timer that is still there after it has fired would fire for ever and take the writer with it.
            if last.as_ref() == Some(&next) {
                break;
            }
            self.fire(w, next.1.clone())?;
            self.settle(w)?;
            last = Some(next);
        }
        let moved = last.is_some();
        Ok(if moved { Handled::Moved } else { Handled::Nothing(Why::NothingDue) })
    }

    fn fire(&self, w: &mut W, timer: Timer) -> Result<(), W::Fault> {
        match timer {
            Timer::Notice(step, Notice::Overdue) => w.record(Fact::Escalated { step }),
            Timer::Notice(step, notice) => w.record(Fact::Reminded { step, percent: notice.percent() }),
            Timer::Retry(name) => match self.find(w, &name)? {
                Some(Found { step, state: State::Between { .. } }) => self.next_attempt(w, step),
                Some(Found { step, state }) => self.send_again(w, step, &state),
                None => Ok(()),
            },
            Timer::Doubt(name) => match self.find(w, &name)? {
                Some(found) => self.open_incident(w, found.step, IncidentKind::UnknownTooLong),
                None => Ok(()),
            },
            Timer::Papers(name) => {
                let expiry = w.run()?.state(&name).and_then(|state| match state {
                    State::Deciding { task } => task.suspended.as_ref().map(|rest| rest.expiry.clone()),
                    _ => None,
                });
                match expiry {
                    Some(name) => self.expire_now(w, name),
                    None => Ok(()),
                }
            }
            Timer::Expiry(name) => self.expire_now(w, name),
        }
    }

    fn expire_now(&self, w: &mut W, name: String) -> Result<(), W::Fault> {
        let at = w.now();
        w.record(Fact::ExpiryPassed { name: name.clone(), at })?;
        self.end_early(w, Ending::Expired { name })
    }

    /// Sends the open question once more, under the same key.
    pub(crate) fn send_again(
        &self,
        w: &mut W,
        step: &Step<W>,
        state: &State<W::Role, W::Reason>,
    ) -> Result<(), W::Fault> {
        let send = match (state, step.work, step.undo) {
            // About an unknown outcome the pivot's party is asked, never told again.
            (State::Asked { call: Call { doubt: Some(_), .. }, .. }, Work::Pivot(_, _, query, _), _) => query,
            (State::Asked { .. }, Work::Ask(_, ask) | Work::Pivot(_, ask, ..), _) => ask,
            (State::Closing { .. }, Work::Pivot(_, _, _, close), _) => close,
            (State::Undoing { .. }, _, Undo::Ask(undo)) => undo,
            _ => return Ok(()),
        };
        let Some(call) = state.call() else {
            return Ok(());
        };
        let sending = call.sendings.saturating_add(1);
        let wait_ms = match &call.doubt {
            Some(doubt) => self.unknown.wait_ms(doubt.sendings.saturating_add(1)),
            None => self.retry_of(step).wait_ms(sending),
        };
        let retry_at = later(w.now(), wait_ms);
        w.record(Fact::AskedAgain { step: step.name.to_owned(), retry_at })?;
        let message = Self::message(w, step, sending)?;
        send(w, &message)
    }
}
