//! Where two decisions differ, field by field.

use crate::decision::Decision;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// A place at which two decisions differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Where: the fact, booking, message, task or deadline, and the field in it, e.g.
    /// `fact reserved: reservation.reserved_fen`.
    pub place: String,
    /// What stood there; none: nothing.
    pub then: Option<Value>,
    /// What stands there now; none: nothing.
    pub now: Option<Value>,
}

/// Every place at which what was decided then and what is decided now differ.
pub(crate) fn between(then: &Decision, now: &Decision) -> Vec<Change> {
    let mut found = Vec::new();
    let defects = (then.defect.clone().map(Value::String), now.defect.clone().map(Value::String));
    whole("defect", defects.0.as_ref(), defects.1.as_ref(), &mut found);
    match (&then.refusal, &now.refusal) {
        (Some(then), Some(now)) => leaves("refusal", "", then, now, &mut found),
        (then, now) => whole("refusal", then.as_ref(), now.as_ref(), &mut found),
    }
    lists(&then.recorded, &now.recorded, recorded_name, &mut found);
    lists(&then.messages, &now.messages, message_name, &mut found);
    let keys: BTreeSet<&String> = then.kept.keys().chain(now.kept.keys()).collect();
    for key in keys {
        match (then.kept.get(key), now.kept.get(key)) {
            (Some(then), Some(now)) => leaves(&format!("row {key}"), "", then, now, &mut found),
            (then, now) => whole(&format!("row {key}"), then, now, &mut found),
        }
    }
    found
}

/// Every place at which two values differ, under this name.
pub fn changes(name: &str, then: &Value, now: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    leaves(name, "", then, now, &mut found);
    found
}

/// Every place at which two lists of messages differ.
pub fn messages_that_differ(then: &[Value], now: &[Value]) -> Vec<Change> {
    let mut found = Vec::new();
    lists(then, now, message_name, &mut found);
    found
}

/// The name of what was recorded: of a fact the variant, and what moved if it is a saga's; of a voucher its event.
pub(crate) fn recorded_name(one: &Value) -> String {
    let (kind, content) = variant(one);
    match kind {
        "fact" => {
            let (fact, content) = variant(content);
            match content.get("fact") {
                Some(inner) => format!("fact {fact}, {}", variant(inner).0),
                None => format!("fact {fact}"),
            }
        }
        "booked" => format!("booking {}", content.get("event").and_then(Value::as_str).unwrap_or_default()),
        "opened" => "account".to_owned(),
        _ => "order to a port".to_owned(),
    }
}

/// The name of a message: its type, and to whom it is said.
pub(crate) fn message_name(one: &Value) -> String {
    format!("message {}", one.get("type").and_then(Value::as_str).unwrap_or_default())
}

/// What is in what was recorded: of a fact the fields of its variant. A message is its own content.
fn content(one: &Value) -> &Value {
    if one.get("type").is_some() {
        return one;
    }
    let (kind, content) = variant(one);
    if kind == "fact" { variant(content).1 } else { content }
}

/// The variant of an enum as JSON has it, and what is in it.
pub(crate) fn variant(one: &Value) -> (&str, &Value) {
    match one {
        Value::String(name) => (name, &Value::Null),
        Value::Object(fields) => fields.iter().next().map_or(("", &Value::Null), |(name, content)| (name, content)),
        _ => ("", &Value::Null),
    }
}

/// Two lists of named things: those of one name are held against each other in order, the longest common run of names first.
fn lists(then: &[Value], now: &[Value], name: fn(&Value) -> String, found: &mut Vec<Change>) {
    let names = |list: &[Value]| list.iter().map(name).collect::<Vec<_>>();
    let (old, new) = (names(then), names(now));
    let pairs = common(&old, &new);
    let (mut i, mut j) = (0, 0);
    for (next_i, next_j) in pairs.into_iter().chain([(old.len(), new.len())]) {
        for gone in then.get(i..next_i).unwrap_or_default() {
            whole(&name(gone), Some(gone), None, found);
        }
        for come in now.get(j..next_j).unwrap_or_default() {
            whole(&name(come), None, Some(come), found);
        }
        if let (Some(then), Some(now)) = (then.get(next_i), now.get(next_j)) {
            leaves(&name(then), "", content(then), content(now), found);
        }
        (i, j) = (next_i + 1, next_j + 1);
    }
}

