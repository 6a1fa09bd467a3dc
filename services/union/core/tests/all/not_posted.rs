//! A pay-out that the bank did not make (S4): the application is READY again, and the next order follows under the next key,
//! or waits for a named person; membership is looked at anew, and nothing of it decides against the applicant.

use super::office::*;
use contracts::{
    About, AskRefusal, AskRefused, Disburse, DisbursementReport, DisbursementReported, Message, NotPosted,
};
use domain::Date;
use organisation::{Organisation, RefusalKind};
use saga::RepairAction;
use union_core::{Command, Row, Union, command::Repair, programme::Control, vocabulary::Withdrawal};

const FUND_MANAGER: &str = "fund_manager";

fn about(office: &Office, attempt: u32) -> About {
    About { key: format!("disb:{}:{attempt}", id(1)), ..office.about("disburse", 1) }
}

fn report(office: &Office, attempt: u32, report: DisbursementReport) -> Message {
    Message::DisbursementReported(DisbursementReported { about: about(office, attempt), report })
}

/// An application whose pay-out is ordered.
fn ordered() -> Office {
    let mut office = Office::open(900_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "disburse");
    office
}

/// The bank does not pay under this attempt's key, and closes it.
pub fn refuse(office: &mut Office, attempt: u32, why: NotPosted) {
    let message = report(office, attempt, DisbursementReport::NotPosted { why });
    let said = office.tell(message);
    assert!(matches!(&said[..], [Message::CloseDisbursement(close)] if close.about == about(office, attempt)));
    assert_eq!(office.status(1), "DISBURSING", "a no is final once its key is closed");
    let message = report(office, attempt, DisbursementReport::Closed);
    assert_eq!(office.tell(message), [], "nothing is undone, and nothing ordered at once");
    assert_eq!(office.status(1), "READY");
}

/// What is ordered once the application's next timer has fired.
fn order_after_a_while(office: &mut Office) -> Vec<Disburse> {
    let application = Row::Application(Box::new(office.application(1).clone()));
    office.at = office.at.max(Union::index(&application).wake_at.unwrap());
    let due = organisation::Input::Due(union_core::rows::application(&id(1)));
    orders(office.decide(&due).unwrap().messages)
}

fn orders(said: Vec<Message>) -> Vec<Disburse> {
    let order = |message| match message {
        Message::Disburse(order) => Some(order),
        _ => None,
    };
    said.into_iter().filter_map(order).collect()
}

/// Owner and text of the open incidents.
fn incidents(office: &Office) -> Vec<(String, String)> {
    let application = Row::Application(Box::new(office.application(1).clone()));
    Union::index(&application).incidents.into_iter().map(|incident| (incident.owner, incident.what)).collect()
}

fn repair(office: &mut Office, role: &str, step: &str) -> Result<Vec<Disburse>, RefusalKind> {
    let action = Repair { action: RepairAction::RetryAsk, because: "银行已改正".into() };
    let command = Command::Repair { application_id: id(1), step: step.into(), action };
    match office.command("p", role, command) {
        Ok(outcome) => Ok(orders(outcome.messages)),
        other => Err(refusal(other).kind),
    }
}

#[test]
fn stale_membership_is_confirmed_anew_and_the_order_repeated_under_the_next_key() {
    let mut office = ordered();
    // The checker looks at it on the sixth working day after the confirmation of Monday 2020-06-01.
    office.at = moment("2020-06-09T10:00:00+08:00");
    refuse(&mut office, 1, NotPosted::MembershipStale);
    assert_eq!(incidents(&office), [], "nobody need act");
    let next = order_after_a_while(&mut office);
    assert_eq!(office.at, moment("2020-06-09T10:05:00+08:00"));
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].about.key, format!("disb:{}:2", id(1)));
    assert_eq!(next[0].membership_verified_on, Date::constant(2020, 6, 9));
    assert_eq!(office.status(1), "READY");
    // What the bank says of the first key has no bearing any more; the second one's answer counts.
    let message = report(&office, 1, DisbursementReport::Closed);
    assert_eq!(office.tell(message), []);
    let Message::DisbursementReported(posted) = office.posted(1, AMOUNT) else { panic!() };
    let message = report(&office, 2, posted.report);
    office.tell(message);
    assert_eq!(office.status(1), "DISBURSED");
}

#[test]
fn membership_that_lapsed_meanwhile_is_the_unions_own_refusal_and_all_is_undone() {
    let mut office = ordered();
    office.load("m-1", Date::constant(2019, 1, 1), Some(Date::constant(2020, 6, 8)));
    office.at = moment("2020-06-09T10:00:00+08:00");
    refuse(&mut office, 1, NotPosted::MembershipStale);
    assert!(order_after_a_while(&mut office).is_empty(), "nothing is ordered any more");
    assert_eq!(office.status(1), "COMPENSATING");
    office.undo_all(1);
    assert_eq!(office.status(1), "INTAKE_REJECTED");
    let summary = union_core::summary(office.application(1));
    assert_eq!(summary["ending"]["reason_code"], "MEMBERSHIP");
    assert_eq!((office.balance("U9001"), office.firm_row(1).open), (0, None));
}

