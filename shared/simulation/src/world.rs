//! Several organisations, what is under way between them, and the time: lets one thing happen after the other.

use crate::{
    network::{Order, Parcel},
    shell::{Decided, Node, Shell},
};
use contracts::{
    Message,
    wire::{Envelope, decode, encode},
};
use domain::{ApplicationId, Moment, Party};
use organisation::{Actor, Incident, Index, Input, Key, OpenTask, Organisation, PortAnswer, PortOrder, Refusal};
use serde::Serialize;
use serde_json::Value;
use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// How long a restarted organisation's messages take that were committed and not sent: the channel's time to resend.
const RESEND_MS: i64 = 2_000;

/// The organisations and the time between them.
pub struct World {
    /// What is under way, in the order sent.
    pub parcels: Vec<Parcel>,
    /// In which order it arrives.
    pub order: Order,
    /// Orders to ports that were not answered; one a key, the last one given.
    pub orders: Vec<(Party, PortOrder)>,
    /// How many messages or timers one commit takes at most.
    pub batch: usize,
    /// Rows that are not woken: what a test is not about.
    pub asleep: fn(&Key) -> bool,
    now: Moment,
    nodes: BTreeMap<Party, Box<dyn Node>>,
    /// By sender and receiver: the number of the last message.
    sent: BTreeMap<(Party, Party), u64>,
    parcels_so_far: u64,
    crashes: BTreeMap<Party, Crash>,
    /// By receiver: the parcels that it has taken, and how many of them said the same.
    taken: BTreeMap<Party, BTreeSet<u64>>,
    heard: BTreeMap<(Party, &'static str, String), usize>,
    refused: Vec<Refused>,
    mirrors: BTreeMap<Party, Box<dyn Mirror>>,
}

/// Takes whatever an organisation of the world has committed, so that another shell can be held against this one.
pub trait Mirror {
    /// Takes the same inputs.
    ///
    /// # Errors
    /// In words: it does not come to the same.
    fn take(&mut self, took: &Took<'_>) -> Result<(), String>;
}

/// One commit.
#[derive(Debug)]
pub struct Took<'a> {
    /// When.
    pub at: Moment,
    /// What was decided together.
    pub inputs: &'a [Input<Value>],
    /// What is said because of it, in order.
    pub messages: Vec<&'a Message>,
    /// What ports are asked to do, in order.
    pub orders: Vec<&'a PortOrder>,
}

/// What somebody outside does.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Somebody gives a command.
    Command {
        /// To whom.
        to: Party,
        /// Who.
        actor: Actor,
        /// What, as JSON.
        command: Value,
    },
    /// A port answers.
    Port {
        /// Whose.
        to: Party,
        /// The application that asked.
        application_id: ApplicationId,
        /// What it says.
        answer: PortAnswer,
    },
    /// Nobody does anything before this moment.
    Wait(Moment),
}

impl Act {
    /// A command; one that does not write as JSON is no command to any organisation and comes back as a [`Defect`].
    pub fn command(to: Party, actor: Actor, command: &impl Serialize) -> Self {
        Act::Command { to, actor, command: serde_json::to_value(command).unwrap_or_default() }
    }
}

/// What whoever gave a command hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It was decided.
    Done(Value),
    /// It was refused.
    Refused(Refusal),
    /// Nothing: the organisation crashed.
    Nothing,
}

/// When an organisation is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Before its next commit: the batch never was. Its messages come again, its timers are still due.
    BeforeCommit,
    /// After its next commit, before anybody heard of it: what it said is sent late, and what it had taken from partners,
    /// acknowledged to nobody, comes again.
    AfterCommit,
}

/// An input that an organisation refused; nothing was changed by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// When.
    pub at: Moment,
    /// Who.
    pub by: Party,
    /// Which input.
    pub input: String,
    /// Why.
    pub refusal: Refusal,
}

/// What no core may come to, whatever it is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {party} cannot take {input}: {why}")]
pub struct Defect {
    /// When.
    pub at: Moment,
    /// Whose.
    pub party: Party,
    /// At which input.
    pub input: String,
    /// What happened.
    pub why: String,
}

