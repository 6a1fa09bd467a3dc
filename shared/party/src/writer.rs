//! The batch loop: takes what is there, lets the core decide, commits it in one transaction, and only then answers,
//! publishes, acknowledges and emits spans.
//!
//! It never waits to fill a batch. Partner messages and timers come before new commands. A batch that the database
//! refuses is searched for its culprit, which is parked; the rest goes on.

mod cache;
mod deciding;
pub(crate) mod item;
mod links;
mod working;

use crate::{
    clock::BusinessClock,
    config::Config,
    handle::{Backlog, Changes, CommandWork, Maintenance, Reply, Retried},
    journal::{self, Entry},
    metrics::Metrics,
    nats::{Ack, Incoming},
    pairing::Pairing,
    spans::Exporter,
    store::{
        Batch, Store, StoreError, Tip,
        tables::{TOKEN, Value},
    },
};
use bytes::Bytes;
use cache::Cache;
use channel::SigningKey;
use deciding::{Decided, Deciding, Failed, Undecided};
use domain::{ApplicationId, Moment, Party};
use item::{Item, ParkedInput};
use links::Links;
use organisation::{Key, Organisation, PortAnswer, PortOrder};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use working::Working;

/// How often a batch is searched for a culprit before the writer gives up.
const MAX_CULPRITS: usize = 1_000;

/// Frames that are kept while a partner has not shown its heads yet; what is more comes again from its sender.
const MAX_EARLY: usize = 256;

/// The queues that the writer takes from, in the order of precedence.
#[derive(Debug)]
pub struct Queues<O: Organisation> {
    /// Frames of partners.
    pub frames: mpsc::Receiver<Incoming>,
    /// Answers of ports.
    pub ports: mpsc::Receiver<(ApplicationId, PortAnswer)>,
    /// What operators do to the shell.
    pub maintenance: mpsc::Receiver<Maintenance>,
    /// Commands of people.
    pub commands: mpsc::Receiver<CommandWork<O::Command>>,
}

/// Why the writer stopped for good.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row that this build cannot read, or another defect that parking cannot help.
    #[error("the writer cannot go on: {0}")]
    Defect(String),
}

/// What the writer tells those around it, and what they tell it.
#[derive(Clone, Debug)]
pub struct Signals {
    /// Whether people may be let in.
    pub ready: watch::Sender<bool>,
    /// What is under way.
    pub backlog: watch::Sender<Backlog>,
    /// Another writer has taken over.
    pub lost: CancellationToken,
}

/// The one writer of an organisation.
pub struct Writer<'q, O: Organisation> {
    organisation: Arc<O>,
    store: &'q mut Store,
    tip: Tip,
    queues: &'q mut Queues<O>,
    /// Frames that came before every partner had shown its heads.
    early: VecDeque<Incoming>,
    links: Links,
    cache: Cache<O::Row>,
    orders: Option<mpsc::Sender<PortOrder>>,
    /// Applications that stand still, and how many inputs each has parked or held.
    parked: BTreeMap<String, usize>,
    next_wake: Option<i64>,
    clock: BusinessClock,
    changes: Arc<Changes>,
    metrics: Arc<Metrics>,
    spans: Exporter,
    batch_inputs: usize,
    started: Instant,
    signals: Signals,
}

/// What one round took from the queues.
struct Round<O: Organisation> {
    items: Vec<Item<O>>,
    acks: BTreeMap<Party, Ack>,
    links: Links,
    batch: Batch,
    /// Something is to be committed even if no item decides anything: a frozen channel, evidence.
    must_commit: bool,
    /// An order about parked inputs; a round takes one order of an operator's at most.
    retry: Option<oneshot::Sender<Retried>>,
    drop: Option<oneshot::Sender<bool>>,
    tokens: Vec<oneshot::Sender<()>>,
    unfrozen: Vec<oneshot::Sender<Result<(), String>>>,
}

