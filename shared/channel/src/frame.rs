//! The wire format: one frame is `preamble || signature || body`.
//!
//! It believes nothing before the signature holds, parses no JSON, and hands out no message whose chain hash is not the one
//! signed. One set of facts has exactly one preamble, so there is nothing to canonicalise.
//!
//! # Preamble
//! Binary, fixed order, integers big endian:
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 4 | magic, ASCII `NCFR` |
//! | 4 | 1 | version of this layout: 1 |
//! | 5 | 1 | signature algorithm: 1 = Ed25519 |
//! | 6 | 1 | sender: 1 union, 2 guarantor, 3 bank |
//! | 7 | 1 | receiver, likewise |
//! | 8 | 1 | purpose: 1 messages, 2 greeting, 3 answer to a greeting, 4 receipt (or heartbeat), 5 request |
//! | 9 | 1 | 1 if the sender has frozen the channel, else 0 |
//! | 10 | 8 | key id: the first 8 bytes of SHA-256(public key) |
//! | 18 | 8 | commit number of the sender at which the frame was built |
//! | 26 | 8 | first: number of the first message |
//! | 34 | 8 | last: number of the last message; in an empty frame first - 1, the last number the sender ever gave |
//! | 42 | 32 | chain hash before `first` |
//! | 74 | 32 | chain hash after `last`; in an empty frame equal to the one before |
//! | 106 | 8 | receipt: number of the last message of the other direction in the sender's custody |
//! | 114 | 32 | receipt: chain hash of the other direction at that number |
//! | 146 | 8 | acknowledged: number of the receiver's last receipt that the sender holds |
//! | 154 | 8 | nonce: the sender's present challenge, not 0 |
//! | 162 | 8 | echo: the nonce of the last greeting the sender heard, 0 if none |
//! | 170 | 8 | wanted: in a request the first number to be sent again (1 to receipt + 1), else 0 |
//! | 178 | 4 x n | length in bytes of each of the n = last - first + 1 messages, none of them 0 |
//!
//! Purpose 1 has n >= 1 and frozen 0; the others have n = 0.
//!
//! # Signature
//! 64 bytes, Ed25519 (RFC 8032), verified strictly, over `"nuanchuang/channel/frame/v1\0"` followed by the preamble's exact
//! bytes (lengths included). The key is the one in force at `first`; see [`crate::keys::KeyRing`].
//!
//! # Body
//! `[`, the messages joined by `,`, `]`, and nothing after it: a CloudEvents JSON batch if each message is a CloudEvent,
//! `[]` in an empty frame. Where each message begins and ends follows from the signed lengths alone.
//!
//! # Chain
//! `chain(0)` is the genesis ([`crate::hash::genesis`]); `chain(n) = SHA-256(chain(n-1) || n as u64 || length as u32 ||
//! message)`. The signed hash after `last` therefore covers every byte of every message up to it.

use std::ops::Range;

use domain::Party;

use crate::{
    hash::ChainHash,
    heads::Head,
    keys::{KeyId, KeyRing, SigningKey},
};

const MAGIC: [u8; 4] = *b"NCFR";
const VERSION: u8 = 1;
const ED25519: u8 = 1;
/// Keeps a signature over a frame from ever being one over anything else.
const SIGNATURE_PREFIX: &[u8] = b"nuanchuang/channel/frame/v1\0";
/// Bytes of a preamble without its list of lengths.
const FIXED_BYTES: usize = 178;
const SIGNATURE_BYTES: usize = 64;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Numbered messages.
    Messages,
    /// A side that has started, or doubts, asks for the other's heads and wants its nonce back.
    Greeting,
    /// The heads, with the greeting's nonce as echo.
    Answer,
    /// A receipt when nothing else goes out; also the heartbeat.
    Receipt,
    /// The sender misses messages from `wanted` on.
    Request,
}

impl Purpose {
    const fn code(self) -> u8 {
        match self {
            Self::Messages => 1,
            Self::Greeting => 2,
            Self::Answer => 3,
            Self::Receipt => 4,
            Self::Request => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Messages),
            2 => Some(Self::Greeting),
            3 => Some(Self::Answer),
            4 => Some(Self::Receipt),
            5 => Some(Self::Request),
            _ => None,
        }
    }
}