impl World {
    /// A world in which nobody is yet.
    pub fn new(now: Moment) -> Self {
        World {
            parcels: Vec::new(),
            order: Order::AsSent,
            orders: Vec::new(),
            batch: 1,
            now,
            nodes: BTreeMap::new(),
            sent: BTreeMap::new(),
            parcels_so_far: 0,
            crashes: BTreeMap::new(),
            taken: BTreeMap::new(),
            heard: BTreeMap::new(),
            refused: Vec::new(),
            mirrors: BTreeMap::new(),
            asleep: |_| false,
        }
    }

    /// The world with this mirror of one of its organisations, which has taken nothing yet.
    #[must_use]
    pub fn mirrored(mut self, party: Party, mirror: impl Mirror + 'static) -> Self {
        self.mirrors.insert(party, Box::new(mirror));
        self
    }

    /// The world with this organisation in it; it has nothing stored.
    #[must_use]
    pub fn with<O: Organisation>(self, organisation: O) -> Self {
        self.with_shell(Shell::new(organisation))
    }

    /// The world with this organisation in it, and what it has stored.
    #[must_use]
    pub fn with_shell<O: Organisation>(mut self, shell: Shell<O>) -> Self {
        self.nodes.insert(O::PARTY, Box::new(shell));
        self
    }

    /// Sets an organisation of the world up otherwise; what it has stored stays.
    pub fn set_up_as<O: Organisation>(&mut self, organisation: O) {
        let node = self.nodes.get_mut(&O::PARTY).map(|node| &mut **node as &mut dyn Any);
        if let Some(shell) = node.and_then(|node| node.downcast_mut::<Shell<O>>()) {
            shell.set_up_as(organisation);
        }
    }

    /// How many messages of this kind under this key an organisation has taken; a copy of one counts as the same.
    pub fn heard(&self, party: Party, kind: &'static str, key: &str) -> usize {
        self.heard.get(&(party, kind, key.to_owned())).copied().unwrap_or_default()
    }

    /// The crash that is to come over an organisation at its next commit.
    pub fn crash_of(&self, party: Party) -> Option<Crash> {
        self.crashes.get(&party).copied()
    }

    /// Business time, the same for all.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// An organisation, if it is in the world as this type.
    pub fn shell<O: Organisation>(&self) -> Option<&Shell<O>> {
        let node: &dyn Any = &**self.nodes.get(&O::PARTY)?;
        node.downcast_ref()
    }

    /// What is kept beside each stored row.
    pub fn indexes(&self) -> impl Iterator<Item = (Party, &Key, &Index)> {
        self.nodes.iter().flat_map(|(party, node)| node.indexes().map(move |(key, index)| (*party, key, index)))
    }

    /// What waits for people.
    pub fn tasks(&self) -> impl Iterator<Item = (Party, &OpenTask)> {
        self.indexes().flat_map(|(party, _, index)| index.tasks.iter().map(move |task| (party, task)))
    }

    /// What an operator has to look at.
    pub fn incidents(&self) -> impl Iterator<Item = (Party, &Incident)> {
        self.indexes().flat_map(|(party, _, index)| index.incidents.iter().map(move |incident| (party, incident)))
    }

    /// The rows that want to be woken, unordered.
    pub fn timers(&self) -> impl Iterator<Item = (Moment, Party, &Key)> {
        let awake = self.indexes().filter(|(_, key, _)| !(self.asleep)(key));
        awake.filter_map(|(party, key, index)| Some((index.wake_at?, party, key)))
    }

    /// Everything that was refused so far.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// How many parcels were sent so far: the number of the last one.
    pub fn parcels_so_far(&self) -> u64 {
        self.parcels_so_far
    }

    /// Kills an organisation at its next commit.
    pub fn crash(&mut self, party: Party, when: Crash) {
        self.crashes.insert(party, when);
    }

    /// Time passes until then; whatever is due meanwhile is late.
    pub fn pass_to(&mut self, at: Moment) {
        self.now = self.now.max(at);
    }

    /// Sends a message in its author's name, whoever wrote it.
    ///
    /// # Errors
    /// It does not write as JSON.
    pub fn send(&mut self, message: Message) -> Result<(), Defect> {
        let saga_id = organisation::saga_of(&message);
        self.post(message.kind().route().0, &saga_id, message, self.now)
    }

