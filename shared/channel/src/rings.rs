//! Who signs on the channel between two: the keys of both sides, each from the number on from which it is in force.

use crate::{
    hash::{ChainHash, genesis},
    heads::Heads,
    keys::{KeyChange, KeyChangeRefusal, KeyRing, PublicKey, SigningKey},
};
use domain::Party;

/// The keys on the channel between two.
#[derive(Clone, Debug)]
pub struct Rings {
    us: Party,
    partner: Party,
    /// Ours, as the partner has to know them.
    pub own: KeyRing,
    /// The partner's.
    pub theirs: KeyRing,
    /// Where our log begins, and where the partner's does.
    outbound: ChainHash,
    inbound: ChainHash,
}

impl Rings {
    /// With the first keys of a pairing.
    pub fn new(
        (programme, environment): (&str, &str),
        (us, our_first): (Party, PublicKey),
        (partner, their_first): (Party, PublicKey),
    ) -> Self {
        let chain = |from, to, from_key, to_key| genesis(programme, environment, from, to, from_key, to_key);
        Rings {
            us,
            partner,
            own: KeyRing::new(our_first),
            theirs: KeyRing::new(their_first),
            outbound: chain(us, partner, &our_first, &their_first),
            inbound: chain(partner, us, &their_first, &our_first),
        }
    }

    /// The other side.
    pub const fn partner(&self) -> Party {
        self.partner
    }

    /// The heads before anything was said.
    pub const fn first_heads(&self) -> Heads {
        Heads::at_genesis(self.outbound, self.inbound)
    }

    /// The same channel before any change of key.
    #[must_use]
    pub fn at_first(&self) -> Self {
        Rings { own: KeyRing::new(*self.own.first()), theirs: KeyRing::new(*self.theirs.first()), ..self.clone() }
    }

    /// Takes in a change of one side's key, in force from that number on.
    ///
    /// # Errors
    /// It is not believed; nothing is changed.
    pub fn apply(&mut self, change: &KeyChange, signer: Party, from_seq: u64) -> Result<(), KeyChangeRefusal> {
        if signer == self.us {
            self.own.apply(change, &self.outbound, signer, from_seq)
        } else {
            self.theirs.apply(change, &self.inbound, signer, from_seq)
        }
    }

    /// A change to the statement that our log can carry.
    pub fn statement(&self, old: &SigningKey, new: &SigningKey) -> KeyChange {
        KeyChange::create(&self.outbound, self.us, old, new)
    }
}
