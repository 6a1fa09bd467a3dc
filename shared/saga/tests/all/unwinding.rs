//! Unwinding: the order over the graph, undos that overtake, late answers, failed undos, queues and their expiry.

use saga::{Definition, Ending, Event, Fact, Outcome, Phase, Reaction, Refusal, RepairAction, Retry, Who, Why, saga};

use crate::all::pivot::{approve, cancel, charging, say};
use crate::all::toy::{
    BECAUSE, Letter, MINUTE, Purpose, Reason, Role, Toy, approver, ask, clerk, close, operator, order, query, release,
    repair, repair_by, reserve, undo,
};

fn undos(toy: &mut Toy) -> Vec<&'static str> {
    let letters = std::mem::take(&mut toy.outbox);
    letters.into_iter().filter(|l| l.purpose == Purpose::Undo).map(|Letter { ask, .. }| ask.step).collect()
}

/// An order whose branches are both asked.
fn branching() -> (Toy, Definition<Toy>) {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    approve(&mut toy, &definition, "check order", clerk());
    (toy, definition)
}

#[test]
fn branches_unwind_in_parallel_and_what_came_before_waits_for_both() {
    let (mut toy, definition) = charging();
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert_eq!(undos(&mut toy), ["book carrier", "insure"]);
    assert_eq!(toy.local, ["reserve stock", "note premium", "check price", "void", "drop premium"]);
    assert_eq!(say(&mut toy, &definition, "insure", Outcome::Undone), Reaction::Moved);
    assert!(!toy.local.contains(&"release stock"), "the carrier still depends on it");
    assert_eq!(say(&mut toy, &definition, "book carrier", Outcome::Undone), Reaction::Moved);
    assert_eq!(toy.local[5..], ["release stock", "void"]);
    assert_eq!(toy.run.ending(), Some(&Ending::Withdrawn { reason: Reason::ChangedMind }));
}

#[test]
fn a_refusal_in_one_branch_undoes_the_other_at_once() {
    let (mut toy, definition) = branching();
    toy.outbox.clear();
    assert_eq!(say(&mut toy, &definition, "insure", Outcome::Refused(Reason::No)), Reaction::Moved);
    assert_eq!(undos(&mut toy), ["book carrier"], "its undo overtakes the unanswered ask");
    // The overtaken original answers; that changes nothing but the record.
    assert_eq!(say(&mut toy, &definition, "book carrier", Outcome::Done), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "book carrier", Outcome::Done), Reaction::Nothing(Why::Duplicate));
    assert_eq!(toy.state_name("book carrier"), "undoing");
    assert!(matches!(toy.facts.last(), Some(Fact::LateAnswer { outcome: Outcome::Done, .. })));
    assert_eq!(say(&mut toy, &definition, "book carrier", Outcome::Undone), Reaction::Moved);
    assert_eq!(toy.run.ending(), Some(&Ending::Refused { step: "insure".to_owned(), reason: Reason::No }));
}

#[test]
fn a_late_done_for_what_counts_as_undone_is_undone_again_even_after_the_end() {
    let (mut toy, definition) = branching();
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    for step in ["insure", "book carrier"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Undone), Reaction::Moved);
    }
    assert!(matches!(toy.run.phase, Phase::Ended { .. }));
    toy.outbox.clear();
    assert_eq!(say(&mut toy, &definition, "insure", Outcome::Done), Reaction::Moved);
    assert_eq!(undos(&mut toy), ["insure"]);
    assert!(toy.run.next_wake().is_some(), "and asked for until it is answered");
    assert_eq!(toy.after(&definition, 5 * MINUTE), Reaction::Moved);
    assert_eq!(undos(&mut toy), ["insure"]);
    assert_eq!(say(&mut toy, &definition, "insure", Outcome::Undone), Reaction::Moved);
    assert_eq!(toy.run.next_wake(), None);
    assert_eq!(say(&mut toy, &definition, "insure", Outcome::Done), Reaction::Nothing(Why::Duplicate));
}

