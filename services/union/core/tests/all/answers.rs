//! What the partners answer: taken in when it fits what was asked, else refused, or heard without effect.

use super::office::*;
use contracts::{AskRefusal, AskRefused, DisbursementReport, DisbursementReported, Letter, Message};
use domain::CharterHash;
use organisation::RefusalKind;

type Says = fn(&Office) -> Message;

/// The steps that a partner is asked for, in order.
const STEPS: &[(&str, Says)] = &[
    ("assess guarantee", |o| o.agreed(1, AMOUNT)),
    ("approve credit", |o| o.approved(1, AMOUNT)),
    ("sign contracts", |o| o.contracts_signed(1)),
    ("issue letter", |o| o.issued(1, letter(1, AMOUNT))),
    ("sign loan contract", |o| o.loan_contract(1)),
    ("disburse", |o| o.posted(1, AMOUNT)),
    ("make letter effective", |o| o.activated(1)),
];

/// An application for which this step has been asked.
fn asked(step: &str) -> Office {
    let mut office = Office::open(900_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, step);
    office
}

/// Refused as a conflict with this code, and not a row has changed.
fn check(office: &mut Office, what: &str, message: Message, code: &str) {
    let before = office.store.clone();
    let refusal = refusal(office.hear(message));
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Conflict, code), "{what}: {}", refusal.detail);
    assert!(office.store == before, "{what}: rows changed");
}

fn forged(change: fn(&mut Letter)) -> Letter {
    let mut letter = letter(1, AMOUNT);
    change(&mut letter);
    letter
}

fn report(office: &Office, report: DisbursementReport) -> Message {
    Message::DisbursementReported(DisbursementReported { about: office.about("disburse", 1), report })
}

fn not_taken_up(office: &Office, step: &str) -> Message {
    let about = office.about(step, 1);
    Message::GuarantorRefused(AskRefused { about, why: AskRefusal::OutOfOrder })
}

#[test]
fn what_goes_beyond_what_was_asked_is_refused() {
    let rows: &[(&str, &str, Says, &str)] = &[
        ("opinion above", "assess guarantee", |o| o.agreed(1, AMOUNT + 1), "AMOUNT_ABOVE_ASKED"),
        ("approval above", "approve credit", |o| o.approved(1, AMOUNT + 1), "AMOUNT_ABOVE_ASKED"),
        ("hash", "issue letter", |o| o.issued(1, forged(|l| l.hash = "00".into())), "LETTER_HASH"),
        ("number", "issue letter", |o| o.issued(1, forged(|l| l.letter_no = "BH-9".into())), "LETTER_HASH"),
        ("period", "issue letter", |o| o.issued(1, forged(|l| l.period_months += 1)), "LETTER_HASH"),
        ("letter below", "issue letter", |o| o.issued(1, letter(1, AMOUNT - 1)), "LETTER_AMOUNT"),
        ("letter above", "issue letter", |o| o.issued(1, letter(1, AMOUNT + 1)), "LETTER_AMOUNT"),
    ];
    for (what, step, says, code) in rows {
        let mut office = asked(step);
        let message = says(&office);
        check(&mut office, what, message, code);
        // The right answer is still awaited.
        let (_, right) = STEPS.iter().find(|(name, _)| name == step).unwrap();
        let right = right(&office);
        office.tell(right);
        assert!(office.application(1).run.is_done(step), "{what}");
    }
}

#[test]
fn the_bank_may_not_approve_more_than_the_guarantor_agreed_to() {
    let mut office = asked("assess guarantee");
    office.tell(office.agreed(1, 20_000_000));
    let above = office.approved(1, 20_000_001);
    check(&mut office, "above the opinion", above, "AMOUNT_ABOVE_ASKED");
    office.tell(office.approved(1, 20_000_000));
    assert_eq!(office.application(1).approval.as_ref().unwrap().amount_fen, amount(20_000_000));
}

