//! What the writer takes from its queues: one item becomes one journal row, and those it makes follow.

use super::forked::Unheard;
use crate::handle::{CommandWork, Idempotency, Said};
use contracts::wire::{Received, Unreadable};
use domain::{ApplicationId, Party};
use organisation::{Actor, Input, Key, Organisation, PortAnswer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// One input on its way to a decision.
#[derive(Debug)]
pub(crate) enum Item<O: Organisation> {
    /// A partner said something that can be read.
    Message(Arc<Received>),
    /// A partner said again what was in custody before the database was set back to an older copy.
    KnownBefore(Arc<Received>),
    /// A partner said something that cannot.
    Unreadable { from: Party, seq: u64, why: Unreadable },
    /// A row's time has come.
    Due(Key),
    /// A port answered.
    Port { application_id: ApplicationId, answer: PortAnswer },
    /// A person wants something.
    Command(Box<CommandWork<O::Command>>),
    /// An operator has a parked input decided again.
    Retry {
        position: u64,
        because: String,
        application_id: Option<String>,
        input: ParkedInput,
        /// The parked message; none if this build still cannot read it.
        received: Option<Arc<Received>>,
    },
    /// Two persons ended the freeze of a channel; `record` says who, how and why, as JSON. `set_back`: this database is the
    /// older copy.
    Unfrozen { partner: Party, set_back: bool, record: String },
    /// What was said on a history that a partner does not have, for the operator to settle.
    Unheard(Unheard),
    /// What an operator ordered in this batch is done with it, unless a retried input is parked again.
    Carried { under: Idempotency, said: Said },
    /// What concerns the shell itself and has to be in the journal: an account, a proposal, a key's change here or at a partner, the
    /// clock. `record` says what, as JSON.
    Noted { kind: &'static str, by: String, record: String },
    /// Nothing to decide: somebody is shown an application's personal data unmasked.
    Disclosed { application_id: String, by: String, because: String },
    /// An operator drops a parked input.
    Drop { position: u64, because: String, application_id: Option<String> },
}

/// How a parked input is kept: enough to decide it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub(crate) enum ParkedInput {
    /// A message; its bytes stand in `frame_in`.
    Message { from: Party, seq: u64 },
    /// A timer.
    Due { key: String },
    /// A port's answer.
    Port { application_id: ApplicationId, answer: PortAnswer },
    /// A row that was to look again.
    Follow { key: String },
    /// Nothing to decide: messages about these applications never reached the partner, and an operator settles that.
    Unheard { partner: Party, incident_id: String, applications: Vec<String> },
}

impl<O: Organisation> Item<O> {
    /// The application that it concerns, as far as that is known before it is decided.
    pub fn application_id(&self) -> Option<String> {
        match self {
            Item::Message(received) | Item::KnownBefore(received) => {
                received.message.application_id().map(ToString::to_string)
            }
            Item::Unreadable { why: Unreadable::UnknownType { application_id, .. }, .. } => {
                application_id.as_ref().map(ToString::to_string)
            }
            Item::Command(work) => O::about(&work.command).map(ToString::to_string),
            Item::Unreadable { .. }
            | Item::Unfrozen { .. }
            | Item::Unheard(_)
            | Item::Carried { .. }
            | Item::Noted { .. }
            // A parked application keeps nobody from reading.
            | Item::Disclosed { .. } => None,
            Item::Due(key) => application_of(key),
            Item::Port { application_id, .. } => Some(application_id.to_string()),
            Item::Retry { application_id, .. } | Item::Drop { application_id, .. } => application_id.clone(),
        }
    }

    /// The input that the core decides; none if there is nothing to decide.
    pub fn input(&self) -> Option<Input<O::Command>> {
        match self {
            Item::Message(received) => Some(Input::Message(Arc::clone(received))),
            Item::Due(key) => Some(Input::Due(key.clone())),
            Item::Port { application_id, answer } => {
                Some(Input::Port { application_id: application_id.clone(), answer: answer.clone() })
            }
            Item::Command(work) => Some(Input::Command { actor: work.actor.clone(), command: work.command.clone() }),
            Item::Retry { input, received, .. } => match (input, received) {
                (_, Some(received)) => Some(Input::Message(Arc::clone(received))),
                (ParkedInput::Due { key }, _) => Some(Input::Due(Key::Row(key.clone()))),
                (ParkedInput::Follow { key }, _) => Some(Input::Follow(Key::Row(key.clone()))),
                (ParkedInput::Port { application_id, answer }, _) => {
                    Some(Input::Port { application_id: application_id.clone(), answer: answer.clone() })
                }
                (ParkedInput::Message { .. } | ParkedInput::Unheard { .. }, None) => None,
            },
            Item::Unfrozen { set_back: true, .. } => Some(Input::SetBack),
            Item::KnownBefore(_)
            | Item::Unreadable { .. }
            | Item::Drop { .. }
            | Item::Unfrozen { .. }
            | Item::Unheard(_)
            | Item::Carried { .. }
            | Item::Noted { .. }
            | Item::Disclosed { .. } => None,
        }
    }

    /// How it is kept if it has to be parked; commands are answered instead.
    pub fn parked(&self) -> Option<ParkedInput> {
        match self {
            Item::Message(received) | Item::KnownBefore(received) => {
                Some(ParkedInput::Message { from: received.from, seq: received.seq })
            }
            Item::Unreadable { from, seq, .. } => Some(ParkedInput::Message { from: *from, seq: *seq }),
            Item::Due(key) => Some(ParkedInput::Due { key: key.to_string() }),
            Item::Port { application_id, answer } => {
                Some(ParkedInput::Port { application_id: application_id.clone(), answer: answer.clone() })
            }
            Item::Retry { input, .. } => Some(input.clone()),
            Item::Unheard(unheard) => Some(unheard.input.clone()),
            Item::Command(_)
            | Item::Drop { .. }
            | Item::Unfrozen { .. }
            | Item::Carried { .. }
            | Item::Noted { .. }
            | Item::Disclosed { .. } => None,
        }
    }
}

/// The application behind a row's key: every organisation keys its cases as `<kind>/<application id>`.
pub(super) fn application_of(key: &Key) -> Option<String> {
    match key {
        Key::Row(key) => {
            key.split_once('/').map(|(_, id)| id).filter(|id| ApplicationId::parse(id).is_ok()).map(str::to_owned)
        }
        _ => None,
    }
}

/// Kind, source and content of an input as its journal row keeps them. A message is named; its bytes stand in
/// `frame_in`. `shown`: the hash of what whoever gave a command had before them.
pub(super) fn describe<C: Serialize>(input: &Input<C>, shown: Option<&str>) -> (&'static str, String, String) {
    #[derive(Serialize)]
    struct Command<'a, C> {
        actor: &'a Actor,
        command: &'a C,
        #[serde(skip_serializing_if = "Option::is_none")]
        shown: Option<&'a str>,
    }
    match input {
        // Every input writes one; written out it costs a tenth of what it costs as a tree of values.
        Input::Message(received) => (
            "message",
            received.from.to_string(),
            format!(r#"{{"seq":{},"type":"{}"}}"#, received.seq, received.message.kind().name()),
        ),
        Input::Command { actor, command } => {
            ("command", actor.person.to_string(), text(&Command { actor, command, shown }))
        }
        Input::Due(key) => ("due", "clock".into(), json!({ "key": key.to_string() }).to_string()),
        Input::Follow(key) => ("follow", "self".into(), json!({ "key": key.to_string() }).to_string()),
        Input::Port { answer, .. } => ("port", "port".into(), json!({ "answer": answer }).to_string()),
        Input::SetBack => ("set_back", "operator".into(), "{}".into()),
    }
}

/// As JSON. What is recorded is made of names, numbers and texts, which always write; if not, the row says why.
pub(super) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}