/// The places of a longest common subsequence.
fn common(old: &[String], new: &[String]) -> Vec<(usize, usize)> {
    let mut longest = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] =
                if old[i] == new[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn whole(place: &str, then: Option<&Value>, now: Option<&Value>, found: &mut Vec<Change>) {
    if then != now {
        found.push(Change { place: place.to_owned(), then: then.cloned(), now: now.cloned() });
    }
}

/// The fields that differ, as deep as they have names of their own.
fn leaves(name: &str, path: &str, then: &Value, now: &Value, found: &mut Vec<Change>) {
    if then == now {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (then, now) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                match (old.get(key), new.get(key)) {
                    (Some(then), Some(now)) => leaves(name, &below(key), then, now, found),
                    (then, now) => whole(&format!("{name}: {}", below(key)), then, now, found),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (then, now)) in old.iter().zip(new).enumerate() {
                leaves(name, &below(&at.to_string()), then, now, found);
            }
        }
        _ => {
            let place = if path.is_empty() { name.to_owned() } else { format!("{name}: {path}") };
            found.push(Change { place, then: Some(then.clone()), now: Some(now.clone()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(then: &Decision, now: &Decision) -> Vec<String> {
        between(then, now).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_recorded_is_paired_by_its_name_and_compared_by_its_fields() {
        let fact = |name: &str, fields: Value| json!({ "fact": { name: fields } });
        let booked = |amount: i64| json!({ "booked": { "event": "accrue", "transfers": [{ "amount": amount }] } });
        let saga = |step: &str| fact("saga", json!({ "id": "X", "fact": { "Undone": { "step": step } } }));
        let of = |recorded: Vec<Value>| Decision { recorded, ..Decision::default() };
        let reserved = |fen: i64| fact("reserved", json!({ "reservation": { "reserved_fen": fen, "id": "R" } }));
        for (then, now, expected) in [
            (vec![reserved(1)], vec![reserved(1)], vec![]),
            (vec![reserved(1)], vec![reserved(2)], vec!["fact reserved: reservation.reserved_fen: 1 -> 2"]),
            (
                vec![reserved(1), booked(5), saga("a")],
                vec![booked(4), saga("a")],
                vec![
                    r#"fact reserved: {"fact":{"reserved":{"reservation":{"id":"R","reserved_fen":1}}}} -> nothing"#,
                    "booking accrue: transfers.0.amount: 5 -> 4",
                ],
            ),
            (
                vec![saga("a"), saga("b")],
                vec![saga("b"), saga("a")],
                vec!["fact saga, Undone: fact.Undone.step: a -> b", "fact saga, Undone: fact.Undone.step: b -> a"],
            ),
            (vec![], vec![json!({ "fact": "opened" })], vec![r#"fact opened: nothing -> {"fact":"opened"}"#]),
        ] {
            assert_eq!(places(&of(then), &of(now)), expected);
        }
    }

    #[test]
    fn refusals_messages_and_rows_are_compared_field_by_field() {
        let refused = |code: &str| Decision { refusal: Some(json!({ "code": code })), ..Decision::default() };
        let says = |kind: &str, fen: i64| Decision {
            messages: vec![json!({ "type": kind, "data": { "fen": fen } })],
            ..Decision::default()
        };
        let waits = |at: Value| Decision {
            kept: [("case/X".to_owned(), json!({ "wake_at": at }))].into(),
            ..Decision::default()
        };
        let nothing = Decision::default();
        let broken = Decision::defect("it panicked".into());
        for (then, now, expected) in [
            (&refused("LIMIT"), &nothing, r#"refusal: {"code":"LIMIT"} -> nothing"#),
            (&refused("LIMIT"), &refused("AMOUNT"), "refusal: code: LIMIT -> AMOUNT"),
            (&says("nuan.a.v1", 1), &says("nuan.a.v1", 2), "message nuan.a.v1: data.fen: 1 -> 2"),
            (&waits(json!("2020-01-01")), &waits(Value::Null), "row case/X: wake_at: 2020-01-01 -> null"),
            (&nothing, &broken, "defect: nothing -> it panicked"),
        ] {
            assert_eq!(places(then, now), [expected]);
        }
        assert_eq!(places(&says("nuan.a.v1", 1), &says("nuan.b.v1", 1)).len(), 2, "one is gone and another has come");
    }
}
