//! S10 read aloud: each expiry ends the application on exactly its last day, whoever holds something is asked first, and the
//! first to end gives the name. NEED_DOCS stands with the check of eligibility, QUEUE with the fund too.

use super::office::*;
use domain::{Date, Moment};
use organisation::{Input, Organisation};
use union_core::{Command, Row, Union, programme::Control, rows};

const DEPOSIT: i64 = 900_000_000;
/// A deposit that carries one loan of `AMOUNT`, not two.
const NARROW: i64 = 10_000_000;
/// Steps of which a partner holds something, last first.
const ALL: [&str; 5] = ["sign loan contract", "issue letter", "sign contracts", "approve credit", "assess guarantee"];

/// Lets time pass up to this day, firing every timer on its way; `false` once the application does not go on any more.
fn goes_on_until(office: &mut Office, number: u32, day: Date) -> bool {
    let end = Moment::end_of(day);
    loop {
        if matches!(office.status(number), "COMPENSATING" | "EXPIRED") {
            return false;
        }
        let row = Row::Application(Box::new(office.application(number).clone()));
        match Union::index(&row).wake_at {
            Some(wake) if wake <= end => drop(office.pass(number)),
            _ => {
                office.at = end;
                return true;
            }
        }
    }
}

/// It stands to the end of the day before, ends on its last day under this name; `held`: whose undo is asked, in order.
fn check(mut office: Office, number: u32, name: &str, last: Date, held: &[&str]) {
    let before = Moment::from_millis(Moment::start_of(last).millis() - 1).date();
    assert!(goes_on_until(&mut office, number, before), "{name}: it stands on {before}");
    let reserved = office.balance("U9001");
    assert!(!goes_on_until(&mut office, number, last), "{name}: {} on {last}", office.status(number));
    assert_eq!(office.at.date(), last, "{name}: the day");
    if !held.is_empty() {
        assert_eq!(office.status(number), "COMPENSATING", "{name}: the holders are asked first");
        assert_eq!(office.balance("U9001"), reserved, "{name}: nothing is given back before they have answered");
        assert!(office.firm_row(number).open.is_some(), "{name}: nor may the firm file anew");
    }
    assert_eq!(office.undo_all(number), held, "{name}: who is asked");
    let shown = union_core::summary(office.application(number));
    assert_eq!((office.status(number), &shown["ending"]["reason_code"]), ("EXPIRED", &name.into()));
    assert_eq!(office.firm_row(number).open, None, "{name}: the firm may file anew");
    let reservation = office.application(number).reservation.clone();
    assert!(reservation.is_none_or(|it| it.state == union_core::application::ReservationState::Released), "{name}");
}

/// Filed and found eligible on Monday 2020-06-01, and brought on until this step is asked for.
fn asked(step: &str) -> Office {
    let mut office = Office::open(DEPOSIT);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, step);
    office
}

#[test]
fn the_papers_expire_ten_working_days_after_they_were_asked_for() {
    let mut office = Office::open(DEPOSIT);
    office.submit(1, AMOUNT);
    office.verdict(1, union_core::command::EligibilityVerdict::AskForPapers);
    check(office, 1, "NEED_DOCS", Date::constant(2020, 6, 15), &[]);
}

#[test]
fn the_queue_expires_after_thirty_days_in_it() {
    let mut office = Office::open(NARROW);
    office.eligible(1, AMOUNT);
    office.at = moment("2020-06-03T10:00:00+08:00");
    office.eligible(2, AMOUNT);
    check(office, 2, "QUEUE", Date::constant(2020, 7, 3), &[]);
}

#[test]
fn the_reservation_expires_after_ninety_days_whoever_has_the_case() {
    let last = Date::constant(2020, 8, 30);
    check(asked("assess guarantee"), 1, "RESERVATION", last, &["assess guarantee"]);
    check(asked("approve credit"), 1, "RESERVATION", last, &["approve credit", "assess guarantee"]);
}

#[test]
fn the_contracts_expire_fifteen_working_days_after_the_approval() {
    let held = ["sign contracts", "approve credit", "assess guarantee"];
    check(asked("sign contracts"), 1, "CONTRACT", Date::constant(2020, 6, 22), &held);
    let mut later = asked("approve credit");
    later.at = moment("2020-06-03T10:00:00+08:00");
    later.tell(later.approved(1, AMOUNT));
    check(later, 1, "CONTRACT", Date::constant(2020, 6, 24), &held);
}

#[test]
fn the_letter_expires_thirty_days_after_it_was_issued() {
    check(asked("sign loan contract"), 1, "LETTER", Date::constant(2020, 7, 1), &ALL);
}

#[test]
fn of_two_expiries_the_first_to_end_gives_the_name() {
    let mut office = asked("assess guarantee");
    office.at = moment("2020-08-10T10:00:00+08:00");
    office.until(1, AMOUNT, "sign loan contract");
    // The letter of this day would be good until 2020-09-09; the reservation ends before.
    check(office, 1, "RESERVATION", Date::constant(2020, 8, 30), &ALL);
}

#[test]
fn while_lending_is_suspended_the_expiries_run_on() {
    let suspend = || Command::Control { control: Control::Suspend, because: "工会决定".into() };
    let suspended = |mut office: Office| {
        office.act("wang", "fund_manager", suspend());
        office.act("he", "approver", suspend());
        office
    };
    let mut office = suspended(asked("sign loan contract"));
    office.tell(office.loan_contract(1));
    assert_eq!(office.status(1), "READY", "it is on hold before its pay-out");
    check(office, 1, "LETTER", Date::constant(2020, 7, 1), &ALL);

    let mut office = suspended(Office::open(DEPOSIT));
    office.eligible(1, AMOUNT);
    check(office, 1, "QUEUE", Date::constant(2020, 7, 1), &[]);
}

#[test]
fn an_expiry_while_the_pay_out_is_ordered_asks_the_bank_to_close_the_key_first() {
    let mut office = asked("disburse");
    let row = |office: &Office| Row::Application(Box::new(office.application(1).clone()));
    while office.said("disbursement.close") == 0 {
        office.at = office.at.max(Union::index(&row(&office)).wake_at.unwrap());
        office.decide(&Input::Due(rows::application(&id(1)))).unwrap();
    }
    assert_eq!((office.at.date(), office.status(1)), (Date::constant(2020, 7, 1), "DISBURSING"));
    let mut paid = office.clone();
    // The bank had posted it: its answer decides, and no expiry is left.
    paid.tell(paid.posted(1, AMOUNT));
    paid.tell(paid.activated(1));
    assert_eq!(paid.status(1), "DISBURSED");
    let about = office.about("disburse", 1);
    let report = contracts::DisbursementReport::Closed;
    office.tell(contracts::Message::DisbursementReported(contracts::DisbursementReported { about, report }));
    assert_eq!(office.undo_all(1), ALL);
    assert_eq!(union_core::summary(office.application(1))["ending"]["reason_code"], "LETTER");
}
