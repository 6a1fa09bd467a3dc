//! S5: money of which nobody knows for which loan waits in B2241, is assigned or given back by two persons, and never counts twice.

use crate::harness::*;
use bank_core::{Bank, Row, rows, unidentified::Unidentified};
use domain::Moment;
use organisation::{Input, Organisation};

fn paid_out() -> House {
    manual().after(&RELEASED).after(&["day 2018-09-21"])
}

fn money<'h>(house: &'h House, reference: &str) -> &'h Unidentified {
    match house.rows.own(&rows::unidentified(reference)) {
        Ok(Some(Row::Unidentified(money))) => money,
        other => panic!("{reference} is {other:?}"),
    }
}

fn suspense(house: &House, reference: &str) -> i64 {
    house.balance(&format!("B2241/UM-{reference}"))
}

#[test]
fn it_waits_in_suspense_until_it_is_assigned_and_counts_from_the_day_on_which_it_came() {
    let mut house = paid_out();
    check(&mut house, &[("olga: unknown M1 2018-09-21 60667", "-")]);
    assert_eq!(
        (suspense(&house, "M1"), house.balance("B1003"), money(&house, "M1").state()),
        (60_667, 60_667, "UNIDENTIFIED")
    );
    let task = Bank::index(&Row::Unidentified(Box::new(money(&house, "M1").clone()))).tasks.remove(0);
    assert_eq!((task.task_id.as_str(), task.role.as_str()), ("UM-M1/identify-money", "operations"));
    assert_eq!(task.due_at, Moment::end_of(day("2018-09-29")), "five working days, one of them a make-up day");
    check(
        &mut house,
        &[
            // What is paid to nobody yet pays nothing: the loan falls overdue.
            ("day 2018-09-26", "both 1: overdue 2018-09-21"),
            ("cleo: book M1", "refused NO_TASK"),
            ("olga: assign M1", "-"),
            ("olga: assign M1", "refused NO_TASK"),
            ("olga: book M1", "refused FOUR_EYES"),
            ("cleo: return-money M1", "-"),
            ("olga: assign M1", "-"),
            // With the value of the day on which it came: nothing was ever late, so no compound interest.
            ("cleo: book M1", "both 2: received 0+60667, 30000000 left; both 3: current"),
            ("cleo: book M1", "refused NO_TASK"),
        ],
    );
    assert_eq!((suspense(&house, "M1"), house.balance("B1003"), money(&house, "M1").state()), (0, 60_667, "ASSIGNED"));
    assert_eq!(house.balance(&format!("B1132/{}", id())), 0);
    assert!(money(&house, "M1").task.is_none());
}

#[test]
fn it_goes_back_to_whoever_sent_it() {
    let mut house = paid_out();
    check(
        &mut house,
        &[("olga: unknown M1 2018-09-20 500", "-"), ("olga: give-money-back M1", "-"), ("cleo: book M1", "-")],
    );
    assert_eq!((suspense(&house, "M1"), house.balance("B1003"), money(&house, "M1").state()), (0, 0, "GIVEN_BACK"));
}

#[test]
fn a_reference_is_used_once_in_all_books() {
    let mut house = paid_out();
    check(
        &mut house,
        &[
            ("olga: unknown M1 2018-09-21 60667", "-"),
            ("olga: unknown M1 2018-09-21 60667", "refused REFERENCE_USED"),
            ("olga: pay M1 2018-09-21 60667", "refused REFERENCE_USED"),
            ("olga: pay r1 2018-09-21 60667", "both 1: received 0+60667, 30000000 left"),
            ("olga: unknown r1 2018-09-21 1", "refused REFERENCE_USED"),
            ("olga: unknown M2 2018-09-22 1", "refused VALUE_DATE"),
            ("olga: assign M9", "refused NOT_FOUND"),
        ],
    );
}

#[test]
fn what_the_loan_does_not_take_stays_in_suspense_and_can_be_given_back() {
    let mut house = paid_out();
    check(
        &mut house,
        &[
            ("olga: unknown M1 2018-09-21 60668", "-"),
            ("olga: assign M1", "-"),
            ("cleo: book M1", "refused MORE_THAN_OWED"),
            ("cleo: return-money M1", "-"),
            ("olga: give-money-back M1", "-"),
            ("cleo: book M1", "-"),
        ],
    );
    let mut nothing_lent = manual();
    check(
        &mut nothing_lent,
        &[("olga: unknown M1 2018-09-05 1", "-"), ("olga: assign M1", "refused NO_LOAN"), ("day 2018-09-06", "-")],
    );
    assert_eq!(suspense(&nothing_lent, "M1"), 1);
}

#[test]
fn whoever_has_it_is_reminded_and_nothing_is_decided() {
    let mut house = paid_out().after(&["olga: unknown M1 2018-09-21 60667"]);
    let mut times = 0;
    while let Some(wake) = Bank::index(&Row::Unidentified(Box::new(money(&house, "M1").clone()))).wake_at {
        house.at = wake;
        house.take(&Input::Due(rows::unidentified("M1"))).unwrap();
        times += 1;
    }
    assert_eq!(times, 3, "at half, at most and at the end of its time");
    let task = Bank::index(&Row::Unidentified(Box::new(money(&house, "M1").clone()))).tasks.remove(0);
    assert!(task.escalated && suspense(&house, "M1") == 60_667);
}
