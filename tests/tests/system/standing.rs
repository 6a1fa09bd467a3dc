//! What stands still holds up nobody else, and what was promised before a stop is kept.

use crate::{
    defective::{approve, spoil},
    firms::form,
    forge::{texts, union_says},
    house::{House, PATIENCE, Setup, first_day},
};
use domain::{ApplicationId, Moment, Party};
use organisation::{Actor, Person};
use party::handle::{Arrival, CommandWork, Reply};
use std::time::Duration;
use tokio::sync::oneshot;

const ASKED_FEN: i64 = 5_000_000;

#[tokio::test]
async fn timers_of_applications_that_stand_still_hold_up_nobody_elses() {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::CreditInvestigator);
    let mut house = House::with(setup).await;
    let mut ids = Vec::new();
    for n in 1..=4 {
        ids.push(house.file(n, ASKED_FEN, 0).await.unwrap());
    }
    for id in &ids {
        house.bank.until(&format!("case/{id}"), "CREDIT_REVIEW").await;
    }
    house.idle().await;

    // More of them stand still at the bank than one batch holds.
    house.bank.stop().await;
    house.configure(Party::Bank, |config| drop(config.insert("batch_inputs".into(), 2.into())));
    house.start_bank().await;
    let seq = crate::forge::heads(&house, Party::Union, Party::Bank).await.sent.seq;
    let unknown = |n: u32| spoil(&approve(&house, n, seq + u64::from(n)), ".v2\"", ".v99\"").into_bytes();
    let messages: Vec<Vec<u8>> = (1..=3).map(unknown).collect();
    union_says(&mut house, Party::Bank, &messages).await;
    house.idle().await;
    assert_eq!(house.bank.parked().await.len(), 3);

    // Half of the investigator's ten working days is over for all four.
    house.drive(Moment::start_of(first_day()).plus_hours(24 * 12));
    let reminded = tokio::time::timeout(PATIENCE, async {
        while !was_woken(&house, &ids[3]).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    reminded.await.expect("the fourth is reminded");
    for id in &ids[..3] {
        assert!(!was_woken(&house, id).await, "{id} stands still");
    }
    // And the bank takes new work.
    let fifth = house.file(5, ASKED_FEN, 0).await.unwrap();
    house.bank.until(&format!("case/{fifth}"), "CREDIT_REVIEW").await;
    house.close().await;
}

async fn was_woken(house: &House, id: &ApplicationId) -> bool {
    let rows = house.bank.handle.readers.journal(&id.to_string()).await.unwrap();
    rows.iter().any(|row| row.kind == "due")
}

#[tokio::test]
async fn what_was_accepted_before_a_stop_is_decided_and_answered() {
    let mut house = House::open().await;
    let mut answers = Vec::new();
    for n in 1..=40 {
        let (reply, answer) = oneshot::channel();
        let work = CommandWork {
            actor: Actor { person: Person::new("applicant"), roles: ["applicant".to_owned()].into() },
            command: union_core::Command::Submit(Box::new(form(n, ASKED_FEN, 0))),
            expected: None,
            idempotency: None,
            sealed: None,
            arrival: Arrival::default(),
            reply,
        };
        house.union.handle.commands.try_send(work).unwrap();
        answers.push(answer);
    }
    house.union.stop().await;
    for answer in answers {
        assert!(matches!(answer.await, Ok(Reply::Decided { status: 201, .. })), "an accepted command is answered");
    }
    // Many were decided in one commit: each transfer stands at the journal row of its own application.
    let sql = "SELECT t.id || ' ' || j.application_id FROM transfer t JOIN journal j ON j.position = t.position WHERE t.id LIKE 'reserve:%'";
    let transfers = texts(&house, Party::Union, sql).await;
    assert_eq!(transfers.len(), 40);
    assert!(
        transfers.iter().all(|line| line.split_once(' ').is_some_and(|(id, of)| id.ends_with(of))),
        "{transfers:?}"
    );
    house.close().await;
}