#[test]
fn a_failed_undo_waits_for_its_owner_while_other_branches_go_on() {
    let (mut toy, definition) = charging();
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    let refused = Outcome::UndoRefused(Reason::CannotUndo);
    assert_eq!(say(&mut toy, &definition, "book carrier", refused), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "insure", Outcome::Undone), Reaction::Moved);
    assert!(matches!(toy.run.phase, Phase::Unwinding { .. }));
    let waiting: Vec<_> = toy.run.waiting_for().into_iter().map(|w| (w.step, w.who)).collect();
    assert_eq!(waiting, [("book carrier".to_owned(), Who::Repairer(Role::Operator))]);
    assert_eq!(toy.run.next_wake(), None, "nothing but a person moves it");

    assert_eq!(toy.on(&definition, repair("book carrier", RepairAction::RetryUndo)), Reaction::Moved);
    let recorded = toy.facts.iter().any(|fact| {
        matches!(fact, Fact::Retried { step, because, by, .. }
            if step == "book carrier" && because == BECAUSE && *by == operator())
    });
    assert!(recorded, "who had it tried again, and why");
    let refused = Outcome::UndoRefused(Reason::CannotUndo);
    assert_eq!(say(&mut toy, &definition, "book carrier", refused), Reaction::Moved);

    assert_eq!(toy.on(&definition, repair("book carrier", RepairAction::ResolveUndo)), Reaction::Moved);
    assert_eq!(toy.state_name("book carrier"), "undo failed", "one person alone does not answer for it");
    let before = toy.facts.len();
    let again = toy.on(&definition, repair("book carrier", RepairAction::ResolveUndo));
    assert_eq!((again, toy.facts.len()), (Reaction::Refused(Refusal::AnotherPerson), before));
    let second = repair_by(approver(), "book carrier", RepairAction::ResolveUndo);
    assert_eq!(toy.on(&definition, second), Reaction::Moved);
    let recorded = toy.facts.iter().any(|fact| {
        matches!(fact, Fact::IncidentResolved { because, by: Some(by), .. } if because == BECAUSE && *by == approver())
    });
    assert!(recorded, "who settled it, and why");
    assert!(toy.run.ending().is_some() && toy.locks.is_empty());
}

#[test]
fn what_one_person_proposed_is_forgotten_when_the_undo_is_tried_again() {
    let (mut toy, definition) = charging();
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    let refused = || Outcome::UndoRefused(Reason::CannotUndo);
    assert_eq!(say(&mut toy, &definition, "book carrier", refused()), Reaction::Moved);
    assert_eq!(toy.on(&definition, repair("book carrier", RepairAction::ResolveUndo)), Reaction::Moved);
    assert_eq!(toy.on(&definition, repair("book carrier", RepairAction::RetryUndo)), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "book carrier", refused()), Reaction::Moved);
    let other = repair_by(approver(), "book carrier", RepairAction::ResolveUndo);
    assert_eq!(toy.on(&definition, other), Reaction::Moved, "the first of two again");
    assert_eq!(toy.state_name("book carrier"), "undo failed");
    assert_eq!(toy.replayed(), toy.run);
}

#[test]
fn a_lost_undo_is_asked_for_again() {
    let (mut toy, definition) = branching();
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    toy.outbox.clear();
    assert_eq!(toy.after(&definition, 5 * MINUTE), Reaction::Moved);
    assert_eq!(undos(&mut toy), ["book carrier", "insure"]);
    assert_eq!(toy.after(&definition, 5 * MINUTE), Reaction::Nothing(Why::NothingDue));
    assert_eq!(toy.after(&definition, 5 * MINUTE), Reaction::Moved);
    assert_eq!(undos(&mut toy), ["book carrier", "insure"]);
}

#[test]
fn a_queue_is_left_when_the_run_turns_back_and_expires_by_its_own_clock() {
    for expired in [false, true] {
        let definition = order().unwrap();
        let mut toy = Toy { stock: false, ..Toy::default() };
        assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
        assert!(!toy.run.expiries.contains_key("QUEUE"), "the queue's clock starts with the waiting");
        approve(&mut toy, &definition, "check order", clerk());
        assert_eq!(toy.state_name("reserve stock"), "waiting");
        let wake = || Event::Woken { step: "reserve stock".to_owned() };
        assert_eq!(toy.on(&definition, wake()), Reaction::Nothing(Why::StillWaiting));
        let ending = if expired {
            toy.now = toy.run.expiries["QUEUE"];
            assert_eq!(toy.on(&definition, Event::Tick), Reaction::Moved);
            Ending::Expired { name: "QUEUE".to_owned() }
        } else {
            assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
            Ending::Withdrawn { reason: Reason::ChangedMind }
        };
        assert_eq!(toy.run.ending(), Some(&ending));
        assert_eq!(toy.local, ["release stock", "void"]);
        assert_eq!(toy.on(&definition, wake()), Reaction::Nothing(Why::NotWaiting));
        assert_eq!(cancel(&mut toy, &definition), Reaction::Refused(Refusal::Ended));
    }
}

