//! S1 step 9 in the bank's own books: maker, checker, every precondition, one posting.

use crate::harness::*;
use bank_core::{Command, rows::LoanState};
use contracts::{Disburse, Letter, Message, NotPosted};
use domain::{Fen, Moment};

#[test]
fn a_loan_is_paid_out_once_by_two_persons() {
    let mut house = manual().after(&CONTRACTED);
    let posted = "union 1: posted FK-NCD-2018-0052-1";
    check(
        &mut house,
        &[
            ("disburse 1", "-"),
            ("cleo: release", "refused NO_TASK"),
            ("max: prepare", "-"),
            ("max: release", "refused FOUR_EYES"),
            ("cleo: return-payment", "-"),
            ("cleo: prepare", "-"),
            ("cleo: release", "refused FOUR_EYES"),
            ("max: release", &format!("{posted}; guarantor 1: loan disbursed FK-NCD-2018-0052-1")),
            ("max: release", "refused NO_TASK"),
            ("disburse 1", posted),
            ("query 1", posted),
            ("close 1", posted),
            ("disburse 2", "union 2: not taken up OutOfOrder"),
            ("stated? 1", "guarantor 1: not disbursed: false"),
            ("terminate 1", "union 1: cannot undo"),
            ("cancel 1", "union 1: cannot undo"),
        ],
    );
    assert_eq!(house.booked, 1);
    assert_eq!(house.balance("B1301/NCD-2018-0052"), ASKED);
    assert_eq!(house.balance("B2011/91350100M000100Y43"), ASKED);
    let paid_out = house.case().paid_out.clone().unwrap();
    assert_eq!((paid_out.maker.0.as_str(), paid_out.checker.0.as_str()), ("cleo", "max"));
    assert_eq!(paid_out.receipt.value_date, day("2018-09-05"));
    assert_eq!(paid_out.receipt.maturity_on, day("2019-09-05"));
    assert_eq!(paid_out.receipt.rate_ppm, ppm(45_500));
    let loan = house.loan().unwrap();
    assert_eq!((loan.state, loan.receipt.as_ref()), (LoanState::Active, Some(&paid_out.receipt)));
    assert_eq!((house.index().status, house.index().ended), ("DISBURSED", true));
}

#[test]
fn maturity_is_counted_from_the_value_date_and_clipped_to_the_month() {
    let rows = [("2018-08-31", 12, "2019-08-31"), ("2018-08-31", 6, "2019-02-28"), ("2020-02-29", 12, "2021-02-28")];
    for (from, months, to) in rows {
        let mut house = automatic();
        house.at = Moment::start_of(day(from)).plus_hours(10);
        for line in ["credit 1", "letter 1", "contract 1", "disburse 1"] {
            let mut message = house.input(line).unwrap();
            match &mut message {
                Message::ApproveCredit(ask) => ask.wish.term_months = months,
                Message::SignLoanContract(ask) => ask.term_months = months,
                Message::Disburse(ask) => ask.membership_verified_on = day(from),
                Message::PresentLetter(present) => valid_until(&mut present.letter, from),
                _ => {}
            }
            house.hear(message).unwrap();
        }
        let receipt = house.case().paid_out.clone().unwrap().receipt;
        assert_eq!((receipt.value_date, receipt.maturity_on), (day(from), day(to)), "{from} + {months}");
    }
}

pub fn valid_until(letter: &mut Letter, last: &str) {
    letter.valid_until = day(last);
    letter.hash = Letter::digest(
        &letter.letter_no,
        letter.amount_fen,
        letter.issued_on,
        letter.valid_until,
        letter.period_months,
    );
}

/// What is wrong with a payment.
type Wrong = fn(&mut House, &mut Disburse);

const NO_CONTRACT: Wrong = |house, _| {
    house.run("terminate 1").unwrap();
};
const NO_LETTER: Wrong = |house, _| {
    house.run("stated? 1").unwrap();
};
const OTHER_LETTER: Wrong = |_, ask| ask.letter_no.push('9');
const EXPIRED: Wrong = |house, ask| {
    house.at = Moment::end_of(day("2018-10-05")).plus_millis(1);
    ask.membership_verified_on = day("2018-10-05");
};
const OTHER_RESERVATION: Wrong = |_, ask| ask.reservation_id.push('9');
const TOO_LITTLE: Wrong = |_, ask| ask.amount_fen = amount(ASKED - 1);
const TOO_MUCH: Wrong = |_, ask| ask.amount_fen = amount(ASKED + 1);
const STALE: Wrong = |_, ask| ask.membership_verified_on = day("2018-08-28");
const FROM_TOMORROW: Wrong = |_, ask| ask.membership_verified_on = day("2018-09-06");

