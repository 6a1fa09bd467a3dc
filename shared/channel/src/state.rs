//! One side of the conversation with one partner: what a frame means, what to say next, and when to stop talking.
//!
//! Nothing here is sent, stored or waited for. Sends come out only of [`Channel::on_committed`], [`Channel::on_tick`] and
//! [`Channel::start`], never of reading a frame: so nothing can be receipted or answered before its commit.
//!
//! # Who notices what
//! A contradiction freezes the channel ([`Freeze`]). Each rule holds under loss, doubling, delay and replay, because it rests
//! only on what a correct partner can never have signed:
//!
//! - a receipt above what we numbered, or knowledge of a receipt of ours above what we hold: *we* are an old copy;
//! - another hash than ours under a number of ours that it receipts;
//! - another hash at or below our watermark of its log;
//! - an answer to our *present* nonce that stands behind what it had signed when we made that nonce: *it* is an old copy. An
//!   old greeting, replayed, echoes an old nonce and proves nothing.

use domain::Party;

use crate::{
    frame::{Header, Opened, Preamble, Purpose, SealRefusal, frame_bytes, seal},
    hash::ChainHash,
    heads::{Freeze, Head, Heads, Resolution, TwoPersons, UnfreezeRefusal, Unfrozen},
    keys::SigningKey,
    link::{Greeting, Link, Settings, is_due},
};

/// What the outbox must know of a numbered frame beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMeta {
    /// Number of its first message.
    pub first: u64,
    /// Number of its last message.
    pub last: u64,
    /// Chain hash after its last message.
    pub after: ChainHash,
    /// Size of the whole frame.
    pub bytes: usize,
    /// The receipt it carries: the number of the partner's last message in custody.
    pub receipt_seq: u64,
}

/// A numbered frame for the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltFrame {
    /// The exact bytes, to be stored, sent, and sent again.
    pub bytes: Vec<u8>,
    /// What to store beside them.
    pub meta: FrameMeta,
}

/// Why messages get no numbers now. Ordered by precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NumberRefusal {
    /// The channel is frozen: keep the messages, unnumbered, until it is not.
    #[error("the channel is frozen")]
    Frozen,
    /// After a start the partner's heads are awaited: numbers given now might have been given before.
    #[error("the channel waits for the partner's heads")]
    Greeting,
    /// A message does not fit into a frame.
    #[error("message {index} has {bytes} bytes, {limit} fit into a frame")]
    MessageTooLarge {
        /// Counted from 0 in what was given.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The largest that fits.
        limit: usize,
    },
    /// A frame could not be built of them.
    #[error(transparent)]
    Seal(SealRefusal),
}

/// What the shell must look up before a frame can be judged; usually nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Needs {
    /// The chain hash of the partner's log at this number: from the accepted frame that covers it ([`Opened::hash_at`]).
    pub inbound_seq: Option<u64>,
    /// The chain hash of our log at this number: from the outbox or journal.
    pub outbound_seq: Option<u64>,
}

/// The answers to [`Needs`]. `None` where nothing was needed or nothing was found; then nothing is concluded from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Known {
    /// The chain hash of the partner's log.
    pub inbound: Option<ChainHash>,
    /// The chain hash of our log.
    pub outbound: Option<ChainHash>,
}

/// What a frame turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It extends the log: deliver its messages but the first `skip`, and store the frame, in the commit that stores the heads.
    Accept {
        /// Messages at its beginning that we already have, with the same hash.
        skip: usize,
    },
    /// We have all of it, with the same hash. A receipt will go out.
    Duplicate,
    /// It carries no message; its receipt and the like have been taken in.
    Nothing,
    /// Messages before it are missing: dropped. They are asked for, or the sender resends them.
    Gap {
        /// The number we wait for.
        expected: u64,
    },
    /// It lies below the watermark and nothing was found to compare it with: dropped.
    Unverified,
    /// It may extend the log, but we wait for the partner's heads after a start: dropped; the sender resends it.
    NotYet,
    /// It contradicts what was signed before: the channel is frozen now. Keep this frame, and the stored one it contradicts, as
    /// evidence, and call two persons.
    Froze(Freeze),
    /// The channel was frozen before: dropped.
    Frozen,
}

