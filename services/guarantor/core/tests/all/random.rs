//! Anything in any order, said and done twice, late and out of turn: what must never happen does not.

use super::office::*;
use contracts::Message;
use domain::Party;
use guarantor_core::{
    case::{LetterState, OpinionDecision},
    rows,
};
use organisation::{Input, Stop};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Op {
    Message(u8, u8),
    Command(u8, u8),
    Time(u16),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0..10_u8, 0..6_u8).prop_map(|(what, variant)| Op::Message(what, variant)),
        4 => (0..5_u8, 0..6_u8).prop_map(|(what, variant)| Op::Command(what, variant)),
        1 => (0..400_u16).prop_map(Op::Time),
    ]
}

/// The keys of a first and a second attempt, so that undos, repeats and new asks meet each other.
fn key(step: &str, variant: u8) -> String {
    format!("{step}:NCD-2020-0001:{}", if variant.is_multiple_of(3) { 2 } else { 1 })
}

fn message(o: &Office, what: u8, variant: u8) -> Message {
    let fen = if variant == 5 { AMOUNT - 1_000_000 } else { AMOUNT };
    let letter = if variant.is_multiple_of(3) { "BH-NCD-2020-0001-2" } else { LETTER };
    match what {
        0 => o.assess(&key("assess guarantee", variant)),
        1 => o.plain(Message::WithdrawOpinion, &key("assess guarantee", variant)),
        2 => o.sign(&key("sign contracts", variant), fen),
        3 => o.plain(Message::TerminateContracts, &key("sign contracts", variant)),
        4 => o.issue(&key("issue letter", variant), fen),
        5 => o.plain(Message::RevokeLetter, &key("issue letter", variant)),
        6 => {
            let mut stated = o.stated(letter, variant.is_multiple_of(2));
            if let Message::NotDisbursedStated(stated) = &mut stated {
                stated.about.key = key("issue letter", variant);
            }
            stated
        }
        7 => o.activate(&key("make letter effective", variant), letter),
        _ => o.disbursed(letter, fen),
    }
}

/// Both officers hold both letter roles, so that only the four eyes keep them apart.
fn command(o: &mut Office, what: u8, variant: u8) -> Result<organisation::Outcome<guarantor_core::Fact>, Stop> {
    let who = if variant.is_multiple_of(2) { "m" } else { "k" };
    match what {
        0 if variant == 0 => o.command(who, RISK, decline(contracts::GuaranteeDecline::CashFlow)),
        0 => o.command(who, RISK, agree(AMOUNT)),
        1 => o.command(who, CONTRACT, contracts_signed()),
        2 => o.command(who, MAKER, prepare()),
        3 if variant == 0 => o.command(who, CHECKER, send_back()),
        3 => o.command(who, CHECKER, release()),
        _ => o.command(who, OPERATOR, resolve(1)),
    }
}

/// What a witness beside the guarantor has seen.
#[derive(Default)]
struct Witness {
    /// Final answers to asks, by key.
    answers: BTreeMap<String, Message>,
    /// Keys that were answered undone.
    undone: BTreeSet<String>,
    /// Letters presented to the bank, with their amounts.
    presented: BTreeMap<String, i64>,
    /// Letters under which the bank said it paid out, with the amounts it named.
    disbursed: BTreeSet<(String, i64)>,
    /// Letters of which the bank said that nothing was paid out.
    free: BTreeSet<String>,
}

impl Witness {
    fn heard(&mut self, message: &Message) {
        match message {
            Message::LoanDisbursed(notice) => {
                self.disbursed.insert((notice.letter_no.clone(), notice.receipt.amount_fen.fen().get()));
            }
            Message::NotDisbursedStated(stated) if stated.not_disbursed => {
                self.free.insert(stated.letter_no.clone());
            }
            _ => {}
        }
    }

