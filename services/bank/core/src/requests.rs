//! What is owed to each key under which the union asked: begin once, answer alike to whoever asks again, undo, close.
//!
//! The rules per key are [`saga::participant`]'s; here they meet the case's rows and become messages. Nothing here knows
//! what the steps do: each step's file hands in how it begins, gives up and undoes.

use crate::{
    Bank, Duty, Fact, IncidentKind, Row, Step,
    case::{Case, File, Said},
    rows,
};
use contracts::{
    About, AskRefusal, AskRefused, CreditDecided, DisbursementReport, DisbursementReported, LoanContractSigned,
    Message, UndoAnswered,
};
use domain::{ApplicationId, Charter, Moment, Term};
use organisation::{Desk, Person, Refusal, RefusalKind, Stop};
use saga::{
    Deadline, Task,
    participant::{Input, Reply, Request, Response, Work},
};
use std::{collections::BTreeSet, sync::Arc};

/// One case inside one decision.
#[derive(Debug)]
pub(crate) struct World<'d> {
    /// The decision under way.
    pub desk: &'d mut Desk<Bank>,
    /// Configuration.
    pub bank: &'d Bank,
    /// The application.
    pub id: ApplicationId,
}

/// Whether an ask is taken up.
pub(crate) type Taken = Result<(), AskRefusal>;

