//! S3: a loan is renewed inside its window, and paid out from the day after the old one's settlement.

use super::office::*;
use contracts::{DisbursementReceipt, DisbursementReport, LoanReport, Message};
use domain::{Charter, Date, Moment};
use organisation::Input;
use union_core::{
    Command,
    application::ReservationState,
    command::Form,
    filing,
    renewal::{Renewal, RenewalMode},
    rows::{self, Drawn, FirmRow},
    vocabulary::{FilingRefusal, RenewalReason},
};

const OLD: Date = Date::constant(2021, 6, 1);

fn firm_with(old: Drawn) -> FirmRow {
    let live_loan = old.settled_on.is_none().then(|| old.id.clone());
    FirmRow { open: None, live_loan, loans: 1, drawn: vec![old] }
}

fn renewing(reason: Option<RenewalReason>) -> Form {
    Form { renewal: Some(Renewal { of: id(1), mode: RenewalMode::RepayFirst, reason }), ..form(1, AMOUNT) }
}

fn rolling(fen: i64) -> Form {
    Form { renewal: Some(Renewal { of: id(1), mode: RenewalMode::NewRepaysOld, reason: None }), ..form(1, fen) }
}

fn old(overdue: bool, settled_on: Option<&str>) -> Drawn {
    Drawn { id: id(1), maturity_on: OLD, overdue, settled_on: settled_on.map(|on| on.parse().unwrap()) }
}

#[test]
fn a_renewal_is_filed_from_60_days_before_the_settlement_until_30_days_after_it_in_good_standing() {
    use FilingRefusal::RenewalWindow as Closed;
    let rows: &[(&str, Drawn, &str, Result<(), FilingRefusal>)] = &[
        ("61 days before the maturity", old(false, None), "2021-04-01", Err(Closed)),
        ("60 days before", old(false, None), "2021-04-02", Ok(())),
        ("on the last day", old(false, None), "2021-06-01", Ok(())),
        ("past it, and the bank has not said so", old(false, None), "2021-06-02", Err(Closed)),
        ("overdue", old(true, None), "2021-05-01", Err(Closed)),
        ("settled early", old(false, Some("2021-03-01")), "2021-03-31", Ok(())),
        ("31 days after that", old(false, Some("2021-03-01")), "2021-04-01", Err(Closed)),
    ];
    for (what, old, on, expected) in rows {
        let firm = firm_with(old.clone());
        let on = on.parse().unwrap();
        assert_eq!(filing::check(&renewing(None), &firm, &Charter::programme_2017(), on), *expected, "{what}");
    }
    let other = Drawn { id: id(7), ..old(false, Some("2021-03-01")) };
    let checked = |firm: &FirmRow| {
        filing::check(&renewing(None), firm, &Charter::programme_2017(), "2021-03-02".parse().unwrap())
    };
    assert_eq!(checked(&firm_with(other)), Err(Closed), "another loan than the last");
    assert_eq!(checked(&FirmRow::default()), Err(Closed), "of nothing");
    let mut full = firm_with(old(false, Some("2021-03-01")));
    full.loans = 3;
    assert_eq!(checked(&full), Err(FilingRefusal::LoanCount));
}

#[test]
fn a_reason_of_the_relief_policy_needs_the_policy_and_for_a_hit_industry_that() {
    let on = |day: &str, reason, industry: &str| {
        let settled: Date = day.parse().unwrap();
        let firm = firm_with(Drawn { id: id(1), maturity_on: settled, overdue: false, settled_on: Some(settled) });
        let mut form = renewing(Some(reason));
        form.firm.industry_code = industry.into();
        filing::check(&form, &firm, &Charter::programme_2017(), settled)
    };
    use RenewalReason::{HitIndustry, Promising};
    assert_eq!(on("2020-03-02", Promising, "I65"), Ok(()));
    assert_eq!(on("2020-03-02", HitIndustry, "F52"), Ok(()));
    assert_eq!(on("2020-03-02", HitIndustry, "I65"), Err(FilingRefusal::PolicyNotInForce));
    assert_eq!(on("2019-03-04", Promising, "I65"), Err(FilingRefusal::PolicyNotInForce));
}

/// A firm with a loan of half a year from 2020-06-01.
fn lent() -> Office {
    let mut office = Office::open(100_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "disburse");
    office.tell(changed(office.posted(1, AMOUNT), |receipt| receipt.maturity_on = Date::constant(2020, 12, 1)));
    office.tell(office.activated(1));
    office
}

fn changed(mut posted: Message, change: impl Fn(&mut DisbursementReceipt)) -> Message {
    if let Message::DisbursementReported(said) = &mut posted
        && let DisbursementReport::Posted { receipt } = &mut said.report
    {
        change(receipt);
    }
    posted
}

