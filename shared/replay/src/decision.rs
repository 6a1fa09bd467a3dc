//! What came of an input, as JSON, so that what two builds decided can be held against each other.

use crate::recording::{Recording, Row};
use contracts::wire::{Envelope, encode};
use domain::{Moment, Party};
use organisation::{Index, Organisation, Outcome, Recorded, Refusal};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What came of an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Decision {
    /// Why it was refused.
    pub refusal: Option<Value>,
    /// Why no core should come to it: it panicked, or met a state that cannot be.
    pub defect: Option<String>,
    /// Facts, accounts opened, vouchers booked, orders to ports, in order.
    pub recorded: Vec<Value>,
    /// Messages as CloudEvents, in order, without their numbers and trace fields, which are the shell's.
    pub messages: Vec<Value>,
    /// What the shell keeps beside each row that was changed.
    pub kept: BTreeMap<String, Value>,
}

impl Decision {
    /// What was recorded of it then. `unknown`: messages whose frames the recording does not have.
    pub fn then(recording: &Recording, row: &Row) -> (Self, bool) {
        let recorded: Vec<Value> = serde_json::from_str(row.recorded.get()).unwrap_or_default();
        let mut unknown = false;
        let mut messages = Vec::new();
        let said = recorded.iter().filter_map(|one| one.get("said"));
        for (numbered, said) in row.sent.split(' ').filter(|sent| !sent.is_empty()).zip(said) {
            let bytes = numbered.split_once(':').and_then(|(to, seq)| {
                recording.message(recording.header.party, to.parse::<Party>().ok()?, seq.parse().ok()?)
            });
            let message = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()).map(comparable);
            // A number that was given again after a restored database stands for another message by now.
            match message.filter(|message| is_of_kind(message, said)) {
                Some(message) => messages.push(message),
                None => unknown = true,
            }
        }
        let refusal = row.refusal.as_ref().and_then(|refusal| serde_json::from_str(refusal.get()).ok());
        let recorded = recorded.into_iter().filter(|one| one.get("said").is_none()).collect();
        (Decision { refusal, defect: None, recorded, messages, kept: row.kept.clone() }, unknown)
    }

    /// What this build decides.
    pub fn of<O: Organisation>(
        outcome: &Outcome<O::Fact>,
        at: Moment,
        kept: BTreeMap<String, Value>,
    ) -> Result<Self, String> {
        let words = |error: serde_json::Error| error.to_string();
        let saga_id = outcome.saga_id();
        let envelope = Envelope { seq: 0, at, saga_id: &saga_id, traceparent: None };
        let message = |message| {
            let bytes = encode(message, &envelope).map_err(words)?;
            serde_json::from_slice(&bytes).map(comparable).map_err(words)
        };
        let recorded = outcome.recorded.iter().filter(|one| !matches!(one, Recorded::Said { .. }));
        Ok(Decision {
            recorded: recorded.map(value).collect::<Result<_, _>>()?,
            messages: outcome.messages.iter().map(message).collect::<Result<_, String>>()?,
            kept,
            ..Decision::default()
        })
    }

    /// What this build refuses.
    pub fn refused(refusal: &Refusal) -> Self {
        Decision { refusal: serde_json::to_value(refusal).ok(), ..Decision::default() }
    }

    /// What this build cannot decide.
    pub fn defect(why: String) -> Self {
        Decision { defect: Some(why), ..Decision::default() }
    }

    /// Takes in what followed from it.
    pub fn and(&mut self, other: Decision) {
        self.refusal = self.refusal.take().or(other.refusal);
        self.defect = self.defect.take().or(other.defect);
        self.recorded.extend(other.recorded);
        self.messages.extend(other.messages);
        self.kept.extend(other.kept);
    }
}

/// What the shell keeps beside a row, as a recording has it.
pub(crate) fn kept(index: &Index) -> Value {
    json!({
        "status": index.status,
        "ended": index.ended,
        "wake_at": index.wake_at.map(|at| at.to_string()),
        "tasks": index.tasks,
        "incidents": index.incidents,
    })
}

/// Without the number, which the shell gives, and the trace field.
pub fn comparable(mut message: Value) -> Value {
    if let Some(fields) = message.as_object_mut() {
        fields.remove("id");
        fields.remove("traceparent");
    }
    message
}

fn is_of_kind(message: &Value, said: &Value) -> bool {
    let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
    let name = kind.strip_prefix("nuan.").and_then(|kind| kind.rsplit_once(".v")).map(|(name, _)| name);
    name == said.get("kind").and_then(Value::as_str)
}

fn value(of: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(of).map_err(|error| error.to_string())
}
