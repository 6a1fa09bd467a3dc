//! A batch on its way: each input is decided on the working set that the ones before it left behind.

use super::{
    item::{Item, ParkedInput, application_of, describe, text},
    links,
    working::{LoadError, Working},
};
use crate::{
    clock::unix_ns,
    handle::{Arrival, CommandWork, CommittedRow, Idempotency, Reply, Seen, StoredAnswer},
    journal::Entry,
    papers::part_token,
    spans::{self, Spanned},
    store::{
        Batch, Standing, Store, StoreError, integer,
        tables::{ANSWER, DISCLOSURE, INCIDENT, PARKED, PORT_ORDER, VAULT, VAULT_ANEW},
    },
    vault::Sealed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::{
    Message,
    wire::{Envelope, Unreadable, encode},
};
use domain::{ApplicationId, Moment, Party};
use organisation::{Answer, Did, Input, Key, Organisation, Outcome, PortOrder, Recorded, Refusal, RefusalKind, Stop};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
};
use telemetry::TraceContext;

/// How often a decision may stop for a row that was not loaded before it counts as a defect.
const MAX_ROUNDS: usize = 16;
/// How many inputs one input may cause in its own organisation before it counts as a defect.
const MAX_FOLLOWING: usize = 10_000;

/// Why a message stands still that was in custody before the database was set back to an older copy.
const KNOWN_BEFORE: &str = "it was receipted before this database was restored from an old copy, and may have been decided then: compare \
                            with what the partners hold of it, then retry to decide it anew";

/// Why an input stands still whose application does.
const WAITS_BEHIND: &str = "waits behind a parked input";

/// What an input came from, for its span.
struct Cause<'a> {
    /// The span that it continues.
    parent: Option<String>,
    /// How a command came.
    arrival: Option<&'a Arrival>,
    /// The hash of what its giver was shown.
    shown: Option<&'a str>,
}

impl Cause<'_> {
    fn span(context: String) -> Self {
        Cause { parent: Some(context), arrival: None, shown: None }
    }
}

/// What cannot be decided: an item of the batch, or what follows from it in another application, which is then parked there
/// while the item stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Culprit {
    item: usize,
    follow: Option<Key>,
}

impl Culprit {
    /// The item itself.
    pub fn item(item: usize) -> Self {
        Culprit { item, follow: None }
    }
}

/// Why a batch could not be prepared.
#[derive(Debug)]
pub(super) enum Failed {
    /// The database.
    Store(StoreError),
    /// This one is to be parked: a defect, in words.
    Culprit(Culprit, String),
    /// One of the items is, and which one has to be found: the batch as a whole cannot be written, sent or committed.
    Somewhere(String),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected { .. } => Failed::Somewhere(error.to_string()),
            _ => Failed::Store(error),
        }
    }
}

/// Decides the items of one batch.
pub(super) struct Deciding<'a, 'c, O: Organisation> {
    pub organisation: &'a O,
    pub store: &'a mut Store,
    pub working: Working<'c, O>,
    /// Business time of the batch.
    pub at: Moment,
    /// Journal position of the last entry so far.
    pub position: u64,
    /// Per partner: the sequence number of the last message so far.
    pub sent_seq: BTreeMap<Party, u64>,
    /// Partners to whom nothing can be said: what would say something to them has to wait.
    pub frozen: BTreeSet<Party>,
    /// Applications that stand still behind a parked input.
    pub parked: BTreeMap<String, Standing>,
    /// Applications whose parked input was retried in vain in this batch.
    pub stuck: BTreeSet<String>,
    /// What was found before to be undecidable, and why: it is parked.
    pub culprits: &'a BTreeMap<Culprit, String>,
    pub traced: bool,
    pub done: Decided,
}

