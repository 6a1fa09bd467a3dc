//! S6 at the union: who may claim what and until when, what the checker cannot pass, and the states of a claim.

use super::{office::*, states};
use contracts::{
    About, LoanReport, Message, NotPaid, SubsidyListed, SubsidyRejection, SubsidyReport, SubsidyReported,
    SubsidyReturned, SubsidyRow,
};
use domain::{Date, Fen};
use union_core::{
    Command,
    programme::Control,
    subsidy::{CheckVerdict, Claim, ClaimState},
};

pub const CHECKER: &str = "subsidy_checker";
pub const APPROVER: &str = "approver";
/// Interest that was paid on the loan of these tests.
pub const INTEREST: i64 = 60_667;

pub fn claim(vouchers: &[u32]) -> Command {
    let vouchers = vouchers.iter().copied().collect();
    Command::ClaimSubsidy { application_id: id(1), period: None, vouchers }
}

pub fn check(verdict: CheckVerdict) -> Command {
    Command::CheckSubsidy { application_id: id(1), verdict }
}

pub fn query() -> CheckVerdict {
    CheckVerdict::Query { because: "请补交付息凭证".into() }
}

pub fn answer() -> Command {
    Command::AnswerSubsidyQuery { application_id: id(1), vouchers: [1].into() }
}

pub fn approve(rejected: Option<SubsidyRejection>) -> Command {
    Command::ApproveSubsidy { application_id: id(1), rejected }
}

pub fn pay_again() -> Command {
    Command::PaySubsidyAgain { application_id: id(1), account: "tok-2".into() }
}

fn about(office: &Office, key: &str) -> About {
    About { key: key.into(), ..office.about("disburse", 1) }
}

/// The first row of the list of the quarter in which the loan was settled.
pub fn listed(office: &Office, interest: i64) -> Message {
    let row = SubsidyRow {
        period: "2020Q3".parse().unwrap(),
        no: 1,
        of: 1,
        list_hash: "ab".repeat(32),
        interest_fen: Fen::new(interest),
        receipts: vec![1],
    };
    Message::SubsidyListed(SubsidyListed { about: about(office, "sub:2020Q3:1"), row })
}

pub fn reported(office: &Office, key: &str, report: SubsidyReport) -> Message {
    Message::SubsidyReported(SubsidyReported { about: about(office, key), report })
}

pub fn paid(office: &Office, key: &str) -> Message {
    reported(office, key, SubsidyReport::Paid { on: office.at.date(), posting_no: "TX-1".into() })
}

pub fn back(office: &Office, key: &str) -> Message {
    let because = "账户已销户".into();
    Message::SubsidyReturned(SubsidyReturned { about: about(office, key), on: office.at.date(), because })
}

/// A loan that was settled on 2020-09-21 with one receipt.
pub fn settled() -> Office {
    let mut office = Office::open(10_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "");
    office.at = moment("2020-09-22T09:00:00+08:00");
    office.tell(office.reports(1, 1, repaid(1, AMOUNT, 0)));
    let on = Date::constant(2020, 9, 21);
    office.tell(office.reports(1, 2, LoanReport::Settled { on, prepaid: true }));
    office
}

pub fn appropriate(office: &mut Office, fen: i64) {
    let control = Control::Appropriate { amount_fen: amount(fen) };
    for (who, role) in [("w", "fund_manager"), ("h", APPROVER)] {
        office.act(who, role, Command::Control { control, because: "年度预算".into() });
    }
}

fn of(office: &Office) -> &Claim {
    office.application(1).claims.last().unwrap()
}

fn state(office: &Office) -> ClaimState {
    of(office).state()
}

/// Paid, encumbered, left.
fn books(office: &Office) -> [i64; 3] {
    ["U5001", "U9003", "U1002"].map(|code| office.balance(code))
}

/// Claimed in time and listed.
pub fn checking(vouchers: &[u32]) -> Office {
    let mut office = settled();
    appropriate(&mut office, 100_000);
    office.act("a", APPLICANT, claim(vouchers));
    office.at = moment("2020-10-20T17:00:00+08:00");
    office.tell(listed(&office, INTEREST));
    office
}