    /// Gives a command, now.
    ///
    /// # Errors
    /// A defect of the core.
    pub fn command(&mut self, to: Party, actor: Actor, command: Value) -> Result<Reply, Defect> {
        let input = Input::Command { actor, command };
        let Some(mut decided) = self.take(to, &[input])? else { return Ok(Reply::Nothing) };
        let Some(Decided { answer, mut refusals, .. }) = decided.pop() else { return Ok(Reply::Nothing) };
        Ok(match answer {
            Some(answer) => Reply::Done(answer.body),
            None if refusals.is_empty() => Reply::Done(Value::Null),
            None => Reply::Refused(refusals.swap_remove(0)),
        })
    }

    /// Has somebody outside act, now.
    ///
    /// # Errors
    /// A defect of the core.
    pub fn act(&mut self, act: Act) -> Result<(), Defect> {
        match act {
            Act::Command { to, actor, command } => self.command(to, actor, command).map(drop),
            Act::Port { to, application_id, answer } => {
                self.take(to, &[Input::Port { application_id, answer }]).map(drop)
            }
            Act::Wait(at) => {
                self.pass_to(at);
                Ok(())
            }
        }
    }

    /// Lets the next thing happen, at the latest at `until`: a message of this instant, else a timer, else what `outside`
    /// does, else time moves on to when something happens. False if nothing will.
    ///
    /// # Errors
    /// A defect of a core.
    pub fn turn(&mut self, until: Moment, outside: &mut dyn FnMut(&World) -> Option<Act>) -> Result<bool, Defect> {
        if self.deliver()? || self.wake()? {
            return Ok(true);
        }
        let waits_until = match outside(self) {
            Some(Act::Wait(at)) => Some(at),
            Some(act) => return self.act(act).map(|()| true),
            None => None,
        };
        let timer = self.timers().map(|(at, ..)| at).min();
        let arrival = self.order.next_arrival(&self.parcels, self.now);
        let next = [waits_until, timer, arrival].into_iter().flatten().filter(|at| *at > self.now).min();
        match next.filter(|at| *at <= until) {
            Some(at) => {
                self.now = at;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Turn after turn until nothing more happens, at the latest until `until`.
    ///
    /// # Errors
    /// A defect of a core.
    pub fn run(&mut self, until: Moment, outside: &mut dyn FnMut(&World) -> Option<Act>) -> Result<(), Defect> {
        while self.turn(until, outside)? {}
        Ok(())
    }

    /// Delivers the next messages that arrive now, all to one organisation, as one batch.
    fn deliver(&mut self) -> Result<bool, Defect> {
        let mut taken: Vec<(usize, Parcel)> = Vec::new();
        while taken.len() < self.batch.max(1)
            && let Some(place) = self.order.next(&self.parcels, self.now)
            && taken.first().is_none_or(|(_, first)| self.parcels.get(place).is_some_and(|next| next.to == first.to))
        {
            taken.push((place, self.parcels.remove(place)));
        }
        let Some(to) = taken.first().map(|(_, parcel)| parcel.to) else { return Ok(false) };
        let mut inputs = Vec::new();
        for (_, parcel) in &taken {
            let received = decode(&parcel.bytes, parcel.from, to);
            let name = parcel.message.kind().name();
            inputs.push(Input::Message(received.map_err(|error| self.defect(to, name, error))?.into()));
        }
        let crash = self.crashes.get(&to).copied();
        self.take(to, &inputs)?;
        if crash != Some(Crash::BeforeCommit) {
            for (_, Parcel { no, message, .. }) in &taken {
                if self.taken.entry(to).or_default().insert(*no) {
                    *self.heard.entry((to, message.kind().name(), message.key())).or_default() += 1;
                }
            }
        }
        if crash.is_some() {
            // Nothing was acknowledged, so all of it comes again.
            for (place, parcel) in taken.into_iter().rev() {
                self.parcels.insert(place, parcel);
            }
        }
        Ok(true)
    }

    /// Wakes the rows of one organisation whose time has come, in the order (due, organisation, row), as one batch.
    fn wake(&mut self) -> Result<bool, Defect> {
        let mut due: Vec<_> = self.timers().filter(|(at, ..)| *at <= self.now).collect();
        due.sort();
        let Some(party) = due.first().map(|(_, party, _)| *party) else { return Ok(false) };
        let of_one = due.into_iter().take_while(|(_, of, _)| *of == party).take(self.batch.max(1));
        let keys: Vec<Key> = of_one.map(|(.., key)| key.clone()).collect();
        let inputs: Vec<Input<Value>> = keys.iter().cloned().map(Input::Due).collect();
        if self.take(party, &inputs)?.is_some()
            && let Some((_, _, key)) =
                self.timers().find(|(at, of, key)| *at <= self.now && *of == party && keys.contains(key))
        {
            return Err(self.defect(party, &key.to_string(), "its timer has fired and is still due"));
        }
        Ok(true)
    }

    /// One batch: decided, committed, and only then heard of. `None`: the organisation crashed.
    fn take(&mut self, party: Party, inputs: &[Input<Value>]) -> Result<Option<Vec<Decided>>, Defect> {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&party) else {
            return Err(self.defect(party, "anything", "it is not in this world"));
        };
        let mut all = Vec::new();
        for input in inputs {
            match node.decide(input, now) {
                Ok(decided) => all.push(decided),
                Err(why) => return Err(self.defect(party, &describe(input), why)),
            }
        }
        let crash = self.crashes.remove(&party);
        if crash == Some(Crash::BeforeCommit) {
            node.crash();
            return Ok(None);
        }
        if let Err(why) = node.commit() {
            let inputs: Vec<String> = inputs.iter().map(describe).collect();
            return Err(self.defect(party, &inputs.join(", "), why));
        }
        if let Some(mirror) = self.mirrors.get_mut(&party) {
            let messages = all.iter().flat_map(|decided| decided.messages.iter().map(|(_, message)| message));
            let orders = all.iter().flat_map(|decided| &decided.orders);
            let took = Took { at: now, inputs, messages: messages.collect(), orders: orders.collect() };
            if let Err(why) = mirror.take(&took) {
                let inputs: Vec<String> = inputs.iter().map(describe).collect();
                return Err(self.defect(party, &inputs.join(", "), why));
            }
        }
        let arrives_at = if crash.is_some() { now.plus_millis(RESEND_MS) } else { now };
        for (input, decided) in inputs.iter().zip(&all) {
            if let Input::Port { answer, .. } = input {
                self.orders.retain(|(_, order)| order.key != answer.key());
            }
            for (saga_id, message) in &decided.messages {
                self.post(party, saga_id, message.clone(), arrives_at)?;
            }
            for order in &decided.orders {
                self.orders.retain(|(_, other)| other.key != order.key);
                self.orders.push((party, order.clone()));
            }
            let input = describe(input);
            let refused =
                |refusal: &Refusal| Refused { at: now, by: party, input: input.clone(), refusal: refusal.clone() };
            self.refused.extend(decided.refusals.iter().map(refused));
        }
        Ok(if crash.is_some() { None } else { Some(all) })
    }

    fn post(&mut self, from: Party, saga_id: &str, message: Message, arrives_at: Moment) -> Result<(), Defect> {
        let to = message.kind().route().1;
        let seq = self.sent.entry((from, to)).or_default();
        *seq += 1;
        let envelope = Envelope { seq: *seq, at: self.now, saga_id, traceparent: None };
        let bytes = encode(&message, &envelope).map_err(|error| self.defect(from, message.kind().name(), error))?;
        self.parcels_so_far += 1;
        let no = self.parcels_so_far;
        self.parcels.push(Parcel { no, from, to, arrives_at: Some(arrives_at), message, bytes });
        Ok(())
    }

    fn defect(&self, party: Party, input: &str, why: impl fmt::Display) -> Defect {
        Defect { at: self.now, party, input: input.to_owned(), why: why.to_string() }
    }
}

fn describe(input: &Input<Value>) -> String {
    match input {
        Input::Message(received) => received.message.kind().name().to_owned(),
        Input::Command { actor, command } => format!("{command} of {}", actor.person),
        Input::Due(key) => format!("timer of {key}"),
        Input::Follow(key) => format!("follow of {key}"),
        Input::Port { answer, .. } => format!("{answer:?}"),
        Input::SetBack => "set back".to_owned(),
    }
}
