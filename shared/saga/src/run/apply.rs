//! `Run::apply`: what each fact does to a run. Pure and total; versioned by the facts themselves and pinned by golden tests.
//!
//! A fact about a step that was never opened changes nothing: the engine does not record such, and a replay must not fail.

use std::collections::BTreeSet;

use domain::{Moment, Party};

use crate::event::Outcome;
use crate::fact::{Fact, IncidentKind};
use crate::run::{Call, Doubt, Incident, Phase, Run, State, StepRun};
use crate::task::{Deadline, Notice, Person, Task};

impl<Role: Copy, Reason: Clone> Run<Role, Reason> {
    /// Makes the fact true of this run.
    pub fn apply(&mut self, fact: &Fact<Role, Reason>) {
        match fact {
            Fact::Started { definition, version, lock, at } => {
                self.definition.clone_from(definition);
                self.version = *version;
                self.lock.clone_from(lock);
                self.phase = Phase::Forward;
                self.started_at = Some(*at);
            }
            Fact::TaskOpened { step, role, due_at, excluded, at } => {
                self.open(step, State::Deciding { task: task(step, *role, *at, *due_at, excluded) }, *at);
            }
            Fact::TaskClaimed { step, by } => self.task(step, |task| task.claim(by.clone())),
            Fact::Suspended { step, expiry, due_at } => self.task(step, |task| task.suspend(expiry, *due_at)),
            Fact::Resumed { step, due_at, at } => self.task(step, |task| task.resume(*at, *due_at)),
            Fact::StepWaiting { step, at } => self.open(step, State::Waiting, *at),
            Fact::Asked { step, party, key, attempt, retry_at, deadline, at } => {
                let deadline = deadline.as_ref().map(|set| Deadline {
                    role: set.role,
                    opened_at: *at,
                    due_at: set.due_at,
                    noticed: None,
                });
                let call = Call { party: *party, sendings: 1, retry_at: *retry_at, deferred: false, doubt: None };
                self.attempt(step, State::Asked { call, deadline }, key, *attempt, *at);
            }
            Fact::ChildStarted { step, key, attempt, at } => self.attempt(step, State::Child, key, *attempt, *at),
            Fact::AskedAgain { step, retry_at } => self.call(step, |call| {
                call.sendings = call.sendings.saturating_add(1);
                call.retry_at = *retry_at;
                call.deferred = false;
                if let Some(doubt) = &mut call.doubt {
                    doubt.sendings = doubt.sendings.saturating_add(1);
                }
            }),
            Fact::AskDeferred { step, retry_at } => self.call(step, |call| {
                call.retry_at = *retry_at;
                call.deferred = true;
            }),
            Fact::BecameUnknown { step, retry_at, person_at, at } => self.call(step, |call| {
                call.retry_at = *retry_at;
                call.doubt = Some(Doubt { since: *at, sendings: 0, person_at: Some(*person_at) });
            }),
            Fact::KeyClosing { step, then, retry_at, .. } => {
                let then = then.clone();
                self.question(step, *retry_at, |call| State::Closing { call, then });
            }
            Fact::KeyClosed { .. } | Fact::CancelVoid { .. } | Fact::Retried { .. } => {} // what follows says it all
            Fact::AttemptEnded { step, next_at, .. } => {
                if let Some(step) = self.steps.get_mut(step)
                    && let Some(call) = step.state.call()
                {
                    step.state = State::Between { party: call.party, next_at: *next_at };
                }
            }
            Fact::StepDone { step, by, at } => {
                self.open(step, State::Done, *at);
                self.settle(step, by.as_ref(), *at);
            }
            Fact::StepRefused { step, reason, by, at } => {
                self.open(step, State::Refused { reason: reason.clone() }, *at);
                self.settle(step, by.as_ref(), *at);
            }
            Fact::StepStuck { step, reason, at } => {
                self.open(step, State::Stuck { reason: reason.clone(), proposed: None }, *at)
            }
            Fact::StepAbandoned { step, at } => self.close(step, State::Abandoned, *at),
            Fact::StepKept { step, at } => self.close(step, State::Kept, *at),
            Fact::Undone { step, at } => self.close(step, State::Undone, *at),
            Fact::PivotPassed { .. } => {
                self.pivot_passed = true;
                self.expiries.clear();
            }
            Fact::LateAnswer { step, outcome } => {
                if let Some(step) = self.steps.get_mut(step) {
                    step.heard = Some(outcome.clone());
                }
            }
            Fact::UnwindingBegan { ending, .. } => {
                self.phase = Phase::Unwinding { ending: ending.clone() };
                self.expiries.clear();
            }
            Fact::UndoAsked { step, party, retry_at, .. } => {
                self.undoing(step, *party, *retry_at);
            }
            Fact::UndoFailed { step, reason, .. } => {
                if let Some(step) = self.steps.get_mut(step)
                    && let Some(call) = step.state.call()
                {
                    step.state = State::UndoFailed { party: call.party, reason: reason.clone(), proposed: None };
                }
            }
            Fact::IncidentOpened { id, step, kind, owner, at } => {
                if matches!(kind, IncidentKind::UnknownTooLong) {
                    self.call(step, |call| {
                        if let Some(doubt) = &mut call.doubt {
                            doubt.person_at = None;
                        }
                    });
                }
                self.incidents_so_far = self.incidents_so_far.max(*id);
                let incident = Incident { step: step.clone(), kind: kind.clone(), owner: *owner, opened_at: *at };
                self.incidents.insert(*id, incident);
            }
            Fact::ResolutionProposed { step, by, .. } => {
                let state = self.steps.get_mut(step).map(|step| &mut step.state);
                if let Some(State::Stuck { proposed, .. } | State::UndoFailed { proposed, .. }) = state {
                    *proposed = Some(by.clone());
                }
            }
            Fact::IncidentResolved { id, .. } => {
                self.incidents.remove(id);
            }
            Fact::Reminded { step, percent } => {
                self.notice(step, if *percent >= Notice::Most.percent() { Notice::Most } else { Notice::Half });
            }
            Fact::Escalated { step } => self.notice(step, Notice::Overdue),
            Fact::ExpirySet { name, due_at } => {
                self.expiries.insert(name.clone(), *due_at);
            }
            Fact::ExpiryStopped { name } | Fact::ExpiryPassed { name, .. } => {
                self.expiries.remove(name);
            }
            Fact::Ended { ending, at } => {
                self.phase = Phase::Ended { ending: ending.clone() };
                self.lock = None;
                self.expiries.clear();
                self.ended_at = Some(*at);
            }
        }
    }

