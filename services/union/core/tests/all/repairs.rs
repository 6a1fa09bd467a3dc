//! What an operator does about a stuck step, and that it is on record who did it and why.

use super::office::*;
use contracts::{Message, UndoAnswered};
use organisation::{Organisation, Outcome, Person, Recorded, RefusalKind, Stop};
use union_core::{
    Command, Fact, Union,
    command::{Repair, RepairAction},
};

const STEP: &str = "assess guarantee";

fn repair(office: &mut Office, action: RepairAction, because: &str) -> Result<Outcome<Fact>, Stop> {
    repair_by(office, "op", action, because)
}

fn repair_by(office: &mut Office, by: &str, action: RepairAction, because: &str) -> Result<Outcome<Fact>, Stop> {
    let action = Repair { action, because: because.into() };
    office.command(by, OPERATOR, Command::Repair { application_id: id(1), step: STEP.into(), action })
}

/// The reasons that the facts of a decision hold, with who stated them.
fn reasons(outcome: &Outcome<Fact>) -> Vec<(String, Person)> {
    let facts = outcome.recorded.iter().filter_map(|recorded| match recorded {
        Recorded::Fact(Fact::Saga { fact, .. }) => Some(fact),
        _ => None,
    });
    facts
        .filter_map(|fact| match fact {
            saga::Fact::Retried { because, by, .. } | saga::Fact::ResolutionProposed { because, by, .. } => {
                Some((because.clone(), by.clone()))
            }
            saga::Fact::IncidentResolved { because, by: Some(by), .. } => Some((because.clone(), by.clone())),
            _ => None,
        })
        .collect()
}

fn lines(outcome: &Outcome<Fact>) -> Vec<String> {
    let facts = outcome.recorded.iter().filter_map(|recorded| match recorded {
        Recorded::Fact(fact) => Union::line(fact),
        _ => None,
    });
    facts.map(|line| line.text).collect()
}

/// Asked for its opinion, not answered.
fn asked() -> Office {
    let mut office = Office::open(900_000_000);
    office.eligible(1, AMOUNT);
    office
}

/// Withdrawn, and the guarantor cannot take its opinion back.
fn undo_failed() -> Office {
    let mut office = asked();
    office.tell(office.agreed(1, AMOUNT));
    office.withdraw(1);
    let about = office.about("approve credit", 1);
    office.tell(Message::ApprovalCancelled(UndoAnswered { about, refused: None }));
    let about = office.about(STEP, 1);
    office.tell(Message::OpinionWithdrawn(UndoAnswered { about, refused: Some("保函已生效".into()) }));
    office
}

#[test]
fn every_repair_records_who_and_why_and_shows_it_in_the_timeline() {
    for (mut office, action) in [
        (asked(), RepairAction::RetryAsk),
        (undo_failed(), RepairAction::RetryUndo),
        (undo_failed(), RepairAction::ResolveUndo),
    ] {
        let outcome = repair(&mut office, action, "已电话核实").unwrap();
        assert_eq!(reasons(&outcome), [("已电话核实".to_owned(), Person::new("op"))], "{action:?}");
        let names = |line: &&String| line.contains("已电话核实") && line.contains("op");
        let shown = lines(&outcome).iter().filter(names).count();
        assert_eq!(shown, 1, "{action:?}: {:?}", lines(&outcome));
    }
}

#[test]
fn what_a_partner_did_not_undo_counts_as_undone_only_when_two_persons_say_so() {
    let mut office = undo_failed();
    repair(&mut office, RepairAction::ResolveUndo, "担保公司已注销").unwrap();
    assert_eq!(office.status(1), "COMPENSATING");
    let alone = refusal(repair(&mut office, RepairAction::ResolveUndo, "担保公司已注销"));
    assert_eq!((alone.kind, alone.code.as_str()), (RefusalKind::Conflict, "FOUR_EYES"));
    let outcome = repair_by(&mut office, "op2", RepairAction::ResolveUndo, "已核实").unwrap();
    assert_eq!(reasons(&outcome), [("已核实".to_owned(), Person::new("op2"))]);
    assert_eq!(office.status(1), "WITHDRAWN");
}

#[test]
fn a_repair_without_a_reason_is_refused() {
    for (office, action) in [
        (asked(), RepairAction::RetryAsk),
        (undo_failed(), RepairAction::RetryUndo),
        (undo_failed(), RepairAction::ResolveUndo),
    ] {
        for because in ["", " \n"] {
            let mut office = office.clone();
            let refused = refusal(repair(&mut office, action, because));
            assert_eq!((refused.kind, refused.code.as_str()), (RefusalKind::Invalid, "REASON"), "{action:?}");
        }
    }
}

#[test]
fn commands_that_were_journaled_before_a_retry_took_a_reason_still_read_as_written() {
    for (old, action, because) in [
        (r#"{"action":"retry_undo"}"#, RepairAction::RetryUndo, ""),
        (r#"{"action":"retry_ask"}"#, RepairAction::RetryAsk, ""),
        (r#"{"action":"resolve_undo","because":"x"}"#, RepairAction::ResolveUndo, "x"),
        (r#"{"action":"resolve","because":"x"}"#, RepairAction::Resolve, "x"),
    ] {
        let command =
            format!(r#"{{"command":"repair","application_id":"NCD-2020-0001","step":"disburse","action":{old}}}"#);
        let read: Command = serde_json::from_str(&command).unwrap();
        let action = Repair { action, because: because.into() };
        assert_eq!(read, Command::Repair { application_id: id(1), step: "disburse".into(), action });
        if !because.is_empty() {
            assert_eq!(serde_json::to_string(&read).unwrap(), command);
        }
    }
}
