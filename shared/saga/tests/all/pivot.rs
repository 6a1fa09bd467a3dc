//! The point of no return: unknown outcomes, closed keys, attempts, withdrawals that race with it.

use saga::{
    AfterClosing, Definition, Ending, Event, Fact, IncidentKind, Outcome, Reaction, Refusal, RepairAction, State,
    Verdict, Who, Why,
};

use crate::all::toy::{DAY, Letter, MINUTE, Purpose, Reason, Role, Toy, approver, clerk, order, repair};

/// An order that has just asked to charge.
pub fn charging() -> (Toy, Definition<Toy>) {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    approve(&mut toy, &definition, "check order", clerk());
    for step in ["insure", "book carrier", "quote rate"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Done), Reaction::Moved);
    }
    approve(&mut toy, &definition, "approve order", approver());
    assert_eq!(toy.state_name("charge"), "asked");
    toy.outbox.clear();
    (toy, definition)
}

pub fn approve(toy: &mut Toy, definition: &Definition<Toy>, step: &str, by: saga::Person) {
    let event = Event::Decided { step: step.to_owned(), by, verdict: Verdict::Approve };
    assert_eq!(toy.on(definition, event), Reaction::Moved);
}

pub fn say(toy: &mut Toy, definition: &Definition<Toy>, step: &str, outcome: Outcome<Reason>) -> Reaction {
    let key = toy.run.step(step).unwrap().key.clone().unwrap();
    toy.on(definition, Event::Answered { step: step.to_owned(), key, outcome })
}

pub fn cancel(toy: &mut Toy, definition: &Definition<Toy>) -> Reaction {
    toy.on(definition, Event::Cancel { reason: Reason::ChangedMind })
}

fn sent(toy: &mut Toy) -> Vec<(Purpose, String)> {
    toy.outbox.drain(..).map(|Letter { purpose, ask }| (purpose, ask.key)).collect()
}

const KEY: &str = "charge:order-9:1";

#[test]
fn unknown_is_asked_about_under_the_same_key_and_calls_a_person_after_four_hours() {
    let (mut toy, definition) = charging();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Unknown), Reaction::Moved);
    let since = toy.now.millis();
    let mut asked_at = Vec::new();
    let mut called_at = None;
    while toy.now.millis() < since + 6 * 60 * MINUTE {
        let next = toy.run.next_wake().unwrap();
        assert!(next > toy.now, "a timer that has fired is gone");
        toy.now = next;
        assert_eq!(toy.on(&definition, Event::Tick), Reaction::Moved);
        let minutes = (toy.now.millis() - since) / MINUTE;
        for (purpose, key) in sent(&mut toy) {
            assert_eq!((purpose, key.as_str()), (Purpose::Query, KEY), "never told again, never another key");
            asked_at.push(minutes);
        }
        if called_at.is_none() && toy.run.incidents().next().is_some() {
            called_at = Some(minutes);
        }
    }
    assert_eq!(asked_at, [1, 6, 21, 81, 141, 201, 261, 321, 381]);
    assert_eq!(called_at, Some(240));
    let incidents: Vec<_> = toy.run.incidents().map(|(_, i)| (i.step.as_str(), &i.kind, i.owner)).collect();
    assert_eq!(incidents, [("charge", &IncidentKind::UnknownTooLong, Role::Operator)]);
    let waiting: Vec<_> = toy.run.waiting_for().into_iter().map(|w| w.who).collect();
    assert_eq!(waiting, [Who::Party(domain::Party::Bank), Who::Repairer(Role::Operator)]);

    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Done), Reaction::Moved);
    assert_eq!(toy.run.incidents().count(), 0, "the answer itself resolves it");
    assert!(toy.run.pivot_passed);
}

