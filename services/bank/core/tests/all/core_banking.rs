//! S4 at the port: posted, not posted, closed, unknown; twice, late, wrong, never. Under one key at most one posting.

use crate::harness::*;
use bank_core::IncidentKind;

const POSTED: &str = "union 1: posted CB-1; guarantor 1: loan disbursed CB-1";

fn released() -> House {
    let mut house = with_port().after(&RELEASED[..8]);
    check(&mut house, &[("cleo: release", "order post 30000000 under 1")]);
    house
}

fn incidents(house: &House) -> Vec<IncidentKind> {
    house.case().incidents.iter().filter(|incident| incident.resolved.is_none()).map(|incident| incident.kind).collect()
}

#[test]
fn nothing_is_said_until_the_core_system_answers() {
    let mut house = released();
    assert_eq!((house.booked, house.index().status), (0, "DISBURSING"));
    check(
        &mut house,
        &[
            ("disburse 1", "union 1: unknown"),
            ("query 1", "union 1: unknown"),
            ("disburse 2", "union 2: not taken up OutOfOrder"),
            ("core posted 1", POSTED),
            ("disburse 1", "union 1: posted CB-1"),
        ],
    );
    assert_eq!((house.booked, house.balance("B1301/NCD-2018-0052")), (1, ASKED));
}

#[test]
fn posted_twice_books_once() {
    let mut house = released();
    check(
        &mut house,
        &[("core posted 1", POSTED), ("core posted 1", "-"), ("core unknown 1", "-"), ("core not-posted 1", "-")],
    );
    assert_eq!((house.booked, incidents(&house)), (1, vec![]));
    // A second posting under the key is for a person, once; so is a closing of what is posted.
    check(&mut house, &[("core posted-again 1", "-"), ("core posted-again 1", "-"), ("core closed 1", "-")]);
    assert_eq!(house.booked, 1);
    assert_eq!(incidents(&house), [IncidentKind::PostedTwice, IncidentKind::CoreContradicts]);
    assert_eq!(house.case().paid_out.as_ref().unwrap().receipt.posting_no, "CB-1");
}

#[test]
fn posted_late_after_unknown_is_reported() {
    let mut house = released();
    check(
        &mut house,
        &[
            ("core unknown 1", "union 1: unknown"),
            ("core unknown 1", "-"),
            ("wait 1m", "order ask 1"),
            ("core unknown 1", "-"),
            ("core posted 1", POSTED),
        ],
    );
    assert_eq!(house.index().wake_at, None);
}

#[test]
fn posted_on_a_later_day_bears_the_value_date_of_its_release() {
    let mut house = released();
    house.at = house.at.plus_hours(48);
    check(&mut house, &[("core posted 1", POSTED)]);
    assert_eq!(house.case().paid_out.as_ref().unwrap().receipt.value_date, day("2018-09-05"));
}

#[test]
fn not_posted_counts_only_once_the_key_is_closed() {
    let mut house = released();
    check(
        &mut house,
        &[
            ("core not-posted 1", "order close 1"),
            ("query 1", "union 1: unknown"),
            ("core not-posted 1", "-"),
            ("core closed 1", "union 1: not posted RefusedByCore"),
            ("core closed 1", "-"),
            ("disburse 1", "union 1: not posted RefusedByCore"),
            ("close 1", "union 1: closed"),
            ("disburse 1", "union 1: closed"),
            ("disburse 2", "-"),
        ],
    );
    assert_eq!((house.booked, incidents(&house)), (0, vec![]));
}

#[test]
fn a_posting_after_unknown_key_is_still_heard() {
    // "Unknown key" said it, and posted all the same before the closing reached it.
    let mut house = released();
    check(&mut house, &[("core not-posted 1", "order close 1"), ("core posted 1", POSTED), ("core closed 1", "-")]);
    assert_eq!(house.booked, 1);
}

#[test]
fn a_posting_under_a_closed_key_is_for_a_person() {
    let mut house = released();
    check(
        &mut house,
        &[
            ("core not-posted 1", "order close 1"),
            ("core closed 1", "union 1: not posted RefusedByCore"),
            ("core posted 1", "-"),
            ("core posted 1", "-"),
            ("query 1", "union 1: not posted RefusedByCore"),
        ],
    );
    assert_eq!((house.booked, incidents(&house)), (0, vec![IncidentKind::PostedUnasked]));
}

#[test]
fn a_posting_nobody_ordered_is_for_a_person() {
    for reached in [&["credit 1"][..], &RELEASED[..7]] {
        let mut house = with_port().after(reached);
        check(
            &mut house,
            &[("core posted 1", "-"), ("core unknown 1", "-"), ("core closed 1", "-"), ("core not-posted 1", "-")],
        );
        assert_eq!((house.booked, incidents(&house)), (0, vec![IncidentKind::PostedUnasked]));
    }
    check(&mut with_port(), &[("core posted 1", "refused NOT_FOUND")]);
}

#[test]
fn closing_a_key_in_flight_waits_for_the_core_system() {
    // Closed there: closed here.
    let mut house = released();
    check(
        &mut house,
        &[
            ("close 1", "order close 1"),
            ("close 1", "-"),
            ("core unknown 1", "union 1: unknown"),
            ("core not-posted 1", "-"),
            ("core closed 1", "union 1: closed"),
            ("disburse 1", "union 1: closed"),
        ],
    );
    assert_eq!(house.booked, 0);
    // Posted before: the answer is the posting.
    let mut house = released();
    check(&mut house, &[("close 1", "order close 1"), ("core posted 1", POSTED), ("close 1", "union 1: posted CB-1")]);
    assert_eq!(house.booked, 1);
}

#[test]
fn the_guarantor_is_answered_when_the_outcome_is_known() {
    let rows = [
        ("core posted 1", format!("{POSTED}; guarantor 1: not disbursed: false")),
        ("core closed 1", "union 1: not posted RefusedByCore; guarantor 1: not disbursed: true".into()),
    ];
    for (answer, expected) in rows {
        let mut house = released();
        check(
            &mut house,
            &[("stated? 1", "-"), ("stated? 1", "-"), ("core unknown 1", "union 1: unknown"), (answer, &expected)],
        );
        let not_disbursed = answer == "core closed 1";
        check(&mut house, &[("stated? 1", &format!("guarantor 1: not disbursed: {not_disbursed}"))]);
    }
    // Another letter than the payment's is closed at once.
    check(&mut released(), &[("stated? 2", "guarantor 2: not disbursed: true")]);
}

#[test]
fn a_contract_in_use_is_terminated_only_if_nothing_was_paid() {
    for (answer, expected) in [
        ("core posted 1", format!("{POSTED}; union 1: cannot undo")),
        ("core closed 1", "union 1: not posted RefusedByCore; union 1: undone".into()),
    ] {
        let mut house = released();
        check(
            &mut house,
            &[("terminate 1", "-"), ("terminate 1", "-"), ("cancel 1", "union 1: cannot undo"), (answer, &expected)],
        );
    }
}

#[test]
fn in_its_own_books_the_bank_orders_nothing() {
    let mut house = manual().after(&RELEASED);
    assert!(house.case().payment.is_none() && house.case().paid_out.is_some());
    check(&mut house, &[("core posted 1", "-")]);
    assert_eq!((house.booked, incidents(&house)), (1, vec![IncidentKind::PostedTwice]));
}
