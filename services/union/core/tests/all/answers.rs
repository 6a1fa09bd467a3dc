//! What the partners answer: taken in when it fits what was asked, else refused, or heard without effect.

use super::office::*;
use contracts::{AskRefusal, AskRefused, DisbursementReport, DisbursementReported, Letter, Message};
use domain::CharterHash;
use organisation::{Organisation, RefusalKind, Stop};
use saga::RepairAction;
use serde_json::{Value, json};
use union_core::{
    Command, Row, Union,
    command::Repair,
    vocabulary::{Contradiction, Withdrawal},
};

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

/// The step waits on, the statement is kept, and its owner is called until he settles it.
fn disputed(office: &mut Office, what: &str, step: &str, message: Message, expected: Contradiction) {
    let owner = if step == "disburse" { "fund_manager" } else { OPERATOR };
    let before = (office.status(1), office.fund().clone(), office.balance("U9001"));
    let kept = |office: &Office| office.application(1).disputed.len() + office.application(1).disputed_answers.len();
    let calls = |office: &Office| {
        let row = Row::Application(Box::new(office.application(1).clone()));
        let called = (owner.to_owned(), format!("说法矛盾，待查明：{}", expected.zh()));
        Union::index(&row).incidents.into_iter().filter(|one| (&one.owner, &one.what) == (&called.0, &called.1)).count()
    };
    office.tell(message.clone());
    assert_eq!((calls(office), kept(office)), (1, 1), "{what}");
    let after = (office.status(1), office.fund().clone(), office.balance("U9001"));
    assert_eq!(after, before, "{what}: nothing of it counts");
    assert!(!office.application(1).run.is_done(step), "{what}");
    // Said again it calls nobody again; the application cannot be withdrawn before it is settled.
    office.tell(message);
    assert_eq!((calls(office), kept(office)), (1, 1), "{what}");
    let withdraw = Command::Withdraw { application_id: id(1), reason: Withdrawal::NoNeed };
    assert_eq!(office.refused("a", APPLICANT, withdraw).code, "CONTRADICTED", "{what}");
    let action = Repair { action: RepairAction::Settle, because: "对方更正".into() };
    let settle = Command::Repair { application_id: id(1), step: step.into(), action };
    office.command("p", owner, settle).unwrap();
    assert_eq!((calls(office), kept(office)), (0, 1), "{what}");
}

#[test]
fn what_goes_beyond_what_was_asked_is_kept_and_calls_its_owner() {
    use Contradiction as C;
    let rows: &[(&str, &str, Says, Contradiction)] = &[
        ("opinion above", "assess guarantee", |o| o.agreed(1, AMOUNT + 1), C::AmountAboveAsked),
        ("approval above", "approve credit", |o| o.approved(1, AMOUNT + 1), C::AmountAboveAsked),
        ("hash", "issue letter", |o| o.issued(1, forged(|l| l.hash = "00".into())), C::LetterHash),
        ("number", "issue letter", |o| o.issued(1, forged(|l| l.letter_no = "BH-9".into())), C::LetterHash),
        ("period", "issue letter", |o| o.issued(1, forged(|l| l.period_months += 1)), C::LetterHash),
        ("letter below", "issue letter", |o| o.issued(1, letter(1, AMOUNT - 1)), C::LetterAmount),
        ("letter above", "issue letter", |o| o.issued(1, letter(1, AMOUNT + 1)), C::LetterAmount),
    ];
    for (what, step, says, expected) in rows {
        let mut office = asked(step);
        let message = says(&office);
        disputed(&mut office, what, step, message, *expected);
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
    disputed(&mut office, "above the opinion", "approve credit", above, Contradiction::AmountAboveAsked);
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
fn an_answer_under_another_charter_is_kept_and_calls_its_owner_and_one_to_nobody_is_parked() {
    // After the money has left there is nothing to withdraw.
    for (step, says) in STEPS.iter().filter(|(step, _)| !["disburse", "make letter effective"].contains(step)) {
        let mut office = asked(step);
        let mine = office.charter;
        office.charter = CharterHash::from_bytes([7; 32]);
        let message = says(&office);
        office.charter = mine;
        disputed(&mut office, step, step, message, Contradiction::OtherCharter);
    }
    // The order is called back, and the report kept.
    let mut office = asked("disburse");
    let mine = office.charter;
    office.charter = CharterHash::from_bytes([7; 32]);
    let message = office.posted(1, AMOUNT);
    office.charter = mine;
    let said = office.tell(message);
    assert!(matches!(&said[..], [Message::CloseDisbursement(_)]), "{said:?}");
    assert_eq!((office.application(1).disputed.len(), office.application(1).receipt.clone()), (1, None));
    let mut office = asked("assess guarantee");
    let message = office.agreed(2, AMOUNT);
    assert!(
        matches!(office.hear(message), Err(Stop::Illegal(_))),
        "it is parked, not refused: the application may be lost"
    );
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
fn the_applicant_is_told_and_the_file_archived_once_the_letter_counts() {
    let mut office = asked("make letter effective");
    let before = union_core::summary(office.application(1));
    assert_eq!((&before["archived"], &before["notice"]), (&Value::Null, &Value::Null));
    let (_, effective) = STEPS.last().unwrap();
    office.tell(effective(&office));
    let after = union_core::summary(office.application(1));
    let today = office.at.date().to_string();
    assert_eq!(after["archived"], json!({ "number": "DA-NCD-2020-0001", "on": today }));
    let notice = after["notice"].as_str().unwrap();
    assert!(
        notice.starts_with("您的申请已办结：银行放款 300,000.00 元") && notice.ends_with("归档号 DA-NCD-2020-0001。"),
        "{notice}"
    );
    assert_eq!(after["ended"], true);
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
