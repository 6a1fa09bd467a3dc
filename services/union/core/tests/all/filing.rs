//! What is refused at filing, and which rule speaks first.

use super::office::*;
use domain::{Charter, Date};
use organisation::{Input, Stop};
use union_core::{
    Command,
    command::Form,
    filing,
    renewal::{Renewal, RenewalMode},
    rows::FirmRow,
    vocabulary::{
        FilingRefusal::{self, *},
        GreenReason,
    },
};

type Break = fn(&mut Form, &mut FirmRow);

/// One way to break each rule, in order of precedence.
const BREAKS: &[(FilingRefusal, Break)] = &[
    (Amount, |form, _| form.wish.amount_fen = amount(4_000_000)),
    (Term, |form, _| form.wish.term_months = 49),
    (Purpose, |form, _| form.wish.purpose = " ".into()),
    (Age, |form, _| form.legal_rep_age = 17),
    (Licence, |form, _| form.licence_valid_to = Some(Date::constant(2020, 5, 31))),
    (Area, |form, _| form.in_beijing = false),
    (OpenApplication, |_, firm| firm.open = Some(id(1))),
    (LiveLoan, |_, firm| firm.live_loan = Some(id(1))),
    (LoanCount, |_, firm| firm.loans = 3),
    (RenewalWindow, |form, _| form.renewal = Some(Renewal { of: id(9), mode: RenewalMode::RepayFirst, reason: None })),
    (PolicyNotInForce, |form, _| form.green = Some(GreenReason::HitIndustry)),
];

fn check(what: &str, breaks: &[Break], expected: Result<(), FilingRefusal>) {
    let (mut form, mut firm) = (form(1, AMOUNT), FirmRow::default());
    breaks.iter().for_each(|act| act(&mut form, &mut firm));
    let on = Date::constant(2020, 6, 1);
    assert_eq!(filing::check(&form, &firm, &Charter::programme_2017(), on), expected, "{what}");
}

#[test]
fn each_rule_refuses_with_its_own_reason() {
    check("nothing broken", &[], Ok(()));
    for (refusal, act) in BREAKS {
        check("one broken", &[*act], Err(*refusal));
    }
}

#[test]
fn of_two_broken_rules_the_first_speaks() {
    for (place, (first, act)) in BREAKS.iter().enumerate() {
        for (second, other) in BREAKS.iter().skip(place + 1) {
            assert!(first < second, "the table and the enum are in one order");
            check(&format!("{first:?} and {second:?}"), &[*other, *act], Err(*first));
        }
    }
}

#[test]
fn limits_themselves_are_allowed() {
    let charter = Charter::programme_2017();
    let (young, old) = (charter.age_min, charter.age_max);
    let rows: &[(&str, Break, Result<(), FilingRefusal>)] = &[
        ("smallest", |form, _| form.wish.amount_fen = amount(5_000_000), Ok(())),
        ("largest", |form, _| form.wish.amount_fen = amount(50_000_000), Ok(())),
        ("a step above the largest", |form, _| form.wish.amount_fen = amount(51_000_000), Err(Amount)),
        ("a fen beside the step", |form, _| form.wish.amount_fen = amount(30_000_001), Err(Amount)),
        ("no term", |form, _| form.wish.term_months = 0, Err(Term)),
        ("longest term", |form, _| form.wish.term_months = 48, Ok(())),
        ("re-lending", |form, _| form.wish.purpose = "用于转贷".into(), Err(Purpose)),
        ("licence ends today", |form, _| form.licence_valid_to = Some(Date::constant(2020, 6, 1)), Ok(())),
        ("registered today", |form, _| form.firm.registered_on = Date::constant(2020, 6, 1), Ok(())),
        ("registered tomorrow", |form, _| form.firm.registered_on = Date::constant(2020, 6, 2), Err(Licence)),
        ("two loans drawn", |_, firm| firm.loans = 2, Ok(())),
    ];
    for (what, act, expected) in rows {
        check(what, &[*act], *expected);
    }
    for (age, expected) in [(young, Ok(())), (old, Ok(())), (young - 1, Err(Age)), (old + 1, Err(Age))] {
        let mut form = form(1, AMOUNT);
        form.legal_rep_age = age;
        let on = Date::constant(2020, 6, 1);
        assert_eq!(filing::check(&form, &FirmRow::default(), &charter, on), expected, "age {age}");
    }
    let last = charter.age_max_at_maturity;
    for (age, expected) in [(last, Ok(())), (last + 1, Err(Age))] {
        let mut form = form(1, AMOUNT);
        (form.legal_rep_age, form.legal_rep_age_at_maturity) = (old, age);
        let on = Date::constant(2020, 6, 1);
        assert_eq!(filing::check(&form, &FirmRow::default(), &charter, on), expected, "{age} at maturity");
    }
}