#[test]
fn a_withdrawal_closes_the_key_first_and_the_answer_decides() {
    for (answer, ending) in [(Outcome::Closed, "withdrawn"), (Outcome::Done, "void")] {
        let (mut toy, definition) = charging();
        assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
        assert_eq!(sent(&mut toy), [(Purpose::Close, KEY.to_owned())]);
        assert!(!toy.facts.iter().any(|f| matches!(f, Fact::UnwindingBegan { .. })), "nothing unwinds yet");
        assert_eq!(cancel(&mut toy, &definition), Reaction::Nothing(Why::CancelPending));
        assert_eq!(say(&mut toy, &definition, "charge", answer), Reaction::Moved);
        let void = Fact::CancelVoid { ending: Ending::Withdrawn { reason: Reason::ChangedMind } };
        match ending {
            "void" => {
                assert!(toy.run.pivot_passed && toy.facts.contains(&void));
                assert_eq!(cancel(&mut toy, &definition), Reaction::Refused(Refusal::PointOfNoReturnPassed));
            }
            _ => {
                assert!(!toy.run.pivot_passed);
                assert!(matches!(toy.run.phase, saga::Phase::Unwinding { ending: Ending::Withdrawn { .. } }));
                assert_eq!(cancel(&mut toy, &definition), Reaction::Refused(Refusal::Ending));
            }
        }
    }
}

#[test]
fn an_expiry_during_the_pivot_closes_the_key_first() {
    let (mut toy, definition) = charging();
    let due = toy.run.expiries["OFFER"];
    toy.now = domain::Moment::from_millis(due.millis() - 1);
    let _ = toy.on(&definition, Event::Tick);
    sent(&mut toy);
    assert_eq!(toy.state_name("charge"), "asked", "not a millisecond too early");
    assert_eq!(toy.after(&definition, 1), Reaction::Moved);
    assert!(sent(&mut toy).contains(&(Purpose::Close, KEY.to_owned())));
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert!(matches!(
        &toy.run.phase,
        saga::Phase::Unwinding { ending: Ending::Expired { name } } if name == "OFFER"
    ));
}

#[test]
fn a_refused_pivot_is_final_only_once_its_key_is_closed() {
    let (mut toy, definition) = charging();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Refused(Reason::No)), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "closing");
    assert_eq!(sent(&mut toy), [(Purpose::Close, KEY.to_owned())]);
    assert_eq!(cancel(&mut toy, &definition), Reaction::Refused(Refusal::Ending), "it is already ending");
    // The late original was posted after all.
    let mut posted = toy.run.clone();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Done), Reaction::Moved);
    assert!(toy.run.pivot_passed);
    // The key is closed.
    std::mem::swap(&mut posted, &mut toy.run);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "refused");
}

#[test]
fn only_a_closed_key_permits_the_next_attempt() {
    let (mut toy, definition) = charging();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::NotDone(Reason::Later)), Reaction::Moved);
    assert_eq!(sent(&mut toy), [(Purpose::Close, KEY.to_owned())]);
    assert_eq!(toy.after(&definition, DAY), Reaction::Moved, "an unanswered closing is sent again");
    let again = sent(&mut toy);
    assert!(!again.is_empty() && again.iter().all(|letter| *letter == (Purpose::Close, KEY.to_owned())));
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "between attempts");
    assert_eq!(sent(&mut toy), []);
    assert_eq!(toy.after(&definition, 5 * MINUTE), Reaction::Moved);
    assert_eq!(sent(&mut toy), [(Purpose::Ask, "charge:order-9:2".to_owned())]);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Done), Reaction::Moved);
    assert!(toy.run.pivot_passed);
}

/// The pivot is not done under its current key, and that key is closed.
fn not_done(toy: &mut Toy, definition: &Definition<Toy>, outcome: Outcome<Reason>) {
    assert_eq!(say(toy, definition, "charge", outcome), Reaction::Moved);
    assert_eq!(say(toy, definition, "charge", Outcome::Closed), Reaction::Moved);
}

#[test]
fn attempts_follow_each_other_ever_less_often_and_the_fifth_calls_a_person() {
    let (mut toy, definition) = charging();
    let mut waits = Vec::new();
    loop {
        not_done(&mut toy, &definition, Outcome::NotDone(Reason::Later));
        if toy.state_name("charge") == "stuck" {
            break;
        }
        let next = toy.run.next_wake().unwrap();
        waits.push((next.millis() - toy.now.millis()) / MINUTE);
        toy.now = next;
        assert_eq!(toy.on(&definition, Event::Tick), Reaction::Moved);
    }
    assert_eq!(waits, [5, 10, 20, 40]);
    sent(&mut toy);
    let incidents: Vec<_> = toy.run.incidents().map(|(_, i)| (i.step.as_str(), &i.kind, i.owner)).collect();
    assert_eq!(incidents, [("charge", &IncidentKind::NotDone(Reason::Later), Role::Operator)]);
    // It waits as long as the offer stands, and is asked once more by the person alone.
    assert_eq!(toy.after(&definition, DAY), Reaction::Nothing(Why::NothingDue));
    assert_eq!(toy.on(&definition, repair("charge", RepairAction::RetryAsk)), Reaction::Moved);
    assert_eq!(sent(&mut toy), [(Purpose::Ask, "charge:order-9:6".to_owned())]);
    not_done(&mut toy, &definition, Outcome::NotDone(Reason::Later));
    assert_eq!(toy.state_name("charge"), "stuck");
    assert_eq!(toy.run.incidents().count(), 1, "of the last attempt");
    assert_eq!(toy.on(&definition, repair("charge", RepairAction::RetryAsk)), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Done), Reaction::Moved);
    assert!(toy.run.pivot_passed && toy.run.incidents().next().is_none());
}

