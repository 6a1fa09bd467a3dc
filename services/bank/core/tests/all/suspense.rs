//! S4: the borrower's account is closed. The loan is a loan, its money waits in B2241, and goes once to another account.

use crate::harness::*;
use domain::Date;

/// Contract signed, payment prepared by max.
const PREPARED: [&str; 8] = [
    "credit 1",
    "ann: recommend",
    "bob: approve",
    "letter 1",
    "contract 1",
    "olga: sign",
    "disburse 1",
    "max: prepare",
];

fn suspense(house: &House) -> i64 {
    house.balance(&format!("B2241/{}", id()))
}

fn borrower(house: &House) -> i64 {
    house.balance(&format!("B2011/{}", firm().uscc))
}

fn tasks(house: &House) -> Vec<(String, Date)> {
    house
        .index()
        .tasks
        .into_iter()
        .map(|task| (task.task_id.rsplit('/').next().unwrap().to_owned(), task.due_at.date()))
        .collect()
}

#[test]
fn money_for_a_closed_account_waits_in_suspense_and_the_loan_is_a_loan_for_everybody() {
    let (mut paid, mut suspended) = (manual().after(&PREPARED), manual().after(&PREPARED));
    let said = suspended.says("cleo: suspend");
    assert_eq!(said, paid.says("cleo: release"), "union and guarantor are told the same");
    assert_eq!((suspense(&suspended), borrower(&suspended)), (ASKED, 0));
    assert_eq!(suspended.balance(&format!("B1301/{}", id())), ASKED);
    assert_eq!(suspended.loan().unwrap().state.code(), "ACTIVE");
    assert_eq!(suspended.index().status, "DISBURSED");
    let due = tasks(&suspended);
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].0, "prepare-correction");
}

#[test]
fn maker_and_checker_move_it_to_the_account_that_is_named_instead_once() {
    let mut house = manual().after(&PREPARED);
    assert_eq!(house.says("max: enter"), "refused NO_TASK");
    house.run("cleo: suspend").unwrap();
    check(
        &mut house,
        &[
            ("max: enter", "-"),
            ("max: move", "refused FOUR_EYES"),
            ("cleo: return-account", "-"),
            ("cleo: move", "refused NO_TASK"),
            ("max: enter", "-"),
            ("cleo: move", "-"),
            ("cleo: move", "refused NO_TASK"),
            ("max: enter", "refused NO_TASK"),
        ],
    );
    assert_eq!((suspense(&house), borrower(&house)), (0, ASKED));
    let moved = house.case().paid_out.as_ref().unwrap().in_suspense.clone().unwrap();
    assert_eq!(moved.prepared.unwrap().account, "tok-2");
    assert_eq!(moved.released.unwrap().by.0, "cleo");
}

#[test]
fn a_core_banking_system_says_itself_that_the_account_is_closed() {
    let mut house = with_port().after(&PREPARED);
    assert_eq!(house.says("cleo: suspend"), "refused CORE_SAYS");
    house.run("cleo: release").unwrap();
    house.run("core in-suspense 1").unwrap();
    assert_eq!((suspense(&house), borrower(&house)), (ASKED, 0));
    // Said again it is the same posting.
    assert_eq!(house.says("core in-suspense 1"), "-");
    assert!(house.index().incidents.is_empty());
    house.run("max: enter").unwrap();
    house.run("cleo: move").unwrap();
    assert_eq!((suspense(&house), borrower(&house)), (0, ASKED));
}
