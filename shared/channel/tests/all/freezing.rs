//! Contradictions that no message can heal: who notices, what stands still, and how two persons end it.

use channel::{
    Channel, Empty, Freeze, Heads, NumberRefusal, Phase, Resolution, Settings, TwoPersons, UnfreezeRefusal, Verdict,
    seal,
};
use domain::Party;

use crate::support::{Fault, PARTNER, Side, US, contents, exchange, fresh_heads, key_of, pair, run, sent};

fn two_persons() -> TwoPersons {
    TwoPersons::new("risk-manager-1", "operations-7").unwrap()
}

/// A frame of `side` says something else under the numbers after `store`'s last.
fn fork_of(side: &Side, text: &str) -> Vec<u8> {
    let mut other = Side::new(side.us, side.partner, side.settings, 0);
    other.store = side.store.clone();
    let instant = Settings { greeting_wait_ms: 0, ..side.settings };
    other.channel = Channel::start(instant, side.us, side.partner, side.store.heads.clone(), 77, 0).0;
    sent(&mut other);
    other.say(text, 0);
    other.store.outbox.last().unwrap().bytes.clone()
}

#[test]
fn other_content_under_a_used_number_freezes_both_below_and_at_the_watermark() {
    for later in [0, 1, 100] {
        let (mut a, mut b) = pair(Settings::default());
        let fork = fork_of(&a, "reserve 2");
        a.say("reserve 1", 10);
        for index in 0..later {
            a.say(&format!("later {index}"), 10);
        }
        exchange(&mut a, &mut b, 10);
        let before = b.store.clone();
        let Verdict::Froze(Freeze::Equivocation { seq: 1, ours, theirs }) = b.hear(&fork, 20) else {
            panic!("{later} later: {:?}", b.last_verdict);
        };
        assert_eq!(ours, b.store.inbox[0].preamble().after.hash);
        assert_eq!(theirs, b.open(&fork).preamble().after.hash);
        assert_eq!((b.store.delivered.len(), b.store.heads.received), (before.delivered.len(), before.heads.received));
        assert_eq!(b.hear(&fork, 30), Verdict::Frozen);
        assert_eq!(b.channel.phase(), Phase::Frozen);
    }
}

#[test]
fn a_frame_that_overlaps_the_watermark_delivers_only_its_tail() {
    let (mut a, mut b) = pair(Settings::default());
    // The sender cut its log differently before a crash: same content, other frames.
    let mut whole = Side::new(US, PARTNER, a.settings, 0);
    whole.channel = a.channel.clone();
    whole.batch(&[], &[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()], Fault::None, 10);
    a.say("one", 10);
    exchange(&mut a, &mut b, 10);
    assert_eq!(b.hear(&whole.store.outbox[0].bytes, 20), Verdict::Accept { skip: 1 });
    assert_eq!(contents(&b), ["one", "two", "three"]);

    let (mut a, mut b) = pair(Settings::default());
    a.say("another one", 10);
    exchange(&mut a, &mut b, 10);
    let verdict = b.hear(&whole.store.outbox[0].bytes, 20);
    assert!(matches!(verdict, Verdict::Froze(Freeze::Equivocation { seq: 1, .. })), "{verdict:?}");
    assert_eq!(contents(&b), ["another one"]);
}

#[test]
fn a_frame_that_continues_another_history_freezes() {
    let (mut a, mut b) = pair(Settings::default());
    let mut other = Side::new(US, PARTNER, a.settings, 0);
    other.channel = a.channel.clone();
    other.say("reserve 2", 10);
    other.say("commit 2", 10);
    a.say("reserve 1", 10);
    exchange(&mut a, &mut b, 10);
    let verdict = b.hear(&other.store.outbox[1].bytes, 20);
    assert!(matches!(verdict, Verdict::Froze(Freeze::Equivocation { seq: 1, .. })), "{verdict:?}");
}