    /// Puts the step into `state`, opening it at `at` if it was not.
    fn open(&mut self, name: &str, state: State<Role, Reason>, at: Moment) {
        if let Some(step) = self.steps.get_mut(name) {
            step.state = state;
        } else {
            let step =
                StepRun { state, attempt: 0, key: None, opened_at: at, ended_at: None, decided_by: None, heard: None };
            self.steps.insert(name.to_owned(), step);
        }
    }

    fn attempt(&mut self, name: &str, state: State<Role, Reason>, key: &str, attempt: u32, at: Moment) {
        self.open(name, state, at);
        if let Some(step) = self.steps.get_mut(name) {
            step.attempt = attempt;
            step.key = Some(key.to_owned());
            step.heard = None;
        }
    }

    fn settle(&mut self, name: &str, by: Option<&Person>, at: Moment) {
        if let Some(step) = self.steps.get_mut(name) {
            step.ended_at = Some(at);
            step.decided_by = by.cloned();
        }
    }

    /// Puts an opened step into `state`.
    fn close(&mut self, name: &str, state: State<Role, Reason>, at: Moment) {
        if let Some(step) = self.steps.get_mut(name) {
            step.state = state;
            step.ended_at = Some(at);
        }
    }

    /// A new question to the party of the open one, not sent before.
    fn question(&mut self, name: &str, retry_at: Moment, state: impl FnOnce(Call) -> State<Role, Reason>) {
        if let Some(step) = self.steps.get_mut(name)
            && let Some(call) = step.state.call()
        {
            let doubt = call.doubt.clone(); // a party that does not know is in doubt about the key, whatever we ask
            step.state = state(Call { party: call.party, sendings: 1, retry_at, deferred: false, doubt });
        }
    }

    fn undoing(&mut self, name: &str, party: Party, retry_at: Moment) {
        if let Some(step) = self.steps.get_mut(name) {
            if matches!(step.state, State::Done) {
                step.heard = Some(Outcome::Done); // so that a doubled *done* is known from a late one
            }
            step.state = State::Undoing { call: Call { party, sendings: 1, retry_at, deferred: false, doubt: None } };
            step.ended_at = None;
        }
    }

    fn call(&mut self, name: &str, change: impl FnOnce(&mut Call)) {
        let state = self.steps.get_mut(name).map(|step| &mut step.state);
        if let Some(State::Asked { call, .. } | State::Closing { call, .. } | State::Undoing { call }) = state {
            change(call);
        }
    }

    fn task(&mut self, name: &str, change: impl FnOnce(&mut Task<Role>)) {
        if let Some(State::Deciding { task }) = self.steps.get_mut(name).map(|step| &mut step.state) {
            change(task);
        }
    }

    fn notice(&mut self, name: &str, notice: Notice) {
        match self.steps.get_mut(name).map(|step| &mut step.state) {
            Some(State::Deciding { task }) => task.deadline.give(notice),
            Some(State::Asked { deadline: Some(deadline), .. }) => deadline.give(notice),
            _ => {}
        }
    }
}

fn task<Role: Copy>(
    step: &str,
    role: Role,
    opened_at: Moment,
    due_at: Moment,
    excluded: &BTreeSet<Person>,
) -> Task<Role> {
    Task {
        id: step.to_owned(),
        deadline: Deadline { role, opened_at, due_at, noticed: None },
        excluded: excluded.clone(),
        claimed_by: None,
        suspended: None,
    }
}
