//! A change of key on the wire: the CloudEvent around [`channel::KeyChange`]; and the private keys that a service has at hand.
//!
//! It decides nothing: whether a change is believed, and from which number on, [`channel::KeyRing`] says. The pairing keeps
//! the first keys for ever; what came after them stands in the database, each change with both its signatures.

use channel::{KeyChange, KeyId, PublicKey, SigningKey};
use contracts::wire::{KEY_CHANGED, Unreadable};
use domain::{Moment, Party};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    specversion: Cow<'a, str>,
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    subject: Cow<'a, str>,
    time: Cow<'a, str>,
    datacontenttype: Cow<'a, str>,
    data: KeyChange,
}

/// The bytes of the message, number `seq` from one to the other.
///
/// # Errors
/// Only if a value cannot be written as JSON, which none of its fields allows.
pub fn encode(change: KeyChange, from: Party, to: Party, seq: u64, at: Moment) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Event {
        specversion: "1.0".into(),
        id: format!("{from}-{to}-{seq}").into(),
        source: format!("/nuan/{from}").into(),
        kind: KEY_CHANGED.into(),
        subject: from.as_str().into(),
        time: at.to_string().into(),
        datacontenttype: "application/json".into(),
        data: change,
    })
}

/// The change of key in the bytes of message `seq`. `None`: they are something else.
///
/// # Errors
/// They say that they are one, and something is wrong with them.
pub fn decode(bytes: &[u8], from: Party, to: Party, seq: u64) -> Option<Result<KeyChange, Unreadable>> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    let typed: Typed<'_> = serde_json::from_slice(bytes).ok()?;
    (typed.kind == KEY_CHANGED).then(|| read(bytes, from, to, seq))
}

fn read(bytes: &[u8], from: Party, to: Party, seq: u64) -> Result<KeyChange, Unreadable> {
    let event: Event<'_> = serde_json::from_slice(bytes).map_err(|error| unbelievable(&error))?;
    for (attribute, found, expected) in [
        ("specversion", &event.specversion, "1.0"),
        ("id", &event.id, &format!("{from}-{to}-{seq}")),
        ("source", &event.source, &format!("/nuan/{from}")),
        ("subject", &event.subject, from.as_str()),
    ] {
        if found != expected {
            return Err(Unreadable::Attribute { attribute, why: format!("`{found}` is not `{expected}`") });
        }
    }
    Ok(event.data)
}

/// A change of key that is not believed.
pub(crate) fn unbelievable(why: &dyn std::fmt::Display) -> Unreadable {
    Unreadable::Data { name: KEY_CHANGED.into(), why: why.to_string() }
}

/// The private keys at hand: of the key file, and of the next one's where there is one. Which of them signs, the channels'
/// key rings say.
#[derive(Clone, Debug)]
pub struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// These keys.
    pub fn new(key: SigningKey, next: Option<SigningKey>) -> Self {
        SigningKeys(std::iter::once(key).chain(next).collect())
    }

    /// The private half of a key, if it is at hand.
    pub fn of(&self, key: &PublicKey) -> Option<&SigningKey> {
        self.0.iter().find(|known| known.public() == key)
    }

    /// The ids of all of them.
    pub fn ids(&self) -> Vec<KeyId> {
        self.0.iter().map(SigningKey::id).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;
    use channel::ChainHash;

    const CHAIN: ChainHash = ChainHash::from_bytes([5; 32]);

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32])
    }

    fn text() -> String {
        let change = KeyChange::create(&CHAIN, Party::Bank, &key(1), &key(2));
        let at = Moment::parse("2018-08-30T10:00:00.000+08:00").unwrap();
        String::from_utf8(encode(change, Party::Bank, Party::Union, 17, at).unwrap()).unwrap()
    }

    fn decoded(text: &str) -> Option<Result<KeyChange, Unreadable>> {
        decode(text.as_bytes(), Party::Bank, Party::Union, 17)
    }

    #[test]
    fn a_change_of_key_reads_back_and_its_signatures_still_hold() {
        let change = decoded(&text()).unwrap().unwrap();
        assert_eq!(change.verify(&CHAIN, Party::Bank), Ok(()));
        assert_eq!((change.old_key, change.new_key), (*key(1).public(), *key(2).public()));
    }

    #[test]
    fn it_has_the_fields_that_the_document_names() {
        let document = contracts::asyncapi::document();
        let payload = &document["channels"]["bank_to_union"]["messages"]["channel.key_changed"]["payload"];
        let event: serde_json::Value = serde_json::from_str(&text()).unwrap();
        let names = |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&event), names(&payload["properties"]));
        assert_eq!(names(&event["data"]), names(&payload["properties"]["data"]["properties"]));
        for field in ["type", "source", "subject"] {
            assert_eq!(event[field], payload["properties"][field]["const"], "{field}");
        }
    }

    #[test]
    fn what_says_it_is_one_and_is_not_is_refused_and_all_else_is_something_else() {
        let good = text();
        for (from, to, expected) in [
            ("bank-union-17", "bank-union-18", "`id`"),
            ("bank-union-17", "bank-guarantor-17", "`id`"),
            ("/nuan/bank", "/nuan/union", "`source`"),
            ("\"subject\":\"bank\"", "\"subject\":\"union\"", "`subject`"),
            ("\"1.0\"", "\"2.0\"", "`specversion`"),
            ("\"old_key\"", "\"elder_key\"", "elder_key"),
            ("\"specversion\"", "\"colour\":1,\"specversion\"", "colour"),
        ] {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good);
            let refused = decoded(&changed).unwrap().unwrap_err().to_string();
            assert!(refused.contains(expected), "{expected}: {refused}");
        }
        for other in ["", "[]", "{}", "{\"type\":\"nuan.letter.issue.v1\"}", &good.replace(".v1", ".v2")] {
            assert_eq!(decoded(other), None, "{other}");
        }
    }
}
