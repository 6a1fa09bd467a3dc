//! Who may do what: the role, then the application, then the task, then the person, then the decision itself.

use crate::harness::*;
use bank_core::{Bank, Command, IncidentKind, Role};
use domain::{Amount, Fen};
use organisation::{Actor, Input, Organisation, Person, RefusalKind, Stop};
use std::collections::BTreeSet;

fn refusal(decided: Result<organisation::Outcome<bank_core::Fact>, Stop>) -> (RefusalKind, String) {
    match decided {
        Err(Stop::Refused(refusal)) => (refusal.kind, refusal.code),
        other => panic!("not refused: {other:?}"),
    }
}

fn as_role(
    house: &mut House,
    role: Option<Role>,
    command: Command,
) -> Result<organisation::Outcome<bank_core::Fact>, Stop> {
    let roles = role.into_iter().map(|role| role.code().to_owned()).collect();
    house.take(&Input::Command { actor: Actor { person: Person::new("eve"), roles }, command })
}

#[test]
fn each_command_belongs_to_its_role_and_to_no_other() {
    let resolve = Command::ResolveIncident { application_id: id(), number: 1, because: "已核对".into() };
    let commands = [
        (Command::OpenBooks { deposit_fen: Fen::new(1) }, &[Role::Operator][..]),
        (receive("P-1", 100), &[Role::Operations]),
        (command("recommend"), &[Role::CreditInvestigator]),
        (command("approve"), &[Role::CreditApprover]),
        (command("sign"), &[Role::Operations]),
        (command("prepare"), &[Role::PaymentMaker]),
        (command("release"), &[Role::PaymentChecker]),
        (command("enter"), &[Role::PaymentMaker]),
        (command("move"), &[Role::PaymentChecker]),
        (resolve, &[Role::Operations, Role::Operator]),
    ];
    for (command, roles) in commands {
        for role in Role::ALL.iter().copied().map(Some).chain([None]) {
            let decided = as_role(&mut manual(), role, command.clone());
            let may = role.is_some_and(|role| roles.contains(&role));
            let forbidden = matches!(&decided, Err(Stop::Refused(refusal)) if refusal.code == "FORBIDDEN");
            assert_eq!(!may, forbidden, "{role:?} {command:?}: {decided:?}");
        }
    }
}

fn receive(reference: &str, fen: i64) -> Command {
    let (amount_fen, purpose) = (Amount::new(Fen::new(fen)).unwrap(), bank_core::command::DepositPurpose::Guarantee);
    Command::ReceiveDeposit { reference: reference.into(), amount_fen, purpose }
}

#[test]
fn what_the_union_pays_into_its_deposit_is_booked_once_a_reference() {
    let mut house = manual();
    let operations = Some(Role::Operations);
    let closed = as_role(&mut house, operations, receive("P-1", 2_500));
    assert_eq!(refusal(closed), (RefusalKind::Conflict, "BOOKS_NOT_OPEN".into()));
    as_role(&mut house, Some(Role::Operator), Command::OpenBooks { deposit_fen: Fen::new(900) }).unwrap();
    let before = (house.balance("B1003"), house.balance("B2012"));
    as_role(&mut house, operations, receive("P-1", 2_500)).unwrap();
    assert_eq!((house.balance("B1003"), house.balance("B2012")), (before.0 + 2_500, before.1 + 2_500));
    for fen in [2_500, 1] {
        let again = as_role(&mut house, operations, receive("P-1", fen));
        assert_eq!(refusal(again), (RefusalKind::Conflict, "REFERENCE_USED".into()));
    }
    assert_eq!(house.balance("B2012"), before.1 + 2_500);
    assert!(as_role(&mut house, operations, receive("P-2", 1)).is_ok());
}

#[test]
fn an_application_nobody_spoke_of_is_not_found() {
    for what in ["recommend", "approve", "sign", "prepare", "release"] {
        let decided = manual().command("ann", command(what));
        assert_eq!(refusal(decided), (RefusalKind::NotFound, "NOT_FOUND".into()), "{what}");
    }
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut house = manual().after(&["credit 1", "ann: recommend"]);
    let before = house.case().clone();
    for (line, expected) in [
        ("ann: approve", (RefusalKind::Forbidden, "FOUR_EYES")),
        ("bob: recommend", (RefusalKind::Conflict, "NO_TASK")),
        ("bob: sign", (RefusalKind::Conflict, "NO_TASK")),
    ] {
        let (kind, code) = refusal(house.run(line));
        assert_eq!((kind, code.as_str()), expected, "{line}");
        assert_eq!(*house.case(), before);
    }
}