#[test]
fn a_form_that_was_journaled_before_the_age_at_maturity_was_looked_at_still_reads() {
    let mut written = serde_json::to_value(form(1, AMOUNT)).unwrap();
    written.as_object_mut().unwrap().remove("legal_rep_age_at_maturity").unwrap();
    let read: Form = serde_json::from_value(written).unwrap();
    assert_eq!(Form { legal_rep_age_at_maturity: 41, ..read }, form(1, AMOUNT));
}

#[test]
fn a_second_application_of_a_firm_waits_for_the_first_to_end() {
    let mut office = Office::open(900_000_000);
    office.submit(1, AMOUNT);
    let again = || Command::Submit(Box::new(form(1, AMOUNT)));
    assert_eq!(office.refused("a", APPLICANT, again()).code, "OPEN_APPLICATION");
    office.withdraw(1);
    assert_eq!(office.status(1), "WITHDRAWN");
    office.act("a", APPLICANT, again());
    assert_eq!(office.firm_row(1).open, Some(id(2)));
}

#[test]
fn a_firm_with_a_live_loan_is_refused() {
    let mut office = Office::open(900_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "");
    assert_eq!(office.status(1), "DISBURSED");
    let refusal = office.refused("a", APPLICANT, Command::Submit(Box::new(form(1, AMOUNT))));
    assert_eq!(refusal.code, "LIVE_LOAN");
}

#[test]
fn numbers_begin_anew_each_year() {
    let mut office = Office::open(900_000_000);
    office.submit(1, AMOUNT);
    office.submit(2, AMOUNT);
    office.at = moment("2021-01-04T09:00:00+08:00");
    let filed = office.submit(3, AMOUNT).application_id.unwrap();
    assert_eq!(filed.to_string(), "NCD-2021-0001");
}

#[test]
fn no_number_is_given_twice_when_the_database_is_an_older_copy() {
    let mut office = Office::open(900_000_000);
    office.submit(1, AMOUNT);
    let mut set_back = office.clone();
    office.submit(2, AMOUNT);
    // For each partner whose receipt is adopted.
    for _ in 0..2 {
        set_back.decide(&Input::SetBack).unwrap();
    }
    let filed = set_back.submit(3, AMOUNT).application_id.unwrap();
    assert_eq!(filed.to_string(), "NCD-2020-20002");
    set_back.at = moment("2021-01-04T09:00:00+08:00");
    set_back.decide(&Input::SetBack).unwrap();
    let filed = set_back.submit(4, AMOUNT).application_id.unwrap();
    assert_eq!(filed.to_string(), "NCD-2021-10001", "the copy may be of last year, and what it lost of this one");
}

#[test]
fn what_a_partner_says_of_an_application_that_is_not_here_is_put_before_somebody() {
    let mut office = Office::open(900_000_000);
    let mut set_back = office.clone();
    office.until(1, AMOUNT, "assess guarantee");
    let said = office.agreed(1, AMOUNT);
    assert!(matches!(set_back.hear(said), Err(Stop::Illegal(why)) if why.contains("NCD-2020-0001")));
}
