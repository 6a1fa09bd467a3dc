//! What stands still holds up nobody else, and what was promised before a stop is kept.

use crate::{
    defective::{approve, spoil, text},
    firms::form,
    forge::{database, guarantor_says, heads, texts, union_says},
    house::{House, PATIENCE, Setup, first_day},
};
use contracts::{About, GuaranteeAssessed, GuaranteeDecline, GuaranteeOpinion, Message};
use domain::{ApplicationId, Moment, Party};
use guarantor_core::command::Assessment;
use organisation::{Actor, Person};
use party::handle::{Arrival, CommandWork, Maintenance, Reply, Told};
use std::time::Duration;
use tokio::sync::oneshot;
use union_core::vocabulary::Withdrawal;

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
    let seq = heads(&house, Party::Union, Party::Bank).await.sent.seq;
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

/// The guarantor's risk manager decides by hand; the fund carries one application of `ASKED_FEN`, not two. The first is with
/// him, and so many more wait for the fund.
async fn short_of_money(waiting: u32) -> (House, ApplicationId, Vec<ApplicationId>) {
    let mut setup = Setup::default().by_hand(guarantor_core::Role::RiskManager);
    setup.deposit_fen = ASKED_FEN / 5;
    let house = House::with(setup).await;
    let first = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.guarantor.until(&format!("case/{first}"), "GUARANTEE_REVIEW").await;
    let mut queue = Vec::new();
    for n in 2..2 + waiting {
        let id = house.file(n, ASKED_FEN, 0).await.unwrap();
        house.union.until(&application(&id), "QUEUED").await;
        queue.push(id);
    }
    house.idle().await;
    (house, first, queue)
}

fn application(id: &ApplicationId) -> String {
    format!("application/{id}")
}

async fn decline(house: &House, id: &ApplicationId) {
    let verdict = Assessment::Decline { reason: GuaranteeDecline::CashFlow };
    let command = guarantor_core::Command::Assess { application_id: id.clone(), verdict };
    house.guarantor.tell("zhao", &["risk_manager"], command).await.unwrap();
    house.union.until(&application(id), "GUARANTEE_DECLINED").await;
    house.idle().await;
}

/// Application and state of what stands still at the union.
async fn parked(house: &House) -> Vec<(Option<String>, String)> {
    house.union.parked().await.into_iter().map(|row| (row.application_id, row.state)).collect()
}

/// The row of this application can be read by no build, or by this one again.
async fn spoil_row(house: &House, id: &ApplicationId, good: &str, bad: &str) {
    let changed = sqlx::query("UPDATE state SET body = replace(body, ?, ?) WHERE key = ?")
        .bind(good)
        .bind(bad)
        .bind(application(id))
        .execute(&mut database(house, Party::Union).await)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 1);
    assert!(texts(house, Party::Union, "SELECT body FROM state").await.iter().any(|body| body.contains(bad)));
}

#[tokio::test]
async fn money_is_given_back_though_who_waits_for_it_cannot_be_decided() {
    let (mut house, first, queue) = short_of_money(1).await;
    let head = &queue[0];
    let (good, bad) = ("\"filed_at\"", "\"spoilt_at\"");
    house.union.stop().await;
    spoil_row(&house, head, good, bad).await;
    house.start_union().await;

    decline(&house, &first).await;
    assert_eq!(house.union.balance("U9001").await, 0, "what was held is free");
    let standing = house.union.parked().await;
    let [one] = &standing[..] else { panic!("{standing:?}") };
    assert_eq!((one.application_id.as_ref(), one.state.as_str()), (Some(&head.to_string()), "parked"));
    assert!(one.why.contains("cannot be read by this build"), "{}", one.why);
    assert!(house.guarantor.parked().await.is_empty() && house.bank.parked().await.is_empty());
    // Nothing helps while the cause is there, and the application of another moves.
    let told = Told::StillParked { position: one.position, why: one.why.clone() };
    assert_eq!(house.union.retry(one.position).await, told);
    let third = house.file(3, ASKED_FEN, 0).await.unwrap();
    house.union.until(&application(&third), "QUEUED").await;
    let withdraw = union_core::Command::Withdraw { application_id: third.clone(), reason: Withdrawal::NoNeed };
    house.union.tell("applicant", &["applicant"], withdraw).await.unwrap();
    house.union.until(&application(&third), "WITHDRAWN").await;
    assert_eq!(house.union.parked().await, standing, "once is enough");

    house.union.stop().await;
    spoil_row(&house, head, bad, good).await;
    house.start_union().await;
    assert_eq!(house.union.retry(one.position).await, Told::done());
    house.guarantor.until(&format!("case/{head}"), "GUARANTEE_REVIEW").await;
    assert_eq!(house.union.balance("U9001").await, ASKED_FEN / 5);
    assert_eq!(parked(&house).await, []);
    house.close().await;
}

