//! S5: a loan is paid back. What the bank books the guarantor's liability, its limits and the union's reservation follow, in whatever
//! order its reports come; once everything is paid, nothing stands behind the loan any more.

use crate::{
    acting::play,
    cast::{self, Channel, FAR, Setup, actor, application, borrowers_pay, file, filed, guarantee, kindly, loan, pay},
    core_banking::CoreBanking,
    invariants::{Watch, balance, hold_at_rest},
};
use bank_core::{Bank, command::RepaymentKind, rows::LoanState};
use domain::{ApplicationId, Date, Moment, Party};
use guarantor_core::{Guarantor, case::LetterState};
use simulation::{Act, Crash, Order, World};
use union_core::{Union, application::ReservationState};

/// 480,000 yuan for a firm, paid out, and alive from then on.
pub fn paid_out(world: &mut World, firm: u32) -> ApplicationId {
    let id = filed(world, firm, cast::ASKED_FEN, Channel::Standard);
    work(world, FAR);
    cast::loans_live(world);
    id
}

/// Everybody does what is asked until then, but the borrowers.
pub fn work(world: &mut World, until: Moment) {
    play(world, until, |_| false, |_| None);
}

/// The same, and the borrowers pay what falls due.
pub fn pay_until(world: &mut World, until: Moment) {
    play(world, until, |_| false, borrowers_pay);
}

pub fn maturity(world: &World, id: &ApplicationId) -> Date {
    loan(world, id).unwrap().receipt.as_ref().unwrap().maturity_on
}

pub fn days_before(day: Date, days: i64) -> Moment {
    Moment::start_of(day).plus_hours(-24 * days)
}

fn receives(world: &mut World, id: &ApplicationId, fen: i64) -> String {
    let act = pay(world, loan(world, id).unwrap(), fen, RepaymentKind::Scheduled);
    cast::told(world, act)
}

pub fn repays_early(world: &mut World, id: &ApplicationId) -> String {
    let loan = loan(world, id).unwrap();
    let act = pay(world, loan, cast::whole(world, loan), RepaymentKind::Early);
    cast::told(world, act)
}

fn unpays(world: &mut World, id: &ApplicationId, receipt: u32) -> String {
    let command =
        bank_core::Command::ReverseRepayment { application_id: id.clone(), receipt, because: "记错账户".into() };
    cast::told(world, Act::command(Party::Bank, actor("olga", "operations"), &command))
}

/// Lent at the bank, guaranteed by the guarantor, reserved at the union.
pub fn stands(world: &World) -> [i64; 3] {
    let lent = balance::<Bank>(world, "B1301") + balance::<Bank>(world, "B1303");
    [lent, balance::<Guarantor>(world, "G9001"), balance::<Union>(world, "U9002")]
}

#[test]
fn what_is_paid_on_its_days_lowers_what_stands_behind_it_and_the_last_of_it_frees_the_firm() {
    let mut world = cast::world(Setup::default());
    let id = paid_out(&mut world, 1);
    assert_eq!(stands(&world), [48_000_000, 48_000_000, 9_600_000]);
    let last = maturity(&world, &id);
    pay_until(&mut world, days_before(last, 1));
    hold_at_rest(&world).unwrap();
    assert!(!application(&world, &id).life.receipts.is_empty(), "interest was paid");
    let principal = application(&world, &id).life.outstanding(loan(&world, &id).unwrap().amount_fen.fen()).unwrap();
    assert_eq!(stands(&world)[..2], [principal.get(); 2]);

    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
    assert_eq!(stands(&world), [0, 0, 0]);
    assert_eq!(loan(&world, &id).unwrap().state, LoanState::Settled);
    assert_eq!(guarantee(&world, &id).unwrap().letter.as_ref().unwrap().state, LetterState::Released);
    assert_eq!(application(&world, &id).reservation.as_ref().unwrap().state, ReservationState::Released);
    filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
}