#[test]
fn a_side_restored_without_what_it_sent_freezes_and_so_does_its_partner() {
    let (mut a, mut b) = pair(Settings::default());
    let old = a.store.clone();
    a.say("disburse", 10);
    run(&mut a, &mut b, 10, 1_000);
    let receipt = a.store.heads.receipted;
    a.store = old;
    a.restart(2_000);
    run(&mut a, &mut b, 2_000, 10_000);
    assert_eq!(a.frozen(), Some(&Freeze::WeWereRestored { their_receipt: receipt, acknowledged: 0 }));
    assert!(matches!(b.frozen(), Some(Freeze::PartnerWasRestored { their_sent, .. }) if their_sent.seq == 0));
    assert!(a.channel.partner_is_frozen() && b.channel.partner_is_frozen());
}

#[test]
fn a_side_restored_without_what_it_received_freezes_and_so_does_its_partner() {
    let (mut a, mut b) = pair(Settings::default());
    let old = a.store.clone();
    b.say("disbursed", 10);
    run(&mut a, &mut b, 10, 1_000);
    assert!(b.channel.is_settled());
    a.store = old;
    a.restart(2_000);
    run(&mut a, &mut b, 2_000, 10_000);
    assert!(matches!(a.frozen(), Some(Freeze::WeWereRestored { acknowledged: 1, .. })), "{:?}", a.frozen());
    assert!(matches!(b.frozen(), Some(Freeze::PartnerWasRestored { their_receipt, .. }) if their_receipt.seq == 0));
    assert!(a.store.delivered.is_empty(), "what it had receipted is not slipped in again");
}

#[test]
fn a_replayed_old_greeting_freezes_nobody() {
    let mut a = Side::new(US, PARTNER, Settings::default(), 0);
    let mut b = Side::new(PARTNER, US, Settings::default(), 0);
    let greetings = (a.out[0].clone(), b.out[0].clone());
    exchange(&mut a, &mut b, 0);
    a.say("one", 10);
    b.say("two", 10);
    run(&mut a, &mut b, 10, 1_000);
    for now in [1_000, 1_001, 2_000, 400_000] {
        b.hear(&greetings.0, now);
        a.hear(&greetings.1, now);
        run(&mut a, &mut b, now, now + 100);
    }
    assert_eq!((a.frozen(), b.frozen()), (None, None));
    a.say("three", 500_000);
    run(&mut a, &mut b, 500_000, 502_000);
    assert_eq!(contents(&b), ["one", "three"]);
}

#[test]
fn a_receipt_for_other_bytes_than_ours_freezes() {
    let (mut a, mut b) = pair(Settings::default());
    let fork = fork_of(&a, "as it was before the old copy");
    a.say("as it is now", 10);
    sent(&mut a);
    b.hear(&fork, 20);
    b.tick(120);
    let receipt = sent(&mut b).remove(0);
    let verdict = a.hear(&receipt, 130);
    assert!(matches!(verdict, Verdict::Froze(Freeze::ReceiptDiffers { their_receipt, .. }) if their_receipt.seq == 1));
}

#[test]
fn a_frozen_channel_numbers_nothing_accepts_nothing_and_survives_a_restart_frozen() {
    let (mut a, mut b) = pair(Settings::default());
    let fork = fork_of(&a, "other");
    a.say("one", 10);
    exchange(&mut a, &mut b, 10);
    b.hear(&fork, 20);
    let heads = b.store.heads.clone();
    b.restart(30);
    assert_eq!(b.channel.phase(), Phase::Frozen);
    a.say("two", 40);
    b.say("held", 40);
    run(&mut a, &mut b, 40, 100_000);
    assert_eq!((contents(&b), contents(&a)), (vec!["one".to_owned()], vec![]));
    assert_eq!(b.store.heads, heads);
    assert_eq!(b.channel.next_frames(9, &["x"], &key_of(PARTNER)), Err(NumberRefusal::Frozen));
    assert!(a.channel.partner_is_frozen());
}