/// Until the day of payment, 18 November.
pub fn until_paid(office: &mut Office) -> Vec<Message> {
    office.at = moment("2020-11-18T00:00:00+08:00");
    office.decide(&organisation::Input::Due(union_core::rows::application(&id(1)))).unwrap().messages
}

#[test]
fn each_pair_of_states_is_in_the_table_or_illegal() {
    insta::assert_snapshot!(states::table(&ClaimState::ALL, ClaimState::on, ClaimState::code));
}

#[test]
fn a_claim_is_checked_approved_by_another_and_paid_on_its_day() {
    let mut office = checking(&[1]);
    assert_eq!(state(&office), ClaimState::Checking);
    office.act("c", CHECKER, check(CheckVerdict::Pass));
    assert_eq!((state(&office), books(&office)), (ClaimState::Approved, [0, INTEREST, 100_000]));
    assert_eq!(office.refused("c", APPROVER, approve(None)).code, "FOUR_EYES");
    let outcome = office.act("h", APPROVER, approve(None));
    assert!(outcome.messages.is_empty(), "not before its day");
    let ordered = until_paid(&mut office);
    let [Message::PaySubsidy(order)] = &ordered[..] else { panic!("{ordered:?}") };
    assert_eq!((order.about.key.as_str(), order.amount_fen.fen().get()), ("sub:2020Q3:1:1", INTEREST));
    assert_eq!(state(&office), ClaimState::Paying);
    for _ in 0..2 {
        office.tell(paid(&office, "sub:2020Q3:1:1"));
        assert_eq!((state(&office), books(&office)), (ClaimState::Paid, [INTEREST, 0, 100_000 - INTEREST]));
    }
}

#[test]
fn who_has_nothing_to_claim_claims_twice_or_too_late_is_told_so() {
    let mut office = Office::open(10_000_000);
    office.eligible(1, AMOUNT);
    assert_eq!(office.refused("a", APPLICANT, claim(&[1])).code, "NO_LOAN");
    office.until(1, AMOUNT, "");
    assert_eq!(office.refused("a", APPLICANT, claim(&[1])).code, "NOT_SETTLED");
    let mut office = settled();
    let other = Command::ClaimSubsidy { application_id: id(1), period: "2020Q2".parse().ok(), vouchers: [1].into() };
    assert_eq!(office.refused("a", APPLICANT, other).code, "PERIOD");
    for command in [answer(), pay_again()] {
        let code = office.refused("a", APPLICANT, command).code;
        assert!(code == "NOT_QUERIED" || code == "NOT_RETURNED", "{code}");
    }
    for (who, role, command) in [("c", CHECKER, check(CheckVerdict::Pass)), ("h", APPROVER, approve(None))] {
        assert_eq!(office.refused(who, role, command).code, "NO_TASK");
    }
    // The 20th of October is the last day.
    office.at = moment("2020-10-20T23:59:00+08:00");
    let mut late = office.clone();
    office.act("a", APPLICANT, claim(&[1]));
    assert_eq!(
        (state(&office), office.refused("a", APPLICANT, claim(&[1])).code.as_str()),
        (ClaimState::Claimable, "DUPLICATE")
    );
    late.at = moment("2020-10-21T00:00:00+08:00");
    late.act("a", APPLICANT, claim(&[1]));
    late.tell(listed(&late, INTEREST));
    assert_eq!((state(&late), of(&late).runs.len()), (ClaimState::Rejected, 0));
}

