//! What a union with a defect, or in other hands, says to the bank over its own channel, numbered and signed with its own
//! key. The bank takes it into custody and refuses it: nothing but the journal changes, and the channel goes on.

use crate::{
    firms::form,
    forge::{heads, state_of, texts, union_says},
    house::House,
};
use contracts::{
    About, ApproveCredit, Letter, Message, PresentLetter,
    wire::{Envelope, encode},
};
use domain::{Amount, ApplicationId, Date, Fen, Moment, Party};
use party::handle::{Idempotency, Maintenance, Told};

const ASKED_FEN: i64 = 48_000_000;

fn about(house: &House, number: u32) -> About {
    let charter = house.setup.union.charters.hash_in_force_on(crate::house::first_day()).unwrap();
    let application_id = ApplicationId::new(2018, number).unwrap();
    About { key: format!("approve credit:{application_id}"), application_id, charter }
}

/// A message that the bank would take up, as text: what the cases below spoil.
pub fn approve(house: &House, number: u32, seq: u64) -> String {
    let form = form(number, ASKED_FEN, 0);
    let message = Message::ApproveCredit(ApproveCredit {
        about: about(house, number),
        firm: form.firm,
        wish: form.wish,
        conditions: Vec::new(),
        credit_query_consent: form.credit_query_consent,
        reservation_id: None,
    });
    text(&message, seq)
}

/// A letter of the guarantor's, as the union would tell it.
fn present(house: &House, number: u32, seq: u64) -> String {
    let letter = Letter {
        letter_no: format!("BH-NCD-2018-{number:04}-1"),
        amount_fen: Amount::new(Fen::new(ASKED_FEN)).unwrap(),
        issued_on: Date::constant(2018, 8, 1),
        valid_until: Date::constant(2018, 8, 31),
        period_months: 6,
        hash: "00".repeat(32),
    };
    let told = text(&Message::PresentLetter(PresentLetter { about: about(house, number), letter }), seq);
    spoil(&spoil(&told, "/nuan/guarantor", "/nuan/union"), "guarantor-bank-", "union-bank-")
}

pub fn text(message: &Message, seq: u64) -> String {
    let at = Moment::start_of(crate::house::first_day()).plus_hours(9);
    let envelope = Envelope { seq, at, saga_id: "00000000-0000-0000-0000-000000000000", traceparent: None };
    String::from_utf8(encode(message, &envelope).unwrap()).unwrap()
}

pub fn spoil(text: &str, good: &str, bad: &str) -> String {
    assert!(text.contains(good), "there is no {good} in {text}");
    text.replacen(good, bad, 1)
}

#[tokio::test]
async fn bad_messages_signed_by_the_union_are_refused_or_parked_and_the_channel_goes_on() {
    let mut house = House::open().await;
    let first = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{first}"), "DISBURSED").await;
    house.idle().await;

    let amount = format!("\"amount_fen\":{ASKED_FEN}");
    let with_amount =
        |number, seq, value: &str| spoil(&approve(&house, number, seq), &amount, &format!("\"amount_fen\":{value}"));
    let start = heads(&house, Party::Union, Party::Bank).await.sent.seq;
    let seq = |n: u64| start + n;
    let (schema, event) = ("do not fit its schema", "not a CloudEvent");
    let cases = [
        ("not JSON".to_owned(), event),
        ("{}".to_owned(), event),
        ("[]".to_owned(), event),
        (with_amount(903, seq(4), "1e3"), schema),
        (with_amount(904, seq(5), "-1"), schema),
        (with_amount(905, seq(6), "9223372036854775808"), schema),
        (with_amount(906, seq(7), "48000000.0"), schema),
        (with_amount(907, seq(8), "0"), schema),
        (with_amount(908, seq(9), "\"48000000\""), schema),
        (with_amount(909, seq(10), &format!("{ASKED_FEN},\"amount_fen\":{ASKED_FEN}")), schema),
        (spoil(&approve(&house, 910, seq(11)), "\"purpose\"", "\"extra\":1,\"purpose\""), schema),
        (present(&house, 911, seq(12)), "is said by guarantor to bank, not by union to bank"),
        (spoil(&approve(&house, 912, seq(13)), "/nuan/union", "/nuan/guarantor"), "`source` is wrong"),
        (approve(&house, 913, seq(15)), "the channel says"),
        (
            spoil(&approve(&house, 914, seq(15)), "\"subject\":\"NCD-2018-0914", "\"subject\":\"NCD-2018-0001"),
            "subject",
        ),
        (spoil(&approve(&house, 915, seq(16)), "\"specversion\":\"1.0\"", "\"specversion\":\"2.0\""), "specversion"),
        // A version that this build does not read: its application stands still, and what follows of it waits behind.
        (spoil(&approve(&house, 916, seq(17)), ".v2\"", ".v99\""), "unknown message type"),
        (approve(&house, 916, seq(18)), "waits behind a parked input"),
        (spoil(&approve(&house, 917, seq(19)), ".v2\"", ".v0\""), "unknown message type"),
    ];
    let before = state_of(&house, Party::Bank).await;
    let messages: Vec<Vec<u8>> = cases.iter().map(|(text, _)| text.clone().into_bytes()).collect();
    union_says(&mut house, Party::Bank, &messages).await;
    house.idle().await;

    let sql = "SELECT refusal FROM journal WHERE source = 'union' AND refusal IS NOT NULL ORDER BY position";
    let refused = texts(&house, Party::Bank, sql).await;
    assert_eq!(refused.len(), cases.len(), "{refused:#?}");
    for ((text, expected), why) in cases.iter().zip(&refused) {
        assert!(why.contains(expected), "{why}\n{text}");
    }
    assert_eq!(state_of(&house, Party::Bank).await, before);
    let parked = house.bank.parked().await;
    let states: Vec<_> = parked.iter().map(|row| (row.application_id.as_deref(), row.state.as_str())).collect();
    let newer_and_older = [("NCD-2018-0916", "parked"), ("NCD-2018-0916", "held"), ("NCD-2018-0917", "parked")]
        .map(|(id, at)| (Some(id), at));
    assert_eq!(states, newer_and_older);
    assert_eq!(heads(&house, Party::Bank, Party::Union).await.received.seq, seq(19), "custody, not agreement");

    let second = house.file(2, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{second}"), "DISBURSED").await;
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, 2 * ASKED_FEN);
    house.close().await;
}

