//! What is owed to each key: begin once, answer alike to whoever asks again, undo, close; and what a step's function may do
//! with its case.

use super::{Asked, Cases, Duty as _, Fact, Step, case_key};
use crate::{Desk, Refusal, RefusalKind, Stop, charters};
use contracts::{About, AskRefusal};
use domain::{ApplicationId, Charter, CharterHash, Moment, Term};
use saga::{
    Person, Task,
    participant::{Input, Reply, Request, Response, Work},
};
use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

/// One case inside one decision.
#[derive(Debug)]
pub struct World<'d, P: Cases> {
    /// The decision under way.
    pub desk: &'d mut Desk<P>,
    /// Configuration.
    pub organisation: &'d P,
    /// The application.
    pub id: ApplicationId,
}

/// Whether an ask is taken up. A refusal has recorded nothing.
pub type Taken = Result<(), AskRefusal>;

/// What an undo came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// It is undone.
    Finished,
    /// It cannot be undone, and why.
    Declined(&'static str),
    /// Somebody else has to answer first.
    Later,
}

impl Undo {
    /// What the organisation reports of it; none while somebody else has to answer.
    pub fn report<P: Cases>(self) -> Option<Input<P::Said>> {
        match self {
            Undo::Finished => Some(Input::UndoFinished),
            Undo::Declined(why) => Some(Input::UndoDeclined(P::cannot_undo(why))),
            Undo::Later => None,
        }
    }
}

