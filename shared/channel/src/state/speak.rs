//! What is to be said now: answers, greetings, requests, receipts, and what has room on the wire.

use super::{Action, Channel, Empty, FrameMeta, Phase};
use crate::{
    frame::{Header, Purpose, frame_bytes},
    link::is_due,
};

impl Channel {
    pub(super) fn speak(&mut self, actions: &mut Vec<Action>, now_ms: u64) {
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

    pub(super) fn put_on_wire(&mut self, meta: FrameMeta, now_ms: u64) {
        self.link.put_in_flight(meta);
        self.link.last_sent_at_ms = now_ms;
        if meta.receipt_seq == self.heads.received.seq {
            self.link.receipt_went_out();
        }
        self.arm_resend(now_ms);
    }

    /// While anything is unreceipted the resend timer runs, whether or not a send succeeded.
    pub(super) fn arm_resend(&mut self, now_ms: u64) {
        if self.heads.sent.seq > self.heads.receipted.seq && self.link.resend_at_ms.is_none() {
            self.link.resend_at_ms = Some(now_ms.saturating_add(self.link.resend_after_ms));
        }
    }

    pub(super) fn open(&mut self, now_ms: u64) {
        if self.link.wait_until_ms.take().is_some() {
            self.arm_resend(now_ms);
        }
    }

    pub(super) fn receipt_due(&mut self, bytes: usize, now_ms: u64) {
        self.link.unreceipted_frames = self.link.unreceipted_frames.saturating_add(1);
        self.link.unreceipted_bytes = self.link.unreceipted_bytes.saturating_add(bytes);
        let many = self.link.unreceipted_frames >= self.settings.receipt_after_frames
            || self.link.unreceipted_bytes >= self.settings.receipt_after_bytes;
        let due_ms = if many { now_ms } else { now_ms.saturating_add(self.settings.receipt_delay_ms) };
        self.link.receipt_due_at_ms = Some(self.link.receipt_due_at_ms.map_or(due_ms, |at| at.min(due_ms)));
    }

    pub(super) const fn header(&self, purpose: Purpose, commit: u64) -> Header {
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
    pub(super) fn fitting<M: AsRef<[u8]>>(&self, messages: &[M]) -> usize {
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
