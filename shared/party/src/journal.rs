//! The tape: one row an input, each linked to the one before by a hash.

use crate::store::{Batch, Tip};
use crate::store::{
    integer,
    tables::{JOURNAL, Value},
};

/// One journal row before it has its position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Business time, ms.
    pub at: i64,
    /// The application that it concerns.
    pub application_id: Option<String>,
    /// `started`, `message`, `command`, `due`, `follow`, `port`, `refused`, `parked`, `repair`, `key_changed`.
    pub kind: &'static str,
    /// Who: the partner, the person, the clock.
    pub source: String,
    /// The input as JSON; a message is named by partner and sequence, its bytes stand in `frame_in`.
    pub input: String,
    /// What was recorded, as JSON.
    pub recorded: String,
    /// The refusal, as JSON.
    pub refusal: Option<String>,
    /// Messages sent, as `partner:seq`, blank between.
    pub sent: String,
    /// Trace context of the spans of this row, and what else they need ([`crate::spans::Spanned::kept`]).
    pub trace: Option<String>,
}

/// What of a row its hash covers: everything but trace fields. What is absent counts as empty.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the fields are those of an entry")]
pub struct Linked<'a> {
    pub at: i64,
    pub application_id: &'a str,
    pub kind: &'a str,
    pub source: &'a str,
    pub input: &'a str,
    pub recorded: &'a str,
    pub refusal: &'a str,
    pub sent: &'a str,
}

impl Entry {
    /// What its hash covers.
    pub fn linked(&self) -> Linked<'_> {
        Linked {
            at: self.at,
            application_id: self.application_id.as_deref().unwrap_or_default(),
            kind: self.kind,
            source: &self.source,
            input: &self.input,
            recorded: &self.recorded,
            refusal: self.refusal.as_deref().unwrap_or_default(),
            sent: &self.sent,
        }
    }
}

/// The hash link of a row: over the link before it and what of the row is linked.
pub fn link(before: &[u8; 32], position: u64, row: &Linked<'_>, states: Option<&[u8; 32]>) -> [u8; 32] {
    let texts = [row.application_id, row.kind, row.source, row.input, row.recorded, row.refusal, row.sent];
    organisation::journal_link(before, position, row.at, texts, states)
}

/// Adds the entries to the batch behind `tip` and returns the tip after them. `states`: the hash of all rows that the
/// batch changes, kept with its last entry.
pub fn append(batch: &mut Batch, tip: &Tip, entries: Vec<Entry>, states: [u8; 32]) -> Tip {
    let mut tip = tip.clone();
    let last = entries.len();
    for (at, entry) in entries.into_iter().enumerate() {
        let states = (at + 1 == last).then_some(states);
        tip.position += 1;
        tip.link = link(&tip.link, tip.position, &entry.linked(), states.as_ref());
        tip.at = tip.at.max(entry.at);
        batch.put(
            &JOURNAL,
            [
                Value::Int(integer(tip.position)),
                entry.at.into(),
                entry.application_id.into(),
                entry.kind.into(),
                entry.source.into(),
                entry.input.into(),
                entry.recorded.into(),
                entry.refusal.into(),
                entry.sent.into(),
                entry.trace.into(),
                states.map(|states| states.to_vec()).into(),
                tip.link.to_vec().into(),
            ],
        );
    }
    tip
}
