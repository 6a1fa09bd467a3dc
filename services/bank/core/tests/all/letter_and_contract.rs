//! S1 steps 7 and 8: the letter from the guarantor, the ask from the union, in either order.

use crate::harness::*;
use bank_core::rows::LoanState;
use contracts::{Letter, Message};

const APPROVED: [&str; 3] = ["credit 1", "ann: recommend", "bob: approve"];

#[test]
fn letter_and_ask_may_come_in_either_order() {
    for order in [["letter 1", "contract 1"], ["contract 1", "letter 1"]] {
        let mut house = manual().after(&APPROVED);
        check(
            &mut house,
            &[
                (order[0], "-"),
                ("olga: sign", "refused NO_TASK"),
                (order[1], "-"),
                ("olga: sign", "union 1: signed JK-NCD-2018-0052-1"),
                ("contract 1", "union 1: signed JK-NCD-2018-0052-1"),
            ],
        );
        let loan = house.loan().unwrap();
        assert_eq!((loan.state, loan.contract_no.as_str()), (LoanState::Pending, "JK-NCD-2018-0052-1"));
        assert_eq!(house.index().status, "READY");
    }
}

#[test]
fn a_contract_that_waits_for_its_letter_can_be_taken_back() {
    let mut house = manual().after(&APPROVED);
    check(
        &mut house,
        &[
            ("contract 1", "-"),
            ("terminate 1", "union 1: undone"),
            ("letter 1", "-"),
            ("olga: sign", "refused NO_TASK"),
            ("contract 1", "union 1: undone"),
            ("contract 2", "-"),
            ("letter 2", "refused LETTER_OPEN"),
        ],
    );
}

#[test]
fn a_contract_follows_the_approval_and_the_letter_or_is_out_of_order() {
    // Which field is wrong, and whether the letter is there first.
    let rows: [(&str, bool); 8] = [
        ("amount", false),
        ("amount", true),
        ("term", false),
        ("term", true),
        ("nothing approved", false),
        ("letter too small", true),
        ("letter closed", true),
        ("another stands", true),
    ];
    for (wrong, letter_first) in rows {
        let mut house = manual();
        if wrong != "nothing approved" {
            house = house.after(&APPROVED);
        }
        let mut present = house.input("letter 1").unwrap();
        if let ("letter too small", Message::PresentLetter(present)) = (wrong, &mut present) {
            let less = amount(ASKED - 1);
            let l = &mut present.letter;
            l.amount_fen = less;
            l.hash = Letter::digest(&l.letter_no, less, l.issued_on, l.valid_until, l.period_months);
        }
        if letter_first {
            house.hear(present).unwrap();
        }
        let Ok(Message::SignLoanContract(mut ask)) = house.input("contract 1") else { panic!() };
        match wrong {
            "amount" => ask.amount_fen = amount(ASKED + 1),
            "term" => ask.term_months += 1,
            "letter closed" => {
                house.run("stated? 1").unwrap();
            }
            "another stands" => {
                house.run("contract 2").unwrap();
            }
            _ => {}
        }
        let said = words(&house.hear(Message::SignLoanContract(ask)));
        assert_eq!(said, "union 1: not taken up OutOfOrder", "{wrong}");
        assert!(house.says("olga: sign").starts_with("refused NO"), "{wrong}");
    }
}

#[test]
fn a_contract_may_be_for_less_than_was_approved_and_then_no_more_is_paid_out() {
    let mut house = manual().after(&APPROVED).after(&["letter 1"]);
    let Ok(Message::SignLoanContract(mut ask)) = house.input("contract 1") else { panic!() };
    ask.amount_fen = amount(ASKED - 1);
    assert_eq!(words(&house.hear(Message::SignLoanContract(ask))), "-");
    house.run("olga: sign").unwrap();
    assert_eq!(house.case().contract.as_ref().unwrap().terms.amount_fen, amount(ASKED - 1));
    assert_eq!(house.case().approval().unwrap().amount_fen, amount(ASKED), "the approval stays what it was");
}

#[test]
fn a_letter_that_came_too_small_ends_the_waiting() {
    let mut house = manual().after(&APPROVED).after(&["contract 1"]);
    let less = amount(ASKED - 1);
    let Ok(Message::PresentLetter(mut present)) = house.input("letter 1") else { panic!() };
    let l = &mut present.letter;
    l.amount_fen = less;
    l.hash = Letter::digest(&l.letter_no, less, l.issued_on, l.valid_until, l.period_months);
    assert_eq!(words(&house.hear(Message::PresentLetter(present))), "union 1: not taken up OutOfOrder");
    check(&mut house, &[("contract 1", "union 1: not taken up OutOfOrder"), ("terminate 1", "union 1: undone")]);
}

