//! One rule of the protocol at a time, between two sides and a network under the test's hand.

use channel::{Action, Empty, NumberRefusal, Phase, Settings, Verdict, seal};

use crate::support::{Fault, PARTNER, Side, US, contents, exchange, key_of, pair, run, sent};

#[test]
fn a_message_is_delivered_and_receipted() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("reserve", 10);
    exchange(&mut a, &mut b, 10);
    assert_eq!(contents(&b), ["reserve"]);
    assert!(!a.channel.is_settled(), "no receipt before the delay");
    b.tick(b.channel.next_wake());
    exchange(&mut a, &mut b, 110);
    assert!(a.channel.is_settled());
    assert_eq!(a.channel.in_flight_bytes(), 0);
    assert_eq!(a.store.heads.sent, b.store.heads.received);
}

#[test]
fn a_receipt_rides_on_the_frame_of_the_same_commit() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("assess", 10);
    let question = sent(&mut a).remove(0);
    b.batch(&[question], &[b"approved".to_vec()], Fault::None, 20);
    let answers = sent(&mut b);
    assert_eq!(answers.len(), 1, "the answer is the receipt");
    a.hear(&answers[0], 30);
    assert!(a.channel.is_settled());
    assert_eq!(contents(&a), ["approved"]);
}

#[test]
fn nothing_is_receipted_before_its_commit() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("assess", 10);
    let question = sent(&mut a).remove(0);
    let frame = b.open(&question);
    let mut work = b.channel.clone();
    assert_eq!(work.on_frame(&frame, Default::default(), 20), Verdict::Accept { skip: 0 });
    // The batch failed: the clone is dropped, and the channel in place knows nothing of the frame.
    assert_eq!(b.channel.heads().received.seq, 0);
    assert!(b.channel.on_tick(5_000).iter().all(|action| !matches!(action, Action::SendEmpty(Empty::Receipt))));
}

#[test]
fn a_duplicate_changes_nothing_and_is_receipted_again() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("reserve", 10);
    let frame = sent(&mut a).remove(0);
    assert_eq!(b.hear(&frame, 10), Verdict::Accept { skip: 0 });
    let lost_receipt = b.channel.next_wake();
    b.tick(lost_receipt);
    sent(&mut b);
    let before = b.store.heads.clone();
    assert_eq!(b.hear(&frame, 5_000), Verdict::Duplicate);
    assert_eq!(b.store.heads, before);
    assert_eq!(contents(&b), ["reserve"]);
    b.tick(5_100);
    exchange(&mut a, &mut b, 5_100);
    assert!(a.channel.is_settled());
}

#[test]
fn an_old_duplicate_is_verified_against_the_store() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("one", 10);
    let old = a.out[0].clone();
    exchange(&mut a, &mut b, 10);
    a.say("two", 20);
    exchange(&mut a, &mut b, 20);
    b.restart(30);
    run(&mut a, &mut b, 30, 3_000);
    let frame = b.open(&old);
    assert_eq!(b.channel.needs(&frame).inbound_seq, Some(1));
    assert_eq!(b.hear(&old, 3_000), Verdict::Duplicate);
    let unknown = b.channel.clone().on_frame(&frame, Default::default(), 3_000);
    assert_eq!(unknown, Verdict::Unverified, "what cannot be compared concludes nothing");
}

#[test]
fn a_frame_above_a_gap_is_dropped_and_the_missing_ones_asked_for_once() {
    let (mut a, mut b) = pair(Settings::default());
    for (text, now) in [("one", 10), ("two", 11), ("three", 12)] {
        a.say(text, now);
    }
    let frames = sent(&mut a);
    assert_eq!(b.hear(&frames[2], 20), Verdict::Gap { expected: 1 });
    assert_eq!(b.hear(&frames[1], 20), Verdict::Gap { expected: 1 });
    assert_eq!(b.out.len(), 1, "one request an interval");
    exchange(&mut a, &mut b, 2_100);
    assert_eq!(contents(&b), ["one", "two", "three"]);
}

#[test]
fn a_frame_that_is_lost_last_is_sent_again_after_a_time_without_progress() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("one", 10);
    sent(&mut a);
    assert_eq!(a.channel.next_wake(), 2_010);
    a.tick(2_009);
    assert!(a.out.is_empty());
    a.tick(2_010);
    assert_eq!(a.out, [a.store.outbox[0].bytes.clone()], "byte for byte");
    exchange(&mut a, &mut b, 2_010);
    assert_eq!(contents(&b), ["one"]);
}

