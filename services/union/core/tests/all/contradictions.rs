//! A bank that contradicts itself about money: its statement is kept, a person is called, and nothing else changes.

use super::office::*;
use contracts::{About, DisbursementReport as Report, DisbursementReported, Message, NotPosted, UndoAnswered};
use organisation::{Organisation, Outcome, Recorded};
use saga::RepairAction;
use union_core::{
    Command, Fact, Row, Union,
    application::Application,
    command::Repair,
    vocabulary::{Contradiction, Withdrawal},
};

const FUND_MANAGER: &str = "fund_manager";

fn report(office: &Office, key: &str, report: Report) -> Message {
    let about = About { key: key.into(), ..office.about("disburse", 1) };
    Message::DisbursementReported(DisbursementReported { about, report })
}

/// Paid out, so much, by a receipt of this number.
fn posted(office: &Office, key: &str, fen: i64, posting_no: &str) -> Message {
    let Message::DisbursementReported(DisbursementReported { report: Report::Posted { mut receipt }, .. }) =
        office.posted(1, fen)
    else {
        panic!("not posted")
    };
    receipt.posting_no = posting_no.into();
    report(office, key, Report::Posted { receipt })
}

fn until(step: &str) -> Office {
    let mut office = Office::open(900_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, step);
    office
}

fn ordered() -> Office {
    until("disburse")
}

fn paid_out() -> Office {
    until("make letter effective")
}

/// Not paid, its key closed, ready again.
fn closed() -> Office {
    let mut office = ordered();
    for said in [Report::NotPosted { why: NotPosted::RefusedByCore }, Report::Closed] {
        let message = report(&office, &first(), said);
        office.tell(message);
    }
    office
}

/// Withdrawn on the bank's word that its key is closed, and all undone.
fn withdrawn() -> Office {
    let mut office = ordered();
    office.withdraw(1);
    let message = report(&office, &first(), Report::Closed);
    office.tell(message);
    type Says = fn(UndoAnswered) -> Message;
    let undo: [(&str, Says); 5] = [
        ("sign loan contract", Message::LoanContractTerminated),
        ("issue letter", Message::LetterRevoked),
        ("sign contracts", Message::ContractsTerminated),
        ("approve credit", Message::ApprovalCancelled),
        ("assess guarantee", Message::OpinionWithdrawn),
    ];
    for (step, message) in undo {
        let about = office.about(step, 1);
        office.tell(message(UndoAnswered { about, refused: None }));
    }
    assert_eq!(office.status(1), "WITHDRAWN");
    office
}

fn first() -> String {
    key("disburse", 1)
}

fn incidents(office: &Office) -> Vec<(String, String)> {
    let application = Row::Application(Box::new(office.application(1).clone()));
    Union::index(&application).incidents.into_iter().map(|incident| (incident.owner, incident.what)).collect()
}

fn lines(outcome: &Outcome<Fact>) -> Vec<String> {
    let line = |recorded: &Recorded<Fact>| match recorded {
        Recorded::Fact(fact) => Union::line(fact).map(|line| line.text),
        _ => None,
    };
    outcome.recorded.iter().filter_map(line).collect()
}

fn repair(office: &mut Office, role: &str, action: RepairAction) -> Result<Outcome<Fact>, String> {
    let action = Repair { action, because: "银行更正：凭证作废".into() };
    let command = Command::Repair { application_id: id(1), step: "disburse".into(), action };
    office.command("p", role, command).map_err(|stop| refusal(Err(stop)).code)
}

/// What the union holds to be so of the money, and of the way the application goes.
fn money(office: &Office) -> impl PartialEq + std::fmt::Debug + use<> {
    let Application { receipt, reservation, letter, .. } = office.application(1).clone();
    let books = (office.fund(), office.balance("U9001"), office.balance("U9002"));
    (receipt, reservation, letter, office.firm_row(1), books)
}

fn disputes(office: &Office) -> usize {
    incidents(office).iter().filter(|(owner, what)| owner == FUND_MANAGER && what.starts_with("说法矛盾")).count()
}