/// What deciding a batch came to.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub entries: Vec<Entry>,
    /// Per partner: the messages, as bytes, in order.
    pub messages: BTreeMap<Party, Vec<Vec<u8>>>,
    /// By item: the reply to its command.
    pub replies: Vec<(usize, Reply)>,
    /// The organisation's own rows that were written.
    pub rows: Vec<CommittedRow>,
    pub orders: Vec<PortOrder>,
    pub spans: Vec<Spanned>,
    pub undecided: Vec<Undecided>,
    pub batch: Batch,
    pub refused: u64,
    pub parked: u64,
}

/// An input that could not be decided, as the log tells it once the rest is committed.
#[derive(Debug)]
pub(super) struct Undecided {
    application_id: Option<ApplicationId>,
    trace_id: Option<String>,
    /// Of a parked input that was retried: its journal position.
    pub retried: Option<u64>,
    pub why: String,
}

impl Undecided {
    pub fn log(&self) {
        let saga_id = self.application_id.as_ref().map(organisation::saga_id);
        let application_id = self.application_id.as_ref().map(ToString::to_string);
        let Undecided { trace_id, retried, why, .. } = self;
        tracing::error!(why, application_id, saga_id, trace_id, retried, "an input cannot be decided");
    }
}

impl<O: Organisation> Deciding<'_, '_, O> {
    /// Decides every item, and parks the culprits instead.
    pub async fn all(&mut self, items: &[Item<O>]) -> Result<(), Failed> {
        let inputs: Vec<Option<Input<O::Command>>> = items.iter().map(Item::input).collect();
        self.prefetch(items, &inputs).await?;
        for (at, (item, input)) in items.iter().zip(&inputs).enumerate() {
            match self.culprits.get(&Culprit::item(at)) {
                Some(why) => self.park(at, item, why),
                None => self.one(at, item, input.as_ref()).await?,
            }
        }
        Ok(())
    }

