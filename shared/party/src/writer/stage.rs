//! The writer's deciding and storing half by itself: inputs in, one commit, and what is to be said because of them.
//!
//! It decides, journals and stores by the very code of the writer, without channels, queues and clock: business time and partners'
//! messages are handed to it, and what it says is handed back instead of being signed and sent. Scenarios are played on real
//! databases by it. It holds no lease and serves nobody.

use super::{
    cache::Cache,
    deciding::{Decided, Deciding, Failed},
    item::Item,
    working::Working,
};
use crate::{
    handle::{Arrival, Changes, CommandWork},
    journal,
    store::{Location, Store, StoreError, Tip, read::Readers},
};
use domain::{Moment, Party};
use organisation::{Input, Organisation, PortOrder};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::oneshot;

/// An organisation on a database, without the world around it.
#[derive(Debug)]
pub struct Stage<O: Organisation> {
    organisation: O,
    store: Store,
    tip: Tip,
    cache: Cache<O::Row>,
    sent_seq: BTreeMap<Party, u64>,
}

/// What a commit came to.
#[derive(Debug, Default)]
pub struct Staged {
    /// By partner: the messages, as they are written on the wire, in order.
    pub messages: BTreeMap<Party, Vec<Vec<u8>>>,
    /// Orders to ports.
    pub orders: Vec<PortOrder>,
}

impl<O: Organisation> Stage<O> {
    /// The organisation on this database, which is made if it is new.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub async fn open(organisation: O, location: impl Into<Location>) -> Result<Self, StoreError> {
        let (store, tip) = Store::open(location).await?;
        let partners = Party::ALL.into_iter().filter(|party| *party != O::PARTY);
        let sent_seq = partners.map(|party| (party, 0)).collect();
        Ok(Stage { organisation, store, tip, cache: Cache::default(), sent_seq })
    }

    /// Whoever looks at what is committed.
    pub fn readers(&self) -> Readers {
        self.store.readers()
    }

    /// Decides these inputs and what they make follow, and commits all of it.
    ///
    /// # Errors
    /// In words: one of them cannot be decided, or the database refuses it. Then nothing is committed.
    pub async fn take(&mut self, inputs: Vec<Input<O::Command>>, at: Moment) -> Result<Staged, String> {
        let items: Vec<Item<O>> = inputs.into_iter().map(item).collect::<Result<_, _>>()?;
        let culprits = BTreeMap::new();
        let mut deciding = Deciding {
            organisation: &self.organisation,
            store: &mut self.store,
            working: Working::new(&mut self.cache),
            at,
            position: self.tip.position,
            sent_seq: self.sent_seq.clone(),
            frozen: BTreeSet::new(),
            parked: BTreeMap::new(),
            stuck: BTreeSet::new(),
            culprits: &culprits,
            traced: false,
            done: Decided::default(),
        };
        deciding.all(&items).await.map_err(failed)?;
        let Deciding { working, sent_seq, mut done, .. } = deciding;
        if done.parked > 0 {
            return Err("an input was parked".to_owned());
        }
        let mut batch = std::mem::take(&mut done.batch);
        let position = self.tip.position + u64::try_from(done.entries.len()).unwrap_or_default();
        let saved = working.save(&mut batch, position, &Changes::default()).map_err(|error| error.to_string())?;
        let to = journal::append(&mut batch, &self.tip, std::mem::take(&mut done.entries), saved.states);
        self.store.commit(batch, &self.tip, &to).await.map_err(|error| error.to_string())?;
        working.keep(saved);
        (self.tip, self.sent_seq) = (to, sent_seq);
        Ok(Staged { messages: done.messages, orders: done.orders })
    }
}

/// An input as the writer takes it from its queues.
fn item<O: Organisation>(input: Input<O::Command>) -> Result<Item<O>, String> {
    Ok(match input {
        Input::Message(received) => Item::Message(received),
        Input::Due(key) => Item::Due(key),
        Input::Port { application_id, answer } => Item::Port { application_id, answer },
        Input::Command { actor, command } => {
            let (reply, _) = oneshot::channel();
            let arrival = Arrival::default();
            Item::Command(Box::new(CommandWork {
                actor,
                command,
                expected: None,
                idempotency: None,
                sealed: None,
                arrival,
                reply,
            }))
        }
        other @ (Input::Follow(_) | Input::SetBack) => return Err(format!("{other:?} does not come from outside")),
    })
}

fn failed(why: Failed) -> String {
    match why {
        Failed::Store(error) => error.to_string(),
        Failed::Culprit(_, why) | Failed::Somewhere(why) => why,
    }
}
