//! What of a journal row is fed to the core again.

use crate::recording::{Recording, Row};
use contracts::wire::decode;
use domain::{ApplicationId, Party};
use ledger::{AccountCode, TransferId};
use organisation::{Actor, Input, Key, Organisation, PortAnswer, Settings};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::sync::Arc;

/// What a journal row is to a replay.
#[derive(Debug)]
pub(crate) enum Fed<C> {
    /// The core decided it.
    Input(Input<C>),
    /// The organisation was set up, perhaps otherwise than before.
    SetUp(Settings),
    /// No core decided it: what was done to the shell, a parked input, a paper that was shown.
    Nothing,
    /// The core decided it, and this build cannot read it.
    Unreadable(String),
}

/// A row's input, by the fields that it can have.
#[derive(Deserialize)]
struct Fields {
    seq: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    key: Option<String>,
    actor: Option<Actor>,
    command: Option<Value>,
    answer: Option<PortAnswer>,
}

/// What the row is to a replay.
pub(crate) fn feed<O: Organisation>(recording: &Recording, row: &Row) -> Fed<O::Command> {
    match row.kind.as_str() {
        "started" => read(row.input.get()).map_or_else(Fed::Unreadable, Fed::SetUp),
        "set_back" => Fed::Input(Input::SetBack),
        // The shell found that its giver had seen an older version; no core was asked.
        "refused" if refused_as(row).as_deref() == Some("STALE") => Fed::Nothing,
        "message" | "command" | "due" | "follow" | "port" | "refused" => {
            input::<O>(recording, row).unwrap_or_else(Fed::Unreadable)
        }
        _ => Fed::Nothing,
    }
}

/// The code of its refusal, if it was refused.
pub fn refused_as(row: &Row) -> Option<String> {
    let refusal: Value = serde_json::from_str(row.refusal.as_ref()?.get()).ok()?;
    Some(refusal.get("code")?.as_str()?.to_owned())
}

fn input<O: Organisation>(recording: &Recording, row: &Row) -> Result<Fed<O::Command>, String> {
    let fields: Fields = read(row.input.get())?;
    Ok(Fed::Input(match fields {
        Fields { seq: Some(seq), kind: Some(kind), .. } => {
            let from: Party = row.source.parse().map_err(|_| format!("a message from `{}`", row.source))?;
            let bytes = recording.message(from, O::PARTY, seq);
            let bytes = bytes.ok_or_else(|| format!("message {seq} of the {from} ({kind}) is not in the recording"))?;
            Input::Message(Arc::new(decode(bytes, from, O::PARTY).map_err(|error| error.to_string())?))
        }
        // What no correct partner sends never came to the core.
        Fields { seq: Some(_), .. } => return Ok(Fed::Nothing),
        Fields { actor: Some(actor), command: Some(command), .. } => {
            let command = serde_json::from_value(command).map_err(|error| format!("the command: {error}"))?;
            Input::Command { actor, command }
        }
        Fields { answer: Some(answer), .. } => {
            let id = row.application_id.as_deref().unwrap_or_default();
            let application_id = ApplicationId::parse(id).map_err(|error| error.to_string())?;
            Input::Port { application_id, answer }
        }
        Fields { key: Some(key), .. } if row.source == "self" => Input::Follow(key_of(&key)),
        Fields { key: Some(key), .. } => Input::Due(key_of(&key)),
        _ => return Err("an input of no kind".into()),
    }))
}

