//! The AsyncAPI 3 document of all messages, generated from [`Kind`] so that it cannot differ from the code.

use crate::{Kind, wire};
use domain::Party;
use serde_json::{Map, Value, json};

/// The document, ready to be written as JSON. The committed copy is compared with this in the tests.
pub fn document() -> Value {
    let mut channels = Map::new();
    let mut operations = Map::new();
    for from in Party::ALL {
        for to in Party::ALL {
            let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.route() == (from, to)).collect();
            if kinds.is_empty() {
                continue;
            }
            let id = format!("{from}_to_{to}");
            let messages: Map<String, Value> =
                kinds.iter().map(|kind| (kind.name().to_owned(), message(*kind))).collect();
            let refs: Vec<Value> = kinds
                .iter()
                .map(|kind| json!({ "$ref": format!("#/channels/{id}/messages/{}", kind.name()) }))
                .collect();
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
                    "messages": refs,
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

fn message(kind: Kind) -> Value {
    json!({
        "name": wire::type_name(kind),
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
                "type": { "const": wire::type_name(kind) },
                "subject": { "type": "string", "description": "application id" },
                "time": { "type": "string", "format": "date-time" },
                "sagaid": { "type": "string", "minLength": 1, "maxLength": 64 },
                "traceparent": { "type": "string", "description": "W3C trace context" },
                "datacontenttype": { "const": "application/json" },
                "data": kind.schema(),
            },
        },
    })
}