impl<'q, O: Organisation> Writer<'q, O> {
    /// Brings the writer up: reads what stands still, greets the partners, journals the start.
    ///
    /// # Errors
    /// The database cannot be read or written.
    #[allow(clippy::too_many_arguments, reason = "the parts of one service, put together in one place")]
    pub async fn start(
        organisation: Arc<O>,
        store: &'q mut Store,
        tip: Tip,
        queues: &'q mut Queues<O>,
        publishers: BTreeMap<Party, mpsc::Sender<Bytes>>,
        orders: Option<mpsc::Sender<PortOrder>>,
        config: &Config,
        pairing: &Pairing,
        key: SigningKey,
        clock: BusinessClock,
        changes: Arc<Changes>,
        metrics: Arc<Metrics>,
        spans: Exporter,
        signals: Signals,
    ) -> Result<Self, WriterError> {
        let links = Links::start(O::PARTY, store, pairing, key, publishers, config, Arc::clone(&metrics)).await?;
        let parked = store.standing_still().await?;
        let (_, next_wake) = store.due(i64::MIN, 1).await?;
        let mut writer = Writer {
            organisation,
            store,
            tip,
            queues,
            early: VecDeque::new(),
            links,
            cache: Cache::default(),
            orders,
            parked,
            next_wake,
            clock,
            changes,
            metrics,
            spans,
            batch_inputs: config.batch_inputs,
            started: Instant::now(),
            signals,
        };
        writer.journal_start(config).await?;
        writer.repeat_orders().await?;
        Ok(writer)
    }

    /// Build, roles that decide by themselves, accepted charters: what a replay needs to be the same.
    async fn journal_start(&mut self, config: &Config) -> Result<(), WriterError> {
        let entry = Entry {
            at: self.now().millis(),
            kind: "started",
            source: "self".into(),
            input: json!({
                "build": env!("CARGO_PKG_VERSION"),
                "programme": config.programme,
                "environment": config.environment,
                "automatic": config.automatic,
            })
            .to_string(),
            recorded: "[]".into(),
            ..Entry::default()
        };
        let mut batch = Batch::default();
        let to = journal::append(&mut batch, &self.tip, vec![entry], [0; 32]);
        self.store.commit(batch, &self.tip, &to).await?;
        self.tip = to;
        Ok(())
    }

    /// Orders that were not answered before a crash go out again under their keys.
    async fn repeat_orders(&mut self) -> Result<(), WriterError> {
        for body in self.store.port_orders().await? {
            let order: PortOrder =
                serde_json::from_str(&body).map_err(|error| WriterError::Defect(error.to_string()))?;
            self.send_order(order);
        }
        Ok(())
    }

    fn send_order(&self, order: PortOrder) {
        match &self.orders {
            Some(orders) => {
                if let Err(error) = orders.try_send(order) {
                    // It stands in the database, and the core asks again by the same key.
                    let PortOrder { application_id: id, key, .. } = error.into_inner();
                    let saga_id = organisation::saga_id(&id);
                    tracing::warn!(key, application_id = %id, saga_id, "the core-banking system takes no more orders now");
                }
            }
            None => {
                let PortOrder { application_id: id, key, .. } = order;
                let saga_id = organisation::saga_id(&id);
                tracing::error!(key, application_id = %id, saga_id, "an order to a port that is not configured");
            }
        }
    }