#[test]
fn a_blocked_pivot_waits_for_a_person_who_cannot_make_up_its_answer() {
    let (mut toy, definition) = charging();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Blocked(Reason::Hopeless)), Reaction::Moved);
    assert_eq!(sent(&mut toy), [(Purpose::Close, KEY.to_owned())]);
    assert!(toy.run.incidents().next().is_none(), "what closing the key says comes first");
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "stuck");
    assert_eq!(toy.run.waiting_for().iter().map(|w| w.who).collect::<Vec<_>>(), [Who::Repairer(Role::Operator)]);
    for action in [RepairAction::Resolve, RepairAction::ResolveUndo, RepairAction::RetryUndo] {
        let reaction = toy.on(&definition, repair("charge", action));
        assert!(matches!(reaction, Reaction::Refused(Refusal::Illegal(_))), "{reaction:?}");
    }
    let done = say(&mut toy, &definition, "charge", Outcome::Done);
    assert!(matches!(done, Reaction::Refused(Refusal::Illegal(_))), "its key is closed: {done:?}");
}

#[test]
fn a_blocked_pivot_still_ends_by_a_withdrawal_or_an_expiry_and_nobody_need_act_then() {
    for expire in [false, true] {
        let (mut toy, definition) = charging();
        not_done(&mut toy, &definition, Outcome::Blocked(Reason::Hopeless));
        sent(&mut toy);
        if expire {
            toy.now = toy.run.expiries["OFFER"];
            assert_eq!(toy.on(&definition, Event::Tick), Reaction::Moved);
        } else {
            assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
        }
        assert_eq!(toy.state_name("charge"), "abandoned");
        assert!(matches!(toy.run.phase, saga::Phase::Unwinding { .. }));
        assert!(toy.run.incidents().next().is_none());
        assert!(sent(&mut toy).iter().all(|(purpose, _)| *purpose == Purpose::Undo));
    }
}

#[test]
fn a_withdrawal_while_the_key_of_a_blocked_pivot_closes_takes_the_person_s_place() {
    let (mut toy, definition) = charging();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Blocked(Reason::Hopeless)), Reaction::Moved);
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "abandoned");
    assert!(toy.run.incidents().next().is_none());
}

#[test]
fn checks_are_looked_at_again_before_every_further_attempt_and_one_that_fails_turns_back() {
    for by_a_person in [false, true] {
        let (mut toy, definition) = charging();
        let looks = |toy: &Toy| toy.local.iter().filter(|done| **done == "check price").count();
        let again = |toy: &mut Toy| match by_a_person {
            true => toy.on(&definition, repair("charge", RepairAction::RetryAsk)),
            false => toy.after(&definition, DAY),
        };
        let outcome = || match by_a_person {
            true => Outcome::Blocked(Reason::Hopeless),
            false => Outcome::NotDone(Reason::Later),
        };
        assert_eq!(looks(&toy), 1);
        not_done(&mut toy, &definition, outcome());
        assert_eq!(again(&mut toy), Reaction::Moved);
        assert_eq!((looks(&toy), toy.state_name("charge")), (2, "asked"));
        not_done(&mut toy, &definition, outcome());
        toy.refusing = Some("check price");
        sent(&mut toy);
        assert_eq!(again(&mut toy), Reaction::Moved);
        assert_eq!((toy.state_name("check price"), toy.state_name("charge")), ("refused", "abandoned"));
        let unwinding = matches!(
            &toy.run.phase,
            saga::Phase::Unwinding { ending: Ending::Refused { step, reason: Reason::No } } if step == "check price"
        );
        assert!(unwinding, "{:?}", toy.run.phase);
        assert!(toy.run.incidents().next().is_none());
        assert!(sent(&mut toy).iter().all(|(purpose, _)| *purpose == Purpose::Undo), "nothing is charged any more");
    }
}

