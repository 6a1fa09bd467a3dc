//! The tape: one row an input, each linked to the one before by a hash.

use crate::store::{Batch, Tip};
use crate::store::{
    integer,
    tables::{JOURNAL, Value},
};
use sha2::{Digest, Sha256};

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

/// The hash link of a row: over the link before it and everything in it but trace fields.
pub fn link(before: &[u8; 32], position: u64, entry: &Entry, states: Option<&[u8; 32]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"nuan-journal-1");
    hash.update(before);
    hash.update(position.to_be_bytes());
    hash.update(entry.at.to_be_bytes());
    for text in [
        entry.application_id.as_deref().unwrap_or_default(),
        entry.kind,
        &entry.source,
        &entry.input,
        &entry.recorded,
        entry.refusal.as_deref().unwrap_or_default(),
        &entry.sent,
    ] {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(states.unwrap_or(&[0; 32]));
    hash.finalize().into()
}

/// Adds the entries to the batch behind `tip` and returns the tip after them. `states`: the hash of all rows that the
/// batch changes, kept with its last entry.
pub fn append(batch: &mut Batch, tip: &Tip, entries: Vec<Entry>, states: [u8; 32]) -> Tip {
    let mut tip = tip.clone();
    let last = entries.len();
    for (at, entry) in entries.into_iter().enumerate() {
        let states = (at + 1 == last).then_some(states);
        tip.position += 1;
        tip.link = link(&tip.link, tip.position, &entry, states.as_ref());
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
