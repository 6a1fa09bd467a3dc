//! One organisation: its core, what it has stored, and the working set of the batch under way.
//!
//! It decides as the live shell's writer does: loads what `needs` names and whatever a decision misses, lets what an input
//! makes follow come to rest in the same commit, and writes changed rows as JSON. A row that does not come back as it was
//! written, or that exists where the core takes it for new, is a defect here as it would be in a database.

use contracts::Message;
use domain::Moment;
use ledger::{Account, TransferRecord};
use organisation::{
    Answer, Changed, Index, Input, Key, Organisation, Outcome, PortOrder, Recorded, Refusal, Row, Rows, StatesHash,
    Stop, decide, fold,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

/// How often a decision may miss rows before that counts as a defect.
const MAX_ROUNDS: usize = 16;
/// How many inputs one input may make follow before that counts as a defect.
const MAX_FOLLOWING: usize = 10_000;

/// A row as it is stored, with what the shell keeps beside it.
#[derive(Clone, Debug)]
pub struct Stored<R> {
    /// The row.
    pub row: Row<R>,
    /// How often it was changed.
    pub version: u64,
    /// Its index; empty for accounts and transfers.
    pub index: Index,
}

/// One organisation with everything it has committed.
#[derive(Clone, Debug)]
pub struct Shell<O: Organisation> {
    organisation: O,
    store: BTreeMap<Key, Stored<O::Row>>,
    journal: Vec<Recorded<O::Fact>>,
    keeps_journal: bool,
    /// Rows and records of the batch under way: gone if it is not committed.
    working: Rows<O::Row>,
    uncommitted: Vec<Recorded<O::Fact>>,
}

impl<O: Organisation> Shell<O> {
    /// The organisation, with nothing stored.
    pub fn new(organisation: O) -> Self {
        Shell {
            organisation,
            store: BTreeMap::new(),
            journal: Vec::new(),
            keeps_journal: true,
            working: Rows::default(),
            uncommitted: Vec::new(),
        }
    }

    /// The same, for who has a journal already: what is recorded is not kept.
    #[must_use]
    pub fn without_journal(mut self) -> Self {
        self.keeps_journal = false;
        self
    }

    /// Sets the organisation up otherwise; what is stored stays.
    pub fn set_up_as(&mut self, organisation: O) {
        self.organisation = organisation;
    }

    /// Stores a row as it stood after that many changes.
    pub fn restore(&mut self, key: Key, row: Row<O::Row>, version: u64) {
        let index = index_of::<O>(&row);
        self.store.insert(key, Stored { row, version, index });
    }

    /// Decides one input of the batch under way, and nothing of what it makes follow. The outer error is a defect, the inner
    /// one a business answer; after either nothing is changed.
    ///
    /// # Errors
    /// In words: no core may come to it.
    pub fn decide(
        &mut self,
        input: &Input<O::Command>,
        at: Moment,
    ) -> Result<Result<Outcome<O::Fact>, Refusal>, String> {
        let decided = self.call(input, at);
        match &decided {
            Ok(Ok(outcome)) => self.uncommitted.extend(outcome.recorded.iter().cloned()),
            _ => self.working.begin(),
        }
        decided
    }

    /// Does to the batch under way what a decision has recorded, without deciding it.
    ///
    /// # Errors
    /// In words: it cannot be applied.
    pub fn fold(&mut self, recorded: &[Recorded<O::Fact>], at: Moment) -> Result<(), String> {
        // A fact changes a few rows, and each round loads one that was missing.
        for _ in 0..MAX_FOLLOWING {
            match fold::<O>(&mut self.working, recorded, at) {
                Ok(()) => {
                    self.uncommitted.extend(recorded.iter().cloned());
                    return Ok(());
                }
                Err(missing) => drop(self.load(BTreeSet::from([missing.0]))),
            }
        }
        Err(format!("it asks for rows without end, {MAX_FOLLOWING} rounds"))
    }

    /// The organisation's own rows that the last decision of the batch changed, as they stand now.
    pub fn last_changed(&self) -> impl Iterator<Item = (&Key, &O::Row)> {
        self.working.accepted().iter().filter_map(|key| Some((key, self.working.own(key).ok().flatten()?)))
    }

    /// The batch under way, to come back to.
    pub fn mark(&self) -> Mark<O> {
        Mark { working: self.working.clone(), uncommitted: self.uncommitted.len() }
    }

    /// Takes back what was decided of the batch since the mark.
    pub fn back_to(&mut self, mark: Mark<O>) {
        self.working = mark.working;
        self.uncommitted.truncate(mark.uncommitted);
    }

    /// Writes what the batch changed, and returns the hash of the changed rows as the journal has it.
    ///
    /// # Errors
    /// In words: a row that does not come back as it was written, or exists where the core took it for new.
    pub fn commit(&mut self) -> Result<[u8; 32], String> {
        let mut hash = StatesHash::default();
        for Changed { key, row, version, is_new } in self.working.changed() {
            if is_new && self.store.contains_key(key) {
                return Err(format!("row `{key}` is new and exists"));
            }
            let (text, row) = match row {
                Row::Own(own) => through_json(own).map(|(text, own)| (text, Row::Own(own)))?,
                Row::Account(account) => through_json(account).map(|(text, account)| (text, Row::Account(account)))?,
                Row::Transfer(one) => through_json(one).map(|(text, transfer)| (text, Row::Transfer(transfer)))?,
            };
            hash.row(key, &text);
            let index = index_of::<O>(&row);
            self.store.insert(key.clone(), Stored { row, version, index });
        }
        let uncommitted = std::mem::take(&mut self.uncommitted);
        if self.keeps_journal {
            self.journal.extend(through_json(&uncommitted)?.1);
        }
        self.working = Rows::default();
        Ok(hash.finish())
    }

    /// The hash of everything stored, in the order of keys.
    ///
    /// # Errors
    /// In words: a row does not write as JSON.
    pub fn states(&self) -> Result<[u8; 32], String> {
        let mut hash = StatesHash::default();
        for (key, stored) in &self.store {
            hash.row(key, &body(&stored.row)?);
        }
        Ok(hash.finish())
    }

    /// Everything stored, in the order of keys.
    pub fn stored(&self) -> &BTreeMap<Key, Stored<O::Row>> {
        &self.store
    }

    /// One of the organisation's own rows, if it exists.
    pub fn own(&self, key: &Key) -> Option<&O::Row> {
        match &self.store.get(key)?.row {
            Row::Own(own) => Some(own),
            _ => None,
        }
    }

    /// Its own rows.
    pub fn owns(&self) -> impl Iterator<Item = (&Key, &O::Row)> {
        self.store.iter().filter_map(|(key, stored)| match &stored.row {
            Row::Own(own) => Some((key, own)),
            _ => None,
        })
    }

    /// The accounts of its ledger.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.store.values().filter_map(|stored| match &stored.row {
            Row::Account(account) => Some(account),
            _ => None,
        })
    }

    /// The transfers of its ledger.
    pub fn transfers(&self) -> impl Iterator<Item = &TransferRecord> {
        self.store.values().filter_map(|stored| match &stored.row {
            Row::Transfer(transfer) => Some(transfer),
            _ => None,
        })
    }

    /// Everything it has recorded, in order.
    pub fn journal(&self) -> &[Recorded<O::Fact>] {
        &self.journal
    }

    /// Whether the facts of the journal alone lead to its own rows as they are stored.
    ///
    /// # Errors
    /// The first row that differs.
    pub fn follows_from_its_facts(&self) -> Result<(), String> {
        let mut rows = Rows::default();
        for recorded in &self.journal {
            let Recorded::Fact(fact) = recorded else { continue };
            loop {
                rows.begin();
                match O::apply(&mut rows, fact) {
                    Ok(()) => break rows.accept(),
                    Err(missing) => {
                        rows.roll_back();
                        rows.load(missing.0, None, 0);
                    }
                }
            }
        }
        let rebuilt = rows.iter().filter_map(|(key, row)| match row {
            Row::Own(own) => Some((key, own)),
            _ => None,
        });
        let (rebuilt, stored): (BTreeMap<_, _>, BTreeMap<_, _>) = (rebuilt.collect(), self.owns().collect());
        let keys: BTreeSet<_> = rebuilt.keys().chain(stored.keys()).collect();
        match keys.into_iter().find(|key| rebuilt.get(*key) != stored.get(*key)) {
            None => Ok(()),
            Some(key) => Err(format!("`{key}` is {:?}, by its facts {:?}", stored.get(key), rebuilt.get(key))),
        }
    }

    fn load(&mut self, wanted: BTreeSet<Key>) -> bool {
        let missing: Vec<Key> = wanted.into_iter().filter(|key| !self.working.is_loaded(key)).collect();
        for key in &missing {
            let stored = self.store.get(key);
            let version = stored.map_or(0, |stored| stored.version);
            self.working.load(key.clone(), stored.map(|stored| stored.row.clone()), version);
        }
        !missing.is_empty()
    }

    /// Calls the core, loading what it misses. The outer error is a defect, the inner one a business answer.
    fn call(&mut self, input: &Input<O::Command>, at: Moment) -> Result<Result<Outcome<O::Fact>, Refusal>, String> {
        for _ in 0..MAX_ROUNDS {
            let mut wanted = BTreeSet::new();
            self.organisation.needs(input, &self.working, &mut wanted);
            if !self.load(wanted) {
                break;
            }
        }
        for _ in 0..MAX_ROUNDS {
            match decide(&self.organisation, input, at, &mut self.working) {
                Ok(outcome) => return Ok(Ok(outcome)),
                Err(Stop::Refused(refusal)) => return Ok(Err(refusal)),
                Err(Stop::Illegal(why)) => return Err(why),
                Err(Stop::NotLoaded(missing)) => drop(self.load(BTreeSet::from([missing.0]))),
            }
        }
        Err(format!("it asks for rows without end, {MAX_ROUNDS} rounds"))
    }
}

