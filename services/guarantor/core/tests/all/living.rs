//! The liability falls with the principal, receipt by receipt, by the bank's reports in their turn and by nothing else (S5).

use super::office::*;
use contracts::{LoanReport, Message};
use domain::{Date, Fen};
use guarantor_core::case::IncidentKind;

fn received(no: u32, principal: i64, left: i64) -> LoanReport {
    LoanReport::Received { receipt: receipt(no, principal, 60_667, left) }
}

fn reversed(no: u32, principal: i64, left: i64) -> LoanReport {
    LoanReport::Reversed { receipt: receipt(no, principal, 60_667, left), on: Date::constant(2020, 9, 22) }
}

fn settled() -> LoanReport {
    LoanReport::Settled { on: Date::constant(2021, 6, 1), prepaid: false }
}

fn effective() -> Office {
    let mut office = Office::manual();
    office.reach(Stage::Issued);
    office.tell(office.disbursed(LETTER, AMOUNT));
    office.tell(office.activate(ACTIVATE, LETTER));
    office
}

/// Liability, limits, status.
fn stands(office: &Office) -> (i64, i64, &'static str) {
    (office.liability(), office.exposure(&guarantor_core::rows::limits()), office.status())
}

#[test]
fn what_is_paid_back_is_not_guaranteed_any_more_and_the_last_report_lets_the_letter_go() {
    let mut office = effective();
    let reports = [
        (received(1, 0, AMOUNT), (AMOUNT, AMOUNT, "EFFECTIVE")),
        (LoanReport::Overdue { since: Date::constant(2020, 10, 21) }, (AMOUNT, AMOUNT, "EFFECTIVE")),
        (received(2, 10_000_000, 20_000_000), (20_000_000, 20_000_000, "EFFECTIVE")),
        (reversed(2, 10_000_000, AMOUNT), (AMOUNT, AMOUNT, "EFFECTIVE")),
        (received(3, 10_000_000, 20_000_000), (20_000_000, 20_000_000, "EFFECTIVE")),
        (LoanReport::Current {}, (20_000_000, 20_000_000, "EFFECTIVE")),
        (received(4, 20_000_000, 0), (0, 0, "EFFECTIVE")),
        (settled(), (0, 0, "RELEASED")),
    ];
    for (seq, (report, then)) in (1..).zip(reports) {
        let said = office.tell(office.reports(seq, report.clone()));
        assert_eq!((words(&said).as_str(), stands(&office)), ("", then), "{seq}: {report:?}");
        office.tell(office.reports(seq, report));
        assert_eq!(stands(&office), then, "said twice");
    }
    assert!(office.index().incidents.is_empty() && office.index().ended);
}

#[test]
fn a_report_that_comes_ahead_waits_and_what_is_missing_is_asked_for() {
    let mut office = effective();
    let said = office.tell(office.reports(3, settled()));
    assert_eq!(words(&said), "loan.reports_asked_by_guarantor (to bank)");
    let Message::GuarantorAsksLoanReports(asked) = &said[0] else { panic!("{said:?}") };
    assert_eq!(asked.from, 1);
    office.tell(office.reports(1, received(1, 0, AMOUNT)));
    assert_eq!(stands(&office), (AMOUNT, AMOUNT, "EFFECTIVE"));
    let said = office.tell(office.reports(2, received(2, AMOUNT, 0)));
    assert_eq!((words(&said).as_str(), stands(&office)), ("", (0, 0, "RELEASED")));
}

#[test]
fn what_comes_before_the_letter_is_effective_waits_for_it() {
    let mut office = Office::manual();
    office.reach(Stage::Issued);
    office.tell(office.disbursed(LETTER, AMOUNT));
    office.tell(office.reports(1, received(1, 10_000_000, 20_000_000)));
    assert_eq!((office.status(), office.liability()), ("ISSUED", 0));
    office.tell(office.activate(ACTIVATE, LETTER));
    assert_eq!(stands(&office), (20_000_000, 20_000_000, "EFFECTIVE"));
}

#[test]
fn what_does_not_follow_from_what_was_reported_is_an_incident_and_never_a_booking() {
    let wrong = [
        ("more than is owed", received(2, 20_000_001, -1)),
        ("another rest", received(2, 10_000_000, 9_999_999)),
        ("a receipt that was skipped", received(3, 0, 20_000_000)),
        ("a negative part", received(2, -1, 20_000_001)),
        ("the reversal of no receipt", reversed(2, 10_000_000, AMOUNT)),
        ("the reversal of another sum", reversed(1, 9_999_999, 29_999_999)),
        ("settled with something left", settled()),
    ];
    for (what, report) in wrong {
        let mut office = effective();
        office.tell(office.reports(1, received(1, 10_000_000, 20_000_000)));
        office.tell(office.reports(2, report));
        assert_eq!(stands(&office), (20_000_000, 20_000_000, "EFFECTIVE"), "{what}");
        let kinds: Vec<_> = office.case().incidents.iter().map(|incident| incident.kind).collect();
        assert_eq!(kinds, [IncidentKind::BankContradicts], "{what}");
        // What follows is taken in its turn all the same.
        office.tell(office.reports(3, received(2, 20_000_000, 0)));
        assert_eq!(office.liability(), 0, "{what}");
    }
    let mut office = effective();
    for (seq, report) in (1..).zip([received(1, AMOUNT, 0), settled(), reversed(1, AMOUNT, AMOUNT)]) {
        office.tell(office.reports(seq, report));
    }
    assert_eq!((stands(&office), office.index().incidents.len()), ((0, 0, "RELEASED"), 1), "nothing comes back");
    let mut office = Office::manual();
    office.tell(office.reports(1, received(1, 0, AMOUNT)));
    assert_eq!((office.index().incidents.len(), Fen::ZERO), (1, office.case().exposure_fen), "of no case");
}
