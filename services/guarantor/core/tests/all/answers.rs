//! What the union and the bank may say in any state: asks first and again, undos before, between and after, out of order.

use super::office::*;
use contracts::{AskRefusal, GuaranteeDecline, Message};
use domain::{Charter, CharterHash, Charters};
use organisation::Stop;
use std::{fmt::Write, sync::Arc};

const OTHER: &str = "another key:NCD-2020-0001:2";

/// How a case can stand, each reached by messages and commands.
fn states() -> Vec<(&'static str, Office)> {
    let at = |stage| {
        let mut office = Office::manual();
        office.reach(stage);
        office
    };
    let after = |stage, then: &dyn Fn(&mut Office)| {
        let mut office = at(stage);
        then(&mut office);
        office
    };
    vec![
        ("fresh", at(Stage::Fresh)),
        ("asked", at(Stage::Asked)),
        ("declined", after(Stage::Asked, &|o| drop(o.act("r", RISK, decline(GuaranteeDecline::CashFlow))))),
        ("agreed", at(Stage::Agreed)),
        ("signing", at(Stage::Signing)),
        ("signed", at(Stage::Signed)),
        ("drafting", at(Stage::Drafting)),
        ("prepared", at(Stage::Prepared)),
        ("issued", at(Stage::Issued)),
        ("revoking", after(Stage::Issued, &|o| drop(o.tell(o.plain(Message::RevokeLetter, ISSUE))))),
        (
            "revoked",
            after(Stage::Issued, &|o| {
                o.tell(o.plain(Message::RevokeLetter, ISSUE));
                o.tell(o.stated(LETTER, true));
            }),
        ),
        (
            "withdrawn",
            after(Stage::Issued, &|o| {
                o.tell(o.plain(Message::RevokeLetter, ISSUE));
                o.tell(o.stated(LETTER, true));
                o.tell(o.plain(Message::TerminateContracts, SIGN));
                o.tell(o.plain(Message::WithdrawOpinion, ASSESS));
            }),
        ),
        ("activation asked", after(Stage::Issued, &|o| drop(o.tell(o.activate(ACTIVATE, LETTER))))),
        ("loan known", after(Stage::Issued, &|o| drop(o.tell(o.disbursed(LETTER, AMOUNT))))),
        (
            "effective",
            after(Stage::Issued, &|o| {
                o.tell(o.activate(ACTIVATE, LETTER));
                o.tell(o.disbursed(LETTER, AMOUNT));
            }),
        ),
    ]
}

fn messages(o: &Office) -> Vec<(&'static str, Message)> {
    vec![
        ("assess", o.assess(ASSESS)),
        ("assess, other key", o.assess(OTHER)),
        ("withdraw opinion", o.plain(Message::WithdrawOpinion, ASSESS)),
        ("sign", o.sign(SIGN, AMOUNT)),
        ("sign, other key", o.sign(OTHER, AMOUNT)),
        ("sign above agreed", o.sign(OTHER, AMOUNT + 1)),
        ("terminate", o.plain(Message::TerminateContracts, SIGN)),
        ("issue", o.issue(ISSUE, AMOUNT)),
        ("issue, other key", o.issue(OTHER, AMOUNT)),
        ("issue below signed", o.issue(OTHER, AMOUNT - 1)),
        ("revoke", o.plain(Message::RevokeLetter, ISSUE)),
        ("stated: not paid out", o.stated(LETTER, true)),
        ("stated: paid out", o.stated(LETTER, false)),
        ("activate", o.activate(ACTIVATE, LETTER)),
        ("activate, other key", o.activate(OTHER, LETTER)),
        ("activate other letter", o.activate(OTHER, "BH-NCD-2020-0001-9")),
        ("loan disbursed", o.disbursed(LETTER, AMOUNT)),
        ("disburse, other amount", o.disbursed(LETTER, AMOUNT - 1)),
    ]
}

/// What a message leads to, in one line: what is said, or why it is refused, and where the case stands then.
fn outcome(office: &mut Office, message: Message) -> String {
    let incidents = office.index().incidents.len();
    let said = match office.hear(message) {
        Ok(outcome) if outcome.messages.is_empty() => "-".to_owned(),
        Ok(outcome) => words(&outcome.messages),
        Err(Stop::Refused(refusal)) => format!("REFUSED {}", refusal.code),
        Err(stop) => panic!("{stop}"),
    };
    let incident = if office.index().incidents.len() > incidents { " + incident" } else { "" };
    format!("{said}{incident} -> {}", office.status())
}

#[test]
fn every_message_in_every_state_has_its_pinned_answer() {
    let mut table = String::new();
    for (name, office) in states() {
        writeln!(table, "{name} ({})", office.status()).unwrap();
        for (what, message) in messages(&office) {
            let mut office = office.clone();
            writeln!(table, "    {what:24} {}", outcome(&mut office, message)).unwrap();
        }
    }
    insta::assert_snapshot!("every_message_in_every_state", table);
}

