//! The channels to the partners: frames judged, built, sent and resent. What the protocol says is in crate `channel`;
//! here are its database rows and its wires.

use super::evidence::{self, Evidence, KEPT_A_DAY};
use crate::{
    config::Config,
    metrics::Metrics,
    pairing::Pairing,
    store::{
        Batch, Direction, Store, StoreError, integer,
        tables::{CHANNEL, FRAME_IN, FRAME_OUT, INCIDENT, Value},
    },
};
use bytes::Bytes;
use channel::{
    Action, BuiltFrame, ChainHash, Channel, FrameMeta, Heads, KeyRing, Known, Limits, Opened, Phase, Resolution,
    Settings, SigningKey, TwoPersons, Unfrozen, Verdict, genesis, open,
};
use contracts::wire::{Received, Unreadable, decode};
use domain::{Moment, Party};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::mpsc;

/// The channels to all partners. A round works on a clone that takes its place after the commit.
#[derive(Clone)]
pub(super) struct Links {
    own: Party,
    key: Arc<SigningKey>,
    own_ring: Arc<KeyRing>,
    each: BTreeMap<Party, Link>,
    evidence: Arc<Evidence>,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
struct Link {
    channel: Channel,
    ring: Arc<KeyRing>,
    publisher: mpsc::Sender<Bytes>,
    settings: Settings,
    first: Vec<Action>,
}

/// What a frame brought.
#[derive(Default)]
pub(super) struct Taken {
    /// Messages by sequence number, read or not readable.
    pub messages: Vec<(u64, Result<Received, Unreadable>)>,
    /// Messages up to here were in custody before the database was set back to an older copy.
    pub known_before: u64,
    /// Evidence or a freeze has to be committed.
    pub must_commit: bool,
    /// It brings messages, and a partner has not shown its heads yet: to be taken later. What it causes could not be said.
    pub too_early: bool,
}

/// What to send to one partner, with the frames of this commit.
pub(super) type Sends = Vec<(Party, Vec<Action>, Vec<Bytes>)>;

impl Links {
    /// The channels as the database has them at this business time.
    #[allow(clippy::too_many_arguments, reason = "what the channels are put together from, in one place")]
    pub async fn start(
        own: Party,
        store: &mut Store,
        pairing: &Pairing,
        key: SigningKey,
        publishers: BTreeMap<Party, mpsc::Sender<Bytes>>,
        config: &Config,
        at: Moment,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StoreError> {
        let own_ring = Arc::new(KeyRing::new(*key.public()));
        let evidence = Arc::new(Evidence::load(store, at).await?);
        let mut links = Links { own, key: Arc::new(key), own_ring, each: BTreeMap::new(), evidence, metrics };
        for (partner, publisher) in publishers {
            let Some(partner_key) = pairing.key(partner) else { continue };
            let settings = Settings { greeting_wait_ms: config.greeting_ms, ..Settings::default() };
            let (us, them) = (links.key.public(), &partner_key);
            let start = |from, to, from_key, to_key| {
                genesis(&config.programme, &config.environment, from, to, from_key, to_key)
            };
            let heads = Heads::at_genesis(start(own, partner, us, them), start(partner, own, them, us));
            let heads = stored_heads(store, partner).await?.unwrap_or(heads);
            let (channel, first) = Channel::start(settings, own, partner, heads, rand::random(), 0);
            let ring = Arc::new(KeyRing::new(partner_key));
            links.each.insert(partner, Link { channel, ring, publisher, settings, first });
        }
        Ok(links)
    }

    /// After the database was lost and found: the heads as it has them, everything volatile anew.
    pub async fn reload(&mut self, store: &mut Store, now_ms: u64) -> Result<(), StoreError> {
        for (partner, link) in &mut self.each {
            if let Some(heads) = stored_heads(store, *partner).await? {
                let (channel, first) = Channel::start(link.settings, self.own, *partner, heads, rand::random(), now_ms);
                link.channel = channel;
                link.first = first;
            }
        }
        Ok(())
    }

    /// The greetings of a start.
    pub fn begin(&mut self) -> Sends {
        self.each.iter_mut().map(|(partner, link)| (*partner, std::mem::take(&mut link.first), Vec::new())).collect()
    }

    /// Ends the freeze of a channel as two persons decided. `Err`: why not, in words.
    pub fn unfreeze(
        &mut self,
        partner: Party,
        resolution: Resolution,
        persons: TwoPersons,
        now_ms: u64,
    ) -> Result<Unfrozen, String> {
        let link = self.each.get_mut(&partner).ok_or_else(|| format!("{partner} is no partner"))?;
        link.channel.unfreeze(resolution, persons, now_ms).map_err(|refusal| refusal.to_string())
    }

    /// Whether every partner has shown its heads, or had its time to.
    pub fn are_open(&self) -> bool {
        self.each.values().all(|link| !matches!(link.channel.phase(), Phase::Greeting { .. }))
    }

    /// Partners to whom nothing can be said until two persons have decided.
    pub fn frozen(&self) -> BTreeSet<Party> {
        let frozen = self.each.iter().filter(|(_, link)| link.channel.phase() == Phase::Frozen);
        frozen.map(|(partner, _)| *partner).collect()
    }

    /// Messages sent and not receipted.
    pub fn unreceipted(&self) -> u64 {
        let each = self.each.values().map(|link| link.channel.heads());
        each.map(|heads| heads.sent.seq.saturating_sub(heads.receipted.seq)).sum()
    }

    /// Per partner: the last number given.
    pub fn sent_seq(&self) -> BTreeMap<Party, u64> {
        self.each.iter().map(|(partner, link)| (*partner, link.channel.heads().sent.seq)).collect()
    }

    /// When a channel has something to do at the latest, ms of the monotonic clock.
    pub fn next_wake(&self) -> u64 {
        self.each.values().map(|link| link.channel.next_wake()).min().unwrap_or(u64::MAX / 2)
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ms: u64) -> Sends {
        let due = self.each.iter_mut().filter(|(_, link)| link.channel.next_wake() <= now_ms);
        due.map(|(partner, link)| (*partner, link.channel.on_tick(now_ms), Vec::new())).collect()
    }

    /// Judges a frame; what it brings is delivered with this batch.
    #[allow(clippy::too_many_arguments, reason = "one frame with where and when it came")]
    pub async fn take(
        &mut self,
        from: Party,
        bytes: &Bytes,
        now_ms: u64,
        at: i64,
        position: u64,
        store: &mut Store,
        batch: &mut Batch,
    ) -> Result<Taken, StoreError> {
        let open_for_all = self.are_open();
        let Some(link) = self.each.get_mut(&from) else { return Ok(Taken::default()) };
        let frame = match open(bytes, &Limits::RECEIVE, &link.ring, from, self.own) {
            Ok(frame) => frame,
            Err(refusal) => {
                self.metrics.frames_refused.inc();
                let kept = Arc::make_mut(&mut self.evidence).refused(batch, at, from, &refusal, bytes);
                match kept {
                    Some(KEPT_A_DAY) => {
                        tracing::warn!(partner = %from, %refusal, "a frame is refused; more of this reason are only counted today");
                    }
                    Some(_) => tracing::warn!(partner = %from, %refusal, "a frame is refused"),
                    None => drop(self.metrics.evidence_dropped.inc()),
                }
                return Ok(Taken { must_commit: kept.is_some(), ..Taken::default() });
            }
        };
        if frame.preamble().is_numbered() && !open_for_all {
            return Ok(Taken { too_early: true, ..Taken::default() });
        }
        let known_before = link.channel.heads().excused_seq;
        let needs = link.channel.needs(&frame);
        let known = Known {
            inbound: hash_at(store, Direction::In, from, needs.inbound_seq, &link.ring, (from, self.own)).await?,
            outbound: hash_at(store, Direction::Out, from, needs.outbound_seq, &self.own_ring, (self.own, from))
                .await?,
        };
        match link.channel.on_frame(&frame, known, now_ms) {
            Verdict::Accept { skip } => {
                self.metrics.frames_taken.inc();
                let preamble = frame.preamble();
                batch.put(&FRAME_IN, frame_row(from, preamble.first(), preamble.last(), position, bytes.to_vec()));
                let messages: Vec<_> =
                    frame.messages().skip(skip).map(|(seq, message, _)| (seq, self.read(from, seq, message))).collect();
                self.metrics.messages_taken.inc_by(u64::try_from(messages.len()).unwrap_or_default());
                Ok(Taken { messages, known_before, must_commit: true, ..Taken::default() })
            }
            Verdict::Froze(freeze) => {
                tracing::error!(partner = %from, %freeze, "the channel is frozen: two persons have to decide");
                evidence::contradiction(batch, at, from, &freeze.to_string(), bytes);
                if let channel::Freeze::Equivocation { seq, .. } = &freeze
                    && let Some(stored) = store.frame_covering(Direction::In, from, *seq).await?
                {
                    evidence::contradiction(batch, at, from, "the frame that was accepted before", &stored);
                }
                incident(batch, from, &freeze.to_string());
                Ok(Taken { must_commit: true, ..Taken::default() })
            }
            Verdict::Duplicate => {
                self.metrics.frames_duplicate.inc();
                Ok(Taken::default())
            }
            Verdict::Gap { expected } => {
                tracing::debug!(partner = %from, expected, "a gap: the frame is dropped");
                Ok(Taken::default())
            }
            Verdict::Nothing | Verdict::Unverified | Verdict::NotYet | Verdict::Frozen => Ok(Taken::default()),
        }
    }

    fn read(&self, from: Party, seq: u64, bytes: &[u8]) -> Result<Received, Unreadable> {
        let received = decode(bytes, from, self.own)?;
        if received.seq != seq {
            let why = format!("it says number {}, the channel says {seq}", received.seq);
            return Err(Unreadable::Attribute { attribute: "id", why });
        }
        Ok(received)
    }

    /// A message that was taken before, from the stored frame.
    pub async fn read_again(&self, from: Party, seq: u64, store: &mut Store) -> Result<Option<Received>, StoreError> {
        let (Some(link), Some(bytes)) = (self.each.get(&from), store.frame_covering(Direction::In, from, seq).await?)
        else {
            return Ok(None);
        };
        let Ok(frame) = open(&bytes, &Limits::RECEIVE, &link.ring, from, self.own) else { return Ok(None) };
        let found = frame.messages().find(|(number, ..)| *number == seq);
        Ok(found.and_then(|(seq, message, _)| self.read(from, seq, message).ok()))
    }

    /// Numbers and signs what is to be said: the outbox rows of this commit.
    pub fn build(
        &mut self,
        messages: &BTreeMap<Party, Vec<Vec<u8>>>,
        position: u64,
        batch: &mut Batch,
    ) -> Result<BTreeMap<Party, Vec<BuiltFrame>>, channel::NumberRefusal> {
        let mut built = BTreeMap::new();
        for (partner, messages) in messages {
            let Some(link) = self.each.get_mut(partner) else { continue };
            let frames = link.channel.next_frames(position, messages, &self.key)?;
            for frame in &frames {
                batch.put(
                    &FRAME_OUT,
                    frame_row(*partner, frame.meta.first, frame.meta.last, position, frame.bytes.clone()),
                );
            }
            built.insert(*partner, frames);
        }
        Ok(built)
    }

    /// Writes the heads that differ from those committed before.
    pub fn save(&self, before: &Links, batch: &mut Batch) {
        for (partner, link) in &self.each {
            let heads = link.channel.heads();
            if before.each.get(partner).is_none_or(|old| old.channel.heads() != heads) {
                // Heads are numbers and hashes: they always write as JSON.
                let body = serde_json::to_string(heads).unwrap_or_default();
                batch.put(&CHANNEL, [partner.to_string().into(), body.into()]);
            }
        }
    }

    /// After the commit: what to send now.
    pub fn committed(&mut self, built: &BTreeMap<Party, Vec<BuiltFrame>>, now_ms: u64) -> Sends {
        let none = Vec::new();
        self.each
            .iter_mut()
            .map(|(partner, link)| {
                let frames = built.get(partner).unwrap_or(&none);
                let metas: Vec<FrameMeta> = frames.iter().map(|frame| frame.meta).collect();
                let messages: u64 = metas.iter().map(|meta| meta.last + 1 - meta.first).sum();
                self.metrics.frames_sent.inc_by(u64::try_from(frames.len()).unwrap_or_default());
                self.metrics.messages_sent.inc_by(messages);
                let actions = link.channel.on_committed(&metas, now_ms);
                (*partner, actions, frames.iter().map(|frame| Bytes::from(frame.bytes.clone())).collect())
            })
            .collect()
    }

    /// Carries out what the channels want sent. Whatever cannot be sent now is resent by its timer.
    pub async fn act(&mut self, sends: Sends, store: &mut Store, position: u64, now_ms: u64) -> Result<(), StoreError> {
        for (partner, actions, fresh) in sends {
            let Some(link) = self.each.get_mut(&partner) else { continue };
            for action in actions {
                match action {
                    Action::Publish { frames } => {
                        for bytes in fresh.iter().take(frames) {
                            publish(link, bytes.clone());
                        }
                    }
                    Action::Send { first, max_bytes } => {
                        let mut metas = Vec::new();
                        for bytes in store.frames_from(Direction::Out, partner, first, max_bytes).await? {
                            if let Ok(frame) = open(&bytes, &Limits::RECEIVE, &self.own_ring, self.own, partner) {
                                metas.push(meta(&frame));
                                self.metrics.frames_resent.inc();
                                publish(link, Bytes::from(bytes));
                            }
                        }
                        link.channel.on_sent(&metas, now_ms);
                    }
                    Action::SendHistory { first, max_bytes } => {
                        for bytes in store.frames_from(Direction::Out, partner, first, max_bytes).await? {
                            self.metrics.frames_resent.inc();
                            publish(link, Bytes::from(bytes));
                        }
                    }
                    Action::SendEmpty(empty) => match link.channel.empty_frame(empty, position, &self.key) {
                        Ok(bytes) => {
                            self.metrics.frames_empty.inc();
                            publish(link, Bytes::from(bytes));
                        }
                        Err(error) => tracing::error!(%partner, %error, "an empty frame cannot be built"),
                    },
                }
            }
        }
        Ok(())
    }
}

fn publish(link: &Link, bytes: Bytes) {
    // A full queue means that the broker is slow or gone; the resend timer will see to it.
    let _ = link.publisher.try_send(bytes);
}

fn meta(frame: &Opened) -> FrameMeta {
    let preamble = frame.preamble();
    FrameMeta {
        first: preamble.first(),
        last: preamble.last(),
        after: preamble.after.hash,
        bytes: frame.bytes().len(),
        receipt_seq: preamble.header.receipt.seq,
    }
}

async fn stored_heads(store: &mut Store, partner: Party) -> Result<Option<Heads>, StoreError> {
    let Some(text) = store.channel(partner).await? else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| StoreError::Unreadable { what: "channel heads", why: error.to_string() })
}

async fn hash_at(
    store: &mut Store,
    direction: Direction,
    partner: Party,
    seq: Option<u64>,
    ring: &KeyRing,
    (from, to): (Party, Party),
) -> Result<Option<ChainHash>, StoreError> {
    let Some(seq) = seq else { return Ok(None) };
    let Some(bytes) = store.frame_covering(direction, partner, seq).await? else { return Ok(None) };
    Ok(open(&bytes, &Limits::RECEIVE, ring, from, to).ok().and_then(|frame| frame.hash_at(seq)))
}

fn frame_row(partner: Party, first: u64, last: u64, position: u64, bytes: Vec<u8>) -> [Value; 5] {
    [partner.to_string().into(), integer(last).into(), integer(first).into(), integer(position).into(), bytes.into()]
}

/// Names the incident of a frozen channel.
pub(super) fn incident_id(partner: Party) -> String {
    format!("channel/{partner}")
}

fn incident(batch: &mut Batch, partner: Party, what: &str) {
    let id = incident_id(partner);
    let body = json!({
        "incident_id": id, "application_id": null, "owner": "operator", "step": "channel",
        "what": format!("与 {partner} 的通道已冻结，须两人处理：{what}"),
    });
    batch.put(&INCIDENT, [id.into(), "".into(), "operator".into(), body.to_string().into()]);
}