#[tokio::test]
async fn who_stands_still_is_not_moved_by_money_that_others_give_back_until_an_operator_lets_it_go_on() {
    let (mut house, first, queue) = short_of_money(2).await;
    let (head, behind) = (&queue[0], &queue[1]);
    // What the guarantor says of the head is of a type that nobody reads.
    let charter = house.setup.guarantor.charters.hash_in_force_on(first_day()).unwrap();
    let about = About { application_id: head.clone(), charter, key: format!("assess guarantee:{head}:1") };
    let seq = heads(&house, Party::Guarantor, Party::Union).await.sent.seq + 1;
    let declined = GuaranteeOpinion::Declined { reason: GuaranteeDecline::CashFlow };
    let said = text(&Message::GuaranteeAssessed(GuaranteeAssessed { about, opinion: declined }), seq);
    let unread = spoil(&said, ".v1\"", ".v99\"").into_bytes();
    guarantor_says(&mut house, Party::Union, &[unread]).await;
    house.idle().await;
    let id = Some(head.to_string());
    assert_eq!(parked(&house).await, [(id.clone(), "parked".to_owned())]);

    decline(&house, &first).await;
    // And again: whoever leaves the queue has its head look.
    let withdraw = union_core::Command::Withdraw { application_id: behind.clone(), reason: Withdrawal::NoNeed };
    house.union.tell("applicant", &["applicant"], withdraw).await.unwrap();
    house.union.until(&application(behind), "WITHDRAWN").await;
    house.idle().await;
    let both = [(id.clone(), "parked".to_owned()), (id.clone(), "held".to_owned())];
    assert_eq!(parked(&house).await, both, "it looks once, whoever gave how much back");
    assert_eq!(house.union.status(&application(head)).await, "QUEUED");
    assert_eq!(
        (house.union.balance("U9001").await, house.guarantor.status(&format!("case/{head}")).await),
        (0, "".into())
    );

    // A start knows that too.
    house.union.stop().await;
    house.start_union().await;
    let third = house.file(4, ASKED_FEN, 0).await.unwrap();
    let withdraw = union_core::Command::Withdraw { application_id: third.clone(), reason: Withdrawal::NoNeed };
    house.union.tell("applicant", &["applicant"], withdraw).await.unwrap();
    house.union.until(&application(&third), "WITHDRAWN").await;
    assert_eq!(parked(&house).await, both);

    let rows = house.union.parked().await;
    let drop = Maintenance::Drop { position: rows[0].position, because: "担保公司撤回该消息".into() };
    assert_eq!(house.union.order(drop, None).await, Told::done());
    assert_eq!(house.union.status(&application(head)).await, "QUEUED");
    assert_eq!(house.union.retry(rows[1].position).await, Told::done());
    house.guarantor.until(&format!("case/{head}"), "GUARANTEE_REVIEW").await;
    assert_eq!(house.union.balance("U9001").await, ASKED_FEN / 5);
    assert_eq!(parked(&house).await, []);
    house.close().await;
}
