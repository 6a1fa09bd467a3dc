//! What one charter says otherwise than another: for whoever has to accept it.

use super::Charter;
use serde::Serialize;
use serde_json::Value;

/// A rule that differs. As JSON `{"field": "credit_deadline.working_days", "from": 10, "to": 15}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CharterChange {
    /// Where it stands: names joined by points.
    pub field: String,
    /// What the one says; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What the other one says; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

impl Charter {
    /// Every rule that differs, in the order of the fields' names. A list counts as one rule.
    pub fn changes(&self, to: &Charter) -> Vec<CharterChange> {
        let mut changes = Vec::new();
        compare("", json(self), json(to), &mut changes);
        changes
    }
}

/// A charter is integers, texts and lists, all of which JSON has.
fn json(charter: &Charter) -> Option<Value> {
    serde_json::to_value(charter).ok()
}

fn compare(at: &str, from: Option<Value>, to: Option<Value>, changes: &mut Vec<CharterChange>) {
    match (from, to) {
        (Some(Value::Object(from)), Some(Value::Object(mut to))) => {
            for (name, value) in from {
                let other = to.remove(&name);
                compare(&below(at, &name), Some(value), other, changes);
            }
            for (name, value) in to {
                compare(&below(at, &name), None, Some(value), changes);
            }
        }
        (from, to) if from == to => {}
        (from, to) => changes.push(CharterChange { field: at.to_owned(), from, to }),
    }
}

fn below(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}