impl<P: Cases> World<'_, P> {
    /// The case; none if nothing was said about it yet.
    pub fn case(&self) -> Result<Option<&P::Case>, Stop> {
        Ok(self.desk.own(&case_key(&self.id))?.and_then(P::case))
    }

    /// A case that must be there because something is under way in it.
    pub fn open_case(&self) -> Result<&P::Case, Stop> {
        self.case()?.ok_or_else(|| Stop::Illegal(format!("there is no case {}", self.id)))
    }

    /// What was asked for, in a case that was taken up.
    pub fn file(&self) -> Result<&P::File, Stop> {
        Ok(self.pinned()?.0)
    }

    fn pinned(&self) -> Result<(&P::File, CharterHash), Stop> {
        let file = self.case()?.and_then(P::file);
        file.ok_or_else(|| Stop::Illegal(format!("{} was never taken up", self.id)))
    }

    /// The charter of a case that was taken up.
    pub fn charter(&self) -> Result<Arc<Charter>, Stop> {
        let charter = self.accepted(&self.pinned()?.1)?;
        charter.ok_or_else(|| Stop::Illegal(format!("{} is pinned to a charter that is not here", self.id)))
    }

    /// The charter with that hash, if this organisation has accepted it.
    pub fn accepted(&self, hash: &CharterHash) -> Result<Option<Arc<Charter>>, Stop> {
        Ok(charters::accepted(self.organisation, self.desk, hash)?)
    }

    /// Records a fact.
    pub fn record(&mut self, fact: P::Fact) -> Result<(), Stop> {
        Ok(self.desk.record(fact)?)
    }

    /// What a message about `key` repeats, in a case that was taken up.
    pub fn about(&self, key: &str) -> Result<About, Stop> {
        Ok(About { application_id: self.id.clone(), charter: self.pinned()?.1, key: key.to_owned() })
    }

    /// When a term of the charter ends that begins now.
    pub fn due(&self, term: Term) -> Result<Moment, Stop> {
        Ok(self.charter()?.calendar.due(term, self.desk.at())?)
    }

    /// Opens a task. One that is due before now is overdue from the start.
    pub fn open_task(&mut self, duty: P::Duty, due_at: Moment, excluded: BTreeSet<Person>) -> Result<(), Stop> {
        let task = Task::until(duty.code(), duty.role(), self.desk.at(), due_at, excluded);
        self.record(P::fact(Fact::TaskOpened { id: self.id.clone(), duty, task }))
    }

    /// Ends a task.
    pub fn task_done(&mut self, duty: P::Duty, by: &Person) -> Result<(), Stop> {
        self.record(P::fact(Fact::TaskDone { id: self.id.clone(), duty, by: by.clone() }))
    }

    /// Cancels the tasks of a step, if there are any.
    pub fn cancel_tasks(&mut self, step: P::Step) -> Result<(), Stop> {
        let open: Vec<P::Duty> = match self.case()? {
            Some(case) => P::owed(case).tasks.keys().copied().filter(|duty| duty.step() == step).collect(),
            None => Vec::new(),
        };
        for duty in open {
            self.record(P::fact(Fact::TaskCancelled { id: self.id.clone(), duty }))?;
        }
        Ok(())
    }

    /// Calls a person, once for the same thing.
    pub fn raise(&mut self, kind: P::Trouble, detail: String) -> Result<(), Stop> {
        let known = self.case()?.is_some_and(|case| {
            P::owed(case).incidents.iter().any(|incident| incident.kind == kind && incident.detail == detail)
        });
        if known {
            return Ok(());
        }
        let at = self.desk.at();
        self.record(P::raised(self.id.clone(), kind, detail, at))
    }

    /// Closes an incident.
    pub fn resolve(&mut self, number: u32, by: &Person, because: &str) -> Result<(), Stop> {
        let resolved = super::Resolved { by: by.clone(), because: because.to_owned() };
        self.record(P::fact(Fact::IncidentResolved { id: self.id.clone(), number, resolved }))
    }

    /// Closes every open incident of a kind: what was missing has come by itself.
    pub fn resolve_all(&mut self, kind: P::Trouble, by: &Person, because: &str) -> Result<(), Stop> {
        let open: Vec<u32> = match self.case()? {
            Some(case) => {
                super::open_incidents::<P>(case).filter(|(_, one)| one.kind == kind).map(|(number, _)| number).collect()
            }
            None => Vec::new(),
        };
        for number in open {
            self.resolve(number, by, because)?;
        }
        Ok(())
    }

    /// What is owed to the key. A key that was used for another step is refused: it names one ask for ever.
    pub fn request(&self, key: &str, step: P::Step) -> Result<Request<P::Said>, Stop> {
        match self.case()?.and_then(|case| P::owed(case).requests.get(key)) {
            None => Ok(Request::Unheard),
            Some(asked) if asked.step == step => Ok(asked.request.clone()),
            Some(asked) => Err(refused(
                "KEY_REUSED",
                "请求编号已用于其他步骤",
                format!("{}: key `{key}` belongs to `{}`, not to `{}`", self.id, asked.step.name(), step.name()),
            )),
        }
    }

    /// The key of this step under which work is open.
    pub fn open_key(&self, step: P::Step) -> Result<String, Stop> {
        let mut requests = P::owed(self.open_case()?).requests.iter();
        let open = requests.find(|(_, asked)| asked.step == step && matches!(asked.request, Request::Open));
        let key = open.map(|(key, _)| key.clone());
        key.ok_or_else(|| Stop::Illegal(format!("{} owes `{}` to nobody", self.id, step.name())))
    }

    /// Moves what is owed to the key, and says what is to be done and to be answered.
    pub fn turn(&mut self, key: &str, step: P::Step, input: &Input<P::Said>) -> Result<Response<P::Said>, Stop> {
        let before = self.request(key, step)?;
        let (after, response) = on(&before, input)?;
        self.moved(key, step, &before, after)?;
        Ok(response)
    }

    fn moved(
        &mut self,
        key: &str,
        step: P::Step,
        before: &Request<P::Said>,
        request: Request<P::Said>,
    ) -> Result<(), Stop> {
        if request == *before {
            return Ok(());
        }
        self.record(P::fact(Fact::RequestMoved { id: self.id.clone(), key: key.to_owned(), step, request }))
    }

    /// Answers whoever asked, if there is an answer.
    pub fn reply(&mut self, about: &About, step: P::Step, reply: Option<Reply<P::Said>>) -> Result<(), Stop> {
        if let Some(reply) = reply {
            self.desk.say(P::message(about.clone(), step, reply)?);
        }
        Ok(())
    }

    /// Answers a key under which work was going on.
    pub fn settle(&mut self, about: &About, step: P::Step, input: &Input<P::Said>) -> Result<(), Stop> {
        match self.turn(&about.key, step, input)? {
            Response { work: None, reply } => self.reply(about, step, reply),
            Response { work: Some(work), .. } => Err(unexpected(about, work)),
        }
    }

    /// An application keeps the charter it was filed under.
    fn is_pinned_elsewhere(&self, about: &About) -> Result<bool, Stop> {
        Ok(self.case()?.and_then(P::file).is_some_and(|(_, charter)| charter != about.charter))
    }

    /// Whether an ask of this step stands under another key: under way, done, or decided against. One that was never taken
    /// up stands in nobody's way.
    fn another_stands(&self, step: P::Step, key: &str) -> Result<bool, Stop> {
        let stands = |asked: &Asked<P::Step, P::Said>| match &asked.request {
            Request::Open | Request::InDoubt { .. } | Request::Undoing(_) => true,
            Request::Done(_) => !step.repeats(),
            Request::Refused(said) => !step.repeats() && P::refusal_stands(said),
            Request::Unheard | Request::Undone | Request::Closed => false,
        };
        Ok(self.case()?.is_some_and(|case| {
            P::owed(case).requests.iter().any(|(other, asked)| other != key && asked.step == step && stands(asked))
        }))
    }
}

