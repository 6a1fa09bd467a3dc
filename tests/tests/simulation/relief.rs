//! S7: a borrower who is hit gets a plan. Bank, guarantor, union and borrower each say yes before anything falls due otherwise, and whoever
//! says no leaves everything as it was; what was deferred is paid to the fen, or the plan is broken.

use crate::{
    acting::play,
    cast::{self, Channel, FAR, Mood, Setup, application, borrowers_pay, filed, guarantee, loan, measures},
    invariants::hold_at_rest,
};
use bank_core::rows::{Loan, LoanState};
use contracts::LoanReport;
use domain::{ApplicationId, Date, Moment, Party, loan::Measure};
use simulation::{Act, Crash, World};
use union_core::relief::{Relief, ReliefState};

/// 480,000 yuan for a firm, paid out and alive, the next interest to fall due so many days from now.
fn days_before_interest(world: &mut World, days: i64) -> ApplicationId {
    let id = filed(world, 1, cast::ASKED_FEN, Channel::Standard);
    play(world, FAR, |_| false, |_| None);
    cast::loans_live(world);
    let due = due(world, &id, 1);
    pay_until(world, days_before(due, days));
    id
}

fn pay_until(world: &mut World, until: Moment) {
    play(world, until, |_| false, borrowers_pay);
}

/// Everybody does what is asked, but nobody these tasks.
fn work_but(world: &mut World, hours: i64, left: &'static [&str]) {
    let until = world.now().plus_hours(hours);
    play(world, until, |task| left.iter().any(|name| task.task_id.ends_with(name)), borrowers_pay);
}

fn days_before(day: Date, days: i64) -> Moment {
    Moment::start_of(day).plus_hours(9 - 24 * days)
}

/// The day of the n-th due of a loan, counted from 0.
fn due(world: &World, id: &ApplicationId, n: usize) -> Date {
    loan(world, id).unwrap().life.as_ref().unwrap().loan.dues()[n].on
}

fn the_loan<'w>(world: &'w World, id: &ApplicationId) -> &'w Loan {
    loan(world, id).unwrap()
}

fn relief<'w>(world: &'w World, id: &ApplicationId) -> &'w Relief {
    application(world, id).reliefs.last().unwrap()
}

fn state(world: &World, id: &ApplicationId) -> ReliefState {
    relief(world, id).state()
}

fn asks(world: &mut World, id: &ApplicationId) -> String {
    cast::told(world, cast::ask_for_relief(id))
}

/// What falls due on a loan, as day and sum of principal and interest.
fn dues(world: &World, id: &ApplicationId) -> Vec<(Date, i64)> {
    let life = the_loan(world, id).life.as_ref().unwrap();
    let mut dues: Vec<_> =
        life.loan.current().map(|(_, due)| (due.on, due.principal_fen.get() + due.interest_fen.get())).collect();
    dues.sort_unstable();
    dues
}

fn reports<'w>(world: &'w World, id: &ApplicationId) -> &'w [LoanReport] {
    &the_loan(world, id).life.as_ref().unwrap().reports
}

/// Whoever has a task of this name decides it in this mood.
fn decides(world: &mut World, name: &str, mood: Mood) {
    let (party, task) = world.tasks().find(|(_, task)| task.task_id.ends_with(name)).expect(name);
    let act = cast::decide(world, party, task, &task.role, mood);
    assert_eq!(cast::told(world, act), "done", "{name}");
}

#[test]
fn what_is_deferred_is_paid_in_parts_to_the_fen_and_the_plan_is_kept() {
    let mut world = cast::world(Setup::default());
    let id = days_before_interest(&mut world, 10);
    let before = dues(&world, &id);
    assert_eq!(asks(&mut world, &id), "done");
    assert_eq!(asks(&mut world, &id), "RELIEF_OPEN");
    let Measure::DeferInterest { due_on, parts_on } = measures(&world, the_loan(&world, &id)).remove(0) else {
        panic!("the next interest can wait")
    };
    work_but(&mut world, 1, &[]);
    assert_eq!((state(&world, &id), the_loan(&world, &id).state), (ReliefState::InForce, LoanState::Relief));
    let after = dues(&world, &id);
    let sum = |dues: &[(Date, i64)]| dues.iter().map(|(_, fen)| fen).sum::<i64>();
    assert_eq!(sum(&after), sum(&before), "deferred is not waived");
    assert!(
        after.iter().all(|(on, _)| *on != due_on) && parts_on.iter().all(|on| after.iter().any(|(day, _)| day == on))
    );
    let letter = guarantee(&world, &id).unwrap().letter.clone().unwrap();
    assert_eq!((letter.version, letter.guaranteed_until.is_some()), (2, true));
    assert_eq!(application(&world, &id).life.schedule.as_ref().unwrap().version, 2);

    pay_until(&mut world, days_before(parts_on[1], -1));
    assert_eq!((state(&world, &id), the_loan(&world, &id).state), (ReliefState::Kept, LoanState::Active));
    assert_eq!(relief(&world, &id).over.unwrap().on, parts_on[1]);
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
    assert_eq!(the_loan(&world, &id).state, LoanState::Settled);
    assert_eq!(asks(&mut world, &id), "NO_LOAN");
}

