//! The batch loop: takes what is there, lets the core decide, commits it in one transaction, and only then answers,
//! publishes, acknowledges and emits spans.
//!
//! It never waits to fill a batch. Partner messages and timers come before new commands. A batch that the database
//! refuses is searched for its culprit, which is parked; the rest goes on.

mod cache;
mod deciding;
mod evidence;
mod forked;
pub(crate) mod item;
mod links;
mod orders;
mod rings;
pub mod stage;
pub mod tape;
pub mod verify;
mod working;

use crate::{
    clock::BusinessClock,
    config::Config,
    handle::{Backlog, Changes, CommandWork, MaintenanceWork, Reply, Told},
    journal::{self, Entry},
    key_change::SigningKeys,
    metrics::Metrics,
    nats::{Ack, Incoming},
    pairing::{Pairing, PairingError},
    spans::Exporter,
    store::{Batch, Standing, Store, StoreError, Tip},
};
use bytes::Bytes;
use cache::Cache;
use deciding::{Culprit, Decided, Deciding, Failed, Undecided};
use domain::{ApplicationId, Moment, Party};
use item::Item;
pub(crate) use links::incident_id;
use links::{Links, Sends};
use organisation::{Key, Organisation, PortAction, PortAnswer, PortOrder};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use working::Working;

/// Bytes of frames that a round looks at, at most, but for its last one.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How often a batch is searched for a culprit before the writer gives up.
const MAX_CULPRITS: usize = 1_000;

/// Rows whose spans are emitted again at a start, at most: they have to fit into the queue of the exporter.
const EMITTED_AGAIN: u64 = 4_096;

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
    pub maintenance: mpsc::Receiver<MaintenanceWork>,
    /// Commands of people.
    pub commands: mpsc::Receiver<CommandWork<O::Command>>,
}

/// Where orders go.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The core-banking system, where there is one.
    pub core_banking: Option<mpsc::Sender<PortOrder>>,
    /// Whoever seals papers for partners.
    pub vault: mpsc::Sender<PortOrder>,
}

impl Ports {
    fn of(&self, action: &PortAction) -> Option<&mpsc::Sender<PortOrder>> {
        match action {
            PortAction::Post { .. } | PortAction::Ask | PortAction::Close => self.core_banking.as_ref(),
            PortAction::Seal { .. } => Some(&self.vault),
        }
    }
}

/// Why the writer stopped for good.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The private key that has to sign is not at hand.
    #[error(transparent)]
    Key(#[from] PairingError),
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

/// The one writer of an organisation. What it borrows outlives it: it may lose its turn, and another begins with the same.
pub struct Writer<'q, O: Organisation> {
    organisation: &'q O,
    store: Store,
    tip: Tip,
    queues: &'q mut Queues<O>,
    /// Frames that came before every partner had shown its heads.
    early: VecDeque<Incoming>,
    links: Links,
    cache: Cache<O::Row>,
    orders: Ports,
    /// Applications that stand still behind a parked input.
    parked: BTreeMap<String, Standing>,
    next_wake: Option<i64>,
    clock: BusinessClock,
    changes: Arc<Changes>,
    metrics: Arc<Metrics>,
    spans: &'q mut Exporter,
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
    /// Bytes of the frames that were looked at.
    frame_bytes: usize,
    /// Something is to be committed even if no item decides anything: a frozen channel, evidence.
    must_commit: bool,
    /// Who gave an order to the shell, and what is said if nothing fails; a round takes one at most.
    operator: Option<(oneshot::Sender<Told>, Told)>,
}

impl<'q, O: Organisation> Writer<'q, O> {
    /// Brings the writer up: reads what stands still, greets the partners, journals the start.
    ///
    /// # Errors
    /// The database cannot be read or written.
    #[allow(clippy::too_many_arguments, reason = "the parts of one service, put together in one place")]
    pub async fn start(
        organisation: &'q O,
        mut store: Store,
        tip: Tip,
        queues: &'q mut Queues<O>,
        publishers: BTreeMap<Party, mpsc::Sender<Bytes>>,
        orders: Ports,
        config: &Config,
        pairing: &Pairing,
        keys: SigningKeys,
        clock: BusinessClock,
        changes: Arc<Changes>,
        metrics: Arc<Metrics>,
        spans: &'q mut Exporter,
        signals: Signals,
    ) -> Result<Self, WriterError> {
        let at = Moment::from_millis(clock.now().millis().max(tip.at));
        let links =
            Links::start(O::PARTY, &mut store, pairing, keys, publishers, config, at, Arc::clone(&metrics)).await?;
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
        let Tip { position, exported, .. } = writer.tip;
        writer.spans.begin(exported);
        writer.emit_again(exported, position).await;
        writer.journal_start(config).await?;
        writer.repeat_orders().await?;
        Ok(writer)
    }

