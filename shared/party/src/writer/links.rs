//! The channels to the partners: frames judged, built, sent and resent. What the protocol says is in crate `channel`;
//! here are its database rows and its wires.

use super::{
    WriterError,
    evidence::{self, Evidence, KEPT_A_DAY},
    forked::{Forked, Unheard},
    rings,
};
use crate::{
    config::Config,
    key_change::{self, SigningKeys, unbelievable},
    metrics::Metrics,
    pairing::{Pairing, PairingError},
    store::{
        Batch, Direction, Store, StoreError, integer,
        tables::{FRAME_IN, FRAME_OUT, INCIDENT, Value},
    },
};
use bytes::Bytes;
use channel::{
    Action, BuiltFrame, ChainHash, Channel, FrameMeta, FrameRefusal, Heads, KeyChange, KeyRing, Known, Limits, Opened,
    Phase, PublicKey, Resolution, Rings, Settings, SigningKey, TwoPersons, Unfrozen, Verdict, open,
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
    keys: Arc<SigningKeys>,
    /// The key that the next commit changes to.
    next_key: Option<PublicKey>,
    each: BTreeMap<Party, Link>,
    evidence: Arc<Evidence>,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
struct Link {
    channel: Channel,
    rings: Arc<Rings>,
    publisher: mpsc::Sender<Bytes>,
    settings: Settings,
    first: Vec<Action>,
}

/// What a frame brought.
#[derive(Default)]
pub(super) struct Taken {
    /// Messages by sequence number, read or not readable.
    pub messages: Vec<(u64, Result<Received, Unreadable>)>,
    /// The partner signs with another key from now on; which, as JSON.
    pub key_changed: Option<String>,
    /// Messages up to here were in custody before the database was set back to an older copy.
    pub known_before: u64,
    /// Evidence, a freeze, or that the partner was heard has to be committed.
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
        keys: SigningKeys,
        publishers: BTreeMap<Party, mpsc::Sender<Bytes>>,
        config: &Config,
        at: Moment,
        metrics: Arc<Metrics>,
    ) -> Result<Self, WriterError> {
        let evidence = Arc::new(Evidence::load(store, at).await?);
        let own_first = pairing.key(own).ok_or(PairingError::Missing(own))?;
        let keys = Arc::new(keys);
        let mut links = Links { own, keys, next_key: None, each: BTreeMap::new(), evidence, metrics };
        for (partner, publisher) in publishers {
            let Some(their_first) = pairing.key(partner) else { continue };
            let settings = Settings { greeting_wait_ms: config.greeting_ms, ..Settings::default() };
            let names = (config.programme.as_str(), config.environment.as_str());
            let rings = rings::load(&Rings::new(names, (own, own_first), (partner, their_first)), store).await?;
            let heads = stored_heads(store, partner).await?.unwrap_or_else(|| rings.first_heads());
            let (channel, first) = Channel::start(settings, own, partner, heads, rand::random(), 0);
            let link = Link { channel, rings: Arc::new(rings), publisher, settings, first };
            if links.keys.of(link.signs_now()).is_none() {
                let (in_force, at_hand) = (link.signs_now().id(), links.keys.ids());
                return Err(PairingError::OtherOwnKey { own, partner, in_force, at_hand }.into());
            }
            links.each.insert(partner, link);
        }
        Ok(links)
    }

    /// After the database was lost and found: the heads as it has them, everything volatile anew.
    pub async fn reload(&mut self, store: &mut Store, now_ms: u64) -> Result<(), StoreError> {
        for (partner, link) in &mut self.each {
            link.rings = Arc::new(rings::load(&link.rings, store).await?);
            let heads = stored_heads(store, *partner).await?.unwrap_or_else(|| link.rings.first_heads());
            let (channel, first) = Channel::start(link.settings, self.own, *partner, heads, rand::random(), now_ms);
            link.channel = channel;
            link.first = first;
        }
        Ok(())
    }

    /// The greetings of a start.
    pub fn begin(&mut self) -> Sends {
        self.each.iter_mut().map(|(partner, link)| (*partner, std::mem::take(&mut link.first), Vec::new())).collect()
    }

    /// Ends the freeze of a channel as two persons decided. What the partner's history does not have of ours leaves the outbox
    /// with this batch, and is returned for the operator. `Err`: why not, in words; then nothing has changed.
    pub async fn unfreeze(
        &mut self,
        partner: Party,
        resolution: Resolution,
        persons: TwoPersons,
        (now_ms, at, position): (u64, i64, u64),
        store: &mut Store,
        batch: &mut Batch,
    ) -> Result<Result<(Unfrozen, Option<Unheard>), String>, StoreError> {
        let Some(known) = self.each.get_mut(&partner) else { return Ok(Err(format!("{partner} is no partner"))) };
        let mut link = known.clone();
        let ways = (self.own, partner);
        let seq = link.channel.needs_to_unfreeze();
        let ours = hash_at(store, Direction::Out, partner, seq, &link.rings.own, ways).await?;
        let unfrozen = match link.channel.unfreeze(resolution, persons, ours, now_ms) {
            Ok(unfrozen) => unfrozen,
            Err(refusal) => return Ok(Err(refusal.to_string())),
        };
        let mut forked = None;
        if let Some(above) = unfrozen.forked_above {
            let found = Forked::load(ways, above, &link.rings.own, store).await?;
            // A change of key that was stated there is in force nowhere: the partner would refuse what the new key signs.
            for from_seq in &found.key_changes {
                Arc::make_mut(&mut link.rings).own.forget(*from_seq);
            }
            forked = Some(found);
        }
        if let Err(why) = link.signer(&self.keys) {
            return Ok(Err(why));
        }
        *known = link;
        Ok(Ok((unfrozen, forked.map(|forked| forked.take_out(at, position, batch)))))
    }

    /// With the next commit every partner is told that this key signs from then on. `Err`: why not, in words.
    pub fn change_key(&mut self, key: PublicKey) -> Result<(), String> {
        if self.keys.of(&key).is_none() {
            return Err("no signing key file of this service holds this key".into());
        }
        for (partner, link) in &self.each {
            if link.rings.own.holds(&key) {
                return Err(format!("towards {partner} this key signs already, or has signed"));
            }
            // All are told in one commit or none.
            if link.channel.phase() != Phase::Open {
                return Err(format!("the channel to {partner} is not open"));
            }
        }
        self.next_key = Some(key);
        Ok(())
    }

    /// Whether the next commit changes the key.
    pub fn changes_key(&self) -> bool {
        self.next_key.is_some()
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

    /// Per partner: the last number taken.
    pub fn taken_seq(&self) -> BTreeMap<Party, u64> {
        self.each.iter().map(|(partner, link)| (*partner, link.channel.heads().received.seq)).collect()
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
        let rings = Arc::clone(&link.rings);
        let frame = match open(bytes, &Limits::RECEIVE, &rings.theirs, from, self.own) {
            Ok(frame) => frame,
            // Its sender may have changed its key in a frame that waits to be taken.
            Err(FrameRefusal::UnknownKey { .. }) if !open_for_all => {
                return Ok(Taken { too_early: true, ..Taken::default() });
            }
            Err(refusal) => {
                self.metrics.frames_refused.inc();
                return Ok(self.refused(batch, at, from, refusal.code(), &refusal.to_string(), bytes));
            }
        };
        if frame.preamble().is_numbered() && !open_for_all {
            return Ok(Taken { too_early: true, ..Taken::default() });
        }
        let known_before = link.channel.heads().excused_seq;
        let needs = link.channel.needs(&frame);
        let known = Known {
            inbound: hash_at(store, Direction::In, from, needs.inbound_seq, &rings.theirs, (from, self.own)).await?,
            outbound: hash_at(store, Direction::Out, from, needs.outbound_seq, &rings.own, (self.own, from)).await?,
        };
        let unheard = link.channel.heads().unheard_from;
        let verdict = link.channel.on_frame(&frame, known, now_ms);
        // Once after a start: a copy of the database would else take what the partner has for what it never heard.
        let must_commit = link.channel.heads().unheard_from != unheard;
        match verdict {
            Verdict::Accept { skip } => {
                self.metrics.frames_taken.inc();
                let preamble = frame.preamble();
                batch.put(&FRAME_IN, frame_row(from, preamble.first(), preamble.last(), position, bytes.to_vec()));
                let mut taken = Taken { known_before, must_commit: true, ..Taken::default() };
                for (seq, message, _) in frame.messages().skip(skip) {
                    let read = self.read(from, seq, message);
                    // Only what no core hears can be a change of key, so the usual message is read once.
                    let change = read.as_ref().err().and_then(|_| key_change::decode(message, from, self.own, seq));
                    let changed = change.map(|change| self.believe(from, &frame, seq, &change?, position, batch));
                    match changed {
                        None => taken.messages.push((seq, read)),
                        Some(Ok(record)) => taken.key_changed = Some(record),
                        Some(Err(why)) => taken.messages.push((seq, Err(why))),
                    }
                }
                self.metrics.messages_taken.inc_by(u64::try_from(taken.messages.len()).unwrap_or_default());
                Ok(taken)
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
                Ok(Taken { must_commit, ..Taken::default() })
            }
            Verdict::Gap { expected } => {
                self.metrics.frames_beyond_gap.inc();
                let why = format!("it begins at {}, expected is {expected}", frame.preamble().first());
                let taken = self.refused(batch, at, from, "gap", &why, bytes);
                Ok(Taken { must_commit: must_commit || taken.must_commit, ..taken })
            }
            Verdict::Nothing | Verdict::Unverified | Verdict::NotYet | Verdict::Frozen => {
                Ok(Taken { must_commit, ..Taken::default() })
            }
        }
    }

    /// Drops a frame and keeps it as evidence, if there is room.
    fn refused(&mut self, batch: &mut Batch, at: i64, from: Party, reason: &str, why: &str, bytes: &Bytes) -> Taken {
        let kept = Arc::make_mut(&mut self.evidence).refused(batch, at, from, reason, why, bytes);
        match kept {
            Some(KEPT_A_DAY) => {
                tracing::warn!(partner = %from, reason, why, "a frame is refused; more of this reason are only counted today");
            }
            Some(_) => tracing::warn!(partner = %from, reason, why, "a frame is refused"),
            None => drop(self.metrics.evidence_dropped.inc()),
        }
        Taken { must_commit: kept.is_some(), ..Taken::default() }
    }

    fn read(&self, from: Party, seq: u64, bytes: &[u8]) -> Result<Received, Unreadable> {
        let received = decode(bytes, from, self.own)?;
        if received.seq != seq {
            let why = format!("it says number {}, the channel says {seq}", received.seq);
            return Err(Unreadable::Attribute { attribute: "id", why });
        }
        Ok(received)
    }

    /// Takes in a partner's change of key, in force behind the frame that carries it.
    fn believe(
        &mut self,
        from: Party,
        frame: &Opened,
        seq: u64,
        change: &KeyChange,
        position: u64,
        batch: &mut Batch,
    ) -> Result<String, Unreadable> {
        if seq != frame.preamble().last() {
            return Err(unbelievable(&"it is not the last message of its frame"));
        }
        if let Some(link) = self.each.get_mut(&from) {
            rings::take(Arc::make_mut(&mut link.rings), change, from, seq.saturating_add(1), position, batch)?;
        }
        tracing::info!(partner = %from, key = %change.new_key, "the partner signs with another key from now on");
        Ok(json!({ "seq": seq, "replaces": change.old_key, "signing_key": change.new_key }).to_string())
    }

    /// A message that was taken before, from the stored frame.
    pub async fn read_again(&self, from: Party, seq: u64, store: &mut Store) -> Result<Option<Received>, StoreError> {
        let (Some(link), Some(bytes)) = (self.each.get(&from), store.frame_covering(Direction::In, from, seq).await?)
        else {
            return Ok(None);
        };
        let Ok(frame) = open(&bytes, &Limits::RECEIVE, &link.rings.theirs, from, self.own) else { return Ok(None) };
        let found = frame.messages().find(|(number, ..)| *number == seq);
        Ok(found.and_then(|(seq, message, _)| self.read(from, seq, message).ok()))
    }

    /// Numbers and signs what is to be said: the outbox rows of this commit. `Err`: a defect, in words.
    pub fn build(
        &mut self,
        messages: &BTreeMap<Party, Vec<Vec<u8>>>,
        position: u64,
        at: Moment,
        batch: &mut Batch,
    ) -> Result<BTreeMap<Party, Vec<BuiltFrame>>, String> {
        let mut built = BTreeMap::new();
        for (partner, messages) in messages {
            let Some(link) = self.each.get_mut(partner) else { continue };
            built.insert(*partner, link.say(*partner, messages, &self.keys, position, batch)?);
        }
        if let Some(next) = self.next_key.take().and_then(|next| self.keys.of(&next)) {
            for (partner, link) in &mut self.each {
                // In a frame of its own, the last that the old key signs.
                let change = link.rings.statement(link.signer(&self.keys)?, next);
                let seq = link.channel.heads().sent.seq.saturating_add(1);
                let message = key_change::encode(change.clone(), self.own, *partner, seq, at);
                let message = message.map_err(|error| error.to_string())?;
                let frames = link.say(*partner, &[message], &self.keys, position, batch)?;
                let changed = Arc::make_mut(&mut link.rings);
                let taken = rings::take(changed, &change, self.own, seq.saturating_add(1), position, batch);
                taken.map_err(|refusal| refusal.to_string())?;
                built.entry(*partner).or_default().extend(frames);
            }
        }
        Ok(built)
    }

    /// Writes the heads if they differ from those committed before.
    pub fn save(&self, before: &Links, batch: &mut Batch) {
        let is_changed = |(partner, link): (&Party, &Link)| {
            before.each.get(partner).is_none_or(|old| old.channel.heads() != link.channel.heads())
        };
        if self.each.iter().any(is_changed) {
            // Heads are numbers and hashes: they always write as JSON.
            let heads = |link: &Link| serde_json::to_string(link.channel.heads()).unwrap_or_default();
            batch.channels(self.each.iter().map(|(partner, link)| (*partner, heads(link))));
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
                            if let Ok(frame) = open(&bytes, &Limits::RECEIVE, &link.rings.own, self.own, partner) {
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
                    Action::SendEmpty(empty) => {
                        let key = link.signer(&self.keys);
                        let built = key.and_then(|key| {
                            link.channel.empty_frame(empty, position, key).map_err(|error| error.to_string())
                        });
                        match built {
                            Ok(bytes) => {
                                self.metrics.frames_empty.inc();
                                publish(link, Bytes::from(bytes));
                            }
                            Err(error) => tracing::error!(%partner, error, "an empty frame cannot be built"),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Link {
    /// The key of ours that signs what is said next.
    fn signs_now(&self) -> &PublicKey {
        self.rings.own.in_force_at(self.channel.heads().sent.seq.saturating_add(1))
    }

    fn signer<'a>(&self, keys: &'a SigningKeys) -> Result<&'a SigningKey, String> {
        let key = self.signs_now();
        keys.of(key).ok_or_else(|| format!("no signing key file holds the key with id {}", key.id()))
    }

    /// The frames that carry these messages, in the outbox.
    fn say(
        &mut self,
        partner: Party,
        messages: &[Vec<u8>],
        keys: &SigningKeys,
        position: u64,
        batch: &mut Batch,
    ) -> Result<Vec<BuiltFrame>, String> {
        let key = self.signer(keys)?;
        let frames = self.channel.next_frames(position, messages, key).map_err(|refusal| refusal.to_string())?;
        for frame in &frames {
            let FrameMeta { first, last, .. } = frame.meta;
            batch.put(&FRAME_OUT, frame_row(partner, first, last, position, frame.bytes.clone()));
        }
        Ok(frames)
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
pub(crate) fn incident_id(partner: Party) -> String {
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
