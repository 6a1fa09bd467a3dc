//! Plays a case of the toy core to its end: partners that answer, people that decide, time that passes, and one fault.

use std::collections::BTreeMap;

use saga::participant::{Input, Reply, Request, Work};
use saga::testing::{Fault, Scenario};
use saga::{ChildOutcome, Class, Definition, Event, Fact, Outcome, Reaction, RepairAction, State, Verdict};

use crate::all::toy::{Letter, Purpose, Reason, Role, Toy, approver, clerk, order, repair};

pub struct Theatre {
    pub definition: Definition<Toy>,
    pub toy: Toy,
    /// The partners' memory, by key.
    pub keys: BTreeMap<String, Request<Reason>>,
    /// How often each key was effected and how often undone, at the partners.
    pub effects: BTreeMap<String, (u32, u32)>,
    /// The reactions that were refusals, for tests to look at.
    pub refused: Vec<String>,
    fault: Option<Scenario>,
    /// The network delivers the newest letter first, and late answers come after the end.
    reversed: bool,
    happened: bool,
    cancelled: bool,
    answers: Vec<Event<Reason>>,
    held_letters: Vec<Letter>,
    held_answers: Vec<Event<Reason>>,
}

impl Theatre {
    pub fn new(fault: Option<Scenario>, reversed: bool) -> Self {
        let mut toy = Toy::default();
        if let Some(row) = &fault
            && row.fault == Fault::Refused
        {
            toy.refusing = Some(row.step);
        }
        if let Some(Scenario { fault: Fault::UndoFailed, with, .. }) = &fault {
            toy.refusing = with.first().copied();
        }
        Self {
            definition: order().unwrap(),
            toy,
            keys: BTreeMap::new(),
            effects: BTreeMap::new(),
            refused: Vec::new(),
            fault,
            reversed,
            happened: false,
            cancelled: false,
            answers: Vec::new(),
            held_letters: Vec::new(),
            held_answers: Vec::new(),
        }
    }

    /// Plays until the case has ended and nothing is on its way, or nobody but a repairer can move it.
    pub fn play(&mut self) {
        if self.toy.facts.is_empty() {
            assert_eq!(self.definition.start(&mut self.toy).unwrap(), Reaction::Moved);
        }
        for _ in 0..2_000 {
            if self.round() {
                continue;
            }
            if self.release_held() {
                continue;
            }
            // A pivot that waits for a person would wait until an expiry; the repairer comes before that.
            if self.toy.run.steps.values().any(|step| matches!(step.state, State::Stuck { .. })) {
                return;
            }
            match self.toy.run.next_wake() {
                Some(at) => {
                    self.toy.now = self.toy.now.max(at);
                    assert_eq!(self.put(Event::Tick), Reaction::Moved, "a due timer moves");
                }
                None => return,
            }
        }
        panic!("the case does not come to rest: {:?}", self.toy.run);
    }

    /// Whether the fault is of this kind and at this step.
    fn is(&self, fault: Fault, step: &str) -> bool {
        self.fault.as_ref().is_some_and(|row| row.fault == fault && row.step == step)
    }

    fn put(&mut self, event: Event<Reason>) -> Reaction {
        let before = self.toy.facts.len();
        let reaction = self.toy.on(&self.definition, event);
        let recorded = self.toy.facts.len() > before;
        assert_eq!(recorded, reaction == Reaction::Moved, "only what moves is recorded: {reaction:?}");
        if let Reaction::Refused(refusal) = &reaction {
            self.refused.push(refusal.to_string());
        }
        reaction
    }

    fn round(&mut self) -> bool {
        self.withdraw_if_due() || self.answer_next() || self.deliver_next() || self.let_people_decide()
    }

    fn withdraw_if_due(&mut self) -> bool {
        let Some(row) = self.fault.clone() else { return false };
        let class = self.definition.steps().iter().find(|s| s.name == row.step).unwrap().class;
        let now = match row.fault {
            Fault::CancelledThere => self.toy.run.state(row.step).is_some_and(|state| !matches!(state, State::Done)),
            Fault::AnswerLate => class != Class::Retriable && !self.held_answers.is_empty(),
            _ => false,
        };
        if !now || self.cancelled {
            return false;
        }
        self.cancelled = true;
        let reaction = self.put(Event::Cancel { reason: Reason::ChangedMind });
        let expect_moved = class != Class::Retriable;
        assert_eq!(reaction == Reaction::Moved, expect_moved, "{row}: {reaction:?}");
        if !self.reversed {
            self.answers.append(&mut self.held_answers); // late, but before the undo is answered
        }
        true
    }

