//! People: tasks remind and escalate and never decide; papers; four eyes; claims; steps after the pivot; children.

use std::collections::BTreeSet;

use domain::{Calendar, Moment, Term};
use saga::{
    ChildOutcome, Ending, Event, Fact, IncidentKind, Notice, Outcome, Person, Reaction, Refusal, RepairAction, Task,
    TaskRefusal, Verdict, Who, Why,
};

use crate::all::pivot::{approve, charging, say};
use crate::all::toy::{DAY, MINUTE, MONDAY, Reason, Role, Toy, approver, clerk, operator, order, repair};

fn decide(step: &str, by: Person, verdict: Verdict<Reason>) -> Event<Reason> {
    Event::Decided { step: step.to_owned(), by, verdict }
}

#[test]
fn a_deadline_reminds_at_50_and_80_percent_escalates_at_100_and_decides_nothing() {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    let due = toy.run.open_tasks().next().unwrap().1.due_at();
    let span = due.millis() - toy.now.millis();
    let mut told = Vec::new();
    while let Some(at) = toy.run.next_wake() {
        toy.now = at;
        assert_eq!(toy.on(&definition, Event::Tick), Reaction::Moved);
        told.push((at.millis() - MONDAY.millis(), toy.facts.last().unwrap().clone()));
    }
    let step = || "check order".to_owned();
    let half = (span + 1) / 2;
    assert_eq!(
        told,
        [
            (half, Fact::Reminded { step: step(), percent: 50 }),
            ((span * 80 + 99) / 100, Fact::Reminded { step: step(), percent: 80 }),
            (span, Fact::Escalated { step: step() }),
        ]
    );
    assert_eq!(toy.after(&definition, 365 * DAY), Reaction::Nothing(Why::NothingDue));
    assert_eq!(toy.state_name("check order"), "deciding");
    assert_eq!(toy.run.waiting_for()[0].who, Who::Decider(Role::Clerk));
}

#[test]
fn one_late_tick_gives_every_notice_in_order() {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    let before = toy.facts.len();
    assert_eq!(toy.after(&definition, 100 * DAY), Reaction::Moved);
    let step = || "check order".to_owned();
    assert_eq!(
        toy.facts[before..],
        [
            Fact::Reminded { step: step(), percent: 50 },
            Fact::Reminded { step: step(), percent: 80 },
            Fact::Escalated { step: step() },
        ]
    );
}

#[test]
fn a_partner_s_deadline_reminds_our_role_and_the_ask_stays_open() {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    approve(&mut toy, &definition, "check order", clerk());
    let _ = toy.after(&definition, 19 * DAY);
    let escalated = toy.facts.iter().filter(|f| matches!(f, Fact::Escalated { step } if step == "insure")).count();
    assert_eq!(escalated, 1);
    assert_eq!(toy.state_name("insure"), "asked");
}

#[test]
fn papers_stop_the_reminders_and_run_an_expiry_of_their_own() {
    let definition = order().unwrap();
    let ask_for_papers = || Verdict::AskForPapers { expiry: "PAPERS".to_owned(), term: Term::WorkingDays(10) };
    for supplied in [true, false] {
        let mut toy = Toy::default();
        assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
        assert_eq!(toy.on(&definition, decide("check order", clerk(), ask_for_papers())), Reaction::Moved);
        assert_eq!(toy.state_name("check order"), "suspended");
        assert_eq!(toy.run.waiting_for()[0].who, Who::Applicant);
        let refused = toy.on(&definition, decide("check order", clerk(), Verdict::Approve));
        assert_eq!(refused, Reaction::Refused(TaskRefusal::Suspended.into()));
        assert_eq!(toy.after(&definition, 10 * DAY), Reaction::Nothing(Why::NothingDue), "no reminder");
        if supplied {
            let papers = || decide("check order", clerk(), Verdict::PapersSupplied);
            assert_eq!(toy.on(&definition, papers()), Reaction::Moved);
            let task = toy.run.open_tasks().next().unwrap().1.clone();
            assert_eq!(task.due_at(), toy.calendar.due(Term::WorkingDays(3), toy.now).unwrap(), "a fresh deadline");
            assert_eq!(toy.on(&definition, papers()), Reaction::Nothing(Why::NotWaiting));
            approve(&mut toy, &definition, "check order", clerk());
        } else {
            toy.now = toy.run.next_wake().unwrap();
            assert_eq!(toy.on(&definition, Event::Tick), Reaction::Moved);
            assert_eq!(toy.run.ending(), Some(&Ending::Expired { name: "PAPERS".to_owned() }));
            let late = toy.on(&definition, decide("check order", clerk(), Verdict::PapersSupplied));
            assert_eq!(late, Reaction::Refused(Refusal::Ended));
        }
    }
}