/// The renewal of that loan is ready for its pay-out on 2020-11-20.
fn renewal_is_ready() -> Office {
    let mut office = lent();
    office.at = moment("2020-11-20T09:00:00+08:00");
    office.act("a", APPLICANT, Command::Submit(Box::new(renewing(None))));
    office.verdict(2, union_core::command::EligibilityVerdict::Approve);
    office.until(2, AMOUNT, "disburse");
    office
}

fn settle(office: &mut Office, on: &str) {
    office.tell(office.reports(1, 1, repaid(1, AMOUNT, 0)));
    let settled = LoanReport::Settled { on: on.parse().unwrap(), prepaid: false };
    office.tell(office.reports(1, 2, settled));
}

fn waits_for(office: &Office) -> String {
    union_core::summary(office.application(2))["waiting_for"][0]["who"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn its_pay_out_waits_for_the_old_loan_and_goes_on_by_itself_the_day_after() {
    let mut office = renewal_is_ready();
    assert_eq!((office.said("disbursement.disburse"), waits_for(&office).as_str()), (1, "old_loan"));
    office.at = moment("2020-11-25T15:00:00+08:00");
    settle(&mut office, "2020-11-25");
    assert_eq!((office.said("disbursement.disburse"), waits_for(&office).as_str()), (1, "old_loan"), "not on that day");
    let wake = office.pass(2);
    assert_eq!(wake, Moment::parse("2020-11-26T00:00:00+08:00").unwrap());
    assert_eq!(office.said("disbursement.disburse"), 2);
    office.tell(changed(office.posted(2, AMOUNT), |receipt| receipt.posting_no = "PZ-2".into()));
    let firm = office.firm_row(1);
    assert_eq!((firm.loans, firm.live_loan, firm.drawn.len()), (2, Some(id(2)), 2));
}

#[test]
fn settled_days_before_it_is_ready_nothing_waits() {
    let mut office = lent();
    office.at = moment("2020-11-20T09:00:00+08:00");
    settle(&mut office, "2020-11-10");
    office.act("a", APPLICANT, Command::Submit(Box::new(renewing(None))));
    office.verdict(2, union_core::command::EligibilityVerdict::Approve);
    office.until(2, AMOUNT, "disburse");
    assert_eq!(office.said("disbursement.disburse"), 2);
}

#[test]
fn withdrawn_while_it_waits_it_is_undone_and_the_timer_of_the_old_loan_leads_nowhere() {
    let mut office = renewal_is_ready();
    office.withdraw(2);
    office.undo_all(2);
    assert_eq!(office.status(2), "WITHDRAWN");
    office.at = moment("2020-11-25T15:00:00+08:00");
    settle(&mut office, "2020-11-25");
    assert_eq!(office.said("disbursement.disburse"), 1);
    assert!(office.application(2).waits_for_old.is_none_or(|waits| waits.until().is_none()), "nothing fires for ever");
}

#[test]
fn another_try_names_an_application_of_the_firm_that_ended_unpaid() {
    let mut office = Office::open(100_000_000);
    office.eligible(1, AMOUNT);
    let again = |number: u32| Command::Submit(Box::new(Form { reapplication_of: Some(id(number)), ..form(1, AMOUNT) }));
    assert_eq!(office.refused("a", APPLICANT, again(1)).code, "IDENTIFIER", "it is open, which comes later");
    office.withdraw(1);
    office.undo_all(1);
    assert_eq!(office.refused("a", APPLICANT, again(7)).code, "IDENTIFIER");
    let other = Command::Submit(Box::new(Form { reapplication_of: Some(id(1)), ..form(2, AMOUNT) }));
    assert_eq!(office.refused("a", APPLICANT, other).code, "IDENTIFIER", "another firm's");
    office.act("a", APPLICANT, again(1));
    assert_eq!(office.application(2).reapplication_of, Some(id(1)));
}

/// The loan that is to repay that one on 2020-12-01 is ready for its pay-out on 2020-11-20.
fn roll_is_ready(fen: i64) -> Office {
    let mut office = lent();
    office.at = moment("2020-11-20T09:00:00+08:00");
    office.act("a", APPLICANT, Command::Submit(Box::new(rolling(fen))));
    office.verdict(2, union_core::command::EligibilityVerdict::Approve);
    office.until(2, fen, "disburse");
    office
}

/// It has repaid that one, and the old one's reports are heard.
pub fn rolled() -> Office {
    let mut office = roll_is_ready(AMOUNT);
    office.pass(2);
    office.at = moment("2020-12-01T00:00:00+08:00");
    settle(&mut office, "2020-12-01");
    office.tell(posted_2(&office, AMOUNT));
    office.tell(office.activated(2));
    office
}

fn posted_2(office: &Office, fen: i64) -> Message {
    changed(office.posted(2, fen), |receipt| receipt.posting_no = "PZ-2".into())
}

/// What the order repays that is given at this time.
fn orders_at(office: &mut Office, at: &str) -> Vec<Option<domain::ApplicationId>> {
    office.at = moment(at);
    let said = office.decide(&Input::Due(rows::application(&id(2)))).unwrap().messages;
    let ordered = said.into_iter().filter_map(|message| match message {
        Message::Disburse(ask) => Some(ask.rolls),
        _ => None,
    });
    ordered.collect()
}

/// U9001 and U9002.
fn bound(office: &Office) -> [i64; 2] {
    ["U9001", "U9002"].map(|code| office.balance(code))
}

#[test]
fn of_a_loan_that_repays_another_the_fund_holds_only_what_goes_beyond_that_one() {
    for (asked, held) in
        [(AMOUNT - 10_000_000, 0), (AMOUNT, 0), (AMOUNT + 1_000_000, 200_000), (AMOUNT + 5_000_000, 1_000_000)]
    {
        let office = roll_is_ready(asked);
        let reservation = office.application(2).reservation.clone().unwrap();
        assert_eq!((reservation.reserved_fen.get(), bound(&office)), (held, [held, 6_000_000]), "{asked}");
    }
    let mut office = roll_is_ready(AMOUNT + 5_000_000);
    office.withdraw(2);
    office.undo_all(2);
    assert_eq!(bound(&office), [0, 6_000_000], "the old one's share stays where it is");
}

#[test]
fn it_is_ordered_as_long_before_as_the_look_at_the_register_holds_and_names_what_it_repays() {
    let mut office = roll_is_ready(AMOUNT);
    assert_eq!((office.said("disbursement.disburse"), waits_for(&office).as_str()), (1, "old_loan"));
    // Five working days before 2020-12-01, a Tuesday.
    assert_eq!(orders_at(&mut office, "2020-11-23T23:59:59+08:00"), []);
    assert_eq!(orders_at(&mut office, "2020-11-24T00:00:00+08:00"), [Some(id(1))]);
}

#[test]
fn its_reservation_stands_once_the_old_loan_is_heard_to_be_settled_and_not_before() {
    let mut office = roll_is_ready(AMOUNT);
    office.pass(2);
    office.at = moment("2020-12-01T00:00:00+08:00");
    office.tell(posted_2(&office, AMOUNT));
    office.tell(office.activated(2));
    let has_ended = |office: &Office| office.application(2).run.ending().is_some();
    assert_eq!((has_ended(&office), bound(&office)), (false, [0, 6_000_000]));
    settle(&mut office, "2020-12-01");
    let state = |office: &Office, n| office.application(n).reservation.as_ref().unwrap().state;
    assert_eq!([state(&office, 1), state(&office, 2)], [ReservationState::Released, ReservationState::Rolled]);
    assert_eq!((has_ended(&office), bound(&office)), (true, [0, 6_000_000]));

    let in_order = rolled();
    assert_eq!((has_ended(&in_order), bound(&in_order)), (true, [0, 6_000_000]));
    assert_eq!(in_order.fund().guaranteed_fen.get(), AMOUNT, "once");
}

#[test]
fn repaid_in_part_the_old_loan_hands_over_what_it_lets_go_of() {
    let mut office = roll_is_ready(AMOUNT);
    office.tell(office.reports(1, 1, repaid(1, 10_000_000, 20_000_000)));
    assert_eq!(bound(&office), [2_000_000, 4_000_000]);
    let LoanReport::Received { receipt } = repaid(1, 10_000_000, AMOUNT) else { panic!("it is a receipt") };
    office.tell(office.reports(1, 2, LoanReport::Reversed { receipt, on: office.at.date() }));
    assert_eq!(bound(&office), [0, 6_000_000], "and takes it back with the receipt");
}

#[test]
fn what_was_not_ordered_before_the_last_day_waits_for_the_settlement_as_if_it_were_repaid_first() {
    let mut office = lent();
    office.at = moment("2020-11-20T09:00:00+08:00");
    office.act("a", APPLICANT, Command::Submit(Box::new(rolling(AMOUNT))));
    office.verdict(2, union_core::command::EligibilityVerdict::Approve);
    office.until(2, AMOUNT, "sign loan contract");
    office.at = moment("2020-12-01T09:00:00+08:00");
    office.tell(office.loan_contract(2));
    assert_eq!((office.said("disbursement.disburse"), waits_for(&office).as_str()), (1, "old_loan"));
    settle(&mut office, "2020-12-01");
    assert_eq!(bound(&office), [6_000_000, 0], "held by the new one until it is paid out");
    assert_eq!(orders_at(&mut office, "2020-12-02T00:00:00+08:00"), [None]);
}
