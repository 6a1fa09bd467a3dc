//! What a frame means: a contradiction, a receipt, a doubt, a request, messages. It sends nothing: it leaves wishes behind.

use super::{Channel, Known, Phase, Verdict};
use crate::{
    frame::{Header, Opened, Preamble, Purpose},
    hash::ChainHash,
    heads::{Freeze, Head},
    link::{Greeting, is_due},
};

impl Channel {
    /// What a correct partner cannot have signed if our state is whole; in this order, our own loss first.
    pub(super) fn contradiction(&self, frame: &Opened, known: Known) -> Option<Freeze> {
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

    pub(super) fn freeze(&mut self, freeze: Freeze, now_ms: u64) -> Verdict {
        self.heads.frozen = Some(freeze.clone());
        self.link.greeting = None;
        self.link.resend_at_ms = None;
        // Tell the partner at once that this side has stopped.
        self.link.receipt_due_at_ms = Some(now_ms);
        Verdict::Froze(freeze)
    }

    /// A resolution adopts what the partner shows: the most it has shown, not the first.
    pub(super) fn learn_more_while_frozen(&mut self, preamble: &Preamble) {
        let Header { receipt, acknowledged: shown, .. } = preamble.header;
        let held = self.heads.received.seq.max(self.heads.excused_seq);
        match &mut self.heads.frozen {
            Some(Freeze::WeWereRestored { their_receipt, acknowledged }) => {
                if receipt.seq > their_receipt.seq {
                    *their_receipt = receipt;
                }
                *acknowledged = shown.max(*acknowledged);
            }
            // The first that differed may have come in an old frame; adopted, it would freeze the channel again at once.
            Some(Freeze::ReceiptDiffers { their_receipt, .. }) if receipt.seq > their_receipt.seq || shown > held => {
                let most = if receipt.seq > their_receipt.seq { receipt } else { *their_receipt };
                self.heads.frozen = Some(Freeze::WeWereRestored { their_receipt: most, acknowledged: shown });
            }
            _ => {}
        }
    }

    pub(super) fn take_receipt(&mut self, receipt: Head, known: Known, now_ms: u64) {
        // A hash that nobody knows is no receipt: `contradiction` compared those that somebody knows.
        let verified = self.outbound_hash(receipt.seq).or(known.outbound).is_some();
        if !verified || receipt.seq <= self.heads.receipted.seq {
            return;
        }
        self.heads.receipted = receipt;
        if self.heads.unheard_from.is_some_and(|first| first <= receipt.seq) {
            // It has taken what was said unheard, with the same hash: there is one history.
            self.heads.unheard_from = None;
        }
        self.link.drain(receipt.seq);
        self.link.probing = false;
        self.link.resend_after_ms = self.settings.resend_min_ms;
        self.link.resend_at_ms = None;
        self.arm_resend(now_ms);
    }

    /// A partner that was gone and speaks again need not wait for the end of a long back-off.
    pub(super) fn hear_from_lost_partner(&mut self, now_ms: u64) {
        let rested = is_due(self.link.rewound_at_ms, self.settings.resend_min_ms, now_ms);
        if self.link.probing && rested && !self.link.partner_frozen {
            self.link.resend_at_ms = self.link.resend_at_ms.map(|at| at.min(now_ms));
        }
    }

    /// A side that greets, answers or has frozen and stands behind what it signed may be an old copy, or the frame may be old:
    /// only an answer to a new nonce can tell.
    pub(super) fn doubt(&mut self, preamble: &Preamble, now_ms: u64) {
        let header = &preamble.header;
        let tells = matches!(header.purpose, Purpose::Greeting | Purpose::Answer | Purpose::Request) || header.frozen;
        let behind = header.receipt.seq < self.heads.receipted.seq || preamble.last() < self.heads.received.seq;
        if tells && behind && self.link.greeting.is_none() {
            self.link.greeting = Some(Greeting { next_at_ms: now_ms, interval_ms: self.settings.greeting_repeat_ms });
        }
    }

    pub(super) fn take_request(&mut self, header: &Header, now_ms: u64) {
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

    pub(super) fn take_messages(&mut self, frame: &Opened, known: Known, now_ms: u64) -> Verdict {
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

    pub(super) const fn is_fresh(&self, preamble: &Preamble) -> bool {
        preamble.header.echo == self.link.challenge.nonce
    }

    /// Our log's chain hash at `seq`, if it is at hand.
    pub(super) fn outbound_hash(&self, seq: u64) -> Option<ChainHash> {
        let heads = [self.heads.sent, self.heads.receipted];
        let in_flight = self.link.in_flight.iter().map(|meta| Head { seq: meta.last, hash: meta.after });
        heads.into_iter().chain(in_flight).find(|head| head.seq == seq).map(|head| head.hash)
    }

    /// The partner's log's chain hash at `seq`, if it is at hand.
    pub(super) fn inbound_hash(&self, seq: u64) -> Option<ChainHash> {
        let recent = self.link.recent.iter().rev().copied();
        [self.heads.received].into_iter().chain(recent).find(|head| head.seq == seq).map(|head| head.hash)
    }
}
