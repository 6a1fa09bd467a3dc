//! The programme as a whole (S13): two persons top up, suspend and resume; what waits meanwhile, and goes on in order.

use super::office::*;
use domain::{Amount, Date, Fen};
use organisation::Did;
use union_core::{Command, programme::Control};

/// A deposit that carries one loan of `AMOUNT`, not two.
const NARROW: i64 = 10_000_000;
const MANAGER: &str = "fund_manager";
const APPROVER: &str = "approver";
/// The order to pay out.
const ORDER: &str = "disbursement.disburse";

fn want(control: Control) -> Command {
    Command::Control { control, because: "工会决定".into() }
}

fn top_up(fen: i64) -> Control {
    Control::TopUp { amount_fen: Amount::new(Fen::new(fen)).unwrap() }
}

/// Two persons decide it.
fn together(office: &mut Office, control: Control) {
    office.act("wang", MANAGER, want(control));
    office.act("he", APPROVER, want(control));
}

/// The code of a refusal, which changes nothing.
fn refused(office: &mut Office, person: &str, role: &str, command: Command) -> String {
    let before = office.store.clone();
    let refusal = office.refused(person, role, command);
    assert_eq!(office.store, before, "a refusal changes nothing");
    refusal.code
}

#[test]
fn what_one_proposes_another_confirms_by_wanting_the_same() {
    let mut office = Office::open(NARROW);
    let did = |office: &mut Office, person: &str, role: &str, command: Command| {
        office.act(person, role, command).answer.unwrap().did
    };
    assert_eq!(did(&mut office, "wang", MANAGER, want(Control::Suspend)), Did::Proposed);
    assert!(!office.programme().suspended, "one person alone changes nothing");
    assert_eq!(refused(&mut office, "wang", MANAGER, want(Control::Suspend)), "FOUR_EYES");
    // The same person under another role is the same person.
    assert_eq!(refused(&mut office, "wang", APPROVER, want(Control::Suspend)), "FOUR_EYES");
    assert_eq!(refused(&mut office, "he", APPROVER, want(top_up(1))), "PROPOSAL_OPEN");
    assert_eq!(did(&mut office, "he", APPROVER, want(Control::Suspend)), Did::Changed);
    let now = office.programme();
    assert!(now.suspended && now.proposal.is_none());
    let decided = now.decided.last().unwrap();
    assert_eq!((decided.proposal.by.to_string(), decided.by.to_string()), ("wang".into(), "he".into()));

    assert_eq!(refused(&mut office, "wang", MANAGER, want(Control::Suspend)), "SUSPENDED");
    together(&mut office, Control::Resume);
    assert!(!office.programme().suspended);
    assert_eq!(refused(&mut office, "wang", MANAGER, want(Control::Resume)), "NOT_SUSPENDED");
}

#[test]
fn who_has_no_business_with_it_says_no_reason_or_too_much_is_refused() {
    let mut office = Office::open(NARROW);
    for role in [INTAKE, OPERATOR, APPLICANT] {
        assert_eq!(refused(&mut office, "li", role, want(Control::Suspend)), "FORBIDDEN");
    }
    let silent = Command::Control { control: Control::Suspend, because: " ".into() };
    assert_eq!(refused(&mut office, "wang", MANAGER, silent), "REASON");
    let mut closed = Office::closed();
    assert_eq!(refused(&mut closed, "wang", MANAGER, want(top_up(1))), "BOOKS_NOT_OPEN");
}

#[test]
fn a_proposal_can_be_taken_back_and_then_does_nothing() {
    let mut office = Office::open(NARROW);
    let back = || Command::DropProposal { because: "金额有误".into() };
    assert_eq!(refused(&mut office, "wang", MANAGER, back()), "NO_PROPOSAL");
    office.act("wang", MANAGER, want(top_up(NARROW)));
    office.act("he", APPROVER, back());
    assert_eq!(office.programme().proposal, None);
    // What the other wants now is a proposal of its own.
    office.act("he", APPROVER, want(top_up(NARROW)));
    assert_eq!((office.balance("U1001"), office.programme().proposals), (NARROW, 2));
}

#[test]
fn a_top_up_is_booked_once_and_lets_the_queue_go_on_first_in_first_out() {
    let mut office = Office::open(NARROW);
    for number in 1..=4 {
        office.eligible(number, AMOUNT);
    }
    assert_eq!(office.queue(), [2, 3, 4]);
    // Twice its share is 12,000,000.
    let more = 2_000_000;
    together(&mut office, top_up(more));
    assert_eq!((office.balance("U1001"), office.balance("U3001")), (NARROW + more, NARROW + more));
    assert_eq!((office.status(2), office.queue()), ("GUARANTEE_REVIEW", vec![3, 4]));
    // The same amount again is another top-up.
    together(&mut office, top_up(more));
    assert_eq!((office.balance("U1001"), office.queue()), (NARROW + 2 * more, vec![3, 4]));
    together(&mut office, top_up(NARROW));
    assert_eq!(office.queue(), Vec::<u32>::new());
}

