//! Which versions of a message type this build reads, and how an older one becomes today's message.
//!
//! A type is written in one version and read in that one and, where there is one, in the version before: so two builds that
//! follow each other understand each other in both directions while they are deployed one by one. Everything else, older or
//! newer, is an unknown type, for the shell to park. It refuses to guess: an upgrade is a `From` that was written for it.

use crate::message::Message;

/// One version of a type that this build reads.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// The version's number, as it stands in the CloudEvent's type.
    pub version: u16,
    pub(crate) schema: fn() -> schemars::Schema,
    pub(crate) read: fn(&str) -> Result<Message, serde_json::Error>,
}

impl Reader {
    /// JSON Schema of the data of this version.
    pub fn schema(&self) -> schemars::Schema {
        (self.schema)()
    }
}

/// The versions of one type that are read, the one that is written first. `after` names the payload of the version before,
/// which becomes today's by its `From`.
macro_rules! readers {
    ($variant:ident($payload:ty) v $version:literal $(after $before:ty)?) => {{
        const READERS: &[$crate::Reader] = &[
            $crate::Reader {
                version: $version,
                schema: || schemars::schema_for!($payload),
                read: |data| serde_json::from_str::<$payload>(data).map($crate::Message::$variant),
            },
            $($crate::Reader {
                version: $version - 1,
                schema: || schemars::schema_for!($before),
                read: |data| {
                    serde_json::from_str::<$before>(data).map(|before| $crate::Message::$variant(before.into()))
                },
            },)?
        ];
        READERS
    }};
}
pub(crate) use readers;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::Reader;
    use crate::{
        About, Kind, Message, SignContracts, asyncapi,
        wire::{self, Envelope, Unreadable},
    };
    use domain::{Amount, ApplicationId, CharterHash, Fen, Moment, Party};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    /// What `contracts.sign` might have been in version 2, if it were written in version 3 today.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct SignContractsV2 {
        about: About,
        principal_fen: Amount,
    }

    impl From<SignContractsV2> for SignContracts {
        fn from(before: SignContractsV2) -> Self {
            SignContracts { about: before.about, amount_fen: before.principal_fen }
        }
    }

    /// This build's versions, but for one type, which has a past.
    fn with_a_past(kind: Kind) -> &'static [Reader] {
        match kind {
            Kind::SignContracts => readers!(SignContracts(SignContracts) v 3 after SignContractsV2),
            other => other.readers(),
        }
    }

    fn today() -> SignContracts {
        let about = About {
            application_id: ApplicationId::parse("NCD-2018-0052").unwrap(),
            charter: CharterHash::from_bytes([7; 32]),
            key: "contracts".into(),
        };
        SignContracts { about, amount_fen: Amount::new(Fen::new(48_000_000)).unwrap() }
    }

    /// The message as a build that writes `version` sends it, with these data.
    fn sent(version: &str, data: &impl Serialize) -> Vec<u8> {
        let envelope = Envelope {
            seq: 17,
            at: Moment::parse("2018-08-30T10:00:00.000+08:00").unwrap(),
            saga_id: "saga",
            traceparent: None,
        };
        let bytes = wire::encode(&Message::SignContracts(today()), &envelope).unwrap();
        let mut event: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        event["type"] = format!("nuan.contracts.sign.v{version}").into();
        event["data"] = serde_json::to_value(data).unwrap();
        serde_json::to_vec(&event).unwrap()
    }

    fn decode(bytes: &[u8]) -> Result<Message, Unreadable> {
        wire::decode_by(with_a_past, bytes, Party::Union, Party::Guarantor).map(|received| received.message)
    }

    fn before() -> SignContractsV2 {
        SignContractsV2 { about: today().about, principal_fen: today().amount_fen }
    }

    #[test]
    fn this_version_and_the_one_before_are_read_as_the_same_message() {
        let message = Message::SignContracts(today());
        assert_eq!(decode(&sent("3", &today())), Ok(message.clone()));
        assert_eq!(decode(&sent("2", &before())), Ok(message));
    }

    #[test]
    fn data_of_one_version_under_the_number_of_the_other_do_not_fit() {
        for bytes in [sent("2", &today()), sent("3", &before())] {
            assert!(matches!(decode(&bytes), Err(Unreadable::Data { .. })), "{:?}", decode(&bytes));
        }
    }

    #[test]
    fn older_newer_and_oddly_written_versions_are_unknown_and_name_their_application() {
        for version in ["1", "0", "4", "65538", "03", "+3", "3.1", "", "-3", "３"] {
            match decode(&sent(version, &before())).unwrap_err() {
                Unreadable::UnknownType { name, application_id } => {
                    assert_eq!(name, format!("nuan.contracts.sign.v{version}"));
                    assert_eq!(application_id, Some(today().about.application_id));
                }
                other => panic!("{version}: {other}"),
            }
        }
    }

    #[test]
    fn an_older_version_counts_from_its_author_only_and_about_its_subject_only() {
        let from_bank = wire::decode_by(with_a_past, &sent("2", &before()), Party::Bank, Party::Guarantor);
        assert!(matches!(from_bank, Err(Unreadable::Attribute { attribute: "source", .. })), "{from_bank:?}");
        let mut other = before();
        other.about.application_id = ApplicationId::parse("NCD-2018-0053").unwrap();
        assert!(matches!(decode(&sent("2", &other)), Err(Unreadable::WrongSubject { .. })));
    }

    #[test]
    fn the_document_lists_every_version_that_is_read_and_sends_only_todays() {
        let document = asyncapi::document_by(with_a_past);
        let messages = &document["channels"]["union_to_guarantor"]["messages"];
        assert_eq!(messages["contracts.sign"]["name"], "nuan.contracts.sign.v3");
        let older = &messages["contracts.sign.v2"];
        assert_eq!(older["name"], "nuan.contracts.sign.v2");
        let data = &older["payload"]["properties"]["data"]["properties"];
        assert!(data["principal_fen"].is_object() && data["amount_fen"].is_null(), "{data}");
        let names = |operation: &str| document["operations"][operation]["messages"].to_string();
        assert!(names("guarantor_hears_from_union").contains("messages/contracts.sign.v2\""));
        assert!(names("guarantor_hears_from_union").contains("messages/contracts.sign\""));
        assert!(!names("union_says_to_guarantor").contains("contracts.sign.v2"));
    }

    #[test]
    fn every_type_is_written_in_the_first_version_that_is_read_and_at_most_one_older_is_read() {
        for kind in Kind::ALL.iter().copied() {
            let versions: Vec<u16> = kind.readers().iter().map(|reader| reader.version).collect();
            let written = kind.version();
            assert!(versions == [written] || versions == [written, written - 1], "{kind:?}: {versions:?}");
        }
    }
}
