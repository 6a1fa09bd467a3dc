//! Messages as CloudEvents 1.0 in JSON, and back.
//!
//! Reading is strict and says what is wrong: an attribute missing, a type that this build does not know, an author that
//! may not say it, data that do not fit. Nothing here decides anything; what cannot be read is for the shell to audit
//! or to park.

use crate::{
    message::{Kind, Message},
    reader::Reader,
};
use domain::{ApplicationId, Moment, Party};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The media type of a frame's body.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// The CloudEvent type of a change of key. It is no [`Message`]: channels say it to each other, and no core hears of it.
pub const KEY_CHANGED: &str = "nuan.channel.key_changed.v1";

/// What the shell adds to a message when it sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Sequence number in the channel, unique for sender and receiver.
    pub seq: u64,
    /// Business time of the decision that sent it.
    pub at: Moment,
    /// Saga id.
    pub saga_id: &'a str,
    /// W3C trace context of the step that sent it, if traced.
    pub traceparent: Option<&'a str>,
}

/// A message as it arrived, from an author who may say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who said it.
    pub from: Party,
    /// Sequence number claimed in the event's id; the channel has checked the order.
    pub seq: u64,
    /// Business time at which the sender decided it.
    pub at: Moment,
    /// Saga id.
    pub saga_id: String,
    /// W3C trace context, as text.
    pub traceparent: Option<String>,
    /// What it says.
    pub message: Message,
}

/// Why bytes that came through the channel are not a message, in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a CloudEvent in JSON.
    #[error("not a CloudEvent in JSON: {0}")]
    NotCloudEvent(String),
    /// An attribute that is wrong.
    #[error("CloudEvent attribute `{attribute}` is wrong: {why}")]
    Attribute {
        /// Name of the attribute.
        attribute: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A type or version that this build does not know. It may be newer: park it, do not refuse it.
    #[error("unknown message type `{name}`")]
    UnknownType {
        /// The CloudEvent type.
        name: String,
        /// The application it names as subject, if it names one.
        application_id: Option<ApplicationId>,
    },
    /// Said by one who may not say it, or to one to whom it is not said.
    #[error("`{name}` is said by {may_from} to {may_to}, not by {from} to {to}")]
    WrongAuthor {
        /// The CloudEvent type.
        name: String,
        /// Who said it.
        from: Party,
        /// To whom.
        to: Party,
        /// Who may say it.
        may_from: Party,
        /// To whom it may be said.
        may_to: Party,
    },
    /// The data do not fit the type's schema.
    #[error("data of `{name}` do not fit its schema: {why}")]
    Data {
        /// The CloudEvent type.
        name: String,
        /// What does not fit, with line and column.
        why: String,
    },
    /// The subject is not what the data are about.
    #[error("subject `{subject}` is not `{about}`, which the data are about")]
    WrongSubject {
        /// The CloudEvent's subject.
        subject: String,
        /// What the data are about.
        about: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    sagaid: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    traceparent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    datacontenttype: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, RawValue>,
}

/// The CloudEvent type of this build's version, e.g. `nuan.guarantee.assess.v1`.
pub fn type_name(kind: Kind) -> String {
    type_of(kind, kind.version())
}

/// The CloudEvent type of a version.
pub(crate) fn type_of(kind: Kind, version: u16) -> String {
    format!("nuan.{}.v{version}", kind.name())
}

/// The CloudEvent bytes of a message.
///
/// # Errors
/// Only if a value cannot be written as JSON, which the types of [`Message`] do not allow.
pub fn encode(message: &Message, envelope: &Envelope<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let (from, to) = message.kind().route();
    let event = Event {
        specversion: "1.0".into(),
        id: format!("{from}-{to}-{}", envelope.seq).into(),
        source: format!("/nuan/{from}").into(),
        kind: type_name(message.kind()).into(),
        subject: message.subject().into(),
        time: envelope.at.to_string().into(),
        sagaid: envelope.saga_id.into(),
        traceparent: envelope.traceparent.map(Into::into),
        datacontenttype: "application/json".into(),
        data: Cow::Owned(message.write()?),
    };
    serde_json::to_vec(&event)
}

/// The message that `from` sent to `to` in these bytes, in a version that [`Kind::readers`] names.
///
/// # Errors
/// [`Unreadable`], naming what is wrong.
pub fn decode(bytes: &[u8], from: Party, to: Party) -> Result<Received, Unreadable> {
    decode_by(Kind::readers, bytes, from, to)
}

/// As [`decode`], reading the versions that `readers` names.
pub(crate) fn decode_by(
    readers: fn(Kind) -> &'static [Reader],
    bytes: &[u8],
    from: Party,
    to: Party,
) -> Result<Received, Unreadable> {
    let event: Event<'_> =
        serde_json::from_slice(bytes).map_err(|error| Unreadable::NotCloudEvent(error.to_string()))?;
    let wrong = |attribute, why: String| Unreadable::Attribute { attribute, why };
    if event.specversion != "1.0" {
        return Err(wrong("specversion", format!("`{}`, this build reads 1.0", event.specversion)));
    }
    if event.datacontenttype != "application/json" {
        return Err(wrong(
            "datacontenttype",
            format!("`{}`, this build reads application/json", event.datacontenttype),
        ));
    }
    if event.source != format!("/nuan/{from}") {
        return Err(wrong("source", format!("`{}`, but {from} signed it", event.source)));
    }
    let seq = event
        .id
        .strip_prefix(&format!("{from}-{to}-"))
        .and_then(|seq| seq.parse().ok())
        .ok_or_else(|| wrong("id", format!("`{}` is not `{from}-{to}-<number>`", event.id)))?;
    let at = Moment::parse(&event.time).map_err(|error| wrong("time", error.to_string()))?;
    if event.sagaid.is_empty() || event.sagaid.len() > 64 {
        return Err(wrong("sagaid", "has to have 1 to 64 characters".into()));
    }
    let (kind, reader) = reader_of(&event.kind, readers).ok_or_else(|| Unreadable::UnknownType {
        name: event.kind.to_string(),
        application_id: ApplicationId::parse(&event.subject).ok(),
    })?;
    let (may_from, may_to) = kind.route();
    if (from, to) != (may_from, may_to) {
        return Err(Unreadable::WrongAuthor { name: event.kind.to_string(), from, to, may_from, may_to });
    }
    let message = (reader.read)(event.data.get())
        .map_err(|error| Unreadable::Data { name: event.kind.to_string(), why: error.to_string() })?;
    let about = message.subject();
    if event.subject != about {
        return Err(Unreadable::WrongSubject { subject: event.subject.to_string(), about });
    }
    Ok(Received {
        from,
        seq,
        at,
        saga_id: event.sagaid.into_owned(),
        traceparent: event.traceparent.map(Cow::into_owned),
        message,
    })
}

/// The kind behind a CloudEvent type, and what reads that version. A number is written in one way only: `v01` is no `v1`.
fn reader_of(type_name: &str, readers: fn(Kind) -> &'static [Reader]) -> Option<(Kind, &'static Reader)> {
    let (name, version) = type_name.strip_prefix("nuan.")?.rsplit_once(".v")?;
    let number: u16 = version.parse().ok().filter(|_| !version.starts_with(['0', '+']))?;
    let kind = Kind::ALL.iter().copied().find(|kind| kind.name() == name)?;
    readers(kind).iter().find(|reader| reader.version == number).map(|reader| (kind, reader))
}
