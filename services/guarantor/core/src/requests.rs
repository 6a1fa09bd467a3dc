//! What the guarantor owes to each key under which the union asked, as it keeps it and as it says it.
//!
//! The rules per key are [`saga::participant`]'s, and how they meet rows and people [`organisation::participant`]'s. Nothing
//! here knows what the steps do: each step's file hands in how it begins, gives up and undoes.

use crate::{
    Duty, Fact, Guarantor, Role, Row, Step,
    case::{Case, File, IncidentKind, Said},
    fact, view,
};
use contracts::{
    About, AskRefusal, AskRefused, Confirmed, GuaranteeAssessed, LetterIssued, Message, ReliefAnswered, UndoAnswered,
};
use domain::{ApplicationId, CharterHash, Moment};
use organisation::{
    Stop,
    papers::{self, KeepsPapers, Papers},
    participant::{self, Cases, IncidentRecord, Owed, OwedMut, unsaid},
};
use saga::participant::Reply;
use serde_json::Value;

/// One case inside one decision.
pub(crate) type World<'d> = participant::World<'d, Guarantor>;

impl KeepsPapers for Guarantor {
    fn row(papers: Papers) -> Row {
        Row::Papers(Box::new(papers))
    }

    fn papers(row: &Row) -> Option<&Papers> {
        if let Row::Papers(papers) = row { Some(papers) } else { None }
    }

    fn papers_mut(row: &mut Row) -> Option<&mut Papers> {
        if let Row::Papers(papers) = row { Some(papers) } else { None }
    }

    fn papers_fact(fact: papers::Fact) -> Fact {
        Fact::Papers(fact)
    }
}

impl Cases for Guarantor {
    type Step = Step;
    type Duty = Duty;
    type Role = Role;
    type Said = Said;
    type Trouble = IncidentKind;
    type Case = Case;
    type File = File;

    fn first(id: ApplicationId) -> Row {
        Row::Case(Box::new(Case::new(id)))
    }

    fn case(row: &Row) -> Option<&Case> {
        match row {
            Row::Case(case) => Some(case),
            Row::Limits(_) | Row::Client(_) | Row::Papers(_) | Row::Charters(_) => None,
        }
    }

    fn case_mut(row: &mut Row) -> Option<&mut Case> {
        match row {
            Row::Case(case) => Some(case),
            Row::Limits(_) | Row::Client(_) | Row::Papers(_) | Row::Charters(_) => None,
        }
    }

    fn owed(case: &Case) -> Owed<'_, Self> {
        Owed { id: &case.id, requests: &case.requests, tasks: &case.tasks, incidents: &case.incidents }
    }

    fn owed_mut(case: &mut Case) -> OwedMut<'_, Self> {
        OwedMut { requests: &mut case.requests, tasks: &mut case.tasks, incidents: &mut case.incidents }
    }

    fn file(case: &Case) -> Option<(&File, CharterHash)> {
        case.file.as_ref().map(|file| (file, file.charter))
    }

    fn summary(case: &Case) -> Value {
        view::summary(case)
    }

    fn fact(owed: fact::Owed) -> Fact {
        Fact::Owed(owed)
    }

    fn raised(id: ApplicationId, kind: IncidentKind, detail: String, at: Moment) -> Fact {
        Fact::IncidentRaised { id, incident: IncidentRecord { kind, detail, at, resolved: None } }
    }

    fn not_taken_up(why: AskRefusal) -> Said {
        Said::NotTakenUp(why)
    }

    fn cannot_undo(why: &str) -> Said {
        Said::CannotUndo(why.to_owned())
    }

    fn refusal_stands(said: &Said) -> bool {
        !matches!(said, Said::NotTakenUp(_))
    }

    fn message(about: About, step: Step, reply: Reply<Said>) -> Result<Message, Stop> {
        let undone: Option<fn(UndoAnswered) -> Message> = match step {
            Step::Assess => Some(Message::OpinionWithdrawn),
            Step::Sign => Some(Message::ContractsTerminated),
            Step::Issue => Some(Message::LetterRevoked),
            Step::Consent => Some(Message::ConsentRescinded),
            Step::Activate | Step::Record => None,
        };
        Ok(match (reply, undone) {
            (Reply::Done(said) | Reply::Refused(said), _) => match said {
                Said::Opinion(opinion) => Message::GuaranteeAssessed(GuaranteeAssessed { about, opinion }),
                Said::Signed { at } => Message::ContractsSigned(Confirmed { about, at }),
                Said::Issued(letter) => Message::LetterIssued(LetterIssued { about, letter }),
                Said::Activated { at } => Message::LetterActivated(Confirmed { about, at }),
                Said::Relief(consent) => Message::ReliefAnswered(ReliefAnswered { about, consent }),
                Said::Recorded { at } => Message::ReliefRecorded(Confirmed { about, at }),
                Said::NotTakenUp(why) => Message::GuarantorRefused(AskRefused { about, why }),
                Said::CannotUndo(_) => return Err(unsaid(step, &said)),
            },
            (Reply::Undone, Some(undone)) => undone(UndoAnswered { about, refused: None }),
            (Reply::UndoRefused(Said::CannotUndo(why)), Some(undone)) => {
                undone(UndoAnswered { about, refused: Some(why) })
            }
            (other, _) => return Err(unsaid(step, &other)),
        })
    }
}