    fn said(&mut self, message: &Message) {
        let key = &message.key();
        match message {
            Message::OpinionWithdrawn(answer)
            | Message::ContractsTerminated(answer)
            | Message::LetterRevoked(answer) => {
                if answer.refused.is_none() {
                    self.undone.insert(key.clone());
                }
            }
            Message::PresentLetter(presented) => {
                let before =
                    self.presented.insert(presented.letter.letter_no.clone(), presented.letter.amount_fen.fen().get());
                assert_eq!(before, None, "a letter number was given twice");
            }
            Message::AskNotDisbursed(_) => {}
            answer => {
                assert_eq!(answer.kind().route().1, Party::Union);
                assert!(!self.undone.contains(key), "`{key}` was undone and is answered {answer:?}");
                let first = self.answers.entry(key.clone()).or_insert_with(|| answer.clone());
                assert_eq!(first, answer, "two different answers under `{key}`");
            }
        }
    }

    fn check(&self, o: &Office) {
        let Some(case) = o.case_of(1) else { return };
        let effective = case.letter.as_ref().filter(|letter| letter.state == LetterState::Effective);
        // I6: the liability is the loan's if the letter is effective, and nothing otherwise.
        let carried = effective.map_or(0, |letter| letter.letter.amount_fen.fen().get());
        assert_eq!(o.liability(), carried);
        assert_eq!(o.balance("G9000"), carried);
        if let Some(letter) = effective {
            let word = (letter.letter.letter_no.clone(), carried);
            assert!(self.disbursed.contains(&word), "effective without the bank's word");
        }
        if let Some(letter) = &case.letter {
            assert_ne!(letter.maker, letter.checker, "one person made and checked");
            assert!(letter.letter.is_intact());
            assert_eq!(self.presented.get(&letter.letter.letter_no), Some(&letter.letter.amount_fen.fen().get()));
            if matches!(letter.state, LetterState::Revoked | LetterState::Expired) {
                assert!(self.free.contains(&letter.letter.letter_no), "revoked without the bank's word");
                assert_eq!(case.loan, None);
            }
        }
        // Nothing stands on nothing.
        let agreed = matches!(&case.opinion, Some(o) if matches!(o.decision, OpinionDecision::Agreed { .. }));
        assert!(agreed || (case.contracts.is_none() && case.live_letter().is_none() && case.signing.is_none()));
        assert!(case.contracts.is_some() || (case.live_letter().is_none() && case.drafting.is_none()));
        // The limits are the sum of what the cases take.
        assert_eq!(o.exposure(&rows::limits()), case.exposure_fen.get());
        assert_eq!(o.exposure(&rows::client(USCC)), case.exposure_fen.get());
        assert_eq!(case.exposure_fen.get() > 0, agreed);
        let ended = o.index().ended;
        assert!(!ended || case.tasks.is_empty());
    }
}

fn run(mut o: Office, ops: &[Op]) {
    let mut witness = Witness::default();
    for op in ops {
        let result = match op {
            Op::Message(what, variant) => {
                let message = message(&o, *what, *variant);
                witness.heard(&message);
                o.hear(message)
            }
            Op::Command(what, variant) => command(&mut o, *what, *variant),
            Op::Time(hours) => {
                o.at = o.at.plus_hours(i64::from(*hours));
                match o.index().wake_at {
                    Some(wake) if wake <= o.at => o.decide(&Input::Due(rows::case(&id(1)))),
                    _ => continue,
                }
            }
        };
        match result {
            Ok(outcome) => outcome.messages.iter().for_each(|message| witness.said(message)),
            // The office has seen that a refusal changed nothing.
            Err(Stop::Refused(_)) => {}
            Err(stop) => panic!("{op:?}: {stop}"),
        }
        witness.check(&o);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_hand_no_sequence_breaks_the_promises(ops in prop::collection::vec(op(), 0..60)) {
        run(Office::manual(), &ops);
    }

    #[test]
    fn by_rule_no_sequence_breaks_the_promises(ops in prop::collection::vec(op(), 0..60)) {
        run(Office::automatic(), &ops);
    }

    #[test]
    fn from_an_issued_letter_no_sequence_breaks_the_promises(ops in prop::collection::vec(op(), 0..40)) {
        let path = [
            Op::Message(0, 1), Op::Command(0, 1), Op::Message(2, 1), Op::Command(1, 1), Op::Message(4, 1),
            Op::Command(2, 0), Op::Command(3, 1),
        ];
        run(Office::manual(), &[&path[..], &ops[..]].concat());
    }
}