#[test]
fn an_answer_before_its_question_is_refused() {
    for (place, (step, _)) in STEPS.iter().enumerate() {
        for (later, says) in STEPS.iter().skip(place + 1) {
            // Money that left unasked is for a person: contradictions.rs.
            if *later == "disburse" {
                continue;
            }
            let mut office = asked(step);
            let message = says(&office);
            let refusal = refusal(office.hear(message));
            assert_eq!(refusal.kind, RefusalKind::Conflict, "{later} while {step} is asked: {}", refusal.code);
        }
    }
}

#[test]
fn an_answer_under_another_charter_is_refused() {
    for (step, says) in STEPS {
        let mut office = asked(step);
        let mine = office.charter;
        office.charter = CharterHash::from_bytes([7; 32]);
        let message = says(&office);
        office.charter = mine;
        check(&mut office, step, message, "CHARTER");
    }
}

#[test]
fn an_answer_under_a_key_that_was_never_used_is_refused() {
    for (step, says) in STEPS.iter().filter(|(step, _)| *step != "disburse") {
        let mut office = asked(step);
        let message = rekeyed(says(&office), "never:1");
        check(&mut office, step, message, "ILLEGAL_TRANSITION");
    }
    let mut office = asked("assess guarantee");
    let message = rekeyed(not_taken_up(&office, "assess guarantee"), "never:1");
    check(&mut office, "a refusal to take up", message, "UNKNOWN_KEY");
}

fn rekeyed(mut message: Message, key: &str) -> Message {
    let about = match &mut message {
        Message::GuaranteeAssessed(said) => &mut said.about,
        Message::CreditDecided(said) => &mut said.about,
        Message::ContractsSigned(said) | Message::LetterActivated(said) => &mut said.about,
        Message::LetterIssued(said) => &mut said.about,
        Message::LoanContractSigned(said) => &mut said.about,
        Message::DisbursementReported(said) => &mut said.about,
        Message::GuarantorRefused(said) => &mut said.about,
        other => panic!("no answer of this table: {other:?}"),
    };
    about.key = key.into();
    message
}

#[test]
fn a_duplicate_answer_changes_nothing() {
    for (place, (step, says)) in STEPS.iter().enumerate() {
        let mut office = asked(step);
        let message = says(&office);
        office.tell(message.clone());
        repeated(&mut office, step, &message);
        for (_, next) in STEPS.iter().skip(place + 1) {
            let answer = next(&office);
            office.tell(answer);
            repeated(&mut office, step, &message);
        }
        assert_eq!(office.status(1), "DISBURSED");
    }
}

fn repeated(office: &mut Office, step: &str, message: &Message) {
    let rows = rows_of(office);
    let outcome = office.hear(message.clone()).unwrap();
    assert_eq!(outcome.recorded, [], "{step} twice while {}", office.status(1));
    assert_eq!(outcome.messages, [], "{step} twice while {}", office.status(1));
    assert_eq!(rows_of(office), rows, "{step} twice while {}", office.status(1));
}

/// All that matters to a reader: rows, not versions.
fn rows_of(office: &Office) -> Vec<String> {
    office.store.iter().map(|(key, (row, _))| format!("{key} {row:?}")).collect()
}

#[test]
fn an_ask_that_is_not_taken_up_refuses_its_step() {
    for (step, ending) in [("assess guarantee", "GUARANTEE_DECLINED"), ("sign contracts", "COMPENSATING")] {
        let mut office = asked(step);
        let message = not_taken_up(&office, step);
        office.tell(message);
        assert_eq!(office.status(1), ending, "{step}");
    }
}

#[test]
fn a_pay_out_that_is_unknown_waits() {
    let mut office = asked("disburse");
    let message = report(&office, DisbursementReport::Unknown);
    assert!(office.tell(message).is_empty(), "asked about later, by the same key");
    assert_eq!(office.status(1), "DISBURSING");
    office.pass(1);
    assert_eq!(office.status(1), "DISBURSING");
}

#[test]
fn money_that_left_is_recorded_though_the_outcome_was_unknown() {
    let mut office = asked("disburse");
    let message = report(&office, DisbursementReport::Unknown);
    office.tell(message);
    office.tell(office.posted(1, AMOUNT));
    assert!(office.application(1).receipt.is_some());
    let firm = office.firm_row(1);
    assert_eq!((firm.live_loan, firm.loans), (Some(id(1)), 1));
}
