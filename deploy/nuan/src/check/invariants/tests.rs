//! Books of one loan that agree, and each thing in them spoiled.

#![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

use super::*;
use serde_json::{Value, json};

/// Spoils the exports of union, guarantor and bank.
type Spoil = fn(&mut Value, &mut Value, &mut Value);

const ID: &str = "NCD-2018-0001";

/// One loan of 200,000 yuan of which 50,000 and some interest were paid back, and its subsidy.
fn books() -> BTreeMap<Party, Value> {
    let paid_out = json!({ "amount_fen": 20_000_000, "posting_no": "FK-1", "value_date": "2018-03-01" });
    let posting = |id: &str, debit: &str, credit: &str, fen: i64| json!({ "id": id, "debit": debit, "credit": credit, "amount_fen": fen, "at": 1_519_862_400_000_i64 });
    let receipt = json!({
        "no": 1, "kind": "SCHEDULED", "value_date": "2018-06-21", "principal_fen": 5_000_000, "interest_fen": 100_000,
    });
    let union = json!({
        "party": "union", "at": "",
        "balances": { "U1001": 900_000_000, "U3001": 900_000_000, "U9002": 3_000_000, "U9000": -3_000_000,
            "U1002": 900_000, "U3002": 1_000_000, "U5001": 100_000 },
        "postings": [
            posting("open", "U1001", "U3001", 900_000_000),
            posting("commit", "U9002", "U9000", 3_000_000),
            posting("appropriate", "U1002", "U3002", 1_000_000),
            posting("subsidy", "U5001", "U1002", 100_000),
        ],
        "applications": [{
            "application_id": ID, "state": "DISBURSED", "ended": true, "ending": { "outcome": "COMPLETED" },
            "turned_back_at": null, "channel": "STANDARD", "renewal_mode": null, "renewal_reason": null,
            "firm": { "uscc": "91119900XN0000012A", "district": "海淀", "industry_code": "I65" },
            "wish": { "amount_fen": 20_000_000 },
            "reservation": { "state": "COMMITTED", "reserved_fen": 3_000_000, "exposure_fen": 20_000_000, "outstanding_fen": 15_000_000 },
            "letter": { "letter_no": "BH-1" }, "receipt": paid_out, "reversed_on": null,
            "standing": { "loan_state": "ACTIVE", "outstanding_fen": 15_000_000, "settled_on": null },
            "relief": [],
            "subsidies": [{ "period": "2018Q2", "claim_state": "PAID", "amount_fen": 100_000, "posting_no": "TX-1", "ending": null }],
        }],
    });
    let guarantor = json!({
        "party": "guarantor", "at": "",
        "balances": { "G9001/NCD-2018-0001": 15_000_000, "G9000": -15_000_000 },
        "postings": [posting("liable", "G9001/NCD-2018-0001", "G9000", 15_000_000)],
        "guarantees": [{
            "application_id": ID, "letter": { "state": "EFFECTIVE", "letter": { "letter_no": "BH-1" } },
            "repayments": [receipt.clone()],
        }],
    });
    let bank = json!({
        "party": "bank", "at": "",
        "balances": { "B2012": 900_000_000, "B2013": 900_000, "B1003": 896_000_000, "B1301/NCD-2018-0001": 15_000_000, "B2011/X": 10_100_000 },
        "postings": [
            posting("deposit", "B1003", "B2012", 900_000_000),
            posting("appropriated", "B1003", "B2013", 1_000_000),
            posting("pay out", "B1301/NCD-2018-0001", "B2011/X", 20_000_000),
            posting("drawn", "B2011/X", "B1003", 5_000_000),
            posting("repaid", "B2011/X", "B1301/NCD-2018-0001", 5_000_000),
            posting("subsidy", "B2013", "B2011/X", 100_000),
        ],
        "credits": [{ "application_id": ID, "subsidies": [{ "posting_no": "TX-1", "returned_on": null }] }],
        "loans": [{
            "application_id": ID, "uscc": "91119900XN0000012A", "state": "ACTIVE", "method": "BULLET", "term_months": 12,
            "rate_ppm": 45_000, "letter_no": "BH-1", "receipt": paid_out, "receipts": [receipt],
        }],
    });
    BTreeMap::from([(Party::Union, union), (Party::Guarantor, guarantor), (Party::Bank, bank)])
}

