//! A step under a charter that the bank has not accepted is refused, and stays refused.

use crate::harness::*;
use contracts::Message;
use domain::{Charter, CharterHash};

#[test]
fn an_ask_under_an_unknown_charter_is_not_taken_up() {
    for what in ["credit", "contract", "disburse"] {
        let mut house = manual().after(if what == "credit" { &[] } else { &CONTRACTED });
        let known = house.charter;
        house.charter = CharterHash::from_bytes([7; 32]);
        let first = house.says(&format!("{what} 2"));
        assert_eq!(first, "union 2: not taken up CharterNotAccepted", "{what}");
        // Its key is spent: the right charter does not revive it.
        house.charter = known;
        assert_eq!(house.says(&format!("{what} 2")), first, "{what}");
    }
}

#[test]
fn an_application_stays_with_the_charter_it_was_filed_under() {
    let mut house = manual().after(&CONTRACTED);
    let mut other = Charter::programme_2017();
    other.version = 2;
    let mut charters = (*house.bank.charters).clone();
    house.charter = charters.accept(other).unwrap();
    house.bank.charters = charters.into();
    check(
        &mut house,
        &[("disburse 1", "union 1: not taken up OutOfOrder"), ("contract 2", "union 2: not taken up OutOfOrder")],
    );
}

#[test]
fn one_key_names_one_step() {
    let mut house = manual().after(&CONTRACTED);
    let Ok(Message::ApproveCredit(ask)) = house.input("credit 1") else { panic!() };
    let Ok(Message::Disburse(mut pay)) = house.input("disburse 1") else { panic!() };
    pay.about = ask.about;
    let before = house.facts.len();
    assert_eq!(words(&house.hear(Message::Disburse(pay))), "refused KEY_REUSED");
    assert_eq!(house.facts.len(), before);
}
