//! S5 at the bank, line by line: 300,000 yuan at 4.55 % from 2018-09-05, bullet, a year; interest falls due on 2018-09-21 (60,667),
//! 2018-12-21 (345,042), 2019-03-21 (341,250), 2019-06-21 (348,833) and with the principal on 2019-09-05 (288,167).

use crate::harness::{House, RELEASED, check, day, id, manual};
use bank_core::{loan_account, rows::LoanState};

fn paid_out() -> House {
    manual().after(&RELEASED)
}

/// Balances of the loan's accounts: principal, overdue principal, interest receivable, income.
fn balances(house: &House) -> [i64; 4] {
    let of = |main: &str| house.balance(&format!("{main}/{}", id()));
    [of("B1301"), of("B1303"), of("B1132"), house.balance("B6011")]
}

#[test]
fn what_is_paid_on_its_day_is_split_booked_and_reported_until_nothing_is_left() {
    let mut house = paid_out();
    check(
        &mut house,
        &[
            ("olga: pay r1 2018-09-05 1", "refused MORE_THAN_OWED"),
            ("day 2018-09-21", "-"),
            ("olga: pay r1 2018-09-22 60667", "refused VALUE_DATE"),
            ("olga: pay r1 2018-09-04 60667", "refused VALUE_DATE"),
            ("olga: pay r1 2018-09-21 60668", "refused MORE_THAN_OWED"),
            ("olga: pay r1 2018-09-21 60667", "both 1: received 0+60667, 30000000 left"),
            ("olga: pay r1 2018-09-21 1", "refused REFERENCE_USED"),
            ("olga: pay r2 2018-09-20 1", "refused VALUE_DATE"),
            ("day 2018-12-21", "-"),
            ("olga: pay r2 2018-12-21 345042", "both 2: received 0+345042, 30000000 left"),
            ("day 2019-03-21", "-"),
            ("olga: pay r3 2019-03-21 341250", "both 3: received 0+341250, 30000000 left"),
            ("day 2019-06-21", "-"),
            ("olga: pay r4 2019-06-21 348833", "both 4: received 0+348833, 30000000 left"),
            ("day 2019-09-05", "-"),
            ("olga: prepay r5 30288167", "refused NOT_EARLY"),
            (
                "olga: pay r5 2019-09-05 30288167",
                "both 5: received 30000000+288167, 0 left; both 6: settled 2019-09-05",
            ),
            ("olga: pay r6 2019-09-05 1", "refused SETTLED"),
            ("olga: unpay 5", "refused SETTLED"),
            ("day 2019-10-05", "-"),
        ],
    );
    assert_eq!(balances(&house), [0, 0, 0, 1_383_959]);
    assert_eq!(house.balance("B1003"), 31_383_959, "what came in");
    assert_eq!(house.balance("B2011/91350100M000100Y43"), 30_000_000, "the borrower has what was paid out");
    assert_eq!(house.loan().unwrap().state, LoanState::Settled);
}

#[test]
fn what_is_not_paid_is_overdue_from_the_next_day_on_and_bears_compound_interest() {
    let mut house = paid_out();
    check(
        &mut house,
        &[
            ("day 2018-09-21", "-"),
            ("day 2018-09-22", "both 1: overdue 2018-09-21"),
            ("day 2018-09-25", "-"),
            ("olga: pay r1 2018-09-25 10000", "both 2: received 0+10000, 30000000 left"),
        ],
    );
    assert_eq!(balances(&house), [30_000_000, 0, 50_667, 60_667]);
    // 60,667 for four days, then 50,667 for six, at 6.825 %: 46 + 58.
    check(
        &mut house,
        &[
            ("day 2018-10-01", "-"),
            ("olga: pay r2 2018-10-01 50772", "refused MORE_THAN_OWED"),
            ("olga: pay r2 2018-10-01 50771", "both 3: received 0+50667+104, 30000000 left; both 4: current"),
        ],
    );
    assert_eq!(balances(&house), [30_000_000, 0, 0, 60_771]);
    assert_eq!(house.loan().unwrap().state, LoanState::Active);
}

