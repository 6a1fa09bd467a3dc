//! Bytes: pinned as they leave, and refused when they are not what they claim to be.

use crate::samples::sample;
use contracts::{
    Kind,
    wire::{Envelope, Unreadable, decode, encode},
};
use domain::{Moment, Party};

const SAGA: &str = "11111111-2222-8333-8444-555555555555";

fn bytes(kind: Kind) -> Vec<u8> {
    let envelope = Envelope {
        seq: 17,
        at: Moment::parse("2018-08-30T10:00:00.000+08:00").unwrap(),
        saga_id: SAGA,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    };
    encode(&sample(kind), &envelope).unwrap()
}

fn text(kind: Kind) -> String {
    String::from_utf8(bytes(kind)).unwrap()
}

#[test]
fn every_message_keeps_its_bytes() {
    let all: Vec<serde_json::Value> =
        Kind::ALL.iter().map(|kind| serde_json::from_slice(&bytes(*kind)).unwrap()).collect();
    insta::assert_json_snapshot!("messages", all);
}

#[test]
fn every_message_is_read_back_by_its_receiver_as_it_was_said() {
    for kind in Kind::ALL.iter().copied() {
        let (from, to) = kind.route();
        let received = decode(&bytes(kind), from, to).unwrap();
        assert_eq!(received.message, sample(kind));
        assert_eq!((received.from, received.seq, received.saga_id.as_str()), (from, 17, SAGA));
    }
}

#[test]
fn a_message_counts_only_from_its_author_and_to_its_receiver() {
    for kind in Kind::ALL.iter().copied() {
        for from in Party::ALL {
            for to in Party::ALL {
                if (from, to) == kind.route() || from == to {
                    continue;
                }
                // A forger writes source and id to fit the channel; the type itself still has one author.
                let (own_from, own_to) = kind.route();
                let forged = text(kind)
                    .replace(&format!("/nuan/{own_from}"), &format!("/nuan/{from}"))
                    .replace(&format!("{own_from}-{own_to}-17"), &format!("{from}-{to}-17"));
                let refused = decode(forged.as_bytes(), from, to).unwrap_err();
                assert!(matches!(refused, Unreadable::WrongAuthor { .. }), "{kind:?} {from} {to}: {refused}");
            }
        }
    }
}

#[test]
fn amounts_that_are_no_amounts_are_refused() {
    let good = text(Kind::Disburse);
    assert!(good.contains("\"amount_fen\":48000000,"));
    for bad in ["1e3", "-1", "0", "9223372036854775808", "48000000.0", "\"48000000\"", "null", "1000000000000001"] {
        let changed = good.replace("\"amount_fen\":48000000,", &format!("\"amount_fen\":{bad},"));
        let refused = decode(changed.as_bytes(), Party::Union, Party::Bank).unwrap_err();
        assert!(matches!(refused, Unreadable::Data { .. }), "{bad}: {refused}");
    }
}

#[test]
fn what_is_not_a_message_is_refused_with_the_reason() {
    let good = text(Kind::AssessGuarantee);
    let check = |bytes: &[u8], expected: &str| {
        let refused = decode(bytes, Party::Union, Party::Guarantor).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused} does not say {expected}");
    };
    check(b"", "not a CloudEvent");
    check(b"hello", "not a CloudEvent");
    check(b"[]", "not a CloudEvent");
    check(b"{}", "specversion");
    check(&[0xff, 0xfe], "not a CloudEvent");
    check(good.replace("\"1.0\"", "\"0.3\"").as_bytes(), "specversion");
    check(good.replace("/nuan/union", "/nuan/bank").as_bytes(), "source");
    check(good.replace("union-guarantor-17", "union-guarantor-x").as_bytes(), "`id`");
    check(good.replace("2018-08-30T10", "2018-08-32T10").as_bytes(), "time");
    check(good.replace(SAGA, "").as_bytes(), "sagaid");
    check(good.replace("application/json", "text/plain").as_bytes(), "datacontenttype");
    check(good.replacen("\"specversion\"", "\"colour\":1,\"specversion\"", 1).as_bytes(), "unknown field `colour`");
    check(good.replace("\"reserved_fen\"", "\"reserved\"").as_bytes(), "unknown field `reserved`");
    check(good.replace("assess.v1", "assess.v2").as_bytes(), "unknown message type");
    check(good.replace("\"subject\":\"NCD-2018-0052\"", "\"subject\":\"NCD-2018-0053\"").as_bytes(), "subject");
    check(good.replace("91119900XN0000012A", "91119900XN0000012B").as_bytes(), "data of");
}

#[test]
fn an_unknown_type_names_the_application_so_that_its_case_can_be_parked() {
    let newer = text(Kind::AssessGuarantee).replace("assess.v1", "assess.v9");
    match decode(newer.as_bytes(), Party::Union, Party::Guarantor).unwrap_err() {
        Unreadable::UnknownType { name, application_id } => {
            assert_eq!(name, "nuan.guarantee.assess.v9");
            assert_eq!(application_id.unwrap().to_string(), "NCD-2018-0052");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_letter_whose_fields_were_changed_is_not_intact() {
    let contracts::Message::PresentLetter(contracts::PresentLetter { letter, .. }) = sample(Kind::PresentLetter) else {
        panic!("not a letter");
    };
    assert!(letter.is_intact());
    assert!(!contracts::Letter { period_months: 7, ..letter.clone() }.is_intact());
    assert!(!contracts::Letter { letter_no: "BH-2".into(), ..letter }.is_intact());
}
