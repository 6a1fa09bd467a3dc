//! The green channel (DOMAIN.md S2): who may go through it, what is different there, and what leaves it.

use super::office::*;
use domain::Date;
use organisation::Recorded;
use union_core::{
    Command, Fact,
    command::{EligibilityVerdict, Form},
    vocabulary::GreenReason,
};

const HIT: GreenReason = GreenReason::HitIndustry;
const FLAG: GreenReason = GreenReason::OfficerFlag;

fn asks(industry: &str, green: GreenReason) -> Form {
    let mut form = Form { green: Some(green), ..form(1, AMOUNT) };
    form.firm.industry_code = industry.into();
    form
}

fn submit(form: Form) -> Command {
    Command::Submit(Box::new(form))
}

/// A firm of a hit industry, filed for the green channel and found eligible.
fn eligible() -> Office {
    let mut office = Office::open(100_000_000);
    office.act("a", APPLICANT, submit(asks("H62", HIT)));
    office.verdict(1, EligibilityVerdict::Approve);
    office
}

#[test]
fn it_is_open_under_the_policy_to_hit_industries_and_to_whom_an_officer_flags() {
    // The policy is in force from 2020-01-25 to 2020-12-31.
    let rows = [
        ("2020-01-24T09:00:00+08:00", "H62", HIT, INTAKE, "POLICY_NOT_IN_FORCE"),
        ("2020-01-25T09:00:00+08:00", "H62", HIT, INTAKE, ""),
        ("2020-12-31T09:00:00+08:00", "F51", HIT, APPLICANT, ""),
        ("2020-06-01T09:00:00+08:00", "I65", HIT, APPLICANT, "POLICY_NOT_IN_FORCE"),
        ("2020-06-01T09:00:00+08:00", "I65", FLAG, INTAKE, ""),
        // Only an officer flags.
        ("2020-06-01T09:00:00+08:00", "I65", FLAG, APPLICANT, "FORBIDDEN"),
        ("2020-01-24T09:00:00+08:00", "I65", FLAG, INTAKE, "POLICY_NOT_IN_FORCE"),
    ];
    for (at, industry, green, role, refused) in rows {
        let mut office = Office::open(100_000_000);
        office.at = moment(at);
        let command = submit(asks(industry, green));
        if refused.is_empty() {
            office.act("a", role, command);
            assert!(office.applications().all(|application| application.is_green()), "{at} {industry} {green:?}");
        } else {
            assert_eq!(office.refused("a", role, command).code, refused, "{at} {industry} {green:?} {role}");
        }
    }
}

#[test]
fn the_check_is_due_the_same_day_and_guarantor_and_bank_are_asked_at_once() {
    let mut office = Office::open(100_000_000);
    office.act("a", APPLICANT, submit(asks("H62", HIT)));
    let (_, task) = office.application(1).run.open_tasks().next().unwrap();
    assert_eq!(task.due_at().date(), Date::constant(2020, 6, 1));
    let asked = office.verdict(1, EligibilityVerdict::Approve).messages;
    let asked: Vec<&str> = asked.iter().map(|message| message.kind().name()).collect();
    assert_eq!(asked, ["guarantee.assess", "credit.approve"]);
    assert_eq!(office.status(1), "GUARANTEE_REVIEW");
}

#[test]
fn the_lower_amount_counts_whoever_lowers_it_and_whoever_answers_first() {
    for (agreed, approved, lower) in [(20_000_000, 25_000_000, 20_000_000), (25_000_000, 20_000_000, 20_000_000)] {
        for bank_first in [false, true] {
            let mut office = eligible();
            let (guarantor, bank) = (office.agreed(1, agreed), office.approved(1, approved));
            let (first, second) = if bank_first { (bank, guarantor) } else { (guarantor, bank) };
            office.tell(first);
            // Whatever the bank has, it is the guarantor's word that is waited for.
            assert_eq!(office.status(1), if bank_first { "GUARANTEE_REVIEW" } else { "CREDIT_REVIEW" });
            assert!(
                office.application(1).run.expiries.keys().all(|name| name != "CONTRACT"),
                "from the later approval"
            );
            let said = office.tell(second);
            assert_eq!(office.status(1), "CONTRACTING");
            let contracts::Message::SignContracts(ask) = &said[0] else { panic!("{said:?}") };
            assert_eq!(ask.amount_fen, amount(lower));
            assert!(office.application(1).run.expiries.contains_key("CONTRACT"));
            assert_eq!(office.application(1).reservation.as_ref().unwrap().exposure_fen, amount(lower));
            assert!(office.application(1).disputed_answers.is_empty());
        }
    }
}