#[test]
fn a_message_heard_twice_changes_nothing_and_is_answered_alike() {
    for (name, office) in states() {
        for (what, message) in messages(&office) {
            let mut office = office.clone();
            let Ok(first) = office.hear(message.clone()) else { continue };
            let (case, liability) = (office.case_of(1).cloned(), office.liability());
            let again = office.hear(message).unwrap();
            let context = format!("{what} in {name}");
            assert_eq!(office.case_of(1).cloned(), case, "{context} changed the case");
            assert_eq!(office.liability(), liability, "{context} booked");
            assert!(facts_of(&again).is_empty(), "{context} recorded {:?}", facts_of(&again));
            // What the first time only began is not answered yet; what was answered is answered alike.
            let to_union = |messages: &[Message]| -> Vec<Message> {
                messages.iter().filter(|m| m.kind().route().1 == domain::Party::Union).cloned().collect()
            };
            if !to_union(&first.messages).is_empty() && !to_union(&again.messages).is_empty() {
                assert_eq!(to_union(&again.messages), to_union(&first.messages), "{context}");
            }
        }
    }
}

#[test]
fn an_answered_ask_is_answered_alike_for_ever() {
    let mut office = Office::manual();
    office.reach(Stage::Asked);
    let opinion = office.act("r", RISK, agree(AMOUNT - 1_000_000));
    assert_eq!(words(&opinion), "agreed 29000000");
    office.tell(office.sign(SIGN, AMOUNT - 1_000_000));
    let signed = office.act("c", CONTRACT, contracts_signed());
    office.tell(office.issue(ISSUE, AMOUNT - 1_000_000));
    office.act("m", MAKER, prepare());
    let issued = office.act("k", CHECKER, release());
    office.at = office.at.plus_hours(100);
    assert_eq!(office.tell(office.assess(ASSESS)), opinion);
    assert_eq!(office.tell(office.sign(SIGN, AMOUNT - 1_000_000)), signed);
    // The bank has the letter from its issue; asking again tells only the one who asks.
    assert_eq!(words(&issued), "letter.present (to bank) + letter.issued");
    assert_eq!(office.tell(office.issue(ISSUE, AMOUNT - 1_000_000)), issued[1..]);
    office.tell(office.activate(ACTIVATE, LETTER));
    let effective = office.tell(office.disbursed(LETTER, AMOUNT - 1_000_000));
    office.at = office.at.plus_hours(100);
    assert_eq!(office.tell(office.activate(ACTIVATE, LETTER)), effective);
}

#[test]
fn an_undo_that_overtakes_its_ask_makes_the_ask_a_no_op() {
    let rows: [(Undo, &str, Stage, &str); 3] = [
        (Message::WithdrawOpinion, ASSESS, Stage::Fresh, "guarantee.opinion_withdrawn: undone"),
        (Message::TerminateContracts, SIGN, Stage::Agreed, "contracts.terminated: undone"),
        (Message::RevokeLetter, ISSUE, Stage::Signed, "letter.revoked: undone"),
    ];
    for (undo, key, stage, answer) in rows {
        let mut office = Office::automatic();
        office.guarantor.automatic.clear();
        office.reach(stage);
        // Even roles that decide by rule get nothing to decide.
        office.guarantor = Office::automatic().guarantor;
        let undone = office.tell(office.plain(undo, key));
        assert_eq!(words(&undone), answer);
        let original = match key {
            ASSESS => office.assess(key),
            SIGN => office.sign(key, AMOUNT),
            _ => office.issue(key, AMOUNT),
        };
        let before = office.case().clone();
        assert_eq!(office.tell(original), undone, "{key}");
        assert_eq!(office.case(), &before, "{key}");
        assert!(office.index().tasks.is_empty(), "{key}");
    }
}

#[test]
fn an_undo_of_open_work_cancels_its_tasks() {
    let rows: [(Undo, &str, Stage, &str); 4] = [
        (Message::WithdrawOpinion, ASSESS, Stage::Asked, "WITHDRAWN"),
        (Message::TerminateContracts, SIGN, Stage::Signing, "CREDIT_REVIEW"),
        (Message::RevokeLetter, ISSUE, Stage::Drafting, "CONTRACTING"),
        (Message::RevokeLetter, ISSUE, Stage::Prepared, "CONTRACTING"),
    ];
    for (undo, key, stage, status) in rows {
        let mut office = Office::manual();
        office.reach(stage);
        assert_eq!(office.index().tasks.len(), 1, "{stage:?}");
        let said = office.tell(office.plain(undo, key));
        assert!(words(&said).ends_with(": undone"), "{stage:?}: {}", words(&said));
        assert!(office.index().tasks.is_empty(), "{stage:?}");
        assert_eq!(office.status(), status, "{stage:?}");
        assert_eq!(office.index().wake_at, None, "{stage:?}");
    }
}

