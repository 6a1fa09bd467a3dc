//! Who has a task in hand: claimed, given back, handed over; deadlines and four eyes stay as they are.

use crate::harness::*;
use bank_core::{Bank, Command, Role};
use organisation::{
    Actor, Input, Organisation, Person, Row as AnyRow, Stop,
    people::{Handover, SUPERVISOR, To},
};

fn hand(task: &str, to: To) -> Command {
    Command::HandTask(Handover { application_id: id(), task: task.into(), to })
}

fn other(person: &str) -> To {
    To::Other { person: Person::new(person), because: "休假".into() }
}

/// `-`, or the code of the refusal, which changes nothing.
fn does(house: &mut House, person: &str, roles: &[&str], command: Command) -> String {
    let before = house.facts.len();
    let actor = Actor { person: Person::new(person), roles: roles.iter().map(|role| (*role).to_owned()).collect() };
    match house.take(&Input::Command { actor, command }) {
        Ok(_) => "-".into(),
        Err(Stop::Refused(refusal)) => {
            assert_eq!(house.facts.len(), before, "a refusal changes nothing");
            refusal.code
        }
        Err(other) => panic!("{other:?}"),
    }
}

const INVESTIGATOR: &[&str] = &[Role::CreditInvestigator.code()];
const APPROVER: &[&str] = &[Role::CreditApprover.code()];
const OVER_ALL: &[&str] = &[SUPERVISOR];

fn in_hand(house: &House) -> Vec<Option<String>> {
    let AnyRow::Own(row) = house.rows.get(&bank_core::rows::case(&id())).unwrap().unwrap() else { panic!("no case") };
    Bank::index(row).tasks.into_iter().map(|task| task.claimed_by.map(|person| person.to_string())).collect()
}

#[test]
fn a_task_in_hand_is_decided_by_nobody_else() {
    let mut house = manual().after(&["credit 1"]);
    let claim = || hand("investigate", To::Me);
    for (person, roles, command, said) in [
        ("eve", APPROVER, claim(), "FORBIDDEN"),
        ("eve", OVER_ALL, claim(), "FORBIDDEN"),
        ("ann", INVESTIGATOR, hand("investigate", To::Nobody), "NOT_CLAIMED"),
        ("ann", INVESTIGATOR, hand("decide-credit", To::Me), "NO_TASK"),
        ("ann", INVESTIGATOR, claim(), "-"),
        ("bea", INVESTIGATOR, claim(), "CLAIMED"),
        ("bea", INVESTIGATOR, hand("investigate", To::Nobody), "FORBIDDEN"),
        ("bea", INVESTIGATOR, command("recommend"), "CLAIMED"),
        ("ann", INVESTIGATOR, other_by("bea"), "FORBIDDEN"),
    ] {
        assert_eq!(does(&mut house, person, roles, command.clone()), said, "{person} {command:?}");
    }
    assert_eq!(in_hand(&house), [Some("ann".to_owned())]);
    assert_eq!(does(&mut house, "ann", INVESTIGATOR, hand("investigate", To::Nobody)), "-");
    assert_eq!(does(&mut house, "bea", INVESTIGATOR, command("recommend")), "-");
}

fn other_by(person: &str) -> Command {
    hand("investigate", other(person))
}

#[test]
fn a_deputy_reports_for_who_is_away_and_neither_of_them_decides_on_it() {
    let mut house = manual().after(&["credit 1"]);
    assert_eq!(does(&mut house, "ann", INVESTIGATOR, hand("investigate", To::Me)), "-");
    assert_eq!(does(&mut house, "bob for ann", INVESTIGATOR, command("recommend")), "-");
    for person in ["ann", "bob", "cat for ann", "bob for cat"] {
        assert_eq!(does(&mut house, person, APPROVER, command("approve")), "FOUR_EYES", "{person}");
    }
    assert_eq!(does(&mut house, "cat", APPROVER, command("approve")), "-");
}

#[test]
fn a_supervisor_hands_a_task_over_and_decides_none() {
    let mut house = manual().after(&["credit 1"]);
    does(&mut house, "ann", INVESTIGATOR, hand("investigate", To::Me));
    let without_reason = hand("investigate", To::Other { person: Person::new("bea"), because: " ".into() });
    for (command, said) in [
        (without_reason, "REASON"),
        (other_by("bea"), "-"),
        (command("recommend"), "FORBIDDEN"),
        (hand("investigate", To::Nobody), "-"),
        (other_by("bea"), "-"),
    ] {
        assert_eq!(does(&mut house, "sue", OVER_ALL, command.clone()), said, "{command:?}");
    }
    assert_eq!(does(&mut house, "ann", INVESTIGATOR, command("recommend")), "CLAIMED");
    assert_eq!(does(&mut house, "bea", INVESTIGATOR, command("recommend")), "-");
    // Four eyes: whoever reported is handed no approval, and claims none.
    assert_eq!(does(&mut house, "sue", OVER_ALL, hand("decide-credit", other("bea"))), "FOUR_EYES");
    assert_eq!(does(&mut house, "bea", APPROVER, hand("decide-credit", To::Me)), "FOUR_EYES");
    assert_eq!(does(&mut house, "sue", OVER_ALL, hand("decide-credit", other("bob"))), "-");
    assert_eq!(does(&mut house, "bob", APPROVER, command("approve")), "-");
}
