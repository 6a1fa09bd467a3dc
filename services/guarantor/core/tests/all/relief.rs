//! S7 at the guarantor: its written consent goes to the bank itself, and the letter's next version waits for the bank's own word.

use super::office::*;
use contracts::{
    ConsentToRelief, LoanReport, LoanSchedule, Message, ReliefConsent, ReliefDecline, ReliefPlan, SignedPlan,
};
use domain::{Date, loan::Measure};
use guarantor_core::{Command, case::LetterState, command::ReliefVerdict};

fn plan(no: u32) -> ReliefPlan {
    let to = Date::constant(2021, 8, 31);
    ReliefPlan::new(&format!("{}/R{no}", id(1)), vec![Measure::Extend { to }], to)
}

fn consent_key(no: u32) -> String {
    format!("consent-to-plan:{}/R{no}:1", id(1))
}

pub fn asks(office: &Office, no: u32) -> Message {
    Message::ConsentToRelief(ConsentToRelief { about: office.about(1, &consent_key(no)), no, plan: plan(no) })
}

pub fn consents() -> Command {
    Command::ConsentRelief { application_id: id(1), verdict: ReliefVerdict::Consent }
}

pub fn withholds() -> Command {
    let reason = ReliefDecline::ConsentWithheld;
    Command::ConsentRelief { application_id: id(1), verdict: ReliefVerdict::Withhold { reason } }
}

pub fn records(office: &Office, no: u32) -> Message {
    let about = office.about(1, &format!("record-plan:{}/R{no}:1", id(1)));
    Message::RecordRelief(SignedPlan { about, plan_hash: plan(no).hash })
}

pub fn rescheduled(no: u32) -> LoanReport {
    let maturity_on = plan(no).maturity_on;
    LoanReport::Rescheduled {
        schedule: LoanSchedule { version: no + 1, maturity_on, relief: Some(no), dues: Vec::new() },
    }
}

fn effective() -> Office {
    let mut office = Office::manual();
    office.reach(Stage::Issued);
    office.tell(office.disbursed(LETTER, AMOUNT));
    office.tell(office.activate(ACTIVATE, LETTER));
    office
}

fn letter(office: &Office) -> (LetterState, u32, Option<Date>) {
    let letter = office.case().letter.as_ref().unwrap();
    (letter.state, letter.version, letter.guaranteed_until)
}

#[test]
fn the_consent_goes_to_the_bank_itself_and_the_letter_covers_the_plan_once_the_bank_has_said_so() {
    for bank_first in [false, true] {
        let mut office = effective();
        assert!(office.tell(asks(&office, 1)).is_empty(), "a person decides");
        let said = office.act("r", RISK, consents());
        let until = Date::constant(2022, 2, 28);
        let [Message::ConsentPresented(to_bank), Message::ReliefAnswered(to_union)] = &said[..] else {
            panic!("{said:?}")
        };
        assert_eq!((to_bank.plan_hash.clone(), to_bank.guaranteed_until), (plan(1).hash, Some(until)));
        assert_eq!(to_union.consent, ReliefConsent::Given { guaranteed_until: until });
        let mut told = [records(&office, 1), office.reports(1, rescheduled(1))];
        if bank_first {
            told.reverse();
        }
        let [first, second] = told;
        assert!(office.tell(first).is_empty());
        assert_eq!(letter(&office).1, 1, "one word is not enough");
        assert_eq!(words(&office.tell(second)), "relief.recorded");
        assert_eq!(letter(&office), (LetterState::Effective, 2, Some(until)));
        let taken_back = office.tell(office.plain(Message::RescindConsent, &consent_key(1)));
        let [Message::ConsentRescinded(answer)] = &taken_back[..] else { panic!("{taken_back:?}") };
        assert!(answer.refused.is_some(), "what is in force is not taken back");
    }
}

#[test]
fn what_is_withheld_or_rescinded_leaves_the_letter_as_it_was() {
    let mut office = effective();
    let before = letter(&office);
    office.tell(asks(&office, 1));
    let said = office.act("r", RISK, withholds());
    let [Message::ReliefAnswered(answer)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(answer.consent, ReliefConsent::Withheld { reason: ReliefDecline::ConsentWithheld });
    // Another request, consented to, and given up by the union.
    office.tell(asks(&office, 2));
    office.act("r", RISK, consents());
    let said = office.tell(office.plain(Message::RescindConsent, &consent_key(2)));
    let [Message::ConsentPresented(to_bank), Message::ConsentRescinded(to_union)] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!((to_bank.guaranteed_until, &to_union.refused), (None, &None));
    // A third one, given up before anybody decided.
    office.tell(asks(&office, 3));
    assert_eq!(words(&office.tell(office.plain(Message::RescindConsent, &consent_key(3)))), "relief.consent_rescinded");
    assert_eq!((letter(&office), office.case().relief.is_none(), office.index().tasks.len()), (before, true, 0));
}

#[test]
fn a_plan_that_is_not_what_its_hash_says_or_that_nothing_stands_behind_is_not_taken_up() {
    let mut office = effective();
    let Message::ConsentToRelief(mut ask) = asks(&office, 1) else { unreachable!("it asks for the consent") };
    ask.plan.maturity_on = Date::constant(2031, 8, 31);
    assert_eq!(words(&office.tell(Message::ConsentToRelief(ask))), "not taken up: OutOfOrder");
    assert_eq!(words(&office.tell(records(&office, 1))), "not taken up: OutOfOrder");
    let mut issued = Office::manual();
    issued.reach(Stage::Issued);
    assert_eq!(words(&issued.tell(asks(&issued, 1))), "not taken up: OutOfOrder");
}