/// What to send. All of it is committed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Publish these frames, which were just committed and are at hand.
    Publish {
        /// How many of the frames given to [`Channel::on_committed`], from the first.
        frames: usize,
    },
    /// Load committed frames in order from the outbox, beginning with the one that covers `first`, up to `max_bytes` in all but
    /// at least one; publish them and call [`Channel::on_sent`], also with none, before the next event.
    Send {
        /// The first number to be sent.
        first: u64,
        /// Bytes of frames in all.
        max_bytes: usize,
    },
    /// Load frames that the partner receipted long ago, from the one that covers `first`, up to `max_bytes` in all but at least
    /// one, and publish them. No call back: they count nowhere.
    SendHistory {
        /// The first number to be sent.
        first: u64,
        /// Bytes of frames in all.
        max_bytes: usize,
    },
    /// Build an empty frame with [`Channel::empty_frame`] and publish it.
    SendEmpty(Empty),
}

/// The kinds of empty frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// Asks for the partner's heads.
    Greeting,
    /// Gives ours.
    Answer,
    /// Says what we have in custody.
    Receipt,
    /// Asks for messages from `wanted` on.
    Request {
        /// The first number to be sent again, at most the watermark + 1.
        wanted: u64,
    },
}

/// Where a channel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// After a start, until the partner has shown its heads or `until_ms` has come: nothing new is numbered or accepted.
    Greeting {
        /// On the shell's monotonic clock.
        until_ms: u64,
    },
    /// Messages pass.
    Open,
    /// Nothing numbered passes until two persons have decided.
    Frozen,
}

/// One organisation's side of the channel with one partner. A shell works on a clone and puts it in place after the commit.
#[derive(Clone, Debug)]
pub struct Channel {
    settings: Settings,
    us: Party,
    partner: Party,
    heads: Heads,
    link: Link,
}

impl Channel {
    /// A channel after a start, with the heads from the database, and what to send at once: a greeting.
    ///
    /// `session` is a random number, new at each start: answers to an earlier start must not pass for answers to this one.
    pub fn start(
        settings: Settings,
        us: Party,
        partner: Party,
        heads: Heads,
        session: u64,
        now_ms: u64,
    ) -> (Self, Vec<Action>) {
        let link = Link::new(&settings, &heads, session, now_ms);
        let mut channel = Self { settings, us, partner, heads, link };
        let actions = channel.on_tick(now_ms);
        (channel, actions)
    }

    /// The durable part, to be committed whenever it differs from what is stored.
    pub const fn heads(&self) -> &Heads {
        &self.heads
    }

    /// The other side.
    pub const fn partner(&self) -> Party {
        self.partner
    }

    /// Where the channel stands.
    pub const fn phase(&self) -> Phase {
        match (&self.heads.frozen, self.link.wait_until_ms) {
            (Some(_), _) => Phase::Frozen,
            (None, Some(until_ms)) => Phase::Greeting { until_ms },
            (None, None) => Phase::Open,
        }
    }

    /// Whether the partner has receipted everything we numbered.
    pub const fn is_settled(&self) -> bool {
        self.heads.sent.seq == self.heads.receipted.seq
    }

    /// Whether the partner, by the last frame heard, has frozen its side. For display: an old frame may say so too.
    pub const fn partner_is_frozen(&self) -> bool {
        self.link.partner_frozen
    }

    /// When a frame of the partner last held; `None` since the start.
    pub const fn heard_at_ms(&self) -> Option<u64> {
        self.link.heard_at_ms
    }

    /// Bytes of frames on the wire without a receipt.
    pub const fn in_flight_bytes(&self) -> usize {
        self.link.in_flight_bytes
    }

    /// What must be looked up for [`Channel::on_frame`] to judge this frame.
    pub fn needs(&self, frame: &Opened) -> Needs {
        let preamble = frame.preamble();
        let receipt = preamble.header.receipt.seq;
        let inbound = preamble.last() < self.heads.received.seq && self.inbound_hash(preamble.last()).is_none();
        // An older receipt concludes nothing, unless it answers our present nonce.
        let counts = receipt > self.heads.receipted.seq || self.is_fresh(preamble);
        let outbound = counts && receipt <= self.heads.sent.seq && self.outbound_hash(receipt).is_none();
        Needs { inbound_seq: inbound.then(|| preamble.last()), outbound_seq: outbound.then_some(receipt) }
    }