#[test]
fn whoever_says_no_leaves_everything_as_it_was() {
    for (who, end) in [
        ("triage-relief", ReliefState::Refused),
        ("propose-relief", ReliefState::Refused),
        ("consent-relief", ReliefState::Refused),
        ("sign-plan", ReliefState::Withdrawn),
    ] {
        let mut world = cast::world(Setup::default());
        let id = days_before_interest(&mut world, 10);
        let before = dues(&world, &id);
        assert_eq!(asks(&mut world, &id), "done");
        work_but(&mut world, 1, Box::leak(Box::new([who])));
        decides(&mut world, who, Mood::Unkind);
        work_but(&mut world, 1, &[]);
        assert_eq!((state(&world, &id), dues(&world, &id)), (end, before), "{who}");
        let (case, reservation) = (guarantee(&world, &id).unwrap(), application(&world, &id).reservation.as_ref());
        assert_eq!((case.relief.is_none(), case.letter.as_ref().unwrap().version), (true, 1), "{who}");
        assert_eq!(reservation.unwrap().covers_until, None, "{who}");
        assert!(cast::credit(&world, &id).unwrap().relief.is_none(), "{who}");
        // Another request may follow.
        assert_eq!(asks(&mut world, &id), "done", "{who}");
        work_but(&mut world, 1, &[]);
        assert_eq!(state(&world, &id), ReliefState::InForce, "{who}");
        pay_until(&mut world, FAR);
        hold_at_rest(&world).unwrap();
    }
}

#[test]
fn a_plan_that_is_not_signed_in_five_working_days_lapses() {
    let mut world = cast::world(Setup::default());
    let id = days_before_interest(&mut world, 20);
    let before = dues(&world, &id);
    assert_eq!(asks(&mut world, &id), "done");
    work_but(&mut world, 24, &["sign-plan"]);
    assert_eq!(state(&world, &id), ReliefState::Consented);
    work_but(&mut world, 24 * 8, &["sign-plan"]);
    assert_eq!((state(&world, &id), dues(&world, &id)), (ReliefState::Lapsed, before));
    assert!(guarantee(&world, &id).unwrap().relief.is_none() && cast::credit(&world, &id).unwrap().relief.is_none());
}

#[test]
fn a_plan_that_is_signed_on_the_day_it_would_move_comes_too_late() {
    let mut world = cast::world(Setup::default());
    let id = days_before_interest(&mut world, 3);
    let interest = due(&world, &id, 1);
    signed_too_late(&mut world, &id, interest);
}

#[test]
fn a_plan_that_is_signed_on_the_day_of_maturity_comes_too_late() {
    let mut world = cast::world(Setup::default());
    let id = days_before_interest(&mut world, 3);
    let last = dues(&world, &id).last().unwrap().0;
    pay_until(&mut world, days_before(last, 3));
    signed_too_late(&mut world, &id, last);
}

fn signed_too_late(world: &mut World, id: &ApplicationId, day: Date) {
    let before = dues(world, id);
    assert_eq!(asks(world, id), "done");
    work_but(world, 1, &["sign-plan"]);
    let until = Moment::start_of(day).plus_hours(10);
    play(world, until, |task| task.task_id.ends_with("sign-plan"), |_| None);
    assert_eq!(state(world, id), ReliefState::Consented);
    decides(world, "sign-plan", Mood::Kind);
    work_but(world, 1, &[]);
    assert_eq!((state(world, id), dues(world, id)), (ReliefState::Refused, before));
    pay_until(world, FAR);
    hold_at_rest(world).unwrap();
}

#[test]
fn a_plan_is_broken_by_what_it_moved_and_one_more_request_is_allowed() {
    let mut world = cast::world(Setup::default());
    let id = days_before_interest(&mut world, 10);
    for nth in 1..=2 {
        assert_eq!(asks(&mut world, &id), "done", "{nth}");
        work_but(&mut world, 1, &[]);
        assert_eq!(state(&world, &id), ReliefState::InForce);
        let first_part = relief(&world, &id).plan.as_ref().unwrap().measures[0].clone();
        let Measure::DeferInterest { parts_on, .. } = first_part else { panic!("deferred") };
        play(&mut world, Moment::start_of(parts_on[0]).plus_hours(24 + 9), |_| false, |_| None);
        assert_eq!((state(&world, &id), the_loan(&world, &id).state), (ReliefState::Broken, LoanState::Overdue));
        pay_until(&mut world, Moment::start_of(parts_on[1]).plus_hours(48));
        assert_eq!(the_loan(&world, &id).state, LoanState::Active, "paid, though late");
    }
    assert_eq!(asks(&mut world, &id), "RELIEF_BROKEN");
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
}