#[test]
fn a_woken_queue_goes_on_and_stops_its_clock() {
    let definition = order().unwrap();
    let mut toy = Toy { stock: false, ..Toy::default() };
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    approve(&mut toy, &definition, "check order", clerk());
    toy.stock = true;
    assert_eq!(toy.on(&definition, Event::Woken { step: "reserve stock".to_owned() }), Reaction::Moved);
    assert_eq!(toy.run.expiries.keys().collect::<Vec<_>>(), ["OFFER"]);
    assert_eq!(toy.state_name("insure"), "asked");
}

#[test]
fn the_first_expiry_names_the_ending_and_starts_with_the_later_branch() {
    let (mut toy, definition) = branching();
    assert_eq!(say(&mut toy, &definition, "insure", Outcome::Done), Reaction::Moved);
    assert!(!toy.run.expiries.contains_key("COVER"), "one branch is not both");
    let _ = toy.after(&definition, 24 * 60 * MINUTE);
    assert_eq!(say(&mut toy, &definition, "book carrier", Outcome::Done), Reaction::Moved);
    assert!(toy.run.expiries["COVER"] < toy.run.expiries["OFFER"]);
    assert_eq!(say(&mut toy, &definition, "quote rate", Outcome::Done), Reaction::Moved);
    let _ = toy.after(&definition, 60 * 24 * 60 * MINUTE);
    assert!(matches!(&toy.run.phase, Phase::Unwinding { ending: Ending::Expired { name } } if name == "COVER"));
}

#[test]
fn a_second_case_of_the_same_customer_is_refused_until_the_first_has_ended() {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    let mut second = Toy { locks: toy.locks.clone(), ..Toy::default() };
    let refused = definition.start(&mut second).unwrap();
    assert_eq!(refused, Reaction::Refused(Refusal::Locked { key: "customer 3".to_owned() }));
    assert!(second.facts.is_empty());
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    second.locks.clone_from(&toy.locks);
    assert_eq!(definition.start(&mut second).unwrap(), Reaction::Moved);
    assert!(matches!(definition.start(&mut second).unwrap(), Reaction::Refused(Refusal::Illegal(_))));
}

#[test]
fn a_step_s_own_retry_policy_outranks_the_definition_s() {
    let minute = Retry { first_ms: MINUTE, longest_ms: MINUTE };
    let definition = saga::<Toy>("x", 1)
        .incidents_to(Role::Operator)
        .retry_all(Retry { first_ms: 60 * MINUTE, longest_ms: 60 * MINUTE })
        .here("reserve stock", reserve)
        .undo(release)
        .ask("a", domain::Party::Bank, ask)
        .retry(minute)
        .undo(undo)
        .point_of_no_return("p", domain::Party::Bank, ask)
        .if_unknown(query)
        .close_with(close)
        .build()
        .unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    assert_eq!(toy.run.next_wake().unwrap().millis() - toy.now.millis(), MINUTE);
    assert_eq!(say(&mut toy, &definition, "a", Outcome::Done), Reaction::Moved);
    assert_eq!(toy.run.next_wake().unwrap().millis() - toy.now.millis(), 60 * MINUTE);
}

#[test]
fn an_expiry_silences_what_it_ends_within_the_same_tick() {
    let (mut toy, definition) = branching();
    for step in ["insure", "book carrier"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Done), Reaction::Moved);
    }
    toy.now = domain::Moment::from_millis(toy.run.expiries["COVER"].millis() - MINUTE);
    let _ = toy.on(&definition, Event::Tick);
    assert_eq!(say(&mut toy, &definition, "quote rate", Outcome::Done), Reaction::Moved);
    assert_eq!(toy.state_name("approve order"), "deciding");
    assert_eq!(toy.after(&definition, 100 * 24 * 60 * MINUTE), Reaction::Moved);
    assert_eq!(toy.state_name("approve order"), "abandoned");
    let about_the_task =
        |fact: &&_| matches!(fact, Fact::Reminded { step, .. } | Fact::Escalated { step } if step == "approve order");
    assert_eq!(toy.facts.iter().filter(about_the_task).count(), 0, "a task that is given up reminds nobody");
}