#[test]
fn two_persons_end_a_freeze_and_both_directions_flow_again() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("a1", 10);
    b.say("b1", 10);
    run(&mut a, &mut b, 10, 1_000);
    let old = a.store.clone();
    a.say("a2", 1_000);
    b.say("b2", 1_000);
    run(&mut a, &mut b, 1_000, 2_000);
    a.store = old;
    a.restart(2_000);
    a.say("a2 said anew", 2_000);
    run(&mut a, &mut b, 2_000, 20_000);
    assert!(a.frozen().is_some() && b.frozen().is_some());

    assert_eq!(
        a.channel.clone().unfreeze(Resolution::KeepOurHeads, two_persons(), None, 20_000),
        Err(UnfreezeRefusal::DoesNotFit),
        "keeping our heads would use a number twice"
    );
    let record = a.channel.unfreeze(Resolution::AdoptTheirReceipt, two_persons(), None, 20_000).unwrap();
    assert_eq!(record.decided_by, two_persons());
    assert!(matches!(record.cause, Freeze::WeWereRestored { acknowledged: 2, .. }));
    b.channel.unfreeze(Resolution::ResendToPartner, two_persons(), None, 20_000).unwrap();
    a.batch(&[], &[], Fault::None, 20_000);
    b.batch(&[], &[], Fault::None, 20_000);
    run(&mut a, &mut b, 20_000, 40_000);
    assert_eq!((a.frozen(), b.frozen()), (None, None));
    assert_eq!(contents(&b), ["a1", "a2", "a2 said anew"]);
    assert_eq!(contents(&a), ["b1", "b2"]);
    assert!(a.channel.is_settled() && b.channel.is_settled());
}

/// The old copy knows one message; the partner holds three, and it was away when the restored side went on with `unheard` others.
fn restored_side_that_went_on_unheard(unheard: usize) -> (Side, Side) {
    let (mut a, mut b) = pair(Settings::default());
    a.say("a1", 10);
    run(&mut a, &mut b, 10, 1_000);
    let old = a.store.clone();
    a.say("a2", 1_000);
    a.say("a3", 1_000);
    run(&mut a, &mut b, 1_000, 2_000);
    a.store = old;
    a.restart(2_000);
    a.tick(2_000 + a.settings.greeting_wait_ms);
    for index in 0..unheard {
        a.say(&format!("unheard {index}"), 4_000);
    }
    sent(&mut a);
    run(&mut a, &mut b, 5_000, 20_000);
    (a, b)
}

#[test]
fn what_was_said_unheard_leaves_the_outbox_and_its_numbers_are_given_again() {
    // Fewer messages than the partner holds of the other history, as many, more.
    for unheard in [1, 2, 9] {
        let (mut a, mut b) = restored_side_that_went_on_unheard(unheard);
        let unfrozen = a.unfreeze(Resolution::AdoptTheirReceipt, 20_000);
        assert_eq!(unfrozen.forked_above, Some(1), "{unheard} unheard, {:?}", unfrozen.cause);
        assert_eq!(a.store.heads.sent, b.store.heads.received);
        b.unfreeze(Resolution::KeepOurHeads, 20_000);
        a.say("a4", 20_000);
        run(&mut a, &mut b, 20_000, 40_000);
        assert_eq!((a.frozen(), b.frozen()), (None, None), "{unheard} unheard");
        assert_eq!(contents(&b), ["a1", "a2", "a3", "a4"], "{unheard} unheard");
        assert!(a.channel.is_settled());
    }
}

#[test]
fn an_old_receipt_that_differs_is_not_adopted_while_the_partner_shows_a_newer_one() {
    let (mut a, b) = restored_side_that_went_on_unheard(9);
    let mut header = a.open(&b.empty(Empty::Receipt)).preamble().header;
    let newest = header.receipt;
    assert_eq!(newest.seq, 3);
    let mut frozen = a.store.heads.clone();
    frozen.frozen = None;
    a.store.heads = frozen;
    a.restart(20_000);
    let none: [&[u8]; 0] = [];
    header.receipt.seq = 2;
    let stale = seal(&header, &none, &key_of(PARTNER)).unwrap().bytes;
    assert!(matches!(a.hear(&stale, 20_000), Verdict::Froze(Freeze::ReceiptDiffers { .. })), "{:?}", a.last_verdict);
    a.hear(&b.empty(Empty::Receipt), 20_010);
    a.unfreeze(Resolution::AdoptTheirReceipt, 20_020);
    assert_eq!(a.store.heads.sent, newest);
}