#[test]
fn whoever_declines_has_the_others_word_taken_back() {
    let mut office = eligible();
    office.tell(office.approved(1, AMOUNT));
    let about = office.about("assess guarantee", 1);
    let opinion = contracts::GuaranteeOpinion::Declined { reason: contracts::GuaranteeDecline::CashFlow };
    let said = office.tell(contracts::Message::GuaranteeAssessed(contracts::GuaranteeAssessed { about, opinion }));
    assert!(matches!(said[..], [contracts::Message::CancelApproval(_)]), "{said:?}");

    // The guarantor still works at it: its undo overtakes its answer.
    let mut office = eligible();
    let about = office.about("approve credit", 1);
    let decision = contracts::CreditDecision::Declined { reason: contracts::CreditDecline::CreditRecord };
    let said = office.tell(contracts::Message::CreditDecided(contracts::CreditDecided { about, decision }));
    assert!(matches!(said[..], [contracts::Message::WithdrawOpinion(_)]), "{said:?}");
    office.tell(office.opinion_withdrawn(1));
    assert_eq!(office.status(1), "CREDIT_DECLINED");

    let mut office = eligible();
    let said = office.withdraw(1).messages;
    assert_eq!(said.len(), 2, "both are asked to undo: {said:?}");
}

#[test]
fn what_is_not_paid_out_in_five_working_days_goes_on_as_standard() {
    let mut office = eligible();
    let until = office.application(1).leaves_green_at().unwrap();
    assert_eq!(until.date(), Date::constant(2020, 6, 8), "five working days after Monday");
    assert_eq!(office.pass(1), until);
    let application = office.application(1);
    assert!(!application.is_green() && application.run.ending().is_none());
    assert_eq!(office.status(1), "GUARANTEE_REVIEW", "nothing else changes");
    office.tell(office.agreed(1, AMOUNT));
    office.tell(office.approved(1, AMOUNT));
    assert_eq!(office.status(1), "CONTRACTING");

    // Paid out in time it never leaves.
    let mut office = eligible();
    office.until_from(1, AMOUNT, "assess guarantee", "");
    assert_eq!((office.status(1), office.application(1).leaves_green_at()), ("DISBURSED", None));
}

#[test]
fn an_officer_puts_it_there_while_it_is_checked_and_the_check_begins_anew() {
    let flag = |office: &mut Office, who: &str| {
        let verdict = EligibilityVerdict::FlagGreen;
        office.command(who, INTAKE, Command::DecideEligibility { application_id: id(1), verdict })
    };
    let mut office = Office::open(100_000_000);
    office.submit(1, AMOUNT);
    flag(&mut office, "li").unwrap();
    let green = office.application(1).green.clone().unwrap();
    assert_eq!((green.reason, green.flagged_by.unwrap().to_string()), (FLAG, "li".to_owned()));
    let (step, task) = office.application(1).run.open_tasks().next().unwrap();
    assert_eq!((step, task.due_at().date()), ("check eligibility", Date::constant(2020, 6, 1)));
    assert_eq!(refusal(flag(&mut office, "li")).code, "NOT_NOW", "once");
    office.verdict(1, EligibilityVerdict::Approve);
    assert_eq!(office.said("credit.approve"), 1);
    // The firm is locked once, and free at the end.
    let locked = |office: &Office| office.firm_row(1).open.is_some();
    assert!(locked(&office));
    office.withdraw(1);

    let mut office = Office::open(100_000_000);
    office.eligible(1, AMOUNT);
    assert_eq!(refusal(flag(&mut office, "li")).code, "NOT_NOW", "it is checked already");

    let mut office = Office::open(100_000_000);
    office.at = moment("2019-06-03T09:00:00+08:00");
    office.submit(1, AMOUNT);
    let flagged = {
        let verdict = EligibilityVerdict::FlagGreen;
        let application_id = domain::ApplicationId::new(2019, 1).unwrap();
        office.command("li", INTAKE, Command::DecideEligibility { application_id, verdict })
    };
    assert_eq!(refusal(flagged).code, "POLICY_NOT_IN_FORCE");
    assert!(!office.journal.iter().any(|recorded| matches!(recorded, Recorded::Fact(Fact::PutIntoGreen { .. }))));
}

