//! The fund: what is held, committed, shrunk and given back, and who waits for it (DOMAIN.md section 3, I3 and I4).
//!
//! `Office` compares the books with the applications after every decision and checks I3; the rows here say the amounts.

use super::office::*;
use domain::{Charter, Charters, Date, Fen};
use std::sync::Arc;
use union_core::{Command, application::ReservationState};

/// A deposit that carries one loan of `AMOUNT` (share 6,000,000), not two.
const NARROW: i64 = 10_000_000;
const SHARE: i64 = AMOUNT / 5;

fn check(office: &Office, what: &str, held: i64, committed: i64, guaranteed: i64, queue: &[u32]) {
    let fund = office.fund();
    let books = (office.balance("U9001"), office.balance("U9002"), fund.guaranteed_fen.get());
    assert_eq!(books, (held, committed, guaranteed), "{what}: held, committed, guaranteed");
    assert_eq!(office.queue(), queue, "{what}: queue");
}

#[test]
fn a_reservation_is_held_shrinks_and_is_committed() {
    let mut office = Office::open(NARROW);
    check(&office, "opened", 0, 0, 0, &[]);
    assert_eq!((office.balance("U1001"), office.balance("U3001")), (NARROW, NARROW));
    office.eligible(1, AMOUNT);
    check(&office, "reserved", SHARE, 0, AMOUNT, &[]);
    office.tell(office.agreed(1, 20_000_000));
    check(&office, "the guarantor lowers", 4_000_000, 0, 20_000_000, &[]);
    office.tell(office.approved(1, 10_000_003));
    check(&office, "the bank lowers, the share rounds up", 2_000_001, 0, 10_000_003, &[]);
    office.tell(office.contracts_signed(1));
    office.tell(office.issued(1, letter(1, 10_000_003)));
    office.tell(office.loan_contract(1));
    office.tell(office.posted(1, 10_000_003));
    check(&office, "paid out, letter not yet effective", 2_000_001, 0, 10_000_003, &[]);
    office.tell(office.activated(1));
    check(&office, "committed", 0, 2_000_001, 10_000_003, &[]);
    assert_eq!(office.status(1), "DISBURSED");
    assert_eq!(office.balance("U1001"), NARROW, "no money has moved");
}

#[test]
fn an_approval_of_the_whole_amount_shrinks_nothing() {
    let mut office = Office::open(NARROW);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "sign contracts");
    check(&office, "approved as asked", SHARE, 0, AMOUNT, &[]);
}

#[test]
fn a_withdrawal_gives_the_reservation_back() {
    let mut office = Office::open(NARROW);
    office.eligible(1, AMOUNT);
    office.withdraw(1);
    // The guarantor may have agreed by now: the reservation stays until it has withdrawn its opinion.
    check(&office, "asked to undo", SHARE, 0, AMOUNT, &[]);
    office.tell(office.opinion_withdrawn(1));
    check(&office, "undone", 0, 0, 0, &[]);
    let reservation = office.application(1).reservation.clone().unwrap();
    assert_eq!((reservation.state, office.status(1)), (ReservationState::Released, "WITHDRAWN"));
}

#[test]
fn whoever_finds_the_fund_short_waits_and_is_woken_by_a_release() {
    let mut office = Office::open(NARROW);
    office.eligible(1, AMOUNT);
    office.eligible(2, AMOUNT);
    check(&office, "short by I3", SHARE, 0, AMOUNT, &[2]);
    assert_eq!(office.status(2), "QUEUED");
    office.withdraw(1);
    office.tell(office.opinion_withdrawn(1));
    check(&office, "woken", SHARE, 0, AMOUNT, &[]);
    assert_eq!(office.status(2), "GUARANTEE_REVIEW");
}