#[test]
fn who_decided_before_may_not_decide_again() {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    approve(&mut toy, &definition, "check order", clerk());
    for step in ["insure", "book carrier", "quote rate"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Done), Reaction::Moved);
    }
    let excluded = || Reaction::Refused(TaskRefusal::Excluded(clerk()).into());
    assert_eq!(toy.on(&definition, decide("approve order", clerk(), Verdict::Approve)), excluded());
    assert_eq!(toy.on(&definition, decide("approve order", clerk(), Verdict::Refuse(Reason::No))), excluded());
    let claim = |by| Event::Claimed { step: "approve order".to_owned(), by };
    assert_eq!(toy.on(&definition, claim(Some(clerk()))), excluded());
    // A claim keeps others off until it is given back.
    assert_eq!(toy.on(&definition, claim(Some(operator()))), Reaction::Moved);
    assert_eq!(toy.on(&definition, claim(Some(operator()))), Reaction::Nothing(Why::Duplicate));
    let claimed = Reaction::Refused(TaskRefusal::ClaimedBy(operator()).into());
    assert_eq!(toy.on(&definition, decide("approve order", approver(), Verdict::Approve)), claimed);
    assert_eq!(toy.on(&definition, claim(None)), Reaction::Moved);
    approve(&mut toy, &definition, "approve order", approver());
    let again = toy.on(&definition, decide("approve order", approver(), Verdict::Approve));
    assert_eq!(again, Reaction::Nothing(Why::Duplicate));
    let other = toy.on(&definition, decide("approve order", operator(), Verdict::Approve));
    assert!(matches!(other, Reaction::Refused(Refusal::Illegal(_))), "{other:?}");
}

#[test]
fn after_the_pivot_nobody_can_refuse_or_ask_for_papers() {
    let (mut toy, definition) = charging();
    for step in ["charge", "ship"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Done), Reaction::Moved);
    }
    for verdict in
        [Verdict::Refuse(Reason::No), Verdict::AskForPapers { expiry: "PAPERS".to_owned(), term: Term::Days(1) }]
    {
        let reaction = toy.on(&definition, decide("file papers", clerk(), verdict));
        assert!(matches!(reaction, Reaction::Refused(Refusal::Illegal(_))), "{reaction:?}");
    }
    approve(&mut toy, &definition, "file papers", clerk());
    assert_eq!(toy.state_name("look after"), "in a child saga");
}

#[test]
fn a_failed_child_is_started_anew_by_its_owner() {
    let (mut toy, definition) = charging();
    for step in ["charge", "ship"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Done), Reaction::Moved);
    }
    approve(&mut toy, &definition, "file papers", clerk());
    let ended = |key: &str, outcome| Event::ChildEnded { step: "look after".to_owned(), key: key.to_owned(), outcome };
    let first = "look-after:case-7:1";
    let failed = || ended(first, ChildOutcome::Failed(Reason::No));
    assert_eq!(toy.on(&definition, failed()), Reaction::Moved);
    assert_eq!(toy.on(&definition, failed()), Reaction::Nothing(Why::Duplicate));
    assert_eq!(toy.run.incidents().next().unwrap().1.kind, IncidentKind::ChildFailed(Reason::No));
    assert_eq!(toy.on(&definition, repair("look after", RepairAction::RetryAsk)), Reaction::Moved);
    assert_eq!(toy.on(&definition, ended(first, ChildOutcome::Completed)), Reaction::Nothing(Why::OldAttempt));
    assert_eq!(toy.on(&definition, ended("look-after:case-7:2", ChildOutcome::Completed)), Reaction::Moved);
    assert_eq!(toy.run.ending(), Some(&Ending::Completed));
    assert!(toy.run.incidents().next().is_none());
}

#[test]
fn a_decision_after_the_case_turned_back_is_refused() {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    assert_eq!(toy.on(&definition, Event::Cancel { reason: Reason::ChangedMind }), Reaction::Moved);
    assert_eq!(toy.run.open_tasks().count(), 0);
    let late = toy.on(&definition, decide("check order", clerk(), Verdict::Approve));
    assert_eq!(late, Reaction::Refused(Refusal::Ended));
}

