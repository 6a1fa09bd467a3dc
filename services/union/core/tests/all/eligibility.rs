//! Check of eligibility: membership on the day, papers, and who may decide.

use super::office::*;
use domain::Date;
use organisation::RefusalKind;
use union_core::{
    Command,
    application::Occasion,
    command::EligibilityVerdict,
    vocabulary::{IntakeRejection, Withdrawal},
};

/// A union whose member `m-1` holds in this span, with one application filed on 2020-06-01.
fn filed(span: Option<(Date, Option<Date>)>) -> Office {
    let mut office = Office::closed();
    let deposit_fen = domain::Fen::new(900_000_000);
    office.act("o", OPERATOR, Command::OpenBooks { deposit_fen });
    if let Some((from, to)) = span {
        office.load("m-1", from, to);
    }
    office.submit(1, AMOUNT);
    office
}

fn member() -> Option<(Date, Option<Date>)> {
    Some((Date::constant(2019, 1, 1), None))
}

fn decide(verdict: EligibilityVerdict) -> Command {
    Command::DecideEligibility { application_id: id(1), verdict }
}

#[test]
fn the_register_is_looked_at_on_filing_on_finding_eligible_and_before_the_payout_and_each_look_is_kept() {
    let mut office = Office::open(1_000_000_000);
    office.load("m-1", Date::constant(2019, 1, 1), Some(Date::constant(2020, 6, 2)));
    office.submit(1, AMOUNT);
    office.at = moment("2020-06-02T09:00:00+08:00");
    office.verdict(1, EligibilityVerdict::Approve);
    office.until(1, AMOUNT, "sign loan contract");
    office.at = moment("2020-06-03T09:00:00+08:00");
    office.tell(office.loan_contract(1));
    let kept = office.application(1).membership.iter();
    let kept: Vec<_> = kept.map(|look| (look.occasion, look.on.to_string(), look.since.is_some())).collect();
    assert_eq!(
        kept,
        [
            (Occasion::Filing, "2020-06-01".to_owned(), true),
            (Occasion::Eligibility, "2020-06-02".to_owned(), true),
            (Occasion::PayOut, "2020-06-03".to_owned(), false),
        ]
    );
    assert_eq!(office.status(1), "COMPENSATING", "it lapsed the day before");
}

#[test]
fn approval_needs_membership_on_the_day() {
    let day = Date::constant;
    let rows = [
        ("not in the register", None, false),
        ("open span", Some((day(2019, 1, 1), None)), true),
        ("first day", Some((day(2020, 6, 1), None)), true),
        ("last day", Some((day(2019, 1, 1), Some(day(2020, 6, 1)))), true),
        ("ended the day before", Some((day(2019, 1, 1), Some(day(2020, 5, 31)))), false),
        ("begins the day after", Some((day(2020, 6, 2), None)), false),
    ];
    for (what, span, holds) in rows {
        let mut office = filed(span);
        if holds {
            office.verdict(1, EligibilityVerdict::Approve);
            let recommendation = office.application(1).recommendation.clone().unwrap();
            assert_eq!(recommendation.verified_on, day(2020, 6, 1), "{what}");
        } else {
            let refusal = office.refused("i", INTAKE, decide(EligibilityVerdict::Approve));
            assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Conflict, "MEMBERSHIP"), "{what}");
            assert_eq!(office.status(1), "INTAKE_REVIEW", "{what}");
            // The rule, where no officer decides, rejects instead.
            let mut automatic = filed(None).automatic();
            if let Some((from, to)) = span {
                automatic.load("m-1", from, to);
            }
            automatic.submit(2, AMOUNT);
            assert_eq!(automatic.status(2), "INTAKE_REJECTED", "{what}");
        }
    }
}

#[test]
fn automatic_intake_recommends_a_member_under_a_service_identity() {
    let mut office = Office::open(900_000_000).automatic();
    office.submit(1, AMOUNT);
    assert_eq!(office.status(1), "GUARANTEE_REVIEW");
    let journal = serde_json::to_string(&office.journal).unwrap();
    assert!(journal.contains("service:intake_officer"), "{journal}");
}