#[test]
fn interest_overdue_for_more_than_90_days_is_income_only_once_it_is_paid() {
    let mut house = paid_out();
    let off_balance = |house: &House| house.balance(&format!("B9132/{}", id()));
    check(&mut house, &[("day 2018-12-20", "both 1: overdue 2018-09-21")]);
    assert_eq!((balances(&house), off_balance(&house)), ([30_000_000, 0, 60_667, 60_667], 0), "90 days");
    check(&mut house, &[("day 2018-12-21", "-")]);
    assert_eq!(
        (balances(&house), off_balance(&house)),
        ([30_000_000, 0, 345_042, 345_042], 60_667),
        "91 days, and more is due"
    );
    // 60,667 and 91 days of compound interest on it: a half of the first is paid, then the rest and what is due today.
    check(
        &mut house,
        &[
            ("olga: pay r1 2018-12-21 30000", "both 2: received 0+30000, 30000000 left"),
            ("olga: unpay 1", "both 3: reversed 0+30000, 30000000 left"),
            ("olga: pay r2 2018-12-21 30000", "both 4: received 0+30000, 30000000 left"),
        ],
    );
    assert_eq!((balances(&house), off_balance(&house)), ([30_000_000, 0, 345_042, 375_042], 30_667));
    check(
        &mut house,
        &[("olga: pay r3 2018-12-21 376756", "both 5: received 0+375709+1047, 30000000 left; both 6: current")],
    );
    assert_eq!((balances(&house), off_balance(&house)), ([30_000_000, 0, 0, 406_756], 0));
    assert_eq!(house.balance("B9000"), 0);
}

fn interest_paid(house: &mut House) {
    for (on, reference, fen) in [
        ("2018-09-21", "r1", 60_667),
        ("2018-12-21", "r2", 345_042),
        ("2019-03-21", "r3", 341_250),
        ("2019-06-21", "r4", 348_833),
    ] {
        house.says(&format!("day {on}"));
        let said = house.says(&format!("olga: pay {reference} {on} {fen}"));
        assert!(said.starts_with("both"), "{said}");
    }
}

#[test]
fn overdue_principal_stands_apart_and_money_valued_on_the_day_settles_it() {
    let mut house = paid_out();
    interest_paid(&mut house);
    check(&mut house, &[("day 2019-09-06", "both 5: overdue 2019-09-05")]);
    assert_eq!(balances(&house)[..3], [0, 30_000_000, 288_167]);
    // Part of it came in time and is entered a day later.
    check(&mut house, &[("olga: pay r5 2019-09-05 10288167", "both 6: received 10000000+288167, 20000000 left")]);
    assert_eq!(balances(&house)[..3], [0, 20_000_000, 0]);
    // A day of penalty on the rest: 20,000,000 at 6.825 %.
    check(
        &mut house,
        &[("olga: pay r6 2019-09-06 20003792", "both 7: received 20000000+0+3792, 0 left; both 8: settled 2019-09-06")],
    );
    assert_eq!(balances(&house)[..3], [0, 0, 0]);
    assert_eq!(house.loan().unwrap().state, LoanState::Settled);
}

#[test]
fn the_whole_loan_is_repaid_early_by_exactly_what_is_owed_then() {
    let mut house = paid_out();
    check(
        &mut house,
        &[
            ("day 2018-09-21", "-"),
            ("olga: pay r1 2018-09-21 60667", "both 1: received 0+60667, 30000000 left"),
            ("day 2018-11-08", "-"),
            ("olga: prepay r2 30000000", "refused NOT_WHOLE"),
            ("olga: prepay r2 30182001", "refused NOT_WHOLE"),
            ("olga: prepay r1 30182000", "refused REFERENCE_USED"),
            ("olga: prepay r2 30182000", "both 2: received 30000000+182000, 0 left; both 3: prepaid 2018-11-08"),
        ],
    );
    assert_eq!(balances(&house), [0, 0, 0, 242_667]);
    assert_eq!(house.loan().unwrap().state, LoanState::Prepaid);
    assert_eq!(house.says("day 2019-09-06"), "-", "nothing falls due any more");
}

