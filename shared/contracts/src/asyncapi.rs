//! The AsyncAPI 3 document of all messages, generated from [`Kind`] so that it cannot differ from the code.
//!
//! What an organisation says it says in today's version; what it hears may also be the version before, where one is read.

use crate::{Kind, Reader, wire};
use domain::Party;
use serde_json::{Map, Value, json};

/// The document, ready to be written as JSON. The committed copy is compared with this in the tests.
pub fn document() -> Value {
    document_by(Kind::readers)
}

/// As [`document`], with the versions that `readers` names.
pub(crate) fn document_by(readers: fn(Kind) -> &'static [Reader]) -> Value {
    let mut channels = Map::new();
    let mut operations = Map::new();
    for from in Party::ALL {
        for to in Party::ALL {
            let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.route() == (from, to)).collect();
            if kinds.is_empty() {
                continue;
            }
            let id = format!("{from}_to_{to}");
            let reference = |name: &str| json!({ "$ref": format!("#/channels/{id}/messages/{name}") });
            let mut said: Vec<Value> = kinds.iter().map(|kind| reference(kind.name())).collect();
            let mut messages = Map::new();
            let mut heard = Vec::new();
            for kind in kinds {
                for (age, reader) in readers(kind).iter().enumerate() {
                    let name =
                        if age == 0 { kind.name().to_owned() } else { format!("{}.v{}", kind.name(), reader.version) };
                    heard.push(reference(&name));
                    messages.insert(name, message(kind, reader));
                }
            }
            messages.insert("channel.key_changed".into(), key_changed(from));
            heard.push(reference("channel.key_changed"));
            said.push(reference("channel.key_changed"));
            channels.insert(
                id.clone(),
                json!({
                    "address": format!("x.{from}.{to}.frames"),
                    "title": format!("{from} to {to}"),
                    "description": "Signed frames (crate `channel`), each with a CloudEvents batch of these messages.",
                    "messages": messages,
                }),
            );
            operations.insert(
                format!("{from}_says_to_{to}"),
                json!({
                    "action": "send",
                    "channel": { "$ref": format!("#/channels/{id}") },
                    "messages": said,
                }),
            );
            operations.insert(
                format!("{to}_hears_from_{from}"),
                json!({
                    "action": "receive",
                    "channel": { "$ref": format!("#/channels/{id}") },
                    "messages": heard,
                }),
            );
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Nuanchuang (暖创): what the organisations say to each other",
            "version": "1.0.0",
            "description": "One numbered, hash-chained log of signed frames between each ordered pair of organisations.",
        },
        "defaultContentType": wire::BATCH_MEDIA_TYPE,
        "channels": channels,
        "operations": operations,
    })
}

fn message(kind: Kind, reader: &Reader) -> Value {
    let name = wire::type_of(kind, reader.version);
    json!({
        "name": name,
        "title": kind.name(),
        "summary": kind.summary().trim(),
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "sagaid", "datacontenttype", "data"],
            "additionalProperties": false,
            "properties": {
                "specversion": { "const": "1.0" },
                "id": { "type": "string", "description": "`<from>-<to>-<sequence>`" },
                "source": { "const": format!("/nuan/{}", kind.route().0) },
                "type": { "const": name },
                "subject": { "type": "string", "description": "application id" },
                "time": { "type": "string", "format": "date-time" },
                "sagaid": { "type": "string", "minLength": 1, "maxLength": 64 },
                "traceparent": { "type": "string", "description": "W3C trace context" },
                "datacontenttype": { "const": "application/json" },
                "data": reader.schema(),
            },
        },
    })
}

/// A change of key, as `channel` defines it: the content of the last message of its frame.
fn key_changed(from: Party) -> Value {
    let hex = |digits: u8, what: &str| json!({ "type": "string", "pattern": format!("^[0-9a-f]{{{digits}}}$"), "description": what });
    json!({
        "name": wire::KEY_CHANGED,
        "title": "channel.key_changed",
        "summary": "From the next frame on the sender signs with another key.",
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"],
            "additionalProperties": false,
            "properties": {
                "specversion": { "const": "1.0" },
                "id": { "type": "string", "description": "`<from>-<to>-<sequence>`" },
                "source": { "const": format!("/nuan/{from}") },
                "type": { "const": wire::KEY_CHANGED },
                "subject": { "const": from },
                "time": { "type": "string", "format": "date-time" },
                "datacontenttype": { "const": "application/json" },
                "data": {
                    "type": "object",
                    "required": ["old_key", "new_key", "signed_by_old", "signed_by_new"],
                    "additionalProperties": false,
                    "properties": {
                        "old_key": hex(64, "Ed25519 key in force up to this frame"),
                        "new_key": hex(64, "Ed25519 key in force after it"),
                        "signed_by_old": hex(128, "the old key's signature under both"),
                        "signed_by_new": hex(128, "the new key's signature under both"),
                    },
                },
            },
        },
    })
}
