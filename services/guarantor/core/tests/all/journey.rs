//! One application from the first ask to the liability, by hand and by rule, and all the way back.

use super::office::*;
use contracts::{Letter, Message};
use domain::{Fen, Moment};
use guarantor_core::{case::LetterState, rows};
use ledger::Side;

#[test]
fn by_hand_each_step_waits_for_its_person() {
    let mut o = Office::manual();
    let waits = |o: &Office| -> Vec<(String, String)> {
        o.index().tasks.into_iter().map(|task| (task.role, task.task_id)).collect()
    };
    let one = |role: &str, task: &str| vec![(role.to_owned(), format!("NCD-2020-0001/{task}"))];

    assert_eq!(words(&o.tell(o.assess(ASSESS))), "");
    assert_eq!((o.status(), waits(&o)), ("GUARANTEE_REVIEW", one(RISK, "due-diligence")));
    assert_eq!(words(&o.act("r", RISK, agree(AMOUNT))), "agreed 30000000");
    assert_eq!((o.status(), waits(&o)), ("CREDIT_REVIEW", vec![]));

    assert_eq!(words(&o.tell(o.sign(SIGN, AMOUNT))), "");
    assert_eq!((o.status(), waits(&o)), ("CONTRACTING", one(CONTRACT, "sign-contracts")));
    assert_eq!(words(&o.act("c", CONTRACT, contracts_signed())), "contracts.signed");

    assert_eq!(words(&o.tell(o.issue(ISSUE, AMOUNT))), "");
    assert_eq!((o.status(), waits(&o)), ("DRAFT", one(MAKER, "prepare-letter")));
    assert_eq!(words(&o.act("m", MAKER, prepare())), "");
    assert_eq!((o.status(), waits(&o)), ("DRAFT", one(CHECKER, "check-letter")));
    assert_eq!(words(&o.act("k", CHECKER, release())), "letter.present (to bank) + letter.issued");
    assert_eq!((o.status(), waits(&o)), ("ISSUED", vec![]));

    assert_eq!(words(&o.tell(o.activate(ACTIVATE, LETTER))), "");
    assert_eq!(o.liability(), 0, "the union's word alone carries no liability");
    assert_eq!(words(&o.tell(o.disbursed(LETTER, AMOUNT))), "letter.activated");
    assert_eq!((o.status(), o.index().ended), ("EFFECTIVE", true));
    assert_eq!(o.liability(), AMOUNT);
    assert_eq!(o.balance("G9000"), AMOUNT);
}

#[test]
fn by_rule_each_ask_is_answered_in_its_own_decision() {
    let mut o = Office::automatic();
    assert_eq!(words(&o.tell(o.assess(ASSESS))), "agreed 30000000");
    assert_eq!(words(&o.tell(o.sign(SIGN, AMOUNT))), "contracts.signed");
    assert_eq!(words(&o.tell(o.issue(ISSUE, AMOUNT))), "letter.present (to bank) + letter.issued");
    let letter = o.case().letter.clone().unwrap();
    assert_eq!(letter.maker, person("service:letter_maker"));
    assert_eq!(letter.checker, person("service:letter_checker"));
    assert_eq!(o.case().opinion.as_ref().unwrap().by, person("service:risk_manager"));
    assert!(o.index().tasks.is_empty());
    assert_eq!(words(&o.tell(o.disbursed(LETTER, AMOUNT))), "");
    assert_eq!(words(&o.tell(o.activate(ACTIVATE, LETTER))), "letter.activated");
}

#[test]
fn above_the_charters_limit_a_person_decides() {
    let mut charter = domain::Charter::programme_2017();
    charter.automatic.max_amount_fen = Fen::new(AMOUNT - 1);
    let mut o = Office::with(charter.clone(), Office::automatic().guarantor.automatic);
    o.reach(Stage::Issued);
    assert_eq!(o.case().letter.as_ref().unwrap().maker, person("m"));
    charter.automatic.max_amount_fen = Fen::new(AMOUNT);
    let mut o = Office::with(charter, Office::automatic().guarantor.automatic);
    assert_eq!(words(&o.tell(o.assess(ASSESS))), "agreed 30000000");
}