fn task(excluded: &[Person]) -> Task<Role> {
    let calendar = Calendar::programme();
    Task::open("t", Role::Clerk, Term::Hours(10), MONDAY, &calendar, excluded.iter().cloned().collect()).unwrap()
}

#[test]
fn a_task_s_notices_come_once_and_in_order() {
    let check = |minutes: i64, given: Option<Notice>, expected: &[Notice]| {
        let mut task = task(&[]);
        if let Some(given) = given {
            task.deadline.give(given);
        }
        let now = Moment::from_millis(MONDAY.millis() + minutes * MINUTE);
        assert_eq!(task.tick(now), expected, "{minutes} min after {given:?}");
    };
    use Notice::{Half, Most, Overdue};
    check(299, None, &[]);
    check(300, None, &[Half]);
    check(300, Some(Half), &[]);
    check(479, Some(Half), &[]);
    check(480, Some(Half), &[Most]);
    check(480, None, &[Half, Most]);
    check(600, Some(Half), &[Most, Overdue]);
    check(600, Some(Overdue), &[]);
    check(9_999, Some(Overdue), &[]);
    let mut task = task(&[]);
    task.deadline.give(Most);
    task.deadline.give(Half);
    assert_eq!(task.deadline.noticed, Some(Most), "an earlier notice takes nothing back");
}

#[test]
fn a_suspended_task_wakes_with_its_expiry_alone() {
    let mut task = task(&[]);
    let due = Moment::from_millis(MONDAY.millis() + 5 * DAY);
    task.suspend("PAPERS", due);
    assert_eq!(task.next_wake(), Some(due));
    assert_eq!(task.tick(due), []);
    assert_eq!(task.expired(Moment::from_millis(due.millis() - 1)), None);
    assert_eq!(task.expired(due), Some("PAPERS"));
    task.resume(due, Moment::from_millis(due.millis() + DAY));
    assert_eq!(task.next_wake(), Some(Moment::from_millis(due.millis() + DAY / 2)));
}

#[test]
fn a_deputy_and_who_is_away_are_one_wherever_two_persons_are_asked_for() {
    let (li, wang, zhao) = (Person::new("person:li"), Person::new("person:wang"), Person::new("person:zhao"));
    let li_for_wang = Person::deputy("person:li", "person:wang");
    for (one, other, same) in [
        (&li, &li, true),
        (&li, &wang, false),
        (&li_for_wang, &li, true),
        (&li_for_wang, &wang, true),
        (&li_for_wang, &zhao, false),
        (&li_for_wang, &Person::deputy("person:zhao", "person:wang"), true),
        (&Person::deputy("person:zhao", "person:li"), &wang, false),
        (&li, &Person::new("person:li2"), false),
    ] {
        assert_eq!(one.is_also(other), same, "{one}, {other}");
        assert_eq!(other.is_also(one), same, "{other}, {one}");
    }
    let mut task = task(std::slice::from_ref(&wang));
    assert_eq!(task.may_decide(&li_for_wang), Err(TaskRefusal::Excluded(li_for_wang.clone())));
    task.excluded = [li_for_wang.clone()].into();
    assert_eq!(task.may_decide(&wang), Err(TaskRefusal::Excluded(wang.clone())), "back at the desk");
    assert_eq!(task.may_decide(&li), Err(TaskRefusal::Excluded(li.clone())));
    assert_eq!(task.may_decide(&zhao), Ok(()));
    task.excluded.clear();
    task.claim(Some(wang));
    assert_eq!(task.may_decide(&li_for_wang), Ok(()), "what is in hand is the deputy's too");
    assert_eq!(task.may_decide(&li), Err(TaskRefusal::ClaimedBy(Person::new("person:wang"))));
}

#[test]
fn four_eyes_come_before_a_claim() {
    let mut task = task(&[clerk()]);
    task.claim(Some(approver()));
    assert_eq!(task.may_decide(&clerk()), Err(TaskRefusal::Excluded(clerk())));
    assert_eq!(task.may_decide(&operator()), Err(TaskRefusal::ClaimedBy(approver())));
    assert_eq!(task.may_decide(&approver()), Ok(()));
    let excluded: BTreeSet<Person> = [clerk()].into();
    assert_eq!(task.excluded, excluded);
}