#[test]
fn whoever_waits_for_papers_is_not_flagged_and_expires_as_told() {
    let mut office = Office::open(100_000_000);
    office.submit(1, AMOUNT);
    office.verdict(1, EligibilityVerdict::AskForPapers);
    let before = office.application(1).clone();
    let flag = Command::DecideEligibility { application_id: id(1), verdict: EligibilityVerdict::FlagGreen };
    assert_eq!(office.refused("li", INTAKE, flag.clone()).code, "TASK");
    assert_eq!(office.application(1), &before);

    // Once the papers have come, it may be.
    let mut supplied = office.clone();
    supplied.verdict(1, EligibilityVerdict::PapersSupplied);
    supplied.act("li", INTAKE, flag);
    assert!(supplied.application(1).is_green());

    office.pass(1);
    assert_eq!(office.status(1), "EXPIRED", "NEED_DOCS");
}

#[test]
fn what_is_being_undone_does_not_go_on_as_standard() {
    let mut office = eligible();
    office.withdraw(1);
    assert_eq!(office.status(1), "COMPENSATING");
    assert_eq!(office.application(1).leaves_green_at(), None);
}

#[test]
fn what_is_not_checked_the_same_day_is_checked_as_standard_and_partners_are_asked_one_after_the_other() {
    let mut office = Office::open(100_000_000);
    office.act("a", APPLICANT, submit(asks("H62", HIT)));
    let until = office.application(1).leaves_green_at().unwrap();
    assert_eq!(until.date(), Date::constant(2020, 6, 1), "the same day");
    while office.application(1).is_green() {
        office.pass(1);
    }
    let application = office.application(1);
    assert_eq!(application.run.definition, "origination");
    let (step, task) = application.run.open_tasks().next().unwrap();
    assert_eq!((step, task.due_at().date()), ("check eligibility", Date::constant(2020, 6, 4)), "three working days");
    assert!(office.firm_row(1).open.is_some(), "the firm stays locked");
    let asked = office.verdict(1, EligibilityVerdict::Approve).messages;
    let asked: Vec<&str> = asked.iter().map(|message| message.kind().name()).collect();
    assert_eq!(asked, ["guarantee.assess"]);
    let flag = Command::DecideEligibility { application_id: id(1), verdict: EligibilityVerdict::FlagGreen };
    assert_eq!(office.refused("li", INTAKE, flag).code, "NOT_NOW", "it does not come back");

    // Whoever waits for papers has the five days.
    let mut office = Office::open(100_000_000);
    office.act("a", APPLICANT, submit(asks("H62", HIT)));
    office.verdict(1, EligibilityVerdict::AskForPapers);
    assert_eq!(office.application(1).leaves_green_at().unwrap().date(), Date::constant(2020, 6, 8));
}

#[test]
fn the_guarantors_conditions_reach_the_bank_with_the_ask_for_the_contract() {
    let mut office = eligible();
    office.tell(office.approved(1, AMOUNT));
    let about = office.about("assess guarantee", 1);
    let conditions = vec!["按季报送报表".to_owned()];
    let opinion = contracts::GuaranteeOpinion::Agreed { amount_fen: amount(AMOUNT), conditions: conditions.clone() };
    office.tell(contracts::Message::GuaranteeAssessed(contracts::GuaranteeAssessed { about, opinion }));
    office.tell(office.contracts_signed(1));
    let said = office.tell(office.issued(1, letter(1, AMOUNT)));
    let contracts::Message::SignLoanContract(ask) = &said[0] else { panic!("{said:?}") };
    assert_eq!(ask.conditions, conditions);
}