/// What a sender states beside its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The sender.
    pub from: Party,
    /// The receiver.
    pub to: Party,
    /// What the frame is for.
    pub purpose: Purpose,
    /// Whether the sender has frozen the channel.
    pub frozen: bool,
    /// The sender's commit at which the frame was built: its journal's position.
    pub commit: u64,
    /// The sender's log before this frame: the first message is numbered `before.seq + 1`.
    pub before: Head,
    /// How far the sender has the other direction in custody.
    pub receipt: Head,
    /// The receiver's last receipt that the sender holds.
    pub acknowledged: u64,
    /// The sender's present challenge.
    pub nonce: u64,
    /// The nonce of the last greeting the sender heard; 0 if none.
    pub echo: u64,
    /// In a request, the first number to be sent again; else 0.
    pub wanted: u64,
}

/// A header that was read from a frame, with what follows from the frame's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// What the sender states.
    pub header: Header,
    /// The key that signed.
    pub key: KeyId,
    /// The sender's log after this frame; in an empty frame equal to `header.before`.
    pub after: Head,
}

impl Preamble {
    /// The number of the first message; in an empty frame the next number to be given.
    pub const fn first(&self) -> u64 {
        // Opening a frame refuses a first number that does not fit.
        self.header.before.seq.saturating_add(1)
    }

    /// The number of the last message; in an empty frame the last number given.
    pub const fn last(&self) -> u64 {
        self.after.seq
    }

    /// Whether there are messages in it.
    pub fn is_numbered(&self) -> bool {
        self.header.purpose == Purpose::Messages
    }
}

/// How large a frame may be. Both sides of a channel hold the same limits, or the receiver larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole frame.
    pub frame_bytes: usize,
    /// Messages in a frame.
    pub messages: usize,
}

impl Limits {
    /// What a sender builds: 240 KiB, so that a frame with its transport headers stays below 256 KiB, and 512 messages.
    pub const SEND: Self = Self { frame_bytes: 240 * 1024, messages: 512 };
    /// What a receiver takes: 256 KiB and 4,096 messages.
    pub const RECEIVE: Self = Self { frame_bytes: 256 * 1024, messages: 4096 };

    /// The largest message that fits into a frame of its own, in bytes.
    pub const fn message_bytes(&self) -> usize {
        self.frame_bytes.saturating_sub(frame_bytes(1, 0))
    }
}

/// Bytes of a frame of `messages` messages with `content` bytes in all: preamble, signature, brackets, commas.
pub(crate) const fn frame_bytes(messages: usize, content: usize) -> usize {
    let lengths = messages.saturating_mul(4);
    let body = content.saturating_add(2).saturating_add(messages.saturating_sub(1));
    FIXED_BYTES.saturating_add(SIGNATURE_BYTES).saturating_add(lengths).saturating_add(body)
}

/// A frame ready for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The exact bytes, to be stored and sent, and sent again, as they are.
    pub bytes: Vec<u8>,
    /// The sender's log after this frame.
    pub after: Head,
}

/// Why a frame cannot be built. Ordered by precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum SealRefusal {
    /// Messages in an empty frame, none in a numbered one, or a numbered frame that calls itself frozen.
    #[error("the purpose of the frame does not fit its messages")]
    WrongPurpose,
    /// A message without a byte: the body would be no JSON.
    #[error("message {index} is empty")]
    EmptyMessage {
        /// Counted from 0 in what was given.
        index: usize,
    },
    /// A message of 4 GiB or more.
    #[error("message {index} is too large")]
    MessageTooLarge {
        /// Counted from 0 in what was given.
        index: usize,
    },
    /// The numbers of this direction have run out.
    #[error("there is no number left for the message")]
    NoNumberLeft,
}

