//! What one side of a channel must remember across a crash: how far each direction has come, and whether it is frozen.
//!
//! This is one database row per partner, committed together with what was delivered and what was sent. It holds no message
//! and no timer: messages stand in the journal and the outbox, timers begin anew at each start.

use serde::{Deserialize, Serialize};

use crate::hash::ChainHash;

/// A place in one direction's log: the number of a message and the chain hash after it. Number 0 is the genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the last message included; 0 when there is none.
    pub seq: u64,
    /// The chain hash after that message.
    pub hash: ChainHash,
}

/// The durable part of a channel with one partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// The last message we numbered for the partner.
    pub sent: Head,
    /// The last of them that the partner has receipted: verified and stored there.
    pub receipted: Head,
    /// The last message of the partner that we have in custody: the watermark.
    pub received: Head,
    /// Up to here two persons have accepted that we once receipted what we no longer hold; see [`Freeze::WeWereRestored`].
    pub excused_seq: u64,
    /// The first of our numbers that was given without the partner having shown its heads since the start. Should the partner
    /// turn out to hold other messages under our numbers, ours from here on are another history than the one it signed for. To
    /// be committed at once when it changes: a copy made later must not take what has arrived since for unheard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheard_from: Option<u64>,
    /// Set when nothing numbered may pass in either direction until two persons have decided.
    pub frozen: Option<Freeze>,
}

impl Heads {
    /// The heads of a channel on which nothing was said yet. `outbound` is the genesis of our log to the partner, `inbound` of
    /// the partner's to us.
    pub const fn at_genesis(outbound: ChainHash, inbound: ChainHash) -> Self {
        let nothing_sent = Head { seq: 0, hash: outbound };
        let nothing_received = Head { seq: 0, hash: inbound };
        Self {
            sent: nothing_sent,
            receipted: nothing_sent,
            received: nothing_received,
            excused_seq: 0,
            unheard_from: None,
            frozen: None,
        }
    }
}

/// Why a channel is frozen: a contradiction that no message can heal, with what is needed to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Freeze {
    /// The partner holds our signature under numbers we do not know, or our receipt for messages we do not hold: our database
    /// is an old copy.
    #[error(
        "we were restored from an old copy: the partner receipted our message {} and holds our receipt for its message \
         {acknowledged}",
        .their_receipt.seq
    )]
    WeWereRestored {
        /// The partner's receipt for our messages.
        their_receipt: Head,
        /// The last of its messages for which it holds our receipt.
        acknowledged: u64,
    },
    /// The partner receipted one of our numbers with another hash than ours: it holds other bytes under it, signed by us before
    /// we were restored, or it lies.
    #[error("the partner receipted our message {} with hash {}, ours is {ours}", .their_receipt.seq, .their_receipt.hash)]
    ReceiptDiffers {
        /// The partner's receipt.
        their_receipt: Head,
        /// Our chain hash at that number.
        ours: ChainHash,
    },
    /// The partner signed two different histories up to one number. Both signed frames are evidence.
    #[error("the partner signed two histories of its messages up to {seq}: first {ours}, now {theirs}")]
    Equivocation {
        /// The number at which the two differ at the latest.
        seq: u64,
        /// The chain hash of what we accepted.
        ours: ChainHash,
        /// The chain hash that the new frame claims.
        theirs: ChainHash,
    },
    /// The partner, asked just now, stands behind what it had signed before: its database is an old copy.
    #[error(
        "the partner was restored from an old copy: it knows of {} messages it sent and {} it received",
        .their_sent.seq, .their_receipt.seq
    )]
    PartnerWasRestored {
        /// The last message that the partner now believes it sent.
        their_sent: Head,
        /// The last of our messages that the partner now believes it received.
        their_receipt: Head,
    },
}

/// What two persons decide about a frozen channel. The organisation that was restored goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Our heads stand; go on from them. For an equivocation that the partner has put right, or a partner that has adopted our
    /// receipt.
    KeepOurHeads,
    /// We go on numbering after the last of our messages that the partner receipted, and let it resend what we lost. What we
    /// said in between is known only to the partner: reconciling it is the persons' work. What we have numbered meanwhile on
    /// another history ([`Unfrozen::forked_above`]) the partner will never take: the caller takes it out of the outbox, keeps it
    /// as evidence, and tells people, since only they can judge whether it still holds against what the partner has.
    AdoptTheirReceipt,
    /// The partner lost messages that it had receipted: send it everything after the head it shows now.
    ResendToPartner,
}

/// How a freeze ended: for the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unfrozen {
    /// What had frozen the channel.
    pub cause: Freeze,
    /// What was decided.
    pub resolution: Resolution,
    /// Our messages above this number were said on another history than the one that is adopted; none if there are none. Their
    /// frames must leave the outbox in the commit that stores the heads: their numbers are given again.
    pub forked_above: Option<u64>,
    /// By whom.
    pub decided_by: TwoPersons,
}