/// A batch under way as it stood.
#[derive(Clone, Debug)]
pub struct Mark<O: Organisation> {
    working: Rows<O::Row>,
    uncommitted: usize,
}

/// A row's body as it is stored.
///
/// # Errors
/// In words: it does not write as JSON.
pub fn body<R: Serialize>(row: &Row<R>) -> Result<String, String> {
    match row {
        Row::Own(own) => serde_json::to_string(own),
        Row::Account(account) => serde_json::to_string(account),
        Row::Transfer(transfer) => serde_json::to_string(transfer),
    }
    .map_err(|error| error.to_string())
}

fn index_of<O: Organisation>(row: &Row<O::Row>) -> Index {
    if let Row::Own(own) = row { O::index(own) } else { Index::default() }
}

/// What deciding one input came to, with everything it made follow.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// Messages, each with the id of its saga.
    pub messages: Vec<(String, Message)>,
    pub orders: Vec<PortOrder>,
    /// For a command: its answer.
    pub answer: Option<Answer>,
    /// What was refused: the input itself, or one that followed.
    pub refusals: Vec<Refusal>,
}

/// A [`Shell`] of whatever organisation. Commands come as JSON, as the edge and the journal have them.
pub(crate) trait Node: Any {
    /// Decides one input of the batch under way; the error is a defect.
    fn decide(&mut self, input: &Input<Value>, at: Moment) -> Result<Decided, String>;
    /// Writes what the batch changed; the error is a defect.
    fn commit(&mut self) -> Result<(), String>;
    /// Forgets the batch.
    fn crash(&mut self);
    /// What is kept beside each stored row.
    fn indexes(&self) -> Box<dyn Iterator<Item = (&Key, &Index)> + '_>;
}

