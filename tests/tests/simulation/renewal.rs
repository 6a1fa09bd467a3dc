//! S3: a loan that ends is renewed. Repaid first, the new one is paid out the day after; or the new one repays the old one on its last day,
//! in one posting, and what stands behind them is never twice there and never gone.

use crate::{
    cast::{self, FAR, Setup, application, credit, loan},
    invariants::{balance, hold_at_rest},
    repayment::{days_before, maturity, paid_out, pay_until, repays_early, stands, work},
};
use bank_core::rows::LoanState;
use domain::{ApplicationId, Party};
use simulation::{Crash, Order, Reply, World};
use union_core::{Union, application::ReservationState, renewal::RenewalMode};

/// The firm of a loan asks for another.
fn renewed(world: &mut World, id: &ApplicationId, mode: RenewalMode) -> ApplicationId {
    let act = cast::renew(world, id, mode);
    match cast::reply(world, act) {
        Reply::Done(body) => ApplicationId::parse(body["application_id"].as_str().unwrap()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A loan in its last days, and the application that is to repay it.
fn about_to_roll(world: &mut World) -> (ApplicationId, ApplicationId) {
    let id = paid_out(world, 1);
    let last = maturity(world, &id);
    pay_until(world, days_before(last, 20));
    let renewal = renewed(world, &id, RenewalMode::NewRepaysOld);
    pay_until(world, days_before(last, 0).plus_hours(-1));
    (id, renewal)
}

#[test]
fn a_renewal_is_made_ready_while_the_old_loan_lives_and_paid_out_the_day_after_it_is_settled() {
    let mut world = cast::world(Setup::default());
    let id = paid_out(&mut world, 1);
    let last = maturity(&world, &id);
    pay_until(&mut world, days_before(last, 61));
    let act = cast::renew(&world, &id, RenewalMode::RepayFirst);
    assert_eq!(cast::told(&mut world, act), "RENEWAL_WINDOW");
    pay_until(&mut world, days_before(last, 20));
    let renewal = renewed(&mut world, &id, RenewalMode::RepayFirst);
    pay_until(&mut world, days_before(last, 1));
    assert_eq!(cast::loans(&world).filter(|loan| loan.state.is_living()).count(), 1, "I10");
    assert!(application(&world, &renewal).waits_for_old.is_some());
    pay_until(&mut world, days_before(last, -3));
    let paid = loan(&world, &renewal).unwrap();
    assert_eq!(paid.receipt.as_ref().map(|receipt| receipt.value_date), last.tomorrow().ok());
    assert_eq!(loan(&world, &id).unwrap().state, LoanState::Settled);
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
    assert_eq!(stands(&world), [0, 0, 0]);
}

#[test]
fn the_new_loan_repays_the_old_one_on_its_last_day_in_one_posting() {
    let mut world = cast::world(Setup::default());
    let (id, renewal) = about_to_roll(&mut world);
    let last = maturity(&world, &id);
    let payment = credit(&world, &renewal).unwrap().payment.as_ref().unwrap();
    assert_eq!(payment.rolls, Some(id.clone()));
    assert_eq!(payment.released.as_ref().map(|released| released.on), Some(last), "released before, for that day");
    assert_eq!(stands(&world), [48_000_000, 48_000_000, 9_600_000]);
    assert_eq!(balance::<Union>(&world, "U9001"), 0, "the fund stands behind as much already");
    assert_eq!(cast::loans(&world).filter(|loan| loan.state.is_living()).count(), 1, "I10");

    work(&mut world, days_before(last, -3));
    let (old, new) = (loan(&world, &id).unwrap(), loan(&world, &renewal).unwrap());
    assert_eq!((old.state, new.state), (LoanState::Settled, LoanState::Active));
    assert_eq!(new.receipt.as_ref().map(|receipt| receipt.value_date), Some(last));
    assert_eq!(application(&world, &id).life.settled.map(|settled| settled.on), Some(last));
    let state = |id| application(&world, id).reservation.as_ref().unwrap().state;
    assert_eq!([state(&id), state(&renewal)], [ReservationState::Released, ReservationState::Rolled]);
    assert_eq!(stands(&world), [48_000_000, 48_000_000, 9_600_000]);

    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
    assert_eq!(stands(&world), [0, 0, 0]);
}

#[test]
fn what_stands_behind_them_is_never_nothing_and_never_twice_in_whatever_order_it_is_heard() {
    for order in [Order::AsSent, Order::NewestFirst] {
        let mut world = cast::world(Setup::default());
        let (id, renewal) = about_to_roll(&mut world);
        world.order = order;
        let last = maturity(&world, &id);
        let mut until = days_before(last, 1);
        while until < days_before(last, -3) {
            until = until.plus_hours(1);
            work(&mut world, until);
            let bound = balance::<Union>(&world, "U9001") + balance::<Union>(&world, "U9002");
            assert_eq!(bound, 9_600_000, "{order:?} at {until}");
        }
        assert!(application(&world, &renewal).run.ending().is_some(), "{order:?}");
    }
}

#[test]
fn repaid_by_the_borrower_before_that_day_the_new_loan_is_paid_out_after_it() {
    let mut world = cast::world(Setup::default());
    let (id, renewal) = about_to_roll(&mut world);
    let last = maturity(&world, &id);
    assert_eq!(repays_early(&mut world, &id), "done");
    pay_until(&mut world, days_before(last, -10));
    let new = loan(&world, &renewal).unwrap();
    assert!(new.receipt.as_ref().is_some_and(|receipt| receipt.value_date >= last), "{:?}", new.receipt);
    assert_eq!(credit(&world, &renewal).unwrap().paid_out.as_ref().unwrap().rolls, None);
    let reservation = application(&world, &renewal).reservation.as_ref().unwrap();
    assert_eq!(reservation.reserved_fen.get(), 9_600_000, "all of it is held by the new one");
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
}

#[test]
fn of_two_renewals_at_once_one_is_taken_and_the_other_may_follow_it_only_if_it_comes_to_nothing() {
    use RenewalMode::{NewRepaysOld, RepayFirst};
    for (first, second) in [(RepayFirst, NewRepaysOld), (NewRepaysOld, RepayFirst)] {
        let mut world = cast::world(Setup::default());
        let id = paid_out(&mut world, 1);
        let last = maturity(&world, &id);
        pay_until(&mut world, days_before(last, 30));
        let one = renewed(&mut world, &id, first);
        let act = cast::renew(&world, &id, second);
        assert_eq!(cast::told(&mut world, act), "OPEN_APPLICATION", "{first:?}");
        world.act(cast::withdraw(&one)).unwrap();
        pay_until(&mut world, days_before(last, 28));
        let other = renewed(&mut world, &id, second);
        pay_until(&mut world, days_before(last, -3));
        assert_eq!(loan(&world, &id).unwrap().state, LoanState::Settled, "{second:?}");
        assert!(credit(&world, &one).is_none_or(|case| case.paid_out.is_none()), "{first:?}");
        let rolled = credit(&world, &other).unwrap().paid_out.as_ref().unwrap().rolls.is_some();
        assert_eq!(rolled, second == NewRepaysOld);
        assert_eq!(stands(&world), [48_000_000, 48_000_000, 9_600_000], "once");
        let act = cast::renew(&world, &id, first);
        assert_eq!(cast::told(&mut world, act), "LIVE_LOAN", "it is renewed already");
    }
}

#[test]
fn withdrawn_while_the_bank_waits_for_the_day_everything_is_undone_and_the_old_loan_stays() {
    let mut world = cast::world(Setup::default());
    let (id, renewal) = about_to_roll(&mut world);
    let last = maturity(&world, &id);
    world.act(cast::withdraw(&renewal)).unwrap();
    work(&mut world, days_before(last, -2));
    assert!(matches!(application(&world, &renewal).run.ending(), Some(saga::Ending::Withdrawn { .. })));
    assert!(loan(&world, &id).unwrap().state.is_living(), "nobody repaid it");
    assert!(credit(&world, &renewal).unwrap().paid_out.is_none());
    assert_eq!(stands(&world), [48_000_000, 48_000_000, 9_600_000]);
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
    assert_eq!(stands(&world), [0, 0, 0]);
}

#[test]
fn a_crash_at_any_moment_of_the_day_rolls_once() {
    for when in [Crash::BeforeCommit, Crash::AfterCommit] {
        for party in [Party::Union, Party::Guarantor, Party::Bank] {
            let mut world = cast::world(Setup::default());
            let (id, renewal) = about_to_roll(&mut world);
            let mut until = days_before(maturity(&world, &id), 0).plus_hours(-1);
            for _ in 0..6 {
                world.crash(party, when);
                until = until.plus_hours(1);
                work(&mut world, until);
            }
            assert_eq!(loan(&world, &id).unwrap().state, LoanState::Settled, "{party} {when:?}");
            assert_eq!(loan(&world, &renewal).unwrap().state, LoanState::Active, "{party} {when:?}");
            assert_eq!(stands(&world), [48_000_000, 48_000_000, 9_600_000], "{party} {when:?}");
            pay_until(&mut world, FAR);
            hold_at_rest(&world).unwrap();
        }
    }
}
