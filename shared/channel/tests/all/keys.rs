//! Keys: what is no key, which key is in force where, and what a change of key must prove.

use channel::{FrameRefusal, KeyChange, KeyChangeRefusal, KeyRefusal, KeyRing, Limits, PublicKey, Settings, open};

use crate::support::{PARTNER, US, genesis_of, key, key_of, pair, ring_of};

#[test]
fn a_printed_signing_key_shows_no_private_byte() {
    let printed = format!("{:?}", key(0xab));
    assert!(printed.contains(&key(0xab).id().to_string()));
    assert!(!printed.contains("abab") && !printed.contains("171"), "{printed}");
}

#[test]
fn a_public_key_reads_back_from_its_text() {
    let public = *key(3).public();
    assert_eq!(public.to_string().parse::<PublicKey>(), Ok(public));
    assert_eq!(serde_json::from_str::<PublicKey>(&serde_json::to_string(&public).unwrap()).unwrap(), public);
}

#[test]
fn what_is_no_key_is_refused() {
    #[track_caller]
    fn check(text: &str, expected: KeyRefusal) {
        assert_eq!(text.parse::<PublicKey>(), Err(expected));
    }
    check("", KeyRefusal::NotHex);
    check("zz", KeyRefusal::NotHex);
    check(&"ab".repeat(31), KeyRefusal::NotHex);
    check(&format!("02{}", "00".repeat(31)), KeyRefusal::NotAPoint);
    // The neutral element: every message has a valid signature under it.
    check(&format!("01{}", "00".repeat(31)), KeyRefusal::Weak);
}

#[test]
fn each_number_has_one_key_in_force() {
    let chain = genesis_of(US, PARTNER);
    let mut ring = ring_of(US);
    let (first, second, third) = (key_of(US), key(21), key(22));
    ring.apply(&KeyChange::create(&chain, US, &first, &second), &chain, US, 5).unwrap();
    ring.apply(&KeyChange::create(&chain, US, &second, &third), &chain, US, 9).unwrap();
    for (seq, expected) in [(0, &first), (1, &first), (4, &first), (5, &second), (8, &second), (9, &third)] {
        assert_eq!(ring.in_force_at(seq), expected.public(), "at {seq}");
    }
    assert_eq!(ring.current(), third.public());
    assert_eq!(ring.first(), first.public());
    let stored = serde_json::to_string(&ring).unwrap();
    assert_eq!(serde_json::from_str::<KeyRing>(&stored).unwrap(), ring);
}

#[test]
fn a_change_of_key_is_believed_only_with_both_signatures_on_this_chain() {
    let chain = genesis_of(US, PARTNER);
    let (old, new) = (key_of(US), key(21));
    let change = KeyChange::create(&chain, US, &old, &new);
    let check = |change: &KeyChange, expected| {
        let mut ring = ring_of(US);
        assert_eq!(ring.apply(change, &chain, US, 2), expected);
        assert_eq!(ring == ring_of(US), expected.is_err(), "a refused change must leave the ring alone");
    };
    check(&change, Ok(()));
    check(&KeyChange { signed_by_old: [0; 64], ..change.clone() }, Err(KeyChangeRefusal::NotSignedByOld));
    check(&KeyChange { signed_by_old: change.signed_by_new, ..change.clone() }, Err(KeyChangeRefusal::NotSignedByOld));
    check(&KeyChange { signed_by_new: change.signed_by_old, ..change.clone() }, Err(KeyChangeRefusal::NotSignedByNew));
    check(&KeyChange { new_key: *key(22).public(), ..change.clone() }, Err(KeyChangeRefusal::NotSignedByOld));
    check(&KeyChange::create(&chain, US, &old, &old), Err(KeyChangeRefusal::SameKey));
    check(&KeyChange::create(&chain, US, &key(20), &new), Err(KeyChangeRefusal::NotTheKeyInForce));
    check(&KeyChange::create(&chain, PARTNER, &old, &new), Err(KeyChangeRefusal::NotSignedByOld));
    let other_chain = genesis_of(US, domain::Party::Union);
    check(&KeyChange::create(&other_chain, US, &old, &new), Err(KeyChangeRefusal::NotSignedByOld));
}

#[test]
fn the_same_change_again_changes_nothing_and_an_earlier_one_is_refused() {
    let chain = genesis_of(US, PARTNER);
    let (old, new) = (key_of(US), key(21));
    let change = KeyChange::create(&chain, US, &old, &new);
    let mut ring = ring_of(US);
    ring.apply(&change, &chain, US, 5).unwrap();
    let before = ring.clone();
    assert_eq!(ring.apply(&change, &chain, US, 5), Ok(()));
    assert_eq!(ring, before);
    let back = KeyChange::create(&chain, US, &new, &old);
    assert_eq!(ring.apply(&back, &chain, US, 5), Err(KeyChangeRefusal::NotAfterTheLast));
    assert_eq!(ring.apply(&change, &chain, US, 6), Err(KeyChangeRefusal::NotTheKeyInForce));
    assert_eq!(ring, before);
}

#[test]
fn a_change_of_key_reads_back_from_its_message() {
    let chain = genesis_of(US, PARTNER);
    let change = KeyChange::create(&chain, US, &key_of(US), &key(21));
    let text = serde_json::to_string(&change).unwrap();
    assert_eq!(serde_json::from_str::<KeyChange>(&text).unwrap(), change);
}

#[test]
fn frames_after_the_change_need_the_new_key_and_those_before_the_old() {
    let (mut a, _) = pair(Settings::default());
    let chain = genesis_of(US, PARTNER);
    let (old, new) = (key_of(US), key(21));
    let change = KeyChange::create(&chain, US, &old, &new);
    let statement = serde_json::to_vec(&change).unwrap();
    let carrying = a.channel.next_frames(1, &[statement], &old).unwrap().remove(0);
    let mut ring = ring_of(US);
    ring.apply(&change, &chain, US, carrying.meta.last + 1).unwrap();
    let mut as_thief = a.channel.clone();
    let stolen = as_thief.next_frames(2, &["stolen"], &old).unwrap().remove(0);
    let good = a.channel.next_frames(2, &["good"], &new).unwrap().remove(0);
    let opened = |bytes: &[u8]| open(bytes, &Limits::RECEIVE, &ring, US, PARTNER).map(|_| ());
    assert_eq!(opened(&carrying.bytes), Ok(()), "resent after the change, it is still the old key's");
    assert_eq!(opened(&good.bytes), Ok(()));
    assert_eq!(opened(&stolen.bytes), Err(FrameRefusal::UnknownKey { key: old.id() }));
}