    /// Build, roles that decide by themselves, charter, capital, who pays out: what a replay needs to be the same.
    async fn journal_start(&mut self, config: &Config) -> Result<(), WriterError> {
        let charters = crate::run::charters(config).map_err(|error| WriterError::Defect(error.to_string()))?;
        let charters: Vec<String> = charters.iter().map(|(hash, _)| hash.to_hex()).collect();
        let settings = config.settings();
        let entry = Entry {
            at: self.now().millis(),
            kind: "started",
            source: "self".into(),
            input: json!({
                "build": env!("CARGO_PKG_VERSION"),
                "build_id": crate::build_id::of_this_program(),
                "programme": config.programme,
                "environment": config.environment,
                "automatic": settings.automatic,
                "charters": charters,
                "net_assets_fen": settings.net_assets_fen,
                "core_banking": settings.core_banking,
                "business_time": config.business_time,
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

    /// Spans of rows that were committed, and which nobody is known to have taken, go out again; of the last rows, if there
    /// are many.
    async fn emit_again(&mut self, after: u64, until: u64) {
        let mut after = after.max(until.saturating_sub(EMITTED_AGAIN));
        while self.spans.enabled() {
            match self.store.readers().traced(after, until, 512).await {
                Ok(rows) => {
                    let Some(last) = rows.last() else { break };
                    after = last.position;
                    self.spans.emit_again::<O>(rows);
                }
                Err(error) => {
                    tracing::warn!(%error, "spans are not emitted again");
                    break;
                }
            }
        }
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
        match self.orders.of(&order.action) {
            Some(orders) => {
                if let Err(error) = orders.try_send(order) {
                    // It stands in the database, and goes out again at the next start; about money the core asks before.
                    let PortOrder { application_id: id, key, .. } = error.into_inner();
                    let saga_id = organisation::saga_id(&id);
                    tracing::warn!(key, application_id = %id, saga_id, "a port takes no more orders now");
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
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<Stopped, WriterError> {
        let actions = self.links.begin();
        let now_ms = self.elapsed_ms();
        self.links.act(actions, &mut self.store, self.tip.position, now_ms).await?;
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
        self.finish().await?;
        Ok(Stopped { store: self.store, tip: self.tip })
    }

    /// Decides what people were promised an answer to; nobody else may ask any more.
    async fn finish(&mut self) -> Result<(), WriterError> {
        self.queues.commands.close();
        while self.links.are_open()
            && let Ok(work) = self.queues.commands.try_recv()
        {
            self.round(First::Command(Box::new(work))).await?;
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
            Some(maintenance) = queues.maintenance.recv() => First::Maintenance(Box::new(maintenance)),
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
            self.say_from_memory(actions, now_ms).await?;
            self.report();
            return Ok(());
        }
        let mut round = self.collect(first, now_ms).await?;
        if round.items.is_empty() && !round.must_commit {
            // Receipts, duplicates, greetings: nothing to decide. A receipt is stored by the next commit that takes or sends a
            // frame; until then a crash only has frames sent again that are receipted again.
            self.links = round.links;
            let actions = self.links.committed(&BTreeMap::new(), now_ms);
            self.say_from_memory(actions, now_ms).await?;
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

    /// Says what needs no commit: receipts, greetings, answers, stored frames. Whoever was replaced without knowing it yet says
    /// nothing: it would show heads of before as its own of now, and a partner that has just asked for them would take them for
    /// those of a database that was set back, and freeze the channel. Nothing else leaves the writer without a commit.
    async fn say_from_memory(&mut self, actions: Sends, now_ms: u64) -> Result<(), WriterError> {
        if actions.iter().all(|(_, actions, _)| actions.is_empty()) {
            return Ok(());
        }
        self.store.confirm().await?;
        Ok(self.links.act(actions, &mut self.store, self.tip.position, now_ms).await?)
    }

    /// Takes from the queues what is there, up to the size of a batch.
    async fn collect(&mut self, first: First<O>, now_ms: u64) -> Result<Round<O>, WriterError> {
        let mut round = Round {
            items: Vec::new(),
            acks: BTreeMap::new(),
            links: self.links.clone(),
            batch: Batch::default(),
            frame_bytes: 0,
            must_commit: false,
            operator: None,
        };
        let mut command = None;
        match first {
            First::Frame(incoming) => self.take_frame(&mut round, *incoming, now_ms).await?,
            First::Port(application_id, answer) => round.items.push(Item::Port { application_id, answer }),
            First::Maintenance(maintenance) => self.take_maintenance(&mut round, *maintenance).await?,
            First::Command(work) => command = Some(work),
            First::Timer | First::LinkTimer => {}
        }
        // Beside a change of key no frame is taken: it could freeze a channel on which the change has to be said.
        while round.items.len() < self.batch_inputs
            && round.frame_bytes < BATCH_BYTES
            && !round.links.changes_key()
            && let Some(incoming) = self.next_frame(round.links.are_open())
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

    /// The next frame at hand, those that came too early first, unless it is still too early: they would come back at once.
    fn next_frame(&mut self, is_open: bool) -> Option<Incoming> {
        let early = if is_open { self.early.pop_front() } else { None };
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
        round.frame_bytes += bytes.len();
        let at = self.now().millis();
        let position = self.tip.position + 1;
        let taken = round.links.take(from, &bytes, now_ms, at, position, &mut self.store, &mut round.batch).await?;
        if taken.too_early {
            if self.early.len() < MAX_EARLY {
                self.early.push_back(Incoming { from, bytes, ack });
            }
            return Ok(());
        }
        round.must_commit |= taken.must_commit;
        round.items.extend(taken.messages.into_iter().map(|(seq, message)| match message {
            Ok(received) if seq <= taken.known_before => Item::KnownBefore(received.into()),
            Ok(received) => Item::Message(received.into()),
            Err(why) => Item::Unreadable { from, seq, why },
        }));
        let noted = |record| Item::Noted { kind: "key_changed", by: from.to_string(), record };
        round.items.extend(taken.key_changed.map(noted));
        // Acknowledging the last frame acknowledges all before it.
        round.acks.insert(from, ack);
        Ok(())
    }

    /// Decides and commits the round. Items that cannot be decided, or that the database refuses, are found and parked.
    #[allow(clippy::type_complexity, reason = "the four things that change with a commit, used once")]
    async fn settle(
        &mut self,
        round: &mut Round<O>,
    ) -> Result<(Decided, BTreeMap<String, Standing>, Built, Option<i64>), WriterError> {
        let at = self.now();
        let mut culprits: BTreeMap<Culprit, String> = BTreeMap::new();
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
                Err(Failed::Culprit(culprit, why)) => {
                    if culprits.insert(culprit, why.clone()).is_some() {
                        return Err(WriterError::Defect(why));
                    }
                }
                Err(Failed::Somewhere(why)) => {
                    self.metrics.commits_failed.inc();
                    let culprit = self.find_culprit(round, &culprits, at).await?;
                    if culprits.insert(culprit, why.clone()).is_some() {
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

    /// Halves the batch, in rehearsals that are taken back, until the item stands alone with which it cannot be committed.
    async fn find_culprit(
        &mut self,
        round: &Round<O>,
        culprits: &BTreeMap<Culprit, String>,
        at: Moment,
    ) -> Result<Culprit, WriterError> {
        let (mut good, mut bad) = (0, round.items.len());
        while bad - good > 1 {
            let middle = good.midpoint(bad);
            let frames = round.batch.clone();
            match self.attempt(&round.items[..middle], culprits, round.links.clone(), frames, at, true).await {
                Ok(_) => good = middle,
                Err(Failed::Culprit(culprit, _)) => return Ok(culprit),
                Err(Failed::Somewhere(_)) => bad = middle,
                Err(Failed::Store(error)) => return Err(error.into()),
            }
        }
        if round.items.is_empty() {
            return Err(WriterError::Defect("a batch without inputs cannot be committed".into()));
        }
        Ok(Culprit::item(good))
    }

    /// Decides the items and commits them, or rehearses it.
    async fn attempt(
        &mut self,
        items: &[Item<O>],
        culprits: &BTreeMap<Culprit, String>,
        mut links: Links,
        frames: Batch,
        at: Moment,
        rehearsal: bool,
    ) -> Result<(Decided, BTreeMap<String, Standing>, Built, Option<i64>), Failed> {
        let mut deciding = Deciding {
            organisation: self.organisation,
            store: &mut self.store,
            working: Working::new(&mut self.cache),
            at,
            position: self.tip.position,
            sent_seq: links.sent_seq(),
            frozen: links.frozen(),
            parked: self.parked.clone(),
            stuck: BTreeSet::new(),
            culprits,
            traced: self.spans.enabled(),
            done: Decided { batch: frames, ..Decided::default() },
        };
        deciding.all(items).await?;
        let Deciding { working, parked, mut done, .. } = deciding;
        let mut batch = std::mem::take(&mut done.batch);
        let defect = |why: String| Failed::Somewhere(why);
        let position = self.tip.position + u64::try_from(done.entries.len()).unwrap_or_default();
        let changes = &self.changes;
        let mut saved = working.save(&mut batch, position, changes).map_err(|error| defect(error.to_string()))?;
        let earliest = saved.earliest;
        done.rows = std::mem::take(&mut saved.rows);
        let inputs = std::mem::take(&mut done.entries);
        let mut to = journal::append(&mut batch, &self.tip, inputs, saved.states);
        to.exported = self.spans.exported();
        let built = links.build(&done.messages, to.position, at, &mut batch).map_err(defect)?;
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
        parked: BTreeMap<String, Standing>,
        built: Built,
        earliest: Option<i64>,
    ) -> Result<(), WriterError> {
        let now_ms = self.elapsed_ms();
        let committed_ns = crate::clock::unix_ns();
        self.metrics.inputs.inc_by(built.tip.position.saturating_sub(self.tip.position));
        self.tip = built.tip;
        self.links = built.links;
        if self.parked.keys().any(|id| !parked.contains_key(id)) {
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
        self.report();
        let mut replies: BTreeMap<usize, Reply> = decided.replies.into_iter().collect();
        for (at, item) in round.items.into_iter().enumerate() {
            if let (Item::Command(work), Some(reply)) = (item, replies.remove(&at)) {
                // The client may have gone; what was done is done.
                let _ = work.reply.send(reply);
            }
        }
        // Before anything that can fail: whoever takes the database again begins behind this commit.
        self.spans.emit(decided.spans, committed_ns);
        let actions = self.links.committed(&built.frames, now_ms);
        self.links.act(actions, &mut self.store, self.tip.position, now_ms).await?;
        acknowledge(round.acks).await;
        for order in decided.orders {
            self.send_order(order);
        }
        if let Some((reply, told)) = round.operator {
            let failed = decided.undecided.into_iter().find_map(|one| Some((one.retried?, one.why)));
            let _ = reply.send(match failed {
                None => told,
                Some((position, why)) => Told::StillParked { position, why },
            });
        }
        self.report();
        Ok(())
    }

    fn report(&self) {
        let backlog = Backlog {
            queued: self.queues.frames.len() + self.queues.commands.len() + self.queues.ports.len(),
            unreceipted: self.links.unreceipted(),
            sent: self.links.sent_seq(),
            taken: self.links.taken_seq(),
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
            match self.take_again().await {
                Err(WriterError::Store(StoreError::Unavailable { operation, source })) => {
                    tracing::error!(operation, error = %source, "the database is not available");
                }
                done => return done,
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
                    // Whose order is dropped is told that its outcome is unknown.
                    Some(work) = self.queues.maintenance.recv() => drop(work),
                }
            }
        }
    }

    /// Takes the database again under a new epoch and goes on from what is committed there.
    async fn take_again(&mut self) -> Result<(), WriterError> {
        let tip = self.store.reopen().await?;
        // Committed after all, by a commit that nobody saw end.
        self.emit_again(self.tip.position, tip.position).await;
        self.tip = tip;
        self.cache.clear();
        let now_ms = self.elapsed_ms();
        self.links.reload(&mut self.store, now_ms).await?;
        let actions = self.links.begin();
        self.links.act(actions, &mut self.store, self.tip.position, now_ms).await?;
        self.parked = self.store.standing_still().await?;
        self.next_wake = self.store.due(i64::MIN, 1).await?.1;
        // What that commit ordered has not left, and what it changed nobody was told.
        self.repeat_orders().await?;
        self.changes.look();
        Ok(())
    }
}

/// What a writer leaves behind that was asked to stop.
#[derive(Debug)]
pub struct Stopped {
    store: Store,
    tip: Tip,
}

impl Stopped {
    /// Lets another process write at once.
    pub async fn release(&mut self) {
        self.store.release().await;
    }

    /// Closes the database, after the exporter's end: the next start emits again what was not taken by then, and no more.
    pub async fn close(mut self, spans: &mut Exporter) {
        let to = Tip { exported: spans.exported(), ..self.tip.clone() };
        if to != self.tip {
            match self.store.commit(Batch::default(), &self.tip, &to).await {
                Ok(()) => {}
                Err(StoreError::Fenced) => tracing::debug!("the next writer has emitted them again already"),
                Err(error) => tracing::warn!(%error, "spans that were taken will be emitted again"),
            }
        }
        self.store.close().await;
    }
}

/// What came first.
enum First<O: Organisation> {
    Frame(Box<Incoming>),
    Port(ApplicationId, PortAnswer),
    Maintenance(Box<MaintenanceWork>),
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