#[test]
fn adopting_a_receipt_that_our_own_history_holds_takes_nothing_out_of_it() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("a1", 10);
    run(&mut a, &mut b, 10, 1_000);
    let old = a.store.clone();
    b.say("b1", 1_000);
    run(&mut a, &mut b, 1_000, 2_000);
    a.store = old;
    a.restart(2_000);
    a.tick(2_000 + a.settings.greeting_wait_ms);
    a.say("a2", 4_000);
    sent(&mut a);
    run(&mut a, &mut b, 5_000, 20_000);
    assert!(matches!(a.frozen(), Some(Freeze::WeWereRestored { acknowledged: 1, .. })), "{:?}", a.frozen());
    let sent_before = a.store.heads.sent;
    assert_eq!(a.unfreeze(Resolution::AdoptTheirReceipt, 20_000).forked_above, None);
    assert_eq!(a.store.heads.sent, sent_before);
    b.unfreeze(Resolution::ResendToPartner, 20_000);
    run(&mut a, &mut b, 20_000, 40_000);
    assert_eq!((contents(&a), contents(&b)), (vec!["b1".to_owned()], vec!["a1".to_owned(), "a2".to_owned()]));
}

#[test]
fn a_resolution_must_fit_the_cause() {
    let (mut a, mut b) = pair(Settings::default());
    assert_eq!(
        a.channel.unfreeze(Resolution::KeepOurHeads, two_persons(), None, 0).unwrap_err(),
        UnfreezeRefusal::NotFrozen
    );
    let fork = fork_of(&a, "other");
    a.say("one", 10);
    exchange(&mut a, &mut b, 10);
    b.hear(&fork, 20);
    for resolution in [Resolution::AdoptTheirReceipt, Resolution::ResendToPartner] {
        assert_eq!(b.channel.unfreeze(resolution, two_persons(), None, 30).unwrap_err(), UnfreezeRefusal::DoesNotFit);
        assert_eq!(b.channel.phase(), Phase::Frozen);
    }
    b.channel.unfreeze(Resolution::KeepOurHeads, two_persons(), None, 30).unwrap();
    assert!(matches!(b.channel.phase(), Phase::Greeting { .. }));
}

#[test]
fn one_person_is_not_two() {
    for (first, second) in [("a", "a"), ("a", " a "), ("", "a"), ("a", " ")] {
        assert_eq!(TwoPersons::new(first, second), None, "{first:?} and {second:?}");
    }
}

#[test]
fn the_heads_read_back_from_their_row() {
    let (mut a, mut b) = pair(Settings::default());
    let old = a.store.clone();
    a.say("disburse", 10);
    run(&mut a, &mut b, 10, 1_000);
    a.store = old;
    a.restart(2_000);
    run(&mut a, &mut b, 2_000, 10_000);
    for heads in [a.store.heads.clone(), b.store.heads.clone(), fresh_heads(US, Party::Union)] {
        let row = serde_json::to_string(&heads).unwrap();
        assert_eq!(serde_json::from_str::<Heads>(&row).unwrap(), heads, "{row}");
    }
}

#[test]
fn a_partner_signing_a_receipt_for_nothing_we_sent_cannot_be_mistaken_for_progress() {
    let (mut a, b) = pair(Settings::default());
    let frame = a.open(&b.empty(Empty::Greeting));
    let mut header = frame.preamble().header;
    header.receipt.seq = 1;
    let none: [&[u8]; 0] = [];
    let lie = seal(&header, &none, &key_of(PARTNER)).unwrap().bytes;
    let verdict = a.hear(&lie, 10);
    assert!(matches!(verdict, Verdict::Froze(Freeze::WeWereRestored { .. })), "{verdict:?}");
    assert_eq!(a.store.heads.receipted.seq, 0);
}

#[test]
fn a_frozen_side_remembers_the_most_that_the_partner_shows() {
    let (mut a, b) = pair(Settings::default());
    let mut header = a.open(&b.empty(Empty::Receipt)).preamble().header;
    let none: [&[u8]; 0] = [];
    for (receipt, acknowledged) in [(4, 1), (6, 3), (5, 2)] {
        header.receipt.seq = receipt;
        header.acknowledged = acknowledged;
        let frame = seal(&header, &none, &key_of(PARTNER)).unwrap().bytes;
        a.hear(&frame, 10);
    }
    assert!(
        matches!(a.frozen(), Some(Freeze::WeWereRestored { their_receipt, acknowledged: 3 }) if their_receipt.seq == 6),
        "{:?}",
        a.frozen()
    );
}
