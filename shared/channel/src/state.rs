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

mod judge;
mod speak;

use domain::Party;

use crate::{
    frame::{Opened, Purpose, SealRefusal, seal},
    hash::ChainHash,
    heads::{Freeze, Heads, Resolution, TwoPersons, UnfreezeRefusal, Unfrozen},
    keys::SigningKey,
    link::{Link, Settings},
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
            // It contradicts nothing of what we have said meanwhile, so there is one history.
            self.heads.unheard_from = None;
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
        if self.link.greeting.is_some() && !built.is_empty() {
            let first = self.heads.sent.seq.saturating_add(1);
            self.heads.unheard_from.get_or_insert(first);
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

    /// The number at which [`Channel::unfreeze`] has to know our log's chain hash: from the outbox, if it is there.
    pub fn needs_to_unfreeze(&self) -> Option<u64> {
        let seq = self.heads.adoptable()?.seq;
        (seq <= self.heads.sent.seq && self.outbound_hash(seq).is_none()).then_some(seq)
    }

    /// Ends a freeze as two persons decided; `outbound` answers [`Channel::needs_to_unfreeze`]. Commit [`Channel::heads`] with
    /// the returned record, and take what it says is forked out of the outbox; then carry out the actions of
    /// [`Channel::on_committed`]: the partner is greeted again before anything passes.
    ///
    /// The organisation whose database was an old copy resolves first; else its answers freeze the other side again.
    pub fn unfreeze(
        &mut self,
        resolution: Resolution,
        decided_by: TwoPersons,
        outbound: Option<ChainHash>,
        now_ms: u64,
    ) -> Result<Unfrozen, UnfreezeRefusal> {
        let ours = self.heads.adoptable().and_then(|receipt| self.outbound_hash(receipt.seq)).or(outbound);
        let (heads, cause, forked_above) = self.heads.resolved(resolution, ours)?;
        self.heads = heads;
        let nonce = self.link.challenge.nonce;
        let (echo, heard_at_ms, recent) =
            (self.link.echo, self.link.heard_at_ms, std::mem::take(&mut self.link.recent));
        self.link = Link::new(&self.settings, &self.heads, nonce, now_ms);
        self.link.echo = echo;
        self.link.heard_at_ms = heard_at_ms;
        self.link.recent = recent;
        Ok(Unfrozen { cause, resolution, forked_above, decided_by })
    }
}