#[test]
fn a_part_of_the_principal_is_repaid_early_and_less_falls_due_from_then_on() {
    let mut house = paid_out();
    check(
        &mut house,
        &[
            ("olga: prepay-part r1 10000000 10000000", "refused NOT_EARLY"),
            ("day 2018-09-21", "-"),
            ("olga: pay r1 2018-09-21 60667", "both 1: received 0+60667, 30000000 left"),
            ("day 2018-11-08", "-"),
            ("olga: prepay-part r2 10000000 10000000", "refused NOT_WHOLE"),
            ("olga: prepay-part r2 30182000 30000000", "refused NOT_EARLY"),
            // 48 days on 100,000 yuan at 4.55 %.
            (
                "olga: prepay-part r2 10060667 10000000",
                "both 2: schedule 2 until 2019-09-05; both 3: received 10000000+60667, 20000000 left",
            ),
            ("olga: unpay 2", "both 4: schedule 3 until 2019-09-05; both 5: reversed 10000000+60667, 30000000 left"),
            (
                "olga: prepay-part r3 10060667 10000000",
                "both 6: schedule 4 until 2019-09-05; both 7: received 10000000+60667, 20000000 left",
            ),
            ("day 2018-12-21", "-"),
            // 91 days on what is left.
            ("olga: pay r4 2018-12-21 230029", "refused MORE_THAN_OWED"),
            ("olga: pay r4 2018-12-21 230028", "both 8: received 0+230028, 20000000 left"),
            ("olga: unpay 3", "refused SUPERSEDED"),
        ],
    );
    assert_eq!(balances(&house), [20_000_000, 0, 0, 351_362]);
}

#[test]
fn a_wrong_receipt_is_reversed_by_name_and_what_it_paid_is_owed_again_from_its_day_on() {
    let mut house = paid_out();
    interest_paid(&mut house);
    check(
        &mut house,
        &[
            ("olga: unpay 5", "refused NO_RECEIPT"),
            ("day 2019-07-01", "-"),
            ("olga: unpay 4", "both 5: reversed 0+348833, 30000000 left; both 6: overdue 2019-06-21"),
            ("olga: unpay 4", "refused REVERSED"),
        ],
    );
    assert_eq!(balances(&house), [30_000_000, 0, 348_833, 1_095_792]);
    // Ten days of compound interest on 348,833: 661.
    check(
        &mut house,
        &[
            ("olga: pay r4 2019-07-01 349494", "refused REFERENCE_USED"),
            ("olga: pay r5 2019-07-01 349494", "both 7: received 0+348833+661, 30000000 left; both 8: current"),
            ("day 2019-09-05", "-"),
            ("olga: pay r6 2019-09-05 1288167", "both 9: received 1000000+288167, 29000000 left"),
            ("olga: unpay 6", "both 10: reversed 1000000+288167, 30000000 left"),
            ("day 2019-09-06", "both 11: overdue 2019-09-05"),
        ],
    );
    assert_eq!(balances(&house)[..3], [0, 30_000_000, 288_167]);
}

#[test]
fn a_partner_that_lacks_reports_hears_them_again_and_nobody_else_does() {
    let mut house = paid_out();
    interest_paid(&mut house);
    check(
        &mut house,
        &[
            ("union-lacks 3", "union 3: received 0+341250, 30000000 left; union 4: received 0+348833, 30000000 left"),
            ("guarantor-lacks 4", "guarantor 4: received 0+348833, 30000000 left"),
            ("union-lacks 9", "-"),
        ],
    );
}

#[test]
fn a_pay_out_with_receipts_is_not_reversed_and_none_of_another_is_paid() {
    let mut house = manual().after(&RELEASED[..8]);
    check(&mut house, &[("olga: pay r1 2018-09-05 1", "refused NOT_PAID_OUT")]);
    let mut house = house.after(&["cleo: release", "max: want-reversal", "cleo: reverse"]);
    check(&mut house, &[("olga: pay r1 2018-09-05 1", "refused NOT_PAID_OUT"), ("day 2018-09-22", "-")]);
}

#[test]
fn the_account_shows_what_is_owed_and_what_was_paid() {
    let mut house = paid_out();
    house.says("day 2018-09-22");
    house.says("olga: pay r1 2018-09-22 667");
    let account = loan_account(house.loan().unwrap(), day("2018-09-22"));
    insta::assert_json_snapshot!(account);
}