#[test]
fn nobody_overtakes_who_waits() {
    let mut office = Office::open(NARROW);
    office.eligible(1, AMOUNT);
    office.eligible(2, AMOUNT);
    office.eligible(3, 5_000_000);
    check(&office, "the small one would fit", SHARE, 0, AMOUNT, &[2, 3]);
    office.eligible(4, 5_000_000);
    check(&office, "all in line", SHARE, 0, AMOUNT, &[2, 3, 4]);
    office.withdraw(1);
    office.tell(office.opinion_withdrawn(1));
    check(&office, "all three fit now", SHARE + 2_000_000, 0, AMOUNT + 10_000_000, &[]);
}

#[test]
fn the_queue_moves_when_its_head_leaves_or_a_reservation_shrinks() {
    let mut office = Office::open(NARROW);
    office.eligible(1, AMOUNT);
    for number in [2, 3, 4] {
        office.eligible(number, if number == 2 { AMOUNT } else { 20_000_000 });
    }
    check(&office, "three wait", SHARE, 0, AMOUNT, &[2, 3, 4]);
    office.withdraw(2);
    check(&office, "the next fits", 10_000_000, 0, 50_000_000, &[4]);
    assert_eq!(office.status(2), "WITHDRAWN");
    office.tell(office.agreed(1, 11_000_000));
    check(&office, "shrunk, but not by enough", 6_200_000, 0, 31_000_000, &[4]);
    office.tell(office.approved(1, 10_000_000));
    check(&office, "shrunk by enough", 10_000_000, 0, 50_000_000, &[]);
}

#[test]
fn a_wait_for_the_fund_expires() {
    let mut office = Office::open(NARROW);
    office.eligible(1, AMOUNT);
    office.eligible(2, AMOUNT);
    while office.status(2) == "QUEUED" {
        office.pass(2);
    }
    check(&office, "expired", SHARE, 0, AMOUNT, &[]);
    assert_eq!(office.status(2), "EXPIRED");
    assert_eq!(office.firm_row(2).open, None);
}

#[test]
fn what_is_guaranteed_stays_within_the_multiple_of_the_later_charter() {
    let mut early = Charter::programme_2017();
    early.leverage_multiple = 10;
    let mut later = Charter::programme_2017();
    later.version = 2;
    later.effective_from = Date::constant(2020, 6, 2);
    let mut charters = Charters::default();
    let early = charters.accept(early).unwrap();
    let later = charters.accept(later).unwrap();
    let mut office = Office::open(NARROW);
    office.union.charters = Arc::new(charters);
    office.charter = early;
    office.eligible(1, 50_000_000);
    check(&office, "a tenth", 5_000_000, 0, 50_000_000, &[]);
    office.at = moment("2020-06-02T09:00:00+08:00");
    office.eligible(2, 5_000_000);
    assert_eq!(office.application(2).charter, later);
    // I3 would admit it (6,000,000 of 10,000,000); I4 does not (55,000,000 of 5 x 10,000,000).
    check(&office, "short by I4", 5_000_000, 0, 50_000_000, &[2]);
    office.tell(office.agreed(1, 45_000_000));
    check(&office, "exactly the multiple", 5_500_000, 0, 50_000_000, &[]);
}

#[test]
fn the_books_are_opened_once_and_before_anything_is_reserved() {
    let mut office = Office::closed();
    office.load("m-1", Date::constant(2019, 1, 1), None);
    office.submit(1, AMOUNT);
    let approve =
        Command::DecideEligibility { application_id: id(1), verdict: union_core::command::EligibilityVerdict::Approve };
    assert_eq!(office.refused("i", INTAKE, approve.clone()).code, "BOOKS_NOT_OPEN");
    let open = |fen| Command::OpenBooks { deposit_fen: Fen::new(fen) };
    assert_eq!(office.refused("o", OPERATOR, open(0)).code, "AMOUNT");
    assert_eq!(office.refused("a", APPLICANT, open(NARROW)).code, "FORBIDDEN");
    office.act("o", OPERATOR, open(NARROW));
    assert_eq!(office.refused("o", OPERATOR, open(NARROW)).code, "BOOKS_OPEN");
    office.act("i", INTAKE, approve);
    check(&office, "reserved", SHARE, 0, AMOUNT, &[]);
}
