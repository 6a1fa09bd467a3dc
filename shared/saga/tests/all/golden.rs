//! The stored form of every fact, and what applying it does: pinned, because journals outlive releases.

use std::collections::BTreeSet;

use domain::{Moment, Party};
use saga::{AfterClosing, DeadlineSet, Ending, Fact, IncidentKind, Outcome, Person, Run};

use crate::all::toy::{Reason, Role, clerk};

type F = Fact<Role, Reason>;
type R = Run<Role, Reason>;

fn at(minute: i64) -> Moment {
    Moment::from_millis(minute * 60_000)
}

/// Every fact at least once, in an order that could happen to one case (with some poetic licence at the end).
fn story() -> Vec<F> {
    let s = |name: &str| name.to_owned();
    let excluded: BTreeSet<Person> = [clerk()].into();
    let asked = |step: &str, attempt: u32, deadline, minute| F::Asked {
        step: s(step),
        party: Party::Bank,
        key: format!("{step}:case-7:{attempt}"),
        attempt,
        retry_at: at(minute + 5),
        deadline,
        at: at(minute),
    };
    vec![
        F::Started { definition: s("order"), version: 1, lock: Some(s("customer 3")), at: at(0) },
        F::TaskOpened { step: s("check"), role: Role::Clerk, due_at: at(100), excluded, at: at(0) },
        F::TaskClaimed { step: s("check"), by: Some(Person::new("p-9")) },
        F::Reminded { step: s("check"), percent: 50 },
        F::Suspended { step: s("check"), expiry: s("PAPERS"), due_at: at(500) },
        F::Resumed { step: s("check"), due_at: at(300), at: at(200) },
        F::Escalated { step: s("check") },
        F::StepDone { step: s("check"), by: Some(Person::new("p-9")), at: at(301) },
        F::StepWaiting { step: s("queue"), at: at(301) },
        F::ExpirySet { name: s("QUEUE"), due_at: at(900) },
        F::ExpirySet { name: s("OFFER"), due_at: at(901) },
        F::StepDone { step: s("queue"), by: None, at: at(302) },
        F::ExpiryStopped { name: s("QUEUE") },
        asked("insure", 1, Some(DeadlineSet { role: Role::Clerk, due_at: at(400) }), 302),
        F::AskedAgain { step: s("insure"), retry_at: at(317) },
        F::AskDeferred { step: s("insure"), retry_at: at(320) },
        F::BecameUnknown { step: s("insure"), retry_at: at(322), person_at: at(560), at: at(321) },
        F::AskedAgain { step: s("insure"), retry_at: at(327) },
        F::IncidentOpened {
            id: 1,
            step: s("insure"),
            kind: IncidentKind::UnknownTooLong,
            owner: Role::Operator,
            at: at(560),
        },
        F::IncidentResolved { id: 1, because: s("the answer came"), by: None, at: at(561) },
        F::StepDone { step: s("insure"), by: None, at: at(561) },
        asked("read", 1, None, 561),
        F::StepDone { step: s("read"), by: None, at: at(562) },
        asked("charge", 1, None, 562),
        F::KeyClosing {
            step: s("charge"),
            then: AfterClosing::NextAttempt(Reason::Later),
            retry_at: at(570),
            at: at(565),
        },
        F::KeyClosed { step: s("charge"), at: at(566) },
        F::AttemptEnded { step: s("charge"), attempt: 1, reason: Reason::Later, next_at: at(571) },
        asked("charge", 2, None, 571),
        F::KeyClosing {
            step: s("charge"),
            then: AfterClosing::End(Ending::Expired { name: s("OFFER") }),
            retry_at: at(906),
            at: at(901),
        },
        F::ExpiryPassed { name: s("OFFER"), at: at(901) },
        F::KeyClosed { step: s("charge"), at: at(902) },
        F::StepAbandoned { step: s("charge"), at: at(902) },
        F::UnwindingBegan { ending: Ending::Expired { name: s("OFFER") }, at: at(902) },
        F::StepKept { step: s("read"), at: at(902) },
        F::UndoAsked { step: s("insure"), party: Party::Bank, retry_at: at(907), at: at(902) },
        F::LateAnswer { step: s("insure"), outcome: Outcome::Refused(Reason::No) },
        F::UndoFailed { step: s("insure"), reason: Reason::CannotUndo, at: at(903) },
        F::IncidentOpened {
            id: 2,
            step: s("insure"),
            kind: IncidentKind::UndoRefused(Reason::CannotUndo),
            owner: Role::Operator,
            at: at(903),
        },
        F::Retried { step: s("insure"), because: s("they found the policy"), by: Person::new("p-3"), at: at(903) },
        F::ResolutionProposed {
            step: s("insure"),
            because: s("they lost the policy"),
            by: Person::new("p-3"),
            at: at(903),
        },
        F::Undone { step: s("insure"), at: at(904) },
        F::StepRefused { step: s("other"), reason: Reason::No, by: Some(clerk()), at: at(904) },
        F::CancelVoid { ending: Ending::Withdrawn { reason: Reason::ChangedMind } },
        F::PivotPassed { step: s("charge"), at: at(905) },
        F::StepStuck { step: s("ship"), reason: Reason::No, at: at(906) },
        F::IncidentOpened {
            id: 3,
            step: s("pay"),
            kind: IncidentKind::NotDone(Reason::Hopeless),
            owner: Role::Operator,
            at: at(906),
        },
        F::KeyClosing { step: s("pay"), then: AfterClosing::Stick(Reason::Hopeless), retry_at: at(911), at: at(906) },
        F::IncidentOpened {
            id: 4,
            step: s("pay"),
            kind: IncidentKind::Contradicted(Reason::No),
            owner: Role::Operator,
            at: at(906),
        },
        F::ChildStarted { step: s("look after"), key: s("look-after:case-7:1"), attempt: 1, at: at(907) },
        F::Ended { ending: Ending::Refused { step: s("other"), reason: Reason::No }, at: at(908) },
    ]
}