fn wake(toy: &mut Toy, definition: &Definition<Toy>, step: &str) -> Reaction {
    toy.on(definition, Event::Woken { step: step.to_owned() })
}

/// Approved, but the check of the price waits.
fn waiting_for_a_price() -> (Toy, Definition<Toy>) {
    let definition = order().unwrap();
    let mut toy = Toy { market_open: false, ..Toy::default() };
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    approve(&mut toy, &definition, "check order", clerk());
    for step in ["insure", "book carrier", "quote rate"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Done), Reaction::Moved);
    }
    approve(&mut toy, &definition, "approve order", approver());
    toy.outbox.clear();
    assert_eq!((toy.state_name("check price"), toy.state_name("charge")), ("waiting", "not opened"));
    (toy, definition)
}

#[test]
fn a_check_that_waits_keeps_the_pivot_from_being_asked_until_it_is_woken() {
    let (mut toy, definition) = waiting_for_a_price();
    assert_eq!(wake(&mut toy, &definition, "check price"), Reaction::Nothing(Why::StillWaiting));
    assert!(sent(&mut toy).is_empty());
    toy.market_open = true;
    assert_eq!(wake(&mut toy, &definition, "check price"), Reaction::Moved);
    assert_eq!(sent(&mut toy), [(Purpose::Ask, KEY.to_owned())]);

    let (mut toy, definition) = waiting_for_a_price();
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    assert_eq!(toy.state_name("check price"), "abandoned");
    let (mut toy, definition) = waiting_for_a_price();
    assert_eq!(toy.after(&definition, 31 * DAY), Reaction::Moved);
    assert!(matches!(toy.run.phase, saga::Phase::Unwinding { ending: Ending::Expired { .. } }), "{:?}", toy.run.phase);
    assert!(sent(&mut toy).iter().all(|(purpose, _)| *purpose == Purpose::Undo));
}

#[test]
fn a_check_that_waits_between_attempts_lets_the_pivot_wait_with_no_timer_of_its_own() {
    for by_a_person in [false, true] {
        let (mut toy, definition) = charging();
        let outcome = if by_a_person { Outcome::Blocked(Reason::Hopeless) } else { Outcome::NotDone(Reason::Later) };
        not_done(&mut toy, &definition, outcome);
        sent(&mut toy);
        toy.market_open = false;
        let reaction = match by_a_person {
            true => toy.on(&definition, repair("charge", RepairAction::RetryAsk)),
            false => toy.after(&definition, DAY),
        };
        assert_eq!((reaction, toy.state_name("charge")), (Reaction::Moved, "waiting"));
        assert_eq!(wake(&mut toy, &definition, "charge"), Reaction::Nothing(Why::StillWaiting));
        // What comes late changes nothing while it waits.
        for late in [Outcome::Closed, Outcome::NotDone(Reason::Later), Outcome::Unknown] {
            assert!(matches!(say(&mut toy, &definition, "charge", late), Reaction::Nothing(_)));
        }
        assert!(sent(&mut toy).is_empty(), "nothing is asked");
        assert_ne!(toy.after(&definition, DAY), Reaction::Moved, "no timer of the pivot's is left");
        let mut withdrawn = Toy { run: toy.run.clone(), locks: toy.locks.clone(), now: toy.now, ..Toy::default() };
        assert_eq!(cancel(&mut withdrawn, &definition), Reaction::Moved);
        assert_eq!(withdrawn.state_name("charge"), "abandoned");
        assert!(sent(&mut withdrawn).iter().all(|(purpose, _)| *purpose == Purpose::Undo));

        toy.market_open = true;
        assert_eq!(wake(&mut toy, &definition, "charge"), Reaction::Moved);
        assert_eq!(sent(&mut toy), [(Purpose::Ask, "charge:order-9:2".to_owned())], "under the next key");
        assert_eq!(say(&mut toy, &definition, "charge", Outcome::Done), Reaction::Moved);
        assert!(toy.run.pivot_passed);
        assert_eq!(toy.replayed(), toy.run);
    }
}