#[test]
fn while_suspended_nothing_is_reserved_and_the_queue_keeps_its_order() {
    let mut office = Office::open(10 * NARROW);
    office.eligible(1, AMOUNT);
    together(&mut office, Control::Suspend);
    for number in 2..=4 {
        office.eligible(number, AMOUNT);
    }
    assert_eq!(office.queue(), [2, 3, 4]);
    assert_eq!(office.status(2), "QUEUED");
    // Money that becomes free, or comes, changes nothing.
    together(&mut office, top_up(NARROW));
    assert_eq!(office.queue(), [2, 3, 4]);
    office.withdraw(3);
    together(&mut office, Control::Resume);
    assert_eq!(office.queue(), Vec::<u32>::new());
    assert_eq!((office.status(2), office.status(4)), ("GUARANTEE_REVIEW", "GUARANTEE_REVIEW"));
    let reserved: Vec<String> = office
        .journal
        .iter()
        .filter_map(|recorded| match recorded {
            organisation::Recorded::Fact(union_core::Fact::Reserved { id, .. }) => Some(id.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(reserved, [id(1), id(2), id(4)].map(|id| id.to_string()), "first in, first out");
}

#[test]
fn who_waits_for_a_reservation_is_told_whether_for_the_fund_or_for_the_programme() {
    let mut office = Office::open(NARROW);
    let waits = |office: &Office, number: u32, who: &str| {
        let shown = union_core::summary(office.application(number));
        assert_eq!(shown["waiting_for"][0]["step"], "reserve fund", "{number}");
        assert_eq!(shown["waiting_for"][0]["who"], who, "{number}");
    };
    office.eligible(1, AMOUNT);
    office.eligible(2, AMOUNT);
    waits(&office, 2, "queue");
    together(&mut office, Control::Suspend);
    office.eligible(3, AMOUNT);
    waits(&office, 2, "programme");
    waits(&office, 3, "programme");
    // What becomes free meanwhile is no reason to say otherwise.
    office.withdraw(1);
    office.tell(office.opinion_withdrawn(1));
    waits(&office, 2, "programme");
    together(&mut office, Control::Resume);
    assert_eq!((office.status(2), office.queue()), ("GUARANTEE_REVIEW", vec![3]));
    waits(&office, 3, "queue");
}

#[test]
fn a_membership_that_lapsed_by_the_resumption_is_refused_then_and_all_is_undone() {
    let mut office = Office::open(10 * NARROW);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "sign loan contract");
    together(&mut office, Control::Suspend);
    office.tell(office.loan_contract(1));
    assert_eq!(office.status(1), "READY");
    office.load("m-1", Date::constant(2019, 1, 1), Some(Date::constant(2020, 6, 8)));
    office.at = moment("2020-06-09T10:00:00+08:00");
    assert_eq!(office.status(1), "READY", "on hold nothing is decided");
    together(&mut office, Control::Resume);
    assert_eq!((office.status(1), office.said(ORDER)), ("COMPENSATING", 0));
    office.undo_all(1);
    assert_eq!((office.status(1), office.balance("U9001")), ("INTAKE_REJECTED", 0));
    assert_eq!(union_core::summary(office.application(1))["ending"]["reason_code"], "MEMBERSHIP");
}

#[test]
fn while_suspended_no_pay_out_is_ordered_and_all_that_wait_are_ordered_after() {
    let mut office = Office::open(10 * NARROW);
    for number in 1..=3 {
        office.eligible(number, AMOUNT);
        office.until(number, AMOUNT, "sign loan contract");
    }
    together(&mut office, Control::Suspend);
    for number in 1..=3 {
        office.tell(office.loan_contract(number));
        assert_eq!(office.status(number), "READY", "{number} waits, ready");
    }
    assert_eq!(office.said(ORDER), 0);
    // It may be withdrawn, and is gone when it is resumed.
    office.withdraw(2);
    together(&mut office, Control::Resume);
    assert_eq!((office.status(1), office.status(3)), ("READY", "READY"));
    assert_eq!(office.said(ORDER), 2);
    assert!(office.programme().on_hold.is_empty());
}

#[test]
fn an_order_that_was_given_is_not_called_back_and_its_answer_counts() {
    let mut office = Office::open(10 * NARROW);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "disburse");
    assert_eq!(office.status(1), "READY");
    together(&mut office, Control::Suspend);
    office.tell(office.posted(1, AMOUNT));
    office.tell(office.activated(1));
    assert_eq!(office.status(1), "DISBURSED");
}
