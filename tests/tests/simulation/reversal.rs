//! S4: the bank reverses a pay-out on its own day. Nothing is left of the loan at any of the three, whatever comes first.

use crate::{
    cast::{self, Channel, FAR, Setup, actor, application, credit, decide, file, filed, guarantee, kindly},
    core_banking::CoreBanking,
    invariants::{Watch, balance, hold_at_rest},
};
use bank_core::{Bank, Command};
use domain::{ApplicationId, Party};
use guarantor_core::Guarantor;
use organisation::OpenTask;
use simulation::{Act, Order, World};
use union_core::{Union, application::ReservationState};

fn is_reversal(task: &OpenTask) -> bool {
    task.task_id.ends_with("/check-reversal")
}

/// Everybody does what is asked, but for what is left alone, until this is so or nothing moves.
fn play(world: &mut World, left_alone: impl Fn(&OpenTask) -> bool, until: impl Fn(&World) -> bool) {
    let (mut core, mut watch) = (CoreBanking::default(), Watch::default());
    while !until(world) && world.turn(FAR, &mut |world| core.act(world).or_else(|| kindly(world, &left_alone))).unwrap()
    {
        watch.hold(world).unwrap();
    }
}

fn paid(world: &World, id: &ApplicationId) -> bool {
    credit(world, id).is_some_and(|case| case.paid_out.is_some())
}

fn bank(world: &mut World, person: &str, role: &str, command: &Command) -> String {
    cast::told(world, Act::command(Party::Bank, actor(person, role), command))
}

fn wants_reversal(world: &mut World, person: &str, id: &ApplicationId) -> String {
    let command = Command::PrepareReversal { application_id: id.clone(), because: "重复放款".into() };
    bank(world, person, "payment_maker", &command)
}

/// The checker releases the reversal.
fn release(world: &mut World) {
    let (party, task) = world.tasks().find(|(_, task)| is_reversal(task)).unwrap();
    let act = decide(world, party, task, "payment_checker", cast::Mood::Kind);
    world.act(act).unwrap();
}

fn nothing_is_left(world: &World, id: &ApplicationId) {
    hold_at_rest(world).unwrap();
    assert_eq!(balance::<Bank>(world, "B1301"), 0);
    assert_eq!(balance::<Guarantor>(world, "G9001"), 0);
    assert_eq!((balance::<Union>(world, "U9001"), balance::<Union>(world, "U9002")), (0, 0));
    assert!(application(world, id).reversed_on.is_some());
    assert_eq!(guarantee(world, id).unwrap().exposure_fen.get(), 0);
}

#[test]
fn once_all_is_done_a_reversal_undoes_all_of_it_and_the_firm_may_apply_again() {
    for core_banking in [bank_core::CoreBanking::OwnLedger, bank_core::CoreBanking::Port] {
        let mut world = cast::world(Setup { core_banking, ..Setup::default() });
        let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
        play(&mut world, |_| false, |_| false);
        assert!(application(&world, &id).run.ending().is_some());
        assert_eq!(wants_reversal(&mut world, "max", &id), "done");
        assert_eq!(wants_reversal(&mut world, "eve", &id), "PROPOSAL_OPEN");
        release(&mut world);
        play(&mut world, |_| false, |_| false);
        nothing_is_left(&world, &id);
        assert_eq!(wants_reversal(&mut world, "max", &id), "REVERSED");

        let again = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
        play(&mut world, |_| false, |_| false);
        hold_at_rest(&world).unwrap();
        assert!(paid(&world, &again), "no live loan is in the way");
    }
}

#[test]
fn it_may_overtake_whatever_follows_the_pay_out() {
    for order in [Order::AsSent, Order::NewestFirst] {
        let mut world = cast::world(Setup::default());
        let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
        play(&mut world, |_| false, |world| paid(world, &id));
        // The bank alone knows of the pay-out yet.
        assert_eq!(wants_reversal(&mut world, "max", &id), "done");
        release(&mut world);
        world.order = order;
        play(&mut world, |_| false, |_| false);
        nothing_is_left(&world, &id);
    }
}

#[test]
fn from_the_next_day_on_it_is_refused_and_one_that_nobody_released_lapses() {
    let mut world = cast::world(Setup::default());
    let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    play(&mut world, |_| false, |_| false);
    assert_eq!(wants_reversal(&mut world, "max", &id), "done");
    play(&mut world, is_reversal, |_| false);
    assert!(world.tasks().next().is_none(), "the day is over");
    hold_at_rest(&world).unwrap();
    assert!(credit(&world, &id).unwrap().paid_out.as_ref().unwrap().reversal.is_none());
    world.pass_to(world.now().plus_hours(12));
    assert_eq!(wants_reversal(&mut world, "max", &id), "NOT_SAME_DAY");
    assert_eq!(application(&world, &id).reservation.as_ref().unwrap().state, ReservationState::Committed);
}

#[test]
fn before_a_pay_out_there_is_nothing_to_reverse_and_the_maker_releases_nothing() {
    let mut world = cast::world(Setup::default());
    let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    assert_eq!(wants_reversal(&mut world, "max", &id), "NOT_FOUND");
    let has_contract = |world: &World| credit(world, &id).is_some_and(|case| case.contract.is_some());
    play(&mut world, |_| false, has_contract);
    assert_eq!(wants_reversal(&mut world, "max", &id), "NOT_PAID_OUT");
    play(&mut world, |_| false, |_| false);
    assert_eq!(wants_reversal(&mut world, "max", &id), "done");
    let verdict = bank_core::command::ReversalCheck::Release;
    let command = Command::CheckReversal { application_id: id, verdict };
    assert_eq!(bank(&mut world, "max", "payment_checker", &command), "FOUR_EYES");
}

#[test]
fn the_fund_that_becomes_free_goes_to_who_waits_for_it() {
    let mut world = cast::world(Setup { deposit_fen: 10_000_000, ..Setup::default() });
    let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    play(&mut world, |_| false, |_| false);
    world.act(file(2, cast::ASKED_FEN, Channel::Standard)).unwrap();
    let state = |world: &World| balance::<Union>(world, "U9001");
    assert_eq!(state(&world), 0, "the second one waits");
    assert_eq!(wants_reversal(&mut world, "max", &id), "done");
    release(&mut world);
    play(&mut world, |_| false, |world| balance::<Union>(world, "U9001") > 0);
    assert!(state(&world) > 0, "it has its reservation");
}
