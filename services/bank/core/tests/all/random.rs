//! Random lives of an application: whatever comes, in whatever order, the promises hold after every input.

use crate::harness::*;
use bank_core::{CoreBanking, Fact};
use contracts::{DisbursementReport, Message};
use organisation::{Outcome, PortAction, Stop};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Anything that can come in. Persons hold every role, so that only four eyes keep them apart.
fn line() -> impl Strategy<Value = String> {
    let message = prop::sample::select(vec![
        "credit",
        "cancel",
        "letter",
        "stated?",
        "contract",
        "terminate",
        "disburse",
        "query",
        "close",
    ]);
    let core = prop::sample::select(vec!["posted", "posted-again", "not-posted", "closed", "unknown"]);
    let person = prop::sample::select(vec!["ann", "bob"]);
    let act = prop::sample::select(vec![
        "recommend",
        "advise",
        "approve",
        "decline",
        "return",
        "sign",
        "prepare",
        "release",
        "return-payment",
    ]);
    prop_oneof![
        4 => (message, 1..=2_u8).prop_map(|(what, n)| format!("{what} {n}")),
        6 => (person, act).prop_map(|(who, what)| format!("{who}: {what}")),
        2 => (core, 1..=2_u8).prop_map(|(what, n)| format!("core {what} {n}")),
        1 => (0..2000_u32).prop_map(|minutes| format!("wait {minutes}m")),
    ]
}

/// A way towards the pay-out with disturbances in between: pure noise would rarely get that far.
fn life() -> impl Strategy<Value = Vec<String>> {
    let noise = || prop::collection::vec(line(), 0..4);
    let way = prop::collection::vec(noise(), RELEASED.len()).prop_map(|noises| {
        let steps = RELEASED.iter().zip(noises);
        steps.flat_map(|(step, noise)| noise.into_iter().chain([(*step).to_owned()])).collect::<Vec<_>>()
    });
    (way, prop::collection::vec(line(), 0..40)).prop_map(|(mut way, rest)| {
        way.extend(rest);
        way
    })
}

/// What was ever said, to hold every later word against.
#[derive(Default)]
struct Memory {
    /// Orders to post, by key.
    posts: BTreeMap<String, usize>,
    /// Final reports, by key.
    finals: BTreeMap<String, DisbursementReport>,
    /// Answers to other asks, by key: decisions, contract numbers.
    answers: BTreeMap<String, Message>,
    /// Statements on letters.
    statements: BTreeMap<String, bool>,
    /// Letters under which a loan was announced.
    disbursed: Vec<String>,
}

impl Memory {
    fn holds(&mut self, house: &House, outcome: &Outcome<Fact>) -> Result<(), String> {
        for order in &outcome.orders {
            if let PortAction::Post { .. } = order.action {
                let posts = self.posts.entry(order.key.clone()).or_default();
                *posts += 1;
                ensure(*posts == 1, || format!("{} was ordered {posts} times", order.key))?;
                ensure(house.bank.core_banking == CoreBanking::Port, || "own books order nothing".into())?;
            }
        }
        for message in &outcome.messages {
            self.heard(house, message)?;
        }
        ensure(house.booked <= 1, || format!("{} postings", house.booked))?;
        ensure(self.disbursed.len() == house.booked, || "announced is what was booked".into())?;
        let balance = house.balance("B1301/NCD-2018-0052");
        ensure(balance == if house.booked == 1 { ASKED } else { 0 }, || format!("balance {balance}"))?;
        let Ok(Some(_)) = house.rows.own(&bank_core::rows::case(&id())) else { return Ok(()) };
        let case = house.case();
        ensure(case.paid_out.is_some() == (house.booked == 1), || "paid out is what was booked".into())?;
        if let Some(decision) = &case.decision {
            ensure(decision.investigator != decision.approver, || "four eyes on the credit".into())?;
        }
        if let Some(paid_out) = &case.paid_out {
            ensure(paid_out.maker != paid_out.checker, || "four eyes on the payment".into())?;
            ensure(!case.closed_letters.contains(&paid_out.letter_no), || "paid under a closed letter".into())?;
        }
        let tasks = house.index().tasks.len();
        ensure(tasks <= 2, || format!("{tasks} tasks"))
    }

