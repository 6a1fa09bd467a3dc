//! The reservation behind a loan is cut to what is still owed, by the bank's reports in their turn and by nothing else (S5).

use super::office::*;
use contracts::{LoanReport, Message};
use domain::Date;
use union_core::application::ReservationState;

fn committed() -> Office {
    let mut office = Office::open(10_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "");
    office
}

fn undone(no: u32, principal: i64, left: i64) -> LoanReport {
    let LoanReport::Received { receipt } = repaid(no, principal, left) else { unreachable!("it is a receipt") };
    LoanReport::Reversed { receipt, on: Date::constant(2020, 9, 22) }
}

/// Committed, guaranteed.
fn stands(office: &Office) -> (i64, i64) {
    (office.balance("U9002"), office.fund().guaranteed_fen.get())
}

#[test]
fn what_is_paid_back_is_not_reserved_any_more_and_the_last_report_frees_the_firm() {
    let mut office = committed();
    let reports = [
        (repaid(1, 0, AMOUNT), (6_000_000, AMOUNT)),
        (LoanReport::Overdue { since: Date::constant(2020, 10, 21) }, (6_000_000, AMOUNT)),
        // The share rounds up.
        (repaid(2, 9_999_999, 20_000_001), (4_000_001, 20_000_001)),
        (undone(2, 9_999_999, AMOUNT), (6_000_000, AMOUNT)),
        (repaid(3, 10_000_000, 20_000_000), (4_000_000, 20_000_000)),
        (LoanReport::Current {}, (4_000_000, 20_000_000)),
        (repaid(4, 20_000_000, 0), (0, 0)),
    ];
    for (seq, (report, then)) in (1..).zip(reports) {
        let said = office.tell(office.reports(1, seq, report.clone()));
        assert_eq!((said.len(), stands(&office)), (0, then), "{seq}: {report:?}");
        office.tell(office.reports(1, seq, report));
        assert_eq!(stands(&office), then, "said twice");
    }
    assert!(office.firm_row(1).live_loan.is_some(), "deferred interest may still be owed");
    office.tell(office.reports(1, 8, paid_in_full()));
    let application = office.application(1);
    assert_eq!(application.reservation.as_ref().unwrap().state, ReservationState::Released);
    assert_eq!(application.life.settled.map(|settled| settled.prepaid), Some(false));
    let firm = office.firm_row(1);
    assert_eq!((firm.live_loan, firm.loans), (None, 1));
    assert_eq!(office.status(1), "DISBURSED");
}

#[test]
fn a_report_that_comes_ahead_waits_and_what_is_missing_is_asked_for() {
    let mut office = committed();
    let said = office.tell(office.reports(1, 2, paid_in_full()));
    let [Message::UnionAsksLoanReports(asked)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(asked.from, 1);
    assert_eq!(stands(&office), (6_000_000, AMOUNT));
    assert!(office.tell(office.reports(1, 1, repaid(1, AMOUNT, 0))).is_empty());
    assert_eq!((stands(&office), office.firm_row(1).live_loan), ((0, 0), None));
}

#[test]
fn what_comes_before_the_reservation_is_committed_waits_for_it() {
    let mut office = Office::open(10_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "make letter effective");
    office.tell(office.reports(1, 1, repaid(1, 10_000_000, 20_000_000)));
    assert_eq!(stands(&office), (0, AMOUNT));
    office.tell(office.activated(1));
    assert_eq!(stands(&office), (4_000_000, 20_000_000));
}

#[test]
fn what_does_not_follow_from_what_was_reported_counts_for_nothing() {
    let wrong = [
        repaid(1, AMOUNT + 1, -1),
        repaid(1, 0, AMOUNT - 1),
        repaid(2, 0, AMOUNT),
        undone(1, 0, AMOUNT),
        paid_in_full(),
    ];
    for report in wrong {
        let mut office = committed();
        office.tell(office.reports(1, 1, report.clone()));
        assert_eq!(stands(&office), (6_000_000, AMOUNT), "{report:?}");
        assert!(office.firm_row(1).live_loan.is_some(), "{report:?}");
        office.tell(office.reports(1, 2, repaid(1, AMOUNT, 0)));
        assert_eq!(stands(&office), (0, 0), "what follows is taken in its turn: {report:?}");
    }
}

#[test]
fn principal_that_is_paid_back_lets_in_who_waits() {
    let mut office = committed();
    office.eligible(2, AMOUNT);
    assert_eq!(office.queue(), [2]);
    office.tell(office.reports(1, 1, repaid(1, 10_000_000, 20_000_000)));
    assert_eq!((office.queue(), office.balance("U9001")), (vec![], 6_000_000));
}