/// The statement is kept and a person called; what is so of the money stays so, and nothing is ordered by itself.
fn check(row: usize, mut office: Office, statement: Message, expected: Contradiction) {
    let Message::DisbursementReported(said) = &statement else { panic!() };
    let (status, before) = (office.status(1), money(&office));
    let outcome = office.hear(statement.clone()).unwrap();
    let closes = |said: &Message| matches!(said, Message::CloseDisbursement(_));
    assert!(outcome.messages.iter().all(closes), "row {row}: {:?}", outcome.messages);
    assert_eq!(disputes(&office), 1, "row {row}: {:?}", incidents(&office));
    assert!(incidents(&office).iter().any(|(_, what)| *what == format!("说法矛盾，待查明：{}", expected.zh())));
    let kept = &office.application(1).disputed;
    assert_eq!(kept.len(), 1, "row {row}");
    assert_eq!((&kept[0].key, &kept[0].report), (&said.about.key, &said.report), "row {row}");
    for words in ["存疑", expected.zh()] {
        assert!(lines(&outcome).iter().any(|line| line.contains(words)), "row {row}: {:?}", lines(&outcome));
    }
    assert!(money(&office) == before, "row {row}: money moved");
    let called_back = if outcome.messages.is_empty() { status } else { "DISBURSING" };
    assert_eq!(office.status(1), called_back, "row {row}");

    // Said again, it calls nobody again and is kept once.
    assert_eq!(office.hear(statement.clone()).unwrap().recorded, [], "row {row}");
    // A person settles it, for a reason that is on record; that moves no money either.
    assert_eq!(repair(&mut office, INTAKE, RepairAction::Settle).unwrap_err(), "FORBIDDEN", "row {row}");
    let settled = repair(&mut office, FUND_MANAGER, RepairAction::Settle).unwrap();
    assert!(lines(&settled).concat().contains("银行更正：凭证作废（p）"), "row {row}: {:?}", lines(&settled));
    assert_eq!(settled.messages, [], "row {row}");
    assert_eq!(disputes(&office), 0, "row {row}");
    assert!(money(&office) == before, "row {row}");
    assert_eq!(repair(&mut office, OPERATOR, RepairAction::Settle).unwrap_err(), "ILLEGAL_TRANSITION", "row {row}");
    // Said once more after that, it is as unsettled as before.
    office.tell(statement);
    assert_eq!((disputes(&office), office.application(1).disputed.len()), (1, 1), "row {row}");
}

#[test]
fn what_the_bank_says_against_its_own_word_or_the_agreement_is_kept_and_calls_the_fund_manager() {
    use Contradiction as C;
    type Case = (fn() -> Office, fn(&Office) -> Message, Contradiction);
    let rows: [Case; 14] = [
        (ordered, |o| posted(o, &first(), AMOUNT - 1, "PZ-1"), C::AmountDiffers),
        (ordered, |o| posted(o, &first(), AMOUNT + 1, "PZ-1"), C::AmountDiffers),
        (ordered, |o| posted(o, "never:1", AMOUNT, "PZ-1"), C::PostedUnasked),
        (closed, |o| posted(o, &first(), AMOUNT, "PZ-1"), C::PostedUnasked),
        (closed, |o| posted(o, &first(), AMOUNT - 1, "PZ-1"), C::PostedUnasked),
        (withdrawn, |o| posted(o, &first(), AMOUNT, "PZ-1"), C::PostedUnasked),
        (|| until("assess guarantee"), |o| posted(o, &first(), AMOUNT, "PZ-1"), C::PostedUnasked),
        (|| until("sign loan contract"), |o| posted(o, &first(), AMOUNT, "PZ-1"), C::PostedUnasked),
        (paid_out, |o| posted(o, &first(), AMOUNT, "PZ-2"), C::PostedTwice),
        (paid_out, |o| posted(o, &first(), AMOUNT - 1, "PZ-1"), C::PostedTwice),
        (paid_out, |o| posted(o, "never:1", AMOUNT, "PZ-1"), C::PostedTwice),
        (|| until(""), |o| posted(o, &first(), AMOUNT, "PZ-2"), C::PostedTwice),
        (paid_out, |o| report(o, &first(), Report::Closed), C::PostedDenied),
        (paid_out, |o| report(o, &first(), Report::NotPosted { why: NotPosted::LetterExpired }), C::PostedDenied),
    ];
    for (row, (reach, says, expected)) in rows.into_iter().enumerate() {
        let office = reach();
        let statement = says(&office);
        check(row, office, statement, expected);
    }
}