#[test]
fn in_whatever_order_its_reports_come_each_counts_once_and_in_its_turn() {
    let mut world = cast::world(Setup::default());
    let id = paid_out(&mut world, 1);
    world.order = Order::NewestFirst;
    // Nobody hears anything until all of it is said.
    let first_due = loan(&world, &id).unwrap().life.as_ref().unwrap().loan.dues()[0].on;
    work(&mut world, Moment::start_of(first_due));
    let fen = cast::owed(&world, loan(&world, &id).unwrap());
    for step in [fen / 2, fen - fen / 2] {
        assert_eq!(receives(&mut world, &id, step), "done");
    }
    assert_eq!(unpays(&mut world, &id, 1), "done");
    assert_eq!(receives(&mut world, &id, fen / 2), "done");
    assert!(world.parcels.len() >= 8, "{}", world.parcels.len());
    let newest_first = world.parcels_so_far();
    pay_until(&mut world, Moment::start_of(first_due).plus_hours(12));
    assert!(world.parcels_so_far() > newest_first, "what was missing was asked for");
    for life in [&application(&world, &id).life, &guarantee(&world, &id).unwrap().life] {
        let counted: Vec<bool> = life.receipts.iter().map(|one| one.reversed_on.is_none()).collect();
        assert_eq!((counted, life.followed.taken()), (vec![false, true, true], 4));
    }
    pay_until(&mut world, FAR);
    hold_at_rest(&world).unwrap();
    assert_eq!(stands(&world), [0, 0, 0]);
}

#[test]
fn what_is_paid_before_the_letter_is_effective_waits_for_it() {
    let mut world = cast::world(Setup::default());
    let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    cast::loans_live(&mut world);
    let (mut core, mut watch) = (CoreBanking::default(), Watch::default());
    while loan(&world, &id).is_none_or(|loan| loan.life.is_none()) {
        world.turn(FAR, &mut |world| core.act(world).or_else(|| kindly(world, |_| false))).unwrap();
        watch.hold(&world).unwrap();
    }
    // The guarantor and the union hear of nothing for months, while the borrower repays the whole loan.
    let later = world.now().plus_hours(24 * 120);
    for parcel in &mut world.parcels {
        parcel.arrives_at = Some(later);
    }
    pay_until(&mut world, later.plus_hours(-24));
    assert_eq!(repays_early(&mut world, &id), "done");
    assert_eq!(loan(&world, &id).unwrap().state, LoanState::Prepaid);
    pay_until(&mut world, later.plus_hours(24));
    hold_at_rest(&world).unwrap();
    assert_eq!(stands(&world), [0, 0, 0]);
    assert!(application(&world, &id).life.settled.is_some_and(|settled| settled.prepaid));
}

#[test]
fn a_crash_at_any_moment_books_a_receipt_once() {
    for when in [Crash::BeforeCommit, Crash::AfterCommit] {
        for party in [Party::Union, Party::Guarantor, Party::Bank] {
            let mut world = cast::world(Setup::default());
            let id = paid_out(&mut world, 1);
            let first_due = loan(&world, &id).unwrap().life.as_ref().unwrap().loan.dues()[0].on;
            work(&mut world, Moment::start_of(first_due));
            world.crash(party, when);
            pay_until(&mut world, Moment::start_of(first_due).plus_hours(1));
            hold_at_rest(&world).unwrap();
            assert_eq!(application(&world, &id).life.receipts.len(), 1, "{party} {when:?}");
        }
    }
}

#[test]
fn principal_that_is_paid_back_lets_in_who_waits_for_the_fund() {
    let mut world = cast::world(Setup { deposit_fen: 10_000_000, ..Setup::default() });
    let id = paid_out(&mut world, 1);
    world.act(file(2, cast::ASKED_FEN, Channel::Standard)).unwrap();
    let tomorrow = world.now().plus_hours(24);
    work(&mut world, tomorrow);
    assert_eq!(balance::<Union>(&world, "U9001"), 0, "the second one waits");
    assert_eq!(repays_early(&mut world, &id), "done");
    let soon = world.now().plus_hours(1);
    work(&mut world, soon);
    assert_eq!(
        cast::loans(&world).filter(|loan| loan.state.is_living()).count(),
        1,
        "it was reserved for, and paid out"
    );
    assert_eq!(stands(&world), [48_000_000, 48_000_000, 9_600_000]);
}

#[test]
fn a_reversal_after_the_settlement_is_refused_and_nothing_comes_back() {
    let mut world = cast::world(Setup::default());
    let id = paid_out(&mut world, 1);
    pay_until(&mut world, FAR);
    let last = u32::try_from(loan(&world, &id).unwrap().life.as_ref().unwrap().entries.len()).unwrap();
    assert_eq!(unpays(&mut world, &id, last), "SETTLED");
    hold_at_rest(&world).unwrap();
    assert_eq!(stands(&world), [0, 0, 0]);
}