#[test]
fn a_contradiction_while_the_pivot_waits_calls_a_person_before_it_goes_on() {
    let (mut toy, definition) = charging();
    not_done(&mut toy, &definition, Outcome::NotDone(Reason::Later));
    toy.market_open = false;
    assert_eq!(toy.after(&definition, DAY), Reaction::Moved);
    let event = Event::Contradicted { step: "charge".to_owned(), reason: Reason::Hopeless };
    assert_eq!(toy.on(&definition, event), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "stuck");
    toy.market_open = true;
    assert_ne!(wake(&mut toy, &definition, "charge"), Reaction::Moved);
}

#[test]
fn a_contradiction_of_another_step_keeps_the_next_attempt_back_until_it_is_settled() {
    let contradict = |toy: &mut Toy, definition: &Definition<Toy>| {
        let event = Event::Contradicted { step: "insure".to_owned(), reason: Reason::Hopeless };
        assert_eq!(toy.on(definition, event), Reaction::Moved);
    };
    let settle = || repair("insure", RepairAction::Settle);
    let (mut toy, definition) = charging();
    not_done(&mut toy, &definition, Outcome::NotDone(Reason::Later));
    sent(&mut toy);
    contradict(&mut toy, &definition);
    assert_ne!(toy.on(&definition, repair("charge", RepairAction::RetryAsk)), Reaction::Moved, "no person orders it");
    let _ = toy.after(&definition, DAY);
    assert_eq!(toy.state_name("charge"), "waiting");
    assert_ne!(wake(&mut toy, &definition, "charge"), Reaction::Moved);
    assert!(sent(&mut toy).is_empty(), "nothing is ordered meanwhile");
    assert_eq!(toy.on(&definition, settle()), Reaction::Moved);
    assert_eq!(sent(&mut toy), [(Purpose::Ask, "charge:order-9:2".to_owned())]);
    assert_eq!(toy.replayed(), toy.run);

    // Woken for another reason it waits on, and goes when both have come.
    let (mut toy, definition) = charging();
    not_done(&mut toy, &definition, Outcome::NotDone(Reason::Later));
    sent(&mut toy);
    toy.market_open = false;
    assert_eq!(toy.after(&definition, DAY), Reaction::Moved);
    contradict(&mut toy, &definition);
    toy.market_open = true;
    assert_ne!(wake(&mut toy, &definition, "charge"), Reaction::Moved);
    assert!(sent(&mut toy).is_empty());
    assert_eq!(toy.on(&definition, settle()), Reaction::Moved);
    assert_eq!(sent(&mut toy), [(Purpose::Ask, "charge:order-9:2".to_owned())]);
}

#[test]
fn between_attempts_a_withdrawal_unwinds_at_once() {
    let (mut toy, definition) = charging();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::NotDone(Reason::Later)), Reaction::Moved);
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "abandoned");
    assert!(sent(&mut toy).iter().all(|(purpose, _)| *purpose != Purpose::Ask));
}

#[test]
fn a_withdrawal_while_a_key_closes_for_the_next_attempt_takes_its_place() {
    let (mut toy, definition) = charging();
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::NotDone(Reason::Later)), Reaction::Moved);
    assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
    let closing = matches!(
        toy.run.state("charge"),
        Some(State::Closing { then: AfterClosing::End(Ending::Withdrawn { .. }), .. })
    );
    assert!(closing, "{:?}", toy.run.state("charge"));
    assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
    assert_eq!(toy.state_name("charge"), "abandoned");
}

#[test]
fn a_lost_answer_is_asked_again_under_the_same_key_ever_less_often() {
    let (mut toy, definition) = charging();
    let since = toy.now.millis();
    let mut asked_at = Vec::new();
    while asked_at.len() < 11 {
        toy.now = toy.run.next_wake().unwrap();
        assert_eq!(toy.on(&definition, Event::Tick), Reaction::Moved);
        for (purpose, key) in sent(&mut toy) {
            assert_eq!((purpose, key.as_str()), (Purpose::Ask, KEY));
            asked_at.push((toy.now.millis() - since) / MINUTE);
        }
    }
    // 5 minutes, doubling up to a day.
    assert_eq!(asked_at, [5, 15, 35, 75, 155, 315, 635, 1275, 2555, 3995, 5435]);
}