#[test]
fn sending_back_needs_a_reason() {
    use bank_core::command::{CreditVerdict, PaymentCheck};
    let because = String::from(" ");
    let mut house = manual().after(&["credit 1", "ann: recommend"]);
    let verdict = CreditVerdict::Return { because: because.clone() };
    let decided = house.command("bob", Command::DecideCredit { application_id: id(), verdict });
    assert_eq!(refusal(decided), (RefusalKind::Invalid, "REASON".into()));
    let mut house = manual().after(&RELEASED[..8]);
    let verdict = PaymentCheck::Return { because };
    let decided = house.command("cleo", Command::CheckPayment { application_id: id(), verdict });
    assert_eq!(refusal(decided), (RefusalKind::Invalid, "REASON".into()));
}

#[test]
fn an_incident_is_resolved_once_and_with_a_reason() {
    let mut house = with_port().after(&["credit 1", "core posted 1"]);
    assert_eq!(house.case().incidents[0].kind, IncidentKind::PostedUnasked);
    let resolve =
        |number, because: &str| Command::ResolveIncident { application_id: id(), number, because: because.into() };
    for (number, because, code) in
        [(0, "x", "NO_INCIDENT"), (2, "x", "NO_INCIDENT"), (1, "", "REASON"), (1, "已冲正", ""), (1, "x", "RESOLVED")]
    {
        let said = words(&house.command("olga", resolve(number, because)));
        assert_eq!(said, if code.is_empty() { "-".into() } else { format!("refused {code}") }, "{number} {because:?}");
    }
    assert!(house.index().incidents.is_empty());
    assert_eq!(house.booked, 0);
}

#[test]
fn a_command_is_answered_with_what_it_led_to() {
    let mut house = manual().after(&["credit 1"]);
    let answer = house.run("ann: recommend").unwrap().answer.unwrap();
    assert_eq!((answer.shows, answer.did), (Some(organisation::Key::row("case", id())), organisation::Did::Changed));
    assert_eq!(answer.body["state"], "CREDIT_REVIEW");
    assert_eq!(answer.body["waiting_for"][0]["who"], "credit_approver");
    assert_eq!(answer.body["tasks"][0]["task_id"], "NCD-2018-0052/decide-credit");
    assert_eq!(answer.body["report"]["by"], "ann");
}

#[test]
fn what_is_waited_for_is_named() {
    // A contract whose letter is still under way waits for the guarantor.
    let lines = ["credit 1", "ann: recommend", "bob: approve", "contract 1", "core posted 1"];
    let mut house = with_port().after(&lines);
    let resolve = Command::ResolveIncident { application_id: id(), number: 1, because: "已核对".into() };
    let body = house.command("olga", resolve).unwrap().answer.unwrap().body;
    assert_eq!((&body["state"], &body["waiting_for"][0]["who"]), (&"CONTRACTING".into(), &"guarantor".into()));
    let mut house = with_port().after(&RELEASED[..8]);
    let body = house.run("cleo: release").unwrap().answer.unwrap().body;
    assert_eq!((&body["state"], &body["waiting_for"][0]["who"]), (&"DISBURSING".into(), &"core_banking".into()));
    house.run("core unknown 1").unwrap();
    assert_eq!(house.index().status, "UNKNOWN");
}

#[test]
fn no_other_organisations_message_and_no_others_rows_are_taken() {
    let mut house = manual();
    let about = match house.input("credit 1").unwrap() {
        contracts::Message::ApproveCredit(ask) => ask.about,
        other => panic!("{other:?}"),
    };
    let strange = contracts::Message::WithdrawOpinion(contracts::Plain { about });
    assert!(matches!(house.hear(strange), Err(Stop::Illegal(_))));
    for key in ["loan/NCD-2018-0052", "case/nonsense", "nothing"] {
        let key = organisation::Key::Row(key.into());
        assert!(matches!(house.take(&Input::Due(key.clone())), Err(Stop::Illegal(_))), "{key}");
        assert!(matches!(house.take(&Input::Follow(key.clone())), Err(Stop::Illegal(_))), "{key}");
    }
    assert!(house.facts.is_empty());
}

#[test]
fn every_fact_a_reader_cares_for_has_its_line_and_none_names_a_person_beyond_the_identifier() {
    let house = manual().after(&RELEASED);
    let lines: Vec<_> = house.facts.iter().filter_map(Bank::line).collect();
    assert!(lines.iter().any(|line| line.text.contains("已放款 300,000.00 元")), "{lines:#?}");
    let steps: BTreeSet<&str> = lines.iter().map(|line| line.step.as_str()).collect();
    assert_eq!(steps, BTreeSet::from(["approve credit", "disburse", "sign loan contract"]));
}
