//! A partner that says what it is told and writes down what it hears: it stands in for an organisation against which a deployed
//! service is replayed. Its shell is the live one, so frames, signatures and receipts are real.

use contracts::{
    Message,
    wire::{Envelope, decode, encode},
};
use domain::{ApplicationId, Charters, Party};
use organisation::{Desk, Index, Input, Key, Line, NotLoaded, Organisation, Rows, Settings, Stop};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// What was heard, by number; one that is decided twice counts once.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<BTreeMap<(Party, u64), Value>>>);

impl Heard {
    /// All that was heard since the last time, in order.
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_values().collect()
    }

    fn hear(&self, from: Party, seq: u64, message: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((from, seq), message);
    }
}

/// The partner of this number among [`Party::ALL`].
#[derive(Clone, Debug, Default)]
pub struct Puppet<const AT: usize> {
    /// What it has heard.
    pub heard: Heard,
}

/// What it is told to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Say {
    /// To whom.
    pub to: Party,
    /// A CloudEvent.
    pub event: String,
}

impl<const AT: usize> Organisation for Puppet<AT> {
    const PARTY: Party = Party::ALL[AT];
    const KIND: &'static str = "case";
    type Command = Say;
    type Fact = ();
    type Row = ();

    fn set_up(_: Arc<Charters>, _: &Settings) -> Result<Self, String> {
        Ok(Puppet::default())
    }

    fn about(_: &Say) -> Option<&ApplicationId> {
        None
    }

    fn needs(&self, _: &Input<Say>, _: &Rows<()>, _: &mut BTreeSet<Key>) {}

    fn decide(&self, input: &Input<Say>, desk: &mut Desk<Self>) -> Result<(), Stop> {
        match input {
            Input::Message(received) => {
                let message = as_event(&received.message, &received.saga_id, received.at);
                self.heard.hear(received.from, received.seq, message);
            }
            Input::Command { command: Say { to, event }, .. } => {
                let said = decode(event.as_bytes(), Self::PARTY, *to);
                let message = said.map_err(|error| Stop::Illegal(error.to_string()))?.message;
                if let Some(id) = message.application_id() {
                    desk.concerns(id);
                }
                desk.say(message);
            }
            _ => {}
        }
        Ok(())
    }

    fn apply(_: &mut Rows<()>, (): &()) -> Result<(), NotLoaded> {
        Ok(())
    }

    fn index((): &()) -> Index {
        Index::default()
    }

    fn line((): &()) -> Option<Line> {
        None
    }
}

/// A message as a CloudEvent without number and trace, to be held against a recorded one.
fn as_event(message: &Message, saga_id: &str, at: domain::Moment) -> Value {
    let bytes = encode(message, &Envelope { seq: 0, at, saga_id, traceparent: None }).unwrap_or_default();
    replay::comparable(serde_json::from_slice(&bytes).unwrap_or_default())
}