    fn answer_next(&mut self) -> bool {
        if self.answers.is_empty() {
            return false;
        }
        let event = self.answers.remove(0);
        let _ = self.put(event);
        true
    }

    /// What was held back comes at last: after the end, or when nothing else happens.
    fn release_held(&mut self) -> bool {
        let expired = self.toy.facts.iter().any(|fact| matches!(fact, Fact::ExpiryPassed { .. }));
        let waiting_for_expiry = self.fault.as_ref().is_some_and(|row| row.fault == Fault::ExpiredThere) && !expired;
        let resent = self.toy.facts.iter().any(|fact| matches!(fact, Fact::AskedAgain { .. }));
        let late_retriable =
            self.fault.as_ref().is_some_and(|row| row.fault == Fault::AnswerLate) && !self.cancelled && !resent;
        if waiting_for_expiry || late_retriable || (self.held_letters.is_empty() && self.held_answers.is_empty()) {
            return false;
        }
        self.toy.outbox.append(&mut self.held_letters);
        self.answers.append(&mut self.held_answers);
        true
    }

    fn deliver_next(&mut self) -> bool {
        if self.toy.outbox.is_empty() {
            return false;
        }
        let at = if self.reversed { self.toy.outbox.len() - 1 } else { 0 };
        let letter = self.toy.outbox.remove(at);
        let step = letter.ask.step;
        let expired = self.toy.facts.iter().any(|fact| matches!(fact, Fact::ExpiryPassed { .. }));
        let held = (self.is(Fault::ExpiredThere, step) && letter.purpose == Purpose::Ask && !expired)
            || (self.is(Fault::CancelledThere, step)
                && step == "charge"
                && letter.purpose == Purpose::Ask
                && !self.toy.facts.iter().any(|fact| matches!(fact, Fact::KeyClosed { .. })));
        if held {
            self.held_letters.push(letter);
            return true;
        }
        if letter.purpose == Purpose::Child {
            let failed = self.is(Fault::Refused, step) && !self.happened;
            self.happened |= failed;
            let outcome = if failed { ChildOutcome::Failed(Reason::No) } else { ChildOutcome::Completed };
            self.answers.push(Event::ChildEnded { step: step.to_owned(), key: letter.ask.key, outcome });
            return true;
        }
        if let Some(outcome) = self.ask_partner(&letter) {
            self.queue(&letter, outcome);
        }
        true
    }

    /// The partner's side: its memory of the key, its work, its answer.
    fn ask_partner(&mut self, letter: &Letter) -> Option<Outcome<Reason>> {
        let (step, key) = (letter.ask.step, letter.ask.key.clone());
        let mut request = self.keys.remove(&key).unwrap_or_default();
        if matches!(request, Request::InDoubt { .. }) {
            request = request.on(&Input::Finished(Reason::Fine)).unwrap().0; // it has found out meanwhile
        }
        let input = match letter.purpose {
            Purpose::Ask => Input::Ask,
            Purpose::Query => Input::Query,
            Purpose::Close => Input::Close,
            Purpose::Undo => Input::Undo,
            Purpose::Child => unreachable!("children are not partners"),
        };
        let (mut next, response) = request.on(&input).unwrap();
        let mut reply = response.reply;
        if let Some(work) = response.work {
            let input = match work {
                Work::Begin => self.begin(step, letter.ask.attempt),
                Work::Undo => {
                    let fails = self.is(Fault::UndoFailed, step) && !self.happened;
                    self.happened |= fails;
                    if fails { Some(Input::UndoDeclined(Reason::CannotUndo)) } else { Some(Input::UndoFinished) }
                }
                Work::Cancel => None,
            };
            if let Some(input) = input {
                let effect = self.effects.entry(key.clone()).or_default();
                match input {
                    Input::Finished(_) | Input::HandedOver => effect.0 += 1,
                    Input::UndoFinished => effect.1 += 1,
                    _ => {}
                }
                let handed_over = input == Input::HandedOver;
                let done = next.on(&input).unwrap();
                next = done.0;
                reply = if handed_over { Some(Reply::Unknown) } else { done.1.reply };
            }
        }
        self.keys.insert(key, next);
        reply.map(|reply| match reply {
            Reply::Done(_) => Outcome::Done,
            Reply::Refused(Reason::Later) => Outcome::NotDone(Reason::Later),
            Reply::Refused(Reason::Hopeless) => Outcome::Blocked(Reason::Hopeless),
            Reply::Refused(reason) => Outcome::Refused(reason),
            Reply::Unknown => Outcome::Unknown,
            Reply::NeverAsked => Outcome::NotDone(Reason::Later),
            Reply::Undone => Outcome::Undone,
            Reply::UndoRefused(reason) => Outcome::UndoRefused(reason),
            Reply::Closed => Outcome::Closed,
        })
    }