#[test]
fn an_operator_cannot_make_up_the_pivot_s_answer() {
    let (mut toy, definition) = charging();
    for prepare in [None, Some(Outcome::Unknown), Some(Outcome::Refused(Reason::No))] {
        if let Some(outcome) = prepare {
            assert_eq!(say(&mut toy, &definition, "charge", outcome), Reaction::Moved);
        }
        let known = toy.facts.len();
        for action in [RepairAction::Resolve, RepairAction::ResolveUndo, RepairAction::RetryUndo] {
            let reaction = toy.on(&definition, repair("charge", action));
            assert!(matches!(reaction, Reaction::Refused(Refusal::Illegal(_))), "{reaction:?}");
        }
        assert_eq!(toy.facts.len(), known, "what is refused is not recorded");
        toy.outbox.clear();
        assert_eq!(toy.on(&definition, repair("charge", RepairAction::RetryAsk)), Reaction::Moved);
        assert_eq!(sent(&mut toy).into_iter().map(|(_, key)| key).collect::<Vec<_>>(), [KEY]);
    }
}

fn contradict(toy: &mut Toy, definition: &Definition<Toy>) -> Reaction {
    toy.on(definition, Event::Contradicted { step: "charge".to_owned(), reason: Reason::No })
}

fn settle(toy: &mut Toy, definition: &Definition<Toy>) -> Reaction {
    toy.on(definition, repair("charge", RepairAction::Settle))
}

fn kinds(toy: &Toy) -> Vec<IncidentKind<Reason>> {
    toy.run.incidents().map(|(_, incident)| incident.kind.clone()).collect()
}