#[test]
fn what_falls_due_while_a_request_is_under_way_is_not_called_overdue_for_ten_working_days() {
    let called = |world: &World, id: &ApplicationId| {
        let is_overdue = |report: &&LoanReport| matches!(report, LoanReport::Overdue { .. });
        reports(world, id).iter().filter(is_overdue).count()
    };
    let mut world = cast::world(Setup::default());
    let id = days_before_interest(&mut world, 2);
    assert_eq!(asks(&mut world, &id), "done");
    // The bank leaves it lying, and the borrower does not pay.
    let lying = |world: &mut World, days: i64| {
        let until = world.now().plus_hours(24 * days);
        play(world, until, |task| task.task_id.ends_with("propose-relief"), |_| None);
    };
    lying(&mut world, 6);
    let owed = cast::owed(&world, the_loan(&world, &id));
    assert_eq!((the_loan(&world, &id).state, called(&world, &id)), (LoanState::Active, 0));
    lying(&mut world, 14);
    assert_eq!((the_loan(&world, &id).state, called(&world, &id)), (LoanState::Overdue, 1));
    assert!(cast::owed(&world, the_loan(&world, &id)) > owed, "it accrues nevertheless");
    decides(&mut world, "propose-relief", Mood::Unkind);
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
}

#[test]
fn without_the_guarantors_own_word_the_bank_waits_and_switches_nothing() {
    let mut world = cast::world(Setup::default());
    let id = days_before_interest(&mut world, 30);
    assert_eq!(asks(&mut world, &id), "done");
    work_but(&mut world, 1, &["consent-relief"]);
    decides(&mut world, "consent-relief", Mood::Kind);
    // What the guarantor says to the bank is on its way for a week; what it says to the union is not.
    let later = world.now().plus_hours(24 * 7);
    for parcel in world.parcels.iter_mut().filter(|one| one.from == Party::Guarantor && one.to == Party::Bank) {
        parcel.arrives_at = Some(later);
    }
    let before = dues(&world, &id);
    work_but(&mut world, 24, &[]);
    assert_eq!((state(&world, &id), dues(&world, &id)), (ReliefState::Signed, before));
    work_but(&mut world, 24 * 7, &[]);
    assert_eq!(state(&world, &id), ReliefState::InForce);
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
}

#[test]
fn a_withdrawal_that_races_with_the_switch_is_decided_by_the_bank() {
    for arrives_first in [true, false] {
        let mut world = cast::world(Setup::default());
        let id = days_before_interest(&mut world, 10);
        let before = dues(&world, &id);
        assert_eq!(asks(&mut world, &id), "done");
        work_but(&mut world, 1, &["sign-plan"]);
        decides(&mut world, "sign-plan", Mood::Kind);
        if arrives_first {
            work_but(&mut world, 1, &[]);
        }
        let withdraw = union_core::Command::WithdrawRelief { application_id: id.clone() };
        let act = Act::command(Party::Union, cast::actor("applicant", "applicant"), &withdraw);
        let told = cast::told(&mut world, act);
        work_but(&mut world, 1, &[]);
        // The order is on its way before the closing, so it is the order that the bank hears first.
        let refusal = if arrives_first { "NO_RELIEF" } else { "done" };
        assert_eq!((told.as_str(), state(&world, &id)), (refusal, ReliefState::InForce));
        assert_ne!(dues(&world, &id), before);
        hold_at_rest(&world).unwrap();
    }
}

#[test]
fn a_crash_at_any_moment_switches_once() {
    for when in [Crash::BeforeCommit, Crash::AfterCommit] {
        for party in [Party::Union, Party::Guarantor, Party::Bank] {
            let mut world = cast::world(Setup::default());
            let id = days_before_interest(&mut world, 10);
            assert_eq!(asks(&mut world, &id), "done");
            for _ in 0..6 {
                world.crash(party, when);
                work_but(&mut world, 1, &[]);
            }
            let switched =
                reports(&world, &id).iter().filter(|one| matches!(one, LoanReport::Rescheduled { .. })).count();
            assert_eq!((state(&world, &id), switched), (ReliefState::InForce, 1), "{party} {when:?}");
            pay_until(&mut world, FAR);
            hold_at_rest(&world).unwrap();
        }
    }
}