#[test]
fn a_letter_is_taken_only_intact_and_only_once() {
    let mut house = manual();
    let before = house.facts.len();
    let forge = |change: fn(&mut Letter)| {
        let Ok(Message::PresentLetter(mut present)) = manual().input("letter 1") else { panic!() };
        change(&mut present.letter);
        Message::PresentLetter(present)
    };
    for change in [
        (|l| l.amount_fen = amount(ASKED + 1)) as fn(&mut Letter),
        |l| l.letter_no.push('1'),
        |l| l.valid_until = day("2019-10-05"),
        |l| l.issued_on = day("2018-09-04"),
        |l| l.period_months = 7,
        |l| l.hash.clear(),
    ] {
        assert_eq!(words(&house.hear(forge(change))), "refused LETTER_HASH");
    }
    assert_eq!(house.facts.len(), before, "a forged letter leaves nothing behind");
    check(&mut house, &[("letter 1", "-"), ("letter 1", "-"), ("letter 2", "refused LETTER_OPEN")]);
    // The same number with another content, each with its right hash.
    let other = forge(|l| {
        l.period_months = 7;
        l.hash = Letter::digest(&l.letter_no, l.amount_fen, l.issued_on, l.valid_until, l.period_months);
    });
    assert_eq!(words(&house.hear(other)), "refused LETTER_DIFFERS");
    assert_eq!(house.case().letter, Some(letter("BH-NCD-2018-0052-1")));
}

#[test]
fn a_letter_closed_is_closed_for_ever_even_before_it_came() {
    let mut house = manual();
    check(
        &mut house,
        &[
            ("stated? 1", "guarantor 1: not disbursed: true"),
            ("letter 1", "refused LETTER_CLOSED"),
            ("stated? 1", "guarantor 1: not disbursed: true"),
            ("letter 2", "-"),
        ],
    );
}

#[test]
fn closing_the_letter_drops_a_contract_that_is_not_signed() {
    let mut house = manual().after(&APPROVED).after(&["letter 1", "contract 1"]);
    check(
        &mut house,
        &[
            ("stated? 1", "union 1: not taken up OutOfOrder; guarantor 1: not disbursed: true"),
            ("olga: sign", "refused NO_TASK"),
            ("contract 2", "-"),
            ("letter 2", "-"),
            ("olga: sign", "union 2: signed JK-NCD-2018-0052-1"),
        ],
    );
}

#[test]
fn a_contract_terminated_unused_gives_way_to_another() {
    let mut house = manual().after(&CONTRACTED);
    check(
        &mut house,
        &[
            ("contract 2", "union 2: not taken up OutOfOrder"),
            ("terminate 1", "union 1: undone"),
            ("terminate 1", "union 1: undone"),
            ("contract 1", "union 1: undone"),
        ],
    );
    assert_eq!(house.loan().unwrap().state, LoanState::Terminated);
    // Another contract under the letter that is still there.
    let Ok(Message::SignLoanContract(mut ask)) = house.input("contract 3") else { panic!() };
    ask.letter_no = "BH-NCD-2018-0052-1".into();
    assert_eq!(words(&house.hear(Message::SignLoanContract(ask))), "-");
    check(&mut house, &[("olga: sign", "union 3: signed JK-NCD-2018-0052-2")]);
    assert_eq!(house.loan().unwrap().state, LoanState::Pending);
}

#[test]
fn the_guarantors_conditions_are_shown_before_signing_and_kept_in_the_contract() {
    let mut house = manual().after(&["credit 1", "ann: recommend", "bob: approve", "letter 1"]);
    let Ok(Message::SignLoanContract(mut ask)) = house.input("contract 1") else { panic!() };
    ask.conditions = vec!["按季报送报表".into()];
    house.hear(Message::SignLoanContract(ask)).unwrap();
    assert_eq!(bank_core::summary(house.case())["conditions"], serde_json::json!(["按季报送报表"]));
    house.run("olga: sign").unwrap();
    assert_eq!(house.case().contract.as_ref().unwrap().conditions, ["按季报送报表"]);
}
