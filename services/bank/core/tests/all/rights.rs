//! Who may do what in which state: every cell of the bank's table, asked of its core.

use crate::harness::*;
use crate::tables::table;
use bank_core::{
    Command, Role,
    command::{DepositPurpose, IdentificationCheck, ListCheck, ReliefVerdict, RepaymentKind},
    unidentified::Purpose,
};
use contracts::{CharterAnswer, ReliefDecline};
use domain::{Charter, Date, Fen, loan::Measure, subsidy::Period};
use organisation::{
    Actor, Input, Person, Stop,
    charters::{Motion, SIGNATORY},
    people::{Handover, SUPERVISOR, To},
};

/// Every state in which somebody owes a decision, and its neighbours: a way that leads there, and who went its last step.
const STATES: [(&str, &[&str], &str); 16] = [
    ("nothing heard", &[], "ann"),
    ("under investigation", &["credit 1"], "ann"),
    ("under investigation again", &["credit 1", "ann: recommend", "bob: return"], "bob"),
    ("under decision", &["credit 1", "ann: recommend"], "ann"),
    ("declined", &["credit 1", "ann: recommend", "bob: decline"], "bob"),
    ("contract to be signed", &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1"], "bob"),
    (
        "payment to be prepared",
        &["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign", "disburse 1"],
        "olga",
    ),
    (
        "payment to be checked",
        &[
            "credit 1",
            "ann: recommend",
            "bob: approve",
            "letter 1",
            "contract 1",
            "olga: sign",
            "disburse 1",
            "max: prepare",
        ],
        "max",
    ),
    ("payment at the core system", &RELEASED, "cleo"),
    ("paid out", &PAID, "cleo"),
    ("an incident is open", &POSTED_TWICE, "cleo"),
    ("money in suspense", &IN_SUSPENSE, "cleo"),
    ("correction to be checked", &CORRECTED, "max"),
    ("relief to be proposed", &RELIEF, "cleo"),
    ("money unidentified", &UNKNOWN, "olga"),
    ("identification to be checked", &IDENTIFIED, "olga"),
];

const UNKNOWN: [&str; 11] = with(PAID, "olga: unknown M1 2018-09-05 1");
const IDENTIFIED: [&str; 12] = with(UNKNOWN, "olga: give-money-back M1");

const PAID: [&str; 10] = with(RELEASED, "core posted 1");
const IN_SUSPENSE: [&str; 10] = with(RELEASED, "core in-suspense 1");
const RELIEF: [&str; 11] = with(PAID, "relief 1");
const CORRECTED: [&str; 11] = with(IN_SUSPENSE, "max: enter");
const POSTED_TWICE: [&str; 11] = with(PAID, "core posted-again 1");

/// A way with one step more.
const fn with<const N: usize, const M: usize>(way: [&'static str; N], step: &'static str) -> [&'static str; M] {
    let mut longer = [step; M];
    let mut at = 0;
    while at < N {
        longer[at] = way[at];
        at += 1;
    }
    longer
}

const COMMANDS: [&str; 35] = [
    "open-books",
    "deposit",
    "recommend",
    "advise",
    "approve",
    "decline",
    "return",
    "sign",
    "prepare",
    "release",
    "return-payment",
    "suspend",
    "enter",
    "move",
    "return-account",
    "want-reversal",
    "reverse",
    "return-reversal",
    "pay",
    "unpay",
    "propose-relief",
    "no-relief",
    "list-subsidies",
    "check-subsidies",
    "return-subsidy",
    "answer-charter",
    "claim",
    "give-back",
    "reassign",
    "reassign-to-self",
    "ask-for-papers",
    "resolve-incident",
    "enter-unidentified",
    "identify-money",
    "check-identification",
];

/// The task that is open in a state; where there is none, one that might be.
fn open_task(state: &str) -> &'static str {
    match state {
        "under decision" => "decide-credit",
        "contract to be signed" => "sign-loan-contract",
        "payment to be prepared" => "prepare-payment",
        "payment to be checked" => "check-payment",
        "money in suspense" => "prepare-correction",
        "correction to be checked" => "check-correction",
        "relief to be proposed" => "propose-relief",
        _ => "investigate",
    }
}

fn to_do(state: &str, what: &str, person: &str) -> Command {
    let hand = |to| Command::HandTask(Handover { application_id: id(), task: open_task(state).into(), to });
    let other = |person: &str| To::Other { person: Person::new(person), because: "休假".into() };
    match what {
        "open-books" => Command::OpenBooks { deposit_fen: Fen::new(900_000_000) },
        "deposit" => Command::ReceiveDeposit {
            reference: "R-1".into(),
            amount_fen: amount(1),
            purpose: DepositPurpose::Guarantee,
        },
        "list-subsidies" => Command::PrepareSubsidyList { period: period() },
        "check-subsidies" => Command::CheckSubsidyList { period: period(), verdict: ListCheck::Release },
        "return-subsidy" => {
            let because = "账户已销户".into();
            Command::ReturnSubsidy { application_id: id(), period: period(), because }
        }
        "answer-charter" => Command::Charter(charter()),
        "claim" => hand(To::Me),
        "give-back" => hand(To::Nobody),
        "reassign" => hand(other("new")),
        "reassign-to-self" => hand(other(person)),
        "ask-for-papers" => Command::AskForPapers { application_id: id(), letterbox: "00".repeat(32) },
        "resolve-incident" => {
            Command::ResolveIncident { application_id: id(), number: 1, because: "与核心系统核对".into() }
        }
        "enter-unidentified" => Command::EnterUnidentified {
            reference: "M2".into(),
            value_date: morning().date(),
            amount_fen: amount(1),
            note: "附言不清".into(),
        },
        "identify-money" => {
            let purpose = Purpose::GiveBack { because: "付款人要求退回".into() };
            Command::IdentifyMoney { reference: "M1".into(), purpose }
        }
        "check-identification" => {
            Command::CheckIdentification { reference: "M1".into(), verdict: IdentificationCheck::Release }
        }
        // Nothing is owed on the day of the pay-out, and nothing was received.
        "pay" => Command::ReceiveRepayment {
            application_id: id(),
            reference: "R-2".into(),
            value_date: morning().date(),
            amount_fen: amount(1),
            kind: RepaymentKind::Scheduled,
        },
        "propose-relief" => {
            let measures = vec![Measure::Extend { to: morning().date() }];
            Command::ProposeRelief { application_id: id(), verdict: ReliefVerdict::Propose { measures } }
        }
        "no-relief" => {
            let reason = ReliefDecline::NotAffected;
            Command::ProposeRelief { application_id: id(), verdict: ReliefVerdict::Decline { reason } }
        }
        "unpay" => Command::ReverseRepayment { application_id: id(), receipt: 1, because: "记错账户".into() },
        decision => command(decision),
    }
}

fn period() -> Period {
    "2018Q3".parse().unwrap()
}

/// Next year's rules, accepted.
fn charter() -> Motion {
    let charter = Charter { version: 2, effective_from: Date::constant(2026, 1, 1), ..Charter::programme_2017() };
    let (hash, charter) = (charter.hash(), Some(Box::new(charter)));
    Motion::Answer { hash, charter, answer: CharterAnswer::Accepted {}, because: "会议".into() }
}

fn cell(state: &str, what: &str, person: &str, role: &str) -> String {
    let (_, way, own) = STATES.into_iter().find(|(name, ..)| *name == state).unwrap();
    let person = if person == "own" { own } else { "new" };
    let mut house = with_port().after(way);
    let before = house.facts.len();
    let actor = Actor { person: Person::new(person), roles: [role.to_owned()].into() };
    match house.take(&Input::Command { actor, command: to_do(state, what, person) }) {
        Ok(_) => "yes".into(),
        Err(Stop::Refused(refusal)) => {
            assert_eq!(house.facts.len(), before, "{state}: {what}: a refusal changes nothing");
            refusal.code
        }
        Err(other) => panic!("{state}: {what} by {role}: {other:?}"),
    }
}

#[test]
fn every_role_may_do_in_every_state_what_the_table_says() {
    let mut roles: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
    roles.extend([SUPERVISOR, SIGNATORY, "auditor", "applicant"]);
    let states = STATES.map(|(state, ..)| state);
    insta::assert_snapshot!(table(&states, &COMMANDS, &roles, cell));
}