/// Builds and signs one frame. It knows no limit of size: [`crate::Channel::next_frames`] cuts what is too much.
pub fn seal<M: AsRef<[u8]>>(header: &Header, messages: &[M], key: &SigningKey) -> Result<Sealed, SealRefusal> {
    let numbered = header.purpose == Purpose::Messages;
    if numbered == messages.is_empty() || (numbered && header.frozen) {
        return Err(SealRefusal::WrongPurpose);
    }
    let first = header.before.seq.checked_add(1).ok_or(SealRefusal::NoNumberLeft)?;
    let mut after = header.before;
    let mut lengths = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let message = message.as_ref();
        if message.is_empty() {
            return Err(SealRefusal::EmptyMessage { index });
        }
        let length = u32::try_from(message.len()).map_err(|_| SealRefusal::MessageTooLarge { index })?;
        let seq = after.seq.checked_add(1).ok_or(SealRefusal::NoNumberLeft)?;
        after = Head { seq, hash: after.hash.after(seq, length, message) };
        lengths.push(length);
    }
    let content = messages.iter().map(|message| message.as_ref().len()).sum();
    let mut bytes = Vec::with_capacity(frame_bytes(messages.len(), content));
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, ED25519, header.from.code(), header.to.code()]);
    bytes.extend_from_slice(&[header.purpose.code(), u8::from(header.frozen)]);
    bytes.extend_from_slice(key.id().as_bytes());
    for number in [header.commit, first, after.seq] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(header.before.hash.as_bytes());
    bytes.extend_from_slice(after.hash.as_bytes());
    bytes.extend_from_slice(&header.receipt.seq.to_be_bytes());
    bytes.extend_from_slice(header.receipt.hash.as_bytes());
    for number in [header.acknowledged, header.nonce, header.echo, header.wanted] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    for length in lengths {
        bytes.extend_from_slice(&length.to_be_bytes());
    }
    let signature = key.sign(&signed_bytes(&bytes));
    bytes.extend_from_slice(&signature);
    bytes.push(b'[');
    for (index, message) in messages.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(message.as_ref());
    }
    bytes.push(b']');
    Ok(Sealed { bytes, after })
}

/// Why a frame is dropped. Ordered by precedence: what is cheap to see, then who speaks, then what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum FrameRefusal {
    /// Larger than the limit; nothing of it was read.
    #[error("the frame has {bytes} bytes, {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not a frame, cut off in the preamble or the signature, or a preamble that no sender builds.
    #[error("not a frame: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A layout this build does not know.
    #[error("frame version {version} is not known here")]
    UnknownVersion {
        /// The version it names.
        version: u8,
    },
    /// A signature algorithm this build does not know.
    #[error("signature algorithm {algorithm} is not known here")]
    UnknownAlgorithm {
        /// The algorithm it names.
        algorithm: u8,
    },
    /// It does not say that it comes from the partner on whose channel it came.
    #[error("the frame's sender has code {code}, which is not this channel's partner")]
    WrongSender {
        /// The code it names.
        code: u8,
    },
    /// It is addressed to somebody else.
    #[error("the frame's receiver has code {code}, which is not us")]
    WrongReceiver {
        /// The code it names.
        code: u8,
    },
    /// It names a key that is not the partner's key in force at its first number.
    #[error("key {key} is not the sender's key in force at this number")]
    UnknownKey {
        /// The key it names.
        key: KeyId,
    },
    /// The signature is not that key's over this preamble.
    #[error("the signature does not hold")]
    BadSignature,
    /// The body is not as long as the signed lengths say: cut off, or with trailing bytes.
    #[error("the body has {actual} bytes, the signed lengths say {signed}")]
    LengthMismatch {
        /// Bytes of the body by the signed lengths.
        signed: usize,
        /// Bytes that are there.
        actual: usize,
    },
    /// A bracket or comma of the body stands elsewhere than the signed lengths say.
    #[error("the body is not a batch of messages of the signed lengths")]
    BrokenBatch,
    /// The messages are not those the signature covers.
    #[error("the messages do not give the signed chain hash")]
    ChainMismatch,
}

impl FrameRefusal {
    /// The reason without its particulars, e.g. `unknown_key`: what refusals are counted by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed { .. } => "malformed",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::UnknownAlgorithm { .. } => "unknown_algorithm",
            Self::WrongSender { .. } => "wrong_sender",
            Self::WrongReceiver { .. } => "wrong_receiver",
            Self::UnknownKey { .. } => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::LengthMismatch { .. } => "length_mismatch",
            Self::BrokenBatch => "broken_batch",
            Self::ChainMismatch => "chain_mismatch",
        }
    }
}

/// A frame whose signature and chain hash hold: what its sender said, beyond denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    bytes: Vec<u8>,
    preamble: Preamble,
    /// Where each message stands in `bytes`.
    ranges: Vec<Range<usize>>,
    /// The chain hash after each message.
    hashes: Vec<ChainHash>,
}

impl Opened {
    /// What the sender stated.
    pub const fn preamble(&self) -> &Preamble {
        &self.preamble
    }