/// The key that the text names: of an own row, an account or a transfer.
fn key_of(text: &str) -> Key {
    let account = text.strip_prefix("account ").and_then(|code| AccountCode::parse(code).ok());
    let transfer = || text.strip_prefix("transfer ").map(|id| Key::Transfer(TransferId::new(id)));
    account.map(Key::Account).or_else(transfer).unwrap_or_else(|| Key::Row(text.to_owned()))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A row's input in words: what it was, and whose.
pub fn words(row: &Row) -> String {
    let fields: Option<Fields> = serde_json::from_str(row.input.get()).ok();
    match fields {
        Some(Fields { kind: Some(kind), seq: Some(seq), .. }) => {
            format!("{kind}, message {seq} from the {}", row.source)
        }
        Some(Fields { command: Some(command), .. }) => format!("{} by {}", command_name(&command), row.source),
        Some(Fields { answer: Some(answer), .. }) => format!("answer of a port about {}", answer.key()),
        Some(Fields { key: Some(key), .. }) if row.source == "self" => format!("{key} looks again"),
        Some(Fields { key: Some(key), .. }) => format!("the time of {key} has come"),
        _ => row.kind.clone(),
    }
}

/// The name of a command, and the verdict in it if it has one.
fn command_name(command: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = command.get("command").and_then(text).unwrap_or_else(|| "a command".to_owned());
    let verdict = command.get("verdict").map(|verdict| {
        let (variant, _) = crate::diff::variant(verdict);
        verdict.get("verdict").or_else(|| verdict.get("decision")).and_then(text).unwrap_or_else(|| variant.to_owned())
    });
    match verdict {
        Some(verdict) if !verdict.is_empty() => format!("{name} ({verdict})"),
        _ => name,
    }
}

/// The input with this merge patch applied: to the command, or to the message's data.
///
/// # Errors
/// In words: nothing of it can be altered, or it is no input any more.
pub(crate) fn altered<C: Serialize + DeserializeOwned + Clone>(
    recording: &Recording,
    row: &Row,
    input: &Input<C>,
    with: &Value,
) -> Result<Input<C>, String> {
    let words = |error: serde_json::Error| format!("what is altered does not fit: {error}");
    match input {
        Input::Command { actor, command } => {
            let mut command = serde_json::to_value(command).map_err(words)?;
            patch(&mut command, with);
            Ok(Input::Command { actor: actor.clone(), command: serde_json::from_value(command).map_err(words)? })
        }
        Input::Message(received) => {
            let us = recording.header.party;
            let bytes = recording.message(received.from, us, received.seq).unwrap_or_default();
            let mut event: Value = serde_json::from_slice(bytes).map_err(words)?;
            if let Some(data) = event.get_mut("data") {
                patch(data, with);
            }
            let bytes = serde_json::to_vec(&event).map_err(words)?;
            let received = decode(&bytes, received.from, us).map_err(|error| format!("what is altered: {error}"))?;
            Ok(Input::Message(Arc::new(received)))
        }
        _ => Err(format!("row {}: only a command or a message can be altered", row.position)),
    }
}

/// JSON merge patch, RFC 7396.
fn patch(target: &mut Value, with: &Value) {
    let Value::Object(with) = with else {
        *target = with.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, value) in with {
        if value.is_null() {
            fields.remove(name);
        } else {
            patch(fields.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The examples of RFC 7396, appendix A, that a command or a message can be altered by.
    #[test]
    fn a_merge_patch_replaces_adds_and_removes() {
        for (original, with, expected) in [
            (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
            (json!({ "a": "b" }), json!({ "a": null }), json!({})),
            (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
            (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": { "b": "c" } }), json!({ "a": { "b": "d", "c": null } }), json!({ "a": { "b": "d" } })),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
            (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
        ] {
            let mut target = original.clone();
            patch(&mut target, &with);
            assert_eq!(target, expected, "{original} with {with}");
        }
    }

    #[test]
    fn keys_of_rows_accounts_and_transfers_are_read_as_they_are_written() {
        for text in ["application/NCD-2018-0052", "account B2011/91119900XN0001285D", "transfer disb:NCD-2018-0052:1"] {
            assert_eq!(key_of(text).to_string(), text);
        }
        assert!(matches!(key_of("account B2011"), Key::Account(_)));
        assert!(matches!(key_of("transfer x"), Key::Transfer(_)));
    }
}
