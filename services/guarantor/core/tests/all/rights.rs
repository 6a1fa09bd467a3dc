//! Who may do what in which state: every cell of the guarantor's table, asked of its core.

use super::{office::*, relief};
use crate::tables::table;
use contracts::CharterAnswer;
use domain::{Charter, Date};
use guarantor_core::{Command, Role};
use organisation::{
    Stop,
    charters::{Motion, SIGNATORY},
    people::{Handover, SUPERVISOR, To},
};

/// Every state by its stage, and who went the last step to it.
const STATES: [(&str, Stage, &str); 10] = [
    ("nothing heard", Stage::Fresh, "r"),
    ("opinion owed", Stage::Asked, "r"),
    ("agreed", Stage::Agreed, "r"),
    ("contracts to be signed", Stage::Signing, "r"),
    ("contracts signed", Stage::Signed, "c"),
    ("letter to be prepared", Stage::Drafting, "c"),
    ("letter to be checked", Stage::Prepared, "m"),
    ("letter issued", Stage::Issued, "k"),
    (RELIEF, Stage::Issued, "r"),
    (INCIDENT, Stage::Fresh, "r"),
];

/// A relief plan waits for the consent.
const RELIEF: &str = "consent to relief owed";
/// A loan is announced of which the guarantor knows nothing.
const INCIDENT: &str = "an incident is open";

const COMMANDS: [&str; 16] = [
    "open-books",
    "agree",
    "decline",
    "sign",
    "prepare",
    "release",
    "send-back",
    "consent-relief",
    "withhold-consent",
    "answer-charter",
    "claim",
    "give-back",
    "reassign",
    "reassign-to-self",
    "ask-for-papers",
    "resolve-incident",
];

/// The task that is open at a stage; where there is none, one that might be.
fn open_task(stage: Stage) -> &'static str {
    match stage {
        Stage::Signing => "sign-contracts",
        Stage::Drafting => "prepare-letter",
        Stage::Prepared => "check-letter",
        _ => "due-diligence",
    }
}

fn to_do(stage: Stage, what: &str, by: &str) -> Command {
    let hand = |to| Command::HandTask(Handover { application_id: id(1), task: open_task(stage).into(), to });
    let other = |to: &str| To::Other { person: person(to), because: "休假".into() };
    match what {
        "open-books" => Command::OpenBooks { capital_fen: domain::Fen::new(10_000_000_000) },
        "agree" => agree(AMOUNT),
        "decline" => decline(contracts::GuaranteeDecline::Limit),
        "sign" => contracts_signed(),
        "prepare" => prepare(),
        "release" => release(),
        "send-back" => send_back(),
        "consent-relief" => relief::consents(),
        "withhold-consent" => relief::withholds(),
        "answer-charter" => Command::Charter(charter()),
        "claim" => hand(To::Me),
        "give-back" => hand(To::Nobody),
        "reassign" => hand(other("new")),
        "reassign-to-self" => hand(other(by)),
        "ask-for-papers" => Command::AskForPapers { application_id: id(1), letterbox: "00".repeat(32) },
        "resolve-incident" => resolve(1),
        other => panic!("what is `{other}`?"),
    }
}

/// Next year's rules, accepted.
fn charter() -> Motion {
    let charter = Charter { version: 2, effective_from: Date::constant(2026, 1, 1), ..Charter::programme_2017() };
    let (hash, charter) = (charter.hash(), Some(Box::new(charter)));
    Motion::Answer { hash, charter, answer: CharterAnswer::Accepted {}, because: "会议".into() }
}

fn cell(state: &str, what: &str, person: &str, role: &str) -> String {
    let (_, stage, own) = STATES.into_iter().find(|(name, ..)| *name == state).unwrap();
    let person = if person == "own" { own } else { "new" };
    let mut office = Office::manual();
    office.reach(stage);
    if state == INCIDENT {
        office.tell(office.disbursed(LETTER, AMOUNT));
    }
    if state == RELIEF {
        office.tell(office.disbursed(LETTER, AMOUNT));
        office.tell(office.activate(ACTIVATE, LETTER));
        office.tell(relief::asks(&office, 1));
    }
    match office.command(person, role, to_do(stage, what, person)) {
        Ok(_) => "yes".into(),
        Err(Stop::Refused(refusal)) => refusal.code,
        Err(other) => panic!("{state}: {what} by {role}: {other:?}"),
    }
}

#[test]
fn every_role_may_do_in_every_state_what_the_table_says() {
    let mut roles: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
    roles.extend([SUPERVISOR, SIGNATORY, "auditor", "applicant"]);
    let states = STATES.map(|(state, ..)| state);
    insta::assert_snapshot!(table(&states, &COMMANDS, &roles, cell));
}