impl<O: Organisation> Node for Shell<O> {
    fn decide(&mut self, input: &Input<Value>, at: Moment) -> Result<Decided, String> {
        let mut decided = Decided::default();
        let mut inputs = VecDeque::from([typed::<O::Command>(input)?]);
        let mut taken = 0;
        while let Some(input) = inputs.pop_front() {
            taken += 1;
            if taken > MAX_FOLLOWING {
                return Err(format!("it makes more than {MAX_FOLLOWING} inputs follow"));
            }
            // The live shell parks it apart from what made it follow; here either is a defect, and this says which.
            let named = |why| match &input {
                Input::Follow(key) if taken > 1 => format!("what follows in `{key}` cannot be decided: {why}"),
                _ => why,
            };
            match self.call(&input, at).map_err(named)? {
                Ok(outcome) => {
                    let saga_id = outcome.saga_id();
                    decided.messages.extend(outcome.messages.into_iter().map(|message| (saga_id.clone(), message)));
                    decided.orders.extend(outcome.orders);
                    decided.answer = decided.answer.or(outcome.answer);
                    inputs.extend(outcome.follow.into_iter().map(Input::Follow));
                    self.uncommitted.extend(outcome.recorded);
                }
                Err(refusal) => decided.refusals.push(refusal),
            }
        }
        Ok(decided)
    }

    fn commit(&mut self) -> Result<(), String> {
        Shell::commit(self).map(drop)
    }

    fn crash(&mut self) {
        self.working = Rows::default();
        self.uncommitted.clear();
    }

    fn indexes(&self) -> Box<dyn Iterator<Item = (&Key, &Index)> + '_> {
        Box::new(self.store.iter().map(|(key, stored)| (key, &stored.index)))
    }
}

/// The input with its command as the organisation's type.
///
/// # Errors
/// It is none of the organisation's commands.
pub fn typed<C: DeserializeOwned>(input: &Input<Value>) -> Result<Input<C>, String> {
    Ok(match input {
        Input::Message(received) => Input::Message(received.clone()),
        Input::Command { actor, command } => {
            let command = serde_json::from_value(command.clone()).map_err(|error| error.to_string())?;
            Input::Command { actor: actor.clone(), command }
        }
        Input::Due(key) => Input::Due(key.clone()),
        Input::Follow(key) => Input::Follow(key.clone()),
        Input::SetBack => Input::SetBack,
        Input::Port { application_id, answer } => {
            Input::Port { application_id: application_id.clone(), answer: answer.clone() }
        }
    })
}

/// The value as text, and as it comes back from a database.
fn through_json<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Result<(String, T), String> {
    let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
    let back = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    if back == *value { Ok((text, back)) } else { Err(format!("it comes back otherwise: {text}")) }
}