#[test]
fn a_rule_for_one_role_decides_for_that_role_only() {
    let mut o = Office::manual();
    o.guarantor.automatic.insert(guarantor_core::Role::LetterMaker);
    o.reach(Stage::Signed);
    o.tell(o.issue(ISSUE, AMOUNT));
    let tasks = o.index().tasks;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].role, CHECKER);
    assert_eq!(words(&o.act("k", CHECKER, release())), "letter.present (to bank) + letter.issued");
}

#[test]
fn what_a_person_decides_sets_off_the_rule_after_it_in_the_same_decision() {
    let mut o = Office::manual();
    o.guarantor.automatic.insert(guarantor_core::Role::LetterChecker);
    o.reach(Stage::Drafting);
    assert_eq!(words(&o.act("m", MAKER, prepare())), "letter.present (to bank) + letter.issued");
    let letter = o.case().letter.clone().unwrap();
    assert_eq!((letter.maker, letter.checker), (person("m"), person("service:letter_checker")));
}

#[test]
fn all_the_way_back_nothing_is_left() {
    let mut o = Office::manual();
    o.reach(Stage::Issued);
    assert_eq!(o.exposure(&rows::limits()), AMOUNT);
    assert_eq!(words(&o.tell(o.plain(Message::RevokeLetter, ISSUE))), "disbursement.ask_not_disbursed (to bank)");
    assert_eq!(o.status(), "COMPENSATING");
    assert_eq!(words(&o.tell(o.stated(LETTER, true))), "letter.revoked: undone");
    assert_eq!(o.status(), "REVOKED");
    assert_eq!(words(&o.tell(o.plain(Message::TerminateContracts, SIGN))), "contracts.terminated: undone");
    assert_eq!(words(&o.tell(o.plain(Message::WithdrawOpinion, ASSESS))), "guarantee.opinion_withdrawn: undone");
    assert_eq!((o.status(), o.index().ended), ("WITHDRAWN", true));
    assert_eq!((o.liability(), o.exposure(&rows::limits()), o.exposure(&rows::client(USCC))), (0, 0, 0));
}

#[test]
fn the_letter_says_what_the_charter_says() {
    let mut o = Office::manual();
    o.at = Moment::parse("2020-09-15T16:00:00+08:00").unwrap();
    o.reach(Stage::Issued);
    let record = o.case().letter.clone().unwrap();
    let letter = record.letter;
    assert_eq!(letter.letter_no, LETTER);
    assert_eq!(letter.amount_fen, amount(AMOUNT));
    assert_eq!(letter.issued_on.to_string(), "2020-09-15");
    assert_eq!(letter.valid_until.to_string(), "2020-10-15", "30 calendar days");
    assert_eq!(letter.period_months, 6);
    assert!(letter.is_intact());
    let forged = Letter { amount_fen: amount(AMOUNT + 1), ..letter };
    assert!(!forged.is_intact());
    assert_eq!(record.state, LetterState::Issued);
}

#[test]
fn the_books_open_once_with_capital_against_cash() {
    let mut o = Office::manual();
    let open = |fen| guarantor_core::Command::OpenBooks { capital_fen: Fen::new(fen) };
    assert_eq!(o.refused("r", RISK, open(5)).code, "FORBIDDEN");
    assert_eq!(o.refused("o", OPERATOR, open(0)).code, "AMOUNT");
    o.act("o", OPERATOR, open(10_000_000_000));
    assert_eq!(o.refused("o", OPERATOR, open(1)).code, "BOOKS_OPEN");
    assert_eq!((o.balance("G1002"), o.balance("G3001")), (10_000_000_000, 10_000_000_000));
    o.reach(Stage::Issued);
    o.tell(o.disbursed(LETTER, AMOUNT));
    o.tell(o.activate(ACTIVATE, LETTER));
    assert_eq!(o.balance("G1002"), 10_000_000_000, "a liability moves no money");
    let key = organisation::Key::Account(guarantor_core::books::liability_of(&id(1)).unwrap());
    let Some((organisation::Row::Account(account), _)) = o.store.get(&key) else { panic!("no liability account") };
    assert_eq!((account.posted(Side::Debit), account.posted(Side::Credit)), (Fen::new(AMOUNT), Fen::ZERO));
    assert!(account.normal().is_memo());
}