#[test]
fn resends_double_from_two_seconds_to_five_minutes_and_probe_with_one_frame() {
    let (mut a, _) = pair(Settings::default());
    for text in ["one", "two", "three"] {
        a.say(text, 0);
    }
    sent(&mut a);
    let (mut waits, mut frames, mut last) = (Vec::new(), Vec::new(), 0);
    while waits.len() < 10 {
        let now = a.channel.next_wake();
        a.tick(now);
        let resent = sent(&mut a).into_iter().filter(|bytes| a.store.outbox.iter().any(|built| built.bytes == *bytes));
        let resent = resent.count();
        if resent > 0 {
            waits.push((now - last) / 1_000);
            frames.push(resent);
            last = now;
        }
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(frames, [3, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_partner_that_comes_back_is_served_at_once() {
    let (mut a, mut b) = pair(Settings::default());
    for index in 0..5 {
        a.say(&format!("m{index}"), 0);
    }
    // Gone for twenty minutes: the resends are five minutes apart by now.
    let mut now = 0;
    while now < 1_200_000 {
        now = a.channel.next_wake();
        a.tick(now);
    }
    sent(&mut a);
    b.restart(now);
    let end = run(&mut a, &mut b, now, now + 1_000);
    assert_eq!(b.store.delivered.len(), 5);
    assert!(a.channel.is_settled(), "still unreceipted at {end} ms");
}

#[test]
fn no_more_is_on_the_wire_than_the_window_allows() {
    let settings = Settings { window_bytes: 4_000, ..Settings::default() };
    let (mut a, mut b) = pair(settings);
    let message = vec![b'7'; 700];
    for _ in 0..20 {
        a.batch(&[], std::slice::from_ref(&message), Fault::None, 10);
        assert!(a.channel.in_flight_bytes() <= 4_000);
    }
    assert_eq!(a.out.len(), 4, "the rest waits in the outbox");
    run(&mut a, &mut b, 10, 3_000);
    assert_eq!(b.store.delivered.len(), 20);
    assert!(a.channel.is_settled());
}

#[test]
fn many_frames_or_bytes_hurry_the_receipt() {
    let settings = Settings { receipt_after_frames: 3, ..Settings::default() };
    let (mut a, mut b) = pair(settings);
    for _ in 0..2 {
        a.say("x", 10);
    }
    for frame in sent(&mut a) {
        b.hear(&frame, 10);
    }
    assert!(b.out.is_empty());
    a.say("x", 10);
    let third = sent(&mut a).remove(0);
    b.hear(&third, 10);
    assert_eq!(b.out.len(), 1);
    a.hear(&sent(&mut b)[0], 10);
    assert!(a.channel.is_settled());
}

#[test]
fn what_is_too_much_for_one_frame_goes_into_several() {
    let limits = channel::Limits { frame_bytes: 600, messages: 3 };
    let (mut a, mut b) = pair(Settings { limits, ..Settings::default() });
    let messages: Vec<_> = [10, 10, 10, 10, 200, 150, 347, 1].iter().map(|size| vec![b'1'; *size]).collect();
    a.batch(&[], &messages, Fault::None, 10);
    let cuts: Vec<_> = a.store.outbox.iter().map(|built| (built.meta.first, built.meta.last)).collect();
    assert_eq!(cuts, [(1, 3), (4, 5), (6, 6), (7, 7), (8, 8)]);
    assert!(a.store.outbox.iter().all(|built| built.bytes.len() <= 600 && built.bytes.len() == built.meta.bytes));
    exchange(&mut a, &mut b, 10);
    assert_eq!(b.store.delivered.iter().map(|(_, content)| content.clone()).collect::<Vec<_>>(), messages);
}

#[test]
fn a_message_that_fits_no_frame_gets_no_number() {
    let (mut a, _) = pair(Settings::default());
    let limit = channel::Limits::SEND.message_bytes();
    let before = a.channel.heads().clone();
    let refused = a.channel.next_frames(1, &[b"1".to_vec(), vec![b'1'; limit + 1]], &key_of(US));
    assert_eq!(refused, Err(NumberRefusal::MessageTooLarge { index: 1, bytes: limit + 1, limit }));
    assert_eq!(*a.channel.heads(), before);
    let largest = a.channel.next_frames(1, &[vec![b'1'; limit]], &key_of(US)).unwrap();
    assert_eq!(largest[0].bytes.len(), channel::Limits::SEND.frame_bytes);
}

#[test]
fn a_start_sends_and_accepts_nothing_new_before_the_partners_heads() {
    let (mut a, mut b) = pair(Settings::default());
    b.say("from the bank", 10);
    let inbound = sent(&mut b).remove(0);
    a.restart(100);
    let greeting = sent(&mut a).remove(0);
    assert_eq!(a.channel.phase(), Phase::Greeting { until_ms: 1_100 });
    assert_eq!(a.channel.next_frames(9, &["new"], &key_of(US)), Err(NumberRefusal::Greeting));
    assert_eq!(a.hear(&inbound, 110), Verdict::NotYet);
    a.say("held", 120);
    assert!(a.out.is_empty());
    b.hear(&greeting, 130);
    let answers = sent(&mut b);
    for bytes in &answers {
        a.hear(bytes, 140);
    }
    assert_eq!(a.channel.phase(), Phase::Open);
    assert_eq!(a.hear(&inbound, 150), Verdict::Accept { skip: 0 });
    run(&mut a, &mut b, 150, 4_000);
    assert_eq!(contents(&b), ["held"]);
}

#[test]
fn a_start_without_an_answer_opens_after_the_wait_and_goes_on_greeting() {
    let mut a = Side::new(US, PARTNER, Settings::default(), 0);
    assert_eq!(sent(&mut a).len(), 1);
    a.tick(999);
    assert_eq!(a.channel.phase(), Phase::Greeting { until_ms: 1_000 });
    a.tick(1_000);
    assert_eq!(a.channel.phase(), Phase::Open);
    a.tick(2_000);
    a.tick(6_000);
    let greetings: Vec<_> = sent(&mut a);
    assert_eq!(greetings.len(), 2, "at 2 s and at 6 s");
    assert_ne!(greetings[0], greetings[1], "each greeting has its own nonce");
}

#[test]
fn an_answer_to_an_earlier_start_does_not_open_this_one() {
    let (mut a, mut b) = pair(Settings::default());
    a.restart(100);
    let first_greeting = sent(&mut a).remove(0);
    b.hear(&first_greeting, 110);
    let late_answer = sent(&mut b).remove(0);
    a.restart(200);
    a.hear(&late_answer, 210);
    assert_eq!(a.channel.phase(), Phase::Greeting { until_ms: 1_200 });
    exchange(&mut a, &mut b, 220);
    assert_eq!(a.channel.phase(), Phase::Open);
}

#[test]
fn history_below_the_receipt_is_served_on_request_and_delivers_nothing_twice() {
    let (mut a, mut b) = pair(Settings::default());
    for text in ["one", "two", "three"] {
        a.say(text, 10);
    }
    run(&mut a, &mut b, 10, 1_000);
    assert!(a.channel.is_settled());
    let request = b.empty(Empty::Request { wanted: 2 });
    a.hear(&request, 2_000);
    let history = sent(&mut a);
    assert_eq!(history, [a.store.outbox[1].bytes.clone(), a.store.outbox[2].bytes.clone()]);
    for bytes in history {
        assert_eq!(b.hear(&bytes, 2_010), Verdict::Duplicate);
    }
    a.hear(&request, 2_020);
    assert!(a.out.is_empty(), "a replayed request is answered once an interval");
    assert_eq!(contents(&b), ["one", "two", "three"]);
}

#[test]
fn a_request_for_what_is_not_on_the_wire_resends_nothing() {
    let (mut a, mut b) = pair(Settings::default());
    let request = b.empty(Empty::Request { wanted: 1 });
    a.hear(&request, 10);
    assert!(a.out.is_empty());
    drop(sent(&mut b));
}

#[test]
fn silence_is_broken_by_a_heartbeat() {
    let (a, _) = pair(Settings::default());
    assert_eq!(a.channel.next_wake(), 30_000);
    let mut a = a;
    a.tick(30_000);
    assert_eq!(a.out.len(), 1);
    assert_eq!(a.channel.next_wake(), 60_000);
}

#[test]
fn a_crash_between_commit_and_send_resends_the_same_bytes() {
    let (mut a, mut b) = pair(Settings::default());
    a.batch(&[], &[b"disburse".to_vec()], Fault::BeforeSend, 10);
    assert_eq!(a.store.outbox.len(), 1);
    run(&mut a, &mut b, 10, 3_000);
    assert_eq!(contents(&b), ["disburse"]);
    assert_eq!(b.store.inbox[0].bytes(), a.store.outbox[0].bytes);
}

#[test]
fn a_receipt_whose_hash_nobody_can_compare_is_no_progress() {
    let (mut a, b) = pair(Settings::default());
    a.batch(&[], &[b"one".to_vec(), b"two".to_vec()], Fault::None, 10);
    // Of a frame that is lost from the outbox, within it: no honest partner stops there.
    a.store.outbox.clear();
    let mut header = a.open(&b.empty(Empty::Receipt)).preamble().header;
    header.receipt.seq = 1;
    let none: [&[u8]; 0] = [];
    let odd = seal(&header, &none, &key_of(PARTNER)).unwrap().bytes;
    assert_eq!(a.channel.needs(&a.open(&odd)).outbound_seq, Some(1));
    assert_eq!(a.hear(&odd, 20), Verdict::Nothing);
    assert_eq!(a.store.heads.receipted.seq, 0);
}

#[test]
fn a_replayed_request_is_answered_once_an_interval() {
    let (mut a, b) = pair(Settings::default());
    a.say("one", 10);
    let request = b.empty(Empty::Request { wanted: 1 });
    sent(&mut a);
    for (now, resent) in [(20, 1), (30, 0), (900, 0), (1_020, 1)] {
        a.hear(&request, now);
        assert_eq!(sent(&mut a).len(), resent, "at {now}");
    }
}

#[test]
fn a_sign_of_life_after_long_silence_brings_the_resend_forward_and_a_receipt_ends_the_back_off() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("one", 0);
    let mut now = 0;
    while now < 1_200_000 {
        now = a.channel.next_wake();
        a.tick(now);
    }
    sent(&mut a);
    let heartbeat = b.empty(Empty::Receipt);
    a.hear(&heartbeat, now + 5_000);
    assert_eq!(a.channel.next_wake(), now + 5_000);
    a.tick(now + 5_000);
    run(&mut a, &mut b, now + 5_000, now + 6_000);
    assert!(a.channel.is_settled());
    a.say("two", now + 7_000);
    assert_eq!(a.channel.next_wake(), now + 9_000, "the next loss is found after two seconds again");
}

#[test]
fn a_receipt_that_rode_on_a_frame_does_not_go_out_again() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("assess", 10);
    let question = sent(&mut a).remove(0);
    b.batch(&[question], &[b"approved".to_vec()], Fault::None, 20);
    sent(&mut b);
    assert_eq!(b.channel.next_wake(), 2_020, "the resend, and no receipt before it");
}

#[test]
fn a_frame_resent_with_an_old_receipt_does_not_pass_for_the_new_one() {
    let (mut a, mut b) = pair(Settings::default());
    b.say("built before", 0);
    sent(&mut b);
    a.say("assess", 1_950);
    let question = sent(&mut a).remove(0);
    b.hear(&question, 1_950);
    b.tick(2_000);
    assert_eq!(sent(&mut b).len(), 1, "the resend");
    assert_eq!(b.channel.next_wake(), 2_050, "the receipt is still due");
}

#[test]
fn a_message_sent_is_a_sign_of_life_too() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("one", 20_000);
    run(&mut a, &mut b, 20_000, 21_000);
    assert_eq!(a.channel.next_wake(), 50_000);
}

#[test]
fn a_new_frame_does_not_overtake_those_that_wait_for_room() {
    let (mut a, mut b) = pair(Settings { window_bytes: 4_000, ..Settings::default() });
    let message = vec![b'7'; 700];
    for _ in 0..10 {
        a.batch(&[], std::slice::from_ref(&message), Fault::None, 10);
    }
    for frame in sent(&mut a) {
        b.hear(&frame, 10);
    }
    let receipt = b.empty(Empty::Receipt);
    a.batch(&[receipt], std::slice::from_ref(&message), Fault::None, 20);
    let next = sent(&mut a);
    assert_eq!(next.len(), 4);
    for frame in next {
        assert_eq!(b.hear(&frame, 20), Verdict::Accept { skip: 0 });
    }
}

#[test]
fn a_report_of_sending_what_is_already_receipted_counts_nowhere() {
    let (mut a, mut b) = pair(Settings::default());
    a.say("one", 10);
    run(&mut a, &mut b, 10, 1_000);
    let late = a.store.outbox[0].meta;
    a.channel.on_sent(&[late], 1_000);
    assert_eq!(a.channel.in_flight_bytes(), 0);
}

#[test]
fn a_duplicate_in_the_very_batch_of_its_original_is_known_without_the_store() {
    let (mut a, b) = pair(Settings::default());
    a.say("one", 10);
    a.say("two", 10);
    let frames: Vec<_> = sent(&mut a).iter().map(|bytes| b.open(bytes)).collect();
    let mut work = b.channel.clone();
    let verdicts = [0, 1, 0].map(|index| work.on_frame(&frames[index], Default::default(), 20));
    assert_eq!(verdicts, [Verdict::Accept { skip: 0 }, Verdict::Accept { skip: 0 }, Verdict::Duplicate]);
}

#[test]
fn the_window_counts_frames_too() {
    let (mut a, mut b) = pair(Settings { window_frames: 3, ..Settings::default() });
    for _ in 0..10 {
        a.say("1", 10);
    }
    assert_eq!(a.out.len(), 3);
    run(&mut a, &mut b, 10, 3_000);
    assert_eq!(b.store.delivered.len(), 10);
}
