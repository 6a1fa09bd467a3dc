//! A letter binds until its holder says that it paid nothing out.

use super::office::*;
use contracts::Message;
use domain::Moment;
use guarantor_core::case::{IncidentKind, LetterState};
use organisation::Stop;

fn issued() -> Office {
    let mut office = Office::manual();
    office.reach(Stage::Issued);
    office
}

fn state(office: &Office) -> LetterState {
    office.case().letter.as_ref().unwrap().state
}

#[test]
fn a_letter_is_revoked_only_with_the_banks_word() {
    let mut office = issued();
    let asked = office.tell(office.plain(Message::RevokeLetter, ISSUE));
    let [Message::AskNotDisbursed(ask)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((&*ask.letter_no, &*ask.about.key), (LETTER, ISSUE));
    assert_eq!(state(&office), LetterState::Issued);
    assert!(!office.index().ended);
    assert_eq!(words(&office.tell(office.stated(LETTER, true))), "letter.revoked: undone");
    assert_eq!(state(&office), LetterState::Revoked);
}

#[test]
fn a_letter_that_is_paid_out_stays_and_the_union_is_told_why() {
    let mut office = issued();
    office.tell(office.plain(Message::RevokeLetter, ISSUE));
    let said = office.tell(office.stated(LETTER, false));
    let [Message::LetterRevoked(answer)] = &said[..] else { panic!("{said:?}") };
    assert!(answer.refused.as_ref().unwrap().starts_with("已放款"));
    assert_eq!(state(&office), LetterState::Issued);
    // The loan comes to be known and effective as ever.
    office.tell(office.disbursed(LETTER, AMOUNT));
    assert_eq!(words(&office.tell(office.activate(ACTIVATE, LETTER))), "letter.activated");
}

#[test]
fn a_pay_out_known_before_answers_the_revocation_without_asking_the_bank() {
    let mut office = issued();
    office.tell(office.disbursed(LETTER, AMOUNT));
    assert_eq!(words(&office.tell(office.plain(Message::RevokeLetter, ISSUE))), "letter.revoked: refused");
    assert_eq!(state(&office), LetterState::Issued);
}

#[test]
fn a_pay_out_heard_while_the_bank_is_asked_answers_the_revocation() {
    let mut office = issued();
    office.tell(office.plain(Message::RevokeLetter, ISSUE));
    assert_eq!(words(&office.tell(office.disbursed(LETTER, AMOUNT))), "letter.revoked: refused");
    // What the bank answers now is no news.
    assert_eq!(words(&office.tell(office.stated(LETTER, false))), "");
    assert!(office.index().incidents.is_empty());
    assert_eq!(words(&office.tell(office.activate(ACTIVATE, LETTER))), "letter.activated");
}

#[test]
fn the_bank_is_asked_again_when_the_union_asks_again() {
    let mut office = issued();
    let first = office.tell(office.plain(Message::RevokeLetter, ISSUE));
    assert_eq!(office.tell(office.plain(Message::RevokeLetter, ISSUE)), first);
    office.tell(office.stated(LETTER, false));
    // An operator's repair at the union asks once more; the bank may have reversed the posting since.
    assert_eq!(office.tell(office.plain(Message::RevokeLetter, ISSUE)), first);
    assert_eq!(words(&office.tell(office.stated(LETTER, true))), "letter.revoked: undone");
}

#[test]
fn statements_that_exclude_each_other_are_a_persons_business() {
    let rows: [(&str, &[bool], bool, usize); 5] = [
        ("alike", &[true, true], false, 0),
        ("no, then yes", &[true, false], false, 1),
        ("yes, then no", &[false, true], false, 1),
        ("known loan, then yes", &[false, false], true, 0),
        ("known loan, then no", &[true], true, 1),
    ];
    for (name, statements, loan_first, incidents) in rows {
        let mut office = issued();
        office.tell(office.plain(Message::RevokeLetter, ISSUE));
        if loan_first {
            office.tell(office.disbursed(LETTER, AMOUNT));
        }
        for stated in statements {
            office.tell(office.stated(LETTER, *stated));
        }
        let raised: Vec<IncidentKind> = office.case().incidents.iter().map(|incident| incident.kind).collect();
        assert_eq!(raised, vec![IncidentKind::BankContradicts; incidents], "{name}");
    }
}

#[test]
fn a_statement_that_nobody_asked_for_is_refused() {
    let mut office = issued();
    for (letter_no, revoke) in [(LETTER, false), ("BH-NCD-2020-0001-9", true)] {
        if revoke {
            office.tell(office.plain(Message::RevokeLetter, ISSUE));
        }
        let Err(Stop::Refused(refusal)) = office.hear(office.stated(letter_no, true)) else { panic!("taken") };
        assert_eq!(refusal.code, "NOT_ASKED");
        assert_eq!(state(&office), LetterState::Issued);
    }
}

#[test]
fn a_letter_taken_back_after_its_last_day_has_expired() {
    let rows = [
        ("2020-06-30T12:00:00+08:00", LetterState::Revoked, "WITHDRAWN"),
        ("2020-07-01T23:59:59.998+08:00", LetterState::Revoked, "WITHDRAWN"),
        // The union's LETTER timer fires at the end of the last day, and the answers come in the same instant.
        ("2020-07-01T23:59:59.999+08:00", LetterState::Expired, "EXPIRED"),
        ("2020-07-05T12:00:00+08:00", LetterState::Expired, "EXPIRED"),
    ];
    for (at, expected, status) in rows {
        let mut office = issued();
        office.at = Moment::parse(at).unwrap();
        office.tell(office.plain(Message::RevokeLetter, ISSUE));
        office.tell(office.stated(LETTER, true));
        assert_eq!(state(&office), expected, "{at}");
        office.tell(office.plain(Message::TerminateContracts, SIGN));
        office.tell(office.plain(Message::WithdrawOpinion, ASSESS));
        assert_eq!((office.status(), office.index().ended), (status, true), "{at}");
    }
}

#[test]
fn nothing_is_undone_while_something_rests_on_it() {
    let rows: [(Stage, Undo, &str); 6] = [
        (Stage::Signing, Message::WithdrawOpinion, ASSESS),
        (Stage::Signed, Message::WithdrawOpinion, ASSESS),
        (Stage::Drafting, Message::TerminateContracts, SIGN),
        (Stage::Issued, Message::TerminateContracts, SIGN),
        (Stage::Issued, Message::WithdrawOpinion, ASSESS),
        (Stage::Prepared, Message::WithdrawOpinion, ASSESS),
    ];
    for (stage, undo, key) in rows {
        let mut office = Office::manual();
        office.reach(stage);
        let status = office.status();
        let said = office.tell(office.plain(undo, key));
        assert!(words(&said).ends_with(": refused"), "{key} at {stage:?}: {}", words(&said));
        assert_eq!(office.status(), status, "{key} at {stage:?}");
    }
}