#[test]
fn membership_is_looked_at_again_before_the_money_leaves() {
    for (to, status) in [(None, "READY"), (Some(Date::constant(2020, 6, 1)), "COMPENSATING")] {
        let mut office = filed(Some((Date::constant(2019, 1, 1), to)));
        office.verdict(1, EligibilityVerdict::Approve);
        office.until(1, AMOUNT, "sign loan contract");
        office.at = moment("2020-06-03T09:00:00+08:00");
        office.tell(office.loan_contract(1));
        assert_eq!(office.status(1), status, "member until {to:?}");
        let verified_on = office.application(1).recommendation.as_ref().unwrap().verified_on;
        let expected = if to.is_none() { 3 } else { 1 };
        assert_eq!(verified_on, Date::constant(2020, 6, expected), "dated evidence, member until {to:?}");
    }
}

#[test]
fn a_rejection_ends_the_application_and_frees_the_firm() {
    let mut office = filed(member());
    assert_eq!(office.firm_row(1).open, Some(id(1)));
    office.verdict(1, EligibilityVerdict::Reject { reason: IntakeRejection::GroupNotProven });
    assert_eq!(office.status(1), "INTAKE_REJECTED");
    assert_eq!(office.firm_row(1).open, None);
    assert_eq!(office.application(1).reservation, None);
    assert_eq!(office.refused("i", INTAKE, decide(EligibilityVerdict::Approve)).kind, RefusalKind::Conflict);
}

#[test]
fn papers_are_asked_for_and_supplied() {
    let mut office = filed(member());
    let outcome = office.verdict(1, EligibilityVerdict::PapersSupplied);
    assert_eq!(outcome.recorded, [], "papers that nobody asked for change nothing");
    office.verdict(1, EligibilityVerdict::AskForPapers);
    assert_eq!(office.status(1), "NEED_DOCS");
    assert_eq!(office.refused("i", INTAKE, decide(EligibilityVerdict::Approve)).code, "TASK");
    office.at = moment("2020-06-10T09:00:00+08:00");
    office.verdict(1, EligibilityVerdict::PapersSupplied);
    assert_eq!(office.status(1), "INTAKE_REVIEW");
    office.verdict(1, EligibilityVerdict::Approve);
    assert_eq!(office.status(1), "GUARANTEE_REVIEW");
}

#[test]
fn papers_that_do_not_come_expire_the_application_on_the_tenth_working_day() {
    let mut office = filed(member());
    office.verdict(1, EligibilityVerdict::AskForPapers);
    while office.status(1) == "NEED_DOCS" {
        office.pass(1);
    }
    assert_eq!(office.status(1), "EXPIRED");
    // The tenth working day after Monday 2020-06-01.
    assert_eq!(office.at.date(), Date::constant(2020, 6, 15));
    assert_eq!(office.firm_row(1).open, None);
    let ended = serde_json::to_string(office.application(1).run.ending().unwrap()).unwrap();
    assert!(ended.contains("NEED_DOCS"), "{ended}");
}

#[test]
fn who_does_not_hold_the_role_may_not() {
    let (intake, applicant): (&[&str], &[&str]) = (&[INTAKE], &[APPLICANT, INTAKE]);
    let rows: [(Command, &[&str]); 6] = [
        (Command::OpenBooks { deposit_fen: domain::Fen::new(1) }, &[OPERATOR]),
        (Command::LoadMembers { members: Vec::new() }, &[OPERATOR]),
        (Command::Submit(Box::new(form(2, AMOUNT))), applicant),
        (decide(EligibilityVerdict::Approve), intake),
        (Command::Withdraw { application_id: id(1), reason: Withdrawal::Terms }, applicant),
        (
            Command::Repair { application_id: id(1), step: "disburse".into(), action: retry_ask("请再问一次") },
            &[OPERATOR],
        ),
    ];
    for (command, may) in rows {
        for role in [APPLICANT, INTAKE, OPERATOR, "fund_manager", ""] {
            let mut office = filed(member());
            let forbidden = match office.command("x", role, command.clone()) {
                Err(organisation::Stop::Refused(refusal)) => refusal.kind == RefusalKind::Forbidden,
                _ => false,
            };
            assert_eq!(forbidden, !may.contains(&role), "{command:?} by `{role}`");
        }
    }
}

#[test]
fn a_repeated_approval_changes_nothing_not_even_the_day_of_the_evidence() {
    let mut office = filed(member());
    office.verdict(1, EligibilityVerdict::Approve);
    let before = office.application(1).clone();
    office.at = moment("2020-06-03T09:00:00.000+08:00");
    let outcome = office.verdict(1, EligibilityVerdict::Approve);
    assert_eq!(outcome.recorded, []);
    assert_eq!(office.application(1), &before);
}
