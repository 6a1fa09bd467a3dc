//! The failure matrix of the definition itself, row by row, through the three cores, over an orderly and a reversed network.

use crate::{
    cast::{self, Channel, Setup, application, first_morning},
    invariants,
    play::Play,
};
use saga::{
    Class, Definition, Ending, StepDescription, Who,
    testing::{Expected, Fault, Scenario, scenarios},
};
use simulation::World;
use std::collections::BTreeMap;
use union_core::{
    Role,
    origination::{Origination, definition, green},
};

fn of(channel: Channel) -> Definition<Origination> {
    match channel {
        Channel::Standard => definition().unwrap(),
        Channel::Green => green().unwrap(),
    }
}

fn classes(channel: Channel) -> BTreeMap<&'static str, Class> {
    let steps: Vec<StepDescription<Role>> = of(channel).steps();
    steps.into_iter().map(|step| (step.name, step.class)).collect()
}

/// The union's fund never says no: it lets wait, and the wait has an end of its own.
fn ends_in_the_queue(row: &Scenario) -> bool {
    row.step == "reserve fund" && row.fault == Fault::Refused
}

/// The bank says no to a pay-out for this time only: the application is ready again, and the pay-out is ordered again.
fn is_ordered_again(row: &Scenario) -> bool {
    row.step == "disburse" && row.fault == Fault::Refused
}

/// The matrix of a channel's definition.
pub fn rows_of(channel: Channel) -> Vec<Scenario> {
    scenarios(&of(channel))
}

fn check(row: &Scenario, reversed: bool, channel: Channel) -> Result<(), String> {
    check_in(row, reversed, channel, &cast::empty).map(drop)
}

/// Plays the row in the world that `empty` makes, and answers that world as it ended.
pub fn check_in(
    row: &Scenario,
    reversed: bool,
    channel: Channel,
    empty: &dyn Fn(Setup) -> World,
) -> Result<World, String> {
    let mut play = Play::new(row, classes(channel)[row.step], reversed, channel, empty);
    play.play()?;
    // A blocked pay-out is seen to while it plays: its letter does not wait for ever.
    if row.expected == Expected::WaitsForRepair && row.fault != Fault::Blocked {
        let run = &application(&play.world, &play.id).run;
        let waiting = run.waiting_for();
        if !waiting.iter().any(|w| w.step == row.step && w.who == Who::Repairer(Role::Operator)) {
            return Err(format!("waits for {waiting:?}"));
        }
        play.repair();
        play.play()?;
    }
    let ending = application(&play.world, &play.id).run.ending();
    let as_expected = match (row.expected, row.fault, ending) {
        (Expected::EndsRefused, _, Some(Ending::Expired { name })) => ends_in_the_queue(row) && name == "QUEUE",
        (Expected::EndsRefused, _, Some(Ending::Refused { step, .. })) => step == row.step && !is_ordered_again(row),
        (Expected::EndsRefused, _, Some(Ending::Completed)) => is_ordered_again(row),
        (Expected::WaitsForRepair, Fault::UndoFailed, Some(Ending::Refused { step, .. })) => {
            row.with == [step.as_str()]
        }
        (Expected::WaitsForRepair, Fault::UndoFailed, _) => false,
        (Expected::Completes | Expected::WaitsForRepair, _, Some(Ending::Completed)) => true,
        (Expected::EndsWithdrawn, _, Some(Ending::Withdrawn { .. })) => true,
        (Expected::EndsExpired, _, Some(Ending::Expired { name })) => row.with.contains(&name.as_str()),
        _ => false,
    };
    if !as_expected {
        return Err(format!("ended {ending:?}"));
    }
    if !play.has_played() {
        return Err("the fault never happened".into());
    }
    // The longest wait is the reservation's 90 days.
    if play.world.now() > first_morning().plus_hours(120 * 24) {
        return Err(format!("it took until {}", play.world.now()));
    }
    invariants::hold_at_rest(&play.world)?;
    Ok(play.world)
}

#[test]
fn every_fault_at_every_step_ends_well_at_all_three_or_with_a_named_person() {
    for channel in Channel::BOTH {
        let rows = rows_of(channel);
        let plays = rows.iter().flat_map(|row| [(row, false), (row, true)]);
        let failed = plays.filter_map(|(row, reversed)| {
            check(row, reversed, channel).err().map(|why| format!("{row}, reversed {reversed}: {why}"))
        });
        let failed: Vec<String> = failed.collect();
        assert!(failed.is_empty(), "{channel:?}: {} rows:\n{}", failed.len(), failed.join("\n"));
    }
}

#[test]
fn the_matrix_has_every_step_that_can_fail_and_every_fault() {
    for channel in Channel::BOTH {
        let rows = rows_of(channel);
        for step in classes(channel).keys() {
            // A local step after the pivot cannot fail, by type.
            let cannot_fail = ["commit reservation", "notify and archive"].contains(step);
            assert_eq!(rows.iter().any(|row| row.step == *step), !cannot_fail, "{channel:?} {step}");
        }
        assert!(Fault::ALL.iter().all(|fault| rows.iter().any(|row| row.fault == *fault)));
        assert_eq!(rows.len(), 59, "{channel:?}");
    }
}
