//! What the bank owes to each key under which the union asked, as it keeps it and as it says it.
//!
//! The rules per key are [`saga::participant`]'s, and how they meet rows and people [`organisation::participant`]'s. Nothing
//! here knows what the steps do: each step's file hands in how it begins, gives up and undoes.

use crate::{
    Bank, Duty, Fact, IncidentKind, Role, Row, Step,
    case::{Case, File, Said},
    fact, view,
};
use contracts::{
    About, AskRefusal, AskRefused, CreditDecided, DisbursementReport, DisbursementReported, LoanContractSigned,
    Message, ReliefProposed, ScheduleSwitched, SubsidyReport, SubsidyReported, SwitchReport, UndoAnswered,
};
use domain::{ApplicationId, CharterHash, Moment};
use organisation::{
    Stop,
    papers::{self, KeepsPapers, Papers},
    participant::{self, Cases, Owed, OwedMut, unsaid},
};
use saga::participant::Reply;
use serde_json::Value;

/// One case inside one decision.
pub(crate) type World<'d> = participant::World<'d, Bank>;

impl KeepsPapers for Bank {
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

impl Cases for Bank {
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
            Row::Loan(_) | Row::SubsidyList(_) | Row::Papers(_) | Row::Charters(_) | Row::Unidentified(_) => None,
        }
    }

    fn case_mut(row: &mut Row) -> Option<&mut Case> {
        match row {
            Row::Case(case) => Some(case),
            Row::Loan(_) | Row::SubsidyList(_) | Row::Papers(_) | Row::Charters(_) | Row::Unidentified(_) => None,
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
        Fact::IncidentRaised { id, kind, detail, at }
    }

    fn not_taken_up(why: AskRefusal) -> Said {
        Said::NotTakenUp(why)
    }

    fn cannot_undo(why: &str) -> Said {
        Said::CannotUndo(why.to_owned())
    }

    /// A payment that came to nothing stands in nobody's way.
    fn refusal_stands(said: &Said) -> bool {
        matches!(said, Said::Decided(_))
    }

    fn message(about: About, step: Step, reply: Reply<Said>) -> Result<Message, Stop> {
        let report = |about, report| Message::DisbursementReported(DisbursementReported { about, report });
        let switched = |about, report| Message::ScheduleSwitched(ScheduleSwitched { about, report });
        let subsidy = |about, report| Message::SubsidyReported(SubsidyReported { about, report });
        Ok(match (reply, step) {
            (Reply::Done(said) | Reply::Refused(said), _) => match said {
                Said::Decided(decision) => Message::CreditDecided(CreditDecided { about, decision }),
                Said::Signed { contract_no } => Message::LoanContractSigned(LoanContractSigned { about, contract_no }),
                Said::Reported(what) => report(about, what),
                Said::Relief(proposal) => Message::ReliefProposed(ReliefProposed { about, proposal }),
                Said::Switched(what) => switched(about, what),
                Said::Subsidy(what) => subsidy(about, what),
                Said::NotTakenUp(why) => Message::BankRefused(AskRefused { about, why }),
                Said::CannotUndo(_) => return Err(unsaid(step, &said)),
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
            (Reply::Undone, Step::ProposeRelief) => Message::ReliefPlanWithdrawn(UndoAnswered { about, refused: None }),
            (Reply::Unknown | Reply::NeverAsked, Step::SwitchSchedule) => switched(about, SwitchReport::Unknown),
            (Reply::Unknown | Reply::NeverAsked, Step::PaySubsidy) => subsidy(about, SubsidyReport::Unknown),
            (Reply::Closed, Step::PaySubsidy) => subsidy(about, SubsidyReport::Closed),
            (Reply::Closed, Step::SwitchSchedule) => switched(about, SwitchReport::Closed),
            (other, step) => return Err(unsaid(step, &other)),
        })
    }
}
