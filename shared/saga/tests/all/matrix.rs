//! Every fault that the definition allows, each in turn, over an orderly and a reversed network.

use std::collections::BTreeMap;

use saga::participant::Request;
use saga::testing::{Expected, Fault, scenarios};
use saga::{Ending, Fact, Phase, State, Who};

use crate::all::theatre::Theatre;
use crate::all::toy::{Role, order};

#[test]
fn every_fault_at_every_step_ends_well_or_with_a_named_person() {
    let rows = scenarios(&order().unwrap());
    for row in &rows {
        for reversed in [false, true] {
            let mut theatre = Theatre::new(Some(row.clone()), reversed);
            theatre.play();
            let say = |what: &str| format!("{row}, reversed {reversed}: {what}\n{:#?}", theatre.toy.facts);
            if row.expected == Expected::WaitsForRepair {
                let waiting = theatre.toy.run.waiting_for();
                let named = waiting.iter().any(|w| w.step == row.step && w.who == Who::Repairer(Role::Operator));
                assert!(named, "{}", say("waits for its owner"));
                assert!(theatre.toy.run.ending().is_none(), "{}", say("has not ended"));
                theatre.repair();
                theatre.play();
            }
            let ending = theatre.toy.run.ending().cloned();
            let expected = match (row.expected, row.fault) {
                (Expected::WaitsForRepair, Fault::UndoFailed) => {
                    matches!(&ending, Some(Ending::Refused { step, .. }) if row.with == [step.as_str()])
                }
                (Expected::Completes | Expected::WaitsForRepair, _) => ending == Some(Ending::Completed),
                (Expected::EndsRefused, _) => {
                    matches!(&ending, Some(Ending::Refused { step, .. }) if step == row.step)
                }
                (Expected::EndsWithdrawn, _) => matches!(ending, Some(Ending::Withdrawn { .. })),
                (Expected::EndsExpired, _) => {
                    matches!(&ending, Some(Ending::Expired { name }) if row.with.contains(&name.as_str()))
                }
            };
            assert!(expected, "{row}, reversed {reversed}: ended {ending:?}\n{:#?}", theatre.toy.facts);
            check_invariants(&theatre, &format!("{row}, reversed {reversed}"));
        }
    }
}

#[test]
fn the_matrix_names_every_step_and_every_fault() {
    let definition = order().unwrap();
    let rows = scenarios(&definition);
    for step in definition.steps() {
        // A local step after the pivot cannot fail, by type.
        assert_eq!(rows.iter().any(|row| row.step == step.name), step.name != "post sale", "{}", step.name);
    }
    for fault in Fault::ALL {
        assert!(rows.iter().any(|row| row.fault == fault), "{fault:?}");
    }
    assert_eq!(rows.len(), 49);
}

#[test]
fn without_a_fault_the_case_completes_without_a_word_too_many() {
    let mut theatre = Theatre::new(None, false);
    theatre.play();
    assert_eq!(theatre.toy.run.ending(), Some(&Ending::Completed));
    assert_eq!(theatre.refused, Vec::<String>::new());
    check_invariants(&theatre, "no fault");
}

/// What holds at every end: locks are free, undo was made exactly where something was done, in reverse order, nothing
/// was charged twice, and the facts alone rebuild the run.
fn check_invariants(theatre: &Theatre, what: &str) {
    let toy = &theatre.toy;
    assert!(matches!(toy.run.phase, Phase::Ended { .. }), "{what}");
    assert!(toy.locks.is_empty() && toy.run.lock.is_none(), "{what}: locks");
    assert_eq!(toy.replayed(), toy.run, "{what}: replay");
    assert!(toy.run.incidents.is_empty(), "{what}: incidents");
    assert!(toy.run.waiting_for().is_empty(), "{what}: {:?}", toy.run.waiting_for());
    assert_eq!(toy.run.next_wake(), None, "{what}: timers");
    let completed = toy.run.ending() == Some(&Ending::Completed);
    let charged: u32 = theatre.effects.iter().filter(|(key, _)| key.starts_with("charge")).map(|(_, e)| e.0).sum();
    assert_eq!(charged, u32::from(completed), "{what}: charged");
    for (key, request) in &theatre.keys {
        let (done, undone) = theatre.effects.get(key).copied().unwrap_or_default();
        assert!(done <= 1 && undone <= done, "{what}: {key} done {done}, undone {undone}");
        let effective = matches!(request, Request::Done(_)) && !key.starts_with("quote-rate");
        assert_eq!(done > undone && !key.starts_with("quote-rate"), effective, "{what}: {key} {request}");
        assert!(!effective || completed, "{what}: {key} is left done");
    }
    let kept = |step: &str| toy.local.iter().filter(|done| **done == step).count();
    assert_eq!(kept("reserve stock"), kept("release stock") + usize::from(completed), "{what}: stock");
    assert_eq!(kept("note premium"), kept("drop premium") + usize::from(completed), "{what}: premium");
    assert_eq!(kept("post sale"), usize::from(completed), "{what}: sale");
    check_undo_order(theatre, what);
}

fn check_undo_order(theatre: &Theatre, what: &str) {
    let mut settled: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pivot = None;
    for (at, fact) in theatre.toy.facts.iter().enumerate() {
        match fact {
            Fact::Undone { step, .. }
            | Fact::StepKept { step, .. }
            | Fact::StepAbandoned { step, .. }
            | Fact::StepRefused { step, .. } => {
                settled.entry(step.as_str()).or_insert(at);
                assert_eq!(pivot, None, "{what}: `{step}` goes back after the pivot");
            }
            Fact::PivotPassed { .. } => {
                assert_eq!(pivot, None, "{what}: the pivot is passed once");
                pivot = Some(at);
            }
            Fact::UndoAsked { step, .. } => assert_eq!(pivot, None, "{what}: undo of `{step}` after the pivot"),
            _ => {}
        }
    }
    for step in theatre.definition.steps() {
        let Some(later) = settled.get(step.name) else { continue };
        for before in &step.after {
            // What was in flight may be undone at once, so it may come earlier only if it was never done.
            let earlier = settled.get(before).unwrap_or_else(|| panic!("{what}: `{before}` is not undone"));
            assert!(earlier > later, "{what}: `{before}` went back before `{}`", step.name);
        }
    }
    if theatre.toy.run.ending() == Some(&Ending::Completed) {
        let done = theatre.toy.run.steps.values().all(|step| matches!(step.state, State::Done));
        assert!(done && settled.is_empty(), "{what}: all done, nothing undone");
    }
}
