//! S9: the applicant withdraws while the bank has the order to pay. The bank's answer decides, whatever it is and whenever it comes.

use crate::{
    cast::{self, Channel, FAR, Setup, application, credit, filed, kindly, withdraw},
    core_banking::{CoreBanking, Does},
    invariants::{Watch, hold_at_rest},
};
use saga::Ending;

/// What becomes of an application that is withdrawn when its pay-out is ordered, if the core-banking system does this one after the
/// other: the first before the withdrawal, so that its word is under way to a union that does not know it yet. And whether it is paid.
fn ending(script: &[Does]) -> (Ending<union_core::Reason>, bool) {
    let mut world = cast::world(Setup::default());
    let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    while world.orders.is_empty() {
        assert!(world.turn(world.now(), &mut |world| kindly(world, |_| false)).unwrap());
    }
    let mut core = CoreBanking::default();
    core.script.extend(script);
    let word = core.act(&world).unwrap();
    world.act(word).unwrap();
    world.act(withdraw(&id)).unwrap();
    assert!(application(&world, &id).run.ending().is_none(), "nothing is undone before the bank has answered");
    let mut watch = Watch::default();
    while world.turn(FAR, &mut |world| core.act(world).or_else(|| kindly(world, |_| false))).unwrap() {
        watch.hold(&world).unwrap();
    }
    hold_at_rest(&world).unwrap();
    let is_paid = credit(&world, &id).unwrap().paid_out.is_some();
    (application(&world, &id).run.ending().unwrap().clone(), is_paid)
}

#[test]
fn posted_the_loan_stands_and_the_withdrawal_came_too_late() {
    assert_eq!(ending(&[Does::Tells]), (Ending::Completed, true));
}

#[test]
fn not_posted_everything_is_undone() {
    let (ending, is_paid) = ending(&[Does::SaysNotPosted]);
    assert!(matches!(ending, Ending::Withdrawn { .. }), "{ending:?}");
    assert!(!is_paid);
}

#[test]
fn unknown_and_then_found_to_be_posted_the_loan_stands() {
    for silent in 1..4 {
        // The first order is carried out, and nobody hears of it; the questions after it find out.
        let script = [vec![Does::Mumbles], vec![Does::Breaks; silent - 1]].concat();
        assert_eq!(ending(&script), (Ending::Completed, true), "{script:?}");
    }
}

#[test]
fn unknown_and_then_found_never_to_have_been_posted_everything_is_undone() {
    for silent in 1..4 {
        let (ending, is_paid) = ending(&vec![Does::Breaks; silent]);
        assert!(matches!(ending, Ending::Withdrawn { .. }), "{silent}: {ending:?}");
        assert!(!is_paid, "{silent}");
    }
}

#[test]
fn before_the_order_everything_is_undone_and_nothing_is_ordered() {
    let mut world = cast::world(Setup::default());
    let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    let is_payment = |task: &organisation::OpenTask| cast::step_of(task) == "disburse";
    while world.turn(world.now(), &mut |world| kindly(world, is_payment)).unwrap() {}
    assert!(world.tasks().any(|(_, task)| is_payment(task)), "the maker has it");
    world.act(withdraw(&id)).unwrap();
    let mut core = CoreBanking::default();
    while world.turn(FAR, &mut |world| core.act(world).or_else(|| kindly(world, |_| false))).unwrap() {}
    hold_at_rest(&world).unwrap();
    let ending = application(&world, &id).run.ending().unwrap();
    assert!(matches!(ending, Ending::Withdrawn { .. }), "{ending:?}");
    assert!(credit(&world, &id).unwrap().paid_out.is_none());
}