#[test]
fn the_checker_cannot_pass_what_is_flawed_and_says_what_it_is() {
    let pass = || check(CheckVerdict::Pass);
    let mut incomplete = checking(&[]);
    assert_eq!(incomplete.refused("c", CHECKER, pass()).code, "NO_VOUCHERS");
    incomplete.act("c", CHECKER, check(query()));
    assert_eq!(state(&incomplete), ClaimState::Queried);
    incomplete.act("a", APPLICANT, answer());
    assert_eq!(state(&incomplete), ClaimState::Checking);
    incomplete.act("c", CHECKER, pass());

    let mut lapsed = checking(&[1]);
    lapsed.load("m-1", Date::constant(2019, 1, 1), Some(Date::constant(2020, 10, 1)));
    assert_eq!(lapsed.refused("c", CHECKER, pass()).code, "MEMBERSHIP_LAPSED");
    // Another member of the same union holds: it stands, but it is not this one.
    lapsed.load("m-2", Date::constant(2019, 1, 1), None);
    assert_eq!(lapsed.refused("c", CHECKER, pass()).code, "MEMBERSHIP_LAPSED");
    lapsed.act("c", CHECKER, check(CheckVerdict::Reject { reason: SubsidyRejection::MembershipLapsed }));
    assert_eq!((state(&lapsed), books(&lapsed)), (ClaimState::Rejected, [0, 0, 100_000]));

    let mut differs = settled();
    appropriate(&mut differs, 100_000);
    differs.act("a", APPLICANT, claim(&[1]));
    differs.tell(listed(&differs, INTEREST + 1));
    assert_eq!(differs.refused("c", CHECKER, pass()).code, "INTEREST_DIFFERS");

    let mut overdue = Office::open(10_000_000);
    overdue.eligible(1, AMOUNT);
    overdue.until(1, AMOUNT, "");
    overdue.at = moment("2020-09-22T09:00:00+08:00");
    let reports = [
        LoanReport::Overdue { since: Date::constant(2020, 9, 1) },
        repaid(1, AMOUNT, 0),
        LoanReport::Current {},
        LoanReport::Settled { on: Date::constant(2020, 9, 21), prepaid: false },
    ];
    for (seq, report) in (1..).zip(reports) {
        overdue.tell(overdue.reports(1, seq, report));
    }
    overdue.act("a", APPLICANT, claim(&[1]));
    overdue.tell(listed(&overdue, INTEREST));
    assert_eq!(overdue.refused("c", CHECKER, pass()).code, "OVERDUE");
}

#[test]
fn a_claim_waits_for_money_and_what_the_bank_lacks_is_ordered_again() {
    let mut office = settled();
    office.act("a", APPLICANT, claim(&[1]));
    office.tell(listed(&office, INTEREST));
    office.act("c", CHECKER, check(CheckVerdict::Pass));
    assert_eq!(office.fund().subsidies_wait, [id(1)]);
    appropriate(&mut office, 100_000);
    assert!(office.fund().subsidies_wait.is_empty());
    office.act("h", APPROVER, approve(None));
    until_paid(&mut office);
    let why = NotPaid::NoFunds;
    let said = office.tell(reported(&office, "sub:2020Q3:1:1", SubsidyReport::NotPaid { why }));
    assert_eq!(said.iter().map(|one| one.kind().name()).collect::<Vec<_>>(), ["subsidy.close"]);
    office.tell(reported(&office, "sub:2020Q3:1:1", SubsidyReport::Closed));
    let orders = |office: &mut Office| {
        let wake = office.pass(1);
        assert!(wake <= office.at);
        office.said("subsidy.pay")
    };
    assert_eq!(orders(&mut office), 2, "under another key");
    assert_eq!(books(&office), [0, INTEREST, 100_000]);
}

#[test]
fn what_came_back_is_booked_back_and_paid_again_under_the_same_claim() {
    let mut office = checking(&[1]);
    office.act("c", CHECKER, check(CheckVerdict::Pass));
    office.act("h", APPROVER, approve(None));
    until_paid(&mut office);
    office.tell(paid(&office, "sub:2020Q3:1:1"));
    for _ in 0..2 {
        office.tell(back(&office, "sub:2020Q3:1:1"));
        assert_eq!((state(&office), books(&office)), (ClaimState::Returned, [0, 0, 100_000]));
    }
    assert_eq!(refusal(office.hear(back(&office, "sub:2020Q3:9:1"))).code, "UNKNOWN_SUBSIDY");
    let outcome = office.act("a", APPLICANT, pay_again());
    let [Message::PaySubsidy(order)] = &outcome.messages[..] else { panic!("{:?}", outcome.messages) };
    assert_eq!(order.about.key, "sub:2020Q3:1/2:1");
    office.tell(paid(&office, "sub:2020Q3:1/2:1"));
    assert_eq!((state(&office), books(&office)), (ClaimState::Paid, [INTEREST, 0, 100_000 - INTEREST]));
    assert_eq!(of(&office).payments.len(), 2);
}
