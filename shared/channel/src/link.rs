//! The volatile part of a channel: what is on the wire, which timers run, what to say next. A restart loses all of it and
//! nothing is lost by that.
//!
//! All times are milliseconds of the shell's monotonic clock.

use std::collections::VecDeque;

use crate::{
    frame::Limits,
    heads::{Head, Heads},
    state::FrameMeta,
};

/// The tunable quantities of a channel. [`Settings::default`] is what DESIGN.md's third idea names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How large the frames are that we build.
    pub limits: Limits,
    /// Bytes of frames on the wire without a receipt; at least one frame is always allowed.
    pub window_bytes: usize,
    /// Frames on the wire without a receipt.
    pub window_frames: usize,
    /// Time without progress before the first resend.
    pub resend_min_ms: u64,
    /// The longest time between two resends.
    pub resend_max_ms: u64,
    /// How long a receipt waits for a frame that could carry it.
    pub receipt_delay_ms: u64,
    /// Frames accepted without a receipt going out, before one goes out alone.
    pub receipt_after_frames: usize,
    /// Bytes accepted without a receipt going out, before one goes out alone.
    pub receipt_after_bytes: usize,
    /// The shortest time between two requests for missing messages, and between two answers to such requests.
    pub request_interval_ms: u64,
    /// How long a start waits for the partner's heads before it sends anything new; 0 does not wait.
    pub greeting_wait_ms: u64,
    /// Time before an unanswered greeting is repeated; doubles up to `resend_max_ms`.
    pub greeting_repeat_ms: u64,
    /// Silence after which we say where we stand.
    pub heartbeat_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::SEND,
            window_bytes: 4 * 1024 * 1024,
            window_frames: 1024,
            resend_min_ms: 2_000,
            resend_max_ms: 300_000,
            receipt_delay_ms: 100,
            receipt_after_frames: 32,
            receipt_after_bytes: 512 * 1024,
            request_interval_ms: 1_000,
            greeting_wait_ms: 1_000,
            greeting_repeat_ms: 2_000,
            heartbeat_ms: 30_000,
        }
    }
}

/// How many heads of accepted frames are kept at hand, so that an early duplicate needs no look into the store.
const RECENT_HEADS: usize = 64;

/// What a correct partner, asked by our present nonce, cannot stand behind: it had signed this much before we asked.
#[derive(Clone, Copy, Debug)]
pub struct Challenge {
    pub nonce: u64,
    pub receipted_seq: u64,
    pub received_seq: u64,
}

/// A greeting that nobody has answered yet.
#[derive(Clone, Copy, Debug)]
pub struct Greeting {
    pub next_at_ms: u64,
    pub interval_ms: u64,
}

/// What is to be said as soon as the present batch is committed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    pub answer: bool,
    pub request: bool,
    pub history_from: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Link {
    /// Set while we wait for the partner's heads after a start.
    pub wait_until_ms: Option<u64>,
    pub greeting: Option<Greeting>,
    pub challenge: Challenge,
    /// The nonce of the last greeting heard.
    pub echo: u64,
    /// Whether the partner, by the last frame heard, has frozen the channel.
    pub partner_frozen: bool,
    /// When a frame of the partner last held.
    pub heard_at_ms: Option<u64>,

    /// The last number handed to the network since the last rewind; never below `heads.receipted`.
    pub wire_seq: u64,
    pub in_flight: VecDeque<FrameMeta>,
    pub in_flight_bytes: usize,
    /// When to resend unless a receipt makes progress before; set while anything is unreceipted.
    pub resend_at_ms: Option<u64>,
    pub resend_after_ms: u64,
    /// After a resend without progress only one frame is sent: a partner that is gone needs no more to be found.
    pub probing: bool,
    pub rewound_at_ms: Option<u64>,

    pub receipt_due_at_ms: Option<u64>,
    pub unreceipted_frames: usize,
    pub unreceipted_bytes: usize,
    pub requested_at_ms: Option<u64>,
    pub history_at_ms: Option<u64>,
    pub last_sent_at_ms: u64,
    pub recent: VecDeque<Head>,
    pub wishes: Wishes,
}

impl Link {
    pub fn new(settings: &Settings, heads: &Heads, session: u64, now_ms: u64) -> Self {
        Self {
            wait_until_ms: Some(now_ms.saturating_add(settings.greeting_wait_ms)),
            greeting: Some(Greeting { next_at_ms: now_ms, interval_ms: settings.greeting_repeat_ms }),
            challenge: Challenge {
                nonce: session.max(1),
                receipted_seq: heads.receipted.seq,
                received_seq: heads.received.seq,
            },
            echo: 0,
            partner_frozen: false,
            heard_at_ms: None,
            wire_seq: heads.receipted.seq,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            resend_at_ms: None,
            resend_after_ms: settings.resend_min_ms,
            probing: false,
            rewound_at_ms: None,
            receipt_due_at_ms: None,
            unreceipted_frames: 0,
            unreceipted_bytes: 0,
            requested_at_ms: None,
            history_at_ms: None,
            last_sent_at_ms: now_ms,
            recent: VecDeque::new(),
            wishes: Wishes::default(),
        }
    }

    /// A new nonce, remembering what the partner had signed when it was made.
    pub fn challenge_anew(&mut self, heads: &Heads) {
        self.challenge = Challenge {
            nonce: self.challenge.nonce.wrapping_add(1).max(1),
            receipted_seq: heads.receipted.seq,
            received_seq: heads.received.seq,
        };
    }

    pub fn remember_received(&mut self, head: Head) {
        if self.recent.len() == RECENT_HEADS {
            self.recent.pop_front();
        }
        self.recent.push_back(head);
    }

    /// Bytes that may still go onto the wire; `None` when not even one more frame may.
    pub fn room(&self, settings: &Settings) -> Option<usize> {
        if self.in_flight.is_empty() {
            return Some(if self.probing { 0 } else { settings.window_bytes });
        }
        if self.probing || self.in_flight.len() >= settings.window_frames {
            return None;
        }
        settings.window_bytes.checked_sub(self.in_flight_bytes).filter(|room| *room > 0)
    }

    /// A frame went out.
    pub fn put_in_flight(&mut self, meta: FrameMeta) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_add(meta.bytes);
        self.wire_seq = meta.last;
        self.in_flight.push_back(meta);
    }

    /// The partner has everything up to `seq`.
    pub fn drain(&mut self, seq: u64) {
        while let Some(meta) = self.in_flight.front().copied().filter(|meta| meta.last <= seq) {
            self.in_flight.pop_front();
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(meta.bytes);
        }
        self.wire_seq = self.wire_seq.max(seq);
    }

    /// Begin again behind `seq`.
    pub fn rewind(&mut self, seq: u64, now_ms: u64) {
        self.in_flight.clear();
        self.in_flight_bytes = 0;
        self.wire_seq = seq;
        self.rewound_at_ms = Some(now_ms);
    }

    pub fn receipt_went_out(&mut self) {
        self.receipt_due_at_ms = None;
        self.unreceipted_frames = 0;
        self.unreceipted_bytes = 0;
    }
}

/// Whether `interval_ms` has passed since `last_ms`, or there was no last time.
pub fn is_due(last_ms: Option<u64>, interval_ms: u64, now_ms: u64) -> bool {
    last_ms.is_none_or(|last| now_ms >= last.saturating_add(interval_ms))
}
