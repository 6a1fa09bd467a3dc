//! The liability is on by the bank's word and the union's ask together, and by nothing else.

use super::office::*;
use contracts::Message;
use domain::Moment;
use guarantor_core::{case::IncidentKind, rows};

fn issued() -> Office {
    let mut office = Office::manual();
    office.reach(Stage::Issued);
    office
}

#[test]
fn either_may_come_first_and_both_must() {
    let orders: [[Says; 2]; 2] = [
        [|o| o.disbursed(LETTER, AMOUNT), |o| o.activate(ACTIVATE, LETTER)],
        [|o| o.activate(ACTIVATE, LETTER), |o| o.disbursed(LETTER, AMOUNT)],
    ];
    for [first, second] in orders {
        let mut office = issued();
        assert_eq!(words(&office.tell(first(&office))), "");
        assert_eq!((office.status(), office.liability()), ("ISSUED", 0));
        assert_eq!(words(&office.tell(second(&office))), "letter.activated");
        assert_eq!((office.status(), office.liability()), ("EFFECTIVE", AMOUNT));
        // Neither of them switches it on a second time.
        office.tell(second(&office));
        office.tell(first(&office));
        assert_eq!((office.liability(), office.balance("G9000")), (AMOUNT, AMOUNT));
        assert!(office.index().incidents.is_empty());
    }
}

/// What it is called, what happened before, what the bank says, what comes of it.
type Row<'a> = (&'a str, fn(&mut Office), &'a dyn Fn(&Office) -> Message, Option<IncidentKind>);

#[test]
fn what_the_letter_does_not_bear_out_is_an_incident_and_never_a_booking() {
    let paid_on = |day: &'static str| {
        move |o: &Office| {
            let mut notice = o.disbursed(LETTER, AMOUNT);
            if let Message::LoanDisbursed(notice) = &mut notice {
                notice.receipt.value_date = day.parse().unwrap();
            }
            notice
        }
    };
    let before = paid_on("2020-05-31");
    let last = paid_on("2020-07-01");
    let after = paid_on("2020-07-02");
    let rows: Vec<Row<'_>> = vec![
        ("unknown letter", |_| {}, &|o| o.disbursed("BH-NCD-2020-0001-7", AMOUNT), Some(IncidentKind::UnknownLetter)),
        (
            "second loan",
            |o| drop(o.tell(o.disbursed(LETTER, AMOUNT))),
            &|o| {
                let mut notice = o.disbursed(LETTER, AMOUNT);
                if let Message::LoanDisbursed(notice) = &mut notice {
                    notice.receipt.posting_no = "PZ-2".into();
                }
                notice
            },
            Some(IncidentKind::SecondLoan),
        ),
        (
            "revoked letter",
            |o| {
                o.tell(o.plain(Message::RevokeLetter, ISSUE));
                o.tell(o.stated(LETTER, true));
            },
            &|o| o.disbursed(LETTER, AMOUNT),
            Some(IncidentKind::LetterNotIssued),
        ),
        ("other amount", |_| {}, &|o| o.disbursed(LETTER, AMOUNT - 1), Some(IncidentKind::AmountDiffers)),
        ("before its issue", |_| {}, &before, Some(IncidentKind::OutsideValidity)),
        ("on its last day", |_| {}, &last, None),
        ("after its last day", |_| {}, &after, Some(IncidentKind::OutsideValidity)),
        // In order of precedence: a revoked letter and another amount.
        (
            "revoked letter, other amount",
            |o| {
                o.tell(o.plain(Message::RevokeLetter, ISSUE));
                o.tell(o.stated(LETTER, true));
            },
            &|o| o.disbursed(LETTER, AMOUNT - 1),
            Some(IncidentKind::LetterNotIssued),
        ),
    ];
    for (name, prepare, notice, expected) in rows {
        let mut office = issued();
        prepare(&mut office);
        let loan = office.case().loan.clone();
        assert_eq!(words(&office.tell(notice(&office))), "", "{name}");
        let raised: Vec<IncidentKind> = office.case().incidents.iter().map(|incident| incident.kind).collect();
        assert_eq!(raised, Vec::from_iter(expected), "{name}");
        assert_eq!(office.liability(), 0, "{name}");
        assert_eq!(office.case().loan == loan, expected.is_some(), "{name}");
        let listed = office.index().incidents;
        assert_eq!(listed.len(), raised.len(), "{name}");
        // The same again is the same incident.
        office.tell(notice(&office));
        assert_eq!(office.case().incidents.len(), raised.len(), "{name}, twice");
    }
}

#[test]
fn a_pay_out_of_an_application_never_heard_of_is_an_incident() {
    let mut office = Office::manual();
    office.tell(office.disbursed(LETTER, AMOUNT));
    assert_eq!(office.index().incidents.len(), 1);
    assert_eq!((office.status(), office.liability()), ("NOT_TAKEN_UP", 0));
}

#[test]
fn the_unions_word_makes_no_letter_effective_that_was_never_issued() {
    for stage in Stage::ALL.iter().copied().filter(|stage| *stage < Stage::Issued) {
        let mut office = Office::manual();
        office.reach(stage);
        assert_eq!(words(&office.tell(office.activate(ACTIVATE, LETTER))), "not taken up: OutOfOrder", "{stage:?}");
        office.tell(office.disbursed(LETTER, AMOUNT));
        assert_eq!(office.liability(), 0, "{stage:?}");
        assert_eq!(office.index().incidents.len(), 1, "{stage:?}");
    }
}

#[test]
fn a_pay_out_that_the_bank_does_not_report_in_time_is_alarmed_once_and_still_awaited() {
    let mut office = issued();
    office.tell(office.activate(ACTIVATE, LETTER));
    let end_of_day = Moment::parse("2020-06-01T23:59:59.999+08:00").unwrap();
    assert_eq!(office.index().wake_at, Some(end_of_day), "same day");
    office.pass(end_of_day);
    assert_eq!(office.index().incidents.len(), 1);
    assert_eq!(office.index().wake_at, None);
    office.at = office.at.plus_hours(5);
    assert_eq!(words(&office.tell(office.disbursed(LETTER, AMOUNT))), "letter.activated");
    assert_eq!(office.status(), "EFFECTIVE");
    assert!(office.index().incidents.is_empty(), "the alarm ends with the word that was missing");
}

#[test]
fn the_case_takes_its_share_of_the_limits_for_what_the_bank_left_of_it() {
    let mut office = Office::manual();
    office.reach(Stage::Agreed);
    assert_eq!(office.exposure(&rows::limits()), AMOUNT);
    let lowered = AMOUNT - 10_000_000;
    office.tell(office.sign(SIGN, lowered));
    assert_eq!(office.exposure(&rows::limits()), lowered, "what the bank did not approve is room for others");
    office.act("c", CONTRACT, contracts_signed());
    office.tell(office.issue(ISSUE, lowered));
    office.act("m", MAKER, prepare());
    office.act("k", CHECKER, release());
    office.tell(office.disbursed(LETTER, lowered));
    office.tell(office.activate(ACTIVATE, LETTER));
    assert_eq!(office.exposure(&rows::limits()), lowered);
    assert_eq!(office.exposure(&rows::client(USCC)), lowered);
}