    /// Takes in a frame of the partner: its receipt, its greeting or request, its messages. What it causes to be sent comes out
    /// of [`Channel::on_committed`].
    pub fn on_frame(&mut self, frame: &Opened, known: Known, now_ms: u64) -> Verdict {
        let preamble = frame.preamble();
        self.link.heard_at_ms = Some(now_ms);
        self.link.partner_frozen = preamble.header.frozen;
        if preamble.header.purpose == Purpose::Greeting {
            self.link.echo = preamble.header.nonce;
            self.link.wishes.answer = true;
        }
        if self.heads.frozen.is_some() {
            self.learn_more_while_frozen(preamble);
            return Verdict::Frozen;
        }
        if let Some(freeze) = self.contradiction(frame, known) {
            return self.freeze(freeze, now_ms);
        }
        self.take_receipt(preamble.header.receipt, known, now_ms);
        self.hear_from_lost_partner(now_ms);
        if self.is_fresh(preamble) {
            self.link.greeting = None;
            self.open(now_ms);
        } else {
            self.doubt(preamble, now_ms);
        }
        self.take_request(&preamble.header, now_ms);
        self.take_messages(frame, known, now_ms)
    }

    /// Gives the next numbers to `messages` and builds the frames that carry them, each with the receipt for everything
    /// accepted so far. One frame, or more where the limits demand. Commit them together with [`Channel::heads`].
    ///
    /// A [`crate::KeyChange`] must be the last message of its call; sign later calls with the new key.
    pub fn next_frames<M: AsRef<[u8]>>(
        &mut self,
        commit: u64,
        messages: &[M],
        key: &SigningKey,
    ) -> Result<Vec<BuiltFrame>, NumberRefusal> {
        match self.phase() {
            Phase::Frozen => return Err(NumberRefusal::Frozen),
            Phase::Greeting { .. } => return Err(NumberRefusal::Greeting),
            Phase::Open => {}
        }
        let limit = self.settings.limits.message_bytes();
        for (index, message) in messages.iter().enumerate() {
            let bytes = message.as_ref().len();
            if bytes > limit {
                return Err(NumberRefusal::MessageTooLarge { index, bytes, limit });
            }
        }
        let mut built = Vec::new();
        let mut sent = self.heads.sent;
        let mut rest = messages;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(self.fitting(rest));
            let mut header = self.header(Purpose::Messages, commit);
            header.before = sent;
            let sealed = seal(&header, now, key).map_err(NumberRefusal::Seal)?;
            let meta = FrameMeta {
                first: sent.seq.saturating_add(1),
                last: sealed.after.seq,
                after: sealed.after.hash,
                bytes: sealed.bytes.len(),
                receipt_seq: self.heads.received.seq,
            };
            built.push(BuiltFrame { bytes: sealed.bytes, meta });
            sent = sealed.after;
            rest = later;
        }
        self.heads.sent = sent;
        Ok(built)
    }

    /// Builds an empty frame of the committed state. `commit` is the journal's position.
    pub fn empty_frame(&self, empty: Empty, commit: u64, key: &SigningKey) -> Result<Vec<u8>, SealRefusal> {
        let purpose = match empty {
            Empty::Greeting => Purpose::Greeting,
            Empty::Answer => Purpose::Answer,
            Empty::Receipt => Purpose::Receipt,
            Empty::Request { .. } => Purpose::Request,
        };
        let mut header = self.header(purpose, commit);
        if let Empty::Request { wanted } = empty {
            header.wanted = wanted.clamp(1, self.heads.received.seq.saturating_add(1));
        }
        let no_messages: [&[u8]; 0] = [];
        seal(&header, &no_messages, key).map(|sealed| sealed.bytes)
    }

    /// After the commit of a batch, or after a batch that needed none: what to send now. `built` are the frames of the batch, in
    /// order. Those that [`Action::Publish`] names count as sent.
    pub fn on_committed(&mut self, built: &[FrameMeta], now_ms: u64) -> Vec<Action> {
        let mut frames = 0;
        for meta in built {
            // Behind frames that still wait for room, a new one must wait too.
            let next = self.link.wire_seq.saturating_add(1) == meta.first;
            let fits =
                self.link.room(&self.settings).is_some_and(|room| self.link.in_flight.is_empty() || meta.bytes <= room);
            if self.phase() != Phase::Open || !next || !fits {
                break;
            }
            self.put_on_wire(*meta, now_ms);
            frames += 1;
        }
        let mut actions = Vec::new();
        if frames > 0 {
            actions.push(Action::Publish { frames });
        }
        self.speak(&mut actions, now_ms);
        actions
    }

    /// The frames of an [`Action::Send`] went out. They follow one another without a gap.
    pub fn on_sent(&mut self, sent: &[FrameMeta], now_ms: u64) {
        for meta in sent {
            // A frame may begin below the wanted number; one that does not continue what is on the wire is not ours to count.
            let next = self.link.wire_seq.saturating_add(1);
            if (meta.first..=meta.last).contains(&next) {
                self.put_on_wire(*meta, now_ms);
            }
        }
    }

    /// Time has passed: what to send now.
    pub fn on_tick(&mut self, now_ms: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.link.wait_until_ms.is_some_and(|until| now_ms >= until) {
            self.open(now_ms);
        }
        if self.phase() == Phase::Open && self.link.resend_at_ms.is_some_and(|at| now_ms >= at) {
            self.link.rewind(self.heads.receipted.seq, now_ms);
            // The first resend repeats the whole window; the next ones look whether anybody is there.
            self.link.probing = self.link.resend_after_ms > self.settings.resend_min_ms;
            self.link.resend_after_ms = self.link.resend_after_ms.saturating_mul(2).min(self.settings.resend_max_ms);
            self.link.resend_at_ms = Some(now_ms.saturating_add(self.link.resend_after_ms));
        }
        self.speak(&mut actions, now_ms);
        actions
    }

    /// When [`Channel::on_tick`] has something to do at the latest.
    pub fn next_wake(&self) -> u64 {
        let heartbeat = self.link.last_sent_at_ms.saturating_add(self.settings.heartbeat_ms);
        let frozen = self.heads.frozen.is_some();
        let timers = [
            self.link.wait_until_ms.filter(|_| !frozen),
            self.link.greeting.map(|greeting| greeting.next_at_ms).filter(|_| !frozen),
            self.link.resend_at_ms.filter(|_| self.phase() == Phase::Open),
            self.link.receipt_due_at_ms.filter(|_| !frozen),
        ];
        timers.into_iter().flatten().fold(heartbeat, u64::min)
    }

    /// The transport is back after an outage: what is unreceipted is sent again at the next tick, without the back-off that
    /// the outage had built up.
    pub fn on_reconnected(&mut self, now_ms: u64) {
        self.link.resend_after_ms = self.settings.resend_min_ms;
        self.link.resend_at_ms = self.link.resend_at_ms.map(|_| now_ms);
        if let Some(greeting) = &mut self.link.greeting {
            *greeting = Greeting { next_at_ms: now_ms, interval_ms: self.settings.greeting_repeat_ms };
        }
    }

    /// Asks the partner for messages from `from_seq` on that we once receipted: an operator's repair of lost evidence. They
    /// come back as duplicates. The request is among the next actions.
    pub fn request_history(&mut self, from_seq: u64) {
        self.link.wishes.request_history_from = Some(from_seq);
    }

    /// Ends a freeze as two persons decided. Commit [`Channel::heads`] with the returned record, then carry out the
    /// actions of [`Channel::on_committed`]: the partner is greeted again before anything passes.
    ///
    /// The organisation whose database was an old copy resolves first; else its answers freeze the other side again.
    pub fn unfreeze(
        &mut self,
        resolution: Resolution,
        decided_by: TwoPersons,
        now_ms: u64,
    ) -> Result<Unfrozen, UnfreezeRefusal> {
        let (heads, cause) = self.heads.resolved(resolution)?;
        self.heads = heads;
        let nonce = self.link.challenge.nonce;
        let (echo, heard_at_ms, recent) =
            (self.link.echo, self.link.heard_at_ms, std::mem::take(&mut self.link.recent));
        self.link = Link::new(&self.settings, &self.heads, nonce, now_ms);
        self.link.echo = echo;
        self.link.heard_at_ms = heard_at_ms;
        self.link.recent = recent;
        Ok(Unfrozen { cause, resolution, decided_by })
    }
}