    fn heard(&mut self, house: &House, message: &Message) -> Result<(), String> {
        let key = message.key();
        match message {
            Message::DisbursementReported(report) => match &report.report {
                DisbursementReport::Posted { .. } | DisbursementReport::Closed => {
                    let known = self.finals.entry(key.clone()).or_insert_with(|| report.report.clone());
                    ensure(*known == report.report, || format!("{key}: {known:?}, then {:?}", report.report))?;
                }
                DisbursementReport::NotPosted { .. } | DisbursementReport::Unknown => {
                    let known = self.finals.get(&key);
                    ensure(known.is_none(), || format!("{key}: {known:?}, then {:?}", report.report))?;
                }
            },
            Message::LoanDisbursed(notice) => {
                self.disbursed.push(notice.letter_no.clone());
                let stated = self.statements.get(&notice.letter_no);
                ensure(stated != Some(&true), || format!("{} was stated not disbursed", notice.letter_no))?;
                ensure(house.booked == 1, || "announced before it was booked".into())?;
            }
            Message::NotDisbursedStated(answer) => {
                let known = *self.statements.entry(answer.letter_no.clone()).or_insert(answer.not_disbursed);
                ensure(known == answer.not_disbursed, || format!("{} stated both ways", answer.letter_no))?;
                let disbursed = self.disbursed.contains(&answer.letter_no);
                ensure(disbursed != answer.not_disbursed, || format!("{} stated wrongly", answer.letter_no))?;
            }
            Message::CreditDecided(_) | Message::LoanContractSigned(_) => {
                let known = self.answers.entry(key.clone()).or_insert_with(|| message.clone());
                ensure(known == message, || format!("{key}: {known:?}, then {message:?}"))?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Runs a life and checks every promise after every input; says how far it got.
fn live(mut house: House, life: &[String]) -> Result<House, String> {
    let mut memory = Memory::default();
    for (n, line) in life.iter().enumerate() {
        let before = house.facts.len();
        let fail = |why: String| format!("input {n} `{line}`: {why}\n{life:#?}");
        // Time may pass only for what is there.
        if line.starts_with("wait") && house.facts.is_empty() {
            continue;
        }
        match house.run(line) {
            Ok(outcome) => memory.holds(&house, &outcome).map_err(fail)?,
            Err(Stop::Refused(_)) => ensure(house.facts.len() == before, || fail("a refusal recorded".into()))?,
            Err(other) => return Err(fail(other.to_string())),
        }
        let wake_at = house.index().wake_at;
        let served = line.starts_with("wait") && wake_at.is_some_and(|at| at <= house.at);
        ensure(!served, || fail(format!("woken at {}, and wants {wake_at:?} again", house.at)))?;
    }
    Ok(house)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never two postings, never two final answers under one key, never a loan under a letter stated not disbursed.
    #[test]
    fn no_order_of_events_breaks_a_promise(life in life(), port in any::<bool>(), rule in any::<bool>()) {
        let core = if port { CoreBanking::Port } else { CoreBanking::OwnLedger };
        let automatic = if rule { all_roles() } else { BTreeSet::new() };
        if let Err(why) = live(House::new(core, automatic), &life) {
            return Err(TestCaseError::fail(why));
        }
    }
}

#[test]
fn random_lives_do_get_to_the_end() {
    // A generator that never reaches the pay-out would prove nothing: this one must, often.
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut paid_out, mut refused, mut closed) = (0, 0, 0);
    for _ in 0..300 {
        let life = life().new_tree(&mut runner).unwrap().current();
        let house = live(with_port(), &life).unwrap_or_else(|why| panic!("{why}"));
        let text = format!("{:?}", house.facts);
        paid_out += usize::from(house.booked == 1);
        refused += usize::from(text.contains("NotPosted"));
        closed += usize::from(text.contains("Closed }") || text.contains("request: Closed"));
    }
    assert!(paid_out > 10 && refused > 10 && closed > 10, "{paid_out} paid out, {refused} refused, {closed} closed");
}
