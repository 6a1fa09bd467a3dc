//! Facts and rows as they are stored. A change here is a change of what old journals and databases must still be read as.

use crate::harness::*;
use bank_core::{CoreBanking, Fact, Row, rows};
use organisation::participant::{Fact as Owed, Step as _};
use std::collections::{BTreeMap, BTreeSet};

/// One fact of each kind, from lives of an application that together meet them all.
fn one_of_each() -> BTreeMap<String, Fact> {
    let paid_back = [
        &RELEASED[..],
        &[
            "core posted 1",
            "day 2018-09-21",
            "olga: pay r1 2018-09-21 60667",
            "olga: unpay 1",
            "day 2018-09-22",
            "olga: pay r2 2018-09-21 60667",
            "day 2018-11-08",
            "olga: prepay r3 30182000",
        ],
    ]
    .concat();
    let overdue = [&RELEASED[..], &["core posted 1", "day 2018-12-21", "day 2019-09-06"]].concat();
    let lives: [&[&str]; 11] = [
        &["disburse 1", "close 1"],
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
            "terminate 1",
            "core closed 1",
        ],
        &["credit 1", "wait 100000m", "ann: recommend", "bob: return", "ann: advise", "bob: decline"],
        &["credit 1", "cancel 1"],
        &["credit 1", "ann: recommend", "bob: approve", "contract 1", "stated? 1"],
        &[
            "credit 1",
            "ann: recommend",
            "bob: approve",
            "letter 1",
            "contract 1",
            "olga: sign",
            "disburse 1",
            "max: prepare",
            "cleo: return-payment",
            "max: prepare",
            "cleo: release",
            "stated? 1",
            "core unknown 1",
            "wait 300m",
            "core posted 1",
        ],
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
        &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign", "terminate 1"],
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
            "core in-suspense 1",
            "max: enter",
            "cleo: return-account",
            "max: enter",
            "cleo: move",
            "max: want-reversal",
            "cleo: return-reversal",
            "max: want-reversal",
            "cleo: reverse",
        ],
        &paid_back,
        &overdue,
    ];
    let relieved = [
        &RELEASED[..],
        &[
            "relief 1",
            "ann: propose defer=2018-09-21/2018-10-21",
            "switch 1",
            "close-switch 1",
            "switch 2",
            "consent 1",
        ],
    ]
    .concat();
    let mut facts = BTreeMap::new();
    let lived = lives.into_iter().flat_map(|life| House::new(CoreBanking::Port, BTreeSet::new()).after(life).facts);
    let listed = [
        &paid_back[..],
        &[
            "day 2019-01-18",
            "max: list-subsidies 2018Q4",
            "cleo: return-subsidies 2018Q4",
            "max: list-subsidies 2018Q4",
            "cleo: release-subsidies 2018Q4",
        ],
    ]
    .concat();
    let mut subsidised = House::new(CoreBanking::Port, BTreeSet::new()).after(&listed);
    subsidised.command("root", bank_core::Command::OpenBooks { deposit_fen: domain::Fen::new(1) }).unwrap();
    let subsidised = subsidised.after(&["olga: appropriate 500000", "subsidise 1", "olga: take-subsidy-back 2018Q4"]);
    let unidentified = manual().after(&[
        "olga: unknown M1 2018-09-05 500",
        "olga: give-money-back M1",
        "cleo: return-money M1",
        "olga: give-money-back M1",
        "cleo: book M1",
    ]);
    let mut late = manual().after(&["olga: unknown M1 2018-09-05 500"]);
    late.at = late.at.plus_hours(24 * 30);
    late.take(&organisation::Input::Due(rows::unidentified("M1"))).unwrap();
    let unidentified = unidentified.facts.into_iter().chain(late.facts);
    let all: Vec<Fact> =
        lived.chain(under_relief().after(&relieved).facts).chain(subsidised.facts).chain(unidentified).collect();
    {
        for fact in all {
            let json = serde_json::to_value(&fact).unwrap();
            let mut kind = json.as_object().unwrap().keys().next().unwrap().clone();
            // What is owed to a key is stored in as many ways as there is to say.
            if let Fact::Owed(Owed::RequestMoved { step, request, .. }) = &fact {
                kind = format!("{kind}: {}, {request}", step.name());
            }
            if let Fact::Loan(_) = &fact {
                kind = format!("loan: {}", json["loan"].as_object().unwrap().keys().next().unwrap());
            }
            if let Fact::Money(_) = &fact {
                kind = format!("money: {}", json["money"].as_object().unwrap().keys().next().unwrap());
            }
            facts.entry(kind).or_insert(fact);
        }
    }
    facts
}

/// The programme's charter is pinned by its own crate: its hash is none of this crate's business.
fn without_hash(stored: &impl serde::Serialize) -> serde_json::Value {
    let text = serde_json::to_string(stored).unwrap();
    let hash = with_port().charter.to_hex();
    assert!(text.contains(&hash));
    serde_json::from_str(&text.replace(&hash, "<charter>")).unwrap()
}

#[test]
fn facts_are_stored_as_pinned() {
    let facts = one_of_each();
    let kinds: BTreeSet<&str> = facts.keys().filter_map(|kind| kind.split(':').next()).collect();
    assert_eq!(kinds.len(), 48, "a fact of each kind is pinned: {kinds:?}");
    assert_eq!(
        facts.keys().filter(|kind| kind.starts_with("loan: ")).count(),
        13,
        "and of each kind of the loan's life"
    );
    assert_eq!(facts.keys().filter(|kind| kind.starts_with("money: ")).count(), 5);
    for fact in facts.values() {
        let text = serde_json::to_string(fact).unwrap();
        assert_eq!(&serde_json::from_str::<Fact>(&text).unwrap(), fact);
    }
    insta::assert_json_snapshot!(without_hash(&facts));
}

#[test]
fn rows_are_stored_as_pinned() {
    let waiting = with_port().after(&RELEASED).after(&["stated? 1", "core unknown 1", "cancel 9", "stated? 3"]);
    let done = manual().after(&RELEASED);
    let stored = |house: &House| -> Vec<Row> {
        [rows::case(&id()), rows::loan(&id())].iter().filter_map(|key| house.rows.own(key).unwrap().cloned()).collect()
    };
    let unknown = manual().after(&["olga: unknown M1 2018-09-05 500", "olga: give-money-back M1"]);
    let money = unknown.rows.own(&rows::unidentified("M1")).unwrap().cloned();
    let all = [stored(&waiting), stored(&done), money.into_iter().collect()];
    for row in all.iter().flatten() {
        let text = serde_json::to_string(row).unwrap();
        assert_eq!(&serde_json::from_str::<Row>(&text).unwrap(), row);
    }
    insta::assert_json_snapshot!(without_hash(&all));
}

#[test]
fn an_empty_case_is_small() {
    let case = bank_core::case::Case::new(id());
    let text = serde_json::to_string(&Row::Case(Box::new(case))).unwrap();
    assert_eq!(text, r#"{"case":{"id":"NCD-2018-0052","contracts_signed":0,"payments_ordered":0}}"#);
}