// Judging a frame.
impl Channel {
    /// What a correct partner cannot have signed if our state is whole; in this order, our own loss first.
    fn contradiction(&self, frame: &Opened, known: Known) -> Option<Freeze> {
        let preamble = frame.preamble();
        let Header { receipt, acknowledged, .. } = preamble.header;
        let heads = &self.heads;
        if receipt.seq > heads.sent.seq || acknowledged > heads.received.seq.max(heads.excused_seq) {
            return Some(Freeze::WeWereRestored { their_receipt: receipt, acknowledged });
        }
        let ours = self.outbound_hash(receipt.seq).or(known.outbound);
        if let Some(ours) = ours.filter(|ours| *ours != receipt.hash) {
            return Some(Freeze::ReceiptDiffers { their_receipt: receipt, ours });
        }
        // At the watermark itself where the frame reaches it, else at the frame's end.
        let (seq, theirs) = match frame.hash_at(heads.received.seq) {
            Some(theirs) => (heads.received.seq, theirs),
            None => (preamble.last(), preamble.after.hash),
        };
        if seq <= heads.received.seq {
            let ours = self.inbound_hash(seq).or(known.inbound);
            if let Some(ours) = ours.filter(|ours| *ours != theirs) {
                return Some(Freeze::Equivocation { seq, ours, theirs });
            }
        }
        let challenge = self.link.challenge;
        let behind = receipt.seq < challenge.receipted_seq || preamble.last() < challenge.received_seq;
        (self.is_fresh(preamble) && behind)
            .then_some(Freeze::PartnerWasRestored { their_sent: preamble.after, their_receipt: receipt })
    }