fn on<Said: Clone + PartialEq>(
    request: &Request<Said>,
    input: &Input<Said>,
) -> Result<(Request<Said>, Response<Said>), Stop> {
    request.on(input).map_err(|error| Stop::Illegal(error.to_string()))
}

fn unexpected(about: &About, work: Work) -> Stop {
    Stop::Illegal(format!("nobody expected to {work:?} for `{}`", about.key))
}

/// A step is asked for: begin it, or repeat what was answered.
///
/// Refused in the order of [`AskRefusal`]: a charter that was not accepted; out of order, where the case is pinned to
/// another charter or another ask of the step stands; then whatever `begin` finds.
pub fn ask<P: Cases>(
    w: &mut World<'_, P>,
    about: &About,
    step: P::Step,
    begin: impl FnOnce(&mut World<'_, P>) -> Result<Taken, Stop>,
) -> Result<(), Stop> {
    let Response { work, reply } = w.turn(&about.key, step, &Input::Ask)?;
    match work {
        None => w.reply(about, step, reply),
        Some(Work::Begin) => {
            let taken = if w.accepted(&about.charter)?.is_none() {
                Err(AskRefusal::CharterNotAccepted)
            } else if w.is_pinned_elsewhere(about)? || w.another_stands(step, &about.key)? {
                Err(AskRefusal::OutOfOrder)
            } else {
                begin(w)?
            };
            match taken {
                Ok(()) => Ok(()),
                Err(why) => w.settle(about, step, &Input::Declined(P::not_taken_up(why))),
            }
        }
        Some(work) => Err(unexpected(about, work)),
    }
}

/// An ask is taken back: give up what was begun, undo what was done, remember it for an original still to come.
pub fn undo<P: Cases>(
    w: &mut World<'_, P>,
    about: &About,
    step: P::Step,
    cancel: impl FnOnce(&mut World<'_, P>) -> Result<(), Stop>,
    undo: impl FnOnce(&mut World<'_, P>) -> Result<Undo, Stop>,
) -> Result<(), Stop> {
    let before = w.request(&about.key, step)?;
    let (mut after, mut response) = on(&before, &Input::Undo)?;
    match response.work {
        None => {}
        Some(Work::Cancel) => cancel(w)?,
        // An undo that is refused leaves no trace: it may be asked for again.
        Some(Work::Undo) => {
            if let Some(input) = undo(w)?.report::<P>() {
                (after, response) = on(&after, &input)?;
            }
        }
        Some(work) => return Err(unexpected(about, work)),
    }
    w.moved(&about.key, step, &before, after)?;
    w.reply(about, step, response.reply)
}

/// A step is never answered so.
pub fn unsaid(step: impl Step, what: &impl Debug) -> Stop {
    Stop::Illegal(format!("`{}` is never answered {what:?}", step.name()))
}

/// A message or decision that is refused as it stands: nothing changed, nothing answered to a partner.
pub fn refused(code: &str, title: &str, detail: impl Into<String>) -> Stop {
    Stop::Refused(Refusal::new(RefusalKind::Conflict, code, title, detail))
}
