//! Deadlines remind, escalate and ask; they never decide.

use crate::harness::*;
use bank_core::IncidentKind;
use domain::{Calendar, Moment, Term};
use saga::Notice;

/// Goes to the next wake-up, lets it fire, and says what came of it; the next one must lie in the future.
fn wake(house: &mut House) -> Option<(i64, String)> {
    let at = house.index().wake_at?;
    assert!(at > house.at, "a timer that was served is due again: {at} at {}", house.at);
    house.at = at;
    let said = words(&house.tick());
    Some((at.millis_since(morning()) / 60_000, said))
}

#[test]
fn each_task_is_reminded_twice_and_escalated_once() {
    let calendar = Calendar::programme();
    let terms = [
        (&["credit 1"][..], Term::WorkingDays(10)),
        (&["credit 1", "ann: recommend"], Term::WorkingDays(10)),
        (&["credit 1", "ann: recommend", "bob: approve", "contract 1", "letter 1"], Term::WorkingDays(5)),
        (&RELEASED[..7], Term::Days(30)),
        (&RELEASED[..8], Term::Days(30)),
    ];
    for (lines, term) in terms {
        let mut house = manual().after(lines);
        let due_at = calendar.due(term, morning()).unwrap();
        assert_eq!(house.index().tasks[0].due_at, due_at, "{lines:?}");
        let mut given = Vec::new();
        while let Some((_, said)) = wake(&mut house) {
            assert_eq!(said, "-");
            given.push(house.case().tasks.values().next().unwrap().deadline.noticed.unwrap());
        }
        assert_eq!(given, Notice::ALL, "{lines:?}");
        assert_eq!(house.at, due_at);
        assert!(house.index().tasks[0].escalated);
    }
}

#[test]
fn overdue_work_can_still_be_done() {
    let mut house = manual().after(&["credit 1", "wait 100000m"]);
    check(&mut house, &[("ann: recommend", "-"), ("bob: approve", "union 1: approved 30000000 at 45500")]);
    assert_eq!(house.index().wake_at, None);
}

#[test]
fn an_unknown_outcome_is_asked_after_1_5_15_60_minutes_and_a_person_called_after_four_hours() {
    let mut house = with_port().after(&RELEASED);
    let mut asked = Vec::new();
    for _ in 0..9 {
        let (minute, said) = wake(&mut house).unwrap();
        asked.push((minute, said));
    }
    let ask = |minute| (minute, "order ask 1".to_owned());
    let expected = [ask(1), ask(6), ask(21), ask(81), ask(141), ask(201), (240, "-".to_owned()), ask(261), ask(321)];
    assert_eq!(asked, expected);
    let incidents = house.index().incidents;
    assert_eq!((incidents.len(), incidents[0].owner.as_str()), (1, "operations"));
    // The answer settles it.
    house.run("core posted 1").unwrap();
    assert!(house.index().incidents.is_empty());
    let incident = &house.case().incidents[0];
    assert_eq!(
        (incident.kind, incident.resolved.as_ref().unwrap().by.0.as_str()),
        (IncidentKind::UnknownTooLong, "service:core_banking")
    );
}

#[test]
fn a_closing_that_is_not_answered_is_ordered_again_and_again() {
    let mut house = with_port().after(&RELEASED).after(&["close 1"]);
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(wake(&mut house).unwrap());
    }
    let close = |minute| (minute, "order close 1".to_owned());
    assert_eq!(asked, [close(1), close(6), close(21), close(81), close(141)]);
}

#[test]
fn a_timer_that_comes_early_changes_nothing() {
    for lines in [&["credit 1"][..], &RELEASED] {
        let mut house = with_port().after(lines);
        let before = house.facts.len();
        house.at = Moment::from_millis(house.index().wake_at.unwrap().millis() - 1);
        assert_eq!(words(&house.tick()), "-");
        assert_eq!(house.facts.len(), before);
    }
}