#[test]
fn while_another_amount_is_in_dispute_the_right_answer_still_counts_and_settles_nothing() {
    let mut office = ordered();
    let wrong = posted(&office, &first(), AMOUNT + 1, "PZ-1");
    office.tell(wrong);
    assert_eq!(repair(&mut office, OPERATOR, RepairAction::Resolve).unwrap_err(), "ILLEGAL_TRANSITION");
    office.tell(office.posted(1, AMOUNT));
    office.tell(office.activated(1));
    assert_eq!(office.status(1), "DISBURSED");
    assert_eq!(disputes(&office), 1, "only people settle it");
    repair(&mut office, FUND_MANAGER, RepairAction::Settle).unwrap();
    assert_eq!(incidents(&office), []);
}

#[test]
fn money_said_to_have_left_under_a_closed_key_stops_the_next_order_until_it_is_settled() {
    let mut office = closed();
    let late = posted(&office, &first(), AMOUNT, "PZ-1");
    office.tell(late);
    let withdraw = Command::Withdraw { application_id: id(1), reason: Withdrawal::NoNeed };
    assert_eq!(office.refused("a", APPLICANT, withdraw).code, "CONTRADICTED");
    let application = Row::Application(Box::new(office.application(1).clone()));
    assert_eq!(Union::index(&application).wake_at, None, "no clock orders or ends anything");
    assert_eq!(repair(&mut office, FUND_MANAGER, RepairAction::RetryAsk).unwrap_err(), "CONTRADICTED");
    repair(&mut office, FUND_MANAGER, RepairAction::Settle).unwrap();
    assert_eq!(office.status(1), "READY");
    let said = repair(&mut office, FUND_MANAGER, RepairAction::RetryAsk).unwrap().messages;
    assert!(matches!(&said[..], [Message::Disburse(order)] if order.about.key.ends_with(":2")), "{said:?}");
}

#[test]
fn an_order_under_way_is_called_back_when_money_is_said_to_have_left_under_an_earlier_key() {
    let mut office = closed();
    office.pass(1);
    assert_eq!(office.status(1), "READY");
    let late = posted(&office, &first(), AMOUNT, "PZ-1");
    let said = office.tell(late);
    assert!(matches!(&said[..], [Message::CloseDisbursement(close)] if close.about.key.ends_with(":2")), "{said:?}");
    let second = format!("disb:{}:2", id(1));
    let message = report(&office, &second, Report::Closed);
    assert_eq!(office.tell(message), []);
    assert_eq!((office.status(1), office.application(1).receipt.clone()), ("READY", None));
}

#[test]
fn a_key_that_is_closed_unasked_is_asked_to_be_closed_and_the_next_order_is_a_persons() {
    let mut office = ordered();
    let closed = report(&office, &first(), Report::Closed);
    let said = office.tell(closed.clone());
    assert!(matches!(&said[..], [Message::CloseDisbursement(_)]), "{said:?}");
    assert_eq!((office.status(1), disputes(&office)), ("DISBURSING", 1));
    office.tell(closed);
    assert_eq!((office.status(1), disputes(&office)), ("READY", 1));
    repair(&mut office, FUND_MANAGER, RepairAction::Settle).unwrap();
    let said = repair(&mut office, FUND_MANAGER, RepairAction::RetryAsk).unwrap().messages;
    assert!(matches!(&said[..], [Message::Disburse(_)]), "{said:?}");
}