#[test]
fn a_bank_that_refuses_at_once_is_asked_ever_less_often_and_in_the_end_by_a_person_only() {
    let mut office = ordered();
    let mut minutes = Vec::new();
    for attempt in 1..5 {
        refuse(&mut office, attempt, NotPosted::RefusedByCore);
        let since = office.at;
        let next = order_after_a_while(&mut office);
        assert_eq!(next[0].about, about(&office, attempt + 1));
        minutes.push((office.at.millis() - since.millis()) / 60_000);
    }
    assert_eq!(minutes, [5, 10, 20, 40]);
    refuse(&mut office, 5, NotPosted::RefusedByCore);
    let expected = (FUND_MANAGER.to_owned(), "放款未成，待人工处理：核心系统未入账".to_owned());
    assert_eq!(incidents(&office), [expected]);
    let next = repair(&mut office, FUND_MANAGER, "disburse").unwrap();
    assert_eq!(next[0].about, about(&office, 6));
    assert_eq!(office.status(1), "READY");
}

#[test]
fn what_another_order_cannot_cure_waits_for_the_fund_manager() {
    for why in [
        NotPosted::NoContract,
        NotPosted::LetterNotIssued,
        NotPosted::LetterExpired,
        NotPosted::ReservationDiffers,
        NotPosted::AmountDiffers,
        NotPosted::RateAboveCap,
    ] {
        let mut office = ordered();
        refuse(&mut office, 1, why);
        assert_eq!(incidents(&office), [(FUND_MANAGER.to_owned(), format!("放款未成，待人工处理：{}", why.zh()))]);
        // Who it is not for may not, and the fund manager may nothing else.
        assert_eq!(repair(&mut office, INTAKE, "disburse"), Err(RefusalKind::Forbidden));
        assert_eq!(repair(&mut office, FUND_MANAGER, "issue letter"), Err(RefusalKind::Forbidden));
        let next = repair(&mut office, FUND_MANAGER, "disburse").unwrap();
        assert_eq!(next[0].about, about(&office, 2));
        // The operator may too.
        refuse(&mut office, 2, why);
        assert_eq!(repair(&mut office, OPERATOR, "disburse").unwrap()[0].about, about(&office, 3));
    }
}

#[test]
fn an_order_that_the_bank_does_not_take_up_waits_for_the_fund_manager() {
    let mut office = ordered();
    let message = Message::BankRefused(AskRefused { about: about(&office, 1), why: AskRefusal::OutOfOrder });
    office.tell(message);
    let message = report(&office, 1, DisbursementReport::Closed);
    office.tell(message);
    assert_eq!((office.status(1), incidents(&office).len()), ("READY", 1));
}

#[test]
fn withdrawal_and_expiry_still_end_what_waits_for_the_next_order() {
    for why in [NotPosted::RefusedByCore, NotPosted::RateAboveCap] {
        let mut office = ordered();
        refuse(&mut office, 1, why);
        let reason = Withdrawal::NoNeed;
        let said = office.act("a", APPLICANT, Command::Withdraw { application_id: id(1), reason }).messages;
        assert!(matches!(&said[..], [Message::TerminateLoanContract(_)]), "{said:?}");
        assert_eq!((office.status(1), incidents(&office)), ("COMPENSATING", vec![]));

        let mut office = ordered();
        office.at = moment("2020-07-01T23:58:00+08:00");
        refuse(&mut office, 1, why);
        // The letter's last day ends before the next order is due.
        assert!(order_after_a_while(&mut office).is_empty());
        assert_eq!((office.status(1), incidents(&office)), ("COMPENSATING", vec![]));
    }
}

#[test]
fn a_membership_that_lapsed_while_lending_was_suspended_turns_the_application_back_at_the_resumption() {
    let mut office = ordered();
    refuse(&mut office, 1, NotPosted::RefusedByCore);
    let control = |control| Command::Control { control, because: "工会决定".into() };
    let together = |office: &mut Office, wanted: Control| {
        office.act("w", "fund_manager", control(wanted));
        office.act("h", "approver", control(wanted));
    };
    together(&mut office, Control::Suspend);
    assert_eq!(order_after_a_while(&mut office), [], "it waits for the resumption");
    let yesterday = office.at.plus_hours(-24).date();
    office.load("m-1", Date::constant(2019, 1, 1), Some(yesterday));

    office.act("w", "fund_manager", control(Control::Resume));
    let mut said = Vec::new();
    let resumed = office.act("h", "approver", control(Control::Resume));
    said.extend(resumed.messages);
    assert_eq!(office.status(1), "COMPENSATING");
    let asked: Vec<&str> = said.iter().map(|message| message.kind().name()).collect();
    assert_eq!(asked, ["loan_contract.terminate"], "what was done last is undone first, at once");
}