    fn freeze(&mut self, freeze: Freeze, now_ms: u64) -> Verdict {
        self.heads.frozen = Some(freeze.clone());
        self.link.greeting = None;
        self.link.resend_at_ms = None;
        // Tell the partner at once that this side has stopped.
        self.link.receipt_due_at_ms = Some(now_ms);
        Verdict::Froze(freeze)
    }

    /// A resolution adopts what the partner shows: the most it has shown, not the first.
    fn learn_more_while_frozen(&mut self, preamble: &Preamble) {
        if let Some(Freeze::WeWereRestored { their_receipt, acknowledged }) = &mut self.heads.frozen {
            if preamble.header.receipt.seq > their_receipt.seq {
                *their_receipt = preamble.header.receipt;
            }
            *acknowledged = preamble.header.acknowledged.max(*acknowledged);
        }
    }

    fn take_receipt(&mut self, receipt: Head, known: Known, now_ms: u64) {
        // A hash that nobody knows is no receipt: `contradiction` compared those that somebody knows.
        let verified = self.outbound_hash(receipt.seq).or(known.outbound).is_some();
        if !verified || receipt.seq <= self.heads.receipted.seq {
            return;
        }
        self.heads.receipted = receipt;
        self.link.drain(receipt.seq);
        self.link.probing = false;
        self.link.resend_after_ms = self.settings.resend_min_ms;
        self.link.resend_at_ms = None;
        self.arm_resend(now_ms);
    }

    /// A partner that was gone and speaks again need not wait for the end of a long back-off.
    fn hear_from_lost_partner(&mut self, now_ms: u64) {
        let rested = is_due(self.link.rewound_at_ms, self.settings.resend_min_ms, now_ms);
        if self.link.probing && rested && !self.link.partner_frozen {
            self.link.resend_at_ms = self.link.resend_at_ms.map(|at| at.min(now_ms));
        }
    }

    /// A side that greets, answers or has frozen and stands behind what it signed may be an old copy, or the frame may be old:
    /// only an answer to a new nonce can tell.
    fn doubt(&mut self, preamble: &Preamble, now_ms: u64) {
        let header = &preamble.header;
        let tells = matches!(header.purpose, Purpose::Greeting | Purpose::Answer | Purpose::Request) || header.frozen;
        let behind = header.receipt.seq < self.heads.receipted.seq || preamble.last() < self.heads.received.seq;
        if tells && behind && self.link.greeting.is_none() {
            self.link.greeting = Some(Greeting { next_at_ms: now_ms, interval_ms: self.settings.greeting_repeat_ms });
        }
    }

