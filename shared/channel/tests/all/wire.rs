//! Hostile and damaged frames: each is refused with the reason that the precedence names, at every byte.

use channel::{
    ChainHash, FrameRefusal, Head, Header, Limits, Opened, Purpose, SealRefusal, SigningKey, genesis, open, seal,
};
use domain::Party;

use crate::support::{PARTNER, US, genesis_of, key, key_of, ring_of};

const FIXED_BYTES: usize = 178;

fn header(from: Party, to: Party) -> Header {
    Header {
        from,
        to,
        purpose: Purpose::Messages,
        frozen: false,
        commit: 7,
        before: Head { seq: 0, hash: genesis_of(from, to) },
        receipt: Head { seq: 0, hash: genesis_of(to, from) },
        acknowledged: 0,
        nonce: 1,
        echo: 0,
        wanted: 0,
    }
}

const MESSAGES: [&[u8]; 3] = [br#"{"a":1}"#, br#"{"b":[2,"],["]}"#, b"3"];

fn sealed_by(header: &Header, messages: &[&[u8]], key: &SigningKey) -> Vec<u8> {
    seal(header, messages, key).unwrap().bytes
}

fn frame() -> Vec<u8> {
    sealed_by(&header(US, PARTNER), &MESSAGES, &key_of(US))
}

fn empty_frame() -> Vec<u8> {
    sealed_by(&Header { purpose: Purpose::Receipt, ..header(US, PARTNER) }, &[], &key_of(US))
}

fn opened(bytes: &[u8]) -> Result<Opened, FrameRefusal> {
    open(bytes, &Limits::RECEIVE, &ring_of(US), US, PARTNER)
}

fn refusal(bytes: &[u8]) -> FrameRefusal {
    opened(bytes).unwrap_err()
}

/// The frame with other bytes at an offset, signed anew by its true sender: for what only a dishonest partner can send.
fn resigned(mut bytes: Vec<u8>, messages: usize, offset: usize, with: &[u8]) -> Vec<u8> {
    bytes[offset..offset + with.len()].copy_from_slice(with);
    let end = FIXED_BYTES + 4 * messages;
    let signature = key_of(US).sign(&[b"nuanchuang/channel/frame/v1\0".as_slice(), &bytes[..end]].concat());
    bytes[end..end + 64].copy_from_slice(&signature);
    bytes
}

#[test]
fn an_opened_frame_gives_back_exactly_what_was_sealed() {
    let sealed = seal(&header(US, PARTNER), &MESSAGES, &key_of(US)).unwrap();
    let frame = opened(&sealed.bytes).unwrap();
    assert_eq!(frame.preamble().header, header(US, PARTNER));
    assert_eq!(frame.preamble().after, sealed.after);
    assert_eq!((frame.preamble().first(), frame.preamble().last()), (1, 3));
    assert_eq!(frame.bytes(), sealed.bytes);
    let mut hash = genesis_of(US, PARTNER);
    for ((seq, content, after), (number, expected)) in frame.messages().zip((1..).zip(MESSAGES)) {
        hash = hash.after(number, expected.len() as u32, expected);
        assert_eq!((seq, content, after), (number, expected, hash));
        assert_eq!(frame.hash_at(seq), Some(hash));
    }
    assert_eq!(frame.messages().count(), 3);
    assert_eq!(frame.hash_at(0), Some(genesis_of(US, PARTNER)));
    assert_eq!(frame.hash_at(4), None);
}

#[test]
fn the_body_is_a_json_array_of_the_messages() {
    let bytes = frame();
    let body: serde_json::Value = serde_json::from_slice(&bytes[FIXED_BYTES + 3 * 4 + 64..]).unwrap();
    assert_eq!(body, serde_json::json!([{"a": 1}, {"b": [2, "],["]}, 3]));
    assert!(empty_frame().ends_with(b"[]"));
}

/// The layout is a promise to integrators: these bytes change only with the version.
#[test]
fn the_layout_is_pinned() {
    let bytes = frame();
    let number = |offset: usize| u64::from_be_bytes(bytes[offset..offset + 8].try_into().unwrap());
    assert_eq!(&bytes[..10], b"NCFR\x01\x01\x02\x03\x01\x00");
    assert_eq!(&bytes[10..18], key_of(US).id().as_bytes());
    assert_eq!((number(18), number(26), number(34)), (7, 1, 3));
    assert_eq!(&bytes[42..74], genesis_of(US, PARTNER).as_bytes());
    assert_eq!(&bytes[74..106], opened(&bytes).unwrap().preamble().after.hash.as_bytes());
    assert_eq!(number(106), 0);
    assert_eq!(&bytes[114..146], genesis_of(PARTNER, US).as_bytes());
    assert_eq!((number(146), number(154), number(162), number(170)), (0, 1, 0, 0));
    assert_eq!(&bytes[178..190], b"\0\0\0\x07\0\0\0\x0f\0\0\0\x01");
    assert_eq!(&bytes[190 + 64..], br#"[{"a":1},{"b":[2,"],["]},3]"#);
    // Ed25519 signs deterministically, so one digest pins key, prefix, chain and layout at once. Both values were computed
    // from the module's documentation alone, in another language.
    assert_eq!(
        opened(&bytes).unwrap().preamble().after.hash.to_string(),
        "4a59d8c3b6e151f2bc1a121322298ac3d36e683cf002e70cf94bc783fbc28e07"
    );
    assert_eq!(sha256(&bytes), "c5cec77ec61c0b7e9b6e1a5629ffbc2bb015c39f940e2dbc4e48c364e3c95825");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn a_change_of_any_single_byte_is_refused() {
    for bytes in [frame(), empty_frame()] {
        for position in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[position] ^= change;
                assert!(opened(&changed).is_err(), "byte {position} changed by {change:#x} is believed");
            }
        }
    }
}

#[test]
fn a_frame_cut_off_at_any_length_is_refused() {
    for bytes in [frame(), empty_frame()] {
        for length in 0..bytes.len() {
            assert!(opened(&bytes[..length]).is_err(), "{length} bytes are believed");
        }
    }
}

#[test]
fn bytes_that_are_no_frame_are_malformed() {
    let garbage: [&[u8]; 5] = [b"", b"NCF", b"not a frame at all", br#"[{"a":1}]"#, &[0; 4096]];
    for bytes in garbage {
        assert!(matches!(refusal(bytes), FrameRefusal::Malformed { .. }), "{bytes:?}");
    }
}

#[test]
fn size_is_refused_before_anything_is_read() {
    let bytes = vec![0; Limits::RECEIVE.frame_bytes + 1];
    let limit = Limits::RECEIVE.frame_bytes;
    assert_eq!(refusal(&bytes), FrameRefusal::TooLarge { bytes: limit + 1, limit });
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = frame();
    bytes.push(b'\n');
    assert!(matches!(refusal(&bytes), FrameRefusal::LengthMismatch { .. }));
}

#[test]
fn another_partys_key_is_unknown() {
    let forged = sealed_by(&header(US, PARTNER), &MESSAGES, &key_of(PARTNER));
    assert_eq!(refusal(&forged), FrameRefusal::UnknownKey { key: key_of(PARTNER).id() });
}

#[test]
fn another_partys_signature_under_the_senders_key_id_is_bad() {
    let mut forged = sealed_by(&header(US, PARTNER), &MESSAGES, &key(99));
    forged[10..18].copy_from_slice(key_of(US).id().as_bytes());
    assert_eq!(refusal(&forged), FrameRefusal::BadSignature);
}

#[test]
fn a_frame_is_believed_only_on_its_own_channel() {
    let bytes = frame();
    let on = |from, to, signer| open(&bytes, &Limits::RECEIVE, &ring_of(signer), from, to).unwrap_err();
    assert_eq!(on(US, Party::Union, US), FrameRefusal::WrongReceiver { code: PARTNER.code() });
    assert_eq!(on(PARTNER, US, PARTNER), FrameRefusal::WrongSender { code: US.code() });
    assert_eq!(on(Party::Union, PARTNER, Party::Union), FrameRefusal::WrongSender { code: US.code() });
    // An accomplice who pins the signer's key under his own name still reads the wrong name in the signed bytes.
    assert_eq!(on(Party::Union, PARTNER, US), FrameRefusal::WrongSender { code: US.code() });
}

#[test]
fn refusals_of_layout_name_their_reason() {
    #[track_caller]
    fn check(offset: usize, with: &[u8], expected: FrameRefusal) {
        assert_eq!(refusal(&resigned(frame(), 3, offset, with)), expected);
    }
    let malformed = |what| FrameRefusal::Malformed { what };
    check(0, b"X", malformed("the magic bytes are missing"));
    check(4, &[2], FrameRefusal::UnknownVersion { version: 2 });
    check(5, &[2], FrameRefusal::UnknownAlgorithm { algorithm: 2 });
    check(6, &[1], FrameRefusal::WrongSender { code: 1 });
    check(7, &[9], FrameRefusal::WrongReceiver { code: 9 });
    check(8, &[0], malformed("the purpose is unknown"));
    check(8, &[4], malformed("the purpose does not fit the number of messages"));
    check(9, &[1], malformed("a frozen channel carries no messages"));
    check(9, &[2], malformed("the frozen mark is neither 0 nor 1"));
    check(26, &0_u64.to_be_bytes(), malformed("numbers begin at 1"));
    check(26, &4_u64.to_be_bytes(), malformed("the purpose does not fit the number of messages"));
    check(26, &5_u64.to_be_bytes(), malformed("the last number lies before the first"));
    check(34, &u64::MAX.to_be_bytes(), malformed("the last number lies before the first"));
    check(34, &(u64::MAX - 1).to_be_bytes(), malformed("there are too many messages"));
    check(34, &4_000_u64.to_be_bytes(), malformed("the frame is cut off"));
    check(154, &0_u64.to_be_bytes(), malformed("the nonce is 0"));
    check(170, &1_u64.to_be_bytes(), malformed("the wanted number does not fit"));
    check(178, &0_u32.to_be_bytes(), malformed("a message has no bytes"));
}

/// What the true sender signs is believed only if it is consistent in itself.
#[test]
fn a_signed_lie_about_the_messages_is_refused() {
    #[track_caller]
    fn check(offset: usize, with: &[u8], expected: FrameRefusal) {
        assert_eq!(refusal(&resigned(frame(), 3, offset, with)), expected);
    }
    let zeros = [0; 32];
    check(42, &zeros, FrameRefusal::ChainMismatch);
    check(74, &zeros, FrameRefusal::ChainMismatch);
    check(178, &8_u32.to_be_bytes(), FrameRefusal::LengthMismatch { signed: 28, actual: 27 });
    check(178, &u32::MAX.to_be_bytes(), FrameRefusal::LengthMismatch { signed: 4_294_967_315, actual: 27 });
    // The same total, cut elsewhere.
    check(178, &[0, 0, 0, 8, 0, 0, 0, 14], FrameRefusal::BrokenBatch);
    for (position, other) in [(0, b'{'), (8, b' '), (24, b';'), (26, b' ')] {
        let mut bytes = frame();
        assert_ne!(std::mem::replace(&mut bytes[254 + position], other), other);
        assert_eq!(refusal(&bytes), FrameRefusal::BrokenBatch, "body byte {position}");
    }
    let mut bytes = frame();
    bytes[254 + 2] = b'\'';
    assert_eq!(refusal(&bytes), FrameRefusal::ChainMismatch);
}

#[test]
fn an_empty_frame_may_not_move_the_chain() {
    let bytes = resigned(empty_frame(), 0, 74, &[0; 32]);
    assert_eq!(refusal(&bytes), FrameRefusal::Malformed { what: "an empty frame changes the chain hash" });
}

#[test]
fn a_request_wants_a_number_up_to_the_next() {
    let request = |wanted| {
        let receipt = Head { seq: 5, hash: ChainHash::from_bytes([1; 32]) };
        sealed_by(&Header { purpose: Purpose::Request, wanted, receipt, ..header(US, PARTNER) }, &[], &key_of(US))
    };
    for (wanted, fits) in [(0, false), (1, true), (6, true), (7, false)] {
        assert_eq!(opened(&request(wanted)).is_ok(), fits, "wanted {wanted}");
    }
}

#[test]
fn precedence_orders_the_refusals() {
    let order = [
        FrameRefusal::TooLarge { bytes: 0, limit: 0 },
        FrameRefusal::Malformed { what: "" },
        FrameRefusal::UnknownVersion { version: 0 },
        FrameRefusal::UnknownAlgorithm { algorithm: 0 },
        FrameRefusal::WrongSender { code: 0 },
        FrameRefusal::WrongReceiver { code: 0 },
        FrameRefusal::UnknownKey { key: key(1).id() },
        FrameRefusal::BadSignature,
        FrameRefusal::LengthMismatch { signed: 0, actual: 0 },
        FrameRefusal::BrokenBatch,
        FrameRefusal::ChainMismatch,
    ];
    assert!(order.is_sorted());
}

#[test]
fn what_cannot_be_read_back_is_not_sealed() {
    let empty: &[&[u8]] = &[];
    let check = |header: Header, messages: &[&[u8]], expected| {
        assert_eq!(seal(&header, messages, &key_of(US)).unwrap_err(), expected);
    };
    check(header(US, PARTNER), empty, SealRefusal::WrongPurpose);
    check(Header { frozen: true, ..header(US, PARTNER) }, &MESSAGES, SealRefusal::WrongPurpose);
    check(Header { purpose: Purpose::Answer, ..header(US, PARTNER) }, &MESSAGES, SealRefusal::WrongPurpose);
    check(header(US, PARTNER), &[b"1", b""], SealRefusal::EmptyMessage { index: 1 });
    let last = Head { seq: u64::MAX, hash: genesis_of(US, PARTNER) };
    check(Header { before: last, ..header(US, PARTNER) }, &MESSAGES, SealRefusal::NoNumberLeft);
}

#[test]
fn genesis_binds_programme_environment_direction_and_keys() {
    let (a, b) = (key_of(US), key_of(PARTNER));
    let of = |programme, environment, from, to, first: &SigningKey, second: &SigningKey| {
        genesis(programme, environment, from, to, first.public(), second.public())
    };
    let hashes = std::collections::BTreeSet::from([
        of("p", "test", US, PARTNER, &a, &b),
        of("q", "test", US, PARTNER, &a, &b),
        of("p", "live", US, PARTNER, &a, &b),
        of("pt", "est", US, PARTNER, &a, &b),
        of("p", "test", PARTNER, US, &a, &b),
        of("p", "test", US, Party::Union, &a, &b),
        of("p", "test", US, PARTNER, &b, &a),
        of("p", "test", US, PARTNER, &a, &key(9)),
    ]);
    assert_eq!(hashes.len(), 8);
}