#[test]
fn after_an_undo_the_step_may_be_asked_for_under_a_new_key() {
    let mut office = Office::manual();
    office.reach(Stage::Issued);
    office.tell(office.plain(Message::RevokeLetter, ISSUE));
    office.tell(office.stated(LETTER, true));
    office.tell(office.issue(OTHER, AMOUNT));
    office.act("m", MAKER, prepare());
    office.act("k", CHECKER, release());
    assert_eq!(office.case().letter.as_ref().unwrap().letter.letter_no, "BH-NCD-2020-0001-2");
    // The first letter is gone: a loan under it is nobody's promise.
    office.tell(office.disbursed(LETTER, AMOUNT));
    assert_eq!(office.index().incidents.len(), 1);
    assert_eq!(office.case().loan, None);
}

#[test]
fn a_charter_that_was_not_accepted_is_refused_before_anything_else() {
    let mut office = Office::manual();
    let known = office.charter;
    office.charter = CharterHash::from_bytes([7; 32]);
    for (message, answer) in [
        (office.assess(ASSESS), "not taken up: CharterNotAccepted"),
        // It would be out of order too; the charter goes first.
        (office.sign(SIGN, AMOUNT), "not taken up: CharterNotAccepted"),
        (office.issue(ISSUE, AMOUNT), "not taken up: CharterNotAccepted"),
        (office.activate(ACTIVATE, LETTER), "not taken up: CharterNotAccepted"),
    ] {
        let said = office.tell(message.clone());
        assert_eq!(words(&said), answer);
        assert_eq!(said[0].about(), message.about(), "an answer repeats what it answers");
    }
    assert_eq!(office.status(), "NOT_TAKEN_UP");
    assert!(office.index().ended);
    // The answer under that key stands, whatever the ask says later.
    office.charter = known;
    assert_eq!(words(&office.tell(office.assess(ASSESS))), "not taken up: CharterNotAccepted");
}

#[test]
fn an_application_stays_with_its_charter() {
    let mut office = Office::manual();
    office.reach(Stage::Agreed);
    let mut second = Charter::programme_2017();
    second.version = 2;
    let mut charters = Charters::clone(&office.guarantor.charters);
    office.charter = charters.accept(second).unwrap();
    office.guarantor.charters = Arc::new(charters);
    let said = office.tell(office.sign(SIGN, AMOUNT));
    assert!(matches!(&said[..], [Message::GuarantorRefused(refused)] if refused.why == AskRefusal::OutOfOrder));
}

#[test]
fn a_key_names_one_step_for_ever() {
    let mut office = Office::manual();
    office.reach(Stage::Agreed);
    for message in [office.sign(ASSESS, AMOUNT), office.plain(Message::RevokeLetter, ASSESS)] {
        let Err(Stop::Refused(refusal)) = office.hear(message) else { panic!("taken") };
        assert_eq!(refusal.code, "KEY_REUSED");
    }
    assert_eq!(office.status(), "CREDIT_REVIEW");
}

#[test]
fn the_bank_may_have_lowered_the_amount_and_never_raised_it() {
    for (asked, taken) in [(AMOUNT, true), (AMOUNT - 1_000_000, true), (1, true), (AMOUNT + 1, false)] {
        let mut office = Office::manual();
        office.reach(Stage::Agreed);
        let said = words(&office.tell(office.sign(SIGN, asked)));
        assert_eq!(said, if taken { "" } else { "not taken up: OutOfOrder" }, "{asked}");
    }
}

#[test]
fn a_letter_is_for_the_term_that_was_assessed() {
    let mut office = Office::manual();
    office.reach(Stage::Signed);
    let mut ask = office.issue(ISSUE, AMOUNT);
    if let Message::IssueLetter(ask) = &mut ask {
        ask.term_months = TERM + 1;
    }
    assert_eq!(words(&office.tell(ask)), "not taken up: OutOfOrder");
}

#[test]
fn a_declined_opinion_that_is_taken_back_makes_room_for_another() {
    let mut office = Office::manual();
    office.reach(Stage::Asked);
    office.act("r", RISK, decline(GuaranteeDecline::CashFlow));
    assert_eq!(words(&office.tell(office.assess(OTHER))), "not taken up: OutOfOrder");
    office.tell(office.plain(Message::WithdrawOpinion, ASSESS));
    let third = "assess guarantee:NCD-2020-0001:3";
    assert_eq!(words(&office.tell(office.assess(third))), "");
    assert_eq!((office.status(), office.index().ended), ("GUARANTEE_REVIEW", false));
    assert_eq!(words(&office.act("r", RISK, agree(AMOUNT))), "agreed 30000000");
}