    /// The frame's exact bytes, signature included: what is kept as evidence.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The messages in order: number, exact bytes, chain hash after it.
    pub fn messages(&self) -> impl Iterator<Item = (u64, &[u8], ChainHash)> {
        let numbers = self.preamble.first()..;
        let contents = self.ranges.iter().map(|range| self.bytes.get(range.clone()).unwrap_or_default());
        numbers.zip(contents).zip(&self.hashes).map(|((seq, content), hash)| (seq, content, *hash))
    }

    /// The chain hash at `seq`, if this frame states it: from the number before its first message to its last.
    pub fn hash_at(&self, seq: u64) -> Option<ChainHash> {
        let offset = seq.checked_sub(self.preamble.header.before.seq)?;
        match offset.checked_sub(1) {
            None => Some(self.preamble.header.before.hash),
            Some(index) => self.hashes.get(usize::try_from(index).ok()?).copied(),
        }
    }
}

/// Checks a frame that came on the channel `from` → `to`, whose sender has the keys of `ring`.
///
/// Size first, then the layout, then the addresses, then the signature; only then the body, whose chain hash is computed anew
/// and compared before anything is returned. It does not say whether the frame extends the log: [`crate::Channel`] does.
pub fn open(bytes: &[u8], limits: &Limits, ring: &KeyRing, from: Party, to: Party) -> Result<Opened, FrameRefusal> {
    if bytes.len() > limits.frame_bytes {
        return Err(FrameRefusal::TooLarge { bytes: bytes.len(), limit: limits.frame_bytes });
    }
    let layout = Layout::read(bytes, limits, from, to)?;
    let preamble = layout.preamble;
    let key = ring.in_force_at(preamble.first());
    if key.id() != preamble.key {
        return Err(FrameRefusal::UnknownKey { key: preamble.key });
    }
    if !key.verifies(&signed_bytes(layout.signed), &layout.signature) {
        return Err(FrameRefusal::BadSignature);
    }
    let (ranges, hashes) = read_body(bytes, &layout)?;
    Ok(Opened { bytes: bytes.to_vec(), preamble, ranges, hashes })
}

fn signed_bytes(preamble: &[u8]) -> Vec<u8> {
    [SIGNATURE_PREFIX, preamble].concat()
}

/// A frame's parts, read but not yet believed.
struct Layout<'a> {
    signed: &'a [u8],
    signature: [u8; SIGNATURE_BYTES],
    body: &'a [u8],
    preamble: Preamble,
    lengths: Vec<u32>,
}

impl<'a> Layout<'a> {
    fn read(bytes: &'a [u8], limits: &Limits, expected_from: Party, expected_to: Party) -> Result<Self, FrameRefusal> {
        let mut reader = Reader { rest: bytes };
        if reader.take()? != MAGIC {
            return Err(malformed("the magic bytes are missing"));
        }
        let version = reader.byte()?;
        if version != VERSION {
            return Err(FrameRefusal::UnknownVersion { version });
        }
        let algorithm = reader.byte()?;
        let sender = reader.byte()?;
        let receiver = reader.byte()?;
        let purpose = Purpose::from_code(reader.byte()?);
        let frozen = reader.byte()?;
        let key = KeyId::from_bytes(reader.take()?);
        let commit = reader.number()?;
        let first = reader.number()?;
        let last = reader.number()?;
        let before = reader.hash()?;
        let after = reader.hash()?;
        let receipt = Head { seq: reader.number()?, hash: reader.hash()? };
        let acknowledged = reader.number()?;
        let nonce = reader.number()?;
        let echo = reader.number()?;
        let wanted = reader.number()?;

        let purpose = purpose.ok_or(malformed("the purpose is unknown"))?;
        if frozen > 1 {
            return Err(malformed("the frozen mark is neither 0 nor 1"));
        }
        let count = last.checked_add(1).and_then(|end| end.checked_sub(first));
        let count = count.ok_or(malformed("the last number lies before the first"))?;
        let before_seq = first.checked_sub(1).ok_or(malformed("numbers begin at 1"))?;
        let header = Header {
            from: expected_from,
            to: expected_to,
            purpose,
            frozen: frozen == 1,
            commit,
            before: Head { seq: before_seq, hash: before },
            receipt,
            acknowledged,
            nonce,
            echo,
            wanted,
        };
        let after = Head { seq: last, hash: after };
        check_canonical(&header, after, count)?;
        let count = usize::try_from(count).ok().filter(|count| *count <= limits.messages);
        let count = count.ok_or(malformed("there are too many messages"))?;
        // Before room is made for them: a few bytes must not claim thousands of lengths.
        if reader.rest.len() / 4 < count {
            return Err(malformed("the frame is cut off"));
        }
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            let length = u32::from_be_bytes(reader.take()?);
            if length == 0 {
                return Err(malformed("a message has no bytes"));
            }
            lengths.push(length);
        }
        let signed = bytes.get(..bytes.len() - reader.rest.len()).unwrap_or_default();
        let signature = reader.take()?;
        if algorithm != ED25519 {
            return Err(FrameRefusal::UnknownAlgorithm { algorithm });
        }
        if sender != expected_from.code() {
            return Err(FrameRefusal::WrongSender { code: sender });
        }
        if receiver != expected_to.code() {
            return Err(FrameRefusal::WrongReceiver { code: receiver });
        }
        let preamble = Preamble { header, key, after };
        Ok(Self { signed, signature, body: reader.rest, preamble, lengths })
    }
}

