//! S3: a loan is renewed inside its window, and paid out from the day after the old one's settlement.

use super::office::*;
use contracts::{DisbursementReceipt, DisbursementReport, LoanReport, Message};
use domain::{Charter, Date, Moment};
use union_core::{
    Command,
    command::Form,
    filing,
    renewal::Renewal,
    rows::{Drawn, FirmRow},
    vocabulary::{FilingRefusal, RenewalReason},
};

const OLD: Date = Date::constant(2021, 6, 1);

fn firm_with(old: Drawn) -> FirmRow {
    let live_loan = old.settled_on.is_none().then(|| old.id.clone());
    FirmRow { open: None, live_loan, loans: 1, drawn: vec![old] }
}

fn renewing(reason: Option<RenewalReason>) -> Form {
    Form { renewal: Some(Renewal { of: id(1), reason }), ..form(1, AMOUNT) }
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
