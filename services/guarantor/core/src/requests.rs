//! What is owed to each key under which the union asked: begin once, answer alike to whoever asks again, undo.
//!
//! The rules per key are [`saga::participant`]'s; here they meet the case's rows and become messages. Nothing here knows
//! what the steps do: each step's file hands in how it begins, gives up and undoes.

use crate::{
    Duty, Fact, Guarantor, Row, Step,
    case::{Case, File, Said},
    rows,
};
use contracts::{About, AskRefusal, AskRefused, Confirmed, GuaranteeAssessed, LetterIssued, Message, UndoAnswered};
use domain::{ApplicationId, Charter, Term};
use organisation::{Desk, Person, Refusal, RefusalKind, Stop};
use saga::{
    Task,
    participant::{Input, Reply, Request, Response, Work},
};
use std::{collections::BTreeSet, sync::Arc};

/// One case inside one decision.
#[derive(Debug)]
pub(crate) struct World<'d> {
    /// The decision under way.
    pub desk: &'d mut Desk<Guarantor>,
    /// Configuration.
    pub guarantor: &'d Guarantor,
    /// The application.
    pub id: ApplicationId,
}

/// Whether an ask is taken up. A refusal has recorded nothing.
pub(crate) type Taken = Result<(), AskRefusal>;

/// What an undo came to.
pub(crate) enum Undo {
    /// It is undone.
    Finished,
    /// It cannot be undone, and why.
    Declined(&'static str),
    /// Someone else has to answer first.
    Later,
}

impl World<'_> {
    /// The case; none if nothing was said about it yet.
    pub fn case(&self) -> Result<Option<&Case>, Stop> {
        Ok(match self.desk.own(&rows::case(&self.id))? {
            Some(Row::Case(case)) => Some(case),
            _ => None,
        })
    }

    /// What was asked for, in a case that was taken up.
    pub fn file(&self) -> Result<&File, Stop> {
        let file = self.case()?.and_then(|case| case.file.as_ref());
        file.ok_or_else(|| Stop::Illegal(format!("{} was never taken up", self.id)))
    }

    /// The charter of a case that was taken up.
    pub fn charter(&self) -> Result<Arc<Charter>, Stop> {
        let hash = self.file()?.charter;
        let charter = self.guarantor.charters.get(&hash);
        charter.ok_or_else(|| Stop::Illegal(format!("{} is pinned to a charter that is not here", self.id)))
    }

    /// Records a fact.
    pub fn record(&mut self, fact: Fact) -> Result<(), Stop> {
        Ok(self.desk.record(fact)?)
    }

    /// What a message about `key` repeats, in a case that was taken up.
    pub fn about(&self, key: &str) -> Result<About, Stop> {
        Ok(About { application_id: self.id.clone(), charter: self.file()?.charter, key: key.to_owned() })
    }

    /// Opens a task due `term` from now.
    pub fn open_task(&mut self, duty: Duty, term: Term, excluded: BTreeSet<Person>) -> Result<(), Stop> {
        let charter = self.charter()?;
        let task = Task::open(duty.code(), duty.role(), term, self.desk.at(), &charter.calendar, excluded)
            .map_err(|error| Stop::Illegal(error.to_string()))?;
        self.record(Fact::TaskOpened { id: self.id.clone(), duty, task })
    }

    /// Cancels the tasks of a step, if there are any.
    pub fn cancel_tasks(&mut self, step: Step) -> Result<(), Stop> {
        let open: Vec<Duty> = match self.case()? {
            Some(case) => case.tasks.keys().copied().filter(|duty| duty.step() == step).collect(),
            None => Vec::new(),
        };
        for duty in open {
            self.record(Fact::TaskCancelled { id: self.id.clone(), duty })?;
        }
        Ok(())
    }

    /// What is owed to the key. A key that was used for another step is refused: it names one ask for ever.
    fn request(&self, key: &str, step: Step) -> Result<Request<Said>, Stop> {
        match self.case()?.and_then(|case| case.requests.get(key)) {
            None => Ok(Request::Unheard),
            Some(asked) if asked.step == step => Ok(asked.request.clone()),
            Some(asked) => Err(refused(
                "KEY_REUSED",
                "请求编号已用于其他步骤",
                format!("{}: key `{key}` belongs to `{}`, not to `{}`", self.id, asked.step.name(), step.name()),
            )),
        }
    }

    /// Answers a key under which work was going on.
    pub fn settle(&mut self, about: &About, step: Step, input: &Input<Said>) -> Result<(), Stop> {
        let before = self.request(&about.key, step)?;
        let (after, response) = on(&before, input)?;
        match response.work {
            None => self.conclude(about, step, &before, after, response.reply),
            Some(work) => Err(unexpected(about, work)),
        }
    }

    /// Records what is owed to the key from now on, if that changed, and says the answer, if there is one.
    fn conclude(
        &mut self,
        about: &About,
        step: Step,
        before: &Request<Said>,
        after: Request<Said>,
        reply: Option<Reply<Said>>,
    ) -> Result<(), Stop> {
        if after != *before {
            self.record(Fact::RequestMoved { id: self.id.clone(), key: about.key.clone(), step, request: after })?;
        }
        if let Some(reply) = reply {
            self.desk.say(message(about.clone(), step, reply)?);
        }
        Ok(())
    }
}

