//! Every message in every state, pinned; and every message twice.

use crate::harness::*;
use std::fmt::Write as _;

const MESSAGES: [&str; 9] =
    ["credit 1", "cancel 1", "letter 1", "stated? 1", "contract 1", "terminate 1", "disburse 1", "query 1", "close 1"];

const CORE: [&str; 6] = [
    "core posted 1",
    "core posted-again 1",
    "core in-suspense 1",
    "core not-posted 1",
    "core closed 1",
    "core unknown 1",
];

/// Every state of a case, by a way that leads there.
const STATES: [(&str, &[&str]); 21] = [
    ("nothing heard", &[]),
    ("credit cancelled before it was asked", &["cancel 1"]),
    ("under investigation", &["credit 1"]),
    ("under decision", &["credit 1", "ann: recommend"]),
    ("declined", &["credit 1", "ann: recommend", "bob: decline"]),
    ("approved", &["credit 1", "ann: recommend", "bob: approve"]),
    ("approval cancelled", &["credit 1", "ann: recommend", "bob: approve", "cancel 1"]),
    ("contract waits for letter", &["credit 1", "ann: recommend", "bob: approve", "contract 1"]),
    ("letter waits for contract", &["credit 1", "ann: recommend", "bob: approve", "letter 1"]),
    ("contract to be signed", &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1"]),
    ("contract signed", &CONTRACTED),
    (
        "contract terminated",
        &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign", "terminate 1"],
    ),
    (
        "letter closed",
        &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign", "stated? 1"],
    ),
    (
        "key closed before it was ordered",
        &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign", "close 1"],
    ),
    (
        "payment to be prepared",
        &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign", "disburse 1"],
    ),
    (
        "payment not posted",
        &[
            "credit 1",
            "ann: recommend",
            "bob: approve",
            "letter 1",
            "contract 1",
            "olga: sign",
            "stated? 1",
            "disburse 1",
        ],
    ),
    ("payment at the core system", &RELEASED),
    (
        "payment unknown",
        &[
            "credit 1",
            "ann: recommend",
            "bob: approve",
            "letter 1",
            "contract 1",
            "olga: sign",
            "disburse 1",
            "max: prepare",
            "cleo: release",
            "core unknown 1",
        ],
    ),
    (
        "payment being closed",
        &[
            "credit 1",
            "ann: recommend",
            "bob: approve",
            "letter 1",
            "contract 1",
            "olga: sign",
            "disburse 1",
            "max: prepare",
            "cleo: release",
            "close 1",
        ],
    ),
    (
        "paid out",
        &[
            "credit 1",
            "ann: recommend",
            "bob: approve",
            "letter 1",
            "contract 1",
            "olga: sign",
            "disburse 1",
            "max: prepare",
            "cleo: release",
            "core posted 1",
        ],
    ),
    (
        "refused by the core system",
        &[
            "credit 1",
            "ann: recommend",
            "bob: approve",
            "letter 1",
            "contract 1",
            "olga: sign",
            "disburse 1",
            "max: prepare",
            "cleo: release",
            "core closed 1",
        ],
    ),
];

#[test]
fn every_message_in_every_state_is_answered_as_pinned() {
    let mut text = String::new();
    for (state, way) in STATES {
        writeln!(text, "## {state}").unwrap();
        for line in MESSAGES.into_iter().chain(CORE) {
            let said = with_port().after(way).says(line);
            writeln!(text, "{line:<20} {said}").unwrap();
            assert!(!said.starts_with("illegal"), "{state}: {line}: {said}");
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_message_that_comes_twice_changes_nothing_the_second_time() {
    for (state, way) in STATES {
        for line in MESSAGES.into_iter().chain(CORE) {
            let mut house = with_port().after(way);
            let first = house.says(line);
            let (facts, booked) = (house.facts.len(), house.booked);
            let case = house.rows.own(&bank_core::rows::case(&id())).unwrap().cloned();
            let second = house.says(line);
            assert_eq!(house.facts.len(), facts, "{state}: {line} records {:?} again", house.facts.last());
            assert_eq!((house.rows.own(&bank_core::rows::case(&id())).unwrap().cloned(), house.booked), (case, booked));
            // What was answered is answered alike; work that began is not begun again.
            let repeats = first.split("; ").any(|said| said == second) || second == "-" || second == "union 1: unknown";
            assert!(repeats, "{state}: {line}: first {first}, then {second}");
        }
    }
}

#[test]
fn every_fact_rebuilds_the_rows_it_changed() {
    for (state, way) in STATES {
        let house = with_port().after(way);
        let mut rows = organisation::Rows::default();
        for key in [bank_core::rows::case(&id()), bank_core::rows::loan(&id())] {
            rows.load(key, None, 0);
        }
        for fact in &house.facts {
            <bank_core::Bank as organisation::Organisation>::apply(&mut rows, fact).unwrap();
        }
        for key in [bank_core::rows::case(&id()), bank_core::rows::loan(&id())] {
            let then = house.rows.own(&key).unwrap_or_default();
            assert_eq!(rows.own(&key).unwrap(), then, "{state}: {key}");
        }
    }
}