    fn take_request(&mut self, header: &Header, now_ms: u64) {
        if header.purpose != Purpose::Request {
            return;
        }
        if header.wanted <= header.receipt.seq {
            self.link.wishes.history_from = Some(header.wanted);
        } else if header.receipt == self.heads.receipted
            && self.link.wire_seq >= header.wanted
            && is_due(self.link.rewound_at_ms, self.settings.request_interval_ms, now_ms)
        {
            self.link.rewind(self.heads.receipted.seq, now_ms);
            self.link.probing = false;
        }
    }

    fn take_messages(&mut self, frame: &Opened, known: Known, now_ms: u64) -> Verdict {
        let preamble = frame.preamble();
        let received = self.heads.received;
        if !preamble.is_numbered() {
            // Receipts may overtake the frames they follow; a greeting's heads are worth a question.
            let shows_heads = matches!(preamble.header.purpose, Purpose::Greeting | Purpose::Answer);
            if shows_heads && preamble.last() > received.seq {
                self.link.wishes.request = true;
            }
            return Verdict::Nothing;
        }
        if preamble.header.before.seq > received.seq {
            self.link.wishes.request = true;
            return Verdict::Gap { expected: received.seq.saturating_add(1) };
        }
        if preamble.last() <= received.seq {
            self.receipt_due(frame.bytes().len(), now_ms);
            let verified = self.inbound_hash(preamble.last()).or(known.inbound).is_some();
            return if verified { Verdict::Duplicate } else { Verdict::Unverified };
        }
        if self.phase() != Phase::Open {
            return Verdict::NotYet;
        }
        // `contradiction` has compared the hash at the watermark, which this frame reaches or begins at.
        let skip = received.seq.saturating_sub(preamble.header.before.seq);
        self.heads.received = preamble.after;
        self.link.remember_received(preamble.after);
        self.receipt_due(frame.bytes().len(), now_ms);
        Verdict::Accept { skip: usize::try_from(skip).unwrap_or(usize::MAX) }
    }

    const fn is_fresh(&self, preamble: &Preamble) -> bool {
        preamble.header.echo == self.link.challenge.nonce
    }

    /// Our log's chain hash at `seq`, if it is at hand.
    fn outbound_hash(&self, seq: u64) -> Option<ChainHash> {
        let heads = [self.heads.sent, self.heads.receipted];
        let in_flight = self.link.in_flight.iter().map(|meta| Head { seq: meta.last, hash: meta.after });
        heads.into_iter().chain(in_flight).find(|head| head.seq == seq).map(|head| head.hash)
    }

    /// The partner's log's chain hash at `seq`, if it is at hand.
    fn inbound_hash(&self, seq: u64) -> Option<ChainHash> {
        let recent = self.link.recent.iter().rev().copied();
        [self.heads.received].into_iter().chain(recent).find(|head| head.seq == seq).map(|head| head.hash)
    }
}

// Saying what is to be said.
impl Channel {
    fn speak(&mut self, actions: &mut Vec<Action>, now_ms: u64) {
        let frozen = self.heads.frozen.is_some();
        let wishes = std::mem::take(&mut self.link.wishes);
        let mut empties = Vec::new();
        if wishes.answer {
            empties.push(Empty::Answer);
        }
        if !frozen {
            if let Some(greeting) = self.link.greeting.as_mut().filter(|greeting| now_ms >= greeting.next_at_ms) {
                greeting.next_at_ms = now_ms.saturating_add(greeting.interval_ms);
                greeting.interval_ms = greeting.interval_ms.saturating_mul(2).min(self.settings.resend_max_ms);
                self.link.challenge_anew(&self.heads);
                empties.push(Empty::Greeting);
            }
            let interval_ms = self.settings.request_interval_ms;
            if wishes.request && is_due(self.link.requested_at_ms, interval_ms, now_ms) {
                self.link.requested_at_ms = Some(now_ms);
                empties.push(Empty::Request { wanted: self.heads.received.seq.saturating_add(1) });
            }
            if let Some(wanted) = wishes.request_history_from {
                empties.push(Empty::Request { wanted });
            }
            let history = wishes.history_from.filter(|_| is_due(self.link.history_at_ms, interval_ms, now_ms));
            if let Some(first) = history {
                self.link.history_at_ms = Some(now_ms);
                actions.push(Action::SendHistory { first, max_bytes: self.settings.window_bytes });
            }
            self.fill_window(actions, now_ms);
        }
        let heartbeat_at_ms = self.link.last_sent_at_ms.saturating_add(self.settings.heartbeat_ms);
        let receipt_due = self.link.receipt_due_at_ms.is_some_and(|at| now_ms >= at);
        if empties.is_empty() && (receipt_due || now_ms >= heartbeat_at_ms) {
            empties.push(Empty::Receipt);
        }
        // Any empty frame carries the receipt.
        if !empties.is_empty() {
            self.link.receipt_went_out();
            self.link.last_sent_at_ms = now_ms;
        }
        actions.extend(empties.into_iter().map(Action::SendEmpty));
    }