#[test]
fn the_stored_form_of_every_fact_is_pinned() {
    let lines: Vec<String> = story().iter().map(|fact| serde_json::to_string(fact).unwrap()).collect();
    for (line, fact) in lines.iter().zip(story()) {
        assert_eq!(serde_json::from_str::<F>(line).unwrap(), fact);
    }
    let names: BTreeSet<String> = story().iter().map(name_of).collect();
    assert_eq!(names.len(), 36, "the story has every variant: {names:?}");
    insta::assert_snapshot!("facts", lines.join("\n"));
}

#[test]
fn what_every_fact_does_to_a_run_is_pinned() {
    let mut run = R::default();
    let mut table = format!("start {}\n", serde_json::to_string(&run).unwrap());
    for fact in story() {
        let before = serde_json::to_value(&run).unwrap();
        run.apply(&fact);
        let after = serde_json::to_value(&run).unwrap();
        assert_eq!(serde_json::from_value::<R>(after.clone()).unwrap(), run, "a stored run is read back whole");
        table.push_str(&format!("{}\n", name_of(&fact)));
        differences("", &before, &after, &mut table);
    }
    insta::assert_snapshot!("applied", table);
}

#[test]
fn a_fact_about_a_step_that_was_never_opened_does_no_harm() {
    for fact in story() {
        let mut run = R::default();
        run.apply(&fact); // does not panic; a replay never fails
        let _ = (run.next_wake(), run.waiting_for());
    }
}

/// The variant's name. Exhaustive: a new fact does not compile until the story has it.
fn name_of(fact: &F) -> String {
    let name = match fact {
        F::Started { .. } => "Started",
        F::TaskOpened { .. } => "TaskOpened",
        F::TaskClaimed { .. } => "TaskClaimed",
        F::Suspended { .. } => "Suspended",
        F::Resumed { .. } => "Resumed",
        F::StepWaiting { .. } => "StepWaiting",
        F::Asked { .. } => "Asked",
        F::AskedAgain { .. } => "AskedAgain",
        F::AskDeferred { .. } => "AskDeferred",
        F::BecameUnknown { .. } => "BecameUnknown",
        F::KeyClosing { .. } => "KeyClosing",
        F::KeyClosed { .. } => "KeyClosed",
        F::AttemptEnded { .. } => "AttemptEnded",
        F::ChildStarted { .. } => "ChildStarted",
        F::StepDone { .. } => "StepDone",
        F::PivotPassed { .. } => "PivotPassed",
        F::CancelVoid { .. } => "CancelVoid",
        F::StepRefused { .. } => "StepRefused",
        F::StepStuck { .. } => "StepStuck",
        F::StepAbandoned { .. } => "StepAbandoned",
        F::StepKept { .. } => "StepKept",
        F::LateAnswer { .. } => "LateAnswer",
        F::UnwindingBegan { .. } => "UnwindingBegan",
        F::UndoAsked { .. } => "UndoAsked",
        F::Undone { .. } => "Undone",
        F::UndoFailed { .. } => "UndoFailed",
        F::IncidentOpened { .. } => "IncidentOpened",
        F::IncidentResolved { .. } => "IncidentResolved",
        F::Retried { .. } => "Retried",
        F::ResolutionProposed { .. } => "ResolutionProposed",
        F::Reminded { .. } => "Reminded",
        F::Escalated { .. } => "Escalated",
        F::ExpirySet { .. } => "ExpirySet",
        F::ExpiryStopped { .. } => "ExpiryStopped",
        F::ExpiryPassed { .. } => "ExpiryPassed",
        F::Ended { .. } => "Ended",
    };
    name.to_owned()
}

/// Writes what differs, a leaf a line.
fn differences(path: &str, before: &serde_json::Value, after: &serde_json::Value, out: &mut String) {
    use serde_json::Value;
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
            differences(&format!("{path}/{key}"), &of(before), &of(after), out);
        }
    } else if before != after {
        out.push_str(&format!("  {path}: {before} -> {after}\n"));
    }
}