/// The two persons of a decision, by their accounts; never one person twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TwoPersons {
    first: String,
    second: String,
}

impl TwoPersons {
    /// The pair, or `None` when a name is empty or both are the same.
    pub fn new(first: &str, second: &str) -> Option<Self> {
        let (first, second) = (first.trim(), second.trim());
        let two = !first.is_empty() && !second.is_empty() && first != second;
        two.then(|| Self { first: first.to_owned(), second: second.to_owned() })
    }

    /// Who decided first.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// Who agreed.
    pub fn second(&self) -> &str {
        &self.second
    }
}

/// Why a channel stays frozen. Ordered by precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum UnfreezeRefusal {
    /// There is nothing to decide.
    #[error("the channel is not frozen")]
    NotFrozen,
    /// The resolution does not answer the cause: there is no receipt to adopt, or the partner lost nothing we sent.
    #[error("this resolution does not fit the cause of the freeze")]
    DoesNotFit,
}

impl Heads {
    /// The partner's receipt that these persons may adopt, if the freeze shows one.
    pub(crate) const fn adoptable(&self) -> Option<Head> {
        match &self.frozen {
            Some(Freeze::WeWereRestored { their_receipt, .. } | Freeze::ReceiptDiffers { their_receipt, .. }) => {
                Some(*their_receipt)
            }
            _ => None,
        }
    }

    /// The heads after a resolution, and above which number what we have said is not on the history that they continue; the
    /// caller commits them. `ours` is our chain hash at the number of the receipt to adopt, if it is known. See [`Resolution`]
    /// for what each does.
    pub(crate) fn resolved(
        &self,
        resolution: Resolution,
        ours: Option<ChainHash>,
    ) -> Result<(Self, Freeze, Option<u64>), UnfreezeRefusal> {
        let Some(cause) = &self.frozen else {
            return Err(UnfreezeRefusal::NotFrozen);
        };
        let mut heads = self.clone();
        heads.frozen = None;
        let mut forked_above = None;
        match (resolution, cause) {
            (Resolution::KeepOurHeads, Freeze::WeWereRestored { their_receipt, acknowledged }) => {
                // Our numbers would be used twice: only when the partner has no more of ours than we have do ours stand.
                if their_receipt.seq > heads.sent.seq {
                    return Err(UnfreezeRefusal::DoesNotFit);
                }
                heads.excused_seq = heads.excused_seq.max(*acknowledged);
            }
            (Resolution::KeepOurHeads, _) => {}
            (Resolution::AdoptTheirReceipt, Freeze::WeWereRestored { their_receipt, acknowledged }) => {
                forked_above = heads.adopt(*their_receipt, ours);
                heads.excused_seq = heads.excused_seq.max(*acknowledged);
            }
            (Resolution::AdoptTheirReceipt, Freeze::ReceiptDiffers { their_receipt, ours }) => {
                forked_above = heads.adopt(*their_receipt, Some(*ours));
            }
            (Resolution::ResendToPartner, Freeze::PartnerWasRestored { their_receipt, .. })
                if their_receipt.seq < heads.receipted.seq =>
            {
                heads.receipted = *their_receipt;
            }
            (Resolution::AdoptTheirReceipt | Resolution::ResendToPartner, _) => {
                return Err(UnfreezeRefusal::DoesNotFit);
            }
        }
        Ok((heads, cause.clone(), forked_above))
    }

    /// Goes on after `theirs`, unless our own history holds it. Returns the number above which ours left the adopted one.
    fn adopt(&mut self, theirs: Head, ours: Option<ChainHash>) -> Option<u64> {
        let is_known = theirs.seq <= self.sent.seq
            && match ours {
                Some(ours) => ours == theirs.hash,
                // Older than a receipt that was compared with our log, and nothing to compare it with any more.
                None => theirs.seq <= self.receipted.seq,
            };
        if is_known {
            return None;
        }
        // What stood in the copy was said before it was made, so the partner's history has it too. What was said unheard has
        // not; and where the hashes differ at a number, the two have parted below it: at the last receipt for all we know.
        let unheard = self.unheard_from.map(|first| first.saturating_sub(1).max(self.receipted.seq));
        let common = match unheard {
            Some(before) => before,
            None if theirs.seq > self.sent.seq => self.sent.seq,
            None => self.receipted.seq,
        };
        let common = if theirs.seq > self.sent.seq { common } else { common.min(theirs.seq.saturating_sub(1)) };
        let is_forked = self.sent.seq > common;
        self.sent = theirs;
        self.receipted = theirs;
        self.unheard_from = None;
        is_forked.then_some(common)
    }
}