/// What an undo came to.
pub(crate) enum Undo {
    /// It is undone.
    Finished,
    /// It cannot be undone, and why.
    Declined(&'static str),
    /// The core-banking system has to answer first.
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

    /// A case that must be there because something is under way in it.
    pub fn open_case(&self) -> Result<&Case, Stop> {
        self.case()?.ok_or_else(|| Stop::Illegal(format!("there is no case {}", self.id)))
    }

    /// What was asked for, in a case that was taken up.
    pub fn file(&self) -> Result<&File, Stop> {
        let file = self.case()?.and_then(|case| case.file.as_ref());
        file.ok_or_else(|| Stop::Illegal(format!("{} was never taken up", self.id)))
    }

    /// The charter of a case that was taken up.
    pub fn charter(&self) -> Result<Arc<Charter>, Stop> {
        let hash = self.file()?.charter;
        let charter = self.bank.charters.get(&hash);
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

    /// When a term of the charter ends that begins now.
    pub fn due(&self, term: Term) -> Result<Moment, Stop> {
        self.charter()?.calendar.due(term, self.desk.at()).map_err(|error| Stop::Illegal(error.to_string()))
    }

    /// Opens a task.
    pub fn open_task(&mut self, duty: Duty, due_at: Moment, excluded: BTreeSet<Person>) -> Result<(), Stop> {
        let deadline = Deadline { role: duty.role(), opened_at: self.desk.at(), due_at, noticed: None };
        let id = duty.code().to_owned();
        let task = Task { id, deadline, excluded, claimed_by: None, suspended: None };
        self.record(Fact::TaskOpened { id: self.id.clone(), duty, task })
    }

    /// Ends a task.
    pub fn task_done(&mut self, duty: Duty, by: &Person) -> Result<(), Stop> {
        self.record(Fact::TaskDone { id: self.id.clone(), duty, by: by.clone() })
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

    /// Calls a person, once for the same thing.
    pub fn raise(&mut self, kind: IncidentKind, detail: String) -> Result<(), Stop> {
        let known = self.case()?.is_some_and(|case| {
            case.incidents.iter().any(|incident| incident.kind == kind && incident.detail == detail)
        });
        if known {
            return Ok(());
        }
        let at = self.desk.at();
        self.record(Fact::IncidentRaised { id: self.id.clone(), kind, detail, at })
    }

    /// What is owed to the key. A key that was used for another step is refused: it names one ask for ever.
    pub fn request(&self, key: &str, step: Step) -> Result<Request<Said>, Stop> {
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

    /// The key of this step under which work is open.
    pub fn open_key(&self, step: Step) -> Result<String, Stop> {
        let requests = &self.open_case()?.requests;
        let open = requests.iter().find(|(_, asked)| asked.step == step && asked.request == Request::Open);
        let key = open.map(|(key, _)| key.clone());
        key.ok_or_else(|| Stop::Illegal(format!("{} owes `{}` to nobody", self.id, step.name())))
    }

    /// Moves what is owed to the key, and says what is to be done and to be answered.
    pub fn turn(
        &mut self,
        key: &str,
        step: Step,
        input: &Input<Said>,
    ) -> Result<(Option<Work>, Option<Reply<Said>>), Stop> {
        let before = self.request(key, step)?;
        let (request, response) = turned(&before, input)?;
        self.moved(key, step, &before, request)?;
        Ok((response.work, response.reply))
    }

    fn moved(&mut self, key: &str, step: Step, before: &Request<Said>, request: Request<Said>) -> Result<(), Stop> {
        if request == *before {
            return Ok(());
        }
        self.record(Fact::RequestMoved { id: self.id.clone(), key: key.to_owned(), step, request })
    }

    /// Answers the union.
    pub fn reply(&mut self, about: &About, step: Step, reply: Reply<Said>) -> Result<(), Stop> {
        let message = message(about.clone(), step, reply)?;
        self.desk.say(message);
        Ok(())
    }

    fn advance(&mut self, about: &About, step: Step, input: &Input<Said>) -> Result<Option<Work>, Stop> {
        let (work, reply) = self.turn(&about.key, step, input)?;
        if let Some(reply) = reply {
            self.reply(about, step, reply)?;
        }
        Ok(work)
    }

    /// Answers a key under which work was going on.
    pub fn settle(&mut self, about: &About, step: Step, input: &Input<Said>) -> Result<(), Stop> {
        match self.advance(about, step, input)? {
            None => Ok(()),
            Some(work) => Err(Stop::Illegal(format!("settling `{}` asks for more work: {work:?}", about.key))),
        }
    }
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
    match w.advance(about, step, &Input::Ask)? {
        None => Ok(()),
        Some(Work::Begin) => {
            let taken = if w.bank.charters.get(&about.charter).is_none() {
                Err(AskRefusal::CharterNotAccepted)
            } else if is_pinned_elsewhere(w, about)? {
                Err(AskRefusal::OutOfOrder)
            } else {
                begin(w)?
            };
            match taken {
                Ok(()) => Ok(()),
                Err(why) => w.settle(about, step, &Input::Declined(Said::NotTakenUp(why))),
            }
        }
        Some(work) => Err(Stop::Illegal(format!("asking `{}` asks for other work: {work:?}", about.key))),
    }
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
    let (request, response) = turned(&before, &Input::Undo)?;
    let (request, reply) = match response.work {
        None => (request, response.reply),
        Some(Work::Cancel) => {
            cancel(w)?;
            (request, response.reply)
        }
        // An undo that is refused leaves no trace: it may be asked for again.
        Some(Work::Undo) => match undo(w)? {
            Undo::Finished => after(&request, &Input::UndoFinished)?,
            Undo::Declined(why) => after(&request, &Input::UndoDeclined(Said::CannotUndo(why.to_owned())))?,
            Undo::Later => (request, response.reply),
        },
        Some(Work::Begin) => return Err(Stop::Illegal(format!("undoing `{}` asks to begin it", about.key))),
    };
    w.moved(&about.key, step, &before, request)?;
    match reply {
        Some(reply) => w.reply(about, step, reply),
        None => Ok(()),
    }
}

fn after(request: &Request<Said>, input: &Input<Said>) -> Result<(Request<Said>, Option<Reply<Said>>), Stop> {
    let (request, response) = turned(request, input)?;
    Ok((request, response.reply))
}

fn turned(request: &Request<Said>, input: &Input<Said>) -> Result<(Request<Said>, Response<Said>), Stop> {
    request.on(input).map_err(|error| Stop::Illegal(error.to_string()))
}

/// The message that a reply is to the union.
fn message(about: About, step: Step, reply: Reply<Said>) -> Result<Message, Stop> {
    let unsaid = |what: &str| Stop::Illegal(format!("`{}` is never answered {what}", step.name()));
    let report = |about, report| Message::DisbursementReported(DisbursementReported { about, report });
    Ok(match (reply, step) {
        (Reply::Done(said) | Reply::Refused(said), _) => match said {
            Said::Decided(decision) => Message::CreditDecided(CreditDecided { about, decision }),
            Said::Signed { contract_no } => Message::LoanContractSigned(LoanContractSigned { about, contract_no }),
            Said::Reported(what) => report(about, what),
            Said::NotTakenUp(why) => Message::BankRefused(AskRefused { about, why }),
            Said::CannotUndo(_) => return Err(unsaid("with what it is not asked")),
        },
        (Reply::Undone, Step::Credit) => Message::ApprovalCancelled(UndoAnswered { about, refused: None }),
        (Reply::Undone, Step::Contract) => Message::LoanContractTerminated(UndoAnswered { about, refused: None }),
        (Reply::UndoRefused(Said::CannotUndo(why)), Step::Credit) => {
            Message::ApprovalCancelled(UndoAnswered { about, refused: Some(why) })
        }
        (Reply::UndoRefused(Said::CannotUndo(why)), Step::Contract) => {
            Message::LoanContractTerminated(UndoAnswered { about, refused: Some(why) })
        }
        // A key that was never ordered may be ordered yet: nothing is known of it, and nothing is promised.
        (Reply::Unknown | Reply::NeverAsked, Step::Disburse) => report(about, DisbursementReport::Unknown),
        (Reply::Closed, Step::Disburse) => report(about, DisbursementReport::Closed),
        (Reply::Undone, _) => return Err(unsaid("undone")),
        (Reply::UndoRefused(_), _) => return Err(unsaid("with such an undo refused")),
        (Reply::Unknown, _) => return Err(unsaid("unknown")),
        (Reply::NeverAsked, _) => return Err(unsaid("never asked")),
        (Reply::Closed, _) => return Err(unsaid("closed")),
    })
}

/// A message that is refused as it stands: audited, nothing changed, nothing answered.
pub(crate) fn refused(code: &str, title: &str, detail: String) -> Stop {
    Stop::Refused(Refusal::new(RefusalKind::Conflict, code, title, detail))
}