#[test]
fn the_first_precondition_that_fails_is_named() {
    use NotPosted as N;
    let rows: [(&[Wrong], NotPosted); 15] = [
        (&[NO_CONTRACT], N::NoContract),
        (&[NO_LETTER], N::LetterNotIssued),
        (&[OTHER_LETTER], N::LetterNotIssued),
        (&[EXPIRED], N::LetterExpired),
        (&[OTHER_RESERVATION], N::ReservationDiffers),
        (&[TOO_LITTLE], N::AmountDiffers),
        (&[TOO_MUCH], N::AmountDiffers),
        (&[STALE], N::MembershipStale),
        (&[FROM_TOMORROW], N::MembershipStale),
        (&[NO_CONTRACT, NO_LETTER], N::NoContract),
        (&[NO_LETTER, EXPIRED], N::LetterNotIssued),
        (&[EXPIRED, OTHER_RESERVATION], N::LetterExpired),
        (&[OTHER_RESERVATION, TOO_LITTLE], N::ReservationDiffers),
        (&[EXPIRED, TOO_LITTLE], N::LetterExpired),
        (&[TOO_LITTLE, STALE], N::AmountDiffers),
    ];
    for (row, (wrongs, why)) in rows.into_iter().enumerate() {
        let mut house = manual().after(&CONTRACTED);
        let Ok(Message::Disburse(mut ask)) = house.input("disburse 1") else { panic!() };
        for wrong in wrongs {
            wrong(&mut house, &mut ask);
        }
        let said = words(&house.hear(Message::Disburse(ask)));
        assert_eq!(said, format!("union 1: not posted {why:?}"), "row {row}");
        // A no is repeated, and final once the key is closed; nothing was booked.
        check(
            &mut house,
            &[
                ("disburse 1", &said),
                ("query 1", &said),
                ("max: prepare", "refused NO_TASK"),
                ("close 1", "union 1: closed"),
                ("disburse 1", "union 1: closed"),
            ],
        );
        assert_eq!(house.booked, 0, "row {row}");
    }
}

#[test]
fn an_ask_of_version_1_named_no_reservation_and_its_pay_out_is_not_held_to_one() {
    let mut house = manual();
    let Ok(Message::ApproveCredit(mut ask)) = house.input("credit 1") else { panic!() };
    ask.reservation_id = None;
    house.hear(Message::ApproveCredit(ask)).unwrap();
    let mut house = house.after(&RELEASED[1..8]);
    assert!(house.says("cleo: release").starts_with("union 1: posted"));
}

#[test]
fn what_ceased_to_hold_before_the_release_stops_the_money() {
    type Change = fn(&mut House);
    let rows: [(Change, &str); 3] = [
        (|house| house.at = Moment::end_of(day("2018-09-12")).plus_millis(1), "MembershipStale"),
        (|house| house.at = Moment::end_of(day("2018-10-05")).plus_millis(1), "LetterExpired"),
        (|house| drop(house.run("terminate 1").unwrap()), "NoContract"),
    ];
    for (change, why) in rows {
        let mut house = manual().after(&CONTRACTED).after(&["disburse 1", "max: prepare"]);
        change(&mut house);
        check(&mut house, &[("cleo: release", &format!("union 1: not posted {why}"))]);
        assert_eq!((house.booked, house.case().payment.is_none()), (0, true), "{why}");
    }
}

#[test]
fn membership_holds_to_the_end_of_the_fifth_working_day() {
    let mut house = manual().after(&CONTRACTED).after(&["disburse 1", "max: prepare"]);
    // Verified on Wednesday 2018-09-05: the fifth working day after it is Wednesday 09-12.
    house.at = Moment::end_of(day("2018-09-12"));
    assert!(house.says("cleo: release").starts_with("union 1: posted"));
}