#[tokio::test]
async fn what_waits_behind_a_parked_message_goes_on_once_an_operator_drops_it_and_unasked_answers_are_refused() {
    let mut house = House::open().await;
    let first = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{first}"), "DISBURSED").await;
    house.idle().await;
    let start = heads(&house, Party::Union, Party::Bank).await.sent.seq;
    let unknown = |number, seq| spoil(&approve(&house, number, seq), ".v2\"", ".v99\"").into_bytes();
    let known = |number, seq| approve(&house, number, seq).into_bytes();
    let messages = [
        unknown(901, start + 1),
        known(901, start + 2),
        unknown(901, start + 3),
        unknown(902, start + 4),
        known(902, start + 5),
    ];
    union_says(&mut house, Party::Bank, &messages).await;
    house.idle().await;
    let parked = house.bank.parked().await;
    assert_eq!(parked.len(), 5, "{parked:?}");

    // To decide an unknown type again is to find it unknown again.
    let (culprit, held, last) = (parked[0].position, parked[1].position, parked[2].position);
    let because = || "程序版本不识别此消息".to_owned();
    let under = |key: &str, body: u8| {
        Some(Idempotency { scope: "operator".into(), key: key.to_owned(), body_hash: [body; 32] })
    };
    let retry = async |position: u64| {
        house.bank.order(Maintenance::Retry { position, because: because() }, under("r", 1)).await
    };
    let drop = async |position: u64| house.bank.order(Maintenance::Drop { position, because: because() }, None).await;
    let cannot_read = |position| Told::StillParked { position, why: "this build still cannot read the message".into() };
    assert_eq!(retry(culprit).await, cannot_read(culprit));
    assert_eq!(retry(held).await, Told::NotParked, "another comes first");
    assert_eq!(house.bank.parked().await, parked);
    assert_eq!(drop(culprit).await, Told::done());
    assert_eq!(drop(culprit).await, Told::NotParked, "it is settled");
    // The one in the middle is decided, and the operator hears which one is left.
    assert_eq!(retry(held).await, cannot_read(last));
    house.bank.until("case/NCD-2018-0901", "CONTRACTING").await;
    assert_eq!(house.bank.parked().await, parked[2..]);
    assert_eq!(drop(last).await, Told::done());
    assert_eq!(drop(parked[3].position).await, Told::done());
    // All this under one key: it was kept by none that failed, and is by the one that was carried out.
    assert_eq!(retry(parked[4].position).await, Told::done());
    assert_eq!(retry(parked[4].position).await, Told::done_before());
    let other = Maintenance::Drop { position: 1, because: because() };
    assert_eq!(house.bank.order(other, under("r", 2)).await, Told::KeyReused);
    assert!(house.bank.parked().await.is_empty());

    // The bank's answers are about applications that the union never filed.
    house.idle().await;
    let parked = house.union.parked().await;
    assert!(parked.len() == 2 && parked.iter().all(|one| one.why.contains("not in this database")), "{parked:?}");
    assert_eq!(house.union.status("application/NCD-2018-0901").await, "");
    house.close().await;
}