    /// Business time, which never runs back.
    fn now(&self) -> Moment {
        Moment::from_millis(self.clock.now().millis().max(self.tip.at))
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Runs until shutdown; what was taken from a queue is finished first.
    ///
    /// # Errors
    /// Another writer took over, or the database is gone for good.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), WriterError> {
        let actions = self.links.begin();
        let now_ms = self.elapsed_ms();
        self.links.act(actions, self.store, self.tip.position, now_ms).await?;
        loop {
            if !*self.signals.ready.borrow() && self.links.are_open() {
                self.signals.ready.send_replace(true);
            }
            let early = if self.links.are_open() { self.early.pop_front() } else { None };
            let first = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.signals.lost.cancelled() => return Err(StoreError::Fenced.into()),
                Some(early) = std::future::ready(early) => First::Frame(Box::new(early)),
                first = Self::wait(self.queues, &self.clock, self.next_wake, self.links.next_wake(), self.started, self.links.are_open()) => first,
            };
            match self.round(first).await {
                Ok(()) => {}
                Err(WriterError::Store(StoreError::Unavailable { operation, source })) => {
                    tracing::error!(operation, %source, "the outcome of a commit is unknown: taking a new epoch and loading anew");
                    self.recover(&shutdown).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for whatever comes first; nothing is taken beside it.
    async fn wait(
        queues: &mut Queues<O>,
        clock: &BusinessClock,
        next_wake: Option<i64>,
        link_wake_ms: u64,
        started: Instant,
        open: bool,
    ) -> First<O> {
        let link_wake = started + Duration::from_millis(link_wake_ms);
        let timer = async {
            match next_wake {
                Some(at) if clock.now().millis() >= at => {}
                at => clock.reached(at.map(Moment::from_millis)).await,
            }
        };
        tokio::select! {
            biased;
            Some(incoming) = queues.frames.recv() => First::Frame(Box::new(incoming)),
            Some(maintenance) = queues.maintenance.recv() => First::Maintenance(maintenance),
            // Until the partners have shown their heads nothing new may be said, so nothing that says something is taken.
            Some((id, answer)) = queues.ports.recv(), if open => First::Port(id, answer),
            () = timer, if open => First::Timer,
            Some(command) = queues.commands.recv(), if open => First::Command(Box::new(command)),
            () = tokio::time::sleep_until(link_wake.into()) => First::LinkTimer,
        }
    }

    /// One round: collect, decide, commit, and then the effects.
    async fn round(&mut self, first: First<O>) -> Result<(), WriterError> {
        let now_ms = self.elapsed_ms();
        if let First::LinkTimer = first {
            let actions = self.links.tick(now_ms);
            self.links.act(actions, self.store, self.tip.position, now_ms).await?;
            self.report();
            return Ok(());
        }
        let mut round = self.collect(first, now_ms).await?;
        if round.items.is_empty() && !round.must_commit {
            // Receipts, duplicates, greetings: nothing to decide. Receipts become durable with the next commit.
            self.links = round.links;
            let actions = self.links.committed(&BTreeMap::new(), now_ms);
            self.links.act(actions, self.store, self.tip.position, now_ms).await?;
            acknowledge(round.acks).await;
            self.report();
            return Ok(());
        }
        let (decided, parked, links, earliest) = match self.settle(&mut round).await {
            Ok(settled) => settled,
            Err(error) => {
                // Nobody is told that something was done; partners resend, people try again.
                for item in round.items {
                    if let Item::Command(work) = item {
                        let _ = work.reply.send(Reply::Unavailable);
                    }
                }
                return Err(error);
            }
        };
        self.effects(round, decided, parked, links, earliest).await
    }

    /// Takes from the queues what is there, up to the size of a batch.
    async fn collect(&mut self, first: First<O>, now_ms: u64) -> Result<Round<O>, WriterError> {
        let mut round = Round {
            items: Vec::new(),
            acks: BTreeMap::new(),
            links: self.links.clone(),
            batch: Batch::default(),
            must_commit: false,
            retry: None,
            drop: None,
            tokens: Vec::new(),
            unfrozen: Vec::new(),
        };
        let mut command = None;
        match first {
            First::Frame(incoming) => self.take_frame(&mut round, *incoming, now_ms).await?,
            First::Port(application_id, answer) => round.items.push(Item::Port { application_id, answer }),
            First::Maintenance(maintenance) => self.take_maintenance(&mut round, maintenance).await?,
            First::Command(work) => command = Some(work),
            First::Timer | First::LinkTimer => {}
        }
        while round.items.len() < self.batch_inputs
            && let Some(incoming) = self.next_frame()
        {
            self.take_frame(&mut round, incoming, now_ms).await?;
        }
        // Of the round: a channel that was just unfrozen has to hear its partner before anything is said to it.
        if round.links.are_open() {
            self.take_due(&mut round).await?;
            while round.items.len() < self.batch_inputs
                && let Ok((application_id, answer)) = self.queues.ports.try_recv()
            {
                round.items.push(Item::Port { application_id, answer });
            }
            if let Some(work) = command {
                round.items.push(Item::Command(work));
            }
            while round.items.len() < self.batch_inputs
                && let Ok(work) = self.queues.commands.try_recv()
            {
                round.items.push(Item::Command(Box::new(work)));
            }
        }
        Ok(round)
    }

    /// The next frame at hand, those that came too early first.
    fn next_frame(&mut self) -> Option<Incoming> {
        let early = if self.links.are_open() { self.early.pop_front() } else { None };
        early.or_else(|| self.queues.frames.try_recv().ok())
    }

    async fn take_due(&mut self, round: &mut Round<O>) -> Result<(), WriterError> {
        let now = self.now().millis();
        if self.next_wake.is_none_or(|at| at > now) {
            return Ok(());
        }
        let room = self.batch_inputs.saturating_sub(round.items.len()).max(1);
        let (due, next) = self.store.due(now, u32::try_from(room).unwrap_or(u32::MAX)).await?;
        self.next_wake = next;
        round.items.extend(due.into_iter().map(|key| Item::Due(Key::Row(key))));
        Ok(())
    }

    async fn take_frame(&mut self, round: &mut Round<O>, incoming: Incoming, now_ms: u64) -> Result<(), WriterError> {
        let Incoming { from, bytes, ack } = incoming;
        let at = self.now().millis();
        let position = self.tip.position + 1;
        let taken = round.links.take(from, &bytes, now_ms, at, position, self.store, &mut round.batch).await?;
        if taken.too_early {
            if self.early.len() < MAX_EARLY {
                self.early.push_back(Incoming { from, bytes, ack });
            }
            return Ok(());
        }
        round.must_commit |= taken.must_commit;
        round.items.extend(taken.messages.into_iter().map(|(seq, message)| match message {
            Ok(received) => Item::Message(received.into()),
            Err(why) => Item::Unreadable { from, seq, why },
        }));
        // Acknowledging the last frame acknowledges all before it.
        round.acks.insert(from, ack);
        Ok(())
    }

    async fn take_maintenance(&mut self, round: &mut Round<O>, maintenance: Maintenance) -> Result<(), WriterError> {
        match maintenance {
            Maintenance::Token { hash, account, person, roles, reply } => {
                let roles = roles.join(" ");
                round.batch.put(&TOKEN, [Value::Blob(hash.to_vec()), account.into(), person.into(), roles.into()]);
                round.must_commit = true;
                round.tokens.push(reply);
            }
            Maintenance::Unfreeze { partner, resolution, persons, because, reply } => {
                let now_ms = self.elapsed_ms();
                match round.links.unfreeze(partner, resolution, persons, now_ms) {
                    Ok(unfrozen) => {
                        let record =
                            json!({ "channel": partner, "unfrozen": unfrozen, "because": because }).to_string();
                        round.items.push(Item::Unfrozen { partner, record });
                        round.unfrozen.push(reply);
                    }
                    Err(why) => {
                        let _ = reply.send(Err(why));
                    }
                }
            }
            Maintenance::Retry { position, because, reply } => {
                let found = self.store.parked_from(position).await?;
                if found.is_empty() {
                    let _ = reply.send(Retried::Unknown);
                    return Ok(());
                }
                round.retry = Some(reply);
                for row in found {
                    let input: ParkedInput =
                        serde_json::from_str(&row.input).map_err(|error| WriterError::Defect(error.to_string()))?;
                    let received = match &input {
                        ParkedInput::Message { from, seq } => self.links.read_again(*from, *seq, self.store).await?,
                        _ => None,
                    };
                    let because = because.clone();
                    round.items.push(Item::Retry {
                        position: row.position,
                        because,
                        application_id: row.application_id,
                        input,
                        received: received.map(Into::into),
                    });
                }
            }
            Maintenance::Drop { position, because, reply } => {
                let Some(found) = self.store.parked_from(position).await?.into_iter().next() else {
                    let _ = reply.send(false);
                    return Ok(());
                };
                round.drop = Some(reply);
                round.items.push(Item::Drop { position, because, application_id: found.application_id });
            }
        }
        Ok(())
    }

    /// Decides and commits the round. Items that cannot be decided, or that the database refuses, are found and parked.
    #[allow(clippy::type_complexity, reason = "the four things that change with a commit, used once")]
    async fn settle(
        &mut self,
        round: &mut Round<O>,
    ) -> Result<(Decided, BTreeMap<String, usize>, Built, Option<i64>), WriterError> {
        let at = self.now();
        let mut culprits: BTreeMap<usize, String> = BTreeMap::new();
        loop {
            if culprits.len() > MAX_CULPRITS {
                return Err(WriterError::Defect(format!(
                    "more than {MAX_CULPRITS} inputs of one batch cannot be decided"
                )));
            }
            let frames = round.batch.clone();
            let attempt = self.attempt(&round.items, &culprits, round.links.clone(), frames, at, false).await;
            match attempt {
                Ok(settled) => return Ok(settled),
                Err(Failed::Culprit(item, why)) => {
                    if culprits.insert(item, why.clone()).is_some() {
                        return Err(WriterError::Defect(why));
                    }
                }
                Err(Failed::Store(StoreError::Rejected { operation, source })) => {
                    self.metrics.commits_failed.inc();
                    let why = format!("{operation}: the database refused it: {source}");
                    let item = self.find_culprit(round, &culprits, at).await?;
                    if culprits.insert(item, why.clone()).is_some() {
                        return Err(WriterError::Defect(why));
                    }
                }
                Err(Failed::Store(error)) => {
                    self.metrics.commits_failed.inc();
                    return Err(error.into());
                }
            }
        }
    }

    /// Halves the batch, in rehearsals that are taken back, until the item stands alone with which the database refuses it.
    async fn find_culprit(
        &mut self,
        round: &Round<O>,
        culprits: &BTreeMap<usize, String>,
        at: Moment,
    ) -> Result<usize, WriterError> {
        let (mut good, mut bad) = (0, round.items.len());
        while bad - good > 1 {
            let middle = good.midpoint(bad);
            let frames = round.batch.clone();
            match self.attempt(&round.items[..middle], culprits, round.links.clone(), frames, at, true).await {
                Ok(_) => good = middle,
                Err(Failed::Culprit(item, _)) => return Ok(item),
                Err(Failed::Store(StoreError::Rejected { .. })) => bad = middle,
                Err(Failed::Store(error)) => return Err(error.into()),
            }
        }
        if round.items.is_empty() {
            return Err(WriterError::Defect("the database refuses a batch without inputs".into()));
        }
        Ok(good)
    }

    /// Decides the items and commits them, or rehearses it.
    async fn attempt(
        &mut self,
        items: &[Item<O>],
        culprits: &BTreeMap<usize, String>,
        mut links: Links,
        frames: Batch,
        at: Moment,
        rehearsal: bool,
    ) -> Result<(Decided, BTreeMap<String, usize>, Built, Option<i64>), Failed> {
        let mut deciding = Deciding {
            organisation: &self.organisation,
            store: self.store,
            working: Working::new(&mut self.cache),
            at,
            position: self.tip.position,
            sent_seq: links.sent_seq(),
            frozen: links.frozen(),
            parked: self.parked.clone(),
            stuck: BTreeSet::new(),
            traced: self.spans.enabled(),
            done: Decided { batch: frames, ..Decided::default() },
        };
        deciding.all(items, culprits).await?;
        let Deciding { working, parked, mut done, .. } = deciding;
        let mut batch = std::mem::take(&mut done.batch);
        let defect = |why: String| Failed::Culprit(items.len().saturating_sub(1), why);
        let position = self.tip.position + u64::try_from(done.entries.len()).unwrap_or_default();
        let changes = &self.changes;
        let mut saved = working.save(&mut batch, position, changes).map_err(|error| defect(error.to_string()))?;
        let earliest = saved.earliest;
        done.rows = std::mem::take(&mut saved.rows);
        let inputs = std::mem::take(&mut done.entries);
        let to = journal::append(&mut batch, &self.tip, inputs, saved.states);
        let built = links.build(&done.messages, to.position, &mut batch).map_err(|error| defect(error.to_string()))?;
        links.save(&self.links, &mut batch);
        if rehearsal {
            self.store.rehearse(batch, &self.tip, &to).await?;
        } else {
            self.store.commit(batch, &self.tip, &to).await?;
            working.keep(saved);
        }
        Ok((done, parked, Built { links, frames: built, tip: to }, earliest))
    }

    /// Everything that may only happen after the commit.
    async fn effects(
        &mut self,
        round: Round<O>,
        decided: Decided,
        parked: BTreeMap<String, usize>,
        built: Built,
        earliest: Option<i64>,
    ) -> Result<(), WriterError> {
        let now_ms = self.elapsed_ms();
        let committed_ns = crate::clock::unix_ns();
        self.metrics.inputs.inc_by(built.tip.position.saturating_sub(self.tip.position));
        self.tip = built.tip;
        self.links = built.links;
        if parked.len() < self.parked.len() {
            // Timers of applications that move again may be long due: look at all of them.
            self.next_wake = Some(i64::MIN);
        }
        self.parked = parked;
        self.next_wake = [self.next_wake, earliest].into_iter().flatten().min();
        self.metrics.commits.inc();
        self.metrics.messages_refused.inc_by(decided.refused);
        self.metrics.inputs_parked.inc_by(decided.parked);
        decided.undecided.iter().for_each(Undecided::log);

        // Whoever reads after a reply has to find what it says.
        self.changes.committed(decided.rows);
        let mut replies: BTreeMap<usize, Reply> = decided.replies.into_iter().collect();
        for (at, item) in round.items.into_iter().enumerate() {
            if let (Item::Command(work), Some(reply)) = (item, replies.remove(&at)) {
                // The client may have gone; what was done is done.
                let _ = work.reply.send(reply);
            }
        }
        let actions = self.links.committed(&built.frames, now_ms);
        self.links.act(actions, self.store, self.tip.position, now_ms).await?;
        acknowledge(round.acks).await;
        for order in decided.orders {
            self.send_order(order);
        }
        if let Some(reply) = round.retry {
            let failed = decided.undecided.into_iter().find_map(|one| Some((one.retried?, one.why)));
            let _ = reply.send(match failed {
                None => Retried::Decided,
                Some((position, why)) => Retried::StillParked { position, why },
            });
        }
        if let Some(reply) = round.drop {
            let _ = reply.send(true);
        }
        for reply in round.unfrozen {
            let _ = reply.send(Ok(()));
        }
        for reply in round.tokens {
            let _ = reply.send(());
        }
        self.spans.emit(decided.spans, committed_ns);
        self.report();
        Ok(())
    }

    fn report(&self) {
        let backlog = Backlog {
            queued: self.queues.frames.len() + self.queues.commands.len() + self.queues.ports.len(),
            unreceipted: self.links.unreceipted(),
            frozen: self.links.frozen().len(),
            position: self.tip.position,
            next_wake_ms: self.next_wake,
        };
        self.metrics.unreceipted.set(i64::try_from(backlog.unreceipted).unwrap_or(i64::MAX));
        self.metrics.channels_frozen.set(i64::try_from(backlog.frozen).unwrap_or(i64::MAX));
        self.metrics.spans_dropped.set(i64::try_from(self.spans.dropped()).unwrap_or(i64::MAX));
        self.signals.backlog.send_replace(backlog);
    }

    /// After a commit whose outcome is unknown: memory is dropped, a new epoch taken, everything loaded anew.
    async fn recover(&mut self, shutdown: &CancellationToken) -> Result<(), WriterError> {
        let mut wait = Duration::from_millis(100);
        loop {
            match self.store.reopen().await {
                Ok(tip) => {
                    self.tip = tip;
                    self.cache.clear();
                    let now_ms = self.elapsed_ms();
                    self.links.reload(self.store, now_ms).await?;
                    let actions = self.links.begin();
                    self.links.act(actions, self.store, self.tip.position, now_ms).await?;
                    self.parked = self.store.standing_still().await?;
                    self.next_wake = self.store.due(i64::MIN, 1).await?.1;
                    return Ok(());
                }
                Err(StoreError::Fenced) => return Err(StoreError::Fenced.into()),
                Err(error) => tracing::error!(%error, "the database is not available"),
            }
            let again = tokio::time::Instant::now() + wait;
            wait = (wait * 2).min(Duration::from_secs(5));
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = tokio::time::sleep_until(again) => break,
                    // Nobody is kept waiting for a database of which nobody knows when it comes back.
                    Some(work) = self.queues.commands.recv() => {
                        let _ = work.reply.send(Reply::Unavailable);
                    }
                }
            }
        }
    }
}

/// What came first.
enum First<O: Organisation> {
    Frame(Box<Incoming>),
    Port(ApplicationId, PortAnswer),
    Maintenance(Maintenance),
    Timer,
    Command(Box<CommandWork<O::Command>>),
    LinkTimer,
}

/// Channels and journal after the commit.
struct Built {
    links: Links,
    frames: BTreeMap<Party, Vec<channel::BuiltFrame>>,
    tip: Tip,
}

async fn acknowledge(acks: BTreeMap<Party, Ack>) {
    for ack in acks.into_values() {
        ack.send().await;
    }
}