#[test]
fn a_rate_above_the_cap_of_the_pay_out_day_is_not_paid_out() {
    // Approved at the cap before the LPR, paid out after it fell.
    let mut house = manual();
    house.at = Moment::start_of(day("2019-08-19")).plus_hours(10);
    let mut house = house.after(&["credit 1", "ann: recommend", "bob: approve"]);
    let Ok(Message::PresentLetter(mut present)) = house.input("letter 1") else { panic!() };
    valid_until(&mut present.letter, "2019-09-18");
    house.hear(Message::PresentLetter(present)).unwrap();
    let mut house = house.after(&["contract 1", "olga: sign"]);
    let Ok(Message::Disburse(mut ask)) = house.input("disburse 1") else { panic!() };
    ask.membership_verified_on = day("2019-08-19");
    house.hear(Message::Disburse(ask)).unwrap();
    house.run("max: prepare").unwrap();
    house.at = Moment::start_of(day("2019-08-20")).plus_hours(10);
    check(&mut house, &[("cleo: release", "union 1: not posted RateAboveCap")]);
}

#[test]
fn a_closed_key_is_closed_for_ever() {
    // Before its order came.
    let mut house = manual().after(&CONTRACTED);
    check(
        &mut house,
        &[
            ("query 1", "union 1: unknown"),
            ("close 1", "union 1: closed"),
            ("disburse 1", "union 1: closed"),
            ("query 1", "union 1: closed"),
        ],
    );
    // While maker or checker have it; another key may follow.
    for prepared in [&["disburse 2"][..], &["disburse 2", "max: prepare"]] {
        let mut house = manual().after(&CONTRACTED).after(prepared);
        check(
            &mut house,
            &[
                ("query 2", "union 2: unknown"),
                ("disburse 3", "union 3: not taken up OutOfOrder"),
                ("close 2", "union 2: closed"),
                ("close 2", "union 2: closed"),
                ("max: prepare", "refused NO_TASK"),
                ("cleo: release", "refused NO_TASK"),
                ("disburse 2", "union 2: closed"),
                ("disburse 4", "-"),
            ],
        );
        assert_eq!(house.booked, 0);
    }
}

#[test]
fn closing_the_letter_stops_a_payment_that_was_not_released() {
    let mut house = manual().after(&CONTRACTED).after(&["disburse 1", "max: prepare"]);
    check(
        &mut house,
        &[
            ("stated? 1", "union 1: not posted LetterNotIssued; guarantor 1: not disbursed: true"),
            ("cleo: release", "refused NO_TASK"),
            ("disburse 2", "union 2: not posted LetterNotIssued"),
        ],
    );
    assert_eq!(house.booked, 0);
}

#[test]
fn a_payment_of_what_was_never_taken_up_is_out_of_order() {
    let mut house = manual();
    check(&mut house, &[("disburse 1", "union 1: not taken up OutOfOrder"), ("close 1", "union 1: closed")]);
}

#[test]
fn by_rule_the_whole_way_needs_no_person() {
    let mut house = automatic();
    check(
        &mut house,
        &[
            ("credit 1", "union 1: approved 30000000 at 45500"),
            ("letter 1", "-"),
            ("contract 1", "union 1: signed JK-NCD-2018-0052-1"),
            ("disburse 1", "union 1: posted FK-NCD-2018-0052-1; guarantor 1: loan disbursed FK-NCD-2018-0052-1"),
        ],
    );
    let paid_out = house.case().paid_out.clone().unwrap();
    assert_eq!(
        (paid_out.maker.0.as_str(), paid_out.checker.0.as_str()),
        ("service:payment_maker", "service:payment_checker")
    );
    assert_eq!(house.case().contract.as_ref().unwrap().by.0, "service:operations");
}

#[test]
fn the_books_open_once_with_the_unions_deposit() {
    let mut house = manual();
    let open = |deposit| Command::OpenBooks { deposit_fen: Fen::new(deposit) };
    assert_eq!(words(&house.command("root", open(0))), "refused AMOUNT");
    assert_eq!(words(&house.command("root", open(900_000_000))), "-");
    assert_eq!(words(&house.command("root", open(900_000_000))), "refused BOOKS_OPEN");
    assert_eq!((house.balance("B2012"), house.balance("B1003")), (900_000_000, 900_000_000));
}
