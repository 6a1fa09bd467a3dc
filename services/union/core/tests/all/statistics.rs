//! What is counted, on which day, and what of it may be published.

use super::{office::*, renewal, subsidy};
use contracts::LoanReport;
use domain::Charter;
use union_core::{
    command::EligibilityVerdict,
    statistics::{By, Figure, Statistics},
    vocabulary::IntakeRejection,
};

fn counted(office: &Office, by: By) -> Statistics {
    let mut statistics = Statistics::by(by);
    let calendar = Charter::programme_2017().calendar;
    office.applications().for_each(|application| statistics.count(application, &calendar));
    statistics
}

fn figures(office: &Office, of: &[Figure]) -> Vec<i64> {
    let total = counted(office, By::Year).total;
    of.iter().map(|figure| total.figure(*figure, false).unwrap()).collect()
}

/// Three firms: one was paid out, one was refused, one waits for its check.
fn three() -> Office {
    let mut office = Office::open(100_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "");
    office.submit(2, AMOUNT);
    office.verdict(2, EligibilityVerdict::Reject { reason: IntakeRejection::DocumentsInconsistent });
    office.submit(3, AMOUNT);
    office
}

#[test]
fn applications_loans_and_receipts_are_counted_once_and_firms_by_themselves() {
    use Figure::*;
    let office = renewal::rolled();
    let of = [Applications, Renewals, Enterprises, LoansPaidOut, RenewalLoansPaidOut, EnterprisesPaidOut];
    assert_eq!(figures(&office, &of), [2, 1, 1, 2, 1, 1]);
    let of = [EnterprisesRenewed, Disbursed, Outstanding, Overdue, Receipts, PrincipalCollected, InterestCollected];
    assert_eq!(figures(&office, &of), [1, 2 * AMOUNT, AMOUNT, 0, 1, AMOUNT, 60_667]);
}

#[test]
fn each_counts_on_its_own_day() {
    let office = renewal::rolled();
    let by_quarter = counted(&office, By::Quarter);
    let of = |quarter: &str, figure| by_quarter.groups.get(quarter).map(|group| group.figure(figure, false).unwrap());
    assert_eq!(of("2020Q2", Figure::Applications), Some(1), "filed in June");
    assert_eq!(of("2020Q4", Figure::Applications), Some(1), "the renewal");
    assert_eq!(of("2020Q3", Figure::Receipts), Some(1), "by its value date");
    assert_eq!(of("2020Q3", Figure::Applications), Some(0));
    assert_eq!(of("2021Q1", Figure::Applications), None);
}

#[test]
fn a_receipt_or_pay_out_that_is_reversed_and_a_subsidy_that_came_back_count_no_more() {
    let mut office = three();
    office.tell(office.reports(1, 1, repaid(1, 10_000_000, 20_000_000)));
    let collected = [Figure::Receipts, Figure::PrincipalCollected, Figure::Outstanding];
    assert_eq!(figures(&office, &collected), [1, 10_000_000, 20_000_000]);
    let LoanReport::Received { receipt } = repaid(1, 10_000_000, AMOUNT) else { panic!("it is a receipt") };
    office.tell(office.reports(1, 2, LoanReport::Reversed { receipt, on: office.at.date() }));
    assert_eq!(figures(&office, &collected), [0, 0, AMOUNT]);
    office.tell(office.reversed(1, AMOUNT));
    assert_eq!(figures(&office, &[Figure::LoansPaidOut, Figure::Disbursed, Figure::Outstanding]), [0, 0, 0]);

    let mut office = subsidy::settled();
    office.act("a", APPLICANT, subsidy::claim(&[1]));
    office.tell(subsidy::listed(&office, subsidy::INTEREST));
    office.act("c", subsidy::CHECKER, subsidy::check(union_core::subsidy::CheckVerdict::Pass));
    subsidy::appropriate(&mut office, 100_000);
    office.act("h", subsidy::APPROVER, subsidy::approve(None));
    subsidy::until_paid(&mut office);
    office.tell(subsidy::paid(&office, "sub:2020Q3:1:1"));
    let paid = [Figure::ClaimsPaid, Figure::EnterprisesSubsidised, Figure::Subsidised];
    assert_eq!(figures(&office, &paid), [1, 1, subsidy::INTEREST]);
    office.tell(subsidy::back(&office, "sub:2020Q3:1:1"));
    assert_eq!(figures(&office, &paid), [0, 0, 0]);
}

#[test]
fn why_applications_came_to_nothing_is_told_by_code() {
    let total = counted(&three(), By::Year).total;
    assert_eq!(total.figure(Figure::Refused, false), Some(1));
    let reasons: Vec<_> = total.reasons.iter().map(|(code, cell)| (code.as_str(), cell.shown(false))).collect();
    assert_eq!(reasons, [("DOCUMENTS_INCONSISTENT", Some(1))]);
}

#[test]
fn published_is_nothing_that_is_about_one_or_two_firms() {
    let by_district = counted(&three(), By::District);
    for group in [&by_district.total, &by_district.groups["石景山"]] {
        let shown = Figure::ALL.map(|figure| (figure.name(), group.figure(figure, true)));
        for (name, value) in shown {
            let expected = match name {
                "applications" | "enterprises_in_all" => Some(3),
                "refused" | "loans_paid_out" | "enterprises_paid_out" | "disbursed_fen" | "outstanding_fen" => None,
                _ => Some(0),
            };
            assert_eq!(value, expected, "{name}");
        }
        assert!(group.reasons.values().all(|cell| cell.shown(true).is_none()));
        assert_eq!((group.overdue_ppm(true), group.overdue_ppm(false)), (None, Some(0)));
        assert!(group.medians(true).is_empty(), "one firm's step");
    }
}

#[test]
fn the_median_of_a_step_is_in_working_days_and_of_an_even_number_the_lower_one() {
    let mut office = Office::open(100_000_000);
    // Filed on Monday 2020-06-01; checked on Tuesday, on Friday, and on the Monday after.
    for number in 1..=3 {
        office.submit(number, AMOUNT);
    }
    let mut medians = Vec::new();
    for (number, on) in [(1, "2020-06-02"), (2, "2020-06-05"), (3, "2020-06-08")] {
        office.at = moment(&format!("{on}T09:00:00+08:00"));
        office.verdict(number, EligibilityVerdict::Approve);
        medians.push(counted(&office, By::Year).total.medians(false)["check eligibility"]);
    }
    assert_eq!(medians, [1, 1, 4], "1, the lower of 1 and 4, 4");
    assert_eq!(counted(&office, By::Year).total.medians(true)["check eligibility"], 4, "three firms");
}

#[test]
fn groups_are_districts_sections_of_industry_or_channels() {
    let office = three();
    let names = |by| counted(&office, by).groups.into_keys().collect::<Vec<_>>();
    assert_eq!(names(By::District), ["石景山"]);
    assert_eq!(names(By::Industry), ["I"]);
    assert_eq!(names(By::Channel), ["STANDARD"]);
    assert_eq!(names(By::Year), ["2020"]);
}
