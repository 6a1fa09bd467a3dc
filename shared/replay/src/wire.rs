//! What a replay against a deployed service needs to know of a recording: what was said, to whom, and what the core was asked.

use crate::{
    decision::Decision,
    feed::refused_as,
    recording::{Recording, Row},
};
use contracts::Kind;
use domain::Party;
use serde_json::Value;

/// The messages that a row said, as CloudEvents without number and trace.
pub fn said(recording: &Recording, row: &Row) -> Vec<Value> {
    Decision::then(recording, row).0.messages
}

/// To whom a message is said; none if it is of no type that this build knows.
pub fn receiver(message: &Value) -> Option<Party> {
    let (name, _) = message.get("type")?.as_str()?.strip_prefix("nuan.")?.rsplit_once(".v")?;
    Some(Kind::ALL.iter().find(|kind| kind.name() == name)?.route().1)
}

/// Whether the core was asked about the input: not what the shell refused because its giver had seen an older version.
pub fn was_asked(row: &Row) -> bool {
    refused_as(row).as_deref() != Some("STALE")
}