/// One set of facts has one preamble: what a correct sender never writes is refused.
fn check_canonical(header: &Header, after: Head, count: u64) -> Result<(), FrameRefusal> {
    let numbered = header.purpose == Purpose::Messages;
    if numbered == (count == 0) {
        return Err(malformed("the purpose does not fit the number of messages"));
    }
    if numbered && header.frozen {
        return Err(malformed("a frozen channel carries no messages"));
    }
    if !numbered && header.before != after {
        return Err(malformed("an empty frame changes the chain hash"));
    }
    if header.nonce == 0 {
        return Err(malformed("the nonce is 0"));
    }
    let wanted = match header.purpose {
        Purpose::Request => (1..=header.receipt.seq.saturating_add(1)).contains(&header.wanted),
        _ => header.wanted == 0,
    };
    if !wanted {
        return Err(malformed("the wanted number does not fit"));
    }
    Ok(())
}

/// Finds the messages by the signed lengths and follows the chain through them.
fn read_body(bytes: &[u8], layout: &Layout<'_>) -> Result<(Vec<Range<usize>>, Vec<ChainHash>), FrameRefusal> {
    let content =
        layout.lengths.iter().try_fold(0_usize, |sum, length| sum.checked_add(usize::try_from(*length).ok()?));
    let signed = content.unwrap_or(usize::MAX).saturating_add(2).saturating_add(layout.lengths.len().saturating_sub(1));
    let actual = layout.body.len();
    if actual != signed {
        return Err(FrameRefusal::LengthMismatch { signed, actual });
    }
    let body_start = bytes.len() - actual;
    let mut ranges = Vec::with_capacity(layout.lengths.len());
    let mut hashes = Vec::with_capacity(layout.lengths.len());
    let mut head = layout.preamble.header.before;
    let mut position = 0;
    let mut separator = b'[';
    for length in &layout.lengths {
        expect_byte(layout.body, position, separator)?;
        let start = position + 1;
        let end = start + usize::try_from(*length).unwrap_or(usize::MAX);
        let message = layout.body.get(start..end).ok_or(FrameRefusal::BrokenBatch)?;
        let seq = head.seq.saturating_add(1);
        head = Head { seq, hash: head.hash.after(seq, *length, message) };
        ranges.push(body_start + start..body_start + end);
        hashes.push(head.hash);
        position = end;
        separator = b',';
    }
    if layout.lengths.is_empty() {
        expect_byte(layout.body, 0, b'[')?;
        position = 1;
    }
    expect_byte(layout.body, position, b']')?;
    if head != layout.preamble.after {
        return Err(FrameRefusal::ChainMismatch);
    }
    Ok((ranges, hashes))
}

fn expect_byte(body: &[u8], position: usize, expected: u8) -> Result<(), FrameRefusal> {
    if body.get(position) == Some(&expected) { Ok(()) } else { Err(FrameRefusal::BrokenBatch) }
}

const fn malformed(what: &'static str) -> FrameRefusal {
    FrameRefusal::Malformed { what }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FrameRefusal> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(malformed("the frame is cut off"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, FrameRefusal> {
        self.take().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u64, FrameRefusal> {
        self.take().map(u64::from_be_bytes)
    }

    fn hash(&mut self) -> Result<ChainHash, FrameRefusal> {
        self.take().map(ChainHash::from_bytes)
    }
}