fn broken(change: impl FnOnce(&mut Value, &mut Value, &mut Value)) -> BTreeSet<&'static str> {
    let mut books = books();
    let [mut union, mut guarantor, mut bank] =
        [Party::Union, Party::Guarantor, Party::Bank].map(|party| books.remove(&party).unwrap());
    change(&mut union, &mut guarantor, &mut bank);
    let exports = [union, guarantor, bank].map(|export| serde_json::from_value::<Export>(export).unwrap());
    let exports = exports.into_iter().map(|export| (export.party, export)).collect();
    let found = violations(&exports).unwrap();
    found.into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn books_that_agree_break_nothing() {
    assert_eq!(broken(|_, _, _| {}), BTreeSet::new());
}

#[test]
fn each_thing_that_is_wrong_is_found_under_its_invariant() {
    let cases: [(&str, Spoil); 14] = [
        ("I1", |union, _, _| union["balances"]["U3001"] = json!(900_000_001)),
        ("I1", |_, _, bank| bank["postings"][1]["id"] = json!("deposit")),
        ("I2", |_, _, bank| bank["balances"]["B2012"] = json!(1)),
        ("I3", |union, _, _| union["applications"][0]["reservation"]["reserved_fen"] = json!(2_999_999)),
        ("I4", |union, _, _| union["applications"][0]["reservation"]["outstanding_fen"] = json!(4_500_000_001_i64)),
        ("I5", |_, _, bank| bank["loans"][0]["receipts"][0]["principal_fen"] = json!(4_999_999)),
        ("I6", |_, guarantor, _| guarantor["guarantees"][0]["letter"]["state"] = json!("RELEASED")),
        ("I7", |_, guarantor, _| guarantor["guarantees"][0]["letter"]["letter"]["letter_no"] = json!("BH-2")),
        ("I7", |_, _, bank| bank["loans"] = json!([])),
        ("I9", |union, _, _| union["applications"][0]["subsidies"][0]["amount_fen"] = json!(100_001)),
        ("I10", |_, _, bank| bank["loans"][0]["receipt"]["amount_fen"] = json!(50_000_001)),
        ("I11", |union, _, _| union["applications"][0]["receipt"]["posting_no"] = json!("FK-2")),
        ("I11", |_, _, bank| bank["credits"][0]["subsidies"][0]["posting_no"] = json!("TX-2")),
        ("I12", |union, _, _| union["applications"][0]["ended"] = json!(false)),
    ];
    for (at, (invariant, change)) in cases.into_iter().enumerate() {
        let found = broken(change);
        assert!(found.contains(invariant), "{at}: {invariant}, not {found:?}");
    }
}

#[test]
fn a_receipt_that_the_guarantor_has_not_heard_of_and_a_second_live_loan_are_found() {
    assert!(broken(|_, guarantor, _| guarantor["guarantees"][0]["repayments"] = json!([])).contains("I11"));
    let second = |bank: &mut Value| {
        let mut loan = bank["loans"][0].clone();
        loan["application_id"] = json!("NCD-2018-0002");
        bank["loans"].as_array_mut().unwrap().push(loan);
    };
    assert!(broken(|_, _, bank| second(bank)).is_superset(&BTreeSet::from(["I10", "I11"])));
}

#[test]
fn a_missing_export_is_said_and_not_taken_for_empty_books() {
    let union: Export = serde_json::from_value(books().remove(&Party::Union).unwrap()).unwrap();
    let told = violations(&BTreeMap::from([(Party::Union, union)])).unwrap_err().to_string();
    assert_eq!(told, "the export of the guarantor is missing");
}
