//! The whole of (state, outcome): what every answer does in every state that a remote step can be in, pinned as a table.

use domain::Party;
use saga::{Definition, Event, Outcome, Reaction, RepairAction, saga};

use crate::all::toy::{DAY, MINUTE, Reason, Role, Toy, approver, ask, close, query, repair, repair_by, undo};

fn small() -> Definition<Toy> {
    saga::<Toy>("small", 1)
        .incidents_to(Role::Operator)
        .ask("a", Party::Bank, ask)
        .undo(undo)
        .ask("read", Party::Bank, ask)
        .no_undo("a question has no effect")
        .ask("b", Party::Guarantor, ask)
        .undo(undo)
        .point_of_no_return("p", Party::Bank, ask)
        .if_unknown(query)
        .close_with(close)
        .must("m", Party::Guarantor, ask)
        .build()
        .unwrap()
}

/// What brings the case to a state.
#[derive(Clone, Debug)]
enum Do {
    Say(&'static str, Outcome<Reason>),
    Cancel,
    Repair(&'static str, RepairAction),
    /// By another person.
    Confirm(&'static str, RepairAction),
    Wait(i64),
}

use Do::{Cancel, Confirm, Repair, Say, Wait};
use Outcome as O;

fn to_state(path: &[Do]) -> (Toy, Definition<Toy>) {
    let definition = small();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    for part in path {
        let reaction = match part.clone() {
            Say(step, outcome) => say(&mut toy, &definition, step, outcome),
            Cancel => toy.on(&definition, Event::Cancel { reason: Reason::ChangedMind }),
            Repair(step, action) => toy.on(&definition, repair(step, action)),
            Confirm(step, action) => toy.on(&definition, repair_by(approver(), step, action)),
            Wait(ms) => toy.after(&definition, ms),
        };
        assert_eq!(reaction, Reaction::Moved, "{part:?} of {path:?}");
    }
    (toy, definition)
}

fn say(toy: &mut Toy, definition: &Definition<Toy>, step: &str, outcome: Outcome<Reason>) -> Reaction {
    let key = toy.run.step(step).and_then(|run| run.key.clone()).unwrap_or_else(|| format!("{step}:case-7:1"));
    toy.on(definition, Event::Answered { step: step.to_owned(), key, outcome })
}

fn outcomes() -> Vec<Outcome<Reason>> {
    vec![
        O::Done,
        O::Refused(Reason::No),
        O::NotDone(Reason::Later),
        O::Blocked(Reason::Hopeless),
        O::Transient,
        O::Unknown,
        O::Closed,
        O::Undone,
        O::UndoRefused(Reason::CannotUndo),
    ]
}

/// Every state of each class of remote step, with a path to it.
fn states() -> Vec<(&'static str, &'static str, Vec<Do>)> {
    let no = || O::Refused(Reason::No);
    let to_pivot = || vec![Say("a", O::Done), Say("read", O::Done), Say("b", O::Done)];
    let pivot = |more: Vec<Do>| [to_pivot(), more].concat();
    let must = |more: Vec<Do>| [to_pivot(), vec![Say("p", O::Done)], more].concat();
    vec![
        ("compensatable", "a", vec![]),
        ("compensatable", "a", vec![Say("a", O::Transient)]),
        ("compensatable", "a", vec![Say("a", O::Unknown)]),
        ("compensatable", "a", vec![Say("a", O::Done)]),
        ("compensatable", "a", vec![Say("a", no())]),
        ("compensatable", "a", vec![Cancel]),
        ("compensatable", "a", vec![Say("a", O::Done), Cancel]),
        ("compensatable", "a", vec![Cancel, Say("a", O::UndoRefused(Reason::CannotUndo))]),
        ("compensatable", "a", vec![Cancel, Say("a", O::Undone)]),
        ("compensatable", "a", vec![Say("a", O::Done), Cancel, Say("a", O::Undone)]),
        ("compensatable", "b", vec![]),
        ("no undo", "read", vec![Say("a", O::Done)]),
        ("no undo", "read", vec![Say("a", O::Done), Cancel]),
        ("no undo", "read", vec![Say("a", O::Done), Say("read", O::Done), Cancel]),
        ("no undo", "read", vec![Say("a", O::Done), Say("read", O::Done), Cancel, Say("b", O::Undone)]),
        ("pivot", "p", pivot(vec![])),
        ("pivot", "p", pivot(vec![Say("p", O::Unknown)])),
        ("pivot", "p", pivot(vec![Say("p", O::Unknown), Wait(MINUTE), Wait(DAY)])),
        ("pivot", "p", pivot(vec![Cancel])),
        ("pivot", "p", pivot(vec![Say("p", no())])),
        ("pivot", "p", pivot(vec![Say("p", O::NotDone(Reason::Later))])),
        ("pivot", "p", pivot(vec![Say("p", O::NotDone(Reason::Later)), Say("p", O::Closed)])),
        ("pivot", "p", pivot(vec![Say("p", O::Blocked(Reason::Hopeless))])),
        ("pivot", "p", pivot(vec![Say("p", O::Blocked(Reason::Hopeless)), Say("p", O::Closed)])),
        ("pivot", "p", pivot(vec![Cancel, Say("p", O::Closed)])),
        ("pivot", "p", pivot(vec![Say("p", no()), Say("p", O::Closed)])),
        ("pivot", "p", pivot(vec![Say("p", O::Done)])),
        ("must", "m", must(vec![])),
        ("must", "m", must(vec![Say("m", O::Unknown)])),
        ("must", "m", must(vec![Say("m", no())])),
        ("must", "m", must(vec![Say("m", no()), Repair("m", RepairAction::RetryAsk)])),
        (
            "must",
            "m",
            must(vec![Say("m", no()), Repair("m", RepairAction::Resolve), Confirm("m", RepairAction::Resolve)]),
        ),
    ]
}

#[test]
fn every_answer_in_every_state_has_its_effect() {
    let mut table = String::new();
    for (class, step, path) in states() {
        let (toy, _) = to_state(&path);
        table.push_str(&format!("{class} `{step}` {} after {path:?}\n", toy.state_name(step)));
        for outcome in outcomes() {
            let (mut toy, definition) = to_state(&path);
            let before = toy.facts.len();
            let reaction = say(&mut toy, &definition, step, outcome.clone());
            let effect = match reaction {
                Reaction::Moved => format!("now {}", toy.state_name(step)),
                Reaction::Nothing(why) => format!("nothing: {why:?}"),
                Reaction::Refused(saga::Refusal::Illegal(_)) => "illegal".to_owned(),
                Reaction::Refused(refusal) => format!("refused: {refusal}"),
            };
            let phase = match toy.run.ending() {
                Some(ending) => format!(" [ended {ending:?}]"),
                None => String::new(),
            };
            let facts = toy.facts.len() - before;
            let outcome_column = outcome.to_string();
            table.push_str(&format!("    {outcome_column:<28} {effect}{phase} ({facts} facts)\n"));
            assert_eq!(toy.replayed(), toy.run);
            // The same answer once more moves nothing, whatever the state, unless it opened a new question.
            let sent = toy.outbox.len();
            if let Reaction::Moved = say(&mut toy, &definition, step, outcome.clone()) {
                let asked_by_it = toy.outbox.len() > sent || toy.state_name(step) != "asked";
                assert!(asked_by_it, "{path:?} then {outcome} twice");
            }
        }
    }
    insta::assert_snapshot!("answers", table);
}

#[test]
fn a_step_that_was_never_asked_has_no_use_for_an_answer() {
    for outcome in outcomes() {
        let (mut toy, definition) = to_state(&[]);
        let answer = |step: &str| Event::Answered {
            step: step.to_owned(),
            key: format!("{step}:case-7:1"),
            outcome: outcome.clone(),
        };
        for step in ["b", "m", "no such step"] {
            let Reaction::Refused(refusal) = toy.on(&definition, answer(step)) else { panic!("{step} {outcome}") };
            assert!(refusal.to_string().contains("not opened"), "{refusal}");
        }
    }
}

#[test]
fn answers_under_another_key_are_told_apart() {
    let (mut toy, definition) = to_state(&[
        Say("a", O::Done),
        Say("read", O::Done),
        Say("b", O::Done),
        Say("p", O::NotDone(Reason::Later)),
        Say("p", O::Closed),
        Wait(5 * MINUTE),
    ]);
    assert_eq!(toy.run.step("p").unwrap().key.as_deref(), Some("p:case-7:2"));
    let answer = |key: &str, outcome| Event::Answered { step: "p".to_owned(), key: key.to_owned(), outcome };
    let old = toy.on(&definition, answer("p:case-7:1", O::Closed));
    assert_eq!(old, Reaction::Nothing(saga::Why::OldAttempt));
    for (key, outcome) in [
        ("p:case-7:1", O::Done), // a closed key that says *done* is a contradiction about money
        ("p:case-7:3", O::Closed),
        ("p:case-8:1", O::Closed),
        ("nonsense", O::Closed),
    ] {
        let reaction = toy.on(&definition, answer(key, outcome.clone()));
        assert!(matches!(reaction, Reaction::Refused(saga::Refusal::Illegal(_))), "{key} {outcome}: {reaction:?}");
    }
}