    /// Asks the shell for what is committed but not on the wire, if there is room for a fair piece of it.
    fn fill_window(&mut self, actions: &mut Vec<Action>, now_ms: u64) {
        if self.phase() != Phase::Open || self.link.wire_seq >= self.heads.sent.seq {
            return;
        }
        let idle = self.link.in_flight.is_empty();
        let fair = self.settings.window_bytes / 2;
        if let Some(max_bytes) = self.link.room(&self.settings).filter(|room| idle || *room >= fair) {
            actions.push(Action::Send { first: self.link.wire_seq.saturating_add(1), max_bytes });
            self.arm_resend(now_ms);
        }
    }

    fn put_on_wire(&mut self, meta: FrameMeta, now_ms: u64) {
        self.link.put_in_flight(meta);
        self.link.last_sent_at_ms = now_ms;
        if meta.receipt_seq == self.heads.received.seq {
            self.link.receipt_went_out();
        }
        self.arm_resend(now_ms);
    }

    /// While anything is unreceipted the resend timer runs, whether or not a send succeeded.
    fn arm_resend(&mut self, now_ms: u64) {
        if self.heads.sent.seq > self.heads.receipted.seq && self.link.resend_at_ms.is_none() {
            self.link.resend_at_ms = Some(now_ms.saturating_add(self.link.resend_after_ms));
        }
    }

    fn open(&mut self, now_ms: u64) {
        if self.link.wait_until_ms.take().is_some() {
            self.arm_resend(now_ms);
        }
    }

    fn receipt_due(&mut self, bytes: usize, now_ms: u64) {
        self.link.unreceipted_frames = self.link.unreceipted_frames.saturating_add(1);
        self.link.unreceipted_bytes = self.link.unreceipted_bytes.saturating_add(bytes);
        let many = self.link.unreceipted_frames >= self.settings.receipt_after_frames
            || self.link.unreceipted_bytes >= self.settings.receipt_after_bytes;
        let due_ms = if many { now_ms } else { now_ms.saturating_add(self.settings.receipt_delay_ms) };
        self.link.receipt_due_at_ms = Some(self.link.receipt_due_at_ms.map_or(due_ms, |at| at.min(due_ms)));
    }

    const fn header(&self, purpose: Purpose, commit: u64) -> Header {
        Header {
            from: self.us,
            to: self.partner,
            purpose,
            frozen: self.heads.frozen.is_some(),
            commit,
            before: self.heads.sent,
            receipt: self.heads.received,
            acknowledged: self.heads.receipted.seq,
            nonce: self.link.challenge.nonce,
            echo: self.link.echo,
            wanted: 0,
        }
    }

    /// How many messages from the front fit into one frame; at least one, since each fits alone.
    fn fitting<M: AsRef<[u8]>>(&self, messages: &[M]) -> usize {
        let mut content = 0_usize;
        let mut count = 0_usize;
        for message in messages {
            content = content.saturating_add(message.as_ref().len());
            let full = count >= self.settings.limits.messages
                || frame_bytes(count.saturating_add(1), content) > self.settings.limits.frame_bytes;
            if full && count > 0 {
                break;
            }
            count = count.saturating_add(1);
        }
        count
    }
}