fn on(request: &Request<Said>, input: &Input<Said>) -> Result<(Request<Said>, Response<Said>), Stop> {
    request.on(input).map_err(|error| Stop::Illegal(error.to_string()))
}

fn unexpected(about: &About, work: Work) -> Stop {
    Stop::Illegal(format!("nobody expected to {work:?} for `{}`", about.key))
}

/// The union asks for a step: begin it, or repeat what was answered.
///
/// Refused in the order of [`AskRefusal`]: a charter that was not accepted, then whatever `begin` finds out of order.
pub(crate) fn ask(
    w: &mut World<'_>,
    about: &About,
    step: Step,
    begin: impl FnOnce(&mut World<'_>) -> Result<Taken, Stop>,
) -> Result<(), Stop> {
    let before = w.request(&about.key, step)?;
    let (mut after, mut response) = on(&before, &Input::Ask)?;
    match response.work {
        None => {}
        Some(Work::Begin) => {
            let taken = if w.guarantor.charters.get(&about.charter).is_none() {
                Err(AskRefusal::CharterNotAccepted)
            } else if is_pinned_elsewhere(w, about)? {
                Err(AskRefusal::OutOfOrder)
            } else {
                begin(w)?
            };
            if let Err(why) = taken {
                (after, response) = on(&after, &Input::Declined(Said::NotTakenUp(why)))?;
            }
        }
        Some(work) => return Err(unexpected(about, work)),
    }
    w.conclude(about, step, &before, after, response.reply)
}

/// An application keeps the charter it was filed under.
fn is_pinned_elsewhere(w: &World<'_>, about: &About) -> Result<bool, Stop> {
    Ok(w.case()?.and_then(|case| case.file.as_ref()).is_some_and(|file| file.charter != about.charter))
}

/// The union takes an ask back: give up what was begun, undo what was done, remember it for an original still to come.
pub(crate) fn undo(
    w: &mut World<'_>,
    about: &About,
    step: Step,
    cancel: impl FnOnce(&mut World<'_>) -> Result<(), Stop>,
    undo: impl FnOnce(&mut World<'_>) -> Result<Undo, Stop>,
) -> Result<(), Stop> {
    let before = w.request(&about.key, step)?;
    let (mut after, mut response) = on(&before, &Input::Undo)?;
    match response.work {
        None => {}
        Some(Work::Cancel) => cancel(w)?,
        Some(Work::Undo) => {
            let input = match undo(w)? {
                Undo::Finished => Some(Input::UndoFinished),
                Undo::Declined(why) => Some(Input::UndoDeclined(Said::CannotUndo(why.to_owned()))),
                Undo::Later => None,
            };
            if let Some(input) = input {
                (after, response) = on(&after, &input)?;
            }
        }
        Some(work) => return Err(unexpected(about, work)),
    }
    w.conclude(about, step, &before, after, response.reply)
}

/// The message that a reply is to the union.
fn message(about: About, step: Step, reply: Reply<Said>) -> Result<Message, Stop> {
    let unsaid = |what: &str| Stop::Illegal(format!("`{}` is never answered {what}", step.name()));
    Ok(match reply {
        Reply::Done(said) | Reply::Refused(said) => match said {
            Said::Opinion(opinion) => Message::GuaranteeAssessed(GuaranteeAssessed { about, opinion }),
            Said::Signed { at } => Message::ContractsSigned(Confirmed { about, at }),
            Said::Issued(letter) => Message::LetterIssued(LetterIssued { about, letter }),
            Said::Activated { at } => Message::LetterActivated(Confirmed { about, at }),
            Said::NotTakenUp(why) => Message::GuarantorRefused(AskRefused { about, why }),
            Said::CannotUndo(_) => return Err(unsaid("with what it is not asked")),
        },
        Reply::Undone => undone(step, UndoAnswered { about, refused: None }).ok_or_else(|| unsaid("undone"))?,
        Reply::UndoRefused(Said::CannotUndo(why)) => {
            undone(step, UndoAnswered { about, refused: Some(why) }).ok_or_else(|| unsaid("undone"))?
        }
        Reply::UndoRefused(_) => return Err(unsaid("with an undo refused for no reason")),
        Reply::Unknown => return Err(unsaid("unknown")),
        Reply::NeverAsked => return Err(unsaid("never asked")),
        Reply::Closed => return Err(unsaid("closed")),
    })
}

const fn undone_kind(step: Step) -> Option<fn(UndoAnswered) -> Message> {
    match step {
        Step::Assess => Some(Message::OpinionWithdrawn),
        Step::Sign => Some(Message::ContractsTerminated),
        Step::Issue => Some(Message::LetterRevoked),
        Step::Activate => None,
    }
}

fn undone(step: Step, answer: UndoAnswered) -> Option<Message> {
    undone_kind(step).map(|message| message(answer))
}

/// A message that is refused as it stands: audited, nothing changed, nothing answered.
pub(crate) fn refused(code: &str, title: &str, detail: String) -> Stop {
    Stop::Refused(Refusal::new(RefusalKind::Conflict, code, title, detail))
}
