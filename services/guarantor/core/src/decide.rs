//! One input after the other: which application it concerns, which step it belongs to.

use crate::{
    Command, Duty, Guarantor, Role, Row, books, case::Case, command::LetterCheck, letter, living, loan, opinion,
    relief, requests::World, rights, rows, signing,
};
use contracts::Message;
use domain::{Amount, Charters};
use organisation::{
    Actor, Desk, Input, Key, Person, Rows, Stop, charters, papers,
    participant::{self, Participant, must_say_why, on_task},
};
use std::collections::BTreeSet;

/// The rows that deciding this input will read.
pub(crate) fn needs(founding: &Charters, input: &Input<Command>, rows: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
    let about_charter = charters::subject(input, |command| match command {
        Command::Charter(motion) => Some(motion),
        _ => None,
    });
    if let Some(hash) = about_charter {
        return wanted.extend(charters::keys(hash));
    }
    let Some(id) = participant::application_of(input, Command::application_id) else {
        return wanted.extend(books::opening_keys());
    };
    if let Input::Message(received) = input {
        match &received.message {
            Message::AssessGuarantee(ask) => drop(wanted.insert(rows::client(ask.firm.uscc.as_str()))),
            Message::ActivateLetter(_)
            | Message::LoanDisbursed(_)
            | Message::LoanReversed(_)
            | Message::LoanReportedToGuarantor(_) => wanted.extend(books::liability_keys(&id)),
            _ => {}
        }
    }
    let key = rows::case(&id);
    // The second round knows the case and so its firm.
    if let Ok(Some(Row::Case(case))) = rows.own(&key)
        && let Some(file) = &case.file
    {
        wanted.extend(charters::pinned(founding, &file.charter));
        wanted.insert(rows::client(file.firm.uscc.as_str()));
    }
    if let Input::Message(received) = input
        && let Some(about) = received.message.about()
    {
        wanted.extend(charters::pinned(founding, &about.charter));
    }
    let about_papers = match input {
        Input::Message(received) => papers::is_about(&received.message),
        Input::Command { command, .. } => matches!(command, Command::AskForPapers { .. }),
        _ => false,
    };
    if about_papers {
        wanted.insert(papers::key(&id));
    }
    wanted.insert(key);
    wanted.insert(rows::limits());
}

impl Participant for Guarantor {
    fn heard(w: &mut World<'_>, message: &Message) -> Result<(), Stop> {
        match message {
            Message::AssessGuarantee(ask) => opinion::asked(w, ask),
            Message::WithdrawOpinion(undo) => opinion::withdrawn(w, &undo.about),
            Message::SignContracts(ask) => signing::asked(w, ask),
            Message::TerminateContracts(undo) => signing::terminated(w, &undo.about),
            Message::IssueLetter(ask) => letter::asked(w, ask),
            Message::RevokeLetter(undo) => letter::revoked(w, &undo.about),
            Message::NotDisbursedStated(statement) => letter::stated(w, statement),
            Message::LoanDisbursed(notice) => loan::disbursed(w, notice),
            Message::LoanReversed(said) => loan::reversed(w, said),
            Message::ActivateLetter(ask) => loan::asked(w, ask),
            Message::LoanReportedToGuarantor(said) => living::reported(w, said),
            Message::ConsentToRelief(ask) => relief::asked(w, ask),
            Message::RescindConsent(undo) => relief::rescinded(w, &undo.about),
            Message::RecordRelief(ask) => relief::ordered(w, ask),
            Message::PaperForGuarantor(part) => papers::received(w.desk, part),
            other => Err(Stop::Illegal(format!("{} is not said to the guarantor", other.kind().name()))),
        }
    }

    fn roles_for(command: &Command) -> &'static [&'static str] {
        rights::of(command)
    }

    fn told(&self, desk: &mut Desk<Self>, actor: &Actor, command: &Command) -> Result<(), Stop> {
        let by = &actor.person;
        match command {
            Command::OpenBooks { capital_fen } => books::open_books(desk, *capital_fen),
            Command::Assess { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::DueDiligence, |w| opinion::give(w, by, verdict))
            }
            Command::SignContracts { application_id, counter_guarantee } => {
                on_task(self, desk, actor, application_id, Duty::SignContracts, |w| {
                    signing::signed(w, by, counter_guarantee)
                })
            }
            Command::PrepareLetter { application_id } => {
                on_task(self, desk, actor, application_id, Duty::PrepareLetter, |w| letter::prepare(w, by))
            }
            Command::CheckLetter { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::CheckLetter, |w| match verdict {
                    LetterCheck::Release => letter::release(w, by),
                    LetterCheck::Return { because } => {
                        must_say_why(because)?;
                        letter::send_back(w, by, because)
                    }
                })
            }
            Command::ConsentRelief { application_id, verdict } => {
                on_task(self, desk, actor, application_id, Duty::ConsentRelief, |w| relief::give(w, by, *verdict))
            }
            Command::Charter(motion) => charters::moved(self, desk, actor, motion),
            Command::HandTask(handover) => participant::hand_task(self, desk, actor, handover),
            Command::AskForPapers { application_id, letterbox } => {
                participant::ask_for_papers(self, desk, actor, application_id, letterbox)
            }
            Command::ResolveIncident { application_id, number, because } => {
                participant::resolve_incident(self, desk, actor, application_id, *number, because)
            }
        }
    }

    fn decides_by_rule(&self, role: Role) -> bool {
        self.automatic.contains(&role)
    }

    fn amount(case: &Case, duty: Duty) -> Option<Amount> {
        match duty {
            Duty::DueDiligence => case.file.as_ref().map(|file| file.wish.amount_fen),
            Duty::SignContracts => signing::decided_by_rule(case),
            // No rule stands behind a loan that is hard to repay.
            Duty::ConsentRelief => None,
            Duty::PrepareLetter | Duty::CheckLetter => case.drafting.as_ref().map(|drafting| drafting.amount_fen),
        }
    }

    fn by_rule(w: &mut World<'_>, duty: Duty, by: &Person) -> Result<(), Stop> {
        match duty {
            Duty::DueDiligence => opinion::give_automatically(w, by),
            Duty::SignContracts => signing::signed_automatically(w, by),
            Duty::PrepareLetter => letter::prepare(w, by),
            Duty::CheckLetter => letter::release(w, by),
            Duty::ConsentRelief => Err(Stop::Illegal("no rule consents to a relief plan".to_owned())),
        }
    }

    fn time_passed(w: &mut World<'_>) -> Result<(), Stop> {
        loan::tick(w)
    }
}
