//! Bytes that somebody with the union's access to the broker publishes to the bank. What the union did not sign is refused
//! and kept as evidence, what it signed before is a duplicate, what it signed twice freezes the one channel; and no state
//! changes by any of it.

use crate::{
    forge::{Attacker, frames, header, heads, key, refusals, state_of, stranger, texts},
    house::{House, PATIENCE, Setup},
};
use channel::{Head, KeyRing, Limits, Resolution, open, seal};
use domain::{ApplicationId, Fen, Moment, Party};
use std::{sync::Arc, time::Duration};

const ASKED_FEN: i64 = 40_000_000;
/// Where the fields of a preamble stand, and its signature's first byte after one message's length.
const FIELDS: [usize; 20] = [0, 4, 5, 6, 7, 8, 9, 10, 18, 26, 34, 42, 74, 106, 114, 146, 154, 162, 170, 178];
const SIGNATURE: usize = 182;

async fn disbursed(house: &House, n: u32) -> ApplicationId {
    let id = house.file(n, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
    id
}

fn changed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[tokio::test]
async fn frames_that_the_union_did_not_sign_are_refused_and_audited_and_the_channel_goes_on() {
    let house = House::open().await;
    disbursed(&house, 1).await;
    let attacker = Attacker::of(&house, Party::Union).await;
    let now = heads(&house, Party::Union, Party::Bank).await;
    let next = header(Party::Union, Party::Bank, now.sent, now.received);
    let message = [b"{}".to_vec()];
    let signed = |key: &channel::SigningKey| seal(&next, &message, key).unwrap().bytes;
    let union = key(&house, Party::Union);
    let genuine = signed(&union);
    let mut under_the_unions_name = signed(&stranger());
    under_the_unions_name[10..18].copy_from_slice(union.id().as_bytes());
    let to_guarantor = frames(&house, Party::Union, Party::Guarantor).await;
    let from_guarantor = frames(&house, Party::Guarantor, Party::Bank).await;

    let mut cases = vec![
        ("no frame", b"give me money".to_vec(), "not a frame: the magic bytes are missing"),
        ("nothing", b"".to_vec(), "not a frame"),
        ("cut off in the preamble", genuine[..100].to_vec(), "the frame is cut off"),
        ("cut off in the signature", genuine[..SIGNATURE + 10].to_vec(), "the frame is cut off"),
        ("cut off in the body", genuine[..genuine.len() - 1].to_vec(), "the signed lengths say"),
        ("longer than signed", [&genuine[..], b" "].concat(), "the signed lengths say"),
        ("oversized", vec![b'x'; Limits::RECEIVE.frame_bytes + 1], "are allowed"),
        ("signed by a key that nobody pinned", signed(&stranger()), "is not the sender's key"),
        ("the same, naming the union's key", under_the_unions_name, "the signature does not hold"),
        ("signed by the guarantor", signed(&key(&house, Party::Guarantor)), "is not the sender's key"),
        ("another message", changed(&genuine, genuine.len() - 2), "do not give the signed chain hash"),
        ("another signature", changed(&genuine, SIGNATURE), "the signature does not hold"),
        ("the union's word to the guarantor", to_guarantor[0].clone(), "receiver has code"),
        ("the guarantor's word to the bank", from_guarantor[0].clone(), "sender has code"),
    ];
    for at in FIELDS {
        cases.push(("a changed preamble", changed(&genuine, at), ""));
    }
    let before = state_of(&house, Party::Bank).await;
    let channel = heads(&house, Party::Bank, Party::Union).await;
    for (_, bytes, _) in &cases {
        attacker.publish(Party::Bank, bytes.clone()).await;
    }
    let refused = refusals(&house, cases.len()).await;
    assert_eq!(refused.len(), cases.len());
    for ((name, _, expected), why) in cases.iter().zip(&refused) {
        assert!(why.contains(expected), "{name}: {why}");
    }
    assert_eq!(state_of(&house, Party::Bank).await, before);
    assert_eq!(heads(&house, Party::Bank, Party::Union).await, channel);
    disbursed(&house, 2).await;
    assert_eq!(house.bank.balance("B1301").await, 2 * ASKED_FEN);
    house.close().await;
}

#[tokio::test]
async fn of_a_flood_of_bad_frames_some_of_each_reason_and_day_are_kept_and_every_contradiction() {
    const KEPT: usize = 64;
    let mut house = House::open().await;
    disbursed(&house, 1).await;
    let attacker = Attacker::of(&house, Party::Union).await;
    let now = heads(&house, Party::Union, Party::Bank).await;
    let next = header(Party::Union, Party::Bank, now.sent, now.received);
    let by_a_stranger = seal(&next, &["{}"], &stranger()).unwrap().bytes;
    let flood = async |more: usize| {
        for n in 0..more {
            attacker.publish(Party::Bank, format!("flood {n}").into_bytes()).await;
        }
    };
    flood(KEPT + 20).await;
    // Another reason has room of its own.
    attacker.publish(Party::Bank, by_a_stranger.clone()).await;
    refusals(&house, KEPT + 1).await;
    let reasons = texts(&house, Party::Bank, "SELECT reason FROM audit WHERE partner = 'union' ORDER BY id").await;
    assert!(reasons[..KEPT].iter().all(|reason| reason == "malformed") && reasons[KEPT..] == ["unknown_key"]);
    let metrics = Arc::clone(&house.bank.handle.metrics);
    assert_eq!((metrics.frames_refused.get(), metrics.evidence_dropped.get()), (KEPT as u64 + 21, 20));

    // A restart knows what was kept today; another day begins anew.
    house.bank.stop().await;
    house.start_bank().await;
    flood(5).await;
    attacker.publish(Party::Bank, by_a_stranger.clone()).await;
    refusals(&house, KEPT + 2).await;
    assert_eq!(house.bank.handle.metrics.evidence_dropped.get(), 5);
    house.drive(Moment::start_of(crate::house::first_day()).plus_hours(33));
    flood(5).await;
    refusals(&house, KEPT + 7).await;

    // What proves something is kept, however much was kept before.
    flood(KEPT).await;
    let union = key(&house, Party::Union);
    let first = frames(&house, Party::Union, Party::Bank).await.remove(0);
    let ring = KeyRing::new(*union.public());
    let original = open(&first, &Limits::RECEIVE, &ring, Party::Union, Party::Bank).unwrap();
    let other = seal(&original.preamble().header, &["{}"], &union).unwrap().bytes;
    attacker.publish(Party::Bank, other.clone()).await;
    refusals(&house, 2 * KEPT + 4).await;
    let evidence = texts(&house, Party::Bank, "SELECT hex(bytes) FROM audit WHERE reason = 'contradiction'").await;
    assert_eq!(evidence, [hex::encode_upper(&other), hex::encode_upper(&first)]);
    house.close().await;
}

#[tokio::test]
async fn replayed_frames_and_frames_beyond_a_gap_change_nothing() {
    let house = House::open().await;
    disbursed(&house, 1).await;
    let attacker = Attacker::of(&house, Party::Union).await;
    let before = state_of(&house, Party::Bank).await;
    let channel = heads(&house, Party::Bank, Party::Union).await;
    let said = frames(&house, Party::Union, Party::Bank).await;
    let duplicates = house.bank.handle.metrics.frames_duplicate.get();
    for bytes in said.iter().chain(said.iter().rev()) {
        attacker.publish(Party::Bank, bytes.clone()).await;
    }
    // With the union's real key, but five numbers too high: nothing can be said about what lies between.
    let now = heads(&house, Party::Union, Party::Bank).await;
    let far = Head { seq: now.sent.seq + 5, hash: now.sent.hash };
    let beyond = seal(&header(Party::Union, Party::Bank, far, now.received), &["{}"], &key(&house, Party::Union));
    attacker.publish(Party::Bank, beyond.unwrap().bytes).await;
    // What comes after it in the same stream shows that all of it was looked at.
    attacker.publish(Party::Bank, b"the end".to_vec()).await;
    let why = refusals(&house, 2).await;
    let gap = format!("it begins at {}, expected is {}", now.sent.seq + 6, now.sent.seq + 1);
    assert_eq!((why.len(), why[0].as_str()), (2, gap.as_str()), "{why:?}");
    assert_eq!(house.bank.handle.metrics.frames_beyond_gap.get(), 1);
    let replayed = u64::try_from(2 * said.len()).unwrap();
    assert_eq!(house.bank.handle.metrics.frames_duplicate.get() - duplicates, replayed);
    assert_eq!(state_of(&house, Party::Bank).await, before);
    assert_eq!(heads(&house, Party::Bank, Party::Union).await, channel);
    disbursed(&house, 2).await;
    assert_eq!(house.bank.balance("B1301").await, 2 * ASKED_FEN);
    house.close().await;
}

#[tokio::test]
async fn other_content_under_a_used_number_freezes_the_channel_with_both_frames_kept_and_the_others_go_on() {
    let mut setup = Setup::default();
    // Room for 400,000 yuan a client: what the guarantor declines ends without the bank.
    setup.guarantor.net_assets_fen = Fen::new(ASKED_FEN * 10);
    let mut house = House::with(setup).await;
    disbursed(&house, 1).await;
    let attacker = Attacker::of(&house, Party::Union).await;
    let union = key(&house, Party::Union);
    let first = frames(&house, Party::Union, Party::Bank).await.remove(0);
    let ring = KeyRing::new(*union.public());
    let original = open(&first, &Limits::RECEIVE, &ring, Party::Union, Party::Bank).unwrap();
    let messages: Vec<Vec<u8>> =
        original.messages().map(|(_, message, _)| [message, &vec![b' '; 10_000]].concat()).collect();
    let second = seal(&original.preamble().header, &messages, &union).unwrap().bytes;
    let before: Vec<String> = state_of(&house, Party::Bank).await;
    attacker.publish(Party::Bank, second.clone()).await;
    let kept = refusals(&house, 2).await;
    assert!(kept[0].contains("signed two histories"), "{kept:?}");
    let evidence = texts(&house, Party::Bank, "SELECT hex(bytes) FROM audit ORDER BY id").await;
    assert_eq!(evidence, [hex::encode_upper(&second), hex::encode_upper(&first)], "both, whole");

    let mut backlog = house.bank.handle.backlog.clone();
    tokio::time::timeout(PATIENCE, backlog.wait_for(|backlog| backlog.frozen == 1)).await.unwrap().unwrap();
    let incidents = house.bank.incidents().await;
    assert!(incidents.len() == 1 && incidents[0].contains("channel/union"), "{incidents:?}");
    let after: Vec<String> =
        state_of(&house, Party::Bank).await.into_iter().filter(|row| !row.starts_with("incident ")).collect();
    assert_eq!(after, before);

    // Union and guarantor go on with each other; what needs the bank waits for two persons.
    let waits = house.file(2, ASKED_FEN, 0).await.unwrap();
    let ends = house.file(3, ASKED_FEN + 1_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{ends}"), "GUARANTEE_DECLINED").await;
    house.union.until(&format!("application/{waits}"), "CREDIT_REVIEW").await;
    // A restart melts nothing, and the union's repeated asks pass no more than before.
    house.bank.stop().await;
    house.start_bank().await;
    assert_eq!(house.bank.handle.backlog.borrow().frozen, 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(house.bank.handle.backlog.borrow().frozen, 1);
    assert_eq!(house.bank.status(&format!("case/{waits}")).await, "", "nothing passes a frozen channel");
    assert_eq!(house.bank.balance("B1301").await, ASKED_FEN);

    // Two persons decide that what the bank holds stands; what waited goes on.
    house.bank.unfreeze(Party::Union, Resolution::KeepOurHeads).await;
    house.union.until(&format!("application/{waits}"), "DISBURSED").await;
    house.idle().await;
    assert_eq!(house.bank.handle.backlog.borrow().frozen, 0);
    assert_eq!(house.bank.incidents().await, Vec::<String>::new());
    assert_eq!(house.bank.balance("B1301").await, 2 * ASKED_FEN);
    house.close().await;
}