#[test]
fn a_contradiction_calls_a_person_moves_nothing_else_and_only_people_settle_it() {
    let done = |toy: &mut Toy, definition: &Definition<Toy>| {
        assert_eq!(say(toy, definition, "charge", Outcome::Done), Reaction::Moved);
    };
    let withdrawn = |toy: &mut Toy, definition: &Definition<Toy>| {
        assert_eq!(cancel(toy, definition), Reaction::Moved);
        assert_eq!(say(toy, definition, "charge", Outcome::Closed), Reaction::Moved);
        for step in ["insure", "book carrier"] {
            assert_eq!(say(toy, definition, step, Outcome::Undone), Reaction::Moved);
        }
        assert!(toy.run.ending().is_some());
    };
    let stuck = |toy: &mut Toy, definition: &Definition<Toy>| {
        not_done(toy, definition, Outcome::Blocked(Reason::Hopeless));
    };
    type Bring<'a> = &'a dyn Fn(&mut Toy, &Definition<Toy>);
    let rows: [Bring<'_>; 3] = [&done, &withdrawn, &stuck];
    for (row, bring) in rows.into_iter().enumerate() {
        let (mut toy, definition) = charging();
        bring(&mut toy, &definition);
        sent(&mut toy);
        let (before, others, state) = (toy.facts.len(), kinds(&toy), toy.run.step("charge").cloned());
        assert_eq!(contradict(&mut toy, &definition), Reaction::Moved);
        assert_eq!(contradict(&mut toy, &definition), Reaction::Nothing(Why::Duplicate));
        assert_eq!(toy.facts.len(), before + 1, "row {row}: the incident and nothing else");
        assert_eq!((toy.run.step("charge").cloned(), sent(&mut toy)), (state, vec![]), "row {row}");
        assert!(toy.run.is_contradicted(), "row {row}");
        let waits = toy.run.waiting_for().iter().any(|w| w.who == Who::Repairer(Role::Operator));
        assert!(waits, "row {row}");
        for action in [RepairAction::Resolve, RepairAction::ResolveUndo] {
            assert!(matches!(toy.on(&definition, repair("charge", action)), Reaction::Refused(Refusal::Illegal(_))));
        }
        assert_eq!(settle(&mut toy, &definition), Reaction::Moved);
        assert_eq!(kinds(&toy), others, "row {row}");
        let settled = settle(&mut toy, &definition);
        assert!(matches!(settled, Reaction::Refused(Refusal::Illegal(_))), "row {row}: {settled:?}");
        assert_eq!(toy.replayed(), toy.run);
    }
    let (mut toy, definition) = charging();
    let unknown = Event::Contradicted { step: "no such step".to_owned(), reason: Reason::No };
    assert!(matches!(toy.on(&definition, unknown), Reaction::Refused(Refusal::Illegal(_))));
}

#[test]
fn a_contradicted_pivot_in_flight_is_called_back_and_its_answer_counts_but_settles_nothing() {
    for answer in [Outcome::Done, Outcome::Closed] {
        let (mut toy, definition) = charging();
        assert_eq!(contradict(&mut toy, &definition), Reaction::Moved);
        assert_eq!(sent(&mut toy), [(Purpose::Close, KEY.to_owned())]);
        assert_eq!(say(&mut toy, &definition, "charge", answer.clone()), Reaction::Moved);
        assert!(toy.run.is_contradicted(), "{answer}");
        assert_eq!(toy.run.pivot_passed, answer == Outcome::Done);
        if answer == Outcome::Closed {
            // Two to settle: what was contradicted, and whether to charge at all.
            let retry = || repair("charge", RepairAction::RetryAsk);
            assert_eq!(toy.on(&definition, retry()), Reaction::Refused(Refusal::Contradicted));
            assert_eq!(settle(&mut toy, &definition), Reaction::Moved);
            assert_eq!(kinds(&toy), [IncidentKind::NotDone(Reason::No)]);
            assert_eq!(toy.on(&definition, retry()), Reaction::Moved);
            assert_eq!(sent(&mut toy), [(Purpose::Ask, "charge:order-9:2".to_owned())]);
        }
    }
}

#[test]
fn while_it_is_contradicted_no_other_attempt_is_made() {
    // Before the closing is answered, and between attempts.
    for closed_first in [false, true] {
        let (mut toy, definition) = charging();
        assert_eq!(say(&mut toy, &definition, "charge", Outcome::NotDone(Reason::Later)), Reaction::Moved);
        if closed_first {
            assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
        }
        assert_eq!(contradict(&mut toy, &definition), Reaction::Moved);
        if !closed_first {
            assert_eq!(say(&mut toy, &definition, "charge", Outcome::Closed), Reaction::Moved);
        }
        sent(&mut toy);
        assert_eq!(toy.state_name("charge"), "stuck");
        assert_eq!(toy.after(&definition, DAY), Reaction::Nothing(Why::NothingDue));
        assert_eq!(sent(&mut toy), []);
        assert_eq!(kinds(&toy).len(), 2, "what was contradicted, and whether to charge at all");
    }
}

#[test]
fn while_it_is_contradicted_nothing_is_withdrawn_or_expires_and_nothing_is_charged_for_the_first_time() {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    approve(&mut toy, &definition, "check order", clerk());
    assert_eq!(contradict(&mut toy, &definition), Reaction::Moved, "of a charge that nobody ordered");
    for step in ["insure", "book carrier", "quote rate"] {
        assert_eq!(say(&mut toy, &definition, step, Outcome::Done), Reaction::Moved);
    }
    approve(&mut toy, &definition, "approve order", approver());
    assert_eq!(toy.state_name("charge"), "not opened");
    assert_eq!(cancel(&mut toy, &definition), Reaction::Refused(Refusal::Contradicted));
    let due = toy.run.expiries["OFFER"];
    toy.now = due;
    let _ = toy.on(&definition, Event::Tick);
    assert!(matches!(toy.run.phase, saga::Phase::Forward));
    assert!(toy.run.next_wake().is_none_or(|wake| wake > due), "nothing wakes it for nothing");
    toy.outbox.clear();
    // Settled, what waited follows: what fell due meanwhile, before what it would have stopped.
    let late = toy.run.clone();
    assert_eq!(settle(&mut toy, &definition), Reaction::Moved);
    assert!(matches!(&toy.run.phase, saga::Phase::Unwinding { ending: Ending::Expired { name } } if name == "OFFER"));
    assert_eq!(toy.state_name("charge"), "not opened");
    // In time, the charge; or a withdrawal.
    for withdraw in [false, true] {
        toy.run = late.clone();
        toy.now = domain::Moment::from_millis(due.millis() - 1);
        toy.outbox.clear();
        if withdraw {
            assert_eq!(cancel(&mut toy, &definition), Reaction::Refused(Refusal::Contradicted));
        }
        assert_eq!(settle(&mut toy, &definition), Reaction::Moved);
        assert_eq!(sent(&mut toy), [(Purpose::Ask, KEY.to_owned())]);
        if withdraw {
            assert_eq!(cancel(&mut toy, &definition), Reaction::Moved);
        }
    }
}