    fn begin(&mut self, step: &str, attempt: u32) -> Option<Input<Reason>> {
        let refuses = self.is(Fault::Refused, step) || self.refuses_later(step);
        Some(if refuses && !self.happened_at(step) {
            self.happened |= self.is(Fault::Refused, step);
            Input::Declined(Reason::No)
        } else if self.is(Fault::NotDone, step) && attempt == 1 {
            Input::Declined(Reason::Later)
        } else if self.is(Fault::Blocked, step) && attempt == 1 {
            Input::Declined(Reason::Hopeless)
        } else if self.is(Fault::Unknown, step) && !self.happened {
            self.happened = true;
            Input::HandedOver
        } else {
            Input::Finished(Reason::Fine)
        })
    }

    /// A pivot that is refused stays refused; a retriable step is refused once.
    fn happened_at(&self, step: &str) -> bool {
        self.is(Fault::Refused, step) && self.happened
    }

    fn refuses_later(&self, step: &str) -> bool {
        let Some(row) = &self.fault else { return false };
        row.fault == Fault::UndoFailed && row.with == [step]
    }

    fn queue(&mut self, letter: &Letter, outcome: Outcome<Reason>) {
        let step = letter.ask.step;
        let event = Event::Answered { step: step.to_owned(), key: letter.ask.key.clone(), outcome };
        if self.is(Fault::AnswerLost, step) && !self.happened {
            self.happened = true;
        } else if self.is(Fault::AnswerLate, step) && letter.purpose == Purpose::Ask && !self.happened {
            self.happened = true;
            self.held_answers.push(event);
        } else {
            self.answers.push(event.clone());
            if self.is(Fault::AnswerDoubled, step) {
                self.answers.push(event);
            }
        }
    }

    fn let_people_decide(&mut self) -> bool {
        let Some((step, role)) = self.toy.run.open_tasks().map(|(step, task)| (step.to_owned(), task.role())).next()
        else {
            return false;
        };
        if self.is(Fault::ExpiredThere, &step) {
            return false;
        }
        let verdict = if self.is(Fault::Refused, &step) || self.refuses_later(&step) {
            Verdict::Refuse(Reason::No)
        } else {
            Verdict::Approve
        };
        let by = if role == Role::Approver { approver() } else { clerk() };
        assert_eq!(self.put(Event::Decided { step, by, verdict }), Reaction::Moved);
        true
    }

    /// The operator repairs whatever is stuck, by trying again.
    pub fn repair(&mut self) {
        let stuck: Vec<(String, RepairAction)> = self
            .toy
            .run
            .steps
            .iter()
            .filter_map(|(name, step)| match step.state {
                State::UndoFailed { .. } => Some((name.clone(), RepairAction::RetryUndo)),
                State::Stuck { .. } => Some((name.clone(), RepairAction::RetryAsk)),
                _ => None,
            })
            .collect();
        assert!(!stuck.is_empty(), "nothing is stuck");
        for (step, action) in stuck {
            assert_eq!(self.put(repair(&step, action)), Reaction::Moved);
        }
    }
}