    /// Loads what the items say they need, in as few statements as the rows allow.
    async fn prefetch(&mut self, items: &[Item<O>], inputs: &[Option<Input<O::Command>>]) -> Result<(), Failed> {
        let answers: BTreeSet<String> = items.iter().filter_map(answer_id).collect();
        for _ in 0..MAX_ROUNDS {
            let mut wanted = BTreeSet::new();
            for input in inputs.iter().flatten() {
                self.organisation.needs(input, &self.working.rows, &mut wanted);
            }
            match self.working.load(self.store, &wanted, &answers).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(LoadError::Store(error)) => return Err(error.into()),
                // The row's own decision will stumble over it and be parked.
                Err(LoadError::Body { .. }) => break,
            }
        }
        Ok(())
    }

    async fn one(&mut self, at: usize, item: &Item<O>, input: Option<&Input<O::Command>>) -> Result<(), Failed> {
        let application = item.application_id();
        match item {
            // A later build may know it, be it about an application or not.
            Item::Unreadable { why: why @ Unreadable::UnknownType { .. }, .. } => self.park(at, item, &why.to_string()),
            Item::Unreadable { from, seq, why } => self.audit_unreadable(*from, *seq, why),
            // What was decided on it then is signed and with the partners; deciding again could say something else.
            Item::KnownBefore(_) if !application.as_ref().is_some_and(|id| self.parked.contains_key(id)) => {
                self.park(at, item, KNOWN_BEFORE);
            }
            Item::Drop { position, because, application_id } => {
                self.settle_parked(*position, "dropped", because, application_id.as_deref());
            }
            Item::Unfrozen { partner, set_back, record } => {
                // The channel's incident is settled.
                self.done.batch.delete(&INCIDENT, links::incident_id(*partner));
                self.note("repair", "operator", record);
                if *set_back {
                    self.decide(at, item, input).await?;
                }
            }
            Item::Unheard(unheard) => self.set_aside(unheard.input.clone(), &unheard.why, "parked", None),
            Item::Noted { kind, by, record } => self.note(kind, by, record),
            Item::Disclosed { application_id, by, because } => {
                let record = json!({ "application_id": application_id, "because": because }).to_string();
                self.note("disclosed", by, &record);
                let (position, at) = (integer(self.position), self.at.millis());
                let (id, by, because) = (application_id.as_str(), by.as_str(), because.as_str());
                self.done.batch.put(&DISCLOSURE, [position.into(), at.into(), id.into(), by.into(), because.into()]);
            }
            // What could not be decided this time may be tried again under the same key.
            Item::Carried { .. } if !self.stuck.is_empty() => {}
            Item::Carried { under, said } => self.keep_answer(under, said.status, Ok(said.body.clone()), None),
            // Nothing was to be decided: the operator has settled it.
            Item::Retry { position, because, input: ParkedInput::Unheard { incident_id, .. }, .. } => {
                self.done.batch.delete(&INCIDENT, incident_id.clone());
                self.settle_parked(*position, "retried", because, None);
            }
            // Behind a retry that failed again everything goes on waiting.
            Item::Retry { .. } if application.as_ref().is_some_and(|id| self.stuck.contains(id)) => {}
            Item::Retry { .. } => self.decide(at, item, input).await?,
            // Its timer fires again when the application moves again.
            Item::Due(_) if application.as_ref().is_some_and(|id| self.parked.contains_key(id)) => {}
            _ if application.as_ref().is_some_and(|id| self.parked.contains_key(id)) => {
                self.hold(at, item, application)
            }
            _ => self.decide(at, item, input).await?,
        }
        Ok(())
    }

    /// Decides one input and everything that it makes follow.
    async fn decide(&mut self, at: usize, item: &Item<O>, input: Option<&Input<O::Command>>) -> Result<(), Failed> {
        if let Item::Command(work) = item
            && let Some(reply) = self.answered_before(work)
        {
            self.done.replies.push((at, reply));
            return Ok(());
        }
        let Some(input) = input else {
            self.park(at, item, "this build still cannot read the message");
            return Ok(());
        };
        let started_ns = unix_ns();
        let mut following = VecDeque::new();
        let stale = match item {
            Item::Command(work) => self.stale(at, work).await?,
            _ => None,
        };
        let decided = match stale {
            Some(refusal) => {
                // The core is not asked, so no row of a decision before this one is its own.
                self.working.rows.begin();
                Err(refusal)
            }
            None => self.core(&Culprit::item(at), input).await?,
        };
        let decided_on = decided.as_ref().ok().and_then(|outcome| outcome.application_id.as_ref());
        let own = decided_on.map(ToString::to_string).or_else(|| item.application_id());
        let (arrival, shown) = match item {
            Item::Command(work) => (Some(&work.arrival), work.expected.as_ref().and_then(|seen| seen.shown.as_deref())),
            _ => (None, None),
        };
        let cause = Cause { parent: spans::parent_of(item), arrival, shown };
        match decided {
            Ok(outcome) => {
                let context = self.record(input, &outcome, None, cause, started_ns);
                following.extend(outcome.follow.iter().cloned().map(|key| (key, context.clone())));
                if let Input::Message(received) = input {
                    self.keep_part(&received.message);
                }
                if let Item::Command(work) = item {
                    self.keep_personal_data(work, outcome.application_id.as_ref());
                    self.answer(at, work, Ok(outcome.answer));
                }
            }
            Err(refusal) => {
                self.done.refused += 1;
                let outcome = Outcome { application_id: known(item), ..Outcome::default() };
                self.record(input, &outcome, Some(&refusal), cause, started_ns);
                if let Item::Command(work) = item {
                    self.answer(at, work, Err(refusal));
                }
            }
        }
        if let Item::Retry { position, because, .. } = item {
            self.settle_parked(*position, "retried", because, item.application_id().as_deref());
        }
        let mut count = 0;
        while let Some((key, cause)) = following.pop_front() {
            count += 1;
            if count > MAX_FOLLOWING {
                let why = format!("it makes more than {MAX_FOLLOWING} inputs follow");
                return Err(Failed::Culprit(Culprit::item(at), why));
            }
            // What follows in another application stands or falls by itself; in its own it is a part of this decision.
            let other = application_of(&key).filter(|id| own.as_ref() != Some(id));
            let culprit = Culprit { item: at, follow: other.is_some().then(|| key.clone()) };
            if let Some(id) = other {
                if let Some(standing) = self.parked.get(&id) {
                    // It looks again once, when it moves again, however often it was to look meanwhile.
                    if standing.follow.is_none() {
                        self.set_aside(ParkedInput::Follow { key: key.to_string() }, WAITS_BEHIND, "held", Some(id));
                    }
                    continue;
                }
                if let Some(why) = self.culprits.get(&culprit) {
                    self.park_follow(id, &key, &cause, why);
                    continue;
                }
            }
            let input = Input::Follow(key);
            let started_ns = unix_ns();
            match self.core(&culprit, &input).await? {
                Ok(outcome) => {
                    let context = self.record(&input, &outcome, None, Cause::span(cause), started_ns);
                    following.extend(outcome.follow.into_iter().map(|key| (key, context.clone())));
                }
                Err(refusal) => {
                    self.record(&input, &Outcome::default(), Some(&refusal), Cause::span(cause), started_ns);
                }
            }
        }
        Ok(())
    }

    /// Calls the core, loading what it misses. `Ok(Err(_))`: a business refusal. If it cannot be decided, `culprit` is to blame.
    async fn core(
        &mut self,
        culprit: &Culprit,
        input: &Input<O::Command>,
    ) -> Result<Result<Outcome<O::Fact>, Refusal>, Failed> {
        let culprit = |why: String| Failed::Culprit(culprit.clone(), why);
        for _ in 0..MAX_ROUNDS {
            let (organisation, rows, moment) = (self.organisation, &mut self.working.rows, self.at);
            // A panic in a core is a defect of this one input; the rows that it held are loaded anew.
            let decided = catch_unwind(AssertUnwindSafe(|| organisation::decide(organisation, input, moment, rows)));
            match decided {
                Err(panic) => return Err(culprit(format!("the core panicked: {}", panic_text(&panic)))),
                Ok(Ok(outcome)) => {
                    let mut receivers = outcome.messages.iter().map(|message| message.kind().route().1);
                    return match receivers.find(|to| self.frozen.contains(to)) {
                        Some(to) => Err(culprit(format!("the channel to {to} is frozen"))),
                        None => Ok(Ok(outcome)),
                    };
                }
                Ok(Err(Stop::Refused(refusal))) => return Ok(Err(refusal)),
                Ok(Err(Stop::Illegal(why))) => return Err(culprit(why)),
                Ok(Err(Stop::NotLoaded(missing))) => {
                    let mut wanted = BTreeSet::from([missing.0]);
                    self.organisation.needs(input, &self.working.rows, &mut wanted);
                    match self.working.load(self.store, &wanted, &BTreeSet::new()).await {
                        Ok(_) => {}
                        Err(LoadError::Store(error)) => return Err(error.into()),
                        Err(error) => return Err(culprit(error.to_string())),
                    }
                }
            }
        }
        Err(culprit(format!("it asks for rows without end, {MAX_ROUNDS} rounds")))
    }

    /// The journal row of a decision, its messages, orders and spans. Returns the context of its span.
    fn record(
        &mut self,
        input: &Input<O::Command>,
        outcome: &Outcome<O::Fact>,
        refusal: Option<&Refusal>,
        Cause { parent, arrival, shown }: Cause<'_>,
        started_ns: u64,
    ) -> String {
        self.position += 1;
        for recorded in &outcome.recorded {
            if let Recorded::Booked(voucher) = recorded {
                self.working.booked(voucher, self.position);
            }
        }
        let (kind, source, content) = describe(input, shown);
        let application_id = outcome.application_id.as_ref().map(ToString::to_string);
        let saga_id = outcome.saga_id();
        let before = self.last_trace();
        let spanned = Spanned::new(O::PARTY, &saga_id, self.position, kind, input, parent, before, arrival, started_ns);
        let mut sent = String::new();
        for (n, message) in outcome.messages.iter().enumerate() {
            let to = message.kind().route().1;
            let seq = self.sent_seq.entry(to).or_default();
            *seq += 1;
            let traceparent = spanned.producer(n);
            let envelope = Envelope { seq: *seq, at: self.at, saga_id: &saga_id, traceparent: Some(&traceparent) };
            // Every message type writes as JSON; an empty message would be refused by the receiver and audited.
            let bytes = encode(message, &envelope).unwrap_or_default();
            self.done.messages.entry(to).or_default().push(bytes);
            let _ = write!(sent, "{to}:{seq} ");
        }
        if let Input::Port { answer, .. } = input {
            self.done.batch.delete(&PORT_ORDER, answer.key().to_owned());
        }
        for order in &outcome.orders {
            self.done.batch.put(
                &PORT_ORDER,
                [
                    order.key.clone().into(),
                    integer(self.position).into(),
                    serde_json::to_string(order).unwrap_or_default().into(),
                ],
            );
            self.done.orders.push(order.clone());
        }
        let context = spanned.context();
        for key in self.working.rows.accepted().to_vec() {
            if application_of(&key).is_some() {
                self.working.traces.insert(key, context.clone());
            }
        }
        let spanned = self.traced.then(|| spanned.finish::<O>(outcome, refusal));
        self.done.entries.push(Entry {
            at: self.at.millis(),
            application_id,
            kind: if refusal.is_some() { "refused" } else { kind },
            source,
            input: content,
            recorded: text(&outcome.recorded),
            refusal: refusal.and_then(|refusal| serde_json::to_string(refusal).ok()),
            sent: sent.trim_end().to_owned(),
            trace: Some(spanned.as_ref().map_or_else(|| context.clone(), Spanned::kept)),
        });
        self.done.spans.extend(spanned);
        context
    }

    /// Trace context of the last change of the application whose row the decision under way has changed.
    fn last_trace(&self) -> Option<String> {
        self.working.rows.accepted().iter().find_map(|key| self.working.traces.get(key).cloned())
    }

    fn answered_before(&self, work: &CommandWork<O::Command>) -> Option<Reply> {
        let idempotency = work.idempotency.as_ref()?;
        let stored = self.working.answers.get(&idempotency.id())?.as_ref()?;
        let Some(stored) = StoredAnswer::for_this(stored, idempotency) else { return Some(Reply::KeyReused) };
        let StoredAnswer { status, answer, version, .. } = stored;
        Some(Reply::Decided { status, body: answer, version, replayed: true })
    }

    async fn stale(&mut self, at: usize, work: &CommandWork<O::Command>) -> Result<Option<Refusal>, Failed> {
        let Some(Seen { key, version, .. }) = &work.expected else { return Ok(None) };
        match self.working.load(self.store, &BTreeSet::from([key.clone()]), &BTreeSet::new()).await {
            Ok(_) => {}
            Err(LoadError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(Failed::Culprit(Culprit::item(at), error.to_string())),
        }
        let now = self.working.rows.version(key);
        if now == *version || now == 0 {
            return Ok(None);
        }
        let detail = format!("您看到的是第 {version} 版，现在是第 {now} 版。请重新读取后再决定。");
        Ok(Some(Refusal::new(RefusalKind::Stale, "STALE", "内容已更新", detail)))
    }

    /// Keeps the answer under its key and replies after the commit.
    fn answer(&mut self, at: usize, work: &CommandWork<O::Command>, answer: Result<Option<Answer>, Refusal>) {
        let status = match &answer {
            Ok(Some(Answer { did: Did::Created, .. })) => 201,
            Ok(Some(Answer { did: Did::Proposed, .. })) => 202,
            Ok(_) => 200,
            Err(refusal) => match refusal.kind {
                RefusalKind::Forbidden => 403,
                RefusalKind::NotFound => 404,
                RefusalKind::Conflict => 409,
                RefusalKind::Stale => 412,
                RefusalKind::Invalid => 422,
            },
        };
        let shown = answer.as_ref().ok().and_then(Option::as_ref);
        let row = shown.and_then(|answer| answer.shows.as_ref());
        let version = row.map(|key| self.working.rows.version(key));
        let answer = answer.map(|answer| answer.map_or(Value::Null, |answer| answer.body));
        if let Some(idempotency) = &work.idempotency {
            self.keep_answer(idempotency, status, answer.clone(), version);
        }
        self.done.replies.push((at, Reply::Decided { status, body: answer, version, replayed: false }));
    }

    fn keep_answer(
        &mut self,
        idempotency: &Idempotency,
        status: u16,
        answer: Result<Value, Refusal>,
        version: Option<u64>,
    ) {
        let stored = StoredAnswer { body_hash: hex::encode(idempotency.body_hash), status, answer, version };
        let body = text(&stored);
        let id = idempotency.id();
        // A second request under this key in the same batch finds it as if it were committed: it will be, with this one.
        self.working.answers.insert(id.clone(), Some(body.clone()));
        self.done.batch.put(&ANSWER, [id.into(), integer(self.position).into(), body.into()]);
    }

    fn keep_personal_data(&mut self, work: &CommandWork<O::Command>, application_id: Option<&ApplicationId>) {
        if let (Some(sealed), Some(id)) = (&work.sealed, application_id) {
            let Sealed { kind, token, key, data } = sealed.clone();
            let row = [token.into(), id.to_string().into(), data.into(), key.into(), kind.code().into()];
            self.done.batch.put(&VAULT, row);
        }
    }

    /// A part of a paper that the core has taken is kept as it came: sealed to this organisation's letterbox, whose key alone
    /// opens it, so that it needs none of its own.
    fn keep_part(&mut self, message: &Message) {
        let (Message::PaperForGuarantor(part) | Message::PaperForBank(part)) = message else { return };
        // What is no base64 was sealed by nobody; without its bytes the paper stays incomplete.
        let Ok(sealed) = STANDARD.decode(&part.sealed) else { return };
        let token = part_token(&part.letterbox, &part.paper.address, part.part);
        let id = part.about.application_id.to_string();
        self.done.batch.put(&VAULT_ANEW, [token.into(), id.into(), sealed.into(), Vec::new().into(), "part".into()]);
    }

    /// A message that no correct partner sends: audited, nothing else changes, the channel goes on.
    fn audit_unreadable(&mut self, from: Party, seq: u64, why: &Unreadable) {
        self.position += 1;
        self.done.refused += 1;
        self.done.entries.push(Entry {
            at: self.at.millis(),
            kind: "refused",
            source: from.to_string(),
            input: json!({ "seq": seq }).to_string(),
            recorded: "[]".into(),
            refusal: Some(json!({ "code": "UNREADABLE", "detail": why.to_string() }).to_string()),
            ..Entry::default()
        });
    }

    /// Puts an input aside that cannot be decided; its application stands still behind it.
    fn park(&mut self, at: usize, item: &Item<O>, why: &str) {
        let trace_id = spans::trace_of(item);
        if let Item::Command(_) = item {
            // A command changes nothing if it cannot be decided; whoever gave it is told, and finds why in the log.
            self.done.replies.push((at, Reply::Undecidable { trace_id: trace_id.clone().unwrap_or_default() }));
        }
        let retried = if let Item::Retry { position, .. } = item { Some(*position) } else { None };
        self.done.undecided.push(Undecided { application_id: known(item), trace_id, retried, why: why.to_owned() });
        if retried.is_some() {
            // What is held behind it goes on waiting too.
            self.stuck.extend(item.application_id());
            return;
        }
        if let Some(parked) = item.parked() {
            self.set_aside(parked, why, "parked", item.application_id());
        }
    }

    /// Puts aside under its own application what was to follow there and cannot be decided; what made it follow stands.
    fn park_follow(&mut self, application: String, key: &Key, cause: &str, why: &str) {
        let application_id = ApplicationId::parse(&application).ok();
        let trace_id = TraceContext::parse(cause).ok().map(|context| context.trace_id_hex());
        self.done.undecided.push(Undecided { application_id, trace_id, retried: None, why: why.to_owned() });
        self.set_aside(ParkedInput::Follow { key: key.to_string() }, why, "parked", Some(application));
    }

    fn hold(&mut self, at: usize, item: &Item<O>, application: Option<String>) {
        if let Item::Command(work) = item {
            // What was answered before is answered again, whatever has become of the application since.
            let reply = self.answered_before(work).unwrap_or(Reply::Parked);
            self.done.replies.push((at, reply));
            return;
        }
        if let Some(parked) = item.parked() {
            self.set_aside(parked, WAITS_BEHIND, "held", application);
        }
    }

    fn set_aside(&mut self, parked: ParkedInput, why: &str, state: &'static str, application: Option<String>) {
        self.position += 1;
        self.done.parked += 1;
        let input = serde_json::to_string(&parked).unwrap_or_default();
        let source = match &parked {
            ParkedInput::Message { from, .. } => from.to_string(),
            ParkedInput::Due { .. } => "clock".into(),
            ParkedInput::Port { .. } => "port".into(),
            ParkedInput::Follow { .. } | ParkedInput::Unheard { .. } => "self".into(),
        };
        if let Some(id) = &application {
            let standing = self.parked.entry(id.clone()).or_default();
            standing.inputs += 1;
            if let ParkedInput::Follow { .. } = parked {
                standing.follow = Some(self.position);
            }
        }
        self.done.batch.put(
            &PARKED,
            [
                integer(self.position).into(),
                application.clone().into(),
                source.clone().into(),
                why.into(),
                input.clone().into(),
                self.at.millis().into(),
                state.into(),
            ],
        );
        self.done.entries.push(Entry {
            at: self.at.millis(),
            application_id: application,
            kind: "parked",
            source,
            input,
            recorded: "[]".into(),
            refusal: Some(json!({ "code": "PARKED", "detail": why }).to_string()),
            ..Entry::default()
        });
    }

    /// A journal row of what was done to the shell itself, and by whom.
    fn note(&mut self, kind: &'static str, by: &str, record: &str) {
        self.position += 1;
        self.done.entries.push(Entry {
            at: self.at.millis(),
            kind,
            source: by.to_owned(),
            input: record.to_owned(),
            recorded: "[]".into(),
            ..Entry::default()
        });
    }

    /// A parked input was retried or dropped by an operator; its application moves again when none is left.
    fn settle_parked(&mut self, position: u64, state: &'static str, because: &str, application: Option<&str>) {
        self.done.batch.settle_parked(position, state);
        if let Some(id) = application
            && let Some(standing) = self.parked.get_mut(id)
        {
            standing.inputs = standing.inputs.saturating_sub(1);
            standing.follow = standing.follow.filter(|follow| *follow != position);
            if standing.inputs == 0 {
                self.parked.remove(id);
            }
        }
        self.position += 1;
        self.done.entries.push(Entry {
            at: self.at.millis(),
            application_id: application.map(str::to_owned),
            kind: "repair",
            source: "operator".into(),
            input: json!({ "parked": position, "state": state, "because": because }).to_string(),
            recorded: "[]".into(),
            ..Entry::default()
        });
    }
}

fn known<O: Organisation>(item: &Item<O>) -> Option<ApplicationId> {
    item.application_id().and_then(|id| ApplicationId::parse(&id).ok())
}

fn answer_id<O: Organisation>(item: &Item<O>) -> Option<String> {
    match item {
        Item::Command(work) => work.idempotency.as_ref().map(Idempotency::id),
        _ => None,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_answer_that_was_stored_without_a_version_still_reads() {
        let old = r#"{"body_hash":"00","status":200,"answer":{"Ok":{"state":"READY"}}}"#;
        let stored: StoredAnswer = serde_json::from_str(old).unwrap();
        assert_eq!((stored.status, stored.version), (200, None));
        assert_eq!(serde_json::to_string(&stored).unwrap(), old);
    }
}
